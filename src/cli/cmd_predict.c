// SPDX-License-Identifier: Apache-2.0
// `lanewise predict`: what a trained model sees in image files. An image that cannot be used is
// named and skipped; the others are still predicted, and the exit code says that something was
// wrong.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/trained.h"
#include "report/format.h"
#include "report/table.h"

#include <lanewise/data.h>
#include <stdlib.h>
#include <string.h>

typedef struct predict_settings {
    lw_common_settings common;
    bool invert;
} predict_settings;

static const lw_option predict_options[] = {
    {.name = "invert",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(predict_settings, invert),
     .help = "the images are dark on light: turn them round first (MNIST and its kind are light on "
             "dark)"},
};

enum { most_guesses = 3 };

// The most likely classes of one image, the best first.
typedef struct prediction {
    const char *image;
    int32_t classes[most_guesses];
    float probabilities[most_guesses];
    int n_guesses; // 0 when the image could not be used
    char failure[1024];
} prediction;

static void rank(prediction *result, const float *probabilities, int32_t n_classes)
{
    for (int32_t label = 0; label < n_classes; label++) {
        int place = result->n_guesses;
        while (place > 0 && probabilities[label] > result->probabilities[place - 1]) place--;
        if (place == most_guesses) continue;
        if (result->n_guesses < most_guesses) result->n_guesses++;
        for (int i = result->n_guesses - 1; i > place; i--) {
            result->classes[i] = result->classes[i - 1];
            result->probabilities[i] = result->probabilities[i - 1];
        }
        result->classes[place] = label;
        result->probabilities[place] = probabilities[label];
    }
}

// The sentence of the network is about layers; the one about the picture comes first.
static lw_status check_size(const lw_model *model, const lw_sample *image, const char *path)
{
    lw_extent declared = lw_network_input(lw_model_network(model));
    bool fits = (declared.height == 0 || declared.height == image->height) &&
                (declared.width == 0 || declared.width == image->width);
    if (!fits)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected an image of %dx%d pixels (width x height), got %dx%d", path,
                       declared.width, declared.height, image->width, image->height);
    lw_extent extent = {declared.channels, image->height, image->width};
    lw_status status = lw_network_infer(lw_model_network(model), extent, NULL);
    return status ? lw_fail(status, "%s: %s", path, lw_error_message()) : LW_OK;
}

// Does what training did to images of other sizes, where it did anything. *pixels are the image's.
static lw_status bring_to_size(const lw_model *model, lw_sample *image, uint8_t **pixels,
                               const char *path)
{
    const lw_resize resize = lw_model_resize(model);
    if (resize.height == 0) return LW_OK;
    uint8_t *resized;
    lw_status status = lw_resize_apply(&resize, image, &resized);
    if (status) return lw_fail(status, "%s: %s", path, lw_error_message());
    free(*pixels);
    *pixels = resized;
    image->pixels = resized;
    image->height = resize.height;
    image->width = resize.width;
    return LW_OK;
}

static lw_status predict_file(const lw_model *model, const char *path, bool invert,
                              float *probabilities, prediction *result)
{
    uint8_t *pixels;
    lw_sample image = {.channels = lw_network_input(lw_model_network(model)).channels};
    LW_TRY(lw_image_read(&pixels, &image.height, &image.width, &image.channels, path));
    size_t n_values = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
    for (size_t i = 0; invert && i < n_values; i++) pixels[i] = (uint8_t)(255 - pixels[i]);
    image.pixels = pixels;
    lw_status status = bring_to_size(model, &image, &pixels, path);
    if (!status) status = check_size(model, &image, path);
    if (!status) status = lw_model_predict(model, &image, probabilities);
    if (!status) rank(result, probabilities, lw_network_class_count(lw_model_network(model)));
    free(pixels);
    return status;
}

// Predicts every image. Memory and bugs end it; anything else is the fault of one file.
static lw_status predict_all(const lw_model *model, const lw_invocation *invocation,
                             float *probabilities, prediction *results, size_t n)
{
    const predict_settings *settings = invocation->settings;
    for (size_t i = 0; i < n; i++) {
        results[i].image = invocation->arguments->operands[i + 1];
        lw_status status =
            predict_file(model, results[i].image, settings->invert, probabilities, &results[i]);
        if (status == LW_ERROR_MEMORY || status == LW_ERROR_INTERNAL) return status;
        if (status)
            snprintf(results[i].failure, sizeof results[i].failure, "%s", lw_error_message());
    }
    return LW_OK;
}

// ---- output -----------------------------------------------------------------------------------

static void add_row(lw_table *table, const lw_model *model, const prediction *result)
{
    char others[256] = "";
    for (int i = 1; i < result->n_guesses; i++) {
        size_t length = strlen(others);
        snprintf(others + length, sizeof others - length, "%s%s %s", i > 1 ? ", " : "",
                 lw_model_class_name(model, result->classes[i]),
                 lw_format_percent((double)result->probabilities[i]).text);
    }
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", result->image);
    lw_table_cell(table, LW_STYLE_BOLD, "%s", lw_model_class_name(model, result->classes[0]));
    lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                  lw_format_percent((double)result->probabilities[0]).text);
    lw_table_cell(table, LW_STYLE_DIM, "%s", others);
}

