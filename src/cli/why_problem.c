// SPDX-License-Identifier: Apache-2.0
#include "cli/why_problem.h"

#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "conv/tuned_table.h"
#include "report/format.h"
#include "report/table.h"

#include <lanewise/cpu.h>

// What a candidate says: why not, or what it is chosen for.
static void add_answer(lw_table *table, lw_style style, const lw_conv_plan *plan,
                       const lw_conv_candidate *c)
{
    if (!c->possible)
        lw_table_cell(table, style, "no, because %s", c->reason);
    else if (c->chosen)
        lw_table_cell(table, style, "%s, chosen: %s", lw_conv_plan_implementation(plan),
                      lw_conv_plan_chosen_by(plan));
    else
        lw_table_cell(table, style, "%s", c->reason);
}

static void add_rows(lw_table *table, const lw_conv_plan *plan)
{
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *c = lw_conv_plan_candidate(plan, i);
        const lw_style style = c->chosen ? LW_STYLE_BOLD : LW_STYLE_DIM;
        lw_table_cell(table, LW_STYLE_PLAIN, "%s",
                      i == 0 ? lw_conv_pass_name(lw_conv_plan_pass(plan)) : "");
        lw_table_cell(table, style, "%s%s", c->chosen ? "* " : "  ", c->name);
        lw_table_cell(table, style, "%s",
                      c->possible ? lw_format_count((int64_t)c->cycles).text : "");
        if (c->measured_ns > 0)
            lw_table_cell(table, style, "%.4g", (double)c->measured_ns * 1e-3);
        else
            lw_table_cell(table, style, "%s", "");
        add_answer(table, style, plan, c);
    }
}

static cJSON *candidate_json(const lw_conv_plan *plan, const char *problem, const char *layout,
                             const lw_conv_candidate *c)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "problem", problem);
    lw_json_add_text(&object, "pass", lw_conv_pass_name(lw_conv_plan_pass(plan)));
    lw_json_add_text(&object, "layout", layout);
    lw_json_add_count(&object, "threads", lw_conv_plan_threads(plan));
    lw_json_add_text(&object, "algorithm", c->name);
    lw_json_add_flag(&object, "possible", c->possible);
    lw_json_add_flag(&object, "chosen", c->chosen);
    if (c->chosen) lw_json_add_text(&object, "chosen_by", lw_conv_plan_chosen_by(plan));
    lw_json_add_text(&object, "answer", c->reason);
    lw_json_add_count(&object, "workspace_bytes", (int64_t)c->workspace_bytes);
    if (c->possible) lw_json_add_number(&object, "cycles", c->cycles);
    if (c->measured_ns > 0)
        lw_json_add_number(&object, "measured_ms", (double)c->measured_ns * 1e-6);
    return lw_json_object_take(&object);
}

static lw_status add_json(cJSON *list, const lw_conv_plan *plan, const char *problem,
                          const char *layout)
{
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        cJSON *item = candidate_json(plan, problem, layout, lw_conv_plan_candidate(plan, i));
        if (item && cJSON_AddItemToArray(list, item)) continue;
        cJSON_Delete(item);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the answers");
    }
    return LW_OK;
}

static lw_status open_table(lw_table **table)
{
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "pass");
    lw_table_column(*table, LW_ALIGN_LEFT, "  algorithm");
    lw_table_column(*table, LW_ALIGN_RIGHT, "cycles");
    lw_table_column(*table, LW_ALIGN_RIGHT, "us");
    lw_table_column(*table, LW_ALIGN_LEFT, "answer");
    return LW_OK;
}

// Plans every pass and adds the answers to the table or, where that is wanted, to the list.
static lw_status ask_passes(const lw_conv_shape *shape, const lw_conv_options *options,
                            const char *problem, lw_table *table, cJSON *list, int32_t *threads)
{
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        lw_conv_plan *plan;
        LW_TRY(lw_conv_plan_create(&plan, shape, (lw_conv_pass)pass, options));
        lw_status status = LW_OK;
        if (list)
            status = add_json(list, plan, problem, lw_conv_layout_name(options->layout));
        else
            add_rows(table, plan);
        *threads = lw_conv_plan_threads(plan);
        lw_conv_plan_destroy(&plan);
        if (status) return status;
    }
    return LW_OK;
}

static lw_status print_json(cJSON *list)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_item(&object, "candidates", list);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

lw_status lw_why_problem(const char *text, const lw_conv_options *options, const lw_output *output)
{
    lw_conv_shape shape;
    char problem[LW_CONV_PROBLEM_BYTES];
    int32_t threads = 1;
    LW_TRY(lw_conv_shape_parse(&shape, text, NULL));
    LW_TRY(lw_conv_shape_format(&shape, problem, sizeof problem));
    if (lw_tuned_shared()->note[0]) lw_note(output, "%s", lw_tuned_shared()->note);
    lw_table *table;
    LW_TRY(open_table(&table));
    cJSON *list = output->json ? cJSON_CreateArray() : NULL;
    lw_status status = ask_passes(&shape, options, problem, table, list, &threads);
    if (!status && list) {
        status = print_json(list);
        list = NULL;
    } else if (!status) {
        fprintf(output->result, "%s: layout %s, %d thread%s, %s kernels\n", problem,
                lw_conv_layout_name(options->layout), threads, threads == 1 ? "" : "s",
                lw_cpu_isa());
        status = lw_table_print(table, output->result, &output->terminal, 0);
        if (!status && !output->quiet)
            fprintf(output->result, "\n* runs; cycles: estimate on one thread; us: as `lanewise "
                                    "tune` measured\n");
    }
    cJSON_Delete(list);
    lw_table_destroy(&table);
    return status;
}
