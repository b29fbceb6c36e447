// SPDX-License-Identifier: Apache-2.0
// The words of a resize recipe.
#include "base/error.h"
#include "base/text.h"

#include <lanewise/resize.h>

#include <stdio.h>
#include <string.h>

enum { longest_side = 16384, word_bytes = 32 };

static const char *const words[] = {"bilinear", "area", "stretch", "fit", "cover", "crop", "fill="};
enum { n_words = sizeof words / sizeof *words, n_filters = 2, n_modes = 4 };

static bool read_side(const char **text, char end, int32_t *side)
{
    char digits[8];
    size_t length = strspn(*text, "0123456789");
    if (length == 0 || length >= sizeof digits) return false;
    if ((*text)[length] != end && !(end == '\0' && (*text)[length] == ':')) return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    int64_t value;
    if (!lw_parse_int64(digits, &value) || value < 1 || value > longest_side) return false;
    *side = (int32_t)value;
    *text += length + (end != '\0');
    return true;
}

static lw_status read_fill(lw_resize *resize, const char *value)
{
    int64_t level;
    if (!lw_parse_int64(value, &level) || level < 0 || level > 255)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: fill: expected a grey level 0 .. 255, got \"%s\"", value);
    resize->fill = (uint8_t)level;
    return LW_OK;
}

// What a recipe has said so far; saying a thing twice is a mistake.
typedef struct said {
    bool filter, mode, fill;
} said;

static lw_status read_word(lw_resize *resize, said *before, const char *word)
{
    bool *twice = NULL;
    for (int i = 0; i < n_filters + n_modes; i++) {
        if (strcmp(word, words[i]) != 0) continue;
        twice = i < n_filters ? &before->filter : &before->mode;
        if (i < n_filters)
            resize->filter = (lw_resize_filter)i;
        else
            resize->mode = (lw_resize_mode)(i - n_filters);
    }
    if (strncmp(word, "fill=", 5) == 0) {
        twice = &before->fill;
        LW_TRY(read_fill(resize, word + 5));
    }
    if (!twice) {
        const char *nearest = lw_nearest_word(word, words, n_words);
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: expected bilinear, area, stretch, fit, cover, crop or fill=LEVEL, "
                       "got \"%s\"%s%s%s",
                       word, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                       nearest ? "\"?" : "");
    }
    if (*twice)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: \"%s\" comes second: the recipe has said that "
                       "already",
                       word);
    *twice = true;
    return LW_OK;
}

lw_status lw_resize_parse(lw_resize *resize, const char *text)
{
    if (!resize || !text)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_resize_parse: %s is NULL",
                       resize ? "text" : "resize");
    const char *rest = text;
    lw_resize made = {0};
    said before = {0};
    *resize = made;
    if (!read_side(&rest, 'x', &made.width) || !read_side(&rest, '\0', &made.height))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: expected WIDTHxHEIGHT, 1 .. %d pixels a side, got \"%s\"",
                       longest_side, text);
    while (*rest == ':') {
        char word[word_bytes];
        size_t length = strcspn(++rest, ":");
        snprintf(word, sizeof word, "%.*s", (int)(length < word_bytes ? length : word_bytes), rest);
        LW_TRY(read_word(&made, &before, word));
        rest += length;
    }
    if (before.fill && made.mode != LW_RESIZE_FIT && made.mode != LW_RESIZE_CROP)
        return lw_fail(LW_ERROR_ARGUMENT, "resize: fill only has a meaning with fit or crop");
    *resize = made;
    return LW_OK;
}

void lw_resize_format(const lw_resize *resize, char *text, size_t text_bytes)
{
    char fill[16] = "";
    if (text_bytes > 0) text[0] = '\0';
    if (resize->height == 0) return;
    if (resize->fill) snprintf(fill, sizeof fill, ":fill=%d", resize->fill);
    snprintf(text, text_bytes, "%dx%d%s%s%s%s", resize->width, resize->height,
             resize->filter ? ":" : "", resize->filter ? words[resize->filter] : "",
             resize->mode ? ":" : "", resize->mode ? words[n_filters + (int)resize->mode] : "");
    size_t length = strlen(text);
    if (length < text_bytes) snprintf(text + length, text_bytes - length, "%s", fill);
}
