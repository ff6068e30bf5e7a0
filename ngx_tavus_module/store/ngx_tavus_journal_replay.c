
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_journal_file.h"
#include "core/tavus_metrics.h"
#include "core/tavus_record.h"

#include <malloc.h>
#include <sys/file.h>
#include <sys/mman.h>


static void ngx_tavus_journal_next(void);
static ngx_int_t ngx_tavus_journal_post_read(ngx_tavus_journal_file_t *file,
    void (*handler)(void *data, ngx_log_t *log),
    void (*done)(ngx_event_t *ev));
static ngx_tavus_journal_file_t *ngx_tavus_journal_due(void);
static void ngx_tavus_journal_scan_thread(void *data, ngx_log_t *log);
static void ngx_tavus_journal_scan_folder(ngx_tavus_journal_read_t *r,
    const char *folder, ngx_uint_t former, ngx_log_t *log);
static void ngx_tavus_journal_look(ngx_tavus_journal_read_t *r,
    const char *folder, const char *name, ngx_log_t *log);
static void ngx_tavus_journal_unreadable(ngx_tavus_journal_read_t *r,
    const char *folder, const char *name, const char *what, ngx_err_t err);
static void ngx_tavus_journal_scanned(ngx_event_t *ev);
static void ngx_tavus_journal_complain(void);
static void ngx_tavus_journal_read_thread(void *data, ngx_log_t *log);
static void ngx_tavus_journal_read_done(ngx_event_t *ev);
static void ngx_tavus_journal_open(void);
static void ngx_tavus_journal_feed(void);
static void ngx_tavus_journal_drop(size_t len);
static void ngx_tavus_journal_set_aside(const uint8_t *data, size_t len);
static void ngx_tavus_journal_end_file(void);
static void ngx_tavus_journal_failed(ngx_tavus_journal_read_t *r);
static void ngx_tavus_journal_remove_thread(void *data, ngx_log_t *log);
static void ngx_tavus_journal_removed(ngx_event_t *ev);


void
ngx_tavus_journal_replay(void)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    if (j->conf == NULL || ngx_exiting) {
        return;
    }

    j->asked = 1;

    ngx_tavus_journal_next();
}


static void
ngx_tavus_journal_next(void)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;

    if (j->read_busy || j->data || !j->asked || j->exiting) {
        return;
    }

    file = NULL;

    if (j->ready()) {
        file = ngx_tavus_journal_due();

        if (file == NULL && j->active && !j->write_busy) {
            ngx_tavus_journal_close();
            file = ngx_tavus_journal_due();
        }
    }

    if (file && file->replayed) {
        (void) ngx_tavus_journal_post_read(file,
                                           ngx_tavus_journal_remove_thread,
                                           ngx_tavus_journal_removed);
        return;
    }

    if (file) {
        (void) ngx_tavus_journal_post_read(file,
                                           ngx_tavus_journal_read_thread,
                                           ngx_tavus_journal_read_done);
        return;
    }

    if (j->scanned == 0
        || ngx_current_msec - j->scanned >= NGX_TAVUS_JOURNAL_SCAN)
    {
        j->scanned = ngx_current_msec;

        (void) ngx_tavus_journal_post_read(NULL,
                                           ngx_tavus_journal_scan_thread,
                                           ngx_tavus_journal_scanned);
        return;
    }

    j->asked = 0;

    if (!j->again.timer_set) {
        ngx_add_timer(&j->again, NGX_TAVUS_JOURNAL_SCAN);
    }
}


/* one that failed lately does not hold up the others */

static ngx_tavus_journal_file_t *
ngx_tavus_journal_due(void)
{
    ngx_queue_t               *q;
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;

    for (q = ngx_queue_head(&j->closed);
         q != ngx_queue_sentinel(&j->closed);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_tavus_journal_file_t, queue);

        if (!file->failed
            || (ngx_msec_int_t) (ngx_current_msec - file->retry) >= 0)
        {
            return file;
        }
    }

    return NULL;
}


void
ngx_tavus_journal_again_handler(ngx_event_t *ev)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    if (ngx_exiting) {
        return;
    }

    ngx_tavus_journal_gauge();

    if (j->data) {
        ngx_tavus_journal_feed();
        return;
    }

    j->asked = 1;
    ngx_tavus_journal_next();
}


