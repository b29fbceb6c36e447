// SPDX-License-Identifier: Apache-2.0
// `lanewise track gate`: the one command for continuous integration.
#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/track_gate_history.h"
#include "cli/track_options.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const lw_option gate_options[] = {
    {.name = "against",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, against),
     .value_name = "WHAT",
     .preset = "main",
     .help = "a commit, branch or tag, which is built; `history`; or the path of another program"},
    {.name = "max-slowdown",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, max_slowdown),
     .value_name = "PERCENT",
     .preset = "3%",
     .help = "slower by no more than this passes"},
    {.name = "history",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, history),
     .value_name = "FILE",
     .preset = "lanewise-track.db",
     .help = "the history of `--against history`"},
    {.name = "machine",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_track_settings, machine),
     .value_name = "NAME",
     .help = "what this machine is called in the history"},
};

static const char usual_program[] = "build/release/benchmarks/bench_conv";

// A file that can be run is meant as one; anything else is a commit.
static bool is_program(const char *word)
{
    return strchr(word, '/') && lw_file_exists(word) && !lw_file_is_folder(word) &&
           access(word, X_OK) == 0;
}

static lw_status run_track_gate(const lw_invocation *invocation)
{
    const lw_track_settings *settings = invocation->settings;
    const lw_option_result *arguments = invocation->arguments;
    const char *program = arguments->n_operands ? arguments->operands[0] : NULL;
    lw_ab_options options;
    lw_track_sides sides;
    LW_TRY(lw_track_configure(&options, settings));
    lw_interrupt_catch();
    if (strcmp(settings->against, "history") == 0)
        return lw_track_gate_history(program ? program : usual_program, &options, invocation);
    if (is_program(settings->against))
        LW_TRY(lw_track_sides_given(&sides, settings->against, program ? program : usual_program));
    else
        LW_TRY(lw_track_sides_built(&sides, settings->against, program, settings,
                                    &invocation->output));
    return lw_track_compare(&sides, &options, invocation);
}

const lw_command lw_command_track_gate = {
    .name = "track gate",
    .summary = "pass or fail: for continuous integration",
    .operands = "[PROGRAM]",
    .description =
        "Fails when a benchmark is slower than before by more than --max-slowdown, and that is "
        "certain. Before is a commit, which is built and run in turn with the working tree; "
        "another "
        "program; or the history of this machine. PROGRAM is a Google Benchmark program, for a "
        "commit its path below the root of the repository (build/release/benchmarks/bench_conv). "
        "Benchmarks that are new or gone are named. A gate that compared nothing fails.\n"
        "Exit codes: 0 pass, 1 regression, 3 inconclusive, 2 wrong usage or input.",
    .examples = "  lanewise track gate --against main --max-slowdown 3%\n"
                "  lanewise track gate --against v0.3.0 --markdown gate.md --junit gate.xml\n"
                "  lanewise track gate new/bench --against old/bench --filter 'conv|step'\n"
                "  lanewise track gate build/bench --against history --history perf.db\n",
    .least_operands = 0,
    .most_operands = 1,
    .options = {.tables = {gate_options, lw_track_compare_option_table, lw_track_run_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(gate_options), LW_N_TRACK_COMPARE_OPTIONS,
                           LW_N_TRACK_RUN_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(lw_track_settings),
    .run = run_track_gate,
};
