// SPDX-License-Identifier: Apache-2.0
// Programs that behave like Google Benchmark's, or pretend to: shell scripts with times of the test's
// choosing.
#ifndef LW_TESTS_TRACK_FAKE_PROGRAM_H
#define LW_TESTS_TRACK_FAKE_PROGRAM_H

// Enters a folder of the test's own; leaves and removes it.
int fake_enter(void **state);
int fake_leave(void **state);

// Makes the script `path`. `names` are its benchmarks, with blanks between them. `nanoseconds` is the
// time of each: an expression of awk in which `name` is the benchmark and `r` is a random number in
// 0 .. 1 that differs from run to run. `body` is a piece of shell that runs before anything else.
void fake_program(const char *path, const char *names, const char *nanoseconds, const char *body);

#endif
