// SPDX-License-Identifier: Apache-2.0
#include "run/safetensors.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "run/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    length_bytes = 8,             // of the header length at the start
    largest_header_bytes = 1 << 24 // JSON takes some forty times its text once it is parsed
};
static const size_t largest_file_bytes = (size_t)1 << 31;
static const double largest_exact_integer = 9007199254740992.0; // 2^53: what a JSON number can hold
static const char metadata_key[] = "__metadata__";

struct lw_safetensors {
    char *source_name;
    uint8_t *bytes; // the whole file
    size_t data_begin, data_bytes;
    cJSON *header; // owns the names and the metadata
    lw_safetensors_tensor *tensors;
    size_t n_tensors;
};

// A name for a message: short, and without control characters that a terminal would obey.
typedef struct readable_name {
    char text[64];
} readable_name;

static readable_name readable(const char *name)
{
    readable_name result;
    size_t length = 0;
    for (; name[length] && length + 4 < sizeof result.text; length++) {
        unsigned char c = (unsigned char)name[length];
        result.text[length] = c < 0x20 || c == 0x7F ? '?' : name[length];
    }
    memcpy(result.text + length, name[length] ? "..." : "", name[length] ? 4 : 1);
    return result;
}

// Copies floats between memory and a file, whose values are little-endian and may be unaligned.
static void copy_floats(void *to, const void *from, size_t count)
{
    if (count) memcpy(to, from, count * sizeof(float)); // an empty tensor's pointer may be NULL
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    unsigned char *bytes = to;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, bytes + i * sizeof word, sizeof word);
        word = __builtin_bswap32(word);
        memcpy(bytes + i * sizeof word, &word, sizeof word);
    }
#endif
}

static void store_length(uint8_t *bytes, uint64_t length)
{
    for (int i = 0; i < length_bytes; i++) bytes[i] = (uint8_t)(length >> (8 * i));
}

static uint64_t load_length(const uint8_t *bytes)
{
    uint64_t length = 0;
    for (int i = 0; i < length_bytes; i++) length |= (uint64_t)bytes[i] << (8 * i);
    return length;
}

// Writing

// Adds an item to an object or (without a name) an array; frees it when that fails.
static bool add(cJSON *parent, const char *name, cJSON *item)
{
    if (item && (name ? cJSON_AddItemToObject(parent, name, item)
                      : cJSON_AddItemToArray(parent, item)))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add_tensor(cJSON *header, const lw_safetensors_tensor *tensor, size_t begin, size_t end)
{
    cJSON *entry = cJSON_CreateObject();
    if (!add(header, tensor->name, entry)) return false;
    cJSON *shape = cJSON_CreateArray();
    bool ok = add(entry, "dtype", cJSON_CreateString("F32")) && add(entry, "shape", shape);
    for (int32_t i = 0; ok && i < tensor->rank; i++)
        ok = add(shape, NULL, cJSON_CreateNumber((double)tensor->shape[i]));
    if (!ok) return false;
    cJSON *offsets = cJSON_CreateArray();
    return add(entry, "data_offsets", offsets) &&
           add(offsets, NULL, cJSON_CreateNumber((double)begin)) &&
           add(offsets, NULL, cJSON_CreateNumber((double)end));
}

// The header's text, or NULL without memory; *data_bytes is what the tensors take.
static char *print_header(const lw_safetensors_tensor *tensors, size_t n_tensors,
                          const lw_safetensors_text *metadata, size_t n_metadata,
                          size_t *data_bytes)
{
    cJSON *header = cJSON_CreateObject();
    bool ok = header != NULL;
    if (ok && n_metadata) {
        cJSON *texts = cJSON_CreateObject();
        ok = add(header, metadata_key, texts);
        for (size_t i = 0; ok && i < n_metadata; i++)
            ok = add(texts, metadata[i].key, cJSON_CreateString(metadata[i].value));
    }
    size_t begin = 0;
    for (size_t i = 0; ok && i < n_tensors; i++) {
        size_t bytes, end;
        ok = lw_size_multiply(tensors[i].count, sizeof(float), &bytes) &&
             lw_size_add(begin, bytes, &end) && add_tensor(header, &tensors[i], begin, end);
        if (ok) begin = end;
    }
    *data_bytes = begin;
    char *text = ok ? lw_json_print(header, false) : NULL;
    cJSON_Delete(header);
    return text;
}

lw_status lw_safetensors_print(uint8_t **bytes, size_t *count, const char *path,
                               const lw_safetensors_tensor *tensors, const float *const *values,
                               size_t n_tensors, const lw_safetensors_text *metadata,
                               size_t n_metadata)
{
    size_t data_bytes;
    *bytes = NULL;
    *count = 0;
    char *text = print_header(tensors, n_tensors, metadata, n_metadata, &data_bytes);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the header", path);
    // Readers map the file into memory and want the data aligned.
    size_t text_bytes = strlen(text), header_bytes = lw_round_up(text_bytes, 8);
    if (lw_size_add(length_bytes + header_bytes, data_bytes, count)) *bytes = malloc(*count);
    if (!*bytes) {
        cJSON_free(text);
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for a file with %zu bytes of weights", path,
                       data_bytes);
    }
    store_length(*bytes, header_bytes);
    memcpy(*bytes + length_bytes, text, text_bytes);
    memset(*bytes + length_bytes + text_bytes, ' ', header_bytes - text_bytes);
    uint8_t *data = *bytes + length_bytes + header_bytes;
    for (size_t i = 0; i < n_tensors; i++) {
        copy_floats(data, values[i], tensors[i].count);
        data += tensors[i].count * sizeof(float);
    }
    cJSON_free(text);
    return LW_OK;
}

