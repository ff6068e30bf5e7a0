/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_line.h"


#define NOW       1000000000
#define LIFETIME  3600
#define WISH      "{\"vertical\":\"legal\"}"


typedef struct {
    tavus_key_t          *keys[2];
    tavus_line_ticket_t   ticket;
    uint8_t               buf[TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX];
    tavus_line_ticket_t   read;
    size_t                match;
} line_t;


static line_t  line;


static int
setup(void **state)
{
    size_t       i;
    const char  *error;

    line.keys[0] = tavus_key_create("k2", 2, "another secret entirely", 23,
                                    TAVUS_SECRET_RAW, &error);
    line.keys[1] = tavus_key_create("k1", 2, "a secret of the tests", 21,
                                    TAVUS_SECRET_RAW, &error);

    for (i = 0; i < 16; i++) {
        line.ticket.id[i] = (uint8_t) (0xf0 + i);
        line.ticket.address[i] = (uint8_t) i;
        line.ticket.visitor[i] = (uint8_t) (0x80 + i);
    }

    line.ticket.issued = NOW;
    line.ticket.known = 1;
    line.ticket.wish = WISH;
    line.ticket.wish_len = sizeof(WISH) - 1;

    return line.keys[0] && line.keys[1] ? 0 : -1;
}


static int
teardown(void **state)
{
    tavus_key_free(line.keys[0]);
    tavus_key_free(line.keys[1]);

    return 0;
}


static tavus_verify_t
read_at(const char *text, size_t len, int64_t now, size_t nkeys)
{
    char            *copy;
    uint8_t         *buf;
    tavus_verify_t   rc;

    copy = test_copy(text, len);
    buf = (uint8_t *) test_copy((char *) line.buf, sizeof(line.buf));

    line.match = 99;
    rc = tavus_line_ticket_read(line.keys, nkeys, copy, len, now, LIFETIME,
                                buf, &line.read, &line.match);

    memcpy(line.buf, buf, sizeof(line.buf));

    if (rc == TAVUS_VERIFY_OK || rc == TAVUS_VERIFY_EXPIRED) {
        line.read.wish = (char *) line.buf + (line.read.wish
                                              - (char *) buf);
    }

    free(buf);
    free(copy);

    return rc;
}


static void
test_round(void **state)
{
    int   i, len;
    char  text[TAVUS_LINE_TICKET_MAX], *wish;

    wish = calloc(1, TAVUS_LINE_WISH_MAX + 1);
    assert_non_null(wish);

    /* all remainders of three bytes, none, and as many as there may be */

    for (i = 0; i <= TAVUS_LINE_WISH_MAX;
         i = i == 5 ? TAVUS_LINE_WISH_MAX - 1 : i + 1)
    {
        memset(wish, 'a' + i % 26, i);

        line.ticket.wish = wish;
        line.ticket.wish_len = i;

        len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);
        assert_in_range(len, 1, TAVUS_LINE_TICKET_MAX);

        assert_int_equal(read_at(text, len, NOW, 2), TAVUS_VERIFY_OK);
        assert_int_equal(line.match, 1);
        assert_memory_equal(line.read.id, line.ticket.id, 16);
        assert_int_equal(line.read.issued, NOW);
        assert_int_equal(line.read.known, 1);
        assert_memory_equal(line.read.address, line.ticket.address, 16);
        assert_memory_equal(line.read.visitor, line.ticket.visitor, 16);
        assert_int_equal(line.read.wish_len, i);
        assert_memory_equal(line.read.wish, wish, i);
    }

    line.ticket.wish_len = TAVUS_LINE_WISH_MAX + 1;
    assert_int_equal(tavus_line_ticket_make(line.keys[1], &line.ticket, text),
                     -1);

    line.ticket.wish = WISH;
    line.ticket.wish_len = sizeof(WISH) - 1;

    line.ticket.issued = -1;
    assert_int_equal(tavus_line_ticket_make(line.keys[1], &line.ticket, text),
                     -1);
    line.ticket.issued = NOW;

    /* who is not known leaves no trace of another */

    line.ticket.known = 0;
    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);
    assert_int_equal(read_at(text, len, NOW, 2), TAVUS_VERIFY_OK);
    assert_int_equal(line.read.known, 0);
    assert_memory_equal(line.read.visitor, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                        16);
    line.ticket.known = 1;

    free(wish);
}


static void
test_text(void **state)
{
    int   len;
    char  text[TAVUS_LINE_TICKET_MAX];

    /* python: base64.urlsafe_b64encode(payload), without its padding */

    static const char  expected[] =
        "AfDx8vP09fb3-Pn6-_z9_v8AAAAAO5rKAAEAAQIDBAUGBwgJCgsMDQ4PgIGCg4SFhoe"
        "IiYqLjI2Oj3sidmVydGljYWwiOiJsZWdhbCJ9.k1.";

    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);

    assert_int_equal(len, sizeof(expected) - 1 + 64);
    assert_memory_equal(text, expected, sizeof(expected) - 1);
}


