// SPDX-License-Identifier: Apache-2.0
// `lanewise sweep`: a search for good settings of a training.
#include "base/error.h"
#include "base/hash.h"
#include "cli/common.h"
#include "cli/sweep.h"
#include "report/format.h"

#include <inttypes.h>
#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_HALVING, SEARCH_RANDOM };
static const char *const search_words[] = {
    [SEARCH_HALVING] = "halving", [SEARCH_RANDOM] = "random", NULL};

static const lw_option sweep_options[] = {
    {.name = "trials",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, trials),
     .value_name = "N",
     .preset = "24",
     .minimum = 1,
     .maximum = 100000,
     .help = "how many choices are tried; more of them later go on with the same search"},
    {.name = "on",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, on),
     .value_name = "K",
     .minimum = 1,
     .maximum = 1024,
     .help = "how many at once, one thread each (default: as many as threads that the process may "
             "use)"},
    {.name = "search",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_sweep_settings, search),
     .value_name = "WORD",
     .preset = "halving",
     .choices = search_words,
     .help = "halving stops those early that do badly, random trains all to their end"},
    {.name = "first-epochs",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, first_epochs),
     .value_name = "N",
     .preset = "1",
     .minimum = 1,
     .maximum = 100000,
     .help = "of halving: trials are compared after N epochs, then after --factor times as many"},
    {.name = "factor",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, factor),
     .value_name = "N",
     .preset = "3",
     .minimum = 2,
     .maximum = 100,
     .help = "of halving: of so many, one goes on"},
    {.name = "seed",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, seed),
     .value_name = "N",
     .preset = "1",
     .minimum = 0,
     .maximum = 9007199254740991,
     .help = "of what is drawn, and of the trials"},
    {.name = "seeds",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, seeds),
     .value_name = "N",
     .preset = "1",
     .minimum = 1,
     .maximum = 1000,
     .help = "train the best choices with N seeds, and decide by the mean"},
    {.name = "finalists",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_sweep_settings, finalists),
     .value_name = "N",
     .preset = "3",
     .minimum = 1,
     .maximum = 1000,
     .help = "with --seeds: how many of the best"},
    {.name = "no-test",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_sweep_settings, no_test),
     .help = "leave the test images closed"},
    {.name = "again",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_sweep_settings, again),
     .help = "look at the test images once more, for another choice than the first time"},
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_sweep_settings, out),
     .value_name = "FOLDER",
     .help = "where store and runs go (default: runs/<network>-sweep-<n>, and runs/trials.db)"},
};

// ---- the choices ------------------------------------------------------------------------------

// The words in one text; NULL without memory.
static char *join(char *const *words, size_t n_words)
{
    lw_text text = {0};
    lw_text_print(&text, "%s", "");
    for (size_t i = 0; i < n_words; i++) lw_text_print(&text, "%s%s", i ? " " : "", words[i]);
    if (!text.failed) return text.bytes;
    lw_text_free(&text);
    return NULL;
}

static bool is_known(const lw_sweep *sweep, const char *key)
{
    for (size_t i = 0; i < sweep->n_choices; i++)
        if (strcmp(sweep->choices[i].key, key) == 0) return true;
    return false;
}

// Adds the choice, unless it is there already.
static lw_status draw_choice(lw_sweep *sweep, uint64_t number)
{
    lw_sweep_choice choice = {.accuracy = 0};
    lw_status status =
        lw_sweep_space_draw(&sweep->space, sweep->network, (uint64_t)sweep->settings->seed, number,
                            &choice.words, &choice.n_words);
    if (!status) choice.key = join(choice.words, choice.n_words);
    if (!status && !choice.key) status = lw_fail(LW_ERROR_MEMORY, "no memory for a choice");
    if (!status && !is_known(sweep, choice.key)) {
        sweep->choices[sweep->n_choices++] = choice;
        return LW_OK;
    }
    lw_sweep_words_free(choice.words, choice.n_words);
    free(choice.key);
    return status;
}

