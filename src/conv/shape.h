// SPDX-License-Identifier: Apache-2.0
// The sizes that follow from a convolution's shape. The counts hold for shapes that
// lw_conv_shape_check took, for which no product overflows.
#ifndef LW_CONV_SHAPE_H
#define LW_CONV_SHAPE_H

#include <lanewise/conv.h>
#include <stddef.h>
#include <stdint.h>

// A shape with its output size.
typedef struct lw_conv_sizes {
    lw_conv_shape shape;
    int32_t oh, ow;
    int64_t positions; // oh * ow
    int64_t taps;      // kh * kw
    int64_t depth;     // ic * kh * kw: the rows of the unfolded picture
} lw_conv_sizes;

// Checks the shape and fills *sizes; fails like lw_conv_shape_check.
lw_status lw_conv_sizes_of(const lw_conv_shape *shape, lw_conv_sizes *sizes);

static inline int64_t lw_conv_input_plane(const lw_conv_shape *shape)
{
    return (int64_t)shape->ih * shape->iw;
}

#endif
