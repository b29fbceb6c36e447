// SPDX-License-Identifier: Apache-2.0
#include "run/checkpoint.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "train/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    format_version = 1,
    name_bytes = 96,
    n_own_texts = 7, // beside those of the fields
    checksum_digits = 16
};
static const size_t largest_file_bytes = (size_t)1 << 33; // the arrays of the largest model
static const char checksum_key[] = "\"checksum\":\"";

// ---- the checksum -------------------------------------------------------------------------------

// Where the digits stand in the header; NULL where there are none. Inside a JSON string a quote has a
// backslash before it, so the key is found nowhere else.
static uint8_t *find_checksum(uint8_t *bytes, size_t count)
{
    const size_t key_bytes = sizeof checksum_key - 1;
    for (size_t i = 0; i + key_bytes + checksum_digits < count; i++)
        if (bytes[i] == '"' && memcmp(bytes + i, checksum_key, key_bytes) == 0)
            return bytes + i + key_bytes;
    return NULL;
}

static void format_checksum(char digits[checksum_digits + 1], const uint8_t *bytes, size_t count)
{
    snprintf(digits, checksum_digits + 1, "%016" PRIx64,
             lw_hash_block(lw_hash_start, bytes, count));
}

static lw_status check_checksum(uint8_t *bytes, size_t count, const char *path)
{
    char was[checksum_digits + 1] = "", is[checksum_digits + 1];
    uint8_t *at = find_checksum(bytes, count);
    if (!at)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a checkpoint, got a file without a checksum",
                       path);
    memcpy(was, at, checksum_digits);
    memset(at, '0', checksum_digits);
    format_checksum(is, bytes, count);
    if (memcmp(was, is, checksum_digits) == 0) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: the checkpoint is damaged (its checksum does not fit)",
                   path);
}

// ---- writing ------------------------------------------------------------------------------------

// The name of a parameter's part of an array.
static void name_tensor(char name[name_bytes], lw_state_array array, const char *parameter)
{
    const char *prefix = lw_state_array_names[array];
    snprintf(name, name_bytes, "%s%s%s", prefix, prefix[0] ? ":" : "", parameter);
}

// What is handed to lw_safetensors_print.
typedef struct contents {
    lw_safetensors_tensor *tensors;
    const float **values;
    char (*names)[name_bytes];
    size_t n_tensors;
    lw_safetensors_text *texts;
    char (*numbers)[LW_STATE_FIELD_BYTES];
    char fingerprints[2][24], version[12];
    size_t n_texts;
} contents;

static lw_status take_memory(contents *made, const lw_train_state *state, size_t n_texts)
{
    const size_t most = state->n_parameters * LW_N_STATE_ARRAYS;
    made->tensors = calloc(most ? most : 1, sizeof *made->tensors);
    made->values = calloc(most ? most : 1, sizeof *made->values);
    made->names = calloc(most ? most : 1, sizeof *made->names);
    made->texts = calloc(n_own_texts + lw_n_state_fields + n_texts, sizeof *made->texts);
    made->numbers = calloc(lw_n_state_fields, sizeof *made->numbers);
    if (made->tensors && made->values && made->names && made->texts && made->numbers) return LW_OK;
    return lw_fail(LW_ERROR_MEMORY, "no memory to write a checkpoint");
}

static void free_contents(contents *made)
{
    free(made->tensors);
    free(made->values);
    free(made->names);
    free(made->texts);
    free(made->numbers);
}

static void add_tensors(contents *made, const lw_train_state *state)
{
    for (int array = 0; array < LW_N_STATE_ARRAYS; array++) {
        const float *values = state->arrays[array];
        if (!values) continue;
        for (size_t i = 0; i < state->n_parameters; i++) {
            const lw_parameter_info *info = &state->parameters[i];
            const size_t n = made->n_tensors++;
            name_tensor(made->names[n], (lw_state_array)array, info->name);
            made->tensors[n] = (lw_safetensors_tensor){
                .name = made->names[n], .rank = info->rank, .count = info->count};
            for (int32_t d = 0; d < info->rank; d++) made->tensors[n].shape[d] = info->shape[d];
            made->values[n] = values;
            values += info->count;
        }
    }
}

static void add_text(contents *made, const char *key, const char *value)
{
    made->texts[made->n_texts++] = (lw_safetensors_text){key, value};
}

