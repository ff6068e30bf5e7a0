/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>

#include "tavus_line.h"


#define TAVUS_LINE_VERSION  1

/* clocks of nodes differ */
#define TAVUS_LINE_AHEAD    60


static size_t tavus_line_encode(char *dst, const uint8_t *src, size_t len);
static int tavus_line_decode(uint8_t *dst, size_t size, const char *src,
    size_t len);
static int tavus_line_digit(char c);


/* RFC 4648, 5 */

static const char  tavus_line_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const uint8_t  tavus_line_nobody[TAVUS_LINE_HASH];


int
tavus_line_ticket_make(tavus_key_t *key, const tavus_line_ticket_t *t,
    char *dst)
{
    int       i, n;
    size_t    len;
    uint8_t   payload[TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX], *p;

    if (t->wish_len > TAVUS_LINE_WISH_MAX || t->issued < 0) {
        return -1;
    }

    p = payload;

    *p++ = TAVUS_LINE_VERSION;

    memcpy(p, t->id, TAVUS_UUID_LEN);
    p += TAVUS_UUID_LEN;

    for (i = 56; i >= 0; i -= 8) {
        *p++ = (uint8_t) ((uint64_t) t->issued >> i);
    }

    *p++ = (uint8_t) t->known;

    memcpy(p, t->address, TAVUS_LINE_HASH);
    p += TAVUS_LINE_HASH;

    memset(p, 0, TAVUS_LINE_HASH);

    if (t->known) {
        memcpy(p, t->visitor, TAVUS_LINE_HASH);
    }

    p += TAVUS_LINE_HASH;

    if (t->wish_len) {
        memcpy(p, t->wish, t->wish_len);
        p += t->wish_len;
    }

    len = tavus_line_encode(dst, payload, p - payload);

    n = tavus_ticket_make(key, TAVUS_USE_LINE, dst, len, dst + len + 1);

    if (n < 0) {
        return -1;
    }

    dst[len] = '.';

    return (int) len + 1 + n;
}


tavus_verify_t
tavus_line_ticket_read(tavus_key_t **keys, size_t nkeys, const char *text,
    size_t len, int64_t now, int64_t lifetime, uint8_t *buf,
    tavus_line_ticket_t *t, size_t *match)
{
    int              i, n;
    uint8_t         *p;
    uint64_t         issued;
    const char      *dot;
    tavus_verify_t   rc;

    if (len == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    dot = len <= TAVUS_LINE_TICKET_MAX ? memchr(text, '.', len) : NULL;

    if (dot == NULL || dot == text || dot == text + len - 1) {
        return TAVUS_VERIFY_MALFORMED;
    }

    /* nothing is read before it is known whose words they are */

    rc = tavus_ticket_verify(keys, nkeys, TAVUS_USE_LINE, text, dot - text,
                             dot + 1, text + len - dot - 1, match);

    if (rc != TAVUS_VERIFY_OK) {
        return rc;
    }

    n = tavus_line_decode(buf, TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX, text,
                          dot - text);

    p = buf;

    if (n < TAVUS_LINE_HEAD || *p++ != TAVUS_LINE_VERSION) {
        return TAVUS_VERIFY_MALFORMED;
    }

    memcpy(t->id, p, TAVUS_UUID_LEN);
    p += TAVUS_UUID_LEN;

    issued = 0;

    for (i = 0; i < 8; i++) {
        issued = issued << 8 | *p++;
    }

    if (issued > INT64_MAX || *p > 1) {
        return TAVUS_VERIFY_MALFORMED;
    }

    t->issued = (int64_t) issued;
    t->known = *p++ & 1;

    memcpy(t->address, p, TAVUS_LINE_HASH);
    p += TAVUS_LINE_HASH;

    memcpy(t->visitor, p, TAVUS_LINE_HASH);
    p += TAVUS_LINE_HASH;

    if (!t->known
        && memcmp(t->visitor, tavus_line_nobody, TAVUS_LINE_HASH) != 0)
    {
        return TAVUS_VERIFY_MALFORMED;
    }

    t->wish = (const char *) p;
    t->wish_len = n - TAVUS_LINE_HEAD;

    /* neither may overflow: both are times since 1970 */

    if (t->issued > now ? t->issued - now > TAVUS_LINE_AHEAD
                        : now - t->issued > lifetime)
    {
        return TAVUS_VERIFY_EXPIRED;
    }

    return TAVUS_VERIFY_OK;
}


int
tavus_line_hash(tavus_key_t *key, const char *what, const void *data,
    size_t len, uint8_t hash[TAVUS_LINE_HASH])
{
    uint8_t       mac[TAVUS_MAC_LEN];
    tavus_part_t  parts[2];

    /* with its NUL, which ends it */

    parts[0].data = what;
    parts[0].len = strlen(what) + 1;
    parts[1].data = data;
    parts[1].len = len;

    if (tavus_key_mac(key, TAVUS_USE_LINE, parts, 2, mac) != 0) {
        return -1;
    }

    memcpy(hash, mac, TAVUS_LINE_HASH);

    return 0;
}


static size_t
tavus_line_encode(char *dst, const uint8_t *src, size_t len)
{
    char      *p;
    size_t     i;
    unsigned   bits, n;

    p = dst;
    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        bits = (bits << 8 | src[i]) & 0xffff;
        n += 8;

        while (n >= 6) {
            n -= 6;
            *p++ = tavus_line_digits[bits >> n & 0x3f];
        }
    }

    if (n) {
        *p++ = tavus_line_digits[bits << (6 - n) & 0x3f];
    }

    return p - dst;
}


/* the length, or -1 for what tavus_line_encode() does not write */

static int
tavus_line_decode(uint8_t *dst, size_t size, const char *src, size_t len)
{
    int        digit;
    size_t     i, out;
    unsigned   bits, n;

    if (len % 4 == 1 || len * 3 / 4 > size) {
        return -1;
    }

    bits = 0;
    n = 0;
    out = 0;

    for (i = 0; i < len; i++) {
        digit = tavus_line_digit(src[i]);

        if (digit < 0) {
            return -1;
        }

        bits = (bits << 6 | (unsigned) digit) & 0xffff;
        n += 6;

        if (n >= 8) {
            n -= 8;
            dst[out++] = (uint8_t) (bits >> n);
        }
    }

    return bits & ((1u << n) - 1) ? -1 : (int) out;
}


static int
tavus_line_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}
