
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_document_read.h"
#include "http/ngx_tavus_args.h"


#define NGX_TAVUS_DOCUMENT_URL        2048      /* bytes */
#define NGX_TAVUS_DOCUMENT_NAME       200
#define NGX_TAVUS_DOCUMENT_TAG        100
#define NGX_TAVUS_DOCUMENT_TAGS       32
#define NGX_TAVUS_DOCUMENT_DEPTH      10
#define NGX_TAVUS_DOCUMENT_PAGES      100

#define NGX_TAVUS_DOCUMENT_LIMIT      50
#define NGX_TAVUS_DOCUMENT_MAX_LIMIT  100
#define NGX_TAVUS_DOCUMENT_MAX_PAGE   100000


/* what a body may hold; detail: what is wrong if it does not pass */

typedef struct {
    const char   *name;
    ngx_uint_t    ops;
    ngx_uint_t  (*fits)(cJSON *item);
    const char   *detail;
} ngx_tavus_admin_document_field_t;


static ngx_uint_t ngx_tavus_document_url(cJSON *item);
static ngx_uint_t ngx_tavus_document_name(cJSON *item);
static ngx_uint_t ngx_tavus_document_tags(cJSON *item);
static ngx_uint_t ngx_tavus_document_tag(cJSON *item);
static ngx_uint_t ngx_tavus_document_crawl(cJSON *item);
static ngx_uint_t ngx_tavus_document_plain(cJSON *item, size_t max);
static ngx_uint_t ngx_tavus_document_number(tavus_query_arg_t *arg,
    ngx_uint_t min, ngx_uint_t max, ngx_uint_t *number);


#define NGX_TAVUS_DOCUMENT(op)  (1 << (NGX_TAVUS_DOCUMENT_##op))


static const ngx_tavus_admin_document_field_t  ngx_tavus_document_fields[] = {

    { "document_url", NGX_TAVUS_DOCUMENT(CREATE), ngx_tavus_document_url,
      "The field must be an http or https URL of at most 2048 bytes, without "
      "a user in it." },

    { "document_name", NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(UPDATE),
      ngx_tavus_document_name,
      "The field must be a string of 1 to 200 bytes without control "
      "characters." },

    { "tags", NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(UPDATE),
      ngx_tavus_document_tags,
      "The field must be a list of at most 32 different strings of 1 to 100 "
      "bytes, without commas, control characters or blanks at their ends." },

    { "crawl", NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(RECRAWL),
      ngx_tavus_document_crawl,
      "The field must be an object of \"depth\", 1 to 10, and \"max_pages\", "
      "1 to 100." },

    { NULL, 0, NULL, NULL }
};


