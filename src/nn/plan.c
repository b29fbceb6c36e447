// SPDX-License-Identifier: Apache-2.0
// The planner. Fusion works on the layer list from front to back: a convolution takes the ReLU and
// the 2x2 max pool behind it into its stage, in either order (the maximum and the ReLU commute).
// A stage computes what the stages behind it read.
#include "nn/plan.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "nn/network.h"
#include "nn/stage_dense.h"
#include "nn/stage_linear.h"
#include "nn/stage_plain.h"
#include "nn/stage_winograd.h"

#include <assert.h>
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
    lw_fusion fusion = lw_network_fuse(p->network, index);
    stage->conv.relu = fusion.relu;
    stage->conv.pool = fusion.pool;
    stage->pad_h = layer->pad_h;
    stage->pad_w = layer->pad_w;
    p->map = p->infos[fusion.last_layer].output;
    return fusion.last_layer;
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
    stage->kind = is_max ? LW_STAGE_MAXPOOL : LW_STAGE_AVGPOOL;
    stage->pool = (lw_pool_geometry){
        .channels = (int32_t)lw_round_up((size_t)p->map.channels, LW_BLOCK),
        .kernel_h = is_global ? p->map.height : layer->kernel_h,
        .kernel_w = is_global ? p->map.width : layer->kernel_w,
        .stride_h = is_global ? p->map.height : layer->stride_h,
        .stride_w = is_global ? p->map.width : layer->stride_w,
        .pad_h = layer->pad_h,
        .pad_w = layer->pad_w,
    };
    p->map = p->infos[index].output;
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

// ---- what has to be computed --------------------------------------------------------------------

// Pools in floor mode drop rows and columns at the end, and a window's stride may pass over the last
// ones: what only they would have needed is not needed either, back to the image. A map's halo stays
// right: it follows the last row that is computed, and is read in place of rows beyond only where
// the map ends there.
static void find_computed(const planner *p)
{
    lw_plan *plan = p->plan;
    for (size_t i = 0; i < plan->n_stages; i++) {
        const lw_layer_info *reader = &p->infos[plan->stages[i].first_layer];
        lw_map *map = &plan->maps[i];
        // Layers behind a flatten see the map as one column of values, and read all of it.
        const bool flat =
            reader->input.height != map->extent.height || reader->input.width != map->extent.width;
        map->height = flat ? map->extent.height : reader->read_height;
        map->width = flat ? map->extent.width : reader->read_width;
    }
    lw_map *logits = &plan->maps[plan->n_stages];
    logits->height = logits->extent.height;
    logits->width = logits->extent.width;
}

// ---- memory -------------------------------------------------------------------------------------

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
    map->row = (map->width + 2 * (int64_t)map->halo_w) * map->pixel;
    map->origin = map->halo_h * map->row + map->halo_w * map->pixel;
    int64_t rows = map->height + 2 * (int64_t)map->halo_h;
    map->floats = (int64_t)lw_round_up((size_t)(rows * map->row), LW_BLOCK);
    if (map->floats > INT32_MAX / 2)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "a map of %dx%dx%d values takes %lld floats, at most %d are supported",
                       map->extent.channels, map->extent.height, map->extent.width,
                       (long long)map->floats, INT32_MAX / 2);
    // An odd number of cache lines between images, so that the same place of all images of a group
    // does not fall onto the same sets.
    map->image = map->floats + (map->floats / LW_BLOCK % 2 == 0 ? LW_BLOCK : 0);
    return LW_OK;
}

