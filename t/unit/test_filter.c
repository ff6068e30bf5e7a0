
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_filter.h"


static tavus_filter_text_t
text(const char *s)
{
    tavus_filter_text_t  t;

    t.data = s;
    t.len = s ? strlen(s) : 0;

    return t;
}


/* one that a filter of type, event type, source, conversation and q lists */

static int
lists(const char *type, const char *event_type, const char *source,
    const char *conversation_id, const char *q, int kind, const char *name,
    const char *from, const char *id, const char *body)
{
    int                    rc, names;
    char                  *lower, *fold;
    tavus_filter_t         f;
    tavus_filter_text_t    args[5];
    tavus_filter_event_t   ev;

    args[0] = text(type);
    args[1] = text(event_type);
    args[2] = text(source);
    args[3] = text(conversation_id);
    args[4] = text(q);

    assert_int_equal(tavus_filter_init(&f, &args[0], &args[1], &args[2],
                                       &args[3], &args[4]), 0);

    lower = malloc(strlen(body) + 1);
    fold = malloc(2 * strlen(body) + 1);
    assert_non_null(lower);
    assert_non_null(fold);

    ev.kind = kind;
    ev.event_type = text(name);
    ev.source = text(from);
    ev.conversation_id = text(id);
    ev.lower.data = lower;
    ev.lower.len = strlen(body);
    ev.folded.data = fold;
    ev.folded.len = tavus_filter_fold(fold, body, strlen(body));

    tavus_filter_lower(lower, body, strlen(body));

    rc = tavus_filter_match(&f, &ev, 1);

    /* what the names say already is what it is */

    ev.lower.data = NULL;
    ev.folded.data = NULL;

    names = tavus_filter_match_names(&f, &ev);
    assert_true(names == rc || (names == -1 && f.word_len));

    free(lower);
    free(fold);

    return rc;
}


static int
by_type(const char *event_type, const char *name)
{
    return lists(NULL, event_type, NULL, NULL, NULL, 0, name, "server", NULL,
                 "{}");
}


static int
by_word(const char *q, const char *body)
{
    return lists(NULL, NULL, NULL, NULL, q, 0, "a.b", "tavus", "c1", body);
}


static void
test_names(void **state)
{
    assert_int_equal(lists(NULL, NULL, NULL, NULL, NULL, 0, "a", "tavus",
                           NULL, ""), 1);
    assert_int_equal(lists("error", "a.b", "tavus", "c1", NULL, 1, "a.b",
                           "tavus", "c1", ""), 1);
    assert_int_equal(lists("error", "a.b", "tavus", "c1", NULL, 0, "a.b",
                           "tavus", "c1", ""), 0);
    assert_int_equal(lists(NULL, NULL, "tavus", NULL, NULL, 1, "a.b",
                           "tavu", "c1", ""), 0);
    assert_int_equal(lists(NULL, NULL, NULL, "c1", NULL, 1, "a.b",
                           "tavus", NULL, ""), 0);
    assert_int_equal(lists(NULL, NULL, NULL, "c1", NULL, 1, "a.b",
                           "tavus", "C1", ""), 0);
    assert_int_equal(lists("", "", "", "", "", 1, "a.b", "tavus", "C1", ""),
                     1);
}


static void
test_prefix(void **state)
{
    assert_int_equal(by_type("a.b", "a.b"), 1);
    assert_int_equal(by_type("a.b", "a.b.c"), 0);
    assert_int_equal(by_type("a.*", "a.b.c"), 1);
    assert_int_equal(by_type("a.*", "a."), 1);
    assert_int_equal(by_type("a.*", "a"), 0);
    assert_int_equal(by_type("a.*", "ab.c"), 0);
    assert_int_equal(by_type("a*", "ab"), 0);
    assert_int_equal(by_type("a*", "a*"), 1);
    assert_int_equal(by_type("*", "a"), 0);
    assert_int_equal(by_type(".*", ".a"), 0);
    assert_int_equal(by_type(".*", ".*"), 1);
}


