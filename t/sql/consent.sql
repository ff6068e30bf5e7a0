-- What a visitor said of being counted is kept in any order, and known of every event.
\ir setup.sql
SELECT plan(73);

CREATE FUNCTION pg_temp.word(i int, word text, session text, usr text DEFAULT NULL)
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 't', 'consent', 's', 'browser', 'k', 2, 'b',
        jsonb_strip_nulls(jsonb_build_object('session_id', session, 'user_id', usr,
                                             'consent', word))::text)
$$;
CREATE FUNCTION pg_temp.kept() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', subject, granted, decided_id = pg_temp.id(1),
                                decided_id = pg_temp.id(3)), ', ' ORDER BY subject)
      FROM tavus.consents
$$;

-- ---- any order, one by one or all at once

CREATE TEMP TABLE steps (n serial, e jsonb);
INSERT INTO steps (e) VALUES
    (pg_temp.word(1, 'granted', 's1', 'u1')), (pg_temp.word(2, 'denied', 's1')),
    (pg_temp.word(3, 'granted', 's1')), (pg_temp.word(4, 'denied', 's2', 'u2')),
    ('{"i":5,"t":"page_view","s":"browser","b":"{\"session_id\":\"s1\",\"consent\":\"denied\"}"}');

CREATE FUNCTION pg_temp.outcome(perm int[], whole boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    k int;
BEGIN
    IF whole THEN
        PERFORM pg_temp.rec((SELECT jsonb_agg(s.e ORDER BY p.o)
            FROM unnest(perm) WITH ORDINALITY p (n, o) JOIN steps s USING (n)));
    ELSE
        FOREACH k IN ARRAY perm LOOP
            PERFORM pg_temp.rec((SELECT jsonb_build_array(e) FROM steps WHERE n = k));
        END LOOP;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'P0009', MESSAGE = pg_temp.kept();
EXCEPTION WHEN SQLSTATE 'P0009' THEN
    RETURN sqlerrm;
END
$$;
CREATE TEMP TABLE perms AS
WITH RECURSIVE p (perm) AS (
    SELECT '{}'::int[] UNION ALL SELECT perm || n FROM p, steps WHERE n <> ALL (perm))
SELECT perm FROM p WHERE cardinality(perm) = 5;

SELECT is((SELECT string_agg(DISTINCT pg_temp.outcome(perm, whole), ' or ')
             FROM perms, unnest('{t,f}'::boolean[]) whole),
          'session s1 t f t, session s2 f f f, user u1 t t f, user u2 f f f',
          'in 120 orders, whole and one by one: the last word of each');
SELECT is(pg_temp.outcome('{3,1,3,2,1}', false), pg_temp.outcome('{1,2,3}', false),
          'repetitions change nothing');

-- ---- who decides, and who does not

SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(1, 'granted', 's1') || '{"s":"tavus"}',
                                        pg_temp.word(2, 'granted', 's1') || '{"s":"server"}',
                                        pg_temp.word(3, 'granted', 's1') || '{"t":"consents"}')),
          'sss', 'others, and other events');
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.word(11, 'maybe', 's1'), pg_temp.word(12, NULL, 's1'), pg_temp.word(13, 'granted', NULL),
    pg_temp.word(14, 'granted', ''), pg_temp.word(15, 'granted', repeat('x', 201)),
    pg_temp.word(16, 'granted', 's1') || '{"b":"[1]"}', pg_temp.word(17, 'granted', 's1') || '{"b":""}',
    pg_temp.word(18, 'granted', 's1') || '{"x":"ff00"}',
    pg_temp.word(19, 'granted', 's1') || '{"b":"{\"consent\":[\"granted\"],\"session_id\":{}}"}')),
          'sssssssss', 'odd ones are stored');
SELECT is(pg_temp.kept(), NULL, 'and decide nothing');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(20, 'granted', 's1', 's1'))), 's', 'a decision');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(20, 'denied', 's1', 's1'))), 'q',
          'another of the same id');
SELECT is(pg_temp.kept(), 'session s1 t f f, user s1 t f f', 'does not count');
DELETE FROM tavus.consents;

-- ---- no slower without one

SELECT matches(pg_get_functiondef('tavus.record'::regproc), 'late IS NOT NULL OR roles OR fates OR words',
               'a batch without a decision returns as before');

-- ---- whom an event is about

CREATE FUNCTION pg_temp.of(source text, said text, conversation text DEFAULT NULL,
                           type text DEFAULT 'x') RETURNS jsonb LANGUAGE sql AS $$
    SELECT tavus.visitor_of(source, type, conversation, convert_to(said, 'UTF8'))
$$;
CREATE FUNCTION pg_temp.is_(got jsonb, want text, what text) RETURNS text LANGUAGE sql AS $$
    SELECT is(got, want::jsonb, what)
$$;

