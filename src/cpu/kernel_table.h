// SPDX-License-Identifier: Apache-2.0
// The kernels of this machine.
#ifndef LW_CPU_KERNEL_TABLE_H
#define LW_CPU_KERNEL_TABLE_H

#include "simd/kernels.h"

// The table of the best ISA that the CPU and the system offer and LANEWISE_MAX_ISA allows. Chosen
// at the first call, constant afterwards.
const lw_kernel_table *lw_kernels(void);

// All tables this machine can run, the portable one first; returns their number. For tests and
// benchmarks. LANEWISE_MAX_ISA does not count here.
enum { LW_MAX_TABLES = 3 };
int lw_kernel_tables(const lw_kernel_table *tables[LW_MAX_TABLES]);

#endif
