// SPDX-License-Identifier: Apache-2.0
// An oracle for whole networks: a slow, plain forward pass in double on (c, h, w) arrays, written
// from the layers' definitions alone. It shares no code with the library but the parsed layers.
#ifndef LW_TESTS_ORACLE_REFERENCE_NETWORK_H
#define LW_TESTS_ORACLE_REFERENCE_NETWORK_H

#include <lanewise/network.h>
#include <stdint.h>

// A parameter tensor in PyTorch's shape and order: conv weight (oc, ic, kh, kw), linear weight
// (out, in) with in = (c, h, w) flattened, bias (oc).
typedef struct reference_tensor {
    const lw_layer *layer; // NULL: this layer has no such tensor
    bool is_bias;
    int rank;
    int64_t shape[4];
    int64_t fan_in;       // inputs to one output of the layer
    size_t offset, count; // within the array of all parameters
} reference_tensor;

typedef struct reference_network {
    const lw_network *network; // borrowed
    lw_extent input;
    size_t n_layers, n_tensors, n_parameters;
    lw_extent *outputs;        // of each layer
    reference_tensor *weights; // of each layer
    reference_tensor *biases;
    reference_tensor **tensors; // all n_tensors, in the order of the layers, weight before bias
    int32_t classes;
} reference_network;

// Where a forward pass stands on the function's kinks. Between two points with the same `decisions`
// the loss is smooth.
typedef struct reference_kinks {
    uint64_t decisions; // hash over the sign at every ReLU and the winner of every max pool window
    double margin;      // smallest |input| of a ReLU or lead of a winner
} reference_kinks;

// Sizes for one image size. False when memory ran out; free in any case.
bool reference_network_create(reference_network *reference, const lw_network *network,
                              lw_extent input);
void reference_network_free(reference_network *reference);

// Mean cross-entropy over `n` images (n, c, h, w). `losses` (n), each image's own loss, `logits`
// (n, classes) and `kinks` may be NULL.
// Dropout is off. Max pools pad with -infinity, average pools count the padding in the divisor.
// NaN when memory ran out.
double reference_network_loss(const reference_network *reference, const double *parameters,
                              const double *images, const int32_t *labels, int32_t n,
                              double *losses, double *logits, reference_kinks *kinks);

#endif
