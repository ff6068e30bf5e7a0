
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tavus_mail.h"
#include "tavus_tame.h"
#include "tavus_utf8.h"


#define TAVUS_MAIL_FACTS    (512 * 1024)    /* bytes, of what is read */
#define TAVUS_MAIL_BODY     (64 * 1024)

/* bytes of what strangers say */

#define TAVUS_MAIL_LINE     1000
#define TAVUS_MAIL_MESSAGE  20000
#define TAVUS_MAIL_SAID     4000

/* a transcript's end is left out after so many bytes of either part */

#define TAVUS_MAIL_SPOKEN   (60 * 1024)


typedef struct {
    char                    *data;
    size_t                   len;
    size_t                   size;
} tavus_mail_text_t;


/* A mail while it is made: its parts side by side. */

typedef struct {
    const tavus_delivery_t  *delivery;
    const tavus_mail_conf_t *conf;
    cJSON                   *facts;
    cJSON                   *body;
    tavus_mail_text_t        subject;
    tavus_mail_text_t        text;
    tavus_mail_text_t        html;
    const char              *reply_to;      /* the visitor's */
    const char              *id;            /* by which one that comes again
                                               is known */
    const char              *category;
    const char             **reason;
    unsigned                 failed:1;      /* memory is out */
} tavus_mail_t;


typedef struct {
    tavus_mail_kind_t        kind;
    const char              *category;
    tavus_delivery_status_t (*make)(tavus_mail_t *m);
} tavus_mail_row_t;


static tavus_delivery_status_t tavus_mail_lead(tavus_mail_t *m);
static tavus_delivery_status_t tavus_mail_conversation(tavus_mail_t *m);
static void tavus_mail_transcript(tavus_mail_t *m);
static tavus_delivery_status_t tavus_mail_sale(tavus_mail_t *m);
static tavus_delivery_status_t tavus_mail_refund(tavus_mail_t *m);
static tavus_delivery_status_t tavus_mail_dispute(tavus_mail_t *m);
static void tavus_mail_order(tavus_mail_t *m, const char *what);
static char *tavus_mail_entry(tavus_mail_t *m);
static void tavus_mail_alert(tavus_mail_t *m, const cJSON *entry);
static void tavus_mail_alerts(tavus_mail_t *m, cJSON **entries, size_t n);
static tavus_delivery_status_t tavus_mail_read(const tavus_part_t *part,
    size_t max, cJSON **root);
static const tavus_mail_row_t *tavus_mail_row_of(const char *name,
    size_t len);
static void tavus_mail_begin(tavus_mail_t *m);
static char *tavus_mail_end(tavus_mail_t *m);
static cJSON *tavus_mail_request(tavus_mail_t *m);
static int tavus_mail_recipients(tavus_mail_t *m, cJSON *root);
static int tavus_mail_content(cJSON *list, const char *type,
    const char *value);
