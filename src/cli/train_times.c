// SPDX-License-Identifier: Apache-2.0
// Where the time of a training went (`lanewise train --time`): as a table and as JSON.
#include "base/error.h"
#include "cli/json.h"
#include "cli/times_table.h"
#include "cli/train_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void lw_train_keep_times(void *user, const lw_train_time *rows, size_t n_rows)
{
    lw_train_job *job = user;
    job->times = malloc(n_rows * sizeof *rows);
    job->times_failed = !job->times;
    if (!job->times) return;
    memcpy(job->times, rows, n_rows * sizeof *rows);
    job->n_times = n_rows;
}

// Figures of a row; the rates are of all threads together. Not a number: there is none.
typedef struct row_figures {
    double us_per_image, share, gflops, peak_share;
} row_figures;

static row_figures figure(const lw_times *times, double seconds, double flops)
{
    const double gflops = flops > 0 && seconds > 0 ? flops / seconds * 1e-9 : NAN;
    return (row_figures){
        .us_per_image = times->images > 0 ? seconds * 1e6 / times->images : NAN,
        .share = times->seconds > 0 ? seconds / times->seconds : NAN,
        .gflops = gflops,
        .peak_share = times->peak_gflops > 0 ? gflops / times->peak_gflops : NAN,
    };
}

static lw_times times_of(const lw_train_job *job)
{
    const lw_train_result *result = &job->result;
    return (lw_times){.rows = job->times,
                      .n = job->n_times,
                      .seconds = result->seconds,
                      .images = result->images_per_second * result->seconds,
                      .peak_gflops = job->peak_gflops};
}

static double all_flops(const lw_times *times)
{
    double flops = 0;
    for (size_t i = 0; i < times->n; i++) flops += times->rows[i].flops;
    return flops;
}

// ---- for programs -----------------------------------------------------------------------------

static cJSON *row_json(const lw_times *times, const lw_train_time *row)
{
    const row_figures figures = figure(times, row->seconds, row->flops);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "layer", row->layer[0] ? row->layer : NULL);
    lw_json_add_text(&object, "work", row->work);
    lw_json_add_text(&object, "pass", row->pass[0] ? row->pass : NULL);
    lw_json_add_text(&object, "algorithm", row->algorithm[0] ? row->algorithm : NULL);
    lw_json_add_number(&object, "seconds", row->seconds);
    lw_json_add_number(&object, "us_per_image", figures.us_per_image);
    lw_json_add_number(&object, "gflops", figures.gflops);
    lw_json_add_number(&object, "peak_share", figures.peak_share);
    return lw_json_object_take(&object);
}

cJSON *lw_train_times_json(const lw_train_job *job)
{
    const lw_times times = times_of(job);
    lw_json_object object = lw_json_object_begin();
    cJSON *rows = cJSON_CreateArray();
    lw_json_add_number(&object, "peak_gflops", job->peak_gflops);
    lw_json_add_item(&object, "rows", rows);
    for (size_t i = 0; !object.failed && i < job->n_times; i++) {
        cJSON *row = row_json(&times, &job->times[i]);
        if (row && cJSON_AddItemToArray(rows, row)) continue;
        cJSON_Delete(row);
        object.failed = true;
    }
    return lw_json_object_take(&object);
}

// ---- for people -------------------------------------------------------------------------------

// A number with so many decimals, "-" where there is none.
static void number_cell(lw_table *table, double value, int decimals)
{
    if (isfinite(value))
        lw_table_number(table, LW_STYLE_PLAIN, value, "%.*f", decimals, value);
    else
        lw_table_number(table, LW_STYLE_DIM, value, "-");
}

static void figure_cells(lw_table *table, const row_figures *figures)
{
    number_cell(table, figures->us_per_image, 2);
    lw_table_share(table, LW_STYLE_PLAIN, figures->share);
    number_cell(table, figures->gflops, 0);
    lw_table_share(table, LW_STYLE_PLAIN, figures->peak_share);
}

static void add_rows(lw_table *table, const lw_times *times, bool repeat_names)
{
    const char *layer = "";
    for (size_t i = 0; i < times->n; i++) {
        const lw_train_time *row = &times->rows[i];
        const row_figures figures = figure(times, row->seconds, row->flops);
        // The names of a stage stand before its first pass only.
        const bool repeated = !repeat_names && row->layer[0] && strcmp(row->layer, layer) == 0;
        if (!row->layer[0] && layer[0]) lw_table_rule(table);
        layer = row->layer;
        lw_table_cell(table, LW_STYLE_BOLD, "%s", repeated ? "" : row->layer);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", repeated ? "" : row->work);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", row->pass);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", row->algorithm);
        figure_cells(table, &figures);
    }
    const row_figures whole = figure(times, times->seconds, all_flops(times));
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_BOLD, "all");
    for (int i = 0; i < 3; i++) lw_table_cell(table, LW_STYLE_PLAIN, "%s", "");
    figure_cells(table, &whole);
}

lw_status lw_times_table(lw_table **table, const lw_times *times, bool repeat_names)
{
    static const char *const titles[] = {"layer",    "stage", "pass",    "kernel",
                                         "us/image", "time",  "GFLOP/s", "of peak"};
    LW_TRY(lw_table_create(table));
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        lw_table_column(*table, i < 4 ? LW_ALIGN_LEFT : LW_ALIGN_RIGHT, titles[i]);
    add_rows(*table, times, repeat_names);
    return LW_OK;
}

lw_status lw_train_times_print(const lw_train_job *job)
{
    const lw_times times = times_of(job);
    lw_table *table;
    FILE *file = job->output->result;
    LW_TRY(lw_times_table(&table, &times, false));
    fprintf(file,
            "\nwhere the time of the training went (mean of %d thread%s; GFLOP/s as if every "
            "product\nwere computed; peak of multiply-adds %.0f GFLOP/s):\n\n",
            job->result.threads, job->result.threads == 1 ? "" : "s", job->peak_gflops);
    lw_status status = lw_table_print(table, file, &job->output->terminal, 2);
    lw_table_destroy(&table);
    return status;
}
