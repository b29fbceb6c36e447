// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "track/gbench.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lw_gbench_free(lw_gbench_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        free(report->series[i].name);
        free(report->series[i].seconds);
        free(report->series[i].problem);
    }
    free(report->series);
    *report = (lw_gbench_report){0};
}

const lw_gbench_series *lw_gbench_find(const lw_gbench_report *report, const char *name)
{
    for (size_t i = 0; i < report->n; i++)
        if (strcmp(report->series[i].name, name) == 0) return &report->series[i];
    return NULL;
}

static lw_status fail_memory(const char *source)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the results", source);
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void copy_text(char *to, size_t to_bytes, const cJSON *object, const char *key)
{
    const char *text = text_of(object, key);
    snprintf(to, to_bytes, "%s", text ? text : "");
}

// The series of a benchmark, made when it is not there yet; NULL without memory.
static lw_gbench_series *series_named(lw_gbench_report *report, const char *name)
{
    // Repetitions follow each other, so the last series is nearly always the one.
    for (size_t i = report->n; i-- > 0;)
        if (strcmp(report->series[i].name, name) == 0) return &report->series[i];
    lw_gbench_series *grown = realloc(report->series, (report->n + 1) * sizeof *grown);
    if (!grown) return NULL;
    report->series = grown;
    grown[report->n] = (lw_gbench_series){.name = strdup(name)};
    if (!grown[report->n].name) return NULL;
    return &grown[report->n++];
}

static bool add_value(lw_gbench_series *series, double seconds)
{
    double *grown = realloc(series->seconds, (series->n + 1) * sizeof *grown);
    if (!grown) return false;
    series->seconds = grown;
    grown[series->n++] = seconds;
    return true;
}

static bool set_problem(lw_gbench_series *series, const char *problem)
{
    if (!series->problem) series->problem = strdup(problem);
    return series->problem != NULL;
}

// Seconds in a unit; 0 for a word that is none.
static double unit_seconds(const char *unit)
{
    static const struct {
        const char *word;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    for (size_t i = 0; unit && i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].word) == 0) return units[i].seconds;
    return unit ? 0 : 1e-9; // versions before 1.2 wrote no unit and meant nanoseconds
}

static const char *time_key(const char *name, lw_gbench_clock clock)
{
    const bool real = strstr(name, "/real_time") || strstr(name, "/manual_time");
    if (clock == LW_GBENCH_AUTO) clock = real ? LW_GBENCH_REAL : LW_GBENCH_CPU;
    return clock == LW_GBENCH_CPU ? "cpu_time" : "real_time";
}

// Notes one time, or what is wrong with it.
static bool add_time(lw_gbench_series *series, const cJSON *entry, lw_gbench_clock clock)
{
    const char *key = time_key(series->name, clock);
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(entry, key);
    const double seconds = unit_seconds(text_of(entry, "time_unit"));
    char problem[128];
    if (seconds <= 0)
        snprintf(problem, sizeof problem, "expected a time_unit of ns, us, ms or s, got \"%.40s\"",
                 text_of(entry, "time_unit"));
    else if (!cJSON_IsNumber(time))
        snprintf(problem, sizeof problem, "it has no %s", key);
    else if (!isfinite(time->valuedouble) || time->valuedouble <= 0)
        snprintf(problem, sizeof problem, "expected a %s above zero, got %g", key,
                 time->valuedouble);
    else if (!(time->valuedouble * seconds > 0)) // 1e-320 ns
        snprintf(problem, sizeof problem, "expected a %s that can be told from zero, got %g", key,
                 time->valuedouble);
    else
        return add_value(series, time->valuedouble * seconds);
    return set_problem(series, problem);
}

static bool is_aggregate(const cJSON *entry)
{
    const char *kind = text_of(entry, "run_type");
    return kind && strcmp(kind, "aggregate") == 0;
}

static lw_status add_entry(lw_gbench_report *report, const cJSON *entry, lw_gbench_clock clock,
                           const char *source)
{
    const char *name = text_of(entry, "run_name");
    if (!name) name = text_of(entry, "name");
    if (!name || !*name)
        return lw_fail(LW_ERROR_INPUT, "%s: an entry of \"benchmarks\" has no name", source);
    if (is_aggregate(entry)) return LW_OK;
    lw_gbench_series *series = series_named(report, name);
    if (!series) return fail_memory(source);
    copy_text(series->label, sizeof series->label, entry, "label");
    bool kept;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "error_occurred"))) {
        const char *message = text_of(entry, "error_message");
        kept = set_problem(series, message && *message ? message : "it reports an error");
    } else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "skipped"))) {
        kept = set_problem(series, "it was skipped");
    } else {
        kept = add_time(series, entry, clock);
    }
    return kept ? LW_OK : fail_memory(source);
}

// Medians of benchmarks whose repetitions were not written.
static lw_status add_median(lw_gbench_report *report, const cJSON *entry, lw_gbench_clock clock,
                            const char *source)
{
    const char *name = text_of(entry, "run_name"), *kind = text_of(entry, "aggregate_name");
    if (!is_aggregate(entry) || !name || !kind || strcmp(kind, "median") != 0) return LW_OK;
    if (lw_gbench_find(report, name)) return LW_OK;
    lw_gbench_series *series = series_named(report, name);
    return series && add_time(series, entry, clock) ? LW_OK : fail_memory(source);
}

static lw_status read_report(lw_gbench_report *report, const cJSON *json, lw_gbench_clock clock,
                             const char *source)
{
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(json, "benchmarks"), *entry;
    if (!cJSON_IsArray(entries))
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected the JSON of Google Benchmark, found no array \"benchmarks\"",
                       source);
    const cJSON *context = cJSON_GetObjectItemCaseSensitive(json, "context");
    copy_text(report->date, sizeof report->date, context, "date");
    copy_text(report->host, sizeof report->host, context, "host_name");
    copy_text(report->executable, sizeof report->executable, context, "executable");
    copy_text(report->compiler, sizeof report->compiler, context, "lanewise");
    if (!report->compiler[0])
        copy_text(report->compiler, sizeof report->compiler, context, "compiler");
    const cJSON *cpus = cJSON_GetObjectItemCaseSensitive(context, "num_cpus");
    report->cpus = cJSON_IsNumber(cpus) ? cpus->valueint : 0;
    cJSON_ArrayForEach(entry, entries) LW_TRY(add_entry(report, entry, clock, source));
    cJSON_ArrayForEach(entry, entries) LW_TRY(add_median(report, entry, clock, source));
    return LW_OK;
}

lw_status lw_gbench_parse(lw_gbench_report *report, const char *text, size_t length,
                          lw_gbench_clock clock, const char *source)
{
    *report = (lw_gbench_report){0};
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!json)
        return lw_fail(LW_ERROR_INPUT, "%s: not JSON, from byte %zu on", source,
                       end ? (size_t)(end - text) : 0);
    const lw_status status = read_report(report, json, clock, source);
    cJSON_Delete(json);
    if (status) lw_gbench_free(report);
    return status;
}