static int tavus_mail_off(cJSON *settings, const char *name);
static int tavus_mail_person(cJSON *object, const tavus_mail_address_t *a);
static void tavus_mail_free(tavus_mail_t *m);
static void tavus_mail_heading(tavus_mail_t *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tavus_mail_line(tavus_mail_t *m, const char *label,
    const char *value);
static void tavus_mail_block(tavus_mail_t *m, const char *value, size_t max);
static void tavus_mail_note(tavus_mail_t *m, const char *text);
static void tavus_mail_when(tavus_mail_t *m, const char *label);
static void tavus_mail_at(tavus_mail_t *m, const char *label,
    const char *time);
static void tavus_mail_from(tavus_mail_t *m, const cJSON *of);
static void tavus_mail_lasted(double seconds, char *text, size_t size);
static const char *tavus_mail_string(const cJSON *root, const char *name);
static void tavus_mail_put(tavus_mail_t *m, tavus_mail_text_t *text,
    const char *data, size_t len);
static void tavus_mail_add(tavus_mail_t *m, tavus_mail_text_t *text,
    const char *data);
static void tavus_mail_escape(tavus_mail_t *m, const char *data);


/* a row a kind; what one needs beside its event is in tavus.mail_facts() */

static const tavus_mail_row_t  tavus_mail_rows[] = {

    { { "contact.submitted", { "contact.submitted", NULL }, 0 },
      "lead", tavus_mail_lead },

    { { "conversation.ended",
        { "system.shutdown", "conversation.ended", NULL }, 0 },
      "conversation", tavus_mail_conversation },

    { { "sale", { "checkout.session.completed",
                  "checkout.session.async_payment_succeeded", NULL }, 0 },
      "sale", tavus_mail_sale },

    { { "refund", { "charge.refunded", NULL }, 0 },
      "refund", tavus_mail_refund },

    { { "dispute", { "charge.dispute.created", NULL }, 0 },
      "dispute", tavus_mail_dispute },

    { { "alert", { "alert.raised", "alert.cleared", NULL }, 1 },
      "alert", NULL }
};


#define TAVUS_MAIL_ROWS  (sizeof(tavus_mail_rows) / sizeof(tavus_mail_row_t))


const tavus_mail_kind_t *
tavus_mail_kind(const char *name, size_t len)
{
    const tavus_mail_row_t  *row;

    row = tavus_mail_row_of(name, len);

    return row ? &row->kind : NULL;
}


const tavus_mail_kind_t *
tavus_mail_kind_at(size_t n)
{
    return n < TAVUS_MAIL_ROWS ? &tavus_mail_rows[n].kind : NULL;
}


static const tavus_mail_row_t *
tavus_mail_row_of(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < TAVUS_MAIL_ROWS; i++) {
        if (strlen(tavus_mail_rows[i].kind.name) == len
            && memcmp(tavus_mail_rows[i].kind.name, name, len) == 0)
        {
            return &tavus_mail_rows[i];
        }
    }

    return NULL;
}


const char *
tavus_mail_address(const char *text, size_t len,
    tavus_mail_address_t *address)
{
    size_t       i;
    const char  *p;

    memset(address, 0, sizeof(tavus_mail_address_t));

    address->name.data = text;
    address->email.data = text;
    address->email.len = len;

    p = len ? memchr(text, '<', len) : NULL;

    if (p) {
        if (text[len - 1] != '>') {
            return "must end with \">\"";
        }

        address->email.data = p + 1;
        address->email.len = text + len - 1 - (p + 1);

        while (p > text && p[-1] == ' ') {
            p--;
        }

        address->name.len = p - text;
    }

    if (!tavus_mail_address_valid(address->email.data, address->email.len)) {
        return "must be an address as \"name@example.com\", or \"Name "
               "<name@example.com>\"";
    }

    /* what SendGrid refuses, and what would be an address beside it */

    for (i = 0; i < address->name.len; i++) {
        if ((unsigned char) text[i] < ' ' || text[i] == 0x7f
            || strchr(";,<>\"@", text[i]))
        {
            return "must not have control characters or ; , < > @ \" in the "
                   "name";
        }
    }

    if (address->name.len > TAVUS_MAIL_NAME
        || !tavus_utf8_valid(text, address->name.len))
    {
        return "must have a name of at most 100 bytes of UTF-8";
    }

    return NULL;
}


int
tavus_mail_address_valid(const char *email, size_t len)
{
    char         c;
    size_t       i, label, labels;
    const char  *at;

    at = len ? memchr(email, '@', len) : NULL;

    if (at == NULL || at == email || at - email > 64
        || len > TAVUS_MAIL_ADDRESS || email[0] == '.' || at[-1] == '.')
    {
        return 0;
    }

    for (i = 0; email + i < at; i++) {
        c = email[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c && strchr(".!#$%&'*+/=?^_`{|}~-", c)))
            || (c == '.' && email[i + 1] == '.'))
        {
            return 0;
        }
    }

    label = 0;
    labels = 1;

    for (i = at + 1 - email; i < len; i++) {
        c = email[i];

        if (c == '.') {
            if (label == 0 || email[i - 1] == '-') {
                return 0;
            }

            label = 0;
            labels++;
            continue;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || (c == '-' && label))
            || ++label > 63)
        {
            return 0;
        }
    }

    if (label < 2 || labels < 2 || email[len - 1] == '-') {
        return 0;
    }

    /* the last one is no number, as those of IPv4 addresses are */

    c = email[len - label];

    return !(c >= '0' && c <= '9');
}


