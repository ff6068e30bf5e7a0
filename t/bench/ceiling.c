
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * The ceiling: what PostgreSQL gives a client that does nothing but hand it
 * finished batches.  The same statement with the same bytes as the module's,
 * encoded beforehand by the module's own code; a process a connection, each
 * with one batch in flight.
 *
 *   ceiling CONNINFO REQUESTS SECONDS CONNECTIONS ROWS
 *
 * REQUESTS is the file that replay.lua sends.  Where it is too short, it is
 * sent again with other ids, to conversations that are known then.
 */


#define _GNU_SOURCE

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <openssl/sha.h>

#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_statements.h"


#define MAX_BATCHES  (1 << 18)


typedef struct {
    size_t             batches;
    double             seconds;
    float              ms[MAX_BATCHES];
} result_t;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* "start", or "start<TAB>n": n times x, then '"}}' are the rest of it */
static char *
body_read(char *text)
{
    char    *tab, *body;
    size_t   n;

    tab = strchr(text, '\t');
    n = 0;

    if (tab) {
        *tab = '\0';
        n = strtoul(tab + 1, NULL, 10);
    }

    body = malloc(strlen(text) + n + sizeof("\"}}"));
    if (body == NULL) {
        err(1, "malloc");
    }

    strcpy(body, text);

    if (tab) {
        memset(body + strlen(text), 'x', n);
        strcpy(body + strlen(text) + n, "\"}}");
    }

    return body;
}


/* Every nth line from the first'th on, a line an event. */
static ngx_tavus_event_t *
events_read(const char *path, size_t first, size_t nth, size_t *n)
{
    char               *line, *body;
    FILE               *file;
    size_t              size, i, room;
    ssize_t             len;
    uint8_t             digest[SHA256_DIGEST_LENGTH];
    ngx_tavus_event_t  *events, *ev;

    file = fopen(path, "r");
    if (file == NULL) {
        err(1, "%s", path);
    }

    line = NULL;
    size = 0;
    room = 0;
    *n = 0;
    events = NULL;

    for (i = 0; (len = getline(&line, &size, file)) > 0; i++) {
        if (i % nth != first) {
            continue;
        }

        if (*n == room) {
            room = room ? room * 2 : 1024;
            events = realloc(events, room * sizeof(*events));
            if (events == NULL) {
                err(1, "realloc");
            }
        }

        ev = &events[(*n)++];
        memset(ev, 0, sizeof(*ev));

        line[--len] = '\0';
        body = body_read(strchr(line, '\t') + 1);
        SHA256((u_char *) body, strlen(body), digest);

        ev->received = (int64_t) time(NULL) * 1000000;
        tavus_uuid_v7(ev->id, (uint64_t) ev->received / 1000 - 1000 + i / 1000,
                      digest);

        ngx_str_set(&ev->source, "tavus");
        ngx_str_set(&ev->event_type, "application.perception_unavailable");
        ngx_str_set(&ev->verification,
                    "{\"method\":\"signature\",\"key_id\":\"k1\"}");

        ev->body.data = (u_char *) body;
        ev->body.len = strlen(body);

        /* of 13 characters, as the file has it */
        ev->conversation_id.data = (u_char *) strstr(
                                       (char *) ev->body.data,
                                       "\"conversation_id\":\"") + 19;
        ev->conversation_id.len = 13;
    }

    free(line);
    fclose(file);

    return events;
}


static ngx_tavus_pg_op_t *
batches_encode(ngx_tavus_event_t *events, size_t n, size_t rows)
{
    size_t              i, k;
    ngx_tavus_pg_op_t  *batches;
    ngx_tavus_event_t **list;

    batches = calloc(n / rows, sizeof(*batches));
    list = calloc(rows, sizeof(*list));
    if (batches == NULL || list == NULL) {
        err(1, "calloc");
    }

    for (i = 0; i < n / rows; i++) {
        for (k = 0; k < rows; k++) {
            list[k] = &events[i * rows + k];
        }

        ngx_tavus_encode_batch(&batches[i],
            malloc(ngx_tavus_encode_batch_size(list, rows)), list, rows);
    }

    free(list);

    return batches;
}


static PGconn *
database(const char *conninfo)
{
    PGconn                     *conn;
    PGresult                   *res;
    const ngx_tavus_pg_stmt_t  *stmt;

    stmt = &ngx_tavus_statements[ngx_tavus_stmt_record];

    conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK) {
        errx(1, "%s", PQerrorMessage(conn));
    }

    PQclear(PQexec(conn, "SET synchronous_commit = on"));

    res = PQprepare(conn, stmt->name, stmt->sql, NGX_TAVUS_ENCODE_COLUMNS,
                    stmt->types);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        errx(1, "%s", PQerrorMessage(conn));
    }

    PQclear(res);

    return conn;
}


