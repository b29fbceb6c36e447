// SPDX-License-Identifier: Apache-2.0
// The vector vocabulary in which the portable kernels are written: `lw_vec` holds LW_VEC floats in
// one register of the ISA that the file is compiled for. A kernel file is compiled once per ISA;
// the only things that differ between the copies are this header's definitions and the tile sizes
// that follow from LW_VEC and LW_VEC_REGISTERS.
//
// A comparison gives the bits of the lanes for which it holds, lane 0 in bit 0.
//
// For transposing, a vector is LW_VEC / 4 runs of four floats: lw_vec_load_fours reads them `step`
// floats apart, zip takes the lower or upper two floats of a and b of each run in turn (a0 b0 a1 b1,
// a2 b2 a3 b3), join the lower or upper halves of both (a0 a1 b0 b1, a2 a3 b2 b3).
#ifndef LW_SIMD_VEC_H
#define LW_SIMD_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// Appends the ISA to a kernel's name: LW_KERNEL(adam_update) is lw_k_adam_update_avx2. LW_ISA comes
// from the build.
#ifndef LW_ISA
#define LW_ISA generic
#endif
#define LW_KERNEL_PASTE(name, isa) lw_k_##name##_##isa
#define LW_KERNEL_EXPAND(name, isa) LW_KERNEL_PASTE(name, isa)
#define LW_KERNEL(name) LW_KERNEL_EXPAND(name, LW_ISA)

#define LW_INLINE static inline __attribute__((always_inline))

// Unrolls the loop that follows: accumulators in an array live in registers only when every index is
// a constant. Each compiler has a pragma of its own and ignores the other's without a word. clang is not given the
// count: it would use it on loops of inlined functions while their bounds are still variables; so it waits for these.
#define LW_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define LW_UNROLL(count) LW_PRAGMA(clang loop unroll(full))
#else
#define LW_UNROLL(count) LW_PRAGMA(GCC unroll count)
#endif

// clang-format off
#if defined(__AVX512F__)

#include <immintrin.h>
enum { LW_VEC = 16, LW_VEC_REGISTERS = 32 };
typedef __m512 lw_vec;