static ngx_int_t
ngx_tavus_journal_post_read(ngx_tavus_journal_file_t *file,
    void (*handler)(void *data, ngx_log_t *log),
    void (*done)(ngx_event_t *ev))
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_read_t  *r;

    j = &ngx_tavus_journal;
    r = j->read->ctx;

    ngx_memzero(r, sizeof(ngx_tavus_journal_read_t));

    r->file = file;
    r->conf = j->conf;

    j->read->handler = handler;
    j->read->event.handler = done;
    j->read->event.data = j;

    if (ngx_thread_task_post(j->conf->pool, j->read) != NGX_OK) {
        if (!j->again.timer_set) {
            ngx_add_timer(&j->again, NGX_TAVUS_JOURNAL_SCAN);
        }

        return NGX_ERROR;
    }

    j->read_busy = 1;

    return NGX_OK;
}


/* a file that nobody holds the lock of was left by a worker that is gone */

static void
ngx_tavus_journal_scan_thread(void *data, ngx_log_t *log)
{
    ngx_tavus_journal_read_t *r = data;

    ngx_str_t   *former;
    ngx_uint_t   i;

    if (r->conf->path.len) {
        r->shut = access((char *) r->conf->path.data, W_OK|X_OK) != 0;

        ngx_tavus_journal_scan_folder(r, (char *) r->conf->path.data, 0, log);
    }

    if (r->conf->former == NULL) {
        return;
    }

    former = r->conf->former->elts;

    for (i = 0; i < r->conf->former->nelts; i++) {
        ngx_tavus_journal_scan_folder(r, (char *) former[i].data, 1, log);
    }
}


static void
ngx_tavus_journal_scan_folder(ngx_tavus_journal_read_t *r,
    const char *folder, ngx_uint_t former, ngx_log_t *log)
{
    DIR            *dir;
    size_t          len;
    ngx_uint_t      found;
    struct dirent  *de;

    dir = opendir(folder);

    if (dir == NULL) {

        /* a former one may have been removed */

        if (!former || ngx_errno != NGX_ENOENT) {
            ngx_tavus_journal_unreadable(r, folder, NULL, "opendir() failed",
                                         ngx_errno);
        }

        return;
    }

    found = r->found;

    while ((de = readdir(dir)) != NULL) {

        len = ngx_strlen(de->d_name);

        if (len > sizeof(NGX_TAVUS_JOURNAL_SUFFIX) - 1
            && ngx_strcmp(de->d_name + len
                          - (sizeof(NGX_TAVUS_JOURNAL_SUFFIX) - 1),
                          NGX_TAVUS_JOURNAL_SUFFIX)
               == 0)
        {
            ngx_tavus_journal_look(r, folder, de->d_name, log);

        } else if (len > sizeof(NGX_TAVUS_JOURNAL_ASIDE) - 1
                   && ngx_strcmp(de->d_name + len
                                 - (sizeof(NGX_TAVUS_JOURNAL_ASIDE) - 1),
                                 NGX_TAVUS_JOURNAL_ASIDE)
                      == 0)
        {
            r->aside++;
        }
    }

    (void) closedir(dir);

    if (former) {
        r->former += r->found - found;
    }
}


static void
ngx_tavus_journal_look(ngx_tavus_journal_read_t *r, const char *folder,
    const char *name, ngx_log_t *log)
{
    int                        fd;
    char                       path[NGX_MAX_PATH];
    size_t                     len;
    struct stat                st;
    ngx_tavus_journal_file_t  *file;

    r->found++;

    len = ngx_strlen(name);

    if (len >= NGX_TAVUS_JOURNAL_NAME
        || snprintf(path, sizeof(path), "%s/%s", folder, name)
           >= (int) sizeof(path))
    {
        ngx_tavus_journal_unreadable(r, folder, name, "the name is too long",
                                     0);
        return;
    }

    if (stat(path, &st) == 0) {
        r->found_bytes += st.st_size;
    }

    fd = open(path, O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);

    if (fd == -1 && ngx_errno == EROFS) {
        fd = open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    }

    if (fd == -1) {

        if (ngx_errno == NGX_ENOENT) {

            /* another worker has replayed and removed it meanwhile */

            r->found--;
            return;
        }

        ngx_tavus_journal_unreadable(r, folder, name, "open() failed",
                                     ngx_errno);
        return;
    }

    if (fstat(fd, &st) != 0) {
        ngx_tavus_journal_unreadable(r, folder, name, "fstat() failed",
                                     ngx_errno);

    } else if (!S_ISREG(st.st_mode)) {
        ngx_tavus_journal_unreadable(r, folder, name, "is not a regular file",
                                     0);

    } else if (r->adopted == NULL) {

        if (flock(fd, LOCK_EX|LOCK_NB) != 0) {

            if (ngx_errno != EWOULDBLOCK) {
                ngx_tavus_journal_unreadable(r, folder, name,
                                             "flock() failed", ngx_errno);
            }

        } else if (fstat(fd, &st) == 0 && st.st_nlink != 0) {

            file = ngx_calloc(sizeof(ngx_tavus_journal_file_t), log);

            if (file != NULL) {
                file->fd = fd;
                file->size = st.st_size;
                file->began = st.st_mtime;
                file->path = folder;
                ngx_memcpy(file->name, name, len + 1);

                r->adopted = file;
                return;
            }
        }
    }

    (void) close(fd);
}


