// SPDX-License-Identifier: Apache-2.0
// The network text: what it means, and the exact sentence for everything that is wrong in it.
#include "nn/network.h"

#include "base/file.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TAIL "\nlinear 10\nsoftmax_cross_entropy\n"
#define KNOWN_LAYERS                                                                               \
    "known are input, conv, relu, maxpool, avgpool, global_maxpool, global_meanpool, flatten, "    \
    "linear, dropout, softmax_cross_entropy"

static lw_network *parse(const char *text)
{
    lw_network *network;
    lw_status status = lw_network_parse(&network, text, strlen(text), "t.net");
    if (status) fail_msg("%s", lw_error_message());
    return network;
}

static void expect_message_of(const char *text, size_t bytes, const char *sentence)
{
    lw_network *network = (lw_network *)&network; // must become NULL
    assert_int_equal(lw_network_parse(&network, text, bytes, "t.net"), LW_ERROR_INPUT);
    assert_null(network);
    assert_string_equal(lw_error_message(), sentence);
}

static void expect_message(const char *text, const char *sentence)
{
    expect_message_of(text, strlen(text), sentence);
}

// ---- what is right

static void test_every_statement(void **state)
{
    (void)state;
    lw_network *network = parse("# comment\n"
                                "input 3x40x?   # any width\n"
                                "conv 3x5 16 stride 2x1 pad 1x2 dilation 1x2 no_bias name first\n"
                                "conv 3 8\n"
                                "relu\n"
                                "maxpool 3x2 stride 2 pad 1\n"
                                "avgpool 2\n"
                                "dropout 0.25\n"
                                "global_meanpool\n"
                                "flatten\n"
                                "linear 7 no_bias\n"
                                "softmax_cross_entropy name loss\n");
    lw_extent input = lw_network_input(network);
    assert_int_equal(input.channels, 3);
    assert_int_equal(input.height, 40);
    assert_int_equal(input.width, 0);
    assert_int_equal(lw_network_layer_count(network), 10);
    assert_null(lw_network_layer(network, 10));
    static const lw_layer expected[] = {
        {LW_LAYER_CONV, "first", 16, 3, 5, 2, 1, 1, 2, 1, 2, false, 0, 3, 1},
        {LW_LAYER_CONV, "conv2", 8, 3, 3, 1, 1, 0, 0, 1, 1, true, 0, 4, 1},
        {LW_LAYER_RELU, "relu1", 0, 0, 0, 0, 0, 0, 0, 1, 1, false, 0, 5, 1},
        {LW_LAYER_MAXPOOL, "maxpool1", 0, 3, 2, 2, 2, 1, 1, 1, 1, false, 0, 6, 1},
        {LW_LAYER_AVGPOOL, "avgpool1", 0, 2, 2, 2, 2, 0, 0, 1, 1, false, 0, 7, 1},
        {LW_LAYER_DROPOUT, "dropout1", 0, 0, 0, 0, 0, 0, 0, 1, 1, false, 0.25F, 8, 1},
        {LW_LAYER_GLOBAL_MEANPOOL, "global_meanpool1", 0, 0, 0, 0, 0, 0, 0, 1, 1, false, 0, 9, 1},
        {LW_LAYER_FLATTEN, "flatten1", 0, 0, 0, 0, 0, 0, 0, 1, 1, false, 0, 10, 1},
        {LW_LAYER_LINEAR, "linear1", 7, 0, 0, 0, 0, 0, 0, 1, 1, false, 0, 11, 1},
        {LW_LAYER_SOFTMAX_CROSS_ENTROPY, "loss", 0, 0, 0, 0, 0, 0, 0, 1, 1, false, 0, 12, 1},
    };
    for (size_t i = 0; i < 10; i++) {
        const lw_layer *got = lw_network_layer(network, i), *want = &expected[i];
        assert_string_equal(got->name, want->name);
        assert_int_equal(got->kind, want->kind);
        assert_int_equal(got->channels, want->channels);
        assert_int_equal(got->kernel_h, want->kernel_h);
        assert_int_equal(got->kernel_w, want->kernel_w);
        assert_int_equal(got->stride_h, want->stride_h);
        assert_int_equal(got->stride_w, want->stride_w);
        assert_int_equal(got->pad_h, want->pad_h);
        assert_int_equal(got->pad_w, want->pad_w);
        assert_int_equal(got->dilation_h, want->dilation_h);
        assert_int_equal(got->dilation_w, want->dilation_w);
        assert_int_equal(got->bias, want->bias);
        assert_true(got->probability == want->probability);
        assert_int_equal(got->line, want->line);
        assert_int_equal(got->column, want->column);
    }
    assert_int_equal(lw_network_parameter_count(network), 16 * 3 * 15 + 8 * 16 * 9 + 8 + 7 * 8);
    assert_int_equal(lw_network_class_count(network), 7);
    lw_network_destroy(&network);
    assert_null(network);
    lw_network_destroy(&network);
    lw_network_destroy(NULL);
}

