
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SECRET_H_INCLUDED_
#define _NGX_TAVUS_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a secret that a directive names as env:NAME, file:PATH or
 * credential:NAME (systemd) into pool memory, without line ends at its end.
 * Returns NGX_CONF_OK, or NGX_CONF_ERROR after saying why.
 */
char *ngx_tavus_secret_read(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, size_t min, ngx_str_t *secret);

/* The same of one that becomes a header's value, or stands in JSON. */
char *ngx_tavus_secret_read_key(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, size_t min, ngx_str_t *key);


typedef enum {
    NGX_TAVUS_SECRET_FILE_OK = 0,
    NGX_TAVUS_SECRET_FILE_OPEN,         /* failed, as *err says */
    NGX_TAVUS_SECRET_FILE_INFO,         /* likewise */
    NGX_TAVUS_SECRET_FILE_NONE,         /* it is no regular file */
    NGX_TAVUS_SECRET_FILE_FOR_ALL,      /* others may read or write it */
    NGX_TAVUS_SECRET_FILE_LARGE,        /* text->len bytes */
    NGX_TAVUS_SECRET_FILE_READ,         /* failed, as *err says */
    NGX_TAVUS_SECRET_FILE_NO_MEMORY
} ngx_tavus_secret_file_e;


/*
 * Reads a file that holds secrets, of at most max bytes, into pool memory,
 * with room for a NUL behind it; the caller says what is wrong with it.
 */
ngx_tavus_secret_file_e ngx_tavus_secret_load(ngx_pool_t *pool,
    ngx_str_t *path, size_t max, ngx_str_t *text, ngx_err_t *err);


#endif /* _NGX_TAVUS_SECRET_H_INCLUDED_ */
