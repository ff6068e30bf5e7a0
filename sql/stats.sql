-- Statistics: a reader of the log counts what happens, by hour and by day.
--
-- Two things are counted.  Events are added, each in the hour of its own time, whenever it comes.  What they
-- are about (a conversation, a lead, an order, an invoice, a visit) is a thing: of each tavus.stats_seen holds
-- what is counted of it, and where; when it changes, that is taken away and what is true now is added.  So the
-- sums are those of the tables, whatever came in which order and how often.  A conversation is looked at when
-- an event of it is read; who makes leads and orders notes them in tavus.stats_due.
--
-- All that writes to tavus.stats, stats_money, stats_seen and stats_names holds the cursor 'stats'.  Nothing here
-- locks what intake writes, nor waits for it.
--
-- Things have a place in one hour: a conversation in that of its creation, whatever becomes of it later; a lead in
-- that of the form; an order and an invoice in that of the payment, what is given back of it too; a visit in that
-- of the first page view of its session.
--
-- What outsiders choose is bounded: event types of browsers are those that are listed, values of utm_source and
-- verticals those in tavus.stats_names; all else is "other".

-- ---- names

-- Expressions, which a query takes in.

CREATE OR REPLACE FUNCTION tavus.stats_hour(id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp((tavus.uuid_ms(id) / 3600000 * 3600)::double precision);

CREATE OR REPLACE FUNCTION tavus.stats_hour(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp((floor(extract(epoch FROM at) / 3600) * 3600)::double precision);

CREATE OR REPLACE FUNCTION tavus.stats_day(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp((floor(extract(epoch FROM at) / 86400) * 86400)::double precision);

-- A value as it is counted: without differences that nobody means; '' for none.
CREATE OR REPLACE FUNCTION tavus.stats_word(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(btrim(value), '') = '' THEN ''
            WHEN lower(btrim(value) COLLATE "C") ~ '^[a-z0-9][a-z0-9._ -]{0,63}$'
            THEN lower(btrim(value) COLLATE "C") ELSE 'other' END;

-- How many values a dimension has of its own.
CREATE OR REPLACE FUNCTION tavus.stats_most(dim text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE dim WHEN 'utm_source' THEN 200 ELSE 100 END;

-- Gives values a name of their own, as long as there are some left, or one that nobody said for five weeks.
CREATE OR REPLACE FUNCTION tavus.stats_admit(dim_ text, names text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    fresh text[];
    room  int;
BEGIN
    IF names <@ '{"",other}' THEN
        RETURN;
    END IF;

    UPDATE tavus.stats_names k SET seen_on = current_date
     WHERE k.dim = dim_ AND k.name = ANY (names) AND k.seen_on < current_date;

    fresh := ARRAY(
        SELECT DISTINCT n.name COLLATE "C" FROM unnest(names) AS n (name)
         WHERE n.name NOT IN ('', 'other')
           AND NOT EXISTS (SELECT FROM tavus.stats_names k WHERE k.dim = dim_ AND k.name = n.name)
         ORDER BY 1);

    IF fresh = '{}' THEN
        RETURN;
    END IF;

    room := tavus.stats_most(dim_) - (SELECT count(*) FROM tavus.stats_names k WHERE k.dim = dim_);

    IF room < cardinality(fresh) THEN
        DELETE FROM tavus.stats_names k WHERE k.dim = dim_ AND k.seen_on < current_date - 35;
        room := tavus.stats_most(dim_) - (SELECT count(*) FROM tavus.stats_names k WHERE k.dim = dim_);
    END IF;

    INSERT INTO tavus.stats_names (dim, name)
    SELECT dim_, n.name FROM unnest(fresh[:room]) AS n (name);
END
$$;

-- ---- counting

-- Adds facts to the sums of their hours and days: alike ones are one before they are spread over dimensions.  Of
-- what a thing counts, all but its seconds and its money is once.
CREATE OR REPLACE FUNCTION tavus.stats_add(facts tavus.stats_fact[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF facts IS NULL THEN
        RETURN;
    END IF;

    WITH alike AS MATERIALIZED (
        SELECT f.at, f.kind, f.event_type, f.source, f.vertical, f.utm,
               coalesce(sum(f.n) FILTER (WHERE f.kind IS NOT NULL), 0) AS events,
               coalesce(sum(f.n) FILTER (WHERE f.kind = 1), 0) AS failures,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'visits'), 0) AS visits,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'conversations'), 0) AS conversations,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'joined'), 0) AS joined,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'ended'), 0) AS ended,
               coalesce(sum(f.n * (f.counts ->> 'seconds')::bigint), 0) AS seconds,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'led'), 0) AS led,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'bought'), 0) AS bought,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'leads'), 0) AS leads,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'orders'), 0) AS orders,
               coalesce(sum(f.n) FILTER (WHERE f.counts ? 'renewals'), 0) AS renewals
          FROM unnest(facts) f
         GROUP BY 1, 2, 3, 4, 5, 6
    ), hours AS MATERIALIZED (
        SELECT d.dim, a.at, d.key, sum(a.events) AS events, sum(a.failures) AS failures, sum(a.visits) AS visits,
               sum(a.conversations) AS conversations, sum(a.joined) AS joined, sum(a.ended) AS ended,
               sum(a.seconds) AS seconds, sum(a.led) AS led, sum(a.bought) AS bought, sum(a.leads) AS leads,
               sum(a.orders) AS orders, sum(a.renewals) AS renewals
          FROM alike a
         CROSS JOIN LATERAL (VALUES ('all', ''), ('type', tavus.type_name(a.kind)),
               ('event_type', a.event_type), ('source', a.source), ('vertical', a.vertical),
               ('utm_source', a.utm)) AS d (dim, key)
         WHERE d.key IS NOT NULL
         GROUP BY 1, 2, 3
        HAVING (sum(a.events), sum(a.failures), sum(a.visits), sum(a.conversations), sum(a.joined), sum(a.ended),
                sum(a.seconds), sum(a.led), sum(a.bought), sum(a.leads), sum(a.orders), sum(a.renewals))
               <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    )
    INSERT INTO tavus.stats AS s (
        dim, grain, at, key, events, failures, visits, conversations, joined, ended, seconds, led, bought, leads,
        orders, renewals)
    SELECT h.dim, g.grain, CASE g.grain WHEN 'day' THEN tavus.stats_day(h.at) ELSE h.at END, h.key,
           sum(h.events), sum(h.failures), sum(h.visits), sum(h.conversations), sum(h.joined), sum(h.ended),
           sum(h.seconds), sum(h.led), sum(h.bought), sum(h.leads), sum(h.orders), sum(h.renewals)
      FROM hours h
     CROSS JOIN (VALUES ('hour'), ('day')) AS g (grain)
     GROUP BY 1, 2, 3, 4
     ORDER BY 1, 2, 3, 4
    ON CONFLICT (dim, grain, at, key) DO UPDATE SET
        events = s.events + EXCLUDED.events, failures = s.failures + EXCLUDED.failures,
        visits = s.visits + EXCLUDED.visits, conversations = s.conversations + EXCLUDED.conversations,
        joined = s.joined + EXCLUDED.joined, ended = s.ended + EXCLUDED.ended,
        seconds = s.seconds + EXCLUDED.seconds, led = s.led + EXCLUDED.led, bought = s.bought + EXCLUDED.bought,
        leads = s.leads + EXCLUDED.leads, orders = s.orders + EXCLUDED.orders,
        renewals = s.renewals + EXCLUDED.renewals;

    INSERT INTO tavus.stats_money AS s (dim, grain, at, key, currency, revenue, refunded)
    SELECT d.dim, g.grain, CASE g.grain WHEN 'day' THEN tavus.stats_day(f.at) ELSE f.at END, d.key, m.currency,
           sum(f.n * m.revenue), sum(f.n * m.refunded)
      FROM unnest(facts) f
     CROSS JOIN LATERAL (
           SELECT r.key AS currency, r.value::bigint AS revenue, 0 AS refunded
             FROM jsonb_each_text(f.counts -> 'revenue') r
           UNION ALL
           SELECT r.key, 0, r.value::bigint FROM jsonb_each_text(f.counts -> 'refunded') r) m
     CROSS JOIN LATERAL (VALUES ('all', ''), ('vertical', f.vertical), ('utm_source', f.utm)) AS d (dim, key)
     CROSS JOIN (VALUES ('hour'), ('day')) AS g (grain)
     WHERE f.counts ?| '{revenue,refunded}'
     GROUP BY 1, 2, 3, 4, 5
    HAVING sum(f.n * m.revenue) <> 0 OR sum(f.n * m.refunded) <> 0
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (dim, grain, at, key, currency) DO UPDATE SET
        revenue = s.revenue + EXCLUDED.revenue, refunded = s.refunded + EXCLUDED.refunded;
