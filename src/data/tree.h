// SPDX-License-Identifier: Apache-2.0
// The files below a folder or inside an archive, in the order of their names. Nothing is known yet of
// what they mean.
#ifndef LW_DATA_TREE_H
#define LW_DATA_TREE_H

#include "base/text.h"
#include "data/problems.h"

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A file or folder. Its name is a path below the root, "train/7/a.png", in the bytes of the file
// system, whatever they are.
typedef struct lw_tree_entry {
    size_t name;         // offset in the names
    uint64_t file_bytes; // 0 for a folder
    int64_t modified_ns;
    uint8_t *bytes; // of a member of an archive; NULL: on disk
    bool folder;
} lw_tree_entry;

typedef struct lw_tree {
    char *root;     // as the user wrote it, for messages; owned
    int descriptor; // of the folder; -1: an archive
    lw_tree_entry *entries;
    size_t count, capacity;
    lw_text names; // zero-terminated, one after the other
    lw_data_problems problems;
} lw_tree;

// Looks through a folder and everything below it. Links are followed; hidden files (".x") and the
// droppings of file managers are left out. What cannot be looked at becomes a problem of the tree.
// LW_ERROR_NOT_FOUND, LW_ERROR_IO (the folder itself), LW_ERROR_MEMORY. *tree is to be freed in any
// case.
lw_status lw_tree_scan(lw_tree *tree, const char *path);

// Reads an archive (zip, tar, compressed tar) of at most `memory_bytes` of files into memory. Links
// in it are left out; a path that leads out of it is a problem. LW_ERROR_INPUT: no archive, or a
// damaged one; LW_ERROR_UNSUPPORTED: a build without libarchive.
lw_status lw_tree_read_archive(lw_tree *tree, const char *path, uint64_t memory_bytes);

static inline const char *lw_tree_name(const lw_tree *tree, size_t index)
{
    return tree->names.bytes + tree->entries[index].name;
}

// The name of a file after the root's, fit to be printed, in `text` (which is emptied first).
const char *lw_tree_show(lw_text *text, const lw_tree *tree, const char *name);

// Adds "root/name: reason" to the tree's problems; the reason is formatted.
__attribute__((format(printf, 5, 6))) lw_status lw_tree_complain(lw_tree *tree, const char *name,
                                                                 uint64_t place, lw_status status,
                                                                 const char *format, ...);

// Appends an entry; for those who fill trees.
lw_status lw_tree_add(lw_tree *tree, const char *name, const lw_tree_entry *entry);
lw_status lw_tree_sort(lw_tree *tree);
// Whether a file or folder of that name (its last part) is left out silently.
bool lw_tree_ignores(const char *name);

void lw_tree_free(lw_tree *tree);

#endif
