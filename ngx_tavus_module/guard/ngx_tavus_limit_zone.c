
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_limit_zone.h"

#include <openssl/rand.h>


#define NGX_TAVUS_LIMIT_MAGIC    0x54564c5a
#define NGX_TAVUS_LIMIT_VERSION  1

#define NGX_TAVUS_LIMIT_WAYS     4


/* a hash of 0 is an entry that was never used */

struct ngx_tavus_limit_entry_s {
    uint64_t                   hash;
    uint64_t                   state;
};


/* a cache line: what one lookup touches */

typedef struct {
    ngx_tavus_limit_entry_t    entries[NGX_TAVUS_LIMIT_WAYS];
} ngx_tavus_limit_set_t;


struct ngx_tavus_limit_sh_s {
    uint32_t                   magic;
    uint32_t                   version;
    u_char                     seed[TAVUS_SIPHASH_KEY_LEN];
    uint64_t                   nsets;

    uint64_t                   overflow;        /* the shared bucket */

    uint64_t                   passed;
    uint64_t                   rejected;
    uint64_t                   overflowed;

    ngx_tavus_limit_set_t      sets[];
};


static void ngx_tavus_limit_probe(ngx_tavus_limit_probe_t *probe,
    uint64_t now);
static void ngx_tavus_limit_charge(ngx_tavus_limit_probe_t *probe);
static ngx_tavus_limit_set_t *ngx_tavus_limit_set(ngx_tavus_limit_sh_t *sh,
    uint64_t hash, ngx_uint_t second);
static ngx_tavus_limit_entry_t *ngx_tavus_limit_find(
    ngx_tavus_limit_sh_t *sh, uint64_t hash);
static ngx_tavus_limit_entry_t *ngx_tavus_limit_vacate(
    ngx_tavus_limit_sh_t *sh, uint64_t hash, uint64_t now);
static ngx_tavus_limit_entry_t *ngx_tavus_limit_free_entry(
    ngx_tavus_limit_set_t *set, uint64_t now, ngx_uint_t *n);

static ngx_int_t ngx_tavus_limit_set_policy(ngx_conf_t *cf,
    ngx_tavus_limit_zone_t *zone);
static ngx_int_t ngx_tavus_limit_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_tavus_limit_init_table(ngx_shm_zone_t *shm_zone,
    ngx_slab_pool_t *shpool, size_t size);
