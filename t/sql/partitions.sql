-- Months come and go; what is old is trimmed.
\ir setup.sql
SELECT plan(22);

CREATE FUNCTION pg_temp.month(n int) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month',
                   '"events_p"YYYYMM')
$$;
CREATE FUNCTION pg_temp.old(age interval) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(tavus.uuid_floor(now() - age)::text PLACING '7' FROM 15 FOR 1)::uuid
$$;
CREATE VIEW pg_temp.parts AS
    SELECT array_agg(c.relname::text ORDER BY c.relname) AS names
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'tavus.events'::regclass;

SELECT is(tavus.uuid_floor('2026-11-01 00:00:00+00'), '01a19467-e800-0000-0000-000000000000',
          'uuid_floor');
SELECT is(tavus.uuid_time(tavus.uuid_floor('2026-11-01 00:00:00.1239+00')),
          '2026-11-01 00:00:00.123+00', 'uuid_time floors to milliseconds');
SELECT is(tavus.uuid_floor('infinity')::text || tavus.uuid_floor('-infinity'),
          'ffffffff-ffff-0000-0000-00000000000000000000-0000-0000-0000-000000000000', 'infinities');
SELECT is((SELECT names FROM pg_temp.parts),
          (SELECT array_agg(pg_temp.month(n) ORDER BY n) FROM generate_series(-2, 3) n),
          'two months back to three ahead');
SELECT is(tavus.make_months()::jsonb, '{"created":[],"waiting":[],"failed":[]}', 'nothing to do');
DO $$ BEGIN EXECUTE 'DROP TABLE tavus.' || pg_temp.month(3); END $$;
SELECT is(tavus.make_months()::jsonb -> 'created', jsonb_build_array(pg_temp.month(3)),
          'a missing month is made');
SELECT is((SELECT count(*) FROM pg_index
            WHERE indrelid = ('tavus.' || pg_temp.month(3))::regclass), 4::bigint,
          'with its indexes');
SELECT is((SELECT count(DISTINCT attcompression) FROM pg_attribute WHERE attname = 'body'
            AND attrelid IN ('tavus.events'::regclass, ('tavus.' || pg_temp.month(3))::regclass)),
          1::bigint, 'and compression');
DO $$ BEGIN EXECUTE 'ALTER TABLE tavus.events DETACH PARTITION tavus.' || pg_temp.month(2); END $$;
SELECT is(tavus.make_months()::jsonb -> 'created', jsonb_build_array(pg_temp.month(2)),
          'a month that was detached is attached');

DO $$ BEGIN EXECUTE 'DROP TABLE tavus.' || pg_temp.month(0) || ', tavus.' || pg_temp.month(3);
            EXECUTE 'CREATE VIEW tavus.' || pg_temp.month(0) || ' AS SELECT 1'; END $$;
CREATE TEMP TABLE did AS SELECT tavus.make_months()::jsonb AS did;
SELECT is((SELECT did -> 'created' FROM did), jsonb_build_array(pg_temp.month(3)),
          'a month that cannot be made keeps no other from it');
SELECT matches((SELECT did -> 'failed' ->> 0 FROM did), pg_temp.month(0) || ': ', 'and is named');
DO $$ BEGIN EXECUTE 'DROP VIEW tavus.' || pg_temp.month(0); END $$;
SELECT is(tavus.maintain('90 days')::jsonb -> 'created', jsonb_build_array(pg_temp.month(0)),
          'nodes of before get their months');

CREATE FUNCTION pg_temp.dropped(retention interval) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    did jsonb;
    dropped jsonb := '[]';
BEGIN
    LOOP
        did := tavus.drop_months(retention)::jsonb;
        dropped := dropped || (did -> 'dropped');
        IF NOT (did -> 'more')::boolean THEN
            RETURN dropped;
        END IF;
    END LOOP;
END
$$;

SET LOCAL ROLE tavus_owner;
SELECT tavus.add_partition(date_trunc('month', now() AT TIME ZONE 'UTC') - n * interval '1 month')
  FROM generate_series(3, 15) n \g /dev/null
RESET ROLE;
UPDATE did SET did = tavus.drop_months(NULL)::jsonb;
SELECT is((SELECT did FROM did), jsonb_build_object('dropped', jsonb_build_array(pg_temp.month(-15)),
          'waiting', '[]'::jsonb, 'more', (SELECT did -> 'more' FROM did)),
          'a month a call, the oldest first');
UPDATE did SET did = did -> 'dropped' || pg_temp.dropped(NULL);
SELECT is((SELECT did ? pg_temp.month(-13) FROM did), false,
          'nothing younger than 400 days is dropped');
SELECT cmp_ok(pg_temp.rec(jsonb_build_array(jsonb_build_object('id', pg_temp.old('390 days'),
              't', 'a', 'c', 'older'))), '=', 's', 'an event of 390 days ago is kept');
UPDATE did SET did = pg_temp.dropped('200 days');
SELECT is((SELECT did ? pg_temp.month(-8) AND NOT did ? pg_temp.month(-6) FROM did), true,
          'shorter retention drops more');
SELECT isnt(pg_temp.dropped('1 day'), '[]', 'a retention of a day');
SELECT is((SELECT cardinality(names) BETWEEN 6 AND 7 FROM pg_temp.parts), true,
          'means 60 days, and never a month that is about to be made again');
SELECT is(tavus.make_months()::jsonb -> 'created', '[]', 'which it is not');
SELECT is(tavus.drop_months()::jsonb, '{"dropped":[],"waiting":[],"more":false}', 'nothing to drop');
SELECT is((SELECT proconfig::text FROM pg_proc WHERE proname = 'drop_months'),
          '{"search_path=pg_catalog, tavus, pg_temp",lock_timeout=20ms,client_min_messages=warning}',
          'intake waits for 20 ms');
SELECT is(current_setting('synchronous_commit'), 'off', 'and not for the disk');
SELECT * FROM finish();
ROLLBACK;
