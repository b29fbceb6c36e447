// SPDX-License-Identifier: Apache-2.0
// Studies that train nothing: sizes of convolutions, with what each makes of a small picture, and numbers of
// channels.
#include "base/error.h"
#include "cli/study_files.h"
#include "cli/study_result.h"
#include "report/picture.h"

#include <lanewise/conv.h>
#include <stdlib.h>
#include <string.h>

// A seven: it has edges in three directions and is not symmetric.
enum { seven_side = 6 };
static const char seven[seven_side][seven_side + 1] = {"######", "    ##", "   ## ",
                                                       "  ##  ", "  ##  ", "  ##  "};

static bool is_small(const lw_study_shape *shape, lw_study_pair size)
{
    return size.first <= LW_STUDY_MOST_DRAWN && size.second <= LW_STUDY_MOST_DRAWN &&
           shape->out[0] <= LW_STUDY_MOST_DRAWN && shape->out[1] <= LW_STUDY_MOST_DRAWN;
}

// Convolves the picture with a kernel of equal weights, so that each result is the mean of what the kernel
// covers, padding included.
static lw_status convolve(lw_study_shape *shape, const lw_conv_shape *conv)
{
    const size_t taps = (size_t)conv->kh * (size_t)conv->kw;
    lw_conv_plan *plan;
    const lw_conv_options options = {.algorithm = LW_CONV_ALGORITHM_NAIVE, .threads = 1};
    LW_TRY(lw_conv_plan_create(&plan, conv, LW_CONV_FORWARD, &options));
    const size_t workspace_bytes = lw_conv_plan_workspace_bytes(plan);
    float *weights = malloc(taps * sizeof *weights);
    void *workspace = malloc(workspace_bytes ? workspace_bytes : 1);
    lw_status status = LW_OK;
    if (!weights || !workspace) status = lw_fail(LW_ERROR_MEMORY, "no memory for a drawing");
    for (size_t i = 0; !status && i < taps; i++) weights[i] = 1.0f / (float)taps;
    if (!status)
        status = lw_conv_forward(plan, shape->picture, weights, NULL, shape->result, workspace);
    free(weights);
    free(workspace);
    lw_conv_plan_destroy(&plan);
    return status;
}

lw_status lw_study_find_shape(lw_study_arm_result *result)
{
    const lw_study_arm *arm = result->arm;
    lw_study_shape *shape = &result->shape;
    lw_status status = lw_conv_output_size(arm->size.first, arm->kernel.first, arm->stride.first,
                                           arm->pad.first, arm->dilation.first, &shape->out[0]);
    if (!status)
        status = lw_conv_output_size(arm->size.second, arm->kernel.second, arm->stride.second,
                                     arm->pad.second, arm->dilation.second, &shape->out[1]);
    if (status) return lw_fail(LW_ERROR_INPUT, "arm '%s': %s", arm->name, lw_error_message());
    shape->parameters = (int64_t)arm->kernel.first * arm->kernel.second + 1;
    result->parameters = shape->parameters;
    if (!is_small(shape, arm->size)) return LW_OK;
    const lw_conv_shape conv = {.n = 1,
                                .ic = 1,
                                .oc = 1,
                                .iw = arm->size.first,
                                .ih = arm->size.second,
                                .kw = arm->kernel.first,
                                .kh = arm->kernel.second,
                                .stride_w = arm->stride.first,
                                .stride_h = arm->stride.second,
                                .pad_w = arm->pad.first,
                                .pad_h = arm->pad.second,
                                .dilation_w = arm->dilation.first,
                                .dilation_h = arm->dilation.second};
    for (int32_t y = 0; y < conv.ih; y++)
        for (int32_t x = 0; x < conv.iw; x++)
            shape->picture[y * conv.iw + x] =
                seven[y * seven_side / conv.ih][x * seven_side / conv.iw] == '#' ? 1.0f : 0.0f;
    shape->drawn = true;
    return convolve(shape, &conv);
}

lw_status lw_study_find_match(lw_study_arm_result *result, const lw_study *study)
{
    const lw_study_arm *arm = result->arm;
    lw_network *network, *other = NULL;
    LW_TRY(lw_study_network(&network, study, arm->network));
    lw_status status = lw_study_network(&other, study, arm->to);
    if (!status) status = lw_match_find(&result->match, network, arm->layer, other);
    if (!status) result->parameters = result->match.rows[result->match.best].parameters;
    result->match.network = result->match.other = NULL;
    lw_network_destroy(&network);
    lw_network_destroy(&other);
    if (!status) return LW_OK;
    return lw_fail(status, "%s:%d:%d: arm '%s': %s", study->source, arm->line, arm->column,
                   arm->name, lw_error_message());
}

// ---- with characters --------------------------------------------------------------------------

// All pictures lie on grounds of one size, so that their sizes can be compared by eye. These divide the points
// that a picture is drawn with.
enum { largest_ground = 18, light_ground = 40, lightest = 255 };
static const int grounds[] = {6, 9, 12, largest_ground};

typedef struct canvas {
    uint8_t pixels[largest_ground * largest_ground];
} canvas;

// The smallest ground on which everything that is drawn has room.
static int choose_ground(const lw_study_result *result)
{
    int32_t side = 1;
    for (size_t i = 0; i < result->study->n_arms; i++) {
        const lw_study_shape *shape = &result->arms[i].shape;
        const lw_study_pair size = result->arms[i].arm->size;
        const int32_t sides[] = {size.first, size.second, shape->out[0], shape->out[1]};
        for (size_t k = 0; shape->drawn && k < LW_COUNT(sides); k++)
            if (sides[k] > side) side = sides[k];
    }
    size_t i = 0;
    while (i + 1 < LW_COUNT(grounds) && grounds[i] < side) i++;
    return grounds[i];
}

