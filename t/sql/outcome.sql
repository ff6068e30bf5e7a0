-- What became of a conversation, in words of ours: by every reason that Tavus gives or we have, how long it
-- was, what it was about, and what came of it.
\ir setup.sql
SELECT plan(59);

CREATE FUNCTION pg_temp.shown(c text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT tavus.conversation_full(k) FROM tavus.conversations k WHERE k.id = c
$$;

-- ---- how it ended: Tavus's reason, ours, whether the agent came, whether the visitor spoke
CREATE TEMP TABLE cases (n serial, theirs text, ours text, came boolean, spoke boolean, outcome text);
INSERT INTO cases (theirs, ours, came, spoke, outcome) VALUES
    (NULL, NULL, false, false, 'active'),
    (NULL, NULL, true, false, 'active'),
    -- what comes after an end tells of one
    (NULL, NULL, true, true, 'talked'),
    ('participant_absent_timeout reached', NULL, true, false, 'nobody_came'),
    ('participant_absent_timeout', NULL, true, false, 'nobody_came'),
    ('participant_left_timeout reached', NULL, true, true, 'ended_by_visitor'),
    ('participant_left_timeout', NULL, true, false, 'ended_by_visitor'),
    ('max_call_duration reached', NULL, true, true, 'timed_out'),
    ('max_call_duration', 'visitor', true, true, 'timed_out'),
    ('bot_could_not_join_meeting_it_was_probably_ended', NULL, false, false, 'never_joined'),
    ('bot_could_not_join_meeting_it_was_probably_ended', NULL, true, true, 'talked'),
    ('bot_could_not_join_meeting_it_was_probably_ended', 'visitor', false, false, 'ended_by_visitor'),
    ('bot_could_not_join_meeting_it_was_probably_ended', 'abandoned', false, false, 'nobody_came'),
    ('daily_room_has_been_deleted', NULL, false, false, 'never_joined'),
    ('daily_room_has_been_deleted', NULL, true, false, 'ended'),
    ('daily_room_has_been_deleted', NULL, true, true, 'talked'),
    ('exception_encountered_during_conversation_startup', NULL, false, false, 'failed'),
    ('exception_encountered_during_conversation_startup', 'visitor', true, false, 'failed'),
    ('internal error occurred at step 3', NULL, true, true, 'failed'),
    ('Internal Error occurred at step x', NULL, false, false, 'failed'),
    ('end_conversation_endpoint_hit', NULL, true, true, 'talked'),
    ('end_conversation_endpoint_hit', NULL, true, false, 'ended'),
    ('end_conversation_endpoint_hit', NULL, false, false, 'never_joined'),
    ('end_conversation_endpoint_hit', 'visitor', true, true, 'ended_by_visitor'),
    ('end_conversation_endpoint_hit', 'admin', true, true, 'ended_by_owner'),
    ('end_conversation_endpoint_hit', 'abandoned', true, false, 'nobody_came'),
    ('end_conversation_endpoint_hit', 'late', true, false, 'failed'),
    ('end_conversation_endpoint_hit', 'unrecorded', false, false, 'failed'),
    ('end_conversation_endpoint_hit', 'unusable', false, false, 'failed'),
    ('end_conversation_endpoint_hit', 'unsettled', false, false, 'failed'),
    ('end_conversation_endpoint_hit', 'unsettled', true, true, 'talked'),
    ('end_conversation_endpoint_hit', 'overdue', true, true, 'timed_out'),
    ('participant_left_timeout reached', 'admin', true, true, 'ended_by_visitor'),
    (NULL, 'visitor', true, true, 'ended_by_visitor'),
    (NULL, 'admin', false, false, 'ended_by_owner'),
    (NULL, 'overdue', true, true, 'timed_out'),
    (NULL, 'unknown_to_tavus', true, true, 'talked'),
    (NULL, 'unknown_to_tavus', false, false, 'never_joined'),
    ('a reason that nobody knows yet', NULL, true, true, 'talked'),
    ('a reason that nobody knows yet', NULL, true, false, 'ended'),
    ('', NULL, true, true, 'talked');

SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n * 20, 't', 'conversation.created', 's', 'server', 'k', 2,
                                                'c', 'o' || n, 'b', '{"status":"active"}')))
  FROM cases \g /dev/null
SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n * 20 + 1, 't', 'system.replica_joined', 'c', 'o' || n)))
  FROM cases WHERE came \g /dev/null
SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n * 20 + 9, 't', 'system.shutdown', 'c', 'o' || n,
           'b', jsonb_build_object('properties', jsonb_build_object('shutdown_reason', theirs))::text)))
  FROM cases WHERE theirs IS NOT NULL \g /dev/null
SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n * 20 + 8.5, 't', 'conversation.ended', 's', 'server', 'k', 2,
           'c', 'o' || n, 'b', jsonb_build_object('reason', ours)::text)))
  FROM cases WHERE ours IS NOT NULL \g /dev/null
SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', n * 20 + 10, 't', 'application.transcription_ready', 'c', 'o' || n,
           'b', '{"properties":{"transcript":[{"role":"assistant","content":"Hello"},{"role":"user","content":"Hi"}]}}')))
  FROM cases WHERE spoke \g /dev/null

