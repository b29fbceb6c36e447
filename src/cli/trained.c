// SPDX-License-Identifier: Apache-2.0
#include "cli/trained.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/data_sizes.h"
#include "cli/image_options.h"
#include "run/json_text.h"
#include "run/run_directory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t read_count(const cJSON *object, const char *key, int64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    bool usable = cJSON_IsNumber(item) && item->valuedouble >= -1 && item->valuedouble <= 1e15 &&
                  item->valuedouble == floor(item->valuedouble);
    return usable ? (int64_t)item->valuedouble : otherwise;
}

// A configuration that is missing or damaged is survived where the user names the data; one that the system does not
// let through is not, or figures would be those of other data.
static lw_status read_config(lw_trained *trained, const char *folder)
{
    enum { limit_bytes = 1 << 20 };
    char path[4096 + sizeof "/" LW_RUN_CONFIG_FILE];
    snprintf(path, sizeof path, "%s/%s", folder, LW_RUN_CONFIG_FILE);
    uint8_t *bytes;
    size_t count;
    const lw_status status = lw_file_read(path, limit_bytes, &bytes, &count);
    if (status) return status == LW_ERROR_IO || status == LW_ERROR_MEMORY ? status : LW_OK;
    cJSON *config = lw_json_parse((const char *)bytes, count);
    trained->without_config = config == NULL;
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(config, "data");
    const cJSON *open = cJSON_GetObjectItemCaseSensitive(data, "open");
    if (cJSON_IsString(open))
        snprintf(trained->data, sizeof trained->data, "%s", open->valuestring);
    trained->train_limit = read_count(data, "train_limit", 0);
    trained->validation = read_count(data, "validation", -1);
    const cJSON *fraction = cJSON_GetObjectItemCaseSensitive(data, "validation_fraction");
    if (cJSON_IsNumber(fraction) && fraction->valuedouble > 0 && fraction->valuedouble < 1)
        trained->validation_fraction = fraction->valuedouble;
    trained->skip_bad = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "skip_bad"));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "exact")))
        lw_model_set_exact(trained->model, true);
    cJSON_Delete(config);
    free(bytes);
    return LW_OK;
}

lw_status lw_trained_open(lw_trained *trained, const char *path)
{
    *trained = (lw_trained){.validation = -1};
    char model_path[4096];
    LW_TRY(lw_run_find_model(path, model_path, sizeof model_path));
    LW_TRY(lw_model_load(&trained->model, model_path));
    if (!lw_file_is_folder(path)) return LW_OK;
    lw_status status = read_config(trained, path);
    if (status) lw_model_destroy(&trained->model);
    return status;
}

lw_status lw_trained_open_data(lw_data_splits *splits, const lw_trained *trained,
                               const lw_common_settings *settings, const char *name,
                               const lw_output *output)
{
    const lw_network *network = lw_model_network(trained->model);
    const lw_resize resize = lw_model_resize(trained->model);
    lw_common_settings common = *settings;
    const bool own = !settings->data && trained->data[0];
    if (trained->without_config && !settings->data && !name)
        return lw_fail(LW_ERROR_INPUT,
                       "the " LW_RUN_CONFIG_FILE " of the run cannot be read, so it is "
                       "not known which data it belongs to; --data names them");
    if (!name) name = own ? trained->data : settings->data;
    if (own) {
        if (common.train_limit == 0) common.train_limit = trained->train_limit;
        common.validation_fraction = trained->validation_fraction;
        common.skip_bad = common.skip_bad || trained->skip_bad;
    }
    common.channels = lw_data_channels(network);
    LW_TRY(lw_open_data(splits, &common, name, own ? trained->validation : -1, output));
    lw_status status = lw_resize_splits(splits, &resize, (int32_t)settings->threads, output);
    if (!status) status = lw_data_fit(splits, network, common.skip_bad, output);
    if (status) lw_data_close(splits);
    return status;
}
