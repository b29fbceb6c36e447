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
        if (expected[i] == actual[i]) continue; // a zero of either sign is the same integer
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

// Sums of transformed tiles: the error of an output follows the size of its tile, not its own. The
// bounds are those promised for 3x3 kernels with the points 0, +-3/4, +-3/2 and infinity (their
// reasons are in docs/numerics.md); the largest error stays below 20 times the bound of the root
// mean square.
bool lw_check_transformed(const float *expected, const float *actual, const float *magnitude,
                          size_t count, double terms, lw_conv_pass pass, double *error_share,
                          char *finding, size_t finding_bytes)
{
    const double rms_bound = pass == LW_CONV_BACKWARD_WEIGHTS ? 5e-6 : 1.5e-6;
    const double largest_bound = 20.0 * rms_bound;
    double squares = 0.0, values = 0.0, magnitudes = 0.0, largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)actual[i] - (double)expected[i]);
        squares += error * error;
        values += (double)expected[i] * (double)expected[i];
        magnitudes += (double)magnitude[i] * (double)magnitude[i];
        if (!(error <= largest)) largest = error; // a NaN stays
        if (isnan(largest)) break;
    }
    // A few outputs may happen to be near zero, all of them: sums of so many products of random
    // signs are usually as large as their magnitude over the root of their number.
    const double size = sqrt(fmax(values, magnitudes / fmax(terms, 1.0)) / (double)count);
    const double tiny = terms * (double)FLT_MIN;
    const double rms = sqrt(squares / (double)count);
    double share = fmax(rms / (rms_bound * size + tiny), largest / (largest_bound * size + tiny));
    if (!isfinite(share) || !isfinite(size)) share = INFINITY;
    if (share > *error_share) *error_share = share;
    if (share <= 1.0) return true;
    snprintf(finding, finding_bytes,
             "errors of %.3g (root mean square), at most %.3g, allowed %.3g and %.3g", rms, largest,
             rms_bound * size, largest_bound * size);
    return false;
}

// ---- one pass -----------------------------------------------------------------------------------

// What naive says of a pass, on dense maps: outputs for the data, and for their absolute values.
enum { INTEGERS, INTEGER_MAGNITUDES, REALS, REAL_MAGNITUDES, KINDS };
typedef struct oracle {
    float *output[KINDS], *dbias[KINDS]; // owned
    size_t count;                        // of each output
} oracle;

typedef struct check_pass {
    const lw_check_options *options;
    lw_bench_arrays *dense;  // for the oracle
    lw_bench_arrays *arrays; // for what is checked
    lw_conv_pass pass;
    oracle expected;
    float *actual; // outputs, gathered
} check_pass;

static void fill(const check_pass *check, lw_bench_arrays *arrays, int kind)
{
    lw_bench_arrays_fill(arrays, kind <= INTEGER_MAGNITUDES ? LW_BENCH_INTEGERS : LW_BENCH_REALS,
                         check->options->seed);
    if (kind == INTEGER_MAGNITUDES || kind == REAL_MAGNITUDES)
        lw_bench_arrays_make_absolute(arrays);
}

// What a call does not overwrite is NaN afterwards.
static void poison(const lw_bench_arrays *arrays, lw_conv_pass pass)
{
    size_t count;
    float *output = lw_bench_output(arrays, pass, &count);
    for (size_t i = 0; i < count; i++) output[i] = NAN;
    for (size_t i = 0; i < arrays->bias_count; i++) arrays->dbias[i] = NAN;
}

static lw_status execute(const check_pass *check, const lw_bench_arrays *arrays,
                         lw_conv_algorithm algorithm, lw_check_execute call)
{
    const lw_conv_options options = {
        .algorithm = algorithm, .threads = check->options->threads, .layout = arrays->layout};
    lw_conv_plan *plan;
    void *workspace = NULL;
    LW_TRY(lw_conv_plan_create(&plan, &arrays->shape, check->pass, &options));
    size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_status status = LW_OK;
    if (bytes) status = lw_memory_allocate(&workspace, bytes, "a convolution's workspace");
    if (!status && bytes) memset(workspace, 0xFF, bytes); // every float of it is a NaN
    poison(arrays, check->pass);
    if (!status) status = call(plan, arrays, workspace);
    lw_memory_free(workspace);
    lw_conv_plan_destroy(&plan);
    return status;
}

static lw_status allocate_floats(float **floats, size_t count)
{
    void *block;
    LW_TRY(lw_memory_allocate(&block, count * sizeof(float), "the expected values"));
    *floats = block;
    return LW_OK;
}

static lw_status ask_oracle(check_pass *check)
{
    oracle *expected = &check->expected;
    const size_t biases = check->dense->bias_count;
    expected->count = lw_bench_gather(check->dense, check->pass, NULL);
    LW_TRY(allocate_floats(&check->actual, expected->count));
    for (int kind = 0; kind < KINDS; kind++) {
        fill(check, check->dense, kind);
        LW_TRY(execute(check, check->dense, LW_CONV_ALGORITHM_NAIVE, lw_bench_execute));
        LW_TRY(allocate_floats(&expected->output[kind], expected->count));
        LW_TRY(allocate_floats(&expected->dbias[kind], biases));
        lw_bench_gather(check->dense, check->pass, expected->output[kind]);
        memcpy(expected->dbias[kind], check->dense->dbias, biases * sizeof(float));
    }
    return LW_OK;
}

static void free_pass(check_pass *check)
{
    for (int kind = 0; kind < KINDS; kind++) {
        lw_memory_free(check->expected.output[kind]);
        lw_memory_free(check->expected.dbias[kind]);
    }
    lw_memory_free(check->actual);
}

