-- The log: what is final, windows, events, cursors, places.  What a transaction has stored itself is
-- not final for it, so they are committed here.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT plan(94);

CREATE FUNCTION pg_temp.ids(VARIADIC n numeric[]) RETURNS uuid[] LANGUAGE sql AS $$
    SELECT array_agg(pg_temp.id(u.n) ORDER BY o) FROM unnest(n) WITH ORDINALITY AS u (n, o)
$$;
CREATE FUNCTION pg_temp.read(name text, most int, VARIADIC filters text[] DEFAULT '{}') RETURNS uuid[]
LANGUAGE sql AS $$
    SELECT array_agg(t.id ORDER BY t.pos, t.ord)
      FROM tavus.tail(name, most, filters[1]::text[], filters[2]::text[], filters[3]::text[]) t
$$;
CREATE FUNCTION pg_temp.window(pos bigint, ord int, most int) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s.%s %s', w.to_pos - tavus.log_first(), w.to_ord, w.n)
      FROM tavus.log_window(pos, ord, most) w
$$;

-- Everything that stores an event stands in the log.
SELECT is((SELECT array_agg(p.proname::text) FROM pg_proc p
            WHERE p.pronamespace = 'tavus'::regnamespace
              AND (SELECT count(*) FROM regexp_matches(p.prosrc,
                       'INSERT\s+INTO\s+(tavus\.)?events', 'gi'))
                  <> (SELECT count(*) FROM regexp_matches(p.prosrc, 'tavus\.log_add', 'g'))), NULL,
          'what inserts into tavus.events adds to the log, as often');

SELECT is((SELECT count(*) FROM tavus.log), 0::bigint, 'a new database has an empty log');
SELECT is((SELECT whole FROM tavus.log_past), true, 'and nothing to put into it');
SELECT is(pg_temp.window(0, 0, 10), -tavus.log_first() || '.0 0', 'no window');
SELECT ok(tavus.cursor_make('begin', true), 'a cursor at the beginning');
SELECT ok(NOT tavus.cursor_make('begin', false), 'there is one of a name');
SELECT is(pg_temp.read('begin', 10), NULL, 'nothing to read');

SELECT is(pg_temp.rec('[{"i":1,"t":"a.c","c":"l1"},{"i":2,"t":"b.c","c":"l2"},{"i":3,"t":"a.b","c":"l1"}]'),
          'sss', 'a batch');
SELECT is((SELECT array_agg(ids ORDER BY pos) FROM tavus.log), ARRAY[pg_temp.ids(1, 2, 3)],
          'is a row, by id');
SELECT is(pg_temp.rec('[{"i":1,"t":"a.c","c":"l1"}]'), 'd', 'a duplicate');
SELECT is((SELECT count(*) FROM tavus.log), 1::bigint, 'is none');
SELECT is(pg_temp.rec('[{"i":3,"t":"a.b","c":"l1"},{"i":4,"t":"a.c","c":"l1"}]'), 'ds', 'one of two is new');
SELECT is((SELECT ids FROM tavus.log ORDER BY pos DESC LIMIT 1), pg_temp.ids(4), 'and alone in its row');

-- windows
SELECT is(pg_temp.window(0, 0, 10), '2.1 4', 'a window over all');
SELECT is(pg_temp.window(0, 0, 2), '1.2 2', 'it may end within a row');
SELECT is(pg_temp.window(tavus.log_first() + 1, 2, 1), '1.3 1', 'and go on there');
SELECT is(pg_temp.window(tavus.log_first() + 1, 2, 2), '2.1 2', 'over its end');
SELECT is(pg_temp.window(tavus.log_first() + 1, 3, 9), '2.1 1', 'or after it');
SELECT is(pg_temp.window(tavus.log_first() + 2, 1, 9), '2.1 0', 'where nothing is it ends where it began');
SELECT is(pg_temp.window(0, 0, 0), '1.1 1', 'no less than one');
SELECT is(pg_temp.window(0, 0, NULL), '1.1 1', 'nor nothing');

