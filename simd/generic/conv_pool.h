// SPDX-License-Identifier: Apache-2.0
// The end of a forward stage: pool, ReLU and bit planes of sums that hold the bias already.
#ifndef LW_SIMD_CONV_POOL_H
#define LW_SIMD_CONV_POOL_H

#include "simd/kernels.h"
#include "simd/vec.h"

// One vector of a stage output and its planes' bits.
typedef struct lw_stage_output {
    lw_vec value;
    uint32_t live, right, lower;
} lw_stage_output;

// The operand order of the maximum lets a NaN through.
LW_INLINE lw_stage_output lw_stage_finish(lw_vec sum, bool relu, uint32_t right, uint32_t lower)
{
    if (!relu) return (lw_stage_output){sum, (1u << LW_VEC) - 1, right, lower};
    return (lw_stage_output){lw_vec_max(lw_vec_zero(), sum), lw_vec_greater(sum, lw_vec_zero()),
                             right, lower};
}

// The largest of a window's four sums; a later one must be strictly larger to win.
LW_INLINE lw_stage_output lw_stage_pool(lw_vec top_left, lw_vec top_right, lw_vec bottom_left,
                                        lw_vec bottom_right, bool relu)
{
    uint32_t right_of_top = lw_vec_greater(top_right, top_left);
    uint32_t right_of_bottom = lw_vec_greater(bottom_right, bottom_left);
    lw_vec top = lw_vec_max(top_right, top_left);
    lw_vec bottom = lw_vec_max(bottom_right, bottom_left);
    uint32_t lower = lw_vec_greater(bottom, top);
    uint32_t right = right_of_top ^ ((right_of_top ^ right_of_bottom) & lower);
    return lw_stage_finish(lw_vec_max(bottom, top), relu, right, lower);
}

// Puts a vector's bits, `shift` channels into the block, to those of the vectors before it.
LW_INLINE lw_planes lw_stage_planes(lw_planes before, lw_stage_output output, int shift)
{
    return (lw_planes){(uint16_t)(before.live | output.live << shift),
                       (uint16_t)(before.right | output.right << shift),
                       (uint16_t)(before.lower | output.lower << shift), 0};
}

#endif
