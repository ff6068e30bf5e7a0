
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SWEEP_H_INCLUDED_
#define _NGX_TAVUS_SWEEP_H_INCLUDED_


/*
 * Conversations that may run at Tavus though nobody knows them or wants them
 * any more: found by their name, ended, and recorded as ended.
 */

#include "service/ngx_tavus_api.h"


void ngx_tavus_sweep_init_process(ngx_tavus_api_t *api);

/* Whether nothing is being swept. */
ngx_uint_t ngx_tavus_sweep_idle(void);

/*
 * Takes the list that tavus.claim_unsettled() leased; it is copied.  What
 * fails is leased again when its time is over.
 */
void ngx_tavus_sweep(const char *list);


#endif /* _NGX_TAVUS_SWEEP_H_INCLUDED_ */
