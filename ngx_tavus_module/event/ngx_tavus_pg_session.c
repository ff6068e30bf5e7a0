
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "event/ngx_tavus_pg_session.h"


typedef struct {
    const char  *name;
    const char  *value;     /* NULL: nothing unless the session says so */
    int          since;     /* the server's version that has it */
} ngx_tavus_pg_default_t;


static const char *ngx_tavus_pg_session_value(ngx_tavus_pg_session_t *s,
    const ngx_tavus_pg_default_t *d);
static u_char *ngx_tavus_pg_session_wrong(u_char *buf, u_char *p,
    u_char *last, const char *name, const char *found, const char *wanted);
static ngx_uint_t ngx_tavus_pg_session_same(const char *option,
    const char *name, size_t n);


/*
 * A role, a database, a pooler or a server's configuration may have set any
 * of these; what a promise rests on is here.
 */

static const ngx_tavus_pg_default_t  ngx_tavus_pg_defaults[] = {

    /* what is acknowledged, and who says that no standby has it */

    { "synchronous_commit", "on", 0 },
    { "client_min_messages", "notice", 0 },

    /* when it ends */

    { "statement_timeout", "10s", 0 },
    { "lock_timeout", "0", 0 },
    { "idle_in_transaction_session_timeout", "0", 0 },
    { "idle_session_timeout", "0", 0 },
    { "transaction_timeout", "0", 170000 },
    { "exit_on_error", "off", 0 },

    /* what a transaction sees and may do */

    { "default_transaction_isolation", "read committed", 0 },
    { "default_transaction_deferrable", "off", 0 },
    { "default_transaction_read_only", NULL, 0 },
    { "row_security", "on", 0 },

    /* what the same text means */

    { "client_encoding", "UTF8", 0 },
    { "standard_conforming_strings", "on", 0 },
    { "transform_null_equals", "off", 0 },
    { "array_nulls", "on", 0 },
    { "quote_all_identifiers", "off", 0 },
    { "bytea_output", "hex", 0 },
    { "extra_float_digits", "1", 0 },
    { "DateStyle", "ISO, MDY", 0 },
    { "IntervalStyle", "postgres", 0 },
    { "TimeZone", "UTC", 0 },
    { "search_path", "pg_catalog, pg_temp", 0 },

    /* how long it takes to begin */

    { "jit", "off", 0 },

    /* last, as it may take away the right to the others */

    { "role", "none", 0 },

    { NULL, NULL, 0 }
};

const char  ngx_tavus_pg_session_shared[] =
    "the session is not ours alone: a pooler in transaction or statement "
    "mode, or one that does not reset sessions (it must work in session "
    "mode)";


ngx_int_t
ngx_tavus_pg_session_init(ngx_tavus_pg_session_t *s, PGconn *conn)
{
    u_char  random[NGX_TAVUS_PG_TOKEN_LEN / 2];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    *ngx_hex_dump(s->token, random, sizeof(random)) = '\0';

    s->version = PQserverVersion(conn);
    s->pid = PQbackendPID(conn);
    s->pooled = 0;
    s->schema = 0;

    return NGX_OK;
}


static const char *
ngx_tavus_pg_session_value(ngx_tavus_pg_session_t *s,
    const ngx_tavus_pg_default_t *d)
{
    const ngx_tavus_pg_setting_t  *own;

    if (d->since > s->version) {
        return NULL;
    }

    if (s->read_only
        && ngx_strcmp(d->name, "default_transaction_read_only") == 0)
    {
        return "on";
    }

    for (own = s->settings; own->name; own++) {
        if (ngx_strcmp(own->name, d->name) == 0) {
            return own->value;
        }
    }

    return d->value;
}


