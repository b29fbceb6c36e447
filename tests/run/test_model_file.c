// SPDX-License-Identifier: Apache-2.0
// Models in files: what was saved is loaded again bit for bit, and a file that does not fit says
// why.
#include "support.h"

#include "run/model_file.h"
#include "run/safetensors.h"

#include <lanewise/version.h>

static const char fixed_text[] = "# by hand\r\ninput 2x6x6\nconv 3x2 3 pad 1x0 no_bias\nrelu\n"
                                 "maxpool 2\nlinear 4 name head\nsoftmax_cross_entropy";
static const char any_text[] =
    "input 1x?x?\nconv 3x3 2\nrelu\nglobal_meanpool\nlinear 3\nsoftmax_cross_entropy\n";

static lw_model *make_model(const char *text, const char *source_name, uint64_t seed)
{
    lw_network *network;
    lw_model *model;
    assert_ok(lw_network_parse(&network, text, strlen(text), source_name));
    assert_ok(lw_model_create(&model, network, seed));
    lw_network_destroy(&network);
    return model;
}

// All values of all tensors, one after the other.
static size_t copy_values(const lw_model *model, float *values)
{
    size_t count = 0;
    for (size_t i = 0; i < lw_model_parameter_count(model); i++) {
        lw_parameter_info info;
        assert_ok(lw_model_parameter_info(model, i, &info));
        assert_ok(lw_model_get_parameter(model, i, values + count));
        count += info.count;
    }
    assert_true(count <= 256);
    return count;
}

static bool same_weights(const lw_model *a, const lw_model *b)
{
    float values_a[256], values_b[256];
    size_t count = copy_values(a, values_a);
    return copy_values(b, values_b) == count &&
           memcmp(values_a, values_b, count * sizeof(float)) == 0;
}

static void check_helper_fails(void **state)
{
    (void)state;
    lw_model *a = make_model(fixed_text, "tiny.net", 1), *b = make_model(fixed_text, "tiny.net", 1);
    assert_true(same_weights(a, b));
    float value[4] = {0};
    assert_ok(lw_model_get_parameter(b, 2, value)); // head.bias
    value[3] += 0.5f;
    assert_ok(lw_model_set_parameter(b, 2, value));
    assert_false(same_weights(a, b));
    lw_model_destroy(&a);
    lw_model_destroy(&b);
}

static void check_round_trip(void **state)
{
    (void)state;
    lw_model *model = make_model(fixed_text, "some/where/tiny.net", 3), *loaded;
    lw_normalization normalization = lw_model_normalization(model);
    normalization.mean[0] = 0.1307f;
    normalization.stddev[0] = 0.3081f;
    normalization.mean[1] = 1.0f / 3;
    normalization.stddev[1] = 1e-6f;
    assert_ok(lw_model_set_normalization(model, normalization));
    static const char *const names[] = {"a \"b\"", "gr\xC3\xBC\xC3\x9F", "c,d", ""};
    assert_ok(lw_model_set_class_names(model, names, 4));
    const char *path = in_folder("m.safetensors");
    const char *again = in_folder("again.safetensors");
    assert_ok(lw_model_save(model, path));

    assert_ok(lw_model_load(&loaded, path));
    assert_true(same_weights(model, loaded));
    assert_string_equal(lw_network_name(lw_model_network(loaded)), "tiny");
    assert_string_equal(lw_network_text(lw_model_network(loaded)), fixed_text);
    for (int32_t i = 0; i < 4; i++) assert_string_equal(lw_model_class_name(loaded, i), names[i]);
    const lw_normalization copy = lw_model_normalization(loaded);
    assert_memory_equal(&copy, &normalization, sizeof copy);
    assert_ok(lw_model_save(loaded, again));
    char *bytes = read_text(path), *bytes_again = read_text(again);
    assert_memory_equal(bytes, bytes_again, 1 << 16);
    free(bytes);
    free(bytes_again);
    lw_model_destroy(&model);
    lw_model_destroy(&loaded);
}

