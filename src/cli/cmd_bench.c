// SPDX-License-Identifier: Apache-2.0
// `lanewise bench`: every algorithm of a convolution against the clock.
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "bench/measure.h"
#include "bench/peak.h"
#include "cli/bench_rows.h"
#include "cli/common.h"
#include "cli/json.h"
#include "report/progress.h"
#include "run/json_text.h"

#include <lanewise/cpu.h>

#include <stdlib.h>
#include <string.h>

typedef struct bench_settings {
    lw_common_settings common; // its json stays false: the option here may name a file
    const char *net, *input, *file, *passes, *algorithms, *isa, *svg, *json;
    int64_t batch;
    double budget;
    int layout, naive; // indices of the words below
    bool summary, least;
} bench_settings;

// In the order of lw_bench_naive_use.
static const char *const naive_words[] = {"auto", "always", "never", NULL};

static const lw_option bench_options[] = {
    {.name = "net",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, net),
     .value_name = "NETWORK",
     .help = "every convolution of a network: a file or the name of a shipped one"},
    {.name = "input",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, input),
     .value_name = "CxHxW",
     .help = "of --net: channels, height and width of the image; without it the size that the "
             "network declares, or 64x64 where it takes any"},
    {.name = "batch",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(bench_settings, batch),
     .value_name = "N",
     .preset = "16",
     .minimum = 1,
     .maximum = 65536,
     .help = "of --net: images at once"},
    {.name = "file",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, file),
     .value_name = "LIST",
     .help = "a file with a problem on each line; # begins a comment"},
    {.name = "passes",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, passes),
     .value_name = "LIST",
     .help = "only these passes, with commas: fwd, bwd_d, bwd_w"},
    {.name = "algorithms",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, algorithms),
     .value_name = "LIST",
     .help = "only these algorithms, with commas: naive, unfold, ..."},
    {.name = "layout",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(bench_settings, layout),
     .value_name = "WORD",
     .preset = "padded",
     .choices = lw_layout_words,
     .help = "how the maps lie in memory: padded as inside a network (channels last, in blocks of "
             "16, with a halo of zeros), or dense nhwc or nchw"},
    {.name = "naive",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(bench_settings, naive),
     .value_name = "WORD",
     .preset = "auto",
     .choices = naive_words,
     .help = "when naive is measured: auto leaves it out where a single image would take longer "
             "than the budget"},
    {.name = "isa",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, isa),
     .value_name = "LIST",
     .help = "with the kernels of these instruction sets, one after the other: generic, avx2, "
             "avx512, neon; without it the best one"},
    {.name = "budget",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(bench_settings, budget),
     .value_name = "SECONDS",
     .preset = "3",
     .minimum = 0.01,
     .maximum = 3600,
     .help = "time for one problem and instruction set, roughly"},
    {.name = "least",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(bench_settings, least),
     .help = "take the least of the repetitions instead of their median: for machines on which "
             "others work as well"},
    {.name = "summary",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(bench_settings, summary),
     .help = "instead of the tables one line a pass: our fastest against oneDNN's fastest, and the "
             "geometric mean of the ratios"},
    {.name = "svg",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(bench_settings, svg),
     .value_name = "FILE",
     .help = "draw a bar chart; a file that exists is replaced"},
    {.name = "json",
     .kind = LW_OPTION_OPTIONAL,
     .offset = offsetof(bench_settings, json),
     .value_name = "[FILE.json]",
     .suffix = ".json",
     .help = "the measurements as JSON, in a file (one that exists is replaced; --json=FILE for "
             "other names), or on standard output, everything else then on standard error"},
    {.name = "quiet",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_common_settings, quiet),
     .help = "only the tables: no notes, no progress"},
};

static lw_status collect_problems(lw_problem_list *list, const bench_settings *settings,
                                  const lw_option_result *arguments)
{
    lw_extent input = {0, 0, 0};
    if (!settings->net && (settings->input || lw_option_given(arguments, "batch")))
        return lw_fail(LW_ERROR_ARGUMENT, "--%s is of use with --net only",
                       settings->input ? "input" : "batch");
    if (settings->input && !lw_read_extent(settings->input, &input))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--input: expected channels, height and width as in "
                       "1x28x28, got \"%s\"",
                       settings->input);
    if (arguments->n_operands == 0 && !settings->net && !settings->file)
        return lw_fail(LW_ERROR_ARGUMENT, "bench: expected a problem as in "
                                          "mb16ic16ih14oc32oh14kh3ph1, or --net or --file; "
                                          "\"lanewise bench --help\" shows examples");
    for (size_t i = 0; i < arguments->n_operands; i++)
        LW_TRY(lw_problems_add_text(list, arguments->operands[i], ""));
    if (settings->net)
        LW_TRY(lw_problems_add_network(list, settings->net, input, (int32_t)settings->batch));
    if (settings->file) LW_TRY(lw_problems_add_file(list, settings->file));
    return LW_OK;
}

