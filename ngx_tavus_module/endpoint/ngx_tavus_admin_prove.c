
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_prove.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_failed.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "endpoint/ngx_tavus_webhook_proof.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_query.h"
#include "core/tavus_uuid.h"


#define NGX_TAVUS_PROVE_BODY     1024
#define NGX_TAVUS_PROVE_TIMEOUT  5000


typedef enum {
    ngx_tavus_prove_verify = 0,
    ngx_tavus_prove_release,
    ngx_tavus_prove_delete
} ngx_tavus_prove_e;


/* the columns of tavus.proof() */

enum {
    ngx_tavus_prove_id = 0,
    ngx_tavus_prove_source,
    ngx_tavus_prove_type,
    ngx_tavus_prove_conversation,
    ngx_tavus_prove_verification,
    ngx_tavus_prove_bytes,
    ngx_tavus_prove_seq,
    ngx_tavus_prove_digest,
    ngx_tavus_prove_rule,
    ngx_tavus_prove_bound,
    ngx_tavus_prove_columns
};


/* a query that was sent outlives the client who asked for it */

typedef struct {
    ngx_pool_t          *pool;
    ngx_tavus_wait_t     wait;
    ngx_tavus_pg_op_t    op;
    ngx_uint_t           what;
    ngx_uint_t           unproven;
} ngx_tavus_prove_t;


typedef struct {
    ngx_str_t            id;
    ngx_uint_t           what;          /* ngx_tavus_prove_e */
    ngx_uint_t           unproven;      /* is released all the same */
} ngx_tavus_prove_path_t;


/* why something stays in quarantine, by the word that tavus.proof() has */

typedef struct {
    ngx_str_t            rule;
    const char          *detail;
} ngx_tavus_prove_rule_t;


static ngx_uint_t ngx_tavus_prove_path(ngx_str_t *path,
    ngx_tavus_prove_path_t *p);
static ngx_uint_t ngx_tavus_prove_between(ngx_str_t *path, ngx_str_t *first,
    ngx_str_t *last, ngx_str_t *id);
static void ngx_tavus_prove_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_prove_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_prove_path_t *path, ngx_int_t *sent);
static void ngx_tavus_prove_remove(ngx_http_request_t *r, ngx_str_t *id);
static void ngx_tavus_prove_begin(ngx_http_request_t *r,
    ngx_tavus_prove_path_t *path);
static void ngx_tavus_prove_ask(ngx_http_request_t *r, void *data);
static void ngx_tavus_prove_unasked(void *data);
static void ngx_tavus_prove_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_prove_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_prove_answer(ngx_http_request_t *r,
    ngx_tavus_prove_t *p, PGresult *res);
static void ngx_tavus_prove_column(PGresult *res, int column,
    ngx_str_t *value);
static ngx_int_t ngx_tavus_prove_send(ngx_http_request_t *r, PGresult *res,
    ngx_tavus_proof_t *proof);
static void ngx_tavus_prove_release_it(ngx_http_request_t *r, PGresult *res,
    ngx_tavus_proof_t *proof);
static ngx_int_t ngx_tavus_prove_refuse(ngx_http_request_t *r,
    ngx_tavus_prove_t *p, PGresult *res, ngx_tavus_proof_t *proof);
static ngx_int_t ngx_tavus_prove_conflict(ngx_http_request_t *r,
    const char *code, const char *detail, const char *reason);
static ngx_int_t ngx_tavus_prove_not_found(ngx_http_request_t *r);


static ngx_tavus_prove_rule_t  ngx_tavus_prove_rules[] = {

    { ngx_string("not_a_webhook"),
      "It is no webhook: nobody has verified it when it came." },

    { ngx_string("foreign"),
      "It came with the token of another conversation." },

    { ngx_string("too_long"),
      "One of its names is longer than the database takes." },

    { ngx_string("never"),
      "Whose conversation it is cannot be kept with it, so that no erasure "
      "would find it." },

    { ngx_string("too_old"),
      "Events of its month are not kept any more." },

    { ngx_string("unknown_reason"),
      "It is there for a reason that is not known here." },

    { ngx_null_string, NULL }
};


