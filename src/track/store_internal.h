// SPDX-License-Identifier: Apache-2.0
// What the files of the history share.
#ifndef LW_TRACK_STORE_INTERNAL_H
#define LW_TRACK_STORE_INTERNAL_H

#include "database/database.h"
#include "track/store.h"

struct lw_store {
    lw_database *database;
};

#endif
