// SPDX-License-Identifier: Apache-2.0
// libarchive, loaded when the first archive is opened: behind it are a dozen libraries, XML and all of Unicode among them,
// which take 3 MB of memory at every start of a program that links it. Of libarchive itself the build needs the headers alone.
#ifndef LW_DATA_ARCHIVE_LIBRARY_H
#define LW_DATA_ARCHIVE_LIBRARY_H

#include <lanewise/status.h>

#include <archive.h>
#include <archive_entry.h>

// The functions that are used, under libarchive's names without "archive_"; they are there once lw_archive_load has been
// successful.
typedef struct lw_archive_functions {
#define LW_ARCHIVE_FUNCTION(name) __typeof__(archive_##name) *(name);
#include "data/archive_functions.def"
#undef LW_ARCHIVE_FUNCTION
} lw_archive_functions;
extern lw_archive_functions lw_archive;

// Loads libarchive once, whatever the number of callers. LW_ERROR_UNSUPPORTED names what is missing.
lw_status lw_archive_load(void);

#endif