// Spaces, tabs, Windows line ends, a byte order mark and a missing final newline change nothing.
static void test_layout_does_not_matter(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "input 1x8x8\nconv 3 4\nrelu\nlinear 10\nsoftmax_cross_entropy",
        "input 1x8x8\r\nconv 3 4\r\nrelu\r\nlinear 10\r\nsoftmax_cross_entropy\r\n",
        "\tinput\t1x8x8 \n\n  conv\t3\t4#c\nrelu# c\n\n#\nlinear 10\nsoftmax_cross_entropy \t",
        "\xEF\xBB\xBFinput 1x8x8\nconv 3 4\nrelu\nlinear 10\nsoftmax_cross_entropy # \xC3\xA9\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        lw_network *network = parse(texts[i]);
        assert_int_equal(lw_network_layer_count(network), 4);
        assert_int_equal(lw_network_parameter_count(network), 40 + 4 * 36 * 10 + 10);
        assert_string_equal(lw_network_text(network), texts[i]);
        lw_network_destroy(&network);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char text[] = "input 1x1x1" TAIL;
    static const struct {
        const char *source, *name;
    } cases[] = {
        {"networks/fixed.net", "fixed"},
        {"fixed.net", "fixed"},
        {"/a.b/c", "c"},
        {".net", ".net"},
        {"", "network"},
        {NULL, "network"},
        {"folder/", "network"},
        // 62 letters and half of a two-byte letter: the cut takes the whole letter away.
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA9.net",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lw_network *network;
        assert_int_equal(lw_network_parse(&network, text, strlen(text), cases[i].source), LW_OK);
        assert_string_equal(lw_network_name(network), cases[i].name);
        lw_network_destroy(&network);
    }
}

static void test_copy(void **state)
{
    (void)state;
    lw_network *network = parse("input 2x4x4\nconv 3 5" TAIL), *copy;
    assert_int_equal(lw_network_copy(&copy, network), LW_OK);
    lw_network_destroy(&network);
    assert_string_equal(lw_network_text(copy), "input 2x4x4\nconv 3 5" TAIL);
    assert_string_equal(lw_network_name(copy), "t");
    assert_string_equal(lw_network_layer(copy, 0)->name, "conv1");
    assert_int_equal(lw_network_parameter_count(copy), 95 + 210);
    lw_network_destroy(&copy);
}

static void test_shipped_networks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
        int32_t channels, height;
    } shipped[] = {
        {"fixed", 29066, 1, 28},   {"varres", 29029, 1, 0},    {"varres_max", 29029, 1, 0},
        {"lab", 149798, 1, 28},    {"lab_small", 9594, 1, 28}, {"vgg", 550570, 3, 32},
        {"allconv", 148330, 3, 0},
    };
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        char path[1024];
        snprintf(path, sizeof path, LW_SOURCE_DIR "/networks/%s.net", shipped[i].name);
        lw_network *network;
        if (lw_network_load(&network, path)) fail_msg("%s", lw_error_message());
        assert_string_equal(lw_network_name(network), shipped[i].name);
        assert_int_equal(lw_network_parameter_count(network), shipped[i].parameters);
        assert_int_equal(lw_network_class_count(network), 10);
        assert_int_equal(lw_network_input(network).channels, shipped[i].channels);
        assert_int_equal(lw_network_input(network).height, shipped[i].height);
        lw_network_destroy(&network);
    }
}

