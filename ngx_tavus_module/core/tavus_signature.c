/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tavus_signature.h"


/* Standard Webhooks 1.0.0: 192 to 512 bits */

#define TAVUS_STANDARD_MIN      24
#define TAVUS_STANDARD_MAX      64
#define TAVUS_STANDARD_PREFIX   "whsec_"

/* four characters for each three bytes begun */

#define TAVUS_BASE64_LEN(n)     (((n) + 2) / 3 * 4)

/* a header may list several signatures while a secret is being rolled */

#define TAVUS_MAX_SIGNATURES    16

#define TAVUS_HEX_LEN           (TAVUS_MAC_LEN * 2)


struct tavus_key_s {
    EVP_MAC_CTX  *ctx[TAVUS_USE_COUNT];
    char          id[TAVUS_KEY_ID_MAX + 1];
    size_t        id_len;
};


static int tavus_key_fetch(void);
static int tavus_key_init(tavus_key_t *key, const uint8_t *secret,
    size_t len);
static int tavus_key_derive(const uint8_t *secret, size_t len,
    const char *label, uint8_t subkey[TAVUS_MAC_LEN]);
static int tavus_key_decode(const char *text, size_t len, uint8_t *secret);
static int tavus_key_id_valid(const char *id, size_t len);
static tavus_verify_t tavus_key_named(tavus_key_t **keys, size_t nkeys,
    tavus_use_t use, const char *id, size_t id_len, const char *text,
    size_t text_len, const char *mac, size_t *match);
static void tavus_standard_parts(tavus_part_t parts[5], const char *id,
    size_t id_len, const char *timestamp, size_t timestamp_len,
    const char *body, size_t body_len);
static int tavus_timestamp(const char *p, size_t len, int64_t *t);
static int tavus_timely(int64_t t, int64_t now, int64_t tolerance);
static void tavus_hex_encode(char *dst, const uint8_t *src, size_t len);
static int tavus_hex_decode(uint8_t *dst, const char *src, size_t len,
    int upper);


static EVP_MAC  *tavus_mac;
static EVP_KDF  *tavus_kdf;


/* A change of a label makes all tokens and tickets out there invalid. */

static const char  *tavus_labels[] = {
    NULL,
    "tavus callback v1",
    "tavus end v1",
    "tavus visitor v1",
    "tavus relay v1",
    "tavus budget v1",
    "tavus line v1",
    "tavus seal v1"
};


tavus_key_t *
tavus_key_create(const char *id, size_t id_len, const char *secret,
    size_t secret_len, tavus_secret_form_t form, const char **error)
{
    int           len;
    uint8_t       decoded[TAVUS_BASE64_LEN(TAVUS_STANDARD_MAX)];
    tavus_key_t  *key;

    if (!tavus_key_id_valid(id, id_len)) {
        *error = "key id must be 1 to 32 of A-Z a-z 0-9 _ -";
        return NULL;
    }

    if (form == TAVUS_SECRET_RAW && secret_len < TAVUS_SECRET_MIN) {
        *error = "secret is shorter than 16 bytes";
        return NULL;
    }

    key = calloc(1, sizeof(tavus_key_t));
    if (key == NULL) {
        *error = "out of memory";
        return NULL;
    }

    memcpy(key->id, id, id_len);
    key->id_len = id_len;

    if (form == TAVUS_SECRET_STANDARD) {
        len = tavus_key_decode(secret, secret_len, decoded);

        if (len < 0) {
            *error = "secret is not base64";
            goto failed;
        }

        if (len < TAVUS_STANDARD_MIN || len > TAVUS_STANDARD_MAX) {
            *error = "secret is not 24 to 64 bytes of base64";
            goto failed;
        }

        len = tavus_key_init(key, decoded, len);

    } else {
        len = tavus_key_init(key, (const uint8_t *) secret, secret_len);
    }

    if (len != 0) {
        *error = "OpenSSL cannot set up the key";
        goto failed;
    }

    OPENSSL_cleanse(decoded, sizeof(decoded));

    return key;

failed:

    OPENSSL_cleanse(decoded, sizeof(decoded));

    tavus_key_free(key);

    return NULL;
}


void
tavus_key_free(tavus_key_t *key)
{
    int  i;

    if (key == NULL) {
        return;
    }

    /* the contexts hold the only copies, and OpenSSL cleanses them */

    for (i = 0; i < TAVUS_USE_COUNT; i++) {
        EVP_MAC_CTX_free(key->ctx[i]);
    }

    free(key);
}


