// SPDX-License-Identifier: Apache-2.0
// The page of a study: the answer, tables, sentences, and what the study wants drawn.
#include "base/error.h"
#include "cli/study_result.h"
#include "report/dot_plot.h"
#include "report/format.h"
#include "report/page.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

// Numbers on a page: per cent where the figure is a fraction.
static double shown(lw_study_metric metric, double value)
{
    return lw_study_metrics[metric].unit == LW_STUDY_FRACTION ? 100 * value : value;
}

static const char *unit_of(lw_study_metric metric)
{
    const lw_study_unit unit = lw_study_metrics[metric].unit;
    return unit == LW_STUDY_FRACTION ? " (%)" : unit == LW_STUDY_TIME ? " (s)" : "";
}

static int decimals_of(lw_study_metric metric)
{
    const lw_study_unit unit = lw_study_metrics[metric].unit;
    return unit == LW_STUDY_LOSS ? 4 : unit == LW_STUDY_RATE || unit == LW_STUDY_COUNT ? 0 : 2;
}

// ---- head and tables --------------------------------------------------------------------------

static void begin(lw_page *page, const lw_study_result *result)
{
    const lw_study *study = result->study;
    char subtitle[1200], date[32] = "";
    const time_t when = (time_t)result->finished;
    struct tm parts;
    if (gmtime_r(&when, &parts)) strftime(date, sizeof date, "%Y-%m-%d", &parts);
    if (study->kind == LW_STUDY_TRAIN)
        snprintf(subtitle, sizeof subtitle,
                 "Study %s: %zu of %zu trainings on %s; %s, %s kernels; %s", study->name,
                 result->n_done, result->n_trials, result->data ? result->data : "no data",
                 lw_cpu_name(), lw_cpu_isa(), date);
    else
        snprintf(subtitle, sizeof subtitle, "Study %s; %s", study->name, date);
    lw_page_begin(page, study->title, subtitle);
}

static void add_headline(lw_page *page, const lw_study_result *result)
{
    const lw_study_arm_result *arm = &result->arms[0];
    const lw_study_metric metric = lw_study_headline(result->study);
    const lw_study_published *published = lw_study_find_published(arm->arm, metric);
    const lw_summary summary = lw_study_summarize(arm, metric);
    if (summary.n == 0) return;
    char was[224] = "";
    if (published && lw_study_can_compare(result))
        snprintf(was, sizeof was, "; published: %s",
                 lw_study_format(metric, published->value).text);
    char seeds[48] = "";
    if (arm->n_trials > 0)
        snprintf(seeds, sizeof seeds, ", mean of %zu seed%s", summary.n, summary.n == 1 ? "" : "s");
    lw_page_headline(page, lw_study_format(metric, summary.mean).text, "%s: %s%s%s",
                     lw_study_metrics[metric].title, arm->arm->title, seeds, was);
}

// What the short names of the arms stand for.
static void add_arms(lw_page *page, const lw_study *study)
{
    lw_table *names, *options = NULL;
    if (lw_table_create(&names) || lw_table_create(&options)) {
        lw_table_destroy(&names);
        page->failed = true;
        return;
    }
    lw_table_column(names, LW_ALIGN_LEFT, "arm");
    lw_table_column(names, LW_ALIGN_LEFT, "what");
    lw_table_column(names, LW_ALIGN_LEFT, "network");
    lw_table_column(options, LW_ALIGN_LEFT, "arm");
    lw_table_column(options, LW_ALIGN_LEFT, "options");
    for (size_t i = 0; i < study->n_arms; i++) {
        const lw_study_arm *arm = &study->arms[i];
        lw_text words = {0};
        for (size_t k = 0; k < arm->n_options; k++)
            lw_text_print(&words, "%s--%s%s%s", k ? " " : "", arm->options[k].name,
                          arm->options[k].value ? " " : "",
                          arm->options[k].value ? arm->options[k].value : "");
        lw_table_cell(names, LW_STYLE_PLAIN, "%s", arm->name);
        lw_table_cell(names, LW_STYLE_PLAIN, "%s", arm->title);
        lw_table_cell(names, LW_STYLE_PLAIN, "%s", arm->network);
        lw_table_cell(options, LW_STYLE_PLAIN, "%s", arm->name);
        lw_table_cell(options, LW_STYLE_PLAIN, "%s", words.bytes ? words.bytes : "");
        lw_text_free(&words);
    }
    lw_page_table(page, "Arms", names);
    lw_page_details_begin(page, "Options of each arm");
    lw_page_table(page, "Options", options);
    lw_page_details_end(page);
    lw_table_destroy(&names);
    lw_table_destroy(&options);
}

