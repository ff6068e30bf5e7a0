
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "event/ngx_tavus_secret.h"


#define NGX_TAVUS_SECRET_MAX  4096
#define NGX_TAVUS_SECRET_ANY  40
#define NGX_TAVUS_SECRET_BOM  "\xEF\xBB\xBF"


static ngx_int_t ngx_tavus_secret_keep_env(ngx_conf_t *cf, u_char *name);
static char *ngx_tavus_secret_any(ngx_conf_t *cf, ngx_str_t *secret);
static ngx_int_t ngx_tavus_secret_file(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *path, ngx_str_t *secret);


char *
ngx_tavus_secret_read(ngx_conf_t *cf, ngx_str_t *directive, ngx_str_t *value,
    size_t min, ngx_str_t *secret)
{
    char       *p;
    ngx_str_t   path;

    if (value->len > 4 && ngx_strncmp(value->data, "env:", 4) == 0) {

        if (ngx_tavus_secret_keep_env(cf, value->data + 4) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        p = getenv((char *) value->data + 4);

        if (p == NULL && ngx_process == NGX_PROCESS_SIGNALLER) {
            return ngx_tavus_secret_any(cf, secret);
        }

        if (p == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": environment variable \"%s\" is not "
                               "set, nginx must be started with it, and "
                               "\"nginx -t\" too", directive,
                               value->data + 4);
            return NGX_CONF_ERROR;
        }

        secret->len = ngx_strlen(p);
        secret->data = ngx_pnalloc(cf->pool, secret->len + 1);
        if (secret->data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(secret->data, p, secret->len + 1);

    } else if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        path.data = value->data + 5;
        path.len = value->len - 5;

        if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
            || ngx_tavus_secret_file(cf, directive, &path, secret) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else if (value->len > 11
               && ngx_strncmp(value->data, "credential:", 11) == 0)
    {
        if (ngx_strchr(value->data, '/') != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": a credential is a name, not a path",
                               directive);
            return NGX_CONF_ERROR;
        }

        if (ngx_tavus_secret_keep_env(cf, (u_char *) "CREDENTIALS_DIRECTORY")
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        p = getenv("CREDENTIALS_DIRECTORY");

        if (p && *p == '\0') {
            p = NULL;
        }

        if (p == NULL && ngx_process == NGX_PROCESS_SIGNALLER) {
            return ngx_tavus_secret_any(cf, secret);
        }

        if (p == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": $CREDENTIALS_DIRECTORY is not set, "
                               "nginx must be started with LoadCredential=, "
                               "and \"nginx -t\" with "
                               "CREDENTIALS_DIRECTORY=/run/credentials/UNIT",
                               directive);
            return NGX_CONF_ERROR;
        }

        path.data = ngx_pnalloc(cf->pool, ngx_strlen(p) + value->len);
        if (path.data == NULL) {
            return NGX_CONF_ERROR;
        }

        path.len = ngx_sprintf(path.data, "%s/%s%Z", p, value->data + 11)
                   - path.data - 1;

        if (ngx_tavus_secret_file(cf, directive, &path, secret) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else {

        /* what stands there may be a secret: it is not repeated */

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be env:NAME, file:PATH or "
                           "credential:NAME", directive);
        return NGX_CONF_ERROR;
    }

    while (secret->len
           && (secret->data[secret->len - 1] == LF
               || secret->data[secret->len - 1] == CR))
    {
        secret->len--;
    }

    secret->data[secret->len] = '\0';

    if (ngx_strlen(secret->data) != secret->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the secret holds a NUL byte", directive);
        return NGX_CONF_ERROR;
    }

    /* each byte of a secret counts: nothing is left out of it silently */

    if (secret->len >= 3
        && ngx_memcmp(secret->data, NGX_TAVUS_SECRET_BOM, 3) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": a byte order mark stands before the "
                           "secret, save it without", directive);
        return NGX_CONF_ERROR;
    }

    if (secret->len < min) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the secret has %uz bytes, at least %uz "
                           "are needed", directive, secret->len, min);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_tavus_secret_read_key(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, size_t min, ngx_str_t *key)
{
    size_t  i;

    if (ngx_tavus_secret_read(cf, directive, value, min, key)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < key->len; i++) {
        if (key->data[i] <= ' ' || key->data[i] >= 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": the key holds a blank, a control "
                               "character or one outside of ASCII",
                               directive);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/*
 * At an upgrade of its binary nginx passes on what "env" directives name.
 * As the first one this is stronger than one that also gives a value: such
 * a value is not what was read.
 */

static ngx_int_t
ngx_tavus_secret_keep_env(ngx_conf_t *cf, u_char *name)
{
    ngx_str_t        *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    env = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts && env[i].data[env[i].len] != '='; i++) {
        if (ngx_strcmp(env[i].data, name) == 0) {
            return NGX_OK;
        }
    }

    if (ngx_array_push(&ccf->env) == NULL) {
        return NGX_ERROR;
    }

    env = ccf->env.elts;

    ngx_memmove(env + 1, env, (ccf->env.nelts - 1) * sizeof(ngx_str_t));

    env->data = name;
    env->len = ngx_strlen(name);

    return NGX_OK;
}


/*
 * "nginx -s" needs no secret, only the configuration, and a shell does not
 * have the environment of the nginx that it signals: any will do that passes
 * the checks, as base64 and as unlike others.
 */

static char *
ngx_tavus_secret_any(ngx_conf_t *cf, ngx_str_t *secret)
{
    static ngx_uint_t  n;

    secret->data = ngx_pnalloc(cf->pool, NGX_TAVUS_SECRET_ANY + 1);
    if (secret->data == NULL) {
        return NGX_CONF_ERROR;
    }

    secret->len = NGX_TAVUS_SECRET_ANY;

    ngx_sprintf(secret->data, "%040ui%Z", n++);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_tavus_secret_file(ngx_conf_t *cf, ngx_str_t *directive, ngx_str_t *path,
    ngx_str_t *secret)
{
    ngx_err_t  err;

    switch (ngx_tavus_secret_load(cf->pool, path, NGX_TAVUS_SECRET_MAX,
                                  secret, &err))
    {

    case NGX_TAVUS_SECRET_FILE_OK:
        return NGX_OK;

    case NGX_TAVUS_SECRET_FILE_OPEN:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"%V\": " ngx_open_file_n " \"%V\" failed",
                           directive, path);
        return NGX_ERROR;

    case NGX_TAVUS_SECRET_FILE_INFO:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"%V\": " ngx_fd_info_n " \"%V\" failed",
                           directive, path);
        return NGX_ERROR;

    case NGX_TAVUS_SECRET_FILE_NONE:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" is not a regular file", directive,
                           path);
        return NGX_ERROR;

    case NGX_TAVUS_SECRET_FILE_FOR_ALL:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" is open to all users, make it "
                           "0600", directive, path);
        return NGX_ERROR;

    case NGX_TAVUS_SECRET_FILE_LARGE:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": \"%V\" has %uz bytes, at most %d may be",
                           directive, path, secret->len,
                           NGX_TAVUS_SECRET_MAX);
        return NGX_ERROR;

    case NGX_TAVUS_SECRET_FILE_READ:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"%V\": " ngx_read_fd_n " \"%V\" failed",
                           directive, path);
        return NGX_ERROR;

    default: /* NGX_TAVUS_SECRET_FILE_NO_MEMORY */
        return NGX_ERROR;
    }
}


