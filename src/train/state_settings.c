// SPDX-License-Identifier: Apache-2.0
// What the bits of a training depend on, as lines of text that can be compared and read.
#include "train/state.h"

#include "base/error.h"
#include "nn/model.h"
#include "simd/kernels.h"

#include <lanewise/augment.h>
#include <lanewise/cpu.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Lines under construction; without memory, or with too much, `text` is cut and `cut` says so.
typedef struct lines {
    char text[4096];
    size_t length;
    bool cut;
} lines;

__attribute__((format(printf, 2, 3))) static void add(lines *made, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t left = sizeof made->text - made->length;
    const int added = vsnprintf(made->text + made->length, left, format, arguments);
    va_end(arguments);
    if (added < 0 || (size_t)added >= left)
        made->cut = true;
    else
        made->length += (size_t)added;
}

static void add_optimizer(lines *made, const lw_optimizer_config *o)
{
    static const char *const names[] = {
        [LW_OPTIMIZER_SGD] = "sgd", [LW_OPTIMIZER_ADAM] = "adam", [LW_OPTIMIZER_ADAMW] = "adamw"};
    add(made, "optimizer %s\nlearning_rate %.17g\nweight_decay %.17g\n", names[o->kind],
        o->learning_rate, o->weight_decay);
    if (o->kind == LW_OPTIMIZER_SGD)
        add(made, "momentum %.17g\nnesterov %d\n", o->momentum, o->nesterov);
    else
        add(made, "beta1 %.17g\nbeta2 %.17g\nepsilon %.17g\n", o->beta1, o->beta2, o->epsilon);
}

static void add_schedule(lines *made, const lw_schedule_config *s)
{
    static const char *const names[] = {[LW_SCHEDULE_CONSTANT] = "constant",
                                        [LW_SCHEDULE_STEP] = "step",
                                        [LW_SCHEDULE_COSINE] = "cosine",
                                        [LW_SCHEDULE_ONE_CYCLE] = "one-cycle"};
    add(made, "schedule %s\nwarmup_fraction %.17g\nstep_epochs %.17g\ngamma %.17g\n",
        names[s->kind], s->warmup_fraction, s->step_epochs, s->gamma);
    add(made, "final_fraction %.17g\nstart_fraction %.17g\n", s->final_fraction, s->start_fraction);
}

static void add_config(lines *made, const lw_train_config *config)
{
    char augment[512] = "";
    if (config->augment) lw_augment_format(config->augment, augment, sizeof augment);
    add(made, "epochs %d\nbatch %d\nseed %llu\nmax_steps %lld\n", config->epochs, config->batch,
        (unsigned long long)config->seed, (long long)config->max_steps);
    add_optimizer(made, &config->optimizer);
    add_schedule(made, &config->schedule);
    add(made, "shuffle %d\norder %s\nuntil_accuracy %.17g\n", !config->no_shuffle,
        config->order == LW_TRAIN_ORDER_BY_SIZE ? "by-size" : "mixed", config->until_accuracy);
    add(made, "label_smoothing %.17g\nema_decay %.17g\nclip_norm %.17g\n", config->label_smoothing,
        config->ema_decay, config->clip_norm);
    add(made, "patience %d\nkeep_best %d\n", config->patience, config->keep_best);
    add(made, "augment %s\nscale_jitter %.17g %.17g\n", augment[0] ? augment : "none",
        config->rescale_low, config->rescale_high);
}

static void add_model(lines *made, const lw_model *model)
{
    const lw_normalization *n = &model->normalization;
    add(made, "exact %d\nmean", model->layout.exact);
    for (int c = 0; c < 4; c++) add(made, " %.9g", (double)n->mean[c]);
    add(made, "\nstddev");
    for (int c = 0; c < 4; c++) add(made, " %.9g", (double)n->stddev[c]);
    add(made, "\n");
}

// Which passes go by Winograd follows from estimates and from LANEWISE_CONV.
static void add_arithmetic(lines *made, const lw_model *model)
{
    add(made, "%s kernels\nkernel set %d\nwinograd", lw_cpu_isa(), LW_KERNEL_SET_VERSION);
    for (size_t i = 0; i < model->layout.n_weights; i++) {
        const lw_layer_weights *weights = &model->layout.weights[i];
        if (weights->linear) continue;
        add(made, " ");
        for (int pass = 0; pass < LW_N_PASSES; pass++)
            add(made, "%d",
                lw_parameter_uses_winograd(&model->layout, weights, (lw_conv_pass)pass));
    }
    add(made, "\n");
}

lw_status lw_state_describe(lw_train_state *state, const lw_model *model,
                            const lw_train_config *config)
{
    lines settings = {.length = 0}, arithmetic = {.length = 0};
    add_config(&settings, config);
    add_model(&settings, model);
    add_arithmetic(&arithmetic, model);
    free(state->network);
    free(state->settings);
    free(state->arithmetic);
    state->network = strdup(lw_network_text(model->network));
    state->settings = strdup(settings.text);
    state->arithmetic = strdup(arithmetic.text);
    if (settings.cut || !state->network || !state->settings || !state->arithmetic)
        return lw_fail(LW_ERROR_MEMORY, "no memory to describe the settings of a training");
    return LW_OK;
}