static lw_status draw_choices(lw_sweep *sweep)
{
    const size_t n = (size_t)sweep->settings->trials;
    sweep->choices = calloc(n, sizeof *sweep->choices);
    sweep->ranked = calloc(n, sizeof *sweep->ranked);
    if (!sweep->choices || !sweep->ranked)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu choices", n);
    // Chance hits the same again and again where there is little to choose from; some may have no
    // effect of their own.
    const uint64_t most_draws = 100 * (uint64_t)n + 1000;
    for (uint64_t number = 0; number < most_draws && sweep->n_choices < n; number++)
        LW_TRY(draw_choice(sweep, number));
    if (sweep->n_choices < n)
        lw_note(sweep->output, "there are only %zu different choices", sweep->n_choices);
    return LW_OK;
}

// ---- the texts that name the search -----------------------------------------------------------

static lw_status name_search(lw_sweep *sweep)
{
    const lw_sweep_settings *settings = sweep->settings;
    const lw_space *space = &sweep->space.space;
    lw_text text = {0};
    for (size_t i = 0; i < sweep->space.n_fixed; i++)
        lw_text_print(&text, "%s\n", sweep->space.fixed[i]);
    for (size_t i = 0; i < space->n; i++) {
        const lw_dimension *dimension = &space->dimensions[i];
        lw_text_print(&text, "%s:", dimension->name);
        for (size_t k = 0; k < dimension->n_values; k++)
            lw_text_print(&text, "%s|", dimension->values[k]);
        if (!dimension->values)
            lw_text_print(&text, "%.17g..%.17g%s", dimension->low, dimension->high,
                          dimension->logarithmic ? ":log" : "");
        lw_text_print(&text, "\n");
    }
    lw_text_print(&text, "seed %lld, %s", (long long)settings->seed,
                  search_words[settings->search]);
    if (settings->search == SEARCH_HALVING)
        lw_text_print(&text, " %lld %lld", (long long)settings->first_epochs,
                      (long long)settings->factor);
    sweep->search = text.bytes;
    return text.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a search") : LW_OK;
}

static lw_status name_set(lw_sweep *sweep)
{
    lw_text text = {0};
    const char *network = lw_network_text(lw_trials_network(sweep->trials, 0));
    lw_text_print(&text, "sweep\nnetwork %016" PRIx64 "\ndata%s\n%s",
                  lw_hash_bytes(lw_hash_start, network, strlen(network)),
                  lw_trials_data_text(sweep->trials, 0), sweep->search);
    sweep->set = text.bytes;
    return text.failed ? lw_fail(LW_ERROR_MEMORY, "no memory for a search") : LW_OK;
}

// ---- the trials -------------------------------------------------------------------------------

static lw_status add_trial(lw_sweep *sweep, size_t choice_index, uint64_t seed)
{
    char name[48];
    char search[17];
    lw_sweep_choice *choice = &sweep->choices[choice_index];
    if (choice->n_trials == 0)
        snprintf(name, sizeof name, "trial-%zu", choice_index + 1);
    else
        snprintf(name, sizeof name, "trial-%zu-seed-%llu", choice_index + 1,
                 (unsigned long long)seed);
    snprintf(search, sizeof search, "%016" PRIx64,
             lw_hash_bytes(lw_hash_start, sweep->search, strlen(sweep->search)));
    size_t *grown = realloc(choice->trials, (choice->n_trials + 1) * sizeof *grown);
    if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for a trial");
    choice->trials = grown;
    const lw_trial_wish wish = {.network = sweep->network,
                                .words = (const char *const *)choice->words,
                                .n_words = choice->n_words,
                                .seed = seed,
                                .name = name,
                                .search = search};
    LW_TRY(lw_trials_add(sweep->trials, &wish));
    grown[choice->n_trials++] = lw_trials_count(sweep->trials) - 1;
    return LW_OK;
}

