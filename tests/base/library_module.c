// SPDX-License-Identifier: Apache-2.0
// What test_library loads.
#define EXPORT __attribute__((visibility("default")))

EXPORT int module_answer(void);
EXPORT int who_am_i(void);

int module_answer(void)
{
    return 42;
}

// The test program has one, too.
int who_am_i(void)
{
    return 1;
}
