-- The waiting line: who comes first is served first, who does not ask loses the place.
\ir setup.sql
\ir wishes.psql
SELECT plan(118);

CREATE FUNCTION pg_temp.look(asked jsonb DEFAULT '[]', budget jsonb DEFAULT '{"active":1,"line":3}') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', l ->> 'free', (SELECT string_agg(ltrim(replace(t #>> '{}', '-', ''), '0'), ',' ORDER BY o)
                                           FROM jsonb_array_elements(l -> 'tickets') WITH ORDINALITY AS u (t, o)),
                     l ->> 'spent')
      FROM tavus.line_look(budget, ARRAY(SELECT pg_temp.ticket(a) FROM jsonb_array_elements(asked) a)) l
$$;
CREATE FUNCTION pg_temp.line(rows jsonb, budget jsonb DEFAULT '{"active":1,"line":3}') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.fates(budget, rows)
$$;
CREATE FUNCTION pg_temp.state(t int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'state', s ->> 'position', s ->> 'conversation_id')
      FROM tavus.line_ticket(pg_temp.ticket(to_jsonb(t))) s
$$;
CREATE FUNCTION pg_temp.told(t int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s ->> 'repeats', s ->> 'asked')
      FROM tavus.line_ticket(pg_temp.ticket(to_jsonb(t))) s
$$;
CREATE PROCEDURE pg_temp.passed(i interval) LANGUAGE sql AS $$
    UPDATE tavus.line SET granted_at = granted_at - i, asked_at = asked_at - i;
    UPDATE tavus.events SET received_at = received_at - i WHERE event_type = 'conversation.created';
$$;

-- It is over now, as its node says.
CREATE FUNCTION pg_temp.over(n int) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_build_array(jsonb_build_object('id', overlay(gen_random_uuid()::text PLACING
        left(tavus.uuid_floor(clock_timestamp() + interval '1 second')::text, 13) || '-7' FROM 1), 's', 'server', 'k', 2,
        't', 'conversation.ended', 'n', encode(pg_temp.num(to_jsonb(n)), 'hex'), 'c', 'c' || n, 'b', '{}')))
$$;

SELECT is(pg_temp.look(), '1', 'nobody waits');
SELECT is(pg_temp.line('[{"n":1,"t":1}]'), 'granted', 'a place');
SELECT is(pg_temp.state(1), 'unknown', 'needs no ticket');
SELECT is(pg_temp.line('[{"n":2,"v":2,"t":2},{"n":3,"t":3},{"n":4,"t":4},{"n":5,"t":5}]'),
          'waits 2 1, waits 3 2, waits 4 3, line_full', 'three wait');
SELECT is(pg_temp.line('[{"n":6}]'), 'busy', 'who cannot wait');
SELECT is(pg_temp.line('[{"n":6,"t":6}]', '{"active":1}'), 'busy', 'and where nobody may');
SELECT is(pg_temp.places() || pg_temp.day(), '11 600', 'no place for them');
SELECT is((SELECT count(*) FROM tavus.events), 1::bigint, 'no event either');
SELECT is(pg_temp.look(), '0 2,3,4', 'in their order');
SELECT is(pg_temp.line('[{"n":20,"a":20,"t":20}]', '{"active":2}') || pg_temp.line('[{"n":21,"a":21,"t":2}]', '{"active":2}'),
          'grantedwaits 2 1', 'the line was taken out: who waits holds no place');
SELECT is(pg_temp.failed(20, 'refused') || pg_temp.look(), 's0 2,3,4', 'and it was put back');
SELECT is(pg_temp.state(2) || ', ' || pg_temp.state(4) || ', ' || pg_temp.state(5), 'waits 1, waits 3, unknown', 'each knows its own');

-- ---- one place a visitor, one an address
SELECT is(pg_temp.line('[{"n":7,"a":9,"v":2,"t":7}]'), 'waits 2 1', 'one visitor has one ticket');
SELECT is(pg_temp.line('[{"n":7,"a":3,"t":7},{"n":8,"a":3,"v":8,"t":8},{"n":8,"a":2,"v":8,"t":8}]', '{"active":1,"line":9}'),
          'busy, busy, busy', 'others of that address none');
SELECT is(pg_temp.line('[{"n":7,"a":3,"t":3},{"n":8,"t":4}]'), 'waits 3 2, waits 4 3', 'with its ticket each has its place');

