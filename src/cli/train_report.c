// SPDX-License-Identifier: Apache-2.0
// What `lanewise train` says at the end: how good, how fast, what is mixed up, and a few test
// images with what the network sees in them.
#include "base/error.h"
#include "cli/common.h"
#include "cli/train_job.h"
#include "report/confusion.h"
#include "report/format.h"
#include "report/picture.h"
#include "report/sizes.h"
#include "report/table.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_row(lw_table *table, const char *name, const lw_metrics *metrics)
{
    lw_table_cell(table, LW_STYLE_BOLD, "%s", name);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(metrics->count).text);
    lw_table_cell(table, LW_STYLE_BOLD, "%s", lw_format_percent(lw_metrics_accuracy(metrics)).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_loss(metrics->loss).text);
}

static lw_status print_figures(const lw_train_job *job)
{
    lw_table *table;
    const lw_output *output = job->output;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "");
    lw_table_column(table, LW_ALIGN_RIGHT, "images");
    lw_table_column(table, LW_ALIGN_RIGHT, "accuracy");
    lw_table_column(table, LW_ALIGN_RIGHT, "loss");
    add_row(table, "train", &job->train);
    if (job->has_validation) add_row(table, "validation", &job->validation);
    if (job->has_test) add_row(table, "test", &job->test);
    lw_status status = lw_table_print(table, output->result, &output->terminal, 2);
    lw_table_destroy(&table);
    const lw_train_result *result = &job->result;
    fprintf(output->result, "\ntrained in %s: %s images/s with %d thread%s (%s)",
            lw_format_seconds(result->seconds).text,
            lw_format_count(llround(fmin(result->images_per_second, 1e15))).text, result->threads,
            result->threads == 1 ? "" : "s", lw_cpu_isa());
    if (job->peak_memory_bytes > 0)
        fprintf(output->result, "; peak memory %s", lw_format_bytes(job->peak_memory_bytes).text);
    fprintf(output->result, "\n");
    return status;
}

// How long it took to get there, or that it did not.
static void print_until(const lw_train_job *job)
{
    const lw_train_result *result = &job->result;
    if (!(job->config.until_accuracy > 0)) return;
    fprintf(job->output->result,
            "%s %s on the validation images after %d epoch%s: %s of training\n",
            result->reached ? "reached" : "did not reach",
            lw_format_percent(job->config.until_accuracy).text, result->epochs,
            result->epochs == 1 ? "" : "s", lw_format_seconds(result->seconds).text);
}

// Which epoch the weights are from, and why there were no more.
static void print_choice(const lw_train_job *job)
{
    const lw_train_result *result = &job->result;
    FILE *file = job->output->result;
    if (result->out_of_patience)
        fprintf(file, "stopped after epoch %d of %d: no better validation since epoch %d\n",
                result->epochs, job->config.epochs, result->best_epoch);
    if (job->config.keep_best)
        fprintf(file, "the weights are those after epoch %d of %d, the best on validation\n",
                result->best_epoch, result->epochs);
}

// ---- what it learned --------------------------------------------------------------------------

// Four pictures fill a row of 80 columns. Mistakes tell more than hits, so up to two are looked
// for, but only among the first images: this is an illustration, not another evaluation.
enum { n_shown = 4, most_wrong = 2, most_looked_at = 2000 };

typedef struct gallery {
    lw_picture right[n_shown], wrong[most_wrong];
    size_t n_right, n_wrong;
    uint8_t *pixels[n_shown + most_wrong]; // owned, where the images are not in memory
    size_t n_pixels;
} gallery;

// An image with pixels; those of a streamed set go to *own.
static lw_status take_image(lw_sample *image, uint8_t **own, const lw_dataset *dataset,
                            size_t index)
{
    *own = NULL;
    *image = lw_dataset_get(dataset, index);
    if (image->pixels) return LW_OK;
    *own = malloc((size_t)image->height * (size_t)image->width * (size_t)image->channels);
    if (!*own) return lw_fail(LW_ERROR_MEMORY, "no memory for a picture");
    image->pixels = *own;
    return lw_dataset_read(dataset, index, *own);
}

static void set_captions(lw_picture *picture, const lw_dataset *dataset, int32_t predicted,
                         float probability)
{
    char text[128];
    bool right = predicted == picture->image.label;
    const char *name = lw_dataset_class_name(dataset, predicted);
    snprintf(text, sizeof text, "%.0f %% %s", 100 * (double)probability, name);
    lw_picture_caption(picture, 0, text);
    snprintf(text, sizeof text, "%s%s", right ? "right" : "is ",
             right ? "" : lw_dataset_class_name(dataset, picture->image.label));
    lw_picture_caption(picture, 1, text);
    picture->style = right ? LW_STYLE_GOOD : LW_STYLE_BAD;
}

static int32_t most_likely(const float *probabilities, int32_t classes)
{
    int32_t best = 0;
    for (int32_t i = 1; i < classes; i++)
        if (probabilities[i] > probabilities[best]) best = i;
    return best;
}

