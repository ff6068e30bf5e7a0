-- The timeline of a conversation, in pages both ways: what browsers relay hides nothing of what others tell,
-- and whoever goes through it meets each event once, in order, while more come.
\ir setup.sql
SELECT plan(34);

CREATE FUNCTION pg_temp.page(c text, order_ text DEFAULT NULL, before_ uuid DEFAULT NULL, after_ uuid DEFAULT NULL,
                             limit_ int DEFAULT NULL, from_ int DEFAULT NULL) RETURNS jsonb
LANGUAGE sql AS $$ SELECT tavus.admin_conversation(c, order_, before_, after_, from_, limit_)::jsonb $$;

CREATE FUNCTION pg_temp.events(page jsonb, member text DEFAULT 'events')
RETURNS TABLE (n bigint, type text, source text, id uuid, event jsonb)
LANGUAGE sql AS $$
    SELECT t.n, e ->> 'event_type', e ->> 'source', (e ->> 'id')::uuid, e
      FROM jsonb_array_elements(page -> member) WITH ORDINALITY AS t (e, n) ORDER BY t.n
$$;

CREATE FUNCTION pg_temp.types(page jsonb, member text DEFAULT 'events') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(type, ' ' ORDER BY n) FROM pg_temp.events(page, member)
$$;

-- ---- before, amid and after 1,500 of a browser; each of theirs has 8 KB, 12 MB in all
CREATE TEMP TABLE flood AS
SELECT jsonb_build_object('i', n / 1000.0 + 1, 't', 'conversation.utterance', 's', 'browser',
                          'c', 'f1', 'k', 2, 'b', to_jsonb(repeat('x', 8000))::text) AS e
  FROM generate_series(1, 1500) n;
SELECT is(pg_temp.rec('[{"i":1,"t":"conversation.created","s":"server","c":"f1","k":2,
    "b":"{\"conversation_id\":\"f1\"}"}]'), 's', 'a conversation');
DO $$ BEGIN
    PERFORM pg_temp.rec(jsonb_agg(e)) FROM flood;
END $$;
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('i', 1.5005, 't', 'system.replica_joined', 'c', 'f1'),
    jsonb_build_object('i', 90, 't', 'system.shutdown', 'c', 'f1'),
    jsonb_build_object('i', 91, 't', 'application.transcription_ready', 'c', 'f1',
        'b', jsonb_build_object('properties', jsonb_build_object('transcript', jsonb_build_array(
            jsonb_build_object('role', 'user', 'content', repeat('y', 60000)))))))), 'sss',
    'what Tavus says of it');

CREATE TEMP TABLE p1 AS SELECT pg_temp.page('f1') AS page;
SELECT cmp_ok((SELECT octet_length(page::text) FROM p1), '<', 1000000, 'a page has an end');
SELECT cmp_ok((SELECT count(*) FROM p1, pg_temp.events(page)), '<', 200::bigint, 'by its bytes');
SELECT is((SELECT pg_temp.types(page, 'events_beyond') FROM p1),
          'system.replica_joined system.shutdown application.transcription_ready',
          'and what others tell beyond it is beside it');
SELECT is((SELECT jsonb_path_query_first(event, '$.data.properties.transcript[0].content') #>> '{}'
             FROM p1, pg_temp.events(page, 'events_beyond')
            WHERE type = 'application.transcription_ready'),
          repeat('y', 60000), 'whole, however much a browser said before');
SELECT is((SELECT page ->> 'events_before' FROM p1), NULL, 'it is the first one');
CREATE TEMP TABLE p2 AS SELECT pg_temp.page('f1', 'desc') AS page;
SELECT is((SELECT pg_temp.types(page, 'events_beyond') FROM p2),
          'system.replica_joined conversation.created', 'from the other end as well, in that order');
SELECT matches((SELECT pg_temp.types(page) FROM p2), '^application.transcription_ready system.shutdown conversation',
               'newest first');
SELECT is((SELECT page -> 'events_after' FROM p2), 'null', 'there is nothing behind');
SELECT ok(NOT (pg_temp.page('f1', after_ => (SELECT (page ->> 'events_after')::uuid FROM p1)) ? 'events_beyond'),
          'a later page has only itself');

