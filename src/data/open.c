// SPDX-License-Identifier: Apache-2.0
// Opens a data set by name: finds it, reads it, splits it, and keeps account of where it came from
// and why a better one was not to be had.
#include "data/catalog.h"
#include "data/dataset.h"
#include "data/image_folder.h"
#include "data/varres_open.h"

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct opener {
    lw_data_options options;
    lw_data_splits *splits;
    bool automatic;  // may pass over what is not at hand
    lw_text reasons; // why the sets that were tried are not at hand
} opener;

// A sentence that does not fit is cut with dots: its beginning names the data.
static void say_source(lw_data_splits *splits, const char *text)
{
    int length = snprintf(splits->source, sizeof splits->source, "%s", text);
    if (length >= (int)sizeof splits->source)
        memcpy(splits->source + sizeof splits->source - 4, "...", 4);
}

// How many of the training images are held back.
static int64_t count_validation(const lw_data_options *options, int64_t count)
{
    if (options->validation_fraction > 0)
        return llround(options->validation_fraction * (double)count);
    return options->validation_count < 0 ? count / 6 : options->validation_count;
}

// Cuts the training files into train and validation; -1 stands for a sixth.
static lw_status split_training(opener *open, const char *name, lw_dataset *all)
{
    char part_name[128];
    size_t count = lw_dataset_size(all);
    int64_t held_back = count_validation(&open->options, (int64_t)count);
    if ((uint64_t)held_back >= count)
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "data set %s: expected fewer validation images than the %zu training images, got %lld",
            name, count, (long long)held_back);
    size_t begin = count - (size_t)held_back, end = begin;
    if (open->options.train_limit > 0 && (uint64_t)open->options.train_limit < begin)
        end = (size_t)open->options.train_limit;
    LW_TRY(lw_dataset_slice(&open->splits->train, all, 0, end));
    snprintf(part_name, sizeof part_name, "%s train", name);
    lw_dataset_rename(open->splits->train, part_name);
    if (begin == count) return LW_OK;
    LW_TRY(lw_dataset_slice(&open->splits->validation, all, begin, count));
    snprintf(part_name, sizeof part_name, "%s validation", name);
    lw_dataset_rename(open->splits->validation, part_name);
    return LW_OK;
}

// Reads the four files. `set` is NULL for a folder of the user's own; then the training labels say
// how many classes there are.
static lw_status load_folder(opener *open, const char *name, const lw_data_set *set,
                             const lw_data_folder *found)
{
    if (found->n_present < LW_DATA_FILES)
        return lw_fail(LW_ERROR_INPUT,
                       "%s: the data set is incomplete: expected four IDX files, %s is missing",
                       found->folder, found->missing);
    char part_name[128];
    const char *const *class_names = set ? set->class_names : NULL;
    lw_dataset *all;
    snprintf(part_name, sizeof part_name, "%s training files", name);
    LW_TRY(lw_dataset_load_idx(&all, part_name, found->paths[0], found->paths[1],
                               set ? set->classes : 0, class_names));
    int32_t classes = lw_dataset_class_count(all);
    lw_status status = split_training(open, name, all);
    lw_dataset_destroy(&all); // the slices keep the storage
    if (status) return status;
    snprintf(part_name, sizeof part_name, "%s test", name);
    LW_TRY(lw_dataset_load_idx(&open->splits->test, part_name, found->paths[2], found->paths[3],
                               classes, class_names));
    snprintf(open->splits->name, sizeof open->splits->name, "%s", name);
    return LW_OK;
}

// "MNIST from /data/mnist (LANEWISE_DATA_DIR)", with the reasons behind it.
static lw_status take_folder(opener *open, const lw_data_set *set, const lw_data_folder *found)
{
    lw_status status = load_folder(open, set->name, set, found);
    char folder[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES], reason[1024];
    if (status == LW_ERROR_INPUT && set->mirrors && lw_data_cache_paths(set, folder, note) &&
        strcmp(folder, found->folder) == 0) {
        snprintf(reason, sizeof reason, "%s", lw_error_message());
        return lw_fail(status, "%s; `lanewise data fetch %s` mends it", reason, set->name);
    }
    if (status) return status;
    lw_text source = {0};
    bool packaged = found->origin == set->package;
    lw_text_print(&source, "%s from %s (%s%s)", set->short_title, found->folder,
                  packaged ? "Debian's package " : "", found->origin);
    if (open->reasons.length) lw_text_print(&source, ", because %s", open->reasons.bytes);
    say_source(open->splits, source.bytes ? source.bytes : set->short_title);
    lw_text_free(&source);
    return LW_OK;
}

