// SPDX-License-Identifier: Apache-2.0
// Which choice of a search is the best, and what became of it: a recipe, and one look at the test images.
#include "base/error.h"
#include "base/file.h"
#include "cli/sweep.h"
#include "run/model_file.h"
#include "run/run_directory.h"

#include <lanewise/metrics.h>
#include <lanewise/model.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// ---- ranking ----------------------------------------------------------------------------------

// Means over the trials of a choice, all of which must be finished.
static void score(const lw_sweep *sweep, lw_sweep_choice *choice)
{
    double accuracy = 0, loss = 0;
    for (size_t i = 0; i < choice->n_trials; i++) {
        const lw_trial *trial = lw_trials_at(sweep->trials, choice->trials[i]);
        const bool good = trial->status == LW_TRIAL_FINISHED;
        accuracy += good ? trial->validation_accuracy : NAN;
        loss += good ? trial->validation_loss : NAN;
    }
    choice->accuracy = accuracy / (double)choice->n_trials;
    choice->loss = loss / (double)choice->n_trials;
}

// Of two that were stopped, or failed: who got further, then who was better there.
static bool got_further(const lw_sweep *sweep, const lw_sweep_choice *a, const lw_sweep_choice *b)
{
    const lw_trial *first = lw_trials_at(sweep->trials, a->trials[0]);
    const lw_trial *second = lw_trials_at(sweep->trials, b->trials[0]);
    if (first->n_epochs != second->n_epochs) return first->n_epochs > second->n_epochs;
    return first->validation_accuracy > second->validation_accuracy;
}

static bool is_better(const lw_sweep *sweep, const lw_sweep_choice *a, const lw_sweep_choice *b)
{
    if (isnan(a->accuracy) && isnan(b->accuracy)) return got_further(sweep, a, b);
    if (isnan(a->accuracy) || isnan(b->accuracy)) return isnan(b->accuracy);
    if (a->accuracy != b->accuracy) return a->accuracy > b->accuracy;
    return a->loss < b->loss;
}

// By insertion, so that equal ones stay in the order in which they were drawn. What has been trained
// with several seeds comes before what has not: it was the best before, and is known better.
void lw_sweep_rank(lw_sweep *sweep)
{
    for (size_t i = 0; i < sweep->n_choices; i++) score(sweep, &sweep->choices[i]);
    for (size_t i = 0; i < sweep->n_choices; i++) {
        const lw_sweep_choice *choice = &sweep->choices[i];
        size_t at = i;
        for (; at > 0; at--) {
            const lw_sweep_choice *before = &sweep->choices[sweep->ranked[at - 1]];
            const bool further = choice->n_trials > before->n_trials && !isnan(choice->accuracy);
            const bool less = choice->n_trials < before->n_trials && !isnan(before->accuracy);
            if (!further && (less || !is_better(sweep, choice, before))) break;
            sweep->ranked[at] = sweep->ranked[at - 1];
        }
        sweep->ranked[at] = i;
    }
}

const lw_sweep_choice *lw_sweep_best(const lw_sweep *sweep)
{
    const lw_sweep_choice *best = &sweep->choices[sweep->ranked[0]];
    return isnan(best->accuracy) ? NULL : best;
}

char *lw_sweep_chosen(const lw_sweep *sweep, const lw_sweep_choice *choice)
{
    lw_text text = {0};
    lw_text_print(&text, "%s", "");
    for (size_t i = sweep->space.n_fixed; i < choice->n_words; i++)
        lw_text_print(&text, "%s%s", i > sweep->space.n_fixed ? " " : "", choice->words[i]);
    if (!text.failed) return text.bytes;
    lw_text_free(&text);
    return NULL;
}

// ---- the recipe -------------------------------------------------------------------------------

// Options that say what is trained on, not how.
static bool is_of_the_data(const char *word)
{
    static const char *const names[] = {"data",    "train-limit", "validation", "val",   "skip-bad",
                                        "offline", "memory",      "channels",   "recipe"};
    const size_t length = strcspn(word, "=");
    for (size_t i = 0; i < LW_COUNT(names); i++)
        if (strlen(names[i]) == length && strncmp(word, names[i], length) == 0) return true;
    return false;
}

static void print_words(lw_text *text, const char *words)
{
    for (const char *line = words; *line;) {
        const char *end = strchr(line, '\n');
        const size_t length = end ? (size_t)(end - line) : strlen(line);
        if (!is_of_the_data(line)) {
            const char *equals = memchr(line, '=', length);
            const size_t name = equals ? (size_t)(equals - line) : length;
            lw_text_append(text, line, name);
            if (equals) lw_text_print(text, " %.*s", (int)(length - name - 1), equals + 1);
            lw_text_append(text, "\n", 1);
        }
        line += length + (end != NULL);
    }
}

