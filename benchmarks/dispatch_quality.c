// SPDX-License-Identifier: Apache-2.0
// How good is the choice of AUTO? Draws random convolutions, times every candidate of every pass,
// and counts how often the cost model's choice is the fastest, or within 5 % of the fastest; then the same
// for the choice of a tuned table, and whether a second look into the table's file says the same.
//
//     dispatch_quality [--shapes 200] [--seed 1] [--layout padded] [--threads 1] [--all] [--csv FILE]
//
// Exit code 1 when the model or the table is below 95 %, or the table changes its mind.
#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "conv/tune.h"

#include <lanewise/conv.h>
#include <lanewise/cpu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_candidates = 8, rounds = 9, n_passes = 3 };

// Slower than the fastest by no more than this: as good as the fastest.
static const double tolerance = 1.05;

typedef struct settings {
    long shapes, seed, threads;
    lw_conv_layout layout;
    int all; // print every pass, not only those that were chosen badly
    const char *csv;
} settings;

// One pass of one shape: what the model says of each candidate, and what was measured.
typedef struct sample {
    int n;
    lw_conv_algorithm algorithms[most_candidates];
    double cycles[most_candidates], seconds[most_candidates];
} sample;

typedef struct tally {
    int passes, good, fastest;
    double log_loss; // of the choice over the fastest, summed
} tally;

static _Noreturn void give_up(void)
{
    fprintf(stderr, "dispatch_quality: %s\n", lw_error_message());
    exit(2);
}

// ---- shapes -----------------------------------------------------------------------------------

static int32_t pick(lw_rng *rng, const int32_t *values, size_t n)
{
    return values[lw_rng_below(rng, (uint32_t)n)];
}

#define PICK(rng, ...)                                                                             \
    pick(rng, (const int32_t[]){__VA_ARGS__}, sizeof(int32_t[]){__VA_ARGS__} / sizeof(int32_t))

// Convolutions as small networks have them: half of them 3x3 with stride 1, the others of any kernel,
// stride and dilation; between 0.2 and 60 million multiply-adds.
static lw_conv_shape draw_shape(uint64_t seed, uint64_t index)
{
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 0xD15Bu, index);
    for (;;) {
        lw_conv_shape s = {.n = PICK(&rng, 1, 2, 4, 8, 16, 16)};
        const int plain = (int)lw_rng_below(&rng, 2);
        s.ic = PICK(&rng, 1, 3, 8, 10, 16, 24, 32, 48, 64, 81, 96, 128, 256);
        s.oc = PICK(&rng, 8, 10, 16, 24, 32, 48, 64, 81, 96, 128, 256);
        s.ih = PICK(&rng, 4, 5, 7, 8, 10, 13, 14, 16, 20, 28, 32, 40, 56, 64);
        s.iw = lw_rng_below(&rng, 4) ? s.ih : PICK(&rng, 4, 5, 7, 8, 10, 13, 14, 16, 28, 33, 48);
        s.kh = plain ? 3 : PICK(&rng, 1, 1, 2, 3, 3, 5, 7);
        s.kw = plain || lw_rng_below(&rng, 5) ? s.kh : PICK(&rng, 1, 3, 5);
        s.stride_h = s.stride_w = plain ? 1 : PICK(&rng, 1, 1, 2, 2, 3);
        s.dilation_h = s.dilation_w = plain ? 1 : PICK(&rng, 1, 1, 1, 2);
        s.pad_h = lw_rng_below(&rng, 4) ? s.kh / 2 : 0;
        s.pad_w = s.pad_h ? s.kw / 2 : 0;
        if (lw_conv_shape_check(&s)) continue;
        const double macs = (double)lw_conv_shape_macs(&s);
        if (macs >= 2e5 && macs <= 6e7) return s;
    }
}

// ---- measuring --------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The candidates that AUTO may take. naive is among them where nothing else is near.
static void list_candidates(const settings *o, const lw_conv_shape *shape, lw_conv_pass pass,
                            sample *out)
{
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_NAIVE,
                                     .threads = (int32_t)o->threads,
                                     .layout = o->layout,
                                     .deterministic = true};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, shape, pass, &options)) give_up();
    double best = INFINITY;
    out->n = 0;
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *c = lw_conv_plan_candidate(plan, i);
        if (c->possible && !c->only_on_request) best = fmin(best, c->cycles);
    }
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *c = lw_conv_plan_candidate(plan, i);
        const bool slow = c->algorithm == LW_CONV_ALGORITHM_NAIVE && c->cycles > 10.0 * best;
        if (!c->possible || c->only_on_request || slow) continue;
        out->algorithms[out->n] = c->algorithm;
        out->cycles[out->n++] = c->cycles;
    }
    lw_conv_plan_destroy(&plan);
}

