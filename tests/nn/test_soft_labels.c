// SPDX-License-Identifier: Apache-2.0
// The loss of a mixture of two classes: its value, its gradient against differences and against
// those of the two classes alone.
#include "base/memory.h"
#include "nn/engine.h"

#include <lanewise/lanewise.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { classes = 5, image_floats = 36, most_floats = 4096 };

typedef struct engine {
    lw_network *network;
    lw_parameter_layout layout;
    lw_plan *plan;
    lw_workspace *workspace;
    float *values, *packed, *gradients;
    float image[image_floats];
} engine;

static void *allocate(int64_t floats)
{
    void *block;
    assert_int_equal(LW_OK, lw_memory_allocate(&block, (size_t)floats * sizeof(float), "test"));
    return block;
}

static void create(engine *e)
{
    const char *const text = "input 1x6x6\nconv 4 3 pad 1\nrelu\nlinear 5\nsoftmax_cross_entropy\n";
    if (lw_network_parse(&e->network, text, strlen(text), "soft.net"))
        fail_msg("%s", lw_error_message());
    assert_int_equal(LW_OK, lw_parameter_layout_create(&e->layout, e->network));
    assert_int_equal(LW_OK, lw_plan_create(&e->plan, e->network, &e->layout, (lw_extent){1, 6, 6}));
    assert_int_equal(LW_OK, lw_workspace_create(&e->workspace, true));
    assert_int_equal(LW_OK, lw_workspace_assign(e->workspace, e->plan));
    assert_true(e->layout.value_floats <= most_floats);
    e->values = allocate(e->layout.value_floats);
    e->packed = allocate(e->layout.packed_floats + 1);
    e->gradients = allocate(e->layout.value_floats);
    for (int64_t i = 0; i < e->layout.value_floats; i++)
        e->values[i] = (float)(i * 37 % 41 - 20) / 40.0f;
    for (int i = 0; i < image_floats; i++) e->image[i] = (float)(i * 7 % 23) / 16.0f;
}

static void destroy(engine *e)
{
    lw_memory_free(e->values);
    lw_memory_free(e->packed);
    lw_memory_free(e->gradients);
    lw_workspace_destroy(&e->workspace);
    lw_plan_destroy(&e->plan);
    lw_parameter_layout_destroy(&e->layout);
    lw_network_destroy(&e->network);
}

// Forward, loss and backward; the gradient is in e->gradients.
static double run(engine *e, lw_soft_label label, float scale)
{
    for (size_t u = 0; u < e->layout.n_units; u++)
        lw_parameter_pack_unit(&e->layout, &e->layout.units[u], e->values, e->packed);
    const lw_parameter_view view = {e->values, e->packed, 1};
    int32_t predicted;
    lw_workspace_load_floats(e->workspace, 0, e->image);
    lw_engine_forward(e->workspace, view, 0, 1, NULL);
    const double loss = lw_engine_loss_soft(e->workspace, 0, label, scale, &predicted);
    assert_int_equal(predicted, lw_argmax(lw_engine_logits(e->workspace, 0), classes));
    lw_engine_backward(e->workspace, view, 1, true, e->gradients);
    return loss;
}

static void test_between_the_two(void **state)
{
    (void)state;
    static float first[most_floats], second[most_floats];
    engine e = {0};
    create(&e);
    const size_t n = (size_t)e.layout.value_floats;
    const double loss_1 = run(&e, (lw_soft_label){1, 1, 0, 0}, 0.5f);
    memcpy(first, e.gradients, n * sizeof *first);
    const double loss_3 = run(&e, (lw_soft_label){3, 3, 0, 0}, 0.5f);
    memcpy(second, e.gradients, n * sizeof *second);
    assert_memory_not_equal(first, second, n * sizeof *first);
    const double loss = run(&e, (lw_soft_label){1, 3, 0.25f, 0}, 0.5f);
    assert_true(fabs(loss - (0.75 * loss_1 + 0.25 * loss_3)) < 1e-9);
    for (size_t i = 0; i < n; i++) {
        const double expected = 0.75 * (double)first[i] + 0.25 * (double)second[i];
        if (!(fabs(expected - (double)e.gradients[i]) <= 1e-5)) // NaN is not
            fail_msg("value %zu: expected %g, got %g", i, expected, (double)e.gradients[i]);
    }
    // A mixture of a class with itself is the class, and no share is no mixture: to the bit.
    const double itself = run(&e, (lw_soft_label){1, 1, 0.25f, 0}, 0.5f);
    assert_true(fabs(itself - loss_1) < 1e-12);
    const double alone = run(&e, (lw_soft_label){1, 3, 0, 0}, 0.5f);
    assert_true(alone == loss_1);
    assert_memory_equal(first, e.gradients, n * sizeof *first);
    destroy(&e);
}

