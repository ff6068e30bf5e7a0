
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tavus_ga4.h"
#include "tavus_json_print.h"


#define TAVUS_GA4_ID_MAX   256

/* they would show in no report without; the least that counts */

#define TAVUS_GA4_ENGAGED  1


/* A request while it is made. */

typedef struct {
    const tavus_delivery_t    *delivery;
    const tavus_ga4_conf_t    *conf;
    tavus_delivery_visitor_t   visitor;
    int                        named;
    cJSON                     *sale;        /* Stripe's event of a payment */
    int64_t                    now;
    const char                *client_id;
    const char                *session_id;
    char                       alias[TAVUS_DELIVERY_ALIAS];
    const char               **reason;
} tavus_ga4_t;


typedef struct {
    cJSON   *object;
    size_t   n;
} tavus_ga4_params_t;


static tavus_delivery_status_t tavus_ga4_make(tavus_ga4_t *g, cJSON *root);
static tavus_delivery_status_t tavus_ga4_ids(tavus_ga4_t *g);
static tavus_delivery_status_t tavus_ga4_head(tavus_ga4_t *g, cJSON *root);
static tavus_delivery_status_t tavus_ga4_params(tavus_ga4_t *g,
    cJSON *object);
static int tavus_ga4_is_sale(const tavus_delivery_t *delivery);
static tavus_delivery_status_t tavus_ga4_sold(tavus_ga4_t *g);
static tavus_delivery_status_t tavus_ga4_sale(tavus_ga4_t *g,
    tavus_ga4_params_t *params);
static double tavus_ga4_unit(const char *currency);
static void tavus_ga4_money(cJSON *object);
static tavus_delivery_status_t tavus_ga4_who(tavus_ga4_t *g,
    tavus_ga4_params_t *params);
static tavus_delivery_status_t tavus_ga4_session(const char *id,
    char number[11]);
static int tavus_ga4_take(void *data, const cJSON *item);
static int tavus_ga4_add(tavus_ga4_params_t *params, const char *name,
    const char *value);
static int tavus_ga4_begins(const char *name, size_t len);
static int tavus_ga4_ours(const char *name);
static char *tavus_ga4_escape(char *dst, const tavus_part_t *part);


/* Names of ours that Google recommends another one for. */

static const struct {
    const char  *ours;
    const char  *theirs;

} tavus_ga4_names[] = {
    { "contact.submitted", "generate_lead" },
    { "video_demo_started", "tutorial_begin" },
    { "checkout.session.completed", "purchase" },
    { "checkout.session.async_payment_succeeded", "purchase" }
};


/*
 * "Reserved names" of the protocol's reference and of the Firebase SDK that
 * shares them, as of 2026.  page_view is none.
 */

static const char *const  tavus_ga4_reserved[] = {
    "ad_activeview",
    "ad_click",
    "ad_exposure",
    "ad_impression",
    "ad_query",
    "ad_reward",
    "adunit_exposure",
    "app_background",
    "app_clear_data",
    "app_exception",
    "app_install",
    "app_remove",
    "app_store_refund",
    "app_store_subscription_cancel",
    "app_store_subscription_convert",
    "app_store_subscription_renew",
    "app_uninstall",
    "app_update",
    "app_upgrade",
    "dynamic_link_app_open",
    "dynamic_link_app_update",
    "dynamic_link_first_open",
    "error",
    "firebase_campaign",
    "first_open",
    "first_visit",
    "in_app_purchase",
    "notification_dismiss",
    "notification_foreground",
    "notification_open",
    "notification_receive",
    "notification_send",
    "os_update",
    "screen_view",
    "session_start",
    "session_start_with_rollout",
    "user_engagement"
};


static const char *const  tavus_ga4_prefixes[] = {
    "_", "firebase_", "ga_", "google_", "gtag_", "query_id"
};


#define tavus_ga4_count(a)  (sizeof(a) / sizeof((a)[0]))


