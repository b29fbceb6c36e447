// SPDX-License-Identifier: Apache-2.0
#include "kernel/check.h"

#include "oracle/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { guard_bytes = 256, cache_line = 64 };

void lw_check_fail(lw_check *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->message, sizeof c->message, format, arguments);
    va_end(arguments);
    siglongjmp(c->escape, 1);
}

void lw_check_describe(lw_check *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->shape, sizeof c->shape, format, arguments);
    va_end(arguments);
}

int32_t lw_check_between(lw_check *c, int32_t first, int32_t last)
{
    return first + (int32_t)lw_rng_below(&c->rng, (uint32_t)(last - first) + 1);
}

int32_t lw_check_one_of(lw_check *c, const int32_t *values, size_t count)
{
    return values[lw_rng_below(&c->rng, (uint32_t)count)];
}

bool lw_check_once_in(lw_check *c, uint32_t n)
{
    return lw_rng_below(&c->rng, n) == 0;
}

void *lw_check_note(lw_check *c, size_t count, size_t size)
{
    if (c->n_notes == LW_CHECK_MAX_NOTES) lw_check_fail(c, "the check takes too many notes");
    void *note = calloc(count ? count : 1, size);
    if (!note) lw_check_fail(c, "no memory for %zu bytes of test data", count * size);
    return c->notes[c->n_notes++] = note;
}

// ---- memory for kernels -------------------------------------------------------------

// A zone's bytes depend on where they are, so that a copied zone does not look intact.
static unsigned char guard_byte(const unsigned char *at)
{
    return (unsigned char)(0x99u ^ ((uintptr_t)at * 29u & 0x3Fu));
}

typedef struct zone {
    unsigned char *begin, *end;
} zone;

// The bytes before (side 0) and behind (side 1) a block that belong to it, on its open pages.
static zone guard_zone(const lw_check_block *block, int side)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *open = block->mapping + page;
    unsigned char *close = block->mapping + block->mapped_bytes - page;
    unsigned char *end = block->memory + block->bytes;
    if (side == 0)
        return (zone){block->memory - open > guard_bytes ? block->memory - guard_bytes : open,
                      block->memory};
    return (zone){end, close - end > guard_bytes ? end + guard_bytes : close};
}

// Where in its pages a block starts.
static size_t choose_offset(lw_check *c, size_t bytes, size_t open_bytes, size_t alignment)
{
    const int32_t where = c->bench ? 2 : lw_check_between(c, 0, 3);
    if (where == 0) return 0;
    if (where == 1) return (open_bytes - bytes) / alignment * alignment;
    size_t shift = c->bench ? 0 : (size_t)lw_check_between(c, 0, cache_line - 1);
    return guard_bytes + shift / alignment * alignment;
}

void *lw_check_memory(lw_check *c, const char *name, size_t bytes, size_t alignment, bool input)
{
    if (c->n_blocks == LW_CHECK_MAX_BLOCKS) lw_check_fail(c, "the check takes too many blocks");
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t open_bytes = (bytes + 2 * guard_bytes + cache_line + page - 1) / page * page;
    lw_check_block *block = &c->blocks[c->n_blocks];
    *block = (lw_check_block){
        .name = name, .bytes = bytes, .input = input, .mapped_bytes = open_bytes + 2 * page};
    void *mapping = mmap(NULL, block->mapped_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) lw_check_fail(c, "no memory for %zu bytes of %s", bytes, name);
    block->mapping = mapping;
    c->n_blocks++;
    if (mprotect(block->mapping + page, open_bytes, PROT_READ | PROT_WRITE))
        lw_check_fail(c, "the pages of %s cannot be opened", name);
    block->memory = block->mapping + page + choose_offset(c, bytes, open_bytes, alignment);
    memset(block->memory, 0xFF, bytes);
    for (int side = 0; side < 2; side++) {
        zone guard = guard_zone(block, side);
        for (unsigned char *at = guard.begin; at < guard.end; at++) *at = guard_byte(at);
    }
    return block->memory;
}

float *lw_check_input(lw_check *c, const char *name, size_t count, size_t alignment)
{
    return lw_check_memory(c, name, count * sizeof(float), alignment, true);
}

void lw_check_seal(lw_check *c)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < c->n_blocks; i++)
        if (c->blocks[i].input &&
            mprotect(c->blocks[i].mapping + page, c->blocks[i].mapped_bytes - 2 * page, PROT_READ))
            lw_check_fail(c, "%s cannot be made read-only", c->blocks[i].name);
}

void lw_check_guards(lw_check *c)
{
    for (int i = 0; i < c->n_blocks; i++) {
        const lw_check_block *block = &c->blocks[i];
        for (int side = 0; side < 2; side++) {
            zone guard = guard_zone(block, side);
            for (unsigned char *at = guard.begin; at < guard.end; at++) {
                if (*at == guard_byte(at)) continue;
                long distance = (long)(side ? at - guard.begin : guard.end - at - 1);
                lw_check_fail(c, "overwrote what lies %s %s (%ld bytes away)",
                              side ? "behind" : "before", block->name, distance);
            }
        }
    }
}