// ---- what is wrong

static void test_wrong_words(void **state)
{
    (void)state;
    expect_message("input 1x8x8\ncovn 3 4" TAIL,
                   "t.net:2:1: unknown layer 'covn'; did you mean 'conv'?");
    expect_message("imput 1x8x8\n", "t.net:1:1: unknown layer 'imput'; did you mean 'input'?");
    expect_message("input 1x8x8\n  wobble 3" TAIL,
                   "t.net:2:3: unknown layer 'wobble'; " KNOWN_LAYERS);
    expect_message("input 1x8x8\nCONV 3 4" TAIL, "t.net:2:1: unknown layer 'CONV'; " KNOWN_LAYERS);
    expect_message("input 1x8x8\nconv 3 4 strid 2" TAIL,
                   "t.net:2:10: conv has no option 'strid'; did you mean 'stride'?");
    expect_message("input 1x8x8\nmaxpool 2 dilation 2" TAIL,
                   "t.net:2:11: maxpool has no option 'dilation'; it takes stride, pad, name");
    expect_message("input 1x8x8\nrelu 3" TAIL, "t.net:2:6: relu has no option '3'; it takes name");
    expect_message("input 1x8x8\nconv 3 4 pad 1 pad 1" TAIL,
                   "t.net:2:16: expected the option 'pad' once, got it a second time");
    // Words that would spoil a terminal or a line are shown tamely.
    expect_message("input 1x8x8\nre\x1b[2Jlu\n",
                   "t.net:2:1: unknown layer 're?[2Jlu'; known are input, conv, relu, maxpool, "
                   "avgpool, global_maxpool, global_meanpool, flatten, linear, dropout, "
                   "softmax_cross_entropy");
    expect_message(
        "input aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA9ooooooooooooooooooo",
        "t.net:1:7: expected channels x height x width like 1x28x28 or 3x?x? (any size), "
        "each 1 to 65536, got 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'");
}

static void test_wrong_input(void **state)
{
    (void)state;
    static const struct {
        const char *size, *shown;
    } sizes[] = {
        {"", "the end of the line"},
        {"1x28", "'1x28'"},
        {"28", "'28'"},
        {"0x28x28", "'0x28x28'"},
        {"1x0x28", "'1x0x28'"},
        {"1x-3x28", "'1x-3x28'"},
        {"?x28x28", "'?x28x28'"},
        {"1x28x", "'1x28x'"},
        {"1x28x28x1", "'1x28x28x1'"},
        {"xx", "'xx'"},
        {"1X28X28", "'1X28X28'"},
        {"1x28.5x28", "'1x28.5x28'"},
        {"70000x1x1", "'70000x1x1'"},
        {"1x18446744073709551617x1", "'1x18446744073709551617x1'"},
        {"1x+5x5", "'1x+5x5'"},
        {"1x??x5", "'1x??x5'"},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[200], sentence[400];
        snprintf(text, sizeof text, "input %s" TAIL, sizes[i].size);
        snprintf(sentence, sizeof sentence,
                 "t.net:1:7: expected channels x height x width like 1x28x28 or 3x?x? (any size), "
                 "each 1 to 65536, got %s",
                 sizes[i].shown);
        expect_message(text, sentence);
    }
    expect_message("input 1x8x8 9" TAIL,
                   "t.net:1:13: expected nothing more behind the input size, got '9'");
    expect_message("input 1x8x8\ninput 1x8x8" TAIL,
                   "t.net:2:1: expected one input, got another; the first is line 1");
    expect_message("conv 3 4\ninput 1x8x8" TAIL,
                   "t.net:1:1: expected 'input CxHxW' before the first layer, got 'conv'");
    expect_message("", "t.net:1:1: expected 'input CxHxW', got the end of the text");
    expect_message("# nothing\n", "t.net:2:1: expected 'input CxHxW', got the end of the text");
    // An image that no memory should be asked for.
    expect_message(" input 3x60000x60000" TAIL,
                   "t.net:1:2: input: expected a map of at most 268435456 values, got "
                   "3x60000x60000: 10800000000 values");
}

