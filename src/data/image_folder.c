// SPDX-License-Identifier: Apache-2.0
// From a folder or archive of images to training, validation and test set: from the cache where it
// fits, else by decoding; in memory where they fit, else as files that a reader goes back to.
#include "data/image_folder.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/limits.h"
#include "data/dataset.h"
#include "data/divide.h"
#include "data/image_cache.h"
#include "data/image_load.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// What the images are read from. It outlives the opening: the data set owns it.
typedef struct image_set {
    lw_tree tree;
    lw_image_index index;
    lw_image_block block; // with pixels: they are what the data set shows
} image_set;

typedef struct opener {
    image_set *set;
    const lw_data_options *options;
    const char *path;
    bool archive, tree_read;
    uint64_t memory_bytes, fingerprint;
    char cache_file[4096]; // "": there is no cache
} opener;

static void release_set(void *context)
{
    image_set *set = context;
    lw_tree_free(&set->tree);
    lw_image_index_free(&set->index);
    lw_image_block_free(&set->block);
    free(set);
}

static lw_status read_streamed(void *context, const lw_image_place *place, uint8_t *pixels)
{
    const image_set *set = context;
    return lw_image_load_one(&set->tree, &set->index.items[place->offset], set->index.channels,
                             pixels);
}

__attribute__((format(printf, 2, 3))) static void say(const opener *open, const char *format, ...)
{
    if (!open->options->report) return;
    va_list arguments;
    char sentence[1024];
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    open->options->report(open->options->user, sentence);
}

// ---- finding the images -------------------------------------------------------------------------

static bool fits_memory(const opener *open)
{
    return open->set->index.pixel_bytes <= open->memory_bytes;
}

static lw_status read_tree(opener *open)
{
    if (open->tree_read) return LW_OK;
    lw_tree_free(&open->set->tree);
    open->tree_read = true;
    return open->archive ? lw_tree_read_archive(&open->set->tree, open->path, open->memory_bytes)
                         : lw_tree_scan(&open->set->tree, open->path);
}

