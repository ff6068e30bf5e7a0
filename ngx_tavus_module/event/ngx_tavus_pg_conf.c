
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "event/ngx_tavus_pg.h"
#include "event/ngx_tavus_pg_connect.h"
#include "event/ngx_tavus_pg_session.h"


static ngx_int_t ngx_tavus_pg_check_rest(ngx_conf_t *cf,
    ngx_tavus_pg_conf_t *conf, const char *sslmode);
static ngx_int_t ngx_tavus_pg_parse_hosts(ngx_conf_t *cf,
    ngx_tavus_pg_conf_t *conf, const char *host, const char *hostaddr,
    const char *port);
static ngx_int_t ngx_tavus_pg_parse_host(ngx_conf_t *cf,
    ngx_tavus_pg_host_t *host);
static ngx_uint_t ngx_tavus_pg_loopback(ngx_tavus_pg_host_t *host);
static ngx_int_t ngx_tavus_pg_split(ngx_pool_t *pool, const char *list,
    ngx_array_t *items);
static const char *ngx_tavus_pg_keyword(ngx_tavus_pg_conf_t *conf,
    const char *keyword);
static ngx_int_t ngx_tavus_pg_add_keyword(ngx_tavus_pg_conf_t *conf,
    const char *keyword, const char *value);


/* never ours to take from a connection string, and why */

static struct {
    const char  *keyword;
    const char  *reason;
} ngx_tavus_pg_refused[] = {
    { "password", "use \"tavus_database_password\"" },
    { "passfile", "use \"tavus_database_password\"" },
    { "service", "write its settings here" },
    { "replication", "this is no replication client" },
    { "client_encoding", "the module speaks UTF-8" },
    { "sslpassword", "use a key without a passphrase" },
    { "connect_timeout", "the module has its own" },
    { NULL, NULL }
};


