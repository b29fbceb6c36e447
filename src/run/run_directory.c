// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "run/json_text.h"
#include "run/run_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { path_bytes = LW_RUN_PATH_BYTES, largest_number = 1000000 };

// Whether anything has that name; a link that leads nowhere counts.
static bool is_taken(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 || errno != ENOENT;
}

// Choosing the name

static lw_status check_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return lw_run_fail_errno(path, "read the folder");
    const struct dirent *entry;
    const char *found = NULL;
    while (!found && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found = entry->d_name;
    lw_status status = LW_OK;
    if (found)
        status = lw_fail(LW_ERROR_INPUT,
                         "%s: expected a new or empty folder for the run, but it "
                         "holds '%.100s'; nothing was changed",
                         path, found);
    closedir(folder);
    return status;
}

// Refuses a target that rename() would refuse at the end, when the work is done.
static lw_status check_target(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected the name of a new folder for the run", path);
    struct stat info, parent_info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? LW_OK : lw_run_fail_errno(path, "use the path");
    if (!S_ISDIR(info.st_mode))
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected a new or empty folder for the run, found %s; "
                       "nothing was changed",
                       path, S_ISLNK(info.st_mode) ? "a symbolic link" : "a file");
    LW_TRY(check_empty_folder(path));
    char parent[path_bytes];
    lw_run_parent_of(parent, path);
    if (stat(parent, &parent_info) == 0 && parent_info.st_dev != info.st_dev)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: a mount point cannot become a run; name a new folder "
                       "inside it",
                       path);
    return LW_OK;
}

static bool name_partial(lw_run *run)
{
    int length = snprintf(run->partial, path_bytes, "%s" LW_RUN_PARTIAL_SUFFIX, run->target);
    return length > 0 && length < path_bytes;
}

// Sets the target to number `n` of the series; false when the path is too long.
static bool name_target(lw_run *run, int n)
{
    int length = snprintf(run->target, path_bytes, "%s-%d", run->series, n);
    return length > 0 && length < path_bytes;
}

// Sets the target to the first number of the series from `from` on that nothing has; returns it.
static int take_free_number(lw_run *run, int from)
{
    int n = from;
    while (n < largest_number && !(name_target(run, n) && !is_taken(run->target))) n++;
    return n;
}

// Beginning

// Makes the folder to write into: LW_ERROR_INPUT when there is one already. Making it is what decides who of
// several processes has the name.
static lw_status make_partial(lw_run *run)
{
    char parent[path_bytes];
    lw_run_parent_of(parent, run->target);
    LW_TRY(lw_file_make_folder(parent));
    lw_status status = lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    if (name_partial(run)) {
        if (mkdir(run->partial, 0777) == 0) return LW_OK;
        status = errno == EEXIST ? lw_fail(LW_ERROR_INPUT, "%s: it is there already", run->partial)
                                 : lw_run_fail_errno(run->partial, "make the folder");
    }
    run->partial[0] = '\0'; // not ours: nothing to remove
    return status;
}

// The first number that neither a run nor an unfinished one has.
static lw_status begin_series(lw_run *run, const char *network_name)
{
    snprintf(run->series, path_bytes, "runs/%s", network_name);
    for (int n = 1; (n = take_free_number(run, n)) < largest_number; n++) {
        const lw_status status = make_partial(run);
        if (status && status != LW_ERROR_INPUT) return status;
        if (!status && !is_taken(run->target)) return LW_OK;
        if (!status) rmdir(run->partial); // another process has just finished that one
        run->partial[0] = '\0';
    }
    return lw_fail(LW_ERROR_INPUT, "%s-<n>: every number is taken", run->series);
}