tavus_delivery_status_t
tavus_ga4_event(const tavus_delivery_t *delivery,
    const tavus_ga4_conf_t *conf, int64_t now, char **json, size_t *len,
    const char **reason)
{
    cJSON                       *root;
    tavus_ga4_t                  g;
    tavus_delivery_status_t      status;
    tavus_delivery_judgement_t   judgement;

    *json = NULL;
    *len = 0;

    memset(&g, 0, sizeof(g));

    g.delivery = delivery;
    g.conf = conf;
    g.now = now;
    g.reason = reason;

    root = NULL;

    status = tavus_delivery_visitor(&g.visitor, delivery, reason);

    if (status == TAVUS_DELIVERY_OK) {
        judgement = tavus_delivery_judge(&g.visitor, conf->consent,
                                         TAVUS_DELIVERY_GA4, reason);
        g.named = judgement == TAVUS_DELIVERY_NAMED;

        if (judgement == TAVUS_DELIVERY_WITHHELD) {
            status = TAVUS_DELIVERY_SKIP;
        }
    }

    if (status == TAVUS_DELIVERY_OK) {
        root = cJSON_CreateObject();

        status = root ? tavus_ga4_make(&g, root) : TAVUS_DELIVERY_ERROR;
    }

    if (status == TAVUS_DELIVERY_OK) {
        *json = tavus_json_print(root);

        if (*json) {
            *len = strlen(*json);

        } else {
            status = TAVUS_DELIVERY_ERROR;
        }
    }

    cJSON_Delete(root);
    cJSON_Delete(g.sale);
    tavus_delivery_visitor_free(&g.visitor);

    return status;
}


size_t
tavus_ga4_name(const char *type, size_t len,
    char name[TAVUS_GA4_NAME_MAX + 1], const char **reason)
{
    char    c;
    size_t  i;

    for (i = 0; i < tavus_ga4_count(tavus_ga4_names); i++) {

        if (strlen(tavus_ga4_names[i].ours) == len
            && memcmp(tavus_ga4_names[i].ours, type, len) == 0)
        {
            type = tavus_ga4_names[i].theirs;
            len = strlen(type);
            break;
        }
    }

    *reason = "unfit_event_type";

    if (len == 0 || len > TAVUS_GA4_NAME_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = type[i];

        if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && (c < '0' || c > '9'))
        {
            c = '_';
        }

        name[i] = c;
    }

    name[len] = '\0';

    if (name[0] >= '0' && name[0] <= '9') {
        return 0;
    }

    *reason = "reserved_event_type";

    if (tavus_ga4_begins(name, len)) {
        return 0;
    }

    for (i = 0; i < tavus_ga4_count(tavus_ga4_reserved); i++) {
        if (strcmp(name, tavus_ga4_reserved[i]) == 0) {
            return 0;
        }
    }

    *reason = NULL;

    return len;
}


char *
tavus_ga4_path(const tavus_part_t *path, const tavus_part_t *measurement_id,
    const tavus_part_t *secret)
{
    char  *text, *p;

    static const char  id[] = "?measurement_id=";
    static const char  key[] = "&api_secret=";

    text = malloc(path->len + sizeof(id) + 3 * measurement_id->len
                  + sizeof(key) + 3 * secret->len);
    if (text == NULL) {
        return NULL;
    }

    p = text;

    if (path->len) {
        memcpy(p, path->data, path->len);
        p += path->len;
    }

    memcpy(p, id, sizeof(id) - 1);
    p = tavus_ga4_escape(p + sizeof(id) - 1, measurement_id);

    memcpy(p, key, sizeof(key) - 1);
    p = tavus_ga4_escape(p + sizeof(key) - 1, secret);

    *p = '\0';

    return text;
}


static tavus_delivery_status_t
tavus_ga4_make(tavus_ga4_t *g, cJSON *root)
{
    char                      name[TAVUS_GA4_NAME_MAX + 1];
    cJSON                    *events, *event, *params;
    const tavus_part_t       *type;
    tavus_delivery_status_t   status;

    type = &g->delivery->event_type;

    if (tavus_ga4_name(type->data, type->len, name, g->reason) == 0) {
        return TAVUS_DELIVERY_SKIP;
    }

    if (tavus_ga4_is_sale(g->delivery)) {
        status = tavus_ga4_sold(g);

        if (status != TAVUS_DELIVERY_OK) {
            return status;
        }
    }

    /* it would be moved to three days ago, and count there */

    if (g->now > g->delivery->time
        && (uint64_t) g->now - (uint64_t) g->delivery->time
           > (uint64_t) TAVUS_GA4_AGE_MAX * 1000000)
    {
        *g->reason = "too_old";
        return TAVUS_DELIVERY_SKIP;
    }

    status = tavus_ga4_ids(g);

    if (status == TAVUS_DELIVERY_OK) {
        status = tavus_ga4_head(g, root);
    }

    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    events = cJSON_AddArrayToObject(root, "events");
    event = events ? cJSON_CreateObject() : NULL;

    if (event == NULL) {
        return TAVUS_DELIVERY_ERROR;
    }

    (void) cJSON_AddItemToArray(events, event);

    params = cJSON_AddStringToObject(event, "name", name)
             ? cJSON_AddObjectToObject(event, "params") : NULL;

    return params ? tavus_ga4_params(g, params) : TAVUS_DELIVERY_ERROR;
}


