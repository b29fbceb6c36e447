// SPDX-License-Identifier: Apache-2.0
#include "cli/report_terminal.h"

#include "base/error.h"
#include "cli/json.h"
#include "cli/report_curves.h"
#include "cli/report_page.h"
#include "cli/summary_json.h"
#include "report/confusion.h"
#include "report/format.h"
#include "report/sizes.h"
#include "report/sparkline.h"
#include "run/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- text -------------------------------------------------------------------------------------

static lw_status print_table(lw_status (*make)(lw_table **, const lw_run_set *),
                             const lw_run_set *set, const lw_output *output)
{
    lw_table *table;
    LW_TRY(make(&table, set));
    if (!table) return LW_OK;
    fputc('\n', output->result);
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static void print_value(double value, lw_curve what, FILE *file)
{
    if (what == LW_CURVE_LOSS)
        fprintf(file, "%s", lw_format_loss(value).text);
    else
        fprintf(file, "%s", lw_format_percent(value / 100).text);
}

// "  validation accuracy  96.31 % <curve> 99.07 %": the first epoch, the curve, the last one.
static void print_curve(const lw_run_group *group, lw_curve what, bool validation, double *values,
                        size_t n, const lw_output *output)
{
    enum { most_columns = 40 };
    lw_curve_mean(group, what, validation, values, n);
    while (n > 0 && !isfinite(values[n - 1])) n--; // other recipes went on longer
    if (n == 0) return;
    fprintf(output->result, "  %-10s %-8s  ", validation ? "validation" : "training",
            what == LW_CURVE_LOSS ? "loss" : "accuracy");
    print_value(values[0], what, output->result);
    fputc(' ', output->result);
    lw_sparkline_print(values, n, most_columns, output->result, &output->terminal);
    fputc(' ', output->result);
    print_value(values[n - 1], what, output->result);
    fputc('\n', output->result);
}

static lw_status print_curves(const lw_run_set *set, const lw_output *output)
{
    const size_t n = lw_run_set_epochs(set);
    if (n < 2) return LW_OK;
    double *values = calloc(n, sizeof *values);
    if (!values) return lw_fail(LW_ERROR_MEMORY, "no memory for the curves");
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *group = &set->groups[g];
        fprintf(output->result, "\n%s%s\n", group->label,
                group->n > 1 ? " (mean of its runs), epoch by epoch" : ", epoch by epoch");
        for (int what = LW_CURVE_LOSS; what <= LW_CURVE_ACCURACY; what++)
            for (int validation = 0; validation < 2; validation++)
                print_curve(group, (lw_curve)what, validation, values, n, output);
    }
    free(values);
    return LW_OK;
}

static lw_status print_confusion(const lw_run_set *set, const lw_output *output)
{
    const lw_run_group *best = lw_run_set_best(set);
    const char *const *names = best->runs[0]->class_names;
    if (best->confusion.classes == 0) return LW_OK;
    fputc('\n', output->result);
    if (set->n_groups > 1)
        fprintf(output->result, "recipe %zu: ", (size_t)(best - set->groups) + 1);
    LW_TRY(lw_confusion_print(&best->confusion, names, output->result, &output->terminal));
    fputc('\n', output->result);
    lw_confusion_print_worst(&best->confusion, names, output->result);
    return lw_sizes_print(best->runs[0]->sizes, best->runs[0]->n_sizes, output->result,
                          &output->terminal);
}

lw_status lw_report_print(const lw_run_set *set, const lw_output *output)
{
    char figure[32], sentence[512];
    lw_report_headline(figure, sentence, set);
    if (output->quiet) {
        fprintf(output->result, "%s\n", figure);
        return LW_OK;
    }
    fprintf(output->result, "%s%s%s ", lw_style_begin(&output->terminal, LW_STYLE_BOLD), figure,
            lw_style_end(&output->terminal, LW_STYLE_BOLD));
    lw_print_wrapped(output->result, sentence, (int)strlen(figure) + 1, 2);
    lw_run_set narrow = *set;
    narrow.narrow = true;
    if (set->n_groups > 1) {
        fputc('\n', output->result);
        for (size_t g = 0; g < set->n_groups; g++)
            fprintf(output->result, "  %zu  %s\n", g + 1, set->groups[g].label);
        LW_TRY(print_table(lw_report_groups_table, &narrow, output));
    }
    LW_TRY(print_table(lw_report_runs_table, &narrow, output));
    LW_TRY(print_table(lw_report_convolutions_table, &narrow, output));
    LW_TRY(print_curves(set, output));
    return print_confusion(set, output);
}

