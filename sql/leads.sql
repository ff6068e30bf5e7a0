-- Leads: a reader of the log makes them of what visitors wrote in the contact form.

-- Reads on: most events of the log, 10,000 at most.  Answers JSON as tavus.orders_roll() does.
CREATE OR REPLACE FUNCTION tavus.leads_roll(most int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    w      record;
    merged int;
    unread int;
    made   text[];
    calls  text[];
BEGIN
    PERFORM tavus.cursor_make('leads', true)
      WHERE NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'leads');

    SELECT t.* INTO w FROM tavus.cursor_take('leads', most, tavus.log_sort('leads')) t;

    IF NOT FOUND THEN
        RETURN '{"events":0,"merged":0,"unread":0}';
    END IF;

    WITH said AS MATERIALIZED (
        SELECT e.id, e.event_type, e.conversation_id, d.doc,
               CASE e.event_type
               WHEN 'contact.submitted'
               THEN num_nulls(tavus.text_of(d.doc, 'name', 2000),
                              tavus.text_of(d.doc, 'email', 2000),
                              tavus.text_of(d.doc, 'message', 65536)) = 0
               ELSE coalesce(jsonb_typeof(d.doc -> 'handled') = 'boolean'
                             AND tavus.str(d.doc, 'lead_id')
                                 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false) END AS fit
          FROM tavus.log_events(w.from_pos, w.from_ord, w.to_pos, w.to_ord,
                                tavus.lead_types(), sort => tavus.log_sort('leads')) e
          CROSS JOIN LATERAL (SELECT tavus.body_jsonb(e.body) AS doc OFFSET 0) d
         WHERE (e.source, e.event_type) IN (('browser', 'contact.submitted'), ('server', 'lead.handled'))
    ), added AS (
        INSERT INTO tavus.leads (
            id, name, email, message, phone, company, conversation_id, session_id, user_id, utm_source,
            utm_medium, utm_campaign, consent, handled, handled_id, handled_by)
        SELECT s.id, s.doc ->> 'name', s.doc ->> 'email', s.doc ->> 'message',
               tavus.label(s.doc, 'phone'), tavus.text_of(s.doc, 'company', 2000),
               coalesce(s.conversation_id, tavus.label(s.doc, 'conversation_id')),
               tavus.label(s.doc, 'session_id'), tavus.label(s.doc, 'user_id'),
               tavus.label(s.doc, 'utm_source'), tavus.label(s.doc, 'utm_medium'),
               tavus.label(s.doc, 'utm_campaign'), tavus.label(s.doc, 'consent'),
               coalesce(h.handled, false), h.id, h.by
          FROM said s
          LEFT JOIN LATERAL (
               SELECT t.id, (t.doc -> 'handled')::boolean AS handled, tavus.text_of(t.doc, 'by', 255) AS by
                 FROM said t
                WHERE t.fit AND t.event_type = 'lead.handled' AND t.doc ->> 'lead_id' = s.id::text
                ORDER BY t.id DESC LIMIT 1) h ON true
         WHERE s.fit AND s.event_type = 'contact.submitted'
         ORDER BY s.id
        ON CONFLICT (id) DO NOTHING
    ), handled AS (
        UPDATE tavus.leads l
           SET handled = h.handled, handled_id = h.id, handled_by = h.by
          FROM (SELECT DISTINCT ON (s.doc ->> 'lead_id') (s.doc ->> 'lead_id')::uuid AS lead, s.id,
                       (s.doc -> 'handled')::boolean AS handled, tavus.text_of(s.doc, 'by', 255) AS by
                  FROM said s WHERE s.fit AND s.event_type = 'lead.handled'
                 ORDER BY s.doc ->> 'lead_id', s.id DESC) h
         WHERE l.id = h.lead AND (l.handled_id IS NULL OR l.handled_id < h.id)
    )
    SELECT count(*) FILTER (WHERE s.fit), count(*) FILTER (WHERE NOT s.fit),
           array_agg(s.id::text) FILTER (WHERE s.fit AND s.event_type = 'contact.submitted'),
           array_agg(coalesce(s.conversation_id, tavus.label(s.doc, 'conversation_id')))
               FILTER (WHERE s.fit AND s.event_type = 'contact.submitted')
      INTO merged, unread, made, calls FROM said s;

    PERFORM tavus.stats_note(array_agg(n.what), array_agg(n.id))
       FROM (SELECT 'c', c.id FROM unnest(calls) AS c (id)
             UNION ALL
             SELECT 'l', l.id FROM unnest(made) AS l (id)) AS n (what, id);

    RETURN json_build_object('events', w.n, 'merged', merged, 'unread', unread, 'more', w.more);
