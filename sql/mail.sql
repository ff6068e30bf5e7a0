-- Mails: a destination of which each event is a row, so that one that was handed over is told of by
-- itself, and a server that dies repeats a few at most.  A row waits for what its mail needs to know, and
-- alerts for each other.

-- How long a digest waits for more, after the first; a conversation for what is told of its end; and how
-- long what does not come is waited for.
CREATE OR REPLACE FUNCTION tavus.mail_gather(event_type text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN event_type IN ('alert.raised', 'alert.cleared') OR event_type = ANY (tavus.end_types())
            THEN '5 seconds'::interval ELSE '0'::interval END;

CREATE OR REPLACE FUNCTION tavus.mail_patience() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '10 minutes'::interval;

-- The beginning of a conversation's transcript, of about so many bytes: {"transcript": […], "more": …}.
CREATE OR REPLACE FUNCTION tavus.mail_transcript(event uuid, most int) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'transcript', coalesce(jsonb_agg(jsonb_build_object('role', l.role, 'content', l.content)
                                                ORDER BY l.ord) FILTER (WHERE l.bytes <= most), '[]'),
               'more', coalesce(bool_or(l.bytes > most), false))
      FROM (SELECT s.ord, s.value ->> 'role' AS role, left(s.value ->> 'content', 4000) AS content,
                   sum(octet_length(left(s.value ->> 'content', 4000)) + 20) OVER (ORDER BY s.ord) AS bytes
              FROM tavus.events e
              CROSS JOIN LATERAL tavus.transcript(e.body, NULL) t
              CROSS JOIN LATERAL jsonb_array_elements(t.said::jsonb) WITH ORDINALITY AS s (value, ord)
             WHERE e.id = event) l
$$;

-- What the mail of a conversation's end says; waiting: for how long it has.  A conversation in which the
-- replica never was is none.
CREATE OR REPLACE FUNCTION tavus.mail_conversation(
    id_ text, waiting interval, transcripts text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c     tavus.conversations;
    ended timestamptz;
BEGIN
    SELECT t.* INTO c FROM tavus.conversations t WHERE t.id = id_;

    IF c.started_id IS NULL THEN
        RETURN CASE WHEN waiting < interval '1 minute' THEN '{"hold": 10}' END;
    END IF;

    IF c.vertical = ANY (transcripts) AND c.transcript_id IS NULL AND waiting < tavus.mail_patience() THEN
        RETURN '{"hold": 5}';
    END IF;

    ended := tavus.uuid_time(coalesce(c.shutdown_id, c.closed_id));

    RETURN jsonb_strip_nulls(jsonb_build_object(
               'kind', 'conversation.ended', 'of', 'conversation ' || id_,
               'conversation_id', id_, 'vertical', c.vertical,
               'seconds', greatest(extract(epoch FROM ended - tavus.uuid_time(c.started_id))::int, 0),
               'ended_by', coalesce(c.shutdown_reason, c.closed_reason),
               'utm_source', c.utm_source, 'utm_medium', c.utm_medium, 'utm_campaign', c.utm_campaign))
           || CASE WHEN c.vertical = ANY (transcripts) AND c.transcript_id IS NOT NULL
                   THEN tavus.mail_transcript(c.transcript_id, 50000) ELSE '{}' END;
END
$$;

-- What the mail of a payment says: of an order that is ours and paid, with the amount that Stripe tells.
-- Those who make orders read the log by themselves, so it may not be there yet.
CREATE OR REPLACE FUNCTION tavus.mail_sale(doc jsonb, waiting interval) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    o     jsonb := doc #> '{data,object}';
    r     tavus.orders;
    paid  jsonb;
BEGIN
    IF tavus.str(o, 'object') IS DISTINCT FROM 'checkout.session'
       OR tavus.str(o, 'payment_status') IS NOT DISTINCT FROM 'unpaid'
    THEN
        RETURN NULL;
    END IF;

    SELECT t.* INTO r FROM tavus.orders t
     WHERE t.stripe_session = tavus.stripe_id(o, 'id') AND t.ours AND t.state = 'paid'
     ORDER BY t.id LIMIT 1;

    paid := tavus.money(r.total, r.total_currency);

    IF paid IS NULL THEN
        RETURN CASE WHEN waiting < tavus.mail_patience() THEN '{"hold": 1}' END;
    END IF;

    RETURN tavus.mail_order(r) || jsonb_build_object(
        'kind', 'sale', 'of', 'order ' || r.id, 'value', paid -> 'value',
        'currency', upper(r.total_currency));
END
$$;

CREATE OR REPLACE FUNCTION tavus.mail_order(r tavus.orders) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'order_id', r.id, 'plan', r.plan, 'email', coalesce(r.told_email, r.email),
               'livemode', r.livemode, 'conversation_id', r.conversation_id, 'utm_source', r.utm_source,
               'utm_medium', r.utm_medium, 'utm_campaign', r.utm_campaign))
$$;