// An unfinished run has the given name. One that is at work, or has a checkpoint, is left alone; what a killed
// process left before its first one makes room.
static lw_status make_room(const lw_run *run)
{
    char partial[path_bytes];
    int lock;
    snprintf(partial, sizeof partial, "%.*s" LW_RUN_PARTIAL_SUFFIX, path_bytes - 200, run->target);
    lw_status status = lw_run_lock(partial, &lock);
    if (status == LW_ERROR_NOT_FOUND) return LW_OK; // gone meanwhile
    LW_TRY(status);
    if (lw_run_newest_checkpoint(partial) > 0)
        status = lw_fail(LW_ERROR_INPUT,
                         "%.300s: an unfinished run of that name is there (%.300s); lanewise train "
                         "--resume %.300s goes on with it",
                         run->target, partial, run->target);
    else
        status = lw_file_remove_folder(partial);
    lw_file_unlock(lock);
    return status;
}

static lw_status begin_named(lw_run *run, const char *out)
{
    LW_TRY(lw_run_trim_path(run->target, out));
    LW_TRY(check_target(run->target));
    lw_status status = make_partial(run);
    for (int attempt = 0; status == LW_ERROR_INPUT && attempt < 10; attempt++) {
        LW_TRY(make_room(run));
        status = make_partial(run);
    }
    return status;
}

