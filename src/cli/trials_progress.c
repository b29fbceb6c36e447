// SPDX-License-Identifier: Apache-2.0
#include "cli/trials_progress.h"

#include "base/clock.h"
#include "report/format.h"

#include <math.h>

void lw_trial_pace_move(lw_trial_pace *pace, const lw_train_progress *state,
                        const lw_epoch_result *epoch)
{
    if (epoch)
        pace->epochs_done = epoch->epoch;
    else if (state->steps > 0)
        pace->epochs_done = state->epoch - 1 + (double)state->step / (double)state->steps;
}

void lw_trials_pace_add(lw_trials_pace *all, const lw_trial_pace *pace)
{
    // A trial that ended early has nothing left.
    const double epochs = pace->done ? pace->epochs_done : pace->epochs;
    all->n++;
    all->done += pace->done;
    all->running += pace->running;
    all->epochs += epochs;
    all->epochs_done += pace->epochs_done;
    all->images += epochs * (double)pace->images;
    all->images_done += pace->epochs_done * (double)pace->images;
}

void lw_trials_pace_show(const lw_trials_pace *all, lw_progress *progress, size_t found)
{
    const double now = lw_clock_seconds(), seconds = fmax(now - progress->begun, 1e-9);
    const double rate = all->images_done / seconds;
    const double left = rate > 0 ? (all->images - all->images_done) / rate : -1;
    char text[160];
    // On a terminal the bar needs room.
    const char *format =
        progress->terminal.interactive
            ? "%zu/%zu trials, %zu at work, epoch %.0f/%.0f, %s img/s, %s left"
            : "trials %zu of %zu done, %zu at work, epoch %.0f of %.0f, %s images/s, %s left";
    snprintf(text, sizeof text, format, found + all->done, found + all->n, all->running,
             floor(all->epochs_done), all->epochs, lw_format_count(llround(fmin(rate, 1e15))).text,
             lw_format_clock(left).text);
    lw_progress_work(progress, text, all->images > 0 ? all->images_done / all->images : 1, now);
}
