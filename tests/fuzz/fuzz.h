// SPDX-License-Identifier: Apache-2.0
// What is fuzzed: one function a format, which hands arbitrary bytes to a parser as the program would
// and checks what must hold of every input. libfuzzer.c drives them with inputs that clang's fuzzer
// makes up, test_corpus.c with the files of seeds/.
#ifndef LW_TESTS_FUZZ_FUZZ_H
#define LW_TESTS_FUZZ_FUZZ_H

#include <lanewise/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_fuzz_target {
    const char *name; // of its folder in seeds/ and of its dictionary
    void (*run)(const uint8_t *bytes, size_t count);
} lw_fuzz_target;

extern const lw_fuzz_target lw_fuzz_targets[];
extern const size_t lw_fuzz_target_count;

// The target of that name, or NULL.
const lw_fuzz_target *lw_fuzz_find(const char *name);

// Aborts with a sentence when a promise is broken; fuzzers and debuggers stop there.
#define LW_FUZZ_CHECK(promise)                                                                     \
    do {                                                                                           \
        if (!(promise)) lw_fuzz_broken(__FILE__, __LINE__, #promise);                              \
    } while (0)
_Noreturn void lw_fuzz_broken(const char *file, int line, const char *promise);

// A refusal comes with one line of readable text, whatever the input held.
void lw_fuzz_check_refusal(lw_status status);

// A text without control characters: nothing in it moves the cursor of a terminal.
void lw_fuzz_check_readable(const char *text);

// A copy with a zero byte behind it, in memory of just that size, so that a sanitizer sees every
// byte that is read too far. Freed by the caller.
char *lw_fuzz_text(const uint8_t *bytes, size_t count);

// The path of a file in memory with these bytes, for parsers that take no other source. Each of the
// few slots keeps its path and takes new bytes at every call.
enum { LW_FUZZ_SLOTS = 3 };
const char *lw_fuzz_file(int slot, const uint8_t *bytes, size_t count);

// Reads all bytes, so that a sanitizer notices those that must not be read.
void lw_fuzz_touch(const void *bytes, size_t count);

#endif