static void test_wrong_numbers(void **state)
{
    (void)state;
    static const char *const kernels[] = {"0",     "-1",   "0x3", "3x0", "3x",   "x3",
                                          "3x3x3", "1025", "3,3", "1e1", "0x1F", "4294967299"};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        char text[200], sentence[300];
        snprintf(text, sizeof text, "input 1x8x8\nconv %s 4" TAIL, kernels[i]);
        snprintf(sentence, sizeof sentence,
                 "t.net:2:6: expected the kernel as one number or HxW, each 1 to 1024, got '%s'",
                 kernels[i]);
        expect_message(text, sentence);
    }
    expect_message(
        "input 1x8x8\nconv" TAIL,
        "t.net:2:5: expected the kernel as one number or HxW, each 1 to 1024, got the end "
        "of the line");
    expect_message("input 1x8x8\nconv 3x3" TAIL,
                   "t.net:2:9: expected the number of output channels, 1 to 65536, got the end of "
                   "the line");
    expect_message("input 1x8x8\nconv 3x3 0" TAIL,
                   "t.net:2:10: expected the number of output channels, 1 to 65536, got '0'");
    expect_message("input 1x8x8\nconv 3x3 99999999999999999999" TAIL,
                   "t.net:2:10: expected the number of output channels, 1 to 65536, got "
                   "'99999999999999999999'");
    expect_message("input 1x8x8\nconv 3x3 pad 1" TAIL,
                   "t.net:2:10: expected the number of output channels, 1 to 65536, got 'pad'");
    expect_message("input 1x8x8\nconv 3 4 stride 0" TAIL,
                   "t.net:2:17: expected the stride as one number or HxW, each 1 to 1024, got '0'");
    expect_message("input 1x8x8\nconv 3 4 dilation 0x1" TAIL,
                   "t.net:2:19: expected the dilation as one number or HxW, each 1 to 1024, got "
                   "'0x1'");
    expect_message(
        "input 1x8x8\nconv 3 4 pad -1" TAIL,
        "t.net:2:14: expected the padding as one number or HxW, each 0 to 1024, got '-1'");
    expect_message("input 1x8x8\nmaxpool 3 pad 2" TAIL,
                   "t.net:2:15: expected a padding of at most half the 3x3 window, got '2'");
    expect_message("input 1x8x8\navgpool 4x2 pad 2" TAIL,
                   "t.net:2:17: expected a padding of at most half the 4x2 window, got '2'");
    expect_message("input 1x8x8\nlinear -10\nsoftmax_cross_entropy",
                   "t.net:2:8: expected the number of output features, 1 to 65536, got '-10'");
    static const char *const shares[] = {"1",    "-0.1", "nan", "inf",          "1.5",
                                         "half", "0.5x", "1e9", "0.99999999999"};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        char text[200], sentence[300];
        snprintf(text, sizeof text, "input 1x8x8\ndropout %s" TAIL, shares[i]);
        snprintf(
            sentence, sizeof sentence,
            "t.net:2:9: expected the probability of dropping a value, 0 to less than 1, got '%s'",
            shares[i]);
        expect_message(text, sentence);
    }
    expect_message("input 1x8x8\ndropout 0.00000000000000000000000000000000000000000000000001" TAIL,
                   "t.net:2:9: expected the probability of dropping a value, 0 to less than 1, got "
                   "'0.00000000000000000000000000000000000...'");
}

