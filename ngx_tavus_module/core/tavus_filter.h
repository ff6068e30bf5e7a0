
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_FILTER_H_INCLUDED_
#define _TAVUS_FILTER_H_INCLUDED_


#include <stddef.h>


/*
 * Whether an event is of a list: what tavus.admin_events() says of its
 * filters, in C, so that one query does for all who listen.
 */

/* longest q, bytes, and what it may be when its letters are folded */
#define TAVUS_FILTER_WORD  200
#define TAVUS_FILTER_FOLD  (2 * TAVUS_FILTER_WORD)


/* data: NULL if it is not there */

typedef struct {
    const char           *data;
    size_t                len;
} tavus_filter_text_t;


typedef struct {
    int                   kind;         /* -1: any */
    tavus_filter_text_t   event_type;   /* with a prefix, up to its point */
    tavus_filter_text_t   source;
    tavus_filter_text_t   conversation_id;
    size_t                word_len;     /* 0: no q */
    size_t                fold_len;
    char                  word[TAVUS_FILTER_WORD];
    char                  fold[TAVUS_FILTER_FOLD];
    unsigned              prefix:1;
    unsigned              ascii:1;      /* the word is */
    unsigned              looks:1;      /* what admins looked at, too */
    unsigned              trail:1;      /* all of what admins did */
} tavus_filter_t;


typedef struct {
    int                   kind;
    tavus_filter_text_t   event_type;
    tavus_filter_text_t   source;
    tavus_filter_text_t   conversation_id;

    /* the body, as tavus_filter_lower() and tavus_filter_fold() leave it */
    tavus_filter_text_t   lower;
    tavus_filter_text_t   folded;
} tavus_filter_event_t;


/*
 * Makes a filter of arguments, which it points to; NULL or empty: any.  The
 * event type may end in ".*"; of what begins with "admin." that is what the
 * server has written.  0, or -1 if the type is no word of the API
 * (webhook, error, info, conversion), or q is too long.
 */
int tavus_filter_init(tavus_filter_t *filter, const tavus_filter_text_t *type,
    const tavus_filter_text_t *event_type, const tavus_filter_text_t *source,
    const tavus_filter_text_t *conversation_id, const tavus_filter_text_t *q);

/* 1 or 0, or -1 if that is for the body to say, of which nothing is read. */
int tavus_filter_match_names(const tavus_filter_t *filter,
    const tavus_filter_event_t *event);

/*
 * 1 or 0.  Of the two bodies the one that the filter asks for must be set:
 * folded if its q is not of ASCII alone and letters are folded, else lower.
 */
int tavus_filter_match(const tavus_filter_t *filter,
    const tavus_filter_event_t *event, int folds);

/* Copies a text with the letters of ASCII in lower case, so many bytes. */
void tavus_filter_lower(char *dst, const char *src, size_t len);

/*
 * Copies UTF-8 with all letters in lower case, one by one, as PostgreSQL's
 * lower() in a locale of UTF-8; dst has room for 2 * len bytes.  Returns how
 * many these are.  What is no UTF-8 is copied.
 */
size_t tavus_filter_fold(char *dst, const char *src, size_t len);


#endif /* _TAVUS_FILTER_H_INCLUDED_ */
