// SPDX-License-Identifier: Apache-2.0
// The results of a study as a table, and the sentences below it.
#include "base/error.h"
#include "cli/study_result.h"
#include "report/format.h"

#include <lanewise/cpu.h>
#include <stdlib.h>
#include <time.h>

// "98.68 %", "94.32 %, 95.04 %": what was published about the figures that are compared.
static void list_published(const lw_study_arm *arm, char *text, size_t text_bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < arm->n_published && length < text_bytes; i++) {
        const lw_study_published *published = &arm->published[i];
        const lw_study_words value = lw_study_format(published->metric, published->value);
        const int n = snprintf(text + length, text_bytes - length, "%s%s", length ? ", " : "",
                               published->metric == LW_STUDY_OUTPUT ? published->text : value.text);
        length += n > 0 ? (size_t)n : 0;
    }
}

static bool any_published(const lw_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i].n_published > 0) return true;
    return false;
}

static void pair_cell(lw_table *table, lw_study_pair pair)
{
    if (pair.first == pair.second)
        lw_table_cell(table, LW_STYLE_PLAIN, "%d", pair.first);
    else
        lw_table_cell(table, LW_STYLE_PLAIN, "%dx%d", pair.first, pair.second);
}

static void fill_shapes(lw_table *table, const lw_study_result *result)
{
    static const char *const titles[] = {"size",     "kernel", "stride",     "pad",
                                         "dilation", "output", "parameters", "published"};
    lw_table_column(table, LW_ALIGN_LEFT, "arm");
    for (size_t i = 0; i < LW_COUNT(titles); i++) lw_table_column(table, LW_ALIGN_RIGHT, titles[i]);
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        char published[64];
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", arm->arm->name);
        lw_table_cell(table, LW_STYLE_PLAIN, "%dx%d", arm->arm->size.first, arm->arm->size.second);
        pair_cell(table, arm->arm->kernel);
        pair_cell(table, arm->arm->stride);
        pair_cell(table, arm->arm->pad);
        pair_cell(table, arm->arm->dilation);
        lw_table_cell(table, LW_STYLE_BOLD, "%dx%d", arm->shape.out[0], arm->shape.out[1]);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", lw_format_count(arm->shape.parameters).text);
        list_published(arm->arm, published, sizeof published);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", published);
    }
}

static void fill_match(lw_table *table, const lw_study_result *result)
{
    static const char *const titles[] = {"channels", "parameters", "difference", "published"};
    lw_table_column(table, LW_ALIGN_LEFT, "arm");
    for (size_t i = 0; i < LW_COUNT(titles); i++) lw_table_column(table, LW_ALIGN_RIGHT, titles[i]);
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm_result *arm = &result->arms[i];
        for (int k = 0; k < arm->match.n_rows; k++) {
            const bool best = k == arm->match.best;
            const lw_style style = best ? LW_STYLE_GOOD : LW_STYLE_PLAIN;
            const lw_match_row *row = &arm->match.rows[k];
            const int64_t difference = row->parameters - arm->match.target;
            char published[64] = "";
            if (best) list_published(arm->arm, published, sizeof published);
            lw_table_cell(table, style, "%s", k == 0 ? arm->arm->name : "");
            lw_table_cell(table, style, "%d", row->channels);
            lw_table_cell(table, style, "%s", lw_format_count(row->parameters).text);
            lw_table_cell(table, style, "%s%s", difference > 0 ? "+" : "",
                          lw_format_count(difference).text);
            lw_table_cell(table, style, "%s", published);
        }
    }
}

static void fill_trainings(lw_table *table, const lw_study_result *result, bool unicode)
{
    const lw_study *study = result->study;
    const lw_study_metric headline = lw_study_headline(study);
    const bool published = any_published(study);
    lw_table_column(table, LW_ALIGN_LEFT, "arm");
    lw_table_column(table, LW_ALIGN_RIGHT, "seeds");
    for (size_t i = 0; i < study->n_compare; i++) {
        lw_table_column(table, LW_ALIGN_RIGHT, lw_study_metrics[study->compare[i]].title);
        // Of the first figure alone: a table has to fit a terminal.
        if (study->compare[i] == headline) lw_table_column(table, LW_ALIGN_RIGHT, "95 % interval");
    }
    if (published) lw_table_column(table, LW_ALIGN_RIGHT, "published");
    for (size_t a = 0; a < study->n_arms; a++) {
        const lw_study_arm_result *arm = &result->arms[a];
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", arm->arm->name);
        lw_table_cell(table, LW_STYLE_PLAIN, "%zu", arm->n_trials);
        for (size_t i = 0; i < study->n_compare; i++) {
            const lw_study_metric metric = study->compare[i];
            lw_table_cell(table, metric == headline ? LW_STYLE_BOLD : LW_STYLE_PLAIN, "%s",
                          lw_study_format_summary(arm, metric, unicode).text);
            if (metric != headline) continue;
            const lw_summary summary = lw_study_summarize(arm, metric);
            lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                          lw_study_format_interval(metric, &summary).text);
        }
        char text[64];
        list_published(arm->arm, text, sizeof text);
        if (published) lw_table_cell(table, LW_STYLE_PLAIN, "%s", text);
    }
}

