// SPDX-License-Identifier: Apache-2.0
// Recordings: measured, written and read.
#include "base/error.h"
#include "base/file.h"
#include "track/rehearsal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lw_recording_free(lw_recording *recording)
{
    for (size_t i = 0; i < recording->n; i++) {
        free(recording->cases[i].name);
        free(recording->cases[i].blocks);
    }
    free(recording->cases);
    *recording = (lw_recording){0};
}

static lw_status fail_memory(void)
{
    return lw_fail(LW_ERROR_MEMORY, "no memory for the recording");
}

static lw_recorded_case *case_of(lw_recording *recording, const char *name, double planted)
{
    for (size_t i = 0; i < recording->n; i++)
        if (fabs(recording->cases[i].planted - planted) < 1e-9 &&
            strcmp(recording->cases[i].name, name) == 0)
            return &recording->cases[i];
    if (recording->n == recording->capacity) {
        const size_t capacity = recording->capacity ? 2 * recording->capacity : 64;
        lw_recorded_case *grown = realloc(recording->cases, capacity * sizeof *grown);
        if (!grown) return NULL;
        recording->cases = grown;
        recording->capacity = capacity;
    }
    lw_recorded_case *c = &recording->cases[recording->n];
    *c = (lw_recorded_case){.name = strdup(name), .planted = planted};
    if (!c->name) return NULL;
    recording->n++;
    return c;
}

static lw_status add_block(lw_recording *recording, const char *name, double planted,
                           const lw_recorded_block *block)
{
    lw_recorded_case *c = case_of(recording, name, planted);
    if (!c) return fail_memory();
    if (c->n == c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 64;
        lw_recorded_block *grown = realloc(c->blocks, capacity * sizeof *grown);
        if (!grown) return fail_memory();
        c->blocks = grown;
        c->capacity = capacity;
    }
    c->blocks[c->n++] = *block;
    return LW_OK;
}

// ---- measuring --------------------------------------------------------------------------------

// Blocks come with the number of their benchmark; the names are known at the end.
typedef struct collector {
    lw_ab_block *blocks;
    size_t n, capacity;
    bool failed;
} collector;

static void collect(void *user, const lw_ab_block *block)
{
    collector *c = user;
    if (c->n == c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 256;
        lw_ab_block *grown = realloc(c->blocks, capacity * sizeof *grown);
        c->failed = c->failed || !grown;
        if (!grown) return;
        c->blocks = grown;
        c->capacity = capacity;
    }
    c->blocks[c->n++] = *block;
}

static lw_status keep(lw_recording *recording, const collector *collected, const lw_ab *ab,
                      double planted)
{
    for (size_t i = 0; i < collected->n; i++) {
        const lw_ab_block *block = &collected->blocks[i];
        recording->disturbed += block->disturbed;
        if (block->disturbed) continue;
        const double *s = block->seconds;
        const lw_recorded_block kept = {
            .difference = block->difference,
            .wall_seconds = block->wall_seconds,
            .old_seconds = {s[block->new_first], s[3 - block->new_first]},
            .new_seconds = {s[!block->new_first], s[3 - !block->new_first]}};
        LW_TRY(add_block(recording, ab->entries[block->entry].name, planted, &kept));
    }
    return LW_OK;
}

static lw_status measure_linked(lw_recording *recording, const char *program,
                                const char *planted_link, double planted,
                                const lw_ab_options *wanted)
{
    collector collected = {0};
    lw_ab_options options = *wanted;
    lw_ab *ab;
    options.programs[LW_AB_OLD] = program;
    options.programs[LW_AB_NEW] = planted_link;
    options.all_rounds = true;
    options.on_block = collect;
    options.block_user = &collected;
    lw_status status = lw_ab_run(&ab, &options);
    if (!status && collected.failed) status = fail_memory();
    if (!status) status = keep(recording, &collected, ab, planted);
    if (ab) lw_ab_destroy(&ab);
    free(collected.blocks);
    return status;
}

lw_status lw_recording_measure(lw_recording *recording, const char *program, double planted,
                               const lw_ab_options *options)
{
    char folder[] = "/tmp/lanewise-planted-XXXXXX", path[128], real[4096];
    if (!realpath(program, real))
        return lw_fail(LW_ERROR_NOT_FOUND, "%s: there is no such program", program);
    if (!mkdtemp(folder)) return lw_fail(LW_ERROR_IO, "%s: cannot be made", folder);
    snprintf(path, sizeof path, "%s/planted+%g", folder, planted);
    lw_status status = symlink(real, path) == 0
                           ? measure_linked(recording, real, path, planted, options)
                           : lw_fail(LW_ERROR_IO, "%s: the link cannot be made", path);
    unlink(path);
    rmdir(folder);
    return status;
}

// ---- files ------------------------------------------------------------------------------------

static const char head[] = "planted_percent,old_s,old_s,new_s,new_s,wall_s,benchmark\n";

lw_status lw_recording_write(const lw_recording *recording, const char *path)
{
    lw_text out = {0};
    lw_text_print(&out, "%s", head);
    for (size_t i = 0; i < recording->n; i++)
        for (size_t k = 0; k < recording->cases[i].n; k++) {
            const lw_recorded_block *b = &recording->cases[i].blocks[k];
            lw_text_print(&out, "%g,%.9g,%.9g,%.9g,%.9g,%.4g,%s\n", recording->cases[i].planted,
                          b->old_seconds[0], b->old_seconds[1], b->new_seconds[0],
                          b->new_seconds[1], b->wall_seconds, recording->cases[i].name);
        }
    const lw_status status =
        out.failed ? fail_memory() : lw_file_write(path, out.bytes, out.length);
    lw_text_free(&out);
    return status;
}

// Reads six numbers and a name.
static bool read_line(char *line, double numbers[6], const char **name)
{
    for (int i = 0; i < 6; i++) {
        char *comma = strchr(line, ',');
        if (!comma) return false;
        *comma = '\0';
        if (!lw_parse_double(line, &numbers[i])) return false;
        line = comma + 1;
    }
    *name = line;
    for (int i = 1; i < 5; i++)
        if (!(numbers[i] > 0)) return false;
    return *line != '\0' && numbers[0] >= 0 && numbers[5] >= 0;
}

static lw_status read_lines(lw_recording *recording, char *text, const char *path)
{
    size_t number = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        double v[6];
        const char *name;
        number++;
        if (number == 1 && strncmp(line, head, strlen(line)) == 0) continue;
        if (number == 1 || !read_line(line, v, &name))
            return lw_fail(LW_ERROR_INPUT,
                           "%s:%zu: expected a recording of lanewise track self-test", path,
                           number);
        const lw_recorded_block block = {.old_seconds = {v[1], v[2]},
                                         .new_seconds = {v[3], v[4]},
                                         .wall_seconds = v[5],
                                         .difference = 0.5 * log(v[3] * v[4] / (v[1] * v[2]))};
        LW_TRY(add_block(recording, name, v[0], &block));
    }
    return LW_OK;
}

lw_status lw_recording_read(lw_recording *recording, const char *path)
{
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_file_read(path, (size_t)1 << 28, &bytes, &count));
    const lw_status status = read_lines(recording, (char *)bytes, path);
    free(bytes);
    return status;
}
