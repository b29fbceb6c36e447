// SPDX-License-Identifier: Apache-2.0
// Data sets: labelled images that stay bytes in memory.
#ifndef LANEWISE_DATA_H
#define LANEWISE_DATA_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One labelled image; pixels are borrowed from the data set.
typedef struct lw_sample {
    const uint8_t *pixels; // (height, width, channels), row by row, channels interleaved
    int32_t channels, height, width;
    int32_t label; // 0 .. classes - 1
} lw_sample;

typedef struct lw_image_size {
    int32_t height, width;
} lw_image_size;

// An immutable set of samples, all with the same number of channels, each of its own size. Safe to read from several threads.
typedef struct lw_dataset lw_dataset;

LW_API size_t lw_dataset_size(const lw_dataset *dataset);
// The sample at `index` (< lw_dataset_size); the pixels live as long as the data set. Of a streamed
// set the label and the size are there, and the pixels are NULL.
LW_API lw_sample lw_dataset_get(const lw_dataset *dataset, size_t index);
// True where the pixels are not in memory: an image folder larger than lw_data_options.memory_bytes.
LW_API bool lw_dataset_is_streamed(const lw_dataset *dataset);
// Copies the pixels of a sample into `pixels` (height, width, channels), decoding them first where the
// set is streamed. Any thread. LW_ERROR_ARGUMENT: no such sample; LW_ERROR_INPUT, LW_ERROR_IO: its
// file has changed or cannot be read any more.
LW_API lw_status lw_dataset_read(const lw_dataset *dataset, size_t index, uint8_t *pixels);
// The file a sample comes from, "train/7/a.png", relative to the folder or archive, with what cannot
// be printed escaped; borrowed. NULL where samples are no files of their own.
LW_API const char *lw_dataset_file_name(const lw_dataset *dataset, size_t index);
LW_API int32_t lw_dataset_class_count(const lw_dataset *dataset);
// The name of a class, "7" or "Sneaker"; borrowed.
LW_API const char *lw_dataset_class_name(const lw_dataset *dataset, int32_t label);
// A short name, "mnist train".
LW_API const char *lw_dataset_name(const lw_dataset *dataset);
// Bytes of memory that the pixels and labels take, or would take of a streamed set.
LW_API size_t lw_dataset_bytes(const lw_dataset *dataset);
// A number that tells sets apart by what training sees of them: classes, labels, sizes and pixels in
// their order, or of a streamed set the names of the files in place of the pixels. Names of sets and
// classes and where files lie do not matter. Looks at every pixel: some 10 GB/s. No protection against
// anyone who means harm.
LW_API uint64_t lw_dataset_fingerprint(const lw_dataset *dataset);

// A data set that copies `count` images of one size from memory. `pixels` is
// (count, height, width, channels), `labels` (count); class names may be NULL ("0", "1", ...).
// LW_ERROR_INPUT when a label is outside 0 .. classes - 1.
LW_API lw_status lw_dataset_create(lw_dataset **dataset, const char *name, const uint8_t *pixels,
                                   const int32_t *labels, size_t count, int32_t channels,
                                   int32_t height, int32_t width, int32_t classes,
                                   const char *const *class_names);

// The same for images that each have a size of their own: `sizes` (count), and `pixels` holds one
// image (height, width, channels) right behind the other.
LW_API lw_status lw_dataset_create_mixed(lw_dataset **dataset, const char *name,
                                         const uint8_t *pixels, const lw_image_size *sizes,
                                         const int32_t *labels, size_t count, int32_t channels,
                                         int32_t classes, const char *const *class_names);

// A view of samples [begin, end) of another set; shares its memory (reference-counted), so the two
// can be destroyed in any order. LW_ERROR_ARGUMENT when the range is empty or outside.
LW_API lw_status lw_dataset_slice(lw_dataset **slice, const lw_dataset *dataset, size_t begin,
                                  size_t end);

// A view of chosen samples of another set, in the order of `positions` (count, copied), which may
// repeat themselves; shares memory as a slice does. LW_ERROR_ARGUMENT when there is none or one is
// outside.
LW_API lw_status lw_dataset_select(lw_dataset **selection, const lw_dataset *dataset,
                                   const uint32_t *positions, size_t count);

LW_API void lw_dataset_destroy(lw_dataset **dataset);

