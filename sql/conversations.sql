-- Conversations as people mean them: what became of each, what it was about, and what came of it.

-- A reason as Tavus writes it, and older ones did: in small letters, with underscores; and the one that we
-- have for an end, where Tavus's only says that somebody asked for it, as we do.
CREATE OR REPLACE FUNCTION tavus.reason_word(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(lower(btrim(reason)), '[ -]+', '_', 'g');

CREATE OR REPLACE FUNCTION tavus.reason_ours(theirs text, closed_reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN theirs IS NULL OR theirs IN ('end_conversation_endpoint_hit', 'daily_room_has_been_deleted')
                 OR starts_with(theirs, 'bot_could_not_join_meeting')
            THEN closed_reason END;

-- How a conversation ended, in a word of ours: by Tavus's reason or else ours, as the two above have them, and
-- where neither says it by what is known.  born_ended: it was made to be over; signs: how many signs there
-- are of the agent; spoke: the visitor has said something.
CREATE OR REPLACE FUNCTION tavus.outcome(
    ended boolean, born_ended boolean, theirs text, ours text, signs int, spoke boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT ended THEN 'active'
            WHEN born_ended THEN 'test'
            WHEN ours = 'visitor' THEN 'ended_by_visitor'
            WHEN ours = 'admin' THEN 'ended_by_owner'
            WHEN ours = 'overdue' THEN 'timed_out'
            WHEN ours = 'abandoned' THEN 'nobody_came'
            WHEN ours IN ('late', 'unrecorded', 'unusable') THEN 'failed'
            WHEN starts_with(theirs, 'participant_absent') THEN 'nobody_came'
            WHEN starts_with(theirs, 'participant_left') THEN 'ended_by_visitor'
            WHEN starts_with(theirs, 'max_call_duration') THEN 'timed_out'
            WHEN starts_with(theirs, 'exception_') OR starts_with(theirs, 'internal_error') THEN 'failed'
            WHEN spoke THEN 'talked'
            WHEN signs > 0 THEN 'ended'
            -- that was looked for, and never given to a visitor
            WHEN ours = 'unsettled' THEN 'failed'
            ELSE 'never_joined' END;

-- The visitor's first words, which tavus.words_roll() notes; before it has, out of the event with the transcript,
-- of up to 64 KiB.
CREATE OR REPLACE FUNCTION tavus.call_question(call text, transcript uuid) RETURNS text
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
    question text;
BEGIN
    SELECT t.first_question INTO question FROM tavus.talks t
     WHERE t.conversation_id = call AND t.transcript_id = transcript;

    IF FOUND THEN
        RETURN question;
    END IF;

    RETURN (SELECT tavus.first_question(e.body) FROM tavus.events e
             WHERE e.id = transcript AND octet_length(e.body) <= 65536);
END
$$;

-- Conversations, each as the text of a JSON object, in order: the seed's names, and what we know beyond it.
-- Where conversation.created has not come (yet), the intent that its nonce binds speaks for it; persona and
-- replica that neither tells are as Tavus has told them.  Then what is not in its row: the question with which
-- it began, how it ended and how long it was, and what came of it: leads and orders that name it, ten of each
-- at most, and what waits to be delivered, or is dead, of these events, or else of those that mark it.  One
-- statement for all, of look-ups alone: a page of the list has 20 ms.
CREATE OR REPLACE FUNCTION tavus.conversations_full(cs tavus.conversations[], events uuid[] DEFAULT NULL)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    sends   boolean := EXISTS (SELECT FROM tavus.deliveries);
    erasing boolean := EXISTS (SELECT FROM tavus.erasures e WHERE e.done_at IS NULL);
BEGIN
    RETURN ARRAY(
        SELECT concat(
               left(json_build_object(
                   'id', c.id,
                   'url', c.url,
                   'personaId', coalesce(CASE WHEN k.known THEN c.persona_id ELSE i.persona_id END, c.told_persona),
                   'replicaId', coalesce(CASE WHEN k.known THEN c.replica_id ELSE i.replica_id END, c.told_replica),
                   'vertical', CASE WHEN k.known THEN c.vertical ELSE i.vertical END,
                   'memoryStores', coalesce(CASE WHEN k.known THEN c.memory_stores ELSE i.memory_stores END, '{}'),
                   'documentTags', coalesce(CASE WHEN k.known THEN c.document_tags ELSE i.document_tags END, '{}'),
                   'status', CASE WHEN c.ended THEN 'ended' ELSE 'active' END,
                   'createdAt', tavus.iso(tavus.uuid_time(c.created_id)))::text, -1),
               ',', substr(json_strip_nulls(json_build_object(
                   'endedAt', tavus.iso(tavus.uuid_time(
                       coalesce(k.end_id, CASE WHEN c.announced_ended THEN c.announced_id END))),
                   'started_at', tavus.iso(tavus.uuid_time(c.started_id)),
                   'shutdown_reason', coalesce(c.shutdown_reason, c.closed_reason),
                   'session_id', CASE WHEN k.known THEN c.session_id ELSE i.session_id END,
                   'utm_source', CASE WHEN k.known THEN c.utm_source ELSE i.utm_source END,
                   'utm_medium', CASE WHEN k.known THEN c.utm_medium ELSE i.utm_medium END,
                   'utm_campaign', CASE WHEN k.known THEN c.utm_campaign ELSE i.utm_campaign END,
                   'consent', CASE WHEN k.known THEN c.consent ELSE i.consent END,
                   'user_id', CASE WHEN k.known THEN c.user_id ELSE i.user_id END,
                   'transcript_event_id', c.transcript_id,
                   'recording_event_id', c.recording_id,
                   'perception_event_id', c.perception_id,
                   'outcome', o.outcome,
                   'length', CASE WHEN NOT c.ended THEN NULL
                                  WHEN o.outcome IN ('test', 'never_joined', 'nobody_came') OR c.started_id IS NULL
                                  THEN 0
                                  ELSE coalesce(tavus.call_seconds(c.started_id, k.end_id, NULL), 0) END,
                   'minutes', CASE WHEN c.ended
                                   THEN round(coalesce(tavus.call_seconds(c.created_id, k.end_id, NULL), 0)
                                              / 60.0, 2) END,
                   'first_question', q.question,
                   'repaired', nullif(p.repaired, false),
                   'leads', CASE WHEN l.ids <> '{}' THEN l.ids END,
                   'orders', s.orders,
                   'deliveries', d.deliveries,
                   'erasure_pending', e.pending))::text, 2))
          FROM unnest(cs) WITH ORDINALITY AS c
          CROSS JOIN LATERAL (
               SELECT c.announced_id IS NOT NULL AS known, least(c.shutdown_id, c.closed_id) AS end_id,
                      tavus.reason_word(c.shutdown_reason) AS theirs
               OFFSET 0) k
          LEFT JOIN LATERAL (
               SELECT t.persona_id, t.replica_id, t.vertical, t.memory_stores, t.document_tags, t.session_id,
                      t.utm_source, t.utm_medium, t.utm_campaign, t.consent, t.user_id
                 FROM tavus.intents t WHERE NOT k.known AND t.nonce = c.nonce OFFSET 0) i ON true
          CROSS JOIN LATERAL (SELECT tavus.call_question(c.id, c.transcript_id) AS question OFFSET 0) q
          CROSS JOIN LATERAL (
               SELECT tavus.outcome(c.ended, c.announced_ended AND k.end_id IS NULL, k.theirs,
                                    tavus.reason_ours(k.theirs, c.closed_reason),
                                    num_nonnulls(c.started_id, c.transcript_id, c.perception_id),
                                    q.question IS NOT NULL) AS outcome
               OFFSET 0) o
          -- of what Tavus is asked for, which marks it
          CROSS JOIN LATERAL (
               SELECT CASE WHEN c.repair_answers > 0
                           THEN EXISTS (SELECT FROM tavus.events v
                                         WHERE v.id = ANY (ARRAY[c.started_id, c.shutdown_id, c.transcript_id,
                                                                 c.recording_id, c.perception_id])
                                           AND tavus.repaired(v.verification) <> '') END AS repaired
               OFFSET 0) p
          CROSS JOIN LATERAL (
               SELECT ARRAY(SELECT t.id FROM tavus.leads t WHERE t.conversation_id = c.id
                             ORDER BY t.id DESC LIMIT 10) AS ids
               OFFSET 0) l
          CROSS JOIN LATERAL (
               SELECT json_agg(json_build_object('id', t.id, 'state', t.state) ORDER BY t.id DESC) AS orders
                 FROM (SELECT r.id, r.state FROM tavus.orders r WHERE r.conversation_id = c.id
                        ORDER BY r.id DESC LIMIT 10) t
               OFFSET 0) s
          LEFT JOIN LATERAL (
               SELECT json_agg(json_build_object('destination', t.name, 'waiting', t.waiting, 'dead', t.dead)
                               ORDER BY t.name) AS deliveries
                 FROM (SELECT n.name, w.waiting, w.dead
                         FROM tavus.destinations n
                         CROSS JOIN LATERAL (
                              SELECT count(*) FILTER (WHERE NOT v.dead) AS waiting,
                                     count(*) FILTER (WHERE v.dead) AS dead
                                FROM tavus.deliveries v
                               WHERE v.destination = n.name
                                 AND v.event_id = ANY (l.ids || coalesce(events, ARRAY[
                                         c.announced_id, c.started_id, c.shutdown_id, c.closed_id, c.transcript_id,
                                         c.recording_id, c.perception_id]))) w
                        WHERE w.waiting + w.dead > 0) t
               OFFSET 0) d ON sends
          LEFT JOIN LATERAL (
               SELECT true AS pending
                 FROM tavus.erasures t
                WHERE t.done_at IS NULL
                  AND t.keys && (ARRAY['c ' || c.id, 's ' || c.session_id, 'u ' || c.user_id]
                                 || ARRAY(SELECT 'm ' || m.store FROM unnest(c.memory_stores) AS m (store)))
                LIMIT 1) e ON erasing
         ORDER BY c.ordinality);
END
$$;

-- One of them.
CREATE OR REPLACE FUNCTION tavus.conversation_full(c tavus.conversations, events uuid[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT (tavus.conversations_full(ARRAY[c], events))[1]::jsonb
$$;

-- The same as its row has it, for who gets all that is held.
CREATE OR REPLACE FUNCTION tavus.conversation_json(c tavus.conversations) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT tavus.conversation_full(c)
           - '{outcome,length,minutes,first_question,repaired,leads,orders,deliveries,erasure_pending}'::text[]
$$;

-- A page of a conversation's timeline, as members of a JSON object, behind a comma: its events in the order
-- of their time or, for order_ 'desc', the other way round, as many as limit_ says, or so many as show half
-- a mebibyte, one at least.  It begins behind after_ and goes on from there; with before_ alone it is what lies
-- next before that; with neither it begins where the order does.  events_before and events_after are what to
-- go on with in each direction, NULL where there is no more now.
--
-- What browsers relay can fill a page.  So the first one also has, apart, what others tell of beyond it, 200
-- at most, and what marks the conversation: of that nothing is ever out of sight.
CREATE OR REPLACE FUNCTION tavus.timeline(
    c tavus.conversations, order_ text, before_ uuid, after_ uuid, limit_ int)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    wanted int := least(greatest(coalesce(limit_, 200), 1), 200);
    lo     uuid := coalesce(after_, '00000000-0000-0000-0000-000000000000');
    hi     uuid := coalesce(before_, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    down   boolean := coalesce(order_ = 'desc', false);
    back   boolean := CASE WHEN num_nonnulls(before_, after_) = 1 THEN before_ IS NOT NULL ELSE down END;
    ids    uuid[];
    shown  uuid[];
    rows_  text[];
    edge   uuid;
    more   boolean;
    other  boolean;
    beyond text;
BEGIN
    IF back THEN
        ids := ARRAY(SELECT e.id FROM tavus.events e
                      WHERE e.conversation_id = c.id AND e.id > lo AND e.id < hi
                      ORDER BY e.id DESC LIMIT wanted + 1);
    ELSE
        ids := ARRAY(SELECT e.id FROM tavus.events e
                      WHERE e.conversation_id = c.id AND e.id > lo AND e.id < hi
                      ORDER BY e.id LIMIT wanted + 1);
    END IF;

    SELECT array_agg(t.id ORDER BY t.n), array_agg(t.row_ ORDER BY CASE WHEN back = down THEN t.n ELSE -t.n END)
      INTO shown, rows_
      FROM (SELECT w.id, w.n,
                   tavus.event_json(w.id, w.received_at, w.kind, w.source, w.event_type, w.conversation_id,
                                    w.body, 65536) || tavus.repaired(w.verification) || '}' AS row_
              FROM (SELECT e.*, i.n, least(octet_length(e.body), 65536) AS bytes,
                           sum(least(octet_length(e.body), 65536)) OVER (ORDER BY i.n) AS upto
                      FROM unnest(ids[:wanted]) WITH ORDINALITY AS i (id, n)
                      JOIN tavus.events e ON e.id = i.id) w
             WHERE w.upto - w.bytes < 524288) t;

    more := cardinality(ids) > coalesce(cardinality(shown), 0);
    edge := shown[cardinality(shown)];

    IF back THEN
        other := EXISTS (SELECT FROM tavus.events e
                          WHERE e.conversation_id = c.id AND e.id > coalesce(shown[1], before_) LIMIT 1);
    ELSE
        other := EXISTS (SELECT FROM tavus.events e
                          WHERE e.conversation_id = c.id AND e.id < coalesce(shown[1], after_) LIMIT 1);
    END IF;

    IF more AND num_nonnulls(before_, after_) = 0 THEN
        SELECT string_agg(tavus.event_json(w.id, w.received_at, w.kind, w.source, w.event_type,
                                           w.conversation_id, w.body,
                                           CASE WHEN w.upto <= 262144 THEN 65536 ELSE 2048 END)
                          || tavus.repaired(w.verification) || '}', ','
                          ORDER BY CASE WHEN back THEN -w.n ELSE w.n END)
          INTO beyond
          FROM (SELECT l.*, row_number() OVER (ORDER BY l.id) AS n,
                       sum(least(octet_length(l.body), 65536)) OVER (ORDER BY l.id) AS upto
                  FROM (-- by the index of timelines, not the one of sources: hence the texts
                        (SELECT e.* FROM tavus.events e
                          WHERE NOT back AND e.conversation_id = c.id AND e.id > edge
                            AND e.source || '' <> 'browser'
                          ORDER BY e.id LIMIT 200)
                        UNION
                        (SELECT e.* FROM tavus.events e
                          WHERE back AND e.conversation_id = c.id AND e.id < edge
                            AND e.source || '' <> 'browser'
                          ORDER BY e.id DESC LIMIT 200)
                        UNION
                        SELECT e.* FROM tavus.events e
                         WHERE e.id = ANY (ARRAY[c.announced_id, c.started_id, c.shutdown_id, c.closed_id,
                                                 c.transcript_id, c.recording_id, c.perception_id])
                           AND e.conversation_id = c.id AND e.id <> ALL (shown)) l) w;
    END IF;

    RETURN concat(',"events":[', array_to_string(rows_, ','),
                  '],"events_before":', coalesce('"' || CASE
                      WHEN CASE WHEN back THEN more ELSE other END
                      THEN CASE WHEN back THEN edge ELSE coalesce(shown[1], after_) END END || '"', 'null'),
                  ',"events_after":', coalesce('"' || CASE
                      WHEN CASE WHEN back THEN other ELSE more END
                      THEN CASE WHEN back THEN coalesce(shown[1], before_) ELSE edge END END || '"', 'null'),
                  ',"events_beyond":[' || beyond || ']');
END
$$;

-- A conversation with a page of its timeline and the transcript, up to 256 KiB of it, from its row from_
-- on: what people said, and apart from it all other rows; that only with the first page, or if it is
-- asked for.  NULL if there is no such conversation.
CREATE OR REPLACE FUNCTION tavus.admin_conversation(
    id text, order_ text, before_ uuid, after_ uuid, from_ int, limit_ int)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    c     tavus.conversations;
    said  text;
    other text;
    next_ int;
BEGIN
    SELECT k.* INTO c FROM tavus.conversations k WHERE k.id = $1 AND NOT k.erased;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF from_ IS NOT NULL OR num_nonnulls(before_, after_) = 0 THEN
        SELECT t.said, t.other, t.next_ INTO said, other, next_
          FROM tavus.events e,
               tavus.transcript(e.body, tavus.uuid_time(c.started_id), coalesce(from_, 0), 262144) t
         WHERE e.id = c.transcript_id;

        other := concat(',"transcript":', coalesce(said, 'null'), ',"transcript_other":' || other,
                        ',"transcript_next":' || next_);
    END IF;

    -- all of it that can be delivered, as far as anybody counts
    RETURN concat(left((tavus.conversations_full(ARRAY[c], ARRAY(
                           SELECT e.id FROM tavus.events e WHERE e.conversation_id = c.id
                            ORDER BY e.id LIMIT 5000)))[1], -1),
                  tavus.timeline(c, order_, before_, after_, limit_), other, '}');
END
$$;

-- What modules ask for that have not been upgraded yet.
CREATE OR REPLACE FUNCTION tavus.admin_conversation(id text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    SELECT tavus.admin_conversation(id, NULL, NULL, NULL, NULL, NULL)
$$;

-- Whether a conversation has ended, and the nonce of its create, for who is to end it, as JSON; NULL if there
-- is none.  The trail is as tavus.trail_changed() has it, without its type: of one that goes on it says that
-- its end is asked for, of any other that this is all.
CREATE OR REPLACE FUNCTION tavus.end_asked(id text, trail jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    answer jsonb;
BEGIN
    SELECT jsonb_strip_nulls(jsonb_build_object('ended', k.ended, 'nonce', encode(k.nonce, 'hex'))) INTO answer
      FROM tavus.conversations k WHERE k.id = $1 AND NOT k.erased;

    RETURN tavus.trail_changed(answer::text, trail || CASE
        WHEN answer -> 'ended' = 'false' THEN '{"type":"admin.conversation_end_asked","outcome":"asked"}'
        ELSE '{"type":"admin.conversation_ended"}' END::jsonb);
END
$$;