// Times all candidates in turn; each counts with the first quartile of its samples, since neighbours
// only ever add time.
static void measure(const settings *o, const lw_tune_arrays *arrays, lw_conv_pass pass, sample *out)
{
    lw_conv_plan *plans[most_candidates];
    void *workspaces[most_candidates] = {NULL};
    double samples[most_candidates][rounds];
    int repeats[most_candidates];
    for (int i = 0; i < out->n; i++) {
        const lw_conv_options options = {.algorithm = out->algorithms[i],
                                         .threads = (int32_t)o->threads,
                                         .layout = o->layout,
                                         .deterministic = true};
        if (lw_conv_plan_create(&plans[i], &arrays->shape, pass, &options)) give_up();
        const size_t bytes = lw_conv_plan_workspace_bytes(plans[i]);
        if (bytes && lw_memory_allocate(&workspaces[i], bytes, "workspace")) give_up();
        double once = INFINITY;
        for (int k = 0; k < 3; k++) {
            const double begin = lw_clock_seconds();
            if (lw_tune_execute(arrays, plans[i], workspaces[i])) give_up();
            once = fmin(once, lw_clock_seconds() - begin);
        }
        repeats[i] = once < 1e-4 ? (int)ceil(1e-4 / once) : 1;
    }
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < out->n; i++) {
            if (lw_tune_execute(arrays, plans[i], workspaces[i])) give_up();
            const double begin = lw_clock_seconds();
            for (int k = 0; k < repeats[i]; k++)
                if (lw_tune_execute(arrays, plans[i], workspaces[i])) give_up();
            samples[i][round] = (lw_clock_seconds() - begin) / repeats[i];
        }
    for (int i = 0; i < out->n; i++) {
        qsort(samples[i], rounds, sizeof samples[i][0], compare_doubles);
        out->seconds[i] = samples[i][rounds / 4];
        lw_conv_plan_destroy(&plans[i]);
        lw_memory_free(workspaces[i]);
    }
}

// ---- counting ---------------------------------------------------------------------------------

static int place_of(const sample *s, lw_conv_algorithm algorithm)
{
    for (int i = 0; i < s->n; i++)
        if (s->algorithms[i] == algorithm) return i;
    return -1;
}

static int least(const double *values, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] < values[best]) best = i;
    return best;
}

static bool count(tally *t, const sample *s, int chosen)
{
    const double best = s->seconds[least(s->seconds, s->n)];
    const double ratio = s->seconds[chosen] / best;
    t->passes++;
    t->good += ratio <= tolerance;
    t->fastest += ratio <= 1.0;
    t->log_loss += log(ratio);
    return ratio <= tolerance;
}

static void print_sample(const char *what, const char *problem, lw_conv_pass pass, const sample *s,
                         int chosen)
{
    printf("%s %s %s: %s;", what, problem, lw_conv_pass_name(pass),
           lw_conv_algorithm_name(s->algorithms[chosen]));
    for (int i = 0; i < s->n; i++)
        printf(" %s %.1f us (model %.0f kcycles, %.2f GHz)",
               lw_conv_algorithm_name(s->algorithms[i]), s->seconds[i] * 1e6, s->cycles[i] * 1e-3,
               s->cycles[i] / s->seconds[i] * 1e-9);
    printf("\n");
}

static void print_tally(const char *name, const tally *t)
{
    printf("%-6s %4d passes: %5.1f %% within 5 %% of the fastest, %5.1f %% the fastest, mean loss "
           "%.2f %%\n",
           name, t->passes, 100.0 * t->good / t->passes, 100.0 * t->fastest / t->passes,
           100.0 * (exp(t->log_loss / t->passes) - 1.0));
}

// ---- the run ----------------------------------------------------------------------------------

typedef struct run {
    settings options;
    lw_tuned_table table;
    tally model[n_passes], tuned;
    FILE *csv;
} run;

static void try_pass(run *r, const lw_tune_arrays *arrays, lw_conv_pass pass)
{
    const settings *o = &r->options;
    sample s;
    lw_tune_problem problem;
    if (lw_tune_prepare(&problem, &arrays->shape, pass, o->layout, (int32_t)o->threads, NULL))
        give_up();
    list_candidates(o, &arrays->shape, pass, &s);
    measure(o, arrays, pass, &s);
    const int chosen = least(s.cycles, s.n);
    const bool good = count(&r->model[pass], &s, chosen);
    if (!good || o->all) print_sample(good ? "good" : "bad ", problem.text, pass, &s, chosen);
    for (int i = 0; r->csv && i < s.n; i++)
        fprintf(r->csv, "%s,%s,%s,%.0f,%.3f\n", problem.text, lw_conv_pass_name(pass),
                lw_conv_algorithm_name(s.algorithms[i]), s.cycles[i], s.seconds[i] * 1e6);
    // The table's own measurement, as `lanewise tune` makes it.
    if (lw_tune_measure(&problem, arrays, 0.05, NULL)) give_up();
    if (!problem.measured) return;
    if (lw_tune_remember(&problem, &r->table)) give_up();
    const int tuned = place_of(&s, problem.chosen);
    if (tuned >= 0 && !count(&r->tuned, &s, tuned))
        print_sample("tuned", problem.text, pass, &s, tuned);
}

