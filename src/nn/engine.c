// SPDX-License-Identifier: Apache-2.0
// The forward and backward walk over the stages of a plan.
#include "nn/engine.h"

#include "base/rng.h"
#include "cpu/kernel_table.h"
#include "nn/stage_linear.h"
#include "nn/stage_winograd.h"
#include "nn/time_sheet.h"

#include <assert.h>
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
    if (workspace->gradients[i + 1]) s.dy = workspace->gradients[i + 1] + out_image + s.out->origin;
    if (workspace->planes[i]) s.planes = workspace->planes[i] + (size_t)slot * s.stage->planes;
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
    assert(s->dx && s->dy);
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
                             lw_parameter_view parameters, int32_t first, int32_t images)
{
    const step s = step_at(workspace, stage, first);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_winograd_call call = winograd_call(workspace, &s, images);
    lw_winograd_stage_forward(&call, s.x_halo, parameters.packed + weights->filters_offset,
                              parameters.values + weights->bias_offset, s.y, s.planes);
    book(&s, LW_CONV_FORWARD, images);
}

// A linear layer, of all images at once.
static void forward_linear(const lw_workspace *workspace, size_t stage,
                           lw_parameter_view parameters, int32_t first, int32_t images)
{
    const step s = step_at(workspace, stage, first);
    const lw_layer_weights *weights = s.stage->weights;
    const lw_linear_call call = {s.stage, s.in, s.out, images};
    lw_linear_stage_forward(&call, s.x, parameters.values + weights->weights_offset,
                            parameters.values + weights->bias_offset, s.y);
    book(&s, LW_CONV_FORWARD, images);
}

