// SPDX-License-Identifier: Apache-2.0
// LANEWISE_CONV and LANEWISE_VERBOSE: the grammar, whom it binds, and what is written to stderr.
// The environment is read once in a process, so every case of it runs in a child.
#include "conv/force.h"

#include <lanewise/conv.h>

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

static void expect_forced(const char *text, const char *layer, lw_conv_pass pass,
                          lw_conv_algorithm expected)
{
    lw_conv_algorithm algorithm;
    if (lw_conv_forced_algorithm(text, "LANEWISE_CONV", layer, pass, &algorithm))
        fail_msg("%s", lw_error_message());
    assert_int_equal(algorithm, expected);
}

static void entries_are_found(void **state)
{
    (void)state;
    const lw_conv_algorithm none = LW_CONV_ALGORITHM_AUTO, naive = LW_CONV_ALGORITHM_NAIVE,
                            unfold = LW_CONV_ALGORITHM_UNFOLD;
    expect_forced("", NULL, LW_CONV_FORWARD, none);
    expect_forced("fwd=unfold", NULL, LW_CONV_FORWARD, unfold);
    expect_forced("fwd=unfold", NULL, LW_CONV_BACKWARD_DATA, none);
    expect_forced("fwd=unfold", "conv2", LW_CONV_FORWARD, unfold);
    expect_forced("fwd=unfold,bwd_w=naive", NULL, LW_CONV_BACKWARD_WEIGHTS, naive);
    expect_forced("fwd=unfold,fwd=naive", NULL, LW_CONV_FORWARD, naive);
    expect_forced("fwd=unfold,", NULL, LW_CONV_FORWARD, unfold);
    // Layers.
    const char *mixed = "conv2.bwd_w=unfold,bwd_w=naive";
    expect_forced(mixed, "conv2", LW_CONV_BACKWARD_WEIGHTS, unfold);
    expect_forced(mixed, "conv1", LW_CONV_BACKWARD_WEIGHTS, naive);
    expect_forced(mixed, NULL, LW_CONV_BACKWARD_WEIGHTS, naive);
    expect_forced("bwd_w=naive,conv2.bwd_w=auto", "conv2", LW_CONV_BACKWARD_WEIGHTS, none);
    expect_forced("conv2.bwd_w=unfold", NULL, LW_CONV_BACKWARD_WEIGHTS, none);
    expect_forced("block.conv2.fwd=naive", "block.conv2", LW_CONV_FORWARD, naive);
}

