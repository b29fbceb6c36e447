// SPDX-License-Identifier: Apache-2.0
// What the tests of the data room share: a temporary folder, files in it, and the check of a
// failure.
#ifndef LW_TESTS_DATA_SUPPORT_H
#define LW_TESTS_DATA_SUPPORT_H

#include <lanewise/status.h>

#include <setjmp.h> // cmocka.h needs these
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PATH_BYTES = 1024 };

// A folder of this process, made at the first call and empty then. remove_folder() takes it away
// with all that is in it.
const char *folder(void);
void empty_folder(void);
void remove_folder(void);
// For cmocka, as the tear-down of a test or a group.
int leave_folder(void **state);

// folder()/name, in one of a few buffers that are used in turn.
const char *in_folder(const char *name);
// Makes folder()/name and returns its path as in_folder does.
const char *make_folder(const char *name);

// Writes a file, plain or gzipped; stops the program when that fails. Returns in_folder(name).
const char *write_file(const char *name, const void *bytes, size_t count);
const char *write_gzip(const char *name, const void *bytes, size_t count);

// Gzips `count` bytes into `out`; returns how many bytes that took, at most `room`.
size_t gzip(uint8_t *out, size_t room, const void *bytes, size_t count);

// An IDX file in `out`: magic of `type` and `rank`, `sizes`, `n_values` values (1, 2, 3, ... modulo
// `modulus`, 0: as they come). Returns its bytes.
size_t make_idx(uint8_t *out, uint8_t type, int rank, const uint32_t *sizes, size_t n_values,
                int modulus);

// True when a call failed as expected and its sentence has `part` in it.
bool failed_with(lw_status status, lw_status expected, const char *part);

// The same as an assertion, with what came instead.
#define assert_failed(call, expected, part)                                                        \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (!failed_with(got_status, expected, part))                                              \
            fail_msg("expected '%s' with \"%s\", got '%s': %s", lw_status_name(expected), part,    \
                     lw_status_name(got_status), lw_error_message());                              \
    } while (0)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        lw_status got_status = (call);                                                             \
        if (got_status != LW_OK)                                                                   \
            fail_msg("expected success, got '%s': %s", lw_status_name(got_status),                 \
                     lw_error_message());                                                          \
    } while (0)

#endif
