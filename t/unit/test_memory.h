
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* Memory that runs out: cJSON gets so many pieces, and no more. */

#ifndef _TEST_MEMORY_H_INCLUDED_
#define _TEST_MEMORY_H_INCLUDED_


#include <stdlib.h>

#include <cjson/cJSON.h>


static size_t  test_memory_left;


static inline void *
test_memory_malloc(size_t size)
{
    if (test_memory_left == 0) {
        return NULL;
    }

    test_memory_left--;

    return malloc(size);
}


static inline void
test_memory_set(size_t pieces)
{
    cJSON_Hooks  hooks;

    test_memory_left = pieces;

    hooks.malloc_fn = test_memory_malloc;
    hooks.free_fn = free;

    cJSON_InitHooks(&hooks);
}


static inline void
test_memory_unset(void)
{
    cJSON_InitHooks(NULL);
}


#endif /* _TEST_MEMORY_H_INCLUDED_ */
