// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "bench/arrays.h"
#include "bench/peak.h"
#include "bench/subject.h"
#include "cpu/parallel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The caches are flushed in the first rounds only: that takes longer than most measurements.
enum { most_samples = 31, most_cold_samples = 7 };

// One algorithm and pass while it is measured.
typedef struct entry {
    lw_bench_result *result;
    lw_bench_subject subject;
    double scale;    // from the subject's images to the problem's
    double once;     // seconds of one execution, roughly
    int64_t repeats; // executions of one hot sample
    double spent;    // seconds of the budget
    double last;     // seconds of the last round
    double hot[most_samples], cold[most_cold_samples];
    int n_samples;
} entry;

typedef struct session {
    const lw_bench_options *options;
    lw_bench_arrays arrays;
    entry entries[LW_BENCH_MOST_RESULTS];
    int n_entries;
    double share_seconds; // of one entry
    float *flush;
    size_t flush_count;
} session;

double lw_bench_gflops(const lw_conv_shape *shape, double seconds)
{
    return seconds > 0.0 ? 2e-9 * (double)lw_conv_shape_macs(shape) / seconds : 0.0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double lw_bench_quantile(double *samples, int count, double share)
{
    if (count <= 0) return 0.0;
    qsort(samples, (size_t)count, sizeof *samples, compare_doubles);
    double place = share * (double)(count - 1);
    int below = (int)place;
    if (below + 1 >= count) return samples[count - 1];
    return samples[below] + (place - (double)below) * (samples[below + 1] - samples[below]);
}

const lw_bench_result *lw_bench_naive(const lw_bench_result *results, int n_results,
                                      lw_conv_pass pass)
{
    for (int i = 0; i < n_results; i++)
        if (results[i].pass == pass && results[i].algorithm == LW_CONV_ALGORITHM_NAIVE &&
            results[i].possible)
            return &results[i];
    return NULL;
}

// ---- entries ------------------------------------------------------------------------------------

// Opens what is measured, for so many of the problem's images: the first ones of the same arrays.
static lw_status open_entry(session *s, entry *e, int32_t images)
{
    lw_bench_result *result = e->result;
    lw_bench_subject_close(&e->subject);
    e->scale = (double)s->arrays.shape.n / (double)images;
    if (result->algorithm == LW_CONV_ALGORITHM_ONEDNN)
        LW_TRY(lw_bench_subject_open_onednn(&e->subject, &s->arrays, result->pass,
                                            s->options->threads));
    else
        LW_TRY(lw_bench_subject_open(&e->subject, &s->arrays, images, result->pass,
                                     result->algorithm, s->options->threads));
    result->images = images;
    result->threads = e->subject.threads;
    result->dense_equivalent = e->subject.dense_equivalent;
    snprintf(result->kernel, sizeof result->kernel, "%s", e->subject.kernel);
    return LW_OK;
}

// Seconds of `repeats` executions.
static lw_status time_executions(session *s, const entry *e, int64_t repeats, double *seconds)
{
    double begin = lw_clock_seconds();
    for (int64_t i = 0; i < repeats; i++)
        LW_TRY(lw_bench_subject_execute(&e->subject, &s->arrays));
    *seconds = lw_clock_seconds() - begin;
    return LW_OK;
}

// How many images naive computes, whose time grows with them and with nothing else: a round has up
// to three executions, and three rounds are wanted in the share of the time. Every thread gets an
// image at least, and all threads get equally many.
static int32_t affordable_images(const session *s, double probe_seconds, int32_t probed)
{
    const int32_t all = s->arrays.shape.n;
    double images = s->share_seconds / (9.0 * probe_seconds) * (double)probed;
    if (images >= (double)all) return all;
    return images > (double)probed ? (int32_t)images / probed * probed : probed;
}

// Finds out how long an execution takes, and sets how many executions make one sample.
static lw_status calibrate(session *s, entry *e)
{
    const int32_t all = s->arrays.shape.n;
    const bool cut = e->result->algorithm == LW_CONV_ALGORITHM_NAIVE;
    int32_t images = cut && s->options->threads < all ? s->options->threads : all;
    LW_TRY(open_entry(s, e, images));
    double begin = lw_clock_seconds(); // what opening takes is not charged to the budget
    LW_TRY(time_executions(s, e, 1, &e->once));
    if (cut && images < all) {
        images = affordable_images(s, e->once, images);
        if (images != e->result->images) LW_TRY(open_entry(s, e, images));
    }
    // The first execution has paid for the pages and the threads; a long one did not notice.
    if (e->once < s->share_seconds / 4.0) LW_TRY(time_executions(s, e, 1, &e->once));
    const double sample = fmin(1e-3, s->share_seconds / 8.0); // long enough for the clock
    e->repeats = e->once > 0.0 ? (int64_t)ceil(sample / e->once) : 1;
    if (e->repeats < 1) e->repeats = 1;
    if (e->repeats > 100000) e->repeats = 100000;
    e->spent = lw_clock_seconds() - begin;
    return LW_OK;
}

// Says why naive is left out; "" when it is not.
static void judge_naive(const session *s, lw_conv_pass pass, char *reason, size_t reason_bytes)
{
    // About 4 cycles a multiply-add and 8 in backward-data (two divisions), at 3 GHz, and every
    // thread gets an image.
    const double macs = (double)lw_conv_shape_macs(&s->arrays.shape) / (double)s->arrays.shape.n;
    const double seconds = macs * (pass == LW_CONV_BACKWARD_DATA ? 8.0 : 4.0) / 3e9;
    reason[0] = '\0';
    if (s->options->naive == LW_BENCH_NAIVE_AUTO && seconds > s->options->budget_seconds)
        snprintf(reason, reason_bytes,
                 "it would take about %.0f s for one image, more than the budget", seconds);
}

static lw_status add_entry(session *s, lw_bench_result *result)
{
    lw_bench_result blank = {.pass = result->pass, .algorithm = result->algorithm};
    *result = blank;
    LW_TRY(lw_bench_consider(&s->arrays.shape, s->arrays.layout, result->pass, result->algorithm,
                             &result->possible, result->reason, sizeof result->reason));
    if (result->possible && result->algorithm == LW_CONV_ALGORITHM_NAIVE) {
        judge_naive(s, result->pass, result->reason, sizeof result->reason);
        result->possible = result->reason[0] == '\0';
    }
    if (!result->possible) return LW_OK;
    s->entries[s->n_entries++].result = result;
    return LW_OK;
}

// ---- rounds -------------------------------------------------------------------------------------

static void flush_part(void *context, int32_t thread, int32_t threads)
{
    session *s = context;
    int64_t begin, end;
    lw_parallel_range((int64_t)s->flush_count, thread, threads, &begin, &end);
    for (int64_t i = begin; i < end; i++) s->flush[i] += 1.0f;
}

// One hot sample of an entry, and a cold one.
static lw_status sample_entry(session *s, entry *e)
{
    double begin = lw_clock_seconds(), seconds;
    // The entry before this one has filled the caches with its own, which a long execution does
    // not notice.
    if (e->once < s->share_seconds / 16.0) LW_TRY(time_executions(s, e, 1, &seconds));
    LW_TRY(time_executions(s, e, e->repeats, &seconds));
    e->hot[e->n_samples] = seconds / (double)e->repeats * e->scale;
    if (e->n_samples < most_cold_samples) {
        lw_parallel_run(s->options->threads, flush_part, s);
        LW_TRY(time_executions(s, e, 1, &seconds));
        e->cold[e->n_samples] = seconds * e->scale;
    }
    e->n_samples++;
    e->last = lw_clock_seconds() - begin;
    e->spent += e->last;
    return LW_OK;
}

// True when another round of the entry fits its share of the time. The first one always does, and
// three of them where it is the flushing that takes long: a single sample says nothing.
static bool wants_sample(const session *s, const entry *e)
{
    const int least = e->once < s->share_seconds / 4.0 ? 3 : 1;
    if (e->n_samples < least) return true;
    return e->n_samples < most_samples && e->spent + e->last <= s->share_seconds;
}

static void show_progress(const session *s, double begin)
{
    if (!s->options->progress) return;
    double done = (lw_clock_seconds() - begin) / s->options->budget_seconds;
    s->options->progress(s->options->context, fmin(done, 1.0));
}

static lw_status run_rounds(session *s)
{
    double begin = lw_clock_seconds();
    for (int i = 0; i < s->n_entries; i++) {
        LW_TRY(calibrate(s, &s->entries[i]));
        show_progress(s, begin);
    }
    for (int active = 1; active > 0;) {
        active = 0;
        for (int i = 0; i < s->n_entries; i++) {
            if (!wants_sample(s, &s->entries[i])) continue;
            LW_TRY(sample_entry(s, &s->entries[i]));
            show_progress(s, begin);
            active++;
        }
    }
    return LW_OK;
}

static void summarise(entry *e, bool least)
{
    lw_bench_result *result = e->result;
    result->repetitions = e->n_samples;
    result->low_seconds = lw_bench_quantile(e->hot, e->n_samples, 0.25);
    result->seconds = lw_bench_quantile(e->hot, e->n_samples, least ? 0.0 : 0.5);
    result->high_seconds = lw_bench_quantile(e->hot, e->n_samples, 0.75);
    int n_cold = e->n_samples < most_cold_samples ? e->n_samples : most_cold_samples;
    result->cold_seconds = lw_bench_quantile(e->cold, n_cold, least ? 0.0 : 0.5);
}

static lw_status open_session(session *s, const lw_conv_shape *shape)
{
    LW_TRY(lw_bench_arrays_create(&s->arrays, shape, s->options->layout));
    lw_bench_arrays_fill(&s->arrays, LW_BENCH_REALS, 1);
    size_t bytes = lw_bench_flush_bytes(s->options->threads);
    void *block;
    LW_TRY(lw_memory_allocate(&block, bytes, "flushing the caches"));
    s->flush = block;
    s->flush_count = bytes / sizeof(float);
    return LW_OK;
}

static void close_session(session *s)
{
    for (int i = 0; i < s->n_entries; i++) lw_bench_subject_close(&s->entries[i].subject);
    lw_bench_arrays_free(&s->arrays);
    lw_memory_free(s->flush);
    free(s);
}

lw_status lw_bench_measure(const lw_conv_shape *shape, const lw_bench_options *options,
                           lw_bench_result results[LW_BENCH_MOST_RESULTS], int *n_results)
{
    *n_results = 0;
    if (options->threads < 1 || !(options->budget_seconds > 0.0))
        return lw_fail(LW_ERROR_ARGUMENT, "lw_bench_measure: threads or budget is not positive");
    LW_TRY(lw_conv_shape_check(shape));
    session *s = calloc(1, sizeof *s);
    if (!s) return lw_fail(LW_ERROR_MEMORY, "no memory for a measurement");
    s->options = options;
    lw_status status = open_session(s, shape);
    for (int pass = 0; pass < LW_BENCH_PASSES && !status; pass++)
        for (int a = LW_CONV_ALGORITHM_NAIVE; a < lw_bench_algorithm_count() && !status; a++) {
            if (!options->selection.passes[pass] || !options->selection.algorithms[a]) continue;
            if (a == LW_CONV_ALGORITHM_NAIVE && options->naive == LW_BENCH_NAIVE_NEVER) continue;
            lw_bench_result *result = &results[(*n_results)++];
            result->pass = (lw_conv_pass)pass;
            result->algorithm = (lw_conv_algorithm)a;
            status = add_entry(s, result);
        }
    s->share_seconds = options->budget_seconds / (s->n_entries > 0 ? s->n_entries : 1);
    if (!status) status = run_rounds(s);
    for (int i = 0; i < s->n_entries && !status; i++) summarise(&s->entries[i], options->least);
    close_session(s);
    return status;
}
