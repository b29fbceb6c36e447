// SPDX-License-Identifier: Apache-2.0
// A gzipped file in one go, by libdeflate, which takes half of the time of zlib's streams. It wants all of the input and all
// of the output in memory and says of a failure no more than that there was one.
#ifndef LW_DATA_GUNZIP_H
#define LW_DATA_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Unpacks an open file of `stored_bytes`, wherever it stands, which it stays. *bytes has `count` bytes and is the caller's
// to free. False with *bytes NULL: it is not one gzip member that holds exactly so many, it is damaged or large, there is
// no memory, or this build has no libdeflate. Then a stream does it, or says what is wrong.
bool lw_gunzip_whole(int descriptor, uint64_t stored_bytes, size_t count, uint8_t **bytes);

#endif