SELECT is(jsonb_array_length(pg_temp.page('f1', limit_ => 1) -> 'events_beyond'), 3, 'of a small page, too');

-- where a browser says little it is shown among the others
SELECT is(pg_temp.rec('[{"i":5,"t":"conversation.utterance","s":"browser","c":"f2","k":2},
    {"i":4,"t":"system.replica_joined","c":"f2"},{"i":6,"t":"system.shutdown","c":"f2"}]'), 'sss', 'a quiet one');
SELECT ok(NOT (pg_temp.page('f2') ? 'events_beyond'), 'nothing is beyond it');

-- ---- arguments
SELECT is(pg_temp.types(pg_temp.page('f2', 'desc')),
          'system.shutdown conversation.utterance system.replica_joined', 'newest first');
SELECT is(pg_temp.types(pg_temp.page('f2', after_ => pg_temp.id(4))), 'conversation.utterance system.shutdown', 'after');
SELECT is(pg_temp.types(pg_temp.page('f2', 'desc', after_ => pg_temp.id(4), limit_ => 1)), 'conversation.utterance',
          'what is next after it, whatever the order');
SELECT is(pg_temp.types(pg_temp.page('f2', before_ => pg_temp.id(6), limit_ => 1)), 'conversation.utterance',
          'what is next before it');
SELECT is(pg_temp.types(pg_temp.page('f2', before_ => pg_temp.id(6), after_ => pg_temp.id(4))),
          'conversation.utterance', 'both: what lies between');
SELECT is(p.page - (SELECT array_agg(k) FROM jsonb_object_keys(p.page) k WHERE k !~ '^events'), p.want, p.what)
  FROM (VALUES (pg_temp.page('f2', after_ => pg_temp.id(6)), jsonb_build_object('events', '[]'::jsonb,
                'events_before', pg_temp.id(6), 'events_after', NULL), 'behind the last one is nothing yet, but before it'),
               (pg_temp.page('f2', before_ => pg_temp.id(4)), jsonb_build_object('events', '[]'::jsonb,
                'events_before', NULL, 'events_after', pg_temp.id(4)), 'and the other way round')) AS p (page, want, what);
SELECT is(pg_temp.page('f2', after_ => pg_temp.id(4)) ? 'transcript', false, 'the transcript comes with the first page');
SELECT is(pg_temp.page('nobody', after_ => pg_temp.id(4)), NULL, 'none of nobody');

-- ---- a walk, in pages of random sizes, while events come before, amid and behind
CREATE FUNCTION pg_temp.walk(c text, order_ text, seed float8, OUT seen uuid[], OUT there uuid[])
LANGUAGE plpgsql AS $$
DECLARE
    back   boolean := order_ = 'desc';
    place  uuid;
    page   jsonb;
    ids    uuid[];
BEGIN
    PERFORM setseed(seed);
    seen := '{}';
    there := ARRAY(SELECT e.id FROM tavus.events e WHERE e.conversation_id = c ORDER BY e.id);

    FOR i IN 1 .. 500 LOOP
        page := pg_temp.page(c, order_, CASE WHEN back THEN place END, CASE WHEN NOT back THEN place END,
                             1 + (random() * 9)::int);
        ids := ARRAY(SELECT e.id FROM pg_temp.events(page) e ORDER BY e.n);
        seen := seen || ids;
        PERFORM pg_temp.rec(jsonb_agg(jsonb_build_object('i', round((random() * 200)::numeric, 3)
                                                              + 1000 * right(c, 1)::int, 't', 'came.' || i,
                                                         's', CASE WHEN random() < 0.5 THEN 'browser' ELSE 'tavus' END,
                                                         'c', c, 'k', 2)))
           FROM generate_series(1, 1 + (random() * 2)::int) n;
        place := page ->> CASE WHEN back THEN 'events_before' ELSE 'events_after' END;
        EXIT WHEN place IS NULL;
    END LOOP;
END
$$;
SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n + 1000 * c, 't', 'system.' || n, 'k', 2, 'c', 'w' || c,
                                                's', CASE WHEN n % 3 = 0 THEN 'tavus' ELSE 'browser' END)))
  FROM generate_series(1, 90) n, generate_series(1, 4) c GROUP BY c \g /dev/null

