/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_POSTHOG_H_INCLUDED_
#define _TAVUS_POSTHOG_H_INCLUDED_


#include "tavus_delivery.h"


/*
 * Events as PostHog takes them in batches (https://posthog.com/docs/api/
 * capture, and rust/capture in PostHog/posthog for what it refuses).
 */

#define TAVUS_POSTHOG_PATH       "/batch/"
#define TAVUS_POSTHOG_NAME_MAX   200        /* bytes of a name, of an id */
#define TAVUS_POSTHOG_KEY_MAX    200
#define TAVUS_POSTHOG_VALUE_MAX  1000       /* bytes of a property's text */
#define TAVUS_POSTHOG_NUMBERS    20         /* of a body, taken unasked */
#define TAVUS_POSTHOG_NAMED      20         /* properties that are named */

/* no event is larger, whatever it is made of */

#define TAVUS_POSTHOG_EVENT_MAX  (512 * 1024)

/* what PostHog takes, and what is left to the envelope */

#define TAVUS_POSTHOG_BATCH_MAX  (20 * 1024 * 1024 - 4096)


typedef struct {
    tavus_consent_t  consent;
    tavus_part_t     salt;          /* of ids without consent, see alias() */
    tavus_part_t    *properties;    /* those named, at most …_NAMED */
    size_t           nproperties;
} tavus_posthog_conf_t;


/*
 * Makes the JSON object that an event is in a batch.  On TAVUS_DELIVERY_OK
 * the caller frees *json, which is *len bytes and a NUL, with free(); on any
 * other status it is NULL and, but for ERROR, *reason is a static word.
 * What says who the event is about, and whether that may be said, is in it.
 */
tavus_delivery_status_t tavus_posthog_event(const tavus_delivery_t *delivery,
    const tavus_posthog_conf_t *conf, char **json, size_t *len,
    const char **reason);

/*
 * Makes the body of a request from n events, each made by
 * tavus_posthog_event(), in *len bytes; together, with a byte for each, they
 * must not be over TAVUS_POSTHOG_BATCH_MAX.  The caller frees it with
 * free().  NULL if there are none or they are too large, if the key is not
 * UTF-8, or if memory is out.  The body holds the key: it is not for a log.
 */
char *tavus_posthog_batch(const tavus_part_t *key, const tavus_part_t *events,
    size_t n, size_t *len);


#endif /* _TAVUS_POSTHOG_H_INCLUDED_ */