SELECT pg_temp.is_(pg_temp.of('browser', '{"session_id":"s1","user_id":"u1","consent":"granted",
        "vertical":"legal","utm_source":"ad","utm_medium":"m","utm_campaign":"c","path":"/"}'),
    '{"session_id":"s1","user_id":"u1","consent":"granted","vertical":"legal","utm_source":"ad",
      "utm_medium":"m","utm_campaign":"c"}', 'a browser says itself');
SELECT pg_temp.is_(pg_temp.of('browser', '{"session_id":"s1"}'), '{"session_id":"s1"}',
    'nothing was said');
SELECT pg_temp.is_(pg_temp.of('browser', '{"email":"a@example.com"}', NULL, 'contact.submitted'),
    '{"anonymous":true}', 'a form without ids is a visitor''s');
SELECT pg_temp.is_(pg_temp.of('browser', b), '{"anonymous":true}', 'odd: ' || left(b, 30))
  FROM unnest(ARRAY['', '[]', '7', '"x"', 'null', '{"session_id":1,"user_id":null}', '{"session_id":""}',
                    '{"consent":"maybe"}', '{"consent":true,"vertical":{}}', '{', '[[[[',
                    '{"session_id":"' || repeat('x', 201) || '"}',
                    '{"session_id":"s1","x":"' || repeat('x', 65536) || '"}']) b;
SELECT pg_temp.is_(tavus.visitor_of('browser', 'x', NULL, '\xff00'), '{"anonymous":true}', 'no text');
SELECT pg_temp.is_(tavus.visitor_of(NULL, NULL, NULL, NULL), '{}', 'nothing');
SELECT pg_temp.is_(tavus.visitor_of('tavus', NULL, 'none', NULL), '{"anonymous":true}',
                   'a conversation that is not known is somebody''s');
SELECT pg_temp.is_(pg_temp.of(s, '{"session_id":"s1","user_id":"u1"}', c), '{}', 'no visitor: ' || s)
  FROM (VALUES ('tavus', NULL), ('server', NULL), ('stripe', NULL), ('standard', 'c1')) v (s, c);

-- ---- a payment and its order

INSERT INTO tavus.orders (id, ours, livemode, asked_at, session_id, user_id, utm_source, utm_medium,
                          utm_campaign, consent, answered_session)
VALUES ('01a225b6-3224-778e-b5bb-915347d4e101', true, false, now(), 's1', 'u1', 'ad', 'm', 'c', 'granted', 'cs_1'),
       ('01a225b6-3224-778e-b5bb-915347d4e102', true, false, now(), 's2', NULL, NULL, NULL, NULL, 'denied', NULL),
       ('01a225b6-3224-778e-b5bb-915347d4e103', false, false, NULL, 's3', NULL, NULL, NULL, NULL, 'granted', NULL),
       ('01a225b6-3224-778e-b5bb-915347d4e104', true, false, now(), 's4', NULL, NULL, NULL, NULL, NULL, 'cs_4');

CREATE FUNCTION pg_temp.paid(n text, session text, live text DEFAULT 'false',
                             type text DEFAULT 'checkout.session.completed', source text DEFAULT 'stripe')
RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.of(source, format('{"livemode":%s,"data":{"object":{"object":"checkout.session",
        "id":"%s","metadata":{"order_id":"01a225b6-3224-778e-b5bb-915347d4e1%s"}}}}', live, session, n), NULL, type)
$$;

SELECT pg_temp.is_(pg_temp.paid('01', 'cs_1', type => t),
    '{"order":"01a225b6-3224-778e-b5bb-915347d4e101","session_id":"s1","user_id":"u1","consent":"granted",
      "utm_source":"ad","utm_medium":"m","utm_campaign":"c"}', t || ' is who ordered')
  FROM unnest(ARRAY['checkout.session.completed', 'checkout.session.async_payment_succeeded']) t;
SELECT pg_temp.is_(pg_temp.paid('02', 'cs_2'),
    '{"order":"01a225b6-3224-778e-b5bb-915347d4e102","session_id":"s2","consent":"denied"}',
    'before Stripe''s answer is known; and a no is a no');
SELECT pg_temp.is_(pg_temp.paid('04', 'cs_4'),
    '{"order":"01a225b6-3224-778e-b5bb-915347d4e104","session_id":"s4"}', 'nothing was said');
SELECT pg_temp.is_(got, '{}', 'nobody''s: ' || what)
  FROM (VALUES (pg_temp.paid('01', 'cs_2'), 'another session'),
               (pg_temp.paid('01', 'cs_1', 'true'), 'of the other mode'),
               (pg_temp.paid('01', 'cs_1', 'null'), 'of no mode'),
               (pg_temp.paid('03', 'cs_3'), 'was not asked for here'),
               (pg_temp.paid('09', 'cs_1'), 'no such order'),
               (pg_temp.paid('xx', 'cs_1'), 'no order'),
               (pg_temp.paid('01', 'cs_1', type => 'checkout.session.expired'), 'no payment'),
               (pg_temp.paid('01', 'cs_1', source => 'standard'), 'not Stripe''s word')) v (got, what);