static ngx_slab_pool_t *ngx_tavus_limit_former(ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_tavus_limit_inherit(ngx_tavus_limit_sh_t *sh,
    ngx_slab_pool_t *former, ngx_log_t *log);
static ngx_int_t ngx_tavus_limit_reset(ngx_tavus_limit_sh_t *sh, size_t size,
    ngx_log_t *log);
static void ngx_tavus_limit_seed(ngx_tavus_limit_zone_t *zone);


uint64_t
ngx_tavus_limit_hash(ngx_tavus_limit_zone_t *zone, ngx_str_t *key)
{
    uint64_t  hash;

    hash = tavus_siphash(zone->seed, key->data, key->len);

    return hash ? hash : 1;
}


ngx_uint_t
ngx_tavus_limit_before(ngx_tavus_limit_zone_t *one,
    ngx_tavus_limit_zone_t *two)
{
    return ngx_memn2cmp(one->name.data, two->name.data, one->name.len,
                        two->name.len)
           < 0;
}


ngx_uint_t
ngx_tavus_limit_decide(ngx_tavus_limit_probe_t *probes, ngx_uint_t n)
{
    uint64_t    now;
    ngx_uint_t  i, allowed;

    allowed = 1;

    for (i = 0; i < n; i++) {
        ngx_shmtx_lock(&probes[i].zone->shpool->mutex);
    }

    now = ngx_current_msec;

    for (i = 0; i < n; i++) {
        ngx_tavus_limit_probe(&probes[i], now);

        if (!probes[i].allowed && !probes[i].dry_run) {
            allowed = 0;
        }
    }

    for (i = 0; i < n; i++) {

        if (!probes[i].allowed) {
            probes[i].zone->sh->rejected++;

        } else if (allowed) {
            ngx_tavus_limit_charge(&probes[i]);
            probes[i].zone->sh->passed++;
        }

        if (probes[i].entry == NULL) {
            probes[i].zone->sh->overflowed++;
        }
    }

    while (i--) {
        ngx_shmtx_unlock(&probes[i].zone->shpool->mutex);
    }

    return allowed;
}


static void
ngx_tavus_limit_probe(ngx_tavus_limit_probe_t *probe, uint64_t now)
{
    uint64_t               state;
    ngx_tavus_limit_sh_t  *sh;

    sh = probe->zone->sh;

    probe->entry = ngx_tavus_limit_find(sh, probe->hash);

    if (probe->entry) {
        state = probe->entry->state;

    } else {
        probe->entry = ngx_tavus_limit_vacate(sh, probe->hash, now);
        state = probe->entry ? 0 : sh->overflow;
    }

    probe->allowed = tavus_bucket_check(&probe->zone->rate, state, now,
                                        probe->tokens, &probe->res);
}


static void
ngx_tavus_limit_charge(ngx_tavus_limit_probe_t *probe)
{
    if (probe->entry == NULL) {
        probe->zone->sh->overflow = probe->res.state;
        return;
    }

    probe->entry->hash = probe->hash;
    probe->entry->state = probe->res.state;
}


static ngx_tavus_limit_set_t *
ngx_tavus_limit_set(ngx_tavus_limit_sh_t *sh, uint64_t hash,
    ngx_uint_t second)
{
    uint32_t  half;

    half = (uint32_t) (second ? hash >> 32 : hash);

    return &sh->sets[((uint64_t) half * sh->nsets) >> 32];
}


static ngx_tavus_limit_entry_t *
ngx_tavus_limit_find(ngx_tavus_limit_sh_t *sh, uint64_t hash)
{
    ngx_uint_t              i, second;
    ngx_tavus_limit_set_t  *set;

    for (second = 0; second < 2; second++) {
        set = ngx_tavus_limit_set(sh, hash, second);

        for (i = 0; i < NGX_TAVUS_LIMIT_WAYS; i++) {
            if (set->entries[i].hash == hash) {
                return &set->entries[i];
            }
        }
    }

    return NULL;
}


/*
 * An entry for a new key, in the emptier of its two sets; if both are taken,
 * one of their keys moves to its other set.  NULL if that is no help: only a
 * full bucket may be forgotten, or a client could buy itself new ones by
 * flooding the zone with keys.
 */

static ngx_tavus_limit_entry_t *
ngx_tavus_limit_vacate(ngx_tavus_limit_sh_t *sh, uint64_t hash, uint64_t now)
{
    ngx_uint_t                i, k, n[2];
    ngx_tavus_limit_set_t    *set[2], *other;
    ngx_tavus_limit_entry_t  *vacant[2], *entry;

    for (k = 0; k < 2; k++) {
        set[k] = ngx_tavus_limit_set(sh, hash, k);
        vacant[k] = ngx_tavus_limit_free_entry(set[k], now, &n[k]);
    }

    if (n[0] || n[1]) {
        return (n[0] >= n[1]) ? vacant[0] : vacant[1];
    }

    for (k = 0; k < 2; k++) {
        for (i = 0; i < NGX_TAVUS_LIMIT_WAYS; i++) {
            entry = &set[k]->entries[i];

            other = ngx_tavus_limit_set(sh, entry->hash, 0);

            if (other == set[k]) {
                other = ngx_tavus_limit_set(sh, entry->hash, 1);
            }

            vacant[0] = ngx_tavus_limit_free_entry(other, now, &n[0]);

            if (vacant[0]) {
                *vacant[0] = *entry;
                entry->hash = 0;
                return entry;
            }
        }
    }

    return NULL;
}


static ngx_tavus_limit_entry_t *
ngx_tavus_limit_free_entry(ngx_tavus_limit_set_t *set, uint64_t now,
    ngx_uint_t *n)
{
    ngx_uint_t                i;
    ngx_tavus_limit_entry_t  *entry, *vacant;

    *n = 0;
    vacant = NULL;

    for (i = 0; i < NGX_TAVUS_LIMIT_WAYS; i++) {
        entry = &set->entries[i];

        if (entry->hash == 0 || tavus_bucket_full(entry->state, now)) {
            vacant = entry;
            (*n)++;
        }
    }

    return vacant;
}


ngx_int_t
ngx_tavus_limit_take(ngx_tavus_limit_zone_t *zone, ngx_str_t *key,
    ngx_uint_t *retry)
{
    ngx_tavus_limit_probe_t  probe;

    probe.zone = zone;
    probe.hash = ngx_tavus_limit_hash(zone, key);
    probe.tokens = 1;
    probe.dry_run = 0;

    if (ngx_tavus_limit_decide(&probe, 1)) {
        return NGX_OK;
    }

    *retry = ngx_tavus_limit_seconds(probe.res.retry_after);
    *retry = ngx_max(*retry, 1);

    return NGX_BUSY;
}


void
ngx_tavus_limit_refund(ngx_tavus_limit_zone_t *zone, ngx_str_t *key)
{
    uint64_t                  hash, *state;
    ngx_tavus_limit_entry_t  *entry;

    hash = ngx_tavus_limit_hash(zone, key);

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_tavus_limit_find(zone->sh, hash);
    state = entry ? &entry->state : &zone->sh->overflow;

    *state = tavus_bucket_refund(&zone->rate, *state, ngx_current_msec);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_uint_t
ngx_tavus_limit_look(ngx_tavus_limit_zone_t *zone, ngx_str_t *key,
    ngx_tavus_limit_probe_t *probe)
{
    ngx_uint_t  known;

    ngx_memzero(probe, sizeof(ngx_tavus_limit_probe_t));

    probe->zone = zone;
    probe->hash = ngx_tavus_limit_hash(zone, key);

    ngx_shmtx_lock(&zone->shpool->mutex);

    known = (ngx_tavus_limit_find(zone->sh, probe->hash) != NULL);

    ngx_tavus_limit_probe(probe, ngx_current_msec);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return known;
}


ngx_uint_t
ngx_tavus_limit_fill(ngx_tavus_limit_zone_t *zone, ngx_str_t *key)
{
    uint64_t                  hash;
    ngx_tavus_limit_entry_t  *entry;

    hash = ngx_tavus_limit_hash(zone, key);

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_tavus_limit_find(zone->sh, hash);

    if (entry) {
        entry->hash = 0;
        entry->state = 0;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return entry != NULL;
}


ngx_uint_t
ngx_tavus_limit_zone_shared(ngx_tavus_limit_zone_t *zone)
{
    return !zone->addr && zone->key.lengths == NULL;
}


ngx_uint_t
ngx_tavus_limit_seconds(uint64_t ms)
{
    return (ngx_uint_t) ((ms + 999) / 1000);
}


void
ngx_tavus_limit_stats(ngx_tavus_limit_zone_t *zone,
    ngx_tavus_limit_stats_t *stats)
{
    ngx_tavus_limit_sh_t  *sh;

    sh = zone->sh;

    stats->name = zone->name;
    stats->slots = (ngx_uint_t) sh->nsets * NGX_TAVUS_LIMIT_WAYS;

    ngx_shmtx_lock(&zone->shpool->mutex);

    stats->passed = sh->passed;
    stats->rejected = sh->rejected;
    stats->overflowed = sh->overflowed;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_tavus_limit_zone_t *
ngx_tavus_limit_add_zone(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    tavus_bucket_rate_t *rate, ngx_uint_t bytes)
{
    ngx_shm_zone_t               *shm_zone;
    ngx_tavus_limit_zone_t       *zone, **zonep;
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_limit_module);

    if (ngx_tavus_limit_find_zone(cf, name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "limit zone \"%V\" is already defined", name);
        return NULL;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_limit_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, name, size, &ngx_tavus_limit_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    shm_zone->init = ngx_tavus_limit_init_zone;
    shm_zone->data = zone;

    zone->name = *name;
    zone->rate = *rate;
    zone->bytes = bytes;
    zone->v4 = 32;
    zone->v6 = 64;

    if (ngx_tavus_limit_set_policy(cf, zone) != NGX_OK) {
        return NULL;
    }

    zonep = ngx_array_push(&lmcf->zones);
    if (zonep == NULL) {
        return NULL;
    }

    *zonep = zone;

    return zone;
}


ngx_tavus_limit_zone_t *
ngx_tavus_limit_find_zone(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_tavus_limit_zone_t      **zones;
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_limit_module);

    zones = lmcf->zones.elts;

    for (i = 0; i < lmcf->zones.nelts; i++) {
        if (zones[i]->name.len == name->len
            && ngx_strncmp(zones[i]->name.data, name->data, name->len) == 0)
        {
            return zones[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_tavus_limit_set_policy(ngx_conf_t *cf, ngx_tavus_limit_zone_t *zone)
{
    u_char               *p;
    uint64_t              ms;
    tavus_bucket_rate_t  *rate;

    rate = &zone->rate;
    ms = ((uint64_t) rate->capacity * rate->period + rate->rate - 1)
         / rate->rate;

    p = ngx_pnalloc(cf->pool, sizeof("\"\";q=;qu=\"content-bytes\";w=") - 1
                              + sizeof("\"\";r=") - 1
                              + 2 * zone->name.len + 2 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    zone->policy.data = p;
    p = ngx_sprintf(p, "\"%V\";q=", &zone->name);

    zone->capacity.data = p;
    p = ngx_sprintf(p, "%uL", (uint64_t) rate->capacity
                              * (zone->bytes ? 1024 : 1));
    zone->capacity.len = p - zone->capacity.data;

    p = ngx_sprintf(p, "%s;w=%ui", zone->bytes ? ";qu=\"content-bytes\"" : "",
                    ngx_tavus_limit_seconds(ms));
    zone->policy.len = p - zone->policy.data;

    zone->limit.data = p;
    p = ngx_sprintf(p, "\"%V\";r=", &zone->name);
    zone->limit.len = p - zone->limit.data;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_limit_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                   size;
    ngx_int_t                rc;
    ngx_slab_pool_t         *shpool;
    ngx_tavus_limit_sh_t    *sh;
    ngx_tavus_limit_zone_t  *zone;

    zone = shm_zone->data;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    size = (size_t) (shpool->last - shpool->pages) << ngx_pagesize_shift;

    if (data || shm_zone->shm.exists) {
        sh = shpool->data;
        rc = NGX_OK;

        if (sh->magic != NGX_TAVUS_LIMIT_MAGIC
            || sh->version != NGX_TAVUS_LIMIT_VERSION)
        {
            ngx_shmtx_lock(&shpool->mutex);

            rc = ngx_tavus_limit_reset(sh, size, shm_zone->shm.log);

            ngx_shmtx_unlock(&shpool->mutex);
        }

    } else {
        rc = ngx_tavus_limit_init_table(shm_zone, shpool, size);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    zone->shpool = shpool;
    zone->sh = shpool->data;

    ngx_tavus_limit_seed(zone);

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_limit_init_table(ngx_shm_zone_t *shm_zone, ngx_slab_pool_t *shpool,
    size_t size)
{
    ngx_slab_pool_t       *former;
    ngx_tavus_limit_sh_t  *sh;

    sh = ngx_slab_alloc(shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    shpool->data = sh;

    if (ngx_tavus_limit_reset(sh, size, shm_zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    former = ngx_tavus_limit_former(shm_zone);

    return former ? ngx_tavus_limit_inherit(sh, former, shm_zone->shm.log)
                  : NGX_OK;
}


/* of the cycle that is left: a zone of another size is no zone for nginx */

static ngx_slab_pool_t *
ngx_tavus_limit_former(ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t             i;
    ngx_shm_zone_t        *old;
    ngx_list_part_t       *part;
    ngx_slab_pool_t       *shpool;
    ngx_tavus_limit_sh_t  *sh;

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        old = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (old[i].tag != shm_zone->tag || old[i].shm.addr == NULL
                || old[i].init != ngx_tavus_limit_init_zone
                || old[i].shm.name.len != shm_zone->shm.name.len
                || ngx_memcmp(old[i].shm.name.data, shm_zone->shm.name.data,
                              shm_zone->shm.name.len)
                   != 0)
            {
                continue;
            }

            shpool = (ngx_slab_pool_t *) old[i].shm.addr;
            sh = shpool->data;

            return (sh && sh->magic == NGX_TAVUS_LIMIT_MAGIC
                    && sh->version == NGX_TAVUS_LIMIT_VERSION)
                   ? shpool : NULL;
        }
    }

    return NULL;
}


/* what is spent stays spent, though the table has another size now */

static ngx_int_t
ngx_tavus_limit_inherit(ngx_tavus_limit_sh_t *sh, ngx_slab_pool_t *former,
    ngx_log_t *log)
{
    size_t                    size;
    uint64_t                  i, now;
    ngx_uint_t                k;
    ngx_tavus_limit_sh_t     *old;
    ngx_tavus_limit_entry_t  *entry, *vacant;

    old = former->data;
    size = sizeof(ngx_tavus_limit_sh_t)
           + old->nsets * sizeof(ngx_tavus_limit_set_t);

    old = ngx_alloc(size, log);
    if (old == NULL) {
        return NGX_ERROR;
    }

    /* old workers wait for a copy, not for its being sorted in */

    ngx_shmtx_lock(&former->mutex);

    ngx_memcpy(old, former->data, size);

    ngx_shmtx_unlock(&former->mutex);

    ngx_memcpy(sh->seed, old->seed, sizeof(sh->seed));

    sh->overflow = old->overflow;
    sh->passed = old->passed;
    sh->rejected = old->rejected;
    sh->overflowed = old->overflowed;

    now = ngx_current_msec;

    for (i = 0; i < old->nsets; i++) {
        for (k = 0; k < NGX_TAVUS_LIMIT_WAYS; k++) {
            entry = &old->sets[i].entries[k];

            if (entry->hash == 0 || tavus_bucket_full(entry->state, now)) {
                continue;
            }

            vacant = ngx_tavus_limit_vacate(sh, entry->hash, now);

            if (vacant) {
                *vacant = *entry;
            }
        }
    }

    ngx_free(old);

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_limit_reset(ngx_tavus_limit_sh_t *sh, size_t size, ngx_log_t *log)
{
    ngx_memzero(sh, size);

    if (RAND_bytes(sh->seed, sizeof(sh->seed)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    sh->nsets = (size - sizeof(ngx_tavus_limit_sh_t))
                / sizeof(ngx_tavus_limit_set_t);
    sh->version = NGX_TAVUS_LIMIT_VERSION;
    sh->magic = NGX_TAVUS_LIMIT_MAGIC;

    return NGX_OK;
}


/*
 * A table outlives its configuration: what another key or mask makes of a
 * client must not meet the bucket of somebody else.
 */

static void
ngx_tavus_limit_seed(ngx_tavus_limit_zone_t *zone)
{
    uint64_t  words[4], half;

    words[0] = tavus_siphash(zone->sh->seed, zone->source.data,
                             zone->source.len);
    words[1] = zone->v4;
    words[2] = zone->v6;

    for (words[3] = 0; words[3] < 2; words[3]++) {
        half = tavus_siphash(zone->sh->seed, words, sizeof(words));

        ngx_memcpy(zone->seed + words[3] * sizeof(half), &half,
                   sizeof(half));
    }
}
