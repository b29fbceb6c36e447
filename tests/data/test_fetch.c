// SPDX-License-Identifier: Apache-2.0
// Fetching, from mirrors that are folders of this machine (file://): order, checksums, nothing
// half-written.
#include "support.h"

#include "base/file.h"
#include "data/fetch.h"
#ifdef LW_HAVE_FETCH
#include "data/sha256.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(LW_HAVE_FETCH) && defined(LW_HAVE_ZLIB)

// "abc" and "hello\n", whose checksums are known.
static const lw_fetch_file files[] = {
    {"one", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"two", 6, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}};

static char reports[4096];

static void take_report(void *user, const char *sentence)
{
    (void)user;
    size_t length = strlen(reports);
    snprintf(reports + length, sizeof reports - length, "%s\n", sentence);
}

static void check_file(const char *name, const char *expected)
{
    uint8_t *bytes;
    size_t count;
    assert_ok(lw_file_read(in_folder(name), 1 << 20, &bytes, &count));
    assert_string_equal((char *)bytes, expected);
    free(bytes);
}

static char mirror_a[PATH_BYTES + 16], mirror_b[PATH_BYTES + 16];
static const char *const mirrors[] = {mirror_a, mirror_b};

static lw_fetch_job make_job(void)
{
    reports[0] = '\0';
    snprintf(mirror_a, sizeof mirror_a, "file://%s/a/", folder());
    snprintf(mirror_b, sizeof mirror_b, "file://%s/b/", folder());
    return (lw_fetch_job){.title = "Test set",
                          .mirrors = mirrors,
                          .n_mirrors = 2,
                          .protocol = "file",
                          .files = files,
                          .n_files = 2,
                          .folder = in_folder("kept"),
                          .report = take_report};
}

static int set_up(void **state)
{
    (void)state;
    make_folder("a");
    make_folder("b");
    return 0;
}

static void test_first_mirror(void **state)
{
    (void)state;
    write_gzip("a/one.gz", "abc", 3);
    write_gzip("a/two.gz", "hello\n", 6);
    lw_fetch_job job = make_job();
    assert_ok(lw_fetch_files(&job));
    check_file("kept/one", "abc");
    check_file("kept/two", "hello\n");
    assert_non_null(strstr(reports, "fetching file://"));
    assert_null(strstr(reports, "/b/"));
}

static void test_second_mirror(void **state)
{
    (void)state;
    write_gzip("a/one.gz", "abd", 3); // wrong content
    write_gzip("b/one.gz", "abc", 3);
    write_gzip("b/two.gz", "hello\n", 6);
    lw_fetch_job job = make_job();
    assert_ok(lw_fetch_files(&job));
    check_file("kept/one", "abc");
    check_file("kept/two", "hello\n");
    // The mirror that served the first file is asked first for the second.
    assert_null(strstr(reports, "/a/two"));
}

static void test_mends_what_is_there(void **state)
{
    (void)state;
    make_folder("kept");
    write_file("kept/one", "abc", 3);
    write_file("kept/two", "hellO\n", 6);
    write_gzip("b/two.gz", "hello\n", 6);
    lw_fetch_job job = make_job();
    assert_ok(lw_fetch_files(&job));
    check_file("kept/one", "abc");
    check_file("kept/two", "hello\n");
    assert_null(strstr(reports, "one.gz")); // was right already
}

static void expect_nothing(const char *part)
{
    lw_fetch_job job = make_job();
    assert_failed(lw_fetch_files(&job), LW_ERROR_IO, part);
    assert_false(lw_file_exists(in_folder("kept/one")));
}

static void test_no_mirror_has_it(void **state)
{
    (void)state;
    expect_nothing("Test set could not be fetched (one): file://");
    // Both mirrors are named with their reason.
    assert_non_null(strstr(lw_error_message(), "/a/one.gz: "));
    assert_non_null(strstr(lw_error_message(), "/b/one.gz: "));
}