-- What the mail of a refund or a dispute says; the amount is that of the event's own object.
CREATE OR REPLACE FUNCTION tavus.mail_undone(kind text, doc jsonb, waiting interval) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    o     jsonb := doc #> '{data,object}';
    r     tavus.orders;
    money jsonb := tavus.money(tavus.stripe_int(o, CASE kind WHEN 'refund' THEN 'amount_refunded'
                                                             ELSE 'amount' END),
                               lower(tavus.text_of(o, 'currency', 3)));
BEGIN
    SELECT t.* INTO r
      FROM tavus.stripe_objects s
      JOIN tavus.stripe_objects n ON n.tree = s.tree AND n.id LIKE 'order:%'
      JOIN tavus.orders t ON t.id = substr(n.id, 12)::uuid AND t.ours
     WHERE s.id = tavus.stripe_id(o, 'id')
     ORDER BY t.id LIMIT 1;

    IF r.id IS NULL THEN
        RETURN CASE WHEN waiting < tavus.mail_patience() THEN '{"hold": 1}' END;
    END IF;

    RETURN tavus.mail_order(r) || jsonb_strip_nulls(jsonb_build_object(
        'kind', kind, 'of', kind || ' ' || tavus.stripe_id(o, 'id') || ' ' || (money ->> 'value'),
        'value', money -> 'value', 'currency', upper(money ->> 'currency'),
        'reason', tavus.text_of(o, 'reason')));
END
$$;

