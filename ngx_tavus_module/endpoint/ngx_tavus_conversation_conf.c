
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation_conf.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "guard/ngx_tavus_keys.h"
#include "service/ngx_tavus_api_conf.h"
#include "core/tavus_language.h"
#include "core/tavus_utf8.h"


#define NGX_TAVUS_CALLBACK  "/api/tavus/webhook"


typedef struct {
    const char              *name;
    ngx_int_t                min;
    ngx_int_t                max;
    size_t                   offset;
} ngx_tavus_vertical_number_t;


typedef struct {
    const char              *name;
    const char              *other;     /* for the same; NULL: none */
    size_t                   offset;
} ngx_tavus_vertical_text_t;


typedef struct {
    const char              *name;
    size_t                   offset;
} ngx_tavus_vertical_flag_t;


static char *ngx_tavus_vertical(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_vertical_line(ngx_conf_t *cf, ngx_command_t *dummy, void
    *conf);
static char *ngx_tavus_vertical_text(ngx_conf_t *cf, ngx_str_t *text,
    ngx_tavus_vertical_text_t *t);
static char *ngx_tavus_vertical_language(ngx_conf_t *cf,
    ngx_tavus_vertical_t *v);
static char *ngx_tavus_vertical_number(ngx_conf_t *cf, ngx_int_t *number,
    ngx_tavus_vertical_number_t *m);
static char *ngx_tavus_vertical_flag(ngx_conf_t *cf, ngx_flag_t *flag);
static char *ngx_tavus_vertical_duplicate(ngx_conf_t *cf);
static char *ngx_tavus_vertical_invalid(ngx_conf_t *cf);
static char *ngx_tavus_vertical_list(ngx_conf_t *cf, ngx_array_t **list, size_t
    max);
static void *ngx_tavus_conversation_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_conversation_init_main_conf(ngx_conf_t *cf, void
    *conf);
static void *ngx_tavus_conversation_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_conversation_merge_loc_conf(ngx_conf_t *cf, void
    *parent, void *child);


static ngx_tavus_vertical_text_t  ngx_tavus_vertical_texts[] = {
    { "persona_id", "pal_id", offsetof(ngx_tavus_vertical_t, persona_id) },
    { "pal_id", "persona_id", offsetof(ngx_tavus_vertical_t, persona_id) },
    { "replica_id", "face_id", offsetof(ngx_tavus_vertical_t, replica_id) },
    { "face_id", "replica_id", offsetof(ngx_tavus_vertical_t, replica_id) },
    { "document_retrieval_strategy", NULL,
      offsetof(ngx_tavus_vertical_t, retrieval_strategy) },
    { "custom_greeting", NULL,
      offsetof(ngx_tavus_vertical_t, custom_greeting) },
    { "conversational_context", NULL,
      offsetof(ngx_tavus_vertical_t, context) },
    { NULL, NULL, 0 }
};


static ngx_tavus_vertical_number_t  ngx_tavus_vertical_numbers[] = {
    { "max_call_duration", NGX_TAVUS_API_CALL_MIN, NGX_TAVUS_API_CALL_MAX,
      offsetof(ngx_tavus_vertical_t, max_call_duration) },
    { "participant_absent_timeout", 5, 60,
      offsetof(ngx_tavus_vertical_t, participant_absent_timeout) },
    { "participant_left_timeout", 0, 10,
      offsetof(ngx_tavus_vertical_t, participant_left_timeout) },
    { NULL, 0, 0, 0 }
};


static ngx_tavus_vertical_flag_t  ngx_tavus_vertical_flags[] = {
    { "audio_only", offsetof(ngx_tavus_vertical_t, audio_only) },
    { "require_auth", offsetof(ngx_tavus_vertical_t, require_auth) },
    { "mail_transcript", offsetof(ngx_tavus_vertical_t, mail_transcript) },
    { NULL, 0 }
};


static ngx_command_t  ngx_tavus_conversation_commands[] = {

    { ngx_string("tavus_vertical"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_tavus_vertical,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_callback"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_conversation_loc_conf_t, callback),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_conversation_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_conversation_create_main_conf,
                                           /* create main configuration */
    ngx_tavus_conversation_init_main_conf, /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_conversation_create_loc_conf,
                                           /* create location configuration */
    ngx_tavus_conversation_merge_loc_conf  /* merge location configuration */
};


ngx_module_t  ngx_tavus_conversation_module = {
    NGX_MODULE_V1,
    &ngx_tavus_conversation_module_ctx,    /* module context */
    ngx_tavus_conversation_commands,       /* module directives */
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
ngx_tavus_vertical(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_conversation_main_conf_t *cmcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_conf_t             save;
    ngx_tavus_vertical_t  *v;

    value = cf->args->elts;
    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {
        if (v[i].name.len == value[1].len
            && ngx_strncmp(v[i].name.data, value[1].data, value[1].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate vertical \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; i < value[1].len; i++) {
        if (!((value[1].data[i] >= 'a' && value[1].data[i] <= 'z')
              || (value[1].data[i] >= '0' && value[1].data[i] <= '9')
              || value[1].data[i] == '-' || value[1].data[i] == '_'))
        {
            break;
        }
    }

    if (i != value[1].len || i == 0 || i > 32) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid vertical \"%V\", its name is up to 32 of "
                           "a-z 0-9 - _", &value[1]);
        return NGX_CONF_ERROR;
    }

    v = ngx_array_push(&cmcf->verticals);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(v, sizeof(ngx_tavus_vertical_t));

    v->name = value[1];
    v->audio_only = NGX_CONF_UNSET;
    v->require_auth = NGX_CONF_UNSET;
    v->mail_transcript = NGX_CONF_UNSET;
    v->max_call_duration = NGX_CONF_UNSET;
    v->participant_absent_timeout = NGX_CONF_UNSET;
    v->participant_left_timeout = NGX_CONF_UNSET;

    ngx_tavus_place_note(cf, &v->call_place);

    save = *cf;
    cf->handler = ngx_tavus_vertical_line;
    cf->handler_conf = (char *) v;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (v->persona_id.len == 0 && v->replica_id.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "vertical \"%V\" has neither \"persona_id\" nor "
                           "\"replica_id\"", &v->name);
        return NGX_CONF_ERROR;
    }

    if (v->retrieval_strategy.len == 0) {
        ngx_str_set(&v->retrieval_strategy, "balanced");
    }

    ngx_conf_init_value(v->audio_only, 0);
    ngx_conf_init_value(v->require_auth, 0);
    ngx_conf_init_value(v->max_call_duration, 600);
    ngx_conf_init_value(v->participant_absent_timeout, 60);
    ngx_conf_init_value(v->participant_left_timeout, 10);

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_tavus_vertical_t *v = conf;

    u_char                       *p, *base;
    ngx_str_t                    *value;
    ngx_tavus_vertical_flag_t    *f;
    ngx_tavus_vertical_text_t    *t;
    ngx_tavus_vertical_number_t  *m;

    value = cf->args->elts;
    p = value[0].data;
    base = (u_char *) v;

    if (ngx_strcmp(p, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    if (ngx_strcmp(p, "document_tags") == 0) {
        return ngx_tavus_vertical_list(cf, &v->document_tags, 32);
    }

    if (ngx_strcmp(p, "memory_stores") == 0) {
        return ngx_tavus_memory_conf_stores(cf, &v->memory);
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(p, "language") == 0) {
        return ngx_tavus_vertical_language(cf, v);
    }

    for (t = ngx_tavus_vertical_texts; t->name; t++) {
        if (ngx_strcmp(p, t->name) == 0) {
            return ngx_tavus_vertical_text(cf, (ngx_str_t *)
                                           (base + t->offset), t);
        }
    }

    for (m = ngx_tavus_vertical_numbers; m->name; m++) {
        if (ngx_strcmp(p, m->name) == 0) {
            if (m->offset == offsetof(ngx_tavus_vertical_t,
                                      max_call_duration))
            {
                ngx_tavus_place_note(cf, &v->call_place);
            }

            return ngx_tavus_vertical_number(cf, (ngx_int_t *)
                                             (base + m->offset), m);
        }
    }

    if (ngx_strcmp(p, "visitor_memory") == 0) {
        return ngx_tavus_memory_conf_visitor(cf, &v->memory);
    }

    for (f = ngx_tavus_vertical_flags; f->name; f++) {
        if (ngx_strcmp(p, f->name) == 0) {
            return ngx_tavus_vertical_flag(cf, (ngx_flag_t *)
                                           (base + f->offset));
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in \"tavus_vertical\"",
                       &value[0]);

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_vertical_text(ngx_conf_t *cf, ngx_str_t *text,
    ngx_tavus_vertical_text_t *t)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (text->data && t->other) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"%V\", which \"%s\" is another name "
                           "of", &value[0], t->other);
        return NGX_CONF_ERROR;
    }

    if (text->data) {
        return ngx_tavus_vertical_duplicate(cf);
    }

    if (t->offset == offsetof(ngx_tavus_vertical_t, retrieval_strategy)
        && ngx_strcmp(value[1].data, "speed") != 0
        && ngx_strcmp(value[1].data, "balanced") != 0
        && ngx_strcmp(value[1].data, "quality") != 0)
    {
        return ngx_tavus_vertical_invalid(cf);
    }

    if (value[1].len == 0
        || !tavus_utf8_valid((char *) value[1].data, value[1].len))
    {
        return ngx_tavus_vertical_invalid(cf);
    }

    *text = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_language(ngx_conf_t *cf, ngx_tavus_vertical_t *v)
{
    ngx_str_t         *value;
    tavus_language_t  *language;

    if (v->language) {
        return ngx_tavus_vertical_duplicate(cf);
    }

    value = cf->args->elts;

    language = ngx_palloc(cf->pool, sizeof(tavus_language_t));
    if (language == NULL) {
        return NGX_CONF_ERROR;
    }

    if (tavus_language((char *) value[1].data, value[1].len, language) != 0) {
        return ngx_tavus_vertical_invalid(cf);
    }

    v->language = language;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_number(ngx_conf_t *cf, ngx_int_t *number,
    ngx_tavus_vertical_number_t *m)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    if (*number != NGX_CONF_UNSET) {
        return ngx_tavus_vertical_duplicate(cf);
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n < m->min || n > m->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" \"%V\", it is a number of "
                           "seconds from %i to %i", &value[0], &value[1],
                           m->min, m->max);
        return NGX_CONF_ERROR;
    }

    *number = n;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_flag(ngx_conf_t *cf, ngx_flag_t *flag)
{
    ngx_str_t  *value;

    if (*flag != NGX_CONF_UNSET) {
        return ngx_tavus_vertical_duplicate(cf);
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        *flag = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        *flag = 0;

    } else {
        return ngx_tavus_vertical_invalid(cf);
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_vertical_duplicate(ngx_conf_t *cf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"", &value[0]);

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_vertical_invalid(ngx_conf_t *cf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\" \"%V\"",
                       &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


static char *
ngx_tavus_vertical_list(ngx_conf_t *cf, ngx_array_t **list, size_t max)
{
    ngx_str_t   *value, *item;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (*list) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts < 2 || cf->args->nelts - 1 > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes 1 to %uz values", &value[0], max);
        return NGX_CONF_ERROR;
    }

    *list = ngx_array_create(cf->pool, cf->args->nelts - 1,
                             sizeof(ngx_str_t));
    if (*list == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0
            || !tavus_utf8_valid((char *) value[i].data, value[i].len))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\" \"%V\"",
                               &value[0], &value[i]);
            return NGX_CONF_ERROR;
        }

        item = ngx_array_push(*list);
        *item = value[i];
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_conversation_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_conversation_main_conf_t));

    if (cmcf == NULL
        || ngx_array_init(&cmcf->verticals, cf->pool, 4,
                          sizeof(ngx_tavus_vertical_t))
           != NGX_OK)
    {
        return NULL;
    }

    return cmcf;
}


/* what is over the plan's limit is cut by Tavus without a word */

static char *
ngx_tavus_conversation_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_conversation_main_conf_t *cmcf = conf;

    ngx_uint_t                  i;
    ngx_tavus_vertical_t       *v;
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_api_module);

    if (amcf->call_limit <= 0) {
        return NGX_CONF_OK;
    }

    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {
        if (v[i].max_call_duration <= amcf->call_limit) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"max_call_duration\" of vertical \"%V\" is %i s, but "
                      "\"tavus_api_call_limit\" is %T s, at which Tavus will "
                      "end its calls in %V:%ui", &v[i].name,
                      v[i].max_call_duration, amcf->call_limit,
                      &v[i].call_place.file, v[i].call_place.line);
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_conversation_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool,
                       sizeof(ngx_tavus_conversation_loc_conf_t));
}


