-- Orders: what the checkout tells, what is looked for, pages, amounts, and what goes in time.
\ir setup.sql
SELECT plan(85);

-- ---- asking and answering

CREATE FUNCTION pg_temp.ask(i numeric, plan text DEFAULT 'starter', email text DEFAULT NULL, live boolean DEFAULT true)
RETURNS text LANGUAGE sql AS $$
    SELECT tavus.order_intent(pg_temp.id(i), live, plan, 'payment', '[{"price":"price_1","quantity":2}]', 1900,
        'EUR', email, 'c1', 's1', 'u1', 'mail', 'x', 'y', 'granted', 120)
$$;
CREATE FUNCTION pg_temp.answer(i numeric, session text, unknown boolean DEFAULT false, reason text DEFAULT NULL)
RETURNS boolean LANGUAGE sql AS $$
    SELECT tavus.order_answer(pg_temp.id(i), session,
        CASE WHEN session IS NOT NULL THEN '2030-01-01 00:00:00+00'::timestamptz END, unknown, reason)
$$;
CREATE FUNCTION pg_temp.state(i numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, stripe_session, reason, CASE WHEN due_at IS NOT NULL THEN 'due' END)
      FROM tavus.orders WHERE id = pg_temp.id(i)
$$;

SELECT is(pg_temp.ask(1), 'new', 'an order');
SELECT is(pg_temp.ask(1), 'known', 'the same again');
SELECT is(pg_temp.ask(1, 'pro'), 'other', 'another with its id');
SELECT is(pg_temp.ask(1, live => false), 'other', 'or in the other mode');
SELECT is((SELECT count(*) FROM tavus.orders), 1::bigint, 'is none');
SELECT is(pg_temp.state(1), 'new due', 'it is to be looked for, if nothing is heard');
SELECT is(tavus.orders_unsettled(10, true), '[]', 'but not yet');
SELECT is(pg_temp.answer(1, 'cs_1'), true, 'Stripe answers');
SELECT is(pg_temp.state(1), 'open cs_1', 'its page is open');
SELECT is(pg_temp.answer(1, 'cs_2'), true, 'another answer');
SELECT is(pg_temp.state(1), 'open cs_1', 'is not the first one');
SELECT is(pg_temp.answer(1, NULL, true, 'timeout') AND pg_temp.answer(1, NULL, false, 'card'), true, 'nor a failure');
SELECT is(pg_temp.state(1), 'open cs_1', 'after it');
SELECT is(pg_temp.answer(99, 'cs_9'), false, 'no such order');
SELECT is((SELECT to_jsonb(x) FROM (SELECT plan, mode, lines, amount, currency, conversation_id, session_id,
              user_id, utm_source, utm_medium, utm_campaign, consent, livemode, expires_at FROM tavus.orders) x),
    '{"plan":"starter","mode":"payment","lines":[{"price":"price_1","quantity":2}],"amount":1900,"currency":"eur",
      "conversation_id":"c1","session_id":"s1","user_id":"u1","utm_source":"mail","utm_medium":"x",
      "utm_campaign":"y","consent":"granted","livemode":true,"expires_at":"2030-01-01T00:00:00+00:00"}'::jsonb
    || jsonb_build_object('expires_at', '2030-01-01 00:00:00+00'::timestamptz), 'all that was asked for is kept');

-- any order of what is told of one
CREATE FUNCTION pg_temp.outcome(perm int[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    k int;
BEGIN
    PERFORM pg_temp.ask(50);
    FOREACH k IN ARRAY perm LOOP
        PERFORM CASE k WHEN 1 THEN pg_temp.answer(50, NULL, true, 'timeout')
                       WHEN 2 THEN pg_temp.answer(50, NULL, false, 'card_error')
                       ELSE pg_temp.answer(50, 'cs_50') END;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'P0009', MESSAGE = pg_temp.state(50);
EXCEPTION WHEN SQLSTATE 'P0009' THEN
    RETURN sqlerrm;
END
$$;
SELECT is(pg_temp.outcome(p::int[]), o, 'told ' || p) FROM (VALUES
    ('{1}', 'unknown timeout due'), ('{1,1}', 'unknown timeout due'), ('{2}', 'failed card_error'),
    ('{1,2}', 'failed card_error'), ('{2,1}', 'failed card_error'), ('{1,3}', 'open cs_50'),
    ('{3,1}', 'open cs_50'), ('{2,3}', 'open cs_50'), ('{3,2}', 'open cs_50'), ('{1,2,3}', 'open cs_50'),
    ('{3,2,1}', 'open cs_50')) v (p, o);

-- ---- looking for what is not known

CREATE FUNCTION pg_temp.leased() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e ->> 'id' = pg_temp.id(2)::text, e ->> 'tries', e ->> 'last',
                                (e ->> 'asked')::bigint = floor(extract(epoch FROM now()))), ',')
      FROM json_array_elements(tavus.orders_unsettled(10, true)::json) e
