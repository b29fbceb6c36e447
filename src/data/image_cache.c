// SPDX-License-Identifier: Apache-2.0
#include "data/image_cache.h"

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// The file: this header, the items, the offsets of the class names, the texts, the problems as texts
// too, and the pixels from a page of their own on. Numbers are in the order of the machine: the
// file never leaves it, and the word `order` says when it did.
typedef struct file_header {
    char magic[8];
    uint32_t version, order;
    uint64_t checksum; // of everything up to the pixels, with this field 0
    uint64_t fingerprint;
    uint64_t count, classes, n_problems;
    uint64_t text_bytes, problem_bytes; // problems are texts of their own, behind the others
    uint64_t pixel_offset, pixel_bytes; // offset 0: only the index is here
    int32_t channels, has_parts;
} file_header;

static const char magic[8] = {'L', 'W', 'I', 'M', 'A', 'G', 'E', 'S'};
enum { version = 1, page_bytes = 4096, problem_limit = 1 << 20 };
static const uint32_t byte_order = 0x01020304;
static const uint64_t most_count = UINT32_MAX, most_text_bytes = (uint64_t)1 << 40;

uint64_t lw_image_cache_fingerprint(const lw_tree *tree)
{
    uint64_t hash = lw_hash_bytes(lw_hash_start, &(uint32_t){version}, sizeof(uint32_t));
    for (size_t i = 0; i < tree->count; i++) {
        const lw_tree_entry *entry = &tree->entries[i];
        const char *name = lw_tree_name(tree, i);
        uint64_t numbers[3] = {entry->file_bytes, (uint64_t)entry->modified_ns, entry->folder};
        hash = lw_hash_bytes(hash, name, strlen(name) + 1);
        hash = lw_hash_bytes(hash, numbers, sizeof numbers);
    }
    for (size_t i = 0; i < tree->problems.count; i++)
        hash = lw_hash_bytes(hash, tree->problems.list[i].sentence,
                             strlen(tree->problems.list[i].sentence) + 1);
    return hash;
}

bool lw_image_cache_path(char *file, size_t file_bytes, const char *path, int32_t channels)
{
    const char *cache = lw_config_get()->cache_dir;
    char *absolute = *cache ? realpath(path, NULL) : NULL;
    if (!absolute) return false;
    uint64_t hash = lw_hash_bytes(lw_hash_start, absolute, strlen(absolute));
    free(absolute);
    int length = snprintf(file, file_bytes, "%s/images/%016" PRIx64 "-%d.images", cache, hash,
                          (int)channels);
    return length > 0 && (size_t)length < file_bytes;
}

// Where the parts of a file begin.
typedef struct layout {
    uint64_t items, class_names, texts, problems, end;
} layout;

static layout lay_out(const file_header *header)
{
    layout parts = {.items = sizeof *header};
    parts.class_names = parts.items + header->count * sizeof(lw_image_item);
    parts.texts = parts.class_names + header->classes * sizeof(uint64_t);
    parts.problems = parts.texts + header->text_bytes;
    parts.end = parts.problems + header->problem_bytes;
    return parts;
}

static uint64_t checksum(const uint8_t *base, uint64_t end)
{
    file_header header;
    memcpy(&header, base, sizeof header);
    header.checksum = 0;
    uint64_t hash = lw_hash_bytes(lw_hash_start, &header, sizeof header);
    return lw_hash_bytes(hash, base + sizeof header, (size_t)end - sizeof header);
}

// ---- reading ------------------------------------------------------------------------------------

// Sizes first, then the checksum over what they span; NULL: the header holds.
static const char *check_header(const lw_image_block *block, const file_header *header,
                                uint64_t fingerprint)
{
    if (block->bytes < sizeof *header || memcmp(header->magic, magic, sizeof magic) != 0)
        return "it is no such file";
    if (header->version != version || header->order != byte_order)
        return "another version of lanewise wrote it";
    bool sane = header->count >= 1 && header->count <= most_count && header->classes >= 1 &&
                header->classes <= LW_DATASET_MOST_CLASSES && header->text_bytes >= 1 &&
                header->text_bytes <= most_text_bytes && header->problem_bytes <= most_text_bytes &&
                (header->channels == 1 || header->channels == 3);
    if (!sane) return "it is damaged";
    layout parts = lay_out(header);
    bool pixels = header->pixel_offset != 0;
    if (parts.end > block->bytes || (!pixels && parts.end != block->bytes) ||
        (pixels && (header->pixel_offset < parts.end || header->pixel_offset > block->bytes ||
                    header->pixel_bytes != block->bytes - header->pixel_offset)))
        return "it is damaged: its length does not fit";
    if (checksum(block->base, parts.end) != header->checksum)
        return "it is damaged: its checksum does not fit";
    if (header->fingerprint != fingerprint) return "the files have changed since";
    return NULL;
}

