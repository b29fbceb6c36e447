// SPDX-License-Identifier: Apache-2.0
// Plans: every algorithm of the list is asked, one is chosen, and executions go to it.
#include "conv/plan.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "conv/force.h"
#include "conv/list.h"
#include "conv/tuned_table.h"

#include <lanewise/cpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lw_conv_plan {
    lw_conv_problem problem;
    bool exact;
    char text[LW_CONV_PROBLEM_BYTES]; // the shape as a problem string
    const lw_conv_implementation *const *list;
    int n_candidates, chosen;
    const char *chosen_by; // as lw_conv_plan_chosen_by says
    lw_conv_answer answers[LW_CONV_MAX_CANDIDATES];
    lw_conv_candidate candidates[LW_CONV_MAX_CANDIDATES];
    void *state;             // what the chosen algorithm prepared, when it does that
    char implementation[64]; // unless the state knows a name
};

lw_status lw_conv_resolve_threads(const char *function, int32_t asked, int32_t *threads)
{
    if (asked < 0 || asked > LW_CONV_MAX_THREADS)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: threads: expected 0 to %d, got %d", function,
                       LW_CONV_MAX_THREADS, asked);
    *threads = asked > 0 ? asked : lw_cpu_threads();
    if (*threads > LW_CONV_MAX_THREADS) *threads = LW_CONV_MAX_THREADS;
    return LW_OK;
}

int32_t lw_conv_worthwhile_threads(int32_t threads, double cycles)
{
    // Waking a thread and waiting for it takes about 10 us; its share should take as long.
    const double cycles_per_thread = 30000.0;
    double worthwhile = 1.0 + cycles / cycles_per_thread;
    return worthwhile < (double)threads ? (int32_t)worthwhile : threads;
}

// Asks every algorithm of the pass's list, as if one thread did all the work: neither what is possible nor what it costs
// may depend on how many there are.
static void ask_candidates(lw_conv_plan *plan)
{
    lw_conv_problem alone = plan->problem;
    alone.threads = 1;
    plan->n_candidates = lw_conv_list(plan->problem.pass, &plan->list);
    for (int i = 0; i < plan->n_candidates; i++) {
        lw_conv_answer *answer = &plan->answers[i];
        *answer = (lw_conv_answer){0};
        plan->list[i]->consider(&alone, answer);
        plan->candidates[i] = (lw_conv_candidate){
            .algorithm = plan->list[i]->algorithm,
            .name = lw_conv_algorithm_name(plan->list[i]->algorithm),
            .possible = answer->possible,
            .reason = answer->reason,
            .workspace_bytes = answer->possible ? answer->workspace_bytes : 0,
            .cycles = answer->possible ? answer->cycles : 0.0,
            .only_on_request = plan->list[i]->only_on_request ||
                               (plan->exact && plan->list[i]->transforms)};
        if (answer->possible && plan->exact && plan->list[i]->transforms)
            snprintf(answer->reason, sizeof answer->reason,
                     "the plan is exact, and it rounds more than sums do");
    }
}

// What the possible ones need for all threads.
static void size_workspaces(lw_conv_plan *plan)
{
    if (plan->problem.threads == 1) return;
    for (int i = 0; i < plan->n_candidates; i++) {
        if (!plan->candidates[i].possible) continue;
        lw_conv_answer together = {0};
        plan->list[i]->consider(&plan->problem, &together);
        plan->answers[i].workspace_bytes = together.workspace_bytes;
        plan->candidates[i].workspace_bytes = together.workspace_bytes;
    }
}

// The possible candidate with the lowest estimate, of those that need not be asked for. There is
// always one: naive takes everything.
static void choose_cheapest(lw_conv_plan *plan)
{
    plan->chosen = plan->n_candidates - 1;
    for (int i = plan->n_candidates - 1; i >= 0; i--)
        if (plan->candidates[i].possible && !plan->candidates[i].only_on_request &&
            plan->candidates[i].cycles <= plan->candidates[plan->chosen].cycles)
            plan->chosen = i;
}

