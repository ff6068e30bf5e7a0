
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_METRICS_H_INCLUDED_
#define _TAVUS_METRICS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * The families; the table in tavus_metrics.c is in the same order.  What
 * stands beside one are its labels, whose values are enumerated below or
 * found by tavus_metric_label(), and the unit of what is observed or set.
 */

typedef enum {

    /* counters */
    TAVUS_METRIC_EVENTS = 0,            /* source, outcome */
    TAVUS_METRIC_VERIFICATIONS,         /* scheme, result */
    TAVUS_METRIC_BATCHES,
    TAVUS_METRIC_UPSTREAM_REQUESTS,     /* service, result */
    TAVUS_METRIC_CONVERSATIONS_CREATED,
    TAVUS_METRIC_CONVERSATIONS_FAILED,  /* reason */
    TAVUS_METRIC_CONVERSATIONS_ENDED,   /* reason */
    TAVUS_METRIC_BUDGET_VERDICTS,       /* verdict */
    TAVUS_METRIC_QUEUE_ANSWERS,         /* answer */
    TAVUS_METRIC_CHECKOUTS_CREATED,
    TAVUS_METRIC_CHECKOUTS_FAILED,      /* reason */
    TAVUS_METRIC_AUTH_FAILURES,
    TAVUS_METRIC_DATABASE_LOSSES,       /* connection */
    TAVUS_METRIC_JOURNAL_WRITTEN,       /* records */
    TAVUS_METRIC_JOURNAL_REPLAYED,      /* records */
    TAVUS_METRIC_JOURNAL_DAMAGED,       /* bytes */
    TAVUS_METRIC_JOURNAL_FAILED,        /* writes */
    TAVUS_METRIC_UPKEEP,                /* operation, result */
    TAVUS_METRIC_RETENTION,             /* kind; rows that were removed */
    TAVUS_METRIC_REPAIRED,              /* events */
    TAVUS_METRIC_STRIPE_REPAIRED,       /* events */
    TAVUS_METRIC_DELIVERIES,            /* a tavus_delivery_kind_t, outcome */
    TAVUS_METRIC_TAILS_CLOSED,          /* reason */
    TAVUS_METRIC_REQUESTS,              /* endpoint, status */

    /* histograms */
    TAVUS_METRIC_WAIT,                  /* source; us */
    TAVUS_METRIC_COMMIT,                /* us */
    TAVUS_METRIC_BATCH_ROWS,            /* rows */
    TAVUS_METRIC_UPSTREAM,              /* service; us */
    TAVUS_METRIC_UPKEEP_TIME,           /* operation; us */
    TAVUS_METRIC_REQUEST_TIME,          /* endpoint; us */

    /* gauges */
    TAVUS_METRIC_WORKERS,
    TAVUS_METRIC_DATABASE_CONNECTED,    /* connection; 0 or 1 */
    TAVUS_METRIC_SCHEMA,                /* version */
    TAVUS_METRIC_STORE_EVENTS,          /* that wait or are in flight */
    TAVUS_METRIC_STORE_BYTES,           /* bytes of these */
    TAVUS_METRIC_STORE_MAX,             /* bytes, all workers' */
    TAVUS_METRIC_JOURNAL_FILES,         /* files, all workers' */
    TAVUS_METRIC_JOURNAL_UNREADABLE,    /* of these */
    TAVUS_METRIC_JOURNAL_RECORDS,       /* records */
    TAVUS_METRIC_JOURNAL_BYTES,         /* bytes */
    TAVUS_METRIC_JOURNAL_AGE,           /* ms, of the oldest record */
    TAVUS_METRIC_JOURNAL_MAX,           /* bytes, of all workers together */
    TAVUS_METRIC_JOURNAL_ASIDE,         /* files of damaged bytes */
    TAVUS_METRIC_JOURNAL_FAILING,       /* 1: the last write failed */
    TAVUS_METRIC_NODES_SILENT,
    TAVUS_METRIC_NODE_CLASH,            /* 0 or 1 */
    TAVUS_METRIC_REPAIRS_OPEN,          /* conversations */
    TAVUS_METRIC_STRIPE_REPAIR_AGE,     /* s */
    TAVUS_METRIC_ORDERS_UNKNOWN,        /* orders */
    TAVUS_METRIC_LOG_HELD,              /* s */
    TAVUS_METRIC_LOG_LAG_EVENTS,        /* of the last cursor, 10,000 at most */
    TAVUS_METRIC_LOG_LAG_SECONDS,       /* s, likewise */
    TAVUS_METRIC_LOG_MISSED,            /* events, of all cursors */
    TAVUS_METRIC_ALERTS,                /* kind; that are open */
    TAVUS_METRIC_BUDGET_USED,           /* limit, as below */
    TAVUS_METRIC_BUDGET_LIMIT,          /* likewise */
    TAVUS_METRIC_LINE_WAITING,          /* tickets */
    TAVUS_METRIC_LINE_HEAD,             /* s */
    TAVUS_METRIC_QUEUE_HELD,            /* requests */
    TAVUS_METRIC_TAILS,                 /* live tails */
    TAVUS_METRIC_UPKEEP_SUCCESS,        /* operation; s since 1970 */
    TAVUS_METRIC_QUARANTINED,           /* events, 10,000 at most */
    TAVUS_METRIC_UNSETTLED,             /* conversations, likewise */
    TAVUS_METRIC_MONTHS_MISSING,        /* without a partition */
    TAVUS_METRIC_RETENTION_BEHIND,      /* kinds */
    TAVUS_METRIC_NODES,                 /* that were heard of lately */
    TAVUS_METRIC_SYNCHRONOUS,           /* 0 or 1 */
    TAVUS_METRIC_DESTINATION_LAG,       /* destination; s */
    TAVUS_METRIC_DESTINATION_WAITING,   /* destination; events */
    TAVUS_METRIC_DESTINATION_DEAD,      /* destination; events */
    TAVUS_METRIC_DESTINATION_OLDEST,    /* destination; s, of who waits */
    TAVUS_METRIC_DESTINATION_HALTED,    /* destination; 0 or 1 */

    TAVUS_METRIC_FAMILIES
} tavus_metric_e;