static lw_status add_trials(lw_sweep *sweep)
{
    for (size_t i = 0; i < sweep->n_choices; i++)
        LW_TRY(add_trial(sweep, i, (uint64_t)sweep->settings->seed));
    const lw_dataset *validation = lw_trials_data(sweep->trials, 0)->splits.validation;
    if (!validation || lw_dataset_size(validation) == 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "a search compares by the validation images: expected some, "
                       "got none");
    return LW_OK;
}

static lw_status place(lw_sweep *sweep)
{
    char series[256], *folder;
    if (sweep->settings->out) return lw_trials_place(sweep->trials, sweep->settings->out);
    snprintf(series, sizeof series, "runs/%s-sweep",
             lw_network_name(lw_trials_network(sweep->trials, 0)));
    LW_TRY(lw_trials_choose_folder(&folder, sweep->store, sweep->set, series));
    const lw_status status = lw_trials_place(sweep->trials, folder);
    free(folder);
    return status;
}

// Equal accuracies, as trials have that have learned nothing yet, are told apart by the loss, which is too
// small here to outweigh a single image.
static double score(const lw_epoch_result *epoch)
{
    return epoch->validation_accuracy - 1e-9 * fmin(epoch->validation_loss, 100);
}

static bool judge(void *user, size_t index, const lw_trial *trial)
{
    lw_sweep *sweep = user;
    const lw_epoch_result *last = &trial->epochs[trial->n_epochs - 1];
    (void)index;
    return lw_halving_judge(&sweep->halving, last->epoch, score(last));
}

// What earlier calls have found counts as if it had been found now.
static void recall(lw_sweep *sweep)
{
    for (size_t i = 0; i < lw_trials_count(sweep->trials); i++) {
        const lw_trial *trial = lw_trials_at(sweep->trials, i);
        for (size_t k = 0; k < trial->n_epochs; k++)
            lw_halving_judge(&sweep->halving, trial->epochs[k].epoch, score(&trial->epochs[k]));
    }
}

static lw_status search(lw_sweep *sweep)
{
    const lw_sweep_settings *settings = sweep->settings;
    if (settings->search == SEARCH_RANDOM) return lw_trials_run(sweep->trials, NULL, NULL);
    LW_TRY(lw_halving_init(&sweep->halving, (int32_t)settings->first_epochs,
                           (int32_t)settings->factor, lw_trials_epochs(sweep->trials, 0)));
    recall(sweep);
    return lw_trials_run(sweep->trials, judge, sweep);
}

// The best choices with more seeds, all to their end.
static lw_status run_finals(lw_sweep *sweep)
{
    const lw_sweep_settings *settings = sweep->settings;
    if (settings->seeds < 2) return LW_OK;
    for (size_t i = 0; i < sweep->n_choices && i < (size_t)settings->finalists; i++) {
        const size_t choice = sweep->ranked[i];
        if (isnan(sweep->choices[choice].accuracy)) break; // unfinished
        for (int64_t seed = 1; seed < settings->seeds; seed++)
            LW_TRY(add_trial(sweep, choice, (uint64_t)(settings->seed + seed)));
    }
    LW_TRY(lw_trials_place(sweep->trials, lw_trials_folder(sweep->trials)));
    LW_TRY(lw_trials_run(sweep->trials, NULL, NULL));
    lw_sweep_rank(sweep);
    return LW_OK;
}

// ---- the whole --------------------------------------------------------------------------------

static void note_plan(const lw_sweep *sweep)
{
    const lw_sweep_settings *settings = sweep->settings;
    const int32_t cores = settings->on ? (int32_t)settings->on : lw_cpu_threads();
    const lw_network *network = lw_trials_network(sweep->trials, 0);
    lw_note(sweep->output, "network: %s, %s parameters", lw_network_name(network),
            lw_format_count(lw_network_parameter_count(network)).text);
    lw_note(sweep->output, "machine: %s, %s kernels", lw_cpu_name(), lw_cpu_isa());
    lw_note(sweep->output, "search: %s, %zu choices of %zu option%s, %d at once, one thread each",
            search_words[settings->search], sweep->n_choices, sweep->space.space.n,
            sweep->space.space.n == 1 ? "" : "s", cores);
}

