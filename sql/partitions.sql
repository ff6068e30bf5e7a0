-- The months of events: partitions that come and go.  nginx's upkeep calls each function by itself, so
-- that each is a transaction of its own, and none can undo or delay another.  They answer JSON:
-- "waiting" is what could not be locked in time, for the next call.

-- Makes the month's partition of events, if it is missing.  It is built aside and attached:
-- CREATE … PARTITION OF would lock out every INSERT behind one long reader, ATTACH does not.  A table
-- of that name that is no partition, as one that was detached by hand, becomes one again.
CREATE OR REPLACE FUNCTION tavus.add_partition(month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    name text := pg_catalog.to_char(month, '"events_p"YYYYMM');
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_inherits i
                WHERE i.inhparent = 'tavus.events'::regclass
                  AND i.inhrelid = pg_catalog.to_regclass('tavus.' || name))
    THEN
        RETURN false;
    END IF;

    IF pg_catalog.to_regclass('tavus.' || name) IS NULL THEN
        EXECUTE pg_catalog.format('CREATE TABLE tavus.%I (LIKE tavus.events INCLUDING ALL)', name);
    END IF;

    EXECUTE pg_catalog.format(
        'ALTER TABLE tavus.events ATTACH PARTITION tavus.%I FOR VALUES FROM (%L) TO (%L)', name,
        tavus.uuid_floor(month AT TIME ZONE 'UTC'),
        tavus.uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'));

    RETURN true;
END
$$;

-- Keeps partitions from two months back to three months ahead, the nearest first.  Intake never
-- waits for the lock that this waits for, nor behind it.
CREATE OR REPLACE FUNCTION tavus.make_months() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '1s'
SET client_min_messages = warning
AS $$
DECLARE
    month   timestamp;
    part    text;
    created text[] := '{}';
    waiting text[] := '{}';
    failed  text[] := '{}';
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 2) THEN
        RETURN '{"busy":true}';
    END IF;

    FOR month, part IN
        SELECT m.month, to_char(m.month, '"events_p"YYYYMM')
          FROM (SELECT i, date_trunc('month', now() AT TIME ZONE 'UTC')
                          + make_interval(months => i) AS month
                  FROM generate_series(-2, 3) AS s (i)) m
         ORDER BY m.i < 0, abs(m.i)
    LOOP
        BEGIN
            IF tavus.add_partition(month) THEN
                created := created || part;
            END IF;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                -- the others would wait for the same lock
                waiting := waiting || part;
                EXIT;
            WHEN OTHERS THEN
                failed := failed || (part || ': ' || SQLERRM);
        END;
    END LOOP;

    RETURN json_build_object('created', created, 'waiting', waiting, 'failed', failed)::text;
END
$$;

-- Those without a partition within 35 days back and a month ahead.
CREATE OR REPLACE FUNCTION tavus.missing_months() RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT ARRAY(
        SELECT to_char(m.month, 'YYYY-MM')
          FROM generate_series(
                   date_trunc('month', (now() - interval '35 days') AT TIME ZONE 'UTC'),
                   date_trunc('month', (now() + interval '1 month') AT TIME ZONE 'UTC'),
                   interval '1 month') AS m (month)
         WHERE NOT EXISTS (
             SELECT FROM pg_inherits i
              WHERE i.inhparent = 'tavus.events'::regclass
                AND i.inhrelid = to_regclass('tavus.' || to_char(m.month, '"events_p"YYYYMM')))
         ORDER BY m.month)
$$;

-- What nodes call that have not been upgraded yet.
CREATE OR REPLACE FUNCTION tavus.maintain(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT tavus.make_months()
$$;

-- Drops one month past retention (at least 60 days), and tells whether there are more.  One that a
-- cursor has not read is kept for a week; then it is not waited for.  Intake waits while the lock on
-- events is waited for, and until the commit: tries are short and few, what else has to be locked is
-- locked before, and the commit waits for no disk and no standby.
CREATE OR REPLACE FUNCTION tavus.drop_months(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '20ms'
SET client_min_messages = warning
AS $$
DECLARE
    past    timestamptz := now() - greatest(coalesce(retention, '400 days'), interval '60 days');
    present timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    due     text[];
    unread  text[];
    part    text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;

    SELECT coalesce(array_agg(m.name ORDER BY m.name) FILTER (WHERE NOT m.unread), '{}'),
           array_agg(m.name ORDER BY m.name) FILTER (WHERE m.unread)
      INTO due, unread
      FROM (SELECT p.name,
                   p.ends > past - interval '7 days'
                   AND tavus.log_unread(tavus.uuid_floor(p.ends)) AS unread
              FROM (SELECT c.relname::text AS name,
                           to_timestamp(right(c.relname, 6), 'YYYYMM')::timestamp AS month,
                           (to_timestamp(right(c.relname, 6), 'YYYYMM')::timestamp
                            + interval '1 month') AT TIME ZONE 'UTC' AS ends
                      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                     WHERE i.inhparent = 'tavus.events'::regclass
                       AND c.relname ~ '^events_p[0-9]{6}$'
                    OFFSET 0) p
             WHERE p.month < present - interval '2 months' AND p.ends <= past
            OFFSET 0) m;

    PERFORM set_config('synchronous_commit', 'off', true);

    INSERT INTO tavus.retention AS r (kind, keep, done_at, unread)
    VALUES ('events', now() - past, CASE WHEN due = '{}' THEN now() END, unread IS NOT NULL)
    ON CONFLICT (kind) DO UPDATE
       SET keep = EXCLUDED.keep, ran_at = now(), done_at = coalesce(EXCLUDED.done_at, r.done_at),
           unread = EXCLUDED.unread;

    FOREACH part IN ARRAY due[:5] LOOP
        BEGIN
            EXECUTE format('LOCK TABLE tavus.%I IN ACCESS EXCLUSIVE MODE', part);
            LOCK TABLE ONLY tavus.events IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('ALTER TABLE tavus.events DETACH PARTITION tavus.%I', part);
            EXECUTE format('DROP TABLE tavus.%I', part);
            UPDATE tavus.retention r SET removed = r.removed + 1 WHERE r.kind = 'events';

            RETURN json_strip_nulls(json_build_object(
                'dropped', ARRAY[part], 'waiting', '{}'::text[], 'more', cardinality(due) > 1,
                'unread', unread));
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;

    RETURN json_strip_nulls(json_build_object(
        'dropped', '{}'::text[], 'waiting', due, 'more', false, 'unread', unread));
END
$$;
