
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tavus_form.h"


static int tavus_form_name(const char *name, size_t len);
static size_t tavus_form_size(const char *data, size_t len, const char *safe);
static char *tavus_form_put(char *p, const char *data, size_t len,
    const char *safe);
static int tavus_form_safe(unsigned char c, const char *safe);


/* what stands as it is besides letters and digits */

static const char  tavus_form_value_safe[] = "*-._";
static const char  tavus_form_name_safe[] = "*-._[]";


void
tavus_form_init(tavus_form_t *form, char *data, size_t size)
{
    memset(form, 0, sizeof(tavus_form_t));

    form->data = data;
    form->size = data && size < TAVUS_FORM_MAX ? size : TAVUS_FORM_MAX;
}


void
tavus_form_add(tavus_form_t *form, const char *name, const char *data,
    size_t len)
{
    tavus_form_add_to(form, name, NULL, 0, data, len);
}


void
tavus_form_add_to(tavus_form_t *form, const char *name, const char *key,
    size_t key_len, const char *data, size_t len)
{
    char    *p;
    size_t   name_len, size;

    if (form->status != TAVUS_FORM_OK) {
        return;
    }

    name_len = strlen(name);

    if (form->fields == TAVUS_FORM_FIELDS) {
        form->status = TAVUS_FORM_TOO_MANY;
        return;
    }

    if (name_len > TAVUS_FORM_NAME_MAX
        || key_len > TAVUS_FORM_NAME_MAX - name_len
        || len > TAVUS_FORM_VALUE_MAX)
    {
        form->status = TAVUS_FORM_TOO_LONG;
        return;
    }

    if (!tavus_form_name(name, name_len)
        || (key && (key_len == 0 || memchr(key, '\0', key_len)
                    || memchr(key, '[', key_len)
                    || memchr(key, ']', key_len))))
    {
        form->status = TAVUS_FORM_BAD_NAME;
        return;
    }

    /* all of them are bounded: no sum is out of its type */

    size = (form->fields > 0)
           + tavus_form_size(name, name_len, tavus_form_name_safe)
           + (key ? 2 + tavus_form_size(key, key_len, tavus_form_value_safe)
                  : 0)
           + 1 + tavus_form_size(data, len, tavus_form_value_safe);

    if (size > form->size - form->len) {
        form->status = TAVUS_FORM_FULL;
        return;
    }

    if (form->data) {
        p = form->data + form->len;

        if (form->fields) {
            *p++ = '&';
        }

        p = tavus_form_put(p, name, name_len, tavus_form_name_safe);

        if (key) {
            *p++ = '[';
            p = tavus_form_put(p, key, key_len, tavus_form_value_safe);
            *p++ = ']';
        }

        *p++ = '=';
        (void) tavus_form_put(p, data, len, tavus_form_value_safe);
    }

    form->len += size;
    form->fields++;
}


void
tavus_form_add_number(tavus_form_t *form, const char *name, int64_t number)
{
    int   len;
    char  text[sizeof("-9223372036854775808")];

    len = snprintf(text, sizeof(text), "%" PRId64, number);

    tavus_form_add(form, name, text, (size_t) len);
}


/* part, "[" part "]", … */

static int
tavus_form_name(const char *name, size_t len)
{
    size_t  i, part;

    part = strcspn(name, "[]");

    if (part == 0) {
        return 0;
    }

    for (i = part; i < len; i += part + 2) {

        part = strcspn(name + i + 1, "[]");

        if (name[i] != '[' || part == 0 || name[i + 1 + part] != ']') {
            return 0;
        }
    }

    return 1;
}


static size_t
tavus_form_size(const char *data, size_t len, const char *safe)
{
    size_t  i, size;

    size = len;

    for (i = 0; i < len; i++) {
        if (data[i] != ' ' && !tavus_form_safe(data[i], safe)) {
            size += 2;
        }
    }

    return size;
}


static char *
tavus_form_put(char *p, const char *data, size_t len, const char *safe)
{
    size_t         i;
    unsigned char  c;

    static const char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < len; i++) {

        c = data[i];

        if (c == ' ') {
            *p++ = '+';

        } else if (tavus_form_safe(c, safe)) {
            *p++ = c;

        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 0xf];
        }
    }

    return p;
}


static int
tavus_form_safe(unsigned char c, const char *safe)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || (c && strchr(safe, c) != NULL);
}
