// SPDX-License-Identifier: Apache-2.0
// Checkpoints: what is written is read back to the last bit, and a damaged file is noticed wherever the
// damage is.
#include "support.h"

#include "run/checkpoint.h"
#include "train/state.h"

#include <lanewise/lanewise.h>

static const lw_safetensors_text texts[] = {{"run.options", "[\"--epochs\",\"3\"]"},
                                            {"run.log", "\"checksum\":\"0123456789abcdef\""}};

// A state with something in every field.
static lw_train_state *make_state(void)
{
    const lw_parameter_info parameters[] = {
        {.name = "conv1.weight", .rank = 4, .shape = {2, 1, 3, 3}, .count = 18},
        {.name = "conv1.bias", .rank = 1, .shape = {2}, .count = 2}};
    lw_train_state *state;
    assert_ok(lw_state_create(&state, parameters, 2));
    assert_ok(lw_state_take_array(state, LW_STATE_FIRST_MOMENT));
    for (size_t i = 0; i < state->n_values; i++) {
        state->arrays[LW_STATE_WEIGHTS][i] = 0.1f * (float)i;
        state->arrays[LW_STATE_FIRST_MOMENT][i] = -1e-30f * (float)i;
    }
    for (size_t i = 0; i < lw_n_state_fields; i++) {
        const lw_state_field *field = &lw_state_fields[i];
        const bool is_double = field->kind == LW_STATE_DOUBLE;
        char text[LW_STATE_FIELD_BYTES];
        snprintf(text, sizeof text, is_double ? "%zu.1" : "%zu",
                 field->kind == LW_STATE_BOOL ? 1 : i + 1);
        assert_true(lw_state_parse_field(&state->numbers, field, text));
    }
    state->numbers.step = 400;
    state->numbers.epoch_step = 3;
    state->numbers.epoch_steps = 4;
    state->numbers.seen = 1000;
    state->train_fingerprint = UINT64_C(0xFEDCBA9876543210);
    state->network = strdup("input 1x5x5\n# \"quoted\" \\ \xC3\xA9\n");
    state->settings = strdup("epochs 3\nbatch 16\n");
    state->arithmetic = strdup("avx2 kernels\n");
    return state;
}

static void test_round_trip(void **unused)
{
    (void)unused;
    const char *path = in_folder("c.safetensors");
    lw_train_state *state = make_state(), *again;
    lw_safetensors *file;
    assert_ok(lw_checkpoint_write(path, state, texts, 2));
    assert_ok(lw_checkpoint_read(&again, &file, path));
    assert_string_equal(lw_safetensors_metadata(file, "run.options"), texts[0].value);
    assert_string_equal(lw_safetensors_metadata(file, "run.log"), texts[1].value);
    for (size_t i = 0; i < lw_n_state_fields; i++) {
        char text[2][LW_STATE_FIELD_BYTES];
        lw_state_format_field(&state->numbers, &lw_state_fields[i], text[0]);
        lw_state_format_field(&again->numbers, &lw_state_fields[i], text[1]);
        assert_string_equal(text[0], text[1]);
    }
    assert_int_equal(again->n_parameters, 2);
    assert_int_equal(again->parameters[0].rank, 4);
    assert_int_equal(again->parameters[0].shape[0], 2);
    for (int a = 0; a < LW_N_STATE_ARRAYS; a++) {
        assert_int_equal(!state->arrays[a], !again->arrays[a]);
        if (state->arrays[a])
            assert_memory_equal(state->arrays[a], again->arrays[a],
                                state->n_values * sizeof(float));
    }
    assert_true(state->train_fingerprint == again->train_fingerprint);
    assert_string_equal(state->network, again->network);
    assert_string_equal(state->settings, again->settings);
    assert_string_equal(state->arithmetic, again->arithmetic);
    lw_safetensors_destroy(&file);
    lw_train_state_destroy(&state);
    lw_train_state_destroy(&again);
}

static uint8_t *read_bytes(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 16);
    assert_non_null(file);
    assert_non_null(bytes);
    *count = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static void expect_refusal(const char *path, const uint8_t *bytes, size_t count, const char *what,
                           size_t place)
{
    lw_train_state *state;
    write_file(path, bytes, count);
    const lw_status status = lw_train_state_load(&state, path);
    if (status != LW_ERROR_INPUT || state)
        fail_msg("%s at %zu: expected a refusal, got %s", what, place, lw_status_name(status));
    assert_non_null(strstr(lw_error_message(), path));
}

static void test_every_damage_is_noticed(void **unused)
{
    (void)unused;
    size_t count;
    const char *path = in_folder("c.safetensors"), *bad = in_folder("bad");
    lw_train_state *state = make_state();
    assert_ok(lw_train_state_save(state, path));
    uint8_t *bytes = read_bytes(path, &count);
    for (size_t i = 0; i < count; i++) {
        bytes[i] ^= 0x10;
        expect_refusal(bad, bytes, count, "a changed byte", i);
        bytes[i] ^= 0x10;
    }
    for (size_t length = 0; length < count; length += length < 32 ? 1 : 37)
        expect_refusal(bad, bytes, length, "cut off", length);
    write_file(bad, bytes, count);
    lw_train_state *again;
    assert_ok(lw_train_state_load(&again, bad));
    lw_train_state_destroy(&again);
    free(bytes);
    lw_train_state_destroy(&state);
}

// A file with a right checksum may still hold what no training can have.
static void test_wrong_contents_are_refused(void **unused)
{
    (void)unused;
    lw_train_state *again;
    const char *path = in_folder("c.safetensors");
    lw_train_state *state = make_state();
    state->numbers.epoch_step = 5;
    assert_ok(lw_train_state_save(state, path));
    assert_failed_with(lw_train_state_load(&again, path), LW_ERROR_INPUT,
                       "c.safetensors|number 5 of 4 of its epoch");
    state->numbers.epoch_step = 3;
    state->numbers.correct = 1001;
    assert_ok(lw_train_state_save(state, path));
    assert_failed_with(lw_train_state_load(&again, path), LW_ERROR_INPUT, "1001 of 1000 images");
    lw_train_state_destroy(&state);
    assert_failed_with(lw_train_state_load(&again, in_folder("none")), LW_ERROR_NOT_FOUND, "none");
    assert_failed_with(lw_train_state_load(NULL, path), LW_ERROR_ARGUMENT, "NULL");
    assert_failed_with(lw_train_state_save(NULL, path), LW_ERROR_ARGUMENT, "NULL");
}

#define TEST(check) cmocka_unit_test_setup_teardown(check, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_every_damage_is_noticed),
        TEST(test_wrong_contents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
