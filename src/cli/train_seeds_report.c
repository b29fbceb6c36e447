// SPDX-License-Identifier: Apache-2.0
#include "cli/train_seeds_report.h"

#include "base/error.h"
#include "cli/json.h"
#include "cli/summary_json.h"
#include "report/format.h"
#include "report/table.h"
#include "study/summary.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdlib.h>

// What is summed up over the seeds.
typedef struct column {
    const char *key, *title;
    double (*value)(const lw_trial *trial);
    bool percent; // else seconds, or a loss
    bool seconds;
} column;

static double train_accuracy(const lw_trial *trial)
{
    return trial->train_accuracy;
}
static double validation_accuracy(const lw_trial *trial)
{
    return trial->validation_accuracy;
}
static double test_accuracy(const lw_trial *trial)
{
    return trial->test_accuracy;
}
static double test_loss(const lw_trial *trial)
{
    return trial->test_loss;
}
static double seconds(const lw_trial *trial)
{
    return trial->seconds;
}
static double seconds_to_97(const lw_trial *trial)
{
    return lw_trial_seconds_to(trial, 0.97);
}
static double seconds_to_98(const lw_trial *trial)
{
    return lw_trial_seconds_to(trial, 0.98);
}
static double seconds_to_99(const lw_trial *trial)
{
    return lw_trial_seconds_to(trial, 0.99);
}

static const column columns[] = {
    {"train_accuracy", "train", train_accuracy, .percent = true},
    {"validation_accuracy", "validation", validation_accuracy, .percent = true},
    {"test_accuracy", "test", test_accuracy, .percent = true},
    {"test_loss", "test loss", test_loss, .percent = false},
    {"seconds", "training", seconds, .seconds = true},
    {"seconds_to_97", "to 97 %", seconds_to_97, .seconds = true},
    {"seconds_to_98", "to 98 %", seconds_to_98, .seconds = true},
    {"seconds_to_99", "to 99 %", seconds_to_99, .seconds = true},
};

// One column over the trials that were trained to their end.
static lw_summary summarize(const lw_trials *trials, const column *c)
{
    const size_t n = lw_trials_count(trials);
    double *values = calloc(n + 1, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values && i < n; i++)
        if (lw_trials_at(trials, i)->status == LW_TRIAL_FINISHED)
            values[count++] = c->value(lw_trials_at(trials, i));
    const lw_summary summary = lw_summary_of(values, count);
    free(values);
    return summary;
}

// ---- for programs -----------------------------------------------------------------------------

static const char *status_word(lw_trial_status status)
{
    static const char *const words[] = {[LW_TRIAL_OPEN] = "open",
                                        [LW_TRIAL_FINISHED] = "finished",
                                        [LW_TRIAL_STOPPED] = "stopped",
                                        [LW_TRIAL_FAILED] = "failed"};
    return words[status];
}

cJSON *lw_trial_json(const lw_trial *trial)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "seed", (int64_t)trial->seed);
    lw_json_add_text(&object, "status", status_word(trial->status));
    if (trial->failure) lw_json_add_text(&object, "failure", trial->failure);
    lw_json_add_count(&object, "epochs", (int64_t)trial->n_epochs);
    for (size_t i = 0; i < LW_COUNT(columns); i++)
        lw_json_add_number(&object, columns[i].key, columns[i].value(trial));
    lw_json_add_number(&object, "images_per_second", trial->images_per_second);
    lw_json_add_text(&object, "run_directory", trial->folder);
    return lw_json_object_take(&object);
}

cJSON *lw_trials_summary_json(const lw_trials *trials)
{
    lw_json_object object = lw_json_object_begin();
    for (size_t i = 0; i < LW_COUNT(columns); i++) {
        const lw_summary summary = summarize(trials, &columns[i]);
        if (summary.n > 0) lw_json_add_item(&object, columns[i].key, lw_summary_json(&summary));
    }
    return lw_json_object_take(&object);
}

static cJSON *trials_json(const lw_trials *trials)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < lw_trials_count(trials); i++) {
        cJSON *item = lw_trial_json(lw_trials_at(trials, i));
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

static lw_status print_json(const lw_trials *trials)
{
    const lw_trials_account account = lw_trials_account_of(trials);
    const lw_network *network = lw_trials_network(trials, 0);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(network));
    lw_json_add_count(&object, "parameters", lw_network_parameter_count(network));
    lw_json_add_text(&object, "data", lw_trials_data(trials, 0)->splits.name);
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "on", account.cores);
    lw_json_add_count(&object, "trained", (int64_t)account.trained);
    lw_json_add_count(&object, "found", (int64_t)account.found);
    lw_json_add_number(&object, "seconds", account.seconds);
    lw_json_add_number(&object, "images_per_second", account.images_per_second);
    lw_json_add_number(&object, "images_per_second_alone", account.alone);
    lw_json_add_item(&object, "seeds", trials_json(trials));
    lw_json_add_item(&object, "summary", lw_trials_summary_json(trials));
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

// ---- for people -------------------------------------------------------------------------------

static void add_value(lw_table *table, const column *c, lw_style style, double value)
{
    const char *text = c->percent   ? lw_format_percent(value).text
                       : c->seconds ? lw_format_seconds(value).text
                                    : lw_format_loss(value).text;
    lw_table_cell(table, style, "%s", text);
}

