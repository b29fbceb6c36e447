// SPDX-License-Identifier: Apache-2.0
// Files: read whole, written whole or not at all, and every refusal with its path.
#include "base/file.h"

#include "base/error.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// Every test works in a folder of its own, which is the current one meanwhile.
static char folder[256], start_folder[4096];

static int enter_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.200s/lanewise-XXXXXX", base && *base ? base : "/tmp");
    return !getcwd(start_folder, sizeof start_folder) || !mkdtemp(folder) || chdir(folder) != 0;
}

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) return -1;
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

// The tests leave files and at most one level of folders with files, or a/b/c.
static int leave_folder(void **state)
{
    (void)state;
    DIR *directory = opendir(".");
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (remove(entry->d_name) != 0 && lw_file_is_folder(entry->d_name) &&
            entry->d_name[0] != '.') {
            remove("a/b/c");
            remove("a/b");
            remove(entry->d_name);
        }
    if (directory) closedir(directory);
    return chdir(start_folder) != 0 || rmdir(folder) != 0;
}

static void assert_content(const char *path, const char *expected)
{
    uint8_t *bytes;
    size_t count;
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &count), LW_OK);
    assert_int_equal(count, strlen(expected));
    assert_string_equal((const char *)bytes, expected); // zero-terminated behind its bytes
    free(bytes);
}

static void assert_refused(const char *path, size_t limit_bytes, lw_status expected)
{
    uint8_t *bytes = (uint8_t *)folder;
    size_t count = 1;
    assert_int_equal(lw_file_read(path, limit_bytes, &bytes, &count), expected);
    assert_null(bytes);
    assert_int_equal(count, 0);
    assert_non_null(strstr(lw_error_message(), path));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    assert_int_equal(lw_file_write("file", "hello", 5), LW_OK);
    assert_content("file", "hello");
    assert_int_equal(lw_file_write("file", "again", 5), LW_OK);
    assert_content("file", "again");
    assert_int_equal(lw_file_write("empty", "", 0), LW_OK);
    assert_content("empty", "");
    assert_int_equal(count_entries("."), 2); // no temporary file stays
}

static void large_files_survive(void **state)
{
    (void)state;
    enum { large = 3 * 1000 * 1000 };
    uint8_t *pattern = malloc(large), *bytes;
    size_t count;
    assert_non_null(pattern);
    for (size_t i = 0; i < large; i++) pattern[i] = (uint8_t)(i * 2654435761u >> 24);
    assert_int_equal(lw_file_write("large", pattern, large), LW_OK);
    assert_int_equal(lw_file_read("large", large, &bytes, &count), LW_OK);
    assert_int_equal(count, large);
    assert_memory_equal(bytes, pattern, large);
    free(bytes);
    free(pattern);
}

static void reading_has_a_limit(void **state)
{
    (void)state;
    assert_int_equal(lw_file_write("file", "12345678", 8), LW_OK);
    uint8_t *bytes;
    size_t count;
    assert_int_equal(lw_file_read("file", 8, &bytes, &count), LW_OK);
    free(bytes);
    assert_refused("file", 7, LW_ERROR_INPUT);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    assert_refused("missing", 100, LW_ERROR_NOT_FOUND);
    assert_refused(".", 100, LW_ERROR_INPUT);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_refused("pipe", 100, LW_ERROR_INPUT); // and does not wait for a writer
    assert_int_equal(lw_file_write("file", "x", 1), LW_OK);
    assert_refused("file/below", 100, LW_ERROR_IO);
}

static void a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(lw_file_write("missing/file", "x", 1), LW_ERROR_NOT_FOUND);
    assert_non_null(strstr(lw_error_message(), "missing/file"));
    assert_int_equal(mkdir("taken", 0700), 0);
    assert_int_equal(lw_file_write("taken", "x", 1), LW_ERROR_IO);
    assert_int_equal(count_entries("."), 1); // the folder; no temporary file
    char endless[5000];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_int_equal(lw_file_write(endless, "x", 1), LW_ERROR_ARGUMENT);
}