tavus_delivery_status_t
tavus_mail(const tavus_delivery_t *delivery, const tavus_mail_conf_t *conf,
    char **json, size_t *len, const char **reason)
{
    const char               *name;
    tavus_mail_t              m;
    const tavus_mail_row_t   *row;
    tavus_delivery_status_t   status;

    *json = NULL;
    *len = 0;

    memset(&m, 0, sizeof(m));

    m.delivery = delivery;
    m.conf = conf;
    m.id = delivery->id;
    m.reason = reason;

    row = NULL;

    status = tavus_mail_read(&delivery->visitor, TAVUS_MAIL_FACTS, &m.facts);

    if (status == TAVUS_DELIVERY_OK) {
        name = tavus_mail_string(m.facts, "kind");
        row = name ? tavus_mail_row_of(name, strlen(name)) : NULL;
    }

    if (status == TAVUS_DELIVERY_OK) {
        status = row ? tavus_mail_read(&delivery->body, TAVUS_MAIL_BODY,
                                       &m.body)
                     : TAVUS_DELIVERY_BAD;

        /* the facts say it all, of what is too large or strange */

        if (status == TAVUS_DELIVERY_BAD && row
            && strcmp(row->category, "lead") != 0 && !row->kind.digest)
        {
            status = TAVUS_DELIVERY_OK;
        }

        *reason = row ? "body_not_object" : "no_kind";

    } else {
        *reason = "facts_not_object";
    }

    if (status == TAVUS_DELIVERY_OK) {

        if (row->kind.digest) {
            *json = tavus_mail_entry(&m);

        } else {
            m.category = row->category;

            tavus_mail_begin(&m);
            status = row->make(&m);

            if (status == TAVUS_DELIVERY_OK) {
                *json = tavus_mail_end(&m);
            }
        }

        if (*json) {
            *len = strlen(*json);
            *reason = NULL;

        } else if (status == TAVUS_DELIVERY_OK) {
            status = TAVUS_DELIVERY_ERROR;
        }
    }

    tavus_mail_free(&m);

    return status;
}


char *
tavus_mail_digest(const tavus_mail_conf_t *conf, const tavus_part_t *entries,
    size_t n, size_t *len)
{
    char          *json;
    size_t         i;
    cJSON        **read;
    tavus_mail_t   m;

    *len = 0;

    if (n == 0) {
        return NULL;
    }

    read = calloc(n, sizeof(cJSON *));
    if (read == NULL) {
        return NULL;
    }

    json = NULL;

    memset(&m, 0, sizeof(m));

    m.conf = conf;
    m.category = "alert";

    for (i = 0; i < n; i++) {
        if (tavus_mail_read(&entries[i], TAVUS_MAIL_BODY, &read[i])
            != TAVUS_DELIVERY_OK)
        {
            break;
        }
    }

    m.id = i == n ? tavus_mail_string(read[0], "id") : NULL;

    if (m.id) {
        tavus_mail_begin(&m);
        tavus_mail_alerts(&m, read, n);

        json = tavus_mail_end(&m);
    }

    if (json) {
        *len = strlen(json);
    }

    for (i = 0; i < n; i++) {
        cJSON_Delete(read[i]);
    }

    free(read);
    tavus_mail_free(&m);

    return json;
}


/* ---- kinds */

static tavus_delivery_status_t
tavus_mail_lead(tavus_mail_t *m)
{
    const char  *name, *email, *message;

    name = tavus_mail_string(m->body, "name");
    email = tavus_mail_string(m->body, "email");
    message = tavus_mail_string(m->body, "message");

    if (name == NULL || email == NULL || message == NULL) {
        *m->reason = "no_lead";
        return TAVUS_DELIVERY_BAD;
    }

    if (tavus_mail_address_valid(email, strlen(email))) {
        m->reply_to = email;
    }

    tavus_mail_heading(m, "New lead: %s", name);

    tavus_mail_line(m, "Name", name);
    tavus_mail_line(m, "E-mail", email);
    tavus_mail_line(m, "Phone", tavus_mail_string(m->body, "phone"));
    tavus_mail_line(m, "Company", tavus_mail_string(m->body, "company"));
    tavus_mail_from(m, m->body);
    tavus_mail_line(m, "Vertical", tavus_mail_string(m->facts, "vertical"));
    tavus_mail_line(m, "Conversation",
                    tavus_mail_string(m->facts, "conversation_id"));
    tavus_mail_when(m, "Written");
    tavus_mail_block(m, message, TAVUS_MAIL_MESSAGE);

    tavus_mail_note(m, m->reply_to
                       ? "An answer to this mail goes to who wrote."
                       : "There is no address that an answer to this mail "
                         "could go to.");

    return TAVUS_DELIVERY_OK;
}