ngx_int_t
ngx_tavus_admin_prove(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t                rc;
    ngx_tavus_prove_path_t  *p;

    p = ngx_pcalloc(r->pool, sizeof(ngx_tavus_prove_path_t));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_tavus_prove_path(path, p)) {
        return NGX_DECLINED;
    }

    if (p->what == ngx_tavus_prove_delete) {

        if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
            return NGX_DECLINED;
        }

        rc = ngx_tavus_allow(r, NGX_HTTP_DELETE, "GET, HEAD, DELETE");

    } else {
        rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_admin_change(r, p, NGX_TAVUS_PROVE_BODY,
                                  ngx_tavus_prove_body);
}


static ngx_uint_t
ngx_tavus_prove_path(ngx_str_t *path, ngx_tavus_prove_path_t *p)
{
    uint8_t  uuid[TAVUS_UUID_LEN];
    int64_t  number;

    static ngx_str_t  events = ngx_string("events/");
    static ngx_str_t  quarantine = ngx_string("quarantine/");
    static ngx_str_t  verify = ngx_string("/verify");
    static ngx_str_t  release = ngx_string("/release");
    static ngx_str_t  nothing = ngx_string("");

    if (ngx_tavus_prove_between(path, &events, &verify, &p->id)) {
        p->what = ngx_tavus_prove_verify;

        return tavus_uuid_parse(uuid, (char *) p->id.data, p->id.len) == 0;
    }

    if (ngx_tavus_prove_between(path, &quarantine, &release, &p->id)) {
        p->what = ngx_tavus_prove_release;

    } else if (ngx_tavus_prove_between(path, &quarantine, &nothing, &p->id)) {
        p->what = ngx_tavus_prove_delete;

    } else {
        return 0;
    }

    return tavus_query_number((char *) p->id.data, p->id.len, 1, INT64_MAX,
                              &number)
           == 0;
}


static ngx_uint_t
ngx_tavus_prove_between(ngx_str_t *path, ngx_str_t *first, ngx_str_t *last,
    ngx_str_t *id)
{
    if (path->len <= first->len + last->len
        || ngx_strncmp(path->data, first->data, first->len) != 0
        || ngx_strncmp(path->data + path->len - last->len, last->data,
                       last->len)
           != 0)
    {
        return 0;
    }

    id->data = path->data + first->len;
    id->len = path->len - first->len - last->len;

    return 1;
}


static void
ngx_tavus_prove_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                   *root;
    ngx_int_t                rc, sent;
    ngx_tavus_prove_path_t  *path;

    path = ngx_tavus_get_ctx(r)->state;
    root = NULL;

    if (body->len) {
        root = ngx_tavus_parse_object(r, body);

        if (root == NULL) {
            return;
        }
    }

    rc = ngx_tavus_prove_read(r, root, path, &sent);

    cJSON_Delete(root);

    if (rc != NGX_OK) {
        ngx_tavus_finalize(r, sent);
        return;
    }

    if (path->what == ngx_tavus_prove_delete) {
        ngx_tavus_prove_remove(r, &path->id);

    } else {
        ngx_tavus_prove_begin(r, path);
    }
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_prove_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_prove_path_t *path, ngx_int_t *sent)
{
    cJSON  *item, *extra;

    if (ngx_tavus_args_read(r, r->pool, NULL, 0, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    cJSON_ArrayForEach(item, root) {

        if (path->what != ngx_tavus_prove_release
            || ngx_strcmp(item->string, "unproven") != 0)
        {
            *sent = ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST,
                                           "unknown_field", 0,
                                           "The request has a field that is "
                                           "not known.");
            return NGX_DECLINED;
        }

        if (!cJSON_IsBool(item)) {
            extra = cJSON_CreateObject();
            (void) cJSON_AddStringToObject(extra, "field", "unproven");

            *sent = ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST,
                                                "invalid_field", 0,
                                                "The field must be true or "
                                                "false.", extra);
            return NGX_DECLINED;
        }

        path->unproven = cJSON_IsTrue(item);
    }

    return NGX_OK;
}


