// SPDX-License-Identifier: Apache-2.0
// `lanewise track self-test`: would the gate notice? Slowdowns are planted, and it has to find them.
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/track_options.h"
#include "report/format.h"
#include "report/table.h"
#include "track/rehearsal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct self_test_settings {
    lw_track_settings track;
    const char *levels, *program, *session;
} self_test_settings;

static const lw_option self_test_options[] = {
    {.name = "budget",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(self_test_settings, track.budget),
     .value_name = "TIME",
     .preset = "10min",
     .help = "time for measuring, where no recording is given"},
    {.name = "trials",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(self_test_settings, track.trials),
     .value_name = "N",
     .preset = "100",
     .minimum = 1,
     .maximum = 100000,
     .help = "sessions of each kind that are put together"},
    {.name = "session",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(self_test_settings, session),
     .value_name = "TIME",
     .preset = "180s",
     .help = "budget of each of them"},
    {.name = "levels",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(self_test_settings, levels),
     .value_name = "LIST",
     .preset = "0,2,3,5,10",
     .help = "slowdowns to plant, in per cent, with commas"},
    {.name = "save",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(self_test_settings, track.save),
     .value_name = "FILE",
     .help = "keep the measured blocks, to be read again as a RECORDING"},
    {.name = "program",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(self_test_settings, program),
     .value_name = "PATH",
     .help = "the program to plant slowdowns in; without it, `planted` beside this program"},
};

enum { most_levels = 16 };

typedef struct job {
    const lw_invocation *invocation;
    const self_test_settings *settings;
    double levels[most_levels];
    size_t n_levels;
    lw_recording recording;
    lw_ab_options options;
    lw_progress progress;
    double begun, whole_budget;
} job;

static lw_status read_levels(job *j)
{
    char text[256];
    snprintf(text, sizeof text, "%s", j->settings->levels);
    char *rest = NULL;
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        double level;
        if (j->n_levels == most_levels || !lw_parse_double(word, &level) || level < 0 ||
            level > 100)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "--levels: expected at most %d numbers from 0 to 100, got \"%s\"",
                           most_levels, word);
        j->levels[j->n_levels++] = level;
    }
    return j->n_levels ? LW_OK : lw_fail(LW_ERROR_ARGUMENT, "--levels: expected a number at least");
}

// ---- measuring --------------------------------------------------------------------------------

static lw_status find_program(char path[static 4200], const job *j)
{
    if (j->settings->program) {
        snprintf(path, 4200, "%.4000s", j->settings->program);
        return LW_OK;
    }
    char own[4096];
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash) *slash = '\0';
    snprintf(path, 4200, "%s/planted", slash ? own : ".");
    if (lw_file_exists(path)) return LW_OK;
    return lw_fail(
        LW_ERROR_NOT_FOUND,
        "%s: there is no such program; `cmake --build --preset release --target planted` "
        "builds it (with Google Benchmark), --program names another one",
        path);
}

static void show_progress(void *user, const lw_ab_progress *progress)
{
    (void)progress;
    job *j = user;
    const double now = lw_clock_seconds();
    lw_progress_work(&j->progress, "recording blocks", (now - j->begun) / j->whole_budget, now);
}

// Everything without a slowdown is drawn from for every session, so it gets twice the time.
static lw_status measure(job *j)
{
    char path[4200];
    double shares = 0;
    LW_TRY(find_program(path, j));
    for (size_t i = 0; i < j->n_levels; i++) shares += j->levels[i] > 0 ? 1 : 2;
    j->whole_budget = j->options.budget_seconds;
    j->begun = lw_clock_seconds();
    j->progress = lw_progress_begin(stderr, false, j->begun);
    if (j->invocation->output.notes) j->options.on_progress = show_progress;
    j->options.user = j;
    lw_status status = LW_OK;
    for (size_t i = 0; i < j->n_levels && !status; i++) {
        lw_ab_options options = j->options;
        options.budget_seconds = j->whole_budget * (j->levels[i] > 0 ? 1 : 2) / shares;
        options.seed += i;
        status = lw_recording_measure(&j->recording, path, j->levels[i], &options);
    }
    lw_progress_clear(&j->progress);
    return status;
}

// ---- output -----------------------------------------------------------------------------------

// What has to be reached: slowdowns of 3 % in 95, of 5 % and more in 99 of 100 sessions, and at most
// one session in 100 that calls anything slower that is not.
static bool is_good_enough(const lw_rehearsal *r)
{
    const double found = (double)r->found / r->trials, wrong = (double)r->wrong / r->trials;
    if (wrong > 0.01) return false;
    return r->planted < 3 || found >= (r->planted < 5 ? 0.95 : 0.99);
}

static void add_row(lw_table *table, const lw_rehearsal *r)
{
    const bool planted = r->planted > 0;
    if (planted)
        lw_table_cell(table, LW_STYLE_PLAIN, "%g %%", r->planted);
    else
        lw_table_cell(table, LW_STYLE_PLAIN, "nothing");
    const int found[] = {r->found, r->u_found, r->threshold_found};
    const int wrong[] = {r->wrong, r->u_wrong, r->threshold_wrong};
    for (int i = 0; i < 3; i++) {
        if (planted)
            lw_table_cell(table, i == 0 ? LW_STYLE_BOLD : LW_STYLE_PLAIN, "%d", found[i]);
        else
            lw_table_cell(table, LW_STYLE_DIM, "-");
        lw_table_cell(table, i == 0 ? LW_STYLE_BOLD : LW_STYLE_PLAIN, "%d", wrong[i]);
    }
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_seconds(r->median_seconds).text);
    lw_table_cell(table, is_good_enough(r) ? LW_STYLE_GOOD : LW_STYLE_BAD, "%s",
                  is_good_enough(r) ? "yes" : "NO");
}

