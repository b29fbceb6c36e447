// SPDX-License-Identifier: Apache-2.0
// Forward and backward-data by the Winograd algorithm: against naive within the bound that
// docs/numerics.md gives, the same bits in every layout and for any number of threads, nothing
// written beside the outputs, and refusals with a reason.
#include "conv_case.h"

#include "cpu/parallel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const problems[] = {"mb2ic16ih14oc32oh14kh3ph1",
                                       "mb3ic32ih7oc64oh7kh3ph1",
                                       "mb5ic128ih5oc64oh3kh3ph0",
                                       "mb2ic64ih13oc128oh11kh3ph0",
                                       "mb1ic32ih16oc81oh16kh3ph1",
                                       "mb1ic3ih10oc10oh10kh3ph1",
                                       "mb2ic1ih28oc64oh26kh3ph0",
                                       "mb3ic17ih3oc33oh1kh3ph0",
                                       "mb1ic16ih1oc16oh1kh3ph1",
                                       "mb2ic5ih9iw4oc3oh13ow8kh3kw3ph3pw3",
                                       "mb1ic48ih6iw33oc48oh6ow33kh3kw3ph1pw1",
                                       "mb9ic20ih2oc40oh2kh3ph1",
                                       "mb1ic256ih14oc256oh14kh3ph1",
                                       "mb1ic512ih9oc10oh9kh3ph1",
                                       "mb1ic5ih9oc520oh7kh3ph0",
                                       "mb1ic16ih40iw7oc16oh40ow7kh3kw3ph1pw1",
                                       "mb4ic4ih12iw9oc2oh14ow7kh3kw3ph2pw0",
                                       "mb1ic33ih5iw6oc1oh7ow8kh3kw3ph2pw2"};
enum { n_problems = sizeof problems / sizeof *problems, n_random = 40 };
static const lw_conv_pass passes[] = {LW_CONV_FORWARD, LW_CONV_BACKWARD_DATA};

static lw_conv_shape shape_of(size_t index, lw_rng *rng)
{
    lw_conv_shape s;
    if (index < n_problems) {
        if (lw_conv_shape_parse(&s, problems[index], NULL)) fail_msg("%s", lw_error_message());
        return s;
    }
    s = (lw_conv_shape){.n = 1 + (int32_t)lw_rng_below(rng, 4),
                        .ic = 1 + (int32_t)lw_rng_below(rng, 40),
                        .ih = 1 + (int32_t)lw_rng_below(rng, 19),
                        .iw = 1 + (int32_t)lw_rng_below(rng, 19),
                        .oc = 1 + (int32_t)lw_rng_below(rng, 40),
                        .kh = 3,
                        .kw = 3,
                        .stride_h = 1,
                        .stride_w = 1,
                        .pad_h = 1 + (int32_t)lw_rng_below(rng, 3),
                        .pad_w = 1 + (int32_t)lw_rng_below(rng, 3),
                        .dilation_h = 1,
                        .dilation_w = 1};
    return s;
}

// One run of a pass in a layout. The maps stand where lw_conv_maps says.
typedef struct layout_case {
    lw_conv_shape shape;
    lw_conv_pass pass;
    lw_conv_layout layout;
    lw_conv_map in, out;
    int64_t in_floats, out_floats;
    float *input, *output;
} layout_case;

// The mark of floats that must stay as they are.
static const float untouched = 12345.0f;

static void for_each_element(const lw_conv_map *map, int32_t n, float *array, float *dense,
                             bool to_dense)
{
    size_t at = 0;
    for (int32_t i = 0; i < n; i++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++, at++) {
                    float *place = array + map->origin + i * map->image + c * map->channel +
                                   h * map->row + w * map->pixel;
                    if (to_dense)
                        dense[at] = *place;
                    else
                        *place = dense[at];
                }
}

static layout_case case_make(const lw_conv_shape *shape, lw_conv_pass pass, lw_conv_layout layout,
                             float *dense_input)
{
    layout_case c = {.shape = *shape, .pass = pass, .layout = layout};
    const bool forward = pass == LW_CONV_FORWARD;
    assert_int_equal(lw_conv_maps(shape, layout, forward ? &c.in : &c.out, forward ? &c.out : &c.in,
                                  forward ? &c.in_floats : &c.out_floats,
                                  forward ? &c.out_floats : &c.in_floats),
                     LW_OK);
    c.input = calloc((size_t)c.in_floats, sizeof *c.input);
    c.output = malloc((size_t)c.out_floats * sizeof *c.output);
    assert_non_null(c.input);
    assert_non_null(c.output);
    for (int64_t i = 0; i < c.out_floats; i++) c.output[i] = untouched;
    for_each_element(&c.in, shape->n, c.input, dense_input, false);
    return c;
}

