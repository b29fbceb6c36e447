// SPDX-License-Identifier: Apache-2.0
// The planner. Fusion works on the layer list from front to back: a convolution takes the ReLU and
// the 2x2 max pool behind it into its stage, in either order (the maximum and the ReLU commute).
#include "nn/plan.h"

#include "base/config.h"
#include "base/error.h"
#include "base/memory.h"
#include "conv/force.h"
#include "cpu/kernel_table.h"
#include "nn/network.h"
#include "nn/stage_plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct planner {
    const lw_network *network;
    const lw_parameter_layout *layout;
    const lw_layer_info *infos;
    lw_plan *plan;
    lw_extent map; // behind the stages so far
} planner;

static const lw_layer *layer_at(const planner *p, size_t index)
{
    size_t n = lw_network_layer_count(p->network);
    return index < n ? lw_network_layer(p->network, index) : NULL;
}

static bool is_kind(const lw_layer *layer, lw_layer_kind kind)
{
    return layer && layer->kind == kind;
}

// The pool that convolution stages take in: 2x2, stride 2, no padding.
static bool is_fusable_pool(const lw_layer *layer)
{
    return is_kind(layer, LW_LAYER_MAXPOOL) && layer->kernel_h == 2 && layer->kernel_w == 2 &&
           layer->stride_h == 2 && layer->stride_w == 2 && layer->pad_h == 0 && layer->pad_w == 0;
}

// Takes the ReLU and the pool behind convolution `index` into the stage; returns its last layer.
static size_t fuse_behind_conv(const planner *p, size_t index, lw_conv_geometry *geometry)
{
    size_t last = index;
    for (;;) {
        const lw_layer *next = layer_at(p, last + 1);
        if (is_kind(next, LW_LAYER_RELU) && !geometry->relu)
            geometry->relu = true;
        else if (is_fusable_pool(next) && !geometry->pool)
            geometry->pool = true;
        else
            return last;
        last++;
    }
}

static size_t plan_conv(planner *p, size_t index, lw_stage *stage)
{
    const lw_layer *layer = layer_at(p, index);
    stage->kind = LW_STAGE_CONV;
    stage->conv = (lw_conv_geometry){
        .ic = p->map.channels,
        .oc = layer->channels,
        .kh = layer->kernel_h,
        .kw = layer->kernel_w,
        .stride_h = layer->stride_h,
        .stride_w = layer->stride_w,
        .dilation_h = layer->dilation_h,
        .dilation_w = layer->dilation_w,
    };
    size_t last = fuse_behind_conv(p, index, &stage->conv);
    lw_extent out = p->infos[last].output;
    stage->conv.oh = out.height;
    stage->conv.ow = out.width;
    p->map = out;
    return last;
}

static size_t plan_linear(planner *p, size_t index, lw_stage *stage)
{
    const lw_layer *layer = layer_at(p, index);
    stage->kind = LW_STAGE_LINEAR;
    stage->relu = is_kind(layer_at(p, index + 1), LW_LAYER_RELU);
    p->map = (lw_extent){layer->channels, 1, 1};
    return index + stage->relu;
}

static void plan_pool(planner *p, size_t index, lw_stage *stage)
{
    const lw_layer *layer = layer_at(p, index);
    bool is_max = layer->kind == LW_LAYER_MAXPOOL || layer->kind == LW_LAYER_GLOBAL_MAXPOOL;
    bool is_global =
        layer->kind == LW_LAYER_GLOBAL_MAXPOOL || layer->kind == LW_LAYER_GLOBAL_MEANPOOL;
    lw_extent out = p->infos[index].output;
    stage->kind = is_max ? LW_STAGE_MAXPOOL : LW_STAGE_AVGPOOL;
    stage->pool = (lw_pool_geometry){
        .channels = (int32_t)lw_round_up((size_t)p->map.channels, LW_BLOCK),
        .ih = p->map.height,
        .iw = p->map.width,
        .oh = out.height,
        .ow = out.width,
        .kernel_h = is_global ? p->map.height : layer->kernel_h,
        .kernel_w = is_global ? p->map.width : layer->kernel_w,
        .stride_h = is_global ? p->map.height : layer->stride_h,
        .stride_w = is_global ? p->map.width : layer->stride_w,
        .pad_h = layer->pad_h,
        .pad_w = layer->pad_w,
    };
    p->map = out;
}

