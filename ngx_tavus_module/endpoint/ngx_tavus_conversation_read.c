
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "jobs/ngx_tavus_call.h"
#include "service/ngx_tavus_api_conf.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_store_conf.h"
#include "core/tavus_json.h"
#include "core/tavus_language.h"


#define NGX_TAVUS_CREATE_PATIENCE  15
#define NGX_TAVUS_CREATE_LABEL     200       /* bytes */
#define NGX_TAVUS_CREATE_USER      128


/* what a request may hold, each once, by whichever of its names */

enum {
    ngx_tavus_field_vertical = 0,
    ngx_tavus_field_persona,
    ngx_tavus_field_replica,
    ngx_tavus_field_tags,
    ngx_tavus_field_stores,
    ngx_tavus_field_properties,
    ngx_tavus_field_consent,
    ngx_tavus_field_session,
    ngx_tavus_field_user,
    ngx_tavus_field_source,
    ngx_tavus_field_medium,
    ngx_tavus_field_campaign,
    ngx_tavus_fields
};


typedef struct {
    const char  *name;
    ngx_uint_t   field;
} ngx_tavus_create_name_t;


typedef struct {
    cJSON       *item;          /* NULL: is not there */
    const char  *name;
} ngx_tavus_create_field_t;


static ngx_int_t ngx_tavus_create_fields(cJSON *root,
    ngx_tavus_create_field_t *fields, ngx_tavus_fault_t *fault);
static ngx_int_t ngx_tavus_create_label(ngx_tavus_create_t *c,
    ngx_tavus_create_field_t *field, ngx_tavus_fault_t *fault);
static ngx_uint_t ngx_tavus_create_own(cJSON *item, ngx_str_t *own);
static ngx_int_t ngx_tavus_create_vertical(ngx_tavus_create_t *c,
    cJSON *item);
static ngx_int_t ngx_tavus_create_properties(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);
static ngx_int_t ngx_tavus_create_language(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);
static ngx_int_t ngx_tavus_create_list(ngx_tavus_create_t *c, cJSON *item,
    ngx_array_t *allowed, const char *name);
static ngx_int_t ngx_tavus_create_consent(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);


static const ngx_tavus_create_name_t  ngx_tavus_create_names[] = {
    { "vertical", ngx_tavus_field_vertical },
    { "persona_id", ngx_tavus_field_persona },
    { "pal_id", ngx_tavus_field_persona },
    { "replica_id", ngx_tavus_field_replica },
    { "face_id", ngx_tavus_field_replica },
    { "document_tags", ngx_tavus_field_tags },
    { "memory_stores", ngx_tavus_field_stores },
    { "properties", ngx_tavus_field_properties },
    { "consent", ngx_tavus_field_consent },
    { "session_id", ngx_tavus_field_session },
    { "user_id", ngx_tavus_field_user },
    { "utm_source", ngx_tavus_field_source },
    { "utm_medium", ngx_tavus_field_medium },
    { "utm_campaign", ngx_tavus_field_campaign },
    { NULL, 0 }
};


/* NGX_OK; NGX_DECLINED with a fault of the visitor's; NGX_ERROR */

