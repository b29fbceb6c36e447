// SPDX-License-Identifier: Apache-2.0
// Variable-resolution sets: the images of another set, each drawn at a resolution of its own.
#ifndef LANEWISE_VARRES_H
#define LANEWISE_VARRES_H

#include <lanewise/data.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LW_VARRES_SIDES = 64, LW_VARRES_LEAST_SIDE = 8, LW_VARRES_LONGEST_SIDE = 1024 };

// Sides of square images, in pixels: a list, or with `range` all from sides[0] to sides[1].
typedef struct lw_side_choice {
    int32_t sides[LW_VARRES_SIDES];
    int32_t count;
    bool range;
} lw_side_choice;

// Reads "32,48,64" or "20..96", LW_VARRES_LEAST_SIDE to LW_VARRES_LONGEST_SIDE pixels a side.
// LW_ERROR_ARGUMENT with a sentence that begins with `option`.
LW_API lw_status lw_side_choice_parse(lw_side_choice *choice, const char *text, const char *option);

// Image i of the result is made of image i of the source: a square of black with the source's drawing on
// it, scaled so that its longer side fills 50 to 100 % of the square, turned, at a random place. Where the
// source shrinks, its pixels are averaged. Everything about it is a pure function of (seed, stream, i).
typedef struct lw_varres_options {
    lw_side_choice sides; // each with the same probability; count 0: 32, 48 and 64
    uint64_t seed;
    uint32_t stream;       // below 2^24: images of different streams never share their chance
    double rotate_degrees; // turned by up to so much either way, 0 .. 180
    int32_t clutter;       // scraps of 8x8 pixels of other images of the set, 0 .. 64
    int32_t threads;       // 0: as many as there are processors
    // Called now and then from the calling thread; may be NULL.
    void (*progress)(void *user, size_t done, size_t count);
    void *user;
} lw_varres_options;

// LW_ERROR_ARGUMENT when an option is outside its range, LW_ERROR_MEMORY, or what reading the images of a
// streamed source reports.
LW_API lw_status lw_dataset_create_varres(lw_dataset **dataset, const char *name,
                                          const lw_dataset *source,
                                          const lw_varres_options *options);

#ifdef __cplusplus
}
#endif

#endif
