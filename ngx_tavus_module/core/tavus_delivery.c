
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tavus_delivery.h"
#include "tavus_utf8.h"


#define TAVUS_DELIVERY_VISITOR      (64 * 1024)

#define TAVUS_DELIVERY_BACKOFF      INT64_C(1000)
#define TAVUS_DELIVERY_BACKOFF_MAX  INT64_C(600000)

/* the first moment of the year 1 and the last one of 9999 */

#define TAVUS_DELIVERY_TIME_MIN     INT64_C(-62135596800000000)
#define TAVUS_DELIVERY_TIME_MAX     INT64_C(253402300799999999)


typedef struct {
    const char  *name;              /* or all that begin with it, "name.*" */
    int          content;
} tavus_delivery_rule_t;


static tavus_delivery_status_t tavus_delivery_object(const tavus_part_t *body,
    cJSON **root, const char **reason);
static tavus_delivery_status_t tavus_delivery_take(const cJSON *object,
    const tavus_part_t *named, size_t n, tavus_delivery_take_pt take,
    void *data);
static int tavus_delivery_is(const tavus_part_t *part, const char *word);
static const tavus_delivery_rule_t *tavus_delivery_find(const char *type,
    size_t len);
static int tavus_delivery_begins(const char *type, size_t len,
    const char *pattern, size_t n);
static const char *tavus_delivery_string(const cJSON *root, const char *name);


/*
 * The one list of what is content; the first row that fits decides, and
 * what fits none is not.  The types are those of
 * docs.tavus.io/sections/webhooks-and-callbacks and .../interactions-
 * protocols, of the sites of before, and of this server.
 */

static const tavus_delivery_rule_t  tavus_delivery_rules[] = {

    /* a callback that does not say what it is: it may say anything */
    { "unknown", 1 },

    /* a form's text, address and name */
    { "contact.submitted", 1 },
    { "contact.*", 1 },

    /* who of the owner's people did what, and looked at whom */
    { "admin.*", 1 },

    /* what was said and seen, under the names of the first sites */
    { "utterance", 1 },
    { "perception_tool_call", 1 },

    /* the whole of what was said, or what was made of it */
    { "application.transcription_ready", 1 },
    { "application.perception_analysis", 1 },
    { "application.memory_consolidation", 1 },
    { "application.raven_memory_evidence", 1 },

    /* a tool's request and its answer are made of what was said */
    { "application.post_call_action_executed", 1 },

    /* bucket and key of the recording */
    { "application.recording_ready", 1 },
    { "application.recording_copy_failed", 1 },

    /* what Tavus adds to these is made of a conversation as well */
    { "application.*", 1 },

    /* what the visitor chose or wrote on the canvas */
    { "canvas.interaction", 1 },
    { "canvas.*", 1 },

    /* addresses at which anybody may watch */
    { "video.*", 1 },

    /* what debian/tavus-check stores, to see whether it can be */
    { "system.check", 1 },

    /* that a conversation was, and how it went */
    { "conversation.requested", 0 },
    { "conversation.created", 0 },
    { "conversation.create_failed", 0 },
    { "conversation.started", 0 },
    { "conversation.joined", 0 },
    { "conversation.left", 0 },
    { "conversation.ended", 0 },
    { "conversation.end_failed", 0 },
    { "conversation.cut_short", 0 },
    { "conversation.not_found", 0 },
    { "conversation.erased", 0 },

    /* that somebody speaks, not what */
    { "conversation.started_speaking", 0 },
    { "conversation.stopped_speaking", 0 },
    { "conversation.replica.started_speaking", 0 },
    { "conversation.replica.stopped_speaking", 0 },
    { "conversation.user.started_speaking", 0 },
    { "conversation.user.stopped_speaking", 0 },
    { "conversation.replica_interrupted", 0 },
    { "conversation.interrupt", 0 },

    /* what was said and seen, as the room's channel tells it */
    { "conversation.utterance", 1 },
    { "conversation.utterance.streaming", 1 },
    { "conversation.tool_call", 1 },
    { "conversation.perception_tool_call", 1 },
    { "conversation.perception_analysis", 1 },

    /* objectives hold what the visitor answered, guardrails what broke one */
    { "conversation.objective.*", 1 },
    { "conversation.guardrail.*", 1 },

    /* and what Tavus adds to these */
    { "conversation.*", 1 }
};