$$;
SELECT is(pg_temp.ask(2, 'pro'), 'new', 'an order');
SELECT is(pg_temp.answer(2, NULL, true, 'timeout'), true, 'of which nobody knows');
UPDATE tavus.orders SET due_at = now() - interval '1 s' WHERE id = pg_temp.id(2);
SELECT is(pg_temp.leased(), 't 1 false t', 'is looked for');
SELECT is(pg_temp.leased(), NULL, 'by one');
SELECT is((SELECT due_at FROM tavus.orders WHERE id = pg_temp.id(2)), now() + interval '1 min', 'then again');
UPDATE tavus.orders SET due_at = now() - interval '1 s', tries = 31 WHERE id = pg_temp.id(2);
SELECT is(pg_temp.leased(), 't 32 true t', 'for the last time');
SELECT is(pg_temp.state(2), 'unknown timeout', 'and no more');

-- ---- the page after the payment

CREATE FUNCTION pg_temp.event(i int, type text, object jsonb, live boolean DEFAULT true) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 's', 'stripe', 't', type, 'b', jsonb_build_object(
        'id', 'evt_' || i, 'object', 'event', 'type', type, 'livemode', live,
        'created', extract(epoch FROM tavus.uuid_time(pg_temp.id(i)))::bigint,
        'data', jsonb_build_object('object', object))::text)
$$;
CREATE FUNCTION pg_temp.session(i numeric, id text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', id, 'object', 'checkout.session', 'created',
        extract(epoch FROM tavus.uuid_time(pg_temp.id(i)))::bigint, 'status', 'complete', 'payment_status', 'paid',
        'amount_total', 1900, 'currency', 'eur', 'mode', 'payment',
        'metadata', jsonb_build_object('order_id', pg_temp.id(i))) || more
$$;
CREATE FUNCTION pg_temp.merge(VARIADIC events jsonb[]) RETURNS void LANGUAGE sql AS $$
    SELECT tavus.orders_merge(jsonb_agg(f.fact), true)
      FROM unnest(events) AS u (e), tavus.stripe_fact(convert_to(u.e ->> 'b', 'UTF8')) f
$$;
SELECT is(tavus.order_by_session('cs_1')::jsonb, '{"status":"open","plan":"starter"}', 'open');
SELECT is(tavus.order_by_session('cs_x')::jsonb, '{"status":"open"}', 'what is not known');
SELECT is(tavus.order_by_session(NULL)::jsonb, '{"status":"open"}', 'nothing');
SELECT pg_temp.merge(pg_temp.event(10, 'checkout.session.completed', pg_temp.session(1, 'cs_1',
    '{"payment_status":"unpaid"}'))) \g /dev/null
SELECT is(tavus.order_by_session('cs_1')::jsonb, '{"status":"unpaid","plan":"starter"}', 'not paid yet');
SELECT pg_temp.merge(pg_temp.event(11, 'checkout.session.async_payment_succeeded', pg_temp.session(1, 'cs_1')))
\g /dev/null
SELECT is(tavus.order_by_session('cs_1')::jsonb, '{"status":"paid","plan":"starter"}', 'paid');

-- a webhook that comes before the answer, and by the reference alone
SELECT is(pg_temp.ask(3, 'pro', 'Ada@example.org'), 'new', 'an order');
SELECT pg_temp.merge(pg_temp.event(12, 'checkout.session.completed', pg_temp.session(3, 'cs_3', jsonb_build_object(
    'metadata', NULL, 'client_reference_id', pg_temp.id(3))))) \g /dev/null
