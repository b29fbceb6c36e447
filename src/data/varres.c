// SPDX-License-Identifier: Apache-2.0
// Draws the images of a set at resolutions of their own: chance first decides on a size for each image,
// which says where its pixels go; then several threads draw.
#include <lanewise/varres.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/crew.h"
#include "data/dataset.h"
#include "data/varres_draw.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- sides --------------------------------------------------------------------------------------

static bool parse_side(const char *text, size_t length, int32_t *side)
{
    char number[16];
    int64_t value;
    if (length == 0 || length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!lw_parse_int64(number, &value)) return false;
    *side = value < 0 || value > INT32_MAX ? -1 : (int32_t)value;
    return true;
}

static lw_status check_side(int32_t side, const char *option)
{
    if (side >= LW_VARRES_LEAST_SIDE && side <= LW_VARRES_LONGEST_SIDE) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "%s: expected sides of %d to %d pixels, got %d", option,
                   LW_VARRES_LEAST_SIDE, LW_VARRES_LONGEST_SIDE, side);
}

static lw_status fail_sides(const char *option, const char *text)
{
    return lw_fail(LW_ERROR_ARGUMENT,
                   "%s: expected sides as in 32,48,64 or a range as in 20..96, got \"%.80s\"",
                   option, text);
}

static lw_status parse_range(lw_side_choice *choice, const char *text, const char *dots,
                             const char *option)
{
    choice->range = true;
    choice->count = 2;
    if (!parse_side(text, (size_t)(dots - text), &choice->sides[0]) ||
        !parse_side(dots + 2, strlen(dots + 2), &choice->sides[1]))
        return fail_sides(option, text);
    LW_TRY(check_side(choice->sides[0], option));
    LW_TRY(check_side(choice->sides[1], option));
    if (choice->sides[0] > choice->sides[1])
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the range %s ends before it begins", option, text);
    return LW_OK;
}

lw_status lw_side_choice_parse(lw_side_choice *choice, const char *text, const char *option)
{
    if (!choice || !text || !option)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_side_choice_parse: an argument is NULL");
    *choice = (lw_side_choice){.count = 0};
    const char *dots = strstr(text, "..");
    if (dots) return parse_range(choice, text, dots, option);
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (choice->count == LW_VARRES_SIDES)
            return lw_fail(LW_ERROR_ARGUMENT, "%s: expected at most %d sides", option,
                           LW_VARRES_SIDES);
        if (!parse_side(at, length, &choice->sides[choice->count])) return fail_sides(option, text);
        LW_TRY(check_side(choice->sides[choice->count++], option));
        at += length;
        if (!*at) return LW_OK;
    }
}

static int32_t choose_side(const lw_side_choice *choice, lw_rng *rng)
{
    if (!choice->range) return choice->sides[lw_rng_below(rng, (uint32_t)choice->count)];
    uint32_t span = (uint32_t)(choice->sides[1] - choice->sides[0]) + 1;
    return choice->sides[0] + (int32_t)lw_rng_below(rng, span);
}

// ---- the set ------------------------------------------------------------------------------------

typedef struct job {
    const lw_dataset *source;
    lw_varres_options options;
    lw_dataset_parts parts;
    uint8_t *scratch[LW_CREW_LIMIT]; // a thread's image and scrap of a streamed source
    atomic_int failed_status;
    char failure[512];
} job;

// The stream of an image starts with its side, then comes the rest (varres_draw.c).
static lw_rng stream_of(const job *work, size_t index)
{
    return lw_rng_stream(work->options.seed, LW_RNG_VARRES, work->options.stream, index);
}

static lw_status check_options(const char *name, const lw_varres_options *options)
{
    for (int32_t i = 0; i < options->sides.count; i++)
        LW_TRY(check_side(options->sides.sides[i], name));
    if (options->sides.count < 0 || options->sides.count > LW_VARRES_SIDES ||
        (options->sides.range &&
         (options->sides.count != 2 || options->sides.sides[0] > options->sides.sides[1])))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected 0 to %d sides, or a range", name,
                       LW_VARRES_SIDES);
    if (options->stream >= 1u << 24)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected a stream below 2^24, got %u", name,
                       options->stream);
    if (!(options->rotate_degrees >= 0.0 && options->rotate_degrees <= 180.0))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected a turn of 0 to 180 degrees, got %g", name,
                       options->rotate_degrees);
    if (options->clutter < 0 || options->clutter > LW_VARRES_MOST_CLUTTER)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: expected 0 to %d scraps of clutter, got %d", name,
                       LW_VARRES_MOST_CLUTTER, options->clutter);
    return LW_OK;
}

// Decides on the sizes and makes room for the pixels.
static lw_status lay_out(job *work, const char *name)
{
    lw_dataset_parts *parts = &work->parts;
    size_t bytes = 0;
    parts->labels = malloc(parts->count * sizeof *parts->labels);
    parts->places = calloc(parts->count, sizeof *parts->places);
    if (!parts->labels || !parts->places)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu sizes", name, parts->count);
    for (size_t i = 0; i < parts->count; i++) {
        lw_rng rng = stream_of(work, i);
        int32_t side = choose_side(&work->options.sides, &rng);
        parts->labels[i] = lw_dataset_get(work->source, i).label;
        parts->places[i] = (lw_image_place){.offset = bytes, .height = side, .width = side};
        bytes += lw_image_place_bytes(&parts->places[i], parts->channels);
    }
    parts->pixels = calloc(bytes, 1);
    if (!parts->pixels)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes of images", name, bytes);
    return LW_OK;
}

