// SPDX-License-Identifier: Apache-2.0
// The statements of a study's text: what each says, and where it may stand.
#include "base/error.h"
#include "study/study_parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    unsigned bit;
} plots[] = {
    {"curves", LW_STUDY_PLOT_CURVES}, {"confusion", LW_STUDY_PLOT_CONFUSION},
    {"sizes", LW_STUDY_PLOT_SIZES},   {"parameters", LW_STUDY_PLOT_PARAMETERS},
    {"arms", LW_STUDY_PLOT_ARMS},     {"drawings", LW_STUDY_PLOT_DRAWINGS},
};

enum { n_plots = sizeof plots / sizeof plots[0] };

typedef struct statement_kind {
    const char *word;
    unsigned kinds; // of studies that have it, a bit each
    bool of_study, of_arm;
    bool again; // may stand more than once
    lw_status (*read)(lw_study_parser *parser, lw_word statement);
} statement_kind;

enum { TRAIN = 1 << LW_STUDY_TRAIN, MATCH = 1 << LW_STUDY_MATCH, SHAPES = 1 << LW_STUDY_SHAPES };

// A word or more as a terminated string of the study. The strings take no more than the text: behind each
// word of it stands a blank, a newline or the end.
static const char *keep(lw_study_parser *parser, lw_word word)
{
    char *kept = parser->free_string;
    memcpy(kept, word.bytes, word.length);
    kept[word.length] = '\0';
    parser->free_string += word.length + 1;
    return kept;
}

// The rest of the line, which must not be empty, as a string.
static lw_status read_text(lw_study_parser *parser, const char *what, const char **text)
{
    lw_word rest = lw_words_rest(&parser->words);
    if (rest.length == 0)
        return lw_words_fail(&parser->words, rest, "expected %s, got the end of the line", what);
    *text = keep(parser, rest);
    return LW_OK;
}

static lw_status read_one_word(lw_study_parser *parser, const char *what, const char **text)
{
    lw_word word = lw_words_next(&parser->words);
    if (word.length == 0)
        return lw_words_fail(&parser->words, word, "expected %s, got the end of the line", what);
    *text = keep(parser, word);
    return lw_words_expect_line_end(&parser->words, what);
}

static lw_status read_count(lw_study_parser *parser, const char *what, int32_t most, int32_t *count)
{
    lw_word word = lw_words_next(&parser->words);
    if (!lw_word_number(word, 1, most, count))
        return lw_words_fail(&parser->words, word, "expected %s, 1 to %d, got %s", what, most,
                             lw_word_quote(word).text);
    return lw_words_expect_line_end(&parser->words, what);
}

static lw_status read_title(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_text(parser, "a title", &parser->study->title);
}

static lw_status read_about(lw_study_parser *parser, lw_word statement)
{
    const char *line = "";
    (void)statement;
    LW_TRY(read_text(parser, "a sentence", &line));
    lw_text_print(&parser->about, "%s%s", parser->about.length ? " " : "", line);
    return LW_OK;
}

static lw_status read_kind(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    lw_word word = lw_words_next(&parser->words);
    for (int kind = 0; kind < LW_N_STUDY_KINDS; kind++) {
        if (!lw_word_equals(word, lw_study_kind_words[kind])) continue;
        parser->study->kind = (lw_study_kind)kind;
        return lw_words_expect_line_end(&parser->words, "the kind");
    }
    return lw_words_fail_unknown(&parser->words, word, "kind of study", lw_study_kind_words,
                                 LW_N_STUDY_KINDS);
}

static lw_status read_seeds(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_count(parser, "the number of seeds", LW_STUDY_MOST_SEEDS, &parser->study->seeds);
}

static lw_status read_on(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_count(parser, "the number of cores", 1024, &parser->study->on);
}

static lw_status read_metric(lw_study_parser *parser, lw_word word, lw_study_metric *metric)
{
    const char *names[LW_N_STUDY_METRICS];
    for (int i = 0; i < LW_N_STUDY_METRICS; i++) {
        names[i] = lw_study_metrics[i].name;
        *metric = (lw_study_metric)i;
        if (lw_word_equals(word, names[i])) return LW_OK;
    }
    return lw_words_fail_unknown(&parser->words, word, "figure", names, LW_N_STUDY_METRICS);
}

