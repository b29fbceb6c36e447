// SPDX-License-Identifier: Apache-2.0
// Run directories: config.json, metrics.json and log.jsonl, one behind the other with zero bytes between them.
#define _XOPEN_SOURCE 700 // mkdtemp
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "run/run_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"config.json", "metrics.json", "log.jsonl"};
enum { n_names = sizeof names / sizeof *names };
// What has to be there beside them, and is always the same.
static const char *const others[][2] = {
    {"network.net", "input 1x8x8\nlinear 10\nsoftmax_cross_entropy\n"}, {"model.safetensors", "x"}};
enum { n_others = sizeof others / sizeof *others };

static char folder[64];

static void remove_folder(void)
{
    char path[128];
    for (int i = 0; i < n_names + n_others; i++) {
        snprintf(path, sizeof path, "%s/%s", folder,
                 i < n_names ? names[i] : others[i - n_names][0]);
        unlink(path);
    }
    rmdir(folder);
}

// A folder whose files are links to files in memory; their paths stay the same.
static void make_folder(void)
{
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/lanewise-fuzz-XXXXXX");
    LW_FUZZ_CHECK(mkdtemp(folder));
    atexit(remove_folder);
    for (int i = 0; i < n_names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        LW_FUZZ_CHECK(symlink(lw_fuzz_file(i, (const uint8_t *)"", 0), path) == 0);
    }
    for (int i = 0; i < n_others; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, others[i][0]);
        FILE *file = fopen(path, "w");
        LW_FUZZ_CHECK(file && fputs(others[i][1], file) >= 0);
        LW_FUZZ_CHECK(fclose(file) == 0);
    }
}

static void look_at(const lw_run_summary *run)
{
    char text[256];
    LW_FUZZ_CHECK(run->network && run->data && run->version && run->cpu && run->isa);
    LW_FUZZ_CHECK(run->threads >= 0 && run->parameters >= 0);
    for (size_t i = 0; i < run->n_epochs; i++)
        LW_FUZZ_CHECK(run->epochs[i].epoch > (i ? run->epochs[i - 1].epoch : 0));
    for (int32_t i = 0; i < run->confusion.classes && run->class_names; i++)
        lw_fuzz_touch(run->class_names[i], strlen(run->class_names[i]));
    lw_fuzz_touch(run->sizes, run->n_sizes * sizeof *run->sizes);
    lw_fuzz_touch(run->times, run->n_times * sizeof *run->times);
    lw_run_summary_convolutions(run, text, sizeof text);
    LW_FUZZ_CHECK(strlen(text) < sizeof text);
    // Not always true: a key may be there twice, a number infinite.
    (void)lw_run_summary_same_recipe(run, run);
    LW_FUZZ_CHECK(lw_run_summary_check_comparable(run, run) == LW_OK);
}

void lw_fuzz_run(const uint8_t *bytes, size_t count)
{
    if (!*folder) make_folder();
    size_t begin = 0;
    for (int i = 0; i < n_names; i++) {
        const uint8_t *end = begin < count ? memchr(bytes + begin, 0, count - begin) : NULL;
        const size_t length =
            end && i + 1 < n_names ? (size_t)(end - bytes) - begin : count - begin;
        lw_fuzz_file(i, bytes + begin, length);
        begin += length + 1 < count - begin ? length + 1 : count - begin;
    }
    lw_run_summary *run;
    const lw_status status = lw_run_summary_read(&run, folder);
    if (status) {
        LW_FUZZ_CHECK(!run);
        lw_fuzz_check_refusal(status);
        return;
    }
    look_at(run);
    lw_run_summary_destroy(&run);
}
