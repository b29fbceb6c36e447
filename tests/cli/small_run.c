// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"
#include "cli/small_run.h"

#include <lanewise/data.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_images_file(const char *path, const lw_dataset *dataset, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const uint8_t header[16] = {0, 0,    8, 3, 0, 0,   (uint8_t)(count >> 8), (uint8_t)count, 0, 0,
                                0, side, 0, 0, 0, side};
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fwrite(lw_dataset_get(dataset, i).pixels, 1, side * side, file),
                         side * side);
    assert_int_equal(fclose(file), 0);
}

static void write_labels_file(const char *path, const lw_dataset *dataset, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const uint8_t header[8] = {0, 0, 8, 1, 0, 0, (uint8_t)(count >> 8), (uint8_t)count};
    assert_int_equal(fwrite(header, 1, sizeof header, file), sizeof header);
    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(fputc(lw_dataset_get(dataset, i).label, file), EOF);
    assert_int_equal(fclose(file), 0);
}

void small_run_needs_pictures(void)
{
#ifndef LW_HAVE_PNG
    skip();
#endif
}

#ifdef LW_HAVE_PNG
static void write_pictures(const lw_dataset *dataset)
{
    lw_sample sample = lw_dataset_get(dataset, 0);
    uint8_t wide[side * 29] = {0}, inverted[side * side], colour[side * side * 3];
    for (int i = 0; i < side * side; i++) {
        inverted[i] = (uint8_t)(255 - sample.pixels[i]);
        memset(colour + 3 * i, sample.pixels[i], 3);
    }
    assert_int_equal(lw_image_write("first.png", sample.pixels, side, side, 1), LW_OK);
    assert_int_equal(lw_image_write("wide.png", wide, side, 29, 1), LW_OK);
    assert_int_equal(lw_image_write("inverted.png", inverted, side, side, 1), LW_OK);
    assert_int_equal(lw_image_write("colour.png", colour, side, side, 3), LW_OK);
}

#endif

static void write_data(void)
{
    lw_data_splits splits;
    lw_data_options options = {
        .name = "digits", .train_limit = n_train, .offline = true, .seed = 1};
    assert_int_equal(lw_data_open(&splits, &options), LW_OK);
    assert_int_equal(mkdir("small", 0777), 0);
    write_images_file("small/train-images-idx3-ubyte", splits.train, n_train);
    write_labels_file("small/train-labels-idx1-ubyte", splits.train, n_train);
    write_images_file("small/t10k-images-idx3-ubyte", splits.test, n_test);
    write_labels_file("small/t10k-labels-idx1-ubyte", splits.test, n_test);
#ifdef LW_HAVE_PNG
    write_pictures(splits.test);
#endif
    lw_data_close(&splits);
}

cJSON *small_run_result;

int small_run_make_data(void **state)
{
    if (program_enter_folder(state) != 0) return -1;
    write_data();
    return 0;
}

int small_run_make(void **state)
{
    if (small_run_make_data(state) != 0) return -1;
    program_result result =
        program_run("train", "lab_small", "--data", "small", "--epochs", "2", "--validation", "200",
                    "--lr", "0.003", "--log-steps", "--json", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.err, "data: "));
    assert_true(contains(result.err, "network: lab_small, 9,594 parameters"));
    assert_true(contains(result.err, "epoch 2/2"));
    assert_true(contains(result.err, "confusion matrix"));
    assert_null(strchr(result.err, '\x1b'));
    small_run_result = json_parse(result.out);
    program_free(&result);
    return 0;
}

int small_run_remove(void **state)
{
    cJSON_Delete(small_run_result);
    return program_leave_folder(state);
}
