// SPDX-License-Identifier: Apache-2.0
#include "data/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

// Items taken at a time: the counter is touched less often, and neighbours stay together.
enum { stride = 16 };

typedef struct crew {
    const lw_crew_job *job;
    atomic_size_t next, done;
    atomic_int numbers; // handed out to the threads
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    int32_t running;
} crew;

int32_t lw_crew_size(int32_t wanted)
{
    long threads = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    if (threads < 1) threads = 1;
    return threads > LW_CREW_LIMIT ? LW_CREW_LIMIT : (int32_t)threads;
}

static void work(crew *team, int32_t thread)
{
    const lw_crew_job *job = team->job;
    for (;;) {
        size_t begin = atomic_fetch_add_explicit(&team->next, stride, memory_order_relaxed);
        if (begin >= job->count) return;
        size_t end = job->count - begin < stride ? job->count : begin + stride;
        for (size_t i = begin; i < end; i++) job->work(job->context, thread, i);
        atomic_fetch_add_explicit(&team->done, end - begin, memory_order_relaxed);
    }
}

static void *run_thread(void *user)
{
    crew *team = user;
    work(team, atomic_fetch_add(&team->numbers, 1));
    pthread_mutex_lock(&team->mutex);
    team->running--;
    pthread_cond_signal(&team->finished);
    pthread_mutex_unlock(&team->mutex);
    return NULL;
}

static struct timespec in_a_moment(void)
{
    const long moment_ns = 50000000, second_ns = 1000000000;
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += moment_ns;
    if (when.tv_nsec >= second_ns) {
        when.tv_nsec -= second_ns;
        when.tv_sec++;
    }
    return when;
}

static void wait_for(crew *team)
{
    const lw_crew_job *job = team->job;
    pthread_mutex_lock(&team->mutex);
    while (team->running > 0) {
        struct timespec when = in_a_moment();
        pthread_cond_timedwait(&team->finished, &team->mutex, &when);
        if (!job->progress || team->running == 0) continue;
        pthread_mutex_unlock(&team->mutex);
        job->progress(job->user, atomic_load(&team->done), job->count);
        pthread_mutex_lock(&team->mutex);
    }
    pthread_mutex_unlock(&team->mutex);
}

void lw_crew_run(int32_t threads, const lw_crew_job *job)
{
    pthread_t members[LW_CREW_LIMIT];
    int32_t started = 0;
    crew team = {.job = job};
    if (threads > LW_CREW_LIMIT) threads = LW_CREW_LIMIT;
    pthread_mutex_init(&team.mutex, NULL);
    pthread_cond_init(&team.finished, NULL);
    for (int32_t i = 0; i < threads && (size_t)i * stride < job->count; i++) {
        pthread_mutex_lock(&team.mutex);
        team.running++;
        pthread_mutex_unlock(&team.mutex);
        if (pthread_create(&members[started], NULL, run_thread, &team) == 0) {
            started++;
            continue;
        }
        pthread_mutex_lock(&team.mutex);
        team.running--;
        pthread_mutex_unlock(&team.mutex);
        break;
    }
    if (started == 0)
        work(&team, 0);
    else
        wait_for(&team);
    for (int32_t i = 0; i < started; i++) pthread_join(members[i], NULL);
    if (job->progress) job->progress(job->user, job->count, job->count);
    pthread_cond_destroy(&team.finished);
    pthread_mutex_destroy(&team.mutex);
}