static lw_status read_compare(lw_study_parser *parser, lw_word statement)
{
    lw_study *study = parser->study;
    for (lw_word word; (word = lw_words_next(&parser->words)).length;) {
        lw_study_metric metric;
        LW_TRY(read_metric(parser, word, &metric));
        for (size_t i = 0; i < study->n_compare; i++)
            if (study->compare[i] == metric)
                return lw_words_fail(&parser->words, word,
                                     "expected each figure once, got %s twice",
                                     lw_word_quote(word).text);
        study->compare[study->n_compare++] = metric;
    }
    return study->n_compare ? LW_OK
                            : lw_words_fail(&parser->words, statement,
                                            "expected figures behind 'compare', got none");
}

static lw_status read_plot(lw_study_parser *parser, lw_word statement)
{
    const char *names[n_plots];
    for (int i = 0; i < n_plots; i++) names[i] = plots[i].word;
    for (lw_word word; (word = lw_words_next(&parser->words)).length;) {
        unsigned bit = 0;
        for (int i = 0; i < n_plots; i++)
            if (lw_word_equals(word, names[i])) bit = plots[i].bit;
        if (!bit) return lw_words_fail_unknown(&parser->words, word, "drawing", names, n_plots);
        parser->study->plot |= bit;
    }
    return parser->study->plot ? LW_OK
                               : lw_words_fail(&parser->words, statement,
                                               "expected drawings behind 'plot', got none");
}

static lw_status read_against(lw_study_parser *parser, lw_word statement)
{
    lw_word *against =
        parser->arm ? &parser->arm_against[parser->study->n_arms - 1] : &parser->against;
    (void)statement;
    *against = lw_words_next(&parser->words);
    if (against->length) return lw_words_expect_line_end(&parser->words, "the arm");
    return lw_words_fail(&parser->words, *against,
                         "expected the name of an arm, got the end of the line");
}

// ---- statements of arms

static lw_study_arm *current(lw_study_parser *parser)
{
    return parser->arm ? parser->arm : &parser->common;
}

static lw_status read_arm(lw_study_parser *parser, lw_word statement)
{
    lw_study *study = parser->study;
    if (study->n_arms == LW_STUDY_MOST_ARMS)
        return lw_words_fail(&parser->words, statement, "expected at most %d arms",
                             LW_STUDY_MOST_ARMS);
    lw_word name = lw_words_next(&parser->words);
    bool good = name.length > 0 && name.length <= 24;
    for (size_t i = 0; good && i < name.length; i++)
        good = strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name.bytes[i]) != NULL;
    // It becomes the name of a folder.
    if (!good || name.bytes[0] == '.')
        return lw_words_fail(&parser->words, name,
                             "expected the arm's name, at most 24 small letters, digits, '-', '_' "
                             "and '.', got %s",
                             lw_word_quote(name).text);
    for (size_t i = 0; i < study->n_arms; i++)
        if (lw_word_equals(name, study->arms[i].name))
            return lw_words_fail(&parser->words, name, "the name %s is taken by the arm in line %d",
                                 lw_word_quote(name).text, study->arms[i].line);
    parser->arm = &study->arms[study->n_arms++];
    *parser->arm = parser->common;
    parser->arm->name = parser->arm->title = keep(parser, name);
    parser->arm->line = statement.line;
    parser->arm->column = statement.column;
    lw_word title = lw_words_rest(&parser->words);
    if (title.length) parser->arm->title = keep(parser, title);
    return LW_OK;
}

static lw_status read_network(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_one_word(parser, "the network", &current(parser)->network);
}

static lw_status read_layer(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_one_word(parser, "the layer", &current(parser)->layer);
}

static lw_status read_to(lw_study_parser *parser, lw_word statement)
{
    (void)statement;
    return read_one_word(parser, "the network to match", &current(parser)->to);
}

