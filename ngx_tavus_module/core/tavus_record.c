
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>

#include "tavus_record.h"


#define TAVUS_RECORD_MAGIC_LEN  4
#define TAVUS_RECORD_SUM        12          /* where in a record it is */
#define TAVUS_RECORD_BLOCK      4096
#define TAVUS_RECORD_HEAD       (TAVUS_RECORD_FILE - TAVUS_RECORD_BLOCK)


static void tavus_record_head(uint8_t *dst, const uint8_t *key);
static uint32_t tavus_record_mark(const uint8_t *key);
static int tavus_record_at(const tavus_record_reader_t *reader, size_t pos,
    size_t *len);
static uint8_t *tavus_record_u32(uint8_t *p, uint32_t n);
static uint8_t *tavus_record_u64(uint8_t *p, uint64_t n);
static uint32_t tavus_record_get(const uint8_t *p);
static uint64_t tavus_record_get64(const uint8_t *p);


static const uint8_t  tavus_record_magic[TAVUS_RECORD_MAGIC_LEN] = {
    'T', 'V', 'J', '2'
};


void
tavus_record_begin(uint8_t *dst, const uint8_t key[TAVUS_SIPHASH_KEY_LEN])
{
    memset(dst, 0, TAVUS_RECORD_FILE);

    tavus_record_head(dst, key);
    tavus_record_head(dst + TAVUS_RECORD_BLOCK, key);
}


size_t
tavus_record_size(const tavus_record_field_t *fields, size_t n)
{
    size_t  i, size;

    size = TAVUS_RECORD_HEADER + 1;

    for (i = 0; i < n; i++) {
        size += 1 + 4 + fields[i].len;
    }

    return size;
}


uint8_t *
tavus_record_write(uint8_t *dst, const uint8_t key[TAVUS_SIPHASH_KEY_LEN],
    const tavus_record_field_t *fields, size_t n)
{
    size_t    i, len;
    uint8_t  *p;

    len = tavus_record_size(fields, n) - TAVUS_RECORD_HEADER;

    p = dst + TAVUS_RECORD_HEADER;
    *p++ = TAVUS_RECORD_VERSION;

    for (i = 0; i < n; i++) {
        *p++ = fields[i].tag;
        p = tavus_record_u32(p, (uint32_t) fields[i].len);

        if (fields[i].len) {
            memcpy(p, fields[i].data, fields[i].len);
            p += fields[i].len;
        }
    }

    (void) tavus_record_u32(dst, tavus_record_mark(key));
    (void) tavus_record_u32(dst + 4, (uint32_t) len);
    (void) tavus_record_u32(dst + 8, (uint32_t) tavus_siphash(key, dst, 8));
    (void) tavus_record_u64(dst + TAVUS_RECORD_SUM,
                            tavus_siphash(key, dst + TAVUS_RECORD_HEADER,
                                          len));

    return p;
}


tavus_record_status_t
tavus_record_open(tavus_record_reader_t *reader, const uint8_t *data,
    size_t size)
{
    size_t   i;
    uint8_t  head[TAVUS_RECORD_HEAD];

    reader->data = data;
    reader->size = size;
    reader->pos = 0;

    if (size == 0) {
        return TAVUS_RECORD_END;
    }

    if (size < TAVUS_RECORD_FILE) {
        return TAVUS_RECORD_TORN;
    }

    for (i = 0; i <= TAVUS_RECORD_BLOCK; i += TAVUS_RECORD_BLOCK) {

        memcpy(reader->key, data + i + TAVUS_RECORD_MAGIC_LEN,
               TAVUS_SIPHASH_KEY_LEN);

        tavus_record_head(head, reader->key);

        if (memcmp(data + i, head, TAVUS_RECORD_HEAD) == 0) {
            reader->mark = tavus_record_mark(reader->key);
            reader->pos = TAVUS_RECORD_FILE;
            return TAVUS_RECORD_OK;
        }
    }

    return TAVUS_RECORD_DAMAGED;
}


