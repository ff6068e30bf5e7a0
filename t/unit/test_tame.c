
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_tame.h"


static void
assert_tame_of(const char *text, size_t len, size_t max, int lines,
    const char *expected)
{
    char  *copy, *tame;

    copy = test_copy(text, len);
    tame = tavus_tame(copy, len, max, lines);

    assert_non_null(tame);
    assert_string_equal(tame, expected);

    free(tame);
    free(copy);
}


static void
assert_tame(const char *text, const char *expected)
{
    assert_tame_of(text, strlen(text), 1000, 1, expected);
}


static void
test_kept(void **state)
{
    size_t  i;

    static const char *const  texts[] = {
        "", "Hello, how are you?", "It costs 3.50 or 1,299.00. Well.",
        "at 12:30, or 9:05", "Note: that", "a\n\nb", "5 @ 3", "(a) [b] {c}",
        "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x86\x8d\xe8\xa7\x81",
        "Jos\xc3\xa9 \xe2\x82\xac 5", "and/or", "50 %", "...",
        "e. g. this", "<b>&amp;</b>"
    };

    for (i = 0; i < TEST_COUNT(texts); i++) {
        assert_tame(texts[i], texts[i]);
    }
}


static void
test_links(void **state)
{
    assert_tame("http://evil.com/x?a=b", "http[:]//evil[.]com/x?a=b");
    assert_tame("see www.evil.com.", "see www[.]evil[.]com.");
    assert_tame("evil.co.uk", "evil[.]co[.]uk");
    assert_tame("mail a@b.de now", "mail a[at]b[.]de now");
    assert_tame("mailto:x", "mailto[:]x");
    assert_tame("javascript:alert(1)", "javascript[:]alert(1)");
    assert_tame("a+b://x", "a+b[:]//x");
    assert_tame(")://x", ")[:]//x");
    assert_tame("1.2.3.4", "1[.]2[.]3[.]4");
    assert_tame("2.0.", "2.0.");
    assert_tame("1.2a", "1[.]2a");
    assert_tame("\\\\host\\share", "\\ \\host\\share");
    assert_tame("\\\\\\", "\\ \\ \\");
    assert_tame("localhost:80/x", "localhost[:]80/x");
    assert_tame("xn--e1a.com", "xn--e1a[.]com");

    /* other points and signs */

    assert_tame("evil\xe3\x80\x82" "com", "evil[.]com");
    assert_tame("evil\xef\xbc\x8e" "com", "evil[.]com");
    assert_tame("evil\xef\xbd\xa1" "com", "evil[.]com");
    assert_tame("a\xef\xbc\xa0" "b", "a[at]b");
    assert_tame("b\xc3\xbc" "cher.de", "b\xc3\xbc" "cher[.]de");
}


static void
test_hidden(void **state)
{
    /* what was taken out does not hold apart what stands beside it */

    assert_tame("evil\xe2\x80\x8b.\xe2\x80\x8b" "com", "evil[.]com");
    assert_tame("a\x01" "b\x1b[31m\x7f", "ab[31m");
    assert_tame("\xe2\x80\xaemoc.live", "moc[.]live");
    assert_tame("\xef\xbb\xbf" "a\xc2\xad" "b\xc2\x85" "c", "ab\nc");

    assert_tame("a\r\nb\rc\nd\xe2\x80\xa8" "e", "a\nb\nc\nd\ne");
    assert_tame("a\tb\xc2\xa0" "c  ", "a b c");

    assert_tame_of("a\r\nBcc: x@y.de", 14, 1000, 0, "a Bcc: x[at]y[.]de");
    assert_tame_of(" \n a \t b\n", 9, 1000, 0, "a b");
    assert_tame_of("a\0b", 3, 1000, 0, "ab");

    assert_tame_of("a\xff", 2, 1000, 0, "?");
    assert_tame_of("\xe2\x82", 2, 1000, 0, "?");
}


static void
test_cut(void **state)
{
    assert_tame_of("abcdef", 6, 6, 0, "abcdef");
    assert_tame_of("abcdef", 6, 5, 0, "abcde\xe2\x80\xa6");
    assert_tame_of("ab\xe2\x82\xac", 5, 4, 0, "ab\xe2\x80\xa6");
    assert_tame_of("@@@@", 4, 3, 0, "[at][at]@\xe2\x80\xa6");
    assert_tame_of("a", 1, 0, 0, "\xe2\x80\xa6");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_cut)
    };

    return test_run(tests);
}
