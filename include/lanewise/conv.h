// SPDX-License-Identifier: Apache-2.0
// Convolution on plain float arrays: shapes, plans, the three passes, unfold and fold.
//
// Weights and dweights are (oc, ic, kh, kw), bias and dbias (oc), always dense and row-major. The
// maps x and dx (ic channels of ih x iw) and y and dy (oc channels of oh x ow) have one of the
// layouts of lw_conv_layout; (n, c, h, w) unless a plan says otherwise. The convolution is the one of the field
// (a cross-correlation: the kernel is not flipped):
//
//     y[n][oc][oh][ow] = bias[oc] + sum over ic, kh, kw of
//         weights[oc][ic][kh][kw] * x[n][ic][oh * stride_h - pad_h + kh * dilation_h]
//                                         [ow * stride_w - pad_w + kw * dilation_w]
//
// with zeros outside of x. A plan is made for one shape and one pass, says how much workspace it
// needs, and is then executed any number of times; executing allocates nothing.
#ifndef LANEWISE_CONV_H
#define LANEWISE_CONV_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Shapes -----------------------------------------------------------------------------------

// Every field must be set. Padding is the same on both sides; a dilation of 1 is a dense kernel.
typedef struct lw_conv_shape {
    int32_t n;                      // images
    int32_t ic, ih, iw;             // input channels, height, width
    int32_t oc;                     // output channels
    int32_t kh, kw;                 // kernel
    int32_t stride_h, stride_w;
    int32_t pad_h, pad_w;
    int32_t dilation_h, dilation_w;
} lw_conv_shape;

// The output size along one axis: floor((in + 2*pad - dilation*(kernel-1) - 1) / stride) + 1.
// LW_ERROR_ARGUMENT, with *out 0, when a size is not positive, the padding is negative, or the
// kernel is larger than the padded input.
LW_API lw_status lw_conv_output_size(int32_t in, int32_t kernel, int32_t stride, int32_t pad,
                                     int32_t dilation, int32_t *out);

// LW_OK when every call of this header takes the shape. LW_ERROR_ARGUMENT with a sentence when a
// size is not positive, the kernel is larger than the padded input, an array would be larger than
// memory can be, or the multiply-adds do not fit 63 bits.
LW_API lw_status lw_conv_shape_check(const lw_conv_shape *shape);

// The height and width of the output; fails like lw_conv_shape_check, both are then 0.
LW_API lw_status lw_conv_shape_output(const lw_conv_shape *shape, int32_t *oh, int32_t *ow);

// The multiply-adds of one pass of a dense convolution, n*oc*oh*ow*ic*kh*kw (the same for all three
// passes; taps that fall on padding count). 0 when the shape is not valid.
LW_API int64_t lw_conv_shape_macs(const lw_conv_shape *shape);

// Room for any text that lw_conv_shape_format writes.
enum { LW_CONV_PROBLEM_BYTES = 256 };

// Reads a shape written as oneDNN's benchdnn writes it: "mb16ic16ih14oc32oh14kh3ph1". The words
// mb ic ih iw oc oh ow kh kw sh sw ph pw dh dw, each with its number, in any order, "_" anywhere
// between them, and a name behind a final "n" that is ignored. benchdnn's rules fill the gaps:
//   - when missing, mb is 2, a stride 1, a dilation 0 (benchdnn counts from 0: dh0 is dense);
//   - without any width (iw ow kw sw pw dw) the widths are the heights; without any height the
//     problem is one row high;
//   - without oh, ph is 0 and oh computed; with oh but without ph, ph is what oh needs;
//     given together they must agree (the same for the widths).
// LW_ERROR_INPUT: the message quotes the text and says at which character (counted from 1) it
// goes wrong; *position (NULL: not wanted) is then that character's offset from 0. *shape is
// written on success only.
LW_API lw_status lw_conv_shape_parse(lw_conv_shape *shape, const char *text, size_t *position);

