// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include "base/error.h"
#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "nn/finite.h"

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

static lw_status allocate_floats(float **floats, int64_t count, const char *purpose)
{
    void *block;
    LW_TRY(lw_memory_allocate(&block, (size_t)count * sizeof(float), purpose));
    *floats = block;
    return LW_OK;
}

static lw_status fill_replica(lw_replica *replica, const lw_model *model,
                              const lw_optimizer_config *config)
{
    const int64_t values = model->layout.value_floats, packed = model->layout.packed_floats;
    const bool is_adam = config->kind != LW_OPTIMIZER_SGD;
    if (is_adam || config->momentum != 0.0)
        LW_TRY(allocate_floats(&replica->first_moment, values, "first moments"));
    if (is_adam) LW_TRY(allocate_floats(&replica->second_moment, values, "second moments"));
    if (!replica->own) {
        replica->values = model->values;
        replica->packed = model->packed;
        return LW_OK;
    }
    LW_TRY(allocate_floats(&replica->values, values, "a thread's weights"));
    LW_TRY(allocate_floats(&replica->packed, packed, "a thread's packed weights"));
    memcpy(replica->values, model->values, (size_t)values * sizeof *replica->values);
    memcpy(replica->packed, model->packed, (size_t)packed * sizeof *replica->packed);
    return LW_OK;
}

lw_status lw_replica_init(lw_replica *replica, const lw_model *model,
                          const lw_optimizer_config *config, bool own)
{
    *replica = (lw_replica){.own = own, .version = model->version};
    lw_status status = fill_replica(replica, model, config);
    if (status) lw_replica_destroy(replica);
    return status;
}

void lw_replica_destroy(lw_replica *replica)
{
    lw_memory_free(replica->first_moment);
    lw_memory_free(replica->second_moment);
    if (replica->own) {
        lw_memory_free(replica->values);
        lw_memory_free(replica->packed);
    }
    *replica = (lw_replica){.own = false};
}

void lw_replica_copy(lw_replica *to, const lw_replica *from, const lw_parameter_layout *layout)
{
    const size_t bytes = (size_t)layout->value_floats * sizeof(float);
    memcpy(to->values, from->values, bytes);
    memcpy(to->packed, from->packed, (size_t)layout->packed_floats * sizeof(float));
    if (to->first_moment) memcpy(to->first_moment, from->first_moment, bytes);
    if (to->second_moment) memcpy(to->second_moment, from->second_moment, bytes);
    to->version = from->version;
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

bool lw_optimizer_step(const lw_optimizer_config *config, const lw_parameter_layout *layout,
                       lw_replica *replica, const lw_gradient_partials *gradient, int64_t step,
                       double learning_rate, size_t begin, size_t end)
{
    lw_optimizer_args args = describe_step(config, step, learning_rate);
    args.partial_stride = gradient->stride;
    args.n_partials = gradient->count;
    float watch[LW_BLOCK] = {0};
    args.watch = watch;
    for (size_t u = begin; u < end; u++) {
        const lw_update_unit *unit = &layout->units[u];
        args.count = unit->count;
        args.weights = replica->values + unit->offset;
        args.partials = gradient->sums + unit->offset;
        if (replica->first_moment) args.first_moment = replica->first_moment + unit->offset;
        if (replica->second_moment) args.second_moment = replica->second_moment + unit->offset;
        if (config->kind == LW_OPTIMIZER_SGD)
            lw_kernels()->sgd_update(&args);
        else
            lw_kernels()->adam_update(&args);
        lw_parameter_pack_unit(layout, unit, replica->values, replica->packed);
    }
    return lw_finite_all(watch, LW_BLOCK);
}

// ---- clipping -------------------------------------------------------------------------------------

void lw_gradient_gather(const lw_parameter_layout *layout, const lw_gradient_partials *gradient,
                        size_t begin, size_t end, double *unit_squares)
{
    for (size_t u = begin; u < end; u++) {
        float *sums = gradient->sums + layout->units[u].offset;
        unit_squares[u] = lw_kernels()->gradient_sum(sums, gradient->stride, gradient->count,
                                                     layout->units[u].count, sums);
    }
}

void lw_gradient_clip(const lw_parameter_layout *layout, lw_gradient_partials *gradient,
                      const double *unit_squares, double clip_norm, size_t begin, size_t end)
{
    double squares = 0.0;
    for (size_t u = 0; u < layout->n_units; u++) squares += unit_squares[u];
    const double norm = sqrt(squares);
    gradient->count = 1;
    if (!(norm > clip_norm)) return;
    for (size_t u = begin; u < end; u++)
        lw_kernels()->scale(layout->units[u].count, (float)(clip_norm / norm),
                            gradient->sums + layout->units[u].offset);
}

// ---- the average of the weights -------------------------------------------------------------------

void lw_average_step(const lw_parameter_layout *layout, const float *values, float *average,
                     double decay, int64_t step, size_t begin, size_t end)
{
    const double steps_at_first = 9.0;
    const double early = (double)step / ((double)step + steps_at_first);
    const float share = (float)(1.0 - fmin(decay, early));
    for (size_t u = begin; u < end; u++) {
        const int64_t offset = layout->units[u].offset;
        lw_kernels()->average_update(layout->units[u].count, share, values + offset,
                                     average + offset);
    }
}
