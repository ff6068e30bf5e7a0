/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Fields are divided by line feeds.  In a signature the byte 1 stands for the
 * right one in hex, 2 in upper case, 3 in base64; so good ones are met too.
 */

#include <strings.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fuzz.h"
#include "tavus_signature.h"


#define FUZZ_NOW     1000000000
#define FUZZ_SECRET  "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define FUZZ_RAW     "01234567890123456789012345678901"


static void fuzz_mac(const void *text, size_t len, char *hex, char *upper,
    char *base64);
static char *fuzz_expand(const char *text, size_t len, const char *signed_text,
    size_t signed_len, size_t *size);
static int fuzz_has(const char *text, size_t len, const char *part,
    size_t n);
static void fuzz_header(const uint8_t *data, size_t size);
static void fuzz_stripe(const uint8_t *data, size_t size);
static void fuzz_standard(const uint8_t *data, size_t size);
static void fuzz_token(const uint8_t *data, size_t size);
static void fuzz_ticket(const uint8_t *data, size_t size);
static void fuzz_secret(const uint8_t *data, size_t size);


static tavus_key_t  *fuzz_keys[2];


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *error;

    static void (*fuzz[])(const uint8_t *, size_t) = {
        fuzz_header, fuzz_stripe, fuzz_standard, fuzz_token, fuzz_ticket,
        fuzz_secret
    };

    if (fuzz_keys[0] == NULL) {
        fuzz_keys[0] = tavus_key_create("k2", 2, "another secret entirely",
                                        23, TAVUS_SECRET_RAW, &error);
        fuzz_keys[1] = tavus_key_create("k1", 2, FUZZ_SECRET,
                                        sizeof(FUZZ_SECRET) - 1,
                                        TAVUS_SECRET_STANDARD, &error);
        fuzz_assert(fuzz_keys[0] && fuzz_keys[1]);
    }

    if (size > 0 && size < 4096) {
        fuzz[data[0] % FUZZ_COUNT(fuzz)](data + 1, size - 1);
    }

    return 0;
}


static void
fuzz_header(const uint8_t *data, size_t size)
{
    char            *raw, *value, *body, *digits, hex[65], up[65], b64[65];
    long             n;
    size_t           raw_len, len, match;
    uint8_t         *model;
    tavus_part_t     part;
    tavus_verify_t   rc;

    raw = fuzz_take(&data, &size, '\n', &raw_len);
    body = fuzz_copy(data, size);
    value = fuzz_expand(raw, raw_len, body, size, &len);

    part.data = body;
    part.len = size;

    rc = tavus_signature_verify(fuzz_keys, 2, value, len, &part, 1, &match);

    digits = malloc(len + 1);
    fuzz_assert(digits != NULL);
    memcpy(digits, value, len);
    digits[len] = '\0';

    if (len > 7 && strncmp(digits, "sha256=", 7) == 0) {
        memmove(digits, digits + 7, len - 6);
        len -= 7;
    }

    /* OpenSSL's reader passes over colons */

    model = strlen(digits) == len && len == 64 && strchr(digits, ':') == NULL
            ? OPENSSL_hexstr2buf(digits, &n) : NULL;

    fuzz_assert((rc == TAVUS_VERIFY_OK || rc == TAVUS_VERIFY_MISMATCH)
                == (model != NULL));

    if (model) {
        fuzz_mac(body, size, hex, up, b64);
        fuzz_assert((rc == TAVUS_VERIFY_OK)
                    == (strcasecmp(digits, hex) == 0));
        fuzz_assert(rc != TAVUS_VERIFY_OK || match == 1);
    }

    OPENSSL_free(model);
    free(digits);
    free(value);
    free(body);
    free(raw);
}


static void
fuzz_stripe(const uint8_t *data, size_t size)
{
    char            *raw, *value, *text, *body, *again;
    size_t           raw_len, len, match;
    tavus_verify_t   rc, late;

    static const char  head[] = "1000000000.";

    raw = fuzz_take(&data, &size, '\n', &raw_len);
    body = fuzz_copy(data, size);

    text = malloc(size + sizeof(head));
    fuzz_assert(text != NULL);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + sizeof(head) - 1, body, size);

    again = fuzz_expand("\1", 1, text, size + sizeof(head) - 1, &len);

    value = fuzz_expand(raw, raw_len, text, size + sizeof(head) - 1, &len);

    rc = tavus_stripe_verify(fuzz_keys, 2, value, len, body, size, FUZZ_NOW,
                             300, &match);

    if (rc == TAVUS_VERIFY_OK) {
        fuzz_assert(match == 1);
        fuzz_assert(fuzz_has(value, len, again, 64));
        fuzz_assert(fuzz_has(value, len, "1000000000", 10));
    }

    /* the same at another time */

    late = tavus_stripe_verify(fuzz_keys, 2, value, len, body, size,
                               FUZZ_NOW + 301, 300, &match);
    fuzz_assert(rc != TAVUS_VERIFY_OK || late == TAVUS_VERIFY_EXPIRED);

    free(value);
    free(again);
    free(text);
    free(body);
    free(raw);
}