// Writes the shape the same way, as short as it goes; lw_conv_shape_parse gives it back. `text`
// has `text_bytes` of room; LW_CONV_PROBLEM_BYTES is always enough. LW_ERROR_ARGUMENT when the
// shape is not valid or the room too small; `text` is then "".
LW_API lw_status lw_conv_shape_format(const lw_conv_shape *shape, char *text, size_t text_bytes);

// ---- Passes and algorithms --------------------------------------------------------------------

typedef enum lw_conv_pass {
    LW_CONV_FORWARD,          // "fwd": y from x and weights
    LW_CONV_BACKWARD_DATA,    // "bwd_d": dx from dy and weights
    LW_CONV_BACKWARD_WEIGHTS  // "bwd_w": dweights and dbias from x and dy
} lw_conv_pass;

typedef enum lw_conv_algorithm {
    LW_CONV_ALGORITHM_AUTO,   // "auto": the fastest by measurement or, without one, by estimate
    LW_CONV_ALGORITHM_NAIVE,  // "naive": seven nested loops, double accumulation
    LW_CONV_ALGORITHM_UNFOLD, // "unfold": unfold (im2col) and a matrix product
    LW_CONV_ALGORITHM_DIRECT, // "direct": register tiles on channels-last maps
    LW_CONV_ALGORITHM_WINOGRAD, // "winograd": transformed tiles, for 3x3 kernels with stride 1
                                // and, but for backward-data, large strided first layers
    LW_CONV_ALGORITHM_ONEDNN  // "onednn": Intel's oneDNN, where the build has it; never by AUTO
} lw_conv_algorithm;

// How the maps of a plan's arrays lie in memory. In LW_CONV_LAYOUT_PADDED they lie as inside a
// network, and kernels work on them without a copy:
//   - channels last; the channels of a pixel are rounded up to a multiple of LW_CONV_CHANNEL_BLOCK
//     (but not those of x with at most LW_CONV_FEW_CHANNELS), the spare ones are zeros;
//   - around each map lies a halo of zeros: pad_h rows and pad_w columns on each side of x and dx,
//     max(0, dilation * (kernel - 1) - pad) of y and dy;
//   - so an image of x is (ih + 2 * halo_h, iw + 2 * halo_w, channels) floats.
// What is read (x, dy) must have its zeros. What is written (y, dx) gets zeros in its spare
// channels; its halo is left alone.
typedef enum lw_conv_layout {
    LW_CONV_LAYOUT_NCHW,  // "nchw": (n, c, h, w), dense
    LW_CONV_LAYOUT_NHWC,  // "nhwc": (n, h, w, c), dense
    LW_CONV_LAYOUT_PADDED // "padded": as above
} lw_conv_layout;

enum { LW_CONV_CHANNEL_BLOCK = 16, LW_CONV_FEW_CHANNELS = 4 };

// The word for a pass, an algorithm or a layout; "unknown" for a value that is none. Static storage.
LW_API const char *lw_conv_pass_name(lw_conv_pass pass);
LW_API const char *lw_conv_algorithm_name(lw_conv_algorithm algorithm);
LW_API const char *lw_conv_layout_name(lw_conv_layout layout);

// The reverse. LW_ERROR_INPUT, with the words to choose from, when `name` is none of them.
LW_API lw_status lw_conv_pass_parse(lw_conv_pass *pass, const char *name);
LW_API lw_status lw_conv_algorithm_parse(lw_conv_algorithm *algorithm, const char *name);
LW_API lw_status lw_conv_layout_parse(lw_conv_layout *layout, const char *name);

// Where the elements of an array of maps stand in a layout: element (n, c, h, w) at
// origin + n * image + c * channel + h * row + w * pixel floats from the array's start.
typedef struct lw_conv_map {
    int64_t image, channel, row, pixel;
    int64_t origin;
    int32_t channels, height, width; // real ones, without halo
    int32_t padded_channels;         // floats of a pixel that are channels or zeros
    int32_t halo_h, halo_w;          // rows and columns of zeros on each side
} lw_conv_map;

