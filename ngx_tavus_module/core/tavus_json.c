/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tavus_json.h"
#include "tavus_json_unique.h"
#include "tavus_utf8.h"


/* numeric in PostgreSQL: digits after the point, and before it less one */

#define TAVUS_JSON_MAX_SCALE     16383
#define TAVUS_JSON_MAX_WEIGHT    131071
#define TAVUS_JSON_MAX_EXPONENT  1073741822

/* what cJSON's own buffer for a number takes */

#define TAVUS_JSON_MAX_NUMBER    63


/* what the processor compares at once */

typedef int8_t  tavus_json_bytes_t __attribute__((vector_size(16)));


typedef enum {
    tavus_json_value = 0,
    tavus_json_first_value,
    tavus_json_name,
    tavus_json_first_name,
    tavus_json_after
} tavus_json_state_t;


typedef struct {
    const uint8_t        *start;
    const uint8_t        *end;
    const uint8_t        *p;

    tavus_json_member_t  *members;
    size_t                nmembers;

    tavus_json_status_t   jsonb;        /* the first that jsonb cannot hold */
    const uint8_t        *jsonb_at;
    const uint8_t        *number_at;    /* the first that cJSON cannot read */

    uint8_t               escaped;      /* the string just read is */
    uint8_t               checked;      /* all was, before */
} tavus_json_scan_t;


static tavus_json_status_t tavus_json_fill(tavus_json_scan_t *s,
    const char *data, size_t len, tavus_json_member_t *members,
    size_t nmembers);
static tavus_json_status_t tavus_json_scan(tavus_json_scan_t *s);
static tavus_json_status_t tavus_json_scan_name(tavus_json_scan_t *s,
    tavus_json_member_t **member, int top);
static tavus_json_status_t tavus_json_scan_scalar(tavus_json_scan_t *s);
static tavus_json_status_t tavus_json_scan_string(tavus_json_scan_t *s);
static int tavus_json_pass_string(tavus_json_scan_t *s);
static tavus_json_status_t tavus_json_scan_escape(tavus_json_scan_t *s);
static tavus_json_status_t tavus_json_scan_number(tavus_json_scan_t *s);
static void tavus_json_jsonb_number(tavus_json_scan_t *s,
    const uint8_t *digits, const uint8_t *point, const uint8_t *exponent);
static void tavus_json_jsonb_fault(tavus_json_scan_t *s,
    tavus_json_status_t status, const uint8_t *at);
static tavus_json_member_t *tavus_json_find(tavus_json_scan_t *s,
    const uint8_t *name, size_t len);
static const char *tavus_json_quoted(const char *start, const char *end);
static const char *tavus_json_skip(const char *p, const char *end);
static int tavus_json_unescape(const uint8_t **p, uint8_t dst[4]);
static int tavus_json_hex4(const uint8_t *p);
static int tavus_json_hex(uint8_t c);


static const struct {
    const char           *reason;
    const char           *detail;
} tavus_json_words[] = {

    [TAVUS_JSON_OK] =
        { .reason = "ok", .detail = "nothing is wrong" },

    [TAVUS_JSON_EMPTY] =
        { .reason = "empty", .detail = "there is nothing in it" },

    [TAVUS_JSON_END] =
        { .reason = "unexpected_end", .detail = "it ends too early" },

    [TAVUS_JSON_SYNTAX] =
        { .reason = "syntax", .detail = "it is not JSON" },

    [TAVUS_JSON_CONTROL] =
        { .reason = "control_character",
          .detail = "a control character is not escaped" },

    [TAVUS_JSON_ESCAPE] =
        { .reason = "invalid_escape", .detail = "JSON has no such escape" },

    [TAVUS_JSON_UTF8] =
        { .reason = "invalid_utf8", .detail = "it is not UTF-8" },

    [TAVUS_JSON_DEPTH] =
        { .reason = "too_deep", .detail = "it is nested over 64 levels deep" },

    [TAVUS_JSON_TRAILING] =
        { .reason = "trailing_bytes", .detail = "something follows its end" },

    [TAVUS_JSON_DUPLICATE] =
        { .reason = "duplicate_name",
          .detail = "a name stands twice in an object" },

    [TAVUS_JSON_NUL] =
        { .reason = "nul_character",
          .detail = "the character U+0000 is refused" },

    [TAVUS_JSON_SURROGATE] =
        { .reason = "lone_surrogate",
          .detail = "half of a surrogate pair stands alone" },

    [TAVUS_JSON_NUMBER] =
        { .reason = "number_out_of_range",
          .detail = "a number is too long, too large or too small" },

    [TAVUS_JSON_NOT_OBJECT] =
        { .reason = "not_an_object",
          .detail = "it is JSON, but not an object" },

    [TAVUS_JSON_NO_MEMORY] =
        { .reason = "no_memory", .detail = "there is no memory for it" }
};


