// SPDX-License-Identifier: Apache-2.0
// The runner catches planted errors. Each plant is the portable kernel behind a wrapper that spoils
// something: one value, one float past the end, the last channel, a crash. A table with one plant
// must fail with that kernel named, its repeat line must fail again alone, and the table without
// plants must pass.
#include "kernel/runner.h"

#include "cpu/kernel_table.h"
#include "simd/winograd_strided.h"
#include "simd/winograd_tiles.h"
#include "simd/winograd_weights.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const lw_kernel_table *sound; // the portable table, behind the wrappers

// The next float: what a wrong rounding would give.
static void nudge(float *value)
{
    *value = nextafterf(*value, INFINITY) == *value ? 0.0f : nextafterf(*value, INFINITY);
}

// ---- convolution --------------------------------------------------------------------

static size_t padded(int32_t channels)
{
    return (size_t)((channels + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK);
}

static float *y_end(const lw_conv_geometry *g, float *y)
{
    return y + (g->oh - 1) * g->y_row + (g->ow - 1) * g->y_pixel + padded(g->oc);
}

static void forward_wrong_value(const lw_conv_geometry *g, const float *x, const float *weights,
                                const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    y_end(g, y)[-(ptrdiff_t)padded(g->oc)] += 1.0f;
}

static void forward_past_the_end(const lw_conv_geometry *g, const float *x, const float *weights,
                                 const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    *y_end(g, y) = 0.0f;
}

static void forward_before_the_start(const lw_conv_geometry *g, const float *x,
                                     const float *weights, const float *bias, float *y,
                                     lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    y[-1] = 0.0f;
}

// Writes a gap between rows or pixels.
static void forward_in_the_gap(const lw_conv_geometry *g, const float *x, const float *weights,
                               const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    if (g->oh > 1 && g->y_row > g->ow * g->y_pixel) y[g->y_row - 1] = 0.0f;
}

// The last output channel comes out as if its bias were all there is.
static void forward_without_last_channel(const lw_conv_geometry *g, const float *x,
                                         const float *weights, const float *bias, float *y,
                                         lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            float value = bias[g->oc - 1];
            y[oh * g->y_row + ow * g->y_pixel + g->oc - 1] = g->relu && value < 0.0f ? 0.0f : value;
        }
}

static void forward_padded_lane(const lw_conv_geometry *g, const float *x, const float *weights,
                                const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    if (g->oc % LW_BLOCK) y[g->oc] = 1e-30f;
}

static void forward_wrong_winner(const lw_conv_geometry *g, const float *x, const float *weights,
                                 const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    planes[0].right ^= 1;
}

static void forward_wrong_live(const lw_conv_geometry *g, const float *x, const float *weights,
                               const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    planes[(size_t)(g->oh * g->ow) - 1].live ^= 1;
}

static void forward_crash(const lw_conv_geometry *g, const float *x, const float *weights,
                          const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    raise(SIGSEGV);
}

static void forward_writes_x(const lw_conv_geometry *g, const float *x, const float *weights,
                             const float *bias, float *y, lw_planes *planes)
{
    sound->conv_forward(g, x, weights, bias, y, planes);
    *(volatile float *)(uintptr_t)x = 0.0f;
}

static void weights_wrong_value(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                int32_t block_end, const float *x, const float *dy,
                                const lw_planes *planes, float *dweights, float *dbias,
                                void *scratch)
{
    sound->conv_backward_weights(g, images, block_begin, block_end, x, dy, planes, dweights, dbias,
                                 scratch);
    nudge(dweights);
}

static void weights_past_scratch(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                 int32_t block_end, const float *x, const float *dy,
                                 const lw_planes *planes, float *dweights, float *dbias,
                                 void *scratch)
{
    sound->conv_backward_weights(g, images, block_begin, block_end, x, dy, planes, dweights, dbias,
                                 scratch);
    ((volatile char *)scratch)[sound->conv_backward_scratch_bytes(g)] = 1;
}

// Leaves the last of several images out.
static void weights_lose_an_image(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                  int32_t block_end, const float *x, const float *dy,
                                  const lw_planes *planes, float *dweights, float *dbias,
                                  void *scratch)
{
    sound->conv_backward_weights(g, images > 1 ? images - 1 : 1, block_begin, block_end, x, dy,
                                 planes, dweights, dbias, scratch);
}

// Adds to all blocks, whatever range was asked for.
static void weights_ignore_range(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                 int32_t block_end, const float *x, const float *dy,
                                 const lw_planes *planes, float *dweights, float *dbias,
                                 void *scratch)
{
    (void)block_begin, (void)block_end;
    sound->conv_backward_weights(g, images, 0, (int32_t)(padded(g->oc) / LW_BLOCK), x, dy, planes,
                                 dweights, dbias, scratch);
}

// Adds the images from the last to the first: right within the bound, but with other bits.
static void weights_in_other_order(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                   int32_t block_end, const float *x, const float *dy,
                                   const lw_planes *planes, float *dweights, float *dbias,
                                   void *scratch)
{
    for (int32_t n = images - 1; n >= 0; n--)
        sound->conv_backward_weights(g, 1, block_begin, block_end, x + n * g->x_image,
                                     dy + n * g->dy_image, planes + n * g->planes_image, dweights,
                                     dbias, scratch);
}

static void first_wrong_bias(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                             int32_t block_end, const float *x, const float *dy,
                             const lw_planes *planes, float *dweights, float *dbias)
{
    sound->conv_backward_weights_first(g, images, block_begin, block_end, x, dy, planes, dweights,
                                       dbias);
    dbias[g->oc - 1] += 1.0f;
}

