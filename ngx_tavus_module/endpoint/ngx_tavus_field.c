
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_field.h"
#include "http/ngx_tavus_request.h"


static ngx_uint_t ngx_tavus_field_email(const char *email);


/* the fields go into mails: no line ends where a header could begin */

ngx_uint_t
ngx_tavus_field_fit(ngx_tavus_field_t *field, cJSON *item)
{
    size_t       n, first, last;
    const char  *p, *word;

    if (item == NULL) {
        return field->min == 0;
    }

    if (field->kind == NGX_TAVUS_FIELD_CONSENT) {
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
            && !(field->kind == NGX_TAVUS_FIELD_LINES
                 && (*p == LF || *p == CR || *p == '\t')))
        {
            return 0;
        }

        /* continuation bytes of UTF-8 are no characters */

        n += ((unsigned char) *p & 0xc0) != 0x80
             || field->kind == NGX_TAVUS_FIELD_LABEL;

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

    return field->kind != NGX_TAVUS_FIELD_EMAIL
           || ngx_tavus_field_email(item->valuestring);
}


/* what can be an address; whether it is one, only a mail to it would tell */

static ngx_uint_t
ngx_tavus_field_email(const char *email)
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