/* What a search for a member must not pass over. */

enum {
    tavus_json_open = 1,
    tavus_json_close,
    tavus_json_quote
};

static const uint8_t  tavus_json_marks[256] = {
    ['{'] = tavus_json_open, ['['] = tavus_json_open,
    ['}'] = tavus_json_close, [']'] = tavus_json_close,
    ['"'] = tavus_json_quote
};


/* What may stand in a string as it is: all else is looked at more closely. */

static const uint8_t  tavus_json_plain[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
};


tavus_json_status_t
tavus_json_check(const char *data, size_t len, tavus_json_member_t *members,
    size_t nmembers, size_t *offset)
{
    tavus_json_scan_t    s;
    tavus_json_status_t  status;

    memset(&s, 0, sizeof(tavus_json_scan_t));

    status = tavus_json_fill(&s, data, len, members, nmembers);

    if (status == TAVUS_JSON_OK && s.jsonb != TAVUS_JSON_OK) {
        status = s.jsonb;
        s.p = s.jsonb_at;
    }

    if (offset && status != TAVUS_JSON_OK) {
        *offset = s.p - s.start;
    }

    return status;
}


void
tavus_json_members(const char *data, size_t len,
    tavus_json_member_t *members, size_t nmembers)
{
    tavus_json_scan_t  s;

    memset(&s, 0, sizeof(tavus_json_scan_t));

    s.checked = 1;

    (void) tavus_json_fill(&s, data, len, members, nmembers);
}


static tavus_json_status_t
tavus_json_fill(tavus_json_scan_t *s, const char *data, size_t len,
    tavus_json_member_t *members, size_t nmembers)
{
    size_t               i;
    tavus_json_status_t  status;

    s->start = (const uint8_t *) data;
    s->end = len ? s->start + len : s->start;
    s->p = s->start;
    s->members = members;
    s->nmembers = nmembers;

    for (i = 0; i < nmembers; i++) {
        members[i].count = 0;
    }

    status = tavus_json_scan(s);

    if (status != TAVUS_JSON_OK) {

        for (i = 0; i < nmembers; i++) {
            members[i].count = 0;
        }
    }

    return status;
}


tavus_json_status_t
tavus_json_parse(const char *data, size_t len, cJSON **root, size_t *offset)
{
    size_t               at;
    tavus_json_scan_t    s;
    tavus_json_status_t  status;

    *root = NULL;

    memset(&s, 0, sizeof(tavus_json_scan_t));

    s.start = (const uint8_t *) data;
    s.end = len ? s.start + len : s.start;
    s.p = s.start;

    status = tavus_json_scan(&s);

    if (status == TAVUS_JSON_OK) {
        status = s.jsonb;
        s.p = s.jsonb_at;
    }

    if (status == TAVUS_JSON_OK && s.number_at) {
        status = TAVUS_JSON_NUMBER;
        s.p = s.number_at;
    }

    if (status != TAVUS_JSON_OK) {
        at = s.p - s.start;
        goto failed;
    }

    at = 0;

    *root = cJSON_ParseWithLengthOpts(data, len, NULL, 0);

    if (*root == NULL) {
        status = TAVUS_JSON_NO_MEMORY;
        goto failed;
    }

    status = tavus_json_unique(data, len, *root, &at);

    if (status == TAVUS_JSON_OK) {
        return TAVUS_JSON_OK;
    }

    cJSON_Delete(*root);
    *root = NULL;

failed:

    if (offset) {
        *offset = at;
    }

    return status;
}


