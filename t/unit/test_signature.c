/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_signature.h"


#define SECRET    "tv_test_secret_0123456789"
#define STRIPE1   "whsec_stripe_0123456789abcdef"
#define STRIPE2   "whsec_another_0123456789abcde"
#define STANDARD  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

#define BODY                                                                  \
    "{\"id\":\"evt_1\",\"object\":\"event\","                                 \
    "\"type\":\"checkout.session.completed\"}"

#define NOW       1777712345
#define UNSET     4711

#define UPPER64   "A123456789abcdef0123456789abcdef"                          \
                  "0123456789abcdef0123456789abcdef"
#define HEX64     "0123456789abcdef0123456789abcdef"                          \
                  "0123456789abcdef0123456789abcdef"


static size_t  match;


static tavus_key_t *
key_create(const char *id, const char *secret, tavus_secret_form_t form)
{
    char         *id_copy, *secret_copy;
    const char   *error;
    tavus_key_t  *key;

    id_copy = test_copy(id, strlen(id));
    secret_copy = test_copy(secret, strlen(secret));

    error = NULL;
    key = tavus_key_create(id_copy, strlen(id), secret_copy, strlen(secret),
                           form, &error);

    assert_true((key == NULL) == (error != NULL));

    free(id_copy);
    free(secret_copy);

    return key;
}


static void
assert_hex(const uint8_t *mac, const char *expected)
{
    int   i;
    char  text[TAVUS_MAC_LEN * 2 + 1];

    for (i = 0; i < TAVUS_MAC_LEN; i++) {
        sprintf(text + i * 2, "%02x", mac[i]);
    }

    assert_string_equal(text, expected);
}


static void
test_key_refused(void **state)
{
    size_t  i;

    static const struct {
        const char           *id;
        const char           *secret;
        tavus_secret_form_t   form;
        int                   good;

    } cases[] = {
        { "a", "0123456789abcdef", TAVUS_SECRET_RAW, 1 },
        { "a", "0123456789abcde", TAVUS_SECRET_RAW, 0 },
        { "a", "", TAVUS_SECRET_RAW, 0 },
        { "AZaz09_-", "0123456789abcdef", TAVUS_SECRET_RAW, 1 },
        { "01234567890123456789012345678901", "0123456789abcdef",
          TAVUS_SECRET_RAW, 1 },
        { "012345678901234567890123456789012", "0123456789abcdef",
          TAVUS_SECRET_RAW, 0 },
        { "", "0123456789abcdef", TAVUS_SECRET_RAW, 0 },
        { "a.b", "0123456789abcdef", TAVUS_SECRET_RAW, 0 },
        { "a b", "0123456789abcdef", TAVUS_SECRET_RAW, 0 },
        { "a/b", "0123456789abcdef", TAVUS_SECRET_RAW, 0 },
        { "\xc3\xa9", "0123456789abcdef", TAVUS_SECRET_RAW, 0 },

        { "a", STANDARD, TAVUS_SECRET_STANDARD, 1 },
        { "a", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", TAVUS_SECRET_STANDARD, 1 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          TAVUS_SECRET_STANDARD, 1 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
          TAVUS_SECRET_STANDARD, 1 },

        /* 23, 64, 65 and 66 bytes */

        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
          TAVUS_SECRET_STANDARD, 1 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
          TAVUS_SECRET_STANDARD, 0 },

        /* not base64, or not as it is written */

        { "a", "", TAVUS_SECRET_STANDARD, 0 },
        { "a", "whsec_", TAVUS_SECRET_STANDARD, 0 },
        { "a", "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", " MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw   ",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\n\n\n",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-w", TAVUS_SECRET_STANDARD, 0 },
        { "a", "MfKQ9r8GKYqrTwjUPD8I=PZIo2LaLaSw", TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA===",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
          TAVUS_SECRET_STANDARD, 0 },
        { "a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA====",
          TAVUS_SECRET_STANDARD, 0 }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        tavus_key_t  *key;

        key = key_create(cases[i].id, cases[i].secret, cases[i].form);

        if ((key != NULL) != cases[i].good) {
            fail_msg("id \"%s\", secret \"%s\"", cases[i].id,
                     cases[i].secret);
        }

        if (key) {
            assert_string_equal(tavus_key_id(key), cases[i].id);
        }

        tavus_key_free(key);
    }
}


/* RFC 4231, test cases 1 (its key is 20 bytes) and 6, again and again. */

static void
test_mac_rfc4231(void **state)
{
    int           i;
    char          secret[131];
    uint8_t       mac[TAVUS_MAC_LEN];
    const char   *error;
    tavus_key_t  *one, *six;
    tavus_part_t  parts[4];

    memset(secret, 0x0b, 20);
    one = tavus_key_create("1", 1, secret, 20, TAVUS_SECRET_RAW, &error);
    assert_non_null(one);

    memset(secret, 0xaa, 131);
    six = tavus_key_create("6", 1, secret, 131, TAVUS_SECRET_RAW, &error);
    assert_non_null(six);

    for (i = 0; i < 5; i++) {
        parts[0].data = "Hi There";
        parts[0].len = 8;

        assert_int_equal(tavus_key_mac(one, TAVUS_USE_SENDER, parts, 1, mac),
                         0);
        assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b"
                        "881dc200c9833da726e9376c2e32cff7");

        /* in parts, one of them empty */

        parts[0].len = 3;
        parts[1].data = NULL;
        parts[1].len = 0;
        parts[2].data = "There";
        parts[2].len = 5;

        assert_int_equal(tavus_key_mac(one, TAVUS_USE_SENDER, parts, 3, mac),
                         0);
        assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b"
                        "881dc200c9833da726e9376c2e32cff7");

        parts[0].data = "Test Using Larger Than Block-Size Key - Hash Key "
                        "First";
        parts[0].len = 54;

        assert_int_equal(tavus_key_mac(six, TAVUS_USE_SENDER, parts, 1, mac),
                         0);
        assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f"
                        "8e0bc6213728c5140546040f0ee37f54");
    }

    tavus_key_free(one);
    tavus_key_free(six);
    tavus_key_free(NULL);
}


