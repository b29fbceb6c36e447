// SPDX-License-Identifier: Apache-2.0
#include "data/gunzip.h"

#ifdef LW_HAVE_DEFLATE

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// What is larger has its input in memory only in pieces.
static const size_t most_bytes = (size_t)256 << 20;

enum { gzip_least_bytes = 18, length_bytes = 4 };

static bool read_whole(int descriptor, uint8_t *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(descriptor, bytes + done, count - done, (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false; // it was longer a moment ago
        done += (size_t)got;
    }
    return true;
}

// gzip ends with the length of what it holds. It may lie, but a file that is honest is not tried in vain.
static bool promises(const uint8_t *packed, size_t packed_bytes, size_t count)
{
    if (packed_bytes < gzip_least_bytes) return false;
    const uint8_t *end = packed + packed_bytes - length_bytes;
    const uint32_t length =
        (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    return length == (uint32_t)count;
}

// One member from the first byte to the last, whose checksum is right. The pages of `bytes` are used as they are filled, so
// that a promise that is not kept costs no memory.
static bool unpack(const uint8_t *packed, size_t packed_bytes, uint8_t *bytes, size_t count)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!decompressor) return false;
    size_t used = 0, made = 0;
    enum libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor, packed, packed_bytes, bytes, count, &used, &made);
    libdeflate_free_decompressor(decompressor);
    return result == LIBDEFLATE_SUCCESS && used == packed_bytes && made == count;
}

bool lw_gunzip_whole(int descriptor, uint64_t stored_bytes, size_t count, uint8_t **bytes)
{
    *bytes = NULL;
    if (stored_bytes == 0 || stored_bytes > most_bytes || count == 0 || count > most_bytes)
        return false;
    // Not from malloc, which keeps more of what is freed once blocks as large as this one come and go.
    const size_t packed_bytes = (size_t)stored_bytes;
    uint8_t *packed =
        mmap(NULL, packed_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (packed == MAP_FAILED) return false;
    bool done =
        read_whole(descriptor, packed, packed_bytes) && promises(packed, packed_bytes, count);
    if (done) *bytes = malloc(count);
    done = done && *bytes && unpack(packed, packed_bytes, *bytes, count);
    munmap(packed, packed_bytes);
    if (done) return true;
    free(*bytes);
    *bytes = NULL;
    return false;
}

#else // no libdeflate

bool lw_gunzip_whole(int descriptor, uint64_t stored_bytes, size_t count, uint8_t **bytes)
{
    (void)descriptor;
    (void)stored_bytes;
    (void)count;
    *bytes = NULL;
    return false;
}

#endif