static tavus_delivery_status_t
tavus_ga4_ids(tavus_ga4_t *g)
{
    const char  *user, *session;

    user = g->visitor.user_id;
    session = g->visitor.session_id;

    if (user == NULL && session == NULL) {
        *g->reason = "no_visitor_id";
        return TAVUS_DELIVERY_SKIP;
    }

    if (!g->named) {

        /* it lasts no longer than a session */

        g->client_id = g->alias;
        g->session_id = g->alias;

        return tavus_delivery_alias(&g->conf->salt, session ? session : user,
                                    g->alias) == 0
               ? TAVUS_DELIVERY_OK : TAVUS_DELIVERY_ERROR;
    }

    /* without a session no report shows it */

    g->client_id = user ? user : session;
    g->session_id = session ? session : user;

    /* one that was cut could be somebody else's */

    if (strlen(g->client_id) > TAVUS_GA4_ID_MAX) {
        *g->reason = "unfit_visitor_id";
        return TAVUS_DELIVERY_SKIP;
    }

    return TAVUS_DELIVERY_OK;
}


static tavus_delivery_status_t
tavus_ga4_head(tavus_ga4_t *g, cJSON *root)
{
    char     time[24];
    cJSON   *consent;
    int64_t  usec;

    /* it takes what was, and nothing of what is to come */

    usec = g->delivery->time < g->now ? g->delivery->time : g->now;

    (void) snprintf(time, sizeof(time), "%lld", (long long) usec);

    if (cJSON_AddStringToObject(root, "client_id", g->client_id) == NULL
        || cJSON_AddRawToObject(root, "timestamp_micros", time) == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    /* who lets themselves be counted has said nothing of advertisements */

    consent = cJSON_AddObjectToObject(root, "consent");

    if (consent == NULL
        || cJSON_AddStringToObject(consent, "ad_user_data", "DENIED") == NULL
        || cJSON_AddStringToObject(consent, "ad_personalization", "DENIED")
           == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    return TAVUS_DELIVERY_OK;
}


static tavus_delivery_status_t
tavus_ga4_params(tavus_ga4_t *g, cJSON *object)
{
    char                      number[11];
    size_t                    n;
    tavus_ga4_params_t        params;
    tavus_delivery_status_t   status;

    params.object = object;
    params.n = 0;

    if (tavus_ga4_session(g->session_id, number) != TAVUS_DELIVERY_OK
        || !tavus_ga4_add(&params, "session_id", number)
        || cJSON_AddNumberToObject(object, "engagement_time_msec",
                                   TAVUS_GA4_ENGAGED)
           == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    params.n++;

    status = tavus_ga4_who(g, &params);

    if (status == TAVUS_DELIVERY_OK && g->named && g->sale) {
        return tavus_ga4_sale(g, &params);
    }

    if (status == TAVUS_DELIVERY_OK && g->named) {
        n = g->conf->nproperties;

        if (n > TAVUS_GA4_PARAMS) {
            n = TAVUS_GA4_PARAMS;
        }

        status = tavus_delivery_facts(g->delivery, g->conf->properties, n,
                                      TAVUS_GA4_PARAMS, tavus_ga4_take,
                                      &params, g->reason);
        tavus_ga4_money(object);
    }

    return status;
}


static int
tavus_ga4_is_sale(const tavus_delivery_t *delivery)
{
    size_t               i;
    const tavus_part_t  *type;

    static const char *const  types[] = {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded"
    };

    type = &delivery->event_type;

    for (i = 0; i < tavus_ga4_count(types); i++) {
        if (strlen(types[i]) == type->len
            && memcmp(types[i], type->data, type->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Reads what Stripe tells of a payment.  Only Stripe says that one was made,
 * and one of these events comes before the money does.
 */

static tavus_delivery_status_t
tavus_ga4_sold(tavus_ga4_t *g)
{
    const cJSON          *object, *paid;
    tavus_json_status_t   status;
    const tavus_part_t   *source, *body;

    source = &g->delivery->source;

    if (source->len != 6 || memcmp(source->data, "stripe", 6) != 0
        || g->visitor.order == NULL)
    {
        *g->reason = "no_order";
        return TAVUS_DELIVERY_SKIP;
    }

    body = &g->delivery->body;

    status = body->len > TAVUS_DELIVERY_FACTS ? TAVUS_JSON_EMPTY
             : tavus_json_parse(body->len ? body->data : "", body->len,
                                &g->sale, NULL);

    if (status == TAVUS_JSON_NO_MEMORY) {
        return TAVUS_DELIVERY_ERROR;
    }

    object = cJSON_GetObjectItemCaseSensitive(
                 cJSON_GetObjectItemCaseSensitive(g->sale, "data"), "object");
    paid = cJSON_GetObjectItemCaseSensitive(object, "payment_status");

    if (!cJSON_IsString(paid) || strcmp(paid->valuestring, "unpaid") == 0) {
        *g->reason = "not_paid";
        return TAVUS_DELIVERY_SKIP;
    }

    return TAVUS_DELIVERY_OK;
}


/* By the order's id GA4 knows a purchase that it has counted. */

static tavus_delivery_status_t
tavus_ga4_sale(tavus_ga4_t *g, tavus_ga4_params_t *params)
{
    char          code[4];
    size_t        i;
    const cJSON  *object, *amount, *currency;

    object = cJSON_GetObjectItemCaseSensitive(
                 cJSON_GetObjectItemCaseSensitive(g->sale, "data"), "object");
    amount = cJSON_GetObjectItemCaseSensitive(object, "amount_total");
    currency = cJSON_GetObjectItemCaseSensitive(object, "currency");

    if (!tavus_ga4_add(params, "transaction_id", g->visitor.order)) {
        return TAVUS_DELIVERY_ERROR;
    }

    if (!cJSON_IsNumber(amount) || amount->valuedouble < 0
        || !cJSON_IsString(currency) || strlen(currency->valuestring) != 3)
    {
        return TAVUS_DELIVERY_OK;
    }

    for (i = 0; i < 3; i++) {
        code[i] = (char) (currency->valuestring[i] & ~0x20);
    }

    code[3] = '\0';

    if (cJSON_AddNumberToObject(params->object, "value",
                                amount->valuedouble / tavus_ga4_unit(code))
        == NULL || !tavus_ga4_add(params, "currency", code))
    {
        return TAVUS_DELIVERY_ERROR;
    }

    params->n++;

    tavus_ga4_money(params->object);

    return TAVUS_DELIVERY_OK;
}


/*
 * How many of Stripe's units make one of a currency's, as
 * tavus.currency_exponent() has it: https://docs.stripe.com/currencies
 */

static double
tavus_ga4_unit(const char *currency)
{
    static const char  whole[] = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF "
                                 "VND VUV XAF XOF XPF";
    static const char  three[] = "BHD JOD KWD OMR TND";

    if (strstr(whole, currency)) {
        return 1;
    }

    return strstr(three, currency) ? 1000 : 100;
}


/* A value is an amount of a currency, and counts for nothing without it. */

static void
tavus_ga4_money(cJSON *object)
{
    const cJSON  *value, *currency;

    value = cJSON_GetObjectItemCaseSensitive(object, "value");
    currency = cJSON_GetObjectItemCaseSensitive(object, "currency");

    if ((value || currency)
        && (!cJSON_IsNumber(value) || !cJSON_IsString(currency)
            || strlen(currency->valuestring) != 3
            || strspn(currency->valuestring, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
               != 3))
    {
        cJSON_DeleteItemFromObjectCaseSensitive(object, "value");
        cJSON_DeleteItemFromObjectCaseSensitive(object, "currency");
    }
}


/* What the visitor and the conversation are known by, but for the ids. */

static tavus_delivery_status_t
tavus_ga4_who(tavus_ga4_t *g, tavus_ga4_params_t *params)
{
    char                      *text;
    tavus_delivery_status_t    status;
    tavus_delivery_visitor_t  *v;

    if (g->named && g->delivery->conversation_id.len) {
        status = tavus_delivery_text(&g->delivery->conversation_id, &text);

        if (status == TAVUS_DELIVERY_BAD) {
            *g->reason = "unfit_conversation_id";
        }

        if (status == TAVUS_DELIVERY_OK
            && !tavus_ga4_add(params, "conversation_id", text))
        {
            status = TAVUS_DELIVERY_ERROR;
        }

        free(text);

        if (status != TAVUS_DELIVERY_OK) {
            return status;
        }
    }

    v = &g->visitor;

    if (!tavus_ga4_add(params, "vertical", v->vertical)
        || !tavus_ga4_add(params, "utm_source", v->utm_source)
        || !tavus_ga4_add(params, "utm_medium", v->utm_medium)
        || !tavus_ga4_add(params, "utm_campaign", v->utm_campaign))
    {
        return TAVUS_DELIVERY_ERROR;
    }

    return TAVUS_DELIVERY_OK;
}


/* GA4 takes a number for a session: ten digits, always the same ones. */

static tavus_delivery_status_t
tavus_ga4_session(const char *id, char number[11])
{
    int           i;
    uint8_t       digest[TAVUS_EVENT_DIGEST];
    uint64_t      value;
    tavus_part_t  parts[2];

    static const char  label[] = "tavus ga4 session v1";

    parts[0].data = label;
    parts[0].len = sizeof(label) - 1;
    parts[1].data = id;
    parts[1].len = strlen(id);

    if (tavus_event_digest(digest, parts, 2) != 0) {
        return TAVUS_DELIVERY_ERROR;
    }

    value = 0;

    for (i = 0; i < 8; i++) {
        value = value << 8 | digest[i];
    }

    (void) snprintf(number, 11, "%llu",
                    (unsigned long long) (UINT64_C(1000000000)
                                          + value % UINT64_C(9000000000)));

    return TAVUS_DELIVERY_OK;
}


/* 1, also where it is none to be taken, or 0 if memory is out */

static int
tavus_ga4_take(void *data, const cJSON *item)
{
    char                 c;
    size_t               i, len;
    tavus_ga4_params_t  *params;

    params = data;
    len = strlen(item->string);

    if (params->n == TAVUS_GA4_PARAMS || len == 0 || len > TAVUS_GA4_NAME_MAX
        || (item->string[0] >= '0' && item->string[0] <= '9')
        || tavus_ga4_begins(item->string, len) || tavus_ga4_ours(item->string)
        || cJSON_GetObjectItemCaseSensitive(params->object, item->string))
    {
        return 1;
    }

    for (i = 0; i < len; i++) {
        c = item->string[i];

        if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && (c < '0' || c > '9') && c != '_')
        {
            return 1;
        }
    }

    if (cJSON_IsString(item)) {
        return tavus_ga4_add(params, item->string, item->valuestring);
    }

    /* a parameter is a text or a number */

    if (cJSON_IsBool(item)) {
        return tavus_ga4_add(params, item->string,
                             cJSON_IsTrue(item) ? "true" : "false");
    }

    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
        return 1;
    }

    params->n++;

    return cJSON_AddNumberToObject(params->object, item->string,
                                   item->valuedouble) != NULL;
}


/* 1, also where there is no value, or 0 if memory is out */

static int
tavus_ga4_add(tavus_ga4_params_t *params, const char *name,
    const char *value)
{
    char    text[TAVUS_GA4_VALUE_MAX + 1];
    size_t  len;

    if (value == NULL) {
        return 1;
    }

    len = tavus_delivery_cut(value, strlen(value), TAVUS_GA4_VALUE_MAX);

    memcpy(text, value, len);
    text[len] = '\0';

    params->n++;

    return cJSON_AddStringToObject(params->object, name, text) != NULL;
}


static int
tavus_ga4_begins(const char *name, size_t len)
{
    size_t  i, n;

    for (i = 0; i < tavus_ga4_count(tavus_ga4_prefixes); i++) {
        n = strlen(tavus_ga4_prefixes[i]);

        if (len >= n && memcmp(name, tavus_ga4_prefixes[i], n) == 0) {
            return 1;
        }
    }

    return 0;
}


/* what the body has no say in, or what is a list there */

static int
tavus_ga4_ours(const char *name)
{
    size_t  i;

    static const char *const  names[] = {
        "conversation_id", "user_id", "client_id", "session_id", "vertical",
        "utm_source", "utm_medium", "utm_campaign", "engagement_time_msec",
        "timestamp_micros", "items"
    };

    for (i = 0; i < tavus_ga4_count(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static char *
tavus_ga4_escape(char *dst, const tavus_part_t *part)
{
    size_t          i;
    unsigned char   c;
    const char     *p;

    static const char  hex[] = "0123456789ABCDEF";

    p = part->data;

    for (i = 0; i < part->len; i++) {
        c = (unsigned char) p[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z')
            || c == '-' || c == '.' || c == '_' || c == '~')
        {
            *dst++ = (char) c;
            continue;
        }

        *dst++ = '%';
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0x0f];
    }

    return dst;
}