static bool item_fits(const lw_image_item *item, const file_header *header)
{
    if (item->height < 1 || item->height > LW_DATASET_LONGEST_SIDE || item->width < 1 ||
        item->width > LW_DATASET_LONGEST_SIDE)
        return false;
    uint64_t bytes = (uint64_t)item->height * (uint64_t)item->width * (uint64_t)header->channels;
    return item->label >= 0 && (uint64_t)item->label < header->classes && item->part >= 0 &&
           item->part < LW_N_PARTS && item->name < header->text_bytes &&
           item->offset <= header->pixel_bytes && bytes <= header->pixel_bytes - item->offset;
}

// A copy of a part of the file as memory that the index owns.
static void *copy_of(const uint8_t *from, uint64_t count)
{
    void *copy = malloc(count ? (size_t)count : 1);
    if (copy) memcpy(copy, from, (size_t)count);
    return copy;
}

static lw_status take_problems(lw_image_index *index, const char *text, uint64_t count,
                               uint64_t bytes)
{
    const char *end = text + bytes;
    for (uint64_t i = 0; i < count && text < end; i++) {
        LW_TRY(lw_data_problems_add(&index->problems, i, LW_ERROR_INPUT, text));
        text += strlen(text) + 1;
    }
    return LW_OK;
}

// *reason stays NULL when everything fits.
static lw_status take_index(lw_image_index *index, const lw_image_block *block,
                            const file_header *header, const char **reason)
{
    layout parts = lay_out(header);
    const uint8_t *base = block->base;
    bool ended = base[parts.texts + header->text_bytes - 1] == '\0' &&
                 (header->problem_bytes == 0 || base[parts.end - 1] == '\0');
    index->items = copy_of(base + parts.items, header->count * sizeof *index->items);
    index->class_names =
        copy_of(base + parts.class_names, header->classes * sizeof *index->class_names);
    lw_text_append(&index->texts, (const char *)base + parts.texts, (size_t)header->text_bytes);
    if (!index->items || !index->class_names || index->texts.failed)
        return lw_fail(LW_ERROR_MEMORY, "no memory for the index of %llu images",
                       (unsigned long long)header->count);
    index->count = (size_t)header->count;
    index->classes = (int32_t)header->classes;
    index->channels = header->channels;
    index->has_parts = header->has_parts != 0;
    index->pixel_bytes = header->pixel_bytes;
    bool fits = ended;
    for (size_t i = 0; fits && i < index->count; i++) fits = item_fits(&index->items[i], header);
    for (uint64_t i = 0; fits && i < header->classes; i++)
        fits = index->class_names[i] < header->text_bytes;
    if (!fits) *reason = "it is damaged";
    return fits ? take_problems(index, (const char *)base + parts.problems, header->n_problems,
                                header->problem_bytes)
                : LW_OK;
}

// False: there is no such file, or nothing that can be mapped.
static bool map_file(lw_image_block *block, const char *file)
{
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    struct stat info;
    void *base = MAP_FAILED;
    if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    // The time of the file says when it was of use last: the oldest is the first to go.
    if (base != MAP_FAILED) (void)futimens(descriptor, NULL);
    close(descriptor);
    if (base == MAP_FAILED) return false;
    *block = (lw_image_block){.base = base, .bytes = (size_t)info.st_size, .mapped = true};
    return true;
}

lw_status lw_image_cache_open(lw_image_block *block, lw_image_index *index, const char *file,
                              uint64_t fingerprint, const char **reason)
{
    *block = (lw_image_block){.base = NULL};
    *index = (lw_image_index){.count = 0};
    *reason = NULL;
    if (!map_file(block, file)) {
        if (lw_file_exists(file)) *reason = "it cannot be read";
        return LW_OK;
    }
    file_header header = {.count = 0};
    if (block->bytes >= sizeof header) memcpy(&header, block->base, sizeof header);
    *reason = check_header(block, &header, fingerprint);
    lw_status status = *reason ? LW_OK : take_index(index, block, &header, reason);
    block->pixel_offset = (size_t)header.pixel_offset;
    if (!status && !*reason) return LW_OK;
    lw_image_block_free(block);
    lw_image_index_free(index);
    return status;
}

void lw_image_block_free(lw_image_block *block)
{
    if (block->mapped)
        munmap(block->base, block->bytes);
    else
        free(block->base);
    *block = (lw_image_block){.base = NULL};
}

// ---- writing ------------------------------------------------------------------------------------

static file_header describe(const lw_image_index *index, uint64_t fingerprint)
{
    file_header header = {.version = version,
                          .order = byte_order,
                          .fingerprint = fingerprint,
                          .count = index->count,
                          .classes = (uint64_t)index->classes,
                          .n_problems = index->problems.count,
                          .text_bytes = index->texts.length,
                          .pixel_bytes = index->pixel_bytes,
                          .channels = index->channels,
                          .has_parts = index->has_parts};
    memcpy(header.magic, magic, sizeof magic);
    for (size_t i = 0; i < index->problems.count; i++)
        header.problem_bytes += strlen(index->problems.list[i].sentence) + 1;
    return header;
}

