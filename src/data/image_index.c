// SPDX-License-Identifier: Apache-2.0
// From the names of files to classes and parts.
#include "data/image_index.h"

#include "base/error.h"
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// A piece of a path: a name that is not terminated.
typedef struct piece {
    const char *bytes;
    size_t length;
} piece;

typedef struct classifier {
    lw_image_index *index;
    lw_tree *tree;
    piece *classes; // sorted once all are known
    size_t n_classes, capacity;
    size_t counts[LW_N_PARTS]; // images
    bool seen[LW_N_PARTS];     // there is such a folder
    void (*report)(void *user, const char *sentence);
    void *user;
} classifier;

static piece first_piece(const char *path)
{
    return (piece){path, strcspn(path, "/")};
}

static bool piece_is(piece name, const char *word)
{
    return strlen(word) == name.length && memcmp(name.bytes, word, name.length) == 0;
}

static int compare_pieces(const void *a, const void *b)
{
    const piece *left = a, *right = b;
    size_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->bytes, right->bytes, shorter);
    if (order) return order;
    return (left->length > right->length) - (left->length < right->length);
}

// The part that a folder's name stands for; -1: none.
static int part_of(piece name)
{
    static const struct {
        const char *word;
        int part;
    } words[] = {{"train", LW_PART_TRAIN},
                 {"val", LW_PART_VALIDATION},
                 {"valid", LW_PART_VALIDATION},
                 {"validation", LW_PART_VALIDATION},
                 {"test", LW_PART_TEST}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (piece_is(name, words[i].word)) return words[i].part;
    return -1;
}

// A folder "train" can be a class of vehicles. It is the training part when there are folders in it,
// or when nothing but parts lies beside it.
static bool find_parts(const lw_tree *tree)
{
    bool train = false, folders_in_train = false, other_folders = false;
    for (size_t i = 0; i < tree->count; i++) {
        const char *name = lw_tree_name(tree, i);
        piece top = first_piece(name);
        bool below = name[top.length] == '/';
        if (!below && !tree->entries[i].folder) continue;
        if (part_of(top) < 0) other_folders = true;
        if (part_of(top) != LW_PART_TRAIN) continue;
        train = true;
        if (below && (tree->entries[i].folder || strchr(name + top.length + 1, '/')))
            folders_in_train = true;
    }
    return folders_in_train || (train && !other_folders);
}

// Whether a file that lies where none is looked for was meant as an image.
static bool looks_like_image(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);
        if (length >= n && strcasecmp(name + length - n, endings[i]) == 0) return true;
    }
    return false;
}

// Where an entry belongs. *rest is the path from the class on; false: it belongs nowhere.
static bool locate(classifier *state, const char *name, int *part, const char **rest)
{
    *part = LW_PART_TRAIN;
    *rest = name;
    if (!state->index->has_parts) return true;
    piece top = first_piece(name);
    *part = part_of(top);
    if (*part < 0) return false;
    state->seen[*part] = true;
    *rest = name + top.length + (name[top.length] == '/');
    return true;
}

static lw_status fail_memory(const classifier *state)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its classes", state->tree->root);
}

static lw_status add_class(classifier *state, piece name)
{
    if (state->n_classes > 0 && compare_pieces(&state->classes[state->n_classes - 1], &name) == 0)
        return LW_OK;
    if (state->n_classes == state->capacity) {
        state->capacity = state->capacity ? 2 * state->capacity : 64;
        piece *grown = realloc(state->classes, state->capacity * sizeof *grown);
        if (!grown) return fail_memory(state);
        state->classes = grown;
    }
    state->classes[state->n_classes++] = name;
    return LW_OK;
}

// The classes are those of the training part.
static lw_status collect_classes(classifier *state)
{
    for (size_t i = 0; i < state->tree->count; i++) {
        const char *rest;
        int part;
        bool placed = locate(state, lw_tree_name(state->tree, i), &part, &rest);
        if (!placed || part != LW_PART_TRAIN || !*rest) continue;
        piece name = first_piece(rest);
        if (state->tree->entries[i].folder || rest[name.length] == '/')
            LW_TRY(add_class(state, name));
    }
    if (state->n_classes == 0) return LW_OK;
    qsort(state->classes, state->n_classes, sizeof *state->classes, compare_pieces);
    size_t kept = 1;
    for (size_t i = 1; i < state->n_classes; i++)
        if (compare_pieces(&state->classes[kept - 1], &state->classes[i]) != 0)
            state->classes[kept++] = state->classes[i];
    state->n_classes = kept;
    return LW_OK;
}

static lw_status fail_no_classes(const classifier *state)
{
    lw_text shown = {0};
    const char *root = lw_tree_show(&shown, state->tree, state->index->has_parts ? "train" : "");
    size_t files = 0;
    for (size_t i = 0; i < state->tree->count; i++) files += !state->tree->entries[i].folder;
    if (state->tree->count == 0 && state->tree->problems.count > 0)
        lw_data_problems_fail(&state->tree->problems);
    else if (files == 0)
        lw_fail(
            LW_ERROR_INPUT,
            "%s: expected a folder for each class with images in it (or the four IDX files of a "
            "data set), found nothing",
            root);
    else
        lw_fail(
            LW_ERROR_INPUT,
            "%s: expected a folder for each class with images in it (or the four IDX files of a "
            "data set), found %zu file%s and no folder",
            root, files, files == 1 ? "" : "s");
    lw_text_free(&shown);
    return LW_ERROR_INPUT;
}

