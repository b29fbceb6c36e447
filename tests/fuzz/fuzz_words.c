// SPDX-License-Identifier: Apache-2.0
// Texts of one line: what was read and is written down again reads as the same.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "conv/force.h"
#include "conv/shape.h"
#include "study/space.h"

#include <lanewise/augment.h>
#include <lanewise/conv.h>
#include <lanewise/resize.h>
#include <stdlib.h>
#include <string.h>

enum { line_bytes = 1024 };

void lw_fuzz_problem(const uint8_t *bytes, size_t count)
{
    char *text = lw_fuzz_text(bytes, count), line[line_bytes];
    lw_conv_shape shape, again;
    size_t position;
    const lw_status status = lw_conv_shape_parse(&shape, text, &position);
    if (status) {
        LW_FUZZ_CHECK(position <= strlen(text));
        lw_fuzz_check_refusal(status);
    } else {
        LW_FUZZ_CHECK(lw_conv_shape_format(&shape, line, sizeof line) == LW_OK);
        LW_FUZZ_CHECK(lw_conv_shape_parse(&again, line, &position) == LW_OK);
        LW_FUZZ_CHECK(memcmp(&shape, &again, sizeof shape) == 0);
    }
    free(text);
}

void lw_fuzz_force(const uint8_t *bytes, size_t count)
{
    static const char *const layers[] = {"conv1", "conv2"};
    char *text = lw_fuzz_text(bytes, count);
    lw_conv_algorithm algorithm;
    lw_status status =
        lw_conv_forced_algorithm(text, "LANEWISE_CONV", "conv2", LW_CONV_FORWARD, &algorithm);
    if (status) lw_fuzz_check_refusal(status);
    // Whoever looks at the layers' names refuses at least as much.
    const lw_status checked = lw_conv_forced_check(text, "LANEWISE_CONV", layers, 2);
    if (checked) lw_fuzz_check_refusal(checked);
    LW_FUZZ_CHECK(!status || checked);
    free(text);
}

void lw_fuzz_augment(const uint8_t *bytes, size_t count)
{
    char *text = lw_fuzz_text(bytes, count), line[line_bytes], again[line_bytes];
    lw_augment augment;
    const lw_status status = lw_augment_parse(&augment, text);
    if (status) {
        LW_FUZZ_CHECK(augment.rotate == 0 && augment.mixup == 0 && augment.scale_high == 1);
        lw_fuzz_check_refusal(status);
    } else {
        LW_FUZZ_CHECK(lw_augment_check(&augment) == LW_OK);
        lw_augment_format(&augment, line, sizeof line);
        LW_FUZZ_CHECK(strlen(line) < sizeof line - 1);
        if (*line) {
            LW_FUZZ_CHECK(lw_augment_parse(&augment, line) == LW_OK);
            lw_augment_format(&augment, again, sizeof again);
            LW_FUZZ_CHECK(strcmp(line, again) == 0);
        }
        LW_FUZZ_CHECK(lw_augment_scratch_bytes(&augment, 3, 32, 32) < (size_t)1 << 24);
    }
    free(text);
}

// A small image brought to the size, where that is one that is quickly made.
static void apply_resize(const lw_resize *resize)
{
    static const uint8_t pixels[7 * 5] = {0, 255, 17, 3};
    const lw_sample image = {.pixels = pixels, .channels = 1, .height = 5, .width = 7};
    const size_t bytes = (size_t)resize->height * (size_t)resize->width;
    uint8_t *made = NULL;
    if (bytes > 4096) return;
    LW_FUZZ_CHECK(lw_resize_apply(resize, &image, &made) == LW_OK);
    lw_fuzz_touch(made, bytes);
    free(made);
}

void lw_fuzz_resize(const uint8_t *bytes, size_t count)
{
    char *text = lw_fuzz_text(bytes, count), line[line_bytes], again[line_bytes];
    lw_resize resize;
    const lw_status status = lw_resize_parse(&resize, text);
    if (status) {
        LW_FUZZ_CHECK(resize.height == 0 && resize.width == 0);
        lw_fuzz_check_refusal(status);
    } else {
        lw_resize_format(&resize, line, sizeof line);
        LW_FUZZ_CHECK(lw_resize_parse(&resize, line) == LW_OK);
        lw_resize_format(&resize, again, sizeof again);
        LW_FUZZ_CHECK(strcmp(line, again) == 0);
        apply_resize(&resize);
    }
    free(text);
}

// The first byte is the kind of values.
void lw_fuzz_space(const uint8_t *bytes, size_t count)
{
    if (count == 0) return;
    const lw_value_kind kind = (lw_value_kind)(bytes[0] % 4);
    char *text = lw_fuzz_text(bytes + 1, count - 1);
    lw_space space = {0};
    const lw_status status = lw_space_add(&space, "lr", kind, text);
    if (status) {
        lw_fuzz_check_refusal(status);
    } else {
        const lw_dimension *dimension = &space.dimensions[0];
        LW_FUZZ_CHECK(lw_space_size(&space) >= 1);
        for (uint64_t trial = 0; trial < 4; trial++) {
            lw_text drawn = {0};
            double number;
            lw_space_draw(&space, 0, 1, trial, &drawn);
            LW_FUZZ_CHECK(!drawn.failed && drawn.length > 0);
            // What comes from a range lies in it, as written down.
            if (!dimension->values)
                LW_FUZZ_CHECK(lw_parse_double(drawn.bytes, &number) && number >= dimension->low &&
                              number <= dimension->high);
            lw_text_free(&drawn);
        }
    }
    lw_space_free(&space);
    free(text);
}