const char *
tavus_key_id(const tavus_key_t *key)
{
    return key->id;
}


int
tavus_key_mac(tavus_key_t *key, tavus_use_t use, const tavus_part_t *parts,
    size_t n, uint8_t mac[TAVUS_MAC_LEN])
{
    size_t        i, len;
    EVP_MAC_CTX  *ctx;

    ctx = key->ctx[use];

    /* without a key the context starts again with the one that it has */

    if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1) {
        return -1;
    }

    for (i = 0; i < n; i++) {

        if (parts[i].len
            && EVP_MAC_update(ctx, parts[i].data, parts[i].len) != 1)
        {
            return -1;
        }
    }

    if (EVP_MAC_final(ctx, mac, &len, TAVUS_MAC_LEN) != 1
        || len != TAVUS_MAC_LEN)
    {
        return -1;
    }

    return 0;
}


int
tavus_token_make(tavus_key_t *key, const uint8_t nonce[TAVUS_NONCE_LEN],
    int64_t expiry, char *dst)
{
    int           n;
    char         *p, digits[20];
    uint8_t       mac[TAVUS_MAC_LEN];
    tavus_part_t  part;

    if (expiry < 0) {
        return -1;
    }

    p = dst;

    memcpy(p, key->id, key->id_len);
    p += key->id_len;
    *p++ = '.';

    tavus_hex_encode(p, nonce, TAVUS_NONCE_LEN);
    p += TAVUS_NONCE_LEN * 2;
    *p++ = '.';

    n = sizeof(digits);

    do {
        digits[--n] = (char) ('0' + expiry % 10);
        expiry /= 10;
    } while (expiry);

    memcpy(p, digits + n, sizeof(digits) - n);
    p += sizeof(digits) - n;

    part.data = dst;
    part.len = p - dst;

    if (tavus_key_mac(key, TAVUS_USE_CALLBACK, &part, 1, mac) != 0) {
        return -1;
    }

    *p++ = '.';

    tavus_hex_encode(p, mac, TAVUS_MAC_LEN);
    p += TAVUS_HEX_LEN;

    return (int) (p - dst);
}