static void first_loses_an_image(const lw_conv_geometry *g, int32_t images, int32_t block_begin,
                                 int32_t block_end, const float *x, const float *dy,
                                 const lw_planes *planes, float *dweights, float *dbias)
{
    sound->conv_backward_weights_first(g, images > 1 ? images - 1 : 1, block_begin, block_end, x,
                                       dy, planes, dweights, dbias);
}

static void data_overwrites(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                            const float *weights, float *dx, void *scratch)
{
    *dx = 0.0f; // instead of adding
    sound->conv_backward_data(g, dy, planes, weights, dx, scratch);
}

// Looks at gradients that the planes call dead.
static void data_follows_dead(const lw_conv_geometry *g, const float *dy, const lw_planes *planes,
                              const float *weights, float *dx, void *scratch)
{
    sound->conv_backward_data(g, dy, planes, weights, dx, scratch);
    *dx += 0.0f * dy[g->oc - 1];
}

static size_t scratch_too_small(const lw_conv_geometry *g)
{
    (void)g;
    return 64;
}

// ---- linear and GEMM ----------------------------------------------------------------

static void linear_without_last_input(int32_t in, int32_t out, const float *x, const float *weights,
                                      const float *bias, bool relu, float *y)
{
    sound->linear_forward(in, out, x, weights, bias, false, y);
    for (int32_t o = 0; o < out; o++) {
        y[o] -= weights[(int64_t)o * in + in - 1] * x[in - 1];
        if (relu && y[o] < 0.0f) y[o] = 0.0f;
    }
}

// A ReLU that swallows NaN.
static void linear_hides_nan(int32_t in, int32_t out, const float *x, const float *weights,
                             const float *bias, bool relu, float *y)
{
    sound->linear_forward(in, out, x, weights, bias, relu, y);
    for (int32_t o = 0; relu && o < out; o++)
        if (isnan(y[o])) y[o] = 0.0f;
}

static void linear_past_the_end(int32_t in, int32_t out, const float *x, const float *weights,
                                const float *bias, bool relu, float *y)
{
    sound->linear_forward(in, out, x, weights, bias, relu, y);
    y[out] = 0.0f;
}

static void linear_crash(int32_t in, int32_t out, const float *x, const float *weights,
                         const float *bias, bool relu, float *y)
{
    sound->linear_forward(in, out, x, weights, bias, relu, y);
    raise(SIGFPE);
}

static void linear_data_nudged(int32_t in, int32_t out, const float *dy, const float *weights,
                               float *dx)
{
    sound->linear_backward_data(in, out, dy, weights, dx);
    nudge(&dx[in - 1]);
}

static void tile_without_last_k(const float *a_panel, const float *b_panel, int64_t k, float *c,
                                int64_t c_stride, int32_t rows, int32_t columns, bool accumulate)
{
    sound->gemm_tile(a_panel, b_panel, k > 0 ? k - 1 : 0, c, c_stride, rows, columns, accumulate);
}

// Stores a full tile whatever was asked for.
static void tile_past_the_edge(const float *a_panel, const float *b_panel, int64_t k, float *c,
                               int64_t c_stride, int32_t rows, int32_t columns, bool accumulate)
{
    sound->gemm_tile(a_panel, b_panel, k, c, c_stride, rows, columns, accumulate);
    c[(rows - 1) * c_stride + columns] = 0.0f;
}

static void tile_crash(const float *a_panel, const float *b_panel, int64_t k, float *c,
                       int64_t c_stride, int32_t rows, int32_t columns, bool accumulate)
{
    sound->gemm_tile(a_panel, b_panel, k, c, c_stride, rows, columns, accumulate);
    raise(SIGILL);
}

static void dot_wrong_lane(const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                           int64_t k, float *lanes)
{
    sound->gemm_dot(a, a_stride, b, b_stride, k, lanes);
    nudge(&lanes[1]);
}

// ---- dense convolution --------------------------------------------------------------

static float *dense_end(const lw_dense_geometry *g, float *y)
{
    return y + (g->rows - 1) * g->y_row + (g->columns - 1) * g->y_pixel + g->y_channels;
}

static void dense_without_last_run(const lw_dense_geometry *g, const float *x, const float *weights,
                                   const float *bias, float *y)
{
    lw_dense_geometry fewer = *g;
    if (fewer.n_runs > 0) fewer.n_runs--;
    sound->dense_forward(&fewer, x, weights, bias, y);
}

static void dense_past_the_end(const lw_dense_geometry *g, const float *x, const float *weights,
                               const float *bias, float *y)
{
    sound->dense_forward(g, x, weights, bias, y);
    *dense_end(g, y) = 0.0f;
}

static void dense_spare_channel(const lw_dense_geometry *g, const float *x, const float *weights,
                                const float *bias, float *y)
{
    sound->dense_forward(g, x, weights, bias, y);
    if (g->y_channels > g->oc) dense_end(g, y)[-1] = 1.0f;
}

static void dense_hides_nan(const lw_dense_geometry *g, const float *x, const float *weights,
                            const float *bias, float *y)
{
    sound->dense_forward(g, x, weights, bias, y);
    for (int32_t oc = 0; oc < g->oc; oc++)
        if (isnan(y[oc])) y[oc] = 0.0f;
}

