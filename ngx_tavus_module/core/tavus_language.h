
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_LANGUAGE_H_INCLUDED_
#define _TAVUS_LANGUAGE_H_INCLUDED_


#include <stddef.h>


/*
 * The full English name, in lower case, that Tavus wants for a language:
 * text is such a name in any case, "multilingual", or an ISO 639-1 code.
 * NULL for a language that is none of Tavus's.
 */
const char *tavus_language(const char *text, size_t len);


#endif /* _TAVUS_LANGUAGE_H_INCLUDED_ */
