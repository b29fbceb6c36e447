// SPDX-License-Identifier: Apache-2.0
// The checks, family by family; each list ends with an empty entry. The runner matches them with
// simd/kernels.def.
#ifndef LW_TESTS_KERNEL_FAMILIES_H
#define LW_TESTS_KERNEL_FAMILIES_H

#include "kernel/check.h"

extern const lw_check_kernel lw_check_conv_kernels[], lw_check_dense_conv_kernels[],
    lw_check_dense_kernels[],
    lw_check_dense_backward_weights_kernels[], lw_check_pool_kernels[], lw_check_optimizer_kernels[], lw_check_peak_kernels[],
    lw_check_winograd_kernels[], lw_check_winograd_backward_data_kernels[],
    lw_check_winograd_weights_kernels[], lw_check_winograd_strided_kernels[],
    lw_check_copy_kernels[], lw_check_image_kernels[];

#endif
