/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Any bytes as a journal file; then a file of records made from them, with
 * rubbish between, some damaged, and cut anywhere: each sound one is found
 * and nothing else, whatever a damaged one's body poses as.
 */

#include "fuzz.h"
#include "tavus_record.h"


#define FUZZ_RECORDS  16


static void fuzz_read(const uint8_t *data, size_t size);
static void fuzz_build(const uint8_t *data, size_t size);
static void fuzz_check(const uint8_t *payload, size_t len,
    const tavus_record_field_t *fields);


static uint8_t  fuzz_key[TAVUS_SIPHASH_KEY_LEN];


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t   *file;
    uint64_t   hash;

    if (size > 4096) {
        return 0;
    }

    /* another key for each input: a fuzzer would learn one from compares */

    memset(fuzz_key, 0, sizeof(fuzz_key));
    hash = tavus_siphash(fuzz_key, data, size);
    memcpy(fuzz_key, &hash, sizeof(hash));

    fuzz_read(data, size);

    /* behind a header that is sound */

    file = malloc(TAVUS_RECORD_FILE + size);
    fuzz_assert(file != NULL);

    tavus_record_begin(file, fuzz_key);

    if (size) {
        memcpy(file + TAVUS_RECORD_FILE, data, size);
    }

    fuzz_read(file, TAVUS_RECORD_FILE + size);
    free(file);

    fuzz_build(data, size);

    return 0;
}


static void
fuzz_read(const uint8_t *data, size_t size)
{
    size_t                  from, len, at, i;
    uint8_t                *file;
    uint32_t                sum;
    const uint8_t          *payload;
    tavus_record_field_t    field;
    tavus_record_reader_t   reader;
    tavus_record_status_t   status;

    file = fuzz_copy(data, size);
    sum = 0;

    status = tavus_record_open(&reader, file, size);

    fuzz_assert((status == TAVUS_RECORD_END) == (size == 0));
    fuzz_assert(reader.pos == (status == TAVUS_RECORD_OK ? TAVUS_RECORD_FILE
                                                         : 0));

    while (status == TAVUS_RECORD_OK || status == TAVUS_RECORD_DAMAGED) {
        from = reader.pos;

        if (from == 0) {
            break;
        }

        status = tavus_record_next(&reader, &payload, &len);

        if (status == TAVUS_RECORD_END) {
            fuzz_assert(from == size);
            break;
        }

        if (status == TAVUS_RECORD_TORN) {
            fuzz_assert(reader.pos == from && from < size);
            break;
        }

        fuzz_assert(reader.pos > from && reader.pos <= size);
        fuzz_assert(payload >= file + from
                    && payload + len == file + reader.pos);

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

    /* fields of bytes that no sum guards */

    for (at = 0;
         tavus_record_field(file, size, &at, &field) == TAVUS_RECORD_OK; )
    {
        fuzz_assert(at <= size && field.data + field.len == file + at);
    }

    free(file);
    (void) sum;
}


static void
fuzz_build(const uint8_t *data, size_t size)
{
    size_t                  n, i, len, cut, end, at, start[FUZZ_RECORDS];
    uint8_t                *file, *p, *exact, how, hurt[FUZZ_RECORDS];
    const uint8_t          *payload;
    tavus_record_field_t    fields[FUZZ_RECORDS][2];
    tavus_record_reader_t   reader;
    tavus_record_status_t   status;

    file = malloc(TAVUS_RECORD_FILE + size * 2 + FUZZ_RECORDS * 64);
    fuzz_assert(file != NULL);

    tavus_record_begin(file, fuzz_key);
    p = file + TAVUS_RECORD_FILE;

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
        end = tavus_record_write(p, fuzz_key, fields[n], 2) - file;
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

    fuzz_assert(tavus_record_open(&reader, exact, cut) == TAVUS_RECORD_OK);

    for (i = 0; ; i++) {

        while (i < n && (hurt[i] || start[i]
                         + tavus_record_size(fields[i], 2) > cut))
        {
            i++;
        }

        do {
            at = reader.pos;
            status = tavus_record_next(&reader, &payload, &len);
        } while (status == TAVUS_RECORD_DAMAGED);

        if (status != TAVUS_RECORD_OK) {
            break;
        }

        fuzz_assert(i < n && at == start[i]);
        fuzz_check(payload, len, fields[i]);
    }

    fuzz_assert(i == n);

    free(exact);
}


static void
fuzz_check(const uint8_t *payload, size_t len,
    const tavus_record_field_t *fields)
{
    size_t                i, at;
    tavus_record_field_t  field;

    at = 0;

    for (i = 0; i < 2; i++) {
        fuzz_assert(tavus_record_field(payload, len, &at, &field)
                    == TAVUS_RECORD_OK);
        fuzz_assert(field.tag == fields[i].tag
                    && field.len == fields[i].len
                    && memcmp(field.data, fields[i].data, field.len) == 0);
    }

    fuzz_assert(tavus_record_field(payload, len, &at, &field)
                == TAVUS_RECORD_END);
}
