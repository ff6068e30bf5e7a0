
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_sendgrid.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_SENDGRID_TO          20

/* seconds between two digests */

#define NGX_TAVUS_SENDGRID_DIGEST_MIN  10
#define NGX_TAVUS_SENDGRID_DIGEST_MAX  86400


static tavus_delivery_status_t ngx_tavus_sendgrid_make(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t *parcel,
    const char **reason);
static ngx_tavus_curl_t *ngx_tavus_sendgrid_request(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t **parcels, ngx_uint_t n);
static char *ngx_tavus_sendgrid_body(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t **parcels, ngx_uint_t n, size_t *len);
static char *ngx_tavus_sendgrid_from(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_sendgrid_to(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_sendgrid_reply_to(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_sendgrid_address(ngx_conf_t *cf, ngx_str_t *value,
    tavus_mail_address_t *address);
static char *ngx_tavus_sendgrid_mail(ngx_conf_t *cf,
    ngx_tavus_destination_t *d);
static char *ngx_tavus_sendgrid_option(ngx_conf_t *cf,
    ngx_tavus_destination_t *d, ngx_str_t *option);
static const char *ngx_tavus_sendgrid_missing(ngx_tavus_destination_t *d);


static const char  *ngx_tavus_sendgrid_members[] = { "key", NULL };


static const ngx_tavus_deliver_member_t  ngx_tavus_sendgrid_lines[] = {
    { "from", 1, 1, ngx_tavus_sendgrid_from },
    { "to", 1, NGX_TAVUS_SENDGRID_TO, ngx_tavus_sendgrid_to },
    { "reply_to", 1, 1, ngx_tavus_sendgrid_reply_to },
    { "mail", 1, 2, ngx_tavus_sendgrid_mail },
    { NULL, 0, 0, NULL }
};


const ngx_tavus_destination_service_t  ngx_tavus_sendgrid = {
    ngx_string("sendgrid"),
    TAVUS_DELIVERY_SENDGRID,
    TAVUS_SERVICE_SENDGRID,
    "https://api.sendgrid.com",
    ngx_tavus_sendgrid_members,
    0,
    1,
    TAVUS_MAIL_MAX,
    4,
    ngx_tavus_sendgrid_make,
    ngx_tavus_sendgrid_request,
    ngx_tavus_sendgrid_lines,
    ngx_tavus_sendgrid_missing,
    NULL,
    NULL
};


static tavus_delivery_status_t
ngx_tavus_sendgrid_make(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    *parcel, const char **reason)
{
    char                      *json;
    size_t                     i, k;
    tavus_part_t              *type;
    tavus_delivery_status_t    rc;
    const tavus_mail_kind_t   *kind;

    rc = tavus_mail(&parcel->delivery, &d->mail, &json, &parcel->json.len,
                    reason);

    parcel->json.data = (u_char *) json;

    type = &parcel->delivery.event_type;

    for (i = 0; (kind = tavus_mail_kind_at(i)) != NULL; i++) {

        for (k = 0; kind->types[k]; k++) {
            if (kind->digest && type->len == ngx_strlen(kind->types[k])
                && ngx_strncmp(type->data, kind->types[k], type->len) == 0)
            {
                parcel->digest = 1;
            }
        }
    }

    return rc;
}


static ngx_tavus_curl_t *
ngx_tavus_sendgrid_request(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    **parcels, ngx_uint_t n)
{
    char              *body;
    size_t             len;
    u_char            *line;
    ngx_tavus_curl_t  *t;

    body = ngx_tavus_sendgrid_body(d, parcels, n, &len);
    if (body == NULL) {
        return NULL;
    }

    t = ngx_tavus_destination_post(d, TAVUS_MAIL_PATH, body, len);
    if (t == NULL) {
        return NULL;
    }

    line = ngx_pnalloc(t->pool, sizeof("Authorization: Bearer ")
                                + d->key.len);
    if (line == NULL) {
        goto failed;
    }

    ngx_sprintf(line, "Authorization: Bearer %V%Z", &d->key);

    if (ngx_tavus_curl_header(t, (char *) line) != NGX_OK) {
        goto failed;
    }

    return t;

failed:

    ngx_tavus_curl_cancel(t);

    return NULL;
}


static char *
ngx_tavus_sendgrid_body(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    **parcels, ngx_uint_t n, size_t *len)
{
    char          *body;
    ngx_uint_t     i;
    tavus_part_t  *entries;

    if (!parcels[0]->digest) {
        *len = parcels[0]->json.len;
        body = malloc(*len);

        if (body) {
            ngx_memcpy(body, parcels[0]->json.data, *len);
        }

        return body;
    }

    entries = ngx_alloc(n * sizeof(tavus_part_t), ngx_cycle->log);
    if (entries == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        entries[i].data = parcels[i]->json.data;
        entries[i].len = parcels[i]->json.len;
    }

    body = tavus_mail_digest(&d->mail, entries, n, len);

    ngx_free(entries);

    return body;
}


static char *
ngx_tavus_sendgrid_from(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_tavus_sendgrid_address(cf, &value[1], &d->mail.from);
}


static char *
ngx_tavus_sendgrid_reply_to(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_tavus_sendgrid_address(cf, &value[1], &d->mail.reply_to);
}


static char *
ngx_tavus_sendgrid_to(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t             *value;
    ngx_uint_t             i, k;
    tavus_mail_address_t  *to;

    value = cf->args->elts;
    to = d->mail.to;

    if (to == NULL) {
        to = ngx_pcalloc(cf->pool, NGX_TAVUS_SENDGRID_TO
                                   * sizeof(tavus_mail_address_t));
        if (to == NULL) {
            return NGX_CONF_ERROR;
        }

        d->mail.to = to;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (d->mail.nto == NGX_TAVUS_SENDGRID_TO) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "more than %d addresses in \"%V\"",
                               NGX_TAVUS_SENDGRID_TO, &value[0]);
            return NGX_CONF_ERROR;
        }

        if (ngx_tavus_sendgrid_address(cf, &value[i], &to[d->mail.nto])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        /* SendGrid refuses a mail for that */

        for (k = 0; k < d->mail.nto; k++) {
            if (to[k].email.len == to[d->mail.nto].email.len
                && ngx_strncasecmp((u_char *) to[k].email.data,
                                   (u_char *) to[d->mail.nto].email.data,
                                   to[k].email.len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate address \"%V\" in \"%V\"",
                                   &value[i], &value[0]);
                return NGX_CONF_ERROR;
            }
        }

        d->mail.nto++;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_sendgrid_address(ngx_conf_t *cf, ngx_str_t *value,
    tavus_mail_address_t *address)
{
    ngx_str_t   *name;
    const char  *error;

    name = cf->args->elts;

    if (address->email.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"", name);
        return NGX_CONF_ERROR;
    }

    error = tavus_mail_address((char *) value->data, value->len, address);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" \"%V\" %s", name,
                           value, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_sendgrid_mail(ngx_conf_t *cf, ngx_tavus_destination_t *d)
{
    ngx_str_t                *value;
    ngx_uint_t                i, k;
    tavus_part_t             *pattern;
    const tavus_mail_kind_t  *kind;

    value = cf->args->elts;

    kind = tavus_mail_kind((char *) value[1].data, value[1].len);

    if (kind == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown kind of mail \"%V\", it is one of "
                           "contact.submitted, conversation.ended, sale, "
                           "refund, dispute and alert", &value[1]);
        return NGX_CONF_ERROR;
    }

    pattern = d->patterns.elts;

    for (i = 0; i < d->patterns.nelts; i++) {
        if (pattern[i].data == kind->types[0]) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"%V\" \"%V\"", &value[0],
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; kind->types[i]; i++) {
        pattern = ngx_array_push(&d->patterns);
        if (pattern == NULL) {
            return NGX_CONF_ERROR;
        }

        pattern->data = kind->types[i];
        pattern->len = ngx_strlen(kind->types[i]);
    }

    for (k = 2; k < cf->args->nelts; k++) {

        if (!kind->digest
            || ngx_tavus_sendgrid_option(cf, d, &value[k]) != NGX_CONF_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" in \"%V\", only that of "
                               "alerts has \"digest=\", from 10s to 1d",
                               &value[k], &value[0]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_sendgrid_option(ngx_conf_t *cf, ngx_tavus_destination_t *d,
    ngx_str_t *option)
{
    u_char     *text;
    ngx_str_t   time;
    ngx_int_t   seconds;

    if (ngx_strncmp(option->data, "digest=", 7) != 0) {
        return NGX_CONF_ERROR;
    }

    time.data = option->data + 7;
    time.len = option->len - 7;

    seconds = ngx_parse_time(&time, 1);

    if (seconds == NGX_ERROR || seconds < NGX_TAVUS_SENDGRID_DIGEST_MIN
        || seconds > NGX_TAVUS_SENDGRID_DIGEST_MAX)
    {
        return NGX_CONF_ERROR;
    }

    text = ngx_pnalloc(cf->pool, NGX_INT_T_LEN + sizeof(" seconds"));
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(text, "%i seconds%Z", seconds);

    d->digest = (char *) text;

    return NGX_CONF_OK;
}


static const char *
ngx_tavus_sendgrid_missing(ngx_tavus_destination_t *d)
{
    if (d->digest == NULL) {
        d->digest = "900 seconds";
    }

    if (d->mail.from.email.len == 0) {
        return "from";
    }

    if (d->mail.nto == 0) {
        return "to";
    }

    return d->patterns.nelts == 0 ? "mail" : NULL;
}
