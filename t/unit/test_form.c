
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_form.h"


static tavus_form_t  form;
static char          buffer[TAVUS_FORM_MAX + 1];


#define ADD(name, value)  tavus_form_add(&form, name, value, strlen(value))


static void
begin(size_t size)
{
    memset(buffer, '#', sizeof(buffer));
    tavus_form_init(&form, buffer, size);
}


static void
assert_form(const char *expected)
{
    assert_int_equal(form.status, TAVUS_FORM_OK);
    assert_int_equal(form.len, strlen(expected));
    assert_memory_equal(buffer, expected, form.len);
    assert_int_equal(buffer[form.len], '#');
}


static void
test_session(void **state)
{
    begin(sizeof(buffer));
    assert_form("");

    ADD("mode", "subscription");
    ADD("line_items[0][price]", "price_1");
    tavus_form_add_number(&form, "line_items[0][quantity]", 2);
    ADD("success_url",
        "https://example.com/thank-you?session_id={CHECKOUT_SESSION_ID}");
    tavus_form_add_to(&form, "metadata", "utm source", 10, "a & b", 5);
    tavus_form_add_to(&form, "subscription_data[metadata]", "plan", 4,
                      "starter", 7);

    assert_form("mode=subscription&line_items[0][price]=price_1"
                "&line_items[0][quantity]=2&success_url=https%3A%2F%2F"
                "example.com%2Fthank-you%3Fsession_id%3D%7B"
                "CHECKOUT_SESSION_ID%7D&metadata[utm+source]=a+%26+b"
                "&subscription_data[metadata][plan]=starter");
    assert_int_equal(form.fields, 6);
}


static void
test_bytes(void **state)
{
    begin(sizeof(buffer));

    tavus_form_add(&form, "a", NULL, 0);
    tavus_form_add(&form, "b", "\0\x7f\xff+%=&[]", 9);
    ADD("c", "AZaz09*-._~ \xc3\xa9\r\n");
    ADD("d\xc3\xa9 =&+%", "1");

    assert_form("a=&b=%00%7F%FF%2B%25%3D%26%5B%5D"
                "&c=AZaz09*-._%7E+%C3%A9%0D%0A&d%C3%A9+%3D%26%2B%25=1");
}


static void
test_numbers(void **state)
{
    begin(sizeof(buffer));

    tavus_form_add_number(&form, "a", 0);
    tavus_form_add_number(&form, "b", INT64_MIN);
    tavus_form_add_number(&form, "c", INT64_MAX);

    assert_form("a=0&b=-9223372036854775808&c=9223372036854775807");
}


static void
test_names(void **state)
{
    size_t  i;

    static const char *const  bad[] = {
        "", "[a]", "a[", "a]", "a[]", "a[b", "a[b]c", "a[[b]]", "a[b]]",
        "a[b][", "a][b", "[", "]"
    };

    for (i = 0; i < TEST_COUNT(bad); i++) {
        begin(sizeof(buffer));
        ADD(bad[i], "1");
        assert_int_equal(form.status, TAVUS_FORM_BAD_NAME);
        assert_int_equal(form.len, 0);
    }

    for (i = 0; i < 4; i++) {
        begin(sizeof(buffer));
        tavus_form_add_to(&form, "a", &"[]\0"[i], i < 3, "1", 1);
        assert_int_equal(form.status, TAVUS_FORM_BAD_NAME);
        assert_int_equal(form.len, 0);
    }

    begin(sizeof(buffer));
    ADD("a[b][c][d]", "1");
    assert_int_equal(form.status, TAVUS_FORM_OK);
}


/* what comes behind an error is not added, and nothing of what failed is */

static void
test_first_error(void **state)
{
    begin(sizeof(buffer));

    ADD("a", "1");
    ADD("a[", "1");
    ADD("b", "1");
    tavus_form_add(&form, "b", buffer, TAVUS_FORM_VALUE_MAX + 1);

    assert_int_equal(form.status, TAVUS_FORM_BAD_NAME);
    assert_int_equal(form.len, 3);
    assert_int_equal(form.fields, 1);
    assert_int_equal(buffer[3], '#');
}


static void
test_room(void **state)
{
    char    *exact;
    size_t   size;

    for (size = 0; size < 12; size++) {
        exact = malloc(size ? size : 1);
        assert_non_null(exact);

        tavus_form_init(&form, exact, size);
        ADD("a", "1");
        ADD("b", " +");

        assert_int_equal(form.status,
                         size < 10 ? TAVUS_FORM_FULL : TAVUS_FORM_OK);
        assert_int_equal(form.len, size < 3 ? 0 : size < 10 ? 3 : 10);
        free(exact);
    }
}


static void
test_measured(void **state)
{
    tavus_form_init(&form, NULL, 0);

    ADD("a", "1");
    tavus_form_add_to(&form, "b", "c d", 3, "\xff", 1);

    assert_int_equal(form.status, TAVUS_FORM_OK);
    assert_int_equal(form.len, strlen("a=1&b[c+d]=%FF"));
}


static void
test_limits(void **state)
{
    char    name[TAVUS_FORM_NAME_MAX + 2];
    size_t  i;

    memset(name, 'n', sizeof(name));
    name[TAVUS_FORM_NAME_MAX] = '\0';

    begin(sizeof(buffer));
    ADD(name, "1");
    assert_int_equal(form.status, TAVUS_FORM_OK);
    tavus_form_add_to(&form, name, "k", 1, "1", 1);
    assert_int_equal(form.status, TAVUS_FORM_TOO_LONG);

    name[TAVUS_FORM_NAME_MAX] = 'n';
    name[TAVUS_FORM_NAME_MAX + 1] = '\0';

    begin(sizeof(buffer));
    ADD(name, "1");
    assert_int_equal(form.status, TAVUS_FORM_TOO_LONG);

    begin(sizeof(buffer));
    tavus_form_add_to(&form, "a", "k", SIZE_MAX, "1", 1);
    assert_int_equal(form.status, TAVUS_FORM_TOO_LONG);

    begin(sizeof(buffer));
    tavus_form_add(&form, "a", "1", SIZE_MAX);
    assert_int_equal(form.status, TAVUS_FORM_TOO_LONG);

    begin(sizeof(buffer));

    for (i = 0; i < TAVUS_FORM_FIELDS; i++) {
        ADD("a", "1");
    }

    assert_int_equal(form.status, TAVUS_FORM_OK);
    ADD("a", "1");
    assert_int_equal(form.status, TAVUS_FORM_TOO_MANY);
}


/* however large the buffer, and where there is none */

static void
test_largest(void **state)
{
    char    value[TAVUS_FORM_VALUE_MAX];
    size_t  i, n, of;

    memset(value, '&', sizeof(value));
    of = TAVUS_FORM_MAX / (3 * sizeof(value) + 3);

    for (n = 0; n < 2; n++) {

        if (n) {
            begin(SIZE_MAX);

        } else {
            tavus_form_init(&form, NULL, SIZE_MAX);
        }

        for (i = 0; i < of; i++) {
            tavus_form_add(&form, "a", value, sizeof(value));
        }

        assert_int_equal(form.status, TAVUS_FORM_OK);
        tavus_form_add(&form, "a", value, sizeof(value));
        assert_int_equal(form.status, TAVUS_FORM_FULL);
        assert_true(form.len <= TAVUS_FORM_MAX);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_first_error),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_measured),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_largest)
    };

    return test_run(tests);
}