static lw_status print_table(const lw_model *model, const prediction *results, size_t n,
                             const lw_output *output)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, output->quiet ? "" : "image");
    lw_table_column(table, LW_ALIGN_LEFT, output->quiet ? "" : "class");
    lw_table_column(table, LW_ALIGN_RIGHT, output->quiet ? "" : "probability");
    lw_table_column(table, LW_ALIGN_LEFT, output->quiet ? "" : "next");
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        if (results[i].n_guesses > 0) {
            add_row(table, model, &results[i]);
            good++;
        }
    lw_status status =
        good > 0 ? lw_table_print(table, output->result, &output->terminal, 0) : LW_OK;
    lw_table_destroy(&table);
    return status;
}

static cJSON *guess_json(const lw_model *model, const prediction *result, int i)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "class", lw_model_class_name(model, result->classes[i]));
    lw_json_add_count(&object, "index", result->classes[i]);
    lw_json_add_number(&object, "probability", (double)result->probabilities[i]);
    return lw_json_object_take(&object);
}

static cJSON *prediction_json(const lw_model *model, const prediction *result)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "image", result->image);
    if (result->n_guesses == 0) {
        lw_json_add_text(&object, "error", result->failure);
        return lw_json_object_take(&object);
    }
    lw_json_add_text(&object, "class", lw_model_class_name(model, result->classes[0]));
    lw_json_add_number(&object, "probability", (double)result->probabilities[0]);
    cJSON *top = cJSON_CreateArray();
    for (int i = 0; top && i < result->n_guesses; i++) {
        cJSON *guess = guess_json(model, result, i);
        if (guess && cJSON_AddItemToArray(top, guess)) continue;
        cJSON_Delete(guess);
        cJSON_Delete(top);
        top = NULL;
    }
    lw_json_add_item(&object, "top", top);
    return lw_json_object_take(&object);
}

static lw_status print_json(const lw_model *model, const prediction *results, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < n; i++) {
        cJSON *item = prediction_json(model, &results[i]);
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    return lw_json_finish(array, stdout);
}

// Every bad image gets its sentence on stderr; the last one is the status' own.
static lw_status report_failures(const prediction *results, size_t n)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) bad += results[i].n_guesses == 0;
    if (bad == 0) return LW_OK;
    fflush(stdout);
    for (size_t i = 0; i < n; i++) {
        if (results[i].n_guesses > 0) continue;
        if (n == 1) return lw_fail(LW_ERROR_INPUT, "%s", results[i].failure);
        fprintf(stderr, "lanewise: %s\n", results[i].failure);
    }
    return lw_fail(LW_ERROR_INPUT, "%zu of %zu images could not be used", bad, n);
}

static lw_status predict(const lw_model *model, const lw_invocation *invocation)
{
    const lw_network *network = lw_model_network(model);
    const lw_output *output = &invocation->output;
    int32_t channels = lw_network_input(network).channels;
    size_t n = invocation->arguments->n_operands - 1;
    if (channels != 1 && channels != 3)
        return lw_fail(LW_ERROR_UNSUPPORTED,
                       "%s takes images of %d channels; image files have 1 or 3",
                       lw_network_name(network), channels);
    float *probabilities = calloc((size_t)lw_network_class_count(network), sizeof *probabilities);
    prediction *results = calloc(n, sizeof *results);
    lw_status status = LW_OK;
    if (!probabilities || !results)
        status = lw_fail(LW_ERROR_MEMORY, "no memory for %zu predictions", n);
    if (!status) status = predict_all(model, invocation, probabilities, results, n);
    if (!status)
        status =
            output->json ? print_json(model, results, n) : print_table(model, results, n, output);
    if (!status) status = report_failures(results, n);
    free(results);
    free(probabilities);
    return status;
}

static lw_status run_predict(const lw_invocation *invocation)
{
    lw_trained trained;
    LW_TRY(lw_trained_open(&trained, invocation->arguments->operands[0]));
    lw_status status = predict(trained.model, invocation);
    lw_model_destroy(&trained.model);
    return status;
}

const lw_command lw_command_predict = {
    .name = "predict",
    .summary = "what a trained model sees in image files",
    .operands = "RUN IMAGE...",
    .description =
        "Prints the most likely class of each image (PNG), its probability, and the two "
        "next ones. RUN is a run directory or a .safetensors file. Colours are turned "
        "into what the network takes, and sizes as in training with --resize; without it the "
        "size is not changed: a network of a fixed size takes images of that size only. An image that cannot be used is named, the "
        "others are still predicted, and the exit code is 2.",
    .examples = "  lanewise predict runs/fixed-1 a.png b.png\n"
                "  lanewise predict runs/fixed-1 scan.png --invert\n"
                "  lanewise predict runs/fixed-1 *.png --json\n",
    .least_operands = 2,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {predict_options, lw_output_option_table},
                .counts = {LW_COUNT(predict_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(predict_settings),
    .run = run_predict,
};
