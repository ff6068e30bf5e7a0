-- What tavus.record() stores, and what it answers for repetitions.
\ir setup.sql
SELECT plan(69);

SELECT is(pg_temp.rec('[{"i":3,"t":"a.b","c":"r1","b":" {\"x\" : 1.0}\n","v":"{\"by\":\"token\"}"},
                        {"i":1,"t":"a.b","c":"r1"}, {"i":2,"t":"t","s":"browser","k":2}]'),
          'sss', 'rows in any order are stored');
SELECT is((SELECT convert_from(body, 'UTF8') FROM tavus.events WHERE id = pg_temp.id(3)),
          E' {"x" : 1.0}\n', 'the body keeps its bytes');
SELECT is((SELECT row(kind, source, event_type, conversation_id, verification, received_at)::text
             FROM tavus.events WHERE id = pg_temp.id(3)),
          row(0, 'tavus', 'a.b', 'r1', '{"by":"token"}', now())::text, 'and so do the rest');
SELECT is(pg_temp.rec('[{"i":3,"t":"a.b","c":"r1","b":" {\"x\" : 1.0}\n"}]'), 'd',
          'the same again is a duplicate');
SELECT is(pg_temp.rec('[{"i":2,"t":"t","s":"browser","k":2},{"i":4,"t":"a.b","c":"r1"},
                        {"i":1,"t":"a.b","c":"r1"}]'), 'dsd', 'among new ones too');
SELECT is(pg_temp.rec('[{"i":5,"t":"system.shutdown","c":"r1"},
                        {"i":5,"t":"system.shutdown","c":"r1"},
                        {"i":5,"t":"system.shutdown","c":"r1","b":"[]"}]'), 'sdq',
          'a repetition within a call, and a conflict');
SELECT is((SELECT count(*) FROM tavus.events WHERE id = pg_temp.id(5)), 1::bigint, 'stored once');
SELECT is((SELECT reason || convert_from(body, 'UTF8') FROM tavus.quarantine
            WHERE id = pg_temp.id(5)), 'conflict[]', 'the conflict is in quarantine');
SELECT is(pg_temp.rec('[{"i":5,"t":"system.shutdown","c":"r1","b":"[]"}]'), 'q',
          'again a conflict');
SELECT is((SELECT count(*) FROM tavus.quarantine WHERE id = pg_temp.id(5)), 1::bigint,
          'but quarantine does not grow');
SELECT is(pg_temp.rec('[{"i":6,"t":"system.pal_joined","c":"r1","b":"1"}]'), 's', 'a twin');
SELECT is(pg_temp.rec('[{"i":6,"t":"system.replica_joined","c":"r1","b":"2"}]'), 'd',
          'its other name is a duplicate');
SELECT is(pg_temp.rec('[{"i":7,"t":"system.replica_joined","c":"r1","b":"1"},
                        {"i":7,"t":"system.pal_joined","c":"r1","b":"2"}]'), 'sd',
          'twins in one call');

-- what differs between two sendings of one event by nature is no conflict; all else is
CREATE FUNCTION pg_temp.again(source text, type text, VARIADIC bodies text[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    whole text;
    marks text := '';
BEGIN
    BEGIN
        whole := pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('i', 50, 's', source, 't', type,
                                                                  'c', 'r1', 'b', b))
                                FROM unnest(bodies) b));
        RAISE SQLSTATE 'P0009';
    EXCEPTION WHEN SQLSTATE 'P0009' THEN
        FOR i IN 1 .. cardinality(bodies) LOOP
            marks := marks || pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 50,
                's', source, 't', type, 'c', 'r1', 'b', bodies[i])));
        END LOOP;
    END;
    DELETE FROM tavus.events e WHERE tavus.uuid_time(e.id) = tavus.uuid_time(pg_temp.id(50));
    RETURN CASE marks WHEN whole THEN marks ELSE whole || ' but ' || marks END;
END
$$;