SELECT is(pg_temp.state(3), 'paid cs_3', 'paid before Stripe has answered');
SELECT is(pg_temp.answer(3, 'cs_3'), true, 'who answers now');
SELECT is(pg_temp.state(3), 'paid cs_3', 'which says no less');
SELECT is(tavus.order_by_session('cs_3')::jsonb, '{"status":"paid","plan":"pro"}', 'and is found');

-- a session that is not the one that was answered
SELECT pg_temp.merge(pg_temp.event(13, 'checkout.session.expired', pg_temp.session(3, 'cs_0', '{"status":"expired"}')))
\g /dev/null
SELECT is(pg_temp.state(3), 'paid cs_3', 'another session of the order is not its own');
SELECT is((SELECT count(*) FROM tavus.orders WHERE stripe_session = 'cs_0' AND NOT ours), 1::bigint, 'but kept');

-- the other mode
SELECT is(pg_temp.ask(4, live => false), 'new', 'an order in test mode, of before');
SELECT pg_temp.merge(pg_temp.event(14, 'checkout.session.completed', pg_temp.session(4, 'cs_4'), false)) \g /dev/null
SELECT is((SELECT row(state, ours)::text FROM tavus.orders WHERE id = pg_temp.id(4)), '(paid,f)',
          'is none of ours in live mode');
SELECT is(tavus.order_by_session('cs_4')::jsonb, '{"status":"open"}', 'nor told of');

-- ---- amounts

SELECT is((SELECT string_agg(tavus.money(a, c) ->> 'value', ' ' ORDER BY o)
             FROM unnest('{1999,1999,1999,-5,0,500,500,999999999999}'::bigint[],
                         '{eur,jpy,kwd,usd,XOF,isk,ugx,usd}'::text[]) WITH ORDINALITY u (a, c, o)),
          '19.99 1999 1.999 -0.05 0 5.00 5.00 9999999999.99', 'by the currency''s decimals');
SELECT is(tavus.money(NULL, 'eur'), NULL, 'no amount');
SELECT is(tavus.moneys('{"usd":100,"jpy":100}'), '[{"amount":100,"currency":"jpy","value":"100"},
    {"amount":100,"currency":"usd","value":"1.00"}]', 'currencies are not added');
SELECT pg_temp.merge(
    pg_temp.event(20, 'refund.created', '{"id":"re_1","object":"refund","amount":100,"currency":"usd","charge":"ch_1"}'),
    pg_temp.event(21, 'refund.created', '{"id":"re_2","object":"refund","amount":100,"currency":"jpy","charge":"ch_2"}'),
    pg_temp.event(22, 'charge.updated', '{"id":"ch_1","object":"charge","currency":"usd","payment_intent":"pi_5"}'),
    pg_temp.event(23, 'charge.updated', '{"id":"ch_2","object":"charge","currency":"jpy","payment_intent":"pi_5"}'))
\g /dev/null
SELECT is(tavus.stripe_refunded('ch_1'), '{"usd":100,"jpy":100}', 'nor where they are of one payment');

-- ---- pages

CREATE FUNCTION pg_temp.page(page text) RETURNS text LANGUAGE sql AS $$
    SELECT concat((SELECT string_agg(coalesce(e ->> 'stripe_session', e ->> 'subscription', e ->> 'state'), ',' ORDER BY o)
                     FROM json_array_elements(coalesce(page::json -> 'orders', page::json -> 'subscriptions'))
                          WITH ORDINALITY AS l (e, o)),
                  CASE WHEN page::json ->> 'next_cursor' IS NOT NULL THEN ' …' END)
$$;
SELECT is(pg_temp.page(tavus.admin_orders()), 'cs_3,unknown,cs_1', 'ours, the newest first');
SELECT is(pg_temp.page(tavus.admin_orders(ours_ => false)), 'cs_4,cs_0', 'those that are not');
SELECT is(pg_temp.page(tavus.admin_orders(limit_ => 2)), 'cs_3,unknown …', 'a page');
SELECT is(pg_temp.page(tavus.admin_orders(limit_ => 2, cursor_ => pg_temp.id(2))), 'cs_1', 'and the last one');
SELECT is(pg_temp.page(tavus.admin_orders('paid')), 'cs_3,cs_1', 'by state');
SELECT is(pg_temp.page(tavus.admin_orders(email_ => 'ADA@example.org')), 'cs_3', 'by address');
SELECT is(pg_temp.page(tavus.admin_orders('open', 'ADA@example.org')), '', 'by both');
SAVEPOINT given;
UPDATE tavus.orders SET email = 'Bob@example.org' WHERE id IN (pg_temp.id(1), pg_temp.id(3));
UPDATE tavus.orders SET told_email = 'bob@Example.org' WHERE id = pg_temp.id(2);
SELECT is(pg_temp.page(tavus.admin_orders(email_ => 'bob@example.org')), 'cs_3,unknown,cs_1',
          'by the address that was given here, or Stripe''s');
