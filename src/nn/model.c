// SPDX-License-Identifier: Apache-2.0
// A model: network, parameters, and what is needed to feed it images.
#include "nn/model.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "nn/network.h"

#include <lanewise/cpu.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- parameter tensors --------------------------------------------------------------------------

// Tensor `index` as users count them: the weight and then, where there is one, the bias of each
// layer.
typedef struct tensor {
    const lw_layer_weights *weights;
    bool is_bias;
} tensor;

static bool find_tensor(const lw_model *model, size_t index, tensor *found)
{
    for (size_t w = 0; w < model->layout.n_weights; w++) {
        const lw_layer_weights *weights = &model->layout.weights[w];
        size_t count = weights->bias ? 2 : 1;
        if (index < count) {
            *found = (tensor){weights, index == 1};
            return true;
        }
        index -= count;
    }
    return false;
}

size_t lw_model_parameter_count(const lw_model *model)
{
    size_t count = 0;
    for (size_t w = 0; w < model->layout.n_weights; w++)
        count += model->layout.weights[w].bias ? 2 : 1;
    return count;
}

static lw_status require_tensor(const lw_model *model, size_t index, tensor *found)
{
    *found = (tensor){0};
    if (model && find_tensor(model, index, found)) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "parameter index: expected less than %zu, got %zu",
                   model ? lw_model_parameter_count(model) : 0, index);
}

lw_status lw_model_parameter_info(const lw_model *model, size_t index, lw_parameter_info *info)
{
    tensor at;
    LW_TRY(require_tensor(model, index, &at));
    const lw_layer_weights *weights = at.weights;
    memset(info, 0, sizeof *info);
    snprintf(info->name, sizeof info->name, "%s.%s",
             lw_network_layer(model->network, weights->layer)->name,
             at.is_bias ? "bias" : "weight");
    info->shape[0] = weights->out;
    if (at.is_bias) {
        info->rank = 1;
    } else if (weights->linear) {
        info->rank = 2;
        info->shape[1] = (int64_t)weights->in.channels * weights->in.height * weights->in.width;
    } else {
        info->rank = 4;
        info->shape[1] = weights->conv.ic;
        info->shape[2] = weights->conv.kh;
        info->shape[3] = weights->conv.kw;
    }
    info->count = 1;
    for (int32_t d = 0; d < info->rank; d++) info->count *= (size_t)info->shape[d];
    return LW_OK;
}

lw_status lw_model_get_parameter(const lw_model *model, size_t index, float *values)
{
    tensor at;
    LW_TRY(require_tensor(model, index, &at));
    if (!values) return lw_fail(LW_ERROR_ARGUMENT, "values: expected an array, got NULL");
    if (at.is_bias)
        memcpy(values, model->values + at.weights->bias_offset,
               (size_t)at.weights->out * sizeof *values);
    else
        lw_layer_weights_export(at.weights, model->values, values);
    return LW_OK;
}

lw_status lw_model_set_parameter(lw_model *model, size_t index, const float *values)
{
    tensor at;
    LW_TRY(require_tensor(model, index, &at));
    if (!values) return lw_fail(LW_ERROR_ARGUMENT, "values: expected an array, got NULL");
    LW_TRY(lw_model_import(model, index, values, model->values));
    if (!at.is_bias) lw_model_pack(model);
    return LW_OK;
}

lw_status lw_model_import(const lw_model *model, size_t index, const float *values, float *array)
{
    tensor at;
    LW_TRY(require_tensor(model, index, &at));
    if (at.is_bias)
        memcpy(array + at.weights->bias_offset, values, (size_t)at.weights->out * sizeof *values);
    else
        lw_layer_weights_import(at.weights, values, array);
    return LW_OK;
}

lw_status lw_model_export_gradient(const lw_model *model, size_t index, const float *gradients,
                                   float *values)
{
    tensor at;
    LW_TRY(require_tensor(model, index, &at));
    if (at.is_bias)
        memcpy(values, gradients + at.weights->bias_offset,
               (size_t)at.weights->out * sizeof *values);
    else
        lw_layer_weights_export(at.weights, gradients, values);
    return LW_OK;
}

