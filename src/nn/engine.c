// SPDX-License-Identifier: Apache-2.0
// The forward and backward walk over the stages of a plan.
#include "nn/engine.h"

#include "base/rng.h"
#include "cpu/kernel_table.h"

#include <string.h>

// One stage with the addresses of what it works on; the maps' interiors except where noted.
typedef struct step {
    const lw_stage *stage;
    const lw_map *in, *out;
    float *x_halo, *x, *y;    // x_halo: from the halo's first pixel
    float *dx_halo, *dx, *dy; // dx: NULL for the image
    lw_planes *planes;
    float *winners;
    lw_plain_call plain; // for passes that run on plain arrays
} step;

static step step_at(const lw_workspace *workspace, size_t i)
{
    const lw_plan *plan = workspace->plan;
    step s = {.stage = &plan->stages[i], .in = &plan->maps[i], .out = &plan->maps[i + 1]};
    s.x_halo = workspace->values[i];
    s.x = s.x_halo + s.in->origin;
    s.y = workspace->values[i + 1] + s.out->origin;
    s.dx_halo = workspace->gradients[i];
    s.dx = s.dx_halo ? s.dx_halo + s.in->origin : NULL;
    s.dy = workspace->gradients[i + 1] ? workspace->gradients[i + 1] + s.out->origin : NULL;
    s.planes = workspace->planes[i];
    s.winners = workspace->winners[i];
    s.plain = (lw_plain_call){s.stage, s.in, s.out, s.stage->plain, &workspace->plain[i]};
    return s;
}

// ---- elementwise stages -------------------------------------------------------------------------

static int64_t row_floats(const lw_map *map)
{
    return map->extent.width * map->pixel;
}

static void draw_dropout_factors(const step *s, lw_rng *rng)
{
    float keep = 1.0f - s->stage->probability, factor = 1.0f / keep;
    for (int32_t h = 0; h < s->in->extent.height; h++)
        for (int32_t w = 0; w < s->in->extent.width; w++) {
            float *pixel = s->winners + h * row_floats(s->in) + w * s->in->pixel;
            memset(pixel, 0, (size_t)s->in->pixel * sizeof *pixel);
            for (int32_t c = 0; c < s->in->extent.channels; c++)
                pixel[c] = lw_rng_uniform(rng) < keep ? factor : 0.0f;
        }
}

static void forward_dropout(const step *s, lw_rng *rng)
{
    if (rng) draw_dropout_factors(s, rng);
    for (int32_t h = 0; h < s->in->extent.height; h++) {
        const float *x = s->x + h * s->in->row;
        float *y = s->y + h * s->out->row;
        if (rng)
            lw_kernels()->multiply(row_floats(s->in), x, s->winners + h * row_floats(s->in), y);
        else
            memcpy(y, x, (size_t)row_floats(s->in) * sizeof *y);
    }
}

static void backward_dropout(const step *s, bool active)
{
    for (int32_t h = 0; h < s->in->extent.height; h++) {
        const float *dy = s->dy + h * s->out->row;
        float *dx = s->dx + h * s->in->row;
        if (active)
            lw_kernels()->multiply(row_floats(s->in), dy, s->winners + h * row_floats(s->in), dx);
        else
            memcpy(dx, dy, (size_t)row_floats(s->in) * sizeof *dx);
    }
}

static void forward_relu(const step *s)
{
    for (int32_t h = 0; h < s->in->extent.height; h++)
        lw_kernels()->relu_forward(row_floats(s->in), s->x + h * s->in->row,
                                   s->y + h * s->out->row);
}

static void backward_relu(const step *s)
{
    for (int32_t h = 0; h < s->in->extent.height; h++)
        lw_kernels()->relu_backward(row_floats(s->in), s->y + h * s->out->row,
                                    s->dy + h * s->out->row, s->dx + h * s->in->row);
}

// ---- stages with weights ------------------------------------------------------------------------

// True when this pass of a convolution was given another algorithm than the stage's own kernels.
static bool runs_plain(const step *s, lw_conv_pass pass)
{
    return s->stage->plain && s->stage->plain->plans[pass];
}

static void forward_weights(const step *s, lw_parameter_view parameters)
{
    const lw_layer_weights *weights = s->stage->weights;
    const float *values = parameters.values + weights->weights_offset;
    const float *bias = parameters.values + weights->bias_offset;
    if (weights->linear) {
        int32_t in = (int32_t)(weights->weights_floats / weights->out);
        lw_kernels()->linear_forward(in, weights->out, s->x, values, bias, s->stage->relu, s->y);
        return;
    }
    if (runs_plain(s, LW_CONV_FORWARD)) {
        lw_plain_forward(&s->plain, s->x, values, bias, parameters.version, s->y, s->planes);
        return;
    }
    const float *packed = weights->conv.first ? values : parameters.packed + weights->packed_offset;
    lw_kernels()->conv_forward(&s->stage->conv, s->x_halo, packed, bias, s->y, s->planes);
}

