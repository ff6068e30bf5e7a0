-- Who may judge an intent, and when.
\ir setup.sql
SELECT plan(37);

-- the nth intent, of a node, due since, seen since, with an outcome
CREATE FUNCTION pg_temp.wish(n int, node text, due interval, seen interval DEFAULT '1 minute',
                             result text DEFAULT NULL, failed boolean DEFAULT false)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO tavus.intents (nonce, requested_id, vertical, patience, node, due_at, seen_at,
                               outcome, unended)
    VALUES (int4send(n), pg_temp.id(n), 'v', 30, node, now() - due, now() - seen, result, failed)
$$;
CREATE FUNCTION pg_temp.claim(node text, clean bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(('x' || (e ->> 'nonce'))::bit(32)::int::text, ' '
                      ORDER BY e ->> 'nonce')
      FROM json_array_elements(tavus.claim_unsettled(node, clean)::json) e
$$;
CREATE FUNCTION pg_temp.again() RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.intents SET due_at = now() - interval '1 minute', tries = 0
     WHERE due_at IS NOT NULL
$$;

SELECT is(tavus.heartbeat('a.1', 0, 0)::jsonb, '{"clash":false,"silent":[]}', 'a node');
SELECT is(tavus.heartbeat('b.1', 2, 999)::jsonb, '{"clash":false,"silent":[]}', 'another');

SELECT pg_temp.wish(1, 'a.1', '1 minute') \g /dev/null
SELECT pg_temp.wish(2, 'b.1', '1 minute') \g /dev/null
SELECT pg_temp.wish(3, '', '1 minute') \g /dev/null
SELECT pg_temp.wish(4, NULL, '1 minute') \g /dev/null
SELECT pg_temp.wish(5, 'a.1', '1 minute', result => 'unknown') \g /dev/null
SELECT pg_temp.wish(6, 'a.1', '1 minute', failed => true) \g /dev/null
SELECT pg_temp.wish(7, 'a.1', '-1 minute') \g /dev/null
SELECT pg_temp.wish(8, 'a.2', '1 minute') \g /dev/null

SELECT is(pg_temp.claim('b.1', 0), '2 3 5 6',
          'its own, those of nodes without a journal, and what was told');
SELECT is(pg_temp.claim('b.1', 0), NULL, 'are leased');
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('a.1', NULL), '3 5 6', 'not its own while the journal holds something');
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('a.1', 61000), '3 5 6', 'nor what was due only after it was empty');
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('a.1', 59000), '1 3 5 6 7', 'but what was due before');
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim(NULL, NULL), '3 5 6', 'a node without a journal');
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('', 0), '3 5 6', 'however it says so');
DELETE FROM tavus.intents;

-- gone for good
SELECT pg_temp.wish(1, 'a.1', '1 minute', '4 hours') \g /dev/null
SELECT pg_temp.wish(2, 'z.1', '1 minute', '4 hours') \g /dev/null
SELECT pg_temp.wish(3, NULL, '1 minute', '4 hours') \g /dev/null
SELECT pg_temp.wish(4, 'z.1', '1 minute', '2 hours') \g /dev/null
SELECT pg_temp.wish(5, NULL, '1 minute', '2 hours') \g /dev/null
SELECT is(pg_temp.claim('b.1', 0), '2 3', 'gone: silent for longer than a call lasts');
UPDATE tavus.nodes SET beat_at = now() - interval '2 hours' WHERE name = 'a.1';
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('b.1', 0), '2 3', 'not yet');
UPDATE tavus.nodes SET beat_at = now() - interval '4 hours' WHERE name = 'a.1';
SELECT pg_temp.again() \g /dev/null
SELECT is(pg_temp.claim('b.1', 0), '1 2 3', 'but now');
SELECT is(tavus.heartbeat('b.1', 0, 0)::jsonb, '{"clash":false,"silent":["a"]}', 'and it is named');
SELECT is((SELECT array_agg(id || files) FROM tavus.silent_nodes()), '{a0}', 'so');
SELECT is(tavus.heartbeat('a.2', 0, 0)::jsonb, '{"clash":false,"silent":[]}',
          'no longer, when it comes back elsewhere');
DELETE FROM tavus.intents;

-- ops know more
SELECT pg_temp.wish(1, 'z.1', '1 minute') \g /dev/null
SELECT pg_temp.wish(2, 'z.2', '1 minute') \g /dev/null
SELECT pg_temp.wish(3, 'zz.1', '1 minute') \g /dev/null
SELECT throws_ok('SELECT tavus.forget_node(''b'')', 'node b lives');
SELECT is(tavus.forget_node('z'), 2, 'a node is forgotten');
SELECT is(pg_temp.claim('b.1', 0), '1 2', 'all of it, and nothing else');
DELETE FROM tavus.intents;
DELETE FROM tavus.nodes;

-- two of one id: now() stands still here, so the past moves
CREATE FUNCTION pg_temp.pass(seconds int) RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.nodes SET beat_at = beat_at - seconds * interval '1 second',
                           clash_at = clash_at - seconds * interval '1 second'
