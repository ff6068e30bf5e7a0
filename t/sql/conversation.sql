-- A conversation is what its events say, whatever their order and however they are batched.
\ir setup.sql
SELECT plan(26);

CREATE TEMP TABLE steps (n serial, e jsonb);
INSERT INTO steps (e) VALUES
 ('{"i":1,"t":"conversation.requested","s":"server","k":2,"n":"0a",'
     '"b":"{\"vertical\":\"general\",\"persona_id\":\"asked\"}"}'),
 ('{"i":3,"t":"conversation.created","s":"server","k":2,"c":"c1","n":"0a",'
     '"b":"{\"conversation_id\":\"c1\",\"conversation_url\":\"https://x/c1\",'
         '\"status\":\"active\",\"vertical\":\"legal\",\"persona_id\":\"p1\",'
             '\"replica_id\":\"r1\",\"document_tags\":[\"d\"],\"memory_stores\":[\"m\"],'
                 '\"session_id\":\"s1\",\"utm_source\":\"ad\"}"}'),
 ('{"i":2,"t":"system.replica_joined","c":"c1","n":"0a"}'),
 ('{"i":9,"t":"system.shutdown","c":"c1","n":"0a",'
     '"b":"{\"properties\":{\"shutdown_reason\":\"max_call_duration reached\"}}"}'),
 ('{"i":8,"t":"conversation.ended","s":"server","c":"c1","b":"{\"conversation_id\":\"c1\",'
     '\"reason\":\"visitor\"}"}'),
 ('{"i":12,"t":"application.transcription_ready","c":"c1","n":"0a",'
     '"b":"{\"properties\":{\"transcript\":[{\"role\":\"system\",\"content\":\"secret\"},'
         '{\"role\":\"user\",\"content\":\"hi\"},7]}}"}');

-- records some steps, one call each or all in one, tells what became of them, and undoes it
CREATE FUNCTION pg_temp.outcome(perm int[], whole boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    k int;
BEGIN
    IF whole THEN
        PERFORM pg_temp.rec((SELECT jsonb_agg(s.e ORDER BY p.o)
            FROM unnest(perm) WITH ORDINALITY p (n, o) JOIN steps s USING (n)));
    ELSE
        FOREACH k IN ARRAY perm LOOP
            PERFORM pg_temp.rec((SELECT jsonb_build_array(e) FROM steps WHERE n = k));
        END LOOP;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'P0009', MESSAGE =
        (SELECT string_agg(c::text, ' ') FROM tavus.conversations c WHERE id = 'c1')
        || (SELECT string_agg((to_jsonb(i) - 'seen_at')::text, ' ') FROM tavus.intents i
             WHERE nonce = '\x0a');
EXCEPTION WHEN SQLSTATE 'P0009' THEN
    RETURN sqlerrm;
END
$$;

CREATE TEMP TABLE perms AS
WITH RECURSIVE p (perm) AS (
    SELECT '{}'::int[] UNION ALL
    SELECT perm || n FROM p, steps WHERE n <> ALL (perm))
SELECT perm FROM p WHERE cardinality(perm) = (SELECT count(*) FROM steps);

SELECT is((SELECT count(*) FROM perms), 720::bigint, '720 orders');
SELECT is((SELECT count(DISTINCT pg_temp.outcome(perm, false)) FROM perms), 1::bigint,
          'one by one, all give the same rows');
SELECT is((SELECT count(DISTINCT pg_temp.outcome(perm, perm[1] % 2 = 0)) FROM perms
            WHERE perm[6] = 5), 1::bigint, 'and all in one call too');
SELECT is((SELECT pg_temp.outcome('{6,5,4,3,2,1}', false)),
          (SELECT pg_temp.outcome('{1,2,3,4,5,6,3,2,6}', false)), 'repetitions change nothing');

SELECT is(pg_temp.rec((SELECT jsonb_agg(e ORDER BY n) FROM steps)), 'ssssss', 'stored');
SELECT is(tavus.admin_conversation('c1')::jsonb - 'events', jsonb_build_object(
    'id', 'c1', 'url', 'https://x/c1', 'personaId', 'p1', 'replicaId', 'r1', 'vertical', 'legal',
    'memoryStores', '["m"]'::jsonb, 'documentTags', '["d"]'::jsonb, 'status', 'ended',
    'createdAt', pg_temp.at(3), 'endedAt', pg_temp.at(8), 'started_at', pg_temp.at(2),
    'shutdown_reason', 'max_call_duration', 'session_id', 's1', 'utm_source', 'ad',
    'transcript_event_id', pg_temp.id(12), 'outcome', 'timed_out', 'length', 6, 'minutes', 0.08,
    'first_question', 'hi', 'events_before', NULL, 'events_after', NULL,
    'transcript', '[{"n":1,"role":"user","content":"hi"}]'::jsonb,
    'transcript_other', '[{"n":0,"role":"system","content":"secret"}]'::jsonb),
          'as the API shows it');
SELECT is((SELECT jsonb_agg(e -> 'event_type') FROM jsonb_array_elements(
              tavus.admin_conversation('c1')::jsonb -> 'events') e),
          '["system.replica_joined", "conversation.created", "conversation.ended",
            "system.shutdown", "application.transcription_ready"]', 'timeline, oldest first');
SELECT is(tavus.admin_conversation('nobody'), NULL, 'NULL if there is none');

-- who may not change a conversation
SELECT is(pg_temp.rec('[{"i":20,"t":"system.shutdown","s":"browser","c":"c2"},
                        {"i":21,"t":"conversation.created","s":"browser","c":"c2"},
                        {"i":22,"t":"system.shutdown","s":"stripe","c":"c2"}]'), 'sss',
          'events of others');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE id = 'c2'), 0::bigint, 'make none');
