
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CONF_H_INCLUDED_
#define _NGX_TAVUS_CONF_H_INCLUDED_


#include "ngx_tavus_module.h"


/*
 * Reads a secret that a directive names as env:NAME, file:PATH or
 * credential:NAME (systemd) into pool memory, without line ends at its end.
 * Returns NGX_CONF_OK, or NGX_CONF_ERROR after saying why.
 */
char *ngx_tavus_conf_secret(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, size_t min, ngx_str_t *secret);

/* Notes where the directive that is being read stands. */
void ngx_tavus_conf_place(ngx_conf_t *cf, ngx_tavus_place_t *place);

/* directive: tavus_journal path [max_size=size] */
char *ngx_tavus_conf_journal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* directive: tavus_vertical name { … } */
char *ngx_tavus_vertical(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * What can be judged only when all is read and merged: that each endpoint
 * has what it needs, and that a sandbox cannot pass for production.
 */
ngx_int_t ngx_tavus_conf_check(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf);

/*
 * Takes over the folders that journals were in before this reload: events
 * may lie there, and old workers write there until they end.
 */
ngx_int_t ngx_tavus_conf_former_journals(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);


#endif /* _NGX_TAVUS_CONF_H_INCLUDED_ */