static lw_picture make_picture(canvas *c, int ground, const float *values, int32_t width,
                               int32_t height, const char *name)
{
    char size[32];
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const float light = (float)(lightest - light_ground) * values[y * width + x];
            c->pixels[y * ground + x] = (uint8_t)(light_ground + light + 0.5f);
        }
    lw_picture picture = {.image = {.pixels = c->pixels, .height = ground, .width = ground}};
    picture.image.channels = 1;
    snprintf(size, sizeof size, "%dx%d", width, height);
    lw_picture_caption(&picture, 0, name);
    lw_picture_caption(&picture, 1, size);
    return picture;
}

lw_status lw_study_print_shapes(const lw_study_result *result, FILE *file,
                                const lw_terminal *terminal)
{
    enum { most = LW_STUDY_MOST_ARMS + 1 };
    const int ground = choose_ground(result);
    canvas *canvases = calloc(most, sizeof *canvases);
    lw_picture *pictures = calloc(most, sizeof *pictures);
    size_t n = 0;
    for (size_t i = 0; canvases && pictures && i < result->study->n_arms; i++) {
        const lw_study_arm *arm = result->arms[i].arm;
        const lw_study_shape *shape = &result->arms[i].shape;
        if (!shape->drawn) continue;
        if (n++ == 0)
            pictures[0] = make_picture(&canvases[0], ground, shape->picture, arm->size.first,
                                       arm->size.second, "the picture");
        pictures[n] = make_picture(&canvases[n], ground, shape->result, shape->out[0],
                                   shape->out[1], arm->name);
    }
    if (n > 0) {
        fprintf(file, "\nWhat each makes of a picture, with a kernel of equal weights:\n\n");
        lw_picture_print(pictures, n + 1, file, terminal);
    }
    const bool failed = !canvases || !pictures;
    free(canvases);
    free(pictures);
    return failed ? lw_fail(LW_ERROR_MEMORY, "no memory for the drawings") : LW_OK;
}

// ---- as SVG -----------------------------------------------------------------------------------

enum { cell = 14, margin = 4, arrow = 46 }; // units of the drawing

// Squares from dark to light on a dark ground; `pad` dashed ones around them are zeros that belong to no picture.
static void draw_grid(lw_text *svg, const float *values, int32_t width, int32_t height,
                      lw_study_pair pad, int left, int top)
{
    lw_text_print(svg, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#33404d\"/>",
                  left + pad.first * cell - 1, top + pad.second * cell - 1, width * cell + 1,
                  height * cell + 1);
    for (int32_t y = -pad.second; y < height + pad.second; y++)
        for (int32_t x = -pad.first; x < width + pad.first; x++) {
            const bool inside = x >= 0 && x < width && y >= 0 && y < height;
            const int grey = inside ? (int)(235 * values[y * width + x] + 20.5f) : 0;
            lw_text_print(svg, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" ",
                          left + (x + pad.first) * cell, top + (y + pad.second) * cell, cell - 1,
                          cell - 1);
            if (inside)
                lw_text_print(svg, "fill=\"rgb(%d,%d,%d)\"/>", grey, grey, grey);
            else
                lw_text_print(svg, "fill=\"none\" stroke=\"#888\" stroke-dasharray=\"2 2\"/>");
        }
}

void lw_study_draw_shape(lw_text *svg, const lw_study_arm_result *result)
{
    const lw_study_arm *arm = result->arm;
    const lw_study_shape *shape = &result->shape;
    const int32_t in_w = arm->size.first + 2 * arm->pad.first;
    const int32_t in_h = arm->size.second + 2 * arm->pad.second;
    const int32_t tall = in_h > shape->out[1] ? in_h : shape->out[1];
    const int width = 2 * margin + (in_w + shape->out[0]) * cell + arrow;
    const int height = 2 * margin + tall * cell, middle = height / 2;
    const int window_w = (arm->dilation.first * (arm->kernel.first - 1) + 1) * cell;
    const int window_h = (arm->dilation.second * (arm->kernel.second - 1) + 1) * cell;
    lw_text_print(svg,
                  "<svg role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" style=\"max-width:100%%\" "
                  "xmlns=\"http://www.w3.org/2000/svg\"><title>",
                  width, height, width);
    lw_text_append_xml(svg, arm->title);
    lw_text_print(svg, "</title><desc>A picture of %dx%d pixels becomes one of %dx%d.</desc>",
                  arm->size.first, arm->size.second, shape->out[0], shape->out[1]);
    const lw_study_pair none = {0, 0};
    draw_grid(svg, shape->picture, arm->size.first, arm->size.second, arm->pad, margin,
              middle - in_h * cell / 2);
    // Where the kernel stands first.
    lw_text_print(svg,
                  "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                  "stroke=\"#e08a1e\" stroke-width=\"2\"/>",
                  margin - 1, middle - in_h * cell / 2 - 1, window_w + 1, window_h + 1);
    const int left = margin + in_w * cell;
    lw_text_print(svg,
                  "<path d=\"M%d %d h%d m-7 -5 l7 5 l-7 5\" fill=\"none\" stroke=\"#888\" "
                  "stroke-width=\"2\"/>",
                  left + 8, middle, arrow - 18);
    draw_grid(svg, shape->result, shape->out[0], shape->out[1], none, left + arrow,
              middle - shape->out[1] * cell / 2);
    lw_text_print(svg, "</svg>");
}
