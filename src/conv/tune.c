// SPDX-License-Identifier: Apache-2.0
#include "conv/tune.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "conv/plan.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- arrays -----------------------------------------------------------------------------------

// Values in (-limit, limit) that are neither denormal nor all alike.
static float draw(uint32_t *state, float limit)
{
    *state = *state * 1664525u + 1013904223u;
    return ((float)(*state >> 8) * 0x1p-23f - 1.0f) * limit;
}

// Fills the real elements of all images; halos and spare channels stay zeros. All images get the
// same values: times do not depend on them, and drawing would take longer than measuring.
static void fill_map(float *array, const lw_conv_map *map, int32_t images, uint32_t seed)
{
    uint32_t state = seed;
    for (int64_t c = 0; c < map->channels; c++)
        for (int64_t h = 0; h < map->height; h++)
            for (int64_t w = 0; w < map->width; w++)
                array[map->origin + c * map->channel + h * map->row + w * map->pixel] =
                    draw(&state, 1.0f);
    for (int64_t n = 1; n < images; n++)
        memcpy(array + n * map->image, array, (size_t)map->image * sizeof *array);
}

static lw_status check_memory(const lw_conv_shape *shape, double floats)
{
    const double gibibyte = 1024.0 * 1024.0 * 1024.0, needed = floats * sizeof(float);
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (there <= 0.0 || needed < 0.5 * there) return LW_OK;
    char problem[LW_CONV_PROBLEM_BYTES];
    LW_TRY(lw_conv_shape_format(shape, problem, sizeof problem));
    return lw_fail(LW_ERROR_INPUT, "%s: its arrays take %.1f GiB, this machine has %.1f GiB",
                   problem, needed / gibibyte, there / gibibyte);
}

static lw_status allocate(float **array, int64_t floats)
{
    void *block;
    LW_TRY(lw_memory_allocate(&block, (size_t)floats * sizeof(float), "measuring a convolution"));
    *array = block;
    return LW_OK;
}

static lw_status allocate_all(lw_tune_arrays *arrays, int64_t x_floats, int64_t y_floats,
                              int64_t weights)
{
    LW_TRY(allocate(&arrays->x, x_floats));
    LW_TRY(allocate(&arrays->y, y_floats));
    LW_TRY(allocate(&arrays->weights, weights));
    LW_TRY(allocate(&arrays->dweights, weights));
    return allocate(&arrays->bias, 2 * (int64_t)arrays->shape.oc);
}

lw_status lw_tune_arrays_create(lw_tune_arrays *arrays, const lw_conv_shape *shape,
                                lw_conv_layout layout)
{
    *arrays = (lw_tune_arrays){.shape = *shape, .layout = layout};
    lw_conv_map x, y;
    int64_t x_floats, y_floats;
    LW_TRY(lw_conv_maps(shape, layout, &x, &y, &x_floats, &y_floats));
    const int64_t depth = (int64_t)shape->ic * shape->kh * shape->kw, weights = depth * shape->oc;
    LW_TRY(check_memory(shape, (double)x_floats + (double)y_floats + 2.0 * (double)weights));
    lw_status status = allocate_all(arrays, x_floats, y_floats, weights);
    if (status) {
        lw_tune_arrays_free(arrays);
        return status;
    }
    fill_map(arrays->x, &x, shape->n, 1);
    fill_map(arrays->y, &y, shape->n, 2);
    // Small weights keep what a pass writes, which the next one reads, as small as its inputs.
    const float limit = 1.0f / sqrtf((float)depth);
    uint32_t state = 3;
    for (int64_t i = 0; i < weights; i++) arrays->weights[i] = draw(&state, limit);
    return LW_OK;
}

void lw_tune_arrays_free(lw_tune_arrays *arrays)
{
    lw_memory_free(arrays->x);
    lw_memory_free(arrays->y);
    lw_memory_free(arrays->weights);
    lw_memory_free(arrays->dweights);
    lw_memory_free(arrays->bias);
    *arrays = (lw_tune_arrays){0};
}

