-- What outsiders choose is bounded, who is erased counts on without a name, and what grows old goes.
\ir setup.sql
COMMIT;
SELECT no_plan();

CREATE FUNCTION pg_temp.key(dim_ text, key_ text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', sum(events), sum(visits), sum(conversations), sum(leads))
      FROM tavus.stats WHERE dim = dim_ AND key = key_ AND grain = 'day'
$$;
CREATE FUNCTION pg_temp.page(n int, word text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', n, 't', 'page_view', 's', 'browser', 'k', 2,
        'b', jsonb_build_object('session_id', 'session-' || n, 'utm_source', word)::text)
$$;

-- ---- names
SELECT is(tavus.stats_word(w), want, format('%L', w))
  FROM (VALUES (NULL, ''), (' ', ''), (' Google ', 'google'), ('News Letter-1.b', 'news letter-1.b'), ('a@b.c', 'other'),
               ('<script>', 'other'), (U&'stra\00DFe', 'other'), (repeat('a', 65), 'other'), ('other', 'other'))
       AS v (w, want);

SELECT pg_temp.rec((SELECT jsonb_agg(pg_temp.page(n, 'word-' || n)) FROM generate_series(1, 150) n)) \g /dev/null
SELECT pg_temp.rec((SELECT jsonb_agg(pg_temp.page(n, 'word-' || n)) FROM generate_series(151, 300) n)) \g /dev/null
SELECT is(tavus.stats_roll(10000)::jsonb ->> 'more', 'true', 'who counts begins');
SELECT is(tavus.stats_roll(10000)::jsonb ->> 'events', '300', 'somebody thinks of 300 campaigns');
SELECT is((SELECT count(*) FROM tavus.stats_names WHERE dim = 'utm_source'), 200::bigint, 'of which 200 have a name');
SELECT is((SELECT count(DISTINCT key) FROM tavus.stats WHERE dim = 'utm_source'), 201::bigint, 'and the others none');
SELECT is(pg_temp.key('utm_source', 'other'), '100 100 0 0', 'but count');
SELECT is(pg_temp.key('all', ''), '300 300 0 0', 'all of them');

-- ---- counted again, in pages
CREATE TEMP TABLE sums AS SELECT s.* FROM tavus.stats s;
UPDATE tavus.stats SET events = events + 1;
SELECT tavus.stats_recount(h.at, 7) FROM (SELECT DISTINCT s.at FROM tavus.stats s WHERE s.grain = 'hour') h \g /dev/null
SELECT is((SELECT count(*) FROM ((TABLE sums EXCEPT TABLE tavus.stats) UNION ALL (TABLE tavus.stats EXCEPT TABLE sums)) d),
          0::bigint, 'as before');
UPDATE tavus.log_past SET whole = false;
SELECT throws_ok('CALL tavus.stats_rebuild()', '55000', NULL, 'not before all that was stored is in the log');
UPDATE tavus.log_past SET whole = true;

UPDATE tavus.stats_names SET seen_on = seen_on - 40 WHERE name = 'word-1';
SELECT pg_temp.rec(jsonb_build_array(pg_temp.page(301, 'fresh'))) \g /dev/null
SELECT tavus.stats_roll(10000) \g /dev/null
SELECT is(pg_temp.key('utm_source', 'fresh'), '1 1 0 0', 'one that nobody says any more makes room');

SELECT pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 400 + n, 't', 'made-up-' || n, 's', 'browser', 'k', 2,
    'b', '{"session_id":"x","vertical":"mine' || n || '"}')) FROM generate_series(1, 50) n)) \g /dev/null
SELECT tavus.stats_roll(10000) \g /dev/null
SELECT is(pg_temp.key('event_type', 'other'), '50 0 0 0', 'so it is with types of events');
SELECT is(pg_temp.key('vertical', 'other'), '50 0 0 0', 'and verticals that the server never named');

-- ---- who is erased
SELECT pg_temp.rec('[
    {"i":500,"t":"conversation.created","c":"mine","s":"server","k":2,
     "b":"{\"vertical\":\"legal\",\"utm_source\":\"fresh\",\"session_id\":\"session-301\"}"},
    {"i":510,"t":"system.replica_joined","c":"mine"}, {"i":560,"t":"system.shutdown","c":"mine"}]') \g /dev/null
SELECT tavus.stats_roll(10000) \g /dev/null
SELECT is(pg_temp.key('utm_source', 'fresh'), '2 1 1 0', 'somebody talks');
CREATE TEMP TABLE was AS SELECT pg_temp.key('all', '') AS sums, pg_temp.key('vertical', 'legal') AS legal;
CREATE FUNCTION pg_temp.run(id uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE j jsonb;
BEGIN
    FOR i IN 1 .. 50 LOOP
        j := tavus.erase_step(id);
        EXIT WHEN j ->> 'state' = 'done';
    END LOOP;
    RETURN j ->> 'state';
END
$$;
SELECT (tavus.erase_visitor('session-301', NULL, NULL)::jsonb ->> 'id') AS id \gset
SELECT is(pg_temp.run(:'id'), 'done', 'and is erased');
SELECT tavus.stats_roll(10000) \g /dev/null
SELECT is(pg_temp.key('utm_source', 'fresh'), '', 'a word of nobody else goes');
SELECT is(pg_temp.key('vertical', 'legal'), (SELECT legal FROM was), 'what happened stays');
SELECT is((SELECT count(*) FROM tavus.stats_seen WHERE utm = 'fresh'), 0::bigint, 'nothing is left of it');
SELECT is(split_part(pg_temp.key('all', ''), ' ', 3), split_part((SELECT sums FROM was), ' ', 3), 'nor is a conversation less');

CREATE FUNCTION pg_temp.plan(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
    SET LOCAL enable_seqscan = off;
    FOR line IN EXECUTE 'EXPLAIN ' || q LOOP plan := plan || line; END LOOP;
    SET LOCAL enable_seqscan = on;
    RETURN plan;
END
$$;
SELECT matches(pg_temp.plan($$SELECT FROM tavus.$$ || t || $$ WHERE dim = 'utm_source' AND key = ANY ('{a,b}'::text[])$$),
               t || '_utm', 'by an index of its own: ' || t)
  FROM unnest('{stats,stats_money}'::text[]) AS u (t);

-- ---- what grows old
UPDATE tavus.stats_seen SET at = at - interval '500 days' WHERE what = 'v';
INSERT INTO tavus.stats (dim, grain, at, key, events)
SELECT d.dim, g.grain, date_trunc('day', now(), 'UTC') - interval '500 days', '', 3
  FROM unnest('{all,source}'::text[]) AS d (dim), unnest('{hour,day}'::text[]) AS g (grain);
SELECT tavus.trim('stats', '60 days', 1000) \g /dev/null
SELECT is((SELECT array_agg(DISTINCT grain) FROM tavus.stats WHERE at < now() - interval '450 days'), '{day}',
          'hours go, days stay');
SELECT is((SELECT count(*) FROM tavus.stats_seen WHERE what = 'v'), 0::bigint, 'nobody knows who was here');
SELECT is(split_part(pg_temp.key('all', ''), ' ', 2), '301', 'but how many');
SELECT * FROM finish();