static char *
ngx_tavus_conversation_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_conversation_loc_conf_t *prev = parent;
    ngx_tavus_conversation_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_conversation_module, prev)) {
        return NGX_CONF_OK;
    }

    ngx_conf_merge_str_value(conf->callback, prev->callback,
                             NGX_TAVUS_CALLBACK);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_conversation_check(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    ngx_uint_t                           i;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_main_conf_t               *mcf;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_conversation_module);

    if (mcf->public_origin.len == 0) {
        return ngx_tavus_endpoint_missing(cf, location,
                                          "tavus_public_origin");
    }

    if (cmcf->verticals.nelts == 0) {
        return ngx_tavus_endpoint_missing(cf, location, "tavus_vertical");
    }

    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {
        if (ngx_tavus_memory_check(cf, mcf, &v[i].memory) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_tavus_conversation_check_callback(cf, location);
}


ngx_int_t
ngx_tavus_conversation_check_callback(ngx_conf_t *cf,
    ngx_tavus_location_t *location)
{
    ngx_tavus_keys_loc_conf_t          *klcf;
    ngx_tavus_conversation_loc_conf_t  *clcf;

    if (ngx_tavus_conversation_check_keys(cf, location) != NGX_OK) {
        return NGX_ERROR;
    }

    klcf = ngx_tavus_location_conf(location, ngx_tavus_keys_module);

    if (klcf->keys == NULL) {
        clcf = ngx_tavus_location_conf(location,
                                       ngx_tavus_conversation_module);

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no location with \"tavus_webhook tavus\" at the "
                      "path \"%V\", where calls would be sent back in "
                      "%V:%ui", &clcf->callback, &location->place.file,
                      location->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_conversation_check_keys(ngx_conf_t *cf,
    ngx_tavus_location_t *location)
{
    ngx_tavus_location_t               *webhook;
    ngx_tavus_keys_loc_conf_t          *klcf, *signer;
    ngx_tavus_conversation_loc_conf_t  *clcf;

    clcf = ngx_tavus_location_conf(location, ngx_tavus_conversation_module);

    webhook = ngx_tavus_webhook_find(cf, location, &clcf->callback);

    if (webhook) {
        klcf = ngx_tavus_location_conf(location, ngx_tavus_keys_module);
        signer = ngx_tavus_location_conf(webhook, ngx_tavus_keys_module);

        klcf->keys = signer->keys;
    }

    return NGX_OK;
}
