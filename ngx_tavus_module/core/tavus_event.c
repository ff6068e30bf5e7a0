/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "tavus_event.h"


#define TAVUS_EVENT_DAY   (INT64_C(86400) * 1000000)
#define TAVUS_EVENT_HOUR  (INT64_C(3600) * 1000000)

#define TAVUS_EVENT_KINDS   7
#define TAVUS_EVENT_STATUS  64      /* bytes of one at most */


static size_t tavus_event_kind(const char *data, size_t len, int within,
    char type[TAVUS_EVENT_MAX_NAME]);
static int tavus_event_says(const tavus_json_member_t *member);
static int tavus_event_status(const char *data, size_t len, const char *name,
    char word[TAVUS_EVENT_STATUS]);
static int tavus_event_epoch(const char *text, size_t len, int64_t *usec);
static int tavus_event_digits(const char **p, const char *end, size_t n);
static int tavus_event_fraction(const char **p, const char *end);
static int tavus_event_zone(const char *p, const char *end, int64_t *sec);
static int64_t tavus_event_days(int year, int month, int day);


/*
 * What a body without an envelope is about, and which member gives its
 * status.  What belongs to a conversation may stand in its properties.
 */

static const struct {
    const char  *member;
    const char  *type;
    const char  *status;
    const char  *otherwise;     /* NULL: without a status it is not known */
    int          conversation;

} tavus_event_kinds[TAVUS_EVENT_KINDS] = {
    { "objective_name", "conversation.objective", "objective_status",
      "completed", 1 },
    { "guardrail_uuid", "conversation.guardrail", NULL, "triggered", 1 },
    { "guardrail", "conversation.guardrail", NULL, "triggered", 1 },
    { "document_id", "document", "status", "updated", 0 },
    { "video_id", "video", "status", "updated", 0 },
    { "replica_id", "replica", "status", NULL, 0 },
    { "face_id", "replica", "status", NULL, 0 }
};


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

    if (len < sizeof("2026-05-02T09:29") - 1 || text[4] != '-') {
        return tavus_event_epoch(text, len, usec);
    }

    /* the shape first, so that the digits can be read without a look */

    if (text[7] != '-'
        || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')
        || text[13] != ':')
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

    sec = 0;
    fraction = 0;

    if (p < end && *p == ':') {
        p++;
        sec = tavus_event_digits(&p, end, 2);
        fraction = sec < 0 ? -1 : tavus_event_fraction(&p, end);
    }

    /* :60 is a leap second */

    if (year < 1 || month < 1 || month > 12 || day < 1
        || hour < 0 || hour > 23 || min < 0 || min > 59
        || sec < 0 || sec > 60 || fraction < 0)
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

    if (tavus_event_zone(p, end, &zone) != 0) {
        return -1;
    }

    *usec = (tavus_event_days(year, month, day) * 86400
             + hour * 3600 + min * 60 + sec - zone) * 1000000 + fraction;

    return 0;
}


