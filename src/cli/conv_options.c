// SPDX-License-Identifier: Apache-2.0
// Lists of words: passes, algorithms, instruction sets.
#include "cli/conv_options.h"

#include "base/error.h"
#include "base/text.h"
#include "cpu/kernel_table.h"

#include <lanewise/cpu.h>

#include <string.h>

// Copies the next entry of a list with commas; false at its end. An entry that does not fit is cut:
// no word is that long.
static bool next_word(const char **list, char word[32])
{
    if (!*list) return false;
    size_t length = strcspn(*list, ",");
    snprintf(word, 32, "%.*s", (int)(length < 31 ? length : 31), *list);
    *list = (*list)[length] ? *list + length + 1 : NULL;
    return true;
}

lw_status lw_read_selection(lw_bench_selection *selection, const char *passes,
                            const char *algorithms)
{
    char word[32];
    *selection = lw_bench_select_all();
    if (passes) memset(selection->passes, 0, sizeof selection->passes);
    while (next_word(&passes, word)) {
        lw_conv_pass pass;
        lw_status status = lw_conv_pass_parse(&pass, word);
        if (status) return lw_fail(status, "--passes: %s", lw_error_message());
        selection->passes[pass] = true;
    }
    if (algorithms) memset(selection->algorithms, 0, sizeof selection->algorithms);
    while (next_word(&algorithms, word)) {
        lw_conv_algorithm algorithm;
        lw_status status = lw_conv_algorithm_parse(&algorithm, word);
        if (status) return lw_fail(status, "--algorithms: %s", lw_error_message());
        if (algorithm == LW_CONV_ALGORITHM_AUTO)
            return lw_fail(LW_ERROR_INPUT, "--algorithms: auto stands for one of the others; "
                                           "expected their names");
        selection->algorithms[algorithm] = true;
    }
    return LW_OK;
}

const char *const lw_layout_words[LW_BENCH_LAYOUTS + 1] = {[LW_CONV_LAYOUT_NCHW] = "nchw",
                                                           [LW_CONV_LAYOUT_NHWC] = "nhwc",
                                                           [LW_CONV_LAYOUT_PADDED] = "padded"};

lw_status lw_read_layouts(bool layouts[LW_BENCH_LAYOUTS], const char *text)
{
    char word[32];
    for (int i = 0; i < LW_BENCH_LAYOUTS; i++) layouts[i] = !text;
    while (next_word(&text, word)) {
        lw_conv_layout layout;
        lw_status status = lw_conv_layout_parse(&layout, word);
        if (status) return lw_fail(status, "--layout: %s", lw_error_message());
        layouts[layout] = true;
    }
    return LW_OK;
}

lw_isa_list lw_all_isas(void)
{
    const lw_kernel_table *tables[LW_MAX_TABLES];
    lw_isa_list list = {.n = (size_t)lw_kernel_tables(tables)};
    for (size_t i = 0; i < list.n; i++) list.names[i] = tables[i]->isa;
    return list;
}

// The words for all instruction sets that there are, and "a, b, c" for a list of them.
static const char *const isa_words[] = {"generic", "avx2", "avx512", "neon"};

static void join_words(const char *const *words, size_t n, char text[64])
{
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (i) strncat(text, ", ", 64 - strlen(text) - 1);
        strncat(text, words[i], 64 - strlen(text) - 1);
    }
}

static lw_status add_isa(lw_isa_list *list, const char *word)
{
    const lw_isa_list here = lw_all_isas();
    char choices[64];
    bool known = false;
    for (size_t i = 0; i < LW_COUNT(isa_words); i++)
        if (strcmp(word, isa_words[i]) == 0) known = true;
    if (!known) {
        const char *nearest = lw_nearest_word(word, isa_words, LW_COUNT(isa_words));
        join_words(isa_words, LW_COUNT(isa_words), choices);
        return lw_fail(LW_ERROR_INPUT, "--isa: unknown instruction set '%s': expected %s%s%s%s",
                       word, choices, nearest ? " (did you mean " : "", nearest ? nearest : "",
                       nearest ? "?)" : "");
    }
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(word, list->names[i]) == 0)
            return lw_fail(LW_ERROR_INPUT, "--isa: %s is given twice", word);
    for (size_t i = 0; i < here.n; i++)
        if (strcmp(word, here.names[i]) == 0) {
            list->names[list->n++] = here.names[i];
            return LW_OK;
        }
    join_words(here.names, here.n, choices);
    return lw_fail(LW_ERROR_UNSUPPORTED,
                   "--isa: this machine (%s) cannot run %s kernels; it has "
                   "those for %s",
                   lw_cpu_name(), word, choices);
}

lw_status lw_read_isas(lw_isa_list *list, const char *text)
{
    char word[32];
    *list = (lw_isa_list){.names = {lw_cpu_isa()}, .n = 1};
    if (text) list->n = 0;
    while (next_word(&text, word)) LW_TRY(add_isa(list, word));
    return LW_OK;
}

bool lw_isas_are_here(const lw_isa_list *list)
{
    return list->n == 1 && strcmp(list->names[0], lw_cpu_isa()) == 0;
}