void lw_check_locate(const lw_check *c, const void *address, char *text, size_t text_bytes)
{
    const unsigned char *at = address;
    snprintf(text, text_bytes, "outside of all blocks");
    for (int i = 0; i < c->n_blocks; i++) {
        const lw_check_block *block = &c->blocks[i];
        if (at < block->mapping || at >= block->mapping + block->mapped_bytes) continue;
        const char *where = "before";
        if (at >= block->memory) where = "behind";
        if (at >= block->memory && at < block->memory + block->bytes)
            where = block->input ? "writing to the input" : "inside of";
        snprintf(text, text_bytes, "%s %s", where, block->name);
    }
}

void lw_check_release(lw_check *c)
{
    for (int i = 0; i < c->n_blocks; i++) munmap(c->blocks[i].mapping, c->blocks[i].mapped_bytes);
    for (int i = 0; i < c->n_notes; i++) free(c->notes[i]);
    c->n_blocks = c->n_notes = 0;
    c->operands = NULL;
}

// ---- numbers ------------------------------------------------------------------------

void lw_check_fill(lw_check *c, float *values, size_t count)
{
    if (c->data == LW_CHECK_REALS)
        lw_fill_reals(&c->rng, values, count);
    else
        lw_fill_integers(&c->rng, values, count, 4);
}

float lw_check_number(lw_check *c)
{
    float value;
    lw_check_fill(c, &value, 1);
    return value;
}

// ---- outputs ------------------------------------------------------------------------

lw_check_output lw_check_output_make(lw_check *c, const char *name, size_t count, size_t alignment)
{
    lw_check_output output = {.name = name, .count = count};
    output.values = lw_check_memory(c, name, count * sizeof(float), alignment, false);
    output.before = lw_check_note(c, count, sizeof *output.before);
    output.expected = lw_check_note(c, count, sizeof *output.expected);
    output.magnitude = lw_check_note(c, count, sizeof *output.magnitude);
    for (size_t i = 0; i < count; i++) output.magnitude[i] = LW_CHECK_KEPT;
    lw_check_output_ready(&output);
    return output;
}

void lw_check_output_ready(lw_check_output *output)
{
    memcpy(output->before, output->values, output->count * sizeof *output->before);
}

static bool as_expected(const lw_check_output *output, size_t i, double terms, bool any_zero)
{
    const float *actual = &output->values[i];
    if (output->magnitude[i] == LW_CHECK_ANYTHING) return true;
    if (output->magnitude[i] == LW_CHECK_KEPT)
        return lw_compare_bits(&output->before[i], actual, 1);
    const float expected = (float)output->expected[i];
    if (isnan(expected) && isnan(*actual)) return true;
    if (any_zero && expected == 0.0f && *actual == 0.0f) return true;
    if (terms == 0.0 || !isfinite(expected)) return lw_compare_bits(&expected, actual, 1);
    const float magnitude = (float)output->magnitude[i];
    return lw_compare_sums(&expected, actual, &magnitude, 1, terms);
}

static void compare(lw_check *c, const lw_check_output *output, double terms, bool any_zero)
{
    for (size_t i = 0; i < output->count; i++) {
        if (as_expected(output, i, terms, any_zero)) continue;
        const char *why = lw_compare_message();
        const char *colon = strchr(why, ':'); // behind "element 0 of 1"
        lw_check_fail(c, "%s[%zu] of %zu%s%s", output->name, i, output->count,
                      output->magnitude[i] == LW_CHECK_KEPT ? ", which is not to be written" : "",
                      colon ? colon : "");
    }
}

void lw_check_compare(lw_check *c, const lw_check_output *output, double terms)
{
    compare(c, output, terms, false);
}

void lw_check_compare_values(lw_check *c, const lw_check_output *output)
{
    compare(c, output, 0.0, true);
}

double lw_check_terms(const lw_check *c, double terms)
{
    return c->data == LW_CHECK_REALS ? terms : 0.0;
}

void lw_check_same_bits_as_peer(lw_check *c, const lw_check_output *output,
                                void (*call)(lw_check *c, const lw_kernel_table *kernels))
{
    if (!c->peer) return;
    const size_t bytes = output->count * sizeof(float);
    float *of_table = lw_check_note(c, output->count, sizeof *of_table);
    memcpy(of_table, output->values, bytes);
    memcpy(output->values, output->before, bytes);
    call(c, c->peer);
    // Any NaN is as good as another: which of two operands' NaN survives is the processor's choice.
    for (size_t i = 0; i < output->count; i++) {
        if (isnan(output->values[i]) && isnan(of_table[i])) continue;
        if (lw_compare_bits(&output->values[i], &of_table[i], 1)) continue;
        lw_check_fail(c, "%s[%zu] of %zu differs from table %s: %s", output->name, i, output->count,
                      c->peer->isa, lw_compare_message());
    }
}
