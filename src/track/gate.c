// SPDX-License-Identifier: Apache-2.0
#include "track/gate.h"

#include "base/error.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lw_outcome_name(lw_outcome outcome)
{
    static const char *const names[] = {"pass", "regression", "inconclusive"};
    return names[outcome];
}

lw_change_text lw_gate_change(double ratio)
{
    lw_change_text change;
    if (isfinite(ratio))
        snprintf(change.text, sizeof change.text, "%+.1f %%", 100 * (ratio - 1));
    else
        snprintf(change.text, sizeof change.text, "-");
    return change;
}

// ---- outcomes ---------------------------------------------------------------------------------

static lw_outcome outcome_of(const lw_gate_row *row, double limit)
{
    if (row->problem[0]) return LW_OUTCOME_INCONCLUSIVE;
    if (row->verdict == LW_VERDICT_SLOWER)
        return row->ratio.center > 1 + limit ? LW_OUTCOME_REGRESSION : LW_OUTCOME_PASS;
    const bool certain = limit > 0 && row->blocks > 0 && row->ratio.high <= 1 + limit;
    return row->verdict != LW_VERDICT_INCONCLUSIVE || certain ? LW_OUTCOME_PASS
                                                              : LW_OUTCOME_INCONCLUSIVE;
}

lw_status lw_gate_judge(lw_gate *gate)
{
    gate->compared = gate->regressions = gate->inconclusive = 0;
    for (size_t i = 0; i < gate->n; i++) {
        lw_gate_row *row = &gate->rows[i];
        row->outcome = outcome_of(row, gate->limit);
        gate->compared += !row->problem[0] && isfinite(row->ratio.center);
        gate->regressions += row->outcome == LW_OUTCOME_REGRESSION;
        gate->inconclusive += row->outcome == LW_OUTCOME_INCONCLUSIVE;
    }
    gate->outcome = gate->regressions    ? LW_OUTCOME_REGRESSION
                    : gate->inconclusive ? LW_OUTCOME_INCONCLUSIVE
                                         : LW_OUTCOME_PASS;
    if (gate->compared == 0)
        return lw_fail(LW_ERROR_INPUT, "nothing was compared, and nothing compared is no pass");
    return LW_OK;
}

lw_status lw_gate_from_ab(lw_gate *gate, const lw_ab *ab, const lw_ab_options *options)
{
    *gate = (lw_gate){.only = ab->only,
                      .limit = options->rules.limit,
                      .margin = options->rules.margin,
                      .sides = {options->programs[LW_AB_OLD], options->programs[LW_AB_NEW]}};
    gate->rows = calloc(ab->n ? ab->n : 1, sizeof *gate->rows);
    if (!gate->rows) return lw_fail(LW_ERROR_MEMORY, "no memory for the result");
    gate->n = ab->n;
    for (size_t i = 0; i < ab->n; i++) {
        const lw_ab_entry *entry = &ab->entries[i];
        const lw_case *c = &ab->judge->cases[i];
        gate->rows[i] = (lw_gate_row){
            .name = entry->name,
            .problem = entry->problem,
            .old_value = entry->median[LW_AB_OLD],
            .new_value = entry->median[LW_AB_NEW],
            .unit = "s",
            .ratio = c->ratio,
            .p = c->p,
            .verdict = c->verdict,
            .blocks = c->used,
            .disturbed = entry->disturbed,
            .instructions = {entry->instructions[LW_AB_OLD], entry->instructions[LW_AB_NEW]},
            .labels = {entry->labels[LW_AB_OLD], entry->labels[LW_AB_NEW]}};
    }
    const lw_status status = lw_gate_judge(gate);
    if (status) lw_gate_free(gate);
    return status;
}

void lw_gate_free(lw_gate *gate)
{
    free(gate->rows);
    *gate = (lw_gate){0};
}

// ---- Markdown ---------------------------------------------------------------------------------

// A name in a cell of a Markdown table: "|" would end the cell.
static void print_cell(lw_text *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '|') lw_text_append(out, "\\", 1);
        lw_text_append(out, *c == '\n' ? " " : c, 1);
    }
}

static void print_verdict_line(lw_text *out, const lw_gate *gate)
{
    static const char *const marks[] = {"✅", "❌", "❔"};
    lw_text_print(out, "### %s Performance: %s\n\n", marks[gate->outcome],
                  lw_outcome_name(gate->outcome));
    lw_text_print(out, "`%s` against `%s`: %zu benchmarks compared, %zu slower", gate->sides[1],
                  gate->sides[0], gate->compared, gate->regressions);
    if (gate->limit > 0) lw_text_print(out, " by more than %g %%", 100 * gate->limit);
    lw_text_print(out, ", %zu inconclusive.\n\n", gate->inconclusive);
}

