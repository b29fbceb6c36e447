// SPDX-License-Identifier: Apache-2.0
// A new folder on the disk for a test, and files in it.
#ifndef LW_TESTS_SUPPORT_FOLDER_H
#define LW_TESTS_SUPPORT_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the five above first.
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { path_bytes = 512 };

// Of the test that runs, between enter_folder and leave_folder.
static char folder[path_bytes];

// parent/name, in one of a few static buffers that are used in turn.
static inline const char *below(const char *parent, const char *name)
{
    static char paths[8][2 * path_bytes];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", parent, name);
    return path;
}

static inline const char *in_folder(const char *name)
{
    return below(folder, name);
}

static inline bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static inline void remove_tree(const char *path)
{
    DIR *opened = opendir(path);
    if (!opened) {
        unlink(path);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(opened)))
        if (!is_dot(entry->d_name)) {
            char inside[2 * path_bytes];
            snprintf(inside, sizeof inside, "%.500s/%.255s", path, entry->d_name);
            struct stat info;
            if (lstat(inside, &info) == 0 && S_ISDIR(info.st_mode))
                remove_tree(inside);
            else
                unlink(inside);
        }
    closedir(opened);
    rmdir(path);
}

// For cmocka, as set-up and tear-down of a test or a group.
static inline int enter_folder(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%.480s/lanewise-test-XXXXXX",
             parent && *parent ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int leave_folder(void **state)
{
    (void)state;
    remove_tree(folder);
    return 0;
}

// How many things a folder holds; -1 when there is no such folder.
static inline int count_entries(const char *path)
{
    DIR *opened = opendir(path);
    if (!opened) return -1;
    const struct dirent *entry;
    int count = 0;
    while ((entry = readdir(opened))) count += !is_dot(entry->d_name);
    closedir(opened);
    return count;
}

static inline void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

// The whole file as a text; freed by the caller.
static inline char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    size_t count = fread(text, 1, (1 << 16) - 1, file);
    text[count] = '\0';
    fclose(file);
    return text;
}

#endif
