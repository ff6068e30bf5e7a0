
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "event/ngx_tavus_key_use.h"


/* those of the generation of workers before have their places still */
#define NGX_TAVUS_KEY_USE_PLACES  (2 * NGX_TAVUS_KEY_USES)


typedef struct {
    const char                *scheme;
    const char                *id;
    ngx_tavus_key_use_t      **use;
} ngx_tavus_key_use_wanted_t;


static ngx_int_t ngx_tavus_key_use_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_tavus_key_use_t *ngx_tavus_key_use_place(
    ngx_tavus_key_uses_t *uses, ngx_tavus_key_use_t *all,
    ngx_tavus_key_use_wanted_t *wanted);
static ngx_tavus_key_use_wanted_t *ngx_tavus_key_use_find(
    ngx_tavus_key_uses_t *uses, const char *scheme, const char *id);


/* whose the zone is */

static u_char                 ngx_tavus_key_use_tag;

static ngx_tavus_key_uses_t  *ngx_tavus_key_use_process;


ngx_int_t
ngx_tavus_key_use_add(ngx_conf_t *cf, ngx_tavus_key_uses_t *uses,
    const char *scheme, const char *id, ngx_tavus_key_use_t **use)
{
    size_t                       size;
    ngx_shm_zone_t              *shm_zone;
    ngx_tavus_key_use_wanted_t  *wanted;

    /* a limit zone cannot have a blank in its name */

    static ngx_str_t  name = ngx_string("tavus keys");

    if (uses->wanted.elts == NULL) {

        /* and pages for the slab's own */

        size = ngx_align(NGX_TAVUS_KEY_USE_PLACES
                         * sizeof(ngx_tavus_key_use_t), ngx_pagesize)
               + 8 * ngx_pagesize;

        shm_zone = ngx_shared_memory_add(cf, &name, size,
                                         &ngx_tavus_key_use_tag);

        if (shm_zone == NULL
            || ngx_array_init(&uses->wanted, cf->pool, 4,
                              sizeof(ngx_tavus_key_use_wanted_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        shm_zone->init = ngx_tavus_key_use_init_zone;
        shm_zone->data = uses;
    }

    if (ngx_tavus_key_use_find(uses, scheme, id) == NULL) {
        if (uses->nelts == NGX_TAVUS_KEY_USES) {
            return NGX_DECLINED;
        }

        uses->nelts++;
    }

    wanted = ngx_array_push(&uses->wanted);
    if (wanted == NULL) {
        return NGX_ERROR;
    }

    wanted->scheme = scheme;
    wanted->id = id;
    wanted->use = use;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_key_use_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_uint_t                   i, n;
    ngx_slab_pool_t             *shpool;
    ngx_tavus_key_uses_t        *uses;
    ngx_tavus_key_use_wanted_t  *wanted;

    uses = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data == NULL && !shm_zone->shm.exists) {
        shpool->data = ngx_slab_calloc(shpool, NGX_TAVUS_KEY_USE_PLACES
                                               * sizeof(ngx_tavus_key_use_t));
        if (shpool->data == NULL) {
            return NGX_ERROR;
        }
    }

    wanted = uses->wanted.elts;
    n = 0;

    for (i = 0; i < uses->wanted.nelts; i++) {
        *wanted[i].use = ngx_tavus_key_use_place(uses, shpool->data,
                                                 &wanted[i]);

        if (ngx_tavus_key_use_find(uses, wanted[i].scheme, wanted[i].id)
            == &wanted[i])
        {
            uses->elts[n++] = *wanted[i].use;
        }
    }

    return NGX_OK;
}


/* its own, or one that no secret of this configuration has */

static ngx_tavus_key_use_t *
ngx_tavus_key_use_place(ngx_tavus_key_uses_t *uses, ngx_tavus_key_use_t *all,
    ngx_tavus_key_use_wanted_t *wanted)
{
    ngx_uint_t            i;
    ngx_tavus_key_use_t  *use;

    use = NULL;

    for (i = 0; i < NGX_TAVUS_KEY_USE_PLACES; i++) {

        if (ngx_strcmp(all[i].id, wanted->id) == 0
            && ngx_strcmp(all[i].scheme, wanted->scheme) == 0)
        {
            return &all[i];
        }

        /* an empty one before one that old workers may have */

        if ((use == NULL || use->id[0] != '\0')
            && ngx_tavus_key_use_find(uses, all[i].scheme, all[i].id) == NULL)
        {
            use = &all[i];
        }
    }

    use->at = 0;
    ngx_cpystrn((u_char *) use->id, (u_char *) wanted->id, sizeof(use->id));
    ngx_cpystrn((u_char *) use->scheme, (u_char *) wanted->scheme,
                sizeof(use->scheme));

    return use;
}


/* the first of that name */

static ngx_tavus_key_use_wanted_t *
ngx_tavus_key_use_find(ngx_tavus_key_uses_t *uses, const char *scheme,
    const char *id)
{
    ngx_uint_t                   i;
    ngx_tavus_key_use_wanted_t  *wanted;

    wanted = uses->wanted.elts;

    for (i = 0; i < uses->wanted.nelts; i++) {
        if (ngx_strcmp(wanted[i].id, id) == 0
            && ngx_strcmp(wanted[i].scheme, scheme) == 0)
        {
            return &wanted[i];
        }
    }

    return NULL;
}


ngx_tavus_key_uses_t *
ngx_tavus_key_uses(void)
{
    return ngx_tavus_key_use_process;
}


void
ngx_tavus_key_use_init_process(ngx_tavus_key_uses_t *uses)
{
    ngx_tavus_key_use_process = uses;
}
