// SPDX-License-Identifier: Apache-2.0
// `lanewise track report`: the history as a page for a browser.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/track_page.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const lw_option report_options[] = {
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_history_settings, out),
     .value_name = "FILE",
     .preset = "track.html",
     .help = "the page; an old one is replaced"},
};

static lw_status write_page(const lw_track_page *history, const char *path)
{
    lw_page page;
    lw_track_page_print(&page, history);
    return lw_page_write(&page, path);
}

static lw_status find_machine(lw_machine *machine, lw_store *store, int64_t key)
{
    lw_store_machine *machines;
    size_t n;
    LW_TRY(lw_store_machines(store, &machines, &n));
    for (size_t i = 0; i < n; i++)
        if (machines[i].key == key) *machine = machines[i].machine;
    free(machines);
    return LW_OK;
}

static lw_status read_all(lw_series **series, size_t *n, lw_store *store, int64_t machine)
{
    lw_store_name *names;
    size_t n_names;
    *n = 0;
    *series = NULL;
    LW_TRY(lw_store_names(store, machine, &names, &n_names));
    *series = calloc(n_names + 1, sizeof **series);
    lw_status status = *series ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the history");
    for (size_t i = 0; i < n_names && !status; i++) {
        status = lw_series_read(&(*series)[*n], store, machine, names[i].name, names[i].unit);
        if (!status) ++*n;
    }
    lw_store_free_names(names, n_names);
    return status;
}

static lw_status report(lw_store *store, const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    int64_t key;
    lw_machine machine = {.processors = 0};
    lw_series *series;
    size_t n;
    LW_TRY(lw_history_choose_machine(&key, store, settings, &invocation->output));
    LW_TRY(find_machine(&machine, store, key));
    lw_status status = read_all(&series, &n, store, key);
    const lw_track_page page = {
        .series = series, .n = n, .machine = &machine, .history = settings->history};
    if (!status) status = write_page(&page, settings->out);
    for (size_t i = 0; i < n; i++) lw_series_free(&series[i]);
    free(series);
    if (status) return status;
    if (!invocation->output.json) {
        lw_note(&invocation->output, "wrote %s (%zu benchmarks)", settings->out, n);
        return LW_OK;
    }
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "page", settings->out);
    lw_json_add_count(&object, "benchmarks", (int64_t)n);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_track_report(const lw_invocation *invocation)
{
    const lw_history_settings *settings = invocation->settings;
    lw_store *store;
    LW_TRY(lw_store_open(&store, settings->history, LW_STORE_READ));
    const lw_status status = report(store, invocation);
    lw_store_close(&store);
    return status;
}

const lw_command lw_command_track_report = {
    .name = "track report",
    .summary = "the history as a self-contained page",
    .operands = "",
    .description =
        "Writes one HTML file that needs nothing else: the latest verdicts first, a chart "
        "of every benchmark with its changes, how fast our algorithms are beside oneDNN "
        "where the history knows, and a box to filter by name.",
    .examples = "  lanewise track report\n"
                "  lanewise track report --out public/index.html --history perf.db\n",
    .least_operands = 0,
    .most_operands = 0,
    .options = {.tables = {report_options, lw_history_option_table, lw_output_option_table},
                .counts = {LW_COUNT(report_options), LW_N_HISTORY_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(lw_history_settings),
    .run = run_track_report,
};
