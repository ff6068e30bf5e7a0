-- Months come and go; what is old is trimmed.
\ir setup.sql
SELECT plan(18);

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
SELECT is(tavus.maintain()::jsonb, '{"created":[],"dropped":[],"waiting":[],"trimmed":0}',
          'nothing to do');
DO $$ BEGIN EXECUTE 'DROP TABLE tavus.' || pg_temp.month(3); END $$;
SELECT is(tavus.maintain()::jsonb -> 'created', jsonb_build_array(pg_temp.month(3)),
          'a missing month is made');
SELECT is((SELECT count(*) FROM pg_index
            WHERE indrelid = ('tavus.' || pg_temp.month(3))::regclass), 4::bigint,
          'with its indexes');
SELECT is((SELECT count(DISTINCT attcompression) FROM pg_attribute WHERE attname = 'body'
            AND attrelid IN ('tavus.events'::regclass, ('tavus.' || pg_temp.month(3))::regclass)),
          1::bigint, 'and compression');

SET LOCAL ROLE tavus_owner;
SELECT tavus.add_partition(date_trunc('month', now() AT TIME ZONE 'UTC') - n * interval '1 month')
  FROM generate_series(3, 15) n \g /dev/null
RESET ROLE;
CREATE TEMP TABLE did AS SELECT tavus.maintain(NULL)::jsonb AS did;
SELECT is((SELECT did -> 'dropped' ? pg_temp.month(-15) FROM did), true,
    'what is older than 400 days');
SELECT is((SELECT did -> 'dropped' ? pg_temp.month(-13) FROM did), false, 'and nothing younger');
SELECT cmp_ok(pg_temp.rec(jsonb_build_array(jsonb_build_object('id', pg_temp.old('390 days'),
              't', 'a', 'c', 'older'))), '=', 's', 'an event of 390 days ago is kept');
UPDATE did SET did = tavus.maintain('200 days')::jsonb;
SELECT is((SELECT did -> 'dropped' ? pg_temp.month(-8) AND NOT did -> 'dropped' ? pg_temp.month(-6)
             FROM did), true, 'shorter retention drops more');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE id = 'older'), 0::bigint,
          'the conversation goes with it');
SELECT isnt(tavus.maintain('1 day')::jsonb -> 'dropped', '[]', 'a retention of a day');
SELECT is((SELECT cardinality(names) BETWEEN 6 AND 7 FROM pg_temp.parts), true,
          'means 60 days, and never a month that is about to be made again');
SELECT is(tavus.maintain('1 day')::jsonb -> 'created', '[]', 'which it is not');

INSERT INTO tavus.digests SELECT '\x0a'::bytea, pg_temp.old('1 day'), now() - interval '91 days'
    UNION ALL SELECT '\x0b'::bytea, pg_temp.old('1 day'), now() - interval '80 days';
SELECT is(tavus.maintain()::jsonb -> 'trimmed', '1', 'digests are trimmed');
SELECT is((SELECT count(*) FROM tavus.digests WHERE digest = '\x0b'), 1::bigint, 'after 90 days');
SELECT * FROM finish();
ROLLBACK;
