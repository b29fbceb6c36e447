// SPDX-License-Identifier: Apache-2.0
// Inside of a model.
#ifndef LW_NN_MODEL_H
#define LW_NN_MODEL_H

#include "nn/engine.h"
#include "nn/parameters.h"

#include <lanewise/model.h>

struct lw_model {
    lw_network *network;
    lw_parameter_layout layout;
    float *values;    // layout.value_floats
    float *packed;    // layout.packed_floats
    uint64_t version; // counts the changes of the values, from 1
    lw_normalization normalization;
    lw_resize resize; // height 0: none
    char **class_names; // one per class
    int32_t classes;
};

// What the engine reads of a model.
lw_parameter_view lw_model_parameters(const lw_model *model);

// Brings all packed copies up to date after the values were changed.
void lw_model_pack(lw_model *model);

// Copies tensor `index` out of an array in the layout of the values, as lw_model_get_parameter
// does.
lw_status lw_model_export_gradient(const lw_model *model, size_t index, const float *gradients,
                                   float *values);

// The way back: puts a tensor into such an array. Padding is left as it is.
lw_status lw_model_import(const lw_model *model, size_t index, const float *values, float *array);

// The model's normalisation, (byte / 255 - mean) / stddev; channels above the fourth count as the
// first.
void lw_model_levels(const lw_model *model, int32_t channels, lw_levels *levels);

// Refuses an image or label that the model cannot take, by the name of its set and its file.
lw_status lw_model_check_sample(const lw_model *model, const lw_dataset *dataset, size_t index);

#endif
