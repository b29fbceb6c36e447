// SPDX-License-Identifier: Apache-2.0
#include "cli/report_pictures.h"

#include "base/clock.h"
#include "base/error.h"
#include "cli/trained.h"
#include "data/image_write.h"
#include "report/confusion.h"
#include "report/format.h"
#include "report/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As many as are looked at, and as few as keep the page small. Larger images are shrunk.
enum { most_pairs = 5, most_of_a_pair = 8, most_on_sheet = 40, most_side = 96, most_filters = 96 };

// An image that was taken for another class.
typedef struct wrong_image {
    size_t index;
    int32_t truth, predicted;
    float probability; // of the wrong class
} wrong_image;

typedef struct wrong_images {
    wrong_image *all; // those the network was surest of first
    size_t n;
    const lw_dataset *dataset;
} wrong_images;

// ---- looking for them -------------------------------------------------------------------------

static int by_probability(const void *a, const void *b)
{
    const wrong_image *x = a, *y = b;
    if (x->probability > y->probability) return -1;
    if (x->probability < y->probability) return 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int32_t largest(const float *values, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

static lw_status predict_all(wrong_images *wrong, const lw_model *model, lw_reader *reader,
                             float *probabilities, const lw_output *output)
{
    const size_t n = lw_dataset_size(wrong->dataset);
    const int32_t classes = lw_dataset_class_count(wrong->dataset);
    lw_progress progress = lw_progress_begin(stderr, false, lw_clock_seconds());
    lw_status status = LW_OK;
    for (size_t i = 0; i < n && !status; i++) {
        lw_sample sample;
        status = lw_reader_get(reader, i, &sample);
        if (!status) status = lw_model_predict(model, &sample, probabilities);
        if (status) break;
        lw_reader_advance(reader, i + 1);
        const int32_t predicted = largest(probabilities, classes);
        if (predicted != sample.label)
            wrong->all[wrong->n++] =
                (wrong_image){i, sample.label, predicted, probabilities[predicted]};
        if (output->notes && i % 64 == 0)
            lw_progress_work(&progress, "looking at the test images", (double)i / (double)n,
                             lw_clock_seconds());
    }
    lw_progress_clear(&progress);
    return status;
}

static lw_status find_wrong(wrong_images *wrong, const lw_model *model, const lw_output *output)
{
    lw_reader *reader;
    const size_t classes = (size_t)lw_dataset_class_count(wrong->dataset);
    LW_TRY(lw_reader_create(&reader, wrong->dataset, NULL, 0, NULL));
    float *probabilities = calloc(classes, sizeof *probabilities);
    wrong->all = calloc(lw_dataset_size(wrong->dataset), sizeof *wrong->all);
    lw_status status = wrong->all && probabilities
                           ? predict_all(wrong, model, reader, probabilities, output)
                           : lw_fail(LW_ERROR_MEMORY, "no memory for the wrong images");
    free(probabilities);
    lw_reader_destroy(&reader);
    if (!status) qsort(wrong->all, wrong->n, sizeof *wrong->all, by_probability);
    return status;
}

// ---- drawing them -----------------------------------------------------------------------------

// An image as PNG with no side above the limit.
static lw_status encode(lw_text *png, const lw_sample *image)
{
    const int32_t longer = image->height > image->width ? image->height : image->width;
    if (longer <= most_side) return lw_image_encode(png, image, false, "a picture of the report");
    lw_sample small = *image;
    small.height = (int32_t)fmax(1, round((double)image->height * most_side / longer));
    small.width = (int32_t)fmax(1, round((double)image->width * most_side / longer));
    uint8_t *pixels = malloc((size_t)small.height * (size_t)small.width * (size_t)small.channels);
    if (!pixels) return lw_fail(LW_ERROR_MEMORY, "no memory for a picture");
    small.pixels = pixels;
    lw_status status = lw_image_resize(image->pixels, image->height, image->width, image->channels,
                                       pixels, small.height, small.width, LW_RESIZE_AREA);
    if (!status) status = lw_image_encode(png, &small, false, "a picture of the report");
    free(pixels);
    return status;
}

static lw_status add_image(lw_page *page, const wrong_images *wrong, const wrong_image *image)
{
    lw_sample sample = lw_dataset_get(wrong->dataset, image->index);
    const char *truth = lw_dataset_class_name(wrong->dataset, image->truth);
    const char *predicted = lw_dataset_class_name(wrong->dataset, image->predicted);
    uint8_t *pixels =
        malloc((size_t)sample.height * (size_t)sample.width * (size_t)sample.channels);
    if (!pixels) return lw_fail(LW_ERROR_MEMORY, "no memory for a picture");
    sample.pixels = pixels;
    lw_text png = {0};
    lw_status status = lw_dataset_read(wrong->dataset, image->index, pixels);
    if (!status) status = encode(&png, &sample);
    if (!status) {
        char caption[192], description[256];
        const int shown = sample.width <= 28 ? 56 : sample.width < most_side ? 72 : most_side;
        snprintf(caption, sizeof caption, "%.60s as %.60s, %.0f %%", truth, predicted,
                 100 * (double)image->probability);
        snprintf(description, sizeof description,
                 "Test image %zu: a %.60s, taken for %.60s with a probability of %.1f %%",
                 image->index, truth, predicted, 100 * (double)image->probability);
        lw_page_picture(page, &png, shown, caption, description);
    }
    lw_text_free(&png);
    free(pixels);
    return status;
}

static lw_status add_pair(lw_page *page, const wrong_images *wrong, const lw_mistake *pair)
{
    char about[256];
    snprintf(about, sizeof about, "%.80s taken for %.80s: %s time%s",
             lw_dataset_class_name(wrong->dataset, pair->truth),
             lw_dataset_class_name(wrong->dataset, pair->predicted),
             lw_format_count(pair->count).text, pair->count == 1 ? "" : "s");
    lw_page_pictures_begin(page, about);
    size_t shown = 0;
    lw_status status = LW_OK;
    for (size_t i = 0; i < wrong->n && shown < most_of_a_pair && !status; i++) {
        if (wrong->all[i].truth != pair->truth || wrong->all[i].predicted != pair->predicted)
            continue;
        status = add_image(page, wrong, &wrong->all[i]);
        shown++;
    }
    lw_page_pictures_end(page);
    return status;
}

static lw_status add_sheet(lw_page *page, const wrong_images *wrong)
{
    char about[128];
    const size_t shown = wrong->n < most_on_sheet ? wrong->n : most_on_sheet;
    snprintf(about, sizeof about, "%s%zu wrong images, those that the network was surest of first",
             shown < wrong->n ? "the first of " : "all ", wrong->n);
    lw_page_pictures_begin(page, about);
    lw_status status = LW_OK;
    for (size_t i = 0; i < shown && !status; i++) status = add_image(page, wrong, &wrong->all[i]);
    lw_page_pictures_end(page);
    return status;
}

// The pairs come from what was just predicted: with several seeds, the run's own.
static lw_status add_wrong(lw_page *page, const wrong_images *wrong)
{
    lw_metrics metrics;
    lw_mistake pairs[most_pairs];
    LW_TRY(lw_metrics_create(&metrics, lw_dataset_class_count(wrong->dataset)));
    for (size_t i = 0; i < wrong->n; i++)
        metrics.confusion[wrong->all[i].truth * metrics.classes + wrong->all[i].predicted]++;
    const size_t n_pairs = lw_confusion_worst(&metrics, pairs, most_pairs);
    lw_metrics_destroy(&metrics);
    if (wrong->n == 0) {
        lw_page_paragraph(page, "No test image is taken for another class.");
        return LW_OK;
    }
    lw_status status = LW_OK;
    for (size_t i = 0; i < n_pairs && !status; i++) status = add_pair(page, wrong, &pairs[i]);
    return status ? status : add_sheet(page, wrong);
}

// ---- filters ----------------------------------------------------------------------------------

// From blue (negative) over white to orange (positive); three input channels are red, green and blue
// themselves, with grey for nothing.
static void paint(uint8_t pixel[3], const float *weights, size_t plane, int64_t channels,
                  float extent)
{
    static const double cold[3] = {47, 111, 179}, warm[3] = {224, 110, 20};
    const double scale = extent > 0 ? 1.0 / (double)extent : 0;
    for (int i = 0; i < 3; i++) {
        if (channels == 3) {
            pixel[i] = (uint8_t)lround(127.5 + 127.5 * scale * (double)weights[(size_t)i * plane]);
        } else {
            const double v = scale * (double)weights[0];
            pixel[i] = (uint8_t)lround(255 + fabs(v) * ((v < 0 ? cold : warm)[i] - 255));
        }
    }
}

static lw_status add_filter(lw_page *page, const lw_parameter_info *info, const float *weights,
                            int64_t number, float extent)
{
    const size_t plane = (size_t)(info->shape[2] * info->shape[3]);
    uint8_t *pixels = malloc(3 * plane);
    if (!pixels) return lw_fail(LW_ERROR_MEMORY, "no memory for a picture");
    for (size_t i = 0; i < plane; i++)
        paint(pixels + 3 * i, weights + i, plane, info->shape[1], extent);
    const lw_sample image = {.pixels = pixels,
                             .channels = 3,
                             .height = (int32_t)info->shape[2],
                             .width = (int32_t)info->shape[3]};
    lw_text png = {0};
    char caption[32], description[64];
    lw_status status = lw_image_encode(&png, &image, false, "a filter");
    snprintf(caption, sizeof caption, "%lld", (long long)number);
    snprintf(description, sizeof description, "Filter %lld of the first layer", (long long)number);
    if (!status) lw_page_picture(page, &png, 48, caption, description);
    lw_text_free(&png);
    free(pixels);
    return status;
}

static lw_status add_filters(lw_page *page, const lw_model *model)
{
    lw_parameter_info info;
    LW_TRY(lw_model_parameter_info(model, 0, &info));
    if (info.rank != 4 || info.shape[2] * info.shape[3] < 2) return LW_OK;
    float *weights = malloc(info.count * sizeof *weights), extent = 0;
    if (!weights) return lw_fail(LW_ERROR_MEMORY, "no memory for the filters");
    lw_status status = lw_model_get_parameter(model, 0, weights);
    for (size_t i = 0; i < info.count && !status; i++)
        if (isfinite(weights[i])) extent = fmaxf(extent, fabsf(weights[i]));
    char about[192];
    snprintf(about, sizeof about, "The filters of the first layer, %lldx%lld%s",
             (long long)info.shape[2], (long long)info.shape[3],
             info.shape[1] == 3   ? "; grey: 0"
             : info.shape[1] == 1 ? "; blue: negative, white: 0, orange: positive"
                                  : ", their first input channel; blue: negative, white: 0, "
                                    "orange: positive");
    lw_page_pictures_begin(page, about);
    const size_t each = info.count / (size_t)info.shape[0];
    for (int64_t i = 0; i < info.shape[0] && i < most_filters && !status; i++)
        status = add_filter(page, &info, weights + (size_t)i * each, i + 1, extent);
    lw_page_pictures_end(page);
    free(weights);
    return status;
}

// ---- the whole --------------------------------------------------------------------------------

static lw_status check_data(const lw_data_splits *splits, const lw_run_summary *run)
{
    const size_t n = splits->test ? lw_dataset_size(splits->test) : 0;
    if ((int64_t)n == run->test_images) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s has %zu test images now, the run was tested on %lld",
                   splits->name, n, (long long)run->test_images);
}

static lw_status add_test_images(lw_page *page, const lw_run_summary *run,
                                 const lw_trained *trained, const lw_common_settings *settings,
                                 const lw_output *output)
{
    lw_data_splits splits;
    if (run->test_images == 0) return LW_OK;
    LW_TRY(lw_trained_open_data(&splits, trained, settings, NULL, output));
    wrong_images wrong = {.dataset = splits.test};
    lw_status status = check_data(&splits, run);
    if (!status) status = find_wrong(&wrong, trained->model, output);
    if (!status) status = add_wrong(page, &wrong);
    free(wrong.all);
    lw_data_close(&splits);
    return status;
}

// What is wrong with the pictures is no reason to do without the rest of the page.
static lw_status forgive(lw_page *page, const lw_output *output, lw_status status)
{
    if (!status || status == LW_ERROR_MEMORY || status == LW_ERROR_INTERRUPTED) return status;
    lw_page_paragraph(page, "These pictures are missing: %s.", lw_error_message());
    lw_note(output, "without pictures: %s", lw_error_message());
    return LW_OK;
}

lw_status lw_report_pictures(lw_page *page, const lw_run_summary *run, const char *title,
                             const lw_common_settings *settings, const lw_output *output)
{
    lw_trained trained;
    lw_page_section(page, title);
    lw_status status = lw_trained_open(&trained, run->path);
    if (status) return forgive(page, output, status);
    status = forgive(page, output, add_test_images(page, run, &trained, settings, output));
    if (!status) status = forgive(page, output, add_filters(page, trained.model));
    lw_model_destroy(&trained.model);
    return status;
}
