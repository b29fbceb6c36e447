// SPDX-License-Identifier: Apache-2.0
// zlib's own file functions pass over garbage behind the data and read folders as empty files; a
// data set that was cut or overwritten has to be noticed, so the reading is done here.
#include "data/stream.h"

#include "base/error.h"
#include "data/gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef LW_HAVE_ZLIB
#include <zlib.h>
#endif

enum { buffer_bytes = 64 * 1024 };

struct lw_stream {
    char *name;
    int descriptor; // -1: memory
    uint64_t stored_bytes;
    const uint8_t *next; // stored bytes not yet used: in `buffer`, or in the caller's memory
    size_t available;
    uint8_t *buffer; // (buffer_bytes), NULL for memory
    bool gzipped;
    bool member_open; // gzip: inside a member, its end was not seen yet
#ifdef LW_HAVE_ZLIB
    z_stream inflater;
    bool inflater_ready;
#endif
};

// *got is 0 at the end of the file.
static lw_status read_file(const lw_stream *stream, uint8_t *bytes, size_t want, size_t *got)
{
    ssize_t count;
    do {
        count = read(stream->descriptor, bytes, want);
    } while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    if (count < 0)
        return lw_fail(LW_ERROR_IO, "%s: cannot read: %s", stream->name, strerror(errno));
    return LW_OK;
}

// Makes stored bytes available, unless all were used; then `available` stays 0.
static lw_status refill(lw_stream *stream)
{
    if (stream->available > 0 || stream->descriptor < 0) return LW_OK;
    stream->next = stream->buffer;
    return read_file(stream, stream->buffer, buffer_bytes, &stream->available);
}

// gzip is told by its first two bytes, not by the file's name.
static bool starts_with_gzip(const lw_stream *stream)
{
    return stream->available >= 2 && stream->next[0] == 0x1f && stream->next[1] == 0x8b;
}

// Looks at the first bytes and gets ready for what they announce.
static lw_status start(lw_stream *stream)
{
    LW_TRY(refill(stream));
    stream->gzipped = starts_with_gzip(stream);
    if (!stream->gzipped) return LW_OK;
#ifdef LW_HAVE_ZLIB
    // 16 asks zlib for the gzip wrapping and nothing else.
    if (inflateInit2(&stream->inflater, 16 + MAX_WBITS) != Z_OK)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to undo gzip", stream->name);
    stream->inflater_ready = true;
    stream->member_open = true;
    return LW_OK;
#else
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: the file is gzipped and this build has no zlib; unpack it with gunzip",
                   stream->name);
#endif
}

// Both kinds of stream begin like this: no descriptor, nothing available.
static lw_status create(lw_stream **stream, const char *name)
{
    lw_stream *made = calloc(1, sizeof *made);
    if (made) made->name = strdup(name);
    if (!made || !made->name) {
        free(made);
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read it", name);
    }
    made->descriptor = -1;
    *stream = made;
    return LW_OK;
}

static lw_status open_file(lw_stream *stream)
{
    const char *path = stream->name;
    // O_NONBLOCK: a named pipe without a writer must not hang us before it is refused.
    stream->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (stream->descriptor < 0 || fstat(stream->descriptor, &info) != 0)
        return lw_fail(errno == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO, "%s: cannot open: %s",
                       path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a file, got a folder", path);
    if (!S_ISREG(info.st_mode)) return lw_fail(LW_ERROR_INPUT, "%s: expected a regular file", path);
    stream->stored_bytes = (uint64_t)info.st_size;
    stream->buffer = malloc(buffer_bytes);
    if (!stream->buffer)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %d bytes", path, (int)buffer_bytes);
    return start(stream);
}

lw_status lw_stream_open(lw_stream **stream, const char *path)
{
    *stream = NULL;
    LW_TRY(create(stream, path));
    lw_status status = open_file(*stream);
    if (status) lw_stream_close(stream);
    return status;
}

lw_status lw_stream_open_memory(lw_stream **stream, const char *name, const void *bytes,
                                size_t count)
{
    *stream = NULL;
    LW_TRY(create(stream, name));
    (*stream)->stored_bytes = count;
    (*stream)->next = bytes;
    (*stream)->available = count;
    lw_status status = start(*stream);
    if (status) lw_stream_close(stream);
    return status;
}

// Copies what the buffer holds; much more than that is read to where it belongs.
static lw_status read_plain(lw_stream *stream, uint8_t *bytes, size_t want, size_t *got)
{
    while (*got < want) {
        if (stream->available == 0 && stream->descriptor >= 0 && want - *got >= buffer_bytes) {
            size_t count;
            LW_TRY(read_file(stream, bytes + *got, want - *got, &count));
            if (count == 0) break;
            *got += count;
            continue;
        }
        LW_TRY(refill(stream));
        if (stream->available == 0) break;
        size_t step = want - *got < stream->available ? want - *got : stream->available;
        memcpy(bytes + *got, stream->next, step);
        stream->next += step;
        stream->available -= step;
        *got += step;
    }
    return LW_OK;
}

#ifdef LW_HAVE_ZLIB
// Behind a member comes the end of the file or another member (as `cat a.gz b.gz` makes them).
static lw_status open_next_member(lw_stream *stream, bool *end)
{
    *end = false;
    LW_TRY(refill(stream));
    if (stream->available == 0) {
        *end = true;
        return LW_OK;
    }
    // The two bytes may lie on either side of a refill; then zlib judges the second one.
    if (stream->next[0] != 0x1f || (stream->available >= 2 && !starts_with_gzip(stream)))
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected the end of the file behind the gzip data, got more bytes",
                       stream->name);
    inflateReset(&stream->inflater);
    stream->member_open = true;
    return LW_OK;
}

