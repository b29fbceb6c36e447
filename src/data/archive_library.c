// SPDX-License-Identifier: Apache-2.0
#include "data/archive_library.h"

#include "base/library.h"

lw_archive_functions lw_archive;

static const lw_library_function wanted[] = {
#define LW_ARCHIVE_FUNCTION(function) {.name = "archive_" #function, .slot = &lw_archive.function},
#include "data/archive_functions.def"
#undef LW_ARCHIVE_FUNCTION
};

static lw_library library = {.file = LW_ARCHIVE_LIBRARY,
                             .functions = wanted,
                             .n_functions = sizeof wanted / sizeof *wanted,
                             .mutex = PTHREAD_MUTEX_INITIALIZER};

lw_status lw_archive_load(void)
{
    return lw_library_load(&library);
}