END
$$;

-- Notes things as they are now.  Answers what is to be added by that; one that was never counted and is nothing
-- leaves no trace.
DROP FUNCTION IF EXISTS tavus.stats_apply(tavus.stats_seen[]);
CREATE OR REPLACE FUNCTION tavus.stats_changes(things tavus.stats_seen[]) RETURNS tavus.stats_fact[]
LANGUAGE plpgsql
AS $$
DECLARE
    facts tavus.stats_fact[];
BEGIN
    IF cardinality(things) IS NULL OR things = '{}' THEN
        RETURN NULL;
    END IF;

    PERFORM tavus.stats_admit('vertical', ARRAY(SELECT DISTINCT t.vertical FROM unnest(things) t
                                                 WHERE t.what <> 'v')),
            tavus.stats_admit('utm_source', ARRAY(SELECT DISTINCT t.utm FROM unnest(things) t));

    WITH changed AS MATERIALIZED (
        SELECT t.what, t.id, t.at, v.name AS vertical, u.name AS utm, t.first_id, t.counts,
               o.at AS o_at, o.vertical AS o_vertical, o.utm AS o_utm, o.counts AS o_counts
          FROM unnest(things) t
         CROSS JOIN LATERAL (SELECT CASE WHEN t.vertical = '' OR EXISTS (
                                             SELECT FROM tavus.stats_names k
                                              WHERE k.dim = 'vertical' AND k.name = t.vertical)
                                         THEN t.vertical ELSE 'other' END AS name OFFSET 0) v
         CROSS JOIN LATERAL (SELECT CASE WHEN t.utm = '' OR EXISTS (
                                             SELECT FROM tavus.stats_names k
                                              WHERE k.dim = 'utm_source' AND k.name = t.utm)
                                         THEN t.utm ELSE 'other' END AS name OFFSET 0) u
          LEFT JOIN LATERAL (SELECT s.* FROM tavus.stats_seen s
                              WHERE s.what = t.what AND s.id = t.id OFFSET 0) o ON true
         WHERE CASE WHEN o.id IS NULL THEN t.counts <> '{}'
                    WHEN t.what = 'v' THEN t.first_id < o.first_id
                    ELSE (t.at, v.name, u.name, t.first_id, t.counts)
                         IS DISTINCT FROM (o.at, o.vertical, o.utm, o.first_id, o.counts) END
    ), fresh AS (
        -- nobody else adds some, and not to ask for conflicts is half the price
        INSERT INTO tavus.stats_seen (what, id, at, vertical, utm, first_id, counts)
        SELECT c.what, c.id, c.at, c.vertical, c.utm, c.first_id, c.counts
          FROM changed c WHERE c.o_at IS NULL ORDER BY c.what, c.id
    ), kept AS (
        INSERT INTO tavus.stats_seen AS s (what, id, at, vertical, utm, first_id, counts)
        SELECT c.what, c.id, c.at, c.vertical, c.utm, c.first_id, c.counts
          FROM changed c WHERE c.o_at IS NOT NULL ORDER BY c.what, c.id
        ON CONFLICT (what, id) DO UPDATE SET
            (at, vertical, utm, first_id, counts) = (
                EXCLUDED.at, EXCLUDED.vertical, EXCLUDED.utm, EXCLUDED.first_id, EXCLUDED.counts)
    )
    SELECT array_agg(f) INTO facts
      FROM (SELECT ROW(c.at, NULL, NULL, NULL, c.vertical, c.utm, 1, c.counts)::tavus.stats_fact AS f
              FROM changed c
            UNION ALL
            SELECT ROW(c.o_at, NULL, NULL, NULL, c.o_vertical, c.o_utm, -1, c.o_counts)::tavus.stats_fact
              FROM changed c WHERE c.o_at IS NOT NULL) x;

    RETURN facts;
END
$$;

-- What is to be added of events, whose names are as they said them.
DROP FUNCTION IF EXISTS tavus.stats_events(tavus.stats_fact[]);
CREATE OR REPLACE FUNCTION tavus.stats_named(facts tavus.stats_fact[]) RETURNS tavus.stats_fact[]
LANGUAGE plpgsql
AS $$
BEGIN
    IF facts IS NULL THEN
        RETURN NULL;
    END IF;

    -- verticals are the configuration's, so browsers name none that the server has not
    PERFORM tavus.stats_admit('vertical', ARRAY(SELECT DISTINCT f.vertical FROM unnest(facts) f
                                                 WHERE f.source = 'server')),
            tavus.stats_admit('utm_source', ARRAY(SELECT DISTINCT f.utm FROM unnest(facts) f));

    RETURN ARRAY(
        SELECT ROW(f.at, f.kind, f.event_type, f.source,
                   CASE WHEN f.vertical = '' OR EXISTS (SELECT FROM tavus.stats_names k
                                                         WHERE k.dim = 'vertical' AND k.name = f.vertical)
                        THEN f.vertical ELSE 'other' END,
                   CASE WHEN f.utm = '' OR EXISTS (SELECT FROM tavus.stats_names k
                                                    WHERE k.dim = 'utm_source' AND k.name = f.utm)
                        THEN f.utm ELSE 'other' END, f.n, NULL)::tavus.stats_fact
          FROM unnest(facts) f);