lw_status lw_safetensors_write(const char *path, const lw_safetensors_tensor *tensors,
                               const float *const *values, size_t n_tensors,
                               const lw_safetensors_text *metadata, size_t n_metadata)
{
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_safetensors_print(&bytes, &count, path, tensors, values, n_tensors, metadata,
                                n_metadata));
    lw_status status = lw_file_write(path, bytes, count);
    free(bytes);
    return status;
}

// Reading

static bool read_size(const cJSON *item, size_t *value)
{
    if (!cJSON_IsNumber(item)) return false;
    double number = item->valuedouble;
    if (!(number >= 0 && number <= largest_exact_integer) || floor(number) != number) return false;
    if (number > (double)(SIZE_MAX / 2)) return false; // where size_t has 32 bits
    *value = (size_t)number;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *name_a = a, *const *name_b = b;
    return strcmp(*name_a, *name_b);
}

// Readers disagree on which of two entries of one name counts, so neither does.
static lw_status check_unique_names(const cJSON *object, const char *source_name)
{
    size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
    if (n < 2) return LW_OK;
    const char **names = malloc(n * sizeof *names);
    if (!names) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu names", source_name, n);
    const cJSON *item;
    cJSON_ArrayForEach(item, object) names[i++] = item->string;
    qsort(names, n, sizeof *names, compare_names);
    lw_status status = LW_OK;
    for (i = 1; i < n && !status; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = lw_fail(LW_ERROR_INPUT, "%s: the header has two entries named '%s'",
                             source_name, readable(names[i]).text);
    free(names);
    return status;
}

static lw_status parse_header(lw_safetensors *file, const uint8_t *header, size_t header_bytes)
{
    if (header_bytes == 0 || header[0] != '{' || memchr(header, 0, header_bytes))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a safetensors header (a JSON object) behind "
                       "the first %d bytes, got something else", file->source_name, length_bytes);
    // A zero-terminated copy: cJSON's functions for a given length have read past its end before.
    char *text = malloc(header_bytes + 1);
    if (!text)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for a header of %zu bytes",
                       file->source_name, header_bytes);
    memcpy(text, header, header_bytes);
    text[header_bytes] = '\0';
    const char *end = NULL;
    file->header = lw_json_parse_whole(text, &end);
    size_t position = end ? (size_t)(end - text) : 0;
    free(text);
    if (!file->header)
        return lw_fail(LW_ERROR_INPUT, "%s: the header is not valid JSON near its byte %zu",
                       file->source_name, position);
    return check_unique_names(file->header, file->source_name);
}