SELECT is(pg_temp.again('stripe', 'a', '{"id":"evt_1","pending_webhooks":1,"request":{"id":"r"}}',
              '{"id":"evt_1","pending_webhooks":0}', '{"request":null,"id":"evt_1"}'), 'sdd',
          'deliveries left, and who asked for it');
SELECT is(pg_temp.again('stripe', 'a', '{"id":"evt_1","pending_webhooks":1,"data":{"n":1}}',
              '{"id":"evt_1","pending_webhooks":1,"data":{"n":2}}'), 'sq', 'not the rest');

-- one event of Stripe in the shape of an endpoint's version, and in that of an account's
CREATE FUNCTION pg_temp.shape(object text, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT '{"id":"evt_1","object":"event","type":"invoice.paid","created":1790000000,"livemode":false,' || more
           || '"data":{"object":' || object || '}}'
$$;
SELECT is(pg_temp.again('stripe', 'invoice.paid',
              pg_temp.shape('{"id":"in_1","object":"invoice","subscription":"sub_1","paid":true}',
                            '"api_version":"2024-06-20","pending_webhooks":1,"request":{"id":"req_1"},'),
              pg_temp.shape('{"id":"in_1","object":"invoice","parent":{"type":"subscription_details"}}',
                            '"api_version":"2026-10-28.endive","pending_webhooks":0,"request":null,'),
              pg_temp.shape('{"id":"in_1","object":"invoice"}', '"context":null,')), 'sdd',
          'whatever the version, it is the same event');
SELECT is(pg_temp.again('stripe', 'balance.available', pg_temp.shape('{"object":"balance","available":[1]}'),
              pg_temp.shape('{"object":"balance","available":[1],"issuing":{}}')), 'sd', 'of what has no id, too');
SELECT is(pg_temp.again('stripe', 'invoice.paid', pg_temp.shape('{"id":"in_1","object":"invoice"}'),
              pg_temp.shape('{"id":"in_2","object":"invoice"}'), pg_temp.shape('{"id":"in_1","object":"charge"}'),
              replace(pg_temp.shape('{"id":"in_1","object":"invoice"}'), 'false', 'true'),
              replace(pg_temp.shape('{"id":"in_1","object":"invoice"}'), '1790', '1791'),
              pg_temp.shape('{"id":"in_1","object":"invoice"}', '"account":"acct_1",'),
              pg_temp.shape('{"id":"in_1"}'), pg_temp.shape('null')), 'sqqqqqqq',
          'but not that of another object, mode, time or account');
SELECT is(pg_temp.again('stripe', 'a', '{"data":{"pending_webhooks":1}}',
              '{"data":{"pending_webhooks":2}}'), 'sq', 'nor deeper');
SELECT is(pg_temp.again('stripe', 'a', '{"webhook_url":"1"}', '{"webhook_url":"2"}'), 'sq',
          'nor what only Tavus sends');
SELECT is(pg_temp.again('tavus', 'system.shutdown',
              '{"properties":{"n":1},"webhook_url":"https://x?token=a"}',
              '{"properties":{"n":1},"webhook_url":"https://x?token=***"}',
              '{"properties":{"n":1.0}}',
              '{"signature":"0","properties":{"n":1},"message_type":"system"}'), 'sddd',
          'the URL, the signature, the envelope');
SELECT is(pg_temp.again('tavus', 'system.shutdown',
              '{"event_type":"a","conversation_id":"r1","timestamp":"1",'
              '"properties":{"shutdown_reason":"x","face_id":"r"}}',
              '{"event_type":"a","timestamp":"1.0","properties":{"reason":"x","replica_id":"r"}}'),
          'sd', 'a copy from the API');
SELECT is(pg_temp.again('tavus', 'system.shutdown',
              '{"properties":{"reason":"participant_left_timeout"}}',
              '{"conversation_id":"r1","properties":{"replica_id":"r",'
              '"shutdown_reason":"participant_left_timeout reached"}}',
              '{"conversation_id":"r1","properties":{"replica_id":"r",'
              '"shutdown_reason":"max_call_duration reached"}}'),
          'sdq', 'a copy that says less, and otherwise');
SELECT is(pg_temp.again('tavus', 'system.shutdown',
              '{"conversation_id":"r1","properties":{"face_id":"r","shutdown_reason":"x"}}',
              '{"properties":{"shutdown_reason":"x"}}', '{"properties":{}}', '{}',
              '{"properties":{"shutdown_reason":"x","more":1}}', '{"properties":[]}'),
          'sdddqq', 'before or after; but no more, and no other thing');
SELECT is(pg_temp.again('tavus', 'system.shutdown', '{"properties":{"shutdown_reason":"x"}}',
              '{"properties":{"reason":"y"}}'), 'sq', 'one that says another thing');
SELECT is(pg_temp.again('tavus', 'system.shutdown', '{"payload":{"n":1},"signature":"1"}',
              '{"payload":{"n":1},"signature":"2"}', '{"payload":{"n":2},"signature":"1"}'),
          'sdq', 'signed by another key');
SELECT is(pg_temp.again('tavus', 'system.shutdown', '{"properties":{"webhook_url":"1"}}',
              '{"properties":{"webhook_url":"2"}}'), 'sq', 'not what it says itself');
SELECT is(pg_temp.again('standard', 'a', '{"pending_webhooks":1}', '{"pending_webhooks":0}'), 'sq',
          'Standard Webhooks has none of these');
SELECT is(pg_temp.again('standard', 'a', '{"n":1,"m":[1,2]}', '{ "m" : [1, 2.0], "n": 1 }',
              '{"n":1,"m":[2,1]}'), 'sdq', 'written otherwise; in another order');
SELECT is(pg_temp.again('stripe', 'a', '[1]', '[1]', '["pending_webhooks"]', '[]'), 'sdqq',
          'a list');
SELECT is(pg_temp.again('tavus', 'system.shutdown', 'no JSON', 'no json', '{}', 'no JSON'), 'sqqd',
          'what is no JSON is compared byte by byte');
SELECT is(pg_temp.again('tavus', 'system.shutdown', '{"properties":null}', '{"properties":{}}',
              '{}'), 'sqq',
          'nothing, empty and absent');
SELECT is(pg_temp.again('browser', 'a', '{"signature":1}', '{"signature":2}'), 'sq', 'browsers');
SELECT is(pg_temp.again('tavus', 'system.pal_joined', '{"properties":{"face_id":"r1"}}',
              '{"properties":{"replica_id":"r1"}}', '{"properties":{"replica_id":"r2"}}'), 'sdq',
          'under one name');
SELECT is((SELECT count(*) FROM tavus.events WHERE id = pg_temp.id(50)), 0::bigint, 'none is left');

-- of what a conversation may have several at a moment, each is an event
SELECT is(pg_temp.again('tavus', 'x.new', '{"properties":{"n":1}}', '{"properties":{"n":2}}',
              '{"properties":{"n":1.0},"webhook_url":"1"}', '{"properties":{"n":2.0}}',
              '{"properties":{"n":3}}', '[]', 'no JSON', 'no json', 'no JSON'), 'ssddssssd',
          'several of a moment');
SELECT is(pg_temp.again('tavus', 'x.new', '{"conversation_id":"r1","properties":{"n":1},"seq":1}',
              '{"conversation_id":"r1","properties":{"n":2},"seq":2}', '{"properties":{"n":2}}',
              '{"properties":{"n":1}}', '{"properties":{"n":3}}',
              '{"conversation_id":"r1","properties":{"n":3},"seq":3}'), 'ssddsd',
          'and copies of them from the API');
SELECT is(pg_temp.rec('[{"i":51,"t":"application.recording_ready","c":"r51","b":"{\"n\":1}"}]')
          || pg_temp.rec('[{"i":51,"t":"application.recording_ready","c":"r51","b":"{\"n\":2}"},
                           {"i":51,"t":"application.recording_ready","c":"r51","b":"{\"n\":2}"},
                           {"i":51,"t":"application.recording_ready","c":"r51","b":"{\"n\":1}"},
                           {"i":52,"t":"application.recording_ready","c":"r51","b":"{\"n\":2}"}]'),
          'ssdds', 'amid others');
SELECT is((SELECT string_agg(convert_from(e.body, 'UTF8'), ' ' ORDER BY e.id <> pg_temp.id(51))
             FROM tavus.events e WHERE tavus.uuid_time(e.id) = tavus.uuid_time(pg_temp.id(51))),
          '{"n":1} {"n":2}', 'once each, the first one by its own id');
SELECT is((SELECT recording_id FROM tavus.conversations WHERE id = 'r51'), pg_temp.id(52),
          'and the conversation knows the latest');

-- floating rows: the receipt time is in the id, the digest tells
CREATE FUNCTION pg_temp.floating(i int, digest text, body text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 't', 'system.shutdown', 'd', digest, 'b', body, 'c', 'f')
$$;
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(20, md5('f'), '1'))), 's',
          'floating: stored');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(20, md5('f'), '1'))), 'd',
          'floating: same id');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(21, md5('f'), '1'))), 'd',
          'floating: received again later');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(22, md5('f'), '2'))), 'q',
          'floating: with another body');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(23, md5('f'), '2') || '{"t":"g"}')), 'd',
          'floating: a twin');
