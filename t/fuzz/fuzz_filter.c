
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Lines are the words of a filter, then of an event; the rest is its body.
 * Words are looked for letter by letter, and what is folded stays so.
 */

#include "fuzz.h"
#include "tavus_filter.h"


static int fuzz_has(const tavus_filter_text_t *text, const char *word,
    size_t len);
static void fuzz_fold(const char *data, size_t len, tavus_filter_text_t *out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                    i, rc, folds, q;
    char                  *body, *lower, *args[8];
    size_t                 n, k;
    tavus_filter_t         f;
    tavus_filter_text_t    t[8], name, id;
    tavus_filter_event_t   ev;

    for (i = 0; i < 8; i++) {
        args[i] = fuzz_take(&data, &size, '\n', &t[i].len);
        t[i].data = args[i];
    }

    folds = size > 0 && data[0] & 1;
    body = fuzz_copy(data, size);
    lower = malloc(size + 1);
    fuzz_assert(lower != NULL);

    tavus_filter_lower(lower, body, size);

    rc = tavus_filter_init(&f, &t[0], &t[1], &t[2], &t[3], &t[4]);

    if (rc == 0) {
        ev.kind = 2;
        ev.event_type = t[5];
        ev.source = t[6];
        ev.conversation_id = t[7];
        ev.lower.data = lower;
        ev.lower.len = size;

        fuzz_fold(body, size, &ev.folded);

        rc = tavus_filter_match(&f, &ev, folds);

        fuzz_assert(!rc || t[0].len == 0
                    || (t[0].len == 4 && memcmp(t[0].data, "info", 4) == 0));
        fuzz_assert(!rc || t[2].len == 0
                    || (t[2].len == t[6].len
                        && memcmp(t[2].data, t[6].data, t[2].len) == 0));

        if (rc && t[4].len) {
            q = 0;

            for (n = 0; n < t[4].len; n++) {
                q |= (unsigned char) t[4].data[n] >= 0x80;
            }

            fuzz_fold(t[4].data, t[4].len, &name);
            fuzz_assert(name.len == f.fold_len);
            free((void *) name.data);

            k = 0;

            for (i = 5; i < 8; i += 2) {
                lower = realloc(lower, t[i].len > size ? t[i].len + 1
                                                       : size + 1);
                fuzz_assert(lower != NULL);
                tavus_filter_lower(lower, t[i].data, t[i].len);
                id.data = lower;
                id.len = t[i].len;
                k |= (size_t) fuzz_has(&id, f.word, f.word_len);
            }

            tavus_filter_lower(lower, body, size);
            ev.lower.data = lower;

            k |= (size_t) (q && folds
                           ? fuzz_has(&ev.folded, f.fold, f.fold_len)
                           : fuzz_has(&ev.lower, f.word, f.word_len));

            fuzz_assert(k);
        }

        free((void *) ev.folded.data);
    }

    for (i = 0; i < 8; i++) {
        free(args[i]);
    }

    free(lower);
    free(body);

    return 0;
}


static int
fuzz_has(const tavus_filter_text_t *text, const char *word, size_t len)
{
    size_t  i;

    for (i = 0; i + len <= text->len; i++) {
        if (memcmp(text->data + i, word, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
fuzz_fold(const char *data, size_t len, tavus_filter_text_t *out)
{
    char    *dst, *again;
    size_t   n;

    dst = malloc(2 * len + 1);
    fuzz_assert(dst != NULL);

    n = tavus_filter_fold(dst, data, len);
    fuzz_assert(n <= 2 * len);

    again = malloc(2 * n + 1);
    fuzz_assert(again != NULL);

    fuzz_assert(tavus_filter_fold(again, dst, n) == n
                && memcmp(again, dst, n) == 0);

    free(again);

    out->data = dst;
    out->len = n;
}
