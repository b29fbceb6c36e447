# SPDX-License-Identifier: Apache-2.0
# The language, the warnings and the code generation that every target of Lanewise shares.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -O1 keeps the tests of a debug build short; nothing of importance is optimised away at that level.
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "${CMAKE_C_FLAGS_DEBUG}")
set(CMAKE_CXX_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

# What all code of ours is compiled with; carried by a target, so that it cannot leak to users.
add_library(lw_compiler INTERFACE)
target_compile_definitions(lw_compiler INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
  target_compile_definitions(lw_compiler INTERFACE _FILE_OFFSET_BITS=64) # files beyond 2 GiB there too
endif()
target_include_directories(lw_compiler INTERFACE
  "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
# Neither errno behind sqrt() nor floating-point traps are used; giving them up lets loops vectorise
# and changes no result. Contraction is off so that all compilers round alike; kernels ask for fused
# multiply-adds by name (simd/vec.h). No -ffast-math: NaN and infinity must stay visible.
target_compile_options(lw_compiler INTERFACE
  -fno-math-errno -fno-trapping-math -ffp-contract=off
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<C_COMPILER_ID:Clang,AppleClang>:-Wno-pass-failed> # LW_UNROLL means: where every index is a constant
  $<$<BOOL:${LANEWISE_WERROR}>:-Werror>)
if(LANEWISE_DEBUG_MEMORY)
  target_compile_definitions(lw_compiler INTERFACE LW_DEBUG_MEMORY)
endif()

# Kernels parse nothing, and clang takes minutes for an instrumented one: fuzzers go without.
set(lw_instrumented 1)
if(LANEWISE_FUZZ)
  set(lw_instrumented $<NOT:$<BOOL:$<TARGET_PROPERTY:LW_KERNELS>>>)
endif()

if(LANEWISE_COVERAGE)
  # Counters are added to atomically: those of lines that several threads run would else be wrong.
  target_compile_options(lw_compiler INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(lw_compiler INTERFACE --coverage)
endif()

foreach(sanitizer IN LISTS LANEWISE_SANITIZE)
  if(NOT sanitizer MATCHES "^(address|undefined|thread)$")
    message(FATAL_ERROR "lanewise: LANEWISE_SANITIZE: expected address, undefined or thread, "
                        "got ${sanitizer}")
  endif()
  target_compile_options(lw_compiler INTERFACE
    $<${lw_instrumented}:-fsanitize=${sanitizer}> -fno-sanitize-recover=all)
  target_link_options(lw_compiler INTERFACE -fsanitize=${sanitizer})
endforeach()

# libFuzzer steers by which branches an input takes: every room has to count them.
if(LANEWISE_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "lanewise: LANEWISE_FUZZ: expected clang, which has libFuzzer, got "
                        "${CMAKE_C_COMPILER_ID}")
  endif()
  target_compile_options(lw_compiler INTERFACE $<${lw_instrumented}:-fsanitize=fuzzer-no-link>)
endif()

# For the source that is the baseline of every comparison: naive has to mean naive.
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  set(LW_NO_VECTORIZE_FLAGS -fno-vectorize -fno-slp-vectorize)
else()
  set(LW_NO_VECTORIZE_FLAGS -fno-tree-vectorize -fno-tree-slp-vectorize)
endif()
