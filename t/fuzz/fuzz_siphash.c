/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* SipHash-2-4 against OpenSSL's. */

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "tavus_siphash.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *text;
    size_t        i, len;
    uint8_t       key[TAVUS_SIPHASH_KEY_LEN], out[8];
    uint64_t      expected;
    unsigned      bytes;
    EVP_MAC_CTX  *ctx;
    OSSL_PARAM    params[2];

    static EVP_MAC  *mac;

    if (mac == NULL) {
        mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
        fuzz_assert(mac != NULL);
    }

    len = size < sizeof(key) ? size : sizeof(key);
    memset(key, 0, sizeof(key));
    memcpy(key, data, len);

    size -= len;
    text = fuzz_copy(data + len, size);

    bytes = sizeof(out);
    params[0] = OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &bytes);
    params[1] = OSSL_PARAM_construct_end();

    ctx = EVP_MAC_CTX_new(mac);
    fuzz_assert(ctx != NULL
                && EVP_MAC_init(ctx, key, sizeof(key), params) == 1
                && EVP_MAC_update(ctx, (uint8_t *) text, size) == 1
                && EVP_MAC_final(ctx, out, &len, sizeof(out)) == 1
                && len == sizeof(out));
    EVP_MAC_CTX_free(ctx);

    expected = 0;

    for (i = sizeof(out); i > 0; i--) {
        expected = expected << 8 | out[i - 1];
    }

    fuzz_assert(tavus_siphash(key, text, size) == expected);

    free(text);

    return 0;
}