void
tavus_json_locate(const char *data, size_t len, tavus_json_member_t *member)
{
    size_t              depth;
    const char         *p, *end, *start, *last;
    tavus_json_scan_t   s;

    member->count = 0;

    memset(&s, 0, sizeof(tavus_json_scan_t));

    depth = 0;
    end = data + len;

    s.end = (const uint8_t *) end;
    s.members = member;
    s.nmembers = 1;

    for (p = data; /* void */ ; p++) {

        while (p < end && tavus_json_marks[(uint8_t) *p] == 0) {
            p++;
        }

        if (p == end) {
            break;
        }

        switch (tavus_json_marks[(uint8_t) *p]) {

        case tavus_json_open:
            if (depth++ == 0 && *p != '{') {
                return;
            }

            continue;

        case tavus_json_close:
            if (depth-- <= 1) {
                return;
            }

            continue;

        default: /* tavus_json_quote */
            break;
        }

        start = p;
        p = tavus_json_quoted(start, end);

        if (p == NULL) {
            break;
        }

        last = tavus_json_skip(p + 1, end);

        if (depth != 1 || last == end || *last != ':') {
            continue;
        }

        s.p = (const uint8_t *) start;

        if (tavus_json_scan_string(&s) != TAVUS_JSON_OK) {
            break;
        }

        if (tavus_json_find(&s, (const uint8_t *) start + 1, p - start - 1)
            == NULL)
        {
            continue;
        }

        last = tavus_json_skip(last + 1, end);

        if (last == end) {
            break;
        }

        p = last;

        if (*p == '"') {
            s.p = (const uint8_t *) p;

            if (tavus_json_scan_string(&s) != TAVUS_JSON_OK) {
                break;
            }

            p = (const char *) s.p - 1;
        }

        if (member->count++ == 0) {
            member->key_start = start - data;
            member->value_start = last - data;
            member->value_end = p + 1 - data;
            member->type = (*last == '-' || (*last >= '0' && *last <= '9'))
                           ? '0' : *last;
        }

        if (*last != '"') {
            p--;
        }
    }

    member->count = 0;
}


/* the quote that ends a string, or NULL */

static const char *
tavus_json_quoted(const char *start, const char *end)
{
    const char  *p, *q;

    for (p = start + 1; /* void */ ; p++) {

        p = memchr(p, '"', end - p);

        if (p == NULL) {
            return NULL;
        }

        for (q = p; q[-1] == '\\' && q - 1 > start; q--) { /* void */ }

        if (((p - q) & 1) == 0) {
            return p;
        }
    }
}


static const char *
tavus_json_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    {
        p++;
    }

    return p;
}


int
tavus_json_string(const char *data, const tavus_json_member_t *member,
    char *dst, size_t size)
{
    int             n;
    size_t          len;
    uint8_t         c[4];
    const uint8_t  *p, *end;

    if (member->count == 0 || member->type != '"') {
        return -1;
    }

    p = (const uint8_t *) data + member->value_start + 1;
    end = (const uint8_t *) data + member->value_end - 1;

    len = end - p;

    if (len <= size && memchr(p, '\\', len) == NULL) {
        memcpy(dst, p, len);
        return (int) len;
    }

    len = 0;

    while (p < end) {

        if (*p != '\\') {
            if (len == size) {
                return -1;
            }

            dst[len++] = (char) *p++;
            continue;
        }

        n = tavus_json_unescape(&p, c);

        if (n <= 0 || c[0] == '\0' || (size_t) n > size - len) {
            return -1;
        }

        memcpy(dst + len, c, n);
        len += n;
    }

    return (int) len;
}


const char *
tavus_json_reason(tavus_json_status_t status)
{
    return tavus_json_words[status].reason;
}


const char *
tavus_json_detail(tavus_json_status_t status)
{
    return tavus_json_words[status].detail;
}


static tavus_json_status_t
tavus_json_scan(tavus_json_scan_t *s)
{
    size_t                depth;
    uint8_t               c;
    uint64_t              objects;
    tavus_json_state_t    state;
    tavus_json_status_t   status;
    tavus_json_member_t  *member;

    depth = 0;
    objects = 0;        /* a bit a level, the innermost lowest */
    member = NULL;
    state = tavus_json_value;

    for ( ;; ) {

        while (s->p < s->end
               && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r'
                   || *s->p == '\t'))
        {
            s->p++;
        }

        if (s->p == s->end) {

            if (depth == 0) {
                return state == tavus_json_after ? TAVUS_JSON_OK
                                                 : TAVUS_JSON_EMPTY;
            }

            return TAVUS_JSON_END;
        }

        c = *s->p;

        switch (state) {

        case tavus_json_first_name:
            if (c == '}') {
                break;
            }

            /* fall through */

        case tavus_json_name:
            status = tavus_json_scan_name(s, &member, depth == 1);

            if (status != TAVUS_JSON_OK) {
                return status;
            }

            state = tavus_json_value;
            continue;

        case tavus_json_first_value:
            if (c == ']') {
                break;
            }

            /* fall through */

        case tavus_json_value:
            if (member && depth == 1) {
                member->value_start = s->p - s->start;
                member->type = (c == '-' || (c >= '0' && c <= '9')) ? '0'
                                                                    : (char) c;
            }

            if (c == '{' || c == '[') {

                if (depth == TAVUS_JSON_MAX_DEPTH) {
                    return TAVUS_JSON_DEPTH;
                }

                s->p++;
                depth++;
                objects = objects << 1 | (c == '{');
                state = c == '{' ? tavus_json_first_name
                                 : tavus_json_first_value;
                continue;
            }

            status = tavus_json_scan_scalar(s);

            if (status != TAVUS_JSON_OK) {
                return status;
            }

            goto complete;

        case tavus_json_after:
            if (depth == 0) {
                return TAVUS_JSON_TRAILING;
            }

            if (c == ',') {
                s->p++;
                state = objects & 1 ? tavus_json_name : tavus_json_value;
                continue;
            }

            if (c != (objects & 1 ? '}' : ']')) {
                return TAVUS_JSON_SYNTAX;
            }

            break;
        }

        /* an object or an array ends */

        s->p++;
        depth--;
        objects >>= 1;

    complete:

        if (member && depth == 1) {
            member->value_end = s->p - s->start;
            member = NULL;
        }

        state = tavus_json_after;
    }
}


