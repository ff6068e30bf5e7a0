
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tavus_metrics.h"


#define TAVUS_METRICS_PREFIX  "tavus_"
#define TAVUS_METRICS_LINE    64        /* cells are aligned to lines */
#define TAVUS_METRICS_NUMBER  24        /* digits of 2^64 and a point */


typedef _Atomic uint64_t  tavus_cell_t;


typedef enum {
    TAVUS_COUNTER = 0,
    TAVUS_HISTOGRAM,
    TAVUS_GAUGE,
    TAVUS_GAUGE_MAX
} tavus_metric_type_e;


typedef struct {
    const char            *name;
    const char            *values[TAVUS_METRIC_VALUES];
} tavus_label_t;


typedef struct {
    const char            *name;
    const char            *help;
    tavus_metric_type_e    type;
    const tavus_label_t   *labels[2];
    const uint64_t        *bounds;      /* of buckets, up to a 0 */
    uint64_t               scale;       /* units in what is shown */
} tavus_family_t;


typedef struct {
    uint64_t               slots;
    tavus_cell_t           used;        /* the highest slot, and one */
} tavus_area_t;


/* where a family's cells are in a slot */

typedef struct {
    unsigned               first;
    unsigned               values[2];
    unsigned               cells;       /* of one series */
} tavus_layout_t;


static void tavus_metrics_layout(void);
static const char *tavus_label_value(const tavus_label_t *label,
    unsigned value);
static tavus_cell_t *tavus_metrics_slot(void *area, unsigned slot);
static void tavus_metrics_reset(tavus_cell_t *slot);
static tavus_cell_t *tavus_metric_cell(unsigned series,
    tavus_metric_type_e type);
static uint64_t tavus_metrics_total(void *area, unsigned cell,
    unsigned slots, tavus_metric_type_e type);
static void tavus_metrics_histogram(tavus_text_t *text, void *area,
    const tavus_family_t *f, unsigned cell, const tavus_tag_t *tags,
    size_t n);
static void tavus_text_sample(tavus_text_t *text, const char *name,
    const char *suffix, const tavus_tag_t *tags, size_t n, uint64_t value,
    uint64_t scale);
static void tavus_text_put(tavus_text_t *text, const char *p, size_t len);
static void tavus_text_escape(tavus_text_t *text, const char *p, size_t len,
    int quotes);
static size_t tavus_text_number(char *p, uint64_t value, uint64_t scale);


static const tavus_label_t  tavus_label_source = {
    "source", { "tavus", "standard", "stripe", "browser", "server" }
};

/* in the order of the table of endpoints */

static const tavus_label_t  tavus_label_endpoint = {
    "endpoint", { "webhook", "conversation", "queue", "conversation_end",
                  "track", "contact", "checkout", "admin", "health",
                  "metrics", "problem" }
};

static const tavus_label_t  tavus_label_status = {
    "status", { "2xx", "3xx", "4xx", "5xx", "gone" }
};

static const tavus_label_t  tavus_label_outcome = {
    "outcome", { "stored", "duplicate", "journaled", "quarantined", "foreign",
                 "unavailable" }
};

static const tavus_label_t  tavus_label_scheme = {
    "scheme", { "tavus", "standard", "stripe", "end_token", "ticket" }
};

static const tavus_label_t  tavus_label_verify = {
    "result", { "ok", "missing", "malformed", "unknown_key", "mismatch",
                "expired", "error" }
};

static const tavus_label_t  tavus_label_service = {
    "service", { "tavus", "posthog", "ga4", "webhook", "stripe", "sendgrid" }
};

static const tavus_label_t  tavus_label_destination = {
    "service", { "posthog", "ga4", "webhook", "sendgrid", "tavus" }
};

/* places of what tavus_metric_names() has said */

static const tavus_label_t  tavus_label_name = {
    "destination", { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
                     "11", "12", "13", "14" }
};

static const tavus_label_t  tavus_label_delivery = {
    "outcome", { "delivered", "skipped", "failed", "dead" }
};

static const tavus_label_t  tavus_label_upstream = {
    "result", { "ok", "client_error", "server_error", "timeout", "lost",
                "unreachable" }
};

