// SPDX-License-Identifier: Apache-2.0
// The table in memory: entries in the order in which they came, found by hash.
#include "conv/tuned_table.h"

#include "base/error.h"
#include "base/hash.h"
#include "simd/kernels.h"

#include <lanewise/cpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Room for any key: the CPU's name, a problem string and a few words.
enum { key_bytes = LW_CONV_PROBLEM_BYTES + 256 };

// The fields of a key that name the machine.
enum { cpu_field, isa_field, kernel_set_field };

static uint64_t hash_text(const char *text)
{
    return lw_hash_bytes(lw_hash_start, text, strlen(text));
}

// The key as the file has it. A tab or newline in the CPU's name would break the line.
static void write_key(const lw_tuned_key *key, char text[key_bytes])
{
    int length = snprintf(text, key_bytes, "%.100s", lw_cpu_name());
    for (int i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ') text[i] = ' ';
    snprintf(text + length, key_bytes - (size_t)length, "\t%.20s\t%d\t%d\t%s\t%s\t%s\t%.40s",
             lw_cpu_isa(), LW_KERNEL_SET_VERSION, key->threads, key->problem,
             lw_conv_pass_name(key->pass), lw_conv_layout_name(key->layout), key->fusion);
}

int64_t lw_tuned_ns(const lw_tuned_result *result, lw_conv_algorithm algorithm)
{
    for (int i = 0; result && i < result->n_times; i++)
        if (result->times[i].algorithm == algorithm) return result->times[i].ns;
    return 0;
}

void lw_tuned_table_free(lw_tuned_table *table)
{
    for (size_t i = 0; i < table->n; i++) free(table->entries[i].key);
    free(table->entries);
    free(table->places);
    *table = (lw_tuned_table){0};
}

// Where the key stands in `places`, or the free place where it would go.
static size_t find_place(const lw_tuned_table *table, const char *key, uint64_t hash)
{
    size_t place = (size_t)hash & (table->n_places - 1);
    for (;; place = (place + 1) & (table->n_places - 1)) {
        if (table->places[place] == 0) return place;
        const lw_tuned_entry *entry = &table->entries[table->places[place] - 1];
        if (entry->hash == hash && strcmp(entry->key, key) == 0) return place;
    }
}

const lw_tuned_result *lw_tuned_table_find(const lw_tuned_table *table, const lw_tuned_key *key)
{
    if (table->n == 0) return NULL;
    char text[key_bytes];
    write_key(key, text);
    const size_t found = table->places[find_place(table, text, hash_text(text))];
    return found ? &table->entries[found - 1].result : NULL;
}

// Room for one more entry; at most half of the places are taken.
static lw_status grow(lw_tuned_table *table)
{
    if (table->n < table->capacity) return LW_OK;
    const size_t capacity = table->capacity ? 2 * table->capacity : 32, n_places = 4 * capacity;
    lw_tuned_entry *entries = realloc(table->entries, capacity * sizeof *entries);
    if (entries) table->entries = entries;
    size_t *places = entries ? calloc(n_places, sizeof *places) : NULL;
    if (!places) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu measured times", capacity);
    free(table->places);
    table->places = places;
    table->n_places = n_places;
    table->capacity = capacity;
    for (size_t i = 0; i < table->n; i++)
        places[find_place(table, entries[i].key, entries[i].hash)] = i + 1;
    return LW_OK;
}

lw_status lw_tuned_table_put_line(lw_tuned_table *table, const char *key,
                                  const lw_tuned_result *result)
{
    LW_TRY(grow(table));
    const uint64_t hash = hash_text(key);
    const size_t place = find_place(table, key, hash);
    if (table->places[place]) {
        table->entries[table->places[place] - 1].result = *result;
        return LW_OK;
    }
    const size_t bytes = strlen(key) + 1;
    char *copy = malloc(bytes);
    if (!copy) return lw_fail(LW_ERROR_MEMORY, "no memory for a measured time");
    memcpy(copy, key, bytes);
    table->entries[table->n++] = (lw_tuned_entry){copy, hash, *result};
    table->places[place] = table->n;
    return LW_OK;
}

lw_status lw_tuned_table_put(lw_tuned_table *table, const lw_tuned_key *key,
                             const lw_tuned_result *result)
{
    char text[key_bytes];
    write_key(key, text);
    return lw_tuned_table_put_line(table, text, result);
}

// ---- whose entry ------------------------------------------------------------------------------

bool lw_tuned_key_field(const char *key, int index, char *field, size_t field_bytes)
{
    for (; index > 0; index--) {
        key = strchr(key, '\t');
        if (!key) return false;
        key++;
    }
    snprintf(field, field_bytes, "%.*s", (int)strcspn(key, "\t"), key);
    return true;
}

static bool field_is(const char *key, int index, const char *expected)
{
    char field[key_bytes];
    return lw_tuned_key_field(key, index, field, sizeof field) && strcmp(field, expected) == 0;
}

bool lw_tuned_entry_is_of_cpu(const lw_tuned_entry *entry)
{
    // Written as a key has it.
    char key[key_bytes], cpu[key_bytes];
    write_key(&(lw_tuned_key){.problem = "", .fusion = ""}, key);
    return lw_tuned_key_field(key, cpu_field, cpu, sizeof cpu) &&
           field_is(entry->key, cpu_field, cpu);
}

bool lw_tuned_entry_is_of_kernels(const lw_tuned_entry *entry)
{
    char version[16];
    snprintf(version, sizeof version, "%d", LW_KERNEL_SET_VERSION);
    return field_is(entry->key, kernel_set_field, version);
}

bool lw_tuned_entry_is_ours(const lw_tuned_entry *entry)
{
    return lw_tuned_entry_is_of_cpu(entry) && lw_tuned_entry_is_of_kernels(entry) &&
           field_is(entry->key, isa_field, lw_cpu_isa());
}