// The maps of x and dx, and those of y and dy (NULL: not wanted), and the floats that an array of
// them needs (NULL: not wanted). Fails like lw_conv_shape_check, also when the padded array would be
// larger than memory can be; LW_ERROR_ARGUMENT when there is no such layout.
LW_API lw_status lw_conv_maps(const lw_conv_shape *shape, lw_conv_layout layout, lw_conv_map *x,
                              lw_conv_map *y, int64_t *x_floats, int64_t *y_floats);

// ---- Plans ------------------------------------------------------------------------------------

typedef struct lw_conv_plan lw_conv_plan;

typedef struct lw_conv_options {
    lw_conv_algorithm algorithm; // anything but AUTO is forced
    int32_t threads;             // 0: as many as this process may use and the work is worth,
                                 // otherwise exactly so many, at most LW_CONV_MAX_THREADS
    lw_conv_layout layout;       // of x, dx, y and dy
    bool exact;                  // AUTO leaves out algorithms that round more than sums do: winograd
    bool deterministic;          // AUTO goes by estimates alone, not by what was measured here
} lw_conv_options;

enum { LW_CONV_MAX_THREADS = 1024 };

// What one algorithm of the list answered.
typedef struct lw_conv_candidate {
    lw_conv_algorithm algorithm;
    const char *name;        // lw_conv_algorithm_name(algorithm)
    bool possible;
    const char *reason;      // why not, or why AUTO leaves it out; else "". Borrowed from the plan
    size_t workspace_bytes;  // when possible; of one that AUTO leaves out only when chosen
    double cycles;           // when possible: estimated CPU cycles of one thread doing all the work
    bool chosen;
    bool only_on_request;    // AUTO leaves it out
    int64_t measured_ns;     // of one execution on this machine, as `lanewise tune` found; 0: never
} lw_conv_candidate;

// Makes a plan for one shape and one pass. `options` NULL: AUTO and 0 threads.
//
// AUTO takes the algorithm that `lanewise tune` found to be the fastest on this CPU, with these kernels,
// for this shape, pass, layout and number of threads; without such a measurement the lowest
// estimate. The measurements lie in the user's cache folder and are read once a process. The
// estimates depend on the shape, the pass and the instruction set alone: with `deterministic`, or
// LANEWISE_DETERMINISTIC=1 in the environment, nothing else counts, so that the choice, and with it
// every bit of the results, is the same for any number of threads and on every machine with that
// instruction set.
//
// The environment variable LANEWISE_CONV forces algorithms on plans whose options say AUTO:
// entries [layer.]pass=algorithm with commas between them, "fwd=unfold,bwd_w=naive". Entries that
// name a layer are for networks and do not count here. With LANEWISE_VERBOSE=dispatch every
// candidate's answer is written to stderr, with =exec every execution and its time.
//
// On success *plan is owned by the caller (lw_conv_plan_destroy); on failure it is NULL.
// LW_ERROR_ARGUMENT: as lw_conv_shape_check, or a bad option. LW_ERROR_UNSUPPORTED: the forced
// algorithm cannot do this; the message says why and lists those that can. LW_ERROR_INPUT:
// LANEWISE_CONV is malformed or LANEWISE_MAX_ISA names no instruction set. LW_ERROR_MEMORY.
LW_API lw_status lw_conv_plan_create(lw_conv_plan **plan, const lw_conv_shape *shape,
                                     lw_conv_pass pass, const lw_conv_options *options);

// Frees the plan and sets *plan to NULL. NULL and a pointer to NULL are fine.
LW_API void lw_conv_plan_destroy(lw_conv_plan **plan);

// Bytes of workspace that an execution needs; may be 0. Any alignment will do.
LW_API size_t lw_conv_plan_workspace_bytes(const lw_conv_plan *plan);

// The chosen algorithm's name. Static storage.
LW_API const char *lw_conv_plan_algorithm(const lw_conv_plan *plan);

