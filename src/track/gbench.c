// SPDX-License-Identifier: Apache-2.0
#include "track/gbench.h"

#include "base/error.h"
#include "base/file.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lw_names_free(lw_name_list *list)
{
    for (size_t i = 0; i < list->n; i++) free(list->names[i]);
    free(list->names);
    *list = (lw_name_list){0};
}

static lw_process_options process_options(const lw_gbench_options *options,
                                          const char *const *arguments)
{
    return (lw_process_options){.arguments = arguments,
                                .timeout_seconds = options->timeout_seconds,
                                .cpu = options->cpu,
                                .stop = options->stop,
                                .user = options->user};
}

// A program as execvp takes it: without a slash it would be sought in PATH.
static lw_status program_path(char *path, size_t path_bytes, const char *program)
{
    const int length =
        snprintf(path, path_bytes, "%s%s", strchr(program, '/') ? "" : "./", program);
    if (length < 0 || (size_t)length >= path_bytes)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", program);
    if (!lw_file_exists(path))
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: there is no such program", program);
    if (lw_file_is_folder(path))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a benchmark program, got a folder", program);
    if (access(path, X_OK) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a program, got a file that is none", program);
    return LW_OK;
}

// ---- the list of benchmarks -------------------------------------------------------------------

static lw_status add_name(lw_name_list *list, const char *name)
{
    char **grown = realloc(list->names, (list->n + 1) * sizeof *grown);
    if (grown) list->names = grown;
    if (!grown || !(grown[list->n] = strdup(name)))
        return lw_fail(LW_ERROR_MEMORY, "no memory for the names of benchmarks");
    list->n++;
    return LW_OK;
}

// One name a line; a name is one word.
static lw_status read_names(lw_name_list *list, char *text, const regex_t *filter,
                            const char *program)
{
    size_t lines = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, "\r")] = '\0';
        if (!*line) continue;
        lines++;
        if (!filter || regexec(filter, line, 0, NULL, 0) == 0) LW_TRY(add_name(list, line));
    }
    if (lines == 0)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: it lists no benchmarks with --benchmark_list_tests; is it a Google "
                       "Benchmark program?",
                       program);
    if (list->n == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: none of its %zu benchmarks matches the filter", program,
                       lines);
    return LW_OK;
}

static lw_status list_filtered(lw_name_list *list, const char *program, const regex_t *filter,
                               const lw_gbench_options *options)
{
    char path[4096];
    LW_TRY(program_path(path, sizeof path, program));
    const char *const arguments[] = {path, "--benchmark_list_tests=true", NULL};
    const lw_process_options process = process_options(options, arguments);
    lw_process_result result;
    lw_status status = lw_process_run(&result, &process);
    if (!status) status = lw_process_check(&result, program);
    if (!status) {
        char nothing[] = "";
        char *text = result.output.bytes ? result.output.bytes : nothing;
        status = read_names(list, text, filter, program);
    }
    lw_process_free(&result);
    return status;
}

lw_status lw_gbench_list(lw_name_list *list, const char *program, const char *filter,
                         const lw_gbench_options *options)
{
    *list = (lw_name_list){0};
    regex_t expression;
    const int error = filter ? regcomp(&expression, filter, REG_EXTENDED | REG_NOSUB) : 0;
    if (error) {
        char reason[128];
        regerror(error, &expression, reason, sizeof reason);
        return lw_fail(LW_ERROR_ARGUMENT, "the filter \"%s\": %s", filter, reason);
    }
    const lw_status status = list_filtered(list, program, filter ? &expression : NULL, options);
    if (filter) regfree(&expression);
    if (status) lw_names_free(list);
    return status;
}

// ---- runs -------------------------------------------------------------------------------------

void lw_gbench_print_filter(lw_text *text, const char *name)
{
    lw_text_print(text, "--benchmark_filter=^");
    for (const char *c = name; *c; c++)
        lw_text_print(text, strchr(".[]()*+?{}|^$\\", *c) ? "\\%c" : "%c", *c);
    lw_text_print(text, "$");
}

// A file for the results: what a program prints on its own account does not get into them.
static lw_status make_results_file(char path[static 64])
{
    snprintf(path, 64, "/tmp/lanewise-track-XXXXXX");
    const int descriptor = mkstemp(path);
    if (descriptor < 0) return lw_fail(LW_ERROR_IO, "%s: no file for results can be made", path);
    close(descriptor);
    return LW_OK;
}

static lw_status read_results(lw_gbench_report *report, const char *path, lw_gbench_clock clock,
                              const char *program)
{
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_file_read(path, (size_t)1 << 28, &bytes, &count));
    lw_status status = LW_OK;
    if (count == 0)
        status = lw_fail(LW_ERROR_INPUT, "%s: wrote no results; is it a Google Benchmark program?",
                         program);
    if (!status) status = lw_gbench_parse(report, (const char *)bytes, count, clock, program);
    free(bytes);
    return status;
}

static lw_status run_into(lw_gbench_report *report, double *wall_seconds, const char *path,
                          const char *program, const char *filter, const char *results,
                          const lw_gbench_options *options)
{
    char out[96], time[64], repetitions[64];
    snprintf(out, sizeof out, "--benchmark_out=%s", results);
    // Plain seconds are taken by every version; the newer suffix "s" is not.
    snprintf(time, sizeof time, "--benchmark_min_time=%.9f", options->slice_seconds);
    snprintf(repetitions, sizeof repetitions, "--benchmark_repetitions=%d", options->repetitions);
    const char *const arguments[] = {path, filter,      out, "--benchmark_out_format=json",
                                     time, repetitions, NULL};
    const lw_process_options process = process_options(options, arguments);
    lw_process_result result;
    lw_status status = lw_process_run(&result, &process);
    if (!status) status = lw_process_check(&result, program);
    if (wall_seconds) *wall_seconds = result.seconds;
    lw_process_free(&result);
    return status ? status : read_results(report, results, options->clock, program);
}

lw_status lw_gbench_run(lw_gbench_report *report, double *wall_seconds, const char *program,
                        const char *name, bool exact, const lw_gbench_options *options)
{
    *report = (lw_gbench_report){0};
    char path[4096], results[64];
    lw_text filter = {0};
    LW_TRY(program_path(path, sizeof path, program));
    LW_TRY(make_results_file(results));
    if (exact)
        lw_gbench_print_filter(&filter, name);
    else
        lw_text_print(&filter, "--benchmark_filter=%s", name ? name : ".");
    lw_status status = filter.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a filter") : LW_OK;
    if (!status)
        status = run_into(report, wall_seconds, path, program, filter.bytes, results, options);
    unlink(results);
    lw_text_free(&filter);
    if (!status && report->n == 0)
        status = lw_fail(LW_ERROR_INPUT, "%s: %s: the benchmark was listed but not run", program,
                         name ? name : "all");
    if (status) lw_gbench_free(report);
    return status;
}
