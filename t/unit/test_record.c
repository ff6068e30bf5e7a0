/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_record.h"


static const uint8_t  test_key[TAVUS_SIPHASH_KEY_LEN] = "the file's key!";
static const uint8_t  test_other_key[TAVUS_SIPHASH_KEY_LEN] = "another's key!!";


static size_t
test_write(uint8_t *dst, const uint8_t *key, const char *text)
{
    tavus_record_field_t  fields[2];

    fields[0].tag = 1;
    fields[0].data = (const uint8_t *) text;
    fields[0].len = strlen(text);
    fields[1].tag = 2;
    fields[1].data = NULL;
    fields[1].len = 0;

    assert_int_equal(tavus_record_write(dst, key, fields, 2) - dst,
                     tavus_record_size(fields, 2));

    return tavus_record_size(fields, 2);
}


static void
test_open(tavus_record_reader_t *reader, const uint8_t *data, size_t size)
{
    assert_int_equal(tavus_record_open(reader, data, size), TAVUS_RECORD_OK);
    assert_int_equal(reader->pos, TAVUS_RECORD_FILE);
    assert_memory_equal(reader->key, test_key, sizeof(test_key));
}


static void
test_read(tavus_record_reader_t *reader, const char *text)
{
    size_t                len, pos;
    const uint8_t        *payload;
    tavus_record_field_t  field;

    assert_int_equal(tavus_record_next(reader, &payload, &len),
                     TAVUS_RECORD_OK);

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
test_damage(tavus_record_reader_t *reader, const uint8_t *from, size_t size)
{
    size_t          len;
    const uint8_t  *payload;

    assert_int_equal(tavus_record_next(reader, &payload, &len),
                     TAVUS_RECORD_DAMAGED);
    assert_ptr_equal(payload, from);
    assert_int_equal(len, size);
}


static void
test_end(tavus_record_reader_t *reader, tavus_record_status_t status)
{
    size_t          len;
    const uint8_t  *payload;

    assert_int_equal(tavus_record_next(reader, &payload, &len), status);
}


static void
test_records(void **state)
{
    size_t                 size;
    uint8_t                bytes[TAVUS_RECORD_FILE + 512];
    tavus_record_reader_t  reader;

    tavus_record_begin(bytes, test_key);
    size = TAVUS_RECORD_FILE;
    size += test_write(bytes + size, test_key, "one");
    size += test_write(bytes + size, test_key, "");
    size += test_write(bytes + size, test_key, "three");

    test_open(&reader, bytes, size);
    test_read(&reader, "one");
    test_read(&reader, "");
    test_read(&reader, "three");
    test_end(&reader, TAVUS_RECORD_END);
}


/* the key is there twice; without it nothing is read */

static void
test_file(void **state)
{
    size_t                 size, at;
    uint8_t                bytes[TAVUS_RECORD_FILE + 512];
    unsigned               bit;
    tavus_record_reader_t  reader;

    tavus_record_begin(bytes, test_key);
    size = TAVUS_RECORD_FILE;
    size += test_write(bytes + size, test_key, "one");

    for (bit = 0; bit < TAVUS_RECORD_FILE * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);

        test_open(&reader, bytes, size);
        test_read(&reader, "one");

        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }

    memset(bytes, 0, 4096);
    test_open(&reader, bytes, size);
    test_read(&reader, "one");

    for (at = 4096; at < TAVUS_RECORD_FILE; at++) {
        bytes[at] ^= 0x10;
        assert_int_equal(tavus_record_open(&reader, bytes, size),
                         TAVUS_RECORD_DAMAGED);
        bytes[at] ^= 0x10;
    }
}


/* a crash may cut a file at any byte: what is whole before it is read */

static void
test_torn(void **state)
{
    size_t                 cut, one, size;
    uint8_t                bytes[TAVUS_RECORD_FILE + 512], *copy;
    tavus_record_reader_t  reader;

    tavus_record_begin(bytes, test_key);
    one = TAVUS_RECORD_FILE
          + test_write(bytes + TAVUS_RECORD_FILE, test_key, "one");
    size = one + test_write(bytes + one, test_key, "a second one");

    for (cut = 0; cut < size; cut++) {
        copy = (uint8_t *) test_copy((char *) bytes, cut);

        if (cut < TAVUS_RECORD_FILE) {
            assert_int_equal(tavus_record_open(&reader, copy, cut),
                             cut ? TAVUS_RECORD_TORN : TAVUS_RECORD_END);
            free(copy);
            continue;
        }

        test_open(&reader, copy, cut);

        if (cut >= one) {
            test_read(&reader, "one");
        }

        test_end(&reader, cut == TAVUS_RECORD_FILE || cut == one
                          ? TAVUS_RECORD_END : TAVUS_RECORD_TORN);
        assert_int_equal(reader.pos, cut < one ? TAVUS_RECORD_FILE : one);

        free(copy);
    }
}


/* a flipped bit anywhere in a record: its neighbours are read all the same */

static void
test_damaged(void **state)
{
    size_t                  first, second, size;
    uint8_t                 bytes[TAVUS_RECORD_FILE + 512];
    unsigned                bit;
    tavus_record_reader_t   reader;

    tavus_record_begin(bytes, test_key);
    first = TAVUS_RECORD_FILE
            + test_write(bytes + TAVUS_RECORD_FILE, test_key, "one");
    second = first + test_write(bytes + first, test_key, "two");
    size = second + test_write(bytes + second, test_key, "three");

    for (bit = 0; bit < (second - first) * 8; bit++) {
        bytes[first + bit / 8] ^= (uint8_t) (1u << bit % 8);

        test_open(&reader, bytes, size);
        test_read(&reader, "one");
        test_damage(&reader, bytes + first, second - first);
        test_read(&reader, "three");
        test_end(&reader, TAVUS_RECORD_END);

        /* in the last one it is no write that was cut short */

        test_open(&reader, bytes, second);
        test_read(&reader, "one");
        test_damage(&reader, bytes + first, second - first);
        test_end(&reader, TAVUS_RECORD_END);

        /* and what was cut short behind it is no damage */

        test_open(&reader, bytes, size - 1);
        test_read(&reader, "one");
        test_damage(&reader, bytes + first, second - first);
        test_end(&reader, TAVUS_RECORD_TORN);
        assert_int_equal(reader.pos, second);

        bytes[first + bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
}


/*
 * A damaged record whose text is a record of the next bytes: with the file's
 * key it would be read, with another it stays a text.
 */

static void
test_forged(void **state)
{
    size_t                  i, first, len, second, size;
    uint8_t                 bytes[TAVUS_RECORD_FILE + 512], text[256];
    tavus_record_field_t    field;
    tavus_record_reader_t   reader;

    static const uint8_t   *keys[] = { test_key, test_other_key };

    for (i = 0; i < 2; i++) {
        len = test_write(text, keys[i], "forged");

        field.tag = 1;
        field.data = text;
        field.len = len;

        tavus_record_begin(bytes, test_key);
        first = TAVUS_RECORD_FILE;
        second = tavus_record_write(bytes + first, test_key, &field, 1)
                 - bytes;
        size = second + test_write(bytes + second, test_key, "two");

        bytes[first] ^= 1;

        test_open(&reader, bytes, size);

        if (keys[i] == test_key) {
            test_damage(&reader, bytes + first, second - first - len);
            test_read(&reader, "forged");

        } else {
            test_damage(&reader, bytes + first, second - first);
        }

        test_read(&reader, "two");
        test_end(&reader, TAVUS_RECORD_END);
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
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_fields)
    };

    return test_run(tests);
}
