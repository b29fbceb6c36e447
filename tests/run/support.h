// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a folder of their own on the disk, and checks of sentences.
#ifndef LW_TESTS_RUN_SUPPORT_H
#define LW_TESTS_RUN_SUPPORT_H

#include <lanewise/status.h>
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

// Makes a new folder for one test.
static inline void make_folder(char path[path_bytes])
{
    const char *parent = getenv("TMPDIR");
    snprintf(path, path_bytes, "%s/lanewise-test-XXXXXX", parent && *parent ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
}

// folder/name, in one of a few static buffers.
static inline const char *in_folder(const char *folder, const char *name)
{
    static char paths[8][2 * path_bytes];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static inline void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        unlink(path);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        if (!is_dot(entry->d_name)) {
            char inside[2 * path_bytes];
            snprintf(inside, sizeof inside, "%.500s/%.255s", path, entry->d_name);
            struct stat info;
            if (lstat(inside, &info) == 0 && S_ISDIR(info.st_mode))
                remove_tree(inside);
            else
                unlink(inside);
        }
    closedir(folder);
    rmdir(path);
}

// How many things a folder holds; -1 when there is no such folder.
static inline int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return -1;
    const struct dirent *entry;
    int count = 0;
    while ((entry = readdir(folder))) count += !is_dot(entry->d_name);
    closedir(folder);
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

// True when a call failed as expected with a sentence that holds all `parts` ("|" between them).
static inline bool failed_with(lw_status got, lw_status expected, const char *parts)
{
    const char *message = lw_error_message();
    if (got != expected) return false;
    while (*parts) {
        char part[256];
        size_t length = strcspn(parts, "|");
        snprintf(part, sizeof part, "%.*s", (int)length, parts);
        if (!strstr(message, part)) return false;
        parts += length + (parts[length] == '|');
    }
    return true;
}

#define assert_failed_with(call, expected, parts)                                                  \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (!failed_with(got_status, expected, parts))                                             \
            fail_msg("%s: expected '%s' with [%s], got '%s' with [%s]", #call,                     \
                     lw_status_name(expected), parts, lw_status_name(got_status),                  \
                     lw_error_message());                                                          \
    } while (0)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (got_status) fail_msg("%s: %s", #call, lw_error_message());                             \
    } while (0)

#endif
