
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "event/ngx_tavus_pg.h"
#include "event/ngx_tavus_pg_connect.h"
#include "event/ngx_tavus_pg_session.h"
#include "event/ngx_tavus_timer.h"


#define NGX_TAVUS_PG_MAX_OPS       1024
#define NGX_TAVUS_PG_CHECK_TIMEOUT 5000


static void ngx_tavus_pg_checked(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_pg_process(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_consume(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_results(ngx_tavus_pg_t *pg);
static ngx_int_t ngx_tavus_pg_result(ngx_tavus_pg_t *pg,
    ngx_tavus_pg_op_t *op, PGresult *res);
static ngx_int_t ngx_tavus_pg_send(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op);
static void ngx_tavus_pg_op_timer_handler(ngx_event_t *ev);


ngx_tavus_pg_t *
ngx_tavus_pg_open(ngx_tavus_pg_conf_t *conf, const char *name,
    const ngx_tavus_pg_setting_t *settings, ngx_uint_t read_only)
{
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

    pg->conf = conf;
    pg->name = name;
    pg->session.settings = settings;
    pg->session.read_only = read_only;
    pg->session.primary = conf->primary;
    pg->pool = pool;
    pg->log = ngx_cycle->log;
    pg->backoff = NGX_TAVUS_PG_MIN_BACKOFF;
    pg->failure.data = pg->failure_text;
    pg->error.data = pg->error_text;

    ngx_queue_init(&pg->waiting);
    ngx_queue_init(&pg->sent);

    pg->timer.data = &ngx_tavus_timer_dummy;
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


uint64_t
ngx_tavus_pg_number(PGresult *res, int row, int column)
{
    int          i, len;
    uint64_t     n;
    const char  *p;

    n = 0;
    p = PQgetvalue(res, row, column);
    len = PQgetlength(res, row, column);

    for (i = 0; i < len && i < 8; i++) {
        n = n << 8 | (u_char) p[i];
    }

    return n;
}


ngx_uint_t
ngx_tavus_pg_params(const ngx_tavus_pg_stmt_t *stmt)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_TAVUS_PG_MAX_PARAMS && stmt->types[n]; n++) {
        /* void */
    }

    return n;
}


ngx_int_t
ngx_tavus_pg_schema(ngx_tavus_pg_t *pg)
{
    return pg->schema;
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

    op->timer.data = &ngx_tavus_timer_dummy;
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


ngx_int_t
ngx_tavus_pg_send_text(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op,
    const char *sql)
{
    op->pg = pg;
    op->sent = 1;

    ngx_queue_insert_tail(&pg->sent, &op->queue);
    pg->nops++;

    if (PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 0) {
        return NGX_ERROR;
    }

    return PQpipelineSync(pg->conn) == 1 ? NGX_OK : NGX_ERROR;
}


/* behind a pooler an idle session may become somebody else's unnoticed */

void
ngx_tavus_pg_check(ngx_tavus_pg_t *pg)
{
    u_char             *sql;
    ngx_int_t           rc;
    ngx_tavus_pg_op_t  *op;

    /* what is under way has the same guard */

    if (pg->nops) {
        ngx_add_timer(&pg->timer, NGX_TAVUS_PG_CHECK);
        return;
    }

    sql = ngx_tavus_pg_session_guard(&pg->session, "SELECT 1");
    if (sql == NULL) {
        ngx_add_timer(&pg->timer, NGX_TAVUS_PG_CHECK);
        return;
    }

    op = &pg->steps[0];

    ngx_memzero(op, sizeof(ngx_tavus_pg_op_t));

    op->handler = ngx_tavus_pg_checked;
    op->timer.data = &ngx_tavus_timer_dummy;
    op->timer.handler = ngx_tavus_pg_op_timer_handler;
    op->timer.log = pg->log;
    op->timer.cancelable = 1;

    ngx_add_timer(&op->timer, NGX_TAVUS_PG_CHECK_TIMEOUT);

    rc = ngx_tavus_pg_send_text(pg, op, (char *) sql);

    ngx_free(sql);

    if (rc == NGX_OK) {
        ngx_tavus_pg_flush(pg);
    }

    if (rc != NGX_OK || pg->broken) {
        ngx_tavus_pg_lost(pg, PQerrorMessage(pg->conn));
    }
}


static void
ngx_tavus_pg_checked(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    if (rc == NGX_OK) {
        ngx_add_timer(&op->pg->timer, NGX_TAVUS_PG_CHECK);
    }
}


void
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
        ngx_tavus_pg_broke(pg);
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


void
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

        if (ngx_tavus_pg_session_foreign(res)) {
            PQclear(res);
            ngx_tavus_pg_refuse(pg, ngx_tavus_pg_session_shared);
            return NGX_ERROR;
        }

        /* a later error, as of the commit, outweighs an earlier result */

        if (op->preparing) {
            op->preparing = 0;
            pg->prepared &= ~((uint64_t) 1 << op->stmt->index);
        }

        /* a function's type has changed: only a new session forgets it */

        state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

        if (!op->prepared && state && ngx_strcmp(state, "0A000") == 0) {
            pg->broken = 1;
        }

        /* it is no primary, or none any more: another host may be one */

        if (!pg->session.read_only && state
            && ngx_strcmp(state, "25006") == 0)
        {
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

void
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
    int                         rc, n;
    u_char                     *sql;
    const char                 *name;
    const ngx_tavus_pg_stmt_t  *stmt;

    stmt = op->stmt;
    n = (int) ngx_tavus_pg_params(stmt);
    name = (char *) pg->names[stmt->index];

    if (!(pg->prepared & ((uint64_t) 1 << stmt->index))) {

        (void) ngx_snprintf((u_char *) name, NGX_TAVUS_PG_NAME_LEN, "%s_%s%Z",
                            stmt->name, pg->session.token);

        sql = NULL;

        if (pg->session.pooled) {
            sql = ngx_tavus_pg_session_guard(&pg->session, stmt->sql);
            if (sql == NULL) {
                return NGX_ERROR;
            }
        }

        rc = PQsendPrepare(pg->conn, name, sql ? (char *) sql : stmt->sql,
                           n, stmt->types);

        if (sql) {
            ngx_free(sql);
        }

        if (rc == 0) {
            return NGX_ERROR;
        }

        /* what follows in the pipeline finds it there */

        pg->prepared |= (uint64_t) 1 << stmt->index;
        op->preparing = 1;
        op->prepared = 1;
    }

    if (PQsendQueryPrepared(pg->conn, name, n, op->values, op->lengths,
                            op->formats, 1)
        == 0)
    {
        return NGX_ERROR;
    }

    return PQpipelineSync(pg->conn) == 1 ? NGX_OK : NGX_ERROR;
}


void
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

void
ngx_tavus_pg_clear_error(void)
{
    if (ERR_peek_error()) {
        ERR_clear_error();
    }
}


void
ngx_tavus_pg_notice(void *arg, const PGresult *res)
{
    ngx_tavus_pg_t  *pg = arg;

    size_t       len;
    const char  *message, *function, *state;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    /* a class of our own: what the schema's functions have to tell */

    if (state && message && ngx_strncmp(state, "TV", 2) == 0) {
        ngx_log_error(NGX_LOG_WARN, pg->log, 0, "%s", message);
        return;
    }

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
