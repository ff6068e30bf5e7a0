-- Leads: made of contact forms by a reader of the log, and seen to.
\ir setup.sql
COMMIT;
SET client_min_messages = warning;
SELECT plan(35);

CREATE FUNCTION pg_temp.form(i numeric, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('i', i, 't', 'contact.submitted', 's', 'browser', 'k', 3, 'b',
        (jsonb_build_object('name', 'Ada ' || i, 'email', 'ada' || i || '@example.org', 'message',
                            'What does it cost?', 'session_id', 's' || i) || more)::text)
$$;
CREATE FUNCTION pg_temp.page(handled boolean DEFAULT NULL, email text DEFAULT NULL, n int DEFAULT NULL,
                             cur text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat((SELECT string_agg(e ->> 'name', ',' ORDER BY o)
                     FROM json_array_elements(p.j -> 'leads') WITH ORDINALITY AS l (e, o)),
                  CASE WHEN p.j ->> 'next_cursor' IS NOT NULL THEN ' …' END)
      FROM (SELECT tavus.admin_leads(handled, email, NULL, NULL, n, cur::uuid)::json) AS p (j)
$$;

SELECT is(tavus.leads_roll(100), '{"events":0,"merged":0,"unread":0}', 'nothing yet');
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.form(1), pg_temp.form(2, '{"company":"Engines","phone":"1","utm_source":"mail","consent":"denied",
                                       "conversation_id":"c1","user_id":"u2"}'),
    pg_temp.form(3), pg_temp.form(4, '{"email":"ADA1@example.org"}'),
    '{"i":5,"t":"page_view","s":"browser","k":2}'::jsonb,
    pg_temp.form(6) || '{"s":"standard"}', pg_temp.form(7) || '{"s":"tavus"}')), 'sssssss', 'forms, and others');