// Reads a pair of IDX files (plain or gzipped): images of rank 3 (count, rows, columns) or
// 4 (count, rows, columns, channels), unsigned bytes, and labels of rank 1. `classes` 0: the
// largest label + 1. LW_ERROR_NOT_FOUND, LW_ERROR_IO, LW_ERROR_MEMORY, or LW_ERROR_INPUT with a
// sentence that names the file and what is wrong with it; LW_ERROR_UNSUPPORTED for a gzipped file
// without zlib.
LW_API lw_status lw_dataset_load_idx(lw_dataset **dataset, const char *name,
                                     const char *images_path, const char *labels_path,
                                     int32_t classes, const char *const *class_names);

// Makes the built-in digits: white on black, one channel, `side` x `side` pixels, drawn from
// strokes in several hands. Image `i` is a pure function of (seed, stream, first + i), its label
// too, and is the same drawing at any side. LW_ERROR_ARGUMENT when a field is outside its range.
typedef struct lw_digits_options {
    uint64_t seed;
    uint32_t stream; // 0: training images, 1: test images; < 2^24, streams never repeat each other
    uint64_t first;  // index of the first image
    size_t count;    // 1 .. 10,000,000
    int32_t side;    // 8 .. 1024; MNIST's is 28
} lw_digits_options;

LW_API lw_status lw_dataset_create_digits(lw_dataset **dataset, const char *name,
                                          const lw_digits_options *options);

// Hands out the samples of a set in an order that is known ahead. Of a streamed set, threads decode
// ahead of who asks; of a set in memory this costs nothing.
typedef struct lw_reader lw_reader;

typedef struct lw_reader_options {
    uint64_t memory_bytes; // decoded pixels that may wait at once; 0: 64 MiB
    int32_t threads;       // that decode; 0: as many as there are processors
} lw_reader_options;

// A reader of the samples `order` (count, copied; NULL: all of the set in its order, and `count` is
// not looked at). The set must outlive it. `options` NULL: all defaults. LW_ERROR_ARGUMENT: an order
// that is empty or leads outside.
LW_API lw_status lw_reader_create(lw_reader **reader, const lw_dataset *dataset,
                                  const uint32_t *order, size_t count,
                                  const lw_reader_options *options);

// The sample at a position of the order, as lw_dataset_get gives it but always with pixels, which
// stay until lw_reader_advance passes them. Waits for the decoding; any thread, any position that was
// not passed. Failures as of lw_dataset_read.
LW_API lw_status lw_reader_get(lw_reader *reader, size_t position, lw_sample *sample);

// Everything before `position` has been used: its memory serves what comes. Positions that are passed
// already are no mistake. Any thread.
LW_API void lw_reader_advance(lw_reader *reader, size_t position);

LW_API void lw_reader_destroy(lw_reader **reader);

// What a training run works on. The validation set is held back from the training files (their tail,
// or of an image folder a share of each class), or a folder of its own; it is NULL when none is
// wanted. The test set is NULL where there is none: an image folder without a part for it.
typedef struct lw_data_splits {
    lw_dataset *train, *validation, *test;
    char name[64];    // "mnist", "fashion-mnist", "digits", or the last part of a path
    char source[768]; // one sentence: which data, from where, and why this one
    // What was left out of an image folder, one sentence each, with the names of the files escaped
    // so that they can be printed. Empty unless lw_data_options.skip_bad.
    char **problems;
    size_t n_problems;
} lw_data_splits;

typedef struct lw_data_options {
    const char
        *name; // "auto", "mnist", "fashion-mnist", "digits", "varres[:SOURCE[:SIZES]]", or a path: a
               // folder with the four IDX files, a folder of images, or a zip or tar archive of one;
               // NULL is "auto" (the first of the named ones that is at hand)
    int64_t train_limit;      // use at most that many training samples: the first ones, of an image
                              // folder a share of each class; 0: all. More than 16,667 of the
                              // digits makes more of them
    int64_t validation_count; // samples held back for validation; -1: a sixth (10,000 of 60,000)
    double validation_fraction; // the same as a share of the training files, above 0 and below 1;
                                // 0: validation_count says it
    bool offline;               // never fetch
    uint64_t seed;              // of the generated digits, and of what image folders hold back
    // Of image folders and archives only:
    int32_t channels; // 1 or 3: images are converted; 0: 3 where any of them has colour, else 1
    bool skip_bad;    // leave out what is no image or damaged, and go on without what is missing
    uint64_t memory_bytes; // a set that decodes to more is streamed; 0: half of what this process
                           // may use
    int32_t threads;       // that decode; 0: as many as there are processors
    // Called with how far the work is ("decoding", 1000 of 60000 images), on the thread that called
    // lw_data_open; may be NULL.
    void (*progress)(void *user, const char *what, size_t done, size_t count);
    // Called with sentences of progress ("fetching ..."); may be NULL.
    void (*report)(void *user, const char *sentence);
    void *user;
} lw_data_options;

