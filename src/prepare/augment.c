// SPDX-License-Identifier: Apache-2.0
// What chance does to an image: the strengths are drawn first, always in the same order, then
// applied.
#include <lanewise/augment.h>

#include "base/memory.h"
#include "base/rng.h"
#include "prepare/pixels.h"
#include "prepare/warp.h"

#include <math.h>
#include <string.h>

static const double radians_per_degree = 3.14159265358979323846 / 180.0;

static double uniform(lw_rng *rng, double low, double high)
{
    return low + (high - low) * (double)lw_rng_uniform(rng);
}

static lw_rng stream(lw_augment_key key, lw_rng_purpose purpose)
{
    return lw_rng_stream(key.seed, purpose, key.epoch, key.sample);
}

// ---- the warp ---------------------------------------------------------------------------------

// The map that undoes: shear, scale and turn about the centre, then shift.
static lw_affine draw_turn(const lw_augment *a, lw_rng *rng, int32_t height, int32_t width)
{
    const double angle = uniform(rng, -a->rotate, a->rotate) * radians_per_degree;
    const double scale = uniform(rng, a->scale_low, a->scale_high);
    const double lean = tan(uniform(rng, -a->shear, a->shear) * radians_per_degree);
    const double x_reach = a->shift_pixels + a->shift_fraction * width;
    const double y_reach = a->shift_pixels + a->shift_fraction * height;
    const double dx = uniform(rng, -x_reach, x_reach), dy = uniform(rng, -y_reach, y_reach);
    const double cx = 0.5 * (width - 1), cy = 0.5 * (height - 1);
    const double c = cos(angle) / scale, s = sin(angle) / scale;
    const lw_affine to_centre = {1.0, 0.0, -cx - dx, 0.0, 1.0, -cy - dy};
    const lw_affine turn = {c + lean * s, s - lean * c, 0.0, -s, c, 0.0};
    const lw_affine back = {1.0, 0.0, cx, 0.0, 1.0, cy};
    return lw_affine_then(lw_affine_then(to_centre, turn), back);
}

// Random crop with padding: whole pixels, so that nothing is interpolated.
static lw_affine draw_crop(const lw_augment *a, lw_rng *rng)
{
    const uint32_t places = 2 * (uint32_t)a->crop + 1;
    const double dx = (double)lw_rng_below(rng, places) - a->crop;
    const double dy = (double)lw_rng_below(rng, places) - a->crop;
    return (lw_affine){1.0, 0.0, dx, 0.0, 1.0, dy};
}

// A part of the image, scaled to its size.
static lw_affine draw_part(const lw_augment *a, lw_rng *rng, int32_t height, int32_t width)
{
    const double area = uniform(rng, a->rcrop_low, a->rcrop_high);
    // Aspect ratios are as likely as their inverses.
    const double stretch = exp(uniform(rng, -1.0, 1.0) * log(4.0 / 3.0) / 2.0);
    const double sx = fmin(sqrt(area) * stretch, 1.0), sy = fmin(sqrt(area) / stretch, 1.0);
    const double left = uniform(rng, 0.0, width * (1.0 - sx));
    const double top = uniform(rng, 0.0, height * (1.0 - sy));
    // Pixel centres: the part's border, not its first pixel's centre, comes to lie on the border.
    return (lw_affine){sx, 0.0, left + 0.5 * sx - 0.5, 0.0, sy, top + 0.5 * sy - 0.5};
}

static lw_affine draw_flips(const lw_augment *a, lw_rng *rng, int32_t height, int32_t width)
{
    lw_affine map = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0};
    if (a->flip > 0.0 && (double)lw_rng_uniform(rng) < a->flip) {
        map.xx = -1.0;
        map.x0 = width - 1;
    }
    if (a->vflip > 0.0 && (double)lw_rng_uniform(rng) < a->vflip) {
        map.yy = -1.0;
        map.y0 = height - 1;
    }
    return map;
}

static bool turns(const lw_augment *a)
{
    return a->rotate > 0.0 || a->scale_low != 1.0 || a->scale_high != 1.0 || a->shear > 0.0 ||
           a->shift_pixels > 0.0 || a->shift_fraction > 0.0;
}

static bool takes_part(const lw_augment *a)
{
    return a->rcrop_low != 1.0 || a->rcrop_high != 1.0;
}

// The whole way from a pixel of the result to its place in the image, last change first.
static lw_affine draw_map(const lw_augment *a, lw_rng *rng, int32_t height, int32_t width)
{
    lw_affine map = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0};
    if (turns(a)) map = draw_turn(a, rng, height, width);
    if (a->crop > 0) map = lw_affine_then(map, draw_crop(a, rng));
    if (takes_part(a)) map = lw_affine_then(map, draw_part(a, rng, height, width));
    if (a->flip > 0.0 || a->vflip > 0.0)
        map = lw_affine_then(map, draw_flips(a, rng, height, width));
    return map;
}

static void warp(const lw_augment *a, lw_rng *rng, const lw_sample *image, void *scratch,
                 uint8_t *out)
{
    lw_warp warp = {.channels = image->channels,
                    .height = image->height,
                    .width = image->width,
                    .map = draw_map(a, rng, image->height, image->width),
                    .fill = a->fill};
    if (a->elastic > 0.0) {
        warp.displacement.rms = (float)a->elastic;
        warp.displacement.sigma = (float)a->elastic_sigma;
        warp.displacement.key[0] = lw_rng_u32(rng);
        warp.displacement.key[1] = lw_rng_u32(rng);
    }
    if (a->elastic == 0.0 && lw_affine_is_identity(warp.map))
        memcpy(out, image->pixels,
               (size_t)image->height * (size_t)image->width * (size_t)image->channels);
    else
        lw_warp_image(&warp, image->pixels, scratch, out);
}