ngx_tavus_pg_conf_t *
ngx_tavus_pg_parse(ngx_conf_t *cf, ngx_str_t *conninfo)
{
    char                 *error;
    const char           *host, *hostaddr, *port, *sslmode, *rest;
    ngx_uint_t            i, local;
    PQconninfoOption     *options, *o;
    ngx_tavus_pg_host_t  *hosts;
    ngx_tavus_pg_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_pg_conf_t));
    if (conf == NULL
        || ngx_array_init(&conf->hosts, cf->pool, 2,
                          sizeof(ngx_tavus_pg_host_t)) != NGX_OK
        || ngx_array_init(&conf->keywords, cf->pool, 16, sizeof(char *))
           != NGX_OK
        || ngx_array_init(&conf->values, cf->pool, 16, sizeof(char *))
           != NGX_OK)
    {
        return NULL;
    }

    conf->connect_timeout = 5000;

    error = NULL;
    options = PQconninfoParse((char *) conninfo->data, &error);

    if (options == NULL) {

        /* libpq's sentence quotes a URI, which may hold a password */

        if (ngx_strstr(conninfo->data, "://") != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid connection URI");
            PQfreemem(error);

        } else if (error != NULL) {
            i = ngx_strlen(error);

            while (i && error[i - 1] == '\n') {
                i--;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid connection string: %*s",
                               (size_t) i, error);
            PQfreemem(error);
        }

        return NULL;
    }

    /*
     * A peer that is gone is noticed without TCP's own patience; what the
     * string says comes later and counts.
     */

    if (ngx_tavus_pg_add_keyword(conf, "tcp_user_timeout", "10000") != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "keepalives_idle", "30") != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "keepalives_interval", "5")
           != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "keepalives_count", "3") != NGX_OK)
    {
        goto failed;
    }

    host = hostaddr = sslmode = NULL;
    port = "5432";

    for (o = options; o->keyword; o++) {

        if (o->val == NULL) {
            continue;
        }

        for (i = 0; ngx_tavus_pg_refused[i].keyword; i++) {
            if (ngx_strcmp(o->keyword, ngx_tavus_pg_refused[i].keyword)
                == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"%s\" is not allowed in the connection "
                                   "string: %s", o->keyword,
                                   ngx_tavus_pg_refused[i].reason);
                goto failed;
            }
        }

        if (ngx_strcmp(o->keyword, "target_session_attrs") == 0
            && ngx_strcmp(o->val, "any") != 0
            && ngx_strcmp(o->val, "read-write") != 0
            && ngx_strcmp(o->val, "primary") != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "target_session_attrs \"%s\" is not "
                               "supported, use read-write, primary or any",
                               o->val);
            goto failed;
        }

        if (ngx_strcmp(o->keyword, "host") == 0) {
            host = o->val;

        } else if (ngx_strcmp(o->keyword, "hostaddr") == 0) {
            hostaddr = o->val;

        } else if (ngx_strcmp(o->keyword, "port") == 0) {
            port = o->val;

        } else if (ngx_strcmp(o->keyword, "sslmode") == 0) {
            sslmode = o->val;

        } else {
            rest = (char *) ngx_pstrdup(cf->pool, &(ngx_str_t)
                              { ngx_strlen(o->val) + 1, (u_char *) o->val });
            if (rest == NULL) {
                goto failed;
            }

            if (ngx_strcmp(o->keyword, "options") == 0) {
                conf->options = rest;
                continue;
            }

            /*
             * libpq would judge by what a pooler remembers of the server's
             * first answer, for good: the session asks the server itself.
             */

            if (ngx_strcmp(o->keyword, "target_session_attrs") == 0) {
                conf->primary = ngx_strcmp(o->val, "any") != 0;
                continue;
            }

            if (ngx_tavus_pg_add_keyword(conf, o->keyword, rest) != NGX_OK) {
                goto failed;
            }
        }
    }

    if (ngx_tavus_pg_parse_hosts(cf, conf, host, hostaddr, port) != NGX_OK) {
        goto failed;
    }

    hosts = conf->hosts.elts;
    local = 1;

    for (i = 0; i < conf->hosts.nelts; i++) {
        local &= hosts[i].local || ngx_tavus_pg_loopback(&hosts[i]);
    }

    if (sslmode == NULL) {
        sslmode = local ? "disable" : "require";

    } else if (ngx_strcmp(sslmode, "disable") == 0) {
        sslmode = "disable";

    } else if (ngx_strcmp(sslmode, "require") == 0) {
        sslmode = "require";

    } else if (ngx_strcmp(sslmode, "verify-ca") == 0) {
        sslmode = "verify-ca";

    } else if (ngx_strcmp(sslmode, "verify-full") == 0) {
        sslmode = "verify-full";

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sslmode \"%s\" is not supported, use disable, "
                           "require, verify-ca or verify-full", sslmode);
        goto failed;
    }

    if (ngx_tavus_pg_check_rest(cf, conf, sslmode) != NGX_OK) {
        goto failed;
    }

    PQconninfoFree(options);

    if (ngx_tavus_pg_add_keyword(conf, "sslmode", sslmode) != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "gssencmode", "disable") != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "passfile", "/dev/null/none")
           != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "client_encoding", "UTF8") != NGX_OK
        || ngx_tavus_pg_add_keyword(conf, "fallback_application_name",
                                    "nginx tavus") != NGX_OK)
    {
        return NULL;
    }

    return conf;

failed:

    PQconninfoFree(options);

    return NULL;
}


/* what libpq would go without, or guess by the worker's user */

