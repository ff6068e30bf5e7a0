/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * The time parser against timegm(), gmtime_r() and strtold(); identities.
 */

#include <time.h>

#include "fuzz.h"
#include "tavus_event.h"


static int fuzz_model(const char *text, size_t len, int64_t *usec);
static int fuzz_date(const char *t, const char *form, int64_t *usec);
static int fuzz_epoch(const char *t, const char *form, int64_t *usec);
static void fuzz_identity(const char *text, size_t size);
static void fuzz_flat(const char *text, size_t size);
static int fuzz_number(const char *p);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           rc;
    char         *text;
    size_t        len;
    int64_t       usec, expected;
    uint8_t       one[TAVUS_EVENT_DIGEST], two[TAVUS_EVENT_DIGEST];
    const char   *name;
    tavus_part_t  parts[2];

    text = fuzz_copy(data, size);

    rc = tavus_event_time(text, size, &usec);

    fuzz_assert(rc == fuzz_model(text, size, &expected));
    fuzz_assert(rc != 0 || usec == expected);

    fuzz_identity(text, size);
    fuzz_flat(text, size);

    len = size;
    name = tavus_event_canonical(text, &len);
    fuzz_assert(name == text ? len == size : name != NULL);

    /* the same bytes in other parts are something else */

    parts[0].data = text;
    parts[0].len = size;
    parts[1].data = text;
    parts[1].len = 0;
    fuzz_assert(tavus_event_digest(one, parts, 1) == 0);
    fuzz_assert(tavus_event_digest(two, parts, 2) == 0);
    fuzz_assert(memcmp(one, two, sizeof(one)) != 0);

    free(text);

    return 0;
}


static int
fuzz_model(const char *text, size_t len, int64_t *usec)
{
    int      rc;
    char    *t, *form;
    size_t   i;

    /* each ended by a NUL; in the form all digits are nines */

    t = calloc(1, len + 32);
    form = calloc(1, len + 32);
    fuzz_assert(t != NULL && form != NULL);

    for (i = 0; i < len; i++) {
        t[i] = text[i];
        form[i] = text[i] >= '0' && text[i] <= '9' ? '9' : text[i];
    }

    if (len == 0 || strlen(t) != len) {
        rc = -1;

    } else if (strncmp(form, "9999-", 5) == 0) {
        rc = fuzz_date(t, form, usec);

    } else {
        rc = fuzz_epoch(t, form, usec);
    }

    free(t);
    free(form);

    return rc;
}


static int
fuzz_date(const char *t, const char *form, int64_t *usec)
{
    int         i, n, sec;
    int64_t     zone, fraction;
    time_t      at;
    struct tm   tm, again;

    if (strncmp(form, "9999-99-99", 10) != 0
        || strspn(form + 10, "Tt ") < 1
        || strncmp(form + 11, "99:99", 5) != 0)
    {
        return -1;
    }

    memset(&tm, 0, sizeof(tm));
    tm.tm_year = fuzz_number(t) * 100 + fuzz_number(t + 2) - 1900;
    tm.tm_mon = fuzz_number(t + 5) - 1;
    tm.tm_mday = fuzz_number(t + 8);
    tm.tm_hour = fuzz_number(t + 11);
    tm.tm_min = fuzz_number(t + 14);

    again = tm;
    at = timegm(&again);
    gmtime_r(&at, &again);

    if (again.tm_year != tm.tm_year || again.tm_mon != tm.tm_mon
        || again.tm_mday != tm.tm_mday || again.tm_hour != tm.tm_hour
        || again.tm_min != tm.tm_min || tm.tm_year == -1900)
    {
        return -1;
    }

    i = 16;
    sec = 0;
    fraction = 0;

    if (form[i] == ':') {

        if (strncmp(form + i, ":99", 3) != 0) {
            return -1;
        }

        sec = fuzz_number(t + i + 1);
        i += 3;

        if (sec > 60) {
            return -1;
        }

        if (form[i] == '.' || form[i] == ',') {
            n = (int) strspn(form + i + 1, "9");

            if (n == 0) {
                return -1;
            }

            for (int j = 0; j < 6; j++) {
                fraction = fraction * 10 + (j < n ? t[i + 1 + j] - '0' : 0);
            }

            i += 1 + n;
        }
    }

    if (form[i] == ' ') {
        i++;

        if (form[i] == '\0') {
            return -1;
        }
    }

    zone = 0;

    if (form[i] == '+' || form[i] == '-') {

        if (strcmp(form + i + 1, "99:99") == 0) {
            zone = fuzz_number(t + i + 4);

        } else if (strcmp(form + i + 1, "9999") == 0) {
            zone = fuzz_number(t + i + 3);

        } else if (strcmp(form + i + 1, "99") != 0) {
            return -1;
        }

        if (fuzz_number(t + i + 1) > 23 || zone > 59) {
            return -1;
        }

        zone = zone * 60 + fuzz_number(t + i + 1) * 3600;
        zone = t[i] == '-' ? -zone : zone;

    } else if (strcmp(form + i, "") != 0 && strcmp(form + i, "Z") != 0
               && strcmp(form + i, "z") != 0 && strcmp(form + i, "UTC") != 0)
    {
        return -1;
    }

    *usec = (at + sec - zone) * 1000000 + fraction;

    return 0;
}


