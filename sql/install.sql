-- Installs or upgrades everything in schema tavus:  psql -X -d DATABASE -f sql/install.sql
-- Safe to run again, and while nginx is at work; stops at the first error.  Run it as a superuser,
-- or as a role with CREATEROLE that may create schemas in the database.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET lock_timeout = 0;
SET statement_timeout = 0;
SET synchronous_commit = on;

-- one at a time, to the end of the session
SELECT pg_advisory_lock(2026, 1) \g /dev/null

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

SET LOCAL ROLE tavus_owner;

CREATE TABLE IF NOT EXISTS tavus.migrations (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

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

-- What is not numbered is replaced each time, all at once.  Rights are changed without a lock on the
-- table, which upkeep must not change meanwhile.

BEGIN;

SELECT pg_advisory_xact_lock(2026, 2), pg_advisory_xact_lock(2026, 3) \g /dev/null

\ir uuid.sql
\ir json.sql
\ir parts.sql
\ir partitions.sql
\ir trim.sql
\ir settle.sql
\ir record.sql
\ir admin.sql
\ir grants.sql

COMMIT;

SELECT tavus.make_months() \g /dev/null

RESET ROLE;
