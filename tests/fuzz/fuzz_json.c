// SPDX-License-Identifier: Apache-2.0
// Formats in JSON: model files, checkpoints, results of Google Benchmark, exported histories.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "run/checkpoint.h"
#include "run/safetensors.h"
#include "track/exchange.h"
#include "track/gbench.h"
#include "train/state.h"

#include <lanewise/model.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void lw_fuzz_safetensors(const uint8_t *bytes, size_t count)
{
    uint8_t *copy = malloc(count ? count : 1); // the parser takes it over
    LW_FUZZ_CHECK(copy);
    if (count) memcpy(copy, bytes, count);
    lw_safetensors *file;
    const lw_status status = lw_safetensors_parse(&file, copy, count, "fuzz.safetensors");
    if (status) {
        LW_FUZZ_CHECK(!file);
        lw_fuzz_check_refusal(status);
        return;
    }
    for (size_t i = 0; i < lw_safetensors_count(file); i++) {
        const lw_safetensors_tensor *tensor = lw_safetensors_at(file, i);
        LW_FUZZ_CHECK(lw_safetensors_find(file, tensor->name));
        LW_FUZZ_CHECK(tensor->count * sizeof(float) <= count);
        float *values = malloc(tensor->count * sizeof *values + 1);
        LW_FUZZ_CHECK(values);
        lw_safetensors_copy(file, tensor, values);
        lw_fuzz_touch(values, tensor->count * sizeof *values);
        free(values);
    }
    (void)lw_safetensors_metadata(file, "network");
    lw_safetensors_destroy(&file);
}

void lw_fuzz_model(const uint8_t *bytes, size_t count)
{
    lw_model *model;
    const lw_status status = lw_model_load(&model, lw_fuzz_file(0, bytes, count));
    if (status) {
        LW_FUZZ_CHECK(!model);
        lw_fuzz_check_refusal(status);
        return;
    }
    const lw_network *network = lw_model_network(model);
    for (int32_t i = 0; i < lw_network_class_count(network); i++) {
        const char *name = lw_model_class_name(model, i);
        LW_FUZZ_CHECK(name);
        lw_fuzz_check_readable(name);
    }
    lw_model_destroy(&model);
}

void lw_fuzz_checkpoint(const uint8_t *bytes, size_t count)
{
    lw_train_state *state;
    lw_safetensors *file;
    const lw_status status = lw_checkpoint_read(&state, &file, lw_fuzz_file(0, bytes, count));
    if (status) {
        LW_FUZZ_CHECK(!state && !file);
        lw_fuzz_check_refusal(status);
        return;
    }
    LW_FUZZ_CHECK(state->network && state->settings && state->arithmetic);
    LW_FUZZ_CHECK(state->numbers.step >= 0 && state->numbers.epoch >= 0);
    for (int i = 0; i < LW_N_STATE_ARRAYS; i++)
        if (state->arrays[i])
            lw_fuzz_touch(state->arrays[i], state->n_values * sizeof *state->arrays[i]);
    (void)lw_safetensors_metadata(file, "run.options");
    lw_train_state_destroy(&state);
    lw_safetensors_destroy(&file);
}

void lw_fuzz_gbench(const uint8_t *bytes, size_t count)
{
    lw_gbench_report report;
    char *text = lw_fuzz_text(bytes, count);
    const lw_status status = lw_gbench_parse(&report, text, count, LW_GBENCH_AUTO, "fuzz.json");
    if (status) lw_fuzz_check_refusal(status);
    for (size_t i = 0; i < report.n; i++) {
        const lw_gbench_series *series = &report.series[i];
        LW_FUZZ_CHECK(*series->name && (series->n > 0 || series->problem));
        LW_FUZZ_CHECK(lw_gbench_find(&report, series->name) == series);
        for (size_t k = 0; k < series->n; k++)
            LW_FUZZ_CHECK(isfinite(series->seconds[k]) && series->seconds[k] > 0);
    }
    lw_gbench_free(&report);
    free(text);
}

// Lines are only looked at: what a database does with them is not the parser's.
void lw_fuzz_exchange(const uint8_t *bytes, size_t count)
{
    size_t added, skipped;
    char *text = lw_fuzz_text(bytes, count);
    (void)lw_exchange_recognize(text, count);
    const lw_status status = lw_exchange_import(NULL, text, count, "fuzz.jsonl", &added, &skipped);
    if (status) lw_fuzz_check_refusal(status);
    LW_FUZZ_CHECK(added == 0);
    free(text);
}
