
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tavus_json_print.h"


static int tavus_json_exact(cJSON *item);
static int tavus_json_exact_number(cJSON *item);


char *
tavus_json_print(cJSON *root)
{
    return tavus_json_exact(root) ? cJSON_PrintUnformatted(root) : NULL;
}


/* as deep as the text that was read, which has a limit, or what was made */

static int
tavus_json_exact(cJSON *item)
{
    cJSON  *child;

    if (cJSON_IsNumber(item)) {
        return tavus_json_exact_number(item);
    }

    cJSON_ArrayForEach(child, item) {
        if (!tavus_json_exact(child)) {
            return 0;
        }
    }

    return 1;
}


static int
tavus_json_exact_number(cJSON *item)
{
    char    text[32], *raw;
    double  d;

    d = item->valuedouble;

    /* an infinite one, or none, is null at cJSON */

    if (!isfinite(d) || d == (double) item->valueint) {
        return 1;
    }

    (void) snprintf(text, sizeof(text), "%1.15g", d);

    if (strtod(text, NULL) == d) {
        return 1;
    }

    (void) snprintf(text, sizeof(text), "%1.17g", d);

    raw = cJSON_malloc(strlen(text) + 1);
    if (raw == NULL) {
        return 0;
    }

    memcpy(raw, text, strlen(text) + 1);

    item->valuestring = raw;
    item->type = (item->type & ~0xff) | cJSON_Raw;

    return 1;
}