SELECT is(pg_temp.page(tavus.admin_orders(email_ => 'bob@example.org', limit_ => 2)), 'cs_3,unknown …', 'a page of it');
SELECT is(pg_temp.page(tavus.admin_orders(email_ => 'bob@example.org', limit_ => 2, cursor_ => pg_temp.id(2))), 'cs_1',
          'and the next');
UPDATE tavus.orders SET conversation_id = 'c9' WHERE id IN (pg_temp.id(1), pg_temp.id(2));
SELECT is(pg_temp.page(tavus.admin_orders(conversation_id_ => 'c9')), 'unknown,cs_1', 'of a conversation');
SELECT is(pg_temp.page(tavus.admin_orders('paid', 'BOB@example.org', conversation_id_ => 'c9')), 'cs_1',
          'and by all that is known');
SELECT is(pg_temp.page(tavus.admin_orders(email_ => 'x', conversation_id_ => 'c9')), '', 'which has to be so');
ROLLBACK TO given;
SELECT is(pg_temp.page(tavus.admin_orders(from_ => tavus.uuid_time(pg_temp.id(2)),
                                          to_ => tavus.uuid_time(pg_temp.id(3)))), 'unknown', 'by time');
SELECT pg_temp.merge(pg_temp.event(30, 'customer.subscription.updated', jsonb_build_object('id', 'sub_1', 'object',
    'subscription', 'created', 1700000000, 'status', 'active')), pg_temp.event(31, 'customer.subscription.deleted',
    jsonb_build_object('id', 'sub_2', 'object', 'subscription', 'created', 1700000001, 'status', 'canceled')))
\g /dev/null
SELECT is(pg_temp.page(tavus.admin_subscriptions()) || '|' || pg_temp.page(tavus.admin_subscriptions(ours_ => false))
    || '|' || pg_temp.page(tavus.admin_subscriptions('active', false)), '|sub_2,sub_1|sub_1', 'subscriptions');
SAVEPOINT began;
UPDATE tavus.orders SET subscription = 'sub_2', told_email = 'eve@example.org', email = 'Bob@example.org'
 WHERE id = pg_temp.id(1);
SELECT is(pg_temp.page(tavus.admin_subscriptions(ours_ => false, email_ => m)), 'sub_2', 'of the address ' || m)
  FROM unnest('{EVE@example.org,bob@example.org}'::text[]) m;
SELECT is(pg_temp.page(tavus.admin_subscriptions('active', false, email_ => 'eve@example.org')), '', 'and by status');
ROLLBACK TO began;

CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END
$$;
SAVEPOINT plans;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT doesnt_match(pg_temp.plan(format('SELECT * FROM tavus.%s ORDER BY r.id DESC LIMIT 5', q)), 'Sort|Seq|Filter', q)
  FROM unnest(ARRAY[
    'orders r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND r.ours = true',
    'orders r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND r.ours = true AND r.state = ''paid''',
    'orders r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND lower(coalesce(r.told_email, r.email)) = ''x''',
    'orders r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND lower(r.email) = ''x'' AND lower(r.email) <> lower(r.told_email)',
    'subscriptions r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND r.ours = true',
    'subscriptions r WHERE r.id < ''ffffffff-0000-7000-8000-000000000000'' AND r.ours = true AND r.status = ''x''']) q;
SELECT doesnt_match(pg_temp.plan('SELECT id FROM tavus.orders WHERE due_at <= now() ORDER BY due_at LIMIT 5'),
                    'Sort|Seq', 'what is due');
