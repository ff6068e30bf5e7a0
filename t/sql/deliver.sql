-- Deliveries: claims, what is told of them, leases, what fails by itself, windows, sending again.  What
-- a transaction has stored itself is not final for it, so they are committed here.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT plan(174);

-- What is claimed: numbers of events, with ! where one is alone, and of tries where there were more;
-- or how long nothing is to be asked for.  The token is kept.
CREATE TEMP TABLE leased (who text PRIMARY KEY, token bigint);
CREATE FUNCTION pg_temp.claim(
    who text, flights int DEFAULT 4, most int DEFAULT 10, bytes bigint DEFAULT 1000000,
    names text[] DEFAULT NULL, prefixes text[] DEFAULT '{""}', beginning boolean DEFAULT false,
    asker int DEFAULT 7, held bigint[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    given  bigint;
BEGIN
    SELECT string_agg(CASE WHEN c.id IS NULL THEN 'wait ' || round(c.wait / 1000.0)
                      ELSE (('x' || right(c.id::text, 12))::bit(48)::bigint / 1000)
                           || repeat('!', c.alone::int)
                           || CASE WHEN c.tries > 1 THEN '/' || c.tries ELSE '' END END, ' ' ORDER BY c.o),
           max(c.token)
      INTO answer, given
      FROM tavus.deliver_claim(who, 'webhook', beginning, names, prefixes, '{}', flights, most, bytes,
                                asker, held)
           WITH ORDINALITY AS c (token, tries, id, source, event_type, conversation_id, body, visitor,
                                 alone, wait, o);
    IF given IS NOT NULL THEN
        INSERT INTO leased VALUES (who, given)
        ON CONFLICT ON CONSTRAINT leased_pkey DO UPDATE SET token = given;
    END IF;
    RETURN answer;
END
$$;

CREATE FUNCTION pg_temp.settle(
    who text, delivered int, failed numeric[] DEFAULT '{}', waits bigint[] DEFAULT '{}',
    again bigint DEFAULT NULL, pause bigint DEFAULT NULL, stop text DEFAULT NULL,
    said text DEFAULT NULL, of bigint DEFAULT NULL, spared boolean DEFAULT false, rest numeric DEFAULT NULL)
RETURNS boolean LANGUAGE sql AS $$
    SELECT tavus.deliver_settle(
        who, coalesce(of, (SELECT l.token FROM leased l WHERE l.who = settle.who)), delivered,
        (SELECT coalesce(array_agg(pg_temp.id(f.n) ORDER BY f.o), '{}')
           FROM unnest(failed) WITH ORDINALITY AS f (n, o)),
        waits, (SELECT coalesce(array_agg(settle.spared), '{}') FROM unnest(failed)),
        (SELECT coalesce(array_agg(500), '{}') FROM unnest(failed)),
        (SELECT coalesce(array_agg('500 said so'::text), '{}') FROM unnest(failed)), again, pause, stop,
        said, pg_temp.id(rest))
$$;
CREATE FUNCTION pg_temp.store(a int, b int, body text DEFAULT '{}', type text DEFAULT 'a.b')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_agg(jsonb_build_object('i', i, 't', type, 'c', 'd1', 'b', body)))
      FROM generate_series(a, b) i
$$;
CREATE FUNCTION pg_temp.health(who text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT d FROM jsonb_array_elements(tavus.health()::jsonb -> 'destinations') d WHERE d ->> 'name' = who
$$;
CREATE FUNCTION pg_temp.over() RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.flights SET due_at = now() WHERE token > 0;
    UPDATE tavus.deliveries SET lease_until = now();
$$;
CREATE FUNCTION pg_temp.old(n int) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(overlay(tavus.uuid_floor((date_trunc('month', now() AT TIME ZONE 'UTC')
                               - interval '4 months' + interval '1 day') AT TIME ZONE 'UTC')::text
                           PLACING '7' FROM 15 FOR 1) PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid
$$;
CREATE FUNCTION pg_temp.shown(who text) RETURNS json LANGUAGE sql AS $$
    SELECT tavus.admin_deliveries(who, NULL, NULL, NULL)::json -> 'destinations' -> 0
$$;

-- where it begins
SELECT is(pg_temp.store(1, 3), 'sss', 'three were there before');
SELECT is(pg_temp.claim('now'), NULL, 'a new destination begins now');
SELECT is(pg_temp.claim('all', 4, 2, beginning => true), '1 2', 'or at the beginning');
SELECT is((SELECT array_agg(name || ' ' || kind ORDER BY name) FROM tavus.destinations),
          '{all webhook,now webhook}', 'and is known from then on');
SELECT is(pg_temp.claim('now', beginning => true), NULL, 'one that is known does not begin again');

-- what is claimed is leased
SELECT is(pg_temp.claim('all'), '3', 'the next');
SELECT is(pg_temp.claim('all'), NULL, 'and no more');
SELECT is((SELECT array_agg(tries || ' ' || (due_at - now() BETWEEN '119 s' AND '2 min') ORDER BY from_pos, from_ord)
             FROM tavus.flights), '{"1 true","1 true"}', 'both for two minutes');
SELECT is((pg_temp.shown('all') ->> 'in_flight')::int, 2, 'as the admin is told');

-- what is told
SELECT ok(pg_temp.settle('all', 1), 'one is told of');
SELECT ok(NOT pg_temp.settle('all', 1), 'once');
SELECT is((SELECT delivered FROM tavus.destinations WHERE name = 'all'), 1::bigint, 'and counts once');
SELECT pg_temp.over();
SELECT is(pg_temp.claim('all', most => 1), '1/2 2/2', 'whose lease is over goes again, as it was');
SELECT is(pg_temp.claim('all'), NULL, 'to one');
SELECT ok(pg_temp.settle('all', 2), 'and is told of');
SELECT is((SELECT count(*) FROM tavus.flights), 0::bigint, 'then nothing is under way');

-- a lease that is lost
SELECT is(pg_temp.store(4, 5), 'ss', 'two more');
SELECT is(pg_temp.claim('all'), '4 5', 'are claimed');
CREATE TEMP TABLE old AS SELECT token FROM leased WHERE who = 'all';
SELECT pg_temp.over();
SELECT is(pg_temp.claim('all'), '4/2 5/2', 'and by somebody else, when the lease is over');
SELECT ok(NOT pg_temp.settle('all', 2, of => token), 'what the first tells does not count') FROM old;
SELECT ok(NOT pg_temp.settle('all', 0, '{4}', '{NULL}', of => token), 'nor that one is dead') FROM old;
SELECT ok(NOT pg_temp.settle('all', 0, again => 0, pause => 60000, stop => 'gone', of => token),
          'nor that all is to stop') FROM old;
SELECT is((SELECT format('%s %s %s %s', delivered, failures, paused_until, stopped) FROM tavus.destinations
            WHERE name = 'all'), '3 0  ', 'nothing has changed');
SELECT is((SELECT count(*) FROM tavus.deliveries), 0::bigint, 'no row either');
SELECT ok(NOT pg_temp.settle('now', 2, of => token), 'a token is one destination''s')
  FROM leased WHERE who = 'all';
SELECT ok(pg_temp.settle('all', 0, '{5,4}', '{NULL,60000}'), 'what the second tells does');
SELECT ok(NOT pg_temp.settle('all', 0, again => 0, of => 0), 'nobody has the token 0');

-- what failed by itself
SELECT is((SELECT array_agg(format('%s %s %s', dead, tries, due_at > now()) ORDER BY event_id)
             FROM tavus.deliveries), '{"f 1 t","t 1 f"}', 'one waits, one is dead');
SELECT is(pg_temp.claim('all'), NULL, 'neither is sent now');
UPDATE tavus.deliveries SET due_at = now() WHERE NOT dead;
SELECT is(pg_temp.store(6, 6), 's', 'another');
SELECT is(pg_temp.claim('all'), '4!/2', 'who waited goes first, alone');
SELECT is(pg_temp.claim('all'), '6', 'then the next');
SELECT ok(pg_temp.settle('all', 1), 'which is delivered');
SELECT pg_temp.over();
CREATE TEMP TABLE old2 AS SELECT max(token) AS token FROM tavus.deliveries;
SELECT is(pg_temp.claim('all'), '4!/3', 'it goes again when its lease is over');
SELECT ok(NOT pg_temp.settle('all', 1, of => token), 'and who had it may tell nothing') FROM old2;
SELECT ok(pg_temp.settle('all', 0, '{4}', '{0}'), 'but for who has it');
SELECT is((SELECT format('%s %s', tries, lease_until) FROM tavus.deliveries WHERE NOT dead), '3 ',
          'its tries are counted');
SELECT is(pg_temp.claim('all'), '4!/4', 'and again');
SELECT ok(pg_temp.settle('all', 1), 'until it is delivered');
SELECT is((SELECT array_agg(dead) FROM tavus.deliveries), '{t}', 'which leaves no row');

-- how many at once: of the log and of what failed together
SELECT is(pg_temp.store(10, 19), repeat('s', 10), 'ten');
SELECT is(pg_temp.claim('all', 2, 2), '10 11', 'two at once');
SELECT ok(pg_temp.settle('all', 0, '{10,11}', '{0,0}'), 'which fail');
SELECT is(pg_temp.claim('all', 2, 1), '10!/2', 'one');
SELECT is(pg_temp.claim('all', 2, 1), '11!/2', 'and another');
SELECT is(pg_temp.claim('all', 2, 1), NULL, 'are two');
SELECT ok(pg_temp.settle('all', 1), 'when one of them is told of');
SELECT is(pg_temp.claim('all', 2, 3), '12 13 14', 'there is room for the log');
SELECT is(pg_temp.claim('all', 2, 3), NULL, 'and no more');
SELECT pg_temp.over();
SELECT is(pg_temp.claim('all', 2, 3), '10!/3', 'all goes on after the lease');
SELECT ok(pg_temp.settle('all', 1), 'to the end');
SELECT is(pg_temp.claim('all', 2, 3), '12/2 13/2 14/2', 'in the order in which it was stored');
SELECT ok(pg_temp.settle('all', 3), 'and so on');

-- by bytes
SELECT is(pg_temp.store(20, 25, '{"x":"' || repeat('y', 92) || '"}'), repeat('s', 6), 'six of 100 bytes');
SELECT is(pg_temp.claim('all', bytes => 211), '15 16 17 18 19 20 21 22', 'no more bytes than are wanted');
SELECT is(pg_temp.claim('all', bytes => 1), '23', 'one at least');
SELECT is(pg_temp.claim('all', most => 2, bytes => 100), '24', 'the rest follows');
SELECT is(pg_temp.claim('all', bytes => 100), '25', 'in order');
SELECT is(pg_temp.claim('all'), NULL, 'to the end');
SELECT is((SELECT count(DISTINCT token) FROM tavus.flights), 4::bigint, 'each with a token of its own');
SELECT pg_temp.over();
SELECT is(pg_temp.claim('all', bytes => 100), '15/2 16/2 17/2 18/2 19/2 20/2', 'one that goes again is cut, too');
SELECT is(pg_temp.claim('all', bytes => 100), '21/2', 'and its rest goes next');
DELETE FROM tavus.flights;

SELECT is(pg_temp.store(26, 28, '{"x":"' || repeat('y', 92) || '"}'), 'sss', 'three that fail');
SELECT is(pg_temp.claim('all'), '26 27 28', 'are claimed');
SELECT ok(pg_temp.settle('all', 0, '{26,27,28}', '{0,0,0}'), 'fail');
SELECT is(pg_temp.claim('all', bytes => 101), '26!/2 27!/2', 'and are cut as well');
SELECT is(pg_temp.claim('all', bytes => 1), '28!/2', 'one at least');

-- of what failed and is gone
UPDATE tavus.deliveries SET due_at = now() - interval '1 s', lease_until = NULL WHERE NOT dead;
DELETE FROM tavus.events WHERE id IN (pg_temp.id(26), pg_temp.id(27), pg_temp.id(28));
SELECT is(pg_temp.claim('all'), NULL, 'events that are gone are nothing to send');
SELECT is((SELECT array_agg(dead) FROM tavus.deliveries), '{t}', 'and leave no rows');
SELECT pg_temp.over();

-- what is not wanted is stepped over, in steps
SELECT is(pg_temp.store(100, 129, type => 'b.c'), repeat('s', 30), 'thirty that nobody wants');
SELECT is(pg_temp.store(130, 130, type => 'a.b'), 's', 'and one');
SELECT is(pg_temp.claim('all', most => 1, names => '{a.b}', prefixes => '{}'), 'wait 0',
          'are twenty steps, and then it is asked again');
SELECT is(pg_temp.claim('all', most => 1, names => '{a.b}', prefixes => '{}'), '130', 'to go on there');
SELECT is((SELECT count(*) FROM tavus.flights), 1::bigint, 'what is stepped over is no flight');
SELECT ok(pg_temp.settle('all', 1), 'it is told of');

-- pauses
SELECT is(pg_temp.store(131, 139), repeat('s', 9), 'nine');
SELECT is(pg_temp.claim('all', most => 2) || ' ' || (SELECT token > 0 FROM leased WHERE who = 'all'),
          '131 132 true', 'two');
TRUNCATE old;
INSERT INTO old SELECT token FROM leased WHERE who = 'all';
SELECT is(pg_temp.claim('all', most => 2), '133 134', 'two');
SELECT ok(pg_temp.settle('all', 0, again => 3000000, pause => 3000000, said => '429 later'), 'one is refused');
SELECT is(pg_temp.claim('all'), 'wait 300', 'then all waits');
SELECT ok(pg_temp.settle('all', 2, of => token), 'that another was taken just before') FROM old;
SELECT is(pg_temp.claim('all'), 'wait 300', 'changes nothing');
SELECT is((pg_temp.shown('all') -> 'lag' ->> 'events')::int, 7, 'what nobody told of is behind');
SELECT is((SELECT c ->> 'events' FROM json_array_elements(tavus.log_state()::json -> 'cursors') c
            WHERE c ->> 'name' = 'deliver:all'), '7', 'for health, too');
SELECT is(pg_temp.health('all') ->> 'state', 'paused', 'and that all waits');
SELECT is(tavus.deliver_retry(NULL, 'all', 'waiting')::json ->> 'retried', '0', 'somebody sends again');
SELECT is(pg_temp.claim('all', most => 1), '133/2 134/2', 'and at once it goes on with that');
SELECT is(pg_temp.claim('all', most => 1), NULL, 'but with one at a time');
SELECT ok(pg_temp.settle('all', 2), 'until it is taken');
SELECT is(pg_temp.claim('all', most => 1), '135', 'then with more');
TRUNCATE old;
INSERT INTO old SELECT token FROM leased WHERE who = 'all';
SELECT is(pg_temp.claim('all', most => 1), '136', 'again');
SELECT ok(pg_temp.settle('all', 0, again => 0, stop => 'gone', said => '410'), 'one says that nobody wants it');
SELECT ok(pg_temp.settle('all', 1, of => token), 'what was taken just before') FROM old;
SELECT is(pg_temp.claim('all') || ' ' || (pg_temp.shown('all') ->> 'state'), 'wait 60 stopped', 'changes nothing');
SELECT is(tavus.deliver_retry(NULL, 'none', NULL), NULL, 'sending again, for nobody');
SELECT ok(tavus.deliver_retry(NULL, 'all', NULL) IS NOT NULL, 'for who was stopped');
SELECT is(pg_temp.claim('all'), '5!', 'and what was dead is the first');
SELECT ok(pg_temp.settle('all', 1), 'again');
SELECT is(pg_temp.claim('all', most => 1), '136', 'then what was under way, which was no try');

SELECT ok(pg_temp.settle('all', 1), 'and that is delivered');

-- tries that are no fault of theirs
DELETE FROM tavus.flights;
SELECT is(pg_temp.store(140, 140), 's', 'one');
SELECT is(pg_temp.claim('all'), '137 138 139 140', 'is claimed with others');
SELECT ok(pg_temp.settle('all', 3, '{140}', '{0}', spared => true), 'it was not sent');
SELECT is(pg_temp.claim('all'), '140!', 'so that it is tried for the first time');
SELECT ok(pg_temp.settle('all', 0, '{140}', '{0}', spared => true), 'and not that time');
SELECT is(pg_temp.claim('all'), '140!', 'but this time');
SELECT is((SELECT tries FROM tavus.deliveries), 1, 'as it counts');
SELECT ok(pg_temp.settle('all', 1), 'and is over');

-- what was not sent stays a flight, behind what was
SELECT is(pg_temp.store(141, 149), repeat('s', 9), 'nine');
SELECT is(pg_temp.claim('all'), '141 142 143 144 145 146 147 148 149', 'are claimed');
SELECT ok(pg_temp.settle('all', 1, '{142}', '{60000}', rest => 143), 'of whom the third was not sent');
SELECT is(pg_temp.claim('all'), '143 144 145 146 147 148 149', 'it goes with all behind it');
SELECT ok(pg_temp.settle('all', 0, rest => 999), 'where it begins with what is in the log no more');
SELECT is(pg_temp.claim('all'), '143 144 145 146 147 148 149', 'all of it goes');
SELECT ok(pg_temp.settle('all', 0, '{143}', '{60000}', pause => 3000000, rest => 148), 'or, paused');
SELECT is(pg_temp.claim('all'), 'wait 300', 'not now');
UPDATE tavus.destinations SET paused_until = NULL;
SELECT is(pg_temp.settle('all', 0, '{143}', '{60000}'), false, 'once');
SELECT pg_temp.over();
UPDATE tavus.flights SET due_at = now();
SELECT is(pg_temp.claim('all'), '148 149', 'but then');

-- one that fails by itself does not make a destination well that was not
SELECT ok(pg_temp.settle('all', 0, '{148,149}', '{60000,60000}'), 'which fail by themselves');
SELECT is((SELECT failures FROM tavus.destinations WHERE name = 'all'), 1, 'nothing went through yet');
SELECT is(pg_temp.health('all') ->> 'waiting',
          (SELECT count(*)::text FROM tavus.deliveries WHERE destination = 'all' AND NOT dead),
          'health counts what goes again');
UPDATE tavus.deliveries SET made_at = made_at - interval '90 seconds' WHERE event_id = pg_temp.id(149);
SELECT ok((pg_temp.health('all') ->> 'oldest')::numeric BETWEEN 90 AND 890, 'and knows the oldest');
UPDATE tavus.deliveries SET dead = true WHERE event_id = pg_temp.id(148);
SELECT is(pg_temp.health('all') ->> 'dead', '1', 'what is dead');
UPDATE tavus.deliveries SET dead = false WHERE event_id = pg_temp.id(148);

-- a claim of which nobody has heard
SELECT is(pg_temp.store(150, 152), 'sss', 'three');
SELECT is(pg_temp.claim('all', most => 1), '150', 'one is claimed');
TRUNCATE old;
INSERT INTO old SELECT token FROM leased WHERE who = 'all';
SELECT ok(pg_temp.settle('all', 1), 'told of');
SELECT is(pg_temp.claim('all', most => 1), '151', 'another');
SELECT is(pg_temp.claim('all', most => 1, asker => 8), '152', 'and by somebody else');
SELECT is(pg_temp.claim('all', most => 1, asker => 8, held => (SELECT array_agg(token) FROM leased WHERE who = 'all')),
          NULL, 'who holds what is leased is given nothing');
SELECT is(pg_temp.claim('all', most => 1, held => '{}'), '151', 'who does not, what was');
SELECT ok(pg_temp.settle('all', 0, '{151}', '{0}'), 'it fails');
SELECT is(pg_temp.claim('all', most => 1), '151!/2', 'and is leased');
SELECT is(pg_temp.claim('all', most => 1, held => '{}'), '151!/2', 'so is what failed: it was no try');

-- a cursor that was taken away
DELETE FROM tavus.flights;
DELETE FROM tavus.deliveries;
SELECT ok(tavus.cursor_drop('deliver:all'), 'a cursor is taken away');
UPDATE tavus.destinations SET seen_at = now() - interval '2 minutes';
SELECT is(pg_temp.claim('all'), NULL, 'there is another');
SELECT is(pg_temp.store(200, 200), 's', 'and what comes');
SELECT is(pg_temp.claim('all'), '200', 'is claimed');
SELECT ok(pg_temp.settle('all', 1), 'and told of');

-- what is absent
UPDATE tavus.destinations SET seen_at = now() - interval '6 minutes' WHERE name = 'now';
SELECT is((SELECT array_agg(d ->> 'state' ORDER BY d ->> 'name')
             FROM json_array_elements(tavus.admin_deliveries(NULL, NULL, NULL, NULL)::json -> 'destinations') d),
          '{active,absent}', 'who has not asked for five minutes is absent');
SELECT is(pg_temp.claim('now'), '4 5 6 10 11 12 13 14 15 16', 'and goes on where it was');
SELECT is(pg_temp.shown('now') ->> 'state', 'active', 'when it asks again');
DELETE FROM tavus.destinations WHERE name = 'now';
SELECT is((SELECT count(*) FROM tavus.flights), 0::bigint, 'who is forgotten leaves no flight');
SELECT ok(tavus.cursor_drop('deliver:now'), 'and no cursor');

-- neither a claim nor what is told of it waits for the disk
SELECT isnt(pg_temp.claim('disk', most => 1, beginning => true), NULL, 'a claim of a new one');
SELECT is(current_setting('synchronous_commit'), 'on', 'changes nothing for others');
BEGIN;
SELECT isnt(pg_temp.claim('disk', most => 1), NULL, 'a claim');
SELECT is(current_setting('synchronous_commit'), 'off', 'is committed by whoever comes next');
SET LOCAL synchronous_commit = on;
SELECT ok(pg_temp.settle('disk', 1), 'and what became of it');
SELECT is(current_setting('synchronous_commit'), 'off', 'too');
COMMIT;
SELECT is((SELECT array_agg(DISTINCT t >> 32) FROM (
              SELECT tavus.deliver_token(7) AS t FROM generate_series(1, 100)) g),
          '{7}', 'a token begins with who asks');
DELETE FROM tavus.destinations WHERE name = 'disk';
SELECT tavus.cursor_drop('deliver:disk') \g /dev/null

-- a month is dropped under who lags, of whom something waits as well
SET ROLE tavus_owner;
SELECT tavus.add_partition(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '4 months') \g /dev/null
RESET ROLE;
SELECT is(tavus.record(array_agg(pg_temp.old(i)), array_agg(now()), array_agg(NULL::bytea), array_agg(0::smallint),
                       array_agg('tavus'::text), array_agg('a.b'::text), array_agg('d2'::text),
                       array_agg(NULL::bytea), array_agg(NULL::text), array_agg('{}'::bytea),
                       array_agg(NULL::text)), 'ssssss', 'six') FROM generate_series(1, 6) i;
SELECT is(pg_temp.store(300, 300), 's', 'and a new one');
SELECT matches(pg_temp.claim('all', most => 2), '^[0-9]+ [0-9]+$', 'two are under way');
SELECT matches(pg_temp.claim('all', most => 2), '^[0-9]+ [0-9]+$', 'two fail');
SELECT ok(tavus.deliver_settle('all', token, 0, ARRAY[pg_temp.old(3), pg_temp.old(4)], '{NULL,0}', '{f,f}', '{500,500}',
                               '{no,no}', NULL, NULL, NULL, NULL, NULL), 'one is dead, one waits')
  FROM leased WHERE who = 'all';
SELECT is(tavus.drop_months('60 days')::json -> 'dropped' ->> 0, to_char(now() AT TIME ZONE 'UTC'
          - interval '4 months', '"events_p"YYYYMM'), 'the month goes');
SELECT is((tavus.trim('deliveries', '60 days', 1)::json ->> 'trimmed')::int, 1, 'with what was dead or waits');
SELECT is(tavus.trim('deliveries', '60 days', 9)::json ->> 'trimmed', '1', 'in bites');
SELECT pg_temp.over();
SELECT is(pg_temp.claim('all'), '300', 'nobody is held up');
SELECT is((SELECT format('%s %s', count(*), (SELECT missed FROM tavus.cursors)) FROM tavus.flights), '1 5',
          'what was not read yet, under way, or waited is missed, and counted');
SELECT ok(pg_temp.settle('all', 1), 'and it goes on');

-- likewise what is under way, when its places in the log go
SELECT is(pg_temp.store(301, 306), repeat('s', 6), 'six');
SELECT is(pg_temp.claim('all', most => 4), '301 302 303 304', 'four are under way');
SELECT tavus.trim('log', '60 days', 100000) \g /dev/null
SELECT is((SELECT missed FROM tavus.cursors), 5::bigint, 'which are not missed');
UPDATE tavus.log SET ids = ARRAY(SELECT pg_temp.old(u.o::int) FROM unnest(ids) WITH ORDINALITY AS u (id, o));
SELECT tavus.trim('log', '60 days', 100000) \g /dev/null
SELECT pg_temp.over();
SELECT is((SELECT missed FROM tavus.cursors), 11::bigint, 'all count as missed');
SELECT is(pg_temp.claim('all'), NULL, 'nobody has them');
SELECT is((SELECT missed FROM tavus.cursors), 11::bigint, 'and they count once');

-- nothing is looked at that need not be, though nobody has analysed anything
INSERT INTO tavus.deliveries (destination, event_id, dead, tries, due_at, reason)
SELECT 'all', gen_random_uuid(), i % 2 = 0, 1, now() + interval '1 hour', 'no' FROM generate_series(1, 4000) i;
SELECT pg_temp.store(1000, 1999) \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
BEGIN;
SELECT pg_temp.claim('all') \g /dev/null
SELECT pg_temp.settle('all', 9, '{1000}', '{0}') \g /dev/null
SELECT pg_temp.claim('all') \g /dev/null
SELECT is((SELECT array_agg(relname::text || ' ' || seq_scan ORDER BY 1) FROM pg_stat_xact_user_tables
            WHERE schemaname = 'tavus' AND seq_scan > 0 AND relname <> 'log_past'), NULL, 'by index alone');
SELECT is((SELECT array_agg(relname::text || ' ' || idx_tup_fetch) FROM pg_stat_xact_user_tables
            WHERE schemaname = 'tavus' AND idx_tup_fetch > 60), NULL, 'and a few rows of each table');
ROLLBACK;

-- what is told after an erasure began may repeat what it took
SELECT is(pg_temp.claim('words'), NULL, 'one more');
SELECT is(pg_temp.store(900, 900), 's', 'has something');
SELECT is(pg_temp.claim('words'), '900', 'to send');
INSERT INTO tavus.erasures (id, what, pos) VALUES (gen_random_uuid(), 'visitor', 0);
SELECT ok(pg_temp.settle('words', 0, '{900}', '{NULL}', said => '500 said so'), 'refused, after an erasure');
SELECT is((SELECT d.reason || coalesce(t.said, '') FROM tavus.deliveries d
             JOIN tavus.destinations t ON t.name = d.destination WHERE d.destination = 'words'), '500500',
          'with no word of the other side');
DELETE FROM tavus.erasures;

SELECT * FROM finish();
