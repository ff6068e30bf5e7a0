
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_PG_CONNECT_H_INCLUDED_
#define _NGX_TAVUS_PG_CONNECT_H_INCLUDED_


/* What the bridge's two halves share: how it gets a session, and queries. */

#include "core/tavus_metrics.h"
#include "event/ngx_tavus_pg_session.h"


#define NGX_TAVUS_PG_MAX_ADDRS     16
#define NGX_TAVUS_PG_MIN_BACKOFF   100
#define NGX_TAVUS_PG_MAX_BACKOFF   5000
#define NGX_TAVUS_PG_AGAIN         60000
#define NGX_TAVUS_PG_ERROR_LEN     512

/* how often a session behind a pooler is looked at while it is idle */
#define NGX_TAVUS_PG_CHECK         1000

#define NGX_TAVUS_PG_FILE_ERROR    384

/* of a statement on a connection: its own and the session's token */
#define NGX_TAVUS_PG_NAME_LEN      48

#if (NGX_TAVUS_PG_MAX_STATEMENTS > 64)
#error "what is prepared on a connection does not fit into 64 bits"
#endif


typedef enum {
    ngx_tavus_pg_idle = 0,
    ngx_tavus_pg_resolving,
    ngx_tavus_pg_connecting,
    ngx_tavus_pg_verifying,
    ngx_tavus_pg_up
} ngx_tavus_pg_state_e;


struct ngx_tavus_pg_s {
    ngx_tavus_pg_conf_t    *conf;
    const char             *name;
    ngx_pool_t             *pool;
    ngx_log_t              *log;

    PGconn                 *conn;
    ngx_connection_t       *connection;
    ngx_event_t             timer;      /* deadline, backoff or check */
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
    uint64_t                prepared;   /* a bit a statement */
    u_char                  names[NGX_TAVUS_PG_MAX_STATEMENTS]
                                 [NGX_TAVUS_PG_NAME_LEN];

    ngx_tavus_pg_session_t  session;
    ngx_tavus_pg_op_t       steps[NGX_TAVUS_PG_STEPS];

    void                  (*on_ready)(void *data);
    void                   *on_ready_data;

    ngx_str_t               failure;    /* of this round of hosts */
    ngx_str_t               error;      /* of the last one, logged */
    ngx_msec_t              said;       /* when it was */
    u_char                  failure_text[NGX_TAVUS_PG_ERROR_LEN];
    u_char                  error_text[NGX_TAVUS_PG_ERROR_LEN];

    ngx_int_t               schema;     /* as last told, 0: never was */

    unsigned                closing:1;
    unsigned                processing:1;
    unsigned                broken:1;
    unsigned                refused:1;  /* broken, and why is noted */
    unsigned                unreplicated:1; /* what is committed now */
};


/*
 * Whether the files that the connection string names can be read by who asks:
 * NGX_ERROR, and which cannot in the NGX_TAVUS_PG_FILE_ERROR bytes of error.
 */
ngx_int_t ngx_tavus_pg_unreadable(ngx_tavus_pg_conf_t *conf, char *error);

/* The timer that connects, ends what takes too long, or has a look. */
void ngx_tavus_pg_timer_handler(ngx_event_t *ev);

/* Goes on with connecting when the socket is ready. */
void ngx_tavus_pg_poll(ngx_tavus_pg_t *pg);

/* Ends the connection; what was sent is answered NGX_ABORT. */
void ngx_tavus_pg_finish(ngx_tavus_pg_t *pg);

/* Ends it, and tries again after a while; why may be NULL if it is noted. */
void ngx_tavus_pg_lost(ngx_tavus_pg_t *pg, const char *why);

/* Notes why a host could not be used, or the connection was lost. */
void ngx_tavus_pg_failed(ngx_tavus_pg_t *pg, const char *text);

/* Notes why a session is not used, or not any more, and has it broken. */
void ngx_tavus_pg_refuse(ngx_tavus_pg_t *pg, const char *why);

/* What is to be done with one that is broken: not from within a handler. */
void ngx_tavus_pg_broke(ngx_tavus_pg_t *pg);

void ngx_tavus_pg_event_handler(ngx_event_t *ev);
void ngx_tavus_pg_notice(void *arg, const PGresult *res);

/* Has what libpq holds written, or broken set. */
void ngx_tavus_pg_flush(ngx_tavus_pg_t *pg);

/* Sends one of the bridge's own: no statement, no values. */
ngx_int_t ngx_tavus_pg_send_text(ngx_tavus_pg_t *pg, ngx_tavus_pg_op_t *op,
    const char *sql);

/* Sends what waits first, if nothing else is under way. */
void ngx_tavus_pg_send_waiting(ngx_tavus_pg_t *pg);

/* Takes a query out and calls its handler. */
void ngx_tavus_pg_done(ngx_tavus_pg_op_t *op, ngx_int_t rc);

/* Behind a pooler: asks whether an idle session is still the same. */
void ngx_tavus_pg_check(ngx_tavus_pg_t *pg);

void ngx_tavus_pg_clear_error(void);


#endif /* _NGX_TAVUS_PG_CONNECT_H_INCLUDED_ */
