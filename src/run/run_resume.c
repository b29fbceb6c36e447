// SPDX-License-Identifier: Apache-2.0
// Unfinished runs: their checkpoints, and taking one up again.
//
// Checkpoints are numbered files; the two newest are kept, so that one that turns out to be damaged has
// one before it.
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "run/checkpoint.h"
#include "run/run_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "checkpoint-", suffix[] = ".safetensors";
enum { largest_number = 999999999, generations = 2 };

// ---- the files in an unfinished run -------------------------------------------------------------

// The number of a checkpoint file; 0 for other names.
static int number_of(const char *name)
{
    const size_t length = strlen(name), ends = sizeof prefix - 1 + sizeof suffix - 1;
    char digits[12];
    int64_t number;
    if (length <= ends || length - ends >= sizeof digits) return 0;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return 0;
    if (strcmp(name + length - (sizeof suffix - 1), suffix) != 0) return 0;
    memcpy(digits, name + sizeof prefix - 1, length - ends);
    digits[length - ends] = '\0';
    return lw_parse_int64(digits, &number) && number > 0 && number <= largest_number ? (int)number
                                                                                     : 0;
}

static lw_status checkpoint_path(char *path, const char *folder, int number)
{
    char name[64];
    snprintf(name, sizeof name, "%s%d%s", prefix, number, suffix);
    if (lw_run_join(path, folder, name)) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", folder);
}

int lw_run_newest_checkpoint(const char *partial)
{
    int newest = 0;
    const struct dirent *entry;
    DIR *folder = opendir(partial);
    while (folder && (entry = readdir(folder))) {
        const int number = number_of(entry->d_name);
        if (number > newest) newest = number;
    }
    if (folder) closedir(folder);
    return newest;
}

// Removes what a killed process was writing, and the checkpoints up to number `oldest`.
static void clean(const char *path, int oldest)
{
    const struct dirent *entry;
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        const int number = number_of(entry->d_name);
        if (strstr(entry->d_name, ".tmp-") || (number > 0 && number <= oldest))
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder) closedir(folder);
}

void lw_run_remove_leftovers(const char *folder)
{
    char path[LW_RUN_PATH_BYTES];
    clean(folder, largest_number);
    if (lw_run_join(path, folder, LW_RUN_RESUME_FILE)) unlink(path);
}

// ---- writing a checkpoint -----------------------------------------------------------------------

lw_status lw_run_put_checkpoint(lw_run *run, const lw_train_state *state)
{
    char path[LW_RUN_PATH_BYTES], bytes[24], hash[24];
    const lw_safetensors_text texts[] = {{"run.log_bytes", bytes}, {"run.log_hash", hash}};
    if (run->failed || run->finished)
        return lw_fail(LW_ERROR_IO, "%s: no checkpoint is written: an earlier write failed",
                       run->target);
    snprintf(bytes, sizeof bytes, "%" PRId64, run->log_bytes);
    snprintf(hash, sizeof hash, "%016" PRIx64, run->log_hash);
    LW_TRY(checkpoint_path(path, run->partial, run->checkpoints + 1));
    // What the checkpoint says of the log has to be true after a power cut, too.
    if (fsync(run->log) != 0) return lw_run_fail_errno(run->partial, "write the log");
    LW_TRY(lw_checkpoint_write(path, state, texts, sizeof texts / sizeof *texts));
    if (!run->kept) {
        char parent[LW_RUN_PATH_BYTES];
        lw_run_parent_of(parent, run->partial);
        lw_run_sync_folder(parent);
    }
    run->kept = true;
    run->checkpoints++;
    clean(run->partial, run->checkpoints - generations);
    return LW_OK;
}

int lw_run_checkpoints(const lw_run *run)
{
    return run->checkpoints;
}

void lw_run_checkpoint_path(const lw_run *run, char *path, size_t path_bytes)
{
    snprintf(path, path_bytes, "%s/%s%d%s", run->partial, prefix, run->checkpoints, suffix);
}

void lw_run_keep(lw_run *run)
{
    run->kept = true;
}

void lw_run_discard(lw_run *run)
{
    run->kept = false;
}

// ---- taking a run up again ----------------------------------------------------------------------

