
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api_documents.h"
#include "service/ngx_tavus_service.h"


#define NGX_TAVUS_DOCUMENT_PATH      "/v2/documents"
#define NGX_TAVUS_DOCUMENT_ANSWER    (256 * 1024)
#define NGX_TAVUS_DOCUMENT_ANSWERS   (1024 * 1024)

#define NGX_TAVUS_DOCUMENT_COOLDOWN  3600       /* seconds */
#define NGX_TAVUS_DOCUMENT_PAUSE     60

#define NGX_TAVUS_DOCUMENT_MAX_NAME  1000       /* bytes of what is shown */
#define NGX_TAVUS_DOCUMENT_MAX_URL   4096
#define NGX_TAVUS_DOCUMENT_MAX_TAG   200
#define NGX_TAVUS_DOCUMENT_MAX_TAGS  100
#define NGX_TAVUS_DOCUMENT_MAX_URLS  1000


typedef struct {
    const char  *name;
    const char  *method;
    const char  *tail;          /* of the path, behind the id */
    ngx_uint_t   item;
    ngx_uint_t   status;        /* that says that it was done */
    ngx_uint_t   other;         /* or this one */
} ngx_tavus_document_op_t;


/* how a refusal is understood: the first row that fits */

typedef struct {
    ngx_uint_t                  upstream;
    ngx_uint_t                  ops;        /* mask; 0: any */
    const char                 *word;       /* in Tavus's message, if set */
    ngx_tavus_document_fault_t  fault;
} ngx_tavus_document_row_t;


typedef struct {
    const char  *code;
    const char  *detail;
} ngx_tavus_document_error_t;


static ngx_int_t ngx_tavus_document_path(ngx_tavus_curl_t *t, ngx_uint_t op,
    ngx_str_t *id, ngx_str_t *query);
static void ngx_tavus_document_judge(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault);
static void ngx_tavus_document_lost(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault);
static void ngx_tavus_document_refused(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault);
static void ngx_tavus_document_unfit(ngx_uint_t op,
    ngx_tavus_document_fault_t *fault);
static cJSON *ngx_tavus_document_list(cJSON *root);
static cJSON *ngx_tavus_document_one(cJSON *item, ngx_uint_t whole);
static void ngx_tavus_document_strings(cJSON *from, cJSON *to, const char
    *name, size_t max, ngx_uint_t n);
static void ngx_tavus_document_string(cJSON *from, cJSON *to, const char
    *name, size_t max);
static void ngx_tavus_document_number(cJSON *from, cJSON *to, const char
    *name);
static void ngx_tavus_document_error(cJSON *from, cJSON *to);


#define NGX_TAVUS_DOCUMENT(op)  (1 << (NGX_TAVUS_DOCUMENT_##op))

#define NGX_TAVUS_DOCUMENT_ITEM                                              \
    (NGX_TAVUS_DOCUMENT(READ)|NGX_TAVUS_DOCUMENT(UPDATE)                     \
     |NGX_TAVUS_DOCUMENT(DELETE)|NGX_TAVUS_DOCUMENT(RECRAWL))


static const ngx_tavus_document_op_t  ngx_tavus_document_ops[] = {
    { "list", "GET", "", 0, 200, 200 },
    { "read", "GET", "", 1, 200, 200 },
    { "create", "POST", "", 0, 200, 201 },
    { "update", "PATCH", "", 1, 200, 200 },
    { "delete", "DELETE", "", 1, 204, 200 },
    { "recrawl", "POST", "/recrawl", 1, 202, 200 }
};


static const char  *ngx_tavus_document_statuses[] = {
    "started", "processing", "ready", "error", "recrawling", NULL
};


