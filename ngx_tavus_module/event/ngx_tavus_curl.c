
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/err.h>

#include "event/ngx_tavus_curl.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_version.h"


#define NGX_TAVUS_CURL_CONNECTIONS  16
#define NGX_TAVUS_CURL_CONNECT      5000
#define NGX_TAVUS_CURL_GRACE        1000


typedef struct {
    CURLM         *multi;
    CURLSH        *share;
    X509_STORE    *store;
    ngx_event_t    timer;           /* what libcurl asked for */
    ngx_queue_t    transfers;
    unsigned       draining:1;
} ngx_tavus_curl_multi_t;


static ngx_int_t ngx_tavus_curl_options(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_curl_addrs(ngx_tavus_curl_t *t, u_char *text,
    size_t len);
static ngx_int_t ngx_tavus_curl_add(ngx_tavus_curl_t *t);
static void ngx_tavus_curl_fail(ngx_tavus_curl_t *t, CURLcode rc);
static void ngx_tavus_curl_resolved(ngx_resolver_ctx_t *ctx);
static int ngx_tavus_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket);
static ngx_int_t ngx_tavus_curl_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted);
static void ngx_tavus_curl_release(ngx_connection_t *c);
static int ngx_tavus_curl_set_timer(CURLM *multi, long ms, void *data);
static void ngx_tavus_curl_timer_handler(ngx_event_t *ev);
static void ngx_tavus_curl_event_handler(ngx_event_t *ev);
static void ngx_tavus_curl_action(curl_socket_t fd, int mask);
static void ngx_tavus_curl_clear_error(void);
static void ngx_tavus_curl_drain(void);
static void ngx_tavus_curl_abort(void);
static curl_off_t ngx_tavus_curl_reset(ngx_tavus_curl_t *t);
static void ngx_tavus_curl_finish(ngx_tavus_curl_t *t, CURLcode rc);
static void ngx_tavus_curl_free(ngx_tavus_curl_t *t);
static void ngx_tavus_curl_deadline(ngx_event_t *ev);
static size_t ngx_tavus_curl_read(char *buf, size_t size, size_t n,
    void *data);
static size_t ngx_tavus_curl_write(char *buf, size_t size, size_t n,
    void *data);
static CURLcode ngx_tavus_curl_tls(CURL *easy, void *ssl_ctx, void *data);
static void ngx_tavus_curl_untrust(void *data);


static ngx_tavus_curl_multi_t  ngx_tavus_curl_multi;


ngx_int_t
ngx_tavus_curl_init_process(ngx_cycle_t *cycle, X509_STORE *store)
{
    ngx_tavus_curl_multi_t  *m;

    m = &ngx_tavus_curl_multi;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NGX_ERROR;
    }

    m->store = store;
    m->multi = curl_multi_init();
    m->share = curl_share_init();

    if (m->multi == NULL || m->share == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&m->transfers);

    m->timer.data = &ngx_tavus_timer_dummy;
    m->timer.handler = ngx_tavus_curl_timer_handler;
    m->timer.log = cycle->log;
    m->timer.cancelable = 1;

    (void) curl_share_setopt(m->share, CURLSHOPT_SHARE,
                             CURL_LOCK_DATA_SSL_SESSION);

    (void) curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_tavus_curl_socket);
    (void) curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION,
                             ngx_tavus_curl_set_timer);
    (void) curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS,
                             (long) NGX_TAVUS_CURL_CONNECTIONS);

    return NGX_OK;
}


void
ngx_tavus_curl_exit_process(ngx_cycle_t *cycle)
{
    ngx_tavus_curl_multi_t  *m;

    m = &ngx_tavus_curl_multi;

    if (m->multi == NULL) {
        return;
    }

    ngx_tavus_curl_abort();

    /* the socket function is called here for what was kept alive */

    (void) curl_multi_cleanup(m->multi);
    m->multi = NULL;

    if (m->timer.timer_set) {
        ngx_del_timer(&m->timer);
    }

    if (m->timer.posted) {
        ngx_delete_posted_event(&m->timer);
    }

    (void) curl_share_cleanup(m->share);
    m->share = NULL;

    curl_global_cleanup();
}