lw_status lw_tune_execute(const lw_tune_arrays *a, const lw_conv_plan *plan, void *workspace)
{
    switch (lw_conv_plan_pass(plan)) {
    case LW_CONV_FORWARD: return lw_conv_forward(plan, a->x, a->weights, a->bias, a->y, workspace);
    case LW_CONV_BACKWARD_DATA:
        return lw_conv_backward_data(plan, a->y, a->weights, a->x, workspace);
    case LW_CONV_BACKWARD_WEIGHTS:
        return lw_conv_backward_weights(plan, a->x, a->y, a->dweights, a->bias + a->shape.oc,
                                        workspace);
    }
    return lw_fail(LW_ERROR_INTERNAL, "a plan without a pass");
}

// ---- candidates -------------------------------------------------------------------------------

// Estimates are off by less than this.
static const double hopeless_ratio = 4.0;
enum { least_rounds = 5, most_rounds = 25 };

static int compare_candidates(const void *a, const void *b)
{
    const lw_tune_candidate *x = a, *y = b;
    return (x->cycles > y->cycles) - (x->cycles < y->cycles);
}

// The candidates that AUTO may take, the best by the model first. A plan for naive can always be
// made, and has everybody's answers.
static lw_status list_candidates(lw_tune_problem *problem)
{
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_NAIVE,
                                     .threads = 1,
                                     .layout = problem->layout,
                                     .deterministic = true};
    lw_tune_candidate all[LW_TUNED_MOST_TIMES];
    lw_conv_plan *plan;
    int n = 0;
    LW_TRY(lw_conv_plan_create(&plan, &problem->shape, problem->pass, &options));
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan) && n < LW_TUNED_MOST_TIMES; i++) {
        const lw_conv_candidate *c = lw_conv_plan_candidate(plan, i);
        if (c->possible && !c->only_on_request)
            all[n++] = (lw_tune_candidate){.algorithm = c->algorithm, .cycles = c->cycles};
    }
    lw_conv_plan_destroy(&plan);
    qsort(all, (size_t)n, sizeof *all, compare_candidates);
    for (int i = 0; i < n && i < LW_TUNE_MOST_CANDIDATES; i++)
        if (all[i].cycles <= hopeless_ratio * all[0].cycles)
            problem->candidates[problem->n_candidates++] = all[i];
    return LW_OK;
}

// Seconds of everything that has to be done before a choice can be made: everybody's first executions,
// and samples, with an execution before each, of two that are about as fast as the first.
static double estimate_seconds(const lw_tune_problem *problem)
{
    const double cycles_per_second = 3e9, start_seconds = 5e-4;
    double cycles = 0.0;
    for (int i = 0; i < problem->n_candidates; i++) cycles += 2.0 * problem->candidates[i].cycles;
    if (problem->n_candidates > 1)
        cycles += 2.0 * 2.0 * least_rounds * problem->candidates[0].cycles;
    return start_seconds + cycles / cycles_per_second / (double)problem->threads;
}

lw_status lw_tune_prepare(lw_tune_problem *problem, const lw_conv_shape *shape, lw_conv_pass pass,
                          lw_conv_layout layout, int32_t threads, const lw_tuned_table *known)
{
    *problem = (lw_tune_problem){.shape = *shape, .pass = pass, .layout = layout};
    LW_TRY(lw_conv_shape_format(shape, problem->text, sizeof problem->text));
    LW_TRY(list_candidates(problem));
    LW_TRY(lw_conv_resolve_threads("lw_tune_prepare", threads, &problem->threads));
    if (threads == 0)
        problem->threads =
            lw_conv_worthwhile_threads(problem->threads, problem->candidates[0].cycles);
    problem->least_seconds = estimate_seconds(problem);
    problem->before = problem->candidates[0].algorithm;
    const lw_tuned_key key = {problem->text, pass, layout, problem->threads, LW_TUNED_PLAIN};
    const lw_tuned_result *result = known ? lw_tuned_table_find(known, &key) : NULL;
    for (int i = 0; result && i < problem->n_candidates; i++)
        if (problem->candidates[i].algorithm == result->chosen) problem->before = result->chosen;
    problem->chosen = problem->before;
    return LW_OK;
}

