-- Mails: events become rows, of which few are leased; what waits for what it has to tell; what is told of
-- once; and alerts that go together.  What a transaction has stored itself is not final for it, so they are
-- committed here.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT plan(56);

-- What is claimed: numbers of events, with /tries where there were more; or how long there is nothing.
CREATE TEMP TABLE leased (token bigint);
CREATE TEMP TABLE facts (i numeric, facts jsonb);
CREATE FUNCTION pg_temp.claim(
    names text[] DEFAULT '{contact.submitted,system.shutdown,conversation.ended,alert.raised,alert.cleared}',
    transcripts text[] DEFAULT '{loud}', asker int DEFAULT 7)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    TRUNCATE leased, facts;
    CREATE TEMP TABLE got ON COMMIT DROP AS
    SELECT c.*, ('x' || right(c.id::text, 12))::bit(48)::bigint / 1000 AS i
      FROM tavus.mail_claim('owner', 'sendgrid', false, names, '{}', '{}', 4, 500, 1000000, asker, NULL,
                            transcripts, '15 minutes') c;
    INSERT INTO leased SELECT DISTINCT g.token FROM got g WHERE g.token IS NOT NULL;
    INSERT INTO facts SELECT g.i, g.visitor::jsonb FROM got g WHERE g.id IS NOT NULL;
    SELECT string_agg(CASE WHEN g.id IS NULL THEN 'wait ' || CASE WHEN g.wait = 0 THEN '0' ELSE 'more' END
                      ELSE g.i || CASE WHEN g.tries > 1 THEN '/' || g.tries ELSE '' END
                           || CASE WHEN g.alone THEN '' ELSE '?' END END, ' ' ORDER BY g.i)
      INTO answer FROM got g;
    DROP TABLE got;
    RETURN answer;
END
$$;
CREATE FUNCTION pg_temp.settle(
    delivered int, failed numeric[] DEFAULT '{}', waits bigint[] DEFAULT '{}', spared boolean DEFAULT false,
    pause bigint DEFAULT NULL)
RETURNS boolean LANGUAGE sql AS $$
    SELECT tavus.deliver_settle(
        'owner', (SELECT l.token FROM leased l), delivered,
        (SELECT coalesce(array_agg(pg_temp.id(f.n) ORDER BY f.o), '{}')
           FROM unnest(failed) WITH ORDINALITY AS f (n, o)),
        waits, (SELECT coalesce(array_agg(settle.spared), '{}') FROM unnest(failed)),
        (SELECT coalesce(array_agg(500), '{}') FROM unnest(failed)),
        (SELECT coalesce(array_agg('500 said so'::text), '{}') FROM unnest(failed)), NULL, pause, NULL,
        NULL, NULL)
$$;
CREATE FUNCTION pg_temp.store(
    a int, b int, t text DEFAULT 'contact.submitted', s text DEFAULT 'browser', c text DEFAULT NULL,
    body text DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'i', i, 't', t, 's', s, 'c', c, 'b', body))))
      FROM generate_series(a, b) i
$$;
CREATE FUNCTION pg_temp.due() RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.deliveries SET due_at = now() - interval '1 ms' WHERE NOT dead
$$;
CREATE FUNCTION pg_temp.left_() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(('x' || right(d.event_id::text, 12))::bit(48)::bigint / 1000
                      || CASE WHEN d.token IS NOT NULL THEN '!' ELSE '' END
                      || CASE WHEN d.tries > 0 THEN '/' || d.tries ELSE '' END, ' ' ORDER BY d.event_id)
      FROM tavus.deliveries d
$$;

SELECT is(pg_temp.claim(), NULL, 'a new destination begins now');

-- rows, of which few are leased
SELECT is(pg_temp.store(1, 20), repeat('s', 20), 'many leads');
SELECT is(pg_temp.claim(), '1 2 3 4 5 6 7 8', 'eight are leased');
SELECT is(pg_temp.left_(), '1!/1 2!/1 3!/1 4!/1 5!/1 6!/1 7!/1 8!/1 9 10 11 12 13 14 15 16 17 18 19 20',
          'and all are rows');
SELECT is((SELECT count(*) FROM tavus.flights), 0::bigint, 'nothing else is under way');
SELECT is((SELECT facts FROM facts LIMIT 1), '{"kind": "contact.submitted"}', 'and of which kind it is');
SELECT ok(pg_temp.settle(6, '{2,5}', '{NULL,60000}'), 'told');
SELECT is(pg_temp.left_(), '2/1 5/1 9 10 11 12 13 14 15 16 17 18 19 20', 'one is dead, and one waits');
SELECT is(pg_temp.claim(), '9 10 11 12 13 14 15 16', 'the next');
SELECT is(pg_temp.claim(), '17 18 19 20', 'and the next beside it');
SELECT ok(pg_temp.settle(4), 'told');
SELECT is(pg_temp.claim(), NULL, 'no more');
UPDATE tavus.deliveries SET lease_until = now() - interval '1 s' WHERE token IS NOT NULL;
SELECT is(pg_temp.claim(asker => 9), '9/2 10/2 11/2 12/2 13/2 14/2 15/2 16/2', 'whose lease is over go again');
SELECT ok(pg_temp.settle(7, '{9}', '{1000}', spared => true, pause => 60000), 'it is throttled');
SELECT is(pg_temp.claim(), 'wait more', 'so nothing goes');
UPDATE tavus.destinations SET paused_until = NULL;
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '5/2', 'and then one, to see');
SELECT ok(pg_temp.settle(1), 'which is well');
SELECT is(pg_temp.claim(), '9/2', 'then the others');
SELECT ok(pg_temp.settle(1), 'told');
SELECT is(pg_temp.left_(), '2/1', 'the dead one stays');
DELETE FROM tavus.deliveries;

