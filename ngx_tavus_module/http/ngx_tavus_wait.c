
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_wait.h"


static void ngx_tavus_wait_gone(void *data);
static void ngx_tavus_test_reading(ngx_http_request_t *r);


/* the request whose body handler nginx itself is calling */

static ngx_http_request_t  *ngx_tavus_current;


ngx_int_t
ngx_tavus_attach(ngx_tavus_wait_t *wait, ngx_http_request_t *r,
    void (*gone)(void *data, ngx_http_request_t *r), void *data)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_tavus_wait_gone;
    cln->data = wait;

    wait->request = r;
    wait->cleanup = cln;
    wait->gone = gone;
    wait->data = data;

    return NGX_OK;
}


static void
ngx_tavus_wait_gone(void *data)
{
    ngx_tavus_wait_t *wait = data;

    ngx_http_request_t  *r;

    r = wait->request;
    wait->request = NULL;

    if (wait->gone) {
        wait->gone(wait->data, r);
    }
}


ngx_http_request_t *
ngx_tavus_detach(ngx_tavus_wait_t *wait)
{
    ngx_http_request_t  *r;

    r = wait->request;

    if (r) {
        wait->cleanup->handler = NULL;
        wait->request = NULL;
    }

    return r;
}


void
ngx_tavus_resume(ngx_tavus_wait_t *wait)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(wait);

    if (r == NULL) {
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else {
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_core_run_phases;

        ngx_http_core_run_phases(r);
    }

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_tavus_watch_client(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    r->read_event_handler = ngx_tavus_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0);
}


/*
 * ngx_http_test_reading() takes a FIN for a client that is gone.  But one
 * that has sent all of its request may well close its sending half and wait
 * for the answer, and cannot be told from one that closed both until
 * something is written.  So it is answered, as by nginx's handlers of files;
 * a reset connection, or stream, is over.
 */

static void
ngx_tavus_test_reading(ngx_http_request_t *r)
{
    ngx_err_t          err;
    socklen_t          len;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = r->connection;
    rev = c->read;

#if (NGX_HTTP_V2)

    if (r->stream) {
        ngx_http_test_reading(r);
        return;
    }

#endif

#if (NGX_HTTP_V3)

    if (c->quic) {
        ngx_http_test_reading(r);
        return;
    }

#endif

#if (NGX_HAVE_EPOLLRDHUP)

    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) && ngx_use_epoll_rdhup
        && !rev->pending_eof)
    {
        return;
    }

#endif

    err = 0;
    len = sizeof(ngx_err_t);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        rev->eof = 1;
        c->error = 1;

        ngx_log_error(NGX_LOG_INFO, c->log, err,
                      "client prematurely closed connection");

        ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && rev->active) {

        if (ngx_del_event(rev, NGX_READ_EVENT, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    }
}


void
ngx_tavus_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    if (r == ngx_tavus_current) {

        /*
         * nginx is still using the request, and runs what is posted
         * when it is done with it
         */

        ngx_http_finalize_request(r, rc);
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}


void
ngx_tavus_call_handler(ngx_http_request_t *r, ngx_tavus_body_pt handler,
    ngx_str_t *body)
{
    ngx_http_request_t  *current;

    current = ngx_tavus_current;
    ngx_tavus_current = r;

    handler(r, body);

    ngx_tavus_current = current;
}
