// SPDX-License-Identifier: Apache-2.0
#define _XOPEN_SOURCE 700 // nftw
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef LW_HAVE_ZLIB
#include <zlib.h>
#endif

static char root[PATH_BYTES];

const char *folder(void)
{
    if (root[0]) return root;
    const char *temporary = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.900s/lanewise-test-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(root)) {
        perror(root);
        exit(1);
    }
    return root;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *position)
{
    (void)info;
    (void)kind;
    (void)position;
    return remove(path);
}

void remove_folder(void)
{
    if (!root[0]) return;
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    root[0] = '\0';
}

int leave_folder(void **state)
{
    (void)state;
    remove_folder();
    return 0;
}

void empty_folder(void)
{
    char path[sizeof root];
    memcpy(path, folder(), sizeof path);
    remove_folder();
    if (mkdir(path, 0700) != 0) {
        perror(path);
        exit(1);
    }
    memcpy(root, path, sizeof root);
}

const char *in_folder(const char *name)
{
    static char paths[8][PATH_BYTES + 256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder(), name);
    return path;
}

const char *make_folder(const char *name)
{
    const char *path = in_folder(name);
    if (mkdir(path, 0777) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

const char *write_file(const char *name, const void *bytes, size_t count)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

size_t gzip(uint8_t *out, size_t room, const void *bytes, size_t count)
{
#ifdef LW_HAVE_ZLIB
    z_stream deflater = {0};
    if (deflateInit2(&deflater, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    deflater.next_in = (z_const Bytef *)(uintptr_t)bytes;
    deflater.avail_in = (uInt)count;
    deflater.next_out = out;
    deflater.avail_out = (uInt)room;
    if (deflate(&deflater, Z_FINISH) != Z_STREAM_END) abort();
    size_t written = deflater.total_out;
    deflateEnd(&deflater);
    return written;
#else
    (void)out;
    (void)room;
    (void)bytes;
    (void)count;
    return 0;
#endif
}

const char *write_gzip(const char *name, const void *bytes, size_t count)
{
    size_t room = count + count / 100 + 1024;
    uint8_t *packed = calloc(room, 1);
    if (!packed) abort();
    const char *path = write_file(name, packed, gzip(packed, room, bytes, count));
    free(packed);
    return path;
}

size_t make_idx(uint8_t *out, uint8_t type, int rank, const uint32_t *sizes, size_t n_values,
                int modulus)
{
    size_t at = 0;
    out[at++] = 0;
    out[at++] = 0;
    out[at++] = type;
    out[at++] = (uint8_t)rank;
    for (int i = 0; i < rank; i++)
        for (int shift = 24; shift >= 0; shift -= 8) out[at++] = (uint8_t)(sizes[i] >> shift);
    for (size_t i = 0; i < n_values; i++)
        out[at++] = (uint8_t)(modulus ? (i + 1) % (size_t)modulus : i + 1);
    return at;
}

bool failed_with(lw_status status, lw_status expected, const char *part)
{
    return status != LW_OK && status == expected && strstr(lw_error_message(), part) != NULL;
}