-- What a mail about an event needs beside it, and of which kind it is; {"hold": seconds} if that is not
-- known yet, NULL if there is none.  Whose word an event is counts: a visitor may send any name.
CREATE OR REPLACE FUNCTION tavus.mail_facts(
    source text, event_type text, conversation_id text, body bytea, waiting interval, transcripts text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_variable
DECLARE
    doc jsonb;
BEGIN
    IF source = 'browser' AND event_type = 'contact.submitted' THEN
        doc := tavus.body_jsonb(body);

        RETURN jsonb_strip_nulls(jsonb_build_object(
            'kind', 'contact.submitted',
            'conversation_id', coalesce(conversation_id, tavus.label(doc, 'conversation_id')),
            'vertical', (SELECT c.vertical FROM tavus.conversations c
                          WHERE c.id = coalesce(conversation_id, tavus.label(doc, 'conversation_id')))));
    END IF;

    IF tavus.ours(source) AND event_type = ANY (tavus.end_types()) AND conversation_id IS NOT NULL THEN
        RETURN tavus.mail_conversation(conversation_id, waiting, transcripts);
    END IF;

    IF source = 'server' AND event_type IN ('alert.raised', 'alert.cleared') THEN
        RETURN jsonb_strip_nulls(jsonb_build_object(
            'kind', 'alert', 'cleared', CASE event_type WHEN 'alert.cleared' THEN 'yes' END));
    END IF;

    IF source = 'stripe' THEN
        doc := tavus.body_jsonb(body);

        RETURN CASE event_type
               WHEN 'checkout.session.completed' THEN tavus.mail_sale(doc, waiting)
               WHEN 'checkout.session.async_payment_succeeded' THEN tavus.mail_sale(doc, waiting)
               WHEN 'charge.refunded' THEN tavus.mail_undone('refund', doc, waiting)
               WHEN 'charge.dispute.created' THEN tavus.mail_undone('dispute', doc, waiting)
               END;
    END IF;

    RETURN NULL;
END
$$;

-- The same for deliveries as tavus.deliver_claim(), which it asks for what is next: that becomes rows, of
-- which a few are leased.  visitor is what tavus.mail_facts() says.  transcripts: verticals whose mails have
-- what was said in them; digest_: the time between two digests.  All alerts that wait go with one.
CREATE OR REPLACE FUNCTION tavus.mail_claim(
    destination_ text, kind_ text, beginning boolean, names text[], prefixes text[], content text[],
    flights_ int, most_ int, bytes_ bigint, asker int, held bigint[],
    transcripts text[], digest_ interval,
    OUT token bigint, OUT tries int, OUT id uuid, OUT source text, OUT event_type text,
    OUT conversation_id text, OUT body bytea, OUT visitor text, OUT alone boolean, OUT wait bigint)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    c       record;
    r       record;
    v       record;
    d       tavus.destinations;
    facts   jsonb;
    leased  bigint;
    more    boolean := false;
    most    int;
    due     timestamptz;
BEGIN
    FOR c IN
        SELECT t.* FROM tavus.deliver_claim(destination_, kind_, beginning, names, prefixes, content,
                                            flights_, most_, bytes_, asker, held) t
    LOOP
        leased := c.token;
        more := more OR c.wait = 0;

        IF c.id IS NULL THEN
            wait := c.wait;

        ELSIF NOT c.alone THEN
            INSERT INTO tavus.deliveries (destination, event_id, tries, due_at, reason, digest)
            VALUES (destination_, c.id, 0, now() + tavus.mail_gather(c.event_type), 'is to be sent',
                    c.event_type LIKE 'alert.%')
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;

    -- it is paused, or there is more of the log
    IF leased IS NULL AND wait IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT t.* INTO d FROM tavus.destinations t WHERE t.name = destination_;

    -- rows are all that is left of it
    DELETE FROM tavus.flights t WHERE t.destination = destination_ AND t.token = leased;
    UPDATE tavus.deliveries t SET lease_until = NULL, token = NULL, tries = t.tries - 1
     WHERE t.destination = destination_ AND t.token = leased;

    most := CASE WHEN leased IS NULL THEN 0 WHEN d.failures > 0 THEN 1 ELSE 8 END;

    FOR r IN
        SELECT t.id AS row_id, t.tries, t.reason, t.made_at, t.digest, e.*
          FROM (SELECT k.* FROM tavus.deliveries k
                 WHERE k.destination = destination_ AND NOT k.dead AND k.due_at <= now()
                   AND (k.lease_until IS NULL OR k.lease_until <= now())
                 ORDER BY k.due_at, k.id LIMIT CASE WHEN most > 0 THEN 100 ELSE 0 END) t
          LEFT JOIN LATERAL (SELECT w.* FROM tavus.events w WHERE w.id = t.event_id OFFSET 0) e ON true
    LOOP
        IF most <= 0 THEN
            more := true;
            EXIT;
        END IF;

        facts := CASE WHEN r.id IS NOT NULL
                      THEN tavus.mail_facts(r.source, r.event_type, r.conversation_id, r.body,
                                            now() - r.made_at, transcripts) END;

        -- another event of the same has been told of, or is
        IF facts ? 'of' THEN
            INSERT INTO tavus.mails AS m (destination, subject, event_id)
            VALUES (destination_, facts ->> 'of', r.id)
            ON CONFLICT (destination, subject) DO UPDATE SET made_at = now() WHERE m.event_id = r.id;

            IF NOT FOUND THEN
                facts := NULL;
            END IF;

            -- who adds one takes two old ones along
            DELETE FROM tavus.mails m
             USING (SELECT o.destination, o.subject FROM tavus.mails o
                     WHERE o.made_at < now() - interval '90 days' ORDER BY o.made_at LIMIT 2) o
             WHERE m.destination = o.destination AND m.subject = o.subject;
        END IF;

        IF facts IS NULL THEN
            DELETE FROM tavus.deliveries t WHERE t.id = r.row_id;
            PERFORM tavus.deliver_missed(destination_, 1) WHERE r.id IS NULL;
            CONTINUE;
        END IF;

        due := now() + (facts ->> 'hold')::int * interval '1 second';

        -- one that has failed before is another try of the same digest
        IF r.digest THEN
            IF d.digest_at = now() THEN
                CONTINUE;                   -- it is in that one already
            END IF;

            IF d.digest_at > now() - digest_ AND r.tries = 0 AND r.reason = 'is to be sent' THEN
                due := d.digest_at + digest_;
            END IF;
        END IF;

        IF due IS NOT NULL THEN
            UPDATE tavus.deliveries t SET due_at = due WHERE t.id = r.row_id;
            CONTINUE;
        END IF;

        most := most - 1;

        IF r.digest THEN
            UPDATE tavus.destinations t SET digest_at = now() WHERE t.name = destination_;
            d.digest_at := now();
        END IF;

        token := leased;
        alone := true;

        FOR v IN
            WITH taken AS (
                UPDATE tavus.deliveries t
                   SET lease_until = now() + tavus.deliver_lease(), token = leased, tries = t.tries + 1
                 WHERE t.id = r.row_id
                    OR r.digest AND t.id IN (
                       SELECT k.id FROM tavus.deliveries k
                        WHERE k.destination = destination_ AND NOT k.dead AND k.digest
                          AND (k.lease_until IS NULL OR k.lease_until <= now())
                        ORDER BY k.event_id LIMIT 200)
                RETURNING t.event_id, t.tries AS n, t.digest AS of_digest)
            SELECT k.n, k.of_digest, e.*
              FROM taken k JOIN tavus.events e ON e.id = k.event_id
             ORDER BY e.id
        LOOP
            tries := v.n;
            id := v.id;
            source := v.source;
            event_type := v.event_type;
            conversation_id := v.conversation_id;
            body := v.body;
            visitor := CASE WHEN v.of_digest
                            THEN tavus.mail_facts(v.source, v.event_type, v.conversation_id, v.body,
                                                  '0', transcripts)
                            ELSE facts END::text;
            wait := 0;
            RETURN NEXT;
        END LOOP;
    END LOOP;

    IF token IS NOT NULL THEN
        RETURN;
    END IF;

    -- nothing but to ask again: at once, or when the next is due
    wait := CASE WHEN more THEN 0
                 ELSE (SELECT ceil(extract(epoch FROM min(t.due_at) - now()) * 1000)
                         FROM tavus.deliveries t
                        WHERE t.destination = destination_ AND NOT t.dead AND t.due_at > now()
                          AND t.lease_until IS NULL) END;

    IF wait <= 5000 THEN
        id := NULL;
        RETURN NEXT;
    END IF;
END
$$;
