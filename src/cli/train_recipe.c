// SPDX-License-Identifier: Apache-2.0
// Recipes: names for sets of training options that belong together. What a user gives beside the
// recipe wins over it.
#include "cli/train_job.h"

#include <string.h>

const char *const lw_recipe_words[3] = {"none", "record", NULL};

// Notes an option that the recipe sets as given; false when the user gave it.
static bool takes(lw_option_result *arguments, const char *option)
{
    if (lw_option_given(arguments, option) || arguments->n_given >= LW_OPTION_LIMIT) return false;
    arguments->given[arguments->n_given++] = option;
    return true;
}

// One pass over all of MNIST's training images with the fixed network: over 99 % on its test
// images. Rate, rise and normalisation were chosen with 10,000 images held back.
static void apply_record(lw_train_settings *settings, lw_option_result *arguments)
{
    if (takes(arguments, "epochs")) settings->epochs = 1;
    if (takes(arguments, "batch")) settings->batch = 16;
    if (takes(arguments, "optimizer")) settings->optimizer = LW_OPTIMIZER_ADAM;
    if (takes(arguments, "lr")) settings->lr = 6e-3;
    if (takes(arguments, "schedule")) settings->schedule = LW_SCHEDULE_ONE_CYCLE;
    if (settings->schedule == LW_SCHEDULE_ONE_CYCLE && takes(arguments, "warmup"))
        settings->warmup = 0.15;
    if (takes(arguments, "normalize")) settings->normalize = "data";
    if (!lw_option_given(arguments, "val") && takes(arguments, "validation"))
        settings->validation = 0;
}

void lw_train_apply_recipe(lw_train_settings *settings, lw_option_result *arguments)
{
    if (strcmp(lw_recipe_words[settings->recipe], "record") == 0)
        apply_record(settings, arguments);
}