// Smoothing is the mixture with all classes, worked out from the losses of each.
static void test_smoothing(void **state)
{
    (void)state;
    engine e = {0};
    create(&e);
    const size_t n = (size_t)e.layout.value_floats;
    static double mean[most_floats];
    static float first[most_floats], other[most_floats];
    double mean_loss = 0, losses[classes];
    memset(mean, 0, sizeof mean);
    for (int32_t k = 0; k < classes; k++) {
        losses[k] = run(&e, (lw_soft_label){.first = k, .second = k}, 0.5f);
        mean_loss += losses[k] / classes;
        for (size_t i = 0; i < n; i++) mean[i] += (double)e.gradients[i] / classes;
        if (k == 1) memcpy(first, e.gradients, n * sizeof *first);
        if (k == 3) memcpy(other, e.gradients, n * sizeof *other);
    }
    const lw_soft_label label = {.first = 1, .second = 3, .share = 0.25f, .smoothing = 0.125f};
    const double loss = run(&e, label, 0.5f);
    const double expected_loss = 0.875 * (0.75 * losses[1] + 0.25 * losses[3]) + 0.125 * mean_loss;
    assert_true(fabs(loss - expected_loss) < 1e-9);
    double moved = 0;
    for (size_t i = 0; i < n; i++) {
        const double mixed = 0.75 * (double)first[i] + 0.25 * (double)other[i];
        const double expected = 0.875 * mixed + 0.125 * mean[i];
        if (!(fabs(expected - (double)e.gradients[i]) <= 1e-5)) // NaN is not
            fail_msg("value %zu: expected %g, got %g", i, expected, (double)e.gradients[i]);
        moved = fmax(moved, fabs(expected - mixed));
    }
    assert_true(moved > 1e-3);
    destroy(&e);
}

static void check_differences(lw_soft_label label)
{
    engine e = {0};
    create(&e);
    run(&e, label, 1.0f);
    static float gradient[most_floats];
    const size_t n = (size_t)e.layout.value_floats;
    memcpy(gradient, e.gradients, n * sizeof *gradient);
    // The values of the last layer: the loss is smooth in them, whatever the ReLU does.
    const lw_layer_weights *last = e.plan->stages[e.plan->n_stages - 1].weights;
    assert_true(last->linear);
    double largest = 0;
    for (int64_t i = 0; i < last->out; i++) {
        const int64_t at = last->bias_offset + i;
        const float kept = e.values[at], step = 0.0625f;
        e.values[at] = kept + step;
        const double above = run(&e, label, 1.0f);
        e.values[at] = kept - step;
        const double below = run(&e, label, 1.0f);
        e.values[at] = kept;
        const double difference = (above - below) / (2 * (double)step);
        // The third derivative of a log-sum-exp is below 0.1: step^2 / 6 of it.
        if (!(fabs(difference - (double)gradient[at]) <= 2e-4)) // NaN is not
            fail_msg("bias %lld: difference %g, gradient %g", (long long)i, difference,
                     (double)gradient[at]);
        largest = fmax(largest, fabs(difference));
    }
    assert_true(largest > 0.05);
    destroy(&e);
}

static void test_differences(void **state)
{
    (void)state;
    check_differences((lw_soft_label){4, 0, 0.4f, 0});
    check_differences((lw_soft_label){4, 4, 0, 0.1f});
    check_differences((lw_soft_label){4, 0, 0.4f, 0.3f});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_between_the_two),
                                       cmocka_unit_test(test_smoothing),
                                       cmocka_unit_test(test_differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