static void dense_writes_x(const lw_dense_geometry *g, const float *x, const float *weights,
                           const float *bias, float *y)
{
    sound->dense_forward(g, x, weights, bias, y);
    *(float *)(uintptr_t)x = 0.0f;
}

static void few_nudged(const lw_dense_geometry *g, const float *x, const float *weights,
                       const float *bias, float *y)
{
    sound->dense_few(g, x, weights, bias, y);
    y[g->oc - 1] += 1.0f;
}

static void few_without_bias(const lw_dense_geometry *g, const float *x, const float *weights,
                             const float *bias, float *y)
{
    (void)bias;
    sound->dense_few(g, x, weights, NULL, y);
}

static void few_before_the_start(const lw_dense_geometry *g, const float *x, const float *weights,
                                 const float *bias, float *y)
{
    sound->dense_few(g, x, weights, bias, y);
    y[-1] = 0.0f;
}

// ---- dense backward-weights ---------------------------------------------------------

static int32_t products_without_last_tile(const lw_dense_products *g)
{
    return sound->dense_backward_weights_tiles(g) - 1;
}

static void products_without_last_pixel(const lw_dense_products *g, const float *a, const float *b,
                                        float *sums, bool accumulate, int32_t first, int32_t last)
{
    lw_dense_products fewer = *g;
    if (fewer.columns > 1) fewer.columns--;
    sound->dense_backward_weights(&fewer, a, b, sums, accumulate, first, last);
}

static void products_past_the_end(const lw_dense_products *g, const float *a, const float *b,
                                  float *sums, bool accumulate, int32_t first, int32_t last)
{
    const int32_t vector = sound->vector_floats;
    const int64_t rows = (int64_t)g->planes * g->runs * g->length;
    sound->dense_backward_weights(g, a, b, sums, accumulate, first, last);
    sums[(rows - 1) * g->sums_row + (g->lanes + vector - 1) / vector * vector] = 0.0f;
}

static void products_hide_nan(const lw_dense_products *g, const float *a, const float *b,
                              float *sums, bool accumulate, int32_t first, int32_t last)
{
    sound->dense_backward_weights(g, a, b, sums, accumulate, first, last);
    const int64_t rows = (int64_t)g->planes * g->runs * g->length;
    for (int64_t row = 0; row < rows; row++)
        for (int32_t lane = 0; lane < g->lanes; lane++)
            if (isnan(sums[row * g->sums_row + lane])) sums[row * g->sums_row + lane] = 0.0f;
}

// ---- pooling, elementwise -----------------------------------------------------------

// The last of tied values wins.
static void maxpool_last_wins(const lw_pool_geometry *g, const float *x, float *y, float *winner)
{
    sound->maxpool_forward(g, x, y, winner);
    for (int32_t oh = 0; oh < g->oh; oh++)
        for (int32_t ow = 0; ow < g->ow; ow++) {
            int32_t ih = oh * g->stride_h - g->pad_h + g->kernel_h - 1;
            int32_t iw = ow * g->stride_w - g->pad_w + g->kernel_w - 1;
            if (ih >= g->ih || iw >= g->iw) continue;
            const int32_t place = (oh * g->ow + ow) * g->channels;
            if (x[ih * g->x_row + iw * g->x_pixel] == y[oh * g->y_row + ow * g->y_pixel])
                winner[place] = (float)(ih * g->iw + iw);
        }
}

static void maxpool_past_the_end(const lw_pool_geometry *g, const float *x, float *y, float *winner)
{
    sound->maxpool_forward(g, x, y, winner);
    y[(g->oh - 1) * g->y_row + (g->ow - 1) * g->y_pixel + g->channels] = 0.0f;
}

static void maxpool_without_last_channel(const lw_pool_geometry *g, const float *x, float *y,
                                         float *winner)
{
    sound->maxpool_forward(g, x, y, winner);
    y[g->channels - 1] = 0.0f;
}

static void maxpool_crash(const lw_pool_geometry *g, const float *x, float *y, float *winner)
{
    sound->maxpool_forward(g, x, y, winner);
    raise(SIGBUS);
}

static void maxpool_backward_twice(const lw_pool_geometry *g, const float *dy, const float *winner,
                                   float *dx)
{
    sound->maxpool_backward(g, dy, winner, dx);
    sound->maxpool_backward(g, dy, winner, dx);
}

static void avgpool_nudged(const lw_pool_geometry *g, const float *x, float *y)
{
    sound->avgpool_forward(g, x, y);
    nudge(y);
}

// Divides by the pixels inside the map, not by the window's.
static void avgpool_backward_clipped(const lw_pool_geometry *g, const float *dy, float *dx)
{
    lw_pool_geometry clipped = *g;
    if (g->pad_h) clipped.kernel_h--;
    sound->avgpool_backward(&clipped, dy, dx);
}

static void relu_hides_nan(int64_t count, const float *x, float *y)
{
    sound->relu_forward(count, x, y);
    for (int64_t i = 0; i < count; i++)
        if (isnan(y[i])) y[i] = 0.0f;
}

static void relu_past_the_end(int64_t count, const float *x, float *y)
{
    sound->relu_forward(count, x, y);
    y[count] = 0.0f;
}

static void relu_without_last(int64_t count, const float *x, float *y)
{
    if (count > 0) sound->relu_forward(count - LW_BLOCK, x, y);
}

static void relu_crash(int64_t count, const float *x, float *y)
{
    sound->relu_forward(count, x, y);
    raise(SIGSEGV);
}

