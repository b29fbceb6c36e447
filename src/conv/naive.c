// SPDX-License-Identifier: Apache-2.0
// Convolution as its definition reads: seven nested loops, one scalar multiply-add at a time,
// summed in double. It is the oracle of the tests and the baseline of every comparison, so it stays
// naive: the build switches vectorisation off for this file, and nothing here is clever. Threads
// take turns at the two outermost loops; every output is computed by one thread alone.
#include "conv/list.h"
#include "cpu/parallel.h"

typedef struct naive_job {
    const lw_conv_problem *problem;
    const lw_conv_arrays *arrays;
} naive_job;

// One element of an array of maps.
static int64_t at(const lw_conv_map *map, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return map->origin + n * map->image + c * map->channel + h * map->row + w * map->pixel;
}

// The input row or column under tap k of output o; outside of the input it falls on padding.
static int64_t input_index(int32_t o, int32_t stride, int32_t k, int32_t dilation, int32_t pad)
{
    return (int64_t)o * stride + (int64_t)k * dilation - pad;
}

static void forward(void *context, int32_t thread, int32_t threads)
{
    const naive_job *job = context;
    const lw_conv_shape s = job->problem->sizes.shape;
    const int32_t OH = job->problem->sizes.oh, OW = job->problem->sizes.ow;
    const lw_conv_map X = job->problem->x, Y = job->problem->y;
    const lw_conv_arrays *a = job->arrays;

    for (int64_t item = thread; item < (int64_t)s.n * s.oc; item += threads) {
        int64_t n = item / s.oc, oc = item % s.oc;
        for (int32_t oh = 0; oh < OH; oh++)
            for (int32_t ow = 0; ow < OW; ow++) {
                double sum = a->bias ? (double)a->bias[oc] : 0.0;
                for (int32_t ic = 0; ic < s.ic; ic++)
                    for (int32_t kh = 0; kh < s.kh; kh++)
                        for (int32_t kw = 0; kw < s.kw; kw++) {
                            int64_t ih = input_index(oh, s.stride_h, kh, s.dilation_h, s.pad_h);
                            int64_t iw = input_index(ow, s.stride_w, kw, s.dilation_w, s.pad_w);
                            if (ih < 0 || ih >= s.ih || iw < 0 || iw >= s.iw) continue;
                            float x = a->x[at(&X, n, ic, ih, iw)];
                            float weight = a->weights[((oc * s.ic + ic) * s.kh + kh) * s.kw + kw];
                            sum += (double)x * (double)weight;
                        }
                a->y[at(&Y, n, oc, oh, ow)] = (float)sum;
            }
    }
}

// The output whose tap k lies on input i: (i + pad - k * dilation) / stride, where that is whole
// and there is such an output; -1 otherwise.
static int64_t output_index(int32_t i, int32_t stride, int32_t k, int32_t dilation, int32_t pad,
                            int32_t outputs)
{
    int64_t scaled = (int64_t)i + pad - (int64_t)k * dilation;
    if (scaled < 0 || scaled % stride != 0 || scaled / stride >= outputs) return -1;
    return scaled / stride;
}

static void backward_data(void *context, int32_t thread, int32_t threads)
{
    const naive_job *job = context;
    const lw_conv_shape s = job->problem->sizes.shape;
    const int32_t OH = job->problem->sizes.oh, OW = job->problem->sizes.ow;
    const lw_conv_map X = job->problem->x, Y = job->problem->y;
    const lw_conv_arrays *a = job->arrays;

    for (int64_t item = thread; item < (int64_t)s.n * s.ic; item += threads) {
        int64_t n = item / s.ic, ic = item % s.ic;
        for (int32_t ih = 0; ih < s.ih; ih++)
            for (int32_t iw = 0; iw < s.iw; iw++) {
                double sum = 0.0;
                for (int32_t oc = 0; oc < s.oc; oc++)
                    for (int32_t kh = 0; kh < s.kh; kh++)
                        for (int32_t kw = 0; kw < s.kw; kw++) {
                            int64_t oh =
                                output_index(ih, s.stride_h, kh, s.dilation_h, s.pad_h, OH);
                            int64_t ow =
                                output_index(iw, s.stride_w, kw, s.dilation_w, s.pad_w, OW);
                            if (oh < 0 || ow < 0) continue;
                            float dy = a->dy[at(&Y, n, oc, oh, ow)];
                            float weight = a->weights[((oc * s.ic + ic) * s.kh + kh) * s.kw + kw];
                            sum += (double)dy * (double)weight;
                        }
                a->dx[at(&X, n, ic, ih, iw)] = (float)sum;
            }
    }
}