-- whose word it is
SELECT is(pg_temp.store(30, 30, s => 'standard') || pg_temp.store(31, 31, 'alert.raised', 'browser')
          || pg_temp.store(32, 32, 'alert.raised', 'standard')
          || pg_temp.store(33, 33, 'conversation.ended', 'browser', 'c9'), 'ssss', 'of others');
SELECT is(pg_temp.claim(), 'wait more', 'are rows');
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), 'wait 0', 'and no mails');
SELECT is(pg_temp.left_(), NULL, 'nor rows any more');

-- a conversation, once
SELECT is(pg_temp.rec('[{"i":40,"t":"system.replica_joined","c":"c1"},
                        {"i":45,"t":"system.shutdown","c":"c1","b":"{\"properties\":{\"shutdown_reason\":\"left\"}}"},
                        {"i":46,"t":"conversation.ended","c":"c1","s":"server"}]'), 'sss', 'a conversation');
SELECT is(pg_temp.claim(), 'wait more', 'is waited for a little');
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '45', 'is told of once');
SELECT is((SELECT facts - 'ended_by' FROM facts),
          '{"of": "conversation c1", "kind": "conversation.ended", "seconds": 5, "conversation_id": "c1"}',
          'with how long');
SELECT is(pg_temp.left_(), '45!/1', 'and no other event of it');
SELECT ok(pg_temp.settle(0, '{45}', '{1000}'), 'if it fails');
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '45/2', 'it goes again');
SELECT ok(pg_temp.settle(1), 'told');
SELECT is(pg_temp.store(47, 47, 'conversation.ended', 'tavus', 'c1'), 's', 'told of later');
SELECT is(pg_temp.claim(), 'wait more', 'it waits');
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), 'wait 0', 'and is not told of again');

-- what waits for a transcript
SELECT is(pg_temp.rec('[{"i":50,"t":"system.replica_joined","c":"c2"},
                        {"i":51,"t":"system.shutdown","c":"c2"}]'), 'ss', 'another');
UPDATE tavus.conversations SET vertical = 'loud' WHERE id = 'c2';
SELECT pg_temp.claim(); SELECT pg_temp.due();
SELECT is(pg_temp.claim(), 'wait 0', 'waits for what was said');
SELECT is(pg_temp.rec('[{"i":52,"t":"application.transcription_ready","c":"c2","b":"{\"properties\":{\"transcript\":[{\"role\":\"user\",\"content\":\"Hello\"},{\"role\":\"system\",\"content\":\"x\"}]}}"}]'),
          's', 'which comes');
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '51', 'and is told');
SELECT is((SELECT facts -> 'transcript' FROM facts), '[{"role": "user", "content": "Hello"}]',
          'but for what is no word of anybody');
SELECT ok(pg_temp.settle(1), 'told');

-- alerts
SELECT is(pg_temp.store(60, 62, 'alert.raised', 'server', body => '{"alert":"x"}')
          || pg_temp.store(63, 63, 'alert.cleared', 'server', body => '{"alert":"x"}'), 'ssss', 'alerts');
SELECT is(pg_temp.claim(), 'wait more', 'gather');
UPDATE tavus.deliveries SET due_at = now() - interval '1 ms' WHERE event_id = pg_temp.id(62);
SELECT is(pg_temp.claim(), '60 61 62 63', 'and go together');
SELECT ok(pg_temp.settle(0, '{60,61,62,63}', '{60000,60000,60000,60000}'), 'they are not taken');
SELECT is(pg_temp.store(64, 64, 'alert.raised', 'server', body => '{"alert":"y"}'), 's', 'another');
SELECT pg_temp.claim(); SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '60/2 61/2 62/2 63/2 64', 'which goes with them');
SELECT ok(pg_temp.settle(5), 'told');
SELECT is(pg_temp.store(65, 65, 'alert.raised', 'server', body => '{"alert":"z"}'), 's', 'one more');
SELECT pg_temp.claim(); SELECT pg_temp.due(); SELECT pg_temp.claim();
SELECT is((SELECT due_at - now() BETWEEN '14 min' AND '15 min' FROM tavus.deliveries), true, 'waits for its time');

DELETE FROM tavus.deliveries;

-- what is gone when its mail is due
SELECT is(pg_temp.store(70, 71), 'ss', 'two leads');
SELECT is(pg_temp.claim(), '70 71', 'go');
SELECT ok(pg_temp.settle(0, '{70,71}', '{1000,1000}'), 'and are not taken');
DELETE FROM tavus.events WHERE id = pg_temp.id(70);
SELECT pg_temp.due();
SELECT is(pg_temp.claim(), '71/2', 'of one that is gone nothing is told');
SELECT is((SELECT missed FROM tavus.cursors WHERE name = 'deliver:owner'), 1::bigint, 'which counts');

-- what was told of long ago
UPDATE tavus.mails SET made_at = now() - interval '91 days';
SELECT pg_temp.rec('[{"i":80,"t":"system.replica_joined","c":"c3"},{"i":81,"t":"system.shutdown","c":"c3"}]');
SELECT pg_temp.claim(); SELECT pg_temp.due(); SELECT pg_temp.claim();
SELECT is((SELECT array_agg(subject) FROM tavus.mails), '{conversation c3}', 'is forgotten');

SELECT * FROM finish();
