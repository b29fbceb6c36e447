// SPDX-License-Identifier: Apache-2.0
#include "conv/onednn_primitive.h"

#include "base/error.h"
#include "base/memory.h"
#include "conv/onednn.h"
#include "cpu/parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { max_operands = 4, max_arguments = max_operands + 1, name_bytes = 64 };

// How many of OpenMP's threads the calls of this thread get from now on, and how many it was.
static int32_t limit_threads(int32_t threads)
{
    int32_t before = lw_onednn.omp_get_max_threads();
    lw_onednn.omp_set_num_threads(threads);
    return before;
}

// A primitive with its own view of the scratch memory that all of them share, one after the other.
typedef struct step {
    dnnl_primitive_t primitive;
    dnnl_memory_t scratchpad; // NULL when it needs none
} step;

// An array of the caller.
typedef struct operand {
    int argument; // which it is to the primitive: DNNL_ARG_SRC ...
    bool output;
    dnnl_memory_t plain;    // the caller's array, or the maps of it
    const lw_conv_map *map; // of x, y and their gradients, else NULL
    dnnl_memory_t inner;    // a copy in the primitive's layout; NULL when that is the caller's
    step reorder;           // between the two
    size_t inner_at;        // where the copy stands in the workspace
} operand;

struct lw_onednn_primitive {
    int32_t images, threads;
    lw_conv_map x, y;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    step convolution;
    operand operands[max_operands];
    int n_operands;
    size_t scratchpad_bytes;    // of the largest step, at the workspace's start
    size_t bias_at, bias_bytes; // stands in for a bias array that the caller leaves out
    size_t pieces_bytes;        // of everything behind the scratchpad
    unsigned char *workspace;   // aligned, of the last fetch
    char name[name_bytes];
};

// The arrays of a pass.
typedef struct role {
    int argument;
    bool output;
} role;

static const role roles[][max_operands] = {
    [LW_CONV_FORWARD] = {{DNNL_ARG_SRC, false},
                         {DNNL_ARG_WEIGHTS, false},
                         {DNNL_ARG_BIAS, false},
                         {DNNL_ARG_DST, true}},
    [LW_CONV_BACKWARD_DATA] = {{DNNL_ARG_DIFF_DST, false},
                               {DNNL_ARG_WEIGHTS, false},
                               {DNNL_ARG_DIFF_SRC, true},
                               {0, false}},
    [LW_CONV_BACKWARD_WEIGHTS] = {{DNNL_ARG_SRC, false},
                                  {DNNL_ARG_DIFF_DST, false},
                                  {DNNL_ARG_DIFF_WEIGHTS, true},
                                  {DNNL_ARG_DIFF_BIAS, true}},
};

// oneDNN takes the addresses of inputs without const as well.
static void *array_of(const lw_conv_arrays *arrays, int argument)
{
    switch (argument) {
    case DNNL_ARG_SRC: return (void *)arrays->x;
    case DNNL_ARG_WEIGHTS: return (void *)arrays->weights;
    case DNNL_ARG_BIAS: return (void *)arrays->bias;
    case DNNL_ARG_DST: return arrays->y;
    case DNNL_ARG_DIFF_DST: return (void *)arrays->dy;
    case DNNL_ARG_DIFF_SRC: return arrays->dx;
    case DNNL_ARG_DIFF_WEIGHTS: return arrays->dweights;
    default: return arrays->dbias;
    }
}

static bool is_bias(int argument)
{
    return argument == DNNL_ARG_BIAS || argument == DNNL_ARG_DIFF_BIAS;
}

// ---- Preparing --------------------------------------------------------------------------------

// Which map of the problem an argument is; NULL for weights and biases.
static const lw_conv_map *map_of(const lw_conv_problem *problem, int argument)
{
    switch (argument) {
    case DNNL_ARG_SRC:
    case DNNL_ARG_DIFF_SRC: return &problem->x;
    case DNNL_ARG_DST:
    case DNNL_ARG_DIFF_DST: return &problem->y;
    default: return NULL;
    }
}

