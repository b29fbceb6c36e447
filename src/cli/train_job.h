// SPDX-License-Identifier: Apache-2.0
// One training, from settings to a run directory: what the files of `lanewise train` share, and what
// others use to train quietly, several at a time, on data that are open already.
#ifndef LW_CLI_TRAIN_JOB_H
#define LW_CLI_TRAIN_JOB_H

#include "cli/command.h"
#include "report/progress.h"
#include "run/event_file.h"
#include "run/run_directory.h"

#include <lanewise/data.h>
#include <lanewise/metrics.h>
#include <lanewise/model.h>
#include <lanewise/network.h>
#include <lanewise/resize.h>
#include <lanewise/train.h>

typedef struct lw_train_settings {
    lw_common_settings common;
    const char *out, *init, *normalize;
    const char *augment, *scale_jitter, *resize, *conv;
    const char *checkpoint, *resume, *recipe, *tensorboard;
    int64_t epochs, batch, seed, steps, validation;
    double lr, momentum, weight_decay;
    double warmup, step_epochs, gamma;
    double until; // per cent
    double label_smoothing, ema, clip;
    int64_t patience;
    int optimizer;     // lw_optimizer_kind
    int schedule;      // lw_schedule_kind
    int order;         // lw_train_order
    int64_t seeds, on; // --seeds: how many trainings side by side; --on: how many at once
    bool keep_best, nesterov, no_shuffle, log_steps, exact, time, sizes, measure;
} lw_train_settings;

// The words of --optimizer and --schedule, in the order of their enumerations.
extern const char *const lw_optimizer_words[4];
extern const char *const lw_schedule_words[5];
extern const char *const lw_order_words[3]; // of --order

// The options of the command; most presets are those of lw_train_config_default.
enum { LW_N_TRAIN_OPTIONS = 34 };
extern const lw_option lw_train_option_table[LW_N_TRAIN_OPTIONS];

// Makes one of --validation and --val (a share of 0 is a count of 0), and refuses both together, or a
// number of channels that images do not come in.
lw_status lw_train_settle_data(lw_train_settings *settings, const lw_option_result *arguments);

// The values that a recipe gave, where settings may point to them.
typedef struct lw_recipe_values {
    char *texts[LW_OPTION_LIMIT];
    size_t n;
} lw_recipe_values;

// A recipe's text, with what its options may be; `source` is for messages.
typedef struct lw_recipe_text {
    const char *source, *bytes;
    size_t count;
    const lw_option_tables *options;
} lw_recipe_text;

// Sets what the text says and is not given yet, and notes it as given. LW_ERROR_INPUT with source, line and
// column. In any case lw_recipe_values_free, when the settings are not used any more.
lw_status lw_recipe_parse(const lw_recipe_text *text, lw_train_settings *settings,
                          lw_option_result *arguments, lw_recipe_values *values);
void lw_recipe_values_free(lw_recipe_values *values);

// The same for the recipe of --recipe, if any. `network` is a name or a file; "best" is the recipe of that name. Also LW_ERROR_NOT_FOUND.
lw_status lw_train_apply_recipe(lw_train_settings *settings, lw_option_result *arguments,
                                const char *network, lw_recipe_values *values);

// Whether an option has no effect together with the others: momentum without sgd, for instance.
bool lw_train_option_idle(const lw_train_settings *settings, const char *option);

// Turns the settings into a configuration; `arguments` says which options were given. Options that
// have no effect together with the others are refused with a sentence.
lw_status lw_train_configure(lw_train_config *config, const lw_train_settings *settings,
                             const lw_option_result *arguments);

// Data as a training takes them: opened, resized, checked against a network. Trainings only read them, so
// that several may share one.
typedef struct lw_train_data {
    lw_data_splits splits;
    char *reference; // what opens the same data from anywhere, for config.json; owned
    // Of the training pixels, where somebody has measured them for all trainings (lw_train_measure).
    lw_normalization normalization;
    bool measured;
} lw_train_data;

// Sets the model's normalisation to what --normalize says: NULL (0 to 1), "data", or "MEAN,STD".
// (lw_train_configure has refused anything else already.)
lw_status lw_train_normalize(lw_model *model, const char *setting, const lw_train_data *data);

// Mean and standard deviation of the training pixels, for each channel; images of more than four
// channels share one pair, as lw_normalization has it.
lw_status lw_train_measure(const lw_dataset *train, lw_normalization *normalization);

// What a run that is taken up again was begun with; owns what settings and options then point to.
typedef struct lw_train_begun {
    cJSON *json;
    char **words;
    int n_words;
    lw_option_result given;
} lw_train_begun;

