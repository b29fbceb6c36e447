// SPDX-License-Identifier: Apache-2.0
// How a comparison is shown: a table with what has to be looked at last, where the eye is.
#include "base/error.h"
#include "cli/json.h"
#include "cli/track_options.h"
#include "report/format.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static lw_style style_of(const lw_gate_row *row)
{
    if (row->outcome == LW_OUTCOME_REGRESSION) return LW_STYLE_BAD;
    if (row->outcome == LW_OUTCOME_INCONCLUSIVE) return LW_STYLE_BOLD;
    return row->verdict == LW_VERDICT_FASTER ? LW_STYLE_GOOD : LW_STYLE_PLAIN;
}

static lw_short_text value_text(double value, const char *unit)
{
    if (strcmp(unit, "s") == 0) return lw_format_duration(value);
    lw_short_text text;
    snprintf(text.text, sizeof text.text, isfinite(value) ? "%.4g %.8s" : "-", value, unit);
    return text;
}

// "1.000" of instruction counts, in which a thousandth already says something.
static double instruction_ratio(const lw_gate_row *row)
{
    const double *counts = row->instructions;
    return counts[0] > 0 && counts[1] > 0 ? counts[1] / counts[0] : NAN;
}

static bool any_instructions(const lw_gate *gate)
{
    for (size_t i = 0; i < gate->n; i++)
        if (isfinite(instruction_ratio(&gate->rows[i]))) return true;
    return false;
}

// The part that all names end in, from a slash on, as in "/threads:1/real_time": it says nothing in a table.
static const char *shared_ending(const lw_gate *gate)
{
    if (gate->n < 2) return "";
    const char *first = gate->rows[0].name;
    size_t shared = strlen(first);
    for (size_t i = 1; i < gate->n; i++) {
        const char *name = gate->rows[i].name;
        const size_t length = strlen(name);
        size_t same = 0;
        while (same < shared && same < length &&
               name[length - 1 - same] == first[strlen(first) - 1 - same])
            same++;
        shared = same;
    }
    const char *ending = strchr(first + strlen(first) - shared, '/');
    return ending && ending > first ? ending : "";
}

static void add_row(lw_table *table, const lw_gate_row *row, size_t ending, bool instructions)
{
    char name[128], whole[256];
    snprintf(whole, sizeof whole, "%.*s", (int)(strlen(row->name) - ending), row->name);
    lw_text_cut_middle(name, sizeof name, whole, instructions ? 26 : 34);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", name);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", value_text(row->old_value, row->unit).text);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", value_text(row->new_value, row->unit).text);
    lw_table_cell(table, style_of(row), "%s", lw_gate_change(row->ratio.center).text);
    if (isfinite(row->ratio.low))
        lw_table_cell(table, LW_STYLE_DIM, "%+.1f to %+.1f", 100 * (row->ratio.low - 1),
                      100 * (row->ratio.high - 1));
    else
        lw_table_cell(table, LW_STYLE_DIM, "-");
    if (instructions) {
        const double ratio = instruction_ratio(row);
        if (isfinite(ratio))
            lw_table_cell(table, LW_STYLE_DIM, "%+.2f %%", 100 * (ratio - 1));
        else
            lw_table_cell(table, LW_STYLE_DIM, "-");
    }
    lw_table_cell(table, LW_STYLE_DIM, "%zu", row->blocks);
    lw_table_cell(table, style_of(row), "%s",
                  row->problem[0] ? "not measured" : lw_verdict_name(row->verdict));
}

static lw_status print_table(const lw_gate *gate, const lw_output *output)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    const bool instructions = any_instructions(gate);
    const char *ending = shared_ending(gate);
    lw_table_column(table, LW_ALIGN_LEFT, "benchmark");
    lw_table_column(table, LW_ALIGN_RIGHT, "old");
    lw_table_column(table, LW_ALIGN_RIGHT, "new");
    lw_table_column(table, LW_ALIGN_RIGHT, "change");
    lw_table_column(table, LW_ALIGN_RIGHT, "95 % interval");
    if (instructions) lw_table_column(table, LW_ALIGN_RIGHT, "instr.");
    lw_table_column(table, LW_ALIGN_RIGHT, "blocks");
    lw_table_column(table, LW_ALIGN_LEFT, "verdict");
    static const lw_outcome order[] = {LW_OUTCOME_PASS, LW_OUTCOME_INCONCLUSIVE,
                                       LW_OUTCOME_REGRESSION};
    for (size_t o = 0; o < LW_COUNT(order); o++)
        for (size_t i = 0; i < gate->n; i++)
            if (gate->rows[i].outcome == order[o])
                add_row(table, &gate->rows[i], strlen(ending), instructions);
    const lw_status status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    if (ending[0] && !status) fprintf(output->result, "all names end in %s\n", ending);
    return status;
}

static void print_names(const lw_gate *gate, int side, const char *title, FILE *file)
{
    if (!gate->only || gate->only[side].n == 0) return;
    fprintf(file, "%s:\n", title);
    for (size_t i = 0; i < gate->only[side].n; i++)
        fprintf(file, "  %s\n", gate->only[side].names[i]);
}

