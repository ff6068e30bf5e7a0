-- What has grown old beside the months of events.  nginx's upkeep calls it in bites, each a
-- transaction of its own.

-- Keeps digests for 90 days at least, and forgets them a table at a time, as deleting them row by row
-- costs more than storing them.  Intake writes to tavus.digests alone and looks into both.  After 90
-- days what is in tavus.digests_before is older than that, so it is emptied, and the two change names.
-- Whoever writes holds locks on both until its commit: what is in tavus.digests_before afterwards is
-- committed, and found.
CREATE OR REPLACE FUNCTION tavus.rotate_digests() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '20ms'
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;

    IF (SELECT r.begun_at > now() - interval '90 days' FROM tavus.digests_round r) THEN
        RETURN '{"rotated":false}';
    END IF;

    PERFORM set_config('synchronous_commit', 'off', true);

    FOR try IN 1 .. 3 LOOP
        BEGIN
            -- in the order of record_gate
            LOCK TABLE tavus.digests_before, tavus.digests IN ACCESS EXCLUSIVE MODE;
            TRUNCATE tavus.digests_before;
            ALTER TABLE tavus.digests RENAME TO digests_full;
            ALTER TABLE tavus.digests_before RENAME TO digests;
            ALTER TABLE tavus.digests_full RENAME TO digests_before;
            UPDATE tavus.digests_round SET begun_at = now();

            RETURN '{"rotated":true}';
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;

    RETURN '{"rotated":false,"waiting":["digests"]}';
END
$$;