ngx_int_t
ngx_tavus_admin_document_body(ngx_uint_t op, cJSON *body,
    ngx_tavus_admin_document_fault_t *fault)
{
    cJSON                                   *item;
    const ngx_tavus_admin_document_field_t  *f;

    cJSON_ArrayForEach(item, body) {

        for (f = ngx_tavus_document_fields; f->name; f++) {
            if (f->ops & (1 << op) && ngx_strcmp(item->string, f->name) == 0)
            {
                break;
            }
        }

        if (f->name == NULL) {
            fault->code = "unknown_field";
            fault->field = NULL;
            fault->detail = "The request has a field that is not known.";
            return NGX_DECLINED;
        }

        if (!f->fits(item)) {
            fault->code = "invalid_field";
            fault->field = f->name;
            fault->detail = f->detail;
            return NGX_DECLINED;
        }
    }

    fault->code = "invalid_field";

    if (op == NGX_TAVUS_DOCUMENT_CREATE
        && !cJSON_HasObjectItem(body, "document_url"))
    {
        fault->field = "document_url";
        fault->detail = "The field is required.";
        return NGX_DECLINED;
    }

    if (op == NGX_TAVUS_DOCUMENT_UPDATE && body->child == NULL) {
        fault->field = NULL;
        fault->detail = "One of \"document_name\" and \"tags\" is required.";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* whose query may be a secret, but not a part that browsers do without */

static ngx_uint_t
ngx_tavus_document_url(cJSON *item)
{
    u_char  *p, *host;
    size_t   len;

    if (!cJSON_IsString(item)) {
        return 0;
    }

    p = (u_char *) item->valuestring;
    len = ngx_strlen(p);

    if (len > NGX_TAVUS_DOCUMENT_URL) {
        return 0;
    }

    if (ngx_strncmp(p, "https://", 8) == 0) {
        host = p + 8;

    } else if (ngx_strncmp(p, "http://", 7) == 0) {
        host = p + 7;

    } else {
        return 0;
    }

    for ( /* void */ ; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || ngx_strchr("\"<>\\^`{|}", *p) != NULL)
        {
            return 0;
        }
    }

    len = strcspn((char *) host, "/?#");

    return len && *host != ':' && ngx_strlchr(host, host + len, '@') == NULL;
}


static ngx_uint_t
ngx_tavus_document_name(cJSON *item)
{
    return ngx_tavus_document_plain(item, NGX_TAVUS_DOCUMENT_NAME);
}


static ngx_uint_t
ngx_tavus_document_tags(cJSON *item)
{
    cJSON  *p, *q;

    if (!cJSON_IsArray(item)
        || cJSON_GetArraySize(item) > NGX_TAVUS_DOCUMENT_TAGS)
    {
        return 0;
    }

    cJSON_ArrayForEach(p, item) {

        if (!ngx_tavus_document_tag(p)) {
            return 0;
        }

        for (q = item->child; q != p; q = q->next) {
            if (ngx_strcmp(p->valuestring, q->valuestring) == 0) {
                return 0;
            }
        }
    }

    return 1;
}


/* a comma could not be told from that of a list that is asked for */

static ngx_uint_t
ngx_tavus_document_tag(cJSON *item)
{
    char    *p;
    size_t   len;

    if (!ngx_tavus_document_plain(item, NGX_TAVUS_DOCUMENT_TAG)) {
        return 0;
    }

    p = item->valuestring;
    len = ngx_strlen(p);

    return p[0] != ' ' && p[len - 1] != ' ' && ngx_strchr(p, ',') == NULL;
}


static ngx_uint_t
ngx_tavus_document_crawl(cJSON *item)
{
    int     max;
    cJSON  *p;

    if (!cJSON_IsObject(item)) {
        return 0;
    }

    cJSON_ArrayForEach(p, item) {

        if (ngx_strcmp(p->string, "depth") == 0) {
            max = NGX_TAVUS_DOCUMENT_DEPTH;

        } else if (ngx_strcmp(p->string, "max_pages") == 0) {
            max = NGX_TAVUS_DOCUMENT_PAGES;

        } else {
            return 0;
        }

        if (!cJSON_IsNumber(p) || p->valuedouble != p->valueint
            || p->valueint < 1 || p->valueint > max)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_tavus_document_plain(cJSON *item, size_t max)
{
    size_t   len;
    u_char  *p;

    if (!cJSON_IsString(item)) {
        return 0;
    }

    len = ngx_strlen(item->valuestring);

    for (p = (u_char *) item->valuestring; *p; p++) {
        if (*p < ' ' || *p == 0x7f) {
            return 0;
        }
    }

    return len && len <= max;
}


ngx_int_t
ngx_tavus_admin_document_args(ngx_http_request_t *r, ngx_uint_t op,
    ngx_pool_t *pool, ngx_tavus_document_filter_t *filter, ngx_int_t *sent)
{
    const char         *bad;
    tavus_query_arg_t   args[] = {
        { "limit", 8, NULL, 0 },
        { "page", 8, NULL, 0 },
        { "sort", 16, NULL, 0 },
        { "status", 16, NULL, 0 },
        { "tags", 400, NULL, 0 },
        { "q", 200, NULL, 0 }
    };

    ngx_memzero(filter, sizeof(ngx_tavus_document_filter_t));

    if (ngx_tavus_args_read(r, pool, args,
                            op == NGX_TAVUS_DOCUMENT_LIST
                            ? sizeof(args) / sizeof(args[0]) : 0, sent)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    filter->limit = NGX_TAVUS_DOCUMENT_LIMIT;
    bad = NULL;

    if (!ngx_tavus_document_number(&args[0], 1, NGX_TAVUS_DOCUMENT_MAX_LIMIT,
                                   &filter->limit))
    {
        bad = "limit";
    }

    if (!ngx_tavus_document_number(&args[1], 0, NGX_TAVUS_DOCUMENT_MAX_PAGE,
                                   &filter->page))
    {
        bad = "page";
    }

    filter->descending = args[2].len == 0
                         || ngx_strcmp(args[2].value, "descending") == 0;

    if (!filter->descending && ngx_strcmp(args[2].value, "ascending") != 0) {
        bad = "sort";
    }

    if (args[3].len && !ngx_tavus_api_documents_status(args[3].value)) {
        bad = "status";
    }

    if (bad) {
        *sent = ngx_tavus_args_invalid(r, bad);
        return NGX_DECLINED;
    }

    filter->status.data = (u_char *) args[3].value;
    filter->status.len = args[3].len;
    filter->tags.data = (u_char *) args[4].value;
    filter->tags.len = args[4].len;
    filter->name.data = (u_char *) args[5].value;
    filter->name.len = args[5].len;

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_document_number(tavus_query_arg_t *arg, ngx_uint_t min,
    ngx_uint_t max, ngx_uint_t *number)
{
    int64_t  n;

    if (arg->len == 0) {
        return 1;
    }

    if (tavus_query_number(arg->value, arg->len, (int64_t) min,
                           (int64_t) max, &n)
        != 0)
    {
        return 0;
    }

    *number = (ngx_uint_t) n;

    return 1;
}
