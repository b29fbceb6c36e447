# SPDX-License-Identifier: Apache-2.0
# Every switch of the build, in one place.

option(LANEWISE_WERROR "Treat compiler warnings as errors" OFF)
option(LANEWISE_FUZZ "Build the fuzzers of tests/fuzz (needs clang)" OFF)
option(LANEWISE_COVERAGE "Count which lines and branches run (`./run coverage`)" OFF)
option(LANEWISE_DEBUG_MEMORY "Poison scratch memory with NaN and put canaries around it" OFF)
option(LANEWISE_BUILD_TESTS "Build the tests (needs cmocka)" ${PROJECT_IS_TOP_LEVEL})
option(LANEWISE_BUILD_BENCHMARKS
       "Offer the target `benchmarks` (needs Google Benchmark and a C++ compiler)"
       ${PROJECT_IS_TOP_LEVEL})
option(LANEWISE_INSTALL "Make the install rules" ${PROJECT_IS_TOP_LEVEL})

option(LANEWISE_WITH_CXX "Use a C++ compiler where there is one: header test and benchmarks" ON)
option(LANEWISE_WITH_ZLIB "Read gzipped IDX files where zlib is found" ON)
option(LANEWISE_WITH_LIBDEFLATE "Read gzipped IDX files faster where libdeflate is found, too" ON)
option(LANEWISE_WITH_PNG "Read and write PNG images where libpng is found" ON)
option(LANEWISE_WITH_JPEG "Read JPEG images where libjpeg is found" ON)
option(LANEWISE_WITH_ARCHIVE "Read archives of images where libarchive is found" ON)
option(LANEWISE_WITH_FETCH "Fetch data sets where libcurl and libcrypto are found" ON)
option(LANEWISE_WITH_CJSON "Build model files, run directories and the program where cJSON is found"
       ON)
option(LANEWISE_WITH_SQLITE "Keep a history of performance where SQLite is found" ON)
option(LANEWISE_WITH_ONEDNN "Offer Intel's oneDNN beside our own convolutions where it is found" ON)

set(LANEWISE_THREADS own CACHE STRING
    "Whose threads do the work: own (a pool of the library's, asleep between calls) or openmp")
set_property(CACHE LANEWISE_THREADS PROPERTY STRINGS own openmp)

set(LANEWISE_ISAS "" CACHE STRING
    "Kernels for these instruction sets only, of generic, avx2, avx512 and neon: generic;avx2; empty: all")

set(LANEWISE_SANITIZE "" CACHE STRING
    "Sanitizers to build with: address, undefined or thread; several with a semicolon between them")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
endif()
