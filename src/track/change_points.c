// SPDX-License-Identifier: Apache-2.0
#include "track/change_points.h"

#include "base/error.h"
#include "track/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { permutations = 999, most_exceeding = 2, draw_changes = 2 };

typedef struct search {
    const double *values;
    double *scores, *scratch; // as long as the series
    size_t *order;
    lw_change *changes;
    size_t n_changes, capacity;
} search;

typedef struct split {
    size_t at;       // the length of the first part
    double distance; // in standard deviations
} split;

// Where the parts before and after differ most: the largest |sum of the first k| over its standard
// deviation, for values whose mean is zero.
static split best_split(const double *centered, size_t n)
{
    double sum = 0, squares = 0;
    split best = {.at = 0, .distance = 0};
    for (size_t i = 0; i < n; i++) squares += centered[i] * centered[i];
    if (squares <= 0) return best;
    const double unit = sqrt(squares / (double)(n - 1));
    for (size_t k = 1; k + LW_LEAST_LEVEL <= n; k++) {
        sum += centered[k - 1];
        if (k < LW_LEAST_LEVEL) continue;
        const double length = (double)k * (double)(n - k) / (double)n;
        const double distance = fabs(sum) / (unit * sqrt(length));
        if (distance > best.distance) best = (split){.at = k, .distance = distance};
    }
    return best;
}

// sort_order's values; qsort has no room for them. Each thread sorts for itself.
static _Thread_local const double *sorted_values;

static int compare_indices(const void *a, const void *b)
{
    const double x = sorted_values[*(const size_t *)a], y = sorted_values[*(const size_t *)b];
    return (x > y) - (x < y);
}

// Ranks less their mean; equal values share theirs.
static void rank_scores(search *s, size_t begin, size_t n)
{
    for (size_t i = 0; i < n; i++) s->order[i] = begin + i;
    sorted_values = s->values;
    qsort(s->order, n, sizeof *s->order, compare_indices);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && s->values[s->order[end]] <= s->values[s->order[first]];)
            end++;
        const double rank = 0.5 * (double)(first + end - 1) - 0.5 * (double)(n - 1);
        for (size_t i = first; i < end; i++) s->scores[s->order[i] - begin] = rank;
    }
}

// The share of random orders that split at least as well. It need not be known once it is too large.
static double chance(search *s, size_t begin, size_t n, double distance)
{
    // So far out even the sum of the chances of all splits is nothing, and no order has to be drawn.
    const double bound = (double)n * erfc(distance * 0.7071067811865476);
    if (bound < 1e-5) return bound;
    lw_rng rng = lw_rng_stream(begin, LW_RNG_TRACK, draw_changes, n);
    memcpy(s->scratch, s->scores, n * sizeof *s->scratch);
    int exceeding = 0, drawn = 0;
    while (drawn < permutations && exceeding <= most_exceeding) {
        for (size_t i = n; i > 1; i--) {
            const size_t k = lw_rng_below(&rng, (uint32_t)i);
            const double last = s->scratch[i - 1];
            s->scratch[i - 1] = s->scratch[k];
            s->scratch[k] = last;
        }
        exceeding += best_split(s->scratch, n).distance >= distance;
        drawn++;
    }
    return (double)(exceeding + 1) / (double)(drawn + 1);
}

static double median_of(search *s, size_t begin, size_t end)
{
    memcpy(s->scratch, s->values + begin, (end - begin) * sizeof *s->scratch);
    return lw_statistics_median(s->scratch, end - begin);
}

// Ranks find that there is a change; for where it is the values themselves say more, once what is
// far outside both levels has been drawn in. Sets index, first and last.
static void locate(search *s, size_t begin, size_t n, size_t at, lw_change *change)
{
    const double a = median_of(s, begin, begin + at), b = median_of(s, begin + at, begin + n);
    for (size_t i = 0; i < n; i++) s->scratch[i] = s->values[begin + i] - (i < at ? a : b);
    const double spread = lw_statistics_spread(s->scratch, n);
    const double low = fmin(a, b) - 3 * spread, high = fmax(a, b) + 3 * spread;
    double mean = 0;
    for (size_t i = 0; i < n; i++) {
        s->scratch[i] = fmin(fmax(s->values[begin + i], low), high);
        mean += s->scratch[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) s->scratch[i] -= mean;
    split best = best_split(s->scratch, n);
    if (best.at == 0) best.at = at;
    // By how much the sum of squares shrinks with a split, in units of the variance around the
    // levels: what comes within 7.35 of the best is in the 95 % range (Hinkley, 1970).
    double squares = 0, sum = 0, first_sum = 0;
    for (size_t i = 0; i < best.at; i++) first_sum += s->scratch[i];
    const double length = (double)best.at * (double)(n - best.at) / (double)n;
    for (size_t i = 0; i < n; i++) squares += s->scratch[i] * s->scratch[i];
    const double gain = first_sum * first_sum / length;
    const double variance = (squares - gain) / (double)n;
    change->index = change->first = change->last = begin + best.at;
    for (size_t k = 1; k + LW_LEAST_LEVEL <= n; k++) {
        sum += s->scratch[k - 1];
        if (k < LW_LEAST_LEVEL) continue;
        const double here = sum * sum * (double)n / ((double)k * (double)(n - k));
        if (gain - here > 7.35 * variance) continue;
        if (begin + k < change->first) change->first = begin + k;
        if (begin + k > change->last) change->last = begin + k;
    }
}

static lw_status keep(search *s, const lw_change *change)
{
    if (s->n_changes == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 8;
        lw_change *grown = realloc(s->changes, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu changes", capacity);
        s->changes = grown;
        s->capacity = capacity;
    }
    s->changes[s->n_changes++] = *change;
    return LW_OK;
}

static lw_status search_part(search *s, size_t begin, size_t end)
{
    const double significance = (double)(most_exceeding + 1) / (permutations + 1);
    const size_t n = end - begin;
    if (n < 2 * LW_LEAST_LEVEL) return LW_OK;
    rank_scores(s, begin, n);
    const split best = best_split(s->scores, n);
    if (best.at == 0) return LW_OK;
    lw_change change = {.p = chance(s, begin, n, best.distance)};
    if (change.p > significance) return LW_OK;
    locate(s, begin, n, best.at, &change);
    LW_TRY(search_part(s, begin, change.index));
    LW_TRY(keep(s, &change));
    return search_part(s, change.index, end);
}

// The levels reach from change to change, which is known only at the end.
static void set_levels(search *s, size_t n)
{
    for (size_t i = 0; i < s->n_changes; i++) {
        lw_change *change = &s->changes[i];
        const size_t from = i ? s->changes[i - 1].index : 0;
        const size_t to = i + 1 < s->n_changes ? s->changes[i + 1].index : n;
        change->before = median_of(s, from, change->index);
        change->after = median_of(s, change->index, to);
    }
}

lw_status lw_change_points_find(lw_change **changes, size_t *n_changes, const double *values,
                                size_t n)
{
    search s = {.values = values,
                .scores = malloc((n + 1) * sizeof(double)),
                .scratch = malloc((n + 1) * sizeof(double)),
                .order = malloc((n + 1) * sizeof(size_t))};
    lw_status status = s.scores && s.scratch && s.order
                           ? search_part(&s, 0, n)
                           : lw_fail(LW_ERROR_MEMORY, "no memory for a series of %zu runs", n);
    if (!status) set_levels(&s, n);
    free(s.scores);
    free(s.scratch);
    free(s.order);
    if (status) free(s.changes);
    *changes = status ? NULL : s.changes;
    *n_changes = status ? 0 : s.n_changes;
    return status;
}
