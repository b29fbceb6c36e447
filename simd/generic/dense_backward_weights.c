// SPDX-License-Identifier: Apache-2.0
// Sums of outer products over the pixels of two maps, in register tiles: backward-weights of dense
// convolutions. The sums of a tile stay in registers over all pixels of a call. A tile is `length`
// neighbouring floats of each of `runs` runs of a, broadcast, times `vectors` vectors of b. Sums
// live in registers only when every index is a constant, so each shape of a tile is compiled by
// itself.
#include "simd/declare.h"

// What a tile may have. The registers that hold no sums hold vectors of b and a broadcast; without
// a fused multiply-add the product needs one, too.
enum {
    most_sums = LW_VEC_REGISTERS == 16 ? (LW_VEC == 8 ? 12 : 10)
                : LW_VEC == 4          ? 24
                                       : 28,
    most_length = 14,
    most_runs = 3,
    most_vectors = LW_VEC_REGISTERS == 32 && LW_VEC == 4 ? 4 : 3,
    // Where there are few rows, tiles are wider instead.
    few_rows = 4,
    most_wide_vectors = 6,
    // Where each pixel's run is its neighbour's, one float further, pixels share broadcasts: a 3x3
    // kernel on one channel is at 53 % of peak without that and at 80 % with it.
    shared_length = 3,
    shared_pixels = 4,
    most_shared_vectors = LW_VEC_REGISTERS == 32 ? 2 : 1
};

// How the rows of a and the vectors of b are cut into tiles.
typedef struct tiling {
    int32_t vectors, panels; // of b; panels are about equal
    int32_t pieces;          // of a run
    int32_t run_groups;      // of neighbouring runs, when a run is in one piece
    int32_t count;           // of tiles
} tiling;

LW_INLINE int32_t divide_up(int32_t a, int32_t b)
{
    return (a + b - 1) / b;
}

LW_INLINE int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static bool shares(const lw_dense_products *g)
{
    return g->a_pixel == 1 && g->length == shared_length;
}

static tiling cut(const lw_dense_products *g)
{
    tiling t;
    t.vectors = divide_up(g->lanes, LW_VEC);
    const bool few = g->runs == 1 && g->length <= few_rows;
    const int32_t most = shares(g) ? most_shared_vectors
                         : few     ? smaller(most_wide_vectors, most_sums / g->length)
                                   : most_vectors;
    t.panels = divide_up(t.vectors, most);
    const int32_t longest = smaller(most_length, most_sums / divide_up(t.vectors, t.panels));
    t.pieces = divide_up(g->length, longest);
    const int32_t together = t.pieces > 1 ? 1 : smaller(most_runs, longest / g->length);
    t.run_groups = divide_up(g->runs, together);
    t.count = t.panels * t.pieces * g->planes * t.run_groups;
    return t;
}

int32_t LW_KERNEL(dense_backward_weights_tiles)(const lw_dense_products *g)
{
    return cut(g).count;
}

// ---- a tile -------------------------------------------------------------------------------------

// Where a tile begins.
typedef struct place {
    const float *a, *b;
    float *sums;
    int64_t sums_run; // from a run's first row of sums to the next run's
    bool accumulate;
    float *b_sums;     // of the tile's vectors, or NULL
    const char *ahead; // to prefetch from, and how far to go on at each pixel
    int64_t ahead_step;
} place;

// No load moves across this: gcc would load all broadcasts first and spill sums for them.
LW_INLINE void keep_order(void)
{
    __asm__ volatile("" : : : "memory");
}

