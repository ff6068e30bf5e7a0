-- Pages of conversations.
\ir setup.sql
SELECT plan(10);

CREATE FUNCTION pg_temp.names(page text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e ->> 'id', ' ' ORDER BY o)
      FROM jsonb_array_elements(page::jsonb -> 'conversations') WITH ORDINALITY AS e (e, o)
$$;

SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', n, 't', 'conversation.created',
    's', 'server', 'c', 'k' || n, 'b', jsonb_build_object('vertical',
    CASE WHEN n % 2 = 0 THEN 'legal' ELSE 'general' END)::text)) FROM generate_series(1, 6) n)),
    'ssssss', 'six conversations');
SELECT is(pg_temp.rec('[{"i":10,"t":"system.shutdown","c":"k2"},{"i":11,"t":"system.shutdown",'
    '"c":"k3"},
    {"i":7,"t":"x","c":"k7","n":"77"},
    {"i":6.5,"t":"conversation.requested","s":"server","n":"77","b":"{\"vertical\":\"legal\"}"}]'),
    'ssss', 'two end, and one whose creation we only asked for');

CREATE FUNCTION pg_temp.mine(status text, vertical text, n int, cursor_ text) RETURNS text
LANGUAGE sql AS $$
    SELECT tavus.admin_conversations(status, vertical, tavus.uuid_time(pg_temp.id(1)),
                                     tavus.uuid_time(pg_temp.id(9)), n, cursor_)
$$;
SELECT is(pg_temp.names(pg_temp.mine(NULL, NULL, NULL, NULL)), 'k7 k6 k5 k4 k3 k2 k1',
    'newest first');
SELECT is(pg_temp.names(pg_temp.mine('active', NULL, NULL, NULL)) || '|'
          || pg_temp.names(pg_temp.mine('ended', NULL, NULL, NULL)), 'k7 k6 k5 k4 k1|k3 k2',
              'status');
SELECT is(pg_temp.names(pg_temp.mine('ended', 'legal', NULL, NULL)) || '|'
          || pg_temp.names(pg_temp.mine(NULL, 'legal', NULL, NULL)), 'k2|k7 k6 k4 k2',
          'vertical, also of the intent');
SELECT is(pg_temp.mine('nonsense', NULL, 5, NULL), '{"conversations":[],"next_cursor":null}',
          'no such status');
SELECT is((WITH RECURSIVE p (page, depth) AS (
               SELECT pg_temp.mine(NULL, NULL, 3, NULL), 1 UNION ALL
               SELECT pg_temp.mine(NULL, NULL, 3, page::jsonb ->> 'next_cursor'), depth + 1 FROM p
                WHERE page::jsonb ->> 'next_cursor' IS NOT NULL)
           SELECT string_agg(pg_temp.names(page), '|' ORDER BY depth) FROM p),
          'k7 k6 k5|k4 k3 k2|k1', 'page by page');
SELECT is(pg_temp.names(tavus.admin_conversations(from_ => tavus.uuid_time(pg_temp.id(3)),
          to_ => tavus.uuid_time(pg_temp.id(5)))), 'k4 k3', 'from is inclusive, to exclusive');
SELECT throws_ok($$ SELECT tavus.admin_conversations(cursor_ => 'x') $$, '22023');
SELECT is(jsonb_array_length(pg_temp.mine(NULL, NULL, -5, NULL)::jsonb -> 'conversations'), 1,
          'at least one a page');
SELECT * FROM finish();
ROLLBACK;
