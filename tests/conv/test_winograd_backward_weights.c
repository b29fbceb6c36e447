// SPDX-License-Identifier: Apache-2.0
// The Winograd algorithm's backward-weights against sums in double: every tile size, odd channel
// counts, all layouts, any number of threads with the same bits, and what it refuses.
#include "oracle/compare.h"

#include <lanewise/conv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The root of the mean square of the errors by that of the sums.
static const double largest_error = 5e-6;

static const char *const problems[] = {
    // Maps of 1, 2, 3, ... outputs: every mixture of tiles, in both directions.
    "mb1ic1ih3oc1kh3", "mb2ic3ih4iw3oc2kh3kw3", "mb3ic4ih5iw9oc5kh3kw3", "mb2ic16ih6iw13oc16kh3kw3",
    "mb1ic17ih7iw5oc10kh3kw3", "mb5ic10ih3iw8oc17kh3kw3ph1pw1", "mb2ic5ih9iw15oc33kh3kw3ph1pw1",
    "mb1ic33ih16iw11oc3kh3kw3ph1pw1", "mb3ic16ih14oc32kh3ph1", "mb2ic32ih7oc64kh3ph1",
    // More padding than the kernel needs, and padding in one direction.
    "mb2ic7ih5iw6oc9kh3kw3ph2pw0", "mb1ic16ih2iw3oc16kh3kw3ph3pw3",
    // Parts of channels, tails, blocks within an image and of many images.
    "mb2ic32ih16oc81kh3ph1", "mb2ic81ih8oc32kh3ph1", "mb1ic150ih6oc70kh3ph1",
    "mb1ic70ih6oc150kh3ph1", "mb2ic129ih5oc65kh3ph1", "mb1ic48ih40iw70oc20kh3kw3ph1pw1",
    "mb40ic32ih5oc24kh3", "mb70ic16ih3oc16kh3", "mb1ic2ih4iw300oc3kh3kw3ph1pw1",
    // By way of space to depth: 3 and 4 taps and both, strides 1 to 4, chunks of input channels, parts of
    // output channels, stretches within an image and of many.
    "mb2ic3ih64oc20kh7sh2ph3", "mb1ic3ih30oc20kh5sh2", "mb3ic1ih28oc10kh6sh2ph2",
    "mb2ic4ih21oc17kh8sh2ph2", "mb1ic3ih67oc24kh11sh4ph2", "mb1ic2ih33iw18oc33kh9kw7sh3sw2ph3pw2",
    "mb2ic16ih12iw15oc5kh5kw7sh2sw2ph2pw3", "mb1ic20ih9oc33kh4ph1", "mb1ic3ih21oc130kh7sh2ph3",
    "mb9ic3ih7oc16kh7sh2", "mb1ic1ih100oc1kh7sh2ph3", "mb30ic2ih12oc6kh5sh2ph2"};
enum { n_problems = sizeof problems / sizeof *problems, n_layouts = 3 };

// With many, parts of the weights are divided.
static const int32_t thread_counts[] = {1, 2, 3, 4, 5, 8, 16};
static const lw_conv_layout layouts[n_layouts] = {LW_CONV_LAYOUT_NCHW, LW_CONV_LAYOUT_NHWC,
                                                  LW_CONV_LAYOUT_PADDED};

static lw_conv_shape shape_of(const char *text)
{
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, text, NULL)) fail_msg("%s", lw_error_message());
    return shape;
}

// A batch of maps in some layout, drawn image by image, channel by channel, so that all layouts
// have the same numbers.
typedef struct test_maps {
    lw_conv_map map;
    lw_guarded memory;
} test_maps;

static float *pixel(const test_maps *maps, int32_t n, int32_t c, int32_t h, int32_t w)
{
    return (float *)maps->memory.memory + n * maps->map.image + maps->map.origin +
           c * maps->map.channel + h * maps->map.row + w * maps->map.pixel;
}

