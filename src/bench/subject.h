// SPDX-License-Identifier: Apache-2.0
// What is measured: an algorithm's plan, or oneDNN's primitive alone.
#ifndef LW_BENCH_SUBJECT_H
#define LW_BENCH_SUBJECT_H

#include "bench/arrays.h"

#include <stdbool.h>

typedef struct lw_bench_subject {
    lw_conv_plan *plan;                // owned, or NULL ...
    struct lw_onednn_primitive *alone; // ... for a primitive (owned), whose inputs are fetched
    void *workspace;                   // owned
    lw_conv_pass pass;
    int32_t threads;
    bool dense_equivalent;
    char kernel[64]; // what runs, as far as the algorithm says
} lw_bench_subject;

// The plan of an algorithm for the first `images` images of the arrays.
lw_status lw_bench_subject_open(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                int32_t images, lw_conv_pass pass, lw_conv_algorithm algorithm,
                                int32_t threads);

// oneDNN at its best: the fastest of its plan (with the copies that it needs) and of its primitive
// alone (without any) in layouts of its choice, with its next best implementation and with its
// Winograd algorithm where it has one. Tries them out: a few executions each.
lw_status lw_bench_subject_open_onednn(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                       lw_conv_pass pass, int32_t threads);

lw_status lw_bench_subject_execute(const lw_bench_subject *subject, const lw_bench_arrays *arrays);

// What a primitive alone has computed, into the arrays; nothing to do for a plan.
lw_status lw_bench_subject_finish(const lw_bench_subject *subject, const lw_bench_arrays *arrays);

// Does nothing when nothing is open.
void lw_bench_subject_close(lw_bench_subject *subject);

#ifdef LW_HAVE_ONEDNN
// For the tests: the settings of the primitive, and one of them opened. `subject->alone` stays NULL
// where oneDNN has none like that, or only its plain loops.
enum { LW_BENCH_ONEDNN_SETTINGS = 5 };
lw_status lw_bench_subject_open_setting(lw_bench_subject *subject, const lw_bench_arrays *arrays,
                                        lw_conv_pass pass, int index, int32_t threads);
#endif

#endif
