
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_journal_file.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_metrics.h"

#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/mman.h>


static off_t ngx_tavus_journal_own(void);
static void ngx_tavus_journal_aged(ngx_msec_t age);
static void ngx_tavus_journal_others(off_t *bytes, off_t *browser);
static void ngx_tavus_journal_flush(void);
static void ngx_tavus_journal_write_thread(void *data, ngx_log_t *log);
static void ngx_tavus_journal_write_all(ngx_tavus_journal_write_t *w);
static ngx_int_t ngx_tavus_journal_write(ngx_tavus_journal_write_t *w,
    const u_char *data, size_t len);
static void ngx_tavus_journal_undo(ngx_tavus_journal_write_t *w);
static ngx_int_t ngx_tavus_journal_create(ngx_tavus_journal_write_t *w);
static void ngx_tavus_journal_name(ngx_tavus_journal_file_t *file);
static void ngx_tavus_journal_written(ngx_event_t *ev);
static void ngx_tavus_journal_answer(ngx_queue_t *entries, ngx_int_t rc);
static ngx_tavus_journal_file_t *ngx_tavus_journal_new_file(void);
static void ngx_tavus_journal_left(void);
static void ngx_tavus_journal_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_tavus_journal_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);


ngx_tavus_journal_t         ngx_tavus_journal;