LW_INLINE lw_vec lw_vec_zero(void) { return _mm512_setzero_ps(); }
LW_INLINE lw_vec lw_vec_broadcast(float a) { return _mm512_set1_ps(a); }
LW_INLINE lw_vec lw_vec_load(const float *p) { return _mm512_loadu_ps(p); }
LW_INLINE void lw_vec_store(float *p, lw_vec a) { _mm512_storeu_ps(p, a); }
LW_INLINE lw_vec lw_vec_add(lw_vec a, lw_vec b) { return _mm512_add_ps(a, b); }
LW_INLINE lw_vec lw_vec_sub(lw_vec a, lw_vec b) { return _mm512_sub_ps(a, b); }
LW_INLINE lw_vec lw_vec_mul(lw_vec a, lw_vec b) { return _mm512_mul_ps(a, b); }
LW_INLINE lw_vec lw_vec_div(lw_vec a, lw_vec b) { return _mm512_div_ps(a, b); }
LW_INLINE lw_vec lw_vec_sqrt(lw_vec a) { return _mm512_sqrt_ps(a); }
LW_INLINE lw_vec lw_vec_max(lw_vec a, lw_vec b) { return _mm512_max_ps(a, b); }
LW_INLINE lw_vec lw_vec_fma(lw_vec a, lw_vec b, lw_vec c) { return _mm512_fmadd_ps(a, b, c); }
LW_INLINE uint32_t lw_vec_greater(lw_vec a, lw_vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
LW_INLINE uint32_t lw_vec_equal(lw_vec a, lw_vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
LW_INLINE lw_vec lw_vec_select(uint32_t bits, lw_vec a, lw_vec b)
{
    return _mm512_mask_blend_ps((__mmask16)bits, b, a);
}
LW_INLINE lw_vec lw_vec_keep(uint32_t bits, lw_vec a)
{
    return _mm512_maskz_mov_ps((__mmask16)bits, a);
}
LW_INLINE lw_vec lw_vec_load_fours(const float *p, int64_t step)
{
    lw_vec a = _mm512_castps128_ps512(_mm_loadu_ps(p));
    a = _mm512_mask_broadcast_f32x4(a, 0x00f0, _mm_loadu_ps(p + step));
    a = _mm512_mask_broadcast_f32x4(a, 0x0f00, _mm_loadu_ps(p + 2 * step));
    return _mm512_mask_broadcast_f32x4(a, 0xf000, _mm_loadu_ps(p + 3 * step));
}
LW_INLINE lw_vec lw_vec_zip_low(lw_vec a, lw_vec b) { return _mm512_unpacklo_ps(a, b); }
LW_INLINE lw_vec lw_vec_zip_high(lw_vec a, lw_vec b) { return _mm512_unpackhi_ps(a, b); }
LW_INLINE lw_vec lw_vec_join_low(lw_vec a, lw_vec b)
{
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
LW_INLINE lw_vec lw_vec_join_high(lw_vec a, lw_vec b)
{
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}

#elif defined(__AVX2__)

#include <immintrin.h>
enum { LW_VEC = 8, LW_VEC_REGISTERS = 16 };
typedef __m256 lw_vec;

LW_INLINE lw_vec lw_vec_zero(void) { return _mm256_setzero_ps(); }
LW_INLINE lw_vec lw_vec_broadcast(float a) { return _mm256_set1_ps(a); }
LW_INLINE lw_vec lw_vec_load(const float *p) { return _mm256_loadu_ps(p); }
LW_INLINE void lw_vec_store(float *p, lw_vec a) { _mm256_storeu_ps(p, a); }
LW_INLINE lw_vec lw_vec_add(lw_vec a, lw_vec b) { return _mm256_add_ps(a, b); }
LW_INLINE lw_vec lw_vec_sub(lw_vec a, lw_vec b) { return _mm256_sub_ps(a, b); }
LW_INLINE lw_vec lw_vec_mul(lw_vec a, lw_vec b) { return _mm256_mul_ps(a, b); }
LW_INLINE lw_vec lw_vec_div(lw_vec a, lw_vec b) { return _mm256_div_ps(a, b); }
LW_INLINE lw_vec lw_vec_sqrt(lw_vec a) { return _mm256_sqrt_ps(a); }
LW_INLINE lw_vec lw_vec_max(lw_vec a, lw_vec b) { return _mm256_max_ps(a, b); }
LW_INLINE lw_vec lw_vec_fma(lw_vec a, lw_vec b, lw_vec c) { return _mm256_fmadd_ps(a, b, c); }
LW_INLINE uint32_t lw_vec_greater(lw_vec a, lw_vec b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
LW_INLINE uint32_t lw_vec_equal(lw_vec a, lw_vec b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
// All ones in the lanes whose bit is set.
LW_INLINE lw_vec lw_vec_lanes(uint32_t bits)
{
    const __m256i lane_bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i hit = _mm256_and_si256(_mm256_set1_epi32((int)bits), lane_bit);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(hit, lane_bit));
}
LW_INLINE lw_vec lw_vec_select(uint32_t bits, lw_vec a, lw_vec b)
{
    return _mm256_blendv_ps(b, a, lw_vec_lanes(bits));
}
LW_INLINE lw_vec lw_vec_keep(uint32_t bits, lw_vec a)
{
    return _mm256_and_ps(a, lw_vec_lanes(bits));
}
LW_INLINE lw_vec lw_vec_load_fours(const float *p, int64_t step)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + step), 1);
}
LW_INLINE lw_vec lw_vec_zip_low(lw_vec a, lw_vec b) { return _mm256_unpacklo_ps(a, b); }
LW_INLINE lw_vec lw_vec_zip_high(lw_vec a, lw_vec b) { return _mm256_unpackhi_ps(a, b); }
LW_INLINE lw_vec lw_vec_join_low(lw_vec a, lw_vec b)
{
    return _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}
LW_INLINE lw_vec lw_vec_join_high(lw_vec a, lw_vec b)
{
    return _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}

#elif defined(__aarch64__)

#include <arm_neon.h>
enum { LW_VEC = 4, LW_VEC_REGISTERS = 32 };
typedef float32x4_t lw_vec;

LW_INLINE lw_vec lw_vec_zero(void) { return vdupq_n_f32(0.0f); }
LW_INLINE lw_vec lw_vec_broadcast(float a) { return vdupq_n_f32(a); }
LW_INLINE lw_vec lw_vec_load(const float *p) { return vld1q_f32(p); }
LW_INLINE void lw_vec_store(float *p, lw_vec a) { vst1q_f32(p, a); }
LW_INLINE lw_vec lw_vec_add(lw_vec a, lw_vec b) { return vaddq_f32(a, b); }
LW_INLINE lw_vec lw_vec_sub(lw_vec a, lw_vec b) { return vsubq_f32(a, b); }
LW_INLINE lw_vec lw_vec_mul(lw_vec a, lw_vec b) { return vmulq_f32(a, b); }
LW_INLINE lw_vec lw_vec_div(lw_vec a, lw_vec b) { return vdivq_f32(a, b); }
LW_INLINE lw_vec lw_vec_sqrt(lw_vec a) { return vsqrtq_f32(a); }
// As on x86: b where a and b are unordered, so that the callers' operand order means the same.
LW_INLINE lw_vec lw_vec_max(lw_vec a, lw_vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
LW_INLINE lw_vec lw_vec_fma(lw_vec a, lw_vec b, lw_vec c) { return vfmaq_f32(c, a, b); }
LW_INLINE uint32_t lw_vec_bits(uint32x4_t lanes)
{
    const uint32x4_t lane_bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(lanes, lane_bit));
}
LW_INLINE uint32_t lw_vec_greater(lw_vec a, lw_vec b) { return lw_vec_bits(vcgtq_f32(a, b)); }
LW_INLINE uint32_t lw_vec_equal(lw_vec a, lw_vec b) { return lw_vec_bits(vceqq_f32(a, b)); }
LW_INLINE uint32x4_t lw_vec_lanes(uint32_t bits)
{
    const uint32x4_t lane_bit = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32(bits), lane_bit);
}
LW_INLINE lw_vec lw_vec_select(uint32_t bits, lw_vec a, lw_vec b)
{
    return vbslq_f32(lw_vec_lanes(bits), a, b);
}
LW_INLINE lw_vec lw_vec_keep(uint32_t bits, lw_vec a)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), lw_vec_lanes(bits)));
}
LW_INLINE lw_vec lw_vec_load_fours(const float *p, int64_t step)
{
    (void)step;
    return vld1q_f32(p);
}
LW_INLINE lw_vec lw_vec_zip_low(lw_vec a, lw_vec b) { return vzip1q_f32(a, b); }
LW_INLINE lw_vec lw_vec_zip_high(lw_vec a, lw_vec b) { return vzip2q_f32(a, b); }
LW_INLINE lw_vec lw_vec_join_low(lw_vec a, lw_vec b)
{
    return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
LW_INLINE lw_vec lw_vec_join_high(lw_vec a, lw_vec b)
{
    return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

#else

// The compiler's own vectors: SSE2 on x86-64, scalar code where there are no vector registers.
enum { LW_VEC = 4, LW_VEC_REGISTERS = 16 };
typedef float lw_vec __attribute__((vector_size(16)));
typedef int32_t lw_vec_int __attribute__((vector_size(16)));

LW_INLINE lw_vec lw_vec_broadcast(float a) { return (lw_vec){a, a, a, a}; }
LW_INLINE lw_vec lw_vec_zero(void) { return lw_vec_broadcast(0.0f); }
LW_INLINE lw_vec lw_vec_load(const float *p)
{
    lw_vec a;
    memcpy(&a, p, sizeof a);
    return a;
}
LW_INLINE void lw_vec_store(float *p, lw_vec a) { memcpy(p, &a, sizeof a); }
LW_INLINE lw_vec lw_vec_add(lw_vec a, lw_vec b) { return a + b; }
LW_INLINE lw_vec lw_vec_sub(lw_vec a, lw_vec b) { return a - b; }
LW_INLINE lw_vec lw_vec_mul(lw_vec a, lw_vec b) { return a * b; }
LW_INLINE lw_vec lw_vec_div(lw_vec a, lw_vec b) { return a / b; }
LW_INLINE lw_vec lw_vec_sqrt(lw_vec a)
{
    return (lw_vec){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}
LW_INLINE lw_vec lw_vec_fma(lw_vec a, lw_vec b, lw_vec c) { return a * b + c; }
LW_INLINE lw_vec lw_vec_blend(lw_vec_int lanes, lw_vec a, lw_vec b)
{
    return (lw_vec)((lanes & (lw_vec_int)a) | (~lanes & (lw_vec_int)b));
}
LW_INLINE lw_vec lw_vec_max(lw_vec a, lw_vec b) { return lw_vec_blend(a > b, a, b); }
LW_INLINE uint32_t lw_vec_bits(lw_vec_int lanes)
{
    return (uint32_t)((lanes[0] & 1) | (lanes[1] & 2) | (lanes[2] & 4) | (lanes[3] & 8));
}
LW_INLINE uint32_t lw_vec_greater(lw_vec a, lw_vec b) { return lw_vec_bits(a > b); }
LW_INLINE uint32_t lw_vec_equal(lw_vec a, lw_vec b) { return lw_vec_bits(a == b); }
LW_INLINE lw_vec_int lw_vec_lanes(uint32_t bits)
{
    const lw_vec_int lane_bit = {1, 2, 4, 8};
    int32_t b = (int32_t)bits;
    return ((lw_vec_int){b, b, b, b} & lane_bit) == lane_bit;
}
LW_INLINE lw_vec lw_vec_select(uint32_t bits, lw_vec a, lw_vec b)
{
    return lw_vec_blend(lw_vec_lanes(bits), a, b);
}
LW_INLINE lw_vec lw_vec_keep(uint32_t bits, lw_vec a)
{
    return (lw_vec)(lw_vec_lanes(bits) & (lw_vec_int)a);
}
LW_INLINE lw_vec lw_vec_load_fours(const float *p, int64_t step)
{
    (void)step;
    return lw_vec_load(p);
}
// Lanes of a count from 0, those of b from 4.
#if defined(__clang__)
#define LW_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define LW_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (lw_vec_int){i, j, k, l})
#endif
LW_INLINE lw_vec lw_vec_zip_low(lw_vec a, lw_vec b) { return LW_SHUFFLE(a, b, 0, 4, 1, 5); }
LW_INLINE lw_vec lw_vec_zip_high(lw_vec a, lw_vec b) { return LW_SHUFFLE(a, b, 2, 6, 3, 7); }
LW_INLINE lw_vec lw_vec_join_low(lw_vec a, lw_vec b) { return LW_SHUFFLE(a, b, 0, 1, 4, 5); }
LW_INLINE lw_vec lw_vec_join_high(lw_vec a, lw_vec b) { return LW_SHUFFLE(a, b, 2, 3, 6, 7); }

#endif

// clang-format on

// One float from memory in every lane.
LW_INLINE lw_vec lw_vec_load_broadcast(const float *p)
{
    return lw_vec_broadcast(*p);
}

// weight * *p + sum. With AVX-512 the broadcast is part of the instruction, which gcc does not always
// see: it loads the float first where it is used twice, and spills for it.
LW_INLINE lw_vec lw_vec_fma_broadcast(lw_vec weight, const float *p, lw_vec sum)
{
#if defined(__AVX512F__)
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weight), "m"(*p));
    return sum;
#else
    return lw_vec_fma(weight, lw_vec_load_broadcast(p), sum);
#endif
}

// The sum of the lanes, in a fixed order: halves are added until one lane is left.
LW_INLINE float lw_vec_sum(lw_vec a)
{
    float lane[LW_VEC];
    lw_vec_store(lane, a);
    for (int half = LW_VEC / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

// The first `count` (0 .. LW_VEC) lanes; the rest reads as zero, or stays untouched in memory.
LW_INLINE lw_vec lw_vec_load_partial(const float *p, int count)
{
    float lane[LW_VEC] = {0};
    memcpy(lane, p, (size_t)count * sizeof *lane);
    return lw_vec_load(lane);
}
LW_INLINE void lw_vec_store_partial(float *p, lw_vec a, int count)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), a);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, _mm256_castps_si256(lw_vec_lanes((1u << count) - 1)), a);
#else
    float lane[LW_VEC];
    lw_vec_store(lane, a);
    memcpy(p, lane, (size_t)count * sizeof *lane);
#endif
}

// A store past the caches where a vector is a cache line, and `p` is aligned to it: with half lines it
// was slower. Other threads may see it late unless lw_vec_stream_end() comes before what tells them.
enum { LW_VEC_STREAMS = LW_VEC == 16 };
LW_INLINE void lw_vec_stream(float *p, lw_vec a)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(p, a);
#else
    lw_vec_store(p, a);
#endif
}
LW_INLINE void lw_vec_stream_end(void)
{
#if defined(__AVX512F__)
    _mm_sfence();
#endif
}

// Keeps a value in a register: the compiler can then neither re-read it from memory nor fold it
// away.
#if defined(__x86_64__)
#define LW_PIN_VEC(a) __asm__("" : "+v"(a))
#elif defined(__aarch64__)
#define LW_PIN_VEC(a) __asm__("" : "+w"(a))
#else
#define LW_PIN_VEC(a) ((void)0)
#endif

// The same for an integer or a pointer: what is computed from it is computed again where it is used,
// not kept in registers of its own.
#define LW_PIN_INT(a) __asm__("" : "+r"(a))

#endif
