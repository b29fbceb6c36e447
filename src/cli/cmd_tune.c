// SPDX-License-Identifier: Apache-2.0
// `lanewise tune`: measures the algorithms of convolutions and remembers the fastest.
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/tune_report.h"
#include "report/format.h"

#include <lanewise/cpu.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct tune_settings {
    lw_common_settings common;
    const char *input, *passes, *budget;
    int64_t batch;
    int layout;
    bool list, clear;
} tune_settings;

static const lw_option tune_options[] = {
    {.name = "input",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(tune_settings, input),
     .value_name = "CxHxW",
     .help = "of networks: channels, height and width of the image; without it the size that the "
             "network declares, or 64x64 where it takes any"},
    {.name = "batch",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(tune_settings, batch),
     .value_name = "N",
     .preset = "16",
     .minimum = 1,
     .maximum = 65536,
     .help = "of networks: images at once"},
    {.name = "layout",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(tune_settings, layout),
     .value_name = "WORD",
     .preset = "padded",
     .choices = lw_layout_words,
     .help = "how the maps lie in memory: nchw, nhwc, or padded, as inside a network"},
    {.name = "passes",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(tune_settings, passes),
     .value_name = "LIST",
     .help = "only these passes, with commas: fwd, bwd_d, bwd_w"},
    {.name = "threads",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_common_settings, threads),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1024,
     .help =
         "exactly so many; without it as many as a plan takes by itself. What is measured counts "
         "for plans with that number of threads"},
    {.name = "budget",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(tune_settings, budget),
     .value_name = "TIME",
     .preset = "100ms",
     .help = "time for each network and for each problem given by itself, roughly: 100ms, 2s. What "
             "does not fit is left to the model"},
    {.name = "list",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(tune_settings, list),
     .help = "print what was measured so far on this CPU with these kernels, measure nothing"},
    {.name = "clear",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(tune_settings, clear),
     .help = "forget everything that was measured"},
};

typedef struct tune_job {
    const tune_settings *settings;
    const lw_output *output;
    lw_bench_selection selection;
    double budget_seconds;
    char path[2048];
    lw_tuned_table known, found; // what the file has; what was measured now
    lw_tune_group *groups;
    size_t n_groups, capacity;
} tune_job;

// ---- arguments --------------------------------------------------------------------------------

// Reads "100ms" or "2s"; a bare number is in seconds.
static lw_status read_time(const char *text, double *seconds)
{
    if (!lw_parse_time(text, seconds))
        return lw_fail(LW_ERROR_ARGUMENT, "--budget: expected a time as in 100ms or 2s, got \"%s\"",
                       text);
    if (*seconds < 1e-3 || *seconds > 3600.0)
        return lw_fail(LW_ERROR_ARGUMENT, "--budget: expected 1ms to 3600s, got \"%s\"", text);
    return LW_OK;
}

static lw_status add_group(tune_job *job, lw_tune_group **group)
{
    *group = NULL;
    if (job->n_groups == job->capacity) {
        const size_t capacity = 2 * job->capacity + 8;
        lw_tune_group *grown = realloc(job->groups, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu problems", capacity);
        job->groups = grown;
        job->capacity = capacity;
    }
    *group = &job->groups[job->n_groups++];
    **group = (lw_tune_group){0};
    return LW_OK;
}

static lw_status add_network(tune_job *job, const char *name)
{
    lw_extent input = {0, 0, 0};
    if (job->settings->input && !lw_read_extent(job->settings->input, &input))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--input: expected channels, height and width as in 1x28x28, got \"%s\"",
                       job->settings->input);
    lw_tune_group *group;
    LW_TRY(add_group(job, &group));
    snprintf(group->name, sizeof group->name, "%s", name);
    return lw_problems_add_network(&group->problems, name, input, (int32_t)job->settings->batch);
}

// Every problem of a list is a group of its own: it has a budget of its own.
static lw_status add_file(tune_job *job, const char *path)
{
    lw_problem_list list = {0};
    lw_status status = lw_problems_add_file(&list, path);
    for (size_t i = 0; i < list.n && !status; i++) {
        char text[LW_CONV_PROBLEM_BYTES + 80];
        lw_tune_group *group;
        status = add_group(job, &group);
        snprintf(text, sizeof text, "%s%s%s", list.problems[i].text,
                 list.problems[i].name[0] ? "n" : "", list.problems[i].name);
        if (!status) status = lw_problems_add_text(&group->problems, text, "");
    }
    lw_problems_free(&list);
    return status;
}

static lw_status add_operand(tune_job *job, const char *operand)
{
    const size_t length = strlen(operand);
    const bool is_network = length > 4 && strcmp(operand + length - 4, ".net") == 0;
    if (!is_network && lw_file_exists(operand) && !lw_file_is_folder(operand))
        return add_file(job, operand);
    if (is_network || !lw_looks_like_problem(operand)) return add_network(job, operand);
    lw_tune_group *group;
    LW_TRY(add_group(job, &group));
    return lw_problems_add_text(&group->problems, operand, "");
}

