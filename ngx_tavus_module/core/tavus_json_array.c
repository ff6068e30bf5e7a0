/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>

#include "tavus_json_array.h"


static const char *tavus_json_array_string(const char *p, const char *end);
static const char *tavus_json_array_value(const char *p, const char *end);


void
tavus_json_array(tavus_json_array_t *array, const char *data,
    const tavus_json_member_t *member)
{
    array->pos = NULL;
    array->end = NULL;

    if (member->count && member->type == '[') {
        array->pos = data + member->value_start + 1;
        array->end = data + member->value_end - 1;
    }
}


int
tavus_json_next(tavus_json_array_t *array, const char **element, size_t *len)
{
    const char  *p, *end;

    p = array->pos;
    end = array->end;

    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'
                       || *p == ','))
    {
        p++;
    }

    array->pos = p;

    if (p == end) {
        return 0;
    }

    array->pos = tavus_json_array_value(p, end);

    *element = p;
    *len = array->pos - p;

    return 1;
}


static const char *
tavus_json_array_value(const char *p, const char *end)
{
    size_t  depth;

    depth = 0;

    while (p < end) {

        switch (*p) {

        case '"':
            p = tavus_json_array_string(p, end);
            break;

        case '{':
        case '[':
            depth++;
            p++;
            break;

        case '}':
        case ']':
            depth--;
            p++;
            break;

        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case ',':

            if (depth == 0) {
                return p;
            }

            /* fall through */

        default:
            p++;
            continue;
        }

        if (depth == 0) {
            return p;
        }
    }

    return p;
}


/* behind its second quote */

static const char *
tavus_json_array_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {

        if (*p == '\\') {
            p++;

        } else if (*p == '"') {
            return p + 1;
        }
    }

    return end;
}