static void case_free(layout_case *c)
{
    free(c->input);
    free(c->output);
}

static void case_run(layout_case *c, lw_conv_algorithm algorithm, int32_t threads,
                     const float *weights, const float *bias, float *dense_output)
{
    lw_conv_plan *plan;
    lw_conv_options options = {.algorithm = algorithm, .threads = threads, .layout = c->layout};
    if (lw_conv_plan_create(&plan, &c->shape, c->pass, &options))
        fail_msg("%s", lw_error_message());
    size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_guarded workspace = lw_guarded_make(bytes, 4, 7);
    lw_fill_nan(workspace.memory, bytes / sizeof(float));
    lw_status status =
        c->pass == LW_CONV_FORWARD
            ? lw_conv_forward(plan, c->input, weights, bias, c->output, workspace.memory)
            : lw_conv_backward_data(plan, c->input, weights, c->output, workspace.memory);
    if (status) fail_msg("%s", lw_error_message());
    assert_true(lw_guarded_intact(&workspace));
    lw_guarded_free(&workspace);
    lw_conv_plan_destroy(&plan);
    for_each_element(&c->out, c->shape.n, c->output, dense_output, true);
}

// In the padded layout: spare channels are zeros, the halo is as it was.
static void check_surroundings(const layout_case *c)
{
    const lw_conv_map *map = &c->out;
    if (c->layout != LW_CONV_LAYOUT_PADDED) return;
    for (int64_t n = 0; n < c->shape.n; n++)
        for (int32_t h = -map->halo_h; h < map->height + map->halo_h; h++)
            for (int32_t w = -map->halo_w; w < map->width + map->halo_w; w++) {
                const bool inside = h >= 0 && h < map->height && w >= 0 && w < map->width;
                const float *pixel =
                    c->output + map->origin + n * map->image + h * map->row + w * map->pixel;
                for (int32_t k = inside ? map->channels : 0; k < map->padded_channels; k++)
                    if (pixel[k] != (inside ? 0.0f : untouched))
                        fail_msg("pixel %d %d channel %d is %g", h, w, k, (double)pixel[k]);
            }
}

static float *array_of(size_t count)
{
    float *array = malloc((count ? count : 1) * sizeof *array);
    assert_non_null(array);
    return array;
}

typedef struct operands {
    lw_conv_counts counts;
    size_t inputs, outputs;
    float *input, *weights, *bias, *expected, *magnitude, *actual;
} operands;

static operands operands_make(const lw_conv_shape *shape, lw_conv_pass pass, lw_rng *rng,
                              bool integers)
{
    operands o = {.counts = lw_conv_case_counts(shape)};
    const bool forward = pass == LW_CONV_FORWARD;
    o.inputs = forward ? o.counts.x : o.counts.y;
    o.outputs = forward ? o.counts.y : o.counts.x;
    o.input = array_of(o.inputs);
    o.weights = array_of(o.counts.weights);
    o.bias = array_of(o.counts.bias);
    o.expected = array_of(o.outputs);
    o.magnitude = array_of(o.outputs);
    o.actual = array_of(o.outputs);
    float *const filled[] = {o.input, o.weights, o.bias};
    const size_t sizes[] = {o.inputs, o.counts.weights, o.counts.bias};
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            filled[i][k] =
                integers ? (float)lw_rng_below(rng, 7) - 3.0f : 2.0f * lw_rng_uniform(rng) - 1.0f;
    return o;
}

static void operands_free(operands *o)
{
    float *const arrays[] = {o->input, o->weights, o->bias, o->expected, o->magnitude, o->actual};
    for (int i = 0; i < 6; i++) free(arrays[i]);
}

