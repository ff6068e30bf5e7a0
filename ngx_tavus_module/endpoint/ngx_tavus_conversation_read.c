
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_problem.h"
#include "jobs/ngx_tavus_call.h"
#include "service/ngx_tavus_api_conf.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_store_conf.h"
#include "core/tavus_json.h"
#include "core/tavus_language.h"


#define NGX_TAVUS_CREATE_PATIENCE       15


static ngx_int_t ngx_tavus_create_vertical(ngx_tavus_create_t *c,
    cJSON *item);
static ngx_int_t ngx_tavus_create_properties(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);
static ngx_int_t ngx_tavus_create_list(ngx_tavus_create_t *c, cJSON *item,
    ngx_array_t *allowed, const char *name);
static ngx_int_t ngx_tavus_create_consent(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);


/* NGX_OK; NGX_DECLINED with a fault of the visitor's; NGX_ERROR */

ngx_int_t
ngx_tavus_create_read(ngx_http_request_t *r, ngx_tavus_create_t *c,
    cJSON *root, ngx_tavus_fault_t *fault)
{
    cJSON       *item, *tags, *stores, *properties, *persona, *replica,
                *consent;
    ngx_str_t    s;
    ngx_int_t    rc;
    ngx_uint_t   i;

    static const char  *labels[] = {
        "session_id", "utm_source", "utm_medium", "utm_campaign", NULL
    };

    tags = NULL;
    stores = NULL;
    persona = NULL;
    replica = NULL;
    properties = NULL;
    consent = NULL;

    rc = ngx_tavus_create_vertical(c,
                             cJSON_GetObjectItemCaseSensitive(root,
                                                              "vertical"));
    if (rc != NGX_OK) {
        fault->code = "unknown_vertical";
        fault->detail = "There is no such vertical.";
        return rc;
    }

    cJSON_ArrayForEach(item, root) {

        if (ngx_strcmp(item->string, "vertical") == 0) {
            continue;
        }

        if (ngx_strcmp(item->string, "persona_id") == 0) {
            persona = item;
            continue;
        }

        if (ngx_strcmp(item->string, "replica_id") == 0) {
            replica = item;
            continue;
        }

        if (ngx_strcmp(item->string, "document_tags") == 0) {
            tags = item;
            continue;
        }

        if (ngx_strcmp(item->string, "memory_stores") == 0) {
            stores = item;
            continue;
        }

        if (ngx_strcmp(item->string, "properties") == 0) {
            properties = item;
            continue;
        }

        if (ngx_strcmp(item->string, "consent") == 0) {
            consent = item;
            continue;
        }

        for (i = 0; labels[i]; i++) {
            if (ngx_strcmp(item->string, labels[i]) == 0) {
                break;
            }
        }

        if (labels[i] == NULL) {
            fault->code = "unknown_field";
            fault->detail = "The request has a field that is not known, or "
                            "not the visitor's to set.";
            return NGX_DECLINED;
        }

        if (ngx_tavus_call_string(c->call->pool, item, 200, &s) != NGX_OK) {
            fault->code = "invalid_field";
            fault->field = labels[i];
            fault->detail = "The field must be a string of at most 200 "
                            "bytes.";
            return NGX_DECLINED;
        }

        if (cJSON_AddStringToObject(c->call->intent, labels[i], (char *) s.data)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    if (persona
        && (ngx_tavus_call_string(c->call->pool, persona, 200, &s) != NGX_OK
            || s.len == 0
            || s.len != c->vertical->persona_id.len
            || ngx_strcmp(s.data, c->vertical->persona_id.data) != 0))
    {
        fault->field = "persona_id";
        fault->code = "foreign_persona";
        fault->detail = "The persona is not the vertical's own.";
        return NGX_DECLINED;
    }

    if (replica
        && (ngx_tavus_call_string(c->call->pool, replica, 200, &s) != NGX_OK
            || s.len == 0
            || s.len != c->vertical->replica_id.len
            || ngx_strcmp(s.data, c->vertical->replica_id.data) != 0))
    {
        fault->field = "replica_id";
        fault->code = "foreign_replica";
        fault->detail = "The replica is not the vertical's own.";
        return NGX_DECLINED;
    }

    rc = ngx_tavus_create_list(c, tags, c->vertical->document_tags,
                               "document_tags");
    if (rc != NGX_OK) {
        fault->field = "document_tags";
        fault->code = "foreign_document_tag";
        fault->detail = "The tags must be among the vertical's own.";
        return rc;
    }

    rc = ngx_tavus_create_list(c, stores, c->vertical->memory.named,
                               "memory_stores");
    if (rc != NGX_OK) {
        fault->field = "memory_stores";
        fault->code = "foreign_memory_store";
        fault->detail = "The memory stores must be among the vertical's "
                        "own.";
        return rc;
    }

    rc = ngx_tavus_create_properties(c, properties, fault);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_tavus_create_consent(c, consent, fault);
    if (rc != NGX_OK) {
        return rc;
    }

    c->memory.conf = &c->vertical->memory;
    c->memory.vertical = &c->vertical->name;
    c->memory.pool = c->call->pool;
    c->memory.stores = cJSON_GetObjectItemCaseSensitive(c->call->intent,
                                                        "memory_stores");

    return ngx_tavus_memory_add(r, &c->memory);
}


ngx_uint_t
ngx_tavus_create_patience(ngx_http_request_t *r)
{
    ngx_msec_t                    time;
    ngx_tavus_main_conf_t        *mcf;
    ngx_tavus_api_main_conf_t    *amcf;
    ngx_tavus_store_main_conf_t  *smcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_tavus_store_module);

    time = amcf->api.timeout + 2 * smcf->store.timeout;

    if (mcf->resolver) {
        time += mcf->resolver_timeout;
    }

    return time / 1000 + NGX_TAVUS_CREATE_PATIENCE;
}


static ngx_int_t
ngx_tavus_create_vertical(ngx_tavus_create_t *c, cJSON *item)
{
    size_t                 len;
    cJSON                 *intent;
    const char            *name, *node;
    ngx_uint_t             i;
    ngx_tavus_vertical_t  *v;

    name = "general";
    node = ngx_tavus_node_name();

    if (item != NULL) {
        if (!cJSON_IsString(item)) {
            return NGX_DECLINED;
        }

        name = item->valuestring;
    }

    len = ngx_strlen(name);
    v = c->cmcf->verticals.elts;

    for (i = 0; i < c->cmcf->verticals.nelts; i++) {
        if (v[i].name.len == len
            && ngx_strncmp(v[i].name.data, name, len) == 0)
        {
            break;
        }
    }

    if (i == c->cmcf->verticals.nelts) {
        return NGX_DECLINED;
    }

    c->vertical = &v[i];
    c->call->vertical = v[i].name;
    intent = c->call->intent;

    if (cJSON_AddStringToObject(intent, "nonce", c->call->nonce_hex) == NULL
        || cJSON_AddStringToObject(intent, "vertical", name) == NULL
        || cJSON_AddStringToObject(intent, "request_id",
                                   (char *) c->call->cause.data)
           == NULL
        || (node && cJSON_AddStringToObject(intent, "node", node) == NULL)
        || cJSON_AddNumberToObject(intent, "patience", c->call->patience)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (v[i].persona_id.len
        && cJSON_AddStringToObject(intent, "persona_id",
                                   (char *) v[i].persona_id.data)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (v[i].replica_id.len
        && cJSON_AddStringToObject(intent, "replica_id",
                                   (char *) v[i].replica_id.data)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_create_properties(ngx_tavus_create_t *c, cJSON *item,
    ngx_tavus_fault_t *fault)
{
    cJSON       *p;
    const char  *language;

    c->properties = cJSON_CreateObject();
    if (c->properties == NULL) {
        return NGX_ERROR;
    }

    language = (char *) c->vertical->language.data;

    if (item != NULL && !cJSON_IsObject(item)) {
        fault->field = "properties";
        fault->code = "invalid_field";
        fault->detail = "The field must be an object.";
        return NGX_DECLINED;
    }

    cJSON_ArrayForEach(p, item) {

        if (ngx_strcmp(p->string, "language") == 0) {

            language = cJSON_IsString(p)
                       ? tavus_language(p->valuestring,
                                        ngx_strlen(p->valuestring))
                       : NULL;

            if (language == NULL) {
                fault->field = "properties.language";
                fault->code = "unknown_language";
                fault->detail = "The language must be a full English name "
                                "or an ISO 639-1 code that Tavus speaks.";
                return NGX_DECLINED;
            }

        } else if (ngx_strcmp(p->string, "enable_transcription") == 0) {

            if (!cJSON_IsBool(p)) {
                fault->field = "properties.enable_transcription";
                fault->code = "invalid_field";
                fault->detail = "The field must be true or false.";
                return NGX_DECLINED;
            }

            if (cJSON_AddBoolToObject(c->properties,
                                      "enable_closed_captions",
                                      cJSON_IsTrue(p))
                == NULL)
            {
                return NGX_ERROR;
            }

        } else {
            fault->code = "unknown_field";
            fault->detail = "The properties have a field that is not known, "
                            "or not the visitor's to set.";
            return NGX_DECLINED;
        }
    }

    if (language
        && (cJSON_AddStringToObject(c->properties, "language", language)
            == NULL
            || cJSON_AddStringToObject(c->call->intent, "language", language)
               == NULL))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_create_consent(ngx_tavus_create_t *c, cJSON *item,
    ngx_tavus_fault_t *fault)
{
    if (item == NULL) {
        return NGX_OK;
    }

    if (cJSON_IsString(item) && ngx_strcmp(item->valuestring, "granted") == 0)
    {
        c->memory.consent = NGX_TAVUS_CONSENT_GRANTED;

    } else if (cJSON_IsString(item)
               && ngx_strcmp(item->valuestring, "denied") == 0)
    {
        c->memory.consent = NGX_TAVUS_CONSENT_DENIED;

    } else {
        fault->field = "consent";
        fault->code = "invalid_field";
        fault->detail = "The field must be \"granted\" or \"denied\".";
        return NGX_DECLINED;
    }

    return cJSON_AddStringToObject(c->call->intent, "consent",
                                   item->valuestring)
           ? NGX_OK : NGX_ERROR;
}


/* the visitor's choice among what the vertical allows, or all of it */

static ngx_int_t
ngx_tavus_create_list(ngx_tavus_create_t *c, cJSON *item,
    ngx_array_t *allowed, const char *name)
{
    cJSON       *list, *p, *q;
    ngx_str_t   *a;
    ngx_uint_t   i, n;

    list = cJSON_AddArrayToObject(c->call->intent, name);
    if (list == NULL) {
        return NGX_ERROR;
    }

    a = allowed ? allowed->elts : NULL;
    n = allowed ? allowed->nelts : 0;

    if (item == NULL) {
        for (i = 0; i < n; i++) {
            if (!cJSON_AddItemToArray(list,
                                   cJSON_CreateString((char *) a[i].data)))
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    if (!cJSON_IsArray(item)) {
        return NGX_DECLINED;
    }

    cJSON_ArrayForEach(p, item) {

        if (!cJSON_IsString(p)) {
            return NGX_DECLINED;
        }

        cJSON_ArrayForEach(q, list) {
            if (ngx_strcmp(q->valuestring, p->valuestring) == 0) {
                return NGX_DECLINED;
            }
        }

        for (i = 0; i < n; i++) {
            if (ngx_strcmp(a[i].data, p->valuestring) == 0) {
                break;
            }
        }

        if (i == n) {
            return NGX_DECLINED;
        }

        if (!cJSON_AddItemToArray(list, cJSON_CreateString(p->valuestring))) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_create_fault(ngx_http_request_t *r, ngx_tavus_create_t *c,
    ngx_tavus_fault_t *fault)
{
    cJSON                 *extra, *list;
    ngx_uint_t             i;
    ngx_tavus_vertical_t  *v;

    extra = NULL;

    if (fault->field) {
        extra = cJSON_CreateObject();
        (void) cJSON_AddStringToObject(extra, "field", fault->field);

    } else if (ngx_strcmp(fault->code, "unknown_vertical") == 0) {
        extra = cJSON_CreateObject();
        list = cJSON_AddArrayToObject(extra, "verticals");
        v = c->cmcf->verticals.elts;

        for (i = 0; i < c->cmcf->verticals.nelts; i++) {
            (void) cJSON_AddItemToArray(list,
                                cJSON_CreateString((char *) v[i].name.data));
        }
    }

    return ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST, fault->code,
                                       0, fault->detail, extra);
}
