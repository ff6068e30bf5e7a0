-- The roles, each made only if it is missing.  tavus_owner owns everything; tavus_app is what nginx
-- logs in as (ops set its password); tavus_admin may call the admin functions, and as tavus_app does
-- not inherit, only a session that takes that role has them.  install.sql runs it; by itself it makes
-- a cluster ready for a dump to be restored.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_owner') THEN
        CREATE ROLE tavus_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_admin') THEN
        CREATE ROLE tavus_admin NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tavus_app') THEN
        CREATE ROLE tavus_app LOGIN NOINHERIT;
    END IF;
    IF NOT pg_catalog.pg_has_role('tavus_app', 'tavus_admin', 'MEMBER') THEN
        GRANT tavus_admin TO tavus_app;
    END IF;

    -- An installer that is no superuser must be able to act as the owner.  From PostgreSQL 16 on who
    -- makes a role may grant it, himself too, but is not in it yet.
    IF NOT pg_catalog.pg_has_role(current_user, 'tavus_owner',
               CASE WHEN pg_catalog.current_setting('server_version_num')::int < 160000
                    THEN 'MEMBER' ELSE 'SET' END)
    THEN
        EXECUTE pg_catalog.format('GRANT tavus_owner TO %I', current_user);
    END IF;
END
$$;
