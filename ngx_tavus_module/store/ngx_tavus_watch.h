
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WATCH_H_INCLUDED_
#define _NGX_TAVUS_WATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * While events of this worker do not reach the database, the log says so:
 * within a second, then each minute and in each log that was reopened, with
 * the cause and with what the journal holds; and once when it is over.
 */
void ngx_tavus_watch_init_process(void);
void ngx_tavus_watch_exit_process(void);


#endif /* _NGX_TAVUS_WATCH_H_INCLUDED_ */
