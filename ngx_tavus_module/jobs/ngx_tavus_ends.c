
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_ends.h"


#define NGX_TAVUS_ENDS_SETS  1024
#define NGX_TAVUS_ENDS_WAYS  8


/* nonces are random, and known only to who was given a token */

typedef struct {
    uint64_t            key;
    ngx_msec_t          until;      /* by no clock that is set */
    ngx_uint_t          state;      /* ngx_tavus_end_e */
    ngx_uint_t          relayed;    /* events */
} ngx_tavus_ends_slot_t;


struct ngx_tavus_ends_s {
    ngx_shmtx_t            *mutex;
    ngx_tavus_ends_slot_t  *slots;
};


static ngx_int_t ngx_tavus_ends_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_tavus_ends_slot_t *ngx_tavus_ends_slot(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN]);


/* whose the zone is */

static u_char  ngx_tavus_ends_tag;


ngx_tavus_end_e
ngx_tavus_ends_begin(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], time_t lease)
{
    ngx_uint_t              state;
    ngx_tavus_ends_slot_t  *slot;

    ngx_shmtx_lock(ends->mutex);

    slot = ngx_tavus_ends_slot(ends, nonce);
    state = (ngx_msec_int_t) (slot->until - ngx_current_msec) > 0
            ? slot->state : NGX_TAVUS_END_NONE;

    if (state == NGX_TAVUS_END_NONE) {
        slot->state = NGX_TAVUS_END_UNDER_WAY;
        slot->until = ngx_current_msec + (ngx_msec_t) lease * 1000;
    }

    ngx_shmtx_unlock(ends->mutex);

    return state;
}


void
ngx_tavus_ends_set(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], ngx_tavus_end_e state, time_t keep)
{
    ngx_tavus_ends_slot_t  *slot;

    ngx_shmtx_lock(ends->mutex);

    slot = ngx_tavus_ends_slot(ends, nonce);
    slot->state = state;
    slot->until = ngx_current_msec + (ngx_msec_t) ngx_max(keep, 0) * 1000;

    ngx_shmtx_unlock(ends->mutex);
}


ngx_int_t
ngx_tavus_ends_relay(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], ngx_uint_t n, ngx_uint_t most,
    time_t keep)
{
    ngx_int_t               rc;
    ngx_tavus_ends_slot_t  *slot;

    ngx_shmtx_lock(ends->mutex);

    slot = ngx_tavus_ends_slot(ends, nonce);

    if ((ngx_msec_int_t) (slot->until - ngx_current_msec) <= 0) {

        /* nothing is known of its end, or not any more */

        slot->state = NGX_TAVUS_END_NONE;
        slot->until = ngx_current_msec + (ngx_msec_t) ngx_max(keep, 0) * 1000;
    }

    if (slot->relayed + n > most) {
        rc = NGX_DECLINED;

    } else {
        rc = NGX_OK;
        slot->relayed += n;
    }

    ngx_shmtx_unlock(ends->mutex);

    return rc;
}


/* the conversation's, or one of those to whom it may be given, emptied */

static ngx_tavus_ends_slot_t *
ngx_tavus_ends_slot(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN])
{
    uint64_t                key, set;
    ngx_uint_t              i;
    ngx_tavus_ends_slot_t  *slot, *oldest;

    ngx_memcpy(&key, nonce, sizeof(uint64_t));
    ngx_memcpy(&set, nonce + sizeof(uint64_t), sizeof(uint64_t));

    slot = ends->slots + set % NGX_TAVUS_ENDS_SETS * NGX_TAVUS_ENDS_WAYS;
    oldest = slot;

    for (i = 0; i < NGX_TAVUS_ENDS_WAYS; i++) {

        if (slot[i].key == key) {
            return &slot[i];
        }

        if (slot[i].until < oldest->until) {
            oldest = &slot[i];
        }
    }

    oldest->key = key;
    oldest->until = 0;
    oldest->state = NGX_TAVUS_END_NONE;
    oldest->relayed = 0;

    return oldest;
}


ngx_int_t
ngx_tavus_ends_zone(ngx_conf_t *cf, ngx_tavus_ends_t **ends)
{
    size_t           size;
    ngx_shm_zone_t  *shm_zone;

    /* a limit zone cannot have a blank in its name */

    static ngx_str_t  name = ngx_string("tavus ends");

    *ends = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_ends_t));
    if (*ends == NULL) {
        return NGX_ERROR;
    }

    /* and pages for the slab's own */

    size = ngx_align(NGX_TAVUS_ENDS_SETS * NGX_TAVUS_ENDS_WAYS
                     * sizeof(ngx_tavus_ends_slot_t), ngx_pagesize)
           + 8 * ngx_pagesize;

    shm_zone = ngx_shared_memory_add(cf, &name, size, &ngx_tavus_ends_tag);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_ends_init_zone;
    shm_zone->data = *ends;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_ends_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t   *shpool;
    ngx_tavus_ends_t  *ends;

    ends = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    ends->mutex = &shpool->mutex;

    if (data || shm_zone->shm.exists) {
        ends->slots = shpool->data;
        return NGX_OK;
    }

    ends->slots = ngx_slab_calloc(shpool, NGX_TAVUS_ENDS_SETS
                                          * NGX_TAVUS_ENDS_WAYS
                                          * sizeof(ngx_tavus_ends_slot_t));
    if (ends->slots == NULL) {
        return NGX_ERROR;
    }

    shpool->data = ends->slots;

    return NGX_OK;
}
