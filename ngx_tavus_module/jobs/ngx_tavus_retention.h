
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_RETENTION_H_INCLUDED_
#define _NGX_TAVUS_RETENTION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* For how long what is kept, in seconds: what all may have, and of it some. */

typedef enum {
    NGX_TAVUS_KEEP_EVENTS = 0,
    NGX_TAVUS_KEEP_BROWSER,
    NGX_TAVUS_KEEP_CONTACTS,
    NGX_TAVUS_KEEP_TRANSCRIPTS,
    NGX_TAVUS_KEEP_TRAIL,

    NGX_TAVUS_KEEP_KINDS
} ngx_tavus_keep_e;


typedef struct {
    time_t    keep[NGX_TAVUS_KEEP_KINDS];
} ngx_tavus_retention_t;


/* Of the directive: nothing is said, what it says, what is left unsaid. */
void ngx_tavus_retention_create(ngx_tavus_retention_t *retention);
char *ngx_tavus_retention_set(ngx_conf_t *cf,
    ngx_tavus_retention_t *retention);
void ngx_tavus_retention_init(ngx_tavus_retention_t *retention);

/* As JSON, in days, for the page that says so; NGX_ERROR: no memory. */
ngx_int_t ngx_tavus_retention_json(ngx_pool_t *pool,
    ngx_tavus_retention_t *retention, ngx_str_t *json);


#endif /* _NGX_TAVUS_RETENTION_H_INCLUDED_ */