// Opens a data set by name. "auto" tries MNIST in LANEWISE_DATA_DIR, then the user's cache, then
// the network, then Fashion-MNIST, then the built-in digits. Data that is there but damaged is an
// error, never passed over. On failure everything in *splits is NULL. `options` NULL: all defaults,
// with a sixth for validation.
//
// An image folder is read as torchvision's ImageFolder reads it: a folder a class, sorted by name, and
// files in them (also deeper) that are PNG or JPEG by their content; either at the top or in folders
// train, val (valid, validation) and test. What is decoded is kept in the user's cache. LW_ERROR_INPUT
// names the first file that is bad, or the class that is missing in a part.
//
// LW_ERROR_NOT_FOUND: no data set of that name, or it cannot be had
// here; LW_ERROR_ARGUMENT: the counts do not fit the data.
LW_API lw_status lw_data_open(lw_data_splits *splits, const lw_data_options *options);
LW_API void lw_data_close(lw_data_splits *splits);

// One line of the list of data sets that Lanewise knows by name.
typedef struct lw_data_entry {
    const char *name;  // what lw_data_options takes; static storage
    const char *title; // "MNIST handwritten digits"; static storage
    int32_t classes;
    int32_t channels, height, width; // height and width 0: each image has its own
    int64_t train_count, test_count; // images in the training (with validation) and test files
    bool at_hand;                    // can be opened now without the network
    char where[1280];                // at hand: the folder; otherwise a sentence on how to get it
} lw_data_entry;

LW_API size_t lw_data_catalog_size(void);
// Looks for the data set's files, which takes a few system calls. LW_ERROR_ARGUMENT when `index` is
// not below lw_data_catalog_size.
LW_API lw_status lw_data_catalog_get(size_t index, lw_data_entry *entry);

// Brings a data set into the user's cache now, and mends one there that is incomplete or damaged.
// `report` as in lw_data_options. LW_ERROR_IO when no mirror served it, LW_ERROR_UNSUPPORTED when
// it cannot be fetched by this build, by this name, or with LANEWISE_OFFLINE set.
LW_API lw_status lw_data_fetch(const char *name, void (*report)(void *user, const char *sentence),
                               void *user);

typedef struct lw_export_options {
    const char *manifest; // text of a file manifest.json beside the folders of the parts; NULL: none
    int32_t threads;      // that encode and write; 0: as many as there are processors
    // Called now and then from the calling thread with the images of all parts; false stops the export.
    // May be NULL.
    bool (*progress)(void *user, size_t done, size_t count);
    void *user;
} lw_export_options;

// Writes a data set as a folder of PNG images: train/, val/ and test/ (as far as there are such parts),
// with a folder for each class in them, named as the class, and the images by their number in the part.
// A slash in the name of a class becomes "_". The folder appears whole or not at all, and must not exist.
// LW_ERROR_INPUT when it does; LW_ERROR_ARGUMENT for images of other than 1 or 3 channels;
// LW_ERROR_IO, LW_ERROR_MEMORY; LW_ERROR_INTERRUPTED when `progress` said so; LW_ERROR_UNSUPPORTED without
// libpng. `options` may be NULL.
LW_API lw_status lw_data_export(const lw_data_splits *splits, const char *folder,
                                const lw_export_options *options);

// Decodes an image file (PNG or JPEG, told by its content) into bytes. *channels says what is wanted (1, 3, or 0: 1 for a grey
// image and 3 for a coloured one) and then what *pixels (height, width, channels) has; it is owned
// by the caller (free()). Colour becomes grey by the luma of ITU-R 601; transparency is blended
// onto white; 16 bits are rounded to 8; CMYK becomes RGB; the orientation of EXIF is applied. At most
// 16,384 pixels a side and 2^26 in all. LW_ERROR_UNSUPPORTED in a build without libpng or libjpeg.
LW_API lw_status lw_image_read(uint8_t **pixels, int32_t *height, int32_t *width, int32_t *channels,
                               const char *path);

// Writes an image as PNG, whole or not at all. `channels` is 1 or 3.
LW_API lw_status lw_image_write(const char *path, const uint8_t *pixels, int32_t height,
                                int32_t width, int32_t channels);

#ifdef __cplusplus
}
#endif

#endif