ngx_tavus_curl_t *
ngx_tavus_curl_create(ngx_tavus_curl_peer_t *peer)
{
    ngx_pool_t        *pool;
    ngx_tavus_curl_t  *t;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    t = ngx_pcalloc(pool, sizeof(ngx_tavus_curl_t));
    if (t == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    t->pool = pool;
    t->peer = peer;
    t->method = "GET";
    t->max = 1024 * 1024;
    t->timeout = 10000;
    t->level = NGX_LOG_ERR;

    ngx_queue_init(&t->queue);

    return t;
}


ngx_int_t
ngx_tavus_curl_header(ngx_tavus_curl_t *t, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(t->headers, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    t->headers = list;

    return NGX_OK;
}


ngx_int_t
ngx_tavus_curl_send(ngx_tavus_curl_t *t)
{
    ngx_resolver_ctx_t     *ctx, temp;
    ngx_tavus_curl_peer_t  *peer;

    if (ngx_tavus_curl_multi.multi == NULL
        || ngx_tavus_curl_options(t) != NGX_OK)
    {
        ngx_tavus_curl_free(t);
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&ngx_tavus_curl_multi.transfers, &t->queue);

    t->start = ngx_current_msec;

    /*
     * libcurl keeps the time; this timer is for what it would miss, and
     * holds an exiting worker until the transfer has ended.
     */

    t->timer.data = &ngx_tavus_timer_dummy;
    t->timer.handler = ngx_tavus_curl_deadline;
    t->timer.log = ngx_cycle->log;

    ngx_add_timer(&t->timer, t->timeout + NGX_TAVUS_CURL_GRACE);

    peer = t->peer;

    /* without TLS nothing but the address says who the peer is */

    if (peer->https && !peer->literal && peer->resolver != NULL) {

        temp.name = peer->host;
        ctx = ngx_resolve_start(peer->resolver, &temp);

        if (ctx != NULL && ctx != NGX_NO_RESOLVER) {
            ctx->name = peer->host;
            ctx->handler = ngx_tavus_curl_resolved;
            ctx->data = t;
            ctx->timeout = ngx_min(peer->resolver_timeout, t->timeout);

            t->resolve = ctx;

            if (ngx_resolve_name(ctx) == NGX_OK) {
                return NGX_OK;
            }

            t->resolve = NULL;
        }
    }

    if (ngx_tavus_curl_add(t) != NGX_OK) {
        ngx_tavus_curl_free(t);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_tavus_curl_cancel(ngx_tavus_curl_t *t)
{
    ngx_tavus_curl_free(t);
}


static ngx_int_t
ngx_tavus_curl_options(ngx_tavus_curl_t *t)
{
    CURL    *easy;
    u_char  *url;

    easy = curl_easy_init();
    if (easy == NULL) {
        return NGX_ERROR;
    }

    t->easy = easy;

    url = ngx_pnalloc(t->pool, t->peer->url.len + t->path.len + 1);
    if (url == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(url, "%V%V%Z", &t->peer->url, &t->path);

    /* what libcurl would add by itself to a large body */

    if (ngx_tavus_curl_header(t, "Expect:") != NGX_OK) {
        return NGX_ERROR;
    }

    if (curl_easy_setopt(easy, CURLOPT_URL, url)
        || curl_easy_setopt(easy, CURLOPT_PRIVATE, t)
        || curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error)
        || curl_easy_setopt(easy, CURLOPT_SHARE, ngx_tavus_curl_multi.share)
        || curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)
        || curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)
        || curl_easy_setopt(easy, CURLOPT_PROXY, "")
        || curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                            t->peer->https ? "https" : "http")
        || curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L)
        || curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                            (long) CURL_HTTP_VERSION_1_1)
        || curl_easy_setopt(easy, CURLOPT_USERAGENT, TAVUS_VER)
        || curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers)
        || curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) t->timeout)
        || curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) ngx_min(t->timeout,
                                           NGX_TAVUS_CURL_CONNECT))
        || curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L)
        || curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L)
        || curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                            ngx_tavus_curl_write)
        || curl_easy_setopt(easy, CURLOPT_WRITEDATA, t)
        || curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long) t->fresh)
        || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method))
    {
        return NGX_ERROR;
    }

    if (ngx_strcmp(t->method, "GET") != 0) {

        /*
         * The body is read through a function that cannot be rewound, so
         * that a request whose body was sent is never repeated when a kept
         * connection turns out to be dead.
         */

        if (curl_easy_setopt(easy, CURLOPT_POST, 1L)
            || curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE,
                                (long) t->body.len)
            || curl_easy_setopt(easy, CURLOPT_READFUNCTION,
                                ngx_tavus_curl_read)
            || curl_easy_setopt(easy, CURLOPT_READDATA, t))
        {
            return NGX_ERROR;
        }
    }

    if (!t->peer->https) {
        return NGX_OK;
    }

    if (curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L)
        || curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L)
        || curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2)
        || curl_easy_setopt(easy, CURLOPT_CAINFO, NULL)
        || curl_easy_setopt(easy, CURLOPT_CAPATH, NULL)
        || curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION,
                            ngx_tavus_curl_tls))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Gives libcurl the addresses, so that it never starts a resolver of its
 * own; text is a list with commas.
 */

