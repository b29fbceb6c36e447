// SPDX-License-Identifier: Apache-2.0
// Checks of kernels that work on images of bytes.
#include "kernel/families.h"

#include <stdlib.h>
#include <string.h>

typedef struct warp_operands {
    lw_warp_lines lines;
    uint8_t *out, *before;
    size_t out_bytes;
} warp_operands;

static int32_t *coordinates(lw_check *c, const char *name, int32_t count, int32_t low, int32_t high)
{
    int32_t *values =
        lw_check_memory(c, name, (size_t)count * sizeof *values, sizeof *values, true);
    for (int32_t i = 0; i < count; i++) values[i] = lw_check_between(c, low, high);
    return values;
}

static void prepare_warp(lw_check *c)
{
    warp_operands *o = lw_check_note(c, 1, sizeof *o);
    lw_warp_lines *l = &o->lines;
    c->operands = o;
    const int32_t width = c->bench ? 30 : lw_check_between(c, 1, 50);
    const int32_t height = c->bench ? 30 : lw_check_between(c, 1, 50);
    l->rows = c->bench ? LW_WARP_LINES : lw_check_between(c, 1, LW_WARP_LINES);
    l->count = c->bench ? 28 : lw_check_between(c, 1, LW_WARP_PIXELS);
    l->stride = width + (c->bench ? 0 : lw_check_between(c, 0, 3));
    l->last_x = width - 1;
    l->last_y = height - 1;
    l->out_row = l->count + (c->bench ? 0 : lw_check_between(c, 0, 9));
    const size_t n_quads = (size_t)l->last_y * (size_t)l->stride + (size_t)width;
    uint32_t *quads = lw_check_memory(c, "quads", n_quads * sizeof *quads, sizeof *quads, true);
    for (size_t i = 0; i < n_quads; i++) quads[i] = lw_rng_u32(&c->rng);
    l->quads = quads;
    // Starts and steps that leave the image on every side.
    const int32_t pixel = 1 << 16;
    l->x = coordinates(c, "x", l->rows, -20 * pixel, (width + 20) * pixel);
    l->y = coordinates(c, "y", l->rows, -20 * pixel, (height + 20) * pixel);
    l->dx = c->bench ? pixel : lw_check_between(c, -2 * pixel, 2 * pixel);
    l->dy = c->bench ? pixel / 8 : lw_check_between(c, -2 * pixel, 2 * pixel);
    if (!c->bench && lw_check_once_in(c, 2)) {
        l->offset_x = coordinates(c, "offset_x", l->count, -9 * pixel, 9 * pixel);
        l->offset_y = coordinates(c, "offset_y", l->count, -9 * pixel, 9 * pixel);
    }
    o->out_bytes = (size_t)(l->rows - 1) * (size_t)l->out_row + (size_t)l->count;
    o->out = lw_check_memory(c, "out", o->out_bytes, 1, false);
    o->before = lw_check_note(c, o->out_bytes, 1);
    memcpy(o->before, o->out, o->out_bytes);
    lw_check_describe(c, "%dx%d, %d lines of %d, step %d %d%s", width, height, l->rows, l->count,
                      l->dx, l->dy, l->offset_x ? ", displaced" : "");
}

static void call_warp(lw_check *c, const lw_kernel_table *kernels)
{
    warp_operands *o = c->operands;
    kernels->warp_bytes(&o->lines, o->out);
}

static int64_t clamped(int64_t value, int64_t high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

// The contract for one output, in 64 bits.
static int32_t warped(const lw_warp_lines *l, int32_t row, int32_t i)
{
    int64_t x = l->x[row] + (int64_t)i * l->dx, y = l->y[row] + (int64_t)i * l->dy;
    if (l->offset_x) {
        x += l->offset_x[i];
        y += l->offset_y[i];
    }
    x = clamped(x, (int64_t)l->last_x << 16);
    y = clamped(y, (int64_t)l->last_y << 16);
    const uint32_t quad = l->quads[(y >> 16) * l->stride + (x >> 16)];
    const int64_t right = x >> 8 & 255, lower = y >> 8 & 255;
    const int64_t weights[4] = {(256 - right) * (256 - lower), right * (256 - lower),
                                (256 - right) * lower, right * lower};
    int64_t sum = 32768;
    for (int k = 0; k < 4; k++) sum += weights[k] * (quad >> 8 * k & 255);
    return (int32_t)(sum >> 16);
}

static void compare_warp(lw_check *c)
{
    warp_operands *o = c->operands;
    for (size_t at = 0; at < o->out_bytes; at++) {
        const int32_t row = (int32_t)(at / (size_t)o->lines.out_row);
        const int32_t i = (int32_t)(at % (size_t)o->lines.out_row);
        const int32_t expected = i < o->lines.count ? warped(&o->lines, row, i) : o->before[at];
        if (o->out[at] != expected)
            lw_check_fail(c, "out[%zu] of %zu: expected %d, got %d", at, o->out_bytes, expected,
                          o->out[at]);
    }
}

const lw_check_kernel lw_check_image_kernels[] = {
    {"warp_bytes", prepare_warp, call_warp, compare_warp}, {0}};
