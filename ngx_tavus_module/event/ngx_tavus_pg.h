
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_PG_H_INCLUDED_
#define _NGX_TAVUS_PG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <libpq-fe.h>


#define NGX_TAVUS_PG_MAX_KEYWORDS    64
#define NGX_TAVUS_PG_MAX_PARAMS      20
#define NGX_TAVUS_PG_MAX_STATEMENTS  64


typedef struct ngx_tavus_pg_s     ngx_tavus_pg_t;
typedef struct ngx_tavus_pg_op_s  ngx_tavus_pg_op_t;


typedef struct {
    ngx_str_t             name;         /* as libpq's host= has it */
    ngx_str_t             port;
    ngx_str_t             hostaddr;     /* literal, empty for a socket */
    ngx_array_t           addrs;        /* char *, known at configuration */
    unsigned              local:1;      /* a Unix socket's directory */
    unsigned              literal:1;    /* nothing to resolve */
} ngx_tavus_pg_host_t;


typedef struct {
    ngx_array_t           hosts;        /* ngx_tavus_pg_host_t */
    ngx_array_t           keywords;     /* const char *, but for the hosts */
    ngx_array_t           values;       /* const char * */
    const char           *options;      /* the conninfo's own, or NULL */
    const char           *password;
    ngx_msec_t            connect_timeout;
    ngx_resolver_t       *resolver;     /* NULL: configuration's addresses */
    ngx_msec_t            resolver_timeout;
    unsigned              primary:1;    /* so target_session_attrs has it */
    unsigned              files:1;      /* of TLS, which workers read */
} ngx_tavus_pg_conf_t;


/* of PostgreSQL, its value as PostgreSQL prints it */

typedef struct {
    const char           *name;
    const char           *value;
} ngx_tavus_pg_setting_t;


/*
 * A statement is prepared on a connection when it is first used there; the
 * index is its place in the connection's memory of what is prepared.  It is
 * a SELECT to which a WHERE can be added.
 */

typedef struct {
    ngx_uint_t            index;        /* < NGX_TAVUS_PG_MAX_STATEMENTS */
    const char           *name;
    const char           *sql;
    Oid                   types[NGX_TAVUS_PG_MAX_PARAMS];    /* up to a 0 */
} ngx_tavus_pg_stmt_t;


/*
 * Called once for each query, never from within ngx_tavus_pg_query().  rc:
 * NGX_OK     res is a result with rows; the transaction is committed;
 * NGX_ERROR  the server refused; res has SQLSTATE and message;
 * NGX_ABORT  the connection was lost after sending: the outcome is unknown;
 * NGX_BUSY   never sent: no connection within the time.
 * res is freed after the handler, or is the handler's to free if the query
 * says so; in the last two cases it is NULL.  Values come in binary: text and
 * bytea as their bytes.
 */
typedef void (*ngx_tavus_pg_handler_pt)(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);


/*
 * A query, in memory of its owner, who leaves it and what the values point
 * to alone until the handler was called.
 */

struct ngx_tavus_pg_op_s {
    const ngx_tavus_pg_stmt_t  *stmt;
    const char                 *values[NGX_TAVUS_PG_MAX_PARAMS];
    int                         lengths[NGX_TAVUS_PG_MAX_PARAMS];
    int                         formats[NGX_TAVUS_PG_MAX_PARAMS];
    ngx_msec_t                  timeout;        /* from when it is sent */
    ngx_uint_t                  background;     /* no exiting worker waits */
    ngx_uint_t                  keep;           /* the handler frees res */
    ngx_tavus_pg_handler_pt     handler;
    void                       *data;

    /* the bridge's */
    ngx_queue_t                 queue;
    ngx_event_t                 timer;
    ngx_tavus_pg_t             *pg;
    PGresult                   *res;
    unsigned                    sent:1;
    unsigned                    preparing:1;
    unsigned                    prepared:1;     /* with this query */
    unsigned                    failed:1;
    unsigned                    late:1;         /* has waited for one time */
};


/*
 * Reads a conninfo string at configuration time: hosts, ports and options.
 * What cannot work or must not be there (a password, passfile, service,
 * sslmode=prefer, …) is an error.  Host names are resolved now unless a
 * resolver is configured, in which case failure to do so is no error.
 */
ngx_tavus_pg_conf_t *ngx_tavus_pg_parse(ngx_conf_t *cf, ngx_str_t *conninfo);

/*
 * Opens a connection in a worker and keeps it open, reconnecting with
 * jittered backoff.  Settings are what differs from the usual in
 * ngx_tavus_pg_session.c, up to one without a name; a session that does not
 * have them all is not used.  A read-only session asks a primary, but cannot
 * write.  The name stands in log lines.  NULL if there is no memory.
 */
ngx_tavus_pg_t *ngx_tavus_pg_open(ngx_tavus_pg_conf_t *conf,
    const char *name, const ngx_tavus_pg_setting_t *settings,
    ngx_uint_t read_only);

/* Fails what is under way (NGX_ABORT, NGX_BUSY) and frees the connection. */
void ngx_tavus_pg_close(ngx_tavus_pg_t *pg);

/*
 * Sends a query, or queues it until the connection is there (for its timeout
 * at most) and those before it are answered (twice as long).  NGX_OK, and the
 * handler will be called; NGX_BUSY if too many are under way; NGX_ERROR.  One
 * that is not answered in time ends the connection, so that a session's
 * statement_timeout should be less.
 */
ngx_int_t ngx_tavus_pg_query(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op);

/*
 * Takes back a query that is under way, unless it was sent (NGX_DECLINED):
 * NGX_OK, and the handler will not be called.
 */
ngx_int_t ngx_tavus_pg_withdraw(ngx_tavus_pg_op_t *op);

/* An integer, boolean or the head of a uuid, of a result; 0 if it is NULL. */
uint64_t ngx_tavus_pg_number(PGresult *res, int row, int column);

/* How many parameters a statement has. */
ngx_uint_t ngx_tavus_pg_params(const ngx_tavus_pg_stmt_t *stmt);

/* Whether a query would be sent at once. */
ngx_uint_t ngx_tavus_pg_ready(ngx_tavus_pg_t *pg);

/* Whether nothing else is under way. */
ngx_uint_t ngx_tavus_pg_vacant(ngx_tavus_pg_t *pg);

/* A function to call each time the connection becomes ready. */
void ngx_tavus_pg_on_ready(ngx_tavus_pg_t *pg, void (*handler)(void *data),
    void *data);

/* The last failure of the connection, for health; empty if none. */
ngx_str_t *ngx_tavus_pg_error(ngx_tavus_pg_t *pg);

/* The schema's version as a session was last told it, used or not, or 0. */
ngx_int_t ngx_tavus_pg_schema(ngx_tavus_pg_t *pg);


#endif /* _NGX_TAVUS_PG_H_INCLUDED_ */
