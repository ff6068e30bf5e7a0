/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Any bytes as a journal file; then a file of records made from them, with
 * rubbish between, some damaged, and cut anywhere: each sound one is found,
 * but where a damaged one's own body poses as a record that reaches into it.
 */

#include "fuzz.h"
#include "tavus_record.h"


#define FUZZ_RECORDS  16


static void fuzz_read(const uint8_t *data, size_t size);
static void fuzz_build(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) {
        return 0;
    }

    fuzz_read(data, size);
    fuzz_build(data, size);

    return 0;
}


static void
fuzz_read(const uint8_t *data, size_t size)
{
    size_t                  pos, from, len, at, i;
    uint8_t                *file;
    uint32_t                sum;
    const uint8_t          *payload;
    tavus_record_field_t    field;
    tavus_record_status_t   status;

    file = fuzz_copy(data, size);
    pos = 0;
    sum = 0;

    for ( ;; ) {
        from = pos;
        status = tavus_record_next(file, size, &pos, &payload, &len);

        if (status == TAVUS_RECORD_END) {
            fuzz_assert(from == size);
            break;
        }

        if (status == TAVUS_RECORD_TORN) {
            fuzz_assert(pos == from && from < size);
            break;
        }

        fuzz_assert(pos > from && pos <= size);
        fuzz_assert(payload >= file + from && payload + len == file + pos);

        if (status == TAVUS_RECORD_DAMAGED) {
            continue;
        }

        for (at = 0;
             tavus_record_field(payload, len, &at, &field)
             == TAVUS_RECORD_OK; )
        {
            fuzz_assert(field.data + field.len <= payload + len);

            for (i = 0; i < field.len; i++) {
                sum += field.data[i];
            }
        }
    }

    /* fields of bytes that no checksum guards */

    for (at = 0;
         tavus_record_field(file, size, &at, &field) == TAVUS_RECORD_OK; )
    {
        fuzz_assert(at <= size && field.data + field.len == file + at);
    }

    fuzz_assert(tavus_crc32c(tavus_crc32c(0, file, size / 2),
                             file + size / 2, size - size / 2)
                == tavus_crc32c(0, file, size));

    free(file);
    (void) sum;
}


static void
fuzz_build(const uint8_t *data, size_t size)
{
    size_t                 n, i, len, cut, end, pos, at, start[FUZZ_RECORDS];
    uint8_t               *file, *p, *exact, how, hurt[FUZZ_RECORDS];
    const uint8_t         *payload;
    tavus_record_field_t   field, fields[FUZZ_RECORDS][2];
    tavus_record_status_t  status;

    file = malloc(size * 2 + FUZZ_RECORDS * 64);
    fuzz_assert(file != NULL);

    p = file;

    for (n = 0; n < FUZZ_RECORDS && size >= 4; n++) {

        how = data[0];
        len = data[1] % (size - 3);

        fields[n][0].tag = 1;
        fields[n][0].data = data + 3;
        fields[n][0].len = len;
        fields[n][1].tag = data[2];
        fields[n][1].data = data + 3;
        fields[n][1].len = len / 2;

        if (how & 1) {
            /* what is no head of a record */
            memset(p, data[2], data[2] % 8);
            p += data[2] % 8;
        }

        start[n] = p - file;
        end = tavus_record_write(p, fields[n], 2) - file;
        fuzz_assert(end - start[n] == tavus_record_size(fields[n], 2));

        hurt[n] = how >> 1 & 1;

        if (hurt[n]) {
            p[data[2] % (end - start[n])] ^= (how >> 2) | 1;
        }

        p = file + end;
        data += 3 + len;
        size -= 3 + len;
    }

    cut = p - file;

    if (size && n) {
        cut -= data[0] % (cut - start[n - 1]);
    }

    exact = fuzz_copy(file, cut);
    free(file);

    pos = 0;
    i = 0;

    for ( ;; ) {

        while (i < n && (hurt[i] || start[i]
                         + tavus_record_size(fields[i], 2) > cut))
        {
            i++;
        }

        at = pos;
        status = tavus_record_next(exact, cut, &pos, &payload, &len);

        if (status == TAVUS_RECORD_END || status == TAVUS_RECORD_TORN) {
            break;
        }

        if (status == TAVUS_RECORD_OK && i < n && at == start[i]) {
            at = 0;
            fuzz_assert(tavus_record_field(payload, len, &at, &field)
                        == TAVUS_RECORD_OK);
            fuzz_assert(field.tag == 1 && field.len == fields[i][0].len
                        && memcmp(field.data, fields[i][0].data, field.len)
                           == 0);
            fuzz_assert(tavus_record_field(payload, len, &at, &field)
                        == TAVUS_RECORD_OK);
            fuzz_assert(field.len == fields[i][1].len);
            fuzz_assert(tavus_record_field(payload, len, &at, &field)
                        == TAVUS_RECORD_END);
            i++;

        } else if (status == TAVUS_RECORD_OK && i < n && pos > start[i]) {

            /*
             * A body may contain a sound record, which damage to its own
             * lets loose, and which may reach into the next: no checksum
             * tells it from a true one.
             */

            fuzz_assert(i > 0 && hurt[i - 1] && at > start[i - 1]);

            while (i < n && start[i] < pos) {
                hurt[i++] = 1;
            }
        }
    }

    fuzz_assert(i == n);

    free(exact);
}
