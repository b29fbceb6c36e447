// SPDX-License-Identifier: Apache-2.0
// `lanewise track record`, `import` and `export`: how figures get into a history, and out of it.
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/track_history.h"
#include "cli/track_options.h"
#include "run/json_text.h"
#include "track/exchange.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const clock_words[] = {"auto", "real", "cpu", NULL};

static const lw_option commit_options[] = {
    {.name = "commit",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, commit),
     .value_name = "HASH",
     .help = "what was measured; without it, the commit that is checked out here"},
    {.name = "clock",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_history_settings, clock),
     .value_name = "WORD",
     .preset = "auto",
     .choices = clock_words,
     .help = "which time counts: real, cpu, or auto, as the benchmark says itself"},
};

static const lw_option record_options[] = {
    {.name = "filter",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, filter),
     .value_name = "REGEX",
     .help = "only benchmarks whose name matches"},
    {.name = "repetitions",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_history_settings, repetitions),
     .value_name = "N",
     .preset = "10",
     .minimum = 1,
     .maximum = 1000,
     .help = "of every benchmark; all of them are kept"},
    {.name = "slice",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, slice),
     .value_name = "TIME",
     .preset = "50ms",
     .help = "the least time of a repetition"},
    {.name = "timeout",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, timeout),
     .value_name = "TIME",
     .preset = "30min",
     .help = "a program that runs longer is killed and refused"},
    {.name = "pin",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_history_settings, pin),
     .value_name = "CPU",
     .preset = "-1",
     .minimum = -1,
     .maximum = 1023,
     .help = "run it on this processor only (-1: on all)"},
    {.name = "run",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, run),
     .value_name = "NAME",
     .help =
         "the arguments are run directories of `lanewise train`: record their training time and "
         "accuracy under this name, one value a run"},
};

static lw_status report_added(const lw_invocation *invocation, size_t runs, size_t skipped,
                              size_t benchmarks)
{
    const lw_history_settings *settings = invocation->settings;
    const lw_output *output = &invocation->output;
    if (output->json) {
        lw_json_object object = lw_json_object_begin();
        lw_json_add_text(&object, "history", settings->history);
        lw_json_add_count(&object, "runs_added", (int64_t)runs);
        lw_json_add_count(&object, "runs_skipped", (int64_t)skipped);
        lw_json_add_count(&object, "benchmarks", (int64_t)benchmarks);
        return lw_json_finish(lw_json_object_take(&object), stdout);
    }
    fprintf(output->result, "%zu run%s added to %s", runs, runs == 1 ? "" : "s", settings->history);
    if (benchmarks) fprintf(output->result, ", %zu benchmarks", benchmarks);
    if (skipped) fprintf(output->result, ", %zu were there already", skipped);
    fprintf(output->result, "\n");
    return LW_OK;
}

// ---- runs of `lanewise train` ------------------------------------------------------------------

typedef struct trained_values {
    double *seconds, *accuracy;
    size_t n, n_accuracy;
} trained_values;

static lw_status read_metrics(trained_values *values, const char *folder)
{
    char path[4200];
    uint8_t *bytes;
    size_t count;
    snprintf(path, sizeof path, "%.4096s/metrics.json", folder);
    LW_TRY(lw_file_read(path, 1 << 24, &bytes, &count));
    cJSON *json = lw_json_parse((const char *)bytes, count);
    free(bytes);
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(json, "seconds");
    const cJSON *accuracy = cJSON_GetObjectItemCaseSensitive(json, "test_accuracy");
    lw_status status = LW_OK;
    if (!cJSON_IsNumber(seconds) || !(seconds->valuedouble > 0))
        status = lw_fail(LW_ERROR_INPUT, "%s: expected a number \"seconds\" above zero", path);
    else
        values->seconds[values->n++] = seconds->valuedouble;
    if (!status && cJSON_IsNumber(accuracy))
        values->accuracy[values->n_accuracy++] = 100 * accuracy->valuedouble;
    cJSON_Delete(json);
    return status;
}