// Writes the table, reads it again, and looks every entry up. Returns how many differ.
static int count_changes(run *r)
{
    char path[] = "/tmp/dispatch-quality-XXXXXX", lock[64];
    const int file = mkstemp(path);
    if (file < 0) return -1;
    lw_tuned_table again;
    int changes = 0;
    snprintf(lock, sizeof lock, "%s.lock", path);
    remove(path);
    if (lw_tuned_table_merge(&r->table, path, NULL, 0) || lw_tuned_table_load(&again, path))
        give_up();
    for (size_t i = 0; i < r->table.n; i++)
        changes += i >= again.n || strcmp(again.entries[i].key, r->table.entries[i].key) != 0 ||
                   again.entries[i].result.chosen != r->table.entries[i].result.chosen;
    lw_tuned_table_free(&again);
    remove(path);
    remove(lock);
    return changes;
}

static long number_after(const char *text, const char *option)
{
    char *end = NULL;
    const long value = text ? strtol(text, &end, 10) : -1;
    if (text && *end == '\0' && value > 0) return value;
    fprintf(stderr, "dispatch_quality: %s: expected a number above 0, got \"%s\"\n", option,
            text ? text : "");
    exit(2);
}

static settings read_arguments(int argc, char **argv)
{
    settings o = {.shapes = 200, .seed = 1, .threads = 1, .layout = LW_CONV_LAYOUT_PADDED};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--all") == 0) {
            o.all = 1;
            continue;
        }
        if (strcmp(argv[i], "--shapes") == 0)
            o.shapes = number_after(value, "--shapes");
        else if (strcmp(argv[i], "--seed") == 0)
            o.seed = number_after(value, "--seed");
        else if (strcmp(argv[i], "--threads") == 0)
            o.threads = number_after(value, "--threads");
        else if (strcmp(argv[i], "--csv") == 0 && value)
            o.csv = value;
        else if (strcmp(argv[i], "--layout") != 0 || !value ||
                 lw_conv_layout_parse(&o.layout, value)) {
            fprintf(stderr, "usage: dispatch_quality [--shapes N] [--seed N] [--layout WORD] "
                            "[--threads N] [--all] [--csv FILE]\n");
            exit(2);
        }
        i++;
    }
    return o;
}

int main(int argc, char **argv)
{
    run r = {.options = read_arguments(argc, argv)};
    const double begin = lw_clock_seconds();
    if (r.options.csv) r.csv = fopen(r.options.csv, "w");
    for (long i = 0; i < r.options.shapes; i++) {
        const lw_conv_shape shape = draw_shape((uint64_t)r.options.seed, (uint64_t)i);
        lw_tune_arrays arrays;
        if (lw_tune_arrays_create(&arrays, &shape, r.options.layout)) give_up();
        for (int pass = 0; pass < n_passes; pass++) try_pass(&r, &arrays, (lw_conv_pass)pass);
        lw_tune_arrays_free(&arrays);
    }
    if (r.csv) fclose(r.csv);
    const int changes = count_changes(&r);
    tally all = {0};
    printf("%s, %s kernels, layout %s, %ld thread%s, seed %ld, %.0f s\n", lw_cpu_name(),
           lw_cpu_isa(), lw_conv_layout_name(r.options.layout), r.options.threads,
           r.options.threads == 1 ? "" : "s", r.options.seed, lw_clock_seconds() - begin);
    for (int pass = 0; pass < n_passes; pass++) {
        const tally *t = &r.model[pass];
        print_tally(lw_conv_pass_name((lw_conv_pass)pass), t);
        all = (tally){all.passes + t->passes, all.good + t->good, all.fastest + t->fastest,
                      all.log_loss + t->log_loss};
    }
    print_tally("model", &all);
    if (r.tuned.passes > 0) print_tally("tuned", &r.tuned);
    printf("a second look into the table: %d of %zu choices differ\n", changes, r.table.n);
    lw_tuned_table_free(&r.table);
    const bool enough = all.good >= 0.95 * all.passes && r.tuned.good >= 0.95 * r.tuned.passes;
    return enough && changes == 0 ? 0 : 1;
}
