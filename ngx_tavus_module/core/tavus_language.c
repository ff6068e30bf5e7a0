
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <string.h>
#include <strings.h>

#include "core/tavus_language.h"


static const struct {
    const char  *code;
    const char  *name;
} tavus_languages[] = {
    { "", "multilingual" },
    { "ar", "arabic" },
    { "bg", "bulgarian" },
    { "zh", "chinese" },
    { "hr", "croatian" },
    { "cs", "czech" },
    { "da", "danish" },
    { "nl", "dutch" },
    { "en", "english" },
    { "fi", "finnish" },
    { "fr", "french" },
    { "de", "german" },
    { "el", "greek" },
    { "hi", "hindi" },
    { "hu", "hungarian" },
    { "id", "indonesian" },
    { "it", "italian" },
    { "ja", "japanese" },
    { "ko", "korean" },
    { "ms", "malay" },
    { "no", "norwegian" },
    { "pl", "polish" },
    { "pt", "portuguese" },
    { "ro", "romanian" },
    { "ru", "russian" },
    { "sk", "slovak" },
    { "es", "spanish" },
    { "sv", "swedish" },
    { "tl", "tagalog" },
    { "ta", "tamil" },
    { "th", "thai" },
    { "tr", "turkish" },
    { "uk", "ukrainian" },
    { "vi", "vietnamese" }
};


const char *
tavus_language(const char *text, size_t len)
{
    size_t       i, n;
    const char  *name;

    n = sizeof(tavus_languages) / sizeof(tavus_languages[0]);

    for (i = 0; i < n; i++) {
        name = tavus_languages[i].name;

        if (len == strlen(name) && strncasecmp(text, name, len) == 0) {
            return name;
        }

        if (len == 2 && strncasecmp(text, tavus_languages[i].code, 2) == 0) {
            return name;
        }
    }

    return NULL;
}
