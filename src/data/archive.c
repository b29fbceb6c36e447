// SPDX-License-Identifier: Apache-2.0
// Archives of image folders, through libarchive. The files stay in memory: nothing that an archive
// says about where it wants to be written is ever followed.
#include "base/error.h"
#include "data/tree.h"

#ifdef LW_HAVE_ARCHIVE

#include "data/archive_library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t most_member_bytes = (uint64_t)1 << 30;
enum { read_block_bytes = 1 << 16, most_members = 20000000 };

typedef struct reader {
    struct archive *archive;
    lw_tree *tree;
    uint64_t used_bytes, memory_bytes;
} reader;

static lw_status fail_damaged(const reader *state)
{
    const char *why = lw_archive.error_string(state->archive);
    return lw_fail(LW_ERROR_INPUT, "%s: the archive cannot be read: %s", state->tree->root,
                   why ? why : "it is damaged");
}

// The path below the root as plain as it can be said, without "." and doubled slashes, in place;
// NULL: it leads out.
static char *clean_path(char *path)
{
    if (path[0] == '/') return NULL;
    for (const char *at = path; at; at = strchr(at, '/')) {
        if (*at == '/') at++;
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return NULL;
    }
    char *to = path;
    for (const char *from = path; *from;) {
        const size_t length = strcspn(from, "/");
        if (length > 0 && !(length == 1 && *from == '.')) {
            if (to > path) *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length + (from[length] == '/');
    }
    *to = '\0';
    return path;
}

static bool ignores_path(const char *path)
{
    char part[256];
    while (*path) {
        size_t length = strcspn(path, "/");
        size_t kept = length < sizeof part ? length : sizeof part - 1;
        memcpy(part, path, kept);
        part[kept] = '\0';
        if (lw_tree_ignores(part)) return true;
        path += length + (path[length] == '/');
    }
    return false;
}

static lw_status fail_large(const reader *state)
{
    return lw_fail(
        LW_ERROR_INPUT,
        "%s: the archive unpacks to more than the %llu MiB of memory it may take; unpack "
        "it to a folder and give that",
        state->tree->root, (unsigned long long)(state->memory_bytes >> 20));
}

// Counts bytes that stay in memory. Names count like content: a compressed archive can hold millions
// of empty files in a few kilobytes.
static lw_status use_memory(reader *state, uint64_t bytes)
{
    if (bytes > state->memory_bytes - state->used_bytes) return fail_large(state);
    state->used_bytes += bytes;
    return LW_OK;
}

// A member's size is a claim until the bytes are there: memory grows with what has come. *entry may
// hold bytes also on failure. A file that is too large becomes a problem, and *entry stays empty.
static lw_status read_member(reader *state, const char *path, lw_tree_entry *entry)
{
    size_t capacity = 0, count = 0;
    for (;;) {
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : read_block_bytes;
            uint8_t *grown = realloc(entry->bytes, capacity);
            if (!grown)
                return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its files", state->tree->root);
            entry->bytes = grown;
        }
        la_ssize_t got =
            lw_archive.read_data(state->archive, entry->bytes + count, capacity - count);
        if (got < 0) return fail_damaged(state);
        if (got == 0) break;
        count += (size_t)got;
        if (count > state->memory_bytes - state->used_bytes) return fail_large(state);
        if (count > most_member_bytes) {
            free(entry->bytes);
            entry->bytes = NULL;
            return lw_tree_complain(state->tree, path, 0, LW_ERROR_INPUT,
                                    "expected at most 1 GiB, got more");
        }
    }
    // Most images are far smaller than the block.
    uint8_t *fitting = realloc(entry->bytes, count ? count : 1);
    if (fitting) entry->bytes = fitting;
    entry->file_bytes = count;
    return use_memory(state, count);
}

// What is passed over is unpacked all the same, which takes its time.
static lw_status pass_over(const reader *state, struct archive_entry *member)
{
    const bool large = lw_archive.entry_size_is_set(member) &&
                       (uint64_t)lw_archive.entry_size(member) > state->memory_bytes;
    return large ? fail_large(state) : LW_OK;
}

static lw_status take_member(reader *state, struct archive_entry *member, char *path)
{
    lw_tree *tree = state->tree;
    LW_TRY(use_memory(state, sizeof(lw_tree_entry) + strlen(path)));
    char *clean = clean_path(path);
    if (!clean)
        return lw_tree_complain(tree, path, 0, LW_ERROR_INPUT,
                                "a path in an archive must stay inside of it");
    if (!*clean || ignores_path(clean)) return pass_over(state, member);
    bool link = lw_archive.entry_hardlink(member) || lw_archive.entry_symlink(member);
    if (!link && lw_archive.entry_filetype(member) == AE_IFDIR)
        return lw_tree_add(tree, clean, &(lw_tree_entry){.folder = true});
    if (link || lw_archive.entry_filetype(member) != AE_IFREG) return pass_over(state, member);
    lw_tree_entry entry = {.bytes = NULL};
    lw_status status = read_member(state, clean, &entry);
    if (!status && entry.bytes) status = lw_tree_add(tree, clean, &entry);
    if (status) free(entry.bytes); // the tree has not taken them over
    return status;
}

// Names are bytes to us. In the "C" locale libarchive cannot always give them as they are.
static char *copy_path(struct archive_entry *member)
{
    const char *path = lw_archive.entry_pathname(member);
    if (!path) path = lw_archive.entry_pathname_utf8(member);
    return strdup(path ? path : "");
}

