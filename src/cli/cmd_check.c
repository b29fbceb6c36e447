// SPDX-License-Identifier: Apache-2.0
// `lanewise check`: every algorithm of the convolution library against naive.
#include "base/clock.h"
#include "base/error.h"
#include "bench/check.h"
#include "bench/shapes.h"
#include "cli/common.h"
#include "cli/conv_options.h"
#include "cli/json.h"
#include "report/progress.h"
#include "report/table.h"

#include <lanewise/cpu.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct check_settings {
    lw_common_settings common;
    const char *passes, *algorithms, *layout, *isa;
    int64_t seed, random;
    bool all;
} check_settings;

static const lw_option check_options[] = {
    {.name = "all",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(check_settings, all),
     .help = "with the kernels of every instruction set of this machine"},
    {.name = "isa",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(check_settings, isa),
     .value_name = "LIST",
     .help = "with the kernels of these: generic, avx2, avx512, neon; without it the best one"},
    {.name = "seed",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(check_settings, seed),
     .value_name = "N",
     .preset = "1",
     .minimum = 0,
     .maximum = 1e15,
     .help = "of the data and of the random shapes"},
    {.name = "random",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(check_settings, random),
     .value_name = "N",
     .preset = "60",
     .minimum = 0,
     .maximum = 100000,
     .help = "random shapes after the built-in ones, where no PROBLEM is given"},
    {.name = "layout",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(check_settings, layout),
     .value_name = "LIST",
     .help = "only with maps in these layouts, with commas: padded, nhwc, nchw"},
    {.name = "passes",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(check_settings, passes),
     .value_name = "LIST",
     .help = "only these passes, with commas: fwd, bwd_d, bwd_w"},
    {.name = "algorithms",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(check_settings, algorithms),
     .value_name = "LIST",
     .help = "only these algorithms, with commas: unfold, ..."},
};

// What was found for one algorithm, pass and instruction set.
typedef struct tally {
    char isa[16], algorithm[16], pass[8];
    int32_t checked, refused, failed; // shapes and layouts
    double error_share;               // the largest one
} tally;

enum { most_tallies = LW_MOST_ISAS * LW_CHECK_MOST_RESULTS, most_failures_told = 20 };

typedef struct check_job {
    const check_settings *settings;
    const lw_problem_list *problems;
    lw_bench_selection selection;
    bool layouts[LW_BENCH_LAYOUTS];
    const lw_output *output;
    tally tallies[most_tallies];
    size_t n_tallies;
    int32_t failures; // all of them
    cJSON *told;      // the failures as JSON, at most most_failures_told
} check_job;

static lw_status collect_problems(lw_problem_list *list, const check_settings *settings,
                                  const lw_option_result *arguments)
{
    const int64_t most_macs = 400000; // of a random shape: many small ones find more than few large
    const size_t n = arguments->n_operands;
    if (n > 0 && lw_option_given(arguments, "random"))
        return lw_fail(LW_ERROR_ARGUMENT, "--random is of use without a PROBLEM only");
    for (size_t i = 0; i < n; i++) LW_TRY(lw_problems_add_text(list, arguments->operands[i], ""));
    for (size_t i = 0; n == 0 && i < lw_bench_problem_count; i++)
        LW_TRY(lw_problems_add_text(list, lw_bench_problems[i], ""));
    for (int64_t i = 0; n == 0 && i < settings->random; i++) {
        lw_conv_shape shape =
            lw_bench_random_shape((uint64_t)settings->seed, (uint64_t)i, most_macs);
        char text[LW_CONV_PROBLEM_BYTES];
        LW_TRY(lw_conv_shape_format(&shape, text, sizeof text));
        LW_TRY(lw_problems_add_text(list, text, ""));
    }
    return LW_OK;
}

static tally *find_tally(check_job *job, const char *isa, const char *algorithm, const char *pass)
{
    for (size_t i = 0; i < job->n_tallies; i++) {
        tally *t = &job->tallies[i];
        if (!strcmp(t->isa, isa) && !strcmp(t->algorithm, algorithm) && !strcmp(t->pass, pass))
            return t;
    }
    if (job->n_tallies == most_tallies) return NULL;
    tally *t = &job->tallies[job->n_tallies++];
    snprintf(t->isa, sizeof t->isa, "%s", isa);
    snprintf(t->algorithm, sizeof t->algorithm, "%s", algorithm);
    snprintf(t->pass, sizeof t->pass, "%s", pass);
    return t;
}

