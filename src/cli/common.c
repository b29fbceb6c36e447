// SPDX-License-Identifier: Apache-2.0
#include "cli/common.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/shipped.h"
#include "cpu/topology.h"
#include "report/format.h"
#include "report/progress.h"

#include <lanewise/cpu.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const lw_option lw_data_option_table[LW_N_DATA_OPTIONS] = {
    {.name = "data",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_common_settings, data),
     .value_name = "NAME",
     .help =
         "a data set by name (`lanewise data list`), a folder of images with a folder for each "
         "class, a zip or tar archive of one, a folder with the four IDX files, or auto: the first "
         "that is at hand of MNIST, Fashion-MNIST and the built-in digits"},
    {.name = "train-limit",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_common_settings, train_limit),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1e9,
     .help = "use only N training images: the first ones, of a folder of images a share of each "
             "class"},
};

const lw_option lw_offline_option_table[LW_N_OFFLINE_OPTIONS] = {
    {.name = "offline",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_common_settings, offline),
     .help = "never fetch data from the network"},
    {.name = "skip-bad",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_common_settings, skip_bad),
     .help = "leave out what is damaged or no image in a folder or archive, list it, and go on"},
    {.name = "memory",
     .kind = LW_OPTION_TEXT,
     .offset = offsetof(lw_common_settings, memory),
     .value_name = "SIZE",
     .help = "images that decode to more than this, as in 512M or 2G, are read again and again as "
             "they are needed (default: half of the memory that this process may use)"},
};

const lw_option lw_thread_option_table[LW_N_THREAD_OPTIONS] = {
    {.name = "threads",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(lw_common_settings, threads),
     .value_name = "N",
     .minimum = 1,
     .maximum = 1024,
     .help =
         "threads to work with; without it, as many as this process may use. The results do not "
         "depend on it. Training and evaluating takes no more than there are processors for"},
};

const lw_option lw_output_option_table[LW_N_OUTPUT_OPTIONS] = {
    {.name = "json",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_common_settings, json),
     .help = "print the result as JSON on standard output, everything else on standard error"},
    {.name = "quiet",
     .kind = LW_OPTION_FLAG,
     .offset = offsetof(lw_common_settings, quiet),
     .help = "only the bare result: no notes, no progress, no pictures"},
};

void lw_note(const lw_output *output, const char *format, ...)
{
    if (!output->notes) return;
    // Both streams may end in one file: what was said earlier has to stand earlier.
    fflush(output->result);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(output->notes, format, arguments);
    va_end(arguments);
    fputc('\n', output->notes);
    fflush(output->notes);
}

lw_status lw_find_network(lw_network **network, const char *argument)
{
    static const lw_shipped_kind networks = {"", ".net", "one of the shipped networks"};
    char path[4096];
    *network = NULL;
    size_t length = strlen(argument);
    bool is_word =
        !strchr(argument, '/') && (length < 4 || strcmp(argument + length - 4, ".net") != 0);
    bool is_file = lw_file_exists(argument) && !lw_file_is_folder(argument);
    if (is_file || !is_word) return lw_network_load(network, argument);
    if (lw_shipped_find(&networks, argument, path, sizeof path))
        return lw_network_load(network, path);
    if (lw_file_is_folder(argument)) return lw_network_load(network, argument); // says: a folder
    return lw_shipped_fail(&networks, argument);
}

void lw_note_sentence(void *output, const char *sentence)
{
    lw_note(output, "%s", sentence);
}

// What the library's reports of one opening go to.
typedef struct opening {
    lw_output output;
    lw_progress progress;
    const char *what; // the work that is shown, and since when
    double begun;
} opening;

static void note_while_opening(void *user, const char *sentence)
{
    opening *state = user;
    lw_progress_clear(&state->progress);
    lw_note(&state->output, "%s", sentence);
}

