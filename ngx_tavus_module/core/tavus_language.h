
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_LANGUAGE_H_INCLUDED_
#define _TAVUS_LANGUAGE_H_INCLUDED_


#include <stddef.h>


/* One that Tavus speaks, in the two forms in which Tavus wants it. */

typedef struct {
    const char  *name;          /* full English name, in lower case */
    char         code[6];       /* "pt", "pt-BR"; "" for multilingual */
} tavus_language_t;


/*
 * Looks up a full English name, "multilingual", or a code of ISO 639 with or
 * without a region of ISO 3166 or UN M.49 ("pt", "pt-BR", "es-419"), each in
 * any case.  A region that Tavus does not document is left out.  Returns 0,
 * or -1 for what is none of Tavus's languages.
 */
int tavus_language(const char *text, size_t len, tavus_language_t *language);


#endif /* _TAVUS_LANGUAGE_H_INCLUDED_ */