-- ---- first come, first served
SELECT is(pg_temp.failed(1, 'refused') || pg_temp.look(), 's1 2,3,4', 'a place is free');
SELECT is(pg_temp.line('[{"n":9,"t":9},{"n":10,"t":3}]'), 'line_full, waits 3 2', 'it is not for others');
SELECT is(pg_temp.line('[{"n":11,"t":9}]', '{"active":3,"line":3}'), 'line_full', 'nor are three places');
SELECT is(pg_temp.line('[{"n":11,"t":9},{"n":12,"t":4}]', '{"active":4,"line":3}'), 'granted, granted', 'four are');
SELECT is(pg_temp.look('[]', '{"active":4,"line":3}'), '2 2,3', 'of which two are left');
SELECT is(pg_temp.line('[{"n":13,"t":3},{"n":14,"t":2},{"n":15,"t":9}]', '{"active":4,"line":3}'),
          'granted, granted, waits 9 1', 'for two');
SELECT is(pg_temp.line('[{"n":16,"t":9}]', '{"active":5}'), 'granted', 'a budget without a line serves it, too');

-- ---- what a ticket becomes
SELECT is(pg_temp.state(2), 'asked', 'its create is under way');
SELECT is(pg_temp.line('[{"n":17,"t":2},{"n":17,"v":2,"t":17}]', '{"active":9,"line":3}'), 'taken, granted',
          'there is no second one with it, but for another wish');
SELECT is(pg_temp.created(14), 's', 'created');
SELECT is(tavus.line_ticket(pg_temp.ticket('2')) - 'event'::text,
    '{"state": "taken", "conversation_id": "c14", "conversation_url": "https://room/14", "status": "active",
      "vertical": "general", "nonce": "00000000000000000000000000000014", "repeats": true, "asked": false}', 'taken');