END
$$;

-- ---- what things are

-- These conversations, as things, and those of which things take another vertical.
DROP FUNCTION IF EXISTS tavus.stats_calls(text[]);
CREATE OR REPLACE FUNCTION tavus.stats_conversations(ids text[], OUT things tavus.stats_seen[], OUT moved text[])
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    SELECT array_agg(ROW('c', c.id, tavus.stats_hour(c.created_id), v.name, tavus.stats_word(c.utm_source),
                         c.created_id,
                         '{"conversations":1}'
                         || CASE WHEN c.started_id IS NOT NULL THEN '{"joined":1}'::jsonb ELSE '{}' END
                         || CASE WHEN c.ended THEN '{"ended":1}'::jsonb ELSE '{}' END
                         || CASE WHEN c.seconds > 0 THEN jsonb_build_object('seconds', c.seconds) ELSE '{}' END
                         || CASE WHEN o.counts ? 'led'
                                   OR EXISTS (SELECT FROM tavus.leads l WHERE l.conversation_id = c.id)
                                 THEN '{"led":1}'::jsonb ELSE '{}' END
                         || CASE WHEN o.counts ? 'bought'
                                   OR EXISTS (SELECT FROM tavus.orders r
                                               WHERE r.conversation_id = c.id
                                                 AND CASE WHEN r.ours THEN r.paid_at IS NOT NULL END)
                                 THEN '{"bought":1}'::jsonb ELSE '{}' END)::tavus.stats_seen),
           array_agg(c.id) FILTER (WHERE v.name <> coalesce(o.vertical, ''))
      INTO things, moved
      FROM (SELECT DISTINCT u.id FROM unnest(ids) AS u (id) OFFSET 0) n
     CROSS JOIN LATERAL (SELECT k.*, tavus.call_seconds(k.created_id, k.shutdown_id, k.closed_id) AS seconds
                           FROM tavus.conversations k WHERE k.id = n.id OFFSET 0) c
     CROSS JOIN LATERAL (SELECT tavus.stats_word(c.vertical) AS name OFFSET 0) v
      LEFT JOIN LATERAL (SELECT s.counts, s.vertical FROM tavus.stats_seen s
                          WHERE s.what = 'c' AND s.id = n.id OFFSET 0) o ON true
     -- one that was erased before anything was known of it is none
     WHERE NOT c.erased OR o.counts IS NOT NULL;
END
$$;

CREATE OR REPLACE FUNCTION tavus.stats_leads(ids text[]) RETURNS tavus.stats_seen[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW('l', l.id, tavus.stats_hour(l.id), tavus.stats_word(c.vertical),
                   tavus.stats_word(l.utm_source), NULL, '{"leads":1}')::tavus.stats_seen
          FROM (SELECT DISTINCT u.id::uuid AS id FROM unnest(ids) AS u (id) OFFSET 0) n
         CROSS JOIN LATERAL (SELECT k.* FROM tavus.leads k WHERE k.id = n.id OFFSET 0) l
          LEFT JOIN LATERAL (SELECT k.vertical FROM tavus.conversations k
                              WHERE k.id = l.conversation_id OFFSET 0) c ON true);
END
$$;

-- Orders.  Of one that began a subscription its invoices tell what was paid, if they do; what was given back
-- is told once for all orders that hang together, at the first, or at the subscription.
CREATE OR REPLACE FUNCTION tavus.stats_orders(ids text[]) RETURNS tavus.stats_seen[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW('o', r.id, tavus.stats_hour(coalesce(r.paid_at, tavus.uuid_time(r.id))),
                   tavus.stats_word(c.vertical), tavus.stats_word(r.utm_source), NULL,
                   CASE WHEN r.ours AND r.paid_at IS NOT NULL
                        THEN jsonb_strip_nulls(jsonb_build_object(
                            'orders', 1,
                            'revenue', CASE WHEN r.total > 0 AND r.total_currency <> '' AND NOT b.billed
                                            THEN jsonb_build_object(lower(r.total_currency), r.total) END,
                            'refunded', CASE WHEN r.subscription IS NULL AND NOT b.later
                                             THEN r.refunded END))
                        ELSE '{}' END)::tavus.stats_seen
          FROM (SELECT DISTINCT u.id::uuid AS id FROM unnest(ids) AS u (id) OFFSET 0) n
         CROSS JOIN LATERAL (SELECT k.* FROM tavus.orders k WHERE k.id = n.id OFFSET 0) r
          LEFT JOIN LATERAL (SELECT k.vertical FROM tavus.conversations k
                              WHERE k.id = r.conversation_id OFFSET 0) c ON true
         CROSS JOIN LATERAL (
               SELECT r.subscription IS NOT NULL
                      AND EXISTS (SELECT FROM tavus.subscriptions t
                                   WHERE t.subscription = r.subscription AND t.ours AND t.invoices > 0) AS billed,
                      EXISTS (SELECT FROM tavus.stripe_objects m, tavus.stripe_objects f, tavus.orders t
                               WHERE m.id = CASE WHEN r.livemode THEN 'order:live:' ELSE 'order:test:' END || r.id
                                 AND f.tree = m.tree AND f.id LIKE 'order:%' AND f.id < m.id
                                 AND t.id = substr(f.id, 12)::uuid AND t.ours AND t.paid_at IS NOT NULL) AS later
               OFFSET 0) b);
END
$$;

-- Subscriptions, by what was given back of them, and their invoices, by what was paid.
CREATE OR REPLACE FUNCTION tavus.stats_invoices(ids text[]) RETURNS tavus.stats_seen[]
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(x.what, x.id, x.at, tavus.stats_word(c.vertical), tavus.stats_word(r.utm_source), NULL,
                   jsonb_strip_nulls(x.counts))::tavus.stats_seen
          FROM (SELECT DISTINCT u.id FROM unnest(ids) AS u (id) OFFSET 0) n
         CROSS JOIN LATERAL (SELECT k.* FROM tavus.subscriptions k WHERE k.subscription = n.id OFFSET 0) t
          LEFT JOIN LATERAL (SELECT k.* FROM tavus.orders k WHERE k.id = t.order_id OFFSET 0) r ON true
          LEFT JOIN LATERAL (SELECT k.vertical FROM tavus.conversations k
                              WHERE k.id = r.conversation_id OFFSET 0) c ON true
         CROSS JOIN LATERAL (
               SELECT 's' AS what, t.subscription AS id, tavus.stats_hour(t.id) AS at,
                      CASE WHEN t.ours THEN jsonb_build_object('refunded', t.refunded) ELSE '{}' END AS counts
               UNION ALL
               SELECT 'i', i.id, tavus.stats_hour(to_timestamp((i.doc ->> 'paid_at')::bigint)),
                      CASE WHEN t.ours AND i.settled
                           THEN jsonb_build_object(
                               'revenue', CASE WHEN i.doc ->> 'currency' <> '' AND (i.doc ->> 'amount')::bigint > 0
                                               THEN jsonb_build_object(lower(i.doc ->> 'currency'),
                                                                       i.doc -> 'amount') END,
                               'renewals', CASE WHEN i.doc ->> 'reason' = 'subscription_cycle' THEN 1 END)
                           ELSE '{}' END
                 FROM tavus.stripe_objects i
                WHERE i.tree = (SELECT m.tree FROM tavus.stripe_objects m WHERE m.id = t.subscription)
                  AND i.kind = 'invoice' AND i.doc ->> 'subscription' = t.subscription
                  AND i.doc ? 'paid_at') x);