static void relu_backward_at_zero(int64_t count, const float *y, const float *dy, float *dx)
{
    for (int64_t i = 0; i < count; i++) dx[i] = y[i] >= 0.0f ? dy[i] : 0.0f;
}

static void transpose_short(const float *from, int64_t from_row, int32_t rows, int32_t columns,
                            float *to, int64_t to_row)
{
    sound->transpose(from, from_row, rows, columns, to, to_row);
    nudge(&to[(columns - 1) * to_row + rows - 1]);
}

// Rounds down where the contract rounds to the nearest.
static void warp_one_less(const lw_warp_lines *lines, uint8_t *out)
{
    sound->warp_bytes(lines, out);
    uint8_t *last = out + (lines->rows - 1) * lines->out_row + lines->count - 1;
    *last = *last ? (uint8_t)(*last - 1) : 1;
}

static void warp_past_the_end(const lw_warp_lines *lines, uint8_t *out)
{
    sound->warp_bytes(lines, out);
    out[(lines->rows - 1) * lines->out_row + lines->count] ^= 1;
}

static void multiply_nudged(int64_t count, const float *x, const float *factor, float *y)
{
    sound->multiply(count, x, factor, y);
    if (count) nudge(&y[count - 1]);
}

// ---- optimizers ---------------------------------------------------------------------

static void sgd_without_last_partial(const lw_optimizer_args *args)
{
    lw_optimizer_args fewer = *args;
    if (fewer.n_partials > 1) fewer.n_partials--;
    sound->sgd_update(&fewer);
}

static void adam_wrong_value(const lw_optimizer_args *args)
{
    sound->adam_update(args);
    if (args->count) nudge(&args->second_moment[args->count - 1]);
}

static void adam_past_the_end(const lw_optimizer_args *args)
{
    sound->adam_update(args);
    args->weights[args->count] = 0.0f;
}

static void adam_without_last(const lw_optimizer_args *args)
{
    lw_optimizer_args fewer = *args;
    fewer.count -= fewer.count ? LW_BLOCK : 0;
    sound->adam_update(&fewer);
}

static void adam_crash(const lw_optimizer_args *args)
{
    sound->adam_update(args);
    raise(SIGSEGV);
}

static double sum_without_last_square(const float *partials, int64_t stride, int32_t n_partials,
                                      int64_t count, float *sum)
{
    double squares = sound->gradient_sum(partials, stride, n_partials, count, sum);
    if (count) squares -= (double)sum[count - 1] * (double)sum[count - 1];
    return squares;
}

static double sum_of_the_first(const float *partials, int64_t stride, int32_t n_partials,
                               int64_t count, float *sum)
{
    if (n_partials > 1) n_partials--;
    return sound->gradient_sum(partials, stride, n_partials, count, sum);
}

static void scale_without_last(int64_t count, float factor, float *x)
{
    sound->scale(count ? count - LW_BLOCK : 0, factor, x);
}

static void average_the_other_way(int64_t count, float share, const float *x, float *average)
{
    sound->average_update(count, 1.0f - share, x, average);
}

static float peak_stands_still(int64_t rounds)
{
    return sound->fma_peak(rounds) * 2.0f;
}

// ---- the plants ---------------------------------------------------------------------

typedef struct plant {
    const char *slot, *what;
    lw_kernel_table table; // designated: only the planted kernel is set
    const char *word;      // of the failure; NULL when it may read in several ways
} plant;

// ---- Winograd -----------------------------------------------------------------------

// The last stage output of the ranges that the call was given.
static float *winograd_end(const lw_winograd_geometry *g, int64_t row_end, int32_t block_end,
                           float *y)
{
    const lw_winograd_tiles tiles = lw_winograd_tiles_of(g->oh);
    const int32_t side = g->pool ? 2 : 1, tile = (int32_t)((row_end - 1) % tiles.count);
    const int32_t last =
        (lw_winograd_tile_begin(&tiles, tile) + lw_winograd_tile_size(&tiles, tile)) / side - 1;
    return y + (row_end - 1) / tiles.count * g->y_image + last * g->y_row +
           (g->ow / side - 1) * g->y_pixel + block_end * LW_BLOCK;
}

static void winograd_wrong_value(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                                 int32_t block_begin, int32_t block_end, const float *x,
                                 const float *filters, const float *bias, float *y,
                                 lw_planes *planes, void *scratch)
{
    sound->winograd_forward(g, row_begin, row_end, block_begin, block_end, x, filters, bias, y,
                            planes, scratch);
    if (row_begin < row_end && block_begin < block_end)
        winograd_end(g, row_end, block_end, y)[-LW_BLOCK] += 1.0f;
}

static void winograd_past_the_end(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                                  int32_t block_begin, int32_t block_end, const float *x,
                                  const float *filters, const float *bias, float *y,
                                  lw_planes *planes, void *scratch)
{
    sound->winograd_forward(g, row_begin, row_end, block_begin, block_end, x, filters, bias, y,
                            planes, scratch);
    const int32_t blocks = (g->oc + LW_BLOCK - 1) / LW_BLOCK;
    if (row_end == g->images * lw_winograd_tiles_of(g->oh).count && block_end == blocks)
        *winograd_end(g, row_end, block_end, y) = 0.0f;
}