static lw_status print_table(const job *j, const lw_rehearsal *results)
{
    const lw_output *output = &j->invocation->output;
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    static const char *const titles[] = {"planted",  "found",       "wrong",
                                         "U found",  "U wrong",     "5% found",
                                         "5% wrong", "median time", "good enough"};
    for (size_t i = 0; i < LW_COUNT(titles); i++)
        lw_table_column(table, i && i < 8 ? LW_ALIGN_RIGHT : LW_ALIGN_LEFT, titles[i]);
    for (size_t i = 0; i < j->n_levels; i++) add_row(table, &results[i]);
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    if (!output->quiet)
        fprintf(
            output->result,
            "Of %d sessions of %zu benchmarks each, put together from recorded blocks. found: the "
            "planted\nslowdown was called slower; wrong: something else was. U: the test of Google "
            "Benchmark's compare.py\nwith 10 repetitions and its usual alpha; 5%%: a fixed "
            "threshold.\n",
            results[0].trials, results[0].benchmarks);
    return status;
}

static lw_status print_json(const job *j, const lw_rehearsal *results)
{
    lw_json_object object = lw_json_object_begin();
    cJSON *array = cJSON_CreateArray();
    bool good = true;
    for (size_t i = 0; array && i < j->n_levels; i++) {
        const lw_rehearsal *r = &results[i];
        lw_json_object item = lw_json_object_begin();
        lw_json_add_number(&item, "planted_percent", r->planted);
        lw_json_add_count(&item, "trials", r->trials);
        lw_json_add_count(&item, "benchmarks", (int64_t)r->benchmarks);
        lw_json_add_count(&item, "found", r->found);
        lw_json_add_count(&item, "wrong", r->wrong);
        lw_json_add_count(&item, "u_test_found", r->u_found);
        lw_json_add_count(&item, "u_test_wrong", r->u_wrong);
        lw_json_add_count(&item, "threshold_found", r->threshold_found);
        lw_json_add_count(&item, "threshold_wrong", r->threshold_wrong);
        lw_json_add_number(&item, "median_seconds", r->median_seconds);
        lw_json_add_flag(&item, "good_enough", is_good_enough(r));
        good = good && is_good_enough(r);
        cJSON_AddItemToArray(array, lw_json_object_take(&item));
    }
    lw_json_add_flag(&object, "good_enough", good);
    lw_json_add_item(&object, "levels", array);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status rehearse(job *j, double session_seconds)
{
    lw_rehearsal results[most_levels];
    const int trials = (int)j->settings->track.trials;
    for (size_t i = 0; i < j->n_levels; i++) {
        LW_TRY(lw_rehearse(&results[i], &j->recording, j->levels[i], trials, session_seconds,
                           j->options.seed));
        if (!is_good_enough(&results[i])) *j->invocation->exit_code = 1;
    }
    return j->invocation->output.json ? print_json(j, results) : print_table(j, results);
}

static lw_status run_job(job *j)
{
    const lw_option_result *arguments = j->invocation->arguments;
    double session_seconds;
    LW_TRY(lw_track_configure(&j->options, &j->settings->track));
    LW_TRY(read_levels(j));
    if (!lw_parse_time(j->settings->session, &session_seconds))
        return lw_fail(LW_ERROR_ARGUMENT, "--session: expected a time as in 180s, got \"%s\"",
                       j->settings->session);
    for (size_t i = 0; i < arguments->n_operands; i++)
        LW_TRY(lw_recording_read(&j->recording, arguments->operands[i]));
    if (arguments->n_operands == 0) {
        lw_interrupt_catch();
        LW_TRY(measure(j));
    }
    if (j->settings->track.save) {
        LW_TRY(lw_recording_write(&j->recording, j->settings->track.save));
        lw_note(&j->invocation->output, "wrote %s", j->settings->track.save);
    }
    return rehearse(j, session_seconds);
}

static lw_status run_track_self_test(const lw_invocation *invocation)
{
    job j = {.invocation = invocation, .settings = invocation->settings};
    const lw_status status = run_job(&j);
    lw_recording_free(&j.recording);
    return status;
}

const lw_command lw_command_track_self_test = {
    .name = "track self-test",
    .summary = "plant slowdowns, and see whether they are found",
    .operands = "[RECORDING...]",
    .description =
        "Measures a program of 20 benchmarks against itself, without and with slowdowns of known "
        "size planted in it, puts many sessions together from the measured blocks, and reports how "
        "often the planted slowdown was called slower and how often something else was; beside it, "
        "what Google Benchmark's compare.py and a fixed threshold would have said. The exit code "
        "is "
        "1 where that is not good enough: 3 % in 95, 5 % in 99 of 100 sessions, at most 1 wrong. "
        "With RECORDINGs (--save), nothing is measured.",
    .examples = "  lanewise track self-test\n"
                "  lanewise track self-test --budget 2min --save blocks.csv\n"
                "  lanewise track self-test blocks.csv --trials 1000 --json\n",
    .least_operands = 0,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {self_test_options, lw_track_run_option_table, lw_output_option_table},
                .counts = {LW_COUNT(self_test_options), LW_N_TRACK_RUN_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(self_test_settings),
    .run = run_track_self_test,
};
