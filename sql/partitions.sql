-- Housekeeping, called by a timer of nginx's workers.

-- Makes the month's partition of events, if it is missing.  It is built aside and attached:
-- CREATE … PARTITION OF would lock out every INSERT behind one long reader, ATTACH does not.
CREATE OR REPLACE FUNCTION tavus.add_partition(month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    name text := pg_catalog.to_char(month, '"events_p"YYYYMM');
BEGIN
    IF pg_catalog.to_regclass('tavus.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;

    EXECUTE pg_catalog.format('CREATE TABLE tavus.%I (LIKE tavus.events INCLUDING ALL)', name);
    EXECUTE pg_catalog.format(
        'ALTER TABLE tavus.events ATTACH PARTITION tavus.%I FOR VALUES FROM (%L) TO (%L)', name,
        tavus.uuid_floor(month AT TIME ZONE 'UTC'),
        tavus.uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'));

    RETURN true;
END
$$;

-- Keeps partitions from two months back to three months ahead, drops those past retention (at
-- least 60 days), and trims what else has grown old.  Gives way to its like and to long readers:
-- what could not be locked in time is reported as waiting, for the next call.
CREATE OR REPLACE FUNCTION tavus.maintain(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET client_min_messages = warning
AS $$
DECLARE
    span    interval := greatest(coalesce(retention, '400 days'), interval '60 days');
    past    timestamptz := now() - span;
    bound   uuid := tavus.uuid_floor(past);
    present timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month   timestamp;
    part    text;
    tries   int;
    trimmed bigint;
    total   bigint := 0;
    created text[] := '{}';
    dropped text[] := '{}';
    waiting text[] := '{}';
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 2) THEN
        RETURN '{"busy":true}';
    END IF;

    FOR i IN -2 .. 3 LOOP
        month := present + make_interval(months => i);
        part := to_char(month, '"events_p"YYYYMM');
        tries := 0;
        LOOP
            BEGIN
                IF tavus.add_partition(month) THEN
                    created := created || part;
                END IF;
                EXIT;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                tries := tries + 1;
                IF tries = 5 THEN
                    waiting := waiting || part;
                    EXIT;
                END IF;
                PERFORM pg_sleep(0.1 * tries);
            END;
        END LOOP;
    END LOOP;

    -- In bites, in whatever is not locked: the next call takes the rest.

    DELETE FROM tavus.digests d USING (
        SELECT digest FROM tavus.digests
         WHERE seen_at < greatest(past, now() - interval '90 days')
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE d.digest = old.digest;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;

    DELETE FROM tavus.quarantine q USING (
        SELECT digest FROM tavus.quarantine WHERE id < bound
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE q.digest = old.digest;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;

    DELETE FROM tavus.intents i USING (
        SELECT nonce FROM tavus.intents WHERE seen_at < past
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE i.nonce = old.nonce;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;

    DELETE FROM tavus.conversations c USING (
        SELECT id FROM tavus.conversations WHERE created_id < bound
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE c.id = old.id;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;

    -- Last, as the locks that DETACH takes are held from here to the commit.

    FOR part, month IN
        SELECT c.relname, to_timestamp(right(c.relname, 6), 'YYYYMM')::timestamp
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'tavus.events'::regclass AND c.relname ~ '^events_p[0-9]{6}$'
         ORDER BY c.relname
    LOOP
        CONTINUE WHEN month >= present - interval '2 months'
                   OR (month + interval '1 month') AT TIME ZONE 'UTC' > past;
        tries := 0;
        LOOP
            BEGIN
                EXECUTE format('ALTER TABLE tavus.events DETACH PARTITION tavus.%I', part);
                EXECUTE format('DROP TABLE tavus.%I', part);
                dropped := dropped || part;
                EXIT;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                tries := tries + 1;
                IF tries = 5 THEN
                    waiting := waiting || part;
                    EXIT;
                END IF;
                PERFORM pg_sleep(0.1 * tries);
            END;
        END LOOP;
    END LOOP;

    RETURN json_build_object('created', created, 'dropped', dropped, 'waiting', waiting,
                             'trimmed', total)::text;
END
$$;
