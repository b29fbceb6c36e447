// SPDX-License-Identifier: Apache-2.0
// Networks that differ from another one in the channels of one layer.
#include <lanewise/lanewise.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static lw_network *parse(const char *text)
{
    lw_network *network;
    if (lw_network_parse(&network, text, strlen(text), "folder/small.net"))
        fail_msg("%s", lw_error_message());
    return network;
}

static void check(const char *text, const char *layer, int32_t channels, const char *expected)
{
    lw_network *network = parse(text), *changed;
    if (lw_network_with_channels(&changed, network, layer, channels))
        fail_msg("%s", lw_error_message());
    assert_string_equal(expected, lw_network_text(changed));
    assert_string_equal("small", lw_network_name(changed));
    assert_string_equal(text, lw_network_text(network));
    lw_network_destroy(&changed);
    lw_network_destroy(&network);
}

static void test_text(void **state)
{
    (void)state;
    check("input 1x8x8\nconv 3 4\nlinear 3\nsoftmax_cross_entropy\n", "conv1", 12,
          "input 1x8x8\nconv 3 12\nlinear 3\nsoftmax_cross_entropy\n");
    // Tabs, comments, options, the last layer, no newline at the end.
    check("# 3 4\ninput 1x8x8\n\n \tconv\t3x3\t 16 pad 1 name body # 16\nrelu\nlinear 3 # 3\n"
          "softmax_cross_entropy",
          "body", 7,
          "# 3 4\ninput 1x8x8\n\n \tconv\t3x3\t 7 pad 1 name body # 16\nrelu\nlinear 3 # 3\n"
          "softmax_cross_entropy");
    check("input 1x8x8\r\nlinear 30\r\nlinear 3\r\nsoftmax_cross_entropy\r\n", "linear1", 5,
          "input 1x8x8\r\nlinear 5\r\nlinear 3\r\nsoftmax_cross_entropy\r\n");
}

static void test_parameters(void **state)
{
    (void)state;
    lw_network *network =
        parse("input 1x8x8\nconv 3 4\nconv 3 5\nlinear 3\nsoftmax_cross_entropy\n");
    lw_network *changed;
    assert_int_equal(LW_OK, lw_network_with_channels(&changed, network, "conv2", 9));
    // 3x3 kernels, no padding: 8, 6, 4.
    assert_int_equal((9 + 1) * 4 + (36 + 1) * 9 + (9 * 16 + 1) * 3,
                     lw_network_parameter_count(changed));
    lw_network_destroy(&changed);
    lw_network_destroy(&network);
}

static void expect_refusal(lw_status status, const char *layer, int32_t channels, const char *part)
{
    lw_network *network = parse("input 1x8x8\nconv 3 4\nrelu\nlinear 3\nsoftmax_cross_entropy\n");
    lw_network *changed = network;
    assert_int_equal(status, lw_network_with_channels(&changed, network, layer, channels));
    assert_null(changed);
    if (!strstr(lw_error_message(), part)) fail_msg("%s", lw_error_message());
    lw_network_destroy(&network);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(LW_ERROR_ARGUMENT, "cnov1", 3, "did you mean 'conv1'?");
    expect_refusal(LW_ERROR_ARGUMENT, "relu1", 3, "a relu, which has no channels");
    expect_refusal(LW_ERROR_INPUT, "conv1", 0, "channels");
    expect_refusal(LW_ERROR_INPUT, "conv1", 100000, "channels");
    expect_refusal(LW_ERROR_INPUT, "conv1", -1, "channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
