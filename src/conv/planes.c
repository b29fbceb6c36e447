// SPDX-License-Identifier: Apache-2.0
// Copies between planes and channels-last maps, a row of an image at a time.
#include "conv/planes.h"

#include "base/memory.h"
#include "cpu/kernel_table.h"
#include "cpu/parallel.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

// The bytes of maps as planes, each array rounded up for alignment. No overflow: the shape was
// checked, and arrays of that size fit memory twice or more.
static size_t plane_bytes(const lw_conv_map *map, int32_t images)
{
    size_t floats =
        (size_t)images * (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    return lw_round_up(floats * sizeof(float), LW_ALIGNMENT);
}

void lw_conv_consider_planes(const lw_conv_problem *problem, lw_conv_answer *answer,
                             void (*consider)(const lw_conv_problem *, lw_conv_answer *))
{
    consider(problem, answer);
    if (problem->layout == LW_CONV_LAYOUT_NCHW || !answer->possible) return;
    const int32_t images = problem->sizes.shape.n;
    size_t x = plane_bytes(&problem->x, images), y = plane_bytes(&problem->y, images), all;
    if (!lw_size_add(x, y, &all) || !lw_size_add(all, LW_ALIGNMENT, &all) ||
        !lw_size_add(all, answer->workspace_bytes, &all) || all > PTRDIFF_MAX) {
        answer->possible = false;
        snprintf(answer->reason, sizeof answer->reason,
                 "its workspace would be larger than memory can be");
        return;
    }
    answer->workspace_bytes = all;
    // A float a cycle: they come from and go to memory.
    answer->cycles += (double)(x + y) / sizeof(float);
}

// One array of maps on its way.
typedef struct plane_copy {
    const lw_conv_map *map;
    int32_t images;
    const float *read; // the caller's maps, or NULL ...
    float *planes;
    float *written; // ... for maps that are written from the planes
} plane_copy;

static void copy_rows(void *context, int32_t thread, int32_t threads)
{
    const plane_copy *copy = context;
    const lw_conv_map *map = copy->map;
    const lw_kernel_table *kernels = lw_kernels();
    const int64_t plane = (int64_t)map->height * map->width;
    const size_t spare = (size_t)(map->padded_channels - map->channels);
    int64_t begin, end;
    lw_parallel_range((int64_t)copy->images * map->height, thread, threads, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / map->height, h = i % map->height;
        const int64_t at = map->origin + n * map->image + h * map->row;
        float *row = copy->planes + n * map->channels * plane + h * map->width;
        if (copy->read) {
            kernels->transpose(copy->read + at, map->pixel, map->width, map->channels, row, plane);
            continue;
        }
        kernels->transpose(row, plane, map->channels, map->width, copy->written + at, map->pixel);
        for (int32_t w = 0; w < map->width && spare; w++)
            memset(copy->written + at + w * map->pixel + map->channels, 0, spare * sizeof *row);
    }
}

// Brings maps into planes; what the pass does not read stays NULL.
static void fetch(const lw_conv_problem *problem, const lw_conv_map *map, const float **maps,
                  float *planes)
{
    if (!*maps) return;
    plane_copy copy = {
        .map = map, .images = problem->sizes.shape.n, .read = *maps, .planes = planes};
    lw_parallel_run(problem->threads, copy_rows, &copy);
    *maps = planes;
}

static void store(const lw_conv_problem *problem, const lw_conv_map *map, float *maps,
                  float *planes)
{
    if (!maps) return;
    plane_copy copy = {
        .map = map, .images = problem->sizes.shape.n, .planes = planes, .written = maps};
    lw_parallel_run(problem->threads, copy_rows, &copy);
}

void lw_conv_execute_planes(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                            void *workspace,
                            void (*execute)(const lw_conv_problem *, const lw_conv_arrays *,
                                            void *))
{
    if (problem->layout == LW_CONV_LAYOUT_NCHW) {
        execute(problem, arrays, workspace);
        return;
    }
    const uintptr_t address = (uintptr_t)workspace;
    unsigned char *aligned =
        (unsigned char *)workspace + (lw_round_up(address, LW_ALIGNMENT) - address);
    const size_t x_bytes = plane_bytes(&problem->x, problem->sizes.shape.n);
    float *x = (float *)(void *)aligned, *y = (float *)(void *)(aligned + x_bytes);
    lw_conv_arrays planes = *arrays;
    fetch(problem, &problem->x, &planes.x, x);
    fetch(problem, &problem->y, &planes.dy, y);
    if (planes.dx) planes.dx = x;
    if (planes.y) planes.y = y;
    execute(problem, &planes, aligned + x_bytes + plane_bytes(&problem->y, problem->sizes.shape.n));
    store(problem, &problem->x, arrays->dx, x);
    store(problem, &problem->y, arrays->y, y);
}
