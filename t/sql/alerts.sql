-- Alerts: each kind is raised, said once, and over; what flaps, what cannot be looked at or told, pages.
\ir setup.sql
COMMIT;
SET client_min_messages = error;
SELECT plan(119);

-- A look, whenever the last one was.
CREATE FUNCTION pg_temp.look() RETURNS json LANGUAGE sql AS $$SELECT tavus.alerts_look('0')::json$$;
CREATE FUNCTION pg_temp.open() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(a.kind || ' ' || a.subject, ', ' ORDER BY a.kind, a.subject), '')
      FROM tavus.alerts a WHERE a.cleared_at IS NULL
$$;
-- Looks, and what is open then.
CREATE FUNCTION pg_temp.seen() RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN (pg_temp.look() ->> 'looked')::boolean THEN pg_temp.open() END
$$;
SELECT tavus.cursor_make('told', true) \g /dev/null
-- What was told since this was asked last, as a reader of the log has it, in transactions of its own.
CREATE FUNCTION pg_temp.told() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', t.event_type, b ->> 'alert', b ->> 'subject'), ', '
                      ORDER BY t.event_type, b ->> 'alert', b ->> 'subject')
      FROM tavus.tail('told', 1000, NULL, '{alert.}') t, tavus.body_jsonb(t.body) b
$$;
-- So much later.
CREATE PROCEDURE pg_temp.later(i interval) LANGUAGE sql AS $$
    UPDATE tavus.alerts SET raised_at = raised_at - i, seen_at = seen_at - i, said_at = said_at - i,
                            cleared_at = cleared_at - i;
$$;
CREATE FUNCTION pg_temp.since(i interval) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(gen_random_uuid()::text PLACING left(tavus.uuid_floor(now() - i)::text, 13) || '-7'
                   FROM 1)::uuid
$$;
CREATE FUNCTION pg_temp.failed(reason text, i interval) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_build_array(jsonb_build_object(
        'id', pg_temp.since(i), 't', 'conversation.create_failed', 's', 'server', 'k', 1,
        'n', md5(random()::text) || md5(random()::text),
        'b', jsonb_build_object('reason', reason, 'outcome', 'failed')::text)))
$$;
CREATE FUNCTION pg_temp.created(i interval) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_build_array(jsonb_build_object(
        'id', pg_temp.since(i), 't', 'conversation.created', 's', 'server', 'c', 'c' || md5(random()::text))))
$$;

-- ---- one at a time
SELECT is(pg_temp.look()::jsonb, '{"looked": true, "open": {}}', 'nothing is the matter');
SELECT is(tavus.alerts_look('1 hour')::jsonb, '{"looked": false, "open": {}}', 'somebody has looked');
UPDATE tavus.alert_looks SET looked_at = now() + interval '1 day';
SELECT is(tavus.alerts_look('1 hour')::jsonb, '{"looked": true, "open": {}}', 'but in no future');
SELECT is(pg_temp.told(), NULL, 'nothing is told');
SELECT is((SELECT array_agg(k.kind) FROM tavus.alert_kinds k
            WHERE to_regprocedure(format('tavus.alert_%s(int)', k.kind)) IS NULL), NULL,
          'each kind has its function');

-- ---- key_invalid, of Tavus
SELECT is(pg_temp.failed('invalid_api_key', '1 minute'), 's', 'a key is refused');
SELECT is(pg_temp.seen(), 'key_invalid tavus', 'an alert');
SELECT is(pg_temp.told(), 'alert.raised key_invalid tavus', 'which is told');
SELECT is((SELECT concat_ws(' ', e.source, e.kind, b - '{since,figures}'::text[])
             FROM tavus.events e, tavus.body_jsonb(e.body) b WHERE e.event_type = 'alert.raised'),
    'server 1 {"text": "Tavus refuses the key: 1 conversation could not be created. Put a valid key in place and '
    'reload nginx.", "alert": "key_invalid", "runbook": "runbook.md#key_invalid", "subject": "tavus"}', 'in words');
