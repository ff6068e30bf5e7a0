
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_line.h"
#include "jobs/ngx_tavus_upkeep.h"
#include "store/ngx_tavus_statements.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_LINE_TICK     200         /* ms, while somebody waits */
#define NGX_TAVUS_LINE_IDLE     1000
#define NGX_TAVUS_LINE_LOOK     1000
#define NGX_TAVUS_LINE_TIMEOUT  5000
#define NGX_TAVUS_LINE_SELDOM   60000       /* between lines of the log */

/*
 * Tickets lapse after 90 seconds, as long as somebody looks: so the node that
 * was asked last goes on until the last of them has lapsed, but not as often.
 * The database adds ten seconds, a mark is told for five, and a look may fail.
 */

#define NGX_TAVUS_LINE_AFTER    130000
#define NGX_TAVUS_LINE_SLOW     5000

#define NGX_TAVUS_LINE_SLOTS    2048        /* twice the tickets, at least */
#define NGX_TAVUS_LINE_PROBES   32
#define NGX_TAVUS_LINE_TOLD     256
#define NGX_TAVUS_LINE_KEEP     120000

/* ms for which the database is told that a ticket has its conversation */
#define NGX_TAVUS_LINE_NOTE     30000


typedef struct {
    uint8_t                    id[TAVUS_UUID_LEN];
    ngx_msec_t                 at;
} ngx_tavus_line_slot_t;


/*
 * A worker that is killed while it writes leaves what is not whole, and the
 * lock is taken back: an order counts by its number, which is written last.
 * A mark that is torn is one of a ticket that nobody has.
 */

typedef struct {
    ngx_msec_t                 looked;      /* when the last look began */
    ngx_msec_t                 asked;       /* when anybody did */
    ngx_uint_t                 begun;       /* looks */
    ngx_tavus_line_view_t      view;
    ngx_uint_t                 told;        /* the next one to be used */
    uint8_t                    order[NGX_TAVUS_LINE_MAX][TAVUS_UUID_LEN];
    ngx_tavus_line_slot_t      slots[NGX_TAVUS_LINE_SLOTS];
    ngx_tavus_line_slot_t      tells[NGX_TAVUS_LINE_TOLD];
} ngx_tavus_line_sh_t;


struct ngx_tavus_line_s {
    ngx_shmtx_t               *mutex;
    ngx_tavus_line_sh_t       *sh;
};


typedef struct {
    ngx_tavus_line_t          *line;        /* NULL: there is none */
    ngx_str_t                 *budget;
    ngx_event_t                timer;
    ngx_queue_t                waiters;
    ngx_uint_t                 n;
    ngx_uint_t                 turn;
    ngx_tavus_line_view_t      view;
    uint8_t                    order[NGX_TAVUS_LINE_MAX][TAVUS_UUID_LEN];

    ngx_tavus_pg_op_t          op;
    u_char                    *asked;       /* of the look under way */
    ngx_uint_t                 number;
    ngx_msec_t                 said;
    uint8_t                    head[TAVUS_UUID_LEN];
    ngx_msec_t                 head_since;
    unsigned                   looker:1;    /* the worker that looks */
    unsigned                   looking:1;
    unsigned                   failed:1;
} ngx_tavus_line_process_t;


static ngx_int_t ngx_tavus_line_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static void ngx_tavus_line_set_timer(ngx_msec_t after);
static void ngx_tavus_line_timer_handler(ngx_event_t *ev);
static void ngx_tavus_line_mark(ngx_tavus_line_sh_t *sh, const uint8_t *id);
static ngx_uint_t ngx_tavus_line_fresh(ngx_msec_t at, ngx_msec_t most);
static void ngx_tavus_line_refresh(void);
static void ngx_tavus_line_place(ngx_tavus_line_waiter_t *w);
static ngx_uint_t ngx_tavus_line_find(const uint8_t *id);
static void ngx_tavus_line_turn(void);
static void ngx_tavus_line_look(void);
static u_char *ngx_tavus_line_collect(ngx_tavus_line_sh_t *sh,
    ngx_msec_t since);
