// SPDX-License-Identifier: Apache-2.0
#include "train/state.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const lw_state_array_names[LW_N_STATE_ARRAYS] = {
    [LW_STATE_WEIGHTS] = "",
    [LW_STATE_FIRST_MOMENT] = "first_moment",
    [LW_STATE_SECOND_MOMENT] = "second_moment",
    [LW_STATE_AVERAGE] = "average",
    [LW_STATE_BEST] = "best",
};

// ---- numbers ------------------------------------------------------------------------------------

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, kind, offsetof(lw_state_numbers, member)                                          \
    }
const lw_state_field lw_state_fields[] = {
    FIELD(epoch, LW_STATE_INT32),
    FIELD(epochs, LW_STATE_INT32),
    FIELD(epoch_step, LW_STATE_INT64),
    FIELD(epoch_steps, LW_STATE_INT64),
    FIELD(step, LW_STATE_INT64),
    FIELD(loss_sum, LW_STATE_DOUBLE),
    FIELD(epoch_seconds, LW_STATE_DOUBLE),
    FIELD(learning_rate, LW_STATE_DOUBLE),
    FIELD(correct, LW_STATE_INT64),
    FIELD(seen, LW_STATE_INT64),
    FIELD(images, LW_STATE_INT64),
    FIELD(finished, LW_STATE_BOOL),
    FIELD(best_epoch, LW_STATE_INT32),
    FIELD(best_since, LW_STATE_INT32),
    FIELD(best_accuracy, LW_STATE_DOUBLE),
    FIELD(best_loss, LW_STATE_DOUBLE),
    FIELD(result.epochs, LW_STATE_INT32),
    FIELD(result.seconds, LW_STATE_DOUBLE),
    FIELD(result.images_per_second, LW_STATE_DOUBLE),
    FIELD(result.reached, LW_STATE_BOOL),
    FIELD(result.out_of_patience, LW_STATE_BOOL),
    FIELD(result.best_epoch, LW_STATE_INT32),
    FIELD(result.last.epoch, LW_STATE_INT32),
    FIELD(result.last.train_loss, LW_STATE_DOUBLE),
    FIELD(result.last.train_accuracy, LW_STATE_DOUBLE),
    FIELD(result.last.validation_loss, LW_STATE_DOUBLE),
    FIELD(result.last.validation_accuracy, LW_STATE_DOUBLE),
    FIELD(result.last.learning_rate, LW_STATE_DOUBLE),
    FIELD(result.last.seconds, LW_STATE_DOUBLE),
    FIELD(result.last.images_per_second, LW_STATE_DOUBLE),
    FIELD(result.last.best, LW_STATE_BOOL),
};
const size_t lw_n_state_fields = sizeof lw_state_fields / sizeof *lw_state_fields;

void lw_state_format_field(const lw_state_numbers *numbers, const lw_state_field *field,
                           char text[LW_STATE_FIELD_BYTES])
{
    const void *at = (const char *)numbers + field->offset;
    switch (field->kind) {
    case LW_STATE_INT32: snprintf(text, LW_STATE_FIELD_BYTES, "%d", *(const int32_t *)at); break;
    case LW_STATE_INT64:
        snprintf(text, LW_STATE_FIELD_BYTES, "%lld", (long long)*(const int64_t *)at);
        break;
    case LW_STATE_BOOL: snprintf(text, LW_STATE_FIELD_BYTES, "%d", *(const bool *)at); break;
    case LW_STATE_DOUBLE: // 17 digits bring the same double back
        snprintf(text, LW_STATE_FIELD_BYTES, "%.17g", *(const double *)at);
        break;
    }
}

bool lw_state_parse_field(lw_state_numbers *numbers, const lw_state_field *field, const char *text)
{
    void *at = (char *)numbers + field->offset;
    if (field->kind == LW_STATE_DOUBLE) {
        // Also "nan" and "inf": a loss that went off is no damage.
        char *end;
        const double value = strtod(text, &end);
        if (end == text || *end) return false;
        *(double *)at = value;
        return true;
    }
    int64_t value;
    if (!lw_parse_int64(text, &value) || value < 0) return false;
    if (field->kind == LW_STATE_INT64) *(int64_t *)at = value;
    if (field->kind == LW_STATE_BOOL) {
        if (value > 1) return false;
        *(bool *)at = value == 1;
    }
    if (field->kind == LW_STATE_INT32) {
        if (value > INT32_MAX) return false;
        *(int32_t *)at = (int32_t)value;
    }
    return true;
}

lw_status lw_state_check_numbers(const lw_state_numbers *numbers, const char *source)
{
    const lw_state_numbers *n = numbers;
    // Beyond any step count of a run (10^15), below overflows when counts are added.
    const int64_t most = INT64_C(1) << 56;
    if (n->epoch_step > n->epoch_steps || n->epoch_step > n->step || n->step > most ||
        n->epoch_steps > most)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: step %lld, number %lld of %lld of its epoch, cannot be: the state is "
                       "damaged",
                       source, (long long)n->step, (long long)n->epoch_step,
                       (long long)n->epoch_steps);
    if (n->correct > n->seen || n->seen > most || n->images > most)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: %lld of %lld images right cannot be: the state is damaged", source,
                       (long long)n->correct, (long long)n->seen);
    return LW_OK;
}

// ---- life ---------------------------------------------------------------------------------------

