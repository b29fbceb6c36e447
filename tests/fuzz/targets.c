// SPDX-License-Identifier: Apache-2.0
#include "fuzz/targets.h"

#include "fuzz/fuzz.h"

#include <string.h>

// What a build leaves out has no target in it.
const lw_fuzz_target lw_fuzz_targets[] = {
    {"network", lw_fuzz_network},
    {"problem", lw_fuzz_problem},
    {"force", lw_fuzz_force},
    {"tuning", lw_fuzz_tuning},
    {"augment", lw_fuzz_augment},
    {"resize", lw_fuzz_resize},
    {"space", lw_fuzz_space},
    {"study", lw_fuzz_study},
    {"idx", lw_fuzz_idx},
#ifdef LW_HAVE_ZLIB
    {"gzip", lw_fuzz_gzip},
#endif
#ifdef LW_HAVE_PNG
    {"png", lw_fuzz_image},
#endif
#ifdef LW_HAVE_JPEG
    {"jpeg", lw_fuzz_image},
#endif
#ifdef LW_HAVE_ARCHIVE
    {"archive", lw_fuzz_archive},
#endif
    {"image_cache", lw_fuzz_image_cache},
#ifdef LW_HAVE_CJSON
    {"options", lw_fuzz_options},
    {"recipe", lw_fuzz_recipe},
    {"safetensors", lw_fuzz_safetensors},
    {"model", lw_fuzz_model},
    {"checkpoint", lw_fuzz_checkpoint},
    {"run", lw_fuzz_run},
    {"gbench", lw_fuzz_gbench},
    {"exchange", lw_fuzz_exchange},
#endif
};
const size_t lw_fuzz_target_count = sizeof lw_fuzz_targets / sizeof *lw_fuzz_targets;

const lw_fuzz_target *lw_fuzz_find(const char *name)
{
    for (size_t i = 0; i < lw_fuzz_target_count; i++)
        if (strcmp(lw_fuzz_targets[i].name, name) == 0) return &lw_fuzz_targets[i];
    return NULL;
}
