# SPDX-License-Identifier: Apache-2.0
# Finds libdeflate and makes the target Deflate::Deflate. It has a package file of its own only since version 1.15, so header
# and library are looked for themselves. This file is installed too: the static library needs it.

find_path(DEFLATE_INCLUDE_DIR libdeflate.h)
find_library(DEFLATE_LIBRARY deflate)
mark_as_advanced(DEFLATE_INCLUDE_DIR DEFLATE_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Deflate REQUIRED_VARS DEFLATE_LIBRARY DEFLATE_INCLUDE_DIR)

if(Deflate_FOUND AND NOT TARGET Deflate::Deflate)
  add_library(Deflate::Deflate UNKNOWN IMPORTED)
  set_target_properties(Deflate::Deflate PROPERTIES IMPORTED_LOCATION "${DEFLATE_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${DEFLATE_INCLUDE_DIR}")
endif()