SELECT is((SELECT b -> 'figures' ->> 'n' || (b ->> 'since' = tavus.iso(a.raised_at))
             FROM tavus.events e, tavus.body_jsonb(e.body) b, tavus.alerts a WHERE e.event_type = 'alert.raised'),
    '1true', 'and figures');
SELECT is((SELECT bool_and((tavus.alerts_look('0')::json ->> 'looked')::boolean) FROM generate_series(1, 5)), true,
          'five looks later');
SELECT is(pg_temp.told(), NULL, 'no word more');
SELECT is(pg_temp.look()::jsonb -> 'open', '{"key_invalid": 1}', 'it is open');
SELECT is(pg_temp.failed('invalid_api_key', '50 seconds'), 's', 'a second conversation');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || pg_temp.told(), NULL, 'is no second alert');
SELECT is((SELECT data ->> 'n' FROM tavus.alerts), '2', 'but counted');

-- another node's key may be a good one
SELECT is(pg_temp.created('0'), 's', 'one is created');
CALL pg_temp.later('30 minutes');
SELECT is(pg_temp.seen(), 'key_invalid tavus', 'but others were not, just now');
UPDATE tavus.alert_kinds SET threshold = 30 WHERE kind = 'key_invalid';
SELECT is(pg_temp.seen(), 'key_invalid tavus', 'a while ago');
SELECT is(pg_temp.told(), NULL, 'it may come again');
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), '', 'long ago');
SELECT is(pg_temp.told(), 'alert.cleared key_invalid tavus', 'it is over');
SELECT is((SELECT concat_ws(' ', kind, left(tavus.body_jsonb(body) ->> 'text', 30)) FROM tavus.events
            WHERE event_type = 'alert.cleared'), '2 It is over: Tavus refuses the ', 'and said to be');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || coalesce(pg_temp.told(), 'nothing'), 'nothing', 'once');

-- ---- out_of_credits; and what refuses otherwise had a valid key
SELECT is(pg_temp.failed('out_of_credits', '40 seconds'), 's', 'no credits');
UPDATE tavus.alert_kinds SET threshold = 30 WHERE kind = 'out_of_credits';
SELECT is(pg_temp.seen(), '', 'but one was created since');
UPDATE tavus.alert_kinds SET threshold = 300 WHERE kind = 'out_of_credits';
SELECT is(pg_temp.seen(), 'out_of_credits tavus', 'or another node has them');
SELECT is(pg_temp.told(), 'alert.raised out_of_credits tavus', 'told');

-- ---- plan_cap
SELECT is(pg_temp.failed('at_capacity', '59 minutes'), 's', 'too many at a time');
SELECT is(pg_temp.seen(), 'out_of_credits tavus, plan_cap capacity', 'the plan');
UPDATE tavus.alert_kinds SET threshold = 2 WHERE kind = 'plan_cap';
SELECT is((SELECT count(*) FROM tavus.alert_plan_cap(2)), 0::bigint, 'as of so many');
UPDATE tavus.alert_kinds SET threshold = 1 WHERE kind = 'plan_cap';
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('id', pg_temp.since('30 minutes'), 't', 'conversation.created', 's', 'server', 'c', 'cut',
                       'b', '{"max_call_duration":3600}'),
    jsonb_build_object('id', pg_temp.since('20 minutes'), 't', 'system.shutdown', 'c', 'cut',
                       'b', '{"properties":{"shutdown_reason":"max_call_duration reached"}}'))), 'ss', 'a call is cut short');
SELECT is(pg_temp.seen(), 'out_of_credits tavus, plan_cap capacity, plan_cap length', 'the plan as well');
SELECT is(pg_temp.told(), 'alert.raised plan_cap capacity, alert.raised plan_cap length', 'told');

