// SPDX-License-Identifier: Apache-2.0
// Gradients against central differences of the oracle: one network with known parameters on one
// batch, and the comparison.
#ifndef LW_TESTS_GRAD_GRADIENT_CHECK_H
#define LW_TESTS_GRAD_GRADIENT_CHECK_H

#include "oracle/reference_network.h"

typedef struct gradient_case {
    lw_network *network;
    reference_network reference;
    int32_t n;
    double *parameters; // in the order of reference.tensors; every value is a float's
    double *images;     // (n, c, h, w); every value is a float's
    int32_t *labels;
    double *logits; // of the oracle, (n, classes)
    double loss;
    reference_kinks kinks;
    double tolerance; // relative error that float arithmetic explains
} gradient_case;

typedef struct gradient_report {
    int64_t checked, skipped;
    int64_t mismatches;
    double worst;       // largest error over its bound
    char sentence[300]; // about the first mismatch
} gradient_report;

// Draws parameters, images and labels for a network text without its input line and its loss.
// Fails the running test when something cannot be made.
void gradient_case_create(gradient_case *made, lw_extent input, const char *layers, int32_t n,
                          uint64_t seed);
// The same for a network, which the case takes over.
void gradient_case_create_of(gradient_case *made, lw_network *network, lw_extent input, int32_t n,
                             uint64_t seed);
void gradient_case_free(gradient_case *made);

// Compares gradients, one array for each of reference.tensors, with differences of the oracle's
// loss: at `samples` values of each tensor (its corners among them) and along `directions` random
// directions through all its values.
gradient_report gradient_check(const gradient_case *checked, float *const *gradients, int samples,
                               int directions);

// The derivative of the oracle's loss by tensor `t` along `direction` (as long as the tensor), and
// its terms: what the images add to it, without sign. False when a ReLU or a max pool changes its
// mind within the step: there is no derivative to see.
bool gradient_difference(const gradient_case *checked, size_t t, const double *direction,
                         double *derivative, double *terms);

#endif