// The caller's maps, without their halo and their spare channels.
static dnnl_status_t create_map_layout(const lw_conv_map *map, int32_t images,
                                       lw_onednn_layout *layout)
{
    const dnnl_dims_t dims = {images, map->channels, map->height, map->width};
    const dnnl_dims_t strides = {map->image, map->channel, map->row, map->pixel};
    return lw_onednn_layout_create_strided(layout, 4, dims, strides);
}

// The layout of maps that oneDNN is given.
static dnnl_status_t choose_map_layout(const lw_conv_map *map, int32_t images, lw_onednn_maps maps,
                                       lw_onednn_layout *layout)
{
    if (maps == LW_ONEDNN_CALLER) return create_map_layout(map, images, layout);
    const dnnl_dims_t dims = {images, map->channels, map->height, map->width};
    return lw_onednn_layout_create(layout, 4, dims,
                                   maps == LW_ONEDNN_ANY ? dnnl_format_tag_any : dnnl_acdb);
}

// The convolution in oneDNN's terms; its own choice are the layouts of the weights.
static dnnl_status_t create_convolution(const lw_conv_problem *problem,
                                        const lw_onednn_setting *setting, lw_onednn_convolution *c)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    *c = (lw_onednn_convolution){.algorithm = setting->winograd ? dnnl_convolution_winograd
                                                                : dnnl_convolution_direct,
                                 .passed_over = setting->passed_over,
                                 .strides = {s->stride_h, s->stride_w},
                                 .dilations = {s->dilation_h - 1, s->dilation_w - 1},
                                 .pads = {s->pad_h, s->pad_w}};
    const dnnl_dims_t weights = {s->oc, s->ic, s->kh, s->kw}, bias = {s->oc};
    dnnl_status_t status = choose_map_layout(&problem->x, s->n, setting->maps, &c->x);
    if (!status) status = lw_onednn_layout_create(&c->weights, 4, weights, dnnl_format_tag_any);
    if (!status) status = lw_onednn_layout_create(&c->bias, 1, bias, dnnl_a);
    if (!status) status = choose_map_layout(&problem->y, s->n, setting->maps, &c->y);
    return status;
}

static void destroy_convolution(lw_onednn_convolution *c)
{
    lw_onednn_layout_destroy(&c->x);
    lw_onednn_layout_destroy(&c->weights);
    lw_onednn_layout_destroy(&c->bias);
    lw_onednn_layout_destroy(&c->y);
}

// The layout of the caller's array behind an argument.
static dnnl_status_t create_plain_layout(const lw_conv_problem *problem, int argument,
                                         lw_onednn_layout *layout)
{
    const lw_conv_shape *s = &problem->sizes.shape;
    const lw_conv_map *map = map_of(problem, argument);
    if (map) return create_map_layout(map, s->n, layout);
    const dnnl_dims_t weights = {s->oc, s->ic, s->kh, s->kw}, bias = {s->oc};
    if (is_bias(argument)) return lw_onednn_layout_create(layout, 1, bias, dnnl_a);
    return lw_onednn_layout_create(layout, 4, weights, dnnl_abcd);
}

// Makes a step out of its description, which is used up.
static dnnl_status_t create_step(lw_onednn_primitive *p, dnnl_primitive_desc_t description,
                                 step *made)
{
    lw_onednn_const_layout scratchpad =
        lw_onednn.primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    size_t bytes = scratchpad ? lw_onednn.memory_desc_get_size(scratchpad) : 0;
    if (bytes > p->scratchpad_bytes) p->scratchpad_bytes = bytes;
    dnnl_status_t status = lw_onednn.primitive_create(&made->primitive, description);
    if (!status && bytes > 0)
        status =
            lw_onednn.memory_create(&made->scratchpad, scratchpad, p->engine, DNNL_MEMORY_NONE);
    lw_onednn.primitive_desc_destroy(description);
    return status;
}

// Books a piece of the workspace behind the others; the scratchpad comes before all of them.
static size_t book(lw_onednn_primitive *p, size_t bytes)
{
    size_t at = p->pieces_bytes;
    p->pieces_bytes += lw_round_up(bytes, LW_ALIGNMENT);
    return at;
}