// A folder is told by all its names, sizes and times; an archive by its own.
static lw_status take_fingerprint(opener *open)
{
    if (!open->archive) {
        LW_TRY(read_tree(open));
        open->fingerprint = lw_image_cache_fingerprint(&open->set->tree);
        return LW_OK;
    }
    struct stat info;
    if (stat(open->path, &info) != 0)
        return lw_fail(errno == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO, "%s: cannot open: %s",
                       open->path, strerror(errno));
    int64_t numbers[3] = {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    open->fingerprint = lw_hash_bytes(lw_hash_start, numbers, sizeof numbers);
    return LW_OK;
}

static lw_status check_problems(const opener *open)
{
    return open->options->skip_bad ? LW_OK : lw_data_problems_fail(&open->set->index.problems);
}

// What was found while looking through the tree belongs to the images.
static lw_status adopt_tree_problems(image_set *set)
{
    for (size_t i = 0; i < set->tree.problems.count; i++) {
        const lw_data_problem *problem = &set->tree.problems.list[i];
        LW_TRY(lw_data_problems_add(&set->index.problems, problem->place, problem->status,
                                    problem->sentence));
    }
    lw_data_problems_free(&set->tree.problems);
    return LW_OK;
}

static lw_status fail_nothing_left(const opener *open)
{
    lw_data_problems_sort(&open->set->index.problems);
    lw_status status = lw_data_problems_fail(&open->set->index.problems);
    return status ? status : lw_fail(LW_ERROR_INPUT, "%s: expected images, found none", open->path);
}

static lw_status check_left(const opener *open)
{
    const lw_image_index *index = &open->set->index;
    for (size_t i = 0; i < index->count; i++)
        if (index->items[i].part == LW_PART_TRAIN) return LW_OK;
    return fail_nothing_left(open);
}

// Names, classes and sizes; whatever is wrong with them.
static lw_status size_up(opener *open)
{
    image_set *set = open->set;
    const lw_data_options *options = open->options;
    lw_image_load how = {options->threads, options->progress, options->user};
    LW_TRY(read_tree(open));
    LW_TRY(lw_image_index_classify(&set->index, &set->tree, options->report, options->user));
    LW_TRY(adopt_tree_problems(set));
    LW_TRY(lw_image_load_headers(&set->index, &set->tree, options->channels, &how));
    lw_data_problems_sort(&set->index.problems);
    LW_TRY(check_problems(open));
    return check_left(open);
}

static void write_cache(const opener *open)
{
    if (!open->cache_file[0]) return;
    lw_status status = lw_image_cache_write(&open->set->block, &open->set->index, open->cache_file,
                                            open->fingerprint, lw_image_cache_limit_bytes);
    // Without the cache the next start is slower, nothing else.
    if (status) say(open, "the decoded images are not kept: %s", lw_error_message());
}

static lw_status decode(opener *open)
{
    image_set *set = open->set;
    lw_image_load how = {open->options->threads, open->options->progress, open->options->user};
    LW_TRY(lw_image_cache_make(&set->block, &set->index, true));
    LW_TRY(lw_image_load_pixels(&set->index, &set->tree, set->block.base + set->block.pixel_offset,
                                &how));
    lw_data_problems_sort(&set->index.problems);
    LW_TRY(check_problems(open));
    LW_TRY(check_left(open));
    write_cache(open);
    return LW_OK;
}

// Larger than memory: only the index is kept.
static lw_status keep_index(opener *open)
{
    LW_TRY(lw_image_cache_make(&open->set->block, &open->set->index, false));
    write_cache(open);
    lw_image_block_free(&open->set->block);
    return LW_OK;
}

// True when the cache has all that is wanted; otherwise what it had is gone again.
static lw_status try_cache(opener *open, bool *found)
{
    image_set *set = open->set;
    const char *reason;
    *found = false;
    if (!open->cache_file[0]) return LW_OK;
    LW_TRY(lw_image_cache_open(&set->block, &set->index, open->cache_file, open->fingerprint,
                               &reason));
    if (reason) say(open, "%s: the cache of its images is made anew: %s", open->path, reason);
    if (!set->block.base) return LW_OK;
    *found = set->block.pixel_offset != 0 || !fits_memory(open);
    if (*found && !fits_memory(open)) { // files are gone back to: the index has to fit them
        lw_image_block_free(&set->block);
        LW_TRY(read_tree(open));
        for (size_t i = 0; i < set->index.count && *found; i++)
            *found = set->index.items[i].entry < set->tree.count;
    }
    if (*found) return check_problems(open);
    lw_image_block_free(&set->block);
    lw_image_index_free(&set->index);
    return LW_OK;
}

static lw_status find_images(opener *open)
{
    bool found;
    LW_TRY(take_fingerprint(open));
    if (!lw_image_cache_path(open->cache_file, sizeof open->cache_file, open->path,
                             open->options->channels))
        open->cache_file[0] = '\0';
    LW_TRY(try_cache(open, &found));
    if (found) return LW_OK;
    LW_TRY(size_up(open));
    return fits_memory(open) ? decode(open) : keep_index(open);
}

// ---- the data sets ------------------------------------------------------------------------------

static lw_status fail_memory(const opener *open)
{
    return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its description", open->path);
}

// Places, labels and names for all images. In memory the pixels are the block's; otherwise a place
// says which item it is.
static lw_status describe(const opener *open, lw_dataset_parts *parts)
{
    image_set *set = open->set;
    lw_image_index *index = &set->index;
    bool memory = set->block.base != NULL;
    *parts = (lw_dataset_parts){
        .count = index->count, .channels = index->channels, .classes = index->classes};
    parts->labels = malloc(index->count * sizeof *parts->labels);
    parts->places = malloc(index->count * sizeof *parts->places);
    parts->file_names = malloc(index->texts.length);
    if (!parts->labels || !parts->places || !parts->file_names) return fail_memory(open);
    memcpy(parts->file_names, index->texts.bytes, index->texts.length);
    for (size_t i = 0; i < index->count; i++) {
        const lw_image_item *item = &index->items[i];
        parts->labels[i] = item->label;
        parts->places[i] = (lw_image_place){.offset = memory ? (size_t)item->offset : i,
                                            .name = (size_t)item->name,
                                            .height = item->height,
                                            .width = item->width};
    }
    if (memory) parts->pixels = set->block.base + set->block.pixel_offset;
    return LW_OK;
}

// One data set of all images; it owns the image set from here on, also on failure.
static lw_status adopt_all(opener *open, lw_dataset **all, const char *name)
{
    image_set *set = open->set;
    lw_dataset_parts parts;
    const char **names = calloc((size_t)set->index.classes, sizeof *names);
    lw_status status = describe(open, &parts);
    if (status || !names) {
        free(parts.labels);
        free(parts.places);
        free(parts.file_names);
        free(names);
        return status ? status : fail_memory(open);
    }
    for (int32_t c = 0; c < set->index.classes; c++)
        names[c] = lw_image_index_text(&set->index, set->index.class_names[c]);
    // With the pixels in memory nobody goes back to the files.
    if (set->block.base) lw_tree_free(&set->tree);
    parts.class_names = names;
    parts.source = (lw_pixel_source){.read = read_streamed, .release = release_set, .context = set};
    open->set = NULL;
    status = lw_dataset_adopt(all, name, &parts);
    free(names);
    return status;
}

// The positions whose part is `part`, as a set named "photos train"; *result stays NULL when there
// are none.
static lw_status select_part(lw_dataset **result, const lw_dataset *all, const uint8_t *parts,
                             int part, const char *name)
{
    static const char *const words[] = {"train", "validation", "test"};
    size_t count = 0, size = lw_dataset_size(all);
    uint32_t *positions = malloc(size * sizeof *positions);
    if (!positions) return lw_fail(LW_ERROR_MEMORY, "%s: no memory to divide it", name);
    for (size_t i = 0; i < size; i++)
        if (parts[i] == part) positions[count++] = (uint32_t)i;
    lw_status status = count ? lw_dataset_select(result, all, positions, count) : LW_OK;
    free(positions);
    if (status || !count) return status;
    char part_name[128];
    snprintf(part_name, sizeof part_name, "%s %s", name, words[part]);
    lw_dataset_rename(*result, part_name);
    return LW_OK;
}

enum { left_out = LW_N_PARTS }; // a part that is no set

// Moves `wanted` of the training images to another part, of each class its share.
static lw_status move_some(uint8_t *parts, const lw_dataset *all, size_t wanted, int to,
                           bool keep_one, uint64_t seed)
{
    size_t size = lw_dataset_size(all), count = 0;
    int32_t *labels = malloc(size * sizeof *labels);
    bool *chosen = calloc(size, sizeof *chosen);
    lw_status status = labels && chosen ? LW_OK
                                        : lw_fail(LW_ERROR_MEMORY, "%s: no memory to divide it",
                                                  lw_dataset_name(all));
    for (size_t i = 0; !status && i < size; i++)
        if (parts[i] == LW_PART_TRAIN) labels[count++] = lw_dataset_get(all, i).label;
    if (!status)
        status = lw_divide_stratified(chosen, labels, count, lw_dataset_class_count(all), wanted,
                                      keep_one, seed, to == left_out);
    count = 0;
    for (size_t i = 0; !status && i < size; i++)
        if (parts[i] == LW_PART_TRAIN && chosen[count++]) parts[i] = (uint8_t)to;
    free(labels);
    free(chosen);
    return status;
}

static size_t count_part(const uint8_t *parts, size_t size, int part)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += parts[i] == part;
    return count;
}

