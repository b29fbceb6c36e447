// SPDX-License-Identifier: Apache-2.0
// The file of measured times.
#include "fuzz/fuzz.h"
#include "fuzz/targets.h"

#include "conv/tuned_table.h"

#include <stdlib.h>
#include <string.h>

void lw_fuzz_tuning(const uint8_t *bytes, size_t count)
{
    char *text = lw_fuzz_text(bytes, count);
    lw_tuned_table table;
    LW_FUZZ_CHECK(lw_tuned_table_read(&table, text, count, "conv-tuning.txt") == LW_OK);
    for (size_t i = 0; i < table.n; i++) {
        const lw_tuned_entry *entry = &table.entries[i];
        char field[64];
        for (int k = 0; k < LW_TUNED_KEY_FIELDS; k++)
            LW_FUZZ_CHECK(lw_tuned_key_field(entry->key, k, field, sizeof field));
        LW_FUZZ_CHECK(lw_tuned_ns(&entry->result, entry->result.chosen) > 0);
        (void)lw_tuned_entry_is_ours(entry);
    }
    const lw_tuned_key key = {.problem = "mb16ic16ih14oc32oh14kh3ph1",
                              .pass = LW_CONV_FORWARD,
                              .layout = LW_CONV_LAYOUT_NCHW,
                              .threads = 1,
                              .fusion = LW_TUNED_PLAIN};
    (void)lw_tuned_table_find(&table, &key);
    lw_tuned_table_free(&table);
    free(text);
}
