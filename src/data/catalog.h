// SPDX-License-Identifier: Apache-2.0
// What is known of the data sets that have a name, and where their files are looked for.
#ifndef LW_DATA_CATALOG_H
#define LW_DATA_CATALOG_H

#include "data/fetch.h"

#include <lanewise/data.h>

enum { LW_DATA_FILES = 4, LW_DATA_PATH_BYTES = 2048 };

// How many of the built-in digits there are unless more are asked for. A sixth of the first number
// is the validation set.
enum { LW_DIGITS_TRAIN_COUNT = 20000, LW_DIGITS_TEST_COUNT = 4000 };

// A data set that comes as four IDX files, or is generated (then the pointers from subfolders on
// are NULL).
typedef struct lw_data_set {
    const char *name, *title, *short_title;
    int32_t classes, channels, height, width;
    int64_t train_count, test_count;
    const char *const *class_names; // NULL: "0", "1", ...
    const char *const *subfolders; // of LANEWISE_DATA_DIR, NULL at the end; "" is the folder itself
    const char *package;           // the package of Debian that has it; NULL: there is none
    const char *package_folder;    // where the package puts it
    const char *const *mirrors;    // NULL: cannot be fetched
    size_t n_mirrors;
    const lw_fetch_file *files; // (LW_DATA_FILES), with mirrors
} lw_data_set;

// True for what lw_data_open takes as a name, whatever folders there are: "auto", a set of the catalogue,
// "varres:mnist".
bool lw_data_is_name(const char *name);

// The set of that name, or NULL.
const lw_data_set *lw_data_find_set(const char *name);

// LW_ERROR_NOT_FOUND, with the nearest name and all of them in the sentence.
lw_status lw_data_fail_unknown(const char *name);

// The four files of a folder, in the order training images, training labels, test images, test
// labels.
typedef struct lw_data_folder {
    char folder[LW_DATA_PATH_BYTES];
    char paths[LW_DATA_FILES][LW_DATA_PATH_BYTES]; // of those that are there, "" otherwise
    int n_present;
    const char *missing; // the usual name of the first one that is not there; NULL when all are
    const char *origin;  // why it was looked at: "LANEWISE_DATA_DIR", "the user's cache", ...
} lw_data_folder;

// Looks for the four files under their usual names, plain or gzipped. LW_ERROR_IO when the folder
// is there but closed to us, LW_ERROR_ARGUMENT when a path is too long.
lw_status lw_data_look_into(lw_data_folder *found, const char *folder, const char *origin);

// Looks in all places where the set may be and takes the first one that has any of its files. An
// incomplete cache does not count where fetching mends it. found->n_present is 0 when there is no
// place.
lw_status lw_data_locate(lw_data_folder *found, const lw_data_set *set);

// The set's folder in the user's cache and the note that fetching failed. False: there is no cache.
bool lw_data_cache_paths(const lw_data_set *set, char folder[LW_DATA_PATH_BYTES],
                         char note[LW_DATA_PATH_BYTES]);

// Fetches the set into the cache; keeps the note up to date.
lw_status lw_data_fetch_set(const lw_data_set *set,
                            void (*report)(void *user, const char *sentence), void *user);

#endif
