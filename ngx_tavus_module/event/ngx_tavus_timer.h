
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TIMER_H_INCLUDED_
#define _NGX_TAVUS_TIMER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The data of an event that is a timer only: nginx's debug log reads the
 * descriptor of its "connection".
 */
extern ngx_connection_t  ngx_tavus_timer_dummy;


#endif /* _NGX_TAVUS_TIMER_H_INCLUDED_ */
