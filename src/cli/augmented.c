// SPDX-License-Identifier: Apache-2.0
#include "cli/augmented.h"

#include "base/error.h"
#include "prepare/sampler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t image_bytes(const lw_sample *image)
{
    return (size_t)image->height * (size_t)image->width * (size_t)image->channels;
}

static void fill(lw_augmented *made, lw_sampler *sampler, const size_t *indices)
{
    uint8_t *to = made->pixels;
    for (size_t row = 0; row < made->rows; row++) {
        lw_sample *samples = made->samples + row * made->columns;
        samples[0] = lw_dataset_get(sampler->dataset, indices[row]);
        for (size_t column = 1; column < made->columns; column++) {
            samples[column] = lw_sampler_take(sampler, (uint32_t)(column - 1), indices[row]).image;
            const size_t bytes = image_bytes(&samples[column]);
            memcpy(to, samples[column].pixels, bytes);
            samples[column].pixels = to;
            to += bytes;
        }
    }
}

lw_status lw_augmented_make(lw_augmented *made, const lw_dataset *dataset, const size_t *indices,
                            size_t rows, const lw_augment *augment, size_t versions)
{
    assert(rows > 0);
    *made = (lw_augmented){.rows = rows, .columns = versions + 1};
    size_t bytes = 0;
    for (size_t row = 0; row < rows; row++) {
        const lw_sample sample = lw_dataset_get(dataset, indices[row]);
        if (!sample.pixels)
            return lw_fail(LW_ERROR_UNSUPPORTED, "%s: its images are not in memory",
                           lw_dataset_name(dataset));
        bytes += versions * image_bytes(&sample);
    }
    made->samples = calloc(rows * made->columns, sizeof *made->samples);
    made->pixels = malloc(bytes);
    if (!made->samples || !made->pixels)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu augmented images", rows * versions);
    const lw_sampler_options options = {.augment = augment, .seed = 1};
    lw_sampler sampler;
    lw_status status = lw_sampler_init(&sampler, dataset, &options);
    if (!status) fill(made, &sampler, indices);
    lw_sampler_destroy(&sampler);
    return status;
}

void lw_augmented_free(lw_augmented *made)
{
    free(made->samples);
    free(made->pixels);
    memset(made, 0, sizeof *made);
}