static void
ngx_tavus_prove_remove(ngx_http_request_t *r, ngx_str_t *id)
{
    cJSON                     *object;
    ngx_tavus_admin_change_t  *change;

    change = ngx_tavus_admin_change_create();

    if (change == NULL) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    change->op.values[0] = ngx_tavus_admin_change_text(change, id);

    if (change->op.values[0] == NULL) {
        ngx_destroy_pool(change->pool);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    object = cJSON_CreateObject();
    (void) cJSON_AddStringToObject(object, "quarantine_id",
                                   change->op.values[0]);

    ngx_tavus_admin_change_make(r, change, ngx_tavus_stmt_quarantine_delete,
                                "admin.quarantine_deleted", object);
}


static void
ngx_tavus_prove_begin(ngx_http_request_t *r, ngx_tavus_prove_path_t *path)
{
    cJSON                    *object;
    u_char                   *id;
    ngx_pool_t               *pool;
    ngx_tavus_prove_t        *p;
    ngx_tavus_admin_trail_t   trail;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    p = pool ? ngx_pcalloc(pool, sizeof(ngx_tavus_prove_t)) : NULL;
    id = p ? ngx_pnalloc(pool, path->id.len + 1) : NULL;

    if (id == NULL) {
        if (pool) {
            ngx_destroy_pool(pool);
        }

        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    *ngx_cpymem(id, path->id.data, path->id.len) = '\0';

    p->pool = pool;
    p->what = path->what;
    p->unproven = path->unproven;

    p->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_proof];
    p->op.timeout = NGX_TAVUS_PROVE_TIMEOUT;
    p->op.handler = ngx_tavus_prove_told;
    p->op.data = p;

    if (path->what == ngx_tavus_prove_release) {

        /* its change is told of, when it is one */

        p->op.values[1] = (char *) id;
        ngx_tavus_prove_ask(r, p);
        return;
    }

    p->op.values[0] = (char *) id;

    trail.handler = ngx_tavus_prove_ask;
    trail.gone = ngx_tavus_prove_unasked;
    trail.data = p;

    object = cJSON_CreateObject();
    (void) cJSON_AddStringToObject(object, "id", (char *) id);

    switch (ngx_tavus_admin_trail_look(r, "events/{id}/verify", object,
                                       &trail))
    {

    case NGX_OK:
        ngx_tavus_prove_ask(r, p);
        break;

    case NGX_AGAIN:
        break;

    default: /* NGX_ERROR */
        ngx_destroy_pool(pool);
        ngx_tavus_finalize(r, ngx_tavus_admin_trail_unavailable(r));
    }
}


static void
ngx_tavus_prove_ask(ngx_http_request_t *r, void *data)
{
    ngx_tavus_prove_t *p = data;

    if (ngx_tavus_attach(&p->wait, r, ngx_tavus_prove_gone, p) != NGX_OK) {
        ngx_destroy_pool(p->pool);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_tavus_store_query(&p->op) != NGX_OK) {
        (void) ngx_tavus_detach(&p->wait);
        ngx_destroy_pool(p->pool);
        ngx_tavus_finalize(r, ngx_tavus_admin_failed(r, NGX_BUSY, NULL));
    }
}


static void
ngx_tavus_prove_unasked(void *data)
{
    ngx_tavus_prove_t *p = data;

    ngx_destroy_pool(p->pool);
}


static void
ngx_tavus_prove_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_prove_t *p = data;

    if (ngx_tavus_pg_withdraw(&p->op) == NGX_OK) {
        ngx_destroy_pool(p->pool);
    }
}


static void
ngx_tavus_prove_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_prove_t *p = op->data;

    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&p->wait);

    if (r == NULL) {
        ngx_destroy_pool(p->pool);
        return;
    }

    if (rc == NGX_OK && PQntuples(res) == 1
        && PQnfields(res) == ngx_tavus_prove_columns)
    {
        ngx_tavus_prove_answer(r, p, res);

    } else if (rc == NGX_OK) {
        ngx_tavus_finalize(r, ngx_tavus_prove_not_found(r));

    } else {
        ngx_tavus_finalize(r, ngx_tavus_admin_failed(r, rc, res));
    }

    ngx_destroy_pool(p->pool);
}


