
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_RECORD_H_INCLUDED_
#define _TAVUS_RECORD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * What a journal file is made of.  A record is a mark, the payload's length
 * and the CRC-32C (RFC 3720, B.4) of length and payload, each 32 bits little
 * endian, then the payload.  The mark lets a reader find the next record
 * behind a damaged one.
 *
 * A payload is a version byte, then fields: a tag byte, a length of 32 bits
 * little endian, and that many bytes.  A reader skips tags that it does not
 * know.
 */

#define TAVUS_RECORD_HEADER   12
#define TAVUS_RECORD_MAX      (16 * 1024 * 1024)
#define TAVUS_RECORD_VERSION  1


typedef enum {
    TAVUS_RECORD_OK = 0,
    TAVUS_RECORD_END,           /* nothing is left */
    TAVUS_RECORD_TORN,          /* the rest is the head of a record */
    TAVUS_RECORD_DAMAGED        /* bytes that are no record */
} tavus_record_status_t;


typedef struct {
    uint8_t        tag;
    const uint8_t *data;
    size_t         len;
} tavus_record_field_t;


/* CRC-32C of data, going on from crc (0 to begin with). */
uint32_t tavus_crc32c(uint32_t crc, const void *data, size_t len);

/* Bytes that a record of these fields takes. */
size_t tavus_record_size(const tavus_record_field_t *fields, size_t n);

/* Writes a record to dst; returns where it ends. */
uint8_t *tavus_record_write(uint8_t *dst, const tavus_record_field_t *fields,
    size_t n);

/*
 * Finds the record at *pos of a file's bytes.  On OK payload and len are set
 * and *pos is behind it.  On DAMAGED *pos is at the next place where a whole
 * and sound record begins, or at the end, and payload and len tell the bytes
 * passed over.  On TORN the rest, from *pos on, is what a crash left.
 */
tavus_record_status_t tavus_record_next(const uint8_t *data, size_t size,
    size_t *pos, const uint8_t **payload, size_t *len);

/*
 * Reads the field at *pos of a payload, 0 to begin with.  TAVUS_RECORD_OK,
 * END behind the last one, DAMAGED for another version or bad lengths.
 */
tavus_record_status_t tavus_record_field(const uint8_t *payload, size_t len,
    size_t *pos, tavus_record_field_t *field);


#endif /* _TAVUS_RECORD_H_INCLUDED_ */
