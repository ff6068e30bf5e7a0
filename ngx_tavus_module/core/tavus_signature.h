/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_SIGNATURE_H_INCLUDED_
#define _TAVUS_SIGNATURE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_event.h"
#include "tavus_json.h"


#define TAVUS_MAC_LEN         32
#define TAVUS_NONCE_LEN       16
#define TAVUS_KEY_ID_MAX      32
#define TAVUS_SECRET_MIN      16

/* <key id>.<nonce, 32 hex>.<expiry, decimal>.<mac, 64 hex> */
#define TAVUS_TOKEN_MAX       (TAVUS_KEY_ID_MAX + 1 + 32 + 1 + 20 + 1 + 64)

/* <key id>.<mac, 64 hex> */
#define TAVUS_TICKET_MAX      (TAVUS_KEY_ID_MAX + 1 + 64)

/* v1,<mac, 44 of base64>, and what stands between it and the next */
#define TAVUS_STANDARD_SIGNATURE  (3 + 44 + 1)


/*
 * What a MAC is for.  SENDER is the secret itself, as the other side uses
 * it; the rest are subkeys that HKDF-SHA256 (RFC 5869) derives from it with
 * a label each, so that one can never serve as another.
 */

typedef enum {
    TAVUS_USE_SENDER = 0,
    TAVUS_USE_CALLBACK,
    TAVUS_USE_END,
    TAVUS_USE_VISITOR,
    TAVUS_USE_RELAY,
    TAVUS_USE_BUDGET,
    TAVUS_USE_LINE,
    TAVUS_USE_SEAL,
    TAVUS_USE_COUNT
} tavus_use_t;


typedef enum {
    TAVUS_SECRET_RAW = 0,       /* the bytes as given (Tavus, Stripe) */
    TAVUS_SECRET_STANDARD       /* whsec_<base64>, Standard Webhooks */
} tavus_secret_form_t;


typedef enum {
    TAVUS_VERIFY_OK = 0,
    TAVUS_VERIFY_MISSING,
    TAVUS_VERIFY_MALFORMED,
    TAVUS_VERIFY_UNKNOWN_KEY,
    TAVUS_VERIFY_MISMATCH,
    TAVUS_VERIFY_EXPIRED,       /* signed correctly, but outside its time */
    TAVUS_VERIFY_ERROR          /* OpenSSL failed */
} tavus_verify_t;


typedef struct tavus_key_s  tavus_key_t;


/*
 * Makes a key from a secret: key contexts for all uses are set up once, so
 * that a MAC later costs no allocation.  The id (1 … TAVUS_KEY_ID_MAX of
 * A-Z a-z 0-9 _ -, no dot) and the secret are copied.  Returns NULL and
 * sets *error to a static sentence if the id or the secret is unfit (short,
 * not base64, …) or memory is out.  Free with tavus_key_free().
 */
tavus_key_t *tavus_key_create(const char *id, size_t id_len,
    const char *secret, size_t secret_len, tavus_secret_form_t form,
    const char **error);
void tavus_key_free(tavus_key_t *key);
const char *tavus_key_id(const tavus_key_t *key);

/*
 * HMAC-SHA256 over the parts in a row; 0, or -1 if OpenSSL fails.  One
 * thread at a time for a key: its contexts are used in place.
 */
int tavus_key_mac(tavus_key_t *key, tavus_use_t use,
    const tavus_part_t *parts, size_t n, uint8_t mac[TAVUS_MAC_LEN]);


/*
 * The verifiers take all keys at once; with none they return
 * TAVUS_VERIFY_UNKNOWN_KEY.  On TAVUS_VERIFY_OK, and only then, *match is
 * the index of the key that verified.  Comparisons of MACs are constant-time.
 * Times are seconds since 1970.  At most 16 signatures of a header are
 * looked at.
 */

/*
 * The token of a callback URL: made with the first key, verified with the
 * one it names.  dst needs TAVUS_TOKEN_MAX bytes; returns the length or -1.
 */
int tavus_token_make(tavus_key_t *key, const uint8_t nonce[TAVUS_NONCE_LEN],
    int64_t expiry, char *dst);
tavus_verify_t tavus_token_verify(tavus_key_t **keys, size_t nkeys,
    const char *token, size_t len, int64_t now,
    uint8_t nonce[TAVUS_NONCE_LEN], size_t *match);

/*
 * A ticket proves that this server said text to somebody (end token,
 * visitor cookie, relay, seal); the uses SENDER and CALLBACK are refused.  dst
 * needs TAVUS_TICKET_MAX bytes; returns the length or -1.
 */
int tavus_ticket_make(tavus_key_t *key, tavus_use_t use, const char *text,
    size_t text_len, char *dst);
tavus_verify_t tavus_ticket_verify(tavus_key_t **keys, size_t nkeys,
    tavus_use_t use, const char *text, size_t text_len, const char *ticket,
    size_t len, size_t *match);

/*
 * X-Tavus-Signature: 64 hex digits of either case, optional "sha256="
 * before them, over the parts in a row.
 */
tavus_verify_t tavus_signature_verify(tavus_key_t **keys, size_t nkeys,
    const char *value, size_t len, const tavus_part_t *parts, size_t n,
    size_t *match);

/*
 * The body with its top-level "signature" member and one adjoining comma cut
 * out: the comma after it, or, for the last member, the one before it.  It
 * is one range, so white space between the member and that comma goes too,
 * and all other stays.  The member is one that tavus_json_check() filled;
 * if it is absent, nothing is cut.  Where it stands more than once the body
 * is to be refused.
 */
void tavus_signature_cut(const char *data, size_t len,
    const tavus_json_member_t *member, tavus_part_t parts[2]);

/*
 * Stripe-Signature (https://docs.stripe.com/webhooks/signature): any v1 of
 * any key, over "<t>.<body>"; |now - t| > tolerance is TAVUS_VERIFY_EXPIRED.
 */
tavus_verify_t tavus_stripe_verify(tavus_key_t **keys, size_t nkeys,
    const char *value, size_t len, const char *body, size_t body_len,
    int64_t now, int64_t tolerance, size_t *match);

/*
 * Standard Webhooks 1.0.0, symmetric signatures (v1).  An id with a dot is
 * TAVUS_VERIFY_MALFORMED, as the signed text would be ambiguous.
 */
tavus_verify_t tavus_standard_verify(tavus_key_t **keys, size_t nkeys,
    const char *id, size_t id_len, const char *timestamp,
    size_t timestamp_len, const char *signature, size_t signature_len,
    const char *body, size_t body_len, int64_t now, int64_t tolerance,
    size_t *match);

/*
 * The value of webhook-signature, made with each key, so that a secret can
 * be rolled: dst needs TAVUS_STANDARD_SIGNATURE bytes a key.  Returns its
 * length, or -1: no key or more than a receiver looks at, an id or a
 * timestamp that tavus_standard_verify() would not take, OpenSSL.
 */
int tavus_standard_sign(tavus_key_t **keys, size_t nkeys, const char *id,
    size_t id_len, const char *timestamp, size_t timestamp_len,
    const char *body, size_t body_len, char *dst);

/* A stable snake_case word for a result, for logs and error bodies. */
const char *tavus_verify_reason(tavus_verify_t result);


#endif /* _TAVUS_SIGNATURE_H_INCLUDED_ */
