// SPDX-License-Identifier: Apache-2.0
// Sizes, parameters and multiply-adds behind every layer, and the refusals.
#include "nn/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static lw_network *parse(const char *text)
{
    lw_network *network;
    if (lw_network_parse(&network, text, strlen(text), "t.net")) fail_msg("%s", lw_error_message());
    return network;
}

static lw_network *load(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, LW_SOURCE_DIR "/networks/%s.net", name);
    lw_network *network;
    if (lw_network_load(&network, path)) fail_msg("%s", lw_error_message());
    return network;
}

static void expect_row(const lw_layer_info *info, int32_t channels, int32_t height, int32_t width,
                       int64_t parameters, int64_t macs)
{
    assert_int_equal(info->output.channels, channels);
    assert_int_equal(info->output.height, height);
    assert_int_equal(info->output.width, width);
    assert_int_equal(info->parameters, parameters);
    assert_int_equal(info->macs, macs);
}

static void expect_refusal(const lw_network *network, lw_extent input, const char *sentence)
{
    assert_int_equal(lw_network_infer(network, input, NULL), LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(), sentence);
}

// The output size against its definition: count the window positions one by one.
static void test_window_output_size(void **state)
{
    (void)state;
    for (int32_t size = 1; size <= 12; size++)
        for (int32_t kernel = 1; kernel <= 5; kernel++)
            for (int32_t stride = 1; stride <= 4; stride++)
                for (int32_t pad = 0; pad <= 3; pad++)
                    for (int32_t dilation = 1; dilation <= 3; dilation++) {
                        int32_t count = 0;
                        for (int32_t first = -pad; first + dilation * (kernel - 1) < size + pad;
                             first += stride)
                            count++;
                        assert_int_equal(lw_window_output_size(size, kernel, stride, pad, dilation),
                                         count);
                    }
    assert_int_equal(lw_window_output_size(1024, 5, 2, 1, 1), 511);
    assert_int_equal(lw_window_output_size(768, 5, 2, 1, 1), 383);
    assert_int_equal(lw_window_output_size(1920, 5, 2, 1, 1), 959);
    assert_int_equal(lw_window_output_size(1080, 5, 2, 1, 1), 539);
    // The largest and smallest numbers that a network may hold.
    assert_int_equal(lw_window_output_size(65536 + 1024, 1, 1, 1024, 1), 68608);
    assert_int_equal(lw_window_output_size(1, 1024, 1, 1024, 1024), 0);
}

static void test_fixed_network(void **state)
{
    (void)state;
    lw_network *network = load("fixed");
    lw_layer_info infos[11];
    assert_int_equal(lw_network_layer_count(network), 11);
    assert_int_equal(lw_network_infer(network, (lw_extent){1, 28, 28}, infos), LW_OK);
    assert_int_equal(infos[0].input.height, 28);
    expect_row(&infos[0], 16, 28, 28, 160, 16 * 9 * 784);
    expect_row(&infos[1], 16, 28, 28, 0, 0);
    expect_row(&infos[2], 16, 14, 14, 0, 0);
    expect_row(&infos[3], 32, 14, 14, 4640, 32 * 16 * 9 * 196);
    expect_row(&infos[5], 32, 7, 7, 0, 0);
    expect_row(&infos[6], 64, 7, 7, 18496, 64 * 32 * 9 * 49);
    expect_row(&infos[8], 64, 3, 3, 0, 0); // the seventh row and column fall away
    assert_int_equal(infos[9].input.channels, 64);
    expect_row(&infos[9], 10, 1, 1, 5770, 5760);
    expect_row(&infos[10], 10, 1, 1, 0, 0);
    assert_int_equal(lw_network_smallest_input(network, 1000), 28);
    assert_int_equal(lw_network_smallest_input(network, 28), 28);
    assert_int_equal(lw_network_smallest_input(network, 27), 0);
    expect_refusal(network, (lw_extent){1, 32, 28}, "input: expected images of 28x28, got 32x28");
    expect_refusal(network, (lw_extent){8, 28, 28}, "input: expected 1 channel, got 8");
    lw_network_destroy(&network);
}

