// SPDX-License-Identifier: Apache-2.0
#include "track/statistics.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void lw_statistics_sort(double *values, size_t n)
{
    if (n > 1) qsort(values, n, sizeof *values, compare_doubles);
}

double lw_statistics_quantile(const double *sorted, size_t n, double q)
{
    const double position = q * (double)(n - 1);
    const size_t below = (size_t)position;
    if (below + 1 >= n) return sorted[n - 1];
    const double share = position - (double)below;
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

double lw_statistics_median(double *values, size_t n)
{
    if (n == 0) return NAN;
    lw_statistics_sort(values, n);
    return lw_statistics_quantile(values, n, 0.5);
}

double lw_statistics_spread(double *values, size_t n)
{
    const double median = lw_statistics_median(values, n);
    for (size_t i = 0; i < n; i++) values[i] = fabs(values[i] - median);
    return 1.4826 * lw_statistics_median(values, n);
}

// ---- the centre -------------------------------------------------------------------------------

// The mean of the values number i and k.
typedef struct pair_mean {
    double mean;
    uint32_t i, k;
} pair_mean;

static int compare_pairs(const void *a, const void *b)
{
    const double x = ((const pair_mean *)a)->mean, y = ((const pair_mean *)b)->mean;
    return (x > y) - (x < y);
}

// The median of the pair means when value i was drawn counts[i] times. The pairs stay sorted
// whatever is drawn, so a resample costs one walk over them.
static double weighted_center(const pair_mean *pairs, size_t n_pairs, const uint32_t *counts,
                              size_t n)
{
    const uint64_t total = (uint64_t)n * (n + 1) / 2;
    uint64_t seen = 0;
    for (size_t p = 0; p < n_pairs; p++) {
        const uint64_t a = counts[pairs[p].i], b = counts[pairs[p].k];
        seen += pairs[p].i == pairs[p].k ? a * (a + 1) / 2 : a * b;
        if (2 * seen > total) return pairs[p].mean;
        if (2 * seen < total) continue;
        // Exactly half: the median lies between this mean and the next that was drawn.
        for (size_t q = p + 1; q < n_pairs; q++)
            if (counts[pairs[q].i] && counts[pairs[q].k])
                return 0.5 * (pairs[p].mean + pairs[q].mean);
    }
    return pairs[n_pairs - 1].mean;
}

static void fill_pairs(pair_mean *pairs, size_t n_pairs, const double *values, size_t n)
{
    size_t p = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i; k < n; k++)
            pairs[p++] = (pair_mean){0.5 * (values[i] + values[k]), (uint32_t)i, (uint32_t)k};
    qsort(pairs, n_pairs, sizeof *pairs, compare_pairs);
}

lw_status lw_statistics_center(lw_interval *interval, const double *values, size_t n,
                               double confidence, uint32_t resamples, lw_rng *rng)
{
    const size_t n_pairs = n * (n + 1) / 2;
    pair_mean *pairs = malloc(n_pairs * sizeof *pairs);
    uint32_t *counts = malloc(n * sizeof *counts);
    double *centers = calloc((size_t)resamples + 1, sizeof *centers);
    const bool enough = pairs && counts && centers;
    if (enough) {
        fill_pairs(pairs, n_pairs, values, n);
        for (size_t i = 0; i < n; i++) counts[i] = 1;
        interval->center = weighted_center(pairs, n_pairs, counts, n);
        centers[0] = interval->center;
        for (uint32_t r = 0; r < resamples; r++) {
            memset(counts, 0, n * sizeof *counts);
            for (size_t i = 0; i < n; i++) counts[lw_rng_below(rng, (uint32_t)n)]++;
            centers[r] = weighted_center(pairs, n_pairs, counts, n);
        }
        const size_t drawn = resamples ? resamples : 1;
        lw_statistics_sort(centers, drawn);
        interval->low = lw_statistics_quantile(centers, drawn, 0.5 - 0.5 * confidence);
        interval->high = lw_statistics_quantile(centers, drawn, 0.5 + 0.5 * confidence);
    }
    free(pairs);
    free(counts);
    free(centers);
    return enough ? LW_OK : lw_fail(LW_ERROR_MEMORY, "no memory for the interval of %zu values", n);
}

// ---- tests ------------------------------------------------------------------------------------

// P(Z >= z) of a standard normal Z.
static double normal_tail(double z)
{
    return 0.5 * erfc(z * 0.7071067811865476);
}

