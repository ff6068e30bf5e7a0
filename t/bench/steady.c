
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Requests at a steady rate, whatever becomes of those before (an open loop).
 * What each took is counted from the moment at which it was to be sent, so
 * that a server that stops is not asked less meanwhile, and nothing of it is
 * hidden.
 *
 *   steady PORT REQUESTS PATH RATE SECONDS CONNECTIONS
 *
 * REQUESTS is the file that replay.lua sends.  One that is due while no
 * connection is free waits for one.  Prints a line of RESULT:
 *
 *   requests                that were sent
 *   rps                     answered with 2xx
 *   p50 p99 p999 max        milliseconds, of all; what was not answered within
 *                           GRACE of the end took so long at least
 *   errors                  other answers, connections lost, no answer
 *   repeated                sent again, as the file is too short
 *   waited                  could not be sent when they were due
 *   unsent                  could not be sent at all
 *   late                    the 99th percentile of how late they were sent, in
 *                           milliseconds: ours or for want of a connection
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define GRACE  10.0


typedef struct {
    char              *bytes;
    size_t             len;
} request_t;


typedef struct connection_s  connection_t;

struct connection_s {
    int                fd;
    connection_t      *next;        /* of those that are free */
    size_t             number;      /* of the request */
    size_t             sent;
    size_t             received;
    unsigned           busy:1;
    unsigned           connecting:1;
    char               in[16384];
};


typedef struct {
    struct sockaddr_in  address;
    int                 epoll;

    request_t          *requests;
    size_t              n;
    char               *rest;       /* that all of them end with */
    size_t              rest_len;

    double              rate;
    double              start;
    size_t              total;
    size_t              next;       /* to be sent */
    size_t              open;       /* sent, not answered */

    connection_t       *free;
    float              *took;       /* milliseconds; negative: no answer yet */
    float              *late;

    size_t              good;
    size_t              errors;
    size_t              waited;
} load_t;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static double
due(load_t *load, size_t i)
{
    return load->start + (double) i / load->rate;
}


/*
 * A line is "proof<TAB>body" or "proof<TAB>start<TAB>n": n times x, then '"}}'
 * are the rest.  A proof is a signature, "?" and arguments.
 */
static void
requests_read(load_t *load, const char *path, const char *uri)
{
    int      len;
    char    *line, *body, *x;
    FILE    *file;
    size_t   size, room, i;
    ssize_t  n;

    file = fopen(path, "r");
    if (file == NULL) {
        err(1, "%s", path);
    }

    line = NULL;
    size = 0;
    room = 0;

    while ((n = getline(&line, &size, file)) > 0) {
        if (load->n == room) {
            room = room ? room * 2 : 1024;
            load->requests = realloc(load->requests,
                                     room * sizeof(*load->requests));
            if (load->requests == NULL) {
                err(1, "realloc");
            }
        }

        line[--n] = '\0';

        body = strchr(line, '\t');
        if (body == NULL) {
            errx(1, "%s: not a request: %s", path, line);
        }

        *body++ = '\0';

        x = strchr(body, '\t');
        if (x) {
            *x++ = '\0';
        }

        if (x && load->rest == NULL) {
            i = strtoul(x, NULL, 10);
            load->rest_len = i + 3;
            load->rest = malloc(i + sizeof("\"}}"));
            if (load->rest == NULL) {
                err(1, "malloc");
            }

            memset(load->rest, 'x', i);
            strcpy(load->rest + i, "\"}}");
        }

        len = asprintf(&load->requests[load->n].bytes,
                       "POST %s%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Content-Type: application/json\r\n%s%s%s"
                       "Content-Length: %zu\r\n\r\n%s",
                       uri, *line == '?' ? line : "",
                       *line == '?' ? "" : "X-Tavus-Signature: ",
                       *line == '?' ? "" : line,
                       *line == '?' ? "" : "\r\n",
                       strlen(body) + (x ? load->rest_len : 0), body);
        if (len == -1) {
            err(1, "asprintf");
        }

        load->requests[load->n++].len = (size_t) len;
    }

    free(line);
    fclose(file);

    if (load->n == 0) {
        errx(1, "%s: no requests", path);
    }
}


static void
connection_open(load_t *load, connection_t *c)
{
    int                 on;
    struct epoll_event  ev;

    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);
    if (c->fd == -1) {
        err(1, "socket");
    }

    on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    if (connect(c->fd, (struct sockaddr *) &load->address,
                sizeof(load->address)) == -1 && errno != EINPROGRESS)
    {
        err(1, "connect");
    }

    c->busy = 0;
    c->connecting = 1;

    ev.events = EPOLLIN|EPOLLOUT|EPOLLET;
    ev.data.ptr = c;

    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        err(1, "epoll_ctl");
    }
}


