
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TAIL_H_INCLUDED_
#define _NGX_TAVUS_TAIL_H_INCLUDED_


/*
 * The live tail: reads the log for all of this worker who listen, while
 * somebody does.  There is one query at a time, at the place of most of them,
 * and who is behind it gets pages of its own, one after the other, until it
 * is not.  What is sent are whole messages of server-sent events, with a
 * place as their id that the database has noted as told.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_filter.h"


/* bytes of a client's own that may wait, but for the last message */
#define NGX_TAVUS_TAIL_BUFFER  131072

/* longest place that is looked for */
#define NGX_TAVUS_TAIL_PLACE   80


typedef struct {
    int64_t               pos;
    int64_t               ord;
} ngx_tavus_tail_place_t;


/* what goes to one or many */

typedef struct {
    ngx_uint_t            refs;
    size_t                len;
    u_char                data[1];
} ngx_tavus_tail_text_t;


typedef struct ngx_tavus_tail_s  ngx_tavus_tail_t;

struct ngx_tavus_tail_s {
    tavus_filter_t        filter;

    /* where to go on, as it was told once; empty: from now on */
    u_char                last[NGX_TAVUS_TAIL_PLACE + 1];

    /*
     * Takes a text, which ngx_tavus_tail_release() is to be called with.
     * NGX_OK, or NGX_ERROR and lost will be called, as soon as may be.
     */
    ngx_int_t           (*send)(ngx_tavus_tail_t *tail,
                                ngx_tavus_tail_text_t *text);

    /* how many bytes wait */
    size_t              (*pending)(ngx_tavus_tail_t *tail);

    /* it cannot be sent to: it has left already */
    void                (*lost)(ngx_tavus_tail_t *tail);

    /* the reader's */
    ngx_queue_t             queue;
    ngx_tavus_tail_place_t  place;
    ngx_tavus_tail_place_t  sent_id;
    ngx_msec_t              sent_at;
    unsigned                known:1;    /* the place is */
    unsigned                greet:1;    /* wants to know its place */
    unsigned                reset:1;    /* has read what is not there */
    unsigned                in:1;       /* the page is its next one */
    unsigned                slow:1;
    unsigned                broken:1;
};


/* NULL for stored: nobody counts what is. */
void ngx_tavus_tail_init_process(ngx_atomic_t *stored);
void ngx_tavus_tail_exit_process(void);

/* Listens from now on, with all but the reader's members set. */
void ngx_tavus_tail_join(ngx_tavus_tail_t *tail);
void ngx_tavus_tail_leave(ngx_tavus_tail_t *tail);

/* A reference less to a text. */
void ngx_tavus_tail_release(void *text);


#endif /* _NGX_TAVUS_TAIL_H_INCLUDED_ */
