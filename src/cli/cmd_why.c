// SPDX-License-Identifier: Apache-2.0
// `lanewise why`: which kernel runs each convolution of a network, and what the others answered.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/network_input.h"
#include "cli/why_problem.h"
#include "nn/stage_candidates.h"
#include "report/format.h"
#include "report/table.h"

#include <lanewise/cpu.h>

#include <string.h>

typedef struct why_settings {
    lw_common_settings common;
    const char *input;
    bool exact;
    int layout;
} why_settings;

static const lw_option why_options[] = {
    {.name = "input",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(why_settings, input),
     .value_name = "CxHxW",
     .help = lw_input_help},
    {.name = "exact",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(why_settings, exact),
     .help = "what runs under --exact of `lanewise train`"},
    {.name = "layout",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(why_settings, layout),
     .value_name = "WORD",
     .preset = "padded",
     .choices = lw_layout_words,
     .help = "of a problem: how its maps lie in memory"},
    {.name = "threads",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_common_settings, threads),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1024,
     .help = "of a problem: planned for exactly so many; without it as many as a plan takes by "
             "itself"},
};

// A network planned for one image size.
typedef struct planned {
    const lw_network *network;
    lw_parameter_layout layout;
    lw_plan *plan;
} planned;

// One pass of one convolution.
typedef struct pass_answers {
    const char *layer;
    lw_conv_pass pass;
    char problem[LW_CONV_PROBLEM_BYTES];
    lw_stage_candidate candidates[LW_MAX_STAGE_CANDIDATES];
    size_t count;
} pass_answers;

static lw_status ask(const planned *p, size_t stage, lw_conv_pass pass, pass_answers *answers)
{
    memset(answers, 0, sizeof *answers);
    answers->pass = pass;
    answers->layer = lw_network_layer(p->network, p->plan->stages[stage].first_layer)->name;
    lw_conv_shape shape = lw_stage_conv_shape(p->plan, stage);
    LW_TRY(lw_conv_shape_format(&shape, answers->problem, sizeof answers->problem));
    return lw_stage_candidates(p->network, &p->layout, p->plan, stage, pass, answers->candidates,
                               &answers->count);
}

static void add_rows(lw_table *table, const pass_answers *answers)
{
    const char *pass = lw_conv_pass_name(answers->pass);
    if (answers->count == 0) {
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", pass);
        lw_table_cell(table, LW_STYLE_DIM, "-");
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", "");
        lw_table_cell(table, LW_STYLE_DIM, "never run: nobody wants the gradient of the image");
        return;
    }
    for (size_t i = 0; i < answers->count; i++) {
        const lw_stage_candidate *c = &answers->candidates[i];
        lw_style style = c->chosen ? LW_STYLE_BOLD : LW_STYLE_DIM;
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", i == 0 ? pass : "");
        lw_table_cell(table, style, "%s%s", c->chosen ? "* " : "  ",
                      lw_conv_algorithm_name(c->algorithm));
        if (c->cycles > 0.0)
            lw_table_cell(table, style, "%s", lw_format_count((int64_t)c->cycles).text);
        else
            lw_table_cell(table, style, "%s", "");
        lw_table_cell(table, style, "%s", c->answer);
    }
}

static lw_status print_stage(const planned *p, size_t stage, const lw_output *output)
{
    char what[96];
    const lw_map *in = &p->plan->maps[stage], *out = &p->plan->maps[stage + 1];
    pass_answers answers;
    lw_stage_describe(&p->plan->stages[stage], what, sizeof what);
    LW_TRY(ask(p, stage, LW_CONV_FORWARD, &answers));
    fprintf(output->result, "\n%s: %s, %dx%dx%d to %dx%dx%d (%s)", answers.layer, what,
            in->extent.channels, in->extent.height, in->extent.width, out->extent.channels,
            out->extent.height, out->extent.width, answers.problem);
    if (out->height < out->extent.height || out->width < out->extent.width)
        fprintf(output->result, "\n%dx%d of it are computed, nobody reads the rest", out->height,
                out->width);
    fputc('\n', output->result);
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    lw_table_column(table, LW_ALIGN_LEFT, "pass");
    lw_table_column(table, LW_ALIGN_LEFT, "  algorithm");
    lw_table_column(table, LW_ALIGN_RIGHT, "cycles");
    lw_table_column(table, LW_ALIGN_LEFT, "answer");
    lw_status status = LW_OK;
    for (int pass = LW_CONV_FORWARD; !status && pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        status = ask(p, stage, (lw_conv_pass)pass, &answers);
        if (!status) add_rows(table, &answers);
    }
    if (!status) status = lw_table_print(table, output->result, &output->terminal, 0);
    lw_table_destroy(&table);
    return status;
}