-- a flood of browsers' errors hides nothing, and one of ours is one alert
SELECT is(pg_temp.rec((SELECT jsonb_agg(jsonb_build_object('id', pg_temp.since('0'), 't', 'error', 's', 'browser', 'k', 1))
                         FROM generate_series(1, 400))), repeat('s', 400), 'browsers fail');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || coalesce(pg_temp.told(), '|'),
          'out_of_credits tavus, plan_cap capacity, plan_cap length|', 'all as before');
SELECT is((SELECT count(DISTINCT pg_temp.failed('out_of_credits', '0')) FROM generate_series(1, 350)), 1::bigint,
          'visitors come in crowds');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' ~ 'out_of_credits tavus' AND pg_temp.told() IS NULL, true, 'no word more');

-- ---- destinations
CREATE FUNCTION pg_temp.state(more text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'UPDATE tavus.destinations SET ' || more || ' WHERE name = ''crm''';
    DELETE FROM tavus.alerts;
    PERFORM pg_temp.look();
    RETURN (SELECT string_agg(a.kind || ' ' || a.subject, ', ' ORDER BY a.kind) FROM tavus.alerts a
             WHERE a.cleared_at IS NULL AND a.kind ~ '^(dest|key)');
END
$$;
INSERT INTO tavus.destinations (name, kind) VALUES ('crm', 'webhook');
SELECT is(pg_temp.state('failures = 0'), NULL, 'a destination');
SELECT is(pg_temp.state('failures = 3, said = ''503 later'', paused_until = now() + interval ''1 s'''), NULL, 'stumbles');
SELECT is(pg_temp.state('failures = 8'), 'destination_paused crm', 'is down');
SELECT is(pg_temp.state('said = ''401 no'''), 'key_invalid crm', 'refuses the key');
SELECT is(pg_temp.state('failures = 1, said = ''403'''), 'key_invalid crm', 'at once');
SELECT is(pg_temp.state('said = ''4031 no'''), NULL, 'not this');
SELECT is(pg_temp.state('stopped = ''gone'', said = ''410 gone'''), 'destination_paused crm', 'is gone');
SELECT is(pg_temp.state('seen_at = now() - interval ''10 minutes'''), NULL, 'is in no configuration');
SELECT is(pg_temp.state('seen_at = now(), stopped = NULL, failures = 0'), NULL, 'is well');

INSERT INTO tavus.deliveries (destination, event_id, dead, tries, due_at, reason)
SELECT 'crm', gen_random_uuid(), true, 1, now(), 'x' FROM generate_series(1, 1200);
SELECT is(pg_temp.state('failures = 0'), 'destination_dead crm', 'has dead ones');
SELECT is((SELECT left(text, 35) || data FROM tavus.alerts WHERE kind = 'destination_dead'),
          'over 1000 events to "crm" of the la{"n": 1001}', 'in sum');
UPDATE tavus.deliveries SET changed_at = now() - interval '25 hours';
SELECT is(pg_temp.state('failures = 0'), NULL, 'as of yesterday');

-- ---- quarantine
SELECT is(pg_temp.rec('[{"i":1,"t":"x","r":"not JSON","s":"stripe"}]'), 'q', 'what is unfit');
SELECT is(pg_temp.seen() ~ 'quarantine stripe', true, 'is in quarantine');

-- ---- nodes
DELETE FROM tavus.alerts;
UPDATE tavus.alert_kinds SET muted = true WHERE kind !~ '^(journal|node)';
SELECT is(tavus.heartbeat('a.x', 2, 99, NULL)::json -> 'silent' #>> '{}', '[]', 'a node');
SELECT is(pg_temp.seen(), '', 'is well');
SELECT is(tavus.heartbeat('a.x', 2, 99, '[]') IS NULL, false, 'may talk nonsense');
SELECT is(pg_temp.seen(), '', 'which is nothing');
SELECT is(tavus.heartbeat('a.x', 2, 99, '{"journal":{"age":301,"damaged":1,"unreadable":"x"}}') IS NULL, false, 'or not');
SELECT is(pg_temp.seen(), 'journal_damaged a, journal_old a', 'its journal');
SELECT is((SELECT string_agg(data::text, ' ' ORDER BY kind) FROM tavus.alerts),
    '{"damaged": 1, "unreadable": 0} {"age": 301, "bytes": 99, "files": 2}', 'in figures');
SELECT is(tavus.heartbeat('a.x', 2, 99) IS NULL, false, 'a node of before');
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), '', 'says nothing of it');
UPDATE tavus.nodes SET beat_at = now() - interval '4 minutes';
SELECT is(pg_temp.seen(), 'node_silent a', 'is silent');
SELECT is((SELECT text ~ 'its journal holds events' FROM tavus.alerts WHERE kind = 'node_silent'), true, 'with events');
SELECT is(tavus.forget_node('a'), 0, 'and forgotten');
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), '', 'it is over');

