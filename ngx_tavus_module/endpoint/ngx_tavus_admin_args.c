
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_args.h"
#include "http/ngx_tavus_args.h"
#include "core/tavus_event.h"
#include "core/tavus_query.h"
#include "core/tavus_uuid.h"
#include "core/tavus_utf8.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>


#define NGX_TAVUS_ADMIN_MAX_WORDS  8
#define NGX_TAVUS_ADMIN_MAX_LIMIT  200
#define NGX_TAVUS_ADMIN_LIMIT      "50"


/* of a configuration: what it hides is guessed by nobody later */

static u_char  ngx_tavus_admin_salt[16];

static const char  *ngx_tavus_admin_words[][NGX_TAVUS_ADMIN_MAX_WORDS + 1] = {

    [ngx_tavus_arg_type] = { "webhook", "error", "info", "conversion" },

    [ngx_tavus_arg_status] = { "active", "ended" },

    [ngx_tavus_arg_sort] = { "asc", "desc" },

    [ngx_tavus_arg_delivery] = { "waiting", "dead" },

    [ngx_tavus_arg_alert] = { "open", "ended" },

    [ngx_tavus_arg_order] = { "new", "unknown", "failed", "open",
                              "processing", "paid", "unpaid", "expired" },

    [ngx_tavus_arg_boolean] = { "true", "false" },

    [ngx_tavus_arg_visitor] = { "session", "user", "memory_store", "email" },

    [ngx_tavus_arg_format] = { "csv", "ndjson" },

    [ngx_tavus_arg_bucket] = { "hour", "day" },

    [ngx_tavus_arg_dimension] = { "type", "event_type", "source", "vertical",
                                  "utm_source" }
};


ngx_int_t
ngx_tavus_admin_args_init(void)
{
    return RAND_bytes(ngx_tavus_admin_salt, sizeof(ngx_tavus_admin_salt)) == 1
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_tavus_admin_args_read(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_tavus_admin_arg_t *args, ngx_uint_t from, ngx_uint_t n,
    ngx_tavus_pg_op_t *op, cJSON **object, ngx_int_t *sent)
{
    const char         *value;
    ngx_uint_t          i;
    tavus_query_arg_t   table[NGX_TAVUS_ADMIN_MAX_ARGS];

    ngx_memzero(table, sizeof(table));

    for (i = from; i < n; i++) {
        table[i].name = args[i].name;
        table[i].max = args[i].max;
    }

    if (ngx_tavus_args_read(r, pool, table + from, n - from, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (i = from; i < n; i++) {

        value = table[i].len ? table[i].value : NULL;

        if (value == NULL && args[i].kind == ngx_tavus_arg_limit) {
            value = NGX_TAVUS_ADMIN_LIMIT;
            table[i].len = sizeof(NGX_TAVUS_ADMIN_LIMIT) - 1;
        }

        if (value == NULL) {
            op->values[i] = NULL;
            continue;
        }

        if (ngx_tavus_admin_args_value(pool, &args[i], op, i, value,
                                       table[i].len)
            != NGX_OK)
        {
            *sent = ngx_tavus_args_invalid(r, args[i].name);
            return NGX_DECLINED;
        }

        if (object) {
            ngx_tavus_admin_args_told(object, &args[i], value);
        }
    }

    return NGX_OK;
}


/*
 * What the trail has of an argument.  A page is the look that its first one
 * is, a time that goes with the clock is its day.
 */

void
ngx_tavus_admin_args_told(cJSON **object, ngx_tavus_admin_arg_t *arg,
    const char *value)
{
    char          day[sizeof("2026-11-29")];
    u_char        hash[EVP_MAX_MD_SIZE], hex[2 * 8 + 1];
    const char  **name;

    static const char  *pages[] = { "cursor", "before", "after",
                                    "transcript_from", "until", NULL };

    if (arg->kind == ngx_tavus_arg_limit || arg->kind == ngx_tavus_arg_most
        || arg->kind == ngx_tavus_arg_sort)
    {
        return;
    }

    for (name = pages; *name; name++) {
        if (ngx_strcmp(arg->name, *name) == 0) {
            return;
        }
    }

    if (*object == NULL) {
        *object = cJSON_CreateObject();
    }

    if (arg->kind == ngx_tavus_arg_personal) {
        (void) cJSON_AddTrueToObject(*object, arg->name);
        return;
    }

    if (arg->kind == ngx_tavus_arg_key) {
        (void) HMAC(EVP_sha256(), ngx_tavus_admin_salt,
                    sizeof(ngx_tavus_admin_salt), (u_char *) value,
                    ngx_strlen(value), hash, NULL);
        *ngx_hex_dump(hex, hash, 8) = '\0';

        (void) cJSON_AddStringToObject(*object, "hash", (char *) hex);
        return;
    }

    if (arg->kind == ngx_tavus_arg_time) {
        ngx_cpystrn((u_char *) day, (u_char *) value, sizeof(day));
        value = day;
    }

    (void) cJSON_AddStringToObject(*object, arg->name, value);
}


ngx_int_t
ngx_tavus_admin_args_value(ngx_pool_t *pool, ngx_tavus_admin_arg_t *arg,
    ngx_tavus_pg_op_t *op, ngx_uint_t n, const char *value, size_t len)
{
    u_char       *p;
    int64_t       number;
    uint8_t       uuid[TAVUS_UUID_LEN];
    ngx_uint_t    i;
    const char  **word;

    op->values[n] = value;
    op->lengths[n] = (int) len;
    op->formats[n] = 0;

    switch (arg->kind) {

    case ngx_tavus_arg_uuid:
        return tavus_uuid_parse(uuid, value, len) == 0 ? NGX_OK : NGX_ERROR;

    case ngx_tavus_arg_limit:
    case ngx_tavus_arg_most:
        return tavus_query_number(value, len, 1, NGX_TAVUS_ADMIN_MAX_LIMIT,
                                  &number)
               == 0 ? NGX_OK : NGX_ERROR;

    case ngx_tavus_arg_number:
        return tavus_query_number(value, len, 1, INT64_MAX, &number) == 0
               ? NGX_OK : NGX_ERROR;

    case ngx_tavus_arg_time:
        /* no number: senders mean seconds by it, but people a year */

        if (len < 5 || value[4] != '-'
            || tavus_event_time(value, len, &number) != 0)
        {
            return NGX_ERROR;
        }

        /* in binary, so that no session's time zone has a say */

        p = ngx_pnalloc(pool, 8);
        if (p == NULL) {
            return NGX_ERROR;
        }

        number -= NGX_TAVUS_ADMIN_EPOCH;

        for (i = 0; i < 8; i++) {
            p[i] = (u_char) ((uint64_t) number >> (56 - 8 * i));
        }

        op->values[n] = (char *) p;
        op->lengths[n] = 8;
        op->formats[n] = 1;

        break;

    case ngx_tavus_arg_text:
    case ngx_tavus_arg_personal:
    case ngx_tavus_arg_key:
        /* a path is not checked by now as arguments are */

        if (ngx_strlen(value) != len || !tavus_utf8_valid(value, len)) {
            return NGX_ERROR;
        }

        break;

    default:
        for (word = ngx_tavus_admin_words[arg->kind]; *word; word++) {
            if (ngx_strcmp(value, *word) == 0) {
                return NGX_OK;
            }
        }

        return NGX_ERROR;
    }

    return NGX_OK;
}
