// SPDX-License-Identifier: Apache-2.0
#include "run/run_directory.h"

#include "base/error.h"
#include "base/file.h"
#include "run/json_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { path_bytes = 4096, largest_number = 1000000 };

struct lw_run {
    char target[path_bytes];  // the name it gets, or has once it is finished
    char partial[path_bytes]; // where it is written
    char series[path_bytes];  // "runs/fixed" where the name is "runs/fixed-<n>", else ""
    int log;                  // descriptor of the log, -1 when closed
    bool has_model;
    bool failed;   // a write failed, so the files are not what they should be
    bool finished; // nothing is removed any more
};

static lw_status fail_errno(const char *path, const char *action)
{
    int code = errno;
    return lw_fail(code == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO, "%s: cannot %s: %s", path,
                   action, strerror(code));
}

// Whether anything has that name; a link that leads nowhere counts.
static bool is_taken(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 || errno != ENOENT;
}

static bool join(char *path, const char *folder, const char *name)
{
    int length = snprintf(path, path_bytes, "%s/%s", folder, name);
    return length > 0 && length < path_bytes;
}

static void sync_folder(const char *path)
{
    // Some file systems refuse to sync a folder; then there is nothing better to do.
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    fsync(descriptor);
    close(descriptor);
}

// The folder that holds `path`.
static void parent_of(char *parent, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(parent, path_bytes, ".");
    else
        snprintf(parent, path_bytes, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

// Choosing the name

// A copy of a path without slashes at its end.
static lw_status trim_path(char *trimmed, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    // Room is left for what is added to it: ".partial-<pid>", the files' names.
    if (length == 0 || length > path_bytes - 200)
        return lw_fail(LW_ERROR_INPUT, "the path of the run is %s",
                       length ? "too long" : "empty");
    memcpy(trimmed, path, length);
    trimmed[length] = '\0';
    return LW_OK;
}

static lw_status check_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return fail_errno(path, "read the folder");
    const struct dirent *entry;
    const char *found = NULL;
    while (!found && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found = entry->d_name;
    lw_status status = LW_OK;
    if (found)
        status = lw_fail(LW_ERROR_INPUT, "%s: expected a new or empty folder for the run, but it "
                         "holds '%.100s'; nothing was changed", path, found);
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
    if (lstat(path, &info) != 0) return errno == ENOENT ? LW_OK : fail_errno(path, "use the path");
    if (!S_ISDIR(info.st_mode))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a new or empty folder for the run, found %s; "
                       "nothing was changed", path,
                       S_ISLNK(info.st_mode) ? "a symbolic link" : "a file");
    LW_TRY(check_empty_folder(path));
    char parent[path_bytes];
    parent_of(parent, path);
    if (stat(parent, &parent_info) == 0 && parent_info.st_dev != info.st_dev)
        return lw_fail(LW_ERROR_INPUT, "%s: a mount point cannot become a run; name a new folder "
                       "inside it", path);
    return LW_OK;
}

// Sets the target to the first free number of the series from `from` on; returns that number.
static int take_free_number(lw_run *run, int from)
{
    for (int n = from; n < largest_number; n++) {
        int length = snprintf(run->target, path_bytes, "%s-%d", run->series, n);
        if (length > 0 && length < path_bytes && !is_taken(run->target)) return n;
    }
    return largest_number;
}

static lw_status choose_target(lw_run *run, const char *out, const char *network_name)
{
    if (out) {
        LW_TRY(trim_path(run->target, out));
        return check_target(run->target);
    }
    snprintf(run->series, path_bytes, "runs/%s", network_name);
    if (take_free_number(run, 1) == largest_number)
        return lw_fail(LW_ERROR_INPUT, "%s-<n>: every number is taken", run->series);
    return LW_OK;
}

// Beginning

// Makes the folder to write into. A killed run may have left one of the same process number.
static lw_status make_partial(lw_run *run)
{
    char parent[path_bytes];
    parent_of(parent, run->target);
    LW_TRY(lw_file_make_folder(parent));
    for (int attempt = 1; attempt < 1000; attempt++) {
        char again[16] = "";
        if (attempt > 1) snprintf(again, sizeof again, "-%d", attempt);
        int length = snprintf(run->partial, path_bytes, "%s.partial-%ld%s", run->target,
                              (long)getpid(), again);
        if (length < 0 || length >= path_bytes) {
            run->partial[0] = '\0'; // nothing to remove
            return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
        }
        if (mkdir(run->partial, 0777) == 0) return LW_OK;
        if (errno != EEXIST) break;
    }
    lw_status status = fail_errno(run->partial, "make the folder");
    run->partial[0] = '\0'; // not ours
    return status;
}

static lw_status begin(lw_run *run, const char *out, const lw_network *network)
{
    LW_TRY(choose_target(run, out, lw_network_name(network)));
    LW_TRY(make_partial(run));
    char path[path_bytes];
    if (!join(path, run->partial, LW_RUN_LOG_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", run->target);
    run->log = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (run->log < 0) return fail_errno(path, "write");
    return lw_run_put_text(run, LW_RUN_NETWORK_FILE, lw_network_text(network));
}

lw_status lw_run_begin(lw_run **run, const char *out, const lw_network *network)
{
    if (!run) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_begin: run is NULL");
    *run = NULL;
    if (!network) return lw_fail(LW_ERROR_ARGUMENT, "lw_run_begin: network is NULL");
    lw_run *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a run directory");
    made->log = -1;
    lw_status status = begin(made, out, network);
    if (status) lw_run_abandon(&made);
    *run = made;
    return status;
}

// Writing

static lw_status write_line(int descriptor, const char *path, const char *line, size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, line, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno(path, "write the log");
        line += written;
        count -= (size_t)written;
    }
    return LW_OK;
}

lw_status lw_run_log(lw_run *run, const cJSON *record)
{
    char *text = record ? lw_json_print(record, false) : NULL;
    size_t length = text ? strlen(text) : 0;
    lw_status status;
    if (!text) {
        status = lw_fail(LW_ERROR_MEMORY, "%s: no memory for a line of the log", run->target);
    } else {
        text[length] = '\n'; // in place of the zero byte: a line is one write
        status = write_line(run->log, run->partial, text, length + 1);
    }
    cJSON_free(text);
    if (status) run->failed = true;
    return status;
}

// The path of a file of the run. Marks the run as failed when there can be none.
static lw_status file_path(char *path, lw_run *run, const char *name)
{
    if (name[0] && name[0] != '.' && !strchr(name, '/') && join(path, run->partial, name))
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
    return fail_errno(run->partial, "write the log");
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
    return lw_fail(LW_ERROR_IO, "%.300s: cannot give the run this name: %s; it is complete in "
                   "%.300s", wanted, strerror(code), run->target);
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
    sync_folder(run->partial);
    LW_TRY(rename_partial(run));
    run->finished = true;
    char parent[path_bytes];
    parent_of(parent, run->target);
    sync_folder(parent);
    return LW_OK;
}

const char *lw_run_path(const lw_run *run)
{
    return run->target;
}

// A run holds files only, no folders.
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder) {
        const struct dirent *entry;
        while ((entry = readdir(folder)))
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                unlinkat(dirfd(folder), entry->d_name, 0);
        closedir(folder);
    }
    rmdir(path);
}

