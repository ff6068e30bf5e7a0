
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_JSON_PRINT_H_INCLUDED_
#define _TAVUS_JSON_PRINT_H_INCLUDED_


#include <cjson/cJSON.h>


/*
 * Writes as cJSON_PrintUnformatted() does, but every number so that it is read
 * as the same double: cJSON leaves the last digits out of those that differ
 * from the shorter one by a unit of the last place, 9007199254740991 for one.
 * These become raw text in root.  The caller frees what is returned; NULL: no
 * memory.
 */
char *tavus_json_print(cJSON *root);


#endif /* _TAVUS_JSON_PRINT_H_INCLUDED_ */
