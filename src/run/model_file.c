// SPDX-License-Identifier: Apache-2.0
// Models in safetensors files: the parameter tensors under PyTorch's names, and metadata that say
// everything else a model is made of (docs/run-directory.md).
#include "run/model_file.h"

#include "base/error.h"
#include "base/text.h"
#include "run/json_text.h"
#include "run/safetensors.h"

#include <float.h>
#include <lanewise/version.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { format_version = 1, normalized_channels = 4 };

// A network text of a few bytes can describe gigabytes of weights. So a model is only made when
// the file holds nearly as many values; up to this many may be missing, so that the checks behind
// it can say which tensor it is.
static const int64_t tolerated_missing_values = 1 << 16;

// Writing

// The parameters of a model, copied out.
typedef struct parameter_copy {
    size_t n;
    lw_parameter_info *infos;
    lw_safetensors_tensor *tensors;
    float **values;
} parameter_copy;

static void free_copy(parameter_copy *copy)
{
    for (size_t i = 0; copy->values && i < copy->n; i++) free(copy->values[i]);
    free(copy->values);
    free(copy->tensors);
    free(copy->infos);
    memset(copy, 0, sizeof *copy);
}

// Fills *copy, which the caller frees also when this fails.
static lw_status copy_parameters(parameter_copy *copy, const lw_model *model, const char *path)
{
    memset(copy, 0, sizeof *copy);
    copy->n = lw_model_parameter_count(model);
    copy->infos = calloc(copy->n, sizeof *copy->infos);
    copy->tensors = calloc(copy->n, sizeof *copy->tensors);
    copy->values = calloc(copy->n, sizeof *copy->values);
    if (!copy->infos || !copy->tensors || !copy->values)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu tensors", path, copy->n);
    for (size_t i = 0; i < copy->n; i++) {
        lw_parameter_info *info = &copy->infos[i];
        LW_TRY(lw_model_parameter_info(model, i, info));
        lw_safetensors_tensor *tensor = &copy->tensors[i];
        tensor->name = info->name;
        tensor->rank = info->rank;
        for (int32_t k = 0; k < info->rank; k++) tensor->shape[k] = info->shape[k];
        tensor->count = info->count;
        copy->values[i] = malloc(info->count * sizeof(float));
        if (!copy->values[i])
            return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the tensor '%s' of %zu values", path,
                           info->name, info->count);
        LW_TRY(lw_model_get_parameter(model, i, copy->values[i]));
    }
    return LW_OK;
}

// The double whose shortest text names the float: 0.1307, not 0.13070000708103180. Writing and
// reading back happen under one locale, so its decimal point does not matter.
static double shortest_double(float value)
{
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value) return strtod(text, NULL);
    }
    snprintf(text, sizeof text, "%.9g", (double)value);
    return strtod(text, NULL);
}

// "[0.1307]": one number a channel of the input.
static char *print_numbers(const float *values, int32_t channels)
{
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (int32_t c = 0; ok && c < normalized_channels && c < channels; c++)
        ok = cJSON_AddItemToArray(array, cJSON_CreateNumber(shortest_double(values[c])));
    char *text = ok ? lw_json_print(array, false) : NULL;
    cJSON_Delete(array);
    return text;
}

static char *print_class_names(const lw_model *model, int32_t classes)
{
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (int32_t i = 0; ok && i < classes; i++) {
        const char *name = lw_model_class_name(model, i);
        ok = cJSON_AddItemToArray(array, cJSON_CreateString(name ? name : ""));
    }
    char *text = ok ? lw_json_print(array, false) : NULL;
    cJSON_Delete(array);
    return text;
}

// A side of the declared input, as the network text writes it.
static void print_side(char *text, size_t text_bytes, int32_t side)
{
    if (side == 0)
        snprintf(text, text_bytes, "?");
    else
        snprintf(text, text_bytes, "%d", (int)side);
}