ngx_int_t
ngx_tavus_journal_init_process(ngx_tavus_journal_conf_t *conf,
    ngx_uint_t workers, ngx_tavus_journal_ready_pt ready,
    ngx_tavus_journal_replay_pt replay)
{
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    ngx_queue_init(&j->pending);
    ngx_queue_init(&j->writing);
    ngx_queue_init(&j->closed);

    j->write = ngx_thread_task_alloc(ngx_cycle->pool,
                                     sizeof(ngx_tavus_journal_write_t));
    j->read = ngx_thread_task_alloc(ngx_cycle->pool,
                                    sizeof(ngx_tavus_journal_read_t));

    if (j->write == NULL || j->read == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(j->key, sizeof(j->key)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    j->conf = conf;
    j->ready = ready;
    j->replay = replay;
    j->workers = ngx_min(ngx_max(workers, 1), NGX_MAX_PROCESSES);

    if (conf->path.len) {
        tavus_metric_set(TAVUS_METRIC_JOURNAL_MAX, conf->max_size);
    }

    if (conf->shares && ngx_worker < NGX_MAX_PROCESSES) {

        /* who had this place before may be there yet, but not for long */

        conf->shares[ngx_worker].bytes = 0;
        conf->shares[ngx_worker].browser = 0;
        conf->shares[ngx_worker].oldest = 0;
        conf->shares[ngx_worker].owner = ngx_pid;
    }

    j->timer.data = &ngx_tavus_timer_dummy;
    j->timer.handler = ngx_tavus_journal_timer_handler;
    j->timer.log = ngx_cycle->log;

    j->again.data = &ngx_tavus_timer_dummy;
    j->again.handler = ngx_tavus_journal_again_handler;
    j->again.log = ngx_cycle->log;
    j->again.cancelable = 1;

    ngx_add_timer(&j->again, 0);

    return NGX_OK;
}


void
ngx_tavus_journal_exit_process(void)
{
    ngx_queue_t                *q;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_file_t   *file;
    ngx_tavus_journal_write_t  *w;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    j->exiting = 1;

    /*
     * The thread pool is gone, and with it a task that it had: whether that
     * one was written is not known, so nobody is told that it was.
     */

    ngx_tavus_journal_answer(&j->writing, NGX_ERROR);

    w = j->write->ctx;

    if (w->buf.data) {
        ngx_free(w->buf.data);
        ngx_memzero(&w->buf, sizeof(ngx_tavus_journal_buf_t));
    }

    if (j->npending && !j->write_busy) {
        ngx_memzero(w, sizeof(ngx_tavus_journal_write_t));

        w->key = j->key;
        w->create = (j->active == NULL);
        w->file = j->active ? j->active : ngx_tavus_journal_new_file();
        w->buf = j->buf;

        if (w->file != NULL) {
            j->active = w->file;
            ngx_tavus_journal_write_thread(w, ngx_cycle->log);

            if (w->removed) {
                (void) close(w->file->fd);
                w->file->fd = -1;
            }

            ngx_tavus_journal_answer(&j->pending,
                                     w->failed ? NGX_ERROR : NGX_OK);
        }
    }

    ngx_tavus_journal_answer(&j->pending, NGX_ERROR);

    /* closing unlocks: the next worker that looks adopts them */

    ngx_tavus_journal_close();
    ngx_tavus_journal_left();

    while (!ngx_queue_empty(&j->closed)) {
        q = ngx_queue_head(&j->closed);
        file = ngx_queue_data(q, ngx_tavus_journal_file_t, queue);

        ngx_queue_remove(q);
        ngx_tavus_journal_free(file);
    }

    if (j->timer.timer_set) {
        ngx_del_timer(&j->timer);
    }

    if (j->again.timer_set) {
        ngx_del_timer(&j->again);
    }

    if (j->buf.data) {
        ngx_free(j->buf.data);
    }

    if (j->data) {
        (void) munmap(j->data, j->size);
    }

    if (j->aside.data) {
        ngx_free(j->aside.data);
    }

    /* what is left here counts for who adopts it */

    j->stats.bytes = 0;
    j->buf.len = 0;
    j->browser = 0;
    j->write_busy = 0;

    ngx_tavus_journal_share();
    ngx_tavus_journal_aged(0);

    ngx_memzero(j, sizeof(ngx_tavus_journal_t));
}


ngx_uint_t
ngx_tavus_journal_ready(size_t size)
{
    off_t                 others;
    ngx_tavus_journal_t  *j;

    j = &ngx_tavus_journal;

    if (j->conf == NULL || j->conf->path.len == 0 || j->exiting
        || (j->buf.len && j->buf.len + size > NGX_TAVUS_JOURNAL_BUFFER))
    {
        return 0;
    }

    /* a file that is open needs its folder no more */

    if (j->shut && j->active == NULL) {
        return 0;
    }

    ngx_tavus_journal_others(&others, NULL);

    if (ngx_tavus_journal_own() + others + (off_t) (TAVUS_RECORD_FILE + size)
        > j->conf->max_size)
    {
        return 0;
    }

    return !j->stats.failed
           || (ngx_msec_int_t) (ngx_current_msec - j->paused) >= 0;
}


void *
ngx_tavus_journal_append(const tavus_record_field_t *fields, size_t n,
    ngx_uint_t browser, ngx_tavus_journal_pt handler, void *data)
{
    off_t                       bytes, others;
    size_t                      size;
    u_char                     *p;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_entry_t  *entry;

    j = &ngx_tavus_journal;

    size = tavus_record_size(fields, n);

    if (size > TAVUS_RECORD_MAX || !ngx_tavus_journal_ready(size)) {
        return NULL;
    }

    if (browser) {
        ngx_tavus_journal_others(&bytes, &others);

        if (j->browser + others + (off_t) size > j->conf->max_size / 4) {
            return NULL;
        }
    }

    entry = ngx_alloc(sizeof(ngx_tavus_journal_entry_t), ngx_cycle->log);
    if (entry == NULL) {
        return NULL;
    }

    if (ngx_tavus_journal_reserve(&j->buf, size) != NGX_OK) {
        ngx_free(entry);
        return NULL;
    }

    p = tavus_record_write(j->buf.data + j->buf.len, j->key, fields, n);
    j->buf.len = p - j->buf.data;

    if (browser) {
        j->browser += size;
    }

    ngx_tavus_journal_share();

    entry->handler = handler;
    entry->data = data;

    ngx_queue_insert_tail(&j->pending, &entry->queue);
    j->npending++;

    if (!j->write_busy && !j->timer.timer_set) {

        /* at the end of this turn of the loop: what it brings shares it */

        ngx_add_timer(&j->timer, 0);
    }

    return entry;
}


/* files, what is being written and what waits for that */

static off_t
ngx_tavus_journal_own(void)
{
    off_t                       bytes;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_write_t  *w;

    j = &ngx_tavus_journal;

    bytes = j->stats.bytes + (off_t) j->buf.len;

    if (j->write_busy) {
        w = j->write->ctx;
        bytes += (off_t) w->buf.len + (w->create ? TAVUS_RECORD_FILE : 0);
    }

    return bytes;
}


static void
ngx_tavus_journal_others(off_t *bytes, off_t *browser)
{
    ngx_uint_t                  i;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_share_t  *share;

    j = &ngx_tavus_journal;
    share = j->conf->shares;

    *bytes = 0;

    if (browser) {
        *browser = 0;
    }

    if (share == NULL) {
        return;
    }

    for (i = 0; i < j->workers; i++) {

        if (share[i].owner == (ngx_atomic_uint_t) ngx_pid) {
            continue;
        }

        *bytes += (off_t) share[i].bytes;

        if (browser) {
            *browser += (off_t) share[i].browser;
        }
    }
}


void
ngx_tavus_journal_share(void)
{
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_share_t  *share;

    j = &ngx_tavus_journal;

    if (j->conf->shares == NULL || ngx_worker >= NGX_MAX_PROCESSES) {
        return;
    }

    share = &j->conf->shares[ngx_worker];

    if (share->owner == (ngx_atomic_uint_t) ngx_pid) {
        share->bytes = ngx_tavus_journal_own();
        share->browser = j->browser;
    }
}


void
ngx_tavus_journal_forget(void *entry)
{
    ((ngx_tavus_journal_entry_t *) entry)->handler = NULL;
}


void
ngx_tavus_journal_stats(ngx_tavus_journal_stats_t *stats)
{
    ngx_queue_t               *q;
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;

    *stats = j->stats;

    if (j->conf == NULL) {
        return;
    }

    stats->files = 0;
    stats->age = 0;
    stats->records = j->npending + j->nwriting;

    if (j->active) {
        stats->files++;
        stats->records += j->active->records;
        stats->age = ngx_current_msec - j->active->since;
    }

    for (q = ngx_queue_head(&j->closed);
         q != ngx_queue_sentinel(&j->closed);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_tavus_journal_file_t, queue);

        stats->files++;
        stats->records += file->records;

        if (!file->replayed) {
            stats->age = ngx_max(stats->age, ngx_current_msec - file->since);
        }
    }
}


static void
ngx_tavus_journal_timer_handler(ngx_event_t *ev)
{
    if (!ngx_tavus_journal.write_busy) {
        ngx_tavus_journal_flush();
        return;
    }

    /* a write is under way: an exiting worker waits for it */

    ngx_add_timer(ev, 1000);
}


static void
ngx_tavus_journal_flush(void)
{
    ngx_queue_t                *q;
    ngx_thread_task_t          *task;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_buf_t     buf;
    ngx_tavus_journal_write_t  *w;

    j = &ngx_tavus_journal;

    if (j->npending == 0 || j->write_busy) {
        return;
    }

    task = j->write;
    w = task->ctx;
    buf = w->buf;

    if (j->active && j->active->size >= NGX_TAVUS_JOURNAL_FILE) {
        ngx_tavus_journal_close();
    }

    w->key = j->key;
    w->written = 0;
    w->left = 0;
    w->error = 0;
    w->failed = NULL;
    w->removed = 0;
    w->create = (j->active == NULL);
    w->file = j->active ? j->active : ngx_tavus_journal_new_file();

    if (w->file == NULL) {
        ngx_tavus_journal_answer(&j->pending, NGX_ERROR);
        j->npending = 0;
        j->buf.len = 0;
        return;
    }

    j->active = w->file;

    /* the task's old buffer takes what comes meanwhile */

    w->buf = j->buf;
    j->buf = buf;
    j->buf.len = 0;

    while (!ngx_queue_empty(&j->pending)) {
        q = ngx_queue_head(&j->pending);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&j->writing, q);
    }

    j->nwriting = j->npending;
    j->npending = 0;

    task->handler = ngx_tavus_journal_write_thread;
    task->event.handler = ngx_tavus_journal_written;
    task->event.data = j;

    if (ngx_thread_task_post(j->conf->pool, task) != NGX_OK) {
        w->failed = "ngx_thread_task_post()";
        ngx_tavus_journal_written(&task->event);
        return;
    }

    j->write_busy = 1;

    if (!j->timer.timer_set) {
        ngx_add_timer(&j->timer, 1000);
    }
}