END
$$;

-- Notes things anew: conversations, leads, orders and subscriptions, and what takes its vertical from one of these
-- conversations.  Answers what is to be added by that.
DROP FUNCTION IF EXISTS tavus.stats_things(text[], text[]);
CREATE OR REPLACE FUNCTION tavus.stats_things(calls text[], leads_ text[], sold text[], lasts text[])
RETURNS tavus.stats_fact[]
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    c     record;
    facts tavus.stats_fact[];
BEGIN
    IF calls <> '{}' THEN
        SELECT * INTO c FROM tavus.stats_conversations(calls);

        facts := tavus.stats_changes(c.things);

        IF c.moved IS NOT NULL THEN
            leads_ := leads_ || ARRAY(SELECT l.id::text FROM tavus.leads l WHERE l.conversation_id = ANY (c.moved));
            sold := sold || ARRAY(SELECT r.id::text FROM tavus.orders r WHERE r.conversation_id = ANY (c.moved));
        END IF;
    END IF;

    IF leads_ <> '{}' THEN
        facts := facts || tavus.stats_changes(tavus.stats_leads(leads_));
    END IF;

    IF sold <> '{}' THEN
        facts := facts || tavus.stats_changes(tavus.stats_orders(sold));
        lasts := lasts || ARRAY(SELECT r.subscription FROM unnest(sold) AS u (id), tavus.orders r
                                 WHERE r.id = u.id::uuid AND r.subscription IS NOT NULL);
    END IF;

    IF lasts <> '{}' THEN
        facts := facts || tavus.stats_changes(tavus.stats_invoices(lasts));
    END IF;

    RETURN facts;
END
$$;

-- For who makes leads and orders: what has changed of them, once in a transaction, at its end, so that who
-- notes the same waits in the same order.  What is due already is locked: who counts leaves it until the
-- change is there.
CREATE OR REPLACE FUNCTION tavus.stats_note(whats text[], ids text[]) RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO tavus.stats_due (what, id)
    SELECT DISTINCT u.what COLLATE "C", u.id COLLATE "C" FROM unnest(whats, ids) AS u (what, id)
     WHERE u.id IS NOT NULL
     ORDER BY 1, 2
    ON CONFLICT (what, id) DO UPDATE SET id = EXCLUDED.id
$$;

CREATE OR REPLACE FUNCTION tavus.stats_note(what text, ids text[]) RETURNS void
LANGUAGE sql
AS $$
    SELECT tavus.stats_note(array_fill(what, ARRAY[cardinality(ids)]), ids)
$$;

-- Notes the next of what was made before anybody counted, so many at most: in the row 'past' stands after which
-- to go on.  Answers whether there may be more.
CREATE OR REPLACE FUNCTION tavus.stats_past(most int) RETURNS boolean
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    place text := (SELECT d.id FROM tavus.stats_due d WHERE d.what = 'past');
    what_ text := left(place, 1);
    after text := substr(place, 3);
    since uuid := CASE WHEN what_ <> 's' THEN coalesce(nullif(after, ''), '00000000-0000-0000-0000-000000000000') END;
    ids   text[];
BEGIN
    CASE what_
    WHEN 'l' THEN
        ids := ARRAY(SELECT l.id::text FROM tavus.leads l WHERE l.id > since ORDER BY l.id LIMIT most);
    WHEN 'o' THEN
        ids := ARRAY(SELECT r.id::text FROM tavus.orders r WHERE r.id > since ORDER BY r.id LIMIT most);
    WHEN 's' THEN
        ids := ARRAY(SELECT t.subscription FROM tavus.subscriptions t WHERE t.subscription > after COLLATE "C"
                      ORDER BY t.subscription LIMIT most);
    ELSE
        RETURN false;
    END CASE;

    PERFORM tavus.stats_note(what_, ids);

    DELETE FROM tavus.stats_due d WHERE d.what = 'past';
    INSERT INTO tavus.stats_due (what, id)
    SELECT 'past', n.id
      FROM (SELECT CASE WHEN cardinality(ids) = most THEN what_ || ' ' || ids[most]
                        ELSE CASE what_ WHEN 'l' THEN 'o ' WHEN 'o' THEN 's ' END END) AS n (id)
     WHERE n.id IS NOT NULL;

    RETURN FOUND;
END
$$;

-- ---- reading on

-- What these events say, as they are counted; the first page view of each session among them, as a thing; and the
-- conversations that may be others than they were: most events change none.  Alike ones are one at once, with their
-- ids.  Most are of the hour of the first, so what theirs is need not be asked of each.
DROP FUNCTION IF EXISTS tavus.stats_read(uuid[], smallint[], text[], text[], jsonb[]);
CREATE OR REPLACE FUNCTION tavus.stats_read(
    ids uuid[], OUT facts tavus.stats_fact[], OUT visits tavus.stats_seen[], OUT calls text[])
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    hour timestamptz := tavus.stats_hour(ids[1]);
    lo   uuid := tavus.uuid_floor(hour);
    hi   uuid := tavus.uuid_floor(hour + interval '1 hour');