static tavus_delivery_status_t
tavus_mail_conversation(tavus_mail_t *m)
{
    char          lasted[64];
    const char   *vertical;
    const cJSON  *seconds;

    vertical = tavus_mail_string(m->facts, "vertical");
    seconds = cJSON_GetObjectItemCaseSensitive(m->facts, "seconds");

    tavus_mail_lasted(cJSON_IsNumber(seconds) ? seconds->valuedouble : 0,
                      lasted, sizeof(lasted));

    tavus_mail_heading(m, "Conversation of %s: %s",
                       lasted, vertical ? vertical : "no vertical");

    tavus_mail_line(m, "Vertical", vertical);
    tavus_mail_line(m, "Lasted", lasted);
    tavus_mail_line(m, "Ended by", tavus_mail_string(m->facts, "ended_by"));
    tavus_mail_from(m, m->facts);
    tavus_mail_line(m, "Conversation",
                    tavus_mail_string(m->facts, "conversation_id"));
    tavus_mail_when(m, "Ended");

    tavus_mail_transcript(m);

    return TAVUS_DELIVERY_OK;
}


static void
tavus_mail_transcript(tavus_mail_t *m)
{
    char         *said;
    const char   *role, *content;
    const cJSON  *list, *item;

    list = cJSON_GetObjectItemCaseSensitive(m->facts, "transcript");

    if (!cJSON_IsArray(list)) {
        return;
    }

    tavus_mail_add(m, &m->text, "\n");
    tavus_mail_add(m, &m->html, "</p>\n");

    cJSON_ArrayForEach(item, list) {
        role = tavus_mail_string(item, "role");
        content = tavus_mail_string(item, "content");

        if (role == NULL || content == NULL) {
            continue;
        }

        if (m->text.len > TAVUS_MAIL_SPOKEN || m->html.len > TAVUS_MAIL_SPOKEN)
        {
            break;
        }

        said = tavus_tame(content, strlen(content), TAVUS_MAIL_SAID, 0);
        if (said == NULL) {
            m->failed = 1;
            break;
        }

        role = strcmp(role, "user") == 0 ? "Visitor" : "Agent";

        tavus_mail_add(m, &m->text, role);
        tavus_mail_add(m, &m->text, ": ");
        tavus_mail_add(m, &m->text, said);
        tavus_mail_add(m, &m->text, "\n");

        tavus_mail_add(m, &m->html, "<p><b>");
        tavus_mail_add(m, &m->html, role);
        tavus_mail_add(m, &m->html, ":</b> ");
        tavus_mail_escape(m, said);
        tavus_mail_add(m, &m->html, "</p>\n");

        free(said);
    }

    tavus_mail_add(m, &m->html, "<p>");

    if (item || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(m->facts,
                                                              "more")))
    {
        tavus_mail_note(m, "The transcript goes on in the admin panel.");
    }
}


static tavus_delivery_status_t
tavus_mail_sale(tavus_mail_t *m)
{
    const char  *plan, *value, *currency;

    plan = tavus_mail_string(m->facts, "plan");
    value = tavus_mail_string(m->facts, "value");
    currency = tavus_mail_string(m->facts, "currency");

    if (value == NULL || currency == NULL) {
        *m->reason = "no_order";
        return TAVUS_DELIVERY_BAD;
    }

    /* an amount is a number with a point: it is none of a visitor's */

    tavus_mail_heading(m, "Sale: %s, %s %s", plan ? plan : "order", value,
                       currency);

    tavus_mail_order(m, "Paid");

    return TAVUS_DELIVERY_OK;
}


static tavus_delivery_status_t
tavus_mail_refund(tavus_mail_t *m)
{
    const char  *plan;

    plan = tavus_mail_string(m->facts, "plan");

    tavus_mail_heading(m, "Refund: %s", plan ? plan : "order");
    tavus_mail_order(m, "Given back");

    return TAVUS_DELIVERY_OK;
}


static tavus_delivery_status_t
tavus_mail_dispute(tavus_mail_t *m)
{
    const char  *plan;

    plan = tavus_mail_string(m->facts, "plan");

    tavus_mail_heading(m, "Dispute: %s", plan ? plan : "order");
    tavus_mail_order(m, "Disputed");
    tavus_mail_note(m, "Stripe wants an answer in time: see its dashboard.");

    return TAVUS_DELIVERY_OK;
}


