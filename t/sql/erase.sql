-- Erasure: what is deleted, what stays so, and what the books keep.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT no_plan();

-- All steps of an erasure, of which the last says what remains.
CREATE FUNCTION pg_temp.run(started text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    r       jsonb := started;
    remains jsonb;
BEGIN
    FOR i IN 1 .. 200 LOOP
        r := tavus.erase_step((r ->> 'id')::uuid);
        remains := coalesce(r -> 'remains', remains);
        EXIT WHEN r ->> 'state' <> 'running';
    END LOOP;
    RETURN r || jsonb_build_object('remains', remains);
END
$$;

-- Where a word stands: tables and columns.
CREATE FUNCTION pg_temp.find(word text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r     record;
    found boolean;
    at    text[] := '{}';
BEGIN
    FOR r IN
        SELECT c.relname, a.attname, a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY 1, 2
    LOOP
        EXECUTE format(CASE r.atttypid WHEN 'bytea'::regtype
                            THEN 'SELECT EXISTS (SELECT FROM tavus.%I WHERE position(convert_to($1, ''UTF8'') IN %I) > 0)'
                            ELSE 'SELECT EXISTS (SELECT FROM tavus.%I WHERE strpos(%I::text, $1) > 0)' END,
                       r.relname, r.attname) INTO found USING word;
        IF found THEN
            at := at || (r.relname || '.' || r.attname);
        END IF;
    END LOOP;
    RETURN array_to_string(at, ' ');
END
$$;

CREATE FUNCTION pg_temp.at_(t text, i numeric, s text, b jsonb, c text DEFAULT NULL, n text DEFAULT NULL)
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('t', t, 'i', i, 's', s, 'b', b::text, 'c', c, 'n', n)
$$;

-- What a visitor leaves: a wish and its conversation, what is said there, pages, a form, a decision.
CREATE FUNCTION pg_temp.visit(who text, i int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(
        pg_temp.at_('conversation.requested', i, 'server', jsonb_build_object(
            'nonce', md5(who), 'vertical', 'legal', 'session_id', 'session-' || who, 'user_id', 'user-' || who,
            'memory_stores', jsonb_build_array('store-' || who), 'utm_source', 'utm-' || who), NULL, md5(who)),
        pg_temp.at_('conversation.created', i + 1, 'server', jsonb_build_object(
            'conversation_id', 'call-' || who, 'conversation_url', 'https://daily.example/room-' || who,
            'vertical', 'legal', 'session_id', 'session-' || who, 'user_id', 'user-' || who,
            'memory_stores', jsonb_build_array('store-' || who)), 'call-' || who, md5(who)),
        pg_temp.at_('conversation.utterance', i + 2, 'tavus', jsonb_build_object('said', 'words of ' || who),
                    'call-' || who, md5(who)),
        pg_temp.at_('page_view', i + 3, 'browser', jsonb_build_object('session_id', 'session-' || who,
                    'user_id', 'user-' || who, 'path', '/' || who)),
        pg_temp.at_('contact.submitted', i + 4, 'browser', jsonb_build_object('session_id', 'session-' || who,
                    'name', 'Name ' || who, 'email', who || '@Example.org', 'message', 'Hello from ' || who)),
        pg_temp.at_('consent', i + 5, 'browser', jsonb_build_object('session_id', 'session-' || who,
                    'consent', 'granted')))
$$;
CREATE FUNCTION pg_temp.settled() RETURNS void LANGUAGE sql AS $$
    SELECT tavus.leads_roll(10000), tavus.orders_roll(10000, false), tavus.stats_roll(10000),
           tavus.stats_roll(10000)
$$;

SELECT is(pg_temp.rec(pg_temp.visit('ada', 1)), 'ssssss', 'Ada was here');
SELECT is(pg_temp.rec(pg_temp.visit('grace', 21)), 'ssssss', 'and Grace');
SELECT pg_temp.settled() \g /dev/null
CREATE TEMP TABLE graces AS
    SELECT e.* FROM tavus.events e WHERE position('grace' IN convert_from(e.body, 'UTF8')) > 0;

-- what is held, by each key
SELECT is((SELECT concat_ws(' ', jsonb_array_length(j -> 'conversations'), jsonb_array_length(j -> 'leads'),
                            jsonb_array_length(j -> 'events'), jsonb_array_length(j -> 'consents'), j ->> 'complete')
             FROM (SELECT tavus.admin_visitor(k.key, NULL, 200, NULL)::jsonb) v (j)), k.what, 'all of ' || k.key)
  FROM (VALUES ('session-ada', '1 1 6 1 true'), ('user-ada', '1 0 4 0 true'), ('store-ada', '1 0 3 0 true'),
               ('ADA@example.org ', '1 1 6 1 true'), ('nobody', '0 0 0 0 true')) AS k (key, what);
SELECT is((SELECT j -> 'related' FROM (SELECT tavus.admin_visitor('user-ada', 'user', 200, NULL)::jsonb) v (j)),
    '[{"key": "store-ada", "kind": "memory_store"}, {"key": "session-ada", "kind": "session"}]', 'and what stands beside it');
SELECT is((SELECT array_agg(p.j -> 'events' -> 0 ->> 'event_type') || array_agg(p.j ->> 'next_cursor')
             FROM (SELECT tavus.admin_visitor('session-ada', 'session', 1, NULL)::jsonb) p (j)),
    ARRAY['consent', pg_temp.id(6)::text], 'in pages');

-- a conversation: the form stays, as it is the visitor's
CREATE TEMP TABLE e1 AS SELECT pg_temp.run(tavus.erase_conversation('call-ada', NULL)) AS j;
SELECT is((SELECT j ->> 'state' FROM e1), 'done', 'a conversation is erased');
SELECT is((SELECT (j -> 'erased' ->> 'events')::int FROM e1), 3, 'with its wish');
SELECT is(pg_temp.find('words of ada'), '', 'what was said is gone');
SELECT is(pg_temp.find('Hello from ada'), 'events.body leads.message', 'what was written is not');
SELECT is(tavus.admin_conversation('call-ada'), NULL, 'there is no such conversation');
SELECT is(pg_temp.rec(pg_temp.visit('ada', 1)), 'dddddd', 'it comes again, and stays away');
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.at_('application.transcription_ready', 900, 'tavus', '{"late":"words of ada"}', 'call-ada', md5('ada')),
    pg_temp.at_('system.shutdown', 901, 'tavus', '{"late":1}', 'call-grace', md5('grace')),
    pg_temp.at_('conversation.utterance', 902, 'tavus', '{"late":"words of ada"}', 'call-ada'))),
    'dsd', 'so does what is new of it, and not its neighbour');