// Notes the times of this machine's table, and takes the algorithm that was the fastest; of those
// measured the fastest that AUTO may take, where an exact plan must not have that one. A forced choice
// stands.
static void choose_measured(lw_conv_plan *plan)
{
    const lw_tuned_result *result = lw_tuned_table_find(
        lw_tuned_shared(), &(lw_tuned_key){.problem = plan->text,
                                           .pass = plan->problem.pass,
                                           .layout = plan->problem.layout,
                                           .threads = plan->problem.threads,
                                           .fusion = LW_TUNED_PLAIN});
    if (!result) return;
    int fastest = -1;
    for (int i = 0; i < plan->n_candidates; i++) {
        lw_conv_candidate *c = &plan->candidates[i];
        c->measured_ns = lw_tuned_ns(result, c->algorithm);
        if (!c->possible || c->only_on_request || c->measured_ns == 0) continue;
        const bool leads = fastest >= 0 && (plan->candidates[fastest].algorithm == result->chosen ||
                                            plan->candidates[fastest].measured_ns <= c->measured_ns);
        if (!leads || c->algorithm == result->chosen) fastest = i;
    }
    if (fastest < 0 || strcmp(plan->chosen_by, "forced") == 0) return;
    plan->chosen = fastest;
    plan->chosen_by = "measured";
}

static void list_possible(const lw_conv_plan *plan, char *text, size_t text_bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < plan->n_candidates; i++) {
        if (!plan->candidates[i].possible) continue;
        snprintf(text + length, text_bytes - length, "%s%s", length ? ", " : "",
                 plan->candidates[i].name);
        length = strlen(text);
    }
}

static lw_status refuse_forced(const lw_conv_plan *plan, lw_conv_algorithm algorithm,
                               const char *source, const char *reason)
{
    char possible[128];
    list_possible(plan, possible, sizeof possible);
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: %s cannot do %s %s: %s; possible: %s", source,
                   lw_conv_algorithm_name(algorithm), lw_conv_pass_name(plan->problem.pass),
                   plan->text, reason, possible);
}

static lw_status choose_forced(lw_conv_plan *plan, lw_conv_algorithm algorithm, const char *source)
{
    const char *reason = "this build does not have it";
    for (int i = 0; i < plan->n_candidates; i++) {
        if (plan->candidates[i].algorithm != algorithm) continue;
        if (plan->candidates[i].possible) {
            plan->chosen = i;
            return LW_OK;
        }
        reason = plan->candidates[i].reason;
    }
    return refuse_forced(plan, algorithm, source, reason);
}

// Lets the chosen algorithm make what it needs. One that does so may refuse only now; AUTO chooses
// none of those.
static lw_status prepare_chosen(lw_conv_plan *plan, const char *source)
{
    const lw_conv_implementation *chosen = plan->list[plan->chosen];
    lw_conv_candidate *candidate = &plan->candidates[plan->chosen];
    const char *own = plan->answers[plan->chosen].kernel;
    const char *kernel = own ? own : chosen->kernel;
    snprintf(plan->implementation, sizeof plan->implementation, "%s%s%s",
             kernel ? kernel : "loops", kernel ? ":" : "", kernel ? lw_cpu_isa() : "");
    if (!chosen->prepared) return LW_OK;
    lw_conv_answer *answer = &plan->answers[plan->chosen];
    LW_TRY(chosen->prepared->prepare(&plan->problem, answer, &plan->state));
    candidate->possible = answer->possible;
    candidate->workspace_bytes = answer->workspace_bytes;
    if (answer->possible) return LW_OK;
    return refuse_forced(plan, chosen->algorithm, source, answer->reason);
}

static void log_candidates(const lw_conv_plan *plan)
{
    if (!lw_log_wanted("dispatch")) return;
    const char *pass = lw_conv_pass_name(plan->problem.pass);
    const char *choice = strcmp(plan->chosen_by, "measured") == 0 ? "chosen by measurement"
                         : strcmp(plan->chosen_by, "forced") == 0 ? "forced"
                                                                  : "chosen";
    for (int i = 0; i < plan->n_candidates; i++) {
        const lw_conv_candidate *c = &plan->candidates[i];
        char measured[40] = "";
        if (c->measured_ns > 0)
            snprintf(measured, sizeof measured, ", measured %.4g us", (double)c->measured_ns * 1e-3);
        if (c->possible && c->only_on_request && !c->chosen)
            lw_log("dispatch", "%s %s %s: yes, but %s, about %.3g cycles%s", plan->text, pass,
                   c->name, c->reason, c->cycles, measured);
        else if (c->possible)
            lw_log("dispatch", "%s %s %s: yes, %zu bytes of workspace, about %.3g cycles%s%s%s%s",
                   plan->text, pass, c->name, c->workspace_bytes, c->cycles, measured,
                   c->chosen ? " (" : "", c->chosen ? choice : "", c->chosen ? ")" : "");
        else
            lw_log("dispatch", "%s %s %s: no, because %s", plan->text, pass, c->name, c->reason);
    }
}