static u_char *ngx_tavus_line_list(u_char *p, const uint8_t *id);
static void ngx_tavus_line_looked(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_line_take(const char *text, size_t len);
static void ngx_tavus_line_measure(const ngx_tavus_line_view_t *view);
static void ngx_tavus_line_failed(ngx_int_t rc, PGresult *res);


static ngx_tavus_line_process_t  ngx_tavus_line;

/* whose the zone is */

static u_char  ngx_tavus_line_tag;


void
ngx_tavus_line_init_process(ngx_tavus_line_t *line, ngx_str_t *budget)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    ngx_queue_init(&p->waiters);

    if (line == NULL) {
        return;
    }

    p->line = line;
    p->budget = budget;
    p->looker = ngx_worker == 0 || ngx_process == NGX_PROCESS_SINGLE;
    p->view.step = -1;

    p->timer.data = &ngx_tavus_timer_dummy;
    p->timer.handler = ngx_tavus_line_timer_handler;
    p->timer.log = ngx_cycle->log;

    if (p->looker) {
        ngx_tavus_line_set_timer(NGX_TAVUS_LINE_IDLE);
    }
}


void
ngx_tavus_line_exit_process(void)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    /* who is answered from here on, by the floors below, is still told of */

    if (p->timer.timer_set) {
        ngx_del_timer(&p->timer);
    }
}


void
ngx_tavus_line_join(ngx_tavus_line_waiter_t *w)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    w->joined = 1;
    w->turn = p->turn;

    ngx_queue_insert_tail(&p->waiters, &w->queue);
    p->n++;

    ngx_shmtx_lock(p->line->mutex);
    ngx_tavus_line_mark(p->line->sh, w->id);
    w->first = p->line->sh->begun + 1;
    ngx_shmtx_unlock(p->line->mutex);

    ngx_tavus_line_refresh();
    ngx_tavus_line_place(w);

    ngx_tavus_line_set_timer(NGX_TAVUS_LINE_TICK);
}


void
ngx_tavus_line_leave(ngx_tavus_line_waiter_t *w)
{
    if (!w->joined) {
        return;
    }

    w->joined = 0;

    ngx_queue_remove(&w->queue);
    ngx_tavus_line.n--;
}


ngx_uint_t
ngx_tavus_line_asked(const uint8_t id[TAVUS_UUID_LEN])
{
    ngx_tavus_line_t  *line;

    line = ngx_tavus_line.line;

    if (line == NULL) {
        return 0;
    }

    ngx_shmtx_lock(line->mutex);
    ngx_tavus_line_mark(line->sh, id);
    ngx_shmtx_unlock(line->mutex);

    ngx_tavus_line_refresh();

    return ngx_tavus_line_find(id);
}


void
ngx_tavus_line_forget(const uint8_t id[TAVUS_UUID_LEN])
{
    ngx_uint_t         i;
    ngx_tavus_line_t  *line;

    line = ngx_tavus_line.line;

    ngx_shmtx_lock(line->mutex);

    for (i = 0; i < NGX_TAVUS_LINE_SLOTS; i++) {
        if (ngx_memcmp(line->sh->slots[i].id, id, TAVUS_UUID_LEN) == 0) {
            line->sh->slots[i].at = 0;
        }
    }

    ngx_shmtx_unlock(line->mutex);
}


const ngx_tavus_line_view_t *
ngx_tavus_line_view(void)
{
    return &ngx_tavus_line.view;
}


ngx_int_t
ngx_tavus_line_estimate(ngx_uint_t position)
{
    ngx_int_t  step;

    step = ngx_tavus_line.view.step;

    return step < 0 ? -1
                    : (ngx_int_t) ((position * (ngx_uint_t) step + 999)
                                   / 1000);
}


