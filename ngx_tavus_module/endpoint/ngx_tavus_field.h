
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_FIELD_H_INCLUDED_
#define _NGX_TAVUS_FIELD_H_INCLUDED_


/* What visitors write into fields of forms, and about themselves. */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_json.h"


typedef enum {
    NGX_TAVUS_FIELD_LINE = 0,
    NGX_TAVUS_FIELD_LINES,          /* line ends are allowed */
    NGX_TAVUS_FIELD_EMAIL,
    NGX_TAVUS_FIELD_LABEL,          /* max is in bytes */
    NGX_TAVUS_FIELD_CONSENT
} ngx_tavus_field_kind_e;


typedef struct {
    const char   *name;
    size_t        min;              /* characters; 0: may be absent */
    size_t        max;
    ngx_uint_t    kind;             /* ngx_tavus_field_kind_e */
    const char   *issue;            /* what is said if it is not fit */
} ngx_tavus_field_t;


/* Whether item, NULL if it is not there, is fit for the field. */
ngx_uint_t ngx_tavus_field_fit(ngx_tavus_field_t *field, cJSON *item);


#endif /* _NGX_TAVUS_FIELD_H_INCLUDED_ */
