// SPDX-License-Identifier: Apache-2.0
#include "prepare/pixels.h"

#include "base/memory.h"
#include "prepare/hash.h"

#include <math.h>
#include <string.h>

static uint8_t to_byte(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void lw_pixels_adjust(uint8_t *values, size_t count, double gain, double contrast)
{
    enum { bits = 16 };
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    // gain * value, then mean + contrast * (that - mean): one product and one sum a value.
    const double mean = gain * (double)sum / (double)count;
    const int32_t factor = (int32_t)lround(ldexp(gain * contrast, bits));
    const int32_t offset = (int32_t)lround(ldexp(mean * (1.0 - contrast) + 0.5, bits));
    for (size_t i = 0; i < count; i++) values[i] = to_byte((values[i] * factor + offset) >> bits);
}

void lw_pixels_add_noise(uint8_t *values, size_t count, double deviation, const uint32_t key[2])
{
    enum { bits = 14 };
    const int32_t gain = (int32_t)lround(ldexp(deviation / LW_HASH_BELL_DEVIATION, bits));
    const int32_t half = 1 << (bits - 1);
    for (size_t i = 0; i < count; i++)
        values[i] = to_byte(values[i] + ((lw_hash_bell(key, (uint32_t)i) * gain + half) >> bits));
}

void lw_pixels_erase(uint8_t *pixels, int32_t channels, int32_t height, int32_t width, int32_t top,
                     int32_t left, int32_t erased_height, int32_t erased_width, uint8_t fill)
{
    const int32_t bottom = top + erased_height < height ? top + erased_height : height;
    const int32_t right = left + erased_width < width ? left + erased_width : width;
    if (top < 0) top = 0;
    if (left < 0) left = 0;
    if (left >= right) return;
    for (int32_t y = top; y < bottom; y++)
        memset(pixels + ((size_t)y * (size_t)width + (size_t)left) * (size_t)channels, fill,
               (size_t)(right - left) * (size_t)channels);
}

// ---- blur -------------------------------------------------------------------------------------

enum { most_radius = 50, weight_bits = 16 };

// Weights of the taps 0 .. radius to either side, which add up to exactly one; the radius.
static int32_t blur_weights(double deviation, int32_t weights[most_radius + 1])
{
    // Behind 2.5 deviations there is 1 % of a Gaussian.
    int32_t radius = (int32_t)ceil(2.5 * deviation);
    if (radius > most_radius) radius = most_radius;
    double sum = 0.0, values[most_radius + 1];
    for (int32_t k = 0; k <= radius; k++) {
        values[k] = exp(-0.5 * k * k / (deviation * deviation));
        sum += k ? 2.0 * values[k] : values[k];
    }
    weights[0] = 1 << weight_bits;
    for (int32_t k = 1; k <= radius; k++) {
        weights[k] = (int32_t)lround(ldexp(values[k] / sum, weight_bits));
        weights[0] -= 2 * weights[k];
    }
    return radius;
}

// sums += weight * (a + b)
static void add_taps(uint32_t *sums, const uint8_t *a, const uint8_t *b, int32_t weight,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) sums[i] += (uint32_t)weight * ((uint32_t)a[i] + b[i]);
}

static void begin_sums(uint32_t *sums, const uint8_t *a, int32_t weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = (uint32_t)weight * a[i] + (1u << (weight_bits - 1));
}

static void end_sums(const uint32_t *sums, uint8_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) to[i] = (uint8_t)(sums[i] >> weight_bits);
}

size_t lw_pixels_blur_scratch_bytes(int32_t channels, int32_t height, int32_t width)
{
    const size_t row = (size_t)width * (size_t)channels;
    return lw_round_up(row * sizeof(uint32_t), LW_ALIGNMENT) +
           lw_round_up(row + 2 * most_radius * (size_t)channels, LW_ALIGNMENT) +
           lw_round_up((size_t)height * row, LW_ALIGNMENT);
}

void lw_pixels_blur(uint8_t *pixels, int32_t channels, int32_t height, int32_t width,
                    double deviation, void *scratch)
{
    int32_t weights[most_radius + 1];
    const int32_t radius = blur_weights(deviation, weights);
    const size_t c = (size_t)channels, row = (size_t)width * c, rim = (size_t)radius * c;
    uint32_t *sums = scratch;
    uint8_t *padded = (uint8_t *)scratch + lw_round_up(row * sizeof *sums, LW_ALIGNMENT);
    uint8_t *across = padded + lw_round_up(row + 2 * most_radius * c, LW_ALIGNMENT);
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *from = pixels + (size_t)y * row;
        memcpy(padded + rim, from, row);
        for (size_t i = 0; i < rim; i++) {
            padded[i] = from[i % c];
            padded[rim + row + i] = from[row - c + i % c];
        }
        begin_sums(sums, padded + rim, weights[0], row);
        for (int32_t k = 1; k <= radius; k++)
            add_taps(sums, padded + rim - (size_t)k * c, padded + rim + (size_t)k * c, weights[k],
                     row);
        end_sums(sums, across + (size_t)y * row, row);
    }
    for (int32_t y = 0; y < height; y++) {
        begin_sums(sums, across + (size_t)y * row, weights[0], row);
        for (int32_t k = 1; k <= radius; k++) {
            const int32_t above = y - k < 0 ? 0 : y - k,
                          below = y + k < height ? y + k : height - 1;
            add_taps(sums, across + (size_t)above * row, across + (size_t)below * row, weights[k],
                     row);
        }
        end_sums(sums, pixels + (size_t)y * row, row);
    }
}