static lw_status check_metadata(const lw_safetensors *file)
{
    const cJSON *texts = cJSON_GetObjectItemCaseSensitive(file->header, metadata_key), *text;
    if (!texts) return LW_OK;
    if (!cJSON_IsObject(texts))
        return lw_fail(LW_ERROR_INPUT, "%s: expected '%s' to be an object of strings, got "
                       "another kind of value", file->source_name, metadata_key);
    cJSON_ArrayForEach(text, texts)
        if (!cJSON_IsString(text))
            return lw_fail(LW_ERROR_INPUT, "%s: metadata '%s': expected a string, got another "
                           "kind of value", file->source_name, readable(text->string).text);
    return check_unique_names(texts, file->source_name);
}

static lw_status parse_shape(lw_safetensors_tensor *tensor, const cJSON *shape,
                             const char *source_name)
{
    readable_name name = readable(tensor->name);
    int rank = cJSON_GetArraySize(shape);
    if (rank > LW_SAFETENSORS_MAX_RANK)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s: tensor '%s': expected at most %d dimensions, "
                       "got %d", source_name, name.text, LW_SAFETENSORS_MAX_RANK, rank);
    size_t count = 1;
    const cJSON *item;
    cJSON_ArrayForEach(item, shape) {
        size_t side;
        if (!read_size(item, &side))
            return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected a shape of whole numbers "
                           "from 0, got another value in dimension %d",
                           source_name, name.text, tensor->rank);
        if (!lw_size_multiply(count, side, &count) || count > SIZE_MAX / sizeof(float))
            return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': its shape has more values than "
                           "memory can hold", source_name, name.text);
        tensor->shape[tensor->rank++] = (int64_t)side;
    }
    tensor->count = count;
    return LW_OK;
}

static lw_status parse_offsets(lw_safetensors_tensor *tensor, const cJSON *offsets,
                               const lw_safetensors *file)
{
    readable_name name = readable(tensor->name);
    size_t begin, end;
    if (cJSON_GetArraySize(offsets) != 2 || !read_size(offsets->child, &begin) ||
        !read_size(offsets->child->next, &end))
        return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected two data offsets (whole numbers "
                       "from 0), got other values", file->source_name, name.text);
    if (begin > end || end > file->data_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected data offsets in order within "
                       "the %zu bytes of data, got %zu to %zu", file->source_name, name.text,
                       file->data_bytes, begin, end);
    if (end - begin != tensor->count * sizeof(float))
        return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected %zu bytes of data for its shape, "
                       "got %zu", file->source_name, name.text, tensor->count * sizeof(float),
                       end - begin);
    tensor->begin = begin;
    return LW_OK;
}

static lw_status parse_tensor(lw_safetensors_tensor *tensor, const cJSON *entry,
                              const lw_safetensors *file)
{
    tensor->name = entry->string;
    readable_name name = readable(tensor->name);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    // Exactly these three: with a count of three none of them can be there twice.
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3 || !cJSON_IsString(dtype) ||
        !cJSON_IsArray(shape) || !cJSON_IsArray(offsets))
        return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected the fields dtype, shape and "
                       "data_offsets, got others", file->source_name, name.text);
    if (strcmp(dtype->valuestring, "F32") != 0)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s: tensor '%s': expected dtype F32, got '%s'",
                       file->source_name, name.text, readable(dtype->valuestring).text);
    LW_TRY(parse_shape(tensor, shape, file->source_name));
    return parse_offsets(tensor, offsets, file);
}

static int compare_places(const void *a, const void *b)
{
    const lw_safetensors_tensor *tensor_a = a, *tensor_b = b;
    if (tensor_a->begin != tensor_b->begin) return tensor_a->begin < tensor_b->begin ? -1 : 1;
    // An empty tensor stands before the one that begins at the same place.
    if (tensor_a->count != tensor_b->count) return tensor_a->count < tensor_b->count ? -1 : 1;
    return strcmp(tensor_a->name, tensor_b->name);
}