static lw_status write_model(const lw_model *model, const parameter_copy *copy, const char *path)
{
    const lw_network *network = lw_model_network(model);
    lw_extent input = lw_network_input(network);
    lw_normalization normalization = lw_model_normalization(model);
    char version[16], height[16], width[16], input_text[64], resize_text[64];
    const lw_resize resize = lw_model_resize(model);
    lw_resize_format(&resize, resize_text, sizeof resize_text);
    snprintf(version, sizeof version, "%d", format_version);
    print_side(height, sizeof height, input.height);
    print_side(width, sizeof width, input.width);
    snprintf(input_text, sizeof input_text, "%dx%sx%s", (int)input.channels, height, width);

    char *class_names = print_class_names(model, lw_network_class_count(network));
    char *mean = print_numbers(normalization.mean, input.channels);
    char *stddev = print_numbers(normalization.stddev, input.channels);
    lw_status status;
    if (!class_names || !mean || !stddev) {
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for the metadata", path);
    } else {
        const lw_safetensors_text metadata[] = {
            {"format_version", version},
            {"lanewise_version", lw_version()},
            {"network_name", lw_network_name(network)},
            {"network", lw_network_text(network)},
            {"input", input_text},
            {"class_names", class_names},
            {"mean", mean},
            {"stddev", stddev},
            {"resize", resize_text}, // the last one, which is left out where there is none
        };
        const size_t n_metadata = sizeof metadata / sizeof metadata[0] - (resize_text[0] ? 0 : 1);
        status = lw_safetensors_write(path, copy->tensors, (const float *const *)copy->values,
                                      copy->n, metadata, n_metadata);
    }
    cJSON_free(class_names);
    cJSON_free(mean);
    cJSON_free(stddev);
    return status;
}

lw_status lw_model_save(const lw_model *model, const char *path)
{
    if (!model || !path)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_model_save: %s is NULL", model ? "path" : "model");
    parameter_copy copy;
    lw_status status = copy_parameters(&copy, model, path);
    if (!status) status = write_model(model, &copy, path);
    free_copy(&copy);
    return status;
}

// Reading

static void print_shape(char *text, size_t text_bytes, int32_t rank, const int64_t *shape)
{
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < rank && length < text_bytes; i++) {
        int added = snprintf(text + length, text_bytes - length, "%s%lld", i ? "x" : "",
                             (long long)shape[i]);
        if (added > 0) length += (size_t)added;
    }
    if (rank == 0) snprintf(text, text_bytes, "a single value");
}

// The file's tensor for a parameter. NULL, with the message set, when there is none of its shape.
static const lw_safetensors_tensor *find_tensor(const lw_safetensors *file,
                                                const lw_parameter_info *info, const char *path)
{
    const lw_safetensors_tensor *tensor = lw_safetensors_find(file, info->name);
    if (!tensor) {
        lw_fail(LW_ERROR_INPUT, "%s: the network needs a tensor '%s', the file has none", path,
                info->name);
        return NULL;
    }
    bool same = tensor->rank == info->rank;
    for (int32_t i = 0; same && i < info->rank; i++) same = tensor->shape[i] == info->shape[i];
    if (!same) {
        char expected[128], got[256];
        print_shape(expected, sizeof expected, info->rank, info->shape);
        print_shape(got, sizeof got, tensor->rank, tensor->shape);
        lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected the shape %s, got %s", path, info->name,
                expected, got);
        return NULL;
    }
    return tensor;
}

// Every tensor the model needs is there with its shape, and no other.
static lw_status check_tensors(const lw_safetensors *file, const lw_model *model, const char *path)
{
    size_t n = lw_model_parameter_count(model);
    for (size_t i = 0; i < n; i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(model, i, &info));
        if (!find_tensor(file, &info, path)) return LW_ERROR_INPUT;
    }
    if (lw_safetensors_count(file) == n) return LW_OK;
    for (size_t k = 0; k < lw_safetensors_count(file); k++) {
        const char *name = lw_safetensors_at(file, k)->name;
        // A checkpoint has more than weights.
        bool known = strchr(name, ':') && lw_safetensors_metadata(file, "checkpoint_version");
        for (size_t i = 0; i < n && !known; i++) {
            lw_parameter_info info;
            LW_TRY(lw_model_parameter_info(model, i, &info));
            known = strcmp(info.name, name) == 0;
        }
        if (!known)
            return lw_fail(LW_ERROR_INPUT, "%s: the network has no parameter for the tensor "
                           "'%.60s'", path, name);
    }
    return LW_OK;
}

