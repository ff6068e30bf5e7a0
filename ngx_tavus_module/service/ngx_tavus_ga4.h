
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_GA4_H_INCLUDED_
#define _NGX_TAVUS_GA4_H_INCLUDED_


#include "service/ngx_tavus_destination.h"


/* Google Analytics 4, by its Measurement Protocol */
extern const ngx_tavus_destination_service_t  ngx_tavus_ga4;


#endif /* _NGX_TAVUS_GA4_H_INCLUDED_ */
