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
           due_at = now() + tavus.due(i.requested_id IS NOT NULL, i.announced OR g.announced,
                                      i.closed OR g.closed, i.unended OR g.unended, i.outcome,
                                      coalesce(i.patience, g.patience))
      FROM (SELECT u.nonce,
                   bool_or(u.event_type = 'conversation.created') AS announced,
                   bool_or(u.event_type = 'conversation.ended') AS closed,
                   bool_or(u.event_type = 'conversation.end_failed') AS unended,
                   max(CASE WHEN u.event_type = 'conversation.requested' THEN
                           (SELECT CASE WHEN b.doc ->> 'patience' ~ '^[0-9]{1,5}$'
                                        THEN (b.doc ->> 'patience')::int END
                              FROM (SELECT tavus.body_jsonb(u.body) AS doc OFFSET 0) b) END)
                       AS patience
              FROM unnest(marks, sources, event_types, nonces, bodies)
                   AS u (mark, source, event_type, nonce, body)
             WHERE u.mark = 's' AND u.source = 'server' AND u.nonce IS NOT NULL
               AND u.event_type IN ('conversation.requested', 'conversation.create_failed',
                                    'conversation.created', 'conversation.ended',
                                    'conversation.end_failed')
             GROUP BY u.nonce) g
     WHERE i.nonce = g.nonce;
END
$$;

-- Leases what is due to the caller, for longer each time, and the eighth time for good; by then a
-- conversation that Tavus had begun has run into its own time limit.  Answers a JSON list.
CREATE OR REPLACE FUNCTION tavus.claim_unsettled(limit_ int DEFAULT 20) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
DECLARE
    claimed text;
BEGIN
    -- Tavus itself said that it is over
    UPDATE tavus.intents i SET closed = true, due_at = NULL
     WHERE i.due_at <= now()
       AND EXISTS (SELECT FROM tavus.conversations c
                    WHERE c.id = i.conversation_id AND c.ended);

    WITH due AS (
        SELECT nonce FROM tavus.intents WHERE due_at <= now()
         ORDER BY due_at LIMIT limit_ FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE tavus.intents i
           SET tries = i.tries + 1,
               due_at = CASE WHEN i.tries < 7
                             THEN now() + interval '30 seconds' * 2 ^ i.tries END
          FROM due d WHERE i.nonce = d.nonce
        RETURNING i.nonce, i.vertical, i.conversation_id, i.tries
    )
    SELECT json_agg(json_build_object(
               'nonce', encode(l.nonce, 'hex'), 'vertical', l.vertical,
               'conversation_id', l.conversation_id, 'last', l.tries = 8))
      INTO claimed
      FROM leased l;

    RETURN coalesce(claimed, '[]');
END
$$;