SELECT is(pg_temp.rec(jsonb_build_array(
              pg_temp.floating(25, '10', '1'), pg_temp.floating(24, '10', '1'),
              pg_temp.floating(26, '10', '2'), pg_temp.floating(27, '11', '1'))),
          'dsqs', 'floating: all in one call');
SELECT is((SELECT array_agg(id ORDER BY id) FROM tavus.events WHERE conversation_id = 'f'),
          ARRAY[pg_temp.id(20), pg_temp.id(24), pg_temp.id(27)], 'floating: once each');

SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.floating(53, md5('g'), '1') || '{"t":"x"}'))
          || pg_temp.rec(jsonb_build_array(pg_temp.floating(54, md5('g'), '2') || '{"t":"x"}'))
          || pg_temp.rec(jsonb_build_array(pg_temp.floating(55, md5('g'), '2') || '{"t":"x"}'))
          || pg_temp.rec(jsonb_build_array(pg_temp.floating(56, md5('g'), '1') || '{"t":"x"}')),
          'ssdd', 'floating: several of a moment');

-- at the edges of the time that ids may have: inside at one sending, outside at the other, in any
-- order; r the number of the receipt's id, own the time of the event
CREATE FUNCTION pg_temp.outside(own interval, n int, body text DEFAULT '1') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', n, 't', 'system.shutdown', 'c', 'e', 'b', body,
                              'd', md5(own::text)
               || replace(tavus.uuid_floor(now() + own)::text, '-', ''))