static void add_texts(contents *made, const lw_train_state *state)
{
    add_text(made, "checksum", "0000000000000000");
    snprintf(made->version, sizeof made->version, "%d", format_version);
    add_text(made, "checkpoint_version", made->version);
    for (size_t i = 0; i < lw_n_state_fields; i++) {
        lw_state_format_field(&state->numbers, &lw_state_fields[i], made->numbers[i]);
        add_text(made, lw_state_fields[i].name, made->numbers[i]);
    }
    const uint64_t fingerprints[] = {state->train_fingerprint, state->validation_fingerprint};
    for (int i = 0; i < 2; i++)
        snprintf(made->fingerprints[i], sizeof made->fingerprints[i], "%016" PRIx64,
                 fingerprints[i]);
    add_text(made, "training_images", made->fingerprints[0]);
    add_text(made, "validation_images", made->fingerprints[1]);
    add_text(made, "settings", state->settings);
    add_text(made, "arithmetic", state->arithmetic);
    add_text(made, "network", state->network);
}

static lw_status write_contents(const char *path, const contents *made)
{
    uint8_t *bytes;
    size_t count;
    char digits[checksum_digits + 1];
    LW_TRY(lw_safetensors_print(&bytes, &count, path, made->tensors, made->values, made->n_tensors,
                                made->texts, made->n_texts));
    uint8_t *at = find_checksum(bytes, count);
    format_checksum(digits, bytes, count);
    lw_status status = LW_OK;
    if (at)
        memcpy(at, digits, checksum_digits);
    else
        status = lw_fail(LW_ERROR_INTERNAL, "%s: the header has no place for the checksum", path);
    if (!status) status = lw_file_write(path, bytes, count);
    free(bytes);
    return status;
}

lw_status lw_checkpoint_write(const char *path, const lw_train_state *state,
                              const lw_safetensors_text *texts, size_t n_texts)
{
    contents made = {.n_tensors = 0};
    if (!path || !state)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_train_state_save: the state or the path is NULL");
    lw_status status = take_memory(&made, state, n_texts);
    if (!status) {
        add_tensors(&made, state);
        add_texts(&made, state);
        for (size_t i = 0; i < n_texts; i++) add_text(&made, texts[i].key, texts[i].value);
        status = write_contents(path, &made);
    }
    free_contents(&made);
    return status;
}

lw_status lw_train_state_save(const lw_train_state *state, const char *path)
{
    return lw_checkpoint_write(path, state, NULL, 0);
}

// ---- reading ------------------------------------------------------------------------------------

static lw_status require_text(const lw_safetensors *file, const char *key, const char *path,
                              const char **text)
{
    *text = lw_safetensors_metadata(file, key);
    if (*text) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: expected a checkpoint, but '%s' is missing", path, key);
}

static lw_status check_version(const lw_safetensors *file, const char *path)
{
    char expected[12];
    const char *version;
    snprintf(expected, sizeof expected, "%d", format_version);
    LW_TRY(require_text(file, "checkpoint_version", path, &version));
    if (strcmp(version, expected) == 0) return LW_OK;
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: expected a checkpoint of version %s, got %.20s, of another version of "
                   "Lanewise",
                   path, expected, version);
}

static lw_status read_fingerprint(const lw_safetensors *file, const char *key, const char *path,
                                  uint64_t *fingerprint)
{
    const char *text;
    char *end;
    LW_TRY(require_text(file, key, path, &text));
    *fingerprint = strtoull(text, &end, 16);
    if (end != text && !*end) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: '%s': expected hexadecimal digits, got \"%.40s\"", path,
                   key, text);
}

static lw_status copy_text(const lw_safetensors *file, const char *key, const char *path,
                           char **copy)
{
    const char *text;
    LW_TRY(require_text(file, key, path, &text));
    *copy = strdup(text);
    return *copy ? LW_OK : lw_fail(LW_ERROR_MEMORY, "%s: no memory to read it", path);
}