static void print_row(lw_text *out, const lw_gate_row *row)
{
    lw_text_print(out, "| `");
    print_cell(out, row->name);
    if (row->problem[0]) {
        lw_text_print(out, "` | | | ");
        print_cell(out, row->problem);
        lw_text_print(out, " |\n");
        return;
    }
    lw_text_print(out, "` | %s | %s to %s | ", lw_gate_change(row->ratio.center).text,
                  lw_gate_change(row->ratio.low).text, lw_gate_change(row->ratio.high).text);
    const bool bold = row->outcome == LW_OUTCOME_REGRESSION;
    const char *star = bold ? "**" : "";
    lw_text_print(out, "%s%s%s |\n", star, lw_verdict_name(row->verdict), star);
}

static bool labels_differ(const lw_gate_row *row)
{
    const char *a = row->labels[LW_AB_OLD], *b = row->labels[LW_AB_NEW];
    return a && b && strcmp(a, b) != 0;
}

static void print_choices(lw_text *out, const lw_gate *gate)
{
    bool first = true;
    for (size_t i = 0; i < gate->n; i++) {
        const lw_gate_row *row = &gate->rows[i];
        if (!labels_differ(row)) continue;
        if (first) lw_text_print(out, "\nOther kernels run:\n\n");
        first = false;
        lw_text_print(out, "- `");
        print_cell(out, row->name);
        lw_text_print(out, "`: `%s` instead of `%s`\n", row->labels[LW_AB_NEW],
                      row->labels[LW_AB_OLD]);
    }
}

static void print_only(lw_text *out, const lw_gate *gate, int side, const char *title)
{
    if (!gate->only || gate->only[side].n == 0) return;
    lw_text_print(out, "\n%s:", title);
    for (size_t i = 0; i < gate->only[side].n; i++) {
        lw_text_print(out, "%s `", i ? "," : "");
        print_cell(out, gate->only[side].names[i]);
        lw_text_print(out, "`");
    }
    lw_text_print(out, "\n");
}

static lw_status write_out(lw_text *out, const char *path)
{
    const lw_status status = out->failed ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for it", path)
                                         : lw_file_write(path, out->bytes, out->length);
    lw_text_free(out);
    return status;
}

lw_status lw_gate_write_markdown(const lw_gate *gate, const char *path)
{
    lw_text out = {0};
    print_verdict_line(&out, gate);
    lw_text_print(&out, "| benchmark | change | 95 %% interval | verdict |\n|---|---:|---|---|\n");
    // What has to be looked at comes first.
    static const lw_outcome order[] = {LW_OUTCOME_REGRESSION, LW_OUTCOME_INCONCLUSIVE,
                                       LW_OUTCOME_PASS};
    for (size_t o = 0; o < 3; o++)
        for (size_t i = 0; i < gate->n; i++)
            if (gate->rows[i].outcome == order[o]) print_row(&out, &gate->rows[i]);
    print_choices(&out, gate);
    print_only(&out, gate, LW_AB_NEW, "New benchmarks, not compared");
    print_only(&out, gate, LW_AB_OLD, "Benchmarks that vanished");
    return write_out(&out, path);
}

// ---- JUnit ------------------------------------------------------------------------------------

static void print_case(lw_text *out, const lw_gate_row *row)
{
    lw_text_print(out, "    <testcase classname=\"performance\" name=\"");
    lw_text_append_xml(out, row->name);
    lw_text_print(out, "\" time=\"%.9g\"", isfinite(row->new_value) ? row->new_value : 0);
    if (row->outcome == LW_OUTCOME_PASS) {
        lw_text_print(out, "/>\n");
        return;
    }
    lw_text_print(out, ">\n      <%s message=\"",
                  row->outcome == LW_OUTCOME_REGRESSION ? "failure" : "skipped");
    if (row->problem[0])
        lw_text_append_xml(out, row->problem);
    else
        lw_text_print(out, "%s: %s (95 %% interval %s to %s)", lw_verdict_name(row->verdict),
                      lw_gate_change(row->ratio.center).text, lw_gate_change(row->ratio.low).text,
                      lw_gate_change(row->ratio.high).text);
    lw_text_print(out, "\"/>\n    </testcase>\n");
}

lw_status lw_gate_write_junit(const lw_gate *gate, const char *path)
{
    lw_text out = {0};
    lw_text_print(&out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                  "  <testsuite name=\"lanewise track\" tests=\"%zu\" failures=\"%zu\" "
                  "skipped=\"%zu\">\n",
                  gate->n, gate->regressions, gate->inconclusive);
    for (size_t i = 0; i < gate->n; i++) print_case(&out, &gate->rows[i]);
    lw_text_print(&out, "  </testsuite>\n</testsuites>\n");
    return write_out(&out, path);
}
