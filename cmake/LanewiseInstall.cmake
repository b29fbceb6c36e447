# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and how other projects find it: find_package(lanewise) gives
# lanewise::lanewise (shared) and lanewise::static; pkg-config knows lanewise and lanewise-static.

include(CMakePackageConfigHelpers)
set(lw_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/lanewise")

# The shared library alone needs nothing; the static one needs what it was built with, so the two
# are exported apart and lanewise::static is offered where its libraries are found.
install(TARGETS lanewise_shared EXPORT lanewise-shared)
install(TARGETS lanewise_static EXPORT lanewise-static)
foreach(kind shared static)
  install(EXPORT lanewise-${kind} NAMESPACE lanewise:: DESTINATION "${lw_package_dir}"
          FILE lanewise-${kind}.cmake)
endforeach()
if(TARGET lanewise)
  install(TARGETS lanewise)
endif()
install(DIRECTORY include/lanewise DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY networks/ DESTINATION "${CMAKE_INSTALL_DATADIR}/lanewise/networks"
        FILES_MATCHING PATTERN "*.net" PATTERN "*.recipe")
install(DIRECTORY studies/ DESTINATION "${CMAKE_INSTALL_DATADIR}/lanewise/studies"
        FILES_MATCHING PATTERN "*.study" PATTERN "*.net")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
foreach(page README.md CHANGELOG.md)
  install(FILES ${page} DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)
endforeach()
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.md")

# The packages that users of the static library have to find, and their pkg-config names.
set(lw_static_packages Threads)
set(lw_pkgconfig_packages "")
if(LW_HAVE_ZLIB)
  list(APPEND lw_static_packages ZLIB)
  list(APPEND lw_pkgconfig_packages zlib)
endif()
if(LW_HAVE_DEFLATE)
  list(APPEND lw_static_packages Deflate)
  list(APPEND lw_pkgconfig_packages libdeflate)
  install(FILES cmake/FindDeflate.cmake DESTINATION "${lw_package_dir}")
endif()
if(LW_HAVE_PNG)
  list(APPEND lw_static_packages PNG)
  list(APPEND lw_pkgconfig_packages libpng)
endif()
if(LW_HAVE_JPEG)
  list(APPEND lw_static_packages JPEG)
  list(APPEND lw_pkgconfig_packages libjpeg)
endif()
set(lw_pkgconfig_libraries "-lm -pthread")
if(CMAKE_DL_LIBS)
  string(APPEND lw_pkgconfig_libraries " -l${CMAKE_DL_LIBS}")
endif()
if(LW_HAVE_CJSON)
  list(APPEND lw_static_packages CJSON)
  list(APPEND lw_pkgconfig_packages libcjson)
  install(FILES cmake/FindCJSON.cmake DESTINATION "${lw_package_dir}")
endif()
if(LW_HAVE_SQLITE)
  list(APPEND lw_static_packages SQLite3)
  list(APPEND lw_pkgconfig_packages sqlite3)
endif()
if(LANEWISE_THREADS STREQUAL "openmp")
  list(APPEND lw_static_packages OpenMP)
  string(PREPEND lw_pkgconfig_libraries "${OpenMP_C_FLAGS} ")
endif()
list(JOIN lw_pkgconfig_packages " " lw_pkgconfig_packages)

configure_package_config_file(cmake/lanewiseConfig.cmake.in lanewiseConfig.cmake
                              INSTALL_DESTINATION "${lw_package_dir}")
write_basic_package_version_file(lanewiseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/lanewiseConfig.cmake"
              "${PROJECT_BINARY_DIR}/lanewiseConfigVersion.cmake"
        DESTINATION "${lw_package_dir}")

# pkg-config works out its folders from where lanewise.pc lies, so an installed tree can be moved.
file(RELATIVE_PATH lw_pkgconfig_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" lw_pkgconfig_prefix "${lw_pkgconfig_prefix}")
foreach(module lanewise lanewise-static)
  configure_file(cmake/${module}.pc.in ${module}.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${module}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
