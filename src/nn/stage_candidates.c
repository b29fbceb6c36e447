// SPDX-License-Identifier: Apache-2.0
#include "nn/stage_candidates.h"

#include "base/error.h"
#include "cpu/kernel_table.h"
#include "nn/stage_plain.h"

#include <stdio.h>

lw_conv_shape lw_stage_conv_shape(const lw_plan *plan, size_t stage)
{
    const lw_conv_geometry *g = &plan->stages[stage].conv;
    const lw_map *in = &plan->maps[stage];
    return (lw_conv_shape){
        .n = 1,
        .ic = g->ic,
        .ih = in->extent.height,
        .iw = in->extent.width,
        .oc = g->oc,
        .kh = g->kh,
        .kw = g->kw,
        .stride_h = g->stride_h,
        .stride_w = g->stride_w,
        .pad_h = plan->stages[stage].pad_h,
        .pad_w = plan->stages[stage].pad_w,
        .dilation_h = g->dilation_h,
        .dilation_w = g->dilation_w,
    };
}

static const char *direct_kernel(const lw_stage *stage, lw_conv_pass pass)
{
    if (pass == LW_CONV_FORWARD) return "conv_forward";
    if (stage->dense[pass])
        return pass == LW_CONV_BACKWARD_DATA ? "dense_forward" : "dense_backward_weights";
    if (pass == LW_CONV_BACKWARD_DATA) return "conv_backward_data";
    return stage->weights->conv.first ? "conv_backward_weights_first" : "conv_backward_weights";
}

static const char *fused_words(const lw_conv_geometry *g)
{
    return g->pool && g->relu ? "bias, ReLU, max pool in registers"
           : g->pool          ? "bias, max pool in registers"
           : g->relu          ? "bias, ReLU in registers"
                              : "bias in registers";
}

static lw_stage_candidate describe_direct(const lw_stage *stage, lw_conv_pass pass)
{
    lw_stage_candidate direct = {.algorithm = LW_CONV_ALGORITHM_DIRECT, .possible = true};
    const lw_conv_geometry *g = &stage->conv;
    const char *does;
    if (pass == LW_CONV_FORWARD)
        does = fused_words(g);
    else if (stage->dense[pass])
        does = g->relu ? "tiles, also of what the ReLU stopped" : "register tiles";
    else if (pass == LW_CONV_BACKWARD_WEIGHTS && stage->weights->conv.first)
        does = "lanes hold output channels";
    else
        does = g->pool   ? "follows the winners of the pool"
               : g->relu ? "skips what the ReLU stopped"
                         : "every output position";
    snprintf(direct.answer, sizeof direct.answer, "%s_%s: %s", direct_kernel(stage, pass),
             lw_kernels()->isa, does);
    return direct;
}

// Why a stage that could run a pass on transformed tiles does not.
static const char *winograd_reason(const lw_parameter_layout *layout, const lw_stage *stage)
{
    const lw_conv_geometry *g = &stage->conv;
    if (g->ic < LW_WINOGRAD_LEAST_CHANNELS || g->oc < LW_WINOGRAD_LEAST_CHANNELS)
        return "with so few channels the transforms cost more than the products save";
    return layout->exact ? "it rounds more than sums do, and exact results are wanted"
                         : "another one is forced";
}

static lw_stage_candidate describe_winograd(const lw_parameter_layout *layout,
                                            const lw_stage *stage, lw_conv_pass pass)
{
    lw_stage_candidate winograd = {.algorithm = LW_CONV_ALGORITHM_WINOGRAD,
                                   .possible = stage->winograd[pass]};
    if (!stage->winograd[pass])
        snprintf(winograd.answer, sizeof winograd.answer, "no, because %s",
                 winograd_reason(layout, stage));
    else if (pass == LW_CONV_FORWARD)
        snprintf(winograd.answer, sizeof winograd.answer,
                 "winograd_forward_%s: tiles; %s", lw_kernels()->isa,
                 fused_words(&stage->conv));
    else
        snprintf(winograd.answer, sizeof winograd.answer, "%s_%s: tiles, dense",
                 pass == LW_CONV_BACKWARD_DATA ? "winograd_forward" : "winograd_weights_block",
                 lw_kernels()->isa);
    return winograd;
}

// The algorithms on plain arrays; `own_winograd`: the stage has its own, which goes before.
static lw_status list_plain(const lw_conv_shape *shape, lw_conv_pass pass, bool own_winograd,
                            lw_stage_candidate *candidates, size_t *count)
{
    lw_conv_plan *plain;
    lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_NAIVE, .threads = 1};
    LW_TRY(lw_conv_plan_create(&plain, shape, pass, &options));
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plain); i++) {
        const lw_conv_candidate *asked = lw_conv_plan_candidate(plain, i);
        bool own = asked->algorithm == LW_CONV_ALGORITHM_DIRECT ||
                   (asked->algorithm == LW_CONV_ALGORITHM_WINOGRAD && own_winograd);
        if (own || *count == LW_MAX_STAGE_CANDIDATES) continue;
        lw_stage_candidate *candidate = &candidates[(*count)++];
        *candidate = (lw_stage_candidate){.algorithm = asked->algorithm,
                                          .possible = asked->possible,
                                          .workspace_bytes = asked->workspace_bytes,
                                          .cycles = asked->cycles};
        if (asked->possible)
            snprintf(candidate->answer, sizeof candidate->answer,
                     "when forced: on plain arrays, ReLU and pool apart");
        else
            snprintf(candidate->answer, sizeof candidate->answer, "no, because %s", asked->reason);
    }
    lw_conv_plan_destroy(&plain);
    return LW_OK;
}

lw_status lw_stage_candidates(const lw_network *network, const lw_parameter_layout *layout,
                              const lw_plan *plan, size_t stage, lw_conv_pass pass,
                              lw_stage_candidate candidates[LW_MAX_STAGE_CANDIDATES], size_t *count)
{
    *count = 0;
    if (stage >= plan->n_stages || plan->stages[stage].kind != LW_STAGE_CONV)
        return lw_fail(LW_ERROR_ARGUMENT, "stage %zu is no convolution", stage);
    if (stage == 0 && pass == LW_CONV_BACKWARD_DATA) return LW_OK;
    const lw_stage *conv = &plan->stages[stage];
    candidates[(*count)++] = describe_direct(conv, pass);
    bool own_winograd =
        !lw_winograd_refusal(network, conv->first_layer, conv->weights->conv.first, pass);
    if (own_winograd) candidates[(*count)++] = describe_winograd(layout, conv, pass);
    lw_conv_shape shape = lw_stage_conv_shape(plan, stage);
    LW_TRY(list_plain(&shape, pass, own_winograd, candidates, count));
    lw_conv_algorithm chosen;
    LW_TRY(lw_conv_algorithm_parse(&chosen, lw_stage_algorithm_name(conv, pass)));
    for (size_t i = 0; i < *count; i++) candidates[i].chosen = candidates[i].algorithm == chosen;
    return LW_OK;
}
