// SPDX-License-Identifier: Apache-2.0
// The FMA peak: multiply-adds on registers alone, as many at once as the CPU can have under way.
// What a measurement is a share of.
#include "simd/declare.h"

// A multiply-add takes four to five cycles and two start in each, so ten chains would do. 24 leave
// room for more, where there are registers; where there are 16, two hold the constants.
enum { CHAINS = LW_VEC_REGISTERS >= 32 ? 24 : 12, STEPS = LW_PEAK_FMAS / CHAINS };

float LW_KERNEL(fma_peak)(int64_t rounds)
{
    // x -> x/2 + 1/2 has its only fixed point at 1: the values neither grow nor become denormal.
    lw_vec half = lw_vec_broadcast(0.5f), chain[CHAINS];
    LW_PIN_VEC(half); // otherwise a clever compiler could shorten the chains
    for (int i = 0; i < CHAINS; i++) chain[i] = lw_vec_broadcast((float)i);
    for (int64_t round = 0; round < rounds; round++) LW_UNROLL(8)
    for (int step = 0; step < STEPS; step++) LW_UNROLL(32)
    for (int i = 0; i < CHAINS; i++) chain[i] = lw_vec_fma(chain[i], half, half);
    lw_vec sum = lw_vec_zero();
    for (int i = 0; i < CHAINS; i++) sum = lw_vec_add(sum, chain[i]);
    return lw_vec_sum(sum) / (float)(CHAINS * LW_VEC);
}
