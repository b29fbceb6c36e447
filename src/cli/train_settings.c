// SPDX-License-Identifier: Apache-2.0
// The options of `lanewise train` and how they become a training configuration.
#include "base/error.h"
#include "base/text.h"
#include "cli/train_job.h"
#include "cpu/topology.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const lw_optimizer_words[4] = {
    [LW_OPTIMIZER_SGD] = "sgd", [LW_OPTIMIZER_ADAM] = "adam", [LW_OPTIMIZER_ADAMW] = "adamw"};
const char *const lw_schedule_words[5] = {[LW_SCHEDULE_CONSTANT] = "constant",
                                          [LW_SCHEDULE_STEP] = "step",
                                          [LW_SCHEDULE_COSINE] = "cosine",
                                          [LW_SCHEDULE_ONE_CYCLE] = "one-cycle"};
const char *const lw_order_words[3] = {"mixed", "by-size", NULL};

// Seeds beyond 2^53 would not survive JSON readers that keep numbers as doubles.
static const double largest_seed = 9007199254740991;

const lw_option lw_train_option_table[LW_N_TRAIN_OPTIONS] = {
    {.name = "recipe",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, recipe),
     .value_name = "WORD",
     .help = "options that belong together, unless they are given as well: best, what was found to be "
             "the best for the network; record, one epoch to 99 % for fixed; another name in the "
             "folder networks/recipes; or a file FILE.recipe"},
    {.name = "epochs",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, epochs),
     .value_name = "N",
     .preset = "3",
     .minimum = 1,
     .maximum = 100000,
     .help = "passes over the training images"},
    {.name = "steps",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, steps),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1e15,
     .help = "stop after N steps, even in the middle of an epoch"},
    {.name = "until",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, until),
     .value_name = "PERCENT",
     .minimum = 0,
     .maximum = 100,
     .help =
         "stop after the epoch that reaches this accuracy on the validation images, in per cent "
         "as in 99 or 98.5; at the latest after --epochs"},
    {.name = "patience",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, patience),
     .value_name = "N",
     .minimum = 1,
     .maximum = 100000,
     .help = "stop after N epochs in a row that are no better on the validation images: neither a "
             "higher accuracy nor the same with a lower loss"},
    {.name = "keep-best",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, keep_best),
     .help = "end with the weights of the epoch that was the best on the validation images, not of "
             "the last one"},
    {.name = "batch",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, batch),
     .value_name = "N",
     .preset = "16",
     .minimum = 1,
     .maximum = 65536,
     .help = "images per step"},
    {.name = "optimizer",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_train_settings, optimizer),
     .value_name = "WORD",
     .preset = "adam",
     .choices = lw_optimizer_words,
     .help = "the rule that moves the weights"},
    {.name = "lr",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, lr),
     .value_name = "X",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1000,
     .help = "learning rate, the highest one where a schedule varies it (default: 0.001 for adam "
             "and adamw, 0.01 for sgd)"},
    {.name = "momentum",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, momentum),
     .value_name = "X",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help = "of sgd (default: 0.9)"},
    {.name = "nesterov",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, nesterov),
     .help = "Nesterov's form of momentum, for sgd"},
    {.name = "weight-decay",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, weight_decay),
     .value_name = "X",
     .minimum = 0,
     .maximum = 1000,
     .help = "pull of the weights towards zero (default: 0.01 for adamw, 0 otherwise)"},
    {.name = "label-smoothing",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, label_smoothing),
     .value_name = "X",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help = "share of each label that is spread over all classes, as in 0.1"},
    {.name = "ema",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, ema),
     .value_name = "DECAY",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help = "validate and keep a moving average of the weights that decays by this factor each "
             "step, as in 0.999"},
    {.name = "clip",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, clip),
     .value_name = "NORM",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1e9,
     .help = "shrink a step's gradient to this norm where it is longer"},
    {.name = "schedule",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_train_settings, schedule),
     .value_name = "WORD",
     .preset = "constant",
     .choices = lw_schedule_words,
     .help = "how the learning rate changes"},
    {.name = "warmup",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, warmup),
     .value_name = "X",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help =
         "share of all steps in which the rate rises (default: 0.3 for one-cycle, 0 otherwise)"},
    {.name = "step-epochs",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, step_epochs),
     .value_name = "X",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 100000,
     .help = "epochs between two drops of the schedule step (default: 1)"},
    {.name = "gamma",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, gamma),
     .value_name = "X",
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1,
     .help = "factor of such a drop (default: 0.1)"},
    {.name = "seed",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, seed),
     .value_name = "N",
     .preset = "1",
     .minimum = 0,
     .maximum = largest_seed,
     .help = "of the first weights, the order of the images and dropout"},
    {.name = "validation",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, validation),
     .value_name = "N",
     .preset = "-1",
     .minimum = -1,
     .maximum = 1e9,
     .help = "images of the training files that are held back for validation: the last ones, of a "
             "folder of images a share of each class; 0 for none, -1 for a sixth"},
    {.name = "val",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(lw_train_settings, common.validation_fraction),
     .value_name = "F",
     .minimum = 0,
     .maximum = 1,
     .below_maximum = true,
     .help = "the same as a share of the training images, as in 0.1"},
    {.name = "channels",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_train_settings, common.channels),
     .value_name = "N",
     .minimum = 1,
     .maximum = 3,
     .help = "1 or 3: give the network that many input channels, whatever its file says, and "
             "convert the images of a folder to them"},
    {.name = "sizes",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, sizes),
     .help = "list the sizes of the images before training"},
    {.name = "normalize",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, normalize),
     .value_name = "MEAN,STD",
     .help =
         "what is taken off the pixels (0 to 1) and what they are divided by; the word data takes "
         "both from the training images"},
    {.name = "init",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, init),
     .value_name = "WEIGHTS.safetensors",
     .help = "start from these weights instead of random ones"},
    {.name = "no-shuffle",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, no_shuffle),
     .help = "take the images in the order of the files"},
    {.name = "order",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(lw_train_settings, order),
     .value_name = "WORD",
     .preset = "mixed",
     .choices = lw_order_words,
     .help = "of images of several sizes: mixed takes them into one step as the shuffle has them, "
             "by-size makes batches of one size, the sizes in turn"},
    {.name = "exact",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, exact),
     .help = "keep away from algorithms that round more than sums do (winograd), now and whenever "
             "the run is used; slower"},
    {.name = "conv",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, conv),
     .value_name = "LIST",
     .help = "force algorithms on convolutions, as the variable LANEWISE_CONV does: entries "
             "[layer.]pass=algorithm as in conv2.bwd_w=unfold,fwd=naive"},
    {.name = "log-steps",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, log_steps),
     .help = "write the loss of every step to log.jsonl"},
    {.name = "tensorboard",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, tensorboard),
     .value_name = "FOLDER",
     .help = "write the curves for TensorBoard too, into FOLDER/<name of the run>; with --seeds "
             "into FOLDER/<name of the set>/<name of the run>"},
    {.name = "time",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_train_settings, time),
     .help = "show where the time went: each stage and pass, the optimizer, waiting"},
    {.name = "out",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_train_settings, out),
     .value_name = "FOLDER",
     .help = "the run directory to write; it must not exist yet (default: runs/<network>-<n>)"},
};