static const ngx_tavus_document_row_t  ngx_tavus_document_rows[] = {

    { 401, 0, NULL,
      { 502, "api_key_refused",
        "Tavus refuses the key of this server: see \"tavus_api_key\".", 0,
        "invalid_api_key", 0 } },

    { 403, 0, NULL,
      { 502, "api_key_refused",
        "Tavus does not allow this to the key of this server, or not from "
        "its address: see \"tavus_api_key\".", 0, "invalid_api_key", 0 } },

    { 402, 0, NULL,
      { 502, "out_of_credits", "The account at Tavus is out of credits.", 0,
        "out_of_credits", 0 } },

    { 404, NGX_TAVUS_DOCUMENT_ITEM, NULL,
      { 404, "not_found", "There is no such document at Tavus.", 0,
        "not_found", 0 } },

    { 409, NGX_TAVUS_DOCUMENT(RECRAWL), NULL,
      { 409, "document_busy",
        "The document is being read. It can be read again when it is ready, "
        "or has failed.", 0, "wrong_state", 0 } },

    { 429, NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(RECRAWL),
      "concurrent",
      { 429, "crawl_busy",
        "Tavus reads at most five sites at a time: wait until one is done.",
        NGX_TAVUS_DOCUMENT_PAUSE, "crawl_busy", 0 } },

    { 429, NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(RECRAWL),
      "limit reached",
      { 409, "crawl_limit",
        "The account has as many documents of crawled sites as Tavus allows "
        "(100, unless agreed otherwise): delete one first.", 0,
        "crawl_limit", 0 } },

    { 429, NGX_TAVUS_DOCUMENT(RECRAWL), NULL,
      { 429, "recrawl_cooldown",
        "Tavus reads a document's site again at most once an hour.",
        NGX_TAVUS_DOCUMENT_COOLDOWN, "recrawl_cooldown", 0 } },

    { 429, 0, NULL,
      { 429, "tavus_rate_limited",
        "Tavus takes no more requests of this account for the moment.",
        NGX_TAVUS_DOCUMENT_PAUSE, "rate_limited", 0 } },

    { 400, NGX_TAVUS_DOCUMENT(CREATE), "url",
      { 400, "invalid_document_url",
        "Tavus cannot use the URL: it must be public, and lead to a file of "
        "a kind that it reads, or to a site.", 0, "invalid_url", 0 } },

    { 400, NGX_TAVUS_DOCUMENT(RECRAWL), "crawl",
      { 409, "not_crawled",
        "The document was made without a crawl: \"crawl\" must say how far "
        "this one goes.", 0, "not_crawled", 0 } },

    { 400, NGX_TAVUS_DOCUMENT(CREATE)|NGX_TAVUS_DOCUMENT(UPDATE)
      |NGX_TAVUS_DOCUMENT(RECRAWL), NULL,
      { 400, "document_refused",
        "Tavus refuses this as it is; the error log has its words.", 0,
        "refused", 0 } },

    { 0, 0, NULL, { 0, NULL, NULL, 0, NULL, 0 } }
};


/* documents: error_message */

static const ngx_tavus_document_error_t  ngx_tavus_document_errors[] = {
    { "file_download_failed",
      "Tavus could not fetch the file: its URL must be public, and lead to it "
      "at once." },
    { "file_format_unsupported",
      "Tavus does not read files of this kind: it reads pdf, txt, docx, doc, "
      "png, jpg, pptx, csv and xlsx." },
    { "file_size_too_large", "The file is larger than 50 MB." },
    { "file_empty", "There is nothing in the file." },
    { "invalid_file_url", "The URL leads to no file that Tavus can use." },
    { "document_processing_failed",
      "Tavus could not read the file: is it damaged, or has it a password?" },
    { "website_processing_failed",
      "Tavus could not read the site: does it answer, and let robots in?" },
    { "chunking_failed",
      "Tavus could not take the text apart: try again, or ask its support." },
    { "embedding_failed",
      "Tavus could not index the text: try again, or ask its support." },
    { "vector_store_failed",
      "Tavus could not store the text: try again, or ask its support." },
    { "contact_support", "Tavus does not say why: ask its support." },
    { NULL, NULL }
};


