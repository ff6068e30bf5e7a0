
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_track.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "guard/ngx_tavus_end_token.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_ends.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_event.h"
#include "core/tavus_json.h"
#include "core/tavus_json_print.h"


#define NGX_TAVUS_TRACK_BODY        65536
#define NGX_TAVUS_TRACK_EVENTS      20
#define NGX_TAVUS_TRACK_PROPERTIES  16384
#define NGX_TAVUS_TRACK_ID          128
#define NGX_TAVUS_TRACK_RELAYED     1000    /* events of a conversation */


typedef struct {
    ngx_uint_t     status;
    const char    *code;
    const char    *detail;
    const char    *field;
    ngx_int_t      index;           /* of the event, -1: of the request */
} ngx_tavus_track_fault_t;


static void ngx_tavus_track_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_track_conversation(ngx_http_request_t *r,
    cJSON *root, ngx_str_t *conversation_id, ngx_tavus_end_token_t *token,
    ngx_tavus_track_fault_t *fault);
static ngx_int_t ngx_tavus_track_count(ngx_http_request_t *r,
    ngx_tavus_end_token_t *token, ngx_uint_t n,
    ngx_tavus_track_fault_t *fault);
static ngx_int_t ngx_tavus_track_event(ngx_http_request_t *r, cJSON *item,
    ngx_uint_t ordinal, ngx_str_t *conversation_id, const char *consent,
    ngx_tavus_event_t *ev, ngx_tavus_track_fault_t *fault);
static ngx_int_t ngx_tavus_track_whose(cJSON *properties, ngx_uint_t decides,
    const char *consent, ngx_tavus_track_fault_t *fault);
static ngx_uint_t ngx_tavus_track_id(cJSON *item);
static ngx_int_t ngx_tavus_track_forget(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_track_identify(ngx_http_request_t *r,
    ngx_uint_t ordinal, cJSON *session, cJSON *id, ngx_tavus_event_t *ev);
static ngx_uint_t ngx_tavus_track_listed(const char **list,
    const char *name);
static ngx_uint_t ngx_tavus_track_reserved(const char *name);
static ngx_uint_t ngx_tavus_track_finite(cJSON *item);
static ngx_int_t ngx_tavus_track_fault(ngx_http_request_t *r,
    ngx_tavus_track_fault_t *fault);
static void ngx_tavus_track_stored(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);


/* of the room's data channel: only who is in the conversation relays them */

static const char  *ngx_tavus_track_relays[] = {
    "conversation.utterance",
    "conversation.perception_tool_call",
    "conversation.tool_call",
    NULL
};

static const char  *ngx_tavus_track_conversions[] = {
    "generate_lead",
    "begin_checkout",
    "purchase",
    NULL
};

/* who reads events by their type alone must not be deceived */

static const char  *ngx_tavus_track_prefixes[] = {
    "application.",
    "contact.",
    "conversation.",
    "document.",
    "system.",
    NULL
};


ngx_int_t
ngx_tavus_track_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_TRACK_BODY, ngx_tavus_track_body);
}


