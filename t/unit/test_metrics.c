/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <pthread.h>

#include "test.h"
#include "tavus_metrics.h"


static void *
area_create(unsigned slots)
{
    void    *area;
    size_t   size;

    size = tavus_metrics_size(slots);
    area = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(area);

    memset(area, 0, size);
    tavus_metrics_init(area, slots);

    return area;
}


static char *
area_text(void *area, unsigned live)
{
    char          *p;
    size_t         max;
    tavus_text_t   text = { NULL, NULL, 0 };

    tavus_metrics_write(&text, area, live);

    max = text.len;
    p = malloc(max + 1);
    assert_non_null(p);

    text.pos = p;
    text.last = p + max;
    text.len = 0;

    tavus_metrics_write(&text, area, live);

    assert_true(text.len <= max);
    assert_true((size_t) (text.pos - p) == text.len);

    *text.pos = '\0';

    return p;
}


/* Each line is there, once. */

static void
assert_line(const char *text, const char *line)
{
    char         wanted[256];
    const char  *p;

    snprintf(wanted, sizeof(wanted), "\n%s\n", line);

    p = strstr(text, wanted);

    if (p == NULL) {
        print_error("%s\nis not in\n%s\n", line, text);
    }

    assert_non_null(p);
    assert_null(strstr(p + 1, wanted));
}


static void
assert_value(void *area, const char *line)
{
    char  *text;

    text = area_text(area, 1000);
    assert_line(text, line);
    free(text);
}


/* Nothing is attached: all of it may be called. */

static void
test_detached(void **state)
{
    void  *area;

    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 1);
    tavus_metrics_detach();

    area = area_create(2);
    assert_value(area, "tavus_batches_total 0");
    assert_value(area, "tavus_commit_seconds_count 0");

    tavus_metrics_attach(area, 0, 1);
    tavus_metrics_attach(NULL, 0, 1);
    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);

    assert_value(area, "tavus_batches_total 0");

    free(area);
}


static void
test_counters(void **state)
{
    void  *area;

    area = area_create(4);

    tavus_metrics_attach(area, 1, 1);
    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
    tavus_metric_add(TAVUS_METRIC_BATCHES, 2);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS,
                                     TAVUS_SOURCE_STRIPE,
                                     TAVUS_OUTCOME_DUPLICATE), 1);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_DATABASE_LOSSES,
                                     TAVUS_CONNECTION_QUERY, 0), 5);

    tavus_metrics_attach(area, 3, 2);
    tavus_metric_add(TAVUS_METRIC_BATCHES, UINT64_C(10000000000));
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS,
                                     TAVUS_SOURCE_SERVER,
                                     TAVUS_OUTCOME_UNAVAILABLE), 1);

    assert_value(area, "tavus_batches_total 10000000003");
    assert_value(area, "tavus_events_total{source=\"stripe\","
                       "outcome=\"duplicate\"} 1");
    assert_value(area, "tavus_events_total{source=\"server\","
                       "outcome=\"unavailable\"} 1");
    assert_value(area, "tavus_events_total{source=\"tavus\","
                       "outcome=\"stored\"} 0");
    assert_value(area, "tavus_database_losses_total{connection=\"record\"} 0");
    assert_value(area, "tavus_database_losses_total{connection=\"query\"} 5");

    tavus_metrics_detach();
    assert_value(area, "tavus_batches_total 10000000003");

    free(area);
}


/* what there is not must not be counted as anything else */

static void
test_wrong_series(void **state)
{
    char  *before, *after;
    void  *area;

    area = area_create(1);
    tavus_metrics_attach(area, 0, 1);

    before = area_text(area, 1);

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS, 5, 0), 1);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS, 0, 6), 1);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_BATCHES, 1, 0), 1);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_BATCHES, 0, 1), 1);
    tavus_metric_add(TAVUS_METRIC_FAMILIES, 1);
    tavus_metric_add(255, 1);
    tavus_metric_add(TAVUS_METRIC_COMMIT, 1);
    tavus_metric_add(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_set(TAVUS_METRIC_BATCHES, 1);
    tavus_metric_set(TAVUS_METRIC_COMMIT, 1);
    tavus_metric_observe(TAVUS_METRIC_BATCHES, 1);
    tavus_metric_observe(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_COMMIT, 1, 0), 1);

    after = area_text(area, 1);
    assert_string_equal(before, after);

    free(before);
    free(after);
    free(area);
}


