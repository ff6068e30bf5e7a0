
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_uuid.h"


/* microseconds from 1970 to PostgreSQL's epoch, 2000-01-01 */
#define NGX_TAVUS_ENCODE_EPOCH    946684800000000


/* the tags of a record's fields; a number is never used for another thing */

typedef enum {
    ngx_tavus_field_id = 1,
    ngx_tavus_field_digest,             /* only of a floating event */
    ngx_tavus_field_nonce,              /* only of a bound event */
    ngx_tavus_field_received,
    ngx_tavus_field_kind,
    ngx_tavus_field_source,
    ngx_tavus_field_event_type,
    ngx_tavus_field_conversation_id,
    ngx_tavus_field_verification,
    ngx_tavus_field_body,
    ngx_tavus_field_reason,
    ngx_tavus_field_own                 /* only of one that has a time */
} ngx_tavus_field_e;


static u_char *ngx_tavus_encode_column(u_char *p, ngx_tavus_event_t **events,
    ngx_uint_t n, ngx_uint_t column);
static u_char *ngx_tavus_encode_value(u_char *p, ngx_tavus_event_t *ev,
    ngx_uint_t column);


static const Oid  ngx_tavus_encode_elements[NGX_TAVUS_ENCODE_COLUMNS] = {
    NGX_TAVUS_OID_UUID,
    NGX_TAVUS_OID_TIMESTAMPTZ,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_INT2,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_TEXT
};


size_t
ngx_tavus_encode_batch_size(ngx_tavus_event_t **events, ngx_uint_t n)
{
    size_t              size;
    ngx_uint_t          i;
    ngx_tavus_event_t  *ev;

    size = NGX_TAVUS_ENCODE_COLUMNS * NGX_TAVUS_ENCODE_ARRAY;

    for (i = 0; i < n; i++) {
        ev = events[i];

        size += NGX_TAVUS_ENCODE_COLUMNS * 4
                + 16 + 8 + 32 + 2 + ev->source.len + ev->event_type.len
                + ev->conversation_id.len + 16 + ev->verification.len
                + ev->body.len + ev->reason.len;
    }

    return size;
}


void
ngx_tavus_encode_batch(ngx_tavus_pg_op_t *op, u_char *p,
    ngx_tavus_event_t **events, ngx_uint_t n)
{
    u_char      *start;
    ngx_uint_t   i;

    for (i = 0; i < NGX_TAVUS_ENCODE_COLUMNS; i++) {
        start = p;
        p = ngx_tavus_encode_column(p, events, n, i);

        op->values[i] = (char *) start;
        op->lengths[i] = (int) (p - start);
        op->formats[i] = 1;
    }
}


static u_char *
ngx_tavus_encode_column(u_char *p, ngx_tavus_event_t **events, ngx_uint_t n,
    ngx_uint_t column)
{
    ngx_uint_t  i;

    p = ngx_tavus_encode_array(p, ngx_tavus_encode_elements[column], n);

    for (i = 0; i < n; i++) {
        p = ngx_tavus_encode_value(p, events[i], column);
    }

    return p;
}


static u_char *
ngx_tavus_encode_value(u_char *p, ngx_tavus_event_t *ev, ngx_uint_t column)
{
    u_char      digest[16 + TAVUS_UUID_LEN];
    int64_t     usec;
    ngx_str_t   s;
    ngx_uint_t  null;

    null = 0;
    ngx_str_null(&s);

    switch (column) {

    case 0:
        s.len = TAVUS_UUID_LEN;
        s.data = ev->id;
        break;

    case 1:
        usec = ev->received - NGX_TAVUS_ENCODE_EPOCH;

        p = ngx_tavus_encode_int(p, 8);
        p = ngx_tavus_encode_int(p, (uint32_t) ((uint64_t) usec >> 32));

        return ngx_tavus_encode_int(p, (uint32_t) usec);

    case 2:
        if (!ev->floating) {
            null = 1;
            break;
        }

        ngx_memcpy(digest, ev->digest, 16);
        ngx_memcpy(digest + 16, ev->own, TAVUS_UUID_LEN);

        s.len = ev->timed ? sizeof(digest) : 16;
        s.data = digest;
        break;

    case 3:
        p = ngx_tavus_encode_int(p, 2);
        *p++ = 0;
        *p++ = (u_char) ev->kind;

        return p;

    case 4:
        s = ev->source;
        break;

    case 5:
        s = ev->event_type;
        break;

    case 6:
        s = ev->conversation_id;
        null = (s.len == 0);
        break;

    case 7:
        s.len = 16;
        s.data = ev->nonce;
        null = !ev->bound;
        break;

    case 8:
        s = ev->verification;
        null = (s.len == 0);
        break;

    case 9:
        s = ev->body;
        break;

    default: /* 10 */
        s = ev->reason;
        null = (s.len == 0);
    }

    if (null) {
        return ngx_tavus_encode_int(p, (uint32_t) -1);
    }

    p = ngx_tavus_encode_int(p, (uint32_t) s.len);

    return ngx_cpymem(p, s.data, s.len);
}


u_char *
ngx_tavus_encode_array(u_char *p, Oid element, ngx_uint_t n)
{
    p = ngx_tavus_encode_int(p, 1);
    p = ngx_tavus_encode_int(p, 1);
    p = ngx_tavus_encode_int(p, element);
    p = ngx_tavus_encode_int(p, (uint32_t) n);

    return ngx_tavus_encode_int(p, 1);
}


u_char *
ngx_tavus_encode_bytes(u_char *p, const uint8_t *data, size_t len)
{
    if (data == NULL) {
        return ngx_tavus_encode_int(p, (uint32_t) -1);
    }

    p = ngx_tavus_encode_int(p, (uint32_t) len);

    return ngx_cpymem(p, data, len);
}


