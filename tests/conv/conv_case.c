// SPDX-License-Identifier: Apache-2.0
#include "conv_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const char *const lw_conv_case_problems[] = {
    "mb2ic48ih6oc20oh6kh3ph1",                       // two blocks of depth
    "mb1ic71ih5oc19oh5kh3ph1",                       // unequal blocks of depth that cut a channel
    "mb1ic45ih2iw401oc3oh2ow401kh3kw3ph1pw1",        // unequal chunks of part of a row
    "mb1ic30ih10iw50oc6oh10ow50kh3kw3ph1pw1",        // unequal chunks of several rows
    "mb1ic2ih41iw50oc6oh41ow50kh3kw3ph1pw1",
    "mb1ic130ih2iw401oc3oh2ow401kh1kw3ph0pw1",       // a chunk with padding on its right alone
    "mb1ic130ih10iw50oc4oh10ow50kh3kw1ph1pw0",       // and one with padding below alone
    "mb40ic12ih3oc10oh3kh3ph1",                      // chunks of many images
    "mb23ic70ih2oc33oh1kh2ph0",                      // one output an image
    "mb3ic37ih9oc41oh9kh1ph0",                       // 1x1: nothing to unfold
    "mb9ic400ih3oc12oh3kh1ph0",                      // 1x1, several images and depth blocks
    "mb2ic5ih9oc7oh5kh1sh2ph0",                      // 1x1 with a stride
    "mb2ic5ih9oc7oh11kh1ph1",                        // 1x1 with padding
    "mb1ic3ih45oc8oh20kh7sh2ph0",                    // a large strided first layer
    "mb1ic1ih30oc3oh10kh21ph0",                      // a kernel of more rows than a block
    "mb2ic3ih3oc400oh3kh3ph1",                       // more output channels than a block of depth
    "mb1ic2ih3oc2oh23kh3ph11",                       // whole rows of nothing but padding
    "mb2ic100ih4oc70oh2kh3ph0",                      // several blocks of channels
    "mb1ic1ih600oc1oh600kh1ph0",                     // one channel, many positions
};
const size_t lw_conv_case_problem_count =
    sizeof lw_conv_case_problems / sizeof *lw_conv_case_problems;

static int32_t draw(lw_rng *rng, int32_t low, int32_t high)
{
    return low + (int32_t)lw_rng_below(rng, (uint32_t)(high - low + 1));
}

static int32_t draw_channels(lw_rng *rng)
{
    static const int32_t usual[] = {1, 3, 4, 8, 15, 16, 17, 24, 32, 33};
    if (lw_rng_below(rng, 2)) return usual[lw_rng_below(rng, sizeof usual / sizeof *usual)];
    return draw(rng, 1, 20);
}

lw_conv_shape lw_conv_case_shape(lw_rng *rng, int64_t most_macs)
{
    for (;;) {
        lw_conv_shape s = {.n = draw(rng, 1, 5), .ic = draw_channels(rng), .oc = draw_channels(rng),
                           .ih = draw(rng, 1, 20), .iw = draw(rng, 1, 20),
                           .kh = draw(rng, 1, 5), .kw = draw(rng, 1, 5),
                           .stride_h = draw(rng, 1, 3), .stride_w = draw(rng, 1, 3),
                           .dilation_h = draw(rng, 1, 3), .dilation_w = draw(rng, 1, 3)};
        s.pad_h = draw(rng, 0, s.kh + 1);
        s.pad_w = draw(rng, 0, s.kw + 1);
        // The most frequent convolutions of all: 3x3 and 1x1 with stride 1.
        uint32_t kind = lw_rng_below(rng, 4);
        if (kind < 2) {
            s.kh = s.kw = kind == 0 ? 3 : 1;
            s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
            s.pad_h = s.pad_w = kind == 0 ? draw(rng, 0, 1) : 0;
        }
        if (lw_conv_shape_check(&s) == LW_OK && lw_conv_shape_macs(&s) <= most_macs) return s;
    }
}

lw_conv_counts lw_conv_case_counts(const lw_conv_shape *s)
{
    int32_t oh, ow;
    assert_int_equal(lw_conv_shape_output(s, &oh, &ow), LW_OK);
    size_t n = (size_t)s->n, ic = (size_t)s->ic, oc = (size_t)s->oc;
    size_t taps = (size_t)s->kh * (size_t)s->kw, positions = (size_t)oh * (size_t)ow;
    return (lw_conv_counts){.x = n * ic * (size_t)s->ih * (size_t)s->iw,
                            .weights = oc * ic * taps, .bias = oc, .y = n * oc * positions,
                            .columns = n * ic * taps * positions};
}

static lw_guarded make_floats(size_t count, lw_rng *rng)
{
    // Any multiple of a float's alignment; half of the arrays end where memory ends.
    size_t misalignment = 4 * lw_rng_below(rng, 16);
    uint64_t seed = lw_rng_u32(rng);
    return lw_rng_below(rng, 2) ? lw_guarded_make(count * sizeof(float), misalignment, seed)
                                : lw_guarded_make_walled(count * sizeof(float), seed);
}

static void fill(lw_guarded *guarded, lw_rng *rng, bool integers)
{
    if (integers)
        lw_fill_integers(rng, guarded->memory, guarded->bytes / sizeof(float), 3);
    else
        lw_fill_reals(rng, guarded->memory, guarded->bytes / sizeof(float));
}