// The memory of one array, and the reorder to the layout that the primitive wants.
static dnnl_status_t create_operand(lw_onednn_primitive *p, lw_onednn_const_layout wanted,
                                    lw_onednn_const_layout plain, operand *made)
{
    dnnl_status_t status =
        lw_onednn.memory_create(&made->plain, plain, p->engine, DNNL_MEMORY_NONE);
    if (status || lw_onednn.memory_desc_equal(plain, wanted)) return status;
    status = lw_onednn.memory_create(&made->inner, wanted, p->engine, DNNL_MEMORY_NONE);
    if (status) return status;
    made->inner_at = book(p, lw_onednn.memory_desc_get_size(wanted));
    dnnl_primitive_desc_t description;
    status = lw_onednn.reorder_primitive_desc_create(&description, made->output ? wanted : plain,
                                                     p->engine, made->output ? plain : wanted,
                                                     p->engine, p->attributes);
    return status ? status : create_step(p, description, &made->reorder);
}

static dnnl_status_t create_operands(lw_onednn_primitive *p, const lw_conv_problem *problem,
                                     const_dnnl_primitive_desc_t description)
{
    for (int i = 0; i < max_operands && roles[problem->pass][i].argument; i++) {
        operand *made = &p->operands[p->n_operands++];
        made->argument = roles[problem->pass][i].argument;
        made->output = roles[problem->pass][i].output;
        const lw_conv_map *map = map_of(problem, made->argument);
        if (map) made->map = map == &problem->x ? &p->x : &p->y;
        lw_onednn_const_layout wanted =
            lw_onednn.primitive_desc_query_md(description, dnnl_query_exec_arg_md, made->argument);
        lw_onednn_layout plain = NULL;
        dnnl_status_t status = create_plain_layout(problem, made->argument, &plain);
        if (!status) status = create_operand(p, wanted, plain, made);
        lw_onednn_layout_destroy(&plain);
        if (status) return status;
        if (!is_bias(made->argument)) continue;
        p->bias_bytes = (size_t)problem->sizes.shape.oc * sizeof(float);
        p->bias_at = book(p, p->bias_bytes);
    }
    return dnnl_success;
}

// Everything that belongs to the convolution, whose layouts are at hand.
static dnnl_status_t create_primitives(lw_onednn_primitive *p, const lw_conv_problem *problem,
                                       const lw_onednn_convolution *convolution)
{
    dnnl_primitive_desc_t description;
    dnnl_status_t status =
        lw_onednn_describe(&description, convolution, problem->pass, p->engine, p->attributes);
    if (status) return status;
    const char *name = NULL;
    if (!lw_onednn.primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name) && name)
        snprintf(p->name, sizeof p->name, "%s", name);
    status = create_operands(p, problem, description);
    if (status) {
        lw_onednn.primitive_desc_destroy(description);
        return status;
    }
    return create_step(p, description, &p->convolution);
}

static dnnl_status_t create_all(lw_onednn_primitive *p, const lw_conv_problem *problem,
                                const lw_onednn_setting *setting)
{
    dnnl_status_t status = lw_onednn.engine_create(&p->engine, dnnl_cpu, 0);
    if (!status) status = lw_onednn.stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
    if (!status) status = lw_onednn.primitive_attr_create(&p->attributes);
    if (!status)
        status =
            lw_onednn.primitive_attr_set_scratchpad_mode(p->attributes, dnnl_scratchpad_mode_user);
    if (status) return status;
    lw_onednn_convolution convolution;
    status = create_convolution(problem, setting, &convolution);
    if (!status) status = create_primitives(p, problem, &convolution);
    destroy_convolution(&convolution);
    return status;
}

static void destroy_step(step *made)
{
    if (made->scratchpad) lw_onednn.memory_destroy(made->scratchpad);
    if (made->primitive) lw_onednn.primitive_destroy(made->primitive);
}

