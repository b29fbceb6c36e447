// SPDX-License-Identifier: Apache-2.0
// The direct algorithm, forward and backward-data: against naive bit for bit on small integers and
// within the bound of the reduction length on reals, the same bits in every layout and for any
// number of threads, nothing written or read beside the maps.
#include "conv_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Tails of 1, 3, 10 and 81 channels, strides without taps in some phases, dilations, padding beyond
// the kernel, rows of one tile and of several, bands, kernels of more rows than the map.
static const char *const problems[] = {"mb2ic1ih28oc16oh28kh3ph1",
                                       "mb1ic3ih64oc10oh32kh7sh2ph3",
                                       "mb2ic16ih14oc32oh14kh3ph1",
                                       "mb3ic32ih7oc64oh7kh3ph1",
                                       "mb1ic32ih16oc81oh16kh3ph1",
                                       "mb1ic81ih16oc32oh16kh3ph1",
                                       "mb1ic10ih40iw9oc3oh40ow9kh3kw3ph1pw1",
                                       "mb2ic64ih12oc20oh12kh1ph0",
                                       "mb1ic33ih11oc1oh4kh2sh3ph0",
                                       "mb1ic17ih20oc18oh7kh1sh3ph0",
                                       "mb1ic24ih9iw1oc40oh9ow1kh3kw1ph1pw0",
                                       "mb1ic16ih90iw70oc36oh90ow70kh3kw3ph1pw1",
                                       "mb2ic20ih13oc4oh17kh3ph4dh1",
                                       "mb1ic2ih5oc5oh20kh2ph9dh2",
                                       "mb1ic65ih4oc49oh2kh3sh2ph1",
                                       "mb5ic4ih6iw31oc2oh6ow31kh5kw5ph2pw2",
                                       "mb1ic16ih12oc16oh1kh12ph0",
                                       "mb1ic8ih14oc8oh2kh5sh7ph1"};
enum { n_problems = sizeof problems / sizeof *problems, n_random = 150, most_threads = 5 };
static const int64_t most_macs = 60000;
static const lw_conv_pass passes[] = {LW_CONV_FORWARD, LW_CONV_BACKWARD_DATA};
static const lw_conv_layout layouts[] = {LW_CONV_LAYOUT_NCHW, LW_CONV_LAYOUT_NHWC,
                                         LW_CONV_LAYOUT_PADDED};
static const float untouched = 12345.0f;

static lw_conv_shape shape_of(size_t index, lw_rng *rng)
{
    lw_conv_shape shape;
    if (index >= n_problems + lw_conv_case_problem_count) return lw_conv_case_shape(rng, most_macs);
    const char *text =
        index < n_problems ? problems[index] : lw_conv_case_problems[index - n_problems];
    if (lw_conv_shape_parse(&shape, text, NULL)) fail_msg("%s: %s", text, lw_error_message());
    return shape;
}

static size_t count_cases(void)
{
    return n_problems + lw_conv_case_problem_count + n_random;
}

static float *element(const lw_conv_map *map, float *array, int64_t n, int32_t c, int32_t h,
                      int32_t w)
{
    return array + map->origin + n * map->image + c * map->channel + h * map->row + w * map->pixel;
}

// Between a map and the dense (n, c, h, w) order.
static void exchange(const lw_conv_map *map, int32_t images, float *array, float *dense,
                     bool to_dense)
{
    for (int32_t n = 0; n < images; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++, dense++) {
                    float *place = element(map, array, n, c, h, w);
                    if (to_dense)
                        *dense = *place;
                    else
                        *place = *dense;
                }
}

static lw_guarded make_array(int64_t floats, size_t turn, float value)
{
    const size_t bytes = (size_t)floats * sizeof(float);
    lw_guarded g = turn % 2 ? lw_guarded_make(bytes, 4 * (turn % 16), turn)
                            : lw_guarded_make_walled(bytes, turn);
    float *values = g.memory;
    for (int64_t i = 0; i < floats; i++) values[i] = value;
    return g;
}

