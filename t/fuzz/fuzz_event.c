/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* The time parser against timegm() and gmtime_r(); names of languages. */

#include <strings.h>
#include <time.h>

#include "fuzz.h"
#include "tavus_event.h"
#include "tavus_language.h"


static int fuzz_model(const char *text, size_t len, int64_t *usec);
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

    len = size;
    name = tavus_event_canonical(text, &len);
    fuzz_assert(name == text ? len == size : name != NULL);

    /* a code of two letters, or the name itself in any case */

    name = tavus_language(text, size);
    fuzz_assert(name == NULL || size == 2
                || (size == strlen(name)
                    && strncasecmp(text, name, size) == 0));

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
    char       t[64], form[64];
    size_t     i, n;
    int64_t    zone, fraction;
    struct tm  tm, again;
    time_t     sec;

    if (len < 19 || len > 40) {
        return -1;
    }

    memcpy(t, text, len);
    memcpy(form, text, len);
    memset(t + len, 0, sizeof(t) - len);
    memset(form + len, 0, sizeof(form) - len);

    for (i = 0; i < len; i++) {
        if (form[i] >= '0' && form[i] <= '9') {
            form[i] = '9';

        } else if (form[i] == '\0') {
            return -1;
        }
    }

    form[10] = form[10] == ' ' ? 'T' : form[10];

    if (strncmp(form, "9999-99-99T99:99:99", 19) != 0) {
        return -1;
    }

    memset(&tm, 0, sizeof(tm));
    tm.tm_year = fuzz_number(t) * 100 + fuzz_number(t + 2) - 1900;
    tm.tm_mon = fuzz_number(t + 5) - 1;
    tm.tm_mday = fuzz_number(t + 8);
    tm.tm_hour = fuzz_number(t + 11);
    tm.tm_min = fuzz_number(t + 14);
    tm.tm_sec = fuzz_number(t + 17);

    again = tm;
    sec = timegm(&again);
    gmtime_r(&sec, &again);

    if (again.tm_year != tm.tm_year || again.tm_mon != tm.tm_mon
        || again.tm_mday != tm.tm_mday || again.tm_hour != tm.tm_hour
        || again.tm_min != tm.tm_min || again.tm_sec != tm.tm_sec
        || tm.tm_year == -1900)
    {
        return -1;
    }

    i = 19;
    fraction = 0;

    if (form[i] == '.') {
        n = strspn(form + i + 1, "9");

        if (n < 1 || n > 9) {
            return -1;
        }

        for (size_t j = 0; j < 6; j++) {
            fraction = fraction * 10 + (j < n ? t[i + 1 + j] - '0' : 0);
        }

        i += 1 + n;
    }

    zone = 0;

    if (strcmp(form + i, "+99:99") == 0 || strcmp(form + i, "-99:99") == 0) {

        if (fuzz_number(t + i + 1) > 23 || fuzz_number(t + i + 4) > 59) {
            return -1;
        }

        zone = fuzz_number(t + i + 1) * 3600 + fuzz_number(t + i + 4) * 60;
        zone = t[i] == '-' ? -zone : zone;

    } else if (strcmp(form + i, "") != 0 && strcmp(form + i, "Z") != 0) {
        return -1;
    }

    *usec = (sec - zone) * 1000000 + fraction;

    return 0;
}


static int
fuzz_number(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}