-- what a node was answered itself
UPDATE tavus.alert_kinds SET muted = kind NOT IN ('key_invalid', 'out_of_credits'), threshold = 300;
DELETE FROM tavus.alerts;
DELETE FROM tavus.events WHERE event_type = 'conversation.create_failed';
SELECT is(tavus.heartbeat('a.x', 0, 0, '{"tavus":{"status":401,"ago":9},"stripe":{"status":403,"ago":9}}') IS NULL,
          false, 'its keys are refused');
SELECT is(pg_temp.seen(), 'key_invalid stripe, key_invalid tavus', 'and Tavus had nothing to create');
SELECT is((SELECT text FROM tavus.alerts WHERE subject = 'tavus'),
          'Tavus refuses the key. Put a valid key in place and reload nginx.', 'so it is said');
SELECT is(tavus.heartbeat('a.x', 0, 0, '{"tavus":{"status":402,"ago":9},"stripe":{"status":402,"ago":9}}') IS NULL,
          false, 'it has no credits');
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), 'out_of_credits tavus', 'which is another matter');
INSERT INTO tavus.orders (id, ours, livemode, outcome, reason)
SELECT pg_temp.since('2 minutes'), true, false, 'failed', 'invalid_api_key';
SELECT is(pg_temp.seen(), 'key_invalid stripe, out_of_credits tavus', 'a checkout failed');
INSERT INTO tavus.orders (id, ours, livemode, answered_session)
SELECT pg_temp.since('1 minute'), true, false, 'cs_1';
CALL pg_temp.later('21 minutes');
SELECT is(pg_temp.seen(), 'out_of_credits tavus', 'and the next one did not');
DELETE FROM tavus.orders;
SELECT is(tavus.heartbeat('a.x', 0, 0, '{"tavus":{"status":402,"ago":301}}') IS NULL, false, 'it asked a while ago');
SELECT is(pg_temp.created('1 minute'), 's', 'and one was created since');
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), '', 'it is over');
DELETE FROM tavus.nodes;

-- Stripe is asked, and was not for long
UPDATE tavus.alert_kinds SET muted = kind <> 'stripe_repair', threshold = 10800;
INSERT INTO tavus.stripe_repairs (livemode, due_at, began, failures) VALUES (false, now(), now(), 3);
SELECT is(pg_temp.seen(), '', 'it fails');
UPDATE tavus.stripe_repairs SET done_at = now() - interval '4 hours';
SELECT is(pg_temp.seen(), 'stripe_repair test', 'for hours');
UPDATE tavus.stripe_repairs SET due_at = now() - interval '2 hours';
CALL pg_temp.later('11 minutes');
SELECT is(pg_temp.seen(), '', 'nobody tries any more');