-- windows for who wants little
BEGIN;
CREATE FUNCTION pg_temp.sorted(most int, sort int, pos bigint DEFAULT 1, ord int DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s.%s %s %s', w.to_pos, w.to_ord, w.n, w.more) FROM tavus.log_window(pos, ord, most, sort) w
$$;
CREATE TEMP TABLE log AS SELECT p AS pos, array_fill(pg_temp.id(1), ARRAY[4]) AS ids,
       CASE WHEN p = 3 THEN 4 WHEN p = 5 THEN 12 WHEN p = 6 THEN NULL ELSE 8 END AS sorts
  FROM generate_series(1::bigint, 8) p;
-- the same function over these rows
DO $$
BEGIN
    EXECUTE replace(replace(pg_get_functiondef('tavus.log_window'::regproc), 'FROM tavus.log l', 'FROM pg_temp.log l'),
                    'tavus.log_end()', '10000');
END
$$;
SELECT is(pg_temp.sorted(100, 4), '8.4 32 f', 'what has nothing of a sort is passed over');
SELECT is(pg_temp.sorted(6, 4), '5.2 18 t', 'and does not count');
SELECT is(pg_temp.sorted(6, 4, 5, 2), '6.4 6 t', 'who says nothing of sorts may have all');
SELECT is(pg_temp.sorted(6, 2), '8.4 32 f', 'of a sort that is rare');
SELECT is(pg_temp.sorted(6, NULL), '2.2 6 t', 'without one all count');
SELECT is(pg_temp.sorted(32, NULL), '8.4 32 t', 'there may be more where as many were there');
INSERT INTO pg_temp.log SELECT p, ARRAY[pg_temp.id(1)], 8 FROM generate_series(9, 3000) p;
SELECT is(pg_temp.sorted(6, 2), '2000.1 2024 t', 'so many batches at a time');
UPDATE pg_temp.log SET ids = array_fill(pg_temp.id(1), ARRAY[100]), sorts = 8;
SELECT is(pg_temp.sorted(6, 2), '100.100 10000 t', 'and so many events');
ROLLBACK;

-- events
CREATE FUNCTION pg_temp.events(fp int, fo int, tp int, t_o int, VARIADIC filters text[] DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s.%s %s', e.pos - tavus.log_first(), e.ord, e.event_type), ', ')
      FROM tavus.log_events(tavus.log_first() + fp, fo, tavus.log_first() + tp, t_o, filters[1]::text[],
                            filters[2]::text[], filters[3]::text[]) e
$$;
SELECT is(pg_temp.events(1, 0, 2, 1), '1.1 a.c, 1.2 b.c, 1.3 a.b, 2.1 a.c', 'all in order');
SELECT is(pg_temp.events(1, 1, 1, 2), '1.2 b.c', 'within a row');
SELECT is(pg_temp.events(1, 3, 2, 1), '2.1 a.c', 'after one');
SELECT is(pg_temp.events(2, 1, 2, 1), NULL, 'none');
SELECT is(ARRAY(SELECT w FROM (VALUES (0, 0, 2, 1), (1, 0, 1, 2), (1, 1, 1, 2), (1, 1, 2, 0), (1, 1, 2, 1), (1, 3, 2, 1),
                                      (1, 2147483647, 2, 1), (2, 1, 2, 1)) AS w (fp, fo, tp, t_o)
                 WHERE tavus.log_ids(tavus.log_first() + fp, fo, tavus.log_first() + tp, t_o)
                       <> ARRAY(SELECT e.id FROM tavus.log_events(tavus.log_first() + fp, fo,
                                                                  tavus.log_first() + tp, t_o) e))::text,
          '{}', 'the ids alone are the same ones');
SELECT is(cardinality(tavus.log_ids(tavus.log_first() + 1, 1, tavus.log_first() + 2, 1)), 3, 'and all of them');
SELECT is(pg_temp.events(1, 0, 2, 1, '{b.c,a.b}'), '1.2 b.c, 1.3 a.b', 'by name');
SELECT is(pg_temp.events(1, 0, 2, 1, NULL, '{a.}'), '1.1 a.c, 1.3 a.b, 2.1 a.c', 'by prefix');
SELECT is(pg_temp.events(1, 0, 2, 1, NULL, '{a_}'), NULL, 'a prefix is no pattern');
SELECT is(pg_temp.events(1, 0, 2, 1, NULL, '{""}', '{a.c}'), '1.2 b.c, 1.3 a.b', 'all but some');
SELECT is(pg_temp.events(1, 0, 2, 1, '{a.c}', '{b.}', '{a.c,b.c}'), '1.1 a.c, 2.1 a.c',
          'what matches no prefix may be named');
SELECT is(pg_temp.events(1, 0, 2, 1, '{}'), NULL, 'no name at all is nothing');
SELECT is((SELECT format('%s %s %s %s', e.kind, e.source, e.conversation_id, e.body)
             FROM tavus.log_events(0, 0, tavus.log_first() + 1, 1) e), '0 tavus l1 \x7b7d', 'with all of it');

-- cursors
SELECT is(pg_temp.read('begin', 3), pg_temp.ids(1, 2, 3), 'a cursor reads');
SELECT ok(tavus.cursor_make('end'), 'another begins at the end');
SELECT is(pg_temp.read('begin', 3), pg_temp.ids(4), 'and goes on');
SELECT is(pg_temp.read('begin', 3), NULL, 'to the end');
SELECT is(pg_temp.read('end', 3), NULL, 'where the other began');
SELECT is((SELECT array_agg(events || ' ' || (seconds < 60)) FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord)),
          '{"0 true","0 true"}', 'neither lags');
SELECT is(pg_temp.rec('[{"i":5,"t":"a.b","c":"l1"},{"i":6,"t":"a.b","c":"l1"}]'), 'ss', 'more comes');
SELECT is(pg_temp.read('begin', 1), pg_temp.ids(5), 'one reads a part');
SELECT is((SELECT array_agg(events ORDER BY name) FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord)),
          '{1,2}', 'the lag is counted in events');