static void expect_naive(const lw_conv_shape *shape, lw_conv_pass pass, operands *o,
                         const float *bias)
{
    layout_case c = case_make(shape, pass, LW_CONV_LAYOUT_NCHW, o->input);
    case_run(&c, LW_CONV_ALGORITHM_NAIVE, 2, o->weights, bias, o->expected);
    case_free(&c);
    float *input = array_of(o->inputs), *weights = array_of(o->counts.weights);
    float *positive = array_of(o->counts.bias);
    lw_fill_absolute(o->input, input, o->inputs);
    lw_fill_absolute(o->weights, weights, o->counts.weights);
    lw_fill_absolute(o->bias, positive, o->counts.bias);
    c = case_make(shape, pass, LW_CONV_LAYOUT_NCHW, input);
    case_run(&c, LW_CONV_ALGORITHM_NAIVE, 2, weights, bias ? positive : NULL, o->magnitude);
    case_free(&c);
    free(input);
    free(weights);
    free(positive);
}

// The error's root mean square, and its largest value, in units of what sums of so many products of
// random signs amount to: for values that are spread evenly, 4/3 times the sum of absolute values
// over the root of the number of products.
static bool is_close(const operands *o, double terms, double *error, double *largest)
{
    double squares = 0.0, magnitudes = 0.0;
    *largest = 0.0;
    for (size_t i = 0; i < o->outputs; i++) {
        const double difference = (double)o->actual[i] - (double)o->expected[i];
        squares += difference * difference;
        magnitudes += (double)o->magnitude[i] * (double)o->magnitude[i];
        *largest = fmax(*largest, fabs(difference));
    }
    const double unit = 4.0 / 3.0 * sqrt(magnitudes / (double)o->outputs / terms);
    *error = sqrt(squares / (double)o->outputs) / unit; // a NaN anywhere makes it one
    *largest /= unit;
    return *error <= 1.5e-6 && *largest <= 3e-5;
}

// How many products of an output are not with the zeros around the map, on average.
static double real_terms(const lw_conv_shape *s, lw_conv_pass pass)
{
    int32_t oh, ow;
    assert_int_equal(lw_conv_shape_output(s, &oh, &ow), LW_OK);
    const double in = (double)s->ih * s->iw, out = (double)oh * ow;
    const double share = pass == LW_CONV_FORWARD ? in / out : out / in;
    return lw_conv_case_terms(s, pass) * fmin(share, 1.0);
}

static void check_shape(lw_conv_shape shape, size_t index, lw_conv_pass pass)
{
    lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 8, index);
    operands o = operands_make(&shape, pass, &rng, index % 3 == 0);
    const float *bias = pass == LW_CONV_FORWARD && index % 4 ? o.bias : NULL;
    char text[LW_CONV_PROBLEM_BYTES];
    lw_conv_shape_format(&shape, text, sizeof text);
    expect_naive(&shape, pass, &o, bias);

    float *first = NULL;
    for (int layout = LW_CONV_LAYOUT_NCHW; layout <= LW_CONV_LAYOUT_PADDED; layout++)
        for (int32_t threads = 1; threads <= 5; threads++) {
            layout_case c = case_make(&shape, pass, (lw_conv_layout)layout, o.input);
            case_run(&c, LW_CONV_ALGORITHM_WINOGRAD, threads, o.weights, bias, o.actual);
            check_surroundings(&c);
            case_free(&c);
            if (!first) {
                double error, largest;
                if (!is_close(&o, real_terms(&shape, pass), &error, &largest))
                    fail_msg("%s %s: relative error %.2e, largest %.2e", text,
                             lw_conv_pass_name(pass), error, largest);
                first = array_of(o.outputs);
                memcpy(first, o.actual, o.outputs * sizeof *first);
            }
            if (!lw_compare_bits(first, o.actual, o.outputs))
                fail_msg("%s %s, layout %s, %d threads: %s", text, lw_conv_pass_name(pass),
                         lw_conv_layout_name((lw_conv_layout)layout), threads,
                         lw_compare_message());
        }
    free(first);
    operands_free(&o);
}

static void check_plain_shapes(lw_conv_pass pass)
{
    for (size_t i = 0; i < n_problems + n_random; i++) {
        lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 7, i);
        check_shape(shape_of(i, &rng), i, pass);
    }
}

static void forward_is_right_in_every_layout(void **state)
{
    (void)state;
    check_plain_shapes(passes[0]);
}