static void
fuzz_standard(const uint8_t *data, size_t size)
{
    int              signed_len;
    char            *id, *time, *raw, *value, *text, *body, *good;
    char             made[2 * TAVUS_STANDARD_SIGNATURE];
    size_t           id_len, time_len, raw_len, text_len, len, match, n;
    tavus_verify_t   rc;

    id = fuzz_take(&data, &size, '\n', &id_len);
    time = fuzz_take(&data, &size, '\n', &time_len);
    raw = fuzz_take(&data, &size, '\n', &raw_len);
    body = fuzz_copy(data, size);

    text_len = id_len + time_len + size + 2;
    text = malloc(text_len);
    fuzz_assert(text != NULL);

    memcpy(text, id, id_len);
    text[id_len] = '.';
    memcpy(text + id_len + 1, time, time_len);
    text[id_len + 1 + time_len] = '.';
    memcpy(text + id_len + time_len + 2, body, size);

    value = fuzz_expand(raw, raw_len, text, text_len, &len);
    good = fuzz_expand("v1,\3", 4, text, text_len, &n);

    rc = tavus_standard_verify(fuzz_keys, 2, id, id_len, time, time_len,
                               value, len, body, size, FUZZ_NOW, 300, &match);

    if (rc == TAVUS_VERIFY_OK) {
        fuzz_assert(match == 1 && memchr(id, '.', id_len) == NULL);
        fuzz_assert(fuzz_has(value, len, good, n));
    }

    if (raw_len == 4 && memcmp(raw, "v1,\3", 4) == 0 && id_len
        && memchr(id, '.', id_len) == NULL
        && time_len == 10 && memcmp(time, "1000000000", 10) == 0)
    {
        fuzz_assert(rc == TAVUS_VERIFY_OK);
    }

    /* what is signed here is what OpenSSL signs, and is taken here */

    signed_len = tavus_standard_sign(fuzz_keys, 2, id, id_len, time, time_len,
                                     body, size, made);

    if (signed_len >= 0) {
        fuzz_assert(signed_len == 2 * TAVUS_STANDARD_SIGNATURE - 1);
        fuzz_assert(memcmp(made + TAVUS_STANDARD_SIGNATURE, good, n) == 0);

        rc = tavus_standard_verify(fuzz_keys, 2, id, id_len, time, time_len,
                                   made, signed_len, body, size, FUZZ_NOW,
                                   300, &match);
        fuzz_assert(rc == TAVUS_VERIFY_OK ? match == 0
                                          : rc == TAVUS_VERIFY_EXPIRED);

    } else {
        fuzz_assert(rc != TAVUS_VERIFY_OK);
    }

    free(good);
    free(value);
    free(text);
    free(body);
    free(raw);
    free(time);
    free(id);
}


static void
fuzz_token(const uint8_t *data, size_t size)
{
    int      len;
    char    *token, made[TAVUS_TOKEN_MAX];
    size_t   match, at;
    int64_t  expiry;
    uint8_t  nonce[TAVUS_NONCE_LEN], got[TAVUS_NONCE_LEN];

    token = fuzz_copy(data, size);
    fuzz_assert(tavus_token_verify(fuzz_keys, 2, token, size, FUZZ_NOW, got,
                                   &match)
                != TAVUS_VERIFY_OK);
    free(token);

    if (size < TAVUS_NONCE_LEN + 4) {
        return;
    }

    memcpy(nonce, data, TAVUS_NONCE_LEN);
    data += TAVUS_NONCE_LEN;
    expiry = FUZZ_NOW + data[0] - 128;

    len = tavus_token_make(fuzz_keys[data[1] % 2], nonce, expiry, made);
    fuzz_assert(len > 0 && len <= TAVUS_TOKEN_MAX);

    token = fuzz_copy(made, len);

    if (tavus_token_verify(fuzz_keys, 2, token, len, FUZZ_NOW, got, &match)
        == TAVUS_VERIFY_OK)
    {
        fuzz_assert(data[0] >= 128 && match == data[1] % 2);
        fuzz_assert(memcmp(got, nonce, sizeof(got)) == 0);

    } else {
        fuzz_assert(data[0] <= 128);
    }

    /* any byte changed is another token */

    at = data[2] % len;

    if ((uint8_t) token[at] != data[3]) {
        token[at] = (char) data[3];
        fuzz_assert(tavus_token_verify(fuzz_keys, 2, token, len, FUZZ_NOW,
                                       got, &match)
                    != TAVUS_VERIFY_OK);
    }

    free(token);
}


