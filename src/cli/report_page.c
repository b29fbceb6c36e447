// SPDX-License-Identifier: Apache-2.0
#include "cli/report_page.h"

#include "base/error.h"
#include "cli/report_curves.h"
#include "cli/times_table.h"
#include "report/confusion.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_settings = 96, most_columns = 6, most_matrices = 12 };

// Takes a table into the page and ends its life.
static void add_table(lw_page *page, const char *name, lw_table **table)
{
    lw_page_table(page, name, *table);
    lw_table_destroy(table);
}

// ---- the head ---------------------------------------------------------------------------------

static void begin(lw_page *page, const lw_run_set *set)
{
    char title[256], subtitle[1024], figure[32], sentence[512];
    const lw_run_summary *run = set->runs[0];
    if (set->n == 1)
        snprintf(title, sizeof title, "%s on %s", run->network, run->data);
    else if (set->n_groups == 1)
        snprintf(title, sizeof title, "%s on %s, %zu runs", run->network, run->data, set->n);
    else
        snprintf(title, sizeof title, "%zu recipes on %s, %zu runs", set->n_groups, run->data,
                 set->n);
    snprintf(subtitle, sizeof subtitle,
             "%s: %s training, %s validation and %s test images \u00b7 %s, %s kernels, %d thread%s "
             "\u00b7 lanewise %s",
             run->data, lw_format_count(run->train_images).text,
             lw_format_count(run->validation_images).text, lw_format_count(run->test_images).text,
             run->cpu, run->isa, run->threads, run->threads == 1 ? "" : "s", run->version);
    lw_page_begin(page, title, subtitle);
    lw_report_headline(figure, sentence, set);
    lw_page_headline(page, figure, "%s", sentence);
}

static lw_status add_results(lw_page *page, const lw_run_set *set)
{
    lw_table *table;
    lw_page_section(page, "Results");
    if (set->n_groups > 1) {
        LW_TRY(lw_report_groups_table(&table, set));
        add_table(page, "Recipes", &table);
    }
    LW_TRY(lw_report_runs_table(&table, set));
    add_table(page, "Runs", &table);
    LW_TRY(lw_report_convolutions_table(&table, set));
    if (table) add_table(page, "The same training by other convolutions", &table);
    return LW_OK;
}

// ---- curves -----------------------------------------------------------------------------------

static lw_status add_curves(lw_page *page, const lw_run_set *set)
{
    if (lw_run_set_epochs(set) < 2) return LW_OK; // one point is no curve
    lw_page_section(page, "Epoch by epoch");
    lw_page_paragraph(
        page, "%s%s",
        !lw_run_set_has_validation(set) ? "On the training images, counted while the weights moved."
        : lw_curves_show_training(set)
            ? "Solid: on the validation images, after the epoch; dashed: on the "
              "training images, counted while the weights moved."
            : "On the validation images, after the epoch.",
        set->n > set->n_groups ? " Thin: single runs; shaded: 95 % interval of the mean." : "");
    lw_page_grid_begin(page);
    lw_status status = LW_OK;
    for (int i = 0; i < 2 && !status; i++) {
        lw_curves curves;
        status = lw_curves_make(&curves, set, i ? LW_CURVE_LOSS : LW_CURVE_ACCURACY);
        if (!status) lw_page_chart(page, curves.chart.title, &curves.chart);
        lw_curves_free(&curves);
    }
    lw_page_grid_end(page);
    return status;
}

// ---- confusion --------------------------------------------------------------------------------

static lw_status add_worst(lw_page *page, const lw_run_group *group)
{
    enum { most = 10 };
    lw_mistake worst[most];
    lw_table *table;
    const size_t n = lw_confusion_worst(&group->confusion, worst, most);
    const char *const *names = group->runs[0]->class_names;
    if (n == 0) return LW_OK;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "class");
    lw_table_column(table, LW_ALIGN_LEFT, "taken for");
    lw_table_column(table, LW_ALIGN_RIGHT, group->n > 1 ? "times in all runs" : "times");
    for (size_t i = 0; i < n; i++) {
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", names[worst[i].truth]);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", names[worst[i].predicted]);
        lw_table_number(table, LW_STYLE_PLAIN, (double)worst[i].count, "%s",
                        lw_format_count(worst[i].count).text);
    }
    lw_page_figure_begin(page, "Most often mixed up");
    lw_page_table(page, NULL, table);
    lw_page_figure_end(page);
    lw_table_destroy(&table);
    return LW_OK;
}

