// SPDX-License-Identifier: Apache-2.0
// Model files and checkpoints in a build without cJSON: the functions of <lanewise/model.h> and
// <lanewise/train.h> are there and say so.
#include "base/error.h"

#include <lanewise/model.h>
#include <lanewise/train.h>

lw_status lw_model_save(const lw_model *model, const char *path)
{
    (void)model;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: this build of Lanewise writes no model files (it was "
                   "made without cJSON)", path ? path : "lw_model_save");
}

lw_status lw_model_load(lw_model **model, const char *path)
{
    if (model) *model = NULL;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: this build of Lanewise reads no model files (it was "
                   "made without cJSON)", path ? path : "lw_model_load");
}

lw_status lw_train_state_save(const lw_train_state *state, const char *path)
{
    (void)state;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: this build of Lanewise writes no checkpoints (it was "
                   "made without cJSON)", path ? path : "lw_train_state_save");
}

lw_status lw_train_state_load(lw_train_state **state, const char *path)
{
    if (state) *state = NULL;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s: this build of Lanewise reads no checkpoints (it was "
                   "made without cJSON)", path ? path : "lw_train_state_load");
}