void lw_onednn_primitive_destroy(lw_onednn_primitive **primitive)
{
    lw_onednn_primitive *p = *primitive;
    if (!p) return;
    destroy_step(&p->convolution);
    for (int i = 0; i < p->n_operands; i++) {
        operand *made = &p->operands[i];
        destroy_step(&made->reorder);
        if (made->inner) lw_onednn.memory_destroy(made->inner);
        if (made->plain) lw_onednn.memory_destroy(made->plain);
    }
    if (p->attributes) lw_onednn.primitive_attr_destroy(p->attributes);
    if (p->stream) lw_onednn.stream_destroy(p->stream);
    if (p->engine) lw_onednn.engine_destroy(p->engine);
    free(p);
    *primitive = NULL;
}

lw_status lw_onednn_primitive_create(lw_onednn_primitive **primitive,
                                     const lw_conv_problem *problem,
                                     const lw_onednn_setting *setting, int *refusal)
{
    *primitive = NULL;
    LW_TRY(lw_onednn_load());
    lw_onednn_primitive *p = calloc(1, sizeof *p);
    *primitive = p;
    if (!p) return lw_fail(LW_ERROR_MEMORY, "onednn: no memory for a plan");
    p->images = problem->sizes.shape.n;
    p->threads = problem->threads;
    p->x = problem->x;
    p->y = problem->y;
    // A primitive is cut up for the number of threads there are when it is made.
    const int32_t threads_before = limit_threads(p->threads);
    dnnl_status_t status = create_all(p, problem, setting);
    limit_threads(threads_before);
    if (refusal) *refusal = (int)status;
    if (!status) return LW_OK;
    lw_onednn_primitive_destroy(primitive);
    if (status == dnnl_out_of_memory)
        return lw_fail(LW_ERROR_MEMORY, "onednn: oneDNN has no memory for the plan");
    return LW_OK;
}

const char *lw_onednn_primitive_name(const lw_onednn_primitive *primitive)
{
    return primitive->name;
}

bool lw_onednn_primitive_is_reference(const lw_onednn_primitive *primitive)
{
    return strncmp(primitive->name, "ref", 3) == 0;
}

size_t lw_onednn_primitive_workspace_bytes(const lw_onednn_primitive *primitive)
{
    return lw_round_up(primitive->scratchpad_bytes, LW_ALIGNMENT) + primitive->pieces_bytes +
           LW_ALIGNMENT;
}

// ---- Executing --------------------------------------------------------------------------------

// Version 2 clears a layout's padding whenever an address is set, and reorders clear it too; an
// address that has not changed is not set again.
static dnnl_status_t set_address(dnnl_memory_t memory, void *address)
{
    void *before = NULL;
    if (!lw_onednn.memory_get_data_handle(memory, &before) && before == address)
        return dnnl_success;
    return lw_onednn.memory_set_data_handle(memory, address);
}

// Runs a step whose first `count` arguments are set; there is room for one more.
static dnnl_status_t run_step(const lw_onednn_primitive *p, const step *run, void *scratch,
                              dnnl_exec_arg_t *arguments, int count)
{
    if (run->scratchpad) {
        dnnl_status_t status = set_address(run->scratchpad, scratch);
        if (status) return status;
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, run->scratchpad};
    }
    return lw_onednn.primitive_execute(run->primitive, p->stream, count, arguments);
}

static dnnl_status_t run_reorder(const lw_onednn_primitive *p, const operand *o, void *scratch)
{
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_FROM, o->output ? o->inner : o->plain},
                                    {DNNL_ARG_TO, o->output ? o->plain : o->inner}};
    return run_step(p, &o->reorder, scratch, arguments, 2);
}

// Tells every operand where its memory is. A bias that the caller leaves out is zeros, a bias
// gradient goes where nobody looks.
static dnnl_status_t set_addresses(const lw_onednn_primitive *p, const lw_conv_arrays *arrays,
                                   unsigned char *pieces)
{
    for (int i = 0; i < p->n_operands; i++) {
        const operand *o = &p->operands[i];
        void *address = array_of(arrays, o->argument);
        if (!address) {
            address = pieces + p->bias_at;
            memset(address, 0, p->bias_bytes);
        }
        if (o->map) address = (float *)address + o->map->origin;
        dnnl_status_t status = set_address(o->plain, address);
        if (!status && o->inner) status = set_address(o->inner, pieces + o->inner_at);
        if (status) return status;
    }
    return dnnl_success;
}

