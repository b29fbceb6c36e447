// SPDX-License-Identifier: Apache-2.0
#include "report/confusion.h"

#include "base/error.h"
#include "report/format.h"
#include "report/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Class names head the columns, cut to so many characters in the wide form and in the compact one,
// in which ten classes with long names fit 80 columns.
// A page has room for more.
enum { wide_title = 8, compact_title = 4, page_title = 24 };

static int64_t entry(const lw_metrics *metrics, int32_t truth, int32_t predicted)
{
    return metrics->confusion[(size_t)truth * (size_t)metrics->classes + (size_t)predicted];
}

size_t lw_confusion_worst(const lw_metrics *metrics, lw_mistake *mistakes, size_t capacity)
{
    size_t n = 0;
    for (int32_t truth = 0; truth < metrics->classes; truth++)
        for (int32_t predicted = 0; predicted < metrics->classes; predicted++) {
            int64_t count = entry(metrics, truth, predicted);
            if (truth == predicted || count == 0) continue;
            // Insertion into a short sorted list; the last one drops out when it is full.
            size_t place = n;
            while (place > 0 && mistakes[place - 1].count < count) place--;
            if (place == capacity) continue;
            if (n < capacity) n++;
            memmove(mistakes + place + 1, mistakes + place, (n - 1 - place) * sizeof *mistakes);
            mistakes[place] = (lw_mistake){truth, predicted, count};
        }
    return n;
}

// How deep the ground of a field is: for mistakes by the root, so that one in a hundred can be seen.
static double heat_of(int64_t count, int64_t total, bool right)
{
    const double share = total > 0 ? (double)count / (double)total : 0;
    if (count == 0) return 0;
    return right ? 0.1 + 0.45 * share : -fmin(0.12 + 2.2 * sqrt(share), 0.9);
}

static int64_t row_total(const lw_metrics *metrics, int32_t truth)
{
    int64_t total = 0;
    for (int32_t i = 0; i < metrics->classes; i++) total += entry(metrics, truth, i);
    return total;
}

static void add_row(lw_table *table, const lw_metrics *metrics, int32_t truth, const char *name,
                    bool compact)
{
    const int64_t total = row_total(metrics, truth), right = entry(metrics, truth, truth);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", name);
    for (int32_t predicted = 0; predicted < metrics->classes; predicted++) {
        const int64_t count = entry(metrics, truth, predicted);
        const bool same = predicted == truth;
        if (count == 0 && !same)
            lw_table_number(table, LW_STYLE_DIM, 0, ".");
        else
            lw_table_heat(table, same ? LW_STYLE_BOLD : LW_STYLE_BAD, (double)count,
                          heat_of(count, total, same), "%" PRId64, count);
    }
    const double share = total > 0 ? (double)right / (double)total : NAN;
    if (total == 0)
        lw_table_number(table, LW_STYLE_DIM, NAN, "-");
    else if (compact)
        lw_table_number(table, LW_STYLE_DIM, share, "%.0f %%", 100 * share);
    else
        lw_table_number(table, LW_STYLE_DIM, share, "%s", lw_format_percent(share).text);
}

// The table with the names of the columns cut to so many characters.
static lw_status make_table(lw_table **table, const lw_metrics *metrics,
                            const char *const *class_names, size_t title_columns, bool compact)
{
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, title_columns == page_title ? "true class" : "");
    for (int32_t i = 0; i < metrics->classes; i++) {
        char title[4 * page_title + 1];
        lw_text_cut(title, sizeof title, class_names[i], title_columns);
        lw_table_column(*table, LW_ALIGN_RIGHT, title);
    }
    lw_table_column(*table, LW_ALIGN_RIGHT, "right");
    for (int32_t i = 0; i < metrics->classes; i++)
        add_row(*table, metrics, i, class_names[i], compact);
    return LW_OK;
}

lw_status lw_confusion_make_table(lw_table **table, const lw_metrics *metrics,
                                  const char *const *class_names)
{
    return make_table(table, metrics, class_names, page_title, false);
}

lw_status lw_confusion_print(const lw_metrics *metrics, const char *const *class_names, FILE *file,
                             const lw_terminal *terminal)
{
    enum { indent = 2 };
    if (metrics->classes > LW_CONFUSION_MOST_CLASSES) {
        fprintf(file, "%d classes: the confusion matrix is left out here\n", metrics->classes);
        return LW_OK;
    }
    // A file has no width; a terminal would break lines that are too long.
    size_t limit = terminal->interactive ? (size_t)terminal->columns : SIZE_MAX;
    lw_table *table = NULL;
    lw_status status = make_table(&table, metrics, class_names, wide_title, false);
    if (!status && lw_table_columns(table) + indent > limit) {
        lw_table_destroy(&table);
        status = make_table(&table, metrics, class_names, compact_title, true);
    }
    if (!status && lw_table_columns(table) + indent > limit) {
        fprintf(file, "the confusion matrix needs %zu columns, the terminal has %zu\n",
                lw_table_columns(table) + indent, limit);
    } else if (!status) {
        fprintf(file, "confusion matrix (row: true class, column: predicted class)\n");
        status = lw_table_print(table, file, terminal, indent);
    }
    lw_table_destroy(&table);
    return status;
}

void lw_confusion_print_worst(const lw_metrics *metrics, const char *const *class_names, FILE *file)
{
    lw_mistake worst[3];
    size_t n = lw_confusion_worst(metrics, worst, sizeof worst / sizeof worst[0]);
    if (n == 0) {
        fprintf(file, "no image was taken for another class\n");
        return;
    }
    fprintf(file, "most often mixed up\n");
    for (size_t i = 0; i < n; i++) {
        fprintf(file, "  %s taken for %s: ", class_names[worst[i].truth],
                class_names[worst[i].predicted]);
        if (worst[i].count == 1)
            fprintf(file, "once\n");
        else
            fprintf(file, "%s times\n", lw_format_count(worst[i].count).text);
    }
}
