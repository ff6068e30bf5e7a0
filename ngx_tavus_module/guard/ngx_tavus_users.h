
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_USERS_H_INCLUDED_
#define _NGX_TAVUS_USERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include "guard/ngx_tavus_limit_zone.h"


#define NGX_TAVUS_AUTH_DIGEST  32


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  hash;            /* with a final zero */

    /* of the credentials that passed last; each worker has its own */

    u_char                     digest[NGX_TAVUS_AUTH_DIGEST];
    ngx_uint_t                 passed;          /* unsigned  passed:1; */
} ngx_tavus_user_t;


typedef struct {
    ngx_array_t                list;            /* ngx_tavus_user_t */
    ngx_thread_pool_t         *thread_pool;
    ngx_str_t                  challenge;       /* WWW-Authenticate */
} ngx_tavus_users_t;


typedef struct {
    ngx_tavus_limit_zone_t    *zone;            /* failed logins */
    ngx_slab_pool_t           *logins;          /* of ngx_tavus_login.c */
} ngx_tavus_auth_main_conf_t;


typedef struct {
    ngx_tavus_users_t         *users;           /* NULL: no login */
} ngx_tavus_auth_loc_conf_t;


/* The user of that name, or NULL. */
ngx_tavus_user_t *ngx_tavus_users_find(ngx_tavus_users_t *users,
    ngx_str_t *name);


/* directive: tavus_admin_users file [realm=text] */
extern ngx_module_t  ngx_tavus_auth_module;


#endif /* _NGX_TAVUS_USERS_H_INCLUDED_ */