static void
ngx_tavus_journal_unreadable(ngx_tavus_journal_read_t *r, const char *folder,
    const char *name, const char *what, ngx_err_t err)
{
    u_char  *p, *last;

    if (r->unreadable++) {
        return;
    }

    p = r->why;
    last = p + NGX_TAVUS_JOURNAL_WHY - 1;

    p = ngx_slprintf(p, last, "\"%s%s%s\": %s", folder, name ? "/" : "",
                     name ? name : "", what);

    if (err) {
        p = ngx_slprintf(p, last, " (%d: ", err);
        p = ngx_strerror(err, p, last - p);
        p = ngx_slprintf(p, last, ")");
    }

    *p = '\0';
}


static void
ngx_tavus_journal_scanned(ngx_event_t *ev)
{
    time_t                     age;
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_read_t  *r;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    r = j->read->ctx;
    j->read_busy = 0;

    j->stats.found = r->found;
    j->stats.found_bytes = r->found_bytes;
    j->stats.former = r->former;
    j->stats.aside = r->aside;
    j->shut = r->shut;

    if (r->unreadable > j->stats.unreadable) {
        j->complained = ngx_current_msec - NGX_TAVUS_JOURNAL_REPEAT;
    }

    j->stats.unreadable = r->unreadable;
    j->stats.unreadable_why = (char *) j->why;

    ngx_memcpy(j->why, r->why, NGX_TAVUS_JOURNAL_WHY);

    if (r->found == 0 && r->unreadable == 0) {
        j->stats.clean = j->scanned;
        j->stats.cleaned = 1;
    }

    ngx_tavus_journal_complain();

    if (r->adopted) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "journal \"%s/%s\" of a worker that is gone is adopted",
                      r->adopted->path, r->adopted->name);

        /* its time is the clock's, which may have been set since */

        age = ngx_max(ngx_time() - r->adopted->began, 0);
        r->adopted->since = ngx_current_msec - (ngx_msec_t) age * 1000;

        ngx_queue_insert_tail(&j->closed, &r->adopted->queue);
        j->stats.bytes += r->adopted->size;
        ngx_tavus_journal_share();

        /* there may be more */

        j->scanned = 0;
    }

    ngx_tavus_journal_gauge();
    ngx_tavus_journal_next();
}


/* all workers see the same: the first one speaks */

static void
ngx_tavus_journal_complain(void)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    if (j->stats.unreadable == 0 || ngx_worker != 0
        || ngx_current_msec - j->complained < NGX_TAVUS_JOURNAL_REPEAT)
    {
        return;
    }

    j->complained = ngx_current_msec;

    if (j->stats.unreadable == 1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0, "journal %s", j->why);

    } else {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "journal %s, and %ui more", j->why,
                      j->stats.unreadable - 1);
    }
}


void
ngx_tavus_journal_tell(void)
{
    ngx_uint_t                  files;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_stats_t   stats;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    ngx_tavus_journal_stats(&stats);

    files = ngx_max(stats.found, stats.files);

    if (files == 0 && stats.unreadable == 0) {
        j->waits = 0;
        return;
    }

    /* files of an outage are gone soon, those that nobody can read are not */

    if (!j->waits) {
        j->waits = 1;
        j->waited = ngx_current_msec;

        if (stats.unreadable) {
            j->waited -= NGX_TAVUS_JOURNAL_REPEAT;
        }
    }

    if (ngx_current_msec - j->waited < NGX_TAVUS_JOURNAL_REPEAT) {
        return;
    }

    j->waited = ngx_current_msec;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "unsettled conversations of this node are not judged, as "
                  "its journal may tell of them: %ui files, %ui of them "
                  "cannot be read", files, stats.unreadable);
}


