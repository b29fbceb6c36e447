// SPDX-License-Identifier: Apache-2.0
#include "cli/data_export.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "report/format.h"

#include <math.h>
#include <stdlib.h>

lw_image_progress lw_image_progress_begin(const char *verb, const lw_output *output)
{
    double now = lw_clock_seconds();
    return (lw_image_progress){.bar = lw_progress_begin(stderr, false, now),
                               .verb = verb,
                               .begun = now,
                               .quiet = output->quiet};
}

bool lw_image_progress_update(void *user, size_t done, size_t count)
{
    lw_image_progress *progress = user;
    double now = lw_clock_seconds(), seconds = now - progress->begun;
    if (!progress->quiet && done < count && seconds > 0 && done > 0) {
        char what[256];
        double rate = (double)done / seconds;
        snprintf(what, sizeof what, "%s images: %s of %s, %s/s, %s left", progress->verb,
                 lw_format_count((int64_t)done).text, lw_format_count((int64_t)count).text,
                 lw_format_count(llround(rate)).text,
                 lw_format_seconds((double)(count - done) / rate).text);
        lw_progress_work(&progress->bar, what, (double)done / (double)count, now);
    }
    return lw_interrupt_signal() == 0;
}

// Indented, with a newline at its end, owned by the caller; NULL without memory.
static char *manifest_text(const cJSON *manifest)
{
    lw_text text = {0};
    char *json = manifest ? cJSON_Print(manifest) : NULL;
    if (json) lw_text_print(&text, "%s\n", json);
    cJSON_free(json);
    return text.failed ? NULL : text.bytes;
}

static size_t part_size(const lw_dataset *part)
{
    return part ? lw_dataset_size(part) : 0;
}

static lw_status print_result(const lw_data_splits *splits, const char *folder, double seconds,
                              cJSON *manifest, const lw_output *output)
{
    int64_t train = (int64_t)part_size(splits->train), test = (int64_t)part_size(splits->test);
    int64_t validation = (int64_t)part_size(splits->validation);
    if (!output->json) {
        cJSON_Delete(manifest);
        if (output->quiet) return LW_OK;
        fprintf(output->result,
                "%s: %s images for training, %s for validation, %s for test, in %s\n", folder,
                lw_format_count(train).text, lw_format_count(validation).text,
                lw_format_count(test).text, lw_format_seconds(seconds).text);
        return LW_OK;
    }
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "folder", folder);
    lw_json_add_text(&object, "source", splits->source);
    lw_json_add_count(&object, "train_images", train);
    lw_json_add_count(&object, "validation_images", validation);
    lw_json_add_count(&object, "test_images", test);
    lw_json_add_number(&object, "seconds", seconds);
    lw_json_add_item(&object, "manifest", manifest);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

lw_status lw_export_data(const lw_data_splits *splits, const char *folder, int64_t threads,
                         cJSON *manifest, const lw_output *output)
{
    char *text = manifest_text(manifest);
    if (!text) {
        cJSON_Delete(manifest);
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its manifest", folder);
    }
    lw_interrupt_catch();
    lw_image_progress progress = lw_image_progress_begin("writing", output);
    lw_export_options options = {.manifest = text,
                                 .threads = (int32_t)threads,
                                 .progress = lw_image_progress_update,
                                 .user = &progress};
    lw_status status = lw_data_export(splits, folder, &options);
    lw_progress_clear(&progress.bar);
    free(text);
    if (!status)
        return print_result(splits, folder, lw_clock_seconds() - progress.begun, manifest, output);
    cJSON_Delete(manifest);
    return status;
}