static void winograd_without_last_channel(const lw_winograd_geometry *g, int64_t row_begin,
                                          int64_t row_end, int32_t block_begin, int32_t block_end,
                                          const float *x, const float *filters, const float *bias,
                                          float *y, lw_planes *planes, void *scratch)
{
    lw_winograd_geometry less = *g;
    if ((g->ic | 1) == ((g->ic - 1) | 1)) less.ic--; // the same order of the filters
    sound->winograd_forward(&less, row_begin, row_end, block_begin, block_end, x, filters, bias, y,
                            planes, scratch);
}

static void winograd_wrong_live(const lw_winograd_geometry *g, int64_t row_begin, int64_t row_end,
                                int32_t block_begin, int32_t block_end, const float *x,
                                const float *filters, const float *bias, float *y,
                                lw_planes *planes, void *scratch)
{
    sound->winograd_forward(g, row_begin, row_end, block_begin, block_end, x, filters, bias, y,
                            planes, scratch);
    if (planes && row_begin == 0 && row_end > 0 && block_begin == 0 && block_end > 0)
        planes[0].live ^= 1;
}

static void winograd_wrong_filter(int32_t ic, int32_t first, int32_t last, const float *weights,
                                  int64_t ic_step, int64_t tap_step, uint32_t down, uint32_t across,
                                  float *filters)
{
    sound->winograd_filters(ic, first, last, weights, ic_step, tap_step, down, across, filters);
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(ic, sound->vector_floats);
    filters[order.i + order.j + first * order.ic] += 0.01f;
}

// Points (0, 1) and (1, 0) exchanged.
static void winograd_points_exchanged(int32_t ic, int32_t first, int32_t last, const float *weights,
                                      int64_t ic_step, int64_t tap_step, uint32_t down,
                                      uint32_t across, float *filters)
{
    sound->winograd_filters(ic, first, last, weights, ic_step, tap_step, down, across, filters);
    const lw_winograd_filter_order order = lw_winograd_filter_order_of(ic, sound->vector_floats);
    if (first == last) return;
    float *a = filters + first * order.ic + order.i, *b = filters + first * order.ic + order.j;
    for (int lane = 0; lane < LW_BLOCK; lane++) {
        const float kept = a[lane];
        a[lane] = b[lane];
        b[lane] = kept;
    }
}

static void winograd_data_wrong_value(const lw_winograd_geometry *g, int32_t image_begin,
                                      int32_t image_end, int32_t block_begin, int32_t block_end,
                                      const float *dy, const float *filters, float *dx,
                                      void *scratch)
{
    sound->winograd_backward_data(g, image_begin, image_end, block_begin, block_end, dy, filters,
                                  dx, scratch);
    if (image_begin < image_end && block_begin < block_end)
        dx[image_begin * g->y_image + block_begin * LW_BLOCK] += 0.01f;
}

static size_t winograd_fewer_floats(int32_t ic, int32_t oc)
{
    return sound->winograd_filters_floats(ic, oc) - 1;
}

static size_t winograd_no_scratch(const lw_winograd_geometry *g)
{
    (void)g;
    return 0;
}

#ifndef __SANITIZE_ADDRESS__
// The sound kernel then writes far behind its scratch, where the sanitizer ends the program.
static size_t winograd_less_scratch(const lw_winograd_geometry *g)
{
    return sound->winograd_scratch_bytes(g) / 2;
}
#endif

static void winograd_weights_nudged(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                    const float *x, const float *dy, float *scratch, float *sums,
                                    float *dbias, bool accumulate)
{
    sound->winograd_weights_block(g, begin, end, x, dy, scratch, sums, dbias, accumulate);
    sums[0] += 0.01f;
}

static void winograd_weights_one_row_less(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                          const float *x, const float *dy, float *scratch,
                                          float *sums, float *dbias, bool accumulate)
{
    sound->winograd_weights_block(g, begin, end > begin + 1 ? end - 1 : end, x, dy, scratch, sums,
                                  dbias, accumulate);
}

static void winograd_weights_past_scratch(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                          const float *x, const float *dy, float *scratch,
                                          float *sums, float *dbias, bool accumulate)
{
    sound->winograd_weights_block(g, begin, end, x, dy, scratch, sums, dbias, accumulate);
    const int64_t tiles = (end - begin) * lw_winograd_tiles_of(g->ow).count;
    scratch[lw_winograd_weights_scratch(g, tiles)] = 0.0f;
}

static void winograd_weights_without_bias(const lw_winograd_weights *g, int64_t begin, int64_t end,
                                          const float *x, const float *dy, float *scratch,
                                          float *sums, float *dbias, bool accumulate)
{
    (void)dbias;
    sound->winograd_weights_block(g, begin, end, x, dy, scratch, sums, NULL, accumulate);
}

static void winograd_taps_wrong_value(const lw_winograd_weights *g, const float *sums, float *taps)
{
    sound->winograd_weights_taps(g, sums, taps);
    taps[8] += 0.01f;
}

static void winograd_taps_past_the_end(const lw_winograd_weights *g, const float *sums, float *taps)
{
    sound->winograd_weights_taps(g, sums, taps);
    const lw_winograd_sums layout = lw_winograd_sums_of(g);
    taps[(int64_t)9 * layout.rows * layout.columns] = 0.0f;
}

static void strided_wrong_filter(int32_t taps, int32_t ic, const float *weights, float *filters)
{
    sound->winograd_strided_filters(taps, ic, weights, filters);
    filters[7 * ic * LW_BLOCK] += 0.01f;
}