lw_status lw_study_make_table(lw_table **table, const lw_study_result *result, bool unicode)
{
    LW_TRY(lw_table_create(table));
    switch (result->study->kind) {
    case LW_STUDY_SHAPES: fill_shapes(*table, result); break;
    case LW_STUDY_MATCH: fill_match(*table, result); break;
    case LW_STUDY_TRAIN:
    case LW_N_STUDY_KINDS: fill_trainings(*table, result, unicode); break;
    }
    return LW_OK;
}

// What the short names of the arms stand for.
static void print_arms(const lw_study_result *result, FILE *file)
{
    size_t widest = 0;
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const size_t width = lw_text_columns(result->study->arms[i].name);
        if (width > widest) widest = width;
    }
    fputc('\n', file);
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_arm *arm = &result->study->arms[i];
        fprintf(file, "  %-*s  ", (int)widest, arm->name);
        lw_print_wrapped(file, arm->title, (int)widest + 4, (int)widest + 4);
    }
}

static lw_status print_sentences(const lw_study_result *result, FILE *file)
{
    enum { most_sentences = 2 * LW_STUDY_MOST_ARMS };
    lw_study_sentence *sentences = calloc(most_sentences, sizeof *sentences);
    if (!sentences) return lw_fail(LW_ERROR_MEMORY, "no memory for sentences");
    const size_t n = lw_study_sentences(result, sentences, most_sentences);
    if (n > 0) fputc('\n', file);
    for (size_t i = 0; i < n; i++) {
        fputs("- ", file);
        lw_print_wrapped(file, sentences[i].text, 2, 2);
    }
    free(sentences);
    return LW_OK;
}

lw_status lw_study_print(const lw_study_result *result, const lw_output *output)
{
    FILE *file = output->result;
    const lw_study *study = result->study;
    if (!output->quiet) {
        fprintf(file, "%s%s%s\n", lw_style_begin(&output->terminal, LW_STYLE_BOLD), study->title,
                lw_style_end(&output->terminal, LW_STYLE_BOLD));
        if (study->kind == LW_STUDY_TRAIN)
            fprintf(file, "%s, %s, %s kernels; %zu of %zu trainings%s\n",
                    result->data ? result->data : "no data", lw_cpu_name(), lw_cpu_isa(),
                    result->n_done, result->n_trials,
                    result->quick ? ", quick: few images, one epoch, figures mean nothing" : "");
        fputc('\n', file);
    }
    lw_table *table;
    LW_TRY(lw_study_make_table(&table, result, output->terminal.unicode));
    lw_status status = lw_table_print(table, file, &output->terminal, 0);
    lw_table_destroy(&table);
    if (status || output->quiet) return status;
    if (study->kind == LW_STUDY_TRAIN) print_arms(result, file);
    LW_TRY(print_sentences(result, file));
    return study->kind == LW_STUDY_SHAPES ? lw_study_print_shapes(result, file, &output->terminal)
                                          : LW_OK;
}

// ---- Markdown ---------------------------------------------------------------------------------

static void append_head(const lw_study_result *result, lw_text *text)
{
    const lw_study *study = result->study;
    char date[32] = "";
    const time_t when = (time_t)result->finished;
    struct tm parts;
    if (gmtime_r(&when, &parts)) strftime(date, sizeof date, "%Y-%m-%d", &parts);
    lw_text_print(text, "## %s: %s\n\n%s\n\n", study->name, study->title, study->about);
    if (study->kind == LW_STUDY_TRAIN)
        lw_text_print(
            text,
            "`lanewise study run %s --seeds %d`, %s: %zu of %zu trainings, one thread each, on %s; "
            "%s, %s kernels.%s\n\n",
            study->name, result->seeds, date, result->n_done, result->n_trials,
            result->data ? result->data : "no data", lw_cpu_name(), lw_cpu_isa(),
            result->quick ? " A quick run: its figures mean nothing." : "");
    else
        lw_text_print(text, "`lanewise study run %s`, %s.\n\n", study->name, date);
}

lw_status lw_study_append_markdown(const lw_study_result *result, lw_text *text)
{
    const lw_study *study = result->study;
    enum { most_sentences = 2 * LW_STUDY_MOST_ARMS };
    lw_study_sentence *sentences = calloc(most_sentences, sizeof *sentences);
    lw_table *table = NULL;
    lw_status status = sentences ? lw_study_make_table(&table, result, true)
                                 : lw_fail(LW_ERROR_MEMORY, "no memory for sentences");
    append_head(result, text);
    if (!status) status = lw_table_append_markdown(table, text);
    lw_table_destroy(&table);
    if (!status && study->kind == LW_STUDY_TRAIN) {
        lw_text_print(text, "\n");
        for (size_t i = 0; i < study->n_arms; i++)
            lw_text_print(text, "- `%s`: %s.\n", study->arms[i].name, study->arms[i].title);
    }
    const size_t n = status ? 0 : lw_study_sentences(result, sentences, most_sentences);
    if (n > 0) lw_text_print(text, "\n");
    for (size_t i = 0; i < n; i++) lw_text_print(text, "- %s\n", sentences[i].text);
    free(sentences);
    return status;
}