// Fills the plan: whatever fails leaves it to the caller to free.
static lw_status fill_plan(lw_conv_plan *plan, const lw_conv_shape *shape, lw_conv_pass pass,
                           const lw_conv_options *options)
{
    LW_TRY(lw_cpu_check());
    LW_TRY(lw_conv_sizes_of(shape, &plan->problem.sizes));
    LW_TRY(lw_conv_shape_format(shape, plan->text, sizeof plan->text));
    plan->problem.pass = pass;
    plan->exact = options && options->exact;
    plan->problem.layout = options ? options->layout : LW_CONV_LAYOUT_NCHW;
    LW_TRY(lw_conv_maps(shape, plan->problem.layout, &plan->problem.x, &plan->problem.y, NULL,
                        NULL));
    LW_TRY(lw_conv_resolve_threads("lw_conv_plan_create", options ? options->threads : 0,
                                   &plan->problem.threads));
    lw_conv_algorithm forced = options ? options->algorithm : LW_CONV_ALGORITHM_AUTO;
    const char *source = "forced algorithm";
    if (forced == LW_CONV_ALGORITHM_AUTO) {
        source = "LANEWISE_CONV";
        LW_TRY(lw_conv_forced_algorithm(lw_config_get()->conv, source, NULL, pass, &forced));
    }
    ask_candidates(plan);
    plan->chosen_by = forced == LW_CONV_ALGORITHM_AUTO ? "model" : "forced";
    if (forced == LW_CONV_ALGORITHM_AUTO)
        choose_cheapest(plan);
    else
        LW_TRY(choose_forced(plan, forced, source));
    if (!options || options->threads == 0)
        plan->problem.threads = lw_conv_worthwhile_threads(plan->problem.threads,
                                                           plan->candidates[plan->chosen].cycles);
    size_workspaces(plan);
    if (!lw_config_get()->deterministic && !(options && options->deterministic))
        choose_measured(plan);
    LW_TRY(prepare_chosen(plan, source));
    plan->candidates[plan->chosen].chosen = true;
    log_candidates(plan);
    return LW_OK;
}

lw_status lw_conv_plan_create(lw_conv_plan **plan, const lw_conv_shape *shape, lw_conv_pass pass,
                              const lw_conv_options *options)
{
    if (!plan) return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_plan_create: plan is NULL");
    *plan = NULL;
    if (strcmp(lw_conv_pass_name(pass), "unknown") == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_plan_create: there is no pass %d", (int)pass);
    if (options && strcmp(lw_conv_algorithm_name(options->algorithm), "unknown") == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_plan_create: there is no algorithm %d",
                       (int)options->algorithm);
    lw_conv_plan *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "lw_conv_plan_create: no memory");
    lw_status status = fill_plan(made, shape, pass, options);
    if (status)
        lw_conv_plan_destroy(&made);
    else
        *plan = made;
    return status;
}

void lw_conv_plan_destroy(lw_conv_plan **plan)
{
    if (!plan) return;
    if (*plan && (*plan)->state) (*plan)->list[(*plan)->chosen]->prepared->destroy((*plan)->state);
    free(*plan);
    *plan = NULL;
}

size_t lw_conv_plan_workspace_bytes(const lw_conv_plan *plan)
{
    return plan->candidates[plan->chosen].workspace_bytes;
}

const char *lw_conv_plan_algorithm(const lw_conv_plan *plan)
{
    return plan->candidates[plan->chosen].name;
}

