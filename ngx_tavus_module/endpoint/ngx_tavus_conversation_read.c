
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "jobs/ngx_tavus_call.h"
#include "service/ngx_tavus_api_conf.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_store_conf.h"
#include "core/tavus_json.h"
#include "core/tavus_language.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>


#define NGX_TAVUS_COOKIES               8
#define NGX_TAVUS_COOKIE_AGE            (365 * 24 * 3600)
#define NGX_TAVUS_VISITOR_LEN           32
#define NGX_TAVUS_CREATE_PATIENCE       15


static ngx_int_t ngx_tavus_create_vertical(ngx_tavus_create_t *c,
    cJSON *item);
static ngx_int_t ngx_tavus_create_properties(ngx_tavus_create_t *c,
    cJSON *item, ngx_tavus_fault_t *fault);
static ngx_int_t ngx_tavus_create_list(ngx_tavus_create_t *c, cJSON *item,
    ngx_array_t *allowed, const char *name);
static ngx_int_t ngx_tavus_create_visitor(ngx_http_request_t *r,
    ngx_tavus_create_t *c);
static void ngx_tavus_create_known_visitor(ngx_http_request_t *r,
    ngx_tavus_create_t *c);
static ngx_uint_t ngx_tavus_create_valid_visitor(ngx_http_request_t *r,
    ngx_str_t *value);
static ngx_str_t *ngx_tavus_create_cookie_name(ngx_tavus_main_conf_t *mcf);
static ngx_int_t ngx_tavus_create_new_visitor(ngx_tavus_create_t *c);


/* NGX_OK; NGX_DECLINED with a fault of the visitor's; NGX_ERROR */

ngx_int_t
ngx_tavus_create_read(ngx_http_request_t *r, ngx_tavus_create_t *c,
    cJSON *root, ngx_tavus_fault_t *fault)
{
    cJSON       *item, *tags, *stores, *properties, *persona, *replica;
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

    rc = ngx_tavus_create_list(c, stores, c->vertical->memory_stores,
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

    if (c->vertical->visitor_memory) {
        return ngx_tavus_create_visitor(r, c);
    }

    return NGX_OK;
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


/*
 * A visitor's memory is a store that is named after a signed cookie, so that
 * nobody can ask for somebody else's.
 */

static ngx_int_t
ngx_tavus_create_visitor(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    u_char  *p;
    cJSON   *stores;

    ngx_tavus_create_known_visitor(r, c);

    if (c->visitor.len) {
        c->visitor.data = ngx_pstrdup(c->call->pool, &c->visitor);
        if (c->visitor.data == NULL) {
            return NGX_ERROR;
        }

    } else if (ngx_tavus_create_new_visitor(c) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(c->call->pool, sizeof("visitor__") + c->visitor.len
                               + c->vertical->name.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "visitor_%V_%V%Z", &c->visitor, &c->vertical->name);

    stores = cJSON_GetObjectItemCaseSensitive(c->call->intent, "memory_stores");

    if (!cJSON_AddItemToArray(stores, cJSON_CreateString((char *) p))) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * A neighbour under the same domain, or whoever is on an unencrypted line,
 * can add a cookie but not take one away: of two that are valid one may be
 * another visitor's, so neither counts.
 */

static void
ngx_tavus_create_known_visitor(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    u_char           *p, *end, *last;
    ngx_str_t        *name, value, visitor;
    ngx_uint_t        i, n, valid;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    name = ngx_tavus_create_cookie_name(c->mcf);

    ngx_str_null(&visitor);
    n = 0;
    valid = 0;

    part = &r->headers_in.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->key.len != sizeof("cookie") - 1
            || ngx_memcmp(h->lowcase_key, "cookie", sizeof("cookie") - 1)
               != 0)
        {
            continue;
        }

        last = h->value.data + h->value.len;

        for (p = h->value.data; p < last; p = end + 1) {

            end = ngx_strlchr(p, last, ';');
            end = end ? end : last;

            while (p < end && *p == ' ') {
                p++;
            }

            if ((size_t) (end - p) <= name->len || p[name->len] != '='
                || ngx_memcmp(p, name->data, name->len) != 0)
            {
                continue;
            }

            if (++n > NGX_TAVUS_COOKIES) {
                return;
            }

            value.data = p + name->len + 1;
            value.len = end - value.data;

            if (ngx_tavus_create_valid_visitor(r, &value)) {
                visitor.data = value.data;
                visitor.len = NGX_TAVUS_VISITOR_LEN;
                valid++;
            }
        }
    }

    if (valid == 1) {
        c->visitor = visitor;
    }
}


static ngx_uint_t
ngx_tavus_create_valid_visitor(ngx_http_request_t *r, ngx_str_t *value)
{
    char                  *p;
    size_t                 match;
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    p = (char *) value->data;

    return value->len > NGX_TAVUS_VISITOR_LEN + 1
           && p[NGX_TAVUS_VISITOR_LEN] == '.'
           && tavus_ticket_verify(klcf->keys->elts, klcf->keys->nelts,
                                  TAVUS_USE_VISITOR, p,
                                  NGX_TAVUS_VISITOR_LEN,
                                  p + NGX_TAVUS_VISITOR_LEN + 1,
                                  value->len - NGX_TAVUS_VISITOR_LEN - 1,
                                  &match)
              == TAVUS_VERIFY_OK;
}


/* over https a name that no other host, path or unencrypted page can set */

static ngx_str_t *
ngx_tavus_create_cookie_name(ngx_tavus_main_conf_t *mcf)
{
    static ngx_str_t  plain = ngx_string("tavus_visitor");
    static ngx_str_t  host = ngx_string("__Host-tavus_visitor");

    return mcf->public_origin.data[4] == 's' ? &host : &plain;
}


static ngx_int_t
ngx_tavus_create_new_visitor(ngx_tavus_create_t *c)
{
    int         n;
    char        ticket[TAVUS_TICKET_MAX];
    u_char     *p, random[NGX_TAVUS_VISITOR_LEN / 2];
    ngx_str_t  *name;

    p = ngx_pnalloc(c->call->pool, NGX_TAVUS_VISITOR_LEN);

    if (p == NULL || RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(p, random, sizeof(random));

    c->visitor.data = p;
    c->visitor.len = NGX_TAVUS_VISITOR_LEN;

    n = tavus_ticket_make(c->key, TAVUS_USE_VISITOR, (char *) p,
                          NGX_TAVUS_VISITOR_LEN, ticket);
    if (n < 0) {
        return NGX_ERROR;
    }

    name = ngx_tavus_create_cookie_name(c->mcf);

    p = ngx_pnalloc(c->call->pool, name->len + NGX_TAVUS_VISITOR_LEN
                               + TAVUS_TICKET_MAX
                               + sizeof("=.; Path=/; Max-Age=; HttpOnly; "
                                        "SameSite=Lax; Secure")
                               + NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    c->cookie.data = p;
    c->cookie.len = ngx_sprintf(p, "%V=%V.%*s; Path=/; "
                                  "Max-Age=%d; HttpOnly; SameSite=Lax%s",
                                  name, &c->visitor, (size_t) n, ticket,
                                  NGX_TAVUS_COOKIE_AGE,
                                  c->mcf->public_origin.data[4] == 's'
                                  ? "; Secure" : "")
                      - p;

    return NGX_OK;
}
