// SPDX-License-Identifier: Apache-2.0
#include "track/judge.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

enum {
    resamples = 1000,
    least_fresh = 10,     // blocks of a confirmation
    least_at_the_end = 8, // of one that the budget cut short: with fewer none can succeed
    most_suspicions = 3   // what was not confirmed three times is not there
};
static const double confidence = 0.95;

const char *lw_verdict_name(lw_verdict verdict)
{
    static const char *const names[] = {"inconclusive", "same", "faster", "slower"};
    return names[verdict];
}

lw_judge_rules lw_judge_rules_default(void)
{
    // A suite without a change is called slower once in 1 / (0.25 / 2 * 0.005) = 1,600 sessions; where
    // something did change, wrong suspicions of others are somewhat more frequent.
    return (lw_judge_rules){.margin = 0.02,
                            .screen_level = 0.25,
                            .confirm_level = 0.005,
                            .least_blocks = 8,
                            .most_fresh = 40,
                            .seed = 1};
}

lw_status lw_judge_create(lw_judge **judge, const lw_judge_rules *rules, size_t n)
{
    *judge = calloc(1, sizeof **judge);
    if (*judge) (*judge)->cases = calloc(n ? n : 1, sizeof *(*judge)->cases);
    if (!*judge || !(*judge)->cases) {
        lw_judge_destroy(judge);
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu benchmarks", n);
    }
    (*judge)->rules = *rules;
    (*judge)->n = n;
    (*judge)->next_look = rules->least_blocks;
    for (size_t i = 0; i < n; i++) {
        (*judge)->cases[i].ratio = (lw_interval){NAN, NAN, NAN};
        (*judge)->cases[i].p = 1;
    }
    return LW_OK;
}

void lw_judge_destroy(lw_judge **judge)
{
    if (!*judge) return;
    for (size_t i = 0; (*judge)->cases && i < (*judge)->n; i++)
        free((*judge)->cases[i].differences);
    free((*judge)->cases);
    free(*judge);
    *judge = NULL;
}