$$;
CREATE FUNCTION pg_temp.inside(own interval, body text DEFAULT '1') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', tavus.uuid_floor(now() + own), 't', 'system.shutdown',
                              'c', 'e', 'b', body)
$$;
CREATE FUNCTION pg_temp.edge(own interval, body text DEFAULT '1') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT pg_temp.inside(own, body) || jsonb_build_object('d', md5(own::text)
               || replace(tavus.uuid_floor(now() + own)::text, '-', ''))
$$;
CREATE FUNCTION pg_temp.one_by_one(VARIADIC rows jsonb[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r     jsonb;
    marks text := '';
BEGIN
    FOREACH r IN ARRAY rows LOOP
        marks := marks || pg_temp.rec(jsonb_build_array(r));
    END LOOP;
    RETURN marks;
END
$$;

SELECT is(pg_temp.one_by_one(pg_temp.outside('25 h', 60), pg_temp.outside('25 h', 61),
                             pg_temp.edge('25 h'), pg_temp.inside('25 h')), 'sddd',
          'ahead: outside, at the edge, inside');
SELECT is(pg_temp.one_by_one(pg_temp.inside('26 h'), pg_temp.edge('26 h'),
                             pg_temp.outside('26 h', 62), pg_temp.outside('26 h', 63)), 'sddd',
          'ahead: a journal brings the first one last');
SELECT is(pg_temp.one_by_one(pg_temp.edge('27 h'), pg_temp.outside('27 h', 64),
                             pg_temp.inside('27 h')), 'sdd', 'ahead: the edge first');
SELECT is(pg_temp.one_by_one(pg_temp.outside('30 days', 65), pg_temp.inside('30 days')), 'sd',
          'a month ahead');
SELECT is(pg_temp.one_by_one(pg_temp.inside('-35 days'), pg_temp.outside('-35 days', 66),
                             pg_temp.outside('-35 days', 67)), 'sdd', 'old: inside, outside');
SELECT is(pg_temp.one_by_one(pg_temp.outside('-36 days', 68), pg_temp.inside('-36 days'),
                             pg_temp.edge('-36 days')), 'sdd', 'old: a journal brings it late');
SELECT is(pg_temp.one_by_one(pg_temp.edge('-37 days'), pg_temp.outside('-37 days', 69)), 'sd',
          'old: the edge first');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.outside('28 h', 70), pg_temp.inside('28 h'),
                                        pg_temp.inside('-34 days'))), 'sds', 'in one call');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.inside('29 h'), pg_temp.outside('29 h', 71))),
          'ds', 'in the other order');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.edge('31 h'), pg_temp.outside('31 h', 72),
                                        pg_temp.edge('31 h'))), 'dsd', 'and all three');
