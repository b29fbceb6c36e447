// SPDX-License-Identifier: Apache-2.0
#include "train/times.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

// The table under construction.
typedef struct time_table {
    lw_train_time *rows;
    size_t n_rows;
    double seconds_per_ns; // of a booking: the mean over the threads
    double booked_seconds;
} time_table;

static lw_train_time *add_row(time_table *table, const char *work, double seconds)
{
    lw_train_time *row = &table->rows[table->n_rows++];
    snprintf(row->work, sizeof row->work, "%s", work);
    row->seconds = seconds;
    table->booked_seconds += seconds;
    return row;
}

static void add_stage(time_table *table, const char *layer, const lw_stage_time *stage)
{
    // In the order in which a step runs them.
    const lw_conv_pass order[LW_N_PASSES] = {LW_CONV_FORWARD, LW_CONV_BACKWARD_WEIGHTS,
                                             LW_CONV_BACKWARD_DATA};
    for (int i = 0; i < LW_N_PASSES; i++) {
        const lw_pass_time *pass = &stage->passes[order[i]];
        if (!pass->algorithm) continue; // nobody runs it
        lw_train_time *row = add_row(table, stage->work, (double)pass->ns * table->seconds_per_ns);
        snprintf(row->layer, sizeof row->layer, "%s", layer);
        snprintf(row->pass, sizeof row->pass, "%s", lw_conv_pass_name(order[i]));
        snprintf(row->algorithm, sizeof row->algorithm, "%s", pass->algorithm);
        row->flops = 2.0 * pass->macs;
    }
}

static void fill(time_table *table, const lw_network *network, const lw_time_sheet *sum,
                 double seconds)
{
    static const char *const works[LW_N_TIME_WORKS] = {[LW_TIME_AUGMENT] = "augmenting images",
                                                       [LW_TIME_LOAD] = "loading images",
                                                       [LW_TIME_LOSS] = "loss",
                                                       [LW_TIME_UPDATE] =
                                                           "gradient sum, optimizer, packing",
                                                       [LW_TIME_BARRIER] = "waiting at barriers",
                                                       [LW_TIME_REPORT] = "counting, reports"};
    for (size_t i = 0; i < sum->n_layers; i++)
        add_stage(table, lw_network_layer(network, i)->name, &sum->stages[i]);
    for (int work = 0; work < LW_N_TIME_WORKS; work++) {
        // Most runs do not augment, and never a nanosecond is booked on it then.
        if (work == LW_TIME_AUGMENT && sum->work_ns[work] == 0) continue;
        add_row(table, works[work], (double)sum->work_ns[work] * table->seconds_per_ns);
    }
    add_row(table, "starting threads, idle threads", seconds - table->booked_seconds);
}

lw_status lw_train_times(lw_train_time **rows, size_t *n_rows, const lw_network *network,
                         const lw_time_sheet *sheets, int32_t threads, double seconds)
{
    const size_t n_layers = lw_network_layer_count(network);
    time_table table = {.seconds_per_ns = 1e-9 / threads};
    lw_time_sheet sum;
    *rows = NULL;
    *n_rows = 0;
    LW_TRY(lw_time_sheet_init(&sum, n_layers));
    table.rows = calloc(n_layers * LW_N_PASSES + LW_N_TIME_WORKS + 1, sizeof *table.rows);
    if (table.rows) {
        for (int32_t i = 0; i < threads; i++) lw_time_sheet_add(&sum, &sheets[i]);
        fill(&table, network, &sum, seconds);
    }
    lw_time_sheet_destroy(&sum);
    if (!table.rows) return lw_fail(LW_ERROR_MEMORY, "no memory for the table of times");
    *rows = table.rows;
    *n_rows = table.n_rows;
    return LW_OK;
}
