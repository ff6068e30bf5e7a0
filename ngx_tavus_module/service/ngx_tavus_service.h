
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SERVICE_H_INCLUDED_
#define _NGX_TAVUS_SERVICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "event/ngx_tavus_curl.h"
#include "event/ngx_tavus_directive.h"


/* what requests to any outside service have in common */

/*
 * Where a service is asked, by its directive at that place, or by default:
 * https, or http on this machine with a sandbox, and a host that is known or
 * can be looked up.  NGX_OK, or NGX_ERROR after saying why not.
 */
ngx_int_t ngx_tavus_service_check(ngx_conf_t *cf,
    ngx_tavus_curl_peer_t **peer, const char *directive, const char *url,
    ngx_tavus_place_t *place, ngx_uint_t sandbox, ngx_resolver_t *resolver,
    ngx_msec_t resolver_timeout);

/*
 * A transfer that is answered in JSON, with a header "<name>: <secret>" by
 * which the service knows us, for the caller to complete and send; or NULL.
 */
ngx_tavus_curl_t *ngx_tavus_service_transfer(ngx_tavus_curl_peer_t *peer,
    const char *name, ngx_str_t *secret);

/* Gives it a body, which is JSON and lives at least as long. */
ngx_int_t ngx_tavus_service_body(ngx_tavus_curl_t *t, ngx_str_t *json);

/*
 * Counts a transfer that is over in the metrics; service is a value of the
 * label of that name, TAVUS_SERVICE_TAVUS for instance.
 */
void ngx_tavus_service_measure(ngx_tavus_curl_t *t, ngx_uint_t service);

/*
 * Whether an address that a service answered, with a NUL behind it, can be
 * given to a visitor: https, or http if plain, and nothing that would end it.
 */
ngx_uint_t ngx_tavus_service_valid_url(ngx_str_t *url, ngx_uint_t plain);

/*
 * 401, 402 or 403 if that is how a service has answered this process within
 * the last hour, and it has taken nothing since; ago is since how many
 * seconds.  Else 0.
 */
ngx_uint_t ngx_tavus_service_refused(ngx_uint_t service, time_t *ago);


#endif /* _NGX_TAVUS_SERVICE_H_INCLUDED_ */
