// SPDX-License-Identifier: Apache-2.0
// Another commit of the project, built beside the working tree.
#ifndef LW_TRACK_CHECKOUT_H
#define LW_TRACK_CHECKOUT_H

#include "track/process.h"

// The root of the git repository that the current folder is in. LW_ERROR_INPUT when it is in none.
lw_status lw_checkout_root(char root[static 4096]);

// What a name of a commit (a tag, a branch, a hash) stands for: 40 hexadecimal digits.
// LW_ERROR_INPUT when there is no such commit.
lw_status lw_checkout_commit(char commit[static 48], const char *root, const char *name);

// Puts that commit into a git worktree in the user's cache folder, where it stays for the next time.
// `folder` (4096 bytes) is where. LW_ERROR_INPUT with git's reason; LW_ERROR_IO.
lw_status lw_checkout_make(char folder[static 4096], const char *root, const char *commit);

typedef struct lw_build {
    const char *command; // for sh
    double timeout_seconds;
    bool (*stop)(void *user);
    void *user;
} lw_build;

// Builds a folder. LW_ERROR_INPUT with the last lines of the output when that fails; `what` (a
// commit, "the working tree") begins the message.
lw_status lw_checkout_build(const char *folder, const char *what, const lw_build *build);

#endif
