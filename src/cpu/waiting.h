// SPDX-License-Identifier: Apache-2.0
// How a thread waits for another one: it looks for a while, then it sleeps. Looking ends after a tenth of a
// millisecond or so; sooner where it was in vain lately, since then others have the cores; and at once where there
// are more threads in regions than this process may run.
#ifndef LW_CPU_WAITING_H
#define LW_CPU_WAITING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Says that `threads` threads begin (negative: end) to work. For the pool alone.
void lw_waiting_count(int32_t threads);

// Nobody works: the process is a new one.
void lw_waiting_reset(void);

// True as soon as the word has the value, with what was written before it was set; false when patience
// ends first.
bool lw_waiting_look(const atomic_uint *word, unsigned value);

// Sleeps while the word has this value; may also return early.
void lw_waiting_sleep(atomic_uint *word, unsigned value);

// Wakes all who sleep on the word, which need not exist any more: then nobody is woken, or somebody
// early.
void lw_waiting_wake(atomic_uint *word);

#endif
