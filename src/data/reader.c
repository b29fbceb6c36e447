// SPDX-License-Identifier: Apache-2.0
// Decoding ahead. The threads take positions in their order; they wait while what they have decoded
// fills the memory, except for positions that somebody waits for: so whoever asks far ahead, before
// the earlier ones are let go, waits for work and never for ever.
#include "base/error.h"
#include "base/memory.h"
#include "data/crew.h"

#include <lanewise/data.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t usual_memory_bytes = (uint64_t)64 << 20;

typedef enum slot_state { SLOT_UNTOUCHED, SLOT_CLAIMED, SLOT_READY, SLOT_FAILED } slot_state;

typedef struct slot {
    uint8_t *pixels; // when it failed: the sentence
    slot_state state;
    lw_status status;
} slot;

struct lw_reader {
    const lw_dataset *dataset;
    uint32_t *order; // NULL: as they are
    size_t count;
    slot *slots; // (count) of a streamed set; NULL otherwise
    pthread_t threads[LW_CREW_LIMIT];
    int32_t n_threads;
    uint64_t memory_bytes, used_bytes; // pixels that were decoded or are being decoded
    size_t next;                       // the first position that nobody has claimed
    size_t passed;                     // everything before it has been used
    size_t wanted;                     // somebody waits for a position before this one
    bool stopping;
    pthread_mutex_t mutex;
    pthread_cond_t ready; // a slot was filled
    pthread_cond_t room;  // memory came free, something is wanted, or it is over
};

static size_t position_in_set(const lw_reader *reader, size_t position)
{
    return reader->order ? reader->order[position] : position;
}

static size_t sample_bytes(const lw_sample *sample)
{
    return (size_t)sample->height * (size_t)sample->width * (size_t)sample->channels;
}

// ---- the threads --------------------------------------------------------------------------------

// Under the mutex. With nothing decoded yet there is always room, however large an image is.
static bool may_claim(const lw_reader *reader)
{
    if (reader->next >= reader->count) return false;
    if (reader->next < reader->wanted || reader->used_bytes == 0) return true;
    lw_sample sample = lw_dataset_get(reader->dataset, position_in_set(reader, reader->next));
    return reader->used_bytes + sample_bytes(&sample) <= reader->memory_bytes;
}

static void let_go(lw_reader *reader, size_t position)
{
    slot *passed = &reader->slots[position];
    if (passed->state == SLOT_READY) {
        lw_sample sample = lw_dataset_get(reader->dataset, position_in_set(reader, position));
        reader->used_bytes -= sample_bytes(&sample);
    }
    free(passed->pixels);
    passed->pixels = NULL;
}

// Decodes outside of the mutex.
static void fill(lw_reader *reader, size_t position)
{
    size_t at = position_in_set(reader, position);
    lw_sample sample = lw_dataset_get(reader->dataset, at);
    size_t bytes = sample_bytes(&sample);
    slot done = {.pixels = malloc(bytes), .state = SLOT_READY};
    lw_status status = done.pixels
                           ? lw_dataset_read(reader->dataset, at, done.pixels)
                           : lw_fail(LW_ERROR_MEMORY, "no memory for %zu bytes of pixels", bytes);
    if (status) {
        free(done.pixels);
        done = (slot){.pixels = (uint8_t *)strdup(lw_error_message()),
                      .state = SLOT_FAILED,
                      .status = status};
    }
    pthread_mutex_lock(&reader->mutex);
    reader->slots[position] = done;
    if (status) reader->used_bytes -= bytes;
    if (position < reader->passed) let_go(reader, position);
    pthread_cond_broadcast(&reader->ready);
    pthread_cond_broadcast(&reader->room);
    pthread_mutex_unlock(&reader->mutex);
}

static void *run_thread(void *user)
{
    lw_reader *reader = user;
    for (;;) {
        pthread_mutex_lock(&reader->mutex);
        while (!reader->stopping && !may_claim(reader))
            pthread_cond_wait(&reader->room, &reader->mutex);
        if (reader->stopping) {
            pthread_mutex_unlock(&reader->mutex);
            return NULL;
        }
        size_t position = reader->next++;
        lw_sample sample = lw_dataset_get(reader->dataset, position_in_set(reader, position));
        reader->slots[position].state = SLOT_CLAIMED;
        reader->used_bytes += sample_bytes(&sample);
        pthread_mutex_unlock(&reader->mutex);
        fill(reader, position);
    }
}

// ---- the interface ------------------------------------------------------------------------------

