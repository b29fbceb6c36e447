// SPDX-License-Identifier: Apache-2.0
// Comparisons as `track ab` and `track gate` make them: the two programs are found or built, run
// against each other, and shown.
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/track_options.h"
#include "report/format.h"
#include "track/checkout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usual_program[] = "build/release/benchmarks/bench_conv";
static const double build_seconds = 3600;

lw_status lw_track_sides_given(lw_track_sides *sides, const char *old_path, const char *new_path)
{
    const char *const paths[] = {old_path, new_path};
    *sides = (lw_track_sides){0};
    for (int side = 0; side < LW_AB_SIDES; side++) {
        if (strlen(paths[side]) >= sizeof sides->paths[side])
            return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", paths[side]);
        snprintf(sides->paths[side], sizeof sides->paths[side], "%s", paths[side]);
    }
    return LW_OK;
}

static lw_status build(const char *folder, const char *what, const lw_track_settings *settings,
                       const lw_output *output)
{
    const lw_build how = {
        .command = settings->build, .timeout_seconds = build_seconds, .stop = lw_track_stop};
    lw_note(output, "building %s ...", what);
    return lw_checkout_build(folder, what, &how);
}

lw_status lw_track_sides_built(lw_track_sides *sides, const char *ref, const char *program,
                               const lw_track_settings *settings, const lw_output *output)
{
    char root[4096], commit[48], folder[4096];
    *sides = (lw_track_sides){.names[LW_AB_NEW] = "the working tree"};
    LW_TRY(lw_checkout_root(root));
    LW_TRY(lw_checkout_commit(commit, root, ref));
    if (!program) program = usual_program;
    if (program[0] == '/')
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s: expected a path below the root of the repository, got an absolute one",
                       program);
    snprintf(sides->names[LW_AB_OLD], sizeof sides->names[LW_AB_OLD], "%.40s (%.12s)", ref, commit);
    LW_TRY(lw_checkout_make(folder, root, commit));
    LW_TRY(build(folder, sides->names[LW_AB_OLD], settings, output));
    LW_TRY(build(root, sides->names[LW_AB_NEW], settings, output));
    const char *const folders[] = {folder, root};
    for (int side = 0; side < LW_AB_SIDES; side++) {
        const int length = snprintf(sides->paths[side], sizeof sides->paths[side], "%s/%s",
                                    folders[side], program);
        if (length < 0 || (size_t)length >= sizeof sides->paths[side])
            return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", program);
        if (!lw_file_exists(sides->paths[side]))
            return lw_fail(LW_ERROR_NOT_FOUND, "%s: the build of %s made no such program", program,
                           sides->names[side]);
    }
    return LW_OK;
}

static void show_progress(void *user, const lw_ab_progress *progress)
{
    char what[96];
    snprintf(what, sizeof what, "comparing, %zu of %zu decided, at most %s", progress->decided,
             progress->n,
             lw_format_seconds(fmax(0, progress->budget_seconds - progress->seconds)).text);
    lw_progress_work(user, what, progress->seconds / progress->budget_seconds, lw_clock_seconds());
}

static void tell_circumstances(const lw_ab *ab, const lw_output *output)
{
    lw_note(output, "%zu blocks in %s%s; %zu set aside because the machine was disturbed",
            ab->blocks, lw_format_seconds(ab->seconds).text,
            ab->budget_ended ? ", which was the budget" : "", ab->disturbed);
    if (ab->counting[0]) lw_note(output, "instructions were not counted: %s", ab->counting);
}

// What the JSON says of the session as a whole; NULL without memory.
static cJSON *circumstances_json(const lw_ab *ab)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "blocks", (int64_t)ab->blocks);
    lw_json_add_count(&object, "disturbed", (int64_t)ab->disturbed);
    lw_json_add_number(&object, "seconds", ab->seconds);
    lw_json_add_number(&object, "spin_seconds", ab->spin_median);
    lw_json_add_flag(&object, "budget_ended", ab->budget_ended);
    return lw_json_object_take(&object);
}

static lw_status show(lw_gate *gate, const lw_ab *ab, const lw_track_sides *sides,
                      const lw_invocation *invocation)
{
    for (int side = 0; side < LW_AB_SIDES; side++)
        if (sides->names[side][0]) gate->sides[side] = sides->names[side];
    LW_TRY(lw_track_show_gate(gate, invocation, circumstances_json(ab)));
    tell_circumstances(ab, &invocation->output);
    return LW_OK;
}

lw_status lw_track_compare(const lw_track_sides *sides, lw_ab_options *options,
                           const lw_invocation *invocation)
{
    lw_progress progress = lw_progress_begin(stderr, false, lw_clock_seconds());
    for (int side = 0; side < LW_AB_SIDES; side++) options->programs[side] = sides->paths[side];
    if (invocation->output.notes) options->on_progress = show_progress;
    options->user = &progress;
    lw_interrupt_catch();
    lw_ab *ab;
    lw_status status = lw_ab_run(&ab, options);
    lw_progress_clear(&progress);
    if (status) return status;
    lw_gate gate;
    status = lw_gate_from_ab(&gate, ab, options);
    if (!status) {
        status = show(&gate, ab, sides, invocation);
        lw_gate_free(&gate);
    }
    lw_ab_destroy(&ab);
    return status;
}