static void
test_histograms(void **state)
{
    void  *area;

    area = area_create(2);

    tavus_metrics_attach(area, 0, 1);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 0);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 500);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 501);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 10000000);

    tavus_metrics_attach(area, 1, 2);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, 10000001);
    tavus_metric_observe(TAVUS_METRIC_BATCH_ROWS, 1);
    tavus_metric_observe(TAVUS_METRIC_BATCH_ROWS, 1000);
    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_UPSTREAM,
                                         TAVUS_SERVICE_TAVUS, 0), 30000);

    assert_value(area, "tavus_commit_seconds_bucket{le=\"0.0005\"} 2");
    assert_value(area, "tavus_commit_seconds_bucket{le=\"0.001\"} 3");
    assert_value(area, "tavus_commit_seconds_bucket{le=\"5\"} 3");
    assert_value(area, "tavus_commit_seconds_bucket{le=\"10\"} 4");
    assert_value(area, "tavus_commit_seconds_bucket{le=\"+Inf\"} 5");
    assert_value(area, "tavus_commit_seconds_sum 20.001002");
    assert_value(area, "tavus_commit_seconds_count 5");

    assert_value(area, "tavus_batch_rows_bucket{le=\"1\"} 1");
    assert_value(area, "tavus_batch_rows_bucket{le=\"500\"} 1");
    assert_value(area, "tavus_batch_rows_bucket{le=\"1000\"} 2");
    assert_value(area, "tavus_batch_rows_sum 1001");

    assert_value(area, "tavus_upstream_seconds_bucket{service=\"tavus\","
                       "le=\"0.025\"} 0");
    assert_value(area, "tavus_upstream_seconds_bucket{service=\"tavus\","
                       "le=\"0.05\"} 1");
    assert_value(area, "tavus_upstream_seconds_sum{service=\"tavus\"} 0.03");
    assert_value(area, "tavus_wait_seconds_sum{source=\"browser\"} 0");

    free(area);
}


/* A slot's new owner starts at 0, and the old one is not listened to. */

static void
test_gauges(void **state)
{
    char  *text;
    void  *area;

    area = area_create(3);

    tavus_metrics_attach(area, 0, 100);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_AGE, 1500);

    tavus_metrics_attach(area, 1, 101);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_AGE, 400);

    assert_value(area, "tavus_workers 2");
    assert_value(area, "tavus_journal_oldest_age_seconds 1.5");

    /* a new generation of worker 0 */

    tavus_metrics_attach(area, 0, 200);
    assert_value(area, "tavus_workers 1");
    assert_value(area, "tavus_journal_oldest_age_seconds 0.4");
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);

    /* that of worker 1 takes it while the old one is still there */

    tavus_metrics_attach(area, 1, 201);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);
    assert_value(area, "tavus_workers 2");

    text = area_text(area, 1);
    assert_line(text, "tavus_workers 1");
    assert_line(text, "tavus_batches_total 1");
    free(text);

    tavus_metrics_detach();
    assert_value(area, "tavus_workers 1");

    free(area);
}


static void
test_old_owner(void **state)
{
    void  *area;

    area = area_create(1);

    tavus_metrics_attach(area, 0, 8);
    tavus_metric_set(TAVUS_METRIC_WORKERS, 1);

    /* as another process would take the slot: its first cell is the owner */

    *(uint64_t *) ((char *) area + 64) = 9;

    tavus_metric_set(TAVUS_METRIC_WORKERS, 7);
    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
    tavus_metrics_detach();

    assert_value(area, "tavus_workers 1");
    assert_value(area, "tavus_batches_total 1");

    free(area);
}


/* more workers than slots share them, and no count is lost */

static void
test_slots_wrap(void **state)
{
    int    i;
    void  *area;

    area = area_create(3);

    for (i = 0; i < 10; i++) {
        tavus_metrics_attach(area, i, i);
        tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
    }

    assert_value(area, "tavus_batches_total 10");

    free(area);
}


#define THREADS  4
#define ROUNDS   100000


static void *
adder(void *data)
{
    int  i;

    for (i = 0; i < ROUNDS; i++) {
        tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
        tavus_metric_observe(TAVUS_METRIC_BATCH_ROWS, 3);
    }

    return NULL;
}


static void
test_atomic(void **state)
{
    int         i;
    void       *area;
    pthread_t   threads[THREADS];

    area = area_create(1);
    tavus_metrics_attach(area, 0, 1);

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, adder, NULL), 0);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    assert_value(area, "tavus_batches_total 400000");
    assert_value(area, "tavus_batch_rows_count 400000");
    assert_value(area, "tavus_batch_rows_sum 1200000");

    free(area);
}