// A limit on file sizes stands for a disk that is full in the middle of a write.
static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    assert_int_equal(lw_file_write("file", "old", 3), LW_OK);
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    static const char content[10000];
    lw_status status = lw_file_write("file", content, sizeof content);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, LW_ERROR_IO);
    assert_content("file", "old");
    assert_int_equal(count_entries("."), 1);
}

static void without_the_right_to_write_nothing_changes(void **state)
{
    (void)state;
    if (geteuid() == 0) skip(); // root may write anywhere
    assert_int_equal(mkdir("closed", 0500), 0);
    assert_int_equal(lw_file_write("closed/file", "x", 1), LW_ERROR_IO);
    assert_int_equal(lw_file_make_folder("closed/folder"), LW_ERROR_IO);
    assert_int_equal(count_entries("closed"), 0);
}

static void folders_are_made_with_those_above(void **state)
{
    (void)state;
    assert_int_equal(lw_file_make_folder("a/b/c"), LW_OK);
    assert_true(lw_file_is_folder("a/b/c"));
    assert_int_equal(lw_file_make_folder("a/b/c"), LW_OK);
    assert_int_equal(lw_file_make_folder("a//b/c/"), LW_OK);
    assert_int_equal(lw_file_make_folder("/"), LW_OK);
    assert_int_equal(lw_file_make_folder(""), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_file_write("file", "x", 1), LW_OK);
    assert_int_equal(lw_file_make_folder("file"), LW_ERROR_IO);
    assert_int_equal(lw_file_make_folder("file/below"), LW_ERROR_IO);
    assert_true(lw_file_exists("file") && !lw_file_is_folder("file"));
    assert_false(lw_file_exists("missing"));
}

// A lock that is open twice is a lock of two, whether they are processes or not.
static void a_lock_has_one_holder(void **state)
{
    (void)state;
    int first, second;
    assert_int_equal(lw_file_lock("lock", 0.0, &first), LW_OK);
    if (first < 0) skip(); // a file system without locks
    assert_true(lw_file_exists("lock"));
    assert_int_equal(lw_file_lock("lock", 0.02, &second), LW_ERROR_IO);
    assert_int_equal(second, -1);
    assert_non_null(strstr(lw_error_message(), "lock: another process has held this lock"));
    lw_file_unlock(second);                                       // nothing to give back
    assert_int_equal(lw_file_lock("other", 0.0, &second), LW_OK); // another one is free
    lw_file_unlock(second);
    lw_file_unlock(first);
    assert_int_equal(lw_file_lock("lock", 0.0, &second), LW_OK);
    lw_file_unlock(second);
    assert_true(lw_file_exists("lock")); // it is left behind, for the next one
    assert_int_equal(lw_file_lock("missing/lock", 0.0, &first), LW_ERROR_NOT_FOUND);
    assert_int_equal(first, -1);
    assert_non_null(strstr(lw_error_message(), "missing/lock"));
}

// Whoever waits gets the lock as soon as its holder is gone, even when that one was killed.
static void a_lock_ends_with_its_holder(void **state)
{
    (void)state;
    int ready[2], lock;
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const bool held = lw_file_lock("lock", 0.0, &lock) == LW_OK && write(ready[1], "x", 1) == 1;
        if (held) pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(lw_file_lock("lock", 0.0, &lock), LW_ERROR_IO);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(lw_file_lock("lock", 60.0, &lock), LW_OK);
    lw_file_unlock(lock);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(large_files_survive),
        TEST(reading_has_a_limit),
        TEST(what_is_no_file_is_refused),
        TEST(a_failed_write_leaves_nothing),
        TEST(a_full_disk_keeps_the_old_file),
        TEST(without_the_right_to_write_nothing_changes),
        TEST(folders_are_made_with_those_above),
        TEST(a_lock_has_one_holder),
        TEST(a_lock_ends_with_its_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