static tavus_json_status_t
tavus_json_scan_name(tavus_json_scan_t *s, tavus_json_member_t **member,
    int top)
{
    const uint8_t        *name;
    tavus_json_status_t   status;
    tavus_json_member_t  *found;

    if (*s->p != '"') {
        return TAVUS_JSON_SYNTAX;
    }

    name = s->p;

    status = tavus_json_scan_string(s);

    if (status != TAVUS_JSON_OK) {
        return status;
    }

    if (top && s->nmembers) {
        found = tavus_json_find(s, name + 1, s->p - name - 2);

        if (found && found->count++ == 0) {
            found->key_start = name - s->start;
            *member = found;
        }
    }

    while (s->p < s->end
           && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r'
               || *s->p == '\t'))
    {
        s->p++;
    }

    if (s->p == s->end) {
        return TAVUS_JSON_END;
    }

    if (*s->p != ':') {
        return TAVUS_JSON_SYNTAX;
    }

    s->p++;

    return TAVUS_JSON_OK;
}


static tavus_json_status_t
tavus_json_scan_scalar(tavus_json_scan_t *s)
{
    size_t       n, len;
    const char  *word;

    switch (*s->p) {

    case '"':
        if (s->checked && tavus_json_pass_string(s)) {
            return TAVUS_JSON_OK;
        }

        return tavus_json_scan_string(s);

    case 't':
        word = "true";
        len = 4;
        break;

    case 'f':
        word = "false";
        len = 5;
        break;

    case 'n':
        word = "null";
        len = 4;
        break;

    default:
        return tavus_json_scan_number(s);
    }

    n = s->end - s->p;
    n = n < len ? n : len;

    if (memcmp(s->p, word, n) != 0) {
        return TAVUS_JSON_SYNTAX;
    }

    s->p += n;

    return n < len ? TAVUS_JSON_END : TAVUS_JSON_OK;
}


static tavus_json_status_t
tavus_json_scan_string(tavus_json_scan_t *s)
{
    int                   n;
    uint64_t              w[2];
    const uint8_t        *p;
    tavus_json_bytes_t    bytes;
    tavus_json_status_t   status;

    s->escaped = 0;

    p = s->p + 1;

    for ( ;; ) {

        /*
         * So many bytes at a time while none of them is a quote, a backslash,
         * a control character or beyond ASCII, which is below zero.
         */

        while ((size_t) (s->end - p) >= sizeof(bytes)) {

            memcpy(&bytes, p, sizeof(bytes));

            bytes = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');

            memcpy(w, &bytes, sizeof(w));

            if (w[0] | w[1]) {
#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
                p += w[0] ? __builtin_ctzll(w[0]) >> 3
                          : 8 + (__builtin_ctzll(w[1]) >> 3);
#endif
                break;
            }

            p += sizeof(bytes);
        }

        while (p < s->end && tavus_json_plain[*p]) {
            p++;
        }

        if (p == s->end) {
            s->p = p;
            return TAVUS_JSON_END;
        }

        if (*p == '"') {
            s->p = p + 1;
            return TAVUS_JSON_OK;
        }

        if (*p < 0x20) {
            s->p = p;
            return TAVUS_JSON_CONTROL;
        }

        if (*p == '\\') {
            s->p = p;
            s->escaped = 1;

            status = tavus_json_scan_escape(s);

            if (status != TAVUS_JSON_OK) {
                return status;
            }

            p = s->p;
            continue;
        }

        do {
            n = tavus_utf8_sequence(p, s->end);

            if (n == 0) {
                s->p = p;
                return TAVUS_JSON_UTF8;
            }

            p += n;

        } while (p < s->end && *p >= 0x80);
    }
}


