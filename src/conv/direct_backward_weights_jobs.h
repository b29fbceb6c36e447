// SPDX-License-Identifier: Apache-2.0
// How direct backward-weights is cut up: into strips of output rows that stay in the cache, partial
// sums, and jobs for the kernel.
#ifndef LW_CONV_DIRECT_BACKWARD_WEIGHTS_JOBS_H
#define LW_CONV_DIRECT_BACKWARD_WEIGHTS_JOBS_H

#include "conv/blocks.h"
#include "conv/list.h"
#include "conv/maps.h"
#include "simd/kernels.h"

typedef enum lw_direct_weights_kind {
    LW_DIRECT_WEIGHTS_MAIN, // a panel of output channels (lanes) x a block of input channels
    LW_DIRECT_WEIGHTS_TAIL, // the last few output channels x input channels of some taps (lanes)
    LW_DIRECT_WEIGHTS_BIAS  // ones x output channels (lanes)
} lw_direct_weights_kind;

// A call of the kernel for one strip, and where its sums are within a partial sum.
typedef struct lw_direct_weights_job {
    lw_direct_weights_kind kind;
    int32_t oc, ic, tap; // the first of each
    int32_t ic_count;    // of a main job
    bool whole_rows;     // its runs are whole rows of the kernel
    int32_t planes, runs, length, lanes;
    int64_t sums, sums_row;   // floats
    double cost_before, cost; // vectors of sums, of the jobs before and of this one
} lw_direct_weights_job;

typedef struct lw_direct_weights_strides {
    int64_t image, row, pixel; // floats
} lw_direct_weights_strides;

typedef struct lw_direct_weights_plan {
    const lw_conv_problem *problem;
    const lw_kernel_table *kernels;
    lw_conv_view x, dy;
    bool pack_x;     // strips of x are copied to blocks of LW_BLOCK input channels
    bool pack_dy;    // and strips of dy to panels of output channels
    bool whole_rows; // a row of the kernel is contiguous in x
    bool sums_dy;    // dbias comes along with the main jobs, the bias job has nothing to do
    int32_t main_oc; // output channels in main jobs, the others are the tail
    int32_t panels, ic_blocks;
    int64_t n_jobs, tail_jobs;
    int32_t tail_taps, tail_lanes; // of a tail job: neighbouring taps, a pixel of x from each other
    double cost;
    int64_t tiles; // about, of all jobs
    lw_conv_chunking strips;
    int32_t partials;
    int64_t sums_floats, tail_sums, bias_sums; // of one partial sum; where tail and bias start
    lw_conv_booking booking;
    size_t sums_at, x_at, dy_at, x_blocks_at, dy_panel_at;
} lw_direct_weights_plan;

// `problem` is borrowed.
void lw_direct_weights_make_plan(const lw_conv_problem *problem, lw_direct_weights_plan *plan);
double lw_direct_weights_cycles(const lw_direct_weights_plan *plan);

// Job `index` of n_jobs: first panel by panel all blocks of input channels, then the tail by
// taps, last the bias.
void lw_direct_weights_job_at(const lw_direct_weights_plan *plan, int64_t index,
                              lw_direct_weights_job *job);

// Copies of strips. `x` is where the first tap of the strip's first pixel is, `dy` the panel's first
// channel at the first pixel. A block of x is lw_direct_packed_block floats.
lw_direct_weights_strides lw_direct_packed_x(const lw_direct_weights_plan *plan,
                                             const lw_conv_rectangle *at);
lw_direct_weights_strides lw_direct_packed_dy(int32_t lanes, const lw_conv_rectangle *at);
int64_t lw_direct_packed_block(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk);
void lw_direct_pack_x(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk,
                      const float *x, int64_t x_image, float *blocks);
void lw_direct_pack_dy(const lw_direct_weights_plan *plan, const lw_conv_chunk *chunk,
                       const float *dy, int64_t dy_image, int32_t lanes, float *panel);

#endif
