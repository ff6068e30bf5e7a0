
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_limit.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_status.h"
#include "store/ngx_tavus_store.h"


/* a webhook of the largest size that is usual */
#define NGX_TAVUS_STATUS_RECORD  65536


static ngx_int_t ngx_tavus_status_get(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_health_full(ngx_http_request_t *r,
    ngx_tavus_store_stats_t *stats, ngx_uint_t status);
static u_char *ngx_tavus_metrics_limits(u_char *p,
    ngx_tavus_main_conf_t *mcf);


ngx_int_t
ngx_tavus_health_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               status;
    ngx_tavus_ctx_t         *ctx;
    ngx_tavus_store_stats_t  stats;

    static ngx_str_t  ok = ngx_string("{\"status\":\"ok\"}");

    rc = ngx_tavus_status_get(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&stats, sizeof(ngx_tavus_store_stats_t));
    ngx_tavus_store_stats(&stats);

    status = stats.ready || ngx_tavus_journal_ready(NGX_TAVUS_STATUS_RECORD)
             ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE;

    ctx = ngx_tavus_get_ctx(r);

    if (ctx != NULL && ctx->authenticated) {
        return ngx_tavus_health_full(r, &stats, status);
    }

    if (status != NGX_HTTP_OK) {
        return ngx_tavus_send_problem(r, status, "storage_unavailable", 5,
                                      "Events cannot be stored now.");
    }

    return ngx_tavus_send(r, status, "application/json", &ok);
}


static ngx_int_t
ngx_tavus_health_full(ngx_http_request_t *r, ngx_tavus_store_stats_t *stats,
    ngx_uint_t status)
{
    cJSON                  *json, *part;
    char                    error[512];
    ngx_int_t               rc;
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    json = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(json, "status",
                                   status == NGX_HTTP_OK ? "ok"
                                                         : "unavailable");
    (void) cJSON_AddBoolToObject(json, "sandbox", mcf->sandbox);
    (void) cJSON_AddNumberToObject(json, "worker", ngx_worker);

    part = cJSON_AddObjectToObject(json, "database");
    (void) cJSON_AddBoolToObject(part, "connected", stats->ready);

    if (stats->error && stats->error->len) {
        ngx_cpystrn((u_char *) error, stats->error->data,
                    ngx_min(stats->error->len + 1, sizeof(error)));
        (void) cJSON_AddStringToObject(part, "error", error);
    }

    part = cJSON_AddObjectToObject(json, "store");
    (void) cJSON_AddNumberToObject(part, "waiting", stats->rows);
    (void) cJSON_AddNumberToObject(part, "bytes", stats->bytes);

    rc = ngx_tavus_send_json(r, status, json);

    cJSON_Delete(json);

    return rc;
}


/* what all workers share; the rest of the counters is each worker's own */

ngx_int_t
ngx_tavus_metrics_handler(ngx_http_request_t *r)
{
    u_char                    *p;
    size_t                     size;
    ngx_int_t                  rc;
    ngx_str_t                  body;
    ngx_uint_t                 i;
    ngx_tavus_main_conf_t     *mcf;
    ngx_tavus_limit_stats_t    stats;
    ngx_tavus_limit_zone_t   **zones;

    rc = ngx_tavus_status_get(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    size = 2048;
    zones = mcf->limit_zones.elts;

    for (i = 0; i < mcf->limit_zones.nelts; i++) {
        ngx_tavus_limit_stats(zones[i], &stats);
        size += 3 * (stats.name.len + 128);
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    p = ngx_sprintf(p,
                    "# HELP tavus_sandbox Whether outside services are "
                    "played by a sandbox.\n"
                    "# TYPE tavus_sandbox gauge\n"
                    "tavus_sandbox %d\n", mcf->sandbox ? 1 : 0);

    p = ngx_tavus_metrics_limits(p, mcf);

    body.len = p - body.data;

    return ngx_tavus_send(r, NGX_HTTP_OK, "text/plain; version=0.0.4", &body);
}


static u_char *
ngx_tavus_metrics_limits(u_char *p, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_tavus_limit_zone_t  **zones;
    ngx_tavus_limit_stats_t   stats;

    if (mcf->limit_zones.nelts == 0) {
        return p;
    }

    zones = mcf->limit_zones.elts;

    p = ngx_sprintf(p,
                    "# HELP tavus_limit_requests_total Requests that a "
                    "token bucket judged.\n"
                    "# TYPE tavus_limit_requests_total counter\n");

    for (i = 0; i < mcf->limit_zones.nelts; i++) {
        ngx_tavus_limit_stats(zones[i], &stats);

        p = ngx_sprintf(p,
                        "tavus_limit_requests_total{zone=\"%V\","
                        "result=\"passed\"} %uL\n"
                        "tavus_limit_requests_total{zone=\"%V\","
                        "result=\"rejected\"} %uL\n",
                        &stats.name, stats.passed, &stats.name,
                        stats.rejected);
    }

    p = ngx_sprintf(p,
                    "# HELP tavus_limit_overflow_total Requests that the "
                    "shared bucket judged, as the zone was full.\n"
                    "# TYPE tavus_limit_overflow_total counter\n");

    for (i = 0; i < mcf->limit_zones.nelts; i++) {
        ngx_tavus_limit_stats(zones[i], &stats);

        p = ngx_sprintf(p, "tavus_limit_overflow_total{zone=\"%V\"} %uL\n",
                        &stats.name, stats.overflowed);
    }

    return p;
}


static ngx_int_t
ngx_tavus_status_get(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_discard_request_body(r);
}
