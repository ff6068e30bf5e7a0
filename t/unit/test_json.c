/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <math.h>

#include "test.h"
#include "tavus_json.h"
#include "tavus_json_array.h"
#include "tavus_json_print.h"
#include "tavus_json_unique.h"


typedef struct {
    const char           *text;
    size_t                len;
    tavus_json_status_t   status;
    size_t                offset;
} case_t;


#define OK(t)            { t, sizeof(t) - 1, TAVUS_JSON_OK, 0 }
#define BAD(t, s, o)     { t, sizeof(t) - 1, TAVUS_JSON_ ## s, o }


static const case_t  valid[] = {
    OK("null"), OK("true"), OK("false"), OK("0"), OK("-0"), OK("\"\""),
    OK("{}"), OK("[]"), OK("[[]]"), OK("[{}]"), OK("{\"\":{}}"),
    OK(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
    OK("{ \"a\" : 1 , \"b\" : [ true , false , null ] }"),
    OK("[0,1,-1,10,1234567890,0.5,-0.5,1.25,0.0]"),
    OK("[1e1,1E1,1e+1,1E-1,0e0,0e+0,0e-0,1.5e10,-1.5E-10,0.0e5,1e01]"),
    OK("\"abc\""), OK("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    OK("\"\\u0041\\u00e9\\u20AC\\uFFFF\\u0001\\u007f\""),
    OK("\"\\ud83d\\ude00\""), OK("\"\\uD800\\uDC00\""),
    OK("\"\\uDBFF\\uDFFF\""),
    OK("\"\x7f\""), OK("\"\xc2\x80\""), OK("\"\xdf\xbf\""),
    OK("\"\xe0\xa0\x80\""), OK("\"\xed\x9f\xbf\""), OK("\"\xee\x80\x80\""),
    OK("\"\xef\xbf\xbf\""), OK("\"\xf0\x90\x80\x80\""),
    OK("\"\xf4\x8f\xbf\xbf\""), OK("\"\xe2\x80\xa8\""),
    OK("\"\xef\xbb\xbf\""),
    OK("\"1234567\xc3\xa9 12345678901234567890\xe2\x82\xac\""),
    OK("\"12345678\\n12345678\""), OK("\"1234567\\\"8\""),
    OK("[\"a\",\"bb\",\"ccc\",\"dddd\",\"eeeee\",\"ffffff\",\"ggggggg\"]"),
    OK("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"),
    OK("{\"a\":1,\"A\":2,\"\":3,\" \":4,\"a \":5,\"\\u0061a\":6}"),

    /* PostgreSQL 15 takes these, and not one more */

    OK("1e131071"), OK("-1e131071"), OK("10e131070"), OK("0.1e131072"),
    OK("0.01e131073"), OK("1e+00131071"), OK("1e0000000000000131071"),
    OK("1e-16383"), OK("1.5e-16382"), OK("100e-16383"), OK("0e-16383"),
    OK("0e400000"), OK("0e131072"), OK("0.00000000e131080"),
    OK("0e1073741822"), OK("-0.0e1073741822"), OK("0.5e16000"),
    OK("1E-000016383")
};


static const case_t  invalid[] = {
    BAD("", EMPTY, 0), BAD(" ", EMPTY, 1), BAD("\n\t\r ", EMPTY, 4),

    /* the byte order mark, and white space of other kinds */

    BAD("\xef\xbb\xbf{}", SYNTAX, 0), BAD("\xef\xbb\xbf", SYNTAX, 0),
    BAD("\xff\xfe{\0}\0", SYNTAX, 0), BAD("{}\xef\xbb\xbf", TRAILING, 2),
    BAD("\f[]", SYNTAX, 0), BAD("\v1", SYNTAX, 0), BAD("[\x1f]", SYNTAX, 1),
    BAD("[\xc2\xa0]", SYNTAX, 1), BAD("\xe2\x80\xa8[]", SYNTAX, 0),
    BAD("\0", SYNTAX, 0), BAD("\0{}", SYNTAX, 0),

    /* trailing bytes */

    BAD("1 2", TRAILING, 2), BAD("{}{}", TRAILING, 2),
    BAD("[] x", TRAILING, 3), BAD("{},", TRAILING, 2),
    BAD("[]]", TRAILING, 2), BAD("{}}", TRAILING, 2),
    BAD("{}\0", TRAILING, 2), BAD("{} \0", TRAILING, 3),
    BAD("null\0", TRAILING, 4), BAD("\"a\"b", TRAILING, 3),
    BAD("nulll", TRAILING, 4), BAD("truefalse", TRAILING, 4),
    BAD("1\xff", TRAILING, 1), BAD("{}#", TRAILING, 2),
    BAD("{}/**/", TRAILING, 2), BAD("{};", TRAILING, 2),
    BAD("1,2", TRAILING, 1), BAD("\"a\",\"b\"", TRAILING, 3),

    /* arrays */

    BAD("[", END, 1), BAD("[1", END, 2), BAD("[1,", END, 3),
    BAD("[1,]", SYNTAX, 3), BAD("[,1]", SYNTAX, 1), BAD("[,]", SYNTAX, 1),
    BAD("[1,,2]", SYNTAX, 3), BAD("[1 2]", SYNTAX, 3), BAD("]", SYNTAX, 0),
    BAD("[1}", SYNTAX, 2), BAD("[}", SYNTAX, 1), BAD("[\"a\":1]", SYNTAX, 4),
    BAD("[1;2]", SYNTAX, 2), BAD("[[]", END, 3), BAD("[*]", SYNTAX, 1),
    BAD("[\"a\",\n4\n,1,", END, 11), BAD("[3[4]]", SYNTAX, 2),

    /* objects */

    BAD("{", END, 1), BAD("}", SYNTAX, 0), BAD("{\"a\"", END, 4),
    BAD("{\"a\":", END, 5), BAD("{\"a\":1", END, 6),
    BAD("{\"a\":1,", END, 7), BAD("{\"a\":1,}", SYNTAX, 7),
    BAD("{,}", SYNTAX, 1), BAD("{,\"a\":1}", SYNTAX, 1),
    BAD("{\"a\"}", SYNTAX, 4), BAD("{\"a\":}", SYNTAX, 5),
    BAD("{\"a\" 1}", SYNTAX, 5), BAD("{\"a\"::1}", SYNTAX, 5),
    BAD("{\"a\",1}", SYNTAX, 4), BAD("{\"a\"=1}", SYNTAX, 4),
    BAD("{:1}", SYNTAX, 1), BAD("{1:1}", SYNTAX, 1), BAD("{a:1}", SYNTAX, 1),
    BAD("{'a':1}", SYNTAX, 1), BAD("{null:1}", SYNTAX, 1),
    BAD("{[]:1}", SYNTAX, 1), BAD("{\"a\":1]", SYNTAX, 6),
    BAD("{]", SYNTAX, 1), BAD("{\"a\":1 \"b\":2}", SYNTAX, 7),
    BAD("{\"a\":1,,\"b\":2}", SYNTAX, 7), BAD("{\"a\":1,1}", SYNTAX, 7),
    BAD("{\"a\":/**/1}", SYNTAX, 5), BAD("{\"a\":1//\n}", SYNTAX, 6),
    BAD("{\"a\" /**/:1}", SYNTAX, 5), BAD("{\"a\":undefined}", SYNTAX, 5),

    /* literals */

    BAD("t", END, 1), BAD("tru", END, 3), BAD("True", SYNTAX, 0),
    BAD("TRUE", SYNTAX, 0), BAD("fals", END, 4), BAD("falze", SYNTAX, 0),
    BAD("nul", END, 3), BAD("nil", SYNTAX, 0), BAD("NULL", SYNTAX, 0),
    BAD("undefined", SYNTAX, 0), BAD("NaN", SYNTAX, 0), BAD("[nan]", SYNTAX, 1),
    BAD("Infinity", SYNTAX, 0), BAD("-Infinity", SYNTAX, 1),
    BAD("inf", SYNTAX, 0), BAD("abc", SYNTAX, 0), BAD("'a'", SYNTAX, 0),
    BAD("`a`", SYNTAX, 0), BAD("(1)", SYNTAX, 0), BAD("<null>", SYNTAX, 0),
    BAD("/**/1", SYNTAX, 0), BAD("//\n1", SYNTAX, 0), BAD("#\n1", SYNTAX, 0),

    /* numbers */

    BAD("-", END, 1), BAD("+1", SYNTAX, 0), BAD("+", SYNTAX, 0),
    BAD("--1", SYNTAX, 1), BAD("- 1", SYNTAX, 1), BAD("-a", SYNTAX, 1),
    BAD("01", SYNTAX, 1), BAD("-01", SYNTAX, 2), BAD("00", SYNTAX, 1),
    BAD("-00", SYNTAX, 2), BAD("00.5", SYNTAX, 1), BAD("[012]", SYNTAX, 2),
    BAD(".5", SYNTAX, 0), BAD("-.5", SYNTAX, 1), BAD("1.", END, 2),
    BAD("[1.]", SYNTAX, 3), BAD("1.e1", SYNTAX, 2), BAD("1.-1", SYNTAX, 2),
    BAD("1e", END, 2), BAD("1e+", END, 3), BAD("1e-", END, 3),
    BAD("1E+-1", SYNTAX, 3), BAD("1e1.5", TRAILING, 3),
    BAD("1ee1", SYNTAX, 2), BAD("[1e]", SYNTAX, 3), BAD("1.5.5", TRAILING, 3),
    BAD("0x10", TRAILING, 1), BAD("1_000", TRAILING, 1), BAD("1a", TRAILING, 1),
    BAD("[1+2]", SYNTAX, 2), BAD("[1-2]", SYNTAX, 2), BAD("1 000", TRAILING, 2),
    BAD("0e", END, 2), BAD("0e+", END, 3), BAD("0.", END, 2),
    BAD("[0 1]", SYNTAX, 3), BAD("1\xd9\xa1", TRAILING, 1),
    BAD("\xef\xbc\x91", SYNTAX, 0), BAD("1f", TRAILING, 1),
    BAD("1L", TRAILING, 1), BAD("-\0", SYNTAX, 1), BAD("1\0", TRAILING, 1),

    /* strings */

    BAD("\"", END, 1), BAD("\"a", END, 2), BAD("\"abcdefghi", END, 10),
    BAD("\"a\n\"", CONTROL, 2), BAD("\"a\tb\"", CONTROL, 2),
    BAD("\"\0\"", CONTROL, 1), BAD("\"\x1f\"", CONTROL, 1),
    BAD("\"abcdefghijkl\x1f\"", CONTROL, 13), BAD("\"\r\"", CONTROL, 1),
    BAD("\"\\", END, 2), BAD("\"\\\"", END, 3), BAD("\"\\a\"", ESCAPE, 1),
    BAD("\"\\v\"", ESCAPE, 1), BAD("\"\\0\"", ESCAPE, 1),
    BAD("\"\\x41\"", ESCAPE, 1), BAD("\"\\'\"", ESCAPE, 1),
    BAD("\"\\N\"", ESCAPE, 1), BAD("\"\\U0041\"", ESCAPE, 1),
    BAD("\"\\\n\"", ESCAPE, 1), BAD("\"\\\0\"", ESCAPE, 1),
    BAD("\"\\ \"", ESCAPE, 1), BAD("\"\\\xc3\xa9\"", ESCAPE, 1),
    BAD("\"\\u\"", ESCAPE, 1), BAD("\"\\u0\"", ESCAPE, 1),
    BAD("\"\\u00\"", ESCAPE, 1), BAD("\"\\u004\"", ESCAPE, 1),
    BAD("\"\\u004", END, 6), BAD("\"\\u004g\"", ESCAPE, 1),
    BAD("\"\\u00 1\"", ESCAPE, 1), BAD("\"\\u+041\"", ESCAPE, 1),
    BAD("\"\\u{41}\"", ESCAPE, 1), BAD("\"\\ud800\\u\"", ESCAPE, 7),
    BAD("\"\\ud800\\udc0\"", ESCAPE, 7), BAD("\"\\ud800\\x\"", ESCAPE, 7),
    BAD("{\"a:1}", END, 6), BAD("{\"\\q\":1}", ESCAPE, 2),

    /* UTF-8 */

    BAD("\"\x80\"", UTF8, 1), BAD("\"\xbf\"", UTF8, 1),
    BAD("\"\xc0\xaf\"", UTF8, 1), BAD("\"\xc1\xbf\"", UTF8, 1),
    BAD("\"\xc3\"", UTF8, 1), BAD("\"\xc3", UTF8, 1),
    BAD("\"\xc3\xc3\xa9\"", UTF8, 1), BAD("\"\xc3(\"", UTF8, 1),
    BAD("\"\xe0\x80\x80\"", UTF8, 1), BAD("\"\xe0\x9f\xbf\"", UTF8, 1),
    BAD("\"\xe2\x82\"", UTF8, 1), BAD("\"\xe2\x82", UTF8, 1),
    BAD("\"\xe2\"", UTF8, 1), BAD("\"\xe2(\xa1\"", UTF8, 1),
    BAD("\"\xed\xa0\x80\"", UTF8, 1), BAD("\"\xed\xbf\xbf\"", UTF8, 1),
    BAD("\"\xed\xa0\xbd\xed\xb8\x80\"", UTF8, 1),
    BAD("\"\xf0\x80\x80\x80\"", UTF8, 1), BAD("\"\xf0\x8f\xbf\xbf\"", UTF8, 1),
    BAD("\"\xf0\x9f\x98\"", UTF8, 1), BAD("\"\xf0\x9f\x98", UTF8, 1),
    BAD("\"\xf0\x9f\x98(\"", UTF8, 1), BAD("\"\xf4\x90\x80\x80\"", UTF8, 1),
    BAD("\"\xf5\x80\x80\x80\"", UTF8, 1),
    BAD("\"\xf8\x88\x80\x80\x80\"", UTF8, 1), BAD("\"\xfe\"", UTF8, 1),
    BAD("\"\xff\"", UTF8, 1), BAD("\"abcdefgh\xff\"", UTF8, 9),
    BAD("\"abcdefg\xc3\xa9\xff\"", UTF8, 10), BAD("{\"\xff\":1}", UTF8, 2),
    BAD("[\xff]", SYNTAX, 1), BAD("\"caf\xe9\"", UTF8, 4),

    /* what jsonb cannot hold */

    BAD("\"\\u0000\"", NUL, 1), BAD("{\"\\u0000\":1}", NUL, 2),
    BAD("[\"a\\u0000b\", 1]", NUL, 3), BAD("{\"a\":\"x\\u0000\"}", NUL, 7),
    BAD("\"\\ud800\"", SURROGATE, 1), BAD("\"\\udbff\"", SURROGATE, 1),
    BAD("\"\\udc00\"", SURROGATE, 1), BAD("\"\\uDFFF\"", SURROGATE, 1),
    BAD("\"\\udc00\\ud800\"", SURROGATE, 1),
    BAD("\"\\ud800\\ud800\"", SURROGATE, 1),
    BAD("\"\\ud800\\ud800\\udc00\"", SURROGATE, 1),
    BAD("\"\\ud800a\"", SURROGATE, 1), BAD("\"\\ud800\\n\"", SURROGATE, 1),
    BAD("\"\\ud800\\u0041\"", SURROGATE, 1), BAD("\"x\\ud83d\"", SURROGATE, 2),
    BAD("\"\\ud83d\\ude00\\ude00\"", SURROGATE, 13),
    BAD("{\"\\udead\":1}", SURROGATE, 2),
    BAD("\"\\ud800\\u0000\"", SURROGATE, 1),
    BAD("[\"\\u0000\",\"\\ud800\"]", NUL, 2),
    BAD("[1e400000]", NUMBER, 1), BAD("1e400000", NUMBER, 0),
    BAD("1e131072", NUMBER, 0), BAD("-1e131072", NUMBER, 1),
    BAD("10e131071", NUMBER, 0), BAD("0.1e131073", NUMBER, 0),
    BAD("0.001e131075", NUMBER, 0), BAD("1e-16384", NUMBER, 0),
    BAD("0e-16384", NUMBER, 0), BAD("1.5e-16383", NUMBER, 0),
    BAD("1.00e-16383", NUMBER, 0), BAD("100e-16384", NUMBER, 0),
    BAD("0.0000e-16380", NUMBER, 0), BAD("1e-99999", NUMBER, 0),
    BAD("0e1073741823", NUMBER, 0), BAD("0e999999999999", NUMBER, 0),
    BAD("0e-1073741823", NUMBER, 0), BAD("1e-2147483648", NUMBER, 0),
    BAD("1e18446744073709551617", NUMBER, 0),
    BAD("[1e99999999999999999999999999999999999]", NUMBER, 1),

    /* a fault of the first kind wins, wherever it stands */

    BAD("[\"\\u0000\",]", SYNTAX, 10), BAD("[\"\\ud800\"", END, 9),
    BAD("[1e400000,\"\xff\"]", UTF8, 11), BAD("\"\\u0000\" 1", TRAILING, 9)
};


static tavus_json_status_t
check(const char *text, size_t len, size_t *offset)
{
    char                 *copy;
    tavus_json_status_t   status;

    copy = test_copy(text, len);
    status = tavus_json_check(copy, len, NULL, 0, offset);
    free(copy);

    return status;
}


static tavus_json_status_t
parse(const char *text, size_t len, size_t *offset)
{
    char                 *copy;
    cJSON                *root;
    tavus_json_status_t   status;

    copy = test_copy(text, len);
    root = (cJSON *) copy;
    status = tavus_json_parse(copy, len, &root, offset);
    free(copy);

    if (status == TAVUS_JSON_OK) {
        assert_non_null(root);

    } else {
        assert_null(root);
    }

    cJSON_Delete(root);

    return status;
}


static void
test_valid(void **state)
{
    char    text[512];
    size_t  i, offset;

    for (i = 0; i < TEST_COUNT(valid); i++) {
        offset = 4711;

        if (check(valid[i].text, valid[i].len, &offset) != TAVUS_JSON_OK) {
            fail_msg("not accepted: %s", valid[i].text);
        }

        assert_int_equal(offset, 4711);

        if (parse(valid[i].text, valid[i].len, NULL) != TAVUS_JSON_OK) {
            fail_msg("not parsed: %s", valid[i].text);
        }

        /* as a member, at every alignment */

        snprintf(text, sizeof(text), "%*s{\"%.*s\":[%s]}", (int) i % 9, "",
                 (int) i % 17, "abcdefghijklmnopq", valid[i].text);

        if (check(text, strlen(text), NULL) != TAVUS_JSON_OK) {
            fail_msg("not accepted: %s", text);
        }
    }
}


static void
test_invalid(void **state)
{
    size_t                i, offset;
    tavus_json_status_t   status;

    assert_true(TEST_COUNT(valid) + TEST_COUNT(invalid) > 250);

    for (i = 0; i < TEST_COUNT(invalid); i++) {

        status = check(invalid[i].text, invalid[i].len, &offset);

        if (status != invalid[i].status || offset != invalid[i].offset) {
            fail_msg("%s: %s at %zu", invalid[i].text,
                     tavus_json_reason(status), offset);
        }

        status = parse(invalid[i].text, invalid[i].len, &offset);

        if (status != invalid[i].status || offset != invalid[i].offset) {
            fail_msg("%s: %s at %zu", invalid[i].text,
                     tavus_json_reason(status), offset);
        }

        (void) check(invalid[i].text, invalid[i].len, NULL);
    }
}


/* No proper prefix of an object is JSON. */

static void
test_truncated(void **state)
{
    size_t  n;

    static const char  text[] =
        "{\"a\":[1,-2.5e+3,true,false,null,{\"b\":\"\\u00e9\\ud83d\\ude00"
        "\xf0\x9f\x98\x80 abcdefghijklmnopqrstuvwxyz \\n\"}],\"c\":{}}";

    assert_int_equal(check(text, sizeof(text) - 1, NULL), TAVUS_JSON_OK);

    for (n = 0; n < sizeof(text) - 1; n++) {
        assert_int_not_equal(check(text, n, NULL), TAVUS_JSON_OK);
    }
}


static char *
nested(size_t depth, const char *open, const char *close, size_t *len)
{
    char    *text, *p;
    size_t   i;

    text = malloc(depth * (strlen(open) + strlen(close)) + 2);
    assert_non_null(text);

    p = text;

    for (i = 0; i < depth; i++) {
        p = stpcpy(p, open);
    }

    *p++ = '1';

    for (i = 0; i < depth; i++) {
        p = stpcpy(p, close);
    }

    *len = p - text;

    return text;
}


static void
test_depth(void **state)
{
    char    *text;
    size_t   i, len, offset;

    static const struct {
        size_t                depth;
        const char           *open;
        const char           *close;
        tavus_json_status_t   status;
        size_t                offset;

    } cases[] = {
        { 64, "[", "]", TAVUS_JSON_OK, 0 },
        { 65, "[", "]", TAVUS_JSON_DEPTH, 64 },
        { 64, "{\"a\":", "}", TAVUS_JSON_OK, 0 },
        { 65, "{\"a\":", "}", TAVUS_JSON_DEPTH, 320 },
        { 32, "[{\"a\":", "}]", TAVUS_JSON_OK, 0 },
        { 33, "[{\"a\":", "}]", TAVUS_JSON_DEPTH, 192 },
        { 10000, "[", "]", TAVUS_JSON_DEPTH, 64 },
        { 10000, "{\"a\":", "}", TAVUS_JSON_DEPTH, 320 },
        { 10000, "[", "", TAVUS_JSON_DEPTH, 64 }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        text = nested(cases[i].depth, cases[i].open, cases[i].close, &len);
        offset = 0;

        assert_int_equal(check(text, len, &offset), cases[i].status);
        assert_int_equal(offset, cases[i].offset);
        assert_int_equal(parse(text, len, NULL), cases[i].status);

        free(text);
    }

    /* the level is given back */

    text = malloc(100000);
    assert_non_null(text);

    strcpy(text, "[[]");
    for (len = 3; len < 99000; len += 3) {
        memcpy(text + len, ",[]", 3);
    }

    text[len++] = ']';
    assert_int_equal(check(text, len, NULL), TAVUS_JSON_OK);

    free(text);
}


static tavus_json_status_t
check_digits(const char *head, char digit, size_t n, const char *tail)
{
    char                 *text, *p;
    tavus_json_status_t   status;

    text = malloc(strlen(head) + n + strlen(tail) + 1);
    assert_non_null(text);

    p = stpcpy(text, head);
    memset(p, digit, n);
    strcpy(p + n, tail);

    status = check(text, strlen(text), NULL);

    free(text);

    return status;
}


static void
test_long_numbers(void **state)
{
    int     n;
    char    text[100];
    size_t  i, offset;

    static const struct {
        const char           *head;
        char                  digit;
        size_t                n;
        const char           *tail;
        tavus_json_status_t   status;

    } cases[] = {
        { "", '9', 131072, "", TAVUS_JSON_OK },
        { "", '9', 131073, "", TAVUS_JSON_NUMBER },
        { "-", '9', 131072, "", TAVUS_JSON_OK },
        { "-", '9', 131073, "", TAVUS_JSON_NUMBER },
        { "", '9', 131073, "e-1", TAVUS_JSON_OK },
        { "", '9', 131074, "e-1", TAVUS_JSON_NUMBER },
        { "", '9', 131070, "e+2", TAVUS_JSON_OK },
        { "", '9', 131071, "e+2", TAVUS_JSON_NUMBER },
        { "", '9', 131072, ".5", TAVUS_JSON_OK },
        { "0.", '0', 16383, "", TAVUS_JSON_OK },
        { "0.", '0', 16384, "", TAVUS_JSON_NUMBER },
        { "1.", '9', 16383, "", TAVUS_JSON_OK },
        { "1.", '9', 16384, "", TAVUS_JSON_NUMBER },
        { "1.", '9', 16384, "e1", TAVUS_JSON_OK },
        { "1.", '9', 16384, "e0", TAVUS_JSON_NUMBER },
        { "0.", '0', 140000, "1e140000", TAVUS_JSON_OK },
        { "0.", '0', 140000, "1e271072", TAVUS_JSON_OK },
        { "0.", '0', 140000, "1e271073", TAVUS_JSON_NUMBER },
        { "1e", '0', 100000, "5", TAVUS_JSON_OK },
        { "", '1', 4000000, "", TAVUS_JSON_NUMBER }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        assert_int_equal(check_digits(cases[i].head, cases[i].digit,
                                      cases[i].n, cases[i].tail),
                         cases[i].status);
    }

    /* cJSON's buffer: 63 bytes, sign and exponent counted */

    for (i = 60; i < 70; i++) {
        n = sprintf(text, "[1,-%0*d.5e-3]", (int) i - 6, 0);
        memset(text + 4, '7', i - 6);

        offset = 0;

        assert_int_equal(check(text, n, NULL), TAVUS_JSON_OK);
        assert_int_equal(parse(text, n, &offset),
                         i <= 63 ? TAVUS_JSON_OK : TAVUS_JSON_NUMBER);
        assert_int_equal(offset, i <= 63 ? 0 : 3);
    }
}


static void
test_members(void **state)
{
    char                 *copy;
    size_t                n;
    tavus_json_status_t   status;

    tavus_json_member_t  m[] = {
        { .name = "event_type", .count = 7 },
        { .name = "conversation_id" },
        { .name = "properties" },
        { .name = "timestamp" },
        { .name = "absent", .count = 9 },
        { .name = "" },
        { .name = "n\xc3\xa4me\xf0\x9f\x98\x80/\"" },
        { .name = "t" },
        { .name = "z" }
    };

    static const char  text[] =
        " {\"\" : null,\"event_type\":\"system.shutdown\",\"absen\":1,"
        "\"properties\" : { \"event_type\":1,\"a\":[{\"absent\":{}}]} ,"
        "\"\\u0063onversation\\u005fid\" : \"c1\" ,\"timestamp\":-12.5e3,"
        "\"absentt\":2,\"event_type\":[\"second\"],\"t\":true,"
        "\"n\\u00e4me\\ud83d\\ude00\\/\\\"\":false,\"z\":[]}";

    n = sizeof(m) / sizeof(m[0]);
    copy = test_copy(text, sizeof(text) - 1);
    status = tavus_json_check(copy, sizeof(text) - 1, m, n, NULL);
    free(copy);

    assert_int_equal(status, TAVUS_JSON_OK);

#define RANGE(i, key, value)                                                  \
    assert_int_equal(strstr(text, key) - text, m[i].key_start);               \
    assert_int_equal(m[i].value_end - m[i].value_start, strlen(value));       \
    assert_memory_equal(text + m[i].value_start, value, strlen(value))

    assert_int_equal(m[0].count, 2);
    assert_int_equal(m[0].type, '"');
    RANGE(0, "\"event_type\"", "\"system.shutdown\"");

    assert_int_equal(m[1].count, 1);
    assert_int_equal(m[1].type, '"');
    RANGE(1, "\"\\u0063on", "\"c1\"");

    assert_int_equal(m[2].count, 1);
    assert_int_equal(m[2].type, '{');
    RANGE(2, "\"properties\"",
          "{ \"event_type\":1,\"a\":[{\"absent\":{}}]}");

    assert_int_equal(m[3].count, 1);
    assert_int_equal(m[3].type, '0');
    RANGE(3, "\"timestamp\"", "-12.5e3");

    assert_int_equal(m[4].count, 0);

    assert_int_equal(m[5].count, 1);
    assert_int_equal(m[5].type, 'n');
    RANGE(5, "\"\" :", "null");

    assert_int_equal(m[6].count, 1);
    assert_int_equal(m[6].type, 'f');
    RANGE(6, "\"n\\u00e4", "false");

    assert_int_equal(m[7].count, 1);
    assert_int_equal(m[7].type, 't');
    RANGE(7, "\"t\":", "true");

    assert_int_equal(m[8].count, 1);
    assert_int_equal(m[8].type, '[');
    RANGE(8, "\"z\"", "[]");

#undef RANGE
}


static void
test_members_absent(void **state)
{
    size_t               i;
    tavus_json_member_t  m = { .name = "a" };

    static const char *const  without[] = {
        "[\"a\",{\"a\":1}]", "{\"b\":{\"a\":1}}", "\"a\"", "1", "{}",
        "{\"\\u0061\\u0000\":1}", "{\"a\\u0000\":1}", "{\"\\ud800\":1}",
        "{\"A\":1}", "{\"aa\":1}", "{\"\":1}", "{\"b\":\"a\"}",

        /* not JSON: nothing of it may be used */

        "{\"a\":1", "{\"a\":1}}", "{\"a\":1,\"b\":\"\xff\"}"
    };

    for (i = 0; i < TEST_COUNT(without); i++) {
        m.count = 1;
        tavus_json_check(without[i], strlen(without[i]), &m, 1, NULL);
        assert_int_equal(m.count, 0);
    }

    /* filled where only jsonb minds */

    assert_int_equal(tavus_json_check("{\"b\":\"\\u0000\",\"a\":\"x\"}", 22,
                                      &m, 1, NULL), TAVUS_JSON_NUL);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.value_start, 18);
    assert_int_equal(m.value_end, 21);
}


