
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_POSTHOG_H_INCLUDED_
#define _NGX_TAVUS_POSTHOG_H_INCLUDED_


#include "service/ngx_tavus_destination.h"


/* PostHog: https://posthog.com/docs/api/capture, in batches */
extern const ngx_tavus_destination_service_t  ngx_tavus_posthog;


#endif /* _NGX_TAVUS_POSTHOG_H_INCLUDED_ */
