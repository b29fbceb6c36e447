// SPDX-License-Identifier: Apache-2.0
// Disks that are full or may only be read: small file systems in memory, which are mounted where this process and
// its children alone see them. Where the system refuses that (no root, no user namespaces), the tests are skipped.
#define _GNU_SOURCE // unshare
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/program.h"
#include "cli/small_run.h"
#include "fault/databases.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRAIN                                                                                      \
    "train", "lab_small", "--data", "small", "--train-limit", "200", "--validation", "40",         \
        "--batch", "16", "--epochs", "2"
#define TUNE "tune", "--threads=1", "--layout=nchw", "--passes=fwd", "--budget=60s"
#define FULL "No space left on device"
#define READ_ONLY "Read-only file system"

static bool mounts_are_possible;

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("%s failed", command);
}

static void write_line(const char *path, const char *line)
{
    const int descriptor = open(path, O_WRONLY);
    if (descriptor < 0) return;
    if (write(descriptor, line, strlen(line)) < 0) mounts_are_possible = false;
    close(descriptor);
}

// Mounts of this process's own. Whoever is not root becomes it in a name space of users.
static void try_mounts(void)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %d 1\n", (int)getuid());
    snprintf(groups, sizeof groups, "0 %d 1\n", (int)getgid());
    mounts_are_possible = unshare(CLONE_NEWNS) == 0;
    if (!mounts_are_possible && unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0) {
        mounts_are_possible = true;
        write_line("/proc/self/uid_map", users);
        write_line("/proc/self/setgroups", "deny");
        write_line("/proc/self/gid_map", groups);
    }
    if (!mounts_are_possible || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("lanewise", "disk", "tmpfs", 0, "size=4k") != 0 || umount("disk") != 0) {
        mounts_are_possible = false;
        print_message("no file system can be mounted here (%s): nothing is tested\n",
                      strerror(errno));
    }
}

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    assert_int_equal(mkdir("disk", 0777), 0);
    try_mounts();
    if (!mounts_are_possible) return 0;
    databases_make_runs();
    expect_exit(0, TRAIN, "--out", "run", "--quiet", NULL);
    program_result result = databases_train_seeds("whole");
    expect_code(&result, 0);
    program_free(&result);
    return 0;
}

static int leave(void **state)
{
    if (mounts_are_possible) umount2("disk", MNT_DETACH); // after a test that failed
    return program_leave_folder(state);
}

static void need_mounts(void)
{
    if (!mounts_are_possible) skip();
}

static void mount_disk(int kilobytes)
{
    char options[32];
    snprintf(options, sizeof options, "size=%dk", kilobytes);
    if (mount("lanewise", "disk", "tmpfs", 0, options) != 0) fail_msg("%s", strerror(errno));
}

static void change_disk(unsigned long flags, const char *options)
{
    if (mount(NULL, "disk", NULL, MS_REMOUNT | flags, options) != 0)
        fail_msg("%s", strerror(errno));
}

static void unmount_disk(void)
{
    if (umount("disk") != 0) fail_msg("%s", strerror(errno));
}

// Fills the disk up to so many pages of 4 KiB.
static void leave_pages(int pages)
{
    static const char page[4096];
    int n = 0;
    FILE *file = fopen("disk/filler", "w");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    while (fwrite(page, 1, sizeof page, file) == sizeof page) n++;
    fclose(file);
    assert_true(n >= pages);
    assert_int_equal(truncate("disk/filler", (off_t)(n - pages) * (off_t)sizeof page), 0);
}

// The command has done its work, or says that there was no room. True for the first.
static bool had_room(program_result result, const char *what, int room)
{
    const bool done = result.exit_code == 0;
    if (!done && (result.exit_code != 1 || !strstr(result.err, "lanewise: ") ||
                  !(strstr(result.err, FULL) || strstr(result.err, "disk is full"))))
        fail_msg("%s with room for %d: exit code %d\n%s", what, room, result.exit_code, result.err);
    program_free(&result);
    return done;
}

// ---- no room ------------------------------------------------------------------------------------

static void trainings_on_a_full_disk(void **state)
{
    (void)state;
    need_mounts();
    int refused = 0;
    bool done = false;
    for (int kilobytes = 4; !done; kilobytes += kilobytes < 32 ? 4 : 48) {
        mount_disk(kilobytes);
        done = had_room(program_run(TRAIN, "--checkpoint", "5steps", "--out", "disk/run", NULL),
                        "train", kilobytes);
        if (!done) {
            refused++;
            change_disk(0, "size=4m");
            if (is_there("disk/run.partial/resume.json"))
                expect_exit(0, "train", "--resume", "disk/run", "--quiet", NULL);
            else // nothing to go on with: nothing is in the way
                expect_exit(0, TRAIN, "--out", "disk/run", "--quiet", NULL);
        }
        shell("cmp run/model.safetensors disk/run/model.safetensors");
        unmount_disk();
    }
    assert_true(refused >= 3);
}

static program_result record(void)
{
    return program_run("track", "record", "--run=record", "r2", "--history=disk/h.db", NULL);
}

static int count_on_disk(void)
{
    shell("rm -f h.db* && cp disk/h.db* .");
    return count_records("a full disk");
}

