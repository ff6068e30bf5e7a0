/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>

#include "tavus_query.h"
#include "tavus_utf8.h"


static tavus_query_status_t tavus_query_arg(const char *name,
    const char *eq, const char *end, tavus_query_arg_t *table, size_t n,
    char **buf);
static tavus_query_arg_t *tavus_query_find(tavus_query_arg_t *table,
    size_t n, const char *name, size_t len);
static int tavus_query_decode(const char *p, const char *end, char *dst,
    size_t *len);
static int tavus_query_hex(char c);


tavus_query_status_t
tavus_query_parse(const char *args, size_t len, tavus_query_arg_t *table,
    size_t n, char *buf, const char **bad, size_t *bad_len)
{
    size_t                i;
    const char           *p, *end, *next, *eq;
    tavus_query_status_t  status;

    for (i = 0; i < n; i++) {
        table[i].value = NULL;
        table[i].len = 0;
    }

    if (len == 0) {
        return TAVUS_QUERY_OK;
    }

    end = args + len;

    for (p = args; p < end; p = next + 1) {

        next = memchr(p, '&', end - p);
        if (next == NULL) {
            next = end;
        }

        if (next == p) {
            continue;
        }

        eq = memchr(p, '=', next - p);
        if (eq == NULL) {
            eq = next;
        }

        status = tavus_query_arg(p, eq, next, table, n, &buf);

        if (status != TAVUS_QUERY_OK) {
            if (bad) {
                *bad = p;
                *bad_len = eq - p;
            }

            return status;
        }
    }

    return TAVUS_QUERY_OK;
}


int
tavus_query_number(const char *value, size_t len, int64_t min, int64_t max,
    int64_t *number)
{
    int       negative;
    size_t    i;
    int64_t   signed_n;
    uint64_t  n, limit;

    negative = (len && value[0] == '-');

    if (negative) {
        value++;
        len--;
    }

    if (len == 0 || (value[0] == '0' && (len > 1 || negative))) {
        return -1;
    }

    limit = negative ? (uint64_t) INT64_MAX + 1 : INT64_MAX;
    n = 0;

    for (i = 0; i < len; i++) {

        if (value[i] < '0' || value[i] > '9'
            || n > (limit - (uint64_t) (value[i] - '0')) / 10)
        {
            return -1;
        }

        n = n * 10 + (uint64_t) (value[i] - '0');
    }

    /* the negation is made in unsigned numbers, where it cannot overflow */

    signed_n = (int64_t) (negative ? - n : n);

    if (signed_n < min || signed_n > max) {
        return -1;
    }

    *number = signed_n;

    return 0;
}


/*
 * A name is decoded to where its value will stand.  As a name has one byte
 * at least, neither it nor the value with its NUL is ever longer than what
 * was read up to there.
 */

static tavus_query_status_t
tavus_query_arg(const char *name, const char *eq, const char *end,
    tavus_query_arg_t *table, size_t n, char **buf)
{
    char               *dst;
    size_t              size;
    const char         *value;
    tavus_query_arg_t  *arg;

    dst = *buf;

    if (tavus_query_decode(name, eq, dst, &size) != 0) {
        return TAVUS_QUERY_MALFORMED;
    }

    arg = size ? tavus_query_find(table, n, dst, size) : NULL;

    if (arg == NULL) {
        return TAVUS_QUERY_UNKNOWN;
    }

    if (arg->value) {
        return TAVUS_QUERY_TWICE;
    }

    value = eq < end ? eq + 1 : end;

    if (tavus_query_decode(value, end, dst, &size) != 0) {
        return TAVUS_QUERY_MALFORMED;
    }

    if (size > arg->max) {
        return TAVUS_QUERY_TOO_LONG;
    }

    dst[size] = '\0';

    arg->value = dst;
    arg->len = size;

    *buf = dst + size + 1;

    return TAVUS_QUERY_OK;
}


static tavus_query_arg_t *
tavus_query_find(tavus_query_arg_t *table, size_t n, const char *name,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (strncmp(table[i].name, name, len) == 0
            && table[i].name[len] == '\0')
        {
            return &table[i];
        }
    }

    return NULL;
}


static int
tavus_query_decode(const char *p, const char *end, char *dst, size_t *len)
{
    int    hi, lo;
    char  *start;

    start = dst;

    while (p < end) {

        switch (*p) {

        case '+':
            *dst = ' ';
            p++;
            break;

        case '%':
            if (end - p < 3) {
                return -1;
            }

            hi = tavus_query_hex(p[1]);
            lo = tavus_query_hex(p[2]);

            if (hi < 0 || lo < 0) {
                return -1;
            }

            *dst = (char) (hi << 4 | lo);
            p += 3;
            break;

        default:
            *dst = *p++;
        }

        if (*dst++ == '\0') {
            return -1;
        }
    }

    *len = dst - start;

    return tavus_utf8_valid(start, *len) ? 0 : -1;
}


static int
tavus_query_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}
