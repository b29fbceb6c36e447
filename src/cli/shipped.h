// SPDX-License-Identifier: Apache-2.0
// The text files that come with the program: networks, recipes, studies, in the source tree or where it is installed.
#ifndef LW_CLI_SHIPPED_H
#define LW_CLI_SHIPPED_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>

enum { LW_MOST_SHIPPED = 64 };

// The names, without `suffix`, of the files in a folder that end so, sorted; each is owned by the caller.
size_t lw_list_shipped(const char *folder, const char *suffix, char *names[LW_MOST_SHIPPED]);

// A kind of them: "recipes" below the folder of the networks, files "*.recipe".
typedef struct lw_shipped_kind {
    const char *folder; // below that of the networks; "" for these themselves
    const char *suffix; // ".recipe"
    const char *what;   // "one of the shipped recipes", as messages say it
} lw_shipped_kind;

// The path of the file `name`; false when there is none.
bool lw_shipped_find(const lw_shipped_kind *kind, const char *name, char *path, size_t path_bytes);

// Fails with LW_ERROR_NOT_FOUND: `name` is neither a file nor one of these, which are listed, with the nearest.
lw_status lw_shipped_fail(const lw_shipped_kind *kind, const char *name);

#endif