static const tavus_label_t  tavus_label_failure = {
    "reason", { "invalid_api_key", "out_of_credits", "rate_limited",
                "at_capacity", "refused", "server_error", "invalid_answer",
                "timeout", "connection_lost", "unreachable", "not_sent",
                "storage_unavailable", "other" }
};

/* in the order of the fates of a wish, without the first */

static const tavus_label_t  tavus_label_verdict = {
    "verdict", { "granted", "duplicate", "waits", "busy", "line_full",
                 "day_spent", "minutes_spent", "visitor_spent", "taken",
                 "unknown_ticket" }
};

static const tavus_label_t  tavus_label_queue = {
    "answer", { "pending", "served", "repeated", "expired", "failed" }
};

static const tavus_label_t  tavus_label_budget = {
    "limit", { "active", "day", "minutes", "line" }
};

static const tavus_label_t  tavus_label_checkout = {
    "reason", { "invalid_api_key", "payment_required", "rate_limited",
                "conflict", "refused", "server_error", "invalid_answer",
                "timeout", "connection_lost", "unreachable", "not_sent",
                "storage_unavailable", "other" }
};

static const tavus_label_t  tavus_label_end = {
    "reason", { "visitor", "abandoned", "unrecorded", "unusable", "late",
                "admin", "other" }
};

static const tavus_label_t  tavus_label_connection = {
    "connection", { "record", "query", "upkeep" }
};


/* in the order of the operations of upkeep */

static const tavus_label_t  tavus_label_operation = {
    "operation",
    { "months", "heartbeat", "sweep", "repair", "clean", "log", "roll",
      "stripe", "orders", "alerts", "budget", "health" }
};

/* those of tavus.alert_kinds */

static const tavus_label_t  tavus_label_alert = {
    "kind",
    { "key_invalid", "out_of_credits", "plan_cap", "destination_paused",
      "destination_dead", "quarantine", "journal_damaged", "journal_old",
      "node_silent", "month_missing", "log_held", "order_unknown",
      "stripe_repair", "budget", "other" }
};

/* steps of cleaning that hold what is somebody's */

static const tavus_label_t  tavus_label_kept = {
    "kind",
    { "browser", "contacts", "transcripts", "trail", "quarantine", "leads",
      "orders", "conversations", "other" }
};

static const tavus_label_t  tavus_label_tail = {
    "reason", { "client", "slow", "shutdown" }
};

static const tavus_label_t  tavus_label_upkeep = {
    "result", { "ok", "failed" }
};


static const uint64_t  tavus_bounds_time[] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000, 0
};

static const uint64_t  tavus_bounds_upstream[] = {
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
    10000000, 15000000, 30000000, 0
};

/* a place in the line is waited for up to 20 s */

static const uint64_t  tavus_bounds_request[] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
    2500000, 5000000, 10000000, 30000000, 0
};

static const uint64_t  tavus_bounds_rows[] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 0
};