u_char *
ngx_tavus_encode_int(u_char *p, uint32_t n)
{
    *p++ = (u_char) (n >> 24);
    *p++ = (u_char) (n >> 16);
    *p++ = (u_char) (n >> 8);
    *p++ = (u_char) n;

    return p;
}


size_t
ngx_tavus_encode_record(tavus_record_field_t *fields, uint8_t *numbers,
    ngx_tavus_event_t *ev)
{
    size_t      n;
    ngx_str_t  *s;
    ngx_uint_t  i;

    static const struct {
        ngx_uint_t  tag;
        size_t      offset;
    } strings[] = {
        { ngx_tavus_field_source, offsetof(ngx_tavus_event_t, source) },
        { ngx_tavus_field_event_type,
          offsetof(ngx_tavus_event_t, event_type) },
        { ngx_tavus_field_conversation_id,
          offsetof(ngx_tavus_event_t, conversation_id) },
        { ngx_tavus_field_verification,
          offsetof(ngx_tavus_event_t, verification) },
        { ngx_tavus_field_body, offsetof(ngx_tavus_event_t, body) },
        { ngx_tavus_field_reason, offsetof(ngx_tavus_event_t, reason) }
    };

    for (i = 0; i < 7; i++) {
        numbers[i] = (uint8_t) (ev->received >> (8 * i));
    }

    numbers[7] = (uint8_t) ev->kind;

    n = 0;

    fields[n].tag = ngx_tavus_field_id;
    fields[n].data = ev->id;
    fields[n++].len = TAVUS_UUID_LEN;

    if (ev->floating) {
        fields[n].tag = ngx_tavus_field_digest;
        fields[n].data = ev->digest;
        fields[n++].len = TAVUS_EVENT_DIGEST;

        if (ev->timed) {
            fields[n].tag = ngx_tavus_field_own;
            fields[n].data = ev->own;
            fields[n++].len = TAVUS_UUID_LEN;
        }
    }

    if (ev->bound) {
        fields[n].tag = ngx_tavus_field_nonce;
        fields[n].data = ev->nonce;
        fields[n++].len = sizeof(ev->nonce);
    }

    /* 56 bits of microseconds last until the year 4253 */

    fields[n].tag = ngx_tavus_field_received;
    fields[n].data = numbers;
    fields[n++].len = 7;

    fields[n].tag = ngx_tavus_field_kind;
    fields[n].data = numbers + 7;
    fields[n++].len = 1;

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        s = (ngx_str_t *) ((u_char *) ev + strings[i].offset);

        if (s->len) {
            fields[n].tag = (uint8_t) strings[i].tag;
            fields[n].data = s->data;
            fields[n++].len = s->len;
        }
    }

    return n;
}


ngx_int_t
ngx_tavus_decode_record(ngx_tavus_event_t *ev, const uint8_t *payload,
    size_t len)
{
    size_t                 i, pos;
    ngx_str_t              s;
    ngx_uint_t             id, received, kind;
    tavus_record_field_t   field;
    tavus_record_status_t  status;

    ngx_memzero(ev, sizeof(ngx_tavus_event_t));

    pos = 0;
    id = 0;
    received = 0;
    kind = 0;

    for ( ;; ) {
        status = tavus_record_field(payload, len, &pos, &field);

        if (status == TAVUS_RECORD_END) {
            break;
        }

        if (status != TAVUS_RECORD_OK) {
            return NGX_DECLINED;
        }

        s.data = (u_char *) field.data;
        s.len = field.len;

        switch (field.tag) {

        case ngx_tavus_field_id:
            if (s.len != TAVUS_UUID_LEN) {
                return NGX_DECLINED;
            }

            ngx_memcpy(ev->id, s.data, s.len);
            id = 1;
            break;

        case ngx_tavus_field_digest:
            if (s.len != TAVUS_EVENT_DIGEST) {
                return NGX_DECLINED;
            }

            ngx_memcpy(ev->digest, s.data, s.len);
            ev->floating = 1;
            break;

        case ngx_tavus_field_own:
            if (s.len != TAVUS_UUID_LEN) {
                return NGX_DECLINED;
            }

            ngx_memcpy(ev->own, s.data, s.len);
            ev->timed = 1;
            break;

        case ngx_tavus_field_nonce:
            if (s.len != sizeof(ev->nonce)) {
                return NGX_DECLINED;
            }

            ngx_memcpy(ev->nonce, s.data, s.len);
            ev->bound = 1;
            break;

        case ngx_tavus_field_received:
            if (s.len != 7) {
                return NGX_DECLINED;
            }

            for (i = 0; i < 7; i++) {
                ev->received |= (int64_t) s.data[i] << (8 * i);
            }

            received = 1;
            break;

        case ngx_tavus_field_kind:
            if (s.len != 1) {
                return NGX_DECLINED;
            }

            ev->kind = s.data[0];
            kind = 1;
            break;

        case ngx_tavus_field_source:
            ev->source = s;
            break;

        case ngx_tavus_field_event_type:
            ev->event_type = s;
            break;

        case ngx_tavus_field_conversation_id:
            ev->conversation_id = s;
            break;

        case ngx_tavus_field_verification:
            ev->verification = s;
            break;

        case ngx_tavus_field_body:
            ev->body = s;
            break;

        case ngx_tavus_field_reason:
            ev->reason = s;
            break;

        default:
            break;
        }
    }

    return (id && received && kind && ev->source.len) ? NGX_OK
                                                      : NGX_DECLINED;
}
