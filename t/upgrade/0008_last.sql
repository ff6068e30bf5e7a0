\set newest 8
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET statement_timeout = 0;
SET synchronous_commit = on;
SET lock_timeout = '1h';
SELECT pg_advisory_lock(2026, 1) \g /dev/null
SET lock_timeout = '300ms';
DO $$
BEGIN
    IF current_setting('server_version_num')::int < 140000 THEN
        RAISE EXCEPTION 'PostgreSQL 14 or newer is needed';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must be encoded in UTF8, not %',
            current_setting('server_encoding');
    END IF;
END
$$;
BEGIN;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_owner') THEN
        CREATE ROLE tavus_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_admin') THEN
        CREATE ROLE tavus_admin NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_app') THEN
        CREATE ROLE tavus_app LOGIN NOINHERIT;
    END IF;
    IF NOT pg_catalog.pg_has_role('tavus_app', 'tavus_admin', 'MEMBER') THEN
        GRANT tavus_admin TO tavus_app;
    END IF;
    IF NOT pg_catalog.pg_has_role(current_user, 'tavus_owner',
               CASE WHEN pg_catalog.current_setting('server_version_num')::int < 160000
                    THEN 'MEMBER' ELSE 'SET' END)
    THEN
        EXECUTE pg_catalog.format('GRANT tavus_owner TO %I', current_user);
    END IF;
END
$$;
DO $$
DECLARE
    foreign_ text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'tavus') THEN
        CREATE SCHEMA tavus AUTHORIZATION tavus_owner;
    END IF;
    SELECT pg_catalog.string_agg(o.what, ', ' ORDER BY o.first, o.what)
           FILTER (WHERE o.n <= 3) || CASE WHEN pg_catalog.max(o.n) > 3
               THEN pg_catalog.format(' and %s more', pg_catalog.max(o.n) - 3) ELSE '' END
      INTO foreign_
      FROM (SELECT x.what, x.first,
                   pg_catalog.row_number() OVER (ORDER BY x.first, x.what) AS n
              FROM (SELECT 1, 'the schema', n.nspowner
                      FROM pg_catalog.pg_namespace n WHERE n.nspname = 'tavus'
                    UNION ALL
                    SELECT 2, 'tavus.' || c.relname, c.relowner
                      FROM pg_catalog.pg_class c
                     WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind <> 'c'
                    UNION ALL
                    SELECT 3, 'tavus.' || p.proname || '()', p.proowner
                      FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'tavus'::regnamespace)
                   AS x (first, what, owner)
             WHERE x.owner <> (SELECT r.oid FROM pg_catalog.pg_roles r
                                WHERE r.rolname = 'tavus_owner')) o;
    IF foreign_ IS NOT NULL THEN
        RAISE EXCEPTION 'tavus_owner does not own what is in schema tavus: %', foreign_
            USING HINT = 'If a dump was restored before the roles were there: drop the schema '
                         '(CASCADE), run sql/roles.sql, restore again, then run sql/install.sql '
                         '(docs/operate/backup.md).';
    END IF;
END
$$;
SET LOCAL ROLE tavus_owner;
CREATE TABLE IF NOT EXISTS tavus.migrations (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.set_config('tavus.newest', :'newest', true) \g /dev/null
DO $$
DECLARE
    version int := (SELECT pg_catalog.max(m.version) FROM tavus.migrations m);
BEGIN
    IF version > pg_catalog.current_setting('tavus.newest')::int THEN
        RAISE EXCEPTION 'the schema is of version %, and this install.sql of %', version,
            pg_catalog.current_setting('tavus.newest')
            USING HINT = 'It is of an older release than one that was installed here.  Nothing was '
                         'changed: run that of the newest, with which older modules work as well '
                         '(docs/operate/upgrade.md).';
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION tavus.lock_tables(VARIADIC tables text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    list  text := (SELECT pg_catalog.string_agg(pg_catalog.format('ONLY tavus.%I', t), ', ')
                     FROM pg_catalog.unnest(tables) AS u (t));
    begun timestamptz := pg_catalog.clock_timestamp();
    told  interval := '10 seconds';
    waits interval;
BEGIN
    PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
    PERFORM pg_catalog.set_config('lock_timeout', '20ms', true);
    LOOP
        BEGIN
            EXECUTE 'LOCK TABLE ' || list || ' IN ACCESS EXCLUSIVE MODE';
            EXIT;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            waits := pg_catalog.clock_timestamp() - begun;
            IF waits > interval '1 hour' THEN
                RAISE;
            ELSIF waits > told THEN
                RAISE WARNING 'tavus.% is in use', pg_catalog.array_to_string(tables, ', tavus.')
                    USING HINT = 'It is waited for, up to an hour; nothing else waits.';
                told := told * 3;
            END IF;
            PERFORM pg_catalog.pg_sleep(0.5);
        END;
    END LOOP;
END
$$;
COMMIT;
SET ROLE tavus_owner;
SET search_path = pg_catalog, pg_temp;
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 1) AS due \gset
\if :due
    BEGIN;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE tavus.events (
    id              uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    kind            smallint    NOT NULL,   -- 0 webhook, 1 error, 2 info, 3 conversion
    source          text        COLLATE "C" NOT NULL, -- tavus, stripe, standard, browser, server
    event_type      text        COLLATE "C" NOT NULL,
    conversation_id text        COLLATE "C",
    verification    text,                   -- JSON: how the event was verified
    body            bytea       NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX events_conversation ON tavus.events (conversation_id, id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX events_source ON tavus.events (source, id) WHERE source <> 'tavus';
CREATE INDEX events_kind ON tavus.events (kind, id) WHERE kind <> 0;
CREATE TABLE tavus.digests (
    digest  bytea       PRIMARY KEY,
    id      uuid        NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX digests_seen ON tavus.digests USING brin (seen_at);
CREATE TABLE tavus.quarantine (
    digest          bytea       PRIMARY KEY,
    seq             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id              uuid        NOT NULL,
    received_at     timestamptz NOT NULL,
    source          text        NOT NULL,
    event_type      text,
    conversation_id text        COLLATE "C",
    verification    text,
    body            bytea       NOT NULL,
    reason          text        NOT NULL
);
CREATE UNIQUE INDEX quarantine_seq ON tavus.quarantine (seq);
CREATE INDEX quarantine_id ON tavus.quarantine (id);
CREATE TABLE tavus.intents (
    nonce           bytea PRIMARY KEY,
    conversation_id text COLLATE "C",       -- the first one seen; never changes
    requested_id    uuid,
    vertical        text,
    persona_id      text,
    replica_id      text,
    document_tags   text[],
    memory_stores   text[],
    session_id      text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text,
    request_id      text,
    failed_id       uuid,
    outcome         text,                   -- failed, unknown
    reason          text,
    http_status     int,
    seen_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX intents_seen ON tavus.intents USING brin (seen_at);
CREATE TABLE tavus.conversations (
    id              text COLLATE "C" PRIMARY KEY,
    first_id        uuid NOT NULL,          -- lowest event of Tavus or the server
    nonce           bytea,
    announced_id    uuid,                   -- lowest conversation.created, and what it said
    announced_ended boolean NOT NULL DEFAULT false,
    url             text,
    vertical        text,
    persona_id      text,
    replica_id      text,
    document_tags   text[],
    memory_stores   text[],
    session_id      text,
    utm_source      text,
    utm_medium      text,
    utm_campaign    text,
    started_id      uuid,                   -- lowest replica joined
    shutdown_id     uuid,                   -- lowest system.shutdown, and its reason
    shutdown_reason text,
    closed_id       uuid,                   -- lowest conversation.ended of ours, and its reason
    closed_reason   text,
    transcript_id   uuid,                   -- highest of each
    recording_id    uuid,
    perception_id   uuid,
    created_id      uuid NOT NULL GENERATED ALWAYS AS (coalesce(announced_id, first_id)) STORED,
    ended           boolean NOT NULL GENERATED ALWAYS AS
                    (announced_ended OR shutdown_id IS NOT NULL OR closed_id IS NOT NULL) STORED
) WITH (fillfactor = 70);
CREATE INDEX conversations_created ON tavus.conversations (created_id, id);
CREATE INDEX conversations_active ON tavus.conversations (created_id, id) WHERE NOT ended;
DO $$
BEGIN
    ALTER TABLE tavus.events ALTER body SET COMPRESSION lz4;
    ALTER TABLE tavus.quarantine ALTER body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
    INSERT INTO tavus.migrations (version) VALUES (1);
    COMMIT;
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 2) AS due \gset
\if :due
    BEGIN;
SELECT tavus.lock_tables('intents') \g /dev/null
ALTER TABLE tavus.intents
    ADD announced  boolean NOT NULL DEFAULT false,     -- conversation.created was stored
    ADD closed     boolean NOT NULL DEFAULT false,     -- conversation.ended was
    ADD unended    boolean NOT NULL DEFAULT false,     -- conversation.end_failed was
    ADD patience   int,                                -- seconds that a create may take
    ADD due_at     timestamptz,
    ADD tries      int NOT NULL DEFAULT 0;
CREATE INDEX intents_due ON tavus.intents (due_at) WHERE due_at IS NOT NULL;
    INSERT INTO tavus.migrations (version) VALUES (2);
    COMMIT;
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 3) AS due \gset
\if :due
    BEGIN;
CREATE TABLE tavus.nodes (
    name     text COLLATE "C" PRIMARY KEY,
    id       text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(name, '.', 1)) STORED,
    beat_at  timestamptz NOT NULL,
    files    int NOT NULL,                  -- what its journal held then
    bytes    bigint NOT NULL,
    clash_at timestamptz                    -- when another was heard of under this id
) WITH (fillfactor = 50);
SELECT tavus.lock_tables('intents') \g /dev/null
ALTER TABLE tavus.intents ADD node text COLLATE "C";
DROP FUNCTION IF EXISTS tavus.claim_unsettled(int);
    INSERT INTO tavus.migrations (version) VALUES (3);
    COMMIT;
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 4) AS due \gset
\if :due
    BEGIN;
CREATE TABLE tavus.digests_before (
    digest  bytea       PRIMARY KEY,
    id      uuid        NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE TABLE tavus.digests_round (
    begun_at timestamptz NOT NULL           -- when tavus.digests began to be written to
);
INSERT INTO tavus.digests_round VALUES (now());
SELECT tavus.lock_tables('digests') \g /dev/null
DROP INDEX tavus.digests_seen;
    INSERT INTO tavus.migrations (version) VALUES (4);
    COMMIT;
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 5) AS due \gset
\if :due
SET lock_timeout = '1h';
DROP INDEX CONCURRENTLY IF EXISTS tavus.intents_seen_at;
CREATE INDEX CONCURRENTLY intents_seen_at ON tavus.intents (seen_at);
DROP INDEX CONCURRENTLY IF EXISTS tavus.intents_seen;
SET lock_timeout = '300ms';
    INSERT INTO tavus.migrations (version) VALUES (5);
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 7) AS due \gset
\if :due
    BEGIN;
