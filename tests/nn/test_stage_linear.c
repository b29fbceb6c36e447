// SPDX-License-Identifier: Apache-2.0
// Linear stages: an image's outputs and gradients have the same bits alone and in a group of any size, which is
// what makes them the same for any number of threads that share a group.
#include "nn/stage_linear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { most_in = 336, most_out = 40 };

typedef struct operands {
    _Alignas(64) float weights[most_out * most_in];
    _Alignas(64) float x[LW_GROUP_LIMIT * most_in], dy[LW_GROUP_LIMIT * most_out];
    _Alignas(64) float bias[most_out], scratch[LW_GROUP_LIMIT * most_out];
} operands;

static void fill(float *values, size_t count, uint32_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        values[i] = (float)(*seed >> 8) / (float)(1 << 23) - 1.0f;
    }
}

// The stage and its maps, of dense rows.
typedef struct layer {
    lw_layer_weights weights;
    lw_stage stage;
    lw_map in, out;
} layer;

static void make_layer(layer *l, int32_t in, int32_t out)
{
    *l = (layer){.weights = {.linear = true, .out = out, .weights_floats = (int64_t)in * out},
                 .in = {.image = in},
                 .out = {.image = out}};
    l->stage = (lw_stage){.kind = LW_STAGE_LINEAR, .weights = &l->weights};
}

static void check_layer(operands *o, int32_t in, int32_t out)
{
    static _Alignas(64) float y[2][LW_GROUP_LIMIT * most_out], dx[2][LW_GROUP_LIMIT * most_in];
    layer l;
    make_layer(&l, in, out);
    const lw_linear_call one = {&l.stage, &l.in, &l.out, 1};
    for (int32_t n = 0; n < LW_GROUP_LIMIT; n++) {
        lw_linear_stage_forward(&one, o->x + n * in, o->weights, o->bias, y[0] + n * out);
        lw_linear_stage_backward_data(&one, o->dy + n * out, o->weights, dx[0] + n * in,
                                      o->scratch);
    }
    for (int32_t images = 2; images <= LW_GROUP_LIMIT; images++) {
        const lw_linear_call group = {&l.stage, &l.in, &l.out, images};
        lw_linear_stage_forward(&group, o->x, o->weights, o->bias, y[1]);
        lw_linear_stage_backward_data(&group, o->dy, o->weights, dx[1], o->scratch);
        if (memcmp(y[0], y[1], (size_t)(images * out) * sizeof(float)) != 0)
            fail_msg("%d inputs, %d outputs: other outputs in a group of %d", in, out, images);
        if (memcmp(dx[0], dx[1], (size_t)(images * in) * sizeof(float)) != 0)
            fail_msg("%d inputs, %d outputs: other gradients in a group of %d", in, out, images);
    }
}

static void test_any_company(void **state)
{
    (void)state;
    static operands o;
    uint32_t seed = 7;
    fill(o.weights, sizeof o.weights / sizeof *o.weights, &seed);
    fill(o.x, sizeof o.x / sizeof *o.x, &seed);
    fill(o.dy, sizeof o.dy / sizeof *o.dy, &seed);
    fill(o.bias, sizeof o.bias / sizeof *o.bias, &seed);
    const int32_t outputs[] = {1, 2, 3, 10, 33, most_out};
    // All widths, since they decide how the sums are cut into tiles.
    for (int32_t in = LW_BLOCK; in <= most_in; in += LW_BLOCK)
        for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
            check_layer(&o, in, outputs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_company)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
