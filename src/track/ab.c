// SPDX-License-Identifier: Apache-2.0
#include "track/ab.h"

#include "base/clock.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is drawn by lot, as `epoch` of the streams; the judge's bootstrap has 0.
enum { draw_order = 1 };
// One call of a benchmark that takes longer than this is measured once, not several times.
static const double long_call_seconds = 0.1;

lw_ab_options lw_ab_options_default(void)
{
    return (lw_ab_options){
        .runs = {.timeout_seconds = 60, .cpu = -1, .slice_seconds = 0.01, .repetitions = 3},
        .rules = lw_judge_rules_default(),
        .budget_seconds = 120,
        .seed = 1};
}

void lw_ab_destroy(lw_ab **ab)
{
    if (!*ab) return;
    for (size_t i = 0; i < (*ab)->n; i++) {
        free((*ab)->entries[i].name);
        free((*ab)->entries[i].seconds[LW_AB_OLD]);
        free((*ab)->entries[i].seconds[LW_AB_NEW]);
    }
    free((*ab)->entries);
    lw_names_free(&(*ab)->only[LW_AB_OLD]);
    lw_names_free(&(*ab)->only[LW_AB_NEW]);
    lw_judge_destroy(&(*ab)->judge);
    free(*ab);
    *ab = NULL;
}

size_t lw_ab_count(const lw_ab *ab, lw_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < ab->n; i++) count += ab->judge->cases[i].verdict == verdict;
    return count;
}

// ---- what there is to compare -----------------------------------------------------------------

static bool has_name(const lw_name_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->names[i] && strcmp(list->names[i], name) == 0) return true;
    return false;
}

// Keeps in `only` the names of `list` that `other` lacks; both lists stay as they are.
static lw_status keep_missing(lw_name_list *only, const lw_name_list *list,
                              const lw_name_list *other)
{
    only->names = calloc(list->n, sizeof *only->names);
    for (size_t i = 0; only->names && i < list->n; i++) {
        if (has_name(other, list->names[i])) continue;
        if (!(only->names[only->n] = strdup(list->names[i]))) break;
        only->n++;
    }
    return only->names ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the benchmarks");
}

static lw_status make_entries(lw_ab *ab, lw_name_list names[LW_AB_SIDES],
                              const lw_ab_options *options)
{
    ab->entries = calloc(names[LW_AB_NEW].n, sizeof *ab->entries);
    if (!ab->entries) return lw_fail(LW_ERROR_MEMORY, "no memory for the benchmarks");
    for (size_t i = 0; i < names[LW_AB_NEW].n; i++) {
        if (!has_name(&names[LW_AB_OLD], names[LW_AB_NEW].names[i])) continue;
        ab->entries[ab->n++] = (lw_ab_entry){.name = names[LW_AB_NEW].names[i],
                                             .instructions = {-1, -1},
                                             .median = {NAN, NAN},
                                             .repetitions = options->runs.repetitions};
        names[LW_AB_NEW].names[i] = NULL; // it is the entry's now
    }
    if (ab->n == 0)
        return lw_fail(LW_ERROR_INPUT, "%s and %s have no benchmark in common: nothing to compare",
                       options->programs[LW_AB_OLD], options->programs[LW_AB_NEW]);
    return LW_OK;
}

static lw_status find_benchmarks(lw_ab *ab, const lw_ab_options *options)
{
    lw_name_list names[LW_AB_SIDES] = {{0}, {0}};
    lw_status status = LW_OK;
    for (int side = 0; side < LW_AB_SIDES && !status; side++)
        status =
            lw_gbench_list(&names[side], options->programs[side], options->filter, &options->runs);
    for (int side = 0; side < LW_AB_SIDES && !status; side++)
        status = keep_missing(&ab->only[side], &names[side], &names[!side]);
    if (!status) status = make_entries(ab, names, options);
    lw_names_free(&names[LW_AB_OLD]);
    lw_names_free(&names[LW_AB_NEW]);
    return status;
}

// ---- measurements -----------------------------------------------------------------------------

