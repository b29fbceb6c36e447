// SPDX-License-Identifier: Apache-2.0
#include "bench/subject.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "bench/algorithms.h"

#include <stdio.h>
#include <string.h>

static lw_status allocate_workspace(lw_bench_subject *subject, size_t bytes)
{
    if (!bytes) return LW_OK;
    return lw_memory_allocate(&subject->workspace, bytes, "a convolution's workspace");
}

lw_status lw_bench_subject_open(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                int32_t images, lw_conv_pass pass, lw_conv_algorithm algorithm,
                                int32_t threads)
{
    *subject = (lw_bench_subject){.pass = pass,
                                  .dense_equivalent = lw_bench_is_dense_equivalent(algorithm)};
    lw_conv_shape shape = arrays->shape;
    shape.n = images;
    const lw_conv_options options = {
        .algorithm = algorithm, .threads = threads, .layout = arrays->layout};
    LW_TRY(lw_conv_plan_create(&subject->plan, &shape, pass, &options));
    lw_status status = allocate_workspace(subject, lw_conv_plan_workspace_bytes(subject->plan));
    if (status) {
        lw_bench_subject_close(subject);
        return status;
    }
    subject->threads = lw_conv_plan_threads(subject->plan);
    snprintf(subject->kernel, sizeof subject->kernel, "%s",
             lw_conv_plan_implementation(subject->plan));
    return LW_OK;
}

#ifdef LW_HAVE_ONEDNN

#include "conv/onednn_primitive.h"

// Its first choice may be wrong, and differs between training and inference, between its own layouts
// and dense ones.
static const struct {
    lw_onednn_setting setting;
    const char *name;
} settings[LW_BENCH_ONEDNN_SETTINGS] = {
    {{LW_ONEDNN_CHANNELS_LAST, false, 0}, "nhwc"},
    {{LW_ONEDNN_ANY, false, 0}, "any"},
    {{LW_ONEDNN_CHANNELS_LAST, false, 1}, "nhwc"},
    {{LW_ONEDNN_ANY, false, 1}, "any"},
    {{LW_ONEDNN_ANY, true, 0}, "any"},
};

static lw_conv_arrays arrays_of_pass(const lw_bench_arrays *a, lw_conv_pass pass)
{
    switch (pass) {
    case LW_CONV_FORWARD:
        return (lw_conv_arrays){.x = a->x, .weights = a->weights, .bias = a->bias, .y = a->y};
    case LW_CONV_BACKWARD_DATA:
        return (lw_conv_arrays){.dy = a->dy, .weights = a->weights, .dx = a->dx};
    default:
        return (lw_conv_arrays){.x = a->x, .dy = a->dy, .dweights = a->dweights, .dbias = a->dbias};
    }
}

static lw_status open_primitive(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                lw_conv_pass pass, int index, int32_t threads)
{
    lw_conv_problem problem = {.pass = pass,
                               .threads = threads,
                               .layout = arrays->layout,
                               .x = arrays->x_map,
                               .y = arrays->y_map};
    LW_TRY(lw_conv_sizes_of(&arrays->shape, &problem.sizes));
    const lw_onednn_setting *setting = &settings[index].setting;
    LW_TRY(lw_onednn_primitive_create(&subject->alone, &problem, setting, NULL));
    if (!subject->alone) return LW_OK;
    if (lw_onednn_primitive_is_reference(subject->alone)) {
        lw_onednn_primitive_destroy(&subject->alone);
        return LW_OK;
    }
    subject->threads = threads;
    subject->dense_equivalent = setting->winograd;
    snprintf(subject->kernel, sizeof subject->kernel, "%.50s %s",
             lw_onednn_primitive_name(subject->alone), settings[index].name);
    LW_TRY(allocate_workspace(subject, lw_onednn_primitive_workspace_bytes(subject->alone)));
    const lw_conv_arrays of_pass = arrays_of_pass(arrays, pass);
    return lw_onednn_primitive_fetch(subject->alone, &of_pass, subject->workspace);
}