// ---- JSON -------------------------------------------------------------------------------------

static cJSON *epochs_json(const lw_run_summary *run)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t e = 0; array && e < run->n_epochs; e++) {
        cJSON *epoch = lw_record_epoch(&run->epochs[e]);
        if (epoch && cJSON_AddItemToArray(array, epoch)) continue;
        cJSON_Delete(epoch);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

static cJSON *run_json(const lw_run_set *set, const lw_run_group *group, const lw_run_summary *run)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "run", run->path);
    lw_json_add_count(&object, "group", group - set->groups);
    lw_json_add_count(&object, "seed", (int64_t)run->seed);
    lw_json_add_number(&object, "test_accuracy", run->test.accuracy);
    lw_json_add_number(&object, "test_loss", run->test.loss);
    lw_json_add_number(&object, "validation_accuracy", run->validation.accuracy);
    lw_json_add_number(&object, "train_accuracy", run->train.accuracy);
    lw_json_add_number(&object, "seconds", run->seconds);
    lw_json_add_number(&object, "images_per_second", run->images_per_second);
    lw_json_add_count(&object, "threads", run->threads);
    lw_json_add_text(&object, "machine", run->cpu);
    lw_json_add_item(&object, "epochs", epochs_json(run));
    return lw_json_object_take(&object);
}

static cJSON *group_json(const lw_run_group *group)
{
    char convolutions[128];
    lw_run_summary_convolutions(group->runs[0], convolutions, sizeof convolutions);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "recipe", group->label);
    lw_json_add_text(&object, "network", group->runs[0]->network);
    lw_json_add_count(&object, "parameters", group->runs[0]->parameters);
    lw_json_add_text(&object, "data", group->runs[0]->data);
    lw_json_add_item(&object, "test_accuracy", lw_summary_json(&group->test));
    lw_json_add_item(&object, "validation_accuracy", lw_summary_json(&group->validation));
    lw_json_add_item(&object, "train_accuracy", lw_summary_json(&group->train));
    lw_json_add_item(&object, "seconds", lw_summary_json(&group->seconds));
    lw_json_add_item(&object, "images_per_second", lw_summary_json(&group->images_per_second));
    lw_json_add_text(&object, "convolutions", convolutions);
    if (group->confusion.classes)
        lw_json_add_item(&object, "confusion", lw_record_confusion(&group->confusion));
    return lw_json_object_take(&object);
}

static void append(lw_json_object *object, cJSON *array, cJSON *item)
{
    if (array && item && cJSON_AddItemToArray(array, item)) return;
    cJSON_Delete(item);
    object->failed = true;
}

cJSON *lw_report_json(const lw_run_set *set)
{
    char figure[32], sentence[512];
    lw_report_headline(figure, sentence, set);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "headline", sentence);
    lw_json_add_text(&object, "judged_by", lw_run_set_judge(set));
    lw_json_add_number(&object, "accuracy", lw_run_group_result(set, lw_run_set_best(set))->mean);
    cJSON *groups = cJSON_CreateArray(), *runs = cJSON_CreateArray();
    for (size_t g = 0; g < set->n_groups; g++) {
        const lw_run_group *group = &set->groups[g];
        append(&object, groups, group_json(group));
        for (size_t i = 0; i < group->n; i++)
            append(&object, runs, run_json(set, group, group->runs[i]));
    }
    lw_json_add_item(&object, "groups", groups);
    lw_json_add_item(&object, "runs", runs);
    return lw_json_object_take(&object);
}
