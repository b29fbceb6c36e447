// SPDX-License-Identifier: Apache-2.0
// The history: what was measured, when, of which commit and on which machine, with every repetition,
// in a SQLite database that several processes may use at once.
//
// Every failure leaves the file as it was. A file that is damaged, locked, read-only, of a newer
// version or no history at all is LW_ERROR_INPUT with what to do about it.
#ifndef LW_TRACK_STORE_H
#define LW_TRACK_STORE_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_store lw_store;

typedef enum lw_store_mode {
    LW_STORE_READ, // the file must be there
    LW_STORE_WRITE // it is made when it is missing
} lw_store_mode;

// What must be the same for figures to be compared.
typedef struct lw_machine {
    char cpu[96], isa[16], system[64];
    char name[64]; // what the user calls it, where the rest does not tell machines apart; ""
    int32_t processors;
    int64_t memory_gib;
} lw_machine;

typedef struct lw_store_run {
    char id[40];  // the same everywhere, also after export and import
    int64_t time; // seconds since 1970, UTC; runs are ordered by when they were added, not by this
    char commit[64], compiler[256], flags[256], program[256];
    lw_machine machine;
} lw_store_run;

typedef struct lw_store_result {
    const char *name;
    const char *unit;  // "s", "%", ...; of every result of that name
    const char *label; // the kernel that ran; ""
    const double *values;
    size_t n; // at least 1
} lw_store_result;

lw_status lw_store_open(lw_store **store, const char *path, lw_store_mode mode);
void lw_store_close(lw_store **store);

// A new id: 128 random bits in hexadecimal.
void lw_store_new_id(char id[static 40]);

// Adds a run with its results, all or nothing. A run whose id is there already is left as it is and
// *added is false (may be NULL). LW_ERROR_INPUT for a value that is not finite.
lw_status lw_store_add(lw_store *store, const lw_store_run *run, const lw_store_result *results,
                       size_t n, bool *added);

// ---- reading ----------------------------------------------------------------------------------

typedef struct lw_store_machine {
    int64_t key; // in this file
    lw_machine machine;
    int64_t runs;
} lw_store_machine;

typedef struct lw_store_name {
    char *name, *unit; // owned
    int64_t runs;
} lw_store_name;

typedef struct lw_store_point {
    char commit[64], label[80];
    int64_t time, run;        // run: counts up in the order of adding
    double median, low, high; // quartiles of the repetitions
    size_t n;                 // repetitions
} lw_store_point;

// Machines with at least one run, the one of the latest run first. free().
lw_status lw_store_machines(lw_store *store, lw_store_machine **machines, size_t *n);
// The machine with the same properties; *key is -1 when there is none.
lw_status lw_store_find_machine(lw_store *store, const lw_machine *machine, int64_t *key);
// Benchmarks that ran on a machine, by name. lw_store_free_names.
lw_status lw_store_names(lw_store *store, int64_t machine, lw_store_name **names, size_t *n);
void lw_store_free_names(lw_store_name *names, size_t n);
// One benchmark on one machine, in the order of the runs. free().
lw_status lw_store_series(lw_store *store, int64_t machine, const char *name,
                          lw_store_point **points, size_t *n);

// Hands every run to `visit`, in their order; the first failure of `visit` ends it.
typedef lw_status (*lw_store_visit)(void *user, const lw_store_run *run,
                                    const lw_store_result *results, size_t n);
lw_status lw_store_each(lw_store *store, lw_store_visit visit, void *user);

#endif
