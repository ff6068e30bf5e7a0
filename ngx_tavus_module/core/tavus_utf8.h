
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_UTF8_H_INCLUDED_
#define _TAVUS_UTF8_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* Whether bytes are UTF-8 as RFC 3629 has it; a NUL is. */
int tavus_utf8_valid(const char *data, size_t len);

/*
 * The length of the well-formed sequence at p, whose first byte is not ASCII
 * (Unicode, table 3-7), or 0.
 */
int tavus_utf8_sequence(const uint8_t *p, const uint8_t *end);


#endif /* _TAVUS_UTF8_H_INCLUDED_ */