typedef struct lw_train_job {
    const lw_train_settings *settings;
    const lw_option_result *arguments; // the options that were given
    const lw_output *output;
    const char *program; // as lw_invocation has it
    lw_network *network;
    const lw_train_data *data;
    lw_model *model;
    lw_train_config config;
    lw_augment augment; // --augment; config refers to it
    lw_resize resize;   // --resize; height 0: none
    lw_recipe_values recipe;
    lw_run *run;           // begun with the training, unless it is there already
    lw_event_file *events; // --tensorboard
    // Whether checkpoints are taken, and the run is kept when it is stopped; set by the caller.
    bool resumable;
    // Of one training among many: the text that says which it is (lw_trial_settings_identity). Whoever has
    // them takes it up again (lw_trial_take_up), and nobody else. NULL: a run of its own.
    const char *trial;
    double checkpoint_seconds;
    int64_t checkpoint_steps;
    int32_t checkpoint_epochs;
    lw_train_begun begun;  // --resume
    lw_train_state *state; // where the training goes on; NULL: at its beginning
    lw_progress progress;
    lw_train_progress last_progress; // for the sentence about an interrupted run
    // Who else watches, beside the progress bar: called now and then from the training thread, and after
    // each epoch with `epoch` (else NULL). False stops the training. May be NULL.
    bool (*watch)(void *user, const lw_train_progress *state, const lw_epoch_result *epoch);
    void *watch_user;
    bool given_up; // by `watch`: the run is stopped for good, and not kept
    lw_train_result result;
    lw_metrics train, validation, test; // of the final weights
    bool has_validation, has_test;
    lw_size_metrics *test_sizes; // a row for each size of test image
    size_t n_test_sizes;
    uint64_t peak_memory_bytes;
    lw_train_time *times; // --time: where the time went
    size_t n_times;
    bool times_failed;  // no memory for them
    double peak_gflops; // --time: of multiply-adds on the threads of the run, measured after it
    // A callback may run on another thread, whose error message is its own: it is kept here.
    lw_status callback_status;
    char callback_failure[1024];
} lw_train_job;

// ---- the steps of a training, in their order -------------------------------------------------

// Begins a job: settles the settings (a recipe fills in what is not given, and is noted as given), and
// makes the configuration and the network of them. `network` is a name or a file. Both settings and
// arguments stay with the caller and must outlive the job; `output` and `program` are set by the
// caller, as is the network where it is there already. Everything that can be refused without looking at data is refused here. In any case
// lw_train_job_end.
lw_status lw_train_job_begin(lw_train_job *job, lw_train_settings *settings,
                             lw_option_result *arguments, const char *network);

// Makes the model, with its first weights.
lw_status lw_train_job_make_model(lw_train_job *job);

// Opens the data that the job's settings name and brings them into the form that its network takes,
// with notes and progress on the job's output. They belong to the caller (lw_train_data_close), also
// after a failure; job->data is left to the caller too.
lw_status lw_train_data_open(lw_train_data *data, const lw_train_job *job);
void lw_train_data_close(lw_train_data *data);

// What of it can be repeated for another job, where data are shared: whether its network takes them.
lw_status lw_train_data_check(lw_train_data *data, const lw_train_job *job);

// The data that were asked for; without such a wish NULL, or for a network that takes grey images of any
// size the name of a set that has several.
const char *lw_train_data_name(const lw_train_job *job);

// Trains the model for some seconds as the job would, and says how fast that is. Keeps nothing but the
// model as it is then.
lw_status lw_train_job_measure(lw_train_job *job, double seconds, double *images_per_second);

// Trains the model on job->data, evaluates it and writes the run directory (settings->out, NULL: a name
// of its own). Speaks only where job->output does. A part of the data that is NULL is not evaluated.
// LW_ERROR_INTERRUPTED when a signal arrived or `watch` said so; nothing is left behind then, unless the job
// is resumable and not given up.
lw_status lw_train_job_run(lw_train_job *job);

// Gives up model, run and figures, so that what is left is a job that has just begun.
void lw_train_job_forget(lw_train_job *job);

void lw_train_job_end(lw_train_job *job);

// What the run directory and --json say; owned by the caller. NULL without memory.
cJSON *lw_train_config_json(const lw_train_job *job);
cJSON *lw_train_metrics_json(const lw_train_job *job, bool with_confusion);

// Keeps a copy of the rows in the job (`user`), as lw_train_callbacks.times wants it.
void lw_train_keep_times(void *user, const lw_train_time *rows, size_t n_rows);

// What --time adds: an object for programs, a table for people.
cJSON *lw_train_times_json(const lw_train_job *job);
lw_status lw_train_times_print(const lw_train_job *job);

// The report for people at the end.
lw_status lw_train_report(const lw_train_job *job);

#endif