// Compares sums: integers bit for bit, reals with the bound of their terms.
static bool compare_sums(const check_pass *check, int kind, float *const *expected,
                         const float *actual, size_t count, lw_check_result *result)
{
    if (kind == INTEGERS)
        return lw_check_bits(expected[kind], actual, count, result->finding,
                             sizeof result->finding);
    return lw_check_sums(expected[kind], actual, expected[kind + 1], count,
                         lw_bench_terms(&check->arrays->shape, check->pass), &result->error_share,
                         result->finding, sizeof result->finding);
}

// Compares the pass's output, and dbias (never transformed) where there is one.
static bool compare(const check_pass *check, int kind, lw_check_result *result)
{
    const lw_bench_arrays *arrays = check->arrays;
    const oracle *expected = &check->expected;
    lw_bench_gather(arrays, check->pass, check->actual);
    bool right =
        lw_bench_is_dense_equivalent(result->algorithm)
            ? lw_check_transformed(expected->output[kind], check->actual,
                                   expected->output[kind + 1], expected->count,
                                   lw_bench_terms(&arrays->shape, check->pass), check->pass,
                                   &result->error_share, result->finding, sizeof result->finding)
            : compare_sums(check, kind, expected->output, check->actual, expected->count, result);
    if (!right || check->pass != LW_CONV_BACKWARD_WEIGHTS) return right;
    right = compare_sums(check, kind, expected->dbias, arrays->dbias, arrays->bias_count, result);
    if (right) return true;
    char element[sizeof result->finding];
    memcpy(element, result->finding, sizeof element);
    snprintf(result->finding, sizeof result->finding, "dbias, %.180s", element);
    return false;
}

// What stands between the values of the output: the halo is left alone (NaN, as before the call),
// spare channels are zeros.
static bool compare_surroundings(const check_pass *check, lw_check_result *result)
{
    const lw_bench_arrays *a = check->arrays;
    if (check->pass == LW_CONV_BACKWARD_WEIGHTS) return true;
    const lw_conv_map *map = check->pass == LW_CONV_FORWARD ? &a->y_map : &a->x_map;
    if (map->channel != 1) return true; // planes: nothing is between them
    size_t count;
    const float *value = lw_bench_output(a, check->pass, &count);
    for (int32_t n = 0; n < a->shape.n; n++)
        for (int32_t h = -map->halo_h; h < map->height + map->halo_h; h++)
            for (int32_t w = -map->halo_w; w < map->width + map->halo_w; w++) {
                bool inside = h >= 0 && h < map->height && w >= 0 && w < map->width;
                for (int32_t c = 0; c < map->padded_channels; c++, value++) {
                    if (inside ? c < map->channels || *value == 0.0f : isnan(*value)) continue;
                    snprintf(result->finding, sizeof result->finding,
                             "%s of image %d, pixel (%d, %d), channel %d: expected %s, got %.9g",
                             inside ? "spare channel" : "halo", n, h, w, c,
                             inside ? "0" : "what was there", (double)*value);
                    return false;
                }
            }
    return true;
}

static lw_status check_algorithm(check_pass *check, lw_check_result *result)
{
    result->right = true;
    for (int kind = INTEGERS; kind <= REALS && result->right; kind += REALS - INTEGERS) {
        fill(check, check->arrays, kind);
        LW_TRY(execute(check, check->arrays, result->algorithm, check->options->execute));
        result->right = compare(check, kind, result) && compare_surroundings(check, result);
    }
    return LW_OK;
}

// Checks every algorithm with its maps in one layout.
static lw_status check_layout(check_pass *check, lw_conv_layout layout, lw_check_result *results,
                              int *n_results)
{
    lw_bench_arrays arrays;
    LW_TRY(lw_bench_arrays_create(&arrays, &check->dense->shape, layout));
    check->arrays = &arrays;
    lw_status status = LW_OK;
    for (int a = LW_CONV_ALGORITHM_NAIVE; a < lw_bench_algorithm_count() && !status; a++) {
        // Naive on dense maps is the oracle itself.
        if (!check->options->selection.algorithms[a] ||
            (a == LW_CONV_ALGORITHM_NAIVE && layout == LW_CONV_LAYOUT_NCHW))
            continue;
        lw_check_result *result = &results[(*n_results)++];
        *result = (lw_check_result){
            .layout = layout, .pass = check->pass, .algorithm = (lw_conv_algorithm)a};
        char reason[8];
        status = lw_bench_consider(&arrays.shape, layout, check->pass, result->algorithm,
                                   &result->possible, reason, sizeof reason);
        if (status || !result->possible) continue;
        if (!check->actual) status = ask_oracle(check);
        if (!status) status = check_algorithm(check, result);
    }
    lw_bench_arrays_free(&arrays);
    check->arrays = NULL;
    return status;
}

lw_status lw_check_problem(const lw_conv_shape *shape, const lw_check_options *options,
                           lw_check_result results[LW_CHECK_MOST_RESULTS], int *n_results)
{
    *n_results = 0;
    lw_bench_arrays dense;
    LW_TRY(lw_bench_arrays_create(&dense, shape, LW_CONV_LAYOUT_NCHW));
    lw_status status = LW_OK;
    for (int pass = 0; pass < LW_BENCH_PASSES && !status; pass++) {
        if (!options->selection.passes[pass]) continue;
        check_pass check = {.options = options, .dense = &dense, .pass = (lw_conv_pass)pass};
        for (int layout = 0; layout < LW_BENCH_LAYOUTS && !status; layout++)
            if (options->layouts[layout])
                status = check_layout(&check, (lw_conv_layout)layout, results, n_results);
        free_pass(&check);
    }
    lw_bench_arrays_free(&dense);
    return status;
}
