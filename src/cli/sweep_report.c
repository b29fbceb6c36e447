// SPDX-License-Identifier: Apache-2.0
// What a search has found.
#include "base/error.h"
#include "cli/json.h"
#include "cli/sweep.h"
#include "cli/train_seeds_report.h"
#include "report/format.h"
#include "report/table.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t count_status(const lw_sweep *sweep, lw_trial_status status)
{
    size_t n = 0;
    for (size_t i = 0; i < lw_trials_count(sweep->trials); i++)
        n += lw_trials_at(sweep->trials, i)->status == status;
    return n;
}

// ---- for programs -----------------------------------------------------------------------------

static cJSON *settings_json(const lw_sweep *sweep, const lw_sweep_choice *choice)
{
    lw_json_object object = lw_json_object_begin();
    for (size_t i = sweep->space.n_fixed; i < choice->n_words; i++) {
        char name[64];
        const char *word = choice->words[i];
        const size_t length = strcspn(word, "=");
        double number;
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        if (lw_parse_double(word + length + 1, &number))
            lw_json_add_number(&object, name, number);
        else
            lw_json_add_text(&object, name, word + length + 1);
    }
    return lw_json_object_take(&object);
}

static cJSON *trials_json(const lw_sweep *sweep, const lw_sweep_choice *choice)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < choice->n_trials; i++) {
        cJSON *item = lw_trial_json(lw_trials_at(sweep->trials, choice->trials[i]));
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

static cJSON *choice_json(const lw_sweep *sweep, size_t index)
{
    const lw_sweep_choice *choice = &sweep->choices[index];
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "number", (int64_t)index + 1);
    lw_json_add_item(&object, "settings", settings_json(sweep, choice));
    lw_json_add_number(&object, "validation_accuracy", choice->accuracy);
    lw_json_add_number(&object, "validation_loss", choice->loss);
    lw_json_add_item(&object, "trials", trials_json(sweep, choice));
    return lw_json_object_take(&object);
}

static cJSON *choices_json(const lw_sweep *sweep)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < sweep->n_choices; i++) {
        cJSON *item = choice_json(sweep, sweep->ranked[i]);
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

static cJSON *test_json(const lw_sweep *sweep)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "choice", sweep->test.recipe);
    lw_json_add_flag(&object, "of_the_best", sweep->tested);
    lw_json_add_number(&object, "accuracy", sweep->test.accuracy);
    lw_json_add_number(&object, "loss", sweep->test.loss);
    lw_json_add_count(&object, "images", sweep->test.images);
    lw_json_add_count(&object, "times", sweep->test.times);
    return lw_json_object_take(&object);
}

static lw_status print_json(const lw_sweep *sweep)
{
    const lw_trials_account account = lw_trials_account_of(sweep->trials);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(lw_trials_network(sweep->trials, 0)));
    lw_json_add_text(&object, "data", lw_trials_data(sweep->trials, 0)->splits.name);
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "on", account.cores);
    lw_json_add_count(&object, "trained", (int64_t)account.trained);
    lw_json_add_count(&object, "found", (int64_t)account.found);
    lw_json_add_count(&object, "stopped", (int64_t)count_status(sweep, LW_TRIAL_STOPPED));
    lw_json_add_count(&object, "failed", (int64_t)count_status(sweep, LW_TRIAL_FAILED));
    lw_json_add_number(&object, "seconds", account.seconds);
    lw_json_add_item(&object, "choices", choices_json(sweep));
    if (sweep->test.times > 0) lw_json_add_item(&object, "test", test_json(sweep));
    lw_json_add_text(&object, "recipe_file", sweep->recipe_file);
    lw_json_add_text(&object, "folder", lw_trials_folder(sweep->trials));
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

// ---- for people -------------------------------------------------------------------------------