BEGIN
    WITH said AS MATERIALIZED (
        SELECT CASE WHEN e.id >= lo AND e.id < hi THEN hour ELSE tavus.stats_hour(e.id) END AS at, e.kind, e.source,
               CASE WHEN e.source <> 'browser' OR tavus.counted(e.event_type) THEN e.event_type
                    ELSE 'other' END AS event_type,
               CASE WHEN e.doc IS NULL THEN '' ELSE tavus.stats_word(tavus.str(e.doc, 'vertical')) END AS vertical,
               CASE WHEN e.doc IS NULL THEN '' ELSE tavus.stats_word(tavus.str(e.doc, 'utm_source')) END AS utm,
               array_agg(e.id) AS ids, array_agg(e.conversation_id) AS calls,
               array_agg(tavus.label(e.doc, 'session_id')) FILTER (WHERE e.source = 'browser') AS sessions
          FROM (SELECT unnest(ids) AS id OFFSET 0) u
         CROSS JOIN LATERAL (
               SELECT k.id, k.kind, k.source, k.event_type, k.conversation_id,
                      CASE WHEN k.source IN ('browser', 'server') THEN tavus.body_jsonb(k.body) END AS doc
                 FROM tavus.events k WHERE k.id = u.id OFFSET 0) e
         GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT (SELECT array_agg(ROW(s.at, s.kind, s.event_type, s.source, s.vertical, s.utm, cardinality(s.ids), NULL)
                             ::tavus.stats_fact)
              FROM said s),
           (SELECT array_agg(ROW('v', v.trace, v.at, v.vertical, v.utm, v.id, '{"visits":1}')::tavus.stats_seen)
              FROM (SELECT DISTINCT ON (t.trace) t.* FROM (
                        SELECT s.at, s.vertical, s.utm, m.id, tavus.trace_of('s ' || m.session)::text AS trace
                          FROM said s CROSS JOIN LATERAL unnest(s.ids, s.sessions) AS m (id, session)
                         WHERE tavus.visits(s.source, s.event_type) AND m.session IS NOT NULL) t
                     ORDER BY t.trace, t.id) v),
           ARRAY(SELECT c.id
                   FROM (SELECT m.call AS id, array_agg(m.id) AS ids, bool_or(m.part IS NOT NULL) AS changed
                           FROM (SELECT unnest(s.ids) AS id, unnest(s.calls) AS call, s.part
                                   FROM (SELECT k.*, tavus.part('conversations', k.source, k.event_type) AS part
                                           FROM said k WHERE tavus.ours(k.source) OFFSET 0) s OFFSET 0) m
                          WHERE m.call IS NOT NULL
                          GROUP BY 1) c
                  WHERE c.changed
                     OR (SELECT n.first_id FROM tavus.stats_seen n WHERE n.what = 'c' AND n.id = c.id)
                        < ALL (c.ids) IS NOT TRUE)
      INTO facts, visits, calls;
END
$$;

-- Counts a window of the log.
CREATE OR REPLACE FUNCTION tavus.stats_fold(from_pos bigint, from_ord int, to_pos bigint, to_ord int)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    r record;
BEGIN
    SELECT * INTO r FROM tavus.stats_read(tavus.log_ids(from_pos, from_ord, to_pos, to_ord));

    PERFORM tavus.stats_add(tavus.stats_named(r.facts) || tavus.stats_changes(r.visits)
                            || tavus.stats_things(r.calls, '{}', '{}', '{}'));
END
$$;

-- Counts what is due, so many at most; whoever calls it holds the cursor.  Answers how many.
CREATE OR REPLACE FUNCTION tavus.stats_settle(most int) RETURNS int
LANGUAGE plpgsql
AS $$
DECLARE
    due record;
BEGIN
    WITH gone AS (
        DELETE FROM tavus.stats_due d
         USING (SELECT s.what, s.id FROM tavus.stats_due s
                 WHERE s.what = ANY ('{c,l,o,s}')
                 ORDER BY s.what, s.id LIMIT most FOR UPDATE SKIP LOCKED) t
         WHERE d.what = t.what AND d.id = t.id
        RETURNING d.what, d.id)
    SELECT count(*) AS n, coalesce(array_agg(g.id) FILTER (WHERE g.what = 'c'), '{}') AS calls,
           coalesce(array_agg(g.id) FILTER (WHERE g.what = 'l'), '{}') AS leads,
           coalesce(array_agg(g.id) FILTER (WHERE g.what = 'o'), '{}') AS sold,
           coalesce(array_agg(g.id) FILTER (WHERE g.what = 's'), '{}') AS lasts
      INTO due FROM gone g;

    IF due.n > 0 THEN
        PERFORM tavus.stats_add(tavus.stats_things(due.calls, due.leads, due.sold, due.lasts));
    END IF;

    RETURN due.n;
END
$$;

-- Reads on: most events, 10,000 at most, and what is due.  Answers JSON as tavus.orders_roll() does, and whether
-- there is more.
CREATE OR REPLACE FUNCTION tavus.stats_roll(most int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    w    record;
    n    int;
    due  int := 0;
    past boolean := false;
BEGIN
    PERFORM FROM tavus.cursors c WHERE c.name = 'stats' FOR UPDATE SKIP LOCKED;

    IF NOT FOUND THEN
        -- a transaction of its own, so that whoever erases finds it locked, or has erased before
        INSERT INTO tavus.stats_due (what, id)
        SELECT 'past', 'l '
         WHERE NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'stats')
           AND tavus.cursor_make('stats', true)
        ON CONFLICT DO NOTHING;

        RETURN json_build_object('events', 0, 'merged', 0, 'unread', 0, 'more', FOUND);
    END IF;

    SELECT t.* INTO w FROM tavus.cursor_take('stats', most) t;
    n := coalesce(w.n, 0);

    IF n > 0 THEN
        PERFORM tavus.stats_fold(w.from_pos, w.from_ord, w.to_pos, w.to_ord);
    END IF;

    IF EXISTS (SELECT FROM tavus.stats_due) THEN
        past := tavus.stats_past(least(most, 5000));
        due := tavus.stats_settle(500);
    END IF;

    RETURN json_build_object('events', n, 'merged', n + due, 'unread', 0,
                             'more', past OR due = 500 OR n = least(most, 10000));
END
$$;

-- ---- erasing

-- UTM sources that these events say and that are counted by their names, as keys of an erasure.
CREATE OR REPLACE FUNCTION tavus.stats_words(ids uuid[]) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT DISTINCT 'w ' || k.name
          FROM tavus.events e, tavus.stats_names k
         WHERE e.id = ANY (ids) AND e.source IN ('browser', 'server') AND k.dim = 'utm_source'
           AND k.name = tavus.stats_word(tavus.str(tavus.body_jsonb(e.body), 'utm_source')))
$$;

-- And those that are counted of what is to be erased.
CREATE OR REPLACE FUNCTION tavus.stats_words_of(e tavus.erasures) RETURNS text[]
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT tavus.keys_of(e.keys, 'w') || ARRAY(
        SELECT DISTINCT s.utm
          FROM (SELECT k.letter, i.id
                  FROM unnest('{c,l,o}'::text[]) AS k (letter), unnest(tavus.keys_of(e.keys, k.letter)) AS i (id)
                UNION ALL
                SELECT 'v', tavus.trace_of('s ' || i.id)::text FROM unnest(tavus.keys_of(e.keys, 's')) AS i (id)) t
          JOIN tavus.stats_seen s ON s.what = t.letter AND s.id = t.id
         WHERE s.utm NOT IN ('', 'other'))
$$;

-- Counts what was erased by nothing that was said of it.  A UTM source by which nothing else is known may be
-- somebody's name: it counts as "other" from now on.
CREATE OR REPLACE FUNCTION tavus.stats_forget(e tavus.erasures, words text[]) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    calls text[] := tavus.keys_of(e.keys, 'c');
    sold  text[] := CASE e.what WHEN 'visitor' THEN tavus.keys_of(e.keys, 'o') ELSE '{}' END;
