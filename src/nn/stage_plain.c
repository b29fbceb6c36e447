// SPDX-License-Identifier: Apache-2.0
#include "nn/stage_plain.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- plans --------------------------------------------------------------------------------------

static lw_status make_plans(lw_plain_stage *plain, const lw_conv_algorithm forced[LW_N_PASSES])
{
    for (int pass = 0; pass < LW_N_PASSES; pass++) {
        if (forced[pass] == LW_CONV_ALGORITHM_AUTO || forced[pass] == LW_CONV_ALGORITHM_DIRECT)
            continue;
        // One thread: a stage runs on the thread that has the image.
        lw_conv_options options = {.algorithm = forced[pass], .threads = 1};
        LW_TRY(
            lw_conv_plan_create(&plain->plans[pass], &plain->shape, (lw_conv_pass)pass, &options));
        size_t bytes = lw_conv_plan_workspace_bytes(plain->plans[pass]);
        if (bytes > plain->workspace_bytes) plain->workspace_bytes = bytes;
    }
    return LW_OK;
}

lw_status lw_plain_stage_create(lw_plain_stage **plain, const lw_stage *stage, lw_extent in,
                                int32_t pad_h, int32_t pad_w,
                                const lw_conv_algorithm forced[LW_N_PASSES])
{
    *plain = NULL;
    bool any = false;
    for (int pass = 0; pass < LW_N_PASSES; pass++)
        any = any ||
              (forced[pass] != LW_CONV_ALGORITHM_AUTO && forced[pass] != LW_CONV_ALGORITHM_DIRECT);
    if (!any) return LW_OK;
    lw_plain_stage *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for the plans of a convolution");
    const lw_conv_geometry *g = &stage->conv;
    made->shape = (lw_conv_shape){
        .n = 1,
        .ic = g->ic,
        .ih = in.height,
        .iw = in.width,
        .oc = g->oc,
        .kh = g->kh,
        .kw = g->kw,
        .stride_h = g->stride_h,
        .stride_w = g->stride_w,
        .pad_h = pad_h,
        .pad_w = pad_w,
        .dilation_h = g->dilation_h,
        .dilation_w = g->dilation_w,
    };
    lw_status status = make_plans(made, forced);
    int32_t oh = 0, ow = 0;
    if (!status)
        status = lw_conv_output_size(in.height, g->kh, g->stride_h, pad_h, g->dilation_h, &oh);
    if (!status)
        status = lw_conv_output_size(in.width, g->kw, g->stride_w, pad_w, g->dilation_w, &ow);
    if (status) {
        lw_plain_stage_destroy(&made);
        return status;
    }
    made->x_floats = (size_t)g->ic * (size_t)in.height * (size_t)in.width;
    made->y_floats = (size_t)g->oc * (size_t)oh * (size_t)ow;
    made->weights_floats = (size_t)g->oc * (size_t)g->ic * (size_t)g->kh * (size_t)g->kw;
    *plain = made;
    return LW_OK;
}

void lw_plain_stage_destroy(lw_plain_stage **plain)
{
    if (!*plain) return;
    for (int pass = 0; pass < LW_N_PASSES; pass++) lw_conv_plan_destroy(&(*plain)->plans[pass]);
    free(*plain);
    *plain = NULL;
}

const char *lw_stage_algorithm_name(const lw_stage *stage, lw_conv_pass pass)
{
    if (stage->plain && stage->plain->plans[pass])
        return lw_conv_plan_algorithm(stage->plain->plans[pass]);
    if (stage->winograd[pass])
        return lw_conv_algorithm_name(LW_CONV_ALGORITHM_WINOGRAD);
    return lw_conv_algorithm_name(LW_CONV_ALGORITHM_DIRECT);
}

// ---- copies -------------------------------------------------------------------------------------

// The interior of a channels-last map to (c, h, w).
static void copy_to_plain(const lw_map *map, const float *from, float *to)
{
    for (int32_t c = 0; c < map->extent.channels; c++)
        for (int32_t h = 0; h < map->height; h++)
            for (int32_t w = 0; w < map->width; w++)
                *to++ = from[h * map->row + w * map->pixel + c];
}

static void copy_from_plain(const lw_map *map, const float *from, float *to)
{
    for (int32_t c = 0; c < map->extent.channels; c++)
        for (int32_t h = 0; h < map->height; h++)
            for (int32_t w = 0; w < map->width; w++)
                to[h * map->row + w * map->pixel + c] = *from++;
}

static const float *plain_weights(const lw_plain_call *call, const float *values, uint64_t version)
{
    if (call->buffers->version != version) {
        lw_conv_direct_export(&call->stage->weights->conv, values, call->buffers->weights);
        call->buffers->version = version;
    }
    return call->buffers->weights;
}

// ---- ReLU and pool ------------------------------------------------------------------------------

// The output size before the pool.
static void conv_output(const lw_plain_call *call, int32_t *oh, int32_t *ow)
{
    const lw_conv_shape *s = &call->plain->shape;
    lw_conv_output_size(s->ih, s->kh, s->stride_h, s->pad_h, s->dilation_h, oh);
    lw_conv_output_size(s->iw, s->kw, s->stride_w, s->pad_w, s->dilation_w, ow);
}

