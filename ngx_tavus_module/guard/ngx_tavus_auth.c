
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_auth.h"
#include "guard/ngx_tavus_address.h"
#include "guard/ngx_tavus_limit_zone.h"
#include "guard/ngx_tavus_login.h"
#include "guard/ngx_tavus_users.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_wait.h"
#include "core/tavus_metrics.h"
#include "core/tavus_utf8.h"

#include <ngx_crypt.h>
#include <ngx_thread_pool.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>


#if !(NGX_THREADS)
#error nginx must be built with --with-threads
#endif


#define NGX_TAVUS_AUTH_MAX        4096          /* bytes of credentials */
#define NGX_TAVUS_AUTH_TASKS      8             /* hashes in flight */
#define NGX_TAVUS_AUTH_TIMEOUT    60000


typedef enum {
    NGX_TAVUS_AUTH_WAITING = 0,
    NGX_TAVUS_AUTH_PASSED,
    NGX_TAVUS_AUTH_FAILED,
    NGX_TAVUS_AUTH_BUSY
} ngx_tavus_auth_verdict_e;


/* a request's part in it */

typedef struct {
    ngx_queue_t                queue;           /* in waiters of a task */
    ngx_tavus_wait_t           wait;
    ngx_tavus_users_t         *users;
    ngx_uint_t                 verdict;
} ngx_tavus_auth_t;


/*
 * A hash being computed.  It owns its memory, so that a request may go away
 * meanwhile; requests with the same credentials wait for the same one.
 */

typedef struct {
    ngx_queue_t                queue;           /* in ngx_tavus_auth_tasks */
    ngx_queue_t                waiters;         /* ngx_tavus_auth_t */

    ngx_pool_t                *pool;
    ngx_thread_task_t         *task;

    ngx_tavus_users_t         *users;
    ngx_tavus_user_t          *user;            /* NULL if unknown */
    u_char                     digest[NGX_TAVUS_AUTH_DIGEST];

    ngx_tavus_limit_zone_t    *zone;
    ngx_str_t                  key;
    u_char                     addr[16];

    ngx_str_t                  hash;
    ngx_str_t                  passwd;
    ngx_uint_t                 matched;         /* set by the thread */
} ngx_tavus_auth_task_t;


