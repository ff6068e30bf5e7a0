-- Conversations that Tavus is asked about, as something of them has not come: an end though their time
-- is over; or, when they have ended, what Tavus sends of each.  They are leased to a worker, which
-- fetches the events and stores what is not there.

-- Whether all has come that can be expected, but that a persona may give no perception analysis.  Where
-- nobody joined, Tavus says so in the reason, and nothing else comes.
CREATE OR REPLACE FUNCTION tavus.whole(
    born_ended boolean, started uuid, shutdown uuid, reason text, transcript uuid, perception uuid)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN born_ended
       OR shutdown IS NOT NULL
          AND CASE num_nonnulls(started, transcript, perception)
                   WHEN 0 THEN coalesce(starts_with(reason, 'participant_absent_timeout'), false)
                   ELSE num_nonnulls(started, transcript, perception) = 3 END;

-- After this much what comes by itself has come: after the end of a conversation, and beyond the time
-- that it may last, which begins when somebody joins.
CREATE OR REPLACE FUNCTION tavus.repair_grace() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '10 minutes'::interval;

-- What a conversation.created says of the longest that its call can last, or what Tavus has if nothing
-- is asked for.
CREATE OR REPLACE FUNCTION tavus.call_limit(news jsonb) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '1 second' * CASE WHEN news ->> 'max_call_duration' ~ '^[0-9]{1,6}$'
                                  THEN (news ->> 'max_call_duration')::int ELSE 3600 END;

-- When a conversation that is told of now is past its time.
CREATE OR REPLACE FUNCTION tavus.repair_past(news jsonb) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN now() + tavus.call_limit(news) + interval '5 minutes' + tavus.repair_grace();

-- When Tavus is asked next, after an event of a conversation was stored: not at all if it is whole; if
-- it is over now and was not, after the grace; else as it was.
CREATE OR REPLACE FUNCTION tavus.repair_due(
    was timestamptz, over_before boolean, over_now boolean, whole boolean)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN whole THEN NULL
            WHEN over_now AND NOT over_before THEN now() + tavus.repair_grace()
            ELSE was END;

-- Leases conversations to a node that asks Tavus about them, and takes what came of those it had: Tavus
-- answered and may have more to tell (answered), or has told all (final), or was not asked (back); and
-- for how many seconds nobody is to ask, as Tavus itself is in trouble.  Answers JSON.
--
-- All nodes together ask so often in an hour, a few at once at most.  Tavus is asked again after 10
-- minutes, and four times as long each time, up to 12 hours; until it has answered four times that a
-- conversation is over, which is in half a day, or twelve times in all.  What is past 30 days is too old
-- to be stored as what it was.
--
-- A perception analysis is missed if one of the persona's other conversations has one, or if none of
-- them was asked about yet.
CREATE OR REPLACE FUNCTION tavus.claim_repairs(
    rate int, limit_ int, answered text[], final text[], back text[], pause int)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    pace  tavus.repair_pace;
    gap   interval := interval '1 hour' / rate;
    free  int;
    due   tavus.conversations[];
    ask   text[];
    never text[];
    later text[];
    items json;
