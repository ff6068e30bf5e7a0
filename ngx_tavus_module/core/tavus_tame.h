
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_TAME_H_INCLUDED_
#define _TAVUS_TAME_H_INCLUDED_


#include <stddef.h>


/*
 * A stranger's text as it may stand in a mail, in memory that is freed with
 * free(): at most max bytes of it, and a mark where more was; without control
 * characters and what is invisible, and so that no program makes a link or
 * an address of it ("[.]", "[:]", "[at]").  Line ends stay if lines is not
 * 0, else all is one line.  What is no UTF-8 is "?".  NULL: no memory.
 */
char *tavus_tame(const char *text, size_t len, size_t max, int lines);


#endif /* _TAVUS_TAME_H_INCLUDED_ */