int
tavus_event_member_time(const char *data, const tavus_json_member_t *member,
    int64_t *usec)
{
    int   len;
    char  text[64];

    if (member->count && member->type == '0') {
        return tavus_event_epoch(data + member->value_start,
                                 member->value_end - member->value_start,
                                 usec);
    }

    len = tavus_json_string(data, member, text, sizeof(text));

    return len > 0 ? tavus_event_time(text, len, usec) : -1;
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


void
tavus_event_identity(tavus_event_identity_t *id,
    const tavus_part_t *conversation, const tavus_part_t *type, int64_t time,
    const char *object, size_t len)
{
    int                   n;
    size_t                i;
    tavus_part_t         *part;
    tavus_json_member_t  *m, members[TAVUS_EVENT_APART];

    static const char *const  apart[TAVUS_EVENT_APART] = {
        "interaction_id", "tool_id", "tool_name", "tool_call_id",
        "recording_id", "s3_key", "guardrail_uuid", "objective_name"
    };

    id->time = time;

    part = id->parts;

    part[0].data = "tavus";
    part[0].len = sizeof("tavus") - 1;
    part[1] = *conversation;
    part[2].len = type->len;
    part[2].data = tavus_event_canonical(type->data, &part[2].len);
    part[3].data = &id->time;
    part[3].len = sizeof(id->time);

    part += 4;

    for (i = 0; i < TAVUS_EVENT_APART; i++) {
        members[i].name = apart[i];
    }

    tavus_json_members(object, len, members, TAVUS_EVENT_APART);

    for (i = 0; i < TAVUS_EVENT_APART; i++) {
        m = &members[i];

        if (m->count == 0 || strchr("n{[", m->type)) {
            continue;
        }

        n = tavus_json_string(object, m, id->text[i], sizeof(id->text[i]));

        part[0].data = apart[i];
        part[0].len = strlen(apart[i]);

        if (n >= 0) {
            part[1].data = id->text[i];
            part[1].len = n;

        } else {
            part[1].data = object + m->value_start;
            part[1].len = m->value_end - m->value_start;
        }

        part += 2;
    }

    id->n = part - id->parts;
}


size_t
tavus_event_flat(const char *data, size_t len,
    char type[TAVUS_EVENT_MAX_NAME])
{
    size_t               n;
    tavus_json_member_t  member;

    member.name = "properties";

    (void) tavus_json_check(data, len, &member, 1, NULL);

    n = 0;

    if (member.count && member.type == '{') {
        n = tavus_event_kind(data + member.value_start,
                             member.value_end - member.value_start, 1, type);
    }

    return n ? n : tavus_event_kind(data, len, 0, type);
}


int
tavus_event_time_usable(int64_t usec, int64_t now)
{
    return usec >= now - 35 * TAVUS_EVENT_DAY && usec <= now + TAVUS_EVENT_DAY;
}


int
tavus_event_time_edge(int64_t usec, int64_t now)
{
    return !tavus_event_time_usable(usec, now + TAVUS_EVENT_HOUR)
           || !tavus_event_time_usable(usec, now - TAVUS_EVENT_HOUR);
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


static size_t
tavus_event_kind(const char *data, size_t len, int within,
    char type[TAVUS_EVENT_MAX_NAME])
{
    size_t                i;
    const char           *last;
    char                  status[TAVUS_EVENT_STATUS];
    tavus_json_member_t   members[TAVUS_EVENT_KINDS + 1];

    for (i = 0; i < TAVUS_EVENT_KINDS; i++) {
        members[i].name = tavus_event_kinds[i].member;
    }

    members[TAVUS_EVENT_KINDS].name = "conversation_id";

    (void) tavus_json_check(data, len, members, TAVUS_EVENT_KINDS + 1, NULL);

    for (i = 0; i < TAVUS_EVENT_KINDS; i++) {

        if (!tavus_event_says(&members[i])) {
            continue;
        }

        /* a conversation's events name its replica, too */

        if (!tavus_event_kinds[i].conversation
            && (within || tavus_event_says(&members[TAVUS_EVENT_KINDS])))
        {
            continue;
        }

        last = tavus_event_kinds[i].otherwise;

        if (tavus_event_kinds[i].status
            && tavus_event_status(data, len, tavus_event_kinds[i].status,
                                  status)
               == 0)
        {
            last = status;
        }

        if (last) {
            return (size_t) snprintf(type, TAVUS_EVENT_MAX_NAME, "%s.%s",
                                     tavus_event_kinds[i].type, last);
        }
    }

    return 0;
}


static int
tavus_event_says(const tavus_json_member_t *member)
{
    return member->count && member->type != 'n';
}


/* A word that a type can end with, and a NUL; -1 if there is none. */

static int
tavus_event_status(const char *data, size_t len, const char *name,
    char word[TAVUS_EVENT_STATUS])
{
    int                  i, n;
    tavus_json_member_t  member;

    member.name = name;

    (void) tavus_json_check(data, len, &member, 1, NULL);

    n = tavus_json_string(data, &member, word, TAVUS_EVENT_STATUS - 1);

    for (i = 0; i < n; i++) {

        if (word[i] >= 'A' && word[i] <= 'Z') {
            word[i] |= 0x20;
        }

        if ((word[i] < 'a' || word[i] > 'z') && word[i] != '_') {
            return -1;
        }
    }

    if (n <= 0) {
        return -1;
    }

    word[n] = '\0';

    return 0;
}


/*
 * The unit follows from how many digits stand before the point: the first
 * of all digits, up to the microsecond, are the number that is asked for.
 */

static int
tavus_event_epoch(const char *text, size_t len, int64_t *usec)
{
    int          n, before, exponent, total;
    char         digits[17];
    int64_t      value;
    const char  *p, *end;

    n = 0;
    total = 0;
    before = -1;

    end = text + len;

    for (p = text; p < end; p++) {

        if (*p == '.' && before < 0 && p > text) {
            before = total;

        } else if (*p < '0' || *p > '9') {
            break;

        } else if (total || *p != '0' || before >= 0) {
            total++;

            if (n < (int) sizeof(digits)) {
                digits[n++] = *p;
            }
        }
    }

    if (p == text || p[-1] == '.') {
        return -1;
    }

    if (before < 0) {
        before = total;
    }

    if (p < end) {

        if (*p != 'e' && *p != 'E') {
            return -1;
        }

        p++;

        if (p < end && *p == '+') {
            p++;
        }

        exponent = tavus_event_digits(&p, end, end - p > 1 ? 2 : 1);

        if (exponent < 0 || p < end) {
            return -1;
        }

        before += exponent;
    }

    if (before > 20) {
        return -1;
    }

    total = before + (before > 17 ? -3 : before > 14 ? 0 : before > 11 ? 3 : 6);

    for (value = 0, before = 0; before < total; before++) {
        value = value * 10 + (before < n ? digits[before] - '0' : 0);
    }

    *usec = value;

    return 0;
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

    if (*p == end || (**p != '.' && **p != ',')) {
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

    if (n == 0) {
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

    if (end - p > 1 && *p == ' ') {
        p++;
    }

    if (p == end
        || (end - p == 1 && (*p == 'Z' || *p == 'z'))
        || (end - p == 3 && memcmp(p, "UTC", 3) == 0))
    {
        return 0;
    }

    sign = *p++;

    if (sign != '+' && sign != '-') {
        return -1;
    }

    hour = tavus_event_digits(&p, end, 2);
    min = 0;

    if (hour >= 0 && p < end) {

        if (*p == ':') {
            p++;
        }

        min = tavus_event_digits(&p, end, 2);

        if (p < end) {
            return -1;
        }
    }

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