static void add_results(lw_page *page, const lw_study_result *result)
{
    enum { most_sentences = 2 * LW_STUDY_MOST_ARMS };
    lw_table *table;
    lw_study_sentence *sentences = calloc(most_sentences, sizeof *sentences);
    if (!sentences || lw_study_make_table(&table, result, true)) {
        free(sentences);
        page->failed = true;
        return;
    }
    lw_page_section(page, "Results");
    lw_page_table(page,
                  result->study->kind == LW_STUDY_TRAIN
                      ? "Mean and standard deviation over the seeds"
                  : result->study->kind == LW_STUDY_MATCH ? "Channels and parameters"
                                                          : "Sizes",
                  table);
    lw_table_destroy(&table);
    const size_t n = lw_study_sentences(result, sentences, most_sentences);
    for (size_t i = 0; i < n; i++) lw_page_paragraph(page, "%s", sentences[i].text);
    free(sentences);
    if (result->study->kind == LW_STUDY_TRAIN) add_arms(page, result->study);
}

// ---- each arm's figure, with its interval -----------------------------------------------------

static void add_dots(lw_page *page, const lw_study_result *result)
{
    const lw_study *study = result->study;
    const lw_study_metric metric = lw_study_headline(study);
    lw_dot_row rows[LW_STUDY_MOST_ARMS];
    const size_t seeds = (size_t)result->seeds;
    double *values = calloc(study->n_arms * seeds, sizeof *values);
    if (!values) {
        page->failed = true;
        return;
    }
    for (size_t i = 0; i < study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        const lw_study_published *published = lw_study_find_published(arm->arm, metric);
        const lw_summary summary = lw_study_summarize(arm, metric);
        for (size_t k = 0; k < arm->n_trials; k++)
            values[i * seeds + k] = shown(metric, lw_study_trial_value(arm->trials[k], metric));
        rows[i] = (lw_dot_row){.name = arm->arm->name,
                               .values = values + i * seeds,
                               .n = arm->n_trials,
                               .mean = shown(metric, summary.mean),
                               .low = shown(metric, summary.low),
                               .high = shown(metric, summary.high),
                               .published = published ? shown(metric, published->value) : NAN};
    }
    char axis[64];
    snprintf(axis, sizeof axis, "%s%s", lw_study_metrics[metric].title, unit_of(metric));
    const lw_dot_plot plot = {.title = "Each arm: mean, 95 % interval, single seeds",
                              .axis = axis,
                              .decimals = decimals_of(metric),
                              .rows = rows,
                              .n_rows = study->n_arms};
    lw_page_figure_begin(page,
                         "Means with 95 % intervals; dots are seeds, diamonds what was published");
    lw_dot_plot_draw(&page->text, &plot);
    lw_page_figure_end(page);
    free(values);
}

// ---- curves -----------------------------------------------------------------------------------

typedef struct curves {
    lw_chart_series *series;
    double *x, *y; // series after series
    size_t n, used;
} curves;

static bool curves_begin(curves *c, size_t most_series, size_t most_points)
{
    *c = (curves){.series = calloc(most_series, sizeof *c->series),
                  .x = calloc(most_points, sizeof *c->x),
                  .y = calloc(most_points, sizeof *c->y)};
    return c->series && c->x && c->y;
}

static void curves_end(curves *c)
{
    free(c->series);
    free(c->x);
    free(c->y);
}

// Ends a series of `n` points that were written behind the ones in use.
static void finish_series(curves *c, const char *name, size_t n, size_t colour, bool faint)
{
    if (n == 0) return;
    c->series[c->n++] = (lw_chart_series){.name = name,
                                          .x = c->x + c->used,
                                          .y = c->y + c->used,
                                          .n = n,
                                          .colour = colour % LW_CHART_COLOURS,
                                          .faint = faint};
    c->used += n;
}

typedef double (*epoch_figure)(const lw_epoch_result *epoch);

static double validation_accuracy(const lw_epoch_result *epoch)
{
    // Without validation images the epoch says 0.
    return epoch->validation_accuracy > 0 ? 100 * epoch->validation_accuracy : NAN;
}

static double training_loss(const lw_epoch_result *epoch)
{
    return epoch->train_loss;
}

