-- What the admin API answers, as JSON text made here and streamed through by nginx.

-- How long each kind is kept and how far its cleaning is: kept_from is the time of which nothing older was
-- held at its last end, removed counts rows, of events months.  Behind: it has not come to its end for three
-- hours, when it does once an hour, or leaves what a cursor has not read.
CREATE OR REPLACE FUNCTION tavus.retention_state() RETURNS json
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
               'kind', r.kind, 'days', round((extract(epoch FROM r.keep) / 86400)::numeric, 2),
               'kept_from', CASE r.kind
                   WHEN 'events' THEN (
                       SELECT to_char(to_date(right(min(c.relname::text), 6), 'YYYYMM'),
                                      'YYYY-MM-DD"T00:00:00.000Z"')
                         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                        WHERE i.inhparent = 'tavus.events'::regclass AND c.relname ~ '^events_p[0-9]{6}$')
                   ELSE tavus.iso(tavus.uuid_time(r.upto)) END,
               'ran', tavus.iso(r.ran_at), 'done', tavus.iso(r.done_at), 'removed', r.removed,
               'unread', nullif(r.unread, false),
               'behind', r.unread OR coalesce(r.done_at, '-infinity') < now() - interval '3 hours'))
           ORDER BY r.kind), '[]')
      FROM tavus.retention r
     WHERE r.ran_at > now() - interval '7 days'
       AND r.kind IN ('events', 'browser', 'contacts', 'transcripts', 'trail', 'leads', 'orders', 'quarantine',
                      'conversations', 'intents', 'consents')
$$;

-- The schema's version, so that nginx can tell whether sql/install.sql was run since.
CREATE OR REPLACE FUNCTION tavus.schema_version() RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT max(m.version) FROM tavus.migrations m
$$;

-- One SystemEvent as JSON text, without its last brace, so that a caller can add members.  The
-- body stands in it as it came; above limit_ bytes (NULL: none) only its size does.  concat()
-- copies a large body once, a chain of || once for each.
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

