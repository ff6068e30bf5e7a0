/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdlib.h>
#include <string.h>

#include "tavus_json_unique.h"


/* up to here names are compared pair by pair, not sorted */

#define TAVUS_JSON_FEW_NAMES  16


typedef struct {
    const cJSON  *item;
    size_t        index;
} tavus_json_name_t;


static tavus_json_status_t tavus_json_unique_few(const cJSON *object,
    const cJSON **twice);
static tavus_json_status_t tavus_json_unique_many(const cJSON *object,
    size_t n, const cJSON **twice);
static int tavus_json_name_cmp(const void *one, const void *two);
static const cJSON *tavus_json_next(const cJSON *item, const cJSON **stack,
    size_t *depth);
static size_t tavus_json_name_offset(const char *data, size_t len,
    const cJSON *root, const cJSON *item);


tavus_json_status_t
tavus_json_unique(const char *data, size_t len, const cJSON *root,
    size_t *offset)
{
    size_t                n, depth;
    const cJSON          *item, *child, *twice;
    const cJSON          *stack[TAVUS_JSON_MAX_DEPTH];
    tavus_json_status_t   status;

    depth = 0;
    twice = NULL;

    for (item = root; item; item = tavus_json_next(item, stack, &depth)) {

        if (!cJSON_IsObject(item)) {
            continue;
        }

        n = 0;

        for (child = item->child; child; child = child->next) {
            n++;
        }

        if (n <= TAVUS_JSON_FEW_NAMES) {
            status = tavus_json_unique_few(item, &twice);

        } else {
            status = tavus_json_unique_many(item, n, &twice);
        }

        if (status == TAVUS_JSON_DUPLICATE) {
            *offset = tavus_json_name_offset(data, len, root, twice);
        }

        if (status != TAVUS_JSON_OK) {
            return status;
        }
    }

    return TAVUS_JSON_OK;
}


static tavus_json_status_t
tavus_json_unique_few(const cJSON *object, const cJSON **twice)
{
    const cJSON  *item, *before;

    for (item = object->child; item; item = item->next) {

        for (before = object->child; before != item; before = before->next) {

            if (strcmp(before->string, item->string) == 0) {
                *twice = item;
                return TAVUS_JSON_DUPLICATE;
            }
        }
    }

    return TAVUS_JSON_OK;
}


static tavus_json_status_t
tavus_json_unique_many(const cJSON *object, size_t n, const cJSON **twice)
{
    size_t              i, first;
    const cJSON        *item;
    tavus_json_name_t  *names;

    names = malloc(n * sizeof(tavus_json_name_t));
    if (names == NULL) {
        return TAVUS_JSON_NO_MEMORY;
    }

    i = 0;

    for (item = object->child; item; item = item->next) {
        names[i].item = item;
        names[i].index = i;
        i++;
    }

    qsort(names, n, sizeof(tavus_json_name_t), tavus_json_name_cmp);

    first = n;

    for (i = 1; i < n; i++) {

        if (names[i].index < first
            && strcmp(names[i - 1].item->string, names[i].item->string) == 0)
        {
            first = names[i].index;
            *twice = names[i].item;
        }
    }

    free(names);

    return first < n ? TAVUS_JSON_DUPLICATE : TAVUS_JSON_OK;
}


static int
tavus_json_name_cmp(const void *one, const void *two)
{
    int                       rc;
    const tavus_json_name_t  *a, *b;

    a = one;
    b = two;

    rc = strcmp(a->item->string, b->item->string);

    if (rc != 0) {
        return rc;
    }

    return a->index < b->index ? -1 : a->index > b->index;
}


/* The next item in the order of the text. */

static const cJSON *
tavus_json_next(const cJSON *item, const cJSON **stack, size_t *depth)
{
    if (item->child) {
        stack[(*depth)++] = item;
        return item->child;
    }

    while (item->next == NULL) {

        if (*depth == 0) {
            return NULL;
        }

        item = stack[--(*depth)];
    }

    return item->next;
}


/* cJSON keeps no offsets, but the names of both stand in the same order. */

static size_t
tavus_json_name_offset(const char *data, size_t len, const cJSON *root,
    const cJSON *item)
{
    size_t        n, i, start, depth;
    const cJSON  *it, *stack[TAVUS_JSON_MAX_DEPTH];

    n = 0;
    depth = 0;

    for (it = root; it != item; it = tavus_json_next(it, stack, &depth)) {

        if (it->string) {
            n++;
        }
    }

    for (i = 0; i < len; i++) {

        if (data[i] != '"') {
            continue;
        }

        start = i;

        for (i++; data[i] != '"'; i++) {

            if (data[i] == '\\') {
                i++;
            }
        }

        do {
            i++;
        } while (i < len && strchr(" \t\r\n", data[i]));

        if (i < len && data[i] == ':' && n-- == 0) {
            return start;
        }

        i--;
    }

    return 0;
}
