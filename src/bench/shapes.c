// SPDX-License-Identifier: Apache-2.0
#include "bench/shapes.h"

#include "base/rng.h"

const char *const lw_bench_problems[] = {
    // The shipped networks: fixed, varres on 32x32 images, lab.
    "mb2ic1ih28oc16oh28kh3ph1",
    "mb2ic16ih14oc32oh14kh3ph1",
    "mb2ic32ih7oc64oh7kh3ph1",
    "mb2ic1ih32oc16oh32kh3ph1",
    "mb2ic16ih16oc32oh16kh3ph1",
    "mb2ic32ih8oc81oh8kh3ph1",
    "mb2ic1ih28oc64oh26kh3ph0",
    "mb2ic64ih13oc128oh11kh3ph0",
    "mb2ic128ih5oc64oh3kh3ph0",
    // Layers of the field: a strided first layer, 1x1, strided 3x3, dilated 3x3, 5x5.
    "mb2ic3ih32oc64oh16kh7sh2ph3",
    "mb2ic64ih14oc128oh14kh1ph0",
    "mb2ic64ih14oc64oh7kh3sh2ph1",
    "mb2ic64ih14oc128oh7kh1sh2ph0",
    "mb2ic32ih14oc32oh14kh3ph2dh1",
    "mb2ic16ih14oc16oh14kh5ph2",
    // Odd ones: tails of channels and rows, one output, more padding than image, a kernel as large
    // as the input, single rows and columns.
    "mb3ic17ih9oc10oh9kh3ph1",
    "mb1ic3ih5oc3oh1kh5ph0",
    "mb2ic5ih3oc7oh9kh3ph4",
    "mb2ic4ih11iw6oc81oh6ow4kh1kw3sh2sw1ph0pw0",
    "mb2ic9ih1iw50oc33oh1ow24kh1kw5sh1sw2ph0pw1",
    "mb2ic2ih40iw1oc6oh20ow1kh3kw1sh2sw1ph1pw0",
    "mb2ic1ih1oc1oh1kh1ph0",
    "mb5ic15ih6oc31oh3kh2sh2ph0",
    "mb2ic20ih13oc19oh4kh3sh3ph1dh1",
};
const size_t lw_bench_problem_count = sizeof lw_bench_problems / sizeof *lw_bench_problems;

static int32_t draw(lw_rng *rng, int32_t low, int32_t high)
{
    return low + (int32_t)lw_rng_below(rng, (uint32_t)(high - low + 1));
}

static int32_t draw_channels(lw_rng *rng)
{
    static const int32_t edges[] = {1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48};
    if (draw(rng, 0, 1)) return edges[lw_rng_below(rng, sizeof edges / sizeof *edges)];
    return draw(rng, 1, 40);
}

static void draw_axis(lw_rng *rng, bool plain, int32_t *in, int32_t *kernel, int32_t *stride,
                      int32_t *pad, int32_t *dilation)
{
    *in = draw(rng, 1, 20);
    *kernel = plain ? 3 : draw(rng, 1, 5);
    *stride = plain ? 1 : draw(rng, 1, 3);
    *dilation = plain ? 1 : draw(rng, 1, 3);
    *pad = plain ? draw(rng, 0, 1) : draw(rng, 0, *kernel + 1);
}

lw_conv_shape lw_bench_random_shape(uint64_t seed, uint64_t index, int64_t most_macs)
{
    lw_rng rng = lw_rng_stream(seed, LW_RNG_TEST, 0xFFFFu, index);
    for (;;) {
        lw_conv_shape s = {
            .n = draw(&rng, 1, 4), .ic = draw_channels(&rng), .oc = draw_channels(&rng)};
        // Every other one is the most frequent convolution of all: 3x3 with stride 1.
        bool plain = draw(&rng, 0, 1) == 1;
        draw_axis(&rng, plain, &s.ih, &s.kh, &s.stride_h, &s.pad_h, &s.dilation_h);
        draw_axis(&rng, plain, &s.iw, &s.kw, &s.stride_w, &s.pad_w, &s.dilation_w);
        if (lw_conv_shape_check(&s) == LW_OK && lw_conv_shape_macs(&s) <= most_macs) return s;
    }
}
