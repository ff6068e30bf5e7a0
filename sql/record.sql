-- Intake.  One call stores one batch, in one transaction: tavus.record() below, and the steps that
-- it takes only where a batch needs them.
--
-- Locks are taken in one order, so that no two calls can deadlock: that of the budget, for wishes that
-- are judged (budget.sql), that of the log, intents by nonce, digests by digest, elsewhere by id, events
-- by id, those of the same moment by id, conversations by id, consents by subject, quarantine by digest.
--
-- A row's mark: '.' to be inserted, '~' a redelivery of what has another id, 's' stored, 'd'
-- duplicate, 'q' quarantined, 'b' bound to another conversation, '+' another event of the moment of
-- one that is stored.
--
-- A row whose id may be another the next time has a digest of its identity, 16 bytes; behind it, if
-- the event has a time of its own, the id of that time.
--
-- Lookups are scalar subqueries or fenced (OFFSET 0), as the plans are generic and made when
-- tables may still be empty: they can only become index lookups, never hashed whole tables.

-- Marks what must not be inserted: rows to be quarantined, nonces bound to another conversation,
-- redeliveries of what has another id.  Binds nonces that are free, and so locks every
-- intent that this batch will write to.
CREATE OR REPLACE FUNCTION tavus.record_gate(
    ids uuid[], digests bytea[], sources text[], event_types text[], conversation_ids text[],
    nonces bytea[], reasons text[])
RETURNS text[]
LANGUAGE plpgsql
AS $$
DECLARE
    marks text[];
BEGIN
    marks := ARRAY(
        SELECT CASE WHEN r.reason IS NOT NULL
                      OR tavus.too_long(r.source, r.event_type, r.conversation_id)
                    THEN 'q' ELSE '.' END
          FROM unnest(reasons, conversation_ids, event_types, sources) WITH ORDINALITY
               AS r (reason, conversation_id, event_type, source, ord)
         ORDER BY r.ord);

    IF num_nonnulls(VARIADIC nonces) > 0 THEN
        INSERT INTO tavus.intents AS i (nonce, conversation_id)
        SELECT r.nonce, (array_agg(r.conversation_id ORDER BY r.id, r.ord)
                             FILTER (WHERE r.conversation_id IS NOT NULL))[1]
          FROM unnest(marks, ids, sources, event_types, conversation_ids, nonces)
               WITH ORDINALITY
               AS r (mark, id, source, event_type, conversation_id, nonce, ord)
         WHERE r.mark = '.' AND r.nonce IS NOT NULL AND tavus.ours(r.source)
           AND (r.source = 'server'
                OR r.conversation_id IS NOT NULL
                AND (SELECT b.conversation_id FROM tavus.intents b
                      WHERE b.nonce = r.nonce) IS NULL)
         GROUP BY r.nonce
         ORDER BY r.nonce
        ON CONFLICT (nonce) DO UPDATE SET conversation_id = EXCLUDED.conversation_id
         WHERE i.conversation_id IS NULL AND EXCLUDED.conversation_id IS NOT NULL;

        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.nonce IS NOT NULL
                         AND r.conversation_id IS NOT NULL AND tavus.ours(r.source)
                         AND (SELECT b.conversation_id FROM tavus.intents b
                               WHERE b.nonce = r.nonce) <> r.conversation_id
                        THEN 'b' ELSE r.mark END
              FROM unnest(marks, sources, conversation_ids, nonces) WITH ORDINALITY
                   AS r (mark, source, conversation_id, nonce, ord)
             ORDER BY r.ord);
    END IF;

    IF num_nonnulls(VARIADIC digests) > 0 THEN
        -- what came when its own time was usable has the id of that time
        WITH r AS (
            SELECT DISTINCT ON (u.digest) u.digest, u.id, u.own
              FROM (SELECT substr(digest, 1, 16) AS digest, id, ord,
                           CASE WHEN octet_length(digest) = 32
                                THEN encode(substr(digest, 17), 'hex')::uuid END AS own
                      FROM unnest(marks, ids, digests) WITH ORDINALITY
                           AS m (mark, id, digest, ord)
                     WHERE mark = '.' AND digest IS NOT NULL) u
             WHERE (SELECT b.id FROM tavus.digests_before b WHERE b.digest = u.digest) IS NULL
             ORDER BY u.digest, u.id, u.ord
        ), added AS (
            INSERT INTO tavus.digests (digest, id, seen_at)
            SELECT r.digest, coalesce((SELECT e.id FROM tavus.events e WHERE e.id = r.own), r.id),
                   now()
              FROM r
            ON CONFLICT (digest) DO NOTHING
            RETURNING digest, id
        )
        INSERT INTO tavus.elsewhere (id, stored)
        SELECT r.own, r.id FROM added JOIN r USING (digest, id)
         WHERE r.own <> r.id AND r.own > tavus.uuid_floor(now() - interval '43 days')
           AND r.own < tavus.uuid_floor(now() + interval '91 days')
         ORDER BY r.own
        ON CONFLICT (id) DO NOTHING;

        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.digest IS NOT NULL
                         AND coalesce(
                             (SELECT d.id FROM tavus.digests d
                               WHERE d.digest = substr(r.digest, 1, 16)),
                             (SELECT b.id FROM tavus.digests_before b
                               WHERE b.digest = substr(r.digest, 1, 16))) <> r.id
                        THEN '~' ELSE r.mark END
              FROM unnest(marks, ids, digests) WITH ORDINALITY AS r (mark, id, digest, ord)
             ORDER BY r.ord);
    END IF;

    IF EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id = ANY (ids)) THEN
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.'
                         AND EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id = r.id)
                        THEN '~' ELSE r.mark END
              FROM unnest(marks, ids) WITH ORDINALITY AS r (mark, id, ord)
             ORDER BY r.ord);
    END IF;

    RETURN marks;
