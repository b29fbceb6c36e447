// SPDX-License-Identifier: Apache-2.0
#include "run/run_log.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "run/json_fields.h"
#include "run/json_text.h"
#include "run/run_internal.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- reading ----------------------------------------------------------------------------------

static lw_status read_epoch(lw_epoch_result *epoch, int32_t before, const char *path,
                            const cJSON *record)
{
    lw_json_fields fields = {.file = path};
    epoch->epoch = (int32_t)lw_json_count(&fields, record, "epoch", (int64_t)before + 1, 1 << 30);
    epoch->train_loss = lw_json_number_or_nan(&fields, record, "train_loss", 0, INFINITY);
    epoch->train_accuracy = lw_json_number_or_nan(&fields, record, "train_accuracy", 0, 1);
    epoch->validation_loss = lw_json_number_or_nan(&fields, record, "validation_loss", 0, INFINITY);
    epoch->validation_accuracy =
        lw_json_number_or_nan(&fields, record, "validation_accuracy", 0, 1);
    epoch->learning_rate = lw_json_number_or_nan(&fields, record, "learning_rate", 0, INFINITY);
    epoch->seconds = lw_json_number_or_nan(&fields, record, "seconds", 0, INFINITY);
    epoch->images_per_second =
        lw_json_number_or_nan(&fields, record, "images_per_second", 0, INFINITY);
    epoch->best = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, "best"));
    return fields.status;
}

// Takes a line; *n_epochs grows where it is about an epoch.
static lw_status read_line(lw_epoch_result *epochs, size_t *n_epochs, const char *path,
                           size_t number, const char *line, size_t length)
{
    // Lines of steps are many and of no use here.
    static const char step[] = "{\"event\":\"step\"";
    if (length >= sizeof step && memcmp(line, step, sizeof step - 1) == 0) return LW_OK;
    cJSON *record = lw_json_parse(line, length);
    lw_status status = LW_OK;
    if (!cJSON_IsObject(record)) {
        status = lw_fail(LW_ERROR_INPUT, "%s:%zu: the log is damaged: expected a JSON object", path,
                         number);
    } else {
        const cJSON *event = cJSON_GetObjectItemCaseSensitive(record, "event");
        if (cJSON_IsString(event) && strcmp(event->valuestring, "epoch") == 0) {
            const int32_t before = *n_epochs ? epochs[*n_epochs - 1].epoch : 0;
            status = read_epoch(&epochs[(*n_epochs)++], before, path, record);
        }
    }
    cJSON_Delete(record);
    return status;
}

lw_status lw_run_log_parse(lw_epoch_result **epochs, size_t *n_epochs, const char *path,
                           const char *bytes, size_t count)
{
    size_t lines = 1, number = 0;
    *n_epochs = 0;
    for (size_t i = 0; i < count; i++) lines += bytes[i] == '\n';
    *epochs = calloc(lines, sizeof **epochs);
    if (!*epochs) return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read the log", path);
    for (size_t begin = 0; begin < count;) {
        const char *end = memchr(bytes + begin, '\n', count - begin);
        const size_t length = end ? (size_t)(end - bytes) - begin : count - begin;
        LW_TRY(read_line(*epochs, n_epochs, path, ++number, bytes + begin, length));
        begin += length + 1;
    }
    return LW_OK;
}

// ---- the table --------------------------------------------------------------------------------

static void add_field(lw_text *text, double value)
{
    lw_text_print(text, ",");
    if (isfinite(value)) lw_text_append_json_number(text, value);
}

static void write_table(lw_text *text, const lw_epoch_result *epochs, size_t n)
{
    lw_text_print(text, "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,"
                        "learning_rate,seconds,images_per_second\n");
    for (size_t i = 0; i < n; i++) {
        lw_text_print(text, "%d", epochs[i].epoch);
        add_field(text, epochs[i].train_loss);
        add_field(text, epochs[i].train_accuracy);
        add_field(text, epochs[i].validation_loss);
        add_field(text, epochs[i].validation_accuracy);
        add_field(text, epochs[i].learning_rate);
        add_field(text, epochs[i].seconds);
        add_field(text, epochs[i].images_per_second);
        lw_text_print(text, "\n");
    }
}

lw_status lw_run_put_csv(lw_run *run)
{
    char path[LW_RUN_PATH_BYTES];
    uint8_t *bytes;
    size_t count, n;
    lw_epoch_result *epochs;
    if (!lw_run_join(path, run->partial, LW_RUN_LOG_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    LW_TRY(lw_file_read(path, LW_RUN_LOG_LIMIT, &bytes, &count));
    lw_status status = lw_run_log_parse(&epochs, &n, path, (const char *)bytes, count);
    free(bytes);
    lw_text text = {0};
    if (!status) write_table(&text, epochs, n);
    if (!status && text.failed)
        status = lw_fail(LW_ERROR_MEMORY, LW_RUN_CSV_FILE ": no memory to write it");
    if (!status) status = lw_run_put_text(run, LW_RUN_CSV_FILE, text.bytes);
    lw_text_free(&text);
    free(epochs);
    return status;
}
