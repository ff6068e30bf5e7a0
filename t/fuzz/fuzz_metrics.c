/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * A sample whose label's value is anybody's: one line, from which a reader
 * of Prometheus's format gets the same bytes, and never more of them than
 * was promised.
 */

#include "fuzz.h"
#include "tavus_metrics.h"


#define FUZZ_HEAD  "tavus_x{host=\""


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *p, *end, *buf, *value, number[32];
    size_t         i, len, room;
    uint64_t       n;
    tavus_tag_t    tag;
    tavus_text_t   text;

    n = 0;
    len = size < sizeof(n) ? size : sizeof(n);
    memcpy(&n, data, len);

    size -= len;
    value = fuzz_copy(data + len, size);

    tag.name = "host";
    tag.value = value;
    tag.len = size;

    memset(&text, 0, sizeof(text));
    tavus_metrics_sample(&text, "x", &tag, 1, n);
    room = text.len;

    buf = malloc(room);
    fuzz_assert(buf != NULL);

    text.len = 0;
    text.pos = buf;
    text.last = buf + room;
    tavus_metrics_sample(&text, "x", &tag, 1, n);

    end = text.pos;
    fuzz_assert(text.len == (size_t) (end - buf) && text.len <= room);
    fuzz_assert(memchr(buf, '\n', text.len) == end - 1);

    p = buf + sizeof(FUZZ_HEAD) - 1;
    fuzz_assert(memcmp(buf, FUZZ_HEAD, sizeof(FUZZ_HEAD) - 1) == 0);

    for (i = 0; *p != '"'; i++, p++) {
        fuzz_assert(i < size);

        if (*p == '\\') {
            p++;
            fuzz_assert(*p == 'n' ? value[i] == '\n'
                                  : (*p == '\\' || *p == '"')
                                    && value[i] == *p);

        } else {
            fuzz_assert(value[i] == *p);
        }
    }

    fuzz_assert(i == size);

    len = (size_t) snprintf(number, sizeof(number), "\"} %llu\n",
                            (unsigned long long) n);
    fuzz_assert((size_t) (end - p) == len && memcmp(p, number, len) == 0);

    free(buf);
    free(value);

    return 0;
}
