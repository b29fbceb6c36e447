// SPDX-License-Identifier: Apache-2.0
// Texts that name trials: what is off is left out, everything else stays.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "study/settings_text.h"

#include <stdio.h>
#include <string.h>

static void expect(const char *text, const char *shortened)
{
    char buffer[512];
    snprintf(buffer, sizeof buffer, "%s", text);
    lw_settings_text_shorten(buffer);
    assert_string_equal(buffer, shortened);
    lw_settings_text_shorten(buffer); // nothing is left to be done
    assert_string_equal(buffer, shortened);
}

static void what_is_off_is_left_out(void **state)
{
    (void)state;
    expect("training {\"a\":1,\"b\":0,\"c\":false,\"d\":null,\"e\":true}\n",
           "training {\"a\":1,\"e\":true}\n");
    expect("training {\"a\":0,\"b\":2}\n", "training {\"b\":2}\n");
    expect("training {\"a\":3,\"b\":0}\n", "training {\"a\":3}\n");
    expect("training {\"a\":0}\n", "training {}\n");
    expect("training {\"a\":0,\"b\":null}\n", "training {}\n");
    expect("training {\"o\":{\"name\":\"sgd\",\"momentum\":0},\"z\":0}\n",
           "training {\"o\":{\"name\":\"sgd\"}}\n");
    // An older version did not know patience: the same trial.
    expect("network x 1\ntraining {\"epochs\":5,\"patience\":0,\"lr\":0.1}\nresize=28x28\n",
           "network x 1\ntraining {\"epochs\":5,\"lr\":0.1}\nresize=28x28\n");
    expect("seeds\nnetwork x\ntraining {\"a\":0,\"b\":1}", "seeds\nnetwork x\ntraining {\"b\":1}");
}

static void everything_else_stays(void **state)
{
    (void)state;
    expect("", "");
    expect("lr=0\nmomentum=0\n", "lr=0\nmomentum=0\n");
    expect("training {\"a\":0.5,\"b\":01,\"c\":nullx,\"d\":\"0\",\"e\":\"null\"}\n",
           "training {\"a\":0.5,\"b\":01,\"c\":nullx,\"d\":\"0\",\"e\":\"null\"}\n");
    expect("training {\"jitter\":[0,0.9],\"words\":\"x,\\\"y\\\":0,z\"}\n",
           "training {\"jitter\":[0,0.9],\"words\":\"x,\\\"y\\\":0,z\"}\n");
    // What is cut off or no object at all.
    expect("training {\"a\":0,\"b", "training {\"b");
    expect("training {\"a\\", "training {\"a\\");
    expect("training \"\n\"a\":0,\n", "training \"\n\"a\":0,\n");
    expect("training ", "training ");
    expect("training", "training");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_off_is_left_out),
        cmocka_unit_test(everything_else_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