static lw_status record_trained(lw_store *store, const lw_store_run *run, const char *name,
                                const lw_option_result *arguments, size_t *added)
{
    const size_t n = arguments->n_operands;
    trained_values values = {.seconds = calloc(n, sizeof(double)),
                             .accuracy = calloc(n, sizeof(double))};
    lw_status status = values.seconds && values.accuracy
                           ? LW_OK
                           : lw_fail(LW_ERROR_MEMORY, "no memory for %zu runs", n);
    for (size_t i = 0; i < n && !status; i++)
        status = read_metrics(&values, arguments->operands[i]);
    char time_name[256], accuracy_name[256];
    snprintf(time_name, sizeof time_name, "%.200s/training time", name);
    snprintf(accuracy_name, sizeof accuracy_name, "%.200s/test accuracy", name);
    const lw_store_result results[] = {
        {.name = time_name, .unit = "s", .label = "", .values = values.seconds, .n = values.n},
        {.name = accuracy_name,
         .unit = "%",
         .label = "",
         .values = values.accuracy,
         .n = values.n_accuracy}};
    *added = values.n_accuracy ? 2 : 1;
    if (!status) status = lw_store_add(store, run, results, *added, NULL);
    free(values.seconds);
    free(values.accuracy);
    return status;
}

// ---- record -----------------------------------------------------------------------------------

static lw_status configure(lw_gbench_options *runs, const lw_history_settings *settings)
{
    lw_ab_options options;
    const lw_track_settings track = {.timeout = settings->timeout,
                                     .slice = settings->slice,
                                     .pin = settings->pin,
                                     .repetitions = settings->repetitions,
                                     .clock = settings->clock};
    LW_TRY(lw_track_configure(&options, &track));
    *runs = options.runs;
    return LW_OK;
}

// The program is run before the history is opened: a failure leaves that untouched.
static lw_status record_program(const lw_invocation *invocation, size_t *added)
{
    const lw_history_settings *settings = invocation->settings;
    const char *program = invocation->arguments->operands[0];
    lw_gbench_options runs;
    lw_gbench_report report;
    lw_name_list names;
    lw_store_run run;
    lw_store *store;
    LW_TRY(configure(&runs, settings));
    LW_TRY(lw_history_begin_run(&run, settings->machine, settings->commit));
    snprintf(run.program, sizeof run.program, "%.250s", program);
    LW_TRY(lw_gbench_list(&names, program, settings->filter, &runs));
    lw_note(&invocation->output, "running %zu benchmarks, %lld repetitions each ...", names.n,
            (long long)settings->repetitions);
    lw_names_free(&names);
    LW_TRY(lw_gbench_run(&report, NULL, program, settings->filter, false, &runs));
    snprintf(run.compiler, sizeof run.compiler, "%s", report.compiler);
    lw_status status = lw_store_open(&store, settings->history, LW_STORE_WRITE);
    if (!status) status = lw_history_add_report(store, &run, &report, &invocation->output, added);
    lw_store_close(&store);
    lw_gbench_free(&report);
    return status;
}

static lw_status run_track_record(const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    size_t added = 0;
    lw_interrupt_catch();
    if (!settings->run) {
        if (invocation->arguments->n_operands > 1)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "track record: expected one PROGRAM, got %zu "
                           "(run directories need --run NAME)",
                           invocation->arguments->n_operands);
        LW_TRY(record_program(invocation, &added));
        return report_added(invocation, 1, 0, added);
    }
    lw_store_run run;
    lw_store *store;
    LW_TRY(lw_history_begin_run(&run, settings->machine, settings->commit));
    LW_TRY(lw_store_open(&store, settings->history, LW_STORE_WRITE));
    const lw_status status =
        record_trained(store, &run, settings->run, invocation->arguments, &added);
    lw_store_close(&store);
    return status ? status : report_added(invocation, 1, 0, added);
}

// ---- import and export ------------------------------------------------------------------------

static lw_status import_text(lw_store *store, const char *text, size_t length, const char *path,
                             const lw_invocation *invocation, size_t counts[3])
{
    const lw_history_settings *settings = invocation->settings;
    size_t added, skipped;
    if (lw_exchange_recognize(text, length)) {
        LW_TRY(lw_exchange_import(store, text, length, path, &added, &skipped));
        counts[0] += added;
        counts[1] += skipped;
        return LW_OK;
    }
    lw_gbench_report report;
    lw_store_run run;
    LW_TRY(lw_gbench_parse(&report, text, length, (lw_gbench_clock)settings->clock, path));
    lw_status status = lw_history_begin_run(&run, settings->machine, settings->commit);
    snprintf(run.program, sizeof run.program, "%.250s", report.executable);
    snprintf(run.compiler, sizeof run.compiler, "%s", report.compiler);
    // It may come from anywhere: the file says the host, and nothing else about the machine.
    run.machine = (lw_machine){.processors = report.cpus};
    snprintf(run.machine.name, sizeof run.machine.name, "%.60s",
             settings->machine ? settings->machine : report.host);
    if (!status) status = lw_history_add_report(store, &run, &report, &invocation->output, &added);
    lw_gbench_free(&report);
    if (status) return status;
    counts[0]++;
    counts[2] += added;
    return LW_OK;
}