void
ngx_tavus_pg_session_sql(ngx_tavus_pg_session_t *s, ngx_uint_t step,
    u_char *buf)
{
    u_char                        *p, *last;
    const char                    *value;
    const ngx_tavus_pg_default_t  *d;

    p = buf;
    last = buf + NGX_TAVUS_PG_STEP_LEN - 1;

    switch (step) {

    case ngx_tavus_pg_step_time:

        /* a utility command needs no catalog: it is done in microseconds */

        for (d = ngx_tavus_pg_defaults; d->name; d++) {
            if (ngx_strcmp(d->name, "statement_timeout") == 0) {
                p = ngx_slprintf(p, last, "SET statement_timeout = '%s'",
                                 ngx_tavus_pg_session_value(s, d));
            }
        }

        break;

    case ngx_tavus_pg_step_set:
        p = ngx_slprintf(p, last,
                         "SELECT pg_catalog.current_setting('tavus.session', "
                         "true), pg_catalog.set_config('tavus.session', "
                         "'%s', false)", s->token);

        for (d = ngx_tavus_pg_defaults; d->name; d++) {
            value = ngx_tavus_pg_session_value(s, d);

            if (value) {
                p = ngx_slprintf(p, last,
                                 ", pg_catalog.set_config('%s', '%s', false)",
                                 d->name, value);
            }
        }

        break;

    case ngx_tavus_pg_step_read:
        p = ngx_slprintf(p, last,
                         "SELECT pg_catalog.current_setting('tavus.session', "
                         "true), pg_catalog.pg_backend_pid()"
                         "::pg_catalog.text, "
                         "pg_catalog.current_setting("
                         "'transaction_read_only'), "
                         "pg_catalog.current_setting('in_hot_standby')");

        for (d = ngx_tavus_pg_defaults; d->name; d++) {
            if (ngx_tavus_pg_session_value(s, d)) {
                p = ngx_slprintf(p, last,
                                 ", pg_catalog.current_setting('%s')",
                                 d->name);
            }
        }

        break;

    default: /* ngx_tavus_pg_step_schema */
        p = ngx_slprintf(p, last,
                         "SELECT tavus.schema_version()::pg_catalog.text");
    }

    *p = '\0';
}


ngx_int_t
ngx_tavus_pg_session_check(ngx_tavus_pg_session_t *s, ngx_uint_t step,
    PGresult *res, u_char *buf, size_t len)
{
    int                            i;
    u_char                        *p, *last;
    const char                    *text, *value;
    const ngx_tavus_pg_default_t  *d;

    p = buf;
    last = buf + len - 1;

    switch (step) {

    case ngx_tavus_pg_step_time:
        return NGX_OK;

    case ngx_tavus_pg_step_set:

        /* what one of ours has left there, unset or reset to nothing else */

        if (res && *PQgetvalue(res, 0, 0) == '\0') {
            return NGX_OK;
        }

        (void) ngx_slprintf(p, last, "%s%Z", ngx_tavus_pg_session_shared);

        return NGX_DECLINED;

    case ngx_tavus_pg_step_schema:
        s->schema = res ? ngx_atoi((u_char *) PQgetvalue(res, 0, 0),
                                   PQgetlength(res, 0, 0))
                        : 0;

        if (s->schema / NGX_TAVUS_PG_SCHEMAS
            > NGX_TAVUS_SCHEMA / NGX_TAVUS_PG_SCHEMAS)
        {
            (void) ngx_slprintf(p, last, "schema version is %i, with which a "
                                "module of %d cannot work: upgrade the "
                                "module%Z", s->schema, NGX_TAVUS_SCHEMA);

            return NGX_DECLINED;
        }

        if (s->schema >= NGX_TAVUS_SCHEMA) {
            return NGX_OK;
        }

        (void) ngx_slprintf(p, last, "schema version is %i instead of %d: "
                            "run sql/install.sql%Z",
                            ngx_max(s->schema, 0), NGX_TAVUS_SCHEMA);

        return NGX_DECLINED;

    default: /* ngx_tavus_pg_step_read */
        break;
    }

    if (res == NULL
        || ngx_strcmp(PQgetvalue(res, 0, 0), (char *) s->token) != 0)
    {
        (void) ngx_slprintf(p, last, "%s%Z", ngx_tavus_pg_session_shared);

        return NGX_DECLINED;
    }

    s->pooled = ngx_atoi((u_char *) PQgetvalue(res, 0, 1),
                         PQgetlength(res, 0, 1))
                != s->pid;

    text = PQgetvalue(res, 0, 2);
    value = s->read_only ? "on" : "off";

    p = ngx_tavus_pg_session_wrong(buf, p, last, "transaction_read_only",
                                   text, value);

    if (s->primary) {
        text = PQgetvalue(res, 0, 3);
        p = ngx_tavus_pg_session_wrong(buf, p, last, "in_hot_standby", text,
                                       "off");
    }

    i = 4;

    for (d = ngx_tavus_pg_defaults; d->name; d++) {
        value = ngx_tavus_pg_session_value(s, d);

        if (value) {
            text = PQgetvalue(res, 0, i++);
            p = ngx_tavus_pg_session_wrong(buf, p, last, d->name, text,
                                           value);
        }
    }

    *p = '\0';

    return p == buf ? NGX_OK : NGX_DECLINED;
}