-- ---- budget
UPDATE tavus.alert_kinds SET muted = kind <> 'budget', threshold = 900;
DELETE FROM tavus.conversations;
CREATE FUNCTION pg_temp.budget(more text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'UPDATE tavus.budget SET ' || more;
    DELETE FROM tavus.alerts;
    PERFORM pg_temp.look();
    RETURN (SELECT string_agg(a.subject || ' ' || a.data, ', ' ORDER BY a.subject) FROM tavus.alerts a
             WHERE a.cleared_at IS NULL);
END
$$;
INSERT INTO tavus.budget_days VALUES ((now() AT TIME ZONE 'UTC')::date, 7, 541), ((now() AT TIME ZONE 'UTC')::date - 1, 99, 9999);
SELECT is(pg_temp.budget('said = NULL'), NULL, 'no budget');
SELECT is(pg_temp.budget($$said = '{"day":8,"minutes":11}', said_at = now(), begun_at = now() - interval '1 day'$$), NULL,
          'one that is not used up');
SELECT is(pg_temp.budget($$said = '{"day":7,"minutes":9}'$$),
          'day {"used": 7, "limit": 7}, minutes {"used": 10, "limit": 9, "reserved": 0}', 'one that is');
SELECT is((SELECT left(text, 85) FROM tavus.alerts WHERE subject = 'minutes'),
          'Of the 9 minutes that the budget has for today too few are left for one more conversa', 'in so many words');
INSERT INTO tavus.places
SELECT decode(md5(n::text), 'hex'), now(), now() + '1 hour', now() AT TIME ZONE 'UTC', n, 'x' FROM unnest('{60,30}'::int[]) n;
SELECT is(pg_temp.budget($$said = '{"minutes":9}'$$), NULL, 'what is reserved comes back');
SELECT is(pg_temp.budget($$said = '{"minutes":8}'$$), 'minutes {"used": 10, "limit": 8, "reserved": 2}',
          'less than the shortest call is left without it');
DELETE FROM tavus.places;
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('id', pg_temp.since('12 minutes'), 't', 'conversation.created', 's', 'server', 'c', 'old',
                       'n', md5('old'), 'b', '{"max_call_duration":9}'),
    jsonb_build_object('id', pg_temp.since('11 minutes'), 't', 'conversation.created', 's', 'server', 'c', 'last',
                       'n', md5('last'), 'b', '{"max_call_duration":900}'))), 'ss', 'or where none goes on');
SELECT is(pg_temp.budget($$said = '{"minutes":25}', begun_at = now()$$), NULL, 'as much as the last one');
SELECT is(pg_temp.budget($$said = '{"minutes":24}'$$), 'minutes {"used": 10, "limit": 24, "reserved": 0}', 'less than it');
DELETE FROM tavus.conversations;
SELECT is(pg_temp.budget($$said = '{"day":7}', begun_at = now() - interval '1 day'$$), 'day {"used": 7, "limit": 7}', 'all calls');
SELECT is((SELECT text ~ '^All 7 conversations that the budget has for today are used: there are no more before 20.*Z\. '
             FROM tavus.alerts WHERE subject = 'day'), true, 'in words');
SELECT is(pg_temp.budget($$said_at = now() - interval '25 hours'$$), NULL, 'which nobody passes any more');
SELECT is(pg_temp.budget($$said = '{"active":0}', said_at = now(), short_at = now(), short_since = now() - interval '14 minutes'$$),
          NULL, 'visitors wait');
SELECT is(pg_temp.budget($$short_since = now() - interval '990 seconds'$$),
          'active {"used": 0, "limit": 0, "waiting": 0}', 'for long');
