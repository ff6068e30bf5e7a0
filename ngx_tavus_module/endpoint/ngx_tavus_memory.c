
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_memory.h"
#include "guard/ngx_tavus_visitor.h"
#include "http/ngx_tavus_header.h"
#include "core/tavus_utf8.h"


#define NGX_TAVUS_MEMORY_STORES  8
#define NGX_TAVUS_MEMORY_MAX     200        /* bytes of a name */
#define NGX_TAVUS_MEMORY_SELDOM  60000      /* ms between lines of the log */


/* a store whose name is made for a request */

typedef struct {
    ngx_str_t                  text;
    ngx_http_complex_value_t   value;
    ngx_array_t                variables;   /* ngx_int_t */
} ngx_tavus_memory_made_t;


static char *ngx_tavus_memory_conf_store(ngx_conf_t *cf,
    ngx_tavus_memory_conf_t *conf, ngx_str_t *text);
static char *ngx_tavus_memory_conf_made(ngx_conf_t *cf, ngx_tavus_memory_conf_t
    *conf, ngx_str_t *text);
static u_char *ngx_tavus_memory_variable(u_char *p, u_char *last, ngx_str_t
    *name);
static ngx_uint_t ngx_tavus_memory_said(ngx_str_t *variable);
static ngx_uint_t ngx_tavus_memory_valid(ngx_str_t *name);
static ngx_int_t ngx_tavus_memory_make(ngx_http_request_t *r,
    ngx_tavus_memory_t *memory, ngx_tavus_memory_made_t *store);
static void ngx_tavus_memory_unusable(ngx_http_request_t *r,
    ngx_tavus_memory_t *memory, ngx_tavus_memory_made_t *store);
static ngx_int_t ngx_tavus_memory_visitor(ngx_http_request_t *r,
    ngx_tavus_memory_t *memory);
static ngx_int_t ngx_tavus_memory_push(ngx_tavus_memory_t *memory, char *name);