const char *lw_conv_plan_implementation(const lw_conv_plan *plan)
{
    const lw_conv_prepared *prepared = plan->list[plan->chosen]->prepared;
    return prepared ? prepared->implementation(plan->state) : plan->implementation;
}

const char *lw_conv_plan_chosen_by(const lw_conv_plan *plan)
{
    return plan->chosen_by;
}

const lw_conv_shape *lw_conv_plan_shape(const lw_conv_plan *plan)
{
    return &plan->problem.sizes.shape;
}

lw_conv_pass lw_conv_plan_pass(const lw_conv_plan *plan)
{
    return plan->problem.pass;
}

int32_t lw_conv_plan_threads(const lw_conv_plan *plan)
{
    return plan->problem.threads;
}

size_t lw_conv_plan_candidate_count(const lw_conv_plan *plan)
{
    return (size_t)plan->n_candidates;
}

const lw_conv_candidate *lw_conv_plan_candidate(const lw_conv_plan *plan, size_t index)
{
    return index < (size_t)plan->n_candidates ? &plan->candidates[index] : NULL;
}

// Checks what the three executions have in common.
static lw_status check_call(const char *function, const lw_conv_plan *plan, lw_conv_pass pass,
                            bool arrays, const void *workspace)
{
    if (!plan) return lw_fail(LW_ERROR_ARGUMENT, "%s: the plan is NULL", function);
    if (plan->problem.pass != pass)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the plan was made for %s, expected %s", function,
                       lw_conv_pass_name(plan->problem.pass), lw_conv_pass_name(pass));
    if (!arrays) return lw_fail(LW_ERROR_ARGUMENT, "%s: an array is NULL", function);
    size_t bytes = lw_conv_plan_workspace_bytes(plan);
    if (!workspace && bytes > 0)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the workspace is NULL, expected %zu bytes", function,
                       bytes);
    return LW_OK;
}

static lw_status execute(const lw_conv_plan *plan, const lw_conv_arrays *arrays, void *workspace)
{
    const bool timed = lw_log_wanted("exec");
    const int64_t start = timed ? lw_clock_ns() : 0;
    const lw_conv_implementation *chosen = plan->list[plan->chosen];
    if (chosen->prepared)
        LW_TRY(chosen->prepared->execute(plan->state, arrays, workspace));
    else
        chosen->execute(&plan->problem, arrays, workspace);
    if (timed) {
        double ns = (double)(lw_clock_ns() - start);
        double flops = 2.0 * (double)lw_conv_shape_macs(&plan->problem.sizes.shape);
        lw_log("exec", "%s %s %s %s threads %d: %.3f ms, %.1f GFLOP/s", plan->text,
               lw_conv_pass_name(plan->problem.pass), lw_conv_plan_algorithm(plan),
               lw_conv_plan_implementation(plan), plan->problem.threads, ns * 1e-6,
               ns > 0.0 ? flops / ns : 0.0);
    }
    return LW_OK;
}

lw_status lw_conv_forward(const lw_conv_plan *plan, const float *x, const float *weights,
                          const float *bias, float *y, void *workspace)
{
    LW_TRY(check_call("lw_conv_forward", plan, LW_CONV_FORWARD, x && weights && y, workspace));
    lw_conv_arrays arrays = {.x = x, .weights = weights, .bias = bias, .y = y};
    return execute(plan, &arrays, workspace);
}

lw_status lw_conv_backward_data(const lw_conv_plan *plan, const float *dy, const float *weights,
                                float *dx, void *workspace)
{
    LW_TRY(check_call("lw_conv_backward_data", plan, LW_CONV_BACKWARD_DATA, dy && weights && dx,
                      workspace));
    lw_conv_arrays arrays = {.dy = dy, .weights = weights, .dx = dx};
    return execute(plan, &arrays, workspace);
}

lw_status lw_conv_backward_weights(const lw_conv_plan *plan, const float *x, const float *dy,
                                   float *dweights, float *dbias, void *workspace)
{
    LW_TRY(check_call("lw_conv_backward_weights", plan, LW_CONV_BACKWARD_WEIGHTS,
                      x && dy && dweights, workspace));
    lw_conv_arrays arrays = {.x = x, .dy = dy, .dweights = dweights, .dbias = dbias};
    return execute(plan, &arrays, workspace);
}