static void
test_forged(void **state)
{
    int           i, len;
    char          c, text[TAVUS_LINE_TICKET_MAX], old[TAVUS_TICKET_MAX];
    char          payload[] = "AfDx";
    tavus_use_t   use;

    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);

    for (i = 0; i < len; i++) {
        c = text[i];
        text[i] = c == 'A' ? 'B' : 'A';
        assert_int_not_equal(read_at(text, len, NOW, 2), TAVUS_VERIFY_OK);
        assert_int_equal(line.match, 99);
        text[i] = c;

        assert_int_not_equal(read_at(text, i, NOW, 2), TAVUS_VERIFY_OK);
    }

    assert_int_equal(read_at("", 0, NOW, 2), TAVUS_VERIFY_MISSING);
    assert_int_equal(read_at(".", 1, NOW, 2), TAVUS_VERIFY_MALFORMED);
    assert_int_equal(read_at(text, len, NOW, 1), TAVUS_VERIFY_UNKNOWN_KEY);
    assert_int_equal(read_at(text, len, NOW, 0), TAVUS_VERIFY_UNKNOWN_KEY);

    /* what the same key has signed for others */

    for (use = TAVUS_USE_END; use < TAVUS_USE_COUNT; use++) {
        i = tavus_ticket_make(line.keys[1], use, payload, 4, old);
        assert_true(i > 0);

        memcpy(text, payload, 4);
        text[4] = '.';
        memcpy(text + 5, old, i);

        assert_int_equal(read_at(text, 5 + i, NOW, 2),
                         use == TAVUS_USE_LINE ? TAVUS_VERIFY_MALFORMED
                                               : TAVUS_VERIFY_MISMATCH);
    }
}


/* signed, but none of what is written: another version, other bits, too long */

static void
test_other_text(void **state)
{
    int      n, len;
    char    *dot, text[2 * TAVUS_LINE_TICKET_MAX];
    size_t   i, size;

    static const struct {
        size_t      at;
        const char  *digits;
    } changes[] = {
        { 0, "Ag" },        /* a version to come */
        { 22, "-" },        /* a time before 1970 */
        { 34, "I" },        /* neither a visitor nor none */
        { 34, "A" },        /* none, but with a hash */
        { 33, "*" },
        { 33, "=" },
        { 33, "+" }
    };

    for (i = 0; i < TEST_COUNT(changes); i++) {
        len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);
        dot = memchr(text, '.', len);
        size = dot - text;

        memcpy(text + changes[i].at, changes[i].digits,
               strlen(changes[i].digits));

        n = tavus_ticket_make(line.keys[1], TAVUS_USE_LINE, text, size,
                              dot + 1);

        assert_int_equal(read_at(text, size + 1 + n, NOW, 2),
                         TAVUS_VERIFY_MALFORMED);
    }

    /* bits that no byte has: the last digit of a payload of 3n + 1 bytes */

    line.ticket.wish_len = 0;

    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);
    dot = memchr(text, '.', len);
    size = dot - text;

    assert_int_equal(size % 4, TAVUS_LINE_HEAD % 3 + 1);

    text[size - 1]++;
    n = tavus_ticket_make(line.keys[1], TAVUS_USE_LINE, text, size, dot + 1);
    assert_int_equal(read_at(text, size + 1 + n, NOW, 2),
                     TAVUS_VERIFY_MALFORMED);

    line.ticket.wish_len = sizeof(WISH) - 1;

    memset(text, 'A', TAVUS_LINE_TEXT_MAX + 2);
    dot = text + TAVUS_LINE_TEXT_MAX + 2;
    *dot = '.';
    n = tavus_ticket_make(line.keys[1], TAVUS_USE_LINE, text,
                          TAVUS_LINE_TEXT_MAX + 2, dot + 1);
    assert_int_equal(read_at(text, TAVUS_LINE_TEXT_MAX + 3 + n, NOW, 2),
                     TAVUS_VERIFY_MALFORMED);
}


static void
test_time(void **state)
{
    int     len;
    char    text[TAVUS_LINE_TICKET_MAX];
    size_t  i;

    static const struct {
        int64_t         now;
        tavus_verify_t  rc;
    } times[] = {
        { NOW + LIFETIME, TAVUS_VERIFY_OK },
        { NOW + LIFETIME + 1, TAVUS_VERIFY_EXPIRED },
        { INT64_MAX, TAVUS_VERIFY_EXPIRED },
        { NOW - 60, TAVUS_VERIFY_OK },
        { NOW - 61, TAVUS_VERIFY_EXPIRED },
        { 0, TAVUS_VERIFY_EXPIRED }
    };

    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);

    for (i = 0; i < TEST_COUNT(times); i++) {
        assert_int_equal(read_at(text, len, times[i].now, 2), times[i].rc);
        assert_int_equal(line.match, 1);
        assert_memory_equal(line.read.id, line.ticket.id, 16);
    }

    line.ticket.issued = INT64_MAX;
    len = tavus_line_ticket_make(line.keys[1], &line.ticket, text);
    assert_int_equal(read_at(text, len, NOW, 2), TAVUS_VERIFY_EXPIRED);
    line.ticket.issued = NOW;
}


static void
test_hash(void **state)
{
    int      i, j;
    uint8_t  hash[5][TAVUS_LINE_HASH];

    assert_int_equal(tavus_line_hash(line.keys[0], "address", "abc", 3,
                                     hash[0]), 0);
    assert_int_equal(tavus_line_hash(line.keys[1], "address", "abc", 3,
                                     hash[1]), 0);
    assert_int_equal(tavus_line_hash(line.keys[0], "visitor", "abc", 3,
                                     hash[2]), 0);
    assert_int_equal(tavus_line_hash(line.keys[0], "addres", "sabc", 4,
                                     hash[3]), 0);
    assert_int_equal(tavus_line_hash(line.keys[0], "address", "", 0,
                                     hash[4]), 0);

    for (i = 0; i < 5; i++) {
        for (j = 0; j < i; j++) {
            assert_memory_not_equal(hash[i], hash[j], TAVUS_LINE_HASH);
        }
    }

    assert_int_equal(tavus_line_hash(line.keys[0], "address", "abc", 3,
                                     hash[1]), 0);
    assert_memory_equal(hash[0], hash[1], TAVUS_LINE_HASH);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_other_text),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_hash)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
