// SPDX-License-Identifier: Apache-2.0
// What the check of one kernel works with: random numbers that follow from the seed, memory between
// guard zones and forbidden pages, and comparison of outputs with what the reference expects. A
// check that finds a difference calls lw_check_fail and does not come back.
#ifndef LW_TESTS_KERNEL_CHECK_H
#define LW_TESTS_KERNEL_CHECK_H

#include "base/rng.h"
#include "simd/kernels.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum lw_check_data {
    LW_CHECK_INTEGERS, // small integers: every order of additions gives the same bits
    LW_CHECK_REALS,    // within a bound from the reduction length
    LW_CHECK_SPECIAL   // integers with some NaN and infinities
} lw_check_data;

enum { LW_CHECK_MAX_BLOCKS = 24, LW_CHECK_MAX_NOTES = 48 };

// Memory that a kernel is given: open pages between two forbidden ones.
typedef struct lw_check_block {
    const char *name;
    unsigned char *memory, *mapping;
    size_t bytes, mapped_bytes;
    bool input; // read-only after lw_check_seal
} lw_check_block;

// One case of one kernel of one table.
typedef struct lw_check {
    const lw_kernel_table *kernels; // under test
    const lw_kernel_table *peer;    // the first table, where it is another one; else NULL
    lw_rng rng;
    lw_check_data data;
    bool bench;        // the operands are for timing: 64-byte aligned, fixed shapes
    double flops;      // of a call, set by the preparation of a bench
    char shape[256];   // for people
    char message[512]; // of a failure
    void *operands;    // the family's own
    lw_check_block blocks[LW_CHECK_MAX_BLOCKS];
    int n_blocks;
    void *notes[LW_CHECK_MAX_NOTES]; // memory of the check itself
    int n_notes;
    sigjmp_buf escape;
} lw_check;

// A kernel's entry. `prepare` makes the operands (a random case, or the fixed one of a bench) and
// returns; `call` calls the kernel of a table once; `compare` looks at what it did.
typedef struct lw_check_kernel {
    const char *slot;
    void (*prepare)(lw_check *c);
    void (*call)(lw_check *c, const lw_kernel_table *kernels);
    void (*compare)(lw_check *c);
} lw_check_kernel;

// Ends the case as failed.
_Noreturn void lw_check_fail(lw_check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Writes c->shape.
void lw_check_describe(lw_check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Uniform in first .. last; one of the given values; true once in n.
int32_t lw_check_between(lw_check *c, int32_t first, int32_t last);
int32_t lw_check_one_of(lw_check *c, const int32_t *values, size_t count);
bool lw_check_once_in(lw_check *c, uint32_t n);

// Zeroed memory of the check itself, freed after the case.
void *lw_check_note(lw_check *c, size_t count, size_t size);

// Memory for a kernel, filled with ones (NaN as floats, -1 as integers). It lies against the
// forbidden page before or behind it, or between guard zones at any multiple of `alignment` bytes.
// Inputs become read-only by lw_check_seal.
void *lw_check_memory(lw_check *c, const char *name, size_t bytes, size_t alignment, bool input);
float *lw_check_input(lw_check *c, const char *name, size_t count, size_t alignment);
void lw_check_seal(lw_check *c);

// Fails when a guard zone was overwritten, naming block and side.
void lw_check_guards(lw_check *c);

// The block at or next to an address, as words ("behind x"); for reports of crashes.
void lw_check_locate(const lw_check *c, const void *address, char *text, size_t text_bytes);

// Frees all memory of the case.
void lw_check_release(lw_check *c);

// Numbers of the case's kind: integers in [-4, 4] or reals in (-1, 1).
void lw_check_fill(lw_check *c, float *values, size_t count);
float lw_check_number(lw_check *c);

// An output. Elements are expected to keep their bits until the reference says otherwise.
typedef struct lw_check_output {
    const char *name;
    float *values;
    size_t count;
    float *before; // what `values` held before the call
    double *expected;
    double *magnitude; // the sum of the absolute values behind `expected`, or one of:
} lw_check_output;
#define LW_CHECK_KEPT (-1.0)     // must keep its bits
#define LW_CHECK_ANYTHING (-2.0) // the contract promises nothing

lw_check_output lw_check_output_make(lw_check *c, const char *name, size_t count, size_t alignment);
// Takes note of what the output holds now.
void lw_check_output_ready(lw_check_output *output);

// Fails when the output is not as expected: bit for bit (`terms` 0), else each element within the
// bound of lw_compare_sums for that many terms. NaN is expected as any NaN.
void lw_check_compare(lw_check *c, const lw_check_output *output, double terms);
// The same with either sign of zero.
void lw_check_compare_values(lw_check *c, const lw_check_output *output);

// 0 for data whose sums are exact, else `terms`.
double lw_check_terms(const lw_check *c, double terms);

// Calls the peer's kernel on the same operands and fails when the output's bits differ: for kernels
// whose contract fixes every rounding.
void lw_check_same_bits_as_peer(lw_check *c, const lw_check_output *output,
                                void (*call)(lw_check *c, const lw_kernel_table *kernels));

#endif