SELECT is(pg_temp.find('words of ada'), '', 'nothing of it is there');
SELECT is((SELECT array_agg(convert_from(body, 'UTF8')::jsonb - 'erasure') FROM tavus.events
            WHERE event_type = 'conversation.erased'),
    ARRAY['{"running": true, "conversation_id": "call-ada"}'::jsonb], 'it is told');
SELECT is((SELECT array_agg(d.destination || ' ' || (d.event_id = e.id)) FROM tavus.deliveries d, tavus.events e
            WHERE e.event_type = 'conversation.erased'), '{"tavus.erase true"}', 'and Tavus is to delete it');

-- a visitor
DELETE FROM graces;
INSERT INTO graces
    SELECT e.* FROM tavus.events e WHERE position('grace' IN convert_from(e.body, 'UTF8')) > 0;
CREATE TEMP TABLE e2 AS SELECT pg_temp.run(tavus.erase_visitor('ada@example.ORG', NULL, NULL)) AS j;
SELECT is((SELECT j -> 'erased' FROM e2),
    '{"leads": 1, "events": 3, "orders": 0, "consents": 1, "scrubbed": 0, "quarantine": 0, "conversations": 0}',
    'a visitor by their address');
SELECT tavus.stats_roll(10000) \g /dev/null
SELECT is(pg_temp.find(w), CASE w WHEN 'call-ada' THEN 'conversations.id events.body intents.conversation_id '
                                                        'stats_seen.id' ELSE '' END, 'nowhere: ' || w)
  FROM unnest('{ada@example.org,ada@Example.org,Name ada,session-ada,user-ada,store-ada,utm-ada,call-ada,room-ada}'::text[]) AS u (w);
SELECT is((SELECT count(*) FROM tavus.traces t WHERE t.subject = tavus.trace_of('e ada@example.org')), 0::bigint,
          'no trace is left');
SELECT is(pg_temp.rec(pg_temp.visit('ada', 1)), 'dddddd', 'what they left before stays away');
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('id', overlay(gen_random_uuid()::text
        PLACING left(tavus.uuid_floor(clock_timestamp() + interval '1 ms')::text, 13) || '-7' FROM 1),
    't', 'contact.submitted', 's', 'browser', 'b', '{"name":"Ada again","email":"ada@example.org","message":"Hi"}'))),
    's', 'who writes again is welcome');

SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.at_('customer.updated', 910, 'stripe', '{"id":"evt_ada","type":"customer.updated","data":{"object":
        {"object":"customer","id":"cus_ada","name":"Ada","email":"ada@example.org"}}}') || '{"v":"{\"signature\":1}"}',
    pg_temp.at_('customer.updated', 911, 'stripe', '{"id":"evt_zoe","type":"customer.updated","data":{"object":
        {"object":"customer","id":"cus_zoe","name":"Zoe","email":"zoe@example.org"}}}') || '{"v":"{\"signature\":2}"}')),
    'ss', 'what Stripe tells late');
