
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tavus_json_print.h"
#include "tavus_posthog.h"
#include "tavus_version.h"


#define TAVUS_POSTHOG_PROPERTY_MAX  100     /* bytes of a property's name */

#define TAVUS_POSTHOG_DAY           INT64_C(86400000000)


/* An event while it is made. */

typedef struct {
    const tavus_delivery_t      *delivery;
    const tavus_posthog_conf_t  *conf;
    tavus_delivery_visitor_t     visitor;
    int                          named;
    const char                  *distinct_id;
    char                         alias[TAVUS_DELIVERY_ALIAS];
    const char                 **reason;
} tavus_posthog_t;


static tavus_delivery_status_t tavus_posthog_make(tavus_posthog_t *p,
    cJSON *root);
static tavus_delivery_status_t tavus_posthog_name(tavus_posthog_t *p,
    cJSON *root);
static tavus_delivery_status_t tavus_posthog_id(tavus_posthog_t *p);
static tavus_delivery_status_t tavus_posthog_properties(tavus_posthog_t *p,
    cJSON *properties);
static tavus_delivery_status_t tavus_posthog_who(tavus_posthog_t *p,
    cJSON *properties);
static int tavus_posthog_take(void *data, const cJSON *item);
static int tavus_posthog_add(cJSON *properties, const char *name,
    const char *value);
static int tavus_posthog_ours(const char *name);
static int tavus_posthog_refused(const char *id);
static size_t tavus_posthog_blank(const char *text, size_t len);
static int tavus_posthog_session(const char *id, int64_t time);


/*
 * Ids that PostHog takes for a mistake, as of November 2026:
 * ILLEGAL_DISTINCT_IDS in rust/capture/src/v1/analytics/constants.rs.  It
 * compares without case and without blanks around them, and refuses them in
 * quotes too (plugin-server, person-merge-service.ts).
 */

static const char *const  tavus_posthog_ids[] = {
    "0",
    "00000000-0000-0000-0000-000000000000",
    "[object object]",
    "anonymous",
    "anonymous-user",
    "backend",
    "distinct_id",
    "distinctid",
    "email",
    "false",
    "guest",
    "id",
    "nan",
    "none",
    "not_authenticated",
    "null",
    "system",
    "true",
    "undefined",
    "user"
};