static ngx_int_t
ngx_tavus_curl_addrs(ngx_tavus_curl_t *t, u_char *text, size_t len)
{
    u_char             *line;
    struct curl_slist  *list;

    line = ngx_pnalloc(t->pool, t->peer->host.len + len + sizeof(":65535:"));
    if (line == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(line, "%V:%ui:%*s%Z", &t->peer->host,
                (ngx_uint_t) t->peer->port, len, text);

    list = curl_slist_append(NULL, (char *) line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    t->resolved = list;

    if (curl_easy_setopt(t->easy, CURLOPT_RESOLVE, list) != CURLE_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_curl_add(ngx_tavus_curl_t *t)
{
    u_char      *p, *text;
    size_t       len;
    ngx_str_t   *addr;
    ngx_uint_t   i;

    if (!t->peer->literal && t->resolved == NULL) {

        if (t->peer->addrs.nelts == 0) {
            return NGX_ERROR;
        }

        addr = t->peer->addrs.elts;
        len = 0;

        for (i = 0; i < t->peer->addrs.nelts; i++) {
            len += addr[i].len + 1;
        }

        text = ngx_pnalloc(t->pool, len);
        if (text == NULL) {
            return NGX_ERROR;
        }

        p = text;

        for (i = 0; i < t->peer->addrs.nelts; i++) {
            p = ngx_cpymem(p, addr[i].data, addr[i].len);
            *p++ = ',';
        }

        if (ngx_tavus_curl_addrs(t, text, len - 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (curl_multi_add_handle(ngx_tavus_curl_multi.multi, t->easy)
        != CURLM_OK)
    {
        return NGX_ERROR;
    }

    t->added = 1;

    return NGX_OK;
}


static void
ngx_tavus_curl_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_tavus_curl_t  *t = ctx->data;

    u_char      *p, *text;
    ngx_int_t    rc;
    ngx_uint_t   i, level;

    t->resolve = NULL;
    rc = NGX_OK;

    if (ctx->state) {
        level = t->level;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "host of \"%V\" could not be resolved (%i: %s)",
                      &t->peer->url, ctx->state,
                      ngx_resolver_strerror(ctx->state));

        /* what configuration time knew is better than nothing */

    } else {
        text = ngx_pnalloc(t->pool,
                           ctx->naddrs * (NGX_SOCKADDR_STRLEN + 1) + 1);

        if (text == NULL) {
            rc = NGX_ERROR;

        } else {
            p = text;

            for (i = 0; i < ctx->naddrs; i++) {
                p += ngx_sock_ntop(ctx->addrs[i].sockaddr,
                                   ctx->addrs[i].socklen, p,
                                   NGX_SOCKADDR_STRLEN, 0);
                *p++ = ',';
            }

            rc = ngx_tavus_curl_addrs(t, text, p - text - 1);
        }
    }

    ngx_resolve_name_done(ctx);

    if (rc != NGX_OK || ngx_tavus_curl_add(t) != NGX_OK) {
        ngx_tavus_curl_fail(t, CURLE_COULDNT_RESOLVE_HOST);
    }
}


/* ends a transfer from where neither libcurl nor a handler may be called */

static void
ngx_tavus_curl_fail(ngx_tavus_curl_t *t, CURLcode rc)
{
    t->rc = rc;

    ngx_post_event(&t->timer, &ngx_posted_events);
}


static int
ngx_tavus_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket)
{
    ngx_connection_t  *c = socket;

    char  *private;

    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            (void) curl_multi_assign(ngx_tavus_curl_multi.multi, fd, NULL);
            ngx_tavus_curl_release(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);

        if (c == NULL) {
            goto failed;
        }

        c->data = &ngx_tavus_curl_multi;
        c->read->handler = ngx_tavus_curl_event_handler;
        c->write->handler = ngx_tavus_curl_event_handler;
        c->read->log = c->log;
        c->write->log = c->log;

        (void) curl_multi_assign(ngx_tavus_curl_multi.multi, fd, c);
    }

    if (ngx_tavus_curl_event(c->read, NGX_READ_EVENT, what & CURL_POLL_IN)
        != NGX_OK
        || ngx_tavus_curl_event(c->write, NGX_WRITE_EVENT,
                                what & CURL_POLL_OUT)
           != NGX_OK)
    {
        goto failed;
    }

    return 0;

failed:

    /* an error from here would end all transfers, not this one alone */

    private = NULL;

    (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);

    if (private != NULL) {
        ngx_tavus_curl_fail((ngx_tavus_curl_t *) private,
                            CURLE_OUT_OF_MEMORY);
    }

    return 0;
}


static ngx_int_t
ngx_tavus_curl_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!wanted && ev->active) {
        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


/* the descriptor stays open: it is libcurl's, and may serve again */

static void
ngx_tavus_curl_release(ngx_connection_t *c)
{
    (void) ngx_tavus_curl_event(c->read, NGX_READ_EVENT, 0);
    (void) ngx_tavus_curl_event(c->write, NGX_WRITE_EVENT, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


/* libcurl must not be called from within this function */

static int
ngx_tavus_curl_set_timer(CURLM *multi, long ms, void *data)
{
    ngx_event_t  *ev;

    ev = &ngx_tavus_curl_multi.timer;

    /* adding alone would keep an old time that is less than 300 ms off */

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    if (ms == 0) {

        /* in the loop's next turn, however often libcurl says so */

        ngx_post_event(ev, &ngx_posted_next_events);

    } else if (ms > 0) {
        ngx_add_timer(ev, (ngx_msec_t) ms);
    }

    return 0;
}


static void
ngx_tavus_curl_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_curl_action(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_tavus_curl_event_handler(ngx_event_t *ev)
{
    int                mask;
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close || c->error) {

        /* worker_shutdown_timeout: there is no more time for any of them */

        ngx_tavus_curl_abort();
        return;
    }

    mask = ev->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN;

    /* the connection may be gone after this */

    ngx_tavus_curl_action(c->fd, mask);
}


static void
ngx_tavus_curl_action(curl_socket_t fd, int mask)
{
    int  running;

    (void) curl_multi_socket_action(ngx_tavus_curl_multi.multi, fd, mask,
                                    &running);

    ngx_tavus_curl_clear_error();

    ngx_tavus_curl_drain();
}


/* what libcurl leaves behind would be taken for an error of nginx's own */

static void
ngx_tavus_curl_clear_error(void)
{
    if (ERR_peek_error()) {
        ERR_clear_error();
    }
}


static void
ngx_tavus_curl_drain(void)
{
    int                n;
    char              *private;
    CURLcode           rc;
    CURLMsg           *msg;
    ngx_tavus_curl_t  *t;

    if (ngx_tavus_curl_multi.draining) {
        return;
    }

    ngx_tavus_curl_multi.draining = 1;

    while (ngx_tavus_curl_multi.multi != NULL) {

        msg = curl_multi_info_read(ngx_tavus_curl_multi.multi, &n);

        if (msg == NULL) {
            break;
        }

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        rc = msg->data.result;
        private = NULL;

        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                                 &private);

        t = (ngx_tavus_curl_t *) private;

        ngx_tavus_curl_finish(t, rc);
    }

    ngx_tavus_curl_multi.draining = 0;
}


static void
ngx_tavus_curl_abort(void)
{
    ngx_queue_t       *q;
    ngx_tavus_curl_t  *t;

    while (!ngx_queue_empty(&ngx_tavus_curl_multi.transfers)) {
        q = ngx_queue_head(&ngx_tavus_curl_multi.transfers);
        t = ngx_queue_data(q, ngx_tavus_curl_t, queue);

        ngx_tavus_curl_finish(t, CURLE_ABORTED_BY_CALLBACK);
    }
}


/* the time at which more may be asked, of those who do not say how long */

static curl_off_t
ngx_tavus_curl_reset(ngx_tavus_curl_t *t)
{
    time_t               at;
    struct curl_header  *reset;

    if (curl_easy_header(t->easy, "X-RateLimit-Reset", 0, CURLH_HEADER, -1,
                         &reset)
        != CURLHE_OK)
    {
        return 0;
    }

    at = ngx_atotm((u_char *) reset->value, ngx_strlen(reset->value));

    return at > ngx_time() ? (curl_off_t) (at - ngx_time()) : 0;
}


static void
ngx_tavus_curl_finish(ngx_tavus_curl_t *t, CURLcode rc)
{
    long                 status, sent;
    time_t               told;
    curl_off_t           retry;
    ngx_uint_t           level;
    struct curl_header  *date;

    status = 0;
    sent = 0;
    retry = 0;

    if (t->added) {
        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
        (void) curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry);

        if (retry == 0 && status == 429) {
            retry = ngx_tavus_curl_reset(t);
        }

        if (curl_easy_header(t->easy, "Date", 0, CURLH_HEADER, -1, &date)
            == CURLHE_OK)
        {
            told = curl_getdate(date->value, NULL);
            t->date = ngx_max(told, 0);
        }

        (void) curl_multi_remove_handle(ngx_tavus_curl_multi.multi, t->easy);
        t->added = 0;

        ngx_tavus_curl_clear_error();
    }

    t->rc = rc;
    t->status = status;
    t->sent = sent;
    t->retry_after = ngx_min((ngx_uint_t) ngx_max(retry, 0), 86400);
    t->time = ngx_current_msec - t->start;

    if (rc != CURLE_OK) {
        level = t->level;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "request to \"%V\" failed: %s", &t->peer->url,
                      t->excess ? "its answer is too large"
                      : t->error[0] ? t->error : curl_easy_strerror(rc));
    }

    t->handler(t);

    ngx_tavus_curl_free(t);
}


static void
ngx_tavus_curl_free(ngx_tavus_curl_t *t)
{
    if (t->resolve) {
        ngx_resolve_name_done(t->resolve);
    }

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (t->timer.posted) {
        ngx_delete_posted_event(&t->timer);
    }

    if (t->added) {
        (void) curl_multi_remove_handle(ngx_tavus_curl_multi.multi, t->easy);

        ngx_tavus_curl_clear_error();
    }

    if (t->easy) {
        curl_easy_cleanup(t->easy);
    }

    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolved);

    ngx_queue_remove(&t->queue);

    ngx_destroy_pool(t->pool);
}


static void
ngx_tavus_curl_deadline(ngx_event_t *ev)
{
    ngx_tavus_curl_t  *t;

    t = ngx_queue_data(ev, ngx_tavus_curl_t, timer);

    ngx_tavus_curl_finish(t, t->rc != CURLE_OK ? t->rc
                                               : CURLE_OPERATION_TIMEDOUT);
}


static size_t
ngx_tavus_curl_read(char *buf, size_t size, size_t n, void *data)
{
    ngx_tavus_curl_t  *t = data;

    size_t  len;

    len = ngx_min(size * n, t->body.len - t->body_sent);

    if (len) {
        ngx_memcpy(buf, t->body.data + t->body_sent, len);
        t->body_sent += len;
    }

    return len;
}


static size_t
ngx_tavus_curl_write(char *buf, size_t size, size_t n, void *data)
{
    ngx_tavus_curl_t  *t = data;

    u_char  *p;
    size_t   len, wanted;

    len = size * n;

    if (len > t->max - t->answer.len) {
        t->excess = 1;
        return 0;
    }

    if (t->answer.len + len > t->answer_size) {
        wanted = ngx_max(t->answer_size * 2, t->answer.len + len);
        wanted = ngx_max(wanted, 2048);

        p = ngx_pnalloc(t->pool, wanted);
        if (p == NULL) {
            return 0;
        }

        if (t->answer.data) {
            ngx_memcpy(p, t->answer.data, t->answer.len);
            (void) ngx_pfree(t->pool, t->answer.data);
        }

        t->answer.data = p;
        t->answer_size = wanted;
    }

    ngx_memcpy(t->answer.data + t->answer.len, buf, len);
    t->answer.len += len;

    return len;
}


static CURLcode
ngx_tavus_curl_tls(CURL *easy, void *ssl_ctx, void *data)
{
    SSL_CTX_set1_cert_store(ssl_ctx, ngx_tavus_curl_multi.store);

    return CURLE_OK;
}


ngx_tavus_curl_peer_t *
ngx_tavus_curl_parse(ngx_conf_t *cf, ngx_str_t *url)
{
    u_char                 *p;
    ngx_str_t              *text;
    ngx_url_t               u;
    ngx_uint_t              i;
    ngx_tavus_curl_peer_t  *peer;

    peer = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_curl_peer_t));
    if (peer == NULL
        || ngx_array_init(&peer->addrs, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    if (url->len > 8 && ngx_strncmp(url->data, "https://", 8) == 0) {
        peer->https = 1;
        u.url.data = url->data + 8;
        u.url.len = url->len - 8;
        u.default_port = 443;

    } else if (url->len > 7 && ngx_strncmp(url->data, "http://", 7) == 0) {
        u.url.data = url->data + 7;
        u.url.len = url->len - 7;
        u.default_port = 80;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%V\", it must start with "
                           "\"https://\"", url);
        return NULL;
    }

    for (p = u.url.data; p < u.url.data + u.url.len; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '@' || *p == '?' || *p == '#'
            || *p == '$')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid URL \"%V\", it must be a literal "
                               "base without user, query or variables", url);
            return NULL;
        }
    }

    u.uri_part = 1;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.host.len == 0
        || u.family == AF_UNIX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid URL \"%V\"%s%s",
                           url, u.err ? ": " : "", u.err ? u.err : "");
        return NULL;
    }

    peer->url = *url;

    while (peer->url.data[peer->url.len - 1] == '/') {
        peer->url.len--;
    }

    peer->host = u.host;
    peer->port = u.port ? u.port : u.default_port;
    peer->literal = (u.naddrs > 0);

    if (!peer->literal) {
        u.naddrs = 0;
        u.port = peer->port;

        /* whether a resolver will do is known when all is read */

        (void) ngx_inet_resolve_host(cf->pool, &u);
    }

    peer->loopback = (u.naddrs > 0);

    for (i = 0; i < u.naddrs; i++) {
        text = ngx_array_push(&peer->addrs);
        if (text == NULL) {
            return NULL;
        }

        text->data = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);
        if (text->data == NULL) {
            return NULL;
        }

        text->len = ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                                  text->data, NGX_SOCKADDR_STRLEN, 0);

        if ((text->len < 4 || ngx_strncmp(text->data, "127.", 4) != 0)
            && (text->len < 3 || ngx_strncmp(text->data, "::1", 3) != 0))
        {
            peer->loopback = 0;
        }
    }

    return peer;
}


X509_STORE *
ngx_tavus_curl_trust(ngx_conf_t *cf, ngx_str_t *file)
{
    X509_STORE          *store;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    store = X509_STORE_new();
    if (store == NULL) {
        return NULL;
    }

    cln->handler = ngx_tavus_curl_untrust;
    cln->data = store;

    if (X509_STORE_load_file(store, (char *) file->data) != 1) {
        ERR_clear_error();
        return NULL;
    }

    (void) X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST);

    return store;
}


static void
ngx_tavus_curl_untrust(void *data)
{
    X509_STORE_free(data);
}
