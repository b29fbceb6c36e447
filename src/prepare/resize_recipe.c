// SPDX-License-Identifier: Apache-2.0
// The words of a resize recipe.
#include "base/error.h"
#include "base/text.h"
#include "prepare/resize.h"

#include <stdio.h>
#include <string.h>

enum { word_bytes = 32 };

static const char *const words[] = {"bilinear", "area", "stretch", "fit",
                                    "cover",    "crop", "box=",    "fill="};
enum { n_words = sizeof words / sizeof *words, n_filters = 2, n_modes = 4 };

// The digits at *text as a number from `least` on.
static bool read_number(const char **text, int32_t least, int32_t *number)
{
    char digits[8];
    const size_t length = strspn(*text, "0123456789");
    if (length == 0 || length >= sizeof digits) return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    int64_t value;
    if (!lw_parse_int64(digits, &value) || value < least || value > LW_RESIZE_LONGEST_SIDE) return false;
    *number = (int32_t)value;
    *text += length;
    return true;
}

static bool read_size(const char **text, int32_t *width, int32_t *height)
{
    if (!read_number(text, 1, width) || **text != 'x') return false;
    ++*text;
    return read_number(text, 1, height);
}

static bool read_offset(const char **text, int32_t *offset)
{
    const char sign = **text;
    if (sign != '+' && sign != '-') return false;
    ++*text;
    if (!read_number(text, 0, offset)) return false;
    if (sign == '-') *offset = -*offset;
    return true;
}

static lw_status read_box(lw_resize *resize, const char *value)
{
    const char *rest = value;
    if (read_size(&rest, &resize->box_width, &resize->box_height) &&
        read_offset(&rest, &resize->box_left) && read_offset(&rest, &resize->box_top) && !*rest)
        return LW_OK;
    return lw_fail(LW_ERROR_ARGUMENT,
                   "resize: box: expected WIDTHxHEIGHT and two offsets with their signs, as in "
                   "box=28x28-3+0, got \"%s\"",
                   value);
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
    bool filter, mode, box, fill;
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
    if (strncmp(word, "box=", 4) == 0) {
        twice = &before->box;
        LW_TRY(read_box(resize, word + 4));
    }
    if (strncmp(word, "fill=", 5) == 0) {
        twice = &before->fill;
        LW_TRY(read_fill(resize, word + 5));
    }
    if (!twice) {
        const char *nearest = lw_nearest_word(word, words, n_words);
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: expected bilinear, area, stretch, fit, cover, crop, "
                       "box=WxH+X+Y or fill=LEVEL, got \"%s\"%s%s%s",
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
    if (!read_size(&rest, &made.width, &made.height) || (*rest && *rest != ':'))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: expected WIDTHxHEIGHT, 1 .. %d pixels a side, got \"%s\"",
                       LW_RESIZE_LONGEST_SIDE, text);
    while (*rest == ':') {
        char word[word_bytes];
        size_t length = strcspn(++rest, ":");
        snprintf(word, sizeof word, "%.*s", (int)(length < word_bytes ? length : word_bytes), rest);
        LW_TRY(read_word(&made, &before, word));
        rest += length;
    }
    if (before.fill && !before.box && made.mode != LW_RESIZE_FIT && made.mode != LW_RESIZE_CROP)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "resize: fill only has a meaning with fit, crop or a box");
    LW_TRY(lw_resize_check_box(&made));
    *resize = made;
    return LW_OK;
}

void lw_resize_format(const lw_resize *resize, char *text, size_t text_bytes)
{
    char box[40] = "", fill[16] = "";
    if (text_bytes > 0) text[0] = '\0';
    if (resize->height == 0) return;
    if (resize->box_height)
        snprintf(box, sizeof box, ":box=%dx%d%+d%+d", resize->box_width, resize->box_height,
                 resize->box_left, resize->box_top);
    if (resize->fill) snprintf(fill, sizeof fill, ":fill=%d", resize->fill);
    snprintf(text, text_bytes, "%dx%d%s%s%s%s", resize->width, resize->height,
             resize->filter ? ":" : "", resize->filter ? words[resize->filter] : "",
             resize->mode ? ":" : "", resize->mode ? words[n_filters + (int)resize->mode] : "");
    size_t length = strlen(text);
    if (length < text_bytes) snprintf(text + length, text_bytes - length, "%s%s", box, fill);
}
