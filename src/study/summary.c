// SPDX-License-Identifier: Apache-2.0
#include "study/summary.h"

#include <math.h>

// The share of Student's distribution within -t .. t: the finite sums for whole degrees of freedom
// (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4).
static double share_within(double t, size_t freedom)
{
    const double half_pi = 1.57079632679489661923;
    const double angle = atan(t / sqrt((double)freedom));
    const double square = cos(angle) * cos(angle);
    const int odd = freedom % 2 == 1;
    double term = odd ? cos(angle) : 1, sum = 0;
    for (size_t k = odd ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= square * (double)(k - 1) / (double)k;
        if (term < 1e-18) break;
    }
    if (odd) return (angle + sin(angle) * sum) / half_pi;
    return sin(angle) * sum;
}

double lw_summary_student(double confidence, size_t freedom)
{
    double low = 0, high = 1;
    while (share_within(high, freedom) < confidence && high < 1e12) high *= 2;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if (share_within(middle, freedom) < confidence)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

lw_summary lw_summary_of(const double *values, size_t n)
{
    lw_summary summary = {.mean = NAN,
                          .deviation = NAN,
                          .low = NAN,
                          .high = NAN,
                          .smallest = INFINITY,
                          .largest = -INFINITY};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) continue;
        summary.n++;
        sum += values[i];
        summary.smallest = fmin(summary.smallest, values[i]);
        summary.largest = fmax(summary.largest, values[i]);
    }
    if (summary.n == 0) summary.smallest = summary.largest = NAN;
    if (summary.n == 0) return summary;
    summary.mean = sum / (double)summary.n;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) squares += (values[i] - summary.mean) * (values[i] - summary.mean);
    if (summary.n < 2) return summary;
    summary.deviation = sqrt(squares / (double)(summary.n - 1));
    const double reach =
        lw_summary_student(0.95, summary.n - 1) * summary.deviation / sqrt((double)summary.n);
    summary.low = summary.mean - reach;
    summary.high = summary.mean + reach;
    return summary;
}
