
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_INTAKE_H_INCLUDED_
#define _NGX_TAVUS_INTAKE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "store/ngx_tavus_store.h"


/*
 * Called once when every event's fate is known: the worst of them.  Ends the
 * request with ngx_tavus_finalize().
 */
typedef void (*ngx_tavus_intake_pt)(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);

/*
 * Stores n events and lets the request wait for them; what the events point
 * to is copied.  A client that goes away is forgotten, its events are stored
 * all the same.  NGX_OK, and the handler will be called; NGX_ERROR if not
 * all could be taken: it will not, and what was taken is stored.
 */
ngx_int_t ngx_tavus_intake(ngx_http_request_t *r, ngx_tavus_event_t *events,
    ngx_uint_t n, ngx_tavus_intake_pt handler);

/* The 503 of an event that cannot be stored now. */
ngx_int_t ngx_tavus_intake_unavailable(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_INTAKE_H_INCLUDED_ */
