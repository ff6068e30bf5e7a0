
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_API_DOCUMENTS_H_INCLUDED_
#define _NGX_TAVUS_API_DOCUMENTS_H_INCLUDED_


/*
 * The knowledge base at Tavus (https://docs.tavus.io/api-reference/documents):
 * what is asked, and what an answer means to who owns it.
 */

#include "service/ngx_tavus_api.h"
#include "core/tavus_json.h"


/* from the third on: changes, of which it matters whether they were made */

typedef enum {
    NGX_TAVUS_DOCUMENT_LIST = 0,
    NGX_TAVUS_DOCUMENT_READ,
    NGX_TAVUS_DOCUMENT_CREATE,
    NGX_TAVUS_DOCUMENT_UPDATE,
    NGX_TAVUS_DOCUMENT_DELETE,
    NGX_TAVUS_DOCUMENT_RECRAWL
} ngx_tavus_document_op_e;


#define NGX_TAVUS_DOCUMENT_MAX_ID  64


/* what to tell who asked, if it did not work out */

typedef struct {
    ngx_uint_t    status;       /* of HTTP; 0: all is well */
    const char   *code;
    const char   *detail;
    ngx_uint_t    retry_after;  /* seconds, 0: none */
    const char   *reason;       /* a word for log and events */
    unsigned      unknown:1;    /* it may have been done all the same */
} ngx_tavus_document_fault_t;


/* which ones a list has; what is empty is left out */

typedef struct {
    ngx_str_t     status;
    ngx_str_t     tags;         /* with commas between them */
    ngx_str_t     name;         /* or id */
    ngx_uint_t    descending;
    ngx_uint_t    limit;
    ngx_uint_t    page;         /* from 0 */
} ngx_tavus_document_filter_t;


/* A filter as a query string, in pool; NGX_ERROR. */
ngx_int_t ngx_tavus_api_documents_query(ngx_pool_t *pool,
    ngx_tavus_document_filter_t *filter, ngx_str_t *query);

/*
 * Sends what op stands for, which is done once if at all: id for all that
 * are of one document, query for a list, body (JSON) for what has one.  They
 * live until the handler was called, or ngx_tavus_curl_cancel().  NULL if it
 * cannot be sent.
 */
ngx_tavus_curl_t *ngx_tavus_api_documents_send(ngx_tavus_api_t *api,
    ngx_uint_t op, ngx_str_t *id, ngx_str_t *query, ngx_str_t *body,
    ngx_tavus_curl_pt handler, void *data);

/*
 * What a transfer that is over means, t is NULL if it could not begin: of
 * its answer what is known and fit, for the caller to delete, or NULL and
 * the fault.  A list is {"documents","total_count","page","limit"}; of what
 * was deleted there is an empty object.
 */
cJSON *ngx_tavus_api_documents_answer(ngx_uint_t op, ngx_tavus_curl_t *t,
    ngx_tavus_document_fault_t *fault);

/* Says in the log what Tavus said of a failure. */
void ngx_tavus_api_documents_log(ngx_tavus_api_t *api, ngx_log_t *log,
    ngx_uint_t op, ngx_tavus_curl_t *t, ngx_tavus_document_fault_t *fault);

/* "create" and the like. */
const char *ngx_tavus_api_documents_name(ngx_uint_t op);

/* Whether a document can have that status. */
ngx_uint_t ngx_tavus_api_documents_status(const char *status);


#endif /* _NGX_TAVUS_API_DOCUMENTS_H_INCLUDED_ */