ngx_int_t
ngx_tavus_api_documents_query(ngx_pool_t *pool,
    ngx_tavus_document_filter_t *filter, ngx_str_t *query)
{
    size_t       len;
    u_char      *p;
    ngx_uint_t   i;

    struct {
        const char  *name;
        ngx_str_t   *value;
    } args[] = {
        { "status", &filter->status },
        { "tags", &filter->tags },
        { "name_or_uuid", &filter->name },
        { NULL, NULL }
    };

    len = sizeof("?limit=&page=&sort=descending") + 2 * NGX_INT_T_LEN;

    for (i = 0; args[i].name; i++) {
        len += sizeof("&=") + ngx_strlen(args[i].name)
               + 3 * args[i].value->len;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    query->data = p;

    p = ngx_sprintf(p, "?limit=%ui&page=%ui&sort=%s", filter->limit,
                    filter->page,
                    filter->descending ? "descending" : "ascending");

    for (i = 0; args[i].name; i++) {

        if (args[i].value->len == 0) {
            continue;
        }

        p = ngx_sprintf(p, "&%s=", args[i].name);
        p = (u_char *) ngx_escape_uri(p, args[i].value->data,
                                      args[i].value->len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    query->len = p - query->data;

    return NGX_OK;
}


ngx_tavus_curl_t *
ngx_tavus_api_documents_send(ngx_tavus_api_t *api, ngx_uint_t op,
    ngx_str_t *id, ngx_str_t *query, ngx_str_t *body,
    ngx_tavus_curl_pt handler, void *data)
{
    ngx_int_t          rc;
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_api_transfer(api, ngx_tavus_document_ops[op].method,
                               handler, data);
    if (t == NULL) {
        return NULL;
    }

    t->max = op == NGX_TAVUS_DOCUMENT_LIST ? NGX_TAVUS_DOCUMENT_ANSWERS
                                           : NGX_TAVUS_DOCUMENT_ANSWER;

    t->fresh = op >= NGX_TAVUS_DOCUMENT_CREATE && body->len == 0;

    rc = ngx_tavus_document_path(t, op, id, query);

    if (rc == NGX_OK) {

        /* without a body libcurl would speak of a form */

        rc = body->len ? ngx_tavus_service_body(t, body)
                       : ngx_tavus_curl_header(t, "Content-Type:");
    }

    if (rc != NGX_OK) {
        ngx_tavus_curl_cancel(t);
        return NULL;
    }

    return ngx_tavus_curl_send(t) == NGX_OK ? t : NULL;
}


static ngx_int_t
ngx_tavus_document_path(ngx_tavus_curl_t *t, ngx_uint_t op, ngx_str_t *id,
    ngx_str_t *query)
{
    u_char                         *p;
    const ngx_tavus_document_op_t  *o;

    o = &ngx_tavus_document_ops[op];

    if (o->item && !ngx_tavus_api_valid_id(id->data, id->len)) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(t->pool, sizeof(NGX_TAVUS_DOCUMENT_PATH "/")
                             + id->len + ngx_strlen(o->tail) + query->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    t->path.data = p;

    p = ngx_cpymem(p, NGX_TAVUS_DOCUMENT_PATH,
                   sizeof(NGX_TAVUS_DOCUMENT_PATH) - 1);

    if (o->item) {
        p = ngx_sprintf(p, "/%V", id);
    }

    p = ngx_sprintf(p, "%s%V", o->tail, query);

    t->path.len = p - t->path.data;

    return NGX_OK;
}


cJSON *
ngx_tavus_api_documents_answer(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault)
{
    cJSON  *root, *answer;

    ngx_tavus_document_judge(op, t, fault);

    if (fault->status) {
        return NULL;
    }

    if (op == NGX_TAVUS_DOCUMENT_DELETE) {
        answer = cJSON_CreateObject();

    } else {
        (void) tavus_json_parse((char *) t->answer.data, t->answer.len, &root,
                                NULL);

        answer = op == NGX_TAVUS_DOCUMENT_LIST
                 ? ngx_tavus_document_list(root)
                 : ngx_tavus_document_one(root, 1);

        cJSON_Delete(root);
    }

    if (answer == NULL) {
        ngx_tavus_document_unfit(op, fault);
    }

    return answer;
}


static void
ngx_tavus_document_judge(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault)
{
    const ngx_tavus_document_op_t  *o;

    o = &ngx_tavus_document_ops[op];

    ngx_memzero(fault, sizeof(ngx_tavus_document_fault_t));

    if (t == NULL || t->rc != CURLE_OK) {
        ngx_tavus_document_lost(op, t, fault);

    } else if (t->status >= 400 && t->status < 500 && t->status != 408) {

        /* only a refusal says that nothing was done */

        ngx_tavus_document_refused(op, t, fault);

    } else if (t->status != o->status && t->status != o->other) {
        ngx_tavus_document_unfit(op, fault);

        if (t->status >= 500) {
            fault->reason = "server_error";

        } else if (t->status == 408) {
            fault->reason = "timeout";
        }
    }
}


/* no answer: whoever got all of the request may have acted on it */

static void
ngx_tavus_document_lost(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault)
{
    ngx_uint_t  sent;

    sent = t && (t->body.len ? t->body_sent : t->sent) != 0;

    if (t && t->rc == CURLE_WRITE_ERROR) {
        ngx_tavus_document_unfit(op, fault);
        return;
    }

    fault->status = 502;
    fault->code = "upstream_error";
    fault->detail = "Tavus could not be reached; nothing was changed.";
    fault->reason = t == NULL ? "not_sent"
                    : sent ? "connection_lost" : "unreachable";

    if (t && t->rc == CURLE_OPERATION_TIMEDOUT) {
        fault->status = 504;
        fault->code = "upstream_timeout";
        fault->detail = "Tavus did not answer in time; nothing was changed.";
        fault->reason = "timeout";
    }

    if (sent && op >= NGX_TAVUS_DOCUMENT_CREATE) {
        fault->code = "outcome_unknown";
        fault->detail = "Tavus did not answer, and may have done it or not: "
                        "look at the documents before you try again.";
        fault->unknown = 1;
    }
}


static void
ngx_tavus_document_refused(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault)
{
    u_char                          *last;
    const ngx_tavus_document_row_t  *row;

    last = t->answer.data + t->answer.len;

    for (row = ngx_tavus_document_rows; row->upstream; row++) {

        if (row->upstream != t->status
            || (row->ops && !(row->ops & (1 << op))))
        {
            continue;
        }

        if (row->word
            && (t->answer.len == 0
                || ngx_strlcasestrn(t->answer.data, last,
                                    (u_char *) row->word,
                                    ngx_strlen(row->word) - 1)
                   == NULL))
        {
            continue;
        }

        *fault = row->fault;

        if (fault->retry_after && t->retry_after) {
            fault->retry_after = t->retry_after;
        }

        return;
    }

    fault->status = 502;
    fault->code = "upstream_error";
    fault->detail = "Tavus refused this, in a way that is not known here; the "
                    "error log has its words.";
    fault->reason = "refused";
}


static void
ngx_tavus_document_unfit(ngx_uint_t op, ngx_tavus_document_fault_t *fault)
{
    fault->status = 502;
    fault->code = "upstream_error";
    fault->detail = "Tavus did not answer as it should.";
    fault->reason = "invalid_answer";

    if (op >= NGX_TAVUS_DOCUMENT_CREATE) {
        fault->code = "outcome_unknown";
        fault->detail = "Tavus did not answer as it should, and may have done "
                        "it or not: look at the documents before you try "
                        "again.";
        fault->unknown = 1;
    }
}


static cJSON *
ngx_tavus_document_list(cJSON *root)
{
    cJSON  *answer, *documents, *data, *item, *document;

    data = cJSON_GetObjectItemCaseSensitive(root, "data");

    if (!cJSON_IsArray(data)
        || !cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(root,
                                                            "total_count")))
    {
        return NULL;
    }

    answer = cJSON_CreateObject();
    documents = cJSON_AddArrayToObject(answer, "documents");

    cJSON_ArrayForEach(item, data) {
        document = ngx_tavus_document_one(item, 0);

        if (document == NULL) {
            cJSON_Delete(answer);
            return NULL;
        }

        (void) cJSON_AddItemToArray(documents, document);
    }

    ngx_tavus_document_number(root, answer, "total_count");
    ngx_tavus_document_number(root, answer, "page");
    ngx_tavus_document_number(root, answer, "limit");

    return answer;
}


/*
 * What is known of a document, and fit to be shown; whole: with all pages
 * that were read.  NULL if it is none.
 */

static cJSON *
ngx_tavus_document_one(cJSON *item, ngx_uint_t whole)
{
    cJSON   *document, *id, *crawl, *p;
    size_t   len;

    id = cJSON_GetObjectItemCaseSensitive(item, "document_id");
    len = cJSON_IsString(id) ? ngx_strlen(id->valuestring) : 0;

    if (len > NGX_TAVUS_DOCUMENT_MAX_ID
        || !ngx_tavus_api_valid_id(len ? (u_char *) id->valuestring : NULL,
                                   len))
    {
        return NULL;
    }

    document = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(document, "document_id", id->valuestring);

    ngx_tavus_document_string(item, document, "document_name",
                              NGX_TAVUS_DOCUMENT_MAX_NAME);
    ngx_tavus_document_string(item, document, "document_url",
                              NGX_TAVUS_DOCUMENT_MAX_URL);

    p = cJSON_GetObjectItemCaseSensitive(item, "status");

    (void) cJSON_AddStringToObject(document, "status",
                         cJSON_IsString(p)
                         && ngx_tavus_api_documents_status(p->valuestring)
                         ? p->valuestring : "unknown");

    ngx_tavus_document_number(item, document, "progress");
    ngx_tavus_document_error(item, document);
    ngx_tavus_document_strings(item, document, "tags",
                               NGX_TAVUS_DOCUMENT_MAX_TAG,
                               NGX_TAVUS_DOCUMENT_MAX_TAGS);
    ngx_tavus_document_string(item, document, "created_at", 64);
    ngx_tavus_document_string(item, document, "updated_at", 64);

    p = cJSON_GetObjectItemCaseSensitive(item, "crawl_config");

    if (cJSON_IsObject(p)) {
        crawl = cJSON_AddObjectToObject(document, "crawl");

        ngx_tavus_document_number(p, crawl, "depth");
        ngx_tavus_document_number(p, crawl, "max_pages");
        ngx_tavus_document_string(item, document, "last_crawled_at", 64);
        ngx_tavus_document_number(item, document, "crawl_count");
    }

    p = cJSON_GetObjectItemCaseSensitive(item, "crawled_urls");

    if (cJSON_IsArray(p)) {
        (void) cJSON_AddNumberToObject(document, "crawled_pages",
                                       cJSON_GetArraySize(p));
        if (whole) {
            ngx_tavus_document_strings(item, document, "crawled_urls",
                                       NGX_TAVUS_DOCUMENT_MAX_URL,
                                       NGX_TAVUS_DOCUMENT_MAX_URLS);
        }
    }

    return document;
}


static void
ngx_tavus_document_strings(cJSON *from, cJSON *to, const char *name,
    size_t max, ngx_uint_t n)
{
    cJSON  *list, *p;

    list = cJSON_AddArrayToObject(to, name);

    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(from, name)) {

        if (n == 0) {
            break;
        }

        if (cJSON_IsString(p) && ngx_strlen(p->valuestring) <= max) {
            (void) cJSON_AddItemToArray(list,
                                        cJSON_CreateString(p->valuestring));
            n--;
        }
    }
}


static void
ngx_tavus_document_string(cJSON *from, cJSON *to, const char *name,
    size_t max)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(from, name);

    if (cJSON_IsString(p) && ngx_strlen(p->valuestring) <= max) {
        (void) cJSON_AddStringToObject(to, name, p->valuestring);
    }
}


static void
ngx_tavus_document_number(cJSON *from, cJSON *to, const char *name)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(from, name);

    if (cJSON_IsNumber(p) && p->valuedouble >= 0 && p->valuedouble <= 1e9) {
        (void) cJSON_AddNumberToObject(to, name, p->valueint);
    }
}


