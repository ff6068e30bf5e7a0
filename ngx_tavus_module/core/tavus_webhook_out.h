/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_WEBHOOK_OUT_H_INCLUDED_
#define _TAVUS_WEBHOOK_OUT_H_INCLUDED_


#include "tavus_delivery.h"
#include "tavus_signature.h"


/*
 * Events as webhooks of ours, by Standard Webhooks 1.0.0.  The headers are
 * webhook-id, the event's id on each attempt; webhook-timestamp, decimal
 * seconds of this attempt; and webhook-signature, which
 * tavus_standard_sign() in tavus_signature.h makes.
 */

/* a larger body stays here: the receiver is told its size and asks for it */

#define TAVUS_WEBHOOK_OUT_BODY  (256 * 1024)

#define TAVUS_WEBHOOK_OUT_NAME  1000        /* bytes of a type, of an id */

/* no payload is larger, though each byte of the names be escaped */

#define TAVUS_WEBHOOK_OUT_MAX   (TAVUS_WEBHOOK_OUT_BODY + 20 * 1024)

/* attempts of the schedule, the first one among them */

#define TAVUS_WEBHOOK_OUT_ATTEMPTS  10


/*
 * Makes the payload of an event, as tavus_posthog_event() does otherwise:
 * {"type","timestamp","data":{"id","source","conversation_id","body"}}, the
 * body as it is stored; for a body that is too large "body_bytes", how large
 * it is; and neither it nor a conversation if the visitor is not named.
 */
tavus_delivery_status_t tavus_webhook_out(const tavus_delivery_t *delivery,
    tavus_consent_t consent, char **json, size_t *len, const char **reason);

/*
 * How long to wait, in milliseconds, when so many attempts (1 …) have
 * failed; up to a tenth is added at random.  -1 if that was the last one.
 */
int64_t tavus_webhook_out_retry(unsigned attempts, uint32_t random);


#endif /* _TAVUS_WEBHOOK_OUT_H_INCLUDED_ */
