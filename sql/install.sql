-- Installs or upgrades everything in schema tavus:  psql -X -d DATABASE -f sql/install.sql
-- Safe to run again; one transaction; stops at the first error.  Run it as a superuser, or as a
-- role with CREATEROLE that may create schemas in the database.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

BEGIN;

SELECT pg_advisory_xact_lock(2026, 1) \g /dev/null

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

\ir roles.sql

SET LOCAL ROLE tavus_owner;
SET LOCAL search_path = pg_catalog, pg_temp;

-- What is numbered runs once, in order; what is not is replaced each time.

CREATE TABLE IF NOT EXISTS tavus.migrations (
    version    int PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 1) AS due \gset
\if :due
    \ir 0001_tables.sql
    INSERT INTO tavus.migrations (version) VALUES (1);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 2) AS due \gset
\if :due
    \ir 0002_settle.sql
    INSERT INTO tavus.migrations (version) VALUES (2);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 3) AS due \gset
\if :due
    \ir 0003_nodes.sql
    INSERT INTO tavus.migrations (version) VALUES (3);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 7) AS due \gset
\if :due
    \ir 0007_evidence.sql
    INSERT INTO tavus.migrations (version) VALUES (7);
\endif

SELECT NOT EXISTS (SELECT FROM tavus.migrations WHERE version = 8) AS due \gset
\if :due
    \ir 0008_elsewhere.sql
    INSERT INTO tavus.migrations (version) VALUES (8);
\endif

\ir uuid.sql
\ir json.sql
\ir partitions.sql
\ir settle.sql
\ir record.sql
\ir admin.sql
\ir grants.sql

SELECT tavus.maintain() \g /dev/null

COMMIT;
