// SPDX-License-Identifier: Apache-2.0
// A data set as a folder of PNG files. They are written into a folder beside it, by several threads, which
// gets its name when everything is there.
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "data/crew.h"
#include "data/dataset.h"
#include "data/image_write.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { n_parts = 3, path_bytes = 4096 };
static const char *const part_words[n_parts] = {"train", "val", "test"};

// What a thread needs for one image after the other.
typedef struct desk {
    lw_text file;
    uint8_t *pixels; // of an image that is not in memory
    size_t pixel_bytes;
} desk;

typedef struct exporter {
    const lw_dataset *parts[n_parts]; // NULL: there is no such part
    size_t counts[n_parts], total;
    lw_export_options options;
    char folder[path_bytes]; // that is written into
    char **class_folders;    // (classes), owned
    int32_t classes;
    desk desks[LW_CREW_LIMIT];
    atomic_int failed_status;
    char failure[512];
} exporter;

static void note_failure(exporter *work, lw_status status)
{
    int expected = LW_OK;
    if (atomic_compare_exchange_strong(&work->failed_status, &expected, (int)status))
        snprintf(work->failure, sizeof work->failure, "%s", lw_error_message());
}

// ---- folders ------------------------------------------------------------------------------------

static bool is_taken(char *const *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

// The name of a class as the name of a folder: without slashes and a dot at its beginning, not empty, not
// the one of another class.
static lw_status name_class_folder(exporter *work, int32_t label, const char *name)
{
    lw_text text = {0};
    for (int32_t attempt = 1;; attempt++) {
        text.length = 0;
        lw_text_print(&text, "%s%s", name[0] == '\0' || name[0] == '.' ? "_" : "", name);
        if (attempt > 1) lw_text_print(&text, "-%d", attempt);
        if (text.failed) break;
        for (char *at = text.bytes; *at; at++)
            if (*at == '/') *at = '_';
        if (!is_taken(work->class_folders, label, text.bytes)) break;
    }
    if (text.failed) {
        lw_text_free(&text);
        return lw_fail(LW_ERROR_MEMORY, "no memory for the names of %d classes", work->classes);
    }
    work->class_folders[label] = text.bytes;
    return LW_OK;
}

static lw_status name_class_folders(exporter *work, const lw_dataset *dataset)
{
    work->classes = lw_dataset_class_count(dataset);
    work->class_folders = calloc((size_t)work->classes, sizeof *work->class_folders);
    if (!work->class_folders)
        return lw_fail(LW_ERROR_MEMORY, "no memory for %d classes", work->classes);
    for (int32_t label = 0; label < work->classes; label++)
        LW_TRY(name_class_folder(work, label, lw_dataset_class_name(dataset, label)));
    return LW_OK;
}

static lw_status fail_path(const char *folder)
{
    return lw_fail(LW_ERROR_INPUT, "%.200s: the path is too long", folder);
}

static lw_status make_folders(const exporter *work)
{
    char path[path_bytes];
    for (int part = 0; part < n_parts; part++)
        for (int32_t label = 0; work->parts[part] && label < work->classes; label++) {
            int length = snprintf(path, sizeof path, "%s/%s/%s", work->folder, part_words[part],
                                  work->class_folders[label]);
            if (length < 0 || length >= (int)sizeof path) return fail_path(work->folder);
            LW_TRY(lw_file_make_folder(path));
        }
    return LW_OK;
}

// "out" becomes "out.partial-<pid>", whatever slashes are behind it.
static lw_status choose_folder(exporter *work, const char *folder, char target[path_bytes])
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') length--;
    if (length == 0) return lw_fail(LW_ERROR_INPUT, "the name of the folder to write is empty");
    if (length > path_bytes - 400) return fail_path(folder);
    snprintf(target, path_bytes, "%.*s", (int)length, folder);
    if (lw_file_exists(target))
        return lw_fail(LW_ERROR_INPUT,
                       "%s: expected a new folder, there is one of that name; nothing was "
                       "changed",
                       target);
    snprintf(work->folder, sizeof work->folder, "%.*s.partial-%ld", (int)length, target,
             (long)getpid());
    return LW_OK;
}

// ---- images -------------------------------------------------------------------------------------

// Small files that are only looked at when all of them are there: no temporary names, no fsync.
static lw_status write_file(const char *path, const lw_text *file)
{
    FILE *stream = fopen(path, "wbe");
    bool written = stream && fwrite(file->bytes, 1, file->length, stream) == file->length;
    if (stream) written = fclose(stream) == 0 && written;
    return written ? LW_OK
                   : lw_fail(LW_ERROR_IO, "%s: cannot write the file: %s", path, strerror(errno));
}

