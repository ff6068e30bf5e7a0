
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_checkout_conf.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "http/ngx_tavus_variable.h"
#include "service/ngx_tavus_stripe_conf.h"


#define NGX_TAVUS_CHECKOUT_SUCCESS  "/thank-you"
#define NGX_TAVUS_CHECKOUT_CANCEL   "/pricing"

#define NGX_TAVUS_PLAN_NAME         32
#define NGX_TAVUS_PLAN_MAX          999         /* quantity */


static char *ngx_tavus_plan(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_tavus_plan_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_tavus_plan_mode(ngx_conf_t *cf, ngx_tavus_plan_t *plan);
static char *ngx_tavus_plan_add_on(ngx_conf_t *cf, ngx_tavus_plan_t *plan);
static char *ngx_tavus_plan_max(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_add_on_t *add_on);
static char *ngx_tavus_plan_price(ngx_conf_t *cf, ngx_tavus_plan_t *plan,
    ngx_str_t *value, ngx_str_t *price);
static ngx_uint_t ngx_tavus_plan_same(ngx_str_t *a, ngx_str_t *b);
static ngx_uint_t ngx_tavus_plan_named(ngx_str_t *name);
static char *ngx_tavus_plan_duplicate(ngx_conf_t *cf);
static char *ngx_tavus_checkout_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_tavus_checkout_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_tavus_checkout_add_variables(ngx_conf_t *cf);
static void *ngx_tavus_checkout_create_main_conf(ngx_conf_t *cf);
static void *ngx_tavus_checkout_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_checkout_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_tavus_checkout_commands[] = {

    { ngx_string("tavus_plan"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_tavus_plan,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_checkout_success"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_checkout_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_checkout_loc_conf_t, success),
      NULL },

    { ngx_string("tavus_checkout_cancel"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_checkout_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_checkout_loc_conf_t, cancel),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_checkout_module_ctx = {
    ngx_tavus_checkout_add_variables,      /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_checkout_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_checkout_create_loc_conf,    /* create location configuration */
    ngx_tavus_checkout_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_tavus_checkout_module = {
    NGX_MODULE_V1,
    &ngx_tavus_checkout_module_ctx,        /* module context */
    ngx_tavus_checkout_commands,           /* module directives */
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


static ngx_http_variable_t  ngx_tavus_checkout_variables[] = {

    { ngx_string("tavus_has_checkout"), NULL, ngx_tavus_checkout_variable,
      0, 0, 0 },

      ngx_http_null_variable
};


static char *
ngx_tavus_plan(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_checkout_main_conf_t *cmcf = conf;

    char              *rv;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_conf_t         save;
    ngx_tavus_plan_t  *plan;

    value = cf->args->elts;
    plan = cmcf->plans.elts;

    for (i = 0; i < cmcf->plans.nelts; i++) {
        if (ngx_tavus_plan_same(&plan[i].name, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate plan \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (!ngx_tavus_plan_named(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid plan \"%V\", its name is up to %d of "
                           "a-z 0-9 - _", &value[1], NGX_TAVUS_PLAN_NAME);
        return NGX_CONF_ERROR;
    }

    plan = ngx_array_push(&cmcf->plans);
    if (plan == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(plan, sizeof(ngx_tavus_plan_t));

    plan->name = value[1];
    plan->subscription = NGX_CONF_UNSET_UINT;

    if (ngx_array_init(&plan->add_ons, cf->pool, 4,
                       sizeof(ngx_tavus_add_on_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_tavus_plan_line;
    cf->handler_conf = (char *) plan;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (plan->price.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "plan \"%V\" has no \"price\"", &plan->name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_uint_value(plan->subscription, 1);

    return NGX_CONF_OK;
}


static char *
ngx_tavus_plan_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_tavus_plan_t *plan = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    if (ngx_strcmp(value[0].data, "add_on") == 0) {
        return ngx_tavus_plan_add_on(cf, plan);
    }

    if (ngx_strcmp(value[0].data, "mode") != 0
        && ngx_strcmp(value[0].data, "price") != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown directive \"%V\" in \"tavus_plan\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (value[0].data[0] == 'm') {
        return ngx_tavus_plan_mode(cf, plan);
    }

    if (plan->price.len) {
        return ngx_tavus_plan_duplicate(cf);
    }

    return ngx_tavus_plan_price(cf, plan, &value[1], &plan->price);
}


static char *
ngx_tavus_plan_mode(ngx_conf_t *cf, ngx_tavus_plan_t *plan)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (plan->subscription != NGX_CONF_UNSET_UINT) {
        return ngx_tavus_plan_duplicate(cf);
    }

    if (ngx_strcmp(value[1].data, "subscription") == 0) {
        plan->subscription = 1;

    } else if (ngx_strcmp(value[1].data, "payment") == 0) {
        plan->subscription = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"mode\" \"%V\", it is subscription or "
                           "payment", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_plan_add_on(ngx_conf_t *cf, ngx_tavus_plan_t *plan)
{
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_tavus_add_on_t  *add_on, added;

    value = cf->args->elts;

    if (cf->args->nelts != 3 && cf->args->nelts != 4) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    add_on = plan->add_ons.elts;

    for (i = 0; i < plan->add_ons.nelts; i++) {
        if (ngx_tavus_plan_same(&add_on[i].name, &value[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"add_on\" \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (!ngx_tavus_plan_named(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"add_on\" \"%V\", its name is up to %d "
                           "of a-z 0-9 - _", &value[1], NGX_TAVUS_PLAN_NAME);
        return NGX_CONF_ERROR;
    }

    if (plan->add_ons.nelts == NGX_TAVUS_PLAN_ADD_ONS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d \"add_on\"", NGX_TAVUS_PLAN_ADD_ONS);
        return NGX_CONF_ERROR;
    }

    added.name = value[1];
    added.max = 1;
    ngx_str_null(&added.price);

    if (ngx_tavus_plan_price(cf, plan, &value[2], &added.price)
        != NGX_CONF_OK
        || (cf->args->nelts == 4
            && ngx_tavus_plan_max(cf, &value[3], &added) != NGX_CONF_OK))
    {
        return NGX_CONF_ERROR;
    }

    add_on = ngx_array_push(&plan->add_ons);
    if (add_on == NULL) {
        return NGX_CONF_ERROR;
    }

    *add_on = added;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_plan_max(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_add_on_t *add_on)
{
    ngx_int_t  n;

    n = NGX_ERROR;

    if (value->len > 4 && ngx_strncmp(value->data, "max=", 4) == 0) {
        n = ngx_atoi(value->data + 4, value->len - 4);
    }

    if (n < 1 || n > NGX_TAVUS_PLAN_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"add_on\" \"%V\", behind the price "
                           "stands \"max=\" with a number from 1 to %d",
                           value, NGX_TAVUS_PLAN_MAX);
        return NGX_CONF_ERROR;
    }

    add_on->max = n;

    return NGX_CONF_OK;
}


/* Stripe takes one recurring price once, and two lines of one are one */

static char *
ngx_tavus_plan_price(ngx_conf_t *cf, ngx_tavus_plan_t *plan,
    ngx_str_t *value, ngx_str_t *price)
{
    ngx_uint_t           i, twice;
    ngx_tavus_add_on_t  *add_on;

    if (!ngx_tavus_stripe_valid_id(value->data, value->len, "price_")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid price \"%V\", its id at Stripe begins "
                           "with \"price_\"", value);
        return NGX_CONF_ERROR;
    }

    add_on = plan->add_ons.elts;
    twice = ngx_tavus_plan_same(&plan->price, value);

    for (i = 0; i < plan->add_ons.nelts; i++) {
        twice |= ngx_tavus_plan_same(&add_on[i].price, value);
    }

    if (twice) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "price \"%V\" stands twice in one plan", value);
        return NGX_CONF_ERROR;
    }

    *price = *value;

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_tavus_plan_same(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


static ngx_uint_t
ngx_tavus_plan_named(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (!((name->data[i] >= 'a' && name->data[i] <= 'z')
              || (name->data[i] >= '0' && name->data[i] <= '9')
              || name->data[i] == '-' || name->data[i] == '_'))
        {
            return 0;
        }
    }

    return name->len > 0 && name->len <= NGX_TAVUS_PLAN_NAME;
}


static char *
ngx_tavus_plan_duplicate(ngx_conf_t *cf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"", &value[0]);

    return NGX_CONF_ERROR;
}


/* what is behind the origin in a URL, and takes "?session_id=" */

static char *
ngx_tavus_checkout_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *rv;
    size_t      i;
    ngx_str_t  *path;

    rv = ngx_conf_set_str_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    path = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    for (i = 0; i < path->len; i++) {
        if (path->data[i] <= ' ' || path->data[i] >= 0x7f
            || ngx_strchr("\"#$<>?\\^`{|}", path->data[i]))
        {
            break;
        }
    }

    if (path->len == 0 || path->len > 1024 || i != path->len
        || path->data[0] != '/')
    {
        return "must be a literal path without a query";
    }

    return NGX_CONF_OK;
}


/* as JSON has it, for the page that offers it */

static ngx_int_t
ngx_tavus_checkout_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t              *said;
    ngx_tavus_main_conf_t  *mcf;

    static ngx_str_t  yes = ngx_string("true");
    static ngx_str_t  no = ngx_string("false");

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    said = ngx_tavus_endpoint_find(mcf, "tavus_checkout") ? &yes : &no;

    v->len = said->len;
    v->data = said->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_checkout_add_variables(ngx_conf_t *cf)
{
    return ngx_tavus_variables_add(cf, ngx_tavus_checkout_variables);
}


static void *
ngx_tavus_checkout_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_checkout_main_conf_t  *cmcf;

    cmcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_checkout_main_conf_t));

    if (cmcf == NULL
        || ngx_array_init(&cmcf->plans, cf->pool, 4,
                          sizeof(ngx_tavus_plan_t))
           != NGX_OK)
    {
        return NULL;
    }

    return cmcf;
}


static void *
ngx_tavus_checkout_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_checkout_loc_conf_t));
}


static char *
ngx_tavus_checkout_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_checkout_loc_conf_t *prev = parent;
    ngx_tavus_checkout_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_checkout_module, prev)) {
        return NGX_CONF_OK;
    }

    ngx_conf_merge_str_value(conf->success, prev->success,
                             NGX_TAVUS_CHECKOUT_SUCCESS);
    ngx_conf_merge_str_value(conf->cancel, prev->cancel,
                             NGX_TAVUS_CHECKOUT_CANCEL);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_checkout_check(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    ngx_tavus_main_conf_t           *mcf;
    ngx_tavus_stripe_main_conf_t    *smcf;
    ngx_tavus_checkout_main_conf_t  *cmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_stripe_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_checkout_module);

    if (mcf->public_origin.len == 0) {
        return ngx_tavus_endpoint_missing(cf, location,
                                          "tavus_public_origin");
    }

    if (smcf->stripe.key.len == 0) {
        return ngx_tavus_endpoint_missing(cf, location, "tavus_stripe_key");
    }

    if (cmcf->plans.nelts == 0) {
        return ngx_tavus_endpoint_missing(cf, location, "tavus_plan");
    }

    if (smcf->stripe.live
        && ngx_strncmp(mcf->public_origin.data, "https:", 6) != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "with a \"tavus_stripe_key\" of live mode "
                      "\"tavus_public_origin\" must be https for Stripe to "
                      "send back to it in %V:%ui", &location->place.file,
                      location->place.line);
        return NGX_ERROR;
    }

    if (!ngx_tavus_webhook_listens(mcf, NGX_TAVUS_SCHEME_STRIPE)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"tavus_checkout\" without a location with "
                      "\"tavus_webhook stripe\": nobody is told that an "
                      "order is paid, in %V:%ui", &location->place.file,
                      location->place.line);
    }

    return NGX_OK;
}
