// SPDX-License-Identifier: Apache-2.0
#include "prepare/sampler.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "prepare/resample.h"
#include "prepare/resize.h"

#include <math.h>
#include <string.h>

int32_t lw_sampler_side(int32_t side, double factor)
{
    const int32_t steps = (int32_t)lround(side * factor / LW_SAMPLER_SIDE_STEP);
    const int32_t scaled = (steps < 1 ? 1 : steps) * LW_SAMPLER_SIDE_STEP;
    return scaled < LW_RESIZE_LONGEST_SIDE ? scaled : LW_RESIZE_LONGEST_SIDE;
}

static size_t image_bytes(const lw_sample *image)
{
    return (size_t)image->height * (size_t)image->width * (size_t)image->channels;
}

static lw_resampling resampling(const lw_sample *from, const lw_sample *to)
{
    // Enlarging by the area filter would repeat pixels; both are antialiased.
    return (lw_resampling){from->height, from->width,    to->height,
                           to->width,    from->channels, LW_RESIZE_BILINEAR};
}

// What the largest image needs.
typedef struct needs {
    size_t image_bytes, scratch_bytes;
} needs;

static void need(needs *most, const lw_sampler *sampler, const lw_sample *image)
{
    lw_sample large = *image;
    if (sampler->rescales) {
        large.height = lw_sampler_side(image->height, sampler->options.rescale_high);
        large.width = lw_sampler_side(image->width, sampler->options.rescale_high);
        const lw_resampling r = resampling(image, &large);
        const size_t bytes = lw_resample_scratch_bytes(&r);
        if (bytes > most->scratch_bytes) most->scratch_bytes = bytes;
        // The smallest size has the widest filters, the largest most of everything else: no size in
        // between needs more than both together.
        lw_sample small = *image;
        small.height = lw_sampler_side(image->height, sampler->options.rescale_low);
        small.width = lw_sampler_side(image->width, sampler->options.rescale_low);
        const lw_resampling down = resampling(image, &small);
        const size_t down_bytes = lw_resample_scratch_bytes(&down) + bytes;
        if (down_bytes > most->scratch_bytes) most->scratch_bytes = down_bytes;
    }
    if (sampler->augments) {
        const size_t bytes = lw_augment_scratch_bytes(sampler->options.augment, large.channels,
                                                      large.height, large.width);
        if (bytes > most->scratch_bytes) most->scratch_bytes = bytes;
    }
    if (image_bytes(&large) > most->image_bytes) most->image_bytes = image_bytes(&large);
}

static lw_status check_rescaling(const lw_sampler_options *options)
{
    if (options->rescale_low == 0 && options->rescale_high == 0) return LW_OK;
    const bool fits = options->rescale_low >= 0.1 && options->rescale_high <= 10 &&
                      options->rescale_low <= options->rescale_high;
    if (fits) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "scale jitter: expected LOW:HIGH within 0.1 .. 10, got %g:%g",
                   options->rescale_low, options->rescale_high);
}

lw_status lw_sampler_init(lw_sampler *sampler, const lw_dataset *dataset,
                          const lw_sampler_options *options)
{
    *sampler = (lw_sampler){.dataset = dataset, .options = *options};
    LW_TRY(check_rescaling(options));
    if (options->augment) LW_TRY(lw_augment_check(options->augment));
    sampler->rescales = options->rescale_high > 0;
    sampler->augments = options->augment && !lw_augment_is_none(options->augment);
    sampler->mixes = sampler->augments && options->augment->mixup > 0;
    if (!sampler->rescales && !sampler->augments) return LW_OK;
    needs most = {0};
    lw_sample last = {0};
    for (size_t i = 0; i < lw_dataset_size(dataset); i++) {
        const lw_sample image = lw_dataset_get(dataset, i);
        if (image.height == last.height && image.width == last.width) continue;
        need(&most, sampler, &image);
        last = image;
    }
    const size_t image = lw_round_up(most.image_bytes, LW_ALIGNMENT);
    const size_t scratch = lw_round_up(most.scratch_bytes, LW_ALIGNMENT);
    void *block;
    LW_TRY(lw_memory_allocate(&block, 3 * image + scratch + LW_ALIGNMENT, "augmented images"));
    sampler->block = block;
    sampler->images[0] = sampler->block;
    sampler->images[1] = sampler->block + image;
    sampler->rescaled = sampler->block + 2 * image;
    sampler->scratch = sampler->block + 3 * image;
    return LW_OK;
}

void lw_sampler_destroy(lw_sampler *sampler)
{
    lw_memory_free(sampler->block);
    memset(sampler, 0, sizeof *sampler);
}

lw_sample lw_sampler_look(const lw_sampler *sampler, uint32_t epoch, size_t index)
{
    lw_sample image = lw_dataset_get(sampler->dataset, index);
    if (!sampler->rescales) return image;
    lw_rng rng = lw_rng_stream(sampler->options.seed, LW_RNG_RESCALE, epoch, index);
    const double low = sampler->options.rescale_low, high = sampler->options.rescale_high;
    const double factor = low + (high - low) * (double)lw_rng_uniform(&rng);
    image.height = lw_sampler_side(image.height, factor);
    image.width = lw_sampler_side(image.width, factor);
    return image;
}

// The sample at `index`, `image`, at the size of `wanted`, augmented; into images[place].
static lw_sample draw(lw_sampler *sampler, uint32_t epoch, size_t index, lw_sample image,
                      const lw_sample *wanted, int place)
{
    if (image.height != wanted->height || image.width != wanted->width) {
        const lw_resampling r = resampling(&image, wanted);
        uint8_t *to = sampler->augments ? sampler->rescaled : sampler->images[place];
        lw_resample(&r, image.pixels, sampler->scratch, to);
        image.pixels = to;
        image.height = wanted->height;
        image.width = wanted->width;
    }
    if (sampler->augments) {
        const lw_augment_key key = {sampler->options.seed, epoch, index};
        lw_augment_apply(sampler->options.augment, key, &image, sampler->scratch,
                         sampler->images[place]);
        image.pixels = sampler->images[place];
    }
    return image;
}

lw_drawn lw_sampler_take_from(lw_sampler *sampler, uint32_t epoch, size_t index,
                              const lw_sample *image)
{
    const lw_sample look = lw_sampler_look(sampler, epoch, index);
    lw_drawn drawn = {.image = draw(sampler, epoch, index, *image, &look, 0)};
    drawn.other_label = drawn.image.label;
    if (!sampler->mixes) return drawn;
    const lw_mixup mixup = lw_augment_draw_mixup(
        sampler->options.augment, (lw_augment_key){sampler->options.seed, epoch, index},
        lw_dataset_size(sampler->dataset));
    const lw_sample other = lw_dataset_get(sampler->dataset, mixup.other);
    // Images of different sizes are not mixed: that would take a resizing that nobody asked for.
    if (mixup.share == 0 || image->height != other.height || image->width != other.width)
        return drawn;
    draw(sampler, epoch, mixup.other, other, &look, 1);
    lw_augment_mix(sampler->images[0], sampler->images[1], image_bytes(&drawn.image), mixup.share);
    drawn.other_label = other.label;
    drawn.other_share = (float)mixup.share / 256.0f;
    return drawn;
}

lw_drawn lw_sampler_take(lw_sampler *sampler, uint32_t epoch, size_t index)
{
    const lw_sample image = lw_dataset_get(sampler->dataset, index);
    return lw_sampler_take_from(sampler, epoch, index, &image);
}
