// SPDX-License-Identifier: Apache-2.0
// The dispatch list: which algorithms there are for a pass and what each answers. A new algorithm
// is one lw_conv_implementation, one line in list.c and one name in lw_conv_algorithm.
#ifndef LW_CONV_LIST_H
#define LW_CONV_LIST_H

#include "conv/shape.h"

#include <stdbool.h>

// What an algorithm is asked: shape, pass, how many threads may run it and how the maps lie.
typedef struct lw_conv_problem {
    lw_conv_sizes sizes;
    lw_conv_pass pass;
    int32_t threads;
    lw_conv_layout layout;
    lw_conv_map x, y; // of x and dx, of y and dy
} lw_conv_problem;

// What it answers: yes with workspace and estimate, or no with a reason. Yes, no and the estimate are taken from the answer
// for one thread, from that for more only the workspace.
typedef struct lw_conv_answer {
    bool possible;
    size_t workspace_bytes;
    double cycles; // of one thread doing all the work
    const char *kernel; // NULL: the implementation's
    char reason[160];
} lw_conv_answer;

// The caller's arrays; those that the pass does not use are NULL, and so may the biases be.
typedef struct lw_conv_arrays {
    const float *x, *weights, *bias, *dy;
    float *y, *dx, *dweights, *dbias;
} lw_conv_arrays;

// For an algorithm of another library, which makes objects of its own with a plan. `*state` is what
// `prepare` leaves for the others.
typedef struct lw_conv_prepared {
    // Called for the chosen algorithm with the final number of threads. Sets the answer's workspace
    // or, when the library refuses after all, `possible` to false and the reason.
    lw_status (*prepare)(const lw_conv_problem *problem, lw_conv_answer *answer, void **state);
    lw_status (*execute)(void *state, const lw_conv_arrays *arrays, void *workspace);
    const char *(*implementation)(const void *state); // valid as long as the state
    void (*destroy)(void *state);
} lw_conv_prepared;

typedef struct lw_conv_implementation {
    lw_conv_algorithm algorithm;
    const char *kernel;   // what does the work, a slot of the kernel table; NULL: plain loops
    bool only_on_request; // AUTO leaves it out, and the answer's reason says why
    bool transforms;      // rounds more than sums do: AUTO leaves it out of exact plans
    void (*consider)(const lw_conv_problem *problem, lw_conv_answer *answer);
    // Same bits for every number of threads, except where `prepared` is set: another library may
    // cut sums up by threads. `workspace` has the answer's bytes, in any alignment.
    void (*execute)(const lw_conv_problem *problem, const lw_conv_arrays *arrays, void *workspace);
    const lw_conv_prepared *prepared; // instead of `execute`
} lw_conv_implementation;

enum { LW_CONV_MAX_CANDIDATES = 8 };

// The implementations for a pass, in the order in which they are asked. The last one, naive, takes
// everything, so that something always runs. Returns their number; *list is static storage.
int lw_conv_list(lw_conv_pass pass, const lw_conv_implementation *const **list);

// direct_forward.c, direct_backward_data.c, direct_backward_weights.c: register tiles.
extern const lw_conv_implementation lw_conv_direct_forward;
extern const lw_conv_implementation lw_conv_direct_backward_data;
extern const lw_conv_implementation lw_conv_direct_backward_weights;

// winograd_forward.c, winograd_backward_data.c, winograd_backward_weights.c
extern const lw_conv_implementation lw_conv_winograd_forward;
extern const lw_conv_implementation lw_conv_winograd_backward_data;
extern const lw_conv_implementation lw_conv_winograd_backward_weights;

// naive.c: seven nested loops.
extern const lw_conv_implementation lw_conv_naive;

// unfold_forward.c, unfold_backward_data.c, unfold_backward_weights.c
extern const lw_conv_implementation lw_conv_unfold_forward;
extern const lw_conv_implementation lw_conv_unfold_backward_data;
extern const lw_conv_implementation lw_conv_unfold_backward_weights;

// onednn.c, where the build has it: one for all passes.
extern const lw_conv_implementation lw_conv_onednn;

#endif
