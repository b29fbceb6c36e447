// SPDX-License-Identifier: Apache-2.0
// Algorithms that a program forces on a network: they reach the plan, and nothing else does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/network.h"
#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

static const char text[] = "input 1x12x12\nconv 3 16 pad 1\nrelu\nmaxpool 2\nconv 3 16 pad 1\n"
                           "relu\nlinear 3\nsoftmax_cross_entropy\n";

static lw_network *make_network(void)
{
    lw_network *network;
    unsetenv("LANEWISE_CONV"); // of whoever runs the tests; it is read once
    assert_int_equal(lw_network_parse(&network, text, strlen(text), "small.net"), LW_OK);
    return network;
}

// The number of convolutions with a pass on plain arrays, as forced ones run.
static int count_plain(const lw_network *network)
{
    lw_parameter_layout layout;
    lw_plan *plan;
    assert_int_equal(lw_parameter_layout_create(&layout, network), LW_OK);
    assert_int_equal(lw_plan_create(&plan, network, &layout, lw_network_input(network)), LW_OK);
    int n = 0;
    for (size_t i = 0; i < plan->n_stages; i++) n += plan->stages[i].plain != NULL;
    lw_plan_destroy(&plan);
    lw_parameter_layout_destroy(&layout);
    return n;
}

static void what_is_forced_reaches_the_plan(void **state)
{
    (void)state;
    lw_network *network = make_network(), *copy;
    assert_int_equal(count_plain(network), 0);
    assert_int_equal(lw_network_force_algorithms(network, "fwd=naive"), LW_OK);
    assert_int_equal(count_plain(network), 2);
    assert_int_equal(lw_network_force_algorithms(network, "conv2.bwd_w=unfold"), LW_OK);
    assert_int_equal(count_plain(network), 1);
    assert_int_equal(lw_network_copy(&copy, network), LW_OK);
    assert_int_equal(count_plain(copy), 1);
    lw_network_destroy(&copy);
    assert_int_equal(lw_network_force_algorithms(network, NULL), LW_OK);
    assert_int_equal(count_plain(network), 0);
    lw_network_destroy(&network);
}

static void refuse(lw_network *network, const char *forced, const char *sentence)
{
    assert_int_equal(lw_network_force_algorithms(network, forced), LW_ERROR_INPUT);
    if (!strstr(lw_error_message(), sentence)) fail_msg("%s", lw_error_message());
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char long_text[600];
    lw_network *network = make_network();
    assert_int_equal(lw_network_force_algorithms(network, "conv1.fwd=naive"), LW_OK);
    refuse(network, "conv3.fwd=naive", "the network has no convolution 'conv3'");
    refuse(network, "fwd=naiv", "unknown algorithm 'naiv'");
    refuse(network, "naive", "expected [layer.]pass=algorithm");
    memset(long_text, ',', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    refuse(network, long_text, "expected at most 511 characters");
    assert_int_equal(count_plain(network), 1);
    assert_int_equal(lw_network_force_algorithms(NULL, ""), LW_ERROR_ARGUMENT);
    lw_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_forced_reaches_the_plan),
        cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("forced algorithms", tests, NULL, NULL);
}