static lw_status add_matrix(lw_page *page, const lw_run_set *set, const lw_run_group *group)
{
    char name[256];
    lw_table *table;
    snprintf(name, sizeof name, "%s%s%s", set->n_groups > 1 ? group->label : "",
             set->n_groups > 1 ? ": " : "",
             group->n > 1 ? "test images of all runs (row: true class, column: predicted class)"
                          : "test images (row: true class, column: predicted class)");
    LW_TRY(lw_confusion_make_table(&table, &group->confusion, group->runs[0]->class_names));
    lw_page_row_begin(page);
    lw_page_heat_map(page, name, table);
    lw_table_destroy(&table);
    const lw_status status = add_worst(page, group);
    lw_page_row_end(page);
    return status;
}

static lw_status add_confusions(lw_page *page, const lw_run_set *set)
{
    size_t shown = 0;
    for (size_t g = 0; g < set->n_groups && shown < most_matrices; g++) {
        const lw_run_group *group = &set->groups[g];
        if (group->confusion.classes == 0) continue;
        if (shown == 0) lw_page_section(page, "What is taken for what");
        if (group->confusion.classes > LW_CONFUSION_MOST_CLASSES) {
            lw_page_paragraph(page, "%s: a matrix of %d classes is left out.", group->label,
                              group->confusion.classes);
            LW_TRY(add_worst(page, group));
        } else {
            // The first one is open; with many, the others wait to be asked for.
            if (shown > 0) lw_page_details_begin(page, group->label);
            LW_TRY(add_matrix(page, set, group));
            if (shown > 0) lw_page_details_end(page);
        }
        shown++;
    }
    return LW_OK;
}

// ---- sizes ------------------------------------------------------------------------------------

// The Wilson interval of a share.
static void wilson(int64_t correct, int64_t count, double *low, double *high)
{
    const double z = 1.96, n = (double)count, p = (double)correct / n;
    const double middle = p + z * z / (2 * n);
    const double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = 100 * fmax(0, (middle - half) / (1 + z * z / n));
    *high = 100 * fmin(1, (middle + half) / (1 + z * z / n));
}

// Right and all images of one size in all runs of a group.
static void count_size(const lw_run_group *group, int32_t height, int32_t width, int64_t *correct,
                       int64_t *count)
{
    for (size_t i = 0; i < group->n; i++)
        for (size_t k = 0; k < group->runs[i]->n_sizes; k++) {
            const lw_size_metrics *size = &group->runs[i]->sizes[k];
            if (size->height != height || size->width != width) continue;
            *correct += size->correct;
            *count += size->count;
        }
}

static void fill_sizes(lw_chart_series *series, double *room, const lw_run_group *group)
{
    const lw_run_summary *run = group->runs[0];
    double *x = room, *y = x + run->n_sizes, *low = y + run->n_sizes, *high = low + run->n_sizes;
    for (size_t k = 0; k < run->n_sizes; k++) {
        int64_t correct = 0, count = 0;
        const lw_size_metrics *size = &run->sizes[k];
        count_size(group, size->height, size->width, &correct, &count);
        x[k] = sqrt((double)size->height * size->width);
        y[k] = 100 * (double)correct / (double)count;
        wilson(correct, count, &low[k], &high[k]);
    }
    series->x = x;
    series->y = y;
    series->low = low;
    series->high = high;
    series->n = run->n_sizes;
}

