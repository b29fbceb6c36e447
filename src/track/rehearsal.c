// SPDX-License-Identifier: Apache-2.0
#include "track/rehearsal.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { draw_blocks = 3 };
enum { u_test_blocks = 5 }; // with two measurements of each side: ten repetitions
static const double u_test_alpha = 0.05, fixed_threshold = 1.05;

// One session: which recorded case each benchmark draws its blocks from.
typedef struct session {
    const lw_recorded_case **cases; // the first one has the planted slowdown, if any has
    lw_tears *tears;                // of each
    size_t n;
    lw_rng rng;
} session;

// What disturbs a block could as well have hit the other side, so which side is drawn too: noise is
// mirrored around the centre of its case (nothing planted: zero). Without that, the few blocks that
// were recorded would be the whole truth, and their chance differences real ones.
static lw_recorded_block draw(session *s, size_t index)
{
    const lw_recorded_case *c = s->cases[index];
    const lw_recorded_block *block = &c->blocks[lw_rng_below(&s->rng, (uint32_t)c->n)];
    if (lw_rng_below(&s->rng, 2) == 0) return *block;
    const double factor = exp(c->center);
    lw_recorded_block mirrored = *block;
    for (int i = 0; i < 2; i++) {
        mirrored.old_seconds[i] = block->new_seconds[i] / factor;
        mirrored.new_seconds[i] = block->old_seconds[i] * factor;
    }
    mirrored.difference = 2 * c->center - block->difference;
    return mirrored;
}

// ---- our rule ---------------------------------------------------------------------------------

static lw_status judge_session(session *s, double planted, double budget_seconds,
                               lw_rehearsal *result, double *seconds)
{
    const lw_judge_rules rules = lw_judge_rules_default();
    lw_judge *judge;
    LW_TRY(lw_judge_create(&judge, &rules, s->n));
    lw_status status = LW_OK;
    *seconds = 0;
    memset(s->tears, 0, s->n * sizeof *s->tears);
    while (!status && !lw_judge_done(judge) && *seconds < budget_seconds) {
        for (size_t i = 0; i < s->n && !status && *seconds < budget_seconds; i++) {
            if (judge->cases[i].decided) continue;
            const lw_recorded_block block = draw(s, i);
            *seconds += block.wall_seconds;
            if (!lw_tears_note(&s->tears[i], block.old_seconds, block.new_seconds))
                status = lw_judge_add(judge, i, block.difference);
        }
        if (!status) status = lw_judge_end_round(judge);
    }
    if (!status) status = lw_judge_close(judge);
    bool wrong = false;
    for (size_t i = 0; i < s->n && !status; i++) {
        const bool slower = judge->cases[i].verdict == LW_VERDICT_SLOWER;
        if (i == 0 && planted > 0)
            result->found += slower;
        else
            wrong = wrong || slower;
    }
    result->wrong += wrong;
    lw_judge_destroy(&judge);
    return status;
}

// ---- other rules ------------------------------------------------------------------------------

static lw_status ask_others(session *s, size_t index, bool *u_slower, bool *threshold_slower)
{
    double old_values[2 * u_test_blocks], new_values[2 * u_test_blocks], p;
    for (size_t i = 0; i < u_test_blocks; i++) {
        const lw_recorded_block block = draw(s, index);
        memcpy(old_values + 2 * i, block.old_seconds, sizeof block.old_seconds);
        memcpy(new_values + 2 * i, block.new_seconds, sizeof block.new_seconds);
    }
    LW_TRY(lw_statistics_mann_whitney(&p, old_values, 2 * u_test_blocks, new_values,
                                      2 * u_test_blocks));
    const double ratio = lw_statistics_median(new_values, 2 * u_test_blocks) /
                         lw_statistics_median(old_values, 2 * u_test_blocks);
    *u_slower = p < u_test_alpha && ratio > 1;
    *threshold_slower = ratio > fixed_threshold;
    return LW_OK;
}

