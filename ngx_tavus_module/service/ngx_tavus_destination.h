
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_DESTINATION_H_INCLUDED_
#define _NGX_TAVUS_DESTINATION_H_INCLUDED_


/*
 * Where events go on to, as the configuration has it: a service is a table
 * of what it wants, and a destination one of it, with a name.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api.h"
#include "event/ngx_tavus_curl.h"
#include "event/ngx_tavus_directive.h"
#include "core/tavus_delivery.h"
#include "core/tavus_mail.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_DESTINATION_NAME     32
#define NGX_TAVUS_DESTINATION_EVENTS   64      /* patterns */
#define NGX_TAVUS_DESTINATION_SECRETS  4
#define NGX_TAVUS_DESTINATION_SAID     200     /* bytes of what is kept */


typedef struct ngx_tavus_destination_s  ngx_tavus_destination_t;


/* what the log of a worker has said of one */

typedef enum {
    NGX_TAVUS_DESTINATION_WELL = 0,
    NGX_TAVUS_DESTINATION_PAUSED,
    NGX_TAVUS_DESTINATION_STOPPED
} ngx_tavus_destination_told_t;


/* an event on its way, in memory of the flight */

typedef struct {
    tavus_delivery_t           delivery;
    ngx_str_t                  json;        /* as it is sent; freed with it */
    unsigned                   digest:1;    /* all of these are one request */
} ngx_tavus_parcel_t;


/* a line of the block */

typedef struct {
    const char                *name;
    ngx_uint_t                 min;         /* arguments */
    ngx_uint_t                 max;
    char                      *(*set)(ngx_conf_t *cf,
                                      ngx_tavus_destination_t *d);
} ngx_tavus_deliver_member_t;


typedef struct {
    ngx_str_t                  name;        /* as the directive has it */
    tavus_delivery_kind_t      kind;
    ngx_uint_t                 service;     /* of the metrics */
    const char                *url;         /* NULL: it has to be given */
    const char               **members;     /* that not all services have */
    unsigned                   signs:1;     /* its secrets are for that */

    /* of a request: how many events, and how many bytes of them */
    ngx_uint_t                 events;
    size_t                     bytes;

    ngx_uint_t                 requests;    /* of a flight, at once */

    /* makes parcel->json, which is to be freed with free() */
    tavus_delivery_status_t  (*make)(ngx_tavus_destination_t *d,
                                     ngx_tavus_parcel_t *parcel,
                                     const char **reason);

    /* a request with these, for the caller to complete and send; or NULL */
    ngx_tavus_curl_t        *(*request)(ngx_tavus_destination_t *d,
                                        ngx_tavus_parcel_t **parcels,
                                        ngx_uint_t n);

    /* of a service of mails: its own lines, and one that is missing */
    const ngx_tavus_deliver_member_t *lines;
    const char              *(*missing)(ngx_tavus_destination_t *d);

    /* what is sent after this was answered, before that is judged; or NULL */
    ngx_tavus_curl_t        *(*next)(ngx_tavus_destination_t *d,
                                     ngx_tavus_curl_t *t);

    /* NULL: by the status */
    tavus_verdict_t          (*verdict)(ngx_tavus_curl_t *t);
} ngx_tavus_destination_service_t;


struct ngx_tavus_destination_s {
    ngx_str_t                  name;        /* with a NUL behind it */
    ngx_tavus_place_t          place;
    const ngx_tavus_destination_service_t *service;

    ngx_tavus_api_t           *api;         /* of what Tavus is to erase */
    ngx_tavus_curl_peer_t     *peer;
    ngx_str_t                  path;        /* behind the peer's; secret */
    ngx_str_t                  key;
    ngx_str_t                  measurement_id;
    ngx_str_t                  salt;
    tavus_key_t               *secrets[NGX_TAVUS_DESTINATION_SECRETS];
    ngx_uint_t                 nsecrets;
    ngx_msec_t                 timeout;

    tavus_consent_t            consent;
    ngx_array_t                patterns;    /* tavus_part_t: of "events" */
    ngx_array_t                properties;  /* tavus_part_t: beside the usual */
    unsigned                   beginning:1; /* a new one begins there */
    unsigned                   rows:1;      /* it does not read the log */
    tavus_mail_conf_t          mail;

    ngx_tavus_destination_told_t  told;

    /* the same for PostgreSQL: texts of arrays */
    const char                *names;
    const char                *prefixes;
    const char                *content;
    const char                *transcripts; /* verticals, of mails */
    const char                *digest;      /* an interval */
};


/*
 * A POST of JSON to what stands behind the destination's path, for the
 * caller to complete and send; or NULL.  The body was allocated by malloc()
 * and is freed with the transfer, in any case.
 */
ngx_tavus_curl_t *ngx_tavus_destination_post(ngx_tavus_destination_t *d,
    const char *path, char *body, size_t len);

/* The status of an answer, 0 if there is none that counts. */
ngx_uint_t ngx_tavus_destination_status(ngx_tavus_curl_t *t);

/*
 * What is to be kept of an answer, or of why there is none, for the owner:
 * printable, in at most NGX_TAVUS_DESTINATION_SAID bytes of buf.  It may repeat
 * what it was sent, and ends where the key or the address would stand in it.
 */
ngx_str_t ngx_tavus_destination_said(ngx_tavus_destination_t *d,
    ngx_tavus_curl_t *t, u_char *buf);


#endif /* _NGX_TAVUS_DESTINATION_H_INCLUDED_ */
