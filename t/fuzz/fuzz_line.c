/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Any bytes as a ticket; then the same, signed: what is read is written again
 * byte for byte.  Then a ticket that is made of the bytes, changed at one
 * place, is refused.
 */

#include "fuzz.h"
#include "tavus_line.h"


#define FUZZ_NOW  1000000000


static void fuzz_any(const uint8_t *data, size_t size);
static void fuzz_signed(const uint8_t *data, size_t size);
static void fuzz_made(const uint8_t *data, size_t size);


static tavus_key_t  *fuzz_keys[2];


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *error;

    if (fuzz_keys[0] == NULL) {
        fuzz_keys[0] = tavus_key_create("k2", 2, "another secret entirely",
                                        23, TAVUS_SECRET_RAW, &error);
        fuzz_keys[1] = tavus_key_create("k1", 2, "a secret of the fuzzer", 22,
                                        TAVUS_SECRET_RAW, &error);
        fuzz_assert(fuzz_keys[0] && fuzz_keys[1]);
    }

    if (size <= 2 * TAVUS_LINE_TICKET_MAX) {
        fuzz_any(data, size);
        fuzz_signed(data, size);
        fuzz_made(data, size);
    }

    return 0;
}


static void
fuzz_any(const uint8_t *data, size_t size)
{
    char                 *text;
    size_t                match;
    uint8_t              *buf;
    tavus_verify_t        rc;
    tavus_line_ticket_t   t;

    text = fuzz_copy(data, size);
    buf = malloc(TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX);
    fuzz_assert(buf != NULL);

    rc = tavus_line_ticket_read(fuzz_keys, 2, text, size, FUZZ_NOW, 3600, buf,
                                &t, &match);

    fuzz_assert(rc != TAVUS_VERIFY_OK && rc != TAVUS_VERIFY_EXPIRED);

    free(buf);
    free(text);
}


static void
fuzz_signed(const uint8_t *data, size_t size)
{
    int                   n, again;
    char                 *text, made[TAVUS_LINE_TICKET_MAX];
    size_t                match;
    uint8_t              *buf;
    tavus_verify_t        rc;
    tavus_line_ticket_t   t;

    text = malloc(size + 1 + TAVUS_TICKET_MAX);
    buf = malloc(TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX);
    fuzz_assert(text != NULL && buf != NULL);

    if (size) {
        memcpy(text, data, size);
    }

    text[size] = '.';

    n = tavus_ticket_make(fuzz_keys[1], TAVUS_USE_LINE, text, size,
                          text + size + 1);
    fuzz_assert(n > 0);

    rc = tavus_line_ticket_read(fuzz_keys, 2, text, size + 1 + n, FUZZ_NOW,
                                3600, buf, &t, &match);

    if (rc == TAVUS_VERIFY_OK || rc == TAVUS_VERIFY_EXPIRED) {
        fuzz_assert(match == 1);
        fuzz_assert((uint8_t *) t.wish == buf + TAVUS_LINE_HEAD);
        fuzz_assert(t.wish_len <= TAVUS_LINE_WISH_MAX);

        again = tavus_line_ticket_make(fuzz_keys[1], &t, made);
        fuzz_assert(again == (int) size + 1 + n);
        fuzz_assert(memcmp(made, text, again) == 0);

    } else {
        fuzz_assert(rc == TAVUS_VERIFY_MALFORMED
                    || rc == TAVUS_VERIFY_MISMATCH
                    || rc == TAVUS_VERIFY_UNKNOWN_KEY);
    }

    free(buf);
    free(text);
}


static void
fuzz_made(const uint8_t *data, size_t size)
{
    int                   n;
    char                  text[TAVUS_LINE_TICKET_MAX];
    size_t                at, match;
    uint8_t               buf[TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX];
    tavus_verify_t        rc;
    tavus_line_ticket_t   t, r;

    memset(&t, 0, sizeof(t));

    if (size < 4) {
        return;
    }

    at = data[0] << 8 | data[1];

    t.issued = FUZZ_NOW + (int8_t) data[2];
    t.known = data[3] & 1;

    data += 4;
    size -= 4;

    memcpy(t.id, data, size < 16 ? size : 16);
    memcpy(t.address, data, size < 16 ? size : 16);
    memcpy(t.visitor, data, size < 16 ? size : 16);

    t.wish = (const char *) data;
    t.wish_len = size;

    n = tavus_line_ticket_make(fuzz_keys[1], &t, text);
    fuzz_assert((n < 0) == (size > TAVUS_LINE_WISH_MAX));

    if (n < 0) {
        return;
    }

    rc = tavus_line_ticket_read(fuzz_keys, 2, text, n, FUZZ_NOW, 60, buf, &r,
                                &match);

    fuzz_assert(rc == (t.issued > FUZZ_NOW + 60 || t.issued < FUZZ_NOW - 60
                       ? TAVUS_VERIFY_EXPIRED : TAVUS_VERIFY_OK));
    fuzz_assert(match == 1 && r.issued == t.issued && r.known == t.known);
    fuzz_assert(memcmp(r.id, t.id, 16) == 0);
    fuzz_assert(memcmp(r.address, t.address, 16) == 0);
    fuzz_assert(!t.known || memcmp(r.visitor, t.visitor, 16) == 0);
    fuzz_assert(r.wish_len == size && memcmp(r.wish, data, size) == 0);

    at %= n;
    text[at] = (char) (text[at] ^ 1);

    rc = tavus_line_ticket_read(fuzz_keys, 2, text, n, FUZZ_NOW, 60, buf, &r,
                                &match);
    fuzz_assert(rc != TAVUS_VERIFY_OK && rc != TAVUS_VERIFY_EXPIRED);
}
