// SPDX-License-Identifier: Apache-2.0
// Intel's oneDNN as an algorithm: the yardstick beside our own. Its primitive may choose the
// layouts that suit it; what it wants in another layout than the caller's is reordered in the
// workspace, as part of the execution. All of its memory is ours (the workspace), and all of its
// objects are made with the plan. It runs its own OpenMP threads, whose number we set.
#include "conv/onednn.h"

#include "base/error.h"
#include "base/memory.h"
#include "conv/list.h"
#include "conv/panels.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { max_operands = 4, max_arguments = max_operands + 1, name_bytes = 64 };

// A primitive with its own view of the scratch memory that all of them share, one after the other.
typedef struct step {
    dnnl_primitive_t primitive;
    dnnl_memory_t scratchpad; // NULL when it needs none
} step;

// An array of the caller.
typedef struct operand {
    int argument; // which it is to the primitive: DNNL_ARG_SRC ...
    bool output;
    dnnl_memory_t plain; // the caller's array
    dnnl_memory_t inner; // a copy in the primitive's layout; NULL when that is the caller's
    step reorder;        // between the two
    size_t inner_at;     // where the copy stands in the workspace
} operand;

typedef struct onednn_state {
    pthread_mutex_t turn; // oneDNN's memory objects hold the addresses of one execution
    int32_t threads;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    step convolution;
    operand operands[max_operands];
    int n_operands;
    size_t scratchpad_bytes;    // of the largest step, at the workspace's start
    size_t bias_at, bias_bytes; // stands in for a bias array that the caller leaves out
    size_t workspace_bytes;     // without room for alignment
    char name[name_bytes];
} onednn_state;

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

// ---- Considering ------------------------------------------------------------------------------

// Quick and careful: oneDNN itself is asked when a plan is made for it. It counts in int, so
// whatever might not fit one is kept away from it.
static void consider(const lw_conv_problem *problem, lw_conv_answer *answer)
{
    const lw_conv_sizes *sizes = &problem->sizes;
    const lw_conv_shape *s = &sizes->shape;
    const double most_floats = (double)(1 << 29), most_pixels = (double)(1 << 30);
    const double x = (double)s->n * s->ic * s->ih * s->iw;
    const double weights = (double)s->oc * (double)sizes->depth;
    const double y = (double)s->n * s->oc * (double)sizes->positions;
    if (x > most_floats || weights > most_floats || y > most_floats ||
        s->ih + 2.0 * s->pad_h > most_pixels || s->iw + 2.0 * s->pad_w > most_pixels) {
        snprintf(answer->reason, sizeof answer->reason,
                 "oneDNN counts in 32 bits, and an array of more than 2 GiB is too large for that");
        return;
    }
    answer->possible = true;
    snprintf(answer->reason, sizeof answer->reason, "the yardstick: taken only when asked for");
    // The multiply-adds, every array reordered once, and a call.
    const double macs = (double)lw_conv_shape_macs(s);
    answer->cycles = lw_conv_estimate_product(lw_kernels(), macs) + x + weights + y + 10000.0;
}

// ---- Preparing --------------------------------------------------------------------------------