static ngx_int_t
ngx_tavus_pg_check_rest(ngx_conf_t *cf, ngx_tavus_pg_conf_t *conf,
    const char *sslmode)
{
    char         error[NGX_TAVUS_PG_FILE_ERROR];
    const char  *owned;

    if (ngx_tavus_pg_keyword(conf, "user") == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"user\" in the connection string");
        return NGX_ERROR;
    }

    if (ngx_tavus_pg_keyword(conf, "dbname") == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"dbname\" in the connection string");
        return NGX_ERROR;
    }

    owned = conf->options ? ngx_tavus_pg_session_owns(conf->options) : NULL;

    if (owned) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"options\" in the connection string has \"%s\", "
                           "which the module sets", owned);
        return NGX_ERROR;
    }

    if (ngx_strcmp(sslmode, "disable") == 0) {
        return NGX_OK;
    }

    if (ngx_strncmp(sslmode, "verify", 6) == 0
        && ngx_tavus_pg_keyword(conf, "sslrootcert") == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sslmode \"%s\" needs \"sslrootcert\" in the "
                           "connection string", sslmode);
        return NGX_ERROR;
    }

    conf->files = 1;

    if (ngx_tavus_pg_unreadable(conf, error) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "connection string: %s",
                           error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static const char *
ngx_tavus_pg_keyword(ngx_tavus_pg_conf_t *conf, const char *keyword)
{
    ngx_uint_t    i;
    const char  **keywords, **values;

    keywords = conf->keywords.elts;
    values = conf->values.elts;

    for (i = 0; i < conf->keywords.nelts; i++) {
        if (ngx_strcmp(keywords[i], keyword) == 0 && *values[i]) {
            return values[i];
        }
    }

    return NULL;
}


/*
 * libpq takes a root certificate or a revocation list that it cannot open for
 * one that is not there, and says that it is, or goes without.
 */

ngx_int_t
ngx_tavus_pg_unreadable(ngx_tavus_pg_conf_t *conf, char *error)
{
    u_char       text[NGX_MAX_ERROR_STR / 16], *last;
    ngx_fd_t     fd;
    ngx_err_t    err;
    ngx_uint_t   i;
    const char  *path;

    static const char  *files[] = {
        "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir"
    };

    if (!conf->files) {
        return NGX_OK;
    }

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        path = ngx_tavus_pg_keyword(conf, files[i]);

        /* a name without a folder is another's: "system", an engine's key */

        if (path == NULL || ngx_strchr(path, '/') == NULL) {
            continue;
        }

        fd = ngx_open_file(path, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                           NGX_FILE_OPEN, 0);

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);
            continue;
        }

        err = ngx_errno;

        last = ngx_strerror(err, text, sizeof(text) - 1);
        *last = '\0';

        last = ngx_snprintf((u_char *) error, NGX_TAVUS_PG_FILE_ERROR - 1,
                            "%s \"%s\" is not readable for user id %d "
                            "(%d: %s)", files[i], path, (int) geteuid(),
                            err, text);
        *last = '\0';

        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_pg_parse_hosts(ngx_conf_t *cf, ngx_tavus_pg_conf_t *conf,
    const char *host, const char *hostaddr, const char *port)
{
    ngx_str_t            *name, *addr, *number;
    ngx_uint_t            i, n;
    ngx_array_t           names, addrs, ports;
    ngx_tavus_pg_host_t  *h;

    if (host == NULL && hostaddr == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"host\" in the connection string");
        return NGX_ERROR;
    }

    if (ngx_tavus_pg_split(cf->pool, host ? host : "", &names) != NGX_OK
        || ngx_tavus_pg_split(cf->pool, hostaddr ? hostaddr : "", &addrs)
           != NGX_OK
        || ngx_tavus_pg_split(cf->pool, port, &ports) != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = host ? names.nelts : addrs.nelts;

    if ((hostaddr && host && addrs.nelts != n)
        || (ports.nelts != 1 && ports.nelts != n))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the connection string has %ui hosts, %ui "
                           "addresses and %ui ports", n,
                           hostaddr ? addrs.nelts : 0, ports.nelts);
        return NGX_ERROR;
    }

    name = names.elts;
    addr = addrs.elts;
    number = ports.elts;

    for (i = 0; i < n; i++) {
        h = ngx_array_push(&conf->hosts);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_tavus_pg_host_t));

        h->hostaddr = hostaddr ? addr[i] : name[0];
        h->name = host ? name[i] : addr[i];
        h->port = ports.nelts == 1 ? number[0] : number[i];

        if (hostaddr == NULL) {
            h->hostaddr.len = 0;
        }

        if (h->port.len == 0) {
            ngx_str_set(&h->port, "5432");
        }

        if (ngx_tavus_pg_parse_host(cf, h) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_pg_parse_host(ngx_conf_t *cf, ngx_tavus_pg_host_t *host)
{
    char        **text;
    ngx_int_t     n;
    ngx_url_t     u;
    ngx_str_t    *literal;
    ngx_addr_t    addr;
    ngx_uint_t    i;

    n = ngx_atoi(host->port.data, host->port.len);

    if (n < 1 || n > 65535) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid port \"%V\" in the connection string",
                           &host->port);
        return NGX_ERROR;
    }

    if (host->name.len == 0 && host->hostaddr.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty host in the connection string");
        return NGX_ERROR;
    }

    if (ngx_array_init(&host->addrs, cf->pool, 2, sizeof(char *)) != NGX_OK) {
        return NGX_ERROR;
    }

    if (host->hostaddr.len == 0
        && (host->name.data[0] == '/' || host->name.data[0] == '@'))
    {
        host->local = 1;
        return NGX_OK;
    }

    literal = host->hostaddr.len ? &host->hostaddr : &host->name;

    if (ngx_parse_addr(cf->pool, &addr, literal->data, literal->len)
        == NGX_OK)
    {
        text = ngx_array_push(&host->addrs);
        if (text == NULL) {
            return NGX_ERROR;
        }

        *text = (char *) literal->data;
        host->literal = 1;

        return NGX_OK;
    }

    if (host->hostaddr.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid hostaddr \"%V\" in the connection "
                           "string", &host->hostaddr);
        return NGX_ERROR;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.host = host->name;
    u.port = (in_port_t) n;

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {

        /* whether a resolver will do is known when all is read */

        return NGX_OK;
    }

    for (i = 0; i < u.naddrs; i++) {
        text = ngx_array_push(&host->addrs);
        if (text == NULL) {
            return NGX_ERROR;
        }

        *text = ngx_pcalloc(cf->pool, NGX_SOCKADDR_STRLEN + 1);
        if (*text == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                             (u_char *) *text, NGX_SOCKADDR_STRLEN, 0);
    }

    /* what is trusted to be this machine is never asked of a name server */

    host->literal = ngx_tavus_pg_loopback(host);

    return NGX_OK;
}