// Every byte of the data belongs to exactly one tensor.
static lw_status check_places(const lw_safetensors *file)
{
    size_t expected = 0;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const lw_safetensors_tensor *tensor = &file->tensors[i];
        if (tensor->begin != expected)
            return lw_fail(LW_ERROR_INPUT, "%s: tensor '%s': expected its data at offset %zu, got "
                           "%zu (tensors must not overlap or leave gaps)", file->source_name,
                           readable(tensor->name).text, expected, tensor->begin);
        expected += tensor->count * sizeof(float);
    }
    if (expected != file->data_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected %zu bytes of data for its tensors, got %zu",
                       file->source_name, expected, file->data_bytes);
    return LW_OK;
}

static lw_status parse_file(lw_safetensors *file, size_t count)
{
    if (count < length_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a safetensors file, got only %zu bytes",
                       file->source_name, count);
    uint64_t header_bytes = load_length(file->bytes);
    if (header_bytes > count - length_bytes || header_bytes > largest_header_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a header of at most %zu bytes, got a length "
                       "of %llu (truncated, or not a safetensors file)", file->source_name,
                       count - length_bytes < largest_header_bytes ? count - length_bytes
                                                                   : (size_t)largest_header_bytes,
                       (unsigned long long)header_bytes);
    file->data_begin = length_bytes + (size_t)header_bytes;
    file->data_bytes = count - file->data_begin;
    LW_TRY(parse_header(file, file->bytes + length_bytes, (size_t)header_bytes));
    LW_TRY(check_metadata(file));

    size_t n_entries = (size_t)cJSON_GetArraySize(file->header);
    file->tensors = calloc(n_entries + 1, sizeof *file->tensors);
    if (!file->tensors)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu tensors", file->source_name,
                       n_entries);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, file->header) {
        if (strcmp(entry->string, metadata_key) == 0) continue;
        LW_TRY(parse_tensor(&file->tensors[file->n_tensors], entry, file));
        file->n_tensors++;
    }
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_places);
    return check_places(file);
}

lw_status lw_safetensors_parse(lw_safetensors **file, uint8_t *bytes, size_t count,
                               const char *source_name)
{
    *file = NULL;
    lw_safetensors *made = calloc(1, sizeof *made);
    char *name = strdup(source_name);
    if (!made || !name) {
        free(made);
        free(name);
        free(bytes);
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read it", source_name);
    }
    made->source_name = name;
    made->bytes = bytes;
    lw_status status = parse_file(made, count);
    if (status) lw_safetensors_destroy(&made);
    *file = made;
    return status;
}

lw_status lw_safetensors_read(lw_safetensors **file, const char *path)
{
    *file = NULL;
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_file_read(path, largest_file_bytes, &bytes, &count));
    return lw_safetensors_parse(file, bytes, count, path);
}

void lw_safetensors_destroy(lw_safetensors **file)
{
    if (!file || !*file) return;
    cJSON_Delete((*file)->header);
    free((*file)->tensors);
    free((*file)->bytes);
    free((*file)->source_name);
    free(*file);
    *file = NULL;
}

size_t lw_safetensors_count(const lw_safetensors *file)
{
    return file->n_tensors;
}

const lw_safetensors_tensor *lw_safetensors_at(const lw_safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const lw_safetensors_tensor *lw_safetensors_find(const lw_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

void lw_safetensors_copy(const lw_safetensors *file, const lw_safetensors_tensor *tensor,
                         float *values)
{
    copy_floats(values, file->bytes + file->data_begin + tensor->begin, tensor->count);
}

const char *lw_safetensors_metadata(const lw_safetensors *file, const char *key)
{
    const cJSON *texts = cJSON_GetObjectItemCaseSensitive(file->header, metadata_key);
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(texts, key));
}