bool lw_train_option_idle(const lw_train_settings *settings, const char *option)
{
    if (strcmp(option, "momentum") == 0 || strcmp(option, "nesterov") == 0)
        return settings->optimizer != LW_OPTIMIZER_SGD;
    if (strcmp(option, "step-epochs") == 0 || strcmp(option, "gamma") == 0)
        return settings->schedule != LW_SCHEDULE_STEP;
    return false;
}

// An option that would be ignored is a misunderstanding: better to say so than to train for
// nothing.
static lw_status check_belongs(const lw_option_result *arguments, const char *option,
                               const lw_train_settings *settings, const char *where)
{
    if (!lw_option_given(arguments, option) || !lw_train_option_idle(settings, option)) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT, "--%s only has a meaning with %s", option, where);
}

static lw_status configure_optimizer(lw_optimizer_config *optimizer,
                                     const lw_train_settings *settings,
                                     const lw_option_result *arguments)
{
    bool sgd = settings->optimizer == LW_OPTIMIZER_SGD;
    LW_TRY(check_belongs(arguments, "momentum", settings, "--optimizer sgd"));
    LW_TRY(check_belongs(arguments, "nesterov", settings, "--optimizer sgd"));
    optimizer->kind = (lw_optimizer_kind)settings->optimizer;
    optimizer->learning_rate = lw_option_given(arguments, "lr") ? settings->lr : sgd ? 0.01 : 0.001;
    optimizer->weight_decay = lw_option_given(arguments, "weight-decay") ? settings->weight_decay
                              : optimizer->kind == LW_OPTIMIZER_ADAMW    ? 0.01
                                                                         : 0;
    if (sgd) {
        optimizer->momentum = lw_option_given(arguments, "momentum") ? settings->momentum : 0.9;
        optimizer->nesterov = settings->nesterov;
        if (optimizer->nesterov && optimizer->momentum == 0)
            return lw_fail(LW_ERROR_ARGUMENT, "--nesterov needs a --momentum above 0");
    }
    return LW_OK;
}