static void test_wrong_names(void **state)
{
    (void)state;
    static const char *const names[] = {"1st",      "a-b", "a.b",
                                        "\xC3\xA9", "_x",  "abcdefghijabcdefghijabcdefghijab"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[200], sentence[300];
        snprintf(text, sizeof text, "input 1x8x8\nrelu name %s" TAIL, names[i]);
        snprintf(
            sentence, sizeof sentence,
            "t.net:2:11: expected a name of at most 31 letters, digits and '_' that starts with "
            "a letter, got '%s'",
            names[i]);
        expect_message(text, sentence);
    }
    expect_message("input 1x8x8\nrelu name" TAIL,
                   "t.net:2:10: expected a name of at most 31 letters, digits and '_' that starts "
                   "with a letter, got the end of the line");
    expect_message("input 1x8x8\nrelu name a\nconv 3 4 name a" TAIL,
                   "t.net:3:1: the name 'a' is taken by the layer in line 2; rename one of them");
    expect_message(
        "input 1x8x8\nconv 3 4 name conv2\nconv 3 4" TAIL,
        "t.net:3:1: the name 'conv2' is taken by the layer in line 2; rename one of them");
}

static void test_wrong_structure(void **state)
{
    (void)state;
    expect_message("input 1x8x8\nlinear 10\nsoftmax_cross_entropy\nrelu\n",
                   "t.net:4:1: expected nothing behind the loss in line 3, got 'relu'");
    expect_message("input 1x8x8\nlinear 10\nsoftmax_cross_entropy\nsoftmax_cross_entropy\n",
                   "t.net:4:1: expected nothing behind the loss in line 3, got "
                   "'softmax_cross_entropy'");
    expect_message(
        "input 1x8x8\nlinear 10\n",
        "t.net:3:1: expected the loss 'softmax_cross_entropy' as the last statement, got "
        "the end of the text");
    expect_message(
        "input 1x8x8\nlinear 10",
        "t.net:2:10: expected the loss 'softmax_cross_entropy' as the last statement, got "
        "the end of the text");
    expect_message(
        "input 1x8x8\n",
        "t.net:2:1: expected the loss 'softmax_cross_entropy' as the last statement, got "
        "the end of the text");
    expect_message(
        "input 5x1x1\nsoftmax_cross_entropy\n",
        "t.net:3:1: expected at least one conv or linear layer: this network has nothing "
        "to learn");
    expect_message(
        "input 1x8x8\nconv 3 4\nsoftmax_cross_entropy\n",
        "t.net:3:1: softmax_cross_entropy1: the loss needs one value per class, but gets a "
        "4x6x6 map; put a linear layer or a global pool before it");
    expect_message(
        "input 1x?x8\nconv 3 4\nsoftmax_cross_entropy\n",
        "t.net:3:1: softmax_cross_entropy1: the loss needs one value per class, but gets a "
        "4x?x6 map; put a linear layer or a global pool before it");
    expect_message("input 1x8x8\nlinear 10\nrelu\nconv 1 4\nsoftmax_cross_entropy\n",
                   "t.net:4:1: conv1: conv needs a map, but linear1 (line 2) makes it one row of "
                   "values");
    expect_message("input 1x8x8\nflatten\nglobal_maxpool" TAIL,
                   "t.net:3:1: global_maxpool1: global_maxpool needs a map, but flatten1 (line 2) "
                   "makes it one row of values");
    expect_message(
        "input 1x8x8\nconv 3 4\nflatten\nrelu\nsoftmax_cross_entropy\n",
        "t.net:5:1: softmax_cross_entropy1: the loss needs one value per class, but gets "
        "every value of the map that flatten1 (line 3) flattens; put a linear layer before "
        "it");
    // The weights of a linear layer must not depend on the image.
    static const char *const any[] = {"1x?x?", "1x8x?", "1x?x8"};
    for (size_t i = 0; i < 3; i++) {
        char text[200];
        snprintf(text, sizeof text, "input %s\nconv 3 4" TAIL, any[i]);
        expect_message(text,
                       "t.net:3:1: linear1: linear needs a map of fixed size, but the input may "
                       "have any size; put a global_maxpool or global_meanpool before it, or "
                       "give the input a size");
    }
}