// Says what is wrong, and how to see it again.
static lw_status tell_failure(check_job *job, const lw_problem *problem,
                              const lw_check_result *result)
{
    const char *algorithm = lw_conv_algorithm_name(result->algorithm);
    const char *pass = lw_conv_pass_name(result->pass);
    const char *layout = lw_conv_layout_name(result->layout);
    char threads[32] = "", repeat[512];
    if (job->settings->common.threads)
        snprintf(threads, sizeof threads, " --threads %d", (int)job->settings->common.threads);
    snprintf(repeat, sizeof repeat,
             "lanewise check %s --seed %lld --isa %s --algorithms %s --passes %s --layout %s%s",
             problem->text, (long long)job->settings->seed, lw_cpu_isa(), algorithm, pass, layout,
             threads);
    if (job->failures++ >= most_failures_told) return LW_OK;
    // On standard error in any case: what is wrong is no note that --quiet may leave out.
    fflush(job->output->result);
    fprintf(stderr, "wrong: %s %s %s %s: %s\n  again: %s\n", algorithm, pass, layout, problem->text,
            result->finding, repeat);
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "problem", problem->text);
    lw_json_add_text(&object, "pass", pass);
    lw_json_add_text(&object, "algorithm", algorithm);
    lw_json_add_text(&object, "layout", layout);
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_text(&object, "finding", result->finding);
    lw_json_add_text(&object, "repeat", repeat);
    cJSON *item = lw_json_object_take(&object);
    if (item && cJSON_AddItemToArray(job->told, item)) return LW_OK;
    cJSON_Delete(item);
    return lw_fail(LW_ERROR_MEMORY, "no memory for the findings");
}

static lw_status count_results(check_job *job, const lw_problem *problem,
                               const lw_check_result *results, int n_results)
{
    for (int i = 0; i < n_results; i++) {
        const lw_check_result *result = &results[i];
        tally *t = find_tally(job, lw_cpu_isa(), lw_conv_algorithm_name(result->algorithm),
                              lw_conv_pass_name(result->pass));
        if (!t) return lw_fail(LW_ERROR_INTERNAL, "more algorithms than there is room for");
        if (!result->possible) {
            t->refused++;
            continue;
        }
        t->checked++;
        if (result->error_share > t->error_share) t->error_share = result->error_share;
        if (result->right) continue;
        t->failed++;
        LW_TRY(tell_failure(job, problem, result));
    }
    return LW_OK;
}

static lw_status check_here(check_job *job)
{
    lw_check_options options = {.selection = job->selection,
                                .seed = (uint64_t)job->settings->seed,
                                .threads = (int32_t)job->settings->common.threads,
                                .execute = lw_bench_execute};
    memcpy(options.layouts, job->layouts, sizeof options.layouts);
    lw_check_result *results = calloc(LW_CHECK_MOST_RESULTS, sizeof *results);
    if (!results) return lw_fail(LW_ERROR_MEMORY, "no memory for the results");
    lw_progress progress = lw_progress_begin(stderr, false, lw_clock_seconds());
    lw_status status = LW_OK;
    for (size_t i = 0; i < job->problems->n && !status; i++) {
        int n_results;
        char what[64];
        snprintf(what, sizeof what, "checking %s kernels", lw_cpu_isa());
        if (job->output->notes)
            lw_progress_work(&progress, what, (double)i / (double)job->problems->n,
                             lw_clock_seconds());
        status = lw_check_problem(&job->problems->problems[i].shape, &options, results, &n_results);
        if (!status) status = count_results(job, &job->problems->problems[i], results, n_results);
    }
    lw_progress_clear(&progress);
    free(results);
    return status;
}

// ---- other instruction sets ---------------------------------------------------------------------

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : INFINITY; // null: an infinite error
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

