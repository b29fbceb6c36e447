// SPDX-License-Identifier: Apache-2.0
#include "track/exchange.h"

#include "base/error.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// ---- export -----------------------------------------------------------------------------------

static bool add_machine(cJSON *line, const lw_machine *machine)
{
    cJSON *object = cJSON_AddObjectToObject(line, "machine");
    return object && cJSON_AddStringToObject(object, "cpu", machine->cpu) &&
           cJSON_AddStringToObject(object, "isa", machine->isa) &&
           cJSON_AddStringToObject(object, "system", machine->system) &&
           cJSON_AddStringToObject(object, "name", machine->name) &&
           cJSON_AddNumberToObject(object, "processors", machine->processors) &&
           cJSON_AddNumberToObject(object, "memory_gib", (double)machine->memory_gib);
}

static bool add_result(cJSON *results, const lw_store_result *result)
{
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(results, object)) return false;
    cJSON *values = cJSON_CreateDoubleArray(result->values, (int)result->n);
    return cJSON_AddStringToObject(object, "name", result->name) &&
           cJSON_AddStringToObject(object, "unit", result->unit) &&
           cJSON_AddStringToObject(object, "label", result->label) && values &&
           cJSON_AddItemToObject(object, "values", values);
}

static bool fill_line(cJSON *line, const lw_store_run *run, const lw_store_result *results,
                      size_t n)
{
    if (!line || !cJSON_AddStringToObject(line, "lanewise_run", run->id) ||
        !cJSON_AddNumberToObject(line, "time", (double)run->time) ||
        !cJSON_AddStringToObject(line, "commit", run->commit) ||
        !cJSON_AddStringToObject(line, "compiler", run->compiler) ||
        !cJSON_AddStringToObject(line, "flags", run->flags) ||
        !cJSON_AddStringToObject(line, "program", run->program) ||
        !add_machine(line, &run->machine))
        return false;
    cJSON *array = cJSON_AddArrayToObject(line, "results");
    for (size_t i = 0; array && i < n; i++)
        if (!add_result(array, &results[i])) return false;
    return array != NULL;
}

static lw_status export_run(void *user, const lw_store_run *run, const lw_store_result *results,
                            size_t n)
{
    FILE *file = user;
    cJSON *line = cJSON_CreateObject();
    char *text = fill_line(line, run, results, n) ? cJSON_PrintUnformatted(line) : NULL;
    cJSON_Delete(line);
    if (!text) return lw_fail(LW_ERROR_MEMORY, "no memory for the export of a run");
    const bool written = fprintf(file, "%s\n", text) > 0;
    cJSON_free(text);
    return written ? LW_OK
                   : lw_fail(LW_ERROR_IO, "the export cannot be written: %s", strerror(errno));
}

lw_status lw_exchange_export(lw_store *store, FILE *file)
{
    LW_TRY(lw_store_each(store, export_run, file));
    if (fflush(file) == 0) return LW_OK;
    return lw_fail(LW_ERROR_IO, "the export cannot be written: %s", strerror(errno));
}

// ---- import -----------------------------------------------------------------------------------

bool lw_exchange_recognize(const char *text, size_t length)
{
    static const char begin[] = "{\"lanewise_run\"";
    return length >= sizeof begin - 1 && memcmp(text, begin, sizeof begin - 1) == 0;
}

// Where a line came from, for messages.
typedef struct place {
    const char *source;
    size_t line;
} place;

static lw_status fail_line(const place *where, const char *what)
{
    return lw_fail(LW_ERROR_INPUT, "%s:%zu: %s", where->source, where->line, what);
}

static lw_status read_text(char *to, size_t to_bytes, const cJSON *object, const char *key,
                           const place *where)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    if (!text || strlen(text) >= to_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s:%zu: expected a text \"%s\" of less than %zu bytes",
                       where->source, where->line, key, to_bytes);
    memcpy(to, text, strlen(text) + 1);
    return LW_OK;
}

static lw_status read_count(int64_t *count, const cJSON *object, const char *key,
                            const place *where)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e15))
        return lw_fail(LW_ERROR_INPUT, "%s:%zu: expected a whole number \"%s\"", where->source,
                       where->line, key);
    *count = (int64_t)item->valuedouble;
    return LW_OK;
}

