
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_KEYS_H_INCLUDED_
#define _NGX_TAVUS_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_key_use.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_MAX_KEYS  16


/* the secrets of a location, each with its id; the first one signs */

typedef struct {
    tavus_key_t               *elts[NGX_TAVUS_MAX_KEYS];
    ngx_tavus_key_use_t       *uses[NGX_TAVUS_MAX_KEYS];
    ngx_uint_t                 nelts;
} ngx_tavus_keys_t;


typedef struct {
    ngx_array_t               *secrets;         /* ngx_tavus_secret_t */
    ngx_tavus_keys_t          *keys;            /* NULL: none were made */
    ngx_uint_t                 own;             /* neither from nor to others */
} ngx_tavus_keys_loc_conf_t;


/*
 * Makes the keys of a location's secrets, of which there is one at least.  What
 * the other side signs by is told beside their last use.
 */
ngx_int_t ngx_tavus_keys_make(ngx_conf_t *cf,
    ngx_tavus_keys_loc_conf_t *klcf, tavus_secret_form_t form,
    const char *scheme);

/* Notes for log and owner that the key of that index verified, and how. */
void ngx_tavus_keys_verified(ngx_http_request_t *r, ngx_tavus_keys_t *keys,
    size_t i, const char *how);

/*
 * Says that a token names a key which is not configured here, once a minute,
 * with how many there were.
 */
void ngx_tavus_keys_unknown(ngx_http_request_t *r, ngx_str_t *token);


/* directive: tavus_webhook_secret secret id=id */
extern ngx_module_t  ngx_tavus_keys_module;


#endif /* _NGX_TAVUS_KEYS_H_INCLUDED_ */
