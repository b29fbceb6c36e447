// SPDX-License-Identifier: Apache-2.0
// `lanewise shape`: the output size of a convolution, with the sum worked out.
#include "base/error.h"
#include "cli/common.h"
#include "cli/json.h"

#include <inttypes.h>
#include <lanewise/conv.h>

typedef struct shape_settings {
    lw_common_settings common;
    lw_option_pair kernel, stride, pad, dilation;
} shape_settings;

static const lw_option shape_options[] = {
    {.name = "kernel",
     .kind = LW_OPTION_PAIR,
     .offset = offsetof(shape_settings, kernel),
     .value_name = "K",
     .preset = "3",
     .minimum = 1,
     .maximum = INT32_MAX,
     .help = "size of the kernel; AxB for a rectangular one, in the order of SIZE"},
    {.name = "stride",
     .kind = LW_OPTION_PAIR,
     .offset = offsetof(shape_settings, stride),
     .value_name = "S",
     .preset = "1",
     .minimum = 1,
     .maximum = INT32_MAX,
     .help = "step of the kernel"},
    {.name = "pad",
     .kind = LW_OPTION_PAIR,
     .offset = offsetof(shape_settings, pad),
     .value_name = "P",
     .preset = "0",
     .minimum = 0,
     .maximum = INT32_MAX,
     .help = "zeros added on each side"},
    {.name = "dilation",
     .kind = LW_OPTION_PAIR,
     .offset = offsetof(shape_settings, dilation),
     .value_name = "D",
     .preset = "1",
     .minimum = 1,
     .maximum = INT32_MAX,
     .help = "distance between the kernel's taps"},
};

// One side of the problem.
typedef struct axis {
    int32_t in, kernel, stride, pad, dilation, out;
} axis;

static lw_status solve(axis *side)
{
    lw_status status = lw_conv_output_size(side->in, side->kernel, side->stride, side->pad,
                                           side->dilation, &side->out);
    return status ? lw_fail(status, "side %d: %s", side->in, lw_error_message()) : LW_OK;
}

// "511 = floor((1024 + 2*1 - 1*(5 - 1) - 1) / 2) + 1 = floor(1021 / 2) + 1".
static void print_sum(const axis *side, FILE *file)
{
    int64_t span = (int64_t)side->in + 2 * (int64_t)side->pad -
                   (int64_t)side->dilation * ((int64_t)side->kernel - 1) - 1;
    fprintf(file,
            "  %d = floor((%d + 2*%d - %d*(%d - 1) - 1) / %d) + 1 = floor(%" PRId64 " / %d) + 1\n",
            side->out, side->in, side->pad, side->dilation, side->kernel, side->stride, span,
            side->stride);
}

static lw_status print_json(const axis *first, const axis *second)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_pair(&object, "input", first->in, second->in);
    lw_json_add_pair(&object, "kernel", first->kernel, second->kernel);
    lw_json_add_pair(&object, "stride", first->stride, second->stride);
    lw_json_add_pair(&object, "pad", first->pad, second->pad);
    lw_json_add_pair(&object, "dilation", first->dilation, second->dilation);
    lw_json_add_pair(&object, "output", first->out, second->out);
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_shape(const lw_invocation *invocation)
{
    const shape_settings *settings = invocation->settings;
    const char *size_text = invocation->arguments->operands[0];
    lw_option_pair size;
    if (!lw_parse_pair(size_text, 1, INT32_MAX, &size))
        return lw_fail(LW_ERROR_ARGUMENT,
                       "SIZE: expected one or two sides from 1 to %d as in 1024x768, got \"%s\"",
                       INT32_MAX, size_text);
    axis first = {.in = size.first,
                  .kernel = settings->kernel.first,
                  .stride = settings->stride.first,
                  .pad = settings->pad.first,
                  .dilation = settings->dilation.first};
    axis second = {.in = size.second,
                   .kernel = settings->kernel.second,
                   .stride = settings->stride.second,
                   .pad = settings->pad.second,
                   .dilation = settings->dilation.second};
    LW_TRY(solve(&first));
    LW_TRY(solve(&second));
    if (invocation->output.json) return print_json(&first, &second);
    FILE *file = invocation->output.result;
    fprintf(file, "%dx%d\n", first.out, second.out);
    if (invocation->output.quiet) return LW_OK;
    fprintf(file, "  out = floor((in + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1\n");
    print_sum(&first, file);
    print_sum(&second, file);
    return LW_OK;
}

const lw_command lw_command_shape = {
    .name = "shape",
    .summary = "the output size of a convolution or pool",
    .operands = "SIZE",
    .description =
        "Prints the output size of a convolution (or pool) over an image of SIZE, and the "
        "sum behind it. SIZE is AxB in the order you like, width x height or height x "
        "width: the output, and every option that is given as AxB, has the same order.",
    .examples = "  lanewise shape 1024x768 --kernel 5 --pad 1 --stride 2\n"
                "  lanewise shape 28 --kernel 3\n"
                "  lanewise shape 64x48 --kernel 5x3 --dilation 2 --json\n",
    .least_operands = 1,
    .most_operands = 1,
    .options = {.tables = {shape_options, lw_output_option_table},
                .counts = {LW_COUNT(shape_options), LW_N_OUTPUT_OPTIONS},
                .n_tables = 2},
    .settings_bytes = sizeof(shape_settings),
    .run = run_shape,
};
