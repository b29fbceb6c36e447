// SPDX-License-Identifier: Apache-2.0
// Model files in a build without cJSON: the functions of <lanewise/model.h> are there and say so.
#include "base/error.h"

#include <lanewise/model.h>

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
