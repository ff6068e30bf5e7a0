
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_checkout.h"
#include "endpoint/ngx_tavus_field.h"
#include "http/ngx_tavus_problem.h"


static ngx_int_t ngx_tavus_checkout_known(cJSON *root,
    ngx_tavus_checkout_fault_t *fault);
static ngx_int_t ngx_tavus_checkout_words(ngx_tavus_checkout_t *c,
    cJSON *root, ngx_tavus_checkout_fault_t *fault);
static ngx_int_t ngx_tavus_checkout_plan(ngx_tavus_checkout_t *c,
    cJSON *item, ngx_tavus_checkout_fault_t *fault);
static ngx_int_t ngx_tavus_checkout_add_ons(ngx_tavus_checkout_t *c,
    cJSON *item, ngx_tavus_checkout_fault_t *fault);
static ngx_int_t ngx_tavus_checkout_add_on(ngx_tavus_checkout_t *c,
    cJSON *item, cJSON *lines, ngx_tavus_checkout_fault_t *fault);
static ngx_int_t ngx_tavus_checkout_line(ngx_tavus_checkout_t *c,
    cJSON *lines, ngx_str_t *add_on, ngx_str_t *price, ngx_uint_t quantity);


/* in the order of the words of an order */

static ngx_tavus_field_t  ngx_tavus_checkout_fields[] = {
    { "email", 0, 254, NGX_TAVUS_FIELD_EMAIL,
      "The email must be an address such as name@example.com." },
    { "conversation_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The conversation_id must have at most 128 bytes." },
    { "session_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The session_id must have at most 128 bytes." },
    { "user_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The user_id must have at most 128 bytes." },
    { "utm_source", 0, 200, NGX_TAVUS_FIELD_LABEL,
      "The utm_source must have at most 200 bytes." },
    { "utm_medium", 0, 200, NGX_TAVUS_FIELD_LABEL,
      "The utm_medium must have at most 200 bytes." },
    { "utm_campaign", 0, 200, NGX_TAVUS_FIELD_LABEL,
      "The utm_campaign must have at most 200 bytes." },
    { "consent", 0, 0, NGX_TAVUS_FIELD_CONSENT,
      "The consent must be \"granted\" or \"denied\"." },
    { NULL, 0, 0, 0, NULL }
};


ngx_int_t
ngx_tavus_checkout_read(ngx_tavus_checkout_t *c, cJSON *root,
    ngx_tavus_checkout_fault_t *fault)
{
    ngx_int_t  rc;

    rc = ngx_tavus_checkout_known(root, fault);

    if (rc == NGX_OK) {
        rc = ngx_tavus_checkout_plan(c,
                               cJSON_GetObjectItemCaseSensitive(root, "plan"),
                               fault);
    }

    if (rc == NGX_OK) {
        rc = ngx_tavus_checkout_words(c, root, fault);
    }

    if (rc == NGX_OK) {
        rc = ngx_tavus_checkout_add_ons(c,
                            cJSON_GetObjectItemCaseSensitive(root, "add_ons"),
                            fault);
    }

    return rc;
}


