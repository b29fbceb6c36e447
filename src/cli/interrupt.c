// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

// The one piece of state that a signal handler can reach.
static volatile sig_atomic_t arrived;

static void remember(int signal_number)
{
    arrived = signal_number;
}

void lw_interrupt_ignore_limits(void)
{
    signal(SIGXFSZ, SIG_IGN);
}

void lw_interrupt_catch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action, previous;
        if (sigaction(signals[i], NULL, &previous) != 0 || previous.sa_handler == SIG_IGN) continue;
        memset(&action, 0, sizeof action);
        action.sa_handler = remember;
        // Reset: the second Ctrl-C of an impatient user works as everywhere.
        action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
        sigemptyset(&action.sa_mask);
        sigaction(signals[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

int lw_interrupt_signal(void)
{
    return (int)arrived;
}
