
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>

#include "tavus_record.h"


#define TAVUS_RECORD_MARK  0x314a5654u       /* "TVJ1" */
#define TAVUS_CRC32C_POLY  0x82f63b78u       /* reflected */


static uint8_t *tavus_record_u32(uint8_t *p, uint32_t n);
static uint32_t tavus_record_get(const uint8_t *p);
static int tavus_record_at(const uint8_t *data, size_t size, size_t pos,
    size_t *len);


uint32_t
tavus_crc32c(uint32_t crc, const void *data, size_t len)
{
    uint32_t        c;
    unsigned        i, k;
    const uint8_t  *p = data;

    static uint32_t  table[256];

    if (table[1] == 0) {
        for (i = 0; i < 256; i++) {
            c = i;

            for (k = 0; k < 8; k++) {
                c = (c >> 1) ^ (TAVUS_CRC32C_POLY & (0u - (c & 1)));
            }

            table[i] = c;
        }
    }

    crc = ~crc;

    while (len--) {
        crc = (crc >> 8) ^ table[(crc ^ *p++) & 0xff];
    }

    return ~crc;
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
tavus_record_write(uint8_t *dst, const tavus_record_field_t *fields, size_t n)
{
    size_t    i, len;
    uint8_t  *p;

    len = tavus_record_size(fields, n) - TAVUS_RECORD_HEADER;

    p = tavus_record_u32(dst, TAVUS_RECORD_MARK);
    p = tavus_record_u32(p, (uint32_t) len);
    p += 4;

    *p++ = TAVUS_RECORD_VERSION;

    for (i = 0; i < n; i++) {
        *p++ = fields[i].tag;
        p = tavus_record_u32(p, (uint32_t) fields[i].len);

        if (fields[i].len) {
            memcpy(p, fields[i].data, fields[i].len);
            p += fields[i].len;
        }
    }

    (void) tavus_record_u32(dst + 8,
                            tavus_crc32c(tavus_crc32c(0, dst + 4, 4),
                                         dst + TAVUS_RECORD_HEADER, len));

    return p;
}


tavus_record_status_t
tavus_record_next(const uint8_t *data, size_t size, size_t *pos,
    const uint8_t **payload, size_t *len)
{
    size_t  start, n;

    start = *pos;

    if (start >= size) {
        return TAVUS_RECORD_END;
    }

    switch (tavus_record_at(data, size, start, &n)) {

    case 1:
        *payload = data + start + TAVUS_RECORD_HEADER;
        *len = n;
        *pos = start + TAVUS_RECORD_HEADER + n;
        return TAVUS_RECORD_OK;

    case 0:

        /*
         * A record that reaches beyond the end: its length may be what is
         * damaged, so it is torn only if nothing sound follows.
         */

    default:
        break;
    }

    for (n = start + 1; n < size; n++) {
        if (tavus_record_at(data, size, n, len) == 1) {
            *payload = data + start;
            *len = n - start;
            *pos = n;
            return TAVUS_RECORD_DAMAGED;
        }
    }

    if (tavus_record_at(data, size, start, len) == 0) {
        return TAVUS_RECORD_TORN;
    }

    *payload = data + start;
    *len = size - start;
    *pos = size;

    return TAVUS_RECORD_DAMAGED;
}


/* 1: a whole and sound record is there; 0: the head of one; -1: neither */

static int
tavus_record_at(const uint8_t *data, size_t size, size_t pos, size_t *len)
{
    size_t          left;
    uint8_t         mark[4];
    uint32_t        n;
    const uint8_t  *p;

    p = data + pos;
    left = size - pos;

    (void) tavus_record_u32(mark, TAVUS_RECORD_MARK);

    if (memcmp(p, mark, left < 4 ? left : 4) != 0) {
        return -1;
    }

    if (left < TAVUS_RECORD_HEADER) {
        return 0;
    }

    n = tavus_record_get(p + 4);

    if (n == 0 || n > TAVUS_RECORD_MAX) {
        return -1;
    }

    if (n > left - TAVUS_RECORD_HEADER) {
        return 0;
    }

    if (tavus_crc32c(tavus_crc32c(0, p + 4, 4), p + TAVUS_RECORD_HEADER, n)
        != tavus_record_get(p + 8))
    {
        return -1;
    }

    *len = n;

    return 1;
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


static uint8_t *
tavus_record_u32(uint8_t *p, uint32_t n)
{
    *p++ = (uint8_t) n;
    *p++ = (uint8_t) (n >> 8);
    *p++ = (uint8_t) (n >> 16);
    *p++ = (uint8_t) (n >> 24);

    return p;
}


static uint32_t
tavus_record_get(const uint8_t *p)
{
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}
