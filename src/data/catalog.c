// SPDX-License-Identifier: Apache-2.0
// The data sets that have a name, the places where their files may be, and the list of them.
#include "data/catalog.h"

#include "data/varres_open.h"

#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// The names torchvision uses for the same folders are taken as well.
static const char *const mnist_subfolders[] = {"mnist", "MNIST/raw", "", NULL};
static const char *const fashion_subfolders[] = {"fashion-mnist", "FashionMNIST/raw", NULL};

// The original host no longer serves the files to programs; these two are the copies that the large
// frameworks fetch from.
static const char *const mnist_mirrors[] = {
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
};

// Sizes and checksums of the unpacked files: gzip may be packed differently by each mirror.
static const lw_fetch_file mnist_files[LW_DATA_FILES] = {
    {"train-images-idx3-ubyte", 47040016,
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"train-labels-idx1-ubyte", 60008,
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"t10k-images-idx3-ubyte", 7840016,
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"t10k-labels-idx1-ubyte", 10008,
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
};

static const char *const fashion_classes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                              "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                              "Bag",         "Ankle boot"};

// In the order of `lanewise data list`, best first.
static const lw_data_set sets[] = {
    {.name = "mnist",
     .title = "MNIST handwritten digits",
     .short_title = "MNIST",
     .classes = 10,
     .channels = 1,
     .height = 28,
     .width = 28,
     .train_count = 60000,
     .test_count = 10000,
     .subfolders = mnist_subfolders,
     .mirrors = mnist_mirrors,
     .n_mirrors = sizeof mnist_mirrors / sizeof mnist_mirrors[0],
     .files = mnist_files},
    {.name = "fashion-mnist",
     .title = "Fashion-MNIST articles of clothing",
     .short_title = "Fashion-MNIST",
     .classes = 10,
     .channels = 1,
     .height = 28,
     .width = 28,
     .train_count = 60000,
     .test_count = 10000,
     .class_names = fashion_classes,
     .subfolders = fashion_subfolders,
     .package = "dataset-fashion-mnist",
     .package_folder = "/usr/share/datasets/fashion-mnist"},
    {.name = "digits",
     .title = "built-in digits, drawn from strokes",
     .short_title = "digits",
     .classes = 10,
     .channels = 1,
     .height = 28,
     .width = 28,
     .train_count = LW_DIGITS_TRAIN_COUNT,
     .test_count = LW_DIGITS_TEST_COUNT},
    {.name = "varres",
     .title = "the best of these at mixed sizes",
     .short_title = "varres",
     .classes = 10,
     .channels = 1},
};
enum { n_sets = sizeof sets / sizeof sets[0] };

const lw_data_set *lw_data_find_set(const char *name)
{
    for (int i = 0; i < n_sets; i++)
        if (strcmp(sets[i].name, name) == 0) return &sets[i];
    return NULL;
}

bool lw_data_is_name(const char *name)
{
    return strcmp(name, "auto") == 0 || lw_varres_is_name(name) || lw_data_find_set(name) != NULL;
}

// Case does not count in the search for the nearest name, so MNIST finds mnist.
lw_status lw_data_fail_unknown(const char *name)
{
    const char *words[n_sets + 1] = {"auto"};
    lw_text known = {0};
    for (int i = 0; i < n_sets; i++) {
        words[i + 1] = sets[i].name;
        lw_text_print(&known, "%s, ", sets[i].name);
    }
    char lower[64];
    size_t length = 0;
    for (; name[length] && length + 1 < sizeof lower; length++)
        lower[length] = (char)tolower((unsigned char)name[length]);
    lower[length] = '\0';
    const char *nearest = lw_nearest_word(lower, words, n_sets + 1);
    lw_fail(LW_ERROR_NOT_FOUND,
            "unknown data set '%.100s'%s%s%s; expected auto, %sor the path of a folder "
            "with IDX files or images",
            name, nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "",
            known.bytes ? known.bytes : "");
    lw_text_free(&known);
    return LW_ERROR_NOT_FOUND;
}

// folder/name, or just the folder for the name "". False: it does not fit.
static bool join_path(char path[LW_DATA_PATH_BYTES], const char *folder, const char *name)
{
    const char *slash = *name && *folder && folder[strlen(folder) - 1] != '/' ? "/" : "";
    int length = snprintf(path, LW_DATA_PATH_BYTES, "%s%s%s", folder, slash, name);
    return length >= 0 && length < LW_DATA_PATH_BYTES;
}

// Sets path to the first of the usual names that exists, or to "". False: the path is too long.
static bool find_file(char path[LW_DATA_PATH_BYTES], const char *folder, int file)
{
    static const char *const parts[LW_DATA_FILES][2] = {{"train-images", "train-images"},
                                                        {"train-labels", "train-labels"},
                                                        {"t10k-images", "test-images"},
                                                        {"t10k-labels", "test-labels"}};
    static const char *const image_endings[] = {"-idx3-ubyte", "-idx4-ubyte", ".idx3-ubyte", NULL};
    static const char *const label_endings[] = {"-idx1-ubyte", ".idx1-ubyte", NULL};
    static const char *const packings[] = {"", ".gz"}; // unpacked first: it is read faster
    const char *const *endings = file % 2 ? label_endings : image_endings;
    for (int part = 0; part < 2; part++)
        for (int i = 0; endings[i]; i++)
            for (int packing = 0; packing < 2; packing++) {
                char name[64];
                snprintf(name, sizeof name, "%s%s%s", parts[file][part], endings[i],
                         packings[packing]);
                if (!join_path(path, folder, name)) return false;
                if (lw_file_exists(path)) return true;
            }
    path[0] = '\0';
    return true;
}

lw_status lw_data_look_into(lw_data_folder *found, const char *folder, const char *origin)
{
    static const char *const usual_names[LW_DATA_FILES] = {
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte"};
    *found = (lw_data_folder){.origin = origin};
    if (!join_path(found->folder, folder, ""))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", folder);
    if (lw_file_is_folder(folder) && access(folder, X_OK) != 0)
        return lw_fail(LW_ERROR_IO, "%s: cannot look into the folder: %s", folder, strerror(errno));
    for (int file = 0; file < LW_DATA_FILES; file++) {
        if (!find_file(found->paths[file], folder, file))
            return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", folder);
        if (found->paths[file][0])
            found->n_present++;
        else if (!found->missing)
            found->missing = usual_names[file];
    }
    return LW_OK;
}

bool lw_data_cache_paths(const lw_data_set *set, char folder[LW_DATA_PATH_BYTES],
                         char note[LW_DATA_PATH_BYTES])
{
    const char *cache = lw_config_get()->cache_dir;
    char name[64];
    snprintf(name, sizeof name, "%s-fetch-failed", set->name);
    return *cache && join_path(folder, cache, set->name) && join_path(note, cache, name);
}

lw_status lw_data_locate(lw_data_folder *found, const lw_data_set *set)
{
    const char *data_dir = lw_config_get()->data_dir;
    char path[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES];
    *found = (lw_data_folder){.n_present = 0};
    for (int i = 0; *data_dir && set->subfolders && set->subfolders[i]; i++) {
        if (!join_path(path, data_dir, set->subfolders[i]))
            return lw_fail(LW_ERROR_ARGUMENT, "LANEWISE_DATA_DIR: the path is too long");
        LW_TRY(lw_data_look_into(found, path, "LANEWISE_DATA_DIR"));
        if (found->n_present) return LW_OK;
    }
    if (lw_data_cache_paths(set, path, note)) {
        LW_TRY(lw_data_look_into(found, path, "the user's cache"));
        if (found->n_present == LW_DATA_FILES || (found->n_present && !set->mirrors)) return LW_OK;
    }
    if (set->package_folder) {
        LW_TRY(lw_data_look_into(found, set->package_folder, set->package));
        if (found->n_present) return LW_OK;
    }
    found->n_present = 0;
    return LW_OK;
}

// Only a failure to reach the mirrors is remembered (LW_ERROR_IO): the next try may well succeed
// after any other.
lw_status lw_data_fetch_set(const lw_data_set *set,
                            void (*report)(void *user, const char *sentence), void *user)
{
    char folder[LW_DATA_PATH_BYTES], note[LW_DATA_PATH_BYTES];
    if (!lw_data_cache_paths(set, folder, note))
        return lw_fail(LW_ERROR_IO,
                       "%s could not be fetched: there is no cache folder to put it in "
                       "(LANEWISE_CACHE_DIR, XDG_CACHE_HOME and HOME are not set)",
                       set->short_title);
    lw_fetch_job job = {.title = set->short_title,
                        .mirrors = set->mirrors,
                        .n_mirrors = set->n_mirrors,
                        .protocol = "https",
                        .files = set->files,
                        .n_files = LW_DATA_FILES,
                        .folder = folder,
                        .report = report,
                        .user = user};
    lw_status status = lw_fetch_files(&job);
    if (!status) lw_fetch_forget_failure(note);
    if (status == LW_ERROR_IO) {
        // Writing the note may fail too and must not replace the sentence that matters.
        char reason[1024];
        snprintf(reason, sizeof reason, "%s", lw_error_message());
        lw_fetch_note_failure(note, (int64_t)time(NULL), reason);
        return lw_fail(status, "%s", reason);
    }
    return status;
}

lw_status lw_data_fetch(const char *name, void (*report)(void *user, const char *sentence),
                        void *user)
{
    if (!name) return lw_fail(LW_ERROR_ARGUMENT, "lw_data_fetch: name is NULL");
    const lw_data_set *set = lw_data_find_set(name);
    if (!set) return lw_data_fail_unknown(name);
    if (!set->mirrors && set->package)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s comes as a package: apt-get install %s",
                       set->short_title, set->package);
    if (!set->mirrors)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s is built in: there is nothing to fetch", set->name);
    if (lw_config_get()->offline)
        return lw_fail(LW_ERROR_UNSUPPORTED, "%s is not fetched: LANEWISE_OFFLINE is set",
                       set->short_title);
    return lw_data_fetch_set(set, report, user);
}

size_t lw_data_catalog_size(void)
{
    return n_sets;
}

// How to get what is not at hand.
static void describe_way(const lw_data_set *set, const lw_data_folder *found, char *where,
                         size_t bytes)
{
    if (found->n_present > 0)
        snprintf(where, bytes, "incomplete: %s is missing in %.1000s", found->missing,
                 found->folder);
    else if (set->mirrors && lw_fetch_available() && !lw_config_get()->offline)
        snprintf(where, bytes, "fetched when it is first used, or now by `lanewise data fetch %s`",
                 set->name);
    else if (set->package)
        snprintf(where, bytes,
                 "apt-get install %s, or put the four IDX files into %s under LANEWISE_DATA_DIR",
                 set->package, set->name);
    else
        snprintf(where, bytes, "put the four IDX files into %s under LANEWISE_DATA_DIR", set->name);
}

// Whether a set can be opened now.
static bool is_at_hand(const lw_data_set *set)
{
    lw_data_folder found;
    if (!set->subfolders) return true;
    return lw_data_locate(&found, set) == LW_OK && found.n_present == LW_DATA_FILES;
}

// varres has as many images as the set that it would be drawn from now.
static void count_varres(lw_data_entry *entry)
{
    int i = 0;
    while (!is_at_hand(&sets[i])) i++; // the digits always are
    entry->train_count = sets[i].train_count;
    entry->test_count = sets[i].test_count;
    snprintf(entry->where, sizeof entry->where, "drawn from %s when it is used", sets[i].name);
}

lw_status lw_data_catalog_get(size_t index, lw_data_entry *entry)
{
    if (!entry || index >= n_sets)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "lw_data_catalog_get: expected an index below %d and an entry", (int)n_sets);
    const lw_data_set *set = &sets[index];
    *entry = (lw_data_entry){.name = set->name,
                             .title = set->title,
                             .classes = set->classes,
                             .channels = set->channels,
                             .height = set->height,
                             .width = set->width,
                             .train_count = set->train_count,
                             .test_count = set->test_count};
    if (!set->subfolders) {
        entry->at_hand = true;
        snprintf(entry->where, sizeof entry->where, "built in, made when it is used");
        if (set->height == 0) count_varres(entry);
        return LW_OK;
    }
    lw_data_folder found;
    if (lw_data_locate(&found, set)) {
        // A folder that is closed to us is a fact about this entry, not a failure of the list.
        snprintf(entry->where, sizeof entry->where, "%s", lw_error_message());
        return LW_OK;
    }
    entry->at_hand = found.n_present == LW_DATA_FILES;
    if (entry->at_hand)
        snprintf(entry->where, sizeof entry->where, "%.1200s", found.folder);
    else
        describe_way(set, &found, entry->where, sizeof entry->where);
    return LW_OK;
}