static lw_status add_json(check_job *job, const cJSON *json)
{
    const cJSON *item, *results = cJSON_GetObjectItemCaseSensitive(json, "results");
    cJSON_ArrayForEach(item, results)
    {
        tally *t = find_tally(job, text_of(item, "isa"), text_of(item, "algorithm"),
                              text_of(item, "pass"));
        if (!t) return lw_fail(LW_ERROR_INTERNAL, "more algorithms than there is room for");
        t->checked = (int32_t)number_of(item, "checked");
        t->refused = (int32_t)number_of(item, "refused");
        t->failed = (int32_t)number_of(item, "failed");
        t->error_share = number_of(item, "error_share");
        job->failures += t->failed;
    }
    cJSON *failures = cJSON_DetachItemFromObjectCaseSensitive((cJSON *)json, "failures");
    while (cJSON_GetArraySize(failures) > 0)
        cJSON_AddItemToArray(job->told, cJSON_DetachItemFromArray(failures, 0));
    cJSON_Delete(failures);
    return LW_OK;
}

static lw_status check_elsewhere(check_job *job, const char *isa, const char *program,
                                 const lw_option_result *operands)
{
    const check_settings *settings = job->settings;
    lw_arguments arguments = {0};
    lw_arguments_add(&arguments, "%s", program);
    lw_arguments_add(&arguments, "check");
    for (size_t i = 0; i < operands->n_operands; i++)
        lw_arguments_add(&arguments, "%s", operands->operands[i]);
    lw_arguments_add(&arguments, "--seed=%lld", (long long)settings->seed);
    if (operands->n_operands == 0)
        lw_arguments_add(&arguments, "--random=%lld", (long long)settings->random);
    if (settings->passes) lw_arguments_add(&arguments, "--passes=%s", settings->passes);
    if (settings->algorithms) lw_arguments_add(&arguments, "--algorithms=%s", settings->algorithms);
    if (settings->layout) lw_arguments_add(&arguments, "--layout=%s", settings->layout);
    if (settings->common.threads)
        lw_arguments_add(&arguments, "--threads=%d", (int)settings->common.threads);
    if (settings->common.quiet) lw_arguments_add(&arguments, "--quiet");
    lw_arguments_add(&arguments, "--json");
    cJSON *json;
    int exit_code;
    lw_status status = lw_run_for_isa(isa, program, &arguments, &json, &exit_code);
    // A failed check exits with 1 and has its JSON all the same.
    if (!status && !cJSON_GetObjectItemCaseSensitive(json, "results"))
        status = lw_fail(exit_code == 2 ? LW_ERROR_INPUT : LW_ERROR_INTERNAL,
                         "the check of %s kernels did not finish (exit code %d)", isa, exit_code);
    if (!status) status = add_json(job, json);
    cJSON_Delete(json);
    lw_arguments_free(&arguments);
    return status;
}

// ---- output -------------------------------------------------------------------------------------

static lw_status print_table(const check_job *job)
{
    lw_table *table;
    LW_TRY(lw_table_create(&table));
    static const char *const titles[] = {"isa",     "algorithm",     "pass",   "checked",
                                         "refused", "error / bound", "verdict"};
    for (size_t i = 0; i < LW_COUNT(titles); i++)
        lw_table_column(table, i >= 3 && i <= 5 ? LW_ALIGN_RIGHT : LW_ALIGN_LEFT, titles[i]);
    for (size_t i = 0; i < job->n_tallies; i++) {
        const tally *t = &job->tallies[i];
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", t->isa);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", t->algorithm);
        lw_table_cell(table, LW_STYLE_PLAIN, "%s", t->pass);
        lw_table_cell(table, LW_STYLE_PLAIN, "%d", t->checked);
        lw_table_cell(table, LW_STYLE_DIM, "%d", t->refused);
        if (t->checked)
            lw_table_cell(table, LW_STYLE_PLAIN, "%.4f", t->error_share);
        else
            lw_table_cell(table, LW_STYLE_DIM, "-");
        if (t->failed)
            lw_table_cell(table, LW_STYLE_BAD, "%d WRONG", t->failed);
        else
            lw_table_cell(table, t->checked ? LW_STYLE_GOOD : LW_STYLE_DIM, "%s",
                          t->checked ? "right" : "not checked");
    }
    lw_status status = lw_table_print(table, job->output->result, &job->output->terminal, 0);
    lw_table_destroy(&table);
    if (!job->output->quiet)
        fprintf(
            job->output->result,
            "%zu shapes, each with its maps in every layout; seed %lld. Small integers: the same "
            "bits\nas naive. Real values: the largest error as a share of what the number of "
            "summed products\nallows, for winograd of what its transforms may round.\n",
            job->problems->n, (long long)job->settings->seed);
    return status;
}

