// SPDX-License-Identifier: Apache-2.0
// Files larger than 32 bits can say (holes, so that they take no room on the disk): each command refuses them in a
// sentence, at once and without having read them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static const int64_t large_bytes =
    ((int64_t)5 << 30) + 1; // more than 2^32: 1 GiB and 1 byte where bits get lost

static bool large_files_are_possible = true;

static void make_large(const char *path, const void *beginning, size_t count)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, beginning, count), count);
    if (ftruncate(descriptor, (off_t)large_bytes) != 0) large_files_are_possible = false;
    close(descriptor);
}

static int make(void **state)
{
    if (program_enter_folder(state) != 0) return -1;
    // A header that says what is in the file: one tensor of 2^30 numbers.
    static const char model[] =
        "\x4a\0\0\0\0\0\0\0"
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1073741824],\"data_offsets\":[0,4294967296]}}   ";
    static const uint8_t images[16] = {0, 0, 8, 3, 0, 64, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    static const uint8_t labels[8] = {0, 0, 8, 1, 0, 64, 0, 0};
    make_large("model.safetensors", model, sizeof model - 1);
    make_large("text", "", 0);
    assert_int_equal(mkdir("idx", 0777), 0);
    make_large("idx/train-images-idx3-ubyte", images, sizeof images);
    make_large("idx/train-labels-idx1-ubyte", labels, sizeof labels);
    make_large("idx/t10k-images-idx3-ubyte", images, sizeof images);
    make_large("idx/t10k-labels-idx1-ubyte", labels, sizeof labels);
    assert_int_equal(mkdir("run", 0777), 0);
    make_large("run/model.safetensors", model, sizeof model - 1);
    return 0;
}

static void need_large_files(void)
{
    if (!large_files_are_possible) skip();
}

static void link_as(const char *name)
{
    unlink(name);
    assert_int_equal(symlink("text", name), 0);
}

static void files_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    need_large_files();
    static const char sentence[] = " bytes, got 5368709121";
    link_as("a.net");
    link_as("a.study");
    link_as("a.recipe");
    link_as("a.json");
    expect_failure(2, sentence, "info", "a.net", NULL);
    expect_failure(2, sentence, "study", "run", "a.study", NULL);
    expect_failure(2, sentence, "train", "lab", "--data", "digits", "--recipe", "a.recipe", NULL);
    expect_failure(2, sentence, "eval", "model.safetensors", "--data", "digits", NULL);
    expect_failure(2, sentence, "eval", "run", "--data", "digits", NULL);
    expect_failure(2, sentence, "train", "lab", "--data", "digits", "--init", "model.safetensors",
                   NULL);
    // It says 2^22 images of 28 x 28: 3 GiB.
    expect_failure(2, "expected 3288334352 bytes by its header, got 5368709121", "train", "lab",
                   "--data", "idx", NULL);
}

#ifdef LW_HAVE_SQLITE
static void a_large_history_is_refused(void **state)
{
    (void)state;
    need_large_files();
    link_as("a.db");
    expect_failure(2, "expected a history of lanewise, got something else", "track", "history", "x",
                   "--history=a.db", NULL);
    expect_failure(2, " bytes, got 5368709121", "track", "import", "a.json", "--history=new.db",
                   NULL);
}
#endif

// It counts as empty, as every one that is not ours.
static void large_measured_times_are_replaced(void **state)
{
    (void)state;
    need_large_files();
    make_large("conv-tuning.txt", "lanewise-tuning 1", 17);
    expect_exit(0, "tune", "mb1ic3ih6oc4oh6kh3ph1", "--threads=1", "--layout=nchw", "--passes=fwd",
                "--budget=60s", NULL);
    struct stat info;
    assert_int_equal(stat("conv-tuning.txt", &info), 0);
    assert_true(info.st_size > 0 && info.st_size < 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_beyond_their_limits_are_refused),
#ifdef LW_HAVE_SQLITE
        cmocka_unit_test(a_large_history_is_refused),
#endif
        cmocka_unit_test(large_measured_times_are_replaced),
    };
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
