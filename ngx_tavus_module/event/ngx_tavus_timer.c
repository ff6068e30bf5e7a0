
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "event/ngx_tavus_timer.h"


ngx_connection_t  ngx_tavus_timer_dummy = { .fd = (ngx_socket_t) -1 };
