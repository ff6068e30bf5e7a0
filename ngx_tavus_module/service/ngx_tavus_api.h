
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_API_H_INCLUDED_
#define _NGX_TAVUS_API_H_INCLUDED_


/* Requests to Tavus (https://docs.tavus.io/api-reference), over the bridge. */

#include "event/ngx_tavus_curl.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_API_WORDS  256
#define NGX_TAVUS_API_ID     64     /* bytes of an id of Tavus's, at most */


/* what Tavus calls things in what it is sent; it is read with either */

typedef enum {
    NGX_TAVUS_API_CURRENT = 0,      /* pal_id, face_id, languages */
    NGX_TAVUS_API_LEGACY            /* persona_id, replica_id, language */
} ngx_tavus_api_names_e;


typedef struct {
    ngx_tavus_curl_peer_t  *peer;
    ngx_str_t               key;
    ngx_msec_t              timeout;
    ngx_uint_t              names;      /* ngx_tavus_api_names_e */
} ngx_tavus_api_t;


/* A transfer with the key, for the caller to complete and send; or NULL. */
ngx_tavus_curl_t *ngx_tavus_api_transfer(ngx_tavus_api_t *api,
    const char *method, ngx_tavus_curl_pt handler, void *data);

/* Ends a conversation; as ngx_tavus_curl_send(). */
ngx_int_t ngx_tavus_api_end(ngx_tavus_api_t *api, ngx_str_t *conversation_id,
    ngx_tavus_curl_pt handler, void *data);

/*
 * Whether the transfer ended it, or the answer says that it was over already
 * or that there is no such conversation.
 */
ngx_uint_t ngx_tavus_api_ended(ngx_tavus_curl_t *t);

/* Whether the answer says that Tavus has no such conversation. */
ngx_uint_t ngx_tavus_api_unknown(ngx_tavus_curl_t *t);

/*
 * What Tavus said of a failure, for a log: printable, at most size bytes,
 * with neither the key nor a token; empty if it said nothing.
 */
ngx_str_t ngx_tavus_api_words(ngx_tavus_api_t *api, ngx_tavus_curl_t *t,
    u_char *buf, size_t size);

/*
 * The name of a conversation at Tavus, by which it is found again, in pool
 * with a NUL behind it; NULL if no memory.
 */
u_char *ngx_tavus_api_name(ngx_pool_t *pool, ngx_str_t *vertical,
    const char *nonce_hex);

/*
 * The id of the persona, or replica, that an object of Tavus's names: under
 * "persona_id" or today's "pal_id", "replica_id" or "face_id".  The text is
 * the object's; NULL if there is none, or none that is an id.
 */
const char *ngx_tavus_api_persona(const cJSON *object);
const char *ngx_tavus_api_replica(const cJSON *object);

/* Counts a transfer that is over in the metrics. */
void ngx_tavus_api_measure(ngx_tavus_curl_t *t);

/* Whether an id can stand in a path as it is. */
ngx_uint_t ngx_tavus_api_valid_id(const u_char *id, size_t len);


#endif /* _NGX_TAVUS_API_H_INCLUDED_ */
