-- Persona and replica of a conversation: our own word, else what Tavus's events tell, in any order.
\ir setup.sql
SELECT plan(13);

-- what the API shows after these rows, whole and one by one in both directions: one answer
CREATE FUNCTION pg_temp.shown(VARIADIC rows text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text[] := '{}';
    r    text;
BEGIN
    FOR way IN 1 .. 3 LOOP
        BEGIN
            IF way = 1 THEN
                PERFORM pg_temp.rec((SELECT jsonb_agg(u::jsonb) FROM unnest(rows) u));
            ELSE
                FOR r IN SELECT u FROM unnest(rows) WITH ORDINALITY AS x (u, o)
                          ORDER BY o * (5 - 2 * way) LOOP
                    PERFORM pg_temp.rec(jsonb_build_array(r::jsonb));
                END LOOP;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'P0009', MESSAGE = (
                SELECT concat_ws(' ', coalesce(tavus.conversation_json(c) ->> 'personaId', '-'),
                                 coalesce(tavus.conversation_json(c) ->> 'replicaId', '-'),
                                 to_jsonb(c) ->> 'told_persona', to_jsonb(c) ->> 'told_replica')
                  FROM tavus.conversations c WHERE c.id = 'c1');
        EXCEPTION WHEN SQLSTATE 'P0009' THEN
            seen := seen || sqlerrm;
        END;
    END LOOP;
    RETURN array_to_string(ARRAY(SELECT DISTINCT u FROM unnest(seen) u), ' or ');
END
$$;

CREATE FUNCTION pg_temp.row(i int, type text, said jsonb, within text DEFAULT 'properties')
RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 't', type, 'c', 'c1',
                              'b', jsonb_build_object(within, said)::text)::text
$$;

CREATE FUNCTION pg_temp.ours(i int, said jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 't', 'conversation.created', 's', 'server', 'k', 2, 'c', 'c1',
                              'n', '0a', 'b', said::text)::text
$$;

SELECT is(pg_temp.shown(pg_temp.row(1, 'system.replica_joined', '{"replica_id":"r1"}')),
          '- r1 r1', 'the one who joined');
SELECT is(pg_temp.shown(pg_temp.row(1, 'system.pal_joined', '{"face_id":"r1","pal_id":"p1"}')),
          'p1 r1 p1 r1', 'under today''s names');
SELECT is(pg_temp.shown(pg_temp.row(1, t, '{"replica_id":"r1","persona_id":"p1"}')),
          'p1 r1 p1 r1', t)
  FROM unnest('{system.shutdown,application.transcription_ready,application.perception_analysis,'
              'application.recording_ready,application.post_call_action_executed}'::text[]) t;
SELECT is(pg_temp.shown(pg_temp.row(1, 'conversation.started', '{"face_id":"r1"}', 'payload')),
          '- r1 r1', 'in a payload');
SELECT is(pg_temp.shown(pg_temp.row(2, 'system.replica_joined', '{"replica_id":"r2"}'),
                        pg_temp.row(1, 'system.shutdown', '{"replica_id":"r3","pal_id":"p2"}'),
                        pg_temp.row(3, 'application.transcription_ready',
                                    '{"face_id":"r4","persona_id":"p1"}')),
          'p1 r2 p1 r2', 'they differ: the lowest, whatever the order');
SELECT is(pg_temp.shown(pg_temp.ours(1, '{"persona_id":"p0","replica_id":"r0"}'),
                        pg_temp.row(2, 'system.pal_joined', '{"face_id":"r1","pal_id":"p1"}'),
                        pg_temp.row(3, 'system.shutdown', '{"replica_id":"r1"}')),
          'p0 r0', 'our own word counts');
SELECT is(pg_temp.shown(pg_temp.ours(1, '{"pal_id":"p0"}'),
                        pg_temp.row(2, 'system.pal_joined', '{"face_id":"r1","pal_id":"p1"}'),
                        pg_temp.row(3, 'system.shutdown', '{"replica_id":"r1"}')),
          'p0 r1 r1', 'and for what we did not tell, theirs');
SELECT is(pg_temp.shown('{"i":1,"t":"conversation.requested","s":"server","k":2,"n":"0b",
                          "b":"{\"persona_id\":\"asked\"}"}',
                        '{"i":2,"t":"system.pal_joined","c":"c1","n":"0b",
                          "b":"{\"properties\":{\"face_id\":\"r1\",\"pal_id\":\"p1\"}}"}'),
          'asked r1 p1 r1', 'what was asked for is our word, too');
SELECT is(pg_temp.shown(
              pg_temp.row(1, 'system.pal_joined', '{"face_id":7,"pal_id":{"a":1}}'),
              pg_temp.row(2, 'system.shutdown', '{"replica_id":null,"persona_id":""}'),
              pg_temp.row(3, 'application.transcription_ready',
                          jsonb_build_object('replica_id', repeat('r', 201))),
              '{"i":4,"t":"application.perception_analysis","c":"c1","b":"no JSON"}',
              '{"i":5,"t":"application.recording_ready","c":"c1","b":"[1]"}',
              '{"i":6,"t":"x.unknown","c":"c1","b":"{\"properties\":{\"replica_id\":\"r1\"}}"}',
              '{"i":7,"t":"system.pal_joined","s":"browser","c":"c1",
                "b":"{\"properties\":{\"face_id\":\"r1\"}}"}'),
          '- -', 'what is no name tells nothing');
SELECT * FROM finish();
ROLLBACK;
