// SPDX-License-Identifier: Apache-2.0
// A subcommand as the program's table lists it, and what it is handed when it runs.
#ifndef LW_CLI_COMMAND_H
#define LW_CLI_COMMAND_H

#include "cli/options.h"
#include "report/terminal.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Options that are the same word with the same meaning in every command that has them; the first
// member of each command's settings.
typedef struct lw_common_settings {
    const char *data;    // --data
    int64_t train_limit; // --train-limit
    bool offline;        // --offline
    bool skip_bad;       // --skip-bad
    const char *memory;  // --memory
    int64_t channels;    // of images in folders: --channels, or what the network takes; 0: any
    double validation_fraction; // --val; 0: not given
    int64_t threads;            // --threads
    bool json, quiet;           // --json --quiet
} lw_common_settings;

// Where a command speaks. Without --json the result goes to stdout; with it, stdout carries the
// object alone. Notes (which data, what was written) go to stderr.
typedef struct lw_output {
    FILE *result;         // the report for people
    FILE *notes;          // NULL when --quiet
    lw_terminal terminal; // of `result`
    bool json, quiet;
} lw_output;

typedef struct lw_invocation {
    const void *settings; // of the command's own type; begins with lw_common_settings
    const lw_option_result *arguments;
    lw_output output;
    const char *program; // how the user called it: what "next" suggestions begin with
    int *exit_code;      // of a command that did its work; 0 unless set (an answer of its own)
} lw_invocation;

typedef struct lw_command {
    const char *name;     // one word or two: "train", "data list"
    const char *summary;  // one line
    const char *operands; // as the usage line shows them, "[NETWORK]"
    const char *description;
    const char *examples; // lines
    size_t least_operands, most_operands;
    lw_option_tables options;
    void (*complete)(lw_option_tables *options); // adds tables that are made when they are needed; or NULL
    size_t settings_bytes;
    lw_status (*run)(const lw_invocation *invocation);
} lw_command;

enum { LW_NO_OPERAND_LIMIT = 1 << 20 };

#define LW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const lw_command lw_command_train, lw_command_eval, lw_command_predict, lw_command_info,
    lw_command_shape, lw_command_data_list, lw_command_data_fetch, lw_command_data_info,
    lw_command_data_show, lw_command_bench, lw_command_check, lw_command_version, lw_command_why,
    lw_command_tune, lw_command_data_varres, lw_command_data_export, lw_command_match,
    lw_command_track_ab, lw_command_track_record, lw_command_track_import, lw_command_track_export,
    lw_command_track_history, lw_command_track_changes, lw_command_track_gate,
    lw_command_track_self_test, lw_command_track_report, lw_command_sweep, lw_command_report,
    lw_command_study_list, lw_command_study_show, lw_command_study_run;

#endif
