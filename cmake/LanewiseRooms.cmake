# SPDX-License-Identifier: Apache-2.0
# The functions by which rooms, kernels, tests and benchmarks enter the build.

# Definitions LW_HAVE_AVX2 and the like: which kernel sets this build holds. Every room sees them.
add_library(lw_isa_definitions INTERFACE)

# Replaces the words zlib, deflate, png, jpeg, archive, cjson, sqlite and openmp by the targets that stand for them; a word
# whose library is missing vanishes, anything else stays.
function(lw_resolve_libraries result)
  set(resolved "")
  foreach(library IN LISTS ARGN)
    if(DEFINED LW_LIBRARIES_${library})
      list(APPEND resolved ${LW_LIBRARIES_${library}})
    else()
      list(APPEND resolved ${library})
    endif()
  endforeach()
  set(${result} "${resolved}" PARENT_SCOPE)
endfunction()

# lw_add_room(<room> SOURCES a.c b.c [LIBRARIES zlib png ...])
# One folder under src/ as the object library lw_<room>. All rooms together are the library; the
# room `cli` alone becomes the program.
function(lw_add_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  lw_resolve_libraries(libraries ${arg_LIBRARIES})
  add_library(lw_${room} OBJECT ${arg_SOURCES})
  target_compile_definitions(lw_${room} PRIVATE ${LW_FEATURE_DEFINITIONS})
  target_link_libraries(lw_${room} PRIVATE lw_compiler lw_isa_definitions ${libraries})
  if(room STREQUAL "cli")
    # The program finds its networks and studies in the source tree and where it is installed.
    target_compile_definitions(lw_cli PRIVATE
      LW_NETWORKS_DIR="${PROJECT_SOURCE_DIR}/networks"
      LW_INSTALLED_NETWORKS_DIR="${CMAKE_INSTALL_FULL_DATADIR}/lanewise/networks"
      LW_STUDIES_DIR="${PROJECT_SOURCE_DIR}/studies"
      LW_INSTALLED_STUDIES_DIR="${CMAKE_INSTALL_FULL_DATADIR}/lanewise/studies")
    set_property(GLOBAL APPEND PROPERTY LW_CLI_LIBRARIES ${libraries})
  else()
    set_property(GLOBAL APPEND PROPERTY LW_LIBRARY_OBJECTS lw_${room})
    set_property(GLOBAL APPEND PROPERTY LW_LIBRARY_LIBRARIES ${libraries})
  endif()
endfunction()

# The compiler flags of each instruction set, for lw_add_kernels(avx2 FLAGS ${LW_AVX2_FLAGS} ...).
set(LW_GENERIC_FLAGS "")
set(LW_AVX2_FLAGS -mavx2 -mfma -mbmi -mbmi2 -mlzcnt -mpopcnt)
set(LW_AVX512_FLAGS -mavx512f -mavx512bw -mavx512dq -mavx512vl ${LW_AVX2_FLAGS}
    -mprefer-vector-width=512)
set(LW_NEON_FLAGS "")

# Which kernel sets the processor we build for can hold.
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" lw_processor)
set(LW_ISAS generic)
if(lw_processor MATCHES "^(x86_64|amd64)$")
  list(APPEND LW_ISAS avx2 avx512)
elseif(lw_processor MATCHES "^(aarch64|arm64)$")
  list(APPEND LW_ISAS neon)
endif()
# Some of them are enough for a build that is slow to make; `generic` is always there.
foreach(isa IN LISTS LANEWISE_ISAS)
  if(NOT isa MATCHES "^(generic|avx2|avx512|neon)$")
    message(FATAL_ERROR "lanewise: LANEWISE_ISAS: expected some of generic, avx2, avx512 and neon, "
                        "got ${isa}")
  endif()
endforeach()
if(LANEWISE_ISAS)
  foreach(isa IN LISTS LW_ISAS)
    if(NOT isa IN_LIST LANEWISE_ISAS AND NOT isa STREQUAL "generic")
      list(REMOVE_ITEM LW_ISAS ${isa})
    endif()
  endforeach()
endif()

# lw_add_kernels(<isa> [FLAGS ...] SOURCES ...)
# The kernels of one instruction set as the object library lw_simd_<isa>, compiled with
# -DLW_ISA=<isa>. One source may be given to several sets. A set that the processor cannot have is
# skipped; the others define LW_HAVE_<ISA> for every room.
function(lw_add_kernels isa)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FLAGS;SOURCES")
  if(NOT isa IN_LIST LW_ISAS)
    return()
  endif()
  string(TOUPPER ${isa} upper)
  add_library(lw_simd_${isa} OBJECT ${arg_SOURCES})
  set_target_properties(lw_simd_${isa} PROPERTIES LW_KERNELS TRUE)
  target_compile_definitions(lw_simd_${isa} PRIVATE LW_ISA=${isa})
  target_compile_options(lw_simd_${isa} PRIVATE ${arg_FLAGS})
  target_link_libraries(lw_simd_${isa} PRIVATE lw_compiler lw_isa_definitions)
  target_compile_definitions(lw_isa_definitions INTERFACE LW_HAVE_${upper}=1)
  set_property(GLOBAL APPEND PROPERTY LW_LIBRARY_OBJECTS lw_simd_${isa})
endfunction()

# lw_add_test(NAME test_x SOURCES test_x.c
#             [ARGS ...] [LABELS ...] [LIBRARIES ...] [TIMEOUT seconds])
# A cmocka program. It sees the library's inside (static library, include roots src/ and the root),
# LW_SOURCE_DIR, and LW_PROGRAM where the program is built. Tests never fetch and have a cache
# folder of their own; LANEWISE_DATA_DIR reaches them as it is.
function(lw_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;ARGS;LABELS;LIBRARIES")
  if(NOT LW_HAVE_CMOCKA)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(LANEWISE_COVERAGE OR LANEWISE_SANITIZE) # several times slower
    math(EXPR arg_TIMEOUT "4 * ${arg_TIMEOUT}")
  endif()
  # An emulator is some twenty times slower.
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    math(EXPR arg_TIMEOUT "20 * ${arg_TIMEOUT}")
    set(circumstances LW_TESTS_ARE_EMULATED=1)
  endif()
  if(LANEWISE_SANITIZE)
    list(APPEND circumstances LW_TESTS_ARE_SANITIZED=1)
  endif()
  lw_resolve_libraries(libraries ${arg_LIBRARIES})
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${arg_NAME} PRIVATE
    ${LW_FEATURE_DEFINITIONS} ${circumstances} LW_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    $<$<TARGET_EXISTS:lanewise>:LW_PROGRAM="${LW_PROGRAM}">)
  target_link_libraries(${arg_NAME} PRIVATE
    lw_compiler lw_isa_definitions lanewise_static CMocka::CMocka ${libraries})
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGS})
  set(cache_dir "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.cache")
  set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
    ENVIRONMENT "LANEWISE_OFFLINE=1;LANEWISE_OVERSUBSCRIBE=1;LANEWISE_CACHE_DIR=${cache_dir}")
