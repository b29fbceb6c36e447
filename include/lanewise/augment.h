// SPDX-License-Identifier: Apache-2.0
// Augmentation: every image a little different in every epoch. What happens to an image is a pure
// function of (seed, epoch, index of the sample): it does not depend on threads, batches or order.
#ifndef LANEWISE_AUGMENT_H
#define LANEWISE_AUGMENT_H

#include <lanewise/data.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Strengths; lw_augment_none() has those that change nothing. Whatever is "uniform in" a range is
// drawn anew for each image. The geometric ones (first block) are one bilinear warp together; then
// follow blur, brightness and contrast, noise, erasing, cutout, in this order.
typedef struct lw_augment {
    double rotate;                // degrees, uniform in -rotate .. rotate; 0 .. 180
    double shift_pixels;          // along each axis, uniform in +-; 0 .. 1000
    double shift_fraction;        // the same as a share of the side; 0 .. 1. Both add up
    double scale_low, scale_high; // factor of both sides, uniform; 0.1 .. 10; none: 1, 1
    double shear;                 // degrees by which upright lines lean, uniform in +-; 0 .. 60
    double flip, vflip;           // probability of left for right, of top for bottom; 0 .. 1
    int32_t crop; // whole pixels: the image is padded by so many and cut out at random; 0 .. 1000
    double rcrop_low, rcrop_high; // share of the area that a random part has, which is then scaled
        // to the image's size; 0.01 .. 1; none: 1, 1. Sides are within 3:4
        // and 4:3 of the image's
    double elastic;       // root mean square of a smooth random displacement, pixels; 0 .. 100
    double elastic_sigma; // over how many pixels the displacement is alike; 1 .. 1000
    double blur;          // deviation of a Gaussian in pixels, uniform in 0 .. blur; 0 .. 20
    double brightness;    // values times a factor uniform in 1 +- brightness; 0 .. 1
    double contrast;      // distance from the image's mean, the same; 0 .. 1
    double noise;         // deviation of noise in grey levels, of each value for itself; 0 .. 128
    double erase;         // a rectangle of up to this share of the area; 0 .. 1
    int32_t cutout;       // a square of so many pixels a side at a random place; 0 .. 16384
    double mixup;         // alpha: with another image and its label, by a share from Beta(alpha,
                          // alpha); 0 .. 10
    uint8_t fill;         // what comes in from outside, and erased parts; in every channel
} lw_augment;

LW_API lw_augment lw_augment_none(void);

// Reads "rotate=15,shift=2,scale=0.9:1.1,flip": words with commas, each once, values as above
// (docs/augmentation.md). A policy (digits, photos, light) may come first; what follows it replaces
// its strengths. LW_ERROR_ARGUMENT with a sentence that names the word, and the nearest known one.
LW_API lw_status lw_augment_parse(lw_augment *augment, const char *text);

// Writes the same grammar with every strength that does something, policies spelt out; "" for none.
// 512 bytes are always enough.
LW_API void lw_augment_format(const lw_augment *augment, char *text, size_t text_bytes);

// Refuses strengths outside their ranges, with a sentence.
LW_API lw_status lw_augment_check(const lw_augment *augment);

// True when it leaves every image as it is.
LW_API bool lw_augment_is_none(const lw_augment *augment);

// Which draw: of which run, epoch (< 2^24) and sample.
typedef struct lw_augment_key {
    uint64_t seed;
    uint32_t epoch;
    uint64_t sample;
} lw_augment_key;

// Bytes of scratch for images of this size; the same for every draw.
LW_API size_t lw_augment_scratch_bytes(const lw_augment *augment, int32_t channels, int32_t height,
                                       int32_t width);

// Writes the augmented image, of the size of `image`, to `out` (not the image itself). Allocates
// nothing; `scratch` is aligned to 64 bytes. The strengths were checked. Mixup is left to the
// caller, who has the other image: see lw_augment_draw_mixup.
LW_API void lw_augment_apply(const lw_augment *augment, lw_augment_key key, const lw_sample *image,
                             void *scratch, uint8_t *out);

// With which other sample (of `count`) an image is mixed, and the other one's share in 256ths: 0
// (not at all) to 128 (as much as the image itself). lw_augment_mix blends `other` into `image`,
// `count` bytes each, by a share of 0 .. 256.
typedef struct lw_mixup {
    size_t other;
    int32_t share;
} lw_mixup;

LW_API lw_mixup lw_augment_draw_mixup(const lw_augment *augment, lw_augment_key key, size_t count);
LW_API void lw_augment_mix(uint8_t *image, const uint8_t *other, size_t count, int32_t share);

#ifdef __cplusplus
}
#endif

#endif
