/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_record.h"


static size_t
test_write(uint8_t *dst, const char *text)
{
    tavus_record_field_t  fields[2];

    fields[0].tag = 1;
    fields[0].data = (const uint8_t *) text;
    fields[0].len = strlen(text);
    fields[1].tag = 2;
    fields[1].data = NULL;
    fields[1].len = 0;

    assert_int_equal(tavus_record_write(dst, fields, 2) - dst,
                     tavus_record_size(fields, 2));

    return tavus_record_size(fields, 2);
}


static void
test_read(const uint8_t *payload, size_t len, const char *text)
{
    size_t                pos;
    tavus_record_field_t  field;

    pos = 0;

    assert_int_equal(tavus_record_field(payload, len, &pos, &field),
                     TAVUS_RECORD_OK);
    assert_int_equal(field.tag, 1);
    assert_int_equal(field.len, strlen(text));
    assert_memory_equal(field.data, text, field.len);

    assert_int_equal(tavus_record_field(payload, len, &pos, &field),
                     TAVUS_RECORD_OK);
    assert_int_equal(field.tag, 2);
    assert_int_equal(field.len, 0);

    assert_int_equal(tavus_record_field(payload, len, &pos, &field),
                     TAVUS_RECORD_END);
}


static void
test_crc32c(void **state)
{
    uint8_t  bytes[32];
    size_t   i;

    /* RFC 3720, B.4 */

    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(tavus_crc32c(0, bytes, 32), 0x8a9136aa);

    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(tavus_crc32c(0, bytes, 32), 0x62a8ab43);

    for (i = 0; i < 32; i++) {
        bytes[i] = (uint8_t) i;
    }

    assert_int_equal(tavus_crc32c(0, bytes, 32), 0x46dd794e);
    assert_int_equal(tavus_crc32c(0, "123456789", 9), 0xe3069283);

    /* in pieces as in one */

    assert_int_equal(tavus_crc32c(tavus_crc32c(0, "1234", 4), "56789", 5),
                     0xe3069283);
}


static void
test_records(void **state)
{
    size_t          len, pos, size;
    uint8_t         bytes[512];
    const uint8_t  *payload;

    size = test_write(bytes, "one");
    size += test_write(bytes + size, "");
    size += test_write(bytes + size, "three");

    pos = 0;

    assert_int_equal(tavus_record_next(bytes, size, &pos, &payload, &len),
                     TAVUS_RECORD_OK);
    test_read(payload, len, "one");
    assert_int_equal(tavus_record_next(bytes, size, &pos, &payload, &len),
                     TAVUS_RECORD_OK);
    test_read(payload, len, "");
    assert_int_equal(tavus_record_next(bytes, size, &pos, &payload, &len),
                     TAVUS_RECORD_OK);
    test_read(payload, len, "three");
    assert_int_equal(tavus_record_next(bytes, size, &pos, &payload, &len),
                     TAVUS_RECORD_END);
}


/* a crash may cut a file at any byte: what is whole before it is read */

static void
test_torn(void **state)
{
    char           *copy;
    size_t          cut, len, one, pos, size;
    uint8_t         bytes[512];
    const uint8_t  *payload;

    one = test_write(bytes, "one");
    size = one + test_write(bytes + one, "a second one");

    for (cut = one + 1; cut < size; cut++) {
        copy = test_copy((char *) bytes, cut);
        pos = 0;

        assert_int_equal(tavus_record_next((uint8_t *) copy, cut, &pos,
                                           &payload, &len),
                         TAVUS_RECORD_OK);
        test_read(payload, len, "one");

        assert_int_equal(tavus_record_next((uint8_t *) copy, cut, &pos,
                                           &payload, &len),
                         TAVUS_RECORD_TORN);
        assert_int_equal(pos, one);

        free(copy);
    }
}


/* a flipped bit anywhere in a record: its neighbours are read all the same */

static void
test_damaged(void **state)
{
    size_t                  first, len, pos, second, size;
    uint8_t                 bytes[512];
    unsigned                bit;
    const uint8_t          *payload;

    first = test_write(bytes, "one");
    second = first + test_write(bytes + first, "two");
    size = second + test_write(bytes + second, "three");

    for (bit = 0; bit < (second - first) * 8; bit++) {
        bytes[first + bit / 8] ^= (uint8_t) (1u << bit % 8);
        pos = 0;

        assert_int_equal(tavus_record_next(bytes, size, &pos, &payload,
                                           &len),
                         TAVUS_RECORD_OK);
        test_read(payload, len, "one");

        assert_int_equal(tavus_record_next(bytes, size, &pos, &payload,
                                           &len),
                         TAVUS_RECORD_DAMAGED);
        assert_ptr_equal(payload, bytes + first);
        assert_int_equal(len, second - first);

        assert_int_equal(tavus_record_next(bytes, size, &pos, &payload,
                                           &len),
                         TAVUS_RECORD_OK);
        test_read(payload, len, "three");

        bytes[first + bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
}


static void
test_fields(void **state)
{
    size_t                pos;
    tavus_record_field_t  field;

    static const uint8_t  other[] = { 2, 1, 0, 0, 0, 0 };
    static const uint8_t  longer[] = { 1, 1, 2, 0, 0, 0, 'x' };
    static const uint8_t  cut[] = { 1, 1, 0, 0 };

    pos = 0;
    assert_int_equal(tavus_record_field(other, 0, &pos, &field),
                     TAVUS_RECORD_DAMAGED);
    pos = 0;
    assert_int_equal(tavus_record_field(other, sizeof(other), &pos, &field),
                     TAVUS_RECORD_DAMAGED);
    pos = 0;
    assert_int_equal(tavus_record_field(longer, sizeof(longer), &pos,
                                        &field),
                     TAVUS_RECORD_DAMAGED);
    pos = 0;
    assert_int_equal(tavus_record_field(cut, sizeof(cut), &pos, &field),
                     TAVUS_RECORD_DAMAGED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_fields)
    };

    return test_run(tests);
}