/*
 * The subkeys are HKDF's: openssl kdf -keylen 32 -kdfopt digest:SHA2-256
 * -kdfopt key:… -kdfopt info:"tavus end v1" HKDF, given as keys here.
 */

static void
test_subkeys(void **state)
{
    int           i, j;
    uint8_t       mac[TAVUS_USE_COUNT][TAVUS_MAC_LEN], own[TAVUS_MAC_LEN];
    const char   *error;
    tavus_key_t  *key, *sub;
    tavus_part_t  part = { "text", 4 };

    static const uint8_t  subkeys[][32] = {
        { 0 },
        { 0xe2, 0x58, 0x3c, 0x90, 0x5d, 0x1e, 0xff, 0xc5,
          0x37, 0xe3, 0xb8, 0x88, 0x6f, 0x9f, 0xc3, 0x42,
          0x93, 0x8a, 0x47, 0x85, 0x55, 0xfd, 0xef, 0x52,
          0x85, 0xb0, 0x06, 0xae, 0x69, 0x39, 0x42, 0x98 },
        { 0xf3, 0x28, 0xd7, 0xc6, 0x8d, 0xfb, 0x4d, 0xb0,
          0x92, 0x86, 0x1a, 0xbb, 0xc1, 0x63, 0x51, 0xc9,
          0x8b, 0xd6, 0x05, 0x06, 0xf2, 0xe5, 0x53, 0xdf,
          0xbd, 0xd1, 0xfb, 0x23, 0x2a, 0x86, 0xcd, 0x91 },
        { 0x93, 0xb1, 0xbb, 0x2e, 0x2e, 0x1a, 0x36, 0xad,
          0x20, 0xe9, 0x16, 0x88, 0x3e, 0x13, 0xa2, 0xfb,
          0xf9, 0xfb, 0x71, 0x21, 0xa3, 0xec, 0x2f, 0xb5,
          0x87, 0xa4, 0x33, 0x86, 0x84, 0x98, 0x4a, 0x7f },
        { 0x35, 0x8e, 0xa5, 0x0c, 0xf1, 0xd3, 0x49, 0x20,
          0xe0, 0x60, 0x0a, 0x95, 0x32, 0xa8, 0xb8, 0x3b,
          0xc7, 0xb3, 0x95, 0xa9, 0xde, 0x0a, 0x65, 0x31,
          0xe9, 0xd5, 0x7e, 0x27, 0x5f, 0xb8, 0x4c, 0x0d },
        { 0x9f, 0xe0, 0x99, 0x23, 0x80, 0xf5, 0x90, 0x59,
          0xe5, 0xe7, 0x68, 0x22, 0xab, 0x33, 0xe9, 0x25,
          0x75, 0x71, 0xdc, 0xb6, 0x06, 0x42, 0xc3, 0xaa,
          0xc8, 0x1e, 0x81, 0xa7, 0xf7, 0xac, 0x63, 0x07 },
        { 0xbf, 0xe9, 0x20, 0x6f, 0x4b, 0x18, 0xd4, 0xed,
          0x45, 0x26, 0x71, 0xe7, 0x9f, 0x39, 0x97, 0x92,
          0xf6, 0x2f, 0x1a, 0x19, 0x21, 0x61, 0xcc, 0x14,
          0x3a, 0xbb, 0x7c, 0x9e, 0xe1, 0x6f, 0x2b, 0x9b },
        { 0x42, 0x79, 0xec, 0x45, 0x85, 0x45, 0x4a, 0xc9,
          0xa8, 0x73, 0xda, 0x60, 0x25, 0xa5, 0xba, 0x47,
          0x1e, 0x0a, 0xf5, 0x09, 0x2b, 0x99, 0x3e, 0x29,
          0x10, 0x48, 0xab, 0x0a, 0x14, 0x75, 0xa0, 0x1e }
    };

    key = key_create("k1", SECRET, TAVUS_SECRET_RAW);
    assert_non_null(key);

    for (i = 0; i < TAVUS_USE_COUNT; i++) {
        assert_int_equal(tavus_key_mac(key, i, &part, 1, mac[i]), 0);

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(mac[i], mac[j], TAVUS_MAC_LEN);
        }

        if (i == TAVUS_USE_SENDER) {
            continue;
        }

        sub = tavus_key_create("s", 1, (const char *) subkeys[i], 32,
                               TAVUS_SECRET_RAW, &error);
        assert_non_null(sub);

        assert_int_equal(tavus_key_mac(sub, TAVUS_USE_SENDER, &part, 1, own),
                         0);
        assert_memory_equal(mac[i], own, TAVUS_MAC_LEN);

        tavus_key_free(sub);
    }

    tavus_key_free(key);
}


static tavus_verify_t
token_verify(tavus_key_t **keys, size_t n, const char *token, size_t len,
    int64_t now, uint8_t *nonce)
{
    char            *copy;
    tavus_verify_t   rc;

    match = UNSET;
    copy = test_copy(token, len);
    rc = tavus_token_verify(keys, n, copy, len, now, nonce, &match);
    free(copy);

    assert_true((rc == TAVUS_VERIFY_OK) == (match != UNSET));

    return rc;
}


