// SPDX-License-Identifier: Apache-2.0
// A finished run as others look at it: what was asked for, what happened, how good it became. Nothing in
// the files of a run directory is trusted: a sentence names the file and the key that is wrong.
#ifndef LW_RUN_RUN_SUMMARY_H
#define LW_RUN_RUN_SUMMARY_H

#include <cjson/cJSON.h>
#include <lanewise/metrics.h>
#include <lanewise/status.h>
#include <lanewise/train.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Figures of one part of the data, of the final weights; NaN where there are no such images.
typedef struct lw_run_part {
    double accuracy, loss;
} lw_run_part;

typedef struct lw_run_summary {
    char *path;              // as it was given, without slashes at its end
    char *network_text;      // network.net
    cJSON *config, *metrics; // config.json and metrics.json, for what is not below
    // Borrowed from those.
    const char *network, *data, *version, *cpu, *isa;
    const char **class_names; // (test.classes), the array is owned
    uint64_t seed;
    int64_t parameters;
    int32_t threads;
    int64_t train_images, validation_images, test_images;
    lw_run_part train, validation, test;
    double seconds, images_per_second;
    lw_epoch_result *epochs; // of the log; validation figures NaN where there are none
    size_t n_epochs;
    lw_metrics confusion;   // over the test images; classes 0 where there is none
    lw_size_metrics *sizes; // of test images, where they have several sizes
    size_t n_sizes;
    lw_train_time *times; // of a run with --time
    size_t n_times;
    double peak_gflops; // with times, else 0
} lw_run_summary;

// Reads a run directory. *summary is owned by the caller (lw_run_summary_destroy), NULL on failure.
// LW_ERROR_NOT_FOUND: no such run, or one that is not finished; LW_ERROR_INPUT: a file that is missing
// or damaged, or something that is no run directory; LW_ERROR_UNSUPPORTED: from a newer version.
lw_status lw_run_summary_read(lw_run_summary **summary, const char *path);
void lw_run_summary_destroy(lw_run_summary **summary);

// True where two runs differ in nothing but the seed, the threads and the machine. What is off and what a version
// did not know are the same.
bool lw_run_summary_same_recipe(const lw_run_summary *a, const lw_run_summary *b);

// The same, whatever algorithms were forced on the convolutions: the speed depends on them, and the accuracy
// should not.
bool lw_run_summary_same_settings(const lw_run_summary *a, const lw_run_summary *b);

// How the convolutions were computed: "as chosen", or what was forced, "fwd=naive"; "naive" for all passes. Of runs
// that do not say what was forced, the names of what ran: "direct+winograd".
void lw_run_summary_convolutions(const lw_run_summary *run, char *text, size_t text_bytes);

// LW_ERROR_INPUT with a sentence where the figures of two runs were not taken on the same images.
lw_status lw_run_summary_check_comparable(const lw_run_summary *a, const lw_run_summary *b);

#endif