// "decoding 12,000 of 60,000 images, 9,800 images/s, 0:05 left"
static void show_progress(void *user, const char *what, size_t done, size_t count)
{
    opening *state = user;
    double now = lw_clock_seconds();
    if (state->output.quiet) return;
    if (!state->what || strcmp(state->what, what) != 0) {
        state->what = what;
        state->begun = now;
    }
    double rate = (double)done / fmax(now - state->begun, 1e-9);
    double left = rate > 0 ? (double)(count - done) / rate : -1;
    char text[256];
    snprintf(text, sizeof text, "%s %s of %s images, %s images/s, %s left", what,
             lw_format_count((int64_t)done).text, lw_format_count((int64_t)count).text,
             lw_format_count(llround(fmin(rate, 1e12))).text, lw_format_clock(left).text);
    lw_progress_work(&state->progress, text, count ? (double)done / (double)count : 1, now);
}

int32_t lw_data_channels(const lw_network *network)
{
    int32_t channels = lw_network_input(network).channels;
    return channels == 1 || channels == 3 ? channels : 0;
}

void lw_note_problems(const lw_data_splits *splits, const lw_output *output)
{
    enum { most_shown = 10 };
    if (splits->n_problems == 0) return;
    lw_note(output, "left out with --skip-bad, or missing:");
    for (size_t i = 0; i < splits->n_problems && i < most_shown; i++)
        lw_note(output, "  %s", splits->problems[i]);
    if (splits->n_problems > most_shown)
        lw_note(output, "  and %s more",
                lw_format_count((int64_t)(splits->n_problems - most_shown)).text);
}

int32_t lw_settings_threads(const lw_common_settings *settings)
{
    return lw_cpu_resolve_threads(settings->threads);
}

lw_status lw_open_data(lw_data_splits *splits, const lw_common_settings *settings, const char *name,
                       int64_t validation, const lw_output *output)
{
    const uint64_t least_memory = 1 << 20;
    opening state = {.output = *output,
                     .progress = lw_progress_begin(stderr, false, lw_clock_seconds())};
    lw_data_options options = {.name = name,
                               .train_limit = settings->train_limit,
                               .validation_count = validation,
                               .validation_fraction = settings->validation_fraction,
                               .offline = settings->offline,
                               // The built-in digits are one fixed set, and a folder is divided in
                               // one fixed way: runs with different seeds can be compared, and
                               // `eval` sees the images that `train` saw.
                               .seed = 1,
                               .channels = (int32_t)settings->channels,
                               .skip_bad = settings->skip_bad,
                               .threads = lw_settings_threads(settings),
                               .progress = show_progress,
                               .report = note_while_opening,
                               .user = &state};
    if (settings->memory && (!lw_parse_bytes(settings->memory, &options.memory_bytes) ||
                             options.memory_bytes < least_memory))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--memory: expected a size from 1M on, as in 512M or 2G, got \"%s\"",
                       settings->memory);
    lw_status status = lw_data_open(splits, &options);
    lw_progress_clear(&state.progress);
    if (status) return status;
    lw_note(output, "data: %s", splits->source);
    lw_note_problems(splits, output);
    return LW_OK;
}

const char *const lw_split_words[4] = {"train", "validation", "test", NULL};

const lw_dataset *lw_split_at(const lw_data_splits *splits, int index)
{
    const lw_dataset *const parts[] = {splits->train, splits->validation, splits->test};
    return parts[index];
}

lw_status lw_class_names(const char ***names, const lw_dataset *dataset)
{
    int32_t count = lw_dataset_class_count(dataset);
    *names = calloc((size_t)count, sizeof **names);
    if (!*names) return lw_fail(LW_ERROR_MEMORY, "no memory for %d class names", count);
    for (int32_t i = 0; i < count; i++) (*names)[i] = lw_dataset_class_name(dataset, i);
    return LW_OK;
}

uint64_t lw_peak_memory_bytes(void)
{
    // getrusage would count what the parent process held when it started this one.
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long kibibytes = 0;
    if (file) {
        char line[256];
        while (kibibytes == 0 && fgets(line, sizeof line, file))
            if (sscanf(line, "VmHWM: %llu kB", &kibibytes) != 1) kibibytes = 0;
        fclose(file);
    }
    struct rusage usage;
    if (kibibytes == 0 && getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0)
        kibibytes = (unsigned long long)usage.ru_maxrss;
    return (uint64_t)kibibytes * 1024;
}
