
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdlib.h>
#include <string.h>

#include "tavus_delivery.h"
#include "tavus_tame.h"
#include "tavus_utf8.h"


static size_t tavus_tame_visible(const char *text, size_t len, char *dst,
    int lines);
static int tavus_tame_hidden(unsigned c);
static unsigned tavus_tame_character(const unsigned char *p, size_t *n);
static size_t tavus_tame_defang(const char *text, size_t i, size_t len,
    const char **instead);
static size_t tavus_tame_other(const char *text, size_t i, size_t len,
    const char **instead);
static int tavus_tame_decimal(const char *text, size_t i, size_t len);
static int tavus_tame_word(char c);
static int tavus_tame_space(char c);


char *
tavus_tame(const char *text, size_t len, size_t max, int lines)
{
    char        *seen, *tame, *p;
    size_t       i, n, cut;
    const char  *instead;

    if (!tavus_utf8_valid(text, len)) {
        text = "?";
        len = 1;
    }

    seen = calloc(1, len + 1);
    if (seen == NULL) {
        return NULL;
    }

    n = tavus_tame_visible(text, len, seen, lines);
    cut = tavus_delivery_cut(seen, n, max);

    /* a byte becomes four at most; and the mark of what is left out */

    tame = malloc(4 * cut + sizeof("\xe2\x80\xa6"));
    if (tame == NULL) {
        free(seen);
        return NULL;
    }

    p = tame;

    for (i = 0; i < cut; /* void */ ) {
        len = tavus_tame_defang(seen, i, cut, &instead);

        if (len) {
            i += len;
            len = strlen(instead);
            memcpy(p, instead, len);
            p += len;

        } else {
            *p++ = seen[i++];
        }
    }

    if (cut < n) {
        memcpy(p, "\xe2\x80\xa6", 3);
        p += 3;
    }

    *p = '\0';

    free(seen);

    return tame;
}


/* to dst, which has room for as much; what is not seen is left out */

static size_t
tavus_tame_visible(const char *text, size_t len, char *dst, int lines)
{
    char      *p;
    size_t     i, n;
    unsigned   c;

    p = dst;

    for (i = 0; i < len; i += n) {
        c = tavus_tame_character((const unsigned char *) text + i, &n);

        if (c == '\r' || c == '\n' || c == 0x85 || c == 0x2028
            || c == 0x2029)
        {
            if (c == '\r' && i + 1 < len && text[i + 1] == '\n') {
                continue;
            }

            c = lines ? '\n' : ' ';

        } else if (c == ' ' || c == '\t' || c == 0xa0 || c == 0x3000
                   || (c >= 0x2000 && c <= 0x200a) || c == 0x202f)
        {
            c = ' ';

        } else if (tavus_tame_hidden(c)) {
            continue;

        } else {
            memcpy(p, text + i, n);
            p += n;
            continue;
        }

        /* a line does not begin with blanks, nor have two of them */

        if (lines || (p > dst && p[-1] != ' ')) {
            *p++ = (char) c;
        }
    }

    while (p > dst && tavus_tame_space(p[-1])) {
        p--;
    }

    return p - dst;
}


/* controls, what turns the writing around, what has no width, tags */

static int
tavus_tame_hidden(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f
           || c == 0x61c || c == 0x115f || c == 0x1160
           || c == 0x17b4 || c == 0x17b5
           || (c >= 0x180b && c <= 0x180f)
           || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e)
           || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xffa0
           || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff
           || (c >= 0xfff0 && c <= 0xfffb)
           || (c >= 0xe0000 && c <= 0xe0fff);
}


/* of valid UTF-8 */

static unsigned
tavus_tame_character(const unsigned char *p, size_t *n)
{
    if (p[0] < 0x80) {
        *n = 1;
        return p[0];
    }

    if (p[0] < 0xe0) {
        *n = 2;
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }

    if (p[0] < 0xf0) {
        *n = 3;
        return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }

    *n = 4;
    return (p[0] & 0x7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6
           | (p[3] & 0x3fu);
}


/* how many bytes stand there that others have to stand for, or 0 */

static size_t
tavus_tame_defang(const char *text, size_t i, size_t len,
    const char **instead)
{
    char  before, after;

    before = i ? text[i - 1] : ' ';
    after = i + 1 < len ? text[i + 1] : ' ';

    switch (text[i]) {

    case '.':
        *instead = "[.]";

        return tavus_tame_word(before) && tavus_tame_word(after)
               && !tavus_tame_decimal(text, i, len);

    case ':':
        *instead = "[:]";

        return (tavus_tame_word(before) || before == '+' || after == '/')
               && !tavus_tame_space(after)
               && !(before >= '0' && before <= '9' && after >= '0'
                    && after <= '9');

    case '@':
        *instead = "[at]";

        return !tavus_tame_space(after);

    /* a name in a Windows network */

    case '\\':
        *instead = "\\ ";

        return after == '\\';
    }

    return tavus_tame_other(text, i, len, instead);
}


/* other points and signs that programs take for these */

static size_t
tavus_tame_other(const char *text, size_t i, size_t len,
    const char **instead)
{
    char    before, after;
    size_t  k;

    static const char *const  points[] = {
        "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1", "\xe2\x80\xa4"
    };

    if (len - i < 3) {
        return 0;
    }

    if (memcmp(text + i, "\xef\xbc\xa0", 3) == 0
        || memcmp(text + i, "\xef\xb9\xab", 3) == 0)
    {
        *instead = "[at]";
        return 3;
    }

    before = i ? text[i - 1] : ' ';
    after = i + 3 < len ? text[i + 3] : ' ';

    for (k = 0; k < sizeof(points) / sizeof(points[0]); k++) {

        if (memcmp(text + i, points[k], 3) != 0) {
            continue;
        }

        /* between words of Chinese or Japanese it is what it is */

        *instead = "[.]";

        return tavus_tame_word(before) && tavus_tame_word(after)
               && (((unsigned char) before) < 0x80
                   || ((unsigned char) after) < 0x80)
               ? 3 : 0;
    }

    return 0;
}


/* "3.50", but neither "1.2.3" nor "1.2a" */

static int
tavus_tame_decimal(const char *text, size_t i, size_t len)
{
    size_t  k;

    for (k = i; k > 0; k--) {
        if (!tavus_tame_word(text[k - 1]) && text[k - 1] != '.') {
            break;
        }

        if (text[k - 1] < '0' || text[k - 1] > '9') {
            return 0;
        }
    }

    for (k = i + 1; k < len; k++) {
        if (!tavus_tame_word(text[k]) && text[k] != '.') {
            break;
        }

        if (text[k] == '.'
            && (k + 1 == len || !tavus_tame_word(text[k + 1])))
        {
            break;
        }

        if (text[k] < '0' || text[k] > '9') {
            return 0;
        }
    }

    return 1;
}


static int
tavus_tame_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_'
           || ((unsigned char) c) >= 0x80;
}


static int
tavus_tame_space(char c)
{
    return c == ' ' || c == '\n';
}