END
$$;

-- The cause of an end, which Tavus says with and without "reached".
CREATE OR REPLACE FUNCTION tavus.reason_said(reason jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN jsonb_typeof(reason) = 'string'
            THEN to_jsonb(regexp_replace(reason #>> '{}', ' reached$', '')) ELSE reason END;

-- What an event says, without what differs between two sendings of it by nature.  Stripe shows one event
-- in as many shapes as there are versions of its API, that of an endpoint or that of an account, and
-- links in it that it makes each time: what counts is which event it is, of what, and of which object.
-- Where it is not one of that kind, all but how many deliveries are left.  Of Tavus the envelope, which
-- the identity holds or which a copy from its API lacks, the URL with its token, a signature among the
-- members, the older or newer of two names for one thing, and whether a time-out is said to be reached.
CREATE OR REPLACE FUNCTION tavus.essence(source text, body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    doc jsonb := tavus.body_jsonb(body);
BEGIN
    IF jsonb_typeof(doc) IS DISTINCT FROM 'object' THEN
        RETURN doc;
    END IF;

    IF source = 'stripe' THEN
        RETURN CASE WHEN doc -> 'object' = '"event"' AND doc #> '{data,object,object}' <> 'null'
                    THEN jsonb_build_array(doc -> 'id', doc -> 'type', doc -> 'created',
                             doc -> 'livemode', doc -> 'account', doc #> '{data,object,object}',
                             doc #> '{data,object,id}')
                    ELSE doc - '{pending_webhooks,request}'::text[] END;
    END IF;

    IF source = 'tavus' THEN
        doc := doc - '{event_type,message_type,conversation_id,timestamp,webhook_url,callback_url,'
                      'signature}'::text[];

        IF jsonb_typeof(doc -> 'properties') = 'object' THEN
            doc := doc || jsonb_build_object('properties', (
                SELECT coalesce(jsonb_object_agg(CASE p.key WHEN 'face_id' THEN 'replica_id'
                                                            WHEN 'pal_id' THEN 'persona_id'
                                                            WHEN 'reason' THEN 'shutdown_reason'
                                                            ELSE p.key END,
                                                CASE WHEN p.key IN ('reason', 'shutdown_reason')
                                                     THEN tavus.reason_said(p.value)
                                                     ELSE p.value END), '{}')
                  FROM jsonb_each(doc -> 'properties') p));
        END IF;
    END IF;

    RETURN doc;
END
$$;

-- Whether all members of one are those of the other, which may have more.
CREATE OR REPLACE FUNCTION tavus.says_less(one jsonb, other jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN one IS NULL OR one = 'null' THEN true
            WHEN jsonb_typeof(one) = 'object' AND jsonb_typeof(other) = 'object'
            THEN NOT EXISTS (SELECT FROM jsonb_each(one) m
                              WHERE other -> m.key IS DISTINCT FROM m.value)
            ELSE coalesce(one = other, false) END;

-- Whether two bodies of one identity are the same event.
CREATE OR REPLACE FUNCTION tavus.same_event(source text, one bytea, two bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    a jsonb;
    b jsonb;
    enveloped boolean[];
BEGIN
    IF one = two THEN
        RETURN true;
    END IF;

    a := tavus.essence(source, one);
    b := tavus.essence(source, two);

    -- a copy from Tavus's API has no envelope, whatever may be in one, and may say less
    IF source = 'tavus' AND a <> b THEN
        enveloped := ARRAY[tavus.body_jsonb(one) ? 'conversation_id',
                           tavus.body_jsonb(two) ? 'conversation_id'];

        IF NOT enveloped[1] OR NOT enveloped[2] THEN
            a := a -> 'properties';
            b := b -> 'properties';
        END IF;

        IF enveloped[1] AND NOT enveloped[2] THEN
            RETURN tavus.says_less(b, a);
        ELSIF enveloped[2] AND NOT enveloped[1] THEN
            RETURN tavus.says_less(a, b);
        END IF;
    END IF;

    RETURN coalesce(a = b, false);
END
$$;

-- Decides about rows that were not inserted: what stands in their place is the same event
-- (duplicate), or has another name (a twin of Tavus, duplicate too), or else it is a conflict, where
-- there is one such event at a moment, or another event of that moment.
CREATE OR REPLACE FUNCTION tavus.record_known(
    marks text[], fresh uuid[], ids uuid[], digests bytea[], sources text[], event_types text[],
    bodies bytea[])
RETURNS text[]
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (
    SELECT array_agg(
               CASE WHEN r.mark NOT IN ('.', '~') THEN r.mark
                    WHEN r.mark = '.' AND r.nth = 1 AND r.id = ANY (fresh) THEN 's'
                    ELSE coalesce((
                        SELECT CASE WHEN e.source = coalesce(r.source, '')
                                     AND (e.event_type = coalesce(r.event_type, '')
                                          OR e.source <> 'tavus')
                                     AND NOT tavus.same_event(e.source, e.body,
                                                              coalesce(r.body, ''))
                                    THEN CASE WHEN tavus.alone(e.source, e.event_type)
                                              THEN 'q' ELSE '+' END
                                    ELSE 'd' END
                          FROM tavus.events e
                         WHERE e.id = CASE r.mark WHEN '.' THEN r.id ELSE coalesce(
                                          (SELECT d.id FROM tavus.digests d
                                            WHERE d.digest = substr(r.digest, 1, 16)),
                                          (SELECT b.id FROM tavus.digests_before b
                                            WHERE b.digest = substr(r.digest, 1, 16)),
                                          (SELECT x.stored FROM tavus.elsewhere x
                                            WHERE x.id = r.id)) END), 'd')
               END ORDER BY r.ord)
      FROM (SELECT u.*, row_number() OVER (PARTITION BY u.id, u.mark ORDER BY u.ord) AS nth
              FROM unnest(marks, ids, digests, sources, event_types, bodies) WITH ORDINALITY
                   AS u (mark, id, digest, source, event_type, body, ord)) r);
END
$$;

-- Stores what shares a moment with another event, and no id that tells the two apart, beside it: its
-- id is made of the other's and of what it says.  So the first one of a moment has the id of that
-- moment, and a redelivery or a copy of any is recognised.
CREATE OR REPLACE FUNCTION tavus.record_beside(
    INOUT marks text[], INOUT ids uuid[], received timestamptz[], digests bytea[],
    kinds smallint[], sources text[], event_types text[], conversation_ids text[],
    verifications text[], bodies bytea[])
LANGUAGE plpgsql
AS $$
DECLARE
    fresh uuid[];
BEGIN
    ids := ARRAY(
        SELECT CASE r.mark WHEN '+'
               THEN tavus.uuid_beside(
                        coalesce((SELECT e.id FROM tavus.events e WHERE e.id = r.id),
                                 (SELECT d.id FROM tavus.digests d
                                   WHERE d.digest = substr(r.digest, 1, 16)),
                                 (SELECT b.id FROM tavus.digests_before b
                                   WHERE b.digest = substr(r.digest, 1, 16)),
                                 (SELECT x.stored FROM tavus.elsewhere x WHERE x.id = r.id)),
                        coalesce(tavus.essence(r.source, bodies[r.ord]) -> 'properties',
                                 tavus.essence(r.source, bodies[r.ord]),
                                 to_jsonb(sha256(bodies[r.ord])::text)))
               ELSE r.id END
          FROM unnest(marks, ids, digests, sources) WITH ORDINALITY
               AS r (mark, id, digest, source, ord)
         ORDER BY r.ord);

    WITH added AS (
        INSERT INTO tavus.events (
            id, received_at, kind, source, event_type, conversation_id, verification, body)
        SELECT r.id, coalesce(r.received_at, now()), coalesce(r.kind, 0::smallint), r.source,
               coalesce(r.event_type, ''), r.conversation_id, r.verification, bodies[r.ord]
          FROM (SELECT u.* FROM unnest(marks, ids, received, kinds, sources, event_types,
                                       conversation_ids, verifications) WITH ORDINALITY
                           AS u (mark, id, received_at, kind, source, event_type,
                                 conversation_id, verification, ord)
                 WHERE u.mark = '+'
                 ORDER BY u.id, u.ord
                OFFSET 0) r
        ON CONFLICT (id) DO NOTHING
        RETURNING id)
    SELECT array_agg(a.id) INTO fresh FROM added a;

    IF fresh IS NOT NULL THEN
        PERFORM tavus.log_add(fresh);
    END IF;

    marks := ARRAY(
        SELECT CASE WHEN r.mark <> '+' THEN r.mark
                    WHEN r.nth = 1 AND r.id = ANY (fresh) THEN 's'
                    WHEN tavus.same_event(r.source, bodies[r.ord],
                                          (SELECT e.body FROM tavus.events e WHERE e.id = r.id))
                    THEN 'd' ELSE 'q' END
          FROM (SELECT u.*, row_number() OVER (PARTITION BY u.id, u.mark ORDER BY u.ord) AS nth
                  FROM unnest(marks, ids, sources) WITH ORDINALITY
                       AS u (mark, id, source, ord)) r
         ORDER BY r.ord);
END
$$;

-- Writes what stored requests and failures say into their intents, which record_gate has locked.
CREATE OR REPLACE FUNCTION tavus.record_intents(
    marks text[], ids uuid[], sources text[], event_types text[], nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.intents AS i (
        nonce, requested_id, vertical, persona_id, replica_id, document_tags, memory_stores,
        session_id, utm_source, utm_medium, utm_campaign, consent, user_id, request_id,
        failed_id, outcome, reason, http_status)
    SELECT g.nonce, g.requested_id,
           tavus.str(g.wish, 'vertical'), tavus.str(g.wish, 'persona_id'),
           tavus.str(g.wish, 'replica_id'), tavus.strs(g.wish, 'document_tags'),
           tavus.strs(g.wish, 'memory_stores'), tavus.str(g.wish, 'session_id'),
           tavus.str(g.wish, 'utm_source'), tavus.str(g.wish, 'utm_medium'),
           tavus.str(g.wish, 'utm_campaign'), tavus.str(g.wish, 'consent'),
           tavus.str(g.wish, 'user_id'), tavus.str(g.wish, 'request_id'),
           g.failed_id,
           CASE WHEN g.failed_id IS NOT NULL
                THEN CASE tavus.str(g.failure, 'outcome') WHEN 'unknown' THEN 'unknown'
                          ELSE 'failed' END END,
           tavus.str(g.failure, 'reason'),
           CASE WHEN g.failure ->> 'http_status' ~ '^[0-9]{1,9}$'
                THEN (g.failure ->> 'http_status')::int END
      FROM (SELECT r.nonce,
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.wish))[1] AS requested_id,
                   (array_agg(r.doc ORDER BY r.id) FILTER (WHERE r.wish))[1] AS wish,
                   (array_agg(r.id ORDER BY r.id DESC) FILTER (WHERE NOT r.wish))[1]
                       AS failed_id,
                   (array_agg(r.doc ORDER BY r.id DESC) FILTER (WHERE NOT r.wish))[1]
                       AS failure
              FROM (SELECT u.nonce, u.id, u.part = 'wish' AS wish,
                           tavus.body_jsonb(u.body) AS doc
                      FROM (SELECT m.*, tavus.part('intents', m.source, m.event_type) AS part
                              FROM unnest(marks, ids, sources, event_types, nonces, bodies)
                                   AS m (mark, id, source, event_type, nonce, body)) u
                     WHERE u.mark = 's' AND u.nonce IS NOT NULL
                       AND u.part IN ('wish', 'failure')
                    OFFSET 0) r
             GROUP BY r.nonce) g
     ORDER BY g.nonce
    ON CONFLICT (nonce) DO UPDATE SET
        (requested_id, vertical, persona_id, replica_id, document_tags, memory_stores,
         session_id, utm_source, utm_medium, utm_campaign, consent, user_id, request_id) = (
            SELECT w.* FROM (
                SELECT i.requested_id, i.vertical, i.persona_id, i.replica_id, i.document_tags,
                       i.memory_stores, i.session_id, i.utm_source, i.utm_medium,
                       i.utm_campaign, i.consent, i.user_id, i.request_id
                UNION ALL
                SELECT EXCLUDED.requested_id, EXCLUDED.vertical, EXCLUDED.persona_id,
                       EXCLUDED.replica_id, EXCLUDED.document_tags, EXCLUDED.memory_stores,
                       EXCLUDED.session_id, EXCLUDED.utm_source, EXCLUDED.utm_medium,
                       EXCLUDED.utm_campaign, EXCLUDED.consent, EXCLUDED.user_id,
                       EXCLUDED.request_id) w
             ORDER BY w.requested_id ASC NULLS LAST LIMIT 1),
        (failed_id, outcome, reason, http_status) = (
            SELECT w.* FROM (
                SELECT i.failed_id, i.outcome, i.reason, i.http_status
                UNION ALL
                SELECT EXCLUDED.failed_id, EXCLUDED.outcome, EXCLUDED.reason,
                       EXCLUDED.http_status) w
             ORDER BY w.failed_id DESC NULLS LAST LIMIT 1);
END
$$;

-- Brings conversations up to date with the rows of a batch, one upsert a conversation.  What
-- events say counts only from rows stored now; that a verified row names a conversation makes
-- sure that it exists and knows its nonce.  Writes nothing where nothing would change.
--
-- What Tavus sends only when a conversation is over (a transcript, an analysis, what came of an
-- action after the call) closes it as well, since its system.shutdown may be lost; the reason is left
-- to who gives one.
--
-- Persona and replica are our own to tell (conversation.created); where we did not, Tavus's events do.
-- Should they differ, the lowest name counts, whatever the order.  No event is taken apart for it where
-- both are known, nor one of over 1 MiB.
CREATE OR REPLACE FUNCTION tavus.record_conversations(
    marks text[], ids uuid[], sources text[], event_types text[], conversation_ids text[],
    nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.conversations AS c (
        id, first_id, nonce, announced_id, announced_ended, url, vertical, persona_id,
        replica_id, document_tags, memory_stores, session_id, utm_source, utm_medium,
        utm_campaign, consent, user_id, started_id, shutdown_id, shutdown_reason, closed_id, closed_reason,
        transcript_id, recording_id, perception_id, told_persona, told_replica, repair_at)
    SELECT g.conversation_id, g.first_id, g.nonce, g.announced_id,
           coalesce(tavus.str(g.news, 'status') = 'ended', false),
           tavus.str(g.news, 'conversation_url'), tavus.str(g.news, 'vertical'),
           n.persona_id, n.replica_id,
           tavus.strs(g.news, 'document_tags'), tavus.strs(g.news, 'memory_stores'),
           tavus.str(g.news, 'session_id'), tavus.str(g.news, 'utm_source'),
           tavus.str(g.news, 'utm_medium'), tavus.str(g.news, 'utm_campaign'),
           tavus.str(g.news, 'consent'), tavus.str(g.news, 'user_id'),
           g.started_id,
           g.shutdown_id, s.reason,
           g.closed_id, tavus.str(g.closed, 'reason'),
           g.transcript_id, g.recording_id, g.perception_id,
           CASE WHEN n.persona_id IS NULL THEN g.told_persona END,
           CASE WHEN n.replica_id IS NULL THEN g.told_replica END,
           tavus.repair_due(
               tavus.repair_past(g.news), false,
               num_nonnulls(g.shutdown_id, g.closed_id) > 0,
               tavus.whole(coalesce(tavus.str(g.news, 'status') = 'ended', false), g.started_id,
                           g.shutdown_id, s.reason, g.transcript_id, g.perception_id))
      FROM (SELECT r.conversation_id,
                   coalesce((array_agg(r.id) FILTER (WHERE r.stored))[1], (array_agg(r.id))[1]) AS first_id,
                   decode(min(encode(r.nonce, 'hex') COLLATE "C"), 'hex') AS nonce,
                   (array_agg(r.id) FILTER (WHERE r.role = 'created'))[1] AS announced_id,
                   (array_agg(r.doc) FILTER (WHERE r.role = 'created'))[1] AS news,
                   (array_agg(r.id) FILTER (WHERE r.role = 'started'))[1] AS started_id,
                   (array_agg(r.id) FILTER (WHERE r.role = 'shutdown'))[1] AS shutdown_id,
                   (array_agg(r.doc) FILTER (WHERE r.role = 'shutdown'))[1] AS shutdown,
                   coalesce((array_agg(r.id) FILTER (WHERE r.role = 'closed'
                                                       AND tavus.str(r.doc, 'reason') IS NOT NULL))[1],
                            (array_agg(r.id) FILTER (WHERE r.closes))[1]) AS closed_id,
                   (array_agg(r.doc) FILTER (WHERE r.role = 'closed'
                                               AND tavus.str(r.doc, 'reason') IS NOT NULL))[1] AS closed,
                   max(r.id::text COLLATE "C") FILTER (WHERE r.role = 'transcript')::uuid AS transcript_id,
                   max(r.id::text COLLATE "C") FILTER (WHERE r.role = 'recording')::uuid AS recording_id,
                   max(r.id::text COLLATE "C") FILTER (WHERE r.role = 'perception')::uuid AS perception_id,
                   min(tavus.told(r.doc, 'persona_id', 'pal_id') COLLATE "C") FILTER (WHERE r.tells)
                       AS told_persona,
                   min(tavus.told(r.doc, 'replica_id', 'face_id') COLLATE "C") FILTER (WHERE r.tells)
                       AS told_replica
              FROM (SELECT s.*, t.tells,
                           coalesce(s.role IN ('closed', 'transcript', 'perception', 'afterwards'),
                                    false) AS closes,
                           CASE WHEN t.tells OR s.role IN ('created', 'shutdown', 'closed')
                                THEN tavus.body_jsonb(s.body) END AS doc
                      FROM (SELECT u.conversation_id, u.id, u.nonce, u.body,
                                   u.mark = 's' AS stored,
                                   CASE u.mark WHEN 's' THEN
                                        tavus.part('conversations', u.source, u.event_type)
                                   END AS role
                              FROM unnest(marks, ids, sources, event_types, conversation_ids,
                                          nonces, bodies)
                                   AS u (mark, id, source, event_type, conversation_id, nonce,
                                         body)
                             WHERE u.mark IN ('s', 'd') AND tavus.ours(u.source)
                               AND u.conversation_id IS NOT NULL) s
                      LEFT JOIN LATERAL (
                           SELECT k.first_id, k.nonce,
                                  k.persona_id IS NOT NULL AND k.replica_id IS NOT NULL AS known
                             FROM tavus.conversations k
                            WHERE k.id = s.conversation_id OFFSET 0) k ON true
                     CROSS JOIN LATERAL (
                           SELECT s.role NOT IN ('created', 'closed') AND k.known IS NOT TRUE
                                  AND octet_length(s.body) <= 1048576 AS tells) t
                     WHERE s.role IS NOT NULL OR k.first_id IS NULL
                        OR s.stored AND s.id < k.first_id
                        OR s.nonce IS NOT NULL AND (k.nonce IS NULL OR s.nonce < k.nonce)
                     -- of each the first is the lowest
                     ORDER BY s.conversation_id, s.id
                    OFFSET 0) r
             GROUP BY r.conversation_id) g,
           LATERAL (SELECT coalesce(tavus.str(g.news, 'persona_id'),
                                    tavus.str(g.news, 'pal_id')) AS persona_id,
                           coalesce(tavus.str(g.news, 'replica_id'),
                                    tavus.str(g.news, 'face_id')) AS replica_id) n,
           LATERAL (SELECT regexp_replace(coalesce(tavus.str(p, 'shutdown_reason'),
                                                   tavus.str(p, 'reason')), ' reached$', '')
                               AS reason
                      FROM (SELECT coalesce(g.shutdown -> 'properties',
                                            g.shutdown -> 'payload') AS p) d) s
     ORDER BY g.conversation_id
    ON CONFLICT (id) DO UPDATE SET
        first_id = least(c.first_id, EXCLUDED.first_id),
        nonce = least(c.nonce, EXCLUDED.nonce),
        (announced_id, announced_ended, url, vertical, persona_id, replica_id, document_tags,
         memory_stores, session_id, utm_source, utm_medium, utm_campaign, consent, user_id) = (
            SELECT w.* FROM (
                SELECT c.announced_id, c.announced_ended, c.url, c.vertical, c.persona_id,
                       c.replica_id, c.document_tags, c.memory_stores, c.session_id,
                       c.utm_source, c.utm_medium, c.utm_campaign, c.consent, c.user_id
                UNION ALL
                SELECT EXCLUDED.announced_id, EXCLUDED.announced_ended, EXCLUDED.url,
                       EXCLUDED.vertical, EXCLUDED.persona_id, EXCLUDED.replica_id,
                       EXCLUDED.document_tags, EXCLUDED.memory_stores, EXCLUDED.session_id,
                       EXCLUDED.utm_source, EXCLUDED.utm_medium, EXCLUDED.utm_campaign,
                       EXCLUDED.consent, EXCLUDED.user_id) w
             ORDER BY w.announced_id ASC NULLS LAST LIMIT 1),
        started_id = least(c.started_id, EXCLUDED.started_id),
        shutdown_id = least(c.shutdown_id, EXCLUDED.shutdown_id),
        shutdown_reason = CASE WHEN c.shutdown_id <= EXCLUDED.shutdown_id
                                 OR EXCLUDED.shutdown_id IS NULL
                               THEN c.shutdown_reason ELSE EXCLUDED.shutdown_reason END,
        (closed_id, closed_reason) = (
            SELECT w.* FROM (
                SELECT c.closed_id, c.closed_reason
                UNION ALL
                SELECT EXCLUDED.closed_id, EXCLUDED.closed_reason) w
             ORDER BY w.closed_id IS NULL, w.closed_reason IS NULL, w.closed_id LIMIT 1),
        transcript_id = greatest(c.transcript_id, EXCLUDED.transcript_id),
        recording_id = greatest(c.recording_id, EXCLUDED.recording_id),
        perception_id = greatest(c.perception_id, EXCLUDED.perception_id),
        (told_persona, told_replica) = (
            SELECT CASE WHEN w.persona_id IS NULL
                        THEN least(c.told_persona, EXCLUDED.told_persona) END,
                   CASE WHEN w.replica_id IS NULL
                        THEN least(c.told_replica, EXCLUDED.told_replica) END
              FROM (SELECT c.announced_id, c.persona_id, c.replica_id
                    UNION ALL
                    SELECT EXCLUDED.announced_id, EXCLUDED.persona_id, EXCLUDED.replica_id) w
             ORDER BY w.announced_id ASC NULLS LAST LIMIT 1),
        (repair_at, repair_tries) = (
            SELECT tavus.repair_due(
                       CASE WHEN EXCLUDED.announced_id IS NULL OR c.announced_id IS NOT NULL
                              OR c.ended
                            THEN c.repair_at ELSE EXCLUDED.repair_at END,
                       c.ended, c.ended OR EXCLUDED.ended,
                       tavus.whole(c.announced_ended OR EXCLUDED.announced_ended,
                                   coalesce(c.started_id, EXCLUDED.started_id),
                                   coalesce(c.shutdown_id, EXCLUDED.shutdown_id),
                                   CASE WHEN c.shutdown_id <= EXCLUDED.shutdown_id
                                          OR EXCLUDED.shutdown_id IS NULL
                                        THEN c.shutdown_reason ELSE EXCLUDED.shutdown_reason END,
                                   coalesce(c.transcript_id, EXCLUDED.transcript_id),
                                   coalesce(c.perception_id, EXCLUDED.perception_id))),
                   CASE WHEN EXCLUDED.ended AND NOT c.ended THEN 0 ELSE c.repair_tries END);
END
$$;

-- The same for rows that say nothing but that their conversation is there, each of them stored now.
CREATE OR REPLACE FUNCTION tavus.record_late(
    late int[], ids uuid[], conversation_ids text[], nonces bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.conversations AS c (id, first_id, nonce, repair_at)
    SELECT r.conversation_id, (array_agg(r.id ORDER BY r.id))[1], (array_agg(r.nonce ORDER BY r.nonce))[1],
           tavus.repair_past(NULL)
      FROM unnest(ids, conversation_ids, nonces) WITH ORDINALITY AS r (id, conversation_id, nonce, ord)
     WHERE r.ord = ANY (late)
     GROUP BY r.conversation_id
     ORDER BY r.conversation_id
    ON CONFLICT (id) DO UPDATE SET
        first_id = least(c.first_id, EXCLUDED.first_id),
        nonce = least(c.nonce, EXCLUDED.nonce);
END
$$;

-- Keeps rows that could not be stored, raw and with the reason; the same body for the same reason
-- only once.
DROP FUNCTION IF EXISTS tavus.record_quarantine(
    text[], uuid[], timestamptz[], text[], text[], text[], text[], bytea[], text[]);
CREATE OR REPLACE FUNCTION tavus.record_quarantine(
    marks text[], ids uuid[], received timestamptz[], sources text[], event_types text[],
    conversation_ids text[], nonces bytea[], verifications text[], bodies bytea[], reasons text[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.quarantine (
        digest, id, received_at, source, event_type, conversation_id, nonce, verification, body, reason)
    SELECT sha256(sha256(convert_to(q.source, 'UTF8')) || sha256(convert_to(q.reason, 'UTF8'))
                  || q.body) AS digest,
           q.id, q.received_at, q.source, q.event_type, q.conversation_id, q.nonce, q.verification,
           q.body, q.reason
      FROM (SELECT u.id, coalesce(u.received_at, now()) AS received_at,
                   coalesce(u.source, '') AS source, u.event_type, u.conversation_id,
                   u.nonce, u.verification, coalesce(u.body, '') AS body,
                   CASE WHEN u.reason IS NOT NULL THEN u.reason
                        WHEN tavus.too_long(u.source, u.event_type, u.conversation_id)
                        THEN 'field too long' ELSE 'conflict' END AS reason
              FROM unnest(marks, ids, received, sources, event_types, conversation_ids,
                          nonces, verifications, bodies, reasons)
                   AS u (mark, id, received_at, source, event_type, conversation_id,
                         nonce, verification, body, reason)
             WHERE u.mark = 'q') q
     ORDER BY digest, q.id
    ON CONFLICT (digest) DO NOTHING;
END
$$;

-- Records a batch and returns a letter a row, in order: s stored, d duplicate, q quarantined,
-- b nonce bound to another conversation (nothing stored).  Rows come in the order of their ids, so
-- that two calls lock the same ones in one order; an array that is shorter than ids says NULL of
-- the rest.  In the plain case (every row new, of known conversations, nothing that changes one) it
-- is one read and one INSERT.  The commit is as durable for duplicates, and for no row at all, as for
-- new rows.
CREATE OR REPLACE FUNCTION tavus.record(
    ids uuid[], received timestamptz[], digests bytea[], kinds smallint[], sources text[],
    event_types text[], conversation_ids text[], nonces bytea[], verifications text[],
    bodies bytea[], reasons text[])
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    n      int := cardinality(ids);
    fates  boolean := 'server' = ANY (sources) AND num_nonnulls(VARIADIC nonces) > 0;  -- an intent may change
    wishes boolean := fates AND event_types && tavus.wish_types();  -- by what is asked for, or was not made
    roles  boolean := event_types && tavus.role_types();            -- a conversation by what a row says
    words  boolean := event_types && tavus.consent_types();         -- a visitor may have decided
    late   int[];       -- rows by which a conversation changes because they are there, of each the first
    odd    boolean;     -- a row may need the gate
    doubt  boolean;     -- something may have been erased
    gone   int[];       -- and was
    marks  text[];
    fresh  uuid[];
BEGIN
    -- This comes first: whoever finds no older lock of the log knows that all of before is over.
    IF tavus.log_lock() IS NULL THEN
        RAISE 'the log has no position' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- a conversation is looked up once, and not for each of its rows
    SELECT EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id BETWEEN ids[1] AND ids[n])
           OR bool_or(r.long OR r.conversation_id IS NOT NULL AND r.nonce IS NOT NULL AND c.bound IS NOT TRUE),
           array_agg(r.ord) FILTER (WHERE r.conversation_id IS NOT NULL AND c.settled IS NOT TRUE),
           bool_or(c.erased)
      INTO odd, late, doubt
      FROM (SELECT CASE WHEN tavus.ours(u.source) THEN u.conversation_id END AS conversation_id, u.nonce,
                   min(u.ord)::int AS ord, bool_or(tavus.too_long(u.source, u.event_type, u.conversation_id)) AS long
              FROM unnest(sources, event_types, conversation_ids, nonces) WITH ORDINALITY
                   AS u (source, event_type, conversation_id, nonce, ord)
             GROUP BY 1, 2 OFFSET 0) r
      LEFT JOIN LATERAL (SELECT k.erased, k.nonce = r.nonce AS bound,
                                k.first_id <= ids[r.ord] AND (r.nonce IS NULL OR k.nonce <= r.nonce) AS settled
                           FROM tavus.conversations k WHERE k.id = r.conversation_id OFFSET 0) c ON true;

    -- of what browsers tell now nothing was, nor of conversations of Tavus's that are known
    IF doubt IS NOT TRUE
       AND (('tavus' = ALL (sources)) IS NOT TRUE
            OR num_nonnulls(VARIADIC nonces) > 0
               AND (late IS NOT NULL OR num_nulls(VARIADIC conversation_ids) > 0))
    THEN
        SELECT bool_or(CASE u.source
                       WHEN 'tavus' THEN u.nonce IS NOT NULL
                            AND (SELECT k.first_id FROM tavus.conversations k WHERE k.id = u.conversation_id) IS NULL
                       WHEN 'browser' THEN u.id < tavus.uuid_floor(t.at)
                       ELSE true END)
          INTO doubt
          FROM (SELECT e.at FROM tavus.tombstones e ORDER BY e.at DESC LIMIT 1) t,
               unnest(ids, sources, conversation_ids, nonces) AS u (id, source, conversation_id, nonce);
    END IF;

    IF doubt THEN
        SELECT x.gone, x.bodies,
               ARRAY(SELECT CASE WHEN b.body IS NOT DISTINCT FROM record.bodies[b.o] THEN verifications[b.o] END
                       FROM unnest(x.bodies) WITH ORDINALITY AS b (body, o) ORDER BY b.o)
          INTO gone, bodies, verifications
          FROM tavus.record_erased(ids, sources, event_types, conversation_ids, nonces, bodies) x;

        IF gone <> '{}' THEN
            RETURN tavus.record_rest(gone, ids, received, digests, kinds, sources, event_types,
                                     conversation_ids, nonces, verifications, bodies, reasons);
        END IF;
    END IF;

    IF odd OR fates OR num_nonnulls(VARIADIC reasons) > 0 OR num_nonnulls(VARIADIC digests) > 0
    THEN
        marks := tavus.record_gate(ids, digests, sources, event_types, conversation_ids, nonces,
                                   reasons);
    END IF;

    -- Bodies are taken from their array one by one: through unnest() they would go as copies of
    -- megabytes, beyond work_mem through files.
    WITH added AS (
        INSERT INTO tavus.events (
            id, received_at, kind, source, event_type, conversation_id, verification, body)
        SELECT r.id, coalesce(r.received_at, now()), coalesce(r.kind, 0::smallint),
               coalesce(r.source, ''), coalesce(r.event_type, ''), r.conversation_id,
               r.verification, coalesce(bodies[r.ord::int], '')
          FROM unnest(marks, ids, received, kinds, sources, event_types, conversation_ids, verifications)
               WITH ORDINALITY
               AS r (mark, id, received_at, kind, source, event_type, conversation_id, verification, ord)
         WHERE coalesce(r.mark, '.') = '.'
        ON CONFLICT DO NOTHING
        RETURNING id)
    SELECT array_agg(a.id) INTO fresh FROM added a;

    IF cardinality(fresh) <= 100 THEN
        INSERT INTO tavus.log (ids, sorts) VALUES (fresh, tavus.log_sorts(sources, event_types));
    ELSIF fresh IS NOT NULL THEN
        PERFORM tavus.log_add(fresh);
    END IF;

    IF cardinality(fresh) = n THEN
        IF late IS NOT NULL AND NOT roles THEN
            PERFORM tavus.record_late(late, ids, conversation_ids, nonces);
            late := NULL;
        END IF;

        IF NOT coalesce(late IS NOT NULL OR roles OR fates OR words, false) THEN
            RETURN repeat('s', n);
        END IF;
        marks := array_fill('s'::text, ARRAY[n]);
    ELSE
        -- What stands there already may not be on a synchronous standby yet, as when the primary
        -- was restarted while its commit waited.  A transaction that writes nothing would not wait
        -- for it, so this one writes something.
        PERFORM pg_logical_emit_message(true, 'tavus', '');

        marks := tavus.record_known(coalesce(marks, array_fill('.'::text, ARRAY[n])),
                                    coalesce(fresh, '{}'), ids, digests, sources, event_types,
                                    bodies);

        IF '+' = ANY (marks) THEN
            SELECT b.marks, b.ids INTO marks, ids
              FROM tavus.record_beside(marks, ids, received, digests, kinds, sources, event_types,
                                       conversation_ids, verifications, bodies) b;

            -- its id is another one now, which may be the first of its conversation
            late := coalesce(late, '{}');
        END IF;
    END IF;

    IF late IS NOT NULL OR roles THEN
        PERFORM tavus.record_conversations(marks, ids, sources, event_types, conversation_ids,
                                           nonces, bodies);

        -- no call is over as soon as it is announced, unless the word of it was kept in a journal
        IF event_types && tavus.end_types()
           OR event_types && tavus.announce_types()
              AND tavus.uuid_floor(now() - interval '5 seconds') > ANY (ids)
        THEN
            PERFORM tavus.record_cut_short(conversation_ids);
        END IF;
    END IF;

    IF wishes THEN
        PERFORM tavus.record_intents(marks, ids, sources, event_types, nonces, bodies);
    END IF;

    IF fates THEN
        PERFORM tavus.record_settle(marks, sources, event_types, nonces, bodies);
    END IF;

    IF words THEN
        PERFORM tavus.record_consents(marks, ids, sources, event_types, bodies);
    END IF;

    IF 'q' = ANY (marks) THEN
        PERFORM tavus.record_quarantine(marks, ids, received, sources, event_types,
                                        conversation_ids, nonces, verifications, bodies, reasons);
    END IF;

    RETURN array_to_string(marks, '');
END
$$;
