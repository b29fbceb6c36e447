// SPDX-License-Identifier: Apache-2.0
// Checks of kernels that move values.
#include "kernel/families.h"

#include <math.h>

typedef struct transpose_operands {
    int32_t rows, columns;
    int64_t from_row, to_row;
    float *from;
    lw_check_output to;
} transpose_operands;

static void prepare_transpose(lw_check *c)
{
    transpose_operands *o = lw_check_note(c, 1, sizeof *o);
    c->operands = o;
    o->rows = c->bench ? 32 : lw_check_between(c, 1, 40);
    o->columns = c->bench ? 32 : lw_check_between(c, 1, 40);
    o->from_row = o->columns + (c->bench ? 0 : lw_check_between(c, 0, 5));
    o->to_row = o->rows + (c->bench ? 0 : lw_check_between(c, 0, 5));
    c->flops = 0.0;
    lw_check_describe(c, "%d x %d, rows %lld and %lld apart", o->rows, o->columns,
                      (long long)o->from_row, (long long)o->to_row);
    const size_t count = (size_t)((o->rows - 1) * o->from_row + o->columns);
    o->from = lw_check_input(c, "from", count, sizeof(float));
    lw_check_fill(c, o->from, count);
    if (c->data == LW_CHECK_SPECIAL) o->from[0] = NAN;
    o->to = lw_check_output_make(c, "to", (size_t)((o->columns - 1) * o->to_row + o->rows),
                                 sizeof(float));
}

static void call_transpose(lw_check *c, const lw_kernel_table *kernels)
{
    transpose_operands *o = c->operands;
    kernels->transpose(o->from, o->from_row, o->rows, o->columns, o->to.values, o->to_row);
}

static void compare_transpose(lw_check *c)
{
    transpose_operands *o = c->operands;
    for (int32_t row = 0; row < o->rows; row++)
        for (int32_t column = 0; column < o->columns; column++) {
            const int64_t at = column * o->to_row + row;
            o->to.expected[at] = (double)o->from[row * o->from_row + column];
            o->to.magnitude[at] = 0.0;
        }
    lw_check_compare(c, &o->to, 0.0);
}

const lw_check_kernel lw_check_copy_kernels[] = {
    {"transpose", prepare_transpose, call_transpose, compare_transpose}, {0}};