endfunction()

# lw_repeat_test(test_x ISA...)
# The same test again with the kernels of lesser instruction sets, each a test labelled `repeat`; a set that the
# CPU lacks is the best one it has, once more.
function(lw_repeat_test name)
  if(NOT TARGET ${name})
    return()
  endif()
  get_test_property(${name} TIMEOUT timeout)
  get_test_property(${name} ENVIRONMENT environment)
  foreach(isa IN LISTS ARGN)
    if(isa IN_LIST LW_ISAS)
      add_test(NAME ${name}_${isa} COMMAND ${name})
      set_tests_properties(${name}_${isa} PROPERTIES LABELS repeat TIMEOUT ${timeout}
        ENVIRONMENT "${environment};LANEWISE_MAX_ISA=${isa}")
    endif()
  endforeach()
endfunction()

# lw_add_benchmark(NAME bench_x SOURCES bench_x.cpp [LIBRARIES ...])
# A Google Benchmark program, built by the target `benchmarks` only and run by `./run bench`.
function(lw_add_benchmark)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBRARIES")
  lw_resolve_libraries(libraries ${arg_LIBRARIES})
  add_executable(${arg_NAME} EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_compile_definitions(${arg_NAME} PRIVATE
    ${LW_FEATURE_DEFINITIONS} LW_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${arg_NAME} PRIVATE
    lw_compiler lw_isa_definitions lanewise_static benchmark::benchmark ${libraries})
  set_target_properties(${arg_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/benchmarks")
  add_dependencies(benchmarks ${arg_NAME})
endfunction()