UPDATE tavus.log SET at = at - interval '90 s';
SELECT is((SELECT array_agg(seconds BETWEEN 90 AND 150 ORDER BY name)::text
             FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord)), '{t,t}', 'and in seconds');
SELECT is(pg_temp.read('end', 9, '{b.c}'), NULL, 'what does not match');
SELECT is((SELECT array_agg(events ORDER BY name) FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord)),
          '{1,0}', 'is read as well');
SELECT is(pg_temp.read('nobody', 9), NULL, 'no cursor, nothing');

BEGIN;
SELECT is(pg_temp.read('begin', 9), pg_temp.ids(6), 'what is read');
ROLLBACK;
SELECT is(pg_temp.read('begin', 9), pg_temp.ids(6), 'in vain is read again');

-- what this transaction has stored is final when it is committed
BEGIN;
SELECT is(pg_temp.rec('[{"i":7,"t":"a.b","c":"l1"}]'), 's', 'one that is not committed');
SELECT is(pg_temp.read('begin', 9), NULL, 'is not read');
SAVEPOINT s;
SELECT is(pg_temp.rec('[{"i":8,"t":"a.b","c":"l1"}]'), 's', 'one that is undone');
ROLLBACK TO s;
SELECT is(pg_temp.rec('[{"i":9,"t":"a.b","c":"l1"}]'), 's', 'and another');
RELEASE s;
COMMIT;
SELECT is(pg_temp.read('begin', 9), pg_temp.ids(7, 9), 'then it is');

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok('SELECT tavus.log_end()', '55000', NULL, 'who keeps one snapshot would miss some');
ROLLBACK;

-- a large batch is several rows, none of which is kept out of line
SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 100 + i, 't', 'a.b', 'c', 'l3'))
                         FROM generate_series(1, 250) i)), repeat('s', 250), 'a large batch');
SELECT is((SELECT array_agg(cardinality(ids) ORDER BY pos) FROM (SELECT * FROM tavus.log ORDER BY pos DESC LIMIT 3) l),
          '{100,100,50}', 'is several rows');
SELECT is((SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'tavus.log'::regclass), 0::bigint,
          'none of which is kept elsewhere');
SELECT is(pg_temp.read('begin', 1000), (SELECT array_agg(pg_temp.id(100 + i) ORDER BY i)
                                          FROM generate_series(1, 250) i), 'all of it is read');

-- the others that store
SELECT is(pg_temp.rec('[{"i":20,"t":"system.note","c":"l4","b":"{\"properties\":{\"a\":1}}"},
                        {"i":20,"t":"system.note","c":"l4","b":"{\"properties\":{\"a\":2}}"}]'), 'ss',
          'two events of a moment');
SELECT is((SELECT count(*) FROM tavus.tail('begin', 9)), 2::bigint, 'are both read');
SELECT is(pg_temp.rec('[{"i":30,"s":"server","t":"conversation.created","c":"l5",
    "b":"{\"max_call_duration\":600,\"status\":\"active\"}"},{"i":90,"t":"system.shutdown","c":"l5",
    "b":"{\"properties\":{\"shutdown_reason\":\"max_call_duration reached\"}}"}]'), 'ss', 'a call cut short');
SELECT is((SELECT array_agg(t.event_type ORDER BY t.event_type) FROM tavus.tail('begin', 9) t),
          '{conversation.created,conversation.cut_short,system.shutdown}', 'and what is told of it');
SELECT is((SELECT count(*) FROM tavus.events e), (SELECT sum(cardinality(ids)) FROM tavus.log)::bigint,
          'every event stands in the log');

