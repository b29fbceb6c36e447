// SPDX-License-Identifier: Apache-2.0
// The memory of a group of images on one thread.
#include "base/error.h"
#include "nn/engine.h"

#include <stdlib.h>
#include <string.h>

// A stage whose convolution runs on plain arrays.
typedef struct plain_slots {
    lw_arena_slot x, y, weights, dweights, dbias, workspace;
} plain_slots;

// Offsets into the arena, of a map and of the stage that reads it.
typedef struct map_slots {
    lw_arena_slot values, gradients, planes, winners, dense;
    plain_slots plain;
} map_slots;

typedef struct lw_workspace_book {
    lw_arena_slot scratch, winograd;
    map_slots maps[];
} lw_workspace_book;

static void book_plain(lw_arena *arena, const lw_stage *stage, plain_slots *at)
{
    const lw_plain_stage *plain = stage->plain;
    at->x = lw_arena_book(arena, plain->x_floats, sizeof(float));
    at->y = lw_arena_book(arena, plain->y_floats, sizeof(float));
    at->weights = lw_arena_book(arena, plain->weights_floats, sizeof(float));
    at->dweights = lw_arena_book(arena, plain->weights_floats, sizeof(float));
    at->dbias = lw_arena_book(arena, (size_t)stage->conv.oc, sizeof(float));
    at->workspace = lw_arena_book(arena, plain->workspace_bytes, 1);
}

static void bind_plain(const lw_arena *arena, const plain_slots *at, lw_plain_buffers *buffers)
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

static void book_slots(lw_workspace *workspace)
{
    // None of the products overflows: maps, and with them planes and winners, have less than 2^31
    // floats.
    const lw_plan *plan = workspace->plan;
    const bool training = workspace->training;
    const size_t images = (size_t)plan->group;
    lw_arena *arena = &workspace->arena;
    lw_workspace_book *book = workspace->book;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        size_t floats = images * (size_t)plan->maps[i].image;
        book->maps[i].values = lw_arena_book(arena, floats, sizeof(float));
        if (training && i > 0)
            book->maps[i].gradients = lw_arena_book(arena, floats, sizeof(float));
    }
    for (size_t i = 0; i < plan->n_stages; i++) {
        const lw_stage *stage = &plan->stages[i];
        map_slots *at = &book->maps[i];
        at->planes = lw_arena_book(arena, images * stage->planes, sizeof(lw_planes));
        at->winners = lw_arena_book(arena, images * stage->winner_floats, sizeof(float));
        if (stage->plain) book_plain(arena, stage, &at->plain);
        if (training && stage->dense_data)
            at->dense = lw_arena_book(arena, stage->dense_data->workspace_bytes, 1);
    }
    book->scratch = lw_arena_book(arena, training ? plan->scratch_bytes : 0, 1);
    book->winograd = lw_arena_book(arena, plan->winograd_bytes, 1);
}

// Every address is set anew: the plan before may have had other stages on other algorithms.
static void bind_slots(lw_workspace *workspace)
{
    const lw_plan *plan = workspace->plan;
    const bool training = workspace->training;
    const lw_arena *arena = &workspace->arena;
    const lw_workspace_book *book = workspace->book;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        const map_slots *at = &book->maps[i];
        const lw_stage *stage = i < plan->n_stages ? &plan->stages[i] : NULL;
        const bool dense = stage && training && stage->dense_data;
        workspace->values[i] = lw_arena_at(arena, at->values);
        workspace->gradients[i] = training && i > 0 ? lw_arena_at(arena, at->gradients) : NULL;
        workspace->planes[i] = stage && stage->planes ? lw_arena_at(arena, at->planes) : NULL;
        workspace->winners[i] =
            stage && stage->winner_floats ? lw_arena_at(arena, at->winners) : NULL;
        workspace->plain[i] = (lw_plain_buffers){0};
        if (stage && stage->plain) bind_plain(arena, &at->plain, &workspace->plain[i]);
        workspace->dense[i] = (lw_dense_buffers){
            .workspace = dense ? lw_arena_at(arena, at->dense) : NULL,
        };
    }
    workspace->scratch = lw_arena_at(arena, book->scratch);
    workspace->winograd = lw_arena_at(arena, book->winograd);
    workspace->clean_images = 0;
}