// Position of the winner of the window at (oh, ow) of channel map `y`, as 0 to 3 in reading order; the
// first of equals, as PyTorch takes it.
static int find_winner(const float *y, int32_t row_floats, int32_t oh, int32_t ow)
{
    int winner = 0;
    const float *window = y + (int64_t)2 * oh * row_floats + 2 * ow;
    for (int k = 1; k < 4; k++)
        if (window[(k >> 1) * row_floats + (k & 1)] >
            window[(winner >> 1) * row_floats + (winner & 1)])
            winner = k;
    return winner;
}

// From the convolution's output to the stage's: pool, ReLU, planes.
static void finish_forward(const lw_plain_call *call, float *y, lw_planes *planes)
{
    const lw_conv_geometry *g = &call->stage->conv;
    int32_t rows, columns;
    conv_output(call, &rows, &columns);
    memset(planes, 0, call->stage->planes * sizeof *planes);
    for (int32_t oc = 0; oc < g->oc; oc++) {
        const float *sums = call->buffers->y + (int64_t)oc * rows * columns;
        lw_planes *channel_planes = planes + (int64_t)(oc / LW_BLOCK) * g->oh * g->ow;
        uint16_t bit = (uint16_t)(1u << oc % LW_BLOCK);
        for (int32_t oh = 0; oh < g->oh; oh++)
            for (int32_t ow = 0; ow < g->ow; ow++) {
                int winner = g->pool ? find_winner(sums, columns, oh, ow) : 0;
                int32_t row = g->pool ? 2 * oh + (winner >> 1) : oh;
                int32_t column = g->pool ? 2 * ow + (winner & 1) : ow;
                float value = sums[(int64_t)row * columns + column];
                lw_planes *plane = &channel_planes[oh * g->ow + ow];
                if (!g->relu || value > 0.0f) plane->live = (uint16_t)(plane->live | bit);
                if (winner & 1) plane->right = (uint16_t)(plane->right | bit);
                if (winner & 2) plane->lower = (uint16_t)(plane->lower | bit);
                bool dead = g->relu && !(value > 0.0f) && !isnan(value);
                y[oh * g->y_row + ow * g->y_pixel + oc] = dead ? 0.0f : value;
            }
    }
}

// The gradient of the convolution's output: zero but for the live winners.
static void spread_gradient(const lw_plain_call *call, const float *dy, const lw_planes *planes)
{
    const lw_conv_geometry *g = &call->stage->conv;
    int32_t rows, columns;
    conv_output(call, &rows, &columns);
    memset(call->buffers->y, 0, call->plain->y_floats * sizeof(float));
    for (int32_t oc = 0; oc < g->oc; oc++) {
        float *gradient = call->buffers->y + (int64_t)oc * rows * columns;
        const lw_planes *channel_planes = planes + (int64_t)(oc / LW_BLOCK) * g->oh * g->ow;
        for (int32_t oh = 0; oh < g->oh; oh++)
            for (int32_t ow = 0; ow < g->ow; ow++) {
                lw_planes plane = channel_planes[oh * g->ow + ow];
                if (!(plane.live >> oc % LW_BLOCK & 1)) continue;
                int32_t row = g->pool ? 2 * oh + (plane.lower >> oc % LW_BLOCK & 1) : oh;
                int32_t column = g->pool ? 2 * ow + (plane.right >> oc % LW_BLOCK & 1) : ow;
                gradient[(int64_t)row * columns + column] =
                    dy[oh * g->dy_row + ow * g->dy_pixel + oc];
            }
    }
}

// ---- passes -------------------------------------------------------------------------------------
//
// The executions below can only fail on a NULL or on a plan of another pass, which cannot be here.

void lw_plain_forward(const lw_plain_call *call, const float *x, const float *values,
                      const float *bias, uint64_t version, float *y, lw_planes *planes)
{
    lw_plain_buffers *buffers = call->buffers;
    copy_to_plain(call->in, x, buffers->x);
    lw_conv_forward(call->plain->plans[LW_CONV_FORWARD], buffers->x,
                    plain_weights(call, values, version), bias, buffers->y, buffers->workspace);
    finish_forward(call, y, planes);
}

void lw_plain_backward_weights(const lw_plain_call *call, const float *x, const float *dy,
                               const lw_planes *planes, float *dweights, float *dbias)
{
    lw_plain_buffers *buffers = call->buffers;
    copy_to_plain(call->in, x, buffers->x);
    spread_gradient(call, dy, planes);
    lw_conv_backward_weights(call->plain->plans[LW_CONV_BACKWARD_WEIGHTS], buffers->x, buffers->y,
                             buffers->dweights, buffers->dbias, buffers->workspace);
    lw_conv_direct_accumulate(&call->stage->weights->conv, buffers->dweights, dweights);
    for (int32_t oc = 0; oc < call->stage->conv.oc; oc++) dbias[oc] += buffers->dbias[oc];
}

void lw_plain_backward_data(const lw_plain_call *call, const float *dy, const lw_planes *planes,
                            const float *values, uint64_t version, float *dx)
{
    lw_plain_buffers *buffers = call->buffers;
    spread_gradient(call, dy, planes);
    lw_conv_backward_data(call->plain->plans[LW_CONV_BACKWARD_DATA], buffers->y,
                          plain_weights(call, values, version), buffers->x, buffers->workspace);
    copy_from_plain(call->in, buffers->x, dx);
}
