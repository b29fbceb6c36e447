// SPDX-License-Identifier: Apache-2.0
#include "kernel/entries.h"

#include "kernel/families.h"

#include <string.h>

static const struct {
    const char *slot, *family;
} kernels[] = {
#define LW_KERNEL_ENTRY(slot, family) {#slot, #family},
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY
};
enum { n_kernels = sizeof kernels / sizeof *kernels };

static const lw_check_kernel *const families[] = {lw_check_conv_kernels, lw_check_dense_kernels,
                                                  lw_check_pool_kernels, lw_check_optimizer_kernels,
                                                  lw_check_peak_kernels,
                                                  lw_check_winograd_kernels,
                                                  lw_check_winograd_backward_data_kernels,
                                                  lw_check_winograd_weights_kernels,
                                                  lw_check_winograd_strided_kernels,
                                                  lw_check_dense_conv_kernels,
                                                  lw_check_dense_backward_weights_kernels,
                                                  lw_check_copy_kernels,
                                                  lw_check_image_kernels};
enum { n_families = sizeof families / sizeof *families };

int lw_check_n_entries(void)
{
    return n_kernels;
}

static const lw_check_kernel *find_check(const char *slot)
{
    for (int f = 0; f < n_families; f++)
        for (const lw_check_kernel *check = families[f]; check->slot; check++)
            if (strcmp(check->slot, slot) == 0) return check;
    return NULL;
}

lw_check_entry lw_check_entry_at(int index)
{
    return (lw_check_entry){kernels[index].slot, kernels[index].family,
                            find_check(kernels[index].slot)};
}

lw_any_kernel lw_check_entry_function(const lw_kernel_table *table, int index)
{
    const lw_any_kernel functions[] = {
#define LW_KERNEL_ENTRY(slot, family) (lw_any_kernel) table->slot,
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY
    };
    return functions[index];
}

static bool is_kernel(const char *slot)
{
    for (int i = 0; i < n_kernels; i++)
        if (strcmp(kernels[i].slot, slot) == 0) return true;
    return false;
}

const char *lw_check_without_kernel(void)
{
    for (int f = 0; f < n_families; f++)
        for (const lw_check_kernel *check = families[f]; check->slot; check++)
            if (!is_kernel(check->slot)) return check->slot;
    return NULL;
}