// Why it was chosen: "forced" (by an option or LANEWISE_CONV), "measured" or "model" (by estimate).
// Static storage.
LW_API const char *lw_conv_plan_chosen_by(const lw_conv_plan *plan);

// What carries the chosen algorithm out: our kernel and its instruction set, "gemm_tile:avx512",
// "loops" for naive, or oneDNN's name for its implementation, "jit:avx512_core". Borrowed from the
// plan.
LW_API const char *lw_conv_plan_implementation(const lw_conv_plan *plan);

// What the plan was made for. The shape is borrowed from the plan; `threads` is never 0.
LW_API const lw_conv_shape *lw_conv_plan_shape(const lw_conv_plan *plan);
LW_API lw_conv_pass lw_conv_plan_pass(const lw_conv_plan *plan);
LW_API int32_t lw_conv_plan_threads(const lw_conv_plan *plan);

// Every algorithm of the pass's list with its answer, in the list's order. NULL when `index` is
// out of range. Borrowed from the plan.
LW_API size_t lw_conv_plan_candidate_count(const lw_conv_plan *plan);
LW_API const lw_conv_candidate *lw_conv_plan_candidate(const lw_conv_plan *plan, size_t index);

// ---- Execution --------------------------------------------------------------------------------
//
// Outputs are overwritten, not added to, and must not overlap inputs or the workspace. Arrays need
// no alignment beyond that of a float. `workspace` is lw_conv_plan_workspace_bytes of the caller's
// memory, with any content; one execution at a time may use it (NULL when 0 bytes). A plan may be
// executed by several threads at once, each with a workspace of its own. The same plan gives the
// same bits every time, and so do plans of one algorithm that differ in the number of threads only; what oneDNN
// promises is less: its sums may depend on the number of threads. Executions of one plan for
// oneDNN take turns, and within oneDNN small things may be allocated.
// LW_ERROR_ARGUMENT: a NULL, or a plan of another pass. LW_ERROR_INTERNAL: oneDNN failed.

// y = conv(x, weights) + bias. `bias` NULL: no bias.
LW_API lw_status lw_conv_forward(const lw_conv_plan *plan, const float *x, const float *weights,
                                 const float *bias, float *y, void *workspace);

// dx: the gradient of a loss by x, from dy, the gradient by y.
LW_API lw_status lw_conv_backward_data(const lw_conv_plan *plan, const float *dy,
                                       const float *weights, float *dx, void *workspace);

// dweights and dbias: the gradients by weights and bias, summed over the images. `dbias` NULL: not
// wanted.
LW_API lw_status lw_conv_backward_weights(const lw_conv_plan *plan, const float *x,
                                          const float *dy, float *dweights, float *dbias,
                                          void *workspace);

// ---- Unfold and fold --------------------------------------------------------------------------
//
// As PyTorch's functions of these names. `columns` is (n, ic * kh * kw, oh * ow): column p of an
// image holds the patch of x under output position p, channel by channel, kernel row by kernel
// row. The shape's oc is not used (any value will do). The two forms of each function differ in
// speed, and fold's in rounding: the reference adds in double. `threads` 0: as many as this
// process may use and the work is worth. LW_ERROR_ARGUMENT: a NULL, a shape that lw_conv_shape_check refuses, or columns
// that would be larger than memory can be.

// columns[n][(ic * KH + kh) * KW + kw][oh * OW + ow] = x[n][ic][ih][iw], 0 outside of x.
LW_API lw_status lw_unfold(const lw_conv_shape *shape, const float *x, float *columns,
                           int32_t threads);
LW_API lw_status lw_unfold_reference(const lw_conv_shape *shape, const float *x, float *columns);

// The adjoint: every pixel of x becomes the sum of the entries of `columns` that unfold copies it
// to.
LW_API lw_status lw_fold(const lw_conv_shape *shape, const float *columns, float *x,
                         int32_t threads);
LW_API lw_status lw_fold_reference(const lw_conv_shape *shape, const float *columns, float *x);

#ifdef __cplusplus
}
#endif

#endif
