// SPDX-License-Identifier: Apache-2.0
#include "kernel/reference_winograd.h"

#include "simd/winograd_tiles.h"

#include <math.h>
#include <stdbool.h>

enum { n_points = LW_WINOGRAD_POINTS, infinity = n_points - 1 };
static const double points[infinity] = {0.0, 0.75, -0.75, 1.5, -1.5};

static bool has(int size, int p)
{
    return lw_winograd_has(size, lw_winograd_kind(p));
}

double lw_reference_winograd_filter(int p, int t)
{
    if (p == infinity) return t == 2 ? 1.0 : 0.0;
    double distances = 1.0;
    for (int q = 0; q < infinity; q++)
        if (q != p) distances *= points[p] - points[q];
    return pow(points[p], t) / distances;
}

// Coefficient d of the product of (x - q) over the tile's finite points but `without`.
static double coefficient(int size, int without, int d)
{
    double polynomial[n_points + 1] = {1.0};
    int degree = 0;
    for (int q = 0; q < infinity; q++) {
        if (q == without || !has(size, q)) continue;
        degree++;
        for (int k = degree; k >= 0; k--)
            polynomial[k] = (k > 0 ? polynomial[k - 1] : 0.0) - points[q] * polynomial[k];
    }
    return d <= degree ? polynomial[d] : 0.0;
}

double lw_reference_winograd_input(int size, int p, int d)
{
    double value = coefficient(size, p == infinity ? -1 : p, d);
    // Filters divide by the distances to all points, also those that this tile does not have.
    for (int q = 0; q < infinity && p != infinity; q++)
        if (!has(size, q)) value *= points[p] - points[q];
    return value;
}

double lw_reference_winograd_output(int size, int p, int k)
{
    if (p == infinity) return k == size - 1 ? 1.0 : 0.0;
    return pow(points[p], k);
}

lw_reference_sum lw_reference_winograd_transformed(const double taps[9], int i, int j)
{
    lw_reference_sum sum = {0};
    for (int t = 0; t < 9; t++)
        lw_reference_add(&sum, taps[t],
                         lw_reference_winograd_filter(i, t / 3) *
                             lw_reference_winograd_filter(j, t % 3));
    return sum;
}

void lw_reference_winograd_inputs(int height, int width, const double *inputs, double *magnitudes)
{
    double down[n_points][n_points], across[n_points][n_points];
    for (int p = 0; p < n_points; p++)
        for (int d = 0; d < n_points; d++) {
            down[p][d] = fabs(lw_reference_winograd_input(height, p, d));
            across[p][d] = fabs(lw_reference_winograd_input(width, p, d));
        }
    for (int i = 0; i < n_points; i++) {
        double row[n_points] = {0};
        for (int w = 0; w < width + 2; w++)
            for (int h = 0; h < height + 2; h++)
                row[w] += down[i][h] * fabs(inputs[h * (width + 2) + w]);
        for (int j = 0; j < n_points; j++) {
            double sum = 0.0;
            for (int w = 0; w < width + 2; w++) sum += across[j][w] * row[w];
            magnitudes[i * n_points + j] = has(height, i) && has(width, j) ? sum : 0.0;
        }
    }
}

double lw_reference_winograd_magnitude(int height, int width, const double *products, int r, int c)
{
    double magnitude = 0.0;
    for (int i = 0; i < n_points; i++)
        for (int j = 0; j < n_points; j++)
            magnitude += fabs(lw_reference_winograd_output(height, i, r) *
                              lw_reference_winograd_output(width, j, c)) *
                         products[i * n_points + j];
    return magnitude;
}
