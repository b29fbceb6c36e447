// SPDX-License-Identifier: Apache-2.0
// The memory of a group of images on one thread.
#include "base/error.h"
#include "nn/engine.h"

#include <stdlib.h>
#include <string.h>

// Offsets into the arena while it is planned.
typedef struct slots {
    lw_arena_slot *values, *gradients, *planes, *winners, *dense, scratch, winograd;
    struct plain_slots *plain;
} slots;

// The same for a stage whose convolution runs on plain arrays.
struct plain_slots {
    lw_arena_slot x, y, weights, dweights, dbias, workspace;
};

static void book_plain(lw_arena *arena, const lw_stage *stage, struct plain_slots *at)
{
    const lw_plain_stage *plain = stage->plain;
    at->x = lw_arena_book(arena, plain->x_floats, sizeof(float));
    at->y = lw_arena_book(arena, plain->y_floats, sizeof(float));
    at->weights = lw_arena_book(arena, plain->weights_floats, sizeof(float));
    at->dweights = lw_arena_book(arena, plain->weights_floats, sizeof(float));
    at->dbias = lw_arena_book(arena, (size_t)stage->conv.oc, sizeof(float));
    at->workspace = lw_arena_book(arena, plain->workspace_bytes, 1);
}

static void bind_plain(const lw_arena *arena, const struct plain_slots *at,
                       lw_plain_buffers *buffers)
{
    *buffers = (lw_plain_buffers){
        .x = lw_arena_at(arena, at->x),
        .y = lw_arena_at(arena, at->y),
        .weights = lw_arena_at(arena, at->weights),
        .dweights = lw_arena_at(arena, at->dweights),
        .dbias = lw_arena_at(arena, at->dbias),
        .workspace = lw_arena_at(arena, at->workspace),
    };
}

static void book_slots(lw_arena *arena, const lw_plan *plan, bool training, slots *at)
{
    // None of the products overflows: maps, and with them planes and winners, have less than 2^31
    // floats.
    const size_t images = (size_t)plan->group;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        size_t floats = images * (size_t)plan->maps[i].image;
        at->values[i] = lw_arena_book(arena, floats, sizeof(float));
        if (training && i > 0) at->gradients[i] = lw_arena_book(arena, floats, sizeof(float));
    }
    for (size_t i = 0; i < plan->n_stages; i++) {
        const lw_stage *stage = &plan->stages[i];
        at->planes[i] = lw_arena_book(arena, images * stage->planes, sizeof(lw_planes));
        at->winners[i] = lw_arena_book(arena, images * stage->winner_floats, sizeof(float));
        if (plan->stages[i].plain) book_plain(arena, &plan->stages[i], &at->plain[i]);
        if (training && stage->dense_data)
            at->dense[i] = lw_arena_book(arena, stage->dense_data->workspace_bytes, 1);
    }
    at->scratch = lw_arena_book(arena, training ? plan->scratch_bytes : 0, 1);
    at->winograd = lw_arena_book(arena, plan->winograd_bytes, 1);
}

static void bind_slots(lw_workspace *workspace, bool training, const slots *at)
{
    const lw_plan *plan = workspace->plan;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        // Halos and padded channels are zero from here on: nobody writes them.
        size_t bytes = (size_t)plan->group * (size_t)plan->maps[i].image * sizeof(float);
        workspace->values[i] = lw_arena_at(&workspace->arena, at->values[i]);
        memset(workspace->values[i], 0, bytes);
        if (training && i > 0) {
            workspace->gradients[i] = lw_arena_at(&workspace->arena, at->gradients[i]);
            memset(workspace->gradients[i], 0, bytes);
        }
    }
    for (size_t i = 0; i < plan->n_stages; i++) {
        if (plan->stages[i].planes)
            workspace->planes[i] = lw_arena_at(&workspace->arena, at->planes[i]);
        if (plan->stages[i].winner_floats)
            workspace->winners[i] = lw_arena_at(&workspace->arena, at->winners[i]);
        if (plan->stages[i].plain)
            bind_plain(&workspace->arena, &at->plain[i], &workspace->plain[i]);
        if (training && plan->stages[i].dense_data)
            workspace->dense[i].workspace = lw_arena_at(&workspace->arena, at->dense[i]);
    }
    workspace->scratch = lw_arena_at(&workspace->arena, at->scratch);
    workspace->winograd = lw_arena_at(&workspace->arena, at->winograd);
}

