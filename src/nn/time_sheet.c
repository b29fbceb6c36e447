// SPDX-License-Identifier: Apache-2.0
#include "nn/time_sheet.h"

#include "base/clock.h"
#include "base/error.h"
#include "nn/stage_candidates.h"
#include "nn/stage_plain.h"

#include <stdlib.h>
#include <string.h>

lw_status lw_time_sheet_init(lw_time_sheet *sheet, size_t n_layers)
{
    *sheet = (lw_time_sheet){.n_layers = n_layers};
    sheet->stages = calloc(n_layers, sizeof *sheet->stages);
    if (!sheet->stages) return lw_fail(LW_ERROR_MEMORY, "no memory for the times of a thread");
    return LW_OK;
}

void lw_time_sheet_destroy(lw_time_sheet *sheet)
{
    free(sheet->stages);
    memset(sheet, 0, sizeof *sheet);
}

void lw_time_sheet_start(lw_time_sheet *sheet)
{
    if (sheet) sheet->booked_until_ns = lw_clock_ns();
}

static int64_t take_time(lw_time_sheet *sheet)
{
    int64_t now = lw_clock_ns(), ns = now - sheet->booked_until_ns;
    sheet->booked_until_ns = now;
    return ns;
}

void lw_time_sheet_book(lw_time_sheet *sheet, lw_time_work work)
{
    if (sheet) sheet->work_ns[work] += take_time(sheet);
}

// Dense multiply-adds of a pass of one image; the three passes of a layer have the same.
static double pass_macs(const lw_plan *plan, size_t stage)
{
    const lw_stage *s = &plan->stages[stage];
    if (s->kind == LW_STAGE_CONV) {
        lw_conv_shape shape = lw_stage_conv_shape(plan, stage);
        return (double)lw_conv_shape_macs(&shape);
    }
    if (s->kind != LW_STAGE_LINEAR) return 0.0;
    lw_extent in = plan->maps[stage].extent;
    return (double)in.channels * in.height * in.width * s->weights->out;
}

static const char *algorithm_of(const lw_stage *stage, lw_conv_pass pass)
{
    if (stage->kind == LW_STAGE_CONV) return lw_stage_algorithm_name(stage, pass);
    return stage->kind == LW_STAGE_LINEAR ? "product" : "loop";
}

static void note_algorithm(lw_pass_time *time, const char *algorithm)
{
    if (!time->algorithm)
        time->algorithm = algorithm;
    else if (algorithm && strcmp(time->algorithm, algorithm) != 0)
        time->algorithm = "several";
}

void lw_time_sheet_book_pass(lw_time_sheet *sheet, const lw_plan *plan, size_t stage,
                             lw_conv_pass pass, int32_t images)
{
    const lw_stage *s = &plan->stages[stage];
    lw_stage_time *time = &sheet->stages[s->first_layer];
    if (!time->work[0]) lw_stage_describe(s, time->work, sizeof time->work);
    lw_pass_time *entry = &time->passes[pass];
    note_algorithm(entry, algorithm_of(s, pass));
    entry->macs += pass_macs(plan, stage) * images;
    entry->ns += take_time(sheet);
}

void lw_time_sheet_add(lw_time_sheet *sheet, const lw_time_sheet *other)
{
    for (int work = 0; work < LW_N_TIME_WORKS; work++) sheet->work_ns[work] += other->work_ns[work];
    for (size_t i = 0; i < sheet->n_layers; i++) {
        lw_stage_time *to = &sheet->stages[i];
        const lw_stage_time *from = &other->stages[i];
        if (!to->work[0]) memcpy(to->work, from->work, sizeof to->work);
        for (int pass = 0; pass < LW_N_PASSES; pass++) {
            to->passes[pass].ns += from->passes[pass].ns;
            to->passes[pass].macs += from->passes[pass].macs;
            note_algorithm(&to->passes[pass], from->passes[pass].algorithm);
        }
    }
}
