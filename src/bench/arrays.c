// SPDX-License-Identifier: Apache-2.0
#include "bench/arrays.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { n_arrays = 8 };

typedef struct array_slot {
    float **values;
    size_t count;
} array_slot;

// All arrays, the inputs first.
enum { n_inputs = 4 };
static void list_arrays(lw_bench_arrays *a, array_slot slots[n_arrays])
{
    const array_slot list[n_arrays] = {{&a->x, a->x_count},
                                       {&a->weights, a->weights_count},
                                       {&a->bias, a->bias_count},
                                       {&a->dy, a->y_count},
                                       {&a->y, a->y_count},
                                       {&a->dx, a->x_count},
                                       {&a->dweights, a->weights_count},
                                       {&a->dbias, a->bias_count}};
    memcpy(slots, list, sizeof list);
}

// Memory that is promised and not there ends the process without a word, so it is counted first.
static lw_status check_memory(const lw_bench_arrays *arrays)
{
    const double gibibyte = 1024.0 * 1024.0 * 1024.0;
    double needed = 2.0 * sizeof(float) *
                    ((double)arrays->x_count + (double)arrays->weights_count +
                     (double)arrays->bias_count + (double)arrays->y_count);
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (there <= 0.0 || needed < 0.8 * there) return LW_OK;
    char problem[LW_CONV_PROBLEM_BYTES];
    LW_TRY(lw_conv_shape_format(&arrays->shape, problem, sizeof problem));
    return lw_fail(LW_ERROR_INPUT, "%s: its arrays take %.1f GiB, this machine has %.1f GiB",
                   problem, needed / gibibyte, there / gibibyte);
}

lw_status lw_bench_arrays_create(lw_bench_arrays *arrays, const lw_conv_shape *shape,
                                 lw_conv_layout layout)
{
    memset(arrays, 0, sizeof *arrays);
    int64_t x_floats, y_floats;
    LW_TRY(lw_conv_maps(shape, layout, &arrays->x_map, &arrays->y_map, &x_floats, &y_floats));
    // The products fit: the shape was checked.
    size_t ic = (size_t)shape->ic, oc = (size_t)shape->oc;
    arrays->shape = *shape;
    arrays->layout = layout;
    arrays->x_count = (size_t)x_floats;
    arrays->weights_count = oc * ic * (size_t)shape->kh * (size_t)shape->kw;
    arrays->bias_count = oc;
    arrays->y_count = (size_t)y_floats;
    LW_TRY(check_memory(arrays));
    array_slot slots[n_arrays];
    list_arrays(arrays, slots);
    for (int i = 0; i < n_arrays; i++) {
        void *block;
        lw_status status =
            lw_memory_allocate(&block, slots[i].count * sizeof(float), "a convolution's array");
        *slots[i].values = block;
        if (!status) continue;
        lw_bench_arrays_free(arrays);
        return status;
    }
    return LW_OK;
}

void lw_bench_arrays_free(lw_bench_arrays *arrays)
{
    array_slot slots[n_arrays];
    list_arrays(arrays, slots);
    for (int i = 0; i < n_arrays; i++) lw_memory_free(*slots[i].values);
    memset(arrays, 0, sizeof *arrays);
}

// A number that differs between shapes, so that two problems of one seed have other data.
static uint64_t mix_shape(const lw_conv_shape *s)
{
    const int32_t sizes[] = {s->n,     s->ic,         s->ih,        s->iw,       s->oc,
                             s->kh,    s->kw,         s->stride_h,  s->stride_w, s->pad_h,
                             s->pad_w, s->dilation_h, s->dilation_w};
    uint64_t mixed = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        mixed = (mixed ^ (uint64_t)sizes[i]) * UINT64_C(0x9E3779B97F4A7C15) + (mixed >> 29);
    return mixed;
}

// A value of either kind of data: an integer up to the limit, or a real where that is 0.
static float draw_value(lw_rng *rng, int limit)
{
    if (limit) {
        int value = (int)lw_rng_below(rng, 2 * (uint32_t)limit + 1) - limit;
        return lw_rng_u32(rng) & 1u ? (float)value : 0.0f;
    }
    // The upper bits give the value, three lower ones its exponent.
    uint32_t bits = lw_rng_u32(rng);
    float value = ((float)(bits >> 8) + 0.5f) * 0x1p-23f - 1.0f;
    return ldexpf(value, -(int)(bits & 7u));
}