static void
tavus_mail_order(tavus_mail_t *m, const char *what)
{
    char         amount[128];
    const char  *value, *currency;

    value = tavus_mail_string(m->facts, "value");
    currency = tavus_mail_string(m->facts, "currency");

    tavus_mail_line(m, "Plan", tavus_mail_string(m->facts, "plan"));

    if (value && currency) {
        (void) snprintf(amount, sizeof(amount), "%.60s %.10s", value,
                        currency);
        tavus_mail_line(m, what, amount);
    }

    tavus_mail_line(m, "Reason", tavus_mail_string(m->facts, "reason"));
    tavus_mail_line(m, "E-mail", tavus_mail_string(m->facts, "email"));
    tavus_mail_from(m, m->facts);
    tavus_mail_line(m, "Conversation",
                    tavus_mail_string(m->facts, "conversation_id"));
    tavus_mail_line(m, "Order", tavus_mail_string(m->facts, "order_id"));
    tavus_mail_when(m, "At");

    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(m->facts,
                                                       "livemode")))
    {
        tavus_mail_note(m, "It is of Stripe's test mode: no money.");
    }
}


/* what a digest is to say of it; what it names is the server's own word */

static char *
tavus_mail_entry(tavus_mail_t *m)
{
    int           ok;
    char         *json, time[TAVUS_DELIVERY_TIME];
    size_t        i;
    cJSON        *entry;
    const char   *value;
    const cJSON  *data;

    static const char *const  names[] = { "alert", "subject", "text",
                                          "since" };

    data = cJSON_GetObjectItemCaseSensitive(m->body, "data");

    if (!cJSON_IsObject(data)) {
        data = m->body;
    }

    entry = cJSON_CreateObject();

    tavus_delivery_time(m->delivery->time, time);

    ok = cJSON_AddStringToObject(entry, "id", m->id) != NULL
         && cJSON_AddStringToObject(entry, "at", time) != NULL
         && cJSON_AddBoolToObject(entry, "cleared",
                                  tavus_mail_string(m->facts, "cleared")
                                  != NULL)
            != NULL;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = tavus_mail_string(data, names[i]);

        if (value) {
            ok = ok && cJSON_AddStringToObject(entry, names[i], value)
                       != NULL;
        }
    }

    json = ok ? cJSON_PrintUnformatted(entry) : NULL;

    cJSON_Delete(entry);

    return json;
}


static void
tavus_mail_alerts(tavus_mail_t *m, cJSON **entries, size_t n)
{
    size_t       i, cleared;
    char         more[64];
    const char  *alert;

    cleared = 0;

    for (i = 0; i < n; i++) {
        cleared += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entries[i],
                                                                 "cleared"));
    }

    alert = tavus_mail_string(entries[0], "alert");
    alert = alert ? alert : "alert";

    if (n == 1) {
        tavus_mail_heading(m, "%s: %s", cleared ? "Cleared" : "Alert", alert);

    } else if (cleared == n) {
        tavus_mail_heading(m, "Cleared: %s and %zu more", alert, n - 1);

    } else {
        tavus_mail_heading(m, "%zu raised, %zu cleared: %s and more",
                           n - cleared, cleared, alert);
    }

    for (i = 0; i < n; i++) {
        if (m->text.len > TAVUS_MAIL_PART || m->html.len > TAVUS_MAIL_PART) {
            (void) snprintf(more, sizeof(more), "And %zu more.", n - i);
            tavus_mail_note(m, more);
            return;
        }

        tavus_mail_alert(m, entries[i]);
    }
}


static void
tavus_mail_alert(tavus_mail_t *m, const cJSON *entry)
{
    tavus_mail_line(m, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry,
                                                                 "cleared"))
                       ? "Cleared" : "Raised",
                    tavus_mail_string(entry, "alert"));

    tavus_mail_line(m, "Of", tavus_mail_string(entry, "subject"));
    tavus_mail_at(m, "At", tavus_mail_string(entry, "at"));
    tavus_mail_at(m, "Since", tavus_mail_string(entry, "since"));

    tavus_mail_block(m, tavus_mail_string(entry, "text"), TAVUS_MAIL_LINE);
}


