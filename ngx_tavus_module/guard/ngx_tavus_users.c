
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_users.h"
#include "guard/ngx_tavus_login.h"
#include "http/ngx_tavus_endpoint.h"
#include "event/ngx_tavus_secret.h"


#define NGX_TAVUS_USERS_FILE_MAX  65536
#define NGX_TAVUS_USERS_MAX       1000
#define NGX_TAVUS_USERS_NAME_MAX  255
#define NGX_TAVUS_USERS_BOM       "\xEF\xBB\xBF"

/* failed logins of an address: ten at once, then one every six seconds */

#define NGX_TAVUS_AUTH_ZONE       "tavus_admin_logins"
#define NGX_TAVUS_AUTH_ZONE_SIZE  (64 * ngx_pagesize)
#define NGX_TAVUS_AUTH_RATE       10
#define NGX_TAVUS_AUTH_CAPACITY   10


/* a crypt(3) format: what starts it and the length of its last part */

typedef struct {
    const char                *prefix;
    size_t                     len;
} ngx_tavus_users_format_t;


static char *ngx_tavus_users_directive(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_users_set_realm(ngx_conf_t *cf, ngx_tavus_users_t
    *users, ngx_str_t *realm);
static char *ngx_tavus_users_read_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static char *ngx_tavus_users_parse(ngx_conf_t *cf, ngx_tavus_users_t *users,
    ngx_str_t *name, ngx_str_t *text);
static const char *ngx_tavus_users_parse_line(ngx_conf_t *cf, ngx_tavus_users_t
    *users, u_char *p, u_char *last);
static const char *ngx_tavus_users_check_hash(u_char *p, u_char *last);
static void *ngx_tavus_users_create_main_conf(ngx_conf_t *cf);
static void *ngx_tavus_users_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_users_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);


static const ngx_tavus_users_format_t  ngx_tavus_users_formats[] = {
    { "$apr1$", 22 },
    { "$1$", 22 },
    { "$2a$", 53 },
    { "$2b$", 53 },
    { "$2y$", 53 },
    { "$5$", 43 },
    { "$6$", 86 },
    { "$7$", 43 },
    { "$y$", 43 },
    { "$gy$", 43 },
    { NULL, 0 }
};