static void print_remarks(const lw_gate *gate, FILE *file)
{
    for (size_t i = 0; i < gate->n; i++) {
        const lw_gate_row *row = &gate->rows[i];
        if (row->problem[0]) fprintf(file, "%s: %s\n", row->name, row->problem);
        const char *a = row->labels[LW_AB_OLD], *b = row->labels[LW_AB_NEW];
        if (a && b && strcmp(a, b) != 0)
            fprintf(file, "%s: runs %s instead of %s\n", row->name, b, a);
    }
    print_names(gate, LW_AB_NEW, "new, not compared", file);
    print_names(gate, LW_AB_OLD, "vanished", file);
}

static lw_status print_gate(const lw_gate *gate, const lw_output *output)
{
    FILE *file = output->result;
    if (!output->quiet) {
        LW_TRY(print_table(gate, output));
        print_remarks(gate, file);
    }
    fprintf(file, "%s: %zu compared, %zu slower", lw_outcome_name(gate->outcome), gate->compared,
            gate->regressions);
    if (gate->limit > 0) fprintf(file, " by more than %g %%", 100 * gate->limit);
    fprintf(file, ", %zu inconclusive (margin %g %%)\n", gate->inconclusive, 100 * gate->margin);
    return LW_OK;
}

static cJSON *row_json(const lw_gate_row *row)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "name", row->name);
    lw_json_add_text(&object, "verdict", lw_verdict_name(row->verdict));
    lw_json_add_text(&object, "outcome", lw_outcome_name(row->outcome));
    lw_json_add_text(&object, "problem", row->problem[0] ? row->problem : NULL);
    lw_json_add_text(&object, "unit", row->unit);
    lw_json_add_number(&object, "old", row->old_value);
    lw_json_add_number(&object, "new", row->new_value);
    lw_json_add_number(&object, "ratio", row->ratio.center);
    lw_json_add_number(&object, "ratio_low", row->ratio.low);
    lw_json_add_number(&object, "ratio_high", row->ratio.high);
    lw_json_add_number(&object, "p", row->p);
    lw_json_add_count(&object, "blocks", (int64_t)row->blocks);
    lw_json_add_count(&object, "disturbed", (int64_t)row->disturbed);
    lw_json_add_number(&object, "instruction_ratio", instruction_ratio(row));
    lw_json_add_text(&object, "old_label", row->labels[LW_AB_OLD]);
    lw_json_add_text(&object, "new_label", row->labels[LW_AB_NEW]);
    return lw_json_object_take(&object);
}

static cJSON *names_json(const lw_gate *gate, int side)
{
    if (!gate->only) return cJSON_CreateArray();
    return cJSON_CreateStringArray((const char *const *)gate->only[side].names,
                                   (int)gate->only[side].n);
}

static cJSON *gate_json(const lw_gate *gate, cJSON *session)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "outcome", lw_outcome_name(gate->outcome));
    lw_json_add_text(&object, "old", gate->sides[LW_AB_OLD]);
    lw_json_add_text(&object, "new", gate->sides[LW_AB_NEW]);
    lw_json_add_number(&object, "margin", gate->margin);
    lw_json_add_number(&object, "max_slowdown", gate->limit);
    lw_json_add_count(&object, "compared", (int64_t)gate->compared);
    lw_json_add_count(&object, "regressions", (int64_t)gate->regressions);
    lw_json_add_count(&object, "inconclusive", (int64_t)gate->inconclusive);
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; rows && i < gate->n; i++) {
        cJSON *row = row_json(&gate->rows[i]);
        if (row && cJSON_AddItemToArray(rows, row)) continue;
        cJSON_Delete(row);
        cJSON_Delete(rows);
        rows = NULL;
    }
    lw_json_add_item(&object, "benchmarks", rows);
    lw_json_add_item(&object, "appeared", names_json(gate, LW_AB_NEW));
    lw_json_add_item(&object, "vanished", names_json(gate, LW_AB_OLD));
    if (session) lw_json_add_item(&object, "session", session);
    return lw_json_object_take(&object);
}

static lw_status write_files(const lw_gate *gate, const lw_track_settings *settings,
                             const lw_output *output)
{
    if (settings->markdown) {
        LW_TRY(lw_gate_write_markdown(gate, settings->markdown));
        lw_note(output, "wrote %s", settings->markdown);
    }
    if (settings->junit) {
        LW_TRY(lw_gate_write_junit(gate, settings->junit));
        lw_note(output, "wrote %s", settings->junit);
    }
    return LW_OK;
}

lw_status lw_track_show_gate(const lw_gate *gate, const lw_invocation *invocation, cJSON *more)
{
    const lw_output *output = &invocation->output;
    const lw_status status = write_files(gate, invocation->settings, output);
    if (status || !output->json) cJSON_Delete(more);
    if (status) return status;
    if (output->json)
        LW_TRY(lw_json_finish(gate_json(gate, more), stdout));
    else
        LW_TRY(print_gate(gate, output));
    *invocation->exit_code = lw_track_exit_code(gate->outcome);
    return LW_OK;
}
