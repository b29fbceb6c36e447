// SPDX-License-Identifier: Apache-2.0
#include "cli/shipped.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The source tree comes first: a program that runs from its build folder must not take the files of
// another, installed version.
static const char *const roots[] = {LW_NETWORKS_DIR, LW_INSTALLED_NETWORKS_DIR};

static bool join(char *path, size_t path_bytes, const char *root, const lw_shipped_kind *kind,
                 const char *name)
{
    const int length = snprintf(path, path_bytes, "%s/%s%s%s%s", root, kind->folder,
                                kind->folder[0] ? "/" : "", name, name[0] ? kind->suffix : "");
    return length > 0 && (size_t)length < path_bytes;
}

bool lw_shipped_find(const lw_shipped_kind *kind, const char *name, char *path, size_t path_bytes)
{
    for (size_t i = 0; i < LW_COUNT(roots); i++)
        if (join(path, path_bytes, roots[i], kind, name) && lw_file_exists(path)) return true;
    return false;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t lw_list_shipped(const char *folder, const char *suffix, char *names[LW_MOST_SHIPPED])
{
    size_t n = 0, suffix_length = strlen(suffix);
    DIR *directory = opendir(folder);
    if (!directory) return 0;
    const struct dirent *entry;
    while (n < LW_MOST_SHIPPED && (entry = readdir(directory))) {
        size_t length = strlen(entry->d_name);
        if (length <= suffix_length || strcmp(entry->d_name + length - suffix_length, suffix) != 0)
            continue;
        names[n] = strndup(entry->d_name, length - suffix_length);
        if (names[n]) n++;
    }
    closedir(directory);
    qsort(names, n, sizeof names[0], compare_words);
    return n;
}

lw_status lw_shipped_fail(const lw_shipped_kind *kind, const char *name)
{
    char *names[LW_MOST_SHIPPED], folder[4096];
    size_t n = 0;
    for (size_t i = 0; i < LW_COUNT(roots) && n == 0; i++)
        if (join(folder, sizeof folder, roots[i], kind, ""))
            n = lw_list_shipped(folder, kind->suffix, names);
    lw_text all = {0};
    for (size_t i = 0; i < n; i++) lw_text_print(&all, "%s%s", i == 0 ? " (" : ", ", names[i]);
    if (n > 0) lw_text_print(&all, ")");
    const char *nearest = lw_nearest_word(name, (const char *const *)names, n);
    lw_fail(LW_ERROR_NOT_FOUND, "%s: neither a file nor %s%s%s%s%s", name, kind->what,
            all.failed || n == 0 ? "" : all.bytes, nearest ? "; did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?" : "");
    for (size_t i = 0; i < n; i++) free(names[i]);
    lw_text_free(&all);
    return LW_ERROR_NOT_FOUND;
}
