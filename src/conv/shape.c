// SPDX-License-Identifier: Apache-2.0
// Convolution shapes: what is valid, and which sizes follow.
#include "conv/shape.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

// One axis of a shape, with the words of the shape's fields for messages.
typedef struct conv_axis {
    const char *suffix; // "_h" or "_w"
    const char *input, *kernel_name;
    int32_t in, kernel, stride, pad, dilation;
} conv_axis;

static lw_status check_positive(const char *field, int32_t value)
{
    if (value >= 1) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "convolution shape: %s: expected at least 1, got %d", field,
                   value);
}

static lw_status check_axis_field(const char *name, const char *suffix, int32_t value,
                                  int32_t smallest)
{
    if (value >= smallest) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "convolution shape: %s%s: expected at least %d, got %d", name,
                   suffix, smallest, value);
}

// The output size along one axis.
static lw_status output_along(const conv_axis *axis, int32_t *out)
{
    *out = 0;
    LW_TRY(check_positive(axis->input, axis->in));
    LW_TRY(check_positive(axis->kernel_name, axis->kernel));
    LW_TRY(check_axis_field("stride", axis->suffix, axis->stride, 1));
    LW_TRY(check_axis_field("pad", axis->suffix, axis->pad, 0));
    LW_TRY(check_axis_field("dilation", axis->suffix, axis->dilation, 1));
    // 64 bits hold every value here: the products are of two 31-bit numbers.
    int64_t padded = axis->in + 2 * (int64_t)axis->pad;
    int64_t extent = (int64_t)axis->dilation * (axis->kernel - 1) + 1;
    if (padded > INT32_MAX)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "convolution shape: %s %d with padding %d: the padded input has more than "
                       "2^31 - 1 pixels along one side", axis->input, axis->in, axis->pad);
    if (extent > padded)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "convolution shape: the kernel is larger than the padded input: %s %d with "
                       "dilation %d covers %lld pixels, %s %d with padding %d has %lld",
                       axis->kernel_name, axis->kernel, axis->dilation, (long long)extent,
                       axis->input, axis->in, axis->pad, (long long)padded);
    *out = (int32_t)((padded - extent) / axis->stride + 1);
    return LW_OK;
}

lw_status lw_conv_output_size(int32_t in, int32_t kernel, int32_t stride, int32_t pad,
                              int32_t dilation, int32_t *out)
{
    if (!out) return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_output_size: out is NULL");
    conv_axis axis = {"", "input size", "kernel size", in, kernel, stride, pad, dilation};
    return output_along(&axis, out);
}

// Refuses an array of a * b * c * d floats that no address space could hold.
static lw_status check_array(const char *name, const int32_t extent[4])
{
    size_t bytes = sizeof(float);
    for (int i = 0; i < 4; i++)
        if (!lw_size_multiply(bytes, (size_t)extent[i], &bytes) || bytes > PTRDIFF_MAX)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "convolution shape: %s (%d x %d x %d x %d) is larger than memory can be",
                           name, extent[0], extent[1], extent[2], extent[3]);
    return LW_OK;
}

// n*oc*oh*ow*ic*kh*kw, or -1 when that does not fit.
static int64_t count_macs(const lw_conv_shape *shape, int32_t oh, int32_t ow)
{
    const int32_t factors[] = {shape->n, shape->oc, oh, ow, shape->ic, shape->kh, shape->kw};
    int64_t macs = 1;
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (__builtin_mul_overflow(macs, (int64_t)factors[i], &macs)) return -1;
    return macs;
}

lw_status lw_conv_sizes_of(const lw_conv_shape *shape, lw_conv_sizes *sizes)
{
    memset(sizes, 0, sizeof *sizes);
    if (!shape) return lw_fail(LW_ERROR_ARGUMENT, "convolution shape: the shape is NULL");
    LW_TRY(check_positive("n", shape->n));
    LW_TRY(check_positive("ic", shape->ic));
    LW_TRY(check_positive("oc", shape->oc));
    int32_t oh, ow;
    conv_axis rows = {"_h", "ih", "kh", shape->ih, shape->kh, shape->stride_h, shape->pad_h,
                      shape->dilation_h};
    conv_axis columns = {"_w", "iw", "kw", shape->iw, shape->kw, shape->stride_w, shape->pad_w,
                         shape->dilation_w};
    LW_TRY(output_along(&rows, &oh));
    LW_TRY(output_along(&columns, &ow));
    LW_TRY(check_array("the input", (int32_t[4]){shape->n, shape->ic, shape->ih, shape->iw}));
    LW_TRY(check_array("the weights", (int32_t[4]){shape->oc, shape->ic, shape->kh, shape->kw}));
    LW_TRY(check_array("the output", (int32_t[4]){shape->n, shape->oc, oh, ow}));
    if (count_macs(shape, oh, ow) < 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "convolution shape: the number of multiply-adds does not fit 63 bits");
    sizes->shape = *shape;
    sizes->oh = oh;
    sizes->ow = ow;
    sizes->positions = (int64_t)oh * ow;
    sizes->taps = (int64_t)shape->kh * shape->kw;
    sizes->depth = sizes->taps * shape->ic;
    return LW_OK;
}

lw_status lw_conv_shape_check(const lw_conv_shape *shape)
{
    lw_conv_sizes sizes;
    return lw_conv_sizes_of(shape, &sizes);
}

lw_status lw_conv_shape_output(const lw_conv_shape *shape, int32_t *oh, int32_t *ow)
{
    if (!oh || !ow) return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_shape_output: oh or ow is NULL");
    lw_conv_sizes sizes;
    lw_status status = lw_conv_sizes_of(shape, &sizes);
    *oh = sizes.oh;
    *ow = sizes.ow;
    return status;
}

int64_t lw_conv_shape_macs(const lw_conv_shape *shape)
{
    lw_conv_sizes sizes;
    if (lw_conv_sizes_of(shape, &sizes)) return 0;
    return count_macs(shape, sizes.oh, sizes.ow);
}
