// SPDX-License-Identifier: Apache-2.0
#include "training_set.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Draws image `i` and returns its label.
static int32_t draw_image(uint8_t *pixels, size_t i, int32_t channels, int32_t side,
                          int32_t classes)
{
    lw_rng rng = lw_rng_stream(7, LW_RNG_TEST, 0, i);
    int32_t label = (int32_t)lw_rng_below(&rng, (uint32_t)classes);
    int32_t square = side / 4, place = label % 9;
    int32_t top = place / 3 * square + 1, left = place % 3 * square + 1;
    for (int32_t h = 0; h < side; h++)
        for (int32_t w = 0; w < side; w++) {
            bool bright = h >= top && h < top + square && w >= left && w < left + square;
            for (int32_t c = 0; c < channels; c++)
                pixels[(size_t)((h * side + w) * channels + c)] =
                    (uint8_t)(lw_rng_below(&rng, 60) + (bright ? 180 : 0));
        }
    return label;
}

lw_dataset *make_training_set(size_t count, int32_t channels, int32_t side, int32_t classes)
{
    size_t image_bytes = (size_t)channels * (size_t)side * (size_t)side;
    uint8_t *pixels = malloc(count * image_bytes);
    int32_t *labels = malloc(count * sizeof *labels);
    assert_non_null(pixels);
    assert_non_null(labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = draw_image(pixels + i * image_bytes, i, channels, side, classes);
    lw_dataset *dataset;
    assert_int_equal(LW_OK, lw_dataset_create(&dataset, "squares", pixels, labels, count, channels,
                                              side, side, classes, NULL));
    free(pixels);
    free(labels);
    return dataset;
}

lw_dataset *make_mixed_set(size_t count, const int32_t *sides, size_t n_sides, int32_t classes)
{
    size_t bytes = 0;
    lw_image_size *sizes = malloc(count * sizeof *sizes);
    int32_t *labels = malloc(count * sizeof *labels);
    assert_non_null(sizes);
    assert_non_null(labels);
    for (size_t i = 0; i < count; i++) {
        int32_t side = sides[i * 7 % n_sides];
        sizes[i] = (lw_image_size){side, side};
        bytes += (size_t)side * (size_t)side;
    }
    uint8_t *pixels = malloc(bytes), *image = pixels;
    assert_non_null(pixels);
    for (size_t i = 0; i < count; i++) {
        labels[i] = draw_image(image, i, 1, sizes[i].height, classes);
        image += (size_t)sizes[i].height * (size_t)sizes[i].width;
    }
    lw_dataset *dataset;
    assert_int_equal(LW_OK, lw_dataset_create_mixed(&dataset, "mixed squares", pixels, sizes,
                                                    labels, count, 1, classes, NULL));
    free(pixels);
    free(labels);
    free(sizes);
    return dataset;
}

float *copy_parameters(const lw_model *model, size_t *count)
{
    float *values = NULL;
    *count = 0;
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        assert_int_equal(LW_OK, lw_model_parameter_info(model, i, &info));
        values = realloc(values, (*count + info.count) * sizeof *values);
        assert_non_null(values);
        assert_int_equal(LW_OK, lw_model_get_parameter(model, i, values + *count));
        *count += info.count;
    }
    return values;
}

lw_network *parse_network(const char *text)
{
    lw_network *network;
    lw_status status = lw_network_parse(&network, text, strlen(text), "test.net");
    if (status) fail_msg("%s", lw_error_message());
    return network;
}

lw_network *load_network(const char *name)
{
    char path[1024];
    lw_network *network;
    snprintf(path, sizeof path, "%s/networks/%s.net", LW_SOURCE_DIR, name);
    if (lw_network_load(&network, path)) fail_msg("%s", lw_error_message());
    return network;
}