static lw_status copy_weights(lw_model *model, const lw_safetensors *file, const char *path)
{
    LW_TRY(check_tensors(file, model, path));
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(model, i, &info));
        const lw_safetensors_tensor *tensor = find_tensor(file, &info, path);
        if (!tensor) return LW_ERROR_INPUT;
        float *values = malloc(info.count * sizeof *values);
        if (!values)
            return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the tensor '%s' of %zu values", path,
                           info.name, info.count);
        lw_safetensors_copy(file, tensor, values);
        lw_status status = lw_model_set_parameter(model, i, values);
        free(values);
        LW_TRY(status);
    }
    return LW_OK;
}

lw_status lw_model_file_read_weights(lw_model *model, const char *path)
{
    lw_safetensors *file;
    LW_TRY(lw_safetensors_read(&file, path));
    lw_status status = copy_weights(model, file, path);
    lw_safetensors_destroy(&file);
    return status;
}

// A metadata string that must be there.
static lw_status need_text(const char **text, const lw_safetensors *file, const char *key,
                           const char *path)
{
    *text = lw_safetensors_metadata(file, key);
    if (!*text)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a Lanewise model, but its metadata have no "
                       "'%s'", path, key);
    return LW_OK;
}

static lw_status check_format_version(const lw_safetensors *file, const char *path)
{
    const char *text;
    int64_t version;
    LW_TRY(need_text(&text, file, "format_version", path));
    if (!lw_parse_int64(text, &version) || version < 1)
        return lw_fail(LW_ERROR_INPUT, "%s: metadata 'format_version': expected a number from 1, "
                       "got '%.40s'", path, text);
    if (version > format_version)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s: its format_version is %lld, this Lanewise reads "
                       "up to %d; it was written by a newer one", path, (long long)version,
                       format_version);
    return LW_OK;
}

static lw_status parse_network(lw_network **network, const lw_safetensors *file, const char *path)
{
    const char *name, *text;
    *network = NULL;
    LW_TRY(need_text(&name, file, "network_name", path));
    LW_TRY(need_text(&text, file, "network", path));
    // The parser names the network after the last part of this path, and errors begin with it.
    if (!name[0] || strlen(name) > 200 || strchr(name, '/'))
        return lw_fail(LW_ERROR_INPUT, "%s: metadata 'network_name': expected a short name without "
                       "'/', got '%.60s'", path, name);
    lw_text source_name = {0};
    lw_text_print(&source_name, "%s/%s.net", path, name);
    lw_status status;
    if (source_name.failed)
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for its network", path);
    else
        status = lw_network_parse(network, text, strlen(text), source_name.bytes);
    lw_text_free(&source_name);
    return status;
}

// "[0.1307]" into one number a channel; what the input's channels do not use keeps its value.
static lw_status parse_numbers(float *values, int32_t channels, const lw_safetensors *file,
                               const char *key, const char *path)
{
    const char *text;
    LW_TRY(need_text(&text, file, key, path));
    int32_t n = channels < normalized_channels ? channels : normalized_channels, c = 0;
    cJSON *array = lw_json_parse(text, strlen(text));
    const cJSON *item;
    bool ok = cJSON_IsArray(array) && cJSON_GetArraySize(array) == n;
    cJSON_ArrayForEach(item, array) {
        ok = ok && cJSON_IsNumber(item) && fabs(item->valuedouble) <= (double)FLT_MAX;
        if (ok) values[c++] = (float)item->valuedouble;
    }
    cJSON_Delete(array);
    if (!ok)
        return lw_fail(LW_ERROR_INPUT, "%s: metadata '%s': expected a JSON array of %d numbers, "
                       "got '%.60s'", path, key, (int)n, text);
    return LW_OK;
}

