/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_LINE_H_INCLUDED_
#define _TAVUS_LINE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_signature.h"
#include "tavus_uuid.h"


#define TAVUS_LINE_HASH      16
#define TAVUS_LINE_WISH_MAX  4096

/* version, number, time, whether a visitor is known, both hashes, wish */

#define TAVUS_LINE_HEAD                                                      \
    (1 + TAVUS_UUID_LEN + 8 + 1 + 2 * TAVUS_LINE_HASH)
#define TAVUS_LINE_TEXT_MAX                                                  \
    (((TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX) * 4 + 2) / 3)

/* <payload, base64url>.<key id>.<mac, 64 hex> */
#define TAVUS_LINE_TICKET_MAX  (TAVUS_LINE_TEXT_MAX + 1 + TAVUS_TICKET_MAX)


/* what a ticket of the waiting line says */

typedef struct {
    uint8_t      id[TAVUS_UUID_LEN];
    int64_t      issued;                    /* seconds since 1970 */
    uint8_t      address[TAVUS_LINE_HASH];
    uint8_t      visitor[TAVUS_LINE_HASH];  /* zeros: nobody is known */
    unsigned     known:1;                   /* there is a visitor */

    const char  *wish;                      /* bytes; not checked here */
    size_t       wish_len;
} tavus_line_ticket_t;


/*
 * Writes a ticket, signed with the key, to dst, which needs
 * TAVUS_LINE_TICKET_MAX bytes.  Returns the length; -1 if the wish is too
 * long, the time is before 1970, or OpenSSL fails.
 */
int tavus_line_ticket_make(tavus_key_t *key, const tavus_line_ticket_t *t,
    char *dst);

/*
 * Reads what tavus_line_ticket_make() wrote, with any of the keys, and
 * nothing else: there is one text for what a ticket says.  The wish lies in
 * buf, which needs TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX bytes.  A ticket
 * that was issued more than lifetime seconds before now, or more than a
 * minute after it, is TAVUS_VERIFY_EXPIRED; t and *match are set then, too.
 */
tavus_verify_t tavus_line_ticket_read(tavus_key_t **keys, size_t nkeys,
    const char *text, size_t len, int64_t now, int64_t lifetime,
    uint8_t *buf, tavus_line_ticket_t *t, size_t *match);

/*
 * The keyed hash by which a ticket knows an address or a visitor: what says
 * of which of the two, so that one is never the other.  0 or -1.
 */
int tavus_line_hash(tavus_key_t *key, const char *what, const void *data,
    size_t len, uint8_t hash[TAVUS_LINE_HASH]);


#endif /* _TAVUS_LINE_H_INCLUDED_ */
