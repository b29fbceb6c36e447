// SPDX-License-Identifier: Apache-2.0
// unfold and fold as PyTorch defines them: the forms to read, and the fast ones.
#include "base/error.h"
#include "conv/plan.h"
#include "conv/unfold_rows.h"
#include "cpu/parallel.h"

#include <string.h>

// Sizes of a shape whose oc does not matter.
static lw_status unfold_sizes(const char *function, const lw_conv_shape *shape, const void *x,
                              const void *columns, lw_conv_sizes *sizes)
{
    if (!shape || !x || !columns)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: shape, x or columns is NULL", function);
    lw_conv_shape any_oc = *shape;
    any_oc.oc = 1;
    LW_TRY(lw_conv_sizes_of(&any_oc, sizes));
    // As many floats as there are multiply-adds with one output channel.
    if (lw_conv_shape_macs(&any_oc) > PTRDIFF_MAX / (int64_t)sizeof(float))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the columns are larger than memory can be",
                       function);
    return LW_OK;
}

// The pixel of x behind columns[n][(ic, kh, kw)][(oh, ow)], or -1 where that is padding.
static int64_t pixel_behind(const lw_conv_shape *s, int64_t n, int32_t ic, int32_t kh, int32_t kw,
                            int32_t oh, int32_t ow)
{
    int64_t ih = (int64_t)oh * s->stride_h + (int64_t)kh * s->dilation_h - s->pad_h;
    int64_t iw = (int64_t)ow * s->stride_w + (int64_t)kw * s->dilation_w - s->pad_w;
    if (ih < 0 || ih >= s->ih || iw < 0 || iw >= s->iw) return -1;
    return ((n * s->ic + ic) * s->ih + ih) * s->iw + iw;
}

lw_status lw_unfold_reference(const lw_conv_shape *shape, const float *x, float *columns)
{
    lw_conv_sizes sizes;
    LW_TRY(unfold_sizes("lw_unfold_reference", shape, x, columns, &sizes));
    const lw_conv_shape *s = &sizes.shape;
    float *column = columns;
    for (int32_t n = 0; n < s->n; n++)
        for (int32_t ic = 0; ic < s->ic; ic++)
            for (int32_t kh = 0; kh < s->kh; kh++)
                for (int32_t kw = 0; kw < s->kw; kw++)
                    for (int32_t oh = 0; oh < sizes.oh; oh++)
                        for (int32_t ow = 0; ow < sizes.ow; ow++) {
                            int64_t pixel = pixel_behind(s, n, ic, kh, kw, oh, ow);
                            *column++ = pixel < 0 ? 0.0f : x[pixel];
                        }
    return LW_OK;
}

// The sum of one image's columns over every tap and position that sees pixel (ih, iw).
static double sum_over_taps(const lw_conv_sizes *sizes, const float *columns, int32_t ic,
                            int64_t ih, int64_t iw)
{
    const lw_conv_shape *s = &sizes->shape;
    double sum = 0.0;
    for (int32_t kh = 0; kh < s->kh; kh++)
        for (int32_t kw = 0; kw < s->kw; kw++) {
            int64_t down = ih + s->pad_h - (int64_t)kh * s->dilation_h;
            int64_t right = iw + s->pad_w - (int64_t)kw * s->dilation_w;
            if (down < 0 || down % s->stride_h || down / s->stride_h >= sizes->oh) continue;
            if (right < 0 || right % s->stride_w || right / s->stride_w >= sizes->ow) continue;
            int64_t row = ((int64_t)ic * s->kh + kh) * s->kw + kw;
            int64_t position = down / s->stride_h * sizes->ow + right / s->stride_w;
            sum += (double)columns[row * sizes->positions + position];
        }
    return sum;
}

