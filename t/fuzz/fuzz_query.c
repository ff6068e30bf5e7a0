/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* The query parser against one that copies everything. */

#include "fuzz.h"
#include "tavus_query.h"


typedef struct {
    char    *value;
    size_t   len;
} fuzz_arg_t;


static tavus_query_status_t fuzz_model(const char *args, size_t len,
    const tavus_query_arg_t *table, size_t n, fuzz_arg_t *out);
static char *fuzz_decode(const char *p, size_t len, size_t *size);
static int fuzz_utf8(const uint8_t *p, size_t len);
static void fuzz_numbers(const char *text, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                  *args, *buf;
    size_t                 i, bad_len;
    fuzz_arg_t             model[3];
    const char            *bad;
    tavus_query_status_t   status;
    tavus_query_arg_t      table[] = {
        { .name = "after", .max = 8 },
        { .name = "n", .max = 100000 },
        { .name = "\xc3\xa9", .max = 0 }
    };

    args = fuzz_copy(data, size);
    buf = malloc(size + 1);
    fuzz_assert(buf != NULL);

    memset(model, 0, sizeof(model));
    status = tavus_query_parse(args, size, table, FUZZ_COUNT(table), buf,
                               &bad, &bad_len);

    fuzz_assert(status == fuzz_model(args, size, table, FUZZ_COUNT(table),
                                     model));

    if (status != TAVUS_QUERY_OK) {
        fuzz_assert(bad >= args && bad + bad_len <= args + size);
    }

    for (i = 0; i < FUZZ_COUNT(table); i++) {

        if (status == TAVUS_QUERY_OK) {
            fuzz_assert((table[i].value != NULL) == (model[i].value != NULL));

            if (model[i].value) {
                fuzz_assert(table[i].len == model[i].len);
                fuzz_assert(memcmp(table[i].value, model[i].value,
                                   model[i].len + 1) == 0);
            }
        }

        free(model[i].value);
    }

    fuzz_numbers(args, size);

    free(buf);
    free(args);

    return 0;
}


static tavus_query_status_t
fuzz_model(const char *args, size_t len, const tavus_query_arg_t *table,
    size_t n, fuzz_arg_t *out)
{
    char        *name, *value;
    size_t       i, k, size, from, to, eq;

    for (from = 0; from < len; from = to + 1) {

        for (to = from; to < len && args[to] != '&'; to++) { /* void */ }

        if (to == from) {
            continue;
        }

        for (eq = from; eq < to && args[eq] != '='; eq++) { /* void */ }

        name = fuzz_decode(args + from, eq - from, &size);

        if (name == NULL) {
            return TAVUS_QUERY_MALFORMED;
        }

        k = n;

        for (i = 0; i < n; i++) {
            if (strlen(table[i].name) == size
                && memcmp(table[i].name, name, size) == 0)
            {
                k = i;
            }
        }

        free(name);

        if (k == n) {
            return TAVUS_QUERY_UNKNOWN;
        }

        if (out[k].value) {
            return TAVUS_QUERY_TWICE;
        }

        eq += eq < to;
        value = fuzz_decode(args + eq, to - eq, &size);

        if (value == NULL) {
            return TAVUS_QUERY_MALFORMED;
        }

        if (size > table[k].max) {
            free(value);
            return TAVUS_QUERY_TOO_LONG;
        }

        out[k].value = value;
        out[k].len = size;
    }

    return TAVUS_QUERY_OK;
}


static char *
fuzz_decode(const char *p, size_t len, size_t *size)
{
    char    *dst, *bad, hex[3];
    size_t   i, n;

    dst = malloc(len + 1);
    fuzz_assert(dst != NULL);

    n = 0;

    for (i = 0; i < len; i++) {

        dst[n] = p[i] == '+' ? ' ' : p[i];

        if (p[i] == '%') {

            hex[0] = i + 1 < len ? p[i + 1] : 'x';
            hex[1] = i + 2 < len ? p[i + 2] : 'x';
            hex[2] = '\0';

            /* strtoul() takes signs and blanks */

            if (!strchr("0123456789abcdefABCDEF", hex[0]) || !hex[0]) {
                goto failed;
            }

            dst[n] = (char) strtoul(hex, &bad, 16);

            if (bad != hex + 2) {
                goto failed;
            }

            i += 2;
        }

        if (dst[n++] == '\0') {
            goto failed;
        }
    }

    dst[n] = '\0';
    *size = n;

    if (fuzz_utf8((const uint8_t *) dst, n)) {
        return dst;
    }

failed:

    free(dst);

    return NULL;
}


/* Decodes each code point and looks whether that was its shortest form. */

static int
fuzz_utf8(const uint8_t *p, size_t len)
{
    size_t    i, j, n;
    uint32_t  c;

    for (i = 0; i < len; i += n) {

        n = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3
            : p[i] >> 3 == 30 ? 4 : 0;

        if (n == 0 || n > len - i) {
            return 0;
        }

        c = n == 1 ? p[i] : p[i] & (0x7f >> n);

        for (j = 1; j < n; j++) {

            if (p[i + j] >> 6 != 2) {
                return 0;
            }

            c = c << 6 | (p[i + j] & 0x3f);
        }

        if (n != (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
            || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        {
            return 0;
        }
    }

    return 1;
}


static void
fuzz_numbers(const char *text, size_t len)
{
    int      good;
    char     again[32];
    int64_t  number, model;

    number = 0;
    good = tavus_query_number(text, len, INT64_MIN, INT64_MAX, &number) == 0;

    if (len == 0 || len > 20) {
        fuzz_assert(!good);
        return;
    }

    memcpy(again, text, len);
    again[len] = '\0';
    model = strtoll(again, NULL, 10);

    /* a number is what printf() makes of it */

    snprintf(again, sizeof(again), "%lld", (long long) model);
    fuzz_assert(good == (strlen(again) == len
                         && memcmp(again, text, len) == 0));
    fuzz_assert(!good || number == model);
}