-- what is deleted
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('id', overlay(tavus.uuid_floor(now() - interval '3 days')::text PLACING '7' FROM 15 FOR 1),
                       't', 'a.b', 'c', 'l6'),
    jsonb_build_object('i', 11, 't', 'a.b', 'c', 'l6'))), 'ss', 'an old one and a new one');
DELETE FROM tavus.events WHERE conversation_id = 'l6' AND id < tavus.uuid_floor(now() - interval '2 days');
SELECT is(pg_temp.read('begin', 9), pg_temp.ids(11), 'what is gone is left out');
SELECT is((SELECT missed FROM tavus.cursors WHERE name = 'begin'), 1::bigint, 'and counted');

-- places of readers outside
CREATE TEMP TABLE place AS SELECT tavus.log_place(pos, ord) AS at, pos, ord FROM tavus.cursors WHERE name = 'begin';
SELECT is((SELECT row(r.pos, r.ord, r.ahead)::text FROM place p, tavus.log_resume(p.at) r),
          (SELECT row(p.pos, p.ord, false)::text FROM place p), 'a place that was told is known');
SELECT is((SELECT r.ahead FROM place p, tavus.log_resume(regexp_replace(p.at, '\.[0-9]+\.', '.' || p.pos - 1 || '.')) r),
          false, 'and those before');
SELECT is((SELECT array_agg(DISTINCT row(r.ahead, r.pos - tavus.log_end(), r.ord)::text)
             FROM place p, unnest(ARRAY[regexp_replace(p.at, '\.[0-9]+\.', '.' || p.pos + 1 || '.'), '', 'x', NULL,
                                        gen_random_uuid() || substr(p.at, 37), p.at || '0000000000', p.at || '.',
                                        left(p.at, 36) || '.99999999999999999999.1', repeat('-', 36) || '.1.1']) u (at),
                  tavus.log_resume(u.at) r), '{"(t,0,2147483647)"}', 'all others are ahead, and go on at the end');
SELECT throws_ok($$SELECT tavus.log_place(tavus.log_end() + 1, 1)$$, '22023', NULL, 'nobody is told more than is final');

SELECT is((SELECT count(*) FROM tavus.log_epochs), 1::bigint, 'all that was of an epoch');
UPDATE tavus.log_epochs SET started = started - interval '1 s';
SELECT isnt(left(tavus.log_place(pos, ord), 36), left(at, 36), 'in another run') FROM place;
UPDATE tavus.log_epochs SET database = 0 WHERE epoch = 2;
SELECT isnt(left(tavus.log_place(pos, ord), 36), left(at, 36), 'in another database') FROM place;
UPDATE tavus.log_epochs SET filenode = 0 WHERE epoch = 3;
SELECT isnt(left(tavus.log_place(pos, ord), 36), left(at, 36), 'in another table') FROM place;
SELECT is((SELECT array_agg(epoch ORDER BY epoch) FROM tavus.log_epochs), '{1,2,3,4}', 'another begins');
SELECT is((SELECT r.ahead FROM place p, tavus.log_resume(p.at) r), false, 'places of before are known');
SELECT ok(tavus.log_place(1, 1) IS NOT NULL, 'who is told a place further back');
SELECT is((SELECT array_agg(told = pos ORDER BY epoch)::text FROM tavus.log_epochs, place), '{t,t,t,t}',
          'takes nobody else back');

-- no table is read from end to end, however little is known of it
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_numscans(c.oid)) FROM pg_class c
     WHERE c.relname ~ '^(events|log$)' AND c.relkind IN ('r', 'p')
       AND c.relnamespace = 'tavus'::regnamespace
$$;
BEGIN;
UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'begin';
CREATE TEMP TABLE scans AS SELECT pg_temp.scans() AS n;
SELECT cmp_ok((SELECT count(*) FROM tavus.tail('begin', 1000)), '>', 250::bigint, 'much is read');
SELECT ok(tavus.log_state() IS NOT NULL, 'and looked at');
SELECT is(pg_temp.scans(), n, 'by its indexes') FROM scans;
SELECT cmp_ok((SELECT count(*) FROM tavus.log), '>', 0::bigint, 'who reads all of it');
SELECT is(pg_temp.scans(), n + 1, 'is found') FROM scans;
COMMIT;

SELECT ok(tavus.cursor_drop('end'), 'a cursor is dropped');
SELECT ok(NOT tavus.cursor_drop('end'), 'once');
SELECT * FROM finish();