static void
ngx_tavus_journal_read_thread(void *data, ngx_log_t *log)
{
    ngx_tavus_journal_read_t *r = data;

    size_t       len;
    ssize_t      n;
    struct stat  st;

    if (fstat(r->file->fd, &st) != 0) {
        r->error = ngx_errno;
        r->failed = "fstat()";
        return;
    }

    /* malloc() would not give it back: it is of an arena of this thread */

    r->size = st.st_size ? (size_t) st.st_size : 1;
    r->data = mmap(NULL, r->size, PROT_READ|PROT_WRITE,
                   MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (r->data == MAP_FAILED) {
        r->data = NULL;
        r->error = ngx_errno;
        r->failed = "mmap()";
        return;
    }

    for (len = 0; len < (size_t) st.st_size; len += n) {

        n = pread(r->file->fd, r->data + len, st.st_size - len, len);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n == -1) {
            r->error = ngx_errno;
            r->failed = "pread()";
            (void) munmap(r->data, r->size);
            r->data = NULL;
            return;
        }

        if (n == 0) {
            break;
        }
    }

    r->len = len;
}


static void
ngx_tavus_journal_read_done(ngx_event_t *ev)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_read_t  *r;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    r = j->read->ctx;
    j->read_busy = 0;

    if (r->failed) {
        ngx_tavus_journal_failed(r);
        return;
    }

    r->file->failed = 0;

    j->file = r->file;
    j->data = r->data;
    j->len = r->len;
    j->size = r->size;
    j->records = 0;
    j->unanswered = 0;
    j->refused = 0;
    j->aside.len = 0;

    ngx_tavus_journal_open();
    ngx_tavus_journal_feed();
}


static void
ngx_tavus_journal_open(void)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    switch (tavus_record_open(&j->reader, j->data, j->len)) {

    case TAVUS_RECORD_TORN:
        ngx_tavus_journal_drop(j->len);
        break;

    case TAVUS_RECORD_DAMAGED:
        ngx_tavus_journal_set_aside(j->data, j->len);
        break;

    default:
        return;
    }

    /* nothing can be read without its key */

    j->reader.pos = j->len;
}


static void
ngx_tavus_journal_feed(void)
{
    size_t                  len, start;
    ngx_int_t               rc;
    const uint8_t          *payload;
    ngx_tavus_journal_t    *j;
    tavus_record_status_t   status;

    j = &ngx_tavus_journal;

    for ( ;; ) {
        start = j->reader.pos;

        status = tavus_record_next(&j->reader, &payload, &len);

        if (status == TAVUS_RECORD_END) {
            break;
        }

        if (status == TAVUS_RECORD_TORN) {
            ngx_tavus_journal_drop(j->len - start);
            j->reader.pos = j->len;
            break;
        }

        if (status == TAVUS_RECORD_DAMAGED) {
            ngx_tavus_journal_set_aside(payload, len);
            continue;
        }

        rc = j->refused ? NGX_ABORT : j->replay(payload, len);

        if (rc == NGX_OK) {
            j->records++;
            j->unanswered++;
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_tavus_journal_set_aside(j->data + start,
                                        j->reader.pos - start);
            continue;
        }

        j->reader.pos = start;

        if (rc == NGX_ABORT) {
            j->refused++;
            break;
        }

        if (j->unanswered == 0 && !j->again.timer_set) {
            ngx_add_timer(&j->again, 100);
        }

        return;
    }

    if (j->unanswered == 0) {
        ngx_tavus_journal_end_file();
    }
}


static void
ngx_tavus_journal_drop(size_t len)
{
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "journal: %uz bytes of a write that a crash cut short are "
                  "dropped", len);
}


static void
ngx_tavus_journal_set_aside(const uint8_t *data, size_t len)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "journal: %uz damaged bytes are set aside", len);

    if (ngx_tavus_journal_reserve(&j->aside, len) == NGX_OK) {
        ngx_memcpy(j->aside.data + j->aside.len, data, len);
        j->aside.len += len;

    } else {
        j->refused++;
    }
}