static cJSON *tally_json(const tally *t)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "isa", t->isa);
    lw_json_add_text(&object, "algorithm", t->algorithm);
    lw_json_add_text(&object, "pass", t->pass);
    lw_json_add_count(&object, "checked", t->checked);
    lw_json_add_count(&object, "refused", t->refused);
    lw_json_add_count(&object, "failed", t->failed);
    lw_json_add_number(&object, "error_share", t->error_share);
    return lw_json_object_take(&object);
}

static lw_status print_json(check_job *job)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "seed", job->settings->seed);
    lw_json_add_count(&object, "shapes", (int64_t)job->problems->n);
    cJSON *results = cJSON_CreateArray();
    for (size_t i = 0; results && i < job->n_tallies; i++) {
        cJSON *item = tally_json(&job->tallies[i]);
        if (item && cJSON_AddItemToArray(results, item)) continue;
        cJSON_Delete(item);
        cJSON_Delete(results);
        results = NULL;
    }
    lw_json_add_item(&object, "results", results);
    lw_json_add_item(&object, "failures", job->told);
    job->told = NULL;
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_job(check_job *job, const lw_isa_list *isas, const lw_invocation *invocation)
{
    job->told = cJSON_CreateArray();
    lw_status status = job->told ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the findings");
    if (!status && lw_isas_are_here(isas))
        status = check_here(job);
    else
        for (size_t i = 0; i < isas->n && !status; i++)
            status =
                check_elsewhere(job, isas->names[i], invocation->program, invocation->arguments);
    if (!status) status = job->output->json ? print_json(job) : print_table(job);
    cJSON_Delete(job->told);
    if (!status && job->failures)
        status = lw_fail(LW_ERROR_INTERNAL, "%d result%s wrong", job->failures,
                         job->failures == 1 ? " is" : "s are");
    return status;
}

static lw_status run_check(const lw_invocation *invocation)
{
    const check_settings *settings = invocation->settings;
    lw_problem_list problems = {0};
    lw_isa_list isas;
    if (settings->all && settings->isa)
        return lw_fail(LW_ERROR_ARGUMENT, "--all and --isa do not go together");
    check_job *job = calloc(1, sizeof *job);
    if (!job) return lw_fail(LW_ERROR_MEMORY, "no memory for the check");
    job->settings = settings;
    job->output = &invocation->output;
    job->problems = &problems;
    lw_status status = lw_read_selection(&job->selection, settings->passes, settings->algorithms);
    if (!status) status = lw_read_layouts(job->layouts, settings->layout);
    if (!status) status = lw_read_isas(&isas, settings->isa);
    if (!status && settings->all) isas = lw_all_isas();
    if (!status) status = collect_problems(&problems, settings, invocation->arguments);
    if (!status) status = run_job(job, &isas, invocation);
    lw_problems_free(&problems);
    free(job);
    return status;
}

const lw_command lw_command_check = {
    .name = "check",
    .summary = "compare every algorithm of a convolution with naive",
    .operands = "[PROBLEM...]",
    .description =
        "Compares every algorithm of the convolution library with naive, in every pass: bit for "
        "bit on small integers, and on real values within the bound that follows from the number "
        "of summed products. Without a PROBLEM (written as for `lanewise bench`) it goes through "
        "a built-in list of shapes and random ones. The exit code is 1 when a result is wrong; a "
        "line then says how to see it again.",
    .examples = "  lanewise check\n"
                "  lanewise check --all\n"
                "  lanewise check mb2ic16ih14oc32oh14kh3ph1 --seed 7 --isa avx2\n",
    .least_operands = 0,
    .most_operands = LW_NO_OPERAND_LIMIT,
    .options = {.tables = {check_options, lw_thread_option_table, lw_output_option_table},
                .counts = {LW_COUNT(check_options), LW_N_THREAD_OPTIONS, LW_N_OUTPUT_OPTIONS},
                .n_tables = 3},
    .settings_bytes = sizeof(check_settings),
    .run = run_check,
};