// Adds where a set was looked for to the reasons: "MNIST is not in ..., not in ...".
static void give_reasons(opener *open, const lw_data_set *set)
{
    lw_text *reasons = &open->reasons;
    const lw_config *config = lw_config_get();
    char folder[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES];
    lw_text_print(reasons, "%s%s is", reasons->length ? "; " : "", set->short_title);
    if (*config->data_dir)
        lw_text_print(reasons, " not in LANEWISE_DATA_DIR (%s)%s,", config->data_dir,
                      lw_file_is_folder(config->data_dir) ? "" : ", which is no folder");
    if (lw_data_cache_paths(set, folder, note))
        lw_text_print(reasons, " not in the user's cache (%s)", folder);
    else
        lw_text_print(reasons, " not in a cache (HOME is not set)");
    if (set->package)
        lw_text_print(reasons, " and not installed (apt-get install %s)", set->package);
}

// Fetches, or says why not. LW_ERROR_NOT_FOUND: it cannot be had.
static lw_status fetch_if_allowed(opener *open, const lw_data_set *set)
{
    lw_text *reasons = &open->reasons;
    char folder[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES], why[512];
    int hours_ago;
    if (open->options.offline || lw_config_get()->offline) {
        lw_text_print(reasons, " and fetching is switched off%s",
                      lw_config_get()->offline ? " (LANEWISE_OFFLINE)" : "");
        return LW_ERROR_NOT_FOUND;
    }
    // Who asks for this set by name wants it tried now.
    if (open->automatic && lw_data_cache_paths(set, folder, note) &&
        lw_fetch_failed_lately(note, (int64_t)time(NULL), why, sizeof why, &hours_ago)) {
        char when[32] = "less than an hour ago";
        if (hours_ago > 0)
            snprintf(when, sizeof when, "%d hour%s ago", hours_ago, hours_ago > 1 ? "s" : "");
        lw_text_print(reasons,
                      "; %s (%s; tried again a day after that, or now by `lanewise data fetch %s`)",
                      why, when, set->name);
        return LW_ERROR_NOT_FOUND;
    }
    lw_status status = lw_data_fetch_set(set, open->options.report, open->options.user);
    if (!status || status == LW_ERROR_MEMORY) return status;
    lw_text_print(reasons, "; %s", lw_error_message());
    return LW_ERROR_NOT_FOUND;
}

// "It cannot be had here", with everything that was tried.
static lw_status fail_with_reasons(const opener *open)
{
    return lw_fail(LW_ERROR_NOT_FOUND, "%s",
                   open->reasons.bytes ? open->reasons.bytes : "no memory for the reason");
}

// Gzipped files are of no use to a build without zlib. That is no fault of the files, so "auto"
// goes on to the next set.
static lw_status take_or_pass(opener *open, const lw_data_set *set, const lw_data_folder *found)
{
    lw_status status = take_folder(open, set, found);
    if (status != LW_ERROR_UNSUPPORTED || !open->automatic) return status;
    lw_data_close(open->splits);
    lw_text_print(&open->reasons, "%s%s", open->reasons.length ? "; " : "", lw_error_message());
    return fail_with_reasons(open);
}

// Opens one set of the catalog that comes as files. LW_ERROR_NOT_FOUND: it is not to be had here,
// and the reasons say why; any other failure is final.
static lw_status open_files(opener *open, const lw_data_set *set)
{
    lw_data_folder found;
    LW_TRY(lw_data_locate(&found, set));
    if (found.n_present > 0) return take_or_pass(open, set, &found);
    give_reasons(open, set);
    lw_status status = set->mirrors ? fetch_if_allowed(open, set) : LW_ERROR_NOT_FOUND;
    if (status == LW_ERROR_NOT_FOUND) return fail_with_reasons(open);
    if (status) return status;
    lw_text_free(&open->reasons); // it is here now
    char folder[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES];
    (void)lw_data_cache_paths(set, folder, note);
    LW_TRY(lw_data_look_into(&found, folder, "fetched now"));
    return take_folder(open, set, &found);
}

// Only the images that are wanted are drawn: the first ones for training, the last ones for
// validation.
static lw_status open_digits(opener *open, const lw_data_set *set)
{
    lw_data_splits *splits = open->splits;
    int64_t validation = count_validation(&open->options, LW_DIGITS_TRAIN_COUNT);
    int64_t train = open->options.train_limit;
    if (train == 0) train = LW_DIGITS_TRAIN_COUNT - validation;
    if (train < 1)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "data set digits: expected fewer validation images than the %d training "
                       "images, got %lld",
                       (int)LW_DIGITS_TRAIN_COUNT, (long long)validation);
    int64_t tail = LW_DIGITS_TRAIN_COUNT - validation;
    lw_digits_options digits = {
        .seed = open->options.seed, .count = (size_t)train, .side = set->width};
    LW_TRY(lw_dataset_create_digits(&splits->train, "digits train", &digits));
    if (validation > 0) {
        digits.first = (uint64_t)(tail > train ? tail : train);
        digits.count = (size_t)validation;
        LW_TRY(lw_dataset_create_digits(&splits->validation, "digits validation", &digits));
    }
    digits.stream = 1;
    digits.first = 0;
    digits.count = LW_DIGITS_TEST_COUNT;
    LW_TRY(lw_dataset_create_digits(&splits->test, "digits test", &digits));
    lw_text source = {0};
    lw_text_print(&source, "the built-in digits, drawn with seed %llu",
                  (unsigned long long)open->options.seed);
    if (open->reasons.length) lw_text_print(&source, ", because %s", open->reasons.bytes);
    say_source(splits, source.bytes ? source.bytes : "the built-in digits");
    lw_text_free(&source);
    snprintf(splits->name, sizeof splits->name, "%s", set->name);
    return LW_OK;
}

