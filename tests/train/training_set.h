// SPDX-License-Identifier: Apache-2.0
// Small random training sets and the weights of a model as one array.
#ifndef LW_TESTS_TRAIN_TRAINING_SET_H
#define LW_TESTS_TRAIN_TRAINING_SET_H

#include <lanewise/lanewise.h>

// `count` images of noise with a bright square whose place tells the label, so that there is something
// to learn.
lw_dataset *make_training_set(size_t count, int32_t channels, int32_t side, int32_t classes);

// The same with images of several sizes: sample i is `sides[i * 7 % n_sides]` pixels high and wide, which
// mixes them.
lw_dataset *make_mixed_set(size_t count, const int32_t *sides, size_t n_sides, int32_t classes);

// Every parameter of a model, one tensor after the other; the caller frees it.
float *copy_parameters(const lw_model *model, size_t *count);

// A network from its text; fails the test when it does not parse.
lw_network *parse_network(const char *text);

// One of the shipped networks.
lw_network *load_network(const char *name);

#endif