static void
ngx_tavus_prove_answer(ngx_http_request_t *r, ngx_tavus_prove_t *p,
    PGresult *res)
{
    ngx_int_t            rc;
    ngx_tavus_proof_t    proof;
    ngx_tavus_stored_t   stored;

    ngx_tavus_prove_column(res, ngx_tavus_prove_source, &stored.source);
    ngx_tavus_prove_column(res, ngx_tavus_prove_type, &stored.event_type);
    ngx_tavus_prove_column(res, ngx_tavus_prove_conversation,
                           &stored.conversation_id);
    ngx_tavus_prove_column(res, ngx_tavus_prove_verification,
                           &stored.verification);
    ngx_tavus_prove_column(res, ngx_tavus_prove_bytes, &stored.body);

    ngx_tavus_webhook_prove(r, &stored, &proof);

    if (p->what == ngx_tavus_prove_verify) {
        ngx_tavus_finalize(r, ngx_tavus_prove_send(r, res, &proof));
        return;
    }

    rc = ngx_tavus_prove_refuse(r, p, res, &proof);

    if (rc != NGX_DECLINED) {
        ngx_tavus_finalize(r, rc);
        return;
    }

    ngx_tavus_prove_release_it(r, res, &proof);
}


static void
ngx_tavus_prove_column(PGresult *res, int column, ngx_str_t *value)
{
    value->data = (u_char *) PQgetvalue(res, 0, column);
    value->len = PQgetlength(res, 0, column);
}


static ngx_int_t
ngx_tavus_prove_send(ngx_http_request_t *r, PGresult *res,
    ngx_tavus_proof_t *proof)
{
    cJSON      *json;
    ngx_int_t   rc;

    json = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(json, "id",
                                   PQgetvalue(res, 0, ngx_tavus_prove_id));

    (void) cJSON_AddItemToObject(json, "verified",
                                 proof->result == NGX_TAVUS_UNPROVEN
                                 ? cJSON_CreateNull()
                                 : cJSON_CreateBool(proof->result
                                                    == NGX_TAVUS_PROVEN));

    (void) cJSON_AddItemToObject(json, "reason",
                                 proof->reason
                                 ? cJSON_CreateString(proof->reason)
                                 : cJSON_CreateNull());

    (void) cJSON_AddItemToObject(json, "method",
                                 proof->method
                                 ? cJSON_CreateString(proof->method)
                                 : cJSON_CreateNull());

    (void) cJSON_AddItemToObject(json, "key_id",
                                 proof->key_id
                                 ? cJSON_CreateString(proof->key_id)
                                 : cJSON_CreateNull());

    (void) cJSON_AddItemToObject(json, "agrees",
                                 proof->webhook && !proof->copy
                                 ? cJSON_CreateBool(proof->agrees)
                                 : cJSON_CreateNull());

    rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);

    cJSON_Delete(json);

    return rc;
}


/* NGX_DECLINED: it may be released; else the 409 that was sent */