lw_parameter_view lw_model_parameters(const lw_model *model)
{
    return (lw_parameter_view){model->values, model->packed, model->version};
}

void lw_model_pack(lw_model *model)
{
    model->version++;
    for (size_t u = 0; u < model->layout.n_units; u++)
        lw_parameter_pack_unit(&model->layout, &model->layout.units[u], model->values,
                               model->packed);
}

// ---- life ---------------------------------------------------------------------------------------

// PyTorch's defaults: kaiming_uniform with a = sqrt(5) for weights, which is +-1/sqrt(fan_in), and
// the same bound for biases.
static lw_status initialize(lw_model *model, uint64_t seed)
{
    float bound = 0.0f;
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        LW_TRY(lw_model_parameter_info(model, i, &info));
        const size_t fan_in = info.count / (size_t)info.shape[0];
        if (info.rank > 1) bound = 1.0f / sqrtf((float)fan_in);
        float *values = malloc(info.count * sizeof *values);
        if (!values) return lw_fail(LW_ERROR_MEMORY, "%s: no memory to initialise it", info.name);
        lw_rng rng = lw_rng_stream(seed, LW_RNG_INIT, 0, i);
        for (size_t k = 0; k < info.count; k++)
            values[k] = (2.0f * lw_rng_uniform(&rng) - 1.0f) * bound;
        lw_status status = lw_model_set_parameter(model, i, values);
        free(values);
        if (status) return status;
    }
    return LW_OK;
}

static lw_status fill_model(lw_model *model, const lw_network *network, uint64_t seed)
{
    LW_TRY(lw_cpu_check());
    LW_TRY(lw_network_copy(&model->network, network));
    LW_TRY(lw_parameter_layout_create(&model->layout, model->network));
    model->classes = lw_network_class_count(model->network);
    for (int c = 0; c < 4; c++) model->normalization.stddev[c] = 1.0f;
    void *block;
    LW_TRY(lw_memory_check((size_t)(model->layout.value_floats + model->layout.packed_floats) *
                               sizeof(float),
                           "parameters"));
    LW_TRY(lw_memory_allocate(&block, (size_t)model->layout.value_floats * sizeof(float),
                              "parameters"));
    model->values = block;
    LW_TRY(lw_memory_allocate(&block, (size_t)model->layout.packed_floats * sizeof(float),
                              "packed parameters"));
    model->packed = block;
    LW_TRY(lw_model_set_class_names(model, NULL, (size_t)model->classes));
    return initialize(model, seed);
}

lw_status lw_model_create(lw_model **model, const lw_network *network, uint64_t seed)
{
    if (!model) return lw_fail(LW_ERROR_ARGUMENT, "model: expected an address, got NULL");
    *model = NULL;
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "network: expected a network, got NULL");
    lw_model *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a model");
    lw_status status = fill_model(made, network, seed);
    if (status) lw_model_destroy(&made);
    *model = made;
    return status;
}

static void free_names(char **names, int32_t count)
{
    for (int32_t i = 0; names && i < count; i++) free(names[i]);
    free(names);
}

void lw_model_destroy(lw_model **model)
{
    if (!model || !*model) return;
    lw_model *old = *model;
    free_names(old->class_names, old->classes);
    lw_memory_free(old->values);
    lw_memory_free(old->packed);
    lw_parameter_layout_destroy(&old->layout);
    lw_network_destroy(&old->network);
    free(old);
    *model = NULL;
}

const lw_network *lw_model_network(const lw_model *model)
{
    return model->network;
}

// ---- images and classes -------------------------------------------------------------------------

lw_normalization lw_model_normalization(const lw_model *model)
{
    return model->normalization;
}

