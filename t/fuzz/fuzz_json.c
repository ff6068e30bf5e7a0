/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * The JSON gate against jansson.  What differs, and is passed over: jansson
 * refuses lone surrogates, NUL in a member's name, and numbers beyond a
 * double or 64 bits; it lets nesting go deeper, and takes a NUL byte for the
 * end of a text.
 */

#include <jansson.h>
#include <math.h>

#include "fuzz.h"
#include "tavus_json.h"
#include "tavus_json_array.h"
#include "tavus_json_print.h"
#include "tavus_json_unique.h"
#include "tavus_signature.h"


static void fuzz_print(cJSON *parsed);
static void fuzz_same(const cJSON *a, const cJSON *b);
static void fuzz_again(const char *text, size_t len,
    const tavus_json_member_t *members, size_t n, int valid);
static void fuzz_members(const char *text, tavus_json_member_t *members,
    size_t n, json_t *root);
static void fuzz_cut(const char *text, size_t len,
    tavus_json_member_t *member, json_t *root);
static void fuzz_array(const char *text, tavus_json_member_t *member,
    json_t *root);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                   valid;
    char                  name[64];
    char                 *text;
    cJSON                *parsed;
    json_t               *root;
    size_t                offset;
    json_error_t          error;
    tavus_json_status_t   status;
    tavus_json_member_t   members[] = {
        { .name = "signature" }, { .name = "event_type" }, { .name = "a" }
    };
    tavus_json_member_t   found;

    text = fuzz_copy(data, size);

    status = tavus_json_check(text, size, members, FUZZ_COUNT(members),
                              &offset);
    fuzz_assert(status == TAVUS_JSON_OK || offset <= size);

    valid = (status == TAVUS_JSON_OK || status == TAVUS_JSON_NUL
             || status == TAVUS_JSON_SURROGATE
             || status == TAVUS_JSON_NUMBER);

    found.name = members[0].name;
    tavus_json_locate(text, size, &found);
    (void) tavus_json_string(text, &found, name, sizeof(name));

    if (valid) {
        fuzz_assert(found.count == members[0].count);
        fuzz_assert(found.count == 0
                    || found.key_start == members[0].key_start);
    }

    fuzz_again(text, size, members, FUZZ_COUNT(members), valid);

    root = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (size && memchr(text, '\0', size) != NULL) {
        fuzz_assert(!valid);

    } else if (root) {
        fuzz_assert(valid || status == TAVUS_JSON_DEPTH);

    } else if (valid) {
        fuzz_assert(status == TAVUS_JSON_SURROGATE
                    || json_error_code(&error) == json_error_numeric_overflow
                    || json_error_code(&error)
                       == json_error_null_byte_in_key
                    || strstr(error.text, "invalid Unicode") != NULL);
    }

    if (root && status == TAVUS_JSON_OK && json_is_object(root)) {
        fuzz_members(text, members, FUZZ_COUNT(members), root);
        fuzz_cut(text, size, &members[0], root);
        fuzz_array(text, &members[2], root);
    }

    if (!valid) {
        fuzz_assert(members[0].count == 0);
    }

    json_decref(root);

    if (tavus_json_parse(text, size, &parsed, &offset) == TAVUS_JSON_OK) {
        fuzz_assert(status == TAVUS_JSON_OK && parsed != NULL);
        fuzz_assert(tavus_json_unique(text, size, parsed, &offset)
                    == TAVUS_JSON_OK);
        fuzz_print(parsed);
        cJSON_Delete(parsed);

    } else {
        fuzz_assert(parsed == NULL);
    }

    free(text);

    return 0;
}


/* what is written is read as the same numbers */

static void
fuzz_print(cJSON *parsed)
{
    char   *text;
    cJSON  *copy, *again;

    copy = cJSON_Duplicate(parsed, 1);
    text = tavus_json_print(copy);
    fuzz_assert(text != NULL);

    again = cJSON_Parse(text);
    fuzz_assert(again != NULL);
    fuzz_same(parsed, again);

    cJSON_Delete(again);
    cJSON_Delete(copy);
    free(text);
}


