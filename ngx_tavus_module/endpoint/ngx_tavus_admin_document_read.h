
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_DOCUMENT_READ_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_DOCUMENT_READ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "service/ngx_tavus_api_documents.h"
#include "core/tavus_json.h"


/* what is wrong with what an admin sends */

typedef struct {
    const char    *code;
    const char    *field;       /* NULL: no one of them */
    const char    *detail;
} ngx_tavus_admin_document_fault_t;


/*
 * Whether a body is one of op: Tavus gets it as it is.  NGX_OK, or
 * NGX_DECLINED with a fault.
 */
ngx_int_t ngx_tavus_admin_document_body(ngx_uint_t op, cJSON *body,
    ngx_tavus_admin_document_fault_t *fault);

/*
 * The arguments of a list, in pool; nothing but a list has any.  NGX_OK;
 * NGX_DECLINED if a problem was sent, *sent is what came of it.
 */
ngx_int_t ngx_tavus_admin_document_args(ngx_http_request_t *r, ngx_uint_t op,
    ngx_pool_t *pool, ngx_tavus_document_filter_t *filter, ngx_int_t *sent);


#endif /* _NGX_TAVUS_ADMIN_DOCUMENT_READ_H_INCLUDED_ */
