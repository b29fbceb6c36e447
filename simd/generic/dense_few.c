// SPDX-License-Identifier: Apache-2.0
// Dense convolution with very few output channels: backward-data of a first layer, or the one
// channel that is left over of 81. Lanes hold the inputs of a run, an accumulator belongs to one
// pixel and one output channel, and its lanes are added up in the end, a whole vector of
// accumulators at a time.
#include "simd/declare.h"
#include "simd/generic/dense_tile.h"

// A tile is two groups of pixels; one input serves the sums of all output channels.
enum { groups = 2, max_sums = LW_VEC_REGISTERS == 32 ? 24 : 12 };

// The most pixels of a group.
LW_INLINE int most_pixels(const int oc)
{
    const int full = LW_VEC_REGISTERS == 32 ? 8 : 4;
    return oc == 1 ? full : oc == 4 ? full / 4 : full / 2;
}

// Lane i of the result is the sum of the lanes of sum[i].
LW_INLINE lw_vec add_lanes(const lw_vec sum[LW_VEC])
{
#if defined(__AVX512F__)
    lw_vec pair[8], quad[4];
    LW_UNROLL(8)
    for (int i = 0; i < 8; i++)
        pair[i] = lw_vec_add(_mm512_unpacklo_ps(sum[2 * i], sum[2 * i + 1]),
                             _mm512_unpackhi_ps(sum[2 * i], sum[2 * i + 1]));
    LW_UNROLL(4)
    for (int i = 0; i < 4; i++) { // four sums in each quarter: those of the quarter's lanes
        __m512d low = _mm512_castps_pd(pair[2 * i]), high = _mm512_castps_pd(pair[2 * i + 1]);
        quad[i] = lw_vec_add(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                             _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
    }
    lw_vec half[2];
    LW_UNROLL(2)
    for (int i = 0; i < 2; i++)
        half[i] = lw_vec_add(_mm512_shuffle_f32x4(quad[2 * i], quad[2 * i + 1], 0x88),
                             _mm512_shuffle_f32x4(quad[2 * i], quad[2 * i + 1], 0xDD));
    return lw_vec_add(_mm512_shuffle_f32x4(half[0], half[1], 0x88),
                      _mm512_shuffle_f32x4(half[0], half[1], 0xDD));
#elif defined(__AVX2__)
    lw_vec quad[2];
    LW_UNROLL(2)
    for (int i = 0; i < 2; i++)
        quad[i] = _mm256_hadd_ps(_mm256_hadd_ps(sum[4 * i], sum[4 * i + 1]),
                                 _mm256_hadd_ps(sum[4 * i + 2], sum[4 * i + 3]));
    return lw_vec_add(_mm256_permute2f128_ps(quad[0], quad[1], 0x20),
                      _mm256_permute2f128_ps(quad[0], quad[1], 0x31));
#elif defined(__aarch64__)
    return vpaddq_f32(vpaddq_f32(sum[0], sum[1]), vpaddq_f32(sum[2], sum[3]));
#else
    float lane[LW_VEC];
    for (int i = 0; i < LW_VEC; i++) lane[i] = lw_vec_sum(sum[i]);
    return lw_vec_load(lane);
#endif
}

// Stores the sums of a tile, [group][pixel][oc], with bias and ReLU.
LW_INLINE void store_sums(const lw_dense_geometry *g, const lw_dense_place *at, const float *sums,
                          const float *bias, const int pixels, const int oc)
{
    for (int i = 0; i < groups; i++)
        for (int p = 0; p < pixels; p++) {
            float *y = at->y[i] + p * g->y_pixel;
            for (int c = 0; c < oc; c++) {
                float value = *sums++;
                if (bias) value += bias[c];
                y[c] = g->relu && value <= 0.0f ? 0.0f : value; // a NaN is not <= 0
            }
            for (int32_t c = oc; c < g->y_channels; c++) y[c] = 0.0f;
        }
}

LW_INLINE void few_tile(const lw_dense_geometry *g, const lw_dense_place *at, const float *weights,
                        const float *bias, const int pixels, const int oc)
{
    lw_vec sum[max_sums + LW_VEC]; // the spare ones fill the last vector of sums
    LW_UNROLL(40)
    for (int i = 0; i < max_sums + LW_VEC; i++) sum[i] = lw_vec_zero();

    const lw_dense_steps steps = lw_dense_steps_of(g->x_pixel_step);
    for (int32_t r = 0; r < g->n_runs; r++) {
        const float *x0 = at->x[0] + g->runs[r], *x1 = at->x[1] + g->runs[r];
        for (int64_t k = 0; k < g->run_floats; k += LW_VEC) {
            lw_vec weight[LW_DENSE_FEW];
            LW_UNROLL(4)
            for (int c = 0; c < oc; c++) {
                weight[c] = lw_vec_load(weights + c * LW_VEC);
                LW_PIN_VEC(weight[c]);
            }
            LW_UNROLL(16)
            for (int i = 0; i < groups * pixels; i++) {
                const float *x = i < pixels ? x0 : x1;
                lw_vec input = lw_vec_load(lw_dense_pixel(x, &steps, i % pixels));
                if (oc > 1) LW_PIN_VEC(input);
                LW_UNROLL(4)
                for (int c = 0; c < oc; c++)
                    sum[i * oc + c] = lw_vec_fma(weight[c], input, sum[i * oc + c]);
                lw_dense_keep_order();
            }
            x0 += LW_VEC;
            x1 += LW_VEC;
            weights += oc * LW_VEC;
        }
    }

    float sums[max_sums + LW_VEC];
    LW_UNROLL(6)
    for (int i = 0; i < groups * pixels * oc; i += LW_VEC)
        lw_vec_store(sums + i, add_lanes(sum + i));
    store_sums(g, at, sums, bias, pixels, oc);
}

LW_INLINE void any_tile(const lw_dense_geometry *g, const lw_dense_place *at, const float *weights,
                        const float *bias, int pixels, const int oc)
{
    const int most = most_pixels(oc);
    switch (pixels) {
    case 1: few_tile(g, at, weights, bias, 1, oc); break;
    case 2: few_tile(g, at, weights, bias, most < 2 ? 1 : 2, oc); break;
    case 3: few_tile(g, at, weights, bias, most < 3 ? 1 : 3, oc); break;
    case 4: few_tile(g, at, weights, bias, most < 4 ? 1 : 4, oc); break;
    case 5: few_tile(g, at, weights, bias, most < 5 ? 1 : 5, oc); break;
    case 6: few_tile(g, at, weights, bias, most < 6 ? 1 : 6, oc); break;
    case 7: few_tile(g, at, weights, bias, most < 7 ? 1 : 7, oc); break;
    default: few_tile(g, at, weights, bias, most, oc); break;
    }
}

LW_INLINE void few_channels(const lw_dense_geometry *g, const float *x, const float *weights,
                            const float *bias, float *y, const int oc)
{
    for (int32_t row = 0; row < g->rows; row += 2) {
        const int rows = row + 1 < g->rows ? 2 : 1;
        const int32_t most = groups / rows * most_pixels(oc);
        const int32_t n_tiles = (g->columns - 1) / most + 1;
        const int32_t width = g->columns / n_tiles, wider = g->columns % n_tiles;
        for (int32_t tile = 0, column = 0; tile < n_tiles; tile++) {
            const int32_t columns = width + (tile < wider);
            lw_dense_place at;
            const int pixels =
                lw_dense_place_tile(g, x, y, row, rows, column, columns, groups, &at);
            any_tile(g, &at, weights, bias, pixels, oc);
            column += columns;
        }
    }
}

void LW_KERNEL(dense_few)(const lw_dense_geometry *geometry, const float *x, const float *weights,
                          const float *bias, float *y)
{
    const lw_dense_geometry g = lw_dense_turned(geometry, most_pixels(1));
    switch (g.oc) {
    case 1: few_channels(&g, x, weights, bias, y, 1); break;
    case 2: few_channels(&g, x, weights, bias, y, 2); break;
    case 3: few_channels(&g, x, weights, bias, y, 3); break;
    default: few_channels(&g, x, weights, bias, y, 4); break;
    }
}
