
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/tavus_metrics.h"
#include "event/ngx_tavus_pg.h"


#define NGX_TAVUS_PG_MAX_OPS       1024
#define NGX_TAVUS_PG_MAX_ADDRS     16
#define NGX_TAVUS_PG_MIN_BACKOFF   100
#define NGX_TAVUS_PG_MAX_BACKOFF   5000
#define NGX_TAVUS_PG_ERROR_LEN     512


typedef enum {
    ngx_tavus_pg_idle = 0,
    ngx_tavus_pg_resolving,
    ngx_tavus_pg_connecting,
    ngx_tavus_pg_up
} ngx_tavus_pg_state_e;


struct ngx_tavus_pg_s {
    ngx_tavus_pg_conf_t    *conf;
    const char             *name;
    const char             *options;
    ngx_uint_t              read_only;
    ngx_pool_t             *pool;
    ngx_log_t              *log;

    PGconn                 *conn;
    ngx_connection_t       *connection;
    ngx_event_t             timer;      /* connect deadline or backoff */
    ngx_resolver_ctx_t     *resolve;

    ngx_uint_t              state;
    ngx_uint_t              host;
    ngx_uint_t              first;      /* host to begin with */
    ngx_uint_t              tried;      /* hosts of this round */
    ngx_uint_t              addr;
    ngx_uint_t              naddrs;
    char                   *addrs[NGX_TAVUS_PG_MAX_ADDRS];
    char                    text[NGX_TAVUS_PG_MAX_ADDRS]
                                [NGX_SOCKADDR_STRLEN + 1];
    ngx_msec_t              backoff;

    ngx_queue_t             waiting;    /* not sent yet */
    ngx_queue_t             sent;
    ngx_uint_t              nops;       /* in both */
    uint32_t                prepared;   /* a bit a statement */

    void                  (*on_ready)(void *data);
    void                   *on_ready_data;

    ngx_str_t               failure;    /* of this round of hosts */
    ngx_str_t               error;      /* of the last one, logged */
    u_char                  failure_text[NGX_TAVUS_PG_ERROR_LEN];
    u_char                  error_text[NGX_TAVUS_PG_ERROR_LEN];

    unsigned                closing:1;
    unsigned                processing:1;
    unsigned                broken:1;
    unsigned                unreplicated:1; /* what is committed now */
};