/* what has escapes is not passed over, so that these are always right */

static int
tavus_json_pass_string(tavus_json_scan_t *s)
{
    const uint8_t  *start, *last;

    start = s->p + 1;
    last = memchr(start, '"', s->end - start);

    if (last == NULL || memchr(start, '\\', last - start) != NULL) {
        return 0;
    }

    s->p = last + 1;

    return 1;
}


static tavus_json_status_t
tavus_json_scan_escape(tavus_json_scan_t *s)
{
    int             n, code, low;
    const uint8_t  *p;

    p = s->p;

    if (s->end - p < 2) {
        s->p = s->end;
        return TAVUS_JSON_END;
    }

    switch (p[1]) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->p = p + 2;
        return TAVUS_JSON_OK;

    case 'u':
        break;

    default:
        return TAVUS_JSON_ESCAPE;
    }

    for (n = 2; n < 6 && n < s->end - p; n++) {
        if (tavus_json_hex(p[n]) < 0) {
            return TAVUS_JSON_ESCAPE;
        }
    }

    if (n < 6) {
        s->p = s->end;
        return TAVUS_JSON_END;
    }

    code = tavus_json_hex4(p + 2);

    s->p = p + 6;

    if (code == 0) {
        tavus_json_jsonb_fault(s, TAVUS_JSON_NUL, p);

    } else if (code >= 0xd800 && code <= 0xdfff) {

        if (code <= 0xdbff && s->end - p >= 12 && p[6] == '\\'
            && p[7] == 'u')
        {
            low = tavus_json_hex4(p + 8);

            if (low >= 0xdc00 && low <= 0xdfff) {
                s->p = p + 12;
                return TAVUS_JSON_OK;
            }
        }

        tavus_json_jsonb_fault(s, TAVUS_JSON_SURROGATE, p);
    }

    return TAVUS_JSON_OK;
}


static tavus_json_status_t
tavus_json_scan_number(tavus_json_scan_t *s)
{
    const uint8_t  *p, *end, *start, *digits, *point, *exponent;

    p = s->p;
    end = s->end;
    start = p;

    if (*p == '-') {
        p++;
    }

    digits = p;

    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    if (p == digits) {
        s->p = p;
        return p == end ? TAVUS_JSON_END : TAVUS_JSON_SYNTAX;
    }

    if (*digits == '0' && p - digits > 1) {
        s->p = digits + 1;
        return TAVUS_JSON_SYNTAX;
    }

    point = p;

    if (p < end && *p == '.') {

        do {
            p++;
        } while (p < end && *p >= '0' && *p <= '9');

        if (p - point == 1) {
            s->p = p;
            return p == end ? TAVUS_JSON_END : TAVUS_JSON_SYNTAX;
        }
    }

    exponent = p;

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        if (p == end || *p < '0' || *p > '9') {
            s->p = p;
            return p == end ? TAVUS_JSON_END : TAVUS_JSON_SYNTAX;
        }

        do {
            p++;
        } while (p < end && *p >= '0' && *p <= '9');
    }

    s->p = p;

    if (p - start > TAVUS_JSON_MAX_NUMBER && s->number_at == NULL) {
        s->number_at = start;
    }

    if (p != exponent || p - digits > TAVUS_JSON_MAX_SCALE) {
        tavus_json_jsonb_number(s, digits, point, exponent);
    }

    return TAVUS_JSON_OK;
}


/*
 * What numeric_in() of PostgreSQL 15 takes: the scale counts the digits as
 * they are written, zeros too, and an exponent reduces it; the weight is
 * that of the first digit that is not zero.
 */

