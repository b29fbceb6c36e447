// SPDX-License-Identifier: Apache-2.0
// What the results of several seeds say together.
#ifndef LW_STUDY_SUMMARY_H
#define LW_STUDY_SUMMARY_H

#include <stddef.h>

typedef struct lw_summary {
    size_t n;         // values that were there (not NaN)
    double mean;      // NaN for none
    double deviation; // standard deviation of the values, with n - 1; NaN for fewer than two
    double low, high; // 95 % interval of the mean by Student's t; NaN for fewer than two
    double smallest, largest;
} lw_summary;

// Values that are NaN are left out.
lw_summary lw_summary_of(const double *values, size_t n);

// How far from 0, to both sides, `confidence` (0 < ... < 1) of Student's distribution lies for so many
// degrees of freedom (at least 1).
double lw_summary_student(double confidence, size_t freedom);

#endif