// "published test_accuracy 98.68 the fixed-resolution document"
static lw_status read_published(lw_study_parser *parser, lw_word statement)
{
    lw_study_arm *arm = parser->arm;
    if (arm->n_published == LW_STUDY_MOST_PUBLISHED)
        return lw_words_fail(&parser->words, statement, "expected at most %d published figures",
                             LW_STUDY_MOST_PUBLISHED);
    lw_study_published *published = &arm->published[arm->n_published];
    LW_TRY(read_metric(parser, lw_words_next(&parser->words), &published->metric));
    lw_study_unit unit = lw_study_metrics[published->metric].unit;
    lw_word word = lw_words_next(&parser->words);
    published->value = NAN;
    if (unit != LW_STUDY_SIZE) {
        lw_shown_word shown = lw_word_show(word); // cut when too long, and then refused
        bool good = word.length < sizeof shown.text &&
                    lw_parse_double(shown.text, &published->value) && published->value >= 0;
        if (!good || (unit == LW_STUDY_FRACTION && published->value > 100))
            return lw_words_fail(&parser->words, word, "expected the published number%s, got %s",
                                 unit == LW_STUDY_FRACTION ? " in per cent, 0 to 100" : "",
                                 lw_word_quote(word).text);
        if (unit == LW_STUDY_FRACTION) published->value /= 100;
    } else if (word.length == 0) {
        return lw_words_fail(&parser->words, word, "expected the published size, got %s",
                             lw_word_quote(word).text);
    }
    published->text = keep(parser, word);
    arm->n_published++;
    return read_text(parser, "where it was published", &published->source);
}

// "3" or "3x5", each number in minimum .. maximum.
static bool parse_pair(lw_word word, int32_t minimum, int32_t maximum, lw_study_pair *pair)
{
    const char *x = word.length ? memchr(word.bytes, 'x', word.length) : NULL;
    lw_word first = word, second = word;
    if (x) {
        first.length = (size_t)(x - word.bytes);
        second.bytes = x + 1;
        second.length = word.length - first.length - 1;
    }
    return lw_word_number(first, minimum, maximum, &pair->first) &&
           lw_word_number(second, minimum, maximum, &pair->second);
}

static lw_status read_pair(lw_study_parser *parser, lw_word statement)
{
    lw_study_arm *arm = current(parser);
    bool pad = lw_word_equals(statement, "pad");
    lw_study_pair *pair = pad                                     ? &arm->pad
                          : lw_word_equals(statement, "size")     ? &arm->size
                          : lw_word_equals(statement, "kernel")   ? &arm->kernel
                          : lw_word_equals(statement, "dilation") ? &arm->dilation
                                                                  : &arm->stride;
    enum { largest = 1 << 20 };
    lw_word word = lw_words_next(&parser->words);
    if (!parse_pair(word, pad ? 0 : 1, largest, pair))
        return lw_words_fail(&parser->words, word,
                             "expected one number or AxB, each %d to %d, got %s", pad ? 0 : 1,
                             largest, lw_word_quote(word).text);
    return lw_words_expect_line_end(&parser->words, lw_word_show(statement).text);
}

static const statement_kind statements[] = {
    {"title", TRAIN | MATCH | SHAPES, true, false, false, read_title},
    {"about", TRAIN | MATCH | SHAPES, true, false, true, read_about},
    {"kind", TRAIN | MATCH | SHAPES, true, false, false, read_kind},
    {"seeds", TRAIN, true, false, false, read_seeds},
    {"on", TRAIN, true, false, false, read_on},
    {"compare", TRAIN, true, false, false, read_compare},
    {"plot", TRAIN | SHAPES, true, false, false, read_plot},
    {"against", TRAIN, true, true, false, read_against},
    {"arm", TRAIN | MATCH | SHAPES, true, true, true, read_arm},
    {"network", TRAIN | MATCH, true, true, false, read_network},
    {"published", TRAIN | MATCH | SHAPES, false, true, true, read_published},
    {"layer", MATCH, true, true, false, read_layer},
    {"to", MATCH, true, true, false, read_to},
    {"size", SHAPES, true, true, false, read_pair},
    {"kernel", SHAPES, true, true, false, read_pair},
    {"stride", SHAPES, true, true, false, read_pair},
    {"pad", SHAPES, true, true, false, read_pair},
    {"dilation", SHAPES, true, true, false, read_pair},
};

