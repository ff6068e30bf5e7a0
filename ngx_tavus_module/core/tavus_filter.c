
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* memmem(), newlocale() */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <wctype.h>

#include "tavus_filter.h"


#define TAVUS_FILTER_NAME  1000         /* bytes of a name, as stored */


static int tavus_filter_server(const tavus_filter_event_t *event);
static int tavus_filter_equal(const tavus_filter_text_t *wanted,
    const tavus_filter_text_t *text);
static int tavus_filter_begins(const tavus_filter_text_t *text,
    const char *prefix, size_t len);
static int tavus_filter_contains(const tavus_filter_text_t *text,
    const char *word, size_t len);
static int tavus_filter_name_contains(const tavus_filter_text_t *name,
    const tavus_filter_t *filter);
static size_t tavus_filter_decode(uint32_t *c, const uint8_t *p, size_t len);
static size_t tavus_filter_encode(char *dst, uint32_t c);


int
tavus_filter_init(tavus_filter_t *filter, const tavus_filter_text_t *type,
    const tavus_filter_text_t *event_type, const tavus_filter_text_t *source,
    const tavus_filter_text_t *conversation_id, const tavus_filter_text_t *q)
{
    int     i;
    size_t  n;

    static const char  *types[] = {
        "webhook", "error", "info", "conversion"
    };

    memset(filter, 0, sizeof(tavus_filter_t));

    filter->kind = -1;

    if (type->len) {

        for (i = 0; i < 4; i++) {
            if (strlen(types[i]) == type->len
                && memcmp(types[i], type->data, type->len) == 0)
            {
                filter->kind = i;
            }
        }

        if (filter->kind == -1) {
            return -1;
        }
    }

    if (event_type->len) {
        filter->event_type = *event_type;
        n = event_type->len;

        if (n > 2 && event_type->data[n - 1] == '*'
            && event_type->data[n - 2] == '.')
        {
            filter->event_type.len--;
            filter->prefix = 1;
        }

        filter->looks = tavus_filter_begins(&filter->event_type, "admin.",
                                            sizeof("admin.") - 1);
        filter->trail = filter->prefix && filter->looks;
    }

    if (source->len) {
        filter->source = *source;
    }

    if (conversation_id->len) {
        filter->conversation_id = *conversation_id;
    }

    if (q->len > TAVUS_FILTER_WORD) {
        return -1;
    }

    filter->word_len = q->len;
    filter->ascii = 1;

    for (n = 0; n < q->len; n++) {
        if ((unsigned char) q->data[n] >= 0x80) {
            filter->ascii = 0;
        }
    }

    tavus_filter_lower(filter->word, q->data, q->len);
    filter->fold_len = tavus_filter_fold(filter->fold, q->data, q->len);

    return 0;
}


int
tavus_filter_match_names(const tavus_filter_t *filter,
    const tavus_filter_event_t *event)
{
    if (filter->kind != -1 && filter->kind != event->kind) {
        return 0;
    }

    if (filter->prefix) {

        if (!tavus_filter_begins(&event->event_type, filter->event_type.data,
                                 filter->event_type.len)
            || (filter->trail && !tavus_filter_server(event)))
        {
            return 0;
        }

    } else if (!tavus_filter_equal(&filter->event_type, &event->event_type)) {
        return 0;
    }

    if (!tavus_filter_equal(&filter->source, &event->source)
        || !tavus_filter_equal(&filter->conversation_id,
                               &event->conversation_id))
    {
        return 0;
    }

    /* tavus.looks() */

    if (!filter->looks
        && tavus_filter_server(event)
        && event->event_type.len == sizeof("admin.viewed") - 1
        && memcmp(event->event_type.data, "admin.viewed",
                  sizeof("admin.viewed") - 1)
           == 0)
    {
        return 0;
    }

    if (filter->word_len == 0
        || tavus_filter_name_contains(&event->event_type, filter)
        || tavus_filter_name_contains(&event->conversation_id, filter))
    {
        return 1;
    }

    return -1;
}