// Plans the stage that starts at layer `index`; returns the last layer it takes.
static lw_status plan_stage(planner *p, size_t index, lw_stage *stage, size_t *last)
{
    const lw_layer *layer = layer_at(p, index);
    *last = index;
    switch (layer->kind) {
    case LW_LAYER_CONV: *last = plan_conv(p, index, stage); break;
    case LW_LAYER_LINEAR: *last = plan_linear(p, index, stage); break;
    case LW_LAYER_MAXPOOL:
    case LW_LAYER_AVGPOOL:
    case LW_LAYER_GLOBAL_MAXPOOL:
    case LW_LAYER_GLOBAL_MEANPOOL: plan_pool(p, index, stage); break;
    case LW_LAYER_RELU: stage->kind = LW_STAGE_RELU; break;
    case LW_LAYER_DROPOUT:
        stage->kind = LW_STAGE_DROPOUT;
        stage->probability = layer->probability;
        break;
    case LW_LAYER_FLATTEN:
    case LW_LAYER_SOFTMAX_CROSS_ENTROPY:
        return lw_fail(LW_ERROR_INTERNAL, "%s is no stage", lw_layer_kind_name(layer->kind));
    }
    stage->first_layer = index;
    stage->last_layer = *last;
    stage->weights = lw_parameter_layout_find(p->layout, index);
    return LW_OK;
}

static lw_status plan_stages(planner *p)
{
    size_t n_layers = lw_network_layer_count(p->network);
    for (size_t i = 0; i < n_layers; i++) {
        const lw_layer *layer = layer_at(p, i);
        // A flatten only changes the view of the linear layer behind it (the parser allows nothing
        // else there), and the loss is computed from the last map.
        if (layer->kind == LW_LAYER_FLATTEN || layer->kind == LW_LAYER_SOFTMAX_CROSS_ENTROPY)
            continue;
        lw_stage *stage = &p->plan->stages[p->plan->n_stages];
        LW_TRY(plan_stage(p, i, stage, &i));
        p->plan->maps[++p->plan->n_stages].extent = p->map;
    }
    return LW_OK;
}

// True for an image whose reader takes its channels unpadded.
static bool is_unpadded(const lw_stage *reader)
{
    if (!reader || !reader->weights) return false;
    const lw_layer_weights *weights = reader->weights;
    return weights->linear ? weights->in_pitch == weights->in.channels : weights->conv.first;
}

// Gives a map its layout: the halo that its reader wants, channels padded to a block.
static lw_status lay_out_map(lw_map *map, const lw_stage *reader)
{
    map->pixel = is_unpadded(reader) ? map->extent.channels
                                     : (int64_t)lw_round_up((size_t)map->extent.channels, LW_BLOCK);
    map->row = (map->extent.width + 2 * (int64_t)map->halo_w) * map->pixel;
    map->origin = map->halo_h * map->row + map->halo_w * map->pixel;
    int64_t rows = map->extent.height + 2 * (int64_t)map->halo_h;
    map->floats = (int64_t)lw_round_up((size_t)(rows * map->row), LW_BLOCK);
    if (map->floats > INT32_MAX / 2)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "a map of %dx%dx%d values takes %lld floats, at most %d are supported",
                       map->extent.channels, map->extent.height, map->extent.width,
                       (long long)map->floats, INT32_MAX / 2);
    return LW_OK;
}

static lw_status finish_pool(lw_stage *stage, const lw_map *in, const lw_map *out)
{
    lw_pool_geometry *g = &stage->pool;
    // Winners are remembered as floats, which count exactly up to here.
    const int64_t largest = 1 << 24;
    if (stage->kind == LW_STAGE_MAXPOOL && (int64_t)g->ih * g->iw > largest)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "a max pool over a %dx%d map, at most %lld pixels are"
                       " supported",
                       g->ih, g->iw, (long long)largest);
    g->x_row = in->row;
    g->x_pixel = in->pixel;
    g->y_row = g->dy_row = out->row;
    g->y_pixel = g->dy_pixel = out->pixel;
    if (stage->kind == LW_STAGE_MAXPOOL)
        stage->winner_floats = (size_t)g->oh * (size_t)g->ow * (size_t)g->channels;
    return LW_OK;
}