lw_status lw_judge_add(lw_judge *judge, size_t index, double difference)
{
    lw_case *c = &judge->cases[index];
    if (c->n == c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 32;
        double *grown = realloc(c->differences, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu blocks", capacity);
        c->differences = grown;
        c->capacity = capacity;
    }
    c->differences[c->n++] = difference;
    return LW_OK;
}

// One-sided p values for "slower" (direction +1) and "faster" (-1).
static lw_status test_direction(double *p, const double *differences, size_t n, int direction)
{
    double *turned = malloc((n + 1) * sizeof *turned);
    if (!turned) return lw_fail(LW_ERROR_MEMORY, "no memory for a test of %zu blocks", n);
    for (size_t i = 0; i < n; i++) turned[i] = direction * differences[i];
    const lw_status status = lw_statistics_signed_rank(p, turned, n);
    free(turned);
    return status;
}

// Ratio, interval and p value from the blocks `from` to `until`.
static lw_status estimate(lw_judge *judge, size_t index, size_t from, size_t until)
{
    lw_case *c = &judge->cases[index];
    lw_rng rng = lw_rng_stream(judge->rules.seed, LW_RNG_TRACK, 0, index);
    lw_interval logs;
    const size_t n = until - from;
    LW_TRY(lw_statistics_center(&logs, c->differences + from, n, confidence, resamples, &rng));
    double slower, faster;
    LW_TRY(test_direction(&slower, c->differences + from, n, 1));
    LW_TRY(test_direction(&faster, c->differences + from, n, -1));
    c->ratio = (lw_interval){exp(logs.center), exp(logs.low), exp(logs.high)};
    c->p = fmin(1, 2 * fmin(slower, faster));
    c->used = n;
    return LW_OK;
}

static bool within_margin(const lw_case *c, double margin)
{
    return c->ratio.low >= 1 / (1 + margin) && c->ratio.high <= 1 + margin;
}

static void decide(lw_case *c, lw_verdict verdict)
{
    c->decided = true;
    c->verdict = verdict;
}

// A confirmation that has its blocks. The first block of each is a stranger to the suspicion.
static lw_status judge_fresh(lw_judge *judge, size_t index)
{
    lw_case *c = &judge->cases[index];
    const int direction = c->direction;
    double p;
    LW_TRY(test_direction(&p, c->differences + c->fresh_from, c->n - c->fresh_from, direction));
    c->direction = 0;
    if (p > judge->rules.confirm_level) return estimate(judge, index, 0, c->n);
    LW_TRY(estimate(judge, index, c->fresh_from, c->n));
    if (direction > 0 && c->ratio.center <= 1 + judge->rules.limit) return LW_OK;
    decide(c, direction > 0 ? LW_VERDICT_SLOWER : LW_VERDICT_FASTER);
    return LW_OK;
}

static void suspect(lw_judge *judge, lw_case *c)
{
    const int direction = c->ratio.center > 1 ? 1 : -1;
    if (direction > 0 && c->ratio.center <= 1 + judge->rules.limit) return;
    if (c->suspicions == most_suspicions) return;
    size_t fresh = c->n > least_fresh ? c->n : least_fresh;
    if (fresh > judge->rules.most_fresh) fresh = judge->rules.most_fresh;
    c->direction = direction;
    c->suspicions++;
    c->fresh_from = c->n;
    c->fresh_until = c->n + fresh;
}

static lw_status look(lw_judge *judge)
{
    double *p = malloc((judge->n + 1) * sizeof *p);
    bool *rejected = malloc((judge->n + 1) * sizeof *rejected);
    lw_status status =
        p && rejected ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for %zu tests", judge->n);
    for (size_t i = 0; i < judge->n && !status; i++) {
        lw_case *c = &judge->cases[i];
        if (!c->decided && c->direction == 0 && c->n > 0) status = estimate(judge, i, 0, c->n);
        p[i] = c->p;
    }
    judge->looks++;
    // 1/2 + 1/6 + 1/12 + ... = 1: what all looks spend together.
    const double level =
        judge->rules.screen_level / ((double)judge->looks * (double)(judge->looks + 1));
    if (!status) status = lw_statistics_benjamini_hochberg(rejected, p, judge->n, level);
    for (size_t i = 0; i < judge->n && !status; i++) {
        lw_case *c = &judge->cases[i];
        if (c->decided || c->direction != 0 || c->n < judge->rules.least_blocks) continue;
        if (within_margin(c, judge->rules.margin))
            decide(c, LW_VERDICT_SAME);
        else if (rejected[i])
            suspect(judge, c);
    }
    free(p);
    free(rejected);
    return status;
}

lw_status lw_judge_end_round(lw_judge *judge)
{
    judge->round++;
    for (size_t i = 0; i < judge->n; i++) {
        const lw_case *c = &judge->cases[i];
        if (!c->decided && c->direction != 0 && c->n >= c->fresh_until)
            LW_TRY(judge_fresh(judge, i));
    }
    if (judge->round < judge->next_look) return LW_OK;
    judge->next_look = judge->round + judge->round / 4 + 1;
    return look(judge);
}

bool lw_judge_done(const lw_judge *judge)
{
    for (size_t i = 0; i < judge->n; i++)
        if (!judge->cases[i].decided) return false;
    return true;
}

lw_status lw_judge_close(lw_judge *judge)
{
    for (size_t i = 0; i < judge->n; i++) {
        lw_case *c = &judge->cases[i];
        if (c->decided) continue;
        // When the budget ends does not depend on what was measured, so this look costs nothing.
        if (c->direction != 0 && c->n - c->fresh_from >= least_at_the_end)
            LW_TRY(judge_fresh(judge, i));
        else if (c->n > 0)
            LW_TRY(estimate(judge, i, 0, c->n));
        if (c->decided) continue;
        decide(c, c->n >= judge->rules.least_blocks && within_margin(c, judge->rules.margin)
                      ? LW_VERDICT_SAME
                      : LW_VERDICT_INCONCLUSIVE);
    }
    return LW_OK;
}
