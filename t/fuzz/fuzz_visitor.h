
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _FUZZ_VISITOR_H_INCLUDED_
#define _FUZZ_VISITOR_H_INCLUDED_


/*
 * What the services that count visitors are fuzzed with: a byte of flags, and
 * fields divided by line feeds: type, conversation, a named property, visitor,
 * and body.
 */

#include "fuzz.h"
#include "tavus_delivery.h"


typedef struct {
    tavus_delivery_t   delivery;
    tavus_part_t       named;
    tavus_consent_t    consent;
    unsigned           wanted:1;    /* the property */
    char              *parts[5];
} fuzz_visitor_t;


/* 0: the input is none.  What is there is given back by fuzz_visitor_free(). */

static inline int
fuzz_visitor(fuzz_visitor_t *v, const uint8_t *data, size_t size)
{
    tavus_delivery_t  *d;

    static const char *const  sources[] = { "browser", "tavus", "server", "" };

    if (size == 0 || size > 4096) {
        return 0;
    }

    memset(v, 0, sizeof(*v));

    d = &v->delivery;

    memcpy(d->id, "019df8a3-9c11-7abc-8def-0123456789ab", 37);
    d->time = INT64_C(1777714180481213);

    d->source.data = sources[data[0] & 3];
    d->source.len = strlen(d->source.data);

    v->consent = data[0] & 4 ? TAVUS_CONSENT_ANONYMOUS
                             : TAVUS_CONSENT_REQUIRED;
    v->wanted = (data[0] & 8) != 0;

    data++;
    size--;

    v->parts[0] = fuzz_take(&data, &size, '\n', &d->event_type.len);
    v->parts[1] = fuzz_take(&data, &size, '\n', &d->conversation_id.len);
    v->parts[2] = fuzz_take(&data, &size, '\n', &v->named.len);
    v->parts[3] = fuzz_take(&data, &size, '\n', &d->visitor.len);
    v->parts[4] = fuzz_copy(data, size);

    d->event_type.data = v->parts[0];
    d->conversation_id.data = v->parts[1];
    v->named.data = v->parts[2];
    d->visitor.data = v->parts[3];
    d->body.data = v->parts[4];
    d->body.len = size;

    return 1;
}


static inline void
fuzz_visitor_free(fuzz_visitor_t *v)
{
    size_t  i;

    for (i = 0; i < FUZZ_COUNT(v->parts); i++) {
        free(v->parts[i]);
    }
}


#endif /* _FUZZ_VISITOR_H_INCLUDED_ */