static lw_status configure_schedule(lw_schedule_config *schedule, const lw_train_settings *settings,
                                    const lw_option_result *arguments)
{
    bool one_cycle = settings->schedule == LW_SCHEDULE_ONE_CYCLE;
    LW_TRY(check_belongs(arguments, "step-epochs", settings, "--schedule step"));
    LW_TRY(check_belongs(arguments, "gamma", settings, "--schedule step"));
    schedule->kind = (lw_schedule_kind)settings->schedule;
    schedule->warmup_fraction = lw_option_given(arguments, "warmup") ? settings->warmup
                                : one_cycle                          ? 0.3
                                                                     : 0;
    schedule->step_epochs = lw_option_given(arguments, "step-epochs") ? settings->step_epochs : 1;
    schedule->gamma = lw_option_given(arguments, "gamma") ? settings->gamma : 0.1;
    if (one_cycle) { // PyTorch's OneCycleLR: first rate peak / 25, last one that / 10,000
        schedule->start_fraction = 1.0 / 25;
        schedule->final_fraction = schedule->start_fraction / 10000;
    }
    return LW_OK;
}

// Accuracies in per cent and as fractions are easily mixed up: 0.99 is refused, not taken as 0.99 %.
static lw_status configure_until(lw_train_config *config, const lw_train_settings *settings,
                                 const lw_option_result *arguments)
{
    if (!lw_option_given(arguments, "until")) return LW_OK;
    if (settings->until <= 1)
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "--until is in per cent: expected more than 1, up to 100, got %g; for a share "
            "of %g write --until %g",
            settings->until, settings->until, 100 * settings->until);
    if (settings->validation == 0)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--until looks at the validation images, and --validation 0 leaves none");
    config->until_accuracy = settings->until / 100;
    return LW_OK;
}

// What looks at the validation images.
static lw_status configure_choice(lw_train_config *config, const lw_train_settings *settings)
{
    config->patience = (int32_t)settings->patience;
    config->keep_best = settings->keep_best;
    if (settings->validation != 0 || (config->patience == 0 && !config->keep_best)) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT,
                   "--%s looks at the validation images, and --validation 0 leaves none",
                   config->patience > 0 ? "patience" : "keep-best");
}

lw_status lw_train_settle_data(lw_train_settings *settings, const lw_option_result *arguments)
{
    bool fraction = lw_option_given(arguments, "val");
    if (fraction && lw_option_given(arguments, "validation"))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--val and --validation say the same, as a share and as a number: expected "
                       "one of them");
    if (fraction && settings->common.validation_fraction <= 0) settings->validation = 0;
    if (settings->common.channels == 2)
        return lw_fail(LW_ERROR_ARGUMENT, "--channels: expected 1 or 3, got 2");
    return LW_OK;
}

// ---- normalisation ----------------------------------------------------------------------------

enum { most_channels = 4 };

