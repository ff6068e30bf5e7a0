/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_DELIVERY_H_INCLUDED_
#define _TAVUS_DELIVERY_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_event.h"
#include "tavus_uuid.h"


/* An event on its way out, and what is known of whom it is about. */

typedef struct {
    char          id[TAVUS_UUID_TEXT_LEN + 1];  /* its idempotency key */
    int64_t       time;             /* of its id, microseconds since 1970 */
    tavus_part_t  source;           /* len 0: none, of these three */
    tavus_part_t  event_type;
    tavus_part_t  conversation_id;
    tavus_part_t  body;             /* JSON as it is stored */
    tavus_part_t  visitor;          /* JSON object of tavus.visitor_of() */
} tavus_delivery_t;


typedef enum {
    TAVUS_DELIVERY_POSTHOG = 0,
    TAVUS_DELIVERY_GA4,
    TAVUS_DELIVERY_WEBHOOK,
    TAVUS_DELIVERY_SENDGRID,
    TAVUS_DELIVERY_TAVUS            /* what it is to erase */
} tavus_delivery_kind_t;


typedef enum {
    TAVUS_CONSENT_REQUIRED = 0,     /* sent if the visitor said granted */
    TAVUS_CONSENT_ANONYMOUS,        /* else sent without who it is about */
    TAVUS_CONSENT_NOT_NEEDED        /* webhooks only: whatever was said */
} tavus_consent_t;


/* What is made of an event: something to send, or a word why not. */

typedef enum {
    TAVUS_DELIVERY_OK = 0,
    TAVUS_DELIVERY_SKIP,            /* it must not go there, and that is all */
    TAVUS_DELIVERY_BAD,             /* it cannot: to be shown as dead */
    TAVUS_DELIVERY_ERROR            /* memory is out, or OpenSSL failed */
} tavus_delivery_status_t;


/* What an answer says. */

typedef enum {
    TAVUS_VERDICT_DELIVERED = 0,
    TAVUS_VERDICT_AGAIN,            /* later, by the schedule */
    TAVUS_VERDICT_SLOW,             /* likewise, and less of all others */
    TAVUS_VERDICT_NEVER,            /* not this one: a batch is to be split */
    TAVUS_VERDICT_GONE,             /* nobody wants any more: to be disabled */
    TAVUS_VERDICT_REFUSED           /* key or address are wrong: to be paused */
} tavus_verdict_t;


/* What tavus.visitor_of() knows; NULL for what it does not. */

typedef struct {
    cJSON        *root;
    int           nobody;           /* it is about no visitor: {} */
    const char   *order;            /* it is a payment of theirs */
    int           granted;
    int           denied;
    const char   *session_id;
    const char   *user_id;
    const char   *vertical;
    const char   *utm_source;
    const char   *utm_medium;
    const char   *utm_campaign;
} tavus_delivery_visitor_t;


/* Who is named in what is sent. */

typedef enum {
    TAVUS_DELIVERY_NAMED = 0,
    TAVUS_DELIVERY_NAMELESS,
    TAVUS_DELIVERY_WITHHELD
} tavus_delivery_judgement_t;


/* bytes of an id of 16 bytes, made of another one, as text with its NUL */

#define TAVUS_DELIVERY_ALIAS  (TAVUS_UUID_TEXT_LEN + 1)


/*
 * Whether the body of a type is content: what was said, written or seen,
 * what was made of it, and where that lies.  Types that Tavus adds are
 * content until they are known.  No prefix matches one.
 */
int tavus_delivery_content(const char *type, size_t len);

/*
 * Types of content that a query may leave out beforehand, where a prefix
 * would find them: *n static names.  They are not all there are, so that
 * tavus_delivery_match() is asked of what was found.
 */
const char *const *tavus_delivery_contents(size_t *n);

/*
 * Checks an argument of "events": a name of 1 to TAVUS_EVENT_MAX_NAME bytes,
 * "prefix.*", or "*".  NULL, or a static sentence that says what is wrong.
 */
