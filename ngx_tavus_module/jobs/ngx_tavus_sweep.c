
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "jobs/ngx_tavus_sweep.h"
#include "jobs/ngx_tavus_heartbeat.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_server_event.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_SWEEP_PERIOD  5000
#define NGX_TAVUS_SWEEP_PAGE    100
#define NGX_TAVUS_SWEEP_PAGES   20
#define NGX_TAVUS_SWEEP_ANSWER  (1024 * 1024)


typedef struct {
    char                  *nonce_hex;
    uint8_t                nonce[TAVUS_NONCE_LEN];
    ngx_str_t              name;        /* of the conversation at Tavus */
    ngx_str_t              id;          /* empty: not known yet */
    unsigned               last:1;
    unsigned               listed:1;    /* as active */
} ngx_tavus_sweep_item_t;


typedef struct {
    ngx_tavus_api_t         *api;       /* NULL: nobody is asked */
    ngx_msec_t               next;      /* claim */
    char                     clean[NGX_INT64_LEN + 1];
    ngx_pool_t              *pool;      /* of this sweep; NULL: none */
    ngx_tavus_sweep_item_t  *items;
    ngx_uint_t               n;
    ngx_uint_t               page;
    ngx_uint_t               seen;      /* in all pages */
    ngx_int_t                total;     /* that there are, as Tavus says */
    ngx_uint_t               left;      /* transfers under way */
    unsigned                 complete:1;    /* all that is active was seen */
} ngx_tavus_sweep_t;


static void ngx_tavus_sweep_begin(const char *text);
static ngx_int_t ngx_tavus_sweep_read(cJSON *list);
static ngx_int_t ngx_tavus_sweep_copy(cJSON *item, const char *name,
    ngx_str_t *s);
static ngx_uint_t ngx_tavus_sweep_missing(void);
static void ngx_tavus_sweep_list(void);
static void ngx_tavus_sweep_listed(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_sweep_match(cJSON *data);
static ngx_uint_t ngx_tavus_sweep_more(cJSON *root, ngx_uint_t n);
static void ngx_tavus_sweep_end(void);
static void ngx_tavus_sweep_ended(ngx_tavus_curl_t *t);
static void ngx_tavus_sweep_tell(ngx_tavus_sweep_item_t *item,
    ngx_uint_t kind, const char *type);
static void ngx_tavus_sweep_finish(void);


static ngx_tavus_sweep_t  ngx_tavus_sweep_state;


void
ngx_tavus_sweep_init_process(ngx_tavus_api_t *api)
{
    ngx_tavus_sweep_state.api = api;
}


ngx_msec_t
ngx_tavus_sweep_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_sweep_state.next - ngx_current_msec);

    return (ngx_tavus_sweep_state.next && wait > 0) ? (ngx_msec_t) wait : 0;
}


/* what this node was told of it would have told by when its folder was empty */

const ngx_tavus_pg_stmt_t *
ngx_tavus_sweep_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_sweep_t          *s;
    ngx_tavus_journal_stats_t   journal;

    s = &ngx_tavus_sweep_state;

    s->next = ngx_current_msec + NGX_TAVUS_SWEEP_PERIOD;

    if (s->api == NULL || s->pool != NULL || ngx_tavus_heartbeat_failed()) {
        return NULL;
    }

    ngx_tavus_journal_tell();
    ngx_tavus_journal_stats(&journal);

    ngx_sprintf((u_char *) s->clean, "%M%Z",
                ngx_current_msec - journal.clean);

    op->values[0] = ngx_tavus_node_name();
    op->values[1] = journal.cleaned ? s->clean : NULL;

    return &ngx_tavus_statements[ngx_tavus_stmt_claim];
}


void
ngx_tavus_sweep_done(ngx_int_t rc, PGresult *res)
{
    const char  *text;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_sweep_begin(PQgetvalue(res, 0, 0));

    } else if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be asked for unsettled "
                      "conversations: %s", text ? text : "");
    }
}


static void
ngx_tavus_sweep_begin(const char *text)
{
    cJSON              *list;
    ngx_int_t           rc;
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    list = cJSON_Parse(text);

    if (cJSON_GetArraySize(list) == 0 || s->pool != NULL) {
        cJSON_Delete(list);
        return;
    }

    s->pool = ngx_create_pool(4096, ngx_cycle->log);
    rc = s->pool ? ngx_tavus_sweep_read(list) : NGX_ERROR;

    cJSON_Delete(list);

    if (rc != NGX_OK) {
        ngx_tavus_sweep_finish();
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "looking after %ui unsettled conversations", s->n);

    s->page = 1;
    s->seen = 0;
    s->complete = 0;

    ngx_tavus_sweep_list();
}