static lw_status finish_stage(lw_plan *plan, lw_stage *stage, const lw_map *in, const lw_map *out)
{
    if (stage->kind == LW_STAGE_CONV) {
        lw_conv_geometry *g = &stage->conv;
        g->x_row = in->row;
        g->x_pixel = in->pixel;
        g->y_row = g->dy_row = out->row;
        g->y_pixel = g->dy_pixel = out->pixel;
        size_t blocks = ((size_t)g->oc + LW_BLOCK - 1) / LW_BLOCK;
        stage->planes = blocks * (size_t)g->oh * (size_t)g->ow;
        size_t scratch_bytes = lw_kernels()->conv_backward_scratch_bytes(g);
        if (scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = scratch_bytes;
    }
    if (stage->kind == LW_STAGE_MAXPOOL || stage->kind == LW_STAGE_AVGPOOL)
        LW_TRY(finish_pool(stage, in, out));
    if (stage->kind == LW_STAGE_DROPOUT) stage->winner_floats = (size_t)in->floats;
    return LW_OK;
}

// The algorithms that LANEWISE_CONV forces on a convolution; the stage's own kernels need no plan.
static lw_status force_algorithms(lw_stage *stage, const lw_layer *layer, lw_extent in)
{
    lw_conv_algorithm forced[LW_N_PASSES];
    for (int pass = 0; pass < LW_N_PASSES; pass++)
        LW_TRY(lw_conv_forced_algorithm(lw_config_get()->conv, "LANEWISE_CONV", layer->name,
                                        (lw_conv_pass)pass, &forced[pass]));
    lw_status status =
        lw_plain_stage_create(&stage->plain, stage, in, layer->pad_h, layer->pad_w, forced);
    return status ? lw_fail(status, "%s: %s", layer->name, lw_error_message()) : LW_OK;
}

static lw_status lay_out(const lw_network *network, lw_plan *plan)
{
    for (size_t i = 0; i <= plan->n_stages; i++) {
        lw_stage *reader = i < plan->n_stages ? &plan->stages[i] : NULL;
        if (reader && reader->kind == LW_STAGE_CONV) {
            const lw_layer *layer = lw_network_layer(network, reader->first_layer);
            plan->maps[i].halo_h = layer->pad_h;
            plan->maps[i].halo_w = layer->pad_w;
            LW_TRY(force_algorithms(reader, layer, plan->maps[i].extent));
        }
        LW_TRY(lay_out_map(&plan->maps[i], reader));
    }
    for (size_t i = 0; i < plan->n_stages; i++)
        LW_TRY(finish_stage(plan, &plan->stages[i], &plan->maps[i], &plan->maps[i + 1]));
    return LW_OK;
}

// A layer in LANEWISE_CONV that the network does not have is a typing error, not a wish.
static lw_status check_forced_layers(const lw_network *network)
{
    size_t n_layers = lw_network_layer_count(network), n = 0;
    const char **convs = calloc(n_layers, sizeof *convs);
    if (!convs) return lw_fail(LW_ERROR_MEMORY, "no memory for the names of %zu layers", n_layers);
    for (size_t i = 0; i < n_layers; i++)
        if (is_kind(lw_network_layer(network, i), LW_LAYER_CONV))
            convs[n++] = lw_network_layer(network, i)->name;
    lw_status status = lw_conv_forced_check(lw_config_get()->conv, "LANEWISE_CONV", convs, n);
    free(convs);
    return status;
}

static lw_status fill_plan(lw_plan *plan, const lw_network *network,
                           const lw_parameter_layout *layout, lw_layer_info *infos)
{
    LW_TRY(check_forced_layers(network));
    LW_TRY(lw_network_infer(network, plan->input, infos));
    planner p = {.network = network, .layout = layout, .infos = infos, .plan = plan};
    p.map = plan->input;
    plan->maps[0].extent = plan->input;
    plan->classes = lw_network_class_count(network);
    LW_TRY(plan_stages(&p));
    return lay_out(network, plan);
}

lw_status lw_plan_create(lw_plan **plan, const lw_network *network,
                         const lw_parameter_layout *layout, lw_extent input)
{
    *plan = NULL;
    size_t n_layers = lw_network_layer_count(network);
    lw_plan *made = calloc(1, sizeof *made);
    lw_layer_info *infos = calloc(n_layers, sizeof *infos);
    if (made) {
        made->stages = calloc(n_layers, sizeof *made->stages);
        made->maps = calloc(n_layers + 1, sizeof *made->maps);
        made->input = input;
    }
    lw_status status;
    if (!made || !infos || !made->stages || !made->maps)
        status = lw_fail(LW_ERROR_MEMORY, "no memory for the plan of %zu layers", n_layers);
    else
        status = fill_plan(made, network, layout, infos);
    free(infos);
    if (status) lw_plan_destroy(&made);
    *plan = made;
    return status;
}

void lw_plan_destroy(lw_plan **plan)
{
    if (!plan || !*plan) return;
    for (size_t i = 0; (*plan)->stages && i < (*plan)->n_stages; i++)
        lw_plain_stage_destroy(&(*plan)->stages[i].plain);
    free((*plan)->stages);
    free((*plan)->maps);
    free(*plan);
    *plan = NULL;
}

void lw_stage_describe(const lw_stage *stage, char *text, size_t text_bytes)
{
    switch (stage->kind) {
    case LW_STAGE_CONV:
        snprintf(text, text_bytes, "conv %dx%d%s%s", stage->conv.kh, stage->conv.kw,
                 stage->conv.relu ? " + relu" : "", stage->conv.pool ? " + maxpool 2x2" : "");
        break;
    case LW_STAGE_LINEAR:
        snprintf(text, text_bytes, "linear%s", stage->relu ? " + relu" : "");
        break;
    case LW_STAGE_MAXPOOL:
    case LW_STAGE_AVGPOOL:
        snprintf(text, text_bytes, "%s %dx%d",
                 stage->kind == LW_STAGE_MAXPOOL ? "maxpool" : "avgpool", stage->pool.kernel_h,
                 stage->pool.kernel_w);
        break;
    case LW_STAGE_RELU: snprintf(text, text_bytes, "relu"); break;
    case LW_STAGE_DROPOUT: snprintf(text, text_bytes, "dropout"); break;
    }
}
