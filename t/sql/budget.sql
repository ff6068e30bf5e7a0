-- The budget: places, days, minutes, visitors; what each end of a create gives back.
\ir setup.sql
\ir wishes.psql
SELECT plan(75);

-- ---- places
SELECT is(pg_temp.fates('{"active":2}', '[{"n":1},{"n":2},{"n":3}]'), 'granted, granted, busy', 'two at once, of a batch');
SELECT is(pg_temp.places(), '1 2', 'have places');
SELECT is((SELECT count(*) FROM tavus.events WHERE event_type = 'conversation.requested'), 2::bigint,
          'and are recorded, no other');
SELECT is((SELECT count(*) FROM tavus.intents WHERE requested_id IS NOT NULL AND node IS NULL AND patience = 30
              AND due_at > now()), 2::bigint, 'as intents');
SELECT is((SELECT count(*) FROM tavus.log, unnest(ids)), 2::bigint, 'in the log');
SELECT is(pg_temp.fates('{"active":2}', '[{"n":4}]'), 'busy', 'no more');
SELECT is(pg_temp.fates('{"active":3}', '[{"n":4}]'), 'granted', 'but by another budget');
SELECT is(pg_temp.fates('{"active":2}', '[{"n":1},{"n":5},{"n":2}]'), 'duplicate, busy, duplicate',
          'sent again: the same');
SELECT is(pg_temp.places(), '1 2 4', 'with the same places');
SELECT is(pg_temp.day(), '3 1800', 'which the day has paid for once');
SELECT is(pg_temp.fates('{"active":9}', '[{"n":6},{"n":6}]'), 'granted, duplicate', 'one of one batch');
SELECT is(pg_temp.day(), '4 2400', 'once, too');
SELECT is(pg_temp.fates('{}', '[{"n":7}]'), 'granted', 'no limits');

-- a wish that is granted is recorded as any other event of the server
CREATE FUNCTION pg_temp.same(doc text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a jsonb;
    b jsonb;
BEGIN
    PERFORM tavus.record_wishes(ARRAY[pg_temp.id(7000.5)], '{NULL}', '{NULL}', '{2}', '{server}',
        ARRAY['conversation.requested'], '{NULL}', '{abcd}', '{"{}"}', ARRAY[convert_to(doc, 'UTF8')], '{NULL}', '{}',
        '{600}', '{900}', '{aa}', '{NULL}', '{NULL}');
    a := (SELECT jsonb_build_array(to_jsonb(i), to_jsonb(e), (SELECT count(*) FROM tavus.log l WHERE e.id = ANY (l.ids)))
            FROM tavus.intents i JOIN tavus.events e ON e.id = i.requested_id WHERE i.nonce = 'abcd');
    DELETE FROM tavus.intents WHERE nonce = 'abcd';
    DELETE FROM tavus.events WHERE id = pg_temp.id(7000.5);
    DELETE FROM tavus.log WHERE pg_temp.id(7000.5) = ANY (ids);
    DELETE FROM tavus.places WHERE nonce = 'abcd';
    DELETE FROM tavus.budget_days;
    PERFORM tavus.record(ARRAY[pg_temp.id(7000.5)], '{NULL}', '{NULL}', '{2}', '{server}',
        ARRAY['conversation.requested'], '{NULL}', '{abcd}', '{"{}"}', ARRAY[convert_to(doc, 'UTF8')], '{NULL}');
    b := (SELECT jsonb_build_array(to_jsonb(i), to_jsonb(e), (SELECT count(*) FROM tavus.log l WHERE e.id = ANY (l.ids)))
            FROM tavus.intents i JOIN tavus.events e ON e.id = i.requested_id WHERE i.nonce = 'abcd');
    DELETE FROM tavus.intents WHERE nonce = 'abcd';
    DELETE FROM tavus.events WHERE id = pg_temp.id(7000.5);
    DELETE FROM tavus.log WHERE pg_temp.id(7000.5) = ANY (ids);
    RETURN CASE WHEN a = b AND a -> 2 = '1' THEN 'same' ELSE concat(a, ' is not ', b) END;
END
$$;
SELECT is(pg_temp.same(d), 'same', 'recorded as any other: ' || left(d, 30)) FROM unnest(ARRAY[
    '{"vertical":"legal","persona_id":"p","replica_id":"r","document_tags":["a","b"],"memory_stores":["m"],
      "session_id":"s","utm_source":"u","utm_medium":"v","utm_campaign":"w","consent":"granted","user_id":"x",
      "request_id":"y","patience":77,"node":"n.1","max_call_duration":600}', '{"patience":"7"}', '{"patience":123456}',
    '[]', 'no JSON', '{"document_tags":"a","vertical":7}']) d;
INSERT INTO tavus.budget_days VALUES ((now() AT TIME ZONE 'UTC')::date, 5, 3000);

