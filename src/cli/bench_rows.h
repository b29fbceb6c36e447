// SPDX-License-Identifier: Apache-2.0
// What `lanewise bench` found out: one row a measurement, in memory and as JSON. Rows of another
// instruction set come from another process, as JSON.
#ifndef LW_CLI_BENCH_ROWS_H
#define LW_CLI_BENCH_ROWS_H

#include "bench/measure.h"
#include "cli/conv_options.h"
#include "report/format.h"

typedef struct lw_bench_row {
    char problem[LW_CONV_PROBLEM_BYTES], name[64];
    char pass[8], algorithm[16], kernel[64], isa[16], layout[8];
    char reason[160]; // why it was not measured; "" when it was
    int32_t threads, repetitions, images;
    bool dense_equivalent;
    double ms, low_ms, high_ms, cold_ms, gflops;
    double peak_share, speedup_over_naive; // NaN where there is nothing to compare with
} lw_bench_row;

// The FMA peak of one instruction set.
typedef struct lw_bench_peak {
    char isa[16];
    int32_t threads;
    double gflops;
} lw_bench_peak;

typedef struct lw_bench_rows {
    lw_bench_row *rows; // owned
    size_t n, capacity;
    lw_bench_peak peaks[LW_MOST_ISAS];
    size_t n_peaks;
} lw_bench_rows;

// Adds the results of one problem, measured by this process.
lw_status lw_bench_rows_add(lw_bench_rows *rows, const lw_problem *problem, lw_conv_layout layout,
                            const lw_bench_result *results, int n_results);
// Sets the peak of this process's instruction set and the shares of its rows.
void lw_bench_rows_set_peak(lw_bench_rows *rows, int32_t threads, double gflops);
// Adds what another process of this program printed. LW_ERROR_INTERNAL when it is something else.
lw_status lw_bench_rows_add_json(lw_bench_rows *rows, const cJSON *json);
void lw_bench_rows_free(lw_bench_rows *rows);

// The whole as JSON; NULL without memory.
cJSON *lw_bench_rows_json(const lw_bench_rows *rows);

// A table for each problem, and below them what the columns mean.
lw_status lw_bench_print_tables(const lw_bench_rows *rows, const lw_problem_list *problems,
                                const lw_output *output);

// The result in short: for each problem, pass and instruction set the fastest of our algorithms
// against oneDNN, and the geometric mean of the ratios.
lw_status lw_bench_print_summary(const lw_bench_rows *rows, const lw_problem_list *problems,
                                 const lw_output *output);

// Four digits and no more than seven characters ("0.01234", "12.34", "1234"), "-" for NaN.
lw_short_text lw_bench_digits(double value);
bool lw_bench_row_is_of(const lw_bench_row *row, const lw_problem *problem);

// A bar chart: a panel for each problem, a group for each pass, a bar for each algorithm.
lw_status lw_bench_write_chart(const lw_bench_rows *rows, const lw_problem_list *problems,
                               const char *path);

#endif
