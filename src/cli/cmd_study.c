// SPDX-License-Identifier: Apache-2.0
// `lanewise study list`, `study show`, `study run`: experiments that come with the program, or that a user wrote.
#include "base/error.h"
#include "base/file.h"
#include "cli/json.h"
#include "cli/study_files.h"
#include "cli/study_run.h"
#include "report/format.h"
#include "report/table.h"

#include <stdlib.h>

// ---- list -------------------------------------------------------------------------------------

typedef struct list_settings {
    lw_common_settings common;
} list_settings;

// The first published figure of the study, and whether there are more.
static lw_study_words first_published(const lw_study *study)
{
    lw_study_words words = {""};
    const lw_study_published *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < study->n_arms; i++)
        for (size_t k = 0; k < study->arms[i].n_published; k++) {
            const lw_study_published *published = &study->arms[i].published[k];
            if (published->metric == LW_STUDY_PARAMETERS) continue;
            if (n++ == 0) first = published;
        }
    if (!first) return words;
    const lw_study_words value = lw_study_format(first->metric, first->value);
    snprintf(words.text, sizeof words.text, "%.80s%s",
             first->metric == LW_STUDY_OUTPUT ? first->text : value.text, n > 1 ? ", ..." : "");
    return words;
}

static lw_status list_json(lw_study *const *studies, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < n; i++) {
        lw_json_object object = lw_json_object_begin();
        lw_json_add_text(&object, "name", studies[i]->name);
        lw_json_add_text(&object, "title", studies[i]->title);
        lw_json_add_text(&object, "kind", lw_study_kind_words[studies[i]->kind]);
        lw_json_add_count(&object, "arms", (int64_t)studies[i]->n_arms);
        lw_json_add_count(&object, "seeds", studies[i]->seeds);
        lw_json_add_text(&object, "file", studies[i]->source);
        cJSON *item = lw_json_object_take(&object);
        if (item && cJSON_AddItemToArray(array, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(array);
        array = NULL;
    }
    return lw_json_finish(array, stdout);
}

static lw_status list_table(lw_study *const *studies, size_t n, const lw_output *output)
{
    lw_table *table;
    if (output->quiet) {
        for (size_t i = 0; i < n; i++) fprintf(output->result, "%s\n", studies[i]->name);
        return LW_OK;
    }
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "study");
    lw_table_column(table, LW_ALIGN_RIGHT, "arms");
    lw_table_column(table, LW_ALIGN_RIGHT, "seeds");
    lw_table_column(table, LW_ALIGN_LEFT, "published");
    lw_table_column(table, LW_ALIGN_LEFT, "what");
    for (size_t i = 0; i < n; i++) {
        lw_table_cell(table, LW_STYLE_BOLD, "%s", studies[i]->name);
        lw_table_cell(table, LW_STYLE_PLAIN, "%zu", studies[i]->n_arms);
        if (studies[i]->kind == LW_STUDY_TRAIN)
            lw_table_cell(table, LW_STYLE_PLAIN, "%d", studies[i]->seeds);
        else
            lw_table_cell(table, LW_STYLE_PLAIN, "-");
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", first_published(studies[i]).text);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", studies[i]->title);
    }
    lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static lw_status run_list(const lw_invocation *invocation)
{
    char *names[LW_MOST_SHIPPED];
    lw_study *studies[LW_MOST_SHIPPED];
    const size_t n_names = lw_study_list(names);
    size_t n = 0;
    lw_status status = LW_OK;
    for (size_t i = 0; !status && i < n_names; i++) {
        status = lw_study_find(&studies[n], names[i]);
        if (!status) n++;
    }
    if (!status)
        status = invocation->output.json ? list_json(studies, n)
                                         : list_table(studies, n, &invocation->output);
    for (size_t i = 0; i < n; i++) lw_study_destroy(&studies[i]);
    for (size_t i = 0; i < n_names; i++) free(names[i]);
    return status;
}

const lw_command lw_command_study_list = {
    .name = "study list",
    .summary = "the experiments that come with the program",
    .operands = "",
    .description = "Lists the studies that come with the program: experiments of several trainings "
                   "each, with the figures that were published about them.",
    .examples = "  lanewise study list\n"
                "  lanewise study list --json\n",
    .options = {.tables = {lw_output_option_table}, .counts = {LW_N_OUTPUT_OPTIONS}, .n_tables = 1},
    .settings_bytes = sizeof(list_settings),
    .run = run_list,
};

// ---- show -------------------------------------------------------------------------------------

