// SPDX-License-Identifier: Apache-2.0
#include "study/halving.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

lw_status lw_halving_init(lw_halving *halving, int32_t first, int32_t factor, int32_t epochs)
{
    *halving = (lw_halving){.factor = factor};
    if (first < 1 || factor < 2)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "halving: expected a first epoch from 1 and a factor from 2, got %d and %d",
                       first, factor);
    for (int64_t rung = first; rung < epochs && halving->n_rungs < LW_HALVING_RUNGS; rung *= factor)
        halving->rungs[halving->n_rungs++].epochs = (int32_t)rung;
    return LW_OK;
}

void lw_halving_destroy(lw_halving *halving)
{
    for (size_t i = 0; i < halving->n_rungs; i++) free(halving->rungs[i].scores);
    *halving = (lw_halving){0};
}

bool lw_halving_judge(lw_halving *halving, int32_t epoch, double score)
{
    struct lw_rung *rung = NULL;
    for (size_t i = 0; i < halving->n_rungs && !rung; i++)
        if (halving->rungs[i].epochs == epoch) rung = &halving->rungs[i];
    if (!rung) return true;
    if (isnan(score)) score = -INFINITY;
    double *grown = realloc(rung->scores, (rung->n + 1) * sizeof *grown);
    if (!grown) return true;
    rung->scores = grown;
    size_t better = 0;
    for (size_t i = 0; i < rung->n; i++) better += grown[i] > score;
    grown[rung->n++] = score;
    // The best of so many, rounded up: whoever comes first goes on.
    const size_t factor = (size_t)halving->factor;
    return better < (rung->n + factor - 1) / factor;
}
