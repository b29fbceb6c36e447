// SPDX-License-Identifier: Apache-2.0
// Every file of seeds/ through the function of its target. What a fuzzer has found is among them, so
// a find stays found, also where there is no fuzzer.
#include "fuzz/fuzz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char seeds[] = LW_SOURCE_DIR "/tests/fuzz/seeds";

static void replay_file(const lw_fuzz_target *target, const char *name)
{
    char path[1024];
    uint8_t *bytes;
    size_t count;
    snprintf(path, sizeof path, "%s/%s/%s", seeds, target->name, name);
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &count), LW_OK);
    // Memory of just that size, as a fuzzer gives it.
    uint8_t *copy = malloc(count ? count : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    free(bytes);
    target->run(copy, count);
    free(copy);
}

static int replay_folder(const lw_fuzz_target *target)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", seeds, target->name);
    DIR *folder = opendir(path);
    if (!folder) fail_msg("%s: this target has no seeds", path);
    int n = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.') {
            replay_file(target, entry->d_name);
            n++;
        }
    closedir(folder);
    return n;
}

static void every_seed_keeps_the_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < lw_fuzz_target_count; i++)
        assert_true(replay_folder(&lw_fuzz_targets[i]) > 0);
}

// Nothing, and bytes that are no format at all, are inputs too.
static void every_target_takes_nonsense(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)(255 - i);
    for (size_t i = 0; i < lw_fuzz_target_count; i++) {
        lw_fuzz_targets[i].run(bytes, 0);
        for (size_t count = 1; count <= sizeof bytes; count = 3 * count + 1)
            lw_fuzz_targets[i].run(bytes, count);
    }
}

static void folders_without_a_target_are_noticed(void **state)
{
    (void)state;
    DIR *folder = opendir(seeds);
    assert_non_null(folder);
    const struct dirent *entry;
    // A build without a library has fewer targets; the names of all are in targets.c.
    size_t folders = 0;
    while ((entry = readdir(folder))) folders += entry->d_name[0] != '.';
    closedir(folder);
    assert_true(folders >= lw_fuzz_target_count);
    assert_null(lw_fuzz_find("nothing"));
    assert_ptr_equal(lw_fuzz_find("network"), &lw_fuzz_targets[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_keeps_the_promises),
        cmocka_unit_test(every_target_takes_nonsense),
        cmocka_unit_test(folders_without_a_target_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
