// SPDX-License-Identifier: Apache-2.0
// Python's safetensors package reads what we write and the other way round. Skipped where python3
// or the package is missing.
#include "support.h"

#include "run/safetensors.h"

// Runs the peer script; its output goes to folder/output.
static int run_peer(const char *verb, const char *path)
{
    char command[4096];
    snprintf(command, sizeof command,
             "PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1 python3 '%s/tests/run/safetensors_peer.py' %s "
             "'%s' > '%s/output' 2>&1",
             LW_SOURCE_DIR, verb, path, folder);
    return system(command);
}

static void need_python(void)
{
    if (system("python3 -c 'import safetensors.numpy' > /dev/null 2>&1") != 0) skip();
}

static void check_python_reads_ours(void **state)
{
    (void)state;
    need_python();
    const float weight[4] = {1, -2, 0.5f, 0}, bias[1] = {0.25f};
    const lw_safetensors_tensor tensors[] = {
        {.name = "conv1.weight", .rank = 4, .shape = {1, 1, 2, 2}, .count = 4},
        {.name = "conv1.bias", .rank = 1, .shape = {1}, .count = 1},
    };
    const float *const values[] = {weight, bias};
    const lw_safetensors_text metadata[] = {{"class_names", "[\"gr\xC3\xBC\xC3\x9F\"]"},
                                            {"stray", "a\xFFz"}};
    const char *path = in_folder("ours.safetensors");
    assert_ok(lw_safetensors_write(path, tensors, values, 2, metadata, 2));
    int status = run_peer("read", path);
    char *output = read_text(in_folder("output"));
    assert_non_null(output);
    assert_string_equal(output, "metadata class_names [\"gr\xC3\xBC\xC3\x9F\"]\n"
                                "metadata stray a?z\n"
                                "tensor conv1.bias float32 1 0000803e\n"
                                "tensor conv1.weight float32 1x1x2x2 "
                                "0000803f000000c00000003f00000000\n");
    free(output);
    assert_int_equal(status, 0);
}

static void check_we_read_pythons(void **state)
{
    (void)state;
    need_python();
    const char *path = in_folder("python.safetensors");
    assert_int_equal(run_peer("write", path), 0);
    lw_safetensors *file;
    assert_ok(lw_safetensors_read(&file, path));
    assert_int_equal(lw_safetensors_count(file), 2);
    assert_string_equal(lw_safetensors_metadata(file, "greeting"),
                        "gr\xC3\xBC\xC3\x9F dich\n\"du\"");
    const lw_safetensors_tensor *weight = lw_safetensors_find(file, "conv1.weight");
    const lw_safetensors_tensor *scalar = lw_safetensors_find(file, "scalar");
    assert_non_null(weight);
    assert_non_null(scalar);
    assert_int_equal(weight->rank, 2);
    assert_int_equal(weight->shape[0], 2);
    assert_int_equal(weight->shape[1], 3);
    assert_int_equal(scalar->rank, 0);
    static const float expected[6] = {1, 2, 3, 4, 5, 6.5f}, expected_scalar = -0.25f;
    float values[6], value;
    lw_safetensors_copy(file, weight, values);
    lw_safetensors_copy(file, scalar, &value);
    assert_memory_equal(values, expected, sizeof values);
    assert_memory_equal(&value, &expected_scalar, sizeof value);
    lw_safetensors_destroy(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_python_reads_ours),
        cmocka_unit_test(check_we_read_pythons),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