static ngx_int_t
ngx_tavus_sweep_read(cJSON *list)
{
    cJSON                   *p;
    ngx_str_t                nonce, vertical;
    ngx_uint_t               i;
    ngx_tavus_sweep_t       *s;
    ngx_tavus_sweep_item_t  *item;

    s = &ngx_tavus_sweep_state;

    s->n = 0;
    s->items = ngx_pcalloc(s->pool, cJSON_GetArraySize(list)
                                    * sizeof(ngx_tavus_sweep_item_t));
    if (s->items == NULL) {
        return NGX_ERROR;
    }

    cJSON_ArrayForEach(p, list) {

        item = &s->items[s->n];

        if (ngx_tavus_sweep_copy(p, "nonce", &nonce) != NGX_OK
            || ngx_tavus_sweep_copy(p, "vertical", &vertical) != NGX_OK
            || ngx_tavus_sweep_copy(p, "conversation_id", &item->id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (nonce.len != 2 * TAVUS_NONCE_LEN) {
            continue;
        }

        for (i = 0; i < TAVUS_NONCE_LEN; i++) {
            item->nonce[i] = (uint8_t) ngx_hextoi(nonce.data + 2 * i, 2);
        }

        item->nonce_hex = (char *) nonce.data;

        item->name.data = ngx_tavus_api_name(s->pool, &vertical,
                                             item->nonce_hex);
        if (item->name.data == NULL) {
            return NGX_ERROR;
        }

        item->name.len = ngx_strlen(item->name.data);

        item->last = cJSON_IsTrue(cJSON_GetObjectItem(p, "last"));

        s->n++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_sweep_copy(cJSON *item, const char *name, ngx_str_t *s)
{
    cJSON   *p;
    size_t   len;

    ngx_str_null(s);

    p = cJSON_GetObjectItemCaseSensitive(item, name);

    if (!cJSON_IsString(p)) {
        return NGX_OK;
    }

    len = ngx_strlen(p->valuestring);

    s->data = ngx_pnalloc(ngx_tavus_sweep_state.pool, len + 1);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(s->data, p->valuestring, len + 1);
    s->len = len;

    return NGX_OK;
}


/* whether something was not met in the list yet */

static ngx_uint_t
ngx_tavus_sweep_missing(void)
{
    ngx_uint_t          i;
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    for (i = 0; i < s->n; i++) {
        if (!s->items[i].listed) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_tavus_sweep_list(void)
{
    u_char             *p;
    ngx_tavus_curl_t   *t;
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    t = ngx_tavus_api_transfer(s->api, "GET", ngx_tavus_sweep_listed, NULL);
    if (t == NULL) {
        ngx_tavus_sweep_finish();
        return;
    }

    t->max = NGX_TAVUS_SWEEP_ANSWER;

    p = ngx_pnalloc(t->pool, sizeof("/v2/conversations?status=active"
                                    "&limit=&page=") + 2 * NGX_INT_T_LEN);
    if (p == NULL) {
        ngx_tavus_curl_cancel(t);
        ngx_tavus_sweep_finish();
        return;
    }

    t->path.data = p;
    t->path.len = ngx_sprintf(p, "/v2/conversations?status=active&limit=%d"
                              "&page=%ui", NGX_TAVUS_SWEEP_PAGE, s->page)
                  - p;

    if (ngx_tavus_curl_send(t) != NGX_OK) {
        ngx_tavus_sweep_finish();
    }
}


static void
ngx_tavus_sweep_listed(ngx_tavus_curl_t *t)
{
    cJSON               *root, *data;
    ngx_uint_t           more;
    ngx_tavus_sweep_t   *s;

    s = &ngx_tavus_sweep_state;
    root = NULL;

    ngx_tavus_api_measure(t);

    if (t->rc == CURLE_OK && t->status == 200) {
        (void) tavus_json_parse((char *) t->answer.data, t->answer.len,
                                &root, NULL);
    }

    data = cJSON_GetObjectItemCaseSensitive(root, "data");

    if (!cJSON_IsArray(data)) {
        cJSON_Delete(root);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "conversations could not be listed: status %ui, %s",
                      t->status, curl_easy_strerror(t->rc));

        ngx_tavus_sweep_end();
        return;
    }

    more = ngx_tavus_sweep_match(data) == NGX_OK
           && ngx_tavus_sweep_more(root, cJSON_GetArraySize(data));

    cJSON_Delete(root);

    if (more) {
        s->page++;
        ngx_tavus_sweep_list();
        return;
    }

    ngx_tavus_sweep_end();
}


/* notes what is there, and the ids of what was known by name alone */

static ngx_int_t
ngx_tavus_sweep_match(cJSON *data)
{
    cJSON                   *p;
    ngx_str_t                name, id;
    ngx_uint_t               i;
    ngx_tavus_sweep_t       *s;
    ngx_tavus_sweep_item_t  *item;

    s = &ngx_tavus_sweep_state;

    cJSON_ArrayForEach(p, data) {

        if (ngx_tavus_sweep_copy(p, "conversation_name", &name) != NGX_OK
            || ngx_tavus_sweep_copy(p, "conversation_id", &id) != NGX_OK)
        {
            return NGX_ERROR;
        }

        for (i = 0; i < s->n; i++) {
            item = &s->items[i];

            if (item->id.len == 0
                && name.len && item->name.len == name.len
                && ngx_memcmp(item->name.data, name.data, name.len) == 0)
            {
                item->id = id;
            }

            if (item->id.len && item->id.len == id.len
                && ngx_memcmp(item->id.data, id.data, id.len) == 0)
            {
                item->listed = 1;
            }
        }
    }

    return NGX_OK;
}


/*
 * Whether another page is wanted.  Tavus may give fewer in a page than it was
 * asked for; what ends meanwhile moves the rest, past us too, and then their
 * number is another.
 */

static ngx_uint_t
ngx_tavus_sweep_more(cJSON *root, ngx_uint_t n)
{
    cJSON              *p;
    ngx_int_t           total;
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    p = cJSON_GetObjectItemCaseSensitive(root, "total_count");
    total = cJSON_IsNumber(p) && p->valuedouble >= 0 ? p->valueint : -1;

    if (s->page == 1) {
        s->total = total;
    }

    s->seen += n;

    if (!ngx_tavus_sweep_missing() || total != s->total) {
        return 0;
    }

    if (n == 0 || (total >= 0 && s->seen >= (ngx_uint_t) total)) {
        s->complete = total < 0 || s->seen >= (ngx_uint_t) total;
        return 0;
    }

    return s->page < NGX_TAVUS_SWEEP_PAGES;
}


static void
ngx_tavus_sweep_end(void)
{
    ngx_uint_t               i;
    ngx_tavus_sweep_t       *s;
    ngx_tavus_sweep_item_t  *item;

    s = &ngx_tavus_sweep_state;

    s->left = 1;

    for (i = 0; i < s->n; i++) {
        item = &s->items[i];

        if (item->id.len) {

            if (ngx_tavus_api_end(s->api, &item->id, ngx_tavus_sweep_ended,
                                  item)
                == NGX_OK)
            {
                s->left++;
            }

        } else if (item->last && s->complete) {

            /* none began, or it is over */

            ngx_tavus_sweep_tell(item, NGX_TAVUS_KIND_INFO,
                                 "conversation.not_found");
        }
    }

    if (--s->left == 0) {
        ngx_tavus_sweep_finish();
    }
}


static void
ngx_tavus_sweep_ended(ngx_tavus_curl_t *t)
{
    ngx_tavus_sweep_item_t *item = t->data;

    u_char              buf[NGX_TAVUS_API_WORDS];
    ngx_str_t           words;
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    ngx_tavus_api_measure(t);

    /* a refusal of what is not among the active ones: it is over */

    if (ngx_tavus_api_ended(t)
        || (t->rc == CURLE_OK && s->complete && !item->listed
            && (t->status == 400 || t->status == 404 || t->status == 410)))
    {
        ngx_tavus_sweep_tell(item, NGX_TAVUS_KIND_INFO,
                             "conversation.ended");

    } else {
        words = ngx_tavus_api_words(s->api, t, buf, sizeof(buf));

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "conversation \"%V\" could not be ended: status %ui "
                      "\"%V\", %s", &item->id, t->status, &words,
                      curl_easy_strerror(t->rc));
    }

    if (--s->left == 0) {
        ngx_tavus_sweep_finish();
    }
}


static void
ngx_tavus_sweep_tell(ngx_tavus_sweep_item_t *item, ngx_uint_t kind,
    const char *type)
{
    cJSON                     *data;
    ngx_tavus_server_event_t   event;

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = kind;
    event.type = type;
    event.conversation_id = item->id;
    event.nonce = item->nonce;
    event.bound = 1;
    ngx_str_set(&event.cause, "unsettled");

    data = cJSON_CreateObject();

    if (item->id.len) {
        (void) cJSON_AddStringToObject(data, "conversation_id",
                                       (char *) item->id.data);
    }

    if (cJSON_AddStringToObject(data, "nonce", item->nonce_hex)
        && cJSON_AddStringToObject(data, "reason", "unsettled"))
    {
        (void) ngx_tavus_server_event(&event, data, NULL, NULL);
    }

    cJSON_Delete(data);
}


static void
ngx_tavus_sweep_finish(void)
{
    ngx_tavus_sweep_t  *s;

    s = &ngx_tavus_sweep_state;

    if (s->pool) {
        ngx_destroy_pool(s->pool);
        s->pool = NULL;
    }
}