static void
ngx_tavus_journal_write_thread(void *data, ngx_log_t *log)
{
    ngx_tavus_journal_write_t *w = data;

    struct stat  st;

    ngx_tavus_journal_write_all(w);

    /* what is in a file takes room, whether anybody was told of it or not */

    if (w->failed && !w->removed && w->file->fd != -1
        && fstat(w->file->fd, &st) == 0)
    {
        w->left = st.st_size - w->file->size;
    }
}


static void
ngx_tavus_journal_write_all(ngx_tavus_journal_write_t *w)
{
    u_char  header[TAVUS_RECORD_FILE];

    if (w->create) {
        if (ngx_tavus_journal_create(w) != NGX_OK) {
            return;
        }

        tavus_record_begin(header, w->key);

        if (ngx_tavus_journal_write(w, header, sizeof(header)) != NGX_OK) {
            return;
        }
    }

    if (ngx_tavus_journal_write(w, w->buf.data, w->buf.len) != NGX_OK) {
        return;
    }

    if (fdatasync(w->file->fd) != 0) {
        w->error = ngx_errno;
        w->failed = "fdatasync()";
    }
}


static ngx_int_t
ngx_tavus_journal_write(ngx_tavus_journal_write_t *w, const u_char *data,
    size_t len)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += n) {

        n = write(w->file->fd, data + done, len - done);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            w->error = n ? ngx_errno : NGX_ENOSPC;
            w->failed = "write()";
            ngx_tavus_journal_undo(w);
            return NGX_ERROR;
        }
    }

    w->written += len;

    return NGX_OK;
}


