// SPDX-License-Identifier: Apache-2.0
#include "cli/track_history.h"

#include "base/error.h"
#include "cli/common.h"
#include "cpu/detect.h"
#include "report/format.h"
#include "track/checkout.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

const lw_option lw_history_option_table[LW_N_HISTORY_OPTIONS] = {
    {.name = "history",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, history),
     .value_name = "FILE",
     .preset = "lanewise-track.db",
     .help = "the file that keeps the history"},
    {.name = "machine",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, machine),
     .value_name = "NAME",
     .help = "what this machine is called, where processor, memory and system do not tell it from "
             "another one"},
};

// ---- machines ---------------------------------------------------------------------------------

void lw_this_machine(lw_machine *machine, const char *name)
{
    lw_cpu_features features;
    struct utsname system;
    lw_cpu_detect(&features);
    *machine = (lw_machine){.processors = lw_cpu_threads()};
    snprintf(machine->cpu, sizeof machine->cpu, "%s", features.name);
    snprintf(machine->isa, sizeof machine->isa, "%s", lw_cpu_isa());
    if (uname(&system) == 0)
        snprintf(machine->system, sizeof machine->system, "%.30s %.30s", system.sysname,
                 system.machine);
    snprintf(machine->name, sizeof machine->name, "%s", name ? name : "");
    // To the nearest GiB: what the kernel keeps for itself differs from boot to boot.
    const double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    machine->memory_gib = bytes > 0 ? (int64_t)llround(bytes / 1073741824.0) : 0;
}

static bool is_called(const lw_store_machine *machine, const char *name)
{
    return name && strcmp(machine->machine.name, name) == 0;
}

lw_status lw_history_choose_machine(int64_t *key, lw_store *store,
                                    const lw_history_settings *settings, const lw_output *output)
{
    lw_machine here;
    lw_store_machine *machines;
    size_t n;
    lw_this_machine(&here, settings->machine);
    LW_TRY(lw_store_find_machine(store, &here, key));
    if (*key >= 0) return LW_OK;
    LW_TRY(lw_store_machines(store, &machines, &n));
    for (size_t i = 0; i < n && *key < 0; i++)
        if (is_called(&machines[i], settings->machine)) *key = machines[i].key;
    if (*key < 0 && n > 0 && !settings->machine) {
        *key = machines[0].key;
        const lw_machine *other = &machines[0].machine;
        const char *name = other->name[0] ? other->name : other->system;
        lw_note(output, "there are no runs of this machine; these are of %s%s%s%s",
                other->cpu[0] ? other->cpu : "one that is not known", name[0] ? " (" : "", name,
                name[0] ? ")" : "");
    }
    free(machines);
    if (*key >= 0) return LW_OK;
    if (settings->machine)
        return lw_fail(LW_ERROR_INPUT, "%s: no run of a machine called \"%s\"", settings->history,
                       settings->machine);
    return lw_fail(LW_ERROR_INPUT, "%s: the history has no runs", settings->history);
}

// ---- adding -----------------------------------------------------------------------------------

lw_status lw_history_begin_run(lw_store_run *run, const char *machine, const char *commit)
{
    char root[4096];
    *run = (lw_store_run){.time = (int64_t)time(NULL)};
    lw_store_new_id(run->id);
    lw_this_machine(&run->machine, machine);
    if (commit) {
        if (strlen(commit) >= sizeof run->commit)
            return lw_fail(LW_ERROR_ARGUMENT, "--commit: expected at most %zu characters, got %zu",
                           sizeof run->commit - 1, strlen(commit));
        snprintf(run->commit, sizeof run->commit, "%s", commit);
        return LW_OK;
    }
    // Outside of a repository, or without git, a run just has no commit.
    char hash[48];
    if (!lw_checkout_root(root) && !lw_checkout_commit(hash, root, "HEAD"))
        snprintf(run->commit, sizeof run->commit, "%s", hash);
    return LW_OK;
}

lw_status lw_history_add_report(lw_store *store, const lw_store_run *run,
                                const lw_gbench_report *report, const lw_output *output,
                                size_t *added)
{
    lw_store_result *results = calloc(report->n + 1, sizeof *results);
    if (!results) return lw_fail(LW_ERROR_MEMORY, "no memory for the results");
    size_t n = 0;
    for (size_t i = 0; i < report->n; i++) {
        const lw_gbench_series *series = &report->series[i];
        if (series->problem || series->n == 0) {
            lw_note(output, "%s: left out: %s", series->name,
                    series->problem ? series->problem : "no times");
            continue;
        }
        results[n++] = (lw_store_result){.name = series->name,
                                         .unit = "s",
                                         .label = series->label,
                                         .values = series->seconds,
                                         .n = series->n};
    }
    lw_status status = n ? LW_OK : lw_fail(LW_ERROR_INPUT, "no benchmark has a time to record");
    if (!status) status = lw_store_add(store, run, results, n, NULL);
    free(results);
    *added = n;
    return status;
}

// ---- series -----------------------------------------------------------------------------------

bool lw_series_less_is_better(const lw_series *series)
{
    return strcmp(series->unit, "%") != 0;
}

static lw_status find_changes(lw_series *series)
{
    const bool logarithms = lw_series_less_is_better(series);
    double *values = malloc((series->n + 1) * sizeof *values);
    if (!values) return lw_fail(LW_ERROR_MEMORY, "no memory for a series of %zu runs", series->n);
    for (size_t i = 0; i < series->n; i++)
        values[i] =
            logarithms ? log(fmax(series->points[i].median, 1e-300)) : series->points[i].median;
    const lw_status status =
        lw_change_points_find(&series->changes, &series->n_changes, values, series->n);
    free(values);
    for (size_t i = 0; i < series->n_changes && logarithms; i++) {
        series->changes[i].before = exp(series->changes[i].before);
        series->changes[i].after = exp(series->changes[i].after);
    }
    return status;
}

lw_status lw_series_read(lw_series *series, lw_store *store, int64_t machine, const char *name,
                         const char *unit)
{
    *series = (lw_series){.name = strdup(name), .unit = strdup(unit)};
    lw_status status = LW_OK;
    if (!series->name || !series->unit) status = lw_fail(LW_ERROR_MEMORY, "no memory for a series");
    if (!status) status = lw_store_series(store, machine, name, &series->points, &series->n);
    if (!status) status = find_changes(series);
    if (status) lw_series_free(series);
    return status;
}

void lw_series_free(lw_series *series)
{
    free(series->name);
    free(series->unit);
    free(series->points);
    free(series->changes);
    *series = (lw_series){0};
}

void lw_series_print_value(char text[static 40], double value, const char *unit)
{
    if (strcmp(unit, "s") == 0)
        snprintf(text, 40, "%s", lw_format_duration(value).text);
    else
        snprintf(text, 40, "%.4g %.16s", value, unit);
}

void lw_point_name(char text[static 32], const lw_store_point *point)
{
    if (point->commit[0])
        snprintf(text, 32, "%.10s", point->commit);
    else
        snprintf(text, 32, "run %lld", (long long)point->run);
}
