
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_OUT_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_OUT_H_INCLUDED_


#include "service/ngx_tavus_destination.h"


/* the owner's own systems, by Standard Webhooks 1.0.0 */
extern const ngx_tavus_destination_service_t  ngx_tavus_webhook_out;


#endif /* _NGX_TAVUS_WEBHOOK_OUT_H_INCLUDED_ */