-- ---- and how they become free
SELECT is(pg_temp.failed(1, 'refused') || pg_temp.created(2), 'ss', 'one failed, one is created');
SELECT is(pg_temp.fates('{"active":4}', '[{"n":8}]'), 'busy', 'four are left');
SELECT is(pg_temp.places(), '2 4 6 7', 'which');
SELECT is(pg_temp.day(), '4 2400', 'what failed costs nothing');
SELECT is(pg_temp.ended(2, 61), 's', 'one ends');
SELECT is(pg_temp.fates('{"active":4}', '[{"n":8}]'), 'granted', 'another comes');
SELECT is(pg_temp.places(), '4 6 7 8', 'in its place');
SELECT is(pg_temp.day(), '5 2461', 'what has ended costs its time');
SELECT is(pg_temp.failed(4, 'timeout', 'unknown'), 's', 'nobody knows');
SELECT is(pg_temp.fates('{"active":4}', '[{"n":9}]'), 'busy', 'is no end');
SELECT is(pg_temp.said(4, 'conversation.not_found', 9), 's', 'not found at last');
SELECT is(pg_temp.fates('{"active":4}', '[{"n":9}]'), 'granted', 'is one');
SELECT is(pg_temp.day(), '6 3061', 'and costs what was reserved');
SELECT is(pg_temp.created(6) || pg_temp.ended(6, 7000), 'ss', 'one lasted for ever');
SELECT is(pg_temp.created(7) || pg_temp.said(7, 'conversation.ended', 32, '{}', 'c7'), 'ss', 'one was ended by us');
SELECT is(pg_temp.fates('{"active":2}', '[{"n":10}]'), 'busy', 'two places more');
SELECT is(pg_temp.day(), '6 2491', 'no more than was reserved, or its time');
CALL pg_temp.later('14 minutes 59 seconds');
SELECT is(pg_temp.fates('{"active":2}', '[{"n":10}]'), 'busy', 'not yet');
CALL pg_temp.later('1 second');
SELECT is(pg_temp.fates('{"active":2}', '[{"n":10}]'), 'granted', 'time is over');
SELECT is(pg_temp.places() || ': ' || pg_temp.day(), '10: 7 3091', 'of all of those; they cost what was reserved');
SELECT is(pg_temp.created(8) || pg_temp.ended(8, 20), 'ss', 'it comes late');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":11}]') || pg_temp.day(), 'busy7 3091', 'and changes nothing');

-- announced after it was said to have failed, before anybody looked
SELECT is(pg_temp.failed(10, 'refused') || pg_temp.created(10), 'ss', 'contradictory');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":11}]'), 'busy', 'in doubt it is there');
SELECT is(pg_temp.ended(10, 600), 's', 'till it ends');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":11}]') || pg_temp.day(), 'granted8 3691', 'really');
SELECT is(pg_temp.rec('[{"i":500,"t":"system.replica_joined","c":"c11","n":"00000000000000000000000000000011"}]')
          || pg_temp.failed(11, 'refused'), 'ss', 'a callback, but failed');
SELECT is(pg_temp.fates('{"active":1}', '[{"n":12}]'), 'busy', 'is there as well');

-- ---- the day
DELETE FROM tavus.places;
UPDATE tavus.budget_days SET calls = 0, seconds = 0;
SELECT is(pg_temp.fates('{"day":2}', '[{"n":21},{"n":22},{"n":23}]'), 'granted, granted, day_spent', 'two a day');
SELECT is(pg_temp.failed(22, 'refused'), 's', 'one fails');
SELECT is(pg_temp.fates('{"day":2}', '[{"n":23},{"n":24}]'), 'granted, day_spent', 'and counts no more');
SELECT is((SELECT (f ->> 'retry_after')::int BETWEEN r - 2 AND r + 2
             FROM jsonb_array_elements(pg_temp.wish('{"day":2}', '[{"n":24}]')) f,
                  extract(epoch FROM date_trunc('day', now() AT TIME ZONE 'UTC') + '1 day'
                                     - now() AT TIME ZONE 'UTC') r), true, 'until the next one');
UPDATE tavus.budget_days SET day = day - 1;
UPDATE tavus.places SET day = day - 1;
SELECT is(pg_temp.fates('{"day":2}', '[{"n":24}]') || pg_temp.day(), 'granted2 1200, 1 600', 'another day');
SELECT is(pg_temp.created(21) || pg_temp.ended(21, 10) || pg_temp.fates('{"active":1}', '[{"n":25}]')
          || pg_temp.day(), 'ssbusy2 610, 1 600', 'a call belongs to the day of its grant');

-- ---- minutes
DELETE FROM tavus.places;
UPDATE tavus.budget_days SET calls = 0, seconds = 0;
SELECT is(pg_temp.fates('{"minutes":25}', '[{"n":31},{"n":32},{"n":33},{"n":34,"s":300},{"n":35,"s":1300},{"n":35,"s":1501}]'),
          'granted, granted, busy, granted, busy, minutes_spent', 'what is reserved counts, but may come back');
SELECT is(pg_temp.created(31) || pg_temp.ended(31, 30) || pg_temp.fates('{"minutes":25}', '[{"n":33,"s":571},{"n":35,"s":570}]'),
          'ssbusy, granted', 'to the second');