// In the padded layout: spare channels are zeros, the halo is as it was.
static void check_surroundings(const lw_conv_map *map, int32_t images, float *array)
{
    for (int32_t n = 0; n < images; n++)
        for (int32_t h = -map->halo_h; h < map->height + map->halo_h; h++)
            for (int32_t w = -map->halo_w; w < map->width + map->halo_w; w++) {
                const bool inside = h >= 0 && h < map->height && w >= 0 && w < map->width;
                const float *pixel = element(map, array, n, 0, h, w);
                for (int32_t c = inside ? map->channels : 0; c < map->padded_channels; c++)
                    if (pixel[c] != (inside ? 0.0f : untouched))
                        fail_msg("pixel %d %d channel %d is %g", h, w, c, (double)pixel[c]);
            }
}

// Runs the pass on the case's dense inputs in a layout; `result` gets the dense output.
static void run_layout(lw_conv_case *c, lw_conv_pass pass, lw_conv_layout layout, int32_t threads,
                       bool with_bias, size_t turn, float *result)
{
    const bool forward = pass == LW_CONV_FORWARD;
    lw_conv_map x, y;
    int64_t x_floats, y_floats;
    assert_int_equal(lw_conv_maps(&c->shape, layout, &x, &y, &x_floats, &y_floats), LW_OK);
    lw_guarded input = make_array(forward ? x_floats : y_floats, turn, 0.0f);
    lw_guarded output = make_array(forward ? y_floats : x_floats, turn + 1, untouched);
    exchange(forward ? &x : &y, c->shape.n, input.memory, forward ? c->x.memory : c->dy.memory,
             false);

    const lw_conv_options options = {
        .algorithm = LW_CONV_ALGORITHM_DIRECT, .threads = threads, .layout = layout};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, &c->shape, pass, &options)) fail_msg("%s", lw_error_message());
    const size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_guarded workspace = lw_guarded_make(bytes, 4 * (turn % 16), 7);
    lw_fill_nan(workspace.memory, bytes / sizeof(float));
    lw_status status = forward ? lw_conv_forward(plan, input.memory, c->weights.memory,
                                                 with_bias ? c->bias.memory : NULL, output.memory,
                                                 workspace.memory)
                               : lw_conv_backward_data(plan, input.memory, c->weights.memory,
                                                       output.memory, workspace.memory);
    if (status) fail_msg("%s", lw_error_message());
    assert_true(lw_guarded_intact(&workspace));
    assert_true(lw_guarded_intact(&input));
    assert_true(lw_guarded_intact(&output));
    const lw_conv_map *out = forward ? &y : &x;
    if (layout == LW_CONV_LAYOUT_PADDED) check_surroundings(out, c->shape.n, output.memory);
    exchange(out, c->shape.n, output.memory, result, true);
    lw_guarded_free(&workspace);
    lw_guarded_free(&input);
    lw_guarded_free(&output);
    lw_conv_plan_destroy(&plan);
}

static float *new_array(size_t count)
{
    float *array = malloc(count * sizeof *array);
    assert_non_null(array);
    return array;
}

static void fail_case(const lw_conv_shape *shape, lw_conv_pass pass, lw_conv_layout layout,
                      int32_t threads)
{
    char text[LW_CONV_PROBLEM_BYTES];
    lw_conv_shape_format(shape, text, sizeof text);
    fail_msg("%s %s %s, %d threads: %s", text, lw_conv_pass_name(pass), lw_conv_layout_name(layout),
             threads, lw_compare_message());
}

// Integers: one layout and one number of threads for each case, in turn.
static void integers_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 7, i);
        const lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, true);
        for (int p = 0; p < 2; p++) {
            size_t count;
            const float *expected = lw_conv_case_output(&c, passes[p], &count);
            lw_conv_case_run(&c, passes[p], LW_CONV_ALGORITHM_NAIVE, 2, i % 3 != 0);
            float *result = new_array(count);
            for (int l = 0; l < 3; l++) {
                const int32_t threads = 1 + (int32_t)((i + (size_t)l) % most_threads);
                run_layout(&c, passes[p], layouts[l], threads, i % 3 != 0, i + (size_t)l, result);
                if (!lw_compare_bits(expected, result, count))
                    fail_case(&shape, passes[p], layouts[l], threads);
            }
            free(result);
        }
        lw_conv_case_free(&c);
    }
}