static void test_sizes_that_do_not_fit(void **state)
{
    (void)state;
    expect_message(
        "input 1x7x8\nmaxpool 2\nmaxpool 2\n maxpool 2" TAIL,
        "t.net:4:2: maxpool3: a 1x2 map is too small for a 2x2 window; the network needs "
        "images of at least 8x8");
    expect_message(
        "input 1x8x4\nconv 3 4 dilation 2 pad 1x0" TAIL,
        "t.net:2:1: conv1: a 8x4 map with padding 1x0 is too small for a 3x3 window with "
        "dilation 2x2; the network needs images of at least 3x5");
    expect_message("input 1x9x9\nglobal_maxpool\nconv 3 4" TAIL,
                   "t.net:3:1: conv1: a 1x1 map is too small for a 3x3 window");
    expect_message(
        "input 60000x1x1\nlinear 60000\nsoftmax_cross_entropy\n",
        "t.net:2:1: linear1: expected at most 268435456 weights, got 60000 outputs x 60000 "
        "inputs");
    expect_message("input 65536x1x1\nconv 1023 65536 pad 1000" TAIL,
                   "t.net:2:1: conv1: expected a map of at most 268435456 values, got "
                   "65536x979x979: 62812389376 values");
    expect_message("input 65536x64x64\nmaxpool 2 stride 1 pad 1" TAIL,
                   "t.net:2:1: maxpool1: expected a map of at most 268435456 values, got "
                   "65536x65x65: 276889600 values");
    expect_message("input 60000x1x1\nconv 1023 60000 pad 511" TAIL,
                   "t.net:2:1: conv1: expected at most 268435456 weights, got 60000 outputs x "
                   "62791740000 inputs");
}

static void test_limits_of_the_text(void **state)
{
    (void)state;
    size_t bytes = LW_NETWORK_TEXT_LIMIT_BYTES + 1;
    char *text = malloc(bytes);
    assert_non_null(text);
    static const char whole[] = "input 1x8x8" TAIL "#";
    memset(text, 'x', bytes);
    memcpy(text, whole, sizeof whole - 1);
    lw_network *network;
    assert_int_equal(lw_network_parse(&network, text, bytes - 1, "t.net"), LW_OK);
    lw_network_destroy(&network);
    expect_message_of(text, bytes,
                      "t.net: expected at most 1048576 bytes of network text, got 1048577");
    // 998 times relu, linear and the loss are 1000 layers; one more is too many.
    for (int n_relu = 998; n_relu <= 999; n_relu++) {
        char *at = text + sprintf(text, "input 1x8x8\n");
        for (int i = 0; i < n_relu; i++) at += sprintf(at, "relu\n");
        at += sprintf(at, "linear 10\nsoftmax_cross_entropy\n");
        if (n_relu == 999) {
            expect_message(text, "t.net:1002:1: expected at most 1000 layers");
        } else {
            network = parse(text);
            assert_int_equal(lw_network_layer_count(network), 1000);
            assert_string_equal(lw_network_layer(network, 997)->name, "relu998");
            lw_network_destroy(&network);
        }
    }
    free(text);
    static const char zero[] = "input 1x8x8\nconv 3\0 4" TAIL;
    expect_message_of(zero, sizeof zero - 1, "t.net:2:7: expected text, got a zero byte");
    static const char last[] = "input 1x8x8" TAIL; // with its own final zero
    expect_message_of(last, sizeof last, "t.net:4:1: expected text, got a zero byte");
}

// Whatever happens to a text, the parser answers with a network or a sentence that names a place.
static void test_damaged_texts(void **state)
{
    (void)state;
    static const char whole[] = "input 3x?x40\nconv 3x5 16 stride 2 pad 1x2 dilation 2 no_bias\n"
                                "relu name r\nmaxpool 3 stride 2 pad 1\ndropout 0.5 # c\n"
                                "global_maxpool\nlinear 10\nsoftmax_cross_entropy\n";
    static const char bytes[] = "0123456789x?# \t\r\n-.e\xFF\0convrelu";
    lw_rng rng = lw_rng_stream(1, LW_RNG_TEST, 0, 0);
    int parsed = 0;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        for (uint32_t changes = 1 + lw_rng_below(&rng, 3); changes > 0; changes--)
            text[lw_rng_below(&rng, sizeof whole - 1)] = bytes[lw_rng_below(&rng, sizeof bytes)];
        lw_network *network;
        if (lw_network_parse(&network, text, sizeof whole - 1, "t.net") == LW_OK) {
            parsed++;
            assert_true(lw_network_parameter_count(network) > 0);
            lw_network_destroy(&network);
        } else {
            assert_null(network);
            int line, column;
            assert_int_equal(sscanf(lw_error_message(), "t.net:%d:%d: ", &line, &column), 2);
            assert_in_range(line, 1, 12);
        }
    }
    assert_in_range(parsed, 100, 19900); // both answers were seen often
}