static void
ngx_tavus_document_error(cJSON *from, cJSON *to)
{
    cJSON                             *p;
    const ngx_tavus_document_error_t  *e;

    p = cJSON_GetObjectItemCaseSensitive(from, "error_message");

    if (!cJSON_IsString(p) || *p->valuestring == '\0') {
        return;
    }

    for (e = ngx_tavus_document_errors; e->code; e++) {
        if (ngx_strcmp(p->valuestring, e->code) == 0) {
            break;
        }
    }

    (void) cJSON_AddStringToObject(to, "error_message",
                                   e->code ? e->code : "other");
    (void) cJSON_AddStringToObject(to, "error_detail",
                                   e->code ? e->detail
                                   : "Tavus gives a reason that is not known "
                                     "here.");
}


void
ngx_tavus_api_documents_log(ngx_tavus_api_t *api, ngx_log_t *log,
    ngx_uint_t op, ngx_tavus_curl_t *t, ngx_tavus_document_fault_t *fault)
{
    u_char      buf[NGX_TAVUS_API_WORDS], *p;
    ngx_str_t   words;

    words = ngx_tavus_api_words(api, t, buf, sizeof(buf));

    /* the address of a document may have a secret in its query */

    p = ngx_strlchr(words.data, words.data + words.len, '?');

    if (p) {
        words.len = p - words.data;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "documents: %s failed: %s, status %ui \"%V\"",
                  ngx_tavus_document_ops[op].name, fault->reason,
                  t ? t->status : 0, &words);
}


const char *
ngx_tavus_api_documents_name(ngx_uint_t op)
{
    return ngx_tavus_document_ops[op].name;
}


ngx_uint_t
ngx_tavus_api_documents_status(const char *status)
{
    ngx_uint_t  i;

    for (i = 0; ngx_tavus_document_statuses[i]; i++) {
        if (ngx_strcmp(status, ngx_tavus_document_statuses[i]) == 0) {
            return 1;
        }
    }

    return 0;
}
