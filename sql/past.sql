-- Events that were stored before there was a log are put into it by sql/install.sql, by id, at positions
-- below all others: once, a month at a time, each a transaction of its own.  Intake goes on.  Whoever
-- reads from the beginning waits until it is done.

-- Waits until nobody is left who may store an event without the log: transactions that are older than
-- this call, of those who may call nothing but intake, or that have written to tavus.events; prepared
-- ones, too.  Comes after the commit that replaced tavus.record().
CREATE OR REPLACE FUNCTION tavus.past_wait() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    here   oid := (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = pg_catalog.current_database());
    old    text[];
    begun  timestamptz := pg_catalog.clock_timestamp();
    told   interval := '10 seconds';
    waits  interval;
BEGIN
    IF (SELECT p.whole FROM tavus.log_past p) THEN
        RETURN;
    END IF;

    old := ARRAY(
        SELECT l.virtualtransaction FROM pg_catalog.pg_locks l
          JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid AND a.datid = here
         WHERE l.locktype = 'virtualxid' AND l.granted
           AND a.usesysid = 'tavus_app'::pg_catalog.regrole
        UNION
        SELECT l.virtualtransaction FROM pg_catalog.pg_locks l
          JOIN pg_catalog.pg_partition_tree('tavus.events') t ON t.relid = l.relation
         WHERE l.database = here AND l.mode = 'RowExclusiveLock' AND l.granted);

    WHILE EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.virtualtransaction = ANY (old)) LOOP
        waits := pg_catalog.clock_timestamp() - begun;

        IF waits > interval '1 hour' THEN
            RAISE EXCEPTION 'a transaction from before this upgrade has not ended'
                USING HINT = 'pg_stat_activity and pg_prepared_xacts name it.  All else is done; run '
                             'sql/install.sql again when it is over.';
        ELSIF waits > told THEN
            RAISE WARNING 'a transaction from before this upgrade has not ended'
                USING HINT = 'It is waited for, up to an hour; nothing else waits.  '
                             'pg_stat_activity and pg_prepared_xacts name it.';
            told := told * 3;
        END IF;

        PERFORM pg_catalog.pg_sleep(0.1);
    END LOOP;
END
$$;

-- The months that are left, the oldest first.
CREATE OR REPLACE FUNCTION tavus.past_months() RETURNS SETOF text
LANGUAGE sql STABLE
AS $$
    SELECT c.relname::text
      FROM tavus.log_past p
      JOIN pg_catalog.pg_inherits i ON i.inhparent = 'tavus.events'::regclass
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
     WHERE NOT p.whole AND c.relname <> ALL (p.months)
     ORDER BY c.relname
$$;

-- Puts a month's events into the log that are not in it.
CREATE OR REPLACE FUNCTION tavus.past_add(month text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, tavus, pg_temp
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    last bigint := coalesce((SELECT l.pos FROM tavus.log l WHERE l.pos < tavus.log_first()
                              ORDER BY l.pos DESC LIMIT 1), 0);
BEGIN
    IF to_regclass(format('tavus.%I', month)) IS NOT NULL THEN
        EXECUTE format($sql$
            INSERT INTO tavus.log (pos, ids)
            SELECT $1 + 1 + g.row, array_agg(g.id ORDER BY g.id)
              FROM (SELECT e.id, (row_number() OVER (ORDER BY e.id) - 1) / 100 AS row
                      FROM tavus.%I e
                      LEFT JOIN (SELECT unnest(l.ids) AS id FROM tavus.log l
                                  WHERE l.pos > tavus.log_first()) l ON l.id = e.id
                     WHERE l.id IS NULL) g
             GROUP BY g.row
             ORDER BY g.row$sql$, month)
        USING last;
    END IF;

    UPDATE tavus.log_past SET months = months || month;
END
$$;