BEGIN
    PERFORM tavus.stats_add(tavus.stats_things(calls, '{}', sold, '{}'));

    words := ARRAY(
        SELECT k.name FROM tavus.stats_names k
         WHERE k.dim = 'utm_source' AND k.name = ANY (words)
           AND NOT EXISTS (SELECT FROM tavus.stats_seen s
                            WHERE s.utm = k.name AND s.utm NOT IN ('', 'other')));

    IF words = '{}' THEN
        RETURN;
    END IF;

    INSERT INTO tavus.stats AS s
    SELECT t.dim, t.grain, t.at, 'other', sum(t.events), sum(t.failures), sum(t.visits), sum(t.conversations),
           sum(t.joined), sum(t.ended), sum(t.seconds), sum(t.led), sum(t.bought), sum(t.leads), sum(t.orders),
           sum(t.renewals)
      FROM tavus.stats t WHERE t.dim = 'utm_source' AND t.key = ANY (words)
     GROUP BY t.dim, t.grain, t.at
    ON CONFLICT (dim, grain, at, key) DO UPDATE SET
        events = s.events + EXCLUDED.events, failures = s.failures + EXCLUDED.failures,
        visits = s.visits + EXCLUDED.visits, conversations = s.conversations + EXCLUDED.conversations,
        joined = s.joined + EXCLUDED.joined, ended = s.ended + EXCLUDED.ended,
        seconds = s.seconds + EXCLUDED.seconds, led = s.led + EXCLUDED.led, bought = s.bought + EXCLUDED.bought,
        leads = s.leads + EXCLUDED.leads, orders = s.orders + EXCLUDED.orders,
        renewals = s.renewals + EXCLUDED.renewals;

    INSERT INTO tavus.stats_money AS s
    SELECT t.dim, t.grain, t.at, 'other', t.currency, sum(t.revenue), sum(t.refunded)
      FROM tavus.stats_money t WHERE t.dim = 'utm_source' AND t.key = ANY (words)
     GROUP BY t.dim, t.grain, t.at, t.currency
    ON CONFLICT (dim, grain, at, key, currency) DO UPDATE SET
        revenue = s.revenue + EXCLUDED.revenue, refunded = s.refunded + EXCLUDED.refunded;

    DELETE FROM tavus.stats t WHERE t.dim = 'utm_source' AND t.key = ANY (words);
    DELETE FROM tavus.stats_money t WHERE t.dim = 'utm_source' AND t.key = ANY (words);
    DELETE FROM tavus.stats_names k WHERE k.dim = 'utm_source' AND k.name = ANY (words);
END
$$;

-- ---- counting again

-- Counts an hour again, by what is stored now; events that the cursor has not read yet are left to it.
CREATE OR REPLACE FUNCTION tavus.stats_recount(hour timestamptz, bite int DEFAULT 10000) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    lo    uuid := tavus.uuid_floor(hour);
    hi    uuid := tavus.uuid_floor(hour + interval '1 hour');
    day   timestamptz := tavus.stats_day(hour);
    all_  text[] := '{all,type,event_type,source,vertical,utm_source}';
    last  uuid := lo;
    place tavus.cursors;
    r     record;
    ids   uuid[];
    facts tavus.stats_fact[];
BEGIN
    SELECT c.* INTO place FROM tavus.cursors c WHERE c.name = 'stats' FOR UPDATE;

    IF NOT FOUND THEN
        RAISE 'nothing was counted yet' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    LOOP
        -- in one snapshot: what is stored, and what of it is still to be read
        SELECT array_agg(t.id ORDER BY t.id) INTO ids
          FROM (SELECT e.id
                  FROM tavus.events e
                 WHERE e.id >= lo AND e.id > last AND e.id < hi
                   AND e.id NOT IN (
                           SELECT i.id
                             FROM tavus.log l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS i (id, ord)
                            WHERE l.pos >= place.pos AND (l.pos > place.pos OR i.ord > place.ord))
                 ORDER BY e.id LIMIT bite) t;

        EXIT WHEN ids IS NULL;
        last := ids[cardinality(ids)];

        SELECT * INTO r FROM tavus.stats_read(ids);
        PERFORM tavus.stats_add(tavus.stats_changes(r.visits));
        facts := facts || r.facts;
    END LOOP;

    DELETE FROM tavus.stats s WHERE s.dim = ANY (all_) AND s.grain = 'hour' AND s.at = hour;
    DELETE FROM tavus.stats_money s WHERE s.dim = ANY (all_) AND s.grain = 'hour' AND s.at = hour;

    PERFORM tavus.stats_add(tavus.stats_named(facts) || ARRAY(
        SELECT ROW(s.at, NULL, NULL, NULL, s.vertical, s.utm, 1, s.counts)::tavus.stats_fact
          FROM tavus.stats_seen s WHERE (s.what = 'v')::int = ANY ('{0,1}') AND s.at = hour));

    DELETE FROM tavus.stats s WHERE s.dim = ANY (all_) AND s.grain = 'day' AND s.at = day;
    DELETE FROM tavus.stats_money s WHERE s.dim = ANY (all_) AND s.grain = 'day' AND s.at = day;

    INSERT INTO tavus.stats
    SELECT s.dim, 'day', day, s.key, sum(s.events), sum(s.failures), sum(s.visits), sum(s.conversations),
           sum(s.joined), sum(s.ended), sum(s.seconds), sum(s.led), sum(s.bought), sum(s.leads), sum(s.orders),
           sum(s.renewals)
      FROM tavus.stats s
     WHERE s.dim = ANY (all_) AND s.grain = 'hour' AND s.at >= day AND s.at < day + interval '24 hours'
     GROUP BY s.dim, s.key;

    INSERT INTO tavus.stats_money
    SELECT s.dim, 'day', day, s.key, s.currency, sum(s.revenue), sum(s.refunded)
      FROM tavus.stats_money s
     WHERE s.dim = ANY (all_) AND s.grain = 'hour' AND s.at >= day AND s.at < day + interval '24 hours'
     GROUP BY s.dim, s.key, s.currency;
END
$$;

-- Since when all that was stored still is, by which it can be counted again.
CREATE OR REPLACE FUNCTION tavus.stats_since() RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT greatest(
        (SELECT to_timestamp(right(min(c.relname::text), 6), 'YYYYMM')::timestamp AT TIME ZONE 'UTC'
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'tavus.events'::regclass AND c.relname ~ '^events_p[0-9]{6}$'),
        (SELECT max(tavus.stats_hour(r.upto)) + interval '1 hour' FROM tavus.retention r
          WHERE r.removed > 0
            AND r.kind IN ('browser', 'contacts', 'transcripts', 'trail', 'conversations', 'leads', 'purchases')))
$$;

