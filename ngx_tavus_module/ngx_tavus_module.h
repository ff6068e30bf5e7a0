
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_MODULE_H_INCLUDED_
#define _NGX_TAVUS_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_bucket.h"
#include "core/tavus_signature.h"
#include "service/ngx_tavus_api.h"
#include "event/ngx_tavus_pg.h"
#include "store/ngx_tavus_store.h"
#include "jobs/ngx_tavus_upkeep.h"


#define NGX_TAVUS_MAX_LIMITS  8


typedef struct ngx_tavus_limit_zone_s  ngx_tavus_limit_zone_t;
typedef struct ngx_tavus_users_s       ngx_tavus_users_t;


/* the secrets of a location, each with its id; the first one signs */

typedef struct {
    tavus_key_t               *elts[16];
    ngx_uint_t                 nelts;
} ngx_tavus_keys_t;


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  persona_id;
    ngx_str_t                  replica_id;
    ngx_array_t               *document_tags;         /* of ngx_str_t */
    ngx_array_t               *memory_stores;         /* of ngx_str_t */
    ngx_flag_t                 visitor_memory;
    ngx_str_t                  retrieval_strategy;
    ngx_str_t                  language;
    ngx_str_t                  custom_greeting;
    ngx_str_t                  context;
    ngx_flag_t                 audio_only;
    ngx_int_t                  max_call_duration;     /* seconds */
    ngx_int_t                  participant_absent_timeout;
    ngx_int_t                  participant_left_timeout;
} ngx_tavus_vertical_t;


/* where a directive stands, for what is found wrong only later */

typedef struct {
    ngx_str_t                  file;
    ngx_uint_t                 line;
} ngx_tavus_place_t;


typedef struct {
    ngx_tavus_pg_conf_t       *database;
    ngx_str_t                  database_password;
    ngx_tavus_store_conf_t     store;

    ngx_tavus_upkeep_conf_t    upkeep;

    ngx_tavus_api_t            api;
    ngx_str_t                  trusted_certificate;
    X509_STORE                *trusted;
    ngx_flag_t                 sandbox;
    ngx_str_t                  public_origin;

    ngx_tavus_place_t          database_place;
    ngx_tavus_place_t          journal_place;
    ngx_tavus_place_t          api_place;
    ngx_tavus_place_t          trusted_place;
    ngx_tavus_place_t          sandbox_place;

    ngx_array_t                verticals;       /* ngx_tavus_vertical_t */
    ngx_array_t                limit_zones;     /* ngx_tavus_limit_zone_t * */
    ngx_array_t                locations;       /* ngx_tavus_location_t */

    ngx_tavus_limit_zone_t    *auth_zone;       /* failed logins */
    ngx_resolver_t            *resolver;        /* NULL if not configured */
    ngx_msec_t                 resolver_timeout;
    ngx_int_t                  request_id_index;
    void                      *metrics;         /* NULL: nowhere shown */
    void                      *logins;          /* of ngx_tavus_login.c */
    void                      *ends;            /* of ngx_tavus_ends.c */

    unsigned                   guarded:1;       /* limits or origins */
    unsigned                   tokens:1;        /* some tavus_webhook tavus */
} ngx_tavus_main_conf_t;


typedef enum {
    NGX_TAVUS_NO_ENDPOINT = 0,
    NGX_TAVUS_CONVERSATION,
    NGX_TAVUS_CONVERSATION_END,
    NGX_TAVUS_WEBHOOK,
    NGX_TAVUS_TRACK,
    NGX_TAVUS_CONTACT,
    NGX_TAVUS_ADMIN,
    NGX_TAVUS_HEALTH,
    NGX_TAVUS_METRICS,
    NGX_TAVUS_PROBLEM
} ngx_tavus_endpoint_e;


typedef enum {
    NGX_TAVUS_SCHEME_TAVUS = 0,
    NGX_TAVUS_SCHEME_STANDARD,
    NGX_TAVUS_SCHEME_STRIPE
} ngx_tavus_scheme_e;


typedef enum {
    NGX_TAVUS_VERIFY_ANY = 0,
    NGX_TAVUS_VERIFY_TOKEN,
    NGX_TAVUS_VERIFY_SIGNATURE,
    NGX_TAVUS_VERIFY_BOTH
} ngx_tavus_verify_e;