static lw_status copy_order(lw_reader *reader, const uint32_t *order)
{
    size_t bytes;
    for (size_t i = 0; i < reader->count; i++)
        if (order[i] >= lw_dataset_size(reader->dataset))
            return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected positions below %zu, got %u",
                           lw_dataset_name(reader->dataset), lw_dataset_size(reader->dataset),
                           order[i]);
    reader->order = lw_size_multiply(reader->count, sizeof *order, &bytes) ? malloc(bytes) : NULL;
    if (!reader->order)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the order of %zu samples", reader->count);
    memcpy(reader->order, order, bytes);
    return LW_OK;
}

static lw_status start_threads(lw_reader *reader, int32_t wanted)
{
    reader->slots = calloc(reader->count, sizeof *reader->slots);
    if (!reader->slots)
        return lw_fail(LW_ERROR_MEMORY, "no memory to read %zu samples ahead", reader->count);
    int32_t threads = lw_crew_size(wanted);
    for (; reader->n_threads < threads; reader->n_threads++)
        if (pthread_create(&reader->threads[reader->n_threads], NULL, run_thread, reader) != 0)
            break;
    if (reader->n_threads == 0)
        return lw_fail(LW_ERROR_MEMORY, "the system gives no thread to read samples with");
    return LW_OK;
}

lw_status lw_reader_create(lw_reader **reader, const lw_dataset *dataset, const uint32_t *order,
                           size_t count, const lw_reader_options *options)
{
    if (!reader) return lw_fail(LW_ERROR_ARGUMENT, "lw_reader_create: reader is NULL");
    *reader = NULL;
    if (!dataset) return lw_fail(LW_ERROR_ARGUMENT, "lw_reader_create: dataset is NULL");
    if (!order) count = lw_dataset_size(dataset);
    if (count == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "data set %s: expected an order of at least one sample",
                       lw_dataset_name(dataset));
    lw_reader *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a reader");
    lw_reader_options given = options ? *options : (lw_reader_options){.threads = 0};
    made->dataset = dataset;
    made->count = count;
    made->memory_bytes = given.memory_bytes ? given.memory_bytes : usual_memory_bytes;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->ready, NULL);
    pthread_cond_init(&made->room, NULL);
    lw_status status = order ? copy_order(made, order) : LW_OK;
    if (!status && lw_dataset_is_streamed(dataset)) status = start_threads(made, given.threads);
    *reader = made;
    if (status) lw_reader_destroy(reader);
    return status;
}

lw_status lw_reader_get(lw_reader *reader, size_t position, lw_sample *sample)
{
    if (!reader || !sample)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_reader_get: reader or sample is NULL");
    if (position >= reader->count)
        return lw_fail(LW_ERROR_ARGUMENT, "reader: expected a position below %zu, got %zu",
                       reader->count, position);
    *sample = lw_dataset_get(reader->dataset, position_in_set(reader, position));
    if (!reader->slots) return LW_OK;
    lw_status status = LW_OK;
    pthread_mutex_lock(&reader->mutex);
    slot *wanted = &reader->slots[position];
    if (position < reader->passed) {
        status = lw_fail(LW_ERROR_ARGUMENT, "reader: position %zu was passed already", position);
    } else {
        if (reader->wanted <= position) {
            reader->wanted = position + 1;
            pthread_cond_broadcast(&reader->room);
        }
        while (wanted->state < SLOT_READY) pthread_cond_wait(&reader->ready, &reader->mutex);
        if (wanted->state == SLOT_FAILED)
            status = lw_fail(wanted->status, "%s",
                             wanted->pixels ? (const char *)wanted->pixels : "no memory");
        sample->pixels = status ? NULL : wanted->pixels;
    }
    pthread_mutex_unlock(&reader->mutex);
    return status;
}

void lw_reader_advance(lw_reader *reader, size_t position)
{
    if (!reader || !reader->slots) return;
    if (position > reader->count) position = reader->count;
    pthread_mutex_lock(&reader->mutex);
    for (; reader->passed < position; reader->passed++) let_go(reader, reader->passed);
    if (reader->next < reader->passed) reader->next = reader->passed; // nobody wants those any more
    pthread_cond_broadcast(&reader->room);
    pthread_mutex_unlock(&reader->mutex);
}

void lw_reader_destroy(lw_reader **reader)
{
    if (!reader || !*reader) return;
    lw_reader *old = *reader;
    pthread_mutex_lock(&old->mutex);
    old->stopping = true;
    pthread_cond_broadcast(&old->room);
    pthread_mutex_unlock(&old->mutex);
    for (int32_t i = 0; i < old->n_threads; i++) pthread_join(old->threads[i], NULL);
    for (size_t i = 0; old->slots && i < old->count; i++) free(old->slots[i].pixels);
    pthread_cond_destroy(&old->room);
    pthread_cond_destroy(&old->ready);
    pthread_mutex_destroy(&old->mutex);
    free(old->slots);
    free(old->order);
    free(old);
    *reader = NULL;
}
