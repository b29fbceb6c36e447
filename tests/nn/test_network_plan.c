// SPDX-License-Identifier: Apache-2.0
// What a plan computes: the part of every map that the stages behind read, and groups of images.
#include "nn/engine.h"
#include "nn/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct planned {
    lw_network *network;
    lw_parameter_layout layout;
    lw_plan *plan;
} planned;

static void plan_network(planned *p, lw_network *network, lw_extent input)
{
    p->network = network;
    if (lw_parameter_layout_create(&p->layout, network)) fail_msg("%s", lw_error_message());
    if (lw_plan_create(&p->plan, network, &p->layout, input)) fail_msg("%s", lw_error_message());
}

static void plan_text(planned *p, const char *text, lw_extent input)
{
    lw_network *network;
    if (lw_network_parse(&network, text, strlen(text), "t.net")) fail_msg("%s", lw_error_message());
    plan_network(p, network, input);
}

static void plan_shipped(planned *p, const char *name, lw_extent input)
{
    char path[1024];
    snprintf(path, sizeof path, LW_SOURCE_DIR "/networks/%s.net", name);
    lw_network *network;
    if (lw_network_load(&network, path)) fail_msg("%s", lw_error_message());
    plan_network(p, network, input);
}

static void plan_free(planned *p)
{
    lw_plan_destroy(&p->plan);
    lw_parameter_layout_destroy(&p->layout);
    lw_network_destroy(&p->network);
}

// `sides` has height and width of what is computed of each map, the image first.
static void expect_computed(const planned *p, const int32_t (*sides)[2], size_t n_maps)
{
    assert_int_equal(p->plan->n_stages + 1, n_maps);
    for (size_t i = 0; i < n_maps; i++) {
        const lw_map *map = &p->plan->maps[i];
        assert_int_equal(map->height, sides[i][0]);
        assert_int_equal(map->width, sides[i][1]);
        assert_in_range(map->height, 1, map->extent.height);
        assert_in_range(map->width, 1, map->extent.width);
    }
}

#define EXPECT_COMPUTED(p, ...)                                                                    \
    do {                                                                                           \
        static const int32_t sides[][2] = __VA_ARGS__;                                             \
        expect_computed(&(p), sides, sizeof sides / sizeof sides[0]);                              \
    } while (0)

static void test_dropped_outputs_cascade(void **state)
{
    (void)state;
    planned p;
    lw_extent digit = {1, 28, 28};
    // The last pool drops a row and a column of its 3x3 map, so conv2 needs 8x8 of its 11x11.
    plan_shipped(&p, "lab", digit);
    EXPECT_COMPUTED(p, {{22, 22}, {10, 10}, {4, 4}, {1, 1}, {1, 1}, {1, 1}});
    assert_int_equal(p.plan->maps[1].extent.height, 13); // as users know it
    plan_free(&p);
    plan_shipped(&p, "lab_small", digit);
    EXPECT_COMPUTED(p, {{22, 22}, {10, 10}, {4, 4}, {1, 1}, {1, 1}});
    plan_free(&p);
    // 6x6 of conv3's 7x7, which reads the whole map because it is padded.
    plan_shipped(&p, "fixed", digit);
    EXPECT_COMPUTED(p, {{28, 28}, {14, 14}, {7, 7}, {3, 3}, {1, 1}});
    plan_free(&p);
    plan_shipped(&p, "varres", (lw_extent){1, 33, 26});
    EXPECT_COMPUTED(p, {{33, 26}, {16, 13}, {8, 6}, {4, 3}, {1, 1}, {1, 1}});
    plan_free(&p);
}

static void test_every_kind_of_stage(void **state)
{
    (void)state;
    planned p;
    // A pool of its own drops the last two of 14 columns; a dilated window reads all of its map.
    plan_text(&p,
              "input 2x12x14\nconv 3 4 pad 1\nrelu\nrelu\ndropout 0.5\nmaxpool 3 stride 3\n"
              "conv 2 4 dilation 2\navgpool 2 stride 2\nlinear 3\nsoftmax_cross_entropy\n",
              (lw_extent){2, 12, 14});
    EXPECT_COMPUTED(p, {{12, 13}, {12, 12}, {12, 12}, {12, 12}, {4, 4}, {2, 2}, {1, 1}, {1, 1}});
    plan_free(&p);
}