-- The member that says of an event that its callback had not come, if it is so.
CREATE OR REPLACE FUNCTION tavus.repaired(verification text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN verification = '{"method":"repair"}' THEN ',"repaired":true' ELSE '' END;

-- A page of events, newest first by id; cursor_ is the last id seen.  What an index can answer
-- (a conversation, or one of the rarer sources or types) narrows the scan; what none can is
-- looked for in steps, bounded in rows and in bytes of bodies, while there is time.  Then the page
-- ends early: next_ is where to go on, NULL at the end, and searched is set if that is no row's id.
-- What admins have looked at, which includes this, is shown to who asks for it by event_type.
--
-- The form is json, ndjson or csv; bodies of more than limit_ bytes are told by their size.  A page
-- has at most so many rows, and, if most is no NULL, bytes of bodies, of which the last row may be
-- beyond.  What was stored after a position of the log, until_, is left out.
CREATE OR REPLACE FUNCTION tavus.events_page(
    type text, event_type text, source text, conversation_id text, q text, from_ timestamptz,
    to_ timestamptz, cursor_ uuid, wanted int, patience interval, form text, limit_ int, most int,
    until_ bigint,
    OUT made text[], OUT next_ uuid, OUT searched uuid)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    lo       uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi       uuid := least(tavus.uuid_floor(to_), cursor_,
                           'ffffffff-ffff-ffff-ffff-ffffffffffff');
    kind     int := array_position('{webhook,error,info,conversion}'::text[], type) - 1;
    pattern  text := '%' || replace(replace(replace(q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    body     text := 'convert_from(s.body, ''UTF8'')';
    near     text := '';    -- conditions that an index answers
    far      text := '';    -- conditions that rows are tested for
    weight   text := '0';   -- of a row, in bytes that are looked through
    row_     text := 'tavus.event_json(f.id, f.received_at, f.kind, f.source, f.event_type,
                                       f.conversation_id, f.body, $11)
                      || tavus.repaired(f.verification) || ''}''';
    chunk    int := 500;    -- rows of a step
    room     int := 524288;     -- bytes of a step, of which the last row may be beyond
    late     uuid[];
    found    int;
    seen     int;
    cut      boolean;
    edge     uuid;
    keys     uuid[];
    page     text[];
    all_keys uuid[] := '{}';
    enough   interval := patience;
    begun    timestamptz := clock_timestamp();
    lap      timestamptz;
BEGIN
    made := '{}';

    IF type IS NOT NULL AND kind IS NULL THEN
        RETURN;
    END IF;

    IF conversation_id IS NOT NULL THEN
        near := ' AND e.conversation_id = $3';
    END IF;

    -- errors and conversions are rarer than any source
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

    -- a name, or all that begin with one: "admin.*" is the trail, whatever others call theirs
    IF event_type LIKE '%_.*' THEN
        IF tavus.trails('server', event_type) THEN
            IF near = '' THEN
                near := ' AND e.source = ''server'' AND e.source <> ''tavus''';
            ELSE
                far := far || ' AND s.source = ''server''';
            END IF;
        END IF;
        event_type := left(event_type, -1);
        far := far || ' AND starts_with(s.event_type, $6)';
    ELSIF event_type IS NOT NULL THEN
        far := far || ' AND s.event_type = $6';
    END IF;

    IF q <> '' THEN
        IF octet_length(q) = length(q) THEN
            -- ASCII only: the C locale folds several times faster than others
            body := body || ' COLLATE "C"';
        ELSE
            -- convert_from()'s own would be C as well, that of its second argument
            body := body || ' COLLATE "default"';
        END IF;
        far := far || ' AND (s.event_type ILIKE $7 OR s.conversation_id ILIKE $7 OR '
               || body || ' ILIKE $7)';
        weight := 'octet_length(c.body)';
    END IF;

    -- who exports has time
    IF far = '' OR most IS NOT NULL THEN
        chunk := wanted + 1;
    END IF;

    -- with no filter only looks are in the way, of which there are few: no reason for a short page
    IF far = '' THEN
        enough := greatest(patience, interval '50 ms');
    END IF;

    IF NOT coalesce(tavus.trails('server', event_type), false) THEN
        far := far || ' AND NOT tavus.looks(s.source, s.event_type)';
    END IF;

    -- the ids of a row of the log are in order
    IF until_ IS NOT NULL THEN
        late := ARRAY(SELECT i.id FROM tavus.log l CROSS JOIN LATERAL unnest(l.ids) AS i (id)
                       WHERE l.pos > until_ AND l.ids[1] < hi AND i.id < hi AND i.id >= lo);
        IF late <> '{}' THEN
            far := far || ' AND s.id <> ALL ($12)';
        END IF;
    END IF;

    IF form = 'csv' THEN
        row_ := 'tavus.event_csv(f.id, f.received_at, f.kind, f.source, f.event_type,
                                 f.conversation_id, f.verification, f.body, $11)';
    ELSIF form = 'ndjson' THEN
        row_ := 'tavus.one_line(' || row_ || ')';
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
                 ), t AS MATERIALIZED (
                     SELECT s.* FROM s WHERE true %3$s LIMIT $9
                 ), f AS MATERIALIZED (
                     SELECT w.* FROM (SELECT t.*, least(octet_length(t.body), $11) AS size,
                                             sum(least(octet_length(t.body), $11))
                                                 OVER (ORDER BY t.id DESC) AS sizes
                                        FROM t) w
                      WHERE $13 IS NULL OR w.sizes - w.size < $13 ORDER BY w.id DESC
                 )
                 SELECT (SELECT count(*) FROM c), (SELECT count(*) FROM s),
                        (SELECT s.id FROM s ORDER BY s.id LIMIT 1),
                        ARRAY(SELECT f.id FROM f), ARRAY(SELECT %4$s FROM f),
                        (SELECT count(*) FROM f) < (SELECT count(*) FROM t),
                        $13 - coalesce((SELECT max(f.sizes) FROM f), 0)', near, weight, far, row_)
               INTO found, seen, edge, keys, page, cut, most
              USING lo, hi, conversation_id, source, kind, event_type, pattern, chunk,
                    wanted + 1 - cardinality(all_keys), room, limit_, late, most;
        EXCEPTION WHEN data_exception THEN
            -- a body that is not UTF-8 stands in the way: take the slow, careful conversion
            IF strpos(far, 'convert_from') = 0 THEN
                RAISE;
            END IF;
            far := replace(far, 'convert_from(s.body, ''UTF8'')', 'tavus.body_text(s.body)');
            CONTINUE;
        END;

        all_keys := all_keys || keys;
        made := made || page;

        IF cardinality(all_keys) > wanted THEN
            next_ := all_keys[wanted];
            made := made[:wanted];
            EXIT;
        ELSIF cut THEN
            next_ := all_keys[cardinality(all_keys)];
            EXIT;
        END IF;

        EXIT WHEN found < chunk AND seen = found;

        -- the rest of an export's page is not worth a step
        IF clock_timestamp() - begun > enough OR most <= 0
           OR most IS NOT NULL AND cardinality(all_keys) > wanted / 2
        THEN
            next_ := edge;
            searched := edge;
            EXIT;
        END IF;

        -- a step takes a quarter of the time at most, as far as the one before tells; where rows lie
        -- scattered on a cold disk, 500 are already slow
        hi := edge;
        IF clock_timestamp() - lap < patience / 8 THEN
            chunk := least(chunk * 2, 4000);
            room := least(room * 2, 4194304);
        ELSIF clock_timestamp() - lap > patience / 4 THEN
            chunk := greatest(chunk / 2, 100);
            room := greatest(room / 2, 65536);
        END IF;
    END LOOP;
