// SPDX-License-Identifier: Apache-2.0
// How one training thread gets at its images: from the data set, rescaled, augmented and mixed as
// the run says. What comes out depends on (seed, epoch, index) alone. Without any of these an image
// is the data set's own.
#ifndef LW_PREPARE_SAMPLER_H
#define LW_PREPARE_SAMPLER_H

#include <lanewise/augment.h>
#include <lanewise/data.h>

// Sides of rescaled images are multiples of this, so that there are few sizes to plan for.
enum { LW_SAMPLER_SIDE_STEP = 4 };

typedef struct lw_sampler_options {
    const lw_augment *augment;        // NULL: none; borrowed
    double rescale_low, rescale_high; // factor of the sides, uniform; 0, 0: none
    uint64_t seed;
} lw_sampler_options;

typedef struct lw_sampler {
    const lw_dataset *dataset;
    lw_sampler_options options;
    bool augments, rescales, mixes;
    unsigned char *block;   // one allocation; NULL when nothing is changed
    unsigned char *scratch; // for resizing and augmenting
    uint8_t *images[2];     // the image and the one that it is mixed with
    uint8_t *rescaled;      // before it is augmented
} lw_sampler;

// An image as it is trained with. The pixels are valid until the next call.
typedef struct lw_drawn {
    lw_sample image;
    int32_t other_label; // of a mixture: the other image's label
    float other_share;   // and its share, 0 .. 0.5
} lw_drawn;

// The data set must outlive the sampler. LW_ERROR_ARGUMENT: strengths or factors out of range.
lw_status lw_sampler_init(lw_sampler *sampler, const lw_dataset *dataset,
                          const lw_sampler_options *options);
void lw_sampler_destroy(lw_sampler *sampler);

// The sample with the size it will have in that epoch; its pixels may be others.
lw_sample lw_sampler_look(const lw_sampler *sampler, uint32_t epoch, size_t index);

lw_drawn lw_sampler_take(lw_sampler *sampler, uint32_t epoch, size_t index);

// The same of `image`, the sample at `index` with its pixels, which the data set need not have in memory
// (but where images are mixed).
lw_drawn lw_sampler_take_from(lw_sampler *sampler, uint32_t epoch, size_t index,
                              const lw_sample *image);

// The side of a rescaled image.
int32_t lw_sampler_side(int32_t side, double factor);

#endif
