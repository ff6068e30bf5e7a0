
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_FLIGHT_H_INCLUDED_
#define _NGX_TAVUS_FLIGHT_H_INCLUDED_


/*
 * Events that a destination was claimed for: made into what it takes, sent,
 * and told of in one transaction.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_destination.h"
#include "event/ngx_tavus_pg.h"


/* ms after which no request of a claim begins; its lease is twice as long */

#define NGX_TAVUS_FLIGHT_TIME  60000


typedef struct ngx_tavus_flight_s  ngx_tavus_flight_t;

/*
 * A flight is over, and freed after this: rc is NGX_OK if something was
 * delivered or nothing had to be, NGX_ERROR if all of it failed, NGX_DECLINED
 * if that may be its own fault and says nothing of the destination.
 */
typedef void (*ngx_tavus_flight_pt)(void *data, ngx_int_t rc);


/*
 * Takes the rows of a claim, which are freed with the flight.  failures is
 * how many flights to that destination have failed before, one after the
 * other.  The handler is called once, unless NGX_ERROR is returned: then the
 * rows are the caller's, and their lease will be over.
 */
ngx_int_t ngx_tavus_flight_start(ngx_tavus_destination_t *d, PGresult *res,
    ngx_uint_t failures, ngx_tavus_flight_pt handler, void *data);


#endif /* _NGX_TAVUS_FLIGHT_H_INCLUDED_ */