// True when one of the pictures has that label: hits should be of different classes.
static bool is_shown(const gallery *shown, int32_t label)
{
    for (size_t i = 0; i < shown->n_right; i++)
        if (shown->right[i].image.label == label) return true;
    return false;
}

static lw_status fill_gallery(gallery *shown, const lw_train_job *job, float *probabilities)
{
    const lw_dataset *test = job->data->splits.test;
    size_t n = lw_dataset_size(test);
    for (size_t i = 0; i < n && i < most_looked_at; i++) {
        if (shown->n_right == n_shown && shown->n_wrong == most_wrong) break;
        lw_picture picture = {.style = LW_STYLE_PLAIN};
        uint8_t *own;
        lw_status status = take_image(&picture.image, &own, test, i);
        if (!status) status = lw_model_predict(job->model, &picture.image, probabilities);
        if (status) {
            free(own);
            return status;
        }
        int32_t predicted = most_likely(probabilities, lw_dataset_class_count(test));
        set_captions(&picture, test, predicted, probabilities[predicted]);
        bool kept = true;
        if (predicted != picture.image.label && shown->n_wrong < most_wrong)
            shown->wrong[shown->n_wrong++] = picture;
        else if (predicted == picture.image.label && shown->n_right < n_shown &&
                 !is_shown(shown, predicted))
            shown->right[shown->n_right++] = picture;
        else
            kept = false;
        if (kept && own)
            shown->pixels[shown->n_pixels++] = own;
        else
            free(own);
    }
    return LW_OK;
}

static void draw_gallery(const gallery *shown, const lw_train_job *job)
{
    lw_picture pictures[n_shown];
    size_t n = 0;
    while (n < shown->n_right && n + shown->n_wrong < n_shown) {
        pictures[n] = shown->right[n];
        n++;
    }
    for (size_t i = 0; i < shown->n_wrong; i++) pictures[n++] = shown->wrong[i];
    if (n == 0) return;
    fprintf(job->output->result, "\ntest images and what it sees in them:\n\n");
    lw_picture_print(pictures, n, job->output->result, &job->output->terminal);
}

static lw_status print_gallery(const lw_train_job *job)
{
    gallery shown = {.n_right = 0};
    float *probabilities =
        calloc((size_t)lw_dataset_class_count(job->data->splits.test), sizeof *probabilities);
    if (!probabilities) return lw_fail(LW_ERROR_MEMORY, "no memory for the probabilities");
    lw_status status = fill_gallery(&shown, job, probabilities);
    free(probabilities);
    if (!status) draw_gallery(&shown, job);
    for (size_t i = 0; i < shown.n_pixels; i++) free(shown.pixels[i]);
    return status;
}
// Commands that work when they are copied: the program as it was called, without the present folder
// where it lies below it.
static void print_next(const lw_train_job *job, const char *run)
{
    char folder[4096];
    const char *program = job->program;
    size_t length = getcwd(folder, sizeof folder) ? strlen(folder) : 0;
    bool below = length > 0 && strncmp(program, folder, length) == 0 && program[length] == '/';
    if (below) program += length + 1;
    const char *here = below && !strchr(program, '/') ? "./" : "";
    fprintf(job->output->result, "\nthe run is in %s; next:\n", run);
    fprintf(job->output->result, "  %s%s eval %s\n", here, program, run);
    fprintf(job->output->result, "  %s%s predict %s image.png\n", here, program, run);
}

lw_status lw_train_report(const lw_train_job *job)
{
    FILE *file = job->output->result;
    const char *run = lw_run_path(job->run);
    if (job->output->quiet) {
        const lw_metrics *metrics = job->has_test ? &job->test : &job->train;
        fprintf(file, "%s accuracy %s, %s\n", job->has_test ? "test" : "train",
                lw_format_percent(lw_metrics_accuracy(metrics)).text, run);
        print_until(job);
        print_choice(job);
        return LW_OK;
    }
    fputc('\n', file);
    LW_TRY(print_figures(job));
    print_until(job);
    print_choice(job);
    if (job->settings->time) LW_TRY(lw_train_times_print(job));
    if (!isfinite(job->train.loss))
        fprintf(file, "the loss is not a number: the training ran away; try a smaller --lr\n");
    if (job->has_test) {
        const char **names;
        LW_TRY(lw_class_names(&names, job->data->splits.test));
        fputc('\n', file);
        lw_status status = lw_confusion_print(&job->test, names, file, &job->output->terminal);
        if (!status) fputc('\n', file);
        if (!status) lw_confusion_print_worst(&job->test, names, file);
        free(names);
        if (!status)
            status =
                lw_sizes_print(job->test_sizes, job->n_test_sizes, file, &job->output->terminal);
        if (!status) status = print_gallery(job);
        if (status) return status;
    }
    print_next(job, run);
    return LW_OK;
}
