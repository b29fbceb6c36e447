# SPDX-License-Identifier: Apache-2.0
# The rooms put together: the shared and the static library, and the program.

get_property(lw_objects GLOBAL PROPERTY LW_LIBRARY_OBJECTS)
get_property(lw_libraries GLOBAL PROPERTY LW_LIBRARY_LIBRARIES)
list(APPEND lw_libraries Threads::Threads m)
list(REMOVE_DUPLICATES lw_libraries)
set(lw_object_files "")
foreach(object IN LISTS lw_objects)
  list(APPEND lw_object_files $<TARGET_OBJECTS:${object}>)
endforeach()

# Both libraries are one and the same set of objects.
add_library(lanewise_shared SHARED ${lw_object_files})
add_library(lanewise_static STATIC ${lw_object_files})
add_library(lanewise::lanewise ALIAS lanewise_shared)
add_library(lanewise::static ALIAS lanewise_static)

# Before 1.0 a minor version may change the binary interface, so it is part of the library's name.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(lw_soversion 0.${PROJECT_VERSION_MINOR})
else()
  set(lw_soversion ${PROJECT_VERSION_MAJOR})
endif()

foreach(library lanewise_shared lanewise_static)
  set_target_properties(${library} PROPERTIES OUTPUT_NAME lanewise LINKER_LANGUAGE C)
  target_include_directories(${library} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${library} PRIVATE ${lw_libraries} $<BUILD_INTERFACE:lw_compiler>)
endforeach()
set_target_properties(lanewise_shared PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${lw_soversion} EXPORT_NAME lanewise)
set_target_properties(lanewise_static PROPERTIES EXPORT_NAME static)
# The threads of its pool live as long as the process: a program that unloads it must not take their code away.
# A library that is linked in statically is no part of what this one offers.
target_link_options(lanewise_shared PRIVATE -Wl,-z,nodelete -Wl,--exclude-libs,ALL)
if(NOT LANEWISE_SANITIZE) # a sanitizer's own symbols come with the program
  target_link_options(lanewise_shared PRIVATE -Wl,--no-undefined)
endif()

# The program uses rooms that the library does not export, hence the static library.
if(TARGET lw_cli)
  get_property(lw_cli_libraries GLOBAL PROPERTY LW_CLI_LIBRARIES)
  add_executable(lanewise $<TARGET_OBJECTS:lw_cli>)
  set_target_properties(lanewise PROPERTIES LINKER_LANGUAGE C
                        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  target_link_libraries(lanewise PRIVATE lw_compiler lanewise_static ${lw_cli_libraries})
endif()
