
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Fields follow each other: a name and a key, each up to a line feed, how many
 * bytes the value has, and these.  What is written is read again, and is the
 * same names and values; it is as long as was measured, and fits into no less.
 */

#include "fuzz.h"
#include "tavus_form.h"


#define FUZZ_FIELDS  64


typedef struct {
    char    *name;
    char    *key;
    char    *value;
    size_t   key_len;
    size_t   len;
} fuzz_field_t;


static size_t fuzz_fields(const uint8_t *data, size_t size,
    fuzz_field_t *fields);
static void fuzz_write(tavus_form_t *form, const fuzz_field_t *fields,
    size_t n);
static void fuzz_read(const tavus_form_t *form, const fuzz_field_t *fields);
static int fuzz_well_formed(const char *name);
static char *fuzz_decode(const char *p, size_t len, size_t *size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *buf;
    size_t         i, n;
    tavus_form_t   form, measured;
    fuzz_field_t   fields[FUZZ_FIELDS];

    n = fuzz_fields(data, size, fields);

    tavus_form_init(&measured, NULL, 0);
    fuzz_write(&measured, fields, n);
    fuzz_assert((measured.status == TAVUS_FORM_OK) == (measured.fields == n));

    buf = malloc(measured.len + 1);
    fuzz_assert(buf != NULL);
    buf[measured.len] = '#';

    tavus_form_init(&form, buf, measured.len);
    fuzz_write(&form, fields, n);

    fuzz_assert(form.len == measured.len);
    fuzz_assert(form.fields == measured.fields);
    fuzz_assert(buf[form.len] == '#');
    fuzz_assert(form.status == measured.status);

    fuzz_read(&form, fields);

    if (measured.len) {
        tavus_form_init(&form, buf, measured.len - 1);
        fuzz_write(&form, fields, n);

        fuzz_assert(form.status == TAVUS_FORM_FULL);
        fuzz_assert(form.fields < measured.fields);
        fuzz_read(&form, fields);
    }

    free(buf);

    for (i = 0; i < n; i++) {
        free(fields[i].name);
        free(fields[i].key);
        free(fields[i].value);
    }

    return 0;
}


static size_t
fuzz_fields(const uint8_t *data, size_t size, fuzz_field_t *fields)
{
    char    *line;
    size_t   n, len;

    for (n = 0; n < FUZZ_FIELDS && size; n++) {

        line = fuzz_take(&data, &size, '\n', &len);
        fields[n].name = strndup(line, len);
        fuzz_assert(fields[n].name != NULL);
        free(line);

        fields[n].key = fuzz_take(&data, &size, '\n', &fields[n].key_len);

        len = size ? data[0] : 0;

        if (size) {
            data++;
            size--;
        }

        fields[n].len = len < size ? len : size;
        fields[n].value = fuzz_copy(data, fields[n].len);

        data += fields[n].len;
        size -= fields[n].len;
    }

    return n;
}


/* a key of no bytes is none */

static void
fuzz_write(tavus_form_t *form, const fuzz_field_t *fields, size_t n)
{
    size_t                i;
    const fuzz_field_t   *f;
    tavus_form_status_t   before;

    for (i = 0; i < n; i++) {
        f = &fields[i];
        before = form->status;

        tavus_form_add_to(form, f->name, f->key_len ? f->key : NULL,
                          f->key_len, f->value, f->len);

        fuzz_assert(before == TAVUS_FORM_OK || form->status == before);
        fuzz_assert(form->status != TAVUS_FORM_OK
                    || fuzz_well_formed(f->name));
    }
}


static void
fuzz_read(const tavus_form_t *form, const fuzz_field_t *fields)
{
    char                *name, *value, *expected;
    size_t               i, name_len, value_len, len, key;
    const char          *p, *end, *eq, *last;
    const fuzz_field_t  *f;

    p = form->data;
    last = p + form->len;

    for (i = 0; i < form->fields; i++) {
        f = &fields[i];

        end = memchr(p, '&', last - p);
        end = end ? end : last;
        eq = memchr(p, '=', end - p);
        fuzz_assert(eq != NULL);

        name = fuzz_decode(p, eq - p, &name_len);
        value = fuzz_decode(eq + 1, end - eq - 1, &value_len);

        key = f->key_len ? f->key_len + 2 : 0;
        len = strlen(f->name);
        expected = malloc(len + key + 1);
        fuzz_assert(expected != NULL);
        memcpy(expected, f->name, len);

        if (key) {
            expected[len] = '[';
            memcpy(expected + len + 1, f->key, f->key_len);
            expected[len + key - 1] = ']';
        }

        expected[len + key] = '\0';

        fuzz_assert(name_len == len + key);
        fuzz_assert(memcmp(name, expected, name_len) == 0);
        fuzz_assert(fuzz_well_formed(expected));
        fuzz_assert(value_len == f->len);
        fuzz_assert(memcmp(value, f->value, value_len) == 0);

        free(expected);
        free(value);
        free(name);

        p = end + (end < last);
    }

    fuzz_assert(p == last);
}


/* one pass, by what may follow what */

static int
fuzz_well_formed(const char *name)
{
    int    depth, closed;
    char   before;

    depth = 0;
    closed = 0;
    before = '\0';

    for ( /* void */ ; *name; name++) {

        switch (*name) {

        case '[':
            if (depth++ || before == '\0') {
                return 0;
            }

            break;

        case ']':
            if (depth-- != 1 || before == '[') {
                return 0;
            }

            closed = 1;
            break;

        default:
            if (closed && depth == 0) {
                return 0;
            }
        }

        before = *name;
    }

    return depth == 0 && before != '\0';
}


static char *
fuzz_decode(const char *p, size_t len, size_t *size)
{
    char    *dst, *end, hex[3];
    size_t   i;

    dst = malloc(len + 1);
    fuzz_assert(dst != NULL);

    *size = 0;

    for (i = 0; i < len; i++) {

        fuzz_assert(p[i] > ' ' && p[i] < 0x7f && !strchr("\"#<>?`{}", p[i]));

        if (p[i] == '%') {
            fuzz_assert(len - i > 2);

            hex[0] = p[i + 1];
            hex[1] = p[i + 2];
            hex[2] = '\0';
            dst[(*size)++] = (char) strtoul(hex, &end, 16);
            fuzz_assert(end == hex + 2);

            i += 2;

        } else {
            dst[(*size)++] = p[i] == '+' ? ' ' : p[i];
        }
    }

    return dst;
}
