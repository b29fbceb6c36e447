// SPDX-License-Identifier: Apache-2.0
// The file of measured times: read with suspicion, written whole, merged under a lock.
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "conv/tuned_table.h"

#include <inttypes.h>
#include <lanewise/cpu.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A line has some 200 bytes: room for the convolutions of thousands of networks.
enum { limit_bytes = 4 << 20, most_entries = 16000 };

static const char first_words[] = "lanewise-tuning 1 ";

static uint64_t checksum(const char *bytes, size_t count)
{
    return lw_hash_bytes(lw_hash_start, bytes, count);
}

// ---- reading ----------------------------------------------------------------------------------

// Reads "direct=1200,unfold=3400". Modifies the text.
static bool read_times(char *text, lw_tuned_result *result)
{
    while (text) {
        char *next = strchr(text, ','), *equals = strchr(text, '=');
        if (next) *next++ = '\0';
        if (!equals || (next && equals > next) || result->n_times == LW_TUNED_MOST_TIMES)
            return false;
        *equals = '\0';
        lw_tuned_time *time = &result->times[result->n_times++];
        if (lw_conv_algorithm_parse(&time->algorithm, text) ||
            time->algorithm == LW_CONV_ALGORITHM_AUTO || !lw_parse_int64(equals + 1, &time->ns) ||
            time->ns < 1)
            return false;
        text = next;
    }
    return true;
}

// Reads one line, without its newline, into the table. Modifies the line. False when it is none.
static bool read_line(lw_tuned_table *table, char *line, lw_status *status)
{
    char *end_of_key = line;
    for (int i = 0; i < LW_TUNED_KEY_FIELDS; i++) {
        end_of_key = strchr(i ? end_of_key + 1 : line, '\t');
        if (!end_of_key) return false;
    }
    char *chosen = end_of_key + 1, *times = strchr(chosen, '\t');
    if (!times) return false;
    *end_of_key = '\0';
    *times++ = '\0';
    lw_tuned_result result = {0};
    if (lw_conv_algorithm_parse(&result.chosen, chosen) || !read_times(times, &result) ||
        lw_tuned_ns(&result, result.chosen) == 0)
        return false;
    *status = lw_tuned_table_put_line(table, line, &result);
    return true;
}

// Reads the file's text; *reason is what is wrong with it, NULL when nothing is.
static lw_status read_text(lw_tuned_table *table, char *text, size_t count, const char **reason)
{
    const size_t n_words = sizeof first_words - 1;
    char *body = memchr(text, '\n', count);
    *reason = "it is no tuning file of this version of Lanewise";
    if (!body || strncmp(text, first_words, n_words) != 0) return LW_OK;
    *body++ = '\0';
    char expected[20];
    snprintf(expected, sizeof expected, "%016" PRIx64,
             checksum(body, count - (size_t)(body - text)));
    *reason = "it is damaged: its checksum does not fit";
    if (strcmp(text + n_words, expected) != 0) return LW_OK;
    *reason = "it is damaged: a line cannot be read";
    while (*body) {
        char *end = strchr(body, '\n');
        lw_status status = LW_OK;
        if (!end) return LW_OK;
        *end = '\0';
        if (!read_line(table, body, &status)) return LW_OK;
        if (status) return status;
        body = end + 1;
    }
    *reason = body == text + count ? NULL : "it is damaged: it has zero bytes";
    return LW_OK;
}

static bool concerns_this_machine(const lw_tuned_table *table)
{
    if (table->n == 0) return true;
    for (size_t i = 0; i < table->n; i++)
        if (lw_tuned_entry_is_of_cpu(&table->entries[i]) &&
            lw_tuned_entry_is_of_kernels(&table->entries[i]))
            return true;
    return false;
}

lw_status lw_tuned_table_read(lw_tuned_table *table, char *text, size_t count, const char *name)
{
    const char *reason;
    *table = (lw_tuned_table){0};
    const lw_status status = read_text(table, text, count, &reason);
    if (status || reason) lw_tuned_table_free(table);
    if (!status && reason)
        snprintf(table->note, sizeof table->note, "%.300s: ignored, since %s", name, reason);
    else if (!status && !concerns_this_machine(table))
        snprintf(table->note, sizeof table->note,
                 "%.300s: ignored, since nothing in it was measured on this CPU (%.60s) with these "
                 "kernels",
                 name, lw_cpu_name());
    return status;
}

