// SPDX-License-Identifier: Apache-2.0
// The checksum of fetched files, by OpenSSL's libcrypto, which is loaded when the first is made.
#include "data/sha256.h"

#include "base/error.h"
#include "base/library.h"

#include <openssl/evp.h>
#include <stdio.h>

static __typeof__(EVP_Digest) *make_digest;
static __typeof__(EVP_sha256) *get_sha256;

static const lw_library_function wanted[] = {{.name = "EVP_Digest", .slot = &make_digest},
                                             {.name = "EVP_sha256", .slot = &get_sha256}};

static lw_library library = {.file = LW_CRYPTO_LIBRARY,
                             .functions = wanted,
                             .n_functions = sizeof wanted / sizeof *wanted,
                             .mutex = PTHREAD_MUTEX_INITIALIZER};

lw_status lw_sha256(const void *bytes, size_t count, char text[LW_SHA256_TEXT_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_bytes = 0;
    text[0] = '\0';
    LW_TRY(lw_library_load(&library));
    if (!make_digest(bytes, count, digest, &digest_bytes, get_sha256(), NULL) || digest_bytes != 32)
        return lw_fail(LW_ERROR_UNSUPPORTED, "SHA-256: OpenSSL cannot compute it here");
    for (unsigned int i = 0; i < digest_bytes; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return LW_OK;
}
