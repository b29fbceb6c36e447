// SPDX-License-Identifier: Apache-2.0
#include "cli/network_input.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

const char lw_input_help[] =
    "channels, height and width of the image; without it the size that the network declares, or "
    "the smallest one it takes";

static bool parse_extent(const char *text, lw_extent *extent)
{
    // A side beyond this is a typing error; the network's own limits come after it.
    enum { longest_side = 1 << 24 };
    int32_t sides[3];
    for (int i = 0; i < 3; i++) {
        char word[16];
        size_t length = strcspn(text, "x");
        int64_t value;
        if (length >= sizeof word || (text[length] == 'x') != (i < 2)) return false;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!lw_parse_int64(word, &value) || value < 1 || value > longest_side) return false;
        sides[i] = (int32_t)value;
        text += length + (i < 2);
    }
    *extent = (lw_extent){sides[0], sides[1], sides[2]};
    return true;
}

lw_status lw_choose_input(lw_extent *input, const lw_network *network, const char *text,
                          const lw_output *output)
{
    enum { largest_smallest = 4096 };
    lw_extent declared = lw_network_input(network);
    *input = declared;
    if (text) {
        if (parse_extent(text, input)) return LW_OK;
        return lw_fail(LW_ERROR_ARGUMENT,
                       "--input: expected channels, height and width as in %dx48x48, got \"%s\"",
                       declared.channels, text);
    }
    if (declared.height > 0 && declared.width > 0) return LW_OK;
    int32_t side = lw_network_smallest_input(network, largest_smallest);
    if (side == 0) side = largest_smallest; // lw_network_infer says what is wrong
    if (declared.height == 0) input->height = side;
    if (declared.width == 0) input->width = side;
    lw_note(output,
            "%s takes any size; this is for the smallest, %dx%dx%d (--input asks for another)",
            lw_network_name(network), input->channels, input->height, input->width);
    return LW_OK;
}
