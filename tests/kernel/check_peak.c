// SPDX-License-Identifier: Apache-2.0
// The check of the yardstick: that it did its multiply-adds shows in the value they lead to.
#include "kernel/families.h"

typedef struct peak_operands {
    int64_t rounds;
    lw_check_output mean;
} peak_operands;

static void prepare_peak(lw_check *c)
{
    peak_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->rounds = c->bench ? 1000 : lw_check_between(c, 100, 400);
    o->mean = lw_check_output_make(c, "mean", 1, sizeof(float));
    o->mean.expected[0] = o->mean.magnitude[0] = 1.0;
    lw_check_describe(c, "rounds %d", (int)o->rounds);
    c->flops = 2.0 * LW_PEAK_FMAS * c->kernels->vector_floats * (double)o->rounds;
}

static void call_peak(lw_check *c, const lw_kernel_table *kernels)
{
    peak_operands *o = c->operands;
    o->mean.values[0] = kernels->fma_peak(o->rounds);
}

// The last step of every chain is rounded, and so is the mean.
static void compare_peak(lw_check *c)
{
    const peak_operands *o = c->operands;
    lw_check_compare(c, &o->mean, 2.0);
}

const lw_check_kernel lw_check_peak_kernels[] = {
    {"fma_peak", prepare_peak, call_peak, compare_peak},
    {0},
};
