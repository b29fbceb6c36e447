// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // pthread_setaffinity_np
#include "study/pool.h"

#include "base/error.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

typedef struct pool {
    const lw_pool_work *work;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t next;
    int32_t n_busy; // threads that are not done
    bool closed;    // no further tasks
} pool;

typedef struct pool_thread {
    pool *pool;
    int32_t number;
    pthread_t thread;
} pool_thread;

// False when there is nothing left to do.
static bool take_task(pool *p, size_t *task)
{
    pthread_mutex_lock(&p->mutex);
    const bool there = !p->closed && p->next < p->work->n_tasks;
    if (there) *task = p->next++;
    pthread_mutex_unlock(&p->mutex);
    return there;
}

static void close_pool(pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->closed = true;
    pthread_mutex_unlock(&p->mutex);
}

static void *work_on(void *context)
{
    const pool_thread *self = context;
    pool *p = self->pool;
    size_t task;
    while (take_task(p, &task))
        if (!p->work->run(p->work->user, task, self->number)) close_pool(p);
    pthread_mutex_lock(&p->mutex);
    p->n_busy--;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

// Two threads that share a processor for a while lose that time; on a machine where each has one, the
// scheduler is not left to find out. That it is refused is no harm.
static void pin_threads(const pool_thread *threads, int32_t n)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) != n) return;
    size_t cpu = 0;
    for (int32_t i = 0; i < n; i++, cpu++) {
        while (!CPU_ISSET(cpu, &allowed)) cpu++;
        cpu_set_t own;
        CPU_ZERO(&own);
        CPU_SET(cpu, &own);
        pthread_setaffinity_np(threads[i].thread, sizeof own, &own);
    }
}

// Waits until all threads are done, or for a tenth of a second; false when they are done.
static bool wait_a_moment(pool *p)
{
    const long tenth_ns = 100000000, second_ns = 1000000000;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += tenth_ns;
    until.tv_sec += until.tv_nsec / second_ns;
    until.tv_nsec %= second_ns;
    pthread_mutex_lock(&p->mutex);
    if (p->n_busy > 0) pthread_cond_timedwait(&p->changed, &p->mutex, &until);
    const bool busy = p->n_busy > 0;
    pthread_mutex_unlock(&p->mutex);
    return busy;
}

lw_status lw_pool_run(const lw_pool_work *work, int32_t threads)
{
    if (threads < 1 || work->n_tasks == 0) return LW_OK;
    if ((size_t)threads > work->n_tasks) threads = (int32_t)work->n_tasks;
    pool p = {.work = work};
    pool_thread *team = calloc((size_t)threads, sizeof *team);
    if (!team) return lw_fail(LW_ERROR_MEMORY, "no memory for %d threads", threads);
    pthread_mutex_init(&p.mutex, NULL);
    pthread_cond_init(&p.changed, NULL);
    p.n_busy = threads; // before any of them can be done
    int32_t n = 0;
    for (; n < threads; n++) {
        team[n] = (pool_thread){.pool = &p, .number = n};
        if (pthread_create(&team[n].thread, NULL, work_on, &team[n]) != 0) break;
    }
    pthread_mutex_lock(&p.mutex);
    p.n_busy -= threads - n;
    pthread_mutex_unlock(&p.mutex);
    pin_threads(team, n);
    while (wait_a_moment(&p))
        if (work->watch && !work->watch(work->user)) close_pool(&p);
    for (int32_t i = 0; i < n; i++) pthread_join(team[i].thread, NULL);
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.mutex);
    free(team);
    if (n == 0) return lw_fail(LW_ERROR_MEMORY, "no thread could be started");
    return LW_OK;
}
