
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_DIRECTIVE_H_INCLUDED_
#define _NGX_TAVUS_DIRECTIVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* where a directive stands, for what is found wrong only later */

typedef struct {
    ngx_str_t                  file;
    ngx_uint_t                 line;
} ngx_tavus_place_t;


/* Notes where the directive that is being read stands. */
void ngx_tavus_place_note(ngx_conf_t *cf, ngx_tavus_place_t *place);

/* A directive's time, at cmd->offset of conf: from 100ms to 10m. */
char *ngx_tavus_directive_time(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_TAVUS_DIRECTIVE_H_INCLUDED_ */