void
ngx_tavus_journal_done(ngx_int_t rc, const uint8_t *payload, size_t len)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    if (j->data == NULL) {
        return;
    }

    j->unanswered--;

    if (rc == NGX_ERROR) {
        j->refused++;

    } else if (rc == NGX_DECLINED) {
        ngx_tavus_journal_set_aside(payload - TAVUS_RECORD_HEADER,
                                    len + TAVUS_RECORD_HEADER);
    }

    if (j->unanswered == 0) {

        /* from the event loop: the caller is in the middle of its rows */

        if (j->again.timer_set) {
            ngx_del_timer(&j->again);
        }

        ngx_add_timer(&j->again, 0);
    }
}


static void
ngx_tavus_journal_end_file(void)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;

    (void) munmap(j->data, j->size);
    j->data = NULL;

    if (j->refused) {

        /* the database went away again: what is stored stays stored */

        if (!j->again.timer_set) {
            ngx_add_timer(&j->again, NGX_TAVUS_JOURNAL_SCAN);
        }

        return;
    }

    file = j->file;

    file->replayed = 1;
    file->records = 0;
    file->stored = j->records;
    file->aside = j->aside;

    ngx_memzero(&j->aside, sizeof(ngx_tavus_journal_buf_t));

    tavus_metric_add(TAVUS_METRIC_JOURNAL_REPLAYED, file->stored);

    (void) ngx_tavus_journal_post_read(file, ngx_tavus_journal_remove_thread,
                                       ngx_tavus_journal_removed);
}


/* tried again with every look, and others meanwhile */

static void
ngx_tavus_journal_failed(ngx_tavus_journal_read_t *r)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;
    file = r->file;

    if (!file->failed
        || ngx_current_msec - j->failed >= NGX_TAVUS_JOURNAL_REPEAT)
    {
        j->failed = ngx_current_msec;

        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, r->error,
                      "journal \"%s/%s\": %s failed%s", file->path,
                      file->name, r->failed,
                      file->replayed ? ", what is in it is stored" : "");
    }

    file->failed = 1;
    file->retry = ngx_current_msec + NGX_TAVUS_JOURNAL_SCAN;

    ngx_tavus_journal_gauge();
    ngx_tavus_journal_next();
}


static void
ngx_tavus_journal_remove_thread(void *data, ngx_log_t *log)
{
    ngx_tavus_journal_read_t *r = data;

    int     fd;
    char    path[NGX_MAX_PATH];
    size_t  len;

    len = snprintf(path, sizeof(path), "%s/%s" NGX_TAVUS_JOURNAL_ASIDE,
                   r->file->path, r->file->name);

    if (len >= sizeof(path)) {
        r->error = ENAMETOOLONG;
        r->failed = "open()";
        return;
    }

    if (r->file->aside.len) {
        fd = open(path, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600);

        if (fd == -1
            || write(fd, r->file->aside.data, r->file->aside.len)
               != (ssize_t) r->file->aside.len
            || fsync(fd) != 0)
        {
            r->error = ngx_errno;
            r->failed = "writing damaged bytes";

            if (fd != -1) {
                (void) close(fd);
            }

            return;
        }

        (void) close(fd);
    }

    path[len - (sizeof(NGX_TAVUS_JOURNAL_ASIDE) - 1)] = '\0';

    if (unlink(path) != 0) {
        r->error = ngx_errno;
        r->failed = "unlink()";
        return;
    }

    (void) ngx_tavus_journal_sync_dir(r->file->path);
}


static void
ngx_tavus_journal_removed(ngx_event_t *ev)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_read_t  *r;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    r = j->read->ctx;
    file = r->file;
    j->read_busy = 0;

    if (r->failed) {
        ngx_tavus_journal_failed(r);
        return;
    }

    tavus_metric_add(TAVUS_METRIC_JOURNAL_DAMAGED, file->aside.len);

    j->stats.damaged += file->aside.len;
    j->stats.bytes -= file->size;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "journal \"%s/%s\" is replayed: %ui records", file->path,
                  file->name, file->stored);

    ngx_queue_remove(&file->queue);
    ngx_tavus_journal_free(file);

    if (ngx_queue_empty(&j->closed) && j->active == NULL) {
        j->browser = 0;

#if defined(__GLIBC__)
        /* it keeps what rows and files took, or even asks for more */

        (void) malloc_trim(0);
#endif
    }

    ngx_tavus_journal_share();
    ngx_tavus_journal_gauge();
    ngx_tavus_journal_next();
}