SELECT is((SELECT array_agg(concat(e.verification, ' ', convert_from(e.body, 'UTF8')::jsonb ->> 'erased') ORDER BY e.id)
             FROM tavus.events e WHERE e.event_type = 'customer.updated'), '{" true","{\"signature\":2} "}',
    'is cut, and without a proof that it is not any more');

-- what nobody knew of
SELECT is((SELECT pg_temp.run(tavus.erase_visitor('session-eve', NULL, 'session')) ->> 'state'), 'done', 'nothing is known of them');
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.at_('conversation.utterance', 61, 'tavus', '{"said":"words of eve"}', 'call-eve', md5('eve')))), 's',
    'something that says not whose it is');
SELECT is(pg_temp.rec(pg_temp.visit('eve', 50) || jsonb_build_array(
    pg_temp.at_('conversation.utterance', 62, 'tavus', '{"said":"words of eve"}', 'call-eve', md5('eve')))),
    'ddddddd', 'a journal is replayed');
SELECT is((SELECT count(*) FROM tavus.erasures WHERE done_at IS NULL), 1::bigint, 'which tells whose it was');
SELECT is((SELECT pg_temp.run(json_build_object('id', id)::text) ->> 'state' FROM tavus.erasures WHERE done_at IS NULL),
          'done', 'it is erased too');
SELECT is(pg_temp.find('words of eve'), '', 'nothing is there');
SELECT is(pg_temp.find('session-eve'), '', 'nor whose it was');

-- somebody else is untouched
SELECT is((SELECT count(*) FROM tavus.events e JOIN graces g USING (id) WHERE (e.*) IS NOT DISTINCT FROM (g.*)),
          (SELECT count(*) FROM graces), 'all of Grace is there');
SELECT is((SELECT count(*) FROM tavus.leads), 1::bigint, 'and the lead');
SELECT is((SELECT concat_ws(' ', session_id, ended, erased) FROM tavus.conversations WHERE id = 'call-grace'),
          'session-grace t f', 'and the conversation');
SELECT is((SELECT jsonb_object_agg(r ->> 'where', r -> 'ids') FROM e2, jsonb_array_elements(j -> 'remains') r),
    '{"backups": null}', 'nothing of Ada is elsewhere: the conversation was, and is seen to');
SELECT is((SELECT count(*) FROM tavus.erasures WHERE keys IS NOT NULL OR asked IS NOT NULL), 0::bigint,
          'no receipt says who it was');
SELECT is(tavus.erase_step(gen_random_uuid()), NULL, 'an erasure that is none');
SELECT is(tavus.erasure((SELECT (j ->> 'id')::uuid FROM e2))::jsonb - 'asked_at' - 'done_at' - 'id',
    (SELECT j FROM e2) - 'asked_at' - 'done_at' - 'id' - 'remains', 'a receipt');

-- what a form names is not always the writer's
CREATE FUNCTION pg_temp.form(i int, mail text, session text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(pg_temp.at_('contact.submitted', i, 'browser', jsonb_build_object(
        'name', 'Name ' || mail, 'email', mail, 'message', 'Words of ' || mail, 'session_id', session)))
$$;
SELECT is(pg_temp.rec(pg_temp.form(71, 'bob@example.org', 'undefined') || pg_temp.form(72, 'eva@example.org', 'undefined')
    || pg_temp.form(73, 'bob@example.org', 'bobs-own') || pg_temp.form(74, 'bob@example.org', 'event_type')), 'ssss',
    'two share a session, one has others too');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.at_('page_view', 75, 'browser', '{"session_id":"bobs-own","path":"/bobs"}'),
    pg_temp.at_('page_view', 76, 'browser', '{"session_id":"undefined","path":"/whose"}'))), 'ss', 'pages of both');
SELECT pg_temp.settled() \g /dev/null
INSERT INTO tavus.quarantine (digest, id, received_at, source, body, reason)
SELECT sha256(convert_to(b, 'UTF8')), gen_random_uuid(), now(), 'tavus', convert_to(b, 'UTF8'), 'not JSON'
  FROM (VALUES ('{"event_type":"x","conversation_id":"c"'), ('{"to":"Bob@Example.org" '),
               ('{"to":"bob\u0040example.org"}'), ('{"session_id": "bobs-own", no'),
               ('{"said":"of bob@example.org and others"}')) AS q (b);
