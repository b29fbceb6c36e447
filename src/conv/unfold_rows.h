// SPDX-License-Identifier: Apache-2.0
// One row of the unfolded picture: what one kernel tap sees at the output positions of a rectangle.
#ifndef LW_CONV_UNFOLD_ROWS_H
#define LW_CONV_UNFOLD_ROWS_H

#include "conv/shape.h"

// A rectangle of output positions.
typedef struct lw_conv_rectangle {
    int32_t oh, rows, ow, columns;
} lw_conv_rectangle;

static inline lw_conv_rectangle lw_conv_whole_map(const lw_conv_sizes *sizes)
{
    return (lw_conv_rectangle){0, sizes->oh, 0, sizes->ow};
}

// Writes what tap (kh, kw) sees of one channel's `plane` (ih, iw) at every position of the
// rectangle, in reading order, 0 where it sees padding: rows * columns floats. Short runs are
// copied in blocks of LW_CONV_COPY_FLOATS that may run over their end: reads stay below
// `plane_end`, writes below `row_end`, and what follows the row up to there must be written later.
enum { LW_CONV_COPY_FLOATS = 8 };
void lw_conv_unfold_row(const lw_conv_sizes *sizes, const float *plane, const float *plane_end,
                        int32_t kh, int32_t kw, const lw_conv_rectangle *at, float *row,
                        const float *row_end);

// The adjoint: adds such a row to the pixels that the tap sees.
void lw_conv_fold_row(const lw_conv_sizes *sizes, float *plane, int32_t kh, int32_t kw,
                      const lw_conv_rectangle *at, const float *row);

// Estimated cycles of unfolding all positions (or folding them), beyond half a cycle a float: every row
// of a patch takes `row_cycles` to begin, and with a stride the floats of a row are moved one by one.
double lw_conv_estimate_rows(const lw_conv_sizes *sizes, double row_cycles);

#endif