enum { n_statements = sizeof statements / sizeof statements[0] };

static const unsigned saw_option = 1u << 31; // in the parser's `seen`

// ---- options of the training

static lw_status set_option(lw_study_parser *parser, lw_word statement,
                            const lw_study_known_option *known)
{
    lw_study_arm *arm = current(parser);
    lw_study_option *option = NULL;
    for (size_t i = 0; i < arm->n_options; i++)
        if (strcmp(arm->options[i].name, known->name) == 0) option = &arm->options[i];
    // What the whole study says is the arm's to replace, once.
    if (option && (!parser->arm || option->line > arm->line))
        return lw_words_fail(&parser->words, statement,
                             "expected the option '%s' once, the first is in line %d", known->name,
                             option->line);
    if (!option && arm->n_options == LW_STUDY_MOST_OPTIONS)
        return lw_words_fail(&parser->words, statement, "expected at most %d options",
                             LW_STUDY_MOST_OPTIONS);
    if (!option) option = &arm->options[arm->n_options++];
    parser->seen |= saw_option;
    *option =
        (lw_study_option){.name = known->name, .line = statement.line, .column = statement.column};
    if (!known->takes_value) return lw_words_expect_line_end(&parser->words, known->name);
    return read_one_word(parser, "the option's value", &option->value);
}

static lw_status fail_statement(lw_study_parser *parser, lw_word statement)
{
    const char **names = calloc(n_statements + parser->n_known, sizeof *names);
    if (!names) return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", parser->words.source);
    size_t n = 0;
    for (int i = 0; i < n_statements; i++)
        if (statements[i].kinds & 1u << parser->study->kind) names[n++] = statements[i].word;
    size_t n_words = n;
    for (size_t i = 0; parser->study->kind == LW_STUDY_TRAIN && i < parser->n_known; i++)
        names[n++] = parser->known[i].name;
    const char *near = lw_nearest_word(lw_word_show(statement).text, names, n);
    // The options are too many for a list.
    lw_status status =
        near ? lw_words_fail_unknown(&parser->words, statement, "key", names, n)
             : lw_words_fail_unknown(&parser->words, statement,
                                     parser->study->kind == LW_STUDY_TRAIN
                                         ? "key (neither of studies nor an option of the training)"
                                         : "key",
                                     names, n_words);
    free(names);
    return status;
}

static lw_status parse_known(lw_study_parser *parser, lw_word statement, const statement_kind *kind)
{
    if (!(kind->kinds & 1u << parser->study->kind))
        return lw_words_fail(&parser->words, statement, "a study of the kind '%s' has no '%s'",
                             lw_study_kind_words[parser->study->kind], kind->word);
    if (!kind->of_study && !parser->arm)
        return lw_words_fail(&parser->words, statement, "expected '%s' behind an 'arm'",
                             kind->word);
    if (!kind->of_arm && parser->arm)
        return lw_words_fail(&parser->words, statement,
                             "expected '%s' before the first 'arm', which is in line %d",
                             kind->word, parser->study->arms[0].line);
    const unsigned bit = 1u << (kind - statements);
    if (!kind->again && (parser->seen & bit))
        return lw_words_fail(&parser->words, statement, "expected '%s' once, got it a second time",
                             kind->word);
    if (kind->read == read_kind && parser->seen & ~3u)
        return lw_words_fail(&parser->words, statement,
                             "expected 'kind' before everything but 'title' and 'about'");
    // An arm may say again what the whole study said.
    parser->seen = kind->read == read_arm ? 0 : parser->seen | bit;
    return kind->read(parser, statement);
}

lw_status lw_study_parse_statement(lw_study_parser *parser, lw_word statement)
{
    for (int i = 0; i < n_statements; i++)
        if (lw_word_equals(statement, statements[i].word))
            return parse_known(parser, statement, &statements[i]);
    for (size_t i = 0; parser->study->kind == LW_STUDY_TRAIN && i < parser->n_known; i++)
        if (lw_word_equals(statement, parser->known[i].name))
            return set_option(parser, statement, &parser->known[i]);
    return fail_statement(parser, statement);
}
