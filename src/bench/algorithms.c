// SPDX-License-Identifier: Apache-2.0
#include "bench/algorithms.h"

#include "base/error.h"
#include "conv/list.h"

#include <stdio.h>
#include <string.h>

int lw_bench_algorithm_count(void)
{
    int count = LW_CONV_ALGORITHM_NAIVE;
    while (count < LW_BENCH_MOST_ALGORITHMS &&
           strcmp(lw_conv_algorithm_name((lw_conv_algorithm)count), "unknown") != 0)
        count++;
    return count;
}

lw_bench_selection lw_bench_select_all(void)
{
    lw_bench_selection selection = {{false}, {false}};
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++) selection.passes[pass] = true;
    for (int a = LW_CONV_ALGORITHM_NAIVE; a < lw_bench_algorithm_count(); a++)
        selection.algorithms[a] = true;
    return selection;
}

bool lw_bench_is_dense_equivalent(lw_conv_algorithm algorithm)
{
    for (int pass = 0; pass < LW_BENCH_PASSES; pass++) {
        const lw_conv_implementation *const *list;
        int count = lw_conv_list((lw_conv_pass)pass, &list);
        for (int i = 0; i < count; i++)
            if (list[i]->algorithm == algorithm && list[i]->transforms) return true;
    }
    return false;
}

lw_status lw_bench_consider(const lw_conv_shape *shape, lw_conv_layout layout, lw_conv_pass pass,
                            lw_conv_algorithm algorithm, bool *possible, char *reason,
                            size_t reason_bytes)
{
    // Naive can do everything: its plan holds the answers of all the others.
    const lw_conv_options options = {
        .algorithm = LW_CONV_ALGORITHM_NAIVE, .threads = 1, .layout = layout};
    lw_conv_plan *plan;
    *possible = false;
    snprintf(reason, reason_bytes, "it does not offer this pass");
    LW_TRY(lw_conv_plan_create(&plan, shape, pass, &options));
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *candidate = lw_conv_plan_candidate(plan, i);
        if (candidate->algorithm != algorithm) continue;
        *possible = candidate->possible;
        snprintf(reason, reason_bytes, "%s", candidate->possible ? "" : candidate->reason);
    }
    lw_conv_plan_destroy(&plan);
    if (!*possible) return LW_OK;
    // Some find out only when they are chosen.
    const lw_conv_options forced = {.algorithm = algorithm, .threads = 1, .layout = layout};
    lw_status status = lw_conv_plan_create(&plan, shape, pass, &forced);
    lw_conv_plan_destroy(&plan);
    if (status != LW_ERROR_UNSUPPORTED) return status;
    *possible = false;
    snprintf(reason, reason_bytes, "%s", lw_error_message());
    return LW_OK;
}
