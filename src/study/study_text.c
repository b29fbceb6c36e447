// SPDX-License-Identifier: Apache-2.0
// The text of a study: statements of the whole study, then arms, each with statements of its own.
#include "study/study_text.h"

#include "base/error.h"
#include "study/study_parser.h"

#include <stdlib.h>
#include <string.h>

static lw_status check_arm(const lw_study_parser *parser, const lw_study_arm *arm)
{
    const lw_word place = {.line = arm->line, .column = arm->column};
    const char *missing = NULL;
    lw_study_kind kind = parser->study->kind;
    if (kind != LW_STUDY_SHAPES && !arm->network) missing = "network";
    if (kind == LW_STUDY_MATCH && !missing && !arm->layer) missing = "layer";
    if (kind == LW_STUDY_MATCH && !missing && !arm->to) missing = "to";
    if (kind == LW_STUDY_SHAPES && !arm->size.first) missing = "size";
    if (!missing) return LW_OK;
    return lw_words_fail(&parser->words, place, "the arm '%s' has no '%s'", arm->name, missing);
}

// The index of the arm of that name; stays as it is where the name is empty.
static lw_status find_arm(lw_study_parser *parser, lw_word name, int32_t *index)
{
    const lw_study *study = parser->study;
    const char *names[LW_STUDY_MOST_ARMS];
    if (name.length == 0) return LW_OK;
    for (size_t i = 0; i < study->n_arms; i++) {
        names[i] = study->arms[i].name;
        if (!lw_word_equals(name, names[i])) continue;
        *index = (int32_t)i;
        return LW_OK;
    }
    return lw_words_fail_unknown(&parser->words, name, "arm", names, study->n_arms);
}

static lw_status check_study(lw_study_parser *parser)
{
    lw_study *study = parser->study;
    lw_word end = lw_words_end(&parser->words);
    if (!study->title)
        return lw_words_fail(&parser->words, end, "expected a 'title', got the end of the text");
    if (study->n_arms == 0)
        return lw_words_fail(&parser->words, end, "expected an 'arm', got the end of the text");
    for (size_t i = 0; i < study->n_arms; i++) LW_TRY(check_arm(parser, &study->arms[i]));
    if (study->n_compare == 0) {
        static const lw_study_metric headline[] = {[LW_STUDY_TRAIN] = LW_STUDY_TEST_ACCURACY,
                                                   [LW_STUDY_MATCH] = LW_STUDY_CHANNELS,
                                                   [LW_STUDY_SHAPES] = LW_STUDY_OUTPUT};
        study->compare[study->n_compare++] = headline[study->kind];
    }
    LW_TRY(find_arm(parser, parser->against, &study->against));
    for (size_t i = 0; i < study->n_arms; i++) {
        study->arms[i].against = study->against;
        LW_TRY(find_arm(parser, parser->arm_against[i], &study->arms[i].against));
    }
    return LW_OK;
}

static lw_status parse_text(lw_study_parser *parser)
{
    LW_TRY(lw_words_refuse_zero_byte(&parser->words));
    lw_word statement;
    while ((statement = lw_words_next_statement(&parser->words)).length)
        LW_TRY(lw_study_parse_statement(parser, statement));
    lw_text_append(&parser->about, "", 0);
    parser->study->about = parser->about.bytes ? parser->about.bytes : calloc(1, 1);
    parser->about.bytes = NULL;
    if (parser->about.failed || !parser->study->about)
        return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", parser->words.source);
    return check_study(parser);
}

lw_status lw_study_parse(lw_study **study, const char *text, size_t text_bytes, const char *source,
                         const lw_study_known_option *options, size_t n_options)
{
    *study = NULL;
    if (text_bytes > LW_STUDY_TEXT_LIMIT_BYTES)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d bytes, got %zu", source,
                       LW_STUDY_TEXT_LIMIT_BYTES, text_bytes);
    lw_study *made = calloc(1, sizeof *made);
    if (made) {
        made->strings = malloc(text_bytes + 1);
        made->source = strdup(source);
        made->arms = calloc(LW_STUDY_MOST_ARMS, sizeof *made->arms);
    }
    if (!made || !made->strings || !made->source || !made->arms) {
        lw_study_destroy(&made);
        return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", source);
    }
    lw_word_name_of(made->name, sizeof made->name, source, ".study", "study");
    made->seeds = 1;
    made->against = -1;
    lw_study_parser parser = {.words = lw_words_begin(made->source, text, text_bytes),
                              .study = made,
                              .known = options,
                              .n_known = n_options,
                              .free_string = made->strings};
    parser.common.kernel = (lw_study_pair){3, 3};
    parser.common.stride = parser.common.dilation = (lw_study_pair){1, 1};
    lw_status status = parse_text(&parser);
    lw_text_free(&parser.about);
    if (status) lw_study_destroy(&made);
    *study = made;
    return status;
}
