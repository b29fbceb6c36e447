// SPDX-License-Identifier: Apache-2.0
#include "cli/match.h"

#include "base/error.h"
#include "nn/network.h"

#include <math.h>
#include <stdlib.h>

static lw_status count_parameters(int64_t *parameters, const lw_match *m, int32_t channels)
{
    lw_network *changed;
    LW_TRY(lw_network_with_channels(&changed, m->network, m->layer, channels));
    int32_t classes = lw_network_class_count(changed);
    *parameters = lw_network_parameter_count(changed);
    lw_network_destroy(&changed);
    if (classes != lw_network_class_count(m->network))
        return lw_fail(LW_ERROR_ARGUMENT, "%s: its outputs are the %d classes, which cannot change",
                       m->layer, lw_network_class_count(m->network));
    return LW_OK;
}

// Every parameter tensor has the layer's channels as one of its sides or not at all, so their number is a
// straight line: two points give it.
static lw_status find_nearest(lw_match *m, int32_t *nearest)
{
    int64_t one, two;
    LW_TRY(count_parameters(&one, m, 1));
    LW_TRY(count_parameters(&two, m, 2));
    if (one > m->target)
        return lw_fail(LW_ERROR_INPUT,
                       "%s cannot match %s: even with a single channel in %s it has %lld "
                       "parameters, more than "
                       "%lld",
                       lw_network_name(m->network), lw_network_name(m->other), m->layer,
                       (long long)one, (long long)m->target);
    double channels = 1.0 + round((double)(m->target - one) / (double)(two - one));
    if (channels > LW_NETWORK_CHANNEL_LIMIT)
        return lw_fail(
            LW_ERROR_INPUT,
            "%s cannot match %s: %s would need %.0f channels for %lld parameters, at most %d are "
            "supported",
            lw_network_name(m->network), lw_network_name(m->other), m->layer, channels,
            (long long)m->target, LW_NETWORK_CHANNEL_LIMIT);
    *nearest = (int32_t)channels;
    return LW_OK;
}

lw_status lw_match_find(lw_match *m, const lw_network *network, const char *layer,
                        const lw_network *other)
{
    *m = (lw_match){.network = network, .other = other, .layer = layer};
    int32_t nearest = 0;
    m->target = lw_network_parameter_count(m->other);
    LW_TRY(find_nearest(m, &nearest));
    for (int32_t n = nearest - 1; n <= nearest + 1; n++) {
        if (n < 1 || n > LW_NETWORK_CHANNEL_LIMIT) continue;
        lw_match_row *row = &m->rows[m->n_rows];
        row->channels = n;
        LW_TRY(count_parameters(&row->parameters, m, n));
        if (llabs(row->parameters - m->target) < llabs(m->rows[m->best].parameters - m->target))
            m->best = m->n_rows;
        m->n_rows++;
    }
    return LW_OK;
}