SELECT is((SELECT substr(text, 1, 14) FROM tavus.alerts), 'For 16 minutes', 'so long');
SELECT is(pg_temp.budget($$short_at = now() - interval '6 minutes'$$), NULL, 'not any more');
SELECT is(pg_temp.rec(jsonb_build_array(
    jsonb_build_object('id', pg_temp.since('10 minutes'), 't', 'conversation.created', 's', 'server', 'c', 'stray',
                       'n', md5('stray'), 'b', '{"max_call_duration":900}'),
    jsonb_build_object('id', pg_temp.since('10 minutes'), 't', 'conversation.created', 's', 'server', 'c', 'over',
                       'n', md5('over'), 'b', '{"max_call_duration":300}'))), 'ss', 'two conversations');
INSERT INTO tavus.places VALUES (decode(md5('stray'), 'hex'), now(), now() + '1 hour', now(), 1, 'x');
SELECT is(pg_temp.budget('short_at = NULL'), NULL, 'one has a place, one is over');
DELETE FROM tavus.places;
SELECT is(pg_temp.budget('short_at = NULL'), 'places {"n": 1}', 'a place is missing');
SELECT is(pg_temp.budget($$begun_at = now() - interval '1 minute'$$), NULL, 'but not of what was there before');
SELECT is(pg_temp.budget('said = NULL, said_at = NULL'), NULL, 'no budget again');

-- ---- flapping, on its own clock: each time it has to be away for twice as long
UPDATE tavus.alert_kinds SET muted = kind <> 'node_silent', threshold = 0;
DELETE FROM tavus.alerts;
SELECT pg_temp.told() \g /dev/null
CREATE FUNCTION pg_temp.flap(n int, OUT raised int, OUT cleared int) LANGUAGE plpgsql AS $$
BEGIN
    -- eleven minutes so, eleven minutes not so
    FOR i IN 1 .. n LOOP
        INSERT INTO tavus.nodes (name, beat_at, files, bytes) VALUES ('f.x', now() - interval '4 minutes', 0, 0);
        PERFORM pg_temp.look();
        CALL pg_temp.later('11 minutes');
        DELETE FROM tavus.nodes WHERE name = 'f.x';
        PERFORM pg_temp.look();
        CALL pg_temp.later('11 minutes');
    END LOOP;
    SELECT count(*) FILTER (WHERE e.event_type = 'alert.raised'), count(*) FILTER (WHERE e.event_type = 'alert.cleared')
      INTO raised, cleared
      FROM tavus.events e, tavus.body_jsonb(e.body) b
     WHERE e.source = 'server' AND b ->> 'alert' = 'node_silent' AND b ->> 'subject' = 'f';
END
$$;
SELECT is(f::text, '(2,1)', 'what comes every 22 minutes is told twice') FROM pg_temp.flap(60) f;
SELECT is((SELECT count(*) FROM tavus.alerts), 2::bigint, 'and two rows');
SELECT is((SELECT array_agg(tavus.alert_calm('10 minutes', n)::text) FROM unnest('{1,2,4,8,9,2000000000}'::int[]) n),
    '{00:10:00,00:20:00,01:20:00,21:20:00,"1 day","1 day"}', 'away for ever longer, up to a day');
CALL pg_temp.later('1 day');
SELECT is(pg_temp.seen(), '', 'in the end it is over');
SELECT pg_temp.told() \g /dev/null

-- ---- said again after a day
INSERT INTO tavus.nodes (name, beat_at, files, bytes) VALUES ('d.x', now() - interval '4 minutes', 0, 0);
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || ': ' || pg_temp.told(), 'node_silent d: alert.raised node_silent d', 'silent');
CALL pg_temp.later('23 hours');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || pg_temp.told(), NULL, 'for 23 hours');
CALL pg_temp.later('1 hour');
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || ': ' || pg_temp.told(), 'node_silent d: alert.raised node_silent d', 'for a day: once more');
SELECT is((SELECT count(*) FROM tavus.alerts WHERE subject = 'd'), 1::bigint, 'it is the same');

-- ---- muted
UPDATE tavus.alert_kinds SET muted = true;
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || ': ' || pg_temp.told(), ': alert.cleared node_silent d', 'nobody wants to hear of it');
UPDATE tavus.alert_kinds SET muted = kind NOT IN ('node_silent', 'order_unknown');