static lw_status compare_session(session *s, double planted, lw_rehearsal *result)
{
    bool u_wrong = false, threshold_wrong = false;
    for (size_t i = 0; i < s->n; i++) {
        bool u_slower, threshold_slower;
        LW_TRY(ask_others(s, i, &u_slower, &threshold_slower));
        if (i == 0 && planted > 0) {
            result->u_found += u_slower;
            result->threshold_found += threshold_slower;
        } else {
            u_wrong = u_wrong || u_slower;
            threshold_wrong = threshold_wrong || threshold_slower;
        }
    }
    result->u_wrong += u_wrong;
    result->threshold_wrong += threshold_wrong;
    return LW_OK;
}

// ---- sessions ---------------------------------------------------------------------------------

// Puts the cases together: number `turn` of the planted ones first, then every benchmark without a
// slowdown but the same one.
static size_t choose_cases(const lw_recorded_case **cases, const lw_recording *recording,
                           double planted, size_t turn)
{
    const lw_recorded_case *stands_in = NULL;
    size_t n = 0, n_planted = 0;
    for (size_t i = 0; i < recording->n; i++)
        n_planted += planted > 0 && fabs(recording->cases[i].planted - planted) < 1e-9;
    size_t number = n_planted ? turn % n_planted : 0;
    for (size_t i = 0; i < recording->n && n_planted; i++)
        if (fabs(recording->cases[i].planted - planted) < 1e-9 && number-- == 0) {
            stands_in = &recording->cases[i];
            cases[n++] = stands_in;
            break;
        }
    for (size_t i = 0; i < recording->n; i++) {
        const lw_recorded_case *c = &recording->cases[i];
        const bool replaced = stands_in && strcmp(c->name, stands_in->name) == 0;
        if (c->planted < 1e-9 && !replaced) cases[n++] = c;
    }
    return n;
}

static lw_status check_recording(const lw_recording *recording, double planted)
{
    size_t without = 0, with = 0;
    for (size_t i = 0; i < recording->n; i++) {
        without += recording->cases[i].planted < 1e-9;
        with += fabs(recording->cases[i].planted - planted) < 1e-9;
    }
    if (without && with) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "the recording has no blocks with a slowdown of %g %%",
                   without ? planted : 0.0);
}

static lw_status run_trials(lw_rehearsal *result, const lw_recording *recording, session *s,
                            double *seconds, double budget_seconds, uint64_t seed)
{
    for (int trial = 0; trial < result->trials; trial++) {
        s->n = choose_cases(s->cases, recording, result->planted, (size_t)trial);
        s->rng = lw_rng_stream(seed, LW_RNG_TRACK, draw_blocks,
                               (uint64_t)trial << 20 | (uint64_t)(result->planted * 1000));
        LW_TRY(judge_session(s, result->planted, budget_seconds, result, &seconds[trial]));
        LW_TRY(compare_session(s, result->planted, result));
    }
    result->benchmarks = s->n;
    result->median_seconds = lw_statistics_median(seconds, (size_t)result->trials);
    return LW_OK;
}

static lw_status set_centers(lw_recording *recording)
{
    for (size_t i = 0; i < recording->n; i++) {
        lw_recorded_case *c = &recording->cases[i];
        double *differences = malloc(c->n * sizeof *differences);
        if (!differences) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu blocks", c->n);
        for (size_t k = 0; k < c->n; k++) differences[k] = c->blocks[k].difference;
        c->center = c->planted > 0 ? lw_statistics_median(differences, c->n) : 0;
        free(differences);
    }
    return LW_OK;
}

lw_status lw_rehearse(lw_rehearsal *result, lw_recording *recording, double planted, int trials,
                      double budget_seconds, uint64_t seed)
{
    *result = (lw_rehearsal){.planted = planted, .trials = trials};
    LW_TRY(check_recording(recording, planted));
    LW_TRY(set_centers(recording));
    session s = {.cases = malloc((recording->n + 1) * sizeof(lw_recorded_case *)),
                 .tears = malloc((recording->n + 1) * sizeof(lw_tears))};
    double *seconds = malloc(((size_t)trials + 1) * sizeof *seconds);
    const lw_status status = s.cases && seconds
                                 ? run_trials(result, recording, &s, seconds, budget_seconds, seed)
                                 : lw_fail(LW_ERROR_MEMORY, "no memory for %d trials", trials);
    free(s.cases);
    free(s.tears);
    free(seconds);
    return status;
}
