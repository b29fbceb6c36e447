// SPDX-License-Identifier: Apache-2.0
// Time that does not jump.
#ifndef LW_BASE_CLOCK_H
#define LW_BASE_CLOCK_H

#include <stdint.h>

// Nanoseconds of the monotonic clock since some fixed point.
int64_t lw_clock_ns(void);

// The same in seconds.
double lw_clock_seconds(void);

#endif
