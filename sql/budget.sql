-- The budget: how many conversations at once, a day, how many minutes a day, and how many of one visitor.
-- What it may be comes with each call, in the words of tavus_budget, as nodes and generations of workers
-- may have different ones: each call is judged by what it passes, over what all have taken.
--
-- Whoever writes to places, budget_days, budget_visitors, line or budget holds one advisory lock,
-- (2026, 5), to the end of its transaction, and takes it before all others; so nothing here can
-- deadlock, and what is counted is true.  Webhooks never take it.  The clock is the database's.
--
-- A place is held from the commit of its intent on.  That it is free again is written nowhere: whoever
-- has the lock next, and needs to know, looks for what has failed or ended meanwhile.  So an end costs
-- nothing, and neither crash nor replay nor order of arrival leaves a place behind.  What nobody tells
-- of is free when its time (until) is over.
--
-- A conversation costs its day, the UTC day of its grant, one call and the seconds that are reserved for it;
-- when it has ended, those from its creation to its end, which are what Tavus counts, but never
-- more than were reserved.  A create that has failed costs nothing; one that is closed without a
-- conversation to be seen, what was reserved; so does one that was erased while it went on, whose end is
-- not told here any more: it holds its place until its time is over.  So minutes that are reserved may
-- come back: nobody is told that they are spent before what was really used leaves too few.  What is
-- announced after it was said to have failed, which no node does, has given back its place and its
-- call: it is found by the alert alone.