#define TAVUS_DELIVERY_RULES                                                  \
    (sizeof(tavus_delivery_rules) / sizeof(tavus_delivery_rules[0]))


int
tavus_delivery_content(const char *type, size_t len)
{
    const tavus_delivery_rule_t  *rule;

    if (len == 0) {
        return 1;
    }

    rule = tavus_delivery_find(type, len);

    return rule != NULL && rule->content;
}


const char *const *
tavus_delivery_contents(size_t *n)
{
    size_t                        i;
    const tavus_delivery_rule_t  *rule;

    static size_t       count;
    static const char  *names[TAVUS_DELIVERY_RULES];

    if (count == 0) {
        for (i = 0; i < TAVUS_DELIVERY_RULES; i++) {
            rule = &tavus_delivery_rules[i];

            if (rule->content && strchr(rule->name, '*') == NULL) {
                names[count++] = rule->name;
            }
        }
    }

    *n = count;

    return names;
}


const char *
tavus_delivery_pattern(const char *text, size_t len)
{
    size_t                        i, n;
    const tavus_delivery_rule_t  *rule;

    if (len == 0) {
        return "must not be empty";
    }

    if (len > TAVUS_EVENT_MAX_NAME) {
        return "must not be over 200 bytes";
    }

    for (i = 0; i < len; i++) {
        if ((unsigned char) text[i] <= ' ' || text[i] == 0x7f) {
            return "must not hold blanks or control characters";
        }
    }

    if (!tavus_utf8_valid(text, len)) {
        return "must be UTF-8";
    }

    if (memchr(text, '*', len) == NULL || (len == 1 && text[0] == '*')) {
        return NULL;
    }

    n = len - 2;

    if (len < 3 || text[len - 1] != '*' || text[n] != '.'
        || text[0] == '.' || memchr(text, '*', len - 1) != NULL)
    {
        return "must have an asterisk alone, or behind a name and a dot";
    }

    /* a prefix that can find nothing is a mistake */

    for (i = 0; i < TAVUS_DELIVERY_RULES; i++) {
        rule = &tavus_delivery_rules[i];

        if (!rule->content
            && tavus_delivery_begins(rule->name, strlen(rule->name), text,
                                     len))
        {
            return NULL;
        }
    }

    if (tavus_delivery_content(text, len)) {
        return "would match nothing but content, which has to be named";
    }

    return NULL;
}


int
tavus_delivery_match(const char *type, size_t len,
    const tavus_part_t *patterns, size_t n)
{
    int          content;
    size_t       i;
    const char  *p;

    if (len == 0) {
        return 0;
    }

    content = tavus_delivery_content(type, len);

    for (i = 0; i < n; i++) {

        p = patterns[i].data;

        if (patterns[i].len == len && memcmp(p, type, len) == 0) {
            return 1;
        }

        if (content || patterns[i].len == 0) {
            continue;
        }

        if ((patterns[i].len == 1 && p[0] == '*')
            || tavus_delivery_begins(type, len, p, patterns[i].len))
        {
            return 1;
        }
    }

    return 0;
}


