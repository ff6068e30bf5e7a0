-- Stripe's list of events: who reads which page of it, and from where on; and orders that are looked for.
\ir setup.sql
SELECT plan(50);

-- one of the answers, with the token kept for the next
CREATE FUNCTION pg_temp.ask(told text DEFAULT NULL, after text DEFAULT NULL, seconds int DEFAULT 0,
                            token bigint DEFAULT NULL, live boolean DEFAULT false)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb := tavus.stripe_repair(live, coalesce(token, current_setting('tavus_test.token', true)::bigint, 0),
                                        told, after, seconds)::jsonb;
BEGIN
    IF answer ? 'token' THEN
        PERFORM set_config('tavus_test.token', answer ->> 'token', true);
    END IF;
    RETURN concat_ws(' ', CASE WHEN answer ? 'token' THEN 'page' ELSE 'nothing' END,
                     CASE WHEN answer ->> 'whole' = 'true' THEN 'whole' END,
                     round((extract(epoch FROM now()) - (answer ->> 'since')::bigint) / 3600) || 'h',
                     answer ->> 'after', 'done ' || (answer ->> 'age'),
                     'failed ' || nullif(answer ->> 'failures', '0'));
END
$$;
-- time that goes by
CREATE FUNCTION pg_temp.later(i interval) RETURNS void LANGUAGE sql AS $$
    UPDATE tavus.stripe_repairs SET due_at = due_at - i, began = began - i, since = since - i, done_at = done_at - i
$$;

SELECT is(pg_temp.ask(), 'page 720h', 'at first, all that Stripe keeps');
SELECT is(pg_temp.ask(token => 0), 'nothing', 'by one');
SELECT is(pg_temp.ask(token => 0, live => true), 'page 720h', 'of a mode');
DELETE FROM tavus.stripe_repairs WHERE livemode;
SELECT set_config('tavus_test.token', (SELECT token::text FROM tavus.stripe_repairs), true) \g /dev/null
SELECT is(pg_temp.ask('page', 'evt_1', token => 5), 'nothing', 'what another says is not heard');
SELECT is(pg_temp.ask('page', 'evt_1'), 'page 720h evt_1', 'page by page');
SELECT is(pg_temp.ask('page', 'evt_2'), 'page 720h evt_2', 'from the newest on');
SELECT is(pg_temp.ask('failed', NULL, 60), 'nothing failed 1', 'not now');
SELECT pg_temp.later('61 s') \g /dev/null
SELECT is(pg_temp.ask('page', 'evt_9'), 'page 720h evt_2 failed 1', 'again; what is told twice counts once');
SELECT pg_temp.later('3 min') \g /dev/null
SELECT is(pg_temp.ask(token => 0), 'page 720h evt_2 failed 1', 'who was killed is not waited for');
SELECT is(pg_temp.ask('lost', NULL, 60), 'nothing', 'that event is gone');
SELECT pg_temp.later('61 s') \g /dev/null
SELECT is(pg_temp.ask(), 'page 720h', 'then from the newest on');
SELECT is(pg_temp.ask('page', 'evt_3'), 'page 720h evt_3', 'on');
SELECT is(pg_temp.ask('end', NULL, 3600), 'nothing done 0', 'the end');
SELECT pg_temp.later('59 min') \g /dev/null
SELECT is(pg_temp.ask(), 'nothing done 3540', 'an hour');
SELECT pg_temp.later('2 min') \g /dev/null
SELECT is(pg_temp.ask(), 'page 2h done 3660', 'since the last run began, and an hour before');
SELECT is(pg_temp.ask('end', NULL, 3600), 'nothing done 0', 'nothing new');

-- away for long
SELECT pg_temp.later('70 days') \g /dev/null
SELECT is(pg_temp.ask(), 'page 720h done 6048000', 'no more than Stripe keeps');
SELECT is(pg_temp.ask('end', NULL, 3600), 'nothing done 0', 'caught up');

-- another server, or the same from a backup: what was delivered may be gone
UPDATE tavus.stripe_repairs SET server = 'x';
SELECT is(pg_temp.ask(), 'nothing done 0', 'when it is due');
SELECT pg_temp.later('1 h') \g /dev/null
SELECT is(pg_temp.ask(), 'page whole 2h done 3600', 'all is listed');
SELECT is(pg_temp.ask('page', 'evt_4'), 'page whole 2h evt_4 done 3600', 'on');
UPDATE tavus.stripe_repairs SET server = 'y';
SELECT is(pg_temp.ask('page', 'evt_5'), 'page whole 2h done 3600', 'once more, from the newest on');
SELECT is(pg_temp.ask('end', NULL, 3600), 'nothing done 0', 'the end');
SELECT pg_temp.later('1 h') \g /dev/null
SELECT is(pg_temp.ask(), 'page 2h done 3600', 'and then as always');

