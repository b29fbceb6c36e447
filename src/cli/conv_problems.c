// SPDX-License-Identifier: Apache-2.0
// Problems from arguments, from files of problem strings, and from networks.
#include "cli/conv_options.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static lw_status add_shape(lw_problem_list *list, const lw_conv_shape *shape, const char *name,
                           size_t name_length)
{
    lw_problem problem = {.shape = *shape};
    LW_TRY(lw_conv_shape_format(shape, problem.text, sizeof problem.text));
    if (name_length >= sizeof problem.name) name_length = sizeof problem.name - 1;
    memcpy(problem.name, name, name_length);
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->problems[i].text, problem.text) == 0 &&
            strcmp(list->problems[i].name, problem.name) == 0)
            return LW_OK;
    if (list->n == LW_MOST_PROBLEMS)
        return lw_fail(LW_ERROR_INPUT, "more than %d problems", LW_MOST_PROBLEMS);
    if (list->n == list->capacity) {
        size_t capacity = 2 * list->capacity + 16;
        lw_problem *grown = realloc(list->problems, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu problems", capacity);
        list->problems = grown;
        list->capacity = capacity;
    }
    list->problems[list->n++] = problem;
    return LW_OK;
}

lw_status lw_problems_add_text(lw_problem_list *list, const char *text, const char *where)
{
    lw_conv_shape shape;
    lw_status status = lw_conv_shape_parse(&shape, text, NULL);
    if (status) return lw_fail(status, "%s%s", where, lw_error_message());
    // No word of a problem has an n in it: the first one begins the name, with or without quotes.
    const char *name = strchr(text, 'n');
    size_t length = 0;
    if (name) {
        name += name[1] == '"' ? 2 : 1;
        length = strlen(name);
        if (length > 0 && name[length - 1] == '"') length--;
    }
    status = add_shape(list, &shape, name ? name : "", length);
    return status ? lw_fail(status, "%s%s", where, lw_error_message()) : LW_OK;
}

// Adds one line, which may end in blanks or a carriage return.
static lw_status add_line(lw_problem_list *list, char *line, const char *path, int number)
{
    static const char blanks[] = " \t\r\v\f";
    char where[512];
    line += strspn(line, blanks);
    size_t length = strlen(line);
    while (length > 0 && strchr(blanks, line[length - 1])) line[--length] = '\0';
    if (length == 0 || line[0] == '#') return LW_OK;
    snprintf(where, sizeof where, "%.480s:%d: ", path, number);
    if (strncmp(line, "--", 2) == 0)
        return lw_fail(LW_ERROR_INPUT,
                       "%soptions of benchdnn are not understood, expected a "
                       "problem as in mb16ic16ih14oc32oh14kh3ph1, got \"%.40s\"",
                       where, line);
    return lw_problems_add_text(list, line, where);
}

lw_status lw_problems_add_file(lw_problem_list *list, const char *path)
{
    const size_t limit_bytes = (size_t)1 << 20;
    uint8_t *bytes;
    size_t count;
    LW_TRY(lw_file_read(path, limit_bytes, &bytes, &count));
    lw_status status = LW_OK;
    const size_t before = list->n;
    if (memchr(bytes, '\0', count))
        status = lw_fail(LW_ERROR_INPUT, "%s: not a text: it has zero bytes", path);
    int number = 1;
    for (char *line = (char *)bytes; line && !status; number++) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        status = add_line(list, line, path, number);
        line = end ? end + 1 : NULL;
    }
    free(bytes);
    if (!status && list->n == before)
        status = lw_fail(LW_ERROR_INPUT, "%s: no problem in it", path);
    return status;
}

static lw_status add_layers(lw_problem_list *list, const lw_network *network,
                            const lw_layer_info *infos, int32_t batch)
{
    const size_t before = list->n;
    for (size_t i = 0; i < lw_network_layer_count(network); i++) {
        const lw_layer *layer = lw_network_layer(network, i);
        if (layer->kind != LW_LAYER_CONV) continue;
        const lw_conv_shape shape = {.n = batch,
                                     .ic = infos[i].input.channels,
                                     .ih = infos[i].input.height,
                                     .iw = infos[i].input.width,
                                     .oc = layer->channels,
                                     .kh = layer->kernel_h,
                                     .kw = layer->kernel_w,
                                     .stride_h = layer->stride_h,
                                     .stride_w = layer->stride_w,
                                     .pad_h = layer->pad_h,
                                     .pad_w = layer->pad_w,
                                     .dilation_h = layer->dilation_h,
                                     .dilation_w = layer->dilation_w};
        LW_TRY(lw_conv_shape_check(&shape));
        LW_TRY(add_shape(list, &shape, layer->name, strlen(layer->name)));
    }
    if (list->n == before)
        return lw_fail(LW_ERROR_INPUT, "%s: the network has no convolution",
                       lw_network_name(network));
    return LW_OK;
}

lw_status lw_problems_add_network(lw_problem_list *list, const char *name, lw_extent input,
                                  int32_t batch)
{
    enum { usual_side = 64 };
    lw_network *network;
    LW_TRY(lw_find_network(&network, name));
    if (input.height == 0) input = lw_network_input(network);
    if (input.height == 0) input.height = usual_side;
    if (input.width == 0) input.width = usual_side;
    lw_layer_info *infos = calloc(lw_network_layer_count(network), sizeof *infos);
    lw_status status = infos ? lw_network_infer(network, input, infos)
                             : lw_fail(LW_ERROR_MEMORY, "no memory for the layers");
    if (!status) status = add_layers(list, network, infos, batch);
    free(infos);
    lw_network_destroy(&network);
    return status;
}

void lw_problems_free(lw_problem_list *list)
{
    free(list->problems);
    *list = (lw_problem_list){0};
}

bool lw_looks_like_problem(const char *text)
{
    int numbers = 0;
    for (const char *c = text; *c; c++)
        numbers += isdigit((unsigned char)*c) && (c == text || !isdigit((unsigned char)c[-1]));
    return numbers >= 2 && !strchr(text, '/') && !strchr(text, '.');
}

bool lw_read_extent(const char *text, lw_extent *extent)
{
    char channels[12];
    size_t length = strcspn(text, "x");
    lw_option_pair first, sides;
    if (length >= sizeof channels || text[length] != 'x' || !strchr(text + length + 1, 'x'))
        return false;
    memcpy(channels, text, length);
    channels[length] = '\0';
    if (!lw_parse_pair(channels, 1, 1 << 24, &first) ||
        !lw_parse_pair(text + length + 1, 1, 1 << 24, &sides))
        return false;
    *extent = (lw_extent){first.first, sides.first, sides.second};
    return true;
}
