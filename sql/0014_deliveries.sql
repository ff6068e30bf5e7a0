-- What becomes of events after they are stored: destinations, each with a cursor on the log.

-- One of tavus_deliver; its name is its identity, over reloads and nodes.  Its cursor has the same name
-- behind 'deliver:'.
CREATE TABLE tavus.destinations (
    name         text        COLLATE "C" PRIMARY KEY,
    kind         text        NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),    -- a node had it configured
    paused_until timestamptz,               -- as a whole
    stopped      text,                      -- until somebody sends again: why
    failures     int         NOT NULL DEFAULT 0,        -- one after the other
    said         text,                      -- by the other side, or what was wrong with it
    said_at      timestamptz,
    delivered    bigint      NOT NULL DEFAULT 0
);

-- Places of the log that are under way: from there, up to there, until it is told what became of them.
-- Whoever has the token may tell.
CREATE TABLE tavus.flights (
    destination text        COLLATE "C" NOT NULL REFERENCES tavus.destinations ON DELETE CASCADE,
    from_pos    bigint      NOT NULL,
    from_ord    int         NOT NULL,
    to_pos      bigint      NOT NULL,
    to_ord      int         NOT NULL,
    token       bigint      NOT NULL,
    due_at      timestamptz NOT NULL,       -- its lease is over
    tries       int         NOT NULL DEFAULT 1,
    PRIMARY KEY (destination, from_pos, from_ord)
) WITH (fillfactor = 50);

-- What failed by itself, and waits or is dead.
CREATE TABLE tavus.deliveries (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text        COLLATE "C" NOT NULL REFERENCES tavus.destinations ON DELETE CASCADE,
    event_id    uuid        NOT NULL,
    dead        boolean     NOT NULL DEFAULT false,
    tries       int         NOT NULL,
    due_at      timestamptz NOT NULL,       -- for who waits
    lease_until timestamptz,
    token       bigint,
    reason      text        NOT NULL,       -- what the other side said, or what is wrong with it
    status      int,                        -- of its answer
    made_at     timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (destination, event_id)
) WITH (fillfactor = 70);

CREATE INDEX deliveries_due ON tavus.deliveries (destination, due_at) WHERE NOT dead;
CREATE INDEX deliveries_leased ON tavus.deliveries (destination, token) WHERE token IS NOT NULL;
CREATE INDEX deliveries_dead ON tavus.deliveries (destination, id) WHERE dead;