static void fill_map(lw_rng *rng, const lw_conv_map *map, int32_t images, float *values, int limit)
{
    for (int32_t n = 0; n < images; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++) {
                float *row =
                    values + map->origin + n * map->image + c * map->channel + h * map->row;
                for (int32_t w = 0; w < map->width; w++)
                    row[w * map->pixel] = draw_value(rng, limit);
            }
}

void lw_bench_arrays_fill(lw_bench_arrays *arrays, lw_bench_data data, uint64_t seed)
{
    double most_terms = 0.0;
    for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++)
        most_terms = fmax(most_terms, lw_bench_terms(&arrays->shape, (lw_conv_pass)pass));
    // Sums of products stay far below 2^24, where floats cease to hold every integer.
    const int limit = data == LW_BENCH_REALS ? 0 : 9.0 * most_terms < 0x1p24 ? 3 : 1;
    array_slot slots[n_arrays];
    list_arrays(arrays, slots);
    for (uint32_t i = 0; i < n_inputs; i++) {
        lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, i, mix_shape(&arrays->shape));
        float *values = *slots[i].values;
        if (values == arrays->x)
            fill_map(&rng, &arrays->x_map, arrays->shape.n, values, limit);
        else if (values == arrays->dy)
            fill_map(&rng, &arrays->y_map, arrays->shape.n, values, limit);
        else
            for (size_t k = 0; k < slots[i].count; k++) values[k] = draw_value(&rng, limit);
    }
}

void lw_bench_arrays_make_absolute(lw_bench_arrays *arrays)
{
    array_slot slots[n_arrays];
    list_arrays(arrays, slots);
    for (int i = 0; i < n_inputs; i++)
        for (size_t k = 0; k < slots[i].count; k++)
            (*slots[i].values)[k] = fabsf((*slots[i].values)[k]);
}

lw_status lw_bench_execute(const lw_conv_plan *plan, const lw_bench_arrays *arrays, void *workspace)
{
    const lw_bench_arrays *a = arrays;
    switch (lw_conv_plan_pass(plan)) {
    case LW_CONV_FORWARD: return lw_conv_forward(plan, a->x, a->weights, a->bias, a->y, workspace);
    case LW_CONV_BACKWARD_DATA:
        return lw_conv_backward_data(plan, a->dy, a->weights, a->dx, workspace);
    case LW_CONV_BACKWARD_WEIGHTS:
        return lw_conv_backward_weights(plan, a->x, a->dy, a->dweights, a->dbias, workspace);
    }
    return lw_fail(LW_ERROR_INTERNAL, "a plan without a pass");
}

float *lw_bench_output(const lw_bench_arrays *arrays, lw_conv_pass pass, size_t *count)
{
    switch (pass) {
    case LW_CONV_FORWARD: *count = arrays->y_count; return arrays->y;
    case LW_CONV_BACKWARD_DATA: *count = arrays->x_count; return arrays->dx;
    case LW_CONV_BACKWARD_WEIGHTS: *count = arrays->weights_count; return arrays->dweights;
    }
    *count = 0;
    return NULL;
}

size_t lw_bench_gather(const lw_bench_arrays *arrays, lw_conv_pass pass, float *dense)
{
    size_t count;
    const float *output = lw_bench_output(arrays, pass, &count);
    if (pass == LW_CONV_BACKWARD_WEIGHTS) {
        if (dense) memcpy(dense, output, count * sizeof *dense);
        return count;
    }
    const lw_conv_map *map = pass == LW_CONV_FORWARD ? &arrays->y_map : &arrays->x_map;
    count =
        (size_t)arrays->shape.n * (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    if (!dense) return count;
    for (int32_t n = 0; n < arrays->shape.n; n++)
        for (int32_t c = 0; c < map->channels; c++)
            for (int32_t h = 0; h < map->height; h++) {
                const float *row =
                    output + map->origin + n * map->image + c * map->channel + h * map->row;
                for (int32_t w = 0; w < map->width; w++) *dense++ = row[w * map->pixel];
            }
    return count;
}

double lw_bench_terms(const lw_conv_shape *shape, lw_conv_pass pass)
{
    int32_t oh = 0, ow = 0;
    double taps = (double)shape->kh * (double)shape->kw;
    switch (pass) {
    case LW_CONV_FORWARD: return (double)shape->ic * taps + 1.0;
    case LW_CONV_BACKWARD_DATA: return (double)shape->oc * taps;
    case LW_CONV_BACKWARD_WEIGHTS:
        if (lw_conv_shape_output(shape, &oh, &ow)) return 0.0;
        return (double)shape->n * (double)oh * (double)ow;
    }
    return 0.0;
}
