// SPDX-License-Identifier: Apache-2.0
// The functions of the targets, for the table in targets.c.
#ifndef LW_TESTS_FUZZ_TARGETS_H
#define LW_TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

void lw_fuzz_network(const uint8_t *bytes, size_t count);
void lw_fuzz_problem(const uint8_t *bytes, size_t count);
void lw_fuzz_force(const uint8_t *bytes, size_t count);
void lw_fuzz_tuning(const uint8_t *bytes, size_t count);
void lw_fuzz_augment(const uint8_t *bytes, size_t count);
void lw_fuzz_resize(const uint8_t *bytes, size_t count);
void lw_fuzz_study(const uint8_t *bytes, size_t count);
void lw_fuzz_space(const uint8_t *bytes, size_t count);
void lw_fuzz_options(const uint8_t *bytes, size_t count);
void lw_fuzz_recipe(const uint8_t *bytes, size_t count);
void lw_fuzz_idx(const uint8_t *bytes, size_t count);
void lw_fuzz_gzip(const uint8_t *bytes, size_t count);
void lw_fuzz_image(const uint8_t *bytes, size_t count);
void lw_fuzz_archive(const uint8_t *bytes, size_t count);
void lw_fuzz_image_cache(const uint8_t *bytes, size_t count);
void lw_fuzz_safetensors(const uint8_t *bytes, size_t count);
void lw_fuzz_model(const uint8_t *bytes, size_t count);
void lw_fuzz_checkpoint(const uint8_t *bytes, size_t count);
void lw_fuzz_run(const uint8_t *bytes, size_t count);
void lw_fuzz_gbench(const uint8_t *bytes, size_t count);
void lw_fuzz_exchange(const uint8_t *bytes, size_t count);

#endif
