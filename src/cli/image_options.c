// SPDX-License-Identifier: Apache-2.0
#include "cli/image_options.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

const lw_option lw_image_option_table[LW_N_IMAGE_OPTIONS] = {
    {.name = "augment",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, augment),
     .value_name = "WORDS",
     .help = "change every training image a little, anew in each epoch, as in "
             "rotate=15,shift=2,scale=0.9:1.1,flip; or a policy: light, digits, photos"},
    {.name = "scale-jitter",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, scale_jitter),
     .value_name = "LOW:HIGH",
     .help =
         "resize every training image by a random factor, anew in each epoch, to sides that are "
         "multiples of 4 pixels; for networks of any size"},
    {.name = "resize",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, resize),
     .value_name = "WIDTHxHEIGHT[:WORD...]",
     .help =
         "bring all images to one size first, now and whenever the run is used; words: bilinear "
         "or area, stretch, fit, cover or crop, box=WxH+X+Y (where the image goes), fill=LEVEL"},
};

static lw_status read_jitter(lw_train_config *config, const char *text)
{
    char low[32];
    const size_t length = strcspn(text, ":");
    bool good = length < sizeof low && text[length] == ':';
    if (good) {
        memcpy(low, text, length);
        low[length] = '\0';
        good = lw_parse_double(low, &config->rescale_low) &&
               lw_parse_double(text + length + 1, &config->rescale_high) &&
               config->rescale_low >= 0.1 && config->rescale_high <= 10 &&
               config->rescale_low <= config->rescale_high;
    }
    if (good) return LW_OK;
    return lw_fail(
        LW_ERROR_ARGUMENT,
        "--scale-jitter: expected LOW:HIGH within 0.1 .. 10, as in 0.75:1.25, got \"%s\"", text);
}

lw_status lw_train_read_images(lw_train_job *job)
{
    const lw_train_settings *settings = job->settings;
    if (settings->augment) {
        LW_TRY(lw_augment_parse(&job->augment, settings->augment));
        job->config.augment = &job->augment;
    }
    if (settings->scale_jitter) {
        const lw_extent input = lw_network_input(job->network);
        if (input.height > 0 && input.width > 0)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "--scale-jitter needs a network of any size; %s takes %dx%d pixels only",
                           lw_network_name(job->network), input.width, input.height);
        LW_TRY(read_jitter(&job->config, settings->scale_jitter));
    }
    return settings->resize ? lw_resize_parse(&job->resize, settings->resize) : LW_OK;
}

// ---- resizing -----------------------------------------------------------------------------------

typedef struct resizing {
    lw_progress progress;
    size_t done, count; // in the parts before; in all
    bool quiet;
} resizing;

static bool on_progress(void *user, size_t done, size_t count)
{
    resizing *work = user;
    (void)count;
    if (!work->quiet)
        lw_progress_work(&work->progress, "resizing images",
                         (double)(work->done + done) / (double)work->count, lw_clock_seconds());
    return lw_interrupt_signal() == 0;
}

static bool has_size(const lw_dataset *dataset, const lw_resize *resize)
{
    for (size_t i = 0; i < lw_dataset_size(dataset); i++) {
        const lw_sample image = lw_dataset_get(dataset, i);
        if (image.height != resize->height || image.width != resize->width) return false;
    }
    return true;
}

static lw_status resize_part(lw_dataset **part, const lw_resize *resize, int32_t threads,
                             resizing *work)
{
    lw_dataset *resized;
    // Every mode leaves an image of the right size as it is, but a box moves it.
    if (resize->box_height == 0 && has_size(*part, resize)) return LW_OK;
    LW_TRY(lw_dataset_resize(&resized, *part, resize, threads, on_progress, work));
    work->done += lw_dataset_size(*part);
    lw_dataset_destroy(part);
    *part = resized;
    return LW_OK;
}

lw_status lw_resize_splits(lw_data_splits *splits, const lw_resize *resize, int32_t threads,
                           const lw_output *output)
{
    lw_dataset **const parts[] = {&splits->train, &splits->validation, &splits->test};
    resizing work = {.progress = lw_progress_begin(stderr, false, lw_clock_seconds()),
                     .quiet = output->quiet};
    if (resize->height == 0) return LW_OK;
    for (size_t i = 0; i < LW_COUNT(parts); i++)
        if (*parts[i]) work.count += lw_dataset_size(*parts[i]);
    lw_status status = LW_OK;
    for (size_t i = 0; i < LW_COUNT(parts) && !status; i++)
        if (*parts[i] && lw_dataset_size(*parts[i]) > 0)
            status = resize_part(parts[i], resize, threads, &work);
    lw_progress_clear(&work.progress);
    if (status) return status;
    char text[64];
    lw_resize_format(resize, text, sizeof text);
    if (work.done > 0)
        lw_note(output, "resized %s images to %s", lw_format_count((int64_t)work.done).text, text);
    return LW_OK;
}
