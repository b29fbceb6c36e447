// SPDX-License-Identifier: Apache-2.0
#ifndef LW_CLI_TRIAL_FOLDERS_H
#define LW_CLI_TRIAL_FOLDERS_H

#include <lanewise/status.h>

// Makes the folder of a list of trials where it is missing, takes its lock (*lock is for lw_file_unlock; -1
// where the file system knows none) and removes unfinished run directories in it that have no checkpoint. LW_ERROR_INPUT when
// another process has it.
lw_status lw_trials_take_folder(const char *folder, int *lock);

#endif