// How many images are held back; a folder with a validation part of its own is not divided again.
static lw_status choose_validation(const lw_data_options *options, const char *name, size_t train,
                                   bool own, size_t *held_back)
{
    bool asked = options->validation_fraction > 0 || options->validation_count > 0;
    *held_back = 0;
    if (own && asked)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s has a folder of validation images: none can be held back from the "
                       "training images as well",
                       name);
    if (own) return LW_OK;
    if (options->validation_fraction > 0)
        *held_back = (size_t)llround(options->validation_fraction * (double)train);
    else if (options->validation_count < 0)
        *held_back = train / 6;
    else
        *held_back = (size_t)options->validation_count;
    if (*held_back >= train)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set %s: expected fewer validation images than the %zu training "
                       "images, got %zu",
                       name, train, *held_back);
    return LW_OK;
}

static lw_status divide(const lw_data_options *options, const lw_dataset *all, uint8_t *parts,
                        const char *name)
{
    size_t size = lw_dataset_size(all), held_back;
    size_t train = count_part(parts, size, LW_PART_TRAIN);
    bool own = count_part(parts, size, LW_PART_VALIDATION) > 0;
    bool unwanted = options->validation_count == 0 && options->validation_fraction <= 0;
    if (own && unwanted)
        for (size_t i = 0; i < size; i++)
            if (parts[i] == LW_PART_VALIDATION) parts[i] = left_out;
    LW_TRY(choose_validation(options, name, train, own, &held_back));
    if (held_back > 0)
        LW_TRY(move_some(parts, all, held_back, LW_PART_VALIDATION, true, options->seed));
    train = count_part(parts, size, LW_PART_TRAIN);
    if (options->train_limit > 0 && (uint64_t)options->train_limit < train)
        LW_TRY(move_some(parts, all, train - (size_t)options->train_limit, left_out, true,
                         options->seed));
    return LW_OK;
}

