// SPDX-License-Identifier: Apache-2.0
// Declares every kernel of kernels.def for the ISA a file is compiled for: lw_k_<slot>_<isa> with
// the type of its slot in lw_kernel_table. A kernel whose arguments differ from its contract does
// not compile.
#ifndef LW_SIMD_DECLARE_H
#define LW_SIMD_DECLARE_H

#include "simd/kernels.h"
#include "simd/vec.h"

#define LW_KERNEL_ENTRY(slot, family) __typeof__(*((lw_kernel_table *)0)->slot) LW_KERNEL(slot);
#include "simd/kernels.def"
#undef LW_KERNEL_ENTRY

#endif
