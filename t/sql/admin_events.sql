-- Pages, filters and single events, as the admin API shows them.
\ir setup.sql
SELECT plan(40);

-- numbers of the events of a page, and pages followed to the end
CREATE TEMP TABLE numbers AS SELECT n, pg_temp.id(n) AS id FROM generate_series(1, 2000) n;
CREATE FUNCTION pg_temp.nums(page text) RETURNS int[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(n.n ORDER BY o), '{}') FROM jsonb_array_elements(page::jsonb ->
        'events')
           WITH ORDINALITY AS e (e, o) JOIN numbers n ON n.id = (e ->> 'id')::uuid
$$;

SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', n,
    't', CASE WHEN n % 10 = 0 THEN 'rare.type' ELSE 'usual.type' END,
    's', CASE n % 4 WHEN 0 THEN 'stripe' WHEN 1 THEN 'server' ELSE 'tavus' END,
    'k', CASE WHEN n % 5 = 0 THEN 1 ELSE 0 END,
    'c', CASE WHEN n % 3 = 0 THEN 'ev' || n % 2 END,
    'b', format('{"n":%s,"t":"Straße 100%% a_b\\c %s"}', n, CASE WHEN n = 3 THEN 'Needle' END)))
    FROM generate_series(1, 20) n)), repeat('s', 20), 'twenty events');

SELECT is(tavus.admin_events(limit_ => 1, to_ => now(), event_type => 'usual.type', conversation_id
    => 'ev1')::jsonb,
    jsonb_build_object('next_cursor', pg_temp.id(15), 'events',
        jsonb_build_array(jsonb_build_object(
        'id', pg_temp.id(15), 'timestamp', pg_temp.at(15), 'type', 'error', 'source', 'tavus',
        'conversationId', 'ev1', 'event_type', 'usual.type', 'received_at', tavus.iso(now()),
        'data', '{"n":15,"t":"Straße 100% a_b\\c "}'::jsonb))) , 'a SystemEvent');
SELECT is((tavus.admin_events(limit_ => 1)::jsonb -> 'events' -> 0) ? 'conversationId', false,
          'conversationId is left out where there is none');
SELECT is(pg_temp.nums(tavus.admin_events(NULL, NULL, NULL, NULL, NULL, NULL, NULL, 20, NULL)),
          ARRAY(SELECT generate_series(20, 1, -1)), 'newest first');
SELECT is(tavus.admin_events(limit_ => 20)::jsonb -> 'next_cursor' IN ('null',
    to_jsonb(pg_temp.id(1))),
          true, 'the cursor is the last id, or null');
SELECT is(pg_temp.nums(tavus.admin_events(limit_ => 3, cursor_ => pg_temp.id(10))), '{9,8,7}',
    'after a cursor');
SELECT is(pg_temp.nums(tavus.admin_events(cursor_ => pg_temp.id(3), from_ =>
    tavus.uuid_time(pg_temp.id(1)))),
          '{2,1}', 'to the end');
SELECT is(tavus.admin_events(cursor_ => pg_temp.id(3), from_ =>
    tavus.uuid_time(pg_temp.id(1)))::jsonb ->> 'next_cursor',
          NULL, 'which has no cursor');
SELECT is(pg_temp.nums(tavus.admin_events(cursor_ => pg_temp.id(3), limit_ => 2, from_ =>
    tavus.uuid_time(pg_temp.id(1)))),
          '{2,1}', 'a page that just holds the rest');
SELECT is(tavus.admin_events(cursor_ => pg_temp.id(3), limit_ => 2, from_ =>
    tavus.uuid_time(pg_temp.id(1)))::jsonb ->> 'next_cursor',
          NULL, 'is the last');
SELECT is(pg_temp.nums(tavus.admin_events(from_ => tavus.uuid_time(pg_temp.id(5)), to_ =>
    tavus.uuid_time(pg_temp.id(8)))),
          '{7,6,5}', 'from is inclusive, to exclusive');
SELECT is(pg_temp.nums(tavus.admin_events(from_ => '-infinity', to_ => 'infinity', limit_ => 1)),
    '{20}',
          'infinite bounds');
SELECT is(pg_temp.nums(tavus.admin_events(source => 'stripe', from_ =>
    tavus.uuid_time(pg_temp.id(1)))), '{20,16,12,8,4}', 'source');
SELECT is(pg_temp.nums(tavus.admin_events(source => 'tavus', limit_ => 3)), '{19,18,15}',
    'source tavus');
SELECT is(pg_temp.nums(tavus.admin_events(type => 'error', limit_ => 4)), '{20,15,10,5}',
    'type error');
SELECT is(pg_temp.nums(tavus.admin_events(type => 'webhook', limit_ => 3)), '{19,18,17}',
    'type webhook');
SELECT is(pg_temp.nums(tavus.admin_events(type => 'nonsense')), '{}', 'no such type');
SELECT is(pg_temp.nums(tavus.admin_events(type => 'error', source => 'stripe', limit_ => 1)),
    '{20}', 'both');
SELECT is(pg_temp.nums(tavus.admin_events(event_type => 'rare.type', limit_ => 2)), '{20,10}',
    'event_type');