// The convolution with every layout left to oneDNN.
static dnnl_status_t create_convolution(const lw_conv_sizes *sizes, lw_onednn_convolution *c)
{
    const lw_conv_shape *s = &sizes->shape;
    *c = (lw_onednn_convolution){.strides = {s->stride_h, s->stride_w},
                                 .dilations = {s->dilation_h - 1, s->dilation_w - 1},
                                 .pads = {s->pad_h, s->pad_w}};
    const dnnl_dims_t x = {s->n, s->ic, s->ih, s->iw}, weights = {s->oc, s->ic, s->kh, s->kw},
                      bias = {s->oc}, y = {s->n, s->oc, sizes->oh, sizes->ow};
    dnnl_status_t status = lw_onednn_layout_create(&c->x, 4, x, dnnl_format_tag_any);
    if (!status) status = lw_onednn_layout_create(&c->weights, 4, weights, dnnl_format_tag_any);
    if (!status) status = lw_onednn_layout_create(&c->bias, 1, bias, dnnl_a);
    if (!status) status = lw_onednn_layout_create(&c->y, 4, y, dnnl_format_tag_any);
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
static dnnl_status_t create_plain_layout(const lw_conv_sizes *sizes, int argument,
                                         lw_onednn_layout *layout)
{
    const lw_conv_shape *s = &sizes->shape;
    dnnl_dims_t dims = {s->n, s->oc, sizes->oh, sizes->ow}; // y and dy
    if (is_bias(argument)) {
        dims[0] = s->oc;
        return lw_onednn_layout_create(layout, 1, dims, dnnl_a);
    }
    if (argument == DNNL_ARG_SRC || argument == DNNL_ARG_DIFF_SRC) {
        dims[1] = s->ic;
        dims[2] = s->ih;
        dims[3] = s->iw;
    } else if (argument == DNNL_ARG_WEIGHTS || argument == DNNL_ARG_DIFF_WEIGHTS) {
        dims[0] = s->oc;
        dims[1] = s->ic;
        dims[2] = s->kh;
        dims[3] = s->kw;
    }
    return lw_onednn_layout_create(layout, 4, dims, dnnl_abcd);
}

// Makes a step out of its description, which is used up.
static dnnl_status_t create_step(onednn_state *state, dnnl_primitive_desc_t description, step *made)
{
    lw_onednn_const_layout scratchpad =
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    size_t bytes = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
    if (bytes > state->scratchpad_bytes) state->scratchpad_bytes = bytes;
    dnnl_status_t status = dnnl_primitive_create(&made->primitive, description);
    if (!status && bytes > 0)
        status = dnnl_memory_create(&made->scratchpad, scratchpad, state->engine, DNNL_MEMORY_NONE);
    dnnl_primitive_desc_destroy(description);
    return status;
}

// Books a piece of the workspace behind the others; the scratchpad comes before all of them.
static size_t book(onednn_state *state, size_t bytes)
{
    size_t at = state->workspace_bytes;
    state->workspace_bytes += lw_round_up(bytes, LW_ALIGNMENT);
    return at;
}

// The memory of one array, and the reorder to the layout that the primitive wants.
static dnnl_status_t create_operand(onednn_state *state, lw_onednn_const_layout wanted,
                                    lw_onednn_const_layout plain, operand *made)
{
    dnnl_status_t status = dnnl_memory_create(&made->plain, plain, state->engine, DNNL_MEMORY_NONE);
    if (status || dnnl_memory_desc_equal(plain, wanted)) return status;
    status = dnnl_memory_create(&made->inner, wanted, state->engine, DNNL_MEMORY_NONE);
    if (status) return status;
    made->inner_at = book(state, dnnl_memory_desc_get_size(wanted));
    dnnl_primitive_desc_t description;
    status = dnnl_reorder_primitive_desc_create(&description, made->output ? wanted : plain,
                                                state->engine, made->output ? plain : wanted,
                                                state->engine, state->attributes);
    return status ? status : create_step(state, description, &made->reorder);
}

static dnnl_status_t create_operands(onednn_state *state, const lw_conv_problem *problem,
                                     const_dnnl_primitive_desc_t description)
{
    for (int i = 0; i < max_operands && roles[problem->pass][i].argument; i++) {
        operand *made = &state->operands[state->n_operands++];
        made->argument = roles[problem->pass][i].argument;
        made->output = roles[problem->pass][i].output;
        lw_onednn_const_layout wanted =
            dnnl_primitive_desc_query_md(description, dnnl_query_exec_arg_md, made->argument);
        lw_onednn_layout plain = NULL;
        dnnl_status_t status = create_plain_layout(&problem->sizes, made->argument, &plain);
        if (!status) status = create_operand(state, wanted, plain, made);
        lw_onednn_layout_destroy(&plain);
        if (status) return status;
        if (!is_bias(made->argument)) continue;
        state->bias_bytes = (size_t)problem->sizes.shape.oc * sizeof(float);
        state->bias_at = book(state, state->bias_bytes);
    }
    return dnnl_success;
}

// Everything that belongs to the convolution, whose layouts are at hand.
static dnnl_status_t create_primitives(onednn_state *state, const lw_conv_problem *problem,
                                       const lw_onednn_convolution *convolution)
{
    dnnl_primitive_desc_t description;
    dnnl_status_t status = lw_onednn_describe(&description, convolution, problem->pass,
                                              state->engine, state->attributes);
    if (status) return status;
    const char *name = NULL;
    if (!dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name) && name)
        snprintf(state->name, sizeof state->name, "%s", name);
    status = create_operands(state, problem, description);
    if (status) {
        dnnl_primitive_desc_destroy(description);
        return status;
    }
    return create_step(state, description, &state->convolution);
}

