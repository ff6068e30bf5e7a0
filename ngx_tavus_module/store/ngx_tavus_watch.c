
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "store/ngx_tavus_watch.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_timer.h"


#define NGX_TAVUS_WATCH_TICK    500
#define NGX_TAVUS_WATCH_REPEAT  60000

/* a first connection may take so long without a word */
#define NGX_TAVUS_WATCH_PATIENCE  1000

/* an event that wants to go somewhere */
#define NGX_TAVUS_WATCH_RECORD  512


typedef struct {
    ngx_event_t    timer;
    ngx_msec_t     since;           /* when it began */
    ngx_msec_t     said;            /* when it was said last */
    ngx_fd_t       fd;              /* of the log then */
    unsigned       lasting:1;
    unsigned       told:1;
} ngx_tavus_watch_t;


static void ngx_tavus_watch_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_tavus_watch_cause(ngx_tavus_store_stats_t *stats,
    u_char *buf, size_t size, ngx_str_t *cause);
static void ngx_tavus_watch_say(ngx_str_t *cause);
static ngx_str_t *ngx_tavus_watch_depth(ngx_str_t *depth);
static ngx_fd_t ngx_tavus_watch_log(void);


static ngx_tavus_watch_t  ngx_tavus_watch;


void
ngx_tavus_watch_init_process(void)
{
    ngx_tavus_watch_t  *w;

    w = &ngx_tavus_watch;

    w->timer.data = &ngx_tavus_timer_dummy;
    w->timer.handler = ngx_tavus_watch_timer_handler;
    w->timer.log = ngx_cycle->log;
    w->timer.cancelable = 1;

    ngx_add_timer(&w->timer, NGX_TAVUS_WATCH_TICK);
}


void
ngx_tavus_watch_exit_process(void)
{
    if (ngx_tavus_watch.timer.timer_set) {
        ngx_del_timer(&ngx_tavus_watch.timer);
    }
}


static void
ngx_tavus_watch_timer_handler(ngx_event_t *ev)
{
    u_char                    buf[512];
    ngx_str_t                 cause, depth;
    ngx_tavus_watch_t        *w;
    ngx_tavus_store_stats_t   stats;

    w = &ngx_tavus_watch;

    ngx_memzero(&stats, sizeof(ngx_tavus_store_stats_t));
    ngx_tavus_store_stats(&stats);

    if (ngx_tavus_watch_cause(&stats, buf, sizeof(buf), &cause)) {

        if (!w->lasting) {
            w->lasting = 1;
            w->since = ngx_current_msec;
        }

        if (!w->told) {

            if (cause.len
                || ngx_current_msec - w->since >= NGX_TAVUS_WATCH_PATIENCE)
            {
                ngx_tavus_watch_say(&cause);
            }

        } else if (ngx_current_msec - w->said >= NGX_TAVUS_WATCH_REPEAT
                   || w->fd != ngx_tavus_watch_log())
        {
            ngx_tavus_watch_say(&cause);
        }

    } else {

        if (w->told) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "events reach the database again after %M ms%V",
                          ngx_current_msec - w->since,
                          ngx_tavus_watch_depth(&depth));
        }

        w->lasting = 0;
        w->told = 0;
    }

    ngx_add_timer(ev, NGX_TAVUS_WATCH_TICK);
}


/* whether events do not get there; the cause is empty if it is not known */

static ngx_uint_t
ngx_tavus_watch_cause(ngx_tavus_store_stats_t *stats, u_char *buf,
    size_t size, ngx_str_t *cause)
{
    cause->data = buf;
    cause->len = 0;

    if (stats->ready) {

        if (!stats->month_missing) {
            return 0;
        }

        cause->len = ngx_snprintf(buf, size, "a month has no partition")
                     - buf;

        return 1;
    }

    if (stats->error && stats->error->len) {
        cause->len = ngx_snprintf(buf, size, "%V", stats->error) - buf;

    } else if (stats->overdue) {
        cause->len = ngx_snprintf(buf, size,
                                  "no answer to %ui events sent %M ms ago",
                                  stats->flight, stats->overdue)
                     - buf;
    }

    return 1;
}


static void
ngx_tavus_watch_say(ngx_str_t *cause)
{
    ngx_str_t           depth;
    const char         *fate;
    ngx_tavus_watch_t  *w;

    w = &ngx_tavus_watch;

    w->told = 1;
    w->said = ngx_current_msec;
    w->fd = ngx_tavus_watch_log();

    if (cause->len == 0) {
        ngx_str_set(cause, "no connection yet");
    }

    fate = ngx_tavus_journal_ready(NGX_TAVUS_WATCH_RECORD)
           ? "are journaled" : "are refused, as no journal takes them";

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "events %s: they do not reach the database since %M ms "
                  "(%V)%V", fate, ngx_current_msec - w->since, cause,
                  ngx_tavus_watch_depth(&depth));
}


/* of this worker's own files */

static ngx_str_t *
ngx_tavus_watch_depth(ngx_str_t *depth)
{
    ngx_tavus_journal_stats_t  stats;

    static u_char  buf[sizeof("; the journal holds  records,  bytes, the "
                              "oldest for  s")
                       + 2 * NGX_INT_T_LEN + NGX_OFF_T_LEN];

    ngx_memzero(&stats, sizeof(ngx_tavus_journal_stats_t));
    ngx_tavus_journal_stats(&stats);

    if (stats.records == 0) {
        ngx_str_set(depth, "; the journal holds nothing");
        return depth;
    }

    depth->data = buf;
    depth->len = ngx_snprintf(buf, sizeof(buf),
                              "; the journal holds %ui records, %O bytes, "
                              "the oldest for %M s", stats.records,
                              stats.bytes, stats.age / 1000)
                 - buf;

    return depth;
}


/* another descriptor is another file: the log was reopened */

static ngx_fd_t
ngx_tavus_watch_log(void)
{
    return ngx_cycle->log->file ? ngx_cycle->log->file->fd
                                : NGX_INVALID_FILE;
}