static lw_status make_splits(lw_data_splits *splits, const lw_dataset *all, uint8_t *parts,
                             const char *name, const lw_data_options *options)
{
    lw_dataset **const results[] = {&splits->train, &splits->validation, &splits->test};
    LW_TRY(divide(options, all, parts, name));
    for (int part = 0; part < LW_N_PARTS; part++)
        LW_TRY(select_part(results[part], all, parts, part, name));
    return LW_OK;
}

// The sentences pass to the caller of lw_data_open.
static lw_status hand_over_problems(lw_data_splits *splits, const opener *open)
{
    lw_data_problems *problems = &open->set->index.problems;
    if (problems->count == 0) return LW_OK;
    splits->problems = calloc(problems->count, sizeof *splits->problems);
    if (!splits->problems) return fail_memory(open);
    splits->n_problems = problems->count;
    for (size_t i = 0; i < problems->count; i++) {
        splits->problems[i] = problems->list[i].sentence;
        problems->list[i].sentence = NULL;
    }
    lw_data_problems_free(problems);
    return LW_OK;
}

static lw_status divide_set(lw_data_splits *splits, opener *open, const char *name)
{
    lw_dataset *all = NULL;
    size_t count = open->set->index.count;
    uint8_t *parts = calloc(count, sizeof *parts);
    if (!parts) return fail_memory(open);
    for (size_t i = 0; i < count; i++) parts[i] = (uint8_t)open->set->index.items[i].part;
    lw_status status = hand_over_problems(splits, open);
    if (!status) status = adopt_all(open, &all, name);
    if (!status) status = make_splits(splits, all, parts, name, open->options);
    lw_dataset_destroy(&all); // the parts keep the storage
    free(parts);
    return status;
}

lw_status lw_image_folder_open(lw_data_splits *splits, const char *path, const char *name,
                               bool archive, const lw_data_options *options)
{
    opener open = {.set = calloc(1, sizeof *open.set),
                   .options = options,
                   .path = path,
                   .archive = archive,
                   .memory_bytes = options->memory_bytes ? options->memory_bytes
                                                         : lw_limits_memory_bytes() / 2};
    if (!open.set) return fail_memory(&open);
    open.set->tree.descriptor = -1;
    lw_status status = find_images(&open);
    bool streamed = open.set->block.base == NULL;
    size_t count = open.set->index.count;
    int32_t classes = open.set->index.classes;
    if (!status) status = divide_set(splits, &open, name);
    if (open.set) release_set(open.set);
    if (status) return status;
    snprintf(splits->name, sizeof splits->name, "%s", name);
    snprintf(splits->source, sizeof splits->source, "%zu images of %d classes from the %s %.500s%s",
             count, (int)classes, archive ? "archive" : "folder", path,
             streamed ? ", read as they are needed" : "");
    return LW_OK;
}
