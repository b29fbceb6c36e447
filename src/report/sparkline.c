// SPDX-License-Identifier: Apache-2.0
#include "report/sparkline.h"

#include <math.h>

enum { heights = 8 };

// The mean of the finite values of a range; NaN for none.
static double mean_of(const double *values, size_t begin, size_t end)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = begin; i < end; i++) {
        if (!isfinite(values[i])) continue;
        sum += values[i];
        n++;
    }
    return n ? sum / (double)n : NAN;
}

void lw_sparkline_print(const double *values, size_t n, size_t columns, FILE *file,
                        const lw_terminal *terminal)
{
    static const char *const blocks[heights] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                                "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char ascii[heights + 1] = "_.-:=+*#";
    const size_t wide = n < columns ? n : columns;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < wide; i++) {
        const double value = mean_of(values, i * n / wide, (i + 1) * n / wide);
        if (!isfinite(value)) continue;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    for (size_t i = 0; i < wide; i++) {
        const double value = mean_of(values, i * n / wide, (i + 1) * n / wide);
        if (!isfinite(value)) {
            fputc(' ', file);
            continue;
        }
        // Values that are all the same lie in the middle.
        const double share = high > low ? (value - low) / (high - low) : 0.5;
        const int height = (int)fmin(floor(share * heights), heights - 1);
        if (terminal->unicode)
            fputs(blocks[height], file);
        else
            fputc(ascii[height], file);
    }
}
