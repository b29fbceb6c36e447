// SPDX-License-Identifier: Apache-2.0
// Lanewise: convolution and training of small convolutional networks on CPUs.
// This header includes the whole public API; each header can also be included alone.
#ifndef LANEWISE_LANEWISE_H
#define LANEWISE_LANEWISE_H

#include <lanewise/augment.h>
#include <lanewise/conv.h>
#include <lanewise/cpu.h>
#include <lanewise/data.h>
#include <lanewise/metrics.h>
#include <lanewise/model.h>
#include <lanewise/network.h>
#include <lanewise/resize.h>
#include <lanewise/status.h>
#include <lanewise/train.h>
#include <lanewise/varres.h>
#include <lanewise/version.h>

#endif
