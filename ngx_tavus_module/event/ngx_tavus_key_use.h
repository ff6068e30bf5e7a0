
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_KEY_USE_H_INCLUDED_
#define _NGX_TAVUS_KEY_USE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_TAVUS_KEY_USES     128     /* of one configuration */
#define NGX_TAVUS_KEY_USE_LEN  32


/* a secret by its id, in memory that the node's workers share */

typedef struct {
    char                       scheme[NGX_TAVUS_KEY_USE_LEN + 1];
    char                       id[NGX_TAVUS_KEY_USE_LEN + 1];
    ngx_atomic_t               at;      /* s since 1970, 0: not yet */
} ngx_tavus_key_use_t;


/* what a configuration has of them */

typedef struct {
    ngx_array_t                wanted;  /* ngx_tavus_key_use_wanted_t */
    ngx_tavus_key_use_t       *elts[NGX_TAVUS_KEY_USES];    /* each once */
    ngx_uint_t                 nelts;
} ngx_tavus_key_uses_t;


/*
 * Has *use point at the place of a secret once there are workers.  Those of one
 * scheme and id are one, over reloads too.  The texts have to stay.  Returns
 * NGX_DECLINED if there are too many.
 */
ngx_int_t ngx_tavus_key_use_add(ngx_conf_t *cf, ngx_tavus_key_uses_t *uses,
    const char *scheme, const char *id, ngx_tavus_key_use_t **use);

/* Says that it has verified something now. */
#define ngx_tavus_key_use_now(use)                                           \
    do {                                                                     \
        /* the memory is all workers': one write a second */                 \
        if ((use)->at != (ngx_atomic_t) ngx_time()) {                        \
            (use)->at = ngx_time();                                          \
        }                                                                    \
    } while (0)

/* The process's, NULL if it has none; see below. */
ngx_tavus_key_uses_t *ngx_tavus_key_uses(void);
void ngx_tavus_key_use_init_process(ngx_tavus_key_uses_t *uses);


#endif /* _NGX_TAVUS_KEY_USE_H_INCLUDED_ */