static lw_status add_sizes(lw_page *page, const lw_run_set *set)
{
    size_t values = 0, n = 0;
    for (size_t g = 0; g < set->n_groups; g++) values += 4 * set->groups[g].runs[0]->n_sizes;
    if (values == 0) return LW_OK;
    lw_chart_series *series = calloc(set->n_groups, sizeof *series);
    double *room = calloc(values, sizeof *room);
    if (series && room) {
        double *at = room;
        for (size_t g = 0; g < set->n_groups; g++) {
            const lw_run_group *group = &set->groups[g];
            if (group->runs[0]->n_sizes == 0) continue;
            series[n] = (lw_chart_series){.name = group->label, .colour = g};
            fill_sizes(&series[n++], at, group);
            at += 4 * group->runs[0]->n_sizes;
        }
        lw_page_section(page, "Accuracy at each size of image");
        lw_page_paragraph(page,
                          "Side: the root of height times width. Shaded: 95 %% interval for the "
                          "number of images of that size.");
        lw_page_grid_begin(page);
        lw_page_chart(page, "Test accuracy at each size",
                      &(lw_chart){.title = "Test accuracy at each size of image",
                                  .x_axis = "side (pixels)",
                                  .y_axis = "accuracy (%)",
                                  .y_decimals = 2,
                                  .series = series,
                                  .n_series = n});
        lw_page_grid_end(page);
    }
    const bool failed = !series || !room;
    free(series);
    free(room);
    return failed ? lw_fail(LW_ERROR_MEMORY, "no memory for the sizes") : LW_OK;
}

// ---- parameters -------------------------------------------------------------------------------

static bool several_networks(const lw_run_set *set)
{
    for (size_t g = 1; g < set->n_groups; g++)
        if (set->groups[g].runs[0]->parameters != set->groups[0].runs[0]->parameters) return true;
    return false;
}

static lw_status add_parameters(lw_page *page, const lw_run_set *set)
{
    if (!several_networks(set)) return LW_OK;
    lw_chart_series *series = calloc(set->n_groups, sizeof *series);
    double(*room)[4] = calloc(set->n_groups, sizeof *room);
    if (series && room) {
        for (size_t g = 0; g < set->n_groups; g++) {
            const lw_run_group *group = &set->groups[g];
            const lw_summary *result = lw_run_group_result(set, group);
            double *r = room[g];
            r[0] = (double)group->runs[0]->parameters;
            r[1] = 100 * result->mean;
            const bool known = lw_summary_has_interval(result);
            r[2] = known ? 100 * result->low : NAN;
            r[3] = known ? 100 * fmin(result->high, 1) : NAN;
            series[g] = (lw_chart_series){.name = group->label,
                                          .x = r,
                                          .y = r + 1,
                                          .low = r + 2,
                                          .high = r + 3,
                                          .n = 1,
                                          .colour = g,
                                          .points = true};
        }
        char axis[64];
        snprintf(axis, sizeof axis, "%s accuracy (%%)", lw_run_set_judge(set));
        lw_page_section(page, "Parameters against accuracy");
        lw_page_paragraph(page,
                          "Bars: 95 %% interval of the mean where there are three runs or more.");
        lw_page_grid_begin(page);
        lw_page_chart(page, "Accuracy of networks of different size",
                      &(lw_chart){.title = "Parameters against accuracy",
                                  .x_axis = "parameters",
                                  .y_axis = axis,
                                  .y_decimals = 2,
                                  .log_x = true,
                                  .series = series,
                                  .n_series = set->n_groups});
        lw_page_grid_end(page);
    }
    const bool failed = !series || !room;
    free(series);
    free(room);
    return failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a chart") : LW_OK;
}

// ---- times ------------------------------------------------------------------------------------

static const lw_run_summary *find_timed(const lw_run_group *group)
{
    for (size_t i = 0; i < group->n; i++)
        if (group->runs[i]->n_times > 0) return group->runs[i];
    return NULL;
}

static lw_status add_times(lw_page *page, const lw_run_set *set)
{
    bool any = false;
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_summary *run = find_timed(&set->groups[g]);
        if (!run) continue;
        if (!any) {
            lw_page_section(page, "Where the time went");
            lw_page_paragraph(page,
                              "fwd: forward; bwd_w: gradients of the weights; bwd_d: of the input. "
                              "GFLOP/s as if every product were computed, of all threads "
                              "together; the mean of the threads' times.");
        }
        any = true;
        const lw_times times = {.rows = run->times,
                                .n = run->n_times,
                                .seconds = run->seconds,
                                .images = run->images_per_second * run->seconds,
                                .peak_gflops = run->peak_gflops};
        lw_table *table;
        char name[256];
        LW_TRY(lw_times_table(&table, &times, true));
        snprintf(name, sizeof name, "%s: %s, %s images/s, peak %.0f GFLOP/s", lw_run_name(set, run),
                 lw_format_seconds(run->seconds).text,
                 lw_format_count(llround(run->images_per_second)).text, run->peak_gflops);
        add_table(page, name, &table);
    }
    return LW_OK;
}