ngx_tavus_secret_file_e
ngx_tavus_secret_load(ngx_pool_t *pool, ngx_str_t *path, size_t max,
    ngx_str_t *text, ngx_err_t *err)
{
    size_t                    size;
    ssize_t                   n;
    ngx_fd_t                  fd;
    ngx_file_info_t           fi;
    ngx_tavus_secret_file_e   rc;

    text->len = 0;

    /* a pipe must not stop the configuration from being read */

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        *err = ngx_errno;
        return NGX_TAVUS_SECRET_FILE_OPEN;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        *err = ngx_errno;
        rc = NGX_TAVUS_SECRET_FILE_INFO;
        goto done;
    }

    size = (size_t) ngx_file_size(&fi);

    rc = !ngx_is_file(&fi) ? NGX_TAVUS_SECRET_FILE_NONE
         : (fi.st_mode & S_IRWXO) ? NGX_TAVUS_SECRET_FILE_FOR_ALL
         : size > max ? NGX_TAVUS_SECRET_FILE_LARGE
                      : NGX_TAVUS_SECRET_FILE_OK;

    if (rc != NGX_TAVUS_SECRET_FILE_OK) {
        text->len = size;
        goto done;
    }

    rc = NGX_TAVUS_SECRET_FILE_NO_MEMORY;

    text->data = ngx_pnalloc(pool, size + 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, text->data, size);

    if (n < 0) {
        *err = ngx_errno;
        rc = NGX_TAVUS_SECRET_FILE_READ;
        goto done;
    }

    text->len = n;
    rc = NGX_TAVUS_SECRET_FILE_OK;

done:

    (void) ngx_close_file(fd);

    return rc;
}