static void expect_metadata(const lw_safetensors *file, const char *key, const char *expected)
{
    const char *text = lw_safetensors_metadata(file, key);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

// What other programs find in the file.
static void check_contents(void **state)
{
    (void)state;
    lw_model *model = make_model(any_text, "wide.net", 3);
    lw_normalization normalization = lw_model_normalization(model);
    normalization.mean[0] = 0.1307f;
    assert_ok(lw_model_set_normalization(model, normalization));
    const char *path = in_folder("m.safetensors");
    assert_ok(lw_model_save(model, path));
    lw_model_destroy(&model);

    lw_safetensors *file;
    assert_ok(lw_safetensors_read(&file, path));
    static const char *const names[] = {"conv1.weight", "conv1.bias", "linear1.weight",
                                        "linear1.bias"};
    assert_int_equal(lw_safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) assert_string_equal(lw_safetensors_at(file, i)->name, names[i]);
    expect_metadata(file, "format_version", "1");
    expect_metadata(file, "lanewise_version", lw_version());
    expect_metadata(file, "network_name", "wide");
    expect_metadata(file, "network", any_text);
    expect_metadata(file, "input", "1x?x?");
    expect_metadata(file, "class_names", "[\"0\",\"1\",\"2\"]");
    expect_metadata(file, "mean", "[0.1307]");
    expect_metadata(file, "stddev", "[1]");
    assert_null(lw_safetensors_metadata(file, "resize")); // only where there is a recipe
    lw_safetensors_destroy(&file);
}

static void check_resize_is_kept(void **state)
{
    (void)state;
    lw_model *model = make_model(any_text, "wide.net", 3);
    const lw_resize resize = {.height = 16,
                              .width = 20,
                              .mode = LW_RESIZE_FIT,
                              .fill = 9,
                              .box_height = 15,
                              .box_width = 18,
                              .box_top = -3,
                              .box_left = 4};
    const char *path = in_folder("m.safetensors");
    assert_ok(lw_model_set_resize(model, resize));
    assert_ok(lw_model_save(model, path));
    lw_model_destroy(&model);
    assert_ok(lw_model_load(&model, path));
    const lw_resize got = lw_model_resize(model);
    assert_int_equal(got.height, 16);
    assert_int_equal(got.width, 20);
    assert_int_equal(got.mode, LW_RESIZE_FIT);
    assert_int_equal(got.filter, LW_RESIZE_BILINEAR);
    assert_int_equal(got.fill, 9);
    assert_int_equal(got.box_height, 15);
    assert_int_equal(got.box_width, 18);
    assert_int_equal(got.box_top, -3);
    assert_int_equal(got.box_left, 4);
    lw_model_destroy(&model);
}

// The parts of a good file, for the tests to break one of them.
enum { n_tensors = 4, n_metadata = 8 };
typedef struct parts {
    lw_safetensors_tensor tensors[n_tensors + 1];
    const float *values[n_tensors + 1];
    size_t n_tensors;
    lw_safetensors_text metadata[n_metadata];
} parts;

static const float zeros[32];

static parts good_parts(void)
{
    parts made = {
        .tensors = {{.name = "conv1.weight", .rank = 4, .shape = {2, 1, 3, 3}, .count = 18},
                    {.name = "conv1.bias", .rank = 1, .shape = {2}, .count = 2},
                    {.name = "linear1.weight", .rank = 2, .shape = {3, 2}, .count = 6},
                    {.name = "linear1.bias", .rank = 1, .shape = {3}, .count = 3},
                    {.name = "linear9.bias", .rank = 1, .shape = {3}, .count = 3}},
        .values = {zeros, zeros, zeros, zeros, zeros},
        .n_tensors = n_tensors,
        .metadata = {{"format_version", "1"},
                     {"network_name", "wide"},
                     {"network", any_text},
                     {"class_names", "[\"x\",\"y\",\"z\"]"},
                     {"mean", "[0.5]"},
                     {"stddev", "[2]"},
                     {"input", "1x?x?"},
                     {"resize", "20x16:area:fit:fill=9"}},
    };
    return made;
}

static lw_status load_parts(const parts *made)
{
    const char *path = in_folder("m.safetensors");
    assert_ok(lw_safetensors_write(path, made->tensors, made->values, made->n_tensors,
                                   made->metadata, n_metadata));
    lw_model *model;
    lw_status status = lw_model_load(&model, path);
    assert_true((status == LW_OK) == (model != NULL));
    lw_model_destroy(&model);
    return status;
}

static void check_bad_metadata(void **state)
{
    (void)state;
    parts made = good_parts();
    assert_ok(load_parts(&made));
    static const struct {
        const char *key, *value; // NULL: the entry is not there
        lw_status status;
        const char *parts;
    } cases[] = {
        {"format_version", NULL, LW_ERROR_INPUT, "m.safetensors: |'format_version'"},
        {"format_version", "one", LW_ERROR_INPUT, "'format_version'|got 'one'"},
        {"format_version", "0", LW_ERROR_INPUT, "'format_version'|got '0'"},
        {"format_version", "2", LW_ERROR_UNSUPPORTED, "format_version is 2|reads up to 1|newer"},
        {"network_name", NULL, LW_ERROR_INPUT, "'network_name'"},
        {"network_name", "", LW_ERROR_INPUT, "'network_name'"},
        {"network_name", "a/b", LW_ERROR_INPUT, "'network_name'|a/b"},
        {"network", NULL, LW_ERROR_INPUT, "'network'"},
        {"network", "input 1x?x?\nlinaer 3", LW_ERROR_INPUT, "m.safetensors/wide.net:2:1: |linaer"},
        {"network", "input 1x9x9\nlinear 65536\nrelu\nlinear 3\nsoftmax_cross_entropy",
         LW_ERROR_INPUT, "has 5570563 parameters|only 29 values"},
        // Few values, which kernels of 16 channels would pad to many.
        {"network", "input 1x64x64\nconv 64 200\nsoftmax_cross_entropy", LW_ERROR_INPUT,
         "has 819400 parameters|only 29 values"},
        {"class_names", NULL, LW_ERROR_INPUT, "'class_names'"},
        {"class_names", "x, y, z", LW_ERROR_INPUT, "'class_names'|array of 3 strings"},
        {"class_names", "[\"x\",\"y\"]", LW_ERROR_INPUT, "array of 3 strings, got '[\"x\",\"y\"]'"},
        {"class_names", "[\"x\",\"y\",3]", LW_ERROR_INPUT, "array of 3 strings"},
        {"class_names", "{\"x\":\"a\",\"y\":\"b\",\"z\":\"c\"}", LW_ERROR_INPUT,
         "array of 3 strings"},
        {"mean", NULL, LW_ERROR_INPUT, "'mean'"},
        {"mean", "0.5", LW_ERROR_INPUT, "'mean'|array of 1 numbers, got '0.5'"},
        {"mean", "[0.5,0.5]", LW_ERROR_INPUT, "array of 1 numbers"},
        {"mean", "[]", LW_ERROR_INPUT, "array of 1 numbers"},
        {"mean", "[\"0\"]", LW_ERROR_INPUT, "array of 1 numbers"},
        {"mean", "[1e39]", LW_ERROR_INPUT, "array of 1 numbers"},
        {"mean", "[1e999]", LW_ERROR_INPUT, "array of 1 numbers"},
        {"stddev", NULL, LW_ERROR_INPUT, "'stddev'"},
        {"stddev", "[0]", LW_ERROR_INPUT, "'stddev'|above 0, got 0"},
        {"stddev", "[-1]", LW_ERROR_INPUT, "'stddev'|above 0, got -1"},
        {"stddev", "[1e-60]", LW_ERROR_INPUT, "'stddev'|above 0, got 0"},
        {"resize", "20", LW_ERROR_INPUT, "'resize'|WIDTHxHEIGHT"},
        {"resize", "", LW_ERROR_INPUT, "'resize'|WIDTHxHEIGHT"},
        {"resize", "20x20:cuver", LW_ERROR_INPUT, "'resize'|cuver"},
        {"resize", "2x2", LW_ERROR_INPUT, "'resize'|images of 2x2"},
        {"resize", "20x20:box=20x20+20+0", LW_ERROR_INPUT, "'resize'|nothing of the box"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        made = good_parts();
        for (size_t k = 0; k < n_metadata; k++) {
            if (strcmp(made.metadata[k].key, cases[i].key) != 0) continue;
            if (cases[i].value)
                made.metadata[k].value = cases[i].value;
            else
                made.metadata[k].key = "renamed";
        }
        lw_status status = load_parts(&made);
        if (!failed_with(status, cases[i].status, cases[i].parts))
            fail_msg("%s = %s: got '%s' with [%s]", cases[i].key,
                     cases[i].value ? cases[i].value : "(none)", lw_status_name(status),
                     lw_error_message());
    }
}

// Names are shown on terminals, which obey control characters.
static void check_names_with_control_characters(void **state)
{
    (void)state;
    parts made = good_parts();
    for (size_t k = 0; k < n_metadata; k++)
        if (strcmp(made.metadata[k].key, "class_names") == 0)
            made.metadata[k].value = "[\"x\\u001b[2J\",\"y\\n\",\"z\\u009b\"]";
    assert_ok(load_parts(&made));
    lw_model *model;
    assert_ok(lw_model_load(&model, in_folder("m.safetensors")));
    assert_string_equal(lw_model_class_name(model, 0), "x?[2J");
    assert_string_equal(lw_model_class_name(model, 1), "y ");
    assert_string_equal(lw_model_class_name(model, 2), "z??");
    lw_model_destroy(&model);
}

static void check_bad_tensors(void **state)
{
    (void)state;
    parts made = good_parts();
    made.n_tensors--;
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT, "needs a tensor 'linear1.bias'");
    made = good_parts();
    made.n_tensors++;
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT, "no parameter|'linear9.bias'");
    made = good_parts();
    made.tensors[1].name = "conv1.Bias";
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT, "needs a tensor 'conv1.bias'");
    made = good_parts();
    made.tensors[2].shape[0] = 2;
    made.tensors[2].shape[1] = 3;
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT,
                       "'linear1.weight': expected the shape 3x2, got 2x3");
    made = good_parts();
    made.tensors[0].rank = 2;
    made.tensors[0].shape[1] = 9;
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT, "expected the shape 2x1x3x3, got 2x9");
    made = good_parts();
    made.tensors[3].rank = 0;
    made.tensors[3].count = 1;
    assert_failed_with(load_parts(&made), LW_ERROR_INPUT,
                       "expected the shape 3, got a single value");
}

