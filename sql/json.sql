-- Reading bodies that may hold anything.  None of these raises an error for what it is given.

-- A body as jsonb, NULL if it is none.
CREATE OR REPLACE FUNCTION tavus.body_jsonb(body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN pg_catalog.convert_from(body, 'UTF8')::pg_catalog.jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;

-- A body as text; bytes that are not UTF-8 come out escaped.
CREATE OR REPLACE FUNCTION tavus.body_text(body bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN pg_catalog.convert_from(body, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN pg_catalog.encode(body, 'escape');
END
$$;

-- A text as JSON, unchanged if it is JSON, else as a JSON string.
CREATE OR REPLACE FUNCTION tavus.text_json(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    PERFORM value::pg_catalog.json;
    RETURN value;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN pg_catalog.to_json(value)::pg_catalog.text;
END
$$;

-- A quarantined body as JSON that every reader takes: as a string if jsonb would not have it, or if
-- it is nested deeper than most readers go.
CREATE OR REPLACE FUNCTION tavus.body_shown(body bytea, reason text) RETURNS bytea
LANGUAGE sql STABLE STRICT
RETURN CASE WHEN reason = 'too_deep' OR tavus.body_jsonb(body) IS NULL
            THEN pg_catalog.convert_to(
                     pg_catalog.to_json(tavus.body_text(body))::pg_catalog.text, 'UTF8')
            ELSE body END;

-- A member that is a string, else NULL.
CREATE OR REPLACE FUNCTION tavus.str(doc jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(doc -> name) WHEN 'string' THEN doc ->> name END;

-- A member that is a string of at most so many bytes, and not empty, else NULL.
CREATE OR REPLACE FUNCTION tavus.text_of(doc jsonb, name text, most int DEFAULT 64) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(tavus.str(doc, name)) BETWEEN 1 AND most THEN doc ->> name END;

-- The persona, or the replica, that an event of Tavus tells of, under its newer or its older name.
DROP FUNCTION IF EXISTS tavus.told(bytea), tavus.short(json);
CREATE OR REPLACE FUNCTION tavus.told(doc jsonb, name text, other text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
    p jsonb := CASE 'object' WHEN jsonb_typeof(doc -> 'properties') THEN doc -> 'properties'
                             WHEN jsonb_typeof(doc -> 'payload') THEN doc -> 'payload' END;
BEGIN
    RETURN tavus.text_of(p, CASE WHEN p -> name <> 'null' THEN name ELSE other END, 200);
END
$$;

-- The strings in a member that is an array, else NULL.
CREATE OR REPLACE FUNCTION tavus.strs(doc jsonb, name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF jsonb_typeof(doc -> name) = 'array' THEN
        RETURN ARRAY(
            SELECT e.value #>> '{}'
              FROM jsonb_array_elements(doc -> name) WITH ORDINALITY AS e (value, ord)
             WHERE jsonb_typeof(e.value) = 'string'
             ORDER BY e.ord);
    END IF;

    RETURN NULL;
END
$$;

-- A text in pieces of its bytes, so that whoever reads it can take one after the other.
CREATE OR REPLACE FUNCTION tavus.pieces(value text) RETURNS SETOF bytea
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, tavus, pg_temp
AS $$
    SELECT substr(v.bytes, n, 131072)
      FROM (SELECT convert_to(value, 'UTF8') OFFSET 0) v (bytes),
           generate_series(1, octet_length(v.bytes), 131072) n
$$;