static void malformed_entries_get_a_sentence(void **state)
{
    (void)state;
    const struct {
        const char *text, *word;
    } cases[] = {
        {"unfold", "expected [layer.]pass=algorithm"},
        {"fwd=unfold,,bwd_d=naive", "expected [layer.]pass=algorithm"},
        {"forward=unfold", "unknown pass 'forward'"},
        {"fwd=unfodl", "did you mean unfold?"},
        {"fwd=", "unknown algorithm ''"},
        {"fwd=unfold ", "unknown algorithm 'unfold '"},
        {"conv2=unfold", "for one layer as in conv2.bwd_w=unfold"},
        {"=unfold", "unknown pass ''"},
        {".fwd=unfold", "layer's name"},
        {"conv2.=unfold", "unknown pass ''"},
        {"fwd=naive,conv2.bwd_x=unfold", "'conv2.bwd_x=unfold': unknown pass"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lw_conv_algorithm algorithm;
        assert_int_equal(lw_conv_forced_algorithm(cases[i].text, "LANEWISE_CONV", NULL,
                                                  LW_CONV_FORWARD, &algorithm),
                         LW_ERROR_INPUT);
        if (!strstr(lw_error_message(), cases[i].word))
            fail_msg("'%s': %s", cases[i].text, lw_error_message());
        assert_non_null(strstr(lw_error_message(), "LANEWISE_CONV"));
    }
    char text[300];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lw_conv_algorithm algorithm;
    assert_int_equal(lw_conv_forced_algorithm(text, "LANEWISE_CONV", NULL, LW_CONV_FORWARD,
                                              &algorithm),
                     LW_ERROR_INPUT);
}

static const lw_conv_shape shape = {1, 2, 6, 6, 2, 3, 3, 1, 1, 1, 1, 1, 1};

// What a child finds: the chosen algorithm's name or the error, and what it wrote to stderr.
typedef struct findings {
    char found[256];
    char written[2048];
} findings;

static void read_all(int file, char *text, size_t text_bytes)
{
    size_t length = 0;
    ssize_t got;
    while (length + 1 < text_bytes &&
           (got = read(file, text + length, text_bytes - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(file);
}

// Plans a forward convolution with the given options and, when that works, executes it.
static void plan_and_run(const lw_conv_options *options, int answer)
{
    lw_conv_plan *plan;
    lw_status status = lw_conv_plan_create(&plan, &shape, LW_CONV_FORWARD, options);
    if (status) {
        dprintf(answer, "%s: %s", lw_status_name(status), lw_error_message());
        return;
    }
    dprintf(answer, "%s", lw_conv_plan_algorithm(plan));
    static float x[72], weights[36], y[72];
    void *workspace = malloc(lw_conv_plan_workspace_bytes(plan) + 1);
    if (lw_conv_forward(plan, x, weights, NULL, y, workspace)) dprintf(answer, " failed");
    free(workspace);
    lw_conv_plan_destroy(&plan);
}

static findings run_with(const char *conv, const char *verbose, const lw_conv_options *options)
{
    int answer[2], errors[2];
    assert_int_equal(pipe(answer), 0);
    assert_int_equal(pipe(errors), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("LANEWISE_CONV", conv, 1);
        setenv("LANEWISE_VERBOSE", verbose, 1);
        dup2(errors[1], STDERR_FILENO);
        plan_and_run(options, answer[1]);
        _exit(0);
    }
    assert_true(child > 0);
    close(answer[1]);
    close(errors[1]);
    findings result;
    read_all(answer[0], result.found, sizeof result.found);
    read_all(errors[0], result.written, sizeof result.written);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return result;
}

static const lw_conv_options automatic = {.threads = 1};
static const lw_conv_options unfold_wanted = {.algorithm = LW_CONV_ALGORITHM_UNFOLD, .threads = 1};

static void environment_forces_plans(void **state)
{
    (void)state;
    assert_string_equal(run_with("fwd=naive", "", &automatic).found, "naive");
    assert_string_equal(run_with("fwd=unfold", "", &automatic).found, "unfold");
    assert_string_equal(run_with("bwd_d=naive,fwd=unfold", "", &automatic).found, "unfold");
    // Entries of layers do not bind plain plans, and a program's own choice goes first.
    assert_string_equal(run_with("conv1.fwd=naive,fwd=unfold", "", &automatic).found, "unfold");
    assert_string_equal(run_with("fwd=naive", "", &unfold_wanted).found, "unfold");
    findings wrong = run_with("fwd=fast", "", &automatic);
    assert_non_null(strstr(wrong.found, "bad input: LANEWISE_CONV: 'fwd=fast': unknown algorithm"));
    assert_string_equal(wrong.written, "");
}

static void nothing_is_written_unasked(void **state)
{
    (void)state;
    assert_string_equal(run_with("", "", &automatic).written, "");
    assert_string_equal(run_with("", "something_else", &automatic).written, "");
}

static void dispatch_is_written_when_asked_for(void **state)
{
    (void)state;
    findings forced = run_with("fwd=naive", "dispatch", &automatic);
    const char *problem = "lanewise: dispatch: mb1ic2ih6oc2oh6kh3ph1 fwd ";
    const char *first = strstr(forced.written, problem);
    assert_non_null(first);
    assert_non_null(strstr(first + 1, problem)); // a line for every candidate
    assert_non_null(strstr(forced.written, " unfold: yes, "));
    assert_non_null(strstr(forced.written, " naive: yes, 0 bytes of workspace, about "));
    assert_non_null(strstr(forced.written, "cycles (forced)\n"));
    assert_null(strstr(forced.written, "GFLOP/s"));
    findings chosen = run_with("", "exec,dispatch", &automatic);
    assert_non_null(strstr(chosen.written, "cycles (chosen)\n"));
    assert_non_null(strstr(chosen.written, "lanewise: exec: mb1ic2ih6oc2oh6kh3ph1 fwd "));
    assert_non_null(strstr(chosen.written, "GFLOP/s\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found),
        cmocka_unit_test(malformed_entries_get_a_sentence),
        cmocka_unit_test(environment_forces_plans),
        cmocka_unit_test(nothing_is_written_unasked),
        cmocka_unit_test(dispatch_is_written_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
