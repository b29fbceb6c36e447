// SPDX-License-Identifier: Apache-2.0
#include "bench/check.h"

#include "base/error.h"
#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lw_check_bits(const float *expected, const float *actual, size_t count, char *finding,
                   size_t finding_bytes)
{
    for (size_t i = 0; i < count; i++) {
        // A zero of either sign is the same integer.
        if (memcmp(&expected[i], &actual[i], sizeof *actual) == 0) continue;
        if (expected[i] == 0.0f && actual[i] == 0.0f) continue;
        snprintf(finding, finding_bytes, "integers, element %zu of %zu: expected %.9g, got %.9g", i,
                 count, (double)expected[i], (double)actual[i]);
        return false;
    }
    return true;
}

// With u = 2^-24, the sum of `terms` rounded products in any order is off by at most
// (terms + 1) * u * magnitude, to first order. One more u is for the rounding of `expected` to a
// float, a hundredth for the higher orders; denormals may be flushed to zero, each product once.
bool lw_check_sums(const float *expected, const float *actual, const float *magnitude, size_t count,
                   double terms, double *error_share, char *finding, size_t finding_bytes)
{
    bool right = true;
    for (size_t i = 0; i < count; i++) {
        double bound =
            1.01 * (terms + 2.0) * 0x1p-24 * (double)magnitude[i] + terms * (double)FLT_MIN;
        double difference = fabs((double)actual[i] - (double)expected[i]);
        double share = difference / bound;
        if (!isfinite(share) || !isfinite(bound)) share = INFINITY;
        if (share > *error_share) *error_share = share;
        if (share <= 1.0 || !right) continue;
        right = false;
        snprintf(finding, finding_bytes,
                 "element %zu of %zu: expected %.9g, got %.9g: off by %.3g, allowed %.3g", i, count,
                 (double)expected[i], (double)actual[i], difference, bound);
    }
    return right;
}

// ---- one pass -----------------------------------------------------------------------------------

// What naive says of a pass: outputs for the three kinds of data.
enum { INTEGERS, REALS, MAGNITUDES, KINDS };
typedef struct oracle {
    float *output[KINDS], *dbias[KINDS]; // owned
} oracle;

typedef struct check_pass {
    const lw_check_options *options;
    lw_bench_arrays *arrays;
    lw_conv_pass pass;
    oracle expected;
} check_pass;

static void fill(const check_pass *check, int kind)
{
    lw_bench_arrays_fill(check->arrays, kind == INTEGERS ? LW_BENCH_INTEGERS : LW_BENCH_REALS,
                         check->options->seed);
    if (kind == MAGNITUDES) lw_bench_arrays_make_absolute(check->arrays);
}

// What a call does not overwrite is NaN afterwards.
static void poison(const check_pass *check)
{
    size_t count;
    float *output = lw_bench_output(check->arrays, check->pass, &count);
    for (size_t i = 0; i < count; i++) output[i] = NAN;
    for (size_t i = 0; i < check->arrays->bias_count; i++) check->arrays->dbias[i] = NAN;
}

static lw_status execute(const check_pass *check, lw_conv_algorithm algorithm)
{
    const lw_conv_options options = {.algorithm = algorithm, .threads = check->options->threads};
    lw_conv_plan *plan;
    void *workspace = NULL;
    LW_TRY(lw_conv_plan_create(&plan, &check->arrays->shape, check->pass, &options));
    size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_status status = LW_OK;
    if (bytes) status = lw_memory_allocate(&workspace, bytes, "a convolution's workspace");
    if (!status && bytes) memset(workspace, 0xFF, bytes); // every float of it is a NaN
    poison(check);
    const bool is_oracle = algorithm == LW_CONV_ALGORITHM_NAIVE;
    if (!status)
        status = (is_oracle ? lw_bench_execute : check->options->execute)(plan, check->arrays,
                                                                          workspace);
    lw_memory_free(workspace);
    lw_conv_plan_destroy(&plan);
    return status;
}

static lw_status copy_floats(float **copy, const float *values, size_t count)
{
    void *block;
    LW_TRY(lw_memory_allocate(&block, count * sizeof(float), "the expected values"));
    memcpy(block, values, count * sizeof(float));
    *copy = block;
    return LW_OK;
}

