// SPDX-License-Identifier: Apache-2.0
#include "base/library.h"

#include "base/error.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
// gcc's leak checker looks for the thread-local variables of such libraries where they are not, and crashes at the end of the
// program (oneDNN 2.6, gcc 12). Built with it, a program leaves them out.
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "intercept_tls_get_addr=0";
}
#endif

// The loader's words mostly name the file themselves.
static void note_failure(lw_library *library, const char *words)
{
    if (!words) words = "it does not load";
    const bool named = strstr(words, library->file) != NULL;
    snprintf(library->failure, sizeof library->failure, "%s%s%s", named ? "" : library->file,
             named ? "" : ": ", words);
}

static void *find(void *handle, const lw_library_function *function)
{
    void *program = function->program_first ? dlopen(NULL, RTLD_LAZY) : NULL;
    void *address = program ? dlsym(program, function->name) : NULL;
    return address ? address : dlsym(handle, function->name);
}

// What was loaded stays, also where it cannot be used: libraries start threads and leave hooks behind.
static void load(lw_library *library)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        note_failure(library, dlerror());
        return;
    }
    for (size_t i = 0; i < library->n_functions; i++) {
        void *address = find(handle, &library->functions[i]);
        if (!address) {
            note_failure(library, dlerror());
            return;
        }
        // POSIX promises that a pointer to a function fits; ISO C has no conversion.
        memcpy(library->functions[i].slot, &address, sizeof address);
    }
    if (library->start && !library->start()) note_failure(library, "it does not initialize");
}

lw_status lw_library_load(lw_library *library)
{
    pthread_mutex_lock(&library->mutex);
    if (!library->tried) load(library);
    library->tried = true;
    pthread_mutex_unlock(&library->mutex);
    // Nobody writes it any more.
    if (!library->failure[0]) return LW_OK;
    return lw_fail(LW_ERROR_UNSUPPORTED, "%s", library->failure);
}