static void test_windows_over_padding(void **state)
{
    (void)state;
    planned p;
    // The one output that is kept sees only padding; a map of its own size must still exist.
    plan_text(&p,
              "input 1x6x6\nconv 3 4\nconv 1 4 pad 3\nmaxpool 2 stride 20\nlinear 3\n"
              "softmax_cross_entropy\n",
              (lw_extent){1, 6, 6});
    EXPECT_COMPUTED(p, {{3, 3}, {1, 1}, {2, 2}, {1, 1}, {1, 1}});
    plan_free(&p);
    plan_text(&p, "input 1x6x5\nconv 3 4 pad 1\nglobal_meanpool\nlinear 3\nsoftmax_cross_entropy\n",
              (lw_extent){1, 6, 5});
    EXPECT_COMPUTED(p, {{6, 5}, {6, 5}, {1, 1}, {1, 1}});
    plan_free(&p);
}

static void test_groups(void **state)
{
    (void)state;
    planned p;
    plan_shipped(&p, "fixed", (lw_extent){1, 28, 28});
    assert_int_equal(p.plan->group, LW_GROUP_LIMIT);
    assert_int_equal(lw_worker_group(p.plan, 1), 1);
    assert_int_equal(lw_worker_group(p.plan, 8), 8);
    assert_int_equal(lw_worker_group(p.plan, 9), 5); // 5 + 4 instead of 8 + 1
    assert_int_equal(lw_worker_group(p.plan, 17), 6);
    plan_free(&p);
    plan_shipped(&p, "varres", (lw_extent){1, 224, 224});
    assert_int_equal(p.plan->group, 1);
    assert_int_equal(lw_worker_group(p.plan, 9), 1);
    plan_free(&p);
    plan_shipped(&p, "varres", (lw_extent){1, 64, 64});
    assert_in_range(p.plan->group, 1, LW_GROUP_LIMIT - 1);
    plan_free(&p);
    // Maps that would fill the cache alone, but many more bytes of weights to go through.
    plan_shipped(&p, "vgg", (lw_extent){3, 32, 32});
    assert_int_equal(p.plan->group, LW_GROUP_LIMIT);
    plan_free(&p);
}

// Images of a group are computed as if each were alone: the logits have the same bits.
static void test_group_of_strangers(void **state)
{
    (void)state;
    planned p;
    plan_shipped(&p, "lab_small", (lw_extent){1, 28, 28});
    lw_workspace *workspace;
    if (lw_workspace_create(&workspace, false) || lw_workspace_assign(workspace, p.plan))
        fail_msg("%s", lw_error_message());
    void *values, *packed;
    assert_int_equal(LW_OK, lw_memory_allocate(&values, (size_t)p.layout.value_floats * 4, "v"));
    assert_int_equal(LW_OK, lw_memory_allocate(&packed, (size_t)p.layout.packed_floats * 4, "p"));
    float *weights = values, image[8][28 * 28], alone[8][10];
    for (int64_t i = 0; i < p.layout.value_floats; i++) weights[i] = (float)(i % 17 - 8) / 64.0f;
    for (size_t u = 0; u < p.layout.n_units; u++)
        lw_parameter_pack_unit(&p.layout, &p.layout.units[u], weights, packed);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 28 * 28; k++) image[i][k] = (float)((k * 7 + i * 31) % 23) / 16.0f;
    lw_parameter_view view = {weights, packed, 1};
    for (int i = 0; i < 8; i++) {
        lw_workspace_load_floats(workspace, 0, image[i]);
        lw_engine_forward(workspace, view, 0, 1, NULL);
        memcpy(alone[i], lw_engine_logits(workspace, 0), sizeof alone[i]);
    }
    assert_memory_not_equal(alone[0], alone[1], sizeof alone[0]);
    for (int32_t i = 0; i < 8; i++) lw_workspace_load_floats(workspace, i, image[i]);
    lw_engine_forward(workspace, view, 0, 8, NULL);
    for (int32_t i = 0; i < 8; i++)
        assert_memory_equal(alone[i], lw_engine_logits(workspace, i), sizeof alone[i]);
    lw_memory_free(values);
    lw_memory_free(packed);
    lw_workspace_destroy(&workspace);
    plan_free(&p);
}