int
tavus_filter_match(const tavus_filter_t *filter,
    const tavus_filter_event_t *event, int folds)
{
    int  rc;

    rc = tavus_filter_match_names(filter, event);

    if (rc != -1) {
        return rc;
    }

    if (filter->ascii || !folds) {
        return tavus_filter_contains(&event->lower, filter->word,
                                     filter->word_len);
    }

    return tavus_filter_contains(&event->folded, filter->fold,
                                 filter->fold_len);
}


static int
tavus_filter_server(const tavus_filter_event_t *event)
{
    return event->source.len == sizeof("server") - 1
           && memcmp(event->source.data, "server", sizeof("server") - 1) == 0;
}


static int
tavus_filter_equal(const tavus_filter_text_t *wanted,
    const tavus_filter_text_t *text)
{
    return wanted->data == NULL
           || (text->data && text->len == wanted->len
               && memcmp(text->data, wanted->data, wanted->len) == 0);
}


static int
tavus_filter_begins(const tavus_filter_text_t *text, const char *prefix,
    size_t len)
{
    return text->data && text->len >= len
           && memcmp(text->data, prefix, len) == 0;
}


static int
tavus_filter_contains(const tavus_filter_text_t *text, const char *word,
    size_t len)
{
    return text->data && memmem(text->data, text->len, word, len) != NULL;
}


/* the names of an event have the collation "C", which folds ASCII alone */

static int
tavus_filter_name_contains(const tavus_filter_text_t *name,
    const tavus_filter_t *filter)
{
    char                 lower[TAVUS_FILTER_NAME];
    tavus_filter_text_t  text;

    if (name->data == NULL || name->len > TAVUS_FILTER_NAME) {
        return 0;
    }

    tavus_filter_lower(lower, name->data, name->len);

    text.data = lower;
    text.len = name->len;

    return tavus_filter_contains(&text, filter->word, filter->word_len);
}


void
tavus_filter_lower(char *dst, const char *src, size_t len)
{
    char    c;
    size_t  i;

    for (i = 0; i < len; i++) {
        c = src[i];
        dst[i] = (char) (c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
    }
}


size_t
tavus_filter_fold(char *dst, const char *src, size_t len)
{
    char      c;
    size_t    i, k, n;
    uint32_t  letter, low;

    /* never freed; without it, which glibc brings, ASCII alone is folded */

    static locale_t  locale;
    static int       tried;

    if (!tried) {
        tried = 1;
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
    }

    k = 0;

    for (i = 0; i < len; i += n) {

        c = src[i];

        if ((unsigned char) c < 0x80) {
            dst[k++] = (char) (c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
            n = 1;
            continue;
        }

        n = tavus_filter_decode(&letter, (const uint8_t *) src + i, len - i);

        low = n > 1 && locale ? (uint32_t) towlower_l((wint_t) letter, locale)
                              : 0;

        if (n == 1 || low == letter || low == 0) {
            memcpy(dst + k, src + i, n);
            k += n;
            continue;
        }

        k += tavus_filter_encode(dst + k, low);
    }

    return k;
}


/* its length in bytes; 1 if it is none */

static size_t
tavus_filter_decode(uint32_t *c, const uint8_t *p, size_t len)
{
    size_t  i, n;

    n = (*p >> 5) == 6 ? 2 : (*p >> 4) == 14 ? 3 : (*p >> 3) == 30 ? 4 : 1;

    if (n == 1 || n > len) {
        return 1;
    }

    *c = *p & (0x7f >> n);

    for (i = 1; i < n; i++) {

        if ((p[i] >> 6) != 2) {
            return 1;
        }

        *c = *c << 6 | (p[i] & 0x3f);
    }

    return n;
}


static size_t
tavus_filter_encode(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (char) (0xc0 | c >> 6);
        dst[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (char) (0xe0 | c >> 12);
        dst[1] = (char) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (char) (0xf0 | c >> 18);
    dst[1] = (char) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (char) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (char) (0x80 | (c & 0x3f));

    return 4;
}