SELECT doesnt_match(pg_temp.plan('SELECT id FROM tavus.stripe_objects WHERE said_at < 5
    AND (said_at, md5(id)) > (1, ''x'') ORDER BY said_at, md5(id) LIMIT 5'), 'Sort|Seq', 'what is old');
ROLLBACK TO plans;

-- ---- in time

CREATE FUNCTION pg_temp.old(n int) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(tavus.uuid_floor(now() - interval '100 days' + n * interval '1 s')::text PLACING '7' FROM 15 FOR 1)::uuid
$$;
CREATE FUNCTION pg_temp.aged(n int, id text, object jsonb, age interval DEFAULT '100 days') RETURNS void LANGUAGE sql AS $$
    SELECT tavus.orders_merge(jsonb_build_array(f.fact), true) FROM tavus.stripe_fact(convert_to(jsonb_build_object(
        'id', 'evt_o' || n, 'object', 'event', 'type', 'x.updated', 'livemode', true,
        'created', extract(epoch FROM now() - age)::bigint, 'data', jsonb_build_object('object', object ||
        jsonb_build_object('id', id, 'created', extract(epoch FROM now() - interval '100 days')::bigint)))::text,
        'UTF8')) f
$$;
CREATE FUNCTION pg_temp.trimmed(what text, bite int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    did   jsonb;
    after text;
    sum   int := 0;
BEGIN
    LOOP
        did := tavus.trim(what, '60 days', bite, after)::jsonb;
        sum := sum + (did ->> 'trimmed')::int;
        after := did ->> 'after';
        IF after IS NULL THEN
            RETURN sum;
        END IF;
    END LOOP;
END
$$;
INSERT INTO tavus.orders (id, ours, livemode, asked_at, plan)
SELECT pg_temp.old(n), true, true, now() - interval '100 days', 'old' || n FROM generate_series(1, 4) n;
SELECT pg_temp.aged(1, 'cs_o1', jsonb_build_object('object', 'checkout.session', 'payment_intent', 'pi_o1',
    'metadata', jsonb_build_object('order_id', pg_temp.old(1)))),
       pg_temp.aged(2, 'pi_o1', '{"object":"payment_intent"}'),
       pg_temp.aged(3, 'cs_o2', jsonb_build_object('object', 'checkout.session', 'subscription', 'sub_o2',
    'metadata', jsonb_build_object('order_id', pg_temp.old(2)))),
       pg_temp.aged(4, 'sub_o2', '{"object":"subscription","status":"active"}'),
       pg_temp.aged(5, 'cs_o3', jsonb_build_object('object', 'checkout.session', 'payment_intent', 'pi_o3',
    'metadata', jsonb_build_object('order_id', pg_temp.old(3)))),
       pg_temp.aged(6, 're_o3', '{"object":"refund","payment_intent":"pi_o3"}', '10 days'),
       pg_temp.aged(7, 'sub_o4', '{"object":"subscription","status":"canceled"}'),
       pg_temp.aged(8, 'cs_o5', '{"object":"checkout.session"}'), pg_temp.aged(9, 'ch_o6', '{"object":"charge"}')
\g /dev/null
SELECT is(pg_temp.trimmed('orders', 2), '1', 'an order of which nothing was heard');
SELECT is(pg_temp.trimmed('purchases', 2), '0', 'while nobody makes orders nothing else goes');
SELECT tavus.cursor_make('orders') \g /dev/null
SELECT is(pg_temp.trimmed('purchases', 2), '6', 'what is over, with all that hangs on it');
SELECT is((SELECT string_agg(plan, ',' ORDER BY plan) FROM tavus.orders WHERE plan ~ '^old'), 'old2,old3',
          'not what lives, or was heard of');
SELECT is((SELECT string_agg(id, ',' ORDER BY id) FROM tavus.stripe_objects WHERE id ~ '_o[0-9]'),
          'cs_o2,cs_o3,pi_o3,re_o3,sub_o2', 'nor its objects');
SELECT is((SELECT count(*) FROM tavus.orders WHERE told_session = 'cs_o5')
          + (SELECT count(*) FROM tavus.subscriptions WHERE subscription = 'sub_o4'), 0::bigint,
          'nor ours alone');
SELECT is(pg_temp.trimmed('purchases', 3), '0', 'then nothing');
SELECT * FROM finish();
ROLLBACK;
