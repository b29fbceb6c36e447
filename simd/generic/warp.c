// SPDX-License-Identifier: Apache-2.0
// Bilinear sampling of bytes along lines, in three phases over a small tile: vectors compute where
// each output looks and with which weights, single loads fetch, vectors blend. A word of the source
// holds the four neighbours of a place, so an output is one load; gather instructions are slower
// than that where they were measured (Zen 4: 1.4 times). Everything is in integers: every ISA gives
// the same bytes.
#include "simd/declare.h"

typedef int32_t ints __attribute__((vector_size(4 * LW_VEC)));
typedef uint32_t unsigneds __attribute__((vector_size(4 * LW_VEC)));
typedef uint16_t halves __attribute__((vector_size(4 * LW_VEC)));
typedef uint8_t bytes __attribute__((vector_size(LW_VEC)));

enum { fraction_bits = 16, weight_bits = 8, weight_one = 1 << weight_bits };
enum { line_limit = (LW_WARP_PIXELS + LW_BLOCK - 1) / LW_BLOCK * LW_BLOCK };

// Where the outputs of a tile look; each line has room for whole vectors.
typedef struct places {
    uint32_t words[LW_WARP_LINES * line_limit];  // first which word, then the word
    int32_t weights[LW_WARP_LINES * line_limit]; // right in the lower half, lower in the upper
} places;

LW_INLINE ints load(const void *p)
{
    ints a;
    memcpy(&a, p, sizeof a);
    return a;
}

// A comparison of vectors gives all ones where it holds.
LW_INLINE ints clamp(ints a, int32_t high)
{
    a &= ~(a < 0);
    const ints over = a > high;
    return (a & ~over) | (over & high);
}

// The last vector of a line may be a part of one: what lies behind the offsets is not read.
LW_INLINE ints load_some(const int32_t *p, int32_t lanes)
{
    if (lanes >= LW_VEC) return load(p);
    int32_t values[LW_VEC] = {0};
    memcpy(values, p, (size_t)lanes * sizeof *p);
    return load(values);
}

LW_INLINE void find_places(const lw_warp_lines *lines, int32_t row, int32_t at, places *found)
{
    ints lane;
    for (int i = 0; i < LW_VEC; i++) lane[i] = i;
    for (int32_t i = 0; i < lines->count; i += LW_VEC, at += LW_VEC) {
        ints x = (lane + i) * lines->dx + lines->x[row];
        ints y = (lane + i) * lines->dy + lines->y[row];
        if (lines->offset_x) {
            x += load_some(lines->offset_x + i, lines->count - i);
            y += load_some(lines->offset_y + i, lines->count - i);
        }
        x = clamp(x, lines->last_x << fraction_bits);
        y = clamp(y, lines->last_y << fraction_bits);
        const ints word = (y >> fraction_bits) * lines->stride + (x >> fraction_bits);
        const int down = fraction_bits - weight_bits;
        const ints weights = ((x >> down) & (weight_one - 1)) | ((y >> down) & (weight_one - 1))
                                                                    << 16;
        memcpy(found->words + at, &word, sizeof word);
        memcpy(found->weights + at, &weights, sizeof weights);
    }
}

LW_INLINE bytes blend(const places *found, int32_t at)
{
    const ints words = load(found->words + at), weights = load(found->weights + at);
    const ints right = weights & 0xFFFF, lower = weights >> 16;
    // Both rows of pixels side by side in the halves of a word, which hold 255 * 256.
    const halves left_pixels = (halves)(words & 0x00FF00FF);
    const halves right_pixels = (halves)((words >> 8) & 0x00FF00FF);
    const halves weight = (halves)(right | right << 16);
    const ints rows = (ints)(left_pixels * ((uint16_t)weight_one - weight) + right_pixels * weight);
    const ints top = rows & 0xFFFF, bottom = (ints)((unsigneds)rows >> 16);
    const int32_t half = weight_one * weight_one / 2;
    return __builtin_convertvector(
        ((top << weight_bits) + (bottom - top) * lower + half) >> (2 * weight_bits), bytes);
}

void LW_KERNEL(warp_bytes)(const lw_warp_lines *given, uint8_t *out)
{
    const lw_warp_lines lines = *given; // the bytes of `out` might be anything's
    const int32_t line_places = (lines.count + LW_VEC - 1) / LW_VEC * LW_VEC;
    places found;
    for (int32_t row = 0; row < lines.rows; row++)
        find_places(&lines, row, row * line_places, &found);
    for (int32_t i = 0; i < lines.rows * line_places; i++)
        // The analyzer sees rows here where it saw none above. NOLINTNEXTLINE(clang-analyzer-core.*)
        found.words[i] = lines.quads[found.words[i]];
    for (int32_t row = 0; row < lines.rows; row++)
        for (int32_t i = 0; i < lines.count; i += LW_VEC) {
            const bytes values = blend(&found, row * line_places + i);
            const int32_t left = lines.count - i;
            memcpy(out + row * lines.out_row + i, &values, left < LW_VEC ? (size_t)left : LW_VEC);
        }
}
