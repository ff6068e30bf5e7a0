-- Orders and subscriptions: a reader of the log makes them of Stripe's events, whatever their order.
--
-- Of each object that an event of Stripe shows (a session, a payment, an invoice, …) the newest saying
-- is kept, by a total order, so that it does not matter which came first or how often.  Objects name
-- each other: all that do, our own order among them, are one tree.  An order or a subscription is
-- computed from its tree alone, each time something of the tree is heard.
--
-- One reads at a time, who holds the cursor.  Locks are taken in one order: the cursor, objects, orders,
-- subscriptions.

-- ---- reading what may hold anything

-- A member that is an integer, as amounts and times are, else NULL.
CREATE OR REPLACE FUNCTION tavus.stripe_int(doc jsonb, name text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(doc -> name) = 'number'
            THEN CASE WHEN (doc -> name)::numeric BETWEEN -999999999999 AND 999999999999
                      THEN CASE WHEN (doc -> name)::numeric = trunc((doc -> name)::numeric)
                                THEN (doc -> name)::bigint END END END;

-- A member that is the id of an object, or an object with one, else NULL.
CREATE OR REPLACE FUNCTION tavus.stripe_id(doc jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(tavus.str(doc, name), tavus.str(doc -> name, 'id')) ~ '^[A-Za-z0-9_.-]{1,255}$'
            THEN coalesce(tavus.str(doc, name), tavus.str(doc -> name, 'id')) END;

-- The order of ours that an object names, by its metadata, which nobody but us and the owner writes; or
-- a session by its reference, unless it is of a payment link, whose visitors write it.
CREATE OR REPLACE FUNCTION tavus.stripe_order(object jsonb) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    id text := coalesce(tavus.str(object -> 'metadata', 'order_id'),
                        CASE WHEN tavus.stripe_id(object, 'payment_link') IS NULL
                             THEN tavus.str(object, 'client_reference_id') END);
BEGIN
    RETURN CASE WHEN id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN id::uuid END;
END
$$;

-- How much a type says of two in the same second.
CREATE OR REPLACE FUNCTION tavus.stripe_rank(event_type text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(('{
    "created": 1, "requires_action": 2, "processing": 3, "updated": 4, "completed": 5, "failed": 6,
    "payment_failed": 6, "async_payment_failed": 6, "succeeded": 7, "async_payment_succeeded": 7,
    "paid": 8, "payment_succeeded": 8, "refunded": 9, "expired": 9, "canceled": 9, "voided": 9,
    "closed": 9, "deleted": 9
}'::jsonb ->> substring(event_type FROM '[^.]*$'))::int, 4);

-- Where a status stands on its way, for two in the same second.
CREATE OR REPLACE FUNCTION tavus.stripe_step(status text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(
    '{requires_payment_method,requires_confirmation,requires_action,processing,requires_capture,
      incomplete,trialing,active,past_due,unpaid,paused,succeeded,canceled,incomplete_expired}'::text[],
    status), 0);

-- What is kept of an object: what orders and subscriptions are made of, under one name, whichever
-- version of the API says it.  In newer ones an invoice has its subscription in "parent", its payments are
-- objects of their own, and periods are those of a subscription's items.
CREATE OR REPLACE FUNCTION tavus.stripe_doc(kind text, type text, o jsonb, said_at bigint)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    status   text := tavus.text_of(o, 'status');
    complete boolean := coalesce(status, 'complete') = 'complete' AND type <> 'checkout.session.expired';
    ends     bigint;
    items    jsonb;
    doc      jsonb;
BEGIN
    CASE kind
    WHEN 'session' THEN
        doc := jsonb_build_object(
            'created', tavus.stripe_int(o, 'created'),
            'order', tavus.stripe_order(o),
            'state', CASE WHEN NOT complete AND status = 'expired' THEN 'expired'
                          WHEN NOT complete THEN 'open'
                          WHEN tavus.str(o, 'payment_status') IN ('paid', 'no_payment_required')
                          THEN 'paid'
                          WHEN type = 'checkout.session.async_payment_failed' THEN 'unpaid'
                          ELSE 'processing' END,
            'mode', tavus.text_of(o, 'mode'),
            'amount', tavus.stripe_int(o, 'amount_total'),
            'currency', tavus.text_of(o, 'currency', 3),
            'customer', tavus.stripe_id(o, 'customer'),
            'email', coalesce(tavus.text_of(o -> 'customer_details', 'email', 320),
                              tavus.text_of(o, 'customer_email', 320)),
            'expires_at', tavus.stripe_int(o, 'expires_at'),
            'intent', tavus.stripe_id(o, 'payment_intent'),
            'invoice', tavus.stripe_id(o, 'invoice'),
            'subscription', tavus.stripe_id(o, 'subscription'));

    WHEN 'intent' THEN
        doc := jsonb_build_object(
            'status', status,
            'failure', coalesce(tavus.text_of(o -> 'last_payment_error', 'decline_code'),
                                tavus.text_of(o -> 'last_payment_error', 'code')),
            'charge', tavus.stripe_id(o, 'latest_charge'),
            'invoice', tavus.stripe_id(o, 'invoice'));

    WHEN 'charge' THEN
        doc := jsonb_build_object(
            'refunded', tavus.stripe_int(o, 'amount_refunded'),
            'currency', tavus.text_of(o, 'currency', 3),
            'intent', tavus.stripe_id(o, 'payment_intent'),
            'invoice', tavus.stripe_id(o, 'invoice'));

    WHEN 'refund' THEN
        doc := jsonb_build_object(
            'status', status,
            'amount', tavus.stripe_int(o, 'amount'),
            'currency', tavus.text_of(o, 'currency', 3),
            'intent', tavus.stripe_id(o, 'payment_intent'),
            'charge', tavus.stripe_id(o, 'charge'));

    WHEN 'dispute' THEN
        doc := jsonb_build_object(
            'status', status,
            'reason', tavus.text_of(o, 'reason'),
            'amount', tavus.stripe_int(o, 'amount'),
            'currency', tavus.text_of(o, 'currency', 3),
            'intent', tavus.stripe_id(o, 'payment_intent'),
            'charge', tavus.stripe_id(o, 'charge'));

    WHEN 'invoice' THEN
        doc := jsonb_build_object(
            'status', status,
            'reason', tavus.text_of(o, 'billing_reason'),
            'amount', tavus.stripe_int(o, 'amount_paid'),
            'currency', tavus.text_of(o, 'currency', 3),
            'attempts', tavus.stripe_int(o, 'attempt_count'),
            'paid_at', coalesce(tavus.stripe_int(o -> 'status_transitions', 'paid_at'), said_at),
            'subscription', coalesce(tavus.stripe_id(o #> '{parent,subscription_details}', 'subscription'),
                                     tavus.stripe_id(o, 'subscription')),
            'intent', tavus.stripe_id(o, 'payment_intent'),
            'charge', tavus.stripe_id(o, 'charge'));

    WHEN 'payment' THEN
        doc := jsonb_build_object(
            'invoice', tavus.stripe_id(o, 'invoice'),
            'intent', tavus.stripe_id(o -> 'payment', 'payment_intent'),
            'charge', tavus.stripe_id(o -> 'payment', 'charge'));

    WHEN 'subscription' THEN
        SELECT coalesce(max(tavus.stripe_int(e.value, 'current_period_end')),
                        tavus.stripe_int(o, 'current_period_end')),
               jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                   'price', tavus.stripe_id(e.value, 'price'),
                   'quantity', tavus.stripe_int(e.value, 'quantity'))) ORDER BY e.ord)
          INTO ends, items
          FROM jsonb_array_elements(CASE WHEN jsonb_typeof(o #> '{items,data}') = 'array'
                                         THEN o #> '{items,data}' ELSE '[]' END)
               WITH ORDINALITY AS e (value, ord)
         WHERE e.ord <= 40;

        doc := jsonb_build_object(
            'created', tavus.stripe_int(o, 'created'),
            'status', coalesce(status, 'unknown'),
            'customer', tavus.stripe_id(o, 'customer'),
            'trial_end', tavus.stripe_int(o, 'trial_end'),
            'ends_at', coalesce(tavus.stripe_int(o, 'cancel_at'),
                                CASE WHEN o -> 'cancel_at_period_end' = 'true' THEN ends END),
            'period_end', ends,
            'canceled_at', tavus.stripe_int(o, 'canceled_at'),
            'ended_at', tavus.stripe_int(o, 'ended_at'),
            'paused', (jsonb_typeof(o -> 'pause_collection') = 'object' OR status = 'paused') IS TRUE,
            'items', items,
            'invoice', tavus.stripe_id(o, 'latest_invoice'));
    ELSE
        NULL;
    END CASE;

    RETURN jsonb_strip_nulls(doc);
END
$$;

-- What an event of Stripe says: of which object, with what weight, what is kept of it, and which others
-- it names.  NULL if it says nothing of these, as thin events do not; unread if it should, and cannot be
-- read.  Raises no error, whatever is in the body.
CREATE OR REPLACE FUNCTION tavus.stripe_fact(body bytea, OUT fact jsonb, OUT unread boolean)
LANGUAGE plpgsql IMMUTABLE
AS $$
#variable_conflict use_variable
DECLARE
    event    jsonb := tavus.body_jsonb(body);
    o        jsonb := event #> '{data,object}';
    type     text := coalesce(tavus.text_of(event, 'type', 200), '');
    said_at  bigint := tavus.stripe_int(event, 'created');
    id       text := tavus.stripe_id(o, 'id');
    event_id text := tavus.stripe_id(event, 'id');
    kind     text := '{
        "checkout.session": "session", "payment_intent": "intent", "charge": "charge",
        "refund": "refund", "dispute": "dispute", "invoice": "invoice",
        "invoice_payment": "payment", "subscription": "subscription"
    }'::jsonb ->> tavus.str(o, 'object');
    doc      jsonb;
BEGIN
    unread := event IS NULL OR jsonb_typeof(event) <> 'object';

    -- a thin event, another object, an invoice that is none yet
    IF unread OR tavus.str(event, 'object') <> 'event' OR kind IS NULL AND tavus.str(o, 'object') <> ''
       OR type = 'invoice.upcoming'
    THEN
        RETURN;
    END IF;

    doc := tavus.stripe_doc(kind, type, o, said_at);

    IF kind IS NULL OR id IS NULL OR event_id IS NULL OR said_at IS NULL OR said_at < 0
       OR jsonb_typeof(event -> 'livemode') IS DISTINCT FROM 'boolean'
       OR kind IN ('session', 'subscription') AND NOT doc ? 'created'
    THEN
        unread := true;
        RETURN;
    END IF;

    fact := jsonb_build_object(
        'id', id, 'kind', kind, 'livemode', event -> 'livemode', 'said_at', said_at,
        'event_id', event_id, 'doc', doc,
        -- there is nothing after it
        'settled', CASE kind WHEN 'session' THEN doc ->> 'state' = 'paid'
                             WHEN 'intent' THEN doc ->> 'status' IN ('succeeded', 'canceled')
                             WHEN 'refund' THEN doc ->> 'status' IN ('failed', 'canceled')
                             WHEN 'invoice' THEN doc ->> 'status' = 'paid'
                             WHEN 'subscription'
                             THEN doc ->> 'status' IN ('canceled', 'incomplete_expired')
                             ELSE false END IS TRUE,
        'rank', tavus.stripe_rank(type),
        -- for two of the same second: what only grows, or how far it has come
        'weight', coalesce((doc ->> 'refunded')::bigint, (doc ->> 'attempts')::bigint,
                           coalesce((doc ->> 'period_end')::bigint, 0) * 100
                           + tavus.stripe_step(doc ->> 'status')),
        'names', to_jsonb(array_remove(ARRAY[
            doc ->> 'intent', doc ->> 'charge', doc ->> 'invoice', doc ->> 'subscription',
            CASE WHEN (event -> 'livemode')::boolean THEN 'order:live:' ELSE 'order:test:' END
                || tavus.stripe_order(o)], NULL)));
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    fact := NULL;
    unread := true;
END
$$;

-- The id of what we were not asked for: the time of its object, and bits of its name.
CREATE OR REPLACE FUNCTION tavus.stripe_uuid(id text, created bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN overlay(regexp_replace(md5(id), '^(.{8})(.{4}).(...).(...)(.{12}).*', '\1-\2-7\3-8\4-\5')
               PLACING left(tavus.uuid_floor(to_timestamp(created))::text, 13) FROM 1)::uuid;

-- ---- amounts

-- How many decimals an amount of Stripe has.  For isk and ugx, which have none any more, Stripe keeps
-- the two of before (https://docs.stripe.com/currencies).
CREATE OR REPLACE FUNCTION tavus.currency_exponent(currency text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN lower(currency) = ANY ('{bif,clp,djf,gnf,jpy,kmf,krw,mga,pyg,rwf,vnd,vuv,xaf,xof,xpf}')
            THEN 0
            WHEN lower(currency) = ANY ('{bhd,jod,kwd,omr,tnd}') THEN 3
            ELSE 2 END;

-- An amount as JSON: in minor units, and as people write it.
CREATE OR REPLACE FUNCTION tavus.money(amount bigint, currency text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount IS NOT NULL AND currency IS NOT NULL
            THEN jsonb_build_object('amount', amount, 'currency', currency,
                     'value', trunc(amount / 10::numeric ^ tavus.currency_exponent(currency),
                                    tavus.currency_exponent(currency))::text) END;

-- Amounts of several currencies, which are never added.
CREATE OR REPLACE FUNCTION tavus.moneys(amounts jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT jsonb_agg(tavus.money(m.value::bigint, m.key) ORDER BY m.key)
          FROM jsonb_each_text(amounts) m);

-- What was given back of a tree's payments, for each currency: the refunds that are known one by one,
-- or what a charge says, less what has failed since; whichever is more.  NULL: nothing.
CREATE OR REPLACE FUNCTION tavus.stripe_refunded(of text) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
    WITH charges AS (
        SELECT o.id, o.said_at, o.doc ->> 'currency' AS currency,
               coalesce((o.doc ->> 'refunded')::bigint, 0) AS refunded,
               coalesce(o.doc ->> 'intent', o.id) AS payment
          FROM tavus.stripe_objects o WHERE o.tree = of AND o.kind = 'charge'
    ), refunds AS (
        SELECT o.said_at, o.doc ->> 'currency' AS currency,
               coalesce((o.doc ->> 'amount')::bigint, 0) AS amount, o.settled AS gone,
               coalesce(o.doc ->> 'intent',
                        (SELECT c.payment FROM charges c WHERE c.id = o.doc ->> 'charge'),
                        o.doc ->> 'charge', o.id) AS payment
          FROM tavus.stripe_objects o WHERE o.tree = of AND o.kind = 'refund'
    ), told AS (
        SELECT c.payment, c.currency, sum(c.refunded) AS amount, max(c.said_at) AS said_at
          FROM charges c GROUP BY c.payment, c.currency
    ), known AS (
        SELECT coalesce(r.payment, t.payment) AS payment, coalesce(r.currency, t.currency) AS currency,
               coalesce(sum(r.amount) FILTER (WHERE NOT r.gone), 0) AS known,
               coalesce(max(t.amount), 0)
               - coalesce(sum(r.amount) FILTER (WHERE r.gone AND r.said_at >= t.said_at), 0) AS told
          FROM refunds r FULL JOIN told t USING (payment, currency)
         GROUP BY 1, 2
    )
    SELECT jsonb_object_agg(s.currency, s.amount)
      FROM (SELECT k.currency, sum(greatest(k.known, k.told)) AS amount
              FROM known k
             WHERE greatest(k.known, k.told) > 0 AND k.currency IS NOT NULL
             GROUP BY k.currency) s);
END
$$;

-- ---- making

-- The subscriptions of a tree: what their own events say.  One that only a session or its invoices name is one
-- too, of a status that is not known, since the first of them.
CREATE OR REPLACE FUNCTION tavus.stripe_subscriptions(
    of text, OUT id text, OUT livemode boolean, OUT created bigint, OUT doc jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
    SELECT o.id, o.livemode, (o.doc ->> 'created')::bigint, o.doc
      FROM tavus.stripe_objects o WHERE o.tree = of AND o.kind = 'subscription'
    UNION ALL
    SELECT o.doc ->> 'subscription', bool_or(o.livemode),
           min(CASE o.kind WHEN 'session' THEN (o.doc ->> 'created')::bigint ELSE o.said_at END),
           jsonb_build_object('status', 'unknown', 'paused', false, 'customer', min(o.doc ->> 'customer'))
      FROM tavus.stripe_objects o
     WHERE o.tree = of AND o.kind IN ('session', 'invoice') AND o.doc ? 'subscription'
       AND NOT EXISTS (SELECT FROM tavus.stripe_objects s
                        WHERE s.id = o.doc ->> 'subscription' AND s.kind IS NOT NULL)
     GROUP BY o.doc ->> 'subscription'
$$;

-- Makes orders and subscriptions of a tree what its objects say.  live: the mode that is configured.
CREATE OR REPLACE FUNCTION tavus.orders_make(of text, live boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    own      record;
    sold     text;
    first    tavus.orders;
    ids      uuid[] := '{}';
    sessions text[] := '{}';
    told     timestamptz;
    given    jsonb := tavus.stripe_refunded(of);
    fought   jsonb;
    code     text;
BEGIN
    SELECT to_timestamp(max(o.said_at)),
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'id', o.id, 'status', o.doc -> 'status', 'reason', o.doc -> 'reason',
               'amount', o.doc -> 'amount', 'currency', o.doc -> 'currency')) ORDER BY o.id)
               FILTER (WHERE o.kind = 'dispute'),
           (array_agg(o.doc ->> 'failure' ORDER BY o.said_at DESC, o.id DESC)
               FILTER (WHERE o.kind = 'intent'))[1]
      INTO told, fought, code
      FROM tavus.stripe_objects o WHERE o.tree = of AND o.kind IS NOT NULL;

    -- Our orders, with their sessions: the one that was answered, if one was.  Who answers holds the
    -- same lock.
    FOR own IN
        SELECT r.id, r.livemode, r.answered_session
          FROM tavus.stripe_objects o
          JOIN tavus.orders r ON r.id = substr(o.id, 12)::uuid AND r.asked_at IS NOT NULL
                             AND r.livemode = (o.id LIKE 'order:live:%')
         WHERE o.tree = of AND o.id LIKE 'order:%'
         ORDER BY r.id FOR UPDATE OF r
    LOOP
        sold := (SELECT o.id FROM tavus.stripe_objects o
                  WHERE o.tree = of AND o.kind = 'session' AND o.livemode = own.livemode
                    AND o.doc ->> 'order' = own.id::text
                    AND o.id = coalesce(own.answered_session, o.id)
                  ORDER BY o.id LIMIT 1);
        ids := ids || own.id;
        sessions := sessions || sold;
    END LOOP;

    SELECT r.* INTO first FROM tavus.orders r WHERE r.id = ids[1];

    -- what was no order of ours as long as it was not known
    DELETE FROM tavus.orders r
     USING tavus.stripe_objects o
     WHERE o.tree = of AND o.id = ANY (sessions) AND r.asked_at IS NULL
       AND r.id = tavus.stripe_uuid(o.id, (o.doc ->> 'created')::bigint);

    -- and what is none
    WITH others AS (
        INSERT INTO tavus.orders (id, ours, livemode)
        SELECT tavus.stripe_uuid(o.id, (o.doc ->> 'created')::bigint), false, o.livemode
          FROM tavus.stripe_objects o
         WHERE o.tree = of AND o.kind = 'session' AND o.id <> ALL (array_remove(sessions, NULL))
         ORDER BY 1
        ON CONFLICT (id) DO UPDATE SET ours = false
        RETURNING id)
    SELECT ids || coalesce(array_agg(n.id ORDER BY n.id), '{}') INTO ids FROM others n;

    sessions := sessions || ARRAY(
        SELECT o.id FROM tavus.stripe_objects o
         WHERE o.tree = of AND o.kind = 'session' AND o.id <> ALL (array_remove(sessions, NULL))
         ORDER BY tavus.stripe_uuid(o.id, (o.doc ->> 'created')::bigint));

    UPDATE tavus.orders r
       SET ours = r.asked_at IS NOT NULL AND r.livemode = live,
           mode = coalesce(r.mode, s.doc ->> 'mode'),
           expires_at = coalesce(to_timestamp((s.doc ->> 'expires_at')::bigint), r.expires_at),
           due_at = CASE WHEN s.id IS NULL THEN r.due_at END,
           told_session = s.id,
           told_state = s.doc ->> 'state',
           told_at = told,
           paid_at = CASE WHEN s.settled THEN to_timestamp(s.said_at) END,
           payment_intent = s.doc ->> 'intent',
           customer = s.doc ->> 'customer',
           subscription = s.doc ->> 'subscription',
           total = (s.doc ->> 'amount')::bigint,
           total_currency = s.doc ->> 'currency',
           told_email = s.doc ->> 'email',
           failure = CASE WHEN s.settled THEN NULL ELSE code END,
           refunded = given,
           disputes = fought
      FROM unnest(ids, sessions) AS u (id, session)
      LEFT JOIN tavus.stripe_objects s ON s.id = u.session
     WHERE r.id = u.id;

    -- it began at another time than was known
    DELETE FROM tavus.subscriptions n USING tavus.stripe_subscriptions(of) o
     WHERE n.subscription = o.id AND n.id <> tavus.stripe_uuid(o.id, o.created);

    INSERT INTO tavus.subscriptions AS n (
        id, subscription, ours, livemode, order_id, status, customer, items, trial_end, period_end,
        ends_at, canceled_at, ended_at, paused, invoices, renewals, paid, paid_at, failing, refunded,
        disputes, told_at)
    SELECT tavus.stripe_uuid(o.id, o.created), o.id,
           coalesce(first.livemode = o.livemode AND o.livemode = live, false), o.livemode,
           CASE WHEN first.livemode = o.livemode THEN first.id END,
           o.doc ->> 'status', o.doc ->> 'customer', o.doc -> 'items',
           to_timestamp((o.doc ->> 'trial_end')::bigint),
           to_timestamp((o.doc ->> 'period_end')::bigint),
           to_timestamp((o.doc ->> 'ends_at')::bigint),
           to_timestamp((o.doc ->> 'canceled_at')::bigint),
           to_timestamp((o.doc ->> 'ended_at')::bigint),
           (o.doc ->> 'paused')::boolean,
           i.paid, i.renewals, p.paid, i.paid_at, i.failing, given, fought, told
      FROM tavus.stripe_subscriptions(of) o
      CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE v.settled) AS paid,
                  count(*) FILTER (WHERE v.settled AND v.doc ->> 'reason' = 'subscription_cycle')
                      AS renewals,
                  to_timestamp(max((v.doc ->> 'paid_at')::bigint) FILTER (WHERE v.settled)) AS paid_at,
                  coalesce(bool_or(v.doc ->> 'status' IN ('open', 'uncollectible')
                                   AND (v.doc ->> 'attempts')::bigint > 0), false) AS failing
             FROM tavus.stripe_objects v
            WHERE v.tree = of AND v.kind = 'invoice' AND v.doc ->> 'subscription' = o.id) i
      CROSS JOIN LATERAL (
           SELECT jsonb_object_agg(g.currency, g.amount) AS paid
             FROM (SELECT v.doc ->> 'currency' AS currency, sum((v.doc ->> 'amount')::bigint) AS amount
                     FROM tavus.stripe_objects v
                    WHERE v.tree = of AND v.kind = 'invoice' AND v.settled
                      AND v.doc ->> 'subscription' = o.id
                      AND v.doc ->> 'currency' <> '' AND (v.doc ->> 'amount')::bigint > 0
                    GROUP BY 1) g) p
     ORDER BY 1
    ON CONFLICT (id) DO UPDATE SET
        (ours, order_id, status, customer, items, trial_end, period_end, ends_at, canceled_at, ended_at,
         paused, invoices, renewals, paid, paid_at, failing, refunded, disputes, told_at) = (
            EXCLUDED.ours, EXCLUDED.order_id, EXCLUDED.status, EXCLUDED.customer, EXCLUDED.items,
            EXCLUDED.trial_end, EXCLUDED.period_end, EXCLUDED.ends_at, EXCLUDED.canceled_at,
            EXCLUDED.ended_at, EXCLUDED.paused, EXCLUDED.invoices, EXCLUDED.renewals, EXCLUDED.paid,
            EXCLUDED.paid_at, EXCLUDED.failing, EXCLUDED.refunded, EXCLUDED.disputes,
            EXCLUDED.told_at);
END
$$;

-- Keeps what facts say, and makes what hangs on them.
CREATE OR REPLACE FUNCTION tavus.orders_merge(facts jsonb, live boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    them  text[];
    trees text[];
    one   text;
BEGIN
    INSERT INTO tavus.stripe_objects AS o (
        id, tree, kind, livemode, settled, said_at, rank, weight, event_id, doc)
    SELECT DISTINCT ON (f.id COLLATE "C") f.id, f.id, f.kind, f.livemode, f.settled, f.said_at, f.rank,
           f.weight, f.event_id, f.doc
      FROM jsonb_to_recordset(facts) AS f (
               id text, kind text, livemode boolean, settled boolean, said_at bigint, rank int,
               weight bigint, event_id text, doc jsonb)
     ORDER BY f.id COLLATE "C", f.settled DESC, f.said_at DESC, f.rank DESC, f.weight DESC,
              f.event_id COLLATE "C" DESC
    ON CONFLICT (id) DO UPDATE SET
        (kind, livemode, settled, said_at, rank, weight, event_id, doc) = (
            EXCLUDED.kind, EXCLUDED.livemode, EXCLUDED.settled, EXCLUDED.said_at, EXCLUDED.rank,
            EXCLUDED.weight, EXCLUDED.event_id, EXCLUDED.doc)
     WHERE o.kind IS NULL
        OR (EXCLUDED.settled, EXCLUDED.said_at, EXCLUDED.rank, EXCLUDED.weight, EXCLUDED.event_id)
           > (o.settled, o.said_at, o.rank, o.weight, o.event_id);

    INSERT INTO tavus.stripe_objects (id, tree)
    SELECT DISTINCT n.id COLLATE "C", n.id
      FROM jsonb_array_elements(facts) AS f (fact), jsonb_array_elements_text(f.fact -> 'names') AS n (id)
     ORDER BY 1
    ON CONFLICT (id) DO NOTHING;

    FOR them IN
        SELECT DISTINCT ARRAY(SELECT f.fact ->> 'id' UNION
                              SELECT jsonb_array_elements_text(f.fact -> 'names'))
          FROM jsonb_array_elements(facts) AS f (fact)
         WHERE f.fact -> 'names' <> '[]'
    LOOP
        SELECT array_agg(DISTINCT o.tree) INTO trees FROM tavus.stripe_objects o WHERE o.id = ANY (them);

        IF cardinality(trees) > 1 THEN
            UPDATE tavus.stripe_objects o SET tree = trees[1] WHERE o.tree = ANY (trees[2:]);
        END IF;
    END LOOP;

    trees := ARRAY(
        SELECT DISTINCT o.tree FROM tavus.stripe_objects o
         WHERE o.id = ANY (ARRAY(SELECT f.fact ->> 'id' FROM jsonb_array_elements(facts) AS f (fact)))
         ORDER BY o.tree);

    FOREACH one IN ARRAY trees LOOP
        PERFORM tavus.orders_make(one, live);
    END LOOP;

    PERFORM tavus.stats_note(array_agg(n.what), array_agg(n.id))
       FROM (SELECT n.what, n.id
               FROM tavus.stripe_objects o
               JOIN tavus.orders r ON r.id = substr(o.id, 12)::uuid AND r.asked_at IS NOT NULL
                                  AND r.livemode = (o.id LIKE 'order:live:%')
              CROSS JOIN LATERAL (VALUES ('c', r.conversation_id), ('o', r.id::text)) AS n (what, id)
              WHERE o.tree = ANY (trees) AND o.id LIKE 'order:%'
             UNION ALL
             SELECT 's', t.id FROM unnest(trees) AS u (tree), tavus.stripe_subscriptions(u.tree) t) n;
END
$$;

-- Reads on: most events of the log, 10,000 at most, of which those of Stripe are merged.  live: whether
-- the key that is configured is of live mode; what is of the other mode is kept, and no order of ours.
-- Answers JSON: how many events there were (fewer than most: that was all, or somebody else reads), how
-- many were merged, and how many could not be read, which are passed over.
CREATE OR REPLACE FUNCTION tavus.orders_roll(most int, live boolean) RETURNS text
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
    facts  jsonb;
    unread int;
BEGIN
    PERFORM tavus.cursor_make('orders', true)
      WHERE NOT EXISTS (SELECT FROM tavus.cursors c WHERE c.name = 'orders');

    SELECT t.* INTO w FROM tavus.cursor_take('orders', most, tavus.log_sort('orders')) t;

    IF NOT FOUND THEN
        RETURN '{"events":0,"merged":0,"unread":0}';
    END IF;

    SELECT coalesce(jsonb_agg(f.fact) FILTER (WHERE f.fact IS NOT NULL), '[]'),
           count(*) FILTER (WHERE f.unread)
      INTO facts, unread
      FROM tavus.log_events(w.from_pos, w.from_ord, w.to_pos, w.to_ord, '{}',
               '{checkout.session., payment_intent., charge., refund., invoice., invoice_payment.,
                 customer.subscription.}', sort => tavus.log_sort('orders')) e
      CROSS JOIN LATERAL tavus.stripe_fact(e.body) f
     WHERE e.source = 'stripe';

    IF facts <> '[]' THEN
        PERFORM tavus.orders_merge(facts, coalesce(live, false));
    END IF;

    RETURN json_build_object('events', w.n, 'merged', jsonb_array_length(facts), 'unread', unread,
                             'more', w.more);
END
$$;

-- ---- what the checkout calls

-- Commits that an order is to be asked for; its id is the key by which Stripe knows it again.  patience:
-- seconds, after which it is looked for.  Answers "new", "known" where the same was asked for with this id,
-- "other" where something else was: then nothing may be asked for.
CREATE OR REPLACE FUNCTION tavus.order_intent(
    id_ uuid, livemode_ boolean, plan_ text, mode_ text, lines_ jsonb, amount_ bigint, currency_ text,
    email_ text, conversation_id_ text, session_id_ text, user_id_ text, utm_source_ text,
    utm_medium_ text, utm_campaign_ text, consent_ text, patience int)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    -- as what is recorded: who erases waits for it
    PERFORM tavus.log_lock();

    INSERT INTO tavus.orders (
        id, ours, livemode, asked_at, plan, mode, lines, amount, currency, email, conversation_id,
        session_id, user_id, utm_source, utm_medium, utm_campaign, consent, due_at)
    VALUES (id_, true, livemode_, now(), plan_, mode_, lines_, amount_, lower(currency_), email_,
            conversation_id_, session_id_, user_id_, utm_source_, utm_medium_, utm_campaign_, consent_,
            now() + greatest(patience, 1) * interval '1 second')
    ON CONFLICT (id) DO NOTHING;

    IF FOUND THEN
        RETURN 'new';
    END IF;

    -- what stands there may not be on a synchronous standby yet: see tavus.record()
    PERFORM pg_logical_emit_message(true, 'tavus', '');

    RETURN (SELECT CASE WHEN (r.livemode, r.plan, r.mode, r.lines) IS NOT DISTINCT FROM
                             (livemode_, plan_, mode_, lines_) AND r.asked_at IS NOT NULL
                        THEN 'known' ELSE 'other' END
              FROM tavus.orders r WHERE r.id = id_);
END
$$;

-- What Stripe answered: a session and when its page expires, or why there is none.  unknown: it may have
-- made one.  A session counts for more than a failure, and a failure for more than that nothing is
-- known, whichever is told first.  Answers whether there is such an order.
CREATE OR REPLACE FUNCTION tavus.order_answer(
    id_ uuid, session_ text, expires_at_ timestamptz, unknown boolean, reason_ text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    UPDATE tavus.orders r
       SET answered_session = coalesce(r.answered_session, session_),
           expires_at = coalesce(r.expires_at, expires_at_),
           (outcome, reason) = (
               SELECT CASE WHEN NOT s.answered THEN s.outcome END,
                      CASE WHEN NOT s.answered THEN
                           CASE WHEN s.outcome = r.outcome THEN r.reason ELSE reason_ END END
                 FROM (SELECT coalesce(r.answered_session, session_) IS NOT NULL AS answered,
                              CASE WHEN unknown THEN coalesce(r.outcome, 'unknown')
                                   ELSE 'failed' END AS outcome) s),
           due_at = CASE WHEN coalesce(r.answered_session, session_, r.told_session) IS NOT NULL
                           OR NOT unknown OR r.outcome = 'failed' THEN NULL
                         WHEN r.outcome IS NULL THEN now() + interval '1 second'
                         ELSE r.due_at END
     WHERE r.id = id_ AND r.asked_at IS NOT NULL;

    RETURN FOUND;
END
$$;

-- Leases orders of a mode of which nobody knows what became, to be looked for at Stripe: for longer each
-- time, seven times in an hour and then for a day.  Answers a JSON list.
CREATE OR REPLACE FUNCTION tavus.orders_unsettled(limit_ int, live boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '300ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    leased text;
BEGIN
    WITH due AS (
        SELECT r.id FROM tavus.orders r
         WHERE r.due_at <= now() AND r.livemode = live
         ORDER BY r.due_at LIMIT least(greatest(limit_, 1), 100) FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE tavus.orders r
           SET tries = r.tries + 1,
               due_at = CASE WHEN r.tries < 6 THEN now() + interval '1 minute' * 2 ^ r.tries
                             WHEN r.tries < 31 THEN now() + interval '1 hour' END
          FROM due WHERE r.id = due.id
        RETURNING r.*)
    SELECT json_agg(json_build_object(
               'id', t.id, 'asked', floor(extract(epoch FROM t.asked_at))::bigint, 'tries', t.tries,
               'last', t.tries >= 32) ORDER BY t.id)
      INTO leased
      FROM taken t;

    RETURN coalesce(leased, '[]');
END
$$;

-- For the page after the payment: what is known of a session, and nothing of a person.  One that is not
-- known, or not ours, is open.
CREATE OR REPLACE FUNCTION tavus.order_by_session(session_ text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT json_strip_nulls(json_build_object(
               'status', CASE WHEN r.state = 'paid' THEN 'paid'
                              WHEN r.state IN ('processing', 'unpaid', 'expired') THEN 'unpaid'
                              ELSE 'open' END,
               'plan', r.plan))::text
      FROM (SELECT) one
      LEFT JOIN LATERAL (SELECT s.* FROM tavus.orders s
                          WHERE s.stripe_session = session_ AND s.ours
                          ORDER BY s.id LIMIT 1) r ON true
$$;

-- ---- what the admin API answers

CREATE OR REPLACE FUNCTION tavus.disputes_json(disputes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                   'id', d.value -> 'id', 'status', d.value -> 'status', 'reason', d.value -> 'reason',
                   'amount', tavus.money((d.value ->> 'amount')::bigint, d.value ->> 'currency')))
                   ORDER BY d.ord)
          FROM jsonb_array_elements(disputes) WITH ORDINALITY AS d (value, ord));

-- Without a query of its own, so that who makes a page takes it in.
CREATE OR REPLACE FUNCTION tavus.order_json(r tavus.orders) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'id', r.id, 'created_at', tavus.iso(tavus.uuid_time(r.id)), 'ours', r.ours,
               'livemode', r.livemode, 'state', r.state,
               'refunded', coalesce(tavus.moneys(r.refunded), '[]'),
               'disputes', coalesce(tavus.disputes_json(r.disputes), '[]'))
           || jsonb_strip_nulls(jsonb_build_object(
               'plan', r.plan, 'mode', r.mode, 'lines', r.lines,
               'amount', CASE WHEN r.total IS NOT NULL THEN tavus.money(r.total, r.total_currency)
                              ELSE tavus.money(r.amount, r.currency) END,
               'email', coalesce(r.told_email, r.email),
               'conversation_id', r.conversation_id, 'session_id', r.session_id, 'user_id', r.user_id,
               'utm_source', r.utm_source, 'utm_medium', r.utm_medium,
               'utm_campaign', r.utm_campaign, 'consent', r.consent,
               'stripe_session', r.stripe_session, 'payment_intent', r.payment_intent,
               'customer', r.customer, 'subscription', r.subscription,
               'expires_at', tavus.iso(r.expires_at), 'paid_at', tavus.iso(r.paid_at),
               'reason', coalesce(r.failure, CASE WHEN r.told_state IS NULL THEN r.reason END),
               'changed_at', tavus.iso(r.told_at)))
$$;

CREATE OR REPLACE FUNCTION tavus.subscription_json(n tavus.subscriptions) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
               'id', n.id, 'created_at', tavus.iso(tavus.uuid_time(n.id)),
               'subscription', n.subscription, 'ours', n.ours, 'livemode', n.livemode,
               'status', n.status, 'paused', n.paused, 'failing', n.failing,
               'items', coalesce(n.items, '[]'), 'invoices', n.invoices, 'renewals', n.renewals,
               'paid', coalesce(tavus.moneys(n.paid), '[]'), 'refunded', coalesce(tavus.moneys(n.refunded), '[]'),
               'disputes', coalesce(jsonb_array_length(n.disputes), 0),
               'changed_at', tavus.iso(n.told_at))
           || jsonb_strip_nulls(jsonb_build_object(
               'order_id', n.order_id,
               'plan', (SELECT r.plan FROM tavus.orders r WHERE r.id = n.order_id),
               'email', (SELECT coalesce(r.told_email, r.email) FROM tavus.orders r
                          WHERE r.id = n.order_id),
               'customer', n.customer, 'trial_end', tavus.iso(n.trial_end),
               'period_end', tavus.iso(n.period_end), 'ends_at', tavus.iso(n.ends_at),
               'canceled_at', tavus.iso(n.canceled_at), 'ended_at', tavus.iso(n.ended_at),
               'paid_at', tavus.iso(n.paid_at)))
$$;

-- A page of one of these tables, newest first by id: the row as JSON, under a name, of those that near
-- says, which one index answers.
CREATE OR REPLACE FUNCTION tavus.admin_page(
    name text, made text, near text, from_ timestamptz, to_ timestamptz, limit_ int, cursor_ uuid,
    VARIADIC args text[])
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    lo     uuid := coalesce(tavus.uuid_floor(from_), '00000000-0000-0000-0000-000000000000');
    hi     uuid := least(tavus.uuid_floor(to_), cursor_, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    wanted int := least(greatest(coalesce(limit_, 50), 1), 200);
    page   text[];
    ids    uuid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(%2$s(p.r)::text ORDER BY (p.r).id DESC), array_agg((p.r).id ORDER BY (p.r).id DESC)
           FROM (SELECT r FROM tavus.%1$I r WHERE r.id >= $1 AND r.id < $2 AND %3$s
                  ORDER BY r.id DESC LIMIT $3) p', name, made, near)
       INTO page, ids USING lo, hi, wanted + 1, args;

    RETURN concat('{', to_json(name), ':[', array_to_string(page[:wanted], ','), '],"next_cursor":',
                  coalesce('"' || CASE WHEN cardinality(ids) > wanted THEN ids[wanted] END || '"', 'null'),
                  '}');
END
$$;

-- A page of orders; cursor_ is the last one's id.  Of ours, unless others are asked for.
DROP FUNCTION IF EXISTS tavus.admin_orders(text, text, boolean, timestamptz, timestamptz, int, uuid);
CREATE OR REPLACE FUNCTION tavus.admin_orders(
    state_ text DEFAULT NULL, email_ text DEFAULT NULL, ours_ boolean DEFAULT NULL,
    from_ timestamptz DEFAULT NULL, to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL,
    cursor_ uuid DEFAULT NULL, conversation_id_ text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    SELECT tavus.admin_page('orders', 'tavus.order_json',
        CASE WHEN conversation_id_ IS NOT NULL
             THEN 'r.conversation_id = $4[4] AND r.ours = $4[3]::boolean AND r.state = coalesce($4[1], r.state)
                   AND ($4[2] IS NULL OR lower($4[2]) IN (lower(r.email), lower(r.told_email)))'
             WHEN email_ IS NOT NULL
             -- Stripe's address or the one that was given here, each by an index of its own
             THEN 'r.id = ANY (ARRAY(
                       (SELECT o.id FROM tavus.orders o
                         WHERE lower(coalesce(o.told_email, o.email)) = lower($4[2]) AND o.id >= $1
                           AND o.id < $2 AND o.ours = $4[3]::boolean AND o.state = coalesce($4[1], o.state)
                         ORDER BY o.id DESC LIMIT $3)
                       UNION ALL
                       (SELECT o.id FROM tavus.orders o
                         WHERE lower(o.email) = lower($4[2]) AND lower(o.email) <> lower(o.told_email)
                           AND o.id >= $1 AND o.id < $2 AND o.ours = $4[3]::boolean
                           AND o.state = coalesce($4[1], o.state)
                         ORDER BY o.id DESC LIMIT $3)))'
             WHEN state_ IS NOT NULL THEN 'r.ours = $4[3]::boolean AND r.state = $4[1]'
             ELSE 'r.ours = $4[3]::boolean' END,
        from_, to_, limit_, cursor_, state_, email_, coalesce(ours_, true)::text, conversation_id_)
$$;

DROP FUNCTION IF EXISTS tavus.admin_subscriptions(text, boolean, timestamptz, timestamptz, int, uuid);
CREATE OR REPLACE FUNCTION tavus.admin_subscriptions(
    status_ text DEFAULT NULL, ours_ boolean DEFAULT NULL, from_ timestamptz DEFAULT NULL,
    to_ timestamptz DEFAULT NULL, limit_ int DEFAULT NULL, cursor_ uuid DEFAULT NULL, email_ text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
    SELECT tavus.admin_page('subscriptions', 'tavus.subscription_json',
        CASE WHEN email_ IS NOT NULL
             -- by the orders that began them
             THEN 'r.subscription = ANY (ARRAY(
                       SELECT o.subscription FROM tavus.orders o
                        WHERE lower(coalesce(o.told_email, o.email)) = lower($4[3])
                       UNION ALL
                       SELECT o.subscription FROM tavus.orders o
                        WHERE lower(o.email) = lower($4[3]) AND lower(o.email) <> lower(o.told_email)))
                   AND r.ours = $4[2]::boolean AND r.status = coalesce($4[1], r.status)'
             WHEN status_ IS NOT NULL THEN 'r.ours = $4[2]::boolean AND r.status = $4[1]'
             ELSE 'r.ours = $4[2]::boolean' END,
        from_, to_, limit_, cursor_, status_, coalesce(ours_, true)::text, email_)
$$;