static lw_status open_again(lw_run *run, const char *path)
{
    char trimmed[LW_RUN_PATH_BYTES], log[LW_RUN_PATH_BYTES], resume[LW_RUN_PATH_BYTES];
    LW_TRY(lw_run_trim_path(trimmed, path));
    lw_run_target_of(run->target, trimmed);
    snprintf(run->partial, sizeof run->partial, "%.*s%s", LW_RUN_PATH_BYTES - 200, run->target,
             LW_RUN_PARTIAL_SUFFIX);
    if (!lw_file_is_folder(run->partial)) {
        if (lw_file_is_folder(run->target))
            return lw_fail(LW_ERROR_INPUT, "%s: this run is finished; there is nothing left to do",
                           run->target);
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: no such run (%.300s is not there)", run->target,
                       run->partial);
    }
    LW_TRY(lw_run_lock(run->partial, &run->lock));
    if (!lw_run_join(log, run->partial, LW_RUN_LOG_FILE) ||
        !lw_run_join(resume, run->partial, LW_RUN_RESUME_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    if (!lw_file_exists(resume))
        return lw_fail(
            LW_ERROR_INPUT,
            "%s: this run cannot be gone on with: it was stopped before " LW_RUN_RESUME_FILE
            " was written",
            run->partial);
    run->log = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (run->log < 0) return lw_run_fail_errno(log, "write");
    run->checkpoints = lw_run_newest_checkpoint(run->partial);
    clean(run->partial, run->checkpoints - generations);
    return LW_OK;
}

lw_status lw_run_resume(lw_run **run, const char *path)
{
    if (!run || !path) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_resume: run or path is NULL");
    *run = NULL;
    lw_run *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a run directory");
    made->log = made->lock = -1;
    made->log_hash = lw_hash_start;
    made->kept = true; // whatever goes wrong, what is there stays
    lw_status status = open_again(made, path);
    if (status) lw_run_abandon(&made);
    *run = made;
    return status;
}

// Brings the log back to the length that it had. Where it is shorter or another one (the disk lost it), what
// is there stays: the weights do not depend on it. `damaged`: so it is.
static lw_status restore_log(lw_run *run, int64_t count, uint64_t hash, bool *damaged)
{
    const size_t largest_log = (size_t)1 << 31;
    char path[LW_RUN_PATH_BYTES];
    uint8_t *bytes;
    size_t length;
    *damaged = true;
    if (!lw_run_join(path, run->partial, LW_RUN_LOG_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    LW_TRY(lw_file_read(path, largest_log, &bytes, &length));
    if (count >= 0 && (uint64_t)count <= length &&
        lw_hash_bytes(lw_hash_start, bytes, (size_t)count) == hash)
        *damaged = false;
    else // up to the last whole line
        for (count = (int64_t)length; count > 0 && bytes[count - 1] != '\n'; count--) continue;
    run->log_bytes = count;
    run->log_hash = lw_hash_bytes(lw_hash_start, bytes, (size_t)count);
    free(bytes);
    return ftruncate(run->log, count) == 0 ? LW_OK : lw_run_fail_errno(path, "cut the log");
}

// Reads a checkpoint, and what it says of the log.
static lw_status read_checkpoint(const lw_run *run, int number, lw_train_state **state,
                                 int64_t *log_bytes, uint64_t *log_hash)
{
    char path[LW_RUN_PATH_BYTES];
    lw_safetensors *file;
    LW_TRY(checkpoint_path(path, run->partial, number));
    LW_TRY(lw_checkpoint_read(state, &file, path));
    const char *bytes = lw_safetensors_metadata(file, "run.log_bytes");
    const char *hash = lw_safetensors_metadata(file, "run.log_hash");
    if (!bytes || !lw_parse_int64(bytes, log_bytes)) *log_bytes = -1;
    *log_hash = hash ? strtoull(hash, NULL, 16) : 0;
    lw_safetensors_destroy(&file);
    return LW_OK;
}

lw_status lw_run_read_checkpoint(lw_run *run, lw_train_state **state,
                                 void (*report)(void *user, const char *sentence), void *user)
{
    int64_t log_bytes = 0;
    uint64_t log_hash = lw_hash_start;
    bool damaged;
    char sentence[1200];
    lw_status status = LW_OK;
    *state = NULL;
    int taken = run->checkpoints;
    for (int i = 0; i < generations && run->checkpoints > i && !*state; i++) {
        taken = run->checkpoints - i;
        status = read_checkpoint(run, taken, state, &log_bytes, &log_hash);
        if (status == LW_ERROR_MEMORY || status == LW_ERROR_UNSUPPORTED) return status;
        const bool another = i + 1 < generations && run->checkpoints > i + 1;
        snprintf(sentence, sizeof sentence, "%s; the checkpoint before it is taken",
                 lw_error_message());
        if (status && another) report(user, sentence);
    }
    if (status)
        return lw_fail(LW_ERROR_INPUT, "%s, and there is no other one to go on from",
                       lw_error_message());
    // The next one takes the place of a damaged one, so that two are whole again.
    while (*state && taken < run->checkpoints) {
        char path[LW_RUN_PATH_BYTES];
        LW_TRY(checkpoint_path(path, run->partial, run->checkpoints--));
        unlink(path);
    }
    LW_TRY(restore_log(run, log_bytes, log_hash, &damaged));
    if (damaged) report(user, LW_RUN_LOG_FILE " has lost lines from before the checkpoint");
    return LW_OK;
}

lw_status lw_run_read_file(const lw_run *run, const char *name, char **text)
{
    const size_t largest_bytes = 1 << 24;
    char path[LW_RUN_PATH_BYTES];
    uint8_t *bytes;
    size_t count;
    *text = NULL;
    if (!lw_run_join(path, run->partial, name))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    LW_TRY(lw_file_read(path, largest_bytes, &bytes, &count));
    *text = (char *)bytes;
    return LW_OK;
}
