/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_GA4_H_INCLUDED_
#define _TAVUS_GA4_H_INCLUDED_


#include "tavus_delivery.h"


/*
 * Events as Google Analytics 4 takes them, by its Measurement Protocol
 * (https://developers.google.com/analytics/devguides/collection/protocol/
 * ga4/reference).  A request is about one client, and it answers 204
 * whatever it was sent: so what it would not count is not sent to it.  An
 * event is a request.
 */

#define TAVUS_GA4_NAME_MAX   40             /* bytes, of parameters too */
#define TAVUS_GA4_VALUE_MAX  100
#define TAVUS_GA4_PARAMS     25
#define TAVUS_GA4_AGE_MAX    (72 * 3600)    /* seconds */
#define TAVUS_GA4_BODY_MAX   (64 * 1024)    /* no request is larger */


typedef struct {
    tavus_consent_t  consent;
    tavus_part_t     salt;          /* of ids without consent, see alias() */
    tavus_part_t    *properties;    /* those named */
    size_t           nproperties;
} tavus_ga4_conf_t;


/*
 * Makes the body of a request from an event; now is in microseconds since
 * 1970, as GA4 does not take what is older than three days.  Otherwise as
 * tavus_posthog_event().
 */
tavus_delivery_status_t tavus_ga4_event(const tavus_delivery_t *delivery,
    const tavus_ga4_conf_t *conf, int64_t now, char **json, size_t *len,
    const char **reason);

/*
 * The name that a type has at GA4: its length in name, or 0 and a static
 * word in *reason.  So "nginx -t" can say that a listed name is never sent.
 */
size_t tavus_ga4_name(const char *type, size_t len,
    char name[TAVUS_GA4_NAME_MAX + 1], const char **reason);

/*
 * Makes path and query, with a NUL, from the path of the configured address
 * ("/mp/collect"); the caller frees it with free().  NULL if memory is out.
 * The secret stands in it: it is never printed.
 */
char *tavus_ga4_path(const tavus_part_t *path,
    const tavus_part_t *measurement_id, const tavus_part_t *secret);


#endif /* _TAVUS_GA4_H_INCLUDED_ */