// A sample with its pixels, which those of a streamed set are read for.
static lw_status take_sample(lw_sample *sample, desk *own, const lw_dataset *dataset, size_t index)
{
    *sample = lw_dataset_get(dataset, index);
    if (sample->pixels) return LW_OK;
    size_t bytes = (size_t)sample->height * (size_t)sample->width * (size_t)sample->channels;
    if (bytes > own->pixel_bytes) {
        free(own->pixels);
        own->pixel_bytes = 0;
        own->pixels = malloc(bytes);
        if (!own->pixels)
            return lw_fail(LW_ERROR_MEMORY, "no memory for %zu bytes of an image", bytes);
        own->pixel_bytes = bytes;
    }
    sample->pixels = own->pixels;
    return lw_dataset_read(dataset, index, own->pixels);
}

static lw_status export_image(exporter *work, desk *own, int part, size_t index)
{
    char path[path_bytes];
    lw_sample sample;
    LW_TRY(take_sample(&sample, own, work->parts[part], index));
    int length = snprintf(path, sizeof path, "%s/%s/%s/%06zu.png", work->folder, part_words[part],
                          work->class_folders[sample.label], index);
    if (length < 0 || length >= (int)sizeof path) return fail_path(work->folder);
    own->file.length = 0;
    LW_TRY(lw_image_encode(&own->file, &sample, true, path));
    return write_file(path, &own->file);
}

static void export_item(void *context, int32_t thread, size_t item)
{
    exporter *work = context;
    int part = 0;
    if (atomic_load_explicit(&work->failed_status, memory_order_relaxed) != LW_OK) return;
    while (part + 1 < n_parts && item >= work->counts[part]) item -= work->counts[part++];
    lw_status status = export_image(work, &work->desks[thread], part, item);
    if (status) note_failure(work, status);
}

static void report_progress(void *user, size_t done, size_t count)
{
    exporter *work = user;
    if (!work->options.progress || work->options.progress(work->options.user, done, count)) return;
    note_failure(work, lw_fail(LW_ERROR_INTERRUPTED,
                               "stopped after %zu of %zu images; the unfinished folder is removed",
                               done, count));
}

static lw_status write_manifest(const exporter *work)
{
    char path[path_bytes];
    const char *text = work->options.manifest;
    if (!text) return LW_OK;
    int length = snprintf(path, sizeof path, "%s/manifest.json", work->folder);
    if (length < 0 || length >= (int)sizeof path) return fail_path(work->folder);
    return lw_file_write(path, text, strlen(text));
}

static lw_status write_everything(exporter *work, const char *target)
{
    LW_TRY(make_folders(work));
    lw_crew_job crew = {.count = work->total,
                        .work = export_item,
                        .context = work,
                        .progress = report_progress,
                        .user = work};
    lw_crew_run(lw_crew_size(work->options.threads), &crew);
    int failed = atomic_load(&work->failed_status);
    if (failed != LW_OK) return lw_fail((lw_status)failed, "%s", work->failure);
    LW_TRY(write_manifest(work));
    // An empty folder that somebody made meanwhile is replaced, anything else is not.
    if (rename(work->folder, target) == 0) return LW_OK;
    return lw_fail(LW_ERROR_IO, "%s: cannot give the folder its name: %s", target, strerror(errno));
}

static lw_status export_parts(exporter *work, const char *folder)
{
    char target[path_bytes], reason[1024];
    LW_TRY(choose_folder(work, folder, target));
    LW_TRY(name_class_folders(work, work->parts[0]));
    lw_status status = write_everything(work, target);
    if (!status) return LW_OK;
    // Removing may fail too and must not replace the sentence that matters.
    snprintf(reason, sizeof reason, "%s", lw_error_message());
    (void)lw_file_remove_folder(work->folder);
    return lw_fail(status, "%s", reason);
}

lw_status lw_data_export(const lw_data_splits *splits, const char *folder,
                         const lw_export_options *options)
{
    if (!splits || !splits->train || !folder)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "lw_data_export: data with a training part and a folder: got "
                       "NULL");
    exporter *work = calloc(1, sizeof *work);
    if (!work) return lw_fail(LW_ERROR_MEMORY, "no memory to export a data set");
    const lw_dataset *const parts[n_parts] = {splits->train, splits->validation, splits->test};
    for (int part = 0; part < n_parts; part++) {
        work->parts[part] = parts[part];
        work->counts[part] = parts[part] ? lw_dataset_size(parts[part]) : 0;
        work->total += work->counts[part];
    }
    if (options) work->options = *options;
    atomic_init(&work->failed_status, LW_OK);
    lw_status status = export_parts(work, folder);
    for (int32_t i = 0; i < LW_CREW_LIMIT; i++) {
        lw_text_free(&work->desks[i].file);
        free(work->desks[i].pixels);
    }
    for (int32_t i = 0; work->class_folders && i < work->classes; i++) free(work->class_folders[i]);
    free(work->class_folders);
    free(work);
    return status;
}
