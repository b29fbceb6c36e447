// SPDX-License-Identifier: Apache-2.0
// The checksum of fetched files, by OpenSSL.
#include "data/sha256.h"

#include "base/error.h"

#include <openssl/evp.h>
#include <stdio.h>

lw_status lw_sha256(const void *bytes, size_t count, char text[LW_SHA256_TEXT_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_bytes = 0;
    text[0] = '\0';
    if (!EVP_Digest(bytes, count, digest, &digest_bytes, EVP_sha256(), NULL) || digest_bytes != 32)
        return lw_fail(LW_ERROR_UNSUPPORTED, "SHA-256: OpenSSL cannot compute it here");
    for (unsigned int i = 0; i < digest_bytes; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return LW_OK;
}
