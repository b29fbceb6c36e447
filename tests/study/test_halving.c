// SPDX-License-Identifier: Apache-2.0
// Successive halving: where trials are compared, and who goes on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "study/halving.h"

#include <math.h>

static void rungs_lie_below_the_end(void **state)
{
    (void)state;
    lw_halving halving;
    assert_int_equal(lw_halving_init(&halving, 1, 3, 10), LW_OK);
    assert_int_equal(halving.n_rungs, 3);
    assert_int_equal(halving.rungs[2].epochs, 9);
    lw_halving_destroy(&halving);
    assert_int_equal(lw_halving_init(&halving, 2, 2, 8), LW_OK);
    assert_int_equal(halving.n_rungs, 2); // 2 and 4; 8 is the end itself
    lw_halving_destroy(&halving);
    assert_int_equal(lw_halving_init(&halving, 5, 3, 5), LW_OK);
    assert_int_equal(halving.n_rungs, 0);
    assert_true(lw_halving_judge(&halving, 5, -1));
    lw_halving_destroy(&halving);
    assert_int_equal(lw_halving_init(&halving, 0, 3, 5), LW_ERROR_ARGUMENT);
    assert_int_equal(lw_halving_init(&halving, 1, 1, 5), LW_ERROR_ARGUMENT);
    // A search that would need more rungs than there are has those that there are.
    assert_int_equal(lw_halving_init(&halving, 1, 2, INT32_MAX), LW_OK);
    assert_true(halving.n_rungs <= LW_HALVING_RUNGS);
    lw_halving_destroy(&halving);
}

static void the_best_third_goes_on(void **state)
{
    (void)state;
    static const struct {
        double score;
        bool goes_on;
    } trials[] = {{0.5, true},   // the first of one
                  {0.4, false},  // the second of two: one of them
                  {0.3, false},  // the third of three
                  {0.45, true},  // the second of four: two of them
                  {0.44, false}, // the third of five
                  {0.6, true},   {0.44, false}, {NAN, false}, {0.55, true}};
    lw_halving halving;
    assert_int_equal(lw_halving_init(&halving, 1, 3, 9), LW_OK);
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        assert_true(lw_halving_judge(&halving, 2, 0)); // no rung
        assert_int_equal(lw_halving_judge(&halving, 1, trials[i].score), trials[i].goes_on);
    }
    assert_int_equal(halving.rungs[0].n, 9);
    assert_int_equal(halving.rungs[1].n, 0);
    // The rungs do not know of each other.
    assert_true(lw_halving_judge(&halving, 3, 0.1));
    lw_halving_destroy(&halving);
}

// Of many trials in any order about a third gets over a rung, and the best is among them.
static void about_a_third_of_many(void **state)
{
    (void)state;
    enum { n = 300 };
    lw_halving halving;
    int gone_on = 0;
    bool best_went_on = false;
    assert_int_equal(lw_halving_init(&halving, 1, 3, 9), LW_OK);
    for (int i = 0; i < n; i++) {
        const int score = i * 7919 % n; // each once
        const bool goes_on = lw_halving_judge(&halving, 1, score);
        gone_on += goes_on;
        if (score == n - 1) best_went_on = goes_on;
    }
    assert_in_range(gone_on, n / 4, n / 2);
    assert_true(best_went_on);
    lw_halving_destroy(&halving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs_lie_below_the_end),
        cmocka_unit_test(the_best_third_goes_on),
        cmocka_unit_test(about_a_third_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