tavus_delivery_status_t
tavus_delivery_visitor(tavus_delivery_visitor_t *visitor,
    const tavus_delivery_t *delivery, const char **reason)
{
    cJSON                *root;
    const char           *consent;
    const tavus_part_t   *part;
    tavus_json_status_t   status;

    memset(visitor, 0, sizeof(tavus_delivery_visitor_t));

    part = &delivery->visitor;

    if (part->len > TAVUS_DELIVERY_VISITOR) {
        *reason = "visitor_too_large";
        return TAVUS_DELIVERY_BAD;
    }

    status = tavus_json_parse(part->len ? part->data : "", part->len, &root,
                              NULL);

    if (status == TAVUS_JSON_NO_MEMORY) {
        return TAVUS_DELIVERY_ERROR;
    }

    if (status != TAVUS_JSON_OK) {
        *reason = "visitor_not_json";
        return TAVUS_DELIVERY_BAD;
    }

    visitor->root = root;

    if (!cJSON_IsObject(root)) {
        *reason = "visitor_not_object";
        return TAVUS_DELIVERY_BAD;
    }

    visitor->nobody = root->child == NULL;

    consent = tavus_delivery_string(root, "consent");

    visitor->granted = consent && strcmp(consent, "granted") == 0;
    visitor->denied = consent && strcmp(consent, "denied") == 0;

    visitor->order = tavus_delivery_string(root, "order");
    visitor->session_id = tavus_delivery_string(root, "session_id");
    visitor->user_id = tavus_delivery_string(root, "user_id");
    visitor->vertical = tavus_delivery_string(root, "vertical");
    visitor->utm_source = tavus_delivery_string(root, "utm_source");
    visitor->utm_medium = tavus_delivery_string(root, "utm_medium");
    visitor->utm_campaign = tavus_delivery_string(root, "utm_campaign");

    return TAVUS_DELIVERY_OK;
}


void
tavus_delivery_visitor_free(tavus_delivery_visitor_t *visitor)
{
    cJSON_Delete(visitor->root);

    memset(visitor, 0, sizeof(tavus_delivery_visitor_t));
}


tavus_delivery_judgement_t
tavus_delivery_judge(const tavus_delivery_visitor_t *visitor,
    tavus_consent_t mode, tavus_delivery_kind_t kind, const char **reason)
{
    if ((visitor->nobody || visitor->order)
        && kind == TAVUS_DELIVERY_WEBHOOK)
    {
        return TAVUS_DELIVERY_NAMED;
    }

    if (visitor->nobody) {

        /* the others count visitors */

        *reason = "no_visitor";
        return TAVUS_DELIVERY_WITHHELD;
    }

    if (visitor->granted
        || (mode == TAVUS_CONSENT_NOT_NEEDED
            && kind == TAVUS_DELIVERY_WEBHOOK))
    {
        return TAVUS_DELIVERY_NAMED;
    }

    if (mode == TAVUS_CONSENT_ANONYMOUS) {
        return TAVUS_DELIVERY_NAMELESS;
    }

    *reason = visitor->denied ? "consent_denied" : "no_consent";

    return TAVUS_DELIVERY_WITHHELD;
}


tavus_delivery_status_t
tavus_delivery_facts(const tavus_delivery_t *delivery,
    const tavus_part_t *named, size_t n, size_t numbers,
    tavus_delivery_take_pt take, void *data, const char **reason)
{
    cJSON                     *root;
    const cJSON               *object, *item;
    tavus_delivery_status_t    status;

    /* what the site and this server say has been thought of */

    if (!tavus_delivery_is(&delivery->source, "browser")
        && !tavus_delivery_is(&delivery->source, "server"))
    {
        numbers = 0;
    }

    if ((n == 0 && numbers == 0)
        || delivery->body.len > TAVUS_DELIVERY_FACTS)
    {
        return TAVUS_DELIVERY_OK;
    }

    status = tavus_delivery_object(&delivery->body, &root, reason);

    if (root == NULL) {
        return status;
    }

    object = root;

    if (tavus_delivery_is(&delivery->source, "tavus")) {
        object = cJSON_GetObjectItemCaseSensitive(root, "properties");
    }

    if (cJSON_IsObject(object)) {
        status = tavus_delivery_take(object, named, n, take, data);

        cJSON_ArrayForEach(item, object) {

            if (status != TAVUS_DELIVERY_OK || numbers == 0) {
                break;
            }

            if (cJSON_IsNumber(item)) {
                numbers--;

                if (!take(data, item)) {
                    status = TAVUS_DELIVERY_ERROR;
                }
            }
        }
    }

    cJSON_Delete(root);

    return status;
}