static void show_arm(const lw_study *study, const lw_study_arm *arm, FILE *file)
{
    enum { indent = 6 };
    lw_text line = {0};
    fprintf(file, "\n  %s: ", arm->name);
    lw_print_wrapped(file, arm->title, (int)lw_text_columns(arm->name) + 4, 4);
    if (study->kind == LW_STUDY_SHAPES)
        lw_text_print(&line,
                      "shape %dx%d --kernel %dx%d --stride %dx%d --pad %dx%d --dilation %dx%d",
                      arm->size.first, arm->size.second, arm->kernel.first, arm->kernel.second,
                      arm->stride.first, arm->stride.second, arm->pad.first, arm->pad.second,
                      arm->dilation.first, arm->dilation.second);
    else
        lw_text_print(&line, "%s %s", lw_study_kind_words[study->kind], arm->network);
    if (study->kind == LW_STUDY_MATCH)
        lw_text_print(&line, " --layer %s --to %s", arm->layer, arm->to);
    for (size_t i = 0; i < arm->n_options; i++)
        lw_text_print(&line, " --%s%s%s", arm->options[i].name, arm->options[i].value ? " " : "",
                      arm->options[i].value ? arm->options[i].value : "");
    lw_print_wrapped(file, line.bytes ? line.bytes : "", 0, indent);
    lw_text_free(&line);
    for (size_t i = 0; i < arm->n_published; i++) {
        const lw_study_published *published = &arm->published[i];
        fprintf(file, "%*spublished: %s %s (%s)\n", indent, "",
                lw_study_metrics[published->metric].title,
                published->metric == LW_STUDY_OUTPUT
                    ? published->text
                    : lw_study_format(published->metric, published->value).text,
                published->source);
    }
}

static lw_status show(const lw_study *study, const lw_output *output)
{
    FILE *file = output->result;
    fprintf(file, "%s: %s\n", study->name, study->title);
    if (study->about[0]) {
        fputc('\n', file);
        lw_print_wrapped(file, study->about, 0, 0);
    }
    if (study->kind == LW_STUDY_TRAIN)
        fprintf(file, "\n%zu arms, %d seeds each\n", study->n_arms, study->seeds);
    for (size_t i = 0; i < study->n_arms; i++) show_arm(study, &study->arms[i], file);
    fprintf(file, "\n%s\n", study->source);
    return LW_OK;
}

static lw_status run_show(const lw_invocation *invocation)
{
    lw_study *study;
    LW_TRY(lw_study_find(&study, invocation->arguments->operands[0]));
    const lw_output *output = &invocation->output;
    lw_status status =
        output->json ? lw_json_finish(lw_study_json(study), stdout) : show(study, output);
    lw_study_destroy(&study);
    return status;
}

const lw_command lw_command_study_show = {
    .name = "study show",
    .summary = "what a study compares",
    .operands = "STUDY",
    .description = "Shows a study: what it is about, its arms with the options of each, and what "
                   "was published. STUDY is the name of a shipped one or a file.",
    .examples = "  lanewise study show lab\n"
                "  lanewise study show my.study --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {lw_output_option_table}, .counts = {LW_N_OUTPUT_OPTIONS}, .n_tables = 1},
    .settings_bytes = sizeof(list_settings),
    .run = run_show,
};

// ---- run --------------------------------------------------------------------------------------

static const lw_option run_options[] = {
    {.name = "seeds",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_study_settings, seeds),
     .value_name = "N",
     .minimum = 1,
     .maximum = LW_STUDY_MOST_SEEDS,
     .help = "trainings of each arm, with the seeds 1 to N (default: as the study says)"},
    {.name = "epochs",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_study_settings, epochs),
     .value_name = "N",
     .minimum = 1,
     .maximum = 100000,
     .help = "epochs of every training, whatever the study says"},
    {.name = "arms",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_study_settings, arms),
     .value_name = "LIST",
     .help = "only these arms, with commas between them"},
    {.name = "quick",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_study_settings, quick),
     .help = "one epoch of 2,000 images and two seeds, to see that it works"},
    {.name = "on",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_study_settings, on),
     .value_name = "K",
     .minimum = 1,
     .maximum = 1024,
     .help = "trainings side by side, one thread each (default: as the study says, or as many as "
             "this process may use)"},
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_study_settings, out),
     .value_name = "FOLDER",
     .help = "where the trainings and the page report.html go; a study goes on where it stopped "
             "(default: runs/study-NAME; a study that trains nothing writes no page without it)"},
    {.name = "offline",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_study_settings, common.offline),
     .help = "never fetch data from the network"},
};

const lw_command lw_command_study_run = {
    .name = "study run",
    .summary = "run a study, or go on with it, and report",
    .operands = "STUDY",
    .description =
        "Trains every arm of a study with every seed, one thread each, as many side by side as "
        "there are cores; prints a table of means beside what was published and writes a page. "
        "Trainings that are finished are kept: Ctrl-C stops, and the same command goes on. STUDY "
        "is "
        "the name of a shipped study or a file.",
    .examples = "  lanewise study run fixed-baseline\n"
                "  lanewise study run lab --seeds 3 --on 1\n"
                "  lanewise study run pooling --quick --data digits --out /tmp/pooling\n"
                "  lanewise study run shapes\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {run_options, lw_data_option_table, lw_output_option_table},
                .counts = {LW_COUNT(run_options), LW_N_DATA_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(lw_study_settings),
    .run = lw_study_run,
};
