// SPDX-License-Identifier: Apache-2.0
// Where the recipes are: below networks/, each network's own by its name, or any file.
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/image_options.h"
#include "cli/shipped.h"
#include "cli/train_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lw_shipped_kind shipped = {"recipes", ".recipe", "one of the shipped recipes"};

// The name of a network that may be a file: "networks/fixed.net" is fixed.
static void name_network(char *name, size_t name_bytes, const char *network)
{
    const char *slash = strrchr(network, '/'), *base = slash ? slash + 1 : network;
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".net") == 0) length -= 4;
    snprintf(name, name_bytes, "%.*s", (int)length, base);
}

static lw_status find_file(const char *word, const char *network, char *path, size_t path_bytes)
{
    const size_t length = strlen(word), suffix_length = strlen(shipped.suffix);
    const bool is_path =
        strchr(word, '/') ||
        (length > suffix_length && strcmp(word + length - suffix_length, shipped.suffix) == 0);
    if (is_path) {
        const int needed = snprintf(path, path_bytes, "%s", word);
        if (needed > 0 && (size_t)needed < path_bytes) return LW_OK;
        return lw_fail(LW_ERROR_ARGUMENT, "--recipe: the path is too long");
    }
    const bool best = strcmp(word, "best") == 0;
    char name[256];
    name_network(name, sizeof name, best ? network : word);
    if (lw_shipped_find(&shipped, name, path, path_bytes)) return LW_OK;
    if (best)
        return lw_fail(LW_ERROR_NOT_FOUND,
                       "--recipe best: none was found for the network %s yet; --recipe FILE.recipe "
                       "takes one of yours",
                       name);
    static const char *const known[] = {"best"};
    if (lw_nearest_word(word, known, LW_COUNT(known)))
        return lw_fail(LW_ERROR_NOT_FOUND, "--recipe: there is no %s; did you mean \"best\"?",
                       word);
    lw_shipped_fail(&shipped, word);
    return lw_fail(LW_ERROR_NOT_FOUND, "--recipe %s", lw_error_message());
}

lw_status lw_train_apply_recipe(lw_train_settings *settings, lw_option_result *arguments,
                                const char *network, lw_recipe_values *values)
{
    const size_t limit_bytes = 1 << 16;
    char path[4096];
    uint8_t *bytes;
    size_t count;
    if (!settings->recipe || strcmp(settings->recipe, "none") == 0) return LW_OK;
    LW_TRY(find_file(settings->recipe, network, path, sizeof path));
    LW_TRY(lw_file_read(path, limit_bytes, &bytes, &count));
    const lw_option_tables options = {.tables = {lw_train_option_table, lw_image_option_table},
                                      .counts = {LW_N_TRAIN_OPTIONS, LW_N_IMAGE_OPTIONS},
                                      .n_tables = 2};
    const lw_recipe_text text = {path, (const char *)bytes, count, &options};
    lw_status status = lw_recipe_parse(&text, settings, arguments, values);
    free(bytes);
    return status;
}
