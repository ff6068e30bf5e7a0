
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_failed.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_problem.h"


#define NGX_TAVUS_ADMIN_RETRY  5


ngx_int_t
ngx_tavus_admin_failed(ngx_http_request_t *r, ngx_int_t rc, PGresult *res)
{
    const char  *state, *message, *name;

    if (rc == NGX_ABORT || rc == NGX_BUSY) {
        return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "storage_unavailable",
                                      NGX_TAVUS_ADMIN_RETRY,
                                      "The database cannot be asked now.");
    }

    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

    /* invalid_parameter_value: SQL judges cursors, or says what else */

    if (state && ngx_strcmp(state, "22023") == 0) {
        name = PQresultErrorField(res, PG_DIAG_COLUMN_NAME);

        return ngx_tavus_args_invalid(r, name ? name : "cursor");
    }

    message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
                  : NULL;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "database refused a query: %s %s", state ? state : "",
                  message ? message : "unexpected answer");

    /* query_canceled: its statement_timeout */

    if (state && ngx_strcmp(state, "57014") == 0) {
        return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "query_timeout", 0,
                                      "The query takes too long: narrow "
                                      "its filter.");
    }

    /* no schema or not all of it, no right to it, no resources, no server */

    if (state
        && (ngx_strncmp(state, "3F", 2) == 0
            || ngx_strncmp(state, "42", 2) == 0
            || ngx_strncmp(state, "53", 2) == 0
            || ngx_strncmp(state, "57", 2) == 0))
    {
        return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "storage_unusable",
                                      NGX_TAVUS_ADMIN_RETRY,
                                      "The database is there, but cannot be "
                                      "used: the error log says why.");
    }

    return ngx_tavus_send_problem(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                  "internal_error", 0,
                                  "The query failed.");
}
