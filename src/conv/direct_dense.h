// SPDX-License-Identifier: Apache-2.0
// Direct convolution with the dense kernels: forward, and backward-data, which is a forward
// convolution of dy. With strides, backward-data is one such convolution for every phase of dx: the
// pixels ih = phase + stride * i get their gradient from the same taps at dy pixels i + offset.
//
// "In" is the map that is read (x or dy), "out" the one that is written (y or dx).
#ifndef LW_CONV_DIRECT_DENSE_H
#define LW_CONV_DIRECT_DENSE_H

#include "conv/blocks.h"
#include "conv/list.h"
#include "conv/maps.h"
#include "conv/weights.h"
#include "simd/kernels.h"

// Rows or columns.
typedef struct lw_conv_axis {
    int32_t in, out; // sizes of the two maps
    int32_t kernel, stride, dilation, pad;
    bool backward;
} lw_conv_axis;

// Out pixels of a phase: phase + out_step * i for i < count; they read in pixels
// in_step * i + offset(tap).
int32_t lw_conv_axis_phases(const lw_conv_axis *axis);
int32_t lw_conv_axis_in_step(const lw_conv_axis *axis);
int32_t lw_conv_axis_out_step(const lw_conv_axis *axis);
int32_t lw_conv_axis_count(const lw_conv_axis *axis, int32_t phase);

// Tap `index` (< kernel), in the order of rising offsets: whether the phase has it, which place it
// has in the kernel, and its offset.
bool lw_conv_axis_tap(const lw_conv_axis *axis, int32_t phase, int32_t index, int32_t *place,
                      int64_t *offset);

// How many taps a phase has.
int64_t lw_conv_axis_taps(const lw_conv_axis *axis, int32_t phase);

// In pixels *first to *last: no others are read by steps [begin, end) of any phase. 0 and 0 when they
// read none.
void lw_conv_axis_reads(const lw_conv_axis *axis, int32_t begin, int32_t end, int64_t *first,
                        int64_t *last);

// How one convolution is done: panels of out channels, bands of rows, pieces of workspace. Borrows
// the problem.
typedef struct lw_conv_dense {
    const lw_conv_problem *problem;
    const lw_kernel_table *kernels;
    lw_conv_axis h, w;
    const lw_conv_map *in, *out;
    int32_t in_channels, out_channels;
    int32_t few;              // so many of the last out channels go to dense_few
    int32_t panels;           // of out channels; the last is that of dense_few, if it has any
    int32_t band, bands;      // a band is so many steps of out rows, of all phases
    bool in_place, out_place; // nothing is copied
    lw_conv_booking booking;
    size_t weights_at, bias_at, runs_at, in_at, out_at; // pieces of the workspace
} lw_conv_dense;

lw_conv_dense lw_conv_dense_plan(const lw_conv_problem *problem, bool backward);

// Possible or not, workspace and estimate.
void lw_conv_dense_answer(const lw_conv_problem *problem, bool backward, lw_conv_answer *answer);

// Estimated cycles of one thread.
double lw_conv_dense_cycles(const lw_conv_dense *dense);

// One panel of out channels: [first, first + channels), and where its weights start among those of
// a phase, in floats for each tap.
typedef struct lw_conv_panel {
    int32_t first, channels;
    bool few;
    int64_t weights_floats, weights_at; // for each tap
} lw_conv_panel;

lw_conv_panel lw_conv_dense_panel(const lw_conv_dense *dense, int32_t index);

// Weights are packed [phase][panel][tap][in channel][out channel of the panel]: the taps of all phases
// before (phase_h, phase_w), and those of the phase itself.
int64_t lw_conv_dense_taps_before(const lw_conv_dense *dense, int32_t phase_h, int32_t phase_w);
int64_t lw_conv_dense_taps(const lw_conv_dense *dense, int32_t phase_h, int32_t phase_w);

// Floats of the packed weights of one tap.
int64_t lw_conv_dense_weights_floats(const lw_conv_dense *dense);

// Packs this thread's share of the weights, which lie in `order`.
void lw_conv_dense_pack(const lw_conv_dense *dense, const lw_conv_weights_order *order,
                        const float *weights, float *packed, int32_t thread, int32_t threads);

// A thread's work. `bias` NULL, or the out channels rounded up to a vector. The last three are the
// thread's own pieces of workspace.
typedef struct lw_conv_dense_work {
    const lw_conv_dense *dense;
    const float *in, *packed, *bias;
    float *out;
    int64_t *runs;
    float *in_scratch, *out_scratch;
} lw_conv_dense_work;

// Computes band `band` of image n for panels [panel, panel_end).
void lw_conv_dense_band(const lw_conv_dense_work *work, int64_t n, int32_t band, int32_t panel,
                        int32_t panel_end);

// The whole execution on the problem's threads: packs and computes.
void lw_conv_dense_execute(const lw_conv_problem *problem, bool backward,
                           const lw_conv_arrays *arrays, void *workspace);

#endif
