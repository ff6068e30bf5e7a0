-- The timeline of a conversation in which a browser relays more than is shown.
\ir setup.sql
SELECT plan(8);

CREATE FUNCTION pg_temp.events(c text) RETURNS TABLE (type text, source text, event jsonb)
LANGUAGE sql AS $$
    SELECT e ->> 'event_type', e ->> 'source', e
      FROM jsonb_array_elements(tavus.admin_conversation(c)::jsonb -> 'events') e
$$;

-- before, amid and after 1,500 of a browser; each of theirs has 8 KB, 12 MB in all
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

SELECT is((SELECT count(*) FROM pg_temp.events('f1')), 1000::bigint, 'so many are shown');
SELECT is((SELECT string_agg(type, ' ' ORDER BY event ->> 'id') FROM pg_temp.events('f1')
            WHERE source <> 'browser'),
          'conversation.created system.replica_joined system.shutdown '
          'application.transcription_ready', 'all of others are among them');
SELECT is((SELECT string_agg(event ->> 'id', ' ') FROM pg_temp.events('f1')),
          (SELECT string_agg(event ->> 'id', ' ' ORDER BY event ->> 'id')
             FROM pg_temp.events('f1')), 'oldest first');
SELECT is((SELECT jsonb_path_query_first(event,
                      '$.data.properties.transcript[0].content') #>> '{}'
             FROM pg_temp.events('f1') WHERE type = 'application.transcription_ready'),
          repeat('y', 60000), 'and whole, however much a browser said before');
SELECT cmp_ok((SELECT octet_length(tavus.admin_conversation('f1'))), '<', 5000000,
          'there is an end to it');

-- where a browser says little it is shown among the others
SELECT is((SELECT count(*) FROM pg_temp.rec('[{"i":5,"t":"conversation.utterance","s":"browser",
    "c":"f2","k":2},{"i":4,"t":"system.replica_joined","c":"f2"},
    {"i":6,"t":"system.shutdown","c":"f2"}]') r, pg_temp.events('f2')), 3::bigint, 'a quiet one');
SELECT * FROM finish();
ROLLBACK;