static void
ngx_tavus_track_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                    *root, *list, *item;
    ngx_int_t                 rc;
    ngx_str_t                 conversation_id;
    ngx_uint_t                n, withdrawn;
    const char               *consent;
    ngx_tavus_ctx_t          *ctx;
    ngx_tavus_event_t        *events;
    ngx_tavus_end_token_t     token;
    ngx_tavus_track_fault_t   fault;

    ngx_memzero(&fault, sizeof(ngx_tavus_track_fault_t));
    fault.status = NGX_HTTP_BAD_REQUEST;
    fault.index = -1;

    ngx_str_null(&conversation_id);

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    cJSON_ArrayForEach(item, root) {
        if (ngx_strcmp(item->string, "events") != 0
            && ngx_strcmp(item->string, "conversation_id") != 0
            && ngx_strcmp(item->string, "end_token") != 0
            && ngx_strcmp(item->string, "consent") != 0)
        {
            fault.code = "unknown_field";
            fault.detail = "The request has a field that is not known.";
            goto refused;
        }
    }

    item = cJSON_GetObjectItemCaseSensitive(root, "consent");

    if (ngx_tavus_consent(item, &consent) != NGX_OK) {
        fault.code = "invalid_field";
        fault.field = "consent";
        fault.detail = "The field must be \"granted\" or \"denied\".";
        goto refused;
    }

    list = cJSON_GetObjectItemCaseSensitive(root, "events");
    n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

    if (n == 0 || n > NGX_TAVUS_TRACK_EVENTS) {
        fault.code = "invalid_field";
        fault.field = "events";
        fault.detail = "The field must be a list of 1 to 20 events.";
        goto refused;
    }

    rc = ngx_tavus_track_conversation(r, root, &conversation_id, &token,
                                      &fault);

    if (rc == NGX_DECLINED) {
        goto refused;
    }

    if (rc != NGX_OK) {
        goto failed;
    }

    events = ngx_pcalloc(r->pool, n * sizeof(ngx_tavus_event_t));

    if (events == NULL) {
        goto failed;
    }

    n = 0;
    withdrawn = 0;

    cJSON_ArrayForEach(item, list) {

        rc = ngx_tavus_track_event(r, item, n, &conversation_id, consent,
                                   &events[n], &fault);

        if (rc == NGX_DECLINED) {
            fault.index = n;
            goto refused;
        }

        if (rc != NGX_OK) {
            goto failed;
        }

        withdrawn |= consent && ngx_strcmp(consent, "denied") == 0
                     && events[n].event_type.len == sizeof("consent") - 1
                     && ngx_memcmp(events[n].event_type.data, "consent",
                                   sizeof("consent") - 1)
                        == 0;
        n++;
    }

    if (conversation_id.len
        && ngx_tavus_track_count(r, &token, n, &fault) != NGX_OK)
    {
        goto refused;
    }

    cJSON_Delete(root);

    ctx = ngx_tavus_get_ctx(r);
    ctx->state = (void *) (uintptr_t) n;
    ctx->event_type = events[0].event_type;
    ctx->conversation_id = conversation_id;

    if (withdrawn && ngx_tavus_track_forget(r) != NGX_OK) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_tavus_intake(r, events, n, ngx_tavus_track_stored) != NGX_OK) {
        ngx_tavus_finalize(r, ngx_tavus_intake_unavailable(r));
    }

    return;

refused:

    cJSON_Delete(root);
    ngx_tavus_finalize(r, ngx_tavus_track_fault(r, &fault));

    return;

failed:

    cJSON_Delete(root);
    ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* a conversation is named only by who holds its end token */

static ngx_int_t
ngx_tavus_track_conversation(ngx_http_request_t *r, cJSON *root,
    ngx_str_t *conversation_id, ngx_tavus_end_token_t *parsed,
    ngx_tavus_track_fault_t *fault)
{
    cJSON      *id, *token;
    ngx_str_t   s;

    id = cJSON_GetObjectItemCaseSensitive(root, "conversation_id");
    token = cJSON_GetObjectItemCaseSensitive(root, "end_token");

    if (id == NULL && token == NULL) {
        return NGX_OK;
    }

    if (id == NULL || !cJSON_IsString(id) || !cJSON_IsString(token)) {
        fault->code = "invalid_field";
        fault->field = cJSON_IsString(id) ? "end_token" : "conversation_id";
        fault->detail = "A conversation_id and its end_token are strings, "
                        "and come together.";
        return NGX_DECLINED;
    }

    if (ngx_tavus_end_token_verify(r, id, token, parsed) != NGX_OK) {
        fault->status = NGX_HTTP_UNAUTHORIZED;
        fault->code = "invalid_end_token";
        fault->detail = "The end token is not this conversation's.";
        return NGX_DECLINED;
    }

    s.data = (u_char *) id->valuestring;
    s.len = ngx_strlen(s.data);

    conversation_id->len = s.len;
    conversation_id->data = ngx_pstrdup(r->pool, &s);

    return conversation_id->data ? NGX_OK : NGX_ERROR;
}


/* a token is somebody's who may have other plans with it */

static ngx_int_t
ngx_tavus_track_count(ngx_http_request_t *r, ngx_tavus_end_token_t *token,
    ngx_uint_t n, ngx_tavus_track_fault_t *fault)
{
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);

    if (ngx_tavus_ends_relay(cmcf->ends, token->nonce, n,
                             NGX_TAVUS_TRACK_RELAYED,
                             token->expiry - ngx_time() + 1)
        == NGX_OK)
    {
        return NGX_OK;
    }

    fault->status = NGX_HTTP_CONFLICT;
    fault->code = "too_many_events";
    fault->field = NULL;
    fault->detail = "More events than may be of one conversation.";

    return NGX_DECLINED;
}


/* NGX_OK; NGX_DECLINED with a fault of the browser's; NGX_ERROR */