const char *tavus_delivery_pattern(const char *text, size_t len);

/* Whether a type is named by one of n such arguments, or by a prefix. */
int tavus_delivery_match(const char *type, size_t len,
    const tavus_part_t *patterns, size_t n);

/*
 * Reads the delivery's visitor.  TAVUS_DELIVERY_OK, and the strings are the
 * visitor's own until tavus_delivery_visitor_free(); BAD and a word in
 * *reason if it is no JSON object; ERROR.  Free it in any case.
 */
tavus_delivery_status_t tavus_delivery_visitor(
    tavus_delivery_visitor_t *visitor, const tavus_delivery_t *delivery,
    const char **reason);
void tavus_delivery_visitor_free(tavus_delivery_visitor_t *visitor);

/*
 * Whether an event about this visitor may go to a destination.  A payment
 * goes to webhooks whatever they said: it is the owner's.  WITHHELD
 * sets *reason: "no_visitor", "no_consent", "consent_denied".  The rooms
 * that make what is sent ask this themselves.
 */
tavus_delivery_judgement_t tavus_delivery_judge(
    const tavus_delivery_visitor_t *visitor, tavus_consent_t mode,
    tavus_delivery_kind_t kind, const char **reason);

/*
 * Gives take() what a body says, member by member: those named, in their
 * order, and of what the site or this server says the first numbers besides;
 * of a callback of Tavus only what is named in its "properties", as what it
 * says unasked is not known.  A body of more than TAVUS_DELIVERY_FACTS bytes
 * says nothing.  take() returns 0 if memory is out.  BAD and a word in
 * *reason if a body that is looked at is no JSON object; ERROR.
 */
#define TAVUS_DELIVERY_FACTS  (64 * 1024)

typedef int (*tavus_delivery_take_pt)(void *data, const cJSON *item);

tavus_delivery_status_t tavus_delivery_facts(const tavus_delivery_t *delivery,
    const tavus_part_t *named, size_t n, size_t numbers,
    tavus_delivery_take_pt take, void *data, const char **reason);

/*
 * A copy of a name or an id with a NUL, freed with free().  BAD if it holds
 * a NUL or is not UTF-8, ERROR; then it is NULL.
 */
tavus_delivery_status_t tavus_delivery_text(const tavus_part_t *part,
    char **text);

/* The length of the longest part of at most max bytes that is UTF-8 too. */
size_t tavus_delivery_cut(const char *text, size_t len, size_t max);

/*
 * An id that stands for another one at a destination, and leads back to it
 * nowhere: a UUIDv8 of SHA-256 over salt and id.  0, or -1 if OpenSSL fails.
 */
int tavus_delivery_alias(const tavus_part_t *salt, const char *id,
    char alias[TAVUS_DELIVERY_ALIAS]);

/*
 * Writes a time in microseconds since 1970 as 2026-05-02T09:29:40.481213Z
 * and a NUL; one that is not of the years 1 to 9999 as the nearest that is.
 */
#define TAVUS_DELIVERY_TIME  sizeof("2026-05-02T09:29:40.481213Z")

void tavus_delivery_time(int64_t usec, char text[TAVUS_DELIVERY_TIME]);

/*
 * What a status says, 0 standing for no answer at all: connection, time-out,
 * a cut answer.  For AGAIN and SLOW a Retry-After counts, if it is later.
 */
tavus_verdict_t tavus_delivery_verdict(tavus_delivery_kind_t kind,
    unsigned status);

/* A stable snake_case word for a verdict. */
const char *tavus_verdict_word(tavus_verdict_t verdict);

/*
 * How long PostHog or GA4 are let alone after so many failures in a row
 * (1 …), in milliseconds: doubled from 1 s to 10 min, the upper half of it
 * at random.
 */
int64_t tavus_delivery_backoff(unsigned failures, uint32_t random);


#endif /* _TAVUS_DELIVERY_H_INCLUDED_ */
