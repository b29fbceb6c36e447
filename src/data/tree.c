// SPDX-License-Identifier: Apache-2.0
// Trees of files, and the walk through a folder that fills one.
#include "data/tree.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { most_depth = 32 };

lw_status lw_tree_add(lw_tree *tree, const char *name, const lw_tree_entry *entry)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? 2 * tree->capacity : 256;
        lw_tree_entry *grown = realloc(tree->entries, capacity * sizeof *grown);
        if (!grown)
            return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu names", tree->root, capacity);
        tree->entries = grown;
        tree->capacity = capacity;
    }
    lw_tree_entry *added = &tree->entries[tree->count];
    *added = *entry;
    added->name = tree->names.length;
    lw_text_append(&tree->names, name, strlen(name) + 1);
    if (tree->names.failed)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu names", tree->root, tree->count);
    tree->count++;
    return LW_OK;
}

const char *lw_tree_show(lw_text *text, const lw_tree *tree, const char *name)
{
    text->length = 0;
    lw_text_append_escaped(text, tree->root, strlen(tree->root));
    if (*name) {
        lw_text_append(text, "/", 1);
        lw_text_append_escaped(text, name, strlen(name));
    }
    return text->failed ? "?" : text->bytes;
}

lw_status lw_tree_complain(lw_tree *tree, const char *name, uint64_t place, lw_status status,
                           const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    lw_text text = {0};
    lw_tree_show(&text, tree, name);
    lw_text_print(&text, ": %s", reason);
    lw_status added = text.failed
                          ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for a sentence", tree->root)
                          : lw_data_problems_add(&tree->problems, place, status, text.bytes);
    lw_text_free(&text);
    return added;
}

// qsort has no context, so it sorts pairs of a name and the entry that it belongs to.
typedef struct named_entry {
    const char *name;
    lw_tree_entry entry;
} named_entry;

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const named_entry *)a)->name, ((const named_entry *)b)->name);
}

lw_status lw_tree_sort(lw_tree *tree)
{
    if (tree->count < 2) return LW_OK;
    named_entry *pairs = malloc(tree->count * sizeof *pairs);
    if (!pairs)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu names", tree->root, tree->count);
    for (size_t i = 0; i < tree->count; i++)
        pairs[i] = (named_entry){lw_tree_name(tree, i), tree->entries[i]};
    qsort(pairs, tree->count, sizeof *pairs, compare_names);
    for (size_t i = 0; i < tree->count; i++) tree->entries[i] = pairs[i].entry;
    free(pairs);
    return LW_OK;
}

bool lw_tree_ignores(const char *name)
{
    static const char *const droppings[] = {"__MACOSX", "Thumbs.db", "desktop.ini"};
    for (size_t i = 0; i < sizeof droppings / sizeof droppings[0]; i++)
        if (strcmp(name, droppings[i]) == 0) return true;
    return name[0] == '.';
}

void lw_tree_free(lw_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) free(tree->entries[i].bytes);
    free(tree->entries);
    lw_text_free(&tree->names);
    lw_data_problems_free(&tree->problems);
    if (tree->descriptor >= 0) close(tree->descriptor);
    free(tree->root);
    *tree = (lw_tree){.descriptor = -1};
}

// ---- the walk -----------------------------------------------------------------------------------

// The folders from the root to the present one: a link that leads to one of them would never end.
typedef struct walk {
    lw_tree *tree;
    lw_text path; // of the present folder, with a slash at the end; "" at the root
    struct {
        dev_t device;
        ino_t number;
    } above[most_depth];
    int depth;
} walk;

static lw_status walk_folder(walk *state, int descriptor);

static bool is_above(const walk *state, const struct stat *info)
{
    for (int i = 0; i < state->depth; i++)
        if (state->above[i].device == info->st_dev && state->above[i].number == info->st_ino)
            return true;
    return false;
}

static lw_status enter_folder(walk *state, int parent, const char *name, const struct stat *info)
{
    const char *path = state->path.bytes;
    if (is_above(state, info))
        return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT,
                                "this link leads back to a folder above it");
    if (state->depth == most_depth)
        return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT,
                                "expected at most %d folders inside each other", most_depth);
    LW_TRY(lw_tree_add(state->tree, path, &(lw_tree_entry){.folder = true}));
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT, "cannot look into it: %s",
                                strerror(errno));
    state->above[state->depth].device = info->st_dev;
    state->above[state->depth++].number = info->st_ino;
    lw_text_append(&state->path, "/", 1);
    lw_status status = walk_folder(state, descriptor);
    state->depth--;
    return status;
}

static lw_status take_entry(walk *state, int parent, const char *name)
{
    const char *path = state->path.bytes;
    struct stat info;
    if (fstatat(parent, name, &info, 0) != 0)
        return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT, "cannot look at it: %s",
                                strerror(errno));
    if (S_ISDIR(info.st_mode)) return enter_folder(state, parent, name, &info);
    if (!S_ISREG(info.st_mode))
        return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT,
                                "expected a file, got a device or a pipe");
    lw_tree_entry entry = {.file_bytes = (uint64_t)info.st_size,
                           .modified_ns =
                               (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
    return lw_tree_add(state->tree, path, &entry);
}

// Takes over the descriptor.
static lw_status walk_folder(walk *state, int descriptor)
{
    DIR *directory = fdopendir(descriptor);
    if (!directory) {
        close(descriptor);
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory to look into it", state->tree->root);
    }
    lw_status status = LW_OK;
    size_t length = state->path.length;
    const struct dirent *entry;
    errno = 0;
    while (!status && (entry = readdir(directory))) {
        if (!lw_tree_ignores(entry->d_name)) {
            state->path.length = length;
            lw_text_append(&state->path, entry->d_name, strlen(entry->d_name));
            status = state->path.failed
                         ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for a name", state->tree->root)
                         : take_entry(state, descriptor, entry->d_name);
        }
        errno = 0;
    }
    if (!status && errno != 0) {
        int code = errno;
        state->path.length = length;
        lw_text_append(&state->path, "", 0);
        status = lw_tree_complain(state->tree, state->path.bytes, 0, LW_ERROR_INPUT,
                                  "cannot look into it: %s", strerror(code));
    }
    closedir(directory);
    return status;
}

lw_status lw_tree_scan(lw_tree *tree, const char *path)
{
    *tree = (lw_tree){.descriptor = -1, .root = strdup(path)};
    if (!tree->root) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its name", path);
    size_t length = strlen(path);
    while (length > 1 && tree->root[length - 1] == '/') tree->root[--length] = '\0';
    struct stat info;
    tree->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int own = tree->descriptor < 0
                  ? -1
                  : openat(tree->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0 || fstat(own, &info) != 0) {
        int code = errno;
        if (own >= 0) close(own);
        return lw_fail(code == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO,
                       "%s: cannot look into the folder: %s", path, strerror(code));
    }
    walk state = {.tree = tree, .depth = 1};
    state.above[0].device = info.st_dev;
    state.above[0].number = info.st_ino;
    lw_text_append(&state.path, "", 0);
    lw_status status = walk_folder(&state, own);
    lw_text_free(&state.path);
    return status ? status : lw_tree_sort(tree);
}
