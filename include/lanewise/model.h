// SPDX-License-Identifier: Apache-2.0
// A model: a network with weights. Prediction, loss and gradients on plain (n, c, h, w) arrays.
#ifndef LANEWISE_MODEL_H
#define LANEWISE_MODEL_H

#include <lanewise/data.h>
#include <lanewise/metrics.h>
#include <lanewise/network.h>
#include <lanewise/resize.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lw_model lw_model;

// A parameter tensor as users and files see it: PyTorch's names, shapes and order.
typedef struct lw_parameter_info {
    char name[48];    // "conv1.weight", "linear1.bias"
    int32_t rank;     // conv weight 4, linear weight 2, bias 1
    int64_t shape[4]; // conv weight (oc, ic, kh, kw), linear weight (out, in)
    size_t count;     // number of values
} lw_parameter_info;

// How bytes become floats: value = (byte / 255 - mean[c]) / stddev[c]. Channels from the fifth on
// are treated as the first.
typedef struct lw_normalization {
    float mean[4], stddev[4];
} lw_normalization;

// Makes a model with PyTorch's default initialisation: every weight and bias uniform in
// +-1/sqrt(fan_in), drawn from a counter-based generator keyed by `seed`. The network is copied.
LW_API lw_status lw_model_create(lw_model **model, const lw_network *network, uint64_t seed);
LW_API void lw_model_destroy(lw_model **model);

LW_API const lw_network *lw_model_network(const lw_model *model); // borrowed from the model

// Input normalisation; a new model has mean 0 and stddev 1 (values in 0 .. 1).
LW_API lw_normalization lw_model_normalization(const lw_model *model);
LW_API lw_status lw_model_set_normalization(lw_model *model, lw_normalization normalization);

// How images of other sizes are brought to the network's, as it was done in training; part of the
// model's file. A new model has none (height 0): images stay as they are. The model itself applies it
// to nothing: see lw_resize_apply and lw_dataset_resize. LW_ERROR_ARGUMENT when the network does not
// take images of the recipe's size.
LW_API lw_resize lw_model_resize(const lw_model *model);
LW_API lw_status lw_model_set_resize(lw_model *model, lw_resize resize);

// Exact results: the model keeps away from algorithms that round more than sums do (Winograd), here
// and while it is trained. A new or loaded model is not exact.
LW_API void lw_model_set_exact(lw_model *model, bool exact);
LW_API bool lw_model_exact(const lw_model *model);

// Class names, copied. LW_ERROR_ARGUMENT when `count` is not the network's class count.
LW_API lw_status lw_model_set_class_names(lw_model *model, const char *const *names, size_t count);
LW_API const char *lw_model_class_name(const lw_model *model, int32_t label);

// Parameter tensors, in the order of the layers, weight before bias.
LW_API size_t lw_model_parameter_count(const lw_model *model);
LW_API lw_status lw_model_parameter_info(const lw_model *model, size_t index,
                                         lw_parameter_info *info);
// Copies a tensor out of or into the model; `values` holds info.count floats in row-major order.
LW_API lw_status lw_model_get_parameter(const lw_model *model, size_t index, float *values);
LW_API lw_status lw_model_set_parameter(lw_model *model, size_t index, const float *values);

// Logits for `n` images of one size: `images` (n, c, h, w), already normalised; `logits`
// (n, classes). `threads` 0: as many as this process may use.
LW_API lw_status lw_model_forward(const lw_model *model, const float *images, int32_t n,
                                  lw_extent extent, int32_t threads, float *logits);

// Mean cross-entropy loss over a batch and its gradient for every parameter. `gradients` is an
// array of lw_model_parameter_count pointers, each to info.count floats (an entry may be NULL: not
// wanted). The same bits for any number of threads. Dropout layers are off.
LW_API lw_status lw_model_gradients(const lw_model *model, const float *images,
                                    const int32_t *labels, int32_t n, lw_extent extent,
                                    int32_t threads, double *loss, float *const *gradients);

// Class probabilities of one image of bytes (height, width, channels), normalised as the model
// says.
LW_API lw_status lw_model_predict(const lw_model *model, const lw_sample *image,
                                  float *probabilities);

// Loss, accuracy and confusion matrix over a data set; images may have any sizes the network takes.
// *metrics is created here and owned by the caller (lw_metrics_destroy).
LW_API lw_status lw_model_evaluate(const lw_model *model, const lw_dataset *dataset,
                                   int32_t threads, lw_metrics *metrics);

// The same, and a row for each size of image in the set, small ones first. *sizes (of *n_sizes rows) is
// owned by the caller (free()).
LW_API lw_status lw_model_evaluate_sizes(const lw_model *model, const lw_dataset *dataset,
                                         int32_t threads, lw_metrics *metrics,
                                         lw_size_metrics **sizes, size_t *n_sizes);

// Writes the weights as a safetensors file, whole or not at all. The metadata carries the network
// text and name, the class names and the normalisation, so the file alone can be loaded again.
LW_API lw_status lw_model_save(const lw_model *model, const char *path);

// Loads a file written by lw_model_save. *model is owned by the caller; NULL on failure.
LW_API lw_status lw_model_load(lw_model **model, const char *path);

#ifdef __cplusplus
}
#endif

#endif
