
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LIMIT_ZONE_H_INCLUDED_
#define _NGX_TAVUS_LIMIT_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_bucket.h"
#include "core/tavus_siphash.h"


typedef struct ngx_tavus_limit_zone_s   ngx_tavus_limit_zone_t;
typedef struct ngx_tavus_limit_entry_s  ngx_tavus_limit_entry_t;
typedef struct ngx_tavus_limit_sh_s     ngx_tavus_limit_sh_t;


/* a table of buckets in shared memory, and how its keys are made */

struct ngx_tavus_limit_zone_s {
    ngx_str_t                  name;            /* the order of locking */

    ngx_slab_pool_t           *shpool;
    ngx_tavus_limit_sh_t      *sh;
    u_char                     seed[TAVUS_SIPHASH_KEY_LEN];

    tavus_bucket_rate_t        rate;

    ngx_str_t                  policy;          /* RateLimit-Policy */
    ngx_str_t                  limit;           /* RateLimit, its first part */
    ngx_str_t                  capacity;        /* X-RateLimit-Limit */

    ngx_str_t                  source;          /* of the key, as written */
    ngx_http_complex_value_t   key;
    ngx_uint_t                 v4;
    ngx_uint_t                 v6;

    unsigned                   addr:1;
    unsigned                   bytes:1;         /* a token is a KiB of body */
};


typedef struct {
    ngx_array_t                zones;           /* ngx_tavus_limit_zone_t * */
} ngx_tavus_limit_main_conf_t;


/* one zone's part in a decision */

typedef struct {
    ngx_tavus_limit_zone_t    *zone;
    uint64_t                   hash;            /* of the key */
    uint32_t                   tokens;          /* that it costs */

    ngx_tavus_limit_entry_t   *entry;           /* NULL: overflow */
    tavus_bucket_result_t      res;

    unsigned                   allowed:1;
    unsigned                   dry_run:1;
} ngx_tavus_limit_probe_t;


/* counters of a zone, for metrics */

typedef struct {
    ngx_str_t                  name;
    uint64_t                   passed;
    uint64_t                   rejected;
    uint64_t                   overflowed;      /* by the shared bucket */
    ngx_uint_t                 slots;
} ngx_tavus_limit_stats_t;


/* A key's hash in a zone; never 0. */
uint64_t ngx_tavus_limit_hash(ngx_tavus_limit_zone_t *zone, ngx_str_t *key);

/*
 * Takes a token from each of n buckets, or from none: what one zone denies
 * must not cost a token in another.  The probes come with zone, hash and
 * dry_run set, in the order of ngx_tavus_limit_before().  Returns 1 if
 * allowed.
 */
ngx_uint_t ngx_tavus_limit_decide(ngx_tavus_limit_probe_t *probes,
    ngx_uint_t n);

/*
 * Whether one zone is locked before another.  Workers of two configurations
 * share zones: only a zone's name is the same in both.
 */
ngx_uint_t ngx_tavus_limit_before(ngx_tavus_limit_zone_t *one,
    ngx_tavus_limit_zone_t *two);

/*
 * Takes a token from a key's bucket in a zone of one's own, or gives it
 * back.  NGX_OK; NGX_BUSY if it is spent, *retry gets seconds.
 */
ngx_int_t ngx_tavus_limit_take(ngx_tavus_limit_zone_t *zone, ngx_str_t *key,
    ngx_uint_t *retry);
void ngx_tavus_limit_refund(ngx_tavus_limit_zone_t *zone, ngx_str_t *key);

/*
 * What a key's bucket holds: res as after a decision on no token, entry NULL
 * if the key would have to share the bucket of those that find no room.
 * Returns whether the bucket is there; if not, it is a full one.
 */
ngx_uint_t ngx_tavus_limit_look(ngx_tavus_limit_zone_t *zone, ngx_str_t *key,
    ngx_tavus_limit_probe_t *probe);

/* Forgets a key's bucket, so that it is full.  Returns whether it was there. */
ngx_uint_t ngx_tavus_limit_fill(ngx_tavus_limit_zone_t *zone,
    ngx_str_t *key);

/* Whether all have one bucket, as the key is the same for everybody. */
ngx_uint_t ngx_tavus_limit_zone_shared(ngx_tavus_limit_zone_t *zone);

/* Milliseconds as the whole seconds that a header tells. */
ngx_uint_t ngx_tavus_limit_seconds(uint64_t ms);

void ngx_tavus_limit_stats(ngx_tavus_limit_zone_t *zone,
    ngx_tavus_limit_stats_t *stats);

/* Makes a zone while the configuration is read; NULL if it is refused. */
ngx_tavus_limit_zone_t *ngx_tavus_limit_add_zone(ngx_conf_t *cf,
    ngx_str_t *name, size_t size, tavus_bucket_rate_t *rate,
    ngx_uint_t bytes);

/* A zone by its name; NULL if there is none. */
ngx_tavus_limit_zone_t *ngx_tavus_limit_find_zone(ngx_conf_t *cf,
    ngx_str_t *name);


/* directives: tavus_limit_zone key zone=… rate=…, tavus_limit zone=… */
extern ngx_module_t  ngx_tavus_limit_module;


#endif /* _NGX_TAVUS_LIMIT_ZONE_H_INCLUDED_ */
