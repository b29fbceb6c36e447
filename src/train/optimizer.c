// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/kernel_table.h"

#include <math.h>
#include <string.h>

static lw_status check_range(const char *name, double value, double low, double high, bool open)
{
    bool fits = isfinite(value) && value >= low && (open ? value < high : value <= high);
    if (fits) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "%s: expected %g to %s%g, got %g", name, low,
                   open ? "less than " : "", high, value);
}

lw_status lw_optimizer_check(const lw_optimizer_config *config)
{
    const double largest = 1e9;
    LW_TRY(check_range("learning rate", config->learning_rate, 0.0, largest, false));
    LW_TRY(check_range("weight decay", config->weight_decay, 0.0, largest, false));
    if (config->kind == LW_OPTIMIZER_SGD) {
        LW_TRY(check_range("momentum", config->momentum, 0.0, 1.0, true));
        if (config->nesterov && config->momentum == 0.0)
            return lw_fail(LW_ERROR_ARGUMENT, "nesterov: expected a momentum above 0, got 0");
        return LW_OK;
    }
    LW_TRY(check_range("beta1", config->beta1, 0.0, 1.0, true));
    LW_TRY(check_range("beta2", config->beta2, 0.0, 1.0, true));
    if (!(config->epsilon > 0.0) || !isfinite(config->epsilon))
        return lw_fail(LW_ERROR_ARGUMENT, "epsilon: expected more than 0, got %g", config->epsilon);
    return LW_OK;
}

lw_status lw_optimizer_init(lw_optimizer *optimizer, const lw_optimizer_config *config,
                            const lw_parameter_layout *layout)
{
    memset(optimizer, 0, sizeof *optimizer);
    optimizer->config = *config;
    bool is_adam = config->kind != LW_OPTIMIZER_SGD;
    size_t bytes = (size_t)layout->value_floats * sizeof(float);
    void *block;
    if (is_adam || config->momentum != 0.0) {
        LW_TRY(lw_memory_allocate(&block, bytes, "first moments"));
        optimizer->first_moment = block;
    }
    if (is_adam) {
        LW_TRY(lw_memory_allocate(&block, bytes, "second moments"));
        optimizer->second_moment = block;
    }
    return LW_OK;
}

void lw_optimizer_destroy(lw_optimizer *optimizer)
{
    lw_memory_free(optimizer->first_moment);
    lw_memory_free(optimizer->second_moment);
    memset(optimizer, 0, sizeof *optimizer);
}

static lw_optimizer_args describe_step(const lw_optimizer_config *config, int64_t step,
                                       double learning_rate)
{
    bool is_decoupled = config->kind == LW_OPTIMIZER_ADAMW;
    return (lw_optimizer_args){
        .learning_rate = (float)learning_rate,
        .momentum = (float)config->momentum,
        .beta1 = (float)config->beta1,
        .beta2 = (float)config->beta2,
        .one_minus_beta1 = (float)(1.0 - config->beta1),
        .one_minus_beta2 = (float)(1.0 - config->beta2),
        .epsilon = (float)config->epsilon,
        .weight_decay = is_decoupled ? 0.0f : (float)config->weight_decay,
        .decoupled_decay =
            is_decoupled ? (float)(1.0 - learning_rate * config->weight_decay) : 1.0f,
        .bias_correction1 = (float)(1.0 - pow(config->beta1, (double)step)),
        .root_bias_correction2 = (float)sqrt(1.0 - pow(config->beta2, (double)step)),
        .nesterov = config->nesterov,
        .first_step = step == 1,
    };
}

void lw_optimizer_step(lw_optimizer *optimizer, lw_model *model, const float *partials,
                       int64_t stride, int32_t n_partials, int64_t step, double learning_rate,
                       size_t begin, size_t end)
{
    lw_optimizer_args args = describe_step(&optimizer->config, step, learning_rate);
    args.partial_stride = stride;
    args.n_partials = n_partials;
    for (size_t u = begin; u < end; u++) {
        const lw_update_unit *unit = &model->layout.units[u];
        args.count = unit->count;
        args.weights = model->values + unit->offset;
        args.partials = partials + unit->offset;
        if (optimizer->first_moment) args.first_moment = optimizer->first_moment + unit->offset;
        if (optimizer->second_moment) args.second_moment = optimizer->second_moment + unit->offset;
        if (optimizer->config.kind == LW_OPTIMIZER_SGD)
            lw_kernels()->sgd_update(&args);
        else
            lw_kernels()->adam_update(&args);
        lw_parameter_pack_unit(&model->layout, unit, model->values, model->packed);
    }
}