lw_conv_case lw_conv_case_make(const lw_conv_shape *shape, lw_rng *rng, bool integers)
{
    lw_conv_case c = {.shape = *shape, .counts = lw_conv_case_counts(shape)};
    c.x = make_floats(c.counts.x, rng);
    c.weights = make_floats(c.counts.weights, rng);
    c.bias = make_floats(c.counts.bias, rng);
    c.y = make_floats(c.counts.y, rng);
    c.dy = make_floats(c.counts.y, rng);
    c.dx = make_floats(c.counts.x, rng);
    c.dweights = make_floats(c.counts.weights, rng);
    c.dbias = make_floats(c.counts.bias, rng);
    fill(&c.x, rng, integers);
    fill(&c.weights, rng, integers);
    fill(&c.bias, rng, integers);
    fill(&c.dy, rng, integers);
    return c;
}

enum { n_arrays = 8 };

static void list_arrays(lw_conv_case *c, lw_guarded *arrays[n_arrays])
{
    lw_guarded *all[n_arrays] = {&c->x,  &c->weights, &c->bias,     &c->y,
                                 &c->dy, &c->dx,      &c->dweights, &c->dbias};
    for (int i = 0; i < n_arrays; i++) arrays[i] = all[i];
}

void lw_conv_case_free(lw_conv_case *c)
{
    lw_guarded *arrays[n_arrays];
    list_arrays(c, arrays);
    for (int i = 0; i < n_arrays; i++) lw_guarded_free(arrays[i]);
}

void lw_conv_case_make_absolute(lw_conv_case *c)
{
    lw_guarded *inputs[] = {&c->x, &c->weights, &c->bias, &c->dy};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        lw_fill_absolute(inputs[i]->memory, inputs[i]->memory, inputs[i]->bytes / sizeof(float));
}

static void poison(lw_guarded *guarded)
{
    lw_fill_nan(guarded->memory, guarded->bytes / sizeof(float));
}

void lw_conv_case_run(lw_conv_case *c, lw_conv_pass pass, lw_conv_algorithm algorithm,
                      int32_t threads, bool with_bias)
{
    const lw_conv_options options = {.algorithm = algorithm, .threads = threads};
    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, &c->shape, pass, &options)) fail_msg("%s", lw_error_message());
    assert_string_equal(lw_conv_plan_algorithm(plan), lw_conv_algorithm_name(algorithm));
    // Exactly what was asked for, at an odd address.
    size_t bytes = lw_conv_plan_workspace_bytes(plan);
    lw_guarded workspace = lw_guarded_make(bytes, 7, 11);
    unsigned char *memory = workspace.memory;
    for (size_t i = 0; i < bytes; i++) memory[i] = 0xFF; // four of them are a NaN

    lw_status status = LW_ERROR_INTERNAL;
    poison(pass == LW_CONV_FORWARD ? &c->y : pass == LW_CONV_BACKWARD_DATA ? &c->dx : &c->dweights);
    switch (pass) {
    case LW_CONV_FORWARD:
        status = lw_conv_forward(plan, c->x.memory, c->weights.memory,
                                 with_bias ? c->bias.memory : NULL, c->y.memory, memory);
        break;
    case LW_CONV_BACKWARD_DATA:
        status = lw_conv_backward_data(plan, c->dy.memory, c->weights.memory, c->dx.memory, memory);
        break;
    case LW_CONV_BACKWARD_WEIGHTS:
        poison(&c->dbias);
        status = lw_conv_backward_weights(plan, c->x.memory, c->dy.memory, c->dweights.memory,
                                          with_bias ? c->dbias.memory : NULL, memory);
        break;
    }
    if (status) fail_msg("%s", lw_error_message());

    lw_guarded *arrays[n_arrays];
    list_arrays(c, arrays);
    for (int i = 0; i < n_arrays; i++) assert_true(lw_guarded_intact(arrays[i]));
    assert_true(lw_guarded_intact(&workspace));
    lw_guarded_free(&workspace);
    lw_conv_plan_destroy(&plan);
}

float *lw_conv_case_output(const lw_conv_case *c, lw_conv_pass pass, size_t *count)
{
    const lw_guarded *output = pass == LW_CONV_FORWARD         ? &c->y
                               : pass == LW_CONV_BACKWARD_DATA ? &c->dx
                                                               : &c->dweights;
    *count = output->bytes / sizeof(float);
    return output->memory;
}

double lw_conv_case_terms(const lw_conv_shape *s, lw_conv_pass pass)
{
    int32_t oh, ow;
    assert_int_equal(lw_conv_shape_output(s, &oh, &ow), LW_OK);
    double taps = (double)s->kh * (double)s->kw;
    switch (pass) {
    case LW_CONV_FORWARD: return (double)s->ic * taps + 1.0;
    case LW_CONV_BACKWARD_DATA: return (double)s->oc * taps;
    case LW_CONV_BACKWARD_WEIGHTS: return (double)s->n * (double)oh * (double)ow;
    }
    return 0.0;
}

const lw_conv_candidate *lw_conv_case_candidate(const lw_conv_plan *plan,
                                                lw_conv_algorithm algorithm)
{
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++)
        if (lw_conv_plan_candidate(plan, i)->algorithm == algorithm)
            return lw_conv_plan_candidate(plan, i);
    fail_msg("%s is no candidate", lw_conv_algorithm_name(algorithm));
    return NULL;
}