lw_status lw_state_create(lw_train_state **state, const lw_parameter_info *parameters,
                          size_t n_parameters)
{
    *state = NULL;
    lw_train_state *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for the state of a training");
    made->parameters = calloc(n_parameters ? n_parameters : 1, sizeof *made->parameters);
    if (!made->parameters) {
        free(made);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the state of a training");
    }
    made->n_parameters = n_parameters;
    for (size_t i = 0; i < n_parameters; i++) {
        made->parameters[i] = parameters[i];
        made->n_values += parameters[i].count;
    }
    lw_status status = lw_state_take_array(made, LW_STATE_WEIGHTS);
    if (status) lw_train_state_destroy(&made);
    *state = made;
    return status;
}

lw_status lw_state_take_array(lw_train_state *state, lw_state_array array)
{
    if (state->arrays[array]) return LW_OK;
    const size_t count = state->n_values ? state->n_values : 1;
    state->arrays[array] = calloc(count, sizeof *state->arrays[array]);
    if (state->arrays[array]) return LW_OK;
    return lw_fail(LW_ERROR_MEMORY, "no memory for the %zu values of a training's state", count);
}

void lw_train_state_destroy(lw_train_state **state)
{
    if (!state || !*state) return;
    for (int i = 0; i < LW_N_STATE_ARRAYS; i++) free((*state)->arrays[i]);
    free((*state)->parameters);
    free((*state)->network);
    free((*state)->settings);
    free((*state)->arithmetic);
    free(*state);
    *state = NULL;
}

// ---- comparing ----------------------------------------------------------------------------------

// Copies the line of a text in which it begins to differ from another one.
static void first_other_line(const char *text, const char *other, char *line, size_t line_bytes)
{
    size_t start = 0, i = 0;
    for (; text[i] && text[i] == other[i]; i++)
        if (text[i] == '\n') start = i + 1;
    snprintf(line, line_bytes, "%.*s", (int)strcspn(text + start, "\n"), text + start);
}

lw_status lw_state_check_same(const lw_train_state *state, const lw_train_state *now)
{
    if (strcmp(state->network, now->network) != 0)
        return lw_fail(LW_ERROR_INPUT,
                       "the state belongs to another network than the one that is to go on");
    if (strcmp(state->settings, now->settings) != 0) {
        char was[128], is[128];
        first_other_line(state->settings, now->settings, was, sizeof was);
        first_other_line(now->settings, state->settings, is, sizeof is);
        return lw_fail(LW_ERROR_INPUT,
                       "the settings are not those of the state: it has \"%s\", this run \"%s\"",
                       was, is);
    }
    const bool same_train = state->train_fingerprint == now->train_fingerprint;
    if (!same_train || state->validation_fingerprint != now->validation_fingerprint)
        return lw_fail(LW_ERROR_INPUT,
                       "the %s images are not those that the run was begun with (fingerprint "
                       "%016llx, now %016llx)",
                       same_train ? "validation" : "training",
                       (unsigned long long)(same_train ? state->validation_fingerprint
                                                       : state->train_fingerprint),
                       (unsigned long long)(same_train ? now->validation_fingerprint
                                                       : now->train_fingerprint));
    if (state->n_parameters != now->n_parameters || state->n_values != now->n_values)
        return lw_fail(LW_ERROR_INPUT,
                       "the state has %zu values in %zu tensors, the model %zu in %zu",
                       state->n_values, state->n_parameters, now->n_values, now->n_parameters);
    for (size_t i = 0; i < now->n_parameters; i++)
        if (strcmp(state->parameters[i].name, now->parameters[i].name) != 0 ||
            state->parameters[i].count != now->parameters[i].count)
            return lw_fail(LW_ERROR_INPUT,
                           "tensor %zu of the state is '%s', that of the model '%s'", i,
                           state->parameters[i].name, now->parameters[i].name);
    for (int i = 0; i < LW_N_STATE_ARRAYS; i++)
        if (!state->arrays[i] != !now->arrays[i])
            return lw_fail(LW_ERROR_INPUT, "the array '%s' is %s the state",
                           lw_state_array_names[i],
                           state->arrays[i] ? "not expected in" : "missing in");
    return LW_OK;
}

bool lw_train_state_keeps_bits(const lw_train_state *state, const lw_model *model, char *reason,
                               size_t reason_bytes)
{
    lw_train_state now = {0};
    lw_train_config config = lw_train_config_default();
    bool same = false;
    if (reason && reason_bytes) reason[0] = '\0';
    if (lw_state_describe(&now, model, &config)) {
        if (reason) snprintf(reason, reason_bytes, "%s", lw_error_message());
    } else {
        char was[128], is[128];
        same = strcmp(state->arithmetic, now.arithmetic) == 0;
        first_other_line(state->arithmetic, now.arithmetic, was, sizeof was);
        first_other_line(now.arithmetic, state->arithmetic, is, sizeof is);
        if (!same && reason)
            snprintf(
                reason, reason_bytes,
                "the run was begun with other arithmetic (%s, now %s), so the last bits of its "
                "results will differ",
                was, is);
    }
    free(now.network);
    free(now.settings);
    free(now.arithmetic);
    return same;
}

lw_train_position lw_train_state_position(const lw_train_state *state)
{
    const lw_state_numbers *n = &state->numbers;
    return (lw_train_position){.epoch = n->epoch + 1,
                               .epochs = n->epochs,
                               .epoch_step = n->epoch_step,
                               .epoch_steps = n->epoch_steps,
                               .step = n->step,
                               .finished = n->finished};
}
