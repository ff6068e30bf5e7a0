
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_features.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_endpoint.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "store/ngx_tavus_budget.h"


typedef struct {
    const char    *name;
    ngx_uint_t   (*has)(ngx_conf_t *cf);
} ngx_tavus_feature_t;


static ngx_uint_t ngx_tavus_has_analytics(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_budget(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_checkout(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_hooks(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_lead_mail(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_line(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_memory(ngx_conf_t *cf);
static ngx_uint_t ngx_tavus_has_destination(ngx_conf_t *cf, ngx_uint_t kinds,
    const char *type);


/* as the site's table of features names them: site/src/data/features.ts */

static ngx_tavus_feature_t  ngx_tavus_features[] = {
    { "analytics", ngx_tavus_has_analytics },
    { "budget",    ngx_tavus_has_budget },
    { "checkout",  ngx_tavus_has_checkout },
    { "hooks",     ngx_tavus_has_hooks },
    { "lead_mail", ngx_tavus_has_lead_mail },
    { "line",      ngx_tavus_has_line },
    { "memory",    ngx_tavus_has_memory },
    { NULL,        NULL }
};


ngx_int_t
ngx_tavus_features_find(ngx_conf_t *cf)
{
    size_t                  len;
    u_char                 *p;
    ngx_tavus_feature_t    *f;
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    len = 2;

    for (f = ngx_tavus_features; f->name; f++) {
        len += ngx_strlen(f->name) + 3;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    mcf->features.data = p;
    *p++ = '[';

    for (f = ngx_tavus_features; f->name; f++) {

        if (f->has(cf)) {
            p = ngx_sprintf(p, "%s\"%s\"", p[-1] == '[' ? "" : ",", f->name);
        }
    }

    *p++ = ']';
    mcf->features.len = p - mcf->features.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_has_analytics(ngx_conf_t *cf)
{
    return ngx_tavus_has_destination(cf, 1 << TAVUS_DELIVERY_POSTHOG
                                         | 1 << TAVUS_DELIVERY_GA4, NULL);
}


static ngx_uint_t
ngx_tavus_has_budget(ngx_conf_t *cf)
{
    ngx_tavus_budget_t  *budget;

    budget = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_budget_module);

    return budget->json.len != 0;
}


static ngx_uint_t
ngx_tavus_has_checkout(ngx_conf_t *cf)
{
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    return ngx_tavus_endpoint_find(mcf, "tavus_checkout") != NULL;
}


static ngx_uint_t
ngx_tavus_has_hooks(ngx_conf_t *cf)
{
    return ngx_tavus_has_destination(cf, 1 << TAVUS_DELIVERY_WEBHOOK, NULL);
}


static ngx_uint_t
ngx_tavus_has_lead_mail(ngx_conf_t *cf)
{
    return ngx_tavus_has_destination(cf, 1 << TAVUS_DELIVERY_SENDGRID,
                                     "contact.submitted");
}


static ngx_uint_t
ngx_tavus_has_line(ngx_conf_t *cf)
{
    ngx_tavus_budget_t     *budget;
    ngx_tavus_main_conf_t  *mcf;

    budget = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_budget_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    return budget->line && ngx_tavus_endpoint_find(mcf, "tavus_queue");
}


static ngx_uint_t
ngx_tavus_has_memory(ngx_conf_t *cf)
{
    ngx_uint_t                           i;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_conversation_module);
    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {

        if (v[i].memory.visitor != NGX_TAVUS_MEMORY_OFF) {
            return 1;
        }
    }

    return 0;
}


/* one of these kinds, that is sent events of a type, if one is named */

static ngx_uint_t
ngx_tavus_has_destination(ngx_conf_t *cf, ngx_uint_t kinds, const char *type)
{
    size_t                          len;
    ngx_uint_t                      i, k;
    tavus_part_t                   *pattern;
    ngx_tavus_destination_t       **d;
    ngx_tavus_deliver_main_conf_t  *dmcf;

    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_deliver_module);

    d = dmcf->destinations.elts;
    len = type ? ngx_strlen(type) : 0;

    for (i = 0; i < dmcf->destinations.nelts; i++) {

        if (!(kinds & 1 << d[i]->service->kind)) {
            continue;
        }

        if (type == NULL) {
            return 1;
        }

        pattern = d[i]->patterns.elts;

        for (k = 0; k < d[i]->patterns.nelts; k++) {

            if (pattern[k].len == len
                && ngx_memcmp(pattern[k].data, type, len) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}
