// SPDX-License-Identifier: Apache-2.0
// Where a training run stands between two steps, apart from any trainer: what a checkpoint holds.
//
// Arrays are kept as users see parameters (PyTorch's order), not in the layout of the kernels, so that a
// state outlives changes of that layout. Numbers stand in one table of fields, which whoever writes
// or reads a state walks through.
#ifndef LW_TRAIN_STATE_H
#define LW_TRAIN_STATE_H

#include <lanewise/model.h>
#include <lanewise/train.h>

// Arrays with a value for each parameter.
typedef enum lw_state_array {
    LW_STATE_WEIGHTS,
    LW_STATE_FIRST_MOMENT,
    LW_STATE_SECOND_MOMENT,
    LW_STATE_AVERAGE, // of the weights
    LW_STATE_BEST,    // weights of the best validation
    LW_N_STATE_ARRAYS
} lw_state_array;

// Their names in files, "first_moment"; that of the weights is "".
extern const char *const lw_state_array_names[LW_N_STATE_ARRAYS];

// Every number that changes from step to step.
typedef struct lw_state_numbers {
    int32_t epoch, epochs; // the one that goes on or comes next, from 0; all
    int64_t epoch_step, epoch_steps, step;
    double loss_sum, epoch_seconds, learning_rate; // of the epoch so far
    int64_t correct, seen;                         // the same
    int64_t images;                                // of all finished epochs
    bool finished;
    int32_t best_epoch, best_since; // of the validation: from 1, 0 for none; epochs after it
    double best_accuracy, best_loss;
    lw_train_result result; // so far; its threads are those of another time
} lw_state_numbers;

struct lw_train_state {
    lw_state_numbers numbers;
    lw_parameter_info *parameters;
    size_t n_parameters, n_values;    // values: of all parameters
    float *arrays[LW_N_STATE_ARRAYS]; // (n_values), parameter after parameter; NULL: not kept
    uint64_t train_fingerprint, validation_fingerprint; // 0: no validation set
    char *network;                                      // its text
    char *settings;   // lines "key value": the configuration, and what the model does to images
    char *arithmetic; // what may give other bits and is no reason to refuse
};

typedef enum lw_state_kind {
    LW_STATE_INT32,
    LW_STATE_INT64,
    LW_STATE_DOUBLE,
    LW_STATE_BOOL
} lw_state_kind;

// A number of lw_state_numbers.
typedef struct lw_state_field {
    const char *name;
    lw_state_kind kind;
    size_t offset;
} lw_state_field;

extern const lw_state_field lw_state_fields[];
extern const size_t lw_n_state_fields;

// The longest text of a field.
enum { LW_STATE_FIELD_BYTES = 40 };

// A field as text that gives the same bits again, and the way back; false when the text is none.
void lw_state_format_field(const lw_state_numbers *numbers, const lw_state_field *field,
                           char text[LW_STATE_FIELD_BYTES]);
bool lw_state_parse_field(lw_state_numbers *numbers, const lw_state_field *field, const char *text);

// A state with room for the parameters of a model and the weights; everything else is 0 or NULL.
lw_status lw_state_create(lw_train_state **state, const lw_parameter_info *parameters,
                          size_t n_parameters);

// Takes the memory of an array, where it is not there yet.
lw_status lw_state_take_array(lw_train_state *state, lw_state_array array);

// Writes down what a run with that model depends on: network, settings, arithmetic. LW_ERROR_MEMORY.
lw_status lw_state_describe(lw_train_state *state, const lw_model *model,
                            const lw_train_config *config);

// Refuses numbers that no run can have: a file may hold anything.
lw_status lw_state_check_numbers(const lw_state_numbers *numbers, const char *source);

// Refuses to go on with another network, configuration or other data than `now`, the description of the
// run that is about to go on, has; names what differs first.
lw_status lw_state_check_same(const lw_train_state *state, const lw_train_state *now);

#endif