// The folder with its lock and an empty log.
static lw_status begin(lw_run *run, const char *out, const lw_network *network)
{
    char path[path_bytes];
    LW_TRY(out ? begin_named(run, out) : begin_series(run, lw_network_name(network)));
    LW_TRY(lw_run_lock(run->partial, &run->lock));
    if (!lw_run_join(path, run->partial, LW_RUN_LOG_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    run->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return run->log < 0 ? lw_run_fail_errno(path, "write") : LW_OK;
}

static lw_status create(lw_run **run, const char *out, const lw_network *network)
{
    lw_run *made = calloc(1, sizeof *made);
    *run = made;
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a run directory");
    made->log = made->lock = -1;
    made->log_hash = lw_hash_start;
    lw_status status = begin(made, out, network);
    if (status) lw_run_abandon(run);
    return status;
}

lw_status lw_run_begin(lw_run **run, const char *out, const lw_network *network)
{
    if (!run) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_begin: run is NULL");
    *run = NULL;
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_begin: network is NULL");
    LW_TRY(create(run, out, network));
    lw_status status = lw_run_put_text(*run, LW_RUN_NETWORK_FILE, lw_network_text(network));
    if (status) lw_run_abandon(run);
    return status;
}

// `action` is what the sentence of a failure says cannot be done.
static lw_status write_all(int descriptor, const char *path, const char *action, const char *bytes,
                           size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return lw_run_fail_errno(path, action);
        bytes += written;
        count -= (size_t)written;
    }
    return LW_OK;
}

// As lw_run_put_text does, but nobody waits for the disk: the file is not to last.
static lw_status try_to_write(const lw_run *run, const char *name, const char *text)
{
    char path[path_bytes];
    if (!lw_run_join(path, run->partial, name))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return lw_run_fail_errno(path, "write");
    lw_status status = write_all(descriptor, path, "write", text, strlen(text));
    if (close(descriptor) != 0 && !status) status = lw_run_fail_errno(path, "write");
    return status;
}

lw_status lw_run_try(const char *out, const lw_network *network)
{
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_try: network is NULL");
    lw_run *run;
    LW_TRY(create(&run, out, network));
    lw_status status = try_to_write(run, LW_RUN_NETWORK_FILE, lw_network_text(network));
    lw_run_abandon(&run);
    return status;
}

// Writing

lw_status lw_run_log(lw_run *run, const cJSON *record)
{
    char *text = record ? lw_json_print(record, false) : NULL;
    size_t length = text ? strlen(text) : 0;
    lw_status status;
    if (!text) {
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for a line of the log", run->target);
    } else {
        text[length] = '\n'; // in place of the zero byte: a line is one write
        status = write_all(run->log, run->partial, "write the log", text, length + 1);
        run->log_hash = lw_hash_bytes(run->log_hash, text, length + 1);
        run->log_bytes += (int64_t)length + 1;
    }
    cJSON_free(text);
    if (status) run->failed = true;
    return status;
}

// The path of a file of the run. Marks the run as failed when there can be none.
static lw_status file_path(char *path, lw_run *run, const char *name)
{
    if (name[0] && name[0] != '.' && !strchr(name, '/') && lw_run_join(path, run->partial, name))
        return LW_OK;
    run->failed = true;
    return lw_fail(LW_ERROR_ARGUMENT, "%s: '%s' cannot be the name of a file in a run", run->target,
                   name);
}

lw_status lw_run_put_text(lw_run *run, const char *name, const char *text)
{
    char path[path_bytes];
    LW_TRY(file_path(path, run, name));
    lw_status status = lw_file_write(path, text, strlen(text));
    if (status) run->failed = true;
    return status;
}

lw_status lw_run_put_json(lw_run *run, const char *name, const cJSON *json)
{
    char *text = json ? lw_json_print(json, true) : NULL;
    if (!text) {
        run->failed = true;
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to write %s", run->target, name);
    }
    char path[path_bytes];
    lw_status status = file_path(path, run, name);
    size_t length = strlen(text);
    text[length] = '\n'; // in place of the zero byte
    if (!status) status = lw_file_write(path, text, length + 1);
    cJSON_free(text);
    if (status) run->failed = true;
    return status;
}

lw_status lw_run_put_model(lw_run *run, const lw_model *model)
{
    char path[path_bytes];
    LW_TRY(file_path(path, run, LW_RUN_MODEL_FILE));
    lw_status status = lw_model_save(model, path);
    if (status)
        run->failed = true;
    else
        run->has_model = true;
    return status;
}

// Finishing

static lw_status close_log(lw_run *run)
{
    bool ok = fsync(run->log) == 0;
    int code = errno;
    if (close(run->log) != 0 && ok) {
        ok = false;
        code = errno;
    }
    run->log = -1;
    if (ok) return LW_OK;
    run->failed = true;
    errno = code;
    return lw_run_fail_errno(run->partial, "write the log");
}

// Somebody took the given name while the run was written, or it cannot be renamed for another
// reason. The work is kept under the next best name, if need be the one it has.
static lw_status finish_elsewhere(lw_run *run, int code)
{
    char wanted[path_bytes];
    memcpy(wanted, run->target, sizeof wanted);
    memcpy(run->series, wanted, sizeof wanted);
    if (take_free_number(run, 2) == largest_number || rename(run->partial, run->target) != 0)
        memcpy(run->target, run->partial, sizeof run->target);
    run->finished = true;
    return lw_fail(LW_ERROR_IO,
                   "%.300s: cannot give the run this name: %s; it is complete in "
                   "%.300s",
                   wanted, strerror(code), run->target);
}

static lw_status rename_partial(lw_run *run)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        // rename() takes the place of an empty folder and refuses everything else that is there.
        if (rename(run->partial, run->target) == 0) return LW_OK;
        int code = errno;
        bool lost_race = code == EEXIST || code == ENOTEMPTY || code == ENOTDIR;
        if (!run->series[0] || !lost_race || take_free_number(run, 1) == largest_number)
            return finish_elsewhere(run, code);
    }
    return finish_elsewhere(run, EEXIST);
}

lw_status lw_run_finish(lw_run *run)
{
    if (run->finished)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the run is finished already", run->target);
    if (!run->failed && run->log >= 0 && run->has_model) LW_TRY(close_log(run));
    if (run->failed || !run->has_model)
        return lw_fail(run->failed ? LW_ERROR_IO : LW_ERROR_ARGUMENT, "%s: the run is not kept: %s",
                       run->target, run->failed ? "an earlier write failed" : "it has no model");
    lw_run_sync_folder(run->partial);
    LW_TRY(rename_partial(run));
    run->finished = true;
    char parent[path_bytes];
    lw_run_parent_of(parent, run->target);
    lw_run_sync_folder(parent);
    // Not before the run has its name: until then it can be gone on with.
    lw_run_remove_leftovers(run->target);
    return LW_OK;
}

const char *lw_run_path(const lw_run *run)
{
    return run->target;
}

void lw_run_abandon(lw_run **run)
{
    if (!run || !*run) return;
    lw_run *r = *run;
    if (r->log >= 0) close(r->log);
    if (!r->finished && !r->kept && r->partial[0]) lw_file_remove_folder(r->partial);
    lw_file_unlock(r->lock);
    free(r);
    *run = NULL;
}
