# SPDX-License-Identifier: Apache-2.0
# Builds for 64-bit ARM Linux on another machine with GNU's cross compiler; tests run under qemu.
#
# The cross compiler brings the C library, which is all that the library needs. Where the
# environment variable LANEWISE_CROSS_ROOT names a folder into which arm64 packages were unpacked
# (dpkg -x), their features and the tests written in C are built too.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
find_program(lw_cross_cxx aarch64-linux-gnu-g++)
if(lw_cross_cxx)
  set(CMAKE_CXX_COMPILER ${lw_cross_cxx})
endif()

# Programs come from the host; headers, libraries and packages only from the target's folders. The
# architecture folder is where Debian puts libraries of another architecture.
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu $ENV{LANEWISE_CROSS_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(lw_cross_libraries "$ENV{LANEWISE_CROSS_ROOT}/usr/lib/aarch64-linux-gnu"
                       "$ENV{LANEWISE_CROSS_ROOT}/lib/aarch64-linux-gnu")
find_program(lw_qemu NAMES qemu-aarch64 qemu-aarch64-static)
if(lw_qemu)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${lw_qemu} -L /usr/aarch64-linux-gnu)
endif()
if(DEFINED ENV{LANEWISE_CROSS_ROOT})
  # Where the linker and the emulated loader find the libraries that libraries need.
  foreach(folder IN LISTS lw_cross_libraries)
    string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,-rpath-link,${folder}")
    string(APPEND CMAKE_SHARED_LINKER_FLAGS_INIT " -Wl,-rpath-link,${folder}")
  endforeach()
  list(JOIN lw_cross_libraries ":" lw_cross_path)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -E LD_LIBRARY_PATH=${lw_cross_path})
endif()
