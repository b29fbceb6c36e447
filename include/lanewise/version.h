// SPDX-License-Identifier: Apache-2.0
// The version of the library.
#ifndef LANEWISE_VERSION_H
#define LANEWISE_VERSION_H

#include <lanewise/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LW_VERSION_MAJOR 0
#define LW_VERSION_MINOR 1
#define LW_VERSION_PATCH 0

// "0.1.0": the version of the library that is linked, which may differ from the headers'.
LW_API const char *lw_version(void);

// One line on how the library was built: compiler, optional features. Static storage.
LW_API const char *lw_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
