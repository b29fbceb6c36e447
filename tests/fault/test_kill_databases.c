// SPDX-License-Identifier: Apache-2.0
// Commands that are killed at random moments while they write to a database: it is sound, has all that was said to
// be in it, and the next command goes on with it. LANEWISE_TEST_KILLS says how many kills of each (20),
// LANEWISE_TEST_SEED which moments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cli/program.h"
#include "cli/small_run.h"
#include "fault/databases.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t number_from(const char *variable, int64_t preset)
{
    const char *text = getenv(variable);
    return text && *text ? atoll(text) : preset;
}

static int make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    databases_make_runs();
    return 0;
}

// How long a command takes that is left in peace, as of its last time: other work on the machine comes and goes.
static double whole_seconds;

// Runs it, now and then to its end, else until a random moment. True when it was killed.
static bool run_and_kill(program_result (*run)(void), lw_rng *rng, bool in_peace)
{
    program_next.signal_after_seconds = 1e-4 + 1.05 * whole_seconds * (double)lw_rng_uniform(rng);
    program_next.signal = SIGKILL;
    if (in_peace) program_next = (program_circumstances){.signal = 0};
    const double begun = lw_clock_seconds();
    program_result result = run();
    const bool killed = result.signal == SIGKILL;
    if (!killed && result.exit_code != 0) fail_msg("it ended with: %s", result.err);
    if (!killed) whole_seconds = lw_clock_seconds() - begun;
    program_free(&result);
    return killed;
}

static program_result record(void)
{
    return program_run("track", "record", "--run=record", "r1", "r2", "--history=h.db", NULL);
}

static void a_history_survives(void **state)
{
    (void)state;
    const int64_t kills = number_from("LANEWISE_TEST_KILLS", 20);
    lw_rng rng = lw_rng_stream((uint64_t)number_from("LANEWISE_TEST_SEED", 1), LW_RNG_TEST, 1, 0);
    int64_t killed = 0, written = 0;
    for (int records = 0, now; killed < kills; records = now) {
        const bool was_killed = run_and_kill(record, &rng, records == 0);
        now = count_records("after a kill");
        // Killed at its very end it has done its work.
        if (now != records + 1 && !(was_killed && now == records))
            fail_msg("%d records before, %d after", records, now);
        killed += was_killed;
        written += was_killed && now > records;
    }
    print_message("%lld kills, %lld of them after the record was written\n", (long long)killed,
                  (long long)written);
}

static program_result train_seeds(void)
{
    return databases_train_seeds("trials");
}

static void a_store_of_trials_survives(void **state)
{
    (void)state;
    const int64_t kills = number_from("LANEWISE_TEST_KILLS", 20);
    lw_rng rng = lw_rng_stream((uint64_t)number_from("LANEWISE_TEST_SEED", 1), LW_RNG_TEST, 2, 0);
    run_and_kill(train_seeds, &rng, true);
    assert_int_equal(rename("trials", "whole"), 0);
    int64_t killed = 0, finished = 0;
    while (killed < kills || is_there("trials")) {
        const bool was_killed = run_and_kill(train_seeds, &rng, killed >= kills);
        killed += was_killed;
        expect_sound_database("trials/trials.db", "after a kill");
        if (was_killed) continue;
        expect_whole_seeds("trials", "after kills");
        assert_int_equal(system("rm -rf trials"), 0);
        finished++;
    }
    print_message("%lld kills, %lld pairs of trainings finished, 0 differing bytes\n",
                  (long long)killed, (long long)finished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_survives),
        cmocka_unit_test(a_store_of_trials_survives),
    };
    return cmocka_run_group_tests(tests, make, program_leave_folder);
}
