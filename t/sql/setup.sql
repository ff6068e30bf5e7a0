-- Included at the top of every test here: opens the transaction that the test rolls back, so that
-- nothing stays in the database.  Wants a superuser (pgTAP) and sql/install.sql run before.

\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;

SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;

-- The id of the nth second of a day of tests, two hours ago; the same in each transaction of a file.
SELECT set_config('tavus_test.from', (date_trunc('minute', now()) - interval '2 hours')::text, false) \g /dev/null
CREATE FUNCTION pg_temp.id(n numeric) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(overlay(tavus.uuid_floor(current_setting('tavus_test.from')::timestamptz
                               + n * interval '1 second')::text
                           PLACING '7' FROM 15 FOR 1)
                   PLACING lpad(to_hex((n * 1000)::bigint), 12, '0') FROM 25)::uuid
$$;

CREATE FUNCTION pg_temp.at(n numeric) RETURNS text LANGUAGE sql AS $$
    SELECT tavus.iso(tavus.uuid_time(pg_temp.id(n)))
$$;

-- tavus.record() of rows written as JSON: i the number of the id (or id, a uuid), t event type,
-- c conversation, b body (text), s source, k kind, n nonce, d digest (both hex), v verification,
-- x hex body, r reason.
CREATE FUNCTION pg_temp.rec(rows jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT tavus.record(
        array_agg(coalesce((e->>'id')::uuid, pg_temp.id((e->>'i')::numeric)) ORDER BY o),
        array_agg(now() ORDER BY o),
        array_agg(decode(e->>'d', 'hex') ORDER BY o),
        array_agg(coalesce((e->>'k')::smallint, 0::smallint) ORDER BY o),
        array_agg(coalesce(e->>'s', 'tavus') ORDER BY o),
        array_agg(e->>'t' ORDER BY o),
        array_agg(e->>'c' ORDER BY o),
        array_agg(decode(e->>'n', 'hex') ORDER BY o),
        array_agg(e->>'v' ORDER BY o),
        array_agg(coalesce(decode(e->>'x', 'hex'), convert_to(coalesce(e->>'b', '{}'), 'UTF8'))
                  ORDER BY o),
        array_agg(e->>'r' ORDER BY o))
    FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (e, o)
$$;