static void
connection_free(load_t *load, connection_t *c)
{
    c->busy = 0;
    c->next = load->free;
    load->free = c;
}


static void
answered(load_t *load, connection_t *c, int good)
{
    load->took[c->number] = (float) ((now() - due(load, c->number)) * 1000);
    load->open--;

    if (good) {
        load->good++;

    } else {
        load->errors++;
    }
}


static void
connection_lost(load_t *load, connection_t *c)
{
    connection_t  **free;

    if (c->busy) {
        answered(load, c, 0);
    }

    for (free = &load->free; *free; free = &(*free)->next) {
        if (*free == c) {
            *free = c->next;
            break;
        }
    }

    close(c->fd);
    connection_open(load, c);
}


static void
connection_write(load_t *load, connection_t *c)
{
    ssize_t        n;
    size_t         at;
    request_t     *r;
    struct iovec   iov[2];

    r = &load->requests[c->number % load->n];

    while (c->sent < r->len + load->rest_len) {
        at = c->sent < r->len ? c->sent : r->len;
        iov[0].iov_base = r->bytes + at;
        iov[0].iov_len = r->len - at;

        at = c->sent - at;
        iov[1].iov_base = load->rest ? load->rest + at : NULL;
        iov[1].iov_len = load->rest_len - at;

        n = writev(c->fd, iov, 2);

        if (n == -1) {
            if (errno != EAGAIN) {
                connection_lost(load, c);
            }

            return;
        }

        c->sent += (size_t) n;
    }
}


/* The length of the answer, 0 if it is not there whole. */
static size_t
answer_length(connection_t *c)
{
    char    *end, *length;
    size_t   n;

    c->in[c->received] = '\0';

    end = strstr(c->in, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }

    length = strcasestr(c->in, "\r\ncontent-length:");
    if (length == NULL || length > end) {
        errx(1, "an answer without a length:\n%s", c->in);
    }

    n = (size_t) (end + 4 - c->in)
        + strtoul(length + sizeof("\r\ncontent-length:") - 1, NULL, 10);

    if (n >= sizeof(c->in)) {
        errx(1, "an answer of %zu bytes", n);
    }

    return c->received >= n ? n : 0;
}


static void
connection_read(load_t *load, connection_t *c)
{
    size_t   whole;
    ssize_t  n;

    for ( ;; ) {
        n = read(c->fd, c->in + c->received,
                 sizeof(c->in) - 1 - c->received);

        if (n <= 0) {
            if (n == 0 || errno != EAGAIN) {
                connection_lost(load, c);
            }

            return;
        }

        c->received += (size_t) n;

        if (!c->busy) {
            errx(1, "an answer to nothing:\n%.*s", (int) n, c->in);
        }

        whole = answer_length(c);
        if (whole == 0) {
            continue;
        }

        answered(load, c, strncmp(c->in, "HTTP/1.1 2", 10) == 0);

        c->received = 0;
        connection_free(load, c);
    }
}


static void
connection_event(load_t *load, connection_t *c, uint32_t events)
{
    int        error;
    socklen_t  len;

    if (c->connecting) {
        len = sizeof(error);
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);

        if (error) {
            errno = error;
            err(1, "connect");
        }

        if (events & EPOLLOUT) {
            c->connecting = 0;
            c->received = 0;
            connection_free(load, c);
        }

        return;
    }

    if (c->busy && (events & EPOLLOUT)) {
        connection_write(load, c);
    }

    if (!c->connecting && (events & (EPOLLIN|EPOLLHUP|EPOLLERR))) {
        connection_read(load, c);
    }
}


/* All that are due and find a connection. */
static void
send_due(load_t *load)
{
    double         t;
    connection_t  *c;

    t = now();

    while (load->next < load->total && due(load, load->next) <= t
           && load->free)
    {
        c = load->free;
        load->free = c->next;

        c->busy = 1;
        c->number = load->next++;
        c->sent = 0;

        load->open++;
        load->late[c->number] = (float) ((t - due(load, c->number)) * 1000);

        connection_write(load, c);
    }
}


