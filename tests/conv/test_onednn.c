// SPDX-License-Identifier: Apache-2.0
// oneDNN as an algorithm: every pass against naive, how it is chosen and named, that it keeps to
// its workspace and its threads; and that a build without it says so.
#include "conv_case.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>

#ifdef LW_HAVE_ONEDNN
#include <omp.h>
#endif
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const lw_conv_shape usual = {2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1};
enum { n_passes = 3 };

static lw_conv_plan *make_plan(const lw_conv_shape *shape, lw_conv_pass pass,
                               lw_conv_algorithm algorithm, int32_t threads)
{
    const lw_conv_options options = {.algorithm = algorithm, .threads = threads};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, shape, pass, &options)) fail_msg("%s", lw_error_message());
    return plan;
}

static void expect_implementation(lw_conv_pass pass, lw_conv_algorithm algorithm, const char *start,
                                  const char *end)
{
    lw_conv_plan *plan = make_plan(&usual, pass, algorithm, 1);
    char expected[64];
    snprintf(expected, sizeof expected, "%s%s", start, end);
    assert_string_equal(lw_conv_plan_implementation(plan), expected);
    lw_conv_plan_destroy(&plan);
}

// What a plan says of our own algorithms, with and without oneDNN.
static void our_kernels_are_named(void **state)
{
    (void)state;
    for (int pass = 0; pass < n_passes; pass++)
        expect_implementation((lw_conv_pass)pass, LW_CONV_ALGORITHM_NAIVE, "loops", "");
    expect_implementation(LW_CONV_FORWARD, LW_CONV_ALGORITHM_UNFOLD, "gemm_tile:", lw_cpu_isa());
    expect_implementation(LW_CONV_BACKWARD_DATA, LW_CONV_ALGORITHM_UNFOLD,
                          "gemm_tile:", lw_cpu_isa());
    expect_implementation(LW_CONV_BACKWARD_WEIGHTS, LW_CONV_ALGORITHM_UNFOLD,
                          "gemm_dot:", lw_cpu_isa());
}

#ifdef LW_HAVE_ONEDNN

// Channels that fill no block: layouts in blocks have padding.
static const lw_conv_shape odd = {2, 5, 9, 9, 11, 3, 3, 1, 1, 1, 1, 1, 1};

// LANEWISE_CONV is read once in a process, hence the child. It comes first: a child of a process
// whose OpenMP threads run has none of them.
static void environment_forces_it(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        setenv("LANEWISE_CONV", "bwd_w=onednn", 1);
        const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_AUTO, .threads = 1};
        lw_conv_plan *forward, *weights;
        if (lw_conv_plan_create(&forward, &usual, LW_CONV_FORWARD, &options) ||
            lw_conv_plan_create(&weights, &usual, LW_CONV_BACKWARD_WEIGHTS, &options))
            _exit(1);
        if (strcmp(lw_conv_plan_algorithm(forward), "onednn") == 0) _exit(2);
        if (strcmp(lw_conv_plan_algorithm(weights), "onednn") != 0) _exit(3);
        lw_conv_plan_destroy(&forward);
        lw_conv_plan_destroy(&weights);
        _exit(0);
    }
    assert_true(child > 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// AUTO lists it and leaves it out, even where its estimate is the lowest.
static void automatic_plans_leave_it_out(void **state)
{
    (void)state;
    for (int pass = 0; pass < n_passes; pass++) {
        lw_conv_plan *plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_AUTO, 1);
        const lw_conv_candidate *c = lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_ONEDNN);
        assert_string_equal(c->name, "onednn");
        assert_true(c->possible && c->only_on_request && c->cycles > 0.0);
        assert_false(c->chosen);
        assert_string_equal(c->reason, "the yardstick: taken only when asked for");
        const lw_conv_candidate *chosen = NULL;
        for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++)
            if (lw_conv_plan_candidate(plan, i)->chosen) chosen = lw_conv_plan_candidate(plan, i);
        assert_non_null(chosen);
        assert_false(chosen->only_on_request);
        lw_conv_plan_destroy(&plan);
    }
}

