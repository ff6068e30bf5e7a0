-- What was said, out of the transcripts that Tavus sends.

-- A time as senders write it, read as tavus_event_time() in the module's core/tavus_event.c reads it
-- (t/sql/moment.t holds the two together): ISO 8601, where no zone means UTC, or a number since
-- 1970, of seconds down to nanoseconds, as its size tells.  NULL if it is neither.
CREATE OR REPLACE FUNCTION tavus.moment(value text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
    m      text[];
    before int;
    day    date;
    zone   interval := '0';
BEGIN
    IF pg_catalog.strpos(value, '-') = 0 THEN
        m := pg_catalog.regexp_match(value, '^0*([0-9]*)(\.[0-9]+)?(?:[eE][+]?([0-9]{1,2}))?$');
        before := pg_catalog.length(m[1]) + coalesce(m[3]::int, 0);

        IF m IS NULL OR before > 20 OR value !~ '^[0-9]' THEN
            RETURN NULL;
        END IF;

        RETURN 'epoch'::timestamptz
               + pg_catalog.trunc(value::numeric * CASE WHEN before > 17 THEN 0.001
                                                        WHEN before > 14 THEN 1
                                                        WHEN before > 11 THEN 1000
                                                        ELSE 1000000 END)::bigint
                 * interval '1 microsecond';
    END IF;

    m := pg_catalog.regexp_match(value,
        '^([0-9]{4})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])[Tt ]'
        '([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]+))?)?'
        '(?: ?(?:[Zz]|UTC|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?))?$');

    IF m IS NULL OR m[1] = '0000' OR m[3] = '00' THEN
        RETURN NULL;
    END IF;

    -- of a month that has not so many days it is another
    day := pg_catalog.make_date(m[1]::int, m[2]::int, 1) + (m[3]::int - 1);

    IF pg_catalog.date_part('month', day) <> m[2]::int THEN
        RETURN NULL;
    END IF;

    IF m[8] IS NOT NULL THEN
        zone := pg_catalog.make_interval(hours => (m[8] || m[9])::int,
                                         mins => (m[8] || coalesce(m[10], '0'))::int);
    END IF;

    RETURN (day + pg_catalog.make_interval(
                      hours => m[4]::int, mins => m[5]::int, secs => coalesce(m[6]::int, 0))
            + pg_catalog.rpad(pg_catalog.left(coalesce(m[7], '0'), 6), 6, '0')::int
              * interval '1 microsecond'
            - zone) AT TIME ZONE 'UTC';
END
$$;

-- What a row of a transcript says, as text: a string, the texts in a list of parts, or the one of a
-- part; NULL if it says nothing.
CREATE OR REPLACE FUNCTION tavus.spoken(content jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    said text;
BEGIN
    CASE jsonb_typeof(content)
    WHEN 'object' THEN
        said := coalesce(tavus.str(content, 'text'), tavus.str(content, 'content'));
    WHEN 'array' THEN
        SELECT string_agg(s.said, ' ' ORDER BY p.ord) INTO said
          FROM jsonb_array_elements(content) WITH ORDINALITY AS p (part, ord),
               LATERAL (SELECT CASE jsonb_typeof(p.part)
                               WHEN 'string' THEN p.part #>> '{}'
                               WHEN 'object' THEN tavus.str(p.part, 'text') END) AS s (said)
         WHERE s.said ~ '[^[:space:]]';
    WHEN 'null' THEN
        said := NULL;
    ELSE
        said := content #>> '{}';
    END CASE;

    RETURN CASE WHEN said ~ '[^[:space:]]' THEN said END;
END
$$;

-- Who says it, whatever Tavus calls the two; NULL of a row of the system or a tool.
CREATE OR REPLACE FUNCTION tavus.speaker(item jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN lower(tavus.str(item, 'role')) IN ('user', 'visitor', 'participant') THEN 'user'
            WHEN lower(tavus.str(item, 'role')) IN ('assistant', 'pal', 'replica', 'persona', 'face')
            THEN 'assistant' END;

-- What the visitor said first, out of the transcript in the body of an event: 200 characters of it at most,
-- in one line; NULL if nothing.
CREATE OR REPLACE FUNCTION tavus.first_question(body bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    list jsonb := tavus.body_jsonb(body) #> '{properties,transcript}';
    item jsonb;
    said text;
BEGIN
    IF jsonb_typeof(list) IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;

    FOR item IN SELECT e.item FROM jsonb_array_elements(list) WITH ORDINALITY AS e (item, ord)
                 WHERE e.ord <= 10000 AND jsonb_typeof(e.item) = 'object' ORDER BY e.ord
    LOOP
        CONTINUE WHEN tavus.speaker(item) IS DISTINCT FROM 'user';

        -- of one that goes on for long no more is looked at than can be shown
        said := btrim(regexp_replace(left(tavus.spoken(item -> 'content'), 2000), '[[:space:]]+', ' ', 'g'));

        IF said <> '' THEN
            RETURN CASE WHEN length(said) > 200 THEN left(said, 199) || '…' ELSE said END;
        END IF;
    END LOOP;

    RETURN NULL;
END
$$;

-- When a row of a transcript was said: its own time, in any form, and its seconds from the start.
CREATE OR REPLACE FUNCTION tavus.transcript_time(item jsonb, OUT at timestamptz, OUT seconds float8)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE ROWS 1
AS $$
    SELECT CASE jsonb_typeof(item -> 'timestamp')
           WHEN 'string' THEN tavus.moment(item ->> 'timestamp')
           WHEN 'number' THEN
                -- seconds, as nearly always; these are written without an exponent
                CASE WHEN (item -> 'timestamp')::numeric BETWEEN 0 AND 99999999999
                     THEN '1970-01-01 00:00:00+00'::timestamptz
                          + trunc((item -> 'timestamp')::numeric * 1000000)::bigint * '1 microsecond'::interval
                     ELSE tavus.moment(item ->> 'timestamp') END END,
           CASE WHEN item ->> 'seconds_from_start' ~ '^[0-9]{1,7}([.][0-9]{1,20})?$'
                THEN (item ->> 'seconds_from_start')::float8 END
$$;

-- The transcript in the body of an event, from its row from_ on, of 10,000 rows at most, or so many as have
-- room_ bytes in all, one at least, as two lists in JSON: what people said, in the order that Tavus gives,
-- and all other rows: the system's, tools' and their calls, and empty ones.  Each row is as it came but for
-- these: its place in the whole ("n", from 0), of what was said the role (user or assistant, whatever Tavus
-- calls them) and the content (text), and the time ("at"), if it has one in any form: its own, or of its
-- seconds from the start, which the first row with both tells, or else started_.  next_ is the row to go on
-- from, NULL if that was all.  NULL if there is no list.
CREATE OR REPLACE FUNCTION tavus.transcript(
    body bytea, started_ timestamptz, from_ int, room_ int, OUT said text, OUT other text, OUT next_ int)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    list jsonb := tavus.body_jsonb(body) #> '{properties,transcript}';
    upto int := least(from_::bigint + 10000, 2147483647);
BEGIN
    IF jsonb_typeof(list) IS DISTINCT FROM 'array' THEN
        RETURN;
    END IF;

    WITH every AS MATERIALIZED (
        SELECT e.item, (e.ord - 1)::int AS n
          FROM jsonb_array_elements(list) WITH ORDINALITY AS e (item, ord)
         WHERE jsonb_typeof(e.item) = 'object' AND e.ord <= upto
    ), begun AS MATERIALIZED (
        SELECT coalesce((SELECT t.at - make_interval(secs => t.seconds)
                           FROM every i, LATERAL tavus.transcript_time(i.item) t
                          WHERE t.at IS NOT NULL AND t.seconds IS NOT NULL
                          ORDER BY i.n LIMIT 1), started_) AS at
    ), weighed AS MATERIALIZED (
        SELECT i.*, sum(pg_column_size(i.item)) OVER (ORDER BY i.n) - pg_column_size(i.item) AS before_
          FROM every i WHERE i.n >= from_
    ), item AS MATERIALIZED (
        SELECT w.n, w.item, t.at, t.seconds, tavus.speaker(w.item) AS role,
               -- nearly always
               CASE WHEN jsonb_typeof(w.item -> 'content') = 'string' AND w.item ->> 'content' ~ '^[[:alnum:]]'
                    THEN w.item ->> 'content'
                    ELSE tavus.spoken(w.item -> 'content') END AS content
          FROM weighed w, LATERAL tavus.transcript_time(w.item) t WHERE w.before_ < room_
    ), line AS (
        SELECT i.n, i.item, i.role, i.content,
               i.role IS NOT NULL AND i.content IS NOT NULL AS said,
               jsonb_strip_nulls(jsonb_build_object('n', i.n, 'at', tavus.iso(
                   coalesce(i.at, (SELECT b.at FROM begun b)
                                  + make_interval(secs => i.seconds))))) AS place
          FROM item i
         ORDER BY i.n
    )
    SELECT '[' || coalesce(string_agg((l.item - 'tool_calls' || l.place
                                       || jsonb_build_object('role', l.role, 'content', l.content)
                                      )::text, ',') FILTER (WHERE l.said), '') || ']',
           '[' || coalesce(string_agg((CASE WHEN l.said THEN l.item - 'content' ELSE l.item END
                                       || l.place)::text, ',')
                               FILTER (WHERE NOT l.said
                                          OR jsonb_typeof(l.item -> 'tool_calls') = 'array'
                                             AND l.item -> 'tool_calls' <> '[]'), '') || ']',
           coalesce((SELECT min(w.n) FROM weighed w WHERE w.before_ >= room_),
                    CASE WHEN jsonb_array_length(list) > upto THEN upto END)
      INTO said, other, next_
      FROM line l;
END
$$;

-- All of one, of 10,000 rows.
CREATE OR REPLACE FUNCTION tavus.transcript(
    body bytea, started_ timestamptz, OUT said text, OUT other text)
LANGUAGE sql STABLE
AS $$
    SELECT t.said, t.other FROM tavus.transcript(body, started_, 0, 2147483647) t
$$;
