// SPDX-License-Identifier: Apache-2.0
// Trainings that are killed at random moments and taken up again, until they are done: the model has the bytes
// of one that was left in peace. LANEWISE_TEST_KILLS says how many kills (20), LANEWISE_TEST_SEED which
// moments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cli/program.h"
#include "cli/small_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_OPTIONS                                                                                \
    "lab_small", "--data", "small", "--validation", "100", "--augment", "rotate=10",               \
        "--optimizer", "adamw", "--schedule", "one-cycle", "--batch", "24", "--epochs", "3",       \
        "--log-steps"

static double whole_seconds; // of a training that is left in peace

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    const double begun = lw_clock_seconds();
    expect_exit(0, "train", RUN_OPTIONS, "--out", "whole", "--quiet", NULL);
    whole_seconds = lw_clock_seconds() - begun;
    return 0;
}

static int64_t number_from(const char *variable, int64_t preset)
{
    const char *text = getenv(variable);
    return text && *text ? atoll(text) : preset;
}

static void expect_same_model(const char *a, const char *b)
{
    char command[256];
    snprintf(command, sizeof command, "cmp %s/model.safetensors %s/model.safetensors", a, b);
    if (system(command) != 0) fail_msg("%s and %s differ", a, b);
    // The log has every step once, in order, whatever was written twice.
    snprintf(command, sizeof command,
             "grep -v '\"event\":\"epoch\"' %s/log.jsonl | grep -v resume >log.a; "
             "grep -v '\"event\":\"epoch\"' %s/log.jsonl | grep -v resume >log.b; cmp log.a log.b",
             a, b);
    if (system(command) != 0) fail_msg("the steps in the logs of %s and %s differ", a, b);
}

// Starts or takes up the run "k", and kills it after that many seconds; 0: leaves it in peace. True when it
// was killed.
static bool train(double kill_after, int threads)
{
    char count[12];
    snprintf(count, sizeof count, "%d", threads);
    if (kill_after > 0) {
        program_next.signal_after_seconds = kill_after;
        program_next.signal = SIGKILL;
    }
    // Killed while it began, it has left nothing, or nothing to go on from.
    const bool goes_on = is_there("k.partial/resume.json");
    program_result result = goes_on
                                ? program_run("train", "--resume", "k", "--checkpoint", "4steps",
                                              "--threads", count, "--quiet", NULL)
                                : program_run("train", RUN_OPTIONS, "--checkpoint", "4steps",
                                              "--threads", count, "--out", "k", "--quiet", NULL);
    const bool killed = result.signal == SIGKILL;
    if (!killed && result.exit_code != 0) fail_msg("a training ended with: %s", result.err);
    program_free(&result);
    return killed;
}

static void killed_trainings_end_with_the_same_bytes(void **state)
{
    (void)state;
    const int64_t kills = number_from("LANEWISE_TEST_KILLS", 20);
    const uint64_t seed = (uint64_t)number_from("LANEWISE_TEST_SEED", 1);
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 0, 0);
    int64_t killed = 0, trainings = 0, finished = 0;
    while (killed < kills || is_there("k.partial")) {
        const int threads = 1 + (int)lw_rng_below(&rng, 4);
        double moment = 1.1 * whole_seconds * (double)lw_rng_uniform(&rng);
        if (killed >= kills) moment = 0;
        trainings++;
        killed += train(moment, threads);
        if (!is_there("k")) continue;
        // Killed after its end or not: it is there, so it is whole.
        expect_same_model("whole", "k");
        assert_int_equal(system("rm -rf k k.partial"), 0);
        finished++;
    }
    print_message("%lld kills, %lld starts, %lld trainings finished, 0 differing bytes\n",
                  (long long)killed, (long long)trainings, (long long)finished);
    assert_int_equal(killed, kills);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_trainings_end_with_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