void
ngx_tavus_line_tell(const uint8_t id[TAVUS_UUID_LEN])
{
    ngx_tavus_line_t       *line;
    ngx_tavus_line_slot_t  *tell;

    line = ngx_tavus_line.line;

    ngx_shmtx_lock(line->mutex);

    tell = &line->sh->tells[line->sh->told++ % NGX_TAVUS_LINE_TOLD];

    ngx_memcpy(tell->id, id, TAVUS_UUID_LEN);
    tell->at = ngx_current_msec;

    ngx_shmtx_unlock(line->mutex);
}


ngx_uint_t
ngx_tavus_line_told(const uint8_t id[TAVUS_UUID_LEN])
{
    ngx_uint_t              i, told;
    ngx_tavus_line_t       *line;
    ngx_tavus_line_slot_t  *tells;

    told = 0;
    line = ngx_tavus_line.line;

    ngx_shmtx_lock(line->mutex);

    tells = line->sh->tells;

    for (i = 0; i < NGX_TAVUS_LINE_TOLD; i++) {
        told |= ngx_memcmp(tells[i].id, id, TAVUS_UUID_LEN) == 0
                && ngx_tavus_line_fresh(tells[i].at, NGX_TAVUS_LINE_KEEP);
    }

    ngx_shmtx_unlock(line->mutex);

    return told;
}


/*
 * Nobody's shutdown waits for a look; but who waits here keeps this worker
 * until they are answered.
 */

static void
ngx_tavus_line_set_timer(ngx_msec_t after)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    if (p->timer.timer_set) {

        if (p->timer.cancelable == (p->n == 0)
            && (ngx_msec_int_t) (p->timer.timer.key - ngx_current_msec)
               <= (ngx_msec_int_t) after)
        {
            return;
        }

        ngx_del_timer(&p->timer);
    }

    p->timer.cancelable = p->n == 0;

    ngx_add_timer(&p->timer, after);
}


static void
ngx_tavus_line_timer_handler(ngx_event_t *ev)
{
    ngx_queue_t               *q;
    ngx_tavus_line_sh_t       *sh;
    ngx_tavus_line_waiter_t   *w;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;
    sh = p->line->sh;

    if (p->n) {
        ngx_shmtx_lock(p->line->mutex);

        for (q = ngx_queue_head(&p->waiters);
             q != ngx_queue_sentinel(&p->waiters);
             q = ngx_queue_next(q))
        {
            w = ngx_queue_data(q, ngx_tavus_line_waiter_t, queue);

            ngx_tavus_line_mark(sh, w->id);
        }

        ngx_shmtx_unlock(p->line->mutex);
    }

    if (p->looker && !ngx_exiting) {
        ngx_tavus_line_look();
    }

    if (p->n) {

        ngx_tavus_line_refresh();
        ngx_tavus_line_turn();
    }

    if (p->n) {
        ngx_tavus_line_set_timer(NGX_TAVUS_LINE_TICK);

    } else if (p->looker && !ngx_exiting) {
        ngx_tavus_line_set_timer(ngx_tavus_line_fresh(sh->asked,
                                                      NGX_TAVUS_LINE_LOOK)
                                 ? NGX_TAVUS_LINE_TICK
                                 : NGX_TAVUS_LINE_IDLE);
    }
}


/* its slot, or one whose ticket the last look has known already */

static void
ngx_tavus_line_mark(ngx_tavus_line_sh_t *sh, const uint8_t *id)
{
    uint64_t                hash;
    ngx_uint_t              i;
    ngx_tavus_line_slot_t  *slot, *free;

    ngx_memcpy(&hash, id + TAVUS_UUID_LEN - sizeof(uint64_t),
               sizeof(uint64_t));

    free = NULL;

    for (i = 0; i < NGX_TAVUS_LINE_PROBES; i++) {
        slot = &sh->slots[(hash + i) % NGX_TAVUS_LINE_SLOTS];

        if (ngx_memcmp(slot->id, id, TAVUS_UUID_LEN) == 0) {
            free = slot;
            break;
        }

        if (free == NULL
            && !ngx_tavus_line_fresh(slot->at, 2 * NGX_TAVUS_LINE_SLOW))
        {
            free = slot;
        }
    }

    if (free) {
        ngx_memcpy(free->id, id, TAVUS_UUID_LEN);
        free->at = ngx_current_msec;
    }

    sh->asked = ngx_current_msec;
}


