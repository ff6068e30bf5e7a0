
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_RECORD_H_INCLUDED_
#define _TAVUS_RECORD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "tavus_siphash.h"


/*
 * What a journal file is made of.  It begins with a header, which is there
 * twice, in two blocks of the disk: "TVJ2", a key, and the key's SipHash of
 * "TVJ2".  Then come records: a mark, the payload's length, a check of both,
 * each 32 bits, the payload's sum of 64 bits, and the payload.  Numbers are
 * little endian; mark, check and sum are SipHash under the file's key, so
 * that no text whose author does not know the key can pass for a record,
 * though damage leave a reader to look for the next one inside it.
 *
 * A payload is a version byte, then fields: a tag byte, a length of 32 bits
 * little endian, and that many bytes.  A reader skips tags that it does not
 * know.
 */

#define TAVUS_RECORD_FILE     (4096 + 4 + TAVUS_SIPHASH_KEY_LEN + 8)
#define TAVUS_RECORD_HEADER   20
#define TAVUS_RECORD_MAX      (16 * 1024 * 1024)
#define TAVUS_RECORD_VERSION  1


typedef enum {
    TAVUS_RECORD_OK = 0,
    TAVUS_RECORD_END,           /* nothing is left */
    TAVUS_RECORD_TORN,          /* the rest is what a cut write left */
    TAVUS_RECORD_DAMAGED        /* bytes that are no record */
} tavus_record_status_t;


typedef struct {
    uint8_t        tag;
    const uint8_t *data;
    size_t         len;
} tavus_record_field_t;


typedef struct {
    const uint8_t *data;        /* a whole file's bytes, the caller's */
    size_t         size;
    size_t         pos;         /* where the next record is looked for */
    uint32_t       mark;
    uint8_t        key[TAVUS_SIPHASH_KEY_LEN];
} tavus_record_reader_t;


/* Writes TAVUS_RECORD_FILE bytes, which a file of this key begins with. */
void tavus_record_begin(uint8_t *dst,
    const uint8_t key[TAVUS_SIPHASH_KEY_LEN]);

/* Bytes that a record of these fields takes. */
size_t tavus_record_size(const tavus_record_field_t *fields, size_t n);

/* Writes a record to dst; returns where it ends. */
uint8_t *tavus_record_write(uint8_t *dst,
    const uint8_t key[TAVUS_SIPHASH_KEY_LEN],
    const tavus_record_field_t *fields, size_t n);

/*
 * Begins to read a file.  OK, END for an empty one, TORN for one whose
 * header was cut short, DAMAGED where none of the headers is sound.
 */
tavus_record_status_t tavus_record_open(tavus_record_reader_t *reader,
    const uint8_t *data, size_t size);

/*
 * Reads on.  On OK payload and len are set and reader->pos is behind the
 * record.  On DAMAGED reader->pos is at the next place where a sound record
 * begins, be it cut short, or at the end, and payload and len tell the bytes
 * passed over.  On TORN the rest, from reader->pos on, is what a crash left.
 */
tavus_record_status_t tavus_record_next(tavus_record_reader_t *reader,
    const uint8_t **payload, size_t *len);

/*
 * Reads the field at *pos of a payload, 0 to begin with.  TAVUS_RECORD_OK,
 * END behind the last one, DAMAGED for another version or bad lengths.
 */
tavus_record_status_t tavus_record_field(const uint8_t *payload, size_t len,
    size_t *pos, tavus_record_field_t *field);


#endif /* _TAVUS_RECORD_H_INCLUDED_ */
