// SPDX-License-Identifier: Apache-2.0
#include "data/curl_library.h"

#include "base/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// The number is that of the interface, which has been 4 since 2006.
#if defined(__APPLE__)
static const char library_name[] = "libcurl.4.dylib";
#else
static const char library_name[] = "libcurl.so.4";
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static lw_curl functions;
static char failure[256]; // empty: loaded

typedef struct named_function {
    const char *name;
    void *slot; // of a pointer to a function
} named_function;

static void note_failure(void)
{
    const char *words = dlerror();
    snprintf(failure, sizeof failure, "%s", words ? words : "it does not load");
}

// curl_global_init is not safe to call from two threads, hence the once.
static void load(void)
{
    CURLcode (*global_init)(long flags) = NULL;
    const named_function wanted[] = {
        {"curl_global_init", &global_init},        {"curl_easy_init", &functions.init},
        {"curl_easy_setopt", &functions.setopt},   {"curl_easy_perform", &functions.perform},
        {"curl_easy_getinfo", &functions.getinfo}, {"curl_easy_strerror", &functions.strerror},
        {"curl_easy_cleanup", &functions.cleanup},
    };
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        note_failure();
        return;
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *address = dlsym(library, wanted[i].name);
        if (!address) {
            note_failure();
            return;
        }
        // POSIX promises that a pointer to a function fits; ISO C has no conversion.
        memcpy(wanted[i].slot, &address, sizeof address);
    }
    if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(failure, sizeof failure, "it does not initialize");
}

lw_status lw_curl_load(const lw_curl **curl)
{
    pthread_once(&once, load);
    *curl = NULL;
    if (failure[0]) return lw_fail(LW_ERROR_UNSUPPORTED, "%s: %s", library_name, failure);
    *curl = &functions;
    return LW_OK;
}