/* ---- a mail */

static tavus_delivery_status_t
tavus_mail_read(const tavus_part_t *part, size_t max, cJSON **root)
{
    tavus_json_status_t  status;

    *root = NULL;

    if (part->len > max) {
        return TAVUS_DELIVERY_BAD;
    }

    status = tavus_json_parse(part->len ? part->data : "", part->len, root,
                              NULL);

    if (status == TAVUS_JSON_NO_MEMORY) {
        return TAVUS_DELIVERY_ERROR;
    }

    if (status != TAVUS_JSON_OK) {
        return TAVUS_DELIVERY_BAD;
    }

    if (!cJSON_IsObject(*root)) {
        cJSON_Delete(*root);
        *root = NULL;
        return TAVUS_DELIVERY_BAD;
    }

    return TAVUS_DELIVERY_OK;
}


static void
tavus_mail_begin(tavus_mail_t *m)
{
    tavus_mail_add(m, &m->html, "<!doctype html>\n<html><body "
                   "style=\"font-family:sans-serif\">\n<p>");
}


/* a link of ours: where it leads is configured */

static char *
tavus_mail_end(tavus_mail_t *m)
{
    char   *json;
    cJSON  *root;

    if (m->conf->panel.len) {
        tavus_mail_add(m, &m->text, "\n");
        tavus_mail_put(m, &m->text, m->conf->panel.data, m->conf->panel.len);
        tavus_mail_add(m, &m->text, "\n");

        tavus_mail_add(m, &m->html, "</p>\n<p><a href=\"");
        tavus_mail_put(m, &m->html, m->conf->panel.data, m->conf->panel.len);
        tavus_mail_add(m, &m->html, "\">Admin panel</a>");
    }

    tavus_mail_add(m, &m->text, "\nEvent ");
    tavus_mail_add(m, &m->text, m->id);
    tavus_mail_add(m, &m->text, ": another mail with this number is the same "
                   "one.\n");

    tavus_mail_add(m, &m->html, "</p>\n<p><small>Event ");
    tavus_mail_escape(m, m->id);
    tavus_mail_add(m, &m->html, ": another mail with this number is the same "
                   "one.</small></p>\n</body></html>\n");

    root = m->failed ? NULL : tavus_mail_request(m);
    json = root ? cJSON_PrintUnformatted(root) : NULL;

    cJSON_Delete(root);

    return json;
}


static cJSON *
tavus_mail_request(tavus_mail_t *m)
{
    cJSON                 *root, *list, *settings;
    tavus_mail_address_t   visitor;

    memset(&visitor, 0, sizeof(visitor));

    root = cJSON_CreateObject();

    if (!tavus_mail_recipients(m, root)
        || !tavus_mail_person(cJSON_AddObjectToObject(root, "from"),
                              &m->conf->from))
    {
        goto failed;
    }

    if (m->reply_to) {
        visitor.email.data = m->reply_to;
        visitor.email.len = strlen(m->reply_to);

    } else {
        visitor = m->conf->reply_to;
    }

    if (visitor.email.len
        && !tavus_mail_person(cJSON_AddObjectToObject(root, "reply_to"),
                              &visitor))
    {
        goto failed;
    }

    list = cJSON_AddStringToObject(root, "subject", m->subject.data)
           ? cJSON_AddArrayToObject(root, "content") : NULL;

    if (list == NULL
        || !tavus_mail_content(list, "text/plain", m->text.data)
        || !tavus_mail_content(list, "text/html", m->html.data))
    {
        goto failed;
    }

    list = cJSON_AddArrayToObject(root, "categories");

    if (list == NULL
        || !cJSON_AddItemToArray(list, cJSON_CreateString(m->category)))
    {
        goto failed;
    }

    settings = cJSON_AddObjectToObject(root, "tracking_settings");

    if (!tavus_mail_off(settings, "click_tracking")
        || !tavus_mail_off(settings, "open_tracking")
        || !tavus_mail_off(settings, "subscription_tracking"))
    {
        goto failed;
    }

    settings = cJSON_GetObjectItemCaseSensitive(settings, "click_tracking");

    if (cJSON_AddFalseToObject(settings, "enable_text") == NULL) {
        goto failed;
    }

    return root;

failed:

    cJSON_Delete(root);

    return NULL;
}


