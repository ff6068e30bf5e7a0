
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CONVERSATION_CONF_H_INCLUDED_
#define _NGX_TAVUS_CONVERSATION_CONF_H_INCLUDED_


#include "endpoint/ngx_tavus_memory.h"
#include "jobs/ngx_tavus_ends.h"
#include "jobs/ngx_tavus_line.h"
#include "http/ngx_tavus_endpoint.h"
#include "core/tavus_language.h"


/* tavus_vertical name { … } */

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  persona_id;
    ngx_str_t                  replica_id;
    ngx_array_t               *document_tags;         /* of ngx_str_t */
    ngx_tavus_memory_conf_t    memory;
    ngx_str_t                  retrieval_strategy;
    const tavus_language_t    *language;              /* NULL: none */
    ngx_str_t                  custom_greeting;
    ngx_str_t                  context;
    ngx_flag_t                 audio_only;
    ngx_flag_t                 require_auth;
    ngx_flag_t                 mail_transcript;
    ngx_int_t                  max_call_duration;     /* seconds */
    ngx_int_t                  participant_absent_timeout;
    ngx_int_t                  participant_left_timeout;
    ngx_tavus_place_t          call_place;            /* of its duration */
} ngx_tavus_vertical_t;


typedef struct {
    ngx_array_t                verticals;       /* ngx_tavus_vertical_t */
    ngx_tavus_ends_t          *ends;            /* NULL: no tokens come */
    ngx_tavus_line_t          *line;            /* NULL: nobody asks for it */
} ngx_tavus_conversation_main_conf_t;


typedef struct {
    ngx_str_t                  callback;        /* path of the webhook */
} ngx_tavus_conversation_loc_conf_t;


/* What a location with tavus_conversation needs. */
ngx_int_t ngx_tavus_conversation_check(ngx_conf_t *cf,
    ngx_tavus_location_t *location);

/* The same for tavus_conversation_end: a location for callbacks, its keys. */
ngx_int_t ngx_tavus_conversation_check_callback(ngx_conf_t *cf,
    ngx_tavus_location_t *location);

/* Gives a location the keys of callbacks, if there is a location for them. */
ngx_int_t ngx_tavus_conversation_check_keys(ngx_conf_t *cf,
    ngx_tavus_location_t *location);


/* directives: tavus_vertical, tavus_callback */
extern ngx_module_t  ngx_tavus_conversation_module;


#endif /* _NGX_TAVUS_CONVERSATION_CONF_H_INCLUDED_ */