static lw_status run_track_import(const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    size_t counts[3] = {0, 0, 0};
    lw_store *store;
    LW_TRY(lw_store_open(&store, settings->history, LW_STORE_WRITE));
    lw_status status = LW_OK;
    for (size_t i = 0; i < invocation->arguments->n_operands && !status; i++) {
        const char *path = invocation->arguments->operands[i];
        uint8_t *bytes;
        size_t count;
        status = lw_file_read(path, (size_t)1 << 30, &bytes, &count);
        if (status) break;
        status = import_text(store, (const char *)bytes, count, path, invocation, counts);
        free(bytes);
    }
    lw_store_close(&store);
    return status ? status : report_added(invocation, counts[0], counts[1], counts[2]);
}

static lw_status run_track_export(const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    lw_store *store;
    char *text = NULL;
    size_t length = 0;
    LW_TRY(lw_store_open(&store, settings->history, LW_STORE_READ));
    lw_status status;
    if (!settings->out) {
        status = lw_exchange_export(store, stdout);
    } else {
        FILE *file = open_memstream(&text, &length);
        status = file ? lw_exchange_export(store, file)
                      : lw_fail(LW_ERROR_MEMORY, "no memory for the export");
        if (file && fclose(file) != 0 && !status)
            status = lw_fail(LW_ERROR_MEMORY, "no memory for the export");
        if (!status) status = lw_file_write(settings->out, text, length);
        free(text);
    }
    lw_store_close(&store);
    return status;
}

// ---- commands ---------------------------------------------------------------------------------

const lw_command lw_command_track_record = {
    .name = "track record",
    .summary = "run a Google Benchmark program and keep its figures in the history",
    .operands = "PROGRAM | RUN...",
    .description =
        "Runs a Google Benchmark program and adds every repetition to the history, with the commit "
        "that is checked out, the machine and what the program says about its build and kernels. "
        "With --run, the arguments are run directories of `lanewise train`, one a seed: their "
        "training time and test accuracy are recorded, so that a kernel that gets faster and less "
        "exact is seen. The history is touched only after everything was measured.",
    .examples = "  lanewise track record build/release/benchmarks/bench_train\n"
                "  lanewise track record build/bench --filter fixed --repetitions 20\n"
                "  lanewise track record --run record runs/fixed-1 runs/fixed-2 runs/fixed-3\n",
    .least_operands = 1,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {record_options, commit_options, lw_history_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(record_options), LW_COUNT(commit_options), LW_N_HISTORY_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_record,
};

const lw_command lw_command_track_import = {
    .name = "track import",
    .summary = "add Google Benchmark JSON, or an exported history, to the history",
    .operands = "FILE...",
    .description = "Adds files that Google Benchmark wrote (--benchmark_out) as one run each, or "
                   "what `lanewise "
                   "track export` wrote. Exported runs that are there already are skipped. Of a "
                   "file of Google "
                   "Benchmark, the machine is what the file calls its host, or --machine.",
    .examples = "  lanewise track import results.json --commit v1.2\n"
                "  lanewise track import other-history.jsonl\n",
    .least_operands = 1,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {commit_options, lw_history_option_table, lw_output_option_table},
                .counts = {LW_COUNT(commit_options), LW_N_HISTORY_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_import,
};

static const lw_option export_options[] = {
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, out),
     .value_name = "FILE",
     .help = "where to; without it, standard output"},
};

const lw_command lw_command_track_export = {
    .name = "track export",
    .summary = "write the history as JSON lines, one run a line",
    .operands = "",
    .description =
        "Writes every run with every repetition as one line of JSON, for safe keeping and "
        "for other tools. `lanewise track import` reads it again.",
    .examples = "  lanewise track export --out history.jsonl\n"
                "  lanewise track export | gzip > history.jsonl.gz\n",
    .least_operands = 0,
    .most_operands = 0,
    .options = {.tables = {export_options, lw_history_option_table, lw_output_option_table},
                .counts = {LW_COUNT(export_options), LW_N_HISTORY_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_export,
};