static lw_status read_texts(lw_train_state *state, const lw_safetensors *file, const char *path)
{
    for (size_t i = 0; i < lw_n_state_fields; i++) {
        const char *text;
        LW_TRY(require_text(file, lw_state_fields[i].name, path, &text));
        if (!lw_state_parse_field(&state->numbers, &lw_state_fields[i], text))
            return lw_fail(LW_ERROR_INPUT, "%s: '%s': expected a number, got \"%.40s\"", path,
                           lw_state_fields[i].name, text);
    }
    LW_TRY(lw_state_check_numbers(&state->numbers, path));
    LW_TRY(read_fingerprint(file, "training_images", path, &state->train_fingerprint));
    LW_TRY(read_fingerprint(file, "validation_images", path, &state->validation_fingerprint));
    LW_TRY(copy_text(file, "settings", path, &state->settings));
    LW_TRY(copy_text(file, "arithmetic", path, &state->arithmetic));
    return copy_text(file, "network", path, &state->network);
}

// The tensors without a prefix are the weights; in the order of the file, which is that of the model.
static lw_status list_parameters(const lw_safetensors *file, const char *path,
                                 lw_parameter_info *parameters, size_t *n_parameters)
{
    *n_parameters = 0;
    for (size_t i = 0; i < lw_safetensors_count(file); i++) {
        const lw_safetensors_tensor *tensor = lw_safetensors_at(file, i);
        lw_parameter_info *info = &parameters[*n_parameters];
        if (strchr(tensor->name, ':')) continue;
        if (tensor->rank > 4 || strlen(tensor->name) >= sizeof info->name)
            return lw_fail(LW_ERROR_INPUT, "%s: tensor %zu is none of a checkpoint", path, i);
        *info = (lw_parameter_info){.rank = tensor->rank, .count = tensor->count};
        memcpy(info->name, tensor->name, strlen(tensor->name) + 1);
        for (int32_t d = 0; d < tensor->rank; d++) info->shape[d] = tensor->shape[d];
        (*n_parameters)++;
    }
    return LW_OK;
}

static lw_status read_array(lw_train_state *state, const lw_safetensors *file, const char *path,
                            lw_state_array array)
{
    char name[name_bytes];
    if (state->n_parameters == 0) return LW_OK;
    name_tensor(name, array, state->parameters[0].name);
    if (!lw_safetensors_find(file, name)) return LW_OK; // this run has no such array
    LW_TRY(lw_state_take_array(state, array));
    float *values = state->arrays[array];
    for (size_t i = 0; i < state->n_parameters; i++) {
        const lw_parameter_info *info = &state->parameters[i];
        name_tensor(name, array, info->name);
        const lw_safetensors_tensor *tensor = lw_safetensors_find(file, name);
        if (!tensor || tensor->count != info->count)
            return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected %zu values, got %zu", path,
                           name, info->count, tensor ? tensor->count : 0);
        lw_safetensors_copy(file, tensor, values);
        values += info->count;
    }
    return LW_OK;
}

static lw_status read_state(lw_train_state **state, const lw_safetensors *file, const char *path)
{
    const size_t n_tensors = lw_safetensors_count(file);
    size_t n_parameters;
    LW_TRY(check_version(file, path));
    lw_parameter_info *parameters = calloc(n_tensors ? n_tensors : 1, sizeof *parameters);
    if (!parameters) return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read it", path);
    lw_status status = list_parameters(file, path, parameters, &n_parameters);
    if (!status) status = lw_state_create(state, parameters, n_parameters);
    free(parameters);
    for (int i = 0; i < LW_N_STATE_ARRAYS && !status; i++)
        status = read_array(*state, file, path, (lw_state_array)i);
    if (!status) status = read_texts(*state, file, path);
    if (status) lw_train_state_destroy(state);
    return status;
}

lw_status lw_checkpoint_read(lw_train_state **state, lw_safetensors **file, const char *path)
{
    uint8_t *bytes;
    size_t count;
    lw_safetensors *read = NULL;
    *state = NULL;
    if (file) *file = NULL;
    LW_TRY(lw_file_read(path, largest_file_bytes, &bytes, &count));
    lw_status status = check_checksum(bytes, count, path);
    if (status)
        free(bytes);
    else
        status = lw_safetensors_parse(&read, bytes, count, path);
    if (!status) status = read_state(state, read, path);
    if (status || !file)
        lw_safetensors_destroy(&read);
    else
        *file = read;
    return status;
}

lw_status lw_train_state_load(lw_train_state **state, const char *path)
{
    if (!state || !path)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_train_state_load: the state or the path is NULL");
    return lw_checkpoint_read(state, NULL, path);
}