SELECT is(pg_temp.fates('{"minutes":25}', '[{"n":33,"s":1471},{"n":33,"s":1470}]'), 'minutes_spent, busy',
          'what was used does not');
SELECT is(pg_temp.wish('{"minutes":25}', '[{"n":33}]'), '[{"fate": "busy"}]', 'nobody is sent away for the day');

-- ---- visitors
DELETE FROM tavus.places;
SELECT is(pg_temp.fates('{"visitor_day":2}', '[{"n":41,"a":1,"v":9},{"n":42,"a":1,"v":9},{"n":43,"a":1,"v":9}]'),
          'granted, granted, visitor_spent', 'two of a visitor');
SELECT is(pg_temp.fates('{"visitor_day":2}', '[{"n":43,"a":1},{"n":44,"a":1,"v":8},{"n":45,"a":2,"v":9}]'),
          'visitor_spent, visitor_spent, visitor_spent', 'without the cookie, with another, from elsewhere');
SELECT is(pg_temp.fates('{"visitor_day":2}', '[{"n":45,"a":2}]'), 'granted', 'others may');
SELECT is(pg_temp.failed(41, 'server_error') || pg_temp.fates('{"visitor_day":2}', '[{"n":46,"a":1,"v":9},{"n":47,"a":1,"v":9}]'),
          'sgranted, visitor_spent', 'what failed is nobody''s fault');

-- ---- what is asked must be asked well
SELECT throws_ok($$SELECT tavus.record_wishes('{00000000-0000-7000-8000-000000000000}', '{NULL}', '{NULL}', '{0}',
    '{server}', '{conversation.created}', '{NULL}', '{aa}', '{NULL}', '{""}', '{NULL}', '{}', '{1}', '{1}', '{aa}',
    '{NULL}', '{NULL}')$$, '22023', NULL, 'only wishes');
SELECT throws_ok($$SELECT tavus.record_wishes('{00000000-0000-7000-8000-000000000000}', '{NULL}', '{NULL}', '{0}',
    '{server}', '{conversation.requested}', '{NULL}', '{NULL}', '{NULL}', '{""}', '{NULL}', '{}', '{1}', '{1}', '{aa}',
    '{NULL}', '{NULL}')$$, '22023', NULL, 'with a nonce');
SELECT throws_ok($$SELECT tavus.record_wishes('{00000000-0000-7000-8000-000000000000}', '{NULL}', '{NULL}', '{0}',
    '{server}', '{conversation.requested}', '{NULL}', '{aa}', '{NULL}', '{""}', '{NULL}', '{}', '{1}', '{1}', '{aa}',
    '{NULL}', '{}')$$, '2202E', NULL, 'all of one length');

-- ---- state, which is of now
DELETE FROM tavus.places;
DELETE FROM tavus.budget_days;
DELETE FROM tavus.budget_visitors;
SELECT is(pg_temp.fates('{"active":3,"day":9}', '[{"n":51},{"n":52},{"n":53}]'), 'granted, granted, granted', 'three');
SELECT is(pg_temp.created(51) || pg_temp.created(52) || pg_temp.ended(52, 59) || pg_temp.failed(53, 'refused'), 'ssss',
          'one runs, one has ended, one failed');
CALL pg_temp.later('5 seconds');
SELECT is(tavus.budget_state('{"active":3,"day":9,"minutes":60,"line":20}') - '{until,places}'::text[],
    '{"active": {"used": 1, "limit": 3}, "day": {"used": 2, "limit": 9},
      "minutes": {"used": 11, "limit": 60, "reserved": 10}, "waiting": {"used": 0, "limit": 20},
      "visitor_day": {"limit": null}, "tavus_full": false}', 'is told');
SELECT matches(tavus.budget_state('{}') #>> '{places,0}',
    '^{"age": [0-9]+, "until": "[^"]*Z", "conversation_id": "c51"}$', 'with its place');
SELECT is((SELECT count(*) FROM tavus.places), 3::bigint, 'nothing was touched');
SELECT is(tavus.trim('budget', '60 days', 100)::jsonb ->> 'trimmed', '0', 'cleaning');
SELECT is((SELECT count(*) FROM tavus.places), 1::bigint, 'settles');
INSERT INTO tavus.budget_visitors SELECT (now() AT TIME ZONE 'UTC')::date - n, 'x', 1 FROM generate_series(0, 5) n;
INSERT INTO tavus.budget_days SELECT (now() AT TIME ZONE 'UTC')::date - n, 1, 1 FROM unnest('{1,58,59,61}'::int[]) n;
SELECT is(tavus.trim('budget', '60 days', 3)::jsonb ->> 'trimmed', '3', 'visitors of the past are forgotten');
SELECT is((SELECT count(*) FROM tavus.budget_visitors WHERE who = 'x'), 3::bigint, 'in bites');
SELECT is(tavus.trim('budget', '60 days', 3)::jsonb ->> 'trimmed', '1', 'all of them');
SELECT is((SELECT count(*) FROM tavus.budget_days), 4::bigint, 'days later');
SELECT * FROM finish();
ROLLBACK;
