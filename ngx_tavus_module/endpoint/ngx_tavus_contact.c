
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_contact.h"
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


typedef enum {
    NGX_TAVUS_CONTACT_LINE = 0,
    NGX_TAVUS_CONTACT_LINES,        /* line ends are allowed */
    NGX_TAVUS_CONTACT_LABEL,        /* max is in bytes */
    NGX_TAVUS_CONTACT_CONSENT
} ngx_tavus_contact_kind_e;


typedef struct {
    const char   *name;
    size_t        min;              /* characters; 0: may be absent */
    size_t        max;
    ngx_uint_t    kind;             /* ngx_tavus_contact_kind_e */
    const char   *issue;
} ngx_tavus_contact_field_t;


static void ngx_tavus_contact_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_contact_read(cJSON *root, cJSON *issues);
static ngx_uint_t ngx_tavus_contact_fit(ngx_tavus_contact_field_t *field,
    cJSON *item);
static ngx_uint_t ngx_tavus_contact_email(const char *email);
static ngx_int_t ngx_tavus_contact_store(ngx_http_request_t *r, cJSON *root);
static void ngx_tavus_contact_stored(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);


static ngx_tavus_contact_field_t  ngx_tavus_contact_fields[] = {
    { "name", 2, 200, NGX_TAVUS_CONTACT_LINE,
      "The name must have 2 to 200 characters." },
    { "email", 3, 254, NGX_TAVUS_CONTACT_LINE,
      "The email must be an address such as name@example.com." },
    { "message", 10, 5000, NGX_TAVUS_CONTACT_LINES,
      "The message must have 10 to 5000 characters." },
    { "phone", 0, 40, NGX_TAVUS_CONTACT_LINE,
      "The phone number must have at most 40 characters." },
    { "company", 0, 200, NGX_TAVUS_CONTACT_LINE,
      "The company must have at most 200 characters." },
    { "session_id", 0, 128, NGX_TAVUS_CONTACT_LABEL,
      "The session_id must have at most 128 bytes." },
    { "user_id", 0, 128, NGX_TAVUS_CONTACT_LABEL,
      "The user_id must have at most 128 bytes." },
    { "conversation_id", 0, 128, NGX_TAVUS_CONTACT_LABEL,
      "The conversation_id must have at most 128 bytes." },
    { "utm_source", 0, 200, NGX_TAVUS_CONTACT_LABEL,
      "The utm_source must have at most 200 bytes." },
    { "utm_medium", 0, 200, NGX_TAVUS_CONTACT_LABEL,
      "The utm_medium must have at most 200 bytes." },
    { "utm_campaign", 0, 200, NGX_TAVUS_CONTACT_LABEL,
      "The utm_campaign must have at most 200 bytes." },
    { "consent", 0, 0, NGX_TAVUS_CONTACT_CONSENT,
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
    cJSON                      *item, *issue;
    ngx_uint_t                  faults;
    ngx_tavus_contact_field_t  *field;

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

        if (ngx_tavus_contact_fit(field, item)) {
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


/* the fields go into mails: no line ends where a header could begin */

static ngx_uint_t
ngx_tavus_contact_fit(ngx_tavus_contact_field_t *field, cJSON *item)
{
    size_t       n, first, last;
    const char  *p, *word;

    if (item == NULL) {
        return field->min == 0;
    }

    if (field->kind == NGX_TAVUS_CONTACT_CONSENT) {
        return ngx_tavus_consent(item, &word) == NGX_OK;
    }

    if (!cJSON_IsString(item)) {
        return 0;
    }

    n = 0;
    first = 0;
    last = 0;

    for (p = item->valuestring; *p; p++) {

        if (((unsigned char) *p < ' ' || *p == 0x7f)
            && !(field->kind == NGX_TAVUS_CONTACT_LINES
                 && (*p == LF || *p == CR || *p == '\t')))
        {
            return 0;
        }

        /* continuation bytes of UTF-8 are no characters */

        n += ((unsigned char) *p & 0xc0) != 0x80
             || field->kind == NGX_TAVUS_CONTACT_LABEL;

        /* nor do blanks at the ends make a name */

        if ((unsigned char) *p > ' ') {
            last = n;

            if (first == 0) {
                first = n;
            }
        }
    }

    if ((last ? last - first + 1 : 0) < field->min || n > field->max) {
        return 0;
    }

    return ngx_strcmp(field->name, "email") != 0
           || ngx_tavus_contact_email(item->valuestring);
}


/* what can be an address; whether it is one, only a mail to it would tell */

static ngx_uint_t
ngx_tavus_contact_email(const char *email)
{
    char         last;
    const char  *p, *at, *dot;

    at = NULL;
    dot = NULL;
    last = '.';

    for (p = email; *p; p++) {

        if (*p <= ' ' || (unsigned char) *p >= 0x7f
            || ngx_strchr("\"(),:;<>[\\]", *p))
        {
            return 0;
        }

        if (*p == '@') {
            if (at || last == '.') {
                return 0;
            }

            at = p;

        } else if (*p == '.') {
            if (last == '.' || last == '@') {
                return 0;
            }

            if (at) {
                dot = p;
            }
        }

        last = *p;
    }

    return at != NULL && at - email <= 64 && dot != NULL && last != '.';
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
