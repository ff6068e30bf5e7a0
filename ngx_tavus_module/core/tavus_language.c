
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>
#include <strings.h>

#include "core/tavus_language.h"


typedef struct {
    const char  *code;
    const char  *name;
    const char  *regions;       /* of two letters each, a blank between */
} tavus_language_row_t;


typedef struct {
    const char  *text;
    const char  *code;
} tavus_language_alias_t;


static const tavus_language_row_t *tavus_language_find(const char *text,
    size_t len);
static int tavus_language_is(const char *text, size_t len, const char *word);
static int tavus_language_letter(char c);
static int tavus_language_digit(char c);


/*
 * docs.tavus.io/sections/conversational-video-interface/language-support, as
 * of 2026: "42 languages", each with its code.  The regions are those that
 * the edition of 2025 gave beside a name; of English it said "all variants"
 * without naming one, so there are none here.  The setting "multilingual",
 * which has no code, is of the reference of POST /v2/conversations.
 */

static const tavus_language_row_t  tavus_languages[] = {
    { "", "multilingual", "" },
    { "ar", "arabic", "SA AE" },
    { "bg", "bulgarian", "" },
    { "bn", "bengali", "" },
    { "cs", "czech", "" },
    { "da", "danish", "" },
    { "de", "german", "" },
    { "el", "greek", "" },
    { "en", "english", "" },
    { "es", "spanish", "ES MX" },
    { "fi", "finnish", "" },
    { "fr", "french", "FR CA" },
    { "gu", "gujarati", "" },
    { "he", "hebrew", "" },
    { "hi", "hindi", "" },
    { "hr", "croatian", "" },
    { "hu", "hungarian", "" },
    { "id", "indonesian", "" },
    { "it", "italian", "" },
    { "ja", "japanese", "" },
    { "ka", "georgian", "" },
    { "kn", "kannada", "" },
    { "ko", "korean", "" },
    { "ml", "malayalam", "" },
    { "mr", "marathi", "" },
    { "ms", "malay", "" },
    { "nl", "dutch", "" },
    { "no", "norwegian", "" },
    { "pa", "punjabi", "" },
    { "pl", "polish", "" },
    { "pt", "portuguese", "BR PT" },
    { "ro", "romanian", "" },
    { "ru", "russian", "" },
    { "sk", "slovak", "" },
    { "sv", "swedish", "" },
    { "ta", "tamil", "" },
    { "te", "telugu", "" },
    { "th", "thai", "" },
    { "tl", "tagalog", "" },
    { "tr", "turkish", "" },
    { "uk", "ukrainian", "" },
    { "vi", "vietnamese", "" },
    { "zh", "chinese", "" }
};


/*
 * Other words for the same: the name that Tavus's edition of 2025 had, and
 * what browsers call two of them.
 */

static const tavus_language_alias_t  tavus_language_aliases[] = {
    { "filipino", "tl" },
    { "fil", "tl" },
    { "nb", "no" }
};


int
tavus_language(const char *text, size_t len, tavus_language_t *language)
{
    size_t                       n;
    const char                  *region, *r;
    const tavus_language_row_t  *row;

    row = tavus_language_find(text, len);
    region = NULL;

    if (row == NULL) {
        for (n = 0; n < len && text[n] != '-'; n++) { /* void */ }

        /* of the words there is none that takes a region */

        if (n > 3 || n == len) {
            return -1;
        }

        row = tavus_language_find(text, n);
        region = text + n + 1;
        len -= n + 1;

        if (row == NULL
            || !((len == 2 && tavus_language_letter(region[0])
                  && tavus_language_letter(region[1]))
                 || (len == 3 && tavus_language_digit(region[0])
                     && tavus_language_digit(region[1])
                     && tavus_language_digit(region[2]))))
        {
            return -1;
        }
    }

    language->name = row->name;

    memset(language->code, 0, sizeof(language->code));
    memcpy(language->code, row->code, strlen(row->code));

    if (region == NULL || len != 2) {
        return 0;
    }

    for (r = row->regions; *r; r += r[2] ? 3 : 2) {
        if (strncasecmp(region, r, 2) == 0) {
            language->code[2] = '-';
            memcpy(&language->code[3], r, 2);
        }
    }

    return 0;
}


static const tavus_language_row_t *
tavus_language_find(const char *text, size_t len)
{
    size_t                       i, n;
    const tavus_language_row_t  *row;

    if (len == 0) {
        return NULL;
    }

    n = sizeof(tavus_language_aliases) / sizeof(tavus_language_aliases[0]);

    for (i = 0; i < n; i++) {
        if (tavus_language_is(text, len, tavus_language_aliases[i].text)) {
            text = tavus_language_aliases[i].code;
            len = strlen(text);
            break;
        }
    }

    n = sizeof(tavus_languages) / sizeof(tavus_languages[0]);

    for (i = 0; i < n; i++) {
        row = &tavus_languages[i];

        if (tavus_language_is(text, len, row->code)
            || tavus_language_is(text, len, row->name))
        {
            return row;
        }
    }

    return NULL;
}


static int
tavus_language_is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}


static int
tavus_language_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static int
tavus_language_digit(char c)
{
    return c >= '0' && c <= '9';
}
