// SPDX-License-Identifier: Apache-2.0
// Which instruction sets the CPU and the operating system offer.
#ifndef LW_CPU_DETECT_H
#define LW_CPU_DETECT_H

#include <stdbool.h>

typedef struct lw_cpu_features {
    bool avx2;     // AVX2, FMA, BMI1, BMI2 and POPCNT, and the system saves the ymm registers
    bool avx512;   // AVX-512 F, BW, DQ and VL besides, and the system saves the zmm registers
    bool neon;     // always there on 64-bit Arm
    char name[64]; // the CPU's model name
} lw_cpu_features;

void lw_cpu_detect(lw_cpu_features *features);

#endif