SET LOCAL lock_timeout = '1min';
UPDATE tavus.conversations SET closed_id = least(transcript_id, perception_id)
 WHERE NOT ended AND (transcript_id IS NOT NULL OR perception_id IS NOT NULL);
    INSERT INTO tavus.migrations (version) VALUES (7);
    COMMIT;
\endif
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 8) AS due \gset
\if :due
    BEGIN;
CREATE TABLE tavus.elsewhere (
    id     uuid PRIMARY KEY,        -- of the event's own time
    stored uuid NOT NULL            -- in tavus.events
);
    INSERT INTO tavus.migrations (version) VALUES (8);
    COMMIT;
\endif
BEGIN;
SET LOCAL lock_timeout = '10min';
SELECT pg_advisory_xact_lock(2026, 2), pg_advisory_xact_lock(2026, 3) \g /dev/null
SET LOCAL lock_timeout = '300ms';
CREATE OR REPLACE FUNCTION tavus.uuid_time(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '1970-01-01 00:00:00+00'::timestamptz
       + ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint
       * '1 millisecond'::interval;
CREATE OR REPLACE FUNCTION tavus.uuid_floor(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rpad(lpad(to_hex(floor(least(greatest(extract(epoch FROM at) * 1000, 0),
                                    281474976710655))::bigint), 12, '0'), 32, '0')::uuid;
CREATE OR REPLACE FUNCTION tavus.iso(at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
CREATE OR REPLACE FUNCTION tavus.type_name(kind smallint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE kind WHEN 0 THEN 'webhook' WHEN 1 THEN 'error' WHEN 3 THEN 'conversion'
                 ELSE 'info' END;
CREATE OR REPLACE FUNCTION tavus.body_jsonb(body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN pg_catalog.convert_from(body, 'UTF8')::pg_catalog.jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION tavus.body_text(body bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN pg_catalog.convert_from(body, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN pg_catalog.encode(body, 'escape');
END
$$;
CREATE OR REPLACE FUNCTION tavus.text_json(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    PERFORM value::pg_catalog.json;
    RETURN value;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN pg_catalog.to_json(value)::pg_catalog.text;
END
$$;
CREATE OR REPLACE FUNCTION tavus.body_shown(body bytea, reason text) RETURNS bytea
LANGUAGE sql STABLE STRICT
RETURN CASE WHEN reason = 'too_deep' OR tavus.body_jsonb(body) IS NULL
            THEN pg_catalog.convert_to(
                     pg_catalog.to_json(tavus.body_text(body))::pg_catalog.text, 'UTF8')
            ELSE body END;
CREATE OR REPLACE FUNCTION tavus.str(doc jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(doc -> name) WHEN 'string' THEN doc ->> name END;
CREATE OR REPLACE FUNCTION tavus.strs(doc jsonb, name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF jsonb_typeof(doc -> name) = 'array' THEN
        RETURN ARRAY(
            SELECT e.value #>> '{}'
              FROM jsonb_array_elements(doc -> name) WITH ORDINALITY AS e (value, ord)
             WHERE jsonb_typeof(e.value) = 'string'
             ORDER BY e.ord);
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION tavus.pieces(value text) RETURNS SETOF bytea
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT substr(v.bytes, n, 131072)
      FROM (SELECT convert_to(value, 'UTF8') OFFSET 0) v (bytes),
           generate_series(1, octet_length(v.bytes), 131072) n
$$;
CREATE OR REPLACE FUNCTION tavus.ours(source text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN source IN ('tavus', 'server');
CREATE OR REPLACE FUNCTION tavus.too_long(source text, event_type text, conversation_id text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(conversation_id) > 1000 OR octet_length(event_type) > 1000
       OR octet_length(source) > 1000;
CREATE OR REPLACE FUNCTION tavus.part(projection text, source text, event_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE projection
    WHEN 'conversations' THEN
        CASE source
        WHEN 'tavus' THEN '{
            "system.replica_joined": "started",
            "system.pal_joined": "started",
            "conversation.started": "started",
            "system.shutdown": "shutdown",
            "conversation.ended": "shutdown",
            "application.transcription_ready": "transcript",
            "application.recording_ready": "recording",
            "application.perception_analysis": "perception"
        }'::jsonb ->> event_type
        WHEN 'server' THEN '{
            "conversation.created": "created",
            "conversation.ended": "closed"
        }'::jsonb ->> event_type
        END
    WHEN 'intents' THEN
        CASE source
        WHEN 'server' THEN '{
            "conversation.requested": "wish",
            "conversation.create_failed": "failure",
            "conversation.created": "announced",
            "conversation.ended": "closed",
            "conversation.not_found": "closed",
            "conversation.end_failed": "unended"
        }'::jsonb ->> event_type
        END
    END;
CREATE OR REPLACE FUNCTION tavus.add_partition(month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    name text := pg_catalog.to_char(month, '"events_p"YYYYMM');
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_inherits i
                WHERE i.inhparent = 'tavus.events'::regclass
                  AND i.inhrelid = pg_catalog.to_regclass('tavus.' || name))
    THEN
        RETURN false;
    END IF;
    IF pg_catalog.to_regclass('tavus.' || name) IS NULL THEN
        EXECUTE pg_catalog.format('CREATE TABLE tavus.%I (LIKE tavus.events INCLUDING ALL)', name);
    END IF;
    EXECUTE pg_catalog.format(
        'ALTER TABLE tavus.events ATTACH PARTITION tavus.%I FOR VALUES FROM (%L) TO (%L)', name,
        tavus.uuid_floor(month AT TIME ZONE 'UTC'),
        tavus.uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'));
    RETURN true;
END
$$;
CREATE OR REPLACE FUNCTION tavus.make_months() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '1s'
SET client_min_messages = warning
AS $$
DECLARE
    month   timestamp;
    part    text;
    created text[] := '{}';
    waiting text[] := '{}';
    failed  text[] := '{}';
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 2) THEN
        RETURN '{"busy":true}';
    END IF;
    FOR month, part IN
        SELECT m.month, to_char(m.month, '"events_p"YYYYMM')
          FROM (SELECT i, date_trunc('month', now() AT TIME ZONE 'UTC')
                          + make_interval(months => i) AS month
                  FROM generate_series(-2, 3) AS s (i)) m
         ORDER BY m.i < 0, abs(m.i)
    LOOP
        BEGIN
            IF tavus.add_partition(month) THEN
                created := created || part;
            END IF;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                waiting := waiting || part;
                EXIT;
            WHEN OTHERS THEN
                failed := failed || (part || ': ' || SQLERRM);
        END;
    END LOOP;
    RETURN json_build_object('created', created, 'waiting', waiting, 'failed', failed)::text;
END
$$;
CREATE OR REPLACE FUNCTION tavus.maintain(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT tavus.make_months()
$$;
CREATE OR REPLACE FUNCTION tavus.drop_months(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '20ms'
SET client_min_messages = warning
AS $$
DECLARE
    past    timestamptz := now() - greatest(coalesce(retention, '400 days'), interval '60 days');
    present timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    due     text[];
    part    text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;
    due := ARRAY(
        SELECT p.name
          FROM (SELECT c.relname::text AS name,
                       to_timestamp(right(c.relname, 6), 'YYYYMM')::timestamp AS month
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'tavus.events'::regclass
                   AND c.relname ~ '^events_p[0-9]{6}$') p
         WHERE p.month < present - interval '2 months'
           AND (p.month + interval '1 month') AT TIME ZONE 'UTC' <= past
         ORDER BY p.name);
    PERFORM set_config('synchronous_commit', 'off', true);
    FOREACH part IN ARRAY due[:5] LOOP
        BEGIN
            EXECUTE format('LOCK TABLE tavus.%I IN ACCESS EXCLUSIVE MODE', part);
            LOCK TABLE ONLY tavus.events IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('ALTER TABLE tavus.events DETACH PARTITION tavus.%I', part);
            EXECUTE format('DROP TABLE tavus.%I', part);
            RETURN json_build_object('dropped', ARRAY[part], 'waiting', '{}'::text[],
                                     'more', cardinality(due) > 1);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;
    RETURN json_build_object('dropped', '{}'::text[], 'waiting', due, 'more', false);
END
$$;
CREATE OR REPLACE FUNCTION tavus.rotate_digests() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '20ms'
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;
    IF (SELECT r.begun_at > now() - interval '90 days' FROM tavus.digests_round r) THEN
        RETURN '{"rotated":false}';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR try IN 1 .. 3 LOOP
        BEGIN
            LOCK TABLE tavus.digests_before, tavus.digests IN ACCESS EXCLUSIVE MODE;
            TRUNCATE tavus.digests_before;
            ALTER TABLE tavus.digests RENAME TO digests_full;
            ALTER TABLE tavus.digests_before RENAME TO digests;
            ALTER TABLE tavus.digests_full RENAME TO digests_before;
            UPDATE tavus.digests_round SET begun_at = now();
            RETURN '{"rotated":true}';
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;
    RETURN '{"rotated":false,"waiting":["digests"]}';
END
$$;
CREATE OR REPLACE FUNCTION tavus.trim(what text, keep interval, bite int, after text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '100ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
    past    timestamptz := now() - keep;
    bound   uuid := tavus.uuid_floor(past);
    since   uuid := tavus.uuid_floor('-infinity');
    ids     uuid[];
    kinds   smallint[];
    keys    bytea[];
    names   text[];
    times   timestamptz[];
    looked  int;
    last    text;
    trimmed bigint;
BEGIN
    IF keep IS NULL OR keep < interval '1 day' OR bite IS NULL OR bite < 1 THEN
        RAISE 'nothing is trimmed within a day of it, or by less than a row'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT pg_try_advisory_xact_lock(2026, 3) THEN
        RETURN '{"busy":true}';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    CASE what
    WHEN 'browser' THEN
        SELECT array_agg(o.id), array_agg(o.kind) INTO ids, kinds
          FROM (SELECT e.id, e.kind FROM tavus.events e
                 WHERE e.source = 'browser' AND e.id < bound AND e.id > coalesce(after::uuid, since)
                 ORDER BY e.id LIMIT bite) o;
        looked := cardinality(ids);
        last := ids[looked];
        ids := ARRAY(SELECT u.id FROM unnest(ids, kinds) AS u (id, kind) WHERE u.kind <> 3);
        DELETE FROM tavus.events e WHERE e.id = ANY (ids);
    WHEN 'quarantine' THEN
        SELECT array_agg(o.digest), array_agg(o.id) INTO keys, ids
          FROM (SELECT q.digest, q.id FROM tavus.quarantine q
                 WHERE q.id < bound AND q.id > coalesce(after::uuid, since)
                 ORDER BY q.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];
        DELETE FROM tavus.quarantine q WHERE q.digest = ANY (keys);
    WHEN 'intents' THEN
        SELECT array_agg(o.nonce), array_agg(o.seen_at) INTO keys, times
          FROM (SELECT i.nonce, i.seen_at FROM tavus.intents i
                 WHERE i.seen_at < past
                   AND i.seen_at > coalesce(after::timestamptz, '-infinity')
                 ORDER BY i.seen_at LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(times);
        last := times[looked];
        DELETE FROM tavus.intents i WHERE i.nonce = ANY (keys);
    WHEN 'conversations' THEN
        SELECT array_agg(o.id), array_agg(o.created_id) INTO names, ids
          FROM (SELECT c.id, c.created_id FROM tavus.conversations c
                 WHERE c.created_id < bound AND c.created_id > coalesce(after::uuid, since)
                 ORDER BY c.created_id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];
        DELETE FROM tavus.conversations c WHERE c.id = ANY (names);
    WHEN 'elsewhere' THEN
        SELECT array_agg(o.id) INTO ids
          FROM (SELECT x.id FROM tavus.elsewhere x
                 WHERE x.id < bound AND x.id > coalesce(after::uuid, since)
                 ORDER BY x.id LIMIT bite FOR UPDATE SKIP LOCKED) o;
        looked := cardinality(ids);
        last := ids[looked];
        DELETE FROM tavus.elsewhere x WHERE x.id = ANY (ids);
    END CASE;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    RETURN json_strip_nulls(json_build_object(
        'trimmed', trimmed, 'after', CASE WHEN looked = bite THEN last END));
END
$$;
CREATE OR REPLACE FUNCTION tavus.due(
    requested boolean, announced boolean, closed boolean, unended boolean, outcome text,
    patience int)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN closed THEN NULL
            WHEN unended THEN '5 seconds'::interval
            WHEN announced OR outcome = 'failed' THEN NULL
            WHEN outcome = 'unknown' THEN '1 second'::interval
            WHEN requested THEN '1 second'::interval * coalesce(patience, 120) END;
CREATE OR REPLACE FUNCTION tavus.record_settle(
    marks text[], sources text[], event_types text[], nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE tavus.intents i
       SET announced = i.announced OR g.announced,
           closed = i.closed OR g.closed,
           unended = i.unended OR g.unended,
           patience = coalesce(i.patience, g.patience),
           node = coalesce(i.node, g.node),
           due_at = now() + tavus.due(i.requested_id IS NOT NULL, i.announced OR g.announced,
                                      i.closed OR g.closed, i.unended OR g.unended, i.outcome,
                                      coalesce(i.patience, g.patience))
      FROM (SELECT u.nonce,
                   bool_or(u.part = 'announced') AS announced,
                   bool_or(u.part = 'closed') AS closed,
                   bool_or(u.part = 'unended') AS unended,
                   max(CASE WHEN w.doc ->> 'patience' ~ '^[0-9]{1,5}$'
                            THEN (w.doc ->> 'patience')::int END) AS patience,
                   max(tavus.str(w.doc, 'node')) AS node
              FROM (SELECT m.*, tavus.part('intents', m.source, m.event_type) AS part
                      FROM unnest(marks, sources, event_types, nonces, bodies)
                           AS m (mark, source, event_type, nonce, body)) u
              LEFT JOIN LATERAL (SELECT tavus.body_jsonb(u.body) AS doc
                                  WHERE u.part = 'wish' OFFSET 0) w ON true
             WHERE u.mark = 's' AND u.nonce IS NOT NULL AND u.part IS NOT NULL
             GROUP BY u.nonce) g
     WHERE i.nonce = g.nonce;
END
$$;
CREATE OR REPLACE FUNCTION tavus.gone_after() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '3 hours'::interval;
CREATE OR REPLACE FUNCTION tavus.silent_nodes() RETURNS SETOF tavus.nodes
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT l.* FROM (SELECT DISTINCT ON (n.id) n.* FROM tavus.nodes n
                      ORDER BY n.id, n.beat_at DESC) l
     WHERE l.beat_at < now() - interval '3 minutes'
$$;
CREATE OR REPLACE FUNCTION tavus.heartbeat(node text, files int, bytes bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
#variable_conflict use_variable
DECLARE
    clash boolean;
BEGIN
    clash := EXISTS (
        SELECT FROM tavus.nodes m JOIN tavus.nodes o ON o.id = m.id AND o.beat_at > m.beat_at
         WHERE m.name = node AND m.beat_at > now() - interval '1 minute');
    INSERT INTO tavus.nodes AS n (name, beat_at, files, bytes)
    VALUES (node, now(), files, bytes)
    ON CONFLICT (name) DO UPDATE SET
        beat_at = now(), files = EXCLUDED.files, bytes = EXCLUDED.bytes,
        clash_at = CASE WHEN clash THEN now() ELSE n.clash_at END;
    DELETE FROM tavus.nodes n
     WHERE n.beat_at < now() - interval '7 days'
       AND (n.files = 0
            OR EXISTS (SELECT FROM tavus.nodes o WHERE o.id = n.id AND o.beat_at > n.beat_at));
    RETURN json_build_object(
        'clash', clash,
        'silent', ARRAY(SELECT s.id FROM tavus.silent_nodes() s ORDER BY s.id));
END
$$;
CREATE OR REPLACE FUNCTION tavus.forget_node(node text) RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    n int;
BEGIN
    IF EXISTS (SELECT FROM tavus.nodes m
                WHERE m.id = node AND m.beat_at > now() - interval '1 minute')
    THEN
        RAISE EXCEPTION 'node % lives', node;
    END IF;
    DELETE FROM tavus.nodes m WHERE m.id = node;
    UPDATE tavus.intents i SET node = ''
     WHERE i.due_at IS NOT NULL AND split_part(i.node, '.', 1) = node;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;
CREATE OR REPLACE FUNCTION tavus.claim_unsettled(node text, clean bigint, limit_ int DEFAULT 20)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
#variable_conflict use_variable
DECLARE
    claimed text;
BEGIN
    UPDATE tavus.intents i SET closed = true, due_at = NULL
     WHERE i.due_at <= now()
       AND EXISTS (SELECT FROM tavus.conversations c
                    WHERE c.id = i.conversation_id AND c.ended);
    WITH due AS (
        SELECT i.nonce FROM tavus.intents i
         WHERE i.due_at <= now()
           AND (i.unended OR i.outcome = 'unknown' OR i.node = ''
                OR i.node = node AND i.due_at <= now() - clean * interval '1 millisecond'
                OR i.seen_at < now() - tavus.gone_after()
                   AND NOT EXISTS (SELECT FROM tavus.nodes n
                                    WHERE n.name = i.node
                                      AND n.beat_at > now() - tavus.gone_after()))
         ORDER BY i.due_at LIMIT limit_ FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE tavus.intents i
           SET tries = i.tries + 1,
               due_at = CASE WHEN i.tries < 7
                             THEN now() + interval '30 seconds' * 2 ^ i.tries
                             WHEN i.tries < 31 THEN now() + interval '1 hour' END
          FROM due d WHERE i.nonce = d.nonce
        RETURNING i.nonce, i.vertical, i.conversation_id, i.tries
    )
    SELECT json_agg(json_build_object(
               'nonce', encode(l.nonce, 'hex'), 'vertical', l.vertical,
               'conversation_id', l.conversation_id, 'last', l.tries >= 8))
      INTO claimed
      FROM leased l;
    RETURN coalesce(claimed, '[]');
END
$$;
CREATE OR REPLACE FUNCTION tavus.record_gate(
    ids uuid[], digests bytea[], sources text[], event_types text[], conversation_ids text[],
    nonces bytea[], reasons text[])
RETURNS text[]
LANGUAGE plpgsql
AS $$
DECLARE
    marks text[];
BEGIN
    marks := ARRAY(
        SELECT CASE WHEN r.reason IS NOT NULL
                      OR tavus.too_long(r.source, r.event_type, r.conversation_id)
                    THEN 'q' ELSE '.' END
          FROM unnest(reasons, conversation_ids, event_types, sources) WITH ORDINALITY
               AS r (reason, conversation_id, event_type, source, ord)
         ORDER BY r.ord);
    IF num_nonnulls(VARIADIC nonces) > 0 THEN
        INSERT INTO tavus.intents AS i (nonce, conversation_id)
        SELECT r.nonce, (array_agg(r.conversation_id ORDER BY r.id, r.ord)
                             FILTER (WHERE r.conversation_id IS NOT NULL))[1]
          FROM unnest(marks, ids, sources, event_types, conversation_ids, nonces)
               WITH ORDINALITY
               AS r (mark, id, source, event_type, conversation_id, nonce, ord)
         WHERE r.mark = '.' AND r.nonce IS NOT NULL AND tavus.ours(r.source)
           AND (r.source = 'server'
                OR r.conversation_id IS NOT NULL
                AND (SELECT b.conversation_id FROM tavus.intents b
                      WHERE b.nonce = r.nonce) IS NULL)
         GROUP BY r.nonce
         ORDER BY r.nonce
        ON CONFLICT (nonce) DO UPDATE SET conversation_id = EXCLUDED.conversation_id
         WHERE i.conversation_id IS NULL AND EXCLUDED.conversation_id IS NOT NULL;
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.nonce IS NOT NULL
                         AND r.conversation_id IS NOT NULL AND tavus.ours(r.source)
                         AND (SELECT b.conversation_id FROM tavus.intents b
                               WHERE b.nonce = r.nonce) <> r.conversation_id
                        THEN 'b' ELSE r.mark END
              FROM unnest(marks, sources, conversation_ids, nonces) WITH ORDINALITY
                   AS r (mark, source, conversation_id, nonce, ord)
             ORDER BY r.ord);
    END IF;
    IF num_nonnulls(VARIADIC digests) > 0 THEN
        WITH r AS (
            SELECT DISTINCT ON (u.digest) u.digest, u.id, u.own
              FROM (SELECT substr(digest, 1, 16) AS digest, id, ord,
                           CASE WHEN octet_length(digest) = 32
                                THEN encode(substr(digest, 17), 'hex')::uuid END AS own
                      FROM unnest(marks, ids, digests) WITH ORDINALITY
                           AS m (mark, id, digest, ord)
                     WHERE mark = '.' AND digest IS NOT NULL) u
             WHERE (SELECT b.id FROM tavus.digests_before b WHERE b.digest = u.digest) IS NULL
             ORDER BY u.digest, u.id, u.ord
        ), added AS (
            INSERT INTO tavus.digests (digest, id, seen_at)
            SELECT r.digest, coalesce((SELECT e.id FROM tavus.events e WHERE e.id = r.own), r.id),
                   now()
              FROM r
            ON CONFLICT (digest) DO NOTHING
            RETURNING digest, id
        )
        INSERT INTO tavus.elsewhere (id, stored)
        SELECT r.own, r.id FROM added JOIN r USING (digest, id)
         WHERE r.own <> r.id AND r.own > tavus.uuid_floor(now() - interval '43 days')
           AND r.own < tavus.uuid_floor(now() + interval '91 days')
         ORDER BY r.own
        ON CONFLICT (id) DO NOTHING;
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.digest IS NOT NULL
                         AND coalesce(
                             (SELECT d.id FROM tavus.digests d
                               WHERE d.digest = substr(r.digest, 1, 16)),
                             (SELECT b.id FROM tavus.digests_before b
                               WHERE b.digest = substr(r.digest, 1, 16))) <> r.id
                        THEN '~' ELSE r.mark END
              FROM unnest(marks, ids, digests) WITH ORDINALITY AS r (mark, id, digest, ord)
             ORDER BY r.ord);
    END IF;
    IF EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id = ANY (ids)) THEN
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.'
                         AND EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id = r.id)
                        THEN '~' ELSE r.mark END
              FROM unnest(marks, ids) WITH ORDINALITY AS r (mark, id, ord)
             ORDER BY r.ord);
    END IF;
    RETURN marks;
END
$$;
CREATE OR REPLACE FUNCTION tavus.essence(source text, body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    doc jsonb := tavus.body_jsonb(body);
BEGIN
    IF jsonb_typeof(doc) IS DISTINCT FROM 'object' THEN
        RETURN doc;
    END IF;
    IF source = 'stripe' THEN
        RETURN doc - '{pending_webhooks,request}'::text[];
    END IF;
    IF source = 'tavus' THEN
        doc := doc - '{event_type,message_type,conversation_id,timestamp,webhook_url,callback_url,'
                      'signature}'::text[];
        IF jsonb_typeof(doc -> 'properties') = 'object' THEN
            doc := doc || jsonb_build_object('properties', (
                SELECT coalesce(jsonb_object_agg(CASE p.key WHEN 'face_id' THEN 'replica_id'
                                                            WHEN 'pal_id' THEN 'persona_id'
                                                            WHEN 'reason' THEN 'shutdown_reason'
                                                            ELSE p.key END, p.value), '{}')
                  FROM jsonb_each(doc -> 'properties') p));
        END IF;
    END IF;
    RETURN doc;
END
$$;
CREATE OR REPLACE FUNCTION tavus.same_event(source text, one bytea, two bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT one = two OR coalesce(tavus.essence(source, one) = tavus.essence(source, two), false)
$$;
CREATE OR REPLACE FUNCTION tavus.record_known(
    marks text[], fresh uuid[], ids uuid[], digests bytea[], sources text[], event_types text[],
    bodies bytea[])
RETURNS text[]
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (
    SELECT array_agg(
               CASE WHEN r.mark NOT IN ('.', '~') THEN r.mark
                    WHEN r.mark = '.' AND r.nth = 1 AND r.id = ANY (fresh) THEN 's'
                    ELSE coalesce((
                        SELECT CASE WHEN e.source = coalesce(r.source, '')
                                     AND (e.event_type = coalesce(r.event_type, '')
                                          OR e.source <> 'tavus')
                                     AND NOT tavus.same_event(e.source, e.body,
                                                              coalesce(r.body, ''))
                                    THEN 'q' ELSE 'd' END
                          FROM tavus.events e
                         WHERE e.id = CASE r.mark WHEN '.' THEN r.id ELSE coalesce(
                                          (SELECT d.id FROM tavus.digests d
                                            WHERE d.digest = substr(r.digest, 1, 16)),
                                          (SELECT b.id FROM tavus.digests_before b
                                            WHERE b.digest = substr(r.digest, 1, 16)),
                                          (SELECT x.stored FROM tavus.elsewhere x
                                            WHERE x.id = r.id)) END), 'd')
               END ORDER BY r.ord)
      FROM (SELECT u.*, row_number() OVER (PARTITION BY u.id, u.mark ORDER BY u.ord) AS nth
              FROM unnest(marks, ids, digests, sources, event_types, bodies) WITH ORDINALITY
                   AS u (mark, id, digest, source, event_type, body, ord)) r);
END
$$;
CREATE OR REPLACE FUNCTION tavus.record_intents(
    marks text[], ids uuid[], sources text[], event_types text[], nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.intents AS i (
        nonce, requested_id, vertical, persona_id, replica_id, document_tags, memory_stores,
        session_id, utm_source, utm_medium, utm_campaign, request_id,
        failed_id, outcome, reason, http_status)
    SELECT g.nonce, g.requested_id,
           tavus.str(g.wish, 'vertical'), tavus.str(g.wish, 'persona_id'),
           tavus.str(g.wish, 'replica_id'), tavus.strs(g.wish, 'document_tags'),
           tavus.strs(g.wish, 'memory_stores'), tavus.str(g.wish, 'session_id'),
           tavus.str(g.wish, 'utm_source'), tavus.str(g.wish, 'utm_medium'),
           tavus.str(g.wish, 'utm_campaign'), tavus.str(g.wish, 'request_id'),
           g.failed_id,
           CASE WHEN g.failed_id IS NOT NULL
                THEN CASE tavus.str(g.failure, 'outcome') WHEN 'unknown' THEN 'unknown'
                          ELSE 'failed' END END,
           tavus.str(g.failure, 'reason'),
           CASE WHEN g.failure ->> 'http_status' ~ '^[0-9]{1,9}$'
                THEN (g.failure ->> 'http_status')::int END
      FROM (SELECT r.nonce,
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.wish))[1] AS requested_id,
                   (array_agg(r.doc ORDER BY r.id) FILTER (WHERE r.wish))[1] AS wish,
                   (array_agg(r.id ORDER BY r.id DESC) FILTER (WHERE NOT r.wish))[1]
                       AS failed_id,
                   (array_agg(r.doc ORDER BY r.id DESC) FILTER (WHERE NOT r.wish))[1]
                       AS failure
              FROM (SELECT u.nonce, u.id, u.part = 'wish' AS wish,
                           tavus.body_jsonb(u.body) AS doc
                      FROM (SELECT m.*, tavus.part('intents', m.source, m.event_type) AS part
                              FROM unnest(marks, ids, sources, event_types, nonces, bodies)
                                   AS m (mark, id, source, event_type, nonce, body)) u
                     WHERE u.mark = 's' AND u.nonce IS NOT NULL
                       AND u.part IN ('wish', 'failure')
                    OFFSET 0) r
             GROUP BY r.nonce) g
     ORDER BY g.nonce
    ON CONFLICT (nonce) DO UPDATE SET
        (requested_id, vertical, persona_id, replica_id, document_tags, memory_stores,
         session_id, utm_source, utm_medium, utm_campaign, request_id) = (
            SELECT w.* FROM (
                SELECT i.requested_id, i.vertical, i.persona_id, i.replica_id, i.document_tags,
                       i.memory_stores, i.session_id, i.utm_source, i.utm_medium,
                       i.utm_campaign, i.request_id
                UNION ALL
                SELECT EXCLUDED.requested_id, EXCLUDED.vertical, EXCLUDED.persona_id,
                       EXCLUDED.replica_id, EXCLUDED.document_tags, EXCLUDED.memory_stores,
                       EXCLUDED.session_id, EXCLUDED.utm_source, EXCLUDED.utm_medium,
                       EXCLUDED.utm_campaign, EXCLUDED.request_id) w
             ORDER BY w.requested_id ASC NULLS LAST LIMIT 1),
        (failed_id, outcome, reason, http_status) = (
            SELECT w.* FROM (
                SELECT i.failed_id, i.outcome, i.reason, i.http_status
                UNION ALL
                SELECT EXCLUDED.failed_id, EXCLUDED.outcome, EXCLUDED.reason,
                       EXCLUDED.http_status) w
             ORDER BY w.failed_id DESC NULLS LAST LIMIT 1);
END
$$;
CREATE OR REPLACE FUNCTION tavus.record_conversations(
    marks text[], ids uuid[], sources text[], event_types text[], conversation_ids text[],
    nonces bytea[], bodies bytea[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.conversations AS c (
        id, first_id, nonce, announced_id, announced_ended, url, vertical, persona_id,
        replica_id, document_tags, memory_stores, session_id, utm_source, utm_medium,
        utm_campaign, started_id, shutdown_id, shutdown_reason, closed_id, closed_reason,
        transcript_id, recording_id, perception_id)
    SELECT g.conversation_id, g.first_id, g.nonce, g.announced_id,
           coalesce(tavus.str(g.news, 'status') = 'ended', false),
           tavus.str(g.news, 'conversation_url'), tavus.str(g.news, 'vertical'),
           coalesce(tavus.str(g.news, 'persona_id'), tavus.str(g.news, 'pal_id')),
           coalesce(tavus.str(g.news, 'replica_id'), tavus.str(g.news, 'face_id')),
           tavus.strs(g.news, 'document_tags'), tavus.strs(g.news, 'memory_stores'),
           tavus.str(g.news, 'session_id'), tavus.str(g.news, 'utm_source'),
           tavus.str(g.news, 'utm_medium'), tavus.str(g.news, 'utm_campaign'),
           g.started_id,
           g.shutdown_id,
           (SELECT regexp_replace(coalesce(tavus.str(p, 'shutdown_reason'),
                                           tavus.str(p, 'reason')), ' reached$', '')
              FROM coalesce(g.shutdown -> 'properties', g.shutdown -> 'payload') p),
           g.closed_id, tavus.str(g.closed, 'reason'),
           g.transcript_id, g.recording_id, g.perception_id
      FROM (SELECT r.conversation_id,
                   coalesce((array_agg(r.id ORDER BY r.id) FILTER (WHERE r.stored))[1],
                            (array_agg(r.id ORDER BY r.id))[1]) AS first_id,
                   (array_agg(r.nonce ORDER BY r.nonce))[1] AS nonce,
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.role = 'created'))[1]
                       AS announced_id,
                   (array_agg(r.doc ORDER BY r.id) FILTER (WHERE r.role = 'created'))[1]
                       AS news,
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.role = 'started'))[1]
                       AS started_id,
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.role = 'shutdown'))[1]
                       AS shutdown_id,
                   (array_agg(r.doc ORDER BY r.id) FILTER (WHERE r.role = 'shutdown'))[1]
                       AS shutdown,
                   (array_agg(r.id ORDER BY tavus.str(r.doc, 'reason') IS NULL, r.id)
                        FILTER (WHERE r.role IN ('closed', 'transcript', 'perception')))[1]
                       AS closed_id,
                   (array_agg(r.doc ORDER BY tavus.str(r.doc, 'reason') IS NULL, r.id)
                        FILTER (WHERE r.role IN ('closed', 'transcript', 'perception')))[1]
                       AS closed,
                   (array_agg(r.id ORDER BY r.id DESC) FILTER (WHERE r.role = 'transcript'))[1]
                       AS transcript_id,
                   (array_agg(r.id ORDER BY r.id DESC) FILTER (WHERE r.role = 'recording'))[1]
                       AS recording_id,
                   (array_agg(r.id ORDER BY r.id DESC) FILTER (WHERE r.role = 'perception'))[1]
                       AS perception_id
              FROM (SELECT s.*, CASE WHEN s.role IN ('created', 'shutdown', 'closed')
                                     THEN tavus.body_jsonb(s.body) END AS doc
                      FROM (SELECT u.conversation_id, u.id, u.nonce, u.body,
                                   u.mark = 's' AS stored,
                                   CASE u.mark WHEN 's' THEN
                                        tavus.part('conversations', u.source, u.event_type)
                                   END AS role
                              FROM unnest(marks, ids, sources, event_types, conversation_ids,
                                          nonces, bodies)
                                   AS u (mark, id, source, event_type, conversation_id, nonce,
                                         body)
                             WHERE u.mark IN ('s', 'd') AND tavus.ours(u.source)
                               AND u.conversation_id IS NOT NULL) s
                      LEFT JOIN LATERAL (
                           SELECT k.first_id, k.nonce FROM tavus.conversations k
                            WHERE k.id = s.conversation_id OFFSET 0) k ON true
                     WHERE s.role IS NOT NULL OR k.first_id IS NULL
                        OR s.stored AND s.id < k.first_id
                        OR s.nonce IS NOT NULL AND (k.nonce IS NULL OR s.nonce < k.nonce)
                    OFFSET 0) r
             GROUP BY r.conversation_id) g
     ORDER BY g.conversation_id
    ON CONFLICT (id) DO UPDATE SET
        first_id = least(c.first_id, EXCLUDED.first_id),
        nonce = least(c.nonce, EXCLUDED.nonce),
        (announced_id, announced_ended, url, vertical, persona_id, replica_id, document_tags,
         memory_stores, session_id, utm_source, utm_medium, utm_campaign) = (
            SELECT w.* FROM (
                SELECT c.announced_id, c.announced_ended, c.url, c.vertical, c.persona_id,
                       c.replica_id, c.document_tags, c.memory_stores, c.session_id,
                       c.utm_source, c.utm_medium, c.utm_campaign
                UNION ALL
                SELECT EXCLUDED.announced_id, EXCLUDED.announced_ended, EXCLUDED.url,
                       EXCLUDED.vertical, EXCLUDED.persona_id, EXCLUDED.replica_id,
                       EXCLUDED.document_tags, EXCLUDED.memory_stores, EXCLUDED.session_id,
                       EXCLUDED.utm_source, EXCLUDED.utm_medium, EXCLUDED.utm_campaign) w
             ORDER BY w.announced_id ASC NULLS LAST LIMIT 1),
        started_id = least(c.started_id, EXCLUDED.started_id),
        shutdown_id = least(c.shutdown_id, EXCLUDED.shutdown_id),
        shutdown_reason = CASE WHEN c.shutdown_id <= EXCLUDED.shutdown_id
                                 OR EXCLUDED.shutdown_id IS NULL
                               THEN c.shutdown_reason ELSE EXCLUDED.shutdown_reason END,
        (closed_id, closed_reason) = (
            SELECT w.* FROM (
                SELECT c.closed_id, c.closed_reason
                UNION ALL
                SELECT EXCLUDED.closed_id, EXCLUDED.closed_reason) w
             ORDER BY w.closed_id IS NULL, w.closed_reason IS NULL, w.closed_id LIMIT 1),
        transcript_id = greatest(c.transcript_id, EXCLUDED.transcript_id),
        recording_id = greatest(c.recording_id, EXCLUDED.recording_id),
        perception_id = greatest(c.perception_id, EXCLUDED.perception_id);
END
$$;
CREATE OR REPLACE FUNCTION tavus.record_quarantine(
    marks text[], ids uuid[], received timestamptz[], sources text[], event_types text[],
    conversation_ids text[], verifications text[], bodies bytea[], reasons text[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.quarantine (
        digest, id, received_at, source, event_type, conversation_id, verification, body, reason)
    SELECT sha256(sha256(convert_to(q.source, 'UTF8')) || sha256(convert_to(q.reason, 'UTF8'))
                  || q.body) AS digest,
           q.id, q.received_at, q.source, q.event_type, q.conversation_id, q.verification,
           q.body, q.reason
      FROM (SELECT u.id, coalesce(u.received_at, now()) AS received_at,
                   coalesce(u.source, '') AS source, u.event_type, u.conversation_id,
                   u.verification, coalesce(u.body, '') AS body,
                   CASE WHEN u.reason IS NOT NULL THEN u.reason
                        WHEN tavus.too_long(u.source, u.event_type, u.conversation_id)
                        THEN 'field too long' ELSE 'conflict' END AS reason
              FROM unnest(marks, ids, received, sources, event_types, conversation_ids,
                          verifications, bodies, reasons)
                   AS u (mark, id, received_at, source, event_type, conversation_id,
                         verification, body, reason)
             WHERE u.mark = 'q') q
     ORDER BY digest, q.id
    ON CONFLICT (digest) DO NOTHING;
END
$$;
CREATE OR REPLACE FUNCTION tavus.record(
    ids uuid[], received timestamptz[], digests bytea[], kinds smallint[], sources text[],
    event_types text[], conversation_ids text[], nonces bytea[], verifications text[],
    bodies bytea[], reasons text[])
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    n      int := cardinality(ids);
    odd    boolean;     -- a row may need the gate
    news   boolean;     -- a conversation may change
    fates  boolean;     -- an intent may change
    wishes boolean;     -- by what is asked for, or was not made
    marks  text[];
    fresh  uuid[];
BEGIN
    IF (n, n, n, n, n, n, n, n, n, n) IS DISTINCT FROM
       (cardinality(received), cardinality(digests), cardinality(kinds), cardinality(sources),
        cardinality(event_types), cardinality(conversation_ids), cardinality(nonces),
        cardinality(verifications), cardinality(bodies), cardinality(reasons))
    THEN
        RAISE 'arrays differ in length' USING ERRCODE = 'array_subscript_error';
    END IF;
    SELECT EXISTS (SELECT FROM tavus.elsewhere x WHERE x.id = ANY (ids))
           OR bool_or(tavus.too_long(r.source, r.event_type, r.conversation_id)
                   OR r.ours AND r.nonce IS NOT NULL AND r.conversation_id IS NOT NULL
                   AND c.nonce IS DISTINCT FROM r.nonce),
           bool_or(r.ours AND r.conversation_id IS NOT NULL
                   AND (c.first_id IS NULL OR r.id < c.first_id
                        OR c.nonce IS NULL AND r.nonce IS NOT NULL OR r.nonce < c.nonce
                        OR tavus.part('conversations', r.source, r.event_type) IS NOT NULL)),
           bool_or(r.source = 'server' AND r.nonce IS NOT NULL),
           bool_or(r.nonce IS NOT NULL
                   AND tavus.part('intents', r.source, r.event_type) IN ('wish', 'failure'))
      INTO odd, news, fates, wishes
      FROM (SELECT u.*, tavus.ours(u.source) AS ours
              FROM unnest(ids, sources, event_types, conversation_ids, nonces)
                   AS u (id, source, event_type, conversation_id, nonce)) r
      LEFT JOIN LATERAL (SELECT k.first_id, k.nonce FROM tavus.conversations k
                          WHERE k.id = r.conversation_id OFFSET 0) c ON true;
    IF odd OR fates OR num_nonnulls(VARIADIC reasons) > 0 OR num_nonnulls(VARIADIC digests) > 0
    THEN
        marks := tavus.record_gate(ids, digests, sources, event_types, conversation_ids, nonces,
                                   reasons);
    END IF;
    WITH added AS (
        INSERT INTO tavus.events (
            id, received_at, kind, source, event_type, conversation_id, verification, body)
        SELECT r.id, coalesce(r.received_at, now()), coalesce(r.kind, 0::smallint),
               coalesce(r.source, ''), coalesce(r.event_type, ''), r.conversation_id,
               r.verification, coalesce(bodies[r.ord], '')
          FROM (SELECT u.id, u.received_at, u.kind, u.source, u.event_type, u.conversation_id,
                       u.verification, u.ord::int
                  FROM unnest(marks, ids, received, kinds, sources, event_types,
                              conversation_ids, verifications) WITH ORDINALITY
                       AS u (mark, id, received_at, kind, source, event_type, conversation_id,
                             verification, ord)
                 WHERE coalesce(u.mark, '.') = '.'
                 ORDER BY u.id, u.ord
                OFFSET 0) r
        ON CONFLICT (id) DO NOTHING
        RETURNING id)
    SELECT array_agg(a.id) INTO fresh FROM added a;
    IF cardinality(fresh) = n THEN
        IF NOT coalesce(news OR fates, false) THEN
            RETURN repeat('s', n);
        END IF;
        marks := array_fill('s'::text, ARRAY[n]);
    ELSE
        PERFORM pg_logical_emit_message(true, 'tavus', '');
        marks := tavus.record_known(coalesce(marks, array_fill('.'::text, ARRAY[n])),
                                    coalesce(fresh, '{}'), ids, digests, sources, event_types,
                                    bodies);
    END IF;
    IF news THEN
        PERFORM tavus.record_conversations(marks, ids, sources, event_types, conversation_ids,
                                           nonces, bodies);
    END IF;
    IF wishes THEN
        PERFORM tavus.record_intents(marks, ids, sources, event_types, nonces, bodies);
    END IF;
    IF fates THEN
        PERFORM tavus.record_settle(marks, sources, event_types, nonces, bodies);
    END IF;
    IF 'q' = ANY (marks) THEN
        PERFORM tavus.record_quarantine(marks, ids, received, sources, event_types,
                                        conversation_ids, verifications, bodies, reasons);
    END IF;
    RETURN array_to_string(marks, '');
END
$$;
CREATE OR REPLACE FUNCTION tavus.schema_version() RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT max(m.version) FROM tavus.migrations m
$$;
CREATE OR REPLACE FUNCTION tavus.event_json(
    id uuid, received_at timestamptz, kind smallint, source text, event_type text,
    conversation_id text, body bytea, limit_ int)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT concat('{"id":"', id, '","timestamp":"', tavus.iso(tavus.uuid_time(id)),
                  '","type":"', tavus.type_name(kind), '","source":', to_json(source),
                  ',"conversationId":' || to_json(conversation_id),
                  ',"event_type":', coalesce(to_json(event_type)::text, 'null'),
                  ',"received_at":"', tavus.iso(received_at),
                  '","data":', CASE WHEN octet_length(body) > limit_
                                    THEN '{"truncated":true,"bytes":' || octet_length(body) || '}'
                                    ELSE tavus.text_json(tavus.body_text(body)) END)
$$;
CREATE OR REPLACE FUNCTION tavus.admin_events(
    type text DEFAULT NULL, event_type text DEFAULT NULL, source text DEFAULT NULL,
    conversation_id text DEFAULT NULL, q text DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ uuid DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    lo       uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi       uuid := least(tavus.uuid_floor(to_), cursor_,
                           'ffffffff-ffff-ffff-ffff-ffffffffffff');
    wanted   int := least(greatest(coalesce(limit_, 50), 1), 500);
    kind     int := array_position('{webhook,error,info,conversion}'::text[], type) - 1;
    pattern  text := '%' || replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    body     text := 'convert_from(s.body, ''UTF8'')';
    near     text := '';    -- conditions that an index answers
    far      text := '';    -- conditions that rows are tested for
    weight   text := '0';   -- of a row, in bytes that are looked through
    chunk    int := 500;    -- rows of a step
    room     int := 1048576;    -- bytes of a step, of which the last row may be beyond
    found    int;
    seen     int;
    edge     uuid;
    keys     uuid[];
    page     text[];
    all_keys uuid[] := '{}';
    all_rows text[] := '{}';
    next_    uuid;
    searched text;
    begun    timestamptz := clock_timestamp();
    lap      timestamptz;
BEGIN
    IF type IS NOT NULL AND kind IS NULL THEN
        RETURN '{"events":[],"next_cursor":null}';
    END IF;
    IF conversation_id IS NOT NULL THEN
        near := ' AND e.conversation_id = $3';
    END IF;
    IF kind IS NOT NULL THEN
        IF near = '' AND (kind IN (1, 3) OR kind = 2 AND coalesce(source, 'tavus') = 'tavus') THEN
            near := ' AND e.kind = $5::smallint AND e.kind <> 0';
        ELSE
            far := far || ' AND s.kind = $5';
        END IF;
    END IF;
    IF source IS NOT NULL THEN
        IF near = '' AND source <> 'tavus' THEN
            near := ' AND e.source = $4 AND e.source <> ''tavus''';
        ELSE
            far := far || ' AND s.source = $4';
        END IF;
    END IF;
    IF event_type IS NOT NULL THEN
        far := far || ' AND s.event_type = $6';
    END IF;
    IF q <> '' THEN
        IF octet_length(q) = length(q) THEN
            body := body || ' COLLATE "C"';
        ELSE
            body := body || ' COLLATE "default"';
        END IF;
        far := far || ' AND (s.event_type ILIKE $7 OR s.conversation_id ILIKE $7 OR '
               || body || ' ILIKE $7)';
        weight := 'octet_length(c.body)';
    END IF;
    IF far = '' THEN
        chunk := wanted + 1;
    END IF;
    LOOP
        lap := clock_timestamp();
        BEGIN
            EXECUTE format(
                'WITH c AS MATERIALIZED (
                     SELECT e.* FROM tavus.events e WHERE e.id >= $1 AND e.id < $2 %1$s
                      ORDER BY e.id DESC LIMIT $8
                 ), s AS MATERIALIZED (
                     SELECT w.* FROM (SELECT c.*, %2$s AS bytes,
                                             sum(%2$s) OVER (ORDER BY c.id DESC) AS upto
                                        FROM c) w
                      WHERE w.upto - w.bytes < $10 ORDER BY w.id DESC
                 ), f AS MATERIALIZED (
                     SELECT s.* FROM s WHERE true %3$s LIMIT $9
                 )
                 SELECT (SELECT count(*) FROM c), (SELECT count(*) FROM s),
                        (SELECT s.id FROM s ORDER BY s.id LIMIT 1),
                        ARRAY(SELECT f.id FROM f),
                        ARRAY(SELECT tavus.event_json(f.id, f.received_at, f.kind, f.source,
                                         f.event_type, f.conversation_id, f.body, 65536) || ''}''
                                FROM f)', near, weight, far)
               INTO found, seen, edge, keys, page
              USING lo, hi, conversation_id, source, kind, event_type, pattern, chunk,
                    wanted + 1 - cardinality(all_keys), room;
        EXCEPTION WHEN data_exception THEN
            IF strpos(far, 'convert_from') = 0 THEN
                RAISE;
            END IF;
            far := replace(far, 'convert_from(s.body, ''UTF8'')', 'tavus.body_text(s.body)');
            CONTINUE;
        END;
        all_keys := all_keys || keys;
        all_rows := all_rows || page;
        IF cardinality(all_keys) > wanted THEN
            next_ := all_keys[wanted];
            all_rows := all_rows[:wanted];
            EXIT;
        END IF;
        EXIT WHEN found < chunk AND seen = found;
        IF clock_timestamp() - begun > interval '50 ms' THEN
            next_ := edge;
            searched := tavus.iso(tavus.uuid_time(edge));
            EXIT;
        END IF;
        hi := edge;
        IF clock_timestamp() - lap < interval '8 ms' THEN
            chunk := least(chunk * 2, 4000);
            room := least(room * 2, 4194304);
        ELSIF clock_timestamp() - lap > interval '20 ms' THEN
            chunk := greatest(chunk / 2, 100);
            room := greatest(room / 2, 65536);
        END IF;
    END LOOP;
    RETURN concat('{"events":[', array_to_string(all_rows, ','), '],"next_cursor":',
                  coalesce('"' || next_ || '"', 'null'), ',"searched_to":"' || searched || '"',
                  '}');
END
$$;
CREATE OR REPLACE FUNCTION tavus.admin_event(id uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
    SELECT concat(tavus.event_json(x.id, x.received_at, x.kind, x.source, x.event_type,
                                   x.conversation_id,
                                   CASE WHEN x.reason IS NULL THEN x.body
                                        ELSE tavus.body_shown(x.body, x.reason) END, NULL),
                  ',"verification":', coalesce(tavus.text_json(x.verification), 'null'),
                  ',"quarantine":{"reason":' || to_json(x.reason) || '}',
                  ',"raw":"', replace(encode(x.body, 'base64'), E'\n', ''), '"}')
      FROM (SELECT e.id, e.received_at, e.kind, e.source, e.event_type, e.conversation_id,
                   e.verification, e.body, NULL::text AS reason, NULL::bigint AS seq
              FROM tavus.events e WHERE e.id = $1
            UNION ALL
            SELECT z.id, z.received_at, 0::smallint, z.source, z.event_type, z.conversation_id,
                   z.verification, z.body, z.reason, z.seq
              FROM tavus.quarantine z WHERE z.id = $1) x
     ORDER BY x.seq DESC NULLS FIRST LIMIT 1
$$;
CREATE OR REPLACE FUNCTION tavus.admin_quarantine(
    limit_ int DEFAULT NULL, cursor_ bigint DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
    WITH wanted AS (
        SELECT least(greatest(coalesce(limit_, 50), 1), 500) AS n
    ), page AS MATERIALIZED (
        SELECT z.*, row_number() OVER (ORDER BY z.seq DESC) AS nth
          FROM (SELECT * FROM tavus.quarantine
                 WHERE seq < coalesce(cursor_, 9223372036854775807)
                 ORDER BY seq DESC LIMIT (SELECT n + 1 FROM wanted)) z
    )
    SELECT '{"events":[' || coalesce(string_agg(
               tavus.event_json(p.id, p.received_at, 0::smallint, p.source, p.event_type,
                                p.conversation_id,
                                CASE WHEN octet_length(p.body) > 65536 THEN p.body
                                     ELSE tavus.body_shown(p.body, p.reason) END, 65536)
               || ',"quarantine":{"reason":' || to_json(p.reason) || '}}', ',' ORDER BY p.nth)
               FILTER (WHERE p.nth <= w.n), '')
           || '],"next_cursor":'
           || coalesce('"' || CASE WHEN max(p.nth) > w.n
                                   THEN max(p.seq) FILTER (WHERE p.nth = w.n) END || '"', 'null')
           || '}'
      FROM wanted w LEFT JOIN page p ON true
     GROUP BY w.n
$$;
CREATE OR REPLACE FUNCTION tavus.conversation_json(c tavus.conversations) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'id', c.id,
               'url', c.url,
               'personaId', CASE WHEN k.known THEN c.persona_id ELSE i.persona_id END,
               'replicaId', CASE WHEN k.known THEN c.replica_id ELSE i.replica_id END,
               'vertical', CASE WHEN k.known THEN c.vertical ELSE i.vertical END,
               'memoryStores', coalesce(CASE WHEN k.known THEN c.memory_stores
                                             ELSE i.memory_stores END, '{}'),
               'documentTags', coalesce(CASE WHEN k.known THEN c.document_tags
                                             ELSE i.document_tags END, '{}'),
               'status', CASE WHEN c.ended THEN 'ended' ELSE 'active' END,
               'createdAt', tavus.iso(tavus.uuid_time(c.created_id)))
           || jsonb_strip_nulls(jsonb_build_object(
               'endedAt', tavus.iso(tavus.uuid_time(
                   coalesce(least(c.shutdown_id, c.closed_id),
                            CASE WHEN c.announced_ended THEN c.announced_id END))),
               'started_at', tavus.iso(tavus.uuid_time(c.started_id)),
               'shutdown_reason', coalesce(c.shutdown_reason, c.closed_reason),
               'session_id', CASE WHEN k.known THEN c.session_id ELSE i.session_id END,
               'utm_source', CASE WHEN k.known THEN c.utm_source ELSE i.utm_source END,
               'utm_medium', CASE WHEN k.known THEN c.utm_medium ELSE i.utm_medium END,
               'utm_campaign', CASE WHEN k.known THEN c.utm_campaign ELSE i.utm_campaign END,
               'transcript_event_id', c.transcript_id,
               'recording_event_id', c.recording_id,
               'perception_event_id', c.perception_id))
      FROM (SELECT c.announced_id IS NOT NULL AS known) k
      LEFT JOIN tavus.intents i ON NOT k.known AND i.nonce = c.nonce
$$;
CREATE OR REPLACE FUNCTION tavus.admin_conversations(
    status text DEFAULT NULL, vertical text DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    lo       uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi       uuid := coalesce(tavus.uuid_floor(to_), 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    hi_id    text := '';
    wanted   int := least(greatest(coalesce(limit_, 50), 1), 500);
    near     text := '';
    far      text := '';
    chunk    int := 500;
    seen     int;
    page     text[];
    keys     text[];
    all_rows text[] := '{}';
    all_keys text[] := '{}';
    next_    text;
    searched text;
    begun    timestamptz := clock_timestamp();
BEGIN
    IF cursor_ IS NOT NULL THEN
        IF cursor_ !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:' THEN
            RAISE 'not a cursor' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF left(cursor_, 36)::uuid < hi THEN
            hi := left(cursor_, 36)::uuid;
            hi_id := substr(cursor_, 38);
        END IF;
    END IF;
    IF status = 'active' THEN
        near := ' AND NOT c.ended';
    ELSIF status = 'ended' THEN
        far := ' AND (s.c).ended';
    ELSIF status IS NOT NULL THEN
        RETURN '{"conversations":[],"next_cursor":null}';
    END IF;
    IF vertical IS NOT NULL THEN
        far := far || ' AND CASE WHEN (s.c).announced_id IS NOT NULL THEN (s.c).vertical
                                 ELSE (SELECT i.vertical FROM tavus.intents i
                                        WHERE i.nonce = (s.c).nonce) END = $4';
    END IF;
    IF far = '' THEN
        chunk := wanted + 1;
    END IF;
    LOOP
        EXECUTE format(
            'WITH s AS MATERIALIZED (
                 SELECT l.c, row_number() OVER () AS n
                   FROM (SELECT c FROM tavus.conversations c
                          WHERE c.created_id >= $1 AND (c.created_id, c.id) < ($2, $3) %s
                          ORDER BY c.created_id DESC, c.id DESC LIMIT $5) l
             ), f AS MATERIALIZED (
                 SELECT s.* FROM s WHERE true %s ORDER BY s.n LIMIT $6
             )
             SELECT (SELECT count(*) FROM s),
                    (SELECT (s.c).created_id FROM s ORDER BY s.n DESC LIMIT 1),
                    (SELECT (s.c).id FROM s ORDER BY s.n DESC LIMIT 1),
                    ARRAY(SELECT tavus.conversation_json(f.c)::text FROM f ORDER BY f.n),
                    ARRAY(SELECT (f.c).created_id || '':'' || (f.c).id FROM f ORDER BY f.n)',
            near, far)
           INTO seen, hi, hi_id, page, keys
          USING lo, hi, hi_id, vertical, chunk, wanted + 1 - cardinality(all_keys);
        all_rows := all_rows || page;
        all_keys := all_keys || keys;
        IF cardinality(all_keys) > wanted THEN
            next_ := all_keys[wanted];
            EXIT;
        END IF;
        EXIT WHEN seen < chunk;
        IF clock_timestamp() - begun > interval '50 ms' THEN
            next_ := hi || ':' || hi_id;
            searched := tavus.iso(tavus.uuid_time(hi));
            EXIT;
        END IF;
    END LOOP;
    RETURN concat('{"conversations":[', array_to_string(all_rows[:wanted], ','),
                  '],"next_cursor":', coalesce(to_json(next_)::text, 'null'),
                  ',"searched_to":"' || searched || '"', '}');
END
$$;
CREATE OR REPLACE FUNCTION tavus.admin_conversation(id text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    c          tavus.conversations;
    doc        json;
    events     text;
    transcript text;
BEGIN
    SELECT k.* INTO c FROM tavus.conversations k WHERE k.id = $1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(tavus.event_json(t.id, t.received_at, t.kind, t.source, t.event_type,
                                       t.conversation_id, t.body,
                                       CASE WHEN t.upto <= 4194304 THEN 65536 ELSE 2048 END)
                      || '}', ',' ORDER BY t.id)
      INTO events
      FROM (SELECT l.*, sum(least(octet_length(l.body), 65536))
                            OVER (ORDER BY l.relayed, l.id) AS upto
              FROM (-- by the index of timelines, not the one of sources: hence the texts
                    (SELECT e.*, false AS relayed FROM tavus.events e
                      WHERE e.conversation_id = $1 AND e.source || '' <> 'browser'
                      ORDER BY e.id LIMIT 1000)
                    UNION ALL
                    (SELECT e.*, true FROM tavus.events e
                      WHERE e.conversation_id = $1 AND e.source || '' = 'browser'
                      ORDER BY e.id LIMIT 1000)
                    ORDER BY relayed, id LIMIT 1000) l) t;
    BEGIN
        SELECT tavus.body_text(e.body)::json #> '{properties,transcript}'
          INTO doc FROM tavus.events e WHERE e.id = c.transcript_id;
        IF json_typeof(doc) = 'array' THEN
            SELECT coalesce(string_agg(t.item::text, ',' ORDER BY t.ord), '')
              INTO transcript
              FROM json_array_elements(doc) WITH ORDINALITY AS t (item, ord)
             WHERE CASE json_typeof(t.item) WHEN 'object'
                        THEN t.item ->> 'role' IS DISTINCT FROM 'system' ELSE false END;
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        transcript := NULL;
    END;
    RETURN left(tavus.conversation_json(c)::text, -1)
           || ',"events":[' || coalesce(events, '')
           || '],"transcript":' || coalesce('[' || transcript || ']', 'null') || '}';
END
$$;
CREATE OR REPLACE FUNCTION tavus.health() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT json_build_object(
        'schema', tavus.schema_version(),
        'synchronous_replication',
            current_setting('synchronous_standby_names') <> '',
        'missing_months', ARRAY(
            SELECT to_char(m.month, 'YYYY-MM')
              FROM generate_series(
                       date_trunc('month', (now() - interval '35 days') AT TIME ZONE 'UTC'),
                       date_trunc('month', (now() + interval '1 month') AT TIME ZONE 'UTC'),
                       interval '1 month') AS m (month)
             WHERE NOT EXISTS (
                 SELECT FROM pg_inherits i
                  WHERE i.inhparent = 'tavus.events'::regclass
                    AND i.inhrelid = to_regclass('tavus.' || to_char(m.month,
                                                                     '"events_p"YYYYMM')))),
        'quarantined', (SELECT count(*) FROM (SELECT FROM tavus.quarantine LIMIT 10000) q),
        'unsettled', (SELECT count(*) FROM (SELECT FROM tavus.intents WHERE due_at IS NOT NULL
                                             LIMIT 10000) u),
        'silent_nodes', coalesce((
            SELECT json_agg(json_build_object(
                       'id', s.id, 'heard', tavus.iso(s.beat_at), 'files', s.files,
                       'bytes', s.bytes) ORDER BY s.beat_at)
              FROM tavus.silent_nodes() s), '[]'),
        'clashing_nodes', ARRAY(
            SELECT DISTINCT n.id FROM tavus.nodes n
             WHERE n.clash_at > now() - interval '1 minute'))::text
$$;
REVOKE ALL ON SCHEMA tavus FROM PUBLIC;
GRANT USAGE ON SCHEMA tavus TO tavus_app, tavus_admin;
REVOKE ALL ON ALL TABLES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.record(uuid[], timestamptz[], bytea[], smallint[], text[], text[], text[], bytea[],
                 text[], bytea[], text[]),
    tavus.maintain(interval),
    tavus.make_months(),
    tavus.drop_months(interval),
    tavus.rotate_digests(),
    tavus.trim(text, interval, int, text),
    tavus.heartbeat(text, int, bigint),
    tavus.claim_unsettled(text, bigint, int)
TO tavus_app;
GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.admin_events(text, text, text, text, text, timestamptz, timestamptz, int, uuid),
    tavus.admin_event(uuid),
    tavus.admin_quarantine(int, bigint),
    tavus.admin_conversations(text, text, timestamptz, timestamptz, int, text),
    tavus.admin_conversation(text),
    tavus.health(),
    tavus.pieces(text)
TO tavus_admin;
COMMIT;
SELECT tavus.make_months() \g /dev/null
RESET ROLE;