enum {
    TAVUS_SOURCE_TAVUS = 0,
    TAVUS_SOURCE_STANDARD,
    TAVUS_SOURCE_STRIPE,
    TAVUS_SOURCE_BROWSER,
    TAVUS_SOURCE_SERVER
};

/* what a request was answered; GONE: nobody was there to be answered */

enum {
    TAVUS_STATUS_2XX = 0,
    TAVUS_STATUS_3XX,
    TAVUS_STATUS_4XX,
    TAVUS_STATUS_5XX,
    TAVUS_STATUS_GONE
};

/* in the order of the outcomes that the store tells */

enum {
    TAVUS_OUTCOME_STORED = 0,
    TAVUS_OUTCOME_DUPLICATE,
    TAVUS_OUTCOME_JOURNALED,
    TAVUS_OUTCOME_QUARANTINED,
    TAVUS_OUTCOME_FOREIGN,
    TAVUS_OUTCOME_UNAVAILABLE
};

/* values of a label, and one behind the last */
#define TAVUS_METRIC_VALUES  16

/* those of "destination", whose names are the configuration's */
#define TAVUS_METRIC_NAMES   (TAVUS_METRIC_VALUES - 1)

/* as webhooks are configured; results are a tavus_verify_t */

enum {
    TAVUS_SCHEME_TAVUS = 0,
    TAVUS_SCHEME_STANDARD,
    TAVUS_SCHEME_STRIPE,
    TAVUS_SCHEME_END_TOKEN,
    TAVUS_SCHEME_TICKET
};

enum {
    TAVUS_SERVICE_TAVUS = 0,
    TAVUS_SERVICE_POSTHOG,
    TAVUS_SERVICE_GA4,
    TAVUS_SERVICE_WEBHOOK,
    TAVUS_SERVICE_STRIPE,
    TAVUS_SERVICE_SENDGRID
};

/* what became of a request that asks for its place in the line */

enum {
    TAVUS_QUEUE_PENDING = 0,
    TAVUS_QUEUE_SERVED,
    TAVUS_QUEUE_REPEATED,
    TAVUS_QUEUE_EXPIRED,
    TAVUS_QUEUE_FAILED
};