static test_maps make_maps(const lw_conv_map *map, int64_t floats, int32_t images, uint64_t key)
{
    lw_rng rng = lw_rng_stream(5, LW_RNG_TEST, 7, key);
    const size_t count =
        (size_t)images * (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    float *numbers = malloc(count * sizeof *numbers);
    assert_non_null(numbers);
    lw_fill_reals(&rng, numbers, count);
    test_maps maps = {*map, lw_guarded_make_walled((size_t)floats * sizeof(float), key)};
    memset(maps.memory.memory, 0, maps.memory.bytes);
    const float *next = numbers;
    for (int32_t n = 0; n < images; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++) *pixel(&maps, n, c, h, w) = *next++;
    free(numbers);
    return maps;
}

typedef struct test_case {
    lw_conv_shape shape;
    lw_conv_layout layout;
    test_maps x, dy;
    size_t n_weights;
    float *dweights, *dbias;
} test_case;

static test_case make_case(const char *problem, lw_conv_layout layout)
{
    test_case c = {.shape = shape_of(problem), .layout = layout};
    lw_conv_map x, y;
    int64_t x_floats, y_floats;
    if (lw_conv_maps(&c.shape, layout, &x, &y, &x_floats, &y_floats))
        fail_msg("%s", lw_error_message());
    c.x = make_maps(&x, x_floats, c.shape.n, 1);
    c.dy = make_maps(&y, y_floats, c.shape.n, 2);
    c.n_weights = (size_t)c.shape.oc * (size_t)c.shape.ic * (size_t)(c.shape.kh * c.shape.kw);
    c.dweights = calloc(c.n_weights, sizeof *c.dweights);
    c.dbias = calloc((size_t)c.shape.oc, sizeof *c.dbias);
    assert_non_null(c.dweights);
    assert_non_null(c.dbias);
    return c;
}

static void free_case(test_case *c)
{
    lw_guarded_free(&c->x.memory);
    lw_guarded_free(&c->dy.memory);
    free(c->dweights);
    free(c->dbias);
}

// Runs the algorithm over outputs and workspace of NaN.
static void run_case(test_case *c, int32_t threads, bool with_bias)
{
    const lw_conv_options options = {
        .algorithm = LW_CONV_ALGORITHM_WINOGRAD, .threads = threads, .layout = c->layout};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, &c->shape, LW_CONV_BACKWARD_WEIGHTS, &options))
        fail_msg("%s", lw_error_message());
    lw_guarded workspace = lw_guarded_make(lw_conv_plan_workspace_bytes(plan), 4, 3);
    lw_fill_nan(workspace.memory, workspace.bytes / sizeof(float));
    lw_fill_nan(c->dweights, c->n_weights);
    lw_fill_nan(c->dbias, (size_t)c->shape.oc);
    assert_int_equal(lw_conv_backward_weights(plan, c->x.memory.memory, c->dy.memory.memory,
                                              c->dweights, with_bias ? c->dbias : NULL,
                                              workspace.memory),
                     LW_OK);
    assert_true(lw_guarded_intact(&workspace));
    assert_true(lw_guarded_intact(&c->x.memory));
    assert_true(lw_guarded_intact(&c->dy.memory));
    lw_guarded_free(&workspace);
    lw_conv_plan_destroy(&plan);
}

static double tap_in_double(const test_case *c, int32_t oc, int32_t ic, int32_t kh, int32_t kw)
{
    const lw_conv_shape *s = &c->shape;
    double sum = 0.0;
    for (int32_t n = 0; n < s->n; n++)
        for (int32_t h = 0; h < c->dy.map.height; h++)
            for (int32_t w = 0; w < c->dy.map.width; w++) {
                const int32_t ih = h * s->stride_h + kh - s->pad_h;
                const int32_t iw = w * s->stride_w + kw - s->pad_w;
                if (ih < 0 || ih >= s->ih || iw < 0 || iw >= s->iw) continue;
                sum += (double)*pixel(&c->x, n, ic, ih, iw) * (double)*pixel(&c->dy, n, oc, h, w);
            }
    return sum;
}

// Every step-th weight (all taps come by) and all of the bias.
static void check_against_double(const test_case *c, const char *problem)
{
    const lw_conv_shape *s = &c->shape;
    double error = 0.0, size = 0.0;
    const size_t step = c->n_weights > 2000 ? 19 : 1;
    for (size_t i = 0; i < c->n_weights; i += step) {
        const size_t taps = (size_t)(s->kh * s->kw);
        const int32_t tap = (int32_t)(i % taps), ic = (int32_t)(i / taps % (size_t)s->ic);
        const double expected =
            tap_in_double(c, (int32_t)(i / taps / (size_t)s->ic), ic, tap / s->kw, tap % s->kw);
        error += pow((double)c->dweights[i] - expected, 2.0);
        size += expected * expected;
    }
    if (!(sqrt(error) <= largest_error * sqrt(size)))
        fail_msg("%s: relative error %g", problem, sqrt(error / size));
    for (int32_t oc = 0; oc < s->oc; oc++) {
        double sum = 0.0, magnitude = 0.0;
        for (int32_t n = 0; n < s->n; n++)
            for (int32_t h = 0; h < c->dy.map.height; h++)
                for (int32_t w = 0; w < c->dy.map.width; w++) {
                    sum += (double)*pixel(&c->dy, n, oc, h, w);
                    magnitude += fabs((double)*pixel(&c->dy, n, oc, h, w));
                }
        const float expected = (float)sum, bound = (float)magnitude;
        const double terms = (double)s->n * c->dy.map.height * c->dy.map.width;
        if (!lw_compare_sums(&expected, c->dbias + oc, &bound, 1, terms))
            fail_msg("%s: bias %d: %s", problem, oc, lw_compare_message());
    }
}

