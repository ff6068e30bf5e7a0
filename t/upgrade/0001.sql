\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT pg_advisory_xact_lock(2026, 1) \g /dev/null
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
    IF NOT pg_catalog.pg_has_role(current_user, 'tavus_owner', 'MEMBER') THEN
        EXECUTE pg_catalog.format('GRANT tavus_owner TO %I', current_user);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'tavus') THEN
        CREATE SCHEMA tavus AUTHORIZATION tavus_owner;
    END IF;
END
$$;
SET LOCAL ROLE tavus_owner;
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TABLE IF NOT EXISTS tavus.migrations (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 1) AS due \gset
\if :due
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
\endif
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
CREATE OR REPLACE FUNCTION tavus.str(doc jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(doc -> name) WHEN 'string' THEN doc ->> name END;
CREATE OR REPLACE FUNCTION tavus.strs(doc jsonb, name text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(doc -> name) WHEN 'array' THEN
    ARRAY(SELECT e.value #>> '{}'
            FROM jsonb_array_elements(CASE jsonb_typeof(doc -> name)
                                           WHEN 'array' THEN doc -> name
                                           ELSE '[]' END)
                 WITH ORDINALITY AS e (value, ord)
           WHERE jsonb_typeof(e.value) = 'string'
           ORDER BY e.ord) END;
CREATE OR REPLACE FUNCTION tavus.add_partition(month timestamp) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    name text := pg_catalog.to_char(month, '"events_p"YYYYMM');
BEGIN
    IF pg_catalog.to_regclass('tavus.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE pg_catalog.format('CREATE TABLE tavus.%I (LIKE tavus.events INCLUDING ALL)', name);
    EXECUTE pg_catalog.format(
        'ALTER TABLE tavus.events ATTACH PARTITION tavus.%I FOR VALUES FROM (%L) TO (%L)', name,
        tavus.uuid_floor(month AT TIME ZONE 'UTC'),
        tavus.uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC'));
    RETURN true;
END
$$;
CREATE OR REPLACE FUNCTION tavus.maintain(retention interval DEFAULT '400 days') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET client_min_messages = warning
AS $$
DECLARE
    span    interval := greatest(coalesce(retention, '400 days'), interval '60 days');
    past    timestamptz := now() - span;
    bound   uuid := tavus.uuid_floor(past);
    present timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month   timestamp;
    part    text;
    tries   int;
    trimmed bigint;
    total   bigint := 0;
    created text[] := '{}';
    dropped text[] := '{}';
    waiting text[] := '{}';
BEGIN
    IF NOT pg_try_advisory_xact_lock(2026, 2) THEN
        RETURN '{"busy":true}';
    END IF;
    FOR i IN -2 .. 3 LOOP
        month := present + make_interval(months => i);
        part := to_char(month, '"events_p"YYYYMM');
        tries := 0;
        LOOP
            BEGIN
                IF tavus.add_partition(month) THEN
                    created := created || part;
                END IF;
                EXIT;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                tries := tries + 1;
                IF tries = 5 THEN
                    waiting := waiting || part;
                    EXIT;
                END IF;
                PERFORM pg_sleep(0.1 * tries);
            END;
        END LOOP;
    END LOOP;
    DELETE FROM tavus.digests d USING (
        SELECT digest FROM tavus.digests
         WHERE seen_at < greatest(past, now() - interval '90 days')
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE d.digest = old.digest;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;
    DELETE FROM tavus.quarantine q USING (
        SELECT digest FROM tavus.quarantine WHERE id < bound
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE q.digest = old.digest;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;
    DELETE FROM tavus.intents i USING (
        SELECT nonce FROM tavus.intents WHERE seen_at < past
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE i.nonce = old.nonce;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;
    DELETE FROM tavus.conversations c USING (
        SELECT id FROM tavus.conversations WHERE created_id < bound
         LIMIT 20000 FOR UPDATE SKIP LOCKED) old
     WHERE c.id = old.id;
    GET DIAGNOSTICS trimmed = ROW_COUNT;
    total := total + trimmed;
    FOR part, month IN
        SELECT c.relname, to_timestamp(right(c.relname, 6), 'YYYYMM')::timestamp
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'tavus.events'::regclass AND c.relname ~ '^events_p[0-9]{6}$'
         ORDER BY c.relname
    LOOP
        CONTINUE WHEN month >= present - interval '2 months'
                   OR (month + interval '1 month') AT TIME ZONE 'UTC' > past;
        tries := 0;
        LOOP
            BEGIN
                EXECUTE format('ALTER TABLE tavus.events DETACH PARTITION tavus.%I', part);
                EXECUTE format('DROP TABLE tavus.%I', part);
                dropped := dropped || part;
                EXIT;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                tries := tries + 1;
                IF tries = 5 THEN
                    waiting := waiting || part;
                    EXIT;
                END IF;
                PERFORM pg_sleep(0.1 * tries);
            END;
        END LOOP;
    END LOOP;
    RETURN json_build_object('created', created, 'dropped', dropped, 'waiting', waiting,
                             'trimmed', total)::text;
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
        SELECT CASE WHEN r.reason IS NOT NULL OR octet_length(r.conversation_id) > 1000
                      OR octet_length(r.event_type) > 1000 OR octet_length(r.source) > 1000
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
         WHERE r.mark = '.' AND r.nonce IS NOT NULL AND r.source IN ('tavus', 'server')
           AND (r.source = 'server'
                AND r.event_type IN ('conversation.requested', 'conversation.create_failed')
                OR r.conversation_id IS NOT NULL
                AND (SELECT b.conversation_id FROM tavus.intents b
                      WHERE b.nonce = r.nonce) IS NULL)
         GROUP BY r.nonce
         ORDER BY r.nonce
        ON CONFLICT (nonce) DO UPDATE SET conversation_id = EXCLUDED.conversation_id
         WHERE i.conversation_id IS NULL AND EXCLUDED.conversation_id IS NOT NULL;
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.nonce IS NOT NULL
                         AND r.conversation_id IS NOT NULL AND r.source IN ('tavus', 'server')
                         AND (SELECT b.conversation_id FROM tavus.intents b
                               WHERE b.nonce = r.nonce) <> r.conversation_id
                        THEN 'b' ELSE r.mark END
              FROM unnest(marks, sources, conversation_ids, nonces) WITH ORDINALITY
                   AS r (mark, source, conversation_id, nonce, ord)
             ORDER BY r.ord);
    END IF;
    IF num_nonnulls(VARIADIC digests) > 0 THEN
        INSERT INTO tavus.digests (digest, id, seen_at)
        SELECT DISTINCT ON (r.digest) r.digest, r.id, now()
          FROM unnest(marks, ids, digests) WITH ORDINALITY AS r (mark, id, digest, ord)
         WHERE r.mark = '.' AND r.digest IS NOT NULL
         ORDER BY r.digest, r.id, r.ord
        ON CONFLICT (digest) DO NOTHING;
        marks := ARRAY(
            SELECT CASE WHEN r.mark = '.' AND r.digest IS NOT NULL
                         AND (SELECT d.id FROM tavus.digests d WHERE d.digest = r.digest) <> r.id
                        THEN '~' ELSE r.mark END
              FROM unnest(marks, ids, digests) WITH ORDINALITY AS r (mark, id, digest, ord)
             ORDER BY r.ord);
    END IF;
    RETURN marks;
END
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
                                     AND e.body <> coalesce(r.body, '') THEN 'q' ELSE 'd' END
                          FROM tavus.events e
                         WHERE e.id = CASE r.mark WHEN '.' THEN r.id ELSE (
                                          SELECT d.id FROM tavus.digests d
                                           WHERE d.digest = r.digest) END), 'd')
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
              FROM (SELECT u.nonce, u.id, u.event_type = 'conversation.requested' AS wish,
                           tavus.body_jsonb(u.body) AS doc
                      FROM unnest(marks, ids, sources, event_types, nonces, bodies)
                           AS u (mark, id, source, event_type, nonce, body)
                     WHERE u.mark = 's' AND u.source = 'server' AND u.nonce IS NOT NULL
                       AND u.event_type IN ('conversation.requested',
                                            'conversation.create_failed')
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
           regexp_replace(coalesce(tavus.str(g.shutdown -> 'properties', 'shutdown_reason'),
                                   tavus.str(g.shutdown -> 'properties', 'reason')),
                          ' reached$', ''),
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
                   (array_agg(r.id ORDER BY r.id) FILTER (WHERE r.role = 'closed'))[1]
                       AS closed_id,
                   (array_agg(r.doc ORDER BY r.id) FILTER (WHERE r.role = 'closed'))[1]
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
                                   CASE WHEN u.mark <> 's' THEN NULL
                                        WHEN u.source = 'server' THEN
                                            CASE u.event_type
                                            WHEN 'conversation.created' THEN 'created'
                                            WHEN 'conversation.ended' THEN 'closed'
                                            END
                                        ELSE
                                            CASE u.event_type
                                            WHEN 'system.replica_joined' THEN 'started'
                                            WHEN 'system.pal_joined' THEN 'started'
                                            WHEN 'system.shutdown' THEN 'shutdown'
                                            WHEN 'application.transcription_ready'
                                                THEN 'transcript'
                                            WHEN 'application.recording_ready'
                                                THEN 'recording'
                                            WHEN 'application.perception_analysis'
                                                THEN 'perception'
                                            END
                                   END AS role
                              FROM unnest(marks, ids, sources, event_types, conversation_ids,
                                          nonces, bodies)
                                   AS u (mark, id, source, event_type, conversation_id, nonce,
                                         body)
                             WHERE u.mark IN ('s', 'd') AND u.source IN ('tavus', 'server')
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
        closed_id = least(c.closed_id, EXCLUDED.closed_id),
        closed_reason = CASE WHEN c.closed_id <= EXCLUDED.closed_id
                               OR EXCLUDED.closed_id IS NULL
                             THEN c.closed_reason ELSE EXCLUDED.closed_reason END,
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
                        WHEN octet_length(u.conversation_id) > 1000
                          OR octet_length(u.event_type) > 1000 OR octet_length(u.source) > 1000
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
    SELECT bool_or(octet_length(r.conversation_id) > 1000 OR octet_length(r.event_type) > 1000
                   OR octet_length(r.source) > 1000
                   OR r.ours AND r.nonce IS NOT NULL AND r.conversation_id IS NOT NULL
                   AND c.nonce IS DISTINCT FROM r.nonce),
           bool_or(r.ours AND r.conversation_id IS NOT NULL
                   AND (c.first_id IS NULL OR r.id < c.first_id
                        OR c.nonce IS NULL AND r.nonce IS NOT NULL OR r.nonce < c.nonce
                        OR r.event_type IN (
                           'conversation.created', 'conversation.ended',
                           'system.replica_joined', 'system.pal_joined', 'system.shutdown',
                           'application.transcription_ready', 'application.recording_ready',
                           'application.perception_analysis'))),
           bool_or(r.source = 'server' AND r.nonce IS NOT NULL
                   AND r.event_type IN ('conversation.requested', 'conversation.create_failed'))
      INTO odd, news, fates
      FROM (SELECT u.*, u.source IN ('tavus', 'server') AS ours
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
               r.verification, coalesce(r.body, '')
          FROM unnest(marks, ids, received, kinds, sources, event_types, conversation_ids,
                      verifications, bodies) WITH ORDINALITY
               AS r (mark, id, received_at, kind, source, event_type, conversation_id,
                     verification, body, ord)
         WHERE coalesce(r.mark, '.') = '.'
         ORDER BY r.id, r.ord
        ON CONFLICT (id) DO NOTHING
        RETURNING id)
    SELECT array_agg(a.id) INTO fresh FROM added a;
    IF cardinality(fresh) = n THEN
        IF NOT coalesce(news OR fates, false) THEN
            RETURN repeat('s', n);
        END IF;
        marks := array_fill('s'::text, ARRAY[n]);
    ELSE
        marks := tavus.record_known(coalesce(marks, array_fill('.'::text, ARRAY[n])),
                                    coalesce(fresh, '{}'), ids, digests, sources, event_types,
                                    bodies);
    END IF;
    IF news THEN
        PERFORM tavus.record_conversations(marks, ids, sources, event_types, conversation_ids,
                                           nonces, bodies);
    END IF;
    IF fates THEN
        PERFORM tavus.record_intents(marks, ids, sources, event_types, nonces, bodies);
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
    SELECT '{"id":"' || id || '","timestamp":"' || tavus.iso(tavus.uuid_time(id))
           || '","type":"' || tavus.type_name(kind)
           || '","source":' || to_json(source)
           || coalesce(',"conversationId":' || to_json(conversation_id), '')
           || ',"event_type":' || coalesce(to_json(event_type)::text, 'null')
           || ',"received_at":"' || tavus.iso(received_at)
           || '","data":' || CASE WHEN octet_length(body) > limit_
                                  THEN '{"truncated":true,"bytes":' || octet_length(body) || '}'
                                  ELSE tavus.text_json(tavus.body_text(body)) END
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
    chunk    int := 500;
    seen     int;
    edge     uuid;
    keys     uuid[];
    page     text[];
    all_keys uuid[] := '{}';
    all_rows text[] := '{}';
    next_    uuid;
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
    END IF;
    IF far = '' THEN
        chunk := wanted + 1;
    END IF;
    LOOP
        lap := clock_timestamp();
        BEGIN
            EXECUTE format(
                'WITH s AS MATERIALIZED (
                     SELECT e.* FROM tavus.events e WHERE e.id >= $1 AND e.id < $2 %s
                      ORDER BY e.id DESC LIMIT $8
                 ), f AS MATERIALIZED (
                     SELECT s.* FROM s WHERE true %s LIMIT $9
                 )
                 SELECT (SELECT count(*) FROM s),
                        (SELECT s.id FROM s ORDER BY s.id LIMIT 1),
                        ARRAY(SELECT f.id FROM f),
                        ARRAY(SELECT tavus.event_json(f.id, f.received_at, f.kind, f.source,
                                         f.event_type, f.conversation_id, f.body, 65536) || ''}''
                                FROM f)', near, far)
               INTO seen, edge, keys, page
              USING lo, hi, conversation_id, source, kind, event_type, pattern, chunk,
                    wanted + 1 - cardinality(all_keys);
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
        EXIT WHEN seen < chunk;
        IF clock_timestamp() - begun > interval '50 ms' THEN
            next_ := edge;
            EXIT;
        END IF;
        hi := edge;
        IF clock_timestamp() - lap < interval '8 ms' THEN
            chunk := least(chunk * 2, 4000);
        ELSIF clock_timestamp() - lap > interval '20 ms' THEN
            chunk := greatest(chunk / 2, 100);
        END IF;
    END LOOP;
    RETURN '{"events":[' || array_to_string(all_rows, ',') || '],"next_cursor":'
           || coalesce('"' || next_ || '"', 'null') || '}';
END
$$;
CREATE OR REPLACE FUNCTION tavus.admin_event(id uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
    SELECT tavus.event_json(x.id, x.received_at, x.kind, x.source, x.event_type,
                            x.conversation_id, x.body, NULL)
           || ',"verification":' || coalesce(tavus.text_json(x.verification), 'null')
           || coalesce(',"quarantine":{"reason":' || to_json(x.reason) || '}', '')
           || ',"raw":"' || replace(encode(x.body, 'base64'), E'\n', '') || '"}'
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
                                p.conversation_id, p.body, 65536)
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
    lo     uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi     uuid := coalesce(tavus.uuid_floor(to_), 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    hi_id  text := '';
    wanted int := least(greatest(coalesce(limit_, 50), 1), 500);
    far    text := '';
    page   jsonb[];
    keys   text[];
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
        far := ' AND NOT c.ended';
    ELSIF status = 'ended' THEN
        far := ' AND c.ended';
    ELSIF status IS NOT NULL THEN
        RETURN '{"conversations":[],"next_cursor":null}';
    END IF;
    IF vertical IS NOT NULL THEN
        far := far || ' AND CASE WHEN c.announced_id IS NOT NULL THEN c.vertical
                                 ELSE (SELECT i.vertical FROM tavus.intents i
                                        WHERE i.nonce = c.nonce) END = $4';
    END IF;
    EXECUTE format(
        'SELECT array_agg(tavus.conversation_json(p.c) ORDER BY p.n),
                array_agg((p.c).created_id || '':'' || (p.c).id ORDER BY p.n)
           FROM (SELECT l.c, row_number() OVER () AS n
                   FROM (SELECT c FROM tavus.conversations c
                          WHERE c.created_id >= $1 AND (c.created_id, c.id) < ($2, $3) %s
                          ORDER BY c.created_id DESC, c.id DESC LIMIT $5) l) p', far)
       INTO page, keys USING lo, hi, hi_id, vertical, wanted + 1;
    RETURN '{"conversations":[' || coalesce(array_to_string(page[:wanted], ','), '')
           || '],"next_cursor":' || CASE WHEN cardinality(keys) > wanted
                                         THEN to_json(keys[wanted])::text ELSE 'null' END || '}';
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
                                       t.conversation_id, t.body, 65536) || '}',
                      ',' ORDER BY t.id)
      INTO events
      FROM (SELECT e.* FROM tavus.events e WHERE e.conversation_id = $1
             ORDER BY e.id LIMIT 1000) t;
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
REVOKE ALL ON SCHEMA tavus FROM PUBLIC;
GRANT USAGE ON SCHEMA tavus TO tavus_app, tavus_admin;
REVOKE ALL ON ALL TABLES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tavus FROM PUBLIC, tavus_app, tavus_admin;
GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.record(uuid[], timestamptz[], bytea[], smallint[], text[], text[], text[], bytea[],
                 text[], bytea[], text[]),
    tavus.maintain(interval)
TO tavus_app;
GRANT EXECUTE ON FUNCTION
    tavus.schema_version(),
    tavus.admin_events(text, text, text, text, text, timestamptz, timestamptz, int, uuid),
    tavus.admin_event(uuid),
    tavus.admin_quarantine(int, bigint),
    tavus.admin_conversations(text, text, timestamptz, timestamptz, int, text),
    tavus.admin_conversation(text)
TO tavus_admin;
SELECT tavus.maintain() \g /dev/null
COMMIT;