static int
tavus_mail_recipients(tavus_mail_t *m, cJSON *root)
{
    size_t   i;
    cJSON   *list, *one, *to, *person;

    list = cJSON_AddArrayToObject(root, "personalizations");
    one = cJSON_CreateObject();

    if (list == NULL || one == NULL || !cJSON_AddItemToArray(list, one)) {
        cJSON_Delete(one);
        return 0;
    }

    to = cJSON_AddArrayToObject(one, "to");

    for (i = 0; to && i < m->conf->nto; i++) {
        person = cJSON_CreateObject();

        if (person == NULL || !cJSON_AddItemToArray(to, person)
            || !tavus_mail_person(person, &m->conf->to[i]))
        {
            return 0;
        }
    }

    one = to ? cJSON_AddObjectToObject(one, "custom_args") : NULL;

    return one && cJSON_AddStringToObject(one, "event_id", m->id) != NULL;
}


static int
tavus_mail_content(cJSON *list, const char *type, const char *value)
{
    cJSON  *part;

    part = cJSON_CreateObject();

    if (part == NULL || !cJSON_AddItemToArray(list, part)) {
        cJSON_Delete(part);
        return 0;
    }

    return cJSON_AddStringToObject(part, "type", type) != NULL
           && cJSON_AddStringToObject(part, "value", value) != NULL;
}


static int
tavus_mail_off(cJSON *settings, const char *name)
{
    cJSON  *setting;

    setting = cJSON_AddObjectToObject(settings, name);

    return cJSON_AddFalseToObject(setting, "enable") != NULL;
}


static int
tavus_mail_person(cJSON *object, const tavus_mail_address_t *a)
{
    int    ok;
    char  *email, *name;

    if (tavus_delivery_text(&a->email, &email) != TAVUS_DELIVERY_OK) {
        return 0;
    }

    ok = cJSON_AddStringToObject(object, "email", email) != NULL;

    free(email);

    if (!ok || a->name.len == 0) {
        return ok;
    }

    if (tavus_delivery_text(&a->name, &name) != TAVUS_DELIVERY_OK) {
        return 0;
    }

    ok = cJSON_AddStringToObject(object, "name", name) != NULL;

    free(name);

    return ok;
}


static void
tavus_mail_free(tavus_mail_t *m)
{
    cJSON_Delete(m->facts);
    cJSON_Delete(m->body);

    free(m->subject.data);
    free(m->text.data);
    free(m->html.data);
}


/* ---- what it is made of */

/* the subject, and the first line: what is in it may be a stranger's */

static void
tavus_mail_heading(tavus_mail_t *m, const char *format, ...)
{
    char     line[4 * TAVUS_MAIL_SUBJECT], *tame;
    size_t   len;
    va_list  args;

    va_start(args, format);
    (void) vsnprintf(line, sizeof(line), format, args);
    va_end(args);

    /* it may have been cut within a character */

    len = strlen(line);

    while (len && !tavus_utf8_valid(line, len)) {
        len--;
    }

    tame = tavus_tame(line, len, TAVUS_MAIL_SUBJECT, 0);
    if (tame == NULL) {
        m->failed = 1;
        return;
    }

    tame[tavus_delivery_cut(tame, strlen(tame), TAVUS_MAIL_SUBJECT)] = '\0';

    tavus_mail_add(m, &m->subject, tame);
    tavus_mail_add(m, &m->text, tame);
    tavus_mail_add(m, &m->text, "\n\n");
    tavus_mail_add(m, &m->html, "<b>");
    tavus_mail_escape(m, tame);
    tavus_mail_add(m, &m->html, "</b></p>\n<p>");

    free(tame);
}


static void
tavus_mail_line(tavus_mail_t *m, const char *label, const char *value)
{
    char  *tame;

    if (value == NULL) {
        return;
    }

    tame = tavus_tame(value, strlen(value), TAVUS_MAIL_LINE, 0);
    if (tame == NULL) {
        m->failed = 1;
        return;
    }

    tavus_mail_add(m, &m->text, label);
    tavus_mail_add(m, &m->text, ": ");
    tavus_mail_add(m, &m->text, tame);
    tavus_mail_add(m, &m->text, "\n");

    tavus_mail_add(m, &m->html, "<b>");
    tavus_mail_add(m, &m->html, label);
    tavus_mail_add(m, &m->html, ":</b> ");
    tavus_mail_escape(m, tame);
    tavus_mail_add(m, &m->html, "<br>\n");

    free(tame);
}


