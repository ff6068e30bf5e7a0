-- What needs the owner's hand: the conditions that are looked at, and what was told of them.  What is
-- said of them stands in alerts.sql.

-- A function tavus.alert_<kind>() for each row, and a heading in docs/operate/runbook.md.  It is there for
-- the owner to change, too.
CREATE TABLE tavus.alert_kinds (
    kind      text     COLLATE "C" PRIMARY KEY,
    threshold int      NOT NULL DEFAULT 0,      -- what the function takes it for: seconds, or how many
    calm      interval NOT NULL DEFAULT '10 minutes',   -- over only after so long
    again     interval NOT NULL DEFAULT '1 day',        -- said again after so long
    muted     boolean  NOT NULL DEFAULT false
);

INSERT INTO tavus.alert_kinds (kind, threshold) VALUES
    ('key_invalid', 300), ('out_of_credits', 300), ('plan_cap', 1),
    ('destination_paused', 8), ('destination_dead', 1), ('quarantine', 1), ('journal_damaged', 1),
    ('journal_old', 300), ('node_silent', 0), ('month_missing', 1), ('log_held', 300),
    ('order_unknown', 3600), ('stripe_repair', 10800);

CREATE TABLE tavus.alerts (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text        COLLATE "C" NOT NULL,
    subject    text        COLLATE "C" NOT NULL,    -- a node, a destination, a month, …
    raised_at  timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),  -- it was so
    said_at    timestamptz,                         -- there is an event of it
    cleared_at timestamptz,
    times      int         NOT NULL DEFAULT 1,      -- it came, and not a day without it
    text       text        NOT NULL,
    data       jsonb       NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX alerts_open ON tavus.alerts (kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX alerts_subject ON tavus.alerts (kind, subject, id);
CREATE INDEX alerts_cleared ON tavus.alerts (cleared_at) WHERE cleared_at IS NOT NULL;

-- Who looks locks it.
CREATE TABLE tavus.alert_looks (
    one       boolean     PRIMARY KEY DEFAULT true CHECK (one),
    looked_at timestamptz NOT NULL,
    every     interval    NOT NULL DEFAULT '30 seconds'
);

INSERT INTO tavus.alert_looks (looked_at) VALUES ('-infinity');

-- What only a node knows of itself, with its last beat.
ALTER TABLE tavus.nodes ADD state jsonb;
