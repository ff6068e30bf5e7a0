
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_login.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_server_event.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>


#define NGX_TAVUS_LOGIN_ZONE      "tavus_failed_logins"
#define NGX_TAVUS_LOGIN_INTERVAL  60


typedef struct {
    uint64_t             failed;
    uint64_t             told;
    time_t               at;            /* when it was told */
} ngx_tavus_login_sh_t;


static uint64_t ngx_tavus_login_due(ngx_slab_pool_t *shpool);
static void ngx_tavus_login_tell(ngx_slab_pool_t *shpool);
static ngx_int_t ngx_tavus_login_event(uint64_t n);
static void ngx_tavus_login_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_login_take_back(uint64_t n);
static void ngx_tavus_login_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_tavus_login_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);


static ngx_slab_pool_t   *ngx_tavus_login_pool;     /* NULL: not told */
static ngx_event_t        ngx_tavus_login_timer;


void
ngx_tavus_login_failed(void)
{
    ngx_slab_pool_t       *shpool;
    ngx_tavus_login_sh_t  *sh;

    shpool = ngx_tavus_login_pool;

    if (shpool == NULL) {
        return;
    }

    sh = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    sh->failed++;

    ngx_shmtx_unlock(&shpool->mutex);

    ngx_tavus_login_tell(shpool);
}


/* what one of the workers is to tell now: it counts as told */

static uint64_t
ngx_tavus_login_due(ngx_slab_pool_t *shpool)
{
    time_t                 now;
    uint64_t               n;
    ngx_tavus_login_sh_t  *sh;

    sh = shpool->data;
    now = ngx_time();
    n = 0;

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->failed != sh->told
        && (now - sh->at >= NGX_TAVUS_LOGIN_INTERVAL || now < sh->at))
    {
        n = sh->failed - sh->told;

        sh->told = sh->failed;
        sh->at = now;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return n;
}


static void
ngx_tavus_login_tell(ngx_slab_pool_t *shpool)
{
    uint64_t  n;

    n = ngx_tavus_login_due(shpool);

    if (n && ngx_tavus_login_event(n) != NGX_OK) {
        ngx_tavus_login_take_back(n);
    }
}


static ngx_int_t
ngx_tavus_login_event(uint64_t n)
{
    cJSON                     *data;
    uint8_t                    nonce[TAVUS_NONCE_LEN];
    const char                *node;
    ngx_tavus_row_t           *row;
    ngx_tavus_server_event_t   event;

    /* two nodes may fail at once */

    if (RAND_bytes(nonce, TAVUS_NONCE_LEN) != 1) {
        return NGX_ERROR;
    }

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = NGX_TAVUS_KIND_ERROR;
    event.type = "system.login_failed";
    event.nonce = nonce;

    node = ngx_tavus_node_name();
    data = cJSON_CreateObject();
    row = NULL;

    if (cJSON_AddNumberToObject(data, "count", (double) n)
        && (node == NULL || *node == '\0'
            || cJSON_AddStringToObject(data, "node", node)))
    {
        row = ngx_tavus_server_event(&event, data, ngx_tavus_login_stored,
                                     (void *) (uintptr_t) n);
    }

    cJSON_Delete(data);

    return row ? NGX_OK : NGX_ERROR;
}


static void
ngx_tavus_login_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    if (outcome == NGX_TAVUS_UNAVAILABLE) {
        ngx_tavus_login_take_back((uintptr_t) data);
    }
}


/* for the event of the next minute */

static void
ngx_tavus_login_take_back(uint64_t n)
{
    ngx_slab_pool_t       *shpool;
    ngx_tavus_login_sh_t  *sh;

    shpool = ngx_tavus_login_pool;
    sh = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    sh->told -= n;

    ngx_shmtx_unlock(&shpool->mutex);
}


/* in every worker: what one had counted when it died, another tells */

static void
ngx_tavus_login_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_login_tell(ngx_tavus_login_pool);

    ngx_add_timer(ev, NGX_TAVUS_LOGIN_INTERVAL * 1000);
}


ngx_int_t
ngx_tavus_login_add_zone(ngx_conf_t *cf, ngx_slab_pool_t **pool)
{
    ngx_shm_zone_t  *shm_zone;

    static ngx_str_t  name = ngx_string(NGX_TAVUS_LOGIN_ZONE);

    /* a tag of its own: a limit zone may have the same name */

    shm_zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                     &ngx_tavus_login_timer);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_login_init_zone;
    shm_zone->data = pool;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_login_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t  *shpool, **pool;

    pool = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    *pool = shpool;

    if (data || shm_zone->shm.exists) {
        return NGX_OK;
    }

    shpool->data = ngx_slab_calloc(shpool, sizeof(ngx_tavus_login_sh_t));

    return shpool->data ? NGX_OK : NGX_ERROR;
}


void
ngx_tavus_login_init_process(ngx_slab_pool_t *pool)
{
    ngx_event_t  *ev;

    ngx_tavus_login_pool = pool;

    if (ngx_tavus_login_pool == NULL) {
        return;
    }

    ev = &ngx_tavus_login_timer;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_tavus_login_timer_handler;
    ev->data = &ngx_tavus_timer_dummy;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_TAVUS_LOGIN_INTERVAL * 1000);
}