lw_status lw_bench_subject_open_setting(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                        lw_conv_pass pass, int index, int32_t threads)
{
    *subject = (lw_bench_subject){.pass = pass};
    lw_status status = open_primitive(subject, arrays, pass, index, threads);
    if (status) lw_bench_subject_close(subject);
    return status;
}

// The least time of a few executions, after one that pays for pages and threads; long ones are
// executed fewer times, and those that are out of the running once.
static lw_status try_out(const lw_bench_subject *subject, const lw_bench_arrays *arrays,
                         double time_to_beat, double *best)
{
    const double enough_seconds = 0.03;
    const int most = 20;
    double spent = 0.0;
    *best = 1e30;
    for (int i = 0; i < most && (i < 3 || spent < enough_seconds); i++) {
        double begin = lw_clock_seconds();
        LW_TRY(lw_bench_subject_execute(subject, arrays));
        double seconds = lw_clock_seconds() - begin;
        spent += seconds;
        if (seconds < *best) *best = seconds;
        if (seconds > 2.0 * time_to_beat && seconds > enough_seconds) break;
    }
    return LW_OK;
}

lw_status lw_bench_subject_open_onednn(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                       lw_conv_pass pass, int32_t threads)
{
    double best, seconds;
    LW_TRY(lw_bench_subject_open(subject, arrays, arrays->shape.n, pass, LW_CONV_ALGORITHM_ONEDNN,
                                 threads));
    lw_status status = try_out(subject, arrays, 1e30, &best);
    for (int i = 0; i < LW_BENCH_ONEDNN_SETTINGS && !status; i++) {
        lw_bench_subject other;
        status = lw_bench_subject_open_setting(&other, arrays, pass, i, threads);
        if (status || !other.alone) continue;
        status = try_out(&other, arrays, best, &seconds);
        if (!status && seconds < best) {
            const lw_bench_subject slower = *subject;
            *subject = other;
            other = slower;
            best = seconds;
        }
        lw_bench_subject_close(&other);
    }
    if (status) lw_bench_subject_close(subject);
    return status;
}

static lw_status compute_alone(const lw_bench_subject *subject)
{
    return lw_onednn_primitive_compute(subject->alone);
}

lw_status lw_bench_subject_finish(const lw_bench_subject *subject, const lw_bench_arrays *arrays)
{
    if (!subject->alone) return LW_OK;
    const lw_conv_arrays of_pass = arrays_of_pass(arrays, subject->pass);
    return lw_onednn_primitive_store(subject->alone, &of_pass);
}

static void close_alone(lw_bench_subject *subject)
{
    lw_onednn_primitive_destroy(&subject->alone);
}

#else

lw_status lw_bench_subject_open_onednn(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                       lw_conv_pass pass, int32_t threads)
{
    return lw_bench_subject_open(subject, arrays, arrays->shape.n, pass, LW_CONV_ALGORITHM_ONEDNN,
                                 threads);
}

static lw_status compute_alone(const lw_bench_subject *subject)
{
    (void)subject;
    return lw_fail(LW_ERROR_INTERNAL, "a measurement of oneDNN in a build without it");
}

lw_status lw_bench_subject_finish(const lw_bench_subject *subject, const lw_bench_arrays *arrays)
{
    (void)subject;
    (void)arrays;
    return LW_OK;
}

static void close_alone(lw_bench_subject *subject)
{
    (void)subject;
}

#endif

lw_status lw_bench_subject_execute(const lw_bench_subject *subject, const lw_bench_arrays *arrays)
{
    if (subject->alone) return compute_alone(subject);
    return lw_bench_execute(subject->plan, arrays, subject->workspace);
}

void lw_bench_subject_close(lw_bench_subject *subject)
{
    lw_conv_plan_destroy(&subject->plan);
    close_alone(subject);
    lw_memory_free(subject->workspace);
    *subject = (lw_bench_subject){0};
}
