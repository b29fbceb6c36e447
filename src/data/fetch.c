// SPDX-License-Identifier: Apache-2.0
// Fetching with libcurl. What comes from the network is believed only once its checksum is right;
// until then it stays in memory, bounded by the size that the file is known to have.
#include "data/fetch.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { note_lasts_seconds = 24 * 60 * 60, note_most_bytes = 4096 };

void lw_fetch_note_failure(const char *note_path, int64_t now_seconds, const char *reason)
{
    char text[note_most_bytes];
    int length = snprintf(text, sizeof text, "%lld %s\n", (long long)now_seconds, reason);
    if (length > 0 && (size_t)length < sizeof text)
        (void)lw_file_write(note_path, text, (size_t)length);
}

void lw_fetch_forget_failure(const char *note_path)
{
    (void)unlink(note_path);
}

bool lw_fetch_failed_lately(const char *note_path, int64_t now_seconds, char *reason,
                            size_t reason_bytes, int *hours_ago)
{
    uint8_t *bytes;
    size_t count;
    if (lw_file_read(note_path, note_most_bytes, &bytes, &count) != LW_OK) return false;
    char *text = (char *)bytes, *end = text;
    long long then = strtoll(text, &end, 10);
    // A clock that was set back makes a note from the future: it does not count.
    bool lately = end != text && *end == ' ' && then <= now_seconds &&
                  now_seconds - then < note_lasts_seconds;
    if (lately) {
        snprintf(reason, reason_bytes, "%s", end + 1);
        reason[strcspn(reason, "\n")] = '\0';
        *hours_ago = (int)((now_seconds - then) / 3600);
    }
    free(bytes);
    return lately;
}

#if defined(LW_HAVE_FETCH) && defined(LW_HAVE_ZLIB)

#include "data/curl_library.h"
#include "data/sha256.h"
#include "data/stream.h"

enum {
    connect_timeout_seconds = 5,
    slowest_bytes_per_second = 4096, // slower than this ...
    slow_seconds = 15,               // ... for so long counts as dead
    most_redirections = 5,
    header_slack_bytes = 65536 // by how much gzip may make a file larger
};

typedef struct download {
    char address[1024];
    char host[256]; // stands for the address in messages; file:// has none, then it is the address
    lw_text body;
    size_t most_bytes;
} download;

bool lw_fetch_available(void)
{
    return true;
}

__attribute__((format(printf, 2, 3))) static void report(const lw_fetch_job *job,
                                                         const char *format, ...)
{
    if (!job->report) return;
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    job->report(job->user, sentence);
}

// A short count tells curl to stop.
static size_t take_bytes(char *bytes, size_t size, size_t count, void *user)
{
    download *got = user;
    (void)size; // always 1
    if (count > got->most_bytes - got->body.length) return 0;
    lw_text_append(&got->body, bytes, count);
    return got->body.failed ? 0 : count;
}

// Everything that makes a fetch end: bounded time to connect, no endless trickle, few redirections,
// and only the one protocol, so that a redirection cannot lead to plain HTTP or to a local file.
static void configure(const lw_curl *curl, CURL *handle, const char *protocol, download *got)
{
    curl->setopt(handle, CURLOPT_URL, got->address);
    curl->setopt(handle, CURLOPT_NOSIGNAL, 1L); // no signals in a library
    curl->setopt(handle, CURLOPT_USERAGENT, "lanewise");
    curl->setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl->setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl->setopt(handle, CURLOPT_MAXREDIRS, (long)most_redirections);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl->setopt(handle, CURLOPT_PROTOCOLS_STR, protocol);
    curl->setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, protocol);
#else
    long allowed = strcmp(protocol, "file") == 0 ? CURLPROTO_FILE : CURLPROTO_HTTPS;
    curl->setopt(handle, CURLOPT_PROTOCOLS, allowed);
    curl->setopt(handle, CURLOPT_REDIR_PROTOCOLS, allowed);
#endif
    curl->setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)connect_timeout_seconds);
    curl->setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)slowest_bytes_per_second);
    curl->setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)slow_seconds);
    curl->setopt(handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl->setopt(handle, CURLOPT_WRITEDATA, got);
}

// The address of one file on one mirror, and the host that stands for it.
static void set_address(download *got, const char *mirror, const char *file_name)
{
    snprintf(got->address, sizeof got->address, "%s%s.gz", mirror, file_name);
    const char *begin = strstr(got->address, "://");
    size_t length = begin ? strcspn(begin + 3, "/") : 0;
    if (length > 0)
        snprintf(got->host, sizeof got->host, "%.*s", (int)length, begin + 3);
    else
        snprintf(got->host, sizeof got->host, "%.255s", got->address);
}

// curl's own words are more precise than its code, except where they repeat the host.
static lw_status explain(const lw_curl *curl, CURL *handle, CURLcode code, const char *words,
                         const download *got)
{
    long answer = 0;
    curl->getinfo(handle, CURLINFO_RESPONSE_CODE, &answer);
    if (got->body.failed) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for it", got->address);
    if (code == CURLE_WRITE_ERROR)
        return lw_fail(LW_ERROR_IO, "%s: expected at most %zu bytes, it sends more", got->host,
                       got->most_bytes);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return lw_fail(LW_ERROR_IO, "%s: the server answered %ld", got->host, answer);
    bool use_words = words[0] && code != CURLE_COULDNT_RESOLVE_HOST;
    return lw_fail(LW_ERROR_IO, "%s: %s", got->host, use_words ? words : curl->strerror(code));
}

