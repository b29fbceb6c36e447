// SPDX-License-Identifier: Apache-2.0
// The parsed network: what the parser fills in and the planner reads.
#ifndef LW_NN_NETWORK_H
#define LW_NN_NETWORK_H

#include <lanewise/conv.h>
#include <lanewise/network.h>

// Bounds of a network. Wide for networks that train on a CPU, and narrow enough that the products
// taken of them (weights of a tensor, values of a map, multiply-adds of a layer) fit an int64_t.
enum {
    LW_NETWORK_TEXT_LIMIT_BYTES = 1 << 20,
    LW_NETWORK_LAYER_LIMIT = 1000,
    LW_NETWORK_CHANNEL_LIMIT = 65536,  // channels of a map, features of a linear layer
    LW_NETWORK_SIDE_LIMIT = 65536,     // height and width of an image
    LW_NETWORK_WINDOW_LIMIT = 1024,    // kernel, stride, padding, dilation
    LW_NETWORK_MAP_LIMIT = 1 << 28,    // values of one image's map: a gigabyte of floats
    LW_NETWORK_TENSOR_LIMIT = 1 << 28, // values of one weight tensor
    LW_NETWORK_FORCED_BYTES = 512
};

// Immutable once parsed, so it can be read from several threads.
struct lw_network {
    char *text;       // as given, zero-terminated; holds no other zero byte
    size_t input_at;  // where the numbers of the input statement begin in it
    char name[64];    // file name without folder and ".net"
    lw_extent input;  // height or width LW_SIZE_ANY: any
    lw_layer *layers; // the last one is the loss; at least one has parameters
    size_t n_layers;
    int64_t parameters;
    int32_t classes;
    // Algorithms of its convolutions; "": as LANEWISE_CONV says.
    char forced[LW_NETWORK_FORCED_BYTES];
};

// The algorithm that is forced on a pass of the layer, by lw_network_force_algorithms or else by LANEWISE_CONV;
// AUTO where nothing is. LW_ERROR_INPUT where the text makes no sense.
lw_status lw_network_forced_algorithm(const lw_network *network, size_t index, lw_conv_pass pass,
                                      lw_conv_algorithm *algorithm);

// LW_ERROR_INPUT where what is forced names a convolution that the network does not have.
lw_status lw_network_check_forced(const lw_network *network);

// What a convolution's stage takes in behind it.
typedef struct lw_fusion {
    bool relu, pool;   // a ReLU; a 2x2 max pool with stride 2 and no padding
    size_t last_layer; // of the stage
} lw_fusion;

// The ReLU and the pool behind convolution `index`, in either order (the maximum and the ReLU
// commute).
lw_fusion lw_network_fuse(const lw_network *network, size_t index);

// A height or width that is not fixed.
enum { LW_SIZE_ANY = 0 };

// Why a network cannot take an input.
typedef struct lw_network_refusal {
    const lw_layer *layer; // that cannot work
    char sentence[400];    // "a 1x1 map is too small for a 2x2 window; ..."
} lw_network_refusal;

// Works out every layer's sizes. Height and width may be LW_SIZE_ANY: what follows from them is
// LW_SIZE_ANY too, and macs that depend on them are 0. `infos` may be NULL. False, with the reason,
// when a layer cannot work.
bool lw_network_walk(const lw_network *network, lw_extent input, lw_layer_info *infos,
                     lw_network_refusal *refusal);

// Output length of a window along one axis, floor mode:
// floor((size + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1; 0 when no window fits.
int32_t lw_window_output_size(int32_t size, int32_t kernel, int32_t stride, int32_t pad,
                              int32_t dilation);

// A copy with its own memory. *copy is NULL on failure.
lw_status lw_network_copy(lw_network **copy, const lw_network *network);

#endif
