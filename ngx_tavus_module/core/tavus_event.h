/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_EVENT_H_INCLUDED_
#define _TAVUS_EVENT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_uuid.h"


#define TAVUS_EVENT_MAX_NAME  200    /* bytes of an event type or an id */
#define TAVUS_EVENT_DIGEST    32


typedef struct {
    const void  *data;
    size_t       len;
} tavus_part_t;


/*
 * Reads an ISO 8601 date and time as senders write it
 * (2026-05-02T09:29:40[.1-9 digits][Z|+hh:mm|-hh:mm|nothing]; no zone means
 * UTC, a blank may stand for the T) into microseconds since 1970.
 * Returns 0, or -1 if it is anything else or not a real date.
 */
int tavus_event_time(const char *text, size_t len, int64_t *usec);

/*
 * The name under which twins meet: Tavus sends some events under an old and
 * a new name (system.pal_joined is system.replica_joined).  Returns the text
 * given, or a static one; *len is updated.
 */
const char *tavus_event_canonical(const char *type, size_t *len);

/* Whether an event's own time can be its id's: -35 d … +1 d around now. */
int tavus_event_time_usable(int64_t usec, int64_t now);

/*
 * SHA-256 over the parts, each preceded by its length as 64 bits big endian,
 * so that no two lists of parts meet.  0, or -1 if OpenSSL fails.  One
 * thread at a time: the context is kept between calls.
 */
int tavus_event_digest(uint8_t digest[TAVUS_EVENT_DIGEST],
    const tavus_part_t *parts, size_t n);

/* The event's id: UUIDv7 of usec / 1000 and the digest's first 74 bits. */
void tavus_event_id(uint8_t id[TAVUS_UUID_LEN], int64_t usec,
    const uint8_t digest[TAVUS_EVENT_DIGEST]);


#endif /* _TAVUS_EVENT_H_INCLUDED_ */
