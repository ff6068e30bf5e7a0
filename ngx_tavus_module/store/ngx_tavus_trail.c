
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_trail.h"
#include "store/ngx_tavus_server_event.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>


static cJSON *ngx_tavus_trail_string(cJSON *data, const char *name,
    ngx_str_t *value);


cJSON *
ngx_tavus_trail_data(ngx_tavus_trail_t *trail)
{
    cJSON  *data;

    data = cJSON_CreateObject();

    if (ngx_tavus_trail_string(data, "user", &trail->user) == NULL
        || ngx_tavus_trail_string(data, "from", &trail->from) == NULL
        || (trail->cause.len
            && ngx_tavus_trail_string(data, "request_id", &trail->cause)
               == NULL))
    {
        cJSON_Delete(data);
        return NULL;
    }

    return data;
}


static cJSON *
ngx_tavus_trail_string(cJSON *data, const char *name, ngx_str_t *value)
{
    char   *text;
    cJSON  *item;

    text = cJSON_malloc(value->len + 1);
    if (text == NULL) {
        return NULL;
    }

    *ngx_cpymem(text, value->data, value->len) = '\0';

    item = cJSON_AddStringToObject(data, name, text);

    cJSON_free(text);

    return item;
}


ngx_tavus_row_t *
ngx_tavus_trail_put(const char *type, cJSON *data,
    ngx_tavus_store_pt handler, void *handler_data)
{
    uint8_t                   nonce[TAVUS_NONCE_LEN];
    ngx_tavus_server_event_t  event;

    if (RAND_bytes(nonce, TAVUS_NONCE_LEN) != 1) {
        return NULL;
    }

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = NGX_TAVUS_KIND_INFO;
    event.type = type;
    event.nonce = nonce;

    return ngx_tavus_server_event(&event, data, handler, handler_data);
}
