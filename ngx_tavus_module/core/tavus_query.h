/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_QUERY_H_INCLUDED_
#define _TAVUS_QUERY_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * Reads application/x-www-form-urlencoded query strings (WHATWG URL, 5.1),
 * but strictly: a bad percent escape, an escaped NUL or bytes that are not
 * UTF-8 are errors.
 */

typedef enum {
    TAVUS_QUERY_OK = 0,
    TAVUS_QUERY_UNKNOWN,        /* a name that is not in the table */
    TAVUS_QUERY_TWICE,
    TAVUS_QUERY_MALFORMED,
    TAVUS_QUERY_TOO_LONG
} tavus_query_status_t;


typedef struct {
    const char  *name;
    size_t       max;           /* longest value, bytes after decoding */

    const char  *value;         /* NULL if absent; NUL-terminated */
    size_t       len;
} tavus_query_arg_t;


/*
 * Parses args into the table.  Values are decoded into buf, which must have
 * room for len + 1 bytes and outlive them.  On an error *bad, if not NULL,
 * points to the name in args (its length in *bad_len), undecoded.
 */
tavus_query_status_t tavus_query_parse(const char *args, size_t len,
    tavus_query_arg_t *table, size_t n, char *buf, const char **bad,
    size_t *bad_len);

/* Reads a decimal number within [min, max]; 0 or -1. */
int tavus_query_number(const char *value, size_t len, int64_t min,
    int64_t max, int64_t *number);


#endif /* _TAVUS_QUERY_H_INCLUDED_ */
