// SPDX-License-Identifier: Apache-2.0
// `lanewise report`: finished runs, alone or side by side, as a page or in the terminal.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/report_page.h"
#include "cli/report_pictures.h"
#include "cli/report_runs.h"
#include "cli/report_terminal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

// Pictures of more recipes than these would be a page to scroll through and not to look at.
enum { most_with_pictures = 4 };

typedef struct report_settings {
    lw_common_settings common;
    const char *out;
    bool anyway, no_pictures;
} report_settings;

static const lw_option report_options[] = {
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(report_settings, out),
     .value_name = "FILE",
     .help = "write a page for a browser, report.html; an old one is replaced"},
    {.name = "anyway",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(report_settings, anyway),
     .help = "show runs side by side that were judged on different images"},
    {.name = "no-pictures",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(report_settings, no_pictures),
     .help = "leave the test images out of the page: the data are not opened"},
};

static lw_status add_pictures(lw_page *page, const lw_run_set *set, const lw_invocation *invocation)
{
    const report_settings *settings = invocation->settings;
    for (size_t g = 0; g < set->n_groups && g < most_with_pictures; g++) {
        const lw_run_summary *run = set->groups[g].runs[0];
        char title[256];
        snprintf(title, sizeof title, "What %.120s %s", lw_run_name(set, run),
                 run->test_images > 0 ? "gets wrong" : "looks for");
        LW_TRY(lw_report_pictures(page, run, title, &settings->common, &invocation->output));
    }
    return LW_OK;
}

static lw_status write_page(const lw_run_set *set, const lw_invocation *invocation)
{
    const report_settings *settings = invocation->settings;
    lw_page page = {.n_figures = 0};
    lw_status status = lw_report_page_begin(&page, set);
    if (!status && !settings->no_pictures) status = add_pictures(&page, set, invocation);
    if (!status) status = lw_report_page_end(&page, set);
    if (status) {
        lw_page_free(&page);
        return status;
    }
    LW_TRY(lw_page_write(&page, settings->out));
    lw_note(&invocation->output, "wrote %s", settings->out);
    return LW_OK;
}

static lw_status report(const lw_run_set *set, const lw_invocation *invocation)
{
    const report_settings *settings = invocation->settings;
    if (settings->out) LW_TRY(write_page(set, invocation));
    if (!invocation->output.json)
        return settings->out ? LW_OK : lw_report_print(set, &invocation->output);
    return lw_json_finish(lw_report_json(set), stdout);
}

static lw_status run_report(const lw_invocation *invocation)
{
    const report_settings *settings = invocation->settings;
    const lw_option_result *arguments = invocation->arguments;
    lw_run_set set;
    if (settings->no_pictures && !settings->out)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--no-pictures is of use with --out: only a page has them");
    lw_status status =
        lw_run_set_read(&set, arguments->operands, arguments->n_operands, settings->anyway);
    if (!status) status = report(&set, invocation);
    lw_run_set_free(&set);
    return status;
}

const lw_command lw_command_report = {
    .name = "report",
    .summary = "look at finished runs, alone or side by side",
    .operands = "RUN...",
    .description =
        "Shows what runs came to: the answer first, then a table, curves of loss and accuracy, and "
        "what is taken for what. With --out it is one HTML file that needs nothing else, with the "
        "wrong test images and the first layer's filters. Runs that differ in nothing but the seed "
        "are "
        "one recipe: their mean and its interval are shown. RUN is a run directory.",
    .examples = "  lanewise report runs/fixed-1\n"
                "  lanewise report runs/fixed-1 --out report.html\n"
                "  lanewise report runs/fixed-* runs/lab-1 --out report.html\n"
                "  lanewise report runs/fixed-* --json\n",
    .least_operands = 1,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {report_options, lw_offline_option_table, lw_thread_option_table,
                           lw_output_option_table},
                .counts = {LW_COUNT(report_options), LW_N_OFFLINE_OPTIONS, LW_N_THREAD_OPTIONS,
                           LW_N_OUTPUT_OPTIONS},
                .n_tables = 4},
    .settings_bytes = sizeof(report_settings),
    .run = run_report,
};
