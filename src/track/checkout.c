// SPDX-License-Identifier: Apache-2.0
#include "track/checkout.h"

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

static const double git_seconds = 120;

// The last `count` lines of a text on one line, with "; " between them.
static void print_tail(lw_text *out, const lw_text *text, int count)
{
    size_t begin = text->length;
    while (begin > 0 && text->bytes[begin - 1] == '\n') begin--;
    const size_t end = begin;
    for (; begin > 0; begin--)
        if (text->bytes[begin - 1] == '\n' && --count == 0) break;
    for (size_t i = begin; i < end; i++) {
        const bool line_ends = text->bytes[i] == '\n';
        lw_text_append(out, line_ends ? "; " : text->bytes + i, line_ends ? 2 : 1);
    }
    if (!out->bytes) lw_text_print(out, "it printed nothing");
}

// Runs git in a folder; its first line of output goes to `line`, unless that is NULL.
static lw_status run_git(char *line, size_t line_bytes, const char *const *arguments)
{
    const lw_process_options options = {
        .arguments = arguments, .timeout_seconds = git_seconds, .cpu = -1};
    lw_process_result result;
    lw_status status = lw_process_run(&result, &options);
    if (!status) status = lw_process_check(&result, "git");
    if (!status && line) {
        snprintf(line, line_bytes, "%s", result.output.bytes ? result.output.bytes : "");
        line[strcspn(line, "\n")] = '\0';
    }
    lw_process_free(&result);
    return status;
}

lw_status lw_checkout_root(char root[static 4096])
{
    const char *const arguments[] = {"git", "rev-parse", "--show-toplevel", NULL};
    return run_git(root, 4096, arguments);
}

lw_status lw_checkout_commit(char commit[static 48], const char *root, const char *name)
{
    char object[512];
    snprintf(object, sizeof object, "%s^{commit}", name);
    const char *const arguments[] = {
        "git", "-C", root, "rev-parse", "--verify", "--quiet", "--end-of-options", object, NULL};
    if (run_git(commit, 48, arguments))
        return lw_fail(LW_ERROR_INPUT, "%s: there is no such commit in %s", name, root);
    return LW_OK;
}

// A word for the repository, so that two of them do not share folders (FNV-1a).
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 1469598103934665603u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

lw_status lw_checkout_make(char folder[static 4096], const char *root, const char *commit)
{
    const char *cache = lw_config_get()->cache_dir;
    if (!*cache)
        return lw_fail(LW_ERROR_INPUT,
                       "there is no cache folder for the build of %s: set "
                       "LANEWISE_CACHE_DIR, XDG_CACHE_HOME or HOME",
                       commit);
    char parent[2048], git_file[4200];
    snprintf(parent, sizeof parent, "%s/track/%016llx", cache, (unsigned long long)hash_of(root));
    LW_TRY(lw_file_make_folder(parent));
    snprintf(folder, 4096, "%s/%.12s", parent, commit);
    snprintf(git_file, sizeof git_file, "%s/.git", folder);
    if (lw_file_exists(git_file)) {
        // Left from an earlier time, perhaps with changes; the build folder in it stays.
        const char *const reset[] = {"git",     "-C",       folder, "checkout", "--quiet",
                                     "--force", "--detach", commit, NULL};
        return run_git(NULL, 0, reset);
    }
    const char *const prune[] = {"git", "-C", root, "worktree", "prune", NULL};
    const char *const add[] = {"git",      "-C",      root,   "worktree", "add",
                               "--detach", "--force", folder, commit,     NULL};
    LW_TRY(run_git(NULL, 0, prune));
    return run_git(NULL, 0, add);
}

lw_status lw_checkout_build(const char *folder, const char *what, const lw_build *build)
{
    const char *const arguments[] = {"sh", "-c", build->command, NULL};
    const lw_process_options options = {.arguments = arguments,
                                        .folder = folder,
                                        .timeout_seconds = build->timeout_seconds,
                                        .cpu = -1,
                                        .stop = build->stop,
                                        .user = build->user};
    lw_process_result result;
    lw_status status = lw_process_run(&result, &options);
    if (!status && (result.exit_code != 0 || result.timed_out)) {
        lw_text tail = {0};
        print_tail(&tail, result.errors.length ? &result.errors : &result.output, 3);
        status = lw_fail(LW_ERROR_INPUT, "%s: the build \"%s\" %s: %s", what, build->command,
                         result.timed_out ? "did not end in time" : "failed", tail.bytes);
        lw_text_free(&tail);
    }
    lw_process_free(&result);
    return status;
}