static void test_wrong_content(void **state)
{
    (void)state;
    write_gzip("a/one.gz", "abd", 3);
    expect_nothing("expected SHA-256 ba7816bf8f01..., got a52d159f262b...");
    write_gzip("a/one.gz", "ab", 2);
    expect_nothing("expected 3 bytes unpacked, got 2");
    write_gzip("a/one.gz", "abcd", 4);
    expect_nothing("expected 3 bytes unpacked, got 4");
    write_file("a/one.gz", "\x1f\x8b....", 6);
    expect_nothing("the gzip data is damaged");
    write_file("a/one.gz", "<html>", 6); // what a captive portal would say
    expect_nothing("expected 3 bytes unpacked, got 4");
    char *large = calloc(1, 100000);
    write_file("a/one.gz", large, 100000);
    free(large);
    expect_nothing("it sends more");
}

static void test_only_https(void **state)
{
    (void)state;
    write_gzip("a/one.gz", "abc", 3);
    lw_fetch_job job = make_job();
    job.protocol = "https";
    assert_failed(lw_fetch_files(&job), LW_ERROR_IO, "could not be fetched");
    // Nobody listens on this port of this machine.
    const char *const closed[] = {"https://127.0.0.1:1/x/", "http://127.0.0.1:1/y/"};
    job.mirrors = closed;
    assert_failed(lw_fetch_files(&job), LW_ERROR_IO, "(one): 127.0.0.1:1: ");
    assert_non_null(strstr(lw_error_message(), "; 127.0.0.1:1: "));
    assert_false(lw_file_exists(in_folder("kept/one")));
}

static void test_no_place(void **state)
{
    (void)state;
    write_gzip("a/one.gz", "abc", 3);
    write_file("kept", "a file", 6);
    lw_fetch_job job = make_job();
    assert_int_not_equal(lw_fetch_files(&job), LW_OK);
    assert_string_equal(reports, ""); // found out before anything was asked for
    check_file("kept", "a file");
}

static void test_sha256(void **state)
{
    (void)state;
    char sum[LW_SHA256_TEXT_BYTES];
    assert_ok(lw_sha256("", 0, sum));
    assert_string_equal(sum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_ok(lw_sha256("abc", 3, sum));
    assert_string_equal(sum, files[0].sha256);
}

#else

static void test_without_curl(void **state)
{
    (void)state;
    lw_fetch_job job = {.title = "Test set"};
    assert_false(lw_fetch_available());
    assert_failed(lw_fetch_files(&job), LW_ERROR_UNSUPPORTED, "Test set could not be fetched");
}

#endif

static void test_note(void **state)
{
    (void)state;
    enum { hour = 3600 };
    const int64_t now = 1700000000;
    const char *path = in_folder("note");
    char reason[64] = "";
    int hours = -1;
    assert_false(lw_fetch_failed_lately(path, now, reason, sizeof reason, &hours));
    lw_fetch_note_failure(path, now, "no network");
    assert_true(lw_fetch_failed_lately(path, now + 5 * hour + 10, reason, sizeof reason, &hours));
    assert_string_equal(reason, "no network");
    assert_int_equal(hours, 5);
    assert_true(lw_fetch_failed_lately(path, now + 24 * hour - 1, reason, sizeof reason, &hours));
    assert_false(lw_fetch_failed_lately(path, now + 24 * hour, reason, sizeof reason, &hours));
    assert_false(lw_fetch_failed_lately(path, now - 1, reason, sizeof reason, &hours));
    lw_fetch_forget_failure(path);
    assert_false(lw_fetch_failed_lately(path, now, reason, sizeof reason, &hours));
    lw_fetch_forget_failure(path);

    // A note that is none; one that cannot be written.
    write_file("note", "hello", 5);
    assert_false(lw_fetch_failed_lately(path, now, reason, sizeof reason, &hours));
    write_file("note", "", 0);
    assert_false(lw_fetch_failed_lately(path, now, reason, sizeof reason, &hours));
    lw_fetch_note_failure(in_folder("no/such/folder"), now, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if defined(LW_HAVE_FETCH) && defined(LW_HAVE_ZLIB)
        cmocka_unit_test_setup_teardown(test_first_mirror, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_second_mirror, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_mends_what_is_there, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_no_mirror_has_it, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_wrong_content, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_only_https, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(test_no_place, set_up, leave_folder),
        cmocka_unit_test(test_sha256),
#else
        cmocka_unit_test(test_without_curl),
#endif
        cmocka_unit_test_teardown(test_note, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
