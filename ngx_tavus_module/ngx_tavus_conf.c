
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_conf.h"
#include "ngx_tavus_features.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_endpoint.h"
#include "service/ngx_tavus_api_conf.h"
#include "service/ngx_tavus_forget.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "service/ngx_tavus_stripe_conf.h"
#include "store/ngx_tavus_budget.h"
#include "store/ngx_tavus_store_conf.h"


/* nginx makes one without a server where none is configured */

#if (defined angie_version && angie_version >= 1012000)
#define ngx_tavus_resolver_used(r)  ((r)->connections != NULL)
#else
#define ngx_tavus_resolver_used(r)  ((r)->connections.nelts != 0)
#endif


static ngx_int_t ngx_tavus_conf_check_locations(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static ngx_int_t ngx_tavus_conf_check_location(ngx_conf_t *cf,
    ngx_tavus_location_t *location);
static ngx_int_t ngx_tavus_conf_mails(ngx_conf_t *cf, ngx_tavus_main_conf_t
    *mcf, ngx_tavus_deliver_main_conf_t *dmcf);
static ngx_int_t ngx_tavus_conf_check_budget(ngx_conf_t *cf);
static void ngx_tavus_conf_warn_line(ngx_conf_t *cf, ngx_tavus_main_conf_t
    *mcf);
static void ngx_tavus_conf_warn_journal(ngx_conf_t *cf, ngx_tavus_main_conf_t
    *mcf);
static ngx_int_t ngx_tavus_conf_check_sandbox(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf);
static ngx_uint_t ngx_tavus_conf_loopback(struct sockaddr *sa);


ngx_int_t
ngx_tavus_conf_check(ngx_conf_t *cf)
{
    ngx_str_t                     name;
    ngx_tavus_main_conf_t        *mcf;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_tavus_api_main_conf_t    *amcf;
    ngx_tavus_store_main_conf_t  *smcf;
    ngx_tavus_destination_t     **d;
    ngx_tavus_stripe_main_conf_t   *pmcf;
    ngx_tavus_deliver_main_conf_t  *dmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_api_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_store_module);
    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_stripe_module);

    dmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_deliver_module);

    /* at the http level: what workers resolve with belongs to no server */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && ngx_tavus_resolver_used(clcf->resolver)) {
        mcf->resolver = clcf->resolver;
        mcf->resolver_timeout = clcf->resolver_timeout;
    }

    if (mcf->resolver_timeout == 0
        || mcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
    {
        mcf->resolver_timeout = 30000;
    }

    ngx_str_set(&name, "request_id");

    mcf->request_id_index = ngx_http_get_variable_index(cf, &name);

    if (mcf->request_id_index == NGX_ERROR
        || ngx_tavus_conf_check_locations(cf, mcf) != NGX_OK
        || ngx_tavus_api_check(cf, amcf, dmcf->destinations.nelts
                                         || pmcf->stripe.key.len,
                               mcf->sandbox, mcf->resolver,
                               mcf->resolver_timeout)
           != NGX_OK
        || ngx_tavus_stripe_check(cf, pmcf, mcf->sandbox, mcf->resolver,
                                  mcf->resolver_timeout)
           != NGX_OK
        || ngx_tavus_store_check(cf, smcf, mcf->resolver,
                                 mcf->resolver_timeout)
           != NGX_OK
        || ngx_tavus_conf_mails(cf, mcf, dmcf) != NGX_OK
        || ngx_tavus_deliver_check(cf, dmcf, mcf->sandbox, mcf->resolver,
                                       mcf->resolver_timeout)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (dmcf->destinations.nelts && smcf->store.database == NULL) {
        d = dmcf->destinations.elts;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_deliver\" needs \"tavus_database\" in "
                      "%V:%ui", &d[0]->place.file, d[0]->place.line);
        return NGX_ERROR;
    }

    if (ngx_tavus_conf_check_budget(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (smcf->store.database && amcf->api.key.len) {
        dmcf->erase = ngx_tavus_forget_destination(cf, &amcf->api);

        if (dmcf->erase == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_tavus_conf_warn_line(cf, mcf);
    ngx_tavus_conf_warn_journal(cf, mcf);

    if (mcf->sandbox && ngx_tavus_conf_check_sandbox(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_tavus_features_find(cf);
}


/* by the rows of endpoints: webhooks first, as others sign with their keys */

static ngx_int_t
ngx_tavus_conf_check_locations(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t                    i;
    ngx_tavus_endpoint_t         *e;
    ngx_tavus_location_t         *locations;
    ngx_tavus_store_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_store_module);
    locations = mcf->locations.elts;

    for (e = mcf->endpoints; e->name.len; e++) {

        for (i = 0; i < mcf->locations.nelts; i++) {

            if (locations[i].endpoint == e
                && ngx_tavus_conf_check_location(cf, &locations[i]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    for (i = 0; i < mcf->locations.nelts; i++) {

        if (locations[i].endpoint->flags & NGX_TAVUS_NEEDS_DATABASE
            && smcf->store.database == NULL)
        {
            return ngx_tavus_endpoint_missing(cf, &locations[i],
                                              "tavus_database");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_conf_check_location(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    ngx_tavus_endpoint_t       *e;
    ngx_tavus_api_main_conf_t  *amcf;

    e = location->endpoint;
    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_api_module);

    if (location->clcf->handler != e->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\": a later directive of the location gives it "
                      "another handler in %V:%ui", &e->name,
                      &location->place.file, location->place.line);
        return NGX_ERROR;
    }

    if (e->flags & NGX_TAVUS_NEEDS_API && amcf->api.key.len == 0) {
        return ngx_tavus_endpoint_missing(cf, location, "tavus_api_key");
    }

    return e->check ? e->check(cf, location) : NGX_OK;
}


/* which verticals want to be read in mails, and where the panel is */

static ngx_int_t
ngx_tavus_conf_mails(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf,
    ngx_tavus_deliver_main_conf_t *dmcf)
{
    ngx_uint_t                           i;
    tavus_part_t                        *part;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_conversation_module);
    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {

        if (v[i].mail_transcript != 1) {
            continue;
        }

        part = ngx_array_push(&dmcf->transcripts);
        if (part == NULL) {
            return NGX_ERROR;
        }

        part->data = v[i].name.data;
        part->len = v[i].name.len;
    }

    dmcf->origin = mcf->public_origin;

    return NGX_OK;
}


/* each vertical has to fit into it at least once */

static ngx_int_t
ngx_tavus_conf_check_budget(ngx_conf_t *cf)
{
    ngx_uint_t                           i;
    ngx_tavus_budget_t                  *budget;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_store_main_conf_t         *smcf;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    budget = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_budget_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_store_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_conversation_module);

    if (budget->json.len == 0) {
        return NGX_OK;
    }

    if (smcf->store.database == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_budget\" needs \"tavus_database\" in %V:%ui",
                      &budget->place.file, budget->place.line);
        return NGX_ERROR;
    }

    v = cmcf->verticals.elts;

    for (i = 0; budget->minutes && i < cmcf->verticals.nelts; i++) {

        if (v[i].max_call_duration > (ngx_int_t) budget->minutes * 60) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"minutes=%ui\" of \"tavus_budget\" is less than "
                          "one call of vertical \"%V\", \"max_call_duration\" "
                          "%i, in %V:%ui", budget->minutes, &v[i].name,
                          v[i].max_call_duration, &budget->place.file,
                          budget->place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_tavus_conf_warn_line(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_tavus_budget_t  *budget;

    budget = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_budget_module);

    if (budget->line
        && ngx_tavus_endpoint_find(mcf, "tavus_conversation")
        && ngx_tavus_endpoint_find(mcf, "tavus_queue") == NULL)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"line=\" of \"tavus_budget\" without "
                      "\"tavus_queue\": who waits has no location to ask "
                      "for a turn, in %V:%ui",
                      &budget->place.file, budget->place.line);
    }
}


static void
ngx_tavus_conf_warn_journal(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_tavus_location_t         *location;
    ngx_tavus_store_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_store_module);

    if (smcf->store.database == NULL || smcf->store.journal.path.len) {
        return;
    }

    location = ngx_tavus_endpoint_find(mcf, "tavus_webhook");

    if (location) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"tavus_webhook\" without \"tavus_journal\": while the "
                      "database is away webhooks are answered 503, and those "
                      "that do not come again are lost, in %V:%ui",
                      &location->place.file, location->place.line);
    }
}


static ngx_int_t
ngx_tavus_conf_check_sandbox(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t                  i, k;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {

            if (ngx_tavus_conf_loopback(addr[k].opt.sockaddr)) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"tavus_sandbox on\" allows only loopback "
                          "addresses in \"listen\", not \"%V\" in "
                          "%V:%ui", &addr[k].opt.addr_text,
                          &mcf->sandbox_place.file, mcf->sandbox_place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_conf_loopback(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
    }
}
