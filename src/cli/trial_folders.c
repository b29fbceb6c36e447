// SPDX-License-Identifier: Apache-2.0
// Where the store of trials and their run directories are.
#include "cli/trial_folders.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/trials.h"
#include "run/run_directory.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

// A folder that was given is new, empty, or one of these.
static lw_status check_out(const char *out, const char *store)
{
    DIR *folder = opendir(out);
    if (!folder || lw_file_exists(store)) {
        if (folder) closedir(folder);
        if (lw_file_exists(out) && !folder)
            return lw_fail(LW_ERROR_INPUT, "%s: expected a folder, found a file", out);
        return LW_OK;
    }
    const struct dirent *item;
    bool empty = true;
    while (empty && (item = readdir(folder)))
        empty = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
    closedir(folder);
    if (empty) return LW_OK;
    return lw_fail(
        LW_ERROR_INPUT,
        "%s: expected a new or empty folder, or one with a " LW_TRIALS_FILE " from before", out);
}

lw_status lw_trials_store_path(char *path, size_t path_bytes, const char *out)
{
    const int length = snprintf(path, path_bytes, "%s/" LW_TRIALS_FILE, out ? out : "runs");
    if (length < 0 || (size_t)length >= path_bytes)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", out);
    return out ? check_out(out, path) : LW_OK;
}

lw_status lw_trials_choose_folder(char **folder, lw_trial_store *store, const char *set,
                                  const char *series)
{
    char path[4096];
    LW_TRY(lw_trial_store_folder(store, set, NULL, folder));
    if (*folder) return LW_OK;
    const char *slash = strrchr(series, '/');
    snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - series) : 1, slash ? series : ".");
    LW_TRY(lw_file_make_folder(path));
    for (int n = 1; n < 1000000; n++) {
        const int length = snprintf(path, sizeof path, "%s-%d", series, n);
        if (length < 0 || (size_t)length >= sizeof path) break;
        if (mkdir(path, 0777) == 0) return lw_trial_store_folder(store, set, path, folder);
        if (errno != EEXIST)
            return lw_fail(LW_ERROR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
    }
    return lw_fail(LW_ERROR_INPUT, "%s-<n>: every number is taken", series);
}

// ---- the folder of a list ---------------------------------------------------------------------

// What a process that was killed has left, where there is no checkpoint to go on from. The lock is held:
// nobody is writing there.
static void remove_unfinished(const char *folder)
{
    DIR *directory = opendir(folder);
    if (!directory) return;
    const struct dirent *item;
    while ((item = readdir(directory))) {
        char path[4096];
        if (!strstr(item->d_name, ".partial")) continue;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        if (length < 0 || (size_t)length >= sizeof path) continue;
        if (lw_run_newest_checkpoint(path) == 0) lw_file_remove_folder(path);
    }
    closedir(directory);
}

lw_status lw_trials_take_folder(const char *folder, int *lock)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/lock", folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", folder);
    LW_TRY(lw_file_make_folder(folder));
    const lw_status status = lw_file_lock(path, 0, lock);
    if (status == LW_ERROR_IO && lw_file_exists(path))
        return lw_fail(LW_ERROR_INPUT, "%s: another process is training these trials", folder);
    if (!status) remove_unfinished(folder);
    return status;
}