tavus_delivery_status_t
tavus_delivery_text(const tavus_part_t *part, char **text)
{
    *text = NULL;

    if (part->len
        && (memchr(part->data, '\0', part->len) != NULL
            || !tavus_utf8_valid(part->data, part->len)))
    {
        return TAVUS_DELIVERY_BAD;
    }

    *text = malloc(part->len + 1);
    if (*text == NULL) {
        return TAVUS_DELIVERY_ERROR;
    }

    if (part->len) {
        memcpy(*text, part->data, part->len);
    }

    (*text)[part->len] = '\0';

    return TAVUS_DELIVERY_OK;
}


size_t
tavus_delivery_cut(const char *text, size_t len, size_t max)
{
    if (len <= max) {
        return len;
    }

    /* a continuation byte at the cut belongs to a character before it */

    while (max && ((unsigned char) text[max] & 0xc0) == 0x80) {
        max--;
    }

    return max;
}


int
tavus_delivery_alias(const tavus_part_t *salt, const char *id,
    char alias[TAVUS_DELIVERY_ALIAS])
{
    uint8_t       digest[TAVUS_EVENT_DIGEST];
    tavus_part_t  parts[3];

    static const char  label[] = "tavus alias v1";

    parts[0].data = label;
    parts[0].len = sizeof(label) - 1;
    parts[1] = *salt;
    parts[2].data = id;
    parts[2].len = strlen(id);

    if (tavus_event_digest(digest, parts, 3) != 0) {
        return -1;
    }

    /* RFC 9562, 5.8 */

    digest[6] = (digest[6] & 0x0f) | 0x80;
    digest[8] = (digest[8] & 0x3f) | 0x80;

    tavus_uuid_format(digest, alias);
    alias[TAVUS_UUID_TEXT_LEN] = '\0';

    return 0;
}


