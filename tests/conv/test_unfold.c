// SPDX-License-Identifier: Apache-2.0
// unfold and fold: values worked out by hand, the fast forms against the readable ones, and fold as
// the adjoint of unfold.
#include "conv_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Both forms behind one signature.
typedef lw_status unfold_form(const lw_conv_shape *shape, const float *x, float *columns);
typedef lw_status fold_form(const lw_conv_shape *shape, const float *columns, float *x);

static lw_status unfold_fast(const lw_conv_shape *shape, const float *x, float *columns)
{
    return lw_unfold(shape, x, columns, 2);
}

static lw_status fold_fast(const lw_conv_shape *shape, const float *columns, float *x)
{
    return lw_fold(shape, columns, x, 2);
}

static unfold_form *const unfold_forms[] = {lw_unfold_reference, unfold_fast};
static fold_form *const fold_forms[] = {lw_fold_reference, fold_fast};

static void expect_values(const float *expected, const float *actual, size_t count)
{
    if (!lw_compare_bits(expected, actual, count)) fail_msg("%s", lw_compare_message());
}

static void picture_by_hand(void **state)
{
    (void)state;
    // A 3x3 picture and a 2x2 kernel: four patches, one a column; oc is not used.
    const lw_conv_shape shape = {1, 1, 3, 3, 0, 2, 2, 1, 1, 0, 0, 1, 1};
    const float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const float expected[4 * 4] = {1, 2, 4, 5,  // upper left pixel of each patch
                                   2, 3, 5, 6,  // upper right
                                   4, 5, 7, 8,  // lower left
                                   5, 6, 8, 9}; // lower right
    // Corners are in one patch, edges in two, the middle in four.
    const float folded[9] = {1, 4, 3, 8, 20, 12, 7, 16, 9};
    for (int form = 0; form < 2; form++) {
        float columns[16], back[9];
        assert_int_equal(unfold_forms[form](&shape, x, columns), LW_OK);
        expect_values(expected, columns, 16);
        assert_int_equal(fold_forms[form](&shape, columns, back), LW_OK);
        expect_values(folded, back, 9);
    }
}

static void padding_stride_dilation_by_hand(void **state)
{
    (void)state;
    // Two channels of 2x3, kernel 2x2 with columns 2 apart, padding 1, stride 2 down: rows -1 and
    // 0, then 1 and 2; columns (-1, 1), (0, 2), (1, 3).
    const lw_conv_shape shape = {1, 2, 2, 3, 1, 2, 2, 2, 1, 1, 1, 1, 2};
    const float x[12] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
    const float expected[8 * 6] = {0, 0, 0, 0,  4,  5,   // channel 0, tap (0, 0)
                                   0, 0, 0, 5,  6,  0,   // tap (0, 1)
                                   0, 1, 2, 0,  0,  0,   // tap (1, 0)
                                   2, 3, 0, 0,  0,  0,   // tap (1, 1)
                                   0, 0, 0, 0,  40, 50,  // channel 1
                                   0, 0, 0, 50, 60, 0,
                                   0, 10, 20, 0, 0, 0,
                                   20, 30, 0, 0, 0, 0};
    const float folded[12] = {1, 4, 3, 4, 10, 6, 10, 40, 30, 40, 100, 60};
    for (int form = 0; form < 2; form++) {
        float columns[48], back[12];
        assert_int_equal(unfold_forms[form](&shape, x, columns), LW_OK);
        expect_values(expected, columns, 48);
        assert_int_equal(fold_forms[form](&shape, columns, back), LW_OK);
        expect_values(folded, back, 12);
    }
}

static void images_and_channels_by_hand(void **state)
{
    (void)state;
    // A 1x1 kernel: the columns are the picture itself, image by image, channel by channel.
    const lw_conv_shape shape = {2, 2, 1, 2, 1, 1, 1, 1, 1, 0, 0, 1, 1};
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int form = 0; form < 2; form++) {
        float columns[8], back[8];
        assert_int_equal(unfold_forms[form](&shape, x, columns), LW_OK);
        expect_values(x, columns, 8);
        assert_int_equal(fold_forms[form](&shape, columns, back), LW_OK);
        expect_values(x, back, 8);
    }
}

static lw_guarded make_floats(lw_rng *rng, size_t count)
{
    // Half of the arrays end where memory ends.
    size_t misalignment = 4 * lw_rng_below(rng, 16);
    lw_guarded guarded = lw_rng_below(rng, 2)
                             ? lw_guarded_make(count * sizeof(float), misalignment, 8)
                             : lw_guarded_make_walled(count * sizeof(float), 8);
    lw_fill_nan(guarded.memory, count);
    return guarded;
}

// Memory of one random comparison.
typedef struct unfold_case {
    lw_conv_shape shape;
    lw_conv_counts counts;
    lw_guarded x, columns, result_x, result_columns, other_x, other_columns;
} unfold_case;

static unfold_case make_case(uint32_t index, bool integers)
{
    lw_rng rng = lw_rng_stream(5, LW_RNG_TEST, 0, index);
    unfold_case c;
    c.shape = lw_conv_case_shape(&rng, 100000);
    c.counts = lw_conv_case_counts(&c.shape);
    c.x = make_floats(&rng, c.counts.x);
    c.columns = make_floats(&rng, c.counts.columns);
    c.result_x = make_floats(&rng, c.counts.x);
    c.result_columns = make_floats(&rng, c.counts.columns);
    c.other_x = make_floats(&rng, c.counts.x);
    c.other_columns = make_floats(&rng, c.counts.columns);
    if (integers) {
        lw_fill_integers(&rng, c.x.memory, c.counts.x, 9);
        lw_fill_integers(&rng, c.columns.memory, c.counts.columns, 9);
    } else {
        lw_fill_reals(&rng, c.x.memory, c.counts.x);
        lw_fill_reals(&rng, c.columns.memory, c.counts.columns);
    }
    return c;
}