// What cannot be written should be said before the measuring, not after it.
static lw_status check_target(const char *option, const char *path)
{
    if (!path || !path[0]) return LW_OK;
    if (lw_file_is_folder(path))
        return lw_fail(LW_ERROR_INPUT, "--%s: %s is a folder", option, path);
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return LW_OK;
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (lw_file_is_folder(folder)) return LW_OK;
    return lw_fail(LW_ERROR_NOT_FOUND, "--%s: there is no folder %s", option, folder);
}

// ---- measuring ----------------------------------------------------------------------------------

typedef struct bench_job {
    const bench_settings *settings;
    const lw_problem_list *problems;
    lw_bench_selection selection;
    lw_conv_layout layout;
    int32_t threads;
    const lw_output *output;
    lw_progress progress;
    size_t current; // problem
} bench_job;

static void show_progress(void *context, double fraction)
{
    bench_job *job = context;
    if (!job->output->notes) return;
    const lw_problem *problem = &job->problems->problems[job->current];
    char what[160];
    snprintf(what, sizeof what, "measuring %.60s with %s, %zu of %zu",
             problem->name[0] ? problem->name : problem->text, lw_cpu_isa(), job->current + 1,
             job->problems->n);
    double done = ((double)job->current + fraction) / (double)job->problems->n;
    lw_progress_work(&job->progress, what, done, lw_clock_seconds());
}

// The peak is measured between the problems and the best counts: a clock that rises during the run
// must not lift a kernel above it.
static lw_status measure_here(bench_job *job, lw_bench_rows *rows)
{
    const double peak_seconds = job->settings->budget < 0.5 ? job->settings->budget / 10 : 0.05;
    const lw_bench_options options = {.selection = job->selection,
                                      .layout = job->layout,
                                      .naive = (lw_bench_naive_use)job->settings->naive,
                                      .least = job->settings->least,
                                      .threads = job->threads,
                                      .budget_seconds = job->settings->budget,
                                      .progress = show_progress,
                                      .context = job};
    lw_bench_result *results = calloc(LW_BENCH_MOST_RESULTS, sizeof *results);
    if (!results) return lw_fail(LW_ERROR_MEMORY, "no memory for the results");
    job->progress = lw_progress_begin(stderr, false, lw_clock_seconds());
    double peak = lw_bench_measure_peak(job->threads, peak_seconds);
    lw_status status = LW_OK;
    for (job->current = 0; job->current < job->problems->n && !status; job->current++) {
        const lw_problem *problem = &job->problems->problems[job->current];
        int n_results;
        status = lw_bench_measure(&problem->shape, &options, results, &n_results);
        if (!status) status = lw_bench_rows_add(rows, problem, job->layout, results, n_results);
        double again = lw_bench_measure_peak(job->threads, peak_seconds);
        if (again > peak) peak = again;
    }
    lw_progress_clear(&job->progress);
    free(results);
    if (!status) lw_bench_rows_set_peak(rows, job->threads, peak);
    return status;
}