// ---- values -----------------------------------------------------------------------------------

static void blur(const lw_augment *a, lw_rng *rng, const lw_sample *image, void *scratch,
                 uint8_t *out)
{
    const double least = 0.1; // below, the neighbours' weights round to nothing
    const double deviation = uniform(rng, 0.0, a->blur);
    if (deviation > least)
        lw_pixels_blur(out, image->channels, image->height, image->width, deviation, scratch);
}

static void adjust(const lw_augment *a, lw_rng *rng, size_t count, uint8_t *out)
{
    const double gain = uniform(rng, 1.0 - a->brightness, 1.0 + a->brightness);
    const double contrast = uniform(rng, 1.0 - a->contrast, 1.0 + a->contrast);
    lw_pixels_adjust(out, count, gain, contrast);
}

static void erase(const lw_augment *a, lw_rng *rng, const lw_sample *image, uint8_t *out)
{
    const int32_t height = image->height, width = image->width;
    const double area = uniform(rng, 0.0, a->erase);
    const double stretch = exp(uniform(rng, -1.0, 1.0) * log(3.0) / 2.0); // aspect 1:3 .. 3:1
    const int32_t h = (int32_t)lround(fmin(height * sqrt(area) * stretch, height));
    const int32_t w = (int32_t)lround(fmin(width * sqrt(area) / stretch, width));
    const int32_t top = (int32_t)lw_rng_below(rng, (uint32_t)(height - h) + 1);
    const int32_t left = (int32_t)lw_rng_below(rng, (uint32_t)(width - w) + 1);
    lw_pixels_erase(out, image->channels, height, width, top, left, h, w, a->fill);
}

static void cut_out(const lw_augment *a, lw_rng *rng, const lw_sample *image, uint8_t *out)
{
    // Every pixel is covered as often as any other only when the centre may lie on the border.
    const int32_t y = (int32_t)lw_rng_below(rng, (uint32_t)image->height);
    const int32_t x = (int32_t)lw_rng_below(rng, (uint32_t)image->width);
    lw_pixels_erase(out, image->channels, image->height, image->width, y - a->cutout / 2,
                    x - a->cutout / 2, a->cutout, a->cutout, a->fill);
}

size_t lw_augment_scratch_bytes(const lw_augment *augment, int32_t channels, int32_t height,
                                int32_t width)
{
    const size_t warp_bytes = lw_warp_scratch_bytes(height, width, augment->elastic > 0.0);
    const size_t blur_bytes =
        augment->blur > 0.0 ? lw_pixels_blur_scratch_bytes(channels, height, width) : 0;
    return warp_bytes > blur_bytes ? warp_bytes : blur_bytes;
}

void lw_augment_apply(const lw_augment *augment, lw_augment_key key, const lw_sample *image,
                      void *scratch, uint8_t *out)
{
    const size_t count = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    lw_rng rng = stream(key, LW_RNG_AUGMENT);
    warp(augment, &rng, image, scratch, out);
    if (augment->blur > 0.0) blur(augment, &rng, image, scratch, out);
    if (augment->brightness > 0.0 || augment->contrast > 0.0) adjust(augment, &rng, count, out);
    if (augment->noise > 0.0) {
        uint32_t noise_key[2];
        for (int i = 0; i < 2; i++) noise_key[i] = lw_rng_u32(&rng);
        lw_pixels_add_noise(out, count, augment->noise, noise_key);
    }
    if (augment->erase > 0.0) erase(augment, &rng, image, out);
    if (augment->cutout > 0) cut_out(augment, &rng, image, out);
}

// ---- mixup ------------------------------------------------------------------------------------

// From Gamma(alpha, 1), by Marsaglia's and Tsang's rejection (ACM TOMS 26(3), 2000); below 1 by
// their power of a uniform number.
static double draw_gamma(lw_rng *rng, double alpha)
{
    if (alpha < 1.0) {
        const double u = 1.0 - (double)lw_rng_uniform(rng); // in (0, 1]
        return draw_gamma(rng, alpha + 1.0) * pow(u, 1.0 / alpha);
    }
    const double d = alpha - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = lw_rng_normal(rng), root = 1.0 + c * x;
        if (root <= 0.0) continue;
        const double v = root * root * root, u = 1.0 - (double)lw_rng_uniform(rng);
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

lw_mixup lw_augment_draw_mixup(const lw_augment *augment, lw_augment_key key, size_t count)
{
    lw_mixup mixup = {.other = (size_t)key.sample};
    if (augment->mixup <= 0.0 || count < 2) return mixup;
    lw_rng rng = stream(key, LW_RNG_MIXUP);
    mixup.other = lw_rng_below(&rng, (uint32_t)count);
    const double a = draw_gamma(&rng, augment->mixup), b = draw_gamma(&rng, augment->mixup);
    // Both may be nothing when alpha is tiny; then either image alone is as good.
    const double share = a + b > 0.0 ? a / (a + b) : 0.0;
    // The image whose turn it is keeps the larger share: the other way round is another's turn.
    mixup.share = (int32_t)lround(256.0 * fmin(share, 1.0 - share));
    return mixup;
}

void lw_augment_mix(uint8_t *image, const uint8_t *other, size_t count, int32_t share)
{
    for (size_t i = 0; i < count; i++)
        image[i] = (uint8_t)((image[i] * (256 - share) + other[i] * share + 128) >> 8);
}