-- Whether Tavus said that there were too many requests, less than 15 seconds ago, and nothing has ended since.
CREATE OR REPLACE FUNCTION tavus.budget_full(b tavus.budget, at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(b.full_at > at - interval '15 seconds' AND b.full_at <= at, false);

-- How many places there are: those of the budget, and no more than Tavus has shown to have when it last
-- refused one for want of a place.  So who waits is let in by the one place that is free, in order, and not
-- refused for having been second.  That Tavus has more again is tried with one place more, 15 seconds
-- later, and with another as soon as that one has its conversation; all is forgotten after ten minutes in which
-- nobody tried.  NULL: as many as there may be.
CREATE OR REPLACE FUNCTION tavus.budget_places(b tavus.budget, active int, at timestamptz) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(active, CASE WHEN b.most_at > at - interval '10 minutes' AND b.most_at <= at
                          THEN b.most + (b.most_at <= at - interval '15 seconds')::int END);

-- Seconds to the next day, one at least.
CREATE OR REPLACE FUNCTION tavus.budget_rest(at timestamptz) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + floor(86400 - extract(epoch FROM (at AT TIME ZONE 'UTC')::time))::int;

-- Places, and why one is not held any more: 'failed', 'ended', 'closed' or 'late', NULL if it is; and
-- what it has used of its seconds.
CREATE OR REPLACE FUNCTION tavus.places_seen(at timestamptz)
RETURNS TABLE (
    nonce bytea, granted_at timestamptz, until timestamptz, day date, seconds int, address bytea,
    visitor bytea, ticket uuid, pos bigint, over text, used int, conversation_id text, reason text,
    failed_id uuid, ended_id uuid)
LANGUAGE sql STABLE
AS $$
    SELECT p.nonce, p.granted_at, p.until, p.day, p.seconds, p.address, p.visitor, p.ticket, p.pos, o.over,
           CASE o.over WHEN 'failed' THEN 0
                       WHEN 'ended' THEN
                            CASE WHEN c.ended_id IS NULL THEN 0
                                 ELSE least(tavus.call_seconds(c.created_id, c.ended_id, NULL), p.seconds) END
                       ELSE p.seconds END,
           i.conversation_id, i.reason, i.failed_id, c.ended_id
      FROM tavus.places p
      LEFT JOIN LATERAL (
           SELECT t.conversation_id, t.reason, t.failed_id, t.closed,
                  t.outcome = 'failed' AND NOT t.announced AND t.conversation_id IS NULL AS failed
             FROM tavus.intents t WHERE t.nonce = p.nonce OFFSET 0) i ON true
      LEFT JOIN LATERAL (
           SELECT k.ended, k.created_id, least(k.shutdown_id, k.closed_id) AS ended_id,
                  k.erased AND k.shutdown_id IS NULL AND k.closed_id IS NULL AS unseen
             FROM tavus.conversations k WHERE k.id = i.conversation_id OFFSET 0) c ON true
     CROSS JOIN LATERAL (
           SELECT CASE WHEN c.unseen AND p.until > at THEN NULL
                       WHEN c.unseen THEN 'late'
                       WHEN c.ended THEN 'ended'
                       WHEN i.failed THEN 'failed'
                       WHEN i.closed THEN 'closed'
                       WHEN p.until <= at THEN 'late' END AS over) o
$$;

-- Takes back what is not held any more.  Of a create that Tavus refused for want of a place its ticket
-- keeps its position, if it comes again.
CREATE OR REPLACE FUNCTION tavus.places_settle(at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    p record;
    b tavus.budget;
    o timestamptz;      -- when that one was over
    f timestamptz;      -- Tavus had too many requests
    r timestamptz;      -- it had no place
    e timestamptz[] := '{}';        -- something ended
BEGIN
    FOR p IN SELECT s.* FROM tavus.places_seen(at) s WHERE s.over IS NOT NULL ORDER BY s.nonce
    LOOP
        DELETE FROM tavus.places h WHERE h.nonce = p.nonce;

        UPDATE tavus.budget_days d
           SET calls = d.calls - (p.over = 'failed')::int, seconds = d.seconds - p.seconds + p.used
         WHERE d.day = p.day AND (p.over = 'failed' OR p.used <> p.seconds);

        IF p.over = 'failed' THEN
            UPDATE tavus.budget_visitors v SET calls = greatest(v.calls - 1, 0)
             WHERE v.day = p.day AND v.who IN (p.address, p.visitor);

            IF tavus.line_again(p.reason) AND p.ticket IS NOT NULL THEN
                INSERT INTO tavus.line (ticket, pos, address, visitor, made_at, asked_at, nonce, granted_at)
                VALUES (p.ticket, p.pos, p.address, p.visitor, p.granted_at, at, p.nonce, p.granted_at)
                ON CONFLICT (ticket) DO NOTHING;
            END IF;

            -- when a node says that it was, at the earliest when it was granted
            o := least(greatest(tavus.uuid_time(p.failed_id), p.granted_at), at);

            IF p.reason = 'rate_limited' THEN
                f := greatest(f, o);
            ELSIF p.reason = 'at_capacity' THEN
                r := greatest(r, o);
            END IF;
        ELSIF p.over IN ('ended', 'closed') THEN
            e := e || least(greatest(tavus.uuid_time(p.ended_id), p.granted_at), at);
        END IF;
    END LOOP;

    SELECT t.* INTO b FROM tavus.budget t;

    IF b.tried IS NOT NULL
       AND EXISTS (SELECT FROM tavus.intents i WHERE i.nonce = b.tried AND i.conversation_id IS NOT NULL)
    THEN
        b.most_at := least(b.most_at, at - interval '15 seconds');
        UPDATE tavus.budget SET tried = NULL, most_at = b.most_at;
    END IF;

    IF coalesce(f, r) IS NULL AND e = '{}' THEN
        RETURN;
    END IF;

    f := greatest(f, b.full_at);
    f := CASE WHEN f < ANY (e) THEN NULL ELSE f END;

    -- what has ended since then was there when Tavus refused one more; what is told late says nothing of now
    IF r > at - interval '15 seconds' THEN
        b.most := (SELECT count(*) FROM tavus.places) + (SELECT count(*) FROM unnest(e) AS u (o) WHERE u.o > r);
        b.most_at := greatest(r, CASE WHEN b.most_at <= at THEN b.most_at END);
        UPDATE tavus.budget SET full_at = f, most = b.most, most_at = b.most_at, tried = NULL;
    ELSIF f IS DISTINCT FROM b.full_at THEN
        UPDATE tavus.budget SET full_at = f;
    END IF;
END
$$;

-- Places, once they are settled: how many, the seconds of that day which they reserve, and the longest and
-- the shortest of them.
CREATE OR REPLACE FUNCTION tavus.places_held(
    today date, OUT taken int, OUT open bigint, OUT longest int, OUT shortest int)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT count(*), coalesce(sum(p.seconds) FILTER (WHERE p.day = today), 0),
           coalesce(max(p.seconds), 0), min(p.seconds)
      INTO taken, open, longest, shortest
      FROM tavus.places p;
END
$$;

-- Notes which budget is passed, and that somebody was not served: for alerts, so not each time.
CREATE OR REPLACE FUNCTION tavus.budget_note(b tavus.budget, budget jsonb, short boolean, at timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF coalesce(b.said IS DISTINCT FROM budget AND b.said_at < at - interval '1 minute'
                OR b.said_at < at - interval '10 minutes' OR b.said_at > at, true)
    THEN
        UPDATE tavus.budget t
           SET said = budget, said_at = at,
               begun_at = CASE WHEN t.said_at > at - interval '1 day' THEN t.begun_at ELSE at END;
    END IF;

    IF short AND coalesce(b.short_at < at - interval '30 seconds' OR b.short_at > at, true) THEN
        UPDATE tavus.budget t
           SET short_at = at,
               short_since = CASE WHEN t.short_at > at - interval '5 minutes' THEN t.short_since
                                  ELSE at END;
    END IF;
END
$$;

-- Records new wishes as tavus.record() does, of nonces that nothing is known of: with one write of an
-- intent instead of three.
CREATE OR REPLACE FUNCTION tavus.record_new(
    ids uuid[], received timestamptz[], kinds smallint[], event_types text[], nonces bytea[],
    verifications text[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    fresh uuid[];
BEGIN
    PERFORM tavus.log_lock();

    INSERT INTO tavus.intents (
        nonce, requested_id, vertical, persona_id, replica_id, document_tags, memory_stores,
        session_id, utm_source, utm_medium, utm_campaign, consent, user_id, request_id,
        patience, node, due_at)
    SELECT w.nonce, w.id,
           tavus.str(w.doc, 'vertical'), tavus.str(w.doc, 'persona_id'),
           tavus.str(w.doc, 'replica_id'), tavus.strs(w.doc, 'document_tags'),
           tavus.strs(w.doc, 'memory_stores'), tavus.str(w.doc, 'session_id'),
           tavus.str(w.doc, 'utm_source'), tavus.str(w.doc, 'utm_medium'),
           tavus.str(w.doc, 'utm_campaign'), tavus.str(w.doc, 'consent'),
           tavus.str(w.doc, 'user_id'), tavus.str(w.doc, 'request_id'),
           p.patience, tavus.str(w.doc, 'node'),
           now() + tavus.due(true, false, false, false, NULL, p.patience)
      FROM (SELECT u.id, u.nonce, tavus.body_jsonb(u.body) AS doc
              FROM unnest(ids, nonces, bodies) AS u (id, nonce, body) OFFSET 0) w
     CROSS JOIN LATERAL (
           SELECT CASE WHEN w.doc ->> 'patience' ~ '^[0-9]{1,5}$'
                       THEN (w.doc ->> 'patience')::int END AS patience) p
     ORDER BY w.nonce;

    WITH added AS (
        INSERT INTO tavus.events (id, received_at, kind, source, event_type, verification, body)
        SELECT u.id, coalesce(u.received_at, now()), coalesce(u.kind, 0::smallint), 'server',
               u.event_type, u.verification, coalesce(u.body, '')
          FROM unnest(ids, received, kinds, event_types, verifications, bodies)
               AS u (id, received_at, kind, event_type, verification, body)
         ORDER BY u.id
        RETURNING id)
    SELECT array_agg(a.id) INTO fresh FROM added a;

    PERFORM tavus.log_add(fresh);
END
$$;

-- Judges the wishes of a batch, in order, and records those that are granted, as tavus.record() does.
-- Answers an array with an element a wish, as below; NULL, with nothing done, if somebody else is at it.
-- Nobody waits here for the lock, as webhooks wait behind.
--
-- A wish that is there already is a duplicate, and has its place.  A ticket that was never seen is one to
-- wait with.  First come, first served: a wish is granted if there are more free places than who
-- waits, one of those who wait if there are as many as its position.  So it is with minutes, where who is
-- before it counts as the longest call that goes on.  Where these suffice but for what is reserved, it
-- waits as for a place.  With seconds of 0 it can only wait.
CREATE OR REPLACE FUNCTION tavus.record_wishes(
    ids uuid[], received timestamptz[], digests bytea[], kinds smallint[], sources text[],
    event_types text[], conversation_ids text[], nonces bytea[], verifications text[],
    bodies bytea[], reasons text[],
    budget jsonb, seconds int[], stays int[], addresses bytea[], visitors bytea[], tickets uuid[])
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    n        int := cardinality(ids);
    b        tavus.budget;
    at       timestamptz;
    today    date;
    active   int := (budget ->> 'active')::int;
    calls_   bigint := (budget ->> 'day')::bigint;
    seconds_ bigint := (budget ->> 'minutes')::bigint * 60;
    visits_  int := (budget ->> 'visitor_day')::int;
    line_    int := coalesce((budget ->> 'line')::int, 0);
    taken    int;
    open_    bigint := 0;           -- seconds of today that are reserved only
    longest_ int := 0;
    now_     record;
    queue    uuid[];
    settled  boolean := false;
    fresh    boolean := true;       -- nothing is known of any
    short    boolean := false;
    room     int;                   -- places, where somebody may wait for one
    mine     uuid;
    spot     int;
    turn     int;
    l        record;
    f        record;
    fate     text;
    fates    jsonb[] := '{}';
    granted  bytea[] := '{}';
    stored   int[] := '{}';
    marks    text;
BEGIN
    IF (n, n, n, n, n, n, n, n, n, n, n, n, n, n, n) IS DISTINCT FROM
       (cardinality(received), cardinality(digests), cardinality(kinds), cardinality(sources),
        cardinality(event_types), cardinality(conversation_ids), cardinality(nonces),
        cardinality(verifications), cardinality(bodies), cardinality(reasons),
        cardinality(seconds), cardinality(stays), cardinality(addresses), cardinality(visitors),
        cardinality(tickets))
    THEN
        RAISE 'arrays differ in length' USING ERRCODE = 'array_subscript_error';
    END IF;

    IF NOT pg_try_advisory_xact_lock(2026, 5) THEN
        RETURN NULL;
    END IF;

    at := clock_timestamp();
    today := (at AT TIME ZONE 'UTC')::date;

    -- each statement is as dear as what it reads
    SELECT t AS b, d.calls, d.seconds, (SELECT count(*) FROM tavus.places) AS taken,
           ARRAY(SELECT q.ticket FROM tavus.line q WHERE q.nonce IS NULL AND NOT q.gone ORDER BY q.pos)
               AS queue
      INTO now_
      FROM tavus.budget t
      LEFT JOIN tavus.budget_days d ON d.day = today;

    b := now_.b;
    taken := now_.taken;
    queue := now_.queue;

    IF queue <> '{}' THEN
        PERFORM tavus.line_lapse(b, at);
        queue := ARRAY(SELECT t.ticket FROM tavus.line t
                        WHERE t.nonce IS NULL AND NOT t.gone ORDER BY t.pos);
    END IF;

    -- who comes for the line alone was just refused by Tavus
    IF 0 = ANY (seconds) OR active IS NULL AND taken >= 1000 OR seconds_ IS NOT NULL AND queue <> '{}' THEN
        settled := true;
        PERFORM tavus.places_settle(at);
        SELECT t AS b, d.calls, d.seconds, h.*
          INTO now_
          FROM tavus.budget t CROSS JOIN tavus.places_held(today) h
          LEFT JOIN tavus.budget_days d ON d.day = today;
        b := now_.b;
        taken := now_.taken;
        open_ := now_.open;
        longest_ := now_.longest;
    END IF;

    FOR i IN 1 .. n LOOP
        IF tavus.part('intents', sources[i], event_types[i]) IS DISTINCT FROM 'wish' OR nonces[i] IS NULL
        THEN
            RAISE 'no wish' USING ERRCODE = 'invalid_parameter_value';
        END IF;

        SELECT (SELECT w.requested_id IS NOT NULL FROM tavus.intents w WHERE w.nonce = nonces[i])
                   AS known,
               CASE WHEN visits_ IS NOT NULL
                    THEN (SELECT max(v.calls) FROM tavus.budget_visitors v
                           WHERE v.day = today AND v.who IN (addresses[i], visitors[i])) END AS visits,
               t.*
          INTO l
          FROM (SELECT) o LEFT JOIN tavus.line t ON t.ticket = tickets[i];

        fresh := fresh AND l.known IS NULL;

        IF l.known OR nonces[i] = ANY (granted) THEN
            fresh := false;
            fates := fates || '{"fate": "duplicate"}'::jsonb;
            stored := stored || i;
            CONTINUE;
        END IF;

        -- the ticket that counts: its own, or that with which this visitor waits
        mine := tickets[i];
        spot := NULL;

        IF mine IS NOT NULL THEN
            IF l.gone THEN
                fates := fates || '{"fate": "unknown_ticket"}'::jsonb;
                CONTINUE;
            ELSIF l.nonce IS NOT NULL THEN
                SELECT t.* INTO f FROM tavus.line_fate(l.nonce, l.granted_at) t;

                IF f.fate <> 'again' THEN
                    fates := fates || CASE f.fate WHEN 'gone' THEN '{"fate": "unknown_ticket"}'::jsonb
                                 ELSE jsonb_strip_nulls(jsonb_build_object(
                                          'fate', 'taken', 'conversation_id', f.conversation)) END;
                    CONTINUE;
                END IF;

                UPDATE tavus.line t SET nonce = NULL, granted_at = NULL, asked_at = at
                 WHERE t.ticket = mine;
                queue := ARRAY(SELECT t.ticket FROM tavus.line t
                                WHERE t.nonce IS NULL AND NOT t.gone ORDER BY t.pos);
            ELSIF l.ticket IS NULL AND visitors[i] IS NOT NULL AND queue <> '{}' THEN
                mine := coalesce((SELECT t.ticket FROM tavus.line t
                                   WHERE t.nonce IS NULL AND NOT t.gone AND t.visitor = visitors[i]
                                   ORDER BY t.pos LIMIT 1), mine);
            END IF;

            spot := array_position(queue, mine);
        END IF;

        -- who waits for a line that was taken out has no claim
        turn := CASE WHEN line_ > 0 THEN coalesce(spot, cardinality(queue) + 1) ELSE 1 END;

        LOOP
            room := CASE WHEN line_ = 0 THEN active
                         WHEN tavus.budget_full(b, at) THEN 0
                         ELSE tavus.budget_places(b, active, at) END;
            fate := CASE WHEN coalesce(now_.calls, 0) >= calls_ THEN 'day_spent'
                         WHEN coalesce(now_.seconds, 0) - open_ + greatest(seconds[i], 1) > seconds_
                         THEN 'minutes_spent'
                         WHEN l.visits >= visits_ THEN 'visitor_spent'
                         WHEN seconds[i] > 0
                              AND coalesce(room - taken >= turn, true)
                              AND coalesce(coalesce(now_.seconds, 0) + seconds[i]
                                           + (turn - 1) * greatest(longest_, seconds[i])::bigint <= seconds_,
                                           true)
                         THEN 'granted' END;

            EXIT WHEN fate = 'granted' OR settled;

            PERFORM tavus.places_settle(at);
            settled := true;
            SELECT t AS b, d.calls, d.seconds, h.*
              INTO now_
              FROM tavus.budget t CROSS JOIN tavus.places_held(today) h
              LEFT JOIN tavus.budget_days d ON d.day = today;
            b := now_.b;
            taken := now_.taken;
            open_ := now_.open;
            longest_ := now_.longest;

            IF visits_ IS NOT NULL THEN
                l.visits := (SELECT max(v.calls) FROM tavus.budget_visitors v
                              WHERE v.day = today AND v.who IN (addresses[i], visitors[i]));
            END IF;
        END LOOP;

        IF fate = 'granted' THEN
            WITH place AS (
                INSERT INTO tavus.places (
                    nonce, granted_at, until, day, seconds, address, visitor, ticket, pos)
                VALUES (nonces[i], at, at + stays[i] * interval '1 second', today, seconds[i],
                        addresses[i], visitors[i], mine,
                        CASE WHEN mine IS NULL THEN NULL WHEN mine = l.ticket THEN l.pos
                             WHEN spot IS NOT NULL
                             THEN (SELECT t.pos FROM tavus.line t WHERE t.ticket = mine)
                             ELSE nextval('tavus.line_pos') END)
            ), visits AS (
                INSERT INTO tavus.budget_visitors AS v (day, who, calls)
                SELECT today, u.who, 1 FROM unnest(ARRAY[addresses[i], visitors[i]]) AS u (who)
                 WHERE visits_ IS NOT NULL AND u.who IS NOT NULL
                ON CONFLICT ON CONSTRAINT budget_visitors_pkey DO UPDATE SET calls = v.calls + 1
            )
            INSERT INTO tavus.budget_days AS d (day, calls, seconds) VALUES (today, 1, seconds[i])
            ON CONFLICT ON CONSTRAINT budget_days_pkey
            DO UPDATE SET calls = d.calls + 1, seconds = d.seconds + EXCLUDED.seconds
            RETURNING d.calls, d.seconds INTO now_.calls, now_.seconds;

            IF spot IS NOT NULL THEN
                UPDATE tavus.line t SET nonce = nonces[i], granted_at = at WHERE t.ticket = mine;
                queue := queue[:spot - 1] || queue[spot + 1:];
            END IF;

            taken := taken + 1;

            -- one more than Tavus is known to have: if it has that, there may be another
            IF b.most < taken AND tavus.budget_places(b, NULL, at) >= taken THEN
                b.most := taken;
                b.most_at := at;
                UPDATE tavus.budget SET most = b.most, most_at = b.most_at, tried = nonces[i];
            END IF;

            open_ := open_ + seconds[i];
            longest_ := greatest(longest_, seconds[i]);
            granted := granted || nonces[i];
            stored := stored || i;
            fates := fates || '{"fate": "granted"}'::jsonb;

        ELSIF fate IS NOT NULL THEN
            IF spot IS NOT NULL THEN
                UPDATE tavus.line t SET gone = true WHERE t.ticket = mine;
                queue := queue[:spot - 1] || queue[spot + 1:];
            END IF;

            fates := fates || jsonb_build_object('fate', fate, 'retry_after', tavus.budget_rest(at));

        ELSE
            short := true;

            IF spot IS NULL THEN
                fate := CASE WHEN mine IS NULL OR line_ < 1
                               OR EXISTS (SELECT FROM tavus.line t
                                           WHERE t.nonce IS NULL AND NOT t.gone
                                             AND t.address = addresses[i])
                             THEN 'busy'
                             WHEN cardinality(queue) >= line_ THEN 'line_full' END;
            END IF;

            IF fate IS NOT NULL THEN
                fates := fates || jsonb_build_object('fate', fate);
                CONTINUE;
            END IF;

            IF spot IS NULL THEN
                INSERT INTO tavus.line (ticket, pos, address, visitor, made_at, asked_at)
                VALUES (mine, nextval('tavus.line_pos'), addresses[i], visitors[i], at, at);
                queue := queue || mine;
                spot := cardinality(queue);
            ELSE
                UPDATE tavus.line t SET asked_at = at
                 WHERE t.ticket = mine AND t.asked_at < at - interval '10 seconds';
            END IF;

            SELECT t.* INTO b FROM tavus.line_length(b, at) t;
            fates := fates || jsonb_strip_nulls(jsonb_build_object(
                'fate', 'waits', 'ticket', mine, 'position', spot,
                'wait', ceil(spot * tavus.line_step(b, coalesce(nullif(room, 0), active, taken)))));
        END IF;
    END LOOP;

    PERFORM tavus.budget_note(b, budget, short, at);

    IF fresh AND cardinality(stored) = n AND num_nonnulls(VARIADIC reasons) = 0
       AND num_nonnulls(VARIADIC digests) = 0 AND num_nonnulls(VARIADIC conversation_ids) = 0
       AND NOT EXISTS (SELECT FROM tavus.tombstones)
    THEN
        PERFORM tavus.record_new(ids, received, kinds, event_types, nonces, verifications, bodies);
    ELSIF cardinality(stored) = n THEN
        marks := tavus.record(ids, received, digests, kinds, sources, event_types, conversation_ids,
                              nonces, verifications, bodies, reasons);
    ELSIF stored <> '{}' THEN
        SELECT tavus.record(array_agg(ids[s]), array_agg(received[s]), array_agg(digests[s]),
                            array_agg(kinds[s]), array_agg(sources[s]), array_agg(event_types[s]),
                            array_agg(conversation_ids[s]), array_agg(nonces[s]),
                            array_agg(verifications[s]), array_agg(bodies[s]), array_agg(reasons[s]))
          INTO marks
          FROM (SELECT u.s FROM unnest(stored) WITH ORDINALITY AS u (s, o) ORDER BY u.o OFFSET 0) u;
    END IF;

    -- what was granted a place must be there: not so the wish of somebody who was erased meanwhile
    IF marks ~ '[^s]'
       AND EXISTS (SELECT FROM unnest(stored) WITH ORDINALITY AS u (s, o)
                    WHERE substr(marks, u.o::int, 1) <> 's'
                      AND (substr(marks, u.o::int, 1) <> 'd' OR fates[u.s] ->> 'fate' = 'granted'))
    THEN
        RAISE 'a wish was not stored: %', marks USING ERRCODE = 'data_exception';
    END IF;

    RETURN to_jsonb(fates);
END
$$;

-- What is used by what is known now, though it is not settled: places, calls and seconds of today, those of
-- them that are reserved only, and the shortest of these.  Changes nothing, and takes no lock.
CREATE OR REPLACE FUNCTION tavus.budget_used(
    at timestamptz, OUT n bigint, OUT calls bigint, OUT seconds bigint, OUT reserved bigint, OUT shortest int)
LANGUAGE sql STABLE
AS $$
    WITH t AS (
        SELECT (at AT TIME ZONE 'UTC')::date AS today
    ), held AS (
        SELECT count(p.nonce) FILTER (WHERE p.over IS NULL) AS n,
               coalesce(sum(p.used) FILTER (WHERE p.over IS NULL AND p.day = t.today), 0) AS reserved,
               coalesce(sum(p.seconds - p.used) FILTER (WHERE p.day = t.today), 0) AS back,
               count(*) FILTER (WHERE p.over = 'failed' AND p.day = t.today) AS failed,
               min(p.seconds) FILTER (WHERE p.over IS NULL) AS shortest
          FROM t LEFT JOIN tavus.places_seen(at) p ON true
    )
    SELECT h.n, coalesce(d.calls, 0) - h.failed, coalesce(d.seconds, 0) - h.back, h.reserved, h.shortest
      FROM t CROSS JOIN held h LEFT JOIN tavus.budget_days d ON d.day = t.today
$$;

-- For the admin's API and for metrics: what is used of each limit (NULL where there is none), and until when.
CREATE OR REPLACE FUNCTION tavus.budget_state(budget jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    WITH t AS (
        SELECT now() AS at, (now() AT TIME ZONE 'UTC')::date AS today
    )
    SELECT jsonb_build_object(
        'active', jsonb_build_object('used', u.n, 'limit', (budget ->> 'active')::int),
        'day', jsonb_build_object('used', u.calls, 'limit', (budget ->> 'day')::bigint),
        'minutes', jsonb_build_object('used', ceil(u.seconds / 60.0), 'limit', (budget ->> 'minutes')::bigint,
                                      'reserved', ceil(u.reserved / 60.0)),
        'waiting', jsonb_build_object('used', (SELECT count(*) FROM tavus.line l
                                                WHERE l.nonce IS NULL AND NOT l.gone),
                                      'limit', coalesce((budget ->> 'line')::int, 0)),
        'visitor_day', jsonb_build_object('limit', (budget ->> 'visitor_day')::int),
        'until', tavus.iso((t.today + 1)::timestamp AT TIME ZONE 'UTC'),
        'tavus_full', (SELECT tavus.budget_full(b, t.at)
                              OR coalesce(u.n >= tavus.budget_places(b, NULL, t.at), false) FROM tavus.budget b),
        'places', coalesce((
            SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'age', floor(extract(epoch FROM t.at - h.granted_at))::int,
                       'until', tavus.iso(h.until), 'conversation_id', h.conversation_id))
                       ORDER BY h.granted_at, h.nonce)
              FROM (SELECT p.* FROM tavus.places_seen(t.at) p WHERE p.over IS NULL
                     ORDER BY p.granted_at, p.nonce LIMIT 100) h),
            '[]'))
      FROM t, tavus.budget_used(t.at) u
$$;
