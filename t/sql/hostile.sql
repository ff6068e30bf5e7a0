-- Whatever is in a body or a field, tavus.record() and the admin functions do not fail.
\ir setup.sql
CREATE TEMP TABLE bodies (n serial, b text);
INSERT INTO bodies (b) VALUES
 ('null'), ('true'), ('1'), ('"text"'), ('[]'), ('[1,{}]'), ('{}'), ('not json'), (''), ('{"a":'),
 ('{"properties":"text"}'), ('{"properties":[]}'), ('{"properties":null}'),
 ('{"properties":{"shutdown_reason":{"a":1},"transcript":"text"}}'),
 ('{"properties":{"shutdown_reason":7,"transcript":{"role":"user"}}}'),
 ('{"properties":{"shutdown_reason":["x"],"transcript":[1,null,"s",[],{"role":1},'
     '{"role":"system"}]}}'),
 ('{"conversation_url":1,"vertical":[],"persona_id":{},"document_tags":"a",'
     '"memory_stores":{"a":1},"status":1,"http_status":99999999999,"outcome":[]}'),
 ('{"document_tags":[[],{},null,1],"memory_stores":[null],"http_status":-1,"reason":{}}'),
 ('{"a":"\u0000","b":"\ud800"}'), ('{"n":1e999999}'), (repeat('[', 7000)), (repeat('[', 7000) ||
     repeat(']', 7000)),
 ('{"vertical":"' || repeat('v', 20000) || '"}');
CREATE TEMP TABLE types (t text, s text);
INSERT INTO types VALUES
 ('conversation.requested', 'server'), ('conversation.created', 'server'),
 ('conversation.create_failed', 'server'), ('conversation.ended', 'server'),
 ('system.replica_joined', 'tavus'), ('system.pal_joined', 'tavus'), ('system.shutdown', 'tavus'),
 ('application.transcription_ready', 'tavus'), ('application.recording_ready', 'tavus'),
 ('application.perception_analysis', 'tavus'), ('who.knows', 'tavus'), ('', 'browser');
SELECT plan(14);

SELECT is((SELECT array_agg(DISTINCT pg_temp.rec(jsonb_build_array(jsonb_build_object(
              'i', n * 20 + length(t), 't', t, 's', s, 'c', 'h' || n, 'n', lpad(n::text, 4, '0'),
              'b', b)))) FROM bodies, types), '{d,s}',
          'every type with every kind of body is recorded');
SELECT is((SELECT count(*) FROM bodies
            WHERE tavus.admin_conversation('h' || n)::json::text ~ ('^\{"id" ?: "h' || n || '"')), 23::bigint,
          'and can be shown');
SELECT is(pg_temp.rec('[{"i":1,"t":"system.shutdown","c":"u1","x":"ff7b7d00"},
                        {"i":2,"t":"application.transcription_ready","c":"u1","x":"fffe"},
                        {"i":3,"t":"conversation.created","s":"server","c":"u1","x":"00"}]'), 'sss',
          'bytes that are no UTF-8, though the gate keeps them out');
SELECT is(tavus.admin_event(pg_temp.id(1))::jsonb ->> 'data', '\377{}\000', 'shown escaped');
SELECT is(tavus.admin_event(pg_temp.id(1))::jsonb ->> 'raw', '/3t9AA==', 'raw exactly');
SELECT is(jsonb_array_length(tavus.admin_conversation('u1')::jsonb -> 'events'), 3,
    'in a timeline');
SELECT is(tavus.admin_conversation('u1')::jsonb -> 'transcript', 'null', 'no transcript');
SELECT is(jsonb_array_length(tavus.admin_events(q => '{}', conversation_id => 'u1')::jsonb ->
    'events'),
          1, 'a search passes over them');
SELECT is(pg_temp.rec(jsonb_build_array(
              jsonb_build_object('i', 10, 't', 'a', 'c', repeat('é', 5000)),
              jsonb_build_object('i', 11, 't', repeat('t', 9000), 'c', 'ok'),
              jsonb_build_object('i', 12, 't', 'a', 's', repeat('s', 9000), 'c', 'ok'),
              jsonb_build_object('i', 13, 't', 'a', 'c', 'ok'))), 'qqqs',
          'fields longer than an index can hold are quarantined');
SELECT is((SELECT array_agg(DISTINCT reason) FROM tavus.quarantine
            WHERE id IN (pg_temp.id(10), pg_temp.id(11), pg_temp.id(12))), '{field too long}',
          'with the reason');
SELECT is(pg_temp.rec('[{"i":14,"c":"ok"}]'), 's', 'no event type');
SELECT is(pg_temp.rec('[{"i":14,"c":"ok"}]'), 'd', 'no event type, again');
SELECT is(tavus.record(ARRAY[pg_temp.id(15)], '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}',
    '{NULL}',
                       '{NULL}', '{NULL}', '{NULL}', '{NULL}'), 's', 'nothing but an id');
SELECT throws_ok($$ SELECT pg_temp.rec('[{"id":"00000000-0000-7000-8000-000000000000","t":"a"}]')
    $$,
                 '23514', NULL, 'a missing month does fail');
SELECT * FROM finish();
ROLLBACK;