static void
tavus_mail_block(tavus_mail_t *m, const char *value, size_t max)
{
    char  *tame;

    if (value == NULL) {
        return;
    }

    tame = tavus_tame(value, strlen(value), max, 1);
    if (tame == NULL) {
        m->failed = 1;
        return;
    }

    tavus_mail_add(m, &m->text, "\n");
    tavus_mail_add(m, &m->text, tame);
    tavus_mail_add(m, &m->text, "\n\n");

    tavus_mail_add(m, &m->html, "</p>\n<blockquote style=\"white-space:"
                   "pre-wrap\">");
    tavus_mail_escape(m, tame);
    tavus_mail_add(m, &m->html, "</blockquote>\n<p>");

    free(tame);
}


static void
tavus_mail_note(tavus_mail_t *m, const char *text)
{
    tavus_mail_add(m, &m->text, text);
    tavus_mail_add(m, &m->text, "\n");
    tavus_mail_add(m, &m->html, text);
    tavus_mail_add(m, &m->html, "<br>\n");
}


static void
tavus_mail_when(tavus_mail_t *m, const char *label)
{
    char  time[TAVUS_DELIVERY_TIME];

    tavus_delivery_time(m->delivery->time, time);
    tavus_mail_at(m, label, time);
}


/* ISO 8601, to the second */

static void
tavus_mail_at(tavus_mail_t *m, const char *label, const char *time)
{
    char  text[TAVUS_DELIVERY_TIME];

    if (time == NULL || strlen(time) < 19) {
        return;
    }

    (void) snprintf(text, sizeof(text), "%.10s %.8s UTC", time, time + 11);

    tavus_mail_line(m, label, text);
}


static void
tavus_mail_from(tavus_mail_t *m, const cJSON *of)
{
    char         from[1024];
    size_t       i, len;
    const char  *value;

    static const char *const  names[] = {
        "utm_source", "utm_medium", "utm_campaign"
    };

    len = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = tavus_mail_string(of, names[i]);

        if (value && strlen(value) <= 200) {
            len += snprintf(from + len, sizeof(from) - len, "%s%s",
                            len ? " / " : "", value);
        }
    }

    tavus_mail_line(m, "Came from", len ? from : NULL);
}


static void
tavus_mail_lasted(double seconds, char *text, size_t size)
{
    int  s;

    s = seconds > 0 ? seconds < 1e6 ? (int) seconds : 1000000 : 0;

    if (s < 60) {
        (void) snprintf(text, size, "%d s", s);

    } else if (s < 3600) {
        (void) snprintf(text, size, "%d min %d s", s / 60, s % 60);

    } else {
        (void) snprintf(text, size, "%d h %d min", s / 3600, s / 60 % 60);
    }
}


static const char *
tavus_mail_string(const cJSON *root, const char *name)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(root, name);

    if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
        return NULL;
    }

    return item->valuestring;
}


static void
tavus_mail_put(tavus_mail_t *m, tavus_mail_text_t *text, const char *data,
    size_t len)
{
    char    *p;
    size_t   size;

    if (m->failed) {
        return;
    }

    if (text->size - text->len <= len) {
        size = 2 * (text->len + len) + 256;

        p = realloc(text->data, size);
        if (p == NULL) {
            m->failed = 1;
            return;
        }

        text->data = p;
        text->size = size;
    }

    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}


static void
tavus_mail_add(tavus_mail_t *m, tavus_mail_text_t *text, const char *data)
{
    tavus_mail_put(m, text, data, strlen(data));
}


static void
tavus_mail_escape(tavus_mail_t *m, const char *data)
{
    size_t       n;
    const char  *instead;

    while (*data) {
        n = strcspn(data, "&<>\"'\n");
        tavus_mail_put(m, &m->html, data, n);
        data += n;

        switch (*data) {
        case '\0':
            return;
        case '&':
            instead = "&amp;";
            break;
        case '<':
            instead = "&lt;";
            break;
        case '>':
            instead = "&gt;";
            break;
        case '"':
            instead = "&quot;";
            break;
        case '\'':
            instead = "&#39;";
            break;
        default:
            instead = "<br>\n";
        }

        tavus_mail_add(m, &m->html, instead);
        data++;
    }
}