void lw_run_abandon(lw_run **run)
{
    if (!run || !*run) return;
    if ((*run)->log >= 0) close((*run)->log);
    if (!(*run)->finished && (*run)->partial[0]) remove_folder((*run)->partial);
    free(*run);
    *run = NULL;
}

// Finding

// A folder "<path>.partial-..." beside a path, or false.
static bool find_partial(char *found, const char *path)
{
    char parent[path_bytes], prefix[path_bytes];
    parent_of(parent, path);
    const char *slash = strrchr(path, '/');
    snprintf(prefix, sizeof prefix, "%.3900s.partial-", slash ? slash + 1 : path);
    DIR *folder = opendir(parent);
    if (!folder) return false;
    const struct dirent *entry;
    bool ok = false;
    while (!ok && (entry = readdir(folder)))
        ok = strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
             join(found, parent, entry->d_name);
    closedir(folder);
    return ok;
}

static lw_status find_in_folder(const char *path, char *model_path)
{
    if (!join(model_path, path, LW_RUN_MODEL_FILE))
        return lw_fail(LW_ERROR_INPUT, "the path of the run is too long");
    bool has_model = lw_file_exists(model_path);
    const char *slash = strrchr(path, '/');
    if (strstr(slash ? slash + 1 : path, ".partial-"))
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: this run is not finished%s", path,
                       has_model ? "; to use its model anyway, name " LW_RUN_MODEL_FILE
                                   " in it" : "");
    if (!has_model)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a run directory, got a folder without "
                       LW_RUN_MODEL_FILE, path);
    return LW_OK;
}

static lw_status find_file(const char *path, char *model_path)
{
    static const char suffix[] = ".safetensors";
    size_t length = strlen(path), suffix_length = sizeof suffix - 1;
    if (length <= suffix_length || strcmp(path + length - suffix_length, suffix) != 0)
        return lw_fail(LW_ERROR_INPUT, "%s: expected a run directory or a %s file", path, suffix);
    memcpy(model_path, path, length + 1);
    return LW_OK;
}

lw_status lw_run_find_model(const char *path, char *model_path, size_t model_path_bytes)
{
    char trimmed[path_bytes], found[path_bytes];
    struct stat info;
    LW_TRY(trim_path(trimmed, path));
    if (stat(trimmed, &info) != 0) {
        if (errno != ENOENT) return fail_errno(trimmed, "use the run");
        if (find_partial(found, trimmed))
            return lw_fail(LW_ERROR_NOT_FOUND, "%.400s: this run is not finished (%.400s is there)",
                           trimmed, found);
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: no such run directory or model file", trimmed);
    }
    LW_TRY(S_ISDIR(info.st_mode) ? find_in_folder(trimmed, found) : find_file(trimmed, found));
    if (strlen(found) >= model_path_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", trimmed);
    memcpy(model_path, found, strlen(found) + 1);
    return LW_OK;
}
