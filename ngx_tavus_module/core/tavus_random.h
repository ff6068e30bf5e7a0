/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_RANDOM_H_INCLUDED_
#define _TAVUS_RANDOM_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define TAVUS_RANDOM_ID_LEN  16
#define TAVUS_RANDOM_IDS     256    /* that are made at once */


/*
 * Random bytes for an id that everybody may see.  A process has them from
 * OpenSSL's generator for many ids at once; what is given out is wiped, and
 * a child of fork() has nothing of its parent's.  For one thread of a
 * process.  Returns 0, or -1 if there are none.
 */
int tavus_random_id(uint8_t id[TAVUS_RANDOM_ID_LEN]);


#endif /* _TAVUS_RANDOM_H_INCLUDED_ */