lw_status lw_sweep_write_recipe(lw_sweep *sweep)
{
    const lw_sweep_choice *best = lw_sweep_best(sweep);
    if (!best) return LW_OK;
    const char *folder = lw_trials_folder(sweep->trials);
    lw_text path = {0}, text = {0};
    char *words = lw_trials_words(sweep->trials, best->trials[0]);
    lw_text_print(&path, "%s/best.recipe", folder);
    lw_text_print(&text, "# The best of %zu choices for %s by validation accuracy: %.2f %%.\n",
                  sweep->n_choices, lw_network_name(lw_trials_network(sweep->trials, 0)),
                  100 * best->accuracy);
    if (words) print_words(&text, words);
    lw_status status = !words || path.failed || text.failed
                           ? lw_fail(LW_ERROR_MEMORY, "no memory for a recipe")
                           : lw_file_write(path.bytes, text.bytes, text.length);
    free(words);
    lw_text_free(&text);
    sweep->recipe_file = path.bytes;
    return status;
}

// ---- the test ---------------------------------------------------------------------------------

// One trial's model on the test images, added to the means.
static lw_status test_trial(const lw_sweep *sweep, size_t index, lw_test_taken *sum)
{
    const lw_trial *trial = lw_trials_at(sweep->trials, index);
    const lw_dataset *test = lw_trials_data(sweep->trials, index)->splits.test;
    lw_model *model;
    lw_metrics metrics;
    char path[4096];
    LW_TRY(lw_run_find_model(trial->folder, path, sizeof path));
    LW_TRY(lw_model_load(&model, path));
    lw_model_set_exact(model, lw_trials_is_exact(sweep->trials, index));
    const lw_status status = lw_model_evaluate(model, test, (int32_t)sweep->settings->on, &metrics);
    if (!status) {
        sum->accuracy += lw_metrics_accuracy(&metrics);
        sum->loss += metrics.loss;
        sum->images = metrics.count;
        lw_metrics_destroy(&metrics);
    }
    lw_model_destroy(&model);
    return status;
}

static lw_status take_test(lw_sweep *sweep, const lw_sweep_choice *best)
{
    lw_test_taken taken = {.time = (int64_t)time(NULL)};
    for (size_t i = 0; i < best->n_trials; i++) LW_TRY(test_trial(sweep, best->trials[i], &taken));
    taken.accuracy /= (double)best->n_trials;
    taken.loss /= (double)best->n_trials;
    taken.recipe = strdup(best->key);
    if (!taken.recipe) return lw_fail(LW_ERROR_MEMORY, "no memory for a recipe");
    // Known to the store before it is known to anybody else.
    const lw_status status = lw_trial_store_take_test(sweep->store, sweep->set, &taken);
    const int64_t times = sweep->test.times;
    lw_test_taken_free(&sweep->test);
    sweep->test = taken;
    sweep->test.times = times + 1;
    sweep->tested = !status;
    return status;
}

// "2026-11-25"
static void print_day(char *text, size_t bytes, int64_t seconds)
{
    struct tm day;
    const time_t moment = (time_t)seconds;
    text[0] = '\0';
    if (gmtime_r(&moment, &day)) strftime(text, bytes, "%Y-%m-%d", &day);
}

lw_status lw_sweep_test(lw_sweep *sweep)
{
    char day[16];
    const lw_sweep_choice *best = lw_sweep_best(sweep);
    LW_TRY(lw_trial_store_test(sweep->store, sweep->set, &sweep->test));
    if (!best || sweep->settings->no_test) return LW_OK;
    const lw_dataset *test = lw_trials_data(sweep->trials, best->trials[0])->splits.test;
    if (!test || lw_dataset_size(test) == 0) return LW_OK;
    if (sweep->test.times == 0) return take_test(sweep, best);
    sweep->tested = strcmp(sweep->test.recipe, best->key) == 0;
    if (sweep->tested) return LW_OK;
    if (sweep->settings->again) return take_test(sweep, best);
    print_day(day, sizeof day, sweep->test.time);
    return lw_fail(LW_ERROR_ARGUMENT,
                   "the test images of this search were looked at on %s for another choice, and "
                   "whoever chooses again afterwards chooses by them; --again looks once more, and "
                   "says so",
                   day);
}
