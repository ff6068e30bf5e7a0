
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_MAIL_H_INCLUDED_
#define _TAVUS_MAIL_H_INCLUDED_


#include "tavus_delivery.h"


/*
 * Mails to the owner, as SendGrid takes them (https://www.twilio.com/docs/
 * sendgrid/api-reference/mail-send).  Who they go to and are from is
 * configured; what a visitor wrote is text, and nothing else: no recipient,
 * header, markup or link, the address to reply to of a lead's mail excepted.
 */

#define TAVUS_MAIL_PATH      "/v3/mail/send"
#define TAVUS_MAIL_SUBJECT   200            /* bytes */
#define TAVUS_MAIL_NAME      100            /* bytes of somebody's name */
#define TAVUS_MAIL_ADDRESS   254            /* bytes (RFC 5321, 4.5.3.1.3) */

/* bytes of a part, after which nothing is begun any more */

#define TAVUS_MAIL_PART      (96 * 1024)

/* no request is larger, whatever it is made of */

#define TAVUS_MAIL_MAX       (1024 * 1024)


typedef struct {
    tavus_part_t            name;           /* len 0: none */
    tavus_part_t            email;          /* len 0: nobody */
} tavus_mail_address_t;


typedef struct {
    tavus_mail_address_t    from;
    tavus_mail_address_t    reply_to;
    tavus_mail_address_t   *to;
    size_t                  nto;
    tavus_part_t            panel;          /* its URL; len 0: none */
} tavus_mail_conf_t;


/* What mails are about: an argument of "mail", and the events of it. */

typedef struct {
    const char             *name;
    const char             *types[4];       /* NULL behind the last one */
    unsigned                digest:1;       /* many in one mail */
} tavus_mail_kind_t;


/* The kind of that name, or NULL; by number, NULL behind the last one. */
const tavus_mail_kind_t *tavus_mail_kind(const char *name, size_t len);
const tavus_mail_kind_t *tavus_mail_kind_at(size_t n);

/*
 * Reads "name@example.com" or "Name <name@example.com>", strictly: what is
 * in it points into the text.  NULL, or a static sentence that says what is
 * wrong.
 */
const char *tavus_mail_address(const char *text, size_t len,
    tavus_mail_address_t *address);

/* Whether an address is one that SendGrid takes: ASCII, and no literal. */
int tavus_mail_address_valid(const char *email, size_t len);

/*
 * Makes the request of an event's mail, as tavus_posthog_event() does
 * otherwise.  The delivery's visitor is what tavus.mail_facts() says.  Of a
 * kind whose mails are digests it is an entry of one.
 */
tavus_delivery_status_t tavus_mail(const tavus_delivery_t *delivery,
    const tavus_mail_conf_t *conf, char **json, size_t *len,
    const char **reason);

/*
 * The request of a digest of n entries, each made by tavus_mail(), the
 * oldest first; freed with free().  NULL: no memory, or they are none.
 */
char *tavus_mail_digest(const tavus_mail_conf_t *conf,
    const tavus_part_t *entries, size_t n, size_t *len);


#endif /* _TAVUS_MAIL_H_INCLUDED_ */
