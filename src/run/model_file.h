// SPDX-License-Identifier: Apache-2.0
// Weights in safetensors files. lw_model_save and lw_model_load are declared in <lanewise/model.h>;
// here is what only the program needs.
#ifndef LW_RUN_MODEL_FILE_H
#define LW_RUN_MODEL_FILE_H

#include <lanewise/model.h>

// Replaces all weights of a model by those of a safetensors file with the same tensor names and
// shapes, whoever wrote it (metadata are not looked at), or those of a checkpoint. A missing tensor, one too many or a wrong
// shape is LW_ERROR_INPUT, and the model keeps the weights it had.
lw_status lw_model_file_read_weights(lw_model *model, const char *path);

#endif