static ngx_int_t
ngx_tavus_track_event(ngx_http_request_t *r, cJSON *item, ngx_uint_t ordinal,
    ngx_str_t *conversation_id, const char *consent, ngx_tavus_event_t *ev,
    ngx_tavus_track_fault_t *fault)
{
    char        *text;
    size_t       len, max;
    cJSON       *name, *properties, *session, *id, *p;
    ngx_int_t    rc;
    ngx_str_t    s;

    fault->code = "invalid_event";

    if (!cJSON_IsObject(item)) {
        fault->detail = "An event must be an object.";
        return NGX_DECLINED;
    }

    name = cJSON_GetObjectItemCaseSensitive(item, "name");
    properties = cJSON_GetObjectItemCaseSensitive(item, "properties");
    id = cJSON_GetObjectItemCaseSensitive(item, "event_id");
    session = cJSON_GetObjectItemCaseSensitive(properties, "session_id");

    cJSON_ArrayForEach(p, item) {
        if (p != name && p != properties && p != id) {
            fault->detail = "An event has a name, properties and perhaps an "
                            "event_id, and nothing else.";
            return NGX_DECLINED;
        }
    }

    len = cJSON_IsString(name) ? ngx_strlen(name->valuestring) : 0;

    if (len == 0 || len > TAVUS_EVENT_MAX_NAME) {
        fault->field = "name";
        fault->detail = "The name must be a string of 1 to 200 bytes.";
        return NGX_DECLINED;
    }

    rc = ngx_tavus_track_whose(properties,
                               ngx_strcmp(name->valuestring, "consent") == 0,
                               consent, fault);
    if (rc != NGX_OK) {
        return rc;
    }

    if (id != NULL && !ngx_tavus_track_id(id)) {
        fault->field = "event_id";
        fault->detail = "The event_id must be a string of 1 to 128 bytes.";
        return NGX_DECLINED;
    }

    if (ngx_tavus_track_listed(ngx_tavus_track_relays, name->valuestring)) {

        if (conversation_id->len == 0) {
            fault->field = "name";
            fault->detail = "What happens in a conversation is relayed with "
                            "its conversation_id and end_token.";
            return NGX_DECLINED;
        }

    } else if (ngx_tavus_track_reserved(name->valuestring)) {
        fault->field = "name";
        fault->detail = "The name is one of the server's own.";
        return NGX_DECLINED;
    }

    if (!ngx_tavus_track_finite(properties)) {
        fault->field = "properties";
        fault->detail = "A number of the properties is out of range.";
        return NGX_DECLINED;
    }

    text = tavus_json_print(properties);
    if (text == NULL) {
        return NGX_ERROR;
    }

    /* beside what was added here */

    max = NGX_TAVUS_TRACK_PROPERTIES
          + (consent ? sizeof(",\"consent\":\"granted\"") - 1 : 0);

    if (ngx_strlen(text) > max) {
        cJSON_free(text);
        fault->field = "properties";
        fault->detail = "The properties must not be over 16 KiB.";
        return NGX_DECLINED;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ev->body.len = s.len;
    ev->body.data = ngx_pstrdup(r->pool, &s);

    cJSON_free(text);

    s.data = (u_char *) name->valuestring;
    s.len = len;

    ev->event_type.len = len;
    ev->event_type.data = ngx_pstrdup(r->pool, &s);

    if (ev->body.data == NULL || ev->event_type.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&ev->source, "browser");
    ev->conversation_id = *conversation_id;
    ev->kind = NGX_TAVUS_KIND_INFO;

    if (ngx_tavus_track_listed(ngx_tavus_track_conversions,
                               name->valuestring))
    {
        ev->kind = NGX_TAVUS_KIND_CONVERSION;
    }

    return ngx_tavus_track_identify(r, ordinal, session, id, ev);
}


/*
 * Whose an event is, and what that visitor has said: the word of the request
 * goes with each of its events, whoever reads them.  As
 * ngx_tavus_track_event().
 */

static ngx_int_t
ngx_tavus_track_whose(cJSON *properties, ngx_uint_t decides,
    const char *consent, ngx_tavus_track_fault_t *fault)
{
    cJSON  *session, *user;

    session = cJSON_GetObjectItemCaseSensitive(properties, "session_id");
    user = cJSON_GetObjectItemCaseSensitive(properties, "user_id");

    if (!ngx_tavus_track_id(session)) {
        fault->field = "properties.session_id";
        fault->detail = "The session_id must be a string of 1 to 128 bytes.";
        return NGX_DECLINED;
    }

    if (user != NULL && !ngx_tavus_track_id(user)) {
        fault->field = "properties.user_id";
        fault->detail = "The user_id must be a string of 1 to 128 bytes.";
        return NGX_DECLINED;
    }

    if (cJSON_GetObjectItemCaseSensitive(properties, "consent") != NULL) {
        fault->field = "properties.consent";
        fault->detail = "The consent is a field of the request.";
        return NGX_DECLINED;
    }

    if (consent == NULL) {

        if (decides) {
            fault->field = "name";
            fault->detail = "What was decided is the request's consent.";
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    return cJSON_AddStringToObject(properties, "consent", consent)
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_tavus_track_id(cJSON *item)
{
    size_t  len;

    len = cJSON_IsString(item) ? ngx_strlen(item->valuestring) : 0;

    return len > 0 && len <= NGX_TAVUS_TRACK_ID;
}


/* a no takes back at once what a yes has brought, not with the next call */

static ngx_int_t
ngx_tavus_track_forget(ngx_http_request_t *r)
{
    ngx_uint_t                           i;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);
    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {
        if (v[i].memory.visitor == NGX_TAVUS_MEMORY_CONSENT) {
            return ngx_tavus_memory_withdraw(r);
        }
    }

    return NGX_OK;
}


/* a browser's clock never counts: the time is that of the receipt */

static ngx_int_t
ngx_tavus_track_identify(ngx_http_request_t *r, ngx_uint_t ordinal,
    cJSON *session, cJSON *id, ngx_tavus_event_t *ev)
{
    ngx_str_t     *request_id;
    tavus_part_t   parts[3];

    parts[0].data = ev->source.data;
    parts[0].len = ev->source.len;

    if (id != NULL) {
        parts[1].data = session->valuestring;
        parts[1].len = ngx_strlen(session->valuestring);
        parts[2].data = id->valuestring;
        parts[2].len = ngx_strlen(id->valuestring);

        return ngx_tavus_store_identify(ev, -1, parts, 3);
    }

    request_id = ngx_tavus_request_id(r);

    parts[1].data = request_id->data;
    parts[1].len = request_id->len;
    parts[2].data = &ordinal;
    parts[2].len = sizeof(ordinal);

    if (ngx_tavus_store_identify(ev, -1, parts, 3) != NGX_OK) {
        return NGX_ERROR;
    }

    /* no second request has this id: nothing to look for */

    ev->floating = 0;

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_track_listed(const char **list, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; list[i]; i++) {
        if (ngx_strcmp(name, list[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_tavus_track_reserved(const char *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_tavus_track_prefixes[i]; i++) {
        if (ngx_strncmp(name, ngx_tavus_track_prefixes[i],
                        ngx_strlen(ngx_tavus_track_prefixes[i]))
            == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* 1e400 is JSON, but would be printed as null; the gate bounds the depth */

static ngx_uint_t
ngx_tavus_track_finite(cJSON *item)
{
    cJSON  *p;

    if (cJSON_IsNumber(item)) {
        return item->valuedouble - item->valuedouble == 0;
    }

    cJSON_ArrayForEach(p, item) {
        if (!ngx_tavus_track_finite(p)) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_tavus_track_fault(ngx_http_request_t *r, ngx_tavus_track_fault_t *fault)
{
    cJSON  *extra;

    extra = cJSON_CreateObject();

    if (fault->index >= 0) {
        (void) cJSON_AddNumberToObject(extra, "index", fault->index);
    }

    if (fault->field) {
        (void) cJSON_AddStringToObject(extra, "field", fault->field);
    }

    return ngx_tavus_send_problem_with(r, fault->status, fault->code, 0,
                                       fault->detail, extra);
}


static void
ngx_tavus_track_stored(ngx_http_request_t *r, ngx_tavus_outcome_e outcome)
{
    u_char           *p;
    ngx_int_t         rc;
    ngx_str_t         body;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    p = ngx_pnalloc(r->pool, sizeof("{\"accepted\":}") + NGX_INT_T_LEN);

    if (p == NULL) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else if (outcome >= NGX_TAVUS_FOREIGN) {
        rc = ngx_tavus_intake_unavailable(r);

    } else {
        body.data = p;
        body.len = ngx_sprintf(p, "{\"accepted\":%ui}",
                               (ngx_uint_t) (uintptr_t) ctx->state)
                   - p;

        rc = ngx_tavus_send(r, NGX_HTTP_ACCEPTED, "application/json", &body);
    }

    ngx_tavus_finalize(r, rc);
}
