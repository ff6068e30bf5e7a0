-- The log: positions, which are final, and the ways to read on.
--
-- Each batch that stores something adds its ids to tavus.log, in its own transaction, at a position of a
-- sequence.  Positions become visible in any order.  So a batch first takes an advisory lock whose key is
-- the position before its own, shared, and it goes with the transaction, late, prepared or dead.  What
-- lies below all these locks is final: it is there, or never will be.  Nobody else's transaction holds
-- readers up.
--
-- The order of steps is what makes it true.  A batch: the lock, then nextval().  A reader: the position
-- that was given last, then the locks, then, in a new snapshot, the rows.  So all that reads is VOLATILE,
-- in statements of its own, and refuses a transaction that keeps one snapshot, and a standby, which knows
-- no locks of others.
--
-- A place in the log is (pos, ord): all before pos was read, and of pos that many ids.

-- Keys of the locks: this and a position.  Positions stay below it; nothing else here has keys of bigint.
CREATE OR REPLACE FUNCTION tavus.log_key() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 4611686018427387904;     -- 2^62

-- The first position of what was stored since there is a log.
CREATE OR REPLACE FUNCTION tavus.log_first() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1099511627776;           -- 2^40, as in 0012_log.sql

-- Locks the position before the one that this transaction will take.  An expression, as a query of its own
-- costs ten times as much.
CREATE OR REPLACE FUNCTION tavus.log_lock() RETURNS void
LANGUAGE sql VOLATILE
RETURN pg_advisory_xact_lock_shared(
    tavus.log_key() + coalesce(pg_sequence_last_value('tavus.log_pos'), tavus.log_first()));