// A difference of two accuracies has two digits more than they.
static void add_deviation(lw_table *table, const column *c, double value)
{
    if (!isfinite(value))
        lw_table_cell(table, LW_STYLE_PLAIN, "-");
    else if (c->percent)
        lw_table_cell(table, LW_STYLE_PLAIN, "%.3f %%", 100 * value);
    else
        add_value(table, c, LW_STYLE_PLAIN, value);
}

// The columns that have anything in them.
static size_t choose_columns(const lw_trials *trials, const column *chosen[LW_COUNT(columns)])
{
    size_t n = 0;
    for (size_t i = 0; i < LW_COUNT(columns); i++)
        if (summarize(trials, &columns[i]).n > 0) chosen[n++] = &columns[i];
    return n;
}

static void add_rows(lw_table *table, const lw_trials *trials, const column *const *chosen,
                     size_t n_columns)
{
    for (size_t i = 0; i < lw_trials_count(trials); i++) {
        const lw_trial *trial = lw_trials_at(trials, i);
        lw_table_cell(table, LW_STYLE_PLAIN, "%llu", (unsigned long long)trial->seed);
        for (size_t k = 0; k < n_columns; k++)
            add_value(table, chosen[k], LW_STYLE_PLAIN,
                      trial->status == LW_TRIAL_FINISHED ? chosen[k]->value(trial) : NAN);
    }
}

static void add_summaries(lw_table *table, const lw_trials *trials, const column *const *chosen,
                          size_t n_columns)
{
    static const char *const titles[] = {"mean", "deviation", "95 % from", "95 % to"};
    lw_table_rule(table);
    for (size_t row = 0; row < LW_COUNT(titles); row++) {
        lw_table_cell(table, row == 0 ? LW_STYLE_BOLD : LW_STYLE_PLAIN, "%s", titles[row]);
        for (size_t k = 0; k < n_columns; k++) {
            const lw_summary summary = summarize(trials, chosen[k]);
            if (row == 0)
                add_value(table, chosen[k], LW_STYLE_BOLD, summary.mean);
            else if (row == 1)
                add_deviation(table, chosen[k], summary.deviation);
            else
                add_value(table, chosen[k], LW_STYLE_PLAIN, row == 2 ? summary.low : summary.high);
        }
    }
}

static lw_status print_table(const lw_trials *trials, const lw_output *output)
{
    lw_table *table;
    const column *chosen[LW_COUNT(columns)];
    const size_t n_columns = choose_columns(trials, chosen);
    if (n_columns == 0) return LW_OK;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "seed");
    for (size_t k = 0; k < n_columns; k++) lw_table_column(table, LW_ALIGN_RIGHT, chosen[k]->title);
    add_rows(table, trials, chosen, n_columns);
    if (lw_trials_count(trials) > 1) add_summaries(table, trials, chosen, n_columns);
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 2);
    lw_table_destroy(&table);
    return status;
}

// "98,200 images/s together, 1.97 times one alone (49,800)".
static void print_rates(const lw_trials *trials, FILE *file)
{
    const lw_trials_account account = lw_trials_account_of(trials);
    if (account.found > 0)
        fprintf(file, "\n%zu of %zu trainings were finished before", account.found,
                lw_trials_count(trials));
    if (account.trained > 0)
        fprintf(file, "\n%zu training%s in %s, %d at once", account.trained,
                account.trained == 1 ? "" : "s", lw_format_seconds(account.seconds).text,
                account.cores);
    if (account.images_per_second > 0)
        fprintf(file, ": %s images/s together",
                lw_format_count(llround(fmin(account.images_per_second, 1e15))).text);
    if (account.alone > 0)
        fprintf(file, ", %.2f times one alone (%s)", account.images_per_second / account.alone,
                lw_format_count(llround(fmin(account.alone, 1e15))).text);
    fputc('\n', file);
}

static void print_quiet(const lw_trials *trials, FILE *file)
{
    const column *test = &columns[2], *train = &columns[0];
    const bool has_test = summarize(trials, test).n > 0;
    const lw_summary summary = summarize(trials, has_test ? test : train);
    fprintf(file, "%s accuracy %s, deviation %.3f %%, %zu seeds\n", has_test ? "test" : "train",
            lw_format_percent(summary.mean).text, 100 * summary.deviation, summary.n);
}

static lw_status print_report(const lw_trials *trials, const lw_output *output)
{
    FILE *file = output->result;
    if (output->quiet) {
        if (!output->json) print_quiet(trials, file);
        return LW_OK;
    }
    fputc('\n', file);
    LW_TRY(print_table(trials, output));
    print_rates(trials, file);
    const char *folder = lw_trials_folder(trials);
    fprintf(file, "the runs are in %s\n", folder);
    return LW_OK;
}

// The sentence of the first training that failed.
static lw_status find_failure(const lw_trials *trials)
{
    size_t n = 0;
    const lw_trial *first = NULL;
    for (size_t i = 0; i < lw_trials_count(trials); i++) {
        const lw_trial *trial = lw_trials_at(trials, i);
        if (trial->status != LW_TRIAL_FAILED) continue;
        if (n++ == 0) first = trial;
    }
    if (!first) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%zu of %zu trainings failed; seed %llu: %s", n,
                   lw_trials_count(trials), (unsigned long long)first->seed,
                   first->failure ? first->failure : "for no known reason");
}

lw_status lw_train_seeds_report(const lw_trials *trials, const lw_output *output)
{
    LW_TRY(print_report(trials, output));
    if (output->json) LW_TRY(print_json(trials));
    return find_failure(trials);
}
