-- Erasure: what is held of a visitor, or of a conversation, is deleted, and stays so, whatever comes later.
--
-- It begins with tombstones, which are committed: a conversation is marked in its row, of all other keys a
-- hash stands in tavus.tombstones.  tavus.record() looks there first, after its lock of the log; so what
-- began before them is over when the log is final up to a position that is taken then, and found.  Now more
-- keys may turn up (the conversations of a session): they get their tombstones, and it is waited again.
-- Then all is deleted, some rows a step.  A step is a transaction, and knows no other one's memory: who
-- dies leaves a row that the next one goes on with.
--
-- A key is a letter, a blank and a value: c a conversation, s a session, u a user, m a memory store, e an
-- address, n the nonce of a wish, l a lead, o an order of ours, x an object of Stripe's; and
-- w a UTM source as it is counted, which is nobody's, but may be known of nobody else.
--
-- Conversations, wishes and orders are erased for good.  Of a person everything is, of before the erasure by
-- its own time: who comes again is welcome.
--
-- What the books need stays: orders and Stripe's events, without what says who it was.

-- ---- keys

CREATE OR REPLACE FUNCTION tavus.erase_address(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(btrim(email));

-- What is kept of a key.
CREATE OR REPLACE FUNCTION tavus.erase_hash(key text) RETURNS bytea
LANGUAGE sql STABLE
RETURN sha256((SELECT s.salt FROM tavus.erasure_salt s) || convert_to(key, 'UTF8'));

-- By which its events are found; another key may have the same.
CREATE OR REPLACE FUNCTION tavus.trace_of(key text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(key, 22);

-- The keys with one letter, without it.
CREATE OR REPLACE FUNCTION tavus.keys_of(keys text[], letter text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT substr(k.key, 3) FROM unnest(keys) AS k (key) WHERE k.key LIKE letter || ' %');

-- The keys that an object of Stripe's names.
CREATE OR REPLACE FUNCTION tavus.stripe_keys(o jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT 'x ' || n.id
      FROM unnest(ARRAY[
               tavus.stripe_id(o, 'id'), tavus.stripe_id(o, 'customer'),
               tavus.stripe_id(o, 'payment_intent'), tavus.stripe_id(o, 'charge'),
               tavus.stripe_id(o, 'latest_charge'), tavus.stripe_id(o, 'invoice'),
               tavus.stripe_id(o, 'latest_invoice'), tavus.stripe_id(o, 'subscription'),
               tavus.stripe_id(o #> '{parent,subscription_details}', 'subscription'),
               tavus.stripe_id(o -> 'payment', 'payment_intent'),
               tavus.stripe_id(o -> 'payment', 'charge')]) AS n (id)
     WHERE n.id IS NOT NULL
    UNION
    SELECT 'o ' || tavus.stripe_order(o) WHERE tavus.stripe_order(o) IS NOT NULL
    UNION
    SELECT 'e ' || tavus.erase_address(m.email)
      FROM unnest(ARRAY[
               tavus.text_of(o, 'email', 320), tavus.text_of(o, 'customer_email', 320),
               tavus.text_of(o, 'receipt_email', 320),
               tavus.text_of(o -> 'customer_details', 'email', 320),
               tavus.text_of(o -> 'billing_details', 'email', 320),
               tavus.text_of(o #> '{evidence}', 'customer_email_address', 320)]) AS m (email)
     WHERE m.email IS NOT NULL);

-- The keys in the body of an event.  Raises no error, whatever is in it.
CREATE OR REPLACE FUNCTION tavus.event_keys(source text, body bytea) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    doc  jsonb;
    keys text[];
BEGIN
    IF source = 'tavus' OR octet_length(body) > (CASE source WHEN 'stripe' THEN 1048576 ELSE 65536 END)
    THEN
        RETURN '{}';
    END IF;

    doc := tavus.body_jsonb(body);

    IF jsonb_typeof(doc) IS DISTINCT FROM 'object' THEN
        RETURN '{}';

    ELSIF source = 'stripe' THEN
        RETURN tavus.stripe_keys(doc #> '{data,object}');
    END IF;

    keys := array_remove(ARRAY[
               's ' || tavus.label(doc, 'session_id'), 'u ' || tavus.label(doc, 'user_id'),
               CASE WHEN source <> 'server'
                    THEN 'e ' || tavus.erase_address(tavus.text_of(doc, 'email', 2000)) END,
               CASE WHEN source = 'server' AND tavus.str(doc, 'nonce') ~ '^[0-9a-f]{32}$'
                    THEN 'n ' || (doc ->> 'nonce') END], NULL);

    IF source = 'server' AND doc ? 'memory_stores' THEN
        keys := keys || ARRAY(SELECT 'm ' || m.store FROM unnest(tavus.strs(doc, 'memory_stores')) AS m (store));
    END IF;

    RETURN keys;
END
$$;

-- ---- what stays of Stripe's events

-- An event of Stripe's without what says who it is about: what orders are made of (tavus.stripe_doc()), and
-- nothing that anybody wrote.
CREATE OR REPLACE FUNCTION tavus.stripe_scrubbed(body bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    doc jsonb := tavus.body_jsonb(body);
    o   jsonb := doc #> '{data,object}';

    -- ids, times, amounts, and words of Stripe's own
    kept text[] := '{id,object,created,status,payment_status,mode,amount,amount_total,amount_subtotal,
        amount_paid,amount_due,amount_refunded,amount_received,currency,customer,expires_at,payment_intent,
        invoice,subscription,payment_link,charge,latest_charge,latest_invoice,billing_reason,reason,
        attempt_count,trial_end,cancel_at,cancel_at_period_end,current_period_end,canceled_at,ended_at,
        livemode,paid,captured,refunded,disputed}';
BEGIN
    RETURN convert_to(jsonb_strip_nulls(jsonb_build_object(
        'id', tavus.stripe_id(doc, 'id'), 'object', tavus.text_of(doc, 'object'),
        'type', tavus.text_of(doc, 'type', 200), 'created', tavus.stripe_int(doc, 'created'),
        'account', tavus.stripe_id(doc, 'account'),
        'livemode', CASE jsonb_typeof(doc -> 'livemode') WHEN 'boolean' THEN doc -> 'livemode' END,
        'erased', true,
        'data', jsonb_build_object('object', coalesce((
            SELECT jsonb_object_agg(m.key, CASE jsonb_typeof(m.value)
                       WHEN 'object' THEN jsonb_build_object('id', tavus.stripe_id(o, m.key))
                       ELSE m.value END)
              FROM jsonb_each(CASE jsonb_typeof(o) WHEN 'object' THEN o ELSE '{}' END) m
             WHERE m.key = ANY (kept)
               AND (jsonb_typeof(m.value) IN ('number', 'boolean')
                    OR tavus.stripe_id(o, m.key) IS NOT NULL)), '{}')
            || jsonb_build_object(
                'metadata', jsonb_build_object('order_id', tavus.stripe_order(o)),
                'last_payment_error', jsonb_build_object(
                    'code', tavus.stripe_id(o -> 'last_payment_error', 'code'),
                    'decline_code', tavus.stripe_id(o -> 'last_payment_error', 'decline_code')),
                'parent', jsonb_build_object('subscription_details', jsonb_build_object(
                    'subscription', tavus.stripe_id(o #> '{parent,subscription_details}', 'subscription'))),
                'payment', jsonb_build_object(
                    'payment_intent', tavus.stripe_id(o -> 'payment', 'payment_intent'),
                    'charge', tavus.stripe_id(o -> 'payment', 'charge')),
                'status_transitions', jsonb_build_object(
                    'paid_at', tavus.stripe_int(o -> 'status_transitions', 'paid_at')),
                'pause_collection', CASE jsonb_typeof(o -> 'pause_collection')
                                    WHEN 'object' THEN '{}'::jsonb END,
                'items', jsonb_build_object('data', (
                    SELECT jsonb_agg(jsonb_build_object(
                               'price', tavus.stripe_id(e.value, 'price'),
                               'quantity', tavus.stripe_int(e.value, 'quantity'),
                               'current_period_end', tavus.stripe_int(e.value, 'current_period_end'))
                               ORDER BY e.ord)
                      FROM jsonb_array_elements(CASE jsonb_typeof(o #> '{items,data}')
                                                WHEN 'array' THEN o #> '{items,data}' ELSE '[]' END)
                           WITH ORDINALITY AS e (value, ord)
                     WHERE e.ord <= 40))))))::text, 'UTF8');
END
$$;

-- ---- what comes later

-- Begins an erasure: tombstones, and its row.
CREATE OR REPLACE FUNCTION tavus.erase_begin(what_ text, keys_ text[]) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
    id_ uuid := gen_random_uuid();
BEGIN
    PERFORM tavus.erase_mark(id_, keys_);

    INSERT INTO tavus.erasures (id, what, keys, asked, pos)
    VALUES (id_, what_, keys_, keys_, nextval('tavus.log_pos'));

    RETURN id_;
END
$$;

-- From the commit on nothing with these keys is stored.
CREATE OR REPLACE FUNCTION tavus.erase_mark(id_ uuid, keys_ text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO tavus.tombstones AS t (hash, erasure, at)
    SELECT h.hash, id_, now()
      FROM (SELECT DISTINCT tavus.erase_hash(k.key) AS hash FROM unnest(keys_) AS k (key)
             WHERE k.key NOT LIKE 'c %') h
     ORDER BY h.hash
    ON CONFLICT (hash) DO UPDATE SET at = greatest(t.at, EXCLUDED.at);

    INSERT INTO tavus.conversations AS c (id, first_id, erased, repair_at)
    SELECT DISTINCT k.id COLLATE "C", tavus.uuid_floor(now()), true, NULL::timestamptz
      FROM unnest(tavus.keys_of(keys_, 'c')) AS k (id)
     ORDER BY 1
    ON CONFLICT (id) DO UPDATE SET erased = true, repair_at = NULL
     WHERE NOT c.erased;
END
$$;

-- What of a batch was erased: rows that are not to be stored, and the bodies of those that are stored
-- without what says who they are about.  A wish of an erased visitor that nobody knew of takes its
-- conversation along, of which something may be stored by now.
CREATE OR REPLACE FUNCTION tavus.record_erased(
    ids uuid[], sources text[], event_types text[], conversation_ids text[], nonces bytea[],
    INOUT bodies bytea[], OUT gone int[])
LANGUAGE plpgsql
AS $$
DECLARE
    r     record;
    salt  bytea := (SELECT s.salt FROM tavus.erasure_salt s);
    hit   boolean;
    more  text[] := '{}';
    calls text[];
BEGIN
    gone := '{}';

    FOR r IN
        SELECT u.*, coalesce(c.erased, false) AS erased, tavus.part('intents', u.source, u.event_type) AS part
          FROM unnest(ids, sources, event_types, conversation_ids, nonces) WITH ORDINALITY
               AS u (id, source, event_type, conversation_id, nonce, ord)
          LEFT JOIN LATERAL (SELECT k.erased FROM tavus.conversations k
                              WHERE k.id = u.conversation_id OFFSET 0) c ON true
    LOOP
        IF r.erased AND NOT tavus.written(r.source, r.event_type) THEN
            gone := gone || r.ord::int;
            CONTINUE;
        END IF;

        -- what becomes of a wish is no more than that
        hit := r.nonce IS NOT NULL AND (r.source = 'tavus' OR r.part IN ('wish', 'announced'))
               AND EXISTS (SELECT FROM tavus.tombstones t
                            WHERE t.hash = sha256(salt || convert_to('n ' || encode(r.nonce, 'hex'), 'UTF8')));

        IF NOT hit AND r.source <> 'tavus' THEN
            hit := EXISTS (
                SELECT FROM unnest(tavus.event_keys(r.source, bodies[r.ord])) AS k (key)
                 CROSS JOIN LATERAL (
                       SELECT t.at FROM tavus.tombstones t
                        WHERE t.hash = sha256(salt || convert_to(k.key, 'UTF8')) OFFSET 0) t
                 WHERE CASE left(k.key, 1)
                       WHEN 'n' THEN r.part IN ('wish', 'announced')
                       WHEN 'o' THEN true
                       WHEN 'x' THEN true
                       ELSE r.id < tavus.uuid_floor(t.at) END);
        END IF;

        IF hit AND r.source = 'stripe' THEN
            bodies[r.ord] := tavus.stripe_scrubbed(bodies[r.ord]);

        ELSIF hit THEN
            gone := gone || r.ord::int;

            IF tavus.ours(r.source) THEN
                more := more || array_remove(ARRAY['c ' || r.conversation_id,
                                                   'n ' || encode(r.nonce, 'hex')], NULL);
            END IF;
        END IF;
    END LOOP;

    calls := ARRAY(SELECT k.id FROM unnest(tavus.keys_of(more, 'c')) AS k (id)
                    WHERE NOT EXISTS (SELECT FROM tavus.conversations c WHERE c.id = k.id AND c.erased));

    IF cardinality(calls) > 0 THEN
        PERFORM tavus.erase_begin('conversation', more);

    ELSIF more <> '{}' THEN
        PERFORM tavus.erase_mark(gen_random_uuid(), more);
    END IF;
END
$$;

-- tavus.record() without the rows that were erased: of them it says that they are known.
CREATE OR REPLACE FUNCTION tavus.record_rest(
    gone int[], ids uuid[], received timestamptz[], digests bytea[], kinds smallint[], sources text[],
    event_types text[], conversation_ids text[], nonces bytea[], verifications text[],
    bodies bytea[], reasons text[])
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    rest    int[] := ARRAY(SELECT n FROM generate_series(1, cardinality(ids)) n WHERE n <> ALL (gone));
    letters text := '';
BEGIN
    -- as for what is known: the tombstone may not be on a synchronous standby yet
    PERFORM pg_logical_emit_message(true, 'tavus', '');

    IF rest <> '{}' THEN
        letters := tavus.record(
            ARRAY(SELECT ids[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT received[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT digests[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT kinds[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT sources[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT event_types[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT conversation_ids[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT nonces[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT verifications[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT bodies[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o),
            ARRAY(SELECT reasons[n] FROM unnest(rest) WITH ORDINALITY AS r (n, o) ORDER BY o));
    END IF;

    RETURN (SELECT string_agg(coalesce(substr(letters, array_position(rest, n), 1), 'd'), '' ORDER BY n)
              FROM generate_series(1, cardinality(ids)) n);
END
$$;

-- ---- finding

-- Reads on: notes which keys are in the next so many events.  Answers how many they were.
CREATE OR REPLACE FUNCTION tavus.trace(most int) RETURNS int
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    w      record;
    oldest uuid;
BEGIN
    PERFORM tavus.cursor_make('traces', true)
      WHERE NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'traces');

    SELECT t.* INTO w FROM tavus.cursor_take('traces', most, tavus.log_sort('traces')) t;

    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    INSERT INTO tavus.traces (subject, ids, calls)
    SELECT k.subject, array_agg(k.id ORDER BY k.id),
           array_agg(DISTINCT k.conversation_id) FILTER (WHERE k.source = 'server' AND k.conversation_id IS NOT NULL)
      FROM (SELECT e.id, e.source, e.conversation_id, tavus.trace_of(s.key) AS subject
              FROM tavus.log_events(w.from_pos, w.from_ord, w.to_pos, w.to_ord,
                                    sort => tavus.log_sort('traces')) e
              CROSS JOIN LATERAL unnest(tavus.event_keys(e.source, e.body)) AS s (key)
             WHERE e.source <> 'tavus') k
     GROUP BY k.subject
     ORDER BY k.subject;

    -- those whose months are gone
    IF random() < 0.02 THEN
        oldest := (SELECT tavus.uuid_floor(to_timestamp(right(min(c.relname::text), 6), 'YYYYMM')::timestamp
                                           AT TIME ZONE 'UTC')
                     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE i.inhparent = 'tavus.events'::regclass AND c.relname ~ '^events_p[0-9]{6}$');

        DELETE FROM tavus.traces t
         WHERE t.id IN (SELECT o.id FROM tavus.traces o ORDER BY o.id LIMIT 1000)
           AND oldest > ALL (t.ids);
    END IF;

    RETURN w.n;
END
$$;

-- The same as a reader of the log of its own, and what goes on with an erasure that nobody waits for.
CREATE OR REPLACE FUNCTION tavus.traces_roll(most int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    open  uuid;
    state json;
BEGIN
    open := (SELECT e.id FROM tavus.erasures e
              WHERE e.done_at IS NULL AND e.asked_at < now() - interval '5 seconds'
              -- one that fails is in nobody's way
              ORDER BY random() LIMIT 1);

    IF open IS NOT NULL THEN
        state := tavus.erase_step(open)::json;

        -- another one is at once asked for
        RETURN json_build_object('events', CASE WHEN state -> 'busy' IS NULL THEN most ELSE 0 END,
                                 'merged', 0, 'unread', 0);
    END IF;

    -- no hurry: an erasure reads on by itself
    RETURN json_build_object('events', least(tavus.trace(most), most - 1), 'merged', 0, 'unread', 0);
END
$$;

-- The events with one of these keys in their bodies: 10,000 a key at most, and of what is not noted yet.
CREATE OR REPLACE FUNCTION tavus.traced(keys text[])
RETURNS TABLE (id uuid, source text, event_type text, conversation_id text, body bytea, had text[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    c    tavus.cursors;
    w    record;
    tail uuid[];
BEGIN
    SELECT t.* INTO c FROM tavus.cursors t WHERE t.name = 'traces';
    w := tavus.log_window(coalesce(c.pos, 0), coalesce(c.ord, 0), 10000);

    IF w.n > 0 THEN
        tail := ARRAY(
            SELECT v.id
              FROM tavus.log_events(coalesce(c.pos, 0), coalesce(c.ord, 0), w.to_pos, w.to_ord) v
             WHERE v.source <> 'tavus' AND tavus.event_keys(v.source, v.body) && keys);
    END IF;

    RETURN QUERY
    SELECT e.id, e.source, e.event_type, e.conversation_id, e.body, e.had
      FROM (SELECT i.id
              FROM unnest(keys) AS k (key)
              CROSS JOIN LATERAL (
                   SELECT t.ids FROM tavus.traces t
                    WHERE t.subject = tavus.trace_of(k.key) LIMIT 10000) t,
                   unnest(t.ids) AS i (id)
            UNION
            SELECT u.id FROM unnest(tail) AS u (id)) i
      CROSS JOIN LATERAL (
           SELECT v.id, v.source, v.event_type, v.conversation_id, v.body,
                  tavus.event_keys(v.source, v.body) AS had
             FROM tavus.events v WHERE v.id = i.id OFFSET 0) e
     WHERE e.had && keys;
END
$$;

-- What else is of the same visitor, a step from what was asked for: of an address the sessions and users who
-- gave it alone; of all their conversations, wishes, orders, and what Stripe calls these.  Not other addresses of the
-- same session: somebody may have written there what is not theirs.
CREATE OR REPLACE FUNCTION tavus.erase_find(asked text[], known text[]) RETURNS text[]
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    them   text[] := asked;     -- who it is
    keys   text[] := known || asked;
    mails  text[] := tavus.keys_of(asked, 'e');
    orders uuid[];
BEGIN
    IF mails <> '{}' THEN
        them := them || ARRAY(
            SELECT 'c ' || v.conversation_id FROM tavus.traced(asked) v
             WHERE tavus.written(v.source, v.event_type) AND v.conversation_id IS NOT NULL);
        them := them || tavus.erase_find_own(asked);
    END IF;

    orders := ARRAY(
        SELECT r.id FROM tavus.orders r WHERE lower(coalesce(r.told_email, r.email)) = ANY (mails)
        UNION
        SELECT r.id FROM tavus.orders r
         WHERE lower(r.email) = ANY (mails) AND lower(r.email) <> lower(r.told_email)
        UNION
        SELECT r.id FROM tavus.orders r WHERE r.session_id = ANY (tavus.keys_of(them, 's'))
        UNION
        SELECT r.id FROM tavus.orders r WHERE r.user_id = ANY (tavus.keys_of(them, 'u'))
        UNION
        SELECT r.id FROM tavus.orders r WHERE r.id = ANY (tavus.keys_of(known, 'o')::uuid[]));

    keys := keys || them || ARRAY(
        -- conversations and wishes of them
        SELECT 'c ' || c.id
          FROM (SELECT DISTINCT l.id FROM unnest(them) AS k (key)
                 JOIN tavus.traces t ON t.subject = tavus.trace_of(k.key), unnest(t.calls) AS l (id)) l
          JOIN tavus.conversations c ON c.id = l.id
         WHERE tavus.call_keys(c) && them
        UNION
        SELECT k.key FROM tavus.traced(them) v, unnest(v.had) AS k (key)
         WHERE v.source = 'server' AND k.key LIKE 'n %'
        UNION
        SELECT 'c ' || v.conversation_id FROM tavus.traced(them) v
         WHERE v.source = 'server' AND v.conversation_id IS NOT NULL
        UNION
        SELECT 'o ' || o.id FROM unnest(orders) AS o (id)
        UNION
        (SELECT 'l ' || l.id FROM tavus.leads l WHERE lower(l.email) = ANY (mails) ORDER BY l.id LIMIT 5000)
        UNION
        SELECT 'l ' || l.id FROM tavus.leads l WHERE l.session_id = ANY (tavus.keys_of(them, 's'))
        UNION
        SELECT 'l ' || l.id FROM tavus.leads l WHERE l.user_id = ANY (tavus.keys_of(them, 'u')));

    keys := keys || ARRAY(
        SELECT 'n ' || encode(c.nonce, 'hex') FROM tavus.conversations c
         WHERE c.id = ANY (tavus.keys_of(keys, 'c')) AND c.nonce IS NOT NULL);

    keys := keys || tavus.erase_find_sold(asked, keys);

    RETURN ARRAY(SELECT DISTINCT k.key FROM unnest(keys) AS k (key));
END
$$;

-- The sessions and users who gave this address and no other one, a thousand at most.  They are what a form
-- says they are: beside another address one may be somebody else's, or everybody's.
CREATE OR REPLACE FUNCTION tavus.erase_find_own(asked text[]) RETURNS text[]
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    mails text[] := tavus.keys_of(asked, 'e');
    them  text[];
BEGIN
    them := ARRAY(
        SELECT u.key FROM (
            SELECT k.key FROM tavus.traced(asked) v, unnest(v.had) AS k (key)
             WHERE tavus.written(v.source, v.event_type)
            UNION
            SELECT k.key FROM tavus.leads l, unnest(ARRAY['s ' || l.session_id, 'u ' || l.user_id]) AS k (key)
             WHERE lower(l.email) = ANY (mails)
            UNION
            SELECT k.key FROM tavus.orders r, unnest(ARRAY['s ' || r.session_id, 'u ' || r.user_id]) AS k (key)
             WHERE lower(r.email) = ANY (mails)) u
         WHERE u.key ~ '^[su] ' ORDER BY u.key LIMIT 1000);

    RETURN ARRAY(
        SELECT t.key FROM unnest(them) AS t (key)
        EXCEPT
        SELECT k.key FROM tavus.traced(them) v, unnest(v.had) AS k (key)
         WHERE EXISTS (SELECT FROM unnest(v.had) AS h (key) WHERE h.key LIKE 'e %' AND h.key <> ALL (asked))
        EXCEPT
        SELECT k.key FROM tavus.leads l, unnest(ARRAY['s ' || l.session_id, 'u ' || l.user_id]) AS k (key)
         WHERE (l.session_id = ANY (tavus.keys_of(them, 's')) OR l.user_id = ANY (tavus.keys_of(them, 'u')))
           AND lower(l.email) <> ALL (mails)
        EXCEPT
        SELECT k.key FROM tavus.orders r, unnest(ARRAY['s ' || r.session_id, 'u ' || r.user_id]) AS k (key)
         WHERE (r.session_id = ANY (tavus.keys_of(them, 's')) OR r.user_id = ANY (tavus.keys_of(them, 'u')))
           AND lower(r.email) <> ALL (mails));
END
$$;

-- What Stripe calls the orders, and those to whom it has sold at these addresses.
CREATE OR REPLACE FUNCTION tavus.erase_find_sold(asked text[], keys text[]) RETURNS text[]
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    objects text[];
    trees   text[];
BEGIN
    objects := ARRAY(
        SELECT k.id
          FROM tavus.traced(ARRAY(SELECT a.key FROM unnest(asked || keys) AS a (key) WHERE a.key ~ '^[eox] ')) v,
               unnest(tavus.keys_of(v.had, 'x')) AS k (id)
         WHERE v.source = 'stripe'
        UNION
        SELECT n.id
          FROM tavus.orders r,
               unnest(ARRAY[r.stripe_session, r.customer, r.payment_intent, r.subscription]) AS n (id)
         WHERE r.id = ANY (tavus.keys_of(keys, 'o')::uuid[]) AND n.id IS NOT NULL);

    trees := ARRAY(
        SELECT s.tree FROM tavus.stripe_objects s
         WHERE s.id = ANY (objects || ARRAY(SELECT m.mode || o.id
                                              FROM unnest(tavus.keys_of(keys, 'o')) AS o (id),
                                                   unnest('{order:live:,order:test:}'::text[]) AS m (mode))));

    RETURN ARRAY(
        SELECT 'x ' || o.id FROM unnest(objects) AS o (id)
        UNION
        SELECT 'x ' || s.id FROM tavus.stripe_objects s WHERE s.tree = ANY (trees) AND s.id NOT LIKE 'order:%'
        UNION
        SELECT 'o ' || r.id FROM tavus.orders r
         WHERE r.stripe_session = ANY (ARRAY(SELECT s.id FROM tavus.stripe_objects s
                                              WHERE s.tree = ANY (trees) AND s.kind = 'session')));
END
$$;

-- The keys in the row of a conversation.
CREATE OR REPLACE FUNCTION tavus.call_keys(c tavus.conversations) RETURNS text[]
LANGUAGE sql STABLE
RETURN array_remove(ARRAY['s ' || c.session_id, 'u ' || c.user_id], NULL)
       || ARRAY(SELECT 'm ' || m.store FROM unnest(c.memory_stores) AS m (store));

-- ---- deleting

-- The next events of an erasure, 200 at most: who records waits for the step.  What was written in a form is the visitor's: a conversation
-- that is erased by itself leaves it.
CREATE OR REPLACE FUNCTION tavus.erase_events(e tavus.erasures, OUT gone uuid[], OUT scrub uuid[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    calls text[] := tavus.keys_of(e.keys, 'c');
    them  text[] := ARRAY(SELECT k.key FROM unnest(e.keys) AS k (key)
                           WHERE k.key ~ '^[sumenox] ' AND (e.what = 'visitor' OR k.key LIKE 'n %'));
BEGIN
    gone := ARRAY(
        SELECT v.id
          FROM unnest(calls) AS c (id)
          CROSS JOIN LATERAL (
               SELECT w.id FROM tavus.events w
                WHERE w.conversation_id = c.id
                  AND (e.what = 'visitor' OR NOT tavus.written(w.source, w.event_type))
                ORDER BY w.conversation_id, w.id LIMIT 200) v
         LIMIT 200);

    IF cardinality(gone) < 200 THEN
        SELECT gone || coalesce(array_agg(t.id) FILTER (WHERE t.source <> 'stripe'), '{}'),
               coalesce(array_agg(t.id) FILTER (WHERE t.source = 'stripe'), '{}')
          INTO gone, scrub
          FROM (SELECT v.id, v.source FROM tavus.traced(them) v
                 WHERE v.id <> ALL (gone) AND (v.source <> 'stripe' OR tavus.body_jsonb(v.body) -> 'erased' IS NULL)
                   AND NOT (v.source = 'server' AND v.event_type = tavus.erased_type(e.what))
                 LIMIT 200) t;
    END IF;
END
$$;

-- Deletes these events, and what hangs on them: what is to be delivered of them, mails too, and what says
-- whose they were.
CREATE OR REPLACE FUNCTION tavus.erase_delete(gone uuid[]) RETURNS int
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    subjects bigint[];
    n        int;
BEGIN
    subjects := ARRAY(
        SELECT DISTINCT tavus.trace_of(k.key)
          FROM tavus.events v, unnest(tavus.event_keys(v.source, v.body)) AS k (key)
         WHERE v.id = ANY (gone));

    DELETE FROM tavus.deliveries t USING tavus.destinations d
     WHERE t.destination = d.name AND t.event_id = ANY (gone);

    UPDATE tavus.traces t
       SET ids = ARRAY(SELECT i.id FROM unnest(t.ids) AS i (id) WHERE i.id <> ALL (gone))
     WHERE t.subject = ANY (subjects) AND t.ids && gone;
    DELETE FROM tavus.traces t WHERE t.subject = ANY (subjects) AND t.ids = '{}';

    DELETE FROM tavus.leads l WHERE l.id = ANY (gone);

    -- what is counted of them stays so
    DELETE FROM tavus.stats_seen s WHERE s.what = 'l' AND s.id = ANY (gone::text[]);
    DELETE FROM tavus.stats_seen s
     WHERE s.what = 'v' AND s.id = ANY (subjects::text[]) AND s.first_id = ANY (gone);

    DELETE FROM tavus.events v WHERE v.id = ANY (gone);
    GET DIAGNOSTICS n = ROW_COUNT;

    RETURN n;
END
$$;

-- The texts in a body that is no event, those of addresses in small letters too: of what can be parsed, all
-- that are values; of what cannot, what stands in quotes and is no name.
CREATE OR REPLACE FUNCTION tavus.body_texts(body bytea) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    doc   jsonb := tavus.body_jsonb(body);
    texts text[];
BEGIN
    texts := CASE WHEN doc IS NOT NULL THEN
        ARRAY(SELECT t.it #>> '{}' FROM jsonb_path_query(doc, 'strict $.**') AS t (it)
               WHERE jsonb_typeof(t.it) = 'string')
    ELSE
        ARRAY(SELECT m.it[1]
                FROM regexp_matches(encode(body, 'escape'),
                                    '"((?:[^"\\]|\\\\.|\\[0-7]{3})*)"(\s*:)?', 'g') AS m (it)
               WHERE m.it[2] IS NULL)
    END;

    RETURN ARRAY(SELECT t.it FROM unnest(texts) AS t (it)
                 UNION
                 SELECT tavus.erase_address(t.it) FROM unnest(texts) AS t (it) WHERE strpos(t.it, '@') > 0);
END
$$;

-- Whether a row of the quarantine is about one of these keys.
CREATE OR REPLACE FUNCTION tavus.quarantine_of(q tavus.quarantine, keys text[]) RETURNS boolean
LANGUAGE sql STABLE
RETURN q.conversation_id = ANY (tavus.keys_of(keys, 'c'))
       OR encode(q.nonce, 'hex') = ANY (tavus.keys_of(keys, 'n'))
       OR tavus.body_texts(q.body) && ARRAY(SELECT substr(k.key, 3) FROM unnest(keys) AS k (key));

-- The keys by which an erasure takes from the quarantine: a UTM source is anybody's.
CREATE OR REPLACE FUNCTION tavus.quarantine_keys(e tavus.erasures) RETURNS text[]
LANGUAGE sql STABLE
RETURN ARRAY(SELECT k.key FROM unnest(e.keys) AS k (key)
              WHERE CASE e.what WHEN 'visitor' THEN k.key NOT LIKE 'w %' ELSE k.key ~ '^[cn] ' END);

-- Deletes of the next rows of the quarantine, 2 MB at least, those that an erasure is about.  Answers after which
-- it goes on, NULL when it has seen all, and how many it deleted.
CREATE OR REPLACE FUNCTION tavus.erase_quarantine(e tavus.erasures, OUT seen_ bigint, OUT n int)
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    keys_ text[] := tavus.quarantine_keys(e);
BEGIN
    seen_ := (SELECT max(b.seq)
                FROM (SELECT q.seq, sum(q.size) OVER (ORDER BY q.seq) - q.size AS before
                        FROM (SELECT u.seq, octet_length(u.body) AS size FROM tavus.quarantine u
                               WHERE u.seq > e.seen ORDER BY u.seq LIMIT 500) q) b
               WHERE b.before < 2097152);

    DELETE FROM tavus.quarantine q
     WHERE q.seq > e.seen AND q.seq <= seen_ AND tavus.quarantine_of(q, keys_);
    GET DIAGNOSTICS n = ROW_COUNT;
END
$$;

-- What is left when the events are gone.  Answers counts.
CREATE OR REPLACE FUNCTION tavus.erase_rest(e tavus.erasures) RETURNS jsonb
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    calls  text[] := tavus.keys_of(e.keys, 'c');
    words  text[] := tavus.stats_words_of(e);
    counts jsonb := '{}';
BEGIN
    PERFORM tavus.talks_drop(calls);

    UPDATE tavus.conversations c
       SET announced_ended = true, url = NULL, document_tags = NULL, memory_stores = NULL, session_id = NULL,
           utm_source = NULL, utm_medium = NULL, utm_campaign = NULL, consent = NULL, user_id = NULL,
           shutdown_reason = NULL, closed_reason = NULL, transcript_id = NULL, recording_id = NULL,
           perception_id = NULL, told_persona = NULL, told_replica = NULL, repair_at = NULL
     WHERE c.id = ANY (calls);

    -- it is ended at Tavus, where it is deleted
    UPDATE tavus.intents i
       SET document_tags = NULL, memory_stores = NULL, session_id = NULL, utm_source = NULL,
           utm_medium = NULL, utm_campaign = NULL, consent = NULL, user_id = NULL, request_id = NULL,
           closed = i.closed OR coalesce(i.conversation_id = ANY (calls), false),
           due_at = CASE WHEN i.conversation_id = ANY (calls) THEN NULL ELSE i.due_at END
     WHERE i.nonce = ANY (ARRAY(SELECT decode(k.hex, 'hex') FROM unnest(tavus.keys_of(e.keys, 'n')) AS k (hex)));

    -- hashes, for two days; a place is held all the same
    UPDATE tavus.places p SET address = decode(repeat('00', 16), 'hex'), visitor = NULL
     WHERE p.nonce = ANY (ARRAY(SELECT decode(k.hex, 'hex') FROM unnest(tavus.keys_of(e.keys, 'n')) AS k (hex)));
    UPDATE tavus.line l SET address = decode(repeat('00', 16), 'hex'), visitor = NULL
     WHERE l.nonce = ANY (ARRAY(SELECT decode(k.hex, 'hex') FROM unnest(tavus.keys_of(e.keys, 'n')) AS k (hex)));

    DELETE FROM tavus.mails m USING tavus.destinations d
     WHERE m.destination = d.name
       AND m.subject = ANY (ARRAY(SELECT 'conversation ' || c.id FROM unnest(calls) AS c (id)));

    IF e.what = 'visitor' THEN
        counts := counts || tavus.erase_rest_visitor(e);
    END IF;

    -- what somebody's answer may have repeated
    UPDATE tavus.destinations d SET said = NULL WHERE d.said IS NOT NULL;

    PERFORM tavus.stats_forget(e, words);

    RETURN counts || jsonb_build_object('conversations', cardinality(calls));
END
$$;

CREATE OR REPLACE FUNCTION tavus.erase_rest_visitor(e tavus.erasures) RETURNS jsonb
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    objects text[] := tavus.keys_of(e.keys, 'x');
    sold    uuid[] := tavus.keys_of(e.keys, 'o');
    orders_ int;
    words_  int;
    forms   text[];
BEGIN
    WITH gone AS (
        DELETE FROM tavus.leads l
         WHERE l.id = ANY (tavus.keys_of(e.keys, 'l')::uuid[])
            OR lower(l.email) = ANY (tavus.keys_of(e.keys, 'e'))
        RETURNING l.id)
    SELECT array_agg(g.id::text) INTO forms FROM gone g;

    -- what is counted of them stays so
    DELETE FROM tavus.stats_seen s WHERE s.what = 'l' AND s.id = ANY (forms || tavus.keys_of(e.keys, 'l'));
    DELETE FROM tavus.stats_seen s
     WHERE s.what = 'v' AND s.id = ANY (ARRAY(SELECT tavus.trace_of('s ' || k.id)::text
                                                FROM unnest(tavus.keys_of(e.keys, 's')) AS k (id)));

    UPDATE tavus.orders r
       SET email = NULL, told_email = NULL, conversation_id = NULL, session_id = NULL, user_id = NULL,
           utm_source = NULL, utm_medium = NULL, utm_campaign = NULL, consent = NULL
     WHERE r.id = ANY (sold);
    GET DIAGNOSTICS orders_ = ROW_COUNT;

    UPDATE tavus.stripe_objects s SET doc = s.doc - 'email'
     WHERE s.id = ANY (objects) AND s.doc ? 'email';

    DELETE FROM tavus.consents c
     WHERE c.subject = ANY (ARRAY(SELECT 'session ' || k.id FROM unnest(tavus.keys_of(e.keys, 's')) AS k (id)
                                  UNION
                                  SELECT 'user ' || k.id FROM unnest(tavus.keys_of(e.keys, 'u')) AS k (id)));
    GET DIAGNOSTICS words_ = ROW_COUNT;

    -- of Stripe's events, which stay, none leads back to an address
    DELETE FROM tavus.traces t
     WHERE t.subject = ANY (ARRAY(SELECT tavus.trace_of(k.key) FROM unnest(e.keys) AS k (key)
                                   WHERE k.key ~ '^[sume] '));

    RETURN jsonb_build_object('leads', cardinality(tavus.keys_of(e.keys, 'l')), 'orders', orders_, 'consents', words_);
END
$$;

-- Tells of it: by ids alone, to all who read the log; and has what Tavus keeps deleted (see deliver.sql).
CREATE OR REPLACE FUNCTION tavus.erase_tell(e tavus.erasures, running text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    calls  text[] := tavus.keys_of(e.keys, 'c');
    n      int := cardinality(calls);
    ids    uuid[];
    bodies jsonb[];
    last   jsonb;
BEGIN
    bodies := ARRAY(
        SELECT jsonb_build_object('conversation_id', c.id, 'erasure', e.id, 'running', c.id = ANY (running))
          FROM unnest(calls) AS c (id));

    IF e.what = 'visitor' THEN
        bodies := bodies || jsonb_build_object(
            'erasure', e.id, 'conversations', to_jsonb(calls[:200]), 'leads', to_jsonb((tavus.keys_of(e.keys, 'l'))[:200]),
            'orders', to_jsonb((tavus.keys_of(e.keys, 'o'))[:200]));
    END IF;

    -- each at a moment of its own
    ids := ARRAY(
        SELECT overlay(gen_random_uuid()::text
                       PLACING left(tavus.uuid_floor(clock_timestamp())::text, 13) || '-7' FROM 1)::uuid
          FROM generate_series(1, cardinality(bodies)) i);

    IF bodies = '{}' THEN
        RETURN;
    END IF;

    PERFORM tavus.record(
        ids, array_fill(now(), ARRAY[cardinality(ids)]), array_fill(NULL::bytea, ARRAY[cardinality(ids)]),
        array_fill(2::smallint, ARRAY[cardinality(ids)]), array_fill('server'::text, ARRAY[cardinality(ids)]),
        array_fill(tavus.erased_type('conversation'), ARRAY[n])
            || CASE WHEN e.what = 'visitor' THEN ARRAY[tavus.erased_type('visitor')] ELSE '{}' END,
        array_fill(NULL::text, ARRAY[cardinality(ids)]), array_fill(NULL::bytea, ARRAY[cardinality(ids)]),
        array_fill(NULL::text, ARRAY[cardinality(ids)]),
        ARRAY(SELECT convert_to(b.body::text, 'UTF8') FROM unnest(bodies) WITH ORDINALITY AS b (body, ord)
               ORDER BY b.ord),
        array_fill(NULL::text, ARRAY[cardinality(ids)]));

    IF n > 0 THEN
        INSERT INTO tavus.destinations (name, kind) VALUES (tavus.erase_destination(), 'tavus')
        ON CONFLICT DO NOTHING;

        INSERT INTO tavus.deliveries (destination, event_id, tries, due_at, reason)
        SELECT tavus.erase_destination(), i.id, 0, now(), 'is to be sent' FROM unnest(ids[:n]) AS i (id);
    END IF;
END
$$;

-- Whom Tavus's own copies are a matter of; no destination of the configuration can have a dot in its name.
CREATE OR REPLACE FUNCTION tavus.erase_destination() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'tavus.erase';

-- A step of an erasure, its own transaction.  Answers JSON as tavus.erasure() does, "busy" if nothing can be
-- done now, as the log is not final, or another one is at it; NULL if there is no such erasure.
CREATE OR REPLACE FUNCTION tavus.erase_step(id_ uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    e       tavus.erasures;
    c       tavus.cursors;
    found_  text[];
    gone    uuid[];
    scrub   uuid[];
    running text[];
    counts_ jsonb;
    remains jsonb;
    seen_   bigint;
    n       int;
    words    text[];
BEGIN
    SELECT t.* INTO e FROM tavus.erasures t WHERE t.id = id_;

    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF e.done_at IS NOT NULL THEN
        RETURN tavus.erasure_json(e, NULL);
    END IF;

    -- one at a time: they would meet at the same rows
    IF NOT pg_try_advisory_xact_lock(2026, 6) OR tavus.log_end() < e.pos THEN
        RETURN tavus.erasure_json(e, NULL)::jsonb || '{"busy":true}';
    END IF;

    SELECT t.* INTO e FROM tavus.erasures t WHERE t.id = id_ FOR UPDATE;

    IF e.done_at IS NOT NULL THEN
        RETURN tavus.erasure_json(e, NULL);
    END IF;

    IF e.state = 'finding' THEN
        SELECT t.* INTO c FROM tavus.cursors t WHERE t.name = 'traces' FOR UPDATE;

        IF c.pos IS NULL OR c.pos < e.pos THEN
            n := tavus.trace(1000);

            IF n > 0 OR c.pos IS NULL THEN
                RETURN tavus.erasure_json(e, NULL);

            ELSIF NOT (SELECT p.whole FROM tavus.log_past p) THEN
                RETURN tavus.erasure_json(e, NULL)::jsonb || '{"busy":true}';
            END IF;
        END IF;

        found_ := tavus.erase_find(CASE e.what WHEN 'visitor' THEN e.asked ELSE '{}' END, e.keys);

        IF cardinality(found_) > 20000 THEN
            DELETE FROM tavus.tombstones t WHERE t.erasure = id_;
            UPDATE tavus.conversations t SET erased = false
             WHERE t.id = ANY (tavus.keys_of(e.keys, 'c')) AND t.erased AND t.url IS NOT NULL;
            UPDATE tavus.erasures t SET state = 'refused', done_at = clock_timestamp(), keys = NULL, asked = NULL
             WHERE t.id = id_ RETURNING t.* INTO e;
            RETURN tavus.erasure_json(e, NULL);
        END IF;

        IF NOT found_ <@ e.keys THEN
            PERFORM tavus.erase_mark(e.id, found_);
            UPDATE tavus.erasures t SET keys = found_, pos = nextval('tavus.log_pos') WHERE t.id = id_
            RETURNING t.* INTO e;
        ELSE
            UPDATE tavus.erasures t SET state = 'deleting' WHERE t.id = id_ RETURNING t.* INTO e;
        END IF;

        RETURN tavus.erasure_json(e, NULL);
    END IF;

    -- what it remains in is told to who asks, as long as it is known
    remains := tavus.erase_remains(e);

    -- nobody takes from what is deleted, nor tells of it: in the order of deliver.sql
    PERFORM FROM tavus.destinations d ORDER BY d.name FOR UPDATE;
    PERFORM FROM tavus.cursors t WHERE t.name IN ('leads', 'orders', 'stats', 'traces', 'words') ORDER BY t.name FOR UPDATE;

    SELECT v.gone, v.scrub INTO gone, scrub FROM tavus.erase_events(e) v;

    IF cardinality(gone) > 0 OR cardinality(scrub) > 0 THEN
        UPDATE tavus.events v SET body = tavus.stripe_scrubbed(v.body), verification = NULL
         WHERE v.id = ANY (scrub);
        -- what a destination said of one may name who it was about
        UPDATE tavus.deliveries t SET reason = coalesce(t.status::text, 'no answer')
          FROM tavus.destinations d
         WHERE t.destination = d.name AND t.event_id = ANY (scrub);
        words := tavus.stats_words(gone);
        n := tavus.erase_delete(gone);

        UPDATE tavus.erasures t
           SET keys = t.keys || words,
               counts = t.counts || jsonb_build_object(
                   'events', coalesce((t.counts ->> 'events')::int, 0) + n,
                   'scrubbed', coalesce((t.counts ->> 'scrubbed')::int, 0) + coalesce(cardinality(scrub), 0))
         WHERE t.id = id_ RETURNING t.* INTO e;
        RETURN tavus.erasure_json(e, remains);
    END IF;

    SELECT q.seen_, q.n INTO seen_, n FROM tavus.erase_quarantine(e) q;

    IF seen_ IS NOT NULL THEN
        UPDATE tavus.erasures t
           SET seen = seen_,
               counts = t.counts || jsonb_build_object('quarantine', coalesce((t.counts ->> 'quarantine')::int, 0) + n)
         WHERE t.id = id_ RETURNING t.* INTO e;
        RETURN tavus.erasure_json(e, remains);
    END IF;

    -- of the budget, which others wait for
    IF NOT pg_try_advisory_xact_lock(2026, 5) THEN
        RETURN tavus.erasure_json(e, remains)::jsonb || '{"busy":true}';
    END IF;

    running := ARRAY(SELECT k.id FROM tavus.conversations k
                      WHERE k.id = ANY (tavus.keys_of(e.keys, 'c')) AND NOT k.ended);
    counts_ := tavus.erase_rest(e);
    PERFORM tavus.erase_tell(e, running);

    UPDATE tavus.erasures t
       SET state = 'done', done_at = clock_timestamp(), keys = NULL, asked = NULL,
           counts = '{"quarantine":0}' || t.counts || counts_
     WHERE t.id = id_ RETURNING t.* INTO e;

    RETURN tavus.erasure_json(e, remains);
EXCEPTION WHEN lock_not_available THEN
    RETURN tavus.erasure(id_)::jsonb || '{"busy":true}';
END
$$;

CREATE OR REPLACE FUNCTION tavus.erasure_json(e tavus.erasures, remains jsonb) RETURNS text
LANGUAGE sql STABLE
RETURN (jsonb_build_object('id', e.id, 'of', e.what, 'state', CASE e.state WHEN 'finding' THEN 'running'
                                  WHEN 'deleting' THEN 'running' ELSE e.state END,
                           'asked_at', tavus.iso(e.asked_at), 'erased', e.counts)
        || jsonb_strip_nulls(jsonb_build_object('done_at', tavus.iso(e.done_at), 'remains', remains)))::text;

-- What of an erased visitor is elsewhere, for the owner to see to, as long as it is known who that was.
CREATE OR REPLACE FUNCTION tavus.erase_remains(e tavus.erasures) RETURNS jsonb
LANGUAGE sql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
    WITH k AS MATERIALIZED (
        SELECT tavus.keys_of(e.keys, 'c') AS calls, tavus.keys_of(e.keys, 'o') AS orders,
               (tavus.keys_of(e.keys, 'u') || tavus.keys_of(e.keys, 's'))[:100] AS people
    )
    SELECT coalesce(jsonb_agg(r.it ORDER BY r.ord), '[]')
      FROM (SELECT 1, jsonb_build_object('where', 'tavus', 'what',
                   'Its own copies of the conversations are deleted by a delivery, which /deliveries shows '
                   'until it is done.', 'ids', to_jsonb(k.calls[:100]))
              FROM k WHERE k.calls <> '{}'
            UNION ALL
            SELECT 2, jsonb_build_object('where', 'tavus', 'what',
                   'Memory stores: Tavus lists none of their memories, so they cannot be deleted from here.',
                   'ids', to_jsonb(m.stores))
              FROM (SELECT (array_agg(DISTINCT s.store))[:100] AS stores
                      FROM k, tavus.conversations c, unnest(c.memory_stores) AS s (store)
                     WHERE c.id = ANY (k.calls)) m
             WHERE m.stores IS NOT NULL AND e.what = 'visitor'
            UNION ALL
            SELECT 3, jsonb_build_object('where', d.kind, 'destination', d.name, 'what', CASE d.kind
                   WHEN 'posthog' THEN 'A person with one of these distinct ids.'
                   WHEN 'ga4' THEN 'A user with one of these client ids.'
                   WHEN 'webhook' THEN 'What was delivered to this address.'
                   ELSE 'Mails that were sent to the owner.' END)
                   || CASE WHEN d.kind IN ('posthog', 'ga4')
                           THEN jsonb_build_object('ids', to_jsonb(k.people)) ELSE '{}' END
                   || CASE WHEN d.kind = 'sendgrid' THEN jsonb_build_object('at', coalesce((
                          SELECT jsonb_agg(tavus.iso(s.at) ORDER BY s.at)
                            FROM (SELECT tavus.uuid_time(l.id::uuid) AS at FROM unnest(tavus.keys_of(e.keys, 'l')) AS l (id)
                                  UNION ALL
                                  SELECT m.made_at FROM tavus.mails m
                                   WHERE m.destination = d.name
                                     AND m.subject = ANY (ARRAY(
                                         SELECT 'conversation ' || c.id FROM unnest(k.calls) AS c (id)
                                         UNION ALL
                                         SELECT 'order ' || o.id FROM unnest(k.orders) AS o (id)))
                                   LIMIT 100) s), '[]')) ELSE '{}' END
              FROM k, tavus.destinations d
             WHERE d.kind IN ('posthog', 'ga4', 'webhook', 'sendgrid')
               AND (d.kind NOT IN ('posthog', 'ga4') OR k.people <> '{}')
            UNION ALL
            SELECT 4, jsonb_build_object('where', 'stripe', 'what',
                   'Customers, their payments and invoices.', 'ids', to_jsonb(s.ids))
              FROM (SELECT (array_agg(DISTINCT x.id))[:100] AS ids
                      FROM unnest(tavus.keys_of(e.keys, 'x')) AS x (id) WHERE x.id LIKE 'cus\_%') s
             WHERE s.ids IS NOT NULL AND e.what = 'visitor'
            UNION ALL
            SELECT 5, jsonb_build_object('where', 'node', 'node', n.id, 'what',
                   'Files whose names end in .damaged, in the folder of its journal.',
                   'count', n.state #> '{journal,damaged}')
              FROM tavus.nodes n WHERE (n.state #>> '{journal,damaged}')::bigint > 0
            UNION ALL
            SELECT 6, jsonb_build_object('where', 'backups', 'what',
                   'Backups of the database, and logs of nginx, until they are deleted by their own rules.'))
           AS r (ord, it)
$$;

-- ---- what the admin API asks for

-- How far an erasure is; NULL if there is none.
CREATE OR REPLACE FUNCTION tavus.erasure(id_ uuid) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT tavus.erasure_json(e, NULL) FROM tavus.erasures e WHERE e.id = id_
$$;

CREATE OR REPLACE FUNCTION tavus.erase_told(id_ uuid, trail jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    answer text := tavus.erasure(id_);
BEGIN
    RETURN CASE WHEN trail IS NULL THEN answer
                ELSE tavus.trail_changed(answer, jsonb_set(trail, '{object,erasure}', to_jsonb(id_))) END;
END
$$;

-- The keys that a visitor may be asked for by: of a kind, or what it looks like.
CREATE OR REPLACE FUNCTION tavus.visitor_keys(key text, kind text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE coalesce(kind, CASE WHEN strpos(key, '@') > 1 THEN 'email' END)
       WHEN 'email' THEN ARRAY['e ' || tavus.erase_address(key)]
       WHEN 'session' THEN ARRAY['s ' || key]
       WHEN 'user' THEN ARRAY['u ' || key]
       WHEN 'memory_store' THEN ARRAY['m ' || key]
       ELSE ARRAY['s ' || key, 'u ' || key, 'm ' || key] END;

-- Begins; what is not known is erased too, as it may come yet.  Answers as tavus.erasure() does.  The trail is as
-- tavus.trail_changed() has it, and gets the id of the receipt; without one nothing is told of who asked.
CREATE OR REPLACE FUNCTION tavus.erase_visitor(key text, trail jsonb, kind text) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
    SELECT tavus.erase_told(tavus.erase_begin('visitor', tavus.visitor_keys(key, kind)), trail)
$$;

CREATE OR REPLACE FUNCTION tavus.erase_conversation(key text, trail jsonb) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
    SELECT tavus.erase_told(tavus.erase_begin('conversation', ARRAY['c ' || key]), trail)
$$;
