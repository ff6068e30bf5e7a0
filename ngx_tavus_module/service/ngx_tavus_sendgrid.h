
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SENDGRID_H_INCLUDED_
#define _NGX_TAVUS_SENDGRID_H_INCLUDED_


#include "service/ngx_tavus_destination.h"


/* mails to the owner, an event each, and alerts together */

extern const ngx_tavus_destination_service_t  ngx_tavus_sendgrid;


#endif /* _NGX_TAVUS_SENDGRID_H_INCLUDED_ */