/* nobody is told that these bytes are there, and a full disk needs them */

static void
ngx_tavus_journal_undo(ngx_tavus_journal_write_t *w)
{
    char  path[NGX_MAX_PATH];

    if (ftruncate(w->file->fd, w->file->size) == 0
        && w->file->size == 0
        && snprintf(path, sizeof(path), "%s/%s", w->file->path, w->file->name)
           < (int) sizeof(path)
        && unlink(path) == 0)
    {
        w->removed = 1;
    }
}


static ngx_int_t
ngx_tavus_journal_create(ngx_tavus_journal_write_t *w)
{
    char         path[NGX_MAX_PATH];
    ngx_int_t    rc;
    struct stat  st;

    for ( ;; ) {
        ngx_tavus_journal_name(w->file);

        if (snprintf(path, sizeof(path), "%s/%s", w->file->path, w->file->name)
            >= (int) sizeof(path))
        {
            w->error = ENAMETOOLONG;
            w->failed = "open()";
            return NGX_ERROR;
        }

        w->file->fd = open(path, O_RDWR|O_APPEND|O_CREAT|O_EXCL|O_CLOEXEC,
                           0600);

        if (w->file->fd == -1) {
            w->error = ngx_errno;
            w->failed = "open()";
            return NGX_ERROR;
        }

        rc = flock(w->file->fd, LOCK_EX|LOCK_NB) == 0 ? NGX_OK : NGX_ERROR;

        if (rc == NGX_OK
            && fstat(w->file->fd, &st) == 0
            && st.st_nlink != 0)
        {
            break;
        }

        w->error = ngx_errno;

        (void) close(w->file->fd);
        w->file->fd = -1;

        if (rc == NGX_OK || w->error == NGX_EAGAIN) {

            /*
             * Who looks for files of workers that are gone found this one
             * before it was locked, or has even removed it already.
             */

            w->error = 0;
            continue;
        }

        w->failed = "flock()";
        return NGX_ERROR;
    }

    if (ngx_tavus_journal_sync_dir(w->file->path) != NGX_OK) {
        w->error = ngx_errno;
        w->failed = "fsync() of the directory";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* one write at a time is under way: nobody else counts meanwhile */

static void
ngx_tavus_journal_name(ngx_tavus_journal_file_t *file)
{
    (void) ngx_sprintf((u_char *) file->name,
                       "%P-%T%03M-%ui" NGX_TAVUS_JOURNAL_SUFFIX "%Z",
                       ngx_pid, file->began, file->began_msec,
                       ngx_tavus_journal.number++);
}


static void
ngx_tavus_journal_written(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_write_t  *w;

    j = &ngx_tavus_journal;

    if (j->conf == NULL) {
        return;
    }

    w = j->write->ctx;
    j->write_busy = 0;

    if (j->timer.timer_set) {
        ngx_del_timer(&j->timer);
    }

    if (w->failed) {
        rc = NGX_ERROR;

        if (!j->stats.failed) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, w->error,
                          "journal \"%s/%s\": %s failed", w->file->path,
                          w->file->name, w->failed);
        }

        j->stats.failed = 1;
        tavus_metric_add(TAVUS_METRIC_JOURNAL_FAILED, 1);
        j->paused = ngx_current_msec + NGX_TAVUS_JOURNAL_PAUSE;

        /*
         * What an fsync failed on may be lost though a second one would
         * succeed: the file is left for replay as it is.
         */

        if (w->removed) {
            (void) close(w->file->fd);
            w->file->fd = -1;
        }

        j->stats.bytes += w->left;
        w->file->size += w->left;

        ngx_tavus_journal_close();

    } else {
        rc = NGX_OK;

        if (j->stats.failed) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "journal is written again");
        }

        j->stats.failed = 0;
        tavus_metric_add(TAVUS_METRIC_JOURNAL_WRITTEN, j->nwriting);
        j->stats.bytes += w->written;

        j->active->size += w->written;
        j->active->records += j->nwriting;
    }

    if (w->buf.size > NGX_TAVUS_JOURNAL_KEEP) {
        ngx_free(w->buf.data);
        ngx_memzero(&w->buf, sizeof(ngx_tavus_journal_buf_t));
    }

    j->nwriting = 0;

    ngx_tavus_journal_share();
    ngx_tavus_journal_answer(&j->writing, rc);

    ngx_tavus_journal_gauge();
    ngx_tavus_journal_flush();
}