static lw_status print_tables(const planned *p, const lw_output *output)
{
    fprintf(output->result, "%s: input %dx%dx%d, %s kernels, %d image%s of a thread at a time\n",
            lw_network_name(p->network), p->plan->input.channels, p->plan->input.height,
            p->plan->input.width, lw_cpu_isa(), p->plan->group, p->plan->group == 1 ? "" : "s");
    for (size_t i = 0; i < p->plan->n_stages; i++)
        if (p->plan->stages[i].kind == LW_STAGE_CONV) LW_TRY(print_stage(p, i, output));
    if (!output->quiet)
        fprintf(output->result,
                "\n* runs in training and prediction; LANEWISE_CONV=%s forces "
                "another one\ncycles: estimate for one image on one thread\n",
                "LAYER.PASS=ALGORITHM");
    return LW_OK;
}

static cJSON *candidate_json(const pass_answers *answers, const lw_stage_candidate *candidate)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "layer", answers->layer);
    lw_json_add_text(&object, "problem", answers->problem);
    lw_json_add_text(&object, "pass", lw_conv_pass_name(answers->pass));
    lw_json_add_text(&object, "algorithm", lw_conv_algorithm_name(candidate->algorithm));
    lw_json_add_flag(&object, "possible", candidate->possible);
    lw_json_add_flag(&object, "chosen", candidate->chosen);
    lw_json_add_text(&object, "answer", candidate->answer);
    lw_json_add_count(&object, "workspace_bytes", (int64_t)candidate->workspace_bytes);
    if (candidate->cycles > 0.0) lw_json_add_number(&object, "cycles", candidate->cycles);
    return lw_json_object_take(&object);
}

static lw_status add_json(const planned *p, size_t stage, cJSON *list)
{
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
        pass_answers answers;
        LW_TRY(ask(p, stage, (lw_conv_pass)pass, &answers));
        for (size_t i = 0; i < answers.count; i++) {
            cJSON *candidate = candidate_json(&answers, &answers.candidates[i]);
            if (candidate && cJSON_AddItemToArray(list, candidate)) continue;
            cJSON_Delete(candidate);
            return lw_fail(LW_ERROR_MEMORY, "no memory for the answers");
        }
    }
    return LW_OK;
}

static lw_status print_json(const planned *p)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "network", lw_network_name(p->network));
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_count(&object, "group", p->plan->group);
    cJSON *list = cJSON_CreateArray();
    lw_status status = list ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the answers");
    for (size_t i = 0; !status && i < p->plan->n_stages; i++)
        if (p->plan->stages[i].kind == LW_STAGE_CONV) status = add_json(p, i, list);
    if (status) {
        cJSON_Delete(list);
        lw_json_object_free(&object);
        return status;
    }
    lw_json_add_item(&object, "candidates", list);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_why(const lw_invocation *invocation)
{
    const why_settings *settings = invocation->settings;
    const char *operand = invocation->arguments->operands[0];
    if (lw_looks_like_problem(operand)) {
        if (settings->input)
            return lw_fail(LW_ERROR_ARGUMENT, "--input is of use with a network only");
        const lw_conv_options options = {.layout = (lw_conv_layout)settings->layout,
                                         .exact = settings->exact,
                                         .threads = (int32_t)settings->common.threads};
        return lw_why_problem(operand, &options, &invocation->output);
    }
    static const char *const of_problems[] = {"layout", "threads"};
    for (size_t i = 0; i < LW_COUNT(of_problems); i++)
        if (lw_option_given(invocation->arguments, of_problems[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "--%s is of use with a problem only", of_problems[i]);
    lw_network *network;
    LW_TRY(lw_find_network(&network, invocation->arguments->operands[0]));
    planned p = {.network = network};
    lw_extent input;
    lw_status status = lw_choose_input(&input, network, settings->input, &invocation->output);
    if (!status) status = lw_parameter_layout_create(&p.layout, network);
    p.layout.exact = settings->exact;
    if (!status) status = lw_plan_create(&p.plan, network, &p.layout, input);
    if (!status)
        status = invocation->output.json ? print_json(&p) : print_tables(&p, &invocation->output);
    lw_plan_destroy(&p.plan);
    lw_parameter_layout_destroy(&p.layout);
    lw_network_destroy(&network);
    return status;
}

const lw_command lw_command_why = {
    .name = "why",
    .summary = "which kernel runs each convolution, and why",
    .operands = "NETWORK | PROBLEM",
    .description =
        "Prints, for every convolution of a network and every pass, which algorithm runs it and "
        "what the others answered; the same for a single convolution on plain arrays, written as "
        "benchdnn does, with the times that `lanewise tune` measured. The environment variable "
        "LANEWISE_CONV forces algorithms, "
        "here as in training: LAYER.PASS=ALGORITHM with commas between them; PASS is fwd, bwd_d "
        "or bwd_w, and without LAYER it holds for every convolution.",
    .examples = "  lanewise why fixed\n"
                "  lanewise why varres --input 1x64x64 --json\n"
                "  lanewise why mb16ic16ih14oc32oh14kh3ph1 --layout nchw\n"
                "  LANEWISE_CONV=conv2.bwd_w=unfold lanewise why fixed\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {why_options, lw_output_option_table},
                .counts = {LW_COUNT(why_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(why_settings),
    .run = run_why,
};