typedef struct {
    ngx_tavus_limit_zone_t    *zone;
    ngx_flag_t                 dry_run;
} ngx_tavus_limit_t;


typedef struct {
    ngx_uint_t                 endpoint;        /* ngx_tavus_endpoint_e */

    ngx_array_t               *limits;          /* ngx_tavus_limit_t */
    ngx_array_t               *origins;         /* ngx_str_t */
    ngx_tavus_users_t         *users;
    ngx_str_t                  realm;

    ngx_uint_t                 scheme;          /* ngx_tavus_scheme_e */
    ngx_array_t               *secrets;         /* ngx_tavus_secret_t */
    ngx_tavus_keys_t          *keys;            /* made from secrets */
    ngx_uint_t                 verify;          /* ngx_tavus_verify_e */
    ngx_str_t                  signature_header;
    time_t                     tolerance;

    ngx_str_t                  callback;        /* path of the webhook */
} ngx_tavus_loc_conf_t;


typedef struct {
    ngx_http_core_srv_conf_t  *cscf;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_tavus_loc_conf_t      *lcf;
    ngx_str_t                  name;            /* of the directive */
    ngx_http_handler_pt        handler;
    ngx_str_t                  file;
    ngx_uint_t                 line;
} ngx_tavus_location_t;


/* what a problem body will say beyond its status */

typedef struct {
    ngx_uint_t                 status;
    const char                *code;            /* stable snake_case */
    ngx_str_t                  detail;
    ngx_uint_t                 retry_after;     /* seconds, 0: none */
} ngx_tavus_problem_t;


typedef enum {
    NGX_TAVUS_LIMIT_NONE = 0,
    NGX_TAVUS_LIMIT_PASSED,
    NGX_TAVUS_LIMIT_REJECTED,
    NGX_TAVUS_LIMIT_REJECTED_DRY_RUN
} ngx_tavus_limit_status_e;


/*
 * The module's context of a request.  A main request's survives internal
 * redirects (error_page, try_files): a pool cleanup holds it, see
 * ngx_tavus_get_ctx().
 */

typedef struct {
    ngx_str_t                  token;           /* taken out of the URL */

    ngx_str_t                  origin;          /* allowed Origin to echo */
    ngx_tavus_limit_zone_t    *charged[NGX_TAVUS_MAX_LIMITS];
    ngx_uint_t                 ncharged;
    ngx_tavus_limit_zone_t    *limit_zone;      /* the tightest one */
    ngx_uint_t                 limit_status;    /* ngx_tavus_limit_status_e */
    ngx_uint_t                 limit_remaining;
    ngx_uint_t                 limit_reset;     /* seconds */
    ngx_uint_t                 limit_retry;     /* seconds */

    /* of a guard that judges a body of unknown length when it is read */
    ngx_int_t                (*judge_body)(ngx_http_request_t *r, size_t len);

    ngx_tavus_problem_t        problem;

    ngx_str_t                  user;
    ngx_str_t                  event_type;
    ngx_str_t                  conversation_id;
    ngx_str_t                  verify;
    ngx_str_t                  key_id;
    ngx_str_t                  store;
    ngx_msec_int_t             store_time;      /* ms, -1: none */
    ngx_msec_int_t             upstream_time;

    void                      *state;           /* the handler's own */
    void                      *body;            /* of ngx_tavus_request.c */
    void                      *auth;            /* of ngx_tavus_auth.c */

    unsigned                   guarded:1;
    unsigned                   cors:1;          /* origins are judged */
} ngx_tavus_ctx_t;


/*
 * The context of r, made on first use; NULL if no memory.  A subrequest has
 * one of its own, which begins with the token of the main request.
 */
ngx_tavus_ctx_t *ngx_tavus_get_ctx(ngx_http_request_t *r);

/* The context of r, or of its main request; NULL if there is neither. */
ngx_tavus_ctx_t *ngx_tavus_find_ctx(ngx_http_request_t *r);

/* Microseconds since 1970, read from the clock. */
int64_t ngx_tavus_now(void);


extern ngx_module_t  ngx_tavus_module;


#endif /* _NGX_TAVUS_MODULE_H_INCLUDED_ */