static void forced_plans_take_it(void **state)
{
    (void)state;
    for (int pass = 0; pass < n_passes; pass++) {
        lw_conv_plan *plan = make_plan(&usual, (lw_conv_pass)pass, LW_CONV_ALGORITHM_ONEDNN, 2);
        assert_string_equal(lw_conv_plan_algorithm(plan), "onednn");
        assert_int_equal(lw_conv_plan_threads(plan), 2);
        const lw_conv_candidate *c = lw_conv_case_candidate(plan, LW_CONV_ALGORITHM_ONEDNN);
        assert_true(c->chosen);
        assert_int_equal(c->workspace_bytes, lw_conv_plan_workspace_bytes(plan));
        // oneDNN's names have a colon ("jit:avx2", "ref:any") or are those of its kernels.
        assert_true(strlen(lw_conv_plan_implementation(plan)) >= 4);
        assert_null(strstr(lw_conv_plan_implementation(plan), "gemm_"));
        lw_conv_plan_destroy(&plan);
    }
    // Without a number of threads too.
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_ONEDNN, .threads = 0};
    lw_conv_plan *plan;
    assert_int_equal(lw_conv_plan_create(&plan, &usual, LW_CONV_FORWARD, &options), LW_OK);
    lw_conv_plan_destroy(&plan);
}

static void what_it_cannot_count_is_refused(void **state)
{
    (void)state;
    static const char *const problems[] = {
        "mb1ic1ih2147483647iw1oc1kh1kw1ph0pw0",                // x, dx
        "mb1ic1ih1iw1oc1kh1000000000kw1ph500000000pw0",        // weights
        "mb1ic1ih1iw1oc600000000kh1kw1ph0pw0",                 // y, dy
        "mb1ic1ih2iw2oc1kh2kw1sh1000000000sw1ph1000000000pw0", // padding
    };
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        lw_conv_shape shape;
        if (lw_conv_shape_parse(&shape, problems[i], NULL)) fail_msg("%s", lw_error_message());
        for (int pass = 0; pass < n_passes; pass++) {
            const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_ONEDNN, .threads = 1};
            lw_conv_plan *plan;
            assert_int_equal(lw_conv_plan_create(&plan, &shape, (lw_conv_pass)pass, &options),
                             LW_ERROR_UNSUPPORTED);
            assert_null(plan);
            assert_non_null(strstr(lw_error_message(), "onednn cannot do"));
            assert_non_null(strstr(lw_error_message(), "counts in 32 bits"));
            assert_non_null(strstr(lw_error_message(), "possible: "));
            assert_null(strstr(strstr(lw_error_message(), "possible: "), "onednn"));
        }
    }
}

// ---- Results ----------------------------------------------------------------------------------

enum { n_random_shapes = 150 };
static const int64_t most_macs = 50000;
// The first of these are for what oneDNN does with channels: blocks of 8 and 16, and their tails.
static const char *const more_problems[] = {
    "mb2ic16ih9oc32oh9kh3ph1",  "mb1ic32ih8oc16oh4kh3sh2ph1", "mb2ic3ih12oc16oh12kh3ph1",
    "mb2ic1ih12oc24oh12kh5ph2", "mb1ic32ih5oc81oh5kh3ph1",    "mb3ic16ih7oc32oh7kh1ph0",
};
enum { n_more_problems = sizeof more_problems / sizeof *more_problems };

static size_t count_cases(void)
{
    return n_random_shapes + n_more_problems + lw_conv_case_problem_count;
}

static lw_conv_shape shape_of(size_t index, lw_rng *rng)
{
    if (index < n_random_shapes) return lw_conv_case_shape(rng, most_macs);
    index -= n_random_shapes;
    const char *text = index < n_more_problems ? more_problems[index]
                                               : lw_conv_case_problems[index - n_more_problems];
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, text, NULL)) fail_msg("%s", lw_error_message());
    return shape;
}

static void fail_case(const lw_conv_shape *shape, lw_conv_pass pass)
{
    char text[LW_CONV_PROBLEM_BYTES];
    lw_conv_shape_format(shape, text, sizeof text);
    fail_msg("%s %s: %s", text, lw_conv_pass_name(pass), lw_compare_message());
}