// The passes that run: nobody wants the gradient of a network's image.
static lw_status prepare_group(tune_job *job, lw_tune_group *group)
{
    const bool is_network = group->name[0] != '\0';
    group->items = calloc(group->problems.n * LW_BENCH_PASSES, sizeof *group->items);
    if (!group->items) return lw_fail(LW_ERROR_MEMORY, "no memory for the problems");
    for (size_t i = 0; i < group->problems.n; i++)
        for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
            if (!job->selection.passes[pass]) continue;
            if (is_network && i == 0 && pass == LW_CONV_BACKWARD_DATA) continue;
            lw_tune_item *item = &group->items[group->n_items++];
            item->problem = &group->problems.problems[i];
            LW_TRY(lw_tune_prepare(&item->tuned, &item->problem->shape, (lw_conv_pass)pass,
                                   (lw_conv_layout)job->settings->layout,
                                   (int32_t)job->settings->common.threads, &job->known));
        }
    return LW_OK;
}

static lw_status check_usage(const tune_job *job, const lw_option_result *arguments)
{
    const tune_settings *settings = job->settings;
    if (!settings->list && !settings->clear) return LW_OK;
    const char *word = settings->list ? "list" : "clear";
    if (settings->list && settings->clear)
        return lw_fail(LW_ERROR_ARGUMENT, "tune: --list and --clear do not go together");
    if (arguments->n_operands > 0)
        return lw_fail(LW_ERROR_ARGUMENT, "tune: --%s takes no argument, got \"%s\"", word,
                       arguments->operands[0]);
    static const char *const useless[] = {"input",  "batch",   "layout",
                                          "passes", "threads", "budget"};
    for (size_t i = 0; i < LW_COUNT(useless); i++)
        if (lw_option_given(arguments, useless[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "tune: --%s is of no use with --%s", useless[i],
                           word);
    return LW_OK;
}

// ---- measuring --------------------------------------------------------------------------------

// Measures the passes of one problem, items [first, end), that are not measured yet. The budget is
// shared out by what each needs.
static lw_status measure_problem(tune_job *job, lw_tune_group *group, size_t first, size_t end,
                                 double deadline, double *needed)
{
    lw_tune_arrays arrays = {0};
    lw_status status = LW_OK;
    for (size_t i = first; i < end && !status; i++) {
        lw_tune_problem *tuned = &group->items[i].tuned;
        const double left = deadline - lw_clock_seconds(), least = tuned->least_seconds;
        double share = left * least / *needed;
        if (tuned->measured) continue;
        *needed -= least;
        if (least > left) continue;
        if (share > left) share = left;
        if (share < least) share = least;
        if (!arrays.x) status = lw_tune_arrays_create(&arrays, &tuned->shape, tuned->layout);
        if (!status) status = lw_tune_measure(tuned, &arrays, share, NULL);
        if (!status && tuned->measured) status = lw_tune_remember(tuned, &job->found);
    }
    lw_tune_arrays_free(&arrays);
    return status;
}

static double needed_seconds(const lw_tune_group *group)
{
    double needed = 0.0;
    for (size_t i = 0; i < group->n_items; i++)
        if (!group->items[i].tuned.measured) needed += group->items[i].tuned.least_seconds;
    return needed;
}

// Where the passes of a problem stand among the items.
typedef struct item_range {
    size_t first, end;
    double least_seconds;
} item_range;

static int compare_ranges(const void *a, const void *b)
{
    const item_range *x = a, *y = b;
    if (x->least_seconds != y->least_seconds) return x->least_seconds < y->least_seconds ? -1 : 1;
    return x->first < y->first ? -1 : 1;
}

// The quick problems first, so that a slow one does not take their time away. What turned out to take
// longer than its share gets what is left.
static lw_status measure_group(tune_job *job, lw_tune_group *group)
{
    const double begin = lw_clock_seconds();
    item_range *ranges = calloc(group->n_items + 1, sizeof *ranges);
    if (!ranges) return lw_fail(LW_ERROR_MEMORY, "no memory for the problems");
    size_t n = 0;
    for (size_t i = 0; i < group->n_items; i++) {
        const lw_tune_item *item = &group->items[i];
        if (i == 0 || item->problem != item[-1].problem) ranges[n++].first = i;
        ranges[n - 1].end = i + 1;
        ranges[n - 1].least_seconds += item->tuned.least_seconds;
    }
    qsort(ranges, n, sizeof *ranges, compare_ranges);
    lw_status status = LW_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        double needed = needed_seconds(group);
        for (size_t i = 0; i < n && needed > 0.0 && !status; i++)
            status = measure_problem(job, group, ranges[i].first, ranges[i].end,
                                     begin + job->budget_seconds, &needed);
    }
    free(ranges);
    group->seconds = lw_clock_seconds() - begin;
    return status;
}

// What cannot be kept should be said before the measuring, not after it.
static lw_status check_target(const tune_job *job)
{
    int lock = -1;
    LW_TRY(lw_tuned_lock(job->path, &lock));
    lw_file_unlock(lock);
    return LW_OK;
}

static void note_summary(const tune_job *job)
{
    size_t n_items = 0, n_measured = 0;
    double seconds = 0.0, largest_seconds = 0.0;
    for (size_t g = 0; g < job->n_groups; g++) {
        const lw_tune_group *group = &job->groups[g];
        double needed = 0.0;
        n_items += group->n_items;
        seconds += group->seconds;
        for (size_t i = 0; i < group->n_items; i++) {
            n_measured += group->items[i].tuned.measured;
            needed += group->items[i].tuned.least_seconds;
        }
        largest_seconds = needed > largest_seconds ? needed : largest_seconds;
    }
    lw_note(job->output, "measured %zu of %zu in %s, kept in %s", n_measured, n_items,
            lw_format_seconds(seconds).text, job->path);
    if (n_measured < n_items)
        lw_note(job->output, "the others would take longer than the budget: --budget %.1fs",
                0.1 + 2.0 * largest_seconds);
}

static lw_status measure(tune_job *job, const lw_option_result *arguments)
{
    if (job->known.note[0]) lw_note(job->output, "%s", job->known.note);
    if (arguments->n_operands == 0) LW_TRY(add_network(job, "fixed"));
    for (size_t i = 0; i < arguments->n_operands; i++)
        LW_TRY(add_operand(job, arguments->operands[i]));
    for (size_t g = 0; g < job->n_groups; g++) LW_TRY(prepare_group(job, &job->groups[g]));
    LW_TRY(check_target(job));
    for (size_t g = 0; g < job->n_groups; g++) LW_TRY(measure_group(job, &job->groups[g]));
    LW_TRY(lw_tuned_table_merge(&job->found, job->path, NULL, 0));
    if (job->output->json)
        LW_TRY(lw_tune_print_json(job->groups, job->n_groups, job->path, job->budget_seconds));
    else
        LW_TRY(lw_tune_print(job->groups, job->n_groups, job->output));
    note_summary(job);
    return LW_OK;
}

static lw_status forget(const tune_job *job)
{
    int lock = -1;
    if (!lw_file_exists(job->path)) {
        lw_note(job->output, "%s: there is nothing to forget", job->path);
        return LW_OK;
    }
    LW_TRY(lw_tuned_lock(job->path, &lock));
    lw_status status = LW_OK;
    if (unlink(job->path) != 0 && errno != ENOENT)
        status = lw_fail(LW_ERROR_IO, "%s: cannot remove it: %s", job->path, strerror(errno));
    lw_file_unlock(lock);
    if (!status) lw_note(job->output, "removed %s", job->path);
    return status;
}

static lw_status dispatch(tune_job *job, const lw_option_result *arguments)
{
    LW_TRY(lw_cpu_check());
    LW_TRY(check_usage(job, arguments));
    LW_TRY(read_time(job->settings->budget, &job->budget_seconds));
    LW_TRY(lw_read_selection(&job->selection, job->settings->passes, NULL));
    LW_TRY(lw_tuned_path(job->path, sizeof job->path));
    if (job->settings->clear) return forget(job);
    LW_TRY(lw_tuned_table_load(&job->known, job->path));
    if (!job->settings->list) return measure(job, arguments);
    if (job->known.note[0]) lw_note(job->output, "%s", job->known.note);
    return lw_tune_print_list(&job->known, job->path, job->output);
}

static lw_status run_tune(const lw_invocation *invocation)
{
    tune_job job = {.settings = invocation->settings, .output = &invocation->output};
    lw_status status = dispatch(&job, invocation->arguments);
    for (size_t g = 0; g < job.n_groups; g++) {
        lw_problems_free(&job.groups[g].problems);
        free(job.groups[g].items);
    }
    free(job.groups);
    lw_tuned_table_free(&job.known);
    lw_tuned_table_free(&job.found);
    return status;
}

const lw_command lw_command_tune = {
    .name = "tune",
    .summary = "measure which algorithms are the fastest here",
    .operands = "[NETWORK | PROBLEM | FILE]...",
    .description =
        "Measures the most promising algorithms of convolutions in every pass and keeps the "
        "fastest "
        "in the user's cache folder; plans of the same shape, pass, layout and number of threads "
        "take it from then on, on this CPU and with these kernels. An operand is a network "
        "(a file that ends in .net, or a shipped one), a problem as benchdnn writes it, or a file "
        "with a problem on each line; without one the network fixed. LANEWISE_DETERMINISTIC=1 "
        "switches the use of measurements off.",
    .examples = "  lanewise tune lab\n"
                "  lanewise tune lab --threads 1 --budget 500ms\n"
                "  lanewise tune mb16ic64ih56oc64oh56kh3ph1 --layout nchw --budget 2s\n"
                "  lanewise tune shapes.txt --passes fwd --json\n"
                "  lanewise tune --list\n",
    .least_operands = 0,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {tune_options, lw_output_option_table},
                .counts = {LW_COUNT(tune_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(tune_settings),
    .run = run_tune,
};
