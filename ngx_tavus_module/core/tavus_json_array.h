/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_JSON_ARRAY_H_INCLUDED_
#define _TAVUS_JSON_ARRAY_H_INCLUDED_


#include "tavus_json.h"


/* The elements of an array, one after the other, without a copy. */

typedef struct {
    const char  *pos;
    const char  *end;
} tavus_json_array_t;


/*
 * Begins with a member of a text that tavus_json_check() has found to be
 * JSON.  One that is not an array has no elements.
 */
void tavus_json_array(tavus_json_array_t *array, const char *data,
    const tavus_json_member_t *member);

/* The next element, as it stands in the text, and 1; or 0 at the end. */
int tavus_json_next(tavus_json_array_t *array, const char **element,
    size_t *len);


#endif /* _TAVUS_JSON_ARRAY_H_INCLUDED_ */
