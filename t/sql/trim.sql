-- What is old goes in bites.
\ir setup.sql
SELECT plan(27);

CREATE FUNCTION pg_temp.old(age interval) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(overlay(tavus.uuid_floor(now() - age)::text PLACING '7' FROM 15 FOR 1)
                   PLACING substr(md5(random()::text), 1, 12) FROM 25)::uuid
$$;
CREATE FUNCTION pg_temp.trimmed(what text, keep interval, bite int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    did   jsonb;
    bites text := '';
    after text;
BEGIN
    LOOP
        did := tavus.trim(what, keep, bite, after)::jsonb;
        bites := bites || (did ->> 'trimmed');
        after := did ->> 'after';
        IF after IS NULL THEN
            RETURN bites;
        END IF;
    END LOOP;
END
$$;

-- two days for each event, back to a month and more ago
INSERT INTO tavus.events
SELECT pg_temp.old(d * interval '2 days'), now(), CASE WHEN d % 5 = 0 THEN 3 ELSE 2 END, 'browser',
       'page_view', 'trim' || d, NULL, '{}' FROM generate_series(1, 20) d;
INSERT INTO tavus.events
SELECT pg_temp.old('39 days'), now(), 2, s, 'page_view', 'trim', NULL, '{}'
  FROM unnest('{tavus,server,stripe,standard}'::text[]) s;

SELECT is(pg_temp.trimmed('browser', '29 days', 4), '31', 'events of browsers, in bites');
SELECT is((SELECT count(*) FROM tavus.events WHERE conversation_id ~ '^trim[0-9]'), 14 + 2::bigint,
          'conversions are kept');
SELECT is((SELECT count(*) FROM tavus.events WHERE conversation_id = 'trim'), 4::bigint,
          'and what others sent');
SELECT is(pg_temp.trimmed('browser', '29 days', 100), '0', 'nothing is left');

INSERT INTO tavus.quarantine (digest, id, received_at, source, body, reason)
SELECT sha256(d::text::bytea), pg_temp.old(d * interval '1 day'), now(), 'tavus', '', 'trim'
  FROM generate_series(58, 64) d;
SELECT matches(pg_temp.trimmed('quarantine', '60 days', 3), '^3[12]', 'quarantine');
SELECT is((SELECT count(*) FROM tavus.quarantine WHERE reason = 'trim'
              AND id < tavus.uuid_floor(now() - interval '60 days')), 0::bigint, 'all that is old');
SELECT cmp_ok((SELECT count(*) FROM tavus.quarantine WHERE reason = 'trim'), '>=', 2::bigint,
              'and nothing else');

INSERT INTO tavus.intents (nonce, seen_at)
SELECT decode(lpad(to_hex(d), 32, 'a'), 'hex'), now() - d * interval '1 day'
  FROM generate_series(58, 64) d;
SELECT is(pg_temp.trimmed('intents', '60 days', 2), '220', 'intents');
SELECT is((SELECT count(*) FROM tavus.intents WHERE nonce >= '\xaaaa'), 3::bigint, 'no others');

INSERT INTO tavus.conversations (id, first_id)
SELECT 'trim' || d, pg_temp.old(d * interval '1 day') FROM generate_series(58, 64) d;
SELECT matches(pg_temp.trimmed('conversations', '60 days', 60), '^3[12]', 'conversations');
SELECT cmp_ok((SELECT count(*) FROM tavus.conversations WHERE id ~ '^trim'), '<=', 3::bigint,
              'all that are old');

INSERT INTO tavus.elsewhere (id, stored)
SELECT pg_temp.old(d * interval '1 day'), pg_temp.old('0') FROM generate_series(58, 64) d;
SELECT matches(pg_temp.trimmed('elsewhere', '60 days', 3), '^3[12]', 'elsewhere');
SELECT cmp_ok((SELECT count(*) FROM tavus.elsewhere), '<=', 3::bigint, 'all that are old');

INSERT INTO tavus.consents (subject, granted, decided_id)
SELECT s || d, true, i.id
  FROM generate_series(58, 64) d, LATERAL (SELECT pg_temp.old(d * interval '1 day') AS id OFFSET 0) i,
       unnest('{trim session ,trim user }'::text[]) s;
SELECT matches(pg_temp.trimmed('consents', '60 days', 3), '^3+[12]?0?$', 'consents, two of an event');
SELECT is((SELECT count(*) FROM tavus.consents
            WHERE decided_id < tavus.uuid_floor(now() - interval '60 days')), 0::bigint,
          'all that are old');
SELECT cmp_ok((SELECT count(*) FROM tavus.consents WHERE subject ~ '^trim'), '>=', 4::bigint,
              'and no others');

INSERT INTO tavus.leads (id, name, email, message)
SELECT pg_temp.old(d * interval '1 day'), 'trim', 'x', 'y' FROM generate_series(58, 64) d;
SELECT matches(pg_temp.trimmed('leads', '60 days', 3), '^3[12]', 'leads');
SELECT is((SELECT count(*) FROM tavus.leads WHERE id < tavus.uuid_floor(now() - interval '60 days')), 0::bigint,
          'all that are old');

SELECT throws_ok($$SELECT tavus.trim('browser', '1 hour', 10)$$, '22023', NULL, 'not of today');
SELECT throws_ok($$SELECT tavus.trim('browser', NULL, 10)$$, '22023', NULL, 'not of no time');
SELECT throws_ok($$SELECT tavus.trim('browser', '1 day', 0)$$, '22023', NULL, 'some rows');
SELECT throws_ok($$SELECT tavus.trim('events', '1 day', 1)$$, '20000', NULL, 'not what it does not know');

-- each finds its first row by an index
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
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off;
SELECT doesnt_match(pg_temp.plan($$SELECT id FROM tavus.events WHERE source = 'browser'
    AND id < 'ffffffff-0000-7000-8000-000000000000' ORDER BY id LIMIT 5$$), 'Sort|Seq', 'browser');
SELECT doesnt_match(pg_temp.plan($$SELECT id FROM tavus.quarantine
    WHERE id < '01000000-0000-7000-8000-000000000000' ORDER BY id LIMIT 5$$), 'Sort|Seq', 'quarantine');
SELECT doesnt_match(pg_temp.plan($$SELECT nonce FROM tavus.intents WHERE seen_at < now()
    ORDER BY seen_at LIMIT 5$$), 'Sort|Seq', 'intents');
SELECT doesnt_match(pg_temp.plan($$SELECT id FROM tavus.conversations
    WHERE created_id < '01000000-0000-7000-8000-000000000000' ORDER BY created_id LIMIT 5$$),
    'Sort|Seq', 'conversations');
SELECT doesnt_match(pg_temp.plan($$SELECT subject FROM tavus.consents
    WHERE decided_id < '01000000-0000-7000-8000-000000000000' ORDER BY decided_id LIMIT 5$$),
    'Sort|Seq', 'consents');
SELECT * FROM finish();
ROLLBACK;