static ngx_uint_t
ngx_tavus_line_fresh(ngx_msec_t at, ngx_msec_t most)
{
    return at != 0 && ngx_current_msec - at < most;
}


/* takes what is new, if anything is */

static void
ngx_tavus_line_refresh(void)
{
    ngx_queue_t               *q;
    ngx_tavus_line_t          *line;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;
    line = p->line;

    if (line->sh->view.number == p->view.number) {
        return;
    }

    ngx_shmtx_lock(line->mutex);

    p->view = line->sh->view;
    p->view.waiting = ngx_min(p->view.waiting, NGX_TAVUS_LINE_MAX);

    ngx_memcpy(p->order, line->sh->order, p->view.waiting * TAVUS_UUID_LEN);

    ngx_shmtx_unlock(line->mutex);

    for (q = ngx_queue_head(&p->waiters);
         q != ngx_queue_sentinel(&p->waiters);
         q = ngx_queue_next(q))
    {
        ngx_tavus_line_place(ngx_queue_data(q, ngx_tavus_line_waiter_t,
                                            queue));
    }
}


static void
ngx_tavus_line_place(ngx_tavus_line_waiter_t *w)
{
    ngx_uint_t  position;

    position = ngx_tavus_line_find(w->id);

    w->absent = position == 0 && ngx_tavus_line.view.number >= w->first;

    if (position || w->absent) {
        w->position = position;
    }
}


static ngx_uint_t
ngx_tavus_line_find(const uint8_t *id)
{
    ngx_uint_t                 i;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    for (i = 0; i < p->view.waiting; i++) {
        if (ngx_memcmp(p->order[i], id, TAVUS_UUID_LEN) == 0) {
            return i + 1;
        }
    }

    return 0;
}


/* any of them may leave meanwhile, and others come */

static void
ngx_tavus_line_turn(void)
{
    ngx_queue_t               *q;
    ngx_tavus_line_waiter_t   *w;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;
    p->turn++;

    while (!ngx_queue_empty(&p->waiters)) {
        q = ngx_queue_head(&p->waiters);
        w = ngx_queue_data(q, ngx_tavus_line_waiter_t, queue);

        if (w->turn == p->turn) {
            return;
        }

        w->turn = p->turn;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&p->waiters, q);

        w->handler(w->data);
    }
}


/* at most once a second, whichever generation of workers does */

static void
ngx_tavus_line_look(void)
{
    ngx_msec_t                 since;
    ngx_tavus_line_sh_t       *sh;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;
    sh = p->line->sh;

    if (p->looking
        || !ngx_tavus_line_fresh(sh->asked, NGX_TAVUS_LINE_AFTER)
        || ngx_tavus_line_fresh(sh->looked,
                                ngx_tavus_line_fresh(sh->asked,
                                                     NGX_TAVUS_LINE_SLOW)
                                ? NGX_TAVUS_LINE_LOOK
                                : NGX_TAVUS_LINE_SLOW))
    {
        return;
    }

    ngx_shmtx_lock(p->line->mutex);

    if (ngx_tavus_line_fresh(sh->looked, NGX_TAVUS_LINE_LOOK)) {
        ngx_shmtx_unlock(p->line->mutex);
        return;
    }

    since = sh->looked;
    sh->looked = ngx_current_msec;
    p->number = ++sh->begun;

    p->asked = ngx_tavus_line_collect(sh, since);

    ngx_shmtx_unlock(p->line->mutex);

    if (p->asked == NULL) {
        return;
    }

    ngx_memzero(&p->op, sizeof(ngx_tavus_pg_op_t));

    p->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_line_look];
    p->op.values[0] = (char *) p->budget->data;
    p->op.values[1] = (char *) p->asked;
    p->op.timeout = NGX_TAVUS_LINE_TIMEOUT;
    p->op.handler = ngx_tavus_line_looked;

    p->looking = 1;

    if (ngx_tavus_upkeep_query(&p->op) != NGX_OK) {
        ngx_tavus_line_looked(&p->op, NGX_ABORT, NULL);
    }
}