-- What is deleted among the events of months that stay.
CREATE OR REPLACE FUNCTION tavus.kind_of_events(what text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN what IN ('browser', 'contacts', 'transcripts', 'trail');

-- Notes in tavus.retention what a round of tavus.trim() begins with: what is to be kept, and from where on,
-- which it answers.  A round that was broken off goes on where it was; once a day one begins with the oldest,
-- as a journal may have brought something late, the others where the one before came to its end.  What a cursor
-- has not read is left for a week.
CREATE OR REPLACE FUNCTION tavus.trim_begin(what text, keep_ interval) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    kept tavus.retention;
BEGIN
    INSERT INTO tavus.retention AS r (kind, keep) VALUES (what, keep_)
    ON CONFLICT (kind) DO UPDATE
       SET keep = keep_, ran_at = now(),
           whole = CASE WHEN r.place IS NULL
                        THEN coalesce(r.whole_at < now() - interval '1 day', true) ELSE r.whole END
    RETURNING * INTO kept;

    IF NOT tavus.kind_of_events(what) THEN
        RETURN NULL;
    END IF;

    UPDATE tavus.retention r SET unread = tavus.log_unread(tavus.uuid_floor(now() - keep_)) WHERE r.kind = what;

    RETURN coalesce(kept.place, CASE WHEN NOT kept.whole THEN kept.upto::text END);
END
$$;

-- What a bite did: last is where it stopped, NULL if there is no more up to the bound.
CREATE OR REPLACE FUNCTION tavus.trim_end(what text, last text, bound uuid, trimmed bigint) RETURNS void
LANGUAGE sql
AS $$
    UPDATE tavus.retention r
       SET ran_at = clock_timestamp(), removed = r.removed + trimmed,
           place = CASE WHEN tavus.kind_of_events(what) THEN last END,
           done_at = CASE WHEN last IS NULL THEN clock_timestamp() ELSE r.done_at END,
           whole_at = CASE WHEN last IS NULL AND r.whole THEN clock_timestamp() ELSE r.whole_at END,
           upto = CASE WHEN last IS NULL THEN greatest(r.upto, bound) ELSE r.upto END
     WHERE r.kind = what
$$;

-- Deletes what is older than keep in one of: browser (events of browsers, but conversions), contacts (what was
-- written in the contact form, and its leads), transcripts (what was said or seen in conversations that began
-- so long ago), trail (what admins did),
-- quarantine, intents, conversations, elsewhere, consents, leads, alerts that are over; orders of which Stripe has told
-- nothing, and purchases, all that hangs on one, when nothing was heard of it for so long and no
-- subscription of it lives; stats (whose visits were counted, and of sums those of hours, when they are a year old);
-- and log, whose rows go with the months of their events, and deliveries, with
-- their events.  Of line and budget what is about visitors is kept for a day or two.  It looks at so many rows and answers how many of them it deleted, and, if there may be
-- more, after which to go on: from the beginning it would meet again what is deleted, but not yet
-- vacuumed.  What is locked is left for another time.
CREATE OR REPLACE FUNCTION tavus.trim(what text, keep interval, bite int, after text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '100ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    past    timestamptz := now() - keep;
    bound   uuid := tavus.uuid_floor(past);
    since   uuid := tavus.uuid_floor('-infinity');
    ids     uuid[];
    kinds   smallint[];
    keys    bytea[];
    names   text[];
    times   timestamptz[];
    days    date[];
    oldest  timestamptz;
    spots   bigint[];
    flight  record;
    types   text[];
    looked  int;
    want    int := bite;
    last    text;
    trimmed bigint;
BEGIN
    IF keep IS NULL OR keep < interval '1 day' OR bite IS NULL OR bite < 1 THEN
        RAISE 'nothing is trimmed within a day of it, or by less than a row'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;

    PERFORM set_config('synchronous_commit', 'off', true);

    IF after IS NULL THEN
        after := tavus.trim_begin(what, keep);
    END IF;

    IF tavus.kind_of_events(what) AND (SELECT r.unread FROM tavus.retention r WHERE r.kind = what) THEN
        past := past - interval '7 days';
        bound := tavus.uuid_floor(past);
    END IF;

    CASE what
    WHEN 'browser' THEN
        SELECT array_agg(o.id), array_agg(o.kind) INTO ids, kinds
          FROM (SELECT e.id, e.kind FROM tavus.events e
                 WHERE e.source = 'browser' AND e.id < bound AND e.id > coalesce(after::uuid, since)
                 ORDER BY e.id LIMIT bite) o;
        looked := cardinality(ids);
        last := ids[looked];

        ids := ARRAY(SELECT u.id FROM unnest(ids, kinds) AS u (id, kind) WHERE u.kind <> 3);
        DELETE FROM tavus.events e WHERE e.id = ANY (ids);

    WHEN 'contacts' THEN
        SELECT array_agg(o.id), array_agg(o.event_type) INTO ids, types
          FROM (SELECT e.id, CASE e.source WHEN 'browser' THEN e.event_type END AS event_type
                  FROM tavus.events e
                 WHERE e.kind = 3 AND e.kind <> 0 AND e.id < bound AND e.id > coalesce(after::uuid, since)
                 ORDER BY e.id LIMIT bite) o;
        looked := cardinality(ids);
        last := ids[looked];

        ids := ARRAY(SELECT u.id FROM unnest(ids, types) AS u (id, type) WHERE tavus.written('browser', u.type));
        DELETE FROM tavus.leads l WHERE l.id = ANY (ids);
        DELETE FROM tavus.stats_seen s WHERE s.what = 'l' AND s.id = ANY (ids::text[]);
        DELETE FROM tavus.events e WHERE e.id = ANY (ids);

    WHEN 'transcripts' THEN
        -- nobody makes a talk of them meanwhile
        IF NOT tavus.words_hold() THEN
            RETURN '{"busy":true}';
        END IF;

        -- of a conversation there are hundreds
        want := greatest(bite / 20, 1);

        SELECT array_agg(o.id), array_agg(o.created_id) INTO names, ids
          FROM (SELECT c.id, c.created_id FROM tavus.conversations c
                 WHERE c.created_id < bound AND c.created_id > coalesce(after::uuid, since)
                 ORDER BY c.created_id LIMIT want) o;
        looked := cardinality(ids);
        last := ids[looked];

        PERFORM tavus.talks_drop(names);

        DELETE FROM tavus.events e
         WHERE e.conversation_id = ANY (names) AND tavus.said(e.source, e.event_type)
           AND e.id > tavus.uuid_floor(tavus.uuid_time(ids[1]) - interval '1 day')
           AND e.id < tavus.uuid_floor(tavus.uuid_time(ids[looked]) + interval '40 days');

    WHEN 'trail' THEN
        SELECT array_agg(o.id), array_agg(o.event_type) INTO ids, types
          FROM (SELECT e.id, e.event_type FROM tavus.events e
                 WHERE e.source = 'server' AND e.source <> 'tavus' AND e.id < bound
                   AND e.id > coalesce(after::uuid, since)
                 ORDER BY e.id LIMIT bite) o;
        looked := cardinality(ids);
        last := ids[looked];

        ids := ARRAY(SELECT u.id FROM unnest(ids, types) AS u (id, type) WHERE tavus.trails('server', u.type));
        DELETE FROM tavus.events e WHERE e.id = ANY (ids);

    WHEN 'quarantine' THEN
        SELECT array_agg(o.digest), array_agg(o.id) INTO keys, ids
          FROM (SELECT q.digest, q.id FROM tavus.quarantine q
                 WHERE q.id < bound AND q.id > coalesce(after::uuid, since)
                 ORDER BY q.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        DELETE FROM tavus.quarantine q WHERE q.digest = ANY (keys);

    WHEN 'intents' THEN
        SELECT array_agg(o.nonce), array_agg(o.seen_at) INTO keys, times
          FROM (SELECT i.nonce, i.seen_at FROM tavus.intents i
                 WHERE i.seen_at < past
                   AND i.seen_at > coalesce(after::timestamptz, '-infinity')
                 ORDER BY i.seen_at LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(times);
        last := times[looked];

        DELETE FROM tavus.intents i WHERE i.nonce = ANY (keys);

    WHEN 'conversations' THEN
        IF NOT tavus.words_hold() THEN
            RETURN '{"busy":true}';
        END IF;

        -- of one there are hundreds of words
        want := greatest(bite / 20, 1);

        SELECT array_agg(o.id), array_agg(o.created_id) INTO names, ids
          FROM (SELECT c.id, c.created_id FROM tavus.conversations c
                 WHERE c.created_id < bound AND c.created_id > coalesce(after::uuid, since)
                 ORDER BY c.created_id LIMIT want FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        DELETE FROM tavus.stats_seen s WHERE s.what = 'c' AND s.id = ANY (names);
        PERFORM tavus.talks_drop(names);

        DELETE FROM tavus.conversations c WHERE c.id = ANY (names);

    WHEN 'elsewhere' THEN
        SELECT array_agg(o.id) INTO ids
          FROM (SELECT x.id FROM tavus.elsewhere x
                 WHERE x.id < bound AND x.id > coalesce(after::uuid, since)
                 ORDER BY x.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        DELETE FROM tavus.elsewhere x WHERE x.id = ANY (ids);

    WHEN 'consents' THEN
        -- one event may have decided for two
        SELECT array_agg(o.subject), array_agg(o.decided_id) INTO names, ids
          FROM (SELECT c.subject, c.decided_id FROM tavus.consents c
                 WHERE c.decided_id < bound AND c.decided_id >= coalesce(after::uuid, since)
                 ORDER BY c.decided_id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        DELETE FROM tavus.consents c WHERE c.subject = ANY (names);

    WHEN 'leads' THEN
        SELECT array_agg(o.id) INTO ids
          FROM (SELECT l.id FROM tavus.leads l
                 WHERE l.id < bound AND l.id > coalesce(after::uuid, since)
                 ORDER BY l.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        DELETE FROM tavus.stats_seen s WHERE s.what = 'l' AND s.id = ANY (ids::text[]);
        DELETE FROM tavus.leads l WHERE l.id = ANY (ids);

    WHEN 'alerts' THEN
        SELECT array_agg(o.id), array_agg(o.cleared_at) INTO spots, times
          FROM (SELECT a.id, a.cleared_at FROM tavus.alerts a
                 WHERE a.cleared_at < past
                   AND a.cleared_at > coalesce(after::timestamptz, '-infinity')
                 ORDER BY a.cleared_at LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(times);
        last := times[looked];

        DELETE FROM tavus.alerts a WHERE a.id = ANY (spots);

    WHEN 'orders' THEN
        SELECT array_agg(o.id) INTO ids
          FROM (SELECT r.id FROM tavus.orders r
                 WHERE r.id < bound AND r.id > coalesce(after::uuid, since)
                 ORDER BY r.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];

        -- of those that were never paid nothing says who asked
        UPDATE tavus.orders r
           SET email = NULL, told_email = NULL, conversation_id = NULL, session_id = NULL, user_id = NULL,
               utm_source = NULL, utm_medium = NULL, utm_campaign = NULL, consent = NULL
         WHERE r.id = ANY (ids) AND r.told_at IS NOT NULL AND r.paid_at IS NULL
           AND num_nonnulls(r.email, r.told_email, r.conversation_id, r.session_id, r.user_id, r.utm_source,
                            r.utm_medium, r.utm_campaign, r.consent) > 0;
        DELETE FROM tavus.orders r WHERE r.id = ANY (ids) AND r.told_at IS NULL;

    WHEN 'purchases' THEN
        -- nobody adds to a tree meanwhile
        PERFORM FROM tavus.cursors c WHERE c.name = 'orders' FOR UPDATE SKIP LOCKED;

        IF NOT FOUND THEN
            RETURN '{"trimmed":0}';
        END IF;

        SELECT array_agg(DISTINCT o.tree COLLATE "C"), count(*), max(o.place COLLATE "C")
          INTO names, looked, last
          FROM (SELECT s.tree, s.said_at, lpad(s.said_at::text, 12, '0') || ' ' || md5(s.id) AS place
                  FROM tavus.stripe_objects s
                 WHERE s.said_at < extract(epoch FROM past)
                   AND (s.said_at, md5(s.id)) > (coalesce(split_part(after, ' ', 1)::bigint, -1),
                                                 coalesce(split_part(after, ' ', 2), ''))
                 ORDER BY s.said_at, md5(s.id) LIMIT bite) o;

        names := ARRAY(
            SELECT u.tree FROM unnest(names) AS u (tree)
             WHERE NOT EXISTS (SELECT FROM tavus.stripe_objects s
                                WHERE s.tree = u.tree
                                  AND (s.said_at >= extract(epoch FROM past)
                                       OR s.kind = 'subscription' AND NOT s.settled)));

        DELETE FROM tavus.stats_seen t
         USING (SELECT w.what, CASE w.what WHEN 'o' THEN substr(s.id, 12) ELSE s.id END AS id
                  FROM tavus.stripe_objects s, unnest('{i,o,s}'::text[]) AS w (what)
                 WHERE s.tree = ANY (names)
                   AND CASE w.what WHEN 'o' THEN s.id LIKE 'order:%' WHEN 'i' THEN s.kind = 'invoice'
                                   ELSE s.kind = 'subscription' END OFFSET 0) s
         WHERE t.what = s.what AND t.id = s.id;
        DELETE FROM tavus.subscriptions n USING tavus.stripe_objects s
         WHERE s.tree = ANY (names) AND n.subscription = s.id;
        DELETE FROM tavus.orders r USING tavus.stripe_objects s
         WHERE s.tree = ANY (names) AND s.kind = 'session' AND r.told_session = s.id
           AND r.stripe_session = s.id;
        DELETE FROM tavus.orders r USING tavus.stripe_objects s
         WHERE s.tree = ANY (names) AND s.id LIKE 'order:%' AND r.id = substr(s.id, 12)::uuid
           AND r.livemode = (s.id LIKE 'order:live:%');
        DELETE FROM tavus.stripe_objects s WHERE s.tree = ANY (names);

    WHEN 'log' THEN
        -- From the beginning, rows whose months are gone, all of them; a cursor that has not read them
        -- has missed them.
        bound := (SELECT tavus.uuid_floor(
                             to_timestamp(right(min(c.relname::text), 6), 'YYYYMM')::timestamp
                             AT TIME ZONE 'UTC')
                    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE i.inhparent = 'tavus.events'::regclass
                     AND c.relname ~ '^events_p[0-9]{6}$');

        SELECT array_agg(o.pos ORDER BY o.pos) INTO spots
          FROM (SELECT l.pos, bool_and(bound > ALL (l.ids)) OVER (ORDER BY l.pos) AS gone
                  FROM (SELECT l.pos, l.ids FROM tavus.log l
                         WHERE l.pos > coalesce(after::bigint, -1)
                         ORDER BY l.pos LIMIT bite) l) o
         WHERE o.gone;
        looked := cardinality(spots);
        last := spots[looked];

        UPDATE tavus.cursors c
           SET missed = c.missed + (
                   SELECT sum(cardinality(l.ids) - CASE WHEN l.pos = c.pos
                                                        THEN least(c.ord, cardinality(l.ids))
                                                        ELSE 0 END)
                     FROM tavus.log l
                    WHERE l.pos >= greatest(c.pos, spots[1]) AND l.pos <= spots[looked])
         WHERE c.pos <= spots[looked];

        -- likewise a flight that is to go again
        FOR flight IN
            SELECT f.destination, f.from_pos, f.from_ord, f.missed,
                   sum(CASE WHEN l.pos = f.to_pos THEN f.to_ord ELSE cardinality(l.ids) END
                       - CASE WHEN l.pos = f.from_pos THEN f.from_ord ELSE 0 END) AS n
              FROM tavus.flights f
              JOIN tavus.log l ON l.pos >= f.from_pos AND l.pos >= spots[1]
                              AND l.pos <= f.to_pos AND l.pos <= spots[looked]
             GROUP BY f.destination, f.from_pos, f.from_ord
        LOOP
            PERFORM tavus.deliver_missed(flight.destination, flight.n - flight.missed);

            UPDATE tavus.flights f SET missed = greatest(f.missed - flight.n, 0)
             WHERE (f.destination, f.from_pos, f.from_ord)
                   = (flight.destination, flight.from_pos, flight.from_ord);
        END LOOP;

        DELETE FROM tavus.log l WHERE l.pos = ANY (spots);

    WHEN 'deliveries' THEN
        SELECT array_agg(o.id) FILTER (WHERE o.gone), count(*), max(o.id)
          INTO spots, looked, last
          FROM (SELECT d.id,
                       (SELECT e.id FROM tavus.events e WHERE e.id = d.event_id) IS NULL AS gone
                  FROM tavus.deliveries d
                 WHERE d.id > coalesce(after::bigint, 0)
                 ORDER BY d.id LIMIT bite FOR UPDATE OF d SKIP LOCKED) o;

        PERFORM tavus.deliver_missed(o.destination, o.n)
           FROM (SELECT d.destination, count(*) AS n FROM tavus.deliveries d
                  WHERE d.id = ANY (spots) AND NOT d.dead
                  GROUP BY 1 ORDER BY 1) o;

        DELETE FROM tavus.deliveries d WHERE d.id = ANY (spots);

    WHEN 'stats' THEN
        -- by whom a visit was begun; and hours, when their days are a year old
        SELECT array_agg(o.id), count(*) INTO names, looked
          FROM (SELECT s.id FROM tavus.stats_seen s
                 WHERE (s.what = 'v')::int = 1 AND s.at < past
                 ORDER BY s.at LIMIT bite FOR UPDATE SKIP LOCKED) o;

        SELECT min(s.at) INTO oldest FROM tavus.stats s WHERE s.dim = 'all' AND s.grain = 'hour';
        past := least(past, now() - interval '400 days', oldest + interval '1 day');

        DELETE FROM tavus.stats s
         WHERE s.dim = ANY ('{all,type,event_type,source,vertical,utm_source}') AND s.grain = 'hour' AND s.at < past;
        DELETE FROM tavus.stats_money s
         WHERE s.dim = ANY ('{all,vertical,utm_source}') AND s.grain = 'hour' AND s.at < past;
        DELETE FROM tavus.stats_seen s WHERE s.what = 'v' AND s.id = ANY (names);
        -- from the beginning again
        last := 'more';

    WHEN 'line' THEN
        -- a day, whatever is kept of others
        IF NOT pg_try_advisory_xact_lock(2026, 5) THEN
            RETURN '{"trimmed":0}';
        END IF;

        SELECT array_agg(o.ticket), array_agg(o.made_at) INTO ids, times
          FROM (SELECT l.ticket, l.made_at FROM tavus.line l
                 WHERE l.made_at < now() - interval '1 day'
                   AND l.made_at > coalesce(after::timestamptz, '-infinity')
                 ORDER BY l.made_at LIMIT bite) o;
        looked := cardinality(times);
        last := times[looked];

        DELETE FROM tavus.line l WHERE l.ticket = ANY (ids);

    WHEN 'budget' THEN
        -- places that nobody asks for any more; visitors of days that are over, who may have been of
        -- today when they were looked for; and days
        IF NOT pg_try_advisory_xact_lock(2026, 5) THEN
            RETURN '{"trimmed":0}';
        END IF;

        PERFORM tavus.places_settle(clock_timestamp());
        DELETE FROM tavus.budget_days d WHERE d.day < (past AT TIME ZONE 'UTC')::date;

        SELECT array_agg(o.day), array_agg(o.who) INTO days, keys
          FROM (SELECT v.day, v.who FROM tavus.budget_visitors v
                 WHERE v.day < (now() AT TIME ZONE 'UTC')::date - 1
                 ORDER BY v.day, v.who LIMIT bite) o;
        looked := cardinality(days);

        DELETE FROM tavus.budget_visitors v
         USING unnest(days, keys) AS u (day, who) WHERE v.day = u.day AND v.who = u.who;
        -- from the beginning again
        last := 'more';
    END CASE;

    GET DIAGNOSTICS trimmed = ROW_COUNT;

    last := CASE WHEN looked = want THEN last END;
    PERFORM tavus.trim_end(what, last, bound, trimmed);

    RETURN json_strip_nulls(json_build_object('trimmed', trimmed, 'after', last));
END
$$;
