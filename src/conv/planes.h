// SPDX-License-Identifier: Apache-2.0
// Other layouts for an algorithm that knows planes, (n, c, h, w), alone: its workspace gets room for
// maps as planes, and they are copied there and back.
#ifndef LW_CONV_PLANES_H
#define LW_CONV_PLANES_H

#include "conv/list.h"

// Answers for any layout, given what answers for planes.
void lw_conv_consider_planes(const lw_conv_problem *problem, lw_conv_answer *answer,
                             void (*consider)(const lw_conv_problem *, lw_conv_answer *));

// Executes on any layout, given what executes on planes.
void lw_conv_execute_planes(const lw_conv_problem *problem, const lw_conv_arrays *arrays,
                            void *workspace,
                            void (*execute)(const lw_conv_problem *, const lw_conv_arrays *,
                                            void *));

#endif
