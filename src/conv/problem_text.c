// SPDX-License-Identifier: Apache-2.0
// Convolution shapes as text, in the form of oneDNN's benchdnn, so that a line can be replayed in
// either tool. The rules for what is missing are benchdnn's.
#include "base/error.h"
#include "base/text.h"
#include "conv/shape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// The words, in the order in which they are written.
typedef enum word {
    WORD_MB, WORD_IC, WORD_IH, WORD_IW, WORD_OC, WORD_OH, WORD_OW, WORD_KH, WORD_KW,
    WORD_SH, WORD_SW, WORD_PH, WORD_PW, WORD_DH, WORD_DW, N_WORDS
} word;

typedef struct word_rule {
    char name[3];
    int32_t smallest;
} word_rule;

static const word_rule words[N_WORDS] = {
    {"mb", 1}, {"ic", 1}, {"ih", 1}, {"iw", 1}, {"oc", 1}, {"oh", 1}, {"ow", 1}, {"kh", 1},
    {"kw", 1}, {"sh", 1}, {"sw", 1}, {"ph", 0}, {"pw", 0}, {"dh", 0}, {"dw", 0}};

static const char words_in_order[] = "mb ic ih iw oc oh ow kh kw sh sw ph pw dh dw";

// What was read: the words' values and where they stand.
typedef struct problem_text {
    const char *text;
    size_t *position;        // the caller's, may be NULL
    size_t end;              // behind the last word
    bool given[N_WORDS];
    int32_t value[N_WORDS];
    size_t place[N_WORDS];
} problem_text;

