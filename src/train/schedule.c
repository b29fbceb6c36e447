// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules: pure functions of the step, so a resumed run continues exactly.
#include <lanewise/train.h>

#include <math.h>

static const double pi = 3.14159265358979323846;

// Half a cosine from `from` (t = 0) to `to` (t = 1).
static double anneal(double from, double to, double t)
{
    return to + (from - to) * 0.5 * (1.0 + cos(pi * t));
}

// PyTorch's OneCycleLR with two phases and cosine annealing: from start_fraction up to 1 at
// warmup_fraction of the steps, then down to final_fraction.
static double one_cycle(const lw_schedule_config *schedule, int64_t step, int64_t total_steps)
{
    double last = (double)(total_steps > 1 ? total_steps - 1 : 1);
    double peak = schedule->warmup_fraction * (double)total_steps - 1.0;
    if (peak < 0.0) peak = 0.0;
    if ((double)step <= peak && peak > 0.0)
        return anneal(schedule->start_fraction, 1.0, (double)step / peak);
    double rest = last - peak;
    return anneal(1.0, schedule->final_fraction, rest > 0.0 ? ((double)step - peak) / rest : 1.0);
}

double lw_schedule_rate(const lw_schedule_config *schedule, double learning_rate, int64_t step,
                        int64_t total_steps, int64_t steps_per_epoch)
{
    if (schedule->kind == LW_SCHEDULE_ONE_CYCLE)
        return learning_rate * one_cycle(schedule, step, total_steps);

    double warmup_steps = schedule->warmup_fraction * (double)total_steps;
    if ((double)step < warmup_steps)
        return learning_rate * ((double)step + 1.0) / (warmup_steps + 1.0);
    switch (schedule->kind) {
    case LW_SCHEDULE_STEP: {
        double drops = floor((double)step / (schedule->step_epochs * (double)steps_per_epoch));
        return learning_rate * pow(schedule->gamma, drops);
    }
    case LW_SCHEDULE_COSINE: {
        double rest = (double)total_steps - warmup_steps;
        double t = rest > 0.0 ? ((double)step - warmup_steps) / rest : 1.0;
        return learning_rate * anneal(1.0, schedule->final_fraction, t);
    }
    case LW_SCHEDULE_CONSTANT:
    case LW_SCHEDULE_ONE_CYCLE: break;
    }
    return learning_rate;
}