static void ngx_tavus_pg_connect(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_next_host(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_tavus_pg_next_addr(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_start(ngx_tavus_pg_t *pg, const char *hostaddr);
static void ngx_tavus_pg_poll(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_established(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_attach(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_detach(ngx_tavus_pg_t *pg);
static unsigned ngx_tavus_pg_series(ngx_tavus_pg_t *pg,
    tavus_metric_e metric);
static void ngx_tavus_pg_finish(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_lost(ngx_tavus_pg_t *pg, const char *why);
static void ngx_tavus_pg_failed(ngx_tavus_pg_t *pg, const char *text);
static void ngx_tavus_pg_log_failure(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_timer_handler(ngx_event_t *ev);
static void ngx_tavus_pg_event_handler(ngx_event_t *ev);
static void ngx_tavus_pg_process(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_consume(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_flush(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_results(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_result(ngx_tavus_pg_t *pg,
    ngx_tavus_pg_op_t *op, PGresult *res);
static void ngx_tavus_pg_send_waiting(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_send(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op);
static void ngx_tavus_pg_done(ngx_tavus_pg_op_t *op, ngx_int_t rc);
static void ngx_tavus_pg_op_timer_handler(ngx_event_t *ev);
static void ngx_tavus_pg_clear_error(void);
static void ngx_tavus_pg_notice(void *arg, const PGresult *res);


/* debug logging reads the descriptor of a timer's "connection" */

static ngx_connection_t  ngx_tavus_pg_dummy = { .fd = (ngx_socket_t) -1 };


ngx_tavus_pg_t *
ngx_tavus_pg_open(ngx_tavus_pg_conf_t *conf, const char *name,
    const char *options, ngx_uint_t read_only)
{
    size_t           len;
    char            *p;
    ngx_pool_t      *pool;
    ngx_tavus_pg_t  *pg;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    pg = ngx_pcalloc(pool, sizeof(ngx_tavus_pg_t));
    if (pg == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    len = ngx_strlen(options) + ngx_strlen(conf->options)
          + sizeof("  -c default_transaction_read_only=on");

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_sprintf((u_char *) p, "%s %s%s%Z", conf->options, options,
                read_only ? " -c default_transaction_read_only=on" : "");

    pg->conf = conf;
    pg->name = name;
    pg->options = p;
    pg->read_only = read_only;
    pg->pool = pool;
    pg->log = ngx_cycle->log;
    pg->backoff = NGX_TAVUS_PG_MIN_BACKOFF;
    pg->failure.data = pg->failure_text;
    pg->error.data = pg->error_text;

    ngx_queue_init(&pg->waiting);
    ngx_queue_init(&pg->sent);

    pg->timer.data = &ngx_tavus_pg_dummy;
    pg->timer.handler = ngx_tavus_pg_timer_handler;
    pg->timer.log = pg->log;
    pg->timer.cancelable = 1;

    /* the first attempt is made from the event loop, like every other */

    ngx_add_timer(&pg->timer, 0);

    return pg;
}


void
ngx_tavus_pg_close(ngx_tavus_pg_t *pg)
{
    ngx_queue_t        *q;
    ngx_tavus_pg_op_t  *op;

    pg->closing = 1;

    ngx_tavus_pg_finish(pg);

    while (!ngx_queue_empty(&pg->waiting)) {
        q = ngx_queue_head(&pg->waiting);
        op = ngx_queue_data(q, ngx_tavus_pg_op_t, queue);

        ngx_tavus_pg_done(op, NGX_BUSY);
    }

    ngx_destroy_pool(pg->pool);
}


ngx_uint_t
ngx_tavus_pg_ready(ngx_tavus_pg_t *pg)
{
    return pg->state == ngx_tavus_pg_up && !pg->broken;
}


ngx_uint_t
ngx_tavus_pg_vacant(ngx_tavus_pg_t *pg)
{
    return pg->nops == 0;
}


void
ngx_tavus_pg_on_ready(ngx_tavus_pg_t *pg, void (*handler)(void *data),
    void *data)
{
    pg->on_ready = handler;
    pg->on_ready_data = data;
}


ngx_str_t *
ngx_tavus_pg_error(ngx_tavus_pg_t *pg)
{
    return &pg->error;
}


ngx_int_t
ngx_tavus_pg_query(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op)
{
    if (pg->closing) {
        return NGX_ERROR;
    }

    if (pg->nops >= NGX_TAVUS_PG_MAX_OPS) {
        return NGX_BUSY;
    }

    op->pg = pg;
    op->res = NULL;
    op->sent = 0;
    op->preparing = 0;
    op->prepared = 0;
    op->failed = 0;
    op->late = 0;

    ngx_memzero(&op->timer, sizeof(ngx_event_t));

    op->timer.data = &ngx_tavus_pg_dummy;
    op->timer.handler = ngx_tavus_pg_op_timer_handler;
    op->timer.log = pg->log;
    op->timer.cancelable = op->background;

    ngx_add_timer(&op->timer, op->timeout);

    ngx_queue_insert_tail(&pg->waiting, &op->queue);
    pg->nops++;

    if (ngx_tavus_pg_ready(pg)) {
        ngx_tavus_pg_send_waiting(pg);
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_pg_withdraw(ngx_tavus_pg_op_t *op)
{
    if (op->sent) {
        return NGX_DECLINED;
    }

    ngx_del_timer(&op->timer);
    ngx_queue_remove(&op->queue);
    op->pg->nops--;

    return NGX_OK;
}


static void
ngx_tavus_pg_connect(ngx_tavus_pg_t *pg)
{
    pg->tried = 0;

    ngx_tavus_pg_next_host(pg);
}


static void
ngx_tavus_pg_next_host(ngx_tavus_pg_t *pg)
{
    ngx_uint_t            i;
    ngx_resolver_ctx_t   *ctx, temp;
    ngx_tavus_pg_host_t  *host;

    for ( ;; ) {
        if (pg->tried == pg->conf->hosts.nelts) {
            ngx_tavus_pg_lost(pg, NULL);
            return;
        }

        pg->host = (pg->first + pg->tried++) % pg->conf->hosts.nelts;

        host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

        pg->addr = 0;
        pg->naddrs = 0;

        if (host->local) {
            pg->addrs[pg->naddrs++] = NULL;
            break;
        }

        for (i = 0; i < host->addrs.nelts; i++) {
            if (pg->naddrs < NGX_TAVUS_PG_MAX_ADDRS) {
                pg->addrs[pg->naddrs++] = ((char **) host->addrs.elts)[i];
            }
        }

        if (host->literal || pg->conf->resolver == NULL) {
            break;
        }

        temp.name = host->name;

        ctx = ngx_resolve_start(pg->conf->resolver, &temp);

        if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
            break;
        }

        ctx->name = host->name;
        ctx->handler = ngx_tavus_pg_resolved;
        ctx->data = pg;
        ctx->timeout = pg->conf->resolver_timeout;
        ctx->cancelable = 1;

        pg->state = ngx_tavus_pg_resolving;
        pg->resolve = ctx;

        if (ngx_resolve_name(ctx) != NGX_OK) {
            pg->resolve = NULL;
            ngx_tavus_pg_failed(pg, "host could not be resolved");
            break;
        }

        return;
    }

    ngx_tavus_pg_next_addr(pg);
}


static void
ngx_tavus_pg_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_tavus_pg_t  *pg = ctx->data;

    size_t      len;
    u_char      text[NGX_TAVUS_PG_ERROR_LEN];
    ngx_uint_t  i;

    pg->resolve = NULL;

    if (ctx->state) {
        ngx_snprintf(text, sizeof(text) - 1,
                     "host \"%V\" could not be resolved (%i: %s)%Z",
                     &ctx->name, ctx->state,
                     ngx_resolver_strerror(ctx->state));
        text[sizeof(text) - 1] = '\0';

        ngx_tavus_pg_failed(pg, (char *) text);

        /* what configuration time knew is better than nothing */

    } else {
        pg->naddrs = 0;

        for (i = 0; i < ctx->naddrs && i < NGX_TAVUS_PG_MAX_ADDRS; i++) {
            len = ngx_sock_ntop(ctx->addrs[i].sockaddr, ctx->addrs[i].socklen,
                                (u_char *) pg->text[i], NGX_SOCKADDR_STRLEN,
                                0);
            pg->text[i][len] = '\0';
            pg->addrs[pg->naddrs++] = pg->text[i];
        }
    }

    ngx_resolve_name_done(ctx);

    ngx_tavus_pg_next_addr(pg);
}


static void
ngx_tavus_pg_next_addr(ngx_tavus_pg_t *pg)
{
    if (pg->addr >= pg->naddrs) {
        ngx_tavus_pg_next_host(pg);
        return;
    }

    ngx_tavus_pg_start(pg, pg->addrs[pg->addr++]);
}


static void
ngx_tavus_pg_start(ngx_tavus_pg_t *pg, const char *hostaddr)
{
    const char           *keywords[NGX_TAVUS_PG_MAX_KEYWORDS + 8];
    const char           *values[NGX_TAVUS_PG_MAX_KEYWORDS + 8];
    ngx_uint_t            i, n;
    ngx_tavus_pg_host_t  *host;

    host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

    for (n = 0; n < pg->conf->keywords.nelts; n++) {
        keywords[n] = ((const char **) pg->conf->keywords.elts)[n];
        values[n] = ((const char **) pg->conf->values.elts)[n];

        if (pg->read_only
            && ngx_strcmp(keywords[n], "target_session_attrs") == 0)
        {

            /* a session that we make read-only is no read-write one */

            values[n] = "primary";
        }
    }

    i = n;

    keywords[i] = "host";
    values[i++] = (char *) host->name.data;

    if (hostaddr != NULL) {
        keywords[i] = "hostaddr";
        values[i++] = hostaddr;
    }

    keywords[i] = "port";
    values[i++] = (char *) host->port.data;

    keywords[i] = "options";
    values[i++] = pg->options;

    if (pg->conf->password != NULL) {
        keywords[i] = "password";
        values[i++] = pg->conf->password;
    }

    keywords[i] = NULL;
    values[i] = NULL;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, pg->log, 0,
                   "tavus pg %s connect to %V %s", pg->name, &host->name,
                   hostaddr ? hostaddr : "");

    pg->state = ngx_tavus_pg_connecting;
    pg->prepared = 0;
    pg->broken = 0;
    pg->unreplicated = 0;

    pg->conn = PQconnectStartParams(keywords, values, 0);

    if (pg->conn == NULL) {
        ngx_tavus_pg_lost(pg, "out of memory");
        return;
    }

    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        ngx_tavus_pg_failed(pg, PQerrorMessage(pg->conn));
        ngx_tavus_pg_finish(pg);
        ngx_tavus_pg_next_addr(pg);
        return;
    }

    PQsetNoticeReceiver(pg->conn, ngx_tavus_pg_notice, pg);

    ngx_add_timer(&pg->timer, pg->conf->connect_timeout);

    if (ngx_tavus_pg_attach(pg) != NGX_OK
        || ngx_add_event(pg->connection->write, NGX_WRITE_EVENT,
                         NGX_LEVEL_EVENT)
           != NGX_OK)
    {
        ngx_tavus_pg_lost(pg, "no free connection");
    }
}


/*
 * libpq may close its socket and open another one of the same number within
 * PQconnectPoll(), so the descriptor leaves epoll before each call, and the
 * connection is a new one after it: an event of the former socket is stale.
 */

static void
ngx_tavus_pg_poll(ngx_tavus_pg_t *pg)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    PostgresPollingStatusType  status;

    ngx_tavus_pg_detach(pg);

    status = PQconnectPoll(pg->conn);

    ngx_tavus_pg_clear_error();

    if (status == PGRES_POLLING_FAILED || status == PGRES_POLLING_ACTIVE) {
        ngx_tavus_pg_failed(pg, PQerrorMessage(pg->conn));
        ngx_tavus_pg_finish(pg);
        ngx_tavus_pg_next_addr(pg);
        return;
    }

    if (ngx_tavus_pg_attach(pg) != NGX_OK) {
        ngx_tavus_pg_lost(pg, "no free connection");
        return;
    }

    c = pg->connection;

    switch (status) {

    case PGRES_POLLING_READING:
        rc = ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
        break;

    case PGRES_POLLING_WRITING:
        rc = ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
        break;

    default: /* PGRES_POLLING_OK */
        rc = ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);

        if (rc == NGX_OK) {
            ngx_tavus_pg_established(pg);
            return;
        }
    }

    if (rc != NGX_OK) {
        ngx_tavus_pg_lost(pg, "event could not be added");
    }
}


static void
ngx_tavus_pg_established(ngx_tavus_pg_t *pg)
{
    ngx_tavus_pg_host_t  *host;

    ngx_del_timer(&pg->timer);

    if (PQsetnonblocking(pg->conn, 1) != 0
        || PQenterPipelineMode(pg->conn) != 1)
    {
        ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
        return;
    }

    ngx_tavus_pg_log_failure(pg);

    if (pg->error.len) {
        host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

        ngx_log_error(NGX_LOG_NOTICE, pg->log, 0,
                      "connected to database host \"%V\" (%s)", &host->name,
                      pg->name);
    }

    pg->state = ngx_tavus_pg_up;
    pg->backoff = NGX_TAVUS_PG_MIN_BACKOFF;
    pg->first = 0;
    pg->error.len = 0;

    tavus_metric_set(ngx_tavus_pg_series(pg, TAVUS_METRIC_DATABASE_CONNECTED),
                     1);

    ngx_tavus_pg_send_waiting(pg);

    if (pg->on_ready && ngx_tavus_pg_ready(pg)) {
        pg->on_ready(pg->on_ready_data);
    }
}


static ngx_int_t
ngx_tavus_pg_attach(ngx_tavus_pg_t *pg)
{
    int                fd;
    ngx_connection_t  *c;

    fd = PQsocket(pg->conn);

    if (fd < 0) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, pg->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = pg;
    c->log = pg->log;
    c->read->log = pg->log;
    c->write->log = pg->log;
    c->read->handler = ngx_tavus_pg_event_handler;
    c->write->handler = ngx_tavus_pg_event_handler;

    pg->connection = c;

    return NGX_OK;
}


/*
 * The descriptor is libpq's: it is closed by PQfinish(), or was, and so left
 * epoll, when libpq found the connection broken.
 */

static void
ngx_tavus_pg_detach(ngx_tavus_pg_t *pg)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c;

    c = pg->connection;

    if (c == NULL) {
        return;
    }

    flags = PQsocket(pg->conn) == c->fd ? 0 : NGX_CLOSE_EVENT;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
    pg->connection = NULL;
}


static unsigned
ngx_tavus_pg_series(ngx_tavus_pg_t *pg, tavus_metric_e metric)
{
    return tavus_metric_of(metric,
                           tavus_metric_label(metric, 0, pg->name,
                                              ngx_strlen(pg->name)), 0);
}


/* ends the connection; what was sent gets its answer: unknown */

static void
ngx_tavus_pg_finish(ngx_tavus_pg_t *pg)
{
    ngx_queue_t        *q;
    ngx_tavus_pg_op_t  *op;

    if (pg->state == ngx_tavus_pg_up) {
        tavus_metric_set(ngx_tavus_pg_series(pg,
                                     TAVUS_METRIC_DATABASE_CONNECTED), 0);

        if (!pg->closing) {
            tavus_metric_add(ngx_tavus_pg_series(pg,
                                         TAVUS_METRIC_DATABASE_LOSSES), 1);
        }
    }

    pg->state = ngx_tavus_pg_idle;

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (pg->resolve) {
        ngx_resolve_name_done(pg->resolve);
        pg->resolve = NULL;
    }

    ngx_tavus_pg_detach(pg);

    if (pg->conn != NULL) {
        PQfinish(pg->conn);
        pg->conn = NULL;

        ngx_tavus_pg_clear_error();
    }

    while (!ngx_queue_empty(&pg->sent)) {
        q = ngx_queue_head(&pg->sent);
        op = ngx_queue_data(q, ngx_tavus_pg_op_t, queue);

        ngx_tavus_pg_done(op, NGX_ABORT);
    }
}


static void
ngx_tavus_pg_lost(ngx_tavus_pg_t *pg, const char *why)
{
    ngx_msec_t  delay;

    if (why != NULL) {
        ngx_tavus_pg_failed(pg, why);
    }

    ngx_tavus_pg_log_failure(pg);

    ngx_tavus_pg_finish(pg);

    delay = pg->backoff / 2 + ngx_random() % (pg->backoff / 2 + 1);

    pg->backoff = ngx_min(pg->backoff * 2, NGX_TAVUS_PG_MAX_BACKOFF);

    ngx_add_timer(&pg->timer, delay);
}


/* notes why a host could not be used, or the connection was lost */

static void
ngx_tavus_pg_failed(ngx_tavus_pg_t *pg, const char *text)
{
    u_char  *p, *last;

    p = pg->failure.data + pg->failure.len;
    last = pg->failure.data + NGX_TAVUS_PG_ERROR_LEN;

    if (pg->failure.len) {
        p = ngx_slprintf(p, last, "; ");
    }

    if (*text == '\0') {
        text = "connection lost";
    }

    /* libpq's sentences have several lines */

    while (*text && p < last) {

        if ((u_char) *text >= ' ') {
            *p++ = (u_char) *text;

        } else if (text[1] && p > pg->failure.data && p[-1] != ' ') {
            *p++ = ' ';
        }

        text++;
    }

    pg->failure.len = p - pg->failure.data;
}


/* a lasting failure is said once, not at each attempt */

static void
ngx_tavus_pg_log_failure(ngx_tavus_pg_t *pg)
{
    size_t  len;

    len = pg->failure.len;
    pg->failure.len = 0;

    if (len == 0
        || (len == pg->error.len
            && ngx_memcmp(pg->error.data, pg->failure.data, len) == 0))
    {
        return;
    }

    ngx_memcpy(pg->error.data, pg->failure.data, len);
    pg->error.len = len;

    ngx_log_error(NGX_LOG_ERR, pg->log, 0, "database (%s): %V", pg->name,
                  &pg->error);
}


static void
ngx_tavus_pg_timer_handler(ngx_event_t *ev)
{
    u_char                text[NGX_TAVUS_PG_ERROR_LEN];
    ngx_tavus_pg_t       *pg;
    ngx_tavus_pg_host_t  *host;

    pg = ngx_queue_data(ev, ngx_tavus_pg_t, timer);

    if (pg->state == ngx_tavus_pg_connecting) {
        host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

        ngx_snprintf(text, sizeof(text) - 1,
                     "connection to host \"%V\" timed out%Z", &host->name);
        text[sizeof(text) - 1] = '\0';

        ngx_tavus_pg_failed(pg, (char *) text);
        ngx_tavus_pg_finish(pg);
        ngx_tavus_pg_next_addr(pg);
        return;
    }

    ngx_tavus_pg_connect(pg);
}


static void
ngx_tavus_pg_event_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    ngx_tavus_pg_t    *pg;

    c = ev->data;
    pg = c->data;

    if (c->close || c->error) {

        /* worker_shutdown_timeout */

        ngx_tavus_pg_lost(pg, "worker is shutting down");
        return;
    }

    if (pg->state == ngx_tavus_pg_connecting) {
        ngx_tavus_pg_poll(pg);
        return;
    }

    ngx_tavus_pg_process(pg);
}


static void
ngx_tavus_pg_process(ngx_tavus_pg_t *pg)
{
    if (pg->processing) {
        return;
    }

    pg->processing = 1;

    if (ngx_tavus_pg_consume(pg) != NGX_OK) {
        pg->broken = 1;

    } else {
        ngx_tavus_pg_flush(pg);

        if (ngx_tavus_pg_results(pg) != NGX_OK) {
            pg->broken = 1;

        } else if (ngx_tavus_pg_ready(pg)) {
            ngx_tavus_pg_send_waiting(pg);
        }
    }

    pg->processing = 0;

    ngx_tavus_pg_clear_error();

    if (pg->broken) {
        ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
    }
}


static ngx_int_t
ngx_tavus_pg_consume(ngx_tavus_pg_t *pg)
{
    SSL  *ssl;

    for ( ;; ) {

        if (PQconsumeInput(pg->conn) == 0) {
            return NGX_ERROR;
        }

        /* no event tells of what OpenSSL has read and libpq has not */

        ssl = PQsslStruct(pg->conn, "OpenSSL");

        if (ssl == NULL || SSL_pending(ssl) == 0) {
            return NGX_OK;
        }
    }
}


static void
ngx_tavus_pg_flush(ngx_tavus_pg_t *pg)
{
    int           rc;
    ngx_event_t  *wev;

    wev = pg->connection->write;

    rc = PQflush(pg->conn);

    if (rc == 1) {
        if (!wev->active
            && ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
        {
            pg->broken = 1;
        }

        return;
    }

    if (rc < 0) {

        /* libpq may have closed the socket */

        pg->broken = 1;
        return;
    }

    if (wev->active && ngx_del_event(wev, NGX_WRITE_EVENT, 0) != NGX_OK) {
        pg->broken = 1;
    }
}


static ngx_int_t
ngx_tavus_pg_results(ngx_tavus_pg_t *pg)
{
    PGresult           *res;
    ngx_uint_t          nulls;
    ngx_queue_t        *q;
    ngx_tavus_pg_op_t  *op;

    nulls = 0;

    /* PQisBusy() reads what the server says unasked, too: why it ends */

    while (!PQisBusy(pg->conn) && !ngx_queue_empty(&pg->sent)) {

        res = PQgetResult(pg->conn);

        if (res == NULL) {

            /* one ends each statement, two in a row end everything */

            if (++nulls > 1) {
                break;
            }

            continue;
        }

        nulls = 0;

        q = ngx_queue_head(&pg->sent);
        op = ngx_queue_data(q, ngx_tavus_pg_op_t, queue);

        if (ngx_tavus_pg_result(pg, op, res) != NGX_OK) {
            return NGX_ERROR;
        }

        if (pg->conn == NULL) {
            return NGX_OK;
        }
    }

    return PQstatus(pg->conn) == CONNECTION_BAD ? NGX_ERROR : NGX_OK;
}


/*
 * The transaction is committed only when the pipeline's sync is answered, so
 * the result waits for it.
 */

static ngx_int_t
ngx_tavus_pg_result(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op, PGresult *res)
{
    const char  *state;

    switch (PQresultStatus(res)) {

    case PGRES_PIPELINE_SYNC:
        PQclear(res);

        if (pg->unreplicated) {

            /* as if the answer had been lost */

            ngx_tavus_pg_failed(pg, "commit was not replicated");
            return NGX_ERROR;
        }

        ngx_tavus_pg_done(op, op->failed || op->res == NULL ? NGX_ERROR
                                                            : NGX_OK);
        return NGX_OK;

    case PGRES_COMMAND_OK:
        op->preparing = 0;
        break;

    case PGRES_TUPLES_OK:
        if (op->res == NULL) {
            op->res = res;
            return NGX_OK;
        }

        break;

    case PGRES_PIPELINE_ABORTED:
        op->failed = 1;
        break;

    default:

        /* a later error, as of the commit, outweighs an earlier result */

        if (op->preparing) {
            op->preparing = 0;
            pg->prepared &= ~(1u << op->stmt->index);
        }

        /* a function's type has changed: only a new session forgets it */

        state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

        if (!op->prepared && state && ngx_strcmp(state, "0A000") == 0) {
            pg->broken = 1;
        }

        /* it is no primary, or none any more: another host may be one */

        if (!pg->read_only && state && ngx_strcmp(state, "25006") == 0) {
            ngx_tavus_pg_failed(pg, "server is read-only");

            pg->first = pg->host + 1;
            pg->backoff = NGX_TAVUS_PG_MAX_BACKOFF;
            pg->broken = 1;
        }

        if (!op->failed) {
            op->failed = 1;

            PQclear(op->res);
            op->res = res;
            return NGX_OK;
        }
    }

    PQclear(res);

    return NGX_OK;
}


/*
 * One at a time: what is late takes the connection with it, but not what has
 * only waited behind it.
 */

static void
ngx_tavus_pg_send_waiting(ngx_tavus_pg_t *pg)
{
    ngx_queue_t        *q;
    ngx_tavus_pg_op_t  *op;

    if (ngx_queue_empty(&pg->waiting) || !ngx_queue_empty(&pg->sent)) {
        return;
    }

    q = ngx_queue_head(&pg->waiting);
    op = ngx_queue_data(q, ngx_tavus_pg_op_t, queue);

    ngx_queue_remove(q);
    ngx_queue_insert_tail(&pg->sent, q);
    op->sent = 1;

    ngx_add_timer(&op->timer, op->timeout);

    if (ngx_tavus_pg_send(pg, op) != NGX_OK) {
        pg->broken = 1;

    } else {
        ngx_tavus_pg_flush(pg);
    }

    ngx_tavus_pg_clear_error();

    if (pg->broken && !pg->processing) {

        /*
         * No handler may run within the caller's ngx_tavus_pg_query(): the
         * socket's event will find the connection broken.
         */

        ngx_post_event(pg->connection->read, &ngx_posted_events);
    }
}


static ngx_int_t
ngx_tavus_pg_send(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op)
{
    const ngx_tavus_pg_stmt_t  *stmt;

    stmt = op->stmt;

    if (!(pg->prepared & (1u << stmt->index))) {

        if (PQsendPrepare(pg->conn, stmt->name, stmt->sql, stmt->nparams,
                          stmt->types)
            == 0)
        {
            return NGX_ERROR;
        }

        /* what follows in the pipeline finds it there */

        pg->prepared |= 1u << stmt->index;
        op->preparing = 1;
        op->prepared = 1;
    }

    if (PQsendQueryPrepared(pg->conn, stmt->name, stmt->nparams, op->values,
                            op->lengths, op->formats, 1)
        == 0)
    {
        return NGX_ERROR;
    }

    return PQpipelineSync(pg->conn) == 1 ? NGX_OK : NGX_ERROR;
}


static void
ngx_tavus_pg_done(ngx_tavus_pg_op_t *op, ngx_int_t rc)
{
    PGresult    *res;
    ngx_uint_t   keep;

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    ngx_queue_remove(&op->queue);
    op->pg->nops--;

    res = op->res;
    keep = op->keep;
    op->res = NULL;

    if (rc == NGX_ABORT || rc == NGX_BUSY) {
        PQclear(res);
        res = NULL;
    }

    /* what comes after it finds no op any more */

    op->handler(op, rc, res);

    if (!keep) {
        PQclear(res);
    }
}


static void
ngx_tavus_pg_op_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_pg_t     *pg;
    ngx_tavus_pg_op_t  *op;

    op = ngx_queue_data(ev, ngx_tavus_pg_op_t, timer);
    pg = op->pg;

    if (!op->sent) {

        /* those before it have their own time: it may wait once more */

        if (ngx_tavus_pg_ready(pg) && !op->late) {
            op->late = 1;
            ngx_add_timer(&op->timer, op->timeout);
            return;
        }

        ngx_tavus_pg_done(op, NGX_BUSY);
        return;
    }

    /*
     * libpq 15 can only cancel by blocking, so the connection goes.  It was
     * made without trouble, and would be again, as with a former primary that
     * has lost its standby: the others are tried before.
     */

    pg->first = pg->host + 1;

    ngx_tavus_pg_lost(pg, "query timed out");
}


/* what libpq leaves behind would be taken for an error of nginx's own */

static void
ngx_tavus_pg_clear_error(void)
{
    if (ERR_peek_error()) {
        ERR_clear_error();
    }
}


static void
ngx_tavus_pg_notice(void *arg, const PGresult *res)
{
    ngx_tavus_pg_t  *pg = arg;

    size_t       len;
    const char  *message, *function;

    message = PQresultErrorMessage(res);
    len = ngx_strlen(message);

    while (len && (message[len - 1] == '\n' || message[len - 1] == '\r')) {
        len--;
    }

    ngx_log_error(NGX_LOG_NOTICE, pg->log, 0, "database (%s): %*s", pg->name,
                  len, message);

    /*
     * A commit whose wait for a synchronous standby was cancelled is answered
     * like any other, after a warning that only its origin identifies: the
     * text is in the server's language, and there is no SQLSTATE for it.
     */

    function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);

    if (function && ngx_strncmp(function, "SyncRepWait", 11) == 0) {
        pg->unreplicated = 1;
    }
}