// The least of the repetitions of one process: other work on the machine only ever adds to a time.
// A benchmark that complains has its problem noted, and no time.
static lw_status measure(double *seconds, double *wall_seconds, lw_ab_entry *entry, int side,
                         const lw_ab_options *options)
{
    static const char *const words[] = {"old", "new"};
    lw_gbench_options runs = options->runs;
    runs.repetitions = entry->repetitions;
    lw_gbench_report report;
    LW_TRY(lw_gbench_run(&report, wall_seconds, options->programs[side], entry->name, true, &runs));
    const lw_gbench_series *series = &report.series[0];
    *seconds = INFINITY;
    for (size_t i = 0; i < series->n; i++) *seconds = fmin(*seconds, series->seconds[i]);
    memcpy(entry->labels[side], series->label, sizeof series->label);
    if (series->problem || series->n == 0)
        snprintf(entry->problem, sizeof entry->problem, "%s: %s", words[side],
                 series->problem ? series->problem : "no repetition was written");
    lw_gbench_free(&report);
    return LW_OK;
}

// Every benchmark once on both sides, which counts for nothing but warms caches and says how long
// one call takes.
static lw_status warm_up(lw_ab *ab, const lw_ab_options *options)
{
    for (size_t i = 0; i < ab->n; i++) {
        lw_ab_entry *entry = &ab->entries[i];
        for (int side = 0; side < LW_AB_SIDES && !entry->problem[0]; side++) {
            double seconds;
            LW_TRY(measure(&seconds, NULL, entry, side, options));
            if (isfinite(seconds) && seconds > long_call_seconds) entry->repetitions = 1;
        }
        if (!entry->problem[0]) continue;
        ab->judge->cases[i].decided = true;
        ab->judge->cases[i].verdict = LW_VERDICT_INCONCLUSIVE;
    }
    for (size_t i = 0; i < ab->n; i++)
        if (!ab->entries[i].problem[0]) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "none of %zu benchmarks can be measured; %s: %s", ab->n,
                   ab->entries[0].name, ab->entries[0].problem);
}

static bool side_of(bool new_first, int measurement)
{
    return (measurement == 1 || measurement == 2) != new_first;
}

static lw_status keep_times(lw_ab_entry *entry, const lw_ab_block *block)
{
    if (entry->n + 2 > entry->capacity) {
        const size_t capacity = entry->capacity ? 2 * entry->capacity : 64;
        for (int side = 0; side < LW_AB_SIDES; side++) {
            double *grown = realloc(entry->seconds[side], capacity * sizeof *grown);
            if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu times", capacity);
            entry->seconds[side] = grown;
        }
        entry->capacity = capacity;
    }
    size_t count[LW_AB_SIDES] = {entry->n, entry->n};
    for (int m = 0; m < 4; m++) {
        const int side = side_of(block->new_first, m);
        entry->seconds[side][count[side]++] = block->seconds[m];
    }
    entry->n += 2;
    return LW_OK;
}

// One block: four measurements between two looks at the machine.
static lw_status run_block(lw_ab *ab, size_t index, lw_rng *rng, lw_disturbance *machine,
                           const lw_ab_options *options)
{
    lw_ab_entry *entry = &ab->entries[index];
    lw_ab_block block = {.entry = index, .new_first = lw_rng_below(rng, 2) == 1};
    double logs[LW_AB_SIDES] = {0, 0};
    const double begun = lw_clock_seconds();
    block.spin[0] = lw_spin_measure(options->runs.cpu);
    for (int m = 0; m < 4; m++) {
        const int side = side_of(block.new_first, m);
        LW_TRY(measure(&block.seconds[m], NULL, entry, side, options));
        if (entry->problem[0]) { // it worked before and does not any more
            ab->judge->cases[index].decided = true;
            return LW_OK;
        }
        logs[side] += 0.5 * log(block.seconds[m]);
    }
    block.spin[1] = lw_spin_measure(options->runs.cpu);
    block.wall_seconds = lw_clock_seconds() - begun;
    block.difference = logs[LW_AB_NEW] - logs[LW_AB_OLD];
    block.disturbed = lw_disturbance_note(machine, block.spin[0], block.spin[1]);
    ab->blocks++;
    entry->blocks++;
    const double *s = block.seconds;
    const int first = block.new_first; // of the old program's measurements
    const double old_seconds[] = {s[first], s[3 - first]};
    const double new_seconds[] = {s[1 - first], s[2 + first]};
    block.torn = lw_tears_note(&entry->tears, old_seconds, new_seconds);
    const bool aside = block.disturbed || block.torn;
    ab->disturbed += aside;
    entry->disturbed += aside;
    if (options->on_block) options->on_block(options->block_user, &block);
    if (aside) return LW_OK;
    LW_TRY(keep_times(entry, &block));
    return lw_judge_add(ab->judge, index, block.difference);
}

