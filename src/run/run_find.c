// SPDX-License-Identifier: Apache-2.0
// From what a user names as a run to its model.
#include "base/error.h"
#include "base/file.h"
#include "run/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static lw_status find_in_folder(const char *path, char *model_path)
{
    if (!lw_run_join(model_path, path, LW_RUN_MODEL_FILE))
        return lw_fail(LW_ERROR_INPUT, "the path of the run is too long");
    bool has_model = lw_file_exists(model_path);
    char target[LW_RUN_PATH_BYTES];
    lw_run_target_of(target, path);
    if (strcmp(target, path) != 0)
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: this run is not finished%s", path,
                       has_model ? "; to use its model anyway, name " LW_RUN_MODEL_FILE " in it"
                                 : "");
    if (!has_model)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected a run directory, got a folder without " LW_RUN_MODEL_FILE,
                       path);
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
    char trimmed[LW_RUN_PATH_BYTES], found[LW_RUN_PATH_BYTES];
    struct stat info;
    LW_TRY(lw_run_trim_path(trimmed, path));
    if (stat(trimmed, &info) != 0) {
        if (errno != ENOENT) return lw_run_fail_errno(trimmed, "use the run");
        // Trimming has left room for it.
        snprintf(found, sizeof found, "%.*s%s", LW_RUN_PATH_BYTES - 200, trimmed,
                 LW_RUN_PARTIAL_SUFFIX);
        if (lw_file_is_folder(found))
            return lw_fail(LW_ERROR_NOT_FOUND,
                           "%.300s: this run is not finished (%.300s is there); lanewise train "
                           "--resume %.300s goes on with it",
                           trimmed, found, trimmed);
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: no such run directory or model file", trimmed);
    }
    LW_TRY(S_ISDIR(info.st_mode) ? find_in_folder(trimmed, found) : find_file(trimmed, found));
    if (strlen(found) >= model_path_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: the path is too long", trimmed);
    memcpy(model_path, found, strlen(found) + 1);
    return LW_OK;
}