static void gradients_are_close_to_double(void **state)
{
    (void)state;
    for (int i = 0; i < n_problems; i++) {
        test_case c = make_case(problems[i], layouts[i % n_layouts]);
        run_case(&c, 1 + i % 2, true);
        check_against_double(&c, problems[i]);
        free_case(&c);
    }
}

// All layouts and thread counts are one set of sums: a copied map has the same numbers.
static void layouts_and_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (int i = 0; i < n_problems; i++) {
        test_case first = make_case(problems[i], LW_CONV_LAYOUT_PADDED);
        run_case(&first, 1, true);
        for (int l = 0; l < n_layouts; l++) {
            test_case c = make_case(problems[i], layouts[l]);
            for (size_t t = 0; t < sizeof thread_counts / sizeof *thread_counts; t++) {
                const int32_t threads = thread_counts[t];
                run_case(&c, threads, true);
                if (!lw_compare_bits(first.dweights, c.dweights, c.n_weights) ||
                    !lw_compare_bits(first.dbias, c.dbias, (size_t)c.shape.oc))
                    fail_msg("%s, layout %d, %d threads: %s", problems[i], l, threads,
                             lw_compare_message());
            }
            free_case(&c);
        }
        free_case(&first);
    }
}

static void bias_is_left_out_when_not_wanted(void **state)
{
    (void)state;
    test_case c = make_case("mb3ic16ih14oc32kh3ph1", LW_CONV_LAYOUT_PADDED);
    run_case(&c, 2, false);
    for (int32_t oc = 0; oc < c.shape.oc; oc++) assert_true(isnan(c.dbias[oc]));
    lw_fill_nan(c.dbias, (size_t)c.shape.oc);
    run_case(&c, 2, true);
    check_against_double(&c, "with bias");
    free_case(&c);
}

// The comparison above finds one wrong weight.
static void a_wrong_weight_would_be_found(void **state)
{
    (void)state;
    test_case c = make_case("mb2ic4ih5iw9oc5kh3kw3", LW_CONV_LAYOUT_PADDED);
    run_case(&c, 1, true);
    double error = 0.0, size = 0.0;
    c.dweights[7] *= 1.001f;
    for (size_t i = 0; i < c.n_weights; i++) {
        const double expected = tap_in_double(&c, (int32_t)(i / 36), (int32_t)(i / 9 % 4),
                                              (int32_t)(i % 9 / 3), (int32_t)(i % 3));
        error += pow((double)c.dweights[i] - expected, 2.0);
        size += expected * expected;
    }
    assert_true(sqrt(error) > largest_error * sqrt(size));
    free_case(&c);
}

static void refusals_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *problem, *reason;
    } refused[] = {{"mb1ic4ih8oc4kh5", "3x3"},
                   {"mb1ic4ih8oc4kh1", "3x3"},
                   {"mb1ic4ih8iw8oc4kh3kw1", "3x3"},
                   {"mb1ic4ih9oc4kh3sh2", "stride"},
                   {"mb1ic17ih64oc4kh7sh2ph3", "64 channels"},
                   {"mb1ic4ih9oc4kh3dh1", "dilation"}};
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_WINOGRAD};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const lw_conv_shape shape = shape_of(refused[i].problem);
        lw_conv_plan *plan;
        assert_int_equal(lw_conv_plan_create(&plan, &shape, LW_CONV_BACKWARD_WEIGHTS, &options),
                         LW_ERROR_UNSUPPORTED);
        assert_null(plan);
        assert_non_null(strstr(lw_error_message(), refused[i].reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_close_to_double),
        cmocka_unit_test(layouts_and_threads_do_not_change_a_bit),
        cmocka_unit_test(bias_is_left_out_when_not_wanted),
        cmocka_unit_test(a_wrong_weight_would_be_found),
        cmocka_unit_test(refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
