/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_EVENT_H_INCLUDED_
#define _TAVUS_EVENT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_json.h"
#include "tavus_uuid.h"


#define TAVUS_EVENT_MAX_NAME  200    /* bytes of an event type or an id */
#define TAVUS_EVENT_DIGEST    32
#define TAVUS_EVENT_APART     8      /* what tells two events apart */
#define TAVUS_EVENT_PARTS     (4 + 2 * TAVUS_EVENT_APART)


typedef struct {
    const void  *data;
    size_t       len;
} tavus_part_t;


/* The identity of an event of Tavus: parts, and what they point to. */

typedef struct {
    tavus_part_t  parts[TAVUS_EVENT_PARTS];
    size_t        n;
    int64_t       time;
    char          text[TAVUS_EVENT_APART][TAVUS_EVENT_MAX_NAME];
} tavus_event_identity_t;


/*
 * Reads a time as senders write it into microseconds since 1970; finer
 * digits are cut off.  Either an ISO 8601 date and time: 2026-05-02T09:29,
 * then perhaps :40, a fraction behind a point or comma, and Z, UTC, +hh:mm,
 * +hhmm or +hh (no zone means UTC; t and z may be small, a blank may stand
 * for the T and before the zone; :60 is the next minute).  Or a decimal
 * number since 1970, perhaps with a fraction and an exponent: of seconds,
 * milliseconds, microseconds or nanoseconds, as its size tells (11, 14, 17
 * and 20 digits at most).  Returns 0, or -1 if it is anything else, a date
 * alone too, or not a real date.
 */
int tavus_event_time(const char *text, size_t len, int64_t *usec);

/* The same of a member of a JSON text, a string or a number. */
int tavus_event_member_time(const char *data,
    const tavus_json_member_t *member, int64_t *usec);

/*
 * The name under which twins meet: Tavus sends some events under an old and
 * a new name (system.pal_joined is system.replica_joined).  Returns the text
 * given, or a static one; *len is updated.
 */
const char *tavus_event_canonical(const char *type, size_t *len);

/*
 * The identity of an event of Tavus: its conversation, type and time
 * (microseconds since 1970), and of the object that says the rest, checked
 * JSON, what tells two events apart that share these (interaction_id,
 * tool_id and the like).  The parts point into id and to what is given.
 */
void tavus_event_identity(tavus_event_identity_t *id,
    const tavus_part_t *conversation, const tavus_part_t *type, int64_t time,
    const char *object, size_t len);

/*
 * The type of a body of Tavus that names none, by what it is about: the
 * callbacks of guardrails, objectives, documents, videos and replicas have
 * no envelope.  It ends with the status that the body gives, as in
 * "document.ready".  Returns the length of what is written to type, or 0 if
 * such a body is not known.  The text is checked JSON.
 */
size_t tavus_event_flat(const char *data, size_t len,
    char type[TAVUS_EVENT_MAX_NAME]);

/* Whether an event's own time can be its id's: -35 d … +1 d around now. */
int tavus_event_time_usable(int64_t usec, int64_t now);

/* Whether a usable time may not be it an hour sooner or later. */
int tavus_event_time_edge(int64_t usec, int64_t now);

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
