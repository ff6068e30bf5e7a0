/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_query.h"


static tavus_query_arg_t  table[3];
static char               buffer[512];
static const char        *bad;
static size_t             bad_len;


static tavus_query_status_t
parse(const char *args, size_t len)
{
    char                  *copy, *buf;
    tavus_query_status_t   status;

    memset(table, 0, sizeof(table));

    table[0].name = "type";
    table[0].max = 8;
    table[1].name = "q";
    table[1].max = 200;
    table[2].name = "limit";
    table[2].max = 4;

    /* the previous call's values must not survive */

    table[1].value = "stale";

    /* buf has exactly the room promised */

    copy = test_copy(args, len);
    buf = malloc(len + 1);
    assert_non_null(buf);

    bad = NULL;
    bad_len = 0;

    status = tavus_query_parse(copy, len, table, 3, buf, &bad, &bad_len);

    if (bad) {
        bad = args + (bad - copy);
    }

    memset(buffer, 0, sizeof(buffer));

    if (status == TAVUS_QUERY_OK) {
        size_t  i;

        memcpy(buffer, buf, len + 1);

        for (i = 0; i < 3; i++) {
            if (table[i].value) {
                assert_int_equal(strlen(table[i].value), table[i].len);
                table[i].value = buffer + (table[i].value - buf);
            }
        }
    }

    free(copy);
    free(buf);

    return status;
}


#define PARSE(text)  parse(text, sizeof(text) - 1)


static void
test_values(void **state)
{
    assert_int_equal(PARSE(""), TAVUS_QUERY_OK);
    assert_null(table[0].value);
    assert_null(table[1].value);

    assert_int_equal(PARSE("type=a&q=b+c%20d%2Be&limit=10"), TAVUS_QUERY_OK);
    assert_string_equal(table[0].value, "a");
    assert_string_equal(table[1].value, "b c d+e");
    assert_string_equal(table[2].value, "10");

    /* WHATWG: empty sequences are skipped, only the first = divides */

    assert_int_equal(PARSE("&&q=a=b=c&&"), TAVUS_QUERY_OK);
    assert_string_equal(table[1].value, "a=b=c");
    assert_null(table[0].value);

    assert_int_equal(PARSE("q"), TAVUS_QUERY_OK);
    assert_string_equal(table[1].value, "");
    assert_int_equal(PARSE("q="), TAVUS_QUERY_OK);
    assert_string_equal(table[1].value, "");
    assert_int_equal(PARSE("q&type&limit"), TAVUS_QUERY_OK);
    assert_string_equal(table[2].value, "");

    /* names are decoded, too */

    assert_int_equal(PARSE("t%79p%65=x"), TAVUS_QUERY_OK);
    assert_string_equal(table[0].value, "x");

    assert_int_equal(PARSE("q=%D1%8f\xd1\x8f%f0%9F%98%80"), TAVUS_QUERY_OK);
    assert_string_equal(table[1].value, "яя\xf0\x9f\x98\x80");

    assert_int_equal(PARSE("type=12345678"), TAVUS_QUERY_OK);
    assert_int_equal(PARSE("type=%31%32%33%34%35%36%37%38"), TAVUS_QUERY_OK);
    assert_string_equal(table[0].value, "12345678");
}


