// SPDX-License-Identifier: Apache-2.0
// What a direct convolution costs: the tiles are counted as the kernels cut them, with their tails.
#include "conv/direct_dense.h"

#include <string.h>

// What a tile of `sums` accumulators (`pixels` times `vectors`) takes for a step: two multiply-adds
// and two loads a cycle, and a sum is ready again after four cycles.
static double step_cycles(double pixels, double vectors)
{
    double work = pixels * vectors / 2.0, loads = (pixels + vectors) / 2.0;
    if (loads > work) work = loads;
    return work < 4.0 ? 4.0 : work;
}

// Tiles of at most `most` pixels over the outputs of a phase: rows in pairs, columns cut evenly.
// Returns the cycles of one step of all of them, and their number.
static double tile_cycles(int64_t rows, int64_t columns, int64_t most, double vectors,
                          double *tiles)
{
    int64_t across = most / 2; // columns of a tile of two rows
    if (columns < across && rows > columns) {
        int64_t swap = rows;
        rows = columns;
        columns = swap;
    }
    const int64_t n = (columns + across - 1) / across, pairs = rows / 2;
    const double width = (double)columns / (double)n;
    *tiles = (double)(pairs * n);
    double cycles = *tiles * step_cycles(2.0 * width, vectors);
    if (rows % 2) {
        const int64_t singles = (columns + most - 1) / most;
        const int64_t pixels = (columns + singles - 1) / singles + 1;
        *tiles += (double)singles;
        cycles += (double)singles * step_cycles((double)pixels, vectors);
    }
    return cycles;
}

// One panel of one phase of one image.
static double panel_cycles(const lw_conv_dense *dense, const lw_conv_panel *panel, int32_t phase_h,
                           int32_t phase_w)
{
    const lw_kernel_table *kernels = dense->kernels;
    const double taps = (double)lw_conv_dense_taps(dense, phase_h, phase_w);
    const int64_t rows = lw_conv_axis_count(&dense->h, phase_h);
    const int64_t columns = lw_conv_axis_count(&dense->w, phase_w);
    const double vector = kernels->vector_floats, outputs = (double)rows * (double)columns;
    double tiles;
    if (panel->few) {
        const double inputs = (double)lw_conv_round_up(dense->in_channels, LW_BLOCK) / vector;
        const double few = panel->channels;
        return outputs * (taps * inputs * (few + 1.0) * 0.4 + 4.8 * few);
    }
    const int64_t vectors =
        lw_conv_round_up(panel->channels, kernels->vector_floats) / kernels->vector_floats;
    const bool half = 2 * vectors * kernels->vector_floats <= kernels->dense_channels;
    const double steps = taps * (double)dense->in_channels;
    double cycles = steps * tile_cycles(rows, columns, kernels->dense_pixels * (half ? 2 : 1),
                                        (double)vectors, &tiles);
    // Around its steps a tile takes as long as a few dozen of them, and stores its outputs.
    return cycles + 30.0 * tiles + outputs * (double)vectors;
}

double lw_conv_dense_cycles(const lw_conv_dense *dense)
{
    const lw_conv_shape *s = &dense->problem->sizes.shape;
    double image = 0.0;
    for (int32_t h = 0; h < lw_conv_axis_phases(&dense->h); h++)
        for (int32_t w = 0; w < lw_conv_axis_phases(&dense->w); w++) {
            // All panels but the last two are alike.
            const int32_t alike = dense->panels > 3 ? dense->panels - 2 : 1;
            for (int32_t p = 0; p < dense->panels; p += p == 0 ? alike : 1) {
                const lw_conv_panel panel = lw_conv_dense_panel(dense, p);
                image += (panel_cycles(dense, &panel, h, w) + 60.0) * (p == 0 ? alike : 1.0);
            }
        }
    const double peak_share = 0.95;
    image /= peak_share;
    // Every phase writes to places that lie a stride apart, and has short rows.
    const double phase_share = 1.3;
    if (lw_conv_axis_phases(&dense->h) * lw_conv_axis_phases(&dense->w) > 1) image *= phase_share;
    if (strcmp(dense->kernels->isa, "generic") == 0) image *= 2.0; // no fused multiply-add
    // Copies of maps, five floats in three cycles, and the packing of weights.
    if (!dense->in_place)
        image += 0.6 * (double)dense->h.in * (double)dense->w.in * (double)dense->in_channels;
    if (!dense->out_place)
        image += 0.6 * (double)dense->h.out * (double)dense->w.out * (double)dense->out_channels;
    const double weights =
        (double)dense->problem->sizes.taps * (double)lw_conv_dense_weights_floats(dense);
    return (double)s->n * image + 1.2 * weights + 3000.0;
}