char *
ngx_tavus_memory_conf_stores(ngx_conf_t *cf, ngx_tavus_memory_conf_t *conf)
{
    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (conf->named) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts < 2
        || cf->args->nelts - 1 > NGX_TAVUS_MEMORY_STORES)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes 1 to %d values", &value[0],
                           NGX_TAVUS_MEMORY_STORES);
        return NGX_CONF_ERROR;
    }

    conf->named = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    conf->made = ngx_array_create(cf->pool, 1,
                                  sizeof(ngx_tavus_memory_made_t));

    if (conf->named == NULL || conf->made == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_tavus_memory_conf_store(cf, conf, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_memory_conf_store(ngx_conf_t *cf, ngx_tavus_memory_conf_t *conf,
    ngx_str_t *text)
{
    ngx_str_t  *store;

    if (!ngx_tavus_memory_valid(text)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"memory_stores\" \"%V\", a store has 1 "
                           "to %d bytes of UTF-8 without control characters",
                           text, NGX_TAVUS_MEMORY_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_script_variables_count(text)) {
        return ngx_tavus_memory_conf_made(cf, conf, text);
    }

    store = ngx_array_push(conf->named);
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    *store = *text;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_memory_conf_made(ngx_conf_t *cf, ngx_tavus_memory_conf_t *conf,
    ngx_str_t *text)
{
    u_char                            *p, *last;
    ngx_int_t                         *index;
    ngx_str_t                          name;
    ngx_tavus_memory_made_t           *store;
    ngx_http_compile_complex_value_t   ccv;

    store = ngx_array_push(conf->made);

    if (store == NULL
        || ngx_array_init(&store->variables, cf->pool, 1, sizeof(ngx_int_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    store->text = *text;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &store->text;
    ccv.complex_value = &store->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    last = text->data + text->len;

    for (p = ngx_tavus_memory_variable(text->data, last, &name);
         p;
         p = ngx_tavus_memory_variable(p, last, &name))
    {
        if (ngx_tavus_memory_said(&name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"$%V\" in \"memory_stores\" is for the "
                               "visitor to say, or shared with others, and "
                               "would give him somebody else's memory", &name);
            return NGX_CONF_ERROR;
        }

        index = ngx_array_push(&store->variables);
        if (index == NULL) {
            return NGX_CONF_ERROR;
        }

        *index = ngx_http_get_variable_index(cf, &name);
        if (*index == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* the next one in a text that nginx has compiled; NULL: there is none */

static u_char *
ngx_tavus_memory_variable(u_char *p, u_char *last, ngx_str_t *name)
{
    ngx_uint_t  digit;

    p = ngx_strlchr(p, last, '$');

    if (p == NULL) {
        return NULL;
    }

    p++;

    if (p < last && *p == '{') {
        p++;
    }

    digit = p < last && *p >= '1' && *p <= '9';
    name->data = p;

    while (p < last
           && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
               || (*p >= '0' && *p <= '9') || *p == '_'))
    {
        p++;

        if (digit) {
            break;
        }
    }

    name->len = p - name->data;

    return p;
}


/*
 * What a request says of itself, and what visitors of one address share.
 * What a map, a set or another module makes of it is theirs to vouch for.
 */

static ngx_uint_t
ngx_tavus_memory_said(ngx_str_t *variable)
{
    ngx_uint_t  i;

    static ngx_str_t  said[] = {
        ngx_string("args"), ngx_string("query_string"),
        ngx_string("is_args"), ngx_string("uri"),
        ngx_string("document_uri"), ngx_string("request"),
        ngx_string("request_uri"), ngx_string("request_body"),
        ngx_string("request_body_file"), ngx_string("request_filename"),
        ngx_string("request_length"), ngx_string("request_method"),
        ngx_string("host"), ngx_string("content_type"),
        ngx_string("content_length"), ngx_string("remote_user"),
        ngx_string("remote_addr"), ngx_string("remote_port"),
        ngx_string("binary_remote_addr"), ngx_string("realip_remote_addr"),
        ngx_string("realip_remote_port"), ngx_string("proxy_protocol_addr"),
        ngx_string("proxy_protocol_port"),
        ngx_string("proxy_add_x_forwarded_for"),
        ngx_string("fastcgi_script_name"), ngx_string("fastcgi_path_info"),
        ngx_string("realpath_root"), ngx_string("ssl_server_name"),
        ngx_string("ssl_session_id"), ngx_string("ssl_curves"),
        ngx_string("ssl_ciphers"), ngx_string("uid_got"),
        ngx_null_string
    };

    static ngx_str_t  prefixes[] = {
        ngx_string("arg_"), ngx_string("cookie_"), ngx_string("http_"),
        ngx_null_string
    };

    if (variable->data[0] >= '1' && variable->data[0] <= '9') {
        return 1;
    }

    for (i = 0; prefixes[i].len; i++) {
        if (variable->len >= prefixes[i].len
            && ngx_strncasecmp(variable->data, prefixes[i].data,
                               prefixes[i].len)
               == 0)
        {
            return 1;
        }
    }

    for (i = 0; said[i].len; i++) {
        if (variable->len == said[i].len
            && ngx_strncasecmp(variable->data, said[i].data, said[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_tavus_memory_valid(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < ' ' || name->data[i] == 0x7f) {
            return 0;
        }
    }

    return name->len && name->len <= NGX_TAVUS_MEMORY_MAX
           && tavus_utf8_valid((char *) name->data, name->len);
}


char *
ngx_tavus_memory_conf_visitor(ngx_conf_t *cf, ngx_tavus_memory_conf_t *conf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    static ngx_conf_enum_t  modes[] = {
        { ngx_string("off"), NGX_TAVUS_MEMORY_OFF },
        { ngx_string("on"), NGX_TAVUS_MEMORY_ON },
        { ngx_string("consent"), NGX_TAVUS_MEMORY_CONSENT },
        { ngx_null_string, 0 }
    };

    value = cf->args->elts;

    if (conf->place.line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; modes[i].name.len; i++) {
        if (ngx_strcmp(value[1].data, modes[i].name.data) == 0) {
            conf->visitor = modes[i].value;
            ngx_tavus_place_note(cf, &conf->place);

            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" \"%V\", it is off, on or consent",
                       &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


/* over http whoever is on the line reads the cookie, and sets one */

ngx_int_t
ngx_tavus_memory_check(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf,
    ngx_tavus_memory_conf_t *conf)
{
    if (conf->visitor == NGX_TAVUS_MEMORY_OFF || mcf->sandbox
        || ngx_strncmp(mcf->public_origin.data, "https://", 8) == 0)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"visitor_memory\" needs a cookie, and so an https "
                  "\"tavus_public_origin\", or \"tavus_sandbox on\" in "
                  "%V:%ui", &conf->place.file, conf->place.line);

    return NGX_ERROR;
}


ngx_int_t
ngx_tavus_memory_add(ngx_http_request_t *r, ngx_tavus_memory_t *memory)
{
    ngx_uint_t                i;
    ngx_array_t              *made;
    ngx_tavus_memory_made_t  *store;

    made = memory->conf->made;

    if (made) {
        store = made->elts;

        for (i = 0; i < made->nelts; i++) {
            if (ngx_tavus_memory_make(r, memory, &store[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    switch (memory->conf->visitor) {

    case NGX_TAVUS_MEMORY_ON:
        return ngx_tavus_memory_visitor(r, memory);

    case NGX_TAVUS_MEMORY_CONSENT:
        if (memory->consent == NGX_TAVUS_CONSENT_GRANTED) {
            return ngx_tavus_memory_visitor(r, memory);
        }

        /* a no that comes later takes back the yes of before */

        return memory->consent == NGX_TAVUS_CONSENT_DENIED
               ? ngx_tavus_visitor_forget(r, memory->pool, &memory->cookie)
               : NGX_OK;

    default: /* NGX_TAVUS_MEMORY_OFF */
        return NGX_OK;
    }
}


ngx_int_t
ngx_tavus_memory_withdraw(ngx_http_request_t *r)
{
    ngx_str_t         cookie;
    ngx_table_elt_t  *h;

    if (ngx_tavus_visitor_forget(r, r->pool, &cookie) != NGX_OK) {
        return NGX_ERROR;
    }

    if (cookie.len == 0) {
        return NGX_OK;
    }

    h = ngx_tavus_push_header(r);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->key, "Set-Cookie");
    h->value = cookie;

    return NGX_OK;
}


/*
 * Without one of its variables a name would be that of everybody of whom as
 * little is known, so there is none.
 */

static ngx_int_t
ngx_tavus_memory_make(ngx_http_request_t *r, ngx_tavus_memory_t *memory,
    ngx_tavus_memory_made_t *store)
{
    u_char                     *p;
    ngx_int_t                  *index;
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_http_variable_value_t  *v;

    if (ngx_http_complex_value(r, &store->value, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    index = store->variables.elts;

    for (i = 0; i < store->variables.nelts; i++) {
        v = ngx_http_get_indexed_variable(r, index[i]);

        if (v == NULL || v->not_found || v->len == 0) {
            return NGX_OK;
        }
    }

    if (!ngx_tavus_memory_valid(&name)) {
        ngx_tavus_memory_unusable(r, memory, store);
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, name.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(p, name.data, name.len + 1);

    return ngx_tavus_memory_push(memory, (char *) p);
}


static void
ngx_tavus_memory_unusable(ngx_http_request_t *r, ngx_tavus_memory_t *memory,
    ngx_tavus_memory_made_t *store)
{
    static ngx_msec_t  said;
    static ngx_uint_t  n, once;

    n++;

    if (once && ngx_current_msec - said < NGX_TAVUS_MEMORY_SELDOM) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "memory store \"%V\" of vertical \"%V\" is left out: too "
                  "long, not UTF-8 or with control characters, %ui since the "
                  "last such line", &store->text, memory->vertical, n);

    once = 1;
    said = ngx_current_msec;
    n = 0;
}


/*
 * A visitor's own is named after a signed cookie, so that nobody can ask for
 * somebody else's.
 */

static ngx_int_t
ngx_tavus_memory_visitor(ngx_http_request_t *r, ngx_tavus_memory_t *memory)
{
    u_char     *p;
    ngx_str_t  *id;

    id = &memory->visitor;

    if (ngx_tavus_visitor_known(r, id) != NGX_OK
        && ngx_tavus_visitor_new(r, memory->pool, id, &memory->cookie)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, sizeof("visitor__") + id->len
                             + memory->vertical->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "visitor_%V_%V%Z", id, memory->vertical);

    return ngx_tavus_memory_push(memory, (char *) p);
}


static ngx_int_t
ngx_tavus_memory_push(ngx_tavus_memory_t *memory, char *name)
{
    cJSON  *p;

    cJSON_ArrayForEach(p, memory->stores) {
        if (ngx_strcmp(p->valuestring, name) == 0) {
            return NGX_OK;
        }
    }

    return cJSON_AddItemToArray(memory->stores, cJSON_CreateString(name))
           ? NGX_OK : NGX_ERROR;
}
