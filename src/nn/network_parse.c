// SPDX-License-Identifier: Apache-2.0
// The network text: one statement a line, read word by word; docs/network-format.md describes it.
#include "nn/network.h"

#include "base/error.h"
#include "base/text.h"
#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parse_state {
    lw_words words;
    lw_network *network;
    size_t layer_capacity;
    lw_word input; // where the input statement stands; length 0: not seen yet
} parse_state;

// What may follow the word of a layer.
enum {
    TAKES_KERNEL = 1, // positional, in this order
    TAKES_CHANNELS = 2,
    TAKES_PROBABILITY = 4,
    OPTION_STRIDE = 8, // named, in any order
    OPTION_PAD = 16,
    OPTION_DILATION = 32,
    OPTION_NO_BIAS = 64,
    OPTION_NAME = 128
};

static const unsigned grammar[] = {
    [LW_LAYER_CONV] = TAKES_KERNEL | TAKES_CHANNELS | OPTION_STRIDE | OPTION_PAD | OPTION_DILATION |
                      OPTION_NO_BIAS | OPTION_NAME,
    [LW_LAYER_RELU] = OPTION_NAME,
    [LW_LAYER_MAXPOOL] = TAKES_KERNEL | OPTION_STRIDE | OPTION_PAD | OPTION_NAME,
    [LW_LAYER_AVGPOOL] = TAKES_KERNEL | OPTION_STRIDE | OPTION_PAD | OPTION_NAME,
    [LW_LAYER_GLOBAL_MAXPOOL] = OPTION_NAME,
    [LW_LAYER_GLOBAL_MEANPOOL] = OPTION_NAME,
    [LW_LAYER_FLATTEN] = OPTION_NAME,
    [LW_LAYER_LINEAR] = TAKES_CHANNELS | OPTION_NO_BIAS | OPTION_NAME,
    [LW_LAYER_DROPOUT] = TAKES_PROBABILITY | OPTION_NAME,
    [LW_LAYER_SOFTMAX_CROSS_ENTROPY] = OPTION_NAME,
};

enum { n_kinds = sizeof grammar / sizeof grammar[0] };

static const struct {
    const char *word;
    unsigned flag;
} options[] = {
    {"stride", OPTION_STRIDE},   {"pad", OPTION_PAD},   {"dilation", OPTION_DILATION},
    {"no_bias", OPTION_NO_BIAS}, {"name", OPTION_NAME},
};

enum { n_options = sizeof options / sizeof options[0] };

// ---- numbers

// Up to three numbers with an x between them; returns how many, 0 when one is wrong. With
// `accept_any`, "?" stands for LW_SIZE_ANY from the second number on.
static int read_numbers(lw_word word, bool accept_any, int32_t minimum, const int32_t maximum[3],
                        int32_t numbers[3])
{
    const char *at = word.bytes, *end = word.bytes + word.length;
    for (int count = 0; count < 3; count++) {
        const char *x = memchr(at, 'x', (size_t)(end - at));
        size_t length = (size_t)((x ? x : end) - at);
        if (accept_any && count > 0 && length == 1 && *at == '?')
            numbers[count] = LW_SIZE_ANY;
        else if (!lw_word_number((lw_word){.bytes = at, .length = length}, minimum, maximum[count],
                                 &numbers[count]))
            return 0;
        if (!x) return count + 1;
        at = x + 1;
    }
    return 0;
}

// "3x5" or "3", which is "3x3": height before width.
static lw_status parse_pair(const parse_state *parser, lw_word word, const char *what,
                            int32_t minimum, int32_t *height, int32_t *width)
{
    static const int32_t maximum[3] = {LW_NETWORK_WINDOW_LIMIT, LW_NETWORK_WINDOW_LIMIT, 0};
    int32_t numbers[3];
    int count = read_numbers(word, false, minimum, maximum, numbers);
    if (count != 1 && count != 2)
        return lw_words_fail(&parser->words, word,
                             "expected the %s as one number or HxW, each %d to %d, got %s", what,
                             minimum, LW_NETWORK_WINDOW_LIMIT, lw_word_quote(word).text);
    *height = numbers[0];
    *width = numbers[count - 1];
    return LW_OK;
}

