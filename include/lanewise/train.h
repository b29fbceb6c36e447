// SPDX-License-Identifier: Apache-2.0
// Training a model.
#ifndef LANEWISE_TRAIN_H
#define LANEWISE_TRAIN_H

#include <lanewise/augment.h>
#include <lanewise/data.h>
#include <lanewise/metrics.h>
#include <lanewise/model.h>
#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lw_optimizer_kind {
    LW_OPTIMIZER_SGD,
    LW_OPTIMIZER_ADAM,
    LW_OPTIMIZER_ADAMW
} lw_optimizer_kind;

typedef struct lw_optimizer_config {
    lw_optimizer_kind kind;
    double learning_rate; // the peak, where a schedule varies it
    double momentum;      // SGD: 0 .. < 1, as PyTorch's (no dampening)
    bool nesterov;        // SGD with momentum
    double beta1, beta2;  // Adam, AdamW
    double epsilon;       // Adam, AdamW: added to the root of the second moment
    double weight_decay;  // SGD, Adam: added to the gradient; AdamW: decoupled
} lw_optimizer_config;

typedef enum lw_schedule_kind {
    LW_SCHEDULE_CONSTANT,
    LW_SCHEDULE_STEP,     // times `gamma` every `step_epochs` epochs
    LW_SCHEDULE_COSINE,   // half a cosine down to `final_fraction` of the rate
    LW_SCHEDULE_ONE_CYCLE // PyTorch's OneCycleLR: up by a cosine, then down to almost nothing
} lw_schedule_kind;

typedef struct lw_schedule_config {
    lw_schedule_kind kind;
    // Share of all steps in which the rate rises linearly from 0; one-cycle: the share of its
    // rising part.
    double warmup_fraction;
    double step_epochs;    // step
    double gamma;          // step
    double final_fraction; // cosine and one-cycle: last rate over the peak
    double start_fraction; // one-cycle: first rate over the peak
} lw_schedule_config;

// The learning rate at `step` (0 .. total_steps - 1) of a run.
LW_API double lw_schedule_rate(const lw_schedule_config *schedule, double learning_rate,
                               int64_t step, int64_t total_steps, int64_t steps_per_epoch);

// What a batch is made of where the images of a set have several sizes.
typedef enum lw_train_order {
    // Whatever the shuffle puts next to each other: images of any sizes in one step.
    LW_TRAIN_ORDER_MIXED,
    // Images of one size. They are shuffled within their size; the batches take the sizes in turn, small
    // ones first: one of each size, then the second of each, as long as a size has any left. The last
    // batch of a size may be short.
    LW_TRAIN_ORDER_BY_SIZE
} lw_train_order;

typedef struct lw_train_config {
    lw_optimizer_config optimizer;
    lw_schedule_config schedule;
    int32_t epochs;
    int32_t batch;
    uint64_t seed;     // shuffles and dropout
    int32_t threads;   // 0: as many as this process may use, which is also the most
    int64_t max_steps; // stop after that many steps; 0: no limit
    bool no_shuffle;   // take the samples in the order of the data set
    lw_train_order order;
    // Stop after the epoch whose validation accuracy (a fraction) is at least this; 0: no such stop.
    // Needs a validation set.
    double until_accuracy;
    // What happens to the training images, never to those of validation; borrowed for the call.
    // NULL: nothing.
    const lw_augment *augment;
    // Each training image is resized by a factor drawn from this range (0.1 .. 10), its sides
    // rounded to multiples of 4 pixels, before it is augmented; for networks of any size. 0, 0: not.
    double rescale_low, rescale_high;
    // 0 .. < 1: so much of each label is spread over all classes, as PyTorch's label_smoothing. The
    // training loss has it too, the loss of an evaluation has not. 0: not.
    double label_smoothing;
    // 0 .. < 1: an exponential moving average of the weights, with this decay a step (at most step /
    // (step + 9)), is what is validated and what the run ends with. 0: none.
    double ema_decay;
    // A gradient whose norm over all parameters is larger is shrunk to it, before weight decay. 0: no
    // limit.
    double clip_norm;
    // Stop after that many epochs in a row without a better validation: a higher accuracy, or the same
    // with a lower loss. 0: no such stop. Needs a validation set.
    int32_t patience;
    // End with the weights of the best validation instead of the last ones. Needs a validation set.
    bool keep_best;
} lw_train_config;

// Adam 1e-3 (betas 0.9, 0.999; epsilon 1e-8), constant rate, batch 16, 3 epochs, seed 1.
LW_API lw_train_config lw_train_config_default(void);

// What a progress callback sees, at most some 20 times a second.
typedef struct lw_train_progress {
    int32_t epoch, epochs; // from 1
    int64_t step, steps;   // within the epoch: done, all
    double loss;           // mean of the epoch so far
    double accuracy;       // training accuracy of the epoch so far, fraction
    double learning_rate;
    double images_per_second; // of the epoch so far
    double seconds;           // of the epoch so far
} lw_train_progress;

// Metrics of one finished epoch.
typedef struct lw_epoch_result {
    int32_t epoch;                               // from 1
    double train_loss, train_accuracy;           // counted while the weights moved
    double validation_loss, validation_accuracy; // after the epoch; 0 without a validation set
    double learning_rate;                        // of the last step
    double seconds;                              // training only
    double images_per_second;
    bool best; // the best validation of the run so far; false without a validation set
} lw_epoch_result;