// ---- what was run -----------------------------------------------------------------------------

static const char *find_setting(const lw_run_setting *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0) return settings[i].value;
    return "-";
}

// A row of the table of settings: the value of each group, the whole row in bold where they differ.
static void add_setting(lw_table *table, const char *key, const char *const *values, size_t n)
{
    bool same = true;
    for (size_t i = 1; i < n; i++) same = same && strcmp(values[i], values[0]) == 0;
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", key);
    for (size_t i = 0; i < n; i++)
        lw_table_cell(table, same ? LW_STYLE_PLAIN : LW_STYLE_BOLD, "%s", values[i]);
}

static void add_facts(lw_table *table, const lw_run_set *set, size_t n)
{
    const char *networks[most_columns], *data[most_columns], *cpus[most_columns];
    const char *versions[most_columns];
    char parameters[most_columns][48], images[most_columns][160], sources[most_columns][400];
    const char *p[most_columns], *i[most_columns], *s[most_columns];
    for (size_t g = 0; g < n; g++) {
        const lw_run_summary *run = set->groups[g].runs[0];
        const cJSON *source = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(run->config, "data"), "source");
        networks[g] = run->network;
        data[g] = run->data;
        cpus[g] = run->cpu;
        versions[g] = run->version;
        snprintf(parameters[g], sizeof parameters[g], "%s", lw_format_count(run->parameters).text);
        snprintf(images[g], sizeof images[g], "%s, %s, %s", lw_format_count(run->train_images).text,
                 lw_format_count(run->validation_images).text,
                 lw_format_count(run->test_images).text);
        snprintf(sources[g], sizeof sources[g], "%s",
                 cJSON_IsString(source) ? source->valuestring : "-");
        p[g] = parameters[g];
        i[g] = images[g];
        s[g] = sources[g];
    }
    add_setting(table, "network", networks, n);
    add_setting(table, "parameters", p, n);
    add_setting(table, "data", data, n);
    add_setting(table, "from", s, n);
    add_setting(table, "images (training, validation, test)", i, n);
    add_setting(table, "machine", cpus, n);
    add_setting(table, "lanewise", versions, n);
}

static lw_status add_settings(lw_page *page, const lw_run_set *set)
{
    const size_t n = set->n_groups < most_columns ? set->n_groups : most_columns;
    lw_run_setting(*settings)[most_settings] = calloc(n, sizeof *settings);
    lw_table *table;
    if (!settings) return lw_fail(LW_ERROR_MEMORY, "no memory for the settings");
    lw_status status = lw_table_create(&table);
    if (!status) {
        size_t counts[most_columns];
        lw_table_column(table, LW_ALIGN_LEFT, "setting");
        for (size_t g = 0; g < n; g++) {
            counts[g] = lw_run_settings(set->groups[g].runs[0], settings[g], most_settings);
            lw_table_column(table, LW_ALIGN_LEFT, set->groups[g].label);
        }
        add_facts(table, set, n);
        for (size_t i = 0; i < counts[0]; i++) {
            const char *values[most_columns];
            if (strcmp(settings[0][i].key, "data") == 0) continue; // a fact
            for (size_t g = 0; g < n; g++)
                values[g] = find_setting(settings[g], counts[g], settings[0][i].key);
            add_setting(table, settings[0][i].key, values, n);
        }
        lw_page_section(page, "What was run");
        if (n < set->n_groups)
            lw_page_paragraph(page, "The first %zu of %zu recipes.", n, set->n_groups);
        add_table(page, "Settings", &table);
        lw_page_details_begin(page, "Network");
        lw_page_code(page, set->groups[0].runs[0]->network_text);
        lw_page_details_end(page);
    }
    free(settings);
    return status;
}

lw_status lw_report_page_begin(lw_page *page, const lw_run_set *set)
{
    begin(page, set);
    LW_TRY(add_results(page, set));
    LW_TRY(add_curves(page, set));
    LW_TRY(add_parameters(page, set));
    LW_TRY(add_sizes(page, set));
    return add_confusions(page, set);
}

lw_status lw_report_page_end(lw_page *page, const lw_run_set *set)
{
    LW_TRY(add_times(page, set));
    return add_settings(page, set);
}