-- For ops: CALL tavus.stats_rebuild() counts all hours since then again, each in a transaction of its own, while
-- intake and the reader go on and charts are read; what was asked for in between is true before or after.  It may
-- be broken off, and called again.  Hours of before stay as they are.
CREATE OR REPLACE PROCEDURE tavus.stats_rebuild(since timestamptz DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
    hour  timestamptz;
    until timestamptz := tavus.stats_hour(now() + interval '1 day');
    day   timestamptz;
    n     int;
BEGIN
    since := tavus.stats_hour(coalesce(since, tavus.stats_since()));

    IF since IS NULL OR NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'stats') THEN
        RAISE NOTICE 'nothing was counted yet';
        RETURN;

    -- it will be read: twice were too often
    ELSIF NOT (SELECT p.whole FROM tavus.log_past p) THEN
        RAISE 'what was stored before the log is not in it yet' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    -- things first, a day at a time
    day := since;

    WHILE day < until LOOP
        PERFORM tavus.stats_note('c', ARRAY(
                    SELECT c.id FROM tavus.conversations c
                     WHERE c.created_id >= tavus.uuid_floor(day)
                       AND c.created_id < tavus.uuid_floor(day + interval '24 hours'))),
                tavus.stats_note('l', ARRAY(
                    SELECT l.id::text FROM tavus.leads l
                     WHERE l.id >= tavus.uuid_floor(day) AND l.id < tavus.uuid_floor(day + interval '24 hours'))),
                tavus.stats_note('o', ARRAY(
                    SELECT r.id::text FROM tavus.orders r
                     WHERE r.id >= tavus.uuid_floor(day) AND r.id < tavus.uuid_floor(day + interval '24 hours')));
        day := day + interval '24 hours';
        COMMIT;
    END LOOP;

    PERFORM tavus.stats_note('s', ARRAY(SELECT t.subscription FROM tavus.subscriptions t));
    COMMIT;

    LOOP
        PERFORM FROM tavus.cursors c WHERE c.name = 'stats' FOR UPDATE;
        n := tavus.stats_settle(1000);
        COMMIT;
        EXIT WHEN n < 1000;
    END LOOP;

    -- what the cursor has not read is looked up for each hour, so it must not be much
    WHILE tavus.stats_roll(20000)::jsonb -> 'more' = 'true' LOOP
        COMMIT;
    END LOOP;

    hour := since;

    WHILE hour < until LOOP
        PERFORM tavus.stats_roll(20000);
        COMMIT;
        PERFORM tavus.stats_recount(hour);
        hour := hour + interval '1 hour';
        COMMIT;
    END LOOP;

    RAISE NOTICE 'counted again since %', tavus.iso(since);
END
$$;

-- ---- what the admin API answers

