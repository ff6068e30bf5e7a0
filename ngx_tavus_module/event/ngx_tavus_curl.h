
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CURL_H_INCLUDED_
#define _NGX_TAVUS_CURL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <curl/curl.h>
#include <openssl/ssl.h>


typedef struct ngx_tavus_curl_s  ngx_tavus_curl_t;


/* where requests go: a base URL of the configuration */

typedef struct {
    ngx_str_t               url;        /* without a slash at its end */
    ngx_str_t               host;
    in_port_t               port;
    ngx_array_t             addrs;      /* ngx_str_t, of configuration time */
    ngx_resolver_t         *resolver;   /* NULL: addrs */
    ngx_msec_t              resolver_timeout;
    unsigned                https:1;
    unsigned                literal:1;  /* the host is an address */
    unsigned                loopback:1;
} ngx_tavus_curl_peer_t;


/* Called once for each transfer, never from within ngx_tavus_curl_send(). */
typedef void (*ngx_tavus_curl_pt)(ngx_tavus_curl_t *t);


/*
 * A transfer, made by ngx_tavus_curl_create() and freed by the bridge after
 * its handler.  What it sends lives in t->pool, which goes with it.
 */

struct ngx_tavus_curl_s {
    ngx_pool_t             *pool;
    ngx_tavus_curl_peer_t  *peer;
    const char             *method;
    ngx_str_t               path;       /* starts with a slash */
    ngx_str_t               body;
    struct curl_slist      *headers;    /* see ngx_tavus_curl_header() */
    ngx_msec_t              timeout;
    size_t                  max;        /* bytes of answer body */
    ngx_uint_t              level;      /* of the log, for what goes wrong */
    unsigned                fresh:1;    /* on a connection of its own */
    ngx_tavus_curl_pt       handler;
    void                   *data;

    /* the answer */
    CURLcode                rc;         /* CURLE_OK: status is there */
    ngx_uint_t              status;
    ngx_str_t               answer;
    ngx_uint_t              retry_after;        /* seconds, 0: none */
    time_t                  date;       /* as the other side has it, 0: none */
    ngx_uint_t              sent;       /* bytes of request on the wire */
    ngx_msec_t              time;       /* ms */

    /* the bridge's */
    CURL                   *easy;
    ngx_resolver_ctx_t     *resolve;
    struct curl_slist      *resolved;   /* host:port:addresses */
    ngx_queue_t             queue;
    ngx_event_t             timer;
    size_t                  body_sent;
    size_t                  answer_size;
    ngx_msec_t              start;
    char                    error[CURL_ERROR_SIZE];
    unsigned                added:1;
    unsigned                excess:1;   /* more than max came */
};


/*
 * Reads a base URL at configuration time: https, or http to a loopback
 * address (the caller decides whether it may be).
 */
ngx_tavus_curl_peer_t *ngx_tavus_curl_parse(ngx_conf_t *cf, ngx_str_t *url);

/*
 * Loads the certificates that peers are verified with, once, in the master,
 * so that no worker ever does.  They live as long as cf->pool.  NULL if that
 * cannot be done, which the caller reports.
 */
X509_STORE *ngx_tavus_curl_trust(ngx_conf_t *cf, ngx_str_t *file);

/* The multi handle of this worker; store is what peers are verified with. */
ngx_int_t ngx_tavus_curl_init_process(ngx_cycle_t *cycle, X509_STORE *store);
void ngx_tavus_curl_exit_process(ngx_cycle_t *cycle);

/* A new transfer with a pool of its own, or NULL. */
ngx_tavus_curl_t *ngx_tavus_curl_create(ngx_tavus_curl_peer_t *peer);

/* Adds a header line ("Name: value"); copied. */
ngx_int_t ngx_tavus_curl_header(ngx_tavus_curl_t *t, const char *line);

/*
 * Starts a transfer.  On NGX_OK the handler will be called, once, by the
 * deadline at the latest; on NGX_ERROR it will not, and the transfer is
 * freed.  A request with a body is never sent twice; one without may be, if
 * a kept connection turns out to be dead, unless it is fresh.
 */
ngx_int_t ngx_tavus_curl_send(ngx_tavus_curl_t *t);

/* Ends a transfer without calling its handler. */
void ngx_tavus_curl_cancel(ngx_tavus_curl_t *t);


#endif /* _NGX_TAVUS_CURL_H_INCLUDED_ */
