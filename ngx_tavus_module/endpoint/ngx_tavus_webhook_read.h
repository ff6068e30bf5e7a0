
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_READ_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_READ_H_INCLUDED_


#include "endpoint/ngx_tavus_webhook_verify.h"
#include "store/ngx_tavus_store.h"


/*
 * What a parsed body says of its event: sets event_type, conversation_id and,
 * if it is unfit, reason; conf, body, status and members of w are read.  The
 * names are in pool, the reason is static.
 */
void ngx_tavus_webhook_read(ngx_pool_t *pool, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev);


#endif /* _NGX_TAVUS_WEBHOOK_READ_H_INCLUDED_ */
