
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "event/ngx_tavus_pg_connect.h"


static void ngx_tavus_pg_connect(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_next_host(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_tavus_pg_next_addr(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_start(ngx_tavus_pg_t *pg, const char *hostaddr);
static void ngx_tavus_pg_established(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_stepped(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_pg_verified(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_attach(ngx_tavus_pg_t *pg);
static void ngx_tavus_pg_detach(ngx_tavus_pg_t *pg);
static unsigned ngx_tavus_pg_series(ngx_tavus_pg_t *pg,
    tavus_metric_e metric);
static void ngx_tavus_pg_log_failure(ngx_tavus_pg_t *pg);


static void
ngx_tavus_pg_connect(ngx_tavus_pg_t *pg)
{
    char  error[NGX_TAVUS_PG_FILE_ERROR];

    if (ngx_tavus_pg_unreadable(pg->conf, error) != NGX_OK) {
        ngx_tavus_pg_lost(pg, error);
        return;
    }

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

    /* what a pooler does not know it may refuse: nothing of the module's */

    if (pg->conf->options != NULL) {
        keywords[i] = "options";
        values[i++] = pg->conf->options;
    }

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
    pg->refused = 0;
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

void
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


/*
 * Logged in: what the session needs is set and read back in one flight.  The
 * deadline of the connection goes on, as a pooler may have no server for it.
 */

static void
ngx_tavus_pg_established(ngx_tavus_pg_t *pg)
{
    u_char              sql[NGX_TAVUS_PG_STEP_LEN];
    ngx_uint_t          i;
    ngx_tavus_pg_op_t  *op;

    pg->state = ngx_tavus_pg_verifying;

    if (PQsetnonblocking(pg->conn, 1) != 0
        || PQenterPipelineMode(pg->conn) != 1
        || ngx_tavus_pg_session_init(&pg->session, pg->conn) != NGX_OK)
    {
        ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
        return;
    }

    for (i = 0; i < NGX_TAVUS_PG_STEPS; i++) {
        op = &pg->steps[i];

        ngx_memzero(op, sizeof(ngx_tavus_pg_op_t));
        op->handler = ngx_tavus_pg_stepped;

        ngx_tavus_pg_session_sql(&pg->session, i, sql);

        if (ngx_tavus_pg_send_text(pg, op, (char *) sql) != NGX_OK) {
            ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
            return;
        }
    }

    ngx_tavus_pg_flush(pg);

    if (pg->broken) {
        ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
    }
}


static void
ngx_tavus_pg_stepped(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    u_char           why[NGX_TAVUS_PG_ERROR_LEN];
    ngx_int_t        fit;
    ngx_uint_t       step;
    ngx_tavus_pg_t  *pg;

    static const char  *what[] = {
        "time limit could not be set",
        "settings could not be set",
        "settings could not be read",
        "schema version could not be read"
    };

    pg = op->pg;
    step = op - pg->steps;

    if (rc == NGX_ABORT || pg->broken) {
        return;
    }

    if (rc == NGX_ERROR && res) {
        (void) ngx_snprintf(why, sizeof(why), "%s: %s %s%Z", what[step],
                            PQresultErrorField(res, PG_DIAG_SQLSTATE),
                            PQresultErrorField(res,
                                               PG_DIAG_MESSAGE_PRIMARY));
        why[sizeof(why) - 1] = '\0';

        ngx_tavus_pg_refuse(pg, (char *) why);
        return;
    }

    fit = ngx_tavus_pg_session_check(&pg->session, step, res, why,
                                     sizeof(why));

    if (step == ngx_tavus_pg_step_schema) {
        pg->schema = ngx_max(pg->session.schema, 0);
        tavus_metric_set(TAVUS_METRIC_SCHEMA, pg->schema);
    }

    if (fit != NGX_OK) {
        ngx_tavus_pg_refuse(pg, (char *) why);
        return;
    }

    if (step == NGX_TAVUS_PG_STEPS - 1) {
        ngx_tavus_pg_verified(pg);
    }
}


static void
ngx_tavus_pg_verified(ngx_tavus_pg_t *pg)
{
    ngx_tavus_pg_host_t  *host;

    static ngx_int_t      said = NGX_TAVUS_SCHEMA;

    ngx_del_timer(&pg->timer);

    ngx_tavus_pg_log_failure(pg);

    if (pg->error.len) {
        host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

        ngx_log_error(NGX_LOG_NOTICE, pg->log, 0,
                      "connected to database host \"%V\" port %V (%s)",
                      &host->name, &host->port, pg->name);
    }

    /* it is the same for all sessions, and for all workers */

    if (pg->schema > NGX_TAVUS_SCHEMA && pg->schema != said
        && ngx_worker == 0)
    {
        said = pg->schema;

        ngx_log_error(NGX_LOG_NOTICE, pg->log, 0,
                      "database (%s): schema version %i is newer than %d of "
                      "this module", pg->name, pg->schema,
                      NGX_TAVUS_SCHEMA);
    }

    pg->state = ngx_tavus_pg_up;
    pg->backoff = NGX_TAVUS_PG_MIN_BACKOFF;
    pg->first = 0;
    pg->error.len = 0;

    tavus_metric_set(ngx_tavus_pg_series(pg, TAVUS_METRIC_DATABASE_CONNECTED),
                     1);

    if (pg->session.pooled) {
        ngx_add_timer(&pg->timer, NGX_TAVUS_PG_CHECK);
    }

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

void
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


void
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

void
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


/* a lasting failure is said once a minute, not at each attempt */

static void
ngx_tavus_pg_log_failure(ngx_tavus_pg_t *pg)
{
    size_t  len;

    len = pg->failure.len;
    pg->failure.len = 0;

    if (len == 0
        || (len == pg->error.len
            && ngx_memcmp(pg->error.data, pg->failure.data, len) == 0
            && ngx_current_msec - pg->said < NGX_TAVUS_PG_AGAIN))
    {
        return;
    }

    ngx_memcpy(pg->error.data, pg->failure.data, len);
    pg->error.len = len;
    pg->said = ngx_current_msec;

    ngx_log_error(NGX_LOG_ERR, pg->log, 0, "database (%s): %V", pg->name,
                  &pg->error);
}


void
ngx_tavus_pg_timer_handler(ngx_event_t *ev)
{
    u_char                text[NGX_TAVUS_PG_ERROR_LEN];
    ngx_tavus_pg_t       *pg;
    ngx_tavus_pg_host_t  *host;

    pg = ngx_queue_data(ev, ngx_tavus_pg_t, timer);

    if (pg->state == ngx_tavus_pg_up) {
        ngx_tavus_pg_check(pg);
        return;
    }

    if (pg->state == ngx_tavus_pg_connecting
        || pg->state == ngx_tavus_pg_verifying)
    {
        host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

        ngx_snprintf(text, sizeof(text) - 1,
                     "%s host \"%V\" port %V timed out%Z",
                     pg->state == ngx_tavus_pg_connecting
                     ? "connection to" : "first answer of", &host->name,
                     &host->port);
        text[sizeof(text) - 1] = '\0';

        ngx_tavus_pg_failed(pg, (char *) text);
        ngx_tavus_pg_finish(pg);
        ngx_tavus_pg_next_addr(pg);
        return;
    }

    ngx_tavus_pg_connect(pg);
}


/* a session that is not what it should be is not used, or not any more */

void
ngx_tavus_pg_refuse(ngx_tavus_pg_t *pg, const char *why)
{
    u_char                text[NGX_TAVUS_PG_ERROR_LEN];
    ngx_tavus_pg_host_t  *host;

    if (pg->refused) {
        return;
    }

    host = (ngx_tavus_pg_host_t *) pg->conf->hosts.elts + pg->host;

    (void) ngx_snprintf(text, sizeof(text), "host \"%V\" port %V: %s%Z",
                        &host->name, &host->port, why);
    text[sizeof(text) - 1] = '\0';

    ngx_tavus_pg_failed(pg, (char *) text);

    pg->refused = 1;
    pg->broken = 1;
}


void
ngx_tavus_pg_broke(ngx_tavus_pg_t *pg)
{
    const char  *why;

    why = pg->refused ? NULL : PQerrorMessage(pg->conn);

    if (pg->state != ngx_tavus_pg_verifying) {
        ngx_tavus_pg_lost(pg, why);
        return;
    }

    /* another address or host may have a session that will do */

    if (why) {
        ngx_tavus_pg_failed(pg, why);
    }

    ngx_tavus_pg_finish(pg);
    ngx_tavus_pg_next_addr(pg);
}