// The same command for one other instruction set.
static lw_status measure_elsewhere(const bench_job *job, const char *isa, const char *program,
                                   lw_bench_rows *rows)
{
    const bench_settings *settings = job->settings;
    lw_arguments arguments = {0};
    lw_arguments_add(&arguments, "%s", program);
    lw_arguments_add(&arguments, "bench");
    for (size_t i = 0; i < job->problems->n; i++) {
        const lw_problem *problem = &job->problems->problems[i];
        lw_arguments_add(&arguments, "%s%s%s", problem->text, problem->name[0] ? "n" : "",
                         problem->name);
    }
    lw_arguments_add(&arguments, "--threads=%d", job->threads);
    lw_arguments_add(&arguments, "--layout=%s", lw_conv_layout_name(job->layout));
    lw_arguments_add(&arguments, "--naive=%s", naive_words[settings->naive]);
    lw_arguments_add(&arguments, "--budget=%.6f", settings->budget);
    if (settings->passes) lw_arguments_add(&arguments, "--passes=%s", settings->passes);
    if (settings->algorithms) lw_arguments_add(&arguments, "--algorithms=%s", settings->algorithms);
    if (settings->least) lw_arguments_add(&arguments, "--least");
    // The tables are this process's to print.
    lw_arguments_add(&arguments, "--json");
    if (settings->common.quiet) lw_arguments_add(&arguments, "--quiet");
    cJSON *json;
    int exit_code;
    lw_status status = lw_run_for_isa(isa, program, &arguments, &json, &exit_code);
    if (!status && (exit_code != 0 || !json))
        status = lw_fail(exit_code == 2 ? LW_ERROR_INPUT : LW_ERROR_INTERNAL,
                         "the measurement with %s kernels failed (exit code %d)", isa, exit_code);
    if (!status) status = lw_bench_rows_add_json(rows, json);
    cJSON_Delete(json);
    lw_arguments_free(&arguments);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static lw_status write_json(const lw_bench_rows *rows, const char *path)
{
    cJSON *json = lw_bench_rows_json(rows);
    if (!path[0]) return lw_json_finish(json, stdout);
    char *text = json ? lw_json_print(json, true) : NULL;
    cJSON_Delete(json);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "no memory for the JSON output");
    lw_status status = lw_file_write(path, text, strlen(text));
    cJSON_free(text);
    return status;
}

static lw_status write_results(const bench_job *job, const lw_bench_rows *rows)
{
    const bench_settings *settings = job->settings;
    const bool json_alone = settings->json && !settings->json[0];
    if (!json_alone && settings->summary)
        LW_TRY(lw_bench_print_summary(rows, job->problems, job->output));
    if (!json_alone && !settings->summary)
        LW_TRY(lw_bench_print_tables(rows, job->problems, job->output));
    if (settings->svg) {
        LW_TRY(lw_bench_write_chart(rows, job->problems, settings->svg));
        lw_note(job->output, "wrote %s", settings->svg);
    }
    if (!settings->json) return LW_OK;
    LW_TRY(write_json(rows, settings->json));
    if (!json_alone) lw_note(job->output, "wrote %s", settings->json);
    return LW_OK;
}

static lw_status run_job(bench_job *job, const lw_isa_list *isas, const char *program)
{
    lw_bench_rows rows = {0};
    lw_status status = LW_OK;
    if (lw_isas_are_here(isas))
        status = measure_here(job, &rows);
    else
        for (size_t i = 0; i < isas->n && !status; i++)
            status = measure_elsewhere(job, isas->names[i], program, &rows);
    if (!status) status = write_results(job, &rows);
    lw_bench_rows_free(&rows);
    return status;
}

static lw_status run_bench(const lw_invocation *invocation)
{
    const bench_settings *settings = invocation->settings;
    bench_job job = {.settings = settings,
                     .output = &invocation->output,
                     .layout = (lw_conv_layout)settings->layout};
    lw_problem_list problems = {0};
    lw_isa_list isas;
    LW_TRY(lw_read_selection(&job.selection, settings->passes, settings->algorithms));
    LW_TRY(lw_read_isas(&isas, settings->isa));
    LW_TRY(check_target("svg", settings->svg));
    LW_TRY(check_target("json", settings->json));
    job.threads = settings->common.threads ? (int32_t)settings->common.threads : lw_cpu_threads();
    lw_status status = collect_problems(&problems, settings, invocation->arguments);
    job.problems = &problems;
    if (!status) status = run_job(&job, &isas, invocation->program);
    lw_problems_free(&problems);
    return status;
}

const lw_command lw_command_bench = {
    .name = "bench",
    .summary = "time every algorithm of a convolution",
    .operands = "[PROBLEM...]",
    .description =
        "Times every algorithm of a convolution in every pass (fwd, bwd_d, bwd_w), in turn: "
        "time, GFLOP/s, the share of the multiply-add peak measured in this run, and the speed-up "
        "over naive. PROBLEM is written as oneDNN's benchdnn does: mb images, ic and oc channels, "
        "ih iw oh ow sizes, kh kw kernel, sh sw strides, ph pw paddings, dh dw dilations counted "
        "from 0.",
    .examples = "  lanewise bench mb16ic16ih14oc32oh14kh3ph1\n"
                "  lanewise bench --net lab --isa avx2,avx512 --svg compare.svg\n"
                "  lanewise bench --net lab --passes fwd --json compare.json\n"
                "  lanewise bench --file shapes.txt --threads 1 --json > all.json\n",
    .least_operands = 0,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {bench_options, lw_thread_option_table},
                .counts = {LW_COUNT(bench_options), LW_N_THREAD_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(bench_settings),
    .run = run_bench,
};