// The set that is generated has no folders to be in.
static lw_status open_set(opener *open, const lw_data_set *set)
{
    return set->subfolders ? open_files(open, set) : open_digits(open, set);
}

// The first set that can be had, real data before generated. Only "not to be had" leads to the next
// one.
static lw_status open_automatic(opener *open)
{
    static const char *const order[] = {"mnist", "fashion-mnist", "digits"};
    open->automatic = true;
    lw_status status = LW_ERROR_NOT_FOUND;
    for (size_t i = 0; i < sizeof order / sizeof order[0] && status == LW_ERROR_NOT_FOUND; i++)
        status = open_set(open, lw_data_find_set(order[i]));
    return status;
}

// The last part of a path, without the ending of an archive.
static void name_path(char *name, size_t name_bytes, const char *path)
{
    static const char *const endings[] = {".gz", ".bz2", ".xz", ".tar", ".tgz", ".zip"};
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(endings[i]);
        if (end - begin > length && memcmp(path + end - length, endings[i], length) == 0)
            end -= length;
    }
    snprintf(name, name_bytes, "%.*s", (int)(end - begin), path + begin);
}

// Four IDX files, or none of them: then the folder is one of images.
static lw_status open_folder(opener *open, const char *path)
{
    lw_data_folder found;
    char name[sizeof open->splits->name];
    LW_TRY(lw_data_look_into(&found, path, ""));
    name_path(name, sizeof name, path);
    if (found.n_present == 0)
        return lw_image_folder_open(open->splits, path, name, false, &open->options);
    LW_TRY(load_folder(open, name, NULL, &found));
    lw_text source = {0};
    lw_text_print(&source, "IDX files from %s", path);
    say_source(open->splits, source.bytes ? source.bytes : path);
    lw_text_free(&source);
    return LW_OK;
}

static lw_status open_archive(opener *open, const char *path)
{
    char name[sizeof open->splits->name];
    name_path(name, sizeof name, path);
    return lw_image_folder_open(open->splits, path, name, true, &open->options);
}

// Names of sets come before folders: what "mnist" means does not depend on the current folder.
static lw_status open_by_name(opener *open)
{
    const char *name = open->options.name;
    if (!name || strcmp(name, "auto") == 0) return open_automatic(open);
    if (lw_varres_is_name(name)) return lw_varres_open(open->splits, &open->options);
    const lw_data_set *set = lw_data_find_set(name);
    if (set) return open_set(open, set);
    if (lw_file_is_folder(name)) return open_folder(open, name);
    if (lw_file_exists(name)) return open_archive(open, name);
    if (strchr(name, '/'))
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: there is no such folder or file", name);
    return lw_data_fail_unknown(name);
}

lw_status lw_data_open(lw_data_splits *splits, const lw_data_options *options)
{
    if (!splits) return lw_fail(LW_ERROR_ARGUMENT, "lw_data_open: splits is NULL");
    *splits = (lw_data_splits){.train = NULL};
    opener open = {.splits = splits};
    open.options = options ? *options : (lw_data_options){.validation_count = -1};
    if (open.options.train_limit < 0)
        return lw_fail(LW_ERROR_ARGUMENT, "train_limit: expected 0 (all) or more, got %lld",
                       (long long)open.options.train_limit);
    if (open.options.validation_count < -1)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "validation_count: expected -1 (a sixth), 0 or more, got %lld",
                       (long long)open.options.validation_count);
    if (!(open.options.validation_fraction >= 0 && open.options.validation_fraction < 1))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "validation_fraction: expected 0 (not given) or more, below 1, got %g",
                       open.options.validation_fraction);
    if (open.options.channels != 0 && open.options.channels != 1 && open.options.channels != 3)
        return lw_fail(LW_ERROR_ARGUMENT, "channels: expected 0 (as they are), 1 or 3, got %d",
                       open.options.channels);
    lw_status status = open_by_name(&open);
    lw_text_free(&open.reasons);
    if (status) lw_data_close(splits);
    return status;
}

void lw_data_close(lw_data_splits *splits)
{
    if (!splits) return;
    lw_dataset_destroy(&splits->train);
    lw_dataset_destroy(&splits->validation);
    lw_dataset_destroy(&splits->test);
    for (size_t i = 0; i < splits->n_problems; i++) free(splits->problems[i]);
    free(splits->problems);
    *splits = (lw_data_splits){.train = NULL};
}