// A fresh backward pass does not care what the gradients were, another one adds to them.
static void test_fresh_gradients(void **state)
{
    (void)state;
    planned p; // stages on transformed tiles and others
    plan_text(&p,
              "input 1x12x12\nconv 3 16\nrelu\nconv 3 16\nconv 3 8\nrelu\nlinear 3\n"
              "softmax_cross_entropy\n",
              (lw_extent){1, 12, 12});
    lw_workspace *workspace;
    if (lw_workspace_create(&workspace, true) || lw_workspace_assign(workspace, p.plan))
        fail_msg("%s", lw_error_message());
    void *blocks[4];
    const size_t bytes = (size_t)p.layout.value_floats * sizeof(float);
    for (int i = 0; i < 3; i++)
        assert_int_equal(LW_OK, lw_memory_allocate(&blocks[i], bytes, "values and gradients"));
    assert_int_equal(LW_OK,
                     lw_memory_allocate(&blocks[3], (size_t)p.layout.packed_floats * 4, "p"));
    float *weights = blocks[0], *clean = blocks[1], *dirty = blocks[2], image[12 * 12];
    for (int64_t i = 0; i < p.layout.value_floats; i++) {
        weights[i] = (float)(i % 17 - 8) / 64.0f;
        dirty[i] = 1000.0f;
    }
    for (size_t u = 0; u < p.layout.n_units; u++)
        lw_parameter_pack_unit(&p.layout, &p.layout.units[u], weights, blocks[3]);
    for (int k = 0; k < 12 * 12; k++) image[k] = (float)(k * 7 % 23) / 16.0f;
    lw_parameter_view view = {weights, blocks[3], 1};
    lw_workspace_load_floats(workspace, 0, image);
    lw_engine_forward(workspace, view, 0, 1, NULL);
    int32_t predicted;
    lw_engine_loss(workspace, 0, 1, 1.0f, &predicted);
    lw_engine_backward(workspace, view, 1, false, clean); // to zeros
    // The backward pass masks gradients in place, so the loss is taken again.
    lw_engine_loss(workspace, 0, 1, 1.0f, &predicted);
    lw_engine_backward(workspace, view, 1, true, dirty);
    assert_memory_equal(clean, dirty, bytes);
    lw_engine_loss(workspace, 0, 1, 1.0f, &predicted);
    lw_engine_backward(workspace, view, 1, false, dirty);
    assert_memory_not_equal(clean, dirty, bytes);
    for (int i = 0; i < 4; i++) lw_memory_free(blocks[i]);
    lw_workspace_destroy(&workspace);
    plan_free(&p);
}

// How many partial gradients a batch has follows from its size and theirs: large ones are fewer.
static void test_partial_count(void **state)
{
    (void)state;
    const int64_t fixed = 30000, lab = 150000, vgg = 550000;
    assert_int_equal(lw_partial_count(1, fixed), 1);
    assert_int_equal(lw_partial_count(16, fixed), 2);
    assert_int_equal(lw_partial_count(32, fixed), 4);
    assert_int_equal(lw_partial_count(1, lab), 1);
    assert_int_equal(lw_partial_count(32, lab), 2);
    assert_int_equal(lw_partial_count(128, fixed), 16);
    assert_int_equal(lw_partial_count(128, lab), 8);
    assert_int_equal(lw_partial_count(128, vgg), 4);
    assert_int_equal(lw_partial_count(65536, vgg), 4);
    // Two threads share them out evenly.
    assert_int_equal(lw_partial_count(20, fixed), 4);
    assert_int_equal(lw_partial_count(40, fixed), 6);
    assert_int_equal(lw_partial_count(64, 1 << 28), 2);
}