// Weights of another program: no metadata, any order.
static void check_read_weights(void **state)
{
    (void)state;
    lw_model *source = make_model(any_text, "wide.net", 1);
    lw_model *model = make_model(any_text, "w.net", 2);
    float values[4][32];
    parts made = good_parts();
    for (size_t i = 0; i < n_tensors; i++) {
        assert_ok(lw_model_get_parameter(source, i, values[i]));
        made.values[i] = values[i];
    }
    const lw_safetensors_tensor first = made.tensors[0];
    made.tensors[0] = made.tensors[3];
    made.tensors[3] = first;
    made.values[0] = values[3];
    made.values[3] = values[0];
    const char *path = in_folder("w.safetensors");
    assert_ok(lw_safetensors_write(path, made.tensors, made.values, 4, NULL, 0));
    assert_false(same_weights(source, model));
    assert_ok(lw_model_file_read_weights(model, path));
    assert_true(same_weights(source, model));

    // The last tensor is wrong: not even the first one is taken.
    lw_model *untouched = make_model(any_text, "w.net", 2);
    lw_model_destroy(&model);
    model = make_model(any_text, "w.net", 2);
    made.tensors[0].name = "linear2.bias";
    assert_ok(lw_safetensors_write(path, made.tensors, made.values, 4, NULL, 0));
    assert_failed_with(lw_model_file_read_weights(model, path), LW_ERROR_INPUT, "'linear1.bias'");
    assert_true(same_weights(untouched, model));
    assert_failed_with(lw_model_file_read_weights(model, in_folder("none.safetensors")),
                       LW_ERROR_NOT_FOUND, "none.safetensors");
    lw_model_destroy(&untouched);
    lw_model_destroy(&model);
    lw_model_destroy(&source);
}

