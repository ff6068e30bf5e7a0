
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_contact.h"
#include "endpoint/ngx_tavus_field.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_event.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_CONTACT_BODY  65536


static void ngx_tavus_contact_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_contact_read(cJSON *root, cJSON *issues);
static ngx_int_t ngx_tavus_contact_store(ngx_http_request_t *r, cJSON *root);
static void ngx_tavus_contact_stored(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);


static ngx_tavus_field_t  ngx_tavus_contact_fields[] = {
    { "name", 2, 200, NGX_TAVUS_FIELD_LINE,
      "The name must have 2 to 200 characters." },
    { "email", 3, 254, NGX_TAVUS_FIELD_EMAIL,
      "The email must be an address such as name@example.com." },
    { "message", 10, 5000, NGX_TAVUS_FIELD_LINES,
      "The message must have 10 to 5000 characters." },
    { "phone", 0, 40, NGX_TAVUS_FIELD_LINE,
      "The phone number must have at most 40 characters." },
    { "company", 0, 200, NGX_TAVUS_FIELD_LINE,
      "The company must have at most 200 characters." },
    { "session_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The session_id must have at most 128 bytes." },
    { "user_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The user_id must have at most 128 bytes." },
    { "conversation_id", 0, 128, NGX_TAVUS_FIELD_LABEL,
      "The conversation_id must have at most 128 bytes." },
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
ngx_tavus_contact_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc == NGX_OK) {
        rc = ngx_tavus_allow_json(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_CONTACT_BODY,
                               ngx_tavus_contact_body);
}


static void
ngx_tavus_contact_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON      *root, *extra, *issues;
    ngx_int_t   rc;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    extra = cJSON_CreateObject();
    issues = cJSON_AddArrayToObject(extra, "issues");

    if (ngx_tavus_contact_read(root, issues) != NGX_OK) {
        cJSON_Delete(root);

        rc = ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST,
                                         "invalid_contact", 0,
                                         "Some fields need another look.",
                                         extra);
        ngx_tavus_finalize(r, rc);
        return;
    }

    cJSON_Delete(extra);

    rc = ngx_tavus_contact_store(r, root);

    cJSON_Delete(root);

    if (rc != NGX_OK) {
        ngx_tavus_finalize(r, ngx_tavus_intake_unavailable(r));
    }
}


static ngx_int_t
ngx_tavus_contact_read(cJSON *root, cJSON *issues)
{
    cJSON              *item, *issue;
    ngx_uint_t          faults;
    ngx_tavus_field_t  *field;

    faults = 0;

    cJSON_ArrayForEach(item, root) {

        for (field = ngx_tavus_contact_fields; field->name; field++) {
            if (ngx_strcmp(item->string, field->name) == 0) {
                break;
            }
        }

        if (field->name == NULL) {
            issue = cJSON_CreateObject();
            (void) cJSON_AddStringToObject(issue, "message",
                                           "There is a field that is not "
                                           "known.");
            (void) cJSON_AddItemToArray(issues, issue);
            return NGX_DECLINED;
        }
    }

    for (field = ngx_tavus_contact_fields; field->name; field++) {

        item = cJSON_GetObjectItemCaseSensitive(root, field->name);

        if (ngx_tavus_field_fit(field, item)) {
            continue;
        }

        faults++;

        issue = cJSON_CreateObject();
        (void) cJSON_AddStringToObject(issue, "field", field->name);
        (void) cJSON_AddStringToObject(issue, "message", field->issue);
        (void) cJSON_AddItemToArray(issues, issue);
    }

    return faults ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_tavus_contact_store(ngx_http_request_t *r, cJSON *root)
{
    char               *text;
    ngx_int_t           rc;
    ngx_str_t          *request_id;
    tavus_part_t        parts[3];
    ngx_tavus_ctx_t    *ctx;
    ngx_tavus_event_t   ev;

    text = cJSON_PrintUnformatted(root);
    if (text == NULL) {
        return NGX_ERROR;
    }

    request_id = ngx_tavus_request_id(r);

    ngx_memzero(&ev, sizeof(ngx_tavus_event_t));

    ev.kind = NGX_TAVUS_KIND_CONVERSION;
    ngx_str_set(&ev.source, "browser");
    ngx_str_set(&ev.event_type, "contact.submitted");
    ev.body.data = (u_char *) text;
    ev.body.len = ngx_strlen(text);

    parts[0].data = ev.source.data;
    parts[0].len = ev.source.len;
    parts[1].data = ev.event_type.data;
    parts[1].len = ev.event_type.len;
    parts[2].data = request_id->data;
    parts[2].len = request_id->len;

    ctx = ngx_tavus_get_ctx(r);
    ctx->event_type = ev.event_type;

    rc = ngx_tavus_store_identify(&ev, -1, parts, 3);

    if (rc == NGX_OK) {
        ev.floating = 0;
        rc = ngx_tavus_intake(r, &ev, 1, ngx_tavus_contact_stored);
    }

    cJSON_free(text);

    return rc;
}


static void
ngx_tavus_contact_stored(ngx_http_request_t *r, ngx_tavus_outcome_e outcome)
{
    ngx_int_t  rc;

    static ngx_str_t  received = ngx_string("{\"received\":true}");

    if (outcome >= NGX_TAVUS_FOREIGN) {
        rc = ngx_tavus_intake_unavailable(r);

    } else {
        rc = ngx_tavus_send(r, NGX_HTTP_OK, "application/json", &received);
    }

    ngx_tavus_finalize(r, rc);
}