// A plain tar that was cut off between two files looks like a shorter one, but for the block of zeros
// that ends every tar. (What is compressed has its own ways to tell.)
static lw_status check_end(const reader *state)
{
    enum { block = 512 };
    bool plain_tar =
        (lw_archive.format(state->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
        lw_archive.filter_code(state->archive, 0) == ARCHIVE_FILTER_NONE;
    if (!plain_tar) return LW_OK;
    uint8_t end[block] = {1};
    FILE *file = fopen(state->tree->root, "rbe");
    bool read = file && fseek(file, -block, SEEK_END) == 0 && fread(end, block, 1, file) == 1;
    if (file) fclose(file);
    for (size_t i = 0; read && i < block; i++) read = end[i] == 0;
    if (read) return LW_OK;
    return lw_fail(LW_ERROR_INPUT, "%s: the archive has no end: it seems to be cut off",
                   state->tree->root);
}

static lw_status read_members(reader *state)
{
    for (;;) {
        struct archive_entry *member;
        int code = lw_archive.read_next_header(state->archive, &member);
        if (code == ARCHIVE_EOF) return check_end(state);
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return fail_damaged(state);
        if (state->tree->count >= most_members)
            return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d files", state->tree->root,
                           most_members);
        char *path = copy_path(member);
        if (!path) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for a name", state->tree->root);
        lw_status status = take_member(state, member, path);
        free(path);
        if (status) return status;
    }
}

// An archive may hold a file twice; the tree is sorted, so the two stand together.
static lw_status drop_duplicates(lw_tree *tree)
{
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++) {
        lw_tree_entry entry = tree->entries[i];
        bool same = kept > 0 && strcmp(lw_tree_name(tree, kept - 1), lw_tree_name(tree, i)) == 0;
        tree->entries[i].bytes = NULL; // every piece of memory has one owner at any time
        if (!same) {
            tree->entries[kept++] = entry;
            continue;
        }
        free(entry.bytes);
        if (!entry.folder)
            LW_TRY(lw_tree_complain(tree, lw_tree_name(tree, i), 0, LW_ERROR_INPUT,
                                    "it is in the archive twice"));
    }
    tree->count = kept;
    return LW_OK;
}

// Archives often hold one folder that everything is in: it is the root then, unless it looks like
// the only class or the training part.
static bool is_wrapped(const lw_tree *tree)
{
    if (tree->count == 0) return false;
    const char *first = lw_tree_name(tree, 0);
    size_t length = strcspn(first, "/");
    if (length == 5 && memcmp(first, "train", 5) == 0) return false;
    bool folders_below = false;
    for (size_t i = 0; i < tree->count; i++) {
        const char *name = lw_tree_name(tree, i);
        if (strncmp(name, first, length) != 0 || (name[length] != '/' && name[length] != '\0'))
            return false;
        if (name[length] == '\0' && !tree->entries[i].folder) return false;
        if (name[length] == '/' && (tree->entries[i].folder || strchr(name + length + 1, '/')))
            folders_below = true;
    }
    return folders_below;
}

static void unwrap(lw_tree *tree)
{
    if (!is_wrapped(tree)) return;
    size_t length = strcspn(lw_tree_name(tree, 0), "/"), kept = 0;
    for (size_t i = 0; i < tree->count; i++) {
        lw_tree_entry entry = tree->entries[i];
        if (lw_tree_name(tree, i)[length] == '\0') continue; // the wrapping itself
        entry.name += length + 1;
        tree->entries[kept++] = entry;
    }
    tree->count = kept;
}

static lw_status load_library(const char *path)
{
    char reason[512];
    lw_status status = lw_archive_load();
    if (!status) return LW_OK;
    snprintf(reason, sizeof reason, "%s", lw_error_message());
    return lw_fail(status, "%s: archives cannot be read: %s", path, reason);
}

lw_status lw_tree_read_archive(lw_tree *tree, const char *path, uint64_t memory_bytes)
{
    *tree = (lw_tree){.descriptor = -1, .root = strdup(path)};
    if (!tree->root) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its name", path);
    LW_TRY(load_library(path));
    reader state = {.archive = lw_archive.read_new(), .tree = tree, .memory_bytes = memory_bytes};
    if (!state.archive) return lw_fail(LW_ERROR_MEMORY, "%s: no memory to read it", path);
    lw_archive.read_support_format_zip(state.archive);
    lw_archive.read_support_format_tar(state.archive);
    lw_archive.read_support_filter_gzip(state.archive);
    lw_archive.read_support_filter_bzip2(state.archive);
    lw_archive.read_support_filter_xz(state.archive);
    lw_archive.read_set_option(state.archive, "tar", "hdrcharset", "BINARY");
    lw_status status = LW_OK;
    if (lw_archive.read_open_filename(state.archive, path, read_block_bytes) != ARCHIVE_OK)
        status = fail_damaged(&state);
    if (!status) status = read_members(&state);
    lw_archive.read_free(state.archive);
    if (!status) status = lw_tree_sort(tree);
    if (!status) status = drop_duplicates(tree);
    if (!status) unwrap(tree);
    return status;
}

#else // no libarchive

#include <string.h>

lw_status lw_tree_read_archive(lw_tree *tree, const char *path, uint64_t memory_bytes)
{
    (void)memory_bytes;
    *tree = (lw_tree){.descriptor = -1};
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "%s: this build cannot read archives (built without libarchive)", path);
}

#endif