-- ---- too many
INSERT INTO tavus.nodes (name, beat_at, files, bytes)
SELECT 'n' || n || '.x', now() - interval '4 minutes', 0, 0 FROM generate_series(1001, 1050) n;
SELECT is((pg_temp.look() -> 'open' ->> 'node_silent')::int, 20, 'not over 20 of a kind');
DELETE FROM tavus.nodes;
CALL pg_temp.later('1 day');
SELECT is(pg_temp.seen(), '', 'over');

-- ---- orders, a condition that fails, and an event that cannot be stored
INSERT INTO tavus.orders (id, ours, livemode, outcome)
SELECT pg_temp.since('2 hours'), true, false, 'unknown';
ALTER FUNCTION tavus.silent_nodes() RENAME TO hidden;
SELECT is(pg_temp.seen(), 'order_unknown stripe', 'what can be looked at is');
ALTER FUNCTION tavus.hidden() RENAME TO silent_nodes;
DELETE FROM tavus.orders;
CALL pg_temp.later('1 day');
SELECT is(pg_temp.seen(), '', 'over');
SELECT pg_temp.told() \g /dev/null
INSERT INTO tavus.nodes (name, beat_at, files, bytes) VALUES ('e.x', now() - interval '4 minutes', 0, 0);
ALTER FUNCTION tavus.record RENAME TO hidden;
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || coalesce(pg_temp.told(), '|'), 'node_silent e|', 'what cannot be told is open');
ALTER FUNCTION tavus.hidden RENAME TO record;
SELECT pg_temp.seen() AS seen \gset
SELECT is(:'seen' || '|' || pg_temp.told(), 'node_silent e|alert.raised node_silent e', 'and told later');

-- ---- pages
DELETE FROM tavus.alerts;
INSERT INTO tavus.alerts (kind, subject, text, cleared_at)
SELECT 'quarantine', n::text, 'x', CASE WHEN n % 2 = 0 THEN now() - interval '90 days' * (n / 2) END
  FROM generate_series(1, 6) n;
CREATE FUNCTION pg_temp.page(state text DEFAULT NULL, n int DEFAULT NULL, cur text DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
    SELECT concat((SELECT string_agg(e ->> 'subject', ',' ORDER BY o)
                     FROM json_array_elements(p.j -> 'alerts') WITH ORDINALITY AS l (e, o)),
                  ' ' || (p.j ->> 'next_cursor')::bigint % 4611686018427387904
                         - (SELECT min(id) FROM tavus.alerts) + 1)
      FROM (SELECT tavus.admin_alerts(state, n, cur::bigint)::json) AS p (j)
$$;
SELECT is(pg_temp.page(), '5,3,1,6,4,2', 'open ones first, the newest first');
SELECT is(pg_temp.page('open') || '|' || pg_temp.page('ended'), '5,3,1|6,4,2', 'or only these');
WITH RECURSIVE p AS (
    SELECT tavus.admin_alerts(NULL, 2)::json AS j, 1 AS n
    UNION ALL SELECT tavus.admin_alerts(NULL, 2, (p.j ->> 'next_cursor')::bigint)::json, n + 1
      FROM p WHERE p.j ->> 'next_cursor' IS NOT NULL AND n < 9)
SELECT is(string_agg((SELECT string_agg(e ->> 'subject', ',' ORDER BY o)
                        FROM json_array_elements(p.j -> 'alerts') WITH ORDINALITY AS l (e, o)), '|' ORDER BY n),
          '5,3|1,6|4,2', 'in pages') FROM p;
SELECT is(tavus.trim('alerts', '100 days', 10)::jsonb, '{"trimmed": 2}', 'old ones go');
SELECT is(pg_temp.page(), '5,3,1,2', 'and those that are open stay');

SELECT * FROM finish();
