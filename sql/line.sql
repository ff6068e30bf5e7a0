-- The waiting line.  A ticket is a row of tavus.line; its place is by pos, which grows in the order of
-- arrival, as whoever writes here holds the budget's lock (budget.sql).  It waits until a wish that comes
-- with it is granted, and remembers that one's nonce; it is gone when it was not asked about for 90
-- seconds.  What is not live is remembered for a day.

-- A ticket whose create has failed for these reasons waits on, where it was: Tavus had no place, or
-- was never asked (a timeout that has failed is one before the request was out; else its outcome is unknown).
CREATE OR REPLACE FUNCTION tavus.line_again(reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(reason IN ('at_capacity', 'rate_limited', 'unrecorded', 'abandoned', 'not_sent', 'unreachable',
                           'timeout'), false);

-- What became of a ticket that was granted: 'again', 'asked' (its create is under way), 'taken' with its
-- conversation, or 'gone'.  Taken it is for a minute, or until the visitor's own browser tells of the
-- conversation, as then it has it.  That Tavus's side has joined says nothing of the visitor.  A node's
-- clock may say when the conversation was recorded, but not before the grant, nor long after it.
CREATE OR REPLACE FUNCTION tavus.line_fate(
    nonce bytea, granted_at timestamptz, OUT fate text, OUT conversation text, OUT announced uuid)
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    i record;
    c record;
    recorded timestamptz;
BEGIN
    SELECT t.* INTO i FROM tavus.intents t WHERE t.nonce = nonce;

    IF i.outcome = 'failed' AND NOT i.announced AND i.conversation_id IS NULL THEN
        fate := CASE WHEN tavus.line_again(i.reason) THEN 'again' ELSE 'gone' END;
        RETURN;
    END IF;

    IF i.nonce IS NULL OR i.closed OR i.unended OR i.outcome IS NOT NULL
       OR granted_at < now() - interval '3 minutes'
    THEN
        fate := 'gone';
        RETURN;
    END IF;

    conversation := i.conversation_id;
    SELECT k.ended, k.announced_id INTO c FROM tavus.conversations k WHERE k.id = conversation;
    announced := c.announced_id;

    IF c.ended THEN
        fate := 'gone';
        RETURN;
    ELSIF announced IS NULL THEN
        fate := 'asked';
        RETURN;
    END IF;

    recorded := greatest((SELECT e.received_at FROM tavus.events e WHERE e.id = announced), granted_at);

    fate := CASE WHEN now() > least(recorded + interval '1 minute', granted_at + interval '2 minutes')
                   OR EXISTS (SELECT FROM tavus.events e
                               WHERE e.conversation_id = conversation AND e.source = 'browser'
                                 AND e.id > tavus.uuid_floor(granted_at - interval '1 day'))
                 THEN 'gone' ELSE 'taken' END;
END
$$;

-- Tickets that were not asked about for 90 seconds are gone; that is written down every ten seconds, so
-- it is never sooner.  They stay while nobody could look, and for as long after it; but not for ever, and
-- not those that were overdue when somebody looked last.
CREATE OR REPLACE FUNCTION tavus.line_lapse(b tavus.budget, at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE tavus.line l SET gone = true
     WHERE l.nonce IS NULL AND NOT l.gone
       AND l.asked_at < at - CASE WHEN b.looked_at > at - interval '10 seconds'
                                   AND coalesce(b.spare_until <= at, true)
                                  THEN interval '100 seconds'
                                  WHEN coalesce(b.spare_until <= b.looked_at, true)
                                  THEN least(at - b.looked_at + interval '100 seconds', interval '15 minutes')
                                  ELSE interval '15 minutes' END;
END
$$;

-- The seconds until one more place is likely to be free: what the last hundred calls lasted on average,
-- as a place of a call is taken from its creation on, over how many there are at once.  NULL where
-- there were fewer than ten, and where nobody has counted them lately.
CREATE OR REPLACE FUNCTION tavus.line_step(b tavus.budget, places int) RETURNS numeric
LANGUAGE sql STABLE
RETURN round(b.length / nullif(places, 0)::numeric, 1);

-- Counts them, once in half a minute.
CREATE OR REPLACE FUNCTION tavus.line_length(INOUT b tavus.budget, at timestamptz)
LANGUAGE plpgsql
AS $$
BEGIN
    IF b.length_at BETWEEN at - interval '30 seconds' AND at THEN
        RETURN;
    END IF;

    b.length_at := at;
    b.length := (
        SELECT CASE WHEN count(*) >= 10 THEN greatest(avg(l.seconds), 1)::int END
          FROM (SELECT t.seconds
                  FROM (SELECT c.created_id, c.shutdown_id, c.closed_id FROM tavus.conversations c
                         ORDER BY c.created_id DESC, c.id DESC LIMIT 300) c
                 CROSS JOIN LATERAL (
                       SELECT extract(epoch FROM
                                  least(tavus.uuid_time(c.shutdown_id), tavus.uuid_time(c.closed_id))
                                  - tavus.uuid_time(c.created_id)) AS seconds) t
                 WHERE t.seconds BETWEEN 0 AND 86400
                 ORDER BY c.created_id DESC LIMIT 100) l);

    UPDATE tavus.budget SET length = b.length, length_at = b.length_at;
END
$$;

-- What a node asks once a second, while somebody waits with it: which tickets are waiting, in their order,
-- how many places could be given to the first of them now, and after how many seconds there is likely
-- to be another.  Those that it was asked about keep their place; those that were granted are marked, too,
-- so that other nodes learn who has come for a conversation.  How long their calls may be is not
-- known here: of minutes, one more counts as the shortest that goes on.  Nobody is told that they
-- are spent because of what is reserved, which comes back.
CREATE OR REPLACE FUNCTION tavus.line_look(budget jsonb, asked uuid[]) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    b      tavus.budget;
    at     timestamptz;
    queue  uuid[];
    active int := (budget ->> 'active')::int;
    limit_ bigint := (budget ->> 'minutes')::bigint * 60;
    held   record;
    room   int;
    free   int;
    spent  text;
BEGIN
    PERFORM pg_advisory_xact_lock(2026, 5);
    PERFORM set_config('synchronous_commit', 'off', true);
    at := clock_timestamp();

    SELECT t.* INTO b FROM tavus.budget t;

    UPDATE tavus.line l SET nonce = NULL, granted_at = NULL, asked_at = at
     WHERE l.ticket = ANY (asked) AND l.nonce IS NOT NULL AND NOT l.gone
       AND (SELECT f.fate FROM tavus.line_fate(l.nonce, l.granted_at) f) = 'again';

    UPDATE tavus.line l SET asked_at = at
     WHERE l.ticket = ANY (asked) AND NOT l.gone
       AND (l.asked_at < at - interval '10 seconds' OR l.asked_at > at);

    PERFORM tavus.line_lapse(b, at);

    IF coalesce(b.looked_at < at - interval '10 seconds', true) THEN
        b.spare_until := at + interval '90 seconds';
    END IF;

    IF coalesce(b.looked_at < at - interval '4 seconds' OR b.looked_at > at, true) THEN
        b.looked_at := at;
        UPDATE tavus.budget SET looked_at = b.looked_at, spare_until = b.spare_until;
    END IF;

    queue := ARRAY(SELECT l.ticket FROM tavus.line l
                    WHERE l.nonce IS NULL AND NOT l.gone ORDER BY l.pos);

    IF cardinality(queue) > 0 THEN
        PERFORM tavus.places_settle(at);
        SELECT t.* INTO b FROM tavus.line_length(b, at) t;
    END IF;

    SELECT t.* INTO b FROM tavus.budget t;
    room := CASE WHEN tavus.budget_full(b, at) THEN 0 ELSE tavus.budget_places(b, active, at) END;
    SELECT h.*, d.calls, coalesce(d.seconds, 0) AS seconds, coalesce(h.shortest, 1) AS step
      INTO held
      FROM (SELECT (at AT TIME ZONE 'UTC')::date AS today OFFSET 0) t
     CROSS JOIN LATERAL tavus.places_held(t.today) h
      LEFT JOIN tavus.budget_days d ON d.day = t.today;

    free := greatest(least(coalesce(room - held.taken, cardinality(queue)),
                           (limit_ - held.seconds) / held.step), 0);
    spent := CASE WHEN held.calls >= (budget ->> 'day')::bigint THEN 'day'
                  WHEN held.seconds - held.open + held.step > limit_ THEN 'minutes' END;

    RETURN jsonb_strip_nulls(jsonb_build_object(
        'free', free, 'wait', tavus.line_step(b, coalesce(nullif(room, 0), active, held.taken)), 'tickets', to_jsonb(queue),
        'spent', spent, 'retry_after', CASE WHEN spent IS NOT NULL THEN tavus.budget_rest(at) END));
END
$$;

-- What has become of a ticket: it waits, and where; its create is under way (asked); it has its
-- conversation (taken), with what Tavus said of it; or it is none (unknown).  One that is taken is told to
-- the visitor for 50 seconds (repeats), of which the last ones are for the mark of it to arrive here: asked is
-- whether some node has told them.  A visitor who has left before it was made is marked for a few seconds
-- after it, and one who was told, for half a minute.
CREATE OR REPLACE FUNCTION tavus.line_ticket(ticket uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    b tavus.budget;
    l tavus.line;
    f record;
    p int;
BEGIN
    SELECT t.* INTO l FROM tavus.line t WHERE t.ticket = ticket;

    IF l.ticket IS NULL OR l.gone THEN
        RETURN '{"state": "unknown"}';
    END IF;

    IF l.nonce IS NOT NULL THEN
        SELECT t.* INTO f FROM tavus.line_fate(l.nonce, l.granted_at) t;

        IF f.fate = 'taken' THEN
            RETURN (
                SELECT jsonb_build_object(
                           'state', 'taken', 'conversation_id', f.conversation,
                           'conversation_url', d.doc -> 'conversation_url', 'status', d.doc -> 'status',
                           'vertical', d.doc -> 'vertical', 'nonce', encode(l.nonce, 'hex'),
                           'repeats', now() <= d.recorded + interval '50 seconds',
                           'asked', l.asked_at > d.recorded + interval '8 seconds',
                           'event', d.doc)
                  FROM (SELECT tavus.body_jsonb(e.body) AS doc,
                               least(greatest(e.received_at, l.granted_at),
                                     l.granted_at + interval '1 minute') AS recorded
                          FROM tavus.events e
                         WHERE e.id = f.announced OFFSET 0) d);
        ELSIF f.fate = 'asked' THEN
            RETURN '{"state": "asked"}';
        ELSIF f.fate = 'gone' THEN
            RETURN '{"state": "unknown"}';
        END IF;
    END IF;

    p := 1 + (SELECT count(*) FROM tavus.line t
               WHERE t.nonce IS NULL AND NOT t.gone AND t.pos < l.pos);
    SELECT t.* INTO b FROM tavus.budget t;

    RETURN jsonb_strip_nulls(jsonb_build_object(
        'state', 'waits', 'position', p,
        'wait', ceil(p * tavus.line_step(b, coalesce(
                    nullif(tavus.budget_places(b, (b.said ->> 'active')::int, now()), 0),
                    (SELECT count(*)::int FROM tavus.places))))));
END
$$;