static dnnl_status_t create_all(onednn_state *state, const lw_conv_problem *problem)
{
    dnnl_status_t status = dnnl_engine_create(&state->engine, dnnl_cpu, 0);
    if (!status)
        status = dnnl_stream_create(&state->stream, state->engine, dnnl_stream_default_flags);
    if (!status) status = dnnl_primitive_attr_create(&state->attributes);
    if (!status)
        status =
            dnnl_primitive_attr_set_scratchpad_mode(state->attributes, dnnl_scratchpad_mode_user);
    if (status) return status;
    lw_onednn_convolution convolution;
    status = create_convolution(&problem->sizes, &convolution);
    if (!status) status = create_primitives(state, problem, &convolution);
    destroy_convolution(&convolution);
    return status;
}

static void destroy_step(step *made)
{
    if (made->scratchpad) dnnl_memory_destroy(made->scratchpad);
    if (made->primitive) dnnl_primitive_destroy(made->primitive);
}

static void destroy(void *pointer)
{
    onednn_state *state = pointer;
    destroy_step(&state->convolution);
    for (int i = 0; i < state->n_operands; i++) {
        operand *made = &state->operands[i];
        destroy_step(&made->reorder);
        if (made->inner) dnnl_memory_destroy(made->inner);
        if (made->plain) dnnl_memory_destroy(made->plain);
    }
    if (state->attributes) dnnl_primitive_attr_destroy(state->attributes);
    if (state->stream) dnnl_stream_destroy(state->stream);
    if (state->engine) dnnl_engine_destroy(state->engine);
    pthread_mutex_destroy(&state->turn);
    free(state);
}

static lw_status prepare(const lw_conv_problem *problem, lw_conv_answer *answer, void **pointer)
{
    onednn_state *state = calloc(1, sizeof *state);
    if (!state) return lw_fail(LW_ERROR_MEMORY, "onednn: no memory for a plan");
    if (pthread_mutex_init(&state->turn, NULL)) {
        free(state);
        return lw_fail(LW_ERROR_MEMORY, "onednn: no mutex for a plan");
    }
    state->threads = problem->threads;
    // A primitive is cut up for the number of threads there are when it is made.
    const int32_t threads_before = lw_parallel_limit(state->threads);
    dnnl_status_t status = create_all(state, problem);
    lw_parallel_limit(threads_before);
    if (!status) {
        answer->workspace_bytes = lw_round_up(state->scratchpad_bytes, LW_ALIGNMENT) +
                                  state->workspace_bytes + LW_ALIGNMENT;
        *pointer = state;
        return LW_OK;
    }
    destroy(state);
    if (status == dnnl_out_of_memory)
        return lw_fail(LW_ERROR_MEMORY, "onednn: oneDNN has no memory for the plan");
    answer->possible = false;
    snprintf(answer->reason, sizeof answer->reason, "oneDNN refuses it with status %d%s",
             (int)status, status == dnnl_unimplemented ? " (not implemented)" : "");
    return LW_OK;
}

// ---- Executing --------------------------------------------------------------------------------