static void note_failure(job *work, lw_status status)
{
    int expected = LW_OK;
    if (atomic_compare_exchange_strong(&work->failed_status, &expected, (int)status))
        snprintf(work->failure, sizeof work->failure, "%s", lw_error_message());
}

// A sample with its pixels, which those of a streamed set are read for.
static lw_status take_sample(lw_sample *sample, const job *work, int32_t thread, size_t index)
{
    *sample = lw_dataset_get(work->source, index);
    if (sample->pixels) return LW_OK;
    sample->pixels = work->scratch[thread];
    return lw_dataset_read(work->source, index, work->scratch[thread]);
}

static lw_status draw_clutter(const job *work, int32_t thread, lw_rng *rng, lw_canvas *canvas)
{
    for (int32_t i = 0; i < work->options.clutter; i++) {
        lw_sample other;
        size_t index = lw_rng_below(rng, (uint32_t)lw_dataset_size(work->source));
        LW_TRY(take_sample(&other, work, thread, index));
        lw_varres_draw_scrap(canvas, &other, rng);
    }
    return LW_OK;
}

static lw_status draw(job *work, int32_t thread, size_t index)
{
    const lw_image_place *place = &work->parts.places[index];
    lw_rng rng = stream_of(work, index);
    (void)choose_side(&work->options.sides, &rng);
    lw_canvas canvas = {work->parts.pixels + place->offset, place->height, work->parts.channels};
    lw_varres_pose pose = lw_varres_choose_pose(work->options.rotate_degrees, &rng);
    lw_sample sample;
    LW_TRY(draw_clutter(work, thread, &rng, &canvas));
    LW_TRY(take_sample(&sample, work, thread, index));
    lw_varres_draw_image(&canvas, &sample, &pose);
    return LW_OK;
}

static void draw_item(void *context, int32_t thread, size_t item)
{
    job *work = context;
    if (atomic_load(&work->failed_status) != LW_OK) return;
    lw_status status = draw(work, thread, item);
    if (status) note_failure(work, status);
}

// Room for the largest image of a streamed source, for each thread.
static lw_status prepare_scratch(job *work, int32_t threads, const char *name)
{
    size_t most = 1;
    if (!lw_dataset_is_streamed(work->source)) return LW_OK;
    for (size_t i = 0; i < work->parts.count; i++) {
        lw_sample sample = lw_dataset_get(work->source, i);
        size_t bytes = (size_t)sample.height * (size_t)sample.width * (size_t)sample.channels;
        if (bytes > most) most = bytes;
    }
    for (int32_t i = 0; i < threads; i++) {
        work->scratch[i] = malloc(most);
        if (!work->scratch[i])
            return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes of an image", name, most);
    }
    return LW_OK;
}

static lw_status draw_all(job *work, const char *name)
{
    int32_t threads = lw_crew_size(work->options.threads);
    LW_TRY(lay_out(work, name));
    lw_status status = prepare_scratch(work, threads, name);
    if (!status) {
        lw_crew_job crew = {.count = work->parts.count,
                            .work = draw_item,
                            .context = work,
                            .progress = work->options.progress,
                            .user = work->options.user};
        lw_crew_run(threads, &crew);
        int failed = atomic_load(&work->failed_status);
        if (failed != LW_OK) status = lw_fail((lw_status)failed, "%s", work->failure);
    }
    for (int32_t i = 0; i < threads; i++) free(work->scratch[i]);
    return status;
}

// Names of classes as an array for the parts; the texts stay the source's.
static const char **class_names_of(const lw_dataset *source)
{
    int32_t classes = lw_dataset_class_count(source);
    const char **names = calloc((size_t)classes, sizeof *names);
    for (int32_t i = 0; names && i < classes; i++) names[i] = lw_dataset_class_name(source, i);
    return names;
}

lw_status lw_dataset_create_varres(lw_dataset **dataset, const char *name, const lw_dataset *source,
                                   const lw_varres_options *options)
{
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_dataset_create_varres: dataset is NULL");
    *dataset = NULL;
    if (!name || !source || !options)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "lw_dataset_create_varres: name, source or options is NULL");
    LW_TRY(check_options(name, options));
    job work = {.source = source, .options = *options};
    atomic_init(&work.failed_status, LW_OK);
    if (work.options.sides.count == 0)
        work.options.sides = (lw_side_choice){.sides = {32, 48, 64}, .count = 3};
    const char **names = class_names_of(source);
    if (!names) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the class names", name);
    work.parts = (lw_dataset_parts){.count = lw_dataset_size(source),
                                    .channels = lw_dataset_get(source, 0).channels,
                                    .classes = lw_dataset_class_count(source),
                                    .class_names = names};
    lw_status status = draw_all(&work, name);
    if (!status) {
        status = lw_dataset_adopt(dataset, name, &work.parts);
    } else {
        free(work.parts.pixels);
        free(work.parts.labels);
        free(work.parts.places);
    }
    free(names);
    return status;
}
