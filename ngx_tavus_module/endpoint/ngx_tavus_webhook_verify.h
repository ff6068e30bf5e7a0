
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_VERIFY_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_VERIFY_H_INCLUDED_


#include "endpoint/ngx_tavus_webhook.h"
#include "guard/ngx_tavus_keys.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


/* what is read of a body, in the order of ngx_tavus_webhook_members */

enum {
    ngx_tavus_member_signature = 0,
    ngx_tavus_member_event_type,
    ngx_tavus_member_conversation_id,
    ngx_tavus_member_timestamp,
    ngx_tavus_member_type,
    ngx_tavus_member_id,
    ngx_tavus_member_created,
    ngx_tavus_member_created_at,
    ngx_tavus_member_properties,
    ngx_tavus_member_payload,
    ngx_tavus_member_count
};


typedef struct {
    ngx_tavus_keys_t        *keys;
    ngx_tavus_webhook_loc_conf_t  *conf;

    ngx_str_t                body;
    tavus_json_status_t      status;
    tavus_json_member_t      members[ngx_tavus_member_count];
    const char              *method;        /* how it was verified */
    size_t                   key;
    uint8_t                  nonce[TAVUS_NONCE_LEN];
    ngx_str_t                id;            /* webhook-id */
    ngx_str_t                timestamp;     /* webhook-timestamp */
    ngx_str_t                signature;     /* of a header */
    size_t                   located;       /* where its signature is */
    unsigned                 token:1;
    unsigned                 header:1;
    unsigned                 member:1;      /* the one at located is right */
    unsigned                 covered:1;     /* a signature covers the body */
} ngx_tavus_webhook_t;


/* what events say of their source, by ngx_tavus_scheme_e; ends empty */
extern ngx_str_t  ngx_tavus_webhook_sources[];


/*
 * What can be refused before a body is read: a proof that is missing and
 * cannot be in the body, or a token that is wrong.  Counted if refused.
 */
tavus_verify_t ngx_tavus_webhook_foresee(ngx_http_request_t *r);

/*
 * Verifies a webhook with that body, fills w and counts the result.
 * Nobody's body is parsed before a proof is found to be right; then status
 * and members are set, and in the context how it was verified.
 */
tavus_verify_t ngx_tavus_webhook_verify(ngx_http_request_t *r,
    ngx_str_t *body, ngx_tavus_webhook_t *w);

/* Checks the body, and sets status and members. */
void ngx_tavus_webhook_parse(ngx_tavus_webhook_t *w);

/* Verifies the signature that is a member of the body, and once there. */
tavus_verify_t ngx_tavus_webhook_verify_member(ngx_tavus_keys_t *keys,
    ngx_tavus_webhook_t *w, tavus_json_member_t *member);


#endif /* _NGX_TAVUS_WEBHOOK_VERIFY_H_INCLUDED_ */