tavus_delivery_status_t
tavus_posthog_event(const tavus_delivery_t *delivery,
    const tavus_posthog_conf_t *conf, char **json, size_t *len,
    const char **reason)
{
    cJSON                       *root;
    tavus_posthog_t              p;
    tavus_delivery_status_t      status;
    tavus_delivery_judgement_t   judgement;

    *json = NULL;
    *len = 0;

    memset(&p, 0, sizeof(p));

    p.delivery = delivery;
    p.conf = conf;
    p.reason = reason;

    root = NULL;

    status = tavus_delivery_visitor(&p.visitor, delivery, reason);

    if (status == TAVUS_DELIVERY_OK) {
        judgement = tavus_delivery_judge(&p.visitor, conf->consent,
                                         TAVUS_DELIVERY_POSTHOG, reason);
        p.named = judgement == TAVUS_DELIVERY_NAMED;

        if (judgement == TAVUS_DELIVERY_WITHHELD) {
            status = TAVUS_DELIVERY_SKIP;
        }
    }

    if (status == TAVUS_DELIVERY_OK) {
        root = cJSON_CreateObject();

        status = root ? tavus_posthog_make(&p, root) : TAVUS_DELIVERY_ERROR;
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
    tavus_delivery_visitor_free(&p.visitor);

    return status;
}


char *
tavus_posthog_batch(const tavus_part_t *key, const tavus_part_t *events,
    size_t n, size_t *len)
{
    char    *text, *head, *body, *last;
    cJSON   *root;
    size_t   i, size;

    *len = 0;
    size = 0;

    for (i = 0; i < n; i++) {
        if (events[i].len >= TAVUS_POSTHOG_BATCH_MAX - size) {
            return NULL;
        }

        size += events[i].len + 1;
    }

    if (n == 0 || key->len > TAVUS_POSTHOG_KEY_MAX
        || tavus_delivery_text(key, &text) != TAVUS_DELIVERY_OK)
    {
        return NULL;
    }

    root = cJSON_CreateObject();

    head = root && cJSON_AddStringToObject(root, "api_key", text)
           && cJSON_AddFalseToObject(root, "historical_migration")
           && cJSON_AddArrayToObject(root, "batch")
           ? cJSON_PrintUnformatted(root) : NULL;

    free(text);
    cJSON_Delete(root);

    if (head == NULL) {
        return NULL;
    }

    /* the events go between the last two brackets, "[]}" */

    *len = strlen(head) + size - 1;
    body = malloc(*len + 1);

    if (body) {
        last = body + strlen(head) - 2;
        memcpy(body, head, last - body);

        for (i = 0; i < n; i++) {
            memcpy(last, events[i].data, events[i].len);
            last += events[i].len;
            *last++ = ',';
        }

        memcpy(last - 1, "]}", sizeof("]}"));

    } else {
        *len = 0;
    }

    free(head);

    return body;
}


static tavus_delivery_status_t
tavus_posthog_make(tavus_posthog_t *p, cJSON *root)
{
    char                      time[TAVUS_DELIVERY_TIME];
    cJSON                    *properties;
    uint8_t                   uuid[TAVUS_UUID_LEN];
    tavus_delivery_status_t   status;

    if (tavus_uuid_parse(uuid, p->delivery->id,
                         strnlen(p->delivery->id, sizeof(p->delivery->id)))
        != 0)
    {
        *p->reason = "unfit_id";
        return TAVUS_DELIVERY_BAD;
    }

    status = tavus_posthog_name(p, root);
    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    status = tavus_posthog_id(p);
    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    /* by these, and name and id, PostHog knows an event that comes again */

    tavus_delivery_time(p->delivery->time, time);

    if (cJSON_AddStringToObject(root, "distinct_id", p->distinct_id) == NULL
        || cJSON_AddStringToObject(root, "uuid", p->delivery->id) == NULL
        || cJSON_AddStringToObject(root, "timestamp", time) == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    properties = cJSON_AddObjectToObject(root, "properties");
    if (properties == NULL) {
        return TAVUS_DELIVERY_ERROR;
    }

    return tavus_posthog_properties(p, properties);
}


static tavus_delivery_status_t
tavus_posthog_name(tavus_posthog_t *p, cJSON *root)
{
    char                     *text;
    const char               *name;
    const tavus_part_t       *type;
    tavus_delivery_status_t   status;

    type = &p->delivery->event_type;

    if (type->len == 0 || type->len > TAVUS_POSTHOG_NAME_MAX) {
        *p->reason = "unfit_event_type";
        return TAVUS_DELIVERY_SKIP;
    }

    status = tavus_delivery_text(type, &text);

    if (status != TAVUS_DELIVERY_OK) {
        *p->reason = "unfit_event_type";
        return status;
    }

    /*
     * "$identify", "$create_alias", "$set" and their like would merge people
     * or change them, and a browser may say any name
     */

    if (text[0] == '$') {
        *p->reason = "reserved_event_type";
        status = TAVUS_DELIVERY_SKIP;

    } else {

        /* that is what its web analytics count; no script does it here */

        name = strcmp(text, "page_view") == 0 ? "$pageview" : text;

        if (cJSON_AddStringToObject(root, "event", name) == NULL) {
            status = TAVUS_DELIVERY_ERROR;
        }
    }

    free(text);

    return status;
}


static tavus_delivery_status_t
tavus_posthog_id(tavus_posthog_t *p)
{
    size_t       i;
    const char  *ids[2];

    ids[0] = p->visitor.user_id;
    ids[1] = p->visitor.session_id;

    if (!p->named) {

        /* one that lasts no longer than a session */

        if (ids[1] == NULL) {
            ids[1] = ids[0];
        }

        if (ids[1] == NULL) {
            *p->reason = "no_visitor_id";
            return TAVUS_DELIVERY_SKIP;
        }

        p->distinct_id = p->alias;

        return tavus_delivery_alias(&p->conf->salt, ids[1], p->alias) == 0
               ? TAVUS_DELIVERY_OK : TAVUS_DELIVERY_ERROR;
    }

    /* one that was cut could be somebody else's */

    for (i = 0; i < 2; i++) {
        if (ids[i] && strlen(ids[i]) <= TAVUS_POSTHOG_NAME_MAX
            && !tavus_posthog_refused(ids[i]))
        {
            p->distinct_id = ids[i];
            return TAVUS_DELIVERY_OK;
        }
    }

    *p->reason = ids[0] || ids[1] ? "unfit_visitor_id" : "no_visitor_id";

    return TAVUS_DELIVERY_SKIP;
}


static tavus_delivery_status_t
tavus_posthog_properties(tavus_posthog_t *p, cJSON *properties)
{
    size_t                   n;
    tavus_delivery_status_t  status;

    status = tavus_posthog_who(p, properties);

    if (status == TAVUS_DELIVERY_OK && p->named) {
        n = p->conf->nproperties;

        if (n > TAVUS_POSTHOG_NAMED) {
            n = TAVUS_POSTHOG_NAMED;
        }

        status = tavus_delivery_facts(p->delivery, p->conf->properties, n,
                                      TAVUS_POSTHOG_NUMBERS,
                                      tavus_posthog_take, properties,
                                      p->reason);
    }

    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    /* the address that it sees is this server's */

    if (!tavus_posthog_add(properties, "$lib", "nginx-tavus")
        || !tavus_posthog_add(properties, "$lib_version", TAVUS_VERSION)
        || cJSON_AddTrueToObject(properties, "$geoip_disable") == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    if (!p->named
        && cJSON_AddFalseToObject(properties, "$process_person_profile")
           == NULL)
    {
        return TAVUS_DELIVERY_ERROR;
    }

    return TAVUS_DELIVERY_OK;
}


/* What the visitor and the conversation are known by. */

static tavus_delivery_status_t
tavus_posthog_who(tavus_posthog_t *p, cJSON *properties)
{
    char                      *text;
    tavus_delivery_status_t    status;
    tavus_delivery_visitor_t  *v;

    v = &p->visitor;

    if (p->named) {
        status = tavus_delivery_text(&p->delivery->conversation_id, &text);

        if (status != TAVUS_DELIVERY_OK) {
            *p->reason = "unfit_conversation_id";
            return status;
        }

        if (text[0] && !tavus_posthog_add(properties, "conversation_id", text))
        {
            status = TAVUS_DELIVERY_ERROR;
        }

        free(text);

        if (status != TAVUS_DELIVERY_OK
            || !tavus_posthog_add(properties, "user_id", v->user_id)
            || !tavus_posthog_add(properties, "session_id", v->session_id))
        {
            return TAVUS_DELIVERY_ERROR;
        }

        if (v->session_id
            && tavus_posthog_session(v->session_id, p->delivery->time)
            && !tavus_posthog_add(properties, "$session_id", v->session_id))
        {
            return TAVUS_DELIVERY_ERROR;
        }
    }

    if (!tavus_posthog_add(properties, "vertical", v->vertical)
        || !tavus_posthog_add(properties, "utm_source", v->utm_source)
        || !tavus_posthog_add(properties, "utm_medium", v->utm_medium)
        || !tavus_posthog_add(properties, "utm_campaign", v->utm_campaign))
    {
        return TAVUS_DELIVERY_ERROR;
    }

    return TAVUS_DELIVERY_OK;
}


/* 1, also where it is none to be taken, or 0 if memory is out */

static int
tavus_posthog_take(void *data, const cJSON *item)
{
    size_t  len;
    cJSON  *properties;

    properties = data;
    len = strlen(item->string);

    if (len == 0 || len > TAVUS_POSTHOG_PROPERTY_MAX
        || tavus_posthog_ours(item->string)
        || cJSON_GetObjectItemCaseSensitive(properties, item->string))
    {
        return 1;
    }

    if (cJSON_IsNumber(item)) {
        return !isfinite(item->valuedouble)
               || cJSON_AddNumberToObject(properties, item->string,
                                          item->valuedouble) != NULL;
    }

    if (cJSON_IsBool(item)) {
        return cJSON_AddBoolToObject(properties, item->string,
                                     cJSON_IsTrue(item)) != NULL;
    }

    if (cJSON_IsString(item)) {
        return tavus_posthog_add(properties, item->string, item->valuestring);
    }

    return 1;
}


/* 1, also where there is no value, or 0 if memory is out */

static int
tavus_posthog_add(cJSON *properties, const char *name, const char *value)
{
    char    text[TAVUS_POSTHOG_VALUE_MAX + 1];
    size_t  len;

    if (value == NULL) {
        return 1;
    }

    len = tavus_delivery_cut(value, strlen(value), TAVUS_POSTHOG_VALUE_MAX);

    memcpy(text, value, len);
    text[len] = '\0';

    return cJSON_AddStringToObject(properties, name, text) != NULL;
}


/* what the body has no say in, or what PostHog reads as an order */

static int
tavus_posthog_ours(const char *name)
{
    size_t  i;

    static const char *const  names[] = {
        "conversation_id", "user_id", "session_id", "vertical", "utm_source",
        "utm_medium", "utm_campaign", "distinct_id", "alias", "token",
        "api_key"
    };

    if (name[0] == '$') {
        return 1;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
tavus_posthog_refused(const char *id)
{
    size_t       i, len;
    const char  *end;

    end = id + strlen(id);

    do {
        len = tavus_posthog_blank(id, end - id);
        id += len;
    } while (len);

    /* of UTF-8, what a character's bytes are ends no other one */

    do {
        for (len = 3; len > 0; len--) {
            if ((size_t) (end - id) >= len
                && tavus_posthog_blank(end - len, len) == len)
            {
                end -= len;
                break;
            }
        }
    } while (len);

    if (end - id >= 2 && (*id == '"' || *id == '\'') && end[-1] == *id) {
        id++;
        end--;
    }

    len = end - id;

    if (len == 0) {
        return 1;
    }

    for (i = 0; i < sizeof(tavus_posthog_ids) / sizeof(tavus_posthog_ids[0]);
         i++)
    {
        if (strlen(tavus_posthog_ids[i]) == len
            && strncasecmp(tavus_posthog_ids[i], id, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* bytes of the white space at the start, of Unicode's, as both trim it; or 0 */

static size_t
tavus_posthog_blank(const char *text, size_t len)
{
    uint32_t        c;
    const uint8_t  *p;

    p = (const uint8_t *) text;

    if (len == 0) {
        return 0;
    }

    if (p[0] <= ' ') {
        return 1;
    }

    if (len >= 2 && p[0] == 0xc2) {
        return p[1] == 0x85 || p[1] == 0xa0 ? 2 : 0;
    }

    if (len < 3) {
        return 0;
    }

    c = (uint32_t) p[0] << 16 | (uint32_t) p[1] << 8 | p[2];

    return c == 0xe19a80 || (c >= 0xe28080 && c <= 0xe2808a) || c == 0xe280a8
           || c == 0xe280a9 || c == 0xe280af || c == 0xe2819f || c == 0xe38080
           || c == 0xefbbbf ? 3 : 0;
}


/*
 * "Custom session IDs" (posthog.com/docs/data/sessions): a UUIDv7 whose time
 * is not behind the event's, nor a day before it; others count in no session.
 */

static int
tavus_posthog_session(const char *id, int64_t time)
{
    int      i;
    int64_t  began;
    uint8_t  uuid[TAVUS_UUID_LEN];

    if (tavus_uuid_parse(uuid, id, strlen(id)) != 0 || uuid[6] >> 4 != 7
        || uuid[8] >> 6 != 2)
    {
        return 0;
    }

    began = 0;

    for (i = 0; i < 6; i++) {
        began = began << 8 | uuid[i];
    }

    began *= 1000;

    return time >= began && time - began < TAVUS_POSTHOG_DAY;
}
