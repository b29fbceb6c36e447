// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/file.h"
#include "run/run_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

lw_status lw_run_fail_errno(const char *path, const char *action)
{
    int code = errno;
    return lw_fail(code == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO, "%s: cannot %s: %s", path,
                   action, strerror(code));
}

bool lw_run_join(char *path, const char *folder, const char *name)
{
    int length = snprintf(path, LW_RUN_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < LW_RUN_PATH_BYTES;
}

void lw_run_parent_of(char *parent, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(parent, LW_RUN_PATH_BYTES, ".");
    else
        snprintf(parent, LW_RUN_PATH_BYTES, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

lw_status lw_run_trim_path(char *trimmed, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    // Room is left for what is added to it: ".partial", the files' names.
    if (length == 0 || length > LW_RUN_PATH_BYTES - 200)
        return lw_fail(LW_ERROR_INPUT, "the path of the run is %s", length ? "too long" : "empty");
    memcpy(trimmed, path, length);
    trimmed[length] = '\0';
    return LW_OK;
}

void lw_run_target_of(char *target, const char *path)
{
    const size_t length = strlen(path), suffix = sizeof LW_RUN_PARTIAL_SUFFIX - 1;
    const bool cut = length > suffix && path[length - suffix - 1] != '/' &&
                     strcmp(path + length - suffix, LW_RUN_PARTIAL_SUFFIX) == 0;
    snprintf(target, LW_RUN_PATH_BYTES, "%.*s", (int)(cut ? length - suffix : length), path);
}

void lw_run_sync_folder(const char *path)
{
    // Some file systems refuse to sync a folder; then there is nothing better to do.
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    fsync(descriptor);
    close(descriptor);
}

lw_status lw_run_lock(const char *partial, int *lock)
{
    char path[LW_RUN_PATH_BYTES];
    struct stat held, named;
    *lock = -1;
    if (!lw_run_join(path, partial, LW_RUN_LOG_FILE))
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", partial);
    lw_status status = lw_file_lock(path, 0.0, lock);
    if (status == LW_ERROR_IO && access(path, R_OK | W_OK) == 0)
        return lw_fail(LW_ERROR_INPUT, "%s: another process is working on this run", partial);
    LW_TRY(status);
    // Between opening and locking, another process may have removed or finished the run.
    if (*lock < 0 || (fstat(*lock, &held) == 0 && stat(path, &named) == 0 &&
                      held.st_ino == named.st_ino && held.st_dev == named.st_dev))
        return LW_OK;
    lw_file_unlock(*lock);
    *lock = -1;
    return lw_fail(LW_ERROR_NOT_FOUND, "%s: the unfinished run is gone", partial);
}
