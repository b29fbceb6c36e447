// SPDX-License-Identifier: Apache-2.0
// What tests of threads share: a system that makes no more threads, forks, and whether something spins.
#ifndef LW_TESTS_CPU_THREAD_CONDITIONS_H
#define LW_TESTS_CPU_THREAD_CONDITIONS_H

#include <stdatomic.h>

// How many threads the system still makes. The program has to be linked with -Wl,--wrap=pthread_create.
extern atomic_int threads_to_come;

// Skips the test where the child of a fork can have no threads.
void need_forks(void);

// Fails when the process, which should be idle, takes CPU time.
void assert_nothing_spins(void);

#endif