void
tavus_delivery_time(int64_t usec, char text[TAVUS_DELIVERY_TIME])
{
    int64_t  days, era, secs;
    int      doe, yoe, doy, mp, year, month, day, frac;

    if (usec < TAVUS_DELIVERY_TIME_MIN) {
        usec = TAVUS_DELIVERY_TIME_MIN;

    } else if (usec > TAVUS_DELIVERY_TIME_MAX) {
        usec = TAVUS_DELIVERY_TIME_MAX;
    }

    frac = (int) (usec % 1000000);
    secs = usec / 1000000;

    if (frac < 0) {
        frac += 1000000;
        secs--;
    }

    days = secs / 86400;
    secs %= 86400;

    if (secs < 0) {
        secs += 86400;
        days--;
    }

    /* days since March 1, 0000; years that begin in March end with a leap */

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = (int) (days - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    day = doy - (153 * mp + 2) / 5 + 1;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = (int) (yoe + era * 400) + (month <= 2);

    (void) snprintf(text, TAVUS_DELIVERY_TIME,
                    "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
                    (unsigned) year % 10000, (unsigned) month % 100,
                    (unsigned) day % 100, (unsigned) (secs / 3600) % 100,
                    (unsigned) (secs / 60 % 60), (unsigned) (secs % 60),
                    (unsigned) frac % 1000000);
}


tavus_verdict_t
tavus_delivery_verdict(tavus_delivery_kind_t kind, unsigned status)
{
    if (status >= 200 && status < 300) {
        return TAVUS_VERDICT_DELIVERED;
    }

    switch (status) {

    /* what was sent is at fault, and will be at each attempt */

    case 400:
    case 413:
    case 422:
        return TAVUS_VERDICT_NEVER;

    case 401:
    case 403:
        return TAVUS_VERDICT_REFUSED;

    case 408:
    case 425:
        return TAVUS_VERDICT_AGAIN;

    /* Standard Webhooks: "throttle" */

    case 429:
    case 502:
    case 504:
        return TAVUS_VERDICT_SLOW;
    }

    if (kind == TAVUS_DELIVERY_WEBHOOK) {

        /* Standard Webhooks: all else, redirects too, is "a failure" */

        return status == 410 ? TAVUS_VERDICT_GONE : TAVUS_VERDICT_AGAIN;
    }

    /* no answer that the others have: another one is at that address */

    if (status >= 300 && status < 500) {
        return TAVUS_VERDICT_REFUSED;
    }

    return TAVUS_VERDICT_AGAIN;
}


const char *
tavus_verdict_word(tavus_verdict_t verdict)
{
    switch (verdict) {

    case TAVUS_VERDICT_DELIVERED:
        return "delivered";

    case TAVUS_VERDICT_AGAIN:
        return "again";

    case TAVUS_VERDICT_SLOW:
        return "slow";

    case TAVUS_VERDICT_NEVER:
        return "never";

    case TAVUS_VERDICT_GONE:
        return "gone";

    case TAVUS_VERDICT_REFUSED:
        return "refused";
    }

    return "unknown";
}


int64_t
tavus_delivery_backoff(unsigned failures, uint32_t random)
{
    int64_t  delay;

    delay = TAVUS_DELIVERY_BACKOFF;

    while (failures > 1 && delay < TAVUS_DELIVERY_BACKOFF_MAX) {
        delay *= 2;
        failures--;
    }

    if (delay > TAVUS_DELIVERY_BACKOFF_MAX) {
        delay = TAVUS_DELIVERY_BACKOFF_MAX;
    }

    return delay / 2 + random % (delay / 2 + 1);
}


/* OK and NULL where it says nothing that is clear */

static tavus_delivery_status_t
tavus_delivery_object(const tavus_part_t *body, cJSON **root,
    const char **reason)
{
    tavus_json_status_t  status;

    status = tavus_json_parse(body->len ? body->data : "", body->len, root,
                              NULL);

    switch (status) {

    case TAVUS_JSON_OK:

        if (cJSON_IsObject(*root)) {
            return TAVUS_DELIVERY_OK;
        }

        cJSON_Delete(*root);
        *root = NULL;
        *reason = "body_not_object";

        return TAVUS_DELIVERY_BAD;

    case TAVUS_JSON_NO_MEMORY:
        return TAVUS_DELIVERY_ERROR;

    /* a sender of callbacks may say a thing twice; which counts, who knows */

    case TAVUS_JSON_DUPLICATE:
        return TAVUS_DELIVERY_OK;

    default:
        *reason = "body_not_json";
        return TAVUS_DELIVERY_BAD;
    }
}


static tavus_delivery_status_t
tavus_delivery_take(const cJSON *object, const tavus_part_t *named, size_t n,
    tavus_delivery_take_pt take, void *data)
{
    char                     *name;
    size_t                    i;
    const cJSON              *item;
    tavus_delivery_status_t   status;

    for (i = 0; i < n; i++) {
        status = tavus_delivery_text(&named[i], &name);

        if (status == TAVUS_DELIVERY_ERROR) {
            return status;
        }

        item = name ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;

        free(name);

        if (item && !take(data, item)) {
            return TAVUS_DELIVERY_ERROR;
        }
    }

    return TAVUS_DELIVERY_OK;
}


static int
tavus_delivery_is(const tavus_part_t *part, const char *word)
{
    return part->len == strlen(word)
           && memcmp(part->data, word, part->len) == 0;
}


static const tavus_delivery_rule_t *
tavus_delivery_find(const char *type, size_t len)
{
    size_t                        i, n;
    const tavus_delivery_rule_t  *rule;

    for (i = 0; i < TAVUS_DELIVERY_RULES; i++) {
        rule = &tavus_delivery_rules[i];
        n = strlen(rule->name);

        if ((n == len && memcmp(rule->name, type, len) == 0)
            || tavus_delivery_begins(type, len, rule->name, n))
        {
            return rule;
        }
    }

    return NULL;
}


/* whether a name begins with the prefix of "prefix.*", dot included */

static int
tavus_delivery_begins(const char *type, size_t len, const char *pattern,
    size_t n)
{
    return n > 2 && pattern[n - 1] == '*' && pattern[n - 2] == '.'
           && len >= n - 1 && memcmp(type, pattern, n - 1) == 0;
}


static const char *
tavus_delivery_string(const cJSON *root, const char *name)
{
    const cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(root, name);

    if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
        return NULL;
    }

    return item->valuestring;
}