// Where the time of a run went: one pass of one stage of the network, or work beside them.
typedef struct lw_train_time {
    char layer[64];     // name of the stage's first layer; "" for work beside the stages
    char work[64];      // "conv 3x3 + relu + maxpool 2x2"; "waiting at barriers"
    char pass[8];       // "fwd", "bwd_d" (data), "bwd_w" (weights); "" beside the stages
    char algorithm[32]; // "direct", "winograd"; "product" (linear), "loop", "several"; or ""
    double seconds;     // mean over the threads
    double flops;       // of the dense computation, all images of the run; 0 where there is none
} lw_train_time;

// Where a training run stands between two steps: weights, moments, position, counts. All that the rest
// of the run follows from beside the network, the data and the configuration, and enough of these to
// notice others. Random numbers have no state: they are functions of seed, epoch and image.
typedef struct lw_train_state lw_train_state;

// The place of a state in its run.
typedef struct lw_train_position {
    int32_t epoch, epochs;           // the epoch that goes on or comes next, from 1; all
    int64_t epoch_step, epoch_steps; // steps of that epoch: done, all
    int64_t step;                    // steps of the run that are done
    bool finished;                   // nothing is left to be trained
} lw_train_position;

LW_API lw_train_position lw_train_state_position(const lw_train_state *state);

typedef struct lw_train_callbacks {
    // Called from one of the training threads, between two steps; returns false to stop the run.
    bool (*progress)(void *user, const lw_train_progress *progress);
    // Called after every step with its number (from 1) and the mean loss of its batch, from one of
    // the training threads; returns false to stop the run. Leave NULL unless every step matters.
    bool (*step)(void *user, int64_t step, double loss);
    // Called after each epoch from the calling thread; returns false to stop the run.
    bool (*epoch)(void *user, const lw_epoch_result *result);
    // Called once, after the last epoch, from the calling thread, with where the time went: the
    // stages in their order, then the rest. The rows are valid during the call; their seconds add up
    // to those of the result. Clocks are read only where this is not NULL (which costs a few per cent).
    void (*times)(void *user, const lw_train_time *rows, size_t n_rows);
    // Called from the calling thread, between two steps, with all that is needed to go on from there
    // (lw_train_resume): when `checkpoint_steps` steps or `checkpoint_seconds` seconds have passed
    // since the last call, after each epoch whose number (from 1) `checkpoint_epochs` divides (0: not for
    // that reason), after the last step, and with the last good state when
    // the run stops early. The state is valid during the call. Returns false to stop the run.
    bool (*checkpoint)(void *user, const lw_train_state *state);
    double checkpoint_seconds;
    int64_t checkpoint_steps;
    int32_t checkpoint_epochs;
    void *user;
} lw_train_callbacks;

typedef struct lw_train_result {
    int32_t epochs;           // finished ones
    double seconds;           // training only, without validation
    double images_per_second; // mean over the finished epochs
    int32_t threads;          // that were used
    bool reached;             // until_accuracy was asked for and met
    bool out_of_patience;     // ended early because of `patience`
    int32_t best_epoch;   // the one with the best validation, from 1; 0 without a validation set
    lw_epoch_result last; // of the last finished epoch
} lw_train_result;

// Trains the model in place. `validation` and `callbacks` may be NULL. The result has the same bits
// for any number of threads. LW_ERROR_INPUT before the first step when an image does not fit the
// network or the labels do not; LW_ERROR_NOT_FINITE in the step in which a loss is infinite or no number, with
// the image and the layer where that began (the weights from before the step are kept), or in which the update
// makes a weight so;
// LW_ERROR_INTERRUPTED when a callback said stop (the weights of the last step are kept,
// neither averaged nor the best ones).
LW_API lw_status lw_train(lw_model *model, const lw_dataset *train, const lw_dataset *validation,
                          const lw_train_config *config, const lw_train_callbacks *callbacks,
                          lw_train_result *result);

// Goes on from a state as lw_train would have gone on: after the last step the weights have the same bits
// as if there had been no interruption, for any number of threads then and now. All results count from
// the beginning of the run. The weights that the model has do not matter. LW_ERROR_INPUT when network, data sets or
// configuration (all but `threads`) are others than those of the state; the sentence names the first that is.
// `state` NULL is lw_train.
LW_API lw_status lw_train_resume(lw_model *model, const lw_dataset *train,
                                 const lw_dataset *validation, const lw_train_config *config,
                                 const lw_train_callbacks *callbacks, const lw_train_state *state,
                                 lw_train_result *result);

// Whether a run that goes on from the state with this model gets the bits that it would have got without the
// interruption. Where it does not (other vector instructions, another version of the kernels), `reason` is
// the sentence that says so, cut to `reason_bytes`; it may be NULL.
LW_API bool lw_train_state_keeps_bits(const lw_train_state *state, const lw_model *model,
                                      char *reason, size_t reason_bytes);

// Writes a state as a safetensors file with a checksum, whole or not at all. LW_ERROR_IO, LW_ERROR_MEMORY;
// LW_ERROR_UNSUPPORTED in a build without cJSON.
LW_API lw_status lw_train_state_save(const lw_train_state *state, const char *path);

// Reads such a file. *state is owned by the caller (lw_train_state_destroy); NULL on failure.
// LW_ERROR_NOT_FOUND, LW_ERROR_IO, LW_ERROR_MEMORY; LW_ERROR_INPUT with a sentence that says what is wrong
// with the file.
LW_API lw_status lw_train_state_load(lw_train_state **state, const char *path);
LW_API void lw_train_state_destroy(lw_train_state **state);

#ifdef __cplusplus
}
#endif

#endif