static float *copy_of(const float *values, size_t count)
{
    float *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

// Compares with naive: bit for bit on integers (`absolute` NULL), else within the bound; `absolute`
// has the same inputs without their signs.
static void compare(lw_conv_case *c, lw_conv_case *absolute, lw_conv_pass pass, int32_t threads,
                    bool with_bias)
{
    size_t count;
    const float *output = lw_conv_case_output(c, pass, &count);
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_NAIVE, 1, with_bias);
    if (absolute) lw_conv_case_run(absolute, pass, LW_CONV_ALGORITHM_NAIVE, 1, with_bias);
    float *expected = copy_of(output, count);
    float *dbias = copy_of(c->dbias.memory, c->counts.bias);
    const bool compare_bias = pass == LW_CONV_BACKWARD_WEIGHTS && with_bias;
    lw_conv_case_run(c, pass, LW_CONV_ALGORITHM_ONEDNN, threads, with_bias);
    bool equal;
    if (absolute) {
        const double terms = lw_conv_case_terms(&c->shape, pass);
        equal = lw_compare_sums(expected, output, lw_conv_case_output(absolute, pass, &count),
                                count, terms) &&
                (!compare_bias || lw_compare_sums(dbias, c->dbias.memory, absolute->dbias.memory,
                                                  c->counts.bias, terms));
    } else {
        equal = lw_compare_bits(expected, output, count) &&
                (!compare_bias || lw_compare_bits(dbias, c->dbias.memory, c->counts.bias));
    }
    if (!equal) fail_case(&c->shape, pass);
    free(expected);
    free(dbias);
}

static void integers_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i++) {
        lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 0, i);
        lw_conv_shape shape = shape_of(i, &rng);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, true);
        for (int pass = 0; pass < n_passes; pass++)
            compare(&c, NULL, (lw_conv_pass)pass, 1 + (int32_t)(i % 3), i % 4 != 0);
        lw_conv_case_free(&c);
    }
}

static void reals_are_within_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i += 2) {
        lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 1, i), again = rng;
        lw_conv_shape shape = shape_of(i, &rng);
        shape_of(i, &again);
        lw_conv_case c = lw_conv_case_make(&shape, &rng, false);
        lw_conv_case absolute = lw_conv_case_make(&shape, &again, false);
        lw_conv_case_make_absolute(&absolute);
        for (int pass = 0; pass < n_passes; pass++)
            compare(&c, &absolute, (lw_conv_pass)pass, 2, i % 4 != 0);
        lw_conv_case_free(&c);
        lw_conv_case_free(&absolute);
    }
}

// ---- Layouts ----------------------------------------------------------------------------------

// The arrays of one problem in a layout; x, weights, bias and dy are integers, x and dy between
// zeros.
typedef struct layout_case {
    lw_conv_shape shape;
    lw_conv_layout layout;
    lw_conv_map x_map, y_map;
    int64_t x_floats, y_floats, weights_floats;
    float *x, *weights, *bias, *dy, *dweights, *dbias; // owned
} layout_case;

static float *make_integers(int64_t count, lw_rng *rng)
{
    float *values = calloc((size_t)count, sizeof *values);
    assert_non_null(values);
    if (rng) lw_fill_integers(rng, values, (size_t)count, 3);
    return values;
}

static float *make_maps(const lw_conv_map *map, int32_t images, int64_t floats, lw_rng *rng)
{
    float *maps = make_integers(floats, NULL);
    for (int32_t n = 0; n < images; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++)
                for (int32_t w = 0; w < map->width; w++)
                    lw_fill_integers(rng,
                                     maps + map->origin + n * map->image + c * map->channel +
                                         h * map->row + w * map->pixel,
                                     1, 3);
    return maps;
}

static layout_case make_layout_case(const lw_conv_shape *shape, lw_conv_layout layout, lw_rng *rng)
{
    layout_case c = {.shape = *shape, .layout = layout};
    assert_int_equal(lw_conv_maps(shape, layout, &c.x_map, &c.y_map, &c.x_floats, &c.y_floats),
                     LW_OK);
    c.weights_floats = (int64_t)shape->oc * shape->ic * shape->kh * shape->kw;
    c.x = make_maps(&c.x_map, shape->n, c.x_floats, rng);
    c.dy = make_maps(&c.y_map, shape->n, c.y_floats, rng);
    c.weights = make_integers(c.weights_floats, rng);
    c.bias = make_integers(shape->oc, rng);
    c.dweights = make_integers(c.weights_floats, NULL);
    c.dbias = make_integers(shape->oc, NULL);
    return c;
}

