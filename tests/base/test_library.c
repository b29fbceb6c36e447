// SPDX-License-Identifier: Apache-2.0
// Libraries that are loaded when they are needed: their functions, what is missing, many threads at once.
#include "base/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int (*answer)(void);
static int (*name)(void);

// The module has one, too.
__attribute__((visibility("default"))) int who_am_i(void);
int who_am_i(void)
{
    return 2;
}

static lw_library make(const char *file, const lw_library_function *functions, size_t count)
{
    return (lw_library){.file = file,
                        .functions = functions,
                        .n_functions = count,
                        .mutex = PTHREAD_MUTEX_INITIALIZER};
}

static void functions_are_found(void **state)
{
    (void)state;
    const lw_library_function wanted[] = {{.name = "module_answer", .slot = &answer},
                                          {.name = "who_am_i", .slot = &name}};
    lw_library library = make(LW_TEST_MODULE, wanted, 2);
    answer = NULL;
    assert_int_equal(lw_library_load(&library), LW_OK);
    assert_int_equal(answer(), 42);
    assert_int_equal(name(), 1);
}

static void a_function_of_the_program_goes_first_where_that_is_wanted(void **state)
{
    (void)state;
    const lw_library_function wanted[] = {
        {.name = "module_answer", .slot = &answer, .program_first = true},
        {.name = "who_am_i", .slot = &name, .program_first = true}};
    lw_library library = make(LW_TEST_MODULE, wanted, 2);
    answer = NULL;
    assert_int_equal(lw_library_load(&library), LW_OK);
    assert_int_equal(answer(), 42); // which the program has not
    assert_int_equal(name(), 2);
}

static void expect_failure(lw_library *library, const char *first, const char *second)
{
    for (int i = 0; i < 2; i++) { // the second answer is the first
        assert_int_equal(lw_library_load(library), LW_ERROR_UNSUPPORTED);
        assert_non_null(strstr(lw_error_message(), first));
        assert_non_null(strstr(lw_error_message(), second));
    }
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    const lw_library_function wanted[] = {{.name = "module_answer", .slot = &answer},
                                          {.name = "module_question", .slot = &name}};
    lw_library nowhere = make("liblanewise-nowhere.so.1", wanted, 1);
    expect_failure(&nowhere, "liblanewise-nowhere.so.1", ":");
    lw_library incomplete = make(LW_TEST_MODULE, wanted, 2);
    expect_failure(&incomplete, "library_module", "module_question");
}

static int starts;
static bool answer_to_start;

static bool start(void)
{
    starts++;
    return answer_to_start && answer() == 42;
}

static void it_is_started_once(void **state)
{
    (void)state;
    const lw_library_function wanted[] = {{.name = "module_answer", .slot = &answer}};
    lw_library library = make(LW_TEST_MODULE, wanted, 1), failing = library;
    library.start = failing.start = start;
    starts = 0;
    answer_to_start = true;
    for (int i = 0; i < 3; i++) assert_int_equal(lw_library_load(&library), LW_OK);
    assert_int_equal(starts, 1);
    answer_to_start = false;
    expect_failure(&failing, "library_module", "does not initialize");
    assert_int_equal(starts, 2);
}

enum { n_threads = 8 };
static atomic_int right;

static void *load_and_call(void *user)
{
    if (lw_library_load(user) == LW_OK && answer() == 42) atomic_fetch_add(&right, 1);
    return NULL;
}

static void threads_may_ask_at_once(void **state)
{
    (void)state;
    const lw_library_function wanted[] = {{.name = "module_answer", .slot = &answer}};
    lw_library library = make(LW_TEST_MODULE, wanted, 1);
    pthread_t threads[n_threads];
    answer = NULL;
    for (int i = 0; i < n_threads; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_and_call, &library), 0);
    for (int i = 0; i < n_threads; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(right, n_threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_found),
        cmocka_unit_test(a_function_of_the_program_goes_first_where_that_is_wanted),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(it_is_started_once),
        cmocka_unit_test(threads_may_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
