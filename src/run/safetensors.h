// SPDX-License-Identifier: Apache-2.0
// The safetensors file format, float32 tensors only. A file is
//
//     8 bytes   n, the length of the header, little-endian
//     n bytes   the header: a JSON object {"name": {"dtype": "F32", "shape": [...],
//               "data_offsets": [begin, end]}, ..., "__metadata__": {"key": "text", ...}},
//               padded with spaces so that the data starts at a multiple of 8
//     the rest  the tensors, little-endian, row-major, without gaps
//
// Nothing in a file is trusted: every length, shape and offset is checked before it is used.
#ifndef LW_RUN_SAFETENSORS_H
#define LW_RUN_SAFETENSORS_H

#include <lanewise/status.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_SAFETENSORS_MAX_RANK = 8 };

// A tensor as a file describes it. `name` is borrowed from the open file when reading and from the
// caller when writing.
typedef struct lw_safetensors_tensor {
    const char *name;
    int32_t rank; // 0 .. LW_SAFETENSORS_MAX_RANK
    int64_t shape[LW_SAFETENSORS_MAX_RANK];
    size_t count; // number of values: the product of the shape
    size_t begin; // reading: where the values start, in bytes from the start of the data
} lw_safetensors_tensor;

// One string of the metadata.
typedef struct lw_safetensors_text {
    const char *key, *value;
} lw_safetensors_text;

// The bytes of a file. `values[i]` holds tensors[i].count floats; the data stand in the order of `tensors`
// (their `begin` is ignored). Names must be unique and valid UTF-8. *bytes is owned by the caller (free())
// and NULL on failure; `path` is for the message. LW_ERROR_MEMORY.
lw_status lw_safetensors_print(uint8_t **bytes, size_t *count, const char *path,
                               const lw_safetensors_tensor *tensors, const float *const *values,
                               size_t n_tensors, const lw_safetensors_text *metadata,
                               size_t n_metadata);

// Writes such a file, whole or not at all.
lw_status lw_safetensors_write(const char *path, const lw_safetensors_tensor *tensors,
                               const float *const *values, size_t n_tensors,
                               const lw_safetensors_text *metadata, size_t n_metadata);

typedef struct lw_safetensors lw_safetensors;

// Reads and checks a whole file. On success *file is owned by the caller (lw_safetensors_destroy);
// on failure it is NULL and the message names the file, the tensor, what was expected and found.
// LW_ERROR_UNSUPPORTED: a well-formed tensor that is not float32 or has too many dimensions.
lw_status lw_safetensors_read(lw_safetensors **file, const char *path);

// The same for bytes in memory. `bytes` came from malloc() and belongs to this call whatever the
// outcome; `source_name` is used in messages.
lw_status lw_safetensors_parse(lw_safetensors **file, uint8_t *bytes, size_t count,
                               const char *source_name);

void lw_safetensors_destroy(lw_safetensors **file);

// The tensors, in the order of their data.
size_t lw_safetensors_count(const lw_safetensors *file);
const lw_safetensors_tensor *lw_safetensors_at(const lw_safetensors *file, size_t index);

// The tensor of that name, or NULL.
const lw_safetensors_tensor *lw_safetensors_find(const lw_safetensors *file, const char *name);

// Copies the values of a tensor of this file: tensor->count floats.
void lw_safetensors_copy(const lw_safetensors *file, const lw_safetensors_tensor *tensor,
                         float *values);

// A string of the metadata, borrowed from the file, or NULL.
const char *lw_safetensors_metadata(const lw_safetensors *file, const char *key);

#endif