static dnnl_status_t fetch(lw_onednn_primitive *p, const lw_conv_arrays *arrays)
{
    dnnl_status_t status =
        set_addresses(p, arrays, p->workspace + lw_round_up(p->scratchpad_bytes, LW_ALIGNMENT));
    for (int i = 0; i < p->n_operands && !status; i++)
        if (p->operands[i].inner && !p->operands[i].output)
            status = run_reorder(p, &p->operands[i], p->workspace);
    return status ? status : lw_onednn.stream_wait(p->stream);
}

static dnnl_status_t compute(lw_onednn_primitive *p)
{
    dnnl_exec_arg_t arguments[max_arguments];
    for (int i = 0; i < p->n_operands; i++) {
        const operand *o = &p->operands[i];
        arguments[i] = (dnnl_exec_arg_t){o->argument, o->inner ? o->inner : o->plain};
    }
    dnnl_status_t status = run_step(p, &p->convolution, p->workspace, arguments, p->n_operands);
    return status ? status : lw_onednn.stream_wait(p->stream);
}

static dnnl_status_t store(lw_onednn_primitive *p)
{
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < p->n_operands && !status; i++)
        if (p->operands[i].inner && p->operands[i].output)
            status = run_reorder(p, &p->operands[i], p->workspace);
    return status ? status : lw_onednn.stream_wait(p->stream);
}

// Runs a part on the primitive's number of threads; turns its status into ours.
static lw_status on_threads(lw_onednn_primitive *p, const char *what,
                            dnnl_status_t (*part)(lw_onednn_primitive *p))
{
    const int32_t threads_before = limit_threads(p->threads);
    dnnl_status_t status = part(p);
    limit_threads(threads_before);
    if (!status) return LW_OK;
    return lw_fail(LW_ERROR_INTERNAL, "onednn: %s: oneDNN fails %s with status %d", p->name, what,
                   (int)status);
}

lw_status lw_onednn_primitive_fetch(lw_onednn_primitive *primitive, const lw_conv_arrays *arrays,
                                    void *workspace)
{
    const uintptr_t address = (uintptr_t)workspace;
    primitive->workspace =
        (unsigned char *)workspace + (lw_round_up(address, LW_ALIGNMENT) - address);
    const int32_t threads_before = limit_threads(primitive->threads);
    dnnl_status_t status = fetch(primitive, arrays);
    limit_threads(threads_before);
    if (!status) return LW_OK;
    return lw_fail(LW_ERROR_INTERNAL, "onednn: %s: oneDNN fails with status %d at the inputs",
                   primitive->name, (int)status);
}

lw_status lw_onednn_primitive_compute(lw_onednn_primitive *primitive)
{
    return on_threads(primitive, "computing", compute);
}

typedef struct clearing {
    const lw_onednn_primitive *primitive;
    const lw_conv_map *map;
    float *array;
} clearing;

// Zeros for the spare channels of the rows of a thread: oneDNN writes the real ones.
static void clear_spare_channels(void *context, int32_t thread, int32_t threads)
{
    const clearing *work = context;
    const lw_conv_map *map = work->map;
    const size_t spare = (size_t)(map->padded_channels - map->channels);
    for (int64_t row = thread; row < (int64_t)work->primitive->images * map->height;
         row += threads) {
        float *pixel = work->array + map->origin + row / map->height * map->image +
                       row % map->height * map->row + map->channels;
        for (int32_t w = 0; w < map->width; w++, pixel += map->pixel)
            memset(pixel, 0, spare * sizeof *pixel);
    }
}

lw_status lw_onednn_primitive_store(lw_onednn_primitive *primitive, const lw_conv_arrays *arrays)
{
    LW_TRY(on_threads(primitive, "at the outputs", store));
    for (int i = 0; i < primitive->n_operands; i++) {
        const operand *o = &primitive->operands[i];
        if (!o->output || !o->map || o->map->padded_channels == o->map->channels) continue;
        clearing work = {primitive, o->map, array_of(arrays, o->argument)};
        lw_parallel_run(primitive->threads, clear_spare_channels, &work);
    }
    return LW_OK;
}
