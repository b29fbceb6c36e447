// SPDX-License-Identifier: Apache-2.0
// Phases and taps of direct convolutions, along one axis. Sizes may be as large as int32_t goes, so
// nothing that a plan asks for takes a walk over pixels or taps.
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

static int64_t divide_down(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// An out pixel o reads the in pixels from o * step - pad upwards (forward), or the q with
// q * stride = o + pad - place * dilation (backward).
void lw_conv_axis_reads(const lw_conv_axis *axis, int32_t begin, int32_t end, int64_t *first,
                        int64_t *last)
{
    const int64_t reach = (int64_t)axis->dilation * (axis->kernel - 1), stride = axis->stride;
    const int64_t count = lw_conv_axis_count(axis, 0), stop = end < count ? end : count;
    *first = *last = 0;
    if (begin >= stop) return;
    if (!axis->backward) {
        *first = begin * stride - axis->pad;
        *last = (stop - 1) * stride - axis->pad + reach;
        return;
    }
    const int64_t highest = lw_conv_smaller(stop * stride, axis->out) - 1;
    const int64_t low = -divide_down(reach - axis->pad - begin * stride, stride);
    const int64_t high = divide_down(highest + axis->pad, stride);
    if (low <= high) *first = low, *last = high;
}

// The greatest common divisor of a and b, and an x with a * x = divisor modulo b, 0 <= x < b.
static int64_t common_divisor(int64_t a, int64_t b, int64_t *x)
{
    int64_t r0 = b, r1 = a % b, x0 = 0, x1 = 1;
    while (r1 > 0) {
        const int64_t q = r0 / r1, r = r0 - q * r1, next = x0 - q * x1;
        r0 = r1, r1 = r;
        x0 = x1, x1 = next;
    }
    *x = x0 < 0 ? x0 + b : x0;
    return r0;
}

int64_t lw_conv_axis_taps(const lw_conv_axis *axis, int32_t phase)
{
    if (!axis->backward || axis->stride == 1) return axis->kernel;
    // The places p with p * dilation = phase + pad modulo stride: every `period`-th, if any.
    int64_t inverse;
    const int64_t divisor = common_divisor(axis->dilation, axis->stride, &inverse);
    const int64_t period = axis->stride / divisor, target = (int64_t)phase + axis->pad;
    if (target % divisor != 0) return 0;
    const int64_t first = target / divisor % period * (inverse % period) % period;
    return first < axis->kernel ? (axis->kernel - 1 - first) / period + 1 : 0;
}