/* why a live tail was closed */

enum {
    TAVUS_TAIL_CLIENT = 0,
    TAVUS_TAIL_SLOW,
    TAVUS_TAIL_SHUTDOWN
};

/* what a budget limits */

enum {
    TAVUS_BUDGET_ACTIVE = 0,
    TAVUS_BUDGET_DAY,
    TAVUS_BUDGET_MINUTES,
    TAVUS_BUDGET_LINE
};

/* what became of an event at a destination */

enum {
    TAVUS_DELIVERED = 0,
    TAVUS_DELIVERY_SKIPPED,             /* none of its business */
    TAVUS_DELIVERY_FAILED,              /* goes again */
    TAVUS_DELIVERY_DEAD
};

enum {
    TAVUS_UPSTREAM_OK = 0,
    TAVUS_UPSTREAM_CLIENT_ERROR,
    TAVUS_UPSTREAM_SERVER_ERROR,
    TAVUS_UPSTREAM_TIMEOUT,
    TAVUS_UPSTREAM_LOST,                /* after something was sent */
    TAVUS_UPSTREAM_UNREACHABLE
};

enum {
    TAVUS_CONNECTION_RECORD = 0,
    TAVUS_CONNECTION_QUERY,
    TAVUS_CONNECTION_UPKEEP
};


/* One series of a family with labels; a and b are values of its labels. */
#define tavus_metric_of(metric, a, b)                                        \
    ((unsigned) (metric) | (unsigned) (a) << 8 | (unsigned) (b) << 16)


/*
 * Counts, sets and observes in this process's slot: one relaxed atomic
 * operation or two, no lock.  The series is a tavus_metric_e where there are
 * no labels, else a tavus_metric_of().  Before tavus_metrics_attach(), and
 * for values that a label does not have, nothing happens.
 */
void tavus_metric_add(unsigned series, uint64_t n);
void tavus_metric_set(unsigned series, uint64_t value);
void tavus_metric_observe(unsigned series, uint64_t value);

/*
 * The value of a family's label (0: the first one) by its name.  A name that
 * is not known is "other" if the label has that, else no value at all.
 */
unsigned tavus_metric_label(tavus_metric_e metric, unsigned label,
    const char *name, size_t len);


/*
 * The names of destinations, which stay the caller's: value i of the label
 * "destination" is shown as names[i], and what is behind the last is not.
 */
void tavus_metric_names(const char **names, unsigned n);


/*
 * The area is shared by all processes and has a slot for each.  Bytes for so
 * many slots; the memory is the caller's, zeroed, and aligned to 64 bytes.
 */
size_t tavus_metrics_size(unsigned slots);
void tavus_metrics_init(void *area, unsigned slots);

/*
 * Takes a slot.  Counters in it go on, gauges start at 0 and are from here
 * on this owner's alone (a process id): what a process that had the slot
 * before still sets is dropped.  NULL detaches from none.
 */
void tavus_metrics_attach(void *area, unsigned slot, uint64_t owner);

/* Leaves the slot: gauges that are still this process's own return to 0. */
void tavus_metrics_detach(void);


/*
 * Prometheus's text format 0.0.4.  While pos is NULL nothing is written and
 * len grows by what would be at most; after that many bytes were given as
 * pos … last all of it fits.
 */

typedef struct {
    char        *pos;
    char        *last;
    size_t       len;
} tavus_text_t;


typedef struct {
    const char  *name;
    const char  *value;
    size_t       len;                   /* of the value */
} tavus_tag_t;


/* HELP and TYPE ("counter", "gauge", "histogram"); the prefix is added. */
void tavus_metrics_family(tavus_text_t *text, const char *name,
    const char *type, const char *help);

/* A sample of it; values of tags are escaped. */
void tavus_metrics_sample(tavus_text_t *text, const char *name,
    const tavus_tag_t *tags, size_t n, uint64_t value);

/*
 * All families of the area: counters and histograms summed over all slots,
 * gauges over the first so many, or the largest where a sum says nothing.
 */
void tavus_metrics_write(tavus_text_t *text, void *area, unsigned live);


#endif /* _TAVUS_METRICS_H_INCLUDED_ */