// ---- measuring --------------------------------------------------------------------------------

// A candidate while it is measured.
typedef struct runner {
    lw_tune_candidate *candidate;
    lw_conv_plan *plan;
    void *workspace;
    double once; // seconds of one execution, roughly
    bool active;
    double samples[most_rounds];
} runner;

typedef struct session {
    const lw_tune_arrays *arrays;
    runner runners[LW_TUNE_MOST_CANDIDATES];
    int n;
} session;

static void close_session(session *s)
{
    for (int i = 0; i < s->n; i++) {
        lw_conv_plan_destroy(&s->runners[i].plan);
        lw_memory_free(s->runners[i].workspace);
    }
}

static lw_status open_session(session *s, lw_tune_problem *problem)
{
    for (int i = 0; i < problem->n_candidates; i++) {
        runner *r = &s->runners[s->n++];
        r->candidate = &problem->candidates[i];
        const lw_conv_options options = {.algorithm = r->candidate->algorithm,
                                         .threads = problem->threads,
                                         .layout = problem->layout,
                                         .deterministic = true};
        LW_TRY(lw_conv_plan_create(&r->plan, &problem->shape, problem->pass, &options));
        const size_t bytes = lw_conv_plan_workspace_bytes(r->plan);
        if (bytes) LW_TRY(lw_memory_allocate(&r->workspace, bytes, "a convolution's workspace"));
    }
    return LW_OK;
}

static lw_status time_executions(const session *s, const runner *r, int64_t repeats,
                                 double *seconds)
{
    const double begin = lw_clock_seconds();
    for (int64_t i = 0; i < repeats; i++) LW_TRY(lw_tune_execute(s->arrays, r->plan, r->workspace));
    *seconds = (lw_clock_seconds() - begin) / (double)repeats;
    return LW_OK;
}

// The least of several executions; long ones are not repeated.
static lw_status probe_runner(session *s, runner *r, int times)
{
    const double long_seconds = 2e-3;
    double seconds;
    for (int i = 0; i < times; i++) {
        LW_TRY(time_executions(s, r, 1, &seconds));
        r->once = r->once > 0.0 ? fmin(r->once, seconds) : seconds;
        if (r->once > long_seconds) break;
    }
    return LW_OK;
}

// The first executions of each: they pay for pages and caches, and show who is out of the question.
// Whoever seems to be gets another chance: a neighbour may have woken up.
static lw_status probe(session *s)
{
    const double out_ratio = 2.0;
    double best = INFINITY;
    for (int i = 0; i < s->n; i++) {
        LW_TRY(probe_runner(s, &s->runners[i], 3));
        best = fmin(best, s->runners[i].once);
    }
    for (int i = 0; i < s->n; i++) {
        runner *r = &s->runners[i];
        if (r->once > out_ratio * best) LW_TRY(probe_runner(s, r, 2));
        r->active = r->once <= out_ratio * best;
        r->samples[0] = r->once;
        if (!r->active) r->candidate->samples = 1;
    }
    return LW_OK;
}

