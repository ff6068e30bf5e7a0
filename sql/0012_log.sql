-- The log: in which order events were stored, and how far each of its readers has come.  What is said
-- of it stands in log.sql.  No table that intake writes is touched.

-- Positions below 2^40 are of the events that were stored before there was a log.
CREATE SEQUENCE tavus.log_pos MINVALUE 1099511627776;
SELECT pg_catalog.nextval('tavus.log_pos') \g /dev/null

-- A row for each batch that stored something, or for 100 of its events: no row is so long that it would
-- be kept elsewhere (TOAST).
CREATE TABLE tavus.log (
    pos bigint      PRIMARY KEY DEFAULT pg_catalog.nextval('tavus.log_pos'),
    at  timestamptz NOT NULL DEFAULT now(),
    ids uuid[]      NOT NULL
);

ALTER SEQUENCE tavus.log_pos OWNED BY tavus.log.pos;

-- Each run of a server with this database in which somebody outside was told a place, by what no copy of
-- it has.
CREATE TABLE tavus.log_epochs (
    epoch    int         PRIMARY KEY,
    id       uuid        NOT NULL UNIQUE DEFAULT pg_catalog.gen_random_uuid(),
    begun_at timestamptz NOT NULL DEFAULT now(),
    started  timestamptz NOT NULL,          -- pg_postmaster_start_time()
    database oid         NOT NULL,
    filenode oid         NOT NULL,          -- of tavus.log
    told     bigint      NOT NULL DEFAULT 0 -- the furthest position that somebody outside was told
) WITH (fillfactor = 50);

-- How far the events that were stored before the log have come into it.
CREATE TABLE tavus.log_past (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    months text[]  NOT NULL DEFAULT '{}',
    whole  boolean NOT NULL DEFAULT false
);

INSERT INTO tavus.log_past DEFAULT VALUES;

-- Who reads the log in this database, and what of it each has read: all before pos, and of pos as many
-- ids as ord says.
CREATE TABLE tavus.cursors (
    name     text        COLLATE "C" PRIMARY KEY,
    pos      bigint      NOT NULL,
    ord      int         NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now(),
    moved_at timestamptz NOT NULL DEFAULT now(),
    missed   bigint      NOT NULL DEFAULT 0 -- were deleted before they were read
) WITH (fillfactor = 50);