-- As tavus.money(), quickly: an expression that a query takes in.
CREATE OR REPLACE FUNCTION tavus.stats_coins(amount numeric, currency text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"amount":' || amount || ',"value":"'
       || CASE tavus.currency_exponent(currency) WHEN 0 THEN amount WHEN 3 THEN round(amount * 0.001, 3)
                                                 ELSE round(amount * 0.01, 2) END
       || '","currency":' || to_json(currency) || '}';

-- Sums as members of JSON, without what is zero if it is sparse.
CREATE OR REPLACE FUNCTION tavus.stats_json(s tavus.stats, revenue text, refunded text, sparse boolean)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF sparse THEN
        RETURN concat_ws(',',
            '"events":' || nullif(s.events, 0), '"failures":' || nullif(s.failures, 0),
            '"visits":' || nullif(s.visits, 0), '"conversations":' || nullif(s.conversations, 0),
            '"joined":' || nullif(s.joined, 0), '"ended":' || nullif(s.ended, 0),
            '"minutes":' || nullif(round(s.seconds / 60.0, 2), 0), '"leads":' || nullif(s.leads, 0),
            '"orders":' || nullif(s.orders, 0), '"renewals":' || nullif(s.renewals, 0),
            '"revenue":[' || revenue || ']', '"refunded":[' || refunded || ']');
    END IF;

    RETURN concat(
        '"events":', s.events, ',"failures":', s.failures, ',"visits":', s.visits,
        ',"conversations":', s.conversations, ',"joined":', s.joined, ',"ended":', s.ended,
        ',"minutes":', round(s.seconds / 60.0, 2), ',"leads":', s.leads, ',"orders":', s.orders,
        ',"renewals":', s.renewals, ',"revenue":[', revenue, '],"refunded":[', refunded, ']');
END
$$;

CREATE OR REPLACE FUNCTION tavus.stats_total(s tavus.stats, revenue text, refunded text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN concat(
        '{', tavus.stats_json(s, revenue, refunded, false), ',"funnel":{"visits":', s.visits, ',"started":',
        s.conversations, ',"joined":', s.joined, ',"ended":', s.ended, ',"lead":', s.led, ',"paid":', s.bought,
        '}}');
END
$$;

-- How far is counted: a time by whose receipt all is, events that are not, and things to be counted anew.
CREATE OR REPLACE FUNCTION tavus.stats_counted() RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'to', tavus.iso(now() - g.seconds * interval '1 second'), 'behind_events', g.events,
               'behind_seconds', g.seconds,
               'due', (SELECT count(*) FROM (SELECT FROM tavus.stats_due LIMIT 10000) d))
      FROM (SELECT) one
      LEFT JOIN tavus.cursors c ON c.name = 'stats'
     CROSS JOIN LATERAL tavus.cursor_lag(coalesce(c.pos, 0), coalesce(c.ord, 0)) g
$$;

-- Sums by hour or day of [from_, to_), both rounded to whole ones; by one of the dimensions, its twenty values with
-- most, and what is left as "other".
CREATE OR REPLACE FUNCTION tavus.admin_stats(
    from_ timestamptz DEFAULT NULL, to_ timestamptz DEFAULT NULL, bucket_ text DEFAULT NULL, by_ text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    grain_  text := coalesce(bucket_, 'hour');
    step    interval := CASE grain_ WHEN 'day' THEN interval '24 hours' ELSE interval '1 hour' END;
    most    int := CASE WHEN by_ IS NULL THEN 800 ELSE 100 END;
    n       numeric;
    total   text;
    buckets text;
    groups  text;
BEGIN
    to_ := coalesce(to_, now());
    from_ := coalesce(from_, to_ - CASE grain_ WHEN 'day' THEN interval '30 days' ELSE interval '24 hours' END);

    IF NOT isfinite(to_) OR to_ > '9999-01-01' OR NOT isfinite(from_) OR from_ >= to_ THEN
        RAISE 'from is not before to' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'from';
    END IF;

    IF grain_ = 'day' THEN
        from_ := tavus.stats_day(from_);
        to_ := CASE WHEN tavus.stats_day(to_) < to_ THEN tavus.stats_day(to_) + step ELSE to_ END;
    ELSE
        from_ := tavus.stats_hour(from_);
        to_ := CASE WHEN tavus.stats_hour(to_) < to_ THEN tavus.stats_hour(to_) + step ELSE to_ END;
    END IF;

    n := extract(epoch FROM to_ - from_) / extract(epoch FROM step);

    IF n > most THEN
        RAISE 'too many buckets' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'from';
    END IF;

    WITH s AS MATERIALIZED (
        SELECT t.at, t AS s FROM tavus.stats t
         WHERE t.dim = 'all' AND t.grain = grain_ AND t.at >= from_ AND t.at < to_
    ), m AS MATERIALIZED (
        SELECT t.* FROM tavus.stats_money t
         WHERE t.dim = 'all' AND t.grain = grain_ AND t.at >= from_ AND t.at < to_
    ), pots AS MATERIALIZED (
        SELECT t.at, string_agg(tavus.stats_coins(t.revenue, t.currency), ',' ORDER BY t.currency)
                   FILTER (WHERE t.revenue <> 0) AS revenue,
               string_agg(tavus.stats_coins(t.refunded, t.currency), ',' ORDER BY t.currency)
                   FILTER (WHERE t.refunded <> 0) AS refunded
          FROM m t GROUP BY t.at
    ), whole AS (
        SELECT ROW('', '', from_, '', coalesce(sum((t.s).events), 0), coalesce(sum((t.s).failures), 0),
                   coalesce(sum((t.s).visits), 0), coalesce(sum((t.s).conversations), 0), coalesce(sum((t.s).joined), 0),
                   coalesce(sum((t.s).ended), 0), coalesce(sum((t.s).seconds), 0), coalesce(sum((t.s).led), 0),
                   coalesce(sum((t.s).bought), 0), coalesce(sum((t.s).leads), 0), coalesce(sum((t.s).orders), 0),
                   coalesce(sum((t.s).renewals), 0))::tavus.stats AS s
          FROM s t
    ), purse AS MATERIALIZED (
        SELECT string_agg(tavus.stats_coins(c.revenue, c.currency), ',' ORDER BY c.currency)
                   FILTER (WHERE c.revenue <> 0) AS revenue,
               string_agg(tavus.stats_coins(c.refunded, c.currency), ',' ORDER BY c.currency)
                   FILTER (WHERE c.refunded <> 0) AS refunded
          FROM (SELECT t.currency, sum(t.revenue) AS revenue, sum(t.refunded) AS refunded
                  FROM m t GROUP BY t.currency) c
    )
    SELECT (SELECT tavus.stats_total(w.s, p.revenue, p.refunded) FROM whole w, purse p),
           (SELECT string_agg(concat('{"at":"', tavus.iso(b.at), '",',
                                     tavus.stats_json(coalesce(s.s, ROW('', '', b.at, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                                        0, 0)::tavus.stats),
                                                      p.revenue, p.refunded, false), '}'), ',' ORDER BY b.at)
              FROM (SELECT from_ + i * step AS at FROM generate_series(0, n::int - 1) i) b
              LEFT JOIN s ON s.at = b.at
              LEFT JOIN pots p ON p.at = b.at)
      INTO total, buckets;

    IF by_ IS NOT NULL THEN
        WITH s AS MATERIALIZED (
            SELECT t.* FROM tavus.stats t
             WHERE t.dim = by_ AND t.grain = grain_ AND t.at >= from_ AND t.at < to_
        ), first AS MATERIALIZED (
            SELECT t.key FROM s t
             GROUP BY t.key
             ORDER BY sum(t.orders) + sum(t.leads) + sum(t.conversations) DESC, sum(t.events) + sum(t.visits) DESC,
                      t.key
             LIMIT 20
        ), rows AS MATERIALIZED (
            SELECT ROW('', '', t.at, CASE WHEN t.key IN (SELECT f.key FROM first f) THEN t.key ELSE 'other' END,
                       sum(t.events), sum(t.failures), sum(t.visits), sum(t.conversations), sum(t.joined),
                       sum(t.ended), sum(t.seconds), sum(t.led), sum(t.bought), sum(t.leads), sum(t.orders),
                       sum(t.renewals))::tavus.stats AS s
              FROM s t
             GROUP BY t.at, CASE WHEN t.key IN (SELECT f.key FROM first f) THEN t.key ELSE 'other' END
        ), m AS MATERIALIZED (
            SELECT t.at, CASE WHEN t.key IN (SELECT f.key FROM first f) THEN t.key ELSE 'other' END AS key,
                   t.currency, sum(t.revenue) AS revenue, sum(t.refunded) AS refunded
              FROM tavus.stats_money t
             WHERE t.dim = by_ AND t.grain = grain_ AND t.at >= from_ AND t.at < to_
             GROUP BY 1, 2, 3
        ), pots AS MATERIALIZED (
            SELECT t.at, t.key, string_agg(tavus.stats_coins(t.revenue, t.currency), ',' ORDER BY t.currency)
                   FILTER (WHERE t.revenue <> 0) AS revenue,
                   string_agg(tavus.stats_coins(t.refunded, t.currency), ',' ORDER BY t.currency)
                   FILTER (WHERE t.refunded <> 0) AS refunded
              FROM m t GROUP BY t.at, t.key
        ), purse AS MATERIALIZED (
            SELECT c.key, string_agg(tavus.stats_coins(c.revenue, c.currency), ',' ORDER BY c.currency)
                   FILTER (WHERE c.revenue <> 0) AS revenue,
                   string_agg(tavus.stats_coins(c.refunded, c.currency), ',' ORDER BY c.currency)
                   FILTER (WHERE c.refunded <> 0) AS refunded
              FROM (SELECT t.key, t.currency, sum(t.revenue) AS revenue, sum(t.refunded) AS refunded
                      FROM m t GROUP BY 1, 2) c
             GROUP BY c.key
        ), sums AS MATERIALIZED (
            SELECT ROW('', '', from_, (r.s).key, sum((r.s).events), sum((r.s).failures), sum((r.s).visits),
                       sum((r.s).conversations), sum((r.s).joined), sum((r.s).ended), sum((r.s).seconds),
                       sum((r.s).led), sum((r.s).bought), sum((r.s).leads), sum((r.s).orders),
                       sum((r.s).renewals))::tavus.stats AS s,
                   string_agg(concat('{', concat_ws(',', '"at":"' || tavus.iso((r.s).at) || '"',
                                                    nullif(tavus.stats_json(r.s, p.revenue, p.refunded, true), '')),
                                     '}'), ',' ORDER BY (r.s).at) AS buckets
              FROM rows r LEFT JOIN pots p ON p.at = (r.s).at AND p.key = (r.s).key
             GROUP BY (r.s).key
        )
        SELECT string_agg(concat('{"key":', to_json((t.s).key), ',"total":',
                                 tavus.stats_total(t.s, p.revenue, p.refunded), ',"buckets":[', t.buckets, ']}'), ','
                   ORDER BY (t.s).orders + (t.s).leads + (t.s).conversations DESC, (t.s).events + (t.s).visits DESC,
                            (t.s).key)
          INTO groups
          FROM sums t LEFT JOIN purse p ON p.key = (t.s).key;
    END IF;

    RETURN concat('{"from":"', tavus.iso(from_), '","to":"', tavus.iso(to_), '","bucket":"', grain_,
                  '","counted":', tavus.stats_counted(), ',"total":', total, ',"buckets":[', buckets, ']',
                  ',"by":"' || by_ || '","groups":[' || coalesce(groups, '') || ']', '}');
END
$$;