static void test_variable_size(void **state)
{
    (void)state;
    lw_network *network = load("varres");
    lw_layer_info infos[12];
    assert_int_equal(lw_network_layer_count(network), 12);
    assert_int_equal(lw_network_infer(network, (lw_extent){1, 8, 63}, infos), LW_OK);
    expect_row(&infos[8], 81, 1, 7, 0, 0);
    expect_row(&infos[9], 81, 1, 1, 0, 0);
    expect_row(&infos[10], 10, 1, 1, 820, 810);
    assert_int_equal(lw_network_smallest_input(network, 1000), 8);
    assert_int_equal(lw_network_smallest_input(network, 7), 0);
    assert_int_equal(lw_network_smallest_input(network, 0), 0);
    assert_int_equal(lw_network_smallest_input(network, -5), 0);
    assert_int_equal(lw_network_smallest_input(network, INT32_MAX), 8);
    for (int32_t side = 1; side <= 20; side++)
        assert_int_equal(lw_network_infer(network, (lw_extent){1, side, side}, NULL) == LW_OK,
                         side >= 8);
    expect_refusal(network, (lw_extent){1, 8, 7},
                   "maxpool3 (line 15): a 2x1 map is too small for a 2x2 window; the network needs "
                   "images of at least 8x8");
    expect_refusal(network, (lw_extent){1, 0, 8},
                   "input: expected a height and width of 1 to 65536, got 0x8");
    expect_refusal(network, (lw_extent){1, 8, -1},
                   "input: expected a height and width of 1 to 65536, got 8x-1");
    expect_refusal(network, (lw_extent){1, 70000, 8},
                   "input: expected a height and width of 1 to 65536, got 70000x8");
    expect_refusal(network, (lw_extent){1, 65536, 65536},
                   "input: expected a map of at most 268435456 values, got 1x65536x65536: "
                   "4294967296 values");
    expect_refusal(network, (lw_extent){1, 16384, 8192},
                   "conv1 (line 5): expected a map of at most 268435456 values, got "
                   "16x16384x8192: 2147483648 values");
    lw_network_destroy(&network);
}

static void test_refusals(void **state)
{
    (void)state;
    lw_network *network = parse("input 3x?x28\nconv 5x3 4 stride 2x1 no_bias\n"
                                "global_maxpool\nlinear 10\nsoftmax_cross_entropy\n");
    expect_refusal(network, (lw_extent){8, 28, 28}, "input: expected 3 channels, got 8");
    expect_refusal(network, (lw_extent){0, 28, 28}, "input: expected 3 channels, got 0");
    expect_refusal(network, (lw_extent){3, 28, 27}, "input: expected images of ?x28, got 28x27");
    expect_refusal(network, (lw_extent){3, 4, 28},
                   "conv1 (line 2): a 4x28 map is too small for a 5x3 window; the network needs "
                   "images of at least 5x3");
    lw_layer_info infos[4];
    assert_int_equal(lw_network_infer(network, (lw_extent){3, 9, 28}, infos), LW_OK);
    expect_row(&infos[0], 4, 3, 26, 4 * 3 * 15, 4 * 3 * 15 * 3 * 26);
    assert_int_equal(lw_network_smallest_input(network, 100), 28); // the width leaves no choice
    assert_int_equal(lw_network_infer(NULL, (lw_extent){3, 9, 28}, infos), LW_ERROR_ARGUMENT);
    lw_network_destroy(&network);

    network = parse("input 1x5x9\nlinear 2\nsoftmax_cross_entropy\n");
    assert_int_equal(lw_network_smallest_input(network, 100), 0); // takes no square image
    lw_network_destroy(&network);
}

// With an input of unknown size everything that does not depend on it is known.
static void test_unknown_sizes(void **state)
{
    (void)state;
    lw_network *network = load("varres_max");
    lw_layer_info infos[12];
    lw_network_refusal refusal;
    assert_true(lw_network_walk(network, lw_network_input(network), infos, &refusal));
    expect_row(&infos[0], 16, LW_SIZE_ANY, LW_SIZE_ANY, 160, 0);
    expect_row(&infos[6], 81, LW_SIZE_ANY, LW_SIZE_ANY, 23409, 0);
    expect_row(&infos[9], 81, 1, 1, 0, 0);
    expect_row(&infos[10], 10, 1, 1, 820, 810);
    lw_network_destroy(&network);
}

