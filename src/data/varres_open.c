// SPDX-License-Identifier: Apache-2.0
#include "data/varres_open.h"

#include "base/error.h"
#include "base/text.h"

#include <lanewise/varres.h>
#include <stdio.h>
#include <string.h>

static const char word[] = "varres";
enum { most_sides_text = 24 };

bool lw_varres_is_name(const char *name)
{
    const size_t length = sizeof word - 1;
    return strncmp(name, word, length) == 0 && (name[length] == '\0' || name[length] == ':');
}

// The parts of "varres:SOURCE:SIZES"; both may be missing.
typedef struct varres_name {
    char source[40];
    const char *sides; // text, "" for none
} varres_name;

static lw_status parse_name(varres_name *parsed, lw_side_choice *sides, const char *name)
{
    const char *source = name + sizeof word - 1;
    if (*source == ':') source++;
    size_t length = strcspn(source, ":");
    if (length >= sizeof parsed->source || strchr(source, '/'))
        return lw_fail(
            LW_ERROR_NOT_FOUND,
            "%.100s: expected varres, varres:SOURCE or varres:SOURCE:SIZES with the name of a "
            "data set as SOURCE; `lanewise data varres` takes folders",
            name);
    snprintf(parsed->source, sizeof parsed->source, "%.*s", (int)length, source);
    if (length == 0) snprintf(parsed->source, sizeof parsed->source, "auto");
    parsed->sides = source[length] ? source + length + 1 : "";
    *sides = (lw_side_choice){.count = 0};
    // The name of the set is written into runs, which have to find it again.
    if (strlen(parsed->sides) > most_sides_text)
        return lw_fail(
            LW_ERROR_ARGUMENT,
            "%.100s: the sizes take more than %d characters; `lanewise data varres` takes "
            "longer lists",
            name, most_sides_text);
    return *parsed->sides ? lw_side_choice_parse(sides, parsed->sides, name) : LW_OK;
}

// Draws one part; a part that is not there stays away.
static lw_status draw_part(lw_dataset **part, const lw_dataset *source, const char *word_of_part,
                           const char *name, lw_varres_options *options)
{
    char title[128];
    if (!source) return LW_OK;
    snprintf(title, sizeof title, "%s %s", name, word_of_part);
    return lw_dataset_create_varres(part, title, source, options);
}

static lw_status draw_parts(lw_data_splits *splits, const lw_data_splits *source,
                            const lw_side_choice *sides)
{
    // As with the built-in digits, a name stands for one fixed set: the same for every run's seed.
    lw_varres_options options = {.sides = *sides, .seed = 1};
    LW_TRY(draw_part(&splits->train, source->train, "train", splits->name, &options));
    options.stream = 1;
    LW_TRY(draw_part(&splits->test, source->test, "test", splits->name, &options));
    options.stream = 2;
    return draw_part(&splits->validation, source->validation, "validation", splits->name, &options);
}

lw_status lw_varres_open(lw_data_splits *splits, const lw_data_options *options)
{
    varres_name parsed;
    lw_side_choice sides;
    lw_data_splits source;
    LW_TRY(parse_name(&parsed, &sides, options->name));
    lw_data_options inner = *options;
    inner.name = parsed.source;
    if (lw_varres_is_name(inner.name))
        return lw_fail(LW_ERROR_NOT_FOUND, "%.100s: the source is another varres", options->name);
    LW_TRY(lw_data_open(&source, &inner));
    snprintf(splits->name, sizeof splits->name, "%s:%.28s%s%.*s", word, source.name,
             *parsed.sides ? ":" : "", most_sides_text, parsed.sides);
    if (options->report)
        options->report(options->user, "data: drawing each image at a size of its own");
    lw_status status = draw_parts(splits, &source, &sides);
    if (!status)
        snprintf(splits->source, sizeof splits->source,
                 "images of %s pixels a side drawn from %.600s",
                 *parsed.sides ? parsed.sides : "32, 48 or 64", source.source);
    lw_data_close(&source);
    return status;
}
