# SPDX-License-Identifier: Apache-2.0
# Finds the libraries Lanewise uses. A missing optional one only removes its feature and says so in
# one line.
#
# Rooms name what they use by a word: lw_add_room(data ... LIBRARIES zlib deflate png jpeg). For each word
# this file sets LW_LIBRARIES_<word> (empty when it is left out) and LW_HAVE_<WORD>.

list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
set(THREADS_PREFER_PTHREAD_FLAG ON)

find_package(Threads REQUIRED)

set(LW_LIBRARIES_openmp "")
if(LANEWISE_THREADS STREQUAL "openmp")
  find_package(OpenMP REQUIRED COMPONENTS C)
  set(LW_LIBRARIES_openmp OpenMP::OpenMP_C)
elseif(NOT LANEWISE_THREADS STREQUAL "own")
  message(FATAL_ERROR "lanewise: LANEWISE_THREADS is \"${LANEWISE_THREADS}\": expected own or openmp")
endif()

# lw_loader_name(<variable> <file of a shared library>): what dlopen finds the library by, which is the name that it gives
# itself, behind its folder where the linker does not look there by itself. Empty when it is no shared library.
function(lw_loader_name result file)
  set(name "")
  if(APPLE)
    execute_process(COMMAND otool -D "${file}" OUTPUT_VARIABLE output ERROR_QUIET)
    string(REGEX MATCH "[^/\n]+\\.dylib\n*$" name "${output}")
    string(STRIP "${name}" name)
  elseif(CMAKE_READELF)
    execute_process(COMMAND "${CMAKE_READELF}" -d "${file}" OUTPUT_VARIABLE output ERROR_QUIET)
    if(output MATCHES "\\(SONAME\\)[^\n]*\\[([^]\n]+)\\]")
      set(name "${CMAKE_MATCH_1}")
    endif()
  endif()
  cmake_path(GET file PARENT_PATH folder)
  if(name AND NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    string(PREPEND name "${folder}/")
  endif()
  set(${result} "${name}" PARENT_SCOPE)
endfunction()

# lw_optional_dependency(<word> <what is left out> <name for people> <option> <packages> <targets> [<variable>])
# looks for all packages; only when all are there, the word gets the targets. LOADED names the variable with the file of a
# library that is loaded when it is needed: LW_LOADED_<word> is what dlopen finds it by.
function(lw_optional_dependency word)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NAME;FEATURE;OPTION;LOADED" "PACKAGES;TARGETS")
  string(TOUPPER ${word} upper)
  set(missing "")
  if(NOT ${arg_OPTION})
    set(missing "${arg_OPTION}=OFF")
  else()
    foreach(package IN LISTS arg_PACKAGES)
      find_package(${package} QUIET)
      if(NOT ${package}_FOUND)
        set(missing "no ${arg_NAME}")
      endif()
    endforeach()
  endif()
  if(arg_LOADED AND NOT missing)
    lw_loader_name(name "${${arg_LOADED}}")
    set(LW_LOADED_${word} "${name}" PARENT_SCOPE)
    if(NOT name)
      set(missing "no shared library of ${arg_NAME}")
    endif()
  endif()
  if(missing)
    message(STATUS "lanewise: ${missing}: ${arg_FEATURE}")
    set(LW_HAVE_${upper} FALSE PARENT_SCOPE)
    set(LW_LIBRARIES_${word} "" PARENT_SCOPE)
  else()
    set(LW_HAVE_${upper} TRUE PARENT_SCOPE)
    set(LW_LIBRARIES_${word} ${arg_TARGETS} PARENT_SCOPE)
  endif()
endfunction()

lw_optional_dependency(zlib NAME "zlib" OPTION LANEWISE_WITH_ZLIB
  FEATURE "reading gzipped IDX files is left out" PACKAGES ZLIB TARGETS ZLIB::ZLIB)
lw_optional_dependency(deflate NAME "libdeflate" OPTION LANEWISE_WITH_LIBDEFLATE
  FEATURE "gzipped IDX files take twice as long to read" PACKAGES Deflate TARGETS Deflate::Deflate)
lw_optional_dependency(png NAME "libpng" OPTION LANEWISE_WITH_PNG
  FEATURE "PNG images are left out" PACKAGES PNG TARGETS PNG::PNG)
lw_optional_dependency(jpeg NAME "libjpeg" OPTION LANEWISE_WITH_JPEG
  FEATURE "JPEG images are left out" PACKAGES JPEG TARGETS JPEG::JPEG)
lw_optional_dependency(archive NAME "libarchive" OPTION LANEWISE_WITH_ARCHIVE
  FEATURE "zip and tar archives of images are left out" PACKAGES LibArchive
  TARGETS LibArchive::LibArchive LOADED LibArchive_LIBRARY)
lw_optional_dependency(fetch NAME "libcurl with OpenSSL's libcrypto" OPTION LANEWISE_WITH_FETCH
  FEATURE "fetching data sets is left out" PACKAGES CURL OpenSSL
  LOADED OPENSSL_CRYPTO_LIBRARY) # as libcurl is, whose name never changes
lw_optional_dependency(cjson NAME "cJSON" OPTION LANEWISE_WITH_CJSON
  FEATURE "model files, run directories and the program are left out"
  PACKAGES CJSON TARGETS CJSON::CJSON)
lw_optional_dependency(sqlite NAME "SQLite" OPTION LANEWISE_WITH_SQLITE
  FEATURE "the history of performance is left out" PACKAGES SQLite3 TARGETS SQLite::SQLite3)
if(LW_HAVE_SQLITE AND TARGET SQLite3::SQLite3)
  set(LW_LIBRARIES_sqlite SQLite3::SQLite3) # its name since CMake 4.3
endif()
# Its threads are OpenMP's, and their number is set through OpenMP.
lw_optional_dependency(onednn NAME "usable oneDNN with OpenMP" OPTION LANEWISE_WITH_ONEDNN
  FEATURE "comparing with it is left out" PACKAGES OneDNN OpenMP LOADED ONEDNN_LIBRARY)
# Which version it is decides which sources are built, and the program names it.
if(LW_HAVE_ONEDNN)
  find_package(OneDNN QUIET REQUIRED) # the function kept the version to itself
  string(REGEX MATCH "^[0-9]+" LW_ONEDNN_MAJOR "${OneDNN_VERSION}")
endif()

# Which of them are in, as definitions for every room.
set(LW_FEATURE_DEFINITIONS "")
foreach(feature ZLIB DEFLATE PNG JPEG ARCHIVE FETCH CJSON SQLITE ONEDNN)
  if(LW_HAVE_${feature})
    list(APPEND LW_FEATURE_DEFINITIONS LW_HAVE_${feature}=1)
  endif()
endforeach()

if(LANEWISE_THREADS STREQUAL "openmp")
  list(APPEND LW_FEATURE_DEFINITIONS LW_THREADS_OPENMP=1)
endif()

if(LW_HAVE_ONEDNN)
  list(APPEND LW_FEATURE_DEFINITIONS LW_ONEDNN_VERSION="${OneDNN_VERSION}")
endif()

# C++ is for the benchmarks and for the test that the headers are C++ too. A cross build takes the
# C++ compiler of the tool chain or none: the host's would be found and would not fit.
set(LW_HAVE_CXX FALSE)
if(LANEWISE_WITH_CXX AND (LANEWISE_BUILD_TESTS OR LANEWISE_BUILD_BENCHMARKS)
   AND (NOT CMAKE_CROSSCOMPILING OR CMAKE_CXX_COMPILER))
  if(NOT CMAKE_CXX_COMPILER)
    unset(CMAKE_CXX_COMPILER CACHE) # not found last time; one may have been installed since
  endif()
  include(CheckLanguage)
  check_language(CXX)
  if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    set(LW_HAVE_CXX TRUE)
  endif()
endif()
if(NOT LW_HAVE_CXX AND (LANEWISE_BUILD_TESTS OR LANEWISE_BUILD_BENCHMARKS))
  message(STATUS "lanewise: no C++ compiler: the benchmarks and the C++ test of the headers "
                 "are left out")
endif()

set(LW_HAVE_BENCHMARK FALSE)
if(LANEWISE_BUILD_BENCHMARKS AND LW_HAVE_CXX)
  find_package(benchmark QUIET)
  set(LW_HAVE_BENCHMARK ${benchmark_FOUND})
  if(NOT benchmark_FOUND)
    message(STATUS "lanewise: no Google Benchmark: the benchmarks are left out")
  endif()
endif()

set(LW_HAVE_CMOCKA FALSE)
if(LANEWISE_BUILD_TESTS)
  find_package(CMocka QUIET)
  set(LW_HAVE_CMOCKA ${CMocka_FOUND})
  if(NOT CMocka_FOUND)
    message(STATUS "lanewise: no cmocka: the tests written in C are left out")
  endif()
endif()
