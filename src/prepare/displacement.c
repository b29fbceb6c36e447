// SPDX-License-Identifier: Apache-2.0
#include "prepare/displacement.h"

#include "base/memory.h"
#include "prepare/hash.h"

#include <math.h>

enum { fraction_one = 1 << 16 };

static float grid_step(const lw_displacement *displacement)
{
    // A cubic B-spline over unit steps has the variance 4/12.
    return displacement->sigma * 1.7320508f;
}

static void spline_weights(float t, float weights[LW_SPLINE_TAPS])
{
    const float u = 1.0f - t, sixth = 1.0f / 6.0f;
    weights[0] = sixth * u * u * u;
    weights[1] = sixth * (3.0f * t * t * t - 6.0f * t * t + 4.0f);
    weights[2] = sixth * (3.0f * u * u * u - 6.0f * u * u + 4.0f);
    weights[3] = sixth * t * t * t;
}

// The values of one row of the grid along one axis, spread out to all pixels of the width.
static void spread_row(const lw_displacement_rows *rows, int axis, int32_t node_row, float *to)
{
    // Independent nodes of unit variance give a field whose mean variance is (151/315)^2: the
    // integral of the squared spline, along both axes.
    const float spline_rms = 151.0f / 315.0f;
    const lw_displacement *d = rows->displacement;
    const float gain = d->rms / (spline_rms * (float)LW_HASH_BELL_DEVIATION) * (float)fraction_one;
    const uint32_t place = (uint32_t)node_row * 65536u + (axis ? 0x8000u : 0u);
    for (int32_t x = 0; x < rows->width; x++) {
        const float *weights = rows->weights + (int64_t)x * LW_SPLINE_TAPS;
        float sum = 0.0f;
        for (int32_t k = 0; k < LW_SPLINE_TAPS; k++)
            sum +=
                weights[k] * (float)lw_hash_bell(d->key, place + (uint32_t)(rows->columns[x] + k));
        to[x] = sum * gain;
    }
}

size_t lw_displacement_scratch_bytes(int32_t width)
{
    // Two rings of four rows, the weights, the columns, the two rows of results.
    return lw_round_up((size_t)width * sizeof(float) * (3 * LW_SPLINE_TAPS + 3), LW_ALIGNMENT);
}

lw_displacement_rows lw_displacement_begin(const lw_displacement *displacement, int32_t width,
                                           void *scratch)
{
    float *floats = scratch;
    const int64_t n = width;
    lw_displacement_rows rows = {.displacement = displacement, .width = width};
    rows.nodes[0] = floats;
    rows.nodes[1] = floats + LW_SPLINE_TAPS * n;
    rows.weights = floats + 2 * LW_SPLINE_TAPS * n;
    rows.columns = (int32_t *)(floats + 3 * LW_SPLINE_TAPS * n);
    rows.x = rows.columns + n;
    rows.y = rows.x + n;
    const float step = grid_step(displacement);
    for (int32_t x = 0; x < width; x++) {
        const float at = (float)x / step;
        rows.columns[x] = (int32_t)at;
        spline_weights(at - (float)rows.columns[x], rows.weights + (int64_t)x * LW_SPLINE_TAPS);
    }
    return rows;
}

void lw_displacement_row(lw_displacement_rows *rows, int32_t row)
{
    const float at = (float)row / grid_step(rows->displacement);
    const int32_t first = (int32_t)at;
    const int64_t n = rows->width;
    for (; rows->next_node < first + LW_SPLINE_TAPS; rows->next_node++)
        for (int axis = 0; axis < 2; axis++)
            spread_row(rows, axis, rows->next_node,
                       rows->nodes[axis] + rows->next_node % LW_SPLINE_TAPS * n);
    float weights[LW_SPLINE_TAPS];
    spline_weights(at - (float)first, weights);
    for (int axis = 0; axis < 2; axis++) {
        const float *a = rows->nodes[axis] + first % LW_SPLINE_TAPS * n;
        const float *b = rows->nodes[axis] + (first + 1) % LW_SPLINE_TAPS * n;
        const float *c = rows->nodes[axis] + (first + 2) % LW_SPLINE_TAPS * n;
        const float *d = rows->nodes[axis] + (first + 3) % LW_SPLINE_TAPS * n;
        int32_t *to = axis ? rows->y : rows->x;
        for (int32_t x = 0; x < rows->width; x++)
            to[x] = (int32_t)(weights[0] * a[x] + weights[1] * b[x] + weights[2] * c[x] +
                              weights[3] * d[x]);
    }
}
