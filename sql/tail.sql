-- The live tail: what a worker of nginx asks for all who listen there, at its own place in the log.  The
-- query session reads, and the one that records tells places, as that must be written before a client
-- has it: see log_place().

-- This run of a server, with this database and this table, as an epoch knows it.
CREATE OR REPLACE FUNCTION tavus.tail_run() RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT concat_ws('.', (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, d.oid,
                     pg_relation_filenode('tavus.log'))
      FROM pg_database d WHERE d.datname = current_database()
$$;

-- Where to go on from a place that was told: as log_resume(), but who is ahead of an epoch that is known
-- goes on after the last place of it that is, so that nothing is left out.  NULL begins with what is not
-- final yet.
CREATE OR REPLACE FUNCTION tavus.tail_from(
    place text, OUT pos bigint, OUT ord int, OUT ahead boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    told bigint;
BEGIN
    IF place IS NULL THEN
        pos := tavus.log_end();
        ord := 2147483647;
        ahead := false;
        RETURN;
    END IF;

    SELECT r.* INTO pos, ord, ahead FROM tavus.log_resume(place) r;

    IF ahead AND place ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,19}\.' THEN
        SELECT e.told INTO told FROM tavus.log_epochs e WHERE e.id = left(place, 36)::uuid;

        -- one of which nothing was told has none
        pos := least(nullif(told, 0), pos);
    END IF;
END
$$;

-- The next events after a place: one of this run (run, pos, ord), or else one that was told, or NULL for
-- the end.  most events are looked at, and about room bytes of them.  First comes a row that says where
-- this begins, and last one that says where it ends; source is the run.  kind of the first: 1 if the
-- reader is ahead of what this database knows, 2 if letters are folded as in Unicode.  kind of the last: 1
-- if there is more that is final, 2 if something is stored that is not.  body is there if it is asked for.
-- Of what is not of these conversations, sources and types, nothing comes; NULL: of any.
DROP FUNCTION IF EXISTS tavus.tail_page(text, text, bigint, int, int, int, boolean);
CREATE OR REPLACE FUNCTION tavus.tail_page(
    place text, run text, from_pos bigint, from_ord int, most int, room int, bodies boolean,
    conversations text[] DEFAULT NULL, sources text[] DEFAULT NULL, event_types text[] DEFAULT NULL)
RETURNS TABLE (
    pos bigint, ord int, kind smallint, source text, event_type text, conversation_id text,
    data text, body text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    now_run text := tavus.tail_run();
    starts  record;
    ends    record;
    e       record;
    used    bigint := 0;
    more    boolean;
    last    bigint;
BEGIN
    IF run = now_run THEN
        SELECT from_pos AS pos, from_ord AS ord, false AS ahead INTO starts;
    ELSE
        SELECT f.* INTO starts FROM tavus.tail_from(place) f;
    END IF;

    pos := starts.pos;
    ord := starts.ord;
    kind := CASE WHEN starts.ahead THEN 1 ELSE 0 END
            + CASE WHEN lower(U&'\00C4' COLLATE "default") = U&'\00E4' THEN 2 ELSE 0 END;
    source := now_run;
    RETURN NEXT;

    SELECT w.* INTO ends FROM tavus.log_window(starts.pos, starts.ord, most) w;
    more := ends.n = most;

    IF ends.n > 0 THEN
        FOR e IN
            SELECT l.pos, l.ord, l.id, l.received_at, l.kind, l.source, l.event_type, l.conversation_id,
                   l.body, (SELECT v.verification FROM tavus.events v WHERE v.id = l.id) AS verification
              FROM tavus.log_events(starts.pos, starts.ord, ends.to_pos, ends.to_ord) l
             WHERE (conversations IS NULL OR l.conversation_id = ANY (conversations))
               AND (sources IS NULL OR l.source = ANY (sources))
               AND (event_types IS NULL OR l.event_type = ANY (event_types))
        LOOP
            IF used >= room THEN
                more := true;
                ends.to_pos := pos;
                ends.to_ord := ord;
                EXIT;
            END IF;

            pos := e.pos;
            ord := e.ord;
            kind := e.kind;
            source := e.source;
            event_type := e.event_type;
            conversation_id := e.conversation_id;

            -- a line break stands between the tokens of JSON alone
            data := replace(replace(
                tavus.event_json(e.id, e.received_at, e.kind, e.source, e.event_type, e.conversation_id,
                                 e.body, 65536) || tavus.repaired(e.verification) || '}',
                E'\n', ' '), E'\r', ' ');
            body := CASE WHEN bodies THEN tavus.body_text(e.body) END;

            used := used + octet_length(data) + coalesce(octet_length(body), 0);
            RETURN NEXT;
        END LOOP;
    END IF;

    pos := ends.to_pos;
    ord := ends.to_ord;
    kind := 0;

    IF more THEN
        kind := 1;
    ELSE
        SELECT s.last_value INTO last FROM tavus.log_pos s;

        IF last > ends.to_pos AND last > tavus.log_end() THEN
            kind := 2;
        END IF;
    END IF;

    source := now_run;
    event_type := NULL;
    conversation_id := NULL;
    data := NULL;
    body := NULL;
    RETURN NEXT;
END
$$;

-- Tells a place of this run; NULL if it is another by now.  Whoever waits here has intake wait behind it.
CREATE OR REPLACE FUNCTION tavus.tail_tell(run text, pos bigint, ord int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '100ms'
AS $$
BEGIN
    IF $1 <> tavus.tail_run() THEN
        RETURN NULL;
    END IF;

    RETURN tavus.log_place($2, $3);
END
$$;