/* what never leaves the machine needs no TLS, unless it is asked for */

static ngx_uint_t
ngx_tavus_pg_loopback(ngx_tavus_pg_host_t *host)
{
    ngx_uint_t    i;
    const char  **addr;

    addr = host->addrs.elts;

    for (i = 0; i < host->addrs.nelts; i++) {
        if (ngx_strncmp(addr[i], "127.", 4) != 0
            && ngx_strcmp(addr[i], "::1") != 0)
        {
            return 0;
        }
    }

    return i > 0;
}


/* a list with commas into items that end with a NUL each */

static ngx_int_t
ngx_tavus_pg_split(ngx_pool_t *pool, const char *list, ngx_array_t *items)
{
    size_t       len;
    ngx_str_t   *item;
    const char  *comma;

    if (ngx_array_init(items, pool, 2, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        comma = ngx_strchr(list, ',');
        len = comma ? (size_t) (comma - list) : ngx_strlen(list);

        item = ngx_array_push(items);
        if (item == NULL) {
            return NGX_ERROR;
        }

        item->len = len;
        item->data = ngx_pnalloc(pool, len + 1);
        if (item->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(item->data, list, len);
        item->data[len] = '\0';

        if (comma == NULL) {
            return NGX_OK;
        }

        list = comma + 1;
    }
}


static ngx_int_t
ngx_tavus_pg_add_keyword(ngx_tavus_pg_conf_t *conf, const char *keyword,
    const char *value)
{
    const char  **p;

    if (conf->keywords.nelts >= NGX_TAVUS_PG_MAX_KEYWORDS) {
        return NGX_ERROR;
    }

    p = ngx_array_push(&conf->keywords);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = keyword;

    p = ngx_array_push(&conf->values);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = value;

    return NGX_OK;
}
