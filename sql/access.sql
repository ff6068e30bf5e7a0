-- All that is held of somebody, found as an erasure finds it (erase.sql).

-- By session, user, memory store or address; events in pages, newest first, cursor_ is the last one's id;
-- of all else 200 at most, and what there is more of is named.  It is complete if all events were looked
-- at that are stored by now.  It writes nothing.  Related is what else stands beside it, and was not followed: it may be somebody
-- else's.
CREATE OR REPLACE FUNCTION tavus.admin_visitor(key text, kind text, limit_ int, cursor_ uuid)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    asked  text[] := tavus.visitor_keys(key, kind);
    wanted int := least(greatest(coalesce(limit_, 50), 1), 200);
    done   boolean := (SELECT w.n < 10000
                         FROM (SELECT c.pos, c.ord FROM tavus.cursors c WHERE c.name = 'traces'
                                UNION ALL SELECT 0, 0 ORDER BY 1 DESC LIMIT 1) c,
                              tavus.log_window(c.pos, c.ord, 10000) w)
                     AND NOT EXISTS (SELECT FROM tavus.quarantine q OFFSET 500)
                     AND NOT EXISTS (SELECT FROM tavus.quarantine q WHERE octet_length(q.body) > 65536);
    keys   text[];
    calls  text[];
    ids    uuid[];
    parts  jsonb;
    events text;
BEGIN
    keys := tavus.erase_find(asked, '{}');
    calls := tavus.keys_of(keys, 'c');

    -- the ids of all, which are few, then a page of them
    ids := ARRAY(
        SELECT u.id
          FROM (SELECT v.id FROM tavus.traced(ARRAY(SELECT k.key FROM unnest(keys) AS k (key)
                                                     WHERE k.key ~ '^[sumenox] ')) v
                UNION
                SELECT v.id FROM unnest(calls) AS c (id)
                  CROSS JOIN LATERAL (
                       SELECT w.id FROM tavus.events w
                        WHERE w.conversation_id = c.id AND (cursor_ IS NULL OR w.id < cursor_)
                        ORDER BY w.conversation_id, w.id DESC LIMIT wanted + 1) v) u
         WHERE cursor_ IS NULL OR u.id < cursor_
         ORDER BY u.id DESC LIMIT wanted + 1);

    events := (SELECT string_agg(tavus.event_json(v.id, v.received_at, v.kind, v.source, v.event_type,
                                                  v.conversation_id, v.body, 65536) || '}', ',' ORDER BY v.id DESC)
                 FROM tavus.events v WHERE v.id = ANY (ids[:wanted]));

    parts := jsonb_build_object(
        'conversations', (
            SELECT coalesce(jsonb_agg(tavus.conversation_json(c) ORDER BY c.created_id DESC), '[]')
              FROM tavus.conversations c WHERE c.id = ANY (calls[:200]) AND NOT c.erased),
        'leads', (
            SELECT coalesce(jsonb_agg(tavus.lead_json(l) ORDER BY l.id DESC), '[]')
              FROM tavus.leads l WHERE l.id = ANY ((tavus.keys_of(keys, 'l')::uuid[])[:200])),
        'orders', (
            SELECT coalesce(jsonb_agg(tavus.order_json(r) ORDER BY r.id DESC), '[]')
              FROM tavus.orders r WHERE r.id = ANY ((tavus.keys_of(keys, 'o')::uuid[])[:200])),
        'subscriptions', (
            SELECT coalesce(jsonb_agg(tavus.subscription_json(n) ORDER BY n.id DESC), '[]')
              FROM tavus.subscriptions n WHERE n.subscription = ANY ((tavus.keys_of(keys, 'x'))[:2000])),
        'consents', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'subject', c.subject, 'consent', CASE WHEN c.granted THEN 'granted' ELSE 'denied' END,
                       'decided_at', tavus.iso(tavus.uuid_time(c.decided_id))) ORDER BY c.subject), '[]')
              FROM tavus.consents c
             WHERE c.subject = ANY (ARRAY(SELECT 'session ' || k.id FROM unnest(tavus.keys_of(keys, 's')) AS k (id)
                                          UNION
                                          SELECT 'user ' || k.id FROM unnest(tavus.keys_of(keys, 'u')) AS k (id)))),
        'deliveries', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', t.id::text, 'destination', t.destination, 'event_id', t.event_id,
                       'state', CASE WHEN t.dead THEN 'dead' ELSE 'waiting' END, 'reason', t.reason)
                       ORDER BY t.id DESC), '[]')
              FROM (SELECT t.* FROM tavus.destinations d
                      JOIN tavus.deliveries t ON t.destination = d.name AND t.event_id = ANY (ids[:wanted])
                     LIMIT 200) t),
        'quarantine', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', q.id, 'received_at', tavus.iso(q.received_at), 'source', q.source,
                       'reason', q.reason)), '[]')
              FROM (SELECT q.* FROM tavus.quarantine q ORDER BY q.seq DESC LIMIT 500) q
             WHERE octet_length(q.body) <= 65536 AND tavus.quarantine_of(q, keys)));

    RETURN concat(
        left((jsonb_build_object(
            'complete', done,
            'sessions', to_jsonb((tavus.keys_of(keys, 's'))[:200]),
            'users', to_jsonb((tavus.keys_of(keys, 'u'))[:200]),
            'emails', to_jsonb(tavus.keys_of(keys, 'e')),
            'stripe', to_jsonb(ARRAY(SELECT x.id FROM unnest(tavus.keys_of(keys, 'x')) AS x (id)
                                      WHERE x.id LIKE 'cus\_%' LIMIT 200)),
            'more', to_jsonb(ARRAY(
                SELECT m.name FROM (VALUES ('conversations', 'c'), ('leads', 'l'), ('orders', 'o')) AS m (name, letter)
                 WHERE cardinality(tavus.keys_of(keys, m.letter)) > 200)),
            'related', tavus.visitor_related(keys)) || parts)::text, -1),
        ',"events":[', events, '],"next_cursor":',
        coalesce('"' || CASE WHEN cardinality(ids) > wanted THEN ids[wanted] END || '"', 'null'), '}');
END
$$;

-- Keys that stand beside these in conversations, leads and orders.
CREATE OR REPLACE FUNCTION tavus.visitor_related(keys text[]) RETURNS jsonb
LANGUAGE sql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
    SELECT coalesce(jsonb_agg(r.it ORDER BY r.it ->> 'kind', r.it ->> 'key'), '[]')
      FROM (SELECT jsonb_build_object('kind', '{"s":"session","u":"user","m":"memory_store","e":"email"}'::jsonb
                                                  -> left(k.key, 1), 'key', substr(k.key, 3)) AS it
              FROM (SELECT unnest(tavus.call_keys(c)) FROM tavus.conversations c
                     WHERE c.id = ANY (tavus.keys_of(keys, 'c'))
                    UNION
                    SELECT unnest(ARRAY['s ' || l.session_id, 'u ' || l.user_id,
                                        'e ' || tavus.erase_address(l.email)])
                      FROM tavus.leads l WHERE l.id = ANY (tavus.keys_of(keys, 'l')::uuid[])
                    UNION
                    SELECT unnest(ARRAY['s ' || r.session_id, 'u ' || r.user_id,
                                        'e ' || tavus.erase_address(r.email),
                                        'e ' || tavus.erase_address(r.told_email)])
                      FROM tavus.orders r WHERE r.id = ANY (tavus.keys_of(keys, 'o')::uuid[])) AS k (key)
             WHERE k.key IS NOT NULL AND k.key <> ALL (keys)
             LIMIT 200) r
$$;