void
ngx_tavus_journal_gauge(void)
{
    ngx_tavus_journal_stats_t  stats;

    ngx_tavus_journal_stats(&stats);

    tavus_metric_set(TAVUS_METRIC_JOURNAL_FILES,
                     ngx_max(stats.found, stats.files));
    tavus_metric_set(TAVUS_METRIC_JOURNAL_UNREADABLE, stats.unreadable);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_ASIDE, stats.aside);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_FAILING, stats.failed);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_RECORDS, stats.records);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_BYTES, stats.bytes);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_AGE, stats.age);

    ngx_tavus_journal_aged(stats.age);
}


/* tells the other workers how old what this one has is */

static void
ngx_tavus_journal_aged(ngx_msec_t age)
{
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_share_t  *share;

    j = &ngx_tavus_journal;

    if (j->conf->shares == NULL || ngx_worker >= NGX_MAX_PROCESSES) {
        return;
    }

    share = &j->conf->shares[ngx_worker];

    if (share->owner == (ngx_atomic_uint_t) ngx_pid) {
        share->oldest = age ? ngx_current_msec - age : 0;
    }
}


ngx_msec_t
ngx_tavus_journal_oldest(void)
{
    ngx_uint_t                  i;
    ngx_msec_t                  oldest;
    ngx_msec_int_t              age;
    ngx_tavus_journal_t        *j;
    ngx_tavus_journal_stats_t   stats;

    j = &ngx_tavus_journal;

    ngx_tavus_journal_stats(&stats);
    age = stats.age;

    if (j->conf == NULL || j->conf->shares == NULL) {
        return age;
    }

    for (i = 0; i < j->workers; i++) {
        oldest = j->conf->shares[i].oldest;

        if (oldest) {
            age = ngx_max(age, (ngx_msec_int_t) (ngx_current_msec - oldest));
        }
    }

    return age;
}


static void
ngx_tavus_journal_answer(ngx_queue_t *entries, ngx_int_t rc)
{
    ngx_queue_t                *q, list;
    ngx_tavus_journal_entry_t  *entry;

    if (ngx_queue_empty(entries)) {
        return;
    }

    /* a handler may append */

    ngx_queue_init(&list);
    ngx_queue_add(&list, entries);
    ngx_queue_init(entries);

    while (!ngx_queue_empty(&list)) {
        q = ngx_queue_head(&list);
        entry = ngx_queue_data(q, ngx_tavus_journal_entry_t, queue);

        ngx_queue_remove(q);

        if (entry->handler) {
            entry->handler(entry->data, rc);
        }

        ngx_free(entry);
    }
}