// A random order of all benchmarks (Fisher and Yates).
static void shuffle(size_t *order, size_t n, lw_rng *rng)
{
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n; i > 1; i--) {
        const size_t k = lw_rng_below(rng, (uint32_t)i), last = order[i - 1];
        order[i - 1] = order[k];
        order[k] = last;
    }
}

static void tell_progress(const lw_ab *ab, double begun, const lw_ab_options *options)
{
    if (!options->on_progress) return;
    lw_ab_progress progress = {.n = ab->n,
                               .blocks = ab->blocks,
                               .seconds = lw_clock_seconds() - begun,
                               .budget_seconds = options->budget_seconds};
    for (size_t i = 0; i < ab->n; i++) progress.decided += ab->judge->cases[i].decided;
    options->on_progress(options->user, &progress);
}

static lw_status run_rounds(lw_ab *ab, lw_disturbance *machine, double begun, size_t *order,
                            const lw_ab_options *options)
{
    lw_rng rng = lw_rng_stream(options->seed, LW_RNG_TRACK, draw_order, 0);
    double longest_block = 0;
    while (options->all_rounds || !lw_judge_done(ab->judge)) {
        bool any = false;
        shuffle(order, ab->n, &rng);
        for (size_t i = 0; i < ab->n; i++) {
            const bool wanted = options->all_rounds || !ab->judge->cases[order[i]].decided;
            if (!wanted || ab->entries[order[i]].problem[0]) continue;
            const double now = lw_clock_seconds();
            if (now + longest_block - begun > options->budget_seconds) {
                ab->budget_ended = true;
                return LW_OK;
            }
            LW_TRY(run_block(ab, order[i], &rng, machine, options));
            any = true;
            longest_block = fmax(longest_block, lw_clock_seconds() - now);
            tell_progress(ab, begun, options);
        }
        if (!any) return LW_OK; // none of them works any more
        if (!options->all_rounds) LW_TRY(lw_judge_end_round(ab->judge));
    }
    return LW_OK;
}

static lw_status count_instructions(lw_ab *ab, const lw_ab_options *options)
{
    for (size_t i = 0; i < ab->n; i++) {
        lw_ab_entry *entry = &ab->entries[i];
        for (int side = 0; side < LW_AB_SIDES && !entry->problem[0]; side++) {
            const lw_status status =
                lw_gbench_instructions(&entry->instructions[side], options->programs[side],
                                       entry->name, options->counter, &options->runs);
            if (status == LW_ERROR_INTERRUPTED || status == LW_ERROR_MEMORY) return status;
            // A witness that is missing does not spoil the trial.
            if (status) snprintf(ab->counting, sizeof ab->counting, "%s", lw_error_message());
        }
    }
    return LW_OK;
}

static lw_status set_medians(lw_ab *ab)
{
    for (size_t i = 0; i < ab->n; i++) {
        lw_ab_entry *entry = &ab->entries[i];
        for (int side = 0; side < LW_AB_SIDES; side++) {
            double *copy = malloc((entry->n + 1) * sizeof *copy);
            if (!copy) return lw_fail(LW_ERROR_MEMORY, "no memory for the medians");
            if (entry->n) memcpy(copy, entry->seconds[side], entry->n * sizeof *copy);
            entry->median[side] = lw_statistics_median(copy, entry->n);
            free(copy);
        }
    }
    return LW_OK;
}

static lw_status compare(lw_ab *ab, const lw_ab_options *options)
{
    const double begun = lw_clock_seconds();
    LW_TRY(find_benchmarks(ab, options));
    LW_TRY(lw_judge_create(&ab->judge, &options->rules, ab->n));
    LW_TRY(warm_up(ab, options));
    size_t *order = calloc(ab->n, sizeof *order);
    if (!order) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu benchmarks", ab->n);
    lw_disturbance machine = {.n = 0};
    lw_status status = run_rounds(ab, &machine, begun, order, options);
    free(order);
    ab->spin_median = lw_statistics_median(machine.recent,
                                           machine.n < LW_SPIN_WINDOW ? machine.n : LW_SPIN_WINDOW);
    if (!status) status = lw_judge_close(ab->judge);
    if (!status && options->instructions) status = count_instructions(ab, options);
    if (!status) status = set_medians(ab);
    ab->seconds = lw_clock_seconds() - begun;
    return status;
}

lw_status lw_ab_run(lw_ab **ab, const lw_ab_options *options)
{
    *ab = calloc(1, sizeof **ab);
    if (!*ab) return lw_fail(LW_ERROR_MEMORY, "no memory for the comparison");
    const lw_status status = compare(*ab, options);
    if (status) lw_ab_destroy(ab);
    return status;
}
