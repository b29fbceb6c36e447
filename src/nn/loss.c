// SPDX-License-Identifier: Apache-2.0
// Softmax and cross-entropy.
#include "nn/engine.h"

#include <math.h>

int32_t lw_argmax(const float *values, int32_t count)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

double lw_softmax_cross_entropy(const float *logits, int32_t classes, int32_t label,
                                float *probabilities)
{
    // Shifted by the largest logit, no exponential overflows and the sum is at least 1.
    float largest = logits[lw_argmax(logits, classes)];
    double sum = 0.0;
    for (int32_t i = 0; i < classes; i++) sum += exp((double)logits[i] - (double)largest);
    if (probabilities)
        for (int32_t i = 0; i < classes; i++)
            probabilities[i] = (float)(exp((double)logits[i] - (double)largest) / sum);
    return log(sum) + (double)largest - (double)logits[label];
}

double lw_engine_loss(lw_workspace *workspace, int32_t slot, int32_t label, float scale,
                      int32_t *predicted)
{
    return lw_engine_loss_soft(workspace, slot, (lw_soft_label){.first = label, .second = label},
                               scale, predicted);
}

// Takes the smoothed part of a label off the probabilities and returns what it adds to the loss of its
// first class: as much as the mean logit is below that class's.
static double smooth_label(const float *logits, int32_t classes, const lw_soft_label *label,
                           float *gradient)
{
    double mean = 0.0;
    const float part = label->smoothing / (float)classes;
    for (int32_t i = 0; i < classes; i++) {
        mean += (double)logits[i] / (double)classes;
        gradient[i] -= part;
    }
    return (double)label->smoothing * ((double)logits[label->first] - mean);
}

double lw_engine_loss_soft(lw_workspace *workspace, int32_t slot, lw_soft_label label, float scale,
                           int32_t *predicted)
{
    const lw_plan *plan = workspace->plan;
    const lw_map *map = &plan->maps[plan->n_stages];
    const float *logits = lw_engine_logits(workspace, slot);
    float *gradient = workspace->gradients[plan->n_stages] + slot * map->image + map->origin;
    *predicted = lw_argmax(logits, plan->classes);
    // d loss / d logit = probability - (the class's share of the label)
    double loss = lw_softmax_cross_entropy(logits, plan->classes, label.first, gradient);
    // The losses of two classes differ by their logits alone.
    const float whole = 1.0f - label.smoothing; // what smoothing leaves to the two classes
    loss += (double)(whole * label.share) *
            ((double)logits[label.first] - (double)logits[label.second]);
    if (label.smoothing > 0.0f) loss += smooth_label(logits, plan->classes, &label, gradient);
    gradient[label.first] -= whole * (1.0f - label.share);
    gradient[label.second] -= whole * label.share;
    for (int32_t i = 0; i < plan->classes; i++) gradient[i] *= scale;
    return loss;
}