static void strided_wrong_value(const lw_winograd_strided *g, int32_t block_begin,
                                int32_t block_end, const float *x, const float *filters,
                                const float *bias, float *y, float *scratch)
{
    sound->winograd_strided_forward(g, block_begin, block_end, x, filters, bias, y, scratch);
    if (block_begin < block_end)
        y[(g->oh - 1) * g->y_row + (g->ow - 1) * g->y_pixel + block_begin * LW_BLOCK] += 1.0f;
}

// A last row of tiles that is stored whole.
static void strided_below_the_map(const lw_winograd_strided *g, int32_t block_begin,
                                  int32_t block_end, const float *x, const float *filters,
                                  const float *bias, float *y, float *scratch)
{
    sound->winograd_strided_forward(g, block_begin, block_end, x, filters, bias, y, scratch);
    if (block_begin < block_end) y[g->oh * g->y_row + block_begin * LW_BLOCK] = 0.0f;
}

static void strided_without_bias(const lw_winograd_strided *g, int32_t block_begin,
                                 int32_t block_end, const float *x, const float *filters,
                                 const float *bias, float *y, float *scratch)
{
    (void)bias;
    sound->winograd_strided_forward(g, block_begin, block_end, x, filters, NULL, y, scratch);
}

static void strided_weights_nudged(const lw_winograd_strided *g, const float *x, const float *dy,
                                   float *scratch, float *sums, float *dbias, bool accumulate)
{
    sound->winograd_strided_weights(g, x, dy, scratch, sums, dbias, accumulate);
    sums[0] += 0.01f;
}

static void strided_weights_overwriting(const lw_winograd_strided *g, const float *x,
                                        const float *dy, float *scratch, float *sums, float *dbias,
                                        bool accumulate)
{
    (void)accumulate;
    sound->winograd_strided_weights(g, x, dy, scratch, sums, dbias, false);
}

static void strided_weights_without_bias(const lw_winograd_strided *g, const float *x,
                                         const float *dy, float *scratch, float *sums, float *dbias,
                                         bool accumulate)
{
    (void)dbias;
    sound->winograd_strided_weights(g, x, dy, scratch, sums, NULL, accumulate);
}

static void strided_weights_past_scratch(const lw_winograd_strided *g, const float *x,
                                         const float *dy, float *scratch, float *sums, float *dbias,
                                         bool accumulate)
{
    sound->winograd_strided_weights(g, x, dy, scratch, sums, dbias, accumulate);
    scratch[lw_winograd_strided_weights_scratch(g->ic, g->oc)] = 0.0f;
}

static void strided_taps_wrong_value(int32_t taps, int32_t ic, int32_t oc, const float *sums,
                                     float *to)
{
    sound->winograd_strided_weights_taps(taps, ic, oc, sums, to);
    to[0] += 0.01f;
}

static void strided_taps_past_the_end(int32_t taps, int32_t ic, int32_t oc, const float *sums,
                                      float *to)
{
    sound->winograd_strided_weights_taps(taps, ic, oc, sums, to);
    to[(int64_t)taps * taps * ic * lw_winograd_strided_sums_of(ic, oc).columns] = 0.0f;
}