static void histories_on_a_full_disk(void **state)
{
    (void)state;
    need_mounts();
    int refused = 0;
    bool done = false;
    for (int pages = 0; !done; pages++) {
        mount_disk(1024);
        expect_exit(0, "track", "record", "--run=record", "r1", "--history=disk/h.db", NULL);
        leave_pages(pages);
        done = had_room(record(), "record", pages);
        assert_int_equal(count_on_disk(), done ? 2 : 1);
        if (!done) {
            refused++;
            unlink("disk/filler");
            expect_exit(0, "track", "record", "--run=record", "r2", "--history=disk/h.db", NULL);
            assert_int_equal(count_on_disk(), 2);
        }
        unmount_disk();
    }
    assert_true(refused >= 1);
}

static program_result train_seeds(void)
{
    return databases_train_seeds("disk/trials");
}

static void trials_on_a_full_disk(void **state)
{
    (void)state;
    need_mounts();
    int refused = 0;
    bool done = false;
    for (int kilobytes = 8; !done; kilobytes += 24) {
        mount_disk(kilobytes);
        done = had_room(train_seeds(), "train --seeds", kilobytes);
        refused += !done;
        change_disk(0, "size=4m");
        program_result again = train_seeds();
        if (again.exit_code != 0) fail_msg("with room again: %s", again.err);
        program_free(&again);
        expect_whole_seeds("disk/trials", "a full disk");
        unmount_disk();
    }
    assert_true(refused >= 2);
}

static int count_times(void)
{
    program_next.variable = "LANEWISE_CACHE_DIR";
    program_next.value = "disk";
    return count_measured_times();
}

static program_result tune(const char *problem)
{
    program_next.variable = "LANEWISE_CACHE_DIR";
    program_next.value = "disk";
    return program_run(TUNE, problem, NULL);
}

static void times_on_a_full_disk(void **state)
{
    (void)state;
    need_mounts();
    mount_disk(256);
    assert_true(had_room(tune("mb1ic3ih6oc4oh6kh3ph1"), "tune", 256));
    leave_pages(0);
    assert_false(had_room(tune("mb1ic3ih5oc4oh5kh3ph1"), "tune", 0));
    assert_int_equal(count_times(), 1);
    unmount_disk();
}

// ---- no right to write --------------------------------------------------------------------------

// What reads works, what writes says why not and changes nothing.
static void a_disk_that_may_only_be_read(void **state)
{
    (void)state;
    need_mounts();
    mount_disk(4096);
    shell("cp -r run disk/run && cp -r whole disk/trials");
    expect_exit(0, "track", "record", "--run=record", "r1", "--history=disk/h.db", NULL);
    assert_true(had_room(tune("mb1ic3ih6oc4oh6kh3ph1"), "tune", 4096));
    program_next.interrupt_when = "epoch 1/100000";
    program_next.signal = SIGTERM;
    expect_failure(128 + SIGTERM, "to go on: ", "train", "lab_small", "--data", "small", "--epochs",
                   "100000", "--out", "disk/stopped", NULL);
    change_disk(MS_RDONLY, NULL);

    expect_exit(0, "eval", "disk/run", "--quiet", NULL);
    expect_exit(0, "report", "disk/run", NULL);
    expect_exit(0, "track", "history", "record/test accuracy", "--history=disk/h.db", NULL);
    assert_int_equal(count_times(), 1);

    expect_failure(1, READ_ONLY, TRAIN, "--out", "disk/new", NULL);
    expect_failure(1, READ_ONLY, TRAIN, "--out", "disk/new/deeper", NULL);
    expect_failure(1, READ_ONLY, "train", "--resume", "disk/stopped", NULL);
    expect_failure(1, READ_ONLY, TRAIN, "--seeds", "2", "--out", "disk/seeds", NULL);
    expect_failure(1, READ_ONLY, TRAIN, "--tensorboard", "disk/events", "--out", "new", NULL);
    expect_failure(1, READ_ONLY, "sweep", "lab_small", "--data", "small", "--lr", "1e-3,1e-2",
                   "--trials", "2", "--out", "disk/sweep", NULL);
    expect_failure(1, READ_ONLY, "report", "disk/run", "--out", "disk/page.html", NULL);
    expect_failure(1, READ_ONLY, "data", "varres", "--from", "small", "--count", "10", "--out",
                   "disk/varres", NULL);
    expect_failure(2, "it may only be read, not written", "track", "record", "--run=record", "r2",
                   "--history=disk/h.db", NULL);
    expect_failure(1, READ_ONLY, "track", "record", "--run=record", "r2", "--history=disk/new.db",
                   NULL);
    program_result result = tune("mb1ic3ih5oc4oh5kh3ph1");
    expect_code(&result, 1);
    assert_true(contains(result.err, READ_ONLY));
    program_free(&result);
    assert_int_equal(count_times(), 1);
    assert_false(is_there("new"));
    unmount_disk();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trainings_on_a_full_disk),     cmocka_unit_test(histories_on_a_full_disk),
        cmocka_unit_test(trials_on_a_full_disk),        cmocka_unit_test(times_on_a_full_disk),
        cmocka_unit_test(a_disk_that_may_only_be_read),
    };
    return cmocka_run_group_tests(tests, make, leave);
}