static void
timer_set(int fd, double at)
{
    struct itimerspec  when;

    memset(&when, 0, sizeof(when));
    when.it_value.tv_sec = (time_t) at;
    when.it_value.tv_nsec = (long) ((at - (double) (time_t) at) * 1e9);

    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) == -1) {
        err(1, "timerfd_settime");
    }
}


/* Events of the connections; a timer wakes us up when the next one is due. */
static void
run(load_t *load)
{
    int                  i, n, timer;
    double               t, end;
    size_t               was_due, is_due;
    struct epoll_event   ev, events[256];

    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (timer == -1) {
        err(1, "timerfd");
    }

    ev.events = EPOLLIN|EPOLLET;
    ev.data.ptr = NULL;

    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, timer, &ev) == -1) {
        err(1, "epoll_ctl");
    }

    load->start = now() + 0.01;
    end = due(load, load->total) + GRACE;
    was_due = 0;

    for ( ;; ) {
        t = now();

        send_due(load);

        /* what is due now and was not sent waits for a connection */

        for (is_due = was_due; is_due < load->total && due(load, is_due) <= t;
             is_due++)
        {
            load->waited += is_due >= load->next;
        }

        was_due = is_due;

        if ((load->next == load->total && load->open == 0) || t > end) {
            break;
        }

        timer_set(timer, was_due < load->total ? due(load, was_due) : end);

        n = epoll_wait(load->epoll, events, 256, -1);
        if (n == -1 && errno != EINTR) {
            err(1, "epoll_wait");
        }

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                connection_event(load, events[i].data.ptr, events[i].events);
            }
        }
    }

    close(timer);
}


static int
by_value(const void *a, const void *b)
{
    float  x = *(const float *) a, y = *(const float *) b;

    return (x > y) - (x < y);
}


static double
quantile(float *values, size_t n, double q)
{
    size_t  i;

    i = (size_t) ((double) n * q);

    return (double) values[i < n ? i : n - 1];
}


static void
print(load_t *load, double seconds)
{
    double  t;
    size_t  i;

    t = now();

    for (i = 0; i < load->total; i++) {
        if (load->took[i] < 0) {
            load->took[i] = (float) ((t - due(load, i)) * 1000);
            load->errors++;
        }
    }

    qsort(load->took, load->total, sizeof(float), by_value);
    qsort(load->late, load->next, sizeof(float), by_value);

    printf("RESULT requests=%zu rps=%.1f p50=%.3f p99=%.3f p999=%.3f max=%.3f "
           "errors=%zu repeated=%zu waited=%zu unsent=%zu late=%.3f\n",
           load->next, (double) load->good / seconds,
           quantile(load->took, load->total, 0.5),
           quantile(load->took, load->total, 0.99),
           quantile(load->took, load->total, 0.999),
           quantile(load->took, load->total, 1),
           load->errors, load->next > load->n ? load->next - load->n : 0,
           load->waited, load->total - load->next,
           quantile(load->late, load->next, 0.99));
}


int
main(int argc, char **argv)
{
    double               seconds;
    load_t               load;
    size_t               i, n;
    struct epoll_event   ev;
    connection_t        *connections;

    if (argc != 7) {
        errx(1, "PORT REQUESTS PATH RATE SECONDS CONNECTIONS");
    }

    memset(&load, 0, sizeof(load));

    load.address.sin_family = AF_INET;
    load.address.sin_port = htons((uint16_t) strtoul(argv[1], NULL, 10));
    load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load.rate = atof(argv[4]);
    seconds = atof(argv[5]);
    n = strtoul(argv[6], NULL, 10);
    load.total = (size_t) (load.rate * seconds);

    if (load.total == 0 || n == 0) {
        errx(1, "nothing to send");
    }

    requests_read(&load, argv[2], argv[3]);

    load.took = malloc(load.total * sizeof(float));
    load.late = calloc(load.total, sizeof(float));
    connections = calloc(n, sizeof(*connections));
    load.epoll = epoll_create1(0);

    if (load.took == NULL || load.late == NULL || connections == NULL
        || load.epoll == -1)
    {
        err(1, "memory, epoll");
    }

    for (i = 0; i < load.total; i++) {
        load.took[i] = -1;
    }

    for (i = 0; i < n; i++) {
        connection_open(&load, &connections[i]);
    }

    /* all are there before the first is due */

    for (i = 0; i < n; /* void */) {
        if (epoll_wait(load.epoll, &ev, 1, -1) == 1) {
            connection_event(&load, ev.data.ptr, ev.events);
            i++;
        }
    }

    run(&load);
    print(&load, seconds);

    return 0;
}
