-- What Stripe is asked for: events that it could not deliver, and what became of orders.

-- How Stripe's list of events is read, by one of all nodes at a time: a page, newest first, whose events are
-- stored, then the next.  A run begins where the one before it began, less an hour.
--
-- What is told of the last page, with its token: "page" (the last event of it is after_), "end" (there is no
-- more; the next run is due in so many seconds), "lost" (after_ is not known any more), "failed" (again in so
-- many seconds).  Who comes too late for its token has told nothing, which does no harm: events that are
-- stored already are so again.
--
-- Answers JSON: token, since, after and whole of a page that is to be asked for, if one is; age, seconds since a
-- run came to its end, if one has; and failures.
--
-- A server that was started again may have been another, or be of a backup: what was stored since the last
-- run began may be gone, and Stripe, which has delivered it, would not list it.  So the whole list is read
-- from there on.
CREATE OR REPLACE FUNCTION tavus.stripe_repair(
    live boolean, token_ bigint, told text, after_ text, seconds int)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    s      tavus.stripe_repairs;
    run    text := concat_ws(' ', (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
                             extract(epoch FROM pg_postmaster_start_time()));
    leased boolean := false;
BEGIN
    -- nothing to tell, and nothing to do: the usual, which takes no lock
    SELECT r.* INTO s FROM tavus.stripe_repairs r WHERE r.livemode = live;

    IF token_ = 0 AND s.due_at > now() THEN
        RETURN json_strip_nulls(json_build_object(
                   'age', floor(extract(epoch FROM now() - s.done_at))::bigint, 'failures', s.failures));
    END IF;

    INSERT INTO tavus.stripe_repairs (livemode)
    SELECT live WHERE NOT EXISTS (SELECT FROM tavus.stripe_repairs r WHERE r.livemode = live)
    ON CONFLICT DO NOTHING;

    SELECT r.* INTO s FROM tavus.stripe_repairs r WHERE r.livemode = live FOR UPDATE;

    IF token_ <> 0 AND s.token = token_ THEN
        s.token := 0;
        s.failures := CASE told WHEN 'failed' THEN s.failures + 1 ELSE 0 END;
        s.due_at := now() + least(greatest(seconds, 0), 86400) * interval '1 second';

        CASE told
        WHEN 'page' THEN
            s.after := after_;
        WHEN 'lost' THEN
            s.after := NULL;
        WHEN 'end' THEN
            s.since := s.began - interval '1 hour';
            s.done_at := now();
            s.began := NULL;
            s.after := NULL;
            s.whole := false;
        ELSE
            NULL;
        END CASE;
    END IF;

    IF s.due_at <= now() THEN
        IF s.server IS DISTINCT FROM run THEN
            s.whole := s.whole OR s.server IS NOT NULL;
            s.after := NULL;
            s.server := run;
        END IF;

        IF s.began IS NULL THEN
            s.began := now();
            s.since := greatest(s.since, now() - interval '30 days');
        END IF;

        s.token := 1 + floor(random() * 2 ^ 52)::bigint;
        s.due_at := now() + interval '2 minutes';
        leased := true;
    END IF;

    UPDATE tavus.stripe_repairs r
       SET (due_at, token, since, began, after, whole, server, done_at, failures) = (
            SELECT s.due_at, s.token, s.since, s.began, s.after, s.whole, s.server, s.done_at, s.failures)
     WHERE r.livemode = live;

    RETURN json_strip_nulls(json_build_object(
               'token', CASE WHEN leased THEN s.token::text END,
               'since', CASE WHEN leased THEN floor(extract(epoch FROM s.since))::bigint END,
               'after', CASE WHEN leased THEN s.after END,
               'whole', CASE WHEN leased THEN s.whole END,
               'age', floor(extract(epoch FROM now() - s.done_at))::bigint, 'failures', s.failures));
END
$$;

-- For operators: reads all that Stripe has of so long ago until now, whether it was delivered or not.
CREATE OR REPLACE FUNCTION tavus.stripe_repair_again(past interval) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    UPDATE tavus.stripe_repairs r
       SET due_at = now(), token = 0, since = now() - past, began = NULL, after = NULL, whole = true
$$;

-- Tells what became of an order that was looked for, if one was: its session, or why there is none, or that
-- Stripe does not answer, and nobody asks for so many seconds.  Then leases another, of which nobody knows.
-- Answers JSON: order, if one is to be looked for, and unknown, how many are or were.
CREATE OR REPLACE FUNCTION tavus.orders_look(
    live boolean, id_ uuid, session_ text, expires_ bigint, reason_ text, pause int)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    IF id_ IS NOT NULL THEN
        PERFORM tavus.order_answer(id_, session_, to_timestamp(expires_), false, reason_);
    END IF;

    IF pause > 0 THEN
        INSERT INTO tavus.stripe_repairs AS r (livemode, orders_at)
        VALUES (live, now() + pause * interval '1 second')
        ON CONFLICT (livemode) DO UPDATE SET orders_at = EXCLUDED.orders_at;
    END IF;

    RETURN json_build_object('order', CASE WHEN NOT EXISTS (
                                 SELECT FROM tavus.stripe_repairs r
                                  WHERE r.livemode = live AND r.orders_at > now())
                             THEN tavus.orders_unsettled(1, live)::json -> 0 END,
                             'unknown', tavus.unknown_orders());
END
$$;

-- How many orders are looked for, of 10,000 at most.
CREATE OR REPLACE FUNCTION tavus.unknown_orders() RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, tavus, pg_temp
RETURN (SELECT count(*) FILTER (WHERE n.due_at <= now() OR n.tries > 0)
          FROM (SELECT r.due_at, r.tries FROM tavus.orders r
                 WHERE r.due_at IS NOT NULL ORDER BY r.due_at LIMIT 10000) n);
