
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdlib.h>
#include <string.h>

#include "tavus_webhook_out.h"


static tavus_delivery_status_t tavus_webhook_out_data(cJSON *data,
    const tavus_delivery_t *delivery, int named, const char **reason);
static tavus_delivery_status_t tavus_webhook_out_text(cJSON *object,
    const char *name, const tavus_part_t *part);
static tavus_delivery_status_t tavus_webhook_out_body(cJSON *data,
    const tavus_part_t *body, const char **reason);


/* Standard Webhooks, "Example retry schedule": seconds before each attempt */

static const int64_t  tavus_webhook_out_delays[TAVUS_WEBHOOK_OUT_ATTEMPTS] = {
    0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600,
    20 * 3600, 24 * 3600
};


tavus_delivery_status_t
tavus_webhook_out(const tavus_delivery_t *delivery, tavus_consent_t consent,
    char **json, size_t *len, const char **reason)
{
    char                         time[TAVUS_DELIVERY_TIME];
    cJSON                       *root, *data;
    uint8_t                      uuid[TAVUS_UUID_LEN];
    tavus_delivery_status_t      status;
    tavus_delivery_visitor_t     visitor;
    tavus_delivery_judgement_t   judgement;

    *json = NULL;
    *len = 0;

    status = tavus_delivery_visitor(&visitor, delivery, reason);

    judgement = status == TAVUS_DELIVERY_OK
                ? tavus_delivery_judge(&visitor, consent,
                                       TAVUS_DELIVERY_WEBHOOK, reason)
                : TAVUS_DELIVERY_WITHHELD;

    tavus_delivery_visitor_free(&visitor);

    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    if (judgement == TAVUS_DELIVERY_WITHHELD) {
        return TAVUS_DELIVERY_SKIP;
    }

    if (tavus_uuid_parse(uuid, delivery->id,
                         strnlen(delivery->id, sizeof(delivery->id)))
        != 0)
    {
        *reason = "unfit_id";
        return TAVUS_DELIVERY_BAD;
    }

    if (delivery->event_type.len == 0) {
        *reason = "unfit_event_type";
        return TAVUS_DELIVERY_BAD;
    }

    root = cJSON_CreateObject();

    status = tavus_webhook_out_text(root, "type", &delivery->event_type);

    if (status == TAVUS_DELIVERY_BAD) {
        *reason = "unfit_event_type";
    }

    if (status == TAVUS_DELIVERY_OK) {
        tavus_delivery_time(delivery->time, time);

        data = cJSON_AddStringToObject(root, "timestamp", time)
               ? cJSON_AddObjectToObject(root, "data") : NULL;

        status = data ? tavus_webhook_out_data(data, delivery,
                                               judgement
                                               == TAVUS_DELIVERY_NAMED,
                                               reason)
                      : TAVUS_DELIVERY_ERROR;
    }

    if (status == TAVUS_DELIVERY_OK) {
        *json = cJSON_PrintUnformatted(root);

        if (*json) {
            *len = strlen(*json);

        } else {
            status = TAVUS_DELIVERY_ERROR;
        }
    }

    cJSON_Delete(root);

    return status;
}


int64_t
tavus_webhook_out_retry(unsigned attempts, uint32_t random)
{
    int64_t  delay;

    if (attempts >= TAVUS_WEBHOOK_OUT_ATTEMPTS) {
        return -1;
    }

    delay = tavus_webhook_out_delays[attempts] * 1000;

    return delay + random % (delay / 10 + 1);
}


static tavus_delivery_status_t
tavus_webhook_out_data(cJSON *data, const tavus_delivery_t *delivery,
    int named, const char **reason)
{
    tavus_delivery_status_t  status;

    if (cJSON_AddStringToObject(data, "id", delivery->id) == NULL) {
        return TAVUS_DELIVERY_ERROR;
    }

    status = tavus_webhook_out_text(data, "source", &delivery->source);

    if (status == TAVUS_DELIVERY_BAD) {
        *reason = "unfit_source";
    }

    /* what a body says of the visitor cannot be told from all else */

    if (status != TAVUS_DELIVERY_OK || !named) {
        return status;
    }

    status = tavus_webhook_out_text(data, "conversation_id",
                                    &delivery->conversation_id);

    if (status == TAVUS_DELIVERY_BAD) {
        *reason = "unfit_conversation_id";
    }

    if (status != TAVUS_DELIVERY_OK) {
        return status;
    }

    return tavus_webhook_out_body(data, &delivery->body, reason);
}


static tavus_delivery_status_t
tavus_webhook_out_text(cJSON *object, const char *name,
    const tavus_part_t *part)
{
    char                     *text;
    tavus_delivery_status_t   status;

    if (part->len == 0) {
        return TAVUS_DELIVERY_OK;
    }

    if (part->len > TAVUS_WEBHOOK_OUT_NAME) {
        return TAVUS_DELIVERY_BAD;
    }

    status = tavus_delivery_text(part, &text);

    if (status == TAVUS_DELIVERY_OK
        && cJSON_AddStringToObject(object, name, text) == NULL)
    {
        status = TAVUS_DELIVERY_ERROR;
    }

    free(text);

    return status;
}


static tavus_delivery_status_t
tavus_webhook_out_body(cJSON *data, const tavus_part_t *body,
    const char **reason)
{
    char   *text;
    cJSON  *raw;

    if (body->len > TAVUS_WEBHOOK_OUT_BODY) {
        return cJSON_AddNumberToObject(data, "body_bytes",
                                       (double) body->len)
               ? TAVUS_DELIVERY_OK : TAVUS_DELIVERY_ERROR;
    }

    if (body->len == 0
        || tavus_json_check(body->data, body->len, NULL, 0, NULL)
           != TAVUS_JSON_OK)
    {
        *reason = "body_not_json";
        return TAVUS_DELIVERY_BAD;
    }

    if (tavus_delivery_text(body, &text) != TAVUS_DELIVERY_OK) {
        return TAVUS_DELIVERY_ERROR;
    }

    raw = cJSON_AddRawToObject(data, "body", text);

    free(text);

    return raw ? TAVUS_DELIVERY_OK : TAVUS_DELIVERY_ERROR;
}
