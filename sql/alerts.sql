-- Alerts: what needs the owner's hand.  One node at a time looks whether the conditions hold: each kind is
-- a row of tavus.alert_kinds and a function below, tavus.alert_<kind>(threshold), which answers what it
-- holds for now: subjects, each with a sentence and with figures.  It reads a few rows by an index,
-- whatever there is, and writes nothing.  No word of others stands in a sentence: it goes by mail.
--
-- An alert is raised when its condition holds, said again after a day if it still does, and over when it
-- has not held for a while (calm).  One that comes again within a day is over only after twice as long,
-- and so on up to a day: whatever flaps is said some eight times a day, and then once.  What is raised,
-- said again and over is an event of the log, alert.raised and alert.cleared.

-- So many subjects of a kind, the first by name.
CREATE OR REPLACE FUNCTION tavus.alert_subjects() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 20;

CREATE OR REPLACE FUNCTION tavus.alert_calm(calm interval, times int) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(calm * 2 ^ least(times - 1, 20), greatest(calm, interval '1 day'));

-- "1 event", "2 events", "over 1000 events".
CREATE OR REPLACE FUNCTION tavus.alert_count(n bigint, what text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN n > 1000 THEN 'over 1000' ELSE n::text END || ' ' || what
       || CASE WHEN n = 1 THEN '' ELSE 's' END;

-- ---- the conditions ---------------------------------------------------------------------------------

-- Creates that failed since then, and why; and calls that were cut short (failed is false): among the last
-- 300 events of this server, and the last 300 errors of all, as browsers tell of errors as well.
CREATE OR REPLACE FUNCTION tavus.alert_errors(since timestamptz)
RETURNS TABLE (id uuid, failed boolean, reason text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    SELECT v.id, v.event_type <> tavus.cut_short_type(), tavus.str(tavus.body_jsonb(v.body), 'reason')
      FROM ((SELECT e.id FROM tavus.events e
              WHERE e.kind = 1 AND e.id >= tavus.uuid_floor(since) ORDER BY e.id DESC LIMIT 300)
            UNION
            (SELECT e.id FROM tavus.events e
              WHERE e.source = 'server' AND e.id >= tavus.uuid_floor(since)
              ORDER BY e.id DESC LIMIT 300)) u
     CROSS JOIN LATERAL (
           SELECT e.* FROM tavus.events e
            WHERE e.id = u.id AND e.source = 'server' AND e.kind = 1
              AND (e.event_type = tavus.cut_short_type()
                   OR tavus.part('intents', e.source, e.event_type) = 'failure')
            OFFSET 0) v
$$;

-- Live nodes, with what each says of itself.
CREATE OR REPLACE FUNCTION tavus.alert_nodes() RETURNS SETOF tavus.nodes
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT n.* FROM tavus.nodes n
     WHERE n.beat_at > now() - interval '1 minute' AND jsonb_typeof(n.state) = 'object'
$$;

-- What such a one says, if it is a number.
CREATE OR REPLACE FUNCTION tavus.alert_number(state jsonb, VARIADIC path text[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(state #> path) = 'number'
            THEN least(greatest(floor((state #>> path)::numeric), 0), 4611686018427387904)::bigint
            ELSE 0 END;

-- When Tavus last refused a create for this reason, or a node that asked for something else, by the
-- status, and how many creates of the last day; NULL if it has taken one since, or refused one for another
-- reason, and that was not within the seconds.
CREATE OR REPLACE FUNCTION tavus.alert_refused(why text, status int, seconds int, OUT n bigint, OUT at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    last  uuid;
    other uuid;
    taken uuid := (SELECT c.created_id FROM tavus.conversations c ORDER BY c.created_id DESC, c.id DESC LIMIT 1);
BEGIN
    SELECT count(*) FILTER (WHERE e.reason = why), max(e.id::text) FILTER (WHERE e.reason = why),
           max(e.id::text) FILTER (WHERE e.reason <> why AND e.reason IN (
               'invalid_api_key', 'out_of_credits', 'at_capacity', 'rate_limited', 'refused'))
      INTO n, last, other
      FROM tavus.alert_errors(now() - interval '1 day') e
     WHERE e.failed;

    at := greatest(tavus.uuid_time(last),
                   (SELECT max(k.beat_at - least(tavus.alert_number(k.state, 'tavus', 'ago'), 86400)
                                           * interval '1 second')
                      FROM tavus.alert_nodes() k
                     WHERE tavus.alert_number(k.state, 'tavus', 'status') = status));

    -- what came after may be of another node, which has another key
    IF at < now() - seconds * interval '1 second' AND greatest(other::text, taken::text) > tavus.uuid_floor(at)::text THEN
        at := NULL;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION tavus.alert_key_invalid(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT 'tavus', 'Tavus refuses the key' || CASE WHEN r.n > 0 THEN ': ' || tavus.alert_count(r.n, 'conversation')
                    || ' could not be created' ELSE '' END || '. Put a valid key in place and reload nginx.',
           jsonb_build_object('n', r.n, 'last', tavus.iso(r.at))
      FROM tavus.alert_refused('invalid_api_key', 401, threshold) r WHERE r.at IS NOT NULL
    UNION ALL
    SELECT 'stripe', 'Stripe refuses the key' || CASE WHEN o.n > 0 THEN ': ' || tavus.alert_count(o.n, 'checkout')
                     || ' failed' ELSE '' END || '. Put a valid key in place and reload nginx.',
           jsonb_build_object('n', o.n)
      FROM (SELECT count(*) FILTER (WHERE l.reason = 'invalid_api_key') AS n,
                   coalesce(max(l.id::text) FILTER (WHERE l.reason = 'invalid_api_key')
                            > coalesce(max(l.id::text) FILTER (WHERE l.answered_session IS NOT NULL), ''),
                            false) AS so
              FROM (SELECT r.id, r.reason, r.answered_session FROM tavus.orders r
                     WHERE r.ours AND r.id > tavus.uuid_floor(now() - interval '1 day')
                     ORDER BY r.id DESC LIMIT 100) l) o
     WHERE o.so OR EXISTS (SELECT FROM tavus.alert_nodes() k
                            WHERE tavus.alert_number(k.state, 'stripe', 'status') IN (401, 403))
    UNION ALL
    SELECT d.name, format('The destination "%s" refuses the key. Put a valid one in place and reload nginx, '
                          'then have it tried again.', d.name),
           jsonb_build_object('failures', d.failures)
      FROM tavus.destinations d
     WHERE d.failures > 0 AND d.stopped IS NULL AND d.said ~ '^40[13]\M'
       AND d.seen_at > now() - interval '5 minutes'
$$;

CREATE OR REPLACE FUNCTION tavus.alert_out_of_credits(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT 'tavus', 'The account at Tavus is out of credits'
                    || CASE WHEN r.n > 0 THEN ': ' || tavus.alert_count(r.n, 'conversation')
                    || ' could not be created' ELSE '' END || '. Buy credits, or another plan.',
           jsonb_build_object('n', r.n, 'last', tavus.iso(r.at))
      FROM tavus.alert_refused('out_of_credits', 402, threshold) r WHERE r.at IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION tavus.alert_plan_cap(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT 'length', 'Tavus has ended ' || tavus.alert_count(count(*), 'call')
                     || ' of the last day before the length that was asked for: the plan allows no more. '
                        'Ask for less, or buy another plan.',
           jsonb_build_object('n', count(*))
      FROM tavus.alert_errors(now() - interval '1 day') e
     WHERE NOT e.failed
    HAVING count(*) >= threshold
    UNION ALL
    SELECT 'capacity', 'The plan at Tavus allows no more calls at a time: '
                       || tavus.alert_count(count(*), 'visitor')
                       || ' of the last hour got none. Allow fewer, or buy another plan.',
           jsonb_build_object('n', count(*))
      FROM tavus.alert_errors(now() - interval '1 hour') e
     WHERE e.failed AND e.reason = 'at_capacity'
    HAVING count(*) >= threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_destination_paused(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT d.name,
           CASE WHEN d.stopped IS NOT NULL
                THEN format('Nothing is delivered to "%s" any more, as it said that it is gone. See to its '
                            'address, then have it tried again.', d.name)
                ELSE format('The destination "%s" takes nothing; its events wait. See to it; it is tried '
                            'again by itself.', d.name) END,
           jsonb_build_object('state', CASE WHEN d.stopped IS NOT NULL THEN 'stopped' ELSE 'paused' END,
                              'failures', d.failures)
      FROM tavus.destinations d
     WHERE d.seen_at > now() - interval '5 minutes'
       AND (d.stopped IS NOT NULL
            OR d.failures >= threshold AND coalesce(d.said, '') !~ '^40[13]\M')
$$;

CREATE OR REPLACE FUNCTION tavus.alert_destination_dead(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT d.name, format('%s to "%s" of the last day went there in vain, and will not again by itself. See '
                          'why; they can be sent again.', tavus.alert_count(f.n, 'event'), d.name),
           jsonb_build_object('n', f.n)
      FROM tavus.destinations d
     CROSS JOIN LATERAL (
           SELECT count(*) AS n
             FROM (SELECT t.changed_at FROM tavus.deliveries t
                    WHERE t.destination = d.name AND t.dead ORDER BY t.id DESC LIMIT 1001) l
            WHERE l.changed_at > now() - interval '1 day') f
     WHERE f.n >= threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_quarantine(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT left(q.source, 64), tavus.alert_count(count(*), 'event') || ' of the last day went into quarantine: '
                               'authentic, but not to be stored as they are. Look at them.',
           jsonb_build_object('n', count(*))
      FROM (SELECT z.source, z.received_at FROM tavus.quarantine z ORDER BY z.seq DESC LIMIT 1001) q
     WHERE q.received_at > now() - interval '1 day'
     GROUP BY 1
    HAVING count(*) >= threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_journal_damaged(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT n.id, concat_ws(' ',
               CASE WHEN m.damaged > 0
                    THEN tavus.alert_count(m.damaged, 'file') || ' of damaged bytes stands in the journal''s folder.'
               END,
               CASE WHEN m.unreadable > 0
                    THEN tavus.alert_count(m.unreadable, 'file') || ' of the journal cannot be read.' END,
               'A disk or somebody has changed the journal: see to it, events may be lost.'),
           jsonb_build_object('damaged', m.damaged, 'unreadable', m.unreadable)
      FROM tavus.alert_nodes() n
     CROSS JOIN LATERAL (
           SELECT tavus.alert_number(n.state, 'journal', 'damaged') AS damaged,
                  tavus.alert_number(n.state, 'journal', 'unreadable') AS unreadable) m
     WHERE m.damaged >= threshold OR m.unreadable >= threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_journal_old(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT n.id, format('Events have waited in the journal for %s minutes. See why they do not reach the '
                        'database.', m.age / 60),
           jsonb_build_object('age', m.age, 'files', n.files, 'bytes', n.bytes)
      FROM tavus.alert_nodes() n
     CROSS JOIN LATERAL (SELECT tavus.alert_number(n.state, 'journal', 'age') AS age) m
     WHERE m.age > threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_node_silent(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT s.id, CASE WHEN s.files > 0
                      THEN format('The node has been silent since %s, and its journal holds events. Bring it '
                                  'back, or its journal to another node.', tavus.iso(s.beat_at))
                      ELSE format('The node has been silent since %s. Bring it back, or have it forgotten.',
                                  tavus.iso(s.beat_at)) END,
           jsonb_build_object('heard', tavus.iso(s.beat_at), 'files', s.files, 'bytes', s.bytes)
      FROM tavus.silent_nodes() s
     WHERE s.beat_at < now() - threshold * interval '1 second'
$$;

CREATE OR REPLACE FUNCTION tavus.alert_month_missing(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT m.month, format('The month %s has no partition: its events cannot be stored, and wait in the journal. '
                           'See why it is not made.', m.month), '{}'::jsonb
      FROM unnest(tavus.missing_months()) AS m (month)
     WHERE threshold > 0
$$;

-- The event of this one comes to readers of the log when it is over: they are who is held up.
CREATE OR REPLACE FUNCTION tavus.alert_log_held(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT 'log', format('What is stored has not been read on for %s minutes, as a transaction does not end. '
                         'End it.', h.seconds / 60),
           jsonb_build_object('seconds', h.seconds)
      FROM tavus.log_held() h
     WHERE h.seconds >= threshold
$$;

CREATE OR REPLACE FUNCTION tavus.alert_order_unknown(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT 'stripe', 'Of ' || tavus.alert_count(count(*), 'order') || ' it is not known whether Stripe has it. '
                     'Look for them at Stripe.',
           jsonb_build_object('n', count(*))
      FROM (SELECT FROM tavus.orders r
             WHERE r.ours AND r.state = 'unknown'
               AND r.id > tavus.uuid_floor(now() - interval '7 days')
               AND r.id < tavus.uuid_floor(now() - threshold * interval '1 second')
             ORDER BY r.id DESC LIMIT 1001) l
    HAVING count(*) > 0
$$;

-- Somebody still tries, and has not come to an end for so long.
CREATE OR REPLACE FUNCTION tavus.alert_stripe_repair(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT CASE WHEN r.livemode THEN 'live' ELSE 'test' END,
           'What Stripe could not deliver is not fetched. See why it cannot be asked.',
           jsonb_build_object('failures', r.failures, 'done', tavus.iso(r.done_at))
      FROM tavus.stripe_repairs r
     WHERE r.failures > 0 AND r.due_at > now() - interval '1 hour'
       AND coalesce(r.done_at, r.began) < now() - threshold * interval '1 second'
$$;

-- The budget is that which was passed last.  Minutes that are only reserved come back: what is left without
-- them must be less than a call, the shortest that goes on, or the last one.  Who had to wait, or was sent away, is noted now and then.
CREATE OR REPLACE FUNCTION tavus.alert_budget(threshold int)
RETURNS TABLE (subject text, text text, data jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    WITH b AS (
        SELECT t.*, tavus.budget_state(t.said) AS state, u.seconds - u.reserved AS seconds,
               coalesce(u.shortest, n.seconds, 1) AS call
          FROM tavus.budget t
         CROSS JOIN tavus.budget_used(now()) u
          LEFT JOIN LATERAL (
               SELECT extract(epoch FROM tavus.call_length(c.announced_id))::int AS seconds
                 FROM tavus.conversations c
                WHERE c.created_id > tavus.uuid_floor(now() - interval '1 day') AND c.announced_id IS NOT NULL
                ORDER BY c.created_id DESC, c.id DESC LIMIT 1) n ON true
         WHERE t.said_at > now() - interval '1 day'
    )
    SELECT 'day', format('All %s conversations that the budget has for today are used: there are no more before %s. '
                         'Allow more, if you like.', b.state #>> '{day,limit}', b.state ->> 'until'),
           b.state -> 'day'
      FROM b WHERE (b.state #>> '{day,used}')::bigint >= (b.state #>> '{day,limit}')::bigint
    UNION ALL
    SELECT 'minutes', format('Of the %s minutes that the budget has for today too few are left for one more '
                             'conversation before %s. Allow more, if you like.', b.state #>> '{minutes,limit}',
                             b.state ->> 'until'),
           b.state -> 'minutes'
      FROM b WHERE b.seconds + b.call > (b.state #>> '{minutes,limit}')::bigint * 60
    UNION ALL
    SELECT 'active', format('For %s minutes visitors have had to wait, or were sent away, as all places are taken, or '
                            'all minutes reserved. Allow more at once, if the plan at Tavus does.',
                            floor(extract(epoch FROM b.short_at - b.short_since) / 60)),
           b.state -> 'active' || jsonb_build_object('waiting', b.state #> '{waiting,used}')
      FROM b
     WHERE b.short_at > now() - interval '5 minutes'
       AND b.short_at - b.short_since >= threshold * interval '1 second'
    UNION ALL
    SELECT 'places', 'There are ' || tavus.alert_count(count(*), 'conversation') || ' that the budget does not know of, '
                     'and which cost nevertheless: see where they come from, and end them.',
           jsonb_build_object('n', count(*))
      FROM b
     CROSS JOIN LATERAL (
           SELECT c.id, c.nonce, c.created_id, c.announced_id FROM tavus.conversations c
            WHERE NOT c.ended AND c.created_id > tavus.uuid_floor(now() - interval '1 day')
              AND c.created_id < tavus.uuid_floor(now() - interval '1 minute')
            ORDER BY c.created_id DESC, c.id DESC LIMIT 300) c
     WHERE c.created_id > tavus.uuid_floor(b.begun_at) AND c.announced_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM tavus.places p WHERE p.nonce = c.nonce)
       AND now() < tavus.uuid_time(c.created_id)
                   + coalesce(tavus.call_length(c.announced_id), interval '1 hour')
    HAVING count(*) > 0
$$;

-- ---- the look ---------------------------------------------------------------------------------------

-- Looks at one kind.
CREATE OR REPLACE FUNCTION tavus.alerts_see(k tavus.alert_kinds) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    s record;
BEGIN
    FOR s IN EXECUTE format('SELECT f.subject, f.text, f.data FROM tavus.%I($1) f ORDER BY f.subject COLLATE "C" LIMIT $2',
                            'alert_' || k.kind) USING k.threshold, tavus.alert_subjects()
    LOOP
        UPDATE tavus.alerts a SET seen_at = now(), text = s.text, data = s.data
         WHERE a.kind = k.kind AND a.subject = s.subject AND a.cleared_at IS NULL;

        IF NOT FOUND THEN
            INSERT INTO tavus.alerts (kind, subject, text, data, times)
            SELECT k.kind, s.subject, s.text, s.data,
                   coalesce((SELECT l.times + 1
                               FROM (SELECT a.times, a.cleared_at FROM tavus.alerts a
                                      WHERE a.kind = k.kind AND a.subject = s.subject
                                      ORDER BY a.id DESC LIMIT 1) l
                              WHERE l.cleared_at > now() - interval '1 day'), 1);
        END IF;
    END LOOP;
END
$$;

-- Says what is to be said, at most 100 at a time; the rest with the next look.
CREATE OR REPLACE FUNCTION tavus.alerts_say() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    n     int;
    types text[];
    said  text[];
    marks text;
    doc   json;
BEGIN
    -- nobody was told of it
    UPDATE tavus.alerts a SET cleared_at = now()
     WHERE a.cleared_at IS NULL AND a.said_at IS NULL AND a.seen_at < now();

    WITH due AS (
        SELECT a.id, a.seen_at < now() AS over
          FROM tavus.alerts a LEFT JOIN tavus.alert_kinds k ON k.kind = a.kind
         WHERE a.cleared_at IS NULL
           AND (a.said_at IS NULL
                OR CASE WHEN a.seen_at < now()
                        THEN coalesce(k.muted, true)
                             OR a.seen_at <= now() - tavus.alert_calm(k.calm, a.times)
                        ELSE a.said_at <= now() - k.again END)
         ORDER BY a.id LIMIT 100
    ), told AS (
        UPDATE tavus.alerts a
           SET said_at = CASE WHEN d.over THEN a.said_at ELSE now() END,
               cleared_at = CASE WHEN d.over THEN now() END
          FROM due d WHERE a.id = d.id
        RETURNING a.*, d.over
    )
    SELECT count(*),
           array_agg(CASE WHEN t.over THEN 'alert.cleared' ELSE 'alert.raised' END ORDER BY t.id),
           array_agg(json_strip_nulls(json_build_object(
               'alert', t.kind, 'subject', t.subject,
               'text', CASE WHEN t.over THEN 'It is over: ' ELSE '' END || t.text,
               'since', tavus.iso(t.raised_at), 'runbook', 'runbook.md#' || t.kind,
               'figures', t.data))::text ORDER BY t.id)
      INTO n, types, said
      FROM told t;

    IF n = 0 THEN
        RETURN;
    END IF;

    marks := tavus.record(
        ARRAY(SELECT overlay(gen_random_uuid()::text
                             PLACING left(tavus.uuid_floor(clock_timestamp())::text, 13) || '-7' FROM 1)::uuid
                FROM generate_series(1, n)),
        array_fill(now(), ARRAY[n]), array_fill(NULL::bytea, ARRAY[n]),
        ARRAY(SELECT CASE u.type WHEN 'alert.raised' THEN 1 ELSE 2 END::smallint
                FROM unnest(types) WITH ORDINALITY AS u (type, o) ORDER BY u.o),
        array_fill('server'::text, ARRAY[n]), types, array_fill(NULL::text, ARRAY[n]),
        array_fill(NULL::bytea, ARRAY[n]), array_fill(NULL::text, ARRAY[n]),
        ARRAY(SELECT convert_to(u.body, 'UTF8') FROM unnest(said) WITH ORDINALITY AS u (body, o) ORDER BY u.o),
        array_fill(NULL::text, ARRAY[n]));

    IF marks <> repeat('s', n) THEN
        RAISE 'the events of % alerts were not stored: %', n, marks;
    END IF;

    -- nginx's log has it from here
    FOR i IN 1 .. n LOOP
        doc := said[i];

        IF types[i] = 'alert.raised' THEN
            RAISE WARNING USING ERRCODE = 'TV002', MESSAGE = format(
                'alert "%s" of "%s": %s', doc ->> 'alert', doc ->> 'subject', doc ->> 'text');
        ELSE
            RAISE WARNING USING ERRCODE = 'TV002', MESSAGE = format(
                'alert "%s" of "%s" is over', doc ->> 'alert', doc ->> 'subject');
        END IF;
    END LOOP;
END
$$;

-- Looks, if nobody has within the time, NULL for what alert_looks says; and answers JSON: whether it did, and how many alerts are open of
-- each kind.  What cannot be looked at or said is tried again with the next look.
CREATE OR REPLACE FUNCTION tavus.alerts_look(every interval DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    k      tavus.alert_kinds;
    looked boolean;
BEGIN
    -- a look of the future is one of before the clock was set back
    UPDATE tavus.alert_looks l SET looked_at = now()
      FROM (SELECT t.one FROM tavus.alert_looks t
             WHERE t.looked_at <= now() - coalesce(alerts_look.every, t.every) OR t.looked_at > now()
               FOR UPDATE SKIP LOCKED) f
     WHERE l.one = f.one;
    looked := FOUND;

    IF looked THEN
        FOR k IN SELECT t.* FROM tavus.alert_kinds t WHERE NOT t.muted ORDER BY t.kind LOOP
            BEGIN
                PERFORM tavus.alerts_see(k);
            EXCEPTION WHEN OTHERS THEN
                -- what was so may still be
                UPDATE tavus.alerts a SET seen_at = now()
                 WHERE a.kind = k.kind AND a.cleared_at IS NULL AND a.said_at IS NOT NULL;

                RAISE WARNING USING ERRCODE = 'TV003', MESSAGE = format(
                    'alerts of "%s" could not be looked at: %s', k.kind, SQLERRM);
            END;
        END LOOP;

        BEGIN
            PERFORM tavus.alerts_say();
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING USING ERRCODE = 'TV003', MESSAGE = format('alerts could not be told: %s', SQLERRM);
        END;
    END IF;

    RETURN json_build_object('looked', looked, 'open', tavus.alerts_open());
END
$$;

-- How many are open, by kind.
CREATE OR REPLACE FUNCTION tavus.alerts_open() RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT coalesce(json_object_agg(o.kind, o.n ORDER BY o.kind), '{}')
      FROM (SELECT a.kind, count(*) AS n FROM tavus.alerts a
             WHERE a.cleared_at IS NULL GROUP BY a.kind) o
$$;

-- A page: those that are open, then those that are over, the newest first; cursor_ says where the last
-- one stood.
CREATE OR REPLACE FUNCTION tavus.admin_alerts(
    state_ text DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ bigint DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    WITH wanted AS (
        SELECT least(greatest(coalesce(limit_, 50), 1), 200) AS n,
               coalesce(cursor_, 9223372036854775807) AS before
    ), page AS MATERIALIZED (
        SELECT z.*, row_number() OVER (ORDER BY z.place DESC) AS nth
          FROM (SELECT o.*
                  FROM ((SELECT a.*, a.id + 4611686018427387904 AS place
                           FROM tavus.alerts a
                          WHERE a.cleared_at IS NULL AND coalesce(state_, 'open') = 'open'
                            AND a.id + 4611686018427387904 < (SELECT before FROM wanted)
                          ORDER BY a.id DESC LIMIT (SELECT n + 1 FROM wanted))
                        UNION ALL
                        (SELECT a.*, a.id AS place
                           FROM tavus.alerts a
                          WHERE a.cleared_at IS NOT NULL AND coalesce(state_, 'ended') = 'ended'
                            AND a.id < (SELECT before FROM wanted)
                          ORDER BY a.id DESC LIMIT (SELECT n + 1 FROM wanted))) o
                 ORDER BY o.place DESC LIMIT (SELECT n + 1 FROM wanted)) z
    )
    SELECT json_build_object(
               'alerts', coalesce(json_agg(json_build_object(
                   'id', p.id::text, 'alert', p.kind, 'subject', p.subject,
                   'state', CASE WHEN p.cleared_at IS NULL THEN 'open' ELSE 'ended' END,
                   'text', p.text, 'runbook', 'runbook.md#' || p.kind, 'figures', p.data,
                   'raised_at', tavus.iso(p.raised_at), 'said_at', tavus.iso(p.said_at),
                   'seen_at', tavus.iso(p.seen_at), 'cleared_at', tavus.iso(p.cleared_at),
                   'times', p.times) ORDER BY p.nth) FILTER (WHERE p.nth <= w.n), '[]'),
               'next_cursor', CASE WHEN max(p.nth) > w.n
                                   THEN max(p.place) FILTER (WHERE p.nth = w.n) END::text)::text
      FROM wanted w LEFT JOIN page p ON true
     GROUP BY w.n
$$;