void lw_engine_forward(lw_workspace *workspace, lw_parameter_view parameters, int32_t first,
                       int32_t images, const lw_dropout_key *dropout)
{
    lw_rng rngs[LW_GROUP_LIMIT] = {0};
    for (int32_t n = 0; dropout && n < images; n++)
        rngs[n] =
            lw_rng_stream(dropout[n].seed, LW_RNG_DROPOUT, dropout[n].epoch, dropout[n].sample);
    for (size_t i = 0; i < workspace->plan->n_stages; i++) {
        if (workspace->plan->stages[i].winograd[LW_CONV_FORWARD]) {
            forward_winograd(workspace, i, parameters, first, images);
            continue;
        }
        if (workspace->plan->stages[i].kind == LW_STAGE_LINEAR) {
            forward_linear(workspace, i, parameters, first, images);
            continue;
        }
        for (int32_t n = 0; n < images; n++) {
            step s = step_at(workspace, i, first + n);
            forward_stage(&s, parameters, dropout ? &rngs[n] : NULL);
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

// ---- backward-data ------------------------------------------------------------------------------

// Of one image, where the stage does not take all of them at once.
static void backward_data_image(const lw_workspace *workspace, const step *s,
                                lw_parameter_view parameters)
{
    if (!s->dx) return; // nobody wants the gradient of the image
    const lw_kernel_table *kernels = lw_kernels();
    const bool adds = s->stage->kind == LW_STAGE_MAXPOOL || s->stage->kind == LW_STAGE_AVGPOOL ||
                      (s->stage->kind == LW_STAGE_CONV && !runs_plain(s, LW_CONV_BACKWARD_DATA));
    if (adds) memset(s->dx_start, 0, (size_t)s->in->floats * sizeof *s->dx_start);
    switch (s->stage->kind) {
    case LW_STAGE_CONV: {
        const float *values = parameters.values + s->stage->weights->weights_offset;
        if (runs_plain(s, LW_CONV_BACKWARD_DATA))
            lw_plain_backward_data(&s->plain, s->dy, s->planes, values, parameters.version, s->dx);
        else
            kernels->conv_backward_data(&s->stage->conv, s->dy, s->planes, values, s->dx_halo,
                                        workspace->scratch);
        break;
    }
    case LW_STAGE_LINEAR: break; // of all images at once
    case LW_STAGE_MAXPOOL:
        kernels->maxpool_backward(&s->stage->pool, s->dy, s->winners, s->dx);
        break;
    case LW_STAGE_AVGPOOL: kernels->avgpool_backward(&s->stage->pool, s->dy, s->dx); break;
    case LW_STAGE_RELU: backward_relu(s); break;
    case LW_STAGE_DROPOUT: backward_dropout(s, workspace->dropout_active); break;
    }
    book(s, LW_CONV_BACKWARD_DATA, 1);
}

static void backward_data_linear(const lw_workspace *workspace, const step *s,
                                 lw_parameter_view parameters, int32_t images)
{
    const lw_linear_call call = {s->stage, s->in, s->out, images};
    if (!s->dx) return;
    lw_linear_stage_backward_data(&call, s->dy,
                                  parameters.values + s->stage->weights->weights_offset, s->dx,
                                  workspace->scratch);
    book(s, LW_CONV_BACKWARD_DATA, images);
}

// A gradient that was not looked at through the planes becomes that before the ReLU.
static void mask_gradient(const lw_workspace *workspace, const step *s, int32_t images)
{
    const lw_stage *stage = s->stage;
    if (stage->kind == LW_STAGE_LINEAR) {
        for (int32_t n = 0; stage->relu && n < images; n++) {
            float *dy = s->dy + n * s->out->image;
            lw_kernels()->relu_backward(stage->weights->bias_floats, s->y + n * s->out->image, dy,
                                        dy);
        }
    } else if (stage->winograd[LW_CONV_BACKWARD_WEIGHTS] ||
               stage->winograd[LW_CONV_BACKWARD_DATA] || stage->dense[LW_CONV_BACKWARD_WEIGHTS] ||
               stage->dense[LW_CONV_BACKWARD_DATA]) {
        const lw_winograd_call call = winograd_call(workspace, s, images);
        lw_winograd_stage_mask(&call, s->y, s->dy);
    }
}

// Backward-data of images first .. first + images - 1.
static void backward_data(const lw_workspace *workspace, size_t stage, lw_parameter_view parameters,
                          int32_t first, int32_t images)
{
    const step s = step_at(workspace, stage, first);
    const lw_layer_weights *weights = s.stage->weights;
    if (s.stage->kind == LW_STAGE_LINEAR) {
        backward_data_linear(workspace, &s, parameters, images);
    } else if (!s.dx) {
        return;
    } else if (s.stage->winograd[LW_CONV_BACKWARD_DATA]) {
        const lw_winograd_call call = winograd_call(workspace, &s, images);
        lw_winograd_stage_backward_data(&call, s.dy,
                                        parameters.packed + weights->backward_filters_offset, s.dx);
        book(&s, LW_CONV_BACKWARD_DATA, images);
    } else if (s.stage->dense[LW_CONV_BACKWARD_DATA]) {
        const lw_dense_call call = {s.stage, s.in, s.out, images};
        lw_dense_stage_backward_data(&call, s.dy - s.out->origin,
                                     parameters.values + weights->weights_offset,
                                     parameters.version, s.dx_start, &workspace->dense[s.index]);
        book(&s, LW_CONV_BACKWARD_DATA, images);
    } else {
        for (int32_t n = 0; n < images; n++) {
            const step image = step_at(workspace, stage, first + n);
            backward_data_image(workspace, &image, parameters);
        }
    }
}

// ---- backward-weights ---------------------------------------------------------------------------

// Where the gradient of a stage's weights and bias goes.
typedef struct weight_gradient {
    float *weights, *bias;
} weight_gradient;

static weight_gradient gradient_of(const lw_stage *stage, float *gradients)
{
    return (weight_gradient){gradients + stage->weights->weights_offset,
                             gradients + stage->weights->bias_offset};
}

static void clear(float *floats, int64_t count)
{
    memset(floats, 0, (size_t)count * sizeof *floats);
}

static int32_t block_count(const lw_stage *stage)
{
    return (stage->conv.oc + LW_BLOCK - 1) / LW_BLOCK;
}

// Of output channels in the blocks [begin, end) of a convolution that follows the winners.
static void clear_blocks(const lw_stage *stage, weight_gradient to, int32_t begin, int32_t end)
{
    const lw_conv_geometry *g = &stage->conv;
    const int64_t taps = g->kh * g->kw;
    clear(to.bias + begin * LW_BLOCK, (int64_t)(end - begin) * LW_BLOCK);
    if (stage->weights->conv.first) {
        const int64_t block = taps * g->ic * LW_BLOCK;
        clear(to.weights + begin * block, (end - begin) * block);
        return;
    }
    const int32_t last = end * LW_BLOCK < g->oc ? end * LW_BLOCK : g->oc;
    const int64_t channel = taps * LW_BLOCK, ic_blocks = (g->ic + LW_BLOCK - 1) / LW_BLOCK;
    for (int64_t ic = 0; ic < ic_blocks; ic++)
        clear(to.weights + (ic * g->oc + begin * LW_BLOCK) * channel,
              (last - begin * LW_BLOCK) * channel);
}

static void backward_winners(const lw_workspace *workspace, const step *s, int32_t images,
                             int32_t begin, int32_t end, weight_gradient to)
{
    const lw_conv_geometry *g = &s->stage->conv;
    if (s->stage->weights->conv.first)
        lw_kernels()->conv_backward_weights_first(g, images, begin, end, s->x_halo, s->dy,
                                                  s->planes, to.weights, to.bias);
    else
        lw_kernels()->conv_backward_weights(g, images, begin, end, s->x_halo, s->dy, s->planes,
                                            to.weights, to.bias, workspace->scratch);
    book(s, LW_CONV_BACKWARD_WEIGHTS, begin == 0 ? images : 0); // all blocks count as one
}

// The ways that a thread takes alone.
static void backward_weights_whole(const lw_workspace *workspace, const step *s, int32_t images,
                                   weight_gradient to)
{
    if (s->stage->kind == LW_STAGE_LINEAR) {
        const lw_linear_call call = {s->stage, s->in, s->out, images};
        lw_linear_stage_backward_weights(&call, s->x, s->dy, to.weights, to.bias);
    } else if (s->stage->winograd[LW_CONV_BACKWARD_WEIGHTS]) {
        const lw_winograd_call call = winograd_call(workspace, s, images);
        lw_winograd_stage_backward_weights(&call, s->x_halo, s->dy, to.weights, to.bias);
    } else if (s->stage->dense[LW_CONV_BACKWARD_WEIGHTS]) {
        const lw_dense_call call = {s->stage, s->in, s->out, images};
        lw_dense_stage_backward_weights(&call, s->x_halo, s->dy, to.weights, to.bias);
    } else {
        for (int32_t n = 0; n < images; n++) {
            const step image = step_at(workspace, s->index, n);
            lw_plain_backward_weights(&image.plain, image.x, image.dy, image.planes, to.weights,
                                      to.bias);
        }
    }
    book(s, LW_CONV_BACKWARD_WEIGHTS, images);
}

// Multiply-adds of a stage's weight gradient for one image, to share them out.
static double weights_cost(const lw_plan *plan, size_t stage)
{
    const lw_stage *s = &plan->stages[stage];
    if (!s->weights) return 0.0;
    if (s->kind == LW_STAGE_LINEAR) return (double)s->weights->weights_floats;
    const lw_conv_geometry *g = &s->conv;
    return (double)g->ic * g->oc * g->kh * g->kw * g->oh * g->ow;
}

// Part `part` of `parts` of all units of the stages' weight gradients, which are numbered by their cost: a
// unit (a block of output channels, or a whole stage) belongs to the part that its middle falls into.
typedef struct share {
    int32_t part, parts;
    double total, before; // costs of all stages, of those walked already
} share;

static share share_of(const lw_plan *plan, int32_t part, int32_t parts)
{
    share mine = {.part = part, .parts = parts};
    for (size_t i = 0; i < plan->n_stages; i++) mine.total += weights_cost(plan, i);
    return mine;
}

static bool owns(const share *mine, double middle)
{
    const double place = middle * mine->parts / mine->total;
    return place >= mine->part && (place < mine->part + 1 || mine->part + 1 == mine->parts);
}

// The stage's part of the share, added to what is there or, `fresh`, to zero.
static void backward_weights(const lw_workspace *workspace, size_t stage, int32_t images,
                             share *mine, bool fresh, float *gradients)
{
    const step s = step_at(workspace, stage, 0);
    if (!s.stage->weights) return;
    const weight_gradient to = gradient_of(s.stage, gradients);
    const double cost = weights_cost(workspace->plan, stage), before = mine->before;
    mine->before += cost;
    if (sums_winners(s.stage)) {
        const int32_t blocks = block_count(s.stage);
        int32_t begin = 0, end;
        while (begin < blocks && !owns(mine, before + cost * (begin + 0.5) / blocks)) begin++;
        for (end = begin; end < blocks && owns(mine, before + cost * (end + 0.5) / blocks);) end++;
        if (begin == end) return;
        if (fresh) clear_blocks(s.stage, to, begin, end);
        backward_winners(workspace, &s, images, begin, end, to);
    } else if (owns(mine, before + cost / 2.0)) {
        if (fresh) clear(to.weights, s.stage->weights->weights_floats);
        if (fresh) clear(to.bias, s.stage->weights->bias_floats);
        backward_weights_whole(workspace, &s, images, to);
    }
}

// ---- both ---------------------------------------------------------------------------------------

void lw_engine_backward(lw_workspace *workspace, lw_parameter_view parameters, int32_t images,
                        bool fresh, float *gradients)
{
    share all = share_of(workspace->plan, 0, 1);
    for (size_t i = workspace->plan->n_stages; i-- > 0;) {
        const step s = step_at(workspace, i, 0);
        mask_gradient(workspace, &s, images);
        backward_weights(workspace, i, images, &all, fresh, gradients);
        backward_data(workspace, i, parameters, 0, images);
    }
}

void lw_engine_backward_data(lw_workspace *workspace, lw_parameter_view parameters, int32_t first,
                             int32_t images)
{
    for (size_t i = workspace->plan->n_stages; i-- > 0;) {
        const step s = step_at(workspace, i, first);
        mask_gradient(workspace, &s, images);
        backward_data(workspace, i, parameters, first, images);
    }
}

void lw_engine_backward_weights(lw_workspace *workspace, int32_t images, int32_t part,
                                int32_t parts, bool fresh, float *gradients)
{
    share mine = share_of(workspace->plan, part, parts);
    for (size_t i = workspace->plan->n_stages; i-- > 0;)
        backward_weights(workspace, i, images, &mine, fresh, gradients);
}