static void backward_data_is_right_in_every_layout(void **state)
{
    (void)state;
    check_plain_shapes(passes[1]);
}

typedef struct lonely_call {
    layout_case *c;
    const operands *o;
} lonely_call;

static void run_alone(void *context, int32_t thread, int32_t threads)
{
    const lonely_call *call = context;
    (void)threads;
    if (thread == 0)
        case_run(call->c, LW_CONV_ALGORITHM_WINOGRAD, 4, call->o->weights, call->o->bias,
                 call->o->actual);
}

// Inside a parallel region a plan for four threads has one, as where the system makes no more.
static void fewer_threads_than_planned_do_all_of_it(void **state)
{
    (void)state;
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb5ic20ih9oc70kh3ph1", NULL), LW_OK);
    lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 10, 0);
    operands o = operands_make(&shape, LW_CONV_FORWARD, &rng, false);
    layout_case c = case_make(&shape, LW_CONV_FORWARD, LW_CONV_LAYOUT_PADDED, o.input);
    case_run(&c, LW_CONV_ALGORITHM_WINOGRAD, 4, o.weights, o.bias, o.actual);
    float *first = array_of(o.outputs);
    memcpy(first, o.actual, o.outputs * sizeof *first);
    lw_fill_nan(o.actual, o.outputs);
    case_free(&c);
    c = case_make(&shape, LW_CONV_FORWARD, LW_CONV_LAYOUT_PADDED, o.input);
    lonely_call call = {&c, &o};
    lw_parallel_run(2, run_alone, &call);
    if (!lw_compare_bits(first, o.actual, o.outputs)) fail_msg("%s", lw_compare_message());
    case_free(&c);
    free(first);
    operands_free(&o);
}

// By way of space to depth: 3 and 4 taps, and both; strides of 1 to 4; several chunks of channels;
// strips, runs and tiles that end within the map; inputs that no output reads.
static const char *const strided_problems[] = {
    "mb2ic3ih64oc64oh32kh7sh2ph3",          "mb1ic3ih30oc20oh13kh5sh2ph0",
    "mb3ic1ih28oc10oh14kh6sh2ph2",          "mb2ic4ih21oc17oh9kh8sh2ph2",
    "mb1ic3ih67oc24oh16kh11sh4ph2",         "mb1ic2ih33iw18oc33oh11ow8kh9kw7sh3sw2ph3pw2",
    "mb2ic16ih12iw15oc5kh5kw7sh2sw2ph2pw3", "mb1ic40ih9oc33oh8kh4ph1",
    "mb1ic7ih6iw70oc3kh3kw4ph1pw1",         "mb9ic3ih7oc16oh1kh7sh2ph0",
    "mb1ic1ih100oc1oh50kh7sh2ph3"};
enum { n_strided = sizeof strided_problems / sizeof *strided_problems, n_strided_random = 25 };

static lw_conv_shape strided_shape(size_t index)
{
    lw_conv_shape s;
    if (index < n_strided) {
        if (lw_conv_shape_parse(&s, strided_problems[index], NULL))
            fail_msg("%s", lw_error_message());
        return s;
    }
    lw_rng rng = lw_rng_stream(4, LW_RNG_TEST, 9, index);
    const int32_t stride_h = 1 + (int32_t)lw_rng_below(&rng, 3);
    const int32_t stride_w = 2 + (int32_t)lw_rng_below(&rng, 2);
    s = (lw_conv_shape){
        .n = 1 + (int32_t)lw_rng_below(&rng, 4),
        .ic = 1 + (int32_t)lw_rng_below(&rng, 6),
        .ih = 9 + (int32_t)lw_rng_below(&rng, 20),
        .iw = 9 + (int32_t)lw_rng_below(&rng, 20),
        .oc = 1 + (int32_t)lw_rng_below(&rng, 40),
        .kh = 2 * stride_h + 1 + (int32_t)lw_rng_below(&rng, 2u * (uint32_t)stride_h),
        .kw = 2 * stride_w + 1 + (int32_t)lw_rng_below(&rng, 2u * (uint32_t)stride_w),
        .stride_h = stride_h,
        .stride_w = stride_w,
        .pad_h = 2 + (int32_t)lw_rng_below(&rng, 4),
        .pad_w = 2 + (int32_t)lw_rng_below(&rng, 4),
        .dilation_h = 1,
        .dilation_w = 1};
    return s;
}