END
$$;

-- The page as the list answers it: with a cursor to go on from, and how far it came if it ended early.  A
-- short page is the last one only if next_cursor is null.
CREATE OR REPLACE FUNCTION tavus.admin_events(
    type text DEFAULT NULL, event_type text DEFAULT NULL, source text DEFAULT NULL,
    conversation_id text DEFAULT NULL, q text DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ uuid DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET jit = off
AS $$
    SELECT concat('{"events":[', array_to_string(p.made, ','), '],"next_cursor":',
                  coalesce('"' || p.next_ || '"', 'null'),
                  ',"searched_to":"' || tavus.iso(tavus.uuid_time(p.searched)) || '"', '}')
      FROM tavus.events_page(type, event_type, source, conversation_id, q, from_, to_, cursor_,
                             least(greatest(coalesce(limit_, 50), 1), 500), interval '8 ms',
                             'json', 65536, NULL, NULL) p
$$;

-- A cell of CSV, without its quotes.  What a spreadsheet would take for a formula becomes a text by an
-- apostrophe before it.
CREATE OR REPLACE FUNCTION tavus.csv_cell(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN left(ltrim(value, E' \t\r\n\f\x0b'), 1) = ANY ('{=,+,-,@,＝,＋,－,＠}')
                 OR left(value, 1) = ANY (ARRAY[E'\t', E'\r', E'\n'])
            THEN '''' ELSE '' END || replace(value, '"', '""');

-- JSON without line ends, which stand between its tokens alone.
CREATE OR REPLACE FUNCTION tavus.one_line(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(value, E'\n', ' '), E'\r', ' ');

-- One SystemEvent as a row of CSV (RFC 4180), without the quote and the line end that close it.
CREATE OR REPLACE FUNCTION tavus.event_csv(
    id uuid, received_at timestamptz, kind smallint, source text, event_type text,
    conversation_id text, verification text, body bytea, limit_ int)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT concat('"', id, '","', tavus.iso(tavus.uuid_time(id)), '","', tavus.type_name(kind),
                  '","', tavus.csv_cell(source), '","', tavus.csv_cell(conversation_id),
                  '","', tavus.csv_cell(event_type), '","', tavus.iso(received_at),
                  '","', CASE WHEN tavus.repaired(verification) <> '' THEN 'true' END,
                  '","', CASE WHEN octet_length(body) > limit_
                              THEN '{""truncated"":true,""bytes"":' || octet_length(body) || '}'
                              ELSE tavus.csv_cell(tavus.text_json(tavus.body_text(body))) END)
$$;

-- A page of an export: rows as CSV or as lines, without what ends the last one, before which white space
-- may still come; how many; where to go on, NULL at the end.  until_ is where the log was when the export
-- began: what was stored later is not in it.  NULL: it begins now, and bound says where that is.
DROP FUNCTION IF EXISTS tavus.admin_export(text, text, text, text, text, timestamptz, timestamptz, text, uuid, bigint);
CREATE OR REPLACE FUNCTION tavus.admin_export(
    type text, event_type text, source text, conversation_id text, q text, from_ timestamptz,
    to_ timestamptz, format text, cursor_ uuid, until_ bigint, most int DEFAULT 1000,
    OUT page text, OUT n int, OUT next_ uuid, OUT bound bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET jit = off
AS $$
BEGIN
    SELECT least(until_, s.last_value) INTO bound FROM tavus.log_pos s;

    SELECT array_to_string(p.made, CASE format WHEN 'csv' THEN E'"\r\n' ELSE E'\n' END),
           cardinality(p.made), p.next_
      INTO page, n, next_
      FROM tavus.events_page(type, event_type, source, conversation_id, q, from_, to_, cursor_,
                             least(greatest(most, 1), 1000), interval '20 ms', format, 1048576, 524288, bound) p;
END
$$;

-- One event, whole, with its verification record and the exact bytes in base64; also one that is
-- only in quarantine, and then with the reason.  NULL if there is none.
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
                  ',"quarantine":' || tavus.quarantine_json(x.seq, x.source, x.reason),
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

-- A page of what is in quarantine, latest first; cursor_ is the next_cursor of the page before.
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
               || ',"quarantine":' || tavus.quarantine_json(p.seq, p.source, p.reason) || '}', ',' ORDER BY p.nth)
               FILTER (WHERE p.nth <= w.n), '')
           || '],"next_cursor":'
           || coalesce('"' || CASE WHEN max(p.nth) > w.n
                                   THEN max(p.seq) FILTER (WHERE p.nth = w.n) END || '"', 'null')
           || '}'
      FROM wanted w LEFT JOIN page p ON true
     GROUP BY w.n
$$;

-- One that is in quarantine, whole, as tavus.admin_event() has it; NULL if there is none.
CREATE OR REPLACE FUNCTION tavus.admin_quarantined(seq_ bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT concat(tavus.event_json(q.id, q.received_at, 0::smallint, q.source, q.event_type, q.conversation_id,
                                   tavus.body_shown(q.body, q.reason), NULL),
                  ',"verification":', coalesce(tavus.text_json(q.verification), 'null'),
                  ',"quarantine":', tavus.quarantine_json(q.seq, q.source, q.reason),
                  ',"raw":"', replace(encode(q.body, 'base64'), E'\n', ''), '"}')
      FROM tavus.quarantine q WHERE q.seq = seq_
$$;

-- A page of conversations, newest first by createdAt; cursor_ is the next_cursor of the page
-- before (22023 if it is not one).  As with events, a filter that no index answers is looked for
-- while there is time.
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
    page     tavus.conversations[];
    keys     text[];
    all_rows tavus.conversations[] := '{}';
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
                          WHERE c.created_id >= $1 AND (c.created_id, c.id) < ($2, $3) AND NOT c.erased %s
                          ORDER BY c.created_id DESC, c.id DESC LIMIT $5) l
             ), f AS MATERIALIZED (
                 SELECT s.* FROM s WHERE true %s ORDER BY s.n LIMIT $6
             )
             SELECT (SELECT count(*) FROM s),
                    (SELECT (s.c).created_id FROM s ORDER BY s.n DESC LIMIT 1),
                    (SELECT (s.c).id FROM s ORDER BY s.n DESC LIMIT 1),
                    ARRAY(SELECT f.c FROM f ORDER BY f.n),
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

        IF clock_timestamp() - begun > interval '8 ms' THEN
            next_ := hi || ':' || hi_id;
            searched := tavus.iso(tavus.uuid_time(hi));
            EXIT;
        END IF;
    END LOOP;

    RETURN concat('{"conversations":[', array_to_string(tavus.conversations_full(all_rows[:wanted]), ','),
                  '],"next_cursor":', coalesce(to_json(next_)::text, 'null'),
                  ',"searched_to":"' || searched || '"', '}');
END
$$;

-- The nodes that are known, each as it was heard of last, with what it said of itself.
CREATE OR REPLACE FUNCTION tavus.admin_nodes() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT json_build_object('nodes', coalesce(json_agg(json_build_object(
               'id', l.id, 'heard', tavus.iso(l.beat_at),
               'silent', l.beat_at < now() - interval '3 minutes',
               'clash', coalesce(l.clash > now() - interval '1 minute', false),
               'version', tavus.str(l.state, 'version'),
               'journal', json_build_object(
                   'files', l.files, 'bytes', l.bytes, 'age', tavus.alert_number(l.state, 'journal', 'age'),
                   'damaged', tavus.alert_number(l.state, 'journal', 'damaged'),
                   'unreadable', tavus.alert_number(l.state, 'journal', 'unreadable')),
               'keys', coalesce(k.keys, '[]')) ORDER BY l.id), '[]'))::text
      FROM (SELECT DISTINCT ON (n.id) n.*, max(n.clash_at) OVER (PARTITION BY n.id) AS clash
              FROM tavus.nodes n ORDER BY n.id, n.beat_at DESC LIMIT 1000) l
      LEFT JOIN LATERAL (
           SELECT json_agg(json_build_object(
                      'scheme', tavus.str(u.key, 'scheme'), 'id', tavus.str(u.key, 'id'),
                      'used_at', tavus.iso(to_timestamp(nullif(least(tavus.alert_number(u.key, 'used'), 4102444800),
                                                               0)))) ORDER BY u.ord) AS keys
             FROM jsonb_array_elements(CASE jsonb_typeof(l.state -> 'keys') WHEN 'array' THEN l.state -> 'keys'
                                       ELSE '[]' END) WITH ORDINALITY AS u (key, ord)) k ON true
$$;

-- What health tells of the database beyond a connection to it.
CREATE OR REPLACE FUNCTION tavus.health() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT json_build_object(
        'schema', tavus.schema_version(),
        'synchronous_replication',
            current_setting('synchronous_standby_names') <> '',
        'missing_months', tavus.missing_months(),
        'quarantined', (SELECT count(*) FROM (SELECT FROM tavus.quarantine LIMIT 10000) q),
        'repairs_open', tavus.open_repairs(),
        'orders_unknown', tavus.unknown_orders(),
        'stripe_repair', coalesce((
            SELECT json_agg(json_build_object(
                       'livemode', r.livemode, 'done', tavus.iso(r.done_at), 'failures', r.failures,
                       'whole', r.whole) ORDER BY r.livemode)
              FROM tavus.stripe_repairs r), '[]'),
        'retention', tavus.retention_state(),
        'log', tavus.log_state()::json,
        'alerts', tavus.alerts_open(),
        'destinations', tavus.destinations_health(),
        'nodes', (SELECT count(DISTINCT n.id) FROM tavus.nodes n
                   WHERE n.beat_at > now() - interval '3 minutes'),
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

-- The same, for who has other things to do: what is locked keeps nobody waiting.
CREATE OR REPLACE FUNCTION tavus.health_look() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
AS $$
    SELECT tavus.health()
$$;