static lw_status fill_workspace(lw_workspace *workspace, bool training)
{
    size_t n = workspace->plan->n_stages + 1;
    workspace->values = calloc(n, sizeof *workspace->values);
    workspace->gradients = calloc(n, sizeof *workspace->gradients);
    workspace->planes = calloc(n, sizeof *workspace->planes);
    workspace->winners = calloc(n, sizeof *workspace->winners);
    workspace->plain = calloc(n, sizeof *workspace->plain);
    workspace->dense = calloc(n, sizeof *workspace->dense);
    lw_arena_slot *book = calloc(5 * n, sizeof *book);
    struct plain_slots *plain = calloc(n, sizeof *plain);
    if (!workspace->values || !workspace->gradients || !workspace->planes || !workspace->winners ||
        !workspace->plain || !workspace->dense || !book || !plain) {
        free(book);
        free(plain);
        return lw_fail(LW_ERROR_MEMORY, "no memory for a workspace of %zu maps", n);
    }
    slots at = {.values = book,
                .gradients = book + n,
                .planes = book + 2 * n,
                .winners = book + 3 * n,
                .dense = book + 4 * n,
                .plain = plain};
    book_slots(&workspace->arena, workspace->plan, training, &at);
    lw_status status = lw_arena_allocate(&workspace->arena, "activations of a group of images");
    if (!status) bind_slots(workspace, training, &at);
    free(book);
    free(plain);
    return status;
}

lw_status lw_workspace_create(lw_workspace **workspace, const lw_plan *plan, bool training)
{
    *workspace = NULL;
    lw_workspace *made = calloc(1, sizeof *made);
    if (!made) return lw_fail(LW_ERROR_MEMORY, "no memory for a workspace");
    made->plan = plan;
    lw_status status = fill_workspace(made, training);
    if (status) lw_workspace_destroy(&made);
    *workspace = made;
    return status;
}

void lw_workspace_destroy(lw_workspace **workspace)
{
    if (!workspace || !*workspace) return;
    lw_arena_free(&(*workspace)->arena);
    free((*workspace)->values);
    free((*workspace)->gradients);
    free((*workspace)->planes);
    free((*workspace)->winners);
    free((*workspace)->plain);
    free((*workspace)->dense);
    free(*workspace);
    *workspace = NULL;
}

// A row of one channel; the compiler makes vectors of it.
static void convert_row(const uint8_t *from, int32_t width, lw_levels levels, float *restrict row)
{
    for (int32_t w = 0; w < width; w++) row[w] = (float)from[w] * levels.scale + levels.offset;
}

void lw_workspace_load_bytes(lw_workspace *workspace, int32_t slot, const uint8_t *pixels,
                             const lw_levels *levels)
{
    const lw_map *map = &workspace->plan->maps[0];
    const int32_t channels = map->extent.channels;
    float *image = workspace->values[0] + slot * map->image + map->origin;
    for (int32_t h = 0; h < map->height; h++) {
        const uint8_t *from = pixels + (int64_t)h * map->extent.width * channels;
        float *row = image + h * map->row;
        if (channels == 1 && map->pixel == 1)
            convert_row(from, map->width, levels[0], row);
        else
            for (int32_t w = 0; w < map->width; w++)
                for (int32_t c = 0; c < channels; c++)
                    row[w * map->pixel + c] = (float)*from++ * levels[c].scale + levels[c].offset;
    }
}

void lw_workspace_load_floats(lw_workspace *workspace, int32_t slot, const float *image)
{
    const lw_map *map = &workspace->plan->maps[0];
    float *to = workspace->values[0] + slot * map->image + map->origin;
    for (int32_t c = 0; c < map->extent.channels; c++)
        for (int32_t h = 0; h < map->height; h++) {
            const float *from = image + ((int64_t)c * map->extent.height + h) * map->extent.width;
            float *row = to + h * map->row + c;
            for (int32_t w = 0; w < map->width; w++) row[w * map->pixel] = from[w];
        }
}