static void
test_array(void **state)
{
    char                 *text;
    size_t                i, n, len;
    const char           *element;
    tavus_json_array_t    array;
    tavus_json_member_t   member;

    static const struct {
        const char  *text;
        const char  *elements[6];
    } arrays[] = {
        { "{}", { NULL } },
        { "{\"a\":[]}", { NULL } },
        { "{\"a\":[ \n]}", { NULL } },
        { "{\"a\":null}", { NULL } },
        { "{\"a\":{\"a\":[1]}}", { NULL } },
        { "{\"a\":\"[1]\"}", { NULL } },
        { "{\"a\":[1]}", { "1", NULL } },
        { "{\"a\":[ 1 , -2.5e3\t,true ,null]}",
          { "1", "-2.5e3", "true", "null", NULL } },
        { "{\"a\":[\"\",\"],[\",\"\\\"]\",\"\\\\\" ]}",
          { "\"\"", "\"],[\"", "\"\\\"]\"", "\"\\\\\"", NULL } },
        { "{\"a\":[{},[],[[1,2],[ ]], {\"]\":\"}\", \"x\" : [1] } ]}",
          { "{}", "[]", "[[1,2],[ ]]", "{\"]\":\"}\", \"x\" : [1] }", NULL } },
        { "{\"b\":[3],\"a\":[1,2],\"c\":4}", { "1", "2", NULL } }
    };

    for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {

        text = test_copy(arrays[i].text, strlen(arrays[i].text));
        member.name = "a";

        assert_int_equal(tavus_json_check(text, strlen(arrays[i].text),
                                          &member, 1, NULL), TAVUS_JSON_OK);

        tavus_json_array(&array, text, &member);

        for (n = 0; arrays[i].elements[n]; n++) {
            assert_int_equal(tavus_json_next(&array, &element, &len), 1);
            assert_int_equal(len, strlen(arrays[i].elements[n]));
            assert_memory_equal(element, arrays[i].elements[n], len);
        }

        assert_int_equal(tavus_json_next(&array, &element, &len), 0);
        assert_int_equal(tavus_json_next(&array, &element, &len), 0);

        free(text);
    }
}


