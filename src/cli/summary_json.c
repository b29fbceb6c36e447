// SPDX-License-Identifier: Apache-2.0
#include "cli/summary_json.h"

#include "cli/json.h"

cJSON *lw_summary_json(const lw_summary *summary)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_count(&object, "n", (int64_t)summary->n);
    lw_json_add_number(&object, "mean", summary->mean);
    lw_json_add_number(&object, "deviation", summary->deviation);
    lw_json_add_number(&object, "low", summary->low);
    lw_json_add_number(&object, "high", summary->high);
    lw_json_add_number(&object, "smallest", summary->smallest);
    lw_json_add_number(&object, "largest", summary->largest);
    return lw_json_object_take(&object);
}