static void
test_looks(void **state)
{
    assert_int_equal(by_type(NULL, "admin.viewed"), 0);
    assert_int_equal(by_type(NULL, "admin.changed"), 1);
    assert_int_equal(by_type("admin.viewed", "admin.viewed"), 1);
    assert_int_equal(by_type("admin.*", "admin.viewed"), 1);
    assert_int_equal(lists(NULL, "admin.*", NULL, NULL, NULL, 2,
                           "admin.changed", "browser", NULL, ""), 0);
    assert_int_equal(lists(NULL, "admin.changed", NULL, NULL, NULL, 2,
                           "admin.changed", "browser", NULL, ""), 1);
    assert_int_equal(lists("info", NULL, NULL, NULL, "x", 2, "admin.viewed",
                           "server", NULL, "x"), 0);
    assert_int_equal(lists(NULL, NULL, NULL, NULL, NULL, 2, "admin.viewed",
                           "browser", NULL, ""), 1);
}


static void
test_words(void **state)
{
    assert_int_equal(by_word("hello", "{\"a\":\"Say HELLO.\"}"), 1);
    assert_int_equal(by_word("HeLLo", "hellO"), 1);
    assert_int_equal(by_word("hello", "hell"), 0);
    assert_int_equal(by_word("hello", ""), 0);
    assert_int_equal(by_word("A.B", "{}"), 1);
    assert_int_equal(by_word("C1", "{}"), 1);
    assert_int_equal(by_word("%", "a"), 0);
    assert_int_equal(by_word("%", "100%"), 1);
    assert_int_equal(by_word("a_b", "axb"), 0);
    assert_int_equal(by_word("\\", "a\\b"), 1);
    assert_int_equal(by_word("\\%", "%"), 0);

    /* letters beyond ASCII fold where the word has some */

    assert_int_equal(by_word("\xc3\x84RGER", "\xc3\xa4rger"), 1);
    assert_int_equal(by_word("\xc3\xa4", "\xc3\x84"), 1);
    assert_int_equal(by_word("\xc3\xa4", "a"), 0);
    assert_int_equal(by_word("k", "\xe2\x84\xaa"), 0);
    assert_int_equal(by_word("k\xc3\xa4", "\xe2\x84\xaa\xc3\x84"), 1);
    assert_int_equal(by_word("\xc8\xba", "\xe2\xb1\xa5"), 1);
    assert_int_equal(by_word("\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80"), 1);
}


static void
test_match_names(void **state)
{
    tavus_filter_t         f;
    tavus_filter_text_t    none, source, q;
    tavus_filter_event_t   ev;

    none = text(NULL);
    source = text("tavus");
    q = text("hello");

    assert_int_equal(tavus_filter_init(&f, &none, &none, &source, &none, &q),
                     0);

    memset(&ev, 0, sizeof(ev));
    ev.event_type = text("a.b");
    ev.source = source;

    assert_int_equal(tavus_filter_match_names(&f, &ev), -1);

    ev.conversation_id = text("hello");
    assert_int_equal(tavus_filter_match_names(&f, &ev), 1);

    ev.source = text("browser");
    assert_int_equal(tavus_filter_match_names(&f, &ev), 0);
}


static void
test_init(void **state)
{
    char                 big[TAVUS_FILTER_WORD + 1];
    size_t               i;
    tavus_filter_t       f;
    tavus_filter_text_t  none, type, q;

    none = text(NULL);
    type = text("webhooks");

    assert_int_equal(tavus_filter_init(&f, &type, &none, &none, &none,
                                       &none), -1);

    /* the letter that grows most */

    for (i = 0; i < TAVUS_FILTER_WORD; i += 2) {
        memcpy(big + i, "\xc8\xba", 2);
    }

    q.data = big;
    q.len = TAVUS_FILTER_WORD;

    assert_int_equal(tavus_filter_init(&f, &none, &none, &none, &none, &q),
                     0);
    assert_int_equal(f.fold_len, TAVUS_FILTER_WORD / 2 * 3);

    q.len++;

    assert_int_equal(tavus_filter_init(&f, &none, &none, &none, &none, &q),
                     -1);
}


static void
test_fold(void **state)
{
    char         dst[32];
    size_t       i, n, len;

    static const char  *bad[] = {
        "\xff", "\xc3", "\xe2\x82", "a\x80z", "\xf0\x9f\x98", "\xc3Z"
    };

    for (i = 0; i < TEST_COUNT(bad); i++) {
        len = strlen(bad[i]);
        n = tavus_filter_fold(dst, bad[i], len);

        assert_int_equal(n, len);
    }

    assert_int_equal(tavus_filter_fold(dst, "A\0B", 3), 3);
    assert_memory_equal(dst, "a\0b", 3);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_match_names),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_fold)
    };

    return test_run(tests);
}