static lw_status set_normalization(lw_model *model, const lw_safetensors *file, const char *path)
{
    int32_t channels = lw_network_input(lw_model_network(model)).channels;
    lw_normalization normalization = lw_model_normalization(model);
    LW_TRY(parse_numbers(normalization.mean, channels, file, "mean", path));
    LW_TRY(parse_numbers(normalization.stddev, channels, file, "stddev", path));
    for (int32_t c = 0; c < channels && c < normalized_channels; c++)
        if (!(normalization.stddev[c] > 0))
            return lw_fail(LW_ERROR_INPUT, "%s: metadata 'stddev': expected numbers above 0, got "
                           "%g", path, (double)normalization.stddev[c]);
    return lw_model_set_normalization(model, normalization);
}

static lw_status set_class_names(lw_model *model, const lw_safetensors *file, const char *path)
{
    const char *text;
    LW_TRY(need_text(&text, file, "class_names", path));
    size_t classes = (size_t)lw_network_class_count(lw_model_network(model)), n = 0;
    cJSON *array = lw_json_parse(text, strlen(text));
    const cJSON *item;
    lw_status status = LW_OK;
    const char **names = calloc(classes, sizeof *names);
    if (!names) {
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu class names", path, classes);
    } else {
        bool ok = cJSON_IsArray(array) && (size_t)cJSON_GetArraySize(array) == classes;
        cJSON_ArrayForEach(item, array) {
            ok = ok && cJSON_IsString(item);
            if (!ok) break;
            lw_text_make_printable(item->valuestring); // they are shown on terminals
            names[n++] = item->valuestring;
        }
        if (ok)
            status = lw_model_set_class_names(model, names, classes);
        else
            status = lw_fail(LW_ERROR_INPUT, "%s: metadata 'class_names': expected a JSON array of "
                             "%zu strings, got '%.60s'", path, classes, text);
    }
    free(names);
    cJSON_Delete(array);
    return status;
}

// The recipe that brings images to the network's size; most models have none.
static lw_status set_resize(lw_model *model, const lw_safetensors *file, const char *path)
{
    const char *text = lw_safetensors_metadata(file, "resize");
    lw_resize resize;
    if (!text) return LW_OK;
    lw_status status = lw_resize_parse(&resize, text);
    if (!status) status = lw_model_set_resize(model, resize);
    return status ? lw_fail(LW_ERROR_INPUT, "%s: metadata 'resize': %s", path, lw_error_message())
                  : LW_OK;
}

static lw_status load_parts(lw_model *model, const lw_safetensors *file, const char *path)
{
    LW_TRY(copy_weights(model, file, path));
    LW_TRY(set_normalization(model, file, path));
    LW_TRY(set_resize(model, file, path));
    return set_class_names(model, file, path);
}

static lw_status create_model(lw_model **model, const lw_network *network,
                              const lw_safetensors *file, const char *path)
{
    int64_t values = 0;
    for (size_t i = 0; i < lw_safetensors_count(file); i++)
        values += (int64_t)lw_safetensors_at(file, i)->count;
    if (lw_network_parameter_count(network) - values > tolerated_missing_values)
        return lw_fail(LW_ERROR_INPUT, "%s: its network has %lld parameters, its tensors hold only "
                       "%lld values", path, (long long)lw_network_parameter_count(network),
                       (long long)values);
    return lw_model_create(model, network, 0);
}

static lw_status load_model(lw_model **model, const lw_safetensors *file, const char *path)
{
    LW_TRY(check_format_version(file, path));
    lw_network *network;
    LW_TRY(parse_network(&network, file, path));
    lw_status status = create_model(model, network, file, path);
    lw_network_destroy(&network);
    LW_TRY(status);
    status = load_parts(*model, file, path);
    if (status) lw_model_destroy(model);
    return status;
}

lw_status lw_model_load(lw_model **model, const char *path)
{
    if (!model) return lw_fail(LW_ERROR_ARGUMENT, "lw_model_load: model is NULL");
    *model = NULL;
    if (!path) return lw_fail(LW_ERROR_ARGUMENT, "lw_model_load: path is NULL");
    lw_safetensors *file;
    LW_TRY(lw_safetensors_read(&file, path));
    lw_status status = load_model(model, file, path);
    lw_safetensors_destroy(&file);
    return status;
}