/*
 * The same batch again, as other events: the number of the round is in the
 * last bytes of their ids.
 */
static void
batch_renew(ngx_tavus_pg_op_t *batch, size_t rows, size_t round)
{
    size_t   i, change;
    u_char  *id;

    change = round ^ (round - 1);

    for (i = 0; i < rows; i++) {

        /* after the array's header, each after its length */
        id = (u_char *) batch->values[0] + 20 + i * 20 + 4;

        id[14] ^= (u_char) (change >> 8);
        id[15] ^= (u_char) change;
    }
}


/* What did not come back as stored is an error: it would be cheaper. */
static void
run(PGconn *conn, ngx_tavus_pg_op_t *batches, size_t n, size_t rows,
    double seconds, result_t *result)
{
    size_t              i;
    double              start, before, after;
    PGresult           *res;
    ngx_tavus_pg_op_t  *batch;

    start = now();
    before = start;

    for (i = 0; i < MAX_BATCHES && before - start < seconds; i++) {
        batch = &batches[i % n];

        if (i >= n) {
            batch_renew(batch, rows, i / n);
        }

        res = PQexecPrepared(conn, "record", NGX_TAVUS_ENCODE_COLUMNS,
                             batch->values, batch->lengths, batch->formats,
                             0);
        if (PQresultStatus(res) != PGRES_TUPLES_OK) {
            errx(1, "%s", PQerrorMessage(conn));
        }

        if (strspn(PQgetvalue(res, 0, 0), "s") != rows) {
            errx(1, "not all stored: %s", PQgetvalue(res, 0, 0));
        }

        PQclear(res);
        after = now();
        result->ms[i] = (float) ((after - before) * 1000);
        before = after;
    }

    if (i == MAX_BATCHES) {
        errx(1, "more batches than there is room for");
    }

    result->batches = i;
    result->seconds = before - start;
}


static int
by_value(const void *a, const void *b)
{
    float  x = *(const float *) a, y = *(const float *) b;

    return (x > y) - (x < y);
}


int
main(int argc, char **argv)
{
    int                 go[2], ready[2], i, status;
    char                byte;
    float              *ms;
    PGconn             *conn;
    double              rps;
    size_t              n, connections, rows, total;
    ngx_tavus_pg_op_t  *batches;
    result_t           *results;
    ngx_tavus_event_t  *events;

    if (argc != 6) {
        errx(1, "CONNINFO REQUESTS SECONDS CONNECTIONS ROWS");
    }

    connections = strtoul(argv[4], NULL, 10);
    rows = strtoul(argv[5], NULL, 10);

    results = mmap(NULL, connections * sizeof(*results),
                   PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED || pipe(go) == -1 || pipe(ready) == -1) {
        err(1, "mmap, pipe");
    }

    for (i = 0; i < (int) connections; i++) {
        switch (fork()) {

        case -1:
            err(1, "fork");

        case 0:
            close(go[1]);
            events = events_read(argv[2], (size_t) i, connections, &n);
            batches = batches_encode(events, n, rows);
            conn = database(argv[1]);

            if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) == -1) {
                err(1, "pipe");
            }

            run(conn, batches, n / rows, rows, atof(argv[3]), &results[i]);
            PQfinish(conn);
            _exit(0);
        }
    }

    close(ready[1]);

    for (i = 0; i < (int) connections; i++) {
        if (read(ready[0], &byte, 1) != 1) {
            errx(1, "a process failed");
        }
    }

    close(go[1]);

    for (i = 0; i < (int) connections; i++) {
        if (wait(&status) == -1 || status != 0) {
            errx(1, "a process failed");
        }
    }

    rps = 0;
    total = 0;

    for (i = 0; i < (int) connections; i++) {
        rps += (double) (results[i].batches * rows) / results[i].seconds;
        total += results[i].batches;
    }

    ms = malloc(total * sizeof(*ms));
    n = 0;

    for (i = 0; i < (int) connections; i++) {
        memcpy(&ms[n], results[i].ms, results[i].batches * sizeof(*ms));
        n += results[i].batches;
    }

    qsort(ms, n, sizeof(*ms), by_value);

    printf("RESULT requests=%zu rps=%.1f p50=%.3f p99=%.3f errors=0 "
           "repeated=0 rows=%zu\n", total * rows, rps, (double) ms[n / 2],
           (double) ms[n * 99 / 100], rows);

    return 0;
}