// Floats are then addressed by their distance from this pointer: gcc would keep an index for each
// of them, and these in vector registers.
LW_INLINE const float *keep_pointer(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

// One run of a pixel.
LW_INLINE void add_run(lw_vec *sum, const float *run, const lw_vec *of_b, const int length,
                       const int vectors)
{
    run = keep_pointer(run);
    LW_UNROLL(14)
    for (int l = 0; l < length; l++) {
        lw_vec of_a = lw_vec_load_broadcast(run + l);
        LW_PIN_VEC(of_a); // else the load and the broadcast become two instructions
        keep_order();
        LW_UNROLL(6)
        for (int v = 0; v < vectors; v++)
            sum[l * vectors + v] = lw_vec_fma(of_a, of_b[v], sum[l * vectors + v]);
    }
}

// One pixel: every row's float times every vector. Around another loop that is unrolled, clang keeps one of a
// single turn until the sums have got their places in memory: the few runs are written out.
LW_INLINE void add_pixel(lw_vec *sum, const float *a, int64_t a_run, const float *b, const int runs,
                         const int length, const int vectors)
{
    const int sums = length * vectors; // of a run
    lw_vec of_b[most_wide_vectors];
    LW_UNROLL(6)
    for (int v = 0; v < vectors; v++) {
        of_b[v] = lw_vec_load(b + v * LW_VEC);
        LW_PIN_VEC(of_b[v]);
    }
    add_run(sum, a, of_b, length, vectors);
    if (runs > 1) add_run(sum + sums, a + a_run, of_b, length, vectors);
    if (runs > 2) add_run(sum + 2 * sums, a + 2 * a_run, of_b, length, vectors);
}

// The same where there are more vectors than rows: then the broadcasts stay.
LW_INLINE void add_wide_pixel(lw_vec *sum, const float *a, const float *b, const int length,
                              const int vectors)
{
    lw_vec of_a[few_rows];
    LW_UNROLL(4)
    for (int l = 0; l < length; l++) {
        of_a[l] = lw_vec_load_broadcast(a + l);
        LW_PIN_VEC(of_a[l]);
    }
    LW_UNROLL(6)
    for (int v = 0; v < vectors; v++) {
        lw_vec of_b = lw_vec_load(b + v * LW_VEC);
        keep_order();
        LW_UNROLL(4)
        for (int l = 0; l < length; l++)
            sum[l * vectors + v] = lw_vec_fma(of_a[l], of_b, sum[l * vectors + v]);
    }
}

// Where a tile is, in copies of its own: no store can change them.
typedef struct walk {
    const float *a, *b;
    const char *ahead;
    int64_t a_pixel, b_pixel, a_run, ahead_step;
} walk;

LW_INLINE void look_ahead(walk *w)
{
    __builtin_prefetch(w->ahead, 0, 2);
    w->ahead += w->ahead_step;
}

// Four neighbouring pixels of which each one's run begins one float behind the one before.
LW_INLINE void add_shared_pixels(lw_vec *sum, lw_vec *b_sum, walk *w, const int runs,
                                 const int vectors, const bool with_b)
{
    enum { floats = shared_length + shared_pixels - 1 }; // of a run
    lw_vec of_b[shared_pixels * most_shared_vectors];
    const float *run = w->a;
    LW_UNROLL(4)
    for (int p = 0; p < shared_pixels; p++) {
        LW_UNROLL(2)
        for (int v = 0; v < vectors; v++) {
            of_b[p * vectors + v] = lw_vec_load(w->b + v * LW_VEC);
            LW_PIN_VEC(of_b[p * vectors + v]);
        }
        w->b += w->b_pixel;
    }
    LW_UNROLL(2)
    for (int v = 0; v < vectors && with_b; v++)
        b_sum[v] = lw_vec_add(b_sum[v],
                              lw_vec_add(lw_vec_add(of_b[v], of_b[vectors + v]),
                                         lw_vec_add(of_b[2 * vectors + v], of_b[3 * vectors + v])));
    LW_UNROLL(18) // one loop over all runs, for clang's sake, as in add_pixel
    for (int i = 0; i < runs * floats; i++) {
        const int g = i / floats, k = i % floats;
        if (k == 0) run = keep_pointer(w->a + g * w->a_run);
        lw_vec of_a = lw_vec_load_broadcast(run + k);
        LW_PIN_VEC(of_a);
        keep_order();
        LW_UNROLL(4)
        for (int p = 0; p < shared_pixels; p++) {
            const int l = k - p;
            if (l < 0 || l >= shared_length) continue;
            LW_UNROLL(2)
            for (int v = 0; v < vectors; v++) {
                lw_vec *s = &sum[(g * shared_length + l) * vectors + v];
                *s = lw_vec_fma(of_a, of_b[p * vectors + v], *s);
            }
        }
    }
    w->a += shared_pixels;
    LW_UNROLL(4)
    for (int p = 0; p < shared_pixels; p++) look_ahead(w);
}

// The pixel of the walk, and on to the next.
LW_INLINE void add_next_pixel(lw_vec *sum, walk *w, const int runs, const int length,
                              const int vectors)
{
    if (vectors > most_vectors)
        add_wide_pixel(sum, w->a, w->b, length, vectors);
    else
        add_pixel(sum, w->a, w->a_run, w->b, runs, length, vectors);
    w->a += w->a_pixel;
    w->b += w->b_pixel;
}

// The same with the sums of b and what lies ahead.
LW_INLINE void add_whole_pixel(lw_vec *sum, lw_vec *b_sum, walk *w, const int runs,
                               const int length, const int vectors, const bool with_b)
{
    const float *b = w->b;
    add_next_pixel(sum, w, runs, length, vectors);
    LW_UNROLL(2)
    for (int v = 0; v < vectors && with_b; v++)
        b_sum[v] = lw_vec_add(b_sum[v], lw_vec_load(b + v * LW_VEC));
    look_ahead(w);
}

LW_INLINE void fold(lw_vec *sum, const lw_vec *other, const int sums)
{
    LW_UNROLL(14)
    for (int i = 0; i < sums; i++) sum[i] = lw_vec_add(sum[i], other[i]);
}

LW_INLINE void put(float *to, lw_vec sum, bool accumulate)
{
    lw_vec_store(to, accumulate ? lw_vec_add(lw_vec_load(to), sum) : sum);
}

LW_INLINE void put_run(float *row, int64_t sums_row, const lw_vec *sum, const int length,
                       const int vectors, bool accumulate)
{
    LW_UNROLL(14)
    for (int l = 0; l < length; l++) {
        LW_UNROLL(6)
        for (int v = 0; v < vectors; v++) put(row + v * LW_VEC, sum[l * vectors + v], accumulate);
        row += sums_row;
    }
}

// A sum waits four cycles for itself: tiles of few sums take several pixels side by side, each with
// sums of its own.
LW_INLINE int side_by_side(const int sums)
{
    const int most = LW_VEC_REGISTERS == 32 ? 7 : 5, half = LW_VEC_REGISTERS == 32 ? 3 : 2;
    return sums > most ? 1 : sums > half ? 2 : 4;
}

LW_INLINE void add_pixels(const lw_dense_products *g, const place *at, const int runs,
                          const int length, const int vectors, const bool shared, const bool with_b)
{
    const int run_sums = length * vectors, sums = runs * run_sums;
    const int pixels = shared ? 1 : side_by_side(sums);
    const bool apart = pixels > 1 && g->in_order; // all by the loop of those that are left over
    lw_vec sum[most_sums], b_sum[most_wide_vectors], zero = lw_vec_zero();
    LW_PIN_VEC(zero);
    LW_UNROLL(28)
    for (int i = 0; i < pixels * sums; i++) sum[i] = zero;
    LW_UNROLL(6)
    for (int v = 0; v < vectors; v++) b_sum[v] = zero;
    walk w = {.ahead = at->ahead,
              .a_pixel = g->a_pixel,
              .b_pixel = g->b_pixel,
              .a_run = g->a_run,
              .ahead_step = at->ahead_step};
    for (int32_t n = 0; n < g->images; n++)
        for (int32_t row = 0; row < g->rows; row++) {
            int32_t left = g->columns;
            w.a = at->a + n * g->a_image + row * g->a_row;
            w.b = at->b + n * g->b_image + row * g->b_row;
            for (; shared && left >= shared_pixels; left -= shared_pixels)
                add_shared_pixels(sum, b_sum, &w, runs, vectors, with_b);
            for (; !apart && left >= pixels; left -= pixels) {
                add_whole_pixel(sum, b_sum, &w, runs, length, vectors, with_b);
                if (pixels > 1)
                    add_whole_pixel(sum + sums, b_sum, &w, runs, length, vectors, with_b);
                if (pixels > 2) {
                    add_whole_pixel(sum + 2 * sums, b_sum, &w, runs, length, vectors, with_b);
                    add_whole_pixel(sum + 3 * sums, b_sum, &w, runs, length, vectors, with_b);
                }
            }
            for (; pixels > 1 && left > 0; left--) add_next_pixel(sum, &w, runs, length, vectors);
        }
    if (pixels > 1) fold(sum, sum + sums, sums);
    if (pixels > 2) fold(sum, sum + 2 * sums, sums);
    if (pixels > 2) fold(sum, sum + 3 * sums, sums);
    float *rows = at->sums;
    put_run(rows, g->sums_row, sum, length, vectors, at->accumulate);
    if (runs > 1)
        put_run(rows + at->sums_run, g->sums_row, sum + run_sums, length, vectors, at->accumulate);
    if (runs > 2)
        put_run(rows + 2 * at->sums_run, g->sums_row, sum + 2 * run_sums, length, vectors,
                at->accumulate);
    LW_UNROLL(2)
    for (int v = 0; v < vectors && with_b; v++)
        put(at->b_sums + v * LW_VEC, b_sum[v], at->accumulate);
}

// ---- the shapes of tiles ------------------------------------------------------------------------

// Which shapes `cut` can ask for.
LW_INLINE void add_shape(const lw_dense_products *g, const place *at, const int runs,
                         const int length, const int vectors)
{
    const bool wide = vectors > most_vectors;
    if (runs * length * vectors <= most_sums && runs * length <= most_length &&
        (!wide || (runs == 1 && length <= few_rows))) {
        const bool may_share = length == shared_length && vectors <= most_shared_vectors;
        if (may_share && at->b_sums)
            add_pixels(g, at, runs, shared_length, vectors, true, true);
        else if (may_share && shares(g))
            add_pixels(g, at, runs, shared_length, vectors, true, false);
        else
            add_pixels(g, at, runs, length, vectors, false, false);
    }
}

LW_INLINE void add_length(const lw_dense_products *g, const place *at, const int runs,
                          int32_t length, const int vectors)
{
    switch (length) {
    case 1: add_shape(g, at, runs, 1, vectors); break;
    case 2: add_shape(g, at, runs, 2, vectors); break;
    case 3: add_shape(g, at, runs, 3, vectors); break;
    case 4: add_shape(g, at, runs, 4, vectors); break;
    case 5: add_shape(g, at, runs, 5, vectors); break;
    case 6: add_shape(g, at, runs, 6, vectors); break;
    case 7: add_shape(g, at, runs, 7, vectors); break;
    case 8: add_shape(g, at, runs, 8, vectors); break;
    case 9: add_shape(g, at, runs, 9, vectors); break;
    case 10: add_shape(g, at, runs, 10, vectors); break;
    case 11: add_shape(g, at, runs, 11, vectors); break;
    case 12: add_shape(g, at, runs, 12, vectors); break;
    case 13: add_shape(g, at, runs, 13, vectors); break;
    case 14: add_shape(g, at, runs, 14, vectors); break;
    }
}

LW_INLINE void add_runs(const lw_dense_products *g, const place *at, int32_t runs, int32_t length,
                        const int vectors)
{
    switch (runs) {
    case 1: add_length(g, at, 1, length, vectors); break;
    case 2: add_length(g, at, 2, length, vectors); break;
    case 3: add_length(g, at, 3, length, vectors); break;
    }
}

static void add_tile(const lw_dense_products *g, const place *at, int32_t runs, int32_t length,
                     int32_t vectors)
{
    switch (vectors) {
    case 1: add_runs(g, at, runs, length, 1); break;
    case 2: add_runs(g, at, runs, length, 2); break;
    case 3: add_runs(g, at, runs, length, 3); break;
    case 4: add_runs(g, at, runs, length, 4); break;
    case 5: add_runs(g, at, runs, length, 5); break;
    case 6: add_runs(g, at, runs, length, 6); break;
    }
}

// Part `part` of `count` things in `parts` nearly equal parts begins here.
LW_INLINE int32_t part_begin(int32_t count, int32_t part, int32_t parts)
{
    return (int32_t)((int64_t)count * part / parts);
}

// Which memory the call's tile number `index` prefetches: a line a pixel, or the tile's own first
// line where there is nothing left to prefetch.
static void choose_ahead(const lw_dense_products *g, int64_t index, place *at)
{
    enum { line_floats = 64 / sizeof(float) };
    const int64_t floats = (int64_t)g->images * g->rows * g->columns * line_floats;
    for (int i = 0; i < 2; i++) {
        if (index * floats < g->ahead_floats[i]) {
            at->ahead = (const char *)(g->ahead[i] + index * floats);
            at->ahead_step = line_floats * sizeof(float);
            return;
        }
        index -= (g->ahead_floats[i] + floats - 1) / floats;
    }
    at->ahead = (const char *)at->b;
    at->ahead_step = 0;
}

void LW_KERNEL(dense_backward_weights)(const lw_dense_products *g, const float *a, const float *b,
                                       float *sums, bool accumulate, int32_t first, int32_t last)
{
    // Tiles that follow each other read the same vectors of b and then the same floats of a, at
    // other taps.
    const tiling t = cut(g);
    for (int32_t tile = first; tile < last; tile++) {
        int32_t rest = tile;
        const int32_t group = rest % t.run_groups;
        rest /= t.run_groups;
        const int32_t plane = rest % g->planes;
        rest /= g->planes;
        const int32_t piece = rest % t.pieces, panel = rest / t.pieces;
        const int32_t run = part_begin(g->runs, group, t.run_groups);
        const int32_t run_end = part_begin(g->runs, group + 1, t.run_groups);
        const int32_t l = part_begin(g->length, piece, t.pieces);
        const int32_t l_end = part_begin(g->length, piece + 1, t.pieces);
        const int32_t v = part_begin(t.vectors, panel, t.panels);
        const int32_t v_end = part_begin(t.vectors, panel + 1, t.panels);
        const int64_t row = ((int64_t)plane * g->runs + run) * g->length + l;
        place at = {.a = a + plane * g->a_plane + run * g->a_run + l,
                    .b = b + (int64_t)v * LW_VEC,
                    .sums = sums + row * g->sums_row + (int64_t)v * LW_VEC,
                    .sums_run = g->length * g->sums_row,
                    .b_sums = g->b_sums && row == 0 ? g->b_sums + (int64_t)v * LW_VEC : NULL,
                    .accumulate = accumulate};
        choose_ahead(g, tile - first, &at);
        add_tile(g, &at, run_end - run, l_end - l, v_end - v);
    }
}
