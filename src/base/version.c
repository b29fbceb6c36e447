// SPDX-License-Identifier: Apache-2.0
// The version of the library and how it was built.
#include <lanewise/version.h>

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

#if defined(__clang__)
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__)
#elif defined(__GNUC__)
#define COMPILER "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__)
#else
#define COMPILER "unknown compiler"
#endif

// Each optional part of the build is a word or nothing; the compiler joins them.
#ifdef LW_HAVE_AVX2
#define AVX2 " avx2"
#else
#define AVX2
#endif
#ifdef LW_HAVE_AVX512
#define AVX512 " avx512"
#else
#define AVX512
#endif
#ifdef LW_HAVE_NEON
#define NEON " neon"
#else
#define NEON
#endif
#ifdef LW_HAVE_ZLIB
#define ZLIB " zlib"
#else
#define ZLIB " no-zlib"
#endif
#ifdef LW_HAVE_PNG
#define PNG " png"
#else
#define PNG " no-png"
#endif
#ifdef LW_HAVE_FETCH
#define FETCH " fetch"
#else
#define FETCH " no-fetch"
#endif
#ifdef LW_HAVE_CJSON
#define CJSON " json"
#else
#define CJSON " no-json"
#endif
#ifdef LW_HAVE_ONEDNN
#define ONEDNN " onednn " LW_ONEDNN_VERSION
#else
#define ONEDNN " no-onednn"
#endif
#ifdef LW_THREADS_OPENMP
#define THREADS "; threads of OpenMP"
#else
#define THREADS
#endif
#ifdef LW_DEBUG_MEMORY
#define DEBUG_MEMORY "; debug memory"
#else
#define DEBUG_MEMORY
#endif

const char *lw_version(void)
{
    return TEXT(LW_VERSION_MAJOR) "." TEXT(LW_VERSION_MINOR) "." TEXT(LW_VERSION_PATCH);
}

const char *lw_build_info(void)
{
    return COMPILER "; kernels: generic" AVX2 AVX512 NEON
                    "; features:" ZLIB PNG FETCH CJSON ONEDNN THREADS DEBUG_MEMORY;
}