static ngx_int_t
ngx_tavus_checkout_known(cJSON *root, ngx_tavus_checkout_fault_t *fault)
{
    cJSON              *item;
    ngx_tavus_field_t  *field;

    cJSON_ArrayForEach(item, root) {

        if (ngx_strcmp(item->string, "plan") == 0
            || ngx_strcmp(item->string, "add_ons") == 0)
        {
            continue;
        }

        for (field = ngx_tavus_checkout_fields; field->name; field++) {
            if (ngx_strcmp(item->string, field->name) == 0) {
                break;
            }
        }

        if (field->name == NULL) {
            fault->code = "unknown_field";
            fault->detail = "The request has a field that is not known, or "
                            "not the visitor's to set.";
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_checkout_words(ngx_tavus_checkout_t *c, cJSON *root,
    ngx_tavus_checkout_fault_t *fault)
{
    cJSON              *item;
    size_t              len;
    u_char             *word;
    ngx_uint_t          i;
    ngx_tavus_field_t  *field;

    for (i = 0; ngx_tavus_checkout_fields[i].name; i++) {

        field = &ngx_tavus_checkout_fields[i];
        item = cJSON_GetObjectItemCaseSensitive(root, field->name);

        if (!ngx_tavus_field_fit(field, item)) {
            fault->code = "invalid_field";
            fault->field = field->name;
            fault->detail = field->issue;
            return NGX_DECLINED;
        }

        if (item == NULL || item->valuestring[0] == '\0') {
            continue;
        }

        len = ngx_strlen(item->valuestring);

        word = ngx_pnalloc(c->order->pool, len + 1);
        if (word == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(word, item->valuestring, len + 1);

        c->order->words[i] = (char *) word;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_checkout_plan(ngx_tavus_checkout_t *c, cJSON *item,
    ngx_tavus_checkout_fault_t *fault)
{
    ngx_uint_t         i;
    ngx_tavus_plan_t  *plan;

    plan = c->cmcf->plans.elts;

    for (i = 0; cJSON_IsString(item) && i < c->cmcf->plans.nelts; i++) {

        if (ngx_strcmp(item->valuestring, plan[i].name.data) == 0) {
            c->plan = &plan[i];
            c->order->plan = plan[i].name;
            c->order->wish.subscription = plan[i].subscription;

            return NGX_OK;
        }
    }

    fault->code = "unknown_plan";
    fault->lists = "plans";
    fault->detail = "There is no such plan.";

    return NGX_DECLINED;
}


static ngx_int_t
ngx_tavus_checkout_add_ons(ngx_tavus_checkout_t *c, cJSON *item,
    ngx_tavus_checkout_fault_t *fault)
{
    char       *text;
    cJSON      *lines, *p;
    size_t      len;
    u_char     *copy;
    ngx_int_t   rc;

    if (item && !cJSON_IsObject(item)) {
        fault->code = "invalid_field";
        fault->field = "add_ons";
        fault->detail = "The field must be an object, of each add-on and "
                        "how many.";
        return NGX_DECLINED;
    }

    c->order->wish.lines = ngx_pcalloc(c->order->pool,
                                       (c->plan->add_ons.nelts + 1)
                                       * sizeof(ngx_tavus_stripe_line_t));
    lines = cJSON_CreateArray();

    rc = c->order->wish.lines && lines
         ? ngx_tavus_checkout_line(c, lines, NULL, &c->plan->price, 1)
         : NGX_ERROR;

    cJSON_ArrayForEach(p, item) {
        if (rc == NGX_OK) {
            rc = ngx_tavus_checkout_add_on(c, p, lines, fault);
        }
    }

    text = rc == NGX_OK ? cJSON_PrintUnformatted(lines) : NULL;

    cJSON_Delete(lines);

    if (rc != NGX_OK) {
        return rc;
    }

    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(text) + 1;
    copy = ngx_pnalloc(c->order->pool, len);

    if (copy) {
        ngx_memcpy(copy, text, len);
    }

    cJSON_free(text);

    c->order->lines = (char *) copy;

    return copy ? NGX_OK : NGX_ERROR;
}


/* an object has each name once */

static ngx_int_t
ngx_tavus_checkout_add_on(ngx_tavus_checkout_t *c, cJSON *item, cJSON *lines,
    ngx_tavus_checkout_fault_t *fault)
{
    ngx_uint_t           i, quantity;
    ngx_tavus_add_on_t  *add_on;

    add_on = c->plan->add_ons.elts;

    for (i = 0; i < c->plan->add_ons.nelts; i++) {
        if (ngx_strcmp(item->string, add_on[i].name.data) == 0) {
            break;
        }
    }

    if (i == c->plan->add_ons.nelts) {
        fault->code = "unknown_add_on";
        fault->lists = "add_ons";
        fault->detail = "The plan has no such add-on.";
        return NGX_DECLINED;
    }

    if (!cJSON_IsNumber(item) || item->valuedouble < 1
        || item->valuedouble > add_on[i].max
        || item->valuedouble != (double) (ngx_uint_t) item->valuedouble)
    {
        fault->code = "invalid_quantity";
        fault->field = (char *) add_on[i].name.data;
        fault->detail = "There are not so many of the add-on to be had at "
                        "once.";
        return NGX_DECLINED;
    }

    quantity = (ngx_uint_t) item->valuedouble;

    return ngx_tavus_checkout_line(c, lines, &add_on[i].name,
                                   &add_on[i].price, quantity);
}


/* for Stripe, and for the record */

static ngx_int_t
ngx_tavus_checkout_line(ngx_tavus_checkout_t *c, cJSON *lines,
    ngx_str_t *add_on, ngx_str_t *price, ngx_uint_t quantity)
{
    cJSON                    *json;
    ngx_tavus_stripe_line_t  *line;

    line = &c->order->wish.lines[c->order->wish.nlines++];

    line->price = *price;
    line->quantity = quantity;

    json = cJSON_CreateObject();

    if (!cJSON_AddItemToArray(lines, json)) {
        cJSON_Delete(json);
        return NGX_ERROR;
    }

    return (add_on == NULL
            || cJSON_AddStringToObject(json, "add_on", (char *) add_on->data))
           && cJSON_AddStringToObject(json, "price", (char *) price->data)
           && cJSON_AddNumberToObject(json, "quantity", (double) quantity)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_tavus_checkout_refuse(ngx_http_request_t *r, ngx_tavus_checkout_t *c,
    ngx_tavus_checkout_fault_t *fault)
{
    cJSON               *extra, *list;
    ngx_uint_t           i;
    ngx_tavus_plan_t    *plan;
    ngx_tavus_add_on_t  *add_on;

    extra = cJSON_CreateObject();

    if (fault->field) {
        (void) cJSON_AddStringToObject(extra, "field", fault->field);
    }

    if (fault->lists) {
        list = cJSON_AddArrayToObject(extra, fault->lists);
        plan = c->cmcf->plans.elts;

        for (i = 0; c->plan == NULL && i < c->cmcf->plans.nelts; i++) {
            (void) cJSON_AddItemToArray(list,
                             cJSON_CreateString((char *) plan[i].name.data));
        }

        add_on = c->plan ? c->plan->add_ons.elts : NULL;

        for (i = 0; c->plan && i < c->plan->add_ons.nelts; i++) {
            (void) cJSON_AddItemToArray(list,
                           cJSON_CreateString((char *) add_on[i].name.data));
        }
    }

    return ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST, fault->code,
                                       0, fault->detail, extra);
}