static const plant plants[] = {
    {"winograd_strided_filters",
     "wrong value",
     {.winograd_strided_filters = strided_wrong_filter},
     "filters["},
    {"winograd_strided_forward",
     "wrong value",
     {.winograd_strided_forward = strided_wrong_value},
     "y["},
    {"winograd_strided_forward",
     "below the map",
     {.winograd_strided_forward = strided_below_the_map},
     NULL},
    {"winograd_strided_forward",
     "no bias",
     {.winograd_strided_forward = strided_without_bias},
     "y["},
    {"winograd_strided_weights",
     "nudged",
     {.winograd_strided_weights = strided_weights_nudged},
     "sums["},
    {"winograd_strided_weights",
     "overwriting",
     {.winograd_strided_weights = strided_weights_overwriting},
     "sums["},
    {"winograd_strided_weights",
     "no bias",
     {.winograd_strided_weights = strided_weights_without_bias},
     "dbias["},
    {"winograd_strided_weights",
     "past scratch",
     {.winograd_strided_weights = strided_weights_past_scratch},
     "behind scratch"},
    {"winograd_strided_weights_taps",
     "wrong value",
     {.winograd_strided_weights_taps = strided_taps_wrong_value},
     "taps["},
    {"winograd_strided_weights_taps",
     "past the end",
     {.winograd_strided_weights_taps = strided_taps_past_the_end},
     "behind taps"},
    {"winograd_weights_block",
     "nudged",
     {.winograd_weights_block = winograd_weights_nudged},
     "sums["},
    {"winograd_weights_block",
     "one row less",
     {.winograd_weights_block = winograd_weights_one_row_less},
     "sums["},
    {"winograd_weights_block",
     "past scratch",
     {.winograd_weights_block = winograd_weights_past_scratch},
     "behind scratch"},
    {"winograd_weights_block",
     "no bias",
     {.winograd_weights_block = winograd_weights_without_bias},
     "dbias["},
    {"winograd_weights_taps",
     "wrong value",
     {.winograd_weights_taps = winograd_taps_wrong_value},
     "taps["},
    {"winograd_weights_taps",
     "past the end",
     {.winograd_weights_taps = winograd_taps_past_the_end},
     "behind taps"},
    {"winograd_forward", "wrong value", {.winograd_forward = winograd_wrong_value}, "y["},
    {"winograd_forward", "past the end", {.winograd_forward = winograd_past_the_end}, NULL},
    {"winograd_forward", "last channel", {.winograd_forward = winograd_without_last_channel}, NULL},
    {"winograd_forward", "live", {.winograd_forward = winograd_wrong_live}, "planes"},
    {"winograd_backward_data",
     "wrong value",
     {.winograd_backward_data = winograd_data_wrong_value},
     "dx["},
    {"winograd_filters", "wrong value", {.winograd_filters = winograd_wrong_filter}, "filters["},
    {"winograd_filters",
     "points exchanged",
     {.winograd_filters = winograd_points_exchanged},
     "filters["},
    {"winograd_filters_floats",
     "too few",
     {.winograd_filters_floats = winograd_fewer_floats},
     NULL},
    {"winograd_scratch_bytes", "none", {.winograd_scratch_bytes = winograd_no_scratch}, "no bytes"},
#ifndef __SANITIZE_ADDRESS__
    {"winograd_scratch_bytes",
     "too small",
     {.winograd_scratch_bytes = winograd_less_scratch},
     NULL},
#endif
    {"conv_forward", "wrong value", {.conv_forward = forward_wrong_value}, NULL},
    {"conv_forward", "past the end", {.conv_forward = forward_past_the_end}, "behind y"},
    {"conv_forward", "before", {.conv_forward = forward_before_the_start}, "before y"},
    {"conv_forward", "gap", {.conv_forward = forward_in_the_gap}, "not to be written"},
    {"conv_forward", "last channel", {.conv_forward = forward_without_last_channel}, NULL},
    {"conv_forward", "padded lane", {.conv_forward = forward_padded_lane}, "y["},
    {"conv_forward", "winner", {.conv_forward = forward_wrong_winner}, "planes"},
    {"conv_forward", "live", {.conv_forward = forward_wrong_live}, "planes"},
    {"conv_forward", "crash", {.conv_forward = forward_crash}, "SIGSEGV"},
    {"conv_forward", "input", {.conv_forward = forward_writes_x}, "writing to the input x"},
    {"conv_backward_weights",
     "wrong value",
     {.conv_backward_weights = weights_wrong_value},
     "dweights[0]"},
    {"conv_backward_weights",
     "past scratch",
     {.conv_backward_weights = weights_past_scratch},
     "behind scratch"},
    {"conv_backward_weights",
     "an image lost",
     {.conv_backward_weights = weights_lose_an_image},
     "dbias["},
    {"conv_backward_weights",
     "range ignored",
     {.conv_backward_weights = weights_ignore_range},
     "dbias["},
    {"conv_backward_weights",
     "order of images",
     {.conv_backward_weights = weights_in_other_order},
     "image by image"},
    {"conv_backward_weights_first",
     "an image lost",
     {.conv_backward_weights_first = first_loses_an_image},
     "dbias["},
    {"conv_backward_weights_first",
     "wrong bias",
     {.conv_backward_weights_first = first_wrong_bias},
     "dbias["},
    {"conv_backward_data", "overwrites", {.conv_backward_data = data_overwrites}, "dx[0]"},
    {"conv_backward_data", "dead gradient", {.conv_backward_data = data_follows_dead}, "dx[0]"},
    {"conv_backward_scratch_bytes",
     "too small",
     {.conv_backward_scratch_bytes = scratch_too_small},
     "behind scratch"},
    {"linear_forward", "last input", {.linear_forward = linear_without_last_input}, "y["},
    {"linear_forward", "hides NaN", {.linear_forward = linear_hides_nan}, "y["},
    {"linear_forward", "past the end", {.linear_forward = linear_past_the_end}, "behind y"},
    {"linear_forward", "crash", {.linear_forward = linear_crash}, "SIGFPE"},
    {"linear_backward_data", "nudged", {.linear_backward_data = linear_data_nudged}, "dx["},
    {"gemm_tile", "last k", {.gemm_tile = tile_without_last_k}, "c["},
    {"gemm_tile", "past the edge", {.gemm_tile = tile_past_the_edge}, NULL},
    {"gemm_tile", "crash", {.gemm_tile = tile_crash}, "SIGILL"},
    {"gemm_dot", "wrong lane", {.gemm_dot = dot_wrong_lane}, "lanes[1]"},
    {"dense_forward", "last run", {.dense_forward = dense_without_last_run}, "y["},
    {"dense_forward", "past the end", {.dense_forward = dense_past_the_end}, "behind y"},
    {"dense_forward", "spare channel", {.dense_forward = dense_spare_channel}, "y["},
    {"dense_forward", "hides NaN", {.dense_forward = dense_hides_nan}, "y["},
    {"dense_forward", "input", {.dense_forward = dense_writes_x}, "writing to the input x"},
    {"dense_few", "nudged", {.dense_few = few_nudged}, "y["},
    {"dense_few", "no bias", {.dense_few = few_without_bias}, "y["},
    {"dense_few", "before", {.dense_few = few_before_the_start}, "before y"},
    {"dense_backward_weights_tiles",
     "last tile",
     {.dense_backward_weights_tiles = products_without_last_tile},
     "sums["},
    {"dense_backward_weights",
     "last pixel",
     {.dense_backward_weights = products_without_last_pixel},
     "sums["},
    {"dense_backward_weights",
     "past the end",
     {.dense_backward_weights = products_past_the_end},
     "behind sums"},
    {"dense_backward_weights", "hides NaN", {.dense_backward_weights = products_hide_nan}, "sums["},
    {"maxpool_forward", "tie", {.maxpool_forward = maxpool_last_wins}, "winner["},
    {"maxpool_forward", "past the end", {.maxpool_forward = maxpool_past_the_end}, "behind y"},
    {"maxpool_forward", "last channel", {.maxpool_forward = maxpool_without_last_channel}, "y["},
    {"maxpool_forward", "crash", {.maxpool_forward = maxpool_crash}, "SIGBUS"},
    {"maxpool_backward", "twice", {.maxpool_backward = maxpool_backward_twice}, "dx["},
    {"avgpool_forward", "nudged", {.avgpool_forward = avgpool_nudged}, "y[0]"},
    {"avgpool_backward", "clipped", {.avgpool_backward = avgpool_backward_clipped}, "dx["},
    {"relu_forward", "hides NaN", {.relu_forward = relu_hides_nan}, "y["},
    {"relu_forward", "past the end", {.relu_forward = relu_past_the_end}, "behind y"},
    {"relu_forward", "last block", {.relu_forward = relu_without_last}, "y["},
    {"relu_forward", "crash", {.relu_forward = relu_crash}, "SIGSEGV"},
    {"relu_backward", "at zero", {.relu_backward = relu_backward_at_zero}, "y["},
    {"warp_bytes", "wrong last pixel", {.warp_bytes = warp_one_less}, "out["},
    {"warp_bytes", "past the end", {.warp_bytes = warp_past_the_end}, "out"},
    {"transpose", "wrong last element", {.transpose = transpose_short}, "to["},
    {"multiply", "nudged", {.multiply = multiply_nudged}, "y["},
    {"sgd_update", "last partial", {.sgd_update = sgd_without_last_partial}, NULL},
    {"adam_update", "wrong value", {.adam_update = adam_wrong_value}, "second_moment["},
    {"adam_update", "past the end", {.adam_update = adam_past_the_end}, "behind weights"},
    {"adam_update", "last block", {.adam_update = adam_without_last}, "first_moment["},
    {"adam_update", "crash", {.adam_update = adam_crash}, "SIGSEGV"},
    {"gradient_sum", "last square", {.gradient_sum = sum_without_last_square}, "squares["},
    {"gradient_sum", "last partial", {.gradient_sum = sum_of_the_first}, NULL},
    {"scale", "last block", {.scale = scale_without_last}, "x["},
    {"average_update", "other way", {.average_update = average_the_other_way}, "average["},
    {"fma_peak", "stands still", {.fma_peak = peak_stands_still}, "mean[0]"},
};
enum { n_plants = sizeof plants / sizeof *plants };

