-- What bounds conversations: places, what a day has taken, and who waits.  See budget.sql and line.sql.

-- A place is held from the grant of a wish on.  A few rows, hot: space for who comes and goes.
CREATE TABLE tavus.places (
    nonce      bytea       PRIMARY KEY,
    granted_at timestamptz NOT NULL,
    until      timestamptz NOT NULL,        -- free then, whatever is known
    day        date        NOT NULL,        -- which pays for it
    seconds    int         NOT NULL,        -- reserved
    address    bytea       NOT NULL,        -- keyed hashes
    visitor    bytea,
    ticket     uuid,
    pos        bigint                       -- what its ticket had in the line
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

-- A UTC day: conversations, and seconds that are used or reserved.
CREATE TABLE tavus.budget_days (
    day     date   PRIMARY KEY,
    calls   bigint NOT NULL,
    seconds bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

-- Conversations of a day by who, the keyed hash of an address or of a visitor.
CREATE TABLE tavus.budget_visitors (
    day   date  NOT NULL,
    who   bytea NOT NULL,
    calls int   NOT NULL,
    PRIMARY KEY (day, who)
) WITH (fillfactor = 80);

-- Who waits, or has waited today: without a nonce it waits, unless it is gone.
CREATE SEQUENCE tavus.line_pos;

CREATE TABLE tavus.line (
    ticket     uuid        PRIMARY KEY,
    pos        bigint      NOT NULL,
    address    bytea       NOT NULL,
    visitor    bytea,
    made_at    timestamptz NOT NULL,
    asked_at   timestamptz NOT NULL,
    gone       boolean     NOT NULL DEFAULT false,
    nonce      bytea,                       -- of the wish that was granted for it
    granted_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX line_waits ON tavus.line (pos) WHERE nonce IS NULL AND NOT gone;
CREATE INDEX line_made ON tavus.line (made_at);

-- What is known of all that.
CREATE TABLE tavus.budget (
    one         boolean     PRIMARY KEY DEFAULT true CHECK (one),
    said        jsonb,                      -- as it was passed lately
    said_at     timestamptz,
    begun_at    timestamptz,                -- since when one is passed
    full_at     timestamptz,                -- Tavus said that it has no place
    short_since timestamptz,                -- somebody had to wait or was sent away, first and lately
    short_at    timestamptz,
    looked_at   timestamptz,                -- at the line
    spare_until timestamptz,                -- nobody lapses, as nobody could look
    length      int,                        -- of calls, in seconds, on average
    length_at   timestamptz
) WITH (fillfactor = 50);

INSERT INTO tavus.budget DEFAULT VALUES;

INSERT INTO tavus.alert_kinds (kind, threshold) VALUES ('budget', 900);