static void
test_token(void **state)
{
    int           len;
    char          token[TAVUS_TOKEN_MAX + 1], c;
    size_t        i;
    uint8_t       nonce[TAVUS_NONCE_LEN], got[TAVUS_NONCE_LEN];
    tavus_key_t  *keys[3], *other[1];

    /* the MAC is openssl's, over all before it, with the callback subkey */

    static const char  expected[] =
        "k1.000102030405060708090a0b0c0d0e0f.1777712345."
        "6c7f99ebb035ce724c6f74eca8c98c303f2f6c833370b6186e2356d8467acc02";

    keys[0] = key_create("k2", "another_secret_0123456789", TAVUS_SECRET_RAW);
    keys[1] = key_create("k1", SECRET, TAVUS_SECRET_RAW);
    keys[2] = key_create("k1", "third_secret_01234567890", TAVUS_SECRET_RAW);
    other[0] = keys[0];

    for (i = 0; i < TAVUS_NONCE_LEN; i++) {
        nonce[i] = (uint8_t) i;
    }

    len = tavus_token_make(keys[1], nonce, NOW, token);
    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(token, expected, len);

    memset(got, 0xff, sizeof(got));
    assert_int_equal(token_verify(keys, 3, token, len, NOW, got),
                     TAVUS_VERIFY_OK);
    assert_int_equal(match, 1);
    assert_memory_equal(got, nonce, sizeof(nonce));

    assert_int_equal(token_verify(keys, 3, token, len, NOW + 1, got),
                     TAVUS_VERIFY_EXPIRED);
    assert_int_equal(token_verify(keys, 3, token, len, 0, got),
                     TAVUS_VERIFY_OK);
    assert_int_equal(token_verify(other, 1, token, len, NOW, got),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(token_verify(NULL, 0, token, len, NOW, got),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(token_verify(keys, 3, "", 0, NOW, got),
                     TAVUS_VERIFY_MISSING);

    /* two secrets may have one id; the wrong one alone does not do */

    assert_int_equal(token_verify(keys + 2, 1, token, len, NOW, got),
                     TAVUS_VERIFY_MISMATCH);

    /* no byte may change, none be added or missing */

    for (i = 0; i < (size_t) len; i++) {
        c = token[i];

        token[i] = (char) (c == '1' ? '2' : '1');
        assert_int_not_equal(token_verify(keys, 3, token, len, NOW, got),
                             TAVUS_VERIFY_OK);

        token[i] = (char) (c ^ 0x20);
        assert_int_not_equal(token_verify(keys, 3, token, len, NOW, got),
                             TAVUS_VERIFY_OK);

        token[i] = c;
        assert_int_not_equal(token_verify(keys, 3, token, i, NOW, got),
                             TAVUS_VERIFY_OK);
    }

    token[len] = '0';
    assert_int_equal(token_verify(keys, 3, token, len + 1, NOW, got),
                     TAVUS_VERIFY_MALFORMED);

    /* an expiry that passed matters only after the MAC */

    token[len - 1] ^= 1;
    assert_int_equal(token_verify(keys, 3, token, len, NOW + 1, got),
                     TAVUS_VERIFY_MISMATCH);

    /* the longest, and the ends of the numbers */

    tavus_key_free(keys[0]);
    keys[0] = key_create("01234567890123456789012345678901", SECRET,
                         TAVUS_SECRET_RAW);

    len = tavus_token_make(keys[0], nonce, INT64_MAX, token);
    assert_in_range(len, TAVUS_TOKEN_MAX - 1, TAVUS_TOKEN_MAX);
    assert_int_equal(token_verify(keys, 3, token, len, INT64_MAX, got),
                     TAVUS_VERIFY_OK);
    assert_int_equal(match, 0);

    len = tavus_token_make(keys[0], nonce, 0, token);
    assert_int_equal(token_verify(keys, 3, token, len, 0, got),
                     TAVUS_VERIFY_OK);
    assert_int_equal(tavus_token_make(keys[0], nonce, -1, token), -1);

    for (i = 0; i < 3; i++) {
        tavus_key_free(keys[i]);
    }
}


static void
test_token_malformed(void **state)
{
    size_t        i;
    uint8_t       nonce[TAVUS_NONCE_LEN];
    tavus_key_t  *key;

    static const char *const  bad[] = {
        ".", "k1", "k1.", "k1..", "k1...", HEX64,
        "k1." HEX64,
        ".0123456789abcdef0123456789abcdef.1." HEX64,
        "k 1.0123456789abcdef0123456789abcdef.1." HEX64,
        "k1.0123456789abcdef0123456789abcde.1." HEX64,
        "k1.0123456789abcdef0123456789abcdef0.1." HEX64,
        "k1.0123456789abcdef0123456789abcdeg.1." HEX64,
        "k1.0123456789abcdef0123456789abcdeF.1." HEX64,
        "k1.0123456789abcdef0123456789abcdef.." HEX64,
        "k1.0123456789abcdef0123456789abcdef." HEX64,
        "k1.0123456789abcdef0123456789abcdef.-1." HEX64,
        "k1.0123456789abcdef0123456789abcdef.+1." HEX64,
        "k1.0123456789abcdef0123456789abcdef. 1." HEX64,
        "k1.0123456789abcdef0123456789abcdef.1e9." HEX64,
        "k1.0123456789abcdef0123456789abcdef.9223372036854775808." HEX64,
        "k1.0123456789abcdef0123456789abcdef.18446744073709551617." HEX64,
        "k1.0123456789abcdef0123456789abcdef.1.2." HEX64,
        "k1.0123456789abcdef0123456789abcdef.1.0" HEX64,
        "k1.0123456789abcdef0123456789abcdef.1.z" HEX64,
        "k1.0123456789abcdef0123456789abcdef.1." UPPER64
    };

    key = key_create("k1", SECRET, TAVUS_SECRET_RAW);

    for (i = 0; i < TEST_COUNT(bad); i++) {
        assert_int_equal(token_verify(&key, 1, bad[i], strlen(bad[i]), 0,
                                      nonce),
                         TAVUS_VERIFY_MALFORMED);
    }

    assert_int_equal(token_verify(&key, 1,
                         "k1.0123456789abcdef0123456789abcdef.1." HEX64,
                         3 + 32 + 1 + 2 + 64, 0, nonce),
                     TAVUS_VERIFY_MISMATCH);

    tavus_key_free(key);
}


static tavus_verify_t
ticket_verify(tavus_key_t **keys, size_t n, tavus_use_t use,
    const char *text, const char *ticket, size_t len)
{
    char            *copy;
    tavus_verify_t   rc;

    match = UNSET;
    copy = test_copy(ticket, len);
    rc = tavus_ticket_verify(keys, n, use, text, strlen(text), copy, len,
                             &match);
    free(copy);

    assert_true((rc == TAVUS_VERIFY_OK) == (match != UNSET));

    return rc;
}


static void
test_ticket(void **state)
{
    int           len;
    char          ticket[TAVUS_TICKET_MAX + 1], c;
    size_t        i;
    tavus_key_t  *keys[2];

    static const char  text[] = "c55aa11bb22";

    static const char  expected[] =
        "k1."
        "87ef07f675ab137a31f4d7cd508db0acbc4e16236c41400a9b1026868e89c2a9";

    keys[0] = key_create("k2", "another_secret_0123456789", TAVUS_SECRET_RAW);
    keys[1] = key_create("k1", SECRET, TAVUS_SECRET_RAW);

    len = tavus_ticket_make(keys[1], TAVUS_USE_END, text, strlen(text),
                            ticket);
    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(ticket, expected, len);

    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_END, text, ticket, len),
                     TAVUS_VERIFY_OK);
    assert_int_equal(match, 1);

    /* of no other use, text or key */

    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_VISITOR, text, ticket,
                                   len), TAVUS_VERIFY_MISMATCH);
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_RELAY, text, ticket,
                                   len), TAVUS_VERIFY_MISMATCH);
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_END, "c55aa11bb2",
                                   ticket, len), TAVUS_VERIFY_MISMATCH);
    assert_int_equal(ticket_verify(keys, 1, TAVUS_USE_END, text, ticket, len),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(ticket_verify(NULL, 0, TAVUS_USE_END, text, ticket, len),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_END, text, "", 0),
                     TAVUS_VERIFY_MISSING);

    ticket[1] = '2';
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_END, text, ticket, len),
                     TAVUS_VERIFY_MISMATCH);
    ticket[1] = '1';

    for (i = 0; i < (size_t) len; i++) {
        c = ticket[i];
        ticket[i] = (char) (c == '1' ? '2' : '1');

        assert_int_not_equal(ticket_verify(keys, 2, TAVUS_USE_END, text,
                                           ticket, len), TAVUS_VERIFY_OK);
        ticket[i] = c;
        assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_END, text, ticket,
                                       i),
                         i ? TAVUS_VERIFY_MALFORMED : TAVUS_VERIFY_MISSING);
    }

    /* what others sign must never come out of here */

    assert_int_equal(tavus_ticket_make(keys[1], TAVUS_USE_SENDER, text, 3,
                                       ticket), -1);
    assert_int_equal(tavus_ticket_make(keys[1], TAVUS_USE_CALLBACK, text, 3,
                                       ticket), -1);
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_SENDER, text, ticket,
                                   len), TAVUS_VERIFY_ERROR);

    tavus_key_free(keys[0]);
    keys[0] = key_create("01234567890123456789012345678901", SECRET,
                         TAVUS_SECRET_RAW);
    len = tavus_ticket_make(keys[0], TAVUS_USE_RELAY, "", 0, ticket);
    assert_int_equal(len, TAVUS_TICKET_MAX);
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_RELAY, "", ticket, len),
                     TAVUS_VERIFY_OK);

    ticket[len] = '0';
    assert_int_equal(ticket_verify(keys, 2, TAVUS_USE_RELAY, "", ticket,
                                   len + 1), TAVUS_VERIFY_MALFORMED);

    tavus_key_free(keys[0]);
    tavus_key_free(keys[1]);
}


