// SPDX-License-Identifier: Apache-2.0
// Intel's oneDNN as an algorithm: the yardstick beside our own. Where it has a fast implementation
// for the caller's maps as they lie, nothing is copied; elsewhere reorders to and from layouts that
// suit it are part of the execution. All of its memory is ours (the workspace), and all of its
// objects are made with the plan. It runs its own OpenMP threads, whose number we set.
#include "base/error.h"
#include "conv/list.h"
#include "conv/onednn_primitive.h"
#include "conv/panels.h"
#include "cpu/kernel_table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct onednn_state {
    pthread_mutex_t turn; // oneDNN's memory objects hold the addresses of one execution
    lw_onednn_primitive *primitive;
} onednn_state;

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

// The first of these that is more than oneDNN's plain loops, which take maps with a halo where none
// of its fast implementations does (2.6 and 3.2: those want dense maps). Maps with their channels
// last are cheaper to copy to such than to oneDNN's blocks.
static lw_status choose_maps(const lw_conv_problem *problem, lw_onednn_primitive **primitive,
                             int *refusal)
{
    const bool planes = problem->layout == LW_CONV_LAYOUT_NCHW;
    lw_onednn_setting setting = {.maps = planes ? LW_ONEDNN_ANY : LW_ONEDNN_CALLER};
    for (; setting.maps < LW_ONEDNN_ANY; setting.maps++) {
        LW_TRY(lw_onednn_primitive_create(primitive, problem, &setting, refusal));
        if (*primitive && !lw_onednn_primitive_is_reference(*primitive)) return LW_OK;
        lw_onednn_primitive_destroy(primitive);
    }
    return lw_onednn_primitive_create(primitive, problem, &setting, refusal);
}

static void destroy(void *pointer)
{
    onednn_state *state = pointer;
    lw_onednn_primitive_destroy(&state->primitive);
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
    int refusal;
    lw_status status = choose_maps(problem, &state->primitive, &refusal);
    if (!status && state->primitive) {
        answer->workspace_bytes = lw_onednn_primitive_workspace_bytes(state->primitive);
        *pointer = state;
        return LW_OK;
    }
    destroy(state);
    if (status && status != LW_ERROR_UNSUPPORTED) return status;
    answer->possible = false;
    if (status)
        snprintf(answer->reason, sizeof answer->reason, "%s", lw_error_message());
    else
        snprintf(answer->reason, sizeof answer->reason,
                 "oneDNN has no implementation for it (status %d)", refusal);
    return LW_OK;
}

static lw_status execute(void *pointer, const lw_conv_arrays *arrays, void *workspace)
{
    onednn_state *state = pointer;
    pthread_mutex_lock(&state->turn);
    lw_status status = lw_onednn_primitive_fetch(state->primitive, arrays, workspace);
    if (!status) status = lw_onednn_primitive_compute(state->primitive);
    if (!status) status = lw_onednn_primitive_store(state->primitive, arrays);
    pthread_mutex_unlock(&state->turn);
    return status;
}

static const char *name_of(const void *pointer)
{
    return lw_onednn_primitive_name(((const onednn_state *)pointer)->primitive);
}

static const lw_conv_prepared hooks = {prepare, execute, name_of, destroy};

const lw_conv_implementation lw_conv_onednn = {.algorithm = LW_CONV_ALGORITHM_ONEDNN,
                                               .only_on_request = true,
                                               .consider = consider,
                                               .prepared = &hooks};