// All seeds of an arm, faint, and their mean over the epochs that all of them have.
static void add_arm_curves(curves *c, const lw_study_arm_result *arm, size_t colour,
                           epoch_figure figure)
{
    size_t shortest = SIZE_MAX;
    for (size_t k = 0; k < arm->n_trials; k++) {
        const lw_trial *trial = arm->trials[k];
        for (size_t e = 0; e < trial->n_epochs; e++) {
            c->x[c->used + e] = trial->epochs[e].epoch;
            c->y[c->used + e] = figure(&trial->epochs[e]);
        }
        if (trial->n_epochs < shortest) shortest = trial->n_epochs;
        if (arm->n_trials > 1) finish_series(c, arm->arm->name, trial->n_epochs, colour, true);
    }
    if (arm->n_trials == 0) return;
    for (size_t e = 0; e < shortest; e++) {
        double sum = 0;
        for (size_t k = 0; k < arm->n_trials; k++) sum += figure(&arm->trials[k]->epochs[e]);
        c->x[c->used + e] = (double)(e + 1);
        c->y[c->used + e] = sum / (double)arm->n_trials;
    }
    finish_series(c, arm->arm->name, shortest, colour, false);
}

static void add_curve_chart(lw_page *page, const lw_study_result *result, const char *name,
                            const char *axis, int decimals, epoch_figure figure)
{
    size_t points = 0, series = 0;
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        for (size_t k = 0; k < arm->n_trials; k++) points += 2 * arm->trials[k]->n_epochs;
        series += arm->n_trials + 1;
    }
    curves c;
    if (points == 0) return;
    if (!curves_begin(&c, series, points)) {
        page->failed = true;
    } else {
        for (size_t i = 0; i < result->study->n_arms; i++)
            add_arm_curves(&c, &result->arms[i], i, figure);
        const lw_chart chart = {.title = name,
                                .x_axis = "epoch",
                                .y_axis = axis,
                                .y_decimals = decimals,
                                .series = c.series,
                                .n_series = c.n};
        lw_page_chart(page, name, &chart);
    }
    curves_end(&c);
}

// ---- sizes and parameters ---------------------------------------------------------------------

// Mean accuracy over the seeds at each size of test image.
static void add_size_chart(lw_page *page, const lw_study_result *result)
{
    size_t points = 0;
    for (size_t i = 0; i < result->study->n_arms; i++)
        if (result->arms[i].n_trials > 0) points += result->arms[i].trials[0]->n_test_sizes;
    curves c;
    if (points == 0) return;
    if (!curves_begin(&c, result->study->n_arms, points)) {
        page->failed = true;
    } else {
        for (size_t i = 0; i < result->study->n_arms; i++) {
            const lw_study_arm_result *arm = &result->arms[i];
            const size_t n = arm->n_trials > 0 ? arm->trials[0]->n_test_sizes : 0;
            for (size_t s = 0; s < n; s++) {
                double sum = 0, count = 0;
                for (size_t k = 0; k < arm->n_trials; k++) {
                    if (arm->trials[k]->n_test_sizes != n) continue;
                    sum += lw_study_size_accuracy(arm->trials[k], s);
                    count++;
                }
                c.x[c.used + s] = arm->trials[0]->test_sizes[s].height;
                c.y[c.used + s] = 100 * sum / count;
            }
            finish_series(&c, arm->arm->name, n, i, false);
        }
        const lw_chart chart = {.title = "Accuracy at each size of test image",
                                .x_axis = "height of the image (pixels)",
                                .y_axis = "test accuracy (%)",
                                .y_decimals = 2,
                                .series = c.series,
                                .n_series = c.n};
        lw_page_chart(page, chart.title, &chart);
    }
    curves_end(&c);
}

static void add_parameter_chart(lw_page *page, const lw_study_result *result)
{
    const lw_study_metric metric = lw_study_headline(result->study);
    double x[LW_STUDY_MOST_ARMS], y[LW_STUDY_MOST_ARMS];
    double low[LW_STUDY_MOST_ARMS], high[LW_STUDY_MOST_ARMS];
    lw_chart_series series[LW_STUDY_MOST_ARMS];
    size_t n = 0;
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        const lw_summary summary = lw_study_summarize(arm, metric);
        if (summary.n == 0 || arm->parameters <= 0) continue;
        x[n] = (double)arm->parameters;
        y[n] = shown(metric, summary.mean);
        low[n] = isfinite(summary.low) ? shown(metric, summary.low) : y[n];
        high[n] = isfinite(summary.high) ? shown(metric, summary.high) : y[n];
        series[n] = (lw_chart_series){.name = arm->arm->name,
                                      .x = &x[n],
                                      .y = &y[n],
                                      .low = &low[n],
                                      .high = &high[n],
                                      .n = 1,
                                      .colour = i % LW_CHART_COLOURS,
                                      .points = true};
        n++;
    }
    char axis[64];
    snprintf(axis, sizeof axis, "%s%s", lw_study_metrics[metric].title, unit_of(metric));
    const lw_chart chart = {.title = "Parameters against accuracy, with 95 % intervals",
                            .x_axis = "parameters",
                            .y_axis = axis,
                            .y_decimals = decimals_of(metric),
                            .log_x = true,
                            .series = series,
                            .n_series = n};
    if (n > 0) lw_page_chart(page, chart.title, &chart);
}

