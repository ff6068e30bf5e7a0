-- Installs or upgrades everything in schema tavus:  psql -X -d DATABASE -f sql/install.sql
-- Safe to run again, and while nginx is at work; stops at the first error.  Run it as a superuser,
-- or as a role with CREATEROLE that may create schemas in the database.

-- the newest numbered file
\set newest 31

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET statement_timeout = 0;
SET synchronous_commit = on;

-- one at a time, to the end of the session
SET lock_timeout = '1h';
SELECT pg_advisory_lock(2026, 1) \g /dev/null

-- What waits for longer says so where it does: whoever comes meanwhile may have to wait behind it.
SET lock_timeout = '300ms';

DO $$
BEGIN
    IF current_setting('server_version_num')::int < 140000 THEN
        RAISE EXCEPTION 'PostgreSQL 14 or newer is needed';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must be encoded in UTF8, not %',
            current_setting('server_encoding');
    END IF;
END
$$;

BEGIN;

\ir roles.sql

-- Asked for only if missing: even IF NOT EXISTS needs CREATE on the database.  What a dump that was
-- restored before the roles were there has made belongs to who restored it, and functions that run as
-- their owner would run as that one.
DO $$
DECLARE
    foreign_ text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'tavus') THEN
        CREATE SCHEMA tavus AUTHORIZATION tavus_owner;
    END IF;

    SELECT pg_catalog.string_agg(o.what, ', ' ORDER BY o.first, o.what)
           FILTER (WHERE o.n <= 3) || CASE WHEN pg_catalog.max(o.n) > 3
               THEN pg_catalog.format(' and %s more', pg_catalog.max(o.n) - 3) ELSE '' END
      INTO foreign_
      FROM (SELECT x.what, x.first,
                   pg_catalog.row_number() OVER (ORDER BY x.first, x.what) AS n
              FROM (SELECT 1, 'the schema', n.nspowner
                      FROM pg_catalog.pg_namespace n WHERE n.nspname = 'tavus'
                    UNION ALL
                    SELECT 2, 'tavus.' || c.relname, c.relowner
                      FROM pg_catalog.pg_class c
                     WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind <> 'c'
                    UNION ALL
                    SELECT 3, 'tavus.' || p.proname || '()', p.proowner
                      FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'tavus'::regnamespace)
                   AS x (first, what, owner)
             WHERE x.owner <> (SELECT r.oid FROM pg_catalog.pg_roles r
                                WHERE r.rolname = 'tavus_owner')) o;

    IF foreign_ IS NOT NULL THEN
        RAISE EXCEPTION 'tavus_owner does not own what is in schema tavus: %', foreign_
            USING HINT = 'If a dump was restored before the roles were there: drop the schema '
                         '(CASCADE), run sql/roles.sql, restore again, then run sql/install.sql '
                         '(docs/operate/backup.md).';
    END IF;
END
$$;

SET LOCAL ROLE tavus_owner;

CREATE TABLE IF NOT EXISTS tavus.migrations (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

SELECT pg_catalog.set_config('tavus.newest', :'newest', true) \g /dev/null

DO $$
DECLARE
    version int := (SELECT pg_catalog.max(m.version) FROM tavus.migrations m);
BEGIN
    IF version > pg_catalog.current_setting('tavus.newest')::int THEN
        RAISE EXCEPTION 'the schema is of version %, and this install.sql of %', version,
            pg_catalog.current_setting('tavus.newest')
            USING HINT = 'It is of an older release than one that was installed here.  Nothing was '
                         'changed: run that of the newest, with which older modules work as well '
                         '(docs/operate/upgrade.md).';
    END IF;
END
$$;

\ir locks.sql

COMMIT;

SET ROLE tavus_owner;
SET search_path = pg_catalog, pg_temp;

-- What is numbered runs once, in order, each a transaction of its own.  The functions of before go on
-- being called until those of now are there, so both must work with the tables in between.  What
-- needs a table for itself asks tavus.lock_tables() for it, last of all that takes long.

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 1) AS due \gset
\if :due
    BEGIN;
    \ir 0001_tables.sql
    INSERT INTO tavus.migrations (version) VALUES (1);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 2) AS due \gset
\if :due
    BEGIN;
    \ir 0002_settle.sql
    INSERT INTO tavus.migrations (version) VALUES (2);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 3) AS due \gset
\if :due
    BEGIN;
    \ir 0003_nodes.sql
    INSERT INTO tavus.migrations (version) VALUES (3);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 4) AS due \gset
\if :due
    BEGIN;
    \ir 0004_digests.sql
    INSERT INTO tavus.migrations (version) VALUES (4);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 5) AS due \gset
\if :due
    \ir 0005_intents.sql
    INSERT INTO tavus.migrations (version) VALUES (5);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 7) AS due \gset
\if :due
    BEGIN;
    \ir 0007_evidence.sql
    INSERT INTO tavus.migrations (version) VALUES (7);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 8) AS due \gset
\if :due
    BEGIN;
    \ir 0008_elsewhere.sql
    INSERT INTO tavus.migrations (version) VALUES (8);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 10) AS due \gset