static void backward_bias(const naive_job *job, int64_t oc)
{
    const lw_conv_shape s = job->problem->sizes.shape;
    const int32_t OH = job->problem->sizes.oh, OW = job->problem->sizes.ow;
    double sum = 0.0;
    for (int64_t n = 0; n < s.n; n++)
        for (int32_t oh = 0; oh < OH; oh++)
            for (int32_t ow = 0; ow < OW; ow++)
                sum += (double)job->arrays->dy[at(&job->problem->y, n, oc, oh, ow)];
    job->arrays->dbias[oc] = (float)sum;
}

static void backward_weights(void *context, int32_t thread, int32_t threads)
{
    const naive_job *job = context;
    const lw_conv_shape s = job->problem->sizes.shape;
    const int32_t OH = job->problem->sizes.oh, OW = job->problem->sizes.ow;
    const lw_conv_map X = job->problem->x, Y = job->problem->y;
    const lw_conv_arrays *a = job->arrays;

    for (int64_t item = thread; item < (int64_t)s.oc * s.ic; item += threads) {
        int64_t oc = item / s.ic, ic = item % s.ic;
        if (ic == 0 && a->dbias) backward_bias(job, oc);
        for (int32_t kh = 0; kh < s.kh; kh++)
            for (int32_t kw = 0; kw < s.kw; kw++) {
                double sum = 0.0;
                for (int64_t n = 0; n < s.n; n++)
                    for (int32_t oh = 0; oh < OH; oh++)
                        for (int32_t ow = 0; ow < OW; ow++) {
                            int64_t ih = input_index(oh, s.stride_h, kh, s.dilation_h, s.pad_h);
                            int64_t iw = input_index(ow, s.stride_w, kw, s.dilation_w, s.pad_w);
                            if (ih < 0 || ih >= s.ih || iw < 0 || iw >= s.iw) continue;
                            float x = a->x[at(&X, n, ic, ih, iw)];
                            float dy = a->dy[at(&Y, n, oc, oh, ow)];
                            sum += (double)x * (double)dy;
                        }
                a->dweights[((oc * s.ic + ic) * s.kh + kh) * s.kw + kw] = (float)sum;
            }
    }
}

static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    // A double addition has a latency of 4 cycles, and each waits for the one before; the two
    // divisions of backward-data take longer than that.
    const double cycles_per_mac = problem->pass == LW_CONV_BACKWARD_DATA ? 8.0 : 4.0;
    answer->possible = true;
    answer->cycles = cycles_per_mac * (double)lw_conv_shape_macs(&problem->sizes.shape);
}

// Zeros for the spare channels of what is written.
static void clear_spare_channels(const lw_conv_map *map, int32_t images, float *array)
{
    for (int64_t n = 0; n < images; n++)
        for (int32_t h = 0; h < map->height; h++)
            for (int32_t w = 0; w < map->width; w++)
                for (int32_t c = map->channels; c < map->padded_channels; c++)
                    array[at(map, n, c, h, w)] = 0.0f;
}

static void execute(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace)
{
    (void)workspace;
    naive_job job = {problem, arrays};
    if (arrays->y) clear_spare_channels(&problem->y, problem->sizes.shape.n, arrays->y);
    if (arrays->dx) clear_spare_channels(&problem->x, problem->sizes.shape.n, arrays->dx);
    void (*const body[])(void *, int32_t, int32_t) = {forward, backward_data, backward_weights};
    lw_parallel_run(problem->threads, body[problem->pass], &job);
}

const lw_conv_implementation lw_conv_naive = {
    .algorithm = LW_CONV_ALGORITHM_NAIVE, .consider = consider, .execute = execute};
