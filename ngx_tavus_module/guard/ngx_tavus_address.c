
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_address.h"


#if (NGX_HAVE_INET6)

/* IPv6 addresses that are made of an IPv4 address */

typedef struct {
    size_t                     len;             /* of the prefix */
    size_t                     offset;          /* 0: anywhere */
    u_char                     mask;
    u_char                     prefix[12];
} ngx_tavus_address_embedded_t;

#endif


static void ngx_tavus_address_mask(struct sockaddr *sa, ngx_uint_t v4,
    ngx_uint_t v6, u_char key[16], ngx_str_t *out);
#if (NGX_HAVE_INET6)
static ngx_int_t ngx_tavus_address_embedded(u_char *addr, u_char v4[4]);
#endif


#if (NGX_HAVE_INET6)

/*
 * Of a translator, or of a Teredo server, a /64 is everybody; of a 6to4 site
 * there are 65536 of them.  Answers come back by the IPv4 address alone.
 */

static const ngx_tavus_address_embedded_t  ngx_tavus_address_embeddings[] = {

    /* ::ffff:0:0/96, the same host on an IPv6 socket */
    { 12, 12, 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } },

    /* 64:ff9b::/96, RFC 6052 */
    { 12, 12, 0, { 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0 } },

    /* 64:ff9b:1::/48, RFC 8215: where in it is the network's own choice */
    { 6, 0, 0, { 0, 0x64, 0xff, 0x9b, 0, 1 } },

    /* 2001::/32, RFC 4380, inverted */
    { 4, 12, 0xff, { 0x20, 0x01, 0, 0 } },

    /* 2002::/16, RFC 3056 */
    { 2, 2, 0, { 0x20, 0x02 } },

    { 0, 0, 0, { 0 } }
};

#endif


void
ngx_tavus_address_key(ngx_http_request_t *r, ngx_uint_t v4, ngx_uint_t v6,
    u_char key[16], ngx_str_t *out)
{
    ngx_tavus_address_mask(r->connection->sockaddr, v4, v6, key, out);
}


ngx_int_t
ngx_tavus_address_text(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t v4,
    ngx_uint_t v6, u_char key[16], ngx_str_t *out)
{
    ngx_int_t   rc;
    ngx_addr_t  addr;

    static ngx_str_t  unix_domain = ngx_string("unix:");

    if (text->len == unix_domain.len
        && ngx_memcmp(text->data, unix_domain.data, text->len) == 0)
    {
        out->data = key;
        out->len = 0;

        return NGX_OK;
    }

    /* a longer one is none, and a shorter one than any is "::" */

    if (text->len < 2 || text->len >= NGX_INET6_ADDRSTRLEN) {
        return NGX_DECLINED;
    }

    rc = ngx_parse_addr(pool, &addr, text->data, text->len);

    if (rc == NGX_OK) {
        ngx_tavus_address_mask(addr.sockaddr, v4, v6, key, out);
    }

    return rc;
}


static void
ngx_tavus_address_mask(struct sockaddr *sa, ngx_uint_t v4, ngx_uint_t v6,
    u_char key[16], ngx_str_t *out)
{
    u_char               *p;
    size_t                len;
    ngx_uint_t            i, bits;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    u_char                embedded[4];
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        p = (u_char *) &sin->sin_addr;
        len = 4;
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        p = sin6->sin6_addr.s6_addr;
        len = 16;

        switch (ngx_tavus_address_embedded(p, embedded)) {

        case NGX_OK:
            p = embedded;
            len = 4;
            break;

        case NGX_DONE:
            v6 = 128;
            break;

        default: /* NGX_DECLINED */
            break;
        }

        break;
#endif

    default:
        p = key;
        len = 0;
    }

    bits = (len == 4) ? v4 : v6;

    for (i = 0; i < len; i++) {

        if (bits >= 8) {
            key[i] = p[i];
            bits -= 8;
            continue;
        }

        key[i] = (u_char) (p[i] & (0xff00 >> bits));
        bits = 0;
    }

    out->data = key;
    out->len = len;
}


#if (NGX_HAVE_INET6)

/*
 * NGX_OK with the IPv4 address of who has this one, NGX_DONE for one that
 * stands for an IPv4 address as a whole, else NGX_DECLINED.
 */

static ngx_int_t
ngx_tavus_address_embedded(u_char *addr, u_char v4[4])
{
    ngx_uint_t                         i;
    const ngx_tavus_address_embedded_t  *e;

    for (e = ngx_tavus_address_embeddings; e->len; e++) {

        if (ngx_memcmp(addr, e->prefix, e->len) != 0) {
            continue;
        }

        if (e->offset == 0) {
            return NGX_DONE;
        }

        for (i = 0; i < 4; i++) {
            v4[i] = addr[e->offset + i] ^ e->mask;
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}

#endif
