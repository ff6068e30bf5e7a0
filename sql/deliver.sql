-- Deliveries: a destination is a cursor on the log, a few flights before it, and rows for what failed by
-- itself.  A claim leases something to a node, which sends it and tells what became of it.  Locks are
-- taken in one order: the destination, then its cursor, flights and deliveries.

-- What is leased is somebody else's after that.
CREATE OR REPLACE FUNCTION tavus.deliver_lease() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '2 minutes'::interval;

-- The name of a destination's cursor.
CREATE OR REPLACE FUNCTION tavus.deliver_cursor(destination text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'deliver:' || destination;

-- Up to where each cursor's events are done with: what a destination was given, and nobody told of, is not.
CREATE OR REPLACE FUNCTION tavus.cursor_places()
RETURNS TABLE (name text, pos bigint, ord int, missed bigint)
LANGUAGE sql STABLE
AS $$
    SELECT c.name, coalesce(f.from_pos, c.pos), coalesce(f.from_ord, c.ord), c.missed
      FROM tavus.cursors c
      LEFT JOIN LATERAL (
           SELECT t.from_pos, t.from_ord FROM tavus.flights t
            WHERE starts_with(c.name, tavus.deliver_cursor('')) AND t.destination = substr(c.name, length(tavus.deliver_cursor('')) + 1)
            ORDER BY t.from_pos, t.from_ord LIMIT 1) f ON true
$$;

-- Counts what was deleted before it was delivered.
CREATE OR REPLACE FUNCTION tavus.deliver_missed(destination text, n bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    UPDATE tavus.cursors c SET missed = c.missed + n
     WHERE c.name = tavus.deliver_cursor(destination) AND n > 0;
$$;

-- Neither a claim nor what became of it waits for the disk, nor for a standby, and no event waits for
-- them: a server that dies may forget the last of them, and what they were about goes again.
CREATE OR REPLACE FUNCTION tavus.deliver_commit() RETURNS void
LANGUAGE sql
AS $$
    SELECT set_config('synchronous_commit', 'off', true)
$$;

-- It begins with who asks, who is never 0.  The rest is not of a sequence: a server that forgot what it had
-- given out would give it out again, and who was told it before would tell of something else.
CREATE OR REPLACE FUNCTION tavus.deliver_token(asker int) RETURNS bigint
LANGUAGE sql VOLATILE
RETURN (asker::bigint << 32) + ('x' || left(gen_random_uuid()::text, 8))::bit(32)::bigint;

-- Leases what a destination is to get next, as a row an event, oldest first: what failed and is due;
-- else a flight that nobody told of; else, while it has fewer flights than flights_, the next of the log,
-- of at most most_ events and about bytes_ bytes.  No row: nothing is to be sent now.
--
-- One event is leased, however large it is.  What failed is alone, and no part of the log.  A row without
-- an id says for how many milliseconds (wait) nothing is to be asked for, and one with an id that there
-- is more to be had at once (0), or not that anybody knew (NULL).  A destination that nobody had
-- before begins with what comes now, or, if it wants that, at the beginning.
--
-- A claim may commit when nobody listens any more: so one to whom that may
-- have happened says what it holds (held, or NULL), and what else has its mark was never sent.
CREATE OR REPLACE FUNCTION tavus.deliver_claim(
    destination_ text, kind_ text, beginning boolean, names text[], prefixes text[], content text[],
    flights_ int, most_ int, bytes_ bigint, asker int, held bigint[],
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
    d       tavus.destinations;
    f       tavus.flights;
    e       record;
    leased  bigint := tavus.deliver_token(asker);
    room    int;
    gone    bigint;
    looks   int := 0;
    size    bigint := 0;
    fresh   boolean;
    took    int;
BEGIN
    PERFORM tavus.deliver_commit();

    SELECT t.* INTO d FROM tavus.destinations t WHERE t.name = destination_
       FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM tavus.destinations t WHERE t.name = destination_) THEN
            RETURN;                         -- another node is at it
        END IF;

        -- it begins with the first erasure
        IF destination_ = tavus.erase_destination() THEN
            RETURN;
        END IF;

        INSERT INTO tavus.destinations AS t (name, kind) VALUES (destination_, kind_)
        ON CONFLICT DO NOTHING RETURNING t.* INTO d;

        IF NOT FOUND THEN
            RETURN;
        END IF;

        PERFORM tavus.cursor_make(tavus.deliver_cursor(destination_), beginning);
    END IF;

    IF d.seen_at < now() - interval '1 minute' OR d.kind <> kind_ THEN
        UPDATE tavus.destinations t SET seen_at = now(), kind = kind_ WHERE t.name = destination_;

        -- somebody may have taken it away, so that it kept no month any more
        PERFORM tavus.cursor_make(tavus.deliver_cursor(destination_), beginning)
          WHERE destination_ <> tavus.erase_destination();
    END IF;

    IF held IS NOT NULL THEN
        UPDATE tavus.flights t
           SET due_at = now(), token = 0, tries = t.tries - 1
         WHERE t.destination = destination_ AND t.token >> 32 = asker AND t.token <> ALL (held);

        UPDATE tavus.deliveries t
           SET lease_until = NULL, token = NULL, tries = t.tries - 1
         WHERE t.destination = destination_ AND t.token >> 32 = asker AND t.token <> ALL (held)
           AND t.token IS NOT NULL;
    END IF;

    IF d.stopped IS NOT NULL THEN
        wait := 60000;
        RETURN NEXT;
        RETURN;
    END IF;

    -- what stands in it is never far ahead, if the clock was set back
    IF d.paused_until > now() THEN
        wait := least(extract(epoch FROM d.paused_until - now()) * 1000, 300000);
        RETURN NEXT;
        RETURN;
    END IF;

    -- after a pause one is enough to see whether it is over
    IF d.failures > 0 THEN
        flights_ := 1;
    END IF;

    SELECT flights_ - count(*) INTO room
      FROM tavus.flights t
     WHERE t.destination = destination_ AND t.due_at > now();

    -- of what failed those that were due first are leased
    SELECT room - count(DISTINCT l.token) INTO room
      FROM (SELECT t.token, t.lease_until FROM tavus.deliveries t
             WHERE t.destination = destination_ AND NOT t.dead AND t.due_at <= now()
             ORDER BY t.due_at LIMIT 1000) l
     WHERE l.lease_until > now();

    IF room <= 0 THEN
        RETURN;
    END IF;

    -- what failed and is due
    RETURN QUERY
    WITH due AS (
        SELECT s.id
          FROM (SELECT t.id, coalesce(sum(octet_length(v.body)) OVER (
                           ORDER BY t.due_at, t.id
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                  FROM (SELECT t.id, t.event_id, t.due_at FROM tavus.deliveries t
                         WHERE t.destination = destination_ AND NOT t.dead AND t.due_at <= now()
                           AND (t.lease_until IS NULL OR t.lease_until <= now())
                         ORDER BY t.due_at
                         LIMIT least(most_, CASE WHEN d.failures > 0 THEN 1 ELSE 100 END)) t
                  LEFT JOIN LATERAL (SELECT v.body FROM tavus.events v
                                      WHERE v.id = t.event_id OFFSET 0) v ON true) s
         WHERE s.before < bytes_
    ), taken AS (
        UPDATE tavus.deliveries t
           SET lease_until = now() + tavus.deliver_lease(), token = leased, tries = t.tries + 1
          FROM due WHERE t.id = due.id
        RETURNING t.event_id, t.tries
    )
    SELECT leased, k.tries, e.id, e.source, e.event_type, e.conversation_id, e.body,
           tavus.visitor_of(e.source, e.event_type, e.conversation_id, e.body)::text, true,
           0::bigint
      FROM taken k CROSS JOIN LATERAL (
           SELECT v.* FROM tavus.events v WHERE v.id = k.event_id OFFSET 0) e
     ORDER BY e.id;

    IF FOUND THEN
        RETURN;
    END IF;

    -- a row of an event that is gone holds up nobody
    DELETE FROM tavus.deliveries t WHERE t.token = leased AND t.destination = destination_;

    IF FOUND THEN
        GET DIAGNOSTICS gone = ROW_COUNT;
        PERFORM tavus.deliver_missed(destination_, gone);
    END IF;

    -- of which all are rows
    IF destination_ = tavus.erase_destination() THEN
        RETURN;
    END IF;

    -- a flight that nobody told of, else the next of the log; what is not wanted is stepped over, for a
    -- while
    WHILE looks < 20 LOOP
        looks := looks + 1;

        SELECT t.* INTO f FROM tavus.flights t
         WHERE t.destination = destination_ AND t.due_at <= now()
         ORDER BY t.from_pos, t.from_ord LIMIT 1;

        fresh := NOT FOUND;

        IF fresh THEN
            SELECT t.from_pos, t.from_ord, t.to_pos, t.to_ord, 0 AS tries, t.n
              INTO f.from_pos, f.from_ord, f.to_pos, f.to_ord, f.tries, took
              FROM tavus.cursor_take(tavus.deliver_cursor(destination_), most_) t;

            IF NOT FOUND THEN
                RETURN;
            END IF;

            f.missed := 0;
        ELSE
            gone := tavus.log_missing(f.from_pos, f.from_ord, f.to_pos, f.to_ord);
            PERFORM tavus.deliver_missed(destination_, gone - f.missed);
            f.missed := greatest(f.missed, gone);
        END IF;

        -- the log, behind what was not told of
        wait := CASE WHEN NOT fresh OR took >= most_ THEN 0 END;

        FOR e IN
            SELECT v.*, tavus.visitor_of(v.source, v.event_type, v.conversation_id, v.body) AS visitor
              FROM tavus.log_events(f.from_pos, f.from_ord, f.to_pos, f.to_ord, names, prefixes,
                                    content) v
             ORDER BY v.pos, v.ord
        LOOP
            IF size >= bytes_ THEN

                -- the rest is a flight that goes next
                INSERT INTO tavus.flights (destination, from_pos, from_ord, to_pos, to_ord, token,
                                           due_at, tries)
                VALUES (destination_, e.pos, e.ord - 1, f.to_pos, f.to_ord, 0, now(), f.tries);

                f.to_pos := e.pos;
                f.to_ord := e.ord - 1;
                EXIT;
            END IF;

            token := leased;
            tries := f.tries + 1;
            id := e.id;
            source := e.source;
            event_type := e.event_type;
            conversation_id := e.conversation_id;
            body := e.body;
            visitor := e.visitor;
            alone := false;
            RETURN NEXT;

            size := size + octet_length(e.body);
        END LOOP;

        IF token IS NULL THEN

            -- nothing of it is wanted, or it is gone
            DELETE FROM tavus.flights t
             WHERE NOT fresh AND t.destination = destination_ AND t.from_pos = f.from_pos
               AND t.from_ord = f.from_ord;
            CONTINUE;
        END IF;

        INSERT INTO tavus.flights AS t (destination, from_pos, from_ord, to_pos, to_ord, token, due_at,
                                        tries, missed)
        VALUES (destination_, f.from_pos, f.from_ord, f.to_pos, f.to_ord, leased,
                now() + tavus.deliver_lease(), f.tries + 1, f.missed)
        ON CONFLICT (destination, from_pos, from_ord) DO UPDATE
           SET to_pos = EXCLUDED.to_pos, to_ord = EXCLUDED.to_ord, token = leased,
               due_at = EXCLUDED.due_at, tries = EXCLUDED.tries,
               missed = EXCLUDED.missed;
        RETURN;
    END LOOP;

    -- there may be more behind what was stepped over
    wait := 0;
    RETURN NEXT;
END
$$;

-- Takes what became of what was leased with a token: how many were delivered; and those that failed by
-- themselves, which wait for so many milliseconds, or are dead where that is NULL; it was a try of them,
-- unless they were not sent or it was no fault of theirs (spared).  Or that all is to go again as a whole,
-- after so many (again); which was a try unless it is 0.  And what that says of the destination: that it
-- is paused for so many milliseconds, or stopped, which what was under way beside it does not undo.
-- What begins with the event rest_ was not sent, and goes as a flight of its own, after the pause.
-- False: the lease is over, and what is told does not count.
CREATE OR REPLACE FUNCTION tavus.deliver_settle(
    destination_ text, token_ bigint, delivered_ int, failed uuid[], waits bigint[], spared boolean[],
    statuses int[], reasons text[], again bigint, pause bigint, stop text, said_ text,
    rest_ uuid)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    f      tavus.flights;
    known  boolean;
    tries_ int;
BEGIN
    PERFORM tavus.deliver_commit();
    PERFORM FROM tavus.destinations t WHERE t.name = destination_ FOR UPDATE;

    -- it may repeat what was erased since it went out
    IF EXISTS (SELECT FROM tavus.erasures e
                WHERE e.asked_at > now() - 2 * tavus.deliver_lease()
                  AND destination_ <> tavus.erase_destination())
    THEN
        said_ := substring(said_ FROM '^[0-9]{3}');
        reasons := ARRAY(SELECT coalesce(substring(r.reason FROM '^[0-9]{3}'), r.reason)
                           FROM unnest(reasons) WITH ORDINALITY AS r (reason, o) ORDER BY r.o);
    END IF;

    IF again IS NOT NULL THEN
        UPDATE tavus.flights t
           SET due_at = now() + again * interval '1 millisecond', token = 0,
               tries = t.tries - CASE WHEN again = 0 THEN 1 ELSE 0 END
         WHERE t.destination = destination_ AND t.token = token_;
        known := FOUND;

        UPDATE tavus.deliveries t
           SET lease_until = NULL, token = NULL, changed_at = now(), reason = coalesce(said_, t.reason),
               due_at = now() + again * interval '1 millisecond'
         WHERE t.destination = destination_ AND t.token = token_;
        known := known OR FOUND;
    ELSE
        DELETE FROM tavus.flights t WHERE t.destination = destination_ AND t.token = token_
        RETURNING t.* INTO f;
        known := FOUND;
        tries_ := f.tries;

        INSERT INTO tavus.flights (destination, from_pos, from_ord, to_pos, to_ord, token, due_at, tries)
        SELECT destination_, l.pos, i.ord - 1, f.to_pos, f.to_ord, 0,
               now() + coalesce(pause, 0) * interval '1 millisecond', 0
          FROM tavus.log l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS i (id, ord)
         WHERE known AND l.pos >= f.from_pos AND l.pos <= f.to_pos AND i.id = rest_
           AND (l.pos > f.from_pos OR i.ord > f.from_ord)
           AND (l.pos < f.to_pos OR i.ord <= f.to_ord)
         ORDER BY l.pos, i.ord LIMIT 1;

        -- retention took the place where it begins: rather all of it again than nothing
        IF known AND rest_ IS NOT NULL AND NOT FOUND THEN
            INSERT INTO tavus.flights (destination, from_pos, from_ord, to_pos, to_ord, token, due_at, tries)
            VALUES (destination_, f.from_pos, f.from_ord, f.to_pos, f.to_ord, 0,
                    now() + coalesce(pause, 0) * interval '1 millisecond', 0);
        END IF;

        DELETE FROM tavus.deliveries t
         WHERE t.destination = destination_ AND t.token = token_ AND t.event_id <> ALL (failed);
        known := known OR FOUND;

        IF NOT known THEN
            known := EXISTS (SELECT FROM tavus.deliveries t
                              WHERE t.destination = destination_ AND t.token = token_);
        END IF;
    END IF;

    IF NOT known THEN
        RETURN false;
    END IF;

    INSERT INTO tavus.deliveries AS t (destination, event_id, dead, tries, due_at, reason, status)
    SELECT destination_, u.id, u.wait IS NULL, 1 - u.spared::int,
           now() + coalesce(u.wait, 0) * interval '1 millisecond', u.reason, u.status
      FROM unnest(failed, waits, spared, statuses, reasons) AS u (id, wait, spared, status, reason)
     WHERE (SELECT v.id FROM tavus.events v WHERE v.id = u.id) IS NOT NULL
     ORDER BY u.id
    ON CONFLICT (destination, event_id) DO UPDATE
       SET dead = EXCLUDED.dead,
           -- counted by its claim
           tries = CASE WHEN tries_ IS NULL THEN t.tries - 1 ELSE 0 END + EXCLUDED.tries,
           due_at = EXCLUDED.due_at, reason = EXCLUDED.reason,
           status = EXCLUDED.status, changed_at = now(), lease_until = NULL, token = NULL;

    UPDATE tavus.destinations t
       SET delivered = t.delivered + delivered_,
           failures = CASE WHEN num_nonnulls(pause, stop) > 0 THEN t.failures + 1
                           WHEN t.stopped IS NOT NULL OR t.paused_until > now() THEN t.failures
                           -- one that fails by itself does not say that the others will not
                           WHEN delivered_ = 0
                                AND (again IS NOT NULL OR num_nonnulls(VARIADIC waits) > 0) THEN t.failures
                           ELSE 0 END,
           paused_until = greatest(now() + pause * interval '1 millisecond',
                                   CASE WHEN t.paused_until > now() THEN t.paused_until END),
           stopped = coalesce(stop, t.stopped),
           said = coalesce(said_, t.said),
           said_at = CASE WHEN said_ IS NULL THEN t.said_at ELSE now() END
     WHERE t.name = destination_;

    RETURN true;
END
$$;

-- Sends again: one delivery, or those of a destination, dead ones or all; and lets the destination go
-- on, if it was paused or stopped.  At most 1,000 at a time; answers JSON, NULL if there is no such one.
CREATE OR REPLACE FUNCTION tavus.deliver_retry(id_ bigint, destination_ text, state_ text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    n int;
    of text := destination_;
BEGIN
    IF id_ IS NOT NULL THEN
        SELECT t.destination INTO of FROM tavus.deliveries t WHERE t.id = id_;
    END IF;

    PERFORM FROM tavus.destinations t WHERE t.name = of FOR UPDATE;

    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    UPDATE tavus.destinations t
       SET stopped = NULL, paused_until = NULL WHERE t.name = of
       AND num_nonnulls(t.stopped, t.paused_until) > 0;

    UPDATE tavus.flights t SET due_at = now()
     WHERE t.destination = of AND t.token = 0 AND t.due_at > now();

    WITH chosen AS (
        SELECT t.id FROM tavus.deliveries t
         WHERE id_ IS NOT NULL AND t.id = id_
        UNION ALL
        (SELECT t.id FROM tavus.deliveries t
          WHERE id_ IS NULL AND t.destination = of AND t.dead
            AND coalesce(state_, 'dead') = 'dead'
          ORDER BY t.id LIMIT 1000)
        UNION ALL
        (SELECT t.id FROM tavus.deliveries t
          WHERE id_ IS NULL AND t.destination = of AND NOT t.dead AND t.due_at > now()
            AND coalesce(state_, 'waiting') = 'waiting'
          ORDER BY t.due_at LIMIT 1000)
    )
    UPDATE tavus.deliveries t
       SET dead = false, tries = 0, due_at = now(), changed_at = now()
      FROM chosen WHERE t.id = chosen.id;
    GET DIAGNOSTICS n = ROW_COUNT;

    RETURN json_build_object('retried', n, 'more', id_ IS NULL AND n >= 1000);
END
$$;

-- Whether a destination takes what there is, and if not, why.
CREATE OR REPLACE FUNCTION tavus.destination_state(d tavus.destinations) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN d.seen_at < now() - interval '5 minutes' THEN 'absent'
            WHEN d.stopped IS NOT NULL THEN 'stopped'
            WHEN d.paused_until > now() THEN 'paused'
            ELSE 'active' END;

-- Of each: what failed by itself and goes again, for how many seconds the oldest of that has, and what is
-- dead; at most 10000 are looked at.
CREATE OR REPLACE FUNCTION tavus.destinations_health() RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
    SELECT coalesce(json_agg(json_build_object(
               'name', d.name, 'state', tavus.destination_state(d), 'waiting', w.n,
               'oldest', w.seconds, 'dead', x.n) ORDER BY d.name), '[]')
      FROM tavus.destinations d
      CROSS JOIN LATERAL (
           SELECT count(*) AS n, coalesce(floor(extract(epoch FROM now() - min(t.made_at))), 0) AS seconds
             FROM (SELECT t.made_at FROM tavus.deliveries t
                    WHERE t.destination = d.name AND NOT t.dead LIMIT 10000) t) w
      CROSS JOIN LATERAL (
           SELECT count(*) AS n
             FROM (SELECT FROM tavus.deliveries t
                    WHERE t.destination = d.name AND t.dead LIMIT 10000) t) x
$$;

-- Destinations, and a page of what failed, newest first; cursor_ is the last one's id.
CREATE OR REPLACE FUNCTION tavus.admin_deliveries(
    destination_ text, state_ text, limit_ int, cursor_ bigint)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    wanted int := least(greatest(coalesce(limit_, 50), 1), 200);
    found_ json;
    last_  bigint;
    n      int;
BEGIN
    SELECT json_agg(json_build_object(
               'id', p.id::text, 'destination', p.destination, 'event_id', p.event_id,
               'event_type', e.event_type, 'conversation_id', e.conversation_id,
               'state', CASE WHEN p.dead THEN 'dead' ELSE 'waiting' END, 'tries', p.tries,
               'due_at', CASE WHEN NOT p.dead THEN tavus.iso(p.due_at) END,
               'reason', p.reason, 'status', p.status, 'first_failed_at', tavus.iso(p.made_at),
               'changed_at', tavus.iso(p.changed_at)) ORDER BY p.id DESC),
           min(p.id), count(*)
      INTO found_, last_, n
      FROM (SELECT t.* FROM tavus.deliveries t
             WHERE (cursor_ IS NULL OR t.id < cursor_)
               AND (destination_ IS NULL OR t.destination = destination_)
               AND (state_ IS NULL OR t.dead = (state_ = 'dead'))
             ORDER BY t.id DESC LIMIT wanted) p
      LEFT JOIN LATERAL (SELECT v.event_type, v.conversation_id FROM tavus.events v
                          WHERE v.id = p.event_id OFFSET 0) e ON true;

    RETURN json_build_object(
        'destinations', coalesce((
            SELECT json_agg(json_build_object(
                       'name', d.name, 'kind', d.kind,
                       'state', tavus.destination_state(d),
                       'reason', coalesce(d.stopped, CASE WHEN d.failures > 0 THEN d.said END),
                       'paused_until', CASE WHEN d.paused_until > now()
                                            THEN tavus.iso(d.paused_until) END,
                       'failures', d.failures, 'said', d.said, 'said_at', tavus.iso(d.said_at),
                       'delivered', d.delivered, 'in_flight', f.n, 'waiting', s.waiting,
                       'dead', s.dead, 'lag', l.lag, 'missed', l.missed,
                       'seen_at', tavus.iso(d.seen_at))
                   ORDER BY d.name)
              FROM tavus.destinations d
              CROSS JOIN LATERAL (SELECT count(*) AS n FROM tavus.flights t
                                   WHERE t.destination = d.name) f
              CROSS JOIN LATERAL (
                   SELECT (SELECT count(*) FROM (
                               SELECT FROM tavus.deliveries t
                                WHERE t.destination = d.name AND NOT t.dead LIMIT 10001) w)
                              AS waiting,
                          (SELECT count(*) FROM (
                               SELECT FROM tavus.deliveries t
                                WHERE t.destination = d.name AND t.dead LIMIT 10001) w)
                              AS dead) s
              LEFT JOIN LATERAL (
                   SELECT to_json(g) AS lag, c.missed
                     FROM tavus.cursor_places() c, tavus.cursor_lag(c.pos, c.ord) g
                    WHERE c.name = tavus.deliver_cursor(d.name)) l ON true
             WHERE destination_ IS NULL OR d.name = destination_), '[]'),
        'deliveries', coalesce(found_, '[]'),
        'next_cursor', CASE WHEN n = wanted THEN last_::text END);
END
$$;
