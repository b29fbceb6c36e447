// SPDX-License-Identifier: Apache-2.0
// Picks the kernel table: portable first, then every better ISA that is there replaces it.
#include "cpu/kernel_table.h"

#include "base/config.h"
#include "base/error.h"
#include "cpu/detect.h"

#include <lanewise/cpu.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

extern const lw_kernel_table lw_kernel_table_generic, lw_kernel_table_avx2, lw_kernel_table_avx512,
    lw_kernel_table_neon;

static lw_cpu_features features;
static const lw_kernel_table *chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

// From the lowest to the highest; `rank` orders the values of LANEWISE_MAX_ISA.
static int list_tables(const lw_cpu_features *cpu, const lw_kernel_table *tables[LW_MAX_TABLES])
{
    int n = 0;
    tables[n++] = &lw_kernel_table_generic;
#ifdef LW_HAVE_AVX2
    if (cpu->avx2) tables[n++] = &lw_kernel_table_avx2;
#endif
#ifdef LW_HAVE_AVX512
    if (cpu->avx512) tables[n++] = &lw_kernel_table_avx512;
#endif
#ifdef LW_HAVE_NEON
    if (cpu->neon) tables[n++] = &lw_kernel_table_neon;
#endif
    (void)cpu;
    return n;
}

static void choose(void)
{
    const lw_kernel_table *tables[LW_MAX_TABLES];
    lw_cpu_detect(&features);
    int n = list_tables(&features, tables);
    const char *limit = lw_config_get()->max_isa;
    chosen = tables[n - 1];
    // A limit above what the CPU has changes nothing; lw_cpu_check refuses a misspelt one.
    for (int i = 0; i < n; i++)
        if (strcmp(limit, tables[i]->isa) == 0) chosen = tables[i];
}

const lw_kernel_table *lw_kernels(void)
{
    pthread_once(&chosen_once, choose);
    return chosen;
}

int lw_kernel_tables(const lw_kernel_table *tables[LW_MAX_TABLES])
{
    lw_kernels();
    return list_tables(&features, tables);
}

// Every instruction set that this build has kernels for, whether the CPU has it or not.
static const char *const built_isas[] = {
    "generic",
#ifdef LW_HAVE_AVX2
    "avx2",
#endif
#ifdef LW_HAVE_AVX512
    "avx512",
#endif
#ifdef LW_HAVE_NEON
    "neon",
#endif
};

lw_status lw_cpu_check(void)
{
    const char *limit = lw_config_get()->max_isa;
    const size_t n = sizeof built_isas / sizeof *built_isas;
    char choices[64] = "";
    if (!limit[0]) return LW_OK;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(limit, built_isas[i]) == 0) return LW_OK;
        size_t length = strlen(choices);
        snprintf(choices + length, sizeof choices - length, "%s%s", i ? ", " : "", built_isas[i]);
    }
    return lw_fail(LW_ERROR_INPUT, "LANEWISE_MAX_ISA: expected one of %s, got '%s'", choices,
                   limit);
}

const char *lw_cpu_isa(void)
{
    return lw_kernels()->isa;
}

const char *lw_cpu_name(void)
{
    lw_kernels();
    return features.name;
}