// The portable table with one kernel replaced.
static lw_kernel_table table_with(const plant *p)
{
    lw_kernel_table table = *sound;
    table.isa = "planted";
#define LW_KERNEL_ENTRY(slot, family)                                                              \
    if (p->table.slot) table.slot = p->table.slot;
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY
    return table;
}

// Runs the checks of one slot; what was printed is the caller's to free.
static bool run(const lw_kernel_table *table, const char *slot, int32_t only_case, char **text)
{
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    lw_check_run run = {.kernel_pattern = slot,
                        .seed = 5,
                        .cases = 60,
                        .only_case = only_case,
                        .quiet = true,
                        .out = out};
    const lw_kernel_table *tables[] = {table};
    const bool passed = lw_check_run_all(&run, tables, 1);
    fclose(out);
    return passed;
}

static int errors;

static void expect(bool holds, const plant *p, const char *what, const char *text)
{
    if (holds) return;
    errors++;
    fprintf(stderr, "%s, %s: %s; the runner said: %s\n", p->slot, p->what, what,
            text && *text ? text : "nothing");
}

static void is_caught(const plant *p)
{
    const lw_kernel_table table = table_with(p);
    char *text = NULL, *again = NULL;
    const bool passed = run(&table, p->slot, -1, &text);
    expect(!passed, p, "not caught", text);
    if (!passed) {
        expect(strstr(text, p->slot) != NULL, p, "the kernel is not named", text);
        expect(!p->word || strstr(text, p->word), p, "another failure than the planted one", text);
        // The repeat line: the case alone fails in the same words.
        const char *repeat = strstr(text, "--case ");
        expect(repeat != NULL, p, "no line that repeats it", text);
        if (repeat) {
            const int32_t number = (int32_t)strtol(repeat + strlen("--case "), NULL, 10);
            expect(!run(&table, p->slot, number, &again) && again && strcmp(text, again) == 0, p,
                   "repeated alone it is another failure", again);
        }
    }
    free(text);
    free(again);
}

int main(void)
{
    const lw_kernel_table *tables[LW_MAX_TABLES];
    lw_kernel_tables(tables);
    sound = tables[0];
    char *text = NULL;
    const plant none = {.slot = "*", .what = "nothing planted"};
    expect(run(sound, "*", -1, &text), &none, "failed", text);
    free(text);
    for (int i = 0; i < n_plants; i++) is_caught(&plants[i]);

        // A kernel without any plant would be a hole in this test.
#define LW_KERNEL_ENTRY(slot_name, family)                                                         \
    {                                                                                              \
        bool planted = false;                                                                      \
        for (int i = 0; i < n_plants; i++) planted |= plants[i].table.slot_name != NULL;           \
        expect(planted, &(plant){.slot = #slot_name, .what = "planted errors"}, "none", "");       \
    }
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY

    // A table without a kernel fails, too.
    lw_kernel_table hole = *sound;
    hole.multiply = NULL;
    expect(!run(&hole, "multiply", -1, &text), &none, "a missing kernel is not noticed", text);
    free(text);
    return errors == 0 ? 0 : 1;
}
