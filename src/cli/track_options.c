// SPDX-License-Identifier: Apache-2.0
#include "cli/track_options.h"

#include "base/error.h"
#include "cli/interrupt.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const clock_words[] = {"auto", "real", "cpu", NULL};

const lw_option lw_track_run_option_table[LW_N_TRACK_RUN_OPTIONS] = {
    {.name = "filter",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, filter),
     .value_name = "REGEX",
     .help = "only benchmarks whose name matches this extended regular expression"},
    {.name = "clock",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_track_settings, clock),
     .value_name = "WORD",
     .preset = "auto",
     .choices = clock_words,
     .help = "which time counts: real, cpu, or auto: as the benchmark says itself (real_time or "
             "manual_time in its name), else cpu"},
    {.name = "pin",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_track_settings, pin),
     .value_name = "CPU",
     .preset = "-1",
     .minimum = -1,
     .maximum = 1023,
     .help = "run the programs on this processor only (-1: on all); not for benchmarks with "
             "several threads"},
    {.name = "timeout",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, timeout),
     .value_name = "TIME",
     .preset = "60s",
     .help = "a program that runs longer for one measurement is killed and refused"},
    {.name = "slice",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, slice),
     .value_name = "TIME",
     .preset = "10ms",
     .help = "the least time of a repetition (Google Benchmark's min_time)"},
    {.name = "repetitions",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_track_settings, repetitions),
     .value_name = "N",
     .preset = "3",
     .minimum = 1,
     .maximum = 1000,
     .help = "repetitions of one measurement"},
    {.name = "seed",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_track_settings, seed),
     .value_name = "N",
     .preset = "1",
     .minimum = 0,
     .maximum = 1e15,
     .help = "of everything that is drawn by lot"},
};

const lw_option lw_track_compare_option_table[LW_N_TRACK_COMPARE_OPTIONS] = {
    {.name = "budget",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, budget),
     .value_name = "TIME",
     .preset = "120s",
     .help = "stop measuring then; what is not decided is inconclusive"},
    {.name = "instructions",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_track_settings, instructions),
     .help = "count instructions too, where the kernel does"},
    {.name = "valgrind",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_track_settings, valgrind),
     .help = "count instructions with valgrind, which takes far longer"},
    {.name = "markdown",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, markdown),
     .value_name = "FILE",
     .help = "write a summary for a pull request"},
    {.name = "junit",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, junit),
     .value_name = "FILE",
     .help = "write the result as JUnit XML"},
    {.name = "build",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, build),
     .value_name = "COMMAND",
     .preset = "cmake --preset release && cmake --build --preset release --target benchmarks",
     .help = "how a source tree is built, for a commit and for the working tree alike"},
};

bool lw_track_stop(void *user)
{
    (void)user;
    return lw_interrupt_signal() != 0;
}

int lw_track_exit_code(lw_outcome outcome)
{
    static const int codes[] = {0, LW_TRACK_EXIT_REGRESSION, LW_TRACK_EXIT_INCONCLUSIVE};
    return codes[outcome];
}

static lw_status read_time(double *seconds, const char *option, const char *text, double least,
                           double most)
{
    if (!lw_parse_time(text, seconds))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--%s: expected a time as in 100ms, 2s or 5min, got \"%s\"", option, text);
    if (*seconds < least || *seconds > most)
        return lw_fail(LW_ERROR_ARGUMENT, "--%s: expected %g s to %g s, got \"%s\"", option, least,
                       most, text);
    return LW_OK;
}

lw_status lw_track_read_share(double *fraction, const char *option, const char *text)
{
    if (lw_parse_share(text, fraction)) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "--%s: expected per cent from 0%% to 100%%, got \"%s\"",
                   option, text);
}

lw_status lw_track_configure(lw_ab_options *options, const lw_track_settings *settings)
{
    *options = lw_ab_options_default();
    LW_TRY(read_time(&options->runs.timeout_seconds, "timeout", settings->timeout, 0.1, 86400));
    LW_TRY(read_time(&options->runs.slice_seconds, "slice", settings->slice, 1e-4, 60));
    if (settings->budget)
        LW_TRY(read_time(&options->budget_seconds, "budget", settings->budget, 0.1, 86400));
    if (settings->margin)
        LW_TRY(lw_track_read_share(&options->rules.margin, "margin", settings->margin));
    if (settings->max_slowdown) {
        LW_TRY(lw_track_read_share(&options->rules.limit, "max-slowdown", settings->max_slowdown));
        if (options->rules.limit > options->rules.margin)
            options->rules.margin = options->rules.limit;
    }
    const long processors = sysconf(_SC_NPROCESSORS_CONF);
    if (settings->pin >= processors)
        return lw_fail(LW_ERROR_ARGUMENT, "--pin: expected a processor from 0 to %ld, got %lld",
                       processors - 1, (long long)settings->pin);
    options->runs.cpu = (int)settings->pin;
    options->runs.clock = (lw_gbench_clock)settings->clock;
    options->runs.repetitions = (int)settings->repetitions;
    options->runs.stop = lw_track_stop;
    options->filter = settings->filter;
    options->seed = options->rules.seed = (uint64_t)settings->seed;
    options->instructions = settings->instructions || settings->valgrind;
    options->counter = settings->valgrind ? LW_COUNTER_VALGRIND : LW_COUNTER_KERNEL;
    return LW_OK;
}