static lw_status ask_oracle(check_pass *check)
{
    size_t count;
    const float *output = lw_bench_output(check->arrays, check->pass, &count);
    for (int kind = 0; kind < KINDS; kind++) {
        fill(check, kind);
        LW_TRY(execute(check, LW_CONV_ALGORITHM_NAIVE));
        LW_TRY(copy_floats(&check->expected.output[kind], output, count));
        LW_TRY(copy_floats(&check->expected.dbias[kind], check->arrays->dbias,
                           check->arrays->bias_count));
    }
    return LW_OK;
}

static void free_oracle(oracle *expected)
{
    for (int kind = 0; kind < KINDS; kind++) {
        lw_memory_free(expected->output[kind]);
        lw_memory_free(expected->dbias[kind]);
    }
    memset(expected, 0, sizeof *expected);
}

// Compares the pass's output, and dbias where there is one.
static bool compare(const check_pass *check, int kind, lw_check_result *result)
{
    size_t counts[2] = {0, check->arrays->bias_count};
    const float *actual[2] = {lw_bench_output(check->arrays, check->pass, &counts[0]),
                              check->arrays->dbias};
    const int n = check->pass == LW_CONV_BACKWARD_WEIGHTS ? 2 : 1;
    const double terms = lw_bench_terms(&check->arrays->shape, check->pass);
    char *finding = result->finding;
    for (int i = 0; i < n; i++) {
        float *const *expected = i == 0 ? check->expected.output : check->expected.dbias;
        bool right =
            kind == INTEGERS && lw_bench_is_exact_on_integers(result->algorithm)
                ? lw_check_bits(expected[INTEGERS], actual[i], counts[i], finding,
                                sizeof result->finding)
                : lw_check_sums(expected[REALS], actual[i], expected[MAGNITUDES], counts[i], terms,
                                &result->error_share, finding, sizeof result->finding);
        if (right) continue;
        if (i == 1) {
            char element[sizeof result->finding];
            memcpy(element, finding, sizeof element);
            snprintf(finding, sizeof result->finding, "dbias, %.180s", element);
        }
        return false;
    }
    return true;
}

static lw_status check_algorithm(check_pass *check, lw_check_result *result)
{
    result->right = true;
    for (int kind = INTEGERS; kind <= REALS; kind++) {
        if (kind == INTEGERS && !lw_bench_is_exact_on_integers(result->algorithm)) continue;
        fill(check, kind);
        LW_TRY(execute(check, result->algorithm));
        if (!compare(check, kind, result)) result->right = false;
        if (!result->right) return LW_OK;
    }
    return LW_OK;
}

static lw_status check_one_pass(check_pass *check, lw_check_result *results, int *n_results)
{
    bool asked = false;
    for (int a = LW_CONV_ALGORITHM_NAIVE + 1; a < lw_bench_algorithm_count(); a++) {
        if (!check->options->selection.algorithms[a]) continue;
        lw_check_result *result = &results[(*n_results)++];
        *result = (lw_check_result){.pass = check->pass, .algorithm = (lw_conv_algorithm)a};
        char reason[8];
        LW_TRY(lw_bench_consider(&check->arrays->shape, check->pass, result->algorithm,
                                 &result->possible, reason, sizeof reason));
        if (!result->possible) continue;
        if (!asked) LW_TRY(ask_oracle(check));
        asked = true;
        LW_TRY(check_algorithm(check, result));
    }
    return LW_OK;
}

lw_status lw_check_problem(const lw_conv_shape *shape, const lw_check_options *options,
                           lw_check_result results[LW_CHECK_MOST_RESULTS], int *n_results)
{
    *n_results = 0;
    lw_bench_arrays arrays;
    LW_TRY(lw_bench_arrays_create(&arrays, shape));
    lw_status status = LW_OK;
    for (int pass = 0; pass < LW_BENCH_PASSES && !status; pass++) {
        if (!options->selection.passes[pass]) continue;
        check_pass check = {.options = options, .arrays = &arrays, .pass = (lw_conv_pass)pass};
        status = check_one_pass(&check, results, n_results);
        free_oracle(&check.expected);
    }
    lw_bench_arrays_free(&arrays);
    return status;
}