static void check_bad_calls(void **state)
{
    (void)state;
    lw_model *model = make_model(any_text, "wide.net", 1), *loaded = model;
    assert_failed_with(lw_model_save(NULL, "x"), LW_ERROR_ARGUMENT, "model is NULL");
    assert_failed_with(lw_model_save(model, NULL), LW_ERROR_ARGUMENT, "path is NULL");
    assert_failed_with(lw_model_save(model, in_folder("no/m.safetensors")), LW_ERROR_NOT_FOUND,
                       "no/m.safetensors");
    assert_failed_with(lw_model_load(NULL, "x"), LW_ERROR_ARGUMENT, "model is NULL");
    assert_failed_with(lw_model_load(&loaded, NULL), LW_ERROR_ARGUMENT, "path is NULL");
    assert_null(loaded);
    loaded = model;
    assert_failed_with(lw_model_load(&loaded, in_folder("none.safetensors")), LW_ERROR_NOT_FOUND,
                       "none.safetensors");
    assert_null(loaded);
    assert_failed_with(lw_model_load(&loaded, folder), LW_ERROR_INPUT, "got a folder");
    lw_model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_helper_fails),
        cmocka_unit_test(check_round_trip),
        cmocka_unit_test(check_resize_is_kept),
        cmocka_unit_test(check_contents),
        cmocka_unit_test(check_bad_metadata),
        cmocka_unit_test(check_bad_tensors),
        cmocka_unit_test(check_read_weights),
        cmocka_unit_test(check_names_with_control_characters),
        cmocka_unit_test(check_bad_calls),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
