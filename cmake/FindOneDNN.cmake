# SPDX-License-Identifier: Apache-2.0
# Finds Intel's oneDNN, version 2 or 3, and makes the target OneDNN::OneDNN. ONEDNN_ROOT (a CMake or
# an environment variable) names a folder that goes before the system's. Header and library are
# looked for themselves: builds of oneDNN come with and without a package file. Sets OneDNN_VERSION.

set(onednn_hints HINTS ${ONEDNN_ROOT} ENV ONEDNN_ROOT)
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.h ${onednn_hints} PATH_SUFFIXES include)
find_library(ONEDNN_LIBRARY dnnl ${onednn_hints} PATH_SUFFIXES lib lib64)
mark_as_advanced(ONEDNN_INCLUDE_DIR ONEDNN_LIBRARY)

unset(OneDNN_VERSION)
set(onednn_usable FALSE)
set(onednn_reason "")
if(ONEDNN_INCLUDE_DIR)
  file(STRINGS "${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h" onednn_lines
       REGEX "^#define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX MATCHALL "[0-9]+" onednn_numbers "${onednn_lines}")
  list(JOIN onednn_numbers . OneDNN_VERSION)
  file(STRINGS "${ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_config.h" onednn_openmp
       REGEX "^#define DNNL_CPU_THREADING_RUNTIME DNNL_RUNTIME_OMP$")
  if(NOT OneDNN_VERSION MATCHES "^[23]\\.")
    set(onednn_reason "its version is ${OneDNN_VERSION}, expected 2 or 3")
  elseif(NOT onednn_openmp)
    set(onednn_reason "it was not built with OpenMP, which limits its threads")
  else()
    set(onednn_usable TRUE)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDNN
  REQUIRED_VARS ONEDNN_LIBRARY ONEDNN_INCLUDE_DIR onednn_usable VERSION_VAR OneDNN_VERSION
  REASON_FAILURE_MESSAGE "${onednn_reason}")

if(OneDNN_FOUND AND NOT TARGET OneDNN::OneDNN)
  add_library(OneDNN::OneDNN UNKNOWN IMPORTED)
  set_target_properties(OneDNN::OneDNN PROPERTIES IMPORTED_LOCATION "${ONEDNN_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${ONEDNN_INCLUDE_DIR}")
endif()
