
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_PG_SESSION_H_INCLUDED_
#define _NGX_TAVUS_PG_SESSION_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * What a session is asked for, and whether it has it.  The steps are sent in
 * one flight, each a transaction of its own, so that what a pooler does
 * between two of them shows.
 */

typedef enum {
    ngx_tavus_pg_step_time = 0,     /* a limit may hit what follows */
    ngx_tavus_pg_step_set,
    ngx_tavus_pg_step_read,
    ngx_tavus_pg_step_schema,
    NGX_TAVUS_PG_STEPS
} ngx_tavus_pg_step_e;


#define NGX_TAVUS_PG_STEP_LEN      4096
#define NGX_TAVUS_PG_TOKEN_LEN     16

/*
 * The schema's versions that a module of one of them can work with, if it is
 * the newer: what would break older modules begins another hundred.
 */
#define NGX_TAVUS_PG_SCHEMAS       100


typedef struct {
    const ngx_tavus_pg_setting_t  *settings;    /* the session's own */
    ngx_uint_t                     read_only;
    ngx_uint_t                     primary;     /* no standby will do */
    int                            version;     /* the server's */
    int                            pid;         /* as the login told it */
    ngx_uint_t                     pooled;      /* and as the server does */
    ngx_int_t                      schema;
    u_char                         token[NGX_TAVUS_PG_TOKEN_LEN + 1];
} ngx_tavus_pg_session_t;


/* Begins: what the login has told, and a token.  NGX_ERROR: no randomness. */
ngx_int_t ngx_tavus_pg_session_init(ngx_tavus_pg_session_t *s, PGconn *conn);

/* The SQL of a step, with a NUL; buf has NGX_TAVUS_PG_STEP_LEN bytes. */
void ngx_tavus_pg_session_sql(ngx_tavus_pg_session_t *s, ngx_uint_t step,
    u_char *buf);

/*
 * Looks at what a step was answered: res is NULL for a command without rows.
 * NGX_DECLINED, and why in the len bytes of buf, with a NUL, if the session
 * is not as asked for.
 */
ngx_int_t ngx_tavus_pg_session_check(ngx_tavus_pg_session_t *s,
    ngx_uint_t step, PGresult *res, u_char *buf, size_t len);

/*
 * A statement for one of several sessions behind a pooler: run in another's,
 * it fails as ngx_tavus_pg_session_foreign() can tell.  No more than a SELECT
 * without WHERE fits.  NULL if there is no memory, else the caller's to free.
 */
u_char *ngx_tavus_pg_session_guard(ngx_tavus_pg_session_t *s,
    const char *sql);

/* Whether an error says that the session is not the one that was set up. */
ngx_uint_t ngx_tavus_pg_session_foreign(PGresult *res);

/* The setting in a conninfo's options= that is the module's; else NULL. */
const char *ngx_tavus_pg_session_owns(const char *options);


extern const char  ngx_tavus_pg_session_shared[];


#endif /* _NGX_TAVUS_PG_SESSION_H_INCLUDED_ */
