/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Makes forms as core/ makes them: a line of JSON in, a list of fields
 * [name, value] or [name, key, value], all strings, values in hexadecimal; a
 * line of JSON out, {"form"} or {"error"}, a tavus_form_status_t.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tavus_form.h"


static char  made[TAVUS_FORM_MAX + 1];
static char  value[TAVUS_FORM_VALUE_MAX + 1];


static size_t
unhex(const char *hex)
{
    size_t    n;
    unsigned  byte;

    for (n = 0; n < sizeof(value) && sscanf(hex, "%2x", &byte) == 1; n++) {
        value[n] = (char) byte;
        hex += 2;
    }

    return n;
}


static void
add(tavus_form_t *form, const cJSON *field)
{
    int          n;
    size_t       len;
    const char  *name, *key;

    n = cJSON_GetArraySize(field);
    name = cJSON_GetStringValue(cJSON_GetArrayItem(field, 0));
    len = unhex(cJSON_GetStringValue(cJSON_GetArrayItem(field, n - 1)));

    if (n == 2) {
        tavus_form_add(form, name, value, len);
        return;
    }

    key = cJSON_GetStringValue(cJSON_GetArrayItem(field, 1));
    tavus_form_add_to(form, name, key, strlen(key), value, len);
}


int
main(void)
{
    char          *line, *text;
    cJSON         *in, *out, *field;
    size_t         size;
    tavus_form_t   form;

    line = NULL;
    size = 0;

    while (getline(&line, &size, stdin) > 0) {

        in = cJSON_Parse(line);
        if (in == NULL) {
            return 1;
        }

        tavus_form_init(&form, made, TAVUS_FORM_MAX);

        cJSON_ArrayForEach(field, in) {
            add(&form, field);
        }

        made[form.len] = '\0';
        out = cJSON_CreateObject();

        if (form.status == TAVUS_FORM_OK) {
            cJSON_AddStringToObject(out, "form", made);

        } else {
            cJSON_AddNumberToObject(out, "error", form.status);
        }

        text = cJSON_PrintUnformatted(out);
        puts(text);
        fflush(stdout);

        free(text);
        cJSON_Delete(out);
        cJSON_Delete(in);
    }

    free(line);

    return 0;
}
