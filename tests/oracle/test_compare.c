// SPDX-License-Identifier: Apache-2.0
// Every comparison helper fails when it should: a helper that accepts anything would make every
// other test worthless.
#include "oracle/compare.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { n_values = 5 };
static const float values[n_values] = {1.0f, -2.5f, 0.0f, 3e-9f, 1e6f};

// A copy of `values` with one of them replaced.
static void with_one_changed(float copy[n_values], size_t index, float value)
{
    memcpy(copy, values, sizeof values);
    copy[index] = value;
}

static void equal_bits_are_equal(void **state)
{
    (void)state;
    assert_true(lw_compare_bits(values, values, n_values));
    assert_string_equal(lw_compare_message(), "");
    float nan[1] = {NAN};
    assert_true(lw_compare_bits(nan, nan, 1));
}

static void different_bits_are_noticed(void **state)
{
    (void)state;
    float copy[n_values];
    for (size_t i = 0; i < n_values; i++) {
        with_one_changed(copy, i, nextafterf(values[i], INFINITY));
        assert_false(lw_compare_bits(values, copy, n_values));
        assert_non_null(strstr(lw_compare_message(), "element"));
    }
    with_one_changed(copy, 2, -0.0f);
    assert_false(lw_compare_bits(values, copy, n_values));
    with_one_changed(copy, 0, NAN);
    assert_false(lw_compare_bits(values, copy, n_values));
}

static void sums_within_the_bound_pass(void **state)
{
    (void)state;
    const float expected[2] = {1.0f, 0.0f}, magnitude[2] = {4.0f, 4.0f};
    // 1.01 * (8 + 2) * 2^-24 * 4 is 40.4 units of 2^-24.
    const float actual[2] = {1.0f + 40 * 0x1p-24f, -40 * 0x1p-24f};
    assert_true(lw_compare_sums(expected, actual, magnitude, 2, 8));
    assert_string_equal(lw_compare_message(), "");
}

static void sums_beyond_the_bound_are_noticed(void **state)
{
    (void)state;
    const float expected[1] = {1.0f}, magnitude[1] = {4.0f};
    const float wrong[] = {1.0f + 42 * 0x1p-24f, 1.0f - 42 * 0x1p-24f, 0.0f, -1.0f, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(lw_compare_sums(expected, &wrong[i], magnitude, 1, 8));
        assert_non_null(strstr(lw_compare_message(), "element 0"));
    }
    const float nan[1] = {NAN}, infinite[1] = {INFINITY}, fine[1] = {1.0f};
    assert_false(lw_compare_sums(nan, fine, magnitude, 1, 8));
    assert_false(lw_compare_sums(nan, nan, magnitude, 1, 8));
    assert_false(lw_compare_sums(expected, fine, nan, 1, 8));
    assert_false(lw_compare_sums(expected, fine, infinite, 1, 8));
}

// The bound is of use only while a missing product is larger: an array of zeros must not pass.
static void forgetting_a_term_is_noticed(void **state)
{
    (void)state;
    enum { terms = 2000 };
    const float expected[1] = {terms}, magnitude[1] = {terms};
    const float one_short[1] = {terms - 1}, none[1] = {0.0f};
    assert_false(lw_compare_sums(expected, one_short, magnitude, 1, terms));
    assert_false(lw_compare_sums(expected, none, magnitude, 1, terms));
}

static void data_is_what_it_says(void **state)
{
    (void)state;
    enum { count = 4000 };
    static float data[count], absolute[count];
    lw_rng rng = lw_rng_stream(1, LW_RNG_TEST, 0, 0);
    lw_fill_integers(&rng, data, count, 4);
    int zeros = 0, extremes = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(data[i] == rintf(data[i]) && fabsf(data[i]) <= 4.0f);
        zeros += data[i] == 0.0f;
        extremes += fabsf(data[i]) == 4.0f;
    }
    assert_in_range(zeros, count / 3, 2 * count / 3);
    assert_in_range(extremes, 1, count / 4);
    lw_fill_reals(&rng, data, count);
    lw_fill_absolute(data, absolute, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(data[i]) <= 1.0f);
        assert_true(absolute[i] == fabsf(data[i]));
    }
    lw_fill_nan(data, count);
    for (size_t i = 0; i < count; i++) assert_true(isnan(data[i]));
}

static void dot_product_is_right(void **state)
{
    (void)state;
    const float a[3] = {1.0f, 2.0f, 3.0f}, b[3] = {4.0f, -5.0f, 6.0f};
    assert_true(lw_compare_dot(a, b, 3) == 12.0);
    assert_false(lw_compare_dot(a, b, 2) == 12.0);
}

static void guards_notice_every_byte(void **state)
{
    (void)state;
    lw_guarded guarded = lw_guarded_make(10, 4, 7);
    assert_int_equal((uintptr_t)guarded.memory % 64, 4);
    memset(guarded.memory, 0, guarded.bytes);
    assert_true(lw_guarded_intact(&guarded));
    unsigned char *memory = guarded.memory;
    const ptrdiff_t outside[] = {-1, -64, -256, 10, 11, 64, 265};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        memory[outside[i]] ^= 1;
        assert_false(lw_guarded_intact(&guarded));
        memory[outside[i]] ^= 1;
        assert_true(lw_guarded_intact(&guarded));
    }
    lw_guarded_free(&guarded);
    assert_null(guarded.memory);
}

// True when a child that reads the byte there dies of it.
static bool is_forbidden(const volatile unsigned char *byte)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); // neither cmocka's handler nor a sanitizer's
        signal(SIGBUS, SIG_DFL);
        unsigned char value = *byte;
        _exit(value & 0);
    }
    assert_true(child > 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status);
}

static void walls_stop_reads(void **state)
{
    (void)state;
    lw_guarded guarded = lw_guarded_make_walled(100, 7);
    unsigned char *memory = guarded.memory;
    memset(memory, 1, guarded.bytes);
    assert_true(lw_guarded_intact(&guarded));
    assert_false(is_forbidden(memory + 99));
    assert_true(is_forbidden(memory + 100));
    memory[-1] ^= 1;
    assert_false(lw_guarded_intact(&guarded));
    memory[-1] ^= 1;
    memory[-256] ^= 1;
    assert_false(lw_guarded_intact(&guarded));
    lw_guarded_free(&guarded);
    assert_null(guarded.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bits_are_equal),
        cmocka_unit_test(different_bits_are_noticed),
        cmocka_unit_test(sums_within_the_bound_pass),
        cmocka_unit_test(sums_beyond_the_bound_are_noticed),
        cmocka_unit_test(forgetting_a_term_is_noticed),
        cmocka_unit_test(data_is_what_it_says),
        cmocka_unit_test(dot_product_is_right),
        cmocka_unit_test(guards_notice_every_byte),
        cmocka_unit_test(walls_stop_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