END
$$;

-- One lead as JSON, with the last orders of the same address.
CREATE OR REPLACE FUNCTION tavus.lead_json(l tavus.leads) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'id', l.id, 'created_at', tavus.iso(tavus.uuid_time(l.id)), 'name', l.name,
               'email', l.email, 'message', l.message, 'handled', l.handled,
               'orders', coalesce((
                   SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                              'id', o.id, 'plan', o.plan, 'state', o.state)) ORDER BY o.id DESC)
                     FROM ((SELECT r.* FROM tavus.orders r
                             WHERE lower(coalesce(r.told_email, r.email)) = lower(l.email) AND r.ours
                             ORDER BY r.id DESC LIMIT 10)
                           UNION ALL
                           (SELECT r.* FROM tavus.orders r
                             WHERE lower(r.email) = lower(l.email)
                               AND lower(r.email) <> lower(r.told_email) AND r.ours
                             ORDER BY r.id DESC LIMIT 10)
                           ORDER BY id DESC LIMIT 10) o), '[]'))
           || jsonb_strip_nulls(jsonb_build_object(
               'phone', l.phone, 'company', l.company, 'conversation_id', l.conversation_id,
               'session_id', l.session_id, 'user_id', l.user_id, 'utm_source', l.utm_source,
               'utm_medium', l.utm_medium, 'utm_campaign', l.utm_campaign, 'consent', l.consent,
               'handled_by', l.handled_by, 'handled_at', tavus.iso(tavus.uuid_time(l.handled_id))))
$$;

-- A page of leads; cursor_ is the last one's id.
DROP FUNCTION IF EXISTS tavus.admin_leads(boolean, text, timestamptz, timestamptz, int, uuid);
CREATE OR REPLACE FUNCTION tavus.admin_leads(
    handled_ boolean DEFAULT NULL, email_ text DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ uuid DEFAULT NULL,
    conversation_id_ text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    SELECT tavus.admin_page('leads', 'tavus.lead_json',
        CASE WHEN conversation_id_ IS NOT NULL
             THEN 'r.conversation_id = $4[3] AND r.handled = coalesce($4[1]::boolean, r.handled)
                   AND lower(r.email) = lower(coalesce($4[2], r.email))'
             WHEN email_ IS NOT NULL
             THEN 'lower(r.email) = lower($4[2]) AND r.handled = coalesce($4[1]::boolean, r.handled)'
             WHEN handled_ IS NOT NULL THEN 'r.handled = $4[1]::boolean'
             ELSE 'true' END,
        from_, to_, limit_, cursor_, handled_::text, email_, conversation_id_)
$$;

-- Somebody has seen to a lead, or has not after all.  It is an event, for all who read the log.  Answers
-- the lead, NULL if there is none.
CREATE OR REPLACE FUNCTION tavus.lead_handled(id_ uuid, handled_ boolean, by_ text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    lead  tavus.leads;
    event uuid;
BEGIN
    SELECT l.* INTO lead FROM tavus.leads l WHERE l.id = id_ FOR UPDATE;

    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    -- the last word is the highest, whatever clocks say
    event := overlay(gen_random_uuid()::text
                     PLACING left(tavus.uuid_floor(greatest(
                                 clock_timestamp(),
                                 tavus.uuid_time(lead.handled_id) + interval '1 ms'))::text, 13)
                             || '-7' FROM 1)::uuid;

    PERFORM tavus.record(
        ARRAY[event], ARRAY[now()], '{NULL}', '{2}', '{server}', '{lead.handled}',
        '{NULL}', '{NULL}', '{NULL}',
        ARRAY[convert_to(json_build_object('lead_id', id_, 'handled', handled_, 'by', by_)::text,
                         'UTF8')], '{NULL}');

    UPDATE tavus.leads l SET handled = handled_, handled_id = event, handled_by = by_
     WHERE l.id = id_ RETURNING l.* INTO lead;

    RETURN tavus.lead_json(lead)::text;
END
$$;
