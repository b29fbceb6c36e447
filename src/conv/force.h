// SPDX-License-Identifier: Apache-2.0
// Forced algorithms: the text of LANEWISE_CONV and of the options that mean the same.
#ifndef LW_CONV_FORCE_H
#define LW_CONV_FORCE_H

#include <lanewise/conv.h>
#include <stddef.h>

// What `text` forces for one convolution and pass: entries [layer.]pass=algorithm with commas
// between them, "conv2.bwd_w=unfold,fwd=naive". `layer` NULL: only entries without a layer count;
// otherwise an entry with that layer goes before one without. Of two entries that say the same, the
// later one holds. *algorithm is AUTO when nothing is forced. The whole text is checked each time:
// LW_ERROR_INPUT with a sentence that names `source` ("LANEWISE_CONV") and the entry.
lw_status lw_conv_forced_algorithm(const char *text, const char *source, const char *layer,
                                   lw_conv_pass pass, lw_conv_algorithm *algorithm);

// Refuses entries that name a layer which is not among the `n` convolutions `layers`: LW_ERROR_INPUT
// with the nearest name. The whole text is checked as above.
lw_status lw_conv_forced_check(const char *text, const char *source, const char *const *layers,
                               size_t n);

#endif