static lw_status read_run(lw_store_run *run, const cJSON *line, const place *where)
{
    const cJSON *machine = cJSON_GetObjectItemCaseSensitive(line, "machine");
    int64_t processors;
    LW_TRY(read_text(run->id, sizeof run->id, line, "lanewise_run", where));
    LW_TRY(read_count(&run->time, line, "time", where));
    LW_TRY(read_text(run->commit, sizeof run->commit, line, "commit", where));
    LW_TRY(read_text(run->compiler, sizeof run->compiler, line, "compiler", where));
    LW_TRY(read_text(run->flags, sizeof run->flags, line, "flags", where));
    LW_TRY(read_text(run->program, sizeof run->program, line, "program", where));
    LW_TRY(read_text(run->machine.cpu, sizeof run->machine.cpu, machine, "cpu", where));
    LW_TRY(read_text(run->machine.isa, sizeof run->machine.isa, machine, "isa", where));
    LW_TRY(read_text(run->machine.system, sizeof run->machine.system, machine, "system", where));
    LW_TRY(read_text(run->machine.name, sizeof run->machine.name, machine, "name", where));
    LW_TRY(read_count(&processors, machine, "processors", where));
    run->machine.processors = (int32_t)(processors < 1 << 20 ? processors : 1 << 20);
    return read_count(&run->machine.memory_gib, machine, "memory_gib", where);
}

// Points into `item`, but for the values, which are an array of their own.
static lw_status read_result(lw_store_result *result, const cJSON *item, const place *where)
{
    result->name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    result->unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "unit"));
    result->label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "label"));
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(item, "values"), *value;
    const int n = cJSON_GetArraySize(values);
    if (!result->name || !*result->name || !result->unit || !result->label || n < 1)
        return fail_line(where, "a result needs \"name\", \"unit\", \"label\" and \"values\"");
    double *copy = malloc((size_t)n * sizeof *copy);
    if (!copy) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the results", where->source);
    result->values = copy;
    cJSON_ArrayForEach(value, values)
    {
        if (!cJSON_IsNumber(value)) return fail_line(where, "a value is no number");
        copy[result->n++] = value->valuedouble;
    }
    return LW_OK;
}

// Reads a line, and adds it when there is a store to add it to.
static lw_status import_results(lw_store *store, const lw_store_run *run, const cJSON *array,
                                const place *where, bool *added)
{
    const size_t n = (size_t)cJSON_GetArraySize(array);
    lw_store_result *results = calloc(n + 1, sizeof *results);
    if (!results) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for the results", where->source);
    lw_status status = LW_OK;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (!status) status = read_result(&results[i++], item, where);
    }
    if (!status && store) status = lw_store_add(store, run, results, n, added);
    for (i = 0; i < n; i++) free((void *)results[i].values);
    free(results);
    return status;
}

static lw_status import_line(lw_store *store, const char *text, size_t length, const place *where,
                             bool *added)
{
    cJSON *line = cJSON_ParseWithLength(text, length);
    if (!line) return fail_line(where, "not JSON");
    lw_store_run run = {0};
    lw_status status = read_run(&run, line, where);
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(line, "results");
    if (!status && !cJSON_IsArray(array)) status = fail_line(where, "there is no \"results\"");
    if (!status) status = import_results(store, &run, array, where, added);
    cJSON_Delete(line);
    return status;
}

static lw_status import_lines(lw_store *store, const char *text, size_t length, const char *source,
                              size_t *added, size_t *skipped)
{
    place where = {.source = source};
    for (size_t begin = 0, end; begin < length; begin = end + 1) {
        const char *newline = memchr(text + begin, '\n', length - begin);
        end = newline ? (size_t)(newline - text) : length;
        where.line++;
        if (end == begin) continue;
        bool is_new = false;
        LW_TRY(import_line(store, text + begin, end - begin, &where, &is_new));
        *added += is_new;
        *skipped += !is_new;
    }
    return LW_OK;
}

lw_status lw_exchange_import(lw_store *store, const char *text, size_t length, const char *source,
                             size_t *added, size_t *skipped)
{
    *added = *skipped = 0;
    LW_TRY(import_lines(NULL, text, length, source, added, skipped));
    *added = *skipped = 0;
    return import_lines(store, text, length, source, added, skipped);
}
