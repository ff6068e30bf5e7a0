/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_JSON_H_INCLUDED_
#define _TAVUS_JSON_H_INCLUDED_


#include <stddef.h>
#include <cjson/cJSON.h>


#define TAVUS_JSON_MAX_DEPTH  64


typedef enum {
    TAVUS_JSON_OK = 0,

    /* not JSON as RFC 8259 has it */
    TAVUS_JSON_EMPTY,
    TAVUS_JSON_END,
    TAVUS_JSON_SYNTAX,
    TAVUS_JSON_CONTROL,
    TAVUS_JSON_ESCAPE,
    TAVUS_JSON_UTF8,
    TAVUS_JSON_DEPTH,
    TAVUS_JSON_TRAILING,
    TAVUS_JSON_DUPLICATE,

    /* JSON, but PostgreSQL's jsonb cannot hold it */
    TAVUS_JSON_NUL,
    TAVUS_JSON_SURROGATE,
    TAVUS_JSON_NUMBER,

    /* for callers who want an object: no function here returns it */
    TAVUS_JSON_NOT_OBJECT,

    TAVUS_JSON_NO_MEMORY
} tavus_json_status_t;


/*
 * A member of the top-level object that the caller asks for by its name
 * (compared after unescaping).  Offsets count bytes from the start of the
 * text: key and value are half-open ranges, quotes included.  Where a name
 * stands more than once, count tells and the ranges are those of the first.
 */

typedef struct {
    const char  *name;

    size_t       count;
    size_t       key_start;
    size_t       value_start;
    size_t       value_end;
    char         type;           /* one of { [ " t f n 0 */
} tavus_json_member_t;


/*
 * Checks a text against RFC 8259, strictly: one value, valid UTF-8, no
 * leading zeros, no raw control characters, no byte order mark, nesting at
 * most TAVUS_JSON_MAX_DEPTH.  One pass, no recursion, no allocation.
 *
 * The statuses of "jsonb cannot hold it" are found only in a text that is
 * otherwise valid: the scan goes on to its end and the members are filled.
 * In a text that is not JSON all members are absent.  *offset, if not NULL,
 * gets the place of the fault.
 */
tavus_json_status_t tavus_json_check(const char *data, size_t len,
    tavus_json_member_t *members, size_t nmembers, size_t *offset);

/*
 * Fills members of a text that tavus_json_check() has found to be JSON, or
 * of a value in it: strings that are values and have no escape are passed
 * over.  In another text what is found says nothing; but a string lies
 * within it and may be given to tavus_json_string().
 */
void tavus_json_members(const char *data, size_t len,
    tavus_json_member_t *members, size_t nmembers);

/*
 * Finds a top-level member as tavus_json_check() does, but for the end of a
 * value that is no string, in a fraction of the time: the text is not
 * checked.  In one that is not JSON what is found says nothing; but a string
 * lies within it and may be given to tavus_json_string().
 */
void tavus_json_locate(const char *data, size_t len,
    tavus_json_member_t *member);

/*
 * Checks as above, refuses duplicate member names at any level, and parses
 * with cJSON.  The caller frees *root with cJSON_Delete(); on any status but
 * TAVUS_JSON_OK it is NULL.  cJSON holds numbers as doubles (1e400 becomes
 * infinity, which it prints as null) and cannot read one of more than 63
 * bytes: that is TAVUS_JSON_NUMBER here.  It takes over 64 bytes of memory
 * and a malloc() a value, so a text of megabytes is only to be checked.
 */
tavus_json_status_t tavus_json_parse(const char *data, size_t len,
    cJSON **root, size_t *offset);

/*
 * Unescapes the string value of a member into dst (not NUL-terminated).
 * Returns its length in bytes, or -1 if the value is absent, not a string,
 * longer than size, or holds what UTF-8 text cannot (NUL, lone surrogates).
 */
int tavus_json_string(const char *data, const tavus_json_member_t *member,
    char *dst, size_t size);

/* A stable snake_case word for a status, for error bodies and quarantine. */
const char *tavus_json_reason(tavus_json_status_t status);

/* The same for a person: half a sentence, to go before "at byte". */
const char *tavus_json_detail(tavus_json_status_t status);


#endif /* _TAVUS_JSON_H_INCLUDED_ */
