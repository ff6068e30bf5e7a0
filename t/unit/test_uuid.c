/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_uuid.h"


static void
test_v7_rfc9562(void **state)
{
    char     text[TAVUS_UUID_TEXT_LEN];
    uint8_t  uuid[TAVUS_UUID_LEN];

    /* RFC 9562, A.6: rand_a is CC3, rand_b 18C4DC0C0C07398F in 62 bits */

    static const uint8_t  tail[10] = {
        0xcc, 0x36, 0x31, 0x37, 0x03, 0x03, 0x01, 0xce, 0x63, 0xc0
    };

    tavus_uuid_v7(uuid, 0x017F22E279B0, tail);
    tavus_uuid_format(uuid, text);

    assert_memory_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
                        sizeof(text));
}


static void
test_v7_bits(void **state)
{
    int      i;
    uint8_t  tail[10], base[TAVUS_UUID_LEN], uuid[TAVUS_UUID_LEN];

    memset(tail, 0, sizeof(tail));
    tavus_uuid_v7(base, 0, tail);

    /* each of the 74 bits changes exactly one bit, the last six none */

    for (i = 0; i < 80; i++) {
        int  j, changed;

        memset(tail, 0, sizeof(tail));
        tail[i / 8] = 0x80 >> (i % 8);
        tavus_uuid_v7(uuid, 0, tail);

        changed = 0;

        for (j = 0; j < TAVUS_UUID_LEN; j++) {
            changed += __builtin_popcount(uuid[j] ^ base[j]);
        }

        assert_int_equal(changed, i < 74 ? 1 : 0);
    }

    memset(tail, 0xff, sizeof(tail));
    tavus_uuid_v7(uuid, (UINT64_C(1) << 48) - 1, tail);

    assert_int_equal(uuid[6] >> 4, 7);
    assert_int_equal(uuid[8] >> 6, 2);
    assert_int_equal(uuid[0], 0xff);
    assert_int_equal(uuid[5], 0xff);
}


static void
test_v7_order(void **state)
{
    int      i;
    uint8_t  one[TAVUS_UUID_LEN], two[TAVUS_UUID_LEN], tail[10];

    for (i = 0; i < 47; i++) {
        memset(tail, 0xff, sizeof(tail));
        tavus_uuid_v7(one, UINT64_C(1) << i, tail);

        memset(tail, 0, sizeof(tail));
        tavus_uuid_v7(two, (UINT64_C(1) << i) + 1, tail);

        assert_true(memcmp(one, two, TAVUS_UUID_LEN) < 0);
    }
}


static void
test_parse(void **state)
{
    int      i;
    char     text[TAVUS_UUID_TEXT_LEN], *copy;
    uint8_t  uuid[TAVUS_UUID_LEN], again[TAVUS_UUID_LEN];
    size_t   n;

    static const char *const  bad[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4dc0c0c07398f-",
        "017f22e2+79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398/",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398:",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398@",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398`",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    };

    for (i = 0; i < TAVUS_UUID_LEN; i++) {
        uuid[i] = (uint8_t) (i * 17 + 3);
    }

    tavus_uuid_format(uuid, text);

    assert_int_equal(tavus_uuid_parse(again, text, sizeof(text)), 0);
    assert_memory_equal(uuid, again, TAVUS_UUID_LEN);

    assert_int_equal(tavus_uuid_parse(again,
                               "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 36), 0);
    tavus_uuid_format(again, text);
    assert_memory_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 36);

    for (n = 0; n < TEST_COUNT(bad); n++) {
        memcpy(again, uuid, TAVUS_UUID_LEN);
        copy = test_copy(bad[n], strlen(bad[n]));

        assert_int_equal(tavus_uuid_parse(again, copy, strlen(bad[n])), -1);
        assert_memory_equal(again, uuid, TAVUS_UUID_LEN);

        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_v7_rfc9562),
        cmocka_unit_test(test_v7_bits),
        cmocka_unit_test(test_v7_order),
        cmocka_unit_test(test_parse)
    };

    return test_run(tests);
}
