// SPDX-License-Identifier: Apache-2.0
// Ctrl-C (and a request to end from elsewhere) as a flag that a training run looks at between
// steps.
#ifndef LW_CLI_INTERRUPT_H
#define LW_CLI_INTERRUPT_H

// A write beyond the limit on file sizes fails like one on a full disk, instead of ending the
// program.
void lw_interrupt_ignore_limits(void);

// From now on SIGINT, SIGTERM and SIGHUP only set the flag; a second one of the same kind ends the
// program at once. Signals that the parent had ignored (nohup) stay ignored. A closed pipe becomes
// a write error instead of the end of the program.
void lw_interrupt_catch(void);

// The signal that arrived, or 0.
int lw_interrupt_signal(void);

#endif
