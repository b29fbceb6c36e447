// SPDX-License-Identifier: Apache-2.0
// The description of a network: which layers, in which order. It holds no weights.
#ifndef LANEWISE_NETWORK_H
#define LANEWISE_NETWORK_H

#include <lanewise/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lw_layer_kind {
    LW_LAYER_CONV,
    LW_LAYER_RELU,
    LW_LAYER_MAXPOOL,
    LW_LAYER_AVGPOOL,
    LW_LAYER_GLOBAL_MAXPOOL,
    LW_LAYER_GLOBAL_MEANPOOL,
    LW_LAYER_FLATTEN,
    LW_LAYER_LINEAR,
    LW_LAYER_DROPOUT,
    LW_LAYER_SOFTMAX_CROSS_ENTROPY
} lw_layer_kind;

// One layer as the network text gives it. Fields that a kind does not use are 0 (dilation: 1).
typedef struct lw_layer {
    lw_layer_kind kind;
    char name[32];    // unique within the network; default: kind and ordinal, "conv1"
    int32_t channels; // conv: output channels; linear: output features
    int32_t kernel_h, kernel_w;
    int32_t stride_h, stride_w;
    int32_t pad_h, pad_w;
    int32_t dilation_h, dilation_w;
    bool bias;            // conv, linear: has a bias (default: true)
    float probability;    // dropout: probability of dropping a value, in [0, 1)
    int32_t line, column; // where it stands in the network text, from 1; a column is a byte
} lw_layer;

// The size of one image's activation behind a layer.
typedef struct lw_extent {
    int32_t channels, height, width;
} lw_extent;

// What `lanewise info` prints of one layer for one input size.
typedef struct lw_layer_info {
    lw_extent input, output;
    // Of the input, the rows and columns from the first on that the layer and those behind it read: a window
    // that no longer fits, and a stride, leave out the last ones, back to the image. Never more than the input has.
    int32_t read_height, read_width;
    int64_t parameters; // weights and biases
    int64_t macs;       // dense multiply-adds of the forward pass of one image
} lw_layer_info;

typedef struct lw_network lw_network;

// Parses the network text. `source_name` is used in messages ("networks/fixed.net:3:9: ...").
// On success *network is owned by the caller (lw_network_destroy); on failure it is NULL.
// LW_ERROR_INPUT: the text is wrong, the message names line and column.
LW_API lw_status lw_network_parse(lw_network **network, const char *text, size_t text_bytes,
                                  const char *source_name);

// Reads and parses a network file. LW_ERROR_NOT_FOUND, LW_ERROR_IO, or as lw_network_parse.
LW_API lw_status lw_network_load(lw_network **network, const char *path);

// The same network for images with another number of channels: its text with the input statement
// changed, parsed anew. The first layer then has weights for them. *changed is owned by the caller.
LW_API lw_status lw_network_change_channels(lw_network **changed, const lw_network *network,
                                            int32_t channels);

// Forces algorithms on the convolutions of models that are made from this network from now on, as the
// environment variable LANEWISE_CONV does for all, and in its place: entries [layer.]pass=algorithm with commas
// between them, "conv2.bwd_w=unfold,fwd=naive". NULL or "": nothing of its own. LW_ERROR_INPUT, and nothing
// is changed, when the text is malformed or too long or names a convolution that the network does not have.
// Not while another thread uses the network.
LW_API lw_status lw_network_force_algorithms(lw_network *network, const char *algorithms);

// A network that differs in the channels (convolution) or features (linear) of one layer, in its text too.
// *changed is owned by the caller; NULL on failure. LW_ERROR_ARGUMENT: no such layer, or one without
// channels; LW_ERROR_INPUT: the network does not work with so many.
LW_API lw_status lw_network_with_channels(lw_network **changed, const lw_network *network,
                                          const char *layer_name, int32_t channels);

// Frees the network and sets *network to NULL. NULL and a pointer to NULL are fine.
LW_API void lw_network_destroy(lw_network **network);

// The text the network was parsed from, as given; borrowed from the network.
LW_API const char *lw_network_text(const lw_network *network);

// The name: the file name without folder and ".net"; borrowed from the network.
LW_API const char *lw_network_name(const lw_network *network);

// The declared input. A height or width of 0 means "any size".
LW_API lw_extent lw_network_input(const lw_network *network);

// The layers, in order; borrowed from the network.
LW_API size_t lw_network_layer_count(const lw_network *network);
// NULL when `index` is out of range.
LW_API const lw_layer *lw_network_layer(const lw_network *network, size_t index);

// The word for a kind in the network text: "conv", "global_meanpool", ...; static storage.
LW_API const char *lw_layer_kind_name(lw_layer_kind kind);

// Works out every layer's sizes for an input of the given extent. `infos` has room for
// lw_network_layer_count entries (NULL: only check). LW_ERROR_INPUT with a sentence when the
// network cannot take that input: wrong channels or size, an image that is too small or too large.
LW_API lw_status lw_network_infer(const lw_network *network, lw_extent input, lw_layer_info *infos);

// The smallest square image side that the network accepts, at most `limit`; 0 if there is none.
LW_API int32_t lw_network_smallest_input(const lw_network *network, int32_t limit);

// The number of trainable parameters (does not depend on the image size).
LW_API int64_t lw_network_parameter_count(const lw_network *network);

// The number of classes: the values that go into the loss.
LW_API int32_t lw_network_class_count(const lw_network *network);

#ifdef __cplusplus
}
#endif

#endif