CREATE TEMP TABLE walks AS
SELECT w.*, c, CASE WHEN c % 2 = 0 THEN 'desc' ELSE 'asc' END AS order_
  FROM generate_series(1, 4) c,
       LATERAL pg_temp.walk('w' || c, CASE WHEN c % 2 = 0 THEN 'desc' ELSE 'asc' END, c / 10.0) w;
SELECT is((SELECT count(*) FROM walks WHERE there <@ seen), 4::bigint, 'all that was there is met');
SELECT is((SELECT count(*) FROM walks w
            WHERE cardinality(w.seen) = (SELECT count(DISTINCT s) FROM unnest(w.seen) s)), 4::bigint, 'each once');
SELECT is((SELECT count(*) FROM walks w
            WHERE w.seen = ARRAY(SELECT s FROM unnest(w.seen) s ORDER BY CASE w.order_ WHEN 'asc' THEN s END,
                                                                      CASE w.order_ WHEN 'desc' THEN s END DESC)),
          4::bigint, 'in order');
SELECT cmp_ok((SELECT min(cardinality(seen)) FROM walks), '>', 90, 'and some that came meanwhile');

-- there and back again: a page before that from which one came is that of before
CREATE TEMP TABLE ways AS
WITH a AS (SELECT pg_temp.page('w1', limit_ => 7) AS page),
     b AS (SELECT pg_temp.page('w1', after_ => (page ->> 'events_after')::uuid, limit_ => 7) AS page FROM a)
SELECT a.page AS a, b.page AS b,
       pg_temp.page('w1', before_ => (b.page ->> 'events_before')::uuid, limit_ => 7) AS c FROM a, b;
SELECT is((SELECT c -> 'events' FROM ways), (SELECT a -> 'events' FROM ways), 'there and back');

-- ---- a transcript in pages
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 9, 't', 'application.transcription_ready', 'c', 't1',
    'b', jsonb_build_object('properties', jsonb_build_object('transcript', (
        SELECT jsonb_agg(CASE WHEN n % 10 = 0 THEN jsonb_build_object('role', 'tool', 'content', repeat('t', 5000))
                              ELSE jsonb_build_object('role', 'user', 'content', n || repeat('z', 5000)) END ORDER BY n)
          FROM generate_series(0, 599) n)))::text))), 's', 'a long one');
CREATE TEMP TABLE parts AS
WITH RECURSIVE p (page, depth) AS (
    SELECT pg_temp.page('t1'), 1
    UNION ALL
    SELECT pg_temp.page('t1', after_ => pg_temp.id(9), from_ => (page ->> 'transcript_next')::int), depth + 1 FROM p
     WHERE page ? 'transcript_next' AND depth < 20)
SELECT * FROM p;
SELECT is((SELECT count(*) FROM parts), 12::bigint, '3 MB in pages');
SELECT cmp_ok((SELECT max(octet_length(page::text)) FROM parts), '<', 300000, 'none of which is much over 256 KiB');
SELECT is((SELECT array_agg((r ->> 'n')::int ORDER BY depth, o)
             FROM parts, jsonb_array_elements(page -> 'transcript') WITH ORDINALITY AS r (r, o)),
          ARRAY(SELECT n FROM generate_series(0, 599) n WHERE n % 10 <> 0), 'each row once, in order');
SELECT is((SELECT array_agg((r ->> 'n')::int ORDER BY depth, o)
             FROM parts, jsonb_array_elements(page -> 'transcript_other') WITH ORDINALITY AS r (r, o)),
          ARRAY(SELECT n FROM generate_series(0, 599) n WHERE n % 10 = 0), 'of the others as well');
SELECT is((SELECT jsonb_array_length(page -> 'transcript') FROM parts WHERE depth = 12) > 0
          AND pg_temp.page('t1', after_ => pg_temp.id(9), from_ => 600) -> 'transcript' = '[]', true, 'and then none');
SELECT * FROM finish();
ROLLBACK;