static void
test_labels(void **state)
{
    const char  *s;

    s = "browser";
    assert_int_equal(tavus_metric_label(TAVUS_METRIC_EVENTS, 0, s,
                                        strlen(s)), TAVUS_SOURCE_BROWSER);
    s = "browse";
    assert_int_equal(tavus_metric_label(TAVUS_METRIC_EVENTS, 0, s,
                                        strlen(s)), 5);
    s = "foreign";
    assert_int_equal(tavus_metric_label(TAVUS_METRIC_EVENTS, 1, s,
                                        strlen(s)), TAVUS_OUTCOME_FOREIGN);
    s = "visitor";
    assert_int_equal(tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_ENDED, 0,
                                        s, strlen(s)), 0);
    s = "of no kind";
    assert_int_equal(tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_ENDED, 0,
                                        s, strlen(s)), 6);
}


/* A place that nobody has said the name of is not shown. */

static void
test_names(void **state)
{
    char        *text;
    void        *area;
    unsigned     i;
    const char  *names[] = { "crm", "owner" };
    const char  *many[TAVUS_METRIC_NAMES + 1];

    area = area_create(1);
    tavus_metrics_attach(area, 0, 1);

    tavus_metric_set(tavus_metric_of(TAVUS_METRIC_DESTINATION_DEAD, 1, 0), 7);
    tavus_metric_set(tavus_metric_of(TAVUS_METRIC_DESTINATION_DEAD, 2, 0), 8);

    text = area_text(area, 1);
    assert_null(strstr(text, "destination=\""));
    assert_non_null(strstr(text, "# TYPE tavus_destination_dead_events "));
    free(text);

    tavus_metric_names(names, 2);

    text = area_text(area, 1);
    assert_line(text, "tavus_destination_dead_events"
                      "{destination=\"crm\"} 0");
    assert_line(text, "tavus_destination_dead_events"
                      "{destination=\"owner\"} 7");
    assert_null(strstr(text, "} 8\n"));
    free(text);

    /* and what is behind the last place is nowhere */

    for (i = 0; i < TAVUS_METRIC_NAMES; i++) {
        many[i] = "some";
    }

    many[i] = "more";

    tavus_metric_names(many, i + 1);
    tavus_metric_set(tavus_metric_of(TAVUS_METRIC_DESTINATION_DEAD, i, 0), 9);

    text = area_text(area, 1);
    assert_null(strstr(text, "more"));
    assert_null(strstr(text, "} 9\n"));
    free(text);

    tavus_metric_names(NULL, 0);

    free(area);
}


static void
test_escaping(void **state)
{
    char          out[256];
    tavus_tag_t   tags[2];
    tavus_text_t  text = { NULL, NULL, 0 };

    tags[0].name = "a";
    tags[0].value = "x\"y\\z\nw";
    tags[0].len = 7;
    tags[1].name = "b";
    tags[1].value = "cut here";
    tags[1].len = 3;

    text.pos = out;
    text.last = out + sizeof(out) - 1;

    tavus_metrics_family(&text, "x_total", "counter", "a\\b \"c\"\nd");
    tavus_metrics_sample(&text, "x_total", tags, 2, 42);
    tavus_metrics_sample(&text, "x_total", NULL, 0, UINT64_MAX);
    *text.pos = '\0';

    assert_string_equal(out, "# HELP tavus_x_total a\\\\b \"c\"\\nd\n"
                             "# TYPE tavus_x_total counter\n"
                             "tavus_x_total{a=\"x\\\"y\\\\z\\nw\","
                             "b=\"cut\"} 42\n"
                             "tavus_x_total 18446744073709551615\n");

    /* what is too short is not written past */

    text.pos = out;
    text.last = out + 8;
    text.len = 0;
    memset(out, '#', sizeof(out));

    tavus_metrics_sample(&text, "x_total", tags, 2, 42);

    assert_true(text.len > 8);
    assert_true(text.pos <= out + 8);
    assert_int_equal(out[8], '#');
}


/* Counting what it takes leaves room for the largest of all numbers. */

static void
test_size(void **state)
{
    void  *area;

    area = area_create(1);
    tavus_metrics_attach(area, 0, 1);

    tavus_metric_add(TAVUS_METRIC_BATCHES, UINT64_MAX);
    tavus_metric_set(TAVUS_METRIC_JOURNAL_AGE, UINT64_MAX);
    tavus_metric_observe(TAVUS_METRIC_COMMIT, UINT64_MAX);
    tavus_metric_observe(TAVUS_METRIC_WAIT, UINT64_MAX);

    assert_value(area, "tavus_batches_total 18446744073709551615");
    assert_value(area, "tavus_wait_seconds_sum{source=\"tavus\"} "
                       "18446744073709.551615");

    free(area);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_detached),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_wrong_series),
        cmocka_unit_test(test_histograms),
        cmocka_unit_test(test_gauges),
        cmocka_unit_test(test_old_owner),
        cmocka_unit_test(test_slots_wrap),
        cmocka_unit_test(test_atomic),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_size)
    };

    return test_run(tests);
}
