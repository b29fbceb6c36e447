// SPDX-License-Identifier: Apache-2.0
// Phases and taps of direct convolutions, along one axis.
#include "conv/direct_dense.h"

int32_t lw_conv_axis_phases(const lw_conv_axis *axis)
{
    if (!axis->backward) return 1;
    return axis->stride < axis->out ? axis->stride : axis->out; // no empty ones
}

int32_t lw_conv_axis_in_step(const lw_conv_axis *axis)
{
    return axis->backward ? 1 : axis->stride;
}

int32_t lw_conv_axis_out_step(const lw_conv_axis *axis)
{
    return axis->backward ? axis->stride : 1;
}

int32_t lw_conv_axis_count(const lw_conv_axis *axis, int32_t phase)
{
    return (axis->out - 1 - phase) / lw_conv_axis_out_step(axis) + 1;
}

bool lw_conv_axis_tap(const lw_conv_axis *axis, int32_t phase, int32_t index, int32_t *place,
                      int64_t *offset)
{
    if (!axis->backward) {
        *place = index;
        *offset = (int64_t)index * axis->dilation - axis->pad;
        return true;
    }
    *place = axis->kernel - 1 - index;
    const int64_t pixel = (int64_t)phase + axis->pad - (int64_t)*place * axis->dilation;
    *offset = pixel / axis->stride;
    return pixel % axis->stride == 0;
}

void lw_conv_axis_reads(const lw_conv_axis *axis, int32_t begin, int32_t end, int64_t *first,
                        int64_t *last)
{
    bool any = false;
    *first = *last = 0;
    const int64_t step = lw_conv_axis_in_step(axis);
    for (int32_t phase = 0; phase < lw_conv_axis_phases(axis); phase++) {
        const int32_t count = lw_conv_axis_count(axis, phase);
        const int32_t stop = end < count ? end : count;
        for (int32_t i = 0; i < axis->kernel && begin < stop; i++) {
            int32_t place;
            int64_t offset;
            if (!lw_conv_axis_tap(axis, phase, i, &place, &offset)) continue;
            const int64_t lowest = begin * step + offset, highest = (stop - 1) * step + offset;
            if (!any || lowest < *first) *first = lowest;
            if (!any || highest > *last) *last = highest;
            any = true;
        }
    }
}

int64_t lw_conv_axis_taps(const lw_conv_axis *axis, int32_t phase)
{
    int64_t taps = 0, offset;
    int32_t place;
    for (int32_t i = 0; i < axis->kernel; i++)
        taps += lw_conv_axis_tap(axis, phase, i, &place, &offset);
    return taps;
}