// Halos and padded channels are zero from here on, as nobody writes them. A slot at a time, when it is
// first used: where every image has another size, most groups are a single one.
static void clean_slot(lw_workspace *workspace, int32_t slot)
{
    const lw_plan *plan = workspace->plan;
    for (size_t i = 0; i <= plan->n_stages; i++) {
        const int64_t floats = plan->maps[i].image;
        memset(workspace->values[i] + slot * floats, 0, (size_t)floats * sizeof(float));
        if (workspace->gradients[i])
            memset(workspace->gradients[i] + slot * floats, 0, (size_t)floats * sizeof(float));
    }
}

static void clean_slots(lw_workspace *workspace, int32_t slot)
{
    while (workspace->clean_images <= slot) clean_slot(workspace, workspace->clean_images++);
}

static void free_arrays(lw_workspace *workspace)
{
    free(workspace->values);
    free(workspace->gradients);
    free(workspace->planes);
    free(workspace->winners);
    free(workspace->plain);
    free(workspace->dense);
    free(workspace->book);
}

// Plans of one network have as many maps, so this happens once.
static lw_status grow_arrays(lw_workspace *workspace, size_t n)
{
    if (n <= workspace->capacity) return LW_OK;
    free_arrays(workspace);
    workspace->capacity = 0;
    workspace->values = calloc(n, sizeof *workspace->values);
    workspace->gradients = calloc(n, sizeof *workspace->gradients);
    workspace->planes = calloc(n, sizeof *workspace->planes);
    workspace->winners = calloc(n, sizeof *workspace->winners);
    workspace->plain = calloc(n, sizeof *workspace->plain);
    workspace->dense = calloc(n, sizeof *workspace->dense);
    workspace->book = calloc(1, sizeof *workspace->book + n * sizeof *workspace->book->maps);
    if (!workspace->values || !workspace->gradients || !workspace->planes || !workspace->winners ||
        !workspace->plain || !workspace->dense || !workspace->book)
        return lw_fail(LW_ERROR_MEMORY, "no memory for a workspace of %zu maps", n);
    workspace->capacity = n;
    return LW_OK;
}

lw_status lw_workspace_create(lw_workspace **workspace, bool training)
{
    *workspace = calloc(1, sizeof **workspace);
    if (!*workspace) return lw_fail(LW_ERROR_MEMORY, "no memory for a workspace");
    (*workspace)->training = training;
    return LW_OK;
}

lw_status lw_workspace_assign(lw_workspace *workspace, const lw_plan *plan)
{
    workspace->plan = NULL;
    LW_TRY(grow_arrays(workspace, plan->n_stages + 1));
    workspace->plan = plan;
    lw_arena_reset(&workspace->arena);
    book_slots(workspace);
    lw_status status = lw_arena_allocate(&workspace->arena, "activations of a group of images");
    if (status)
        workspace->plan = NULL;
    else
        bind_slots(workspace);
    return status;
}

void lw_workspace_destroy(lw_workspace **workspace)
{
    if (!workspace || !*workspace) return;
    lw_arena_free(&(*workspace)->arena);
    free_arrays(*workspace);
    free(*workspace);
    *workspace = NULL;
}

void lw_workspace_join(lw_workspace *member, lw_workspace *leader)
{
    const lw_plan *plan = leader->plan;
    clean_slots(leader, plan->group - 1);
    if (!member) return;
    const size_t n = plan->n_stages + 1;
    memcpy(member->values, leader->values, n * sizeof *member->values);
    memcpy(member->gradients, leader->gradients, n * sizeof *member->gradients);
    memcpy(member->planes, leader->planes, n * sizeof *member->planes);
    memcpy(member->winners, leader->winners, n * sizeof *member->winners);
    member->clean_images = plan->group;
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
    clean_slots(workspace, slot);
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
    clean_slots(workspace, slot);
    float *to = workspace->values[0] + slot * map->image + map->origin;
    for (int32_t c = 0; c < map->extent.channels; c++)
        for (int32_t h = 0; h < map->height; h++) {
            const float *from = image + ((int64_t)c * map->extent.height + h) * map->extent.width;
            float *row = to + h * map->row + c;
            for (int32_t w = 0; w < map->width; w++) row[w * map->pixel] = from[w];
        }
}
