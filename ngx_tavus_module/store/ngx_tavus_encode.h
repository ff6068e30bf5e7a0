
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ENCODE_H_INCLUDED_
#define _NGX_TAVUS_ENCODE_H_INCLUDED_


/* An event's two forms outside of this process: batch and journal record. */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_record.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_ENCODE_COLUMNS  11
#define NGX_TAVUS_ENCODE_FIELDS   12
#define NGX_TAVUS_ENCODE_NUMBER   8

/* of a binary array: dimensions, null flag, type, length, lower bound */
#define NGX_TAVUS_ENCODE_ARRAY    (5 * 4)


/* Bytes that a batch of these events takes, all its arguments together. */
size_t ngx_tavus_encode_batch_size(ngx_tavus_event_t **events, ngx_uint_t n);

/*
 * Writes the arguments of tavus.record() as binary arrays to p, which holds
 * the size above, and points op's values there.
 */
void ngx_tavus_encode_batch(ngx_tavus_pg_op_t *op, u_char *p,
    ngx_tavus_event_t **events, ngx_uint_t n);

/*
 * Parts of such an argument: what is before an array's elements, an element
 * of so many bytes (NULL: data is), and an integer, which a length is too.
 */
u_char *ngx_tavus_encode_array(u_char *p, Oid element, ngx_uint_t n);
u_char *ngx_tavus_encode_bytes(u_char *p, const uint8_t *data, size_t len);
u_char *ngx_tavus_encode_int(u_char *p, uint32_t n);

/*
 * The fields of an event's journal record; they point into the event and
 * into numbers, NGX_TAVUS_ENCODE_NUMBER bytes of the caller's.  Returns how
 * many of NGX_TAVUS_ENCODE_FIELDS there are.
 */
size_t ngx_tavus_encode_record(tavus_record_field_t *fields,
    uint8_t *numbers, ngx_tavus_event_t *ev);

/*
 * Reads a record's payload; the event points into it.  NGX_DECLINED if it is
 * of another version or has not what an event needs.
 */
ngx_int_t ngx_tavus_decode_record(ngx_tavus_event_t *ev,
    const uint8_t *payload, size_t len);


#endif /* _NGX_TAVUS_ENCODE_H_INCLUDED_ */
