// SPDX-License-Identifier: Apache-2.0
#include "data/problems.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

lw_status lw_data_problems_add(lw_data_problems *problems, uint64_t place, lw_status status,
                               const char *sentence)
{
    if (problems->count == problems->capacity) {
        size_t capacity = problems->capacity ? 2 * problems->capacity : 16;
        lw_data_problem *grown = realloc(problems->list, capacity * sizeof *grown);
        if (!grown) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu problems", capacity);
        problems->list = grown;
        problems->capacity = capacity;
    }
    char *copy = strdup(sentence);
    if (!copy) return lw_fail(LW_ERROR_MEMORY, "no memory for %zu problems", problems->count);
    problems->list[problems->count++] =
        (lw_data_problem){.sentence = copy, .place = place, .status = status};
    return LW_OK;
}

static int compare(const void *a, const void *b)
{
    const lw_data_problem *left = a, *right = b;
    if (left->place != right->place) return left->place < right->place ? -1 : 1;
    return strcmp(left->sentence, right->sentence);
}

void lw_data_problems_sort(lw_data_problems *problems)
{
    if (problems->count > 1)
        qsort(problems->list, problems->count, sizeof *problems->list, compare);
}

lw_status lw_data_problems_fail(const lw_data_problems *problems)
{
    if (problems->count == 0) return LW_OK;
    const lw_data_problem *first = &problems->list[0];
    size_t others = problems->count - 1;
    if (others == 0) return lw_fail(first->status, "%s", first->sentence);
    return lw_fail(first->status, "%s (and %zu more problem%s)", first->sentence, others,
                   others == 1 ? "" : "s");
}

void lw_data_problems_free(lw_data_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) free(problems->list[i].sentence);
    free(problems->list);
    *problems = (lw_data_problems){0};
}