// One call of zlib: it stops when the input, the room or the member is used up, whichever is first.
static lw_status inflate_some(lw_stream *stream, uint8_t *bytes, size_t want, size_t *got)
{
    LW_TRY(refill(stream));
    if (stream->available == 0)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the file is cut short: the gzip data of %llu bytes has no end",
                       stream->name, (unsigned long long)stream->stored_bytes);
    z_stream *inflater = &stream->inflater;
    const size_t most = 1u << 30; // zlib counts in unsigned int
    size_t input = stream->available < most ? stream->available : most;
    size_t room = want - *got < most ? want - *got : most;
    inflater->next_in = (z_const Bytef *)stream->next;
    inflater->avail_in = (uInt)input;
    inflater->next_out = bytes + *got;
    inflater->avail_out = (uInt)room;
    int code = inflate(inflater, Z_NO_FLUSH);
    stream->next += input - inflater->avail_in;
    stream->available -= input - inflater->avail_in;
    *got += room - inflater->avail_out;
    if (code == Z_STREAM_END) stream->member_open = false;
    if (code == Z_MEM_ERROR)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to undo gzip", stream->name);
    // Z_BUF_ERROR only says that one of the two sides is used up.
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return lw_fail(LW_ERROR_INPUT, "%s: the gzip data is damaged: %s", stream->name,
                       inflater->msg ? inflater->msg : "it needs a dictionary");
    return LW_OK;
}

// Goes through members until there is enough or the file ends between two of them. An end inside a
// member is an error (inflate_some).
static lw_status read_gzip(lw_stream *stream, uint8_t *bytes, size_t want, size_t *got)
{
    while (*got < want) {
        bool end = false;
        if (!stream->member_open) LW_TRY(open_next_member(stream, &end));
        if (end) break;
        LW_TRY(inflate_some(stream, bytes, want, got));
    }
    return LW_OK;
}
#endif

lw_status lw_stream_read(lw_stream *stream, void *bytes, size_t want, size_t *got)
{
    *got = 0;
#ifdef LW_HAVE_ZLIB
    if (stream->gzipped) return read_gzip(stream, bytes, want, got);
#endif
    return read_plain(stream, bytes, want, got);
}

bool lw_stream_unpack(const lw_stream *stream, size_t count, uint8_t **bytes)
{
    *bytes = NULL;
    return stream->gzipped && stream->descriptor >= 0 &&
           lw_gunzip_whole(stream->descriptor, stream->stored_bytes, count, bytes);
}

const char *lw_stream_name(const lw_stream *stream)
{
    return stream->name;
}

uint64_t lw_stream_stored_bytes(const lw_stream *stream)
{
    return stream->stored_bytes;
}

bool lw_stream_gzipped(const lw_stream *stream)
{
    return stream->gzipped;
}

void lw_stream_close(lw_stream **stream)
{
    if (!*stream) return;
#ifdef LW_HAVE_ZLIB
    if ((*stream)->inflater_ready) inflateEnd(&(*stream)->inflater);
#endif
    if ((*stream)->descriptor >= 0) close((*stream)->descriptor);
    free((*stream)->buffer);
    free((*stream)->name);
    free(*stream);
    *stream = NULL;
}