/* no more is written to the active file: it can be replayed */

void
ngx_tavus_journal_close(void)
{
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file;

    j = &ngx_tavus_journal;
    file = j->active;

    if (file == NULL) {
        return;
    }

    j->active = NULL;

    if (file->fd == -1) {
        ngx_tavus_journal_free(file);
        return;
    }

    ngx_queue_insert_tail(&j->closed, &file->queue);
}


void
ngx_tavus_journal_free(ngx_tavus_journal_file_t *file)
{
    if (file->fd != -1) {
        (void) close(file->fd);
    }

    if (file->aside.data) {
        ngx_free(file->aside.data);
    }

    ngx_free(file);
}


/* the next worker may have another folder, or there may be none */

static void
ngx_tavus_journal_left(void)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q;
    ngx_tavus_journal_t       *j;
    ngx_tavus_journal_file_t  *file, *last;

    j = &ngx_tavus_journal;

    n = 0;
    last = NULL;

    for (q = ngx_queue_head(&j->closed);
         q != ngx_queue_sentinel(&j->closed);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_tavus_journal_file_t, queue);

        if (!file->replayed) {
            last = file;
            n++;
        }
    }

    if (n) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "journal \"%s\": %ui file%s of events that the database "
                      "does not have %s left, for workers that look there",
                      last->path, n, n == 1 ? "" : "s",
                      n == 1 ? "is" : "are");
    }
}


static ngx_tavus_journal_file_t *
ngx_tavus_journal_new_file(void)
{
    ngx_tavus_journal_file_t  *file;

    file = ngx_calloc(sizeof(ngx_tavus_journal_file_t), ngx_cycle->log);
    if (file == NULL) {
        return NULL;
    }

    file->fd = -1;
    file->path = (char *) ngx_tavus_journal.conf->path.data;
    file->began = ngx_cached_time->sec;
    file->began_msec = ngx_cached_time->msec;
    file->since = ngx_current_msec;

    return file;
}


ngx_int_t
ngx_tavus_journal_reserve(ngx_tavus_journal_buf_t *buf, size_t len)
{
    size_t   size;
    u_char  *p;

    if (buf->len + len <= buf->size) {
        return NGX_OK;
    }

    size = ngx_max(buf->size * 2, buf->len + len);
    size = ngx_max(size, 65536);

    p = ngx_alloc(size, ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (buf->len) {
        ngx_memcpy(p, buf->data, buf->len);
    }

    if (buf->data) {
        ngx_free(buf->data);
    }

    buf->data = p;
    buf->size = size;

    return NGX_OK;
}


ngx_int_t
ngx_tavus_journal_sync_dir(const char *path)
{
    int        fd;
    ngx_int_t  rc;
    ngx_err_t  err;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return NGX_ERROR;
    }

    rc = fsync(fd) == 0 ? NGX_OK : NGX_ERROR;
    err = ngx_errno;

    (void) close(fd);

    ngx_set_errno(err);

    return rc;
}


ngx_int_t
ngx_tavus_journal_zone(ngx_conf_t *cf, ngx_tavus_journal_conf_t *conf,
    void *tag)
{
    size_t           size;
    ngx_shm_zone_t  *shm_zone;

    /* a limit zone cannot have a blank in its name */

    static ngx_str_t  name = ngx_string("tavus journal");

    /* and pages for the slab's own */

    size = ngx_align(NGX_MAX_PROCESSES * sizeof(ngx_tavus_journal_share_t),
                     ngx_pagesize)
           + 8 * ngx_pagesize;

    shm_zone = ngx_shared_memory_add(cf, &name, size, tag);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_journal_init_zone;
    shm_zone->data = conf;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_journal_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t           *shpool;
    ngx_tavus_journal_conf_t  *conf;

    conf = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data == NULL && !shm_zone->shm.exists) {
        shpool->data = ngx_slab_calloc(shpool, NGX_MAX_PROCESSES
                                       * sizeof(ngx_tavus_journal_share_t));
        if (shpool->data == NULL) {
            return NGX_ERROR;
        }
    }

    conf->shares = shpool->data;

    return NGX_OK;
}