static void large_strided_kernels_are_right_in_every_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_strided + n_strided_random; i++)
        check_shape(strided_shape(i), i, LW_CONV_FORWARD);
}

// The estimate leads there without being asked, but not where sums have to be exact.
static void a_large_strided_first_layer_is_chosen(void **state)
{
    (void)state;
    static const lw_conv_pass both[] = {LW_CONV_FORWARD, LW_CONV_BACKWARD_WEIGHTS};
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb16ic3ih64oc64oh32kh7sh2ph3", NULL), LW_OK);
    for (int pass = 0; pass < 2; pass++)
        for (int exact = 0; exact < 2; exact++) {
            lw_conv_plan *plan;
            const lw_conv_options options = {.exact = exact, .deterministic = true};
            assert_int_equal(lw_conv_plan_create(&plan, &shape, both[pass], &options), LW_OK);
            assert_int_equal(strcmp(lw_conv_plan_algorithm(plan), "winograd") == 0, !exact);
            if (!exact)
                assert_int_equal(
                    strncmp(lw_conv_plan_implementation(plan), "winograd_strided_", 17), 0);
            lw_conv_plan_destroy(&plan);
        }
}

// The comparison above notices a single wrong output.
static void a_wrong_output_is_noticed(void **state)
{
    (void)state;
    float expected[4] = {1.0f, -2.0f, 0.5f, 1.0f}, magnitude[4] = {4.0f, 4.0f, 4.0f, 4.0f};
    float actual[4] = {1.0f, -2.0f, 0.5f, 1.00005f};
    operands o = {.outputs = 4, .expected = expected, .magnitude = magnitude, .actual = actual};
    double error, largest;
    assert_false(is_close(&o, 9.0, &error, &largest));
    actual[3] = NAN;
    assert_false(is_close(&o, 9.0, &error, &largest));
    actual[3] = 1.0f;
    assert_true(is_close(&o, 9.0, &error, &largest));
}

static void other_shapes_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *problem, *reason;
    } refused[] = {{"mb1ic16ih14oc16kh5ph2", "3x3"},
                   {"mb1ic16ih14iw14oc16kh3kw1ph1pw0", "3x3"},
                   {"mb1ic16ih14oc16kh3sh2ph1", "stride"},
                   {"mb1ic3ih64oc16kh9sh2ph4", "3x3"},
                   {"mb1ic16ih14oc16kh3dh1ph2", "dilation"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        for (int pass = 0; pass < 2; pass++) {
            lw_conv_shape shape;
            if (lw_conv_shape_parse(&shape, refused[i].problem, NULL))
                fail_msg("%s", lw_error_message());
            lw_conv_plan *plan;
            assert_int_equal(lw_conv_plan_create(&plan, &shape, passes[pass], NULL), LW_OK);
            const lw_conv_candidate *candidate =
                lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_WINOGRAD);
            assert_false(candidate->possible);
            assert_non_null(strstr(candidate->reason, refused[i].reason));
            lw_conv_plan_destroy(&plan);
        }
}

static void too_many_channels_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const refused[] = {"mb1ic17ih64oc16kh7sh2ph3",
                                          "mb1ic3ih4000oc16kh3000sh1000ph0"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lw_conv_shape shape;
        if (lw_conv_shape_parse(&shape, refused[i], NULL)) fail_msg("%s", lw_error_message());
        lw_conv_plan *plan;
        assert_int_equal(lw_conv_plan_create(&plan, &shape, LW_CONV_FORWARD, NULL), LW_OK);
        const lw_conv_candidate *candidate =
            lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_WINOGRAD);
        assert_false(candidate->possible);
        assert_non_null(strstr(candidate->reason, "at most 64 channels"));
        lw_conv_plan_destroy(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_strided_kernels_are_right_in_every_layout),
        cmocka_unit_test(a_large_strided_first_layer_is_chosen),
        cmocka_unit_test(too_many_channels_are_refused_with_a_reason),
        cmocka_unit_test(forward_is_right_in_every_layout),
        cmocka_unit_test(backward_data_is_right_in_every_layout),
        cmocka_unit_test(fewer_threads_than_planned_do_all_of_it),
        cmocka_unit_test(a_wrong_output_is_noticed),
        cmocka_unit_test(other_shapes_are_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
