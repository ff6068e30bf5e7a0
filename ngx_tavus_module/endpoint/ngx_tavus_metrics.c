
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_metrics.h"
#include "guard/ngx_tavus_limit_zone.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "event/ngx_tavus_key_use.h"
#include "core/tavus_metrics.h"
#include "core/tavus_version.h"

#include <curl/curl.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>


/* a worker's index is its slot; where there are more, they share */
#define NGX_TAVUS_METRICS_SLOTS  128


typedef struct {
    void                      *area;            /* NULL: nowhere shown */
} ngx_tavus_metrics_main_conf_t;


static void ngx_tavus_metrics_write(ngx_http_request_t *r,
    tavus_text_t *text);
static void ngx_tavus_metrics_build(tavus_text_t *text);
static void ngx_tavus_metrics_limits(ngx_http_request_t *r,
    tavus_text_t *text);
static void ngx_tavus_metrics_keys(tavus_text_t *text);
static void ngx_tavus_metrics_tag(tavus_tag_t *tag, const char *name,
    const char *value);
static unsigned ngx_tavus_metrics_status(ngx_http_request_t *r);
static void ngx_tavus_metrics_names(ngx_cycle_t *cycle);
static ngx_uint_t ngx_tavus_metrics_workers(void);
static ngx_int_t ngx_tavus_metrics_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);


static void *ngx_tavus_metrics_create_main_conf(ngx_conf_t *cf);


static ngx_http_module_t  ngx_tavus_metrics_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_metrics_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_metrics_module = {
    NGX_MODULE_V1,
    &ngx_tavus_metrics_module_ctx,         /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_int_t
ngx_tavus_metrics_handler(ngx_http_request_t *r)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_str_t               body;
    tavus_text_t            text;

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&text, sizeof(tavus_text_t));
    ngx_tavus_metrics_write(r, &text);

    p = ngx_pnalloc(r->pool, text.len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.pos = (char *) p;
    text.last = (char *) p + text.len;

    ngx_tavus_metrics_write(r, &text);

    body.data = p;
    body.len = (u_char *) text.pos - p;

    return ngx_tavus_send(r, NGX_HTTP_OK, "text/plain; version=0.0.4", &body);
}


static void
ngx_tavus_metrics_write(ngx_http_request_t *r, tavus_text_t *text)
{
    ngx_tavus_main_conf_t          *mcf;
    ngx_tavus_metrics_main_conf_t  *mmcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_tavus_metrics_module);

    ngx_tavus_metrics_build(text);

    tavus_metrics_family(text, "sandbox", "gauge",
                         "Whether outside services are played by a sandbox.");
    tavus_metrics_sample(text, "sandbox", NULL, 0, mcf->sandbox ? 1 : 0);

    tavus_metrics_family(text, "schema_needed", "gauge",
                         "Version of the schema that the module was built "
                         "with.");
    tavus_metrics_sample(text, "schema_needed", NULL, 0, NGX_TAVUS_SCHEMA);

    tavus_metrics_write(text, mmcf->area, ngx_tavus_metrics_workers());

    ngx_tavus_metrics_limits(r, text);
    ngx_tavus_metrics_keys(text);
}


/* of the libraries, what runs and not what it was built with */

static void
ngx_tavus_metrics_build(tavus_text_t *text)
{
    int                      version;
    char                     pq[sizeof("2147483647.65535")];
    tavus_tag_t              tags[5];
    curl_version_info_data  *curl;

    curl = curl_version_info(CURLVERSION_NOW);

    version = PQlibVersion();
    ngx_sprintf((u_char *) pq, "%d.%d%Z", version / 10000, version % 10000);

    ngx_tavus_metrics_tag(&tags[0], "version", TAVUS_VERSION);
    ngx_tavus_metrics_tag(&tags[1], "nginx", NGINX_VERSION);
    ngx_tavus_metrics_tag(&tags[2], "libpq", pq);
    ngx_tavus_metrics_tag(&tags[3], "libcurl", curl->version);
    ngx_tavus_metrics_tag(&tags[4], "openssl",
                          OpenSSL_version(OPENSSL_VERSION_STRING));

    tavus_metrics_family(text, "build_info", "gauge",
                         "Versions; the value is 1.");
    tavus_metrics_sample(text, "build_info", tags, 5, 1);
}


static void
ngx_tavus_metrics_limits(ngx_http_request_t *r, tavus_text_t *text)
{
    ngx_uint_t                    i;
    tavus_tag_t                   tags[2];
    ngx_tavus_limit_zone_t      **zones;
    ngx_tavus_limit_stats_t       stats;
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_tavus_limit_module);

    if (lmcf->zones.nelts == 0) {
        return;
    }

    zones = lmcf->zones.elts;

    tags[0].name = "zone";

    tavus_metrics_family(text, "limit_requests_total", "counter",
                         "Requests that a token bucket judged.");

    for (i = 0; i < lmcf->zones.nelts; i++) {
        ngx_tavus_limit_stats(zones[i], &stats);

        tags[0].value = (char *) stats.name.data;
        tags[0].len = stats.name.len;

        ngx_tavus_metrics_tag(&tags[1], "result", "passed");
        tavus_metrics_sample(text, "limit_requests_total", tags, 2,
                             stats.passed);

        ngx_tavus_metrics_tag(&tags[1], "result", "rejected");
        tavus_metrics_sample(text, "limit_requests_total", tags, 2,
                             stats.rejected);
    }

    tavus_metrics_family(text, "limit_overflow_total", "counter",
                         "Requests that the shared bucket judged, as the "
                         "zone was full.");

    for (i = 0; i < lmcf->zones.nelts; i++) {
        ngx_tavus_limit_stats(zones[i], &stats);

        tags[0].value = (char *) stats.name.data;
        tags[0].len = stats.name.len;

        tavus_metrics_sample(text, "limit_overflow_total", tags, 1,
                             stats.overflowed);
    }
}


