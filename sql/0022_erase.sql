-- What was erased, and what is under way: see erase.sql.  Nothing here says who it was, but an erasure
-- that is not done.

-- By it what is kept of a key tells nothing to who has not this database.
CREATE TABLE tavus.erasure_salt (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    salt bytea   NOT NULL
);

INSERT INTO tavus.erasure_salt (salt)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE TABLE tavus.tombstones (
    hash    bytea       PRIMARY KEY,        -- tavus.erase_hash() of a key
    erasure uuid        NOT NULL,
    at      timestamptz NOT NULL
);

CREATE INDEX tombstones_at ON tavus.tombstones (at);

CREATE TABLE tavus.erasures (
    id       uuid        PRIMARY KEY,
    what     text        NOT NULL,          -- visitor, conversation
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at  timestamptz,
    state    text        NOT NULL DEFAULT 'finding',    -- deleting, done, refused
    keys     text[],                        -- of what is to be erased; NULL when it is
    asked    text[],                        -- those that were asked for; NULL when it is
    pos      bigint      NOT NULL,          -- it goes on when the log is final up to there
    seen     bigint      NOT NULL DEFAULT 0,            -- of the quarantine, by its seq
    counts   jsonb       NOT NULL DEFAULT '{}'
);

CREATE INDEX erasures_asked ON tavus.erasures (asked_at);
CREATE INDEX erasures_open ON tavus.erasures (asked_at) WHERE done_at IS NULL;

-- Which events are about whom, by a hash of each key that is in their bodies; and which conversations.
CREATE TABLE tavus.traces (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject bigint NOT NULL,
    ids     uuid[] NOT NULL,
    calls   text[] COLLATE "C"
);

CREATE INDEX traces_subject ON tavus.traces (subject);

CREATE INDEX orders_visit ON tavus.orders (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX orders_user ON tavus.orders (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX leads_visit ON tavus.leads (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX leads_user ON tavus.leads (user_id) WHERE user_id IS NOT NULL;

-- A conversation that was erased: what comes of it is not stored.
SELECT tavus.lock_tables('conversations') \g /dev/null
ALTER TABLE tavus.conversations ADD erased boolean NOT NULL DEFAULT false;