// Reals: within the bound in one layout, the same bits in all of them and with any threads.
static void reals_are_within_the_bound_and_always_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        if (i >= n_problems && i % 3 != 0) continue;
        lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 8, i), again = rng;
        const lw_conv_shape shape = shape_of(i, &rng);
        (void)shape_of(i, &again);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        lw_conv_case absolute = lw_conv_case_make(&shape, &again, false);
        lw_conv_case_make_absolute(&absolute);
        for (int p = 0; p < 2; p++) {
            size_t count;
            const float *expected = lw_conv_case_output(&c, passes[p], &count);
            const float *magnitude = lw_conv_case_output(&absolute, passes[p], &count);
            lw_conv_case_run(&c, passes[p], LW_CONV_ALGORITHM_NAIVE, 2, true);
            lw_conv_case_run(&absolute, passes[p], LW_CONV_ALGORITHM_NAIVE, 2, true);
            float *first = new_array(count), *result = new_array(count);
            run_layout(&c, passes[p], LW_CONV_LAYOUT_PADDED, 1, true, i, first);
            if (!lw_compare_sums(expected, first, magnitude, count,
                                 lw_conv_case_terms(&shape, passes[p])))
                fail_case(&shape, passes[p], LW_CONV_LAYOUT_PADDED, 1);
            for (int32_t threads = 1; threads <= most_threads; threads++) {
                const lw_conv_layout layout = layouts[(i + (size_t)threads) % 3];
                run_layout(&c, passes[p], layout, threads, true, i, result);
                if (!lw_compare_bits(first, result, count))
                    fail_case(&shape, passes[p], layout, threads);
            }
            free(first);
            free(result);
        }
        lw_conv_case_free(&c);
        lw_conv_case_free(&absolute);
    }
}

// A NaN reaches the outputs whose sums it is part of, and no other.
static void non_finite_values_stay_visible(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 9, 0);
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb2ic6ih9oc81oh9kh3ph1", NULL), LW_OK);
    lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
    ((float *)c.x.memory)[9 * 4 + 4] = NAN; // image 0, channel 0, the middle
    float *y = new_array(c.counts.y);
    for (int l = 0; l < 3; l++) {
        run_layout(&c, LW_CONV_FORWARD, layouts[l], 2, true, 1, y);
        for (int n = 0; n < 2; n++)
            for (int oc = 0; oc < 81; oc++)
                for (int oh = 0; oh < 9; oh++)
                    for (int ow = 0; ow < 9; ow++) {
                        const bool seen = n == 0 && abs(oh - 4) <= 1 && abs(ow - 4) <= 1;
                        assert_int_equal(isnan(y[((n * 81 + oc) * 9 + oh) * 9 + ow]) != 0, seen);
                    }
    }
    free(y);
    lw_conv_case_free(&c);
}

// What AUTO and people are told.
static void answers_make_sense(void **state)
{
    (void)state;
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb16ic16ih14oc32oh14kh3ph1", NULL), LW_OK);
    for (int p = 0; p < 2; p++) {
        lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_DIRECT, .threads = 1};
        lw_conv_plan *one, *more;
        assert_int_equal(lw_conv_plan_create(&one, &shape, passes[p], &options), LW_OK);
        options.threads = 3;
        assert_int_equal(lw_conv_plan_create(&more, &shape, passes[p], &options), LW_OK);
        const lw_conv_candidate *a = lw_conv_case_candidate(one, LW_CONV_ALGORITHM_DIRECT);
        const lw_conv_candidate *b = lw_conv_case_candidate(more, LW_CONV_ALGORITHM_DIRECT);
        assert_true(a->possible && b->possible);
        assert_true(a->cycles > 0.0 && a->cycles == b->cycles);
        assert_true(a->workspace_bytes < b->workspace_bytes);
        assert_true(a->cycles < lw_conv_case_candidate(one, LW_CONV_ALGORITHM_UNFOLD)->cycles);
        assert_non_null(strstr(lw_conv_plan_implementation(one), "dense_forward:"));
        lw_conv_plan_destroy(&one);
        lw_conv_plan_destroy(&more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_are_within_the_bound_and_always_the_same),
        cmocka_unit_test(non_finite_values_stay_visible),
        cmocka_unit_test(answers_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