static void free_layout_case(layout_case *c)
{
    float *arrays[] = {c->x, c->weights, c->bias, c->dy, c->dweights, c->dbias};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
}

// The pass's output, halo and spare channels included; NaN where nothing is written. The caller
// frees it.
static float *run_in_layout(const layout_case *c, lw_conv_pass pass, lw_conv_algorithm algorithm,
                            int64_t *count)
{
    const lw_conv_options options = {.algorithm = algorithm, .threads = 2, .layout = c->layout};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, &c->shape, pass, &options)) fail_msg("%s", lw_error_message());
    *count = pass == LW_CONV_FORWARD         ? c->y_floats
             : pass == LW_CONV_BACKWARD_DATA ? c->x_floats
                                             : c->weights_floats;
    float *output = make_integers(*count, NULL);
    lw_fill_nan(output, (size_t)*count);
    void *workspace = malloc(lw_conv_plan_workspace_bytes(plan) + 1);
    assert_non_null(workspace);
    lw_status status =
        pass == LW_CONV_FORWARD
            ? lw_conv_forward(plan, c->x, c->weights, c->bias, output, workspace)
        : pass == LW_CONV_BACKWARD_DATA
            ? lw_conv_backward_data(plan, c->dy, c->weights, output, workspace)
            : lw_conv_backward_weights(plan, c->x, c->dy, output, c->dbias, workspace);
    if (status) fail_msg("%s", lw_error_message());
    free(workspace);
    lw_conv_plan_destroy(&plan);
    return output;
}

// The same values, zeros in spare channels, and a halo that nobody touched.
static void maps_lie_in_every_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_cases(); i += 5)
        for (int layout = (int)LW_CONV_LAYOUT_NHWC; layout <= (int)LW_CONV_LAYOUT_PADDED;
             layout++) {
            lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 5, i);
            lw_conv_shape shape = shape_of(i, &rng);
            layout_case c = make_layout_case(&shape, (lw_conv_layout)layout, &rng);
            for (int pass = 0; pass < n_passes; pass++) {
                int64_t count;
                float *expected =
                    run_in_layout(&c, (lw_conv_pass)pass, LW_CONV_ALGORITHM_NAIVE, &count);
                float *dbias = copy_of(c.dbias, (size_t)shape.oc);
                float *actual =
                    run_in_layout(&c, (lw_conv_pass)pass, LW_CONV_ALGORITHM_ONEDNN, &count);
                if (memcmp(dbias, c.dbias, (size_t)shape.oc * sizeof *dbias) != 0)
                    fail_msg("dbias differs");
                for (int64_t k = 0; k < count; k++) // a zero of either sign is the same integer
                    if (memcmp(&expected[k], &actual[k], sizeof *actual) != 0 &&
                        !(expected[k] == 0.0f && actual[k] == 0.0f)) {
                        char text[LW_CONV_PROBLEM_BYTES];
                        lw_conv_shape_format(&shape, text, sizeof text);
                        fail_msg("%s %s %s: float %lld: expected %g, got %g", text,
                                 lw_conv_pass_name((lw_conv_pass)pass),
                                 lw_conv_layout_name((lw_conv_layout)layout), (long long)k,
                                 (double)expected[k], (double)actual[k]);
                    }
                free(expected);
                free(actual);
                free(dbias);
            }
            free_layout_case(&c);
        }
}

// ---- One plan, many executions ----------------------------------------------------------------

typedef struct forward_run {
    const lw_conv_plan *plan;
    const lw_conv_case *inputs;
    const float *bias;
    float *expected, *y;
    unsigned char *workspace;
    bool right; // every time
} forward_run;

static forward_run make_run(const lw_conv_plan *plan, lw_conv_case *inputs, bool with_bias)
{
    forward_run run = {.plan = plan, .inputs = inputs, .right = true};
    run.bias = with_bias ? inputs->bias.memory : NULL;
    lw_conv_case_run(inputs, LW_CONV_FORWARD, LW_CONV_ALGORITHM_NAIVE, 1, with_bias);
    run.expected = copy_of(inputs->y.memory, inputs->counts.y);
    run.y = malloc(inputs->counts.y * sizeof *run.y);
    run.workspace = malloc(lw_conv_plan_workspace_bytes(plan));
    assert_true(run.y && run.workspace);
    return run;
}