$$;
SELECT is(tavus.heartbeat('c.1', 0, 0)::jsonb ->> 'clash', 'false', 'a first one');
SELECT pg_temp.pass(5) \g /dev/null
SELECT is(tavus.heartbeat('c.2', 0, 0)::jsonb ->> 'clash', 'false', 'it moved, or is there twice');
SELECT pg_temp.pass(5) \g /dev/null
SELECT is(tavus.heartbeat('c.1', 0, 0)::jsonb ->> 'clash', 'true', 'it is there twice');
SELECT pg_temp.pass(5) \g /dev/null
SELECT is(tavus.heartbeat('c.3', 0, 0)::jsonb ->> 'clash', 'false', 'or');
SELECT pg_temp.pass(5) \g /dev/null
SELECT is(tavus.heartbeat('c.2', 0, 0)::jsonb ->> 'clash', 'true', 'three times');
SELECT is(tavus.health()::jsonb -> 'clashing_nodes', '["c"]', 'health says so');
SELECT is(tavus.health()::jsonb -> 'nodes', '1', 'and that they are one node that was heard of');
SELECT pg_temp.pass(5) \g /dev/null
SELECT is(tavus.heartbeat('c.2', 0, 0)::jsonb ->> 'clash', 'false', 'the last one there');
SELECT pg_temp.pass(3600) \g /dev/null
SELECT is(tavus.heartbeat('c.1', 0, 0)::jsonb ->> 'clash', 'false', 'comes back after an hour');
SELECT is(tavus.health()::jsonb -> 'clashing_nodes', '[]', 'all is well');

-- no list grows for ever
INSERT INTO tavus.nodes (name, beat_at, files, bytes)
VALUES ('d.1', now() - interval '8 days', 0, 0), ('e.1', now() - interval '8 days', 1, 99),
       ('f.1', now() - interval '8 days', 1, 99), ('f.2', now() - interval '1 day', 0, 0);
SELECT is(tavus.heartbeat('c.1', 0, 0)::jsonb -> 'silent', '["c","e","f"]'::jsonb - 'c',
          'after a week only who may hold events is named');
SELECT is((SELECT array_agg(name ORDER BY name) FROM tavus.nodes WHERE name ~ '^[def]'),
          '{e.1,f.2}', 'the rest is gone');

-- leases
SELECT pg_temp.wish(1, '', '1 minute') \g /dev/null
CREATE FUNCTION pg_temp.leases() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got  text[];
    last json;
BEGIN
    FOR n IN 1 .. 40 LOOP
        last := tavus.claim_unsettled(NULL, NULL)::json;
        EXIT WHEN json_array_length(last) = 0;
        got := got || (SELECT CASE WHEN (last -> 0 ->> 'last')::boolean THEN 'last ' ELSE '' END
                           || coalesce(extract(epoch FROM due_at - now())::int::text, 'never')
                         FROM tavus.intents);
        UPDATE tavus.intents SET due_at = now() WHERE due_at IS NOT NULL;
    END LOOP;
    RETURN array_to_string(got[1:9], ',') || ' ' || cardinality(got) || ' '
        || got[cardinality(got)];
END
$$;
SELECT is(pg_temp.leases(), '30,60,120,240,480,960,1920,last 3600,last 3600 32 last never',
          'for longer each time, and then given up');
DELETE FROM tavus.intents;

-- what was looked for and is nowhere
SELECT pg_temp.rec('[{"i":1,"t":"conversation.requested","s":"server","n":"09",
    "b":"{\"patience\":30,\"node\":\"a.1\"}"}]') \g /dev/null
SELECT is((SELECT row(node, due_at - now())::text FROM tavus.intents), '(a.1,00:00:30)',
          'a wish has its node and its time');
SELECT pg_temp.rec('[{"i":2,"t":"conversation.not_found","s":"server","n":"09"}]') \g /dev/null
SELECT is((SELECT row(closed, due_at)::text FROM tavus.intents), '(t,)', 'is settled');
SELECT pg_temp.rec('[{"i":3,"t":"conversation.requested","s":"server","n":"0a",
    "b":"{\"patience\":30}"},{"i":4,"t":"conversation.requested","s":"server","n":"0b",
    "b":"{\"patience\":30,\"node\":[]}"}]') \g /dev/null
SELECT is((SELECT array_agg(node) FROM tavus.intents WHERE nonce <> '\x09'), '{NULL,NULL}',
          'a wish of who says nothing');
-- what comes only when a conversation is over spares it another end, by whatever name it is bound
DELETE FROM tavus.intents;
SELECT pg_temp.wish(n, '', '1 minute', failed => true) FROM generate_series(21, 26) n \g /dev/null
SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 20 + o, 't', t, 'c', 'over' || o,
                                                            'n', encode(int4send(20 + o::int), 'hex')))
    FROM unnest('{application.transcription_ready,application.perception_analysis,
                  application.post_call_action_executed,application.recording_ready,
                  application.perception_unavailable,system.pal_joined}'::text[])
         WITH ORDINALITY AS u (t, o))), 'ssssss', 'what Tavus tells of six whose end failed');
SELECT is(pg_temp.claim('', 0), '24 25 26', 'of three it shows that they are over');
SELECT is((SELECT array_agg(('x' || encode(nonce, 'hex'))::bit(32)::int ORDER BY nonce)
             FROM tavus.intents WHERE closed AND due_at IS NULL), '{21,22,23}', 'which are settled');
SELECT * FROM finish();
ROLLBACK;
