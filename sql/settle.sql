-- Conversations that may run at Tavus while nobody knows or wants them: a create whose answer never
-- came, or whose worker died, and an end that failed.  They are leased to a worker, which looks for
-- them by name and ends them.

-- When an intent is to be looked after, as its facts have it.
CREATE OR REPLACE FUNCTION tavus.due(
    requested boolean, announced boolean, closed boolean, unended boolean, outcome text,
    patience int)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN closed THEN NULL
            WHEN unended THEN '5 seconds'::interval
            WHEN announced OR outcome = 'failed' THEN NULL
            WHEN outcome = 'unknown' THEN '1 second'::interval
            WHEN requested THEN '1 second'::interval * coalesce(patience, 120) END;

-- Notes what the server's own events of a batch say of their intents, which record_gate has locked.
CREATE OR REPLACE FUNCTION tavus.record_settle(
    marks text[], sources text[], event_types text[], nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE tavus.intents i
       SET announced = i.announced OR g.announced,
           closed = i.closed OR g.closed,
           unended = i.unended OR g.unended,
           patience = coalesce(i.patience, g.patience),
           node = coalesce(i.node, g.node),
           due_at = now() + tavus.due(i.requested_id IS NOT NULL, i.announced OR g.announced,
                                      i.closed OR g.closed, i.unended OR g.unended, i.outcome,
                                      coalesce(i.patience, g.patience))
      FROM (SELECT u.nonce,
                   bool_or(u.part = 'announced') AS announced,
                   bool_or(u.part = 'closed') AS closed,
                   bool_or(u.part = 'unended') AS unended,
                   max(CASE WHEN w.doc ->> 'patience' ~ '^[0-9]{1,5}$'
                            THEN (w.doc ->> 'patience')::int END) AS patience,
                   max(tavus.str(w.doc, 'node')) AS node
              FROM (SELECT m.*, tavus.part('intents', m.source, m.event_type) AS part
                      FROM unnest(marks, sources, event_types, nonces, bodies)
                           AS m (mark, source, event_type, nonce, body)) u
              LEFT JOIN LATERAL (SELECT tavus.body_jsonb(u.body) AS doc
                                  WHERE u.part = 'wish' OFFSET 0) w ON true
             WHERE u.mark = 's' AND u.nonce IS NOT NULL AND u.part IS NOT NULL
             GROUP BY u.nonce) g
     WHERE i.nonce = g.nonce;
END
$$;

-- After such a silence a node is gone for good.  It is longer than a call of an hour can last, so that
-- what its journal may still tell is of calls that are over; of those that may be longer it is judged
-- once they are.
CREATE OR REPLACE FUNCTION tavus.gone_after() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '3 hours'::interval;

-- Nodes that were not heard of lately, as each was heard of last: their journals may hold events.
CREATE OR REPLACE FUNCTION tavus.silent_nodes() RETURNS SETOF tavus.nodes
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT l.* FROM (SELECT DISTINCT ON (n.id) n.* FROM tavus.nodes n
                      ORDER BY n.id, n.beat_at DESC) l
     WHERE l.beat_at < now() - interval '3 minutes'
$$;

-- A node tells that it lives, what its journal holds, and what else only it knows of itself, as the
-- functions of alerts.sql read it.  Answers JSON: whether another place has the same id, and which other
-- nodes are silent.
CREATE OR REPLACE FUNCTION tavus.heartbeat(node text, files int, bytes bigint, state jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
#variable_conflict use_variable
DECLARE
    clash boolean;
BEGIN
    -- another was heard of since this one was, and this one was not away
    clash := EXISTS (
        SELECT FROM tavus.nodes m JOIN tavus.nodes o ON o.id = m.id AND o.beat_at > m.beat_at
         WHERE m.name = node AND m.beat_at > now() - interval '1 minute');

    INSERT INTO tavus.nodes AS n (name, beat_at, files, bytes, state)
    VALUES (node, now(), files, bytes, state)
    ON CONFLICT (name) DO UPDATE SET
        beat_at = now(), files = EXCLUDED.files, bytes = EXCLUDED.bytes, state = EXCLUDED.state,
        clash_at = CASE WHEN clash THEN now() ELSE n.clash_at END;

    -- those that had nothing left to tell, or are elsewhere now
    DELETE FROM tavus.nodes n
     WHERE n.beat_at < now() - interval '7 days'
       AND (n.files = 0
            OR EXISTS (SELECT FROM tavus.nodes o WHERE o.id = n.id AND o.beat_at > n.beat_at));

    RETURN json_build_object(
        'clash', clash,
        'silent', ARRAY(SELECT s.id FROM tavus.silent_nodes() s ORDER BY s.id));
END
$$;

-- What nodes call that have not been upgraded yet.
CREATE OR REPLACE FUNCTION tavus.heartbeat(node text, files int, bytes bigint) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
    SELECT tavus.heartbeat(node, files, bytes, NULL)
$$;

-- For ops: the journal of this node is lost, or was replayed elsewhere.  What it did not tell is
-- looked after at once, and it is no longer named.  Answers how many intents that were.
CREATE OR REPLACE FUNCTION tavus.forget_node(node text) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    n int;
BEGIN
    IF EXISTS (SELECT FROM tavus.nodes m
                WHERE m.id = node AND m.beat_at > now() - interval '1 minute')
    THEN
        RAISE EXCEPTION 'node % lives', node;
    END IF;

    DELETE FROM tavus.nodes m WHERE m.id = node;

    UPDATE tavus.intents i SET node = ''
     WHERE i.due_at IS NOT NULL AND split_part(i.node, '.', 1) = node;

    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;

-- Leases what is due to the caller, for longer each time: eight times in an hour, after which what is
-- not among the conversations that run never began, or is over, and then for a day, which is the
-- longest that one may last.  Answers a JSON list.
--
-- A create that nothing more is known of is judged by its own node alone, as that one's journal may
-- tell: if it was due clean milliseconds ago, when the folder was last seen empty (NULL: never).
-- Nobody else judges it before that node is gone for good.  A node without a journal has nothing
-- that the database does not have.
CREATE OR REPLACE FUNCTION tavus.claim_unsettled(node text, clean bigint, limit_ int DEFAULT 20)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
#variable_conflict use_variable
DECLARE
    claimed text;
BEGIN
    -- Tavus itself said that it is over
    UPDATE tavus.intents i SET closed = true, due_at = NULL
     WHERE i.due_at <= now()
       AND EXISTS (SELECT FROM tavus.conversations c
                    WHERE c.id = i.conversation_id AND c.ended);

    WITH due AS (
        SELECT i.nonce FROM tavus.intents i
         WHERE i.due_at <= now()
           AND (i.unended OR i.outcome = 'unknown' OR i.node = ''
                OR i.node = node AND i.due_at <= now() - clean * interval '1 millisecond'
                OR i.seen_at < now() - tavus.gone_after()
                   AND i.seen_at < now() - interval '2 hours'
                                   - coalesce(tavus.call_length(i.requested_id), '1 hour')
                   AND NOT EXISTS (SELECT FROM tavus.nodes n
                                    WHERE n.name = i.node
                                      AND n.beat_at > now() - tavus.gone_after()))
         ORDER BY i.due_at LIMIT limit_ FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE tavus.intents i
           SET tries = i.tries + 1,
               due_at = CASE WHEN i.tries < 7
                             THEN now() + interval '30 seconds' * 2 ^ i.tries
                             WHEN i.tries < 31 THEN now() + interval '1 hour' END
          FROM due d WHERE i.nonce = d.nonce
        RETURNING i.nonce, i.vertical, i.conversation_id, i.tries
    )
    SELECT json_agg(json_build_object(
               'nonce', encode(l.nonce, 'hex'), 'vertical', l.vertical,
               'conversation_id', l.conversation_id, 'last', l.tries >= 8))
      INTO claimed
      FROM leased l;

    RETURN coalesce(claimed, '[]');
END
$$;