static void free_run(forward_run *run)
{
    free(run->expected);
    free(run->y);
    free(run->workspace);
}

static void *run_often(void *context)
{
    forward_run *run = context;
    for (int i = 0; i < 1000 && run->right; i++) {
        lw_fill_nan(run->y, run->inputs->counts.y);
        memset(run->workspace, 0xFF, lw_conv_plan_workspace_bytes(run->plan)); // NaN
        lw_status status =
            lw_conv_forward(run->plan, run->inputs->x.memory, run->inputs->weights.memory,
                            run->bias, run->y, run->workspace);
        run->right = status == LW_OK &&
                     memcmp(run->expected, run->y, run->inputs->counts.y * sizeof *run->y) == 0;
    }
    return NULL;
}

// Two threads with a workspace each, one with a bias and one without, share a plan.
static void plans_are_shared_by_threads(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 2, 0);
    lw_conv_case c = lw_conv_case_make(&odd, &rng, true);
    lw_conv_plan *plan = make_plan(&odd, LW_CONV_FORWARD, LW_CONV_ALGORITHM_ONEDNN, 1);
    forward_run with = make_run(plan, &c, true), without = make_run(plan, &c, false);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_often, &with), 0);
    run_often(&without);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(with.right);
    assert_true(without.right);
    free_run(&with);
    free_run(&without);
    lw_conv_plan_destroy(&plan);
    lw_conv_case_free(&c);
}

// The number of threads that the caller's own OpenMP regions get is as it was.
static void threads_of_the_caller_are_left_alone(void **state)
{
    (void)state;
    const int before = omp_get_max_threads();
    omp_set_num_threads(5);
    lw_rng rng = lw_rng_stream(9, LW_RNG_TEST, 3, 0);
    lw_conv_case c = lw_conv_case_make(&usual, &rng, true);
    for (int pass = 0; pass < n_passes; pass++)
        lw_conv_case_run(&c, (lw_conv_pass)pass, LW_CONV_ALGORITHM_ONEDNN, 2, true);
    lw_conv_case_free(&c);
    assert_int_equal(omp_get_max_threads(), 5);
    omp_set_num_threads(before);
}

static void version_is_named(void **state)
{
    (void)state;
    assert_non_null(strstr(lw_build_info(), " onednn " LW_ONEDNN_VERSION));
}

int main(void)
{
    unsetenv("LANEWISE_CONV");
    unsetenv("LANEWISE_VERBOSE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_forces_it),
        cmocka_unit_test(our_kernels_are_named),
        cmocka_unit_test(automatic_plans_leave_it_out),
        cmocka_unit_test(forced_plans_take_it),
        cmocka_unit_test(what_it_cannot_count_is_refused),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_are_within_the_bound),
        cmocka_unit_test(maps_lie_in_every_layout),
        cmocka_unit_test(plans_are_shared_by_threads),
        cmocka_unit_test(threads_of_the_caller_are_left_alone),
        cmocka_unit_test(version_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void a_build_without_it_says_so(void **state)
{
    (void)state;
    assert_non_null(strstr(lw_build_info(), " no-onednn"));
    for (int pass = 0; pass < n_passes; pass++) {
        const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_ONEDNN, .threads = 1};
        lw_conv_plan *plan;
        assert_int_equal(lw_conv_plan_create(&plan, &usual, (lw_conv_pass)pass, &options),
                         LW_ERROR_UNSUPPORTED);
        assert_null(plan);
        assert_non_null(strstr(lw_error_message(), "onednn cannot do"));
        assert_non_null(strstr(lw_error_message(), "this build does not have it"));
        assert_int_equal(lw_conv_plan_create(&plan, &usual, (lw_conv_pass)pass, NULL), LW_OK);
        for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++)
            assert_true(lw_conv_plan_candidate(plan, i)->algorithm != LW_CONV_ALGORITHM_ONEDNN);
        lw_conv_plan_destroy(&plan);
    }
}

int main(void)
{
    unsetenv("LANEWISE_CONV");
    unsetenv("LANEWISE_VERBOSE");
    const struct CMUnitTest tests[] = {cmocka_unit_test(our_kernels_are_named),
                                       cmocka_unit_test(a_build_without_it_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