tavus_record_status_t
tavus_record_next(tavus_record_reader_t *reader, const uint8_t **payload,
    size_t *len)
{
    int     rc;
    size_t  start, n;

    start = reader->pos;

    if (start >= reader->size) {
        return TAVUS_RECORD_END;
    }

    rc = tavus_record_at(reader, start, &n);

    if (rc == 1) {
        *payload = reader->data + start + TAVUS_RECORD_HEADER;
        *len = n;
        reader->pos = start + TAVUS_RECORD_HEADER + n;
        return TAVUS_RECORD_OK;
    }

    if (rc == 0) {
        return TAVUS_RECORD_TORN;
    }

    /* a few bytes may look like the beginning of a head by chance */

    for (n = start + 1; n < reader->size; n++) {
        rc = tavus_record_at(reader, n, len);

        if (rc == 1
            || (rc == 0 && reader->size - n >= TAVUS_RECORD_HEADER))
        {
            break;
        }
    }

    *payload = reader->data + start;
    *len = n - start;
    reader->pos = n;

    return TAVUS_RECORD_DAMAGED;
}


tavus_record_status_t
tavus_record_field(const uint8_t *payload, size_t len, size_t *pos,
    tavus_record_field_t *field)
{
    size_t  n;

    if (*pos == 0) {
        if (len == 0 || payload[0] != TAVUS_RECORD_VERSION) {
            return TAVUS_RECORD_DAMAGED;
        }

        *pos = 1;
    }

    if (*pos == len) {
        return TAVUS_RECORD_END;
    }

    if (len - *pos < 5) {
        return TAVUS_RECORD_DAMAGED;
    }

    n = tavus_record_get(payload + *pos + 1);

    if (n > len - *pos - 5) {
        return TAVUS_RECORD_DAMAGED;
    }

    field->tag = payload[*pos];
    field->data = payload + *pos + 5;
    field->len = n;

    *pos += 5 + n;

    return TAVUS_RECORD_OK;
}


static void
tavus_record_head(uint8_t *dst, const uint8_t *key)
{
    memcpy(dst, tavus_record_magic, TAVUS_RECORD_MAGIC_LEN);
    dst += TAVUS_RECORD_MAGIC_LEN;

    memcpy(dst, key, TAVUS_SIPHASH_KEY_LEN);
    dst += TAVUS_SIPHASH_KEY_LEN;

    (void) tavus_record_u64(dst, tavus_siphash(key, tavus_record_magic,
                                               TAVUS_RECORD_MAGIC_LEN));
}


static uint32_t
tavus_record_mark(const uint8_t *key)
{
    return (uint32_t) tavus_siphash(key, "", 0);
}


/*
 * 1: a whole and sound record is there; 0: the beginning of one, which the
 * end cuts short; -1: neither
 */

static int
tavus_record_at(const tavus_record_reader_t *reader, size_t pos, size_t *len)
{
    size_t          left;
    uint8_t         mark[4];
    uint32_t        n;
    const uint8_t  *p;

    p = reader->data + pos;
    left = reader->size - pos;

    (void) tavus_record_u32(mark, reader->mark);

    if (memcmp(p, mark, left < 4 ? left : 4) != 0) {
        return -1;
    }

    if (left < TAVUS_RECORD_SUM) {
        return 0;
    }

    if ((uint32_t) tavus_siphash(reader->key, p, 8)
        != tavus_record_get(p + 8))
    {
        return -1;
    }

    n = tavus_record_get(p + 4);

    if (left < TAVUS_RECORD_HEADER || n > left - TAVUS_RECORD_HEADER) {
        return 0;
    }

    if (tavus_siphash(reader->key, p + TAVUS_RECORD_HEADER, n)
        != tavus_record_get64(p + TAVUS_RECORD_SUM))
    {
        return -1;
    }

    *len = n;

    return 1;
}


static uint8_t *
tavus_record_u32(uint8_t *p, uint32_t n)
{
    *p++ = (uint8_t) n;
    *p++ = (uint8_t) (n >> 8);
    *p++ = (uint8_t) (n >> 16);
    *p++ = (uint8_t) (n >> 24);

    return p;
}


static uint8_t *
tavus_record_u64(uint8_t *p, uint64_t n)
{
    return tavus_record_u32(tavus_record_u32(p, (uint32_t) n),
                            (uint32_t) (n >> 32));
}


static uint32_t
tavus_record_get(const uint8_t *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}


static uint64_t
tavus_record_get64(const uint8_t *p)
{
    return tavus_record_get(p) | (uint64_t) tavus_record_get(p + 4) << 32;
}
