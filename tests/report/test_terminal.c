// SPDX-License-Identifier: Apache-2.0
// What a stream can show: a file, a stream in memory, a (pseudo-)terminal with its size, NO_COLOR,
// locales.
#define _XOPEN_SOURCE 700 // posix_openpt and its kind
#include "report/terminal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/capture.h"

static void set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void set_locale(const char *all, const char *ctype, const char *lang)
{
    set("LC_ALL", all);
    set("LC_CTYPE", ctype);
    set("LANG", lang);
}

static void a_file_is_plain(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    lw_terminal terminal = lw_terminal_of(file);
    assert_false(terminal.interactive);
    assert_false(terminal.colour);
    assert_int_equal(terminal.columns, 80);
    fclose(file);
    capture out;
    capture_begin(&out);
    terminal = lw_terminal_of(out.file);
    assert_false(terminal.interactive);
    assert_int_equal(terminal.columns, 80);
    capture_end(&out);
}

static void a_terminal_is_asked_for_its_size(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0) skip(); // no pseudo-terminals here
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    FILE *file = fdopen(slave, "w");
    assert_non_null(file);
    struct winsize size = {.ws_row = 30, .ws_col = 123};
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);

    set("TERM", "xterm");
    set("NO_COLOR", NULL);
    lw_terminal terminal = lw_terminal_of(file);
    assert_true(terminal.interactive);
    assert_true(terminal.colour);
    assert_int_equal(terminal.columns, 123);

    size.ws_col = 5; // narrower than anything can be shown on
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    assert_int_equal(lw_terminal_columns(file), 20);

    set("NO_COLOR", "1");
    terminal = lw_terminal_of(file);
    assert_true(terminal.interactive);
    assert_false(terminal.colour);
    set("NO_COLOR", ""); // set but empty does not count
    assert_true(lw_terminal_of(file).colour);

    set("TERM", "dumb");
    terminal = lw_terminal_of(file);
    assert_false(terminal.interactive);
    assert_false(terminal.colour);
    fclose(file);
    close(master);
}

static void the_locale_decides_on_unicode(void **state)
{
    (void)state;
    set_locale(NULL, NULL, "en_GB.UTF-8");
    assert_true(lw_terminal_of(stdout).unicode);
    set_locale(NULL, "C.utf8", NULL);
    assert_true(lw_terminal_of(stdout).unicode);
    set_locale("C", "C.UTF-8", "C.UTF-8");
    assert_false(lw_terminal_of(stdout).unicode);
    set_locale("", "", "de_DE.ISO-8859-1");
    assert_false(lw_terminal_of(stdout).unicode);
    set_locale(NULL, NULL, NULL);
    assert_false(lw_terminal_of(stdout).unicode);
}

static void styles_need_colours(void **state)
{
    (void)state;
    lw_terminal plain = {.unicode = true}, coloured = {.colour = true};
    assert_string_equal(lw_style_begin(&plain, LW_STYLE_BAD), "");
    assert_string_equal(lw_style_end(&plain, LW_STYLE_BAD), "");
    assert_string_equal(lw_style_begin(&coloured, LW_STYLE_BAD), "\x1b[31m");
    assert_string_equal(lw_style_end(&coloured, LW_STYLE_BAD), "\x1b[0m");
    assert_string_equal(lw_style_end(&coloured, LW_STYLE_PLAIN), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_plain),
        cmocka_unit_test(a_terminal_is_asked_for_its_size),
        cmocka_unit_test(the_locale_decides_on_unicode),
        cmocka_unit_test(styles_need_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