lw_status lw_tuned_table_load(lw_tuned_table *table, const char *path)
{
    uint8_t *bytes;
    size_t count;
    *table = (lw_tuned_table){0};
    lw_status status = lw_file_read(path, limit_bytes, &bytes, &count);
    if (status == LW_ERROR_NOT_FOUND) return LW_OK;
    // What could not be read may be fine: who wants to replace it has to know.
    if (status == LW_ERROR_MEMORY || status == LW_ERROR_IO) return status;
    if (status) {
        snprintf(table->note, sizeof table->note, "measured times are ignored: %.400s",
                 lw_error_message());
        return LW_OK;
    }
    status = lw_tuned_table_read(table, (char *)bytes, count, path);
    free(bytes);
    return status;
}

// ---- writing ----------------------------------------------------------------------------------

static void write_entry(lw_text *text, const lw_tuned_entry *entry)
{
    lw_text_print(text, "%s\t%s\t", entry->key, lw_conv_algorithm_name(entry->result.chosen));
    for (int i = 0; i < entry->result.n_times; i++)
        lw_text_print(text, "%s%s=%" PRId64, i ? "," : "",
                      lw_conv_algorithm_name(entry->result.times[i].algorithm),
                      entry->result.times[i].ns);
    lw_text_print(text, "\n");
}

static lw_status save(const lw_tuned_table *table, const char *path)
{
    lw_text body = {0}, whole = {0};
    // Of too many entries the oldest go.
    for (size_t i = table->n > most_entries ? table->n - most_entries : 0; i < table->n; i++) {
        const lw_tuned_entry *entry = &table->entries[i];
        if (!lw_tuned_entry_is_of_cpu(entry) || lw_tuned_entry_is_of_kernels(entry))
            write_entry(&body, entry);
    }
    lw_text_print(&whole, "%s%016" PRIx64 "\n", first_words, checksum(body.bytes, body.length));
    if (body.length) lw_text_append(&whole, body.bytes, body.length);
    lw_status status = body.failed || whole.failed
                           ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for its text", path)
                           : lw_file_write(path, whole.bytes, whole.length);
    lw_text_free(&body);
    lw_text_free(&whole);
    return status;
}

lw_status lw_tuned_lock(const char *path, int *lock)
{
    const double patience_seconds = 10.0;
    char folder[4096], lock_path[4096];
    const char *slash = strrchr(path, '/');
    if (strlen(path) + sizeof ".lock" > sizeof lock_path)
        return lw_fail(LW_ERROR_ARGUMENT, "%.80s...: the path is too long", path);
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (folder[0]) LW_TRY(lw_file_make_folder(folder));
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    return lw_file_lock(lock_path, patience_seconds, lock);
}

lw_status lw_tuned_table_merge(const lw_tuned_table *additions, const char *path, char *replaced,
                               size_t replaced_bytes)
{
    int lock;
    lw_tuned_table merged;
    LW_TRY(lw_tuned_lock(path, &lock));
    lw_status status = lw_tuned_table_load(&merged, path);
    if (replaced) snprintf(replaced, replaced_bytes, "%s", status ? "" : merged.note);
    for (size_t i = 0; i < additions->n && !status; i++)
        status = lw_tuned_table_put_line(&merged, additions->entries[i].key,
                                         &additions->entries[i].result);
    if (!status) status = save(&merged, path);
    lw_tuned_table_free(&merged);
    lw_file_unlock(lock);
    return status;
}

// ---- the user's cache -------------------------------------------------------------------------

lw_status lw_tuned_path(char *path, size_t path_bytes)
{
    const char *folder = lw_config_get()->cache_dir;
    if (!folder[0])
        return lw_fail(LW_ERROR_NOT_FOUND,
                       "measured times have no place: there is no cache folder "
                       "(LANEWISE_CACHE_DIR, XDG_CACHE_HOME and HOME are not set)");
    int length = snprintf(path, path_bytes, "%s/conv-tuning.txt", folder);
    if (length < 0 || (size_t)length >= path_bytes)
        return lw_fail(LW_ERROR_INPUT, "%.80s...: the path of the cache folder is too long",
                       folder);
    return LW_OK;
}

static lw_tuned_table shared_table;
static pthread_once_t shared_once = PTHREAD_ONCE_INIT;

static void load_shared(void)
{
    char path[2048];
    // Without a place or memory there are no measured times; plans do without.
    if (lw_tuned_path(path, sizeof path)) return;
    if (lw_tuned_table_load(&shared_table, path)) {
        lw_log("dispatch", "measured times are ignored: %s", lw_error_message());
        lw_tuned_table_free(&shared_table);
    }
    if (shared_table.note[0]) lw_log("dispatch", "%s", shared_table.note);
}

const lw_tuned_table *lw_tuned_shared(void)
{
    pthread_once(&shared_once, load_shared);
    return &shared_table;
}