/*
 * Those of the last seconds too, of which a look that failed was to tell; and
 * those that have been told of their conversation, so that another node, which
 * made it, learns that somebody has it.
 */

static u_char *
ngx_tavus_line_collect(ngx_tavus_line_sh_t *sh, ngx_msec_t since)
{
    u_char     *asked, *p;
    ngx_uint_t  i, n;

    asked = ngx_alloc((NGX_TAVUS_LINE_MAX + NGX_TAVUS_LINE_TOLD)
                      * (TAVUS_UUID_TEXT_LEN + 1) + 3,
                      ngx_cycle->log);
    if (asked == NULL) {
        return NULL;
    }

    p = asked;
    *p = '{';
    n = 0;

    for (i = 0; i < NGX_TAVUS_LINE_TOLD; i++) {
        if (ngx_tavus_line_fresh(sh->tells[i].at, NGX_TAVUS_LINE_NOTE)) {
            p = ngx_tavus_line_list(p, sh->tells[i].id);
        }
    }

    for (i = 0; i < NGX_TAVUS_LINE_SLOTS && n < NGX_TAVUS_LINE_MAX; i++) {

        if (!ngx_tavus_line_fresh(sh->slots[i].at,
                                  ngx_max(ngx_current_msec - since + 1,
                                          NGX_TAVUS_LINE_SLOW)))
        {
            continue;
        }

        p = ngx_tavus_line_list(p, sh->slots[i].id);
        n++;
    }

    /* over the last comma, if there is one */

    if (p == asked) {
        p++;
    }

    *p++ = '}';
    *p = '\0';

    return asked;
}


/* behind the comma, or bracket, that p is at; then p is at the next comma */

static u_char *
ngx_tavus_line_list(u_char *p, const uint8_t *id)
{
    char  text[TAVUS_UUID_TEXT_LEN];

    tavus_uuid_format(id, text);

    p = ngx_cpymem(p + 1, text, TAVUS_UUID_TEXT_LEN);
    *p = ',';

    return p;
}


static void
ngx_tavus_line_looked(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    p->looking = 0;

    ngx_free(p->asked);
    p->asked = NULL;

    if (rc == NGX_OK
        && PQntuples(res) == 1
        && ngx_tavus_line_take(PQgetvalue(res, 0, 0), PQgetlength(res, 0, 0))
           == NGX_OK)
    {
        p->failed = 0;
        return;
    }

    ngx_tavus_line_failed(rc, res);
}