static lw_status finish_pool(lw_stage *stage, const lw_map *in, const lw_map *out)
{
    lw_pool_geometry *g = &stage->pool;
    g->ih = in->height;
    g->iw = in->width;
    g->oh = out->height;
    g->ow = out->width;
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
        g->oh = out->height;
        g->ow = out->width;
        g->x_row = in->row;
        g->x_pixel = in->pixel;
        g->y_row = g->dy_row = out->row;
        g->y_pixel = g->dy_pixel = out->pixel;
        size_t blocks = ((size_t)g->oc + LW_BLOCK - 1) / LW_BLOCK;
        stage->planes = blocks * (size_t)g->oh * (size_t)g->ow;
        g->x_image = in->image;
        g->dy_image = out->image;
        g->planes_image = (int64_t)stage->planes;
        size_t scratch_bytes = lw_kernels()->conv_backward_scratch_bytes(g);
        if (scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = scratch_bytes;
        if (stage->dense[LW_CONV_BACKWARD_DATA])
            LW_TRY(lw_dense_stage_create(&stage->dense_data, stage, in, out));
    }
    if (stage->kind == LW_STAGE_MAXPOOL || stage->kind == LW_STAGE_AVGPOOL)
        LW_TRY(finish_pool(stage, in, out));
    if (stage->kind == LW_STAGE_LINEAR) {
        const size_t scratch_bytes = lw_linear_stage_scratch_bytes(stage);
        if (scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = scratch_bytes;
    }
    if (stage->kind == LW_STAGE_DROPOUT) stage->winner_floats = (size_t)in->floats;
    return LW_OK;
}

// The algorithms of a convolution: what is forced, else the stage's own kernels, which
// need no plan of their own.
static lw_status choose_algorithms(const lw_network *network, const lw_parameter_layout *layout,
                                   lw_stage *stage, const lw_map *map, bool reads_image)
{
    const lw_layer *layer = lw_network_layer(network, stage->first_layer);
    lw_extent in = {map->extent.channels, map->height, map->width};
    lw_conv_algorithm forced[LW_N_PASSES];
    for (int pass = 0; pass < LW_N_PASSES; pass++)
        LW_TRY(lw_network_forced_algorithm(network, stage->first_layer, (lw_conv_pass)pass,
                                           &forced[pass]));
    for (int pass = 0; pass < LW_N_PASSES; pass++) {
        stage->winograd[pass] =
            lw_parameter_uses_winograd(layout, stage->weights, (lw_conv_pass)pass);
        if (stage->winograd[pass]) forced[pass] = LW_CONV_ALGORITHM_AUTO; // not on plain arrays
        const bool own = !stage->winograd[pass] && (forced[pass] == LW_CONV_ALGORITHM_AUTO ||
                                                    forced[pass] == LW_CONV_ALGORITHM_DIRECT);
        // The first convolution has no backward-data.
        const bool runs = pass != LW_CONV_BACKWARD_DATA || !reads_image;
        stage->dense[pass] = own && runs && lw_dense_stage_pays(stage, (lw_conv_pass)pass);
    }
    lw_status status =
        lw_plain_stage_create(&stage->plain, stage, in, layer->pad_h, layer->pad_w, forced);
    return status ? lw_fail(status, "%s: %s", layer->name, lw_error_message()) : LW_OK;
}

// The halo of a map's values and gradients: what the convolution that reads it wants, and what the
// backward-data of the one that writes it wants where that is a convolution of the gradient.
static void choose_halo(lw_map *map, const lw_stage *writer, const lw_stage *reader)
{
    if (reader && reader->kind == LW_STAGE_CONV) {
        map->halo_h = reader->pad_h;
        map->halo_w = reader->pad_w;
    }
    if (writer && writer->winograd[LW_CONV_BACKWARD_DATA]) {
        // Where rows or columns of this map are not computed, those that are wanted of the map before
        // reach further beyond its end than they do before its beginning.
        const lw_map *in = map - 1;
        const int32_t below = in->height - map->height + writer->pad_h;
        const int32_t right = in->width - map->width + writer->pad_w;
        if (map->halo_h < 2 - writer->pad_h) map->halo_h = 2 - writer->pad_h;
        if (map->halo_w < 2 - writer->pad_w) map->halo_w = 2 - writer->pad_w;
        if (map->halo_h < below) map->halo_h = below;
        if (map->halo_w < right) map->halo_w = right;
    }
    // A linear layer wants a map without a halo; the gradient is then copied.
    if (writer && writer->dense[LW_CONV_BACKWARD_DATA] &&
        !(reader && reader->kind == LW_STAGE_LINEAR)) {
        int32_t halo_h, halo_w;
        lw_dense_stage_halo(writer, map - 1, map, &halo_h, &halo_w);
        if (map->halo_h < halo_h) map->halo_h = halo_h;
        if (map->halo_w < halo_w) map->halo_w = halo_w;
    }
}

static lw_status lay_out(const lw_network *network, const lw_parameter_layout *layout,
                         lw_plan *plan)
{
    assert(plan->stages && plan->maps);
    for (size_t i = 0; i <= plan->n_stages; i++) {
        lw_stage *reader = i < plan->n_stages ? &plan->stages[i] : NULL;
        if (reader && reader->kind == LW_STAGE_CONV)
            LW_TRY(choose_algorithms(network, layout, reader, &plan->maps[i], i == 0));
        choose_halo(&plan->maps[i], i > 0 ? &plan->stages[i - 1] : NULL, reader);
        LW_TRY(lay_out_map(&plan->maps[i], reader));
    }
    for (size_t i = 0; i < plan->n_stages; i++)
        LW_TRY(finish_stage(plan, &plan->stages[i], &plan->maps[i], &plan->maps[i + 1]));
    return LW_OK;
}

// What an image keeps between its forward and its backward pass.
static int64_t image_bytes(const lw_plan *plan)
{
    int64_t bytes = 0;
    for (size_t i = 0; i <= plan->n_stages; i++) // values and, but for the image, gradients
        bytes += plan->maps[i].image * (int64_t)sizeof(float) * (i > 0 ? 2 : 1);
    for (size_t i = 0; i < plan->n_stages; i++)
        bytes += (int64_t)(plan->stages[i].planes * sizeof(lw_planes) +
                           plan->stages[i].winner_floats * sizeof(float));
    return bytes;
}

// Weights, transformed filters and gradients of weights that the passes of a group go through.
static int64_t weight_bytes(const lw_plan *plan)
{
    int64_t floats = 0;
    for (size_t i = 0; i < plan->n_stages; i++) {
        const lw_stage *stage = &plan->stages[i];
        if (!stage->weights) continue;
        for (int pass = 0; pass < LW_N_PASSES; pass++) // filters have 36 values for 9 weights
            floats += stage->weights->weights_floats * (stage->winograd[pass] ? 4 : 1);
    }
    return floats * (int64_t)sizeof(float);
}

// A weight that is loaded serves all images of a group, and weights too large for the cache stream
// through it once a group: the more images the better, as long as all that they keep stays in half
// of the second-level cache (1 MiB on the CPUs this was measured on; the other half is for weights).
// Where the weights do not stay either, a full group is better if it saves more bytes of them than
// it costs in maps, each of which is then written once and read twice from further away (a map that
// never fitted must be the smaller part of the bytes). Nothing here may depend on the machine or on
// threads: sums over images follow the groups.
static int32_t choose_group(const lw_plan *plan)
{
    const int64_t cache_bytes = 512 << 10, most_bytes = 8 << 20;
    const int64_t image = image_bytes(plan), weights = weight_bytes(plan);
    int64_t fitting = cache_bytes / image;
    if (fitting >= LW_GROUP_LIMIT) return LW_GROUP_LIMIT;
    int64_t full = most_bytes / image;
    if (full > LW_GROUP_LIMIT) full = LW_GROUP_LIMIT;
    const int64_t near = fitting > 0 ? fitting : 1, maps = fitting > 0 ? 3 * image : image;
    if (weights > cache_bytes && full > near && weights / near - weights / full > maps)
        return (int32_t)full;
    return (int32_t)near;
}

static void book_winograd(lw_plan *plan)
{
    for (size_t i = 0; i < plan->n_stages; i++) {
        lw_winograd_call call = {.stage = &plan->stages[i],
                                 .in = &plan->maps[i],
                                 .out = &plan->maps[i + 1],
                                 .images = plan->group};
        size_t bytes = lw_winograd_stage_scratch_bytes(&call);
        if (bytes > plan->winograd_bytes) plan->winograd_bytes = bytes;
    }
}

static lw_status fill_plan(lw_plan *plan, const lw_network *network,
                           const lw_parameter_layout *layout, lw_layer_info *infos)
{
    LW_TRY(lw_network_check_forced(network));
    LW_TRY(lw_network_infer(network, plan->input, infos));
    planner p = {.network = network, .layout = layout, .infos = infos, .plan = plan};
    p.map = plan->input;
    plan->maps[0].extent = plan->input;
    plan->classes = lw_network_class_count(network);
    LW_TRY(plan_stages(&p));
    find_computed(&p);
    LW_TRY(lay_out(network, layout, plan));
    plan->group = choose_group(plan);
    book_winograd(plan);
    return LW_OK;
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
    for (size_t i = 0; (*plan)->stages && i < (*plan)->n_stages; i++) {
        lw_plain_stage_destroy(&(*plan)->stages[i].plain);
        lw_dense_stage_destroy(&(*plan)->stages[i].dense_data);
    }
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
