-- How long calls may last, and did.

-- What a create asked for as the longest that its call may last: of the event that asked or that
-- announced it; NULL if it does not say.
CREATE OR REPLACE FUNCTION tavus.call_length(event uuid) RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT CASE WHEN d.doc ->> 'max_call_duration' ~ '^[0-9]{1,6}$'
                THEN (d.doc ->> 'max_call_duration')::int * interval '1 second' END
      FROM (SELECT tavus.body_jsonb(e.body) AS doc FROM tavus.events e
             WHERE e.id = event OFFSET 0) d
$$;

-- For how many seconds a conversation counts, for the budget, in statistics and in lists, from these of its
-- columns: from its creation, as Tavus counts, to the first end that is known, rounded up; NULL while none
-- is known.
CREATE OR REPLACE FUNCTION tavus.call_seconds(created_id uuid, shutdown_id uuid, closed_id uuid) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(shutdown_id, closed_id) IS NOT NULL
            THEN least(greatest((tavus.uuid_ms(least(shutdown_id, closed_id)) - tavus.uuid_ms(created_id) + 999)
                                / 1000, 0), 2147483647)::int END;

-- Tells the owner, once each, of those among these conversations that Tavus ended for their length
-- well before the length that was asked for: its plan allows no more, and it says so nowhere.  What
-- counts is the time since the create, the longest that may be meant; half a minute is for clocks that
-- differ.  Called where the end, or what was asked for, came to be known; the conversation's row is
-- locked then.
CREATE OR REPLACE FUNCTION tavus.record_cut_short(conversation_ids text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    cut   record;
    fresh uuid;
BEGIN
    -- nearly always
    IF NOT EXISTS (SELECT FROM tavus.conversations k
                    WHERE k.id = ANY (conversation_ids)
                      AND k.shutdown_reason LIKE 'max\_call\_duration%')
    THEN
        RETURN;
    END IF;

    FOR cut IN
        SELECT c.*, extract(epoch FROM t.lasted)::int AS lasted,
               extract(epoch FROM t.asked)::int AS asked
          FROM (SELECT DISTINCT i.id FROM unnest(conversation_ids) i (id)) u
          CROSS JOIN LATERAL (
               SELECT k.id, k.vertical, k.announced_id, k.shutdown_id
                 FROM tavus.conversations k
                WHERE k.id = u.id AND k.announced_id IS NOT NULL
                  AND k.shutdown_reason LIKE 'max\_call\_duration%'
               OFFSET 0) c
          CROSS JOIN LATERAL (
               SELECT tavus.call_length(c.announced_id) AS asked,
                      tavus.uuid_time(c.shutdown_id) - tavus.uuid_time(c.announced_id) AS lasted
               OFFSET 0) t
         WHERE t.lasted < t.asked - interval '30 seconds'
           AND NOT EXISTS (SELECT FROM tavus.events e
                            WHERE e.conversation_id = c.id AND e.source = 'server'
                              AND e.event_type = tavus.cut_short_type())
         ORDER BY c.id
    LOOP
        -- at the moment of the end, with an id that is the same whoever makes it
        INSERT INTO tavus.events (id, received_at, kind, source, event_type, conversation_id, body)
        SELECT (substr(replace(cut.shutdown_id::text, '-', ''), 1, 12) || '7' || substr(m.md5, 1, 3)
                || '8' || substr(m.md5, 4, 15))::uuid,
               now(), 1, 'server', tavus.cut_short_type(), cut.id,
               convert_to(json_build_object(
                   'conversation_id', cut.id, 'vertical', cut.vertical,
                   'reason', 'max_call_duration', 'max_call_duration', cut.asked,
                   'lasted', cut.lasted)::text, 'UTF8')
          FROM md5(tavus.cut_short_type() || cut.id) m (md5)
        ON CONFLICT (id) DO NOTHING
        RETURNING id INTO fresh;

        IF FOUND THEN
            PERFORM tavus.log_add(ARRAY[fresh]);

            -- nginx's log has it from here
            RAISE WARNING USING ERRCODE = 'TV001', MESSAGE = format(
                'conversation "%s" of vertical "%s" was cut short by Tavus: it lasted %s of %s s',
                cut.id, cut.vertical, cut.lasted, cut.asked);
        END IF;
    END LOOP;
END
$$;
