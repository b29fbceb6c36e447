// SPDX-License-Identifier: Apache-2.0
#include "data/curl_library.h"

#include "base/library.h"

// The number is that of the interface, which has been 4 since 2006.
#if defined(__APPLE__)
#define LIBRARY_NAME "libcurl.4.dylib"
#else
#define LIBRARY_NAME "libcurl.so.4"
#endif

static lw_curl functions;
static CURLcode (*global_init)(long flags);

static bool start(void)
{
    return global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static const lw_library_function wanted[] = {
    {.name = "curl_global_init", .slot = &global_init},
    {.name = "curl_easy_init", .slot = &functions.init},
    {.name = "curl_easy_setopt", .slot = &functions.setopt},
    {.name = "curl_easy_perform", .slot = &functions.perform},
    {.name = "curl_easy_getinfo", .slot = &functions.getinfo},
    {.name = "curl_easy_strerror", .slot = &functions.strerror},
    {.name = "curl_easy_cleanup", .slot = &functions.cleanup},
};

static lw_library library = {.file = LIBRARY_NAME,
                             .functions = wanted,
                             .n_functions = sizeof wanted / sizeof *wanted,
                             .start = start,
                             .mutex = PTHREAD_MUTEX_INITIALIZER};

lw_status lw_curl_load(const lw_curl **curl)
{
    lw_status status = lw_library_load(&library);
    *curl = status ? NULL : &functions;
    return status;
}
