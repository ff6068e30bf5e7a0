
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api.h"
#include "service/ngx_tavus_service.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_API_ANSWER  65536


static ngx_uint_t ngx_tavus_api_refused(ngx_tavus_curl_t *t,
    const char **words);
static u_char *ngx_tavus_api_message(ngx_tavus_curl_t *t, cJSON **root);
static const char *ngx_tavus_api_either(const cJSON *object, const char *old,
    const char *today);


ngx_tavus_curl_t *
ngx_tavus_api_transfer(ngx_tavus_api_t *api, const char *method,
    ngx_tavus_curl_pt handler, void *data)
{
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_service_transfer(api->peer, "x-api-key", &api->key);
    if (t == NULL) {
        return NULL;
    }

    t->method = method;
    t->timeout = api->timeout;
    t->max = NGX_TAVUS_API_ANSWER;
    t->handler = handler;
    t->data = data;

    return t;
}


ngx_int_t
ngx_tavus_api_end(ngx_tavus_api_t *api, ngx_str_t *conversation_id,
    ngx_tavus_curl_pt handler, void *data)
{
    u_char            *p;
    ngx_tavus_curl_t  *t;

    if (!ngx_tavus_api_valid_id(conversation_id->data, conversation_id->len))
    {
        return NGX_ERROR;
    }

    t = ngx_tavus_api_transfer(api, "POST", handler, data);
    if (t == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(t->pool, sizeof("/v2/conversations//end")
                             + conversation_id->len);
    if (p == NULL) {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    t->path.data = p;
    t->path.len = ngx_sprintf(p, "/v2/conversations/%V/end", conversation_id)
                  - p;

    return ngx_tavus_curl_send(t);
}


/*
 * What a second end is answered with is not documented, but that an unknown
 * id is a 400; any other refusal says nothing of the conversation.
 */

ngx_uint_t
ngx_tavus_api_ended(ngx_tavus_curl_t *t)
{
    static const char  *words[] = {
        "already ended", "already been ended", "has ended", NULL
    };

    if (t->rc == CURLE_OK && (t->status == 200 || t->status == 204)) {
        return 1;
    }

    return ngx_tavus_api_refused(t, words) || ngx_tavus_api_unknown(t);
}


ngx_uint_t
ngx_tavus_api_unknown(ngx_tavus_curl_t *t)
{
    static const char  *words[] = {
        "invalid conversation_id", "invalid conversation id",
        "conversation not found", "conversation does not exist",
        "no such conversation", NULL
    };

    return ngx_tavus_api_refused(t, words);
}


/* whether the answer is a refusal with some of these words */

static ngx_uint_t
ngx_tavus_api_refused(ngx_tavus_curl_t *t, const char **words)
{
    cJSON       *root;
    u_char      *text;
    ngx_uint_t   i, found;

    if (t->rc != CURLE_OK || t->status < 400 || t->status >= 500) {
        return 0;
    }

    text = ngx_tavus_api_message(t, &root);
    found = 0;

    for (i = 0; text && words[i] && !found; i++) {
        found = ngx_strcasestrn(text, (char *) words[i],
                                ngx_strlen(words[i]) - 1)
                != NULL;
    }

    cJSON_Delete(root);

    return found;
}


/* Tavus has it under either name; NULL if under none */

static u_char *
ngx_tavus_api_message(ngx_tavus_curl_t *t, cJSON **root)
{
    cJSON  *p;

    (void) tavus_json_parse((char *) t->answer.data, t->answer.len, root,
                            NULL);

    p = cJSON_GetObjectItemCaseSensitive(*root, "error");

    if (!cJSON_IsString(p)) {
        p = cJSON_GetObjectItemCaseSensitive(*root, "message");
    }

    return cJSON_IsString(p) ? (u_char *) p->valuestring : NULL;
}


ngx_str_t
ngx_tavus_api_words(ngx_tavus_api_t *api, ngx_tavus_curl_t *t, u_char *buf,
    size_t size)
{
    cJSON      *root;
    size_t      i;
    u_char     *text, *p;
    ngx_str_t   words;

    words.data = buf;
    words.len = 0;

    if (t == NULL || t->rc != CURLE_OK || t->status < 400) {
        return words;
    }

    text = ngx_tavus_api_message(t, &root);

    if (text) {

        /* it may repeat what it was sent */

        p = (u_char *) ngx_strstr(text, "token=");

        if (p) {
            *p = '\0';
        }

        p = ngx_strnstr(text, (char *) api->key.data, ngx_strlen(text));

        if (p) {
            *p = '\0';
        }

        for (i = 0; i < size && text[i]; i++) {
            buf[i] = (text[i] < ' ' || text[i] >= 0x7f) ? '?' : text[i];
        }

        words.len = i;
    }

    cJSON_Delete(root);

    return words;
}


u_char *
ngx_tavus_api_name(ngx_pool_t *pool, ngx_str_t *vertical,
    const char *nonce_hex)
{
    u_char  *name;

    name = ngx_pnalloc(pool, vertical->len + 1 + ngx_strlen(nonce_hex) + 1);

    if (name) {
        ngx_sprintf(name, "%V %s%Z", vertical, nonce_hex);
    }

    return name;
}


ngx_uint_t
ngx_tavus_api_valid_id(const u_char *id, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z')
              || (id[i] >= '0' && id[i] <= '9') || id[i] == '-'
              || id[i] == '_'))
        {
            return 0;
        }
    }

    return len > 0;
}


const char *
ngx_tavus_api_persona(const cJSON *object)
{
    return ngx_tavus_api_either(object, "persona_id", "pal_id");
}


const char *
ngx_tavus_api_replica(const cJSON *object)
{
    return ngx_tavus_api_either(object, "replica_id", "face_id");
}


static const char *
ngx_tavus_api_either(const cJSON *object, const char *old, const char *today)
{
    size_t       i, len;
    cJSON       *p;
    const char  *names[2];

    names[0] = old;
    names[1] = today;

    for (i = 0; i < 2; i++) {
        p = cJSON_GetObjectItemCaseSensitive(object, names[i]);

        if (!cJSON_IsString(p)) {
            continue;
        }

        len = ngx_strlen(p->valuestring);

        if (len <= NGX_TAVUS_API_ID
            && ngx_tavus_api_valid_id((u_char *) p->valuestring, len))
        {
            return p->valuestring;
        }
    }

    return NULL;
}


void
ngx_tavus_api_measure(ngx_tavus_curl_t *t)
{
    ngx_tavus_service_measure(t, TAVUS_SERVICE_TAVUS);
}
