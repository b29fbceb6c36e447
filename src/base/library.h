// SPDX-License-Identifier: Apache-2.0
// Shared libraries that are loaded when something asks for them first. A library that a program links takes memory and
// time at every start, with all the libraries behind it; what most runs never use does not have to.
#ifndef LW_BASE_LIBRARY_H
#define LW_BASE_LIBRARY_H

#include <lanewise/status.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

// A function that is wanted, and the pointer that will hold it.
typedef struct lw_library_function {
    const char *name;
    void *slot;         // the address of a pointer to the function
    bool program_first; // the program's own where it has one, which is what the library calls, too
} lw_library_function;

// All of them are static: {.file = ..., .functions = ..., .n_functions = ..., .mutex = PTHREAD_MUTEX_INITIALIZER}.
typedef struct lw_library {
    const char *file; // a name that the system's loader finds, or a path
    const lw_library_function *functions;
    size_t n_functions;
    bool (*start)(
        void); // called once, when the functions are there; may be NULL. false: it cannot be used
    pthread_mutex_t mutex; // of what follows
    bool tried;
    char failure[256]; // empty: loaded
} lw_library;

// Loads the library at the first call, whatever the number of threads, and fills the slots of its functions, which
// stay valid to the end of the process; later calls give the same answer. LW_ERROR_UNSUPPORTED says what is missing.
lw_status lw_library_load(lw_library *library);

#endif
