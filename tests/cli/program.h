// SPDX-License-Identifier: Apache-2.0
// The program run as a user would run it: in a folder of the test's own, with its exit code and
// everything it prints. Test programs include this after <cmocka.h>.
#ifndef LW_TESTS_CLI_PROGRAM_H
#define LW_TESTS_CLI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What one run left behind; program_free frees the texts.
typedef struct program_result {
    const char *command; // the first argument
    int exit_code;       // -1 when a signal ended it
    int signal;
    char *out, *err;
} program_result;

// Unusual circumstances of the next run; reset by it.
typedef struct program_circumstances {
    long file_limit_bytes;      // RLIMIT_FSIZE; 0: none. Stands for a full disk
    const char *stdout_path;    // where stdout goes instead of result->out, "/dev/full"
    const char *interrupt_when; // send `signal` once stderr holds this text
    int signal;
    double signal_after_seconds;  // send it that long after the start
    const char *variable, *value; // one environment variable
} program_circumstances;
extern program_circumstances program_next;

// Makes a folder and enters it; leaves and removes it.
int program_enter_folder(void **state);
int program_leave_folder(void **state);

// Runs `lanewise` with the arguments up to NULL. Without LANEWISE_DATA_DIR, offline, NO_COLOR, in
// the "C" locale, so that what it prints does not depend on who runs the tests.
__attribute__((sentinel)) program_result program_run(const char *first, ...);
void program_free(program_result *result);
// Fails with everything that was printed unless the exit code is `code`.
#define expect_code(result, code) expect_code_at(result, code, __FILE__, __LINE__)
void expect_code_at(const program_result *result, int code, const char *file, int line);

// Runs it for its exit code only, and frees.
__attribute__((sentinel)) void expect_exit(int code, const char *first, ...);

// Fails unless the program ends with `code` and its stderr is "lanewise: <sentence>\n" at the end,
// where `sentence` may be a part of the line.
__attribute__((sentinel)) void expect_failure(int code, const char *sentence, const char *first,
                                              ...);

// True when `text` contains `part`; otherwise prints both.
bool contains(const char *text, const char *part);

// Files of the test.
void write_text(const char *path, const char *text);
char *read_text(const char *path); // owned by the caller
bool is_there(const char *path);

// Fails where one of the two is missing or their bytes differ.
void expect_same_files(const char *one, const char *other);
// The number of entries of a folder; -1 when it is not there.
int count_entries(const char *path);

#endif