SELECT is(pg_temp.one_by_one(pg_temp.outside('32 h', 73), pg_temp.inside('32 h', '2'),
                             pg_temp.outside('32 h', 74, '2'), pg_temp.edge('32 h', '2')), 'sqqq',
          'with another body: conflicts');
SELECT is(pg_temp.one_by_one(pg_temp.inside('33 h'), pg_temp.outside('33 h', 75, '2')), 'sq',
          'and there');
SELECT is(pg_temp.one_by_one(pg_temp.outside('400 days', 76), pg_temp.outside('400 days', 77),
                             pg_temp.outside('-400 days', 78), pg_temp.outside('-400 days', 79)),
          'sdsd', 'far off');
SELECT is((SELECT count(*) FROM tavus.events WHERE conversation_id = 'e'), 15::bigint, 'once each');
SELECT is((SELECT array_agg(stored ORDER BY stored) FROM tavus.elsewhere),
          ARRAY(SELECT pg_temp.id(n) FROM unnest('{60,65,68,70,71,72,73}'::int[]) n),
          'what may be looked for is known');
SELECT is((SELECT count(*) FROM tavus.elsewhere x JOIN tavus.events e ON e.id = x.stored),
          7::bigint, 'and is there');

-- quarantine on request
SELECT is(pg_temp.rec('[{"i":30,"t":"a","c":"r2","x":"ff00","r":"invalid_utf8"},
                        {"i":31,"t":"a","c":"r1"},
                        {"i":32,"t":"a","c":"r2","x":"ff00","r":"invalid_utf8"},
                        {"i":33,"t":"a","c":"r2","x":"ff00","r":"too_deep"}]'), 'qsqq',
          'rows with a reason');
SELECT is((SELECT array_agg(reason || encode(body, 'hex') ORDER BY seq) FROM tavus.quarantine
            WHERE conversation_id = 'r2'), '{invalid_utf8ff00,too_deepff00}',
          'each body and reason once');
SELECT is((SELECT count(*) FROM tavus.conversations WHERE id = 'r2'), 0::bigint,
          'they make no conversation');
SELECT is((SELECT string_agg(m, '') FROM (SELECT pg_temp.rec(jsonb_agg(
              jsonb_build_object('i', 100 + n, 't', 'bulk', 'c', 'b' || n % 7) ORDER BY -n)) m
            FROM generate_series(1, 1500) n) x), repeat('s', 1500), '1,500 rows at once');
SELECT throws_ok($$ SELECT tavus.record('{}', '{}', '{}', '{1}', '{}', '{}', '{}', '{}', '{}',
                                        '{}', '{}') $$, '23514', NULL, 'there is nothing without an id');
SELECT * FROM finish();
ROLLBACK;