static const tavus_family_t  tavus_families[TAVUS_METRIC_FAMILIES] = {

    { "events_total",
      "Events by source and by what their sender was told.",
      TAVUS_COUNTER, { &tavus_label_source, &tavus_label_outcome },
      NULL, 1 },

    { "verifications_total",
      "Proofs of webhooks, end tokens and tickets, by what came of them.",
      TAVUS_COUNTER, { &tavus_label_scheme, &tavus_label_verify }, NULL, 1 },

    { "batches_total",
      "Batches of events that were sent to PostgreSQL.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "upstream_requests_total",
      "Requests to outside services.",
      TAVUS_COUNTER, { &tavus_label_service, &tavus_label_upstream },
      NULL, 1 },

    { "conversations_created_total",
      "Conversations that Tavus has created.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "conversations_failed_total",
      "Conversations that were asked for and not to be had.",
      TAVUS_COUNTER, { &tavus_label_failure, NULL }, NULL, 1 },

    { "conversations_ended_total",
      "Conversations that this server has ended.",
      TAVUS_COUNTER, { &tavus_label_end, NULL }, NULL, 1 },

    { "budget_verdicts_total",
      "Conversations that were asked for, by what the budget said.",
      TAVUS_COUNTER, { &tavus_label_verdict, NULL }, NULL, 1 },

    { "queue_answers_total",
      "Requests for a place in the waiting line, by what they were told.",
      TAVUS_COUNTER, { &tavus_label_queue, NULL }, NULL, 1 },

    { "checkouts_created_total",
      "Checkout sessions that a visitor was given the address of.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "checkouts_failed_total",
      "Checkout sessions that were asked for and not to be had.",
      TAVUS_COUNTER, { &tavus_label_checkout, NULL }, NULL, 1 },

    { "auth_failures_total",
      "Logins that were refused.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "database_losses_total",
      "Connections to PostgreSQL that were lost.",
      TAVUS_COUNTER, { &tavus_label_connection, NULL }, NULL, 1 },

    { "journal_written_records_total",
      "Records that were written to the journal.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "journal_replayed_records_total",
      "Records of the journal that have come to PostgreSQL.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "journal_damaged_bytes_total",
      "Bytes of the journal that could not be read and were set aside.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "journal_failed_writes_total",
      "Writes to the journal that have failed.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "upkeep_total",
      "Queries of upkeep by operation and by what came of them.",
      TAVUS_COUNTER, { &tavus_label_operation, &tavus_label_upkeep },
      NULL, 1 },

    { "retention_removed_total",
      "Rows that were removed as their time was over.",
      TAVUS_COUNTER, { &tavus_label_kept, NULL }, NULL, 1 },

    { "repaired_events_total",
      "Events whose callback had not come, fetched from Tavus.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "stripe_repaired_events_total",
      "Events of Stripe whose webhook had not come, fetched from Stripe.",
      TAVUS_COUNTER, { NULL, NULL }, NULL, 1 },

    { "deliveries_total",
      "Events that were sent on, by service and by what became of them.",
      TAVUS_COUNTER, { &tavus_label_destination, &tavus_label_delivery },
      NULL, 1 },

    { "tails_closed_total",
      "Live tails that came to an end.",
      TAVUS_COUNTER, { &tavus_label_tail, NULL }, NULL, 1 },

    { "requests_total",
      "Requests by endpoint and by what they were answered.",
      TAVUS_COUNTER, { &tavus_label_endpoint, &tavus_label_status },
      NULL, 1 },

    { "wait_seconds",
      "Time that senders waited to be told what became of their events.",
      TAVUS_HISTOGRAM, { &tavus_label_source, NULL }, tavus_bounds_time,
      1000000 },

    { "commit_seconds",
      "Round trip of a statement that stores a batch.",
      TAVUS_HISTOGRAM, { NULL, NULL }, tavus_bounds_time, 1000000 },

    { "batch_rows",
      "Events in a batch.",
      TAVUS_HISTOGRAM, { NULL, NULL }, tavus_bounds_rows, 1 },

    { "upstream_seconds",
      "Time that requests to outside services took.",
      TAVUS_HISTOGRAM, { &tavus_label_service, NULL },
      tavus_bounds_upstream, 1000000 },

    { "upkeep_seconds",
      "Time that queries of upkeep took.",
      TAVUS_HISTOGRAM, { &tavus_label_operation, NULL },
      tavus_bounds_time, 1000000 },

    { "request_seconds",
      "Time from the first byte of a request to the last of its answer.",
      TAVUS_HISTOGRAM, { &tavus_label_endpoint, NULL }, tavus_bounds_request,
      1000000 },

    { "workers",
      "Workers that take part.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "database_connected",
      "Workers that have this connection to PostgreSQL.",
      TAVUS_GAUGE, { &tavus_label_connection, NULL }, NULL, 1 },

    { "schema_version",
      "Version of the database's schema, as this node has seen it last.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "store_waiting_events",
      "Events that wait for the database, or are on the way there.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "store_waiting_bytes",
      "Bytes of these.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "store_max_bytes",
      "Bytes for which there is room.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "journal_files",
      "Files in the folders of the journal, former ones too.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "journal_unreadable_files",
      "Files in the folders of the journal, or folders, that cannot be read.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "journal_records",
      "Records in the journal that have not come to PostgreSQL yet.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "journal_bytes",
      "Bytes of the journal.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "journal_oldest_age_seconds",
      "Age of the oldest record in the journal.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1000 },

    { "journal_max_bytes",
      "Bytes that the journal may have, 0 where there is none.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "journal_damaged_files",
      "Files of what was damaged, in the folders of the journal.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "journal_failing_workers",
      "Workers whose last write to the journal has failed.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "nodes_silent",
      "Nodes that the database has not heard of for minutes.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "node_clash",
      "Whether another node has the id of this one.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "repairs_open",
      "Conversations that Tavus is to be asked about, as something of them "
      "has not come.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "stripe_repair_age_seconds",
      "Since when Stripe's list of what it could not deliver was last read "
      "to its end.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "orders_unknown",
      "Orders of which nobody knows what became, and which are looked for.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "log_held_seconds",
      "How long what is stored has been held up by a transaction.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "log_lag_events",
      "Events that the last of those who read on has not read.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "log_lag_seconds",
      "Since when the last of those who read on has not read the next.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "log_missed_events",
      "Events that were deleted before all had read them.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "alerts",
      "Alerts that are open, as this node was told last.",
      TAVUS_GAUGE_MAX, { &tavus_label_alert, NULL }, NULL, 1 },

    { "budget_used",
      "What is used of the budget, as this node was told last.",
      TAVUS_GAUGE_MAX, { &tavus_label_budget, NULL }, NULL, 1 },

    { "budget_limit",
      "Limits of the budget, 0 where there is none.",
      TAVUS_GAUGE_MAX, { &tavus_label_budget, NULL }, NULL, 1 },

    { "line_waiting",
      "Visitors in the waiting line, over all nodes, while one waits here.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "line_head_seconds",
      "How long the same visitor has been the first of the line.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "queue_held",
      "Requests for a place in the line that are held.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "tails",
      "Live tails that are open.",
      TAVUS_GAUGE, { NULL, NULL }, NULL, 1 },

    { "upkeep_success_timestamp_seconds",
      "When a query of upkeep last came through, 0 if none has yet.",
      TAVUS_GAUGE_MAX, { &tavus_label_operation, NULL }, NULL, 1 },

    { "quarantined_events",
      "Events in quarantine, as this node was told last.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "unsettled_conversations",
      "Conversations whose beginning or end is not known yet.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "months_missing",
      "Months about now that have no partition.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "retention_behind",
      "Kinds of rows whose time is over and that are not removed.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "nodes",
      "Nodes that the database was heard of by lately.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "synchronous_replication",
      "Whether the database waits for a standby.",
      TAVUS_GAUGE_MAX, { NULL, NULL }, NULL, 1 },

    { "destination_lag_seconds",
      "Since when the next event that a destination has not got is stored.",
      TAVUS_GAUGE_MAX, { &tavus_label_name, NULL }, NULL, 1 },

    { "destination_waiting_events",
      "Events that a destination did not take, and that go again.",
      TAVUS_GAUGE_MAX, { &tavus_label_name, NULL }, NULL, 1 },

    { "destination_dead_events",
      "Events that a destination did not take, and that do not go again.",
      TAVUS_GAUGE_MAX, { &tavus_label_name, NULL }, NULL, 1 },

    { "destination_oldest_seconds",
      "How long the oldest of those that go again has waited.",
      TAVUS_GAUGE_MAX, { &tavus_label_name, NULL }, NULL, 1 },

    { "destination_halted",
      "Whether a destination is paused or stopped.",
      TAVUS_GAUGE_MAX, { &tavus_label_name, NULL }, NULL, 1 }
};


static tavus_layout_t  tavus_layouts[TAVUS_METRIC_FAMILIES];
static unsigned         tavus_slot_cells;    /* 0: not laid out yet */

static tavus_cell_t    *tavus_slot;         /* this process's own */
static uint64_t         tavus_owner;

static const char      *tavus_names[TAVUS_METRIC_NAMES];


void
tavus_metric_add(unsigned series, uint64_t n)
{
    tavus_cell_t  *cell;

    cell = tavus_metric_cell(series, TAVUS_COUNTER);

    if (cell) {
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
    }
}


void
tavus_metric_set(unsigned series, uint64_t value)
{
    tavus_cell_t  *cell;

    cell = tavus_metric_cell(series, TAVUS_GAUGE);

    if (cell
        && atomic_load_explicit(tavus_slot, memory_order_relaxed)
           == tavus_owner)
    {
        atomic_store_explicit(cell, value, memory_order_relaxed);
    }
}


void
tavus_metric_observe(unsigned series, uint64_t value)
{
    unsigned         i;
    tavus_cell_t    *cell;
    const uint64_t  *bounds;

    cell = tavus_metric_cell(series, TAVUS_HISTOGRAM);

    if (cell == NULL) {
        return;
    }

    bounds = tavus_families[series & 0xff].bounds;

    for (i = 0; bounds[i] && value > bounds[i]; i++) { /* void */ }

    atomic_fetch_add_explicit(&cell[1 + i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cell[0], value, memory_order_relaxed);
}


unsigned
tavus_metric_label(tavus_metric_e metric, unsigned label, const char *name,
    size_t len)
{
    unsigned              i;
    const char           *value;
    const tavus_label_t  *l;

    l = tavus_families[metric].labels[label];

    for (i = 0; l->values[i]; i++) {
        value = l->values[i];

        if (strlen(value) == len && memcmp(value, name, len) == 0) {
            return i;
        }
    }

    return strcmp(l->values[i - 1], "other") == 0 ? i - 1 : i;
}


void
tavus_metric_names(const char **names, unsigned n)
{
    unsigned  i;

    for (i = 0; i < TAVUS_METRIC_NAMES; i++) {
        tavus_names[i] = i < n ? names[i] : NULL;
    }
}


size_t
tavus_metrics_size(unsigned slots)
{
    tavus_metrics_layout();

    return TAVUS_METRICS_LINE
           + (size_t) slots * tavus_slot_cells * sizeof(tavus_cell_t);
}


void
tavus_metrics_init(void *area, unsigned slots)
{
    tavus_area_t  *a = area;

    a->slots = slots;
}


void
tavus_metrics_attach(void *area, unsigned slot, uint64_t owner)
{
    uint64_t       used;
    tavus_area_t  *a = area;

    tavus_metrics_layout();

    if (area == NULL || a->slots == 0) {
        tavus_slot = NULL;
        return;
    }

    slot %= a->slots;

    used = atomic_load(&a->used);

    while (used < slot + 1
           && !atomic_compare_exchange_weak(&a->used, &used, slot + 1))
    {
        /* used is read anew */
    }

    tavus_slot = tavus_metrics_slot(area, slot);
    tavus_owner = owner;

    atomic_store(tavus_slot, owner);

    tavus_metrics_reset(tavus_slot);
}


void
tavus_metrics_detach(void)
{
    if (tavus_slot && atomic_load(tavus_slot) == tavus_owner) {
        tavus_metrics_reset(tavus_slot);
    }

    tavus_slot = NULL;
}


void
tavus_metrics_family(tavus_text_t *text, const char *name, const char *type,
    const char *help)
{
    static const char  help_word[] = "# HELP " TAVUS_METRICS_PREFIX;
    static const char  type_word[] = "# TYPE " TAVUS_METRICS_PREFIX;

    tavus_text_put(text, help_word, sizeof(help_word) - 1);
    tavus_text_put(text, name, strlen(name));
    tavus_text_put(text, " ", 1);
    tavus_text_escape(text, help, strlen(help), 0);
    tavus_text_put(text, "\n", 1);

    tavus_text_put(text, type_word, sizeof(type_word) - 1);
    tavus_text_put(text, name, strlen(name));
    tavus_text_put(text, " ", 1);
    tavus_text_put(text, type, strlen(type));
    tavus_text_put(text, "\n", 1);
}


void
tavus_metrics_sample(tavus_text_t *text, const char *name,
    const tavus_tag_t *tags, size_t n, uint64_t value)
{
    tavus_text_sample(text, name, "", tags, n, value, 1);
}


void
tavus_metrics_write(tavus_text_t *text, void *area, unsigned live)
{
    size_t                 n;
    unsigned               i, a, b, k, cell, used, slots;
    tavus_tag_t            tags[2];
    tavus_area_t          *header = area;
    const tavus_layout_t  *layout;
    const tavus_family_t  *f;

    static const char  *types[] = {
        "counter", "histogram", "gauge", "gauge"
    };

    tavus_metrics_layout();

    used = (unsigned) atomic_load(&header->used);

    for (i = 0; i < TAVUS_METRIC_FAMILIES; i++) {

        f = &tavus_families[i];
        layout = &tavus_layouts[i];

        tavus_metrics_family(text, f->name, types[f->type], f->help);

        slots = f->type >= TAVUS_GAUGE && live < used ? live : used;
        cell = layout->first;

        for (a = 0; a < layout->values[0]; a++) {
            for (b = 0; b < layout->values[1]; b++) {

                n = 0;

                for (k = 0; k < 2 && f->labels[k]; k++) {
                    tags[k].name = f->labels[k]->name;
                    tags[k].value = tavus_label_value(f->labels[k],
                                                      k ? b : a);
                    tags[k].len = tags[k].value ? strlen(tags[k].value) : 0;
                    n++;
                }

                if (n && tags[0].value == NULL) {

                    /* nothing has that place */

                } else if (f->type == TAVUS_HISTOGRAM) {
                    tavus_metrics_histogram(text, area, f, cell, tags, n);

                } else {
                    tavus_text_sample(text, f->name, "", tags, n,
                                      tavus_metrics_total(area, cell, slots,
                                                          f->type),
                                      f->scale);
                }

                cell += layout->cells;
            }
        }
    }
}


static const char *
tavus_label_value(const tavus_label_t *label, unsigned value)
{
    return label == &tavus_label_name ? tavus_names[value]
                                      : label->values[value];
}


/* the same in every process: it follows from the table */

static void
tavus_metrics_layout(void)
{
    unsigned               i, k, n, cells;
    tavus_layout_t        *layout;
    const tavus_family_t  *f;

    if (tavus_slot_cells) {
        return;
    }

    cells = 1;                          /* the owner */

    for (i = 0; i < TAVUS_METRIC_FAMILIES; i++) {

        f = &tavus_families[i];
        layout = &tavus_layouts[i];

        layout->first = cells;
        layout->cells = 1;

        if (f->bounds) {
            for (n = 0; f->bounds[n]; n++) { /* void */ }

            layout->cells = n + 2;       /* the sum, and no bound */
        }

        for (k = 0; k < 2; k++) {
            n = 1;

            if (f->labels[k]) {
                for (n = 0; f->labels[k]->values[n]; n++) { /* void */ }
            }

            layout->values[k] = n;
        }

        cells += layout->values[0] * layout->values[1] * layout->cells;
    }

    n = TAVUS_METRICS_LINE / sizeof(tavus_cell_t);

    tavus_slot_cells = (cells + n - 1) / n * n;
}


static tavus_cell_t *
tavus_metrics_slot(void *area, unsigned slot)
{
    return (tavus_cell_t *) ((char *) area + TAVUS_METRICS_LINE)
           + (size_t) slot * tavus_slot_cells;
}


static void
tavus_metrics_reset(tavus_cell_t *slot)
{
    unsigned               i, k, n;
    const tavus_layout_t  *layout;

    for (i = 0; i < TAVUS_METRIC_FAMILIES; i++) {

        if (tavus_families[i].type < TAVUS_GAUGE) {
            continue;
        }

        layout = &tavus_layouts[i];
        n = layout->values[0] * layout->values[1];

        for (k = 0; k < n; k++) {
            atomic_store_explicit(&slot[layout->first + k], 0,
                                  memory_order_relaxed);
        }
    }
}


static tavus_cell_t *
tavus_metric_cell(unsigned series, tavus_metric_type_e type)
{
    unsigned               i, a, b;
    const tavus_layout_t  *layout;

    i = series & 0xff;
    a = series >> 8 & 0xff;
    b = series >> 16;

    if (tavus_slot == NULL || i >= TAVUS_METRIC_FAMILIES) {
        return NULL;
    }

    layout = &tavus_layouts[i];

    if (a >= layout->values[0] || b >= layout->values[1]
        || (tavus_families[i].type != type
            && (type != TAVUS_GAUGE
                || tavus_families[i].type != TAVUS_GAUGE_MAX)))
    {
        return NULL;
    }

    return tavus_slot + layout->first
           + (size_t) (a * layout->values[1] + b) * layout->cells;
}


static uint64_t
tavus_metrics_total(void *area, unsigned cell, unsigned slots,
    tavus_metric_type_e type)
{
    uint64_t  value, total;
    unsigned  i;

    total = 0;

    for (i = 0; i < slots; i++) {
        value = atomic_load_explicit(tavus_metrics_slot(area, i) + cell,
                                     memory_order_relaxed);

        if (type != TAVUS_GAUGE_MAX) {
            total += value;

        } else if (value > total) {
            total = value;
        }
    }

    return total;
}


static void
tavus_metrics_histogram(tavus_text_t *text, void *area,
    const tavus_family_t *f, unsigned cell, const tavus_tag_t *tags,
    size_t n)
{
    char          bound[TAVUS_METRICS_NUMBER];
    size_t        i;
    uint64_t      count;
    unsigned      slots;
    tavus_tag_t   all[3];
    tavus_area_t  *header = area;

    slots = (unsigned) atomic_load(&header->used);

    memcpy(all, tags, n * sizeof(tavus_tag_t));

    all[n].name = "le";

    count = 0;

    for (i = 0; /* void */ ; i++) {

        count += tavus_metrics_total(area, cell + 1 + i, slots, f->type);

        if (f->bounds[i] == 0) {
            break;
        }

        all[n].value = bound;
        all[n].len = tavus_text_number(bound, f->bounds[i], f->scale);

        tavus_text_sample(text, f->name, "_bucket", all, n + 1, count, 1);
    }

    all[n].value = "+Inf";
    all[n].len = sizeof("+Inf") - 1;

    tavus_text_sample(text, f->name, "_bucket", all, n + 1, count, 1);

    tavus_text_sample(text, f->name, "_sum", tags, n,
                      tavus_metrics_total(area, cell, slots, f->type),
                      f->scale);

    tavus_text_sample(text, f->name, "_count", tags, n, count, 1);
}


static void
tavus_text_sample(tavus_text_t *text, const char *name, const char *suffix,
    const tavus_tag_t *tags, size_t n, uint64_t value, uint64_t scale)
{
    char    number[TAVUS_METRICS_NUMBER];
    size_t  i, len;

    tavus_text_put(text, TAVUS_METRICS_PREFIX,
                   sizeof(TAVUS_METRICS_PREFIX) - 1);
    tavus_text_put(text, name, strlen(name));
    tavus_text_put(text, suffix, strlen(suffix));

    for (i = 0; i < n; i++) {
        tavus_text_put(text, i ? "," : "{", 1);
        tavus_text_put(text, tags[i].name, strlen(tags[i].name));
        tavus_text_put(text, "=\"", 2);
        tavus_text_escape(text, tags[i].value, tags[i].len, 1);
        tavus_text_put(text, "\"", 1);
    }

    if (n) {
        tavus_text_put(text, "}", 1);
    }

    tavus_text_put(text, " ", 1);

    len = tavus_text_number(number, value, scale);

    if (text->pos == NULL) {

        /* by the time it is written it may have grown */

        len = TAVUS_METRICS_NUMBER;
    }

    tavus_text_put(text, number, len);
    tavus_text_put(text, "\n", 1);
}


static void
tavus_text_put(tavus_text_t *text, const char *p, size_t len)
{
    text->len += len;

    if (text->pos == NULL || (size_t) (text->last - text->pos) < len) {
        return;
    }

    memcpy(text->pos, p, len);
    text->pos += len;
}


static void
tavus_text_escape(tavus_text_t *text, const char *p, size_t len, int quotes)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        switch (p[i]) {

        case '\n':
            tavus_text_put(text, "\\n", 2);
            break;

        case '\\':
            tavus_text_put(text, "\\\\", 2);
            break;

        case '"':
            if (quotes) {
                tavus_text_put(text, "\\", 1);
            }

            /* fall through */

        default:
            tavus_text_put(text, &p[i], 1);
        }
    }
}


/* value / scale, a power of ten, without zeros at the end */

static size_t
tavus_text_number(char *p, uint64_t value, uint64_t scale)
{
    size_t    len;
    uint64_t  rest;

    len = (size_t) snprintf(p, TAVUS_METRICS_NUMBER, "%llu",
                            (unsigned long long) (value / scale));

    rest = value % scale;

    if (rest == 0) {
        return len;
    }

    p[len++] = '.';

    for (scale /= 10; rest && scale; scale /= 10) {
        p[len++] = (char) ('0' + rest / scale);
        rest %= scale;
    }

    return len;
}
