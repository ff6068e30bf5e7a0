
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_JOURNAL_H_INCLUDED_
#define _NGX_TAVUS_JOURNAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "core/tavus_record.h"


#define NGX_TAVUS_JOURNAL_SIZE      (1024 * 1024 * 1024)
#define NGX_TAVUS_JOURNAL_MIN_SIZE  (16 * 1024 * 1024)


/* what a worker tells the others of what it has, in shared memory */

typedef struct {
    ngx_atomic_t         owner;         /* process id */
    ngx_atomic_t         bytes;         /* in files, or on the way there */
    ngx_atomic_t         browser;       /* of what browsers sent, written */
    ngx_atomic_t         oldest;        /* ngx_current_msec then; 0: none */
} ngx_tavus_journal_share_t;


/* directories are NUL-terminated; files of former ones are replayed, too */

typedef struct {
    ngx_str_t                   path;       /* empty: nothing is written */
    ngx_array_t                *former;     /* ngx_str_t; NULL: none */
    off_t                       max_size;   /* of all workers together */
    ngx_thread_pool_t          *pool;
    ngx_tavus_journal_share_t  *shares;     /* by worker */
} ngx_tavus_journal_conf_t;


typedef struct {
    off_t                bytes;         /* in files of this worker */
    ngx_uint_t           records;       /* not replayed yet */
    ngx_uint_t           files;
    ngx_uint_t           found;         /* in the directories, lately */
    off_t                found_bytes;
    ngx_uint_t           former;        /* of them in former ones */
    ngx_uint_t           aside;         /* files of damaged bytes there */
    ngx_uint_t           unreadable;    /* of them, and directories */
    const char          *unreadable_why;    /* one, and what is wrong */
    ngx_msec_t           clean;         /* when all were last seen empty */
    ngx_uint_t           cleaned;       /* they were */
    ngx_msec_t           age;           /* of the oldest file */
    uint64_t             damaged;       /* bytes set aside */
    ngx_uint_t           failed;        /* the last write failed */
} ngx_tavus_journal_stats_t;


/* NGX_OK: on disk, fsynced; NGX_ERROR: not. */
typedef void (*ngx_tavus_journal_pt)(void *data, ngx_int_t rc);

/* Whether records would be taken now. */
typedef ngx_uint_t (*ngx_tavus_journal_ready_pt)(void);

/*
 * Takes a record that is replayed.  NGX_OK, and ngx_tavus_journal_done() is
 * called for it once it is stored, until when the payload stays; NGX_BUSY to
 * be asked again after that; NGX_ABORT if records are not taken any more;
 * NGX_DECLINED for a record that says nothing.
 */
typedef ngx_int_t (*ngx_tavus_journal_replay_pt)(const uint8_t *payload,
    size_t len);


/*
 * Adds the memory in which workers share the room of a journal that is
 * configured; the tag is the module's own.
 */
ngx_int_t ngx_tavus_journal_zone(ngx_conf_t *cf,
    ngx_tavus_journal_conf_t *conf, void *tag);

/*
 * Opens this worker's journal; nothing is written before the first record.
 * Files whose worker is gone are looked for, adopted and replayed.
 */
ngx_int_t ngx_tavus_journal_init_process(ngx_tavus_journal_conf_t *conf,
    ngx_uint_t workers, ngx_tavus_journal_ready_pt ready,
    ngx_tavus_journal_replay_pt replay);

/* Writes what waits, without a thread, and lets go of the files. */
void ngx_tavus_journal_exit_process(void);

/*
 * Appends a record; many share one write and one fsync in the thread pool.
 * Returns an entry, whose handler is called once from the event loop, or
 * NULL if there is no journal or no room in it.  The room is that of all
 * workers; records of browsers may take a quarter of it.
 */
void *ngx_tavus_journal_append(const tavus_record_field_t *fields, size_t n,
    ngx_uint_t browser, ngx_tavus_journal_pt handler, void *data);

/* The owner of an entry goes away: its handler is not called. */
void ngx_tavus_journal_forget(void *entry);

/* The database takes rows: replays what there is, a file at a time. */
void ngx_tavus_journal_replay(void);

/*
 * If files hold for long what the database may not know, the log tells that
 * conversations of this node are not judged meanwhile.
 */
void ngx_tavus_journal_tell(void);

/*
 * A replayed record is stored (NGX_OK), could not be now (NGX_ERROR), or
 * never can be, so that it is set aside (NGX_DECLINED).
 */
void ngx_tavus_journal_done(ngx_int_t rc, const uint8_t *payload,
    size_t len);

/* Whether a record of this size could be written now. */
ngx_uint_t ngx_tavus_journal_ready(size_t size);

void ngx_tavus_journal_stats(ngx_tavus_journal_stats_t *stats);

/* Age of the oldest file that is not replayed, of all workers, in ms. */
ngx_msec_t ngx_tavus_journal_oldest(void);


#endif /* _NGX_TAVUS_JOURNAL_H_INCLUDED_ */