static void
fuzz_same(const cJSON *a, const cJSON *b)
{
    const cJSON  *x, *y;

    if (cJSON_IsNumber(a)) {
        fuzz_assert(isfinite(a->valuedouble)
                    ? cJSON_IsNumber(b) && a->valuedouble == b->valuedouble
                    : cJSON_IsNull(b));
    }

    y = b->child;

    cJSON_ArrayForEach(x, a) {
        fuzz_assert(y != NULL);
        fuzz_same(x, y);
        y = y->next;
    }

    fuzz_assert(y == NULL);
}


/* The same without a check, where there was one; nothing else of the rest. */

static void
fuzz_again(const char *text, size_t len, const tavus_json_member_t *members,
    size_t n, int valid)
{
    char                  value[64];
    size_t                i;
    tavus_json_member_t   again[3];

    fuzz_assert(n == FUZZ_COUNT(again));
    memcpy(again, members, sizeof(again));

    tavus_json_members(text, len, again, n);

    for (i = 0; i < n; i++) {
        (void) tavus_json_string(text, &again[i], value, sizeof(value));
    }

    for (i = 0; valid && i < n; i++) {
        fuzz_assert(again[i].count == members[i].count);
        fuzz_assert(again[i].count == 0
                    || (again[i].key_start == members[i].key_start
                        && again[i].value_start == members[i].value_start
                        && again[i].value_end == members[i].value_end
                        && again[i].type == members[i].type));
    }
}


static void
fuzz_members(const char *text, tavus_json_member_t *members, size_t n,
    json_t *root)
{
    int      len;
    char    *buf;
    size_t   i, size;
    json_t  *value;

    for (i = 0; i < n; i++) {

        value = json_object_get(root, members[i].name);
        fuzz_assert((value != NULL) == (members[i].count > 0));

        if (members[i].count != 1) {
            continue;
        }

        size = members[i].value_end - members[i].value_start;
        buf = malloc(size);
        fuzz_assert(buf != NULL);

        len = tavus_json_string(text, &members[i], buf, size);

        fuzz_assert(json_is_string(value) == (len >= 0));

        if (len >= 0) {
            fuzz_assert((size_t) len == json_string_length(value)
                        && memcmp(buf, json_string_value(value), len) == 0);

            if (len) {
                fuzz_assert(tavus_json_string(text, &members[i], buf,
                                              len - 1) == -1);
            }
        }

        free(buf);
    }
}


/* What is left is the object without that member. */

static void
fuzz_cut(const char *text, size_t len, tavus_json_member_t *member,
    json_t *root)
{
    char          *rest;
    json_t        *left;
    tavus_part_t   parts[2];

    if (member->count > 1) {
        return;
    }

    tavus_signature_cut(text, len, member, parts);

    rest = malloc(len);
    fuzz_assert(rest != NULL && parts[0].len + parts[1].len <= len);

    memcpy(rest, parts[0].data, parts[0].len);
    memcpy(rest + parts[0].len, parts[1].data, parts[1].len);

    left = json_loadb(rest, parts[0].len + parts[1].len, JSON_ALLOW_NUL,
                      NULL);
    fuzz_assert(left != NULL);

    (void) json_object_del(root, member->name);
    fuzz_assert(json_equal(left, root));

    json_decref(left);
    free(rest);
}


static void
fuzz_array(const char *text, tavus_json_member_t *member, json_t *root)
{
    size_t               n, len;
    json_t              *value, *one;
    const char          *element;
    tavus_json_array_t   array;

    value = json_object_get(root, "a");

    if (member->count > 1) {
        return;
    }

    tavus_json_array(&array, text, member);

    for (n = 0; tavus_json_next(&array, &element, &len); n++) {

        one = json_loadb(element, len, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                         NULL);

        fuzz_assert(one && json_equal(one, json_array_get(value, n)));
        json_decref(one);
    }

    fuzz_assert(n == json_array_size(value));
}
