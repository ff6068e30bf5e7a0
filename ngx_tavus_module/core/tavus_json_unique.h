/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_JSON_UNIQUE_H_INCLUDED_
#define _TAVUS_JSON_UNIQUE_H_INCLUDED_


#include "tavus_json.h"


/*
 * Whether no object of a tree has a name twice: TAVUS_JSON_OK, _DUPLICATE or
 * _NO_MEMORY.  *offset gets the place of the second name in data, the text
 * that the tree was parsed from.
 */
tavus_json_status_t tavus_json_unique(const char *data, size_t len,
    const cJSON *root, size_t *offset);


#endif /* _TAVUS_JSON_UNIQUE_H_INCLUDED_ */