// Without a pool the backward passes of such convolutions are dense products of transformed tiles; the
// gradient then has a halo of its own. Behind a pool the winners are followed.
static void test_backward_algorithms(void **state)
{
    (void)state;
    planned p;
    plan_text(&p,
              "input 16x12x12\nconv 3 32\nconv 3 16 pad 1\nrelu\nconv 3 16\nmaxpool 2\n"
              "conv 3 16 pad 1\nlinear 3\nsoftmax_cross_entropy\n",
              (lw_extent){16, 12, 12});
    static const bool winograd[][LW_N_PASSES] = {
        {true, false, true}, // nobody wants the image's gradient
        {true, true, true},
        {true, false, false},
        {true, false, true}, // the linear layer wants its map without a halo
    };
    for (size_t i = 0; i < sizeof winograd / sizeof winograd[0]; i++)
        for (int pass = 0; pass < LW_N_PASSES; pass++)
            assert_int_equal(p.plan->stages[i].winograd[pass], winograd[i][pass]);
    assert_int_equal(p.plan->maps[2].halo_h, 1); // conv3 is not padded
    assert_int_equal(p.plan->maps[4].halo_h, 0);
    plan_free(&p);
}

// Register tiles that multiply everything run backward passes without a ReLU or with few taps; their
// backward-data wants a halo around the gradient.
static void test_dense_algorithms(void **state)
{
    (void)state;
    planned p;
    plan_text(&p,
              "input 3x23x23\nconv 5 16\nconv 5 8 pad 1\nrelu\nconv 1 32 stride 2\nrelu\n"
              "conv 5 16 pad 2\nconv 2 20\nrelu\nmaxpool 2\nconv 1 7 stride 3\nlinear 3\n"
              "softmax_cross_entropy\n",
              (lw_extent){3, 23, 23});
    static const bool dense[][LW_N_PASSES] = {
        {false, false, true},  // nobody wants the image's gradient
        {false, false, false}, // skips what the ReLU stopped
        {false, true, true},   // few taps
        {false, true, true},   // no ReLU
        {false, false, false}, // follows the winners
        {false, false, true},  // most phases would have no tap
        {false, false, false},
    };
    assert_int_equal(p.plan->n_stages, sizeof dense / sizeof dense[0]);
    for (size_t i = 0; i < p.plan->n_stages; i++) {
        for (int pass = 0; pass < LW_N_PASSES; pass++)
            assert_int_equal(p.plan->stages[i].dense[pass], dense[i][pass]);
        assert_int_equal(p.plan->stages[i].dense_data != NULL, dense[i][LW_CONV_BACKWARD_DATA]);
    }
    assert_int_equal(p.plan->maps[2].halo_h, 0); // conv2 has lists, and conv3 no padding
    assert_int_equal(p.plan->maps[4].halo_h, 2); // of conv4's 5x5 kernel, turned round
    plan_free(&p);
}

// Winograd runs the forward pass of 3x3 convolutions with enough channels, but not of exact models.
static void test_forward_algorithms(void **state)
{
    (void)state;
    planned p;
    plan_text(&p,
              "input 3x20x20\nconv 3 32\nconv 3 16 pad 1\nconv 3 8\nconv 3 16\nconv 3 16 stride 2\n"
              "conv 1 16\nconv 3 16 dilation 2\nlinear 3\nsoftmax_cross_entropy\n",
              (lw_extent){3, 20, 20});
    static const bool winograd[] = {false, true, false, false, false, false, false, false};
    assert_int_equal(p.plan->n_stages, sizeof winograd / sizeof winograd[0]);
    for (size_t i = 0; i < p.plan->n_stages; i++)
        assert_int_equal(p.plan->stages[i].winograd[LW_CONV_FORWARD], winograd[i]);
    lw_plan_destroy(&p.plan);
    p.layout.exact = true;
    assert_int_equal(LW_OK, lw_plan_create(&p.plan, p.network, &p.layout, (lw_extent){3, 20, 20}));
    for (size_t i = 0; i < p.plan->n_stages; i++)
        for (int pass = 0; pass < LW_N_PASSES; pass++)
            assert_false(p.plan->stages[i].winograd[pass]);
    plan_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped_outputs_cascade), cmocka_unit_test(test_every_kind_of_stage),
        cmocka_unit_test(test_windows_over_padding),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_group_of_strangers),      cmocka_unit_test(test_fresh_gradients),
        cmocka_unit_test(test_partial_count),           cmocka_unit_test(test_forward_algorithms),
        cmocka_unit_test(test_backward_algorithms),     cmocka_unit_test(test_dense_algorithms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