static void
test_errors(void **state)
{
    size_t  i;

    static const struct {
        const char            *args;
        size_t                 len;
        tavus_query_status_t   status;
        const char            *bad;

    } cases[] = {

#define CASE(text, status, name)  { text, sizeof(text) - 1, status, name }

        CASE("x=1", TAVUS_QUERY_UNKNOWN, "x"),
        CASE("=1", TAVUS_QUERY_UNKNOWN, ""),
        CASE("Type=1", TAVUS_QUERY_UNKNOWN, "Type"),
        CASE("typ=1", TAVUS_QUERY_UNKNOWN, "typ"),
        CASE("types=1", TAVUS_QUERY_UNKNOWN, "types"),
        CASE("q=1;type=2&typo", TAVUS_QUERY_UNKNOWN, "typo"),
        CASE("q=1&q=2", TAVUS_QUERY_TWICE, "q"),
        CASE("q=&%71=", TAVUS_QUERY_TWICE, "%71"),
        CASE("q=%", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%4", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%4&type=a", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%4g", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%g4", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=% 4", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%00", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=a\0b", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q%00=a", TAVUS_QUERY_MALFORMED, "q%00"),
        CASE("q=%80", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%C0%80", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%ED%A0%80", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%F4%90%80%80", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=%E2%82", TAVUS_QUERY_MALFORMED, "q"),
        CASE("q=\xff", TAVUS_QUERY_MALFORMED, "q"),
        CASE("%=a", TAVUS_QUERY_MALFORMED, "%"),
        CASE("type=123456789", TAVUS_QUERY_TOO_LONG, "type"),
        CASE("type=%D1%8f%D1%8f%D1%8f%D1%8f+", TAVUS_QUERY_TOO_LONG, "type"),
        CASE("q=1&limit=10000&x", TAVUS_QUERY_TOO_LONG, "limit")

#undef CASE
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].args, cases[i].len),
                         cases[i].status);
        assert_non_null(bad);
        assert_int_equal(bad_len, strlen(cases[i].bad));
        assert_memory_equal(bad, cases[i].bad, bad_len);
    }

    assert_int_equal(tavus_query_parse("x", 1, table, 3, buffer, NULL, NULL),
                     TAVUS_QUERY_UNKNOWN);
}


static void
test_random_bytes(void **state)
{
    char      args[64];
    size_t    i, len;
    uint64_t  seed, n;

    static const char  alphabet[] = "qq&&==%%+typelimi0123456789aAfF\xd1\x8f";

    seed = 99;

    for (n = 0; n < 200000; n++) {
        len = test_random(&seed) % sizeof(args);

        for (i = 0; i < len; i++) {
            args[i] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
        }

        (void) parse(args, len);
    }
}


static void
test_number(void **state)
{
    size_t   i;
    int64_t  n;

    static const struct {
        const char  *text;
        int64_t      min;
        int64_t      max;
        int          rc;
        int64_t      value;

    } cases[] = {
        { "0", 0, 10, 0, 0 },
        { "10", 0, 10, 0, 10 },
        { "11", 0, 10, -1, 0 },
        { "9", 10, 20, -1, 0 },
        { "-5", -5, 5, 0, -5 },
        { "-6", -5, 5, -1, 0 },
        { "9223372036854775807", 0, INT64_MAX, 0, INT64_MAX },
        { "9223372036854775808", INT64_MIN, INT64_MAX, -1, 0 },
        { "-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN },
        { "-9223372036854775809", INT64_MIN, INT64_MAX, -1, 0 },
        { "18446744073709551616", INT64_MIN, INT64_MAX, -1, 0 },
        { "99999999999999999999999", INT64_MIN, INT64_MAX, -1, 0 },
        { "", INT64_MIN, INT64_MAX, -1, 0 },
        { "-", INT64_MIN, INT64_MAX, -1, 0 },
        { "-0", INT64_MIN, INT64_MAX, -1, 0 },
        { "+1", INT64_MIN, INT64_MAX, -1, 0 },
        { "01", INT64_MIN, INT64_MAX, -1, 0 },
        { "1 ", INT64_MIN, INT64_MAX, -1, 0 },
        { " 1", INT64_MIN, INT64_MAX, -1, 0 },
        { "1.0", INT64_MIN, INT64_MAX, -1, 0 },
        { "1e3", INT64_MIN, INT64_MAX, -1, 0 },
        { "0x10", INT64_MIN, INT64_MAX, -1, 0 },
        { "--1", INT64_MIN, INT64_MAX, -1, 0 }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        n = 4711;

        assert_int_equal(tavus_query_number(cases[i].text,
                                            strlen(cases[i].text),
                                            cases[i].min, cases[i].max, &n),
                         cases[i].rc);
        assert_true(n == (cases[i].rc == 0 ? cases[i].value : 4711));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_number)
    };

    return test_run(tests);
}