static tavus_verify_t
signature_verify(tavus_key_t **keys, size_t n, const char *value,
    const char *body)
{
    char            *copy;
    tavus_part_t     parts[2];
    tavus_verify_t   rc;

    parts[0].data = body;
    parts[0].len = strlen(body) / 2;
    parts[1].data = body + parts[0].len;
    parts[1].len = strlen(body) - parts[0].len;

    match = UNSET;
    copy = test_copy(value, strlen(value));
    rc = tavus_signature_verify(keys, n, copy, strlen(value), parts, 2,
                                &match);
    free(copy);

    assert_true((rc == TAVUS_VERIFY_OK) == (match != UNSET));

    return rc;
}


static void
test_signature(void **state)
{
    char          changed[65];
    size_t        i;
    tavus_key_t  *keys[2];

#define GOOD  "8099a8586b2927c7cf8d74b025e771eb"                              \
              "6bf4d587c6b0fe2b81d449b575f203fb"

    static const char *const  bad[] = {
        "sha256=", "sha256", "sha256 =" GOOD, "SHA256=" GOOD,
        "sha256=sha256=" GOOD, "sha1=" GOOD, "sha512=" GOOD, GOOD "0",
        "0" GOOD, " " GOOD, GOOD " ", "sha256= " GOOD, "0x" GOOD,
        GOOD "," GOOD, "8099",
        "g099a8586b2927c7cf8d74b025e771eb6bf4d587c6b0fe2b81d449b575f203fb",
        "8099a8586b2927c7cf8d74b025e771eb6bf4d587c6b0fe2b81d449b575f203f",
        "gJmoWGspJ8fPjXSwJedx62v01YfGsP4rgdRJtXXyA/s="
    };

    keys[0] = key_create("k2", "another_secret_0123456789", TAVUS_SECRET_RAW);
    keys[1] = key_create("k1", SECRET, TAVUS_SECRET_RAW);

    assert_int_equal(signature_verify(keys, 2, GOOD, BODY), TAVUS_VERIFY_OK);
    assert_int_equal(match, 1);
    assert_int_equal(signature_verify(keys, 2, "sha256=" GOOD, BODY),
                     TAVUS_VERIFY_OK);
    assert_int_equal(signature_verify(keys, 2,
                         "8099A8586B2927C7CF8D74B025E771EB"
                         "6bf4d587c6B0FE2B81D449B575F203FB", BODY),
                     TAVUS_VERIFY_OK);

    assert_int_equal(signature_verify(keys, 1, GOOD, BODY),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(signature_verify(keys, 0, GOOD, BODY),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(signature_verify(keys, 2, GOOD, BODY " "),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(signature_verify(keys, 2, GOOD, ""),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(signature_verify(keys, 2, "", BODY),
                     TAVUS_VERIFY_MISSING);

    for (i = 0; i < TEST_COUNT(bad); i++) {
        assert_int_equal(signature_verify(keys, 2, bad[i], BODY),
                         TAVUS_VERIFY_MALFORMED);
    }

    for (i = 0; i < 64; i++) {
        strcpy(changed, GOOD);
        changed[i] = changed[i] == '7' ? '8' : '7';
        assert_int_equal(signature_verify(keys, 2, changed, BODY),
                         TAVUS_VERIFY_MISMATCH);
    }

    tavus_key_free(keys[0]);
    tavus_key_free(keys[1]);

#undef GOOD
}


static void
test_cut(void **state)
{
    char                 *copy, joined[256], value[80];
    size_t                i, len;
    tavus_key_t          *key;
    tavus_part_t          parts[2];
    tavus_json_member_t   m = { .name = "signature" };

    static const struct {
        const char  *body;
        const char  *rest;

    } cases[] = {
        { "{\"signature\":\"x\",\"a\":1}", "{\"a\":1}" },
        { "{\"a\":1,\"signature\":\"x\",\"b\":2}", "{\"a\":1,\"b\":2}" },
        { "{\"a\":1,\"signature\":\"x\"}", "{\"a\":1}" },
        { "{\"signature\":\"x\"}", "{}" },
        { " { \"signature\" : \"x\" } ", " {  } " },
        { "{ \"signature\" : \"x\" , \"a\" : 1 }", "{  \"a\" : 1 }" },
        { "{ \"a\" : 1 , \"signature\" : \"x\" }\n", "{ \"a\" : 1  }\n" },
        { "{\n  \"a\": 1,\n  \"signature\": \"x\"\n}", "{\n  \"a\": 1\n}" },
        { "{\"a\":{\"signature\":1},\"\\u0073ignature\":{\"b\":[1,2]}}",
          "{\"a\":{\"signature\":1}}" },
        { "{\"a\":\"signature\"}", "{\"a\":\"signature\"}" },
        { "[1]", "[1]" },
        { "{\"a\":\",\",\"signature\":\"},{\"}", "{\"a\":\",\"}" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        len = strlen(cases[i].body);
        copy = test_copy(cases[i].body, len);

        assert_int_equal(tavus_json_check(copy, len, &m, 1, NULL),
                         TAVUS_JSON_OK);
        tavus_signature_cut(copy, len, &m, parts);

        memcpy(joined, parts[0].data, parts[0].len);
        memcpy(joined + parts[0].len, parts[1].data, parts[1].len);
        joined[parts[0].len + parts[1].len] = '\0';

        assert_string_equal(joined, cases[i].rest);

        free(copy);
    }

    /* and all of it: the MAC is openssl's over the body without it */

    static const char  body[] =
        "{\"event_type\":\"system.shutdown\",\"signature\":\"sha256="
        "240d818c44d815f93bf2c3cb583be581da1542862665bf72a2a65833b33192af"
        "\",\"conversation_id\":\"c1\"}";

    key = key_create("k1", SECRET, TAVUS_SECRET_RAW);

    assert_int_equal(tavus_json_check(body, sizeof(body) - 1, &m, 1, NULL),
                     TAVUS_JSON_OK);
    tavus_signature_cut(body, sizeof(body) - 1, &m, parts);
    len = tavus_json_string(body, &m, value, sizeof(value));

    assert_int_equal(tavus_signature_verify(&key, 1, value, len, parts, 2,
                                            &match), TAVUS_VERIFY_OK);

    tavus_key_free(key);
}


static tavus_verify_t
stripe_verify(tavus_key_t **keys, size_t n, const char *value,
    int64_t now, int64_t tolerance)
{
    char            *copy;
    tavus_verify_t   rc;

    match = UNSET;
    copy = test_copy(value, strlen(value));
    rc = tavus_stripe_verify(keys, n, copy, strlen(value), BODY,
                             sizeof(BODY) - 1, now, tolerance, &match);
    free(copy);

    assert_true((rc == TAVUS_VERIFY_OK) == (match != UNSET));

    return rc;
}


static void
test_stripe(void **state)
{
    char          many[2048], *p;
    size_t        i;
    tavus_key_t  *keys[2];

    /* openssl dgst -sha256 -mac HMAC -macopt key:whsec_… over "t.body" */

#define ONE   "3e25d0a9296747742284f653b0056103"                              \
              "05493478f77627e2faf58fe824313bc0"
#define UPPER "3E25D0A9296747742284F653B0056103"                              \
              "05493478F77627E2FAF58FE824313BC0"
#define TWO   "677debdc8001068d29e6d274e4eeeb1a"                              \
              "c2f92829786091e6e5826342fcb51feb"

    static const char *const  good[] = {
        "t=1777712345,v1=" ONE,
        "v1=" ONE ",t=1777712345",
        "t=1777712345,v1=" HEX64 ",v1=" ONE,
        "t=1777712345,v1=" TWO ",v1=" ONE ",v0=" HEX64,
        "t=1777712345,v0=" HEX64 ",v1=" ONE ",v2=new",
        "t=1777712345,v1=short,v1=" ONE,
        "t=1777712345,v1=" ONE ",",
        "t=1777712345,scheme,v1=" ONE
    };

    static const char *const  bad[] = {
        "t=1777712345", "v1=" ONE, "t=,v1=" ONE, "t=a,v1=" ONE,
        "t=-1777712345,v1=" ONE, "t=+1777712345,v1=" ONE,
        "t= 1777712345,v1=" ONE, "t=1777712345 ,v1=" ONE,
        "t=1777712345.0,v1=" ONE, "t=0x69f5,v1=" ONE,
        "t=1777712345,t=1777712345,v1=" ONE,
        "t=9223372036854775808,v1=" ONE,
        "t=18446744075487264,t=1,v1=" ONE,
        "t=36893488149196815961,v1=" ONE,
        "t=1777712345,v0=" ONE, "t=1777712345,v1=", "t=1777712345,v1",
        "t=1777712345;v1=" ONE, "t=1777712345,V1=" ONE,
        "t=1777712345, v1=" ONE, "t=1777712345,v1= " ONE,
        "t=1777712345,v1=" ONE "0", "t=1777712345,v1=" ONE " ",
        "t=1777712345,v1=" UPPER,
        ",", "=", "garbage"
    };

    keys[0] = key_create("s2", STRIPE2, TAVUS_SECRET_RAW);
    keys[1] = key_create("s1", STRIPE1, TAVUS_SECRET_RAW);

    for (i = 0; i < TEST_COUNT(good); i++) {
        assert_int_equal(stripe_verify(keys + 1, 1, good[i], NOW, 300),
                         TAVUS_VERIFY_OK);
    }

    for (i = 0; i < TEST_COUNT(bad); i++) {
        if (stripe_verify(keys, 2, bad[i], NOW, 300)
            != TAVUS_VERIFY_MALFORMED)
        {
            fail_msg("%s", bad[i]);
        }
    }

    assert_int_equal(stripe_verify(keys, 2, "t=1777712345,v1=" ONE, NOW, 300),
                     TAVUS_VERIFY_OK);
    assert_int_equal(match, 1);
    assert_int_equal(stripe_verify(keys, 2, "t=1777712345,v1=" TWO, NOW, 300),
                     TAVUS_VERIFY_OK);
    assert_int_equal(match, 0);

    assert_int_equal(stripe_verify(keys, 1, "t=1777712345,v1=" ONE, NOW, 300),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(stripe_verify(keys, 0, "t=1777712345,v1=" ONE, NOW, 300),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(stripe_verify(keys, 2, "", NOW, 300),
                     TAVUS_VERIFY_MISSING);
    assert_int_equal(stripe_verify(keys, 2, "t=1777712346,v1=" ONE, NOW, 300),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(stripe_verify(keys, 2, "t=01777712345,v1=" ONE, NOW,
                                   300), TAVUS_VERIFY_MISMATCH);

    /* the time counts both ways, and only for what is signed */

    for (i = 0; i < 2; i++) {
        int64_t  sign = i ? -1 : 1;

        assert_int_equal(stripe_verify(keys, 2, good[0], NOW + sign * 300,
                                       300), TAVUS_VERIFY_OK);
        assert_int_equal(stripe_verify(keys, 2, good[0], NOW + sign * 301,
                                       300), TAVUS_VERIFY_EXPIRED);
        assert_int_equal(stripe_verify(keys, 2, "t=1777712345,v1=" HEX64,
                                       NOW + sign * 301, 300),
                         TAVUS_VERIFY_MISMATCH);
    }

    assert_int_equal(stripe_verify(keys, 2, good[0], INT64_MIN, INT64_MAX),
                     TAVUS_VERIFY_EXPIRED);
    assert_int_equal(stripe_verify(keys, 2, good[0], NOW, -1),
                     TAVUS_VERIFY_EXPIRED);
    assert_int_equal(stripe_verify(keys, 2, good[0], NOW, 0),
                     TAVUS_VERIFY_OK);

    for (i = 16; i < strlen(good[0]); i++) {
        strcpy(many, good[0]);
        many[i] = many[i] == '7' ? '8' : '7';
        assert_int_equal(stripe_verify(keys, 2, many, NOW, 300),
                         TAVUS_VERIFY_MISMATCH);
    }

    /* the sixteenth is looked at, the seventeenth is not */

    p = many + sprintf(many, "t=1777712345");

    for (i = 0; i < 15; i++) {
        p += sprintf(p, ",v1=%s", HEX64);
    }

    strcpy(p, ",v1=" ONE);
    assert_int_equal(stripe_verify(keys, 2, many, NOW, 300), TAVUS_VERIFY_OK);

    p += sprintf(p, ",v1=%s", HEX64);
    strcpy(p, ",v1=" ONE);
    assert_int_equal(stripe_verify(keys, 2, many, NOW, 300),
                     TAVUS_VERIFY_MISMATCH);

    tavus_key_free(keys[0]);
    tavus_key_free(keys[1]);

#undef ONE
#undef UPPER
#undef TWO
}


static tavus_verify_t
standard_verify(tavus_key_t **keys, size_t n, const char *id,
    const char *timestamp, const char *signature, const char *body,
    int64_t now)
{
    char            *i, *t, *s, *b;
    tavus_verify_t   rc;

    match = UNSET;

    i = test_copy(id, strlen(id));
    t = test_copy(timestamp, strlen(timestamp));
    s = test_copy(signature, strlen(signature));
    b = test_copy(body, strlen(body));

    rc = tavus_standard_verify(keys, n, i, strlen(id), t, strlen(timestamp),
                               s, strlen(signature), b, strlen(body), now,
                               300, &match);

    free(i);
    free(t);
    free(s);
    free(b);

    assert_true((rc == TAVUS_VERIFY_OK) == (match != UNSET));

    return rc;
}


static void
test_standard(void **state)
{
    char          many[2048], *p;
    size_t        i;
    tavus_key_t  *keys[2];

    /* the vector of the reference libraries; openssl dgst agrees */

    static const char  id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    static const char  time[] = "1614265330";
    static const char  payload[] = "{\"test\": 2432232314}";

#define MAC    "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define T      1614265330

    static const char *const  good[] = {
        "v1," MAC, "v1," OTHER " v1," MAC, "v1a,abc v1," MAC " v2,def",
        "v1," MAC " ", "  v1," MAC, "v1 v1, v1," MAC
    };

    static const char *const  bad[] = {
        "v1", "v1,", MAC, "v1=" MAC, "V1," MAC, "v1a," MAC, "v1," MAC "=",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", "v1, " MAC,
        "v1," MAC ",v1," MAC, "v1," MAC "\t", "v2," MAC, " "
    };

    static const char *const  bad_times[] = {
        "a", "-1614265330", "+1614265330", " 1614265330", "1614265330 ",
        "1614265330.0", "9223372036854775808", "20060922017323881330"
    };

    keys[0] = key_create("w2",
                         "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                         TAVUS_SECRET_STANDARD);
    keys[1] = key_create("w1", STANDARD, TAVUS_SECRET_STANDARD);
    assert_non_null(keys[0]);
    assert_non_null(keys[1]);

    for (i = 0; i < TEST_COUNT(good); i++) {
        assert_int_equal(standard_verify(keys, 2, id, time, good[i], payload,
                                         T), TAVUS_VERIFY_OK);
        assert_int_equal(match, 1);
    }

    for (i = 0; i < TEST_COUNT(bad); i++) {
        if (standard_verify(keys, 2, id, time, bad[i], payload, T)
            != TAVUS_VERIFY_MALFORMED)
        {
            fail_msg("%s", bad[i]);
        }
    }

    for (i = 0; i < TEST_COUNT(bad_times); i++) {
        assert_int_equal(standard_verify(keys, 2, id, bad_times[i], good[0],
                                         payload, T), TAVUS_VERIFY_MALFORMED);
    }

    /* openssl's, with a key of 32 zeros */

    assert_int_equal(standard_verify(keys, 2, "msg_1", "1777712345",
                         "v1,pAHeqoGodCbTOjCueR3LgotUoPy7hDaXX5jATBrE3IU=",
                         "{}", NOW), TAVUS_VERIFY_OK);
    assert_int_equal(match, 0);

    assert_int_equal(standard_verify(keys, 1, id, time, good[0], payload, T),
                     TAVUS_VERIFY_MISMATCH);
    assert_int_equal(standard_verify(keys, 0, id, time, good[0], payload, T),
                     TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(standard_verify(keys, 2, "msg_2", time, good[0],
                                     payload, T), TAVUS_VERIFY_MISMATCH);
    assert_int_equal(standard_verify(keys, 2, id, "1614265331", good[0],
                                     payload, T), TAVUS_VERIFY_MISMATCH);
    assert_int_equal(standard_verify(keys, 2, id, time, good[0],
                                     "{\"test\":2432232314}", T),
                     TAVUS_VERIFY_MISMATCH);

    assert_int_equal(standard_verify(keys, 2, "", time, good[0], payload, T),
                     TAVUS_VERIFY_MISSING);
    assert_int_equal(standard_verify(keys, 2, id, "", good[0], payload, T),
                     TAVUS_VERIFY_MISSING);
    assert_int_equal(standard_verify(keys, 2, id, time, "", payload, T),
                     TAVUS_VERIFY_MISSING);

    /* the dots of the signed text must not be movable */

    assert_int_equal(standard_verify(keys, 2, "msg_p5jXN8AQM9LWM0D4loKWxJek"
                                     ".1614265330", "1", good[0], payload, T),
                     TAVUS_VERIFY_MALFORMED);

    assert_int_equal(standard_verify(keys, 2, id, time, good[0], payload,
                                     T + 300), TAVUS_VERIFY_OK);
    assert_int_equal(standard_verify(keys, 2, id, time, good[0], payload,
                                     T - 300), TAVUS_VERIFY_OK);
    assert_int_equal(standard_verify(keys, 2, id, time, good[0], payload,
                                     T + 301), TAVUS_VERIFY_EXPIRED);
    assert_int_equal(standard_verify(keys, 2, id, time, good[0], payload,
                                     T - 301), TAVUS_VERIFY_EXPIRED);
    assert_int_equal(standard_verify(keys, 2, id, time, "v1," OTHER, payload,
                                     T - 301), TAVUS_VERIFY_MISMATCH);

    for (i = 3; i < strlen(good[0]); i++) {
        strcpy(many, good[0]);
        many[i] = many[i] == 'x' ? 'y' : 'x';
        assert_int_equal(standard_verify(keys, 2, id, time, many, payload, T),
                         TAVUS_VERIFY_MISMATCH);
    }

    p = many;

    for (i = 0; i < 15; i++) {
        p += sprintf(p, "v1,%s ", OTHER);
    }

    strcpy(p, "v1," MAC);
    assert_int_equal(standard_verify(keys, 2, id, time, many, payload, T),
                     TAVUS_VERIFY_OK);

    p += sprintf(p, "v1,%s ", OTHER);
    strcpy(p, "v1," MAC);
    assert_int_equal(standard_verify(keys, 2, id, time, many, payload, T),
                     TAVUS_VERIFY_MISMATCH);

    tavus_key_free(keys[0]);
    tavus_key_free(keys[1]);

#undef MAC
#undef OTHER
#undef T
}


static void
test_standard_sign(void **state)
{
    int           n;
    char          dst[16 * TAVUS_STANDARD_SIGNATURE + 1];
    size_t        i, j;
    tavus_key_t  *keys[17];

    static const char  id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    static const char  payload[] = "{\"test\": 2432232314}";

    static const struct {
        const char  *id;
        const char  *time;
    } bad[] = {
        { "", "1614265330" }, { "a.b", "1614265330" }, { "a", "" },
        { "a", "1614265330.0" }, { "a", "-1" }
    };

    keys[0] = key_create("w1", STANDARD, TAVUS_SECRET_STANDARD);
    assert_non_null(keys[0]);

    /* the vector of the reference libraries */

    n = tavus_standard_sign(keys, 1, id, sizeof(id) - 1, "1614265330", 10,
                            payload, sizeof(payload) - 1, dst);
    assert_int_equal(n, 47);
    assert_memory_equal(dst,
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                        47);

    /* a secret is rolled: openssl's, with a key of 32 zeros, comes first */

    keys[1] = keys[0];
    keys[0] = key_create("w2",
                         "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                         TAVUS_SECRET_STANDARD);
    assert_non_null(keys[0]);

    n = tavus_standard_sign(keys, 2, "msg_1", 5, "1777712345", 10, "{}", 2,
                            dst);
    assert_int_equal(n, 2 * TAVUS_STANDARD_SIGNATURE - 1);
    assert_memory_equal(dst, "v1,pAHeqoGodCbTOjCueR3LgotUoPy7hDaXX5jATBrE3IU="
                             " v1,", 51);

    /* either key is enough for who receives it */

    for (i = 0; i < 2; i++) {
        match = UNSET;
        assert_int_equal(tavus_standard_verify(&keys[i], 1, "msg_1", 5,
                                               "1777712345", 10, dst, n, "{}",
                                               2, NOW, 0, &match),
                         TAVUS_VERIFY_OK);
        assert_int_equal(match, 0);
    }

    for (i = 2; i < 17; i++) {
        keys[i] = keys[1];
    }

    assert_int_equal(tavus_standard_sign(keys, 16, "a", 1, "1", 1, "", 0,
                                         dst),
                     16 * TAVUS_STANDARD_SIGNATURE - 1);
    assert_int_equal(tavus_standard_sign(keys, 17, "a", 1, "1", 1, "", 0,
                                         dst), -1);
    assert_int_equal(tavus_standard_sign(keys, 0, "a", 1, "1", 1, "", 0,
                                         dst), -1);

    for (j = 0; j < TEST_COUNT(bad); j++) {
        assert_int_equal(tavus_standard_sign(keys, 1, bad[j].id,
                                             strlen(bad[j].id), bad[j].time,
                                             strlen(bad[j].time), "{}", 2,
                                             dst), -1);
    }

    tavus_key_free(keys[0]);
    tavus_key_free(keys[1]);
}


static void
test_reasons(void **state)
{
    int          i, j;
    const char  *reason;

    for (i = TAVUS_VERIFY_OK; i <= TAVUS_VERIFY_ERROR; i++) {
        reason = tavus_verify_reason(i);
        assert_int_equal(strspn(reason, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(reason));
        assert_string_not_equal(reason, "unknown");

        for (j = 0; j < i; j++) {
            assert_string_not_equal(reason, tavus_verify_reason(j));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_key_refused),
        cmocka_unit_test(test_mac_rfc4231),
        cmocka_unit_test(test_subkeys),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_token_malformed),
        cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_stripe),
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_standard_sign),
        cmocka_unit_test(test_reasons)
    };

    return test_run(tests);
}