static void add_row(lw_table *table, const lw_sweep *sweep, size_t place)
{
    enum { most_columns = 46 };
    const lw_sweep_choice *choice = &sweep->choices[sweep->ranked[place]];
    const lw_trial *trial = lw_trials_at(sweep->trials, choice->trials[0]);
    char *chosen = lw_sweep_chosen(sweep, choice), cut[256];
    const bool finished = !isnan(choice->accuracy);
    lw_text_cut(cut, sizeof cut, chosen ? chosen : "", most_columns);
    free(chosen);
    lw_table_cell(table, LW_STYLE_PLAIN, "%zu", sweep->ranked[place] + 1);
    lw_table_cell(table, place == 0 ? LW_STYLE_BOLD : LW_STYLE_PLAIN, "%s",
                  lw_format_percent(finished ? choice->accuracy : trial->validation_accuracy).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                  lw_format_loss(finished ? choice->loss : trial->validation_loss).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%zu", choice->n_trials);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s%zu",
                  trial->status == LW_TRIAL_STOPPED  ? "stopped, "
                  : trial->status == LW_TRIAL_FAILED ? "failed, "
                                                     : "",
                  trial->n_epochs);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", cut);
}

static lw_status print_table(const lw_sweep *sweep)
{
    enum { most_rows = 10 };
    lw_table *table;
    const lw_output *output = sweep->output;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_RIGHT, "trial");
    lw_table_column(table, LW_ALIGN_RIGHT, "validation");
    lw_table_column(table, LW_ALIGN_RIGHT, "loss");
    lw_table_column(table, LW_ALIGN_RIGHT, "seeds");
    lw_table_column(table, LW_ALIGN_RIGHT, "epochs");
    lw_table_column(table, LW_ALIGN_LEFT, "choice");
    for (size_t i = 0; i < sweep->n_choices && i < most_rows; i++) add_row(table, sweep, i);
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 2);
    lw_table_destroy(&table);
    return status;
}

static void print_account(const lw_sweep *sweep, FILE *file)
{
    const lw_trials_account account = lw_trials_account_of(sweep->trials);
    const size_t stopped = count_status(sweep, LW_TRIAL_STOPPED);
    const size_t failed = count_status(sweep, LW_TRIAL_FAILED);
    fprintf(file, "\n%zu choices", sweep->n_choices);
    if (stopped > 0) fprintf(file, ", %zu stopped early", stopped);
    if (failed > 0) fprintf(file, ", %zu failed", failed);
    if (account.found > 0) fprintf(file, ", %zu trials known before", account.found);
    if (account.trained > 0)
        fprintf(file, "; %zu trained in %s, %d at once", account.trained,
                lw_format_seconds(account.seconds).text, account.cores);
    fputc('\n', file);
}

static void print_test(const lw_sweep *sweep, FILE *file)
{
    const lw_test_taken *test = &sweep->test;
    if (!sweep->tested) return;
    fprintf(file, "the best choice on the %s test images: accuracy %s, loss %s",
            lw_format_count(test->images).text, lw_format_percent(test->accuracy).text,
            lw_format_loss(test->loss).text);
    if (test->times > 1)
        fprintf(file, " (these were looked at %lld times: no longer an honest test)",
                (long long)test->times);
    fputc('\n', file);
}

lw_status lw_sweep_report(const lw_sweep *sweep)
{
    FILE *file = sweep->output->result;
    const lw_sweep_choice *best = lw_sweep_best(sweep);
    if (sweep->output->quiet && !sweep->output->json && best) {
        char *chosen = lw_sweep_chosen(sweep, best);
        fprintf(file, "validation accuracy %s: %s\n", lw_format_percent(best->accuracy).text,
                chosen ? chosen : "");
        free(chosen);
    }
    if (!sweep->output->quiet) {
        fputc('\n', file);
        LW_TRY(print_table(sweep));
        print_account(sweep, file);
        print_test(sweep, file);
        if (sweep->recipe_file)
            fprintf(file, "the best choice as a recipe: %s\n", sweep->recipe_file);
        fprintf(file, "the runs are in %s\n", lw_trials_folder(sweep->trials));
    }
    if (sweep->output->json) LW_TRY(print_json(sweep));
    if (!best) return lw_fail(LW_ERROR_INPUT, "no trial was finished");
    return LW_OK;
}