static ngx_int_t
ngx_tavus_prove_refuse(ngx_http_request_t *r, ngx_tavus_prove_t *p,
    PGresult *res, ngx_tavus_proof_t *proof)
{
    ngx_str_t                rule, reason, bound, conversation;
    ngx_tavus_prove_rule_t  *known;

    static ngx_str_t  unfit = ngx_string("unfit_conversation_id");

    ngx_tavus_prove_column(res, ngx_tavus_prove_rule, &rule);
    ngx_tavus_prove_column(res, ngx_tavus_prove_bound, &bound);

    if (bound.len && proof->event.conversation_id.len
        && (bound.len != proof->event.conversation_id.len
            || ngx_memcmp(bound.data, proof->event.conversation_id.data,
                          bound.len)
               != 0))
    {
        ngx_str_set(&rule, "foreign");
    }

    ngx_tavus_prove_column(res, ngx_tavus_prove_conversation, &conversation);

    /* whatever it is there for, somebody's words are not stored as nobody's */

    if (proof->copy ? proof->tavus && conversation.len == 0
                    : proof->event.reason.len == unfit.len
                      && ngx_strncmp(proof->event.reason.data, unfit.data,
                                     unfit.len)
                         == 0)
    {
        ngx_str_set(&rule, "never");
    }

    for (known = ngx_tavus_prove_rules; known->rule.len; known++) {
        if (known->rule.len == rule.len
            && ngx_strncmp(known->rule.data, rule.data, rule.len) == 0)
        {
            return ngx_tavus_prove_conflict(r, (char *) known->rule.data,
                                            known->detail, NULL);
        }
    }

    if (proof->result == NGX_TAVUS_DISPROVEN) {
        return ngx_tavus_prove_conflict(r, "not_verified",
                                        "Its bytes are not those that were "
                                        "verified when it came, or the "
                                        "secret was replaced under the same "
                                        "id.",
                                        proof->reason);
    }

    if (proof->result == NGX_TAVUS_UNPROVEN && !p->unproven) {
        return ngx_tavus_prove_conflict(r, "unproven",
                                        "It cannot be verified any more: "
                                        "\"unproven\" releases it all the "
                                        "same.", proof->reason);
    }

    /* what a name in it is unfit for is no fault of its JSON */

    reason = proof->event.reason;

    if (reason.len && ngx_strncmp(reason.data, "unfit_", 6) != 0) {
        return ngx_tavus_prove_conflict(r, "unfit",
                                        "Its JSON is still none that the "
                                        "database can hold.",
                                        (char *) reason.data);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_tavus_prove_conflict(ngx_http_request_t *r, const char *code,
    const char *detail, const char *reason)
{
    cJSON  *extra;

    extra = NULL;

    if (reason) {
        extra = cJSON_CreateObject();
        (void) cJSON_AddStringToObject(extra, "reason", reason);
    }

    return ngx_tavus_send_problem_with(r, NGX_HTTP_CONFLICT, code, 0, detail,
                                       extra);
}


static void
ngx_tavus_prove_release_it(ngx_http_request_t *r, PGresult *res,
    ngx_tavus_proof_t *proof)
{
    cJSON                     *object;
    ngx_str_t                  seq, digest;
    ngx_tavus_event_t         *ev;
    ngx_tavus_admin_change_t  *change;

    ev = &proof->event;

    change = ngx_tavus_admin_change_create();

    if (change == NULL) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_tavus_prove_column(res, ngx_tavus_prove_seq, &seq);
    ngx_tavus_prove_column(res, ngx_tavus_prove_digest, &digest);

    change->hard = 1;
    change->op.values[0] = ngx_tavus_admin_change_text(change, &seq);
    change->op.values[1] = ngx_tavus_admin_change_text(change, &digest);
    change->op.values[2] = ngx_tavus_admin_change_text(change,
                                                       &ev->event_type);
    change->op.values[3] = ev->conversation_id.len
                           ? ngx_tavus_admin_change_text(change,
                                                         &ev->conversation_id)
                           : NULL;

    if (change->op.values[0] == NULL || change->op.values[1] == NULL
        || change->op.values[2] == NULL
        || (ev->conversation_id.len && change->op.values[3] == NULL))
    {
        ngx_destroy_pool(change->pool);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    object = cJSON_CreateObject();
    (void) cJSON_AddStringToObject(object, "quarantine_id",
                                   change->op.values[0]);
    (void) cJSON_AddStringToObject(object, "event_id",
                                   PQgetvalue(res, 0, ngx_tavus_prove_id));

    if (proof->result == NGX_TAVUS_UNPROVEN) {
        (void) cJSON_AddTrueToObject(object, "unproven");
    }

    ngx_tavus_admin_change_make(r, change, ngx_tavus_stmt_quarantine_release,
                                "admin.quarantine_released", object);
}


static ngx_int_t
ngx_tavus_prove_not_found(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found", 0,
                                  "There is no such resource.");
}
