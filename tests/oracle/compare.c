// SPDX-License-Identifier: Apache-2.0
#include "oracle/compare.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char message[256];

const char *lw_compare_message(void)
{
    return message;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

bool lw_compare_bits(const float *expected, const float *actual, size_t count)
{
    message[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (bits_of(expected[i]) == bits_of(actual[i])) continue;
        snprintf(message, sizeof message,
                 "element %zu of %zu: expected %.9g (%08x), got %.9g (%08x)", i, count,
                 (double)expected[i], bits_of(expected[i]), (double)actual[i], bits_of(actual[i]));
        return false;
    }
    return true;
}

bool lw_compare_sums(const float *expected, const float *actual, const float *magnitude,
                     size_t count, double terms)
{
    message[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        double bound = 1.01 * (terms + 2.0) * 0x1p-24 * (double)magnitude[i] +
                       terms * (double)FLT_MIN;
        double difference = fabs((double)actual[i] - (double)expected[i]);
        // Written so that a NaN anywhere fails.
        if (difference <= bound && isfinite(bound)) continue;
        snprintf(message, sizeof message,
                 "element %zu of %zu: expected %.9g, got %.9g: off by %.3g, allowed %.3g", i, count,
                 (double)expected[i], (double)actual[i], difference, bound);
        return false;
    }
    return true;
}

void lw_fill_integers(lw_rng *rng, float *values, size_t count, int limit)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t choices = 2 * (uint32_t)limit + 1;
        int value = (int)lw_rng_below(rng, choices) - limit;
        values[i] = lw_rng_below(rng, 2) ? (float)value : 0.0f;
    }
}

void lw_fill_reals(lw_rng *rng, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = 2.0f * lw_rng_uniform(rng) - 1.0f;
        values[i] = ldexpf(value, -(int)lw_rng_below(rng, 8));
    }
}

void lw_fill_nan(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = NAN;
}

void lw_fill_absolute(const float *values, float *absolute, size_t count)
{
    for (size_t i = 0; i < count; i++) absolute[i] = fabsf(values[i]);
}

double lw_compare_dot(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

enum { guard_bytes = 256, boundary = 64 };

// Fills the guard zones, or checks them.
static bool visit_guards(const lw_guarded *guarded, bool write)
{
    lw_rng rng = lw_rng_stream(guarded->seed, LW_RNG_TEST, 0xFFFF, guarded->bytes);
    const size_t behind = guarded->before + guarded->bytes;
    // The bytes next to the memory; a walled block can have a page of them.
    const size_t first = guarded->before > guard_bytes ? guarded->before - guard_bytes : 0;
    for (size_t i = first; i < behind + guarded->behind; i++) {
        if (i == guarded->before) i = behind;
        if (i == behind + guarded->behind) break;
        unsigned char byte = (unsigned char)lw_rng_u32(&rng);
        if (write)
            guarded->block[i] = byte;
        else if (guarded->block[i] != byte)
            return false;
    }
    return true;
}

static void give_up(size_t bytes)
{
    fprintf(stderr, "no memory for %zu bytes of test data\n", bytes);
    exit(1);
}

lw_guarded lw_guarded_make(size_t bytes, size_t misalignment, uint64_t seed)
{
    lw_guarded guarded = {.bytes = bytes, .before = guard_bytes + misalignment,
                          .behind = guard_bytes, .seed = seed};
    size_t whole = guarded.before + bytes + guard_bytes;
    guarded.block = aligned_alloc(boundary, (whole + boundary - 1) / boundary * boundary);
    if (!guarded.block) give_up(whole);
    guarded.memory = guarded.block + guarded.before;
    visit_guards(&guarded, true);
    return guarded;
}

lw_guarded lw_guarded_make_walled(size_t bytes, uint64_t seed)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t open = (guard_bytes + bytes + page - 1) / page * page;
    lw_guarded guarded = {.bytes = bytes, .before = open - bytes, .mapped_bytes = open + page,
                          .seed = seed};
    void *block = mmap(NULL, guarded.mapped_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) give_up(guarded.mapped_bytes);
    guarded.block = block;
    if (mprotect(guarded.block + open, page, PROT_NONE)) give_up(page);
    guarded.memory = guarded.block + guarded.before;
    visit_guards(&guarded, true);
    return guarded;
}

bool lw_guarded_intact(const lw_guarded *guarded)
{
    return visit_guards(guarded, false);
}

void lw_guarded_free(lw_guarded *guarded)
{
    if (guarded->mapped_bytes)
        munmap(guarded->block, guarded->mapped_bytes);
    else
        free(guarded->block);
    memset(guarded, 0, sizeof *guarded);
}