// The text stays what it was but for the channels, so the comments do, too.
static void test_channels_can_be_changed(void **state)
{
    (void)state;
    lw_network *network =
        parse("# a comment x\n  input  1x?x28 # 1x2\nconv 3x3 8 pad 1\nglobal_meanpool" TAIL);
    lw_network *changed;
    assert_int_equal(lw_network_change_channels(&changed, network, 3), LW_OK);
    assert_string_equal(
        lw_network_text(changed),
        "# a comment x\n  input  3x?x28 # 1x2\nconv 3x3 8 pad 1\nglobal_meanpool" TAIL);
    assert_int_equal(lw_network_input(changed).channels, 3);
    assert_int_equal(lw_network_input(changed).height, 0);
    assert_int_equal(lw_network_input(changed).width, 28);
    assert_string_equal(lw_network_name(changed), "t");
    lw_network_destroy(&network);
    // And back, from two digits to one.
    assert_int_equal(lw_network_change_channels(&network, changed, 12), LW_OK);
    lw_network_destroy(&changed);
    assert_int_equal(lw_network_change_channels(&changed, network, 4), LW_OK);
    assert_non_null(strstr(lw_network_text(changed), "input  4x?x28"));
    lw_network_destroy(&changed);
    assert_int_equal(lw_network_change_channels(&changed, network, 0), LW_ERROR_ARGUMENT);
    assert_null(changed);
    assert_int_equal(lw_network_change_channels(&changed, NULL, 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_network_change_channels(NULL, network, 1), LW_ERROR_ARGUMENT);
    lw_network_destroy(&network);
}

static void test_arguments(void **state)
{
    (void)state;
    lw_network *network = (lw_network *)&network;
    assert_int_equal(lw_network_parse(NULL, "", 0, "t.net"), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_network_load(NULL, "x"), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_network_load(&network, NULL), LW_ERROR_ARGUMENT);
    assert_null(network);
    assert_int_equal(lw_network_parse(&network, NULL, 0, "t.net"), LW_ERROR_ARGUMENT);
}

static void test_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/lanewise-network-XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    lw_network *network = (lw_network *)&network;
    assert_int_equal(lw_network_load(&network, folder), LW_ERROR_INPUT);
    assert_null(network);
    assert_non_null(strstr(lw_error_message(), folder));
    snprintf(path, sizeof path, "%s/none.net", folder);
    assert_int_equal(lw_network_load(&network, path), LW_ERROR_NOT_FOUND);
    assert_non_null(strstr(lw_error_message(), path));
    snprintf(path, sizeof path, "%s/bad.net", folder);
    assert_int_equal(lw_file_write(path, "covn", 4), LW_OK);
    assert_int_equal(lw_network_load(&network, path), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "bad.net:1:1: unknown layer 'covn'"));
    // A file over the limit is refused by its size, before it is read.
    assert_int_equal(truncate(path, LW_NETWORK_TEXT_LIMIT_BYTES + 1), 0);
    assert_int_equal(lw_network_load(&network, path), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "1048576"));
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_statement),
        cmocka_unit_test(test_layout_does_not_matter),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_shipped_networks),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_wrong_numbers),
        cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_wrong_structure),
        cmocka_unit_test(test_sizes_that_do_not_fit),
        cmocka_unit_test(test_limits_of_the_text),
        cmocka_unit_test(test_damaged_texts),
        cmocka_unit_test(test_channels_can_be_changed),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