-- who wants to know
SELECT tavus.stripe_repair_again('7 days') \g /dev/null
SELECT is(pg_temp.ask('end', NULL, 3600), 'page whole 168h done 3600', 'all of a week; what was under way is not told of');
SELECT is(pg_temp.ask('end', NULL, 9999999), 'nothing done 0', 'the end');
SELECT is((SELECT due_at - now() FROM tavus.stripe_repairs), interval '1 day', 'no pause is longer than a day');

-- ---- orders

CREATE FUNCTION pg_temp.order(i numeric, live boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
    SELECT tavus.order_intent(pg_temp.id(i), live, 'starter', 'payment', '[]', 1900, 'EUR', NULL, NULL, NULL, NULL,
                              NULL, NULL, NULL, NULL, 120)
$$;
CREATE FUNCTION pg_temp.look(i numeric DEFAULT NULL, session text DEFAULT NULL, expires bigint DEFAULT NULL,
                             reason text DEFAULT NULL, live boolean DEFAULT false, pause int DEFAULT 0)
RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', coalesce(((extract(epoch FROM tavus.uuid_time((o #>> '{order,id}')::uuid))
                                     - extract(epoch FROM tavus.uuid_time(pg_temp.id(0))))::int)::text, 'none'),
                     o #>> '{order,tries}', 'of ' || (o ->> 'unknown'))
      FROM (SELECT tavus.orders_look(live, CASE WHEN i IS NOT NULL THEN pg_temp.id(i) END, session, expires,
                                     reason, pause)::jsonb) x (o)
$$;
CREATE FUNCTION pg_temp.state(i numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, stripe_session, reason, CASE WHEN due_at IS NOT NULL THEN 'due' END)
      FROM tavus.orders WHERE id = pg_temp.id(i)
$$;
SELECT is(pg_temp.look(), 'none of 0', 'no order');
SELECT is(pg_temp.order(1) || pg_temp.order(2) || pg_temp.order(3, true), 'newnewnew', 'three');
SELECT is(pg_temp.look(), 'none of 0', 'of which nothing is to be heard yet');
UPDATE tavus.orders SET due_at = now() - interval '1 min';
UPDATE tavus.orders SET due_at = now() - interval '2 min' WHERE id = pg_temp.id(2);
SELECT is(pg_temp.look(), '2 1 of 3', 'the one that is due for longest');
SELECT is(pg_temp.look(2, 'cs_2', 1900000000), '1 1 of 2', 'it is found; the next');
SELECT is(pg_temp.state(2), 'open cs_2', 'its page, and it is not looked for any more');
SELECT is((SELECT expires_at FROM tavus.orders WHERE id = pg_temp.id(2)), to_timestamp(1900000000), 'until then');
SELECT is(pg_temp.look(), 'none of 2', 'the other mode is another key''s');
SELECT is(pg_temp.state(1), 'new due', 'nothing is known of that one');
SELECT is(pg_temp.look(1, NULL, NULL, 'not_found'), 'none of 1', 'there is none');
SELECT is(pg_temp.state(1), 'failed not_found', 'which is known now');
SELECT is(pg_temp.look(live => true, pause => 60), 'none of 1', 'Stripe does not answer: nobody asks');
SELECT is(pg_temp.look(live => true), 'none of 1', 'for a while');
SELECT is((SELECT orders_at - now() FROM tavus.stripe_repairs WHERE livemode), interval '1 min', 'so long');
SELECT is((SELECT orders_at <= now() FROM tavus.stripe_repairs WHERE NOT livemode), true, 'with that key');
UPDATE tavus.stripe_repairs SET orders_at = now();
SELECT is(pg_temp.look(live => true), '3 1 of 1', 'by its key');
SELECT is(pg_temp.look(99, 'cs_9'), 'none of 1', 'one that is not there');

-- ---- in two shapes

CREATE FUNCTION pg_temp.sent(object text, version text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.rec(jsonb_build_array(jsonb_build_object('i', 60, 's', 'stripe', 't', 'checkout.session.completed',
        'd', repeat('ab', 16), 'v', '{"method":"repair"}', 'b', '{"id":"evt_9","object":"event","api_version":"'
        || version || '","type":"checkout.session.completed","created":1790000000,"livemode":false,"data":{"object":'
        || object || '}}')))
$$;
SELECT is(pg_temp.sent('{"id":"cs_7","object":"checkout.session","currency_conversion":null}', '2024-06-20'), 's',
          'a list''s copy');
SELECT is(pg_temp.sent('{"id":"cs_7","object":"checkout.session","presentment_details":null}', '2026-10-28.endive'),
          'd', 'and the webhook behind it');
SELECT is(pg_temp.sent('{"id":"cs_8","object":"checkout.session"}', '2026-10-28.endive'), 'q', 'of another session');
SELECT is((SELECT count(*) FROM tavus.quarantine), 1::bigint, 'is a conflict');
SELECT matches((SELECT string_agg(tavus.repaired(verification), '') FROM tavus.events WHERE source = 'stripe'),
               'repaired', 'what was repaired shows it');
SELECT is(tavus.unknown_orders(), 1::bigint, 'orders that are looked for are counted');
SELECT * FROM finish();
ROLLBACK;
