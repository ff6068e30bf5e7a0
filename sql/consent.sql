-- Who an event is about, and what that visitor said of being counted.

-- The names under which a visitor's word is kept: of the session, and of the user, as the two may be
-- the same to somebody who numbers them.
CREATE OR REPLACE FUNCTION tavus.subjects(session_id text, user_id text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_remove(ARRAY['session ' || session_id, 'user ' || user_id], NULL);

-- A member that is a string of at most so many bytes, and not empty, else NULL.
CREATE OR REPLACE FUNCTION tavus.label(doc jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(tavus.str(doc, name)) BETWEEN 1 AND 200 THEN doc ->> name END;

-- Keeps what the decisions of a batch say, once each for session and user.  Called where a batch has
-- such an event.
CREATE OR REPLACE FUNCTION tavus.record_consents(
    marks text[], ids uuid[], sources text[], event_types text[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.consents AS c (subject, granted, decided_id)
    SELECT DISTINCT ON (s.subject COLLATE "C") s.subject, d.word = 'granted', d.id
      FROM (SELECT u.id, tavus.label(b.doc, 'consent') AS word,
                   tavus.subjects(tavus.label(b.doc, 'session_id'),
                                  tavus.label(b.doc, 'user_id')) AS subjects
              FROM unnest(marks, ids, sources, event_types, bodies)
                   AS u (mark, id, source, event_type, body)
              CROSS JOIN LATERAL (SELECT tavus.body_jsonb(u.body) AS doc OFFSET 0) b
             WHERE u.mark = 's' AND tavus.decides(u.source, u.event_type)) d,
           unnest(d.subjects) AS s (subject)
     WHERE d.word IN ('granted', 'denied')
     ORDER BY s.subject COLLATE "C", d.id DESC
    ON CONFLICT (subject) DO UPDATE SET
        granted = EXCLUDED.granted, decided_id = EXCLUDED.decided_id
     WHERE c.decided_id < EXCLUDED.decided_id;
END
$$;

-- What is known of whom an event is about: session_id, user_id, consent ("granted" or "denied"),
-- vertical, utm_source, utm_medium, utm_campaign, those that are known; "anonymous": true where it is
-- about a visitor who has neither id; {} if it is about none.  A browser's event says so itself, a
-- payment by its order ("order": its id), others by their conversation, or the wish for one.  Raises no
-- error, whatever is in a body.
--
-- A no counts wherever it was said: by the visitor since, in the event, when the conversation was
-- created.  A yes that came later counts for what goes on in a conversation of which nothing was said;
-- not for what was said no to, nor for what a browser told before.
CREATE OR REPLACE FUNCTION tavus.visitor_of(
    source text, event_type text, conversation_id text, body bytea)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_variable
DECLARE
    doc   jsonb;
    call  tavus.conversations;
    wish  tavus.intents;
    sale  tavus.orders;
    paid  jsonb;
    key   bytea;
    last  tavus.consents;
    word  tavus.consents;
    said  text;
    one   text;
    who   jsonb;
BEGIN
    IF source IN ('browser', 'server') AND (source = 'browser' OR conversation_id IS NULL)
       AND octet_length(body) <= 65536
    THEN
        doc := tavus.body_jsonb(body);
    END IF;

    IF conversation_id IS NOT NULL AND (source = 'browser' OR tavus.ours(source)) THEN
        SELECT c.* INTO call FROM tavus.conversations c WHERE c.id = conversation_id;
        key := call.nonce;

    ELSIF source = 'server' AND tavus.str(doc, 'nonce') ~ '^[0-9a-f]{32}$' THEN
        key := decode(doc ->> 'nonce', 'hex');

    ELSIF source = 'stripe' AND octet_length(body) <= 65536
          AND event_type IN ('checkout.session.completed', 'checkout.session.async_payment_succeeded')
    THEN
        -- of an order that was asked for here, in the same mode, and of its session, which may not be
        -- known yet
        paid := tavus.body_jsonb(body);

        SELECT r.* INTO sale FROM tavus.orders r
         WHERE r.id = tavus.stripe_order(paid #> '{data,object}') AND r.asked_at IS NOT NULL
           AND to_jsonb(r.livemode) = paid -> 'livemode'
           AND coalesce(r.answered_session = paid #>> '{data,object,id}', true);

        IF NOT FOUND THEN
            RETURN '{}';
        END IF;

    ELSIF source IS DISTINCT FROM 'browser' THEN
        RETURN '{}';
    END IF;

    -- as long as nothing of ours has announced it
    IF key IS NOT NULL AND call.announced_id IS NULL THEN
        SELECT i.* INTO wish FROM tavus.intents i WHERE i.nonce = key;
    END IF;

    who := jsonb_strip_nulls(jsonb_build_object(
        'session_id', coalesce(tavus.label(doc, 'session_id'), call.session_id, wish.session_id,
                               sale.session_id),
        'user_id', coalesce(tavus.label(doc, 'user_id'), call.user_id, wish.user_id, sale.user_id),
        'vertical', coalesce(tavus.label(doc, 'vertical'), call.vertical, wish.vertical),
        'order', sale.id,
        'utm_source', coalesce(tavus.label(doc, 'utm_source'), call.utm_source, wish.utm_source,
                               sale.utm_source),
        'utm_medium', coalesce(tavus.label(doc, 'utm_medium'), call.utm_medium, wish.utm_medium,
                               sale.utm_medium),
        'utm_campaign',
        coalesce(tavus.label(doc, 'utm_campaign'), call.utm_campaign, wish.utm_campaign,
                 sale.utm_campaign)));

    FOREACH one IN ARRAY tavus.subjects(who ->> 'session_id', who ->> 'user_id') LOOP
        SELECT c.* INTO word FROM tavus.consents c WHERE c.subject = one;
        IF word.decided_id > last.decided_id OR last.decided_id IS NULL THEN
            last := word;
        END IF;
    END LOOP;

    said := coalesce(tavus.label(doc, 'consent'), call.consent, wish.consent, sale.consent);

    RETURN who || CASE
               WHEN said = 'denied' OR NOT last.granted THEN '{"consent":"denied"}'::jsonb
               WHEN said = 'granted' OR last.granted AND source <> 'browser' THEN '{"consent":"granted"}'
               ELSE '{}' END
               || CASE WHEN who ?| '{session_id,user_id}' THEN '{}'::jsonb
                       ELSE '{"anonymous":true}' END;
END
$$;
