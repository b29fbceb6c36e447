// SPDX-License-Identifier: Apache-2.0
// The random generator: known answers of Philox4x32-10, streams that do not touch each other, and
// the shape of what is drawn from them.
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// From the known answers that the paper's authors publish with their implementation: counter, key,
// result, for all bits clear, all bits set, and digits of pi.
typedef struct {
    uint32_t counter[4], key[2], result[4];
} known_answer;

static const known_answer known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
    {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
     {0xFFFFFFFF, 0xFFFFFFFF},
     {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
    {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
     {0xA4093822, 0x299F31D0},
     {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
};

static void blocks_are_philox(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_answers / sizeof *known_answers; i++) {
        lw_rng rng = {.used = 4};
        memcpy(rng.counter, known_answers[i].counter, sizeof rng.counter);
        memcpy(rng.key, known_answers[i].key, sizeof rng.key);
        for (int k = 0; k < 4; k++) assert_int_equal(lw_rng_u32(&rng), known_answers[i].result[k]);
    }
}

static void streams_start_at_their_key(void **state)
{
    (void)state;
    // Purpose, epoch and sample 0 are the counter 0, seed 0 the key 0: the first known answer.
    lw_rng rng = lw_rng_stream(0, LW_RNG_INIT, 0, 0);
    for (int k = 0; k < 4; k++) assert_int_equal(lw_rng_u32(&rng), known_answers[0].result[k]);
    // The fifth value comes from the next block, not from the first one again.
    assert_int_not_equal(lw_rng_u32(&rng), known_answers[0].result[0]);
}

static void streams_are_reproducible(void **state)
{
    (void)state;
    lw_rng first = lw_rng_stream(7, LW_RNG_TEST, 3, 12345678901234u);
    uint32_t drawn[100];
    for (int i = 0; i < 100; i++) drawn[i] = lw_rng_u32(&first);
    lw_rng again = lw_rng_stream(7, LW_RNG_TEST, 3, 12345678901234u);
    for (int i = 0; i < 100; i++) assert_int_equal(lw_rng_u32(&again), drawn[i]);
}

static void streams_differ_in_every_argument(void **state)
{
    (void)state;
    const lw_rng streams[] = {
        lw_rng_stream(1, LW_RNG_TEST, 1, 1),
        lw_rng_stream(2, LW_RNG_TEST, 1, 1),
        lw_rng_stream(1 + (1ull << 32), LW_RNG_TEST, 1, 1),
        lw_rng_stream(1, LW_RNG_DIGITS, 1, 1),
        lw_rng_stream(1, LW_RNG_TEST, 2, 1),
        lw_rng_stream(1, LW_RNG_TEST, 1, 2),
        lw_rng_stream(1, LW_RNG_TEST, 1, 1 + (1ull << 32)),
        lw_rng_stream(1, LW_RNG_TEST, 1 + (1u << 16), 1),
        lw_rng_stream(1, LW_RNG_TEST, (1u << 24) - 1, 1),
    };
    enum { n_streams = sizeof streams / sizeof *streams };
    for (int i = 0; i < n_streams; i++)
        for (int k = i + 1; k < n_streams; k++) {
            lw_rng a = streams[i], b = streams[k];
            int equal = 0;
            for (int draw = 0; draw < 64; draw++) equal += lw_rng_u32(&a) == lw_rng_u32(&b);
            assert_int_equal(equal, 0); // two equal 32-bit values among 64 pairs: 1 in 10^8
        }
}

static void uniform_stays_below_one(void **state)
{
    (void)state;
    lw_rng highest = {.block = {0xFFFFFFFF}, .used = 0};
    assert_true(lw_rng_uniform(&highest) == 1.0f - 0x1p-24f);
    lw_rng lowest = {.block = {0xFF}, .used = 0};
    assert_true(lw_rng_uniform(&lowest) == 0.0f);
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { n = 100000 };
    lw_rng rng = lw_rng_stream(1, LW_RNG_TEST, 0, 0);
    double uniform_sum = 0, normal_sum = 0, normal_squares = 0;
    for (int i = 0; i < n; i++) {
        uniform_sum += (double)lw_rng_uniform(&rng);
        double value = lw_rng_normal(&rng);
        assert_true(isfinite(value));
        normal_sum += value;
        normal_squares += value * value;
    }
    // Five standard errors: sqrt(1/12 / n), sqrt(1 / n), sqrt(2 / n).
    assert_true(fabs(uniform_sum / n - 0.5) < 5 * sqrt(1.0 / 12 / n));
    assert_true(fabs(normal_sum / n) < 5 * sqrt(1.0 / n));
    assert_true(fabs(normal_squares / n - 1) < 5 * sqrt(2.0 / n));
}

static void normal_is_finite_at_the_ends(void **state)
{
    (void)state;
    lw_rng rng = {.block = {0xFFFFFFFF, 0, 0, 0}, .used = 0};
    double tail = lw_rng_normal(&rng); // the logarithm of 2^-24
    assert_true(isfinite(tail) && tail > 5);
    assert_true(lw_rng_normal(&rng) == 0); // the logarithm of 1
}

static void below_is_without_bias(void **state)
{
    (void)state;
    // A bound of three quarters of 2^32: without rejection every third value would come up twice as
    // often as its neighbours.
    enum { n = 30000 };
    const uint32_t bound = 3u << 30;
    lw_rng rng = lw_rng_stream(2, LW_RNG_TEST, 0, 0);
    int counts[3] = {0};
    for (int i = 0; i < n; i++) {
        uint32_t value = lw_rng_below(&rng, bound);
        assert_true(value < bound);
        counts[value % 3]++;
    }
    // Five standard deviations of a binomial count with p = 1/3.
    for (int k = 0; k < 3; k++) assert_true(fabs(counts[k] - n / 3.0) < 5 * sqrt(n * 2.0 / 9));
}

static void below_reaches_every_value(void **state)
{
    (void)state;
    lw_rng rng = lw_rng_stream(3, LW_RNG_TEST, 0, 0);
    bool seen[10] = {false};
    for (int i = 0; i < 1000; i++) seen[lw_rng_below(&rng, 10)] = true;
    for (int k = 0; k < 10; k++) assert_true(seen[k]);
    for (int i = 0; i < 10; i++) assert_int_equal(lw_rng_below(&rng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_philox),
        cmocka_unit_test(streams_start_at_their_key),
        cmocka_unit_test(streams_are_reproducible),
        cmocka_unit_test(streams_differ_in_every_argument),
        cmocka_unit_test(uniform_stays_below_one),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(normal_is_finite_at_the_ends),
        cmocka_unit_test(below_is_without_bias),
        cmocka_unit_test(below_reaches_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