static void
test_string(void **state)
{
    int                  n;
    char                *dst;
    size_t               i;
    tavus_json_member_t  m = { .name = "a" };

    static const struct {
        const char  *text;
        int          n;
        const char  *value;

    } cases[] = {
        { "{\"a\":\"\"}", 0, "" },
        { "{\"a\":\"x\"}", 1, "x" },
        { "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", 8, "\"\\/\b\f\n\r\t" },
        { "{\"a\":\"\\u0041\\u007f\\u0080\\u07FF\\u0800\\uffff\"}", 12,
          "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
        { "{\"a\":\"\\ud800\\udc00\\uDBFF\\udfff\"}", 8,
          "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
        { "{\"a\":\"\xd1\x8f\\n\"}", 3, "\xd1\x8f\n" },
        { "{\"a\":\"a\\u0000b\"}", -1, NULL },
        { "{\"a\":\"\\u0000\"}", -1, NULL },
        { "{\"a\":\"\\ud800\"}", -1, NULL },
        { "{\"a\":\"\\udc00\"}", -1, NULL },
        { "{\"a\":\"\\ud800\\n\"}", -1, NULL },
        { "{\"a\":\"\\ud800\\ud800\"}", -1, NULL },
        { "{\"a\":1}", -1, NULL },
        { "{\"a\":null}", -1, NULL },
        { "{\"a\":[\"x\"]}", -1, NULL },
        { "{\"b\":\"x\"}", -1, NULL }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {

        tavus_json_check(cases[i].text, strlen(cases[i].text), &m, 1, NULL);

        n = cases[i].n < 0 ? 64 : cases[i].n;
        dst = test_copy("", 0);
        dst = realloc(dst, n + 1);
        assert_non_null(dst);
        dst[n] = '#';

        assert_int_equal(tavus_json_string(cases[i].text, &m, dst, n),
                         cases[i].n);
        assert_int_equal(dst[n], '#');

        if (cases[i].n >= 0) {
            assert_memory_equal(dst, cases[i].value, n);
        }

        if (cases[i].n > 0) {
            assert_int_equal(tavus_json_string(cases[i].text, &m, dst, n - 1),
                             -1);
        }

        free(dst);
    }
}


static void
test_duplicates(void **state)
{
    size_t                i, offset;
    tavus_json_status_t   status;

    static const struct {
        const char  *text;
        size_t       offset;        /* 0: none */

    } cases[] = {
        { "{\"a\":1,\"a\":2}", 7 },
        { "{\"a\":1,\"b\":2,\"a\":3}", 13 },
        { "{\"a\":1,\"\\u0061\":2}", 7 },
        { "{\"\\u0061\":1,\"a\":2}", 12 },
        { "{\"\":1,\"\":2}", 6 },
        { "{\"/\":1,\"\\/\":2}", 7 },
        { "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", 10 },
        { "[{\"a\":1},{\"a\":1,\"b\":{\"c\":\"a\",\"c\":1}}]", 29 },
        { "{\"x\":[[{\"y\":{},\"y\" :[]}]]}", 15 },
        { "{\"s\":\"\\\"a\\\":\",\"a\":1 , \"a\" : 2}", 22 },
        { "{\"\\\"\":1,\"b\":\":\",\"\\u0022\":2}", 16 },
        { "{\"a\":{\"a\":{\"a\":1}}}", 0 },
        { "[{\"a\":1},{\"a\":1}]", 0 },
        { "{\"a\":1,\"A\":2}", 0 },
        { "{\"a\":\"a\",\"b\":\"a\"}", 0 },
        { "{\"\xc3\xa9\":1,\"e\xcc\x81\":2}", 0 }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        offset = 0;
        status = parse(cases[i].text, strlen(cases[i].text), &offset);

        assert_int_equal(status, cases[i].offset ? TAVUS_JSON_DUPLICATE
                                                 : TAVUS_JSON_OK);
        assert_int_equal(offset, cases[i].offset);

        assert_int_equal(check(cases[i].text, strlen(cases[i].text), NULL),
                         TAVUS_JSON_OK);
    }
}


/* Many names: at the boundary between the two ways, and a great many. */

static void
test_many_names(void **state)
{
    char    *text, *p, *second;
    size_t   i, n, k, offset;

    static const size_t  counts[] = { 2, 15, 16, 17, 18, 300, 200000 };

    for (k = 0; k < TEST_COUNT(counts); k++) {
        n = counts[k];

        text = malloc(n * 32 + 100);
        assert_non_null(text);

        p = stpcpy(text, "{\"list\":[{}],\"n\":{");

        for (i = 0; i < n; i++) {
            p += sprintf(p, "\"k%06zx\":%zu,",
                         (size_t) ((i * UINT64_C(2654435761)) & 0xffffff), i);
        }

        strcpy(p - 1, "}}");
        assert_int_equal(parse(text, strlen(text), NULL), TAVUS_JSON_OK);

        /* the same name as the second, spelled otherwise, at the end */

        second = p - 1;
        p = second + sprintf(second, ",\"\\u006b%06zx\":{\"x\":1}}}",
                             (size_t) UINT64_C(2654435761) & 0xffffff);

        assert_int_equal(parse(text, p - text, &offset),
                         TAVUS_JSON_DUPLICATE);
        assert_int_equal(offset, second + 1 - text);

        free(text);
    }
}


/*
 * Random texts of JSON's own letters: what the gate takes, cJSON must take
 * (NO_MEMORY would be the gate's error), and every accepted string comes out
 * as cJSON has it.
 */

static void
test_random_texts(void **state)
{
    int                    n, accepted;
    char                  *copy, value[256];
    cJSON                 *root, *item;
    size_t                 i, len;
    uint64_t               seed, round;
    tavus_json_status_t    status;
    tavus_json_member_t    m = { .name = "a" }, found, again;

    static const char *const  words[] = {
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"a\":", "\"b\":", "1", "-",
        "\"\\u0061\":",
        "0", ".5", "e3", " ", "true", "null", "\"", "\\n", "\\u00", "e9",
        "\\ud83d", "\\ude00", "\xd1\x8f", "abcdefgh", "{\"a\":\"", "\"}",
        "\x7f"
    };

    seed = 3;
    accepted = 0;

    for (round = 0; round < 300000; round++) {

        char  text[256];

        len = 0;

        if (round % 2) {
            len = sprintf(text, "{\"a\":\"");
        }

        for (i = test_random(&seed) % 12; i; i--) {
            len += sprintf(text + len, "%s",
                           words[test_random(&seed) % TEST_COUNT(words)]);
        }

        if (round % 2) {
            len += sprintf(text + len, "\"}");
        }

        copy = test_copy(text, len);
        status = tavus_json_check(copy, len, &m, 1, NULL);

        found.name = m.name;
        tavus_json_locate(copy, len, &found);
        (void) tavus_json_string(copy, &found, value, sizeof(value));

        again.name = m.name;
        tavus_json_members(copy, len, &again, 1);
        (void) tavus_json_string(copy, &again, value, sizeof(value));

        if (status == TAVUS_JSON_OK) {
            accepted++;

            assert_int_equal(again.count, m.count);

            if (m.count) {
                assert_int_equal(again.type, m.type);
                assert_int_equal(again.key_start, m.key_start);
                assert_int_equal(again.value_start, m.value_start);
                assert_int_equal(again.value_end, m.value_end);
            }

            assert_int_equal(found.count, m.count);

            if (m.count) {
                assert_int_equal(found.type, m.type);
                assert_int_equal(found.key_start, m.key_start);
                assert_int_equal(found.value_start, m.value_start);

                if (m.type == '"') {
                    assert_int_equal(found.value_end, m.value_end);
                }
            }

            status = tavus_json_parse(copy, len, &root, NULL);

            if (status != TAVUS_JSON_OK && status != TAVUS_JSON_DUPLICATE) {
                fail_msg("cJSON refuses %s", text);
            }

            if (root && m.count) {
                item = cJSON_GetObjectItemCaseSensitive(root, "a");
                assert_non_null(item);

                n = tavus_json_string(copy, &m, value, sizeof(value));

                if (cJSON_IsString(item)) {
                    assert_int_equal(n, strlen(item->valuestring));
                    assert_memory_equal(value, item->valuestring, n);

                } else {
                    assert_int_equal(n, -1);
                }
            }

            cJSON_Delete(root);
        }

        free(copy);
    }

    assert_true(accepted > 20000);
}


/* The fast path finds each byte at each place of a word. */

static void
test_every_byte(void **state)
{
    int                    c;
    char                   text[40];
    size_t                 i, offset, expected;
    tavus_json_status_t    status;

    for (c = 0; c < 256; c++) {
        for (i = 1; i < 34; i++) {
            memset(text, 'x', sizeof(text));
            text[0] = '"';
            text[35] = '"';
            text[i] = (char) c;

            offset = 0;
            expected = i;
            status = check(text, 36, &offset);

            if (c == '"') {
                assert_int_equal(status, TAVUS_JSON_TRAILING);
                expected = i + 1;

            } else if (c < 0x20) {
                assert_int_equal(status, TAVUS_JSON_CONTROL);

            } else if (c == '\\') {
                assert_int_equal(status, TAVUS_JSON_ESCAPE);

            } else if (c >= 0x80) {
                assert_int_equal(status, TAVUS_JSON_UTF8);

            } else {
                assert_int_equal(status, TAVUS_JSON_OK);
                expected = 0;
            }

            assert_int_equal(offset, expected);
        }
    }
}


static void
test_reasons(void **state)
{
    int          i, j;
    const char  *reason;

    for (i = TAVUS_JSON_OK; i <= TAVUS_JSON_NO_MEMORY; i++) {
        reason = tavus_json_reason(i);
        assert_int_equal(strspn(reason, "abcdefghijklmnopqrstuvwxyz_8"),
                         strlen(reason));
        assert_non_null(tavus_json_detail(i));

        for (j = 0; j < i; j++) {
            assert_string_not_equal(reason, tavus_json_reason(j));
        }
    }
}


static void
test_print(void **state)
{
    char    *text;
    cJSON   *root;
    size_t   i;

    static const char *const  same[] = {
        "[4503599627370499,9007199254740991,-9007199254740991,0,1,-1]",
        "{\"a\":{\"b\":[0.1,0.30000000000000004,1.7976931348623157e+308]}}",
        "[1e+100,1.2345678901234568e+17,4.94065645841247e-324,"
        "\"9007199254740991\",true,null]"
    };

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_int_equal(tavus_json_parse(same[i], strlen(same[i]), &root,
                                          NULL),
                         TAVUS_JSON_OK);
        text = tavus_json_print(root);
        assert_string_equal(text, same[i]);
        free(text);

        /* twice, as it may be */

        text = tavus_json_print(root);
        assert_string_equal(text, same[i]);
        free(text);
        cJSON_Delete(root);
    }

    root = cJSON_CreateNumber(INFINITY);
    text = tavus_json_print(root);
    assert_string_equal(text, "null");
    free(text);
    cJSON_Delete(root);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_numbers),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_members_absent),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_print)
    };

    return test_run(tests);
}
