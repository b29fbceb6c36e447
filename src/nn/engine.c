// SPDX-License-Identifier: Apache-2.0
// The forward and backward walk over the stages of a plan.
#include "nn/engine.h"

#include "base/rng.h"
#include "cpu/kernel_table.h"
#include "nn/stage_linear.h"
#include "nn/stage_winograd.h"
#include "nn/time_sheet.h"

#include <string.h>

// One stage with the addresses of what it works on for one image; the maps' interiors except where noted.
typedef struct step {
    const lw_stage *stage;
    const lw_map *in, *out;
    float *x_halo, *x, *y;    // x_halo: from the first pixel of the halo that the stage reads
    float *dx_halo, *dx, *dy; // dx: NULL for the image
    float *dx_start;          // of the whole map
    lw_planes *planes;
    float *winners;
    lw_plain_call plain; // for passes that run on plain arrays
    const lw_workspace *workspace;
    size_t index; // of the stage
} step;

static step step_at(const lw_workspace *workspace, size_t i, int32_t slot)
{
    const lw_plan *plan = workspace->plan;
    step s = {.stage = &plan->stages[i],
              .in = &plan->maps[i],
              .out = &plan->maps[i + 1],
              .workspace = workspace,
              .index = i};
    const int64_t in_image = slot * s.in->image, out_image = slot * s.out->image;
    // The halo that the stage reads may be a part of what the map has.
    const int64_t halo = s.stage->pad_h * s.in->row + s.stage->pad_w * s.in->pixel;
    s.x = workspace->values[i] + in_image + s.in->origin;
    s.x_halo = s.x - halo;
    s.y = workspace->values[i + 1] + out_image + s.out->origin;
    if (workspace->gradients[i]) {
        s.dx_start = workspace->gradients[i] + in_image;
        s.dx = s.dx_start + s.in->origin;
        s.dx_halo = s.dx - halo;
    }
    if (workspace->gradients[i + 1])
        s.dy = workspace->gradients[i + 1] + out_image + s.out->origin;
    if (workspace->planes[i])
        s.planes = workspace->planes[i] + (size_t)slot * s.stage->planes;
    if (workspace->winners[i])
        s.winners = workspace->winners[i] + (size_t)slot * s.stage->winner_floats;
    s.plain = (lw_plain_call){s.stage, s.in, s.out, s.stage->plain, &workspace->plain[i]};
    return s;
}

// Books the time of a pass of `images` images, where that is wanted.
static inline void book(const step *s, lw_conv_pass pass, int32_t images)
{
    if (s->workspace->times)
        lw_time_sheet_book_pass(s->workspace->times, s->workspace->plan, s->index, pass, images);
}

// ---- elementwise stages -------------------------------------------------------------------------

static int64_t row_floats(const lw_map *map)
{
    return map->width * map->pixel;
}

static void draw_dropout_factors(const step *s, lw_rng *rng)
{
    float keep = 1.0f - s->stage->probability, factor = 1.0f / keep;
    for (int32_t h = 0; h < s->in->height; h++)
        for (int32_t w = 0; w < s->in->width; w++) {
            float *pixel = s->winners + h * row_floats(s->in) + w * s->in->pixel;
            memset(pixel, 0, (size_t)s->in->pixel * sizeof *pixel);
            for (int32_t c = 0; c < s->in->extent.channels; c++)
                pixel[c] = lw_rng_uniform(rng) < keep ? factor : 0.0f;
        }
}

