// SPDX-License-Identifier: Apache-2.0
// The program while the system refuses one call: each open, read, write, fsync, rename, memory, thread ... in
// its turn. LANEWISE_TEST_FAULTS says how many calls of each function are tried, spread over all of them
// (3; 0: every one).
#ifndef LW_TESTS_FAULT_REFUSED_H
#define LW_TESTS_FAULT_REFUSED_H

#include "cli/program.h"

// A command, what it starts from, and what holds after it.
typedef struct refused_subject {
    const char *name, *prepare; // for the shell
    program_result (*run)(void);
    // Fails the test; `fault` is the refused call.
    void (*check)(const program_result *result, const char *fault);
} refused_subject;

// Runs a command that must succeed.
void refused_shell(const char *command);

// The next programs have this call refused, "rename 6"; none any more.
void refused_begin(const char *fault);
void refused_end(void);

// Runs the subject once for every call that is tried: it never crashes; it either does its work all the same, or
// says why not in a sentence; and its check holds.
void refused_try(const refused_subject *subject);

#endif
