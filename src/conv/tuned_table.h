// SPDX-License-Identifier: Apache-2.0
// Measured times of convolutions: a table in memory, and the text file in the user's cache that keeps
// it from one run to the next.
//
// The file's first line is "lanewise-tuning 1 <checksum>", the checksum (FNV-1a, 64 bits, hex)
// being that of all that follows. Then one line an entry, fields with tabs between them:
//
//     CPU  ISA  kernel set  threads  problem  pass  layout  fusion  chosen  algorithm=ns,...
//
// The first eight are the key. Entries of other CPUs are kept (a home folder may serve several
// machines) and never found; entries of this CPU with another kernel set are dropped when the file
// is next written. A file that is damaged or of another format counts as empty, and is replaced.
#ifndef LW_CONV_TUNED_TABLE_H
#define LW_CONV_TUNED_TABLE_H

#include <lanewise/conv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a time depends on, beside the CPU, the instruction set and the version of the kernels.
typedef struct lw_tuned_key {
    const char *problem; // as lw_conv_shape_format writes it
    lw_conv_pass pass;
    lw_conv_layout layout;
    int32_t threads;
    const char *fusion; // what runs with the convolution, one word: LW_TUNED_PLAIN
} lw_tuned_key;

// The convolution with bias, nothing else: what lw_conv_plan runs.
#define LW_TUNED_PLAIN "plain"

typedef struct lw_tuned_time {
    lw_conv_algorithm algorithm;
    int64_t ns; // of one execution, at least 1
} lw_tuned_time;

enum { LW_TUNED_MOST_TIMES = 8 };

typedef struct lw_tuned_result {
    lw_conv_algorithm chosen; // one of the measured ones
    int n_times;
    lw_tuned_time times[LW_TUNED_MOST_TIMES];
} lw_tuned_result;

// The time of an algorithm; 0 when it was not measured. `result` may be NULL.
int64_t lw_tuned_ns(const lw_tuned_result *result, lw_conv_algorithm algorithm);

// An entry as it stands in the file. The pointers are the table's.
typedef struct lw_tuned_entry {
    char *key; // the first eight fields
    uint64_t hash;
    lw_tuned_result result;
} lw_tuned_entry;

// Start from {0}.
typedef struct lw_tuned_table {
    lw_tuned_entry *entries;
    size_t n, capacity;
    size_t *places; // open addressing: 1 + index of an entry, 0 where free
    size_t n_places;
    char
        note[512]; // why a file, or all of it that concerns this machine, is not used; "" otherwise
} lw_tuned_table;

void lw_tuned_table_free(lw_tuned_table *table);

// The entry with that key on this machine, NULL when there is none. Borrowed from the table.
const lw_tuned_result *lw_tuned_table_find(const lw_tuned_table *table, const lw_tuned_key *key);

// Adds an entry of this machine or replaces it. LW_ERROR_MEMORY.
lw_status lw_tuned_table_put(lw_tuned_table *table, const lw_tuned_key *key,
                             const lw_tuned_result *result);

// The same for a key as it stands in a file.
lw_status lw_tuned_table_put_line(lw_tuned_table *table, const char *key,
                                  const lw_tuned_result *result);

// True when the entry belongs to this CPU, to this version of the kernels, and to both and the
// instruction set in use.
bool lw_tuned_entry_is_of_cpu(const lw_tuned_entry *entry);
bool lw_tuned_entry_is_of_kernels(const lw_tuned_entry *entry);
bool lw_tuned_entry_is_ours(const lw_tuned_entry *entry);

// Copies field `index` (from 0) of a key, as much as fits; false when there is none.
bool lw_tuned_key_field(const char *key, int index, char *field, size_t field_bytes);
enum { LW_TUNED_KEY_FIELDS = 8 };

// ---- The file (tuned_file.c) --------------------------------------------------------------------

// Fills an empty table from a file. A file that is not there is an empty table; content that cannot
// be used is left out, and table->note says why in one sentence. LW_ERROR_IO where the file is there and
// cannot be read; LW_ERROR_MEMORY.
lw_status lw_tuned_table_load(lw_tuned_table *table, const char *path);

// The same for a text of `count` bytes and a zero byte behind them, which is changed on the way;
// `name` stands in the note. LW_ERROR_MEMORY.
lw_status lw_tuned_table_read(lw_tuned_table *table, char *text, size_t count, const char *name);

// Adds the entries to the file, which is read again for it under a lock, so that two processes keep
// what both have measured; replaces it whole. The folder is made. *replaced (NULL: not wanted) is
// the note of what was there before. LW_ERROR_IO, LW_ERROR_MEMORY.
lw_status lw_tuned_table_merge(const lw_tuned_table *additions, const char *path, char *replaced,
                               size_t replaced_bytes);

// The lock that merging takes, for those who do something else with the file: lw_file_unlock. The
// folder is made. LW_ERROR_IO.
lw_status lw_tuned_lock(const char *path, int *lock);

// The file in the user's cache folder. LW_ERROR_NOT_FOUND when there is no such folder (no
// LANEWISE_CACHE_DIR, XDG_CACHE_HOME or HOME).
lw_status lw_tuned_path(char *path, size_t path_bytes);

// The table of the user's cache, loaded at the first call and constant afterwards.
const lw_tuned_table *lw_tuned_shared(void);

#endif