static ngx_uint_t ngx_tavus_auth_exempt(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_auth_start(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx, ngx_tavus_auth_t *auth);
static void ngx_tavus_auth_wipe(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_auth_credentials(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_auth_digest(u_char *data, size_t len,
    u_char *digest);
static ngx_int_t ngx_tavus_auth_hash(ngx_http_request_t *r,
    ngx_tavus_auth_t *auth, ngx_tavus_user_t *user, u_char *digest);
static ngx_tavus_auth_task_t *ngx_tavus_auth_find_task(
    ngx_tavus_users_t *users, u_char *digest);
static ngx_tavus_auth_task_t *ngx_tavus_auth_create_task(
    ngx_http_request_t *r, ngx_tavus_users_t *users, ngx_tavus_user_t *user,
    u_char *digest);
static void ngx_tavus_auth_free_task(ngx_tavus_auth_task_t *t);
static ngx_int_t ngx_tavus_auth_wait(ngx_http_request_t *r,
    ngx_tavus_auth_t *auth, ngx_tavus_auth_task_t *t);
static void ngx_tavus_auth_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_auth_thread(void *data, ngx_log_t *log);
static void ngx_tavus_auth_event(ngx_event_t *ev);
static void ngx_tavus_auth_resume(ngx_tavus_auth_task_t *t,
    ngx_uint_t verdict);
static ngx_int_t ngx_tavus_auth_verdict(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx, ngx_tavus_auth_t *auth);
static ngx_int_t ngx_tavus_auth_name(ngx_http_request_t *r, ngx_str_t *name);
static ngx_int_t ngx_tavus_auth_busy(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_auth_challenge(ngx_http_request_t *r,
    ngx_tavus_users_t *users);


static u_char       ngx_tavus_auth_key[NGX_TAVUS_AUTH_DIGEST];
static ngx_queue_t  ngx_tavus_auth_tasks;
static ngx_uint_t   ngx_tavus_auth_ntasks;


ngx_int_t
ngx_tavus_auth_handler(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t            *ctx;
    ngx_tavus_auth_t           *auth;
    ngx_tavus_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_tavus_auth_module);

    if (alcf->users == NULL || ngx_tavus_auth_exempt(r)) {
        return NGX_DECLINED;
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    auth = ctx->auth;

    if (auth && auth->users == alcf->users) {
        return ngx_tavus_auth_verdict(r, ctx, auth);
    }

    auth = ngx_pcalloc(r->pool, sizeof(ngx_tavus_auth_t));
    if (auth == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    auth->users = alcf->users;

    ctx->auth = auth;
    ngx_str_null(&ctx->user);

    return ngx_tavus_auth_start(r, ctx, auth);
}


ngx_uint_t
ngx_tavus_auth_passed(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t            *ctx;
    ngx_tavus_auth_t           *auth;
    ngx_tavus_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_tavus_auth_module);
    ctx = ngx_tavus_find_ctx(r);

    if (r != r->main || alcf->users == NULL || ctx == NULL || ctx->auth == NULL
        || ngx_tavus_auth_exempt(r))
    {
        return 0;
    }

    auth = ctx->auth;

    return auth->users == alcf->users && auth->verdict == NGX_TAVUS_AUTH_PASSED;
}


/*
 * Where the list of users is inherited, what the public and the senders of
 * webhooks call stays open.
 */

static ngx_uint_t
ngx_tavus_auth_exempt(ngx_http_request_t *r)
{
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint == NULL || lcf->endpoint->flags & NGX_TAVUS_ASKS_LOGIN)
    {
        return 0;
    }

    return !(lcf->endpoint->flags & NGX_TAVUS_ASKS_LOGIN_FULL)
           || r->args.len < 4
           || ngx_strlcasestrn(r->args.data, r->args.data + r->args.len,
                               (u_char *) "full", 4 - 1)
              == NULL;
}


static ngx_int_t
ngx_tavus_auth_start(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx,
    ngx_tavus_auth_t *auth)
{
    size_t             len;
    u_char             digest[NGX_TAVUS_AUTH_DIGEST];
    ngx_int_t          rc;
    ngx_tavus_user_t  *user;

    rc = ngx_tavus_auth_credentials(r);

    if (rc == NGX_DECLINED) {
        auth->verdict = NGX_TAVUS_AUTH_FAILED;
        return ngx_tavus_auth_challenge(r, auth->users);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* "user:password", as a user has no colon in it */

    len = r->headers_in.user.len + 1 + r->headers_in.passwd.len;

    rc = ngx_tavus_auth_digest(r->headers_in.user.data, len, digest);

    if (rc != NGX_OK) {
        ngx_tavus_auth_wipe(r);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    user = ngx_tavus_users_find(auth->users, &r->headers_in.user);

    if (user && user->passed
        && CRYPTO_memcmp(user->digest, digest, sizeof(digest)) == 0)
    {
        ngx_tavus_auth_wipe(r);

        auth->verdict = NGX_TAVUS_AUTH_PASSED;

        return ngx_tavus_auth_verdict(r, ctx, auth);
    }

    return ngx_tavus_auth_hash(r, auth, user, digest);
}


static void
ngx_tavus_auth_wipe(ngx_http_request_t *r)
{
    OPENSSL_cleanse(r->headers_in.passwd.data, r->headers_in.passwd.len);
}


static ngx_int_t
ngx_tavus_auth_credentials(ngx_http_request_t *r)
{
    size_t            max;
    ngx_int_t         rc;
    ngx_str_t        *user, *passwd;
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;
    max = sizeof("Basic ") - 1
          + ngx_base64_encoded_length((size_t) NGX_TAVUS_AUTH_MAX);

    if (h && h->value.len > max) {
        return NGX_DECLINED;
    }

    rc = ngx_http_auth_basic_user(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* crypt() would not see what follows a zero */

    user = &r->headers_in.user;
    passwd = &r->headers_in.passwd;

    if (ngx_strlen(user->data) != user->len + 1 + passwd->len) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_auth_digest(u_char *data, size_t len, u_char *digest)
{
    unsigned  n;

    if (HMAC(EVP_sha256(), ngx_tavus_auth_key, sizeof(ngx_tavus_auth_key),
             data, len, digest, &n)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_auth_hash(ngx_http_request_t *r, ngx_tavus_auth_t *auth,
    ngx_tavus_user_t *user, u_char *digest)
{
    ngx_int_t               rc;
    ngx_uint_t              retry;
    ngx_tavus_auth_task_t  *t;

    t = ngx_tavus_auth_find_task(auth->users, digest);

    if (t) {
        ngx_tavus_auth_wipe(r);
        return ngx_tavus_auth_wait(r, auth, t);
    }

    if (ngx_tavus_auth_ntasks >= NGX_TAVUS_AUTH_TASKS) {
        ngx_tavus_auth_wipe(r);
        return ngx_tavus_auth_busy(r);
    }

    t = ngx_tavus_auth_create_task(r, auth->users, user, digest);

    ngx_tavus_auth_wipe(r);

    if (t == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_tavus_limit_take(t->zone, &t->key, &retry);

    if (rc != NGX_OK) {
        ngx_tavus_auth_free_task(t);

        if (rc != NGX_BUSY) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "too many failed logins");

        tavus_metric_add(TAVUS_METRIC_AUTH_FAILURES, 1);
        ngx_tavus_login_failed();

        return ngx_tavus_reject(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                "rate_limited", retry,
                                "Too many failed logins, "
                                "please try again later.");
    }

    if (ngx_thread_task_post(auth->users->thread_pool, t->task) != NGX_OK) {
        ngx_tavus_limit_refund(t->zone, &t->key);
        ngx_tavus_auth_free_task(t);

        return ngx_tavus_auth_busy(r);
    }

    /* also keeps a worker that is to exit gracefully */

    ngx_add_timer(&t->task->event, NGX_TAVUS_AUTH_TIMEOUT);

    ngx_queue_insert_tail(&ngx_tavus_auth_tasks, &t->queue);
    ngx_tavus_auth_ntasks++;

    return ngx_tavus_auth_wait(r, auth, t);
}


static ngx_tavus_auth_task_t *
ngx_tavus_auth_find_task(ngx_tavus_users_t *users, u_char *digest)
{
    ngx_queue_t            *q;
    ngx_tavus_auth_task_t  *t;

    for (q = ngx_queue_head(&ngx_tavus_auth_tasks);
         q != ngx_queue_sentinel(&ngx_tavus_auth_tasks);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_tavus_auth_task_t, queue);

        if (t->users == users
            && CRYPTO_memcmp(t->digest, digest, NGX_TAVUS_AUTH_DIGEST) == 0)
        {
            return t;
        }
    }

    return NULL;
}


static ngx_tavus_auth_task_t *
ngx_tavus_auth_create_task(ngx_http_request_t *r, ngx_tavus_users_t *users,
    ngx_tavus_user_t *user, u_char *digest)
{
    u_char                  decoy[NGX_TAVUS_AUTH_DIGEST];
    uint32_t                n;
    ngx_str_t               key, *hash, *passwd;
    ngx_pool_t             *pool;
    ngx_tavus_user_t       *list;
    ngx_thread_task_t      *task;
    ngx_tavus_auth_task_t  *t;
    ngx_tavus_auth_main_conf_t  *amcf;

    /*
     * An unknown user gets the hash of a known one, always the same, so
     * that neither the time nor its variation tells which names exist.
     */

    if (ngx_tavus_auth_digest(r->headers_in.user.data,
                              r->headers_in.user.len, decoy)
        != NGX_OK)
    {
        return NULL;
    }

    ngx_memcpy(&n, decoy, sizeof(uint32_t));

    list = users->list.elts;
    hash = user ? &user->hash : &list[n % users->list.nelts].hash;
    passwd = &r->headers_in.passwd;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    task = ngx_thread_task_alloc(pool, sizeof(ngx_tavus_auth_task_t));
    if (task == NULL) {
        goto failed;
    }

    t = task->ctx;

    t->hash.data = ngx_pnalloc(pool, hash->len + 1);
    t->passwd.data = ngx_pnalloc(pool, passwd->len + 1);

    if (t->hash.data == NULL || t->passwd.data == NULL) {
        goto failed;
    }

    t->hash.len = hash->len;
    ngx_cpystrn(t->hash.data, hash->data, hash->len + 1);

    t->passwd.len = passwd->len;
    ngx_cpystrn(t->passwd.data, passwd->data, passwd->len + 1);

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_auth_module);

    ngx_tavus_address_key(r, 32, 64, t->addr, &key);

    t->key.data = t->addr;
    t->key.len = key.len;
    t->zone = amcf->zone;

    t->pool = pool;
    t->task = task;
    t->users = users;
    t->user = user;

    ngx_memcpy(t->digest, digest, NGX_TAVUS_AUTH_DIGEST);
    ngx_queue_init(&t->waiters);

    task->handler = ngx_tavus_auth_thread;
    task->event.handler = ngx_tavus_auth_event;
    task->event.data = t;
    task->event.log = ngx_cycle->log;

    return t;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ngx_tavus_auth_free_task(ngx_tavus_auth_task_t *t)
{
    OPENSSL_cleanse(t->passwd.data, t->passwd.len);

    ngx_destroy_pool(t->pool);
}


static ngx_int_t
ngx_tavus_auth_wait(ngx_http_request_t *r, ngx_tavus_auth_t *auth,
    ngx_tavus_auth_task_t *t)
{
    if (ngx_tavus_watch_client(r) != NGX_OK
        || ngx_tavus_attach(&auth->wait, r, ngx_tavus_auth_gone, auth)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_queue_insert_tail(&t->waiters, &auth->queue);

    return NGX_AGAIN;
}


static void
ngx_tavus_auth_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_auth_t *auth = data;

    ngx_queue_remove(&auth->queue);
}


static void
ngx_tavus_auth_thread(void *data, ngx_log_t *log)
{
    ngx_tavus_auth_task_t  *t = data;

    u_char  *encrypted;

    if (ngx_crypt(t->pool, t->passwd.data, t->hash.data, &encrypted)
        == NGX_OK)
    {
        t->matched = ngx_strlen(encrypted) == t->hash.len
                     && CRYPTO_memcmp(encrypted, t->hash.data, t->hash.len)
                        == 0;
    }

    OPENSSL_cleanse(t->passwd.data, t->passwd.len);
}


static void
ngx_tavus_auth_event(ngx_event_t *ev)
{
    ngx_uint_t              passed;
    ngx_tavus_auth_task_t  *t;

    t = ev->data;

    if (!ev->complete) {
        ev->timedout = 0;

        ngx_log_error(NGX_LOG_ALERT, ev->log, 0,
                      "hashing a password takes too long");

        /* nobody may join it any more */

        ngx_queue_remove(&t->queue);
        ngx_queue_init(&t->queue);

        ngx_tavus_auth_resume(t, NGX_TAVUS_AUTH_BUSY);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_queue_remove(&t->queue);
    ngx_tavus_auth_ntasks--;

    passed = t->user && t->matched;

    if (passed) {
        ngx_memcpy(t->user->digest, t->digest, NGX_TAVUS_AUTH_DIGEST);
        t->user->passed = 1;

        ngx_tavus_limit_refund(t->zone, &t->key);
    }

    ngx_tavus_auth_resume(t, passed ? NGX_TAVUS_AUTH_PASSED
                                    : NGX_TAVUS_AUTH_FAILED);

    ngx_tavus_auth_free_task(t);
}


static void
ngx_tavus_auth_resume(ngx_tavus_auth_task_t *t, ngx_uint_t verdict)
{
    ngx_queue_t       *q;
    ngx_tavus_auth_t  *auth;

    while (!ngx_queue_empty(&t->waiters)) {
        q = ngx_queue_head(&t->waiters);
        ngx_queue_remove(q);  /* NOLINT: the analyzer loses the list's head */

        auth = ngx_queue_data(q, ngx_tavus_auth_t, queue);
        auth->verdict = verdict;

        ngx_tavus_resume(&auth->wait);
    }
}


static ngx_int_t
ngx_tavus_auth_verdict(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx,
    ngx_tavus_auth_t *auth)
{
    switch (auth->verdict) {

    case NGX_TAVUS_AUTH_PASSED:
        return ngx_tavus_auth_name(r, &ctx->user);

    case NGX_TAVUS_AUTH_FAILED:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "wrong user or password");

        tavus_metric_add(TAVUS_METRIC_AUTH_FAILURES, 1);
        ngx_tavus_login_failed();

        return ngx_tavus_auth_challenge(r, auth->users);

    case NGX_TAVUS_AUTH_BUSY:
        return ngx_tavus_auth_busy(r);

    default: /* NGX_TAVUS_AUTH_WAITING */
        return NGX_AGAIN;
    }
}


/* a file of users may be in any encoding, what is told of them is UTF-8 */

static ngx_int_t
ngx_tavus_auth_name(ngx_http_request_t *r, ngx_str_t *name)
{
    size_t  i;

    *name = r->headers_in.user;

    if (tavus_utf8_valid((char *) name->data, name->len)) {
        return NGX_OK;
    }

    name->data = ngx_pstrdup(r->pool, &r->headers_in.user);
    if (name->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] & 0x80) {
            name->data[i] = '?';
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_auth_busy(ngx_http_request_t *r)
{
    return ngx_tavus_reject(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                            "service_unavailable", 1,
                            "Too many logins at once, "
                            "please try again.");
}


static ngx_int_t
ngx_tavus_auth_challenge(ngx_http_request_t *r, ngx_tavus_users_t *users)
{
    ngx_tavus_ctx_t           *ctx;
    ngx_table_elt_t           *h;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  detail = ngx_string("A user name and a password "
                                          "are needed.");

    h = r->headers_out.www_authenticate;

    if (h == NULL) {
        h = ngx_tavus_push_header(r);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->headers_out.www_authenticate = h;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    h->value = users->challenge;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy != NGX_HTTP_SATISFY_ANY) {
        return ngx_tavus_reject(r, NGX_HTTP_UNAUTHORIZED, "unauthorized", 0,
                                (const char *) detail.data);
    }

    /* another access module may still let the request in */

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->problem.status = NGX_HTTP_UNAUTHORIZED;
    ctx->problem.code = "unauthorized";
    ctx->problem.detail = detail;

    return NGX_HTTP_UNAUTHORIZED;
}


ngx_int_t
ngx_tavus_auth_init_process(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_tavus_auth_tasks);

    if (RAND_bytes(ngx_tavus_auth_key, sizeof(ngx_tavus_auth_key)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}
