// SPDX-License-Identifier: Apache-2.0
// The confusion matrix as a table and its worst cases in words.
#ifndef LW_REPORT_CONFUSION_H
#define LW_REPORT_CONFUSION_H

#include "report/table.h"
#include "report/terminal.h"

#include <lanewise/metrics.h>
#include <lanewise/status.h>
#include <stddef.h>
#include <stdio.h>

// A pair of classes that were mixed up.
typedef struct lw_mistake {
    int32_t truth, predicted;
    int64_t count;
} lw_mistake;

// Fills `mistakes` with the most frequent ones, the worst first; returns how many there are (at
// most `capacity`). Equal counts come in the order of the matrix.
size_t lw_confusion_worst(const lw_metrics *metrics, lw_mistake *mistakes, size_t capacity);

// A matrix of more classes is left out, in a terminal and on a page.
enum { LW_CONFUSION_MOST_CLASSES = 64 };

// The matrix as a table (row: true class, column: predicted class, last column: share of the row that is
// right), right ones and mistakes on grounds of two colours. *table is owned by the caller.
// LW_ERROR_MEMORY.
lw_status lw_confusion_make_table(lw_table **table, const lw_metrics *metrics,
                                  const char *const *class_names);

// Prints the matrix (row: true class, column: predicted class, last column: share of the row that
// is right). Where even its compact form is wider than the terminal, a sentence says so instead.
lw_status lw_confusion_print(const lw_metrics *metrics, const char *const *class_names, FILE *file,
                             const lw_terminal *terminal);

// Prints the three worst mistakes, "4 taken for 9: 12 times", or that there were none.
void lw_confusion_print_worst(const lw_metrics *metrics, const char *const *class_names,
                              FILE *file);

#endif
