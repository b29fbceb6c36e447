// SPDX-License-Identifier: Apache-2.0
#include "run/event_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct lw_event_file {
    int descriptor;
    char path[4096];
};

// ---- bytes ------------------------------------------------------------------------------------

uint32_t lw_crc32c(const void *bytes, size_t count)
{
    const uint32_t polynomial = 0x82F63B78; // Castagnoli's, bits reversed
    const unsigned char *at = bytes;
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    }
    return ~crc;
}

// A sum over data that hold sums themselves would be weak, so it is turned and shifted.
static uint32_t masked_crc(const void *bytes, size_t count)
{
    const uint32_t crc = lw_crc32c(bytes, count);
    return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

static void append_little_endian(lw_text *text, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++) {
        const char byte = (char)(value >> (8 * i) & 0xFF);
        lw_text_append(text, &byte, 1);
    }
}

// ---- protocol buffers -------------------------------------------------------------------------

// How a field is written: as a varint, as eight bytes, as bytes with their length before them, as four.
enum { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5 };

static void append_varint(lw_text *text, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) append_little_endian(text, (value & 0x7F) | 0x80, 1);
    append_little_endian(text, value, 1);
}

static void append_key(lw_text *text, unsigned field, unsigned kind)
{
    append_varint(text, field << 3 | kind);
}

static void append_bytes(lw_text *text, unsigned field, const char *bytes, size_t count)
{
    append_key(text, field, LENGTH);
    append_varint(text, count);
    lw_text_append(text, bytes, count);
}

// Event { double wall_time = 1; int64 step = 2; ... }
static void begin_event(lw_text *event, int64_t step)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    append_key(event, 1, EIGHT_BYTES);
    append_little_endian(event, bits, 8);
    append_key(event, 2, VARINT);
    append_varint(event, (uint64_t)step);
}

// Summary { repeated Value value = 1; } with Value { string tag = 1; float simple_value = 2; }
static void append_scalar(lw_text *summary, const lw_event_scalar *scalar)
{
    lw_text value = {0};
    const float number = (float)scalar->value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    append_bytes(&value, 1, scalar->tag, strlen(scalar->tag));
    append_key(&value, 2, FOUR_BYTES);
    append_little_endian(&value, bits, 4);
    if (value.failed)
        summary->failed = true;
    else
        append_bytes(summary, 1, value.bytes, value.length);
    lw_text_free(&value);
}

// ---- the file ---------------------------------------------------------------------------------

static lw_status write_all(const lw_event_file *file, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(file->descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            return lw_fail(LW_ERROR_IO, "%s: cannot write: %s", file->path, strerror(errno));
        bytes += written;
        count -= (size_t)written;
    }
    return LW_OK;
}

static lw_status write_record(const lw_event_file *file, const lw_text *event)
{
    lw_text record = {0};
    append_little_endian(&record, event->length, 8);
    if (!record.failed) append_little_endian(&record, masked_crc(record.bytes, 8), 4);
    lw_text_append(&record, event->bytes, event->length);
    append_little_endian(&record, masked_crc(event->bytes, event->length), 4);
    const lw_status status = record.failed
                                 ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for it", file->path)
                                 : write_all(file, record.bytes, record.length);
    lw_text_free(&record);
    return status;
}

// Ends the life of an event: writes it, unless memory ran out on the way.
static lw_status finish_event(const lw_event_file *file, lw_text *event)
{
    const lw_status status = event->failed
                                 ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for it", file->path)
                                 : write_record(file, event);
    lw_text_free(event);
    return status;
}

// TensorBoard looks for "tfevents" in the names and reads files of one folder in the order of their names.
static lw_status open_new(lw_event_file *file, const char *folder)
{
    char host[64] = "localhost";
    if (gethostname(host, sizeof host) != 0 || memchr(host, '\0', sizeof host) == NULL)
        snprintf(host, sizeof host, "localhost");
    LW_TRY(lw_file_make_folder(folder));
    for (int again = 0; again < 1000; again++) {
        const int length =
            snprintf(file->path, sizeof file->path, "%s/events.out.tfevents.%lld.%s.%ld.%d", folder,
                     (long long)time(NULL), host, (long)getpid(), again);
        if (length < 0 || (size_t)length >= sizeof file->path)
            return lw_fail(LW_ERROR_INPUT, "%.200s...: the path is too long", folder);
        file->descriptor =
            open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (file->descriptor >= 0) return LW_OK;
        if (errno != EEXIST) break;
    }
    return lw_fail(LW_ERROR_IO, "%s: cannot write: %s", file->path, strerror(errno));
}

lw_status lw_event_file_create(lw_event_file **file, const char *folder)
{
    static const char version[] = "brain.Event:2"; // what every event file begins with
    lw_event_file *made = calloc(1, sizeof *made);
    *file = NULL;
    if (!made) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for an event file", folder);
    made->descriptor = -1;
    lw_status status = open_new(made, folder);
    if (!status) {
        lw_text event = {0};
        begin_event(&event, 0);
        append_bytes(&event, 3, version, sizeof version - 1);
        status = finish_event(made, &event);
    }
    if (status) lw_event_file_close(&made);
    *file = made;
    return status;
}

lw_status lw_event_file_add(lw_event_file *file, int64_t step, const lw_event_scalar *scalars,
                            size_t n)
{
    lw_text event = {0}, summary = {0};
    for (size_t i = 0; i < n; i++)
        if (!isnan(scalars[i].value)) append_scalar(&summary, &scalars[i]);
    if (summary.length == 0 && !summary.failed) return LW_OK;
    begin_event(&event, step);
    if (summary.failed)
        event.failed = true;
    else
        append_bytes(&event, 5, summary.bytes, summary.length);
    lw_text_free(&summary);
    return finish_event(file, &event);
}

void lw_event_file_close(lw_event_file **file)
{
    if (!file || !*file) return;
    if ((*file)->descriptor >= 0) close((*file)->descriptor);
    free(*file);
    *file = NULL;
}
