-- Times in UUIDv7 (RFC 9562, 5.7): the first 48 bits are milliseconds since 1970.  The bodies are
-- parsed when they are defined, or name their schema, so no search_path can change what they mean.

-- The time in an event's id, and its milliseconds.  What the planner cannot put in the place of a call is planned
-- again by each statement, if it is in SQL: what is strict with least() in it, or immutable with an addition to a
-- time, whose operator is not.  Those are in PL/pgSQL.
CREATE OR REPLACE FUNCTION tavus.uuid_ms(id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint;

CREATE OR REPLACE FUNCTION tavus.uuid_time(id uuid) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN '1970-01-01 00:00:00+00'::timestamptz
           OPERATOR(pg_catalog.+) (tavus.uuid_ms(id) OPERATOR(pg_catalog.*) '1 millisecond'::interval);
END
$$;

-- The lowest uuid of a time, floored to its millisecond: the bound of partitions and of filters
-- by time.  Times that an id cannot hold, infinities too, become the nearest that it can.
CREATE OR REPLACE FUNCTION tavus.uuid_floor(at timestamptz) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN pg_catalog.rpad(pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.floor(
               least(greatest(extract(epoch FROM at) OPERATOR(pg_catalog.*) 1000, 0),
                     281474976710655))::bigint), 12, '0'), 32, '0')::pg_catalog.uuid;
END
$$;

-- A time as the API writes it: ISO 8601, milliseconds, UTC.
CREATE OR REPLACE FUNCTION tavus.iso(at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- What the admin API calls an event's kind.
CREATE OR REPLACE FUNCTION tavus.type_name(kind smallint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE kind WHEN 0 THEN 'webhook' WHEN 1 THEN 'error' WHEN 3 THEN 'conversion'
                 ELSE 'info' END;

-- The id of another event of the same moment, by what it says: that id's time, and bits of its own.
CREATE OR REPLACE FUNCTION tavus.uuid_beside(id uuid, what jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN overlay(id::text PLACING regexp_replace(
           md5(id::text || jsonb_hash_extended(what, 1) || jsonb_hash_extended(what, 2)),
           '^(...)(...)(.{12}).*', '\1-8\2-\3') FROM 16)::uuid;