// One sample of each candidate that is still in question.
static lw_status run_round(session *s, int round)
{
    const double sample_seconds = 5e-5, long_seconds = 2e-3;
    for (int i = 0; i < s->n; i++) {
        runner *r = &s->runners[i];
        if (!r->active) continue;
        const double wanted = ceil(sample_seconds / fmax(r->once, 1e-7));
        double seconds;
        // The candidate before this one has left its own in the caches.
        if (r->once < long_seconds) LW_TRY(time_executions(s, r, 1, &seconds));
        LW_TRY(time_executions(s, r, (int64_t)wanted, &r->samples[round]));
        r->candidate->samples = round + 1;
    }
    return LW_OK;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(session *s)
{
    for (int i = 0; i < s->n; i++) {
        runner *r = &s->runners[i];
        const int n = r->candidate->samples;
        qsort(r->samples, (size_t)n, sizeof *r->samples, compare_doubles);
        const double median = 0.5 * (r->samples[(n - 1) / 2] + r->samples[n / 2]);
        r->candidate->ns = (int64_t)fmax(1.0, round(median * 1e9));
    }
}

lw_conv_algorithm lw_tune_choose(const lw_tune_candidate *candidates, int n_candidates,
                                 lw_conv_algorithm before)
{
    const double clearly_faster = 0.97;
    const lw_tune_candidate *fastest = NULL, *earlier = NULL;
    for (int i = 0; i < n_candidates; i++) {
        if (candidates[i].ns == 0) continue;
        if (!fastest || candidates[i].ns < fastest->ns) fastest = &candidates[i];
        if (candidates[i].algorithm == before) earlier = &candidates[i];
    }
    if (!fastest) return before;
    if (earlier && (double)fastest->ns > clearly_faster * (double)earlier->ns) return before;
    return fastest->algorithm;
}

// True when the best sample of one candidate is far better than that of every other: more rounds would
// say the same.
static bool is_decided(const session *s, int rounds)
{
    const double clear_ratio = 1.15;
    double best = INFINITY, second = INFINITY;
    for (int i = 0; i < s->n; i++) {
        double least = s->runners[i].active ? s->runners[i].samples[0] : INFINITY;
        for (int round = 1; s->runners[i].active && round < rounds; round++)
            least = fmin(least, s->runners[i].samples[round]);
        second = fmin(second, fmax(best, least));
        best = fmin(best, least);
    }
    return second > clear_ratio * best;
}

// Rounds until the budget is spent; *enough is false when the least number does not fit.
static lw_status run_rounds(session *s, double budget_seconds, double begin, double *least_seconds,
                            bool *enough)
{
    int n_active = 0;
    double round_seconds = 0.0;
    for (int i = 0; i < s->n; i++) {
        n_active += s->runners[i].active;
        if (s->runners[i].active) round_seconds += 2.0 * s->runners[i].once;
    }
    // A single one in question needs no more than the time of it.
    const int least = n_active > 1 ? least_rounds : 1;
    *least_seconds = lw_clock_seconds() - begin + round_seconds * least;
    *enough = *least_seconds <= 1.5 * budget_seconds;
    for (int round = 0; *enough && round < most_rounds; round++) {
        const double spent = lw_clock_seconds() - begin;
        if (round >= least && (is_decided(s, round) || spent + round_seconds > budget_seconds))
            break;
        LW_TRY(run_round(s, round));
    }
    return LW_OK;
}

lw_status lw_tune_measure(lw_tune_problem *problem, const lw_tune_arrays *arrays,
                          double budget_seconds, double *seconds)
{
    session s = {.arrays = arrays};
    const double begin = lw_clock_seconds();
    bool enough = false;
    lw_status status = open_session(&s, problem);
    if (!status) status = probe(&s);
    if (!status) status = run_rounds(&s, budget_seconds, begin, &problem->least_seconds, &enough);
    if (!status && enough) {
        summarise(&s);
        problem->measured = true;
        problem->chosen =
            lw_tune_choose(problem->candidates, problem->n_candidates, problem->before);
    }
    close_session(&s);
    if (seconds) *seconds = lw_clock_seconds() - begin;
    return status;
}

lw_status lw_tune_remember(const lw_tune_problem *problem, lw_tuned_table *table)
{
    lw_tuned_result result = {.chosen = problem->chosen};
    for (int i = 0; i < problem->n_candidates; i++)
        if (problem->candidates[i].ns > 0)
            result.times[result.n_times++] =
                (lw_tuned_time){problem->candidates[i].algorithm, problem->candidates[i].ns};
    const lw_tuned_key key = {problem->text, problem->pass, problem->layout, problem->threads,
                              LW_TUNED_PLAIN};
    return lw_tuned_table_put(table, &key, &result);
}