SELECT is(pg_temp.rec('[{"i":23,"t":"conversation.created","s":"tavus","c":"c3"},
                        {"i":24,"t":"system.shutdown","s":"server","c":"c3"}]'), 'ss',
          'words out of the wrong mouth');
SELECT is((SELECT row(announced_id, ended)::text FROM tavus.conversations WHERE id = 'c3'),
          '(,f)', 'Tavus does not create, the server does not shut down');
SELECT is(pg_temp.rec('[{"i":30,"t":"later","c":"c4"}]') ||
    pg_temp.rec('[{"i":29,"t":"earlier","c":"c4"}]'),
          'ss', 'unknown events');
SELECT is((SELECT first_id FROM tavus.conversations WHERE id = 'c4'), pg_temp.id(29),
          'make one, and an earlier one makes it older');
SELECT is(pg_temp.rec('[{"i":31,"t":"conversation.created","s":"server","c":"c5",'
    '"b":"{\"status\":\"ended\"}"}]'), 's', 'test mode');
SELECT is((SELECT ended FROM tavus.conversations WHERE id = 'c5'), true,
          'created as ended, as Tavus does in test mode');

-- the form that the first application's documents have
SELECT is(pg_temp.rec('[{"i":60,"t":"conversation.started","c":"c6","b":"{\"payload\":{}}"},
    {"i":61,"t":"conversation.ended","c":"c6",
     "b":"{\"payload\":{\"shutdown_reason\":\"participant_left_timeout reached\"}}"}]') ||
    pg_temp.rec('[{"i":62,"t":"conversation.started","s":"browser","c":"c7"},
                  {"i":63,"t":"conversation.ended","s":"browser","c":"c7"},
                  {"i":64,"t":"any","c":"c7"}]'), 'sssss', 'started and ended');
SELECT is((SELECT row(started_id, shutdown_id, shutdown_reason, closed_id, ended)::text
             FROM tavus.conversations WHERE id = 'c6'),
          row(pg_temp.id(60), pg_temp.id(61), 'participant_left_timeout', NULL::uuid, true)::text,
          'count like those of Tavus');
SELECT is((SELECT row(started_id, ended)::text FROM tavus.conversations WHERE id = 'c7'), '(,f)',
          'but not out of a browser');

-- Tavus's shutdown was lost
SELECT is(pg_temp.rec('[{"i":70,"t":"system.replica_joined","c":"c8"},
                        {"i":72,"t":"application.transcription_ready","c":"c8"},
                        {"i":73,"t":"application.perception_analysis","c":"c9"},
                        {"i":74,"t":"application.recording_ready","c":"c10"},
                        {"i":75,"t":"application.transcription_ready","c":"c11","s":"browser"},
                        {"i":76,"t":"any","c":"c11"}]'), 'ssssss', 'what comes after a call');
SELECT is((SELECT array_agg(id ORDER BY id) FROM tavus.conversations
            WHERE ended AND id IN ('c8', 'c9', 'c10', 'c11')), '{c8,c9}',
          'shows that it is over, but for a recording, or what a browser says');
SELECT is(tavus.admin_conversation('c8')::jsonb ->> 'endedAt', pg_temp.at(72), 'since then');
SELECT is(pg_temp.rec('[{"i":77,"t":"conversation.ended","s":"server","c":"c8",
                         "b":"{\"reason\":\"visitor\"}"}]')
          || pg_temp.rec('[{"i":71,"t":"application.perception_analysis","c":"c8"}]')
          || pg_temp.rec('[{"i":80,"t":"conversation.ended","s":"server","c":"c9",
                            "b":"{\"reason\":\"visitor\"}"},
                           {"i":79,"t":"application.perception_analysis","c":"c9"}]'), 'ssss',
          'who ended it');
SELECT is((SELECT array_agg(closed_id || closed_reason ORDER BY id)
             FROM tavus.conversations WHERE id IN ('c8', 'c9')),
          ARRAY[pg_temp.id(77) || 'visitor', pg_temp.id(80) || 'visitor'], 'knows better');

-- nothing is written where nothing changes
CREATE TEMP TABLE before AS SELECT ctid AS place, * FROM tavus.conversations;
SELECT is(pg_temp.rec('[{"i":40,"t":"any","c":"c1","n":"0a"},{"i":41,"t":"any","c":"c4"}]'), 'ss',
          'plain rows');
SELECT is((SELECT count(*) FROM tavus.conversations c JOIN before b USING (id)
            WHERE c.ctid <> b.place), 0::bigint, 'leave conversations untouched');
SELECT * FROM finish();
ROLLBACK;
