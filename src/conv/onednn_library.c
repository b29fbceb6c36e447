// SPDX-License-Identifier: Apache-2.0
#include "base/library.h"
#include "conv/onednn.h"

lw_onednn_functions lw_onednn;

// The threads of oneDNN are those of the OpenMP library that it is bound to: the program's where that has one.
static const lw_library_function wanted[] = {
#define LW_ONEDNN_FUNCTION(function) {.name = "dnnl_" #function, .slot = &lw_onednn.function},
#include "conv/onednn_functions.def"
#undef LW_ONEDNN_FUNCTION
    {"omp_get_max_threads", &lw_onednn.omp_get_max_threads, .program_first = true},
    {"omp_set_num_threads", &lw_onednn.omp_set_num_threads, .program_first = true},
};

static lw_library library = {.file = LW_ONEDNN_LIBRARY,
                             .functions = wanted,
                             .n_functions = sizeof wanted / sizeof *wanted,
                             .mutex = PTHREAD_MUTEX_INITIALIZER};

lw_status lw_onednn_load(void)
{
    return lw_library_load(&library);
}
