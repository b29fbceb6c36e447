// SPDX-License-Identifier: Apache-2.0
#include "cpu/thread_conditions.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

// The linker puts this in the place of pthread_create.
atomic_int threads_to_come = 1000000;
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *context)
{
    if (atomic_fetch_sub(&threads_to_come, 1) <= 0) return 11; // EAGAIN
    return __real_pthread_create(thread, attributes, start, context);
}

// ThreadSanitizer takes no new threads in the child of a process that has several, and qemu ends there.
#ifdef LW_TESTS_ARE_EMULATED
#define FORKS_ARE_LEFT_OUT
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKS_ARE_LEFT_OUT
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FORKS_ARE_LEFT_OUT
#endif

void need_forks(void)
{
#ifdef FORKS_ARE_LEFT_OUT
    skip();
#endif
}

static void rest(long milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// A single thread that spins would take all of a processor's time, or its share of a busy one.
void assert_nothing_spins(void)
{
    rest(20); // whoever still looks for work may do so for some microseconds
    const double before = cpu_seconds();
    rest(300);
    assert_true(cpu_seconds() - before < 0.02);
}