static ngx_int_t
ngx_tavus_line_take(const char *text, size_t len)
{
    cJSON                     *root, *tickets, *item, *spent;
    size_t                     size;
    ngx_tavus_line_sh_t       *sh;
    ngx_tavus_line_view_t      view;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;
    sh = p->line->sh;

    root = cJSON_ParseWithLength(text, len);
    tickets = cJSON_GetObjectItemCaseSensitive(root, "tickets");

    if (!cJSON_IsArray(tickets)) {
        cJSON_Delete(root);
        return NGX_ERROR;
    }

    view.at = ngx_current_msec;
    view.waiting = 0;

    item = cJSON_GetObjectItemCaseSensitive(root, "free");
    view.free = cJSON_IsNumber(item) && item->valuedouble > 0
                ? (ngx_uint_t) ngx_min(item->valuedouble, 1e6) : 0;

    item = cJSON_GetObjectItemCaseSensitive(root, "wait");
    view.step = cJSON_IsNumber(item) && item->valuedouble >= 0
                ? (ngx_int_t) (ngx_min(item->valuedouble, 1e6) * 1000) : -1;

    item = cJSON_GetObjectItemCaseSensitive(root, "retry_after");
    view.retry_after = cJSON_IsNumber(item) && item->valuedouble > 0
                       ? (ngx_uint_t) ngx_min(item->valuedouble, 1e6) : 0;

    spent = cJSON_GetObjectItemCaseSensitive(root, "spent");
    view.spent = !cJSON_IsString(spent) ? NGX_TAVUS_LINE_OPEN
                 : ngx_strcmp(spent->valuestring, "day") == 0
                   ? NGX_TAVUS_LINE_DAY : NGX_TAVUS_LINE_MINUTES;

    ngx_shmtx_lock(p->line->mutex);

    cJSON_ArrayForEach(item, tickets) {

        if (view.waiting == NGX_TAVUS_LINE_MAX || !cJSON_IsString(item)) {
            break;
        }

        size = ngx_strlen(item->valuestring);

        if (tavus_uuid_parse(sh->order[view.waiting], item->valuestring, size)
            == 0)
        {
            view.waiting++;
        }
    }

    view.number = sh->view.number;
    sh->view = view;

    ngx_memory_barrier();

    sh->view.number = p->number;

    ngx_shmtx_unlock(p->line->mutex);

    cJSON_Delete(root);

    ngx_tavus_line_measure(&view);

    return NGX_OK;
}


/* one that does not move is what an owner has to see */

static void
ngx_tavus_line_measure(const ngx_tavus_line_view_t *view)
{
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    if (view->waiting == 0
        || ngx_memcmp(p->head, p->line->sh->order[0], TAVUS_UUID_LEN) != 0)
    {
        ngx_memcpy(p->head, p->line->sh->order[0], TAVUS_UUID_LEN);
        p->head_since = ngx_current_msec;
    }

    tavus_metric_set(TAVUS_METRIC_LINE_WAITING, view->waiting);
    tavus_metric_set(TAVUS_METRIC_LINE_HEAD,
                     (ngx_current_msec - p->head_since) / 1000);
}


/* whose connection is away is told of elsewhere */

static void
ngx_tavus_line_failed(ngx_int_t rc, PGresult *res)
{
    const char                *state, *message;
    ngx_tavus_line_process_t  *p;

    p = &ngx_tavus_line;

    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

    /* lock_not_available: those who are granted places come first */

    if (rc != NGX_ERROR || (state && ngx_strcmp(state, "55P03") == 0)
        || (p->failed
            && ngx_tavus_line_fresh(p->said, NGX_TAVUS_LINE_SELDOM)))
    {
        return;
    }

    message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "database could not tell of the waiting line: %s %s",
                  state ? state : "", message ? message
                                              : "unexpected answer");

    p->failed = 1;
    p->said = ngx_current_msec;
}


ngx_int_t
ngx_tavus_line_zone(ngx_conf_t *cf, ngx_tavus_line_t **line)
{
    size_t           size;
    ngx_shm_zone_t  *shm_zone;

    /* a limit zone cannot have a blank in its name */

    static ngx_str_t  name = ngx_string("tavus line");

    *line = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_line_t));
    if (*line == NULL) {
        return NGX_ERROR;
    }

    /* and pages for the slab's own */

    size = ngx_align(sizeof(ngx_tavus_line_sh_t), ngx_pagesize)
           + 8 * ngx_pagesize;

    shm_zone = ngx_shared_memory_add(cf, &name, size, &ngx_tavus_line_tag);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_line_init_zone;
    shm_zone->data = *line;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_line_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t   *shpool;
    ngx_tavus_line_t  *line;

    line = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    line->mutex = &shpool->mutex;

    if (data || shm_zone->shm.exists) {
        line->sh = shpool->data;
        return NGX_OK;
    }

    line->sh = ngx_slab_calloc(shpool, sizeof(ngx_tavus_line_sh_t));
    if (line->sh == NULL) {
        return NGX_ERROR;
    }

    shpool->data = line->sh;

    return NGX_OK;
}
