
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_deliver_conf.h"
#include "service/ngx_tavus_ga4.h"
#include "service/ngx_tavus_posthog.h"
#include "service/ngx_tavus_sendgrid.h"
#include "service/ngx_tavus_webhook_out.h"
#include "event/ngx_tavus_secret.h"
#include "core/tavus_utf8.h"


/* the least of a key: a project's at PostHog is longer, Google's a little */

#define NGX_TAVUS_DESTINATION_KEY_MIN     16

#define NGX_TAVUS_DESTINATION_PROPERTIES  20


static char *ngx_tavus_deliver(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_deliver_name(ngx_conf_t *cf,
    ngx_tavus_deliver_main_conf_t *dmcf, ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_whole(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static const char *ngx_tavus_deliver_array(ngx_conf_t *cf,
    ngx_array_t *patterns, ngx_uint_t prefixes);
static const char *ngx_tavus_deliver_contents(ngx_conf_t *cf);
static char *ngx_tavus_deliver_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static const ngx_tavus_deliver_member_t *ngx_tavus_deliver_find(
    const ngx_tavus_deliver_member_t *m, ngx_str_t *name);
static ngx_uint_t ngx_tavus_deliver_takes(ngx_tavus_destination_t *d,
    const char *name);
static char *ngx_tavus_deliver_key(ngx_conf_t *cf, ngx_tavus_destination_t
    *d);
static char *ngx_tavus_deliver_secret(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_measurement(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_url(ngx_conf_t *cf, ngx_tavus_destination_t
    *d);
static char *ngx_tavus_deliver_split(ngx_conf_t *cf,
    ngx_tavus_destination_t *d, ngx_str_t *url);
static char *ngx_tavus_deliver_events(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_consent(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_properties(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_timeout(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_deliver_duplicate(ngx_conf_t *cf);
static void ngx_tavus_deliver_free_key(void *data);
static ngx_int_t ngx_tavus_deliver_mails(ngx_conf_t *cf,
    ngx_tavus_deliver_main_conf_t *dmcf, ngx_tavus_destination_t *d);
static ngx_int_t ngx_tavus_deliver_variables(ngx_conf_t *cf);
static ngx_int_t ngx_tavus_deliver_asks(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void *ngx_tavus_deliver_create_main_conf(ngx_conf_t *cf);


static const ngx_tavus_destination_service_t
    *ngx_tavus_deliver_services[] = {
    &ngx_tavus_posthog,
    &ngx_tavus_ga4,
    &ngx_tavus_webhook_out,
    &ngx_tavus_sendgrid,
    NULL
};


static const ngx_tavus_deliver_member_t  ngx_tavus_deliver_members[] = {
    { "key", 1, 1, ngx_tavus_deliver_key },
    { "secret", 1, 1, ngx_tavus_deliver_secret },
    { "measurement_id", 1, 1, ngx_tavus_deliver_measurement },
    { "url", 1, 1, ngx_tavus_deliver_url },
    { "events", 1, NGX_TAVUS_DESTINATION_EVENTS,
      ngx_tavus_deliver_events },
    { "consent", 1, 1, ngx_tavus_deliver_consent },
    { "properties", 1, NGX_TAVUS_DESTINATION_PROPERTIES,
      ngx_tavus_deliver_properties },
    { "timeout", 1, 1, ngx_tavus_deliver_timeout },
    { NULL, 0, 0, NULL }
};


/* by tavus_consent_t */

static const char  *ngx_tavus_deliver_consents[] = {
    "required", "anonymous", "not_needed", NULL
};


static ngx_command_t  ngx_tavus_deliver_commands[] = {

    { ngx_string("tavus_deliver"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE123,
      ngx_tavus_deliver,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_variable_t  ngx_tavus_deliver_asked[] = {

    { ngx_string("tavus_asks_consent"), NULL, ngx_tavus_deliver_asks, 0, 0,
      0 },

      ngx_http_null_variable
};


static ngx_http_module_t  ngx_tavus_deliver_module_ctx = {
    ngx_tavus_deliver_variables,           /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_deliver_create_main_conf,
                                           /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_deliver_module = {
    NGX_MODULE_V1,
    &ngx_tavus_deliver_module_ctx,     /* module context */
    ngx_tavus_deliver_commands,        /* module directives */
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


static char *
ngx_tavus_deliver(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_deliver_main_conf_t *dmcf = conf;

    char                                    *rv;
    ngx_str_t                               *value;
    ngx_uint_t                               i;
    ngx_conf_t                               save;
    ngx_tavus_destination_t                 *d;
    const ngx_tavus_destination_service_t  **s;

    value = cf->args->elts;

    for (s = ngx_tavus_deliver_services; *s; s++) {
        if (value[1].len == (*s)->name.len
            && ngx_strncmp(value[1].data, (*s)->name.data, value[1].len) == 0)
        {
            break;
        }
    }

    if (*s == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown service \"%V\", it is one of posthog, "
                           "ga4, webhook and sendgrid", &value[1]);
        return NGX_CONF_ERROR;
    }

    d = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_destination_t));

    if (d == NULL
        || ngx_array_init(&d->patterns, cf->pool, 4, sizeof(tavus_part_t))
           != NGX_OK
        || ngx_array_init(&d->properties, cf->pool, 4, sizeof(tavus_part_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    d->service = *s;
    d->name = value[1];
    d->consent = d->service->lines ? TAVUS_CONSENT_NOT_NEEDED
                                   : TAVUS_CONSENT_REQUIRED;
    d->timeout = 15000;

    ngx_tavus_place_note(cf, &d->place);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "name=", 5) == 0) {
            d->name.data = value[i].data + 5;
            d->name.len = value[i].len - 5;

        } else if (ngx_strcmp(value[i].data, "from=beginning") == 0) {
            d->beginning = 1;

        } else if (ngx_strcmp(value[i].data, "from=now") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    rv = ngx_tavus_deliver_name(cf, dmcf, d);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    save = *cf;
    cf->handler = ngx_tavus_deliver_line;
    cf->handler_conf = (char *) d;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv == NGX_CONF_OK ? ngx_tavus_deliver_whole(cf, d) : rv;
}


/* by it the database knows what a destination has had */

static char *
ngx_tavus_deliver_name(ngx_conf_t *cf,
    ngx_tavus_deliver_main_conf_t *dmcf, ngx_tavus_destination_t *d)
{
    u_char                    c;
    ngx_uint_t                i;
    ngx_tavus_destination_t  **p;

    for (i = 0; i < d->name.len; i++) {
        c = d->name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || c == '-' || c == '_'))
        {
            break;
        }
    }

    if (i != d->name.len || i == 0 || i > NGX_TAVUS_DESTINATION_NAME) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\", it is up to %d of "
                           "a-z 0-9 - _", &d->name,
                           NGX_TAVUS_DESTINATION_NAME);
        return NGX_CONF_ERROR;
    }

    p = dmcf->destinations.elts;

    for (i = 0; i < dmcf->destinations.nelts; i++) {
        if (p[i]->name.len == d->name.len
            && ngx_strncmp(p[i]->name.data, d->name.data, d->name.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate name \"%V\" of \"tavus_deliver\"",
                               &d->name);
            return NGX_CONF_ERROR;
        }
    }

    p = ngx_array_push(&dmcf->destinations);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = d;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_deliver_whole(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t    url;
    const char  *missing;

    missing = d->service->missing ? d->service->missing(d) : NULL;

    if (missing) {
        /* void */

    } else if (d->patterns.nelts == 0) {
        missing = "events";

    } else if (d->key.len == 0 && ngx_tavus_deliver_takes(d, "key")) {
        missing = "key";

    } else if (d->key.len + d->nsecrets == 0
               && ngx_tavus_deliver_takes(d, "secret"))
    {
        missing = "secret";

    } else if (d->measurement_id.len == 0
               && ngx_tavus_deliver_takes(d, "measurement_id"))
    {
        missing = "measurement_id";

    } else if (d->peer == NULL && d->service->url == NULL) {
        missing = "url";
    }

    if (missing) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tavus_deliver\" \"%V\" has no \"%s\"",
                           &d->name, missing);
        return NGX_CONF_ERROR;
    }

    if (d->peer == NULL) {
        url.data = (u_char *) d->service->url;
        url.len = ngx_strlen(url.data);

        if (ngx_tavus_deliver_split(cf, d, &url) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    /* ids of who has not agreed are other ones at each destination */

    d->salt.len = d->name.len + 1 + d->key.len;
    d->salt.data = ngx_pnalloc(cf->pool, d->salt.len);

    if (d->salt.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(d->salt.data, "%V %V", &d->name, &d->key);

    d->names = ngx_tavus_deliver_array(cf, &d->patterns, 0);
    d->prefixes = ngx_tavus_deliver_array(cf, &d->patterns, 1);
    d->content = ngx_tavus_deliver_contents(cf);

    return d->names && d->prefixes && d->content ? NGX_CONF_OK
                                                 : NGX_CONF_ERROR;
}


/* PostgreSQL's text of an array, of names or of what stands before a star */

static const char *
ngx_tavus_deliver_array(ngx_conf_t *cf, ngx_array_t *patterns,
    ngx_uint_t prefixes)
{
    u_char        *p, *text;
    size_t         i, k, len;
    const char    *s;
    tavus_part_t  *pattern;

    pattern = patterns->elts;
    len = sizeof("{}");

    for (i = 0; i < patterns->nelts; i++) {
        len += 2 * pattern[i].len + 3;
    }

    text = ngx_pnalloc(cf->pool, len);
    if (text == NULL) {
        return NULL;
    }

    p = text;
    *p++ = '{';

    for (i = 0; i < patterns->nelts; i++) {
        s = pattern[i].data;
        len = pattern[i].len;

        if ((s[len - 1] == '*') != prefixes) {
            continue;
        }

        if (p[-1] != '{') {
            *p++ = ',';
        }

        *p++ = '"';

        for (k = 0; k < len - prefixes; k++) {

            if (s[k] == '"' || s[k] == '\\') {
                *p++ = '\\';
            }

            *p++ = (u_char) s[k];
        }

        *p++ = '"';
    }

    *p++ = '}';
    *p = '\0';

    return (char *) text;
}


static const char *
ngx_tavus_deliver_contents(ngx_conf_t *cf)
{
    size_t               i, n;
    ngx_array_t          all;
    tavus_part_t        *part;
    const char *const   *names;

    names = tavus_delivery_contents(&n);

    if (ngx_array_init(&all, cf->temp_pool, n + 1, sizeof(tavus_part_t))
        != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        part = ngx_array_push(&all);
        part->data = names[i];
        part->len = ngx_strlen(names[i]);
    }

    return ngx_tavus_deliver_array(cf, &all, 0);
}


static char *
ngx_tavus_deliver_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_tavus_destination_t *d = conf;

    ngx_str_t                         *value;
    const ngx_tavus_deliver_member_t  *m;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    m = ngx_tavus_deliver_find(d->service->lines, &value[0]);

    if (m == NULL) {
        m = ngx_tavus_deliver_find(ngx_tavus_deliver_members, &value[0]);

        if (m && !ngx_tavus_deliver_takes(d, m->name)) {
            m = NULL;
        }
    }

    if (m) {
        if (cf->args->nelts - 1 < m->min || cf->args->nelts - 1 > m->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\"",
                               &value[0]);
            return NGX_CONF_ERROR;
        }

        return m->set(cf, d);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in \"tavus_deliver %V\"",
                       &value[0], &d->service->name);

    return NGX_CONF_ERROR;
}


static const ngx_tavus_deliver_member_t *
ngx_tavus_deliver_find(const ngx_tavus_deliver_member_t *m, ngx_str_t *name)
{
    for ( /* void */ ; m && m->name; m++) {
        if (ngx_strcmp(name->data, m->name) == 0) {
            return m;
        }
    }

    return NULL;
}


/* what not all services have is named by those that do */

static ngx_uint_t
ngx_tavus_deliver_takes(ngx_tavus_destination_t *d, const char *name)
{
    const char  **p;

    static const char  *all[] = { "url", "timeout", "events", "consent",
                                  NULL };

    /* mails say themselves what they are about, and to whom */

    for (p = all; *p && !(d->service->lines && p == &all[2]); p++) {
        if (ngx_strcmp(*p, name) == 0) {
            return 1;
        }
    }

    for (p = d->service->members; *p; p++) {
        if (ngx_strcmp(*p, name) == 0) {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_tavus_deliver_key(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (d->key.data) {
        return ngx_tavus_deliver_duplicate(cf);
    }

    return ngx_tavus_secret_read_key(cf, &value[0], &value[1],
                                     NGX_TAVUS_DESTINATION_KEY_MIN, &d->key);
}


/* that of a signature may stand there more than once: all of them sign */

static char *
ngx_tavus_deliver_secret(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    char                id[NGX_INT_T_LEN + 1];
    ngx_str_t          *value, secret;
    const char         *error;
    tavus_key_t        *key;
    ngx_pool_cleanup_t *cln;

    if (!d->service->signs) {
        return ngx_tavus_deliver_key(cf, d);
    }

    value = cf->args->elts;

    if (d->nsecrets == NGX_TAVUS_DESTINATION_SECRETS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d times \"%V\"",
                           NGX_TAVUS_DESTINATION_SECRETS, &value[0]);
        return NGX_CONF_ERROR;
    }

    if (ngx_tavus_secret_read(cf, &value[0], &value[1], TAVUS_SECRET_MIN,
                              &secret)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf((u_char *) id, "%ui%Z", d->nsecrets + 1);

    key = tavus_key_create(id, ngx_strlen(id), (char *) secret.data,
                           secret.len, TAVUS_SECRET_STANDARD, &error);
    if (key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", &value[0],
                           error);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_tavus_deliver_free_key;
    cln->data = key;

    d->secrets[d->nsecrets++] = key;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_deliver_measurement(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    u_char      c;
    ngx_str_t  *value;
    ngx_uint_t  i;

    value = cf->args->elts;

    if (d->measurement_id.data) {
        return ngx_tavus_deliver_duplicate(cf);
    }

    for (i = 0; i < value[1].len; i++) {
        c = value[1].data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')) {
            break;
        }
    }

    if (i != value[1].len || i < 3 || i > 32
        || ngx_strncmp(value[1].data, "G-", 2) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" \"%V\", it looks like "
                           "\"G-ABC1234567\"", &value[0], &value[1]);
        return NGX_CONF_ERROR;
    }

    d->measurement_id = value[1];

    return NGX_CONF_OK;
}


/* a literal one, or a secret, as there are those who put a password there */

static char *
ngx_tavus_deliver_url(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t  *value, url;

    value = cf->args->elts;

    if (d->peer) {
        return ngx_tavus_deliver_duplicate(cf);
    }

    if (ngx_strncmp(value[1].data, "http", 4) == 0) {
        return ngx_tavus_deliver_split(cf, d, &value[1]);
    }

    if (ngx_tavus_secret_read(cf, &value[0], &value[1], sizeof("http://a") - 1,
                              &url)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_tavus_deliver_split(cf, d, &url);
}


/* so that what follows the host stands in no line of the log */

static char *
ngx_tavus_deliver_split(ngx_conf_t *cf, ngx_tavus_destination_t *d,
    ngx_str_t *url)
{
    u_char     *p, *last;
    ngx_str_t   base;

    last = url->data + url->len;
    p = ngx_strnstr(url->data, "://", ngx_min(url->len, sizeof("https://")));

    if (p == NULL || ngx_strncmp(url->data, "http", 4) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"url\" must begin with https://");
        return NGX_CONF_ERROR;
    }

    for (p += 3; p < last && *p != '/' && *p != '?' && *p != '#'; p++) {
        if (*p == '@') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"url\" must not have a user");
            return NGX_CONF_ERROR;
        }
    }

    base.data = url->data;
    base.len = p - url->data;

    d->path.data = p;
    d->path.len = last - p;

    for ( /* void */ ; p < last; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '#'
            || (*p == '?' && d->path.data[0] != '/'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"url\": what follows the host is no path "
                               "with a query");
            return NGX_CONF_ERROR;
        }
    }

    if (d->service->kind != TAVUS_DELIVERY_WEBHOOK) {

        /* its own path goes behind that */

        if (ngx_strlchr(d->path.data, last, '?')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"url\" of %V must not have a query",
                               &d->service->name);
            return NGX_CONF_ERROR;
        }

        while (d->path.len && d->path.data[d->path.len - 1] == '/') {
            d->path.len--;
        }
    }

    d->peer = ngx_tavus_curl_parse(cf, &base);

    return d->peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_tavus_deliver_events(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t     *value;
    const char    *error;
    ngx_uint_t     i;
    tavus_part_t  *pattern;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        error = d->patterns.nelts == NGX_TAVUS_DESTINATION_EVENTS
                ? "there are too many"
                : tavus_delivery_pattern((char *) value[i].data,
                                         value[i].len);
        if (error) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"events\" \"%V\": %s", &value[i],
                               error);
            return NGX_CONF_ERROR;
        }

        pattern = ngx_array_push(&d->patterns);
        if (pattern == NULL) {
            return NGX_CONF_ERROR;
        }

        pattern->data = value[i].data;
        pattern->len = value[i].len;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_deliver_consent(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; ngx_tavus_deliver_consents[i]; i++) {

        if (ngx_strcmp(value[1].data, ngx_tavus_deliver_consents[i])
            != 0)
        {
            continue;
        }

        if (i == TAVUS_CONSENT_NOT_NEEDED
            && d->service->kind != TAVUS_DELIVERY_WEBHOOK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"consent not_needed\" is for webhooks "
                               "alone");
            return NGX_CONF_ERROR;
        }

        d->consent = i;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"consent\" \"%V\", it is one of required, "
                       "anonymous and not_needed", &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_deliver_properties(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t     *value;
    ngx_uint_t     i;
    tavus_part_t  *property;

    value = cf->args->elts;

    if (d->properties.nelts + cf->args->nelts - 1
        > NGX_TAVUS_DESTINATION_PROPERTIES)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d \"properties\"",
                           NGX_TAVUS_DESTINATION_PROPERTIES);
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0 || value[i].len > TAVUS_EVENT_MAX_NAME
            || !tavus_utf8_valid((char *) value[i].data, value[i].len))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"properties\" \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        property = ngx_array_push(&d->properties);
        if (property == NULL) {
            return NGX_CONF_ERROR;
        }

        property->data = value[i].data;
        property->len = value[i].len;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_deliver_timeout(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_parse_time(&value[1], 0);

    /* together with what it is asked for before, less than a lease */

    if (n == NGX_ERROR || n < 100 || n > 30000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"timeout\" \"%V\", it is from 100ms to "
                           "30s", &value[1]);
        return NGX_CONF_ERROR;
    }

    d->timeout = n;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_deliver_duplicate(ngx_conf_t *cf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"", &value[0]);

    return NGX_CONF_ERROR;
}


static void
ngx_tavus_deliver_free_key(void *data)
{
    tavus_key_free(data);
}


static ngx_int_t
ngx_tavus_deliver_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_tavus_deliver_asked; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
    }

    return NGX_OK;
}


/* as JSON has it, for the page that is to ask */

static ngx_int_t
ngx_tavus_deliver_asks(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                       *said;
    ngx_uint_t                       i;
    ngx_tavus_destination_t        **d;
    ngx_tavus_deliver_main_conf_t   *dmcf;

    static ngx_str_t  yes = ngx_string("true");
    static ngx_str_t  no = ngx_string("false");

    dmcf = ngx_http_get_module_main_conf(r, ngx_tavus_deliver_module);
    d = dmcf->destinations.elts;
    said = &no;

    for (i = 0; i < dmcf->destinations.nelts; i++) {
        if (d[i]->consent != TAVUS_CONSENT_NOT_NEEDED) {
            said = &yes;
        }
    }

    v->len = said->len;
    v->data = said->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void *
ngx_tavus_deliver_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_deliver_main_conf_t  *dmcf;

    dmcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_deliver_main_conf_t));

    if (dmcf == NULL
        || ngx_array_init(&dmcf->destinations, cf->pool, 4,
                          sizeof(ngx_tavus_destination_t *))
           != NGX_OK
        || ngx_array_init(&dmcf->transcripts, cf->pool, 4,
                          sizeof(tavus_part_t))
           != NGX_OK)
    {
        return NULL;
    }

    return dmcf;
}


ngx_int_t
ngx_tavus_deliver_check(ngx_conf_t *cf,
    ngx_tavus_deliver_main_conf_t *dmcf, ngx_uint_t sandbox,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout)
{
    ngx_uint_t                i;
    ngx_tavus_destination_t  *d, **p;

    p = dmcf->destinations.elts;

    for (i = 0; i < dmcf->destinations.nelts; i++) {
        d = p[i];

        if (!d->peer->https && !(sandbox && d->peer->loopback)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"url\" of \"tavus_deliver\" \"%V\" must be "
                          "https, or http to a loopback address together with "
                          "\"tavus_sandbox on\", but is \"%V\" in %V:%ui",
                          &d->name, &d->peer->url, &d->place.file,
                          d->place.line);
            return NGX_ERROR;
        }

        if (d->peer->addrs.nelts == 0 && resolver == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "host not found in \"%V\" of \"tavus_deliver\" "
                          "\"%V\", and no \"resolver\" is configured in "
                          "%V:%ui", &d->peer->url, &d->name, &d->place.file,
                          d->place.line);
            return NGX_ERROR;
        }

        if (d->service->lines && ngx_tavus_deliver_mails(cf, dmcf, d) != NGX_OK)
        {
            return NGX_ERROR;
        }

        d->peer->resolver = resolver;
        d->peer->resolver_timeout = resolver_timeout;
    }

    return NGX_OK;
}


/* what mails take from elsewhere: where the panel is, and what verticals ask */

static ngx_int_t
ngx_tavus_deliver_mails(ngx_conf_t *cf, ngx_tavus_deliver_main_conf_t *dmcf,
    ngx_tavus_destination_t *d)
{
    u_char  *p;

    d->transcripts = ngx_tavus_deliver_array(cf, &dmcf->transcripts, 0);

    if (d->transcripts == NULL) {
        return NGX_ERROR;
    }

    if (dmcf->origin.len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, dmcf->origin.len + sizeof("/admin") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->mail.panel.data = p;
    d->mail.panel.len = ngx_sprintf(p, "%V/admin", &dmcf->origin) - p;

    return NGX_OK;
}