static lw_status work(lw_sweep *sweep, const lw_option_result *given)
{
    LW_TRY(lw_sweep_space_read(&sweep->space, &sweep->settings->values, given));
    if (sweep->space.space.n == 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "expected an option with several values to choose from, as "
                       "in --lr 1e-4..1e-2:log --batch 16,32");
    LW_TRY(draw_choices(sweep));
    LW_TRY(name_search(sweep));
    LW_TRY(add_trials(sweep));
    LW_TRY(name_set(sweep));
    LW_TRY(place(sweep));
    note_plan(sweep);
    LW_TRY(search(sweep));
    lw_sweep_rank(sweep);
    LW_TRY(run_finals(sweep));
    LW_TRY(lw_sweep_write_recipe(sweep));
    // A test that is refused comes after the answer to the rest.
    const lw_status status = lw_sweep_test(sweep);
    char refusal[1024];
    snprintf(refusal, sizeof refusal, "%s", lw_error_message());
    if (status && status != LW_ERROR_ARGUMENT) return status;
    LW_TRY(lw_sweep_report(sweep));
    return status ? lw_fail(status, "%s", refusal) : LW_OK;
}

static void end(lw_sweep *sweep)
{
    for (size_t i = 0; i < sweep->n_choices; i++) {
        lw_sweep_words_free(sweep->choices[i].words, sweep->choices[i].n_words);
        free(sweep->choices[i].key);
        free(sweep->choices[i].trials);
    }
    free(sweep->choices);
    free(sweep->ranked);
    free(sweep->search);
    free(sweep->set);
    free(sweep->recipe_file);
    lw_test_taken_free(&sweep->test);
    lw_halving_destroy(&sweep->halving);
    lw_sweep_space_free(&sweep->space);
    lw_trials_close(&sweep->trials);
    lw_trial_store_close(&sweep->store);
}

static lw_status run_sweep(const lw_invocation *invocation)
{
    const lw_sweep_settings *settings = invocation->settings;
    char path[4096];
    LW_TRY(lw_trials_store_path(path, sizeof path, settings->out));
    lw_sweep sweep = {.settings = settings,
                      .output = &invocation->output,
                      .network = invocation->arguments->operands[0]};
    lw_status status = lw_trial_store_open(&sweep.store, path);
    const lw_trials_options options = {
        .store = sweep.store, .cores = (int32_t)settings->on, .output = &invocation->output};
    if (!status) status = lw_trials_open(&sweep.trials, &options);
    if (!status) status = work(&sweep, invocation->arguments);
    end(&sweep);
    return status;
}

static void complete(lw_option_tables *options)
{
    lw_sweep_space_table(options, offsetof(lw_sweep_settings, values));
}

const lw_command lw_command_sweep = {
    .name = "sweep",
    .summary = "search for good settings of a training",
    .operands = "NETWORK",
    .description =
        "Tries choices of training options side by side, one thread each, and shows the best by "
        "validation accuracy. An option of `lanewise train` may have a range of numbers (A..B:log, "
        "A..B), a list (A,B,C; texts are separated by |), or one value for all. By default trials "
        "that "
        "do badly are stopped early. Everything is kept: the same command goes on where it was "
        "stopped, and with more --trials tries more. The test images are opened once, at the end, "
        "for the "
        "best choice, which is written as a recipe.",
    .examples = "  lanewise sweep fixed --lr 1e-4..1e-2:log --batch 16,32,128 --trials 24\n"
                "  lanewise sweep fixed --epochs 9 --optimizer adam,sgd --lr 1e-3..1e-1:log \\\n"
                "      --momentum 0.8,0.9,0.95 --schedule one-cycle --trials 40 --seeds 5\n"
                "  lanewise sweep lab --data digits --lr 0.001,0.003 --search random --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {sweep_options, lw_output_option_table},
                .counts = {LW_COUNT(sweep_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .complete = complete,
    .settings_bytes = sizeof(lw_sweep_settings),
    .run = run_sweep,
};
