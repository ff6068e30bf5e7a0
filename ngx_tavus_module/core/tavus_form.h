
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_FORM_H_INCLUDED_
#define _TAVUS_FORM_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * Writes application/x-www-form-urlencoded (WHATWG URL, 5.2) with nested
 * names, as Stripe takes them: "line_items[0][price]", "metadata[plan]".
 * Only the brackets that nest stand as they are, as Stripe's own libraries
 * send them.
 */

#define TAVUS_FORM_NAME_MAX   256           /* bytes of a whole name */
#define TAVUS_FORM_VALUE_MAX  8192          /* bytes, before encoding */
#define TAVUS_FORM_FIELDS     512
#define TAVUS_FORM_MAX        (256 * 1024)  /* bytes of a form */


typedef enum {
    TAVUS_FORM_OK = 0,
    TAVUS_FORM_BAD_NAME,
    TAVUS_FORM_TOO_LONG,        /* a name or a value */
    TAVUS_FORM_TOO_MANY,
    TAVUS_FORM_FULL
} tavus_form_status_t;


typedef struct {
    char                 *data;
    size_t                size;
    size_t                len;
    size_t                fields;
    tavus_form_status_t   status;
} tavus_form_t;


/*
 * A form in the caller's memory, which is all that it uses, and is not
 * terminated.  Without data it is only measured: len is what the same fields
 * take later.
 */
void tavus_form_init(tavus_form_t *form, char *data, size_t size);

/*
 * Adds a field whose name is the caller's own, and well formed: parts that
 * are not empty, all but the first one in brackets.  The value is any bytes;
 * data of no bytes may be NULL.  The first error stays the form's status, as
 * what lacks a field must not be sent: nothing is added after it, and a field
 * is there as a whole or not at all.
 */
void tavus_form_add(tavus_form_t *form, const char *name, const char *data,
    size_t len);

/*
 * The same with one more part in brackets, of any bytes but NUL and brackets,
 * which would make another name of it.
 */
void tavus_form_add_to(tavus_form_t *form, const char *name, const char *key,
    size_t key_len, const char *data, size_t len);

void tavus_form_add_number(tavus_form_t *form, const char *name,
    int64_t number);


#endif /* _TAVUS_FORM_H_INCLUDED_ */