// ---- confusion and drawings -------------------------------------------------------------------

// Of the first arm, all seeds together.
static void add_confusion(lw_page *page, const lw_study_result *result)
{
    const lw_study_arm_result *arm = &result->arms[0];
    const lw_trial *first = arm->n_trials > 0 ? arm->trials[0] : NULL;
    lw_table *table;
    if (!first || first->classes == 0) return;
    if (lw_table_create(&table)) {
        page->failed = true;
        return;
    }
    const int32_t classes = first->classes;
    lw_table_column(table, LW_ALIGN_RIGHT, "true");
    for (int32_t c = 0; c < classes; c++) {
        char name[16];
        snprintf(name, sizeof name, "%d", c);
        lw_table_column(table, LW_ALIGN_RIGHT, name);
    }
    for (int32_t truth = 0; truth < classes; truth++) {
        lw_table_cell(table, LW_STYLE_PLAIN, "%d", truth);
        double row[64] = {0}, sum = 0, worst = 1;
        for (int32_t c = 0; c < classes && c < 64; c++) {
            for (size_t k = 0; k < arm->n_trials; k++)
                if (arm->trials[k]->classes == classes)
                    row[c] += (double)arm->trials[k]->confusion[truth * classes + c];
            sum += row[c];
            if (c != truth && row[c] > worst) worst = row[c];
        }
        for (int32_t c = 0; c < classes && c < 64; c++)
            lw_table_heat(table, LW_STYLE_PLAIN, row[c],
                          c == truth ? row[c] / fmax(sum, 1) : -row[c] / worst, "%.0f", row[c]);
    }
    lw_page_section(page, "Confusion");
    lw_page_paragraph(
        page,
        "Test images of the arm %s, %zu seeds together; a row for each true class, a column "
        "for each predicted one, by their number.",
        arm->arm->name, arm->n_trials);
    lw_page_heat_map(page, "Confusion matrix", table);
    lw_table_destroy(&table);
}

static void add_drawings(lw_page *page, const lw_study_result *result)
{
    lw_page_section(page, "Drawings");
    lw_page_paragraph(
        page,
        "What each convolution makes of a small picture, with a kernel of equal weights: dashed "
        "squares are padding, the frame is where the kernel stands first.");
    lw_page_grid_begin(page);
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        char caption[256];
        if (!arm->shape.drawn) continue;
        snprintf(caption, sizeof caption, "%s: %dx%d to %dx%d", arm->arm->title,
                 arm->arm->size.first, arm->arm->size.second, arm->shape.out[0], arm->shape.out[1]);
        lw_page_figure_begin(page, caption);
        lw_study_draw_shape(&page->text, arm);
        lw_page_figure_end(page);
    }
    lw_page_grid_end(page);
}

// ---- the whole --------------------------------------------------------------------------------

lw_status lw_study_write_page(const lw_study_result *result, const char *path)
{
    const lw_study *study = result->study;
    lw_page page;
    begin(&page, result);
    if (result->quick)
        lw_page_paragraph(&page,
                          "A quick run, to see that the study works: its figures mean nothing.");
    if (study->kind != LW_STUDY_SHAPES) add_headline(&page, result);
    if (study->about[0]) lw_page_paragraph(&page, "%s", study->about);
    if (result->data_source) lw_page_paragraph(&page, "Data: %s", result->data_source);
    add_results(&page, result);
    if (study->plot & (LW_STUDY_PLOT_ARMS | LW_STUDY_PLOT_CURVES | LW_STUDY_PLOT_SIZES |
                       LW_STUDY_PLOT_PARAMETERS)) {
        lw_page_section(&page, "Figures");
        lw_page_grid_begin(&page);
        if (study->plot & LW_STUDY_PLOT_ARMS) add_dots(&page, result);
        if (study->plot & LW_STUDY_PLOT_PARAMETERS) add_parameter_chart(&page, result);
        if (study->plot & LW_STUDY_PLOT_CURVES) {
            add_curve_chart(&page, result, "Validation accuracy after each epoch",
                            "validation accuracy (%)", 2, validation_accuracy);
            add_curve_chart(&page, result, "Training loss of each epoch", "loss (nats)", 4,
                            training_loss);
        }
        if (study->plot & LW_STUDY_PLOT_SIZES) add_size_chart(&page, result);
        lw_page_grid_end(&page);
    }
    if (study->plot & LW_STUDY_PLOT_CONFUSION) add_confusion(&page, result);
    if (study->plot & LW_STUDY_PLOT_DRAWINGS) add_drawings(&page, result);
    return lw_page_write(&page, path);
}
