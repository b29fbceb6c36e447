// SPDX-License-Identifier: Apache-2.0
// Unfolding while packing. The unfolded picture is never in memory as a whole: what a chunk of
// output positions sees of some channels is copied into a window, padding included, and from there
// into panels, without meeting an edge.
#ifndef LW_CONV_PICTURES_H
#define LW_CONV_PICTURES_H

#include "conv/blocks.h"

// True for 1x1 kernels with stride 1 and no padding: x is its own unfolded picture.
bool lw_conv_is_plain(const lw_conv_sizes *sizes);

// Books a window for chunks of that size and `depth` consecutive rows of the unfolded picture;
// returns its place in a thread's workspace.
size_t lw_conv_book_window(lw_conv_booking *booking, const lw_conv_chunking *chunking,
                           int64_t depth);

// Copies what a chunk sees of the channels behind rows [begin, end) of the unfolded picture into
// the window and packs these rows. Plain convolutions are packed from x itself.
void lw_conv_pack_unfolded(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, const float *x,
                           int64_t begin, int64_t end, int64_t width, float *window,
                           float *panels);

// Packs channels [begin, end) of an array with the maps of the output, such as dy (n, oc, oh, ow).
void lw_conv_pack_maps(const lw_conv_sizes *sizes, const lw_conv_chunk *chunk, const float *maps,
                       int64_t begin, int64_t end, int64_t width, float *panels);

// Both write panels of `width` lanes, [depth][width], one after the other. `width` is at most
// LW_CONV_MAX_PANEL, and LW_CONV_COPY_FLOATS behind the last panel may be overwritten. Spare lanes
// hold anything afterwards.
enum { LW_CONV_MAX_PANEL = 512 };

#endif