lw_status lw_train_measure(const lw_dataset *train, lw_normalization *result)
{
    lw_reader *reader;
    LW_TRY(lw_reader_create(&reader, train, NULL, 0, NULL));
    double sum[most_channels] = {0}, squares[most_channels] = {0}, count[most_channels] = {0};
    for (size_t i = 0; i < lw_dataset_size(train); i++) {
        lw_sample image;
        lw_status status = lw_reader_get(reader, i, &image);
        if (status) {
            lw_reader_destroy(&reader);
            return status;
        }
        size_t channels = (size_t)image.channels;
        size_t n_values = (size_t)image.height * (size_t)image.width * channels;
        for (size_t k = 0; k < n_values; k++) {
            size_t c = channels <= most_channels ? k % channels : 0;
            double value = image.pixels[k] / 255.0;
            sum[c] += value;
            squares[c] += value * value;
            count[c]++;
        }
        lw_reader_advance(reader, i + 1);
    }
    lw_reader_destroy(&reader);
    for (size_t c = 0; c < most_channels; c++) {
        // A channel that is constant or not there is left as it is.
        double mean = count[c] > 0 ? sum[c] / count[c] : 0;
        double variance = count[c] > 0 ? squares[c] / count[c] - mean * mean : 0;
        result->mean[c] = (float)mean;
        result->stddev[c] = variance > 1e-12 ? (float)sqrt(variance) : 1;
    }
    return LW_OK;
}

static bool parse_normalization(const char *text, lw_normalization *result)
{
    char first[32];
    double mean, stddev;
    size_t length = strcspn(text, ",");
    if (length >= sizeof first || text[length] != ',') return false;
    memcpy(first, text, length);
    first[length] = '\0';
    if (!lw_parse_double(first, &mean) || !lw_parse_double(text + length + 1, &stddev))
        return false;
    if (!(fabs(mean) <= 1000 && stddev >= 1e-6 && stddev <= 1000)) return false;
    for (size_t c = 0; c < most_channels; c++) {
        result->mean[c] = (float)mean;
        result->stddev[c] = (float)stddev;
    }
    return true;
}

static lw_status read_normalization(const char *setting, lw_normalization *result)
{
    if (parse_normalization(setting, result)) return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT,
                   "--normalize: expected the word data, or a mean and a deviation above 0 as in "
                   "0.1307,0.3081, got \"%s\"",
                   setting);
}

static lw_status check_normalization(const char *setting)
{
    lw_normalization unused;
    return setting && strcmp(setting, "data") != 0 ? read_normalization(setting, &unused) : LW_OK;
}

lw_status lw_train_normalize(lw_model *model, const char *setting, const lw_train_data *data)
{
    lw_normalization normalization = data->normalization;
    if (!setting) return LW_OK;
    if (strcmp(setting, "data") != 0)
        LW_TRY(read_normalization(setting, &normalization));
    else if (!data->measured)
        LW_TRY(lw_train_measure(data->splits.train, &normalization));
    return lw_model_set_normalization(model, normalization);
}

// ---- the whole --------------------------------------------------------------------------------

lw_status lw_train_configure(lw_train_config *config, const lw_train_settings *settings,
                             const lw_option_result *arguments)
{
    *config = lw_train_config_default();
    LW_TRY(configure_optimizer(&config->optimizer, settings, arguments));
    LW_TRY(configure_schedule(&config->schedule, settings, arguments));
    LW_TRY(configure_until(config, settings, arguments));
    LW_TRY(configure_choice(config, settings));
    LW_TRY(check_normalization(settings->normalize));
    config->label_smoothing = settings->label_smoothing;
    config->ema_decay = settings->ema;
    config->clip_norm = settings->clip;
    config->epochs = (int32_t)settings->epochs;
    config->batch = (int32_t)settings->batch;
    config->seed = (uint64_t)settings->seed;
    // The results are the same for any number, and more than there are processors for would only take turns.
    config->threads = lw_cpu_useful_threads(settings->common.threads);
    config->max_steps = settings->steps;
    config->no_shuffle = settings->no_shuffle;
    config->order = (lw_train_order)settings->order;
    return LW_OK;
}
