-- What a live tail is told: pages of the log from a place, of this run or told before, and places.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT plan(26);

CREATE FUNCTION pg_temp.page(place text, pos bigint, ord int, most int, room int, bodies boolean DEFAULT false)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', p.pos - tavus.log_first(), nullif(p.ord, 2147483647), p.kind,
                     CASE WHEN p.data IS NULL THEN 'at' ELSE p.event_type END,
                     p.data::jsonb -> 'data' ->> 'n', p.body)
      FROM tavus.tail_page(place, CASE WHEN pos IS NOT NULL THEN tavus.tail_run() END, pos, ord, most,
                           room, bodies) p
$$;
CREATE FUNCTION pg_temp.first() RETURNS bigint LANGUAGE sql AS 'SELECT tavus.log_first()';

SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, NULL, NULL, 10, 1000)$$,
                  $$VALUES ('0 2 at'), ('0 0 at')$$, 'nothing is there');
SELECT is(pg_temp.rec('[{"i":1,"t":"a.b","c":"l1","b":"{\"n\":\n1}"},{"i":2,"t":"a.c","c":"l1","b":"{\"n\":2}"}]'),
          'ss', 'two');
SELECT is(pg_temp.rec('[{"i":3,"t":"a.b","c":"l1","b":"{\"n\":3}"}]'), 's', 'and one');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, NULL, NULL, 10, 1000)$$,
                  $$VALUES ('2 2 at'), ('2 0 at')$$, 'without a place it begins at the end');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first(), 0, 10, 100000)$$,
                  $$VALUES ('0 0 2 at'), ('1 1 0 a.b 1'), ('1 2 0 a.c 2'), ('2 1 0 a.b 3'), ('2 1 0 at')$$,
                  'a page');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first(), 0, 2, 100000)$$,
                  $$VALUES ('0 0 2 at'), ('1 1 0 a.b 1'), ('1 2 0 a.c 2'), ('1 2 1 at')$$,
                  'of so many, and there is more');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first(), 0, 10, 1)$$,
                  $$VALUES ('0 0 2 at'), ('1 1 0 a.b 1'), ('1 1 1 at')$$,
                  'of so many bytes, but one event');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first() + 1, 1, 1, 1000, true)$$,
                  $$VALUES ('1 1 2 at'), ('1 2 0 a.c 2 {"n":2}'), ('1 2 1 at')$$, 'with bodies');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first() + 2, 1, 10, 1000)$$,
                  $$VALUES ('2 1 2 at'), ('2 1 0 at')$$, 'none');
SELECT is((SELECT count(*) FROM tavus.tail_page(NULL, tavus.tail_run(), pg_temp.first(), 0, 10, 100000, false) p
            WHERE p.data ~ '[\n\r]'), 0::bigint, 'each in one line');
SELECT is((SELECT p.data::jsonb FROM tavus.tail_page(NULL, tavus.tail_run(), pg_temp.first() + 1, 1, 1, 1000, false) p
            WHERE p.data IS NOT NULL),
          (SELECT l.it FROM jsonb_array_elements(tavus.admin_events()::jsonb -> 'events') l (it)
            WHERE l.it ->> 'event_type' = 'a.c'), 'as the list has it');

SELECT results_eq($$SELECT concat_ws(' ', p.pos - tavus.log_first(), nullif(p.ord, 2147483647), p.event_type)
                      FROM tavus.tail_page(NULL, tavus.tail_run(), pg_temp.first(), 0, 10, 100000, false, '{l1}',
                                           '{tavus}', '{a.b,x}') p$$,
                  $$VALUES ('0 0'), ('1 1 a.b'), ('2 1 a.b'), ('2 1')$$, 'what somebody may want of it');
SELECT results_eq($$SELECT concat_ws(' ', p.pos - tavus.log_first(), nullif(p.ord, 2147483647), p.event_type)
                      FROM tavus.tail_page(NULL, tavus.tail_run(), pg_temp.first(), 0, 2, 100000, false, '{l2}') p$$,
                  $$VALUES ('0 0'), ('1 2')$$, 'it ends where it would, if that is nothing');

-- places
SELECT is(tavus.tail_tell('1.2.3', pg_temp.first() + 1, 1), NULL, 'of another run nothing is told');
SELECT tavus.tail_tell(tavus.tail_run(), pg_temp.first() + 1, 1) AS place \gset
SELECT matches(:'place'::text, '^[0-9a-f-]{36}\.[0-9]+\.1$', 'a place');
SELECT throws_ok($$SELECT tavus.tail_tell(tavus.tail_run(), pg_temp.first() + 3, 1)$$, '22023', NULL,
                 'none that is not final');
SELECT results_eq(format('SELECT * FROM pg_temp.page(%L, NULL, NULL, 10, 100000)', :'place'),
                  $$VALUES ('1 1 2 at'), ('1 2 0 a.c 2'), ('2 1 0 a.b 3'), ('2 1 0 at')$$, 'to go on from');
SELECT results_eq(format('SELECT * FROM pg_temp.page(%L, NULL, NULL, 10, 100000)',
                         replace(:'place'::text, tavus.log_first() + 1 || '.1', tavus.log_first() + 2 || '.1')),
                  $$VALUES ('1 3 at'), ('2 1 0 a.b 3'), ('2 1 0 at')$$,
                  'one that was not told: from the last that was');
SELECT results_eq(format('SELECT * FROM pg_temp.page(%L, NULL, NULL, 10, 1000)', x),
                  $$VALUES ('2 3 at'), ('2 0 at')$$, 'none of ours: the end')
  FROM unnest(ARRAY['-', '', '018f0000-0000-7000-8000-000000000000.1.1', 'x.1.1', repeat('9', 80)]) x;

-- what is stored and not final
BEGIN;
SELECT pg_advisory_xact_lock_shared(tavus.log_key() + s.last_value) FROM tavus.log_pos s \g /dev/null
SELECT is(pg_temp.rec('[{"i":4,"t":"a.b","c":"l1","b":"{\"n\":4}"}]'), 's', 'one more');
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first() + 2, 1, 10, 1000)$$,
                  $$VALUES ('2 1 2 at'), ('2 1 2 at')$$, 'is said to be');
COMMIT;
SELECT results_eq($$SELECT * FROM pg_temp.page(NULL, pg_temp.first() + 2, 1, 10, 1000)$$,
                  $$VALUES ('2 1 2 at'), ('3 1 0 a.b 4'), ('3 1 0 at')$$, 'and then is there');

SELECT * FROM finish();