SELECT is(pg_temp.nums(tavus.admin_events(conversation_id => 'ev0')), '{18,12,6}', 'conversation');
SELECT is(pg_temp.nums(tavus.admin_events(conversation_id => 'ev0', source => 'stripe', event_type
    => 'usual.type')),
          '{12}', 'conversation and more');
SELECT is(pg_temp.nums(tavus.admin_events(q => 'nEEDLE', limit_ => 1)), '{3}', 'q in the body');
SELECT is(pg_temp.nums(tavus.admin_events(q => 'RARE.t', limit_ => 2)), '{20,10}',
    'q in the event type');
SELECT is(pg_temp.nums(tavus.admin_events(q => 'eV0', limit_ => 3)), '{18,12,6}',
    'q in the conversation');
SELECT is(pg_temp.nums(tavus.admin_events(q => '100% A_b\\', limit_ => 1)) ||
    pg_temp.nums(tavus.admin_events(
          q => '1_0%', conversation_id => 'ev0')) || pg_temp.nums(tavus.admin_events(q => 'straße',
              limit_ => 1)),
          '{20,20}', 'q takes nothing for a wildcard, and letters beyond ASCII');

-- large bodies
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 40, 't', 'big', 'c', 'big',
          'b', '{"p":"' || repeat('x', 65528) || '"}'), jsonb_build_object('i', 41, 't', 'big',
              'c', 'big',
          'b', '{"p":"' || repeat('x', 65529) || '"}'))), 'ss',
              'a body of 64 KiB and a larger one');
SELECT is((SELECT jsonb_agg(e #> '{data,bytes}') FROM jsonb_array_elements(
              tavus.admin_events(conversation_id => 'big')::jsonb -> 'events') e), '[65537, null]',
          'of the larger only its size is listed');
SELECT is(length(tavus.admin_event(pg_temp.id(41))::jsonb #>> '{data,p}'), 65529,
    'alone it is whole');

SELECT is(tavus.admin_event(pg_temp.id(3))::jsonb - 'data', jsonb_build_object(
    'id', pg_temp.id(3), 'timestamp', pg_temp.at(3), 'type', 'webhook', 'source', 'tavus',
    'conversationId', 'ev1', 'event_type', 'usual.type', 'received_at', tavus.iso(now()),
    'verification', NULL, 'raw',
    replace(encode(convert_to('{"n":3,"t":"Straße 100% a_b\\c Needle"}', 'UTF8'), 'base64'), E'\n',
        ''))
    , 'one event, raw');
SELECT is(tavus.admin_event('00000000-0000-7000-8000-000000000000'), NULL, 'NULL if there is none');
SELECT is(pg_temp.rec('[{"i":50,"t":"odd","x":"ff","r":"invalid_utf8","v":"{\"by\":\"token\"}"}]')
          || pg_temp.rec('[{"i":51,"t":"odd","x":"fe","r":"invalid_utf8"}]'), 'qq',
              'two for quarantine');
SELECT is(tavus.admin_event(pg_temp.id(50))::jsonb - 'received_at' #- '{quarantine,id}', jsonb_build_object(
    'id', pg_temp.id(50), 'timestamp', pg_temp.at(50), 'type', 'webhook', 'source', 'tavus',
    'event_type', 'odd', 'data', '\377', 'verification', '{"by":"token"}'::jsonb,
    'quarantine', '{"reason":"invalid_utf8","release":"if_fit"}'::jsonb, 'raw', '/w=='), 'can be shown');
SELECT is(tavus.admin_quarantine(1)::jsonb #>> '{events,0,id}', pg_temp.id(51)::text,
          'and listed, latest first');
SELECT is(tavus.admin_quarantine(1, (tavus.admin_quarantine(1)::jsonb ->>
    'next_cursor')::bigint)::jsonb
          #>> '{events,0,id}', pg_temp.id(50)::text, 'page by page');

-- what admins looked at is listed by itself alone
SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', n, 's', 'server',
    't', CASE WHEN n % 2 = 0 THEN 'admin.lead_handled' ELSE 'admin.viewed' END))
    FROM generate_series(1001, 1006) n)), repeat('s', 6), 'looks, and what was done');
SELECT is(pg_temp.nums(p.page) || pg_temp.nums(tavus.admin_events(
              cursor_ => (p.page::jsonb ->> 'next_cursor')::uuid, limit_ => 1)),
          '{1006,1004,1002}', 'what was done, page by page')
  FROM (SELECT tavus.admin_events(limit_ => 2) AS page) p;
SELECT is(pg_temp.nums(tavus.admin_events(event_type => 'admin.viewed')), '{1005,1003,1001}', 'looks');

-- what the API sends, in pieces of bytes: no character is too wide to be cut
SELECT is((SELECT convert_from(string_agg(p, ''), 'UTF8')
             FROM tavus.pieces(repeat('a€😀', 50000)) p), repeat('a€😀', 50000), 'pieces, whole');
SELECT is((SELECT max(octet_length(p)) || ' ' || count(*)
             FROM tavus.pieces(repeat('a€😀', 50000)) p), '131072 4', 'pieces, small');
SELECT is_empty($$SELECT tavus.pieces(NULL)$$, 'nothing has none');
SELECT * FROM finish();
ROLLBACK;
