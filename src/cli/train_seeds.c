// SPDX-License-Identifier: Apache-2.0
#include "cli/train_seeds.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/train_seeds_report.h"
#include "cli/trials.h"
#include "report/format.h"

#include <lanewise/cpu.h>
#include <stdlib.h>

const lw_option lw_seeds_option_table[LW_N_SEEDS_OPTIONS] = {
    {.name = "seeds",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, seeds),
     .value_name = "N",
     .minimum = 1,
     .maximum = 10000,
     .help = "train with N seeds, from --seed on, side by side, one thread each, and show mean, "
             "deviation and 95 % interval; the same command goes on where it was stopped"},
    {.name = "on",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, on),
     .value_name = "K",
     .minimum = 1,
     .maximum = 1024,
     .help =
         "with --seeds: how many at once (default: as many as threads that the process may use)"},
    {.name = "measure",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, measure),
     .help = "with --seeds: measure one training alone too, for two seconds before and after, and "
             "say how much faster they are together"},
};

lw_status lw_train_seeds_check(const lw_option_result *given)
{
    static const char *const words[] = {"on", "measure"};
    for (size_t i = 0; i < LW_COUNT(words); i++)
        if (lw_option_given(given, words[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "--%s only has a meaning with --seeds", words[i]);
    return LW_OK;
}

static lw_status check_options(const lw_option_result *given)
{
    if (lw_option_given(given, "threads"))
        return lw_fail(LW_ERROR_ARGUMENT, "--threads: with --seeds every training has one thread; "
                                          "--on says how many trainings run at once");
    if (lw_option_given(given, "time"))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--time only has a meaning for one training, without --seeds");
    return LW_OK;
}

static lw_status add_seeds(lw_trials *trials, const char *network, const lw_invocation *invocation)
{
    const lw_train_settings *settings = invocation->settings;
    for (int64_t i = 0; i < settings->seeds; i++) {
        char name[32];
        const uint64_t seed = (uint64_t)(settings->seed + i);
        snprintf(name, sizeof name, "seed-%llu", (unsigned long long)seed);
        LW_TRY(
            lw_trials_add_settings(trials, network, settings, invocation->arguments, seed, name));
    }
    return LW_OK;
}

// Where the run directories go: what was given, or what belongs to these settings.
static lw_status place(lw_trials *trials, lw_trial_store *store, const char *out)
{
    if (out) return lw_trials_place(trials, out);
    char series[256], *folder;
    lw_text set = {0};
    snprintf(series, sizeof series, "runs/%s-seeds", lw_network_name(lw_trials_network(trials, 0)));
    lw_text_print(&set, "seeds\n%s", lw_trials_at(trials, 0)->settings);
    lw_status status = set.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a name")
                                  : lw_trials_choose_folder(&folder, store, set.bytes, series);
    lw_text_free(&set);
    if (status) return status;
    status = lw_trials_place(trials, folder);
    free(folder);
    return status;
}

static void note_plan(const lw_trials *trials, const lw_train_settings *settings,
                      const lw_output *output)
{
    const int32_t cores = settings->on ? (int32_t)settings->on : lw_cpu_threads();
    const lw_network *network = lw_trials_network(trials, 0);
    lw_note(output, "network: %s, %s parameters", lw_network_name(network),
            lw_format_count(lw_network_parameter_count(network)).text);
    lw_note(output, "machine: %s, %s kernels", lw_cpu_name(), lw_cpu_isa());
    lw_note(output, "training: seeds %lld to %lld, %d at once, one thread each",
            (long long)settings->seed, (long long)(settings->seed + settings->seeds - 1), cores);
}

static lw_status work(lw_trials *trials, lw_trial_store *store, const lw_invocation *invocation)
{
    const lw_train_settings *settings = invocation->settings;
    const lw_option_result *given = invocation->arguments;
    const lw_output *output = &invocation->output;
    LW_TRY(add_seeds(trials, given->n_operands > 0 ? given->operands[0] : "fixed", invocation));
    LW_TRY(place(trials, store, settings->out));
    note_plan(trials, settings, output);
    LW_TRY(lw_trials_run(trials, NULL, NULL));
    return lw_train_seeds_report(trials, output);
}

lw_status lw_train_seeds(const lw_invocation *invocation)
{
    const lw_train_settings *settings = invocation->settings;
    lw_trial_store *store = NULL;
    lw_trials *trials = NULL;
    char path[4096];
    LW_TRY(check_options(invocation->arguments));
    LW_TRY(lw_trials_store_path(path, sizeof path, settings->out));
    LW_TRY(lw_trial_store_open(&store, path));
    const lw_trials_options options = {.store = store,
                                       .cores = (int32_t)settings->on,
                                       .measure = settings->measure,
                                       .output = &invocation->output};
    lw_status status = lw_trials_open(&trials, &options);
    if (!status) status = work(trials, store, invocation);
    lw_trials_close(&trials);
    lw_trial_store_close(&store);
    return status;
}
