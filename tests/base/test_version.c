// SPDX-License-Identifier: Apache-2.0
// The version and the build line.
#include <lanewise/version.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void version_is_that_of_the_header(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", LW_VERSION_MAJOR, LW_VERSION_MINOR,
             LW_VERSION_PATCH);
    assert_string_equal(lw_version(), expected);
}

static void build_info_is_one_line_about_this_build(void **state)
{
    (void)state;
    const char *info = lw_build_info();
    assert_null(strchr(info, '\n'));
    assert_true(strncmp(info, "gcc ", 4) == 0 || strncmp(info, "clang ", 6) == 0);
    assert_non_null(strstr(info, "kernels: generic"));
#ifdef LW_HAVE_AVX2
    assert_non_null(strstr(info, " avx2"));
#else
    assert_null(strstr(info, " avx2"));
#endif
#ifdef LW_HAVE_PNG
    assert_null(strstr(info, "no-png"));
#else
    assert_non_null(strstr(info, "no-png"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_that_of_the_header),
        cmocka_unit_test(build_info_is_one_line_about_this_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
