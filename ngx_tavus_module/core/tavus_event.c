/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>
#include <openssl/evp.h>

#include "tavus_event.h"


#define TAVUS_EVENT_DAY  (INT64_C(86400) * 1000000)


static int tavus_event_digits(const char **p, const char *end, size_t n);
static int tavus_event_fraction(const char **p, const char *end);
static int tavus_event_zone(const char *p, const char *end, int64_t *sec);
static int64_t tavus_event_days(int year, int month, int day);


static EVP_MD      *tavus_event_md;
static EVP_MD_CTX  *tavus_event_md_ctx;


int
tavus_event_time(const char *text, size_t len, int64_t *usec)
{
    int          year, month, day, hour, min, sec, fraction, last;
    int64_t      zone;
    const char  *p, *end;

    static const uint8_t  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    /* the shape first, so that the digits can be read without a look */

    if (len < sizeof("2026-05-02T09:29:40") - 1
        || text[4] != '-' || text[7] != '-'
        || (text[10] != 'T' && text[10] != ' ')
        || text[13] != ':' || text[16] != ':')
    {
        return -1;
    }

    p = text;
    end = text + len;

    year = tavus_event_digits(&p, end, 4);
    p++;
    month = tavus_event_digits(&p, end, 2);
    p++;
    day = tavus_event_digits(&p, end, 2);
    p++;
    hour = tavus_event_digits(&p, end, 2);
    p++;
    min = tavus_event_digits(&p, end, 2);
    p++;
    sec = tavus_event_digits(&p, end, 2);

    if (year < 1 || month < 1 || month > 12 || day < 1
        || hour < 0 || hour > 23 || min < 0 || min > 59
        || sec < 0 || sec > 59)
    {
        return -1;
    }

    last = days[month - 1];

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        last = 29;
    }

    if (day > last) {
        return -1;
    }

    fraction = tavus_event_fraction(&p, end);

    if (fraction < 0 || tavus_event_zone(p, end, &zone) != 0) {
        return -1;
    }

    *usec = (tavus_event_days(year, month, day) * 86400
             + hour * 3600 + min * 60 + sec - zone) * 1000000 + fraction;

    return 0;
}


const char *
tavus_event_canonical(const char *type, size_t *len)
{
    size_t  i;

    static const struct {
        tavus_part_t  name;
        tavus_part_t  canonical;

    } twins[] = {

        { { "system.pal_joined", sizeof("system.pal_joined") - 1 },
          { "system.replica_joined", sizeof("system.replica_joined") - 1 } },
    };

    for (i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {

        if (*len == twins[i].name.len
            && memcmp(type, twins[i].name.data, *len) == 0)
        {
            *len = twins[i].canonical.len;
            return twins[i].canonical.data;
        }
    }

    return type;
}


int
tavus_event_time_usable(int64_t usec, int64_t now)
{
    return usec >= now - 35 * TAVUS_EVENT_DAY && usec <= now + TAVUS_EVENT_DAY;
}


int
tavus_event_digest(uint8_t digest[TAVUS_EVENT_DIGEST],
    const tavus_part_t *parts, size_t n)
{
    int           j;
    size_t        i;
    uint8_t       head[8];
    unsigned int  size;

    if (tavus_event_md_ctx == NULL) {

        if (tavus_event_md == NULL) {
            tavus_event_md = EVP_MD_fetch(NULL, "SHA256", NULL);

            if (tavus_event_md == NULL) {
                return -1;
            }
        }

        tavus_event_md_ctx = EVP_MD_CTX_new();

        if (tavus_event_md_ctx == NULL) {
            return -1;
        }
    }

    if (EVP_DigestInit_ex2(tavus_event_md_ctx, tavus_event_md, NULL) != 1) {
        return -1;
    }

    for (i = 0; i < n; i++) {

        for (j = 0; j < 8; j++) {
            head[j] = (uint8_t) ((uint64_t) parts[i].len >> (56 - 8 * j));
        }

        if (EVP_DigestUpdate(tavus_event_md_ctx, head, sizeof(head)) != 1
            || EVP_DigestUpdate(tavus_event_md_ctx, parts[i].data,
                                parts[i].len)
               != 1)
        {
            return -1;
        }
    }

    if (EVP_DigestFinal_ex(tavus_event_md_ctx, digest, &size) != 1
        || size != TAVUS_EVENT_DIGEST)
    {
        return -1;
    }

    return 0;
}


void
tavus_event_id(uint8_t id[TAVUS_UUID_LEN], int64_t usec,
    const uint8_t digest[TAVUS_EVENT_DIGEST])
{
    tavus_uuid_v7(id, usec > 0 ? (uint64_t) usec / 1000 : 0, digest);
}


/* Reads exactly n digits; -1 if there are none such. */

static int
tavus_event_digits(const char **p, const char *end, size_t n)
{
    int  value;

    if ((size_t) (end - *p) < n) {
        return -1;
    }

    value = 0;

    for ( /* void */ ; n; n--) {

        if (**p < '0' || **p > '9') {
            *p += n;
            return -1;
        }

        value = value * 10 + (**p - '0');
        (*p)++;
    }

    return value;
}


/*
 * Digits past the microsecond are cut off, so that a fraction never rounds
 * up into a later second.
 */

static int
tavus_event_fraction(const char **p, const char *end)
{
    int     usec;
    size_t  n;

    if (*p == end || **p != '.') {
        return 0;
    }

    (*p)++;

    usec = 0;

    for (n = 0; *p < end && **p >= '0' && **p <= '9'; n++) {

        if (n < 6) {
            usec = usec * 10 + (**p - '0');
        }

        (*p)++;
    }

    if (n < 1 || n > 9) {
        return -1;
    }

    for ( /* void */ ; n < 6; n++) {
        usec *= 10;
    }

    return usec;
}


static int
tavus_event_zone(const char *p, const char *end, int64_t *sec)
{
    int   hour, min;
    char  sign;

    *sec = 0;

    if (p == end) {
        return 0;
    }

    sign = *p++;

    if (sign == 'Z') {
        return p == end ? 0 : -1;
    }

    if ((sign != '+' && sign != '-')
        || end - p != sizeof("hh:mm") - 1 || p[2] != ':')
    {
        return -1;
    }

    hour = tavus_event_digits(&p, end, 2);
    p++;
    min = tavus_event_digits(&p, end, 2);

    if (hour < 0 || hour > 23 || min < 0 || min > 59) {
        return -1;
    }

    *sec = hour * 3600 + min * 60;

    if (sign == '-') {
        *sec = - *sec;
    }

    return 0;
}


/* Days since 1970-01-01; years begin in March, so that 29 February is last. */

static int64_t
tavus_event_days(int year, int month, int day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }

    return (int64_t) 365 * year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}