lw_status lw_model_set_normalization(lw_model *model, lw_normalization normalization)
{
    for (int c = 0; c < 4; c++)
        if (!isfinite(normalization.mean[c]) || !isfinite(normalization.stddev[c]) ||
            normalization.stddev[c] <= 0.0f)
            return lw_fail(LW_ERROR_ARGUMENT,
                           "normalization of channel %d: expected a finite mean and a positive"
                           " standard deviation, got %g and %g",
                           c, (double)normalization.mean[c], (double)normalization.stddev[c]);
    model->normalization = normalization;
    return LW_OK;
}

lw_resize lw_model_resize(const lw_model *model)
{
    return model->resize;
}

lw_status lw_model_set_resize(lw_model *model, lw_resize resize)
{
    if (!model) return lw_fail(LW_ERROR_ARGUMENT, "model: expected a model, got NULL");
    const lw_extent input = lw_network_input(model->network);
    const lw_extent made = {input.channels, resize.height, resize.width};
    if (resize.height == 0 && resize.width == 0) {
        model->resize = (lw_resize){0};
        return LW_OK;
    }
    if ((input.height > 0 && input.height != resize.height) ||
        (input.width > 0 && input.width != resize.width))
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "resize: the network takes images of %dx%d pixels (width x height), the recipe "
            "makes %dx%d",
            input.width, input.height, resize.width, resize.height);
    if (lw_network_infer(model->network, made, NULL))
        return lw_fail(LW_ERROR_ARGUMENT, "resize: images of %dx%d: %s", resize.width,
                       resize.height, lw_error_message());
    model->resize = resize;
    return LW_OK;
}

void lw_model_set_exact(lw_model *model, bool exact)
{
    if (model->layout.exact == exact) return;
    model->layout.exact = exact;
    lw_model_pack(model); // filters that were not kept up to date
}

bool lw_model_exact(const lw_model *model)
{
    return model->layout.exact;
}

lw_status lw_model_set_class_names(lw_model *model, const char *const *names, size_t count)
{
    if (count != (size_t)model->classes)
        return lw_fail(LW_ERROR_ARGUMENT, "class names: expected %d, got %zu", model->classes,
                       count);
    char **copies = calloc(count, sizeof *copies);
    bool complete = copies != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        copies[i] = strdup(names ? names[i] : number);
        complete = copies[i] != NULL;
    }
    if (!complete) {
        free_names(copies, model->classes);
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu class names", count);
    }
    free_names(model->class_names, model->classes);
    model->class_names = copies;
    return LW_OK;
}

const char *lw_model_class_name(const lw_model *model, int32_t label)
{
    return label >= 0 && label < model->classes ? model->class_names[label] : "?";
}

void lw_model_levels(const lw_model *model, int32_t channels, lw_levels *levels)
{
    for (int32_t c = 0; c < channels; c++) {
        int32_t like = c < 4 ? c : 0;
        const double mean = (double)model->normalization.mean[like];
        const double stddev = (double)model->normalization.stddev[like];
        levels[c] = (lw_levels){(float)(1.0 / (255.0 * stddev)), (float)(-mean / stddev)};
    }
}

lw_status lw_model_check_sample(const lw_model *model, const lw_dataset *dataset, size_t index)
{
    lw_sample sample = lw_dataset_get(dataset, index);
    const char *file = lw_dataset_file_name(dataset, index), *name = lw_dataset_name(dataset);
    char number[48];
    if (!file) snprintf(number, sizeof number, "sample %zu", index);
    if (sample.label < 0 || sample.label >= model->classes)
        return lw_fail(LW_ERROR_INPUT, "%s, %s: the network has %d classes, got label %d", name,
                       file ? file : number, model->classes, sample.label);
    lw_extent extent = {sample.channels, sample.height, sample.width};
    lw_status status = lw_network_infer(model->network, extent, NULL);
    if (!status) return LW_OK;
    return lw_fail(status, "%s, %s: %s", name, file ? file : number, lw_error_message());
}