tavus_verify_t
tavus_token_verify(tavus_key_t **keys, size_t nkeys, const char *token,
    size_t len, int64_t now, uint8_t nonce[TAVUS_NONCE_LEN], size_t *match)
{
    size_t          key;
    int64_t         expiry;
    uint8_t         parsed[TAVUS_NONCE_LEN];
    const char     *p, *end, *dot;
    tavus_verify_t  rc;

    if (len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    if (len > TAVUS_TOKEN_MAX) {
        return TAVUS_VERIFY_MALFORMED;
    }

    end = token + len;

    dot = memchr(token, '.', len);

    if (dot == NULL || !tavus_key_id_valid(token, dot - token)) {
        return TAVUS_VERIFY_MALFORMED;
    }

    p = dot + 1;

    if (end - p < TAVUS_NONCE_LEN * 2 + 1 + 1 + 1 + TAVUS_HEX_LEN
        || p[TAVUS_NONCE_LEN * 2] != '.'
        || end[- TAVUS_HEX_LEN - 1] != '.'
        || tavus_hex_decode(parsed, p, TAVUS_NONCE_LEN, 0) != 0)
    {
        return TAVUS_VERIFY_MALFORMED;
    }

    p += TAVUS_NONCE_LEN * 2 + 1;
    end -= TAVUS_HEX_LEN + 1;

    if (tavus_timestamp(p, end - p, &expiry) != 0) {
        return TAVUS_VERIFY_MALFORMED;
    }

    rc = tavus_key_named(keys, nkeys, TAVUS_USE_CALLBACK, token, dot - token,
                         token, end - token, end + 1, &key);

    if (rc != TAVUS_VERIFY_OK) {
        return rc;
    }

    if (expiry < now) {
        return TAVUS_VERIFY_EXPIRED;
    }

    memcpy(nonce, parsed, TAVUS_NONCE_LEN);
    *match = key;

    return TAVUS_VERIFY_OK;
}


int
tavus_ticket_make(tavus_key_t *key, tavus_use_t use, const char *text,
    size_t text_len, char *dst)
{
    uint8_t       mac[TAVUS_MAC_LEN];
    tavus_part_t  part;

    /* those sign what others say or what has a form of its own */

    if (use == TAVUS_USE_SENDER || use == TAVUS_USE_CALLBACK) {
        return -1;
    }

    part.data = text;
    part.len = text_len;

    if (tavus_key_mac(key, use, &part, 1, mac) != 0) {
        return -1;
    }

    memcpy(dst, key->id, key->id_len);
    dst[key->id_len] = '.';

    tavus_hex_encode(dst + key->id_len + 1, mac, TAVUS_MAC_LEN);

    return (int) key->id_len + 1 + TAVUS_HEX_LEN;
}


tavus_verify_t
tavus_ticket_verify(tavus_key_t **keys, size_t nkeys, tavus_use_t use,
    const char *text, size_t text_len, const char *ticket, size_t len,
    size_t *match)
{
    size_t  id_len;

    if (use == TAVUS_USE_SENDER || use == TAVUS_USE_CALLBACK) {
        return TAVUS_VERIFY_ERROR;
    }

    if (len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    if (len < 1 + 1 + TAVUS_HEX_LEN || len > TAVUS_TICKET_MAX) {
        return TAVUS_VERIFY_MALFORMED;
    }

    id_len = len - TAVUS_HEX_LEN - 1;

    if (ticket[id_len] != '.' || !tavus_key_id_valid(ticket, id_len)) {
        return TAVUS_VERIFY_MALFORMED;
    }

    return tavus_key_named(keys, nkeys, use, ticket, id_len, text, text_len,
                           ticket + id_len + 1, match);
}


tavus_verify_t
tavus_signature_verify(tavus_key_t **keys, size_t nkeys, const char *value,
    size_t len, const tavus_part_t *parts, size_t n, size_t *match)
{
    size_t   i;
    uint8_t  mac[TAVUS_MAC_LEN], sent[TAVUS_MAC_LEN];

    if (len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    if (len > 7 && memcmp(value, "sha256=", 7) == 0) {
        value += 7;
        len -= 7;
    }

    if (len != TAVUS_HEX_LEN
        || tavus_hex_decode(sent, value, TAVUS_MAC_LEN, 1) != 0)
    {
        return TAVUS_VERIFY_MALFORMED;
    }

    if (nkeys == 0) {
        return TAVUS_VERIFY_UNKNOWN_KEY;
    }

    for (i = 0; i < nkeys; i++) {

        if (tavus_key_mac(keys[i], TAVUS_USE_SENDER, parts, n, mac) != 0) {
            return TAVUS_VERIFY_ERROR;
        }

        if (CRYPTO_memcmp(mac, sent, TAVUS_MAC_LEN) == 0) {
            *match = i;
            return TAVUS_VERIFY_OK;
        }
    }

    return TAVUS_VERIFY_MISMATCH;
}


void
tavus_signature_cut(const char *data, size_t len,
    const tavus_json_member_t *member, tavus_part_t parts[2])
{
    size_t  start, end, i;

    start = len;
    end = len;

    if (member->count) {
        start = member->key_start;
        end = member->value_end;

        for (i = end; i < len && strchr(" \t\r\n", data[i]); i++) {
            /* void */
        }

        if (i < len && data[i] == ',') {
            end = i + 1;

        } else {

            for (i = start; i && strchr(" \t\r\n", data[i - 1]); i--) {
                /* void */
            }

            if (i && data[i - 1] == ',') {
                start = i - 1;
            }
        }
    }

    parts[0].data = data;
    parts[0].len = start;
    parts[1].data = data + end;
    parts[1].len = len - end;
}


tavus_verify_t
tavus_stripe_verify(tavus_key_t **keys, size_t nkeys, const char *value,
    size_t len, const char *body, size_t body_len, int64_t now,
    int64_t tolerance, size_t *match)
{
    size_t        i, j, nsent;
    int64_t       t;
    uint8_t       mac[TAVUS_MAC_LEN];
    uint8_t       sent[TAVUS_MAX_SIGNATURES][TAVUS_MAC_LEN];
    const char   *p, *end, *next;
    tavus_part_t  parts[3];

    if (len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    t = -1;
    nsent = 0;
    end = value + len;

    for (p = value; p < end; p = next + 1) {

        next = memchr(p, ',', end - p);
        if (next == NULL) {
            next = end;
        }

        if (next - p > 2 && memcmp(p, "t=", 2) == 0) {

            parts[0].data = p + 2;
            parts[0].len = next - p - 2;

            if (t != -1 || tavus_timestamp(p + 2, next - p - 2, &t) != 0) {
                return TAVUS_VERIFY_MALFORMED;
            }

            continue;
        }

        if (nsent < TAVUS_MAX_SIGNATURES
            && next - p == 3 + TAVUS_HEX_LEN
            && memcmp(p, "v1=", 3) == 0
            && tavus_hex_decode(sent[nsent], p + 3, TAVUS_MAC_LEN, 0) == 0)
        {
            nsent++;
        }
    }

    if (t == -1 || nsent == 0) {
        return TAVUS_VERIFY_MALFORMED;
    }

    if (nkeys == 0) {
        return TAVUS_VERIFY_UNKNOWN_KEY;
    }

    parts[1].data = ".";
    parts[1].len = 1;
    parts[2].data = body;
    parts[2].len = body_len;

    for (i = 0; i < nkeys; i++) {

        if (tavus_key_mac(keys[i], TAVUS_USE_SENDER, parts, 3, mac) != 0) {
            return TAVUS_VERIFY_ERROR;
        }

        for (j = 0; j < nsent; j++) {

            if (CRYPTO_memcmp(mac, sent[j], TAVUS_MAC_LEN) == 0) {

                if (!tavus_timely(t, now, tolerance)) {
                    return TAVUS_VERIFY_EXPIRED;
                }

                *match = i;
                return TAVUS_VERIFY_OK;
            }
        }
    }

    return TAVUS_VERIFY_MISMATCH;
}


tavus_verify_t
tavus_standard_verify(tavus_key_t **keys, size_t nkeys, const char *id,
    size_t id_len, const char *timestamp, size_t timestamp_len,
    const char *signature, size_t signature_len, const char *body,
    size_t body_len, int64_t now, int64_t tolerance, size_t *match)
{
    size_t        i, j, nsent;
    int64_t       t;
    uint8_t       mac[TAVUS_MAC_LEN];
    const char   *p, *end, *next, *sent[TAVUS_MAX_SIGNATURES];
    tavus_part_t  parts[5];
    uint8_t       text[TAVUS_BASE64_LEN(TAVUS_MAC_LEN) + 1];

    if (id_len == 0 || timestamp_len == 0 || signature_len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    /* a dot in the id could be taken for the one that ends it */

    if (memchr(id, '.', id_len) != NULL
        || tavus_timestamp(timestamp, timestamp_len, &t) != 0)
    {
        return TAVUS_VERIFY_MALFORMED;
    }

    nsent = 0;
    end = signature + signature_len;

    for (p = signature; p < end; p = next + 1) {

        next = memchr(p, ' ', end - p);
        if (next == NULL) {
            next = end;
        }

        if (nsent < TAVUS_MAX_SIGNATURES
            && next - p == 3 + TAVUS_BASE64_LEN(TAVUS_MAC_LEN)
            && memcmp(p, "v1,", 3) == 0)
        {
            sent[nsent++] = p + 3;
        }
    }

    if (nsent == 0) {
        return TAVUS_VERIFY_MALFORMED;
    }

    if (nkeys == 0) {
        return TAVUS_VERIFY_UNKNOWN_KEY;
    }

    tavus_standard_parts(parts, id, id_len, timestamp, timestamp_len, body,
                         body_len);

    for (i = 0; i < nkeys; i++) {

        if (tavus_key_mac(keys[i], TAVUS_USE_SENDER, parts, 5, mac) != 0) {
            return TAVUS_VERIFY_ERROR;
        }

        EVP_EncodeBlock(text, mac, TAVUS_MAC_LEN);

        for (j = 0; j < nsent; j++) {

            if (CRYPTO_memcmp(text, sent[j], sizeof(text) - 1) == 0) {

                if (!tavus_timely(t, now, tolerance)) {
                    return TAVUS_VERIFY_EXPIRED;
                }

                *match = i;
                return TAVUS_VERIFY_OK;
            }
        }
    }

    return TAVUS_VERIFY_MISMATCH;
}


int
tavus_standard_sign(tavus_key_t **keys, size_t nkeys, const char *id,
    size_t id_len, const char *timestamp, size_t timestamp_len,
    const char *body, size_t body_len, char *dst)
{
    size_t         i;
    int64_t        t;
    uint8_t        mac[TAVUS_MAC_LEN];
    uint8_t        text[TAVUS_BASE64_LEN(TAVUS_MAC_LEN) + 1];
    char          *p;
    tavus_part_t   parts[5];

    if (nkeys == 0 || nkeys > TAVUS_MAX_SIGNATURES || id_len == 0
        || memchr(id, '.', id_len) != NULL
        || tavus_timestamp(timestamp, timestamp_len, &t) != 0)
    {
        return -1;
    }

    tavus_standard_parts(parts, id, id_len, timestamp, timestamp_len, body,
                         body_len);
    p = dst;

    for (i = 0; i < nkeys; i++) {

        if (tavus_key_mac(keys[i], TAVUS_USE_SENDER, parts, 5, mac) != 0) {
            return -1;
        }

        EVP_EncodeBlock(text, mac, TAVUS_MAC_LEN);

        if (i) {
            *p++ = ' ';
        }

        memcpy(p, "v1,", 3);
        memcpy(p + 3, text, sizeof(text) - 1);
        p += 3 + sizeof(text) - 1;
    }

    return (int) (p - dst);
}


const char *
tavus_verify_reason(tavus_verify_t result)
{
    switch (result) {

    case TAVUS_VERIFY_OK:
        return "ok";

    case TAVUS_VERIFY_MISSING:
        return "missing";

    case TAVUS_VERIFY_MALFORMED:
        return "malformed";

    case TAVUS_VERIFY_UNKNOWN_KEY:
        return "unknown_key";

    case TAVUS_VERIFY_MISMATCH:
        return "mismatch";

    case TAVUS_VERIFY_EXPIRED:
        return "expired";

    case TAVUS_VERIFY_ERROR:
        return "error";
    }

    return "unknown";
}


static int
tavus_key_fetch(void)
{
    if (tavus_mac == NULL) {
        tavus_mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    }

    if (tavus_kdf == NULL) {
        tavus_kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    }

    return tavus_mac && tavus_kdf ? 0 : -1;
}


static int
tavus_key_init(tavus_key_t *key, const uint8_t *secret, size_t len)
{
    int             i, rc;
    char            digest[] = OSSL_DIGEST_NAME_SHA2_256;
    uint8_t         subkey[TAVUS_MAC_LEN];
    EVP_MAC_CTX    *ctx;
    OSSL_PARAM      params[2];

    if (tavus_key_fetch() != 0) {
        return -1;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 digest, 0);
    params[1] = OSSL_PARAM_construct_end();

    for (i = 0; i < TAVUS_USE_COUNT; i++) {

        ctx = EVP_MAC_CTX_new(tavus_mac);
        if (ctx == NULL) {
            return -1;
        }

        key->ctx[i] = ctx;

        if (i == TAVUS_USE_SENDER) {
            rc = EVP_MAC_init(ctx, secret, len, params);

        } else if (tavus_key_derive(secret, len, tavus_labels[i], subkey)
                   != 0)
        {
            return -1;

        } else {
            rc = EVP_MAC_init(ctx, subkey, sizeof(subkey), params);
            OPENSSL_cleanse(subkey, sizeof(subkey));
        }

        if (rc != 1) {
            return -1;
        }
    }

    return 0;
}


static int
tavus_key_derive(const uint8_t *secret, size_t len, const char *label,
    uint8_t subkey[TAVUS_MAC_LEN])
{
    int           rc;
    char          digest[] = OSSL_DIGEST_NAME_SHA2_256;
    OSSL_PARAM    params[4];
    EVP_KDF_CTX  *ctx;

    ctx = EVP_KDF_CTX_new(tavus_kdf);
    if (ctx == NULL) {
        return -1;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 digest, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                                  (void *) secret, len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  (void *) label,
                                                  strlen(label));
    params[3] = OSSL_PARAM_construct_end();

    rc = EVP_KDF_derive(ctx, subkey, TAVUS_MAC_LEN, params);

    EVP_KDF_CTX_free(ctx);

    return rc == 1 ? 0 : -1;
}


/*
 * OpenSSL's decoder overlooks blanks and stray bits: only what it encodes
 * again to the same text is base64.
 */

static int
tavus_key_decode(const char *text, size_t len, uint8_t *secret)
{
    int      n, rc;
    size_t   prefix;
    uint8_t  again[TAVUS_BASE64_LEN(TAVUS_STANDARD_MAX) + 1];

    prefix = sizeof(TAVUS_STANDARD_PREFIX) - 1;

    if (len > prefix && memcmp(text, TAVUS_STANDARD_PREFIX, prefix) == 0) {
        text += prefix;
        len -= prefix;
    }

    if (len == 0 || len % 4) {
        return -1;
    }

    if (len > TAVUS_BASE64_LEN(TAVUS_STANDARD_MAX)) {
        return TAVUS_STANDARD_MAX + 1;
    }

    n = EVP_DecodeBlock(secret, (const uint8_t *) text, (int) len);

    if (n < 0) {
        return -1;
    }

    if (text[len - 1] == '=') {
        n--;

        if (text[len - 2] == '=') {
            n--;
        }
    }

    EVP_EncodeBlock(again, secret, n);

    rc = memcmp(again, text, len) == 0 ? n : -1;

    OPENSSL_cleanse(again, sizeof(again));

    return rc;
}


static int
tavus_key_id_valid(const char *id, size_t len)
{
    char    c;
    size_t  i;

    if (len == 0 || len > TAVUS_KEY_ID_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {

        c = id[i];

        if ((c < '0' || c > '9') && (c < 'A' || c > 'Z')
            && (c < 'a' || c > 'z') && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


/* Verifies the hexadecimal MAC of a text with the key of the id given. */

static tavus_verify_t
tavus_key_named(tavus_key_t **keys, size_t nkeys, tavus_use_t use,
    const char *id, size_t id_len, const char *text, size_t text_len,
    const char *mac, size_t *match)
{
    size_t          i;
    uint8_t         own[TAVUS_MAC_LEN], sent[TAVUS_MAC_LEN];
    tavus_part_t    part;
    tavus_verify_t  rc;

    if (tavus_hex_decode(sent, mac, TAVUS_MAC_LEN, 0) != 0) {
        return TAVUS_VERIFY_MALFORMED;
    }

    part.data = text;
    part.len = text_len;

    rc = TAVUS_VERIFY_UNKNOWN_KEY;

    for (i = 0; i < nkeys; i++) {

        if (keys[i]->id_len != id_len
            || memcmp(keys[i]->id, id, id_len) != 0)
        {
            continue;
        }

        if (tavus_key_mac(keys[i], use, &part, 1, own) != 0) {
            return TAVUS_VERIFY_ERROR;
        }

        if (CRYPTO_memcmp(own, sent, TAVUS_MAC_LEN) == 0) {
            *match = i;
            return TAVUS_VERIFY_OK;
        }

        rc = TAVUS_VERIFY_MISMATCH;
    }

    return rc;
}


static void
tavus_standard_parts(tavus_part_t parts[5], const char *id, size_t id_len,
    const char *timestamp, size_t timestamp_len, const char *body,
    size_t body_len)
{
    parts[0].data = id;
    parts[0].len = id_len;
    parts[1].data = ".";
    parts[1].len = 1;
    parts[2].data = timestamp;
    parts[2].len = timestamp_len;
    parts[3] = parts[1];
    parts[4].data = body;
    parts[4].len = body_len;
}


static int
tavus_timestamp(const char *p, size_t len, int64_t *t)
{
    size_t   i;
    int64_t  value;

    if (len == 0) {
        return -1;
    }

    value = 0;

    for (i = 0; i < len; i++) {

        if (p[i] < '0' || p[i] > '9'
            || value > (INT64_MAX - (p[i] - '0')) / 10)
        {
            return -1;
        }

        value = value * 10 + (p[i] - '0');
    }

    *t = value;

    return 0;
}


static int
tavus_timely(int64_t t, int64_t now, int64_t tolerance)
{
    uint64_t  apart;

    apart = now > t ? (uint64_t) now - (uint64_t) t
                    : (uint64_t) t - (uint64_t) now;

    return tolerance >= 0 && apart <= (uint64_t) tolerance;
}


static void
tavus_hex_encode(char *dst, const uint8_t *src, size_t len)
{
    size_t             i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        *dst++ = hex[src[i] >> 4];
        *dst++ = hex[src[i] & 0x0f];
    }
}


/* Reads len bytes from 2 * len digits, upper case among them if allowed. */

static int
tavus_hex_decode(uint8_t *dst, const char *src, size_t len, int upper)
{
    size_t   i;
    uint8_t  high, low, mask;

    /* its value, a bit that says it is one, and one for upper case */

    static const uint8_t  digits[256] = {
        ['0'] = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19,
        ['A'] = 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
        ['a'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f
    };

    mask = upper ? 0x10 : 0x30;

    for (i = 0; i < len; i++) {

        high = digits[(uint8_t) src[2 * i]];
        low = digits[(uint8_t) src[2 * i + 1]];

        if ((high & mask) != 0x10 || (low & mask) != 0x10) {
            return -1;
        }

        dst[i] = (uint8_t) (high << 4 | (low & 0x0f));
    }

    return 0;
}
