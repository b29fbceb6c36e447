// SPDX-License-Identifier: Apache-2.0
#include "report/confusion.h"

#include "base/error.h"
#include "report/format.h"
#include "report/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Class names head the columns, cut to so many characters in the wide form and in the compact one,
// in which ten classes with long names fit 80 columns.
enum { wide_title = 8, compact_title = 4 };

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

static void add_row(lw_table *table, const lw_metrics *metrics, int32_t truth, const char *name,
                    bool compact)
{
    int64_t total = 0, right = entry(metrics, truth, truth);
    lw_table_cell(table, LW_STYLE_PLAIN, "%s", name);
    for (int32_t predicted = 0; predicted < metrics->classes; predicted++) {
        int64_t count = entry(metrics, truth, predicted);
        total += count;
        if (predicted == truth)
            lw_table_cell(table, LW_STYLE_BOLD, "%" PRId64, count);
        else if (count == 0)
            lw_table_cell(table, LW_STYLE_DIM, ".");
        else
            lw_table_cell(table, LW_STYLE_BAD, "%" PRId64, count);
    }
    double share = total > 0 ? (double)right / (double)total : 0;
    if (total == 0)
        lw_table_cell(table, LW_STYLE_DIM, "-");
    else if (compact)
        lw_table_cell(table, LW_STYLE_DIM, "%.0f %%", 100 * share);
    else
        lw_table_cell(table, LW_STYLE_DIM, "%s", lw_format_percent(share).text);
}

static lw_status make_table(lw_table **table, const lw_metrics *metrics,
                            const char *const *class_names, bool compact)
{
    LW_TRY(lw_table_create(table));
    lw_table_column(*table, LW_ALIGN_LEFT, "");
    for (int32_t i = 0; i < metrics->classes; i++) {
        char title[4 * wide_title + 1];
        lw_text_cut(title, sizeof title, class_names[i], compact ? compact_title : wide_title);
        lw_table_column(*table, LW_ALIGN_RIGHT, title);
    }
    lw_table_column(*table, LW_ALIGN_RIGHT, "right");
    for (int32_t i = 0; i < metrics->classes; i++)
        add_row(*table, metrics, i, class_names[i], compact);
    return LW_OK;
}

lw_status lw_confusion_print(const lw_metrics *metrics, const char *const *class_names, FILE *file,
                             const lw_terminal *terminal)
{
    enum { indent = 2, most_classes = 64 };
    if (metrics->classes > most_classes) {
        fprintf(file, "%d classes: the confusion matrix is left out here\n", metrics->classes);
        return LW_OK;
    }
    // A file has no width; a terminal would break lines that are too long.
    size_t limit = terminal->interactive ? (size_t)terminal->columns : SIZE_MAX;
    lw_table *table = NULL;
    lw_status status = make_table(&table, metrics, class_names, false);
    if (!status && lw_table_columns(table) + indent > limit) {
        lw_table_destroy(&table);
        status = make_table(&table, metrics, class_names, true);
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