static void backward_linear(const step *s, const float *values, float *dweights, float *dbias)
{
    const lw_layer_weights *weights = s->stage->weights;
    const lw_kernel_table *kernels = lw_kernels();
    int32_t in = (int32_t)(weights->weights_floats / weights->out);
    if (s->stage->relu) kernels->relu_backward(weights->bias_floats, s->y, s->dy, s->dy);
    kernels->linear_backward_weights(in, weights->out, s->x, s->dy, dweights, dbias);
    if (s->dx) kernels->linear_backward_data(in, weights->out, s->dy, values, s->dx);
}

static void backward_conv(const step *s, const float *values, uint64_t version, float *dweights,
                          float *dbias, void *scratch)
{
    const lw_conv_geometry *g = &s->stage->conv;
    const lw_kernel_table *kernels = lw_kernels();
    if (runs_plain(s, LW_CONV_BACKWARD_WEIGHTS))
        lw_plain_backward_weights(&s->plain, s->x, s->dy, s->planes, dweights, dbias);
    else if (s->stage->weights->conv.first)
        kernels->conv_backward_weights_first(g, s->x_halo, s->dy, s->planes, dweights, dbias);
    else
        kernels->conv_backward_weights(g, s->x_halo, s->dy, s->planes, dweights, dbias, scratch);
    if (!s->dx) return;
    if (runs_plain(s, LW_CONV_BACKWARD_DATA)) {
        lw_plain_backward_data(&s->plain, s->dy, s->planes, values, version, s->dx);
        return;
    }
    memset(s->dx_halo, 0, (size_t)s->in->floats * sizeof *s->dx_halo);
    kernels->conv_backward_data(g, s->dy, s->planes, values, s->dx_halo, scratch);
}

// ---- the walk -----------------------------------------------------------------------------------

const float *lw_engine_forward(lw_workspace *workspace, lw_parameter_view parameters,
                               const lw_dropout_key *dropout)
{
    const lw_plan *plan = workspace->plan;
    lw_rng rng = {0};
    if (dropout)
        rng = lw_rng_stream(dropout->seed, LW_RNG_DROPOUT, dropout->epoch, dropout->sample);
    for (size_t i = 0; i < plan->n_stages; i++) {
        step s = step_at(workspace, i);
        switch (s.stage->kind) {
        case LW_STAGE_CONV:
        case LW_STAGE_LINEAR: forward_weights(&s, parameters); break;
        case LW_STAGE_MAXPOOL:
            lw_kernels()->maxpool_forward(&s.stage->pool, s.x, s.y, s.winners);
            break;
        case LW_STAGE_AVGPOOL: lw_kernels()->avgpool_forward(&s.stage->pool, s.x, s.y); break;
        case LW_STAGE_RELU: forward_relu(&s); break;
        case LW_STAGE_DROPOUT: forward_dropout(&s, dropout ? &rng : NULL); break;
        }
    }
    workspace->dropout_active = dropout != NULL;
    return workspace->values[plan->n_stages] + plan->maps[plan->n_stages].origin;
}

static void backward_stage(const lw_workspace *workspace, const step *s,
                           lw_parameter_view parameters, float *gradients)
{
    const lw_layer_weights *weights = s->stage->weights;
    if (weights) {
        const float *values = parameters.values + weights->weights_offset;
        float *dweights = gradients + weights->weights_offset;
        float *dbias = gradients + weights->bias_offset;
        if (weights->linear)
            backward_linear(s, values, dweights, dbias);
        else
            backward_conv(s, values, parameters.version, dweights, dbias, workspace->scratch);
        return;
    }
    if (!s->dx) return; // nobody wants the gradient of the image
    if (s->stage->kind == LW_STAGE_MAXPOOL || s->stage->kind == LW_STAGE_AVGPOOL)
        memset(s->dx_halo, 0, (size_t)s->in->floats * sizeof *s->dx_halo);
    switch (s->stage->kind) {
    case LW_STAGE_MAXPOOL:
        lw_kernels()->maxpool_backward(&s->stage->pool, s->dy, s->winners, s->dx);
        break;
    case LW_STAGE_AVGPOOL: lw_kernels()->avgpool_backward(&s->stage->pool, s->dy, s->dx); break;
    case LW_STAGE_RELU: backward_relu(s); break;
    case LW_STAGE_DROPOUT: backward_dropout(s, workspace->dropout_active); break;
    case LW_STAGE_CONV:
    case LW_STAGE_LINEAR: break; // done above
    }
}

void lw_engine_backward(lw_workspace *workspace, lw_parameter_view parameters, float *gradients)
{
    for (size_t i = workspace->plan->n_stages; i-- > 0;) {
        step s = step_at(workspace, i);
        backward_stage(workspace, &s, parameters, gradients);
    }
}