static void
fuzz_ticket(const uint8_t *data, size_t size)
{
    int             len;
    char           *text, *ticket, made[TAVUS_TICKET_MAX];
    size_t          n, match;
    tavus_use_t     use;

    text = fuzz_take(&data, &size, '\n', &n);
    ticket = fuzz_copy(data, size);

    fuzz_assert(tavus_ticket_verify(fuzz_keys, 2, TAVUS_USE_END, text, n,
                                    ticket, size, &match)
                != TAVUS_VERIFY_OK);

    for (use = TAVUS_USE_END; use < TAVUS_USE_COUNT; use++) {
        len = tavus_ticket_make(fuzz_keys[1], use, text, n, made);
        fuzz_assert(len > 0 && len <= TAVUS_TICKET_MAX);
        fuzz_assert(tavus_ticket_verify(fuzz_keys, 2, use, text, n, made,
                                        len, &match)
                    == TAVUS_VERIFY_OK && match == 1);
        fuzz_assert(tavus_ticket_verify(fuzz_keys, 2,
                                        use == TAVUS_USE_END
                                        ? TAVUS_USE_RELAY : TAVUS_USE_END,
                                        text, n, made, len, &match)
                    != TAVUS_VERIFY_OK);
    }

    free(ticket);
    free(text);
}


/* Base64 is what OpenSSL makes; a key of it signs like OpenSSL's HMAC. */

static void
fuzz_secret(const uint8_t *data, size_t size)
{
    int           n, good;
    char         *secret;
    size_t        i, len, pad;
    uint8_t      *raw, *again, mac[TAVUS_MAC_LEN], model[TAVUS_MAC_LEN];
    const char   *error, *text;
    tavus_key_t  *key;
    tavus_part_t  part;

    secret = fuzz_copy(data, size);
    key = tavus_key_create("k", 1, secret, size, TAVUS_SECRET_STANDARD,
                           &error);

    text = secret;
    len = size;

    if (len > 6 && memcmp(text, "whsec_", 6) == 0) {
        text += 6;
        len -= 6;
    }

    pad = 0;

    while (pad < 2 && pad < len && text[len - 1 - pad] == '=') {
        pad++;
    }

    good = (len && len % 4 == 0);

    for (i = 0; good && i < len - pad; i++) {
        good = text[i] && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/",
                                 text[i]);
    }

    raw = malloc(len + 1);
    again = malloc(len + 5);
    fuzz_assert(raw != NULL && again != NULL);

    n = good ? EVP_DecodeBlock(raw, (const uint8_t *) text, (int) len)
                 - (int) pad
             : -1;

    if (n >= 0) {
        EVP_EncodeBlock(again, raw, n);
        good = memcmp(again, text, len) == 0;
    }

    good = good && n >= 24 && n <= 64;

    fuzz_assert(good == (key != NULL));

    if (key) {
        part.data = secret;
        part.len = size;
        fuzz_assert(tavus_key_mac(key, TAVUS_USE_SENDER, &part, 1, mac) == 0);
        HMAC(EVP_sha256(), raw, n, (const uint8_t *) secret, size, model,
             NULL);
        fuzz_assert(memcmp(mac, model, sizeof(mac)) == 0);
    }

    tavus_key_free(key);
    free(again);
    free(raw);
    free(secret);
}


static void
fuzz_mac(const void *text, size_t len, char *hex, char *upper, char *base64)
{
    int      i;
    uint8_t  mac[TAVUS_MAC_LEN];

    HMAC(EVP_sha256(), FUZZ_RAW, sizeof(FUZZ_RAW) - 1, text, len, mac, NULL);

    for (i = 0; i < TAVUS_MAC_LEN; i++) {
        sprintf(hex + 2 * i, "%02x", mac[i]);
        sprintf(upper + 2 * i, "%02X", mac[i]);
    }

    EVP_EncodeBlock((uint8_t *) base64, mac, sizeof(mac));
}


static char *
fuzz_expand(const char *text, size_t len, const char *signed_text,
    size_t signed_len, size_t *size)
{
    char        *dst, *exact, hex[65], upper[65], base64[65];
    size_t       i, n;
    const char  *part;

    fuzz_mac(signed_text, signed_len, hex, upper, base64);

    dst = malloc(len * 64 + 1);
    fuzz_assert(dst != NULL);

    n = 0;

    for (i = 0; i < len; i++) {

        part = text[i] == 1 ? hex : text[i] == 2 ? upper
               : text[i] == 3 ? base64 : NULL;

        if (part) {
            memcpy(dst + n, part, strlen(part));
            n += strlen(part);

        } else {
            dst[n++] = text[i];
        }
    }

    *size = n;
    exact = malloc(n ? n : 1);
    fuzz_assert(exact != NULL);
    memcpy(exact, dst, n);
    free(dst);

    return exact;
}


static int
fuzz_has(const char *text, size_t len, const char *part, size_t n)
{
    return memmem(text, len, part, n) != NULL;
}