-- Adds ids of events that this transaction, of tavus.record(), has stored.
CREATE OR REPLACE FUNCTION tavus.log_add(fresh uuid[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF cardinality(fresh) <= 100 THEN
        INSERT INTO tavus.log (ids) VALUES (fresh);

    ELSE
        INSERT INTO tavus.log (ids)
        SELECT fresh[i : i + 99] FROM generate_series(1, cardinality(fresh), 100) AS s (i);
    END IF;
END
$$;

-- How far the log is final.  What this transaction itself has stored is not, before it is committed.
CREATE OR REPLACE FUNCTION tavus.log_end() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET jit = off
AS $$
DECLARE
    last bigint;
    held bigint;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE 'a standby cannot tell how far the log is final'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE 'the log is read in transactions that are READ COMMITTED'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    SELECT s.last_value INTO last FROM tavus.log_pos s;

    SELECT min((l.classid::bigint << 32) + l.objid::bigint) - tavus.log_key() INTO held
      FROM pg_locks l
     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.mode = 'ShareLock'
       AND l.classid::bigint >= tavus.log_key() >> 32
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());

    RETURN least(last, held);
END
$$;

-- The end of the next ids that are final, how many they are, and whether there may be more: most, 10,000 at most.
-- With a sort (tavus.log_sort()) batches that have nothing of it are passed over beyond that, up to 10,000 of
-- their ids or 2,000 of them.  If there are none it is where it began.  From the beginning there are none until
-- all that was stored before the log is in it.
DROP FUNCTION IF EXISTS tavus.log_window(bigint, int, int);
CREATE OR REPLACE FUNCTION tavus.log_window(
    pos bigint, ord int, most int, sort int DEFAULT NULL, OUT to_pos bigint, OUT to_ord int, OUT n int, OUT more boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    final  bigint;
    size   int;
    fresh  int;
    at     bigint;
    counts boolean;
    rows   int := 0;
    left_  int;
BEGIN
    to_pos := pos;
    to_ord := ord;
    n := 0;
    more := false;
    left_ := least(greatest(most, 1), 10000);

    IF pos < tavus.log_first() AND NOT (SELECT p.whole FROM tavus.log_past p) THEN
        RETURN;
    END IF;

    -- what nothing is after needs no look at locks
    IF NOT EXISTS (SELECT FROM tavus.log l WHERE l.pos >= pos AND (l.pos > pos OR cardinality(l.ids) > ord)) THEN
        RETURN;
    END IF;

    final := tavus.log_end();

    FOR at, size, counts IN
        SELECT l.pos, cardinality(l.ids), sort IS NULL OR l.sorts IS NULL OR l.sorts & sort <> 0
          FROM tavus.log l
         WHERE l.pos >= pos AND l.pos <= final
         ORDER BY l.pos LIMIT CASE WHEN sort IS NULL THEN left_ + 1 ELSE 2001 END
    LOOP
        fresh := size - CASE WHEN at = pos THEN ord ELSE 0 END;
        CONTINUE WHEN fresh <= 0;

        to_pos := at;
        to_ord := size;
        rows := rows + 1;

        IF counts AND fresh >= left_ THEN
            to_ord := size - (fresh - left_);
            n := n + left_;
            more := true;
            RETURN;
        END IF;

        n := n + fresh;
        left_ := left_ - CASE WHEN counts THEN fresh ELSE 0 END;
        more := rows >= 2000 OR n >= 10000;
        EXIT WHEN more;
    END LOOP;
END
$$;

-- The ids of a window, of what was deleted too.
CREATE OR REPLACE FUNCTION tavus.log_ids(from_pos bigint, from_ord int, to_pos bigint, to_ord int)
RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT unnest(CASE WHEN l.pos > from_pos AND l.pos < to_pos THEN l.ids
                           ELSE l.ids[CASE WHEN l.pos > from_pos THEN 0 ELSE least(from_ord, 2147483646) END + 1
                                      : CASE WHEN l.pos < to_pos THEN cardinality(l.ids) ELSE to_ord END] END)
          FROM tavus.log l WHERE l.pos >= from_pos AND l.pos <= to_pos);
END
$$;

-- The events of a window, in the order of the log: those with one of these names, or a prefix that is
-- followed by anything, or of all types, if both are NULL.  A type in except_ matches no prefix.  Of
-- batches that have nothing of a sort (tavus.log_sort()) there may be none.  What was deleted is left out.
DROP FUNCTION IF EXISTS tavus.log_events(bigint, int, bigint, int, text[], text[], text[]);
CREATE OR REPLACE FUNCTION tavus.log_events(
    from_pos bigint, from_ord int, to_pos bigint, to_ord int,
    names text[] DEFAULT NULL, prefixes text[] DEFAULT NULL, except_ text[] DEFAULT NULL, sort int DEFAULT NULL)
RETURNS TABLE (
    pos bigint, ord int, id uuid, received_at timestamptz, kind smallint, source text,
    event_type text, conversation_id text, body bytea)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT u.pos, u.ord, e.*
      FROM (SELECT l.pos, i.id, i.ord::int
              FROM (SELECT l.pos, l.ids FROM tavus.log l
                     WHERE l.pos >= from_pos AND l.pos <= to_pos
                       AND (sort IS NULL OR l.sorts IS NULL OR l.sorts & sort <> 0)
                     ORDER BY l.pos OFFSET 0) l
             CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS i (id, ord)
             WHERE (l.pos > from_pos OR i.ord > from_ord)
               AND (l.pos < to_pos OR i.ord <= to_ord)
            OFFSET 0) u
     CROSS JOIN LATERAL (
           SELECT e.id, e.received_at, e.kind, e.source, e.event_type, e.conversation_id, e.body
             FROM tavus.events e WHERE e.id = u.id OFFSET 0) e
     WHERE names IS NULL AND prefixes IS NULL
        OR e.event_type = ANY (names)
        OR e.event_type <> ALL (coalesce(except_, '{}'))
           AND EXISTS (SELECT FROM unnest(prefixes) AS p (prefix)
                        WHERE starts_with(e.event_type, p.prefix))
     ORDER BY u.pos, u.ord;
END
$$;

-- How many of a window's events are there no more.  Nothing is deleted within a day of its own time.
CREATE OR REPLACE FUNCTION tavus.log_missing(
    from_pos bigint, from_ord int, to_pos bigint, to_ord int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    young uuid := tavus.uuid_floor(now() - interval '1 day');
BEGIN
    RETURN (
        SELECT count(*)
          FROM unnest(tavus.log_ids(from_pos, from_ord, to_pos, to_ord)) AS i (id)
         WHERE i.id < young
           AND (SELECT e.id FROM tavus.events e WHERE e.id = i.id) IS NULL);
END
$$;

-- Cursors: readers inside this database, which are moved in the transaction that does their work.  They
-- go back with it when it is set back.

-- Makes one, where there is none of that name: it begins with what is not final yet, or with all that is
-- stored.  Answers whether it was made.
CREATE OR REPLACE FUNCTION tavus.cursor_make(name text, at_beginning boolean DEFAULT false)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
BEGIN
    INSERT INTO tavus.cursors (name, pos, ord)
    SELECT cursor_make.name, CASE WHEN at_beginning THEN 0 ELSE tavus.log_end() END,
           CASE WHEN at_beginning THEN 0 ELSE 2147483647 END
    ON CONFLICT DO NOTHING;

    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION tavus.cursor_drop(name text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
BEGIN
    DELETE FROM tavus.cursors c WHERE c.name = cursor_drop.name;
    RETURN FOUND;
END
$$;

-- Takes the next window for a cursor and moves it to the window's end: what is done with the window is
-- done, if the transaction commits.  No row if there is nothing, or somebody else has the cursor.
DROP FUNCTION IF EXISTS tavus.cursor_take(text, int);
CREATE OR REPLACE FUNCTION tavus.cursor_take(name text, most int, sort int DEFAULT NULL)
RETURNS TABLE (from_pos bigint, from_ord int, to_pos bigint, to_ord int, n int, more boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    SELECT c.pos, c.ord INTO from_pos, from_ord FROM tavus.cursors c
     WHERE c.name = name FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    SELECT w.* INTO to_pos, to_ord, n, more FROM tavus.log_window(from_pos, from_ord, most, sort) w;

    IF n > 0 THEN
        UPDATE tavus.cursors c
           SET pos = to_pos, ord = to_ord, moved_at = now(),
               missed = c.missed + tavus.log_missing(from_pos, from_ord, to_pos, to_ord)
         WHERE c.name = name;

        RETURN NEXT;
    END IF;
END
$$;

-- The one way to read on: takes the next window and answers its events.
CREATE OR REPLACE FUNCTION tavus.tail(
    name text, most int,
    names text[] DEFAULT NULL, prefixes text[] DEFAULT NULL, except_ text[] DEFAULT NULL)
RETURNS TABLE (
    pos bigint, ord int, id uuid, received_at timestamptz, kind smallint, source text,
    event_type text, conversation_id text, body bytea)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
DECLARE
    w record;
BEGIN
    SELECT t.* INTO w FROM tavus.cursor_take(name, most) t;

    IF FOUND THEN
        RETURN QUERY SELECT e.* FROM tavus.log_events(w.from_pos, w.from_ord, w.to_pos, w.to_ord,
                                                      names, prefixes, except_) e;
    END IF;
END
$$;

-- How far a cursor is behind: events, 10,000 at most, and seconds since the next one was stored.
CREATE OR REPLACE FUNCTION tavus.cursor_lag(
    pos bigint, ord int, OUT events int, OUT seconds int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    r     record;
    fresh int;
BEGIN
    events := 0;
    seconds := 0;

    FOR r IN
        SELECT l.pos, l.at, cardinality(l.ids) AS size FROM tavus.log l
         WHERE l.pos >= pos ORDER BY l.pos
    LOOP
        fresh := r.size - CASE WHEN r.pos = pos THEN ord ELSE 0 END;
        CONTINUE WHEN fresh <= 0;

        IF events = 0 THEN
            seconds := greatest(extract(epoch FROM clock_timestamp() - r.at), 0);
        END IF;

        events := least(events + fresh, 10000);
        EXIT WHEN events = 10000;
    END LOOP;
END
$$;

-- Since how many seconds something that is stored is held up, and by whom; NULL and NULL, or less, if
-- nothing is.
CREATE OR REPLACE FUNCTION tavus.log_held(OUT seconds int, OUT who text)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    held record;
BEGIN
    SELECT l.pid, l.virtualtransaction AS xact,
           (l.classid::bigint << 32) + l.objid::bigint - tavus.log_key() AS pos
      INTO held
      FROM pg_locks l
     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.mode = 'ShareLock'
       AND l.classid::bigint >= tavus.log_key() >> 32
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
     ORDER BY 3 LIMIT 1;

    seconds := extract(epoch FROM clock_timestamp() - (
                   SELECT l.at FROM tavus.log l WHERE l.pos > held.pos ORDER BY l.pos LIMIT 1))::int;

    IF seconds > 0 THEN
        who := coalesce(
            (SELECT format('prepared transaction "%s" of %s', x.gid, x.owner)
               FROM pg_locks l JOIN pg_prepared_xacts x ON x.transaction = l.transactionid
              WHERE l.locktype = 'transactionid' AND l.pid IS NULL
                AND l.virtualtransaction = held.xact AND held.pid IS NULL LIMIT 1),
            (SELECT format('process %s of %s, "%s"', a.pid, a.usename, a.application_name)
               FROM pg_stat_activity a WHERE a.pid = held.pid));
    END IF;
END
$$;

-- For health and metrics: since when what is stored is held up, in seconds, and by whom; how far each
-- cursor is behind; whether what was stored before the log is in it.
CREATE OR REPLACE FUNCTION tavus.log_state() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    held record;
BEGIN
    SELECT h.seconds, h.who INTO held FROM tavus.log_held() h;

    RETURN json_build_object(
        'held_seconds', coalesce(held.seconds, 0),
        'held_by', held.who,
        'past', (SELECT p.whole FROM tavus.log_past p),
        'cursors', coalesce((
            SELECT json_agg(json_build_object(
                       'name', c.name, 'events', g.events, 'seconds', g.seconds,
                       'missed', c.missed) ORDER BY c.name)
              FROM tavus.cursor_places() c, tavus.cursor_lag(c.pos, c.ord) g), '[]'))::text;
END
$$;

-- Whether a cursor stands before an event of before an id.  One that is over 10,000 rows behind does, and
-- one that waits for what was stored before the log.
CREATE OR REPLACE FUNCTION tavus.log_unread(bound uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    slowest record;
BEGIN
    SELECT c.pos, c.ord INTO slowest FROM tavus.cursor_places() c ORDER BY c.pos, c.ord LIMIT 1;

    RETURN FOUND AND (
        SELECT slowest.pos < tavus.log_first() AND NOT (SELECT p.whole FROM tavus.log_past p)
               OR count(*) > 10000
               OR coalesce(bool_or(bound > ANY (l.ids[CASE WHEN l.pos = slowest.pos
                                                           THEN slowest.ord ELSE 0 END + 1:])), false)
          FROM (SELECT l.pos, l.ids FROM tavus.log l
                 WHERE l.pos >= slowest.pos ORDER BY l.pos LIMIT 10001) l);
END
$$;

-- Readers outside.  What they are told is a place and the epoch in which it was told, and the epoch notes
-- the furthest of these: so who comes with a place that this database has not told has read what it has
-- lost, and must be told so.  To compare positions would not do: a standby may have one and have lost the
-- one before it, which was committed later.  The text may be handed out when the transaction has
-- committed.

-- The epoch of this run of a server, with this database and this table.  It begins one if the last is of
-- another: after each start, hence after a standby was promoted, a dump restored, or all files set back
-- to what they were, by whomever.
CREATE OR REPLACE FUNCTION tavus.log_epoch() RETURNS tavus.log_epochs
LANGUAGE plpgsql
AS $$
DECLARE
    epoch tavus.log_epochs;
    file  oid := pg_relation_filenode('tavus.log');
    here  oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
BEGIN
    FOR try IN 1 .. 2 LOOP
        SELECT e.* INTO epoch FROM tavus.log_epochs e ORDER BY e.epoch DESC LIMIT 1;

        IF (epoch.started, epoch.database, epoch.filenode)
           = (pg_postmaster_start_time(), here, file)
        THEN
            RETURN epoch;
        END IF;

        IF try = 1 THEN
            PERFORM pg_advisory_xact_lock(2026, 4);
        END IF;
    END LOOP;

    INSERT INTO tavus.log_epochs (epoch, started, database, filenode)
    VALUES (coalesce(epoch.epoch, 0) + 1, pg_postmaster_start_time(), here, file)
    RETURNING * INTO epoch;

    RETURN epoch;
END
$$;

CREATE OR REPLACE FUNCTION tavus.log_place(pos bigint, ord int) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    epoch tavus.log_epochs := tavus.log_epoch();
BEGIN
    IF pos > tavus.log_end() THEN
        RAISE 'a place that is not final' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    UPDATE tavus.log_epochs e SET told = pos WHERE e.epoch = epoch.epoch AND e.told < pos;

    RETURN concat_ws('.', epoch.id, pos, ord);
END
$$;

-- Where to go on after a place that was told.  If it is none, or one that this database does not know,
-- ahead is true, and it is the end of the log.
CREATE OR REPLACE FUNCTION tavus.log_resume(
    place text, OUT pos bigint, OUT ord int, OUT ahead boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    part text[] := regexp_match(place, '^([0-9a-f-]{36})\.([0-9]{1,19})\.([0-9]{1,10})$');
BEGIN
    BEGIN
        pos := part[2];
        ord := part[3];
        ahead := NOT EXISTS (SELECT FROM tavus.log_epochs e
                              WHERE e.id = part[1]::uuid AND e.told >= pos);
    EXCEPTION WHEN data_exception THEN
        ahead := true;
    END;

    IF ahead OR part IS NULL THEN
        pos := tavus.log_end();
        ord := 2147483647;
        ahead := true;
    END IF;
END
$$;
