// SPDX-License-Identifier: Apache-2.0
// `lanewise track ab`: two builds of a benchmark program against each other.
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/track_options.h"

#include <stddef.h>

static const lw_option ab_options[] = {
    {.name = "ref",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, ref),
     .value_name = "COMMIT",
     .help = "compare the working tree with this commit; both are built"},
    {.name = "margin",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, margin),
     .value_name = "PERCENT",
     .preset = "2%",
     .help = "a difference that certainly is no larger than this is called the same"},
};

static lw_status find_sides(lw_track_sides *sides, const lw_invocation *invocation)
{
    const lw_track_settings *settings = invocation->settings;
    const lw_option_result *arguments = invocation->arguments;
    const size_t n = arguments->n_operands;
    if (settings->ref) {
        if (n > 1)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "track ab: with --ref expected one PROGRAM at most, got %zu", n);
        return lw_track_sides_built(sides, settings->ref, n ? arguments->operands[0] : NULL,
                                    settings, &invocation->output);
    }
    if (n != 2)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "track ab: expected two programs, OLD and NEW, or --ref COMMIT; got %zu "
                       "argument%s",
                       n, n == 1 ? "" : "s");
    if (lw_option_given(arguments, "build"))
        return lw_fail(LW_ERROR_ARGUMENT, "--build is of use with --ref only");
    return lw_track_sides_given(sides, arguments->operands[0], arguments->operands[1]);
}

static lw_status run_track_ab(const lw_invocation *invocation)
{
    lw_ab_options options;
    lw_track_sides sides;
    LW_TRY(lw_track_configure(&options, invocation->settings));
    lw_interrupt_catch(); // so that a build that is under way is ended with us
    LW_TRY(find_sides(&sides, invocation));
    return lw_track_compare(&sides, &options, invocation);
}

const lw_command lw_command_track_ab = {
    .name = "track ab",
    .summary = "compare two builds of a Google Benchmark program",
    .operands = "[OLD NEW | PROGRAM]",
    .description =
        "Runs two Google Benchmark programs in turn, block by block in random order, until each "
        "benchmark is decided or the budget ends: slower, faster, same (within the margin) or "
        "inconclusive. A difference is said only after fresh measurements have confirmed it. With "
        "--ref, a commit is built in a git worktree of its own and compared with the working tree; "
        "PROGRAM is then the path of the program below the root of the repository "
        "(build/release/benchmarks/bench_conv).\n"
        "Exit codes: 0 nothing is slower, 1 something is, 3 inconclusive, 2 wrong usage or input.",
    .examples = "  lanewise track ab build-old/bench_conv build-new/bench_conv --filter fixed\n"
                "  lanewise track ab --ref v0.3.0 --filter 'threads:1/' --budget 5min\n"
                "  lanewise track ab --ref HEAD~3 build/my_bench --build 'make my_bench'\n"
                "  lanewise track ab old/bench new/bench --json --markdown summary.md\n",
    .least_operands = 0,
    .most_operands = 2,
    .options = {.tables = {ab_options, lw_track_compare_option_table, lw_track_run_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(ab_options), LW_N_TRACK_COMPARE_OPTIONS, LW_N_TRACK_RUN_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(lw_track_settings),
    .run = run_track_ab,
};
