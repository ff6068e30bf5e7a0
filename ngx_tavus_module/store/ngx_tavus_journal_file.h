
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_JOURNAL_FILE_H_INCLUDED_
#define _NGX_TAVUS_JOURNAL_FILE_H_INCLUDED_


/* What the journal's two halves share: its writing and its replay. */

#include "store/ngx_tavus_journal.h"


#define NGX_TAVUS_JOURNAL_FILE     (16 * 1024 * 1024)
#define NGX_TAVUS_JOURNAL_BUFFER   (16 * 1024 * 1024)
#define NGX_TAVUS_JOURNAL_KEEP     (1024 * 1024)
#define NGX_TAVUS_JOURNAL_PAUSE    1000     /* ms after a failed write */
#define NGX_TAVUS_JOURNAL_SCAN     5000     /* ms between looks for orphans */
#define NGX_TAVUS_JOURNAL_REPEAT   60000    /* ms until it is said again */
#define NGX_TAVUS_JOURNAL_SUFFIX   ".journal"
#define NGX_TAVUS_JOURNAL_NAME     128
#define NGX_TAVUS_JOURNAL_WHY      (NGX_MAX_PATH + 128)


typedef struct {
    ngx_queue_t                    queue;
    ngx_tavus_journal_pt           handler;     /* NULL: forgotten */
    void                          *data;
} ngx_tavus_journal_entry_t;


typedef struct {
    u_char                        *data;
    size_t                         len;
    size_t                         size;
} ngx_tavus_journal_buf_t;


/* a file that no more is written to */

typedef struct {
    ngx_queue_t                    queue;
    int                            fd;
    off_t                          size;
    ngx_uint_t                     records;     /* not stored yet */
    ngx_uint_t                     stored;
    time_t                         began;       /* by the clock, as named */
    ngx_uint_t                     began_msec;
    ngx_msec_t                     since;       /* the same, steadily */
    const char                    *path;        /* of its directory */
    char                           name[NGX_TAVUS_JOURNAL_NAME];

    ngx_tavus_journal_buf_t        aside;       /* damaged bytes to keep */
    ngx_msec_t                     retry;       /* not before, if failed */
    unsigned                       failed:1;
    unsigned                       replayed:1;  /* it may be removed */
} ngx_tavus_journal_file_t;


/* what a thread of the pool does; the event loop leaves it alone meanwhile */

typedef struct {
    ngx_tavus_journal_file_t      *file;
    ngx_tavus_journal_buf_t        buf;
    size_t                         written;
    off_t                          left;        /* in a file that failed */
    const u_char                  *key;
    ngx_uint_t                     create;
    ngx_uint_t                     removed;     /* as nothing is in it */
    ngx_err_t                      error;
    const char                    *failed;
} ngx_tavus_journal_write_t;


typedef struct {
    ngx_tavus_journal_file_t      *file;        /* to read or to remove */
    u_char                        *data;
    size_t                         len;
    size_t                         size;        /* of the mapping */
    ngx_err_t                      error;
    const char                    *failed;

    ngx_tavus_journal_conf_t      *conf;        /* whose folders are read */
    ngx_tavus_journal_file_t      *adopted;
    ngx_uint_t                     found;       /* files, all workers' */
    off_t                          found_bytes;
    ngx_uint_t                     former;      /* in former folders */
    ngx_uint_t                     shut;        /* no file can be made */
    ngx_uint_t                     aside;       /* files of damaged bytes */
    ngx_uint_t                     unreadable;
    u_char                         why[NGX_TAVUS_JOURNAL_WHY];
} ngx_tavus_journal_read_t;


typedef struct {
    ngx_tavus_journal_conf_t      *conf;
    ngx_tavus_journal_ready_pt     ready;
    ngx_tavus_journal_replay_pt    replay;
    ngx_uint_t                     workers;
    ngx_uint_t                     number;
    u_char                         key[TAVUS_SIPHASH_KEY_LEN];

    ngx_queue_t                    pending;     /* entries in buf */
    ngx_queue_t                    writing;     /* entries in the task */
    ngx_tavus_journal_buf_t        buf;
    ngx_uint_t                     npending;
    ngx_uint_t                     nwriting;
    ngx_tavus_journal_file_t      *active;
    ngx_thread_task_t             *write;
    ngx_msec_t                     paused;      /* until then, if failed */
    off_t                          browser;

    ngx_queue_t                    closed;      /* files to replay */
    ngx_thread_task_t             *read;
    ngx_tavus_journal_file_t      *file;        /* in replay */
    u_char                        *data;        /* what is in it */
    size_t                         len;
    size_t                         size;        /* of the mapping */
    tavus_record_reader_t          reader;
    ngx_uint_t                     records;     /* found in the file */
    ngx_uint_t                     unanswered;
    ngx_uint_t                     refused;
    ngx_tavus_journal_buf_t        aside;
    ngx_msec_t                     scanned;
    ngx_msec_t                     complained;  /* of unreadable files */
    ngx_msec_t                     failed;      /* when that was said */
    ngx_msec_t                     waited;      /* since, or said then */
    u_char                         why[NGX_TAVUS_JOURNAL_WHY];

    ngx_event_t                    timer;       /* holds an exiting worker */
    ngx_event_t                    again;       /* goes on replaying */

    ngx_tavus_journal_stats_t      stats;

    unsigned                       write_busy:1;
    unsigned                       read_busy:1;
    unsigned                       asked:1;
    unsigned                       waits:1;     /* waited is set */
    unsigned                       shut:1;      /* no file can be made */
    unsigned                       exiting:1;
} ngx_tavus_journal_t;


/* Ends writing to the active file, which can be replayed then. */
void ngx_tavus_journal_close(void);

/* What is set aside has the name of its file and this. */
#define NGX_TAVUS_JOURNAL_ASIDE  ".damaged"

/* Closes a file, which unlocks it, and forgets it. */
void ngx_tavus_journal_free(ngx_tavus_journal_file_t *file);

/* Makes room for len more bytes. */
ngx_int_t ngx_tavus_journal_reserve(ngx_tavus_journal_buf_t *buf,
    size_t len);

/* fsync() of a directory; NGX_ERROR leaves errno. */
ngx_int_t ngx_tavus_journal_sync_dir(const char *path);

/* Tells the metrics how deep and old the journal is. */
void ngx_tavus_journal_gauge(void);

/* Tells the other workers how much this one has. */
void ngx_tavus_journal_share(void);

/* The timer that goes on replaying. */
void ngx_tavus_journal_again_handler(ngx_event_t *ev);


extern ngx_tavus_journal_t  ngx_tavus_journal;


#endif /* _NGX_TAVUS_JOURNAL_FILE_H_INCLUDED_ */