// Version 2 clears a layout's padding whenever an address is set, and reorders clear it too; an
// address that has not changed is not set again.
static dnnl_status_t set_address(dnnl_memory_t memory, void *address)
{
    void *before = NULL;
    if (!dnnl_memory_get_data_handle(memory, &before) && before == address) return dnnl_success;
    return dnnl_memory_set_data_handle(memory, address);
}

// Runs a step whose first `count` arguments are set; there is room for one more.
static dnnl_status_t run_step(const onednn_state *state, const step *run, void *scratch,
                              dnnl_exec_arg_t *arguments, int count)
{
    if (run->scratchpad) {
        dnnl_status_t status = set_address(run->scratchpad, scratch);
        if (status) return status;
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, run->scratchpad};
    }
    return dnnl_primitive_execute(run->primitive, state->stream, count, arguments);
}

static dnnl_status_t run_reorder(const onednn_state *state, const operand *o, void *scratch)
{
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_FROM, o->output ? o->inner : o->plain},
                                    {DNNL_ARG_TO, o->output ? o->plain : o->inner}};
    return run_step(state, &o->reorder, scratch, arguments, 2);
}

// Tells every operand where its memory is. A bias that the caller leaves out is zeros, a bias
// gradient goes where nobody looks.
static dnnl_status_t set_addresses(const onednn_state *state, const lw_conv_arrays *arrays,
                                   unsigned char *pieces)
{
    for (int i = 0; i < state->n_operands; i++) {
        const operand *o = &state->operands[i];
        void *address = array_of(arrays, o->argument);
        if (!address) {
            address = pieces + state->bias_at;
            memset(address, 0, state->bias_bytes);
        }
        dnnl_status_t status = set_address(o->plain, address);
        if (!status && o->inner) status = set_address(o->inner, pieces + o->inner_at);
        if (status) return status;
    }
    return dnnl_success;
}

static dnnl_status_t run_all(const onednn_state *state, const lw_conv_arrays *arrays,
                             unsigned char *workspace)
{
    unsigned char *pieces = workspace + lw_round_up(state->scratchpad_bytes, LW_ALIGNMENT);
    dnnl_status_t status = set_addresses(state, arrays, pieces);
    dnnl_exec_arg_t arguments[max_arguments];
    for (int i = 0; i < state->n_operands && !status; i++) {
        const operand *o = &state->operands[i];
        arguments[i] = (dnnl_exec_arg_t){o->argument, o->inner ? o->inner : o->plain};
        if (o->inner && !o->output) status = run_reorder(state, o, workspace);
    }
    if (!status)
        status = run_step(state, &state->convolution, workspace, arguments, state->n_operands);
    for (int i = 0; i < state->n_operands && !status; i++) {
        const operand *o = &state->operands[i];
        if (o->inner && o->output) status = run_reorder(state, o, workspace);
    }
    return status ? status : dnnl_stream_wait(state->stream);
}

static lw_status execute(void *pointer, const lw_conv_arrays *arrays, void *workspace)
{
    onednn_state *state = pointer;
    const uintptr_t address = (uintptr_t)workspace;
    unsigned char *aligned =
        (unsigned char *)workspace + (lw_round_up(address, LW_ALIGNMENT) - address);
    pthread_mutex_lock(&state->turn);
    const int32_t threads_before = lw_parallel_limit(state->threads);
    dnnl_status_t status = run_all(state, arrays, aligned);
    lw_parallel_limit(threads_before);
    pthread_mutex_unlock(&state->turn);
    if (status)
        return lw_fail(LW_ERROR_INTERNAL, "onednn: %s: oneDNN fails with status %d", state->name,
                       (int)status);
    return LW_OK;
}

static const char *name_of(const void *pointer)
{
    return ((const onednn_state *)pointer)->name;
}

static const lw_conv_prepared hooks = {prepare, execute, name_of, destroy};

const lw_conv_implementation lw_conv_onednn = {.algorithm = LW_CONV_ALGORITHM_ONEDNN,
                                               .only_on_request = true,
                                               .consider = consider,
                                               .prepared = &hooks};