static void
ngx_tavus_metrics_keys(tavus_text_t *text)
{
    ngx_uint_t             i;
    tavus_tag_t            tags[2];
    ngx_tavus_key_use_t   *use;
    ngx_tavus_key_uses_t  *uses;

    uses = ngx_tavus_key_uses();

    if (uses == NULL || uses->nelts == 0) {
        return;
    }

    tavus_metrics_family(text, "webhook_secret_used_timestamp_seconds",
                         "gauge", "When a secret last verified something, 0 "
                         "if it has not.");

    for (i = 0; i < uses->nelts; i++) {
        use = uses->elts[i];

        ngx_tavus_metrics_tag(&tags[0], "scheme", use->scheme);
        ngx_tavus_metrics_tag(&tags[1], "id", use->id);

        tavus_metrics_sample(text, "webhook_secret_used_timestamp_seconds",
                             tags, 2, use->at);
    }
}


static void
ngx_tavus_metrics_tag(tavus_tag_t *tag, const char *name, const char *value)
{
    tag->name = name;
    tag->value = value;
    tag->len = ngx_strlen(value);
}


ngx_int_t
ngx_tavus_metrics_log_handler(ngx_http_request_t *r)
{
    ngx_time_t             *tp;
    ngx_uint_t              endpoint;
    ngx_msec_int_t          ms;
    ngx_tavus_ctx_t        *ctx;
    ngx_tavus_loc_conf_t   *lcf;
    ngx_tavus_main_conf_t  *mcf;

    if (r != r->main) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    ctx = ngx_tavus_find_ctx(r);

    /* its row in the table, and one */

    endpoint = lcf->endpoint ? lcf->endpoint - mcf->endpoints + 1 : 0;

    if (ctx && ctx->endpoint
        && (endpoint == 0 || lcf->endpoint->flags & NGX_TAVUS_UNGUARDED))
    {
        endpoint = ctx->endpoint;
    }

    if (endpoint-- == 0) {
        return NGX_OK;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_REQUESTS, endpoint,
                                     ngx_tavus_metrics_status(r)), 1);

    /* how long a stream lasts is the client's to say */

    if (ctx && ctx->streamed) {
        return NGX_OK;
    }

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_REQUEST_TIME, endpoint,
                                         0),
                         (uint64_t) ngx_max(ms, 0) * 1000);

    return NGX_OK;
}


/* as the access log has it */

static unsigned
ngx_tavus_metrics_status(ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->err_status ? r->err_status : r->headers_out.status;

    if (status < NGX_HTTP_OK || status == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return TAVUS_STATUS_GONE;
    }

    return ngx_min(status / 100 - 2, TAVUS_STATUS_5XX);
}


/* those of this configuration: of who is gone no gauge is left */

static ngx_uint_t
ngx_tavus_metrics_workers(void)
{
    ngx_core_conf_t  *ccf;

    if (ngx_process == NGX_PROCESS_SINGLE) {
        return 1;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    return ccf->worker_processes;
}


void
ngx_tavus_metrics_init_process(ngx_cycle_t *cycle)
{
    ngx_tavus_metrics_main_conf_t  *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_tavus_metrics_module);

    ngx_tavus_metrics_names(cycle);

    tavus_metrics_attach(mmcf->area, ngx_worker, ngx_pid);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
}


/* in the order in which jobs/ngx_tavus_health_look.c sets their gauges */

static void
ngx_tavus_metrics_names(ngx_cycle_t *cycle)
{
    unsigned                        n;
    const char                     *names[TAVUS_METRIC_NAMES];
    ngx_tavus_destination_t       **d;
    ngx_tavus_deliver_main_conf_t  *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_tavus_deliver_module);
    d = dmcf->destinations.elts;

    for (n = 0; n < ngx_min(dmcf->destinations.nelts, TAVUS_METRIC_NAMES);
         n++)
    {
        names[n] = (char *) d[n]->name.data;
    }

    tavus_metric_names(names, n);
}


void
ngx_tavus_metrics_exit_process(void)
{
    tavus_metrics_detach();
}


ngx_int_t
ngx_tavus_metrics_zone(ngx_conf_t *cf)
{
    size_t                          size;
    ngx_shm_zone_t                 *shm_zone;
    ngx_tavus_metrics_main_conf_t  *mmcf;

    /* a limit zone cannot have a blank in its name */

    static ngx_str_t  name = ngx_string("tavus metrics");

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_metrics_module);

    /* and pages for the slab's own */

    size = ngx_align(tavus_metrics_size(NGX_TAVUS_METRICS_SLOTS),
                     ngx_pagesize)
           + 8 * ngx_pagesize;

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_tavus_metrics_module);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_metrics_init_zone;
    shm_zone->data = mmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_metrics_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    void                           *area;
    size_t                          size;
    ngx_slab_pool_t                *shpool;
    ngx_tavus_metrics_main_conf_t  *mmcf;

    mmcf = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data || shm_zone->shm.exists) {
        mmcf->area = shpool->data;
        return NGX_OK;
    }

    size = tavus_metrics_size(NGX_TAVUS_METRICS_SLOTS);

    area = ngx_slab_alloc(shpool, size);
    if (area == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(area, size);
    tavus_metrics_init(area, NGX_TAVUS_METRICS_SLOTS);

    shpool->data = area;
    mmcf->area = area;

    return NGX_OK;
}


static void *
ngx_tavus_metrics_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_metrics_main_conf_t));
}
