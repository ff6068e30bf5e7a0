-- What retention does to the log and to cursors.
\ir setup.sql
SELECT plan(19);

CREATE FUNCTION pg_temp.start(n int) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month') AT TIME ZONE 'UTC'
$$;
CREATE FUNCTION pg_temp.name(n int) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(pg_temp.start(n) AT TIME ZONE 'UTC', '"events_p"YYYYMM')
$$;
CREATE FUNCTION pg_temp.id_of(n int) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(tavus.uuid_floor(pg_temp.start(n) + interval '1 hour')::text PLACING '7' FROM 15 FOR 1)::uuid
$$;
-- drops what it may when month n has been past retention for so long
CREATE FUNCTION pg_temp.drop(n int, since interval) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    did jsonb;
BEGIN
    LOOP
        did := tavus.drop_months(now() - pg_temp.start(n + 1) - since)::jsonb;
        IF NOT (did -> 'more')::boolean THEN
            RETURN did;
        END IF;
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.there(n int) RETURNS boolean LANGUAGE sql AS $$
    SELECT to_regclass('tavus.' || pg_temp.name(n)) IS NOT NULL
$$;
CREATE FUNCTION pg_temp.trimmed(bite int) RETURNS text LANGUAGE sql AS $$
    SELECT tavus.trim('log', '60 days', bite)::jsonb ->> 'trimmed'
$$;
CREATE FUNCTION pg_temp.missed() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(name || missed, ' ' ORDER BY name) FROM tavus.cursors
$$;

SET LOCAL ROLE tavus_owner;
SELECT tavus.add_partition(date_trunc('month', now() AT TIME ZONE 'UTC') - n * interval '1 month')
  FROM generate_series(3, 7) n \g /dev/null
RESET ROLE;
INSERT INTO tavus.events
SELECT pg_temp.id_of(n), now(), 0, 'tavus', 'a', NULL, NULL, '{}' FROM unnest('{-6,-5,-4,0}'::int[]) n;
SELECT tavus.cursor_make('slow', true) \g /dev/null
INSERT INTO tavus.log (ids) SELECT ARRAY[pg_temp.id_of(n)] FROM unnest('{-6,-5,-4,0}'::int[]) n;
SELECT tavus.cursor_make('quick') \g /dev/null

SELECT is(tavus.log_unread(pg_temp.id_of(-6)), false, 'nothing older');
UPDATE tavus.log_past SET whole = false;
SELECT is(tavus.log_unread(pg_temp.id_of(-6)), true, 'that is known');
UPDATE tavus.log_past SET whole = true;
SELECT is(pg_temp.trimmed(100), '0', 'while the events are there nothing is trimmed');
SELECT is(pg_temp.drop(-5, '3 days') -> 'unread', jsonb_build_array(pg_temp.name(-5)),
          'a month that a cursor has not read is kept');
SELECT ok(pg_temp.there(-5) AND NOT pg_temp.there(-6), 'for a week, not for ever');
SELECT is(pg_temp.trimmed(1), '1', 'what is gone is trimmed');
SELECT is(pg_temp.missed(), 'quick0 slow1', 'who has not read it has missed it');
SELECT is(pg_temp.trimmed(100), '0', 'and nothing more');
SELECT is((SELECT array_agg(t.id) FROM tavus.tail('slow', 1) t), ARRAY[pg_temp.id_of(-5)],
          'what was kept is read');
SELECT is(pg_temp.drop(-5, '3 days') -> 'unread', NULL, 'then nobody is waited for');
SELECT ok(NOT pg_temp.there(-5) AND pg_temp.there(-4), 'and the month is dropped');
SELECT is(pg_temp.trimmed(100), '1', 'its rows are trimmed');
SELECT is(pg_temp.missed(), 'quick0 slow1', 'which nobody missed');
SELECT is(pg_temp.drop(-4, '8 days') -> 'unread', NULL, 'after a week nobody is waited for');
SELECT is((SELECT array_agg(t.id) FROM tavus.tail('slow', 9) t), ARRAY[pg_temp.id_of(0)],
          'what is gone is passed over');
SELECT is(pg_temp.missed(), 'quick0 slow2', 'and counted');
SELECT is(pg_temp.trimmed(100), '1', 'its row is trimmed');
SELECT is(pg_temp.missed(), 'quick0 slow2', 'and not counted again');
SELECT is((SELECT count(*) FROM tavus.log), 1::bigint, 'the rest is kept');
SELECT * FROM finish();
ROLLBACK;