static u_char *
ngx_tavus_pg_session_wrong(u_char *buf, u_char *p, u_char *last,
    const char *name, const char *found, const char *wanted)
{
    if (ngx_strcmp(found, wanted) == 0) {
        return p;
    }

    return ngx_slprintf(p, last, "%s%s is \"%s\" instead of \"%s\"",
                        p == buf ? "" : ", ", name, found, wanted);
}


u_char *
ngx_tavus_pg_session_guard(ngx_tavus_pg_session_t *s, const char *sql)
{
    size_t   len;
    u_char  *p;

    static const char  guard[] =
        "%s WHERE CASE WHEN pg_catalog.current_setting('tavus.session', true)"
        " OPERATOR(pg_catalog.=) '%s' THEN true ELSE "
        "pg_catalog.current_setting('tavus.session_lost')"
        "::pg_catalog.bool END%Z";

    len = ngx_strlen(sql) + sizeof(guard) + NGX_TAVUS_PG_TOKEN_LEN;

    p = ngx_alloc(len, ngx_cycle->log);

    if (p != NULL) {
        (void) ngx_slprintf(p, p + len, guard, sql, s->token);
    }

    return p;
}


/*
 * A statement that is not there, or was before it was made, is another
 * session's affair, as is a token that is missing.
 */

ngx_uint_t
ngx_tavus_pg_session_foreign(PGresult *res)
{
    const char  *state, *message;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (state == NULL || message == NULL) {
        return 0;
    }

    return ngx_strcmp(state, "26000") == 0
           || ngx_strcmp(state, "42P05") == 0
           || (ngx_strcmp(state, "42704") == 0
               && ngx_strstr(message, "tavus.session_lost") != NULL);
}


const char *
ngx_tavus_pg_session_owns(const char *options)
{
    size_t                         n;
    const char                    *p;
    const ngx_tavus_pg_default_t  *d;

    for (p = options; *p; p++) {

        /* -c name=value, -cname=value, --name=value */

        if (p == options
            || (p[-1] != ' ' && p[-1] != '-'
                && (p[-1] != 'c' || p - options < 2 || p[-2] != '-')))
        {
            continue;
        }

        for (d = ngx_tavus_pg_defaults; d->name; d++) {
            n = ngx_strlen(d->name);

            if (ngx_tavus_pg_session_same(p, d->name, n) && p[n] == '=') {
                return d->name;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_tavus_pg_session_same(const char *option, const char *name, size_t n)
{
    u_char      one, two;
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        one = ngx_tolower(option[i]);
        two = ngx_tolower(name[i]);

        if (one != two && (one != '-' || two != '_')) {
            return 0;
        }
    }

    return 1;
}