SELECT is(tavus.leads_roll(3)::json ->> 'events', '3', 'in two steps');
SELECT is(tavus.leads_roll(100)::json ->> 'events', '4', 'of which this is the second');
SELECT is(pg_temp.page(), 'Ada 4,Ada 3,Ada 2,Ada 1', 'the newest first, and no others');
SELECT is(pg_temp.page(n => 2), 'Ada 4,Ada 3 …', 'a page');
SELECT is(pg_temp.page(n => 2, cur => pg_temp.id(3)::text), 'Ada 2,Ada 1', 'and the last one');
SELECT is(pg_temp.page(email => 'ada1@Example.org'), 'Ada 4,Ada 1', 'by their address');
SELECT is((tavus.admin_leads(email_ => 'ada2@example.org')::jsonb #> '{leads,0}') - 'orders',
    jsonb_build_object('id', pg_temp.id(2), 'created_at', pg_temp.at(2), 'name', 'Ada 2',
        'email', 'ada2@example.org', 'message', 'What does it cost?', 'company', 'Engines', 'phone', '1',
        'utm_source', 'mail', 'consent', 'denied', 'conversation_id', 'c1', 'user_id', 'u2',
        'session_id', 's2', 'handled', false), 'all that was said');

-- what cannot be read is passed over
SELECT is(pg_temp.rec(jsonb_build_array(
    pg_temp.form(11) || '{"b":"{}"}', pg_temp.form(12) || '{"b":"["}', pg_temp.form(13) || '{"x":"ff00"}',
    pg_temp.form(14, '{"name":["x"]}'), pg_temp.form(15, '{"message":{}}'), pg_temp.form(16, '{"email":""}'),
    '{"i":17,"t":"lead.handled","s":"server","b":"{\"lead_id\":\"x\",\"handled\":true}"}'::jsonb,
    '{"i":18,"t":"lead.handled","s":"server","b":"[]"}'::jsonb, pg_temp.form(19, '{"utm_source":[1],"phone":7}'))),
    'sssssssss', 'odd ones');
SELECT is(tavus.leads_roll(100), '{"events" : 9, "merged" : 1, "unread" : 8, "more" : false}', 'are passed over, and counted');
SELECT is(pg_temp.page(n => 1), 'Ada 19 …', 'what fits is kept');

-- seen to
SELECT is(tavus.lead_handled(gen_random_uuid(), true, 'x'), NULL, 'no such lead');
SELECT is((SELECT concat_ws(' ', j ->> 'handled', j ->> 'handled_by')
             FROM (SELECT tavus.lead_handled(pg_temp.id(2), true, 'grace')::json) AS a (j)), 'true grace',
          'somebody has seen to it');
SELECT is(pg_temp.page(true) || '|' || pg_temp.page(false), 'Ada 2|Ada 19,Ada 4,Ada 3,Ada 1', 'two lists');
SELECT is((SELECT concat_ws(' ', e.source, e.kind, convert_from(e.body, 'UTF8')::jsonb - 'lead_id')
             FROM tavus.events e WHERE e.event_type = 'lead.handled' AND e.source = 'server'
              AND e.received_at = (SELECT max(received_at) FROM tavus.events)),
          'server 2 {"by": "grace", "handled": true}', 'it is an event');
SELECT is((SELECT handled_id = (SELECT ids[1] FROM tavus.log ORDER BY pos DESC LIMIT 1) FROM tavus.leads
            WHERE id = pg_temp.id(2)), true, 'in the log');
SELECT is(tavus.leads_roll(100), '{"events" : 1, "merged" : 1, "unread" : 0, "more" : false}', 'which is read');
SELECT is(pg_temp.page(true), 'Ada 2', 'and says nothing new');
SELECT is(tavus.lead_handled(pg_temp.id(2), false, 'ada')::json ->> 'handled', 'false', 'not after all');
SELECT is(tavus.lead_handled(pg_temp.id(2), true, 'alan')::json ->> 'handled_by', 'alan', 'but now');
UPDATE tavus.leads SET handled_id = overlay(tavus.uuid_floor(now() + interval '1 hour')::text
                                            PLACING '7' FROM 15 FOR 1)::uuid WHERE id = pg_temp.id(2);
SELECT is(tavus.lead_handled(pg_temp.id(2), true, 'grace')::json ->> 'handled_by', 'grace',
          'a clock that was ahead');
SELECT cmp_ok((tavus.lead_handled(pg_temp.id(2), true, 'ada')::json ->> 'handled_at')::timestamptz, '>',
              now() + interval '59 minutes', 'holds nothing up');

-- all of it again, from the log alone
CREATE TEMP TABLE before AS SELECT to_jsonb(l) AS l FROM tavus.leads l;
DELETE FROM tavus.leads;
UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'leads';
SELECT cmp_ok((tavus.leads_roll(1000)::json ->> 'events')::int, '>', 20, 'read at once');
SELECT is((SELECT jsonb_agg(to_jsonb(l) ORDER BY l.id) FROM tavus.leads l),
          (SELECT jsonb_agg(l ORDER BY l ->> 'id') FROM before), 'makes the same');
DELETE FROM tavus.leads;
UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'leads';
CREATE TEMP TABLE steps AS SELECT tavus.leads_roll(2) FROM generate_series(1, 40);
SELECT is((SELECT jsonb_agg(to_jsonb(l) ORDER BY l.id) FROM tavus.leads l),
          (SELECT jsonb_agg(l ORDER BY l ->> 'id') FROM before), 'and step by step');

-- orders of the same address
SELECT is(tavus.order_intent(pg_temp.id(30), true, 'starter', 'payment', '[]', 1, 'eur', 'Ada3@example.org',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, 60), 'new', 'an order');
SELECT is(tavus.admin_leads(email_ => 'ada3@example.org')::jsonb #> '{leads,0,orders}',
    jsonb_build_array(jsonb_build_object('id', pg_temp.id(30), 'plan', 'starter', 'state', 'new')),
    'of who has written');

-- each page has its index
CREATE FUNCTION pg_temp.scans() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_numscans(c.oid)) FROM pg_class c
     WHERE c.relname ~ '^(leads|orders|cursors)$' AND c.relkind = 'r' AND c.relnamespace = 'tavus'::regnamespace
$$;
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
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT doesnt_match(pg_temp.plan($$SELECT * FROM tavus.leads r WHERE id < 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    AND r.handled = true ORDER BY r.id DESC LIMIT 5$$), 'Sort|Seq|Filter', 'handled');
SELECT doesnt_match(pg_temp.plan($$SELECT * FROM tavus.leads r WHERE id < 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    AND lower(r.email) = lower('x') ORDER BY r.id DESC LIMIT 5$$), 'Sort|Seq|Filter', 'by address');
SELECT doesnt_match(pg_temp.plan($$SELECT * FROM tavus.leads r WHERE id < 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    ORDER BY r.id DESC LIMIT 5$$), 'Sort|Seq|Filter', 'all');
CREATE TEMP TABLE scans AS SELECT pg_temp.scans() AS n;
CREATE TEMP TABLE asked AS
SELECT tavus.admin_leads() AS a, tavus.admin_leads(handled_ => false) AS b, tavus.admin_leads(email_ => 'x') AS c;
SELECT is(pg_temp.scans(), n, 'and is asked by it') FROM scans;
SET LOCAL enable_indexscan = off;
SELECT cmp_ok((SELECT count(*) FROM tavus.leads WHERE message <> ''), '>', 0::bigint, 'who reads all');
SELECT is(pg_temp.scans(), n + 1, 'is found') FROM scans;
ROLLBACK;
SELECT is(jsonb_array_length(tavus.admin_leads(limit_ => -1)::jsonb -> 'leads'), 1, 'at least one a page');
SELECT * FROM finish();