static void
tavus_json_jsonb_number(tavus_json_scan_t *s, const uint8_t *digits,
    const uint8_t *point, const uint8_t *exponent)
{
    int             minus;
    int64_t         exp, scale, weight;
    const uint8_t  *p;

    exp = 0;

    if (exponent < s->p) {
        p = exponent + 1;
        minus = (*p == '-');

        if (*p == '-' || *p == '+') {
            p++;
        }

        for ( /* void */ ; p < s->p; p++) {

            exp = exp * 10 + (*p - '0');

            if (exp > TAVUS_JSON_MAX_EXPONENT) {
                goto failed;
            }
        }

        if (minus) {
            exp = - exp;
        }
    }

    scale = exponent > point ? exponent - point - 1 : 0;

    if (scale - exp > TAVUS_JSON_MAX_SCALE) {
        goto failed;
    }

    if (*digits != '0') {
        weight = point - digits - 1;

    } else {

        for (p = point + 1; p < exponent && *p == '0'; p++) { /* void */ }

        if (p >= exponent) {
            return;
        }

        weight = point - p;
    }

    if (weight + exp <= TAVUS_JSON_MAX_WEIGHT) {
        return;
    }

failed:

    tavus_json_jsonb_fault(s, TAVUS_JSON_NUMBER, digits);
}


static void
tavus_json_jsonb_fault(tavus_json_scan_t *s, tavus_json_status_t status,
    const uint8_t *at)
{
    if (s->jsonb == TAVUS_JSON_OK) {
        s->jsonb = status;
        s->jsonb_at = at;
    }
}


static tavus_json_member_t *
tavus_json_find(tavus_json_scan_t *s, const uint8_t *name, size_t len)
{
    int             n;
    size_t          i;
    uint8_t         c[4];
    const char     *expected;
    const uint8_t  *p, *end;

    if (!s->escaped) {

        /* most differ in the first letter */

        c[0] = len ? name[0] : '\0';

        for (i = 0; i < s->nmembers; i++) {

            expected = s->members[i].name;

            if ((uint8_t) expected[0] == c[0]
                && strncmp(expected, (const char *) name, len) == 0
                && expected[len] == '\0')
            {
                return &s->members[i];
            }
        }

        return NULL;
    }

    for (i = 0; i < s->nmembers; i++) {

        expected = s->members[i].name;
        p = name;
        end = name + len;

        while (p < end) {

            if (*p != '\\') {
                c[0] = *p++;
                n = 1;

            } else {
                n = tavus_json_unescape(&p, c);
            }

            if (n <= 0 || c[0] == '\0'
                || strncmp(expected, (const char *) c, n) != 0)
            {
                break;
            }

            expected += n;

            if (p == end && *expected == '\0') {
                return &s->members[i];
            }
        }
    }

    return NULL;
}


/*
 * Reads one escape of a text that has been checked, as UTF-8.  Returns the
 * number of bytes, or -1 for a lone surrogate.
 */

static int
tavus_json_unescape(const uint8_t **p, uint8_t dst[4])
{
    int  code, low;

    code = (*p)[1];

    if (code != 'u') {
        *p += 2;

        switch (code) {

        case 'b':
            dst[0] = '\b';
            break;

        case 'f':
            dst[0] = '\f';
            break;

        case 'n':
            dst[0] = '\n';
            break;

        case 'r':
            dst[0] = '\r';
            break;

        case 't':
            dst[0] = '\t';
            break;

        default:
            dst[0] = (uint8_t) code;
        }

        return 1;
    }

    code = tavus_json_hex4(*p + 2);
    *p += 6;

    if (code < 0x80) {
        dst[0] = (uint8_t) code;
        return 1;
    }

    if (code < 0x800) {
        dst[0] = (uint8_t) (0xc0 | code >> 6);
        dst[1] = (uint8_t) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0xd800 || code > 0xdfff) {
        dst[0] = (uint8_t) (0xe0 | code >> 12);
        dst[1] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
        dst[2] = (uint8_t) (0x80 | (code & 0x3f));
        return 3;
    }

    /* a quote follows at the latest, so these reads end within the text */

    if (code > 0xdbff || (*p)[0] != '\\' || (*p)[1] != 'u') {
        return -1;
    }

    low = tavus_json_hex4(*p + 2);

    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }

    *p += 6;

    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);

    dst[0] = (uint8_t) (0xf0 | code >> 18);
    dst[1] = (uint8_t) (0x80 | (code >> 12 & 0x3f));
    dst[2] = (uint8_t) (0x80 | (code >> 6 & 0x3f));
    dst[3] = (uint8_t) (0x80 | (code & 0x3f));

    return 4;
}


static int
tavus_json_hex4(const uint8_t *p)
{
    int  i, n, code;

    code = 0;

    for (i = 0; i < 4; i++) {

        n = tavus_json_hex(p[i]);

        if (n < 0) {
            return -1;
        }

        code = code << 4 | n;
    }

    return code;
}


static int
tavus_json_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
