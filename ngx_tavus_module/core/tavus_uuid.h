/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_UUID_H_INCLUDED_
#define _TAVUS_UUID_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define TAVUS_UUID_LEN       16
#define TAVUS_UUID_TEXT_LEN  36


/*
 * Makes a version 7 UUID (RFC 9562, 5.7) of a time in milliseconds since
 * 1970 (0 … 2^48 - 1) and the first 74 bits of tail.
 */
void tavus_uuid_v7(uint8_t uuid[TAVUS_UUID_LEN], uint64_t msec,
    const uint8_t tail[10]);

/* Writes the 36 lower-case characters of RFC 9562, 4; no NUL. */
void tavus_uuid_format(const uint8_t uuid[TAVUS_UUID_LEN], char *dst);

/* Reads exactly that form, in either case; 0 or -1. */
int tavus_uuid_parse(uint8_t uuid[TAVUS_UUID_LEN], const char *text,
    size_t len);


#endif /* _TAVUS_UUID_H_INCLUDED_ */
