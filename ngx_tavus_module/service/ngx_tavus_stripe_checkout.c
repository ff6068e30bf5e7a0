
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_service.h"
#include "service/ngx_tavus_stripe_checkout.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_STRIPE_URL_MAX  4096


static void ngx_tavus_stripe_checkout_fill(tavus_form_t *form, void *data);
static void ngx_tavus_stripe_checkout_lines(tavus_form_t *form,
    const ngx_tavus_stripe_wish_t *wish);
static void ngx_tavus_stripe_checkout_metadata(tavus_form_t *form,
    const ngx_tavus_stripe_wish_t *wish, const char *name);
static void ngx_tavus_stripe_checkout_text(tavus_form_t *form,
    const char *name, const ngx_str_t *text);
static ngx_uint_t ngx_tavus_stripe_checkout_here(const u_char *url);
static void ngx_tavus_stripe_checkout_copy(ngx_pool_t *pool, cJSON *root,
    const char *name, size_t max, ngx_str_t *s);


ngx_int_t
ngx_tavus_stripe_checkout(ngx_tavus_stripe_t *stripe,
    const ngx_tavus_stripe_wish_t *wish, ngx_tavus_curl_pt handler,
    void *data)
{
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_stripe_transfer(stripe, "POST", handler, data);
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&t->path, "/v1/checkout/sessions");

    if (ngx_tavus_stripe_body(t, wish->order_id,
                              ngx_tavus_stripe_checkout_fill, (void *) wish)
        != NGX_OK)
    {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    return ngx_tavus_curl_send(t);
}


/*
 * What follows a session (payment, subscription, and what comes of these)
 * does not name it, so that the order stands there as well.
 */

static void
ngx_tavus_stripe_checkout_fill(tavus_form_t *form, void *data)
{
    const ngx_tavus_stripe_wish_t *wish = data;

    tavus_form_add(form, "mode",
                   wish->subscription ? "subscription" : "payment",
                   ngx_strlen(wish->subscription ? "subscription"
                                                 : "payment"));

    ngx_tavus_stripe_checkout_lines(form, wish);

    ngx_tavus_stripe_checkout_text(form, "success_url", &wish->success);
    ngx_tavus_stripe_checkout_text(form, "cancel_url", &wish->cancel);
    ngx_tavus_stripe_checkout_text(form, "customer_email", &wish->email);

    tavus_form_add(form, "client_reference_id", wish->order_id,
                   ngx_strlen(wish->order_id));

    ngx_tavus_stripe_checkout_metadata(form, wish, "metadata");
    ngx_tavus_stripe_checkout_metadata(form, wish,
                             wish->subscription
                             ? "subscription_data[metadata]"
                             : "payment_intent_data[metadata]");
}


static void
ngx_tavus_stripe_checkout_lines(tavus_form_t *form,
    const ngx_tavus_stripe_wish_t *wish)
{
    char        name[sizeof("line_items[][quantity]") + NGX_INT_T_LEN];
    ngx_uint_t  i;

    for (i = 0; i < wish->nlines; i++) {
        ngx_sprintf((u_char *) name, "line_items[%ui][price]%Z", i);
        ngx_tavus_stripe_checkout_text(form, name, &wish->lines[i].price);

        ngx_sprintf((u_char *) name, "line_items[%ui][quantity]%Z", i);
        tavus_form_add_number(form, name, wish->lines[i].quantity);
    }
}


static void
ngx_tavus_stripe_checkout_metadata(tavus_form_t *form,
    const ngx_tavus_stripe_wish_t *wish, const char *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *m;

    tavus_form_add_to(form, name, "order_id", sizeof("order_id") - 1,
                      wish->order_id, ngx_strlen(wish->order_id));

    m = wish->metadata;

    for (i = 0; i < wish->nmetadata; i++) {
        if (m[i].value.len) {
            tavus_form_add_to(form, name, (char *) m[i].key.data,
                              m[i].key.len, (char *) m[i].value.data,
                              m[i].value.len);
        }
    }
}


static void
ngx_tavus_stripe_checkout_text(tavus_form_t *form, const char *name,
    const ngx_str_t *text)
{
    if (text->len) {
        tavus_form_add(form, name, (char *) text->data, text->len);
    }
}


ngx_int_t
ngx_tavus_stripe_checkout_read(ngx_str_t *answer, ngx_uint_t plain,
    ngx_pool_t *pool, ngx_tavus_stripe_made_t *made)
{
    cJSON  *root, *p;

    ngx_memzero(made, sizeof(ngx_tavus_stripe_made_t));

    (void) tavus_json_parse((char *) answer->data, answer->len, &root, NULL);

    ngx_tavus_stripe_checkout_copy(pool, root, "id", NGX_TAVUS_STRIPE_ID,
                                   &made->id);
    ngx_tavus_stripe_checkout_copy(pool, root, "url",
                                   NGX_TAVUS_STRIPE_URL_MAX, &made->url);

    p = cJSON_GetObjectItemCaseSensitive(root, "expires_at");

    if (cJSON_IsNumber(p) && p->valuedouble > 0 && p->valuedouble < 1e11) {
        made->expires = (time_t) p->valuedouble;
    }

    cJSON_Delete(root);

    if (!ngx_tavus_stripe_valid_id(made->id.data, made->id.len, "cs_")) {
        ngx_str_null(&made->id);
        return NGX_ERROR;
    }

    if (made->url.len == 0) {
        return NGX_ERROR;
    }

    plain = plain && ngx_tavus_stripe_checkout_here(made->url.data);

    return ngx_tavus_service_valid_url(&made->url, plain) ? NGX_OK
                                                          : NGX_ERROR;
}


/* a sandbox's page is on this machine */

static ngx_uint_t
ngx_tavus_stripe_checkout_here(const u_char *url)
{
    size_t         i;
    const u_char  *p, *end;

    static const char  *hosts[] = { "http://localhost", "http://[::1]", NULL };

    if (ngx_strncmp(url, "http://127.", 11) == 0) {
        p = url + 11;
        end = p + strspn((const char *) p, "0123456789.");

        return *end == ':' || *end == '/';
    }

    for (i = 0; hosts[i]; i++) {
        end = url + ngx_strlen(hosts[i]);

        if (ngx_strncmp(url, hosts[i], end - url) == 0) {
            return *end == ':' || *end == '/';
        }
    }

    return 0;
}


static void
ngx_tavus_stripe_checkout_copy(ngx_pool_t *pool, cJSON *root,
    const char *name, size_t max, ngx_str_t *s)
{
    cJSON   *p;
    size_t   len;

    p = cJSON_GetObjectItemCaseSensitive(root, name);

    if (!cJSON_IsString(p)) {
        return;
    }

    len = ngx_strlen(p->valuestring);

    if (len > max) {
        return;
    }

    s->data = ngx_pnalloc(pool, len + 1);

    if (s->data) {
        ngx_memcpy(s->data, p->valuestring, len + 1);
        s->len = len;
    }
}
