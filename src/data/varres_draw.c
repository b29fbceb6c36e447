// SPDX-License-Identifier: Apache-2.0
#include "data/varres_draw.h"

#include <math.h>

// A rectangle in pixels of the source; pixel i reaches from i to i + 1.
typedef struct box {
    float left, top, right, bottom;
} box;

// From the canvas back to the source: rotate the distance from the centre, divide by the scale.
typedef struct mapping {
    float centre_x, centre_y; // on the canvas
    float source_x, source_y; // what lies there
    float cosine, sine;       // of the turn, over the scale
    box area;                 // of the source that is drawn
    int32_t samples;          // a side, of a pixel
} mapping;

lw_varres_pose lw_varres_choose_pose(double rotate_degrees, lw_rng *rng)
{
    const double degree = 3.14159265358979323846 / 180.0;
    lw_varres_pose pose;
    pose.share = 0.5f + 0.5f * lw_rng_uniform(rng);
    pose.radians = (float)(rotate_degrees * degree) * (2.0f * lw_rng_uniform(rng) - 1.0f);
    pose.left = lw_rng_uniform(rng);
    pose.top = lw_rng_uniform(rng);
    return pose;
}

static const uint8_t *pixel_at(const lw_sample *image, int32_t y, int32_t x)
{
    return image->pixels + ((size_t)y * (size_t)image->width + (size_t)x) * (size_t)image->channels;
}

// What is drawn on the image: the smallest rectangle around all pixels that are not almost black. The
// whole image where there are none.
static box find_drawing(const lw_sample *image)
{
    const uint8_t almost_black = 32;
    int32_t left = image->width, top = image->height, right = 0, bottom = 0;
    for (int32_t y = 0; y < image->height; y++)
        for (int32_t x = 0; x < image->width; x++)
            for (int32_t c = 0; c < image->channels; c++) {
                if (pixel_at(image, y, x)[c] < almost_black) continue;
                if (x < left) left = x;
                if (x >= right) right = x + 1;
                if (y < top) top = y;
                bottom = y + 1;
            }
    if (right == 0) return (box){0.0f, 0.0f, (float)image->width, (float)image->height};
    return (box){(float)left, (float)top, (float)right, (float)bottom};
}

// The value of a channel at a point, between pixels by bilinear interpolation, black outside the area.
static float value_at(const lw_sample *image, const box *area, float y, float x, int32_t channel)
{
    if (y < area->top || y > area->bottom || x < area->left || x > area->right) return 0.0f;
    const float row = floorf(y - 0.5f), column = floorf(x - 0.5f);
    const float below = y - 0.5f - row, right = x - 0.5f - column;
    float sum = 0.0f;
    for (int32_t i = 0; i < 2; i++)
        for (int32_t k = 0; k < 2; k++) {
            int32_t h = (int32_t)row + i, w = (int32_t)column + k;
            if (h < 0 || w < 0 || h >= image->height || w >= image->width) continue;
            float weight = (i ? below : 1.0f - below) * (k ? right : 1.0f - right);
            sum += weight * (float)pixel_at(image, h, w)[channel];
        }
    return sum;
}

// The mean of a pixel's samples, which are as close to each other as the pixels of the source.
static float mean_of_pixel(const lw_sample *image, const mapping *map, int32_t y, int32_t x,
                           int32_t channel)
{
    const float step = 1.0f / (float)map->samples;
    float sum = 0.0f;
    for (int32_t i = 0; i < map->samples; i++)
        for (int32_t k = 0; k < map->samples; k++) {
            float dy = (float)y + ((float)i + 0.5f) * step - map->centre_y;
            float dx = (float)x + ((float)k + 0.5f) * step - map->centre_x;
            float source_x = map->source_x + map->cosine * dx + map->sine * dy;
            float source_y = map->source_y - map->sine * dx + map->cosine * dy;
            sum += value_at(image, &map->area, source_y, source_x, channel);
        }
    return sum * step * step;
}

static int32_t clamp(float value, int32_t most)
{
    if (value < 0.0f) return 0;
    return value > (float)most ? most : (int32_t)value;
}

// Draws all pixels of the canvas that a rectangle of `width` x `height` around the centre touches.
static void draw_mapped(lw_canvas *canvas, const lw_sample *image, const mapping *map, float width,
                        float height)
{
    const int32_t left = clamp(map->centre_x - width / 2, canvas->side);
    const int32_t right = clamp(ceilf(map->centre_x + width / 2), canvas->side);
    const int32_t top = clamp(map->centre_y - height / 2, canvas->side);
    const int32_t bottom = clamp(ceilf(map->centre_y + height / 2), canvas->side);
    for (int32_t y = top; y < bottom; y++)
        for (int32_t x = left; x < right; x++)
            for (int32_t c = 0; c < canvas->channels; c++) {
                uint8_t *to =
                    canvas->pixels +
                    ((size_t)y * (size_t)canvas->side + (size_t)x) * (size_t)canvas->channels + c;
                int32_t value = clamp(mean_of_pixel(image, map, y, x, c) + 0.5f, 255);
                if (value > *to) *to = (uint8_t)value;
            }
}

void lw_varres_draw_image(lw_canvas *canvas, const lw_sample *image, const lw_varres_pose *pose)
{
    const box area = find_drawing(image);
    const float box_width = area.right - area.left, box_height = area.bottom - area.top;
    const float c = cosf(pose->radians), s = sinf(pose->radians);
    // The upright rectangle around the turned drawing.
    const float turned_width = fabsf(c) * box_width + fabsf(s) * box_height;
    const float turned_height = fabsf(s) * box_width + fabsf(c) * box_height;
    const float longer = turned_width > turned_height ? turned_width : turned_height;
    const float side = (float)canvas->side, scale = pose->share * side / longer;
    const float width = turned_width * scale, height = turned_height * scale;
    mapping map = {.centre_x = width / 2 + pose->left * (side - width),
                   .centre_y = height / 2 + pose->top * (side - height),
                   .source_x = (area.left + area.right) / 2,
                   .source_y = (area.top + area.bottom) / 2,
                   .cosine = c / scale,
                   .sine = s / scale,
                   .area = area,
                   .samples = scale >= 1.0f ? 1 : (int32_t)ceilf(1.0f / scale)};
    draw_mapped(canvas, image, &map, width, height);
}

void lw_varres_draw_scrap(lw_canvas *canvas, const lw_sample *image, lw_rng *rng)
{
    enum { scrap = 8 };
    const int32_t width = image->width < scrap ? image->width : scrap;
    const int32_t height = image->height < scrap ? image->height : scrap;
    const float left = (float)lw_rng_below(rng, (uint32_t)(image->width - width) + 1);
    const float top = (float)lw_rng_below(rng, (uint32_t)(image->height - height) + 1);
    const float x = lw_rng_uniform(rng), y = lw_rng_uniform(rng), side = (float)canvas->side;
    const int32_t longer = image->width > image->height ? image->width : image->height;
    const float scale = side / (float)longer;
    mapping map = {.centre_x = x * side,
                   .centre_y = y * side,
                   .source_x = left + (float)width / 2,
                   .source_y = top + (float)height / 2,
                   .cosine = 1.0f / scale,
                   .area = {left, top, left + (float)width, top + (float)height},
                   .samples = scale >= 1.0f ? 1 : (int32_t)ceilf(1.0f / scale)};
    draw_mapped(canvas, image, &map, (float)width * scale, (float)height * scale);
}