// A network may end in a global pool instead of a linear layer; a flatten before linear is free.
static void test_other_ends(void **state)
{
    (void)state;
    lw_network *network = parse("input 1x?x?\nconv 3 7\nglobal_meanpool\nsoftmax_cross_entropy\n");
    assert_int_equal(lw_network_class_count(network), 7);
    lw_network_destroy(&network);
    network = parse("input 2x3x4\nflatten\nflatten\nlinear 5\nlinear 6\nsoftmax_cross_entropy\n");
    lw_layer_info infos[5];
    assert_int_equal(lw_network_infer(network, (lw_extent){2, 3, 4}, infos), LW_OK);
    expect_row(&infos[0], 24, 1, 1, 0, 0);
    expect_row(&infos[2], 5, 1, 1, 125, 120);
    expect_row(&infos[3], 6, 1, 1, 36, 30);
    lw_network_destroy(&network);
}

// What the layers read of their inputs, back to the image.
static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        lw_extent input;
        int32_t height, width;
    } cases[] = {
        {"conv 3 4\nlinear 2\nsoftmax_cross_entropy\n", {1, 9, 7}, 9, 7},
        {"conv 3 4\nrelu\nmaxpool 2\nlinear 2\nsoftmax_cross_entropy\n", {1, 9, 8}, 8, 8},
        {"maxpool 2\ndropout 0.5\nmaxpool 2\nlinear 2\nsoftmax_cross_entropy\n", {1, 11, 7}, 8, 4},
        {"conv 1 4 stride 3\nrelu\nlinear 2\nsoftmax_cross_entropy\n", {1, 9, 8}, 7, 7},
        {"conv 3x1 4 pad 1x0 dilation 2x1\navgpool 2x3 stride 3\nglobal_meanpool\n"
         "softmax_cross_entropy\n",
         {1, 9, 8},
         8,
         6},
        {"conv 1 2 pad 3 stride 9\nlinear 2\nsoftmax_cross_entropy\n", {1, 2, 5}, 1, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "input 1x%dx%d\n%s", cases[i].input.height,
                 cases[i].input.width, cases[i].text);
        lw_network *network = parse(text);
        lw_layer_info infos[8];
        assert_int_equal(lw_network_infer(network, cases[i].input, infos), LW_OK);
        if (infos[0].read_height != cases[i].height || infos[0].read_width != cases[i].width)
            fail_msg("%s: read %dx%d (height x width), expected %dx%d", text, infos[0].read_height,
                     infos[0].read_width, cases[i].height, cases[i].width);
        lw_network_destroy(&network);
    }
    lw_network *lab = load("lab");
    lw_layer_info infos[13];
    assert_int_equal(lw_network_infer(lab, (lw_extent){1, 28, 28}, infos), LW_OK);
    assert_int_equal(infos[6].read_height, 4); // conv3, of 5
    assert_int_equal(infos[3].read_width, 10); // conv2, of 13
    assert_int_equal(infos[0].read_height, 22);
    lw_network_destroy(&lab);
}

// The sum over a whole network of huge layers stays a number that can be added to.
static void test_too_many_macs(void **state)
{
    (void)state;
    // 16*16*1023*1023 weights at each of 4096*4096 places are 4.49e15 a layer: 514 pass 2^61.
    char text[32768], *at = text + sprintf(text, "input 16x4096x4096\n");
    for (int i = 0; i < 600; i++) at += sprintf(at, "conv 1023 16 pad 511\n");
    sprintf(at, "global_maxpool\nsoftmax_cross_entropy\n");
    lw_network *network;
    assert_int_equal(lw_network_parse(&network, text, strlen(text), "t.net"), LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(),
                        "t.net:515:1: conv514: up to here the network takes 2310331224268210176 "
                        "multiply-adds an image, more than can be counted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_output_size),
        cmocka_unit_test(test_fixed_network),
        cmocka_unit_test(test_variable_size),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_sizes),
        cmocka_unit_test(test_other_ends),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_too_many_macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