typedef struct ranked {
    double size;    // what is ranked
    uint32_t twice; // twice its rank, which is whole even where ranks are shared
    bool marked;    // above zero, or of the first sample
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const double x = ((const ranked *)a)->size, y = ((const ranked *)b)->size;
    return (x > y) - (x < y);
}

// Sorts and ranks from 1; equal ones share the mean of their ranks. Returns the sum of t^3 - t over
// the groups of t equal ones.
static double rank_all(ranked *items, size_t n)
{
    double ties = 0;
    qsort(items, n, sizeof *items, compare_ranked);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && items[end].size <= items[first].size;) end++;
        for (size_t i = first; i < end; i++) items[i].twice = (uint32_t)(first + 1 + end);
        const double t = (double)(end - first);
        ties += t * t * t - t;
    }
    return ties;
}

// The share of all ways to flip signs in which the doubled ranks with a plus add up to `sum` or
// more: the distribution of the sum is built up rank by rank.
static lw_status exact_share(double *p, const ranked *items, size_t n, uint32_t sum)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++) most += items[i].twice;
    double *shares = calloc(most + 1, sizeof *shares);
    if (!shares) return lw_fail(LW_ERROR_MEMORY, "no memory for a test of %zu values", n);
    shares[0] = 1;
    size_t reached = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t step = items[i].twice;
        reached += step;
        for (size_t s = reached; s >= step; s--) shares[s] = 0.5 * (shares[s] + shares[s - step]);
        for (size_t s = 0; s < step; s++) shares[s] *= 0.5;
    }
    double share = 0;
    for (size_t s = most + 1; s-- > sum;) share += shares[s];
    free(shares);
    *p = fmin(share, 1);
    return LW_OK;
}

static double approximate_share(const ranked *items, size_t n, uint32_t sum)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) {
        mean += 0.5 * items[i].twice;
        variance += 0.25 * items[i].twice * items[i].twice;
    }
    return normal_tail(((double)sum - mean - 1) / sqrt(variance));
}

lw_status lw_statistics_signed_rank(double *p, const double *values, size_t n)
{
    enum { most_exact = 300 };
    *p = 1;
    ranked *items = malloc((n + 1) * sizeof *items);
    if (!items) return lw_fail(LW_ERROR_MEMORY, "no memory for a test of %zu values", n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (fabs(values[i]) > 0)
            items[count++] = (ranked){.size = fabs(values[i]), .marked = values[i] > 0};
    rank_all(items, count);
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += items[i].marked ? items[i].twice : 0;
    lw_status status = LW_OK;
    if (count > most_exact)
        *p = approximate_share(items, count, sum);
    else if (count > 0)
        status = exact_share(p, items, count, sum);
    free(items);
    return status;
}

lw_status lw_statistics_mann_whitney(double *p, const double *a, size_t n_a, const double *b,
                                     size_t n_b)
{
    *p = 1;
    const size_t n = n_a + n_b;
    if (n_a == 0 || n_b == 0) return LW_OK;
    ranked *items = malloc(n * sizeof *items);
    if (!items) return lw_fail(LW_ERROR_MEMORY, "no memory for a test of %zu values", n);
    for (size_t i = 0; i < n_a; i++) items[i] = (ranked){.size = a[i], .marked = true};
    for (size_t i = 0; i < n_b; i++) items[n_a + i] = (ranked){.size = b[i]};
    const double ties = rank_all(items, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += items[i].marked ? 0.5 * items[i].twice : 0;
    free(items);
    const double x = (double)n_a, y = (double)n_b, all = (double)n;
    const double distance = fabs(sum - x * (x + 1) / 2 - x * y / 2);
    const double variance = x * y / 12 * (all + 1 - ties / (all * (all - 1)));
    if (variance > 0) *p = fmin(1, 2 * normal_tail(fmax(0, distance - 0.5) / sqrt(variance)));
    return LW_OK;
}

lw_status lw_statistics_benjamini_hochberg(bool *rejected, const double *p, size_t n, double level)
{
    double *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu tests", n);
    memcpy(sorted, p, n * sizeof *sorted);
    lw_statistics_sort(sorted, n);
    double limit = -1;
    for (size_t i = 0; i < n; i++)
        if (sorted[i] <= level * (double)(i + 1) / (double)n) limit = sorted[i];
    for (size_t i = 0; i < n; i++) rejected[i] = p[i] <= limit;
    free(sorted);
    return LW_OK;
}