static ngx_command_t  ngx_tavus_users_commands[] = {

    { ngx_string("tavus_admin_users"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_tavus_users_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_auth_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_users_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_users_create_loc_conf,       /* create location configuration */
    ngx_tavus_users_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_tavus_auth_module = {
    NGX_MODULE_V1,
    &ngx_tavus_auth_module_ctx,            /* module context */
    ngx_tavus_users_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_tavus_user_t *
ngx_tavus_users_find(ngx_tavus_users_t *users, ngx_str_t *name)
{
    ngx_uint_t         i;
    ngx_tavus_user_t  *user;

    user = users->list.elts;

    for (i = 0; i < users->list.nelts; i++) {
        if (user[i].name.len == name->len
            && CRYPTO_memcmp(user[i].name.data, name->data, name->len) == 0)
        {
            return &user[i];
        }
    }

    return NULL;
}


static char *
ngx_tavus_users_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_auth_loc_conf_t *alcf = conf;

    char                        *rv;
    ngx_str_t                   *value, name, text, realm;
    tavus_bucket_rate_t          rate;
    ngx_tavus_users_t           *users;
    ngx_tavus_main_conf_t       *mcf;
    ngx_tavus_auth_main_conf_t  *amcf;

    static ngx_str_t  zone = ngx_string(NGX_TAVUS_AUTH_ZONE);

    if (alcf->users) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_str_set(&realm, "Tavus admin");

    if (cf->args->nelts == 3) {

        if (ngx_strncmp(value[2].data, "realm=", 6) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        realm.data = value[2].data + 6;
        realm.len = value[2].len - 6;
    }

    users = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_users_t));
    if (users == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_tavus_users_set_realm(cf, users, &realm) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    name = value[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK
        || ngx_tavus_users_read_file(cf, &name, &text) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_tavus_users_parse(cf, users, &name, &text);

    OPENSSL_cleanse(text.data, text.len);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    users->thread_pool = ngx_thread_pool_add(cf, NULL);
    if (users->thread_pool == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    mcf->guarded = 1;

    alcf->users = users;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_auth_module);

    if (amcf->zone) {
        return NGX_CONF_OK;
    }

    rate.rate = NGX_TAVUS_AUTH_RATE;
    rate.period = 60000;
    rate.capacity = NGX_TAVUS_AUTH_CAPACITY;

    amcf->zone = ngx_tavus_limit_add_zone(cf, &zone,
                                          NGX_TAVUS_AUTH_ZONE_SIZE, &rate, 0);

    if (amcf->zone) {
        amcf->zone->addr = 1;
    }

    if (amcf->zone == NULL
        || ngx_tavus_login_add_zone(cf, &amcf->logins) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_users_set_realm(ngx_conf_t *cf, ngx_tavus_users_t *users,
    ngx_str_t *realm)
{
    size_t      len;
    u_char     *p;
    ngx_uint_t  i;

    for (i = 0; i < realm->len; i++) {
        if (realm->data[i] < ' ' || realm->data[i] == 0x7f
            || realm->data[i] == '"' || realm->data[i] == '\\')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid realm \"%V\"", realm);
            return NGX_CONF_ERROR;
        }
    }

    len = sizeof("Basic realm=\"\", charset=\"UTF-8\"") - 1 + realm->len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    users->challenge.data = p;
    users->challenge.len = len;

    ngx_sprintf(p, "Basic realm=\"%V\", charset=\"UTF-8\"", realm);

    return NGX_CONF_OK;
}


static char *
ngx_tavus_users_read_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ngx_err_t    err;
    const char  *failed, *reason;

    failed = NULL;
    reason = NULL;

    switch (ngx_tavus_secret_load(cf->temp_pool, name,
                                  NGX_TAVUS_USERS_FILE_MAX, text, &err))
    {

    case NGX_TAVUS_SECRET_FILE_OK:
        return NGX_CONF_OK;

    case NGX_TAVUS_SECRET_FILE_OPEN:
        failed = ngx_open_file_n;
        break;

    case NGX_TAVUS_SECRET_FILE_INFO:
        failed = ngx_fd_info_n;
        break;

    case NGX_TAVUS_SECRET_FILE_READ:
        failed = ngx_read_fd_n;
        break;

    case NGX_TAVUS_SECRET_FILE_NONE:
        reason = "is not a file";
        break;

    case NGX_TAVUS_SECRET_FILE_FOR_ALL:
        reason = "must not be accessible to others, use mode 0640 or 0600";
        break;

    case NGX_TAVUS_SECRET_FILE_LARGE:
        reason = "is larger than 64k";
        break;

    default: /* NGX_TAVUS_SECRET_FILE_NO_MEMORY */
        return NGX_CONF_ERROR;
    }

    if (failed) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err, "%s \"%V\" failed", failed,
                           name);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "user file \"%V\" %s", name,
                           reason);
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_users_parse(ngx_conf_t *cf, ngx_tavus_users_t *users,
    ngx_str_t *name, ngx_str_t *text)
{
    u_char      *p, *end, *eol, *last;
    ngx_uint_t   line;
    const char  *reason;

    if (ngx_array_init(&users->list, cf->pool, 4, sizeof(ngx_tavus_user_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    p = text->data;
    last = p + text->len;
    line = 0;

    /* a mark before a text says nothing, and belongs to nobody's name */

    if (text->len >= 3 && ngx_memcmp(p, NGX_TAVUS_USERS_BOM, 3) == 0) {
        p += 3;
    }

    for ( /* void */ ; p < last; p = eol + 1) {
        line++;

        eol = ngx_strlchr(p, last, LF);
        eol = eol ? eol : last;

        end = eol;

        if (end > p && end[-1] == CR) {
            end--;
        }

        if (p == end || *p == '#') {
            continue;
        }

        reason = ngx_tavus_users_parse_line(cf, users, p, end);

        if (reason) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in user file \"%V\" at line %ui",
                               reason, name, line);
            return NGX_CONF_ERROR;
        }
    }

    if (users->list.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no users in user file \"%V\"", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static const char *
ngx_tavus_users_parse_line(ngx_conf_t *cf, ngx_tavus_users_t *users,
    u_char *p, u_char *last)
{
    u_char            *hash, *end;
    ngx_str_t          name;
    const char        *reason;
    ngx_tavus_user_t  *user;

    hash = ngx_strlchr(p, last, ':');

    if (hash == NULL) {
        return "no \"user:hash\"";
    }

    name.data = p;
    name.len = hash - p;

    if (name.len == 0 || name.len > NGX_TAVUS_USERS_NAME_MAX) {
        return "invalid length of a user name";
    }

    /* one text was put behind another */

    if (name.len >= 3 && ngx_memcmp(p, NGX_TAVUS_USERS_BOM, 3) == 0) {
        return "byte order mark before a user name";
    }

    for ( /* void */ ; p < hash; p++) {
        if (*p < ' ' || *p == 0x7f) {
            return "invalid character in a user name";
        }
    }

    if (ngx_tavus_users_find(users, &name)) {
        return "duplicate user";
    }

    hash++;

    /* what follows another colon is a comment */

    end = ngx_strlchr(hash, last, ':');
    end = end ? end : last;

    reason = ngx_tavus_users_check_hash(hash, end);

    if (reason) {
        return reason;
    }

    if (users->list.nelts == NGX_TAVUS_USERS_MAX) {
        return "too many users";
    }

    user = ngx_array_push(&users->list);
    if (user == NULL) {
        return "no memory for a user";
    }

    ngx_memzero(user, sizeof(ngx_tavus_user_t));

    user->name.len = name.len;
    user->name.data = ngx_pstrdup(cf->pool, &name);

    user->hash.len = end - hash;
    user->hash.data = ngx_pnalloc(cf->pool, user->hash.len + 1);

    if (user->name.data == NULL || user->hash.data == NULL) {
        return "no memory for a user";
    }

    ngx_cpystrn(user->hash.data, hash, user->hash.len + 1);

    if (user->hash.len == 13) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "user \"%V\" has a DES hash, which counts only "
                           "eight characters of a password", &user->name);
    }

    return NULL;
}


static const char *
ngx_tavus_users_check_hash(u_char *p, u_char *last)
{
    u_char                         *tail, *q;
    size_t                          len;
    const ngx_tavus_users_format_t  *format;

    if (last - p >= 7 && ngx_strncasecmp(p, (u_char *) "{PLAIN}", 7) == 0) {
        return "plain-text password";
    }

    for (q = p; q < last; q++) {
        if (!((*q >= 'a' && *q <= 'z') || (*q >= 'A' && *q <= 'Z')
              || (*q >= '0' && *q <= '9')
              || *q == '.' || *q == '/' || *q == '$'
              || *q == '=' || *q == ','))
        {
            return "unknown format of a password hash";
        }
    }

    /* DES: two characters of salt, eleven of hash */

    if (last - p == 13 && ngx_strlchr(p, last, '$') == NULL) {
        return NULL;
    }

    for (tail = last; tail > p && tail[-1] != '$'; tail--) { /* void */ }

    for (format = ngx_tavus_users_formats; format->prefix; format++) {
        len = ngx_strlen(format->prefix);

        if (tail - p > (ssize_t) len
            && ngx_strncmp(p, format->prefix, len) == 0)
        {
            return ((size_t) (last - tail) == format->len)
                   ? NULL : "damaged password hash";
        }
    }

    return "unknown format of a password hash";
}


static void *
ngx_tavus_users_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_auth_main_conf_t));
}


static void *
ngx_tavus_users_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_auth_loc_conf_t));
}


static char *
ngx_tavus_users_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_auth_loc_conf_t *prev = parent;
    ngx_tavus_auth_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_auth_module, prev)) {
        return NGX_CONF_OK;
    }

    if (conf->users == NULL) {
        conf->users = prev->users;
    }

    return NGX_CONF_OK;
}