static void free_case(unfold_case *c)
{
    lw_guarded *all[] = {&c->x,        &c->columns,        &c->result_x,
                         &c->other_x,  &c->result_columns, &c->other_columns};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(lw_guarded_intact(all[i]));
        lw_guarded_free(all[i]);
    }
}

enum { n_shapes = 400 };
static const int32_t thread_counts[] = {1, 2, 3, 8};

static void fast_forms_equal_the_readable_ones(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < n_shapes; i++) {
        unfold_case c = make_case(i, true);
        int32_t threads = thread_counts[i % 4];
        assert_int_equal(lw_unfold_reference(&c.shape, c.x.memory, c.other_columns.memory), LW_OK);
        assert_int_equal(lw_unfold(&c.shape, c.x.memory, c.result_columns.memory, threads), LW_OK);
        expect_values(c.other_columns.memory, c.result_columns.memory, c.counts.columns);
        assert_int_equal(lw_fold_reference(&c.shape, c.columns.memory, c.other_x.memory), LW_OK);
        assert_int_equal(lw_fold(&c.shape, c.columns.memory, c.result_x.memory, threads), LW_OK);
        expect_values(c.other_x.memory, c.result_x.memory, c.counts.x);
        free_case(&c);
    }
}

static void fold_of_reals_is_within_the_bound(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < n_shapes / 4; i++) {
        unfold_case c = make_case(i, false);
        // The columns' absolute values, folded, are the magnitudes of the sums.
        lw_fill_absolute(c.columns.memory, c.other_columns.memory, c.counts.columns);
        assert_int_equal(lw_fold_reference(&c.shape, c.columns.memory, c.x.memory), LW_OK);
        assert_int_equal(lw_fold_reference(&c.shape, c.other_columns.memory, c.other_x.memory),
                         LW_OK);
        assert_int_equal(lw_fold(&c.shape, c.columns.memory, c.result_x.memory, 2), LW_OK);
        double terms = (double)c.shape.kh * (double)c.shape.kw;
        if (!lw_compare_sums(c.x.memory, c.result_x.memory, c.other_x.memory, c.counts.x, terms))
            fail_msg("%s", lw_compare_message());
        // Unfolding copies, so reals are exact too.
        assert_int_equal(lw_unfold_reference(&c.shape, c.x.memory, c.other_columns.memory), LW_OK);
        assert_int_equal(lw_unfold(&c.shape, c.x.memory, c.result_columns.memory, 2), LW_OK);
        expect_values(c.other_columns.memory, c.result_columns.memory, c.counts.columns);
        free_case(&c);
    }
}

// <unfold(x), columns> = <x, fold(columns)>, exactly on integers.
static void fold_is_the_adjoint_of_unfold(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < n_shapes; i++) {
        unfold_case c = make_case(i, true);
        for (int form = 0; form < 2; form++) {
            assert_int_equal(unfold_forms[form](&c.shape, c.x.memory, c.result_columns.memory),
                             LW_OK);
            assert_int_equal(fold_forms[form](&c.shape, c.columns.memory, c.result_x.memory),
                             LW_OK);
            double there = lw_compare_dot(c.result_columns.memory, c.columns.memory,
                                          c.counts.columns);
            double back = lw_compare_dot(c.x.memory, c.result_x.memory, c.counts.x);
            assert_true(there == back);
        }
        free_case(&c);
    }
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    lw_conv_shape shape = {1, 1, 3, 3, 0, 2, 2, 1, 1, 0, 0, 1, 1};
    float x[9] = {0}, columns[16] = {0};
    assert_int_equal(lw_unfold(NULL, x, columns, 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_unfold(&shape, NULL, columns, 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_unfold(&shape, x, NULL, 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_unfold(&shape, x, columns, -1), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "threads"));
    assert_int_equal(lw_fold(&shape, columns, x, LW_CONV_MAX_THREADS + 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_fold(&shape, NULL, x, 1), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_fold_reference(&shape, columns, NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_unfold_reference(&shape, NULL, columns), LW_ERROR_ARGUMENT);
    shape.kh = 4;
    assert_int_equal(lw_unfold(&shape, x, columns, 1), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "larger than the padded input"));
    assert_int_equal(lw_fold_reference(&shape, columns, x), LW_ERROR_ARGUMENT);
    // The picture fits memory, its columns do not.
    lw_conv_shape large = {1, 1 << 16, 1 << 20, 1 << 20, 1, 1 << 10, 1 << 10, 1, 1, 0, 0, 1, 1};
    assert_int_equal(lw_unfold(&large, x, columns, 1), LW_ERROR_ARGUMENT);
    large.ic = 1;
    large.ih = large.iw = 1 << 21;
    assert_int_equal(lw_unfold(&large, x, columns, 1), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "columns are larger than memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_by_hand),
        cmocka_unit_test(padding_stride_dilation_by_hand),
        cmocka_unit_test(images_and_channels_by_hand),
        cmocka_unit_test(fast_forms_equal_the_readable_ones),
        cmocka_unit_test(fold_of_reals_is_within_the_bound),
        cmocka_unit_test(fold_is_the_adjoint_of_unfold),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