static lw_status name_classes(classifier *state)
{
    lw_image_index *index = state->index;
    if (state->n_classes > LW_DATASET_MOST_CLASSES)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d classes, got %zu",
                       state->tree->root, LW_DATASET_MOST_CLASSES, state->n_classes);
    index->classes = (int32_t)state->n_classes;
    index->class_names = calloc(state->n_classes, sizeof *index->class_names);
    if (!index->class_names) return fail_memory(state);
    for (size_t i = 0; i < state->n_classes; i++) {
        index->class_names[i] = index->texts.length;
        lw_text_append_escaped(&index->texts, state->classes[i].bytes, state->classes[i].length);
        lw_text_append(&index->texts, "", 1);
    }
    return index->texts.failed ? fail_memory(state) : LW_OK;
}

static lw_status take_file(classifier *state, size_t entry, int part, const char *rest)
{
    lw_image_index *index = state->index;
    const char *name = lw_tree_name(state->tree, entry);
    piece class_name = first_piece(rest);
    if (rest[class_name.length] != '/') {
        if (!looks_like_image(rest)) return LW_OK; // a manifest, a licence
        return lw_tree_complain(state->tree, name, 0, LW_ERROR_INPUT,
                                "it lies beside the folders of the classes, so it has no class");
    }
    const piece *found =
        bsearch(&class_name, state->classes, state->n_classes, sizeof class_name, compare_pieces);
    if (!found)
        return lw_tree_complain(state->tree, name, 0, LW_ERROR_INPUT,
                                "the training images have no such class");
    lw_image_item *item = &index->items[index->count++];
    *item = (lw_image_item){.name = index->texts.length,
                            .entry = entry,
                            .label = (int32_t)(found - state->classes),
                            .part = part};
    lw_text_append_escaped(&index->texts, name, strlen(name));
    lw_text_append(&index->texts, "", 1);
    state->counts[part]++;
    return LW_OK;
}

// A folder beside train, val and test is passed over, but not in silence.
static void note_stranger(classifier *state, size_t entry)
{
    const char *name = lw_tree_name(state->tree, entry);
    if (!state->report || !state->tree->entries[entry].folder || strchr(name, '/')) return;
    lw_text shown = {0};
    lw_tree_show(&shown, state->tree, name);
    lw_text_print(&shown, ": passed over, as it is none of train, val and test");
    if (!shown.failed) state->report(state->user, shown.bytes);
    lw_text_free(&shown);
}

static lw_status take_files(classifier *state)
{
    lw_tree *tree = state->tree;
    state->index->items = calloc(tree->count, sizeof *state->index->items);
    if (!state->index->items) return fail_memory(state);
    for (size_t i = 0; i < tree->count; i++) {
        const char *rest, *name = lw_tree_name(tree, i);
        int part;
        bool placed = locate(state, name, &part, &rest);
        if (!placed && !strchr(name, '/') && !tree->entries[i].folder && looks_like_image(name))
            LW_TRY(lw_tree_complain(tree, name, 0, LW_ERROR_INPUT,
                                    "it lies beside train, val and test, so it has no class"));
        if (!placed) note_stranger(state, i);
        if (placed && *rest && !tree->entries[i].folder) LW_TRY(take_file(state, i, part, rest));
    }
    return state->index->texts.failed ? fail_memory(state) : LW_OK;
}

// Every class has to be in every part: with none to learn from or none to test on, figures mislead.
static lw_status check_classes(classifier *state)
{
    static const char *const words[] = {"training", "validation", "test"};
    lw_image_index *index = state->index;
    size_t *counts = calloc((size_t)index->classes * LW_N_PARTS, sizeof *counts);
    if (!counts) return fail_memory(state);
    for (size_t i = 0; i < index->count; i++)
        counts[index->items[i].label * LW_N_PARTS + index->items[i].part]++;
    lw_status status = LW_OK;
    for (int part = 0; part < LW_N_PARTS && !status; part++) {
        if (part != LW_PART_TRAIN && state->seen[part] && state->counts[part] == 0)
            status = lw_tree_complain(state->tree, "", 0, LW_ERROR_INPUT,
                                      "its %s folder has no images", words[part]);
        if (part != LW_PART_TRAIN && state->counts[part] == 0) continue;
        for (int32_t label = 0; label < index->classes && !status; label++)
            if (counts[label * LW_N_PARTS + part] == 0)
                status = lw_tree_complain(
                    state->tree, "", 0, LW_ERROR_INPUT, "the class %s has no %s images",
                    lw_image_index_text(index, index->class_names[label]), words[part]);
    }
    free(counts);
    return status;
}

static lw_status classify(classifier *state)
{
    state->index->has_parts = find_parts(state->tree);
    LW_TRY(collect_classes(state));
    if (state->n_classes == 0) return fail_no_classes(state);
    LW_TRY(name_classes(state));
    LW_TRY(take_files(state));
    return check_classes(state);
}

lw_status lw_image_index_classify(lw_image_index *index, lw_tree *tree,
                                  void (*report)(void *user, const char *sentence), void *user)
{
    *index = (lw_image_index){.count = 0};
    classifier state = {.index = index, .tree = tree, .report = report, .user = user};
    lw_status status = classify(&state);
    free(state.classes);
    return status;
}

void lw_image_index_free(lw_image_index *index)
{
    free(index->items);
    free(index->class_names);
    lw_text_free(&index->texts);
    lw_data_problems_free(&index->problems);
    *index = (lw_image_index){.count = 0};
}