// Fails at a character of the text.
static lw_status fail_at(const problem_text *problem, size_t place, const char *sentence)
{
    if (problem->position) *problem->position = place;
    return lw_fail(LW_ERROR_INPUT, "problem '%.300s': character %zu: %s", problem->text, place + 1,
                   sentence);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

// What the letters at `place` are: a word, or a sentence on why not.
static lw_status find_word(const problem_text *problem, size_t place, size_t length, word *found)
{
    const char *letters = problem->text + place;
    for (int i = 0; i < N_WORDS; i++)
        if (length == 2 && memcmp(letters, words[i].name, 2) == 0) {
            *found = (word)i;
            return LW_OK;
        }
    // Words of benchdnn that stand for what there is not here.
    if (length == 2 && letters[1] == 'd' && strchr("iokspd", letters[0]))
        return fail_at(problem, place, "three-dimensional problems are not supported");
    char sentence[160];
    if (length == 0)
        snprintf(sentence, sizeof sentence, "expected a word, one of %s", words_in_order);
    else
        snprintf(sentence, sizeof sentence, "unknown word '%.*s', expected one of %s",
                 (int)(length < 20 ? length : 20), letters, words_in_order);
    return fail_at(problem, place, sentence);
}

// Reads the digits at *place and steps over them.
static lw_status read_number(const problem_text *problem, const char *name, int32_t smallest,
                             size_t *place, int32_t *value)
{
    char sentence[160];
    size_t start = *place;
    int64_t number = 0;
    while (is_digit(problem->text[*place])) {
        number = 10 * number + (problem->text[*place] - '0');
        if (number > INT32_MAX) {
            snprintf(sentence, sizeof sentence, "%s: expected at most %d", name, INT32_MAX);
            return fail_at(problem, start, sentence);
        }
        ++*place;
    }
    if (*place == start) {
        snprintf(sentence, sizeof sentence, "%s: expected a number", name);
        return fail_at(problem, start, sentence);
    }
    if (number < smallest) {
        snprintf(sentence, sizeof sentence, "%s: expected at least %d", name, smallest);
        return fail_at(problem, start, sentence);
    }
    *value = (int32_t)number;
    return LW_OK;
}

// Reads "g1"; other group counts are not supported.
static lw_status read_groups(const problem_text *problem, size_t *place)
{
    size_t start = ++*place;
    int32_t groups;
    LW_TRY(read_number(problem, "g", 1, place, &groups));
    if (groups == 1) return LW_OK;
    return fail_at(problem, start, "g: groups are not supported, expected 1");
}

static lw_status read_words(problem_text *problem)
{
    const char *text = problem->text;
    size_t place = 0;
    for (;;) {
        while (text[place] == '_') place++;
        problem->end = place;
        // A final "n" starts the problem's name, which may hold anything.
        if (text[place] == '\0' || text[place] == 'n') return LW_OK;
        size_t length = 0;
        while (is_letter(text[place + length])) length++;
        if (length == 1 && text[place] == 'g') {
            LW_TRY(read_groups(problem, &place));
            continue;
        }
        word found = N_WORDS;
        LW_TRY(find_word(problem, place, length, &found));
        if (problem->given[found]) {
            char sentence[32];
            snprintf(sentence, sizeof sentence, "%.2s is given twice", words[found].name);
            return fail_at(problem, place, sentence);
        }
        problem->given[found] = true;
        problem->place[found] = place;
        place += length;
        LW_TRY(read_number(problem, words[found].name, words[found].smallest, &place,
                           &problem->value[found]));
    }
}

// The words of one axis.
typedef struct axis_words {
    word in, out, kernel, stride, pad, dilation;
} axis_words;

static const axis_words height = {WORD_IH, WORD_OH, WORD_KH, WORD_SH, WORD_PH, WORD_DH};
static const axis_words width = {WORD_IW, WORD_OW, WORD_KW, WORD_SW, WORD_PW, WORD_DW};

// True when the text says nothing of the axis; a stride of 1 says as little as no stride.
static bool axis_absent(const problem_text *problem, const axis_words *axis)
{
    return !problem->given[axis->in] && !problem->given[axis->out] &&
           !problem->given[axis->kernel] && problem->value[axis->stride] == 1 &&
           problem->value[axis->pad] == 0 && problem->value[axis->dilation] == 0;
}

static lw_status require(const problem_text *problem, word required)
{
    if (problem->given[required]) return LW_OK;
    char sentence[32];
    snprintf(sentence, sizeof sentence, "%s is missing", words[required].name);
    return fail_at(problem, problem->end, sentence);
}

// Fills the gaps of one axis and checks that input, kernel and output agree.
static lw_status complete_axis(problem_text *problem, const axis_words *axis)
{
    LW_TRY(require(problem, axis->in));
    LW_TRY(require(problem, axis->kernel));
    int32_t *value = problem->value;
    int32_t in = value[axis->in], kernel = value[axis->kernel], stride = value[axis->stride];
    if (value[axis->dilation] == INT32_MAX)
        return fail_at(problem, problem->place[axis->dilation], "the dilation is too large");
    int32_t dilation = value[axis->dilation] + 1;
    if (problem->given[axis->out] && !problem->given[axis->pad]) {
        // The padding that the output size needs; where it is odd, the smaller half counts.
        int64_t reach = (int64_t)(value[axis->out] - 1) * stride + (int64_t)(kernel - 1) * dilation;
        int64_t pad = (reach + 1 - in) / 2;
        value[axis->pad] = pad < 0 ? 0 : pad > INT32_MAX ? INT32_MAX : (int32_t)pad;
    }
    int32_t out;
    if (lw_conv_output_size(in, kernel, stride, value[axis->pad], dilation, &out))
        return fail_at(problem, problem->place[axis->kernel], lw_error_message());
    if (problem->given[axis->out] && value[axis->out] != out) {
        char sentence[160];
        snprintf(sentence, sizeof sentence,
                 "%s %d does not follow from the rest (the padding is the same on both sides): "
                 "expected %d", words[axis->out].name, value[axis->out], out);
        return fail_at(problem, problem->place[axis->out], sentence);
    }
    value[axis->out] = out;
    return LW_OK;
}

// What one axis has where nothing is said of it: the other's values, or a single row.
static lw_status complete(problem_text *problem)
{
    LW_TRY(require(problem, WORD_IC));
    LW_TRY(require(problem, WORD_OC));
    int32_t *value = problem->value;
    bool no_height = axis_absent(problem, &height), no_width = axis_absent(problem, &width);
    if (no_height && !no_width) {
        value[WORD_IH] = value[WORD_OH] = value[WORD_KH] = 1;
    } else {
        LW_TRY(complete_axis(problem, &height));
        if (no_width)
            for (int i = WORD_IW; i < N_WORDS; i++)
                if (words[i].name[1] == 'w') value[i] = value[i - 1];
    }
    if (!no_width) LW_TRY(complete_axis(problem, &width));
    return LW_OK;
}

lw_status lw_conv_shape_parse(lw_conv_shape *shape, const char *text, size_t *position)
{
    if (position) *position = 0;
    if (!shape || !text)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_shape_parse: shape or text is NULL");
    problem_text problem = {.text = text, .position = position};
    int32_t *value = problem.value;
    value[WORD_MB] = 2;
    value[WORD_SH] = value[WORD_SW] = 1;
    LW_TRY(read_words(&problem));
    LW_TRY(complete(&problem));
    lw_conv_shape read = {.n = value[WORD_MB],
                          .ic = value[WORD_IC], .ih = value[WORD_IH], .iw = value[WORD_IW],
                          .oc = value[WORD_OC], .kh = value[WORD_KH], .kw = value[WORD_KW],
                          .stride_h = value[WORD_SH], .stride_w = value[WORD_SW],
                          .pad_h = value[WORD_PH], .pad_w = value[WORD_PW],
                          .dilation_h = value[WORD_DH] + 1, .dilation_w = value[WORD_DW] + 1};
    if (lw_conv_shape_check(&read)) return fail_at(&problem, 0, lw_error_message());
    *shape = read;
    return LW_OK;
}

// Writes the words of a pair of axes, both or, when they are alike, the height's alone.
static void print_pair(lw_text *out, const int32_t value[N_WORDS], word h, bool with_width)
{
    lw_text_print(out, "%s%d", words[h].name, value[h]);
    if (with_width) lw_text_print(out, "%s%d", words[h + 1].name, value[h + 1]);
}

// Every word's value for a shape.
static void list_values(const lw_conv_sizes *sizes, int32_t value[N_WORDS])
{
    const lw_conv_shape *s = &sizes->shape;
    const int32_t values[N_WORDS] = {
        s->n, s->ic, s->ih, s->iw, s->oc, sizes->oh, sizes->ow, s->kh, s->kw, s->stride_h,
        s->stride_w, s->pad_h, s->pad_w, s->dilation_h - 1, s->dilation_w - 1};
    memcpy(value, values, sizeof values);
}

lw_status lw_conv_shape_format(const lw_conv_shape *shape, char *text, size_t text_bytes)
{
    if (!text || text_bytes == 0)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_shape_format: no room for the text");
    text[0] = '\0';
    lw_conv_sizes sizes;
    LW_TRY(lw_conv_sizes_of(shape, &sizes));
    int32_t value[N_WORDS];
    list_values(&sizes, value);
    bool square = true;
    for (int i = 0; i < N_WORDS; i++)
        if (words[i].name[1] == 'w' && value[i] != value[i - 1]) square = false;

    lw_text out = {0};
    lw_text_print(&out, "mb%dic%d", value[WORD_MB], value[WORD_IC]);
    print_pair(&out, value, WORD_IH, !square);
    lw_text_print(&out, "oc%d", value[WORD_OC]);
    print_pair(&out, value, WORD_OH, !square);
    print_pair(&out, value, WORD_KH, !square);
    if (value[WORD_SH] != 1 || value[WORD_SW] != 1) print_pair(&out, value, WORD_SH, !square);
    // Always said: without it the padding would be guessed from the output size.
    print_pair(&out, value, WORD_PH, !square);
    if (value[WORD_DH] != 0 || value[WORD_DW] != 0) print_pair(&out, value, WORD_DH, !square);

    lw_status status = LW_OK;
    if (out.failed)
        status = lw_fail(LW_ERROR_MEMORY, "lw_conv_shape_format: no memory");
    else if (out.length >= text_bytes)
        status = lw_fail(LW_ERROR_ARGUMENT,
                         "lw_conv_shape_format: the text needs %zu bytes, got %zu", out.length + 1,
                         text_bytes);
    else
        memcpy(text, out.bytes, out.length + 1);
    lw_text_free(&out);
    return status;
}