static void forward_dropout(const step *s, lw_rng *rng)
{
    if (rng) draw_dropout_factors(s, rng);
    for (int32_t h = 0; h < s->in->height; h++) {
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
    for (int32_t h = 0; h < s->in->height; h++) {
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
    for (int32_t h = 0; h < s->in->height; h++)
        lw_kernels()->relu_forward(row_floats(s->in), s->x + h * s->in->row,
                                   s->y + h * s->out->row);
}

static void backward_relu(const step *s)
{
    for (int32_t h = 0; h < s->in->height; h++)
        lw_kernels()->relu_backward(row_floats(s->in), s->y + h * s->out->row,
                                    s->dy + h * s->out->row, s->dx + h * s->in->row);
}

// ---- stages with weights ------------------------------------------------------------------------

// True when this pass of a convolution was given another algorithm than the stage's own kernels.
static bool runs_plain(const step *s, lw_conv_pass pass)
{
    return s->stage->plain && s->stage->plain->plans[pass];
}

static void forward_conv(const step *s, lw_parameter_view parameters)
{
    const lw_layer_weights *weights = s->stage->weights;
    const float *values = parameters.values + weights->weights_offset;
    const float *bias = parameters.values + weights->bias_offset;
    if (runs_plain(s, LW_CONV_FORWARD)) {
        lw_plain_forward(&s->plain, s->x, values, bias, parameters.version, s->y, s->planes);
        return;
    }
    const float *packed = weights->conv.first ? values : parameters.packed + weights->packed_offset;
    lw_kernels()->conv_forward(&s->stage->conv, s->x_halo, packed, bias, s->y, s->planes);
}

// True when backward-weights of a convolution follows the winners, of all images at once.
static bool sums_winners(const lw_stage *stage)
{
    return stage->kind == LW_STAGE_CONV && !stage->winograd[LW_CONV_BACKWARD_WEIGHTS] &&
           !stage->dense[LW_CONV_BACKWARD_WEIGHTS] &&
           !(stage->plain && stage->plain->plans[LW_CONV_BACKWARD_WEIGHTS]);
}

// True when this pass of a convolution takes all images of a group at once.
static bool runs_together(const lw_stage *stage, lw_conv_pass pass)
{
    return stage->winograd[pass] || stage->dense[pass] ||
           (pass == LW_CONV_BACKWARD_WEIGHTS && sums_winners(stage));
}

// The passes of a convolution that take one image at a time.
static void backward_conv(const step *s, const float *values, uint64_t version, float *dweights,
                          float *dbias, void *scratch)
{
    if (!runs_together(s->stage, LW_CONV_BACKWARD_WEIGHTS)) {
        lw_plain_backward_weights(&s->plain, s->x, s->dy, s->planes, dweights, dbias);
        book(s, LW_CONV_BACKWARD_WEIGHTS, 1);
    }
    if (!s->dx || runs_together(s->stage, LW_CONV_BACKWARD_DATA)) return;
    if (runs_plain(s, LW_CONV_BACKWARD_DATA)) {
        lw_plain_backward_data(&s->plain, s->dy, s->planes, values, version, s->dx);
    } else {
        memset(s->dx_start, 0, (size_t)s->in->floats * sizeof *s->dx_start);
        lw_kernels()->conv_backward_data(&s->stage->conv, s->dy, s->planes, values, s->dx_halo,
                                         scratch);
    }
    book(s, LW_CONV_BACKWARD_DATA, 1);
}

// ---- the walk -----------------------------------------------------------------------------------

static void forward_stage(const step *s, lw_parameter_view parameters, lw_rng *rng)
{
    switch (s->stage->kind) {
    case LW_STAGE_CONV: forward_conv(s, parameters); break;
    case LW_STAGE_LINEAR: break; // of all images at once
    case LW_STAGE_MAXPOOL:
        lw_kernels()->maxpool_forward(&s->stage->pool, s->x, s->y, s->winners);
        break;
    case LW_STAGE_AVGPOOL: lw_kernels()->avgpool_forward(&s->stage->pool, s->x, s->y); break;
    case LW_STAGE_RELU: forward_relu(s); break;
    case LW_STAGE_DROPOUT: forward_dropout(s, rng); break;
    }
}

static lw_winograd_call winograd_call(const lw_workspace *workspace, const step *s, int32_t images)
{
    return (lw_winograd_call){s->stage, s->in, s->out, images, workspace->winograd};
}

// A convolution by transformed tiles, of all images at once.
static void forward_winograd(const lw_workspace *workspace, size_t stage,
                             lw_parameter_view parameters, int32_t images)
{
    const step s = step_at(workspace, stage, 0);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_winograd_call call = winograd_call(workspace, &s, images);
    lw_winograd_stage_forward(&call, s.x_halo, parameters.packed + weights->filters_offset,
                              parameters.values + weights->bias_offset, s.y, s.planes);
    book(&s, LW_CONV_FORWARD, images);
}

// A linear layer, of all images at once.
static void forward_linear(const lw_workspace *workspace, size_t stage,
                           lw_parameter_view parameters, int32_t images)
{
    const step s = step_at(workspace, stage, 0);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_linear_call call = {s.stage, s.in, s.out, images};
    lw_linear_stage_forward(&call, s.x, parameters.values + weights->weights_offset,
                            parameters.values + weights->bias_offset, s.y);
    book(&s, LW_CONV_FORWARD, images);
}

void lw_engine_forward(lw_workspace *workspace, lw_parameter_view parameters, int32_t images,
                       const lw_dropout_key *dropout)
{
    lw_rng rngs[LW_GROUP_LIMIT] = {0};
    for (int32_t slot = 0; dropout && slot < images; slot++)
        rngs[slot] = lw_rng_stream(dropout[slot].seed, LW_RNG_DROPOUT, dropout[slot].epoch,
                                   dropout[slot].sample);
    for (size_t i = 0; i < workspace->plan->n_stages; i++) {
        if (workspace->plan->stages[i].winograd[LW_CONV_FORWARD]) {
            forward_winograd(workspace, i, parameters, images);
            continue;
        }
        if (workspace->plan->stages[i].kind == LW_STAGE_LINEAR) {
            forward_linear(workspace, i, parameters, images);
            continue;
        }
        for (int32_t slot = 0; slot < images; slot++) {
            step s = step_at(workspace, i, slot);
            forward_stage(&s, parameters, dropout ? &rngs[slot] : NULL);
        }
        if (workspace->times)
            lw_time_sheet_book_pass(workspace->times, workspace->plan, i, LW_CONV_FORWARD, images);
    }
    workspace->dropout_active = dropout != NULL;
}

const float *lw_engine_logits(const lw_workspace *workspace, int32_t slot)
{
    const lw_plan *plan = workspace->plan;
    const lw_map *map = &plan->maps[plan->n_stages];
    return workspace->values[plan->n_stages] + slot * map->image + map->origin;
}

static void backward_stage(const lw_workspace *workspace, const step *s,
                           lw_parameter_view parameters, float *gradients)
{
    const lw_layer_weights *weights = s->stage->weights;
    if (weights) {
        const float *values = parameters.values + weights->weights_offset;
        float *dweights = gradients + weights->weights_offset;
        float *dbias = gradients + weights->bias_offset;
        backward_conv(s, values, parameters.version, dweights, dbias, workspace->scratch);
        return;
    }
    if (!s->dx) return; // nobody wants the gradient of the image
    if (s->stage->kind == LW_STAGE_MAXPOOL || s->stage->kind == LW_STAGE_AVGPOOL)
        memset(s->dx_start, 0, (size_t)s->in->floats * sizeof *s->dx_start);
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
    book(s, LW_CONV_BACKWARD_DATA, 1);
}

// The backward passes of a convolution by register tiles.
static void backward_dense(const lw_workspace *workspace, const step *s,
                           lw_parameter_view parameters, int32_t images, float *gradients)
{
    const lw_layer_weights *weights = s->stage->weights;
    const lw_dense_call call = {s->stage, s->in, s->out, images};
    if (s->stage->dense[LW_CONV_BACKWARD_WEIGHTS]) {
        lw_dense_stage_backward_weights(&call, s->x_halo, s->dy,
                                        gradients + weights->weights_offset,
                                        gradients + weights->bias_offset);
        book(s, LW_CONV_BACKWARD_WEIGHTS, images);
    }
    if (s->stage->dense[LW_CONV_BACKWARD_DATA] && s->dx) {
        lw_dense_stage_backward_data(&call, s->dy - s->out->origin,
                                     parameters.values + weights->weights_offset,
                                     parameters.version, s->dx_start, &workspace->dense[s->index]);
        book(s, LW_CONV_BACKWARD_DATA, images);
    }
}

// Backward-weights of a convolution that follows the winners.
static void backward_winners(const lw_workspace *workspace, size_t stage, int32_t images,
                             float *gradients)
{
    const step s = step_at(workspace, stage, 0);
    const lw_conv_geometry *g = &s.stage->conv;
    const lw_layer_weights *weights = s.stage->weights;
    float *dweights = gradients + weights->weights_offset;
    float *dbias = gradients + weights->bias_offset;
    const int32_t blocks = (g->oc + LW_BLOCK - 1) / LW_BLOCK;
    if (weights->conv.first)
        lw_kernels()->conv_backward_weights_first(g, images, 0, blocks, s.x_halo, s.dy, s.planes,
                                                  dweights, dbias);
    else
        lw_kernels()->conv_backward_weights(g, images, 0, blocks, s.x_halo, s.dy, s.planes,
                                            dweights, dbias, workspace->scratch);
    book(&s, LW_CONV_BACKWARD_WEIGHTS, images);
}

// The backward passes of a convolution that take all images at once.
static void backward_together(const lw_workspace *workspace, size_t stage,
                              lw_parameter_view parameters, int32_t images, float *gradients)
{
    const step s = step_at(workspace, stage, 0);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_winograd_call call = winograd_call(workspace, &s, images);
    lw_winograd_stage_mask(&call, s.y, s.dy);
    if (s.stage->winograd[LW_CONV_BACKWARD_WEIGHTS]) {
        lw_winograd_stage_backward_weights(&call, s.x_halo, s.dy,
                                           gradients + weights->weights_offset,
                                           gradients + weights->bias_offset);
        book(&s, LW_CONV_BACKWARD_WEIGHTS, images);
    }
    if (s.stage->winograd[LW_CONV_BACKWARD_DATA] && s.dx) {
        lw_winograd_stage_backward_data(&call, s.dy,
                                        parameters.packed + weights->backward_filters_offset, s.dx);
        book(&s, LW_CONV_BACKWARD_DATA, images);
    }
    backward_dense(workspace, &s, parameters, images, gradients);
}

static void backward_linear(const lw_workspace *workspace, size_t stage,
                                     lw_parameter_view parameters, int32_t images,
                                     float *gradients)
{
    const step s = step_at(workspace, stage, 0);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_linear_call call = {s.stage, s.in, s.out, images};
    for (int32_t n = 0; s.stage->relu && n < images; n++) {
        float *dy = s.dy + n * s.out->image;
        lw_kernels()->relu_backward(weights->bias_floats, s.y + n * s.out->image, dy, dy);
    }
    lw_linear_stage_backward_weights(&call, s.x, s.dy, gradients + weights->weights_offset,
                                     gradients + weights->bias_offset);
    book(&s, LW_CONV_BACKWARD_WEIGHTS, images);
    if (!s.dx) return;
    lw_linear_stage_backward_data(&call, s.dy, parameters.values + weights->weights_offset, s.dx,
                                  workspace->scratch);
    book(&s, LW_CONV_BACKWARD_DATA, images);
}

static void clear_gradients(const lw_layer_weights *weights, float *gradients)
{
    memset(gradients + weights->weights_offset, 0,
           (size_t)weights->weights_floats * sizeof *gradients);
    memset(gradients + weights->bias_offset, 0, (size_t)weights->bias_floats * sizeof *gradients);
}

void lw_engine_backward(lw_workspace *workspace, lw_parameter_view parameters, int32_t images,
                        bool fresh, float *gradients)
{
    for (size_t i = workspace->plan->n_stages; i-- > 0;) {
        const lw_layer_weights *weights = workspace->plan->stages[i].weights;
        const bool data = runs_together(&workspace->plan->stages[i], LW_CONV_BACKWARD_DATA);
        const bool sums = runs_together(&workspace->plan->stages[i], LW_CONV_BACKWARD_WEIGHTS);
        if (fresh && weights) clear_gradients(weights, gradients);
        const bool winners = sums_winners(&workspace->plan->stages[i]);
        if (winners) backward_winners(workspace, i, images, gradients);
        if (data || (sums && !winners))
            backward_together(workspace, i, parameters, images, gradients);
        if (data && sums) continue;
        if (workspace->plan->stages[i].kind == LW_STAGE_LINEAR) {
            backward_linear(workspace, i, parameters, images, gradients);
            continue;
        }
        for (int32_t slot = 0; slot < images; slot++) {
            step s = step_at(workspace, i, slot);
            backward_stage(workspace, &s, parameters, gradients);
        }
    }
}