BEGIN
    -- one at a time; what stands in it is never far ahead, if the clock was set back
    SELECT p.* INTO STRICT pace FROM tavus.repair_pace p FOR UPDATE;

    pace.paused_until := least(pace.paused_until, now() + interval '1 hour');
    pace.next_at := least(greatest(pace.next_at, now() - gap * ceil(rate / 360.0)),
                          now() + interval '1 hour');

    IF pause > 0 THEN
        pace.paused_until := greatest(pace.paused_until, now() + pause * interval '1 second');
    END IF;

    -- who is being written to waits for nobody here, and is asked about once more
    UPDATE tavus.conversations c
       SET repair_answers = c.repair_answers + 1,
           repair_at = CASE WHEN c.id <> ALL (final) AND c.repair_answers < 3
                            THEN c.repair_at END
      FROM (SELECT k.id FROM tavus.conversations k
             WHERE k.id = ANY (answered || final) FOR UPDATE SKIP LOCKED) r
     WHERE c.id = r.id;

    UPDATE tavus.conversations c
       SET repair_tries = greatest(c.repair_tries - 1, 0), repair_at = now()
      FROM (SELECT k.id FROM tavus.conversations k
             WHERE k.id = ANY (back) AND k.repair_at IS NOT NULL FOR UPDATE SKIP LOCKED) r
     WHERE c.id = r.id;

    due := ARRAY(
        SELECT c FROM tavus.conversations c
         WHERE c.repair_at <= now() ORDER BY c.repair_at LIMIT 100 FOR UPDATE SKIP LOCKED);

    IF cardinality(due) > 0 THEN
        SELECT array_agg(j.id ORDER BY j.repair_at) FILTER (WHERE j.what = 'ask'),
               array_agg(j.id) FILTER (WHERE j.what = 'never'),
               array_agg(j.id) FILTER (WHERE j.what = 'later')
          INTO ask, never, later
          FROM (SELECT d.id, d.repair_at,
                       CASE WHEN d.repair_tries >= 12
                              OR d.created_id < tavus.uuid_floor(now() - interval '30 days')
                              OR d.id !~ '^[A-Za-z0-9_-]{1,64}$'
                              OR d.shutdown_id IS NOT NULL AND d.started_id IS NOT NULL
                                 AND d.transcript_id IS NOT NULL
                                 AND p.answered AND NOT p.given
                            THEN 'never'
                            -- somebody is looking after it already
                            WHEN EXISTS (SELECT FROM tavus.intents i
                                          WHERE i.nonce = d.nonce AND i.due_at IS NOT NULL)
                            THEN 'later' ELSE 'ask' END AS what
                  FROM unnest(due) d
                  LEFT JOIN LATERAL (
                       SELECT bool_or(k.perception_id IS NOT NULL) AS given,
                              bool_or(k.repair_answers > 0) AS answered
                         FROM (SELECT l.* FROM tavus.conversations l
                                ORDER BY l.created_id DESC, l.id DESC LIMIT 300) k
                        WHERE coalesce(k.persona_id, k.told_persona)
                              = coalesce(d.persona_id, d.told_persona)
                          AND k.transcript_id IS NOT NULL) p
                    ON d.perception_id IS NULL AND d.transcript_id IS NOT NULL) j;
    END IF;

    IF pace.paused_until > now() THEN
        free := 0;
    ELSE
        free := least(limit_, floor(extract(epoch FROM now() - pace.next_at)
                                    / extract(epoch FROM gap)));
    END IF;

    ask := ask[1:greatest(free, 0)];

    UPDATE tavus.conversations c SET repair_at = NULL WHERE c.id = ANY (never);
    UPDATE tavus.conversations c SET repair_at = now() + tavus.repair_grace()
     WHERE c.id = ANY (later);

    WITH leased AS (
        UPDATE tavus.conversations c
           SET repair_tries = c.repair_tries + 1,
               repair_at = now() + least(interval '10 minutes' * 4 ^ c.repair_tries,
                                         interval '12 hours')
         WHERE c.id = ANY (ask)
        RETURNING c.id, c.nonce, c.announced_id, c.repair_tries
    )
    SELECT json_agg(json_strip_nulls(json_build_object(
               'id', l.id, 'nonce', encode(l.nonce, 'hex'), 'tries', l.repair_tries,
               'limit', (SELECT extract(epoch FROM
                                        tavus.call_limit(tavus.body_jsonb(e.body)))::int
                           FROM tavus.events e WHERE e.id = l.announced_id)))
               ORDER BY array_position(ask, l.id))
      INTO items
      FROM leased l;

    UPDATE tavus.repair_pace p
       SET next_at = pace.next_at + gap * coalesce(cardinality(ask), 0),
           paused_until = pace.paused_until;

    RETURN json_build_object('items', coalesce(items, '[]'), 'open', tavus.open_repairs());
END
$$;

-- How many conversations are to be asked about now, or again: of those that come next, as far as
-- anybody counts.
CREATE OR REPLACE FUNCTION tavus.open_repairs() RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
RETURN (SELECT count(*) FILTER (WHERE n.repair_at <= now() OR n.repair_tries > 0)
          FROM (SELECT c.repair_at, c.repair_tries FROM tavus.conversations c
                 WHERE c.repair_at IS NOT NULL ORDER BY c.repair_at LIMIT 10000) n);
