
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api_create.h"
#include "service/ngx_tavus_service.h"


#define NGX_TAVUS_API_URL_MAX     512
#define NGX_TAVUS_API_STATUS_MAX  32
#define NGX_TAVUS_API_TOKEN_MAX   4096


/* what Tavus calls one thing, then and now */

typedef struct {
    const char  *persona;
    const char  *replica;
} ngx_tavus_api_spelling_t;


static ngx_uint_t ngx_tavus_api_create_texts(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, cJSON *json);
static ngx_uint_t ngx_tavus_api_create_lists(
    const ngx_tavus_api_wish_t *wish, cJSON *json);
static ngx_uint_t ngx_tavus_api_create_properties(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, cJSON *json);
static ngx_uint_t ngx_tavus_api_create_language(ngx_tavus_api_t *api,
    const tavus_language_t *language, cJSON *properties);
static ngx_uint_t ngx_tavus_api_create_text(cJSON *json, const char *name,
    const ngx_str_t *text);
static ngx_int_t ngx_tavus_api_create_member(ngx_pool_t *pool, cJSON *root,
    const char *name, size_t max, ngx_str_t *s);
static ngx_int_t ngx_tavus_api_create_names(cJSON *root, ngx_pool_t *pool,
    ngx_tavus_api_made_t *made);
static ngx_int_t ngx_tavus_api_create_copy(ngx_pool_t *pool,
    const char *text, ngx_str_t *s);
static ngx_int_t ngx_tavus_api_create_token(ngx_tavus_api_made_t *made);


static const ngx_tavus_api_spelling_t  ngx_tavus_api_spellings[] = {
    { "pal_id", "face_id" },
    { "persona_id", "replica_id" }
};


ngx_int_t
ngx_tavus_api_create_body(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, ngx_pool_t *pool, ngx_str_t *body)
{
    char   *text;
    cJSON  *json;

    json = cJSON_CreateObject();
    text = NULL;

    if (!ngx_tavus_api_create_texts(api, wish, json)
        && !ngx_tavus_api_create_lists(wish, json)
        && !ngx_tavus_api_create_properties(api, wish, json))
    {
        text = cJSON_PrintUnformatted(json);
    }

    cJSON_Delete(json);

    if (text == NULL) {
        return NGX_ERROR;
    }

    body->len = ngx_strlen(text);
    body->data = ngx_pnalloc(pool, body->len);

    if (body->data) {
        ngx_memcpy(body->data, text, body->len);
    }

    cJSON_free(text);

    return body->data ? NGX_OK : NGX_ERROR;
}


/* an unknown field, and both names of one thing, are a 400 there */

static ngx_uint_t
ngx_tavus_api_create_texts(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, cJSON *json)
{
    ngx_uint_t                       failed;
    const ngx_tavus_api_spelling_t  *spelling;

    spelling = &ngx_tavus_api_spellings[api->names];

    failed = ngx_tavus_api_create_text(json, "conversation_name",
                                       &wish->name);
    failed |= ngx_tavus_api_create_text(json, "callback_url",
                                        &wish->callback);
    failed |= ngx_tavus_api_create_text(json, spelling->persona,
                                        &wish->persona_id);
    failed |= ngx_tavus_api_create_text(json, spelling->replica,
                                        &wish->replica_id);
    failed |= ngx_tavus_api_create_text(json, "custom_greeting",
                                        &wish->greeting);
    failed |= ngx_tavus_api_create_text(json, "conversational_context",
                                        &wish->context);

    if (wish->audio_only) {
        failed |= !cJSON_AddTrueToObject(json, "audio_only");
    }

    if (wish->require_auth) {
        failed |= !cJSON_AddTrueToObject(json, "require_auth");
    }

    return failed;
}


static ngx_uint_t
ngx_tavus_api_create_lists(const ngx_tavus_api_wish_t *wish, cJSON *json)
{
    ngx_uint_t  failed;

    failed = 0;

    if (cJSON_GetArraySize(wish->document_tags)) {
        failed |= !cJSON_AddItemReferenceToObject(json, "document_tags",
                                                  wish->document_tags);
        failed |= ngx_tavus_api_create_text(json,
                                            "document_retrieval_strategy",
                                            &wish->retrieval_strategy);
    }

    if (cJSON_GetArraySize(wish->memory_stores)) {
        failed |= !cJSON_AddItemReferenceToObject(json, "memory_stores",
                                                  wish->memory_stores);
    }

    return failed;
}


static ngx_uint_t
ngx_tavus_api_create_properties(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, cJSON *json)
{
    cJSON       *p;
    ngx_uint_t   failed;

    p = cJSON_AddObjectToObject(json, "properties");

    failed = !cJSON_AddNumberToObject(p, "max_call_duration",
                                      wish->max_call_duration);
    failed |= !cJSON_AddNumberToObject(p, "participant_absent_timeout",
                                       wish->participant_absent_timeout);
    failed |= !cJSON_AddNumberToObject(p, "participant_left_timeout",
                                       wish->participant_left_timeout);

    if (wish->captions != NGX_CONF_UNSET) {
        failed |= !cJSON_AddBoolToObject(p, "enable_closed_captions",
                                         wish->captions);
    }

    if (wish->language) {
        failed |= ngx_tavus_api_create_language(api, wish->language, p);
    }

    return failed;
}


