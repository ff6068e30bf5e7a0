/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_siphash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>


/* the example of the paper, appendix A */

static void
test_paper(void **state)
{
    size_t   i;
    uint8_t  key[TAVUS_SIPHASH_KEY_LEN], text[15];

    for (i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t) i;
    }

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t) i;
    }

    assert_true(tavus_siphash(key, text, sizeof(text)) == 0xa129ca6149be45e5);
    assert_true(tavus_siphash(key, text, 0) == 0x726fdb47dd0e0e31);
}


/* another implementation, over all remainders of eight bytes and more */

static void
test_openssl(void **state)
{
    size_t        i, len, size;
    uint8_t       key[TAVUS_SIPHASH_KEY_LEN], text[300], mac[8];
    EVP_MAC      *siphash;
    uint64_t      n;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    size = sizeof(mac);

    params[0] = OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size);
    params[1] = OSSL_PARAM_construct_end();

    siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(siphash);

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t) (i * 167 + 13);
    }

    for (i = 0; i <= sizeof(text) - 8; i++) {
        memcpy(key, text + i % 200, sizeof(key));

        ctx = EVP_MAC_CTX_new(siphash);

        assert_int_equal(EVP_MAC_init(ctx, key, sizeof(key), params), 1);
        assert_int_equal(EVP_MAC_update(ctx, text + i % 8, i), 1);
        assert_int_equal(EVP_MAC_final(ctx, mac, &len, sizeof(mac)), 1);
        assert_int_equal(len, sizeof(mac));

        EVP_MAC_CTX_free(ctx);

        for (n = 0, len = sizeof(mac); len--; /* void */ ) {
            n = n << 8 | mac[len];
        }

        assert_true(tavus_siphash(key, text + i % 8, i) == n);
    }

    EVP_MAC_free(siphash);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_openssl)
    };

    return test_run(tests);
}