ngx_int_t
ngx_tavus_create_read(ngx_http_request_t *r, ngx_tavus_create_t *c,
    cJSON *root, ngx_tavus_fault_t *fault)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_tavus_create_field_t  *f, fields[ngx_tavus_fields];

    rc = ngx_tavus_create_vertical(c,
                             cJSON_GetObjectItemCaseSensitive(root,
                                                              "vertical"));
    if (rc != NGX_OK) {
        fault->code = "unknown_vertical";
        fault->detail = "There is no such vertical.";
        return rc;
    }

    rc = ngx_tavus_create_fields(root, fields, fault);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = ngx_tavus_field_session; i < ngx_tavus_fields; i++) {
        rc = ngx_tavus_create_label(c, &fields[i], fault);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    f = &fields[ngx_tavus_field_persona];

    if (f->item && !ngx_tavus_create_own(f->item, &c->vertical->persona_id)) {
        fault->field = f->name;
        fault->code = "foreign_persona";
        fault->detail = "The persona is not the vertical's own.";
        return NGX_DECLINED;
    }

    f = &fields[ngx_tavus_field_replica];

    if (f->item && !ngx_tavus_create_own(f->item, &c->vertical->replica_id)) {
        fault->field = f->name;
        fault->code = "foreign_replica";
        fault->detail = "The replica is not the vertical's own.";
        return NGX_DECLINED;
    }

    rc = ngx_tavus_create_list(c, fields[ngx_tavus_field_tags].item,
                               c->vertical->document_tags, "document_tags");
    if (rc != NGX_OK) {
        fault->field = "document_tags";
        fault->code = "foreign_document_tag";
        fault->detail = "The tags must be among the vertical's own.";
        return rc;
    }

    rc = ngx_tavus_create_list(c, fields[ngx_tavus_field_stores].item,
                               c->vertical->memory.named, "memory_stores");
    if (rc != NGX_OK) {
        fault->field = "memory_stores";
        fault->code = "foreign_memory_store";
        fault->detail = "The memory stores must be among the vertical's "
                        "own.";
        return rc;
    }

    rc = ngx_tavus_create_properties(c,
                                     fields[ngx_tavus_field_properties].item,
                                     fault);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_tavus_create_consent(c, fields[ngx_tavus_field_consent].item,
                                  fault);
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


/* names are those of the table, as a fault outlives the request's body */

static ngx_int_t
ngx_tavus_create_fields(cJSON *root, ngx_tavus_create_field_t *fields,
    ngx_tavus_fault_t *fault)
{
    cJSON                          *item;
    const ngx_tavus_create_name_t  *n;
    ngx_tavus_create_field_t       *f;

    ngx_memzero(fields, ngx_tavus_fields * sizeof(ngx_tavus_create_field_t));

    cJSON_ArrayForEach(item, root) {

        for (n = ngx_tavus_create_names; n->name; n++) {
            if (ngx_strcmp(item->string, n->name) == 0) {
                break;
            }
        }

        if (n->name == NULL) {
            fault->code = "unknown_field";
            fault->detail = "The request has a field that is not known, or "
                            "not the visitor's to set.";
            return NGX_DECLINED;
        }

        f = &fields[n->field];

        if (f->item) {
            fault->field = n->name;
            fault->code = "conflicting_fields";
            fault->detail = "The field is there under its other name, too.";
            return NGX_DECLINED;
        }

        f->item = item;
        f->name = n->name;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_create_label(ngx_tavus_create_t *c,
    ngx_tavus_create_field_t *field, ngx_tavus_fault_t *fault)
{
    ngx_uint_t  user;

    if (field->item == NULL) {
        return NGX_OK;
    }

    user = ngx_strcmp(field->name, "user_id") == 0;

    if (!cJSON_IsString(field->item)
        || ngx_strlen(field->item->valuestring)
           > (user ? NGX_TAVUS_CREATE_USER : NGX_TAVUS_CREATE_LABEL))
    {
        fault->code = "invalid_field";
        fault->field = field->name;
        fault->detail = user
                        ? "The field must be a string of at most 128 bytes."
                        : "The field must be a string of at most 200 bytes.";
        return NGX_DECLINED;
    }

    return cJSON_AddStringToObject(c->call->intent, field->name,
                                   field->item->valuestring)
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_tavus_create_own(cJSON *item, ngx_str_t *own)
{
    return cJSON_IsString(item) && own->len
           && ngx_strcmp(item->valuestring, own->data) == 0;
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
           == NULL
        || cJSON_AddNumberToObject(intent, "max_call_duration",
                                   v[i].max_call_duration)
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
    cJSON      *p;
    ngx_int_t   rc;

    if (item != NULL && !cJSON_IsObject(item)) {
        fault->field = "properties";
        fault->code = "invalid_field";
        fault->detail = "The field must be an object.";
        return NGX_DECLINED;
    }

    cJSON_ArrayForEach(p, item) {

        if (ngx_strcmp(p->string, "language") == 0
            || ngx_strcmp(p->string, "languages") == 0)
        {
            rc = ngx_tavus_create_language(c, p, fault);
            if (rc != NGX_OK) {
                return rc;
            }

        } else if (ngx_strcmp(p->string, "enable_transcription") == 0) {

            if (!cJSON_IsBool(p)) {
                fault->field = "properties.enable_transcription";
                fault->code = "invalid_field";
                fault->detail = "The field must be true or false.";
                return NGX_DECLINED;
            }

            c->captions = cJSON_IsTrue(p);

        } else {
            fault->code = "unknown_field";
            fault->detail = "The properties have a field that is not known, "
                            "or not the visitor's to set.";
            return NGX_DECLINED;
        }
    }

    if (c->language == NULL) {
        c->language = c->vertical->language;
    }

    if (c->language
        && cJSON_AddStringToObject(c->call->intent, "language",
                                   c->language->name)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a language, or as Tavus has it today, a list of one */

static ngx_int_t
ngx_tavus_create_language(ngx_tavus_create_t *c, cJSON *item,
    ngx_tavus_fault_t *fault)
{
    tavus_language_t  *language;

    fault->field = ngx_strcmp(item->string, "language") == 0
                   ? "properties.language" : "properties.languages";

    if (c->language) {
        fault->code = "conflicting_fields";
        fault->detail = "The field is there under its other name, too.";
        return NGX_DECLINED;
    }

    if (ngx_strcmp(item->string, "languages") == 0) {

        if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 1) {
            fault->code = "invalid_field";
            fault->detail = "The field must be a list of one language.";
            return NGX_DECLINED;
        }

        item = item->child;
    }

    language = ngx_palloc(c->call->pool, sizeof(tavus_language_t));
    if (language == NULL) {
        return NGX_ERROR;
    }

    if (!cJSON_IsString(item)
        || tavus_language(item->valuestring, ngx_strlen(item->valuestring),
                          language)
           != 0)
    {
        fault->code = "unknown_language";
        fault->detail = "The language must be a full English name or a code "
                        "of one that Tavus speaks.";
        return NGX_DECLINED;
    }

    c->language = language;
    fault->field = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_create_consent(ngx_tavus_create_t *c, cJSON *item,
    ngx_tavus_fault_t *fault)
{
    const char  *word;

    if (ngx_tavus_consent(item, &word) != NGX_OK) {
        fault->field = "consent";
        fault->code = "invalid_field";
        fault->detail = "The field must be \"granted\" or \"denied\".";
        return NGX_DECLINED;
    }

    if (word == NULL) {
        return NGX_OK;
    }

    c->memory.consent = ngx_strcmp(word, "granted") == 0
                        ? NGX_TAVUS_CONSENT_GRANTED
                        : NGX_TAVUS_CONSENT_DENIED;

    return cJSON_AddStringToObject(c->call->intent, "consent", word)
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