\if :due
    BEGIN;
    \ir 0010_told.sql
    INSERT INTO tavus.migrations (version) VALUES (10);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 11) AS due \gset
\if :due
    \ir 0011_repair.sql
    INSERT INTO tavus.migrations (version) VALUES (11);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 12) AS due \gset
\if :due
    BEGIN;
    \ir 0012_log.sql
    INSERT INTO tavus.migrations (version) VALUES (12);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 13) AS due \gset
\if :due
    BEGIN;
    \ir 0013_consent.sql
    INSERT INTO tavus.migrations (version) VALUES (13);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 14) AS due \gset
\if :due
    BEGIN;
    \ir 0014_deliveries.sql
    INSERT INTO tavus.migrations (version) VALUES (14);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 15) AS due \gset
\if :due
    BEGIN;
    \ir 0015_deliveries_more.sql
    INSERT INTO tavus.migrations (version) VALUES (15);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 16) AS due \gset
\if :due
    BEGIN;
    \ir 0016_orders.sql
    INSERT INTO tavus.migrations (version) VALUES (16);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 18) AS due \gset
\if :due
    BEGIN;
    \ir 0018_stripe.sql
    INSERT INTO tavus.migrations (version) VALUES (18);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 19) AS due \gset
\if :due
    BEGIN;
    \ir 0019_mails.sql
    INSERT INTO tavus.migrations (version) VALUES (19);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 20) AS due \gset
\if :due
    BEGIN;
    \ir 0020_alerts.sql
    INSERT INTO tavus.migrations (version) VALUES (20);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 21) AS due \gset
\if :due
    BEGIN;
    \ir 0021_budget.sql
    INSERT INTO tavus.migrations (version) VALUES (21);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 22) AS due \gset
\if :due
    BEGIN;
    \ir 0022_erase.sql
    INSERT INTO tavus.migrations (version) VALUES (22);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 23) AS due \gset
\if :due
    BEGIN;
    \ir 0023_retention.sql
    INSERT INTO tavus.migrations (version) VALUES (23);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 24) AS due \gset
\if :due
    BEGIN;
    \ir 0024_stats.sql
    INSERT INTO tavus.migrations (version) VALUES (24);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 25) AS due \gset
\if :due
    BEGIN;
    \ir 0025_words.sql
    INSERT INTO tavus.migrations (version) VALUES (25);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 27) AS due \gset
\if :due
    BEGIN;
    \ir 0027_release.sql
    INSERT INTO tavus.migrations (version) VALUES (27);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 28) AS due \gset
\if :due
    BEGIN;
    \ir 0028_most.sql
    INSERT INTO tavus.migrations (version) VALUES (28);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 29) AS due \gset
\if :due
    BEGIN;
    \ir 0029_seen.sql
    INSERT INTO tavus.migrations (version) VALUES (29);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 30) AS due \gset
\if :due
    BEGIN;
    \ir 0030_sorts.sql
    INSERT INTO tavus.migrations (version) VALUES (30);
    COMMIT;
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 31) AS due \gset
\if :due
    BEGIN;
    \ir 0031_health.sql
    INSERT INTO tavus.migrations (version) VALUES (31);
    COMMIT;
\endif

-- What is not numbered is replaced each time, all at once.  Rights are changed without a lock on the
-- table, which upkeep must not change meanwhile.

BEGIN;

SET LOCAL lock_timeout = '10min';
SELECT pg_advisory_xact_lock(2026, 2), pg_advisory_xact_lock(2026, 3) \g /dev/null
SET LOCAL lock_timeout = '300ms';

\ir uuid.sql
\ir json.sql
\ir transcript.sql
\ir parts.sql
\ir log.sql
\ir past.sql
\ir partitions.sql
\ir trim.sql
\ir length.sql
\ir settle.sql
\ir repair.sql
\ir consent.sql
\ir record.sql
\ir line.sql
\ir budget.sql
\ir deliver.sql
\ir orders.sql
\ir stripe.sql
\ir erase.sql
\ir quarantine.sql
\ir leads.sql
\ir stats.sql
\ir words.sql
\ir mail.sql
\ir alerts.sql
\ir trail.sql
\ir conversations.sql
\ir admin.sql
\ir tail.sql
\ir access.sql
\ir grants.sql

COMMIT;

SELECT tavus.make_months() \g /dev/null

-- As when the sequence and the table come from two dumps.
SELECT setval('tavus.log_pos', l.pos)
  FROM (SELECT m.pos FROM tavus.log m ORDER BY m.pos DESC LIMIT 1) l, tavus.log_pos s
 WHERE l.pos > s.last_value \g /dev/null

-- What was stored before the log goes into it, a month a transaction.

SELECT tavus.past_wait() \g /dev/null
SELECT format('DO $$BEGIN PERFORM tavus.past_add(%L); END$$', m.month) FROM tavus.past_months() AS m (month)
\gexec
UPDATE tavus.log_past SET whole = true WHERE NOT whole;

RESET ROLE;