SELECT pg_temp.is_(tavus.visitor_of('stripe', 'checkout.session.completed', NULL, b), '{}', 'odd')
  FROM unnest(ARRAY[NULL, '', '\xff00', '[]', '{"data":7,"livemode":false}',
                    convert_to('{"x":"' || repeat('x', 65536) || '"}', 'UTF8')]::bytea[]) b;
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(90, 'denied', 's1', 'u1'))), 's', 'a no since');
SELECT is(pg_temp.paid('01', 'cs_1') ->> 'consent', 'denied', 'counts');
DELETE FROM tavus.consents;

-- ---- a conversation and its callbacks

SELECT is(pg_temp.rec('[{"i":101,"t":"conversation.requested","s":"server","k":2,"n":"0a",
    "b":"{\"nonce\":\"0a\",\"session_id\":\"s7\",\"user_id\":\"u7\",\"consent\":\"granted\",'
         '\"vertical\":\"legal\",\"utm_source\":\"ad\"}"},
    {"i":102,"t":"system.replica_joined","c":"c7","n":"0a"}]'), 'ss', 'asked for, and begun');
SELECT pg_temp.is_(pg_temp.of('tavus', 'x', 'c7'),
    '{"session_id":"s7","user_id":"u7","consent":"granted","vertical":"legal","utm_source":"ad"}',
    'before it is announced: who asked for it');
SELECT is(pg_temp.rec('[{"i":103,"t":"conversation.created","s":"server","c":"c7","k":2,"n":"0a",
    "b":"{\"session_id\":\"s7\",\"user_id\":\"u7\",\"consent\":\"granted\",\"vertical\":\"legal\"}"}]'),
    's', 'announced');
SELECT pg_temp.is_(pg_temp.of(s, b, 'c7'),
    '{"session_id":"s7","user_id":"u7","consent":"granted","vertical":"legal"}', 'then: of ' || s)
  FROM (VALUES ('tavus', '{"session_id":"foreign","consent":"denied"}'), ('server', '')) v (s, b);
SELECT is((SELECT row(consent, user_id)::text FROM tavus.conversations WHERE id = 'c7'), '(granted,u7)',
          'the conversation has them');
SELECT is((SELECT row(consent, user_id)::text FROM tavus.intents WHERE nonce = '\x0a'), '(granted,u7)',
          'and the wish');
SELECT is(tavus.admin_conversation('c7')::jsonb ->> 'consent', 'granted', 'as the API shows');

INSERT INTO tavus.intents (nonce, session_id, consent, vertical)
VALUES (decode(repeat('ab', 16), 'hex'), 's8', 'denied', 'general');
SELECT pg_temp.is_(pg_temp.of('server', '{"nonce":"' || repeat('ab', 16) || '","reason":"timeout"}'),
    '{"session_id":"s8","consent":"denied","vertical":"general"}', 'a create that failed');
SELECT pg_temp.is_(pg_temp.of('server', '{"nonce":"' || repeat('cd', 16)
                              || '","session_id":"s9","consent":"granted"}'),
    '{"session_id":"s9","consent":"granted"}', 'one that is only asked for');
SELECT pg_temp.is_(pg_temp.of('browser', '{"session_id":"s7"}', 'c7'),
    '{"session_id":"s7","user_id":"u7","consent":"granted","vertical":"legal"}', 'what a page relays');

-- ---- the last word

SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(30, 'denied', 'other', 'u7'))), 's', 'withdrawn');
SELECT is(pg_temp.of('tavus', '', 'c7') ->> 'consent', 'denied', 'for callbacks');
SELECT is(pg_temp.of('browser', '{"user_id":"u7","consent":"granted"}') ->> 'consent', 'denied',
          'for what said yes when it was sent');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(31, 'granted', 's7'))), 's', 'granted again');
SELECT is(pg_temp.of('tavus', '', 'c7') ->> 'consent', 'granted', 'the last word of either id');
SELECT is(pg_temp.of('browser', '{"session_id":"s7"}') ->> 'consent', NULL,
          'not for what a browser told before');
DELETE FROM tavus.consents;
UPDATE tavus.conversations SET consent = NULL WHERE id = 'c7';
SELECT is(pg_temp.of('tavus', '', 'c7') ->> 'consent', NULL, 'nothing was said of a conversation');
SELECT is(pg_temp.rec(jsonb_build_array(pg_temp.word(32, 'granted', 's7'))), 's', 'while it goes on: yes');
SELECT is(pg_temp.of('tavus', '', 'c7') ->> 'consent', 'granted', 'for what comes of it');
SELECT is(pg_temp.of('browser', '{"session_id":"s7","consent":"denied"}') ->> 'consent', 'denied',
          'a no stays one');
SELECT * FROM finish();
ROLLBACK;