SELECT is(pg_temp.shown('o' || n) ->> 'outcome', outcome,
          format('%s: %s, %s, %s, %s', outcome, coalesce(theirs, '-'), coalesce(ours, '-'),
                 CASE WHEN came THEN 'came' END, CASE WHEN spoke THEN 'spoke' END))
  FROM cases ORDER BY n;

-- ---- how long
SELECT is(pg_temp.shown('o6') - '{url,vertical,memoryStores,documentTags}'::text[]
          @> '{"length":8,"minutes":0.15,"first_question":"Hi"}', true, 'from when the agent came; and from the creation');
SELECT is(pg_temp.shown('o4') -> 'length', '0', 'where nobody came it was not long');
SELECT is(pg_temp.shown('o4') -> 'minutes', '0.15', 'and counts all the same');
SELECT is(pg_temp.shown('o25') -> 'minutes', '0.15', 'to the first end that is known');
SELECT is(pg_temp.shown('o1') ?| '{length,minutes}', false, 'while it goes on there is none');
SELECT is(pg_temp.rec('[{"i":1000,"t":"conversation.created","s":"server","c":"test","b":"{\"status\":\"ended\"}"}]'), 's',
          'one that was made to be over');
SELECT is(pg_temp.shown('test') @> '{"outcome":"test","length":0,"minutes":0}', true, 'is a test, and costs nothing');
SELECT is(tavus.call_seconds(pg_temp.id(9), pg_temp.id(3), NULL), 0, 'an end before its beginning');

-- ---- the first question
CREATE FUNCTION pg_temp.asked(list jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT tavus.first_question(convert_to(jsonb_build_object('properties',
               jsonb_build_object('transcript', list))::text, 'UTF8'))
$$;
SELECT is(pg_temp.asked('[{"role":"system","content":"s"},{"role":"user","content":" "},{"role":"assistant","content":"a"},
    {"role":"Visitor","content":[{"text":"What\n  does"},{"text":"it cost?"}]},{"role":"user","content":"no"}]'),
    'What does it cost?', 'the first words of the visitor, in one line');
SELECT is(pg_temp.asked(jsonb_build_array(jsonb_build_object('role', 'user', 'content', repeat('é', 500)))),
          repeat('é', 199) || '…', 'cut');
SELECT is(coalesce(pg_temp.asked('[]'), pg_temp.asked('{"a":1}'), pg_temp.asked('[1,null,[],"x",{"role":"user"}]'),
                   tavus.first_question('\xff'), tavus.first_question(NULL)), NULL, 'none');

-- ---- what came of it
INSERT INTO tavus.leads (id, name, email, message, conversation_id)
VALUES (pg_temp.id(11), 'n', 'e@example.org', 'm', 'o4'), (pg_temp.id(12), 'n', 'e@example.org', 'm', 'o5');
INSERT INTO tavus.orders (id, ours, livemode, conversation_id, outcome)
VALUES (pg_temp.id(13), true, false, 'o4', 'failed');
INSERT INTO tavus.destinations (name, kind) VALUES ('crm', 'webhook'), ('hog', 'posthog');
INSERT INTO tavus.deliveries (destination, event_id, dead, tries, due_at, reason)
SELECT d.name, e.id, d.dead, 1, now(), 'x'
  FROM (VALUES ('crm', 'system.replica_joined', false), ('crm', 'system.shutdown', true),
               ('hog', 'system.shutdown', false)) AS d (name, type, dead)
  JOIN tavus.events e ON e.conversation_id = 'o4' AND e.event_type = d.type
UNION ALL
SELECT 'crm', pg_temp.id(11), false, 1, now(), 'x';
SELECT is(pg_temp.shown('o4') -> 'leads', to_jsonb(ARRAY[pg_temp.id(11)]), 'leads');
SELECT is(pg_temp.shown('o4') -> 'orders', jsonb_build_array(jsonb_build_object('id', pg_temp.id(13), 'state', 'failed')),
          'orders');
SELECT is(pg_temp.shown('o4') -> 'deliveries', '[{"destination":"crm","waiting":2,"dead":1},
    {"destination":"hog","waiting":1,"dead":0}]', 'what waits and what is dead, of the lead as well');
SELECT is(pg_temp.shown('o6') ?| '{leads,orders,deliveries,erasure_pending,repaired}', false, 'nothing of what is not');

-- ---- what is under way, or came in another way
INSERT INTO tavus.erasures (id, what, keys, pos) VALUES (gen_random_uuid(), 'visitor', '{"s v1","c o4"}', 1);
SELECT is(pg_temp.shown('o4') -> 'erasure_pending', 'true', 'about to be erased');
SELECT is(pg_temp.rec('[{"i":1100,"t":"system.replica_joined","c":"r1"},
    {"i":1101,"t":"system.shutdown","c":"r1","v":"{\"method\":\"repair\"}"}]'), 'ss', 'an end that was fetched');
UPDATE tavus.conversations SET repair_answers = 1 WHERE id IN ('r1', 'o6');
SELECT is(jsonb_build_array(pg_temp.shown('r1') -> 'repaired', pg_temp.shown('o6') -> 'repaired'), '[true, null]',
          'is repaired; one that was only asked about is not');
SELECT * FROM finish();
ROLLBACK;
