// SPDX-License-Identifier: Apache-2.0
// The dispatch list of each pass, and the words for passes, algorithms and layouts.
#include "conv/list.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

#ifdef LW_HAVE_ONEDNN
#define ONEDNN &lw_conv_onednn,
#else
#define ONEDNN
#endif

static const lw_conv_implementation *const forward_list[] = {
    &lw_conv_winograd_forward, &lw_conv_direct_forward, &lw_conv_unfold_forward,
    ONEDNN &lw_conv_naive};
static const lw_conv_implementation *const backward_data_list[] = {
    &lw_conv_winograd_backward_data, &lw_conv_direct_backward_data, &lw_conv_unfold_backward_data,
    ONEDNN &lw_conv_naive};
static const lw_conv_implementation *const backward_weights_list[] = {
    &lw_conv_winograd_backward_weights, &lw_conv_direct_backward_weights,
    &lw_conv_unfold_backward_weights, ONEDNN &lw_conv_naive};

int lw_conv_list(lw_conv_pass pass, const lw_conv_implementation *const **list)
{
    switch (pass) {
    case LW_CONV_FORWARD:
        *list = forward_list;
        return sizeof forward_list / sizeof *forward_list;
    case LW_CONV_BACKWARD_DATA:
        *list = backward_data_list;
        return sizeof backward_data_list / sizeof *backward_data_list;
    case LW_CONV_BACKWARD_WEIGHTS:
        *list = backward_weights_list;
        return sizeof backward_weights_list / sizeof *backward_weights_list;
    }
    *list = NULL;
    return 0;
}

// In the order of the enumerations.
static const char *const pass_names[] = {"fwd", "bwd_d", "bwd_w"};
static const char *const algorithm_names[] = {"auto", "naive", "unfold", "direct", "winograd",
                                              "onednn"};
static const char *const layout_names[] = {"nchw", "nhwc", "padded"};
enum {
    n_passes = sizeof pass_names / sizeof *pass_names,
    n_algorithms = sizeof algorithm_names / sizeof *algorithm_names,
    n_layouts = sizeof layout_names / sizeof *layout_names
};

const char *lw_conv_pass_name(lw_conv_pass pass)
{
    return (unsigned)pass < n_passes ? pass_names[pass] : "unknown";
}

const char *lw_conv_algorithm_name(lw_conv_algorithm algorithm)
{
    return (unsigned)algorithm < n_algorithms ? algorithm_names[algorithm] : "unknown";
}

const char *lw_conv_layout_name(lw_conv_layout layout)
{
    return (unsigned)layout < n_layouts ? layout_names[layout] : "unknown";
}

// The index of `name` in `names`, or -1 and a sentence.
static int find_name(const char *what, const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return (int)i;
    char choices[128] = "";
    for (size_t i = 0; i < count; i++) {
        if (i) strncat(choices, ", ", sizeof choices - strlen(choices) - 1);
        strncat(choices, names[i], sizeof choices - strlen(choices) - 1);
    }
    const char *nearest = lw_nearest_word(name, names, count);
    lw_fail(LW_ERROR_INPUT, "unknown %s '%.64s': expected one of %s%s%s%s", what, name, choices,
            nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    return -1;
}

lw_status lw_conv_pass_parse(lw_conv_pass *pass, const char *name)
{
    if (!pass || !name)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_pass_parse: pass or name is NULL");
    int found = find_name("pass", name, pass_names, n_passes);
    if (found < 0) return LW_ERROR_INPUT;
    *pass = (lw_conv_pass)found;
    return LW_OK;
}

lw_status lw_conv_algorithm_parse(lw_conv_algorithm *algorithm, const char *name)
{
    if (!algorithm || !name)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_algorithm_parse: algorithm or name is NULL");
    int found = find_name("algorithm", name, algorithm_names, n_algorithms);
    if (found < 0) return LW_ERROR_INPUT;
    *algorithm = (lw_conv_algorithm)found;
    return LW_OK;
}

lw_status lw_conv_layout_parse(lw_conv_layout *layout, const char *name)
{
    if (!layout || !name)
        return lw_fail(LW_ERROR_ARGUMENT, "lw_conv_layout_parse: layout or name is NULL");
    int found = find_name("layout", name, layout_names, n_layouts);
    if (found < 0) return LW_ERROR_INPUT;
    *layout = (lw_conv_layout)found;
    return LW_OK;
}
