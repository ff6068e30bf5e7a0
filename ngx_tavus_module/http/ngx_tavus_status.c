
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_status.h"
#include "store/ngx_tavus_store.h"


static ngx_int_t ngx_tavus_health_full(ngx_http_request_t *r,
    ngx_tavus_store_stats_t *stats, ngx_uint_t status);


ngx_int_t
ngx_tavus_health_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               status;
    ngx_tavus_ctx_t         *ctx;
    ngx_tavus_store_stats_t  stats;

    static ngx_str_t  ok = ngx_string("{\"status\":\"ok\"}");

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&stats, sizeof(ngx_tavus_store_stats_t));
    ngx_tavus_store_stats(&stats);

    status = stats.ready ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE;

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