SELECT is(tavus.line_ticket(pg_temp.ticket('2')) #>> '{event,conversation_url}', 'https://room/14', 'with all that is known');
SELECT is(pg_temp.line('[{"n":18,"t":2}]', '{"active":9,"line":3}'), 'taken c14', 'however often');
SELECT is(pg_temp.look(), '0', 'it waits no more');
SELECT is(pg_temp.rec('[{"i":100,"s":"browser","k":2,"t":"page_view","c":"c14"}]') || pg_temp.state(2), 'sunknown',
          'till the visitor is there');
SELECT is(pg_temp.line('[{"n":18,"t":2}]', '{"active":9,"line":3}'), 'unknown_ticket', 'then it is used');
SELECT is(pg_temp.created(13) || pg_temp.state(3), 'staken c13', 'another');
SELECT is(pg_temp.look('[3]') || pg_temp.told(3), '0true false', 'whoever asks just then may be gone already');
CALL pg_temp.passed('49 seconds');
SELECT is(pg_temp.told(3), 'true false', 'it is repeated');
SELECT is(pg_temp.look('[3]') || pg_temp.told(3), '0true true', 'which a node has noted here');
CALL pg_temp.passed('2 seconds');
SELECT is(pg_temp.told(3), 'false true', 'but not to its very end');
CALL pg_temp.passed('8 seconds');
SELECT is(pg_temp.state(3), 'taken c13', 'for a minute');
SELECT is((SELECT count(*) FROM tavus.events WHERE event_type = 'conversation.created'
              AND received_at > now() - interval '1 hour'), 2::bigint, 'of its record');
UPDATE tavus.line SET granted_at = granted_at - interval '62 seconds';
SELECT is(pg_temp.state(3), 'unknown', 'whatever a node''s clock says');
SELECT is(pg_temp.failed(12, 'timeout', 'unknown') || pg_temp.state(4), 'sunknown', 'nobody knows of a create');
SELECT is(pg_temp.failed(16, 'invalid_api_key') || pg_temp.state(9), 'sunknown', 'or it is refused for good');
SELECT is(pg_temp.ended(13, 1) || pg_temp.state(3), 'sunknown', 'or over');

-- ---- Tavus has no place
DELETE FROM tavus.line;
DELETE FROM tavus.places;
SELECT is(pg_temp.line('[{"n":31,"t":31},{"n":32,"t":32}]', '{"active":3,"line":3}'), 'granted, granted', 'two');
SELECT is(pg_temp.rec(jsonb_build_array(jsonb_build_object('id', overlay(gen_random_uuid()::text PLACING
    left(tavus.uuid_floor(now())::text, 13) || '-7' FROM 1), 's', 'server', 'k', 1, 't', 'conversation.create_failed',
    'n', '00000000000000000000000000000031', 'b', '{"reason":"at_capacity","outcome":"failed"}'))), 's', 'one is refused by Tavus');
SELECT is(pg_temp.line('[{"n":34,"s":0,"t":31}]', '{"active":3,"line":3}'), 'waits 31 1', 'who was refused waits');
SELECT is(pg_temp.line('[{"n":33,"t":33}]', '{"active":3,"line":3}'), 'waits 33 2', 'nobody is granted a place');
SELECT is(pg_temp.look('[]', '{"active":3,"line":3}'), '0 31,33', 'as it came first');
CALL pg_temp.later('14 seconds');
SELECT is(pg_temp.line('[{"n":35,"t":31}]', '{"active":3,"line":3}'), 'waits 31 1', 'not yet');
CALL pg_temp.later('2 seconds');
SELECT is(pg_temp.line('[{"n":35,"t":31},{"n":36,"t":33}]', '{"active":3,"line":3}'), 'granted, waits 33 1', 'after 15 seconds it is tried with one');
SELECT is(pg_temp.look('[33]', '{"active":3,"line":3}'), '0 33', 'which may be all that there is');
SELECT is(pg_temp.line('[{"n":36,"t":36}]', '{"active":3}'), 'granted', 'without a line nobody could be served before another');
SELECT is(pg_temp.failed(36, 'at_capacity') || pg_temp.look('[33]', '{"active":3,"line":3}'), 's0 33', 'Tavus has just two');
SELECT is(pg_temp.over(32) || pg_temp.look('[33]', '{"active":3,"line":3}'), 's1 33', 'as something ends, one is free');
SELECT is(pg_temp.line('[{"n":341,"t":341}]', '{"active":3,"line":3}'), 'waits 341 2', 'for the first');
SELECT is(pg_temp.look('[33,341]', '{"active":9,"line":3}'), '1 33,341', 'and for nobody else');
SELECT is(pg_temp.line('[{"n":342,"t":341},{"n":343,"t":33}]', '{"active":3,"line":3}'), 'waits 341 2, granted', 'who has it');
CALL pg_temp.later('16 seconds');
SELECT is(pg_temp.look('[341]', '{"active":3,"line":3}'), '1 341', 'one more is tried again');
SELECT is(pg_temp.line('[{"n":342,"t":341}]', '{"active":4,"line":3}'), 'granted', 'and there is one');
CALL pg_temp.later('16 seconds');
SELECT is(pg_temp.line('[{"n":344,"t":344},{"n":345,"t":345}]', '{"active":5,"line":3}'), 'granted, waits 345 1', 'and perhaps another');
SELECT is(pg_temp.created(344) || pg_temp.look('[345]', '{"active":9,"line":3}'), 's1 345', 'once that one is served the next is tried');
SELECT is(pg_temp.line('[{"n":345,"t":345},{"n":346,"t":346}]', '{"active":9,"line":3}'), 'granted, waits 346 1', 'alone');
SELECT is(pg_temp.failed(345, 'at_capacity') || pg_temp.look('[345,346]', '{"active":9,"line":3}'), 's0 345,346', 'until Tavus says no');
CALL pg_temp.later('601 seconds');
SELECT is(pg_temp.look('[345]', '{"active":9,"line":3}'), '5 345,346', 'it is forgotten');
SELECT is(pg_temp.failed(342, 'at_capacity') || pg_temp.look('[345]', '{"active":9,"line":3}'), 's6 345,346', 'what is told late says nothing of now');

-- ---- Tavus has too many requests
DELETE FROM tavus.line;
DELETE FROM tavus.places;
SELECT is(pg_temp.line('[{"n":351,"t":351},{"n":352,"t":352},{"n":353,"t":353}]', '{"active":3,"line":3}'), 'granted, granted, granted', 'three');
SELECT is(pg_temp.failed(352, 'rate_limited') || pg_temp.failed(353, 'unrecorded'), 'ss', 'two are refused');
SELECT is(pg_temp.line('[{"n":354,"s":0,"t":353}]', '{"active":3,"line":3}'), 'waits 353 1', 'who asks');
SELECT is(pg_temp.look('[352]', '{"active":3,"line":3}'), '0 352,353', 'waits, in their order');
SELECT is(pg_temp.state(352) || ', ' || pg_temp.state(353), 'waits 1, waits 2', 'both');
SELECT is(pg_temp.over(351) || pg_temp.look('[352]', '{"active":3,"line":3}'), 's3 352,353', 'something ends: there are places again');

-- ---- Tavus was not asked
DELETE FROM tavus.line;
DELETE FROM tavus.places;
SELECT is(pg_temp.line('[{"n":37},{"n":38,"v":38,"t":38}]'), 'granted, waits 38 1', 'one waits');
DELETE FROM tavus.places;
SELECT is(pg_temp.line(format('[{"n":%s,"v":38,"t":%1$s}]', n)::jsonb) || pg_temp.failed(n, reason) || pg_temp.look('[38]'),
          'granteds1 38', reason || ': it waits on')
  FROM unnest(ARRAY['abandoned', 'not_sent', 'unreachable', 'timeout']) WITH ORDINALITY AS u (reason, o),
       LATERAL (SELECT 40 + o::int AS n OFFSET 0) x;
SELECT is(pg_temp.line('[{"n":45,"v":38,"t":45}]') || pg_temp.failed(45, 'refused') || pg_temp.state(38),
          'grantedsunknown', 'refused: it does not');

-- ---- who does not ask
DELETE FROM tavus.line;
DELETE FROM tavus.places;
UPDATE tavus.budget SET looked_at = NULL, spare_until = NULL;
SELECT is(pg_temp.line('[{"n":51},{"n":52,"t":52},{"n":53,"t":53}]'), 'granted, waits 52 1, waits 53 2', 'two wait');
SELECT is(pg_temp.look(), '0 52,53', 'a look');
UPDATE tavus.line SET asked_at = asked_at - interval '99 seconds';
UPDATE tavus.budget SET spare_until = now();
SELECT is(pg_temp.look('[53]'), '0 52,53', 'not asked about for a while');
UPDATE tavus.line SET asked_at = asked_at - interval '2 seconds';
SELECT is(pg_temp.look(), '0 53', 'for long');
SELECT is(pg_temp.state(52) || ', ' || pg_temp.line('[{"n":54,"t":52}]'), 'unknown, unknown_ticket', 'its place is lost');
SELECT is(pg_temp.state(53), 'waits 1', 'the other one has it');
UPDATE tavus.line SET asked_at = asked_at - interval '5 minutes';
UPDATE tavus.budget SET looked_at = looked_at - interval '5 minutes';
SELECT is(pg_temp.line('[{"n":55,"t":55}]'), 'waits 55 2', 'nobody could look for long');
SELECT is(pg_temp.look(), '0 53,55', 'none is lost');
SELECT is(pg_temp.look(), '0 53,55', 'nor at once after it');
UPDATE tavus.budget SET spare_until = now();
SELECT is(pg_temp.look(), '0 55', 'but then');
UPDATE tavus.line SET asked_at = asked_at - interval '10 minutes';
UPDATE tavus.budget SET looked_at = looked_at - interval '8 minutes', spare_until = NULL;
SELECT is(pg_temp.line('[{"n":58,"t":58}]', '{"active":2,"line":3}'), 'granted',
          'who was overdue before nobody looked is in nobody''s way');
DELETE FROM tavus.places WHERE nonce = pg_temp.num('58');
SELECT is(pg_temp.line('[{"n":59,"t":59}]') || pg_temp.look(), 'waits 59 10 59', 'nor is there');
UPDATE tavus.line SET asked_at = asked_at - interval '10 minutes';
UPDATE tavus.budget SET looked_at = looked_at - interval '8 minutes', spare_until = looked_at - interval '7 minutes';
SELECT is(pg_temp.look(), '0 59', 'but for those that were spared then');
UPDATE tavus.line SET asked_at = asked_at - interval '6 minutes';
UPDATE tavus.budget SET looked_at = looked_at - interval '16 minutes';
SELECT is(pg_temp.line('[{"n":56,"t":56}]'), 'waits 56 1', 'nor for ever');
SELECT is((SELECT count(*) FROM tavus.line WHERE asked_at > now() - interval '1 second'), 1::bigint, 'one');
UPDATE tavus.line SET asked_at = asked_at - interval '11 seconds';
SELECT is(pg_temp.look('[56]'), '0 56', 'asked about');
SELECT is((SELECT count(*) FROM tavus.line WHERE asked_at > now() - interval '5 seconds'), 1::bigint, 'which is written down');

-- ---- the day is over
SELECT is(pg_temp.look('[]', '{"active":1,"line":3,"day":1000}'), '0 56', 'a day');
UPDATE tavus.budget_days SET calls = 7, seconds = 601;
SELECT is(pg_temp.look('[]', '{"active":1,"line":3,"day":7}'), '0 56 day', 'all are told');
SELECT is(pg_temp.look('[]', '{"active":1,"line":3,"minutes":10}'), '0 56 minutes', 'of minutes, too');
UPDATE tavus.budget_days SET seconds = 600;
SELECT is(pg_temp.look('[]', '{"active":1,"line":3,"minutes":10}'), '0 56', 'but not of what is only reserved');
SELECT is(pg_temp.line('[{"n":57,"t":57},{"n":56,"t":56}]', '{"active":1,"line":3,"day":7}'), 'day_spent, day_spent', 'whoever comes');
SELECT is(pg_temp.look(), '0', 'waits no more');

-- ---- minutes that are reserved
DELETE FROM tavus.line;
DELETE FROM tavus.places;
UPDATE tavus.budget_days SET calls = 0, seconds = 0;
CREATE FUNCTION pg_temp.minutes(rows jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.line(rows, '{"active":4,"line":3,"minutes":20}')
$$;
CREATE FUNCTION pg_temp.left(minutes int DEFAULT 20) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.look('[]', jsonb_build_object('active', 4, 'line', 3, 'minutes', minutes))
$$;
SELECT is(pg_temp.minutes('[{"n":71},{"n":72},{"n":73,"t":73},{"n":74,"t":74,"s":60},{"n":75}]'),
          'granted, granted, waits 73 1, waits 74 2, busy', 'are waited for');
SELECT is(pg_temp.left(), '0 73,74', 'there are none');
SELECT is(pg_temp.created(71) || pg_temp.ended(71, 300) || pg_temp.left(), 'ss0 73,74', 'some come back, too few');
SELECT is(pg_temp.minutes('[{"n":73,"t":73},{"n":74,"t":74,"s":60},{"n":75,"t":75,"s":60}]'),
          'waits 73 1, waits 74 2, waits 75 3', 'and not for who came later');
SELECT is(pg_temp.left(14), '0 73,74,75 minutes', 'all would be too few');
SELECT is(pg_temp.left(15), '0 73,74,75', 'or just enough');
SELECT is(pg_temp.left(25), '1 73,74,75', 'for one at once');
SELECT is(pg_temp.created(72) || pg_temp.ended(72, 550) || pg_temp.left(), 'ss4 73,74,75', 'no more come back');
SELECT is(pg_temp.minutes('[{"n":73,"t":73},{"n":74,"t":74,"s":351},{"n":75,"t":75,"s":350}]'),
          'minutes_spent, minutes_spent, granted', 'who needs more than is left is told');
SELECT is(pg_temp.left(20) || ', ' || pg_temp.left(19), '0, 0 minutes', 'to the second');

-- ---- how long it takes
CREATE FUNCTION pg_temp.waited(n int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (tavus.line_look('{"active":2,"line":9}', '{}') ->> 'wait'),
                     tavus.line_ticket(pg_temp.ticket(to_jsonb(n))) ->> 'wait')
$$;
DELETE FROM tavus.conversations;
SELECT is(pg_temp.line('[{"n":61},{"n":62,"t":62},{"n":63,"t":63}]', '{"active":2,"line":9}'), 'granted, waits 62 1, waits 63 2', 'two wait');
UPDATE tavus.budget SET said = '{"active":2,"line":9}', length_at = NULL;
SELECT is(pg_temp.waited(63), '', 'nobody knows');
INSERT INTO tavus.conversations (id, first_id, shutdown_id)
SELECT 'w' || n, pg_temp.id(n * 100), pg_temp.id(n * 100 + 85) FROM generate_series(1, 9) n;
UPDATE tavus.budget SET length_at = NULL;
SELECT is(pg_temp.waited(63), '', 'of nine calls nothing is concluded');
INSERT INTO tavus.conversations (id, first_id, closed_id) VALUES ('w10', pg_temp.id(1000), pg_temp.id(1095));
SELECT is(pg_temp.waited(63), '', 'nor counted each time');
UPDATE tavus.budget SET length_at = length_at - interval '31 seconds';
SELECT is(pg_temp.waited(63), '43.0 86', 'ten calls of 86 seconds, two at once');
INSERT INTO tavus.conversations (id, first_id) SELECT 'o' || n, pg_temp.id(2000 + n) FROM generate_series(1, 199) n;
UPDATE tavus.budget SET length_at = NULL;
SELECT is(pg_temp.waited(63), '43.0 86', 'those that have not ended say nothing');
SELECT is((SELECT f ->> 'wait' FROM jsonb_array_elements(pg_temp.wish('{"active":2,"line":9}', '[{"n":64,"t":64}]')) f), '129',
          'the third is told so');

INSERT INTO tavus.line (ticket, pos, address, made_at, asked_at)
SELECT gen_random_uuid(), 1000 + n, 'x', now() - n * interval '12 hours', now() FROM generate_series(0, 4) n;
SELECT is(tavus.trim('line', '60 days', 2)::jsonb ->> 'trimmed', '2', 'tickets are forgotten');
SELECT is(tavus.trim('line', '60 days', 2)::jsonb ->> 'trimmed', '0', 'after a day');
SELECT * FROM finish();
ROLLBACK;
