// SPDX-License-Identifier: Apache-2.0
// What the two files that read studies share: the text as it is read, statement by statement.
#ifndef LW_STUDY_STUDY_PARSER_H
#define LW_STUDY_STUDY_PARSER_H

#include "base/text.h"
#include "base/words.h"
#include "study/study_text.h"

typedef struct lw_study_parser {
    lw_words words;
    lw_study *study;
    lw_study_arm *arm;   // NULL before the first one
    lw_study_arm common; // what the whole study says of its arms
    const lw_study_known_option *known;
    size_t n_known;
    char *free_string; // in study->strings
    lw_text about;
    // The names of the arms that are compared with, of length 0 where nothing was said: by the whole study, and by
    // each arm.
    lw_word against, arm_against[LW_STUDY_MOST_ARMS];
    unsigned seen; // statements of the whole study
} lw_study_parser;

// Reads a statement, of which `statement` is the first word. LW_ERROR_INPUT with its place.
lw_status lw_study_parse_statement(lw_study_parser *parser, lw_word statement);

#endif