/* The number with its point moved, as a text that strtold() reads exactly. */

static int
fuzz_epoch(const char *t, const char *form, int64_t *usec)
{
    int           exponent;
    char          exact[64];
    size_t        i, n, whole;
    const char   *p, *digits;

    n = strspn(form, "9");
    p = form + n;

    if (n == 0) {
        return -1;
    }

    whole = n;

    if (*p == '.') {
        n = strspn(p + 1, "9");
        p += 1 + n;

        if (n == 0) {
            return -1;
        }
    }

    exponent = 0;

    if (*p == 'e' || *p == 'E') {
        p += p[1] == '+' ? 2 : 1;

        if (strcmp(p, "9") == 0) {
            exponent = t[p - form] - '0';

        } else if (strcmp(p, "99") == 0) {
            exponent = fuzz_number(t + (p - form));

        } else {
            return -1;
        }

    } else if (*p != '\0') {
        return -1;
    }

    for (digits = t; whole && *digits == '0'; whole--) {
        digits++;
    }

    whole += exponent;

    if (whole > 20) {
        return -1;
    }

    n = whole + (whole > 17 ? -3 : whole > 14 ? 0 : whole > 11 ? 3 : 6);

    for (i = 0; i < n; i++) {
        digits += *digits == '.';
        exact[i] = *digits >= '0' && *digits <= '9' ? *digits++ : '0';
    }

    exact[n] = '\0';
    *usec = (int64_t) strtold(exact, NULL);

    return 0;
}


/* Twins meet, whatever they say; and what is read lies in the text. */

static void
fuzz_identity(const char *text, size_t size)
{
    size_t                   i;
    uint8_t                  one[TAVUS_EVENT_DIGEST];
    uint8_t                  two[TAVUS_EVENT_DIGEST];
    tavus_part_t             conversation, type;
    tavus_event_identity_t   id;

    static const char *const  twins[] = {
        "system.pal_joined", "system.replica_joined"
    };

    conversation.data = text;
    conversation.len = size;

    for (i = 0; i < FUZZ_COUNT(twins); i++) {
        type.data = twins[i];
        type.len = strlen(twins[i]);

        tavus_event_identity(&id, &conversation, &type, 1, text, size);

        fuzz_assert(id.n >= 4 && id.n <= TAVUS_EVENT_PARTS && id.n % 2 == 0);
        fuzz_assert(tavus_event_digest(i ? two : one, id.parts, id.n) == 0);
    }

    fuzz_assert(memcmp(one, two, sizeof(one)) == 0);
}


/* A type is a short word behind another, whatever the body says. */

static void
fuzz_flat(const char *text, size_t size)
{
    char    type[TAVUS_EVENT_MAX_NAME];
    size_t  i, n;

    n = tavus_event_flat(text, size, type);

    fuzz_assert(n < sizeof(type));
    fuzz_assert(n == 0 || memchr(type, '.', n) != NULL);

    for (i = 0; i < n; i++) {
        fuzz_assert((type[i] >= 'a' && type[i] <= 'z') || type[i] == '_'
                    || type[i] == '.');
    }
}


static int
fuzz_number(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}
