
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_PROOF_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_PROOF_H_INCLUDED_


#include "endpoint/ngx_tavus_webhook_verify.h"
#include "store/ngx_tavus_store.h"


/*
 * What is kept of a proof, beside method and key: the sender's signature, if
 * it covers the body and is not in there; else, as a token covers none, a
 * seal: a MAC of this server over the body as it is stored.
 */


/* a webhook as the database has it; what is empty is not there */

typedef struct {
    ngx_str_t            source;
    ngx_str_t            event_type;
    ngx_str_t            conversation_id;
    ngx_str_t            verification;
    ngx_str_t            body;
} ngx_tavus_stored_t;


typedef enum {
    NGX_TAVUS_PROVEN = 0,
    NGX_TAVUS_DISPROVEN,            /* these are not the bytes that came */
    NGX_TAVUS_UNPROVEN              /* nobody can tell */
} ngx_tavus_proven_e;


typedef struct {
    ngx_uint_t           result;    /* ngx_tavus_proven_e */
    const char          *reason;    /* a word; NULL: proven */
    const char          *method;    /* as it was verified, or NULL */
    const char          *key_id;
    ngx_tavus_event_t    event;     /* as ngx_tavus_webhook_read() has it */
    unsigned             webhook:1; /* the two next are set */
    unsigned             agrees:1;  /* the row is of what the body says */
    unsigned             tavus:1;   /* its source */
    unsigned             copy:1;    /* of the sender's API, without envelope */
} ngx_tavus_proof_t;


/* Sets the verification of an event that was verified, in r's memory. */
ngx_int_t ngx_tavus_webhook_keep(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w, ngx_tavus_event_t *ev);

/*
 * Verifies it again, with the secrets of all locations for webhooks of its
 * source, by the id of the key.  What proof has is r's or of stored.
 */
void ngx_tavus_webhook_prove(ngx_http_request_t *r,
    ngx_tavus_stored_t *stored, ngx_tavus_proof_t *proof);


#endif /* _NGX_TAVUS_WEBHOOK_PROOF_H_INCLUDED_ */
