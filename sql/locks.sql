-- For numbered files: locks tables that are in use against everybody, until the commit.  Whoever
-- comes while a lock is waited for waits as well, so it is tried for 20 ms, again and again: all but
-- that goes on, however long somebody reads.  The commit that ends it waits for no disk.
CREATE OR REPLACE FUNCTION tavus.lock_tables(VARIADIC tables text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    list  text := (SELECT pg_catalog.string_agg(pg_catalog.format('ONLY tavus.%I', t), ', ')
                     FROM pg_catalog.unnest(tables) AS u (t));
    begun timestamptz := pg_catalog.clock_timestamp();
    told  interval := '10 seconds';
    waits interval;
BEGIN
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    PERFORM pg_catalog.set_config('lock_timeout', '20ms', true);

    LOOP
        BEGIN
            EXECUTE 'LOCK TABLE ' || list || ' IN ACCESS EXCLUSIVE MODE';
            EXIT;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            waits := pg_catalog.clock_timestamp() - begun;

            IF waits > interval '1 hour' THEN
                RAISE;
            ELSIF waits > told THEN
                RAISE WARNING 'tavus.% is in use', pg_catalog.array_to_string(tables, ', tavus.')
                    USING HINT = 'It is waited for, up to an hour; nothing else waits.';
                told := told * 3;
            END IF;

            PERFORM pg_catalog.pg_sleep(0.5);
        END;
    END LOOP;
END
$$;
