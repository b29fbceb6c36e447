// SPDX-License-Identifier: Apache-2.0
// CPU detection. Compiled for the baseline, since it runs before anything is known.
#include "cpu/detect.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)

#include <cpuid.h>

// The register state that the operating system saves at a task switch (XCR0). A CPU may have
// AVX-512 while the system, or a hypervisor, keeps it switched off.
static uint64_t read_saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_all(uint32_t bits, uint32_t wanted)
{
    return (bits & wanted) == wanted;
}

static void detect_vectors(lw_cpu_features *features)
{
    const uint32_t leaf1_ecx = bit_FMA | bit_OSXSAVE | bit_AVX | bit_POPCNT;
    const uint32_t leaf7_avx2 = bit_AVX2 | bit_BMI | bit_BMI2;
    const uint32_t leaf7_avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    const uint32_t leaf80000001_ecx_lzcnt = 1u << 5;
    const uint64_t state_ymm = 0x06,
                   state_zmm = 0xE6; // SSE, AVX; opmask, upper zmm halves, zmm16-31
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !has_all(ecx, leaf1_ecx)) return;
    uint64_t saved = read_saved_state();
    if (!__get_cpuid(0x80000001u, &eax, &ebx, &ecx, &edx) || !has_all(ecx, leaf80000001_ecx_lzcnt))
        return;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
    features->avx2 = has_all(ebx, leaf7_avx2) && (saved & state_ymm) == state_ymm;
    features->avx512 =
        features->avx2 && has_all(ebx, leaf7_avx512) && (saved & state_zmm) == state_zmm;
}

static void detect_name(char *name, size_t name_bytes)
{
    uint32_t brand[12] = {0};
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(0x80000000u, &eax, &ebx, &ecx, &edx) || eax < 0x80000004u) return;
    for (uint32_t i = 0; i < 3; i++)
        __get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2],
                    &brand[4 * i + 3]);
    char text[sizeof brand + 1] = {0};
    memcpy(text, brand, sizeof brand);
    const char *start = text + strspn(text, " ");
    size_t length = strlen(start);
    while (length > 0 && start[length - 1] == ' ') length--;
    snprintf(name, name_bytes, "%.*s", (int)length, start);
}

#else

static void detect_vectors(lw_cpu_features *features)
{
#if defined(__aarch64__)
    features->neon = true;
#else
    (void)features;
#endif
}

// Arm has no instruction for the name; the kernel tells the part number at best.
static void detect_name(char *name, size_t name_bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || (strncmp(line, "model name", 10) != 0 && strncmp(line, "CPU part", 8) != 0))
            continue;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(name, name_bytes, "CPU %s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (file) fclose(file);
}

#endif

void lw_cpu_detect(lw_cpu_features *features)
{
    memset(features, 0, sizeof *features);
    snprintf(features->name, sizeof features->name, "unknown CPU");
    detect_vectors(features);
    detect_name(features->name, sizeof features->name);
}
