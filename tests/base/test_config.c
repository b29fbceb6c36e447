// SPDX-License-Identifier: Apache-2.0
// The environment variables. They are read once in a process, so every case runs in a child.
#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// True when `holds` is true in a child whose environment is `variables` (name, value, ..., NULL).
static bool holds_with(const char *const *variables, bool (*holds)(void))
{
    pid_t child = fork();
    if (child == 0) {
        static const char *const known[] = {
            "LANEWISE_DATA_DIR", "LANEWISE_CACHE_DIR", "LANEWISE_MAX_ISA", "LANEWISE_CONV",
            "LANEWISE_VERBOSE",  "LANEWISE_OFFLINE",   "LANEWISE_DETERMINISTIC",
            "XDG_CACHE_HOME",    "HOME"};
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) unsetenv(known[i]);
        for (size_t i = 0; variables[i]; i += 2) setenv(variables[i], variables[i + 1], 1);
        _exit(holds() ? 0 : 1);
    }
    assert_true(child > 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}

static bool everything_is_empty(void)
{
    const lw_config *config = lw_config_get();
    return !*config->data_dir && !*config->cache_dir && !*config->max_isa && !*config->conv &&
           !*config->verbose && !config->offline && !config->deterministic;
}

static bool everything_is_set(void)
{
    const lw_config *config = lw_config_get();
    return strcmp(config->data_dir, "/data") == 0 && strcmp(config->cache_dir, "/cache") == 0 &&
           strcmp(config->max_isa, "avx2") == 0 && strcmp(config->conv, "fwd=naive") == 0 &&
           strcmp(config->verbose, "dispatch,exec") == 0 && config->offline && config->deterministic;
}

static void variables_are_read(void **state)
{
    (void)state;
    static const char *const nothing[] = {NULL};
    static const char *const all[] = {"LANEWISE_DATA_DIR", "/data",        "LANEWISE_CACHE_DIR",
                                      "/cache",            "XDG_CACHE_HOME", "/xdg",
                                      "LANEWISE_MAX_ISA",  "avx2",         "LANEWISE_CONV",
                                      "fwd=naive",         "LANEWISE_VERBOSE", "dispatch,exec",
                                      "LANEWISE_OFFLINE",  "1",            "LANEWISE_DETERMINISTIC", "1",
                                      NULL};
    assert_true(holds_with(nothing, everything_is_empty));
    assert_true(holds_with(all, everything_is_set));
    assert_false(holds_with(all, everything_is_empty)); // the helper can say no
}

static bool cache_is_xdg(void)
{
    return strcmp(lw_config_get()->cache_dir, "/xdg/lanewise") == 0;
}

static bool cache_is_in_home(void)
{
    return strcmp(lw_config_get()->cache_dir, "/home/me/.cache/lanewise") == 0;
}

static void cache_folder_follows_the_custom(void **state)
{
    (void)state;
    static const char *const xdg[] = {"XDG_CACHE_HOME", "/xdg", "HOME", "/home/me", NULL};
    static const char *const home[] = {"XDG_CACHE_HOME", "", "HOME", "/home/me", NULL};
    assert_true(holds_with(xdg, cache_is_xdg));
    assert_true(holds_with(home, cache_is_in_home));
}

static bool is_offline(void)
{
    return lw_config_get()->offline;
}

static void offline_is_anything_but_0(void **state)
{
    (void)state;
    static const char *const one[] = {"LANEWISE_OFFLINE", "1", NULL};
    static const char *const zero[] = {"LANEWISE_OFFLINE", "0", NULL};
    static const char *const empty[] = {"LANEWISE_OFFLINE", "", NULL};
    assert_true(holds_with(one, is_offline));
    assert_false(holds_with(zero, is_offline));
    assert_false(holds_with(empty, is_offline));
}

static bool exec_is_verbose_alone(void)
{
    return lw_config_verbose("exec") && !lw_config_verbose("dispatch") &&
           !lw_config_verbose("exe") && !lw_config_verbose("execute");
}

static bool both_are_verbose(void)
{
    return lw_config_verbose("exec") && lw_config_verbose("dispatch") && !lw_config_verbose("");
}

static void verbose_is_a_list_of_topics(void **state)
{
    (void)state;
    static const char *const one[] = {"LANEWISE_VERBOSE", "exec", NULL};
    static const char *const both[] = {"LANEWISE_VERBOSE", "dispatch,exec", NULL};
    static const char *const trailing[] = {"LANEWISE_VERBOSE", "exec,", NULL};
    assert_true(holds_with(one, exec_is_verbose_alone));
    assert_true(holds_with(trailing, exec_is_verbose_alone));
    assert_true(holds_with(both, both_are_verbose));
    assert_false(holds_with(one, both_are_verbose));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_read),
        cmocka_unit_test(cache_folder_follows_the_custom),
        cmocka_unit_test(offline_is_anything_but_0),
        cmocka_unit_test(verbose_is_a_list_of_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