lw_status lw_fold_reference(const lw_conv_shape *shape, const float *columns, float *x)
{
    lw_conv_sizes sizes;
    LW_TRY(unfold_sizes("lw_fold_reference", shape, x, columns, &sizes));
    const lw_conv_shape *s = &sizes.shape;
    for (int64_t n = 0; n < s->n; n++) {
        const float *of_image = columns + n * sizes.depth * sizes.positions;
        for (int32_t ic = 0; ic < s->ic; ic++)
            for (int32_t ih = 0; ih < s->ih; ih++)
                for (int32_t iw = 0; iw < s->iw; iw++)
                    x[((n * s->ic + ic) * s->ih + ih) * s->iw + iw] =
                        (float)sum_over_taps(&sizes, of_image, ic, ih, iw);
    }
    return LW_OK;
}

// The fast forms: threads take turns at the planes of x, each with its kh * kw rows of the columns.
typedef struct unfold_job {
    lw_conv_sizes sizes;
    const float *read_x, *read_columns;
    float *write_x, *write_columns;
} unfold_job;

static void unfold_planes(void *context, int32_t thread, int32_t threads)
{
    const unfold_job *job = context;
    const lw_conv_shape *s = &job->sizes.shape;
    const lw_conv_rectangle whole = lw_conv_whole_map(&job->sizes);
    const int64_t planes = (int64_t)s->n * s->ic, pixels = lw_conv_input_plane(s);
    const int64_t rows_floats = job->sizes.taps * job->sizes.positions;
    for (int64_t plane = thread; plane < planes; plane += threads) {
        float *row = job->write_columns + plane * rows_floats;
        // Another thread writes what is behind this plane's rows.
        const float *row_end = row + rows_floats;
        for (int32_t kh = 0; kh < s->kh; kh++)
            for (int32_t kw = 0; kw < s->kw; kw++, row += job->sizes.positions)
                lw_conv_unfold_row(&job->sizes, job->read_x + plane * pixels,
                                   job->read_x + planes * pixels, kh, kw, &whole, row, row_end);
    }
}

static void fold_planes(void *context, int32_t thread, int32_t threads)
{
    const unfold_job *job = context;
    const lw_conv_shape *s = &job->sizes.shape;
    const lw_conv_rectangle whole = lw_conv_whole_map(&job->sizes);
    const int64_t planes = (int64_t)s->n * s->ic, pixels = lw_conv_input_plane(s);
    for (int64_t plane = thread; plane < planes; plane += threads) {
        float *to = job->write_x + plane * pixels;
        const float *row = job->read_columns + plane * job->sizes.taps * job->sizes.positions;
        memset(to, 0, (size_t)pixels * sizeof *to);
        for (int32_t kh = 0; kh < s->kh; kh++)
            for (int32_t kw = 0; kw < s->kw; kw++, row += job->sizes.positions)
                lw_conv_fold_row(&job->sizes, to, kh, kw, &whole, row);
    }
}

// The threads asked for, or as many as the work is worth.
static lw_status choose_threads(const char *function, const lw_conv_sizes *sizes, int32_t asked,
                                int32_t *threads)
{
    LW_TRY(lw_conv_resolve_threads(function, asked, threads));
    double floats = (double)sizes->shape.n * (double)sizes->depth * (double)sizes->positions;
    if (asked == 0) *threads = lw_conv_worthwhile_threads(*threads, floats);
    return LW_OK;
}

lw_status lw_unfold(const lw_conv_shape *shape, const float *x, float *columns, int32_t threads)
{
    unfold_job job = {.read_x = x, .write_columns = columns};
    LW_TRY(unfold_sizes("lw_unfold", shape, x, columns, &job.sizes));
    LW_TRY(choose_threads("lw_unfold", &job.sizes, threads, &threads));
    lw_parallel_run(threads, unfold_planes, &job);
    return LW_OK;
}

lw_status lw_fold(const lw_conv_shape *shape, const float *columns, float *x, int32_t threads)
{
    unfold_job job = {.write_x = x, .read_columns = columns};
    LW_TRY(unfold_sizes("lw_fold", shape, x, columns, &job.sizes));
    LW_TRY(choose_threads("lw_fold", &job.sizes, threads, &threads));
    lw_parallel_run(threads, fold_planes, &job);
    return LW_OK;
}