// ---- statements

static lw_status parse_input(parse_state *parser, lw_word statement)
{
    static const int32_t maximum[3] = {LW_NETWORK_CHANNEL_LIMIT, LW_NETWORK_SIDE_LIMIT,
                                       LW_NETWORK_SIDE_LIMIT};
    if (parser->input.length)
        return lw_words_fail(&parser->words, statement,
                             "expected one input, got another; the first is line %d",
                             parser->input.line);
    lw_word size = lw_words_next(&parser->words);
    int32_t numbers[3];
    if (read_numbers(size, true, 1, maximum, numbers) != 3)
        return lw_words_fail(
            &parser->words, size,
            "expected channels x height x width like 1x28x28 or 3x?x? (any size), each "
            "1 to %d, got %s",
            LW_NETWORK_SIDE_LIMIT, lw_word_quote(size).text);
    parser->input = statement;
    parser->network->input_at = (size_t)(size.bytes - parser->words.text);
    parser->network->input = (lw_extent){numbers[0], numbers[1], numbers[2]};
    return lw_words_expect_line_end(&parser->words, "the input size");
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// Names become parts of tensor names and of settings, hence the plain letters.
static lw_status parse_name(parse_state *parser, lw_layer *layer)
{
    lw_word name = lw_words_next(&parser->words);
    bool good = name.length > 0 && name.length < sizeof layer->name && is_letter(name.bytes[0]);
    for (size_t i = 0; good && i < name.length; i++)
        good = is_letter(name.bytes[i]) || (name.bytes[i] >= '0' && name.bytes[i] <= '9') ||
               name.bytes[i] == '_';
    if (!good)
        return lw_words_fail(
            &parser->words, name,
            "expected a name of at most %zu letters, digits and '_' that starts with a "
            "letter, got %s",
            sizeof layer->name - 1, lw_word_quote(name).text);
    memcpy(layer->name, name.bytes, name.length);
    return LW_OK;
}

// Default names number the layers of a kind: conv1, conv2. Each name may stand once.
static lw_status name_layer(const parse_state *parser, lw_layer *layer, lw_word statement)
{
    const lw_network *network = parser->network;
    if (!layer->name[0]) {
        int ordinal = 1;
        for (size_t i = 0; i < network->n_layers; i++)
            ordinal += network->layers[i].kind == layer->kind;
        snprintf(layer->name, sizeof layer->name, "%s%d", lw_layer_kind_name(layer->kind), ordinal);
    }
    for (size_t i = 0; i < network->n_layers; i++)
        if (strcmp(network->layers[i].name, layer->name) == 0)
            return lw_words_fail(
                &parser->words, statement,
                "the name '%s' is taken by the layer in line %d; rename one of them", layer->name,
                network->layers[i].line);
    return LW_OK;
}

static lw_status parse_positional(parse_state *parser, lw_layer *layer, unsigned takes)
{
    if (takes & TAKES_KERNEL)
        LW_TRY(parse_pair(parser, lw_words_next(&parser->words), "kernel", 1, &layer->kernel_h,
                          &layer->kernel_w));
    if (takes & TAKES_CHANNELS) {
        lw_word count = lw_words_next(&parser->words);
        if (!lw_word_number(count, 1, LW_NETWORK_CHANNEL_LIMIT, &layer->channels))
            return lw_words_fail(&parser->words, count,
                                 "expected the number of output %s, 1 to %d, got %s",
                                 layer->kind == LW_LAYER_CONV ? "channels" : "features",
                                 LW_NETWORK_CHANNEL_LIMIT, lw_word_quote(count).text);
    }
    if (takes & TAKES_PROBABILITY) {
        lw_word share = lw_words_next(&parser->words);
        double value;
        lw_shown_word terminated = lw_word_show(share); // cut when too long, and then refused
        if (share.length >= sizeof terminated.text || !lw_parse_double(terminated.text, &value) ||
            value < 0 || (float)value >= 1)
            return lw_words_fail(
                &parser->words, share,
                "expected the probability of dropping a value, 0 to less than 1, got %s",
                lw_word_quote(share).text);
        layer->probability = (float)value;
    }
    return LW_OK;
}

static lw_status fail_option(const parse_state *parser, const lw_layer *layer, lw_word option)
{
    const char *known[n_options];
    size_t n_known = 0;
    char list[80] = "";
    for (int i = 0; i < n_options; i++) {
        if (!(grammar[layer->kind] & options[i].flag)) continue;
        const size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", n_known ? ", " : "", options[i].word);
        known[n_known++] = options[i].word;
    }
    const char *kind = lw_layer_kind_name(layer->kind);
    const char *near = lw_nearest_word(lw_word_show(option).text, known, n_known);
    if (near)
        return lw_words_fail(&parser->words, option, "%s has no option %s; did you mean '%s'?",
                             kind, lw_word_quote(option).text, near);
    return lw_words_fail(&parser->words, option, "%s has no option %s; it takes %s", kind,
                         lw_word_quote(option).text, list);
}

static lw_status parse_options(parse_state *parser, lw_layer *layer)
{
    unsigned seen = 0;
    for (lw_word option = lw_words_next(&parser->words); option.length;
         option = lw_words_next(&parser->words)) {
        unsigned flag = 0;
        for (int i = 0; i < n_options; i++)
            if (lw_word_equals(option, options[i].word))
                flag = options[i].flag & grammar[layer->kind];
        if (!flag) return fail_option(parser, layer, option);
        if (seen & flag)
            return lw_words_fail(&parser->words, option,
                                 "expected the option %s once, got it a second time",
                                 lw_word_quote(option).text);
        seen |= flag;
        if (flag == OPTION_STRIDE)
            LW_TRY(parse_pair(parser, lw_words_next(&parser->words), "stride", 1, &layer->stride_h,
                              &layer->stride_w));
        if (flag == OPTION_DILATION)
            LW_TRY(parse_pair(parser, lw_words_next(&parser->words), "dilation", 1,
                              &layer->dilation_h, &layer->dilation_w));
        if (flag == OPTION_PAD) {
            lw_word pad = lw_words_next(&parser->words);
            LW_TRY(parse_pair(parser, pad, "padding", 0, &layer->pad_h, &layer->pad_w));
            // A pool window must hold at least one real value.
            if (layer->kind != LW_LAYER_CONV &&
                (layer->pad_h > layer->kernel_h / 2 || layer->pad_w > layer->kernel_w / 2))
                return lw_words_fail(&parser->words, pad,
                                     "expected a padding of at most half the %dx%d window, got %s",
                                     layer->kernel_h, layer->kernel_w, lw_word_quote(pad).text);
        }
        if (flag == OPTION_NO_BIAS) layer->bias = false;
        if (flag == OPTION_NAME) LW_TRY(parse_name(parser, layer));
    }
    return LW_OK;
}

static lw_status add_layer(parse_state *parser, const lw_layer *layer, lw_word statement)
{
    lw_network *network = parser->network;
    if (network->n_layers == LW_NETWORK_LAYER_LIMIT)
        return lw_words_fail(&parser->words, statement, "expected at most %d layers",
                             LW_NETWORK_LAYER_LIMIT);
    if (network->n_layers == parser->layer_capacity) {
        size_t capacity = parser->layer_capacity ? 2 * parser->layer_capacity : 16;
        lw_layer *grown = realloc(network->layers, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", parser->words.source);
        network->layers = grown;
        parser->layer_capacity = capacity;
    }
    network->layers[network->n_layers++] = *layer;
    return LW_OK;
}

static lw_status parse_layer(parse_state *parser, lw_layer_kind kind, lw_word statement)
{
    const lw_network *network = parser->network;
    if (!parser->input.length)
        return lw_words_fail(&parser->words, statement,
                             "expected 'input CxHxW' before the first layer, got %s",
                             lw_word_quote(statement).text);
    const lw_layer *last = network->n_layers ? &network->layers[network->n_layers - 1] : NULL;
    if (last && last->kind == LW_LAYER_SOFTMAX_CROSS_ENTROPY)
        return lw_words_fail(&parser->words, statement,
                             "expected nothing behind the loss in line %d, got %s", last->line,
                             lw_word_quote(statement).text);
    lw_layer layer = {.kind = kind, .line = statement.line, .column = statement.column};
    layer.bias = (grammar[kind] & OPTION_NO_BIAS) != 0;
    layer.dilation_h = layer.dilation_w = 1;
    LW_TRY(parse_positional(parser, &layer, grammar[kind]));
    if (kind == LW_LAYER_CONV) {
        layer.stride_h = layer.stride_w = 1;
    } else { // a pool's windows lie side by side
        layer.stride_h = layer.kernel_h;
        layer.stride_w = layer.kernel_w;
    }
    LW_TRY(parse_options(parser, &layer));
    LW_TRY(name_layer(parser, &layer, statement));
    return add_layer(parser, &layer, statement);
}

static lw_status parse_statement(parse_state *parser, lw_word statement)
{
    const char *words[n_kinds + 1] = {"input"};
    if (lw_word_equals(statement, words[0])) return parse_input(parser, statement);
    for (int kind = 0; kind < n_kinds; kind++) {
        words[kind + 1] = lw_layer_kind_name((lw_layer_kind)kind);
        if (lw_word_equals(statement, words[kind + 1]))
            return parse_layer(parser, (lw_layer_kind)kind, statement);
    }
    return lw_words_fail_unknown(&parser->words, statement, "layer", words, n_kinds + 1);
}

// ---- the whole text

// What only the whole network shows: an end, something to learn, layers that fit each other.
static lw_status check_network(const parse_state *parser)
{
    lw_network *network = parser->network;
    const lw_word end = lw_words_end(&parser->words);
    if (!parser->input.length)
        return lw_words_fail(&parser->words, end,
                             "expected 'input CxHxW', got the end of the text");
    if (!network->n_layers ||
        network->layers[network->n_layers - 1].kind != LW_LAYER_SOFTMAX_CROSS_ENTROPY)
        return lw_words_fail(&parser->words, end,
                             "expected the loss 'softmax_cross_entropy' as the last "
                             "statement, got the end of the text");
    lw_layer_info *infos = calloc(network->n_layers, sizeof *infos);
    if (!infos) return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", parser->words.source);
    lw_network_refusal refusal;
    bool fits = lw_network_walk(network, network->input, infos, &refusal);
    for (size_t i = 0; fits && i < network->n_layers; i++)
        network->parameters += infos[i].parameters;
    network->classes = infos[network->n_layers - 1].output.channels;
    free(infos);
    if (!fits) {
        if (!refusal.layer)
            return lw_words_fail(&parser->words, parser->input, "input: %s", refusal.sentence);
        lw_word place = {.line = refusal.layer->line, .column = refusal.layer->column};
        return lw_words_fail(&parser->words, place, "%s: %s", refusal.layer->name,
                             refusal.sentence);
    }
    if (network->parameters == 0)
        return lw_words_fail(&parser->words, end,
                             "expected at least one conv or linear layer: this network has "
                             "nothing to learn");
    return LW_OK;
}

static lw_status parse_text(parse_state *parser)
{
    LW_TRY(lw_words_refuse_zero_byte(&parser->words));
    lw_word statement;
    while ((statement = lw_words_next_statement(&parser->words)).length)
        LW_TRY(parse_statement(parser, statement));
    return check_network(parser);
}

lw_status lw_network_parse(lw_network **network, const char *text, size_t text_bytes,
                           const char *source_name)
{
    if (!network || !text)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_network_parse: network or text is NULL");
    *network = NULL;
    const char *source = source_name && *source_name ? source_name : "network";
    if (text_bytes > LW_NETWORK_TEXT_LIMIT_BYTES)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %d bytes of network text, got %zu",
                       source, LW_NETWORK_TEXT_LIMIT_BYTES, text_bytes);
    lw_network *made = calloc(1, sizeof *made);
    if (!made || !(made->text = malloc(text_bytes + 1))) {
        free(made);
        return lw_fail(LW_ERROR_MEMORY, "%s: out of memory", source);
    }
    memcpy(made->text, text, text_bytes);
    made->text[text_bytes] = '\0';
    lw_word_name_of(made->name, sizeof made->name, source, ".net", "network");
    parse_state parser = {.words = lw_words_begin(source, text, text_bytes), .network = made};
    lw_status status = parse_text(&parser);
    if (status) lw_network_destroy(&made);
    *network = made;
    return status;
}