// One attempt with one mirror.
static lw_status download_file(download *got, const char *protocol)
{
    const lw_curl *curl;
    LW_TRY(lw_curl_load(&curl));
    CURL *handle = curl->init();
    if (!handle) return lw_fail(LW_ERROR_MEMORY, "%s: libcurl cannot start", got->address);
    char words[CURL_ERROR_SIZE] = "";
    configure(curl, handle, protocol, got);
    curl->setopt(handle, CURLOPT_ERRORBUFFER, words);
    CURLcode code = curl->perform(handle);
    lw_status status = code == CURLE_OK ? LW_OK : explain(curl, handle, code, words, got);
    curl->cleanup(handle);
    return status;
}

// The length is compared first: its message says more than two checksums do.
static lw_status check_sum(const char *where, const lw_fetch_file *file, const uint8_t *bytes,
                           size_t count)
{
    char sum[LW_SHA256_TEXT_BYTES];
    if (count != file->bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected %zu bytes unpacked, got %zu", where,
                       file->bytes, count);
    LW_TRY(lw_sha256(bytes, count, sum));
    if (strcmp(sum, file->sha256) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected SHA-256 %.12s..., got %.12s...", where,
                       file->sha256, sum);
    return LW_OK;
}

// Unpacks into a block of the size the file must have, so a bomb has nowhere to go.
static lw_status unpack_and_check(const download *got, const lw_fetch_file *file, uint8_t **bytes)
{
    *bytes = malloc(file->bytes + 1);
    if (!*bytes)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes", file->name, file->bytes);
    lw_stream *stream;
    size_t count = 0;
    LW_TRY(lw_stream_open_memory(&stream, got->host, got->body.bytes, got->body.length));
    lw_status status = lw_stream_read(stream, *bytes, file->bytes + 1, &count);
    lw_stream_close(&stream);
    return status ? status : check_sum(got->host, file, *bytes, count);
}

// Downloads and checks; *bytes is the unpacked file, the caller's to free.
static lw_status fetch_from(const lw_fetch_job *job, const lw_fetch_file *file, const char *mirror,
                            uint8_t **bytes)
{
    download got = {.most_bytes = file->bytes + header_slack_bytes};
    set_address(&got, mirror, file->name);
    report(job, "fetching %s", got.address);
    lw_status status = download_file(&got, job->protocol);
    if (!status) status = unpack_and_check(&got, file, bytes);
    lw_text_free(&got.body);
    if (status) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

// Tries the mirrors, the one that served the file before first.
static lw_status try_mirrors(const lw_fetch_job *job, const lw_fetch_file *file,
                             size_t *good_mirror, uint8_t **bytes)
{
    lw_text reasons = {0};
    lw_status status = LW_ERROR_IO;
    *bytes = NULL;
    for (size_t i = 0; i < job->n_mirrors; i++) {
        size_t mirror = (*good_mirror + i) % job->n_mirrors;
        status = fetch_from(job, file, job->mirrors[mirror], bytes);
        if (!status) *good_mirror = mirror;
        if (!status || status == LW_ERROR_MEMORY) break; // another mirror has no more memory
        lw_text_print(&reasons, "%s%s", i ? "; " : "", lw_error_message());
    }
    if (status && status != LW_ERROR_MEMORY)
        status = lw_fail(LW_ERROR_IO, "%s could not be fetched (%s): %s", job->title, file->name,
                         reasons.bytes ? reasons.bytes : "no mirror is known");
    lw_text_free(&reasons);
    return status;
}

// Whether the file is there with its checksum; any reason why not is one to fetch it.
static bool is_right(const char *path, const lw_fetch_file *file)
{
    uint8_t *bytes;
    size_t count;
    if (lw_file_read(path, file->bytes, &bytes, &count) != LW_OK) return false;
    bool right = check_sum(path, file, bytes, count) == LW_OK;
    free(bytes);
    return right;
}

// Makes sure that one file is in the folder, whole and right.
static lw_status fetch_file(const lw_fetch_job *job, const lw_fetch_file *file, size_t *good_mirror)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", job->folder, file->name);
    if (length < 0 || (size_t)length >= sizeof path)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", job->folder);
    if (is_right(path, file)) return LW_OK;
    uint8_t *bytes;
    LW_TRY(try_mirrors(job, file, good_mirror, &bytes));
    lw_status status = lw_file_write(path, bytes, file->bytes);
    free(bytes);
    return status;
}

lw_status lw_fetch_files(const lw_fetch_job *job)
{
    LW_TRY(lw_file_make_folder(job->folder)); // before anything is downloaded for nothing
    size_t good_mirror = 0;
    for (size_t i = 0; i < job->n_files; i++) LW_TRY(fetch_file(job, &job->files[i], &good_mirror));
    return LW_OK;
}

#else // no libcurl, or nothing to unpack with

bool lw_fetch_available(void)
{
    return false;
}

lw_status lw_fetch_files(const lw_fetch_job *job)
{
    return lw_fail(
        LW_ERROR_UNSUPPORTED,
        "%s could not be fetched: this build cannot fetch (built without libcurl, OpenSSL or zlib)",
        job->title);
}

#endif