SELECT is((SELECT pg_temp.run(tavus.erase_visitor('Bob@example.org', NULL, 'email')) - '{id,of,asked_at,done_at,remains}'::text[]),
    '{"state":"done","erased":{"events":4,"scrubbed":0,"leads":3,"orders":0,"consents":0,"quarantine":3,"conversations":0}}',
    'he is erased, and what is in quarantine of him');
SELECT is(pg_temp.find('Words of bob@example.org') || pg_temp.find('bobs-own') || pg_temp.find('/bobs'), '', 'all that is his alone');
SELECT is((SELECT string_agg(l.email, ' ') FROM tavus.leads l WHERE l.session_id = 'undefined'), 'eva@example.org',
    'somebody else of that session is there');
SELECT is(pg_temp.find('/whose'), 'events.body', 'and what nobody knows whose it is');
SELECT is((SELECT count(*) FROM tavus.quarantine q WHERE strpos(encode(q.body, 'escape'), 'event_type') > 0
                                                     OR strpos(encode(q.body, 'escape'), 'and others') > 0), 2::bigint,
    'a name of JSON''s is no session, and a text is read as a whole');

-- a UTM source is nobody's: what says the same word of somebody else stays, what came with a wish's token goes
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.at_('page_view', 101, 'browser', '{"session_id":"session-usd","user_id":"user-usd","utm_source":"usd"}'),
    pg_temp.at_('conversation.requested', 102, 'server', '{"user_id":"user-usd","nonce":"aa000000000000000000000000000001"}',
                NULL, 'aa000000000000000000000000000001'),
    pg_temp.at_('conversation.created', 103, 'server', '{"user_id":"user-usd"}', 'call-usd'),
    pg_temp.at_('contact.submitted', 104, 'browser', '{"name":"N","email":"n@example.com","message":"M"}', 'call-usd'))), 'ssss',
    'somebody comes of usd');
SELECT pg_temp.settled() \g /dev/null
INSERT INTO tavus.quarantine (digest, id, received_at, source, body, reason, nonce)
SELECT sha256(convert_to(b, 'UTF8')), gen_random_uuid(), now(), s, convert_to(b, 'UTF8'), 'x', decode(n, 'hex')
  FROM (VALUES ('stripe', '{"currency":"usd"}', NULL), ('tavus', '{"of":1,', 'aa000000000000000000000000000001')) AS q (s, b, n);
SELECT is((SELECT string_agg(s.what, '' ORDER BY s.what) FROM tavus.stats_seen s
            WHERE s.first_id = ANY (ARRAY[pg_temp.id(101), pg_temp.id(103)]) OR s.id = pg_temp.id(104)::text), 'clv', 'it is counted');
SELECT is((SELECT pg_temp.run(tavus.erase_visitor('user-usd', NULL, 'user')) #>> '{erased,quarantine}'), '1', 'they are erased by user');
SELECT is((SELECT string_agg(encode(q.body, 'escape'), '') FROM tavus.quarantine q WHERE q.reason = 'x'), '{"currency":"usd"}',
    'a sale of somebody''s in quarantine stays');
SELECT is((SELECT string_agg(s.what, '') FROM tavus.stats_seen s
            WHERE s.first_id = pg_temp.id(101) OR s.id = pg_temp.id(104)::text), NULL, 'nothing tells who was counted');

-- a conversation that is erased while it goes on
\ir wishes.psql
SELECT is(pg_temp.fates('{"active":1}', '[{"n":901}]') || pg_temp.created(901), 'granteds', 'somebody talks');
SELECT is((SELECT pg_temp.run(tavus.erase_conversation('c901', NULL)) ->> 'state'), 'done', 'it is erased');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":902}]') || pg_temp.places(), 'busy901', 'and holds its place, as nobody says when it ends');
CALL pg_temp.later('16 minutes');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":902}]') || pg_temp.places(), 'granted902', 'until its time is over');

-- the wish of somebody who was erased meanwhile
SELECT is((SELECT pg_temp.run(tavus.erase_visitor('session-late', NULL, 'session')) ->> 'state'), 'done', 'erased');
SELECT throws_ok($$SELECT tavus.record_wishes(ARRAY[pg_temp.id(80)], ARRAY[now()], '{NULL}', '{2}', '{server}',
    '{conversation.requested}', '{NULL}', ARRAY[pg_temp.num('903')], '{NULL}',
    ARRAY[convert_to('{"session_id":"session-late","nonce":"' || encode(pg_temp.num('903'), 'hex') || '","patience":30}', 'UTF8')],
    '{NULL}', '{"active":5}', '{600}', '{900}', ARRAY[pg_temp.num('903')], '{NULL}', '{NULL}')$$, '22000', NULL,
    'is not granted');
SELECT is(pg_temp.places(), '902', 'nor has it a place');

SELECT * FROM finish();
