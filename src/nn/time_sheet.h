// SPDX-License-Identifier: Apache-2.0
// Where the time of one training thread goes. The thread books all time since its last booking at
// once, on what it has just done: so the entries add up to the time between start and last booking,
// whatever is measured. Each thread has a sheet of its own, without locks; without a sheet nothing
// reads a clock.
#ifndef LW_NN_TIME_SHEET_H
#define LW_NN_TIME_SHEET_H

#include "nn/plan.h"

// What a thread does beside the stages of the network.
typedef enum lw_time_work {
    LW_TIME_AUGMENT, // rescaling and augmenting images
    LW_TIME_LOAD,    // choosing images, bytes to floats
    LW_TIME_LOSS,    // loss, accuracy and the gradient of the logits
    LW_TIME_UPDATE,  // sum of the partial gradients, optimizer, packing
    LW_TIME_BARRIER, // waiting for the other threads
    LW_TIME_REPORT,  // counting a finished batch, callbacks; one thread alone
    LW_N_TIME_WORKS
} lw_time_work;

// One pass of one stage.
typedef struct lw_pass_time {
    int64_t ns;
    double macs;           // dense multiply-adds of all images
    const char *algorithm; // "several" when images of different sizes take different ones
} lw_pass_time;

typedef struct lw_stage_time {
    char work[64]; // as lw_stage_describe has it; "" for layers that begin no stage
    lw_pass_time passes[LW_N_PASSES];
} lw_stage_time;

typedef struct lw_time_sheet {
    int64_t booked_until_ns; // on the clock
    int64_t work_ns[LW_N_TIME_WORKS];
    lw_stage_time *stages; // by the stage's first layer: plans of all image sizes share a sheet
    size_t n_layers;
} lw_time_sheet;

lw_status lw_time_sheet_init(lw_time_sheet *sheet, size_t n_layers);
void lw_time_sheet_destroy(lw_time_sheet *sheet);

// From now on time is booked.
void lw_time_sheet_start(lw_time_sheet *sheet);

// Books the time since the last booking; NULL: does nothing.
void lw_time_sheet_book(lw_time_sheet *sheet, lw_time_work work);

// The same on a pass of a stage, for `images` images.
void lw_time_sheet_book_pass(lw_time_sheet *sheet, const lw_plan *plan, size_t stage,
                             lw_conv_pass pass, int32_t images);

// Adds the entries of `other`, a sheet for the same network.
void lw_time_sheet_add(lw_time_sheet *sheet, const lw_time_sheet *other);

#endif