lw_status lw_image_cache_make(lw_image_block *block, const lw_image_index *index, bool pixels)
{
    file_header header = describe(index, 0);
    // Problems that turn up while the pixels are decoded need room in front of them.
    uint64_t end = lay_out(&header).end + (pixels ? problem_limit : 0);
    *block = (lw_image_block){.bytes = (size_t)end};
    if (pixels) {
        block->pixel_offset = (size_t)((end + page_bytes - 1) / page_bytes * page_bytes);
        block->bytes = block->pixel_offset + (size_t)index->pixel_bytes;
    }
    block->base = calloc(block->bytes, 1);
    if (!block->base)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %zu bytes of images", block->bytes);
    return LW_OK;
}

static lw_status fill_index(const lw_image_block *block, const lw_image_index *index,
                            uint64_t fingerprint)
{
    file_header header = describe(index, fingerprint);
    header.pixel_offset = block->pixel_offset;
    layout parts = lay_out(&header);
    if (parts.end > (block->pixel_offset ? block->pixel_offset : block->bytes))
        return lw_fail(LW_ERROR_IO, "there are too many bad files to remember");
    memcpy(block->base, &header, sizeof header);
    memcpy(block->base + parts.items, index->items, index->count * sizeof *index->items);
    memcpy(block->base + parts.class_names, index->class_names,
           (size_t)index->classes * sizeof *index->class_names);
    memcpy(block->base + parts.texts, index->texts.bytes, index->texts.length);
    uint8_t *at = block->base + parts.problems;
    for (size_t i = 0; i < index->problems.count; i++) {
        size_t bytes = strlen(index->problems.list[i].sentence) + 1;
        memcpy(at, index->problems.list[i].sentence, bytes);
        at += bytes;
    }
    header.checksum = checksum(block->base, parts.end);
    memcpy(block->base, &header, sizeof header);
    return LW_OK;
}

typedef struct old_file {
    char name[256];
    uint64_t bytes;
    struct timespec used;
} old_file;

static int compare_ages(const void *a, const void *b)
{
    const struct timespec *left = &((const old_file *)a)->used,
                          *right = &((const old_file *)b)->used;
    if (left->tv_sec != right->tv_sec) return left->tv_sec < right->tv_sec ? -1 : 1;
    return (left->tv_nsec > right->tv_nsec) - (left->tv_nsec < right->tv_nsec);
}

// Lists the files of the cache, with what interrupted programs left there. NULL: none, or no memory.
static old_file *list_files(DIR *directory, size_t *count)
{
    old_file *files = NULL;
    size_t capacity = 0;
    const struct dirent *entry;
    *count = 0;
    while ((entry = readdir(directory))) {
        struct stat info;
        if (!strstr(entry->d_name, ".images") || strlen(entry->d_name) >= sizeof files->name ||
            fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 32;
            old_file *grown = realloc(files, capacity * sizeof *grown);
            if (!grown) break;
            files = grown;
        }
        old_file *added = &files[(*count)++];
        snprintf(added->name, sizeof added->name, "%s", entry->d_name);
        added->bytes = (uint64_t)info.st_size;
        added->used = info.st_mtim;
    }
    return files;
}

// Removes the oldest files until `room_bytes` more fit below the limit. A file that another process
// has mapped stays its own until it lets go.
static void make_room(const char *folder, uint64_t room_bytes, uint64_t limit_bytes)
{
    DIR *directory = opendir(folder);
    if (!directory) return;
    size_t count;
    old_file *files = list_files(directory, &count);
    if (count > 1) qsort(files, count, sizeof *files, compare_ages);
    uint64_t total = room_bytes;
    for (size_t i = 0; i < count; i++) total += files[i].bytes;
    for (size_t i = 0; i < count && total > limit_bytes; i++)
        if (unlinkat(dirfd(directory), files[i].name, 0) == 0) total -= files[i].bytes;
    free(files);
    closedir(directory);
}

lw_status lw_image_cache_write(const lw_image_block *block, const lw_image_index *index,
                               const char *file, uint64_t fingerprint, uint64_t limit_bytes)
{
    // The temporary file has the name of the process: its threads take turns.
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(file, '/') - file), file);
    if (block->bytes > limit_bytes)
        return lw_fail(LW_ERROR_IO, "they take more than the %llu MiB that the cache may have",
                       (unsigned long long)(limit_bytes >> 20));
    LW_TRY(fill_index(block, index, fingerprint));
    pthread_mutex_lock(&turn);
    lw_status status = lw_file_make_folder(folder);
    if (!status) {
        (void)unlink(file); // what is replaced takes no room any more
        make_room(folder, block->bytes, limit_bytes);
        status = lw_file_write(file, block->base, block->bytes);
    }
    pthread_mutex_unlock(&turn);
    return status;
}