/*
 * Today's list is one of codes.  No code is documented for any language that
 * is spoken, so that this goes under the older name, which is still taken.
 */

static ngx_uint_t
ngx_tavus_api_create_language(ngx_tavus_api_t *api,
    const tavus_language_t *language, cJSON *properties)
{
    cJSON  *list;

    if (api->names == NGX_TAVUS_API_LEGACY || language->code[0] == '\0') {
        return !cJSON_AddStringToObject(properties, "language",
                                        language->name);
    }

    list = cJSON_AddArrayToObject(properties, "languages");

    return !cJSON_AddItemToArray(list, cJSON_CreateString(language->code));
}


static ngx_uint_t
ngx_tavus_api_create_text(cJSON *json, const char *name,
    const ngx_str_t *text)
{
    return text->len
           && !cJSON_AddStringToObject(json, name, (char *) text->data);
}


ngx_int_t
ngx_tavus_api_create_answer(ngx_str_t *answer, ngx_uint_t plain,
    ngx_uint_t require_auth, ngx_pool_t *pool, ngx_tavus_api_made_t *made)
{
    cJSON      *root;
    ngx_int_t   rc;

    ngx_memzero(made, sizeof(ngx_tavus_api_made_t));

    (void) tavus_json_parse((char *) answer->data, answer->len, &root, NULL);

    rc = ngx_tavus_api_create_member(pool, root, "conversation_id",
                                     NGX_TAVUS_API_ID, &made->id);

    if (rc != NGX_OK
        || !ngx_tavus_api_valid_id(made->id.data, made->id.len))
    {
        ngx_str_null(&made->id);
        rc = NGX_ERROR;

    } else if (ngx_tavus_api_create_member(pool, root, "conversation_url",
                                           NGX_TAVUS_API_URL_MAX, &made->url)
               != NGX_OK
               || ngx_tavus_api_create_member(pool, root, "status",
                                              NGX_TAVUS_API_STATUS_MAX,
                                              &made->status)
                  != NGX_OK
               || ngx_tavus_api_create_names(root, pool, made) != NGX_OK
               || (require_auth
                   && (ngx_tavus_api_create_member(pool, root,
                                                   "meeting_token",
                                                   NGX_TAVUS_API_TOKEN_MAX,
                                                   &made->meeting_token)
                       != NGX_OK
                       || ngx_tavus_api_create_token(made) != NGX_OK))
               || !ngx_tavus_service_valid_url(&made->url, plain))
    {
        rc = NGX_ERROR;
    }

    cJSON_Delete(root);

    return rc;
}


static ngx_int_t
ngx_tavus_api_create_member(ngx_pool_t *pool, cJSON *root, const char *name,
    size_t max, ngx_str_t *s)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(root, name);

    if (!cJSON_IsString(p) || ngx_strlen(p->valuestring) > max) {
        return NGX_ERROR;
    }

    return ngx_tavus_api_create_copy(pool, p->valuestring, s);
}


static ngx_int_t
ngx_tavus_api_create_names(cJSON *root, ngx_pool_t *pool,
    ngx_tavus_api_made_t *made)
{
    if (ngx_tavus_api_create_copy(pool, ngx_tavus_api_persona(root),
                                  &made->persona_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_tavus_api_create_copy(pool, ngx_tavus_api_replica(root),
                                     &made->replica_id);
}


static ngx_int_t
ngx_tavus_api_create_copy(ngx_pool_t *pool, const char *text, ngx_str_t *s)
{
    if (text == NULL) {
        return NGX_OK;
    }

    s->len = ngx_strlen(text);
    s->data = ngx_pnalloc(pool, s->len + 1);

    if (s->data == NULL) {
        s->len = 0;
        return NGX_ERROR;
    }

    ngx_memcpy(s->data, text, s->len + 1);

    return NGX_OK;
}


/* the address is recorded and shown: it must not tell the token as well */

static ngx_int_t
ngx_tavus_api_create_token(ngx_tavus_api_made_t *made)
{
    size_t      i;
    u_char     *p;
    ngx_str_t  *token;

    token = &made->meeting_token;

    for (i = 0; i < token->len; i++) {
        if (token->data[i] <= ' ' || token->data[i] >= 0x7f) {
            return NGX_ERROR;
        }
    }

    if (token->len == 0) {
        return NGX_ERROR;
    }

    p = (u_char *) ngx_strchr(made->url.data, '?');

    if (p && ngx_strstr(p, (char *) token->data)) {
        *p = '\0';
        made->url.len = p - made->url.data;
    }

    return ngx_strstr(made->url.data, (char *) token->data) ? NGX_ERROR
                                                            : NGX_OK;
}
